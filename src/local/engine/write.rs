//! Writing Delta tables: rows stream into new files, and one commit makes them the table.
//!
//! Until the commit nobody sees the files; when a statement fails or is cancelled they are removed again.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::compute::{filter_record_batch, is_not_null};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::execution::SendableRecordBatchStream;
use deltalake::datafile::writer::{DeltaWriter, WriterConfig};
use deltalake::kernel::transaction::{
    CommitBuilder, CommitConflictError, CommitProperties, TableReference, TransactionError,
};
use deltalake::kernel::{
    Action, Add, AddCDCFile, Metadata, MetadataExt as _, MetadataValue, StructField, StructType, new_metadata,
};
use deltalake::logstore::LogStoreRef;
use deltalake::operations::get_num_idx_cols_and_stats_columns;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use futures::TryStreamExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::catalog::quoted;
use super::delta::{address, explain};
use super::error::SqlError;
use super::functions::cast;
use super::plan::{self, Planned};
use super::run;
use super::{changes, conflict, features};

/// Under this key of a commit stands what the history calls it, where the library's name is another.
pub(super) const OPERATION: &str = "kilnOperation";
/// Under this key of a commit stand the files that a `COPY INTO` took.
pub(super) const COPIED: &str = "kilnCopied";
/// Rows that are written together.
const ROWS: usize = 8192;
/// Files grow to about this size.
const FILE_BYTES: u64 = 128 << 20;

/// Files that no version of a table refers to yet.
#[derive(Debug)]
pub(super) struct Files {
    /// What the commit adds.
    pub(super) adds: Vec<Add>,
    /// How many rows they hold.
    pub(super) rows: u64,
    /// What else changes in the commit that adds them.
    pub(super) also: Vec<Action>,
    /// Removes them unless they are committed.
    cleanup: Cleanup,
}

impl Files {
    /// No files, of a table in this folder: what is put there from now on is removed again unless it is committed.
    pub(super) fn beside(dir: &Path) -> Self {
        Self { adds: Vec::new(), rows: 0, also: Vec::new(), cleanup: Cleanup::new(dir) }
    }
}

/// Removes the files that were not there before, unless told that all went well.
#[derive(Debug)]
struct Cleanup {
    dir: PathBuf,
    before: HashSet<PathBuf>,
    existed: bool,
    armed: bool,
}

impl Cleanup {
    fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), before: data_files(dir).into_iter().collect(), existed: dir.exists(), armed: true }
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        // What cannot be removed does no harm: no version refers to it.
        if !self.existed && !self.dir.join("_delta_log").exists() {
            let _ = fs_err::remove_dir_all(&self.dir);
            return;
        }
        for file in data_files(&self.dir) {
            if !self.before.contains(&file) {
                let _ = fs_err::remove_file(file);
            }
        }
    }
}

/// The data files in a table's folder, those in folders of partitions included.
fn data_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs_err::read_dir(dir) else { return found };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() && (!name.starts_with('_') || name == changes::FOLDER) {
            found.extend(data_files(&path));
        } else if name.contains(".parquet") {
            found.push(path);
        }
    }
    found
}

/// Where a table's files go.
pub(super) fn log_store(dir: &Path) -> Result<LogStoreRef, SqlError> {
    let builder = DeltaTableBuilder::from_url(address(dir)?).map_err(|e| explain(dir, &e))?;
    builder.build_storage().map_err(|e| explain(dir, &e))
}

/// Runs a query into files of the schema: columns go by position, and are converted to its types.
///
/// A last column [`changes::CHANGE`] says what happened to a row, if anything: such rows go into the change data, too.
pub(super) async fn files(
    planned: &Planned,
    dir: &Path,
    schema: &SchemaRef,
    partitions: &[String],
    cancel: &CancellationToken,
) -> Result<Files, SqlError> {
    let cleanup = Cleanup::new(dir);
    let mut files = Files { adds: Vec::new(), rows: 0, also: Vec::new(), cleanup };
    let shape = Shape::new(dir, schema, partitions);
    let (_, streams) = run::streams(planned).await?;
    let mut writers = JoinSet::new();
    for stream in streams {
        let told = has_changes(planned).then(|| shape.change_writer()).transpose()?;
        writers.spawn(shape.clone().write(stream, Some(shape.writer()?), told));
    }
    gather(&mut files, writers, cancel).await?;
    Ok(files)
}

/// Adds rows that a statement takes away to the change data: their last column is [`changes::CHANGE`].
pub(super) async fn changed(
    files: &mut Files,
    planned: &Planned,
    dir: &Path,
    schema: &SchemaRef,
    partitions: &[String],
    cancel: &CancellationToken,
) -> Result<(), SqlError> {
    let shape = Shape::new(dir, schema, partitions);
    let (_, streams) = run::streams(planned).await?;
    let mut writers = JoinSet::new();
    for stream in streams {
        writers.spawn(shape.clone().write(stream, None, Some(shape.change_writer()?)));
    }
    gather(files, writers, cancel).await
}

/// Whether the last column of a query says what happens to its rows.
pub(super) fn has_changes(planned: &Planned) -> bool {
    planned.names.last().is_some_and(|name| name == changes::CHANGE)
}

/// How rows go into the files of a table.
#[derive(Clone, Debug)]
struct Shape {
    dir: PathBuf,
    /// The columns as statements call them.
    logical: SchemaRef,
    /// The columns as the files call them.
    physical: SchemaRef,
    partitions: Vec<String>,
}

/// What a writer leaves: files, how many rows they hold, and files of changes.
type Written = (Vec<Add>, u64, Vec<Add>);

impl Shape {
    fn new(dir: &Path, schema: &SchemaRef, partitions: &[String]) -> Self {
        Self {
            dir: dir.to_owned(),
            logical: Arc::clone(schema),
            physical: features::in_files(schema),
            partitions: partitions.iter().map(|name| features::name_in_files(schema, name)).collect(),
        }
    }

    fn writer(&self) -> Result<DeltaWriter, SqlError> {
        self.writer_into(&self.dir, Arc::clone(&self.physical))
    }

    fn change_writer(&self) -> Result<DeltaWriter, SqlError> {
        self.writer_into(&self.dir.join(changes::FOLDER), self.with_change())
    }

    fn writer_into(&self, dir: &Path, schema: SchemaRef) -> Result<DeltaWriter, SqlError> {
        let (indexed, statistics) = get_num_idx_cols_and_stats_columns(None, HashMap::new());
        let config = WriterConfig::new(
            schema,
            self.partitions.clone(),
            None,
            std::num::NonZeroU64::new(FILE_BYTES),
            Some(ROWS),
            indexed,
            statistics,
        );
        Ok(DeltaWriter::new(log_store(dir)?.object_store(None), config))
    }

    /// The columns of files of changes.
    fn with_change(&self) -> SchemaRef {
        let change = Arc::new(Field::new(changes::CHANGE, DataType::Utf8, true));
        let fields: Vec<_> = self.physical.fields().iter().cloned().chain([change]).collect();
        Arc::new(Schema::new(fields))
    }

    async fn write(
        self,
        mut stream: SendableRecordBatchStream,
        mut data: Option<DeltaWriter>,
        mut told: Option<DeltaWriter>,
    ) -> Result<Written, SqlError> {
        let mut rows = 0;
        let failed = loop {
            match stream.try_next().await.map_err(plan::explain) {
                Ok(None) => break None,
                Err(error) => break Some(error),
                Ok(Some(batch)) if batch.num_rows() == 0 => {}
                Ok(Some(batch)) => {
                    if let Err(error) = self.put(&batch, data.as_mut(), told.as_mut()).await {
                        break Some(error);
                    }
                    rows += batch.num_rows() as u64;
                }
            }
        };
        if let Some(error) = failed {
            for writer in [data, told].into_iter().flatten() {
                let _ = writer.abort().await;
            }
            return Err(error);
        }
        let fail = |e: DeltaTableError| explain(&self.dir, &e);
        let adds = match data {
            Some(writer) => writer.close().await.map_err(fail)?,
            None => Vec::new(),
        };
        let told = match told {
            Some(writer) => writer.close().await.map_err(fail)?,
            None => Vec::new(),
        };
        Ok((adds, rows, told))
    }

    async fn put(
        &self,
        batch: &RecordBatch,
        data: Option<&mut DeltaWriter>,
        told: Option<&mut DeltaWriter>,
    ) -> Result<(), SqlError> {
        let rows = conform(batch, &self.logical, &self.physical)?;
        if let Some(writer) = data {
            writer.write(&rows).await.map_err(|e| explain(&self.dir, &e))?;
        }
        let Some(writer) = told else { return Ok(()) };
        let fail = |e: ArrowError| plan::explain(e.into());
        let change =
            cast::convert(batch.column(batch.num_columns() - 1), &DataType::Utf8, false).map_err(plan::explain)?;
        let happened = is_not_null(&change).map_err(fail)?;
        let columns = rows.columns().iter().cloned().chain([change]).collect();
        let rows = RecordBatch::try_new(self.with_change(), columns).map_err(fail)?;
        let rows = filter_record_batch(&rows, &happened).map_err(fail)?;
        if rows.num_rows() > 0 {
            writer.write(&rows).await.map_err(|e| explain(&self.dir, &e))?;
        }
        Ok(())
    }
}

/// Waits for writers, and takes what they leave.
async fn gather(
    files: &mut Files,
    mut writers: JoinSet<Result<Written, SqlError>>,
    cancel: &CancellationToken,
) -> Result<(), SqlError> {
    loop {
        let next = tokio::select! {
            biased;
            () = cancel.cancelled() => {
                writers.shutdown().await;
                return Err(SqlError::canceled());
            }
            next = writers.join_next() => next,
        };
        match next {
            None => return Ok(()),
            Some(Ok(Ok((adds, rows, told)))) => {
                if !adds.is_empty() || told.is_empty() {
                    files.rows += rows;
                }
                files.adds.extend(adds);
                files.also.extend(told.into_iter().map(change_file));
            }
            Some(Ok(Err(error))) => {
                writers.shutdown().await;
                return Err(error);
            }
            Some(Err(error)) => {
                writers.shutdown().await;
                return Err(SqlError::internal(format!("A writer ended early: {error}.")));
            }
        }
    }
}

/// A file of changes in a commit.
fn change_file(file: Add) -> Action {
    Action::Cdc(AddCDCFile {
        path: format!("{}/{}", changes::FOLDER, file.path),
        size: file.size,
        partition_values: file.partition_values,
        data_change: false,
        tags: None,
    })
}

/// Converts a batch to the schema of a table as its files have it, and holds it to NOT NULL.
fn conform(batch: &RecordBatch, logical: &SchemaRef, schema: &SchemaRef) -> Result<RecordBatch, SqlError> {
    let mut columns = Vec::with_capacity(schema.fields().len());
    for (i, (column, field)) in batch.columns().iter().zip(schema.fields()).enumerate() {
        let column = if column.data_type() == field.data_type() {
            Arc::clone(column)
        } else {
            cast::convert(column, field.data_type(), false).map_err(plan::explain)?
        };
        if !field.is_nullable() && column.null_count() > 0 {
            return Err(SqlError::new(
                "DELTA_NOT_NULL_CONSTRAINT_VIOLATED",
                "23502",
                format!("NOT NULL constraint violated for column: {}.", quoted(&[logical.field(i).name()])),
            ));
        }
        columns.push(column);
    }
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(|e| plan::explain(e.into()))
}

/// What a table is, apart from its rows.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    /// The columns, with their comments.
    pub(super) schema: StructType,
    /// The columns that part it into folders.
    pub(super) partitions: Vec<String>,
    /// What it is for.
    pub(super) comment: Option<String>,
    /// Properties.
    pub(super) properties: Vec<(String, String)>,
}

impl Definition {
    /// Changes what is known of one column.
    pub(super) fn change_column(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut HashMap<String, MetadataValue>),
    ) -> Result<(), SqlError> {
        let mut change = Some(change);
        let fields: Vec<StructField> = self
            .schema
            .fields()
            .map(|field| match change.take_if(|_| field.name().eq_ignore_ascii_case(name)) {
                None => field.clone(),
                Some(change) => {
                    let mut metadata = field.metadata().clone();
                    change(&mut metadata);
                    StructField::new(field.name(), field.data_type().clone(), field.is_nullable())
                        .with_metadata(metadata)
                }
            })
            .collect();
        self.schema = StructType::try_new(fields).map_err(|e| SqlError::internal(e.to_string()))?;
        Ok(())
    }
}

/// Makes a new table of these files, in one commit.
pub(super) async fn create(dir: &Path, definition: Definition, files: Option<Files>) -> Result<(), SqlError> {
    let (adds, mut cleanup) = taken(files);
    let store = log_store(dir)?;
    let fail = |e: DeltaTableError| commit_error(dir, &e);
    let protocol = features::protocol(&definition, None)?;
    let metadata = metadata(&definition, None).map_err(fail)?;
    let operation = DeltaOperation::Create {
        mode: SaveMode::ErrorIfExists,
        location: address(dir)?,
        protocol: protocol.clone(),
        metadata: metadata.clone(),
    };
    let mut actions = vec![Action::Protocol(protocol), Action::Metadata(metadata)];
    actions.extend(adds);
    let builder = CommitBuilder::from(CommitProperties::default()).with_actions(actions);
    let made = builder.build(None, store, operation).await.map(|_| ()).map_err(fail);
    disarm(&mut cleanup, &made);
    made
}

/// Gives a table another definition and other rows, in one commit that keeps its identity and history.
pub(super) async fn replace(
    table: &DeltaTable,
    dir: &Path,
    definition: Definition,
    files: Option<Files>,
) -> Result<(), SqlError> {
    let (mut actions, mut cleanup) = taken(files);
    let fail = |e: DeltaTableError| commit_error(dir, &e);
    let snapshot = table.snapshot().map_err(fail)?;
    let metadata = metadata(&definition, Some(snapshot.metadata())).map_err(fail)?;
    let protocol = features::protocol(&definition, Some(snapshot.protocol()))?;
    let operation = DeltaOperation::Create {
        mode: SaveMode::Overwrite,
        location: table.table_url().clone(),
        protocol: protocol.clone(),
        metadata: metadata.clone(),
    };
    if protocol != *snapshot.protocol() {
        actions.push(Action::Protocol(protocol));
    }
    actions.push(Action::Metadata(metadata));
    actions.extend(removals(table).await.map_err(fail)?);
    let made = commit_alone(table, dir, actions, CommitProperties::default(), operation).await;
    disarm(&mut cleanup, &made);
    made
}

/// Adds rows to a table; with `overwrite` they take the place of all that it holds.
pub(super) async fn append(table: &DeltaTable, dir: &Path, files: Files, overwrite: bool) -> Result<(), SqlError> {
    let snapshot = table.snapshot().map_err(|e| commit_error(dir, &e))?;
    let partitions = snapshot.metadata().partition_columns().to_vec();
    let mode = if overwrite { SaveMode::Overwrite } else { SaveMode::Append };
    let partition_by = (!partitions.is_empty()).then_some(partitions);
    let operation = DeltaOperation::Write { mode, partition_by, predicate: None };
    if overwrite { rewrite(table, dir, Some(files), operation).await } else { add(table, dir, files, operation).await }
}

/// Adds rows to a table; the history calls it by the operation.
pub(super) async fn add(
    table: &DeltaTable,
    dir: &Path,
    files: Files,
    operation: DeltaOperation,
) -> Result<(), SqlError> {
    let (actions, mut cleanup) = taken(Some(files));
    let made = commit_beside(table, dir, &actions, &[], operation).await;
    disarm(&mut cleanup, &made);
    made
}

/// Adds rows that came from files; the commit says from which.
pub(super) async fn copied(table: &DeltaTable, dir: &Path, files: Files, from: &[String]) -> Result<(), SqlError> {
    let (actions, mut cleanup) = taken(Some(files));
    let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
    let told = [(COPIED.to_owned(), from.into()), (OPERATION.to_owned(), "COPY INTO".into())];
    let made = commit_beside(table, dir, &actions, &told, operation).await;
    disarm(&mut cleanup, &made);
    made
}

/// Puts these rows in the place of all rows; the history calls it by the operation.
pub(super) async fn rewrite(
    table: &DeltaTable,
    dir: &Path,
    rows: Option<Files>,
    operation: DeltaOperation,
) -> Result<(), SqlError> {
    let gone = removals(table).await.map_err(|e| commit_error(dir, &e))?;
    exchange(table, dir, gone, rows, operation).await
}

/// Puts these rows in the place of files that go; the history calls it by the operation.
pub(super) async fn exchange(
    table: &DeltaTable,
    dir: &Path,
    gone: Vec<Action>,
    rows: Option<Files>,
    operation: DeltaOperation,
) -> Result<(), SqlError> {
    let (mut actions, mut cleanup) = taken(rows);
    actions.extend(gone);
    let made = commit_alone(table, dir, actions, CommitProperties::default(), operation).await;
    disarm(&mut cleanup, &made);
    made
}

/// Changes what a table is, and nothing of its files. The history calls it so, and tells these particulars.
pub(super) async fn alter(
    table: &DeltaTable,
    dir: &Path,
    definition: &Definition,
    called: &str,
    told: &[(String, String)],
) -> Result<(), SqlError> {
    let operation = DeltaOperation::SetTableProperties { properties: told.iter().cloned().collect() };
    // The library has no name for most of what can be altered.
    let properties = CommitProperties::default().with_metadata([(OPERATION.to_owned(), called.into())]);
    commit_alone(table, dir, redefinition(table, definition, dir)?, properties, operation).await
}

/// What gives a table another definition.
pub(super) fn redefinition(table: &DeltaTable, definition: &Definition, dir: &Path) -> Result<Vec<Action>, SqlError> {
    let fail = |e: DeltaTableError| commit_error(dir, &e);
    let snapshot = table.snapshot().map_err(fail)?;
    let mut actions = vec![Action::Metadata(metadata(definition, Some(snapshot.metadata())).map_err(fail)?)];
    let protocol = features::protocol(definition, Some(snapshot.protocol()))?;
    if protocol != *snapshot.protocol() {
        actions.push(Action::Protocol(protocol));
    }
    Ok(actions)
}

/// The definition that a table has now.
pub(super) fn definition(table: &DeltaTable, dir: &Path) -> Result<Definition, SqlError> {
    let snapshot = table.snapshot().map_err(|e| explain(dir, &e))?;
    let metadata = snapshot.metadata();
    let mut properties: Vec<(String, String)> =
        metadata.configuration().iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    properties.sort();
    Ok(Definition {
        schema: snapshot.schema().as_ref().clone(),
        partitions: metadata.partition_columns().to_vec(),
        comment: metadata.description().map(str::to_owned),
        properties,
    })
}

fn metadata(definition: &Definition, old: Option<&Metadata>) -> Result<Metadata, DeltaTableError> {
    let properties = definition.properties.iter().map(|(k, v)| (k.as_str(), v.as_str()));
    let mut metadata = new_metadata(&definition.schema, definition.partitions.iter().map(String::as_str), properties)?;
    if let Some(comment) = &definition.comment {
        metadata = metadata.with_description(comment.clone())?;
    }
    match old {
        Some(old) => Ok(metadata.with_table_id(old.id().to_owned())?),
        None => Ok(metadata),
    }
}

fn taken(files: Option<Files>) -> (Vec<Action>, Option<Cleanup>) {
    match files {
        Some(files) => {
            let adds = files.adds.into_iter().map(Action::Add);
            (adds.chain(files.also).collect(), Some(files.cleanup))
        }
        None => (Vec::new(), None),
    }
}

fn disarm(cleanup: &mut Option<Cleanup>, made: &Result<impl Sized, SqlError>) {
    if let (Some(cleanup), Ok(_)) = (cleanup, made) {
        cleanup.armed = false;
    }
}

/// What takes all files out of a table.
pub(super) async fn removals(table: &DeltaTable) -> Result<Vec<Action>, DeltaTableError> {
    let store = table.log_store();
    let snapshot = table.snapshot()?.snapshot();
    let files = snapshot.file_views(&store, None);
    files.map_ok(|file| Action::Remove(file.remove_action(true))).try_collect().await
}

/// Commits what only adds rows: it holds whatever rows have come or gone since.
async fn commit_beside(
    table: &DeltaTable,
    dir: &Path,
    actions: &[Action],
    told: &[(String, serde_json::Value)],
    operation: DeltaOperation,
) -> Result<(), SqlError> {
    let fail = |e: DeltaTableError| commit_error(dir, &e);
    let mut table = table.clone();
    let read = table.snapshot().map_err(fail)?.metadata().clone();
    loop {
        let snapshot = table.snapshot().map_err(fail)?;
        if *snapshot.metadata() != read {
            return Err(conflict::found(dir, &CommitConflictError::MetadataChanged));
        }
        let properties = CommitProperties::default().with_metadata(told.iter().cloned());
        let builder = CommitBuilder::from(properties).with_actions(actions.to_vec());
        let made = builder.build(Some(snapshot as &dyn TableReference), table.log_store(), operation.clone()).await;
        match made {
            Ok(_) => return Ok(()),
            // The library takes an append for something that has read the table.
            Err(DeltaTableError::Transaction {
                source: TransactionError::CommitConflict(CommitConflictError::ConcurrentDeleteRead),
            }) => table.update_state().await.map_err(fail)?,
            Err(error) => return Err(fail(error)),
        }
    }
}

/// Commits what is only true of the version that was read: fails if there is a newer one.
async fn commit_alone(
    table: &DeltaTable,
    dir: &Path,
    actions: Vec<Action>,
    properties: CommitProperties,
    operation: DeltaOperation,
) -> Result<(), SqlError> {
    let snapshot = table.snapshot().map_err(|e| commit_error(dir, &e))?;
    let gone: HashSet<String> = actions.iter().filter_map(removed).map(str::to_owned).collect();
    // The library would read predicates in its own dialect to find out whether a newer version matters.
    let builder = CommitBuilder::from(properties).with_max_retries(0).with_actions(actions);
    let made = builder.build(Some(snapshot as &dyn TableReference), table.log_store(), operation).await;
    match made {
        Ok(_) => Ok(()),
        Err(DeltaTableError::Transaction { source: TransactionError::MaxCommitAttempts(_) }) => {
            Err(conflict::with_newer(table, dir, &gone).await)
        }
        Err(error) => Err(commit_error(dir, &error)),
    }
}

fn removed(action: &Action) -> Option<&str> {
    match action {
        Action::Remove(remove) => Some(&remove.path),
        _ => None,
    }
}

/// An error of a commit.
pub(super) fn commit_error(dir: &Path, error: &DeltaTableError) -> SqlError {
    match error {
        DeltaTableError::Transaction { source: TransactionError::DeltaTableAppendOnly } => {
            let text =
                "This table is configured to only allow appends: set 'delta.appendOnly' to 'false' to change its rows.";
            SqlError::new("DELTA_CANNOT_MODIFY_APPEND_ONLY", "42809", text)
        }
        DeltaTableError::Transaction { source: TransactionError::CommitConflict(found) } => conflict::found(dir, found),
        other => explain(dir, other),
    }
}
