//! From an environment to clients: the one place that knows which environment is the embedded workspace.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::error::Error;
use super::lookup;
#[cfg(feature = "local")]
use crate::config::{self, Connection};
use crate::config::{Project, Workspace};
use crate::diag::sentence;
use crate::execute::Connected;
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

/// Addresses and credentials of an environment.
struct Access {
    databricks: databricks::Credentials,
    fivetran: Option<fivetran::Credentials>,
}

impl Environment {
    /// Connects to a project's environment, as far as a plan needs it.
    pub(super) async fn connect(project: &Project, plan: &RunPlan) -> Result<Self, Error> {
        match &project.environment.workspace {
            Workspace::Embedded => Self::embedded(project).await,
            Workspace::Host(host) => {
                let syncs = plan.steps.values().any(|step| matches!(step.action, Action::Sync(_)));
                let access = remote(project, &host.value, syncs)?;
                let connected = connect(&access, project).await?;
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
        let access = Access {
            databricks: databricks::Credentials { host: base.clone(), token: server.token().clone() },
            fivetran: Some(fivetran::Credentials { base, key: Secret::new("local"), secret: server.token().clone() }),
        };
        let connected = connect(&access, project).await?;
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

/// Reads the credentials of a workspace elsewhere from the process environment.
fn remote(project: &Project, host: &str, syncs: bool) -> Result<Access, Error> {
    let name = &project.environment.name;
    let host = base_address(host).map_err(|error| Error::refused(format!("environment `{name}`: {error}")))?;
    let token = lookup::env("DATABRICKS_TOKEN").ok_or_else(|| {
        Error::refused(format!("environment `{name}` needs a Databricks token"))
            .with_help("Set DATABRICKS_TOKEN to a personal access token, or to an OAuth token, of that workspace.")
    })?;
    let fivetran = match (lookup::env("FIVETRAN_API_KEY"), lookup::env("FIVETRAN_API_SECRET")) {
        (Some(key), Some(secret)) => {
            let base = project.environment.fivetran.as_ref().map_or(fivetran::DEFAULT_ADDRESS, |base| &base.value);
            let base = base_address(base).map_err(|error| Error::refused(format!("environment `{name}`: {error}")))?;
            Some(fivetran::Credentials { base, key: Secret::new(key), secret: Secret::new(secret) })
        }
        _ if syncs => {
            return Err(Error::refused(format!(
                "environment `{name}` needs Fivetran's credentials, for the job syncs"
            ))
            .with_help("Set FIVETRAN_API_KEY and FIVETRAN_API_SECRET."));
        }
        _ => None,
    };
    Ok(Access { databricks: databricks::Credentials { host, token: Secret::new(token) }, fivetran })
}

/// Makes the clients, and proves with one request that the workspace answers and has the warehouse.
async fn connect(access: &Access, project: &Project) -> Result<Connected, Error> {
    let options = || Options::new(Arc::new(WallClock));
    let client = databricks::Client::new(&access.databricks, options()).map_err(|e| http_error(&e))?;
    let wanted = project.environment.warehouse.as_ref().map(|w| w.value.as_str());
    let warehouse =
        client.warehouses().resolve(wanted).await.map_err(|error| refused(error.to_string(), &error.help()))?;
    let fivetran = match &access.fivetran {
        Some(credentials) => Some(fivetran::Client::new(credentials, options()).map_err(|e| http_error(&e))?),
        None => None,
    };
    Ok(Connected { databricks: client, warehouse: WarehouseId::new(warehouse.id), fivetran })
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
