//! The lock of a deploy: a small table in the models' schema, of which only one can be made at a time.
//!
//! It tells who deploys, from where and since when. A deploy that died leaves it behind, and only a person who names that
//! deploy can break it: no clock can tell a dead deploy from a slow one.

use tokio_util::sync::CancellationToken;

use super::Connected;
use crate::databricks::{Error, Statement};
use crate::diag::sentence;
use crate::ids::{TableName, quote_identifier};
use crate::plan::{LOCK_TABLE, Lock, Refusal, properties};

/// The schema that is locked.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its catalog.
    pub catalog: String,
    /// Its own name.
    pub schema: String,
    /// Whether it has to be made first.
    pub is_new: bool,
}

impl Place {
    fn table(&self) -> TableName {
        TableName::new(&self.catalog, &self.schema, LOCK_TABLE)
    }
}

/// Takes the lock; with `broken`, takes it from that run.
///
/// # Errors
/// Somebody else holds it, or the workspace refused.
pub async fn take(connected: &Connected, place: &Place, lock: &Lock, broken: Option<&str>) -> Result<(), Refusal> {
    if place.is_new {
        let (catalog, schema) = (quote_identifier(&place.catalog), quote_identifier(&place.schema));
        let made = run(connected, format!("CREATE SCHEMA IF NOT EXISTS {catalog}.{schema}")).await;
        made.map_err(|error| refusal("the schema could not be made", &error))?;
    }
    let table = place.table();
    if let Some(broken) = broken {
        match holder(connected, &table).await? {
            Some(holder) if holder.run == broken => release(connected, place).await?,
            Some(holder) => return Err(held(&holder)),
            None => {}
        }
    }
    let sql = format!(
        "CREATE TABLE {} (note STRING) COMMENT 'Exists while kiln deploys' TBLPROPERTIES {}",
        table.to_sql(),
        properties(&lock.properties())
    );
    let Err(error) = run(connected, sql).await else { return Ok(()) };
    match holder(connected, &table).await? {
        // The first try arrived, and its answer was lost.
        Some(holder) if holder.run == lock.run => Ok(()),
        Some(holder) => Err(held(&holder)),
        None => Err(refusal("the lock of deploys could not be taken", &error)),
    }
}

/// Lets go of the lock.
///
/// # Errors
/// The workspace refused.
pub async fn release(connected: &Connected, place: &Place) -> Result<(), Refusal> {
    let sql = format!("DROP TABLE IF EXISTS {}", place.table().to_sql());
    run(connected, sql).await.map_err(|error| refusal("the lock of deploys could not be let go", &error))
}

async fn holder(connected: &Connected, table: &TableName) -> Result<Option<Lock>, Refusal> {
    let found = connected.databricks.unity().table(table).await;
    let found = found.map_err(|error| refusal("the lock of deploys could not be read", &error.into()))?;
    Ok(found.map(|table| {
        let properties = table.properties.into_iter().flatten();
        Lock::read(&properties.filter_map(|(key, value)| Some((key, value.as_str()?.to_owned()))).collect())
    }))
}

async fn run(connected: &Connected, sql: String) -> Result<(), Error> {
    let statement = Statement { repeatable: true, ..Statement::new(sql, connected.warehouse.clone()) };
    // Each is short, and one that an interrupt cut off would leave a lock that nobody holds.
    let never = CancellationToken::new();
    connected.databricks.statements().execute(&statement, &never, &mut |_| {}).await.map(drop)
}

fn held(holder: &Lock) -> Refusal {
    Refusal {
        message: holder.in_words(),
        help: format!("Wait for it. If that deploy is dead, take over from it: --break-lock {}", holder.run),
    }
}

fn refusal(what: &str, error: &Error) -> Refusal {
    Refusal { message: format!("{what}: {error}"), help: sentence(&error.help()) }
}
