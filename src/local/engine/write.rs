//! Commits: what makes rows, or a definition, those of a table.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use deltalake::kernel::transaction::{
    CommitBuilder, CommitConflictError, CommitProperties, TableReference, TransactionError,
};
use deltalake::kernel::{Action, Metadata, MetadataExt as _, MetadataValue, StructField, StructType, new_metadata};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaTable, DeltaTableError};
use futures::TryStreamExt;

use super::delta::{address, explain};
use super::error::SqlError;
use super::files::{Files, disarm, log_store, taken};
use super::{conflict, features};

/// Under this key of a commit stands what the history calls it, where the library's name is another.
pub(super) const OPERATION: &str = "kilnOperation";
/// Under this key of a commit stands the statement that made it.
pub(super) const STATEMENT: &str = "queryHistoryStatementId";
/// Under this key of a commit stand the files that a `COPY INTO` took.
pub(super) const COPIED: &str = "kilnCopied";

tokio::task_local! {
    /// The statement that this task carries out, where the service knows it by an id.
    static MADE_BY: Option<String>;
}

/// Carries a statement out whose commits say that they are its own.
pub(super) async fn made_by<T>(statement: Option<String>, work: impl Future<Output = T>) -> T {
    MADE_BY.scope(statement, work).await
}

/// Tells whether the service carries the statement of this task out, under an id.
pub(super) fn is_known_by_id() -> bool {
    MADE_BY.try_with(Option::is_some).unwrap_or(false)
}

/// What a commit says besides what it does: the statement that makes it, and these particulars.
pub(super) fn saying(told: impl IntoIterator<Item = (String, serde_json::Value)>) -> CommitProperties {
    let statement = MADE_BY.try_with(Option::clone).ok().flatten().map(|id| (STATEMENT.to_owned(), id.into()));
    CommitProperties::default().with_metadata(told.into_iter().chain(statement))
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
    let builder = CommitBuilder::from(saying([])).with_actions(actions);
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
    let made = commit_alone(table, dir, actions, saying([]), operation).await;
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
    let made = commit_alone(table, dir, actions, saying([]), operation).await;
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
    let properties = saying([(OPERATION.to_owned(), called.into())]);
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
        let properties = saying(told.iter().cloned());
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
