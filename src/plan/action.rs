//! What steps do, and for each kind all that it needs to act.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::connection::{KeepConnection, RemoveConnection};
use super::dashboard_schedules::KeepDashboardSchedules;
use super::defer::DeferModel;
use super::landed::LandedTable;
use super::marks::Note;
use super::permissions::GrantPermissions;
use super::pins::{Inputs, Pinned};
use super::scheduled::{ScheduleJob, UnscheduleJob};
use crate::config::{Materialization, SchemaChange, SyncIntent, WhenRunning};
use crate::dashboards::same_content;
use crate::ids::{ConnectionName, DashboardName, Fingerprint, ModelName, StepId, TableName};
use crate::template::Rendered;

/// A step of a run.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its id, unique in the run.
    pub id: StepId,
    /// Steps that must have succeeded before it may begin.
    pub needs: Vec<StepId>,
    /// What it does.
    pub action: Action,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Makes sure that the models' schema exists.
    CreateSchema {
        /// The statement that does so.
        statement: String,
    },
    /// Makes a connection, or brings it in line with what is declared.
    Keep(Box<KeepConnection>),
    /// Takes a connection away.
    Remove(RemoveConnection),
    /// Brings a connection's new data.
    Sync(SyncConnection),
    /// Fixes the versions at which tables of sources are read.
    Pin(Vec<TableName>),
    /// Builds a model's table or view.
    Build(Box<BuildModel>),
    /// Builds a window of an incremental model again.
    Backfill(Box<BuildModel>),
    /// Lets a model be read from another environment.
    Defer(DeferModel),
    /// Brings a dashboard into the workspace and publishes it.
    Publish(Box<PublishDashboard>),
    /// Gives permissions on a dashboard.
    Grant(Box<GrantPermissions>),
    /// Brings the schedules of a dashboard in line with the project.
    Send(Box<KeepDashboardSchedules>),
    /// Asks what the widgets of a published dashboard show.
    Query(QueryDashboard),
    /// Puts a table back to an earlier version.
    Restore(Restore),
    /// Changes a table or view in place, or drops it.
    Alter(Alter),
    /// Takes a dashboard out of the workspace.
    Trash(TrashDashboard),
    /// Puts a job in its place, which the workspace then runs by itself.
    Schedule(Box<ScheduleJob>),
    /// Takes such a job out of the workspace.
    Unschedule(UnscheduleJob),
    /// Ends with a failure, for it may not be done.
    Refuse(Refusal),
}

/// What is needed to sync a connection.
#[derive(Clone, Debug)]
pub struct SyncConnection {
    /// Its name in the project.
    pub connection: ConnectionName,
    /// Fivetran's id, if the project gives one.
    pub id: Option<String>,
    /// The group that it is looked for in, by id or name; none: anywhere.
    pub group: Option<String>,
    /// Prefix of the schemas it lands, by which it is found without an id.
    pub schema_prefix: String,
    /// What is to be done about its data.
    pub intent: SyncIntent,
    /// What is to be done about a sync that runs already; none: what suits the intent.
    pub when_running: Option<WhenRunning>,
    /// How long the whole may take, if it is not the usual time.
    pub deadline: Option<Duration>,
    /// The same where everything is loaded anew.
    pub historical_deadline: Option<Duration>,
    /// The tables that it is declared to land.
    pub tables: Vec<LandedTable>,
}

/// What is needed to build a model.
#[derive(Clone, Debug)]
pub struct BuildModel {
    /// The model.
    pub model: ModelName,
    /// The table or view that it becomes.
    pub table: TableName,
    /// Which of the two.
    pub materialized: Materialization,
    /// Statements that make room for it.
    pub before: Vec<String>,
    /// The whole statement: a header that kiln writes, then the model's query. With tests it makes another table or view,
    /// beside the one that is read.
    pub statement: Pinned,
    /// Statements that come right after the table or view is in its place: what the one that makes it cannot say.
    pub after: Vec<String>,
    /// How it is tested and then put in the place of the one that is read; none if nothing has to hold of it.
    pub audit: Option<Audit>,
    /// How what stands there takes in what is new instead; none if it has to be built as a whole.
    pub increment: Option<Box<Increment>>,
    /// Whether a table stands there that it changes or replaces.
    pub replaces: bool,
    /// Whether it is built though it is unchanged.
    pub insist: bool,
    /// What it comes to: its definition and those below it, its tests, and what it is marked with.
    pub fingerprint: Fingerprint,
    /// The query, for finding the place in the template that a line of the statement comes from.
    pub query: Arc<Rendered>,
    /// What its rows depend on besides its definition.
    pub inputs: Inputs,
    /// When there is nothing to do.
    pub done: Done,
    /// How long it may take; none: as long as it takes.
    pub timeout: Option<Duration>,
    /// The statement that takes away what an earlier run left in the new version's place; none if nothing is there.
    pub tidy: Option<String>,
}

/// How a table takes in what is new.
#[derive(Clone, Debug)]
pub struct Increment {
    /// The query for the moment from which on rows are replaced; none if none are by their time.
    pub window: Option<String>,
    /// The statement that puts the new rows aside.
    pub statement: Pinned,
    /// The query for them, for finding the place in the template that a line of the statement comes from.
    pub query: Arc<Rendered>,
    /// How the rows that the table will have are tested, and the new ones taken in.
    pub audit: Audit,
    /// Where they are put aside.
    pub new: TableName,
    /// The columns of the table, in order.
    pub columns: Vec<String>,
    /// Their types, as far as they are known.
    pub types: Vec<Option<String>>,
    /// What is done when the new rows have other columns.
    pub on_schema_change: SchemaChange,
    /// The statement that writes on the table what it is built from now.
    pub mark: Pinned,
    /// What becomes of the rows, in a word.
    pub verb: &'static str,
}

/// How a new version of a table or view is tested, and then published in one step.
#[derive(Clone, Debug)]
pub struct Audit {
    /// The tests.
    pub tests: Vec<PlannedTest>,
    /// The query that counts the rows that fail each: the test's place in the list, and their number.
    pub count: Pinned,
    /// Statements that make room right before the new version takes its place.
    pub room: Vec<String>,
    /// The statement that puts the new version in its place.
    pub publish: Pinned,
    /// The statement that clears the new version's own place.
    pub clear: String,
}

/// A data test of a new version.
#[derive(Clone, Debug)]
pub struct PlannedTest {
    /// What it says, in short.
    pub name: String,
    /// The query that returns a few rows that fail it.
    pub sample: Pinned,
    /// Whether a failure is told and otherwise does no harm.
    pub warns: bool,
}

/// When a model need not be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It always has to be.
    Never,
    /// What stands there was built by the same definition, from the same: if that is what it would be built from now.
    IfFrom(Fingerprint),
    /// What stands there is what it would become.
    Already,
}

/// What is needed to publish a dashboard.
#[derive(Clone, Debug)]
pub struct PublishDashboard {
    /// Its name in the project.
    pub dashboard: DashboardName,
    /// Its title in the workspace.
    pub title: String,
    /// Its folder in the workspace.
    pub folder: String,
    /// How long it may take; none: as long as it takes.
    pub timeout: Option<Duration>,
    /// Its content: the text of a `.lvdash.json` file.
    pub content: String,
    /// Its content as the workspace will show it, with the catalog and schema of its datasets.
    pub expected: Value,
    /// Whether viewers' queries run with the publisher's rights.
    pub embed_credentials: bool,
    /// What kiln has noted of it.
    pub note: Option<Note>,
    /// Whether what a person changed in the workspace may be lost.
    pub overwrite: bool,
    /// Statements to be run before it is sent: they note what will be sent, unless that is noted, and make the table that tells
    /// of runs if the dashboard shows it, so that the first of its viewers finds one.
    pub noting: Vec<String>,
    /// The place where it lies as long as it has its former title.
    pub former: Option<String>,
    /// Statements that note that it no longer lies where it did, to be run afterwards.
    pub settling: Vec<String>,
}

impl PublishDashboard {
    /// Tells whether content of the workspace is as it shall be, but for what the service rewrites on its own.
    pub fn is_wanted(&self, content: &Value) -> bool {
        same_content(content, &self.expected)
    }

    /// Tells whether content of the workspace may be replaced: it is what kiln sent, or its loss was agreed to.
    pub fn may_replace(&self, content: &Value) -> bool {
        self.overwrite || self.note.as_ref().is_some_and(|note| note.has_sent(content))
    }
}

/// What is needed to put a table back to an earlier version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restore {
    /// The table.
    pub table: TableName,
    /// The version that it shall be as.
    pub to: u64,
}

/// What is needed to change a table or view in place, or to drop it.
#[derive(Clone, Debug)]
pub struct Alter {
    /// What it is, for messages: the table's or view's name.
    pub object: String,
    /// The statements, each of which may be repeated.
    pub statements: Vec<String>,
    /// Whether the last one drops it.
    pub drops: bool,
    /// Models of which one has to be made anew in the run for there to be anything to do; none: there is, in any case.
    pub only_after: Vec<ModelName>,
}

/// What is needed to take a dashboard out of the workspace.
#[derive(Clone, Debug)]
pub struct TrashDashboard {
    /// Its name in the project.
    pub dashboard: DashboardName,
    /// Its places in the workspace.
    pub paths: Vec<String>,
    /// Ids of schedules that kiln made of it, as they are noted.
    pub schedules: Vec<String>,
    /// Statements that forget these places, to be run afterwards.
    pub forgetting: Vec<String>,
}

/// Why something may not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it is about and why: lower case, no full stop.
    pub message: String,
    /// What to do, as full sentences.
    pub help: String,
}

/// What is needed to know what a dashboard shows.
#[derive(Clone, Debug)]
pub struct QueryDashboard {
    /// Its name in the project.
    pub dashboard: DashboardName,
    /// How long they may take; none: as long as they take.
    pub timeout: Option<Duration>,
    /// The widgets' queries as statements.
    pub statements: Vec<WidgetStatement>,
    /// Whether it shows what the table of runs tells, and so this run too.
    pub reads_history: bool,
}

/// A widget's query as a statement.
#[derive(Clone, Debug)]
pub struct WidgetStatement {
    /// The widget's name.
    pub widget: String,
    /// The query: its JSON pointer in the dashboard's content.
    pub query: String,
    /// The statement.
    pub sql: String,
}

impl Action {
    /// Returns how long the step may take; none: as long as it takes, or it minds the time itself.
    pub fn timeout(&self) -> Option<Duration> {
        match self {
            Self::Build(model) | Self::Backfill(model) => model.timeout,
            Self::Publish(dashboard) => dashboard.timeout,
            Self::Query(dashboard) => dashboard.timeout,
            _ => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateSchema { .. } => "schema",
            Self::Keep(_) => "connection",
            Self::Remove(_) => "remove",
            Self::Sync(_) => "sync",
            Self::Pin(_) => "pin",
            Self::Build(_) => "build",
            Self::Backfill(_) => "backfill",
            Self::Defer(_) => "defer",
            Self::Publish(_) => "publish",
            Self::Grant(_) => "permissions",
            Self::Send(_) => "dashboard schedules",
            Self::Query(_) => "query",
            Self::Restore(_) => "restore",
            Self::Alter(alter) if alter.drops => "drop",
            Self::Alter(_) => "alter",
            Self::Trash(_) => "trash",
            Self::Schedule(_) => "schedule",
            Self::Unschedule(_) => "unschedule",
            Self::Refuse(_) => "refuse",
        })
    }
}
