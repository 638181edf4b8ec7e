//! How many bytes the statements of a run read. Only the query history knows, which lags behind, so a run neither fails nor
//! waits for it.

use std::time::Duration;

use tokio::time::timeout;

use crate::databricks::Client;
use crate::ids::{StatementId, StepId};

/// A run is not held up longer than this for figures that nobody needs.
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns what each step's statement has read, where the history knows it by now; nothing if it does not answer.
pub(super) async fn of(client: &Client, ran: &[(StepId, StatementId)]) -> Vec<(StepId, u64)> {
    if ran.is_empty() {
        return Vec::new();
    }
    let statements: Vec<StatementId> = ran.iter().map(|(_, statement)| statement.clone()).collect();
    let known = match timeout(PATIENCE, client.statements().read_bytes(&statements)).await {
        Ok(Ok(known)) => known,
        Ok(Err(error)) => {
            tracing::debug!("the query history does not tell what was read: {error}");
            return Vec::new();
        }
        Err(_) => return Vec::new(),
    };
    ran.iter().filter_map(|(step, statement)| Some((step.clone(), *known.get(statement)?))).collect()
}
