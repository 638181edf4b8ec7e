//! Fivetran's schema config API: which tables and columns a connection replicates.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use indexmap::IndexMap;

use super::document::SchemaPatchError;
use super::reply::{Refusal, Reply, body, body_or_default, data};
use super::routes::App;
use super::source::Source;
use crate::fivetran::wire::{ColumnConfig, ExcludeMode, ReloadSchemas, SchemaConfig, SchemaNode, TableConfig};

const RETRIEVED: &str = "Schema configuration retrieved successfully";
const UPDATED: &str = "Schema configuration has been updated";

fn none_yet(id: &str) -> Refusal {
    let message = format!("Connection with id '{id}' doesn't have schema config");
    Refusal::new(StatusCode::NOT_FOUND, "NotFound_SchemaConfig", message)
}

impl From<SchemaPatchError> for Refusal {
    fn from(error: SchemaPatchError) -> Self {
        match error {
            SchemaPatchError::Unknown(what, name) => {
                let code = if what == "Schema" { "NotFound_Schema" } else { "NotFound_Table" };
                Self::new(StatusCode::NOT_FOUND, code, format!("{what} with name '{name}' does not exist."))
            }
            SchemaPatchError::Key(column) => {
                Self::invalid(format!("Column '{column}' is part of the primary key and cannot be left out"))
            }
            SchemaPatchError::Mode(mode) => {
                Self::invalid(format!("Sync mode '{mode}' is not supported here, only 'SOFT_DELETE'"))
            }
        }
    }
}

pub(super) async fn read(State(app): App, Path(id): Path<String>) -> Reply {
    let state = app.state();
    let entry = state.connections.get(&id).ok_or_else(|| Refusal::no_connection(&id))?;
    data(RETRIEVED, entry.document.schemas.clone().ok_or_else(|| none_yet(&id))?)
}

fn apply(app: &App, id: &str, patch: &SchemaConfig, create: bool) -> Reply {
    let mut state = app.state();
    let entry = state.connections.get_mut(id).ok_or_else(|| Refusal::no_connection(id))?;
    if entry.document.schemas.is_none() && !create {
        return Err(none_yet(id));
    }
    let mut changed = entry.document.clone();
    changed.patch_schemas(patch, create)?;
    app.save(&changed)?;
    entry.document = changed;
    data(UPDATED, entry.document.schemas.clone())
}

pub(super) async fn change(app: App, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Reply {
    apply(&app, &id, &body(&headers, &bytes)?, false)
}

/// Sets the config up before the first sync.
pub(super) async fn set_up(app: App, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Reply {
    apply(&app, &id, &body(&headers, &bytes)?, true)
}

fn one_schema(name: String, node: SchemaNode) -> SchemaConfig {
    SchemaConfig { schemas: Some(IndexMap::from([(name, node)])), ..SchemaConfig::default() }
}

fn one_table(schema: String, name: String, table: TableConfig) -> SchemaConfig {
    let tables = Some(IndexMap::from([(name, table)]));
    one_schema(schema, SchemaNode { tables, ..SchemaNode::default() })
}

pub(super) async fn change_schema(
    app: App,
    Path((id, schema)): Path<(String, String)>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Reply {
    apply(&app, &id, &one_schema(schema, body(&headers, &bytes)?), false)
}

pub(super) async fn change_table(
    app: App,
    Path((id, schema, table)): Path<(String, String, String)>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Reply {
    apply(&app, &id, &one_table(schema, table, body(&headers, &bytes)?), false)
}

pub(super) async fn change_column(
    app: App,
    Path((id, schema, table, column)): Path<(String, String, String, String)>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Reply {
    let settings: ColumnConfig = body(&headers, &bytes)?;
    let columns = Some(IndexMap::from([(column, settings)]));
    apply(&app, &id, &one_table(schema, table, TableConfig { columns, ..TableConfig::default() }), false)
}

/// Asks the source for its tables again.
pub(super) async fn reload(State(app): App, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Reply {
    let wanted: ReloadSchemas = body_or_default(&headers, &bytes)?;
    if wanted.exclude_mode != ExcludeMode::Preserve {
        return Err(Refusal::invalid(format!("exclude_mode '{}' is not supported here", wanted.exclude_mode)));
    }
    let found = app.state().connections.get(&id).map(|entry| (entry.document.clone(), entry.address()));
    let (document, address) = found.ok_or_else(|| Refusal::no_connection(&id))?;
    let local = document.local().map_err(Refusal::invalid)?.ok_or_else(|| none_yet(&id))?;
    let tables = match Source::open(local, address, document.successes).await {
        Ok(source) => source.tables().await,
        Err(error) => Err(error),
    };
    let tables = tables.map_err(|error| Refusal::invalid(error.0))?;
    let mut state = app.state();
    let entry = state.connections.get_mut(&id).ok_or_else(|| Refusal::no_connection(&id))?;
    let mut changed = entry.document.clone();
    changed.discover(&tables);
    app.save(&changed)?;
    entry.document = changed;
    data(RETRIEVED, entry.document.schemas.clone())
}
