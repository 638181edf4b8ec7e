//! Fivetran's REST API: typed calls and the one place where a sync is awaited.
//!
//! [`Client`] has the calls; [`sync::run`] triggers a sync and awaits it.

mod client;
mod error;
pub mod sync;
mod watch;
pub mod wire;

pub use client::{BURST, Client, Credentials, DEFAULT_ADDRESS, REQUESTS_PER_SECOND, dashboard_link};
pub use error::Error;
