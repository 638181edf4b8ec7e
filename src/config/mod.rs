//! `jobs.yaml` → typed [`Project`], with a place for every value and all mistakes at once.

mod project;

pub use project::{
    Connection, Dashboard, Environment, Job, JobStep, LocalFile, LocalSource, Materialization, Model, Project, Source,
    SourceTable, Workspace,
};
