//! Jobs: kept as documents, and run when somebody asks for it. No schedule begins a run here.
//!
//! What a run did is remembered for as long as the server lives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Clock;
use super::engine::Request;
use super::error::ApiError;
use super::server::{App, WAREHOUSE_ID};
use super::statements::{State as Progress, Submission};
use super::store::{Store, StoreError};
use crate::databricks::wire::{
    EmailNotifications, Format, Job, JobRun, JobSettings, RunState, RunStatus, SubmitRun, Task, Termination,
};
use crate::dialect;

/// The document that lists the jobs.
const DOCUMENT: &str = "jobs.json";

/// The most tasks of a job, as the service says.
const MOST_TASKS: usize = 1000;

/// The longest token by which a run is known again.
const LONGEST_TOKEN: usize = 64;

/// So many runs are remembered.
const MOST_RUNS: usize = 1000;

/// Longer than any statement may run.
const FOR_EVER: Duration = Duration::from_secs(7 * 24 * 3600);

/// All jobs of the workspace.
pub(super) struct Jobs {
    store: Arc<Store>,
    clock: Clock,
    user_name: String,
    stop: CancellationToken,
    tasks: TaskTracker,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    jobs: BTreeMap<i64, Job>,
    /// The oldest first.
    runs: Vec<Run>,
}

/// A run that is under way or over.
struct Run {
    shown: JobRun,
    token: Option<String>,
    cancel: CancellationToken,
}

#[derive(Default, Serialize, Deserialize)]
struct Document {
    jobs: Vec<Job>,
}

/// How a task ended.
enum Ended {
    Succeeded,
    Failed(String),
    Cancelled,
    /// One that it needs did not succeed.
    Excluded,
}

impl Jobs {
    /// Reads the jobs. Runs go on until `stop` is cancelled.
    pub(super) fn open(
        store: Arc<Store>,
        clock: Clock,
        user_name: String,
        stop: CancellationToken,
    ) -> Result<Self, StoreError> {
        let document: Document = store.read(DOCUMENT)?.unwrap_or_default();
        let jobs = document.jobs.into_iter().map(|job| (job.job_id, job)).collect();
        let state = Mutex::new(State { jobs, runs: Vec::new() });
        Ok(Self { store, clock, user_name, stop, tasks: TaskTracker::new(), state })
    }

    /// Returns all jobs, or those of a name, the newest first, in full.
    pub(super) fn list(&self, name: Option<&str>) -> Vec<Job> {
        let fits = |job: &&Job| name.is_none_or(|name| job.settings.name.eq_ignore_ascii_case(name));
        let mut jobs: Vec<Job> = self.lock().jobs.values().filter(fits).map(as_answered).collect();
        jobs.sort_by_key(|job| std::cmp::Reverse((job.created_time, job.job_id)));
        jobs
    }

    pub(super) fn get(&self, id: i64) -> Result<Job, ApiError> {
        self.lock().jobs.get(&id).map(as_answered).ok_or_else(|| missing(id))
    }

    pub(super) fn create(&self, settings: JobSettings) -> Result<i64, ApiError> {
        let settings = checked(settings)?;
        let id = rand::rng().random_range(100_000_000_000_000..1_000_000_000_000_000);
        let job = Job {
            job_id: id,
            settings,
            creator_user_name: Some(self.user_name.clone()),
            run_as_user_name: None,
            created_time: Some((self.clock)().timestamp_millis()),
            next_page_token: None,
        };
        self.change(|jobs| {
            jobs.insert(id, job);
            Ok(id)
        })
    }

    /// Replaces all settings, but for whose rights the job runs with, where that is left out.
    pub(super) fn reset(&self, id: i64, settings: JobSettings) -> Result<(), ApiError> {
        let settings = checked(settings)?;
        self.change(|jobs| {
            let job = jobs.get_mut(&id).ok_or_else(|| missing(id))?;
            let run_as = settings.run_as.clone().or(job.settings.run_as.take());
            job.settings = JobSettings { run_as, ..settings };
            Ok(())
        })
    }

    pub(super) fn delete(&self, id: i64) -> Result<(), ApiError> {
        self.change(|jobs| jobs.remove(&id).map(drop).ok_or_else(|| missing(id)))
    }

    /// Begins a run; the same token again gives the run that it began.
    pub(super) fn run_now(&self, app: &Arc<App>, id: i64, token: Option<String>) -> Result<i64, ApiError> {
        let settings = self.get(id)?.settings;
        Ok(self.begin(app, Some(id), settings, token))
    }

    /// Begins a run that belongs to no job; the same token again gives the run that it began. Nobody is written to.
    pub(super) fn submit(&self, app: &Arc<App>, run: SubmitRun) -> Result<i64, ApiError> {
        if run.tasks.is_empty() {
            return Err(ApiError::invalid("a run needs at least one task"));
        }
        if run.idempotency_token.as_ref().is_some_and(|token| token.len() > LONGEST_TOKEN) {
            return Err(ApiError::invalid(format!("idempotency_token has at most {LONGEST_TOKEN} characters")));
        }
        let settings = checked(JobSettings {
            name: run.run_name,
            tasks: run.tasks,
            timeout_seconds: run.timeout_seconds,
            email_notifications: run.email_notifications,
            ..JobSettings::default()
        })?;
        Ok(self.begin(app, None, settings, run.idempotency_token))
    }

    fn begin(&self, app: &Arc<App>, job: Option<i64>, settings: JobSettings, token: Option<String>) -> i64 {
        let mut state = self.lock();
        if let Some(run) = state.runs.iter().find(|run| token.is_some() && run.token == token) {
            return run.shown.run_id;
        }
        let is_active = |run: &&Run| job.is_some() && run.shown.job_id == job && !is_over(&run.shown);
        let active = state.runs.iter().filter(is_active).count();
        let most = usize::try_from(settings.max_concurrent_runs.unwrap_or(1)).unwrap_or(0);
        let run_id = rand::rng().random_range(100_000_000_000_000..1_000_000_000_000_000);
        let now = (self.clock)().timestamp_millis();
        let task = |(number, task): (i64, &Task)| {
            let pending = shown(run_id + number, "PENDING", None, String::new());
            JobRun { task_key: Some(task.task_key.clone()), ..pending }
        };
        let mut run = JobRun {
            job_id: job,
            run_name: Some(settings.name.clone()),
            start_time: Some(now),
            run_page_url: Some(match job {
                Some(id) => format!("http://{}/#job/{id}/run/{run_id}", app.address),
                None => format!("http://{}/#job/run/{run_id}", app.address),
            }),
            tasks: (1..).zip(&settings.tasks).map(task).collect(),
            ..shown(run_id, "RUNNING", None, String::new())
        };
        let cancel = self.stop.child_token();
        let skipped = job.is_some() && active >= most;
        if skipped {
            let message = "another run of the job is active".to_owned();
            let ended = shown(run_id, "SKIPPED", Some("MAX_CONCURRENT_RUNS_EXCEEDED"), message);
            (run.status, run.state, run.end_time) = (ended.status, ended.state, Some(now));
        }
        state.runs.push(Run { shown: run, token, cancel: cancel.clone() });
        let surplus = state.runs.len().saturating_sub(MOST_RUNS);
        state.runs.drain(..surplus);
        drop(state);
        if !skipped {
            let app = Arc::clone(app);
            self.tasks.spawn(async move { carry_out(&app, run_id, settings, cancel).await });
        }
        run_id
    }

    pub(super) fn run(&self, id: i64) -> Result<JobRun, ApiError> {
        let state = self.lock();
        let run = state.runs.iter().find(|run| run.shown.run_id == id);
        run.map(|run| run.shown.clone()).ok_or_else(|| no_run(id))
    }

    /// Returns the runs, of all jobs or of one, the newest first.
    pub(super) fn runs(&self, job: Option<i64>) -> Vec<JobRun> {
        let state = self.lock();
        let fits = |run: &&Run| job.is_none() || run.shown.job_id == job;
        state.runs.iter().rev().filter(fits).map(|run| run.shown.clone()).collect()
    }

    pub(super) fn cancel(&self, id: i64) -> Result<(), ApiError> {
        let state = self.lock();
        let run = state.runs.iter().find(|run| run.shown.run_id == id).ok_or_else(|| no_run(id))?;
        run.cancel.cancel();
        Ok(())
    }

    /// Waits until all runs have ended, after `stop` was cancelled.
    pub(super) async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<i64, Job>) -> Result<T, ApiError>) -> Result<T, ApiError> {
        let mut state = self.lock();
        let mut jobs = state.jobs.clone();
        let done = change(&mut jobs)?;
        self.store.write(DOCUMENT, &Document { jobs: jobs.values().cloned().collect() })?;
        state.jobs = jobs;
        Ok(done)
    }

    fn show(&self, run: i64, change: impl FnOnce(&mut JobRun)) {
        if let Some(run) = self.lock().runs.iter_mut().find(|other| other.shown.run_id == run) {
            change(&mut run.shown);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks settings as the service does, and adds what it adds.
fn checked(mut settings: JobSettings) -> Result<JobSettings, ApiError> {
    if settings.tasks.len() > MOST_TASKS {
        return Err(ApiError::invalid(format!("a job has at most {MOST_TASKS} tasks")));
    }
    if let Some(schedule) = &settings.schedule
        && !(6..=7).contains(&schedule.quartz_cron_expression.split_whitespace().count())
    {
        let cron = &schedule.quartz_cron_expression;
        return Err(ApiError::invalid(format!("Invalid quartz_cron_expression: '{cron}'")));
    }
    let keys: BTreeSet<String> = settings.tasks.iter().map(|task| task.task_key.clone()).collect();
    if keys.len() < settings.tasks.len() {
        return Err(ApiError::invalid("task keys must be unique in a job"));
    }
    for task in &mut settings.tasks {
        let key = &task.task_key;
        if key.is_empty()
            || !key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            || key.len() > 100
        {
            return Err(ApiError::invalid(format!("'{key}' is not a task key")));
        }
        if let Some(unknown) = task.depends_on.iter().find(|other| !keys.contains(&other.task_key)) {
            return Err(ApiError::invalid(format!("task {key} depends on {}, which does not exist", unknown.task_key)));
        }
        if let Some(sql) = &task.sql_task
            && sql.warehouse_id != WAREHOUSE_ID
        {
            return Err(ApiError::invalid(format!("task {key}: there is no SQL warehouse {}", sql.warehouse_id)));
        }
        task.depends_on.sort_by(|a, b| a.task_key.cmp(&b.task_key));
        task.run_if.get_or_insert_with(|| "ALL_SUCCESS".to_owned());
        task.timeout_seconds.get_or_insert(0);
    }
    if has_cycle(&settings.tasks) {
        return Err(ApiError::invalid("the tasks depend on each other in a circle"));
    }
    if settings.name.is_empty() {
        settings.name = "Untitled".to_owned();
    }
    settings.max_concurrent_runs.get_or_insert(1);
    settings.timeout_seconds.get_or_insert(0);
    settings.email_notifications.get_or_insert_with(EmailNotifications::default);
    settings.other.insert("format".to_owned(), "MULTI_TASK".into());
    settings.other.entry("webhook_notifications").or_insert_with(|| serde_json::json!({}));
    Ok(settings)
}

fn has_cycle(tasks: &[Task]) -> bool {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    loop {
        let before = done.len();
        let ready = |task: &&Task| task.depends_on.iter().all(|other| done.contains(other.task_key.as_str()));
        let more: Vec<&str> = tasks.iter().filter(ready).map(|task| task.task_key.as_str()).collect();
        done.extend(more);
        if done.len() == before {
            return done.len() < tasks.len();
        }
    }
}

/// Runs all tasks, each when those that it needs have succeeded.
async fn carry_out(app: &Arc<App>, run: i64, settings: JobSettings, cancel: CancellationToken) {
    let limit = settings.timeout_seconds.and_then(|seconds| u64::try_from(seconds).ok()).filter(|limit| *limit > 0);
    let mut waiting = settings.tasks;
    let mut ended: BTreeMap<String, Ended> = BTreeMap::new();
    let mut running: JoinSet<(String, Ended)> = JoinSet::new();
    let overdue = tokio::time::sleep(limit.map_or(FOR_EVER, Duration::from_secs));
    tokio::pin!(overdue);
    loop {
        let succeeded = |task: &Task| {
            task.depends_on.iter().all(|other| matches!(ended.get(&other.task_key), Some(Ended::Succeeded)))
        };
        let blocked = |task: &Task| {
            task.depends_on
                .iter()
                .any(|other| ended.get(&other.task_key).is_some_and(|e| !matches!(e, Ended::Succeeded)))
        };
        let (ready, rest): (Vec<Task>, Vec<Task>) =
            waiting.into_iter().partition(|task| succeeded(task) || blocked(task));
        waiting = rest;
        let mut excluded = Vec::new();
        for task in ready {
            if !succeeded(&task) {
                excluded.push(task.task_key);
            } else {
                note(app, run, &task.task_key, None);
                let (app, cancel) = (Arc::clone(app), cancel.clone());
                running.spawn(async move { (task.task_key.clone(), try_task(&app, &task, &cancel).await) });
            }
        }
        if !excluded.is_empty() {
            for key in excluded {
                note(app, run, &key, Some(&Ended::Excluded));
                ended.insert(key, Ended::Excluded);
            }
            continue;
        }
        let joined = tokio::select! {
            joined = running.join_next() => joined,
            () = &mut overdue, if !cancel.is_cancelled() => {
                cancel.cancel();
                continue;
            }
        };
        match joined {
            Some(Ok((key, how))) => {
                note(app, run, &key, Some(&how));
                ended.insert(key, how);
            }
            // A task that broke down has no key; the run fails at the end, for the task never succeeded.
            Some(Err(_)) => {}
            None => break,
        }
    }
    let failure = ended.iter().find_map(|(key, how)| match how {
        Ended::Failed(message) => Some(format!("Task {key} failed with message: {message}")),
        _ => None,
    });
    let how = match failure {
        Some(message) => Ended::Failed(message),
        None if cancel.is_cancelled() => Ended::Cancelled,
        None if ended.values().all(|how| matches!(how, Ended::Succeeded)) && waiting.is_empty() => Ended::Succeeded,
        None => Ended::Failed("a task did not come to its end".to_owned()),
    };
    let now = (app.clock)().timestamp_millis();
    app.jobs.show(run, |shown| {
        set(shown, Some(&how));
        shown.end_time = Some(now);
    });
}

/// Notes where a task is: begun, or ended.
fn note(app: &App, run: i64, key: &str, how: Option<&Ended>) {
    let now = (app.clock)().timestamp_millis();
    app.jobs.show(run, |run| {
        if let Some(task) = run.tasks.iter_mut().find(|task| task.task_key.as_deref() == Some(key)) {
            set(task, how);
            if how.is_none() {
                task.start_time = Some(now);
            }
            task.end_time = Some(if how.is_none() { 0 } else { now });
        }
    });
}

async fn try_task(app: &Arc<App>, task: &Task, cancel: &CancellationToken) -> Ended {
    let most = task.max_retries.unwrap_or(0);
    let mut tries = 0;
    loop {
        let ended = match (&task.sql_task, &task.dashboard_task) {
            _ if cancel.is_cancelled() => return Ended::Cancelled,
            (Some(sql), _) => match &sql.file {
                Some(file) => run_file(app, &file.path, cancel).await,
                None => Ended::Failed("the local workspace runs SQL of files only".to_owned()),
            },
            (None, Some(dashboard)) => match app.workspace.published_dashboard(&dashboard.dashboard_id) {
                Ok(_) => Ended::Succeeded,
                Err(error) => Ended::Failed(format!("dashboard {}: {error}", dashboard.dashboard_id)),
            },
            (None, None) => Ended::Failed(
                "the local workspace runs SQL files and refreshes dashboards, and no other tasks".to_owned(),
            ),
        };
        tries += 1;
        if !matches!(ended, Ended::Failed(_)) || (most >= 0 && tries > most) {
            return ended;
        }
    }
}

/// Runs the statements of a file one after the other, in one session.
async fn run_file(app: &Arc<App>, path: &str, cancel: &CancellationToken) -> Ended {
    let text = match app.workspace.export(path).map(|(bytes, _)| String::from_utf8(bytes)) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => return Ended::Failed(format!("{path} is not UTF-8")),
        Err(error) => return Ended::Failed(error.to_string()),
    };
    let (mut catalog, mut schema) = (None, None);
    for sql in dialect::statements(&text) {
        match used(sql) {
            Some(Used::Catalog(name)) => catalog = Some(name),
            Some(Used::Schema(name)) => schema = Some(name),
            None => {
                let request = Request {
                    sql: sql.to_owned(),
                    catalog: catalog.clone(),
                    schema: schema.clone(),
                    ..Request::default()
                };
                match run_statement(app, request, cancel).await {
                    Ended::Succeeded => {}
                    other => return other,
                }
            }
        }
    }
    Ended::Succeeded
}

async fn run_statement(app: &Arc<App>, request: Request, cancel: &CancellationToken) -> Ended {
    let statement = app.statements.submit(Submission {
        request,
        format: Format::JsonArray,
        byte_limit: None,
        query_tags: Vec::new(),
        cancel_after: None,
        client: Some("Databricks Jobs".to_owned()),
    });
    let ended = tokio::select! {
        ended = statement.wait(FOR_EVER) => ended,
        () = cancel.cancelled() => {
            app.statements.cancel(&statement);
            statement.wait(FOR_EVER).await
        }
    };
    match ended {
        Progress::Succeeded(_) => Ended::Succeeded,
        Progress::Failed { error, .. } => Ended::Failed(error.message),
        Progress::Pending | Progress::Running | Progress::Canceled | Progress::Closed => Ended::Cancelled,
    }
}

/// What a session looks names up in from now on.
enum Used {
    Catalog(String),
    Schema(String),
}

/// Reads `USE CATALOG name` and `USE SCHEMA name`.
fn used(sql: &str) -> Option<Used> {
    let words = dialect::essence(sql);
    let mut words = words.splitn(3, ' ');
    let (verb, kind, name) = (words.next()?, words.next()?, words.next()?);
    if !verb.eq_ignore_ascii_case("USE") {
        return None;
    }
    let name = name.trim().trim_matches('`').replace("``", "`");
    match kind.to_ascii_uppercase().as_str() {
        "CATALOG" => Some(Used::Catalog(name)),
        "SCHEMA" | "DATABASE" => Some(Used::Schema(name)),
        _ => None,
    }
}

fn set(run: &mut JobRun, how: Option<&Ended>) {
    let ended = match how {
        None => shown(run.run_id, "RUNNING", None, String::new()),
        Some(Ended::Succeeded) => shown(run.run_id, "TERMINATED", Some("SUCCESS"), String::new()),
        Some(Ended::Failed(message)) => shown(run.run_id, "TERMINATED", Some("RUN_EXECUTION_ERROR"), message.clone()),
        Some(Ended::Cancelled) => shown(run.run_id, "TERMINATED", Some("CANCELED"), "the run was cancelled".to_owned()),
        Some(Ended::Excluded) => {
            shown(run.run_id, "SKIPPED", Some("SKIPPED"), "a task that it needs did not succeed".to_owned())
        }
    };
    (run.status, run.state) = (ended.status, ended.state);
}

/// Writes where a run is in both forms.
fn shown(run_id: i64, state: &str, code: Option<&str>, message: String) -> JobRun {
    let result_state = code.map(|code| match code {
        "SUCCESS" => "SUCCESS",
        "CANCELED" => "CANCELED",
        "SKIPPED" => "UPSTREAM_FAILED",
        "MAX_CONCURRENT_RUNS_EXCEEDED" => "MAXIMUM_CONCURRENT_RUNS_REACHED",
        _ => "FAILED",
    });
    let termination_details = code.map(|code| Termination {
        code: code.to_owned(),
        kind: Some(if code == "SUCCESS" { "SUCCESS" } else { "CLIENT_ERROR" }.to_owned()),
        message: Some(message.clone()),
    });
    let new_state = if state == "SKIPPED" { "TERMINATED" } else { state };
    JobRun {
        run_id,
        status: Some(RunStatus { state: new_state.to_owned(), termination_details }),
        state: Some(RunState {
            life_cycle_state: state.to_owned(),
            result_state: result_state.map(str::to_owned),
            state_message: Some(message),
        }),
        ..JobRun::default()
    }
}

fn is_over(run: &JobRun) -> bool {
    run.status.as_ref().is_some_and(|status| status.termination_details.is_some())
}

/// Returns a job as answers show it: with whose rights it runs.
fn as_answered(job: &Job) -> Job {
    let run_as = job.settings.run_as.clone().and_then(|run_as| run_as.service_principal_name.or(run_as.user_name));
    Job { run_as_user_name: run_as.or_else(|| job.creator_user_name.clone()), ..job.clone() }
}

/// The service says 400 for a job that is not there.
fn missing(id: i64) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", format!("Job {id} does not exist."))
}

fn no_run(id: i64) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", format!("Run {id} does not exist."))
}
