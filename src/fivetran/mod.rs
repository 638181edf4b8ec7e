//! Fivetran's REST API: typed calls and the one place where a sync is awaited.
//!
//! [`Client`] has the calls; [`sync::run`] triggers a sync and awaits it.

mod change;
mod client;
mod error;
pub mod sync;
mod watch;
pub mod webhook;
pub mod wire;

pub use change::Tested;
pub use client::{BURST, Client, ConfigSecret, Credentials, DEFAULT_ADDRESS, REQUESTS_PER_SECOND, dashboard_link};
pub use error::Error;
