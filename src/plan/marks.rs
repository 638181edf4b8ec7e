//! Marks that kiln leaves on what it makes, so that what is deployed can be read from the workspace itself.
//!
//! Tables and views carry theirs as properties, set by the very statement that makes them. Dashboards have no place for
//! marks (the service drops keys it does not know), so what was sent is noted in the properties of one small table in
//! the models' schema, before it is sent: whatever else a dashboard then holds, a person has changed.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::dashboard_schedules::{SCHEDULE, ScheduleNote};
use super::details::{self, AllNoted};
use super::permissions::{PERMISSIONS, PermissionsNote};
use super::schema_tags::{SCHEMA_TAGS, SchemaTagsNote};
use super::statement::properties;
use crate::config::Materialization;
use crate::dashboards;
use crate::ids::{DashboardName, Fingerprint, JobName, TableName, string_literal};
use crate::manifest::CompiledModel;

/// The table whose properties are kiln's notes.
pub const NOTES_TABLE: &str = "_kiln";
/// The table that exists while a run changes the schema.
pub const LOCK_TABLE: &str = "_kiln_lock";

/// With this the names begin of tables and views that wait for their tests.
pub(super) const NEW_PREFIX: &str = "_kiln_new_";

const PROJECT: &str = "kiln.project";
const MODEL: &str = "kiln.model";
const DEFINITION: &str = "kiln.definition";
const FINGERPRINT: &str = "kiln.fingerprint";
const CLUSTER_BY: &str = "kiln.cluster_by";
const QUERY: &str = "kiln.query";
const DEFERRED: &str = "kiln.deferred";
pub(super) const DETAILS: &str = "kiln.details";
pub(super) const TESTS: &str = "kiln.tests";
/// Says what a table was built from. Written last, for it becomes known last.
pub(super) const INPUTS: &str = "kiln.inputs";
/// Says which run has built windows of it again.
pub(super) const BACKFILLED: &str = "kiln.backfilled";
const DASHBOARD: &str = "kiln.dashboard.";
const JOB: &str = "kiln.job.";

/// The longest query that is kept, in bytes: it serves to show what changed, and some catalogs keep no longer property.
const LONGEST_QUERY: usize = 4000;

/// What a table's or view's marks say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The project that it belongs to.
    pub project: String,
    /// The definition that it was built from.
    pub definition: Option<Fingerprint>,
    /// That and those of all models that it was built from.
    pub fingerprint: Option<Fingerprint>,
    /// Columns that it is clustered by.
    pub cluster_by: Vec<String>,
    /// What kiln set of it beside its query.
    pub details: AllNoted,
    /// The query that it was built from, if that was not too long.
    pub query: Option<String>,
    /// The tests that it passed.
    pub tests: Option<Fingerprint>,
    /// The versions of what it was built from.
    pub inputs: Option<Fingerprint>,
    /// The run that has built windows of it again.
    pub backfilled: Option<String>,
    /// The table or view of another environment that it shows, where it only stands for that.
    pub deferred: Option<String>,
}

impl Marks {
    /// Reads the marks of a table's properties; none if kiln did not make it.
    pub fn read(properties: &BTreeMap<String, String>) -> Option<Self> {
        let text = |key: &str| properties.get(key).cloned();
        Some(Self {
            project: text(PROJECT)?,
            definition: text(DEFINITION).map(Fingerprint::new),
            fingerprint: text(FINGERPRINT).map(Fingerprint::new),
            cluster_by: text(CLUSTER_BY).map(|list| columns(&list)).unwrap_or_default(),
            details: text(DETAILS).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
            query: text(QUERY),
            tests: text(TESTS).map(Fingerprint::new),
            inputs: text(INPUTS).map(Fingerprint::new),
            backfilled: text(BACKFILLED),
            deferred: text(DEFERRED),
        })
    }
}

/// Returns the marks of a model as properties.
pub(super) fn of_model(project: &str, model: &CompiledModel) -> Vec<(String, String)> {
    let mut marks = vec![
        (PROJECT, project.to_owned()),
        (MODEL, model.config.name.to_string()),
        (DEFINITION, model.definition.to_string()),
        (FINGERPRINT, model.fingerprint.to_string()),
    ];
    marks.extend(details::mark(model).map(|mark| (DETAILS, mark)));
    // A view's query can be read from the view.
    if model.config.materialized == Materialization::Table {
        marks.push((CLUSTER_BY, list(&model.config.cluster_by)));
        marks.push((TESTS, of_tests(model).to_string()));
        if model.query.text.len() <= LONGEST_QUERY {
            marks.push((QUERY, model.query.text.clone()));
        }
    }
    marks.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Returns the marks of a view that stands for a model of another environment.
pub(super) fn of_deferred(project: &str, model: &CompiledModel, from: &TableName) -> Vec<(String, String)> {
    [(PROJECT, project.to_owned()), (MODEL, model.config.name.to_string()), (DEFERRED, from.to_string())]
        .map(|(key, value)| (key.to_owned(), value))
        .to_vec()
}

/// Takes the fingerprint of a model's tests.
pub(super) fn of_tests(model: &CompiledModel) -> Fingerprint {
    let tests = model.tests.iter().flat_map(|test| [test.failing.as_str(), if test.warns { "warns" } else { "fails" }]);
    Fingerprint::of(&tests.collect::<Vec<_>>())
}

/// Returns the mark that says what a table is clustered by.
pub(super) fn of_clustering(columns: &[String]) -> Vec<(String, String)> {
    vec![(CLUSTER_BY.to_owned(), list(columns))]
}

fn list(columns: &[String]) -> String {
    serde_json::to_string(columns).expect("texts are JSON")
}

fn columns(list: &str) -> Vec<String> {
    serde_json::from_str(list).unwrap_or_default()
}

/// What kiln has noted of a dashboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The project that it belongs to.
    pub project: String,
    /// Its name there.
    pub dashboard: DashboardName,
    /// Where it lies in the workspace.
    pub path: String,
    /// Fingerprints of the contents that were sent last, the newest first: of two, for the newest may not have arrived.
    pub sent: Vec<Fingerprint>,
    /// Where it lay before, and still may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<String>,
}

impl Note {
    /// Tells whether a content of the workspace is one that kiln sent there.
    pub fn has_sent(&self, content: &Value) -> bool {
        self.sent.contains(&of_content(content))
    }

    /// Returns the note of a dashboard that is about to be sent; `in_place`: from where it was to where it shall be.
    pub(super) fn of(
        project: &str,
        dashboard: &DashboardName,
        path: String,
        content: &Value,
        earlier: Option<&Self>,
        in_place: bool,
    ) -> Self {
        let mut sent = vec![of_content(content)];
        let mut former = Vec::new();
        if let Some(earlier) = earlier {
            former.extend(earlier.former.iter().filter(|former| **former != path).cloned());
            if earlier.path == path || in_place {
                sent.extend(earlier.sent.iter().find(|fingerprint| **fingerprint != sent[0]).cloned());
            }
            if earlier.path != path {
                former.push(earlier.path.clone());
            }
        }
        Self { project: project.to_owned(), dashboard: dashboard.clone(), path, sent, former }
    }

    /// Returns the statements that write it down.
    pub(super) fn statements(&self, notes_table: &TableName) -> Vec<String> {
        let value = serde_json::to_string(self).expect("a note is JSON");
        noting(notes_table, self.key(), value)
    }

    /// Returns the statement that forgets it.
    pub(super) fn forgetting(&self, notes_table: &TableName) -> String {
        forgetting(notes_table, &self.key())
    }

    fn key(&self) -> String {
        format!("{DASHBOARD}{}.{}", self.project, self.dashboard)
    }
}

/// What kiln has noted of a job that the workspace runs by itself: that there may be one. What it is, the job says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobNote {
    /// The project that it belongs to.
    pub project: String,
    /// Its name there.
    pub job: JobName,
}

impl JobNote {
    /// Returns the statements that write it down.
    pub(super) fn statements(&self, notes_table: &TableName) -> Vec<String> {
        noting(notes_table, self.key(), serde_json::to_string(self).expect("a note is JSON"))
    }

    /// Returns the statement that forgets it.
    pub(super) fn forgetting(&self, notes_table: &TableName) -> String {
        forgetting(notes_table, &self.key())
    }

    fn key(&self) -> String {
        format!("{JOB}{}.{}", self.project, self.job)
    }
}

/// Reads what is noted of jobs.
pub(super) fn job_notes(properties: &BTreeMap<String, String>) -> Vec<JobNote> {
    read_notes(properties, JOB)
}

/// Reads what is noted of schedules of dashboards.
pub(super) fn schedule_notes(properties: &BTreeMap<String, String>) -> Vec<ScheduleNote> {
    read_notes(properties, SCHEDULE)
}

/// Reads what is noted of permissions.
pub(super) fn permission_notes(properties: &BTreeMap<String, String>) -> Vec<PermissionsNote> {
    read_notes(properties, PERMISSIONS)
}

/// Reads what is noted of tags of the schema.
pub(super) fn schema_tag_notes(properties: &BTreeMap<String, String>) -> Vec<SchemaTagsNote> {
    read_notes(properties, SCHEMA_TAGS)
}

/// Returns the statements that note something.
pub(super) fn noting(notes_table: &TableName, key: String, value: String) -> Vec<String> {
    let table = notes_table.to_sql();
    vec![
        format!(
            "CREATE TABLE IF NOT EXISTS {table} (note STRING) COMMENT 'Notes of kiln, in the properties of this table'"
        ),
        format!("ALTER TABLE {table} SET TBLPROPERTIES {}", properties(&[(key, value)])),
    ]
}

/// Returns the statement that forgets what is noted under a key.
pub(super) fn forgetting(notes_table: &TableName, key: &str) -> String {
    format!("ALTER TABLE {} UNSET TBLPROPERTIES IF EXISTS ({})", notes_table.to_sql(), string_literal(key))
}

fn read_notes<T: DeserializeOwned>(properties: &BTreeMap<String, String>, prefix: &str) -> Vec<T> {
    let noted = properties.iter().filter(|(key, _)| key.starts_with(prefix));
    noted.filter_map(|(_, value)| serde_json::from_str(value).ok()).collect()
}

/// Takes the fingerprint of a dashboard's content, whatever the service rewrites in it on its own.
fn of_content(content: &Value) -> Fingerprint {
    let mut content = dashboards::normalise(content);
    content.sort_all_objects();
    Fingerprint::of(&[&content.to_string()])
}

/// Reads the notes of the notes table's properties.
pub(super) fn notes(properties: &BTreeMap<String, String>) -> Vec<Note> {
    read_notes(properties, DASHBOARD)
}
