//! The typed project: what `jobs.yaml` says, for one environment, with the places it says it at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde_json::Value;

use super::Levels;
use super::kept::{ColumnWishes, Kept};
use crate::diag::{Span, Spanned};
use crate::ids::{ConnectionName, DashboardName, Fingerprint, JobName, ModelName, Principal};

/// A project as one environment sees it: read, typed, with defaults filled in and `${NAME}` resolved.
#[derive(Clone, Debug)]
pub struct Project {
    /// The folder that holds `jobs.yaml`; all paths below are relative to it.
    pub root: PathBuf,
    /// What was read here besides the contents of the files that the project names: `jobs.yaml`, the lock file, and what the
    /// command line and the process add. With the same, and the same files there, a project is the same.
    pub written: Fingerprint,
    /// `project`: the name under which runs and objects are marked.
    pub name: String,
    /// `variables`, with the environment's own and the command line's `--var` on top; what Tera sees.
    pub variables: serde_json::Map<String, Value>,
    /// Files with Tera components or macros that every template may use: name to import by → path.
    pub macros: IndexMap<String, PathBuf>,
    /// The chosen environment.
    pub environment: Environment,
    /// Names of all environments, for messages.
    pub environment_names: Vec<String>,
    /// Where the models of each environment are, as far as that can be told here.
    pub homes: Vec<Home>,
    /// `connections`, in the order of the file.
    pub connections: IndexMap<ConnectionName, Connection>,
    /// `sources`, in the order of the file: schema as landed → its tables.
    pub sources: IndexMap<String, Source>,
    /// All SQL files under the folders named in `models`, sorted by name.
    pub models: IndexMap<ModelName, Model>,
    /// `lints`: how bad the project finds what is not an error of itself.
    pub lints: Levels,
    /// `dashboards`, in the order of the file.
    pub dashboards: IndexMap<DashboardName, Dashboard>,
    /// `jobs`, in the order of the file.
    pub jobs: IndexMap<JobName, Job>,
    /// The tests of the files that `unit_tests` names.
    pub unit_tests: Vec<UnitTest>,
}

/// Where a project is deployed to.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Its name, such as `local` or `prod`.
    pub name: String,
    /// Which workspace it is.
    pub workspace: Workspace,
    /// Warehouse by name, id or HTTP path; none means the only one, or the caller's default.
    pub warehouse: Option<Spanned<String>>,
    /// How many statements of a run may be on the warehouse at once; none: nobody said.
    pub concurrency: Option<u16>,
    /// Catalog of models, and of sources without one of their own.
    pub catalog: String,
    /// Schema of models.
    pub schema: String,
    /// Base address of Fivetran's API, if it is not `https://api.fivetran.com`.
    pub fivetran: Option<Spanned<String>>,
    /// Workspace folder that dashboards go to instead of their own, absolute.
    pub dashboard_folder: Option<String>,
    /// Whether jobs with a schedule, and schedules of dashboards, are kept in the workspace, and whether they run there.
    pub schedules: Schedules,
    /// Workspace folder of the SQL files that scheduled jobs run, absolute.
    pub job_folder: String,
    /// What users and groups may do with the models' schema and all that is in it, in SQL's words.
    pub grants: BTreeMap<String, BTreeSet<String>>,
    /// `databricks_tags`: tags of Unity Catalog that the models' schema has.
    pub databricks_tags: BTreeMap<String, String>,
    /// What a deploy has to prove first; none: nothing.
    pub protected: Option<Protection>,
    /// `notify`: who is told how whatever changes it ended.
    pub notify: Vec<Notify>,
    /// Where the environment stands in `jobs.yaml`.
    pub span: Span,
}

/// The most statements that a run may have on the warehouse at once.
pub const MOST_STATEMENTS: u16 = 256;

/// Where an environment has its models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The environment's name.
    pub environment: String,
    /// Its catalog.
    pub catalog: String,
    /// Its schema.
    pub schema: String,
    /// Whether `${NAME}` is part of the catalog, so that it can be another one for somebody else.
    pub catalog_varies: bool,
    /// The same of the schema.
    pub schema_varies: bool,
}

/// By what somebody is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listener {
    /// A webhook: the name of the variable of the process environment that holds its address, which is a secret.
    Webhook(String),
    /// E-mail addresses, to which the workspace writes.
    Email(Vec<String>),
}

/// Somebody who is told how a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// Who.
    pub whom: Listener,
    /// `when`: on which occasions.
    pub when: BTreeSet<Occasion>,
    /// Where it stands in `jobs.yaml`.
    pub span: Span,
}

/// When somebody is told how a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Occasion {
    /// It failed, or data tests did.
    Failure,
    /// A source could not be brought up to date.
    Stale,
    /// It succeeded, and the one before had not.
    Recovered,
    /// Whatever came of it.
    Always,
}

/// What a deploy to a protected environment has to prove: somebody confirmed it, and the files are committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// The branch that must be checked out; none: any.
    pub branch: Option<String>,
}

/// What becomes of the schedules of jobs and dashboards in an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedules {
    /// They run.
    Run,
    /// The jobs are there, and their schedules are paused.
    Paused,
    /// The jobs are not there.
    None,
}

/// How a workspace is reached.
#[derive(Clone, Debug)]
pub enum Workspace {
    /// `workspace: local`: the embedded workspace, started by the command itself.
    Embedded,
    /// `host: …` or `profile: …`: a Databricks workspace elsewhere.
    Remote(Remote),
}

/// What an environment says of a Databricks workspace and the login there. Secrets are never among it.
#[derive(Clone, Debug, Default)]
pub struct Remote {
    /// `host`: its address; without it, the profile has one.
    pub host: Option<Spanned<String>>,
    /// `profile`: a profile of `~/.databrickscfg`.
    pub profile: Option<String>,
    /// `auth_type`: the only method to log in by.
    pub auth_type: Option<String>,
    /// `client_id`: the application id of a service principal.
    pub client_id: Option<String>,
}

/// A Fivetran connection that jobs sync.
#[derive(Clone, Debug)]
pub struct Connection {
    /// `service`: Fivetran's id of the kind of source, such as `google_cloud_postgresql`.
    pub service: String,
    /// `id`: an existing connection; without it the connection is found by its schema prefix.
    pub id: Option<Spanned<String>>,
    /// `group`: id or name of the group, and so the destination, that it belongs to.
    pub group: Option<String>,
    /// `schema_prefix`: the first part of the schemas it lands tables in.
    pub schema_prefix: String,
    /// What `kiln deploy` keeps of it; none: nothing.
    pub kept: Option<Kept>,
    /// `tables`: source schema → tables that are replicated.
    pub tables: IndexMap<String, Vec<String>>,
    /// `columns`: what becomes of columns.
    pub columns: ColumnWishes,
    /// `local`: what the embedded Fivetran replicates for this connection.
    pub local: Option<LocalSource>,
    /// `local.scenario`: the bad morning that the embedded Fivetran plays.
    pub scenario: Option<String>,
    /// `sync`: how it is brought up to date, unless a step says otherwise.
    pub sync: SyncWishes,
    /// Where the connection stands in `jobs.yaml`.
    pub span: Span,
}

/// What is to be done about a connection's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncIntent {
    /// A new sync brings what is there now.
    Sync,
    /// A sync, but only if the last good one ended longer ago.
    EnsureFresh(Duration),
    /// No sync; only a look whether the last good one ended within so long.
    Observe(Duration),
}

/// What is to be done about a sync that runs already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenRunning {
    /// Its end counts as ours, though what the source committed after its start is missing.
    Join,
    /// Ours is triggered after its end.
    Queue,
    /// It is ended, and ours starts.
    Restart,
}

/// What `jobs.yaml` says of bringing a connection up to date; what is absent is said elsewhere, or has its default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncWishes {
    /// `ensure_fresh` or `observe`; `false` for either is a new sync every time.
    pub intent: Option<SyncIntent>,
    /// `when_running`.
    pub when_running: Option<WhenRunning>,
    /// `deadline`: how long the whole may take.
    pub deadline: Option<Duration>,
    /// `historical_deadline`: the same where everything is loaded anew.
    pub historical_deadline: Option<Duration>,
}

impl SyncWishes {
    /// Returns these wishes, and for what they leave open the others.
    pub fn or(self, others: Self) -> Self {
        Self {
            intent: self.intent.or(others.intent),
            when_running: self.when_running.or(others.when_running),
            deadline: self.deadline.or(others.deadline),
            historical_deadline: self.historical_deadline.or(others.historical_deadline),
        }
    }
}

/// What the embedded Fivetran replicates for a connection.
#[derive(Clone, Debug)]
pub enum LocalSource {
    /// `sample`: the generated shop.
    Sample {
        /// How many customers the shop has at the first sync.
        customers: u32,
        /// Seed of the generator: the same seed gives the same shop.
        seed: u64,
    },
    /// `files`: CSV (also gzipped) or Parquet files.
    Files {
        /// Source table, `schema.table` → its file.
        tables: IndexMap<String, LocalFile>,
    },
    /// `postgres`: a PostgreSQL server.
    Postgres {
        /// Name of the variable of the process environment that holds its address, which is a secret.
        variable: String,
        /// Source table, `schema.table` → the column by which changed rows are found; others are found by `xmin`.
        updated_at: IndexMap<String, String>,
    },
}

/// A file that stands for a source table.
#[derive(Clone, Debug)]
pub struct LocalFile {
    /// The file, absolute.
    pub path: PathBuf,
    /// Primary key; empty: none, and Fivetran's `_fivetran_id` takes its place.
    pub key: Vec<String>,
    /// Declared column types (Databricks SQL names), for CSV columns whose type should not be inferred.
    pub columns: IndexMap<String, String>,
    /// Where the file is named in `jobs.yaml`.
    pub span: Span,
}

/// A schema that a connection lands, and what is known of its tables.
#[derive(Clone, Debug)]
pub struct Source {
    /// The connection that lands it; none for tables that others keep.
    pub connection: Option<Spanned<ConnectionName>>,
    /// Catalog, if it is not the environment's.
    pub catalog: Option<String>,
    /// Table → what is declared of it.
    pub tables: IndexMap<String, SourceTable>,
    /// Where the source stands in `jobs.yaml`.
    pub span: Span,
}

/// What is declared of a source table.
#[derive(Clone, Debug)]
pub struct SourceTable {
    /// Column → declared type (Databricks SQL name, such as `BIGINT`); empty: columns are not declared.
    /// Where nothing is declared, the columns of the lock file.
    pub columns: IndexMap<String, String>,
    /// Its columns in `sources.lock.yaml`, if it is there.
    pub locked: Option<IndexMap<String, String>>,
    /// Where the table stands in `jobs.yaml`.
    pub span: Span,
}

/// A model: one SQL file holding one query, and what it becomes.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its name: the file's stem, in lower case.
    pub name: ModelName,
    /// The SQL file, relative to the project's root (may begin with `..` for shared models).
    pub path: PathBuf,
    /// What the query becomes.
    pub materialized: Materialization,
    /// How its table takes in what is new; none if it is replaced as a whole.
    pub incremental: Option<Incremental>,
    /// Columns that the table is clustered by.
    pub cluster_by: Vec<String>,
    /// Comment on the table or view.
    pub description: Option<String>,
    /// What is said of its columns, by their names.
    pub columns: IndexMap<String, ModelColumn>,
    /// What its table itself demands of rows, and its keys.
    pub constraints: Option<Constraints>,
    /// Properties of the table or view, those of its folders too.
    pub properties: BTreeMap<String, String>,
    /// Tags of Unity Catalog, those of its folders too.
    pub databricks_tags: BTreeMap<String, String>,
    /// What users and groups may do with it, in SQL's words; of its folders too.
    pub grants: BTreeMap<String, BTreeSet<String>>,
    /// What must hold of its rows; those of its folders first, and those that its constraints make necessary last.
    pub tests: Vec<DataTest>,
    /// Words by which it can be selected, those of its folders too.
    pub tags: Vec<String>,
    /// How long its build may take; none: as long as it takes.
    pub timeout: Option<Duration>,
    /// `allow`: lints that are meant to be so, at the model or its folders.
    pub allow: Vec<Spanned<&'static str>>,
    /// Where it is configured in `jobs.yaml`.
    pub span: Span,
}

/// What is said of a column of a model.
#[derive(Clone, Debug)]
pub struct ModelColumn {
    /// Comment on the column; none: nothing is said.
    pub description: Option<String>,
    /// `databricks_tags`: tags of Unity Catalog.
    pub databricks_tags: BTreeMap<String, String>,
    /// Where the column stands in `jobs.yaml`.
    pub span: Span,
}

/// What a model's table itself demands of rows, and its keys.
#[derive(Clone, Debug)]
pub struct Constraints {
    /// `not_null`: columns that are never NULL.
    pub not_null: Vec<String>,
    /// `primary_key`: its columns; none if empty.
    pub primary_key: Vec<String>,
    /// `check`: conditions that are not false for any row, by the constraints' names in lower case.
    pub checks: IndexMap<String, String>,
    /// `foreign_keys`.
    pub foreign_keys: Vec<ForeignKey>,
    /// Where they stand in `jobs.yaml`.
    pub span: Span,
}

/// A foreign key.
#[derive(Clone, Debug)]
pub struct ForeignKey {
    /// Its columns.
    pub columns: Vec<String>,
    /// The model that it refers to.
    pub model: ModelName,
    /// The columns there, in the order of its own.
    pub references: Vec<String>,
    /// Where it stands in `jobs.yaml`.
    pub span: Span,
}

/// Something that must hold of a model's rows.
#[derive(Clone, Debug)]
pub struct DataTest {
    /// What.
    pub rule: DataTestRule,
    /// Whether a failure is told and otherwise does no harm.
    pub warns: bool,
    /// Where it stands in `jobs.yaml`.
    pub span: Span,
}

/// What must hold.
#[derive(Clone, Debug, PartialEq)]
pub enum DataTestRule {
    /// None of these columns is NULL.
    NotNull(Vec<String>),
    /// No two rows have the same values in these columns; rows with a NULL there do not count.
    Unique(Vec<String>),
    /// The column has one of these values, or is NULL.
    AcceptedValues {
        /// The column.
        column: String,
        /// Texts, numbers and truth values.
        values: Vec<serde_json::Value>,
    },
    /// The column's value, unless NULL, is found in another table.
    Relationships {
        /// The column.
        column: String,
        /// The other table: a model, or a source as `schema.table`.
        table: String,
        /// Its column.
        field: String,
    },
    /// A condition that is not false for any row.
    Expression(String),
    /// The number of rows is within bounds.
    RowCount {
        /// The least.
        min: Option<u64>,
        /// The most.
        max: Option<u64>,
    },
    /// The newest value of a column is not older than this.
    Freshness {
        /// The column: a date or timestamp.
        column: String,
        /// How many units.
        amount: u32,
        /// `MINUTE`, `HOUR` or `DAY`.
        unit: &'static str,
    },
    /// A figure of all rows has not changed by more than a share since the version before.
    Change {
        /// The figure: an aggregate, such as `count(*)`.
        measure: String,
        /// The share by which it may fall; none: by any.
        down: Option<f64>,
        /// The share by which it may rise; none: by any.
        up: Option<f64>,
    },
    /// The query in this file, relative to the project's root, returns no row.
    NoRows(PathBuf),
}

/// A unit test of a model: the rows that it shall make of others.
#[derive(Clone, Debug)]
pub struct UnitTest {
    /// What it shows, in words.
    pub name: String,
    /// The model.
    pub model: Spanned<ModelName>,
    /// Variables that have other values in it; each value as YAML.
    pub variables: Vec<(String, String)>,
    /// What the warehouse's clock says; none: what it says.
    pub now: Option<DateTime<Utc>>,
    /// Rows of what the model reads. Tables that are not named have none.
    pub given: Vec<Given>,
    /// The rows that the model shall return, in any order, in the columns that they name.
    pub expect: Vec<Vec<Cell>>,
    /// Where it stands.
    pub span: Span,
}

/// Rows of a table that a model reads.
#[derive(Clone, Debug)]
pub struct Given {
    /// The table: a model, a source as `schema.table`, or `this`.
    pub table: Spanned<String>,
    /// Its rows; columns that a row does not name are NULL.
    pub rows: Vec<Vec<Cell>>,
}

/// A value of a row.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The column.
    pub column: Spanned<String>,
    /// Its value.
    pub value: CellValue,
}

/// A value, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellValue {
    /// Nothing.
    Null,
    /// A number or truth value.
    Plain(String),
    /// A text; also of what has no form of its own in YAML, such as dates.
    Text(String),
    /// An expression of SQL.
    Sql(String),
}

/// What a model's query becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Materialization {
    /// A view: the query runs when it is read.
    View,
    /// A Delta table, replaced in one step at each build.
    Table,
}

impl Materialization {
    /// Returns the word of `jobs.yaml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Table => "table",
        }
    }
}

/// How a table takes in what is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incremental {
    /// What becomes of new rows.
    pub strategy: Strategy,
    /// What is done when the query returns other columns than the table has.
    pub on_schema_change: SchemaChange,
}

/// What becomes of new rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// They are added.
    Append,
    /// They replace those of the same key.
    Merge {
        /// The columns of the key.
        unique_key: Vec<String>,
        /// A column that is true in rows that are deleted: they are taken out.
        soft_delete: Option<String>,
    },
    /// They replace all rows from a moment on: the newest one in the table, less a time for late rows.
    InsertOverwrite {
        /// The column that says when a row happened: a date or timestamp.
        time_column: String,
        /// How late rows may be.
        lookback: Duration,
    },
    /// They replace the partitions that they touch: all rows that are equal to one of them in these columns.
    OverwritePartitions {
        /// The columns that tell partitions apart.
        partition_by: Vec<String>,
    },
}

/// What is done when an incremental model's query returns other columns than its table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaChange {
    /// The build fails.
    Fail,
    /// New columns are added, NULL in the rows that are there. Fails if columns are missing, or are of another type.
    Append,
    /// The table is built as a whole.
    Rebuild,
}

/// A Lakeview dashboard.
#[derive(Clone, Debug)]
pub struct Dashboard {
    /// The `.lvdash.json` file, relative to the project's root.
    pub file: PathBuf,
    /// Its name in the workspace; default: the name in `jobs.yaml`.
    pub title: String,
    /// Workspace folder, absolute.
    pub folder: String,
    /// `publish.embed_credentials`: whether viewers' queries run with the publisher's rights.
    pub embed_credentials: bool,
    /// `permissions`: what each that is named may do with it; none: nothing.
    pub permissions: BTreeMap<Principal, Option<String>>,
    /// `schedules`: when the workspace refreshes it and sends it to whom, by their names.
    pub schedules: IndexMap<String, DashboardSchedule>,
    /// `timeout`: how long it may take to publish it, and to ask what it shows; none: as long as it takes.
    pub timeout: Option<Duration>,
    /// Where the dashboard stands in `jobs.yaml`.
    pub span: Span,
}

/// When a workspace refreshes a dashboard and sends it to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DashboardSchedule {
    /// `cron`, as Quartz writes it.
    pub quartz: String,
    /// `timezone`: the name of a time zone.
    pub timezone: String,
    /// `paused`: it is there, and does not send.
    pub paused: bool,
    /// `subscribers`: e-mail addresses of users, in lower case, and notification destinations by name or id.
    pub subscribers: BTreeSet<String>,
}

/// A job: steps that belong together.
#[derive(Clone, Debug)]
pub struct Job {
    /// What it does. The order in which things run follows from what reads what, not from this list.
    pub steps: Vec<Spanned<JobStep>>,
    /// When the workspace itself runs it; none: never.
    pub schedule: Option<Schedule>,
    /// `notify`: who is told how its runs ended, beside those of the environment.
    pub notify: Vec<Notify>,
    /// `all_or_nothing`: where not all of a run succeeds, the tables that it has changed go back to what they were.
    pub all_or_nothing: bool,
    /// Where the job stands in `jobs.yaml`.
    pub span: Span,
}

/// When and how a workspace runs a job by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// `cron`, as Quartz writes it: seconds first, and `?` for one of the two kinds of day.
    pub quartz: String,
    /// `timezone`: the name of a time zone, such as `Europe/Berlin`.
    pub timezone: String,
    /// `paused`: it is there, and does not run.
    pub paused: bool,
    /// `run_as`: a user's e-mail address, or the application id of a service principal; none: whoever deploys.
    pub run_as: Option<String>,
    /// `timeout`: how long a run may take; none: as long as it takes.
    pub timeout: Option<Duration>,
    /// `retries`: how often a step that failed is tried again.
    pub retries: u32,
    /// `notify.on_failure`: e-mail addresses.
    pub on_failure: Vec<String>,
    /// `notify.on_success`: e-mail addresses.
    pub on_success: Vec<String>,
    /// Where it stands in `jobs.yaml`.
    pub span: Span,
}

/// `sync: NAME` with what stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncStep {
    /// The connection.
    pub connection: ConnectionName,
    /// How this step wants it.
    pub wishes: SyncWishes,
}

/// One entry of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobStep {
    /// `sync: NAME`: bring a connection's new data.
    Sync(SyncStep),
    /// `build: GLOB`: build the models whose paths match.
    Build(String),
    /// `publish: NAME`: publish a dashboard.
    Publish(DashboardName),
}
