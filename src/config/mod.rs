//! `jobs.yaml` → typed [`Project`], with a place for every value and all mistakes at once.

mod connections;
mod constraints;
mod dashboard_schedules;
mod dashboards;
mod data_tests;
mod environments;
mod files;
mod incremental;
mod interpolate;
mod kept;
mod kept_config;
mod labels;
mod lints;
mod load;
mod lock;
mod model_columns;
mod models;
mod notify;
mod permissions;
pub(crate) mod pointer;
mod project;
mod schedule;
mod schema;
mod secrets;
mod select;
mod sources;
mod syncs;
#[cfg(test)]
mod tests;
mod unit_tests;
mod walk;
mod yaml;

pub use kept::{ColumnWish, ColumnWishes, ConnectionConfig, Exclude, Kept};
pub use lints::Levels;
pub use load::{LoadOptions, load, load_noting};
pub use lock::{LOCK_FILE, LockedSources, is_landed_as, lands_as, lock_text};
pub use project::{
    Cell, CellValue, Connection, Constraints, Dashboard, DashboardSchedule, DataTest, DataTestRule, Environment,
    ForeignKey, Given, Home, Incremental, Job, JobStep, LocalFile, LocalSource, Materialization, Model, ModelColumn,
    Notify, Occasion, Project, Protection, Remote, Schedule, Schedules, SchemaChange, Source, SourceTable, Strategy,
    SyncIntent, SyncStep, SyncWishes, UnitTest, WhenRunning, Workspace,
};
pub use schema::schema;
pub use select::Selection;
pub use syncs::parse_duration;
