//! Casts with Spark's meaning: written ones and those that the planner puts in to make types agree.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{ScalarFunction, WindowFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, Filter, LogicalPlan, WindowFrameBound, WindowFrameUnits};
use datafusion::optimizer::AnalyzerRule;

use super::guards;
use crate::local::engine::error::SqlError;
use crate::local::engine::functions::cast::{self as casting, Way};
use crate::local::engine::types;

/// Replaces casts that Arrow does in another way than Spark; refuses those that Spark does not have; keeps conditions
/// that may fail behind those that guard them.
#[derive(Debug)]
pub(in crate::local::engine) struct SparkCasts;

impl AnalyzerRule for SparkCasts {
    fn name(&self) -> &str {
        "spark_casts"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let mut schema = merge_schema(&node.inputs());
            if let LogicalPlan::TableScan(scan) = &node {
                let source = DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?;
                schema.merge(&source);
            }
            let names = NamePreserver::new(&node);
            // The parts of these stay apart: joins find their keys among them, filters what can be judged earlier.
            let apart = matches!(node, LogicalPlan::Join(_) | LogicalPlan::Filter(_));
            let node = node.map_expressions(|expr| {
                let name = names.save(&expr);
                let mut changed = expr.transform_up(|expr| replace(expr, &schema))?;
                if !apart {
                    let before = changed.data.clone();
                    changed = changed.map_data(guards::expression)?;
                    changed.transformed |= changed.data != before;
                }
                Ok(changed.update_data(|expr| name.restore(expr)))
            })?;
            node.map_data(LogicalPlan::recompute_schema)?.map_data(|node| match node {
                LogicalPlan::Filter(filter) => {
                    Filter::try_new(guards::filter(filter.predicate)?, filter.input).map(LogicalPlan::Filter)
                }
                LogicalPlan::Join(mut join) => {
                    join.filter = join.filter.map(guards::join).transpose()?;
                    Ok(LogicalPlan::Join(join))
                }
                other => Ok(other),
            })
        })
        .map(|changed| changed.data)
    }
}

fn replace(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if let Expr::WindowFunction(call) = &expr {
        check_frame(call, schema)?;
    }
    let (inner, target, tolerant) = match &expr {
        Expr::Cast(cast) => (&cast.expr, cast.field.data_type(), false),
        Expr::TryCast(cast) => (&cast.expr, cast.field.data_type(), true),
        _ => return Ok(Transformed::no(expr)),
    };
    let from = inner.get_type(schema)?;
    match casting::way(&from, target) {
        Way::Arrow => Ok(Transformed::no(expr)),
        Way::Refused => Err(casting::refused(&from, target).into()),
        Way::Own => {
            let function = casting::function(target, tolerant);
            let call = ScalarFunction::new_udf(function, vec![inner.as_ref().clone()]);
            Ok(Transformed::yes(Expr::ScalarFunction(call)))
        }
    }
}

/// Refuses frames of values so far apart where the order is of a type that knows no distance.
fn check_frame(call: &WindowFunction, schema: &DFSchema) -> Result<()> {
    let (frame, order) = (&call.params.window_frame, &call.params.order_by);
    let distant = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::Preceding(n) | WindowFrameBound::Following(n) => !n.is_null(),
        WindowFrameBound::CurrentRow => false,
    };
    if frame.units != WindowFrameUnits::Range || !(distant(&frame.start_bound) || distant(&frame.end_bound)) {
        return Ok(());
    }
    let Some(key) = order.first() else { return Ok(()) };
    let data_type = key.expr.get_type(schema)?;
    let is_moment = matches!(data_type, DataType::Date32 | DataType::Timestamp(..));
    let is_span = matches!(data_type, DataType::Interval(_) | DataType::Duration(_));
    if data_type.is_numeric() || is_moment || is_span {
        return Ok(());
    }
    Err(SqlError::new(
        "DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE",
        "42K09",
        format!(
            "Cannot resolve the window of {} due to data type mismatch: a RANGE frame cannot be over values of the type \
             {}.",
            call.fun.name(),
            types::shown(&data_type)
        ),
    )
    .into())
}
