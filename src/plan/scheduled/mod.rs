//! Jobs that the workspace runs by itself: what one shall be, what one is, and what differs.
//!
//! Such a job is a Databricks Job of SQL files, one for each table in the order of the models. It needs no machine of ours,
//! and so cannot do all that a run of kiln does: it reads the sources as they are when it reads them, and instead of
//! triggering Fivetran it refuses to build from data that are older than the job allows.

mod changes;
mod files;

use std::collections::BTreeMap;

pub(super) use changes::{destroy, plan};

use super::marks::JobNote;
use crate::ids::{DashboardName, Fingerprint, JobName, workspace_path};

/// Tag that names the project of a job.
const PROJECT_TAG: &str = "kiln_project";
/// Tag that names the job in the project.
pub const JOB_TAG: &str = "kiln_job";
/// Tag that names catalog and schema of the models.
const SCHEMA_TAG: &str = "kiln_schema";
/// Tag that says what the job was when kiln wrote it.
pub const FINGERPRINT_TAG: &str = "kiln_fingerprint";

/// A job as the workspace runs it by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduledJob {
    /// Its name in the workspace.
    pub name: String,
    /// When it runs; none: it has no schedule.
    pub schedule: Option<Cron>,
    /// Its tasks by their keys.
    pub tasks: BTreeMap<String, ScheduledTask>,
    /// How long a run may take, in seconds; 0: as long as it takes.
    pub timeout_seconds: i64,
    /// How many runs may be under way.
    pub max_concurrent_runs: i64,
    /// E-mail addresses.
    pub on_failure: Vec<String>,
    /// E-mail addresses.
    pub on_success: Vec<String>,
    /// Whose rights it runs with, where that is said.
    pub run_as: Option<String>,
}

/// When a job runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    /// As Quartz writes it.
    pub quartz: String,
    /// The name of a time zone.
    pub timezone: String,
    /// Whether it does not.
    pub paused: bool,
}

/// A task of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledTask {
    /// What it does.
    pub runs: Runs,
    /// Keys of the tasks that have to succeed before it begins, in their order.
    pub needs: Vec<String>,
    /// How often it is tried again.
    pub retries: i64,
}

/// What a task does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runs {
    /// It runs a file of SQL.
    Sql {
        /// Its path in the workspace, without `/Workspace`.
        path: String,
        /// The warehouse.
        warehouse: String,
    },
    /// It refreshes a dashboard.
    Dashboard {
        /// Its id; empty where it is not known yet.
        id: String,
        /// The warehouse.
        warehouse: String,
    },
    /// Something that kiln makes none of.
    Other(String),
}

/// A job of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedJob {
    /// Its id in the workspace.
    pub id: i64,
    /// Its name in the project that made it.
    pub job: JobName,
    /// What kiln wrote last, as the job itself bears it.
    pub fingerprint: Option<Fingerprint>,
    /// What it is.
    pub content: ScheduledJob,
}

/// What is needed to put a job in its place.
#[derive(Clone, Debug)]
pub struct ScheduleJob {
    /// Its name in the project.
    pub job: JobName,
    /// Its id in the workspace, if it is there.
    pub id: Option<i64>,
    /// What it shall be. Of dashboards, ids that were not known yet are empty.
    pub content: ScheduledJob,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Which task refreshes which dashboard: key → its path in the workspace.
    pub dashboards: BTreeMap<String, String>,
    /// The folder of its files.
    pub folder: String,
    /// The files: path → text. What is there under such a path already is the same.
    pub files: BTreeMap<String, String>,
    /// Statements that note it, to be run before it is made; none if it is noted.
    pub noting: Vec<String>,
}

/// What is needed to take a job out of the workspace.
#[derive(Clone, Debug)]
pub struct UnscheduleJob {
    /// Its name in the project.
    pub job: JobName,
    /// Its ids in the workspace.
    pub ids: Vec<i64>,
    /// The folder of its files; none if they are another job's too.
    pub folder: Option<String>,
    /// Statements that forget it, to be run afterwards.
    pub forgetting: Vec<String>,
}

/// Returns the tags by which the jobs of a project's environment are known.
pub fn own_tags(project: &str, catalog: &str, schema: &str) -> [(&'static str, String); 2] {
    [(PROJECT_TAG, project.to_owned()), (SCHEMA_TAG, format!("{catalog}.{schema}"))]
}

impl ScheduledJob {
    /// Takes the fingerprint of what a job shall be.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&[&format!("{self:?}")])
    }

    /// Says what has to change of a job so that it is as wanted.
    pub(super) fn differences(&self, wanted: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.name != wanted.name {
            found.push(format!("it is named `{}`", self.name));
        }
        match (&self.schedule, &wanted.schedule) {
            (there, wanted) if there == wanted => {}
            (Some(there), Some(wanted)) => {
                if (&there.quartz, &there.timezone) != (&wanted.quartz, &wanted.timezone) {
                    found.push(format!("schedule {} instead of {}", in_words(wanted), in_words(there)));
                }
                match (there.paused, wanted.paused) {
                    (true, false) => found.push("its schedule is paused".to_owned()),
                    (false, true) => found.push("its schedule is not paused".to_owned()),
                    _ => {}
                }
            }
            (None, Some(wanted)) => found.push(format!("it has no schedule; it shall run at {}", in_words(wanted))),
            (Some(there), None) => found.push(format!("it runs at {}", in_words(there))),
            (None, None) => {}
        }
        for (key, task) in &wanted.tasks {
            match self.tasks.get(key) {
                None => found.push(format!("task `{key}` is new")),
                Some(there) => found.extend(there.differences(task).map(|what| format!("task `{key}` {what}"))),
            }
        }
        let gone = self.tasks.keys().filter(|key| !wanted.tasks.contains_key(*key));
        found.extend(gone.map(|key| format!("task `{key}` goes")));
        if self.timeout_seconds != wanted.timeout_seconds {
            let words = |seconds: i64| if seconds == 0 { "no limit".to_owned() } else { format!("{seconds} s") };
            found.push(format!("timeout {} instead of {}", words(wanted.timeout_seconds), words(self.timeout_seconds)));
        }
        if self.max_concurrent_runs != wanted.max_concurrent_runs {
            let (now, then) = (self.max_concurrent_runs, wanted.max_concurrent_runs);
            found.push(format!("{then} run at a time instead of {now}"));
        }
        let people = |list: &[String]| if list.is_empty() { "nobody".to_owned() } else { list.join(", ") };
        for (what, there, wanted) in
            [("a failure", &self.on_failure, &wanted.on_failure), ("a success", &self.on_success, &wanted.on_success)]
        {
            if there != wanted {
                found.push(format!("{what} is told to {} instead of {}", people(wanted), people(there)));
            }
        }
        // E-mail addresses and application ids have no case.
        if let Some(wanted) = &wanted.run_as
            && !self.run_as.as_ref().is_some_and(|there| there.eq_ignore_ascii_case(wanted))
        {
            let there = self.run_as.as_deref().unwrap_or("whoever made it");
            found.push(format!("it runs as {wanted} instead of {there}"));
        }
        found
    }
}

impl ScheduledTask {
    fn differences(&self, wanted: &Self) -> impl Iterator<Item = String> {
        let runs = match (&self.runs, &wanted.runs) {
            (there, wanted) if there == wanted => None,
            (Runs::Sql { path: there, .. }, Runs::Sql { path: wanted, .. }) if there != wanted => {
                Some("runs other SQL".to_owned())
            }
            (Runs::Dashboard { id: there, .. }, Runs::Dashboard { id: wanted, .. }) if there != wanted => {
                Some("refreshes another dashboard".to_owned())
            }
            (Runs::Sql { .. }, Runs::Sql { .. }) | (Runs::Dashboard { .. }, Runs::Dashboard { .. }) => {
                Some("uses another warehouse".to_owned())
            }
            (Runs::Other(kind), _) => Some(format!("is a {kind} instead of {}", wanted.runs.kind())),
            (there, wanted) => Some(format!("is {} instead of {}", there.kind(), wanted.kind())),
        };
        let words = |needs: &[String]| if needs.is_empty() { "nothing".to_owned() } else { needs.join(", ") };
        let needs = (self.needs != wanted.needs)
            .then(|| format!("waits for {} instead of {}", words(&wanted.needs), words(&self.needs)));
        let retries = (self.retries != wanted.retries)
            .then(|| format!("is tried again {} times instead of {}", wanted.retries, self.retries));
        [runs, needs, retries].into_iter().flatten()
    }
}

impl Runs {
    fn kind(&self) -> &str {
        match self {
            Self::Sql { .. } => "SQL",
            Self::Dashboard { .. } => "a dashboard's refresh",
            Self::Other(kind) => kind,
        }
    }
}

fn in_words(cron: &Cron) -> String {
    format!("`{}` ({})", cron.quartz, cron.timezone)
}

/// Returns the name of a project's job in the workspace.
fn job_name(project: &str, job: &JobName, catalog: &str, schema: &str) -> String {
    format!("{project}: {job} ({catalog}.{schema})")
}

/// Returns the folder of a job's files.
fn job_folder(base: &str, note: &JobNote, catalog: &str, schema: &str) -> String {
    format!("{}/{}/{catalog}.{schema}/{}", workspace_path(base), note.project, note.job)
}

/// Returns the key of the task that refreshes a dashboard.
fn dashboard_key(dashboard: &DashboardName) -> String {
    format!("refresh_{dashboard}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(path: &str) -> ScheduledTask {
        let runs = Runs::Sql { path: path.to_owned(), warehouse: "w".to_owned() };
        ScheduledTask { runs, needs: Vec::new(), retries: 0 }
    }

    #[test]
    fn every_difference_is_named() {
        let cron = Cron { quartz: "0 0 6 * * ?".into(), timezone: "Europe/Berlin".into(), paused: false };
        let wanted = ScheduledJob {
            name: "shop: daily (main.shop)".into(),
            schedule: Some(cron.clone()),
            tasks: [("a".to_owned(), sql("/a-1.sql")), ("b".to_owned(), sql("/b-1.sql"))].into(),
            max_concurrent_runs: 1,
            run_as: Some("0f3c".into()),
            ..ScheduledJob::default()
        };
        assert_eq!(wanted.differences(&wanted), [""; 0]);
        let there = ScheduledJob {
            name: "mine".into(),
            schedule: Some(Cron { timezone: "UTC".into(), paused: true, ..cron }),
            tasks: [
                ("a".to_owned(), ScheduledTask { needs: vec!["x".into()], retries: 2, ..sql("/a-2.sql") }),
                ("b".to_owned(), ScheduledTask { runs: Runs::Other("notebook".into()), ..sql("") }),
                ("c".to_owned(), sql("/c.sql")),
            ]
            .into(),
            timeout_seconds: 60,
            max_concurrent_runs: 3,
            on_failure: vec!["a@example.com".into()],
            ..ScheduledJob::default()
        };
        assert_eq!(
            there.differences(&wanted),
            [
                "it is named `mine`",
                "schedule `0 0 6 * * ?` (Europe/Berlin) instead of `0 0 6 * * ?` (UTC)",
                "its schedule is paused",
                "task `a` runs other SQL",
                "task `a` waits for nothing instead of x",
                "task `a` is tried again 0 times instead of 2",
                "task `b` is a notebook instead of SQL",
                "task `c` goes",
                "timeout no limit instead of 60 s",
                "1 run at a time instead of 3",
                "a failure is told to nobody instead of a@example.com",
                "it runs as 0f3c instead of whoever made it",
            ]
        );
    }
}
