//! `range(start, end, step)`: rows that are counted as they are asked for, and held nowhere.

use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::Result;
use datafusion::datasource::provider_as_source;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::TableSource;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;

/// Numbers from `start` until before `end`, in the column `id`.
pub(in crate::local::engine) fn range(start: i64, end: i64, step: i64) -> Result<Arc<dyn TableSource>> {
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]));
    let numbers: Arc<dyn PartitionStream> = Arc::new(Numbers { start, end, step, schema: Arc::clone(&schema) });
    Ok(provider_as_source(Arc::new(StreamingTable::try_new(schema, vec![numbers])?)))
}

#[derive(Debug)]
struct Numbers {
    start: i64,
    end: i64,
    step: i64,
    schema: SchemaRef,
}

impl PartitionStream for Numbers {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (size, schema) = (context.session_config().batch_size(), Arc::clone(&self.schema));
        let (end, step, mut next) = (self.end, self.step, Some(self.start));
        let batches = std::iter::from_fn(move || {
            let mut numbers = Vec::with_capacity(size);
            while numbers.len() < size
                && let Some(number) = next.filter(|n| if step > 0 { *n < end } else { *n > end })
            {
                numbers.push(number);
                next = number.checked_add(step);
            }
            if numbers.is_empty() {
                return None;
            }
            let numbers = Arc::new(Int64Array::from(numbers));
            Some(RecordBatch::try_new(Arc::clone(&schema), vec![numbers]).map_err(Into::into))
        });
        let stream = futures::stream::iter(batches);
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream))
    }
}
