//! The compiled project: a pure function of files, environment and variables.
//!
//! Every template is rendered, every query parsed and resolved against what it reads, every dashboard read, before
//! anything is sent anywhere. What `plan` needs to know of the project it finds here.

pub mod changes;
mod compile;
mod dashboards;
mod data_tests;
mod history;
mod keys;
pub mod lineage;
mod lints;
mod memory;
#[cfg(test)]
mod memory_tests;
mod names;
mod parallel;
mod parse;
mod unit_tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use crate::analysis::Column;
use crate::config::{Connection, DashboardSchedule, Job, Model, Schedules, Source};
use crate::dashboards::{LvDash, Retargeted};
use crate::diag::{SourceFile, Span};
use crate::ids::{ConnectionName, DashboardName, Fingerprint, JobName, ModelName, Principal, TableName};
use crate::template::Rendered;

pub use compile::{compile, compile_with};
pub use data_tests::CompiledTest;
pub use history::{HISTORY_COLUMNS, HISTORY_TABLE};
pub use keys::primary_key_name;
pub use memory::Memory;
pub use unit_tests::{Input, OWN_TABLE, inputs};

/// A project, compiled for one environment.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The project's name.
    pub project: String,
    /// The environment's name.
    pub environment: String,
    /// Catalog of the models.
    pub catalog: String,
    /// Schema of the models.
    pub schema: String,
    /// What users and groups may do with that schema.
    pub grants: BTreeMap<String, BTreeSet<String>>,
    /// Tags of Unity Catalog that it has.
    pub schema_tags: BTreeMap<String, String>,
    /// What becomes of the schedules of jobs and dashboards.
    pub schedules: Schedules,
    /// Workspace folder of the files that scheduled jobs run.
    pub job_folder: String,
    /// The models, each after those that it reads.
    pub models: IndexMap<ModelName, CompiledModel>,
    /// The connections.
    pub connections: IndexMap<ConnectionName, Connection>,
    /// The schemas that connections land: schema → its tables.
    pub sources: IndexMap<String, Source>,
    /// The dashboards.
    pub dashboards: IndexMap<DashboardName, CompiledDashboard>,
    /// The jobs.
    pub jobs: IndexMap<JobName, Job>,
    /// What of the models is read from another environment; none: all of them are this one's. Files do not say that.
    pub deferral: Option<Deferral>,
}

/// Models that are read from another environment in place of being built.
#[derive(Clone, Debug)]
pub struct Deferral {
    /// The environment.
    pub environment: String,
    /// The models.
    pub models: BTreeMap<ModelName, DeferredModel>,
}

/// A model that is read from another environment.
#[derive(Clone, Debug)]
pub struct DeferredModel {
    /// The table or view there.
    pub table: TableName,
    /// What it was built from, as far as it says so.
    pub inputs: Option<Fingerprint>,
}

impl Manifest {
    /// Returns from where a model is read in place of being built; none if it is this environment's.
    pub fn deferred(&self, model: &ModelName) -> Option<&DeferredModel> {
        self.deferral.as_ref()?.models.get(model)
    }
}

/// A model with its rendered query and what that reads and yields.
#[derive(Clone, Debug)]
pub struct CompiledModel {
    /// What `jobs.yaml` says of it.
    pub config: Model,
    /// The table or view it becomes.
    pub table: TableName,
    /// The query.
    pub query: Arc<Rendered>,
    /// What the query reads.
    pub reads: Reads,
    /// Where the query names them, in order.
    pub places: Vec<Place>,
    /// A function of the query that gives something else each time.
    pub volatile: Option<&'static str>,
    /// The query for what is new, where its table is not replaced as a whole.
    pub increment: Option<CompiledIncrement>,
    /// The columns it yields, where they could be told.
    pub columns: Option<Arc<[Column]>>,
    /// What must hold of its rows.
    pub tests: Vec<CompiledTest>,
    /// Its foreign keys.
    pub foreign_keys: Vec<CompiledKey>,
    /// What it says itself: its query, but for blanks and comments, and what it becomes.
    pub definition: Fingerprint,
    /// Its definition and those of all models it rests on: what its rows depend on, but for the sources.
    pub fingerprint: Fingerprint,
}

/// A foreign key of a model's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledKey {
    /// Its name in the workspace.
    pub name: String,
    /// Its columns, in the order of the primary key that it refers to.
    pub columns: Vec<String>,
    /// The model that it refers to.
    pub model: ModelName,
    /// The table of that.
    pub table: TableName,
    /// The columns there.
    pub references: Vec<String>,
    /// The name of the primary key there.
    pub refers_to: String,
}

/// The query of an incremental model, rendered for what is new.
#[derive(Clone, Debug)]
pub struct CompiledIncrement {
    /// The query. It may read the model's own table.
    pub query: Arc<Rendered>,
    /// Where it names tables and views of the project.
    pub places: Vec<Place>,
}

/// A dashboard with its content and what its datasets read.
#[derive(Clone, Debug)]
pub struct CompiledDashboard {
    /// Its name in `jobs.yaml`.
    pub name: DashboardName,
    /// Its title in the workspace.
    pub title: String,
    /// Its folder in the workspace.
    pub folder: String,
    /// Whether viewers' queries run with the publisher's rights.
    pub embed_credentials: bool,
    /// What each that is named may do with it; none: nothing.
    pub permissions: BTreeMap<Principal, Option<String>>,
    /// When the workspace refreshes it and sends it to whom, by their names.
    pub schedules: IndexMap<String, DashboardSchedule>,
    /// How long it may take to publish it, and to ask what it shows; none: as long as it takes.
    pub timeout: Option<Duration>,
    /// The file.
    pub file: Arc<SourceFile>,
    /// Its content as it is deployed: with the names that tables have in this environment.
    pub content: Arc<LvDash>,
    /// The names that the file writes in another way, as they are in another environment.
    pub retargeted: Vec<Retargeted>,
    /// What its datasets read.
    pub reads: Reads,
    /// Whether one of them reads the table that tells of runs.
    pub reads_history: bool,
    /// Where it stands in `jobs.yaml`.
    pub span: Span,
}

/// What a query reads of the project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Other models.
    pub models: Vec<ModelName>,
    /// Connections that land the sources it reads.
    pub connections: Vec<ConnectionName>,
    /// Tables of sources.
    pub sources: Vec<SourceRead>,
}

/// A place of a query where a table or view of the project is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The bytes of its name in the rendered text.
    pub range: Range<usize>,
    /// Whether it is named by its own name alone, as another query of the same statement could be.
    pub bare: bool,
    /// What is read.
    pub read: ReadFrom,
}

/// A table or view of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// A model's.
    Model(ModelName),
    /// A source's.
    Source(TableName),
}

/// A table of a source that a query reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRead {
    /// The table.
    pub table: TableName,
    /// The connection that lands it; none if something else does.
    pub connection: Option<ConnectionName>,
}
