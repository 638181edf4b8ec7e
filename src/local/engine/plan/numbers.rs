//! Numbers that are written out: their types, as Spark has them, and their ranges.

use sqlparser::ast::{CastKind, DataType, ExactNumberInfo, Expr, UnaryOperator, Value, ValueWithSpan};
use sqlparser::tokenizer::Span;

use super::ast;
use crate::dialect::{decimal_size, split_number};
use crate::local::engine::error::SqlError;

/// Digits that a DECIMAL has at most.
const MAX_DIGITS: usize = 38;

/// A sign before a number whose type is told by letters belongs to it: `-128Y` is a TINYINT.
pub(super) fn take_sign(expr: &mut Expr) {
    if let Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } = expr
        && let Expr::Value(ValueWithSpan { value: Value::Number(text, long), span }) = inner.as_ref()
        && (*long || !split_number(text).1.is_empty())
    {
        *expr = Expr::Value(Value::Number(format!("-{text}"), *long).with_span(*span));
    }
}

/// A number with its type, where the planner would take another: whole numbers are INT if they fit.
pub(super) fn typed(text: &str, long: bool, span: Span) -> Result<Option<Expr>, SqlError> {
    let (digits, suffix) = split_number(text);
    let of = |data_type| Ok(Some(ast::cast(ast::string(digits, span), data_type)));
    let whole = |data_type| Ok(Some(ast::cast(ast::number(digits, span), data_type)));
    let inside =
        |fits: bool, data_type: DataType, name: &str| if fits { of(data_type) } else { Err(beyond(text, name)) };
    let double = || digits.parse::<f64>().unwrap_or(f64::INFINITY);
    match suffix {
        "Y" if digits.parse::<i8>().is_ok() => return whole(DataType::TinyInt(None)),
        "Y" => return Err(beyond(text, "TINYINT")),
        "S" if digits.parse::<i16>().is_ok() => return whole(DataType::SmallInt(None)),
        "S" => return Err(beyond(text, "SMALLINT")),
        "F" => {
            let fits = double().abs() <= f64::from(f32::MAX);
            return inside(fits, DataType::Float(ExactNumberInfo::None), "FLOAT");
        }
        "D" => return inside(double().is_finite(), DataType::Double(ExactNumberInfo::None), "DOUBLE"),
        "BD" => return decimal(digits, span).map(Some),
        _ => {}
    }
    if digits.contains(['e', 'E']) {
        return inside(double().is_finite(), DataType::Double(ExactNumberInfo::None), "DOUBLE");
    }
    if digits.contains('.') {
        // The planner's decimals are Spark's.
        return if decimal_size(digits).0 > MAX_DIGITS { Err(too_long(digits)) } else { Ok(None) };
    }
    match digits.parse::<i64>() {
        Ok(n) if !long && i32::try_from(n).is_ok() => whole(DataType::Int(None)),
        Ok(n) if n < 0 => whole(DataType::BigInt(None)),
        Ok(_) => Ok(None),
        Err(_) if long => Err(beyond(text, "BIGINT")),
        Err(_) => decimal(digits, span).map(Some),
    }
}

/// Whether it is a number that is written out.
pub(super) fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Number(..), .. }) => true,
        Expr::Cast { expr: inner, .. } => is_literal(inner),
        _ => false,
    }
}

/// `1::STRING`
pub(super) fn is_cast_number(expr: &Expr) -> bool {
    matches!(expr, Expr::Cast { kind: CastKind::DoubleColon, expr, .. } if is_literal(expr))
}

/// Takes the type off a number literal again.
pub(super) fn plain(expr: &mut Expr) {
    match expr {
        Expr::Cast { expr: inner, data_type: DataType::Int(None), .. } => {
            if matches!(inner.as_ref(), Expr::Value(ValueWithSpan { value: Value::Number(..), .. })) {
                *expr = (**inner).clone();
            }
        }
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => plain(inner),
        _ => {}
    }
}

fn decimal(digits: &str, span: Span) -> Result<Expr, SqlError> {
    let (precision, scale) = decimal_size(digits);
    if precision > MAX_DIGITS {
        return Err(too_long(digits));
    }
    let info = ExactNumberInfo::PrecisionAndScale(precision as u64, i64::try_from(scale).unwrap_or(0));
    Ok(ast::cast(ast::string(digits, span), DataType::Decimal(info)))
}

fn beyond(text: &str, name: &str) -> SqlError {
    let text =
        format!("The numeric literal {text} is outside the range of {name}. Write another type's suffix, or none.");
    SqlError::new("INVALID_NUMERIC_LITERAL_RANGE", "22003", text)
}

fn too_long(digits: &str) -> SqlError {
    let text = format!("The number {digits} has more digits than the {MAX_DIGITS} that a DECIMAL can have.");
    SqlError::new("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", "22003", text)
}
