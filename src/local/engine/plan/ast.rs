//! Small helpers for making and reading syntax trees.

use sqlparser::ast::{
    self, BinaryOperator, CaseWhen, CastKind, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, ObjectName, ObjectNamePart, Query, SelectItem, SetExpr, TableAlias, Value, ValueWithSpan,
};
use sqlparser::tokenizer::Span;

use crate::dialect::DataType;

/// Line and column, counted from 1, where a span begins; `None` for spans that nobody has set.
pub(super) fn start(span: Span) -> Option<(usize, usize)> {
    let line = usize::try_from(span.start.line).ok().filter(|line| *line > 0)?;
    Some((line, usize::try_from(span.start.column).ok()?))
}

/// The span of a name's first part.
pub(super) fn name_span(name: &ObjectName) -> Span {
    match name.0.first() {
        Some(ObjectNamePart::Identifier(ident)) => ident.span,
        Some(ObjectNamePart::Function(function)) => function.name.span,
        None => Span::empty(),
    }
}

/// The last part of a name, in lower case.
pub(super) fn last_name(name: &ObjectName) -> String {
    name.0.last().and_then(ObjectNamePart::as_ident).map(|ident| ident.value.to_lowercase()).unwrap_or_default()
}

/// A name of these parts, quoted so that it is taken as it is.
pub(super) fn object_name(parts: &[&str], span: Span) -> ObjectName {
    ObjectName(
        parts.iter().map(|part| ObjectNamePart::Identifier(Ident::with_quote_and_span('`', span, *part))).collect(),
    )
}

/// Folds an identifier to lower case: names are compared without regard to case, quoted or not.
pub(super) fn fold(ident: &mut Ident) {
    ident.value = ident.value.to_lowercase();
    ident.quote_style = Some('`');
}

/// `AS name`
pub(super) fn table_alias(name: &str) -> TableAlias {
    TableAlias { explicit: true, name: super::bind::bare(name), columns: Vec::new(), at: None }
}

/// A function's name in lower case; empty if it has several parts.
pub(super) fn function_name(function: &Function) -> String {
    match function.name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] => ident.value.to_lowercase(),
        _ => String::new(),
    }
}

/// The arguments, if they are plain expressions.
pub(super) fn arguments(function: &Function) -> Option<Vec<Expr>> {
    match &function.args {
        FunctionArguments::List(list) => list
            .args
            .iter()
            .map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
                _ => None,
            })
            .collect(),
        FunctionArguments::None => Some(Vec::new()),
        FunctionArguments::Subquery(_) => None,
    }
}

/// The arguments that are plain expressions, to be changed in place.
pub(super) fn arguments_mut(function: &mut Function) -> Vec<&mut Expr> {
    match &mut function.args {
        FunctionArguments::List(list) => list
            .args
            .iter_mut()
            .filter_map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Puts other arguments in the place of the old ones; DISTINCT and clauses stay.
pub(super) fn set_arguments(function: &mut Function, args: Vec<Expr>) {
    let args = args.into_iter().map(|e| FunctionArg::Unnamed(FunctionArgExpr::Expr(e))).collect();
    match &mut function.args {
        FunctionArguments::List(list) => list.args = args,
        other => {
            *other =
                FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() });
        }
    }
}

/// Gives a call another name.
pub(super) fn rename(function: &mut Function, name: &str) {
    let span = name_span(&function.name);
    function.name = object_name(&[name], span);
}

/// `name(args)`
pub(super) fn call(name: &str, args: Vec<Expr>, span: Span) -> Expr {
    let mut function = Function {
        name: object_name(&[name], span),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::None,
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    };
    set_arguments(&mut function, args);
    Expr::Function(function)
}

/// `CASE WHEN condition THEN then ELSE otherwise END`
pub(super) fn case(condition: Expr, then: Expr, otherwise: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: ast::helpers::attached_token::AttachedToken::empty(),
        end_token: ast::helpers::attached_token::AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result: then }],
        else_result: otherwise.map(Box::new),
    }
}

/// `left op right`
pub(super) fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// `NOT expr`
pub(super) fn not(expr: Expr) -> Expr {
    Expr::UnaryOp { op: sqlparser::ast::UnaryOperator::Not, expr: Box::new(expr) }
}

/// A string literal.
pub(super) fn string(text: &str, span: Span) -> Expr {
    Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text.to_owned()), span })
}

/// A number literal, as written.
pub(super) fn number(text: &str, span: Span) -> Expr {
    Expr::Value(ValueWithSpan { value: Value::Number(text.to_owned(), false), span })
}

/// `NULL`
pub(super) fn null(span: Span) -> Expr {
    Expr::Value(ValueWithSpan { value: Value::Null, span })
}

/// `CAST(expr AS data_type)`
pub(super) fn cast(expr: Expr, data_type: ast::DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

/// A simple SQL type as the parser writes it.
pub(super) fn sql_type(data_type: &DataType) -> Option<ast::DataType> {
    Some(match data_type {
        DataType::Boolean => ast::DataType::Boolean,
        DataType::TinyInt => ast::DataType::TinyInt(None),
        DataType::SmallInt => ast::DataType::SmallInt(None),
        DataType::Int => ast::DataType::Int(None),
        DataType::BigInt => ast::DataType::BigInt(None),
        DataType::Float => ast::DataType::Float(ast::ExactNumberInfo::None),
        DataType::Double => ast::DataType::Double(ast::ExactNumberInfo::None),
        DataType::Decimal(p, s) => {
            ast::DataType::Decimal(ast::ExactNumberInfo::PrecisionAndScale(u64::from(*p), i64::from(*s)))
        }
        DataType::String => ast::DataType::String(None),
        DataType::Binary => ast::DataType::Binary(None),
        DataType::Date => ast::DataType::Date,
        DataType::Timestamp => ast::DataType::Timestamp(None, ast::TimezoneInfo::None),
        DataType::TimestampNtz => ast::DataType::TimestampNtz(None),
        DataType::Interval(qualifier) => {
            ast::DataType::Interval { fields: Some(interval_fields(qualifier)?), precision: None }
        }
        _ => return None,
    })
}

fn interval_fields(qualifier: &str) -> Option<ast::IntervalFields> {
    use ast::IntervalFields as Fields;
    Some(match qualifier {
        "YEAR" => Fields::Year,
        "MONTH" => Fields::Month,
        "YEAR TO MONTH" => Fields::YearToMonth,
        "DAY" => Fields::Day,
        "HOUR" => Fields::Hour,
        "MINUTE" => Fields::Minute,
        "SECOND" => Fields::Second,
        "DAY TO HOUR" => Fields::DayToHour,
        "DAY TO MINUTE" => Fields::DayToMinute,
        "DAY TO SECOND" => Fields::DayToSecond,
        "HOUR TO MINUTE" => Fields::HourToMinute,
        "HOUR TO SECOND" => Fields::HourToSecond,
        "MINUTE TO SECOND" => Fields::MinuteToSecond,
        _ => return None,
    })
}

/// The expression of `SELECT expression`.
pub(super) fn only_expression(query: &Query) -> Option<&Expr> {
    match query.body.as_ref() {
        SetExpr::Select(select) => match select.projection.as_slice() {
            [SelectItem::UnnamedExpr(expr)] => Some(expr),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a call has DISTINCT before its arguments.
pub(super) fn is_distinct(function: &Function) -> bool {
    matches!(&function.args, FunctionArguments::List(list)
        if list.duplicate_treatment == Some(sqlparser::ast::DuplicateTreatment::Distinct))
}

/// Whether an expression is this text, written out.
pub(super) fn is_string(expr: &Expr, text: &str) -> bool {
    matches!(expr, Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(found), .. }) if found == text)
}
