//! From a source's rows to a commit on a Delta table.
//!
//! [`prepare`] reads the rows and writes the data files that are needed, which no reader of the table sees; the
//! [`Pending`] that it returns commits them in one step. Nothing is pending where nothing changed. A table's first load
//! streams into its files; later ones find the rows that differ (`diff`), and rewrite only files that hold one of them.

mod diff;
mod shape;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use deltalake::kernel::engine::arrow_conversion::{TryIntoArrow as _, TryIntoKernel as _};
use deltalake::kernel::transaction::CommitBuilder;
use deltalake::kernel::{Action, Add, MetadataExt as _, StructType};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::writer::{DeltaWriter as _, RecordBatchWriter};
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use futures::StreamExt as _;
use url::Url;

use super::source::{Changes, RowStream, SourceError, SourceTable};
pub(super) use shape::ColumnChoice;
use shape::{KeyGuard, Shape};

/// Size at which a data file is closed and the next begun.
const FILE_BYTES: u64 = 128 << 20;

/// What is to be replicated into which table.
pub(super) struct Job<'a> {
    /// The table as the source has it.
    pub(super) table: &'a SourceTable,
    /// Its replicated columns, by their names in the source.
    pub(super) choices: &'a HashMap<String, ColumnChoice>,
    /// The folder of the Delta table.
    pub(super) dir: &'a Path,
    /// When the sync began: `_fivetran_synced` of the rows that it brings.
    pub(super) synced: DateTime<Utc>,
    /// Whether everything is loaded again; then a table that no longer fits is made anew.
    pub(super) historical: bool,
    /// Whether the key is another than that of the rows in the table.
    pub(super) new_key: bool,
}

/// A commit that is ready to be made.
pub(super) struct Pending {
    dir: PathBuf,
    /// The table as it was read; none if it is made with this commit.
    table: Option<DeltaTable>,
    kind: Kind,
    /// Rows that the commit adds or changes.
    pub(super) rows: u64,
    adds: Vec<Add>,
}

enum Kind {
    /// The table is made, or made anew.
    Create { schema: SchemaRef },
    /// Rows change; with new columns, the schema too.
    Change { removes: Vec<Action>, schema: Option<SchemaRef>, key: Vec<String> },
}

/// Opens the Delta table in a folder; none if there is none.
pub(super) async fn open(dir: &Path) -> Result<Option<DeltaTable>, SourceError> {
    if !dir.join("_delta_log").is_dir() {
        return Ok(None);
    }
    let failed = |error: DeltaTableError| {
        SourceError::new(format!("cannot open the table in {}: {}", dir.display(), SourceError::chain(&error).0))
    };
    let table = DeltaTableBuilder::from_url(folder_url(dir)?).map_err(failed)?.load().await;
    match table {
        Ok(table) => Ok(Some(table)),
        Err(DeltaTableError::NotATable(_)) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn folder_url(dir: &Path) -> Result<Url, SourceError> {
    Url::from_directory_path(dir).map_err(|()| SourceError::new(format!("{} is not an absolute path", dir.display())))
}

/// Reads what the source has to say and writes the files of the commit that follows from it. The caller holds the
/// table's write lock until the commit.
///
/// # Errors
/// Fails if the source cannot be read or its rows do not fit; then the files written so far are removed again.
pub(super) async fn prepare(job: &Job<'_>, changes: Changes) -> Result<Option<Pending>, SourceError> {
    let mut shape = Shape::new(job.table, job.choices)?;
    let table = open(job.dir).await?;
    let existing = match &table {
        Some(table) => Some(arrow_schema(table)?),
        None => None,
    };
    let afresh = match &existing {
        None => true,
        Some(_) if job.new_key => true,
        Some(existing) => match shape.fit(existing) {
            Ok(()) => false,
            // A re-sync makes the table anew where its types changed.
            Err(_) if job.historical => true,
            Err(error) => return Err(error),
        },
    };
    match (changes, table, existing) {
        (Changes::Nothing { .. }, ..) => Ok(None),
        (Changes::Snapshot { rows, .. }, table, _) if afresh => load(job, &shape, rows, table).await.map(Some),
        (Changes::Delta { .. } | Changes::Keyed { .. }, ..) if afresh => {
            Err(SourceError::new(format!("{} is to be made anew and needs all rows", job.table.full_name())))
        }
        (changes, Some(table), Some(existing)) => diff::prepare(job, &shape, changes, table, &existing).await,
        // Without a table the load is afresh.
        (_, None, _) | (_, _, None) => Ok(None),
    }
}

fn arrow_schema(table: &DeltaTable) -> Result<SchemaRef, SourceError> {
    let failed = |error: &dyn std::error::Error| SourceError::chain(error);
    let schema = table.snapshot().map_err(|e| failed(&e))?.schema();
    let schema: Schema = schema.as_ref().try_into_arrow().map_err(|e| failed(&e))?;
    Ok(Arc::new(schema))
}

/// Streams all rows into files of a table that is made with the commit.
async fn load(
    job: &Job<'_>,
    shape: &Shape,
    rows: RowStream,
    table: Option<DeltaTable>,
) -> Result<Pending, SourceError> {
    let mut files = Files::begin(job.dir, &shape.schema)?;
    let result = async {
        let mut rows = shaped(shape.clone(), rows, job.synced);
        while let Some(batch) = rows.next().await {
            files.write(batch?).await?;
        }
        files.end().await
    }
    .await;
    match result {
        Ok(adds) => {
            let kind = Kind::Create { schema: Arc::clone(&shape.schema) };
            Ok(Pending { dir: job.dir.to_owned(), table, kind, rows: files.rows, adds })
        }
        Err(error) => {
            files.discard();
            Err(error)
        }
    }
}

/// The rows of a source in their shape, with their keys watched over.
fn shaped(shape: Shape, rows: RowStream, synced: DateTime<Utc>) -> RowStream {
    let mut guard = KeyGuard::new();
    rows.map(move |batch| {
        let batch = shape.apply(&batch?, synced, guard.rows())?;
        guard.check(&shape, batch)
    })
    .boxed()
}

/// Data files of a table that are being written.
struct Files {
    dir: PathBuf,
    writer: RecordBatchWriter,
    rows: u64,
    adds: Vec<Add>,
}

impl Files {
    fn begin(dir: &Path, schema: &SchemaRef) -> Result<Self, SourceError> {
        std::fs::create_dir_all(dir)
            .map_err(|error| SourceError::new(format!("cannot make {}: {error}", dir.display())))?;
        let writer = RecordBatchWriter::try_new(folder_url(dir)?.as_str(), Arc::clone(schema), None, None)
            .map_err(|error| SourceError::chain(&error))?
            .with_target_file_size(FILE_BYTES);
        Ok(Self { dir: dir.to_owned(), writer, rows: 0, adds: Vec::new() })
    }

    async fn write(&mut self, batch: RecordBatch) -> Result<(), SourceError> {
        self.rows += batch.num_rows() as u64;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.writer.write(batch).await.map_err(|error| SourceError::chain(&error))
    }

    /// Closes the files and returns those that were written since the last call.
    async fn end(&mut self) -> Result<Vec<Add>, SourceError> {
        let adds = self.writer.flush().await.map_err(|error| SourceError::chain(&error))?;
        self.adds.extend(adds.iter().cloned());
        Ok(adds)
    }

    /// Removes what was written.
    fn discard(&mut self) {
        self.writer.reset();
        discard(&self.dir, &self.adds);
    }
}

/// Removes data files that no commit names, and the folder of a table that was not made.
fn discard(dir: &Path, adds: &[Add]) {
    // What cannot be removed stays as a file that nobody reads; the sync has a better error to tell.
    for add in adds {
        let _ = std::fs::remove_file(dir.join(&add.path));
    }
    if !dir.join("_delta_log").exists() {
        let _ = std::fs::remove_dir_all(dir);
    }
}

impl Pending {
    /// Makes the commit.
    ///
    /// # Errors
    /// Fails if the log cannot be written or somebody else changed the table in between.
    pub(super) async fn commit(self) -> Result<(), SourceError> {
        let failed = |error: DeltaTableError| SourceError::chain(&error);
        let adds: Vec<Action> = self.adds.into_iter().map(Action::Add).collect();
        match self.kind {
            Kind::Create { schema } => {
                let schema: StructType = schema.as_ref().try_into_kernel().map_err(|e| SourceError::chain(&e))?;
                let mode = if self.table.is_some() { SaveMode::Overwrite } else { SaveMode::ErrorIfExists };
                let create = CreateBuilder::new()
                    .with_location(folder_url(&self.dir)?.as_str())
                    .with_save_mode(mode)
                    .with_columns(schema.fields().cloned())
                    .with_actions(adds);
                create.await.map_err(failed)?;
            }
            Kind::Change { removes, schema, key } => {
                let Some(table) = &self.table else { return Ok(()) };
                let snapshot = table.snapshot().map_err(failed)?;
                let mut actions = removes;
                if let Some(schema) = schema {
                    let schema: StructType = schema.as_ref().try_into_kernel().map_err(|e| SourceError::chain(&e))?;
                    let metadata =
                        snapshot.metadata().clone().with_schema(&schema).map_err(|e| SourceError::chain(&e))?;
                    actions.push(Action::Metadata(metadata));
                }
                actions.extend(adds);
                let on = key.iter().map(|k| format!("target.{k} = source.{k}")).collect::<Vec<_>>().join(" AND ");
                let operation = DeltaOperation::Merge {
                    predicate: None,
                    merge_predicate: Some(on),
                    matched_predicates: Vec::new(),
                    not_matched_predicates: Vec::new(),
                    not_matched_by_source_predicates: Vec::new(),
                };
                CommitBuilder::default()
                    .with_actions(actions)
                    .build(Some(snapshot), table.log_store(), operation)
                    .await
                    .map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Gives the commit up and removes its files.
    pub(super) fn discard(self) {
        discard(&self.dir, &self.adds);
    }
}
