//! Reading Delta files, with every condition judged again by the query engine.
//!
//! The Delta library says of conditions on partition columns that it heeds them exactly, and does not always: it passes
//! over parts that it cannot decide from the log, such as `(day <=> d) IS NULL`, and hands out all rows. Here a condition
//! only helps it to leave files out.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::{Result, Statistics};
use datafusion::datasource::{TableProvider, TableType};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;

/// A table whose conditions are judged behind it.
#[derive(Debug)]
pub(super) struct Judged(pub(super) Arc<dyn TableProvider>);

#[async_trait]
impl TableProvider for Judged {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn table_type(&self) -> TableType {
        self.0.table_type()
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        // A limit counts rows that the conditions may still take away.
        let limit = limit.filter(|_| filters.is_empty());
        self.0.scan(session, projection, filters, limit).await
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let said = self.0.supports_filters_pushdown(filters)?;
        let judged = said.into_iter().map(|answer| match answer {
            TableProviderFilterPushDown::Exact => TableProviderFilterPushDown::Inexact,
            other => other,
        });
        Ok(judged.collect())
    }

    fn statistics(&self) -> Option<Statistics> {
        self.0.statistics()
    }
}
