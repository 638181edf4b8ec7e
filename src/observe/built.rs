//! Which models were there, by the history of runs.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use crate::databricks::{BRIEF, Client, Error, Progress, Statement};
use crate::ids::{ModelName, TableName, WarehouseId};
use crate::plan::{last_changes, standing_models};

/// Asks the history of a schema which models of a project runs have built and not dropped again, and when: one statement.
/// What it does not tell is not known, and no error.
///
/// # Errors
/// If the workspace cannot be reached.
pub async fn built(
    client: &Client,
    warehouse: &WarehouseId,
    history: &TableName,
    project: &str,
) -> Result<BTreeMap<ModelName, DateTime<Utc>>, Error> {
    let sql = last_changes(history, project);
    let statement = Statement { read_only: true, within: Some(BRIEF), ..Statement::new(sql, warehouse.clone()) };
    let never = CancellationToken::new();
    let answer = match client.statements().execute(&statement, &never, &mut |_: Progress| {}).await {
        Ok(answer) => answer,
        Err(Error::Statement(error)) => {
            tracing::debug!(%error, "whether what is missing was there cannot be told");
            return Ok(BTreeMap::new());
        }
        Err(error) => return Err(error),
    };
    let changes = answer.rows.into_iter().filter_map(|row| {
        let mut cells = row.into_iter().flatten();
        Some((cells.next()?, DateTime::from_timestamp_millis(cells.next()?.parse().ok()?)?))
    });
    Ok(standing_models(changes))
}
