//! Delta tables in the folder: opening them, at the latest version or an earlier one, and describing them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Column;
use datafusion::common::metadata::FieldMetadata;
use datafusion::datasource::{MemTable, TableProvider, ViewTable, provider_as_source};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, TableSource, cast};
use deltalake::kernel::{CommitInfo, MetadataValue, StructField, StructType};
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use futures::TryStreamExt;
use url::Url;

use super::api::{ColumnInfo, TableInfo, TableType};
use super::catalog::{Kind, quoted};
use super::error::SqlError;
use super::plan::{self, Scope, TableUse, Version};
use super::scan::Judged;
use super::{Engine, changes, features, functions, information_schema, statements, types};
use crate::dialect::{DataType, Part};
use crate::ids::TableName;

/// Under this key of the properties stand the columns by which a table is clustered, as Unity Catalog shows them.
pub(super) const CLUSTERING: &str = "clusteringColumns";
/// Under this key of a column's metadata stands its comment.
pub(super) const COMMENT: &str = "comment";

/// The address of a folder.
pub(super) fn address(dir: &Path) -> Result<Url, SqlError> {
    Url::from_directory_path(dir).map_err(|()| SqlError::internal(format!("{} is no absolute path.", dir.display())))
}

/// An error of the Delta library, about a table in a folder.
pub(super) fn explain(dir: &Path, error: &DeltaTableError) -> SqlError {
    match error {
        DeltaTableError::NotATable(_) => SqlError::io(format!(
            "The table in {} is damaged: its _delta_log holds no version that can be read. Restore it from a copy, or \
             delete the folder.",
            dir.display()
        )),
        other => {
            let text = other.to_string();
            let text = text.lines().next().unwrap_or_default().trim_end_matches('.');
            SqlError::io(format!("The table in {} cannot be read or written: {text}.", dir.display()))
        }
    }
}

impl Engine {
    /// What the name stands for; the error for a name that stands for nothing shows it as written.
    pub(super) fn kind(&self, name: &TableName, written: &[String]) -> Result<Kind, SqlError> {
        if let Some(kind) = self.folder().kind(name) {
            return Ok(kind);
        }
        let parts: Vec<&str> = written.iter().map(String::as_str).collect();
        let shown = if parts.is_empty() { quoted(&[&name.catalog, &name.schema, &name.name]) } else { quoted(&parts) };
        let mut error = SqlError::table_not_found(&shown);
        let dir = self.folder().table_dir(name);
        if !name.name.contains('/') && dir.is_dir() {
            error.message.push_str(&format!(
                " (The folder {} is there, but has no _delta_log: its making was interrupted, or it is damaged.)",
                dir.display()
            ));
        }
        Err(error)
    }

    /// Opens a table at its latest version.
    pub(super) async fn open_table(&self, name: &TableName) -> Result<DeltaTable, SqlError> {
        self.inner.opened.latest(&self.folder().table_dir(name)).await
    }

    /// Opens a table at a version.
    /// A [`Version::Time`] is the last one before that time.
    pub(super) async fn open_version(&self, name: &TableName, version: &Version) -> Result<DeltaTable, SqlError> {
        let dir = self.folder().table_dir(name);
        let latest = self.open_table(name).await?;
        let last = latest.version().unwrap_or(0);
        let wanted = match version {
            Version::Number(wanted) => *wanted,
            Version::Target | Version::History | Version::Changes(..) => {
                return Err(SqlError::unsupported("this version of a table").at(None));
            }
            Version::Time(text) => {
                let at = moment(text)?;
                let history = history(&latest, &dir).await?;
                let found = history.iter().find(|(_, info)| info.timestamp.is_some_and(|t| t * 1000 <= at));
                found.map(|(version, _)| *version).ok_or_else(|| {
                    SqlError::new(
                        "DELTA_TIMESTAMP_EARLIER_THAN_COMMIT_RETENTION",
                        "42816",
                        format!(
                            "The provided timestamp ({text}) is before the earliest version available to this table."
                        ),
                    )
                })?
            }
        };
        if wanted > last {
            return Err(SqlError::new(
                "DELTA_VERSION_NOT_FOUND",
                "22003",
                format!("Cannot time travel Delta table to version {wanted}. Available versions: [0, {last}]."),
            ));
        }
        let builder = DeltaTableBuilder::from_url(address(&dir)?).map_err(|e| explain(&dir, &e))?;
        builder.with_version(wanted).load().await.map_err(|e| explain(&dir, &e))
    }

    /// What a query reads when it names this table or view.
    pub(super) async fn source(&self, table: &TableUse, scope: &Scope) -> Result<Arc<dyn TableSource>, SqlError> {
        let name = &table.name;
        if name.schema == information_schema::NAME {
            let batch = information_schema::table(self, name).await?;
            let memory = MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(plan::explain)?;
            return Ok(provider_as_source(Arc::new(memory)));
        }
        match self.kind(name, &table.written)? {
            Kind::View if table.version.is_some() => {
                Err(SqlError::unsupported(&format!("time travel on the view {}", name.to_sql())))
            }
            Kind::View => self.view_source(name, scope).await,
            Kind::Table => {
                if let Some(Version::Changes(from, to)) = &table.version {
                    return changes::source(self, name, from, to.as_deref()).await;
                }
                if table.version == Some(Version::History) {
                    return statements::history_source(self, name).await;
                }
                let dir = self.folder().table_dir(name);
                let delta = match &table.version {
                    Some(version) => self.open_version(name, version).await?,
                    None => self.open_table(name).await?,
                };
                let provider = delta.table_provider().with_session(Arc::new(self.state().clone()));
                let provider = provider.build().await.map_err(plan::explain)?;
                delta.update_datafusion_session(self.state()).map_err(|e| explain(&dir, &e))?;
                folded(Arc::new(Judged(Arc::new(provider))))
            }
        }
    }

    /// The rows of a table, each with the address of its file in the column `file`; all of them, or those of some files.
    pub(super) async fn rows_in_files(
        &self,
        table: &DeltaTable,
        dir: &Path,
        file: &str,
        only: Option<&[String]>,
    ) -> Result<Arc<dyn TableSource>, SqlError> {
        let provider = table.table_provider().with_session(Arc::new(self.state().clone())).with_file_column(file);
        let provider = match only {
            Some(files) => provider.with_file_paths(files),
            None => provider,
        };
        let provider = provider.build().await.map_err(plan::explain)?;
        table.update_datafusion_session(self.state()).map_err(|e| explain(dir, &e))?;
        folded(Arc::new(Judged(Arc::new(provider))))
    }

    /// A view: its query, with the columns that it had when it was made.
    async fn view_source(&self, name: &TableName, scope: &Scope) -> Result<Arc<dyn TableSource>, SqlError> {
        let view = self.folder().view(name)?;
        let scope = scope.of_view(&view.catalog, &view.schema, &view.query);
        let part = Part { padded: view.query.clone(), range: 0..view.query.len() };
        let planned = plan::query(self, &part, &scope).await.map_err(|error| {
            // The place is one in the view's text, not in the statement.
            let mut error = error.without_place();
            error.message.push_str(&format!(" (in the view {})", name.to_sql()));
            error
        })?;
        let schema = planned.plan.schema().clone();
        let mut columns = Vec::new();
        for (i, column) in view.columns.iter().enumerate() {
            let mut found = (0..schema.fields().len()).filter(|i| *schema.field(*i).name() == column.source);
            let place = match (found.next(), found.next()) {
                (Some(place), None) => place,
                (Some(_), Some(_)) => i,
                (None, _) => {
                    return Err(SqlError::new(
                        "INCOMPATIBLE_VIEW_SCHEMA_CHANGE",
                        "51024",
                        format!(
                            "The SQL query of view {} has an incompatible schema change and column {} cannot be \
                             resolved.",
                            quoted(&[&name.catalog, &name.schema, &name.name]),
                            quoted(&[&column.source])
                        ),
                    ));
                }
            };
            let (qualifier, field) = schema.qualified_field(place);
            let mut expr = Expr::Column(Column::new(qualifier.cloned(), field.name()));
            if let Some(wanted) = DataType::parse(&column.type_text).as_ref().and_then(types::to_arrow)
                && types::canonical(field.data_type()) != wanted
            {
                expr = cast(expr, wanted);
            }
            columns.push(named(expr, &column.name));
        }
        let plan = LogicalPlanBuilder::from(planned.plan).project(columns).and_then(LogicalPlanBuilder::build);
        Ok(provider_as_source(Arc::new(ViewTable::new(plan.map_err(plan::explain)?, None))))
    }

    /// Describes a table or view.
    pub(super) async fn describe(&self, name: &TableName) -> Result<TableInfo, SqlError> {
        match self.kind(name, &[])? {
            Kind::View => {
                let view = self.folder().view(name)?;
                let columns = view.columns.iter().enumerate().map(|(position, column)| {
                    let data_type = DataType::parse(&column.type_text).unwrap_or(DataType::Void);
                    ColumnInfo {
                        column: types::column(&column.name, &data_type),
                        position,
                        nullable: true,
                        comment: column.comment.clone(),
                        partition_index: None,
                        default: None,
                        generated: None,
                    }
                });
                Ok(TableInfo {
                    name: name.clone(),
                    table_type: TableType::View,
                    columns: columns.collect(),
                    comment: view.comment.clone(),
                    properties: view.properties.clone(),
                    view_definition: Some(view.query.clone()),
                    storage_location: None,
                    created_at: view.created_at,
                    updated_at: view.updated_at,
                    id: view.id,
                })
            }
            Kind::Table => {
                let dir = self.folder().table_dir(name);
                let delta = self.open_table(name).await?;
                let snapshot = delta.snapshot().map_err(|e| explain(&dir, &e))?;
                let metadata = snapshot.metadata();
                let created_at = metadata.created_time().and_then(DateTime::from_timestamp_millis);
                let updated_at =
                    snapshot.version_timestamp(snapshot.version()).and_then(DateTime::from_timestamp_millis);
                let now = self.now();
                let materialized = self.folder().about(&name.parts())?.materialized;
                let table_type = if materialized.is_some() { TableType::MaterializedView } else { TableType::Managed };
                Ok(TableInfo {
                    name: name.clone(),
                    table_type,
                    columns: columns(&snapshot.schema(), metadata.partition_columns()),
                    comment: metadata.description().map(str::to_owned),
                    properties: metadata.configuration().iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
                    view_definition: materialized.map(|view| view.query),
                    storage_location: Some(dir),
                    created_at: created_at.unwrap_or(now),
                    updated_at: updated_at.or(created_at).unwrap_or(now),
                    id: metadata.id().to_owned(),
                })
            }
        }
    }
}

/// A moment that time travel names, in microseconds.
pub(super) fn moment(text: &str) -> Result<i64, SqlError> {
    functions::parse_timestamp(text).ok_or_else(|| {
        SqlError::new(
            "DELTA_INVALID_TIMESTAMP_FORMAT",
            "22007",
            format!("The provided timestamp {text} does not match the expected syntax yyyy-MM-dd HH:mm:ss[.S]."),
        )
    })
}

/// The versions of a table with what is known of each, newest first.
pub(super) async fn history(table: &DeltaTable, dir: &Path) -> Result<Vec<(u64, CommitInfo)>, SqlError> {
    let infos: Vec<CommitInfo> = table.history(None).try_collect().await.map_err(|e| explain(dir, &e))?;
    let last = table.version().unwrap_or(0);
    Ok((0..=last).rev().zip(infos).collect())
}

/// The columns of a Delta schema.
pub(super) fn columns(schema: &StructType, partitions: &[String]) -> Vec<ColumnInfo> {
    let fields = schema.fields().enumerate();
    fields
        .map(|(position, field)| {
            let arrow = arrow_type(field.data_type());
            let comment = text(field.metadata().get(COMMENT));
            ColumnInfo {
                column: types::column(field.name(), &arrow),
                position,
                nullable: field.is_nullable(),
                comment,
                partition_index: partitions.iter().position(|p| p == field.name()),
                default: text(field.metadata().get(features::DEFAULT)),
                generated: generated(field),
            }
        })
        .collect()
}

fn text(value: Option<&MetadataValue>) -> Option<String> {
    value.map(|value| match value {
        MetadataValue::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// How a column's values come about, as a `CREATE TABLE` says it.
fn generated(field: &StructField) -> Option<String> {
    let get = |key: &str| text(field.metadata().get(key));
    if let Some(expression) = get(features::GENERATION) {
        return Some(format!("GENERATED ALWAYS AS ( {expression} )"));
    }
    let (start, step) = (get(features::IDENTITY_START)?, get(features::IDENTITY_STEP)?);
    let open = get(features::IDENTITY_OPEN).is_some_and(|open| open == "true");
    let how = if open { "BY DEFAULT" } else { "ALWAYS" };
    Some(format!("GENERATED {how} AS IDENTITY (START WITH {start} INCREMENT BY {step})"))
}

fn arrow_type(data_type: &deltalake::kernel::DataType) -> DataType {
    use deltalake::kernel::engine::arrow_conversion::TryIntoArrow as _;
    let arrow: Result<datafusion::arrow::datatypes::DataType, _> = data_type.try_into_arrow();
    arrow.map_or(DataType::Void, |arrow| types::from_arrow(&arrow))
}

/// A column under its lower-case name, with the written name kept beside where it differs.
fn named(expr: Expr, written: &str) -> Expr {
    let lower = written.to_lowercase();
    if lower == written {
        return expr.alias(lower);
    }
    let metadata = BTreeMap::from([(plan::WRITTEN_NAME.to_owned(), written.to_owned())]);
    expr.alias_with_metadata(lower, Some(FieldMetadata::from(metadata)))
}

/// A table whose columns have lower-case names and the types that the engine computes in.
pub(super) fn folded(provider: Arc<dyn TableProvider>) -> Result<Arc<dyn TableSource>, SqlError> {
    let schema: SchemaRef = provider.schema();
    let plain = schema
        .fields()
        .iter()
        .all(|f| f.name().to_lowercase() == *f.name() && types::canonical(f.data_type()) == *f.data_type());
    let source = provider_as_source(provider);
    if plain {
        return Ok(source);
    }
    let columns: Vec<Expr> = schema
        .fields()
        .iter()
        .map(|field| {
            let column = Expr::Column(Column::new_unqualified(field.name()));
            let wanted = types::canonical(field.data_type());
            named(if wanted == *field.data_type() { column } else { cast(column, wanted) }, field.name())
        })
        .collect();
    let plan = LogicalPlanBuilder::scan("stored", source, None)
        .and_then(|scan| scan.project(columns))
        .and_then(LogicalPlanBuilder::build)
        .map_err(plan::explain)?;
    Ok(provider_as_source(Arc::new(ViewTable::new(plan, None))))
}

/// The time of a commit.
pub(super) fn time_of(info: &CommitInfo) -> Option<DateTime<Utc>> {
    info.timestamp.and_then(DateTime::from_timestamp_millis)
}
