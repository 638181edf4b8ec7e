//! One sync of a connection: discover, read and prepare all tables, then commit them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use tokio_util::sync::CancellationToken;

use super::document::{Document, TableState};
use super::replicate::{self, ColumnChoice, Job, Pending};
use super::scenario::Scenario;
use super::source::{Changes, Source, SourceError, SourceTable};
use crate::ids::TableName;
use crate::local::engine::{Engine, WriteGuard};
use crate::secret::Secret;

/// How a sync ended.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The tables that the source has; none if it could not say.
    pub(super) tables: Option<Vec<SourceTable>>,
    /// How far the replicated tables have come.
    pub(super) result: Result<IndexMap<String, TableState>, SourceError>,
}

/// Runs a sync. Returns none if it was stopped before its first commit; from then on it cannot be stopped.
pub(super) async fn run(
    engine: &Engine,
    document: Document,
    address: Option<Secret>,
    catalog: &str,
    started: DateTime<Utc>,
    stop: &CancellationToken,
) -> Option<Outcome> {
    let mut tables = None;
    let prepared = tokio::select! {
        () = stop.cancelled() => return None,
        prepared = prepare(engine, document, address, catalog, started, &mut tables) => prepared,
    };
    let result = match prepared {
        Ok(prepared) => commit(prepared).await,
        Err(error) => Err(error),
    };
    Some(Outcome { tables, result })
}

/// A table that is ready to be committed.
struct Prepared {
    full_name: String,
    state: TableState,
    pending: Option<Pending>,
    // Held until the commit.
    _lock: WriteGuard,
}

async fn prepare(
    engine: &Engine,
    mut document: Document,
    address: Option<Secret>,
    catalog: &str,
    started: DateTime<Utc>,
    tables: &mut Option<Vec<SourceTable>>,
) -> Result<Vec<Prepared>, SourceError> {
    let Some(local) = document.local().map_err(SourceError::new)? else {
        return Err(SourceError::new(format!(
            "the embedded Fivetran cannot reach a source of service `{}`: the connection has no `local` in its config, \
             which says what to replicate here; add `local: {{sample: …}}` or `local: {{files: …}}` to it",
            document.connection.service
        )));
    };
    let source = Source::open(local, address, document.successes).await?;
    let found = source.tables().await?;
    if let Some((schema, table)) = missing(&document, &found) {
        let names: Vec<String> = found.iter().map(SourceTable::full_name).collect();
        return Err(SourceError::new(format!(
            "the source has no table `{schema}.{table}`, which the connection is to replicate; it has {}",
            names.join(", ")
        )));
    }
    document.discover(&found);
    *tables = Some(found.clone());

    // Locks are taken in the order of names, so that no two syncs wait for each other.
    let mut work: Vec<(TableName, SourceTable)> = found
        .into_iter()
        .filter(|table| document.is_enabled(table))
        .map(|table| (document.destination(catalog, &table), table))
        .collect();
    work.sort_by(|a, b| a.0.cmp(&b.0));
    if let Some(pair) = work.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(SourceError::new(format!(
            "{} and {} would both land in {}",
            pair[0].1.full_name(),
            pair[1].1.full_name(),
            pair[0].0
        )));
    }
    let mut prepared: Vec<Prepared> = Vec::with_capacity(work.len());
    for (name, table) in &work {
        match prepare_table(engine, &document, &source, name, table, started).await {
            Ok(table) => prepared.push(table),
            Err(error) => {
                prepared.into_iter().filter_map(|table| table.pending).for_each(Pending::discard);
                return Err(error);
            }
        }
    }
    Ok(prepared)
}

/// A table that a project wants and the source does not have.
fn missing<'a>(document: &'a Document, found: &[SourceTable]) -> Option<(&'a str, &'a str)> {
    let wanted = document.wanted.iter().flat_map(|(schema, tables)| tables.iter().map(move |table| (schema, table)));
    wanted
        .map(|(schema, table)| (schema.as_str(), table.as_str()))
        .find(|(schema, table)| !found.iter().any(|t| t.schema == *schema && t.name == *table))
}

async fn prepare_table(
    engine: &Engine,
    document: &Document,
    source: &Source,
    name: &TableName,
    table: &SourceTable,
    started: DateTime<Utc>,
) -> Result<Prepared, SourceError> {
    let full_name = table.full_name();
    let destination = name.to_string();
    engine.ensure_schema(&name.catalog, &name.schema).await.map_err(|error| SourceError::chain(&error))?;
    let lock = engine.write_lock(name).await;
    let dir = engine.table_dir(name);
    let exists = replicate::open(&dir).await?.is_some();
    let state = document.tables.get(&full_name).filter(|state| state.destination == destination);
    let historical = state.is_some_and(|state| state.resync);
    let new_key = exists && state.is_some_and(|state| state.key != table.key);
    let cursor = state.filter(|_| exists && !historical && !new_key).map(|state| &state.cursor);
    let changes = source.changes(table, cursor).await?;
    let (Changes::Nothing { cursor }
    | Changes::Snapshot { cursor, .. }
    | Changes::Keyed { cursor, .. }
    | Changes::Delta { cursor, .. }) = &changes;
    let state = TableState { cursor: cursor.clone(), key: table.key.clone(), destination, resync: false };
    let choices = choices(document, table);
    let job = Job { table, choices: &choices, dir: &dir, synced: started, historical, new_key };
    let pending = replicate::prepare(&job, changes).await?;
    tracing::info!(table = %name, rows = pending.as_ref().map_or(0, |p| p.rows), "prepared");
    Ok(Prepared { full_name, state, pending, _lock: lock })
}

/// The columns of a table that are replicated.
fn choices(document: &Document, table: &SourceTable) -> HashMap<String, ColumnChoice> {
    let settings = document.table_config(table).and_then(|config| config.columns.as_ref());
    // What the scenario takes away once the table has landed: the last column of the first table.
    let first = document.tables.first().is_some_and(|(name, _)| *name == table.full_name());
    let loses = first && document.scenario() == Ok(Some(Scenario::DroppedColumn));
    let lost = table.columns.fields().iter().rfind(|field| loses && !table.key.contains(field.name()));
    let lost = lost.map(|field| field.name());
    let choice = |name: &String| {
        let set = settings.and_then(|columns| columns.get(name));
        // A key column is always there.
        let dropped = lost == Some(name);
        let enabled = !dropped && set.is_none_or(|set| set.enabled != Some(false)) || table.key.contains(name);
        let hashed = set.is_some_and(|set| set.hashed == Some(true));
        enabled.then(|| (name.clone(), ColumnChoice { name: document.landed(name), hashed }))
    };
    table.columns.fields().iter().filter_map(|field| choice(field.name())).collect()
}

/// Commits table after table. What was committed before a failure stays, and the next sync finds it there.
async fn commit(prepared: Vec<Prepared>) -> Result<IndexMap<String, TableState>, SourceError> {
    let mut states = IndexMap::with_capacity(prepared.len());
    let mut failed: Option<SourceError> = None;
    for table in prepared {
        match table.pending {
            Some(pending) if failed.is_some() => pending.discard(),
            Some(pending) => {
                if let Err(error) = pending.commit().await {
                    failed = Some(SourceError::new(format!("{} could not be written: {error}", table.full_name)));
                }
            }
            None => {}
        }
        states.insert(table.full_name, table.state);
    }
    match failed {
        None => Ok(states),
        Some(error) => Err(error),
    }
}
