//! Starting, serving and stopping the embedded workspace.

use std::io::{Read as _, Seek as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::serve::ListenerExt as _;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Clock;
use super::auth::{self, Logins};
use super::engine::{self, Engine, OpenError};
use super::fivetran::Fivetran;
use super::history::History;
use super::jobs::Jobs;
use super::request_log::{LoggedRequest, RequestLog, Vendor};
use super::routes;
use super::statements::Statements;
use super::store::{Store, StoreError};
use super::workspace::Workspace;
use crate::secret::Secret;

/// The version of the data folder's layout.
const FORMAT: u32 = 1;

/// How many bytes statements may hold in memory together unless [`Settings`] say otherwise.
const MEMORY_LIMIT: usize = 2 << 30;

/// How long open requests, statements and syncs may take once the server is told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// The id, and the name, of the embedded workspace's one SQL warehouse.
pub const WAREHOUSE_ID: &str = "local";

/// How an embedded workspace is set up.
#[derive(Clone)]
pub struct Settings {
    /// Where everything lies: tables, dashboards, files, history. Made if it is missing.
    pub data_dir: PathBuf,
    /// The port on 127.0.0.1; a free one if none is given.
    pub port: Option<u16>,
    /// The token that every client must send; a random one if none is given.
    pub token: Option<Secret>,
    /// Where the time comes from.
    pub clock: Clock,
    /// The user name that `Me` answers, and that owns whatever is made: an e-mail address.
    pub user_name: String,
    /// How many bytes statements may hold in memory together before they spill to disk.
    pub memory_limit: usize,
}

impl Settings {
    /// Makes settings with a free port, a random token and the user `me@localhost`.
    pub fn new(data_dir: impl Into<PathBuf>, clock: Clock) -> Self {
        Self {
            data_dir: data_dir.into(),
            port: None,
            token: None,
            clock,
            user_name: "me@localhost".to_owned(),
            memory_limit: MEMORY_LIMIT,
        }
    }
}

/// Why an embedded workspace did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The data folder cannot be made or written to.
    #[error("cannot use `{}` as the folder of the local workspace; give it a folder that you may write to", dir.display())]
    NotWritable {
        /// The data folder.
        dir: PathBuf,
        /// The file system's answer.
        source: std::io::Error,
    },
    /// Another process holds the data folder.
    #[error("`{}` is in use by another kiln{}; wait for it to end, or give this one a folder of its own", dir.display(), process(*pid))]
    InUse {
        /// The data folder.
        dir: PathBuf,
        /// The process that holds it, if it wrote its number down.
        pid: Option<u32>,
    },
    /// A document in the data folder is not what kiln wrote.
    #[error("the local workspace in `{}` is damaged; move the folder away to begin anew, or put a backup in its place", dir.display())]
    Damaged {
        /// The data folder.
        dir: PathBuf,
        /// The document, and what is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The data folder was written by a later version of kiln.
    #[error("`{}` has layout {format}, and this kiln knows layouts up to {FORMAT}; use a newer kiln or another folder", dir.display())]
    Newer {
        /// The data folder.
        dir: PathBuf,
        /// The layout it has.
        format: u32,
    },
    /// The wanted port is taken, or may not be used.
    #[error("cannot listen on port {port} of 127.0.0.1; choose another port, or none to get a free one")]
    Port {
        /// The port.
        port: u16,
        /// The system's answer.
        source: std::io::Error,
    },
}

fn process(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

/// What all routes share.
pub(super) struct App {
    pub(super) token: Secret,
    pub(super) logins: Logins,
    pub(super) clock: Clock,
    pub(super) user_name: String,
    pub(super) address: SocketAddr,
    pub(super) requests: RequestLog,
    pub(super) engine: Engine,
    pub(super) statements: Arc<Statements>,
    pub(super) history: Arc<History>,
    pub(super) workspace: Workspace,
    pub(super) jobs: Jobs,
    pub(super) fivetran: Fivetran,
    /// Whether the warehouse runs; a statement starts it.
    pub(super) warehouse_runs: AtomicBool,
}

impl App {
    /// Tells whether a request may pass: with the workspace's token, or with one that the login service gave out for it.
    pub(super) fn is_authorised(&self, vendor: Vendor, headers: &HeaderMap) -> bool {
        auth::is_authorised(vendor, headers, &self.token)
            || vendor == Vendor::Databricks && self.logins.knows(headers, (self.clock)())
    }
}

/// A running embedded workspace. Dropping it stops it at once; [`Server::shutdown`] lets open requests end first.
pub struct Server {
    app: Arc<App>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    // Held, not read: the folder is free again when this is dropped.
    _lock: FolderLock,
}

impl Server {
    /// Opens the data folder and starts to listen on 127.0.0.1. Must be called in a tokio runtime, which then also runs
    /// the statements.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let dir = settings.data_dir;
        let lock = FolderLock::take(&dir)?;
        let failed = |error| store_error(&dir, error);
        let store = Arc::new(Store::new(&dir));
        check_format(&dir, &store)?;

        let port = settings.port.unwrap_or(0);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .and_then(|listener| listener.local_addr().map(|address| (listener, address)));
        let (listener, address) = listener.map_err(|source| StartError::Port { port, source })?;

        let (clock, user_name) = (settings.clock, settings.user_name);
        let engine_settings = engine::Settings { clock: Arc::clone(&clock), memory_limit: settings.memory_limit };
        let engine =
            Engine::open_with(&dir.join("tables"), engine_settings).await.map_err(|error| engine_error(&dir, error))?;
        let fivetran = Fivetran::open(engine.clone(), &dir.join("fivetran"), Arc::clone(&clock)).map_err(failed)?;
        let history = Arc::new(History::open(Arc::clone(&store)).map_err(failed)?);
        let stop = CancellationToken::new();
        let jobs =
            Jobs::open(Arc::clone(&store), Arc::clone(&clock), user_name.clone(), stop.clone()).map_err(failed)?;
        let workspace = Workspace::open(store, Arc::clone(&clock), user_name.clone()).map_err(failed)?;
        let statements = Arc::new(Statements::new(
            engine.clone(),
            Arc::clone(&history),
            Arc::clone(&clock),
            user_name.clone(),
            stop.clone(),
        ));
        let app = Arc::new(App {
            token: settings.token.unwrap_or_else(random_token),
            logins: Logins::default(),
            clock,
            user_name,
            address,
            requests: RequestLog::default(),
            engine,
            statements,
            history,
            workspace,
            jobs,
            fivetran,
            warehouse_runs: AtomicBool::new(true),
        });
        let router = routes::router(Arc::clone(&app));
        // Answers are small and many: without this, some would wait for the client's delayed acknowledgement.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let graceful = stop.clone().cancelled_owned();
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(graceful).await {
                tracing::error!("the local workspace stopped serving: {error}");
            }
        });
        Ok(Self { app, stop, serving, _lock: lock })
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.app.address
    }

    /// Returns its address as a base URL, `http://127.0.0.1:<port>`, for both vendors' clients.
    pub fn url(&self) -> String {
        format!("http://{}", self.app.address)
    }

    /// Returns the token that clients must send.
    pub fn token(&self) -> &Secret {
        &self.app.token
    }

    /// Returns the engine that runs the statements.
    pub fn engine(&self) -> &Engine {
        &self.app.engine
    }

    /// Returns the embedded Fivetran.
    pub fn fivetran(&self) -> &Fivetran {
        &self.app.fivetran
    }

    /// Returns the requests that arrived so far, oldest first; the log is bounded.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.app.requests.all()
    }

    /// Stops: takes no new requests, cancels running statements and syncs, and gives them and open requests a few seconds
    /// to end. Then the folder is free.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        let all_ended = async {
            self.app.jobs.ended().await;
            self.app.statements.ended().await;
            self.app.fivetran.shutdown().await;
            // A panic while serving has been reported when it happened.
            let _ = (&mut self.serving).await;
        };
        if tokio::time::timeout(GRACE, all_ended).await.is_err() {
            tracing::warn!("some work in the local workspace did not end in time and was cut off");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
        self.serving.abort();
    }
}

/// A token that nobody can guess, in the shape of Databricks' own.
fn random_token() -> Secret {
    let mut bytes = [0_u8; 16];
    rand::rng().fill(&mut bytes);
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Secret::new(format!("dapi{digits}"))
}

/// The one document that says whose folder this is.
#[derive(Serialize, Deserialize)]
struct Marker {
    format: u32,
}

fn check_format(dir: &Path, store: &Store) -> Result<(), StartError> {
    match store.read::<Marker>("workspace.json").map_err(|error| store_error(dir, error))? {
        Some(Marker { format }) if format > FORMAT => Err(StartError::Newer { dir: dir.to_owned(), format }),
        Some(_) => Ok(()),
        None => store.write("workspace.json", &Marker { format: FORMAT }).map_err(|error| store_error(dir, error)),
    }
}

/// Tells a damaged document from a folder that refuses us.
pub(super) fn store_error(dir: &Path, error: StoreError) -> StartError {
    match error {
        StoreError::Io { act: "write" | "remove", source, .. } => {
            StartError::NotWritable { dir: dir.to_owned(), source }
        }
        error => StartError::Damaged { dir: dir.to_owned(), source: Box::new(error) },
    }
}

fn engine_error(dir: &Path, error: OpenError) -> StartError {
    match error {
        OpenError::Folder(source) => StartError::NotWritable { dir: dir.to_owned(), source },
        error => StartError::NotWritable { dir: dir.to_owned(), source: std::io::Error::other(error) },
    }
}

/// The exclusive hold on a data folder, for as long as it lives; the system ends it when the process dies.
#[derive(Debug)]
struct FolderLock {
    _file: std::fs::File,
}

impl FolderLock {
    fn take(dir: &Path) -> Result<Self, StartError> {
        let failed = |source| StartError::NotWritable { dir: dir.to_owned(), source };
        std::fs::create_dir_all(dir).map_err(failed)?;
        let mut file = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join("lock"))
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Who holds it is only for the message: where it cannot be read, the message does without.
                let _ = file.read_to_string(&mut text);
                return Err(StartError::InUse { dir: dir.to_owned(), pid: text.trim().parse().ok() });
            }
            Err(std::fs::TryLockError::Error(source)) => return Err(failed(source)),
        }
        let write = |file: &mut std::fs::File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())?;
            file.sync_data()
        };
        write(&mut file).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_once_and_free_again_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("data");
        let lock = FolderLock::take(&dir).unwrap();
        let error = FolderLock::take(&dir).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "`{}` is in use by another kiln (process {}); wait for it to end, or give this one a folder of its own",
                dir.display(),
                std::process::id()
            )
        );
        drop(lock);
        FolderLock::take(&dir).unwrap();
    }

    #[test]
    fn a_folder_that_is_a_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("data");
        std::fs::write(&dir, "").unwrap();
        assert!(matches!(FolderLock::take(&dir), Err(StartError::NotWritable { .. })));
    }

    #[test]
    fn a_folder_of_a_later_layout_or_with_a_broken_marker_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        check_format(folder.path(), &store).unwrap();
        check_format(folder.path(), &store).unwrap();
        std::fs::write(folder.path().join("workspace.json"), "{\"format\": 2}").unwrap();
        assert!(matches!(check_format(folder.path(), &store), Err(StartError::Newer { format: 2, .. })));
        std::fs::write(folder.path().join("workspace.json"), "{").unwrap();
        assert!(matches!(check_format(folder.path(), &store), Err(StartError::Damaged { .. })));
    }

    #[test]
    fn tokens_are_random() {
        let (a, b) = (random_token(), random_token());
        assert_eq!(a.expose().len(), 36);
        assert!(a != b);
    }
}
