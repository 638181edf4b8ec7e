//! Limits of recursive CTEs: a recursion that does not end is an error, not a statement that runs for ever.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::TryStreamExt;

use crate::local::engine::error::SqlError;

/// So often the recursive part may run.
const MOST_LEVELS: usize = 100;

/// So many rows it may give.
const MOST_ROWS: usize = 1_000_000;

/// Between a CTE's name and the most levels that its query allows it.
const LEVEL_MARK: &str = "#max";

/// The name under which a CTE is planned that says how many levels it may have.
pub(super) fn with_level(name: &str, level: usize) -> String {
    format!("{name}{LEVEL_MARK}{level}")
}

fn level_of(name: &str) -> usize {
    name.rsplit_once(LEVEL_MARK).and_then(|(_, level)| level.parse().ok()).unwrap_or(MOST_LEVELS)
}

/// Puts a guard on the recursive part of every recursive CTE.
#[derive(Debug)]
pub(in crate::local::engine) struct RecursionLimits;

impl PhysicalOptimizerRule for RecursionLimits {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some(recursive) = node.downcast_ref::<RecursiveQueryExec>() else { return Ok(Transformed::no(node)) };
            let most = level_of(recursive.name());
            let children: Vec<_> = node.children().into_iter().cloned().collect();
            let [first, again] = children.as_slice() else { return Ok(Transformed::no(node)) };
            let again = Arc::new(Guard { input: again.clone(), most, counts: Arc::default() });
            Ok(Transformed::yes(node.replace_children(vec![first.clone(), again], recompute())?))
        })
        .map(|changed| changed.data)
    }

    fn name(&self) -> &str {
        "recursion_limits"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn recompute() -> ReplaceChildrenOptions {
    ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute)
}

#[derive(Debug, Default)]
struct Counts {
    levels: AtomicUsize,
    rows: AtomicUsize,
}

/// Counts how often its input runs and how many rows it gives.
#[derive(Debug)]
struct Guard {
    input: Arc<dyn ExecutionPlan>,
    most: usize,
    counts: Arc<Counts>,
}

impl DisplayAs for Guard {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecursionLimits: levels={}, rows={MOST_ROWS}", self.most)
    }
}

impl ExecutionPlan for Guard {
    fn name(&self) -> &str {
        "RecursionLimits"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.into_iter().next().unwrap_or_else(|| self.input.clone());
        Ok(Arc::new(Self { input, most: self.most, counts: self.counts.clone() }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if self.counts.levels.fetch_add(1, Ordering::Relaxed) >= self.most {
            return Err(limit("RECURSION_LEVEL_LIMIT_EXCEEDED", &format!("level limit {}", self.most)).into());
        }
        let counts = self.counts.clone();
        let stream = self.input.execute(partition, context)?.and_then(move |batch| {
            let before = counts.rows.fetch_add(batch.num_rows(), Ordering::Relaxed);
            let within = before.saturating_add(batch.num_rows()) <= MOST_ROWS;
            futures::future::ready(match within {
                true => Ok(batch),
                false => Err(limit("RECURSION_ROW_LIMIT_EXCEEDED", &format!("row limit {MOST_ROWS}")).into()),
            })
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.input.schema(), stream)))
    }
}

fn limit(condition: &str, what: &str) -> SqlError {
    SqlError::new(condition, "42836", format!("The recursion has reached the {what}: let its condition end it."))
}
