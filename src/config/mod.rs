//! `jobs.yaml` → typed [`Project`], with a place for every value and all mistakes at once.

mod load;
mod project;

pub use load::{LoadOptions, load};
pub use project::{
    Connection, Dashboard, Environment, Job, JobStep, LocalFile, LocalSource, Materialization, Model, Project, Source,
    SourceTable, Workspace,
};
