//! Which rows of a table differ from the source, and the files that the commit of them needs.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::AsArray as _;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use deltalake::DeltaTable;
use deltalake::kernel::Action;
use futures::{StreamExt as _, TryStreamExt as _};

use super::super::source::{Changes, RowStream, SourceError, SourceTable};
use super::shape::{DELETED, SYNCED, Shape};
use super::{Files, Job, Kind, Pending, folder_url, shaped};

/// Memory that comparing a table may take before it spills to disk.
const MEMORY: usize = 1 << 30;
/// Rows of a table from which on all of it is compared by sorting, which spills, and not by hashing, which does not.
const SORT_ROWS: u64 = 1_000_000;
/// The column that names each row's file.
const FILE: &str = "__kiln_file";

/// A source's rows as a table that can be read once.
struct Once {
    schema: SchemaRef,
    rows: Mutex<Option<RowStream>>,
}

impl std::fmt::Debug for Once {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Once").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl PartitionStream for Once {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).take();
        let rows = rows.unwrap_or_else(|| {
            futures::stream::once(async { Err(SourceError::new("the rows of a source were read twice")) }).boxed()
        });
        let rows = rows.map_err(|error| DataFusionError::External(Box::new(error)));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}

/// An engine's error; one that the source made is given back as it was.
fn failed(error: &DataFusionError) -> SourceError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(own) = error.downcast_ref::<SourceError>() {
            return own.clone();
        }
        if let Some(DataFusionError::External(inner)) = error.downcast_ref::<DataFusionError>()
            && let Some(own) = inner.downcast_ref::<SourceError>()
        {
            return own.clone();
        }
        if let Some(DataFusionError::Shared(inner)) = error.downcast_ref::<DataFusionError>() {
            cause = Some(inner.as_ref());
            continue;
        }
        cause = error.source();
    }
    SourceError::chain(error)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// An identifier of `alias`.
fn of(alias: &str, name: &str) -> String {
    format!("{alias}.{}", quoted(name))
}

/// Finds the rows that differ and writes the commit's files; none if no row differs.
pub(super) async fn prepare(
    job: &Job<'_>,
    shape: &Shape,
    changes: Changes,
    table: DeltaTable,
    existing: &SchemaRef,
) -> Result<Option<Pending>, SourceError> {
    let evolved = evolved(existing, &shape.schema);
    let mut files = Files::begin(job.dir, &evolved)?;
    let result = write(job, shape, changes, &table, existing, &evolved, &mut files).await;
    match result {
        Ok(Some(removes)) => {
            let schema = (evolved != *existing).then_some(evolved);
            let kind = Kind::Change { removes, schema, key: shape.key.clone() };
            let (rows, adds) = (files.rows, std::mem::take(&mut files.adds));
            Ok(Some(Pending { dir: job.dir.to_owned(), table: Some(table), kind, rows, adds }))
        }
        Ok(None) => {
            files.discard();
            Ok(None)
        }
        Err(error) => {
            files.discard();
            Err(error)
        }
    }
}

/// The table's columns, and after them those that are new.
fn evolved(existing: &SchemaRef, read: &SchemaRef) -> SchemaRef {
    let new = read.fields().iter().filter(|f| existing.field_with_name(f.name()).is_err());
    if new.clone().next().is_none() {
        return Arc::clone(existing);
    }
    Arc::new(Schema::new(existing.fields().iter().chain(new).cloned().collect::<Vec<_>>()))
}

/// Writes the rows that differ, then what else the files with their earlier versions hold; returns the removal of those
/// files, or nothing if no row differs.
async fn write(
    job: &Job<'_>,
    shape: &Shape,
    changes: Changes,
    table: &DeltaTable,
    existing: &SchemaRef,
    evolved: &SchemaRef,
    files: &mut Files,
) -> Result<Option<Vec<Action>>, SourceError> {
    let stored = table.snapshot().map_err(|e| SourceError::chain(&e))?.log_data();
    let stored: u64 = stored.iter().map(|file| file.num_records().unwrap_or_default() as u64).sum();
    let whole = matches!(changes, Changes::Snapshot { .. } | Changes::Keyed { .. });
    let context = session(whole && stored > SORT_ROWS)?;
    let provider = table.table_provider().with_file_column(FILE).await.map_err(|e| failed(&e))?;
    context.register_table("t", provider).map_err(|e| failed(&e))?;

    let queries = Queries { shape, existing, evolved, job };
    match changes {
        Changes::Nothing { .. } => return Ok(None),
        Changes::Snapshot { rows, .. } => {
            register(&context, "s", shape, shaped(shape.clone(), rows, job.synced))?;
            run(&context, &queries.compared(), evolved, files).await?;
        }
        Changes::Keyed { rows, keys, .. } => {
            register(&context, "s", shape, shaped(shape.clone(), rows, job.synced))?;
            run(&context, &queries.changed(), evolved, files).await?;
            let columns = job.table.key.iter().filter_map(|key| job.table.columns.field_with_name(key).ok().cloned());
            let columns: Vec<_> = columns.collect();
            let table = SourceTable { columns: Arc::new(Schema::new(columns)), ..job.table.clone() };
            let mut of_key = Shape::new(&table, job.choices)?;
            of_key.fit(existing)?;
            register(&context, "k", &of_key, shaped(of_key.clone(), keys, job.synced))?;
            run(&context, &queries.gone(), evolved, files).await?;
        }
        Changes::Delta { rows, deleted, .. } => {
            register(&context, "s", shape, shaped(shape.clone(), rows, job.synced))?;
            run(&context, &queries.changed(), evolved, files).await?;
            register(&context, "d", shape, shaped(shape.clone(), deleted, job.synced))?;
            run(&context, &queries.deleted(), evolved, files).await?;
        }
    }
    if files.rows == 0 {
        return Ok(None);
    }
    let written = files.end().await?;

    // The rows that differ are on disk now; where are their earlier versions?
    let root = folder_url(job.dir)?;
    let urls: Vec<String> = written
        .iter()
        .map(|add| root.join(&add.path).map(String::from))
        .collect::<Result<_, _>>()
        .map_err(|e| SourceError::chain(&e))?;
    let options = ParquetReadOptions::default().schema(evolved);
    let changed = context.read_parquet(urls, options).await.map_err(|e| failed(&e))?;
    context.register_table("c", changed.into_view()).map_err(|e| failed(&e))?;
    let names = file_names(&context, &queries.files()).await?;
    if names.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let state = table.snapshot().map_err(|e| SourceError::chain(&e))?;
    let log_store = table.log_store();
    let views: Vec<_> = state
        .snapshot()
        .file_views(log_store.as_ref(), None)
        .try_filter(|view| std::future::ready(names.contains(last_part(&view.path()))))
        .try_collect()
        .await
        .map_err(|e| SourceError::chain(&e))?;
    let paths: Vec<String> = views.iter().map(|view| view.path().into_owned()).collect();
    let provider = table.table_provider().with_file_paths(paths).await.map_err(|e| failed(&e))?;
    context.deregister_table("t").map_err(|e| failed(&e))?;
    context.register_table("t", provider).map_err(|e| failed(&e))?;
    let differing = files.rows;
    run(&context, &queries.kept(), evolved, files).await?;
    files.rows = differing;
    files.end().await?;
    Ok(Some(views.iter().map(|view| Action::Remove(view.remove_action(true))).collect()))
}

fn session(by_sorting: bool) -> Result<SessionContext, SourceError> {
    let mut config = SessionConfig::new().with_target_partitions(2).with_information_schema(false);
    config.options_mut().optimizer.prefer_hash_join = !by_sorting;
    // Tables hold plain strings, and what is written must have the table's own types.
    config.options_mut().execution.parquet.schema_force_view_types = false;
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(FairSpillPool::new(MEMORY))).build_arc();
    Ok(SessionContext::new_with_config_rt(config, runtime.map_err(|e| failed(&e))?))
}

fn register(context: &SessionContext, name: &str, shape: &Shape, rows: RowStream) -> Result<(), SourceError> {
    let once = Once { schema: Arc::clone(&shape.schema), rows: Mutex::new(Some(rows)) };
    let table = StreamingTable::try_new(Arc::clone(&shape.schema), vec![Arc::new(once)]).map_err(|e| failed(&e))?;
    context.register_table(name, Arc::new(table)).map(|_| ()).map_err(|e| failed(&e))
}

/// Runs a query and writes its rows.
async fn run(context: &SessionContext, sql: &str, evolved: &SchemaRef, files: &mut Files) -> Result<(), SourceError> {
    let query = context.sql(sql).await.map_err(|e| failed(&e))?;
    let mut rows = query.execute_stream().await.map_err(|e| failed(&e))?;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|e| failed(&e))?;
        let columns = batch
            .columns()
            .iter()
            .zip(evolved.fields())
            .map(|(array, field)| cast(array, field.data_type()))
            .collect::<Result<Vec<_>, _>>()
            .and_then(|columns| datafusion::arrow::array::RecordBatch::try_new(Arc::clone(evolved), columns))
            .map_err(|e| SourceError::chain(&e))?;
        files.write(columns).await?;
    }
    Ok(())
}

/// Runs a query for names of files and returns their last parts.
async fn file_names(context: &SessionContext, sql: &str) -> Result<HashSet<String>, SourceError> {
    let query = context.sql(sql).await.map_err(|e| failed(&e))?;
    let mut names = HashSet::new();
    for batch in query.collect().await.map_err(|e| failed(&e))? {
        let column = cast(batch.column(0), &DataType::Utf8).map_err(|e| SourceError::chain(&e))?;
        names.extend(column.as_string::<i32>().iter().flatten().map(|name| last_part(name).to_owned()));
    }
    Ok(names)
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The queries, over `t` (the table), `s` (the source's rows), `d` (rows gone) and `c` (the rows that differ).
struct Queries<'a> {
    shape: &'a Shape,
    existing: &'a SchemaRef,
    evolved: &'a SchemaRef,
    job: &'a Job<'a>,
}

impl Queries<'_> {
    fn on(&self, left: &str, right: &str) -> String {
        let pairs: Vec<String> =
            self.shape.key.iter().map(|key| format!("{} = {}", of(left, key), of(right, key))).collect();
        pairs.join(" AND ")
    }

    fn has(schema: &SchemaRef, name: &str) -> bool {
        schema.field_with_name(name).is_ok()
    }

    /// The table's value of a column, NULL where the table does not have it yet.
    fn stored(&self, name: &str) -> String {
        if Self::has(self.existing, name) { of("t", name) } else { "NULL".to_owned() }
    }

    /// The source's value of a column; columns that the source no longer has are NULL from now on.
    fn read(&self, name: &str) -> String {
        if Self::has(&self.shape.schema, name) { of("s", name) } else { "NULL".to_owned() }
    }

    /// Whether rows of `s` and `t` with one key differ.
    fn differs(&self) -> String {
        let mut text = format!("coalesce({}, false)", of("t", DELETED));
        for name in self.shape.data_columns().filter(|name| !self.shape.key.iter().any(|key| key == name)) {
            // Writing to a string cannot fail.
            let _ = write!(text, " OR ({} IS DISTINCT FROM {})", of("s", name), self.stored(name));
        }
        text
    }

    fn select(&self, value: impl Fn(&str) -> String) -> String {
        let columns: Vec<String> =
            self.evolved.fields().iter().map(|f| format!("{} AS {}", value(f.name()), quoted(f.name()))).collect();
        columns.join(", ")
    }

    fn synced(&self) -> String {
        format!("to_timestamp_micros({})", self.job.synced.timestamp_micros())
    }

    /// All rows of the source against all rows of the table.
    fn compared(&self) -> String {
        let here = format!("{} IS NOT NULL", of("s", &self.shape.key[0]));
        let known = format!("{} IS NOT NULL", of("t", &self.shape.key[0]));
        let columns = self.select(|name| match name {
            DELETED => format!("NOT ({here})"),
            // Deletes that only a re-sync found do not count as brought by it.
            SYNCED if self.job.historical => {
                format!("CASE WHEN {here} THEN {} ELSE {} END", of("s", name), of("t", name))
            }
            SYNCED => self.synced(),
            name => format!("CASE WHEN {here} THEN {} ELSE {} END", self.read(name), self.stored(name)),
        });
        format!(
            "SELECT {columns} FROM s FULL JOIN t ON {} WHERE CASE WHEN {here} AND {known} THEN {} WHEN {here} THEN true \
             ELSE NOT coalesce({}, false) END",
            self.on("s", "t"),
            self.differs(),
            of("t", DELETED)
        )
    }

    /// Rows that the source says are new or changed.
    fn changed(&self) -> String {
        let columns = self.select(|name| self.read(name));
        format!(
            "SELECT {columns} FROM s LEFT JOIN t ON {} WHERE {} IS NULL OR {}",
            self.on("s", "t"),
            of("t", &self.shape.key[0]),
            self.differs()
        )
    }

    /// Rows that the source says are gone, with the values that the table has.
    fn deleted(&self) -> String {
        let columns = self.select(|name| match name {
            DELETED => "true".to_owned(),
            SYNCED => self.synced(),
            name => self.stored(name),
        });
        format!(
            "SELECT {columns} FROM d JOIN t ON {} WHERE NOT coalesce({}, false)",
            self.on("d", "t"),
            of("t", DELETED)
        )
    }

    /// Rows of the table whose keys the source no longer has.
    fn gone(&self) -> String {
        let columns = self.select(|name| match name {
            DELETED => "true".to_owned(),
            SYNCED => self.synced(),
            name => self.stored(name),
        });
        format!(
            "SELECT {columns} FROM k RIGHT ANTI JOIN t ON {} WHERE NOT coalesce({}, false)",
            self.on("k", "t"),
            of("t", DELETED)
        )
    }

    /// The files that hold earlier versions of the rows that differ.
    fn files(&self) -> String {
        format!("SELECT DISTINCT {} FROM c RIGHT SEMI JOIN t ON {}", of("t", FILE), self.on("c", "t"))
    }

    /// The rows of those files that stay as they are.
    fn kept(&self) -> String {
        let columns = self.select(|name| self.stored(name));
        format!("SELECT {columns} FROM c RIGHT ANTI JOIN t ON {}", self.on("c", "t"))
    }
}
