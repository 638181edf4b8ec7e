//! Jobs: settings, tasks, runs, and the bodies of their calls (`/api/2.2/jobs`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::http::open_enum;

/// What a job is. Fields that are not known here are kept, so that they survive when the job is written again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobSettings {
    /// Its name, at most 4096 bytes; not unique.
    #[serde(default)]
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// At most 25.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// At most 1000. Lists of jobs leave them out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// When it runs by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<CronSchedule>,
    /// Runs at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent_runs: Option<i64>,
    /// 0: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<i64>,
    /// Who is written to, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_notifications: Option<EmailNotifications>,
    /// Whose rights it runs with; a write without it keeps whoever it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_as: Option<RunAs>,
    /// All else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A task of a job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Unique in the job.
    pub task_key: String,
    /// Tasks that have to succeed before it begins. Answers sort them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<TaskDependency>,
    /// When it begins; `ALL_SUCCESS` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_if: Option<String>,
    /// SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql_task: Option<SqlTask>,
    /// A dashboard that is refreshed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dashboard_task: Option<DashboardTask>,
    /// How often it is tried again; -1: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<i64>,
    /// 0: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<i64>,
    /// All else, other kinds of tasks among it.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A task that another waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskDependency {
    /// Its key.
    pub task_key: String,
    /// Of condition tasks: `true` or `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

/// A task that runs SQL on a warehouse.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SqlTask {
    /// The warehouse; it must be a pro or a serverless one.
    pub warehouse_id: String,
    /// A file, which may hold several statements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<SqlFile>,
    /// All else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A file of SQL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlFile {
    /// Absolute for `WORKSPACE`, else in the repository.
    pub path: String,
    /// `WORKSPACE` or `GIT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A task that refreshes a published dashboard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DashboardTask {
    /// The dashboard.
    pub dashboard_id: String,
    /// The warehouse; the dashboard's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse_id: Option<String>,
    /// All else: subscriptions, filters.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// When a job runs by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CronSchedule {
    /// Six or seven fields, seconds first.
    pub quartz_cron_expression: String,
    /// A name such as `Europe/Berlin`.
    pub timezone_id: String,
    /// Whether it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_status: Option<PauseStatus>,
}

open_enum! {
    /// `pause_status`.
    pub enum PauseStatus {
        /// It does not run by itself.
        Paused = "PAUSED",
        /// It runs.
        Unpaused = "UNPAUSED",
    }
}

/// Who is written to, and when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EmailNotifications {
    /// Addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_failure: Vec<String>,
    /// Addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_success: Vec<String>,
    /// All else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Whose rights a job runs with: one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAs {
    /// A user's e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// A service principal's application id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_principal_name: Option<String>,
}

/// A job, as `get` and `list` answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// 64 bits.
    pub job_id: i64,
    /// What it is.
    #[serde(default)]
    pub settings: JobSettings,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator_user_name: Option<String>,
    /// Whose rights it runs with, whether or not its settings say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_as_user_name: Option<String>,
    /// Milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_time: Option<i64>,
    /// Of `get`: asks for the tasks after the first 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// A page of `GET /api/2.2/jobs/list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobList {
    /// The jobs, without their tasks.
    #[serde(default)]
    pub jobs: Vec<Job>,
    /// Asks for the next page; absent or empty on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Answer of `POST /api/2.2/jobs/create`, and body of `POST /api/2.2/jobs/delete`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRef {
    /// The job.
    pub job_id: i64,
}

/// Body of `POST /api/2.2/jobs/reset`, which replaces all settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResetJob {
    /// The job.
    pub job_id: i64,
    /// What it shall be.
    pub new_settings: JobSettings,
}

/// Body of `POST /api/2.2/jobs/run-now`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNow {
    /// The job.
    pub job_id: i64,
    /// The same token again gives the run that it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_token: Option<String>,
}

/// Body of `POST /api/2.2/jobs/runs/submit`: a run that belongs to no job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SubmitRun {
    /// What it is called.
    #[serde(default)]
    pub run_name: String,
    /// What it does.
    #[serde(default)]
    pub tasks: Vec<Task>,
    /// Who is written to, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_notifications: Option<EmailNotifications>,
    /// The same token again gives the run that it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_token: Option<String>,
    /// 0: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<i64>,
}

/// Answer of `POST /api/2.2/jobs/run-now` and of `POST /api/2.2/jobs/runs/submit`, and body of `POST /api/2.2/jobs/runs/cancel`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRef {
    /// The run.
    pub run_id: i64,
}

/// A run of a job, or of one of its tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobRun {
    /// 64 bits.
    pub run_id: i64,
    /// The job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<i64>,
    /// What it is called: as its job, or as whoever began it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_name: Option<String>,
    /// Of a task's run: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_key: Option<String>,
    /// Where it is, in the newer form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<RunStatus>,
    /// Where it is, in the older form, which some services send alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<RunState>,
    /// Milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<i64>,
    /// Milliseconds since 1970; 0 while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<i64>,
    /// Its address for a browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_page_url: Option<String>,
    /// The runs of its tasks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<JobRun>,
}

impl JobRun {
    /// Tells whether the run succeeded, and why not; none while it is under way. Both forms of its state are read.
    pub fn outcome(&self) -> Option<(bool, String)> {
        if let Some(status) = &self.status {
            let end = status.termination_details.as_ref()?;
            let words = end.message.as_deref().filter(|message| !message.is_empty()).unwrap_or(&end.code);
            return Some((end.code == "SUCCESS", words.to_owned()));
        }
        let state = self.state.as_ref()?;
        if !matches!(state.life_cycle_state.as_str(), "TERMINATED" | "SKIPPED" | "INTERNAL_ERROR") {
            return None;
        }
        let result = state.result_state.as_deref().unwrap_or(&state.life_cycle_state);
        let words = state.state_message.as_deref().filter(|message| !message.is_empty()).unwrap_or(result);
        Some((result == "SUCCESS", words.to_owned()))
    }
}

/// `status` of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStatus {
    /// `PENDING`, `RUNNING`, `TERMINATED` and so on.
    pub state: String,
    /// Once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination_details: Option<Termination>,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Termination {
    /// `SUCCESS`, `RUN_EXECUTION_ERROR`, `CANCELED` and so on.
    pub code: String,
    /// `SUCCESS`, `CLIENT_ERROR` and so on.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// `state` of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunState {
    /// `PENDING`, `RUNNING`, `TERMINATED`, `SKIPPED`, `INTERNAL_ERROR` and so on.
    pub life_cycle_state: String,
    /// `SUCCESS`, `FAILED`, `CANCELED` and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_state: Option<String>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_message: Option<String>,
}

/// A page of `GET /api/2.2/jobs/runs/list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobRunList {
    /// The runs, the newest first, without their tasks.
    #[serde(default)]
    pub runs: Vec<JobRun>,
    /// Asks for the next page; absent or empty on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databricks::wire::testing::round_trip;

    #[test]
    fn a_job_keeps_what_is_not_known_here() {
        let json = r#"{"job_id":11223344556677,"creator_user_name":"a@example.com","run_as_user_name":"0f3c","created_time":1764000000000,
            "settings":{"name":"retention","tags":{"team":"data"},"max_concurrent_runs":1,"timeout_seconds":0,
              "email_notifications":{"on_failure":["a@example.com"],"no_alert_for_skipped_runs":true},
              "schedule":{"quartz_cron_expression":"0 0 6 * * ?","timezone_id":"Europe/Berlin","pause_status":"UNPAUSED"},
              "tasks":[{"task_key":"a","run_if":"ALL_SUCCESS","sql_task":{"warehouse_id":"w",
                  "file":{"path":"/Shared/a.sql","source":"WORKSPACE"}},"timeout_seconds":0,"health":{"rules":[]}},
                {"task_key":"b","depends_on":[{"task_key":"a"}],"dashboard_task":{"dashboard_id":"01ef",
                  "subscription":{"subscribers":[{"user_name":"a@example.com"}]}}},
                {"task_key":"c","notebook_task":{"notebook_path":"/n"}}],
              "run_as":{"service_principal_name":"0f3c"},"format":"MULTI_TASK","queue":{"enabled":true}}}"#;
        let job: Job = round_trip(json);
        assert_eq!(job.settings.other["format"], "MULTI_TASK");
        assert_eq!(job.settings.tasks[2].other["notebook_task"]["notebook_path"], "/n");
    }

    #[test]
    fn runs_are_read_in_both_forms() {
        let json = r#"{"run_id":1,"job_id":2,"status":{"state":"TERMINATED","termination_details":{"code":"RUN_EXECUTION_ERROR",
            "type":"CLIENT_ERROR","message":"Task a failed"}},"state":{"life_cycle_state":"TERMINATED","result_state":"FAILED",
            "state_message":"Task a failed"},"start_time":1,"end_time":2,"run_page_url":"https://x/#job/2/run/1",
            "tasks":[{"run_id":3,"task_key":"a","state":{"life_cycle_state":"TERMINATED","result_state":"FAILED"}}]}"#;
        let run: JobRun = round_trip(json);
        assert_eq!(run.outcome(), Some((false, "Task a failed".to_owned())));
        let older = JobRun { status: None, ..run.clone() };
        assert_eq!(older.outcome(), Some((false, "Task a failed".to_owned())));
        let state = RunState { life_cycle_state: "RUNNING".to_owned(), ..RunState::default() };
        assert_eq!(JobRun { state: Some(state), status: None, ..run }.outcome(), None);
        round_trip::<JobList>(r#"{"jobs":[{"job_id":1,"settings":{"name":"a"}}],"next_page_token":"x"}"#);
        round_trip::<ResetJob>(r#"{"job_id":1,"new_settings":{"name":"a"}}"#);
        round_trip::<RunNow>(r#"{"job_id":1,"idempotency_token":"t"}"#);
        round_trip::<SubmitRun>(
            r#"{"run_name":"it failed","tasks":[{"task_key":"told","sql_task":{"warehouse_id":"w","file":{"path":"/a.sql",
            "source":"WORKSPACE"}}}],"email_notifications":{"on_failure":["a@example.com"]},"idempotency_token":"t",
            "timeout_seconds":600}"#,
        );
    }
}
