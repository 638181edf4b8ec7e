//! Constants that are written out: the texts of dates and instants, and the patterns of LIKE.

use sqlparser::ast::{DataType, Expr, TypedString, Value, ValueWithSpan};
use sqlparser::tokenizer::Span;

use super::ast;
use crate::local::engine::error::SqlError;
use crate::local::engine::functions;

/// Whether it is `NULL`.
pub(super) fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(ValueWithSpan { value: Value::Null, .. }))
}

/// Refuses `DATE'…'` and `TIMESTAMP'…'` with a text that says none.
pub(super) fn invalid_literal(typed: &TypedString, span: Span) -> Result<(), SqlError> {
    let (Value::SingleQuotedString(text) | Value::DoubleQuotedString(text)) = &typed.value.value else { return Ok(()) };
    let is_one = match typed.data_type {
        DataType::Date => functions::parse_date(text).is_some(),
        DataType::Timestamp(..) => functions::parse_timestamp(text).is_some(),
        DataType::Decimal(_) | DataType::Binary(_) | DataType::String(_) | DataType::Double(_) | DataType::Boolean => {
            return Err(SqlError::new(
                "UNSUPPORTED_TYPED_LITERAL",
                "0A000",
                format!("Literals of the type \"{}\" are not supported.", typed.data_type),
            )
            .at(ast::start(span)));
        }
        _ => true,
    };
    if is_one {
        return Ok(());
    }
    Err(SqlError::new(
        "INVALID_TYPED_LITERAL",
        "42604",
        format!("The value of the typed literal {} is invalid: '{text}'.", typed.data_type),
    )
    .at(ast::start(span)))
}

/// Writes a pattern of LIKE with the escape character that the engine knows, the backslash.
pub(super) fn unescaped(pattern: &mut Expr, escape: Option<ValueWithSpan>, wrong: &str) -> Result<(), SqlError> {
    let escape_char = match escape.as_ref().map(|escape| &escape.value) {
        None => '\\',
        Some(Value::SingleQuotedString(text) | Value::DoubleQuotedString(text)) if text.chars().count() == 1 => {
            text.chars().next().unwrap_or('\\')
        }
        Some(_) => {
            let text = "The escape character of LIKE must be a string of one character.";
            return Err(SqlError::new(wrong, "42604", text));
        }
    };
    let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) = pattern else {
        return match escape {
            None => Ok(()),
            Some(_) if is_null(pattern) => Ok(()),
            Some(_) => Err(SqlError::unsupported("LIKE … ESCAPE with a computed pattern")),
        };
    };
    let mut written = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == escape_char {
            let invalid = |condition: &str, what: &str| {
                let text = format!("The format is invalid: '{text}'. The escape character is {what}.");
                SqlError::new(format!("INVALID_FORMAT.{condition}"), "42601", text)
            };
            match chars.next() {
                Some(next) if matches!(next, '_' | '%') || next == escape_char => {
                    written.push('\\');
                    written.push(next);
                }
                Some(_) => return Err(invalid("ESC_IN_THE_MIDDLE", "not allowed before this character")),
                None => return Err(invalid("ESC_AT_THE_END", "not allowed at the end")),
            }
        } else if c == '\\' {
            written.push_str("\\\\");
        } else {
            written.push(c);
        }
    }
    *text = written;
    Ok(())
}
