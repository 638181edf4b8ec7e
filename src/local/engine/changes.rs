//! The change data feed of a table: the rows that came and went, version by version.
//!
//! A statement that changes rows of files in part writes what it changed beside them, into `_change_data`; what
//! statements add or take away whole is read from the files themselves.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result as Planned};
use datafusion::datasource::{TableProvider, TableType, ViewTable, provider_as_source};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, TableProviderFilterPushDown, TableSource, cast};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties as _};
use deltalake::DeltaTable;
use deltalake::delta_datafusion::cdf::scan::DeltaCdfTableProvider;
use deltalake::delta_datafusion::cdf::{CHANGE_TYPE_COL, COMMIT_TIMESTAMP_COL, COMMIT_VERSION_COL};

use super::catalog::quoted;
use super::delta::{self, explain};
use super::error::SqlError;
use super::plan::{self, Version};
use super::write::Definition;
use super::{Engine, types};
use crate::ids::TableName;

/// The property that turns the feed on.
pub(super) const ENABLED: &str = "delta.enableChangeDataFeed";
/// The column that says what happened to a row: `insert`, `delete`, `update_preimage` or `update_postimage`.
pub(super) const CHANGE: &str = CHANGE_TYPE_COL;
/// The folder of a table in which the changes lie.
pub(super) const FOLDER: &str = "_change_data";

/// Whether statements tell what they change.
pub(super) fn are_told(definition: &Definition) -> bool {
    definition.properties.iter().any(|(key, value)| key == ENABLED && value.eq_ignore_ascii_case("true"))
}

/// Refuses a feed of a table whose columns have the names of the feed's own.
pub(super) fn check(definition: &Definition) -> Result<(), SqlError> {
    let own = [CHANGE_TYPE_COL, COMMIT_VERSION_COL, COMMIT_TIMESTAMP_COL];
    let taken = definition.schema.fields().find(|f| own.iter().any(|name| f.name().eq_ignore_ascii_case(name)));
    match taken.filter(|_| are_told(definition)) {
        Some(field) => Err(SqlError::new(
            "DELTA_TABLE_ALREADY_CONTAINS_CDC_COLUMNS",
            "42711",
            format!("Unable to enable Change Data Capture on the table: it has the reserved column {}.", field.name()),
        )),
        None => Ok(()),
    }
}

/// `table_changes`: the rows that changed from one version or time to another, both included; without an end, to the
/// latest.
pub(super) async fn source(
    engine: &Engine,
    name: &TableName,
    from: &Version,
    to: Option<&Version>,
) -> Result<Arc<dyn TableSource>, SqlError> {
    let dir = engine.table_dir(name);
    let table = engine.open_table(name).await?;
    let latest = table.version().unwrap_or(0);
    let first = match from {
        Version::Number(n) => *n,
        other => since(&table, &dir, other).await?,
    };
    let last = match to {
        None => latest,
        Some(Version::Number(n)) => *n,
        Some(other) => engine.open_version(name, other).await?.version().unwrap_or(0),
    };
    if first > last {
        return Err(SqlError::new(
            "DELTA_INVALID_CDC_RANGE",
            "22003",
            format!("CDC range from start {first} to end {last} was invalid. End cannot be before start."),
        ));
    }
    if last > latest {
        return Err(SqlError::new(
            "DELTA_VERSION_NOT_FOUND",
            "22003",
            format!("The changes of version {last} cannot be read. Available versions: [0, {latest}]."),
        ));
    }
    let at_start = engine.open_version(name, &Version::Number(first)).await?;
    if !are_told(&super::write::definition(&at_start, &dir)?) {
        return Err(missing(name, first, last));
    }
    let builder = table.clone().scan_cdf().with_starting_version(first).with_ending_version(last);
    let provider = DeltaCdfTableProvider::try_new(builder).map_err(|e| explain(&dir, &e))?;
    table.update_datafusion_session(engine.state()).map_err(|e| explain(&dir, &e))?;
    stamped(Arc::new(Feed(provider)))
}

/// The feed as the Delta library reads it.
#[derive(Debug)]
struct Feed(DeltaCdfTableProvider);

#[async_trait]
impl TableProvider for Feed {
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
    ) -> Planned<Arc<dyn ExecutionPlan>> {
        let plan = self.0.scan(session, projection, filters, limit).await?;
        // A kind of files that no version has is read as no partition at all, which nothing can sort.
        let without_nothing = plan.transform_down(|plan| {
            if plan.name() != "UnionExec" {
                return Ok(Transformed::no(plan));
            }
            let some = |part: &&Arc<dyn ExecutionPlan>| part.output_partitioning().partition_count() > 0;
            let parts: Vec<_> = plan.children().into_iter().filter(some).cloned().collect();
            let plan = match parts.is_empty() {
                true => Arc::new(EmptyExec::new(plan.schema())),
                false => UnionExec::try_new(parts)?,
            };
            Ok(Transformed::new(plan, true, TreeNodeRecursion::Stop))
        })?;
        Ok(without_nothing.data)
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Planned<Vec<TableProviderFilterPushDown>> {
        self.0.supports_filters_pushdown(filters)
    }
}

/// The first version at or after a time.
async fn since(table: &DeltaTable, dir: &Path, from: &Version) -> Result<u64, SqlError> {
    let Version::Time(text) = from else {
        return Err(SqlError::unsupported("this first version of changes"));
    };
    let at = delta::moment(text)?;
    let history = delta::history(table, dir).await?;
    let found = history.iter().rev().find(|(_, info)| info.timestamp.is_some_and(|t| t * 1000 >= at));
    found.map(|(version, _)| *version).ok_or_else(|| {
        SqlError::new(
            "DELTA_TIMESTAMP_GREATER_THAN_COMMIT",
            "42816",
            format!("The provided timestamp ({text}) is after the latest version available to this table."),
        )
    })
}

fn missing(name: &TableName, first: u64, last: u64) -> SqlError {
    let table = quoted(&[&name.catalog, &name.schema, &name.name]);
    SqlError::new(
        "DELTA_MISSING_CHANGE_DATA",
        "KD002",
        format!(
            "Error getting change data for range [{first}, {last}] as change data was not recorded for version \
             [{first}]. Enable it for {table} with ALTER TABLE … SET TBLPROPERTIES ({ENABLED} = true), and read from the \
             version that this makes."
        ),
    )
}

/// The feed with the types that Databricks gives its columns.
fn stamped(provider: Arc<Feed>) -> Result<Arc<dyn TableSource>, SqlError> {
    let schema = provider.schema();
    let columns: Vec<Expr> = schema
        .fields()
        .iter()
        .map(|field| {
            let column = Expr::Column(Column::new_unqualified(field.name()));
            match field.name().as_str() {
                COMMIT_VERSION_COL => cast(column, datafusion::arrow::datatypes::DataType::Int64).alias(field.name()),
                COMMIT_TIMESTAMP_COL => cast(column, types::timestamp()).alias(field.name()),
                _ => column,
            }
        })
        .collect();
    let plan = LogicalPlanBuilder::scan("changes", provider_as_source(provider), None)
        .and_then(|scan| scan.project(columns))
        .and_then(LogicalPlanBuilder::build)
        .map_err(plan::explain)?;
    delta::folded(Arc::new(ViewTable::new(plan, None)))
}
