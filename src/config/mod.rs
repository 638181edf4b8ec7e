//! `jobs.yaml` → typed [`Project`], with a place for every value and all mistakes at once.

mod connections;
mod dashboards;
mod data_tests;
mod environments;
mod files;
mod incremental;
mod interpolate;
mod lints;
mod load;
mod models;
mod project;
mod secrets;
mod select;
mod sources;
mod syncs;
#[cfg(test)]
mod tests;
mod walk;
mod yaml;

pub use lints::Levels;
pub use load::{LoadOptions, load};
pub use project::{
    Connection, Dashboard, DataTest, DataTestRule, Environment, Incremental, Job, JobStep, LocalFile, LocalSource,
    Materialization, Model, Project, Protection, Remote, SchemaChange, Source, SourceTable, Strategy, SyncIntent,
    SyncStep, SyncWishes, WhenRunning, Workspace,
};
pub use select::Selection;
pub use syncs::parse_duration;
