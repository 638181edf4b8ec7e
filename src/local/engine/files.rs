//! Rows into the files of a table.
//!
//! Until a commit nobody sees the files; when a statement fails or is cancelled they are removed again.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::compute::{filter_record_batch, is_not_null};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::execution::SendableRecordBatchStream;
use deltalake::datafile::writer::{DeltaWriter, WriterConfig};
use deltalake::kernel::{Action, Add, AddCDCFile};
use deltalake::logstore::LogStoreRef;
use deltalake::operations::get_num_idx_cols_and_stats_columns;
use deltalake::{DeltaTableBuilder, DeltaTableError};
use futures::TryStreamExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::catalog::quoted;
use super::delta::{address, explain};
use super::error::SqlError;
use super::functions::cast;
use super::plan::{self, Planned};
use super::{changes, features, reading, run};

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
pub(super) struct Cleanup {
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
pub(super) async fn write(
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
pub(super) async fn write_changes(
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

/// What a commit of these files says, and what to keep if it is made.
pub(super) fn taken(files: Option<Files>) -> (Vec<Action>, Option<Cleanup>) {
    match files {
        Some(files) => {
            reading::wrote(files.adds.iter().map(|add| add.size.unsigned_abs()).sum());
            let adds = files.adds.into_iter().map(Action::Add);
            (adds.chain(files.also).collect(), Some(files.cleanup))
        }
        None => (Vec::new(), None),
    }
}

/// Keeps the files if the commit was made.
pub(super) fn disarm(cleanup: &mut Option<Cleanup>, made: &Result<impl Sized, SqlError>) {
    if let (Some(cleanup), Ok(_)) = (cleanup, made) {
        cleanup.armed = false;
    }
}
