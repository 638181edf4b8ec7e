//! Order and groups of values that the query engine orders and groups in another way than Spark: arrays and structs,
//! and floating point numbers, of which -0.0 is 0.0 and every NaN one.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{ScalarFunction, Sort as SortExpr};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan, Sort};
use datafusion::optimizer::AnalyzerRule;

use crate::local::engine::functions::compare;

/// Orders by keys of arrays and structs; groups by numbers of which equal ones are the same.
#[derive(Debug)]
pub(in crate::local::engine) struct SparkOrder;

impl AnalyzerRule for SparkOrder {
    fn name(&self) -> &str {
        "spark_order"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| match node {
            LogicalPlan::Sort(sort) => {
                let schema = merge_schema(&[sort.input.as_ref()]);
                let expr = sort.expr.into_iter().map(|one| ordered(one, &schema)).collect::<Result<Vec<_>>>()?;
                Ok(Transformed::yes(LogicalPlan::Sort(Sort { expr, ..sort })))
            }
            LogicalPlan::Aggregate(aggregate) => {
                let schema = merge_schema(&[aggregate.input.as_ref()]);
                let mut changed = false;
                let mut groups = Vec::new();
                for expr in aggregate.group_expr {
                    let float = !matches!(expr, Expr::GroupingSet(_)) && compare::has_floats(&expr.get_type(&schema)?);
                    changed |= float;
                    groups.push(if float { named(&expr) } else { expr });
                }
                let made = Aggregate::try_new(aggregate.input, groups, aggregate.aggr_expr)?;
                Ok(Transformed::new_transformed(LogicalPlan::Aggregate(made), changed))
            }
            other => Ok(Transformed::no(other)),
        })
        .map(|changed| changed.data)
    }
}

/// A group's number, under the name that it has.
fn named(expr: &Expr) -> Expr {
    let (relation, name) = expr.qualified_name();
    let call = Expr::ScalarFunction(ScalarFunction::new_udf(compare::normal(), vec![expr.clone()]));
    call.alias_qualified(relation, name)
}

fn ordered(sort: SortExpr, schema: &DFSchema) -> Result<SortExpr> {
    let data_type = sort.expr.get_type(schema)?;
    if !data_type.is_nested() {
        return Ok(sort);
    }
    compare::check_orderable(&data_type)?;
    let expr = Expr::ScalarFunction(ScalarFunction::new_udf(compare::key(), vec![sort.expr]));
    Ok(SortExpr { expr, ..sort })
}
