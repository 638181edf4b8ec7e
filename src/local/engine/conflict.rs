//! Two writers on one table: what the one that came second is told.
//!
//! Conditions of the [documentation](https://docs.databricks.com/en/optimizations/isolation-level.html) of Databricks.
//! Writers in one process wait for each other; these are of other processes.

use std::collections::HashSet;
use std::path::Path;

use deltalake::DeltaTable;
use deltalake::kernel::Action;
use deltalake::kernel::transaction::CommitConflictError;
use deltalake::logstore::get_actions;

use super::error::SqlError;

/// What kind of change came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Append,
    DeleteRead,
    DeleteDelete,
    Metadata,
    Protocol,
    Write,
}

/// The conflict with the versions that came after the one that was read. `gone` are the files that would go.
pub(super) async fn with_newer(table: &DeltaTable, dir: &Path, gone: &HashSet<String>) -> SqlError {
    let read = table.version().unwrap_or(0);
    let store = table.log_store();
    let mut worst = None;
    for version in read + 1.. {
        let Ok(Some(bytes)) = store.read_commit_entry(version).await else { break };
        let Ok(actions) = get_actions(version, &bytes) else { break };
        let kinds = actions.iter().filter_map(|action| match action {
            Action::Protocol(_) => Some(Kind::Protocol),
            Action::Metadata(_) => Some(Kind::Metadata),
            Action::Remove(remove) if gone.contains(&remove.path) => Some(Kind::DeleteDelete),
            Action::Remove(remove) if remove.data_change => Some(Kind::DeleteRead),
            Action::Add(add) if add.data_change => Some(Kind::Append),
            _ => None,
        });
        worst = worst.max(kinds.max());
    }
    explain(dir, worst.unwrap_or(Kind::Write))
}

/// A conflict that the Delta library found.
pub(super) fn found(dir: &Path, error: &CommitConflictError) -> SqlError {
    explain(
        dir,
        match error {
            CommitConflictError::ConcurrentAppend => Kind::Append,
            CommitConflictError::ConcurrentDeleteRead => Kind::DeleteRead,
            CommitConflictError::ConcurrentDeleteDelete => Kind::DeleteDelete,
            CommitConflictError::MetadataChanged | CommitConflictError::NoMetadata => Kind::Metadata,
            CommitConflictError::ProtocolChanged(_) => Kind::Protocol,
            _ => Kind::Write,
        },
    )
}

fn explain(dir: &Path, kind: Kind) -> SqlError {
    let (condition, what) = match kind {
        Kind::Append => ("DELTA_CONCURRENT_APPEND", "added files that this statement should have read"),
        Kind::DeleteRead => ("DELTA_CONCURRENT_DELETE_READ", "deleted files that this statement read"),
        Kind::DeleteDelete => ("DELTA_CONCURRENT_DELETE_DELETE", "deleted files that this statement deletes, too"),
        Kind::Metadata => ("DELTA_METADATA_CHANGED", "changed the definition of the table"),
        Kind::Protocol => ("DELTA_PROTOCOL_CHANGED", "changed the protocol version of the table"),
        Kind::Write => ("DELTA_CONCURRENT_WRITE", "wrote the table"),
    };
    let text = format!(
        "A transaction that came first {what} (the table in {}). Nothing was changed; run the statement again.",
        dir.display()
    );
    SqlError { error_code: "ABORTED", ..SqlError::new(condition, "2D521", text) }
}
