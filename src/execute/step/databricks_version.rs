//! The version of a table: for reading it later as it is now, and for putting it back.

use super::databricks_build::{brief, statement};
use super::{Context, Finished, Reporter, failure};
use crate::databricks::{Error, StatementResult};
use crate::event::{EventKind, Outcome};
use crate::ids::{StatementId, TableName};
use crate::plan::{Restore, Version};

/// Reads a table's newest version; none if it has no versions, or is not there.
pub(super) async fn newest(
    table: &TableName,
    context: &Context,
    reporter: &Reporter,
) -> Result<Option<Version>, Error> {
    let sql = format!("DESCRIBE HISTORY {} LIMIT 1", table.to_sql());
    match brief(sql, true, context, reporter).await.result {
        Ok(history) => Ok(version(&history)),
        // A view or a foreign table has none, and whoever reads a table that is missing will say so.
        Err(Error::Statement(error)) => {
            tracing::debug!(%table, %error, "the table has no version");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn version(history: &StatementResult) -> Option<Version> {
    let row = history.rows.first()?;
    let cell = |name: &str| {
        let column = history.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))?;
        row.get(column)?.clone()
    };
    Some(Version { number: cell("version")?.parse().ok()?, at: cell("timestamp") })
}

/// Tells at which version a table is that is about to be changed.
pub(super) async fn note(table: &TableName, context: &Context, reporter: &Reporter) -> Result<(), Error> {
    if let Some(version) = newest(table, context, reporter).await? {
        tell(table, version.number, reporter).await;
    }
    Ok(())
}

async fn tell(table: &TableName, version: u64, reporter: &Reporter) {
    let (step, table) = (reporter.step().clone(), table.clone());
    reporter.tell(EventKind::TableVersion { step, table, version }).await;
}

/// Puts a table back to an earlier version.
pub(super) async fn restore(restore: &Restore, context: &Context, reporter: &Reporter) -> Finished {
    match put_back(restore, context, reporter).await {
        Ok((summary, statement)) => Finished::succeeded(summary).writing(&restore.table, statement),
        Err(Error::Interrupted { .. }) => Finished::new(Outcome::Cancelled),
        Err(error) => {
            let Restore { table, to } = restore;
            let message = format!("{table} could not be put back to version {to}: {error}");
            Finished::failed(failure(message, error.help(), error.class()))
        }
    }
}

async fn put_back(
    restore: &Restore,
    context: &Context,
    reporter: &Reporter,
) -> Result<(String, Option<StatementId>), Error> {
    let Restore { table, to } = restore;
    match newest(table, context, reporter).await? {
        Some(now) if now.number == *to => return Ok((format!("is at version {to}"), None)),
        Some(now) => tell(table, now.number, reporter).await,
        None => {}
    }
    let sql = format!("RESTORE TABLE {} TO VERSION AS OF {to}", table.to_sql());
    let ran = statement(sql, false, context, reporter).await;
    ran.result?;
    Ok((format!("as it was at version {to}"), ran.id))
}
