//! The embedded Fivetran: Fivetran's REST API over connections that replicate a generated shop or files into Delta tables.
//!
//! What a sync meets, in order: `routes` (the API) → `connections` (documents, and what each connection is doing) →
//! `sync` (one sync from reading to commit) → `source` (what there is to read: [`sample`] or files) → `replicate`
//! (which rows are new, and the commit). A sync prepares all tables before it commits the first, so that a source that
//! cannot be read leaves every table as it was.
//!
//! What differs from Fivetran: nothing syncs by schedule, every sync is triggered; a trigger on a paused connection does
//! nothing; tables without a key collapse rows that are alike, as Fivetran's do; and there is soft delete mode only.

mod config;
mod connections;
mod document;
mod files;
mod names;
mod postgres;
mod replicate;
mod reply;
mod routes;
pub mod sample;
mod scenario;
mod schemas;
mod source;
mod sync;
#[cfg(test)]
mod tests;

pub use config::{ColumnSetting, Declared, FileSource, LocalSource, PostgresSource, SampleSource};

use std::path::Path;
use std::sync::Arc;

use axum::Router;

use crate::ids::ConnectionId;
use crate::local::Clock;
use crate::local::engine::Engine;
use crate::local::store::{Store, StoreError};
use connections::Connections;

/// The embedded Fivetran. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Fivetran {
    connections: Arc<Connections>,
}

impl Fivetran {
    /// Opens the connections kept under `dir`, which is made when it is first needed. What was syncing when a process
    /// died is idle again, and no timestamp has moved.
    ///
    /// # Errors
    /// Fails if a document there cannot be read or is damaged.
    pub fn open(engine: Engine, dir: &Path, clock: Clock) -> Result<Self, StoreError> {
        Ok(Self { connections: Connections::open(engine, Store::new(dir), clock)? })
    }

    /// Fivetran's REST API under `/v1`, without authentication, to be merged into a router with any state.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        routes::router(Arc::clone(&self.connections))
    }

    /// Makes the connection, or brings the one of that name in line with what is declared, keeping its history.
    ///
    /// # Errors
    /// Fails if its document cannot be written.
    pub fn ensure_connection(&self, declared: &Declared) -> Result<ConnectionId, StoreError> {
        self.connections.ensure(declared)
    }

    /// Stops running syncs and waits until they have ended; their tables and timestamps stay as they were.
    pub async fn shutdown(&self) {
        self.connections.shutdown().await;
    }
}
