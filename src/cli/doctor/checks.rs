//! What is looked at, in the order in which one thing needs another.

use std::time::Duration;

use chrono::{TimeDelta, Utc};

use super::super::connect::{self, Clients, FIVETRAN_HELP, NoClients};
use super::super::error::Error;
use crate::config::{Connection, Project, Workspace};
use crate::databricks::wire::{Me, WarehouseState};
use crate::databricks::{self, LoginError};
use crate::fivetran;
use crate::fivetran::wire::SetupState;
use crate::http::{Class, RetryPolicy};
use crate::ids::{ConnectionId, ConnectionName};

/// Whoever asks wants to know soon: a service that is down is tried twice.
const RETRY: RetryPolicy = RetryPolicy {
    max_attempts: 2,
    base: Duration::from_millis(500),
    cap: Duration::from_secs(5),
    budget: Duration::from_secs(30),
};

/// Clocks that differ by more are worth a word: tokens and the search for lost statements go by them.
const SKEW: TimeDelta = TimeDelta::minutes(1);

/// The group that everybody is in.
const EVERYBODY: &str = "account users";

/// How one thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// Not as it should be.
    Wrong,
    /// Not looked at, or no answer could be had.
    Skipped,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Wrong => "wrong",
            Self::Skipped => "skipped",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pub(super) name: String,
    pub(super) state: State,
    pub(super) message: String,
    /// More about it, a line each.
    pub(super) details: Vec<String>,
    /// What to do.
    pub(super) help: Option<String>,
}

fn check(name: &str, state: State, message: impl Into<String>) -> Check {
    Check { name: name.to_owned(), state, message: message.into(), details: Vec::new(), help: None }
}

fn ok(name: &str, message: impl Into<String>) -> Check {
    check(name, State::Ok, message)
}

fn wrong(name: &str, message: impl Into<String>, help: impl Into<String>) -> Check {
    Check { help: Some(help.into()), ..check(name, State::Wrong, message) }
}

fn skipped(name: &str, message: impl Into<String>) -> Check {
    check(name, State::Skipped, message)
}

/// Looks at everything an environment needs.
pub(super) async fn all(project: &Project) -> Vec<Check> {
    let clients = match Clients::of(project, RETRY).await {
        Ok(clients) => clients,
        Err(error) => {
            let mut checks = vec![no_clients(&error)];
            let later = ["host", "identity", "warehouse", "catalog", "schema"];
            checks.extend(later.map(|name| skipped(name, "needs a login")));
            match (&project.environment.workspace, connect::fivetran(project, RETRY)) {
                (Workspace::Embedded, _) => checks.push(skipped("fivetran", "needs the embedded workspace")),
                (Workspace::Remote(_), Ok(fivetran)) => connections(project, fivetran.as_ref(), &mut checks).await,
                (Workspace::Remote(_), Err(error)) => checks.push(of_error("fivetran", &error)),
            }
            return checks;
        }
    };
    let mut checks = vec![login(&clients)];
    match of_workspace(&clients, &mut checks).await {
        Some(me) => {
            checks.push(warehouse(project, &clients).await);
            catalog_and_schema(project, &clients.databricks, &me, &mut checks).await;
        }
        None => checks.extend(["warehouse", "catalog", "schema"].map(|name| skipped(name, "needs an identity"))),
    }
    connections(project, clients.fivetran.as_ref(), &mut checks).await;
    clients.close().await;
    checks
}

fn no_clients(error: &NoClients) -> Check {
    match error {
        NoClients::Login(error) => {
            let details = match error {
                LoginError::NoMethod { passed_over, .. } if passed_over.len() > 1 => {
                    passed_over.iter().map(|(method, why)| format!("not {method}: {why}")).collect()
                }
                _ => Vec::new(),
            };
            Check { details, ..wrong("login", error.to_string(), error.help()) }
        }
        NoClients::Other(error) => of_error("login", error),
    }
}

fn of_error(name: &str, error: &Error) -> Check {
    match error {
        Error::Usage(message) | Error::Refused(message) => {
            Check { help: message.help.clone(), ..check(name, State::Wrong, message.text.clone()) }
        }
        Error::Project(_) => check(name, State::Wrong, "the project is wrong; see `kiln check`"),
        Error::Interrupted => check(name, State::Wrong, "interrupted"),
    }
}

fn login(clients: &Clients) -> Check {
    let Some(login) = &clients.login else { return ok("login", "the embedded workspace, with a token of its own") };
    let passed_over = login.passed_over.iter().map(|(method, why)| format!("not {method}: {why}"));
    let warnings = login.warnings.iter().map(|warning| format!("warning: {warning}"));
    Check {
        details: passed_over.chain(warnings).collect(),
        ..ok("login", format!("{}, from {}", login.method, login.source))
    }
}

/// Looks at host, identity and clock, and returns who the caller is.
async fn of_workspace(clients: &Clients, checks: &mut Vec<Check>) -> Option<Me> {
    let host = clients.databricks.host().to_owned();
    let from = clients.login.as_ref().map(|login| format!(", from {}", login.host_origin)).unwrap_or_default();
    let caller = match clients.databricks.me().await {
        Ok(caller) => caller,
        Err(error) => {
            let (message, help) = (error.to_string(), error.help());
            match error.class() {
                // Nothing was asked of the workspace if the login service itself turned us down.
                Class::Auth | Class::Permission => {
                    checks.push(match error.status() {
                        Some(_) => ok("host", format!("{host}{from}")),
                        None => skipped("host", "needs a login"),
                    });
                    checks.push(wrong("identity", message, help));
                }
                _ => {
                    checks.push(Check { details: vec![format!("{host}{from}")], ..wrong("host", message, help) });
                    checks.push(skipped("identity", "needs the host"));
                }
            }
            return None;
        }
    };
    let workspace = caller.workspace_id.map(|id| format!(", workspace {id}")).unwrap_or_default();
    checks.push(ok("host", format!("{host}{from}{workspace}")));
    checks.push(match caller.me.active {
        Some(false) => {
            wrong("identity", format!("{} is not active", caller.me.user_name), "ask an administrator to activate it")
        }
        _ => ok("identity", name_of(&caller.me)),
    });
    if let Some(skew) = caller.date.map(|date| (Utc::now() - date).abs()).filter(|skew| *skew > SKEW) {
        let message = format!("this machine's clock differs from the workspace's by {} s", skew.num_seconds());
        checks.push(wrong("clock", message, "set the clock of this machine, best by NTP"));
    }
    Some(caller.me)
}

fn name_of(me: &Me) -> String {
    match &me.display_name {
        Some(name) if *name != me.user_name => format!("{} ({name})", me.user_name),
        _ => me.user_name.clone(),
    }
}

async fn warehouse(project: &Project, clients: &Clients) -> Check {
    let wanted = clients.warehouse(project);
    let warehouse = match clients.databricks.warehouses().resolve(wanted).await {
        Ok(warehouse) => warehouse,
        Err(databricks::Error::Http(error)) if error.class() == Class::NotFound => {
            let message = format!("there is no warehouse `{}`, or you may not see it", wanted.unwrap_or_default());
            return wrong("warehouse", message, "name the environment's `warehouse` by its name, id or HTTP path");
        }
        Err(error) => return wrong("warehouse", error.to_string(), error.help()),
    };
    let name = match warehouse.name == warehouse.id {
        true => warehouse.id.clone(),
        false => format!("{} ({})", warehouse.name, warehouse.id),
    };
    if let Some(health) = warehouse.health.filter(|health| health.status.as_deref() == Some("FAILED")) {
        let summary = health.summary.map(|summary| format!(": {summary}")).unwrap_or_default();
        let help = "look at it in the workspace under SQL Warehouses, or choose another";
        return wrong("warehouse", format!("{name} has failed{summary}"), help);
    }
    match warehouse.state {
        Some(state @ (WarehouseState::Deleting | WarehouseState::Deleted)) => {
            wrong("warehouse", format!("{name} is {}", state.as_str().to_lowercase()), "choose another `warehouse`")
        }
        Some(state @ (WarehouseState::Stopped | WarehouseState::Stopping)) => {
            ok("warehouse", format!("{name}, {}; the first statement starts it", state.as_str().to_lowercase()))
        }
        Some(state) => ok("warehouse", format!("{name}, {}", state.as_str().to_lowercase())),
        None => ok("warehouse", name),
    }
}

async fn catalog_and_schema(project: &Project, client: &databricks::Client, me: &Me, checks: &mut Vec<Check>) {
    let (catalog, schema) = (&project.environment.catalog, &project.environment.schema);
    let unity = client.unity();
    let found = match unity.catalog(catalog).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            let message = format!("there is no catalog `{catalog}`, or {} may not see it", me.user_name);
            let help = format!("create it, or let its owner run {}", grant("USE CATALOG", "CATALOG", &[catalog], me));
            checks.push(wrong("catalog", message, help));
            checks.push(skipped("schema", "needs the catalog"));
            return;
        }
        Err(error) if error.class() == Class::Permission => {
            let help = format!("let its owner run {}", grant("USE CATALOG", "CATALOG", &[catalog], me));
            checks.push(wrong("catalog", error.to_string(), help));
            checks.push(skipped("schema", "needs the catalog"));
            return;
        }
        Err(error) => {
            checks.push(wrong("catalog", error.to_string(), error.help()));
            checks.push(skipped("schema", "needs the catalog"));
            return;
        }
    };
    let owns_catalog = is_me(me, found.owner.as_deref());
    let on_catalog = if owns_catalog { Rights::Owner } else { rights(client, me, "catalog", catalog).await };
    checks.push(on_catalog.check("catalog", "CATALOG", &[catalog], me, &["USE_CATALOG"], ""));
    checks.push(match unity.schema(catalog, schema).await {
        Ok(Some(found)) => {
            let on_schema = match is_me(me, found.owner.as_deref()) {
                true => Rights::Owner,
                false => rights(client, me, "schema", &format!("{catalog}.{schema}")).await,
            };
            on_schema.check("schema", "SCHEMA", &[catalog, schema], me, &["USE_SCHEMA", "CREATE_TABLE"], "")
        }
        Ok(None) => {
            let note = format!("`{schema}` does not exist yet (a run makes it), or you may not see it; ");
            on_catalog.check("schema", "CATALOG", &[catalog], me, &["CREATE_SCHEMA"], &note)
        }
        Err(error) => wrong("schema", error.to_string(), error.help()),
    });
}

/// What the caller may do with a thing.
enum Rights {
    /// Everything.
    Owner,
    /// What was granted to the caller and the groups that are known.
    Granted(Vec<String>),
    /// It could not be found out, for this reason.
    Unknown(String),
}

async fn rights(client: &databricks::Client, me: &Me, kind: &str, full_name: &str) -> Rights {
    match client.unity().effective_permissions(kind, full_name).await {
        Ok(all) => {
            let mine = all.into_iter().filter(|assignment| is_me(me, Some(&assignment.principal)));
            Rights::Granted(mine.flat_map(|mine| mine.privileges).map(|right| right.privilege).collect())
        }
        Err(error) => Rights::Unknown(error.to_string()),
    }
}

impl Rights {
    fn check(&self, name: &str, kind: &str, parts: &[&str], me: &Me, needed: &[&str], note: &str) -> Check {
        let shown = parts.join(".");
        let words = |rights: &[&str]| rights.join(", ").replace('_', " ");
        match self {
            Self::Owner => ok(name, format!("{note}{shown}, of which {} is the owner", me.user_name)),
            Self::Granted(rights) => {
                let has = |right: &&str| rights.iter().any(|granted| granted == right || granted == "ALL_PRIVILEGES");
                let missing: Vec<&str> = needed.iter().copied().filter(|right| !has(right)).collect();
                if missing.is_empty() {
                    return ok(name, format!("{note}{shown}, with {}", words(needed)));
                }
                let message = format!("{note}{} lacks {} on {shown}", me.user_name, words(&missing));
                wrong(name, message, format!("let its owner run {}", grant(&words(&missing), kind, parts, me)))
            }
            Self::Unknown(why) => {
                let check = skipped(name, format!("{note}{shown} is there, but who may do what in it cannot be read"));
                Check { details: vec![why.clone()], ..check }
            }
        }
    }
}

/// Tells whether a name is the caller's, or that of a group that the caller is in.
fn is_me(me: &Me, name: Option<&str>) -> bool {
    let Some(name) = name else { return false };
    name == me.user_name || name == EVERYBODY || me.groups.iter().any(|group| group.display.as_deref() == Some(name))
}

fn grant(rights: &str, kind: &str, parts: &[&str], me: &Me) -> String {
    let quoted: Vec<String> = parts.iter().map(|part| format!("`{part}`")).collect();
    format!("GRANT {rights} ON {kind} {} TO `{}`", quoted.join("."), me.user_name)
}

async fn connections(project: &Project, client: Option<&fivetran::Client>, checks: &mut Vec<Check>) {
    if project.connections.is_empty() {
        checks.push(skipped("fivetran", "the project has no connections"));
        return;
    }
    let Some(client) = client else {
        checks.push(wrong("fivetran", "there are no credentials", FIVETRAN_HELP));
        checks.extend(project.connections.keys().map(|name| skipped(&title(name), "needs Fivetran's credentials")));
        return;
    };
    match client.account_info().await {
        Ok(account) => {
            let name = account.account_name.unwrap_or(account.account_id);
            checks.push(ok("fivetran", format!("a key of account {name}")));
        }
        Err(error) => {
            checks.push(wrong("fivetran", error.to_string(), error.help()));
            checks.extend(project.connections.keys().map(|name| skipped(&title(name), "needs Fivetran")));
            return;
        }
    }
    for (name, connection) in &project.connections {
        checks.push(of_connection(&title(name), connection, client).await);
    }
}

fn title(name: &ConnectionName) -> String {
    format!("connection {name}")
}

/// Tells whether kiln makes a connection that is not there.
fn is_made(connection: &Connection) -> bool {
    connection.kept.as_ref().is_some_and(|kept| kept.config.is_some())
}

async fn of_connection(name: &str, wanted: &Connection, client: &fivetran::Client) -> Check {
    let found = match &wanted.id {
        Some(id) if !id.value.is_empty() => client.connection(&ConnectionId::new(&id.value)).await,
        _ => client.find_by_prefix(&wanted.schema_prefix, wanted.group.as_deref()).await,
    };
    let connection = match found {
        Ok(connection) => connection,
        Err(fivetran::Error::Prefix { count: 0, .. }) if is_made(wanted) => {
            return skipped(name, "it is not there yet; `kiln deploy` makes it");
        }
        Err(error) => return wrong(name, error.to_string(), error.help()),
    };
    let id = &connection.id;
    let link = client.link(&ConnectionId::new(id)).map(|link| format!(": {link}")).unwrap_or_default();
    if connection.paused {
        return wrong(name, format!("{id} is paused"), format!("resume it in Fivetran{link}"));
    }
    match connection.status.setup_state {
        SetupState::Connected if connection.service == wanted.service => {
            let last = connection.succeeded_at.map(|at| format!(", last synced {}", at.format("%Y-%m-%d %H:%M UTC")));
            ok(
                name,
                format!("{id} ({}){}", connection.service, last.unwrap_or_else(|| ", never synced yet".to_owned())),
            )
        }
        SetupState::Connected => {
            let message = format!("{id} is of service {}, not {}", connection.service, wanted.service);
            wrong(name, message, "correct `service` or `id` of the connection in jobs.yaml")
        }
        state => {
            let tasks: Vec<&str> = connection.status.tasks.iter().map(|task| task.message.as_str()).collect();
            let tasks = if tasks.is_empty() { String::new() } else { format!(": {}", tasks.join("; ")) };
            wrong(name, format!("{id} is {state}{tasks}"), format!("repair it in Fivetran{link}"))
        }
    }
}
