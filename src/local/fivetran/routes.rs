//! Fivetran's REST API: account, groups, destinations and connections.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::routing::{get, patch, post};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::connections::{Connections, new_document};
use super::document::{Document, local_of};
use super::reply::{ListQuery, Refusal, Reply, body, body_or_default, check_accept, created, data, done};
use super::scenario::Scenario;
use super::schemas;
use super::source::{Source, SourceError};
use crate::fivetran::wire::{
    AccountInfo, Connection, CreateConnection, Destination, Resync, SetupState, SetupTest, Task, TriggerSync,
    UpdateConnection,
};

/// What each route works on.
pub(super) type App = State<Arc<Connections>>;

pub(super) fn router<S: Clone + Send + Sync + 'static>(connections: Arc<Connections>) -> Router<S> {
    Router::new()
        .route("/v1/account/info", get(account))
        .route("/v1/groups", get(groups).post(create_group))
        .route("/v1/groups/{group}", get(group))
        .route("/v1/groups/{group}/connections", get(group_connections))
        .route("/v1/destinations", get(destinations))
        .route("/v1/destinations/{destination}", get(destination).patch(update_destination))
        .route("/v1/connections", get(list).post(create))
        .route("/v1/connections/{id}", get(details).patch(update).delete(remove))
        .route("/v1/connections/{id}/sync", post(sync))
        .route("/v1/connections/{id}/resync", post(resync))
        .route("/v1/connections/{id}/test", post(test))
        .route("/v1/connections/{id}/schemas", get(schemas::read).patch(schemas::change).post(schemas::set_up))
        .route("/v1/connections/{id}/schemas/reload", post(schemas::reload))
        .route("/v1/connections/{id}/schemas/tables/resync", post(resync_tables))
        .route("/v1/connections/{id}/schemas/{schema}", patch(schemas::change_schema))
        .route("/v1/connections/{id}/schemas/{schema}/tables/{table}", patch(schemas::change_table))
        .route("/v1/connections/{id}/schemas/{schema}/tables/{table}/columns/{column}", patch(schemas::change_column))
        .layer(middleware::from_fn(check_accept))
        .with_state(connections)
}

async fn account() -> Reply {
    let info = AccountInfo {
        account_id: "local".to_owned(),
        account_name: Some("local".to_owned()),
        user_id: Some("interment_burdensome".to_owned()),
        system_key_id: None,
    };
    data("Account information retrieved successfully", info)
}

async fn groups(State(app): App, Query(query): Query<ListQuery>) -> Reply {
    let groups = app.state().groups.iter().map(|g| g.group.clone()).collect();
    data("Groups retrieved successfully", query.page(groups)?)
}

async fn group(State(app): App, Path(id): Path<String>) -> Reply {
    let found = app.state().groups.iter().find(|g| g.group.id == id).map(|g| g.group.clone());
    data("Group details retrieved successfully", found.ok_or_else(|| Refusal::no_group(&id))?)
}

#[derive(Deserialize)]
struct NewGroup {
    name: String,
}

async fn create_group(State(app): App, headers: HeaderMap, bytes: Bytes) -> Reply {
    let wanted: NewGroup = body(&headers, &bytes)?;
    if wanted.name.is_empty() {
        return Err(Refusal::invalid("`name` is empty"));
    }
    created("Group has been created", app.add_group(&wanted.name)?)
}

async fn destinations(State(app): App, Query(query): Query<ListQuery>) -> Reply {
    let without_config = |d: &Destination| Destination { config: None, ..d.clone() };
    let all = app.state().groups.iter().map(|g| without_config(&g.destination)).collect();
    data("Destinations retrieved successfully", query.page(all)?)
}

async fn destination(State(app): App, Path(id): Path<String>) -> Reply {
    let found = app.state().groups.iter().find(|g| g.destination.id == id).map(|g| g.destination.clone());
    data("Destination details retrieved successfully", found.ok_or_else(|| no_destination(&id))?)
}

/// Changes a destination's config; what the body leaves out stays as it is.
async fn update_destination(State(app): App, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Reply {
    #[derive(Deserialize)]
    struct Update {
        #[serde(default)]
        config: Map<String, Value>,
    }
    let mut wanted: Update = body(&headers, &bytes)?;
    if wanted.config.is_empty() {
        return Err(Refusal::invalid("The request changes nothing that lasts"));
    }
    hide(&mut wanted.config);
    data(
        "Destination has been updated",
        app.update_destination(&id, wanted.config)?.ok_or_else(|| no_destination(&id))?,
    )
}

fn no_destination(id: &str) -> Refusal {
    let message = format!("Destination with id '{id}' does not exist.");
    Refusal::new(StatusCode::NOT_FOUND, "NotFound_Destination", message)
}

async fn group_connections(State(app): App, Path(id): Path<String>, Query(mut query): Query<ListQuery>) -> Reply {
    if !app.state().groups.iter().any(|g| g.group.id == id) {
        return Err(Refusal::no_group(&id));
    }
    query.group_id = Some(id);
    list(State(app), Query(query)).await
}

async fn list(State(app): App, Query(query): Query<ListQuery>) -> Reply {
    let fits = |c: &Connection| {
        query.group_id.as_ref().is_none_or(|group| *group == c.group_id)
            && query.schema.as_ref().is_none_or(|schema| *schema == c.schema)
    };
    let state = app.state();
    let all = state.connections.values().map(|entry| &entry.document.connection).filter(|c| fits(c));
    let all: Vec<Connection> = all.map(|c| Connection { config: None, ..c.clone() }).collect();
    data("Connections retrieved successfully", query.page(all)?)
}

/// The object as the API shows it: secrets in the config are hidden.
fn shown(document: &Document) -> Connection {
    let mut connection = document.connection.clone();
    connection.config.iter_mut().for_each(hide);
    connection
}

/// Hides secrets in a config. Nothing here needs them, so they are not even kept.
fn hide(config: &mut Map<String, Value>) {
    const PARTS: [&str; 6] = ["password", "passphrase", "secret", "token", "private_key", "api_key"];
    for (key, value) in config {
        match value {
            Value::Object(inner) => hide(inner),
            Value::Array(items) => items.iter_mut().filter_map(Value::as_object_mut).for_each(hide),
            Value::String(text) if !text.is_empty() && PARTS.iter().any(|part| key.contains(part)) => {
                *text = "******".to_owned();
            }
            _ => {}
        }
    }
}

async fn details(State(app): App, Path(id): Path<String>) -> Reply {
    let state = app.state();
    let entry = state.connections.get(&id).ok_or_else(|| Refusal::no_connection(&id))?;
    data("Connection details retrieved successfully", shown(&entry.document))
}

async fn create(State(app): App, headers: HeaderMap, bytes: Bytes) -> Reply {
    let wanted: CreateConnection = body(&headers, &bytes)?;
    let mut config = wanted.config.unwrap_or_default();
    hide(&mut config);
    let schema = ["schema_prefix", "schema"].iter().find_map(|key| config.get(*key)?.as_str());
    let schema = schema.filter(|s| !s.is_empty()).ok_or_else(|| {
        Refusal::invalid("`config` must hold `schema_prefix` (databases) or `schema`: where the tables shall land")
    })?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !schema.chars().all(plain) || schema.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Refusal::invalid(format!("`{schema}` must be made of a-z, 0-9 and _, and not begin with a digit")));
    }
    local_of(Some(&config)).map_err(Refusal::invalid)?;
    check_scenario(&config)?;
    let mut document = {
        let mut state = app.state();
        if !state.groups.iter().any(|g| g.group.id == wanted.group_id) {
            return Err(Refusal::no_group(&wanted.group_id));
        }
        let same = |d: &Document| d.prefix() == schema && d.connection.group_id == wanted.group_id;
        if state.connections.values().any(|entry| same(&entry.document)) {
            return Err(Refusal::invalid(format!("A connection with the schema `{schema}` exists already")));
        }
        let id = state.free_id(schema);
        let mut document = new_document(&id, &wanted.service, &wanted.group_id, app.now());
        let connection = &mut document.connection;
        connection.schema = schema.to_owned();
        connection.paused = wanted.paused.unwrap_or(false);
        connection.sync_frequency = wanted.sync_frequency.or(connection.sync_frequency);
        connection.daily_sync_time = wanted.daily_sync_time;
        connection.schedule_type = wanted.schedule_type.or(connection.schedule_type.take());
        connection.networking_method = wanted.networking_method.or(connection.networking_method.take());
        connection.destination_schema_names =
            wanted.destination_schema_names.or(connection.destination_schema_names.take());
        connection.config = Some(config);
        document.rest();
        app.add(&mut state, document.clone())?;
        document
    };
    if wanted.run_setup_tests != Some(false) {
        document = set_up(&app, &document.connection.id).await?;
    }
    created("Connection has been created", shown(&document))
}

fn check_scenario(config: &Map<String, Value>) -> Result<(), Refusal> {
    let name = config.get("scenario").and_then(Value::as_str);
    name.map_or(Ok(()), |name| Scenario::of(name).map(drop)).map_err(Refusal::invalid)
}

/// The parts of an update that may not stand alone.
fn is_empty(wanted: &UpdateConnection) -> bool {
    let rest = UpdateConnection { run_setup_tests: None, ..wanted.clone() };
    rest == UpdateConnection::default()
}

async fn update(State(app): App, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Reply {
    let wanted: UpdateConnection = body(&headers, &bytes)?;
    let run_tests = wanted.run_setup_tests != Some(false);
    let mut document = {
        let mut state = app.state();
        let entry = state.connections.get_mut(&id).ok_or_else(|| Refusal::no_connection(&id))?;
        if is_empty(&wanted) {
            return Err(Refusal::invalid("The request changes nothing that lasts"));
        }
        let mut changed = entry.document.clone();
        if let Some(mut config) = wanted.config {
            hide(&mut config);
            let kept: &mut Map<String, Value> = changed.connection.config.get_or_insert_default();
            for (key, value) in config {
                if matches!(key.as_str(), "schema_prefix" | "schema")
                    && value.as_str() != Some(&changed.connection.schema)
                {
                    return Err(Refusal::invalid(format!("`{key}` is permanent")));
                }
                kept.insert(key, value);
            }
            local_of(Some(kept)).map_err(Refusal::invalid)?;
            check_scenario(kept)?;
        }
        let connection = &mut changed.connection;
        connection.paused = wanted.paused.unwrap_or(connection.paused);
        connection.sync_frequency = wanted.sync_frequency.or(connection.sync_frequency);
        connection.daily_sync_time = wanted.daily_sync_time.or(connection.daily_sync_time.take());
        connection.schedule_type = wanted.schedule_type.or(connection.schedule_type.take());
        connection.networking_method = wanted.networking_method.or(connection.networking_method.take());
        if wanted.is_historical_sync == Some(true) {
            changed.tables.values_mut().for_each(|table| table.resync = true);
            changed.connection.status.is_historical_sync = true;
        }
        app.save(&changed)?;
        let was_paused = entry.document.connection.paused;
        let paused = changed.connection.paused;
        entry.document = changed;
        if paused && !was_paused {
            Connections::stop(entry);
        } else if was_paused && !paused {
            entry.document.rest();
        }
        // A re-sync that was asked for while paused begins when the pause ends.
        let queued = was_paused && !paused && entry.document.tables.values().any(|table| table.resync);
        if wanted.is_historical_sync == Some(true) || queued {
            app.trigger(&mut state, &id, true);
        }
        state.connections.get(&id).map(|entry| entry.document.clone()).ok_or_else(|| Refusal::no_connection(&id))?
    };
    if run_tests {
        document = set_up(&app, &id).await?;
    }
    data("Connection has been updated", shown(&document))
}

async fn remove(State(app): App, Path(id): Path<String>) -> Reply {
    let mut state = app.state();
    if !state.connections.contains_key(&id) {
        return Err(Refusal::no_connection(&id));
    }
    app.remove(&mut state, &id)?;
    done(format!("Connection with id '{id}' has been deleted"))
}

async fn sync(State(app): App, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Reply {
    let wanted: TriggerSync = body_or_default(&headers, &bytes)?;
    let mut state = app.state();
    if !state.connections.contains_key(&id) {
        return Err(Refusal::no_connection(&id));
    }
    app.trigger(&mut state, &id, wanted.force);
    let scenario = state.connections.get(&id).and_then(|entry| entry.document.scenario().unwrap_or_default());
    if scenario == Some(Scenario::LostAnswer) {
        return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "The answer was lost"));
    }
    done(format!("Sync has been successfully triggered for connection with id '{id}'"))
}

async fn resync(State(app): App, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Reply {
    let wanted: Resync = body_or_default(&headers, &bytes)?;
    start_resync(&app, &id, wanted)?;
    done("Re-sync has been triggered successfully")
}

async fn resync_tables(State(app): App, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Reply {
    start_resync(&app, &id, Resync { scope: Some(body(&headers, &bytes)?) })?;
    done("Re-sync has been triggered successfully")
}

fn start_resync(app: &Arc<Connections>, id: &str, wanted: Resync) -> Result<(), Refusal> {
    let mut state = app.state();
    let entry = state.connections.get_mut(id).ok_or_else(|| Refusal::no_connection(id))?;
    if entry.is_running() {
        return Err(Refusal::new(StatusCode::CONFLICT, "Conflict", "A sync is in progress"));
    }
    let mut changed = entry.document.clone();
    match wanted.scope {
        None => changed.tables.values_mut().for_each(|table| table.resync = true),
        Some(scope) => {
            let names: Vec<String> =
                scope.iter().flat_map(|(schema, tables)| tables.iter().map(move |t| format!("{schema}.{t}"))).collect();
            if names.is_empty() {
                return Err(Refusal::invalid("`scope` names no table"));
            }
            for name in names {
                match changed.tables.get_mut(&name) {
                    Some(table) => table.resync = true,
                    None => return Err(Refusal::invalid(format!("No table `{name}` has been synced"))),
                }
            }
        }
    }
    changed.connection.status.is_historical_sync = true;
    app.save(&changed)?;
    entry.document = changed;
    app.trigger(&mut state, id, false);
    Ok(())
}

async fn test(State(app): App, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Reply {
    let _: Map<String, Value> = body(&headers, &bytes)?;
    data("Setup tests were completed", shown(&set_up(&app, &id).await?))
}

/// Runs the setup tests: can the source be opened, and which tables does it have? What they find is kept, their results
/// are only in the answer.
async fn set_up(app: &Arc<Connections>, id: &str) -> Result<Document, Refusal> {
    let found = app.state().connections.get(id).map(|entry| (entry.document.clone(), entry.address()));
    let (document, address) = found.ok_or_else(|| Refusal::no_connection(id))?;
    let found = async {
        if let Some(why) = document.scenario().unwrap_or_default().and_then(Scenario::refuses_setup) {
            return Err(SourceError::new(why));
        }
        match document.local().map_err(SourceError::new)? {
            Some(local) => {
                Source::open(local, address, document.successes).await?.tables().await.map(|tables| tables.len())
            }
            None => Err(SourceError::new("the connection has no `local` in its config, which says what to replicate")),
        }
    }
    .await;
    let mut state = app.state();
    let entry = state.connections.get_mut(id).ok_or_else(|| Refusal::no_connection(id))?;
    let mut changed = entry.document.clone();
    let test = match &found {
        Ok(_) => {
            SetupTest { title: "Connecting to source".to_owned(), status: "PASSED".to_owned(), ..SetupTest::default() }
        }
        Err(error) => SetupTest {
            title: "Connecting to source".to_owned(),
            status: "FAILED".to_owned(),
            message: Some(error.0.clone()),
            details: None,
        },
    };
    let status = &mut changed.connection.status;
    let before = status.setup_state.clone();
    match &found {
        Ok(_) => {
            status.setup_state = SetupState::Connected;
            status.tasks.retain(|task| task.code != "reconnect");
        }
        Err(error) if before == SetupState::Connected => {
            let (code, message) = ("reconnect".to_owned(), "Reconnect".to_owned());
            status.setup_state = SetupState::Broken;
            status.tasks = vec![Task { code, message, details: Some(error.0.clone()) }];
        }
        Err(_) => {}
    }
    if changed.connection.status.setup_state != before {
        app.save(&changed)?;
        entry.document = changed.clone();
    }
    changed.connection.setup_tests = Some(vec![test]);
    Ok(changed)
}
