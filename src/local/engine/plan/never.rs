//! Conditions that no row can meet.
//!
//! A condition may turn out to be NULL whatever the row, as `id <> NULL` does. The reader of Delta files passes over such
//! a part of a condition, and would hand out rows that the rest lets through.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{EmptyRelation, Expr, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// Puts nothing in the place of rows under a condition of which a part is never true.
#[derive(Debug)]
pub(in crate::local::engine) struct NeverTrue;

impl OptimizerRule for NeverTrue {
    fn name(&self) -> &str {
        "never_true"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Filter(filter) = &plan else { return Ok(Transformed::no(plan)) };
        let never = |part: &Expr| match part {
            Expr::Literal(value, _) => value.is_null() || *value == ScalarValue::Boolean(Some(false)),
            _ => false,
        };
        if !split_conjunction(&filter.predicate).into_iter().any(never) {
            return Ok(Transformed::no(plan));
        }
        let schema = Arc::clone(filter.input.schema());
        Ok(Transformed::yes(LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema })))
    }
}
