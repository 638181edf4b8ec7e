//! What only becomes known after a run's statements have ended: how many bytes they read and wrote, which the query history
//! tells, and which versions of tables they made. Both may lag behind or be missing, so a run neither fails nor waits for it.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Connected;
use super::step::Wrote;
use crate::databricks::{Error, Progress, Statement};
use crate::event::EventKind;
use crate::ids::{StatementId, StepId, string_literal};

/// A run is not held up longer than this for figures that nobody needs.
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns what each step's statement has read and written, where the history knows it by now; nothing if it does not answer.
pub(super) async fn of(connected: &Connected, ran: &[(StepId, StatementId)]) -> Vec<EventKind> {
    if ran.is_empty() {
        return Vec::new();
    }
    let statements: Vec<StatementId> = ran.iter().map(|(_, statement)| statement.clone()).collect();
    let known = match timeout(PATIENCE, connected.databricks.statements().bytes(&statements)).await {
        Ok(Ok(known)) => known,
        Ok(Err(error)) => {
            tracing::debug!("the query history does not tell what was read: {error}");
            return Vec::new();
        }
        Err(_) => return Vec::new(),
    };
    let told = ran.iter().filter_map(|(step, statement)| {
        let bytes = known.get(statement)?;
        Some(EventKind::StepRead { step: step.clone(), bytes: bytes.read?, written: bytes.written })
    });
    told.collect()
}

/// Tables of which one statement asks: the warehouse reads their histories one after the other.
const TABLES_AT_ONCE: usize = 10;

/// The newest versions among which a step's own is looked for: others may have written since.
const NEWEST: usize = 20;

/// Returns which version each step has made of its table: the one whose commit says that the step's statement made it.
pub(super) async fn versions(connected: &Connected, wrote: &[(StepId, Wrote)], at_once: usize) -> Vec<EventKind> {
    let chunks: Vec<&[(StepId, Wrote)]> = wrote.chunks(TABLES_AT_ONCE).collect();
    let asked = async {
        let mut told = Vec::new();
        for some in chunks.chunks(at_once.max(1)) {
            for answer in join_all(some.iter().map(|wrote| some_versions(connected, wrote))).await {
                match answer {
                    Ok(events) => told.extend(events),
                    Err(error) => tracing::debug!("the versions that were written are not known: {error}"),
                }
            }
        }
        told
    };
    timeout(PATIENCE, asked).await.unwrap_or_default()
}

async fn some_versions(connected: &Connected, wrote: &[(StepId, Wrote)]) -> Result<Vec<EventKind>, Error> {
    let one = |(i, (_, wrote)): (usize, &(StepId, Wrote))| {
        format!(
            "SELECT {i} AS step, max(version) AS version FROM (DESCRIBE HISTORY {} LIMIT {NEWEST})\n\
             WHERE queryHistoryStatementId = {}",
            wrote.table.to_sql(),
            string_literal(wrote.statement.as_str())
        )
    };
    let sql = wrote.iter().enumerate().map(one).collect::<Vec<_>>().join("\nUNION ALL\n");
    let statement = Statement { read_only: true, ..Statement::new(sql, connected.warehouse.clone()) };
    let never = CancellationToken::new();
    let answer = connected.databricks.statements().execute(&statement, &never, &mut |_: Progress| {}).await?;
    let told = answer.rows.iter().filter_map(|row| {
        let [Some(i), Some(version)] = row.as_slice() else { return None };
        let (step, Wrote { table, .. }) = wrote.get(i.parse::<usize>().ok()?)?;
        Some(EventKind::TableWritten { step: step.clone(), table: table.clone(), version: version.parse().ok()? })
    });
    Ok(told.collect())
}
