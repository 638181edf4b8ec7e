//! Calls of aggregates and window functions: their frames, their orders, and arguments of a certain range.

use sqlparser::ast::{
    DataType, Expr, Function, UnaryOperator, Value, ValueWithSpan, WindowFrame, WindowFrameBound, WindowSpec,
    WindowType,
};
use sqlparser::tokenizer::Span;

use super::ast;
use crate::dialect::functions::FunctionKind;
use crate::local::engine::error::SqlError;

/// Refuses OVER where it makes no sense, its absence where it is needed, and frames and arguments that nothing can
/// come of.
pub(super) fn check(function: &Function, name: &str, args: &[Expr]) -> Result<(), SqlError> {
    let Some(known) = crate::dialect::functions::function(name) else { return Ok(()) };
    let error = |condition: &str, state, text: String| Err(SqlError::new(condition, state, text));
    match (&function.over, known.kind) {
        (None, FunctionKind::Window) => error(
            "WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE",
            "42601",
            format!("Window function \"{name}()\" requires an OVER clause."),
        ),
        (Some(_), FunctionKind::Scalar | FunctionKind::Table) => error(
            "UNSUPPORTED_EXPR_FOR_WINDOW",
            "42P20",
            format!("Expression \"{name}()\" not supported within a window function."),
        ),
        (Some(_), FunctionKind::Aggregate) if ast::is_distinct(function) => error(
            "DISTINCT_WINDOW_FUNCTION_UNSUPPORTED",
            "0A000",
            format!("Distinct window functions are not supported: \"{name}(DISTINCT …)\"."),
        ),
        (Some(WindowType::WindowSpec(window)), FunctionKind::Window)
            if window.order_by.is_empty() && window.window_name.is_none() && name != "nth_value" =>
        {
            error(
                "WINDOW_FUNCTION_FRAME_NOT_ORDERED",
                "42601",
                format!("Window function {name}() requires window to be ordered, please add ORDER BY clause."),
            )
        }
        _ => {
            in_range(name, args)?;
            match &function.over {
                Some(WindowType::WindowSpec(window)) => frame(name, window),
                _ => Ok(()),
            }
        }
    }
}

/// A whole number that is written out.
fn written(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) => text.parse().ok(),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => written(expr).and_then(i64::checked_neg),
        Expr::Cast { expr, data_type: DataType::Int(None), .. } => written(expr),
        Expr::Nested(inner) => written(inner),
        _ => None,
    }
}

/// Counts that must be greater than zero.
fn in_range(name: &str, args: &[Expr]) -> Result<(), SqlError> {
    let (place, what) = match name {
        "ntile" => (0, "buckets"),
        "nth_value" => (1, "offset"),
        "percentile_approx" | "approx_percentile" => (2, "accuracy"),
        _ => return Ok(()),
    };
    match args.get(place).and_then(written) {
        Some(n) if n <= 0 => Err(SqlError::new(
            "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
            "42K09",
            format!(
                "Cannot resolve \"{name}\" due to data type mismatch: The {what} must be between (0, 2147483647] (current \
                 value = {n})."
            ),
        )),
        _ => Ok(()),
    }
}

/// A frame must not end before it begins.
fn frame(name: &str, window: &WindowSpec) -> Result<(), SqlError> {
    let Some(WindowFrame { start_bound, end_bound, .. }) = &window.window_frame else { return Ok(()) };
    let place = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::CurrentRow => Some(0),
        WindowFrameBound::Preceding(None) => Some(i64::MIN),
        WindowFrameBound::Following(None) => Some(i64::MAX),
        WindowFrameBound::Preceding(Some(n)) => written(n).and_then(i64::checked_neg),
        WindowFrameBound::Following(Some(n)) => written(n),
    };
    let (start, end) = (place(start_bound), end_bound.as_ref().map_or(Some(0), place));
    match (start, end) {
        (Some(start), Some(end)) if start > end => Err(SqlError::new(
            "DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_WRONG_COMPARISON",
            "42K09",
            format!(
                "Cannot resolve the window of \"{name}\" due to data type mismatch: The lower bound of a window frame \
                 must be less than or equal to the upper bound."
            ),
        )),
        _ => Ok(()),
    }
}

/// Aggregates that are computed anew for each frame that moves, because what has been added to them cannot be taken
/// out again without a trace.
const RECOMPUTED: &[(&str, &str)] = &[
    ("avg", "avg_of_frame"),
    ("bit_and", "bit_and_of_frame"),
    ("bit_or", "bit_or_of_frame"),
    ("bool_and", "bool_and_of_frame"),
    ("bool_or", "bool_or_of_frame"),
    ("corr", "corr_of_frame"),
    ("covar_pop", "covar_pop_of_frame"),
    ("covar_samp", "covar_samp_of_frame"),
    ("stddev", "stddev_of_frame"),
    ("stddev_pop", "stddev_pop_of_frame"),
    ("var_pop", "var_pop_of_frame"),
    ("var_samp", "var_samp_of_frame"),
];

/// Gives a call over frames that move the form that is computed anew for each.
pub(super) fn recompute(function: &mut Function) {
    let Some(WindowType::WindowSpec(window)) = &function.over else { return };
    let name = ast::function_name(function);
    let moves = match &window.window_frame {
        Some(frame) => !matches!(frame.start_bound, WindowFrameBound::Preceding(None)),
        None => name == "corr" && window.order_by.is_empty(),
    };
    if let Some((_, other)) = RECOMPUTED.iter().find(|(known, _)| moves && *known == name) {
        ast::rename(function, other);
    }
}

/// Texts in an order: what orders them goes with them as arguments, after a text that says how.
pub(super) fn listagg(function: &mut Function, mut args: Vec<Expr>, span: Span) -> Result<(), SqlError> {
    let orders = std::mem::take(&mut function.within_group);
    if args.len() == 1 {
        args.push(ast::string("", span));
    }
    if !orders.is_empty() {
        if ast::is_distinct(function) && orders.iter().any(|order| order.expr != args[0]) {
            return Err(SqlError::new(
                "INVALID_WITHIN_GROUP_EXPRESSION.MISMATCH_WITH_DISTINCT_INPUT",
                "42K0K",
                "Invalid function `listagg` with WITHIN GROUP. The function is invoked with DISTINCT and WITHIN GROUP \
                 but expressions are mismatched.",
            )
            .at(ast::start(span)));
        }
        let how = orders.iter().map(|order| match (order.options.asc, order.options.nulls_first) {
            (Some(false), Some(true)) => "df",
            (Some(false), _) => "dl",
            (_, Some(false)) => "al",
            _ => "af",
        });
        args.push(ast::string(&how.collect::<String>(), span));
        args.extend(orders.into_iter().map(|order| order.expr));
    }
    ast::set_arguments(function, args);
    ast::rename(function, "listagg");
    Ok(())
}
