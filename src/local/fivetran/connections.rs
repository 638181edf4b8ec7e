//! The connections, and what each is doing: `scheduled` → `syncing` → `scheduled`, or `paused`.
//!
//! A sync in progress is known in memory only. Documents are written when a connection changes and when a sync ends, so
//! after a crash a connection is idle and no timestamp has moved.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::config::Declared;
use super::document::Document;
use super::names::connection_id;
use super::scenario::{self, Scenario};
use super::sync;
use crate::fivetran::wire::{
    Connection, ConnectionStatus, Destination, Group, ScheduleType, SetupState, SyncState, Task, UpdateState,
};
use crate::ids::{ConnectionId, TableName};
use crate::local::Clock;
use crate::local::engine::Engine;
use crate::local::store::{Store, StoreError};
use crate::secret::Secret;

/// The folder of connections' documents.
const CONNECTIONS: &str = "connections";
/// The document of groups and destinations.
const GROUPS: &str = "groups.json";
/// The group that is always there.
pub(super) const DEFAULT_GROUP: &str = "projected_sickle";
/// The catalog of a group's destination, unless it is set otherwise.
const DEFAULT_CATALOG: &str = "main";

/// A group and its destination.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct GroupDocument {
    pub(super) group: Group,
    pub(super) destination: Destination,
}

/// All connections and groups.
pub(super) struct Connections {
    engine: Engine,
    store: Store,
    pub(super) clock: Clock,
    state: Mutex<State>,
}

/// What is known of them.
pub(super) struct State {
    pub(super) connections: BTreeMap<String, Entry>,
    pub(super) groups: Vec<GroupDocument>,
    /// Counts syncs, so that one that was replaced does not report its end.
    next: u64,
    /// Set when the workspace stops: nothing starts any more.
    closed: bool,
}

/// A connection.
pub(super) struct Entry {
    pub(super) document: Document,
    running: Option<Running>,
    /// The address of its source, where that has one: a secret, and so in memory only.
    address: Option<Secret>,
    /// Until when its sync was put off.
    put_off: Option<DateTime<Utc>>,
}

impl Entry {
    fn new(document: Document) -> Self {
        Self { document, running: None, address: None, put_off: None }
    }

    /// Tells the address of the source.
    pub(super) fn address(&self) -> Option<Secret> {
        self.address.clone()
    }

    /// Whether the sync of that number runs.
    fn is(&self, number: u64) -> bool {
        self.running.as_ref().is_some_and(|running| running.number == number)
    }

    /// Whether a sync runs.
    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }
}

struct Running {
    number: u64,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// How a scenario left a sync.
enum Played {
    /// It goes on to read its source.
    GoesOn,
    /// It waits to be triggered again.
    PutOff,
    /// It is over.
    Ended,
}

impl Connections {
    pub(super) fn open(engine: Engine, store: Store, clock: Clock) -> Result<Arc<Self>, StoreError> {
        let mut connections = BTreeMap::new();
        for name in store.list(CONNECTIONS)? {
            let Some(mut document) = store.read::<Document>(&name)? else { continue };
            // Written while it ran, perhaps; it does not run now.
            document.rest();
            connections.insert(document.connection.id.clone(), Entry::new(document));
        }
        let groups = match store.read::<Vec<GroupDocument>>(GROUPS)? {
            Some(groups) => groups,
            None => {
                let groups = vec![group(DEFAULT_GROUP, "local", clock())];
                store.write(GROUPS, &groups)?;
                groups
            }
        };
        let state = State { connections, groups, next: 0, closed: false };
        Ok(Arc::new(Self { engine, store, clock, state: Mutex::new(state) }))
    }

    /// The state, for reading or for a change that [`Connections::save`] keeps.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Each change is whole before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now, to the microsecond as Fivetran tells it.
    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.clock)().trunc_subsecs(6)
    }

    /// Writes a connection's document.
    pub(super) fn save(&self, document: &Document) -> Result<(), StoreError> {
        self.store.write(&format!("{CONNECTIONS}/{}.json", document.connection.id), document)
    }

    /// Makes a group with a destination of its own.
    pub(super) fn add_group(&self, name: &str) -> Result<Group, StoreError> {
        let mut state = self.state();
        let id = (0..)
            .map(|attempt| connection_id(name, attempt))
            .find(|id| !state.groups.iter().any(|g| g.group.id == *id));
        let made = group(&id.unwrap_or_default(), name, self.now());
        let mut groups = state.groups.clone();
        groups.push(made.clone());
        self.store.write(GROUPS, &groups)?;
        state.groups = groups;
        Ok(made.group)
    }

    /// Changes the config of a destination, and returns it; none if there is none of that id.
    pub(super) fn update_destination(
        &self,
        id: &str,
        config: Map<String, Value>,
    ) -> Result<Option<Destination>, StoreError> {
        let mut state = self.state();
        let mut groups = state.groups.clone();
        let Some(group) = groups.iter_mut().find(|group| group.destination.id == id) else { return Ok(None) };
        group.destination.config.get_or_insert_default().extend(config);
        let changed = group.destination.clone();
        self.store.write(GROUPS, &groups)?;
        state.groups = groups;
        Ok(Some(changed))
    }

    /// Adds a connection under an id that is free.
    pub(super) fn add(&self, state: &mut State, document: Document) -> Result<(), StoreError> {
        self.save(&document)?;
        state.connections.insert(document.connection.id.clone(), Entry::new(document));
        Ok(())
    }

    /// Takes a connection away; what it has landed stays.
    pub(super) fn remove(&self, state: &mut State, id: &str) -> Result<(), StoreError> {
        if let Some(entry) = state.connections.get(id) {
            if let Some(running) = &entry.running {
                running.stop.cancel();
            }
            self.store.remove(&format!("{CONNECTIONS}/{id}.json"))?;
            state.connections.remove(id);
        }
        Ok(())
    }

    /// Makes the connection, or brings it in line with what is declared.
    pub(super) fn ensure(self: &Arc<Self>, declared: &Declared) -> Result<ConnectionId, StoreError> {
        let mut state = self.state();
        let found = match &declared.id {
            Some(id) => state.connections.get(id),
            None => {
                let by = |test: &dyn Fn(&Document) -> bool| state.connections.values().find(|e| test(&e.document));
                by(&|d| d.name.as_deref() == Some(&declared.name))
                    .or_else(|| by(&|d| d.name.is_none() && d.prefix() == declared.schema_prefix))
            }
        };
        let existing = found.map(|entry| entry.document.clone());
        let mut document = match existing.clone() {
            Some(document) => document,
            None => {
                let id = declared.id.clone().unwrap_or_else(|| state.free_id(&declared.name));
                let mut document = new_document(&id, &declared.service, DEFAULT_GROUP, self.now());
                document.connection.schedule_type = Some(ScheduleType::Manual);
                document.connection.status.setup_state = SetupState::Connected;
                document
            }
        };
        document.name = Some(declared.name.clone());
        document.wanted = declared.tables.clone();
        document.declare_columns(&declared.columns);
        document.connection.service.clone_from(&declared.service);
        document.connection.schema.clone_from(&declared.schema_prefix);
        let config = document.connection.config.get_or_insert_default();
        config.insert("schema_prefix".to_owned(), json!(declared.schema_prefix));
        config.insert("catalog".to_owned(), json!(declared.catalog));
        config.insert("local".to_owned(), json!(declared.local));
        let played = config.remove("scenario");
        if let Some(name) = &declared.scenario {
            config.insert("scenario".to_owned(), json!(name));
        }
        let id = document.connection.id.clone();
        let scenario = document.scenario().unwrap_or_default();
        match scenario {
            Some(scenario) => scenario.set_up(&mut document, self.now()),
            None => {
                if let Some(played) = played.as_ref().and_then(Value::as_str) {
                    Scenario::clear(played, &mut document);
                }
            }
        }
        if let Some(entry) = state.connections.get_mut(&id) {
            entry.address.clone_from(&declared.address);
        }
        // Nothing is written where nothing changed, so that a start costs nothing.
        if scenario.is_none() && existing.as_ref().map(|d| json!(d)) == Some(json!(document)) {
            return Ok(ConnectionId::new(id));
        }
        self.save(&document)?;
        match state.connections.get_mut(&id) {
            Some(entry) => entry.document = document,
            None => {
                let entry = Entry { address: declared.address.clone(), ..Entry::new(document) };
                state.connections.insert(id.clone(), entry);
            }
        }
        if scenario == Some(Scenario::AlreadyRunning) {
            self.trigger(&mut state, &id, false);
        }
        Ok(ConnectionId::new(id))
    }

    /// Starts a sync, unless one runs (`force` ends that and starts over) or the connection is paused, in which case
    /// nothing happens, as nothing tells a caller of Fivetran's API.
    pub(super) fn trigger(self: &Arc<Self>, state: &mut State, id: &str, force: bool) {
        let number = state.next;
        let catalog = state.catalog_of(id);
        let closed = state.closed;
        let Some(entry) = state.connections.get_mut(id) else { return };
        let scenario = entry.document.scenario().unwrap_or_default();
        let idle = entry.document.connection.paused || scenario == Some(Scenario::NeverStarts);
        if closed || idle || (entry.running.is_some() && !force) {
            return;
        }
        state.next += 1;
        let previous = entry.running.take();
        entry.document.connection.status.sync_state = scenario.map_or(SyncState::Syncing, Scenario::state);
        entry.document.connection.status.rescheduled_for = None;
        let stop = CancellationToken::new();
        let (all, id, token) = (Arc::clone(self), id.to_owned(), stop.clone());
        let task = tokio::spawn(async move {
            if let Some(previous) = previous {
                previous.stop.cancel();
                // However the other one ended, it is over.
                let _ = previous.task.await;
            }
            all.sync(&id, number, &catalog, &token).await;
        });
        entry.running = Some(Running { number, stop, task });
    }

    /// Stops a running sync, if there is one.
    pub(super) fn stop(entry: &mut Entry) {
        if let Some(running) = entry.running.take() {
            running.stop.cancel();
        }
        entry.document.rest();
    }

    async fn sync(&self, id: &str, number: u64, catalog: &str, stop: &CancellationToken) {
        let started = self.now();
        let found = self.state().connections.get(id).map(|entry| (entry.document.clone(), entry.address()));
        let Some((document, address)) = found else { return };
        tracing::info!(connection = id, "sync begins");
        let scenario = document.scenario().unwrap_or_default();
        if let Some(scenario) = scenario {
            let played = tokio::select! {
                () = stop.cancelled() => Played::Ended,
                played = self.play(scenario, id, &document) => played,
            };
            match played {
                Played::GoesOn => {}
                Played::PutOff => return,
                Played::Ended => {
                    let mut state = self.state();
                    if let Some(entry) = state.connections.get_mut(id).filter(|entry| entry.is(number)) {
                        entry.running = None;
                        entry.document.rest();
                    }
                    return;
                }
            }
        }
        let outcome = sync::run(&self.engine, document, address, catalog, started, stop).await;
        let mut state = self.state();
        let Some(entry) = state.connections.get_mut(id) else { return };
        if entry.is(number) {
            entry.running = None;
            entry.document.rest();
        }
        let Some(outcome) = outcome else {
            tracing::info!(connection = id, "sync was stopped");
            return;
        };
        let document = &mut entry.document;
        if let Some(tables) = &outcome.tables {
            document.discover(tables);
        }
        let connection = &mut document.connection;
        match outcome.result {
            Ok(states) => {
                connection.succeeded_at = Some(after(self.now(), connection.succeeded_at));
                connection.status.setup_state = SetupState::Connected;
                connection.status.update_state = Some(UpdateState::OnSchedule);
                connection.status.tasks.clear();
                document.successes += 1;
                for (name, table) in states {
                    document.tables.insert(name, table);
                }
                document.connection.status.is_historical_sync =
                    scenario == Some(Scenario::Historical) || document.tables.values().any(|table| table.resync);
                tracing::info!(connection = id, "sync succeeded");
            }
            Err(error) => {
                connection.failed_at = Some(after(self.now(), connection.failed_at));
                connection.status.setup_state = SetupState::Broken;
                connection.status.update_state = Some(UpdateState::Delayed);
                let task =
                    Task { code: "reconnect".to_owned(), message: "Reconnect".to_owned(), details: Some(error.0) };
                tracing::warn!(connection = id, details = task.details, "sync failed");
                connection.status.tasks = vec![task];
            }
        }
        if let Err(error) = self.save(document) {
            // The tables are right; after a restart the next sync finds what it did before.
            tracing::error!("{error}");
        }
    }

    /// Plays what a scenario has in store before a sync reads its source.
    async fn play(&self, scenario: Scenario, id: &str, document: &Document) -> Played {
        if scenario == Scenario::Slow {
            std::future::pending::<()>().await;
        }
        let now = self.now();
        if let Some(until) = scenario.puts_off(now) {
            let waits = {
                let mut state = self.state();
                let Some(entry) = state.connections.get_mut(id) else { return Played::Ended };
                // The second time, when the time has come, the sync goes on.
                match entry.put_off.filter(|until| *until <= now) {
                    Some(_) => {
                        entry.put_off = None;
                        None
                    }
                    None => {
                        let until = *entry.put_off.get_or_insert(until);
                        let status = &mut entry.document.connection.status;
                        (status.sync_state, status.rescheduled_for) = (SyncState::Rescheduled, Some(until));
                        let goes_on = entry.document.connection.schedule_type == Some(ScheduleType::Auto);
                        if !goes_on {
                            entry.running = None;
                        }
                        Some(goes_on)
                    }
                }
            };
            match waits {
                None => {}
                Some(false) => return Played::PutOff,
                Some(true) => {
                    tokio::time::sleep(scenario::SHORT).await;
                    let mut state = self.state();
                    let Some(entry) = state.connections.get_mut(id) else { return Played::Ended };
                    entry.put_off = None;
                    let status = &mut entry.document.connection.status;
                    (status.sync_state, status.rescheduled_for) = (SyncState::Syncing, None);
                }
            }
        }
        if scenario == Scenario::Historical
            && let Some(entry) = self.state().connections.get_mut(id)
        {
            entry.document.connection.status.is_historical_sync = true;
        }
        if scenario.lingers() {
            tokio::time::sleep(scenario::SHORT).await;
        }
        if let Some((setup, tasks)) = scenario.failure() {
            let mut state = self.state();
            if let Some(entry) = state.connections.get_mut(id) {
                let connection = &mut entry.document.connection;
                connection.failed_at = Some(after(now, connection.failed_at));
                (connection.status.setup_state, connection.status.tasks) = (setup, tasks);
                connection.status.update_state = Some(UpdateState::Delayed);
                if let Err(error) = self.save(&entry.document) {
                    tracing::error!("{error}");
                }
            }
            return Played::Ended;
        }
        if matches!(scenario, Scenario::RecreatedTable | Scenario::DroppedColumn)
            && let Some(table) = document.tables.values().next()
            && let [catalog, schema, name] = table.destination.split('.').collect::<Vec<_>>()[..]
            && let Err(error) = self.engine.drop_table(&TableName::new(catalog, schema, name)).await
        {
            tracing::error!("{error}");
        }
        Played::GoesOn
    }

    /// Stops all syncs and waits for their end; nothing starts any more.
    pub(super) async fn shutdown(&self) {
        let running: Vec<Running> = {
            let mut state = self.state();
            state.closed = true;
            let running = |entry: &mut Entry| {
                let running = entry.running.take();
                entry.document.rest();
                running
            };
            state.connections.values_mut().filter_map(running).collect()
        };
        for running in running {
            running.stop.cancel();
            // However it ended, it is over.
            let _ = running.task.await;
        }
    }
}

impl State {
    /// An id for a connection of that name that no other has.
    pub(super) fn free_id(&self, name: &str) -> String {
        let free = (0..).map(|attempt| connection_id(name, attempt)).find(|id| !self.connections.contains_key(id));
        free.unwrap_or_default()
    }

    /// The catalog that a connection lands tables in: its own, or that of its group's destination.
    fn catalog_of(&self, id: &str) -> String {
        let document = self.connections.get(id).map(|entry| &entry.document);
        let own = document.and_then(Document::catalog);
        let group = document.map(|d| d.connection.group_id.as_str());
        let destination = self.groups.iter().find(|g| Some(g.group.id.as_str()) == group);
        own.or_else(|| destination?.destination.catalog()).unwrap_or(DEFAULT_CATALOG).to_owned()
    }
}

/// A moment that lies after the one before, even if the clock stands still or goes back.
fn after(now: DateTime<Utc>, before: Option<DateTime<Utc>>) -> DateTime<Utc> {
    before.map_or(now, |before| now.max(before + TimeDelta::microseconds(1)))
}

/// A connection that has never synced.
pub(super) fn new_document(id: &str, service: &str, group: &str, now: DateTime<Utc>) -> Document {
    let connection = Connection {
        id: id.to_owned(),
        service: service.to_owned(),
        schema: String::new(),
        group_id: group.to_owned(),
        service_version: Some(1),
        paused: false,
        pause_after_trial: Some(false),
        connected_by: Some("interment_burdensome".to_owned()),
        created_at: Some(now),
        succeeded_at: None,
        failed_at: None,
        sync_frequency: Some(360),
        schedule_type: Some(ScheduleType::Auto),
        daily_sync_time: None,
        data_delay_sensitivity: Some("NORMAL".to_owned()),
        data_delay_threshold: Some(0),
        networking_method: Some("Directly".to_owned()),
        destination_schema_names: Some("FIVETRAN_NAMING".to_owned()),
        status: ConnectionStatus {
            setup_state: SetupState::Incomplete,
            schema_status: Some("ready".to_owned()),
            sync_state: SyncState::Scheduled,
            update_state: Some(UpdateState::OnSchedule),
            is_historical_sync: true,
            rescheduled_for: None,
            tasks: Vec::new(),
            warnings: Vec::new(),
        },
        setup_tests: None,
        config: Some(Map::new()),
    };
    Document {
        name: None,
        connection,
        wanted: indexmap::IndexMap::new(),
        wanted_columns: indexmap::IndexMap::new(),
        successes: 0,
        tables: indexmap::IndexMap::new(),
        schemas: None,
    }
}

fn group(id: &str, name: &str, now: DateTime<Utc>) -> GroupDocument {
    let config: Value = json!({
        "catalog": DEFAULT_CATALOG, "server_host_name": "127.0.0.1", "port": 443, "http_path": "/sql/1.0/warehouses/local",
        "auth_type": "PERSONAL_ACCESS_TOKEN", "personal_access_token": "******", "create_external_tables": false,
        "external_location": "", "disable_vacuum": false, "connection_type": "Directly",
    });
    GroupDocument {
        group: Group { id: id.to_owned(), name: name.to_owned(), created_at: Some(now.trunc_subsecs(6)) },
        destination: Destination {
            id: id.to_owned(),
            group_id: id.to_owned(),
            service: "databricks".to_owned(),
            region: Some("LOCAL".to_owned()),
            time_zone_offset: Some("0".to_owned()),
            setup_status: Some("connected".to_owned()),
            daylight_saving_time_enabled: Some(false),
            networking_method: Some("Directly".to_owned()),
            config: config.as_object().cloned(),
        },
    }
}
