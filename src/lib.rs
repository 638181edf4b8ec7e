//! kiln: syncs, Delta tables and dashboards on Databricks from one folder, the same on a laptop as in production.
//!
//! Data goes one way through the rooms, listed here in reading order; a room uses only rooms above it.
//! `ARCHITECTURE.md` has the picture, `tests/it/tidy.rs` holds the code to it.

pub mod diag;
pub mod graph;
pub mod ids;
pub mod secret;

pub mod config;
pub mod dialect;
pub mod http;

pub mod databricks;
pub mod fivetran;
pub mod template;

pub mod analysis;

pub mod dashboards;
pub mod manifest;

pub mod plan;

pub mod event;
pub mod observe;

pub mod execute;
#[cfg(feature = "local")]
pub mod local;
pub mod report;

pub mod cli;
