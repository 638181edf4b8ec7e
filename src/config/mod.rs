//! `jobs.yaml` → typed [`Project`], with a place for every value and all mistakes at once.

mod connections;
mod dashboards;
mod data_tests;
mod environments;
mod files;
mod incremental;
mod interpolate;
mod load;
mod lock;
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

pub use load::{LoadOptions, load};
pub use lock::{LOCK_FILE, LockedSources, is_landed_as, lands_as, lock_text};
pub use project::{
    Connection, Dashboard, DataTest, DataTestRule, Environment, Incremental, Job, JobStep, LocalFile, LocalSource,
    Materialization, Model, Project, Protection, Remote, SchemaChange, Source, SourceTable, Strategy, SyncIntent,
    SyncStep, SyncWishes, WhenRunning, Workspace,
};
pub use select::Selection;
pub use syncs::parse_duration;
