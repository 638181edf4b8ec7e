//! What is there: the part of an environment that a plan looks at, as data.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::connection::Sighting;
use super::dashboard_schedules::{ObservedDashboardSchedule, Recipient, ScheduleNote};
use super::marks::{self, JobNote, LOCK_TABLE, Marks, NEW_PREFIX, NOTES_TABLE, Note};
use super::permissions::PermissionsNote;
use super::scheduled::ObservedJob;
use super::schema_tags::SchemaTagsNote;
use crate::ids::{ConnectionName, DashboardId, DashboardName, ModelName, Principal, TableName, WarehouseId};
use crate::manifest::HISTORY_TABLE;

/// What is there.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Whether the models' schema exists.
    pub schema_exists: bool,
    /// Whether kiln made that schema, as far as somebody looked.
    pub made_schema: bool,
    /// Tables and views of that schema by their own names, without those that kiln keeps for itself.
    pub tables: BTreeMap<String, ObservedTable>,
    /// What kiln has noted of dashboards.
    pub notes: Vec<Note>,
    /// What kiln has noted of permissions that it gave.
    pub permission_notes: Vec<PermissionsNote>,
    /// What kiln has noted of schedules of dashboards.
    pub schedule_notes: Vec<ScheduleNote>,
    /// What kiln has noted of jobs that the workspace runs by itself.
    pub job_notes: Vec<JobNote>,
    /// Jobs of this project and schema that the workspace runs by itself, the oldest of each name first.
    pub jobs: Vec<ObservedJob>,
    /// Whether the table of these notes is there.
    pub has_notes_table: bool,
    /// Whether the table that tells of runs is there.
    pub has_history: bool,
    /// Tables and views that wait for their tests, or did not pass them.
    pub waiting: BTreeMap<String, Waiting>,
    /// Which run changes the schema at the moment.
    pub lock: Option<Lock>,
    /// Models that runs have built and not dropped again, with when they did so last, as far as somebody looked.
    pub built: BTreeMap<ModelName, DateTime<Utc>>,
    /// The project's dashboards, as far as they exist.
    pub dashboards: BTreeMap<DashboardName, ObservedDashboard>,
    /// What is at places where dashboards of the project were before; none where there is nothing any more.
    pub former_places: BTreeMap<String, Option<ObservedDashboard>>,
    /// Dashboards that are recognised at a place where they were before.
    pub renamed: BTreeMap<DashboardName, String>,
    /// Dashboards that are recognised by the name that they had in the project before.
    pub renamed_in_project: BTreeMap<DashboardName, DashboardName>,
    /// What each has on those of them of which the project says so.
    pub permissions: BTreeMap<DashboardName, BTreeMap<Principal, String>>,
    /// The schedules that kiln made of them, where there can be any.
    pub dashboard_schedules: BTreeMap<DashboardName, Vec<ObservedDashboardSchedule>>,
    /// Who subscribers are of whom nothing is noted; none: there is no such user or notification destination.
    pub recipients: BTreeMap<String, Option<Recipient>>,
    /// The tags of the models' schema, as far as somebody looked.
    pub schema_tags: BTreeMap<String, String>,
    /// What kiln has noted of tags that it gave that schema.
    pub schema_tag_notes: Vec<SchemaTagsNote>,
    /// What is granted on the models' schema, in SQL's words.
    pub grants: BTreeMap<String, BTreeSet<String>>,
    /// The connections that kiln keeps, as they were found.
    pub connections: BTreeMap<ConnectionName, Sighting>,
    /// Tables of sources that models read and that do not exist.
    pub missing_sources: BTreeSet<TableName>,
    /// The warehouse that the environment uses.
    pub warehouse: Option<WarehouseId>,
}

/// A table or view that waits for its tests, or did not pass them.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Which of the two.
    pub kind: TableKind,
    /// When it was made.
    pub made_at: Option<DateTime<Utc>>,
}

/// A table or view.
#[derive(Clone, Debug)]
pub struct ObservedTable {
    /// Which of the two.
    pub kind: TableKind,
    /// The comment on it.
    pub comment: Option<String>,
    /// Its columns, in order.
    pub columns: Vec<ObservedColumn>,
    /// Its properties.
    pub properties: BTreeMap<String, String>,
    /// Its tags in Unity Catalog; none if nobody looked, and so below.
    pub tags: Option<BTreeMap<String, String>>,
    /// Tags of its columns, each by the column's name and its key.
    pub column_tags: Option<BTreeMap<(String, String), String>>,
    /// What is granted on it itself, in SQL's words.
    pub grants: Option<BTreeMap<String, BTreeSet<String>>>,
    /// Its keys by their names.
    pub keys: Option<BTreeMap<String, ObservedKey>>,
    /// What kiln has marked it with; none if kiln did not make it.
    pub marks: Option<Marks>,
    /// A view's query.
    pub definition: Option<String>,
    /// Who owns it.
    pub owner: Option<String>,
    /// When it was made, or changed, last.
    pub updated_at: Option<DateTime<Utc>>,
}

/// A column of a table or view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedColumn {
    /// Its name.
    pub name: String,
    /// Its type as SQL writes it; none if the workspace does not say.
    pub type_text: Option<String>,
    /// The comment on it.
    pub comment: Option<String>,
    /// Whether it may be NULL.
    pub nullable: bool,
}

/// A primary or foreign key of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedKey {
    /// Its columns, in order.
    pub columns: Vec<String>,
    /// The name of the primary key that it refers to; none if it is one.
    pub refers_to: Option<String>,
}

/// What kind of thing stands under a table's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// A table.
    Table,
    /// A view.
    View,
    /// Something that kiln makes none of, such as a streaming table.
    Other(String),
}

/// A dashboard of the workspace.
#[derive(Clone, Debug)]
pub struct ObservedDashboard {
    /// Its id in the workspace.
    pub id: DashboardId,
    /// The draft's content.
    pub content: Value,
    /// The draft's warehouse.
    pub warehouse: Option<WarehouseId>,
    /// The published copy; none if there is none, or if it is older than the draft.
    pub published: Option<Published>,
    /// When that was published.
    pub published_at: Option<DateTime<Utc>>,
}

/// The published copy of a dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its warehouse.
    pub warehouse: Option<WarehouseId>,
    /// Whether viewers' queries run with the publisher's rights.
    pub embed_credentials: bool,
}

/// Which run changes the schema at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The run.
    pub run: String,
    /// What it does, as a command.
    pub act: String,
    /// The user.
    pub who: String,
    /// The machine.
    pub machine: String,
    /// Since when.
    pub since: Option<DateTime<Utc>>,
    /// Who wants the run to end; none: nobody.
    pub cancelled: Option<String>,
}

const RUN: &str = "kiln.lock.run";
const ACT: &str = "kiln.lock.act";
const WHO: &str = "kiln.lock.who";
const MACHINE: &str = "kiln.lock.machine";
const SINCE: &str = "kiln.lock.since";
/// Set by whoever cancels the run; it is looked for when a statement of the run was cancelled.
pub const CANCELLED: &str = "kiln.lock.cancelled";

impl Lock {
    /// Reads the lock of its table's properties.
    pub fn read(properties: &BTreeMap<String, String>) -> Self {
        let text = |key: &str| properties.get(key).cloned().unwrap_or_else(|| "unknown".to_owned());
        let since = properties.get(SINCE).and_then(|at| DateTime::parse_from_rfc3339(at).ok());
        Self {
            run: text(RUN),
            act: text(ACT),
            who: text(WHO),
            machine: text(MACHINE),
            since: since.map(|at| at.to_utc()),
            cancelled: properties.get(CANCELLED).cloned(),
        }
    }

    /// Says who does what, from where and since when.
    pub fn in_words(&self) -> String {
        let since = self.since.map(|at| at.format(" since %Y-%m-%d %H:%M:%S UTC").to_string()).unwrap_or_default();
        format!("{} runs `{}` from {}{since} (run {})", self.who, self.act, self.machine, self.run)
    }

    /// Returns the lock as properties of its table.
    pub fn properties(&self) -> Vec<(String, String)> {
        let since = self.since.map(|at| at.to_rfc3339()).unwrap_or_default();
        [(RUN, &self.run), (ACT, &self.act), (WHO, &self.who), (MACHINE, &self.machine), (SINCE, &since)]
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .to_vec()
    }
}

impl ObservedTable {
    /// Returns the names of its columns, in order.
    pub(super) fn column_names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }
}

impl Observed {
    /// Returns what kiln has noted of a dashboard of a project.
    pub fn note(&self, project: &str, dashboard: &DashboardName) -> Option<&Note> {
        self.notes.iter().find(|note| note.project == project && note.dashboard == *dashboard)
    }

    /// Returns when a model was built last whose table or view is not there any more; none if none was known to be there.
    pub(super) fn dropped(&self, model: &ModelName) -> Option<DateTime<Utc>> {
        // With a version aside, a run was broken off while it put that in the place of the other.
        let is_under_way = self.waiting.contains_key(&format!("{NEW_PREFIX}{model}"));
        self.built.get(model).filter(|_| !is_under_way).copied()
    }

    /// Takes a table of the models' schema in.
    pub fn add_table(&mut self, name: &str, table: ObservedTable) {
        let properties = &table.properties;
        match name {
            NOTES_TABLE => {
                self.notes = marks::notes(properties);
                self.job_notes = marks::job_notes(properties);
                self.schedule_notes = marks::schedule_notes(properties);
                self.permission_notes = marks::permission_notes(properties);
                self.schema_tag_notes = marks::schema_tag_notes(properties);
                self.has_notes_table = true;
            }
            HISTORY_TABLE => self.has_history = true,
            LOCK_TABLE => self.lock = Some(Lock::read(properties)),
            _ if name.starts_with(NEW_PREFIX) => {
                self.waiting.insert(name.to_owned(), Waiting { kind: table.kind, made_at: table.updated_at });
            }
            _ => {
                let marks = Marks::read(properties);
                self.tables.insert(name.to_owned(), ObservedTable { marks, ..table });
            }
        }
    }
}
