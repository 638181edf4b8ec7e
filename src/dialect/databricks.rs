//! What the parser must know of Databricks SQL beyond what it has built in.

use std::any::TypeId;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlparser::ast::{BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, Ident, ObjectNamePart, Value};
use sqlparser::dialect::{DatabricksDialect, Dialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Word};

/// Databricks SQL for the parser: its own dialect, with `DIV`, adjacent and backslash-escaped strings, `ORDER BY ALL`,
/// pipe syntax, samples, `IDENTIFIER(…)` and a few more. One value serves one parse, because it counts the parser's work.
#[derive(Debug)]
pub struct Databricks {
    /// How many more expressions may be begun. The parser tries again in some places where it fails, and nested
    /// failures would double its work at each level.
    left: AtomicUsize,
}

impl Databricks {
    /// Makes the dialect for the parse of a text of so many tokens.
    pub fn for_tokens(tokens: usize) -> Self {
        Self { left: AtomicUsize::new(20 * tokens + 10_000) }
    }
}

impl Default for Databricks {
    fn default() -> Self {
        Self { left: AtomicUsize::new(usize::MAX) }
    }
}

/// What the parser says when it has been sent round in circles.
pub(super) const GIVEN_UP: &str = "the parser has given up";

impl Dialect for Databricks {
    /// The parser asks some things by the dialect's type: it shall see its own Databricks dialect.
    fn dialect(&self) -> TypeId {
        TypeId::of::<DatabricksDialect>()
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let out = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_err();
        if out {
            return Some(Err(ParserError::ParserError(GIVEN_UP.to_owned())));
        }
        let number = suffixed(parser)?;
        parser.advance_token();
        Some(Ok(number))
    }

    /// `a DIV b`, integer division.
    fn parse_infix(&self, parser: &mut Parser, expr: &Expr, precedence: u8) -> Option<Result<Expr, ParserError>> {
        // `a >>> b`: the parser's tokens are `>>` and `>`.
        let [first, second] = [0, 1].map(|n| parser.peek_nth_token(n));
        if first.token == Token::ShiftRight && second.token == Token::Gt && first.span.end == second.span.start {
            parser.advance_token();
            parser.advance_token();
            return Some(parser.parse_subexpr(precedence).map(|right| Expr::BinaryOp {
                left: Box::new(expr.clone()),
                op: BinaryOperator::Custom(">>>".to_owned()),
                right: Box::new(right),
            }));
        }
        if !parser.parse_keyword(Keyword::DIV) {
            return None;
        }
        Some(parser.parse_subexpr(precedence).map(|right| Expr::BinaryOp {
            left: Box::new(expr.clone()),
            op: BinaryOperator::MyIntegerDivide,
            right: Box::new(right),
        }))
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        DatabricksDialect.prec_value(precedence)
    }

    fn is_identifier_generating_function_name(&self, ident: &Ident, name_parts: &[ObjectNamePart]) -> bool {
        ident.quote_style.is_none() && name_parts.is_empty() && ident.value.eq_ignore_ascii_case("identifier")
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '`'
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        DatabricksDialect.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        DatabricksDialect.is_identifier_part(ch)
    }

    fn supports_numeric_prefix(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_table_versioning(&self) -> bool {
        true
    }

    fn supports_lambda_functions(&self) -> bool {
        true
    }

    fn supports_select_wildcard_except(&self) -> bool {
        true
    }

    fn supports_struct_literal(&self) -> bool {
        true
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }

    fn supports_group_by_with_modifier(&self) -> bool {
        true
    }

    fn supports_values_as_table_factor(&self) -> bool {
        true
    }

    fn supports_bang_not_operator(&self) -> bool {
        true
    }

    fn supports_cte_without_as(&self) -> bool {
        true
    }

    fn supports_select_item_multi_column_alias(&self) -> bool {
        true
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        true
    }

    fn ignores_wildcard_escapes(&self) -> bool {
        true
    }

    fn supports_string_literal_concatenation(&self) -> bool {
        true
    }

    fn supports_order_by_all(&self) -> bool {
        true
    }

    fn supports_pipe_operator(&self) -> bool {
        true
    }

    fn supports_from_first_select(&self) -> bool {
        true
    }

    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }

    fn supports_cross_join_constraint(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn supports_table_sample_before_alias(&self) -> bool {
        true
    }

    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }

    fn supports_long_type_as_bigint(&self) -> bool {
        true
    }

    fn supports_map_literal_with_angle_brackets(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }
}

/// A number whose type is told by letters behind it: `1.5D`, `2S`, `3Y`, `1.5F`, `1BD`.
fn suffixed(parser: &Parser) -> Option<Expr> {
    let token = parser.peek_token_ref();
    let Token::Word(Word { value, quote_style: None, .. }) = &token.token else { return None };
    let upper = value.to_ascii_uppercase();
    let (digits, suffix) = upper.split_at(upper.trim_end_matches(['B', 'D', 'F', 'S', 'Y', 'L']).len());
    let mantissa = digits.split('E').next().unwrap_or_default();
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.parse::<f64>().is_ok()
        && mantissa.bytes().any(|b| b.is_ascii_digit());
    if !is_number {
        return None;
    }
    let data_type = match suffix {
        "D" => DataType::Double(ExactNumberInfo::None),
        "F" => DataType::Float(ExactNumberInfo::None),
        "S" => DataType::SmallInt(None),
        "Y" => DataType::TinyInt(None),
        "L" => DataType::BigInt(None),
        "BD" => {
            let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
            let exponent: i64 = digits.split_once('E').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
            let scale = (i64::try_from(fraction.len()).ok()? - exponent).max(0);
            let whole = whole.trim_start_matches('0').len() + fraction.len();
            let precision = i64::try_from(whole).ok()?.max(scale).max(1);
            DataType::Decimal(ExactNumberInfo::PrecisionAndScale(u64::try_from(precision).ok()?, scale))
        }
        _ => return None,
    };
    let value = Value::SingleQuotedString(digits.to_owned()).with_span(token.span);
    Some(Expr::Cast { kind: CastKind::Cast, expr: Box::new(Expr::Value(value)), data_type, array: false, format: None })
}
