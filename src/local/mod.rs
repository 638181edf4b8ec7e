//! The embedded workspace: one server on loopback that speaks Databricks' and Fivetran's REST APIs over real Delta
//! tables, so that the same project runs on a laptop through the same clients as in production.
//!
//! What a request meets, in order: [`server`] (address, log, body) → `auth` (bearer token or Fivetran's basic pair) →
//! `routes` (one file an API area, wire shapes in and out) → the state behind them: `statements`, `history`,
//! `workspace` (folders, files, dashboards), the SQL engine and the embedded Fivetran. Documents that are not tables
//! lie as small JSON files beside them ([`store`]).

mod access;
mod auth;
mod dashboards;
pub mod engine;
mod error;
pub mod fivetran;
mod history;
mod jobs;
mod lvdash;
pub mod request_log;
mod results;
mod routes;
mod schedules;
pub mod server;
mod statements;
pub mod store;
mod workspace;

use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use auth::{CLIENT_ID, FIVETRAN_KEY};
pub use request_log::{LoggedRequest, Vendor};
pub use server::{Server, Settings, StartError, WAREHOUSE_ID};

/// Where the embedded workspace gets the time from; given from outside so that tests can hold it still.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;
