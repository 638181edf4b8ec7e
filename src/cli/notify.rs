//! Telling how a run ended, by webhooks and by e-mail. Whether somebody could be told never changes how it ended.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::connect::Environment;
use super::error::Error;
use super::lookup;
use super::output::Output;
use crate::config::{Listener, Notify, Occasion, Project};
use crate::databricks::wire::{EmailNotifications, ExportFormat, SqlFile, SqlTask, SubmitRun, Task};
use crate::diag::sentence as sentence_of;
use crate::event::RunResult;
use crate::http::{Auth, Clock, Http, Options, Pace, Request, RetryPolicy, Service, base_address};
use crate::ids::{JobName, TableName, string_literal};
use crate::report::answer::Answer;
use crate::report::notice::{Notice, not_begun};
use crate::secret::Secret;

const SERVICE: Service = Service { name: "the webhook", credentials: "its address", refusal: |_| None };

/// Limit of one attempt, and of all: whoever waits for the run waits for this too.
const ATTEMPT: Duration = Duration::from_secs(5);
const ALL: Duration = Duration::from_secs(20);

/// How long the workspace's run that has an e-mail written may take, in seconds: its warehouse may have to be started.
const LONGEST_RUN: i64 = 1800;

/// Figures that are told of a run that succeeded.
const FIGURES: usize = 3;

/// The clock of the wall.
pub(super) struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        chrono::Utc::now()
    }
}

/// Those who are told of runs: of the environment, and of the job.
pub(super) struct Listeners(Vec<Notify>);

impl Listeners {
    pub(super) fn of(project: &Project, job: Option<&JobName>) -> Self {
        let of_job = job.and_then(|job| project.jobs.get(job)).map(|job| job.notify.as_slice()).unwrap_or_default();
        Self(project.environment.notify.iter().chain(of_job).cloned().collect())
    }

    /// Tells whether anybody wants to know that a run succeeded where the one before had not.
    pub(super) fn want_recoveries(&self) -> bool {
        self.0.iter().any(|notify| notify.when.contains(&Occasion::Recovered))
    }

    /// Tells how a run ended.
    pub(super) async fn tell(
        &self,
        notice: &Notice,
        answer: &Answer,
        recovered: bool,
        (environment, project): (&Environment, &Project),
        output: &Output,
    ) {
        let Some(result) = notice.result() else { return };
        let figures = answer.figures(FIGURES);
        for whom in self.wanting(result, recovered) {
            match whom {
                Listener::Webhook(variable) => {
                    told_webhook(variable, post(variable, &notice.message(&figures, recovered)).await, output);
                }
                Listener::Email(addresses) => {
                    let sentence = notice.sentence(&figures, recovered);
                    let good = result == RunResult::Succeeded;
                    let sent = tokio::time::timeout(ALL, mail(addresses, sentence, good, environment, project)).await;
                    let sent = sent.unwrap_or_else(|_| Err(format!("no answer within {} s", ALL.as_secs())));
                    let addresses = addresses.join(", ");
                    match sent {
                        Ok(()) => output.status(&format!("the workspace writes to {addresses}")),
                        Err(why) => output.status(&format!("warning: {addresses} could not be written to: {why}")),
                    }
                }
            }
        }
    }

    /// Tells that a run could not begin.
    pub(super) async fn tell_not_begun(&self, act: &str, project: &Project, error: &Error, output: &Output) {
        // What is wrong with the command line or the project is told to whoever wrote it.
        let Error::Refused(why) = error else { return };
        for whom in self.wanting(RunResult::Failed, false) {
            match whom {
                Listener::Webhook(variable) => {
                    let message = not_begun(act, &project.environment.name, &why.text);
                    told_webhook(variable, post(variable, &message).await, output);
                }
                Listener::Email(addresses) => output.status(&format!(
                    "warning: {} could not be written to: that is done by the workspace, in which no run began",
                    addresses.join(", ")
                )),
            }
        }
    }

    /// Returns who wants to know that a run ended so. Who listens to the environment and to the job hears it once.
    fn wanting(&self, result: RunResult, recovered: bool) -> BTreeSet<&Listener> {
        let wanting = self.0.iter().filter(|notify| is_wanted(&notify.when, result, recovered));
        wanting.map(|notify| &notify.whom).collect()
    }
}

fn told_webhook(variable: &str, told: Result<(), String>, output: &Output) {
    match told {
        Ok(()) => output.status(&format!("told the webhook of {variable}")),
        Err(why) => output.status(&format!("warning: the webhook of {variable} could not be told: {why}")),
    }
}

/// Has the workspace write an e-mail, as far as it does that: it tells how runs of its own ended, and what they are called. So a
/// run is begun there that ends as ours did, with our sentence for its name, and its end is told to these addresses.
async fn mail(
    addresses: &[String],
    sentence: String,
    good: bool,
    environment: &Environment,
    project: &Project,
) -> Result<(), String> {
    let databricks = &environment.connected.databricks;
    let folder = &project.environment.job_folder;
    let (file, sql) = match good {
        true => ("kiln-run-succeeded.sql", "SELECT 'A run of kiln succeeded: see the name of this run.';\n"),
        false => {
            ("kiln-run-failed.sql", "SELECT raise_error('A run of kiln did not succeed: see the name of this run.');\n")
        }
    };
    let path = format!("{}/{file}", folder.trim_end_matches('/'));
    let explain = |error: crate::http::Error| format!("{error}; {}", sentence_of(&error.help()));
    databricks.workspace().mkdirs(folder).await.map_err(explain)?;
    databricks.workspace().import(&path, sql.as_bytes(), ExportFormat::Auto).await.map_err(explain)?;
    let (on_success, on_failure) = match good {
        true => (addresses.to_vec(), Vec::new()),
        false => (Vec::new(), addresses.to_vec()),
    };
    let run = SubmitRun {
        run_name: sentence,
        tasks: vec![Task {
            task_key: "told".to_owned(),
            sql_task: Some(SqlTask {
                warehouse_id: environment.connected.warehouse.to_string(),
                file: Some(SqlFile { path, source: Some("WORKSPACE".to_owned()) }),
                ..SqlTask::default()
            }),
            ..Task::default()
        }],
        email_notifications: Some(EmailNotifications { on_failure, on_success, ..EmailNotifications::default() }),
        idempotency_token: Some(uuid::Uuid::new_v4().simple().to_string()),
        timeout_seconds: Some(LONGEST_RUN),
    };
    databricks.jobs().submit(&run).await.map(drop).map_err(explain)
}

fn is_wanted(when: &BTreeSet<Occasion>, result: RunResult, recovered: bool) -> bool {
    let occasion = match result {
        RunResult::Succeeded if recovered => Some(Occasion::Recovered),
        // Whoever interrupts a run knows of it.
        RunResult::Succeeded | RunResult::Interrupted => None,
        RunResult::Stale => Some(Occasion::Stale),
        RunResult::TestsFailed | RunResult::Failed | RunResult::Unreachable => Some(Occasion::Failure),
    };
    when.contains(&Occasion::Always) || occasion.is_some_and(|occasion| when.contains(&occasion))
}

/// Sends a message to the webhook whose address a variable holds; the error repeats nothing of the address but its host.
async fn post(variable: &str, message: &Value) -> Result<(), String> {
    let address = lookup::env(variable).ok_or_else(|| "the variable is not set".to_owned())?;
    let no_address = || "the variable holds no address, as in https://hooks.slack.com/services/…".to_owned();
    let base = base_address(&address).map_err(|error| match error {
        // What is malformed may be all of a secret.
        crate::http::AddressError::Malformed(_) => no_address(),
        crate::http::AddressError::ClearText(_) => {
            "its address begins with `http`, and would be sent in clear text".into()
        }
        error @ crate::http::AddressError::Credentials => error.to_string(),
    })?;
    let url = Url::parse(address.trim()).map_err(|_| no_address())?;
    let options = Options {
        retry: RetryPolicy { max_attempts: 4, budget: ALL, ..RetryPolicy::default() },
        attempt_timeout: ATTEMPT,
        connect_timeout: ATTEMPT,
        max_answer: 64 << 10,
        pace: Arc::new(Pace::unlimited()),
        ..Options::new(Arc::new(WallClock))
    };
    let http = Http::new(&SERVICE, base, Auth::None, options).map_err(|error| error.to_string())?;
    // A message that comes twice does less harm than one that does not come.
    let mut request = Request::post(url.path()).shown_as("/…").idempotent().json(message);
    request = request.secret(Secret::new(url.path())).secret(Secret::new(&address));
    // Some services say which part of it they do not know.
    for segment in url.path_segments().into_iter().flatten() {
        request = request.secret(Secret::new(segment));
    }
    if let Some(query) = url.query() {
        request = request.raw_query(query).secret(Secret::new(query));
    }
    http.bytes(request).await.map(drop).map_err(|error| format!("{error}; {}", sentence_of(&error.help())))
}

/// Finds out whether the last run that did the same had not succeeded. Asked before the new one is in the history.
pub(super) async fn failed_before(
    history: &TableName,
    act: &str,
    project: &Project,
    environment: &Environment,
) -> bool {
    let sql = format!(
        "SELECT run_result FROM {} WHERE project = {} AND environment = {} AND act = {} AND run_result <> 'running' \
         ORDER BY ended_at DESC LIMIT 1",
        history.to_sql(),
        string_literal(&project.name),
        string_literal(&project.environment.name),
        string_literal(act)
    );
    match environment.rows(sql).await {
        Ok(rows) => rows.into_iter().flatten().flatten().next().is_some_and(|result| result != "succeeded"),
        Err(error) => {
            tracing::debug!(%error, "nobody knows how the run before ended");
            false
        }
    }
}
