//! The compiled project: a pure function of files, environment and variables.
//!
//! Every template is rendered, every query parsed and resolved against what it reads, every dashboard read, before
//! anything is sent anywhere. What `plan` needs to know of the project it finds here.

pub mod changes;
mod compile;
mod dashboards;
mod data_tests;
mod keys;
pub mod lineage;
mod lints;
mod names;
mod parallel;
mod parse;
mod unit_tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::analysis::Column;
use crate::config::{Connection, Job, Model, Schedules, Source};
use crate::dashboards::LvDash;
use crate::diag::{SourceFile, Span};
use crate::ids::{ConnectionName, DashboardName, Fingerprint, JobName, ModelName, TableName};
use crate::template::Rendered;

pub use compile::compile;
pub use data_tests::CompiledTest;
pub use keys::primary_key_name;
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
    /// What becomes of the schedules of jobs.
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
    pub columns: Option<Vec<Column>>,
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
    /// The file.
    pub file: Arc<SourceFile>,
    /// Its content.
    pub content: LvDash,
    /// What its datasets read.
    pub reads: Reads,
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
