//! Running a planned query: rows for a reader, or a stream of batches for a writer.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result as DataFusionResult;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::physical_plan::{ExecutionPlan, execute_stream, execute_stream_partitioned};
use futures::TryStreamExt;

use super::api::Output;
use super::error::SqlError;
use super::plan::{self, Planned};
use super::{render, types};

/// Runs a query and collects its rows.
pub(super) async fn collect(planned: Planned, row_limit: Option<u64>) -> Result<Output, SqlError> {
    let columns = planned
        .names
        .iter()
        .zip(planned.plan.schema().fields())
        .map(|(name, field)| types::column(name, &types::from_arrow(field.data_type())))
        .collect();
    let limit = row_limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX - 1));
    let mut plan = planned.plan;
    if let Some(limit) = limit {
        // One more than wanted tells whether there are more.
        plan = LogicalPlanBuilder::from(plan)
            .limit(0, Some(limit + 1))
            .and_then(LogicalPlanBuilder::build)
            .map_err(plan::explain)?;
    }
    let physical = planned.state.create_physical_plan(&plan).await.map_err(plan::explain)?;
    let mut stream = execute_stream(physical, planned.state.task_ctx()).map_err(plan::explain)?;
    let mut rows = Vec::new();
    while let Some(batch) = stream.try_next().await.map_err(plan::explain)? {
        rows.extend(render::rows(&batch).map_err(|e| plan::explain(e.into()))?);
    }
    let truncated = limit.is_some_and(|limit| rows.len() > limit);
    if let Some(limit) = limit {
        rows.truncate(limit);
    }
    Ok(Output { columns, rows, truncated, is_query: true, statement_type: "SELECT" })
}

/// Begins to run a query for a writer: one stream for each part that can be computed apart.
pub(super) async fn streams(planned: &Planned) -> Result<(SchemaRef, Vec<SendableRecordBatchStream>), SqlError> {
    let physical = planned.state.create_physical_plan(&planned.plan).await.map_err(plan::explain)?;
    let schema = physical.schema();
    let streams = start(physical, planned).map_err(plan::explain)?;
    Ok((schema, streams))
}

fn start(physical: Arc<dyn ExecutionPlan>, planned: &Planned) -> DataFusionResult<Vec<SendableRecordBatchStream>> {
    execute_stream_partitioned(physical, planned.state.task_ctx())
}
