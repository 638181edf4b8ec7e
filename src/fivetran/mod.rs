//! Fivetran's REST API: typed calls and the one place where a sync is awaited.
//!
//! [`Client`] has the calls; [`sync::run`] triggers a sync and awaits it.

mod client;
mod error;
pub mod sync;
pub mod wire;

pub use client::{Client, Credentials, DEFAULT_ADDRESS, dashboard_link};
pub use error::Error;
