//! From an environment to clients: the one place that knows which environment is the embedded workspace.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::error::Error;
use super::lookup;
use super::output::Output;
#[cfg(feature = "local")]
use crate::config::{self, Connection};
use crate::config::{Project, Remote, Workspace};
use crate::databricks::{Explicit, Login, LoginError, Surroundings, system_programs};
use crate::diag::sentence;
use crate::execute::Connected;
#[cfg(feature = "local")]
use crate::http::Pace;
use crate::http::{Clock, Options, base_address};
#[cfg(feature = "local")]
use crate::ids::ConnectionName;
use crate::ids::WarehouseId;
use crate::plan::{Action, RunPlan};
use crate::secret::Secret;
use crate::{databricks, fivetran};

/// A connected environment. The embedded workspace lives as long as this does.
pub(super) struct Environment {
    pub(super) connected: Connected,
    #[cfg(feature = "local")]
    server: Option<crate::local::Server>,
}

impl Environment {
    /// Connects to a project's environment, as far as a plan needs it.
    pub(super) async fn connect(project: &Project, plan: &RunPlan, output: &Output) -> Result<Self, Error> {
        match &project.environment.workspace {
            Workspace::Embedded => Self::embedded(project).await,
            Workspace::Remote(remote) => {
                let syncs = plan.steps.values().any(|step| matches!(step.action, Action::Sync(_)));
                let options = options();
                let login = login(remote, &options).await.map_err(|error| login_error(project, &error))?;
                for warning in &login.warnings {
                    output.status(&format!("warning: {warning}"));
                }
                let fivetran = fivetran(project, syncs, &options)?;
                let databricks = databricks::Client::of(&login, options).map_err(|e| http_error(&e))?;
                let connected = connect(databricks, fivetran, project, login.warehouse.as_deref()).await?;
                Ok(Self {
                    connected,
                    #[cfg(feature = "local")]
                    server: None,
                })
            }
        }
    }

    #[cfg(feature = "local")]
    async fn embedded(project: &Project) -> Result<Self, Error> {
        use crate::local::{Server, Settings};
        let settings = Settings::new(data_dir(project), Arc::new(Utc::now));
        let server = Server::start(settings).await.map_err(|error| start_error(&error))?;
        ensure_connections(&server, project)?;
        let base = base_address(&server.url()).map_err(|error| Error::refused(error.to_string()))?;
        let credentials = databricks::Credentials { host: base.clone(), token: server.token().clone() };
        // It is this process itself: there is nobody to spare.
        let options = Options { pace: Arc::new(Pace::unlimited()), ..options() };
        let databricks = databricks::Client::new(&credentials, options.clone()).map_err(|e| http_error(&e))?;
        let credentials = fivetran::Credentials { base, key: Secret::new("local"), secret: server.token().clone() };
        let fivetran = fivetran::Client::new(&credentials, options).map_err(|e| http_error(&e))?;
        let connected = connect(databricks, Some(fivetran), project, None).await?;
        Ok(Self { connected, server: Some(server) })
    }

    #[cfg(not(feature = "local"))]
    async fn embedded(project: &Project) -> Result<Self, Error> {
        Err(Error::usage(format!(
            "environment `{}` is the embedded workspace, which this kiln was built without",
            project.environment.name
        ))
        .with_help("Choose another environment with --env, or build kiln with its feature `local`."))
    }

    /// Lets go of the environment.
    pub(super) async fn close(self) {
        #[cfg(feature = "local")]
        if let Some(server) = self.server {
            server.shutdown().await;
        }
    }
}

/// The folder beside a project's `jobs.yaml` in which kiln keeps what it writes, as messages name it.
pub(super) fn kiln_dir(project: &Project) -> PathBuf {
    let root = project.root.strip_prefix(".").unwrap_or(&project.root);
    root.join(".kiln")
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
    use crate::local::fivetran::{Declared, FileSource, LocalSource, SampleSource};
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
    });
    Declared {
        name: name.to_string(),
        id: connection.id.as_ref().map(|id| id.value.clone()),
        service: connection.service.clone(),
        schema_prefix: connection.schema_prefix.clone(),
        catalog: project.environment.catalog.clone(),
        tables: connection.tables.clone(),
        local,
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

/// Makes a client of Fivetran with the credentials of the process environment, which a job that syncs cannot do without.
fn fivetran(project: &Project, syncs: bool, options: &Options) -> Result<Option<fivetran::Client>, Error> {
    let name = &project.environment.name;
    let (Some(key), Some(secret)) = (lookup::env("FIVETRAN_API_KEY"), lookup::env("FIVETRAN_API_SECRET")) else {
        if !syncs {
            return Ok(None);
        }
        let error = Error::refused(format!("environment `{name}` needs Fivetran's credentials, for the job syncs"));
        return Err(error.with_help("Set FIVETRAN_API_KEY and FIVETRAN_API_SECRET."));
    };
    let base = project.environment.fivetran.as_ref().map_or(fivetran::DEFAULT_ADDRESS, |base| &base.value);
    let base = base_address(base).map_err(|error| Error::refused(format!("environment `{name}`: {error}")))?;
    let credentials = fivetran::Credentials { base, key: Secret::new(key), secret: Secret::new(secret) };
    fivetran::Client::new(&credentials, options.clone()).map(Some).map_err(|e| http_error(&e))
}

/// Proves with one request that the workspace answers and has the warehouse.
async fn connect(
    databricks: databricks::Client,
    fivetran: Option<fivetran::Client>,
    project: &Project,
    default_warehouse: Option<&str>,
) -> Result<Connected, Error> {
    let wanted = project.environment.warehouse.as_ref().map(|w| w.value.as_str()).or(default_warehouse);
    let warehouse = databricks.warehouses().resolve(wanted).await;
    let warehouse = warehouse.map_err(|error| refused(error.to_string(), &error.help()))?;
    Ok(Connected { databricks, warehouse: WarehouseId::new(warehouse.id), fivetran })
}

fn login_error(project: &Project, error: &LoginError) -> Error {
    refused(format!("environment `{}`: {error}", project.environment.name), &error.help())
}

fn http_error(error: &crate::http::Error) -> Error {
    refused(error.to_string(), &error.help())
}

fn refused(text: String, help: &str) -> Error {
    Error::refused(text).with_help(sentence(help))
}

/// The clock of the wall.
struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
