//! From an environment to clients: the one place that knows which environment is the embedded workspace.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::error::Error;
use super::lookup;
use super::output::Output;
use crate::config::{self, Project, Remote, Workspace};
#[cfg(feature = "local")]
use crate::config::{ColumnWish, Connection};
use crate::databricks::wire::WarehouseState;
use crate::databricks::{
    BRIEF, Explicit, Login, LoginError, Progress, Statement, StatementResult, Surroundings, system_programs,
};
use crate::diag::sentence;
use crate::execute::Connected;
use crate::http::{Clock, Options, Pace, RetryPolicy, base_address};
#[cfg(feature = "local")]
use crate::ids::ConnectionName;
use crate::ids::WarehouseId;
use crate::plan::{Action, KeepConnection, RunPlan};
use crate::secret::Secret;
use crate::{databricks, fivetran};

/// The clients of an environment; no request was sent by them yet. The embedded workspace lives as long as this does.
pub(super) struct Clients {
    pub(super) databricks: databricks::Client,
    /// None if there are no credentials for it.
    pub(super) fivetran: Option<fivetran::Client>,
    /// How the login was decided about; none for the embedded workspace, which has a token of its own.
    pub(super) login: Option<Login>,
    #[cfg(feature = "local")]
    server: Option<crate::local::Server>,
}

/// A connected environment.
pub(super) struct Environment {
    pub(super) connected: Connected,
    pub(super) clients: Clients,
    pub(super) name: String,
    /// Whether a statement that is sent now waits until the warehouse has started.
    pub(super) warehouse_rests: bool,
}

/// Why there are no clients.
pub(super) enum NoClients {
    /// There is no login.
    Login(LoginError),
    /// Something else.
    Other(Error),
}

impl From<Error> for NoClients {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Clients {
    /// Decides about the login, or starts the embedded workspace. A policy other than the usual one is for those who want
    /// to know soon.
    pub(super) async fn of(project: &Project, retry: RetryPolicy) -> Result<Self, NoClients> {
        match &project.environment.workspace {
            Workspace::Embedded => Ok(Self::embedded(project, retry).await?),
            Workspace::Remote(remote) => {
                let options = Options { retry, ..options() };
                let login = login(remote, &options).await.map_err(NoClients::Login)?;
                let fivetran = fivetran_with(project, &options)?;
                let databricks = databricks::Client::of(&login, options).map_err(|e| http_error(&e))?;
                Ok(Self {
                    databricks,
                    fivetran,
                    login: Some(login),
                    #[cfg(feature = "local")]
                    server: None,
                })
            }
        }
    }

    #[cfg(feature = "local")]
    async fn embedded(project: &Project, retry: RetryPolicy) -> Result<Self, Error> {
        use crate::local::{Server, Settings};
        let settings = Settings::new(data_dir(project), Arc::new(Utc::now));
        let server = Server::start(settings).await.map_err(|error| start_error(&error))?;
        ensure_connections(&server, project)?;
        let (databricks, base, options) = databricks_of(&server, retry)?;
        let credentials = fivetran::Credentials { base, key: Secret::new("local"), secret: server.token().clone() };
        let fivetran = fivetran::Client::new(&credentials, options).map_err(|e| http_error(&e))?;
        Ok(Self { databricks, fivetran: Some(fivetran), login: None, server: Some(server) })
    }

    #[cfg(not(feature = "local"))]
    async fn embedded(project: &Project, _: RetryPolicy) -> Result<Self, Error> {
        Err(Error::usage(format!(
            "environment `{}` is the embedded workspace, which this kiln was built without",
            project.environment.name
        ))
        .with_help("Choose another environment with --env, or build kiln with its feature `local`."))
    }

    /// Returns the warehouse that is meant: by jobs.yaml, or else by the process environment or the profile.
    pub(super) fn warehouse<'a>(&'a self, project: &'a Project) -> Option<&'a str> {
        let by_login = || self.login.as_ref().and_then(|login| login.warehouse.as_deref());
        project.environment.warehouse.as_ref().map(|warehouse| warehouse.value.as_str()).or_else(by_login)
    }

    /// Lets go of the environment.
    pub(super) async fn close(self) {
        #[cfg(feature = "local")]
        if let Some(server) = self.server {
            server.shutdown().await;
        }
    }
}

impl Environment {
    /// Connects to a project's environment, and proves with one request that the workspace answers and has the warehouse.
    pub(super) async fn connect(project: &Project, output: &Output) -> Result<Self, Error> {
        let name = &project.environment.name;
        let clients = Clients::of(project, RetryPolicy::default()).await.map_err(|error| match error {
            NoClients::Login(error) => {
                let help = format!("{}; `kiln doctor` tells what was looked at", error.help());
                refused(format!("environment `{name}`: {error}"), &help)
            }
            NoClients::Other(error) => error,
        })?;
        for warning in clients.login.iter().flat_map(|login| &login.warnings) {
            output.status(&format!("warning: {warning}"));
        }
        let warehouse = clients.databricks.warehouses().resolve(clients.warehouse(project)).await;
        let warehouse = warehouse.map_err(|error| refused(error.to_string(), &error.help()))?;
        let rests = matches!(
            &warehouse.state,
            Some(WarehouseState::Starting | WarehouseState::Stopping | WarehouseState::Stopped)
        );
        let connected = Connected {
            databricks: clients.databricks.clone(),
            warehouse: WarehouseId::new(warehouse.id),
            fivetran: clients.fivetran.clone(),
            secrets: Arc::new(|variable| lookup::env(variable).filter(|value| !value.is_empty()).map(Secret::new)),
        };
        Ok(Self { connected, clients, name: name.clone(), warehouse_rests: rests })
    }

    /// Refuses a plan that needs credentials that the environment has not.
    pub(super) fn suffices_for(&self, plan: &RunPlan) -> Result<(), Error> {
        let asks = |action: &Action| matches!(action, Action::Sync(_) | Action::Keep(_) | Action::Remove(_));
        if self.clients.fivetran.is_none() && plan.steps.values().any(|step| asks(&step.action)) {
            let text = format!("environment `{}` needs Fivetran's credentials, for something is synced", self.name);
            return Err(Error::refused(text).with_help(FIVETRAN_HELP));
        }
        for step in plan.steps.values() {
            let Action::Keep(keep) = &step.action else { continue };
            let KeepConnection { connection, config: Some(config), .. } = &**keep else { continue };
            if let Some(variable) = config.secrets.values().find(|name| (self.connected.secrets)(name).is_none()) {
                let text = format!("connection `{connection}` needs the environment variable `{variable}`");
                return Err(Error::refused(text)
                    .with_help(format!("Set it, as in `export {variable}=…`: its value is sent to Fivetran.")));
            }
        }
        Ok(())
    }

    /// Refuses another environment that is not in the same workspace.
    pub(super) async fn demand_same_workspace(&self, other: &config::Environment) -> Result<(), Error> {
        let theirs = match &other.workspace {
            Workspace::Embedded => None,
            Workspace::Remote(remote) => match &remote.host {
                Some(host) => base_address(&host.value).ok(),
                None => {
                    let login = login(remote, &options()).await;
                    let login = login
                        .map_err(|error| refused(format!("environment `{}`: {error}", other.name), &error.help()))?;
                    Some(login.host)
                }
            },
        };
        let ours = self.clients.login.as_ref().map(|login| login.host.clone());
        if ours == theirs {
            return Ok(());
        }
        let words =
            |host: &Option<url::Url>| host.as_ref().map_or("the embedded workspace".to_owned(), ToString::to_string);
        let text = format!(
            "environment `{}` is in another workspace ({}) than `{}` ({})",
            other.name,
            words(&theirs),
            self.name,
            words(&ours)
        );
        Err(Error::usage(text).with_help("Tables can be read from there only within one workspace."))
    }

    /// Asks the warehouse something short, whatever else is interrupted, and returns the rows.
    pub(super) async fn rows(&self, sql: String) -> Result<Vec<Vec<Option<String>>>, databricks::Error> {
        self.ask_within(Some(BRIEF), sql).await.map(|result| result.rows)
    }

    /// Asks a query, however long it takes, and returns its answer.
    pub(super) async fn ask(&self, sql: String) -> Result<StatementResult, databricks::Error> {
        self.ask_within(None, sql).await
    }

    async fn ask_within(&self, within: Option<Duration>, sql: String) -> Result<StatementResult, databricks::Error> {
        let Connected { databricks, warehouse, .. } = &self.connected;
        let statement = Statement { read_only: true, within, ..Statement::new(sql, warehouse.clone()) };
        let never = CancellationToken::new();
        databricks.statements().execute(&statement, &never, &mut |_: Progress| {}).await
    }

    /// Returns the client of Fivetran, if there are credentials for it.
    pub(super) fn fivetran(&self) -> Option<&fivetran::Client> {
        self.clients.fivetran.as_ref()
    }

    /// Lets go of the environment.
    pub(super) async fn close(self) {
        self.clients.close().await;
    }
}

/// How to get Fivetran's credentials.
pub(super) const FIVETRAN_HELP: &str = "Set FIVETRAN_API_KEY and FIVETRAN_API_SECRET.";

/// The folder beside a project's `jobs.yaml` in which kiln keeps what it writes, as messages name it.
pub(super) fn kiln_dir(project: &Project) -> PathBuf {
    kiln_dir_of(&project.root)
}

/// The same folder of the project whose root this is.
pub(super) fn kiln_dir_of(root: &Path) -> PathBuf {
    root.strip_prefix(".").unwrap_or(root).join(".kiln")
}

/// Where a project's embedded workspace keeps its data.
#[cfg(feature = "local")]
pub(super) fn data_dir(project: &Project) -> PathBuf {
    kiln_dir(project).join("local")
}

/// Explains why the embedded workspace did not start.
#[cfg(feature = "local")]
pub(super) fn start_error(error: &crate::local::StartError) -> Error {
    let cause = std::error::Error::source(error).map(|cause| format!(" ({cause})")).unwrap_or_default();
    // Its messages end with what to do, after a semicolon.
    let text = error.to_string();
    match text.split_once("; ") {
        Some((what, help)) => Error::refused(format!("{what}{cause}")).with_help(sentence(help)),
        None => Error::refused(format!("{text}{cause}")),
    }
}

/// Makes a client of an embedded workspace of this process; returns its address and the options of its requests too.
#[cfg(feature = "local")]
pub(super) fn databricks_of(
    server: &crate::local::Server,
    retry: RetryPolicy,
) -> Result<(databricks::Client, url::Url, Options), Error> {
    let base = base_address(&server.url()).map_err(|error| Error::refused(error.to_string()))?;
    // It is this process itself: there is nobody to spare.
    let options = Options { pace: Arc::new(Pace::unlimited()), retry, ..options() };
    let credentials = databricks::Credentials { host: base.clone(), token: server.token().clone() };
    let client = databricks::Client::new(&credentials, options.clone()).map_err(|e| http_error(&e))?;
    Ok((client, base, options))
}

/// Makes the embedded Fivetran know the connections that the project declares for it.
#[cfg(feature = "local")]
pub(super) fn ensure_connections(server: &crate::local::Server, project: &Project) -> Result<(), Error> {
    for (name, connection) in &project.connections {
        server.fivetran().ensure_connection(&declared(name, connection, project)).map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(" ({cause})")).unwrap_or_default();
            Error::refused(format!("connection `{name}`: {error}{cause}"))
        })?;
    }
    Ok(())
}

/// Says of a connection what the embedded Fivetran has to know.
#[cfg(feature = "local")]
fn declared(name: &ConnectionName, connection: &Connection, project: &Project) -> crate::local::fivetran::Declared {
    use crate::local::fivetran::{ColumnSetting, Declared, FileSource, LocalSource, PostgresSource, SampleSource};
    let setting = |wish: &ColumnWish| match wish {
        ColumnWish::Include => ColumnSetting::AS_IT_IS,
        ColumnWish::Exclude => ColumnSetting { enabled: false, hashed: false },
        ColumnWish::Hash => ColumnSetting { enabled: true, hashed: true },
    };
    let columns = connection.columns.iter().map(|((schema, table), columns)| {
        let columns = columns.iter().map(|(column, wish)| (column.clone(), setting(wish)));
        (format!("{schema}.{table}"), columns.collect())
    });
    let mut address = None;
    let local = connection.local.as_ref().map(|local| match local {
        config::LocalSource::Sample { customers, seed } => {
            LocalSource::Sample(SampleSource { customers: *customers, seed: *seed })
        }
        config::LocalSource::Files { tables } => {
            let file = |file: &config::LocalFile| FileSource {
                path: file.path.clone(),
                key: file.key.clone(),
                columns: file.columns.clone(),
            };
            LocalSource::Files(tables.iter().map(|(table, f)| (table.clone(), file(f))).collect())
        }
        config::LocalSource::Postgres { variable, updated_at } => {
            address = lookup::env(variable).map(Secret::new);
            LocalSource::Postgres(PostgresSource {
                variable: variable.clone(),
                tables: connection.tables.clone(),
                updated_at: updated_at.clone(),
            })
        }
    });
    Declared {
        name: name.to_string(),
        id: connection.id.as_ref().map(|id| id.value.clone()),
        service: connection.service.clone(),
        schema_prefix: connection.schema_prefix.clone(),
        catalog: project.environment.catalog.clone(),
        tables: connection.tables.clone(),
        columns: columns.collect(),
        local,
        address,
        scenario: connection.scenario.clone(),
    }
}

/// Limits of the requests, and who sends them.
fn options() -> Options {
    let cicd = [
        ("GITHUB_ACTIONS", "github"),
        ("GITLAB_CI", "gitlab"),
        ("TF_BUILD", "azure-devops"),
        ("JENKINS_URL", "jenkins"),
    ];
    let cicd = cicd.iter().find(|(variable, _)| lookup::env(variable).is_some());
    let cicd = cicd.map(|(_, name)| format!(" cicd/{name}")).unwrap_or_default();
    Options { user_agent_extra: format!("os/{}{cicd}", std::env::consts::OS), ..Options::new(Arc::new(WallClock)) }
}

/// Decides about the login to a workspace elsewhere.
async fn login(remote: &Remote, options: &Options) -> Result<Login, LoginError> {
    let explicit = Explicit {
        host: remote.host.as_ref().map(|host| host.value.clone()),
        profile: remote.profile.clone(),
        auth_type: remote.auth_type.clone(),
        client_id: remote.client_id.clone(),
    };
    let around = Surroundings { env: Arc::new(lookup::env), run: system_programs(), options: options.clone() };
    Login::choose(&explicit, &around).await
}

/// Makes a client of Fivetran alone; none if there are no credentials for it.
pub(super) fn fivetran(project: &Project, retry: RetryPolicy) -> Result<Option<fivetran::Client>, Error> {
    fivetran_with(project, &Options { retry, ..options() })
}

/// Makes a client of Fivetran with the credentials of the process environment; none if there are none.
fn fivetran_with(project: &Project, options: &Options) -> Result<Option<fivetran::Client>, Error> {
    let (Some(key), Some(secret)) = (lookup::env("FIVETRAN_API_KEY"), lookup::env("FIVETRAN_API_SECRET")) else {
        return Ok(None);
    };
    let name = &project.environment.name;
    let base = project.environment.fivetran.as_ref().map_or(fivetran::DEFAULT_ADDRESS, |base| &base.value);
    let base = base_address(base).map_err(|error| Error::refused(format!("environment `{name}`: {error}")))?;
    let credentials = fivetran::Credentials { base, key: Secret::new(key), secret: Secret::new(secret) };
    let pace = Arc::new(Pace::new(fivetran::REQUESTS_PER_SECOND, fivetran::BURST));
    fivetran::Client::new(&credentials, Options { pace, ..options.clone() }).map(Some).map_err(|e| http_error(&e))
}

fn http_error(error: &crate::http::Error) -> Error {
    refused(error.to_string(), &error.help())
}

pub(super) fn refused(text: String, help: &str) -> Error {
    Error::refused(text).with_help(sentence(help))
}

/// The clock of the wall.
struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
