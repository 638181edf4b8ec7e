//! The lock of a schema: a small table in it, of which only one can be made at a time.
//!
//! It tells which run changes the schema, by whom, from where and since when. A run that died leaves it behind. No clock
//! can tell a dead run from a slow one, so it is taken over only where the run is known to be dead, or a person says so.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::Connected;
use super::step::{RUN_TAG, STEP_TAG};
use crate::databricks::wire::HistoryQuery;
use crate::databricks::{BRIEF, Error, Progress, Statement};
use crate::diag::sentence;
use crate::ids::{StepId, TableName, quote_identifier};
use crate::plan::{CANCELLED, LOCK_TABLE, Lock, Refusal, properties, schema_creation};

/// The schema that is locked.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its catalog.
    pub catalog: String,
    /// Its own name.
    pub schema: String,
}

impl Place {
    pub(super) fn table(&self) -> TableName {
        TableName::new(&self.catalog, &self.schema, LOCK_TABLE)
    }
}

/// Why the lock could not be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// Another run holds it.
    Held(Lock),
    /// The workspace refused.
    Refused(Refusal),
}

impl From<Refusal> for NotTaken {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Takes the lock, and makes the schema if it is not there. A run that holds it already, holds it.
///
/// # Errors
/// Another run holds it, or the workspace refused.
pub async fn take(connected: &Connected, place: &Place, lock: &Lock) -> Result<(), NotTaken> {
    let table = place.table();
    let sql = format!(
        "CREATE TABLE {} (note STRING) COMMENT 'Exists while kiln changes this schema' TBLPROPERTIES {}",
        table.to_sql(),
        properties(&lock.properties())
    );
    let mut made = run(connected, sql.clone()).await;
    if matches!(&made, Err(Error::Statement(error)) if error.is_missing_schema()) {
        let schema = run(connected, schema_creation(&place.catalog, &place.schema)).await;
        schema.map_err(|error| refusal("the schema could not be made", &error))?;
        made = run(connected, sql).await;
    }
    let Err(error) = made else { return Ok(()) };
    match holder(connected, place).await? {
        // It is taken up again, or the first try arrived and its answer was lost.
        Some(holder) if holder.run == lock.run => Ok(()),
        Some(holder) => Err(NotTaken::Held(holder)),
        None => Err(refusal("the schema could not be locked", &error).into()),
    }
}

/// Takes the lock away from a run that is dead, and cancels what of it still runs on the warehouse; returns how many
/// statements that were. Nothing is done if it holds the lock no longer.
///
/// # Errors
/// The workspace refused.
pub async fn break_open(connected: &Connected, place: &Place, dead: &Lock) -> Result<usize, Refusal> {
    if holder(connected, place).await?.is_none_or(|holder| holder.run != dead.run) {
        return Ok(0);
    }
    let statements = connected.databricks.statements();
    // What it sent could otherwise still come to its end, and replace what the next run has built.
    let cancelled = match dead.since {
        Some(since) => {
            let cancelled = statements.cancel_tagged(&connected.warehouse, (RUN_TAG, &dead.run), since).await;
            cancelled.map(|cancelled| cancelled.len())
        }
        None => Ok(0),
    };
    let cancelled =
        cancelled.map_err(|error| refusal("statements of the dead run could not be cancelled", &error.into()))?;
    drop_table(connected, place).await?;
    Ok(cancelled)
}

/// Writes on the lock that its run shall end, and who says so. The run sees that as soon as a statement of it was cancelled.
///
/// # Errors
/// The workspace refused.
pub async fn ask_to_end(connected: &Connected, place: &Place, who: &str) -> Result<(), Refusal> {
    let wish = properties(&[(CANCELLED.to_owned(), who.to_owned())]);
    let sql = format!("ALTER TABLE {} SET TBLPROPERTIES {wish}", place.table().to_sql());
    match run(connected, sql).await {
        // It has ended by itself.
        Err(Error::Statement(error)) if error.is_missing_table() => Ok(()),
        ended => ended.map_err(|error| refusal("the run could not be asked to end", &error)),
    }
}

/// Cancels what of a run is on the warehouse now, and waits for it; returns the step of each statement.
///
/// # Errors
/// The workspace refused.
pub async fn cancel_statements(connected: &Connected, run: &str, since: DateTime<Utc>) -> Result<Vec<StepId>, Refusal> {
    let statements = connected.databricks.statements();
    let cancelled = statements.cancel_tagged(&connected.warehouse, (RUN_TAG, run), since).await;
    let cancelled =
        cancelled.map_err(|error| refusal("statements of the run could not be cancelled", &error.into()))?;
    let step = |query: HistoryQuery| {
        let tag = query.query_tags.into_iter().flatten().find(|tag| tag.key == STEP_TAG);
        StepId::new(tag.and_then(|tag| tag.value).unwrap_or_else(|| format!("statement {}", query.query_id)))
    };
    Ok(cancelled.into_iter().map(step).collect())
}

/// Lets go of the lock, if it is this run's; tells whether it was.
///
/// # Errors
/// The workspace refused.
pub async fn release(connected: &Connected, place: &Place, run: &str) -> Result<bool, Refusal> {
    match holder(connected, place).await? {
        Some(holder) if holder.run == run => drop_table(connected, place).await.map(|()| true),
        _ => Ok(false),
    }
}

/// Finds out who holds the lock.
///
/// # Errors
/// The workspace refused.
pub async fn holder(connected: &Connected, place: &Place) -> Result<Option<Lock>, Refusal> {
    Ok(properties_of_lock(connected, place).await?.map(|properties| Lock::read(&properties)))
}

/// Reads what is written on the lock; none if nobody holds it.
pub(super) async fn properties_of_lock(
    connected: &Connected,
    place: &Place,
) -> Result<Option<BTreeMap<String, String>>, Refusal> {
    let found = connected.databricks.unity().table(&place.table()).await;
    let found = found.map_err(|error| refusal("the schema's lock could not be read", &error.into()))?;
    Ok(found.map(|table| {
        let properties = table.properties.into_iter().flatten();
        properties.filter_map(|(key, value)| Some((key, value.as_str()?.to_owned()))).collect()
    }))
}

/// Drops a schema unless something is in it; tells whether it is gone.
///
/// # Errors
/// The workspace refused.
pub async fn drop_schema(connected: &Connected, place: &Place) -> Result<bool, Refusal> {
    let (catalog, schema) = (quote_identifier(&place.catalog), quote_identifier(&place.schema));
    match run(connected, format!("DROP SCHEMA IF EXISTS {catalog}.{schema} RESTRICT")).await {
        Err(Error::Statement(error)) if error.is_not_empty() => Ok(false),
        dropped => dropped.map(|()| true).map_err(|error| refusal("the schema could not be dropped", &error)),
    }
}

async fn drop_table(connected: &Connected, place: &Place) -> Result<(), Refusal> {
    let sql = format!("DROP TABLE IF EXISTS {}", place.table().to_sql());
    run(connected, sql).await.map_err(|error| refusal("the schema's lock could not be let go", &error))
}

async fn run(connected: &Connected, sql: String) -> Result<(), Error> {
    let statement =
        Statement { repeatable: true, within: Some(BRIEF), ..Statement::new(sql, connected.warehouse.clone()) };
    // Each is short, and one that an interrupt cut off would leave a lock that nobody holds.
    let never = CancellationToken::new();
    connected.databricks.statements().execute(&statement, &never, &mut |_: Progress| {}).await.map(drop)
}

fn refusal(what: &str, error: &Error) -> Refusal {
    Refusal { message: format!("{what}: {error}"), help: sentence(&error.help()) }
}
