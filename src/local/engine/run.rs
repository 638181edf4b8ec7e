//! Running a planned query: rows for a reader, or a stream of batches for a writer.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result as DataFusionResult;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::physical_plan::{ExecutionPlan, execute_stream, execute_stream_partitioned};
use futures::TryStreamExt;

use super::api::{Output, Request, row_bytes};
use super::error::SqlError;
use super::plan::{self, Planned};
use super::spool::Spooler;
use super::{Engine, reading, render, types};

/// Runs a query and collects its rows.
pub(super) async fn collect(planned: Planned, row_limit: Option<u64>) -> Result<Output, SqlError> {
    run(planned, &Request { row_limit, ..Request::default() }, None).await
}

/// Runs a query and collects its rows, or spools them, as the request says.
pub(super) async fn answer(engine: &Engine, planned: Planned, request: &Request) -> Result<Output, SqlError> {
    let scratch = if request.spool { Some(engine.folder().scratch()?) } else { None };
    run(planned, request, scratch.as_deref()).await
}

/// Runs a query; its rows go into a file in `scratch`, if that is given.
async fn run(planned: Planned, request: &Request, scratch: Option<&Path>) -> Result<Output, SqlError> {
    let columns = planned
        .names
        .iter()
        .zip(planned.plan.schema().fields())
        .map(|(name, field)| types::column(name, &types::from_arrow(field.data_type())))
        .collect();
    let most_rows = request.row_limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX - 1));
    let mut plan = planned.plan;
    if let Some(limit) = most_rows {
        // One more than wanted tells whether there are more.
        plan = LogicalPlanBuilder::from(plan)
            .limit(0, Some(limit + 1))
            .and_then(LogicalPlanBuilder::build)
            .map_err(plan::explain)?;
    }
    let physical = planned.state.create_physical_plan(&plan).await.map_err(plan::explain)?;
    reading::count(&physical);
    let schema = physical.schema();
    let stream = execute_stream(physical, planned.state.task_ctx()).map_err(plan::explain)?;
    let mut taker = Taker { stream, left: most_rows.unwrap_or(usize::MAX), truncated: false };
    let most_bytes = request.byte_limit.unwrap_or(u64::MAX);
    let mut output = Output { columns, is_query: true, statement_type: "SELECT", ..Output::default() };
    if let Some(scratch) = scratch {
        let mut spooler = Spooler::begin(scratch, &schema, &planned.names)?;
        while let Some(batch) = taker.next().await? {
            if spooler.bytes() >= most_bytes {
                taker.truncated = true;
                break;
            }
            spooler.add(&batch)?;
        }
        output.spool = Some(spooler.finish()?);
    } else {
        let mut bytes = 0;
        while let Some(batch) = taker.next().await? {
            let rows = render::rows(&batch).map_err(|e| plan::explain(e.into()))?;
            bytes += rows.iter().map(|row| row_bytes(row) as u64).sum::<u64>();
            output.rows.extend(rows);
            // The rows beyond the limit tell the reader that there are some.
            if bytes > most_bytes {
                break;
            }
        }
    }
    output.truncated = taker.truncated;
    Ok(output)
}

/// Takes at most so many rows from a stream.
struct Taker {
    stream: SendableRecordBatchStream,
    left: usize,
    truncated: bool,
}

impl Taker {
    async fn next(&mut self) -> Result<Option<RecordBatch>, SqlError> {
        while !self.truncated {
            let Some(batch) = self.stream.try_next().await.map_err(plan::explain)? else { return Ok(None) };
            self.truncated = batch.num_rows() > self.left;
            let batch = if self.truncated { batch.slice(0, self.left) } else { batch };
            self.left -= batch.num_rows();
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }
}

/// Begins to run a query for a writer: one stream for each part that can be computed apart.
pub(super) async fn streams(planned: &Planned) -> Result<(SchemaRef, Vec<SendableRecordBatchStream>), SqlError> {
    let physical = planned.state.create_physical_plan(&planned.plan).await.map_err(plan::explain)?;
    reading::count(&physical);
    let schema = physical.schema();
    let streams = start(physical, planned).map_err(plan::explain)?;
    Ok((schema, streams))
}

fn start(physical: Arc<dyn ExecutionPlan>, planned: &Planned) -> DataFusionResult<Vec<SendableRecordBatchStream>> {
    execute_stream_partitioned(physical, planned.state.task_ctx())
}
