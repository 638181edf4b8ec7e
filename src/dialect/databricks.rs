//! What the parser must know of Databricks SQL beyond what it has built in.

use std::any::TypeId;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments,
    Ident, Interval, ObjectName, ObjectNamePart, ObjectNamePartFunction, TimezoneInfo, TypedString, UnaryOperator,
    Value,
};
use sqlparser::dialect::{DatabricksDialect, Dialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Word};

use super::lex::split_number;

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
        if let Some(number) = suffixed(parser) {
            parser.advance_token();
            return Some(Ok(number));
        }
        let [first, next] = [0, 1].map(|n| &parser.peek_nth_token_ref(n).token);
        if matches!(first, Token::Number(..) | Token::SingleQuotedString(_)) {
            return Some(parser.parse_value().map(Expr::Value));
        }
        let Token::Word(Word { value, quote_style, .. }) = first else { return None };
        if quote_style.is_none() {
            let is = |word: &str| value.eq_ignore_ascii_case(word);
            if is("timestamp_ltz") && matches!(next, Token::SingleQuotedString(_)) {
                return Some(timestamp_with_zone(parser));
            }
            if is("not") && is_word(next, &["exists"]) && !begins_query(parser) {
                // The function of arrays, not the test of a subquery.
                parser.advance_token();
                let of = parser.parse_subexpr(self.prec_value(Precedence::UnaryNot));
                return Some(of.map(|expr| Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) }));
            }
            if is("interval") {
                return interval_of_units(parser).map(Ok);
            }
            if *next == Token::LParen {
                if is("identifier") {
                    return Some(named_call(parser));
                }
                if is("struct") && is_starred(parser) {
                    return Some(parser.parse_object_name(false).and_then(|name| parser.parse_function(name)));
                }
            }
        }
        plain_name(parser)
    }

    /// `a DIV b`, integer division.
    fn parse_infix(&self, parser: &mut Parser, expr: &Expr, precedence: u8) -> Option<Result<Expr, ParserError>> {
        // `a >>> b`: the parser's tokens are `>>` and `>`.
        let [first, second, third] = [0, 1, 2].map(|n| parser.peek_nth_token_ref(n));
        if first.token == Token::ShiftRight && second.token == Token::Gt && first.span.end == second.span.start {
            parser.advance_token();
            parser.advance_token();
            return Some(parser.parse_subexpr(precedence).map(|right| Expr::BinaryOp {
                left: Box::new(expr.clone()),
                op: BinaryOperator::Custom(">>>".to_owned()),
                right: Box::new(right),
            }));
        }
        // The parser loses the NULL of `a RLIKE NULL`.
        let negated = is_word(&first.token, &["not"]);
        let [operator, pattern] = if negated { [&second.token, &third.token] } else { [&first.token, &second.token] };
        if is_word(operator, &["rlike", "regexp"]) && is_word(pattern, &["null"]) {
            (0..if negated { 2 } else { 1 }).for_each(|_| parser.advance_token());
            return Some(parser.parse_subexpr(precedence).map(|pattern| Expr::RLike {
                negated,
                expr: Box::new(expr.clone()),
                pattern: Box::new(pattern),
                regexp: false,
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

    /// `||` binds as `+` does, shifts closer than `&`, and a path into JSON belongs to the value before it.
    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        let shift = self.prec_value(Precedence::Xor) + 1;
        match &parser.peek_token_ref().token {
            Token::StringConcat => Some(Ok(self.prec_value(Precedence::PlusMinus))),
            Token::ShiftLeft | Token::ShiftRight => Some(Ok(shift)),
            Token::Colon => match &parser.peek_nth_token_ref(1).token {
                Token::SingleQuotedString(_) | Token::Number(..) => None,
                _ => Some(Ok(self.prec_value(Precedence::DoubleColon))),
            },
            _ => None,
        }
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

    fn supports_interval_options(&self) -> bool {
        true
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

/// `INTERVAL 1 DAY 2 HOURS`, as the literal of the text `1 DAY 2 HOURS`; one unit alone is the parser's business.
fn interval_of_units(parser: &mut Parser) -> Option<Expr> {
    let (mut at, mut units, mut text) = (1, 0, String::new());
    loop {
        let mut ahead = at;
        let sign = match &parser.peek_nth_token_ref(ahead).token {
            Token::Minus => "-",
            Token::Plus => "+",
            _ => "",
        };
        ahead += usize::from(!sign.is_empty());
        let (Token::Number(number, false) | Token::SingleQuotedString(number)) = parser.peek_nth_token(ahead).token
        else {
            break;
        };
        let Token::Word(Word { value: unit, quote_style: None, .. }) = parser.peek_nth_token(ahead + 1).token else {
            break;
        };
        if !is_unit(&unit) {
            break;
        }
        text.push_str(&format!("{sign}{} {unit} ", number.trim()));
        (at, units) = (ahead + 2, units + 1);
    }
    if units < 2 {
        return None;
    }
    let start = parser.peek_nth_token(1).span;
    (0..at).for_each(|_| parser.advance_token());
    let value = Value::SingleQuotedString(text.trim_end().to_owned()).with_span(start);
    Some(Expr::Interval(Interval {
        value: Box::new(Expr::Value(value)),
        leading_field: None,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    }))
}

fn is_unit(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let units = ["year", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond"];
    units.contains(&word.strip_suffix('s').unwrap_or(&word))
}

/// A column, or the call of a function, whose name means nothing else to the parser. Left to itself, it would first read each
/// as the type of a string that may follow (`DATE '2020-01-01'`), and put the refusal into words, for which it takes longer
/// than for all the rest.
fn plain_name(parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
    let [first, next, third] = [0, 1, 2].map(|n| parser.peek_nth_token_ref(n));
    let Token::Word(word) = &first.token else { return None };
    if word.keyword != Keyword::NoKeyword && !MERE_NAMES.contains(&word.keyword) {
        return None;
    }
    let name = word.to_ident(first.span);
    match &next.token {
        // `a(+)` is a join of Oracle's, `a -> …` and `a INT -> …` are lambdas.
        Token::LParen if third.token == Token::Plus => None,
        Token::LParen => {
            parser.advance_token();
            Some(parser.parse_function(ObjectName::from(vec![name])))
        }
        Token::SingleQuotedString(_) | Token::DoubleQuotedString(_) | Token::HexStringLiteral(_) | Token::Arrow => None,
        Token::Word(_) if third.token == Token::Arrow => None,
        _ => {
            parser.advance_token();
            Some(Ok(Expr::Identifier(name)))
        }
    }
}

/// Keywords that are names wherever an expression begins: of functions, and of columns as people call them.
const MERE_NAMES: [Keyword; 32] = [
    Keyword::ABS,
    Keyword::AVG,
    Keyword::CHANNEL,
    Keyword::COALESCE,
    Keyword::COUNT,
    Keyword::DAY,
    Keyword::DENSE_RANK,
    Keyword::FIRST_VALUE,
    Keyword::HOUR,
    Keyword::ID,
    Keyword::LAG,
    Keyword::LAST_VALUE,
    Keyword::LEAD,
    Keyword::LOWER,
    Keyword::MAX,
    Keyword::MIN,
    Keyword::MINUTE,
    Keyword::MONTH,
    Keyword::NAME,
    Keyword::NULLIF,
    Keyword::QUARTER,
    Keyword::RANK,
    Keyword::REGION,
    Keyword::ROW_NUMBER,
    Keyword::SOURCE,
    Keyword::STATUS,
    Keyword::SUM,
    Keyword::UPPER,
    Keyword::VALUE,
    Keyword::VERSION,
    Keyword::WEEK,
    Keyword::YEAR,
];

fn is_word(token: &Token, words: &[&str]) -> bool {
    matches!(token, Token::Word(Word { value, quote_style: None, .. })
        if words.iter().any(|word| value.eq_ignore_ascii_case(word)))
}

/// Whether `NOT EXISTS (` is followed by a query.
fn begins_query(parser: &Parser) -> bool {
    let mut rest = (2..).map(|n| parser.peek_nth_token(n).token).skip_while(|token| *token == Token::LParen);
    is_word(&rest.next().unwrap_or(Token::EOF), &["select", "with", "values", "from", "table"])
}

/// Whether a call has nothing or a star among its arguments: the parser reads neither as a struct.
fn is_starred(parser: &Parser) -> bool {
    let mut depth = 0;
    let mut before = Token::LParen;
    for n in 1.. {
        let token = parser.peek_nth_token(n).token;
        let begins = matches!(before, Token::LParen | Token::Comma | Token::Period);
        match &token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 1 => return before == Token::LParen,
            Token::RParen => depth -= 1,
            Token::Mul if depth == 1 && begins => return true,
            Token::EOF => return false,
            _ => {}
        }
        before = token;
    }
    false
}

/// `TIMESTAMP_LTZ'…'`, which is what TIMESTAMP is in Databricks.
fn timestamp_with_zone(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    let data_type = DataType::Timestamp(None, TimezoneInfo::None);
    Ok(Expr::TypedString(TypedString { data_type, value: parser.parse_value()?, uses_odbc_syntax: false }))
}

/// `IDENTIFIER(text)`, or with more arguments behind it, where the text names a function.
fn named_call(parser: &mut Parser) -> Result<Expr, ParserError> {
    let name = parser.parse_identifier()?;
    parser.expect_token(&Token::LParen)?;
    let text = parser.parse_expr()?;
    parser.expect_token(&Token::RParen)?;
    let args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(text))];
    if parser.peek_token_ref().token == Token::LParen {
        let computed = ObjectNamePart::Function(ObjectNamePartFunction { name, args });
        return parser.parse_function(ObjectName(vec![computed]));
    }
    let list = FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() };
    Ok(Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(list),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    }))
}

/// A number whose type is told by letters behind it: `1.5D`, `2S`, `3Y`, `1.5F`, `1BD`. The parser takes it for a word.
fn suffixed(parser: &Parser) -> Option<Expr> {
    let token = parser.peek_token_ref();
    let Token::Word(Word { value, quote_style: None, .. }) = &token.token else { return None };
    if !value.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let upper = value.to_ascii_uppercase();
    let (digits, suffix) = split_number(&upper);
    let mantissa = digits.split('E').next().unwrap_or_default();
    let is_number = digits.parse::<f64>().is_ok() && mantissa.bytes().any(|b| b.is_ascii_digit());
    let number = match suffix {
        "L" => Value::Number(digits.to_owned(), true),
        "D" | "F" | "S" | "Y" | "BD" => Value::Number(upper.clone(), false),
        _ => return None,
    };
    is_number.then(|| Expr::Value(number.with_span(token.span)))
}
