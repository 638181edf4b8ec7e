//! Literals of intervals, and operators with an interval or with moments that give one.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, cast};
use sqlparser::ast::{self as sql, Spanned, UnaryOperator, Value, ValueWithSpan};

use super::ast;
use crate::dialect;
use crate::local::engine::error::SqlError;
use crate::local::engine::functions::arithmetic::Operation as Arithmetic;
use crate::local::engine::functions::intervals::{self as calls, Operation};
use crate::local::engine::intervals::{self, Span};
use crate::local::engine::types;

/// Puts a cast from the text that Spark shows in the place of a literal, so that its type is written out.
pub(super) fn written_out(expr: &mut sql::Expr) -> Result<(), SqlError> {
    let span = expr.span();
    let sql::Expr::Interval(literal) = expr else { return Ok(()) };
    let (value, its) = meaning(literal).map_err(|error| error.at(ast::start(span)))?;
    *expr = ast::cast(ast::string(&intervals::show(value, its), span), sql_type(its)?);
    Ok(())
}

/// A literal as Spark shows it.
pub(super) fn shown(literal: &sql::Interval) -> Option<String> {
    meaning(literal).ok().map(|(value, span)| intervals::show(value, span))
}

fn meaning(literal: &sql::Interval) -> Result<(i64, Span), SqlError> {
    let text =
        constant(&literal.value).ok_or_else(|| SqlError::unsupported("an interval whose value is not written out"))?;
    let name = |field: &Option<sql::DateTimeField>| field.as_ref().map(ToString::to_string);
    let (first, last) = (name(&literal.leading_field), name(&literal.last_field));
    intervals::literal(&text, first.as_deref(), last.as_deref())
}

fn sql_type(span: Span) -> Result<sql::DataType, SqlError> {
    ast::sql_type(&dialect::DataType::Interval(span.qualifier()))
        .ok_or_else(|| SqlError::internal("an interval type cannot be written"))
}

/// Gives the intervals in each column of VALUES their common type.
pub(super) fn agreed(body: &mut sql::SetExpr) -> Result<(), SqlError> {
    let sql::SetExpr::Values(values) = body else { return Ok(()) };
    let width = values.rows.iter().map(|row| row.content.len()).max().unwrap_or(0);
    for i in 0..width {
        let mut common: Option<Span> = None;
        let mut differ = false;
        for value in values.rows.iter().filter_map(|row| row.content.get(i)) {
            let Some(span) = of_cast(value) else { continue };
            differ |= common.is_some_and(|common| common != span);
            common = Some(match common {
                None => span,
                Some(common) => common.with(span).ok_or_else(|| incompatible(i).at(ast::start(value.span())))?,
            });
        }
        let Some(common) = common else { continue };
        for value in values.rows.iter_mut().filter_map(|row| row.content.get_mut(i)) {
            if differ && of_cast(value).is_some_and(|span| span != common) {
                *value = ast::cast(value.clone(), sql_type(common)?);
            } else if of_cast(value).is_none() && super::numbers::is_literal(value) {
                return Err(incompatible(i).at(ast::start(value.span())));
            }
        }
    }
    Ok(())
}

/// The type that a cast to an interval gives.
fn of_cast(expr: &sql::Expr) -> Option<Span> {
    match expr {
        sql::Expr::Nested(inner) => of_cast(inner),
        sql::Expr::Cast { data_type: data_type @ sql::DataType::Interval { .. }, .. } => {
            Span::named(data_type.to_string().trim_start_matches("INTERVAL").trim())
        }
        _ => None,
    }
}

fn incompatible(column: usize) -> SqlError {
    SqlError::new(
        "INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE",
        "42000",
        format!("The values of column {} of the inline table have types that do not go together.", column + 1),
    )
}

/// The text of a number or a string with its sign.
fn constant(expr: &sql::Expr) -> Option<String> {
    match expr {
        sql::Expr::Value(ValueWithSpan {
            value: Value::Number(text, _) | Value::SingleQuotedString(text) | Value::DoubleQuotedString(text),
            ..
        }) => Some(text.clone()),
        sql::Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            let text = constant(expr)?;
            let text = text.trim();
            Some(text.strip_prefix('-').map_or_else(|| format!("-{text}"), str::to_owned))
        }
        sql::Expr::UnaryOp { op: UnaryOperator::Plus, expr } => constant(expr),
        _ => None,
    }
}

/// Makes the bound of a window's frame a literal that the planner reads: it takes no casts there.
pub(super) fn bound(expr: &mut sql::Expr) -> Result<(), SqlError> {
    let sql::Expr::Cast { expr: inner, .. } = &*expr else { return Ok(()) };
    let (Some(text), Some(span)) = (constant(inner), of_cast(expr)) else { return Ok(()) };
    let value = intervals::read(&text, span)?;
    let unit = if span.counts_months() { "months" } else { "microseconds" };
    *expr = sql::Expr::Interval(sql::Interval {
        value: Box::new(ast::string(&format!("{value} {unit}"), inner.span())),
        leading_field: None,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    });
    Ok(())
}

/// What an operator does with an interval, or with two moments; none: neither is there.
pub(super) fn operated(
    operation: Arithmetic,
    tolerant: bool,
    [(left, a), (right, b)]: [(&Expr, &DataType); 2],
) -> Result<Option<Expr>> {
    let is_time = |t: &DataType| matches!(t, DataType::Date32 | DataType::Timestamp(..));
    let is_number = |t: &DataType| t.is_numeric() || types::is_string(t) || *t == DataType::Null;
    let call = |operation, first: Expr, second: Expr| {
        let function = calls::function(operation, tolerant);
        Ok(Some(Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![first, second]))))
    };
    // Text is a number here.
    let factor = |expr: &Expr, of: &DataType| {
        if of.is_numeric() { expr.clone() } else { cast(expr.clone(), DataType::Float64) }
    };
    let (left, right) = (left.clone(), right.clone());
    match (operation, Span::of(a), Span::of(b)) {
        (Arithmetic::Subtract, None, None) if is_time(a) && is_time(b) => call(Operation::Between, left, right),
        (Arithmetic::Subtract, None, None) if is_time(a) && (types::is_string(b) || *b == DataType::Null) => {
            call(Operation::Between, left, cast(right, a.clone()))
        }
        (Arithmetic::Subtract, None, None) if is_time(b) && *a == DataType::Null => {
            call(Operation::Between, cast(left, b.clone()), right)
        }
        (_, None, None) => Ok(None),
        (Arithmetic::Add, None, Some(_)) if is_time(a) => call(Operation::Later, left, right),
        (Arithmetic::Add, Some(_), None) if is_time(b) => call(Operation::Later, right, left),
        (Arithmetic::Subtract, None, Some(_)) if is_time(a) => call(Operation::Earlier, left, right),
        // Text is a moment here, and the result is text again.
        (Arithmetic::Add, None, Some(_)) if types::is_string(a) => {
            let moved = call(Operation::Later, cast(left, types::timestamp()), right)?;
            Ok(moved.map(|moved| cast(moved, DataType::Utf8)))
        }
        (Arithmetic::Add | Arithmetic::Subtract, Some(x), Some(y)) if x.with(y).is_some() => {
            call(if operation == Arithmetic::Add { Operation::Add } else { Operation::Subtract }, left, right)
        }
        (Arithmetic::Add | Arithmetic::Subtract, Some(_), None) if *b == DataType::Null => {
            let other = cast(right, a.clone());
            call(if operation == Arithmetic::Add { Operation::Add } else { Operation::Subtract }, left, other)
        }
        (Arithmetic::Add | Arithmetic::Subtract, None, Some(_)) if *a == DataType::Null => {
            let other = cast(left, b.clone());
            call(if operation == Arithmetic::Add { Operation::Add } else { Operation::Subtract }, other, right)
        }
        (Arithmetic::Multiply, Some(_), None) if is_number(b) => {
            let by = factor(&right, b);
            call(Operation::Multiply, left, by)
        }
        (Arithmetic::Multiply, None, Some(_)) if is_number(a) => {
            let by = factor(&left, a);
            call(Operation::Multiply, right, by)
        }
        (Arithmetic::Divide, Some(_), None) if is_number(b) => {
            let by = factor(&right, b);
            call(Operation::Divide, left, by)
        }
        (Arithmetic::Add | Arithmetic::Subtract | Arithmetic::Multiply | Arithmetic::Divide, ..) => {
            Err(unfit("UNEXPECTED_INPUT_TYPE", operation, a, b).into())
        }
        _ => Err(unfit("BINARY_OP_DIFF_TYPES", operation, a, b).into()),
    }
}

fn unfit(condition: &str, operation: Arithmetic, a: &DataType, b: &DataType) -> SqlError {
    SqlError::new(
        format!("DATATYPE_MISMATCH.{condition}"),
        "42K09",
        format!(
            "Cannot resolve an operator ({operation:?}) due to data type mismatch: it does not take {} and {}.",
            types::shown(a),
            types::shown(b)
        ),
    )
}
