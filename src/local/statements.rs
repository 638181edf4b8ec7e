//! Statements on their way: submitted, queued, running, finished, and their results for as long as they are kept.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::Clock;
use super::engine::{Engine, Output, Request, SqlError};
use super::history::History;
use super::results::{Results, TooLarge};
use super::server::WAREHOUSE_ID;
use crate::databricks::wire::{Format, HistoryQuery, QueryTag, ServiceError, StatementState, StatementStatus};

/// How many statements run at once; others wait as `PENDING`. Those that wait for another writer of their table count
/// too, so there must be enough left for readers.
const SLOTS: usize = 64;

/// How long a cancelled statement has to come to an end.
const GRACE: Duration = Duration::from_millis(500);

/// For how long the result of a finished statement can be fetched.
const KEEP_FOR: TimeDelta = TimeDelta::hours(1);

/// How many statements, and how many bytes of results, are kept at most.
const MOST_STATEMENTS: usize = 10_000;
const MOST_BYTES: usize = 256 << 20;

/// What a client asked to run.
pub(super) struct Submission {
    pub(super) request: Request,
    /// How the rows are handed out.
    pub(super) format: Format,
    pub(super) byte_limit: Option<usize>,
    pub(super) query_tags: Vec<QueryTag>,
    /// Cancels the statement if it has not ended by then.
    pub(super) cancel_after: Option<Duration>,
    /// The program that asks.
    pub(super) client: Option<String>,
}

/// Where a statement is.
#[derive(Clone, Debug)]
pub(super) enum State {
    Pending,
    Running,
    Succeeded(Arc<Results>),
    Failed { error: ServiceError, sql_state: Option<String> },
    Canceled,
    Closed,
}

impl State {
    /// The state as the API shows it.
    pub(super) fn status(&self) -> StatementStatus {
        let (state, error, sql_state) = match self {
            Self::Pending => (StatementState::Pending, None, None),
            Self::Running => (StatementState::Running, None, None),
            Self::Succeeded(_) => (StatementState::Succeeded, None, None),
            Self::Failed { error, sql_state } => (StatementState::Failed, Some(error.clone()), sql_state.clone()),
            Self::Canceled => (StatementState::Canceled, None, None),
            Self::Closed => (StatementState::Closed, None, None),
        };
        StatementStatus { state, error, sql_state }
    }

    fn is_final(&self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }

    fn failed(error_code: &str, message: String, sql_state: Option<&str>) -> Self {
        let error = ServiceError { error_code: Some(error_code.to_owned()), message };
        Self::Failed { error, sql_state: sql_state.map(str::to_owned) }
    }
}

/// A submitted statement.
pub(super) struct Statement {
    pub(super) id: String,
    cancel: CancellationToken,
    state: watch::Sender<(State, Option<DateTime<Utc>>)>,
}

impl Statement {
    pub(super) fn state(&self) -> State {
        self.state.borrow().0.clone()
    }

    /// Waits until the statement has ended, but no longer than `most`, and returns where it is then.
    pub(super) async fn wait(&self, most: Duration) -> State {
        let mut changes = self.state.subscribe();
        // Either way the state is what counts: the sender lives as long as `self`, so there is no other error.
        let _ = tokio::time::timeout(most, changes.wait_for(|(state, _)| state.is_final())).await;
        self.state()
    }

    fn is_old(&self, now: DateTime<Utc>) -> bool {
        self.state.borrow().1.is_some_and(|ended| now - ended > KEEP_FOR)
    }

    fn bytes(&self) -> usize {
        match &self.state.borrow().0 {
            State::Succeeded(results) => results.bytes,
            _ => 0,
        }
    }
}

/// All statements of the workspace.
pub(super) struct Statements {
    engine: Engine,
    history: Arc<History>,
    clock: Clock,
    user_name: String,
    slots: Semaphore,
    stop: CancellationToken,
    tasks: TaskTracker,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    by_id: HashMap<String, Arc<Statement>>,
    /// Oldest first.
    order: VecDeque<Arc<Statement>>,
    /// What the results of all of them hold.
    bytes: usize,
}

impl Statements {
    /// Statements run until `stop` is cancelled, which cancels them all.
    pub(super) fn new(
        engine: Engine,
        history: Arc<History>,
        clock: Clock,
        user_name: String,
        stop: CancellationToken,
    ) -> Self {
        let slots = Semaphore::new(SLOTS);
        let (tasks, kept) = (TaskTracker::new(), Mutex::default());
        Self { engine, history, clock, user_name, slots, stop, tasks, kept }
    }

    /// Starts a statement. It goes on whether anybody waits for it or not.
    pub(super) fn submit(self: &Arc<Self>, submission: Submission) -> Arc<Statement> {
        let statement = Arc::new(Statement {
            id: Uuid::new_v4().to_string(),
            cancel: self.stop.child_token(),
            state: watch::Sender::new((State::Pending, None)),
        });
        self.keep(Arc::clone(&statement));
        let entry = HistoryQuery {
            query_id: statement.id.clone(),
            query_text: Some(submission.request.sql.clone()),
            status: Some("QUEUED".to_owned()),
            is_final: Some(false),
            warehouse_id: Some(WAREHOUSE_ID.to_owned()),
            user_name: Some(self.user_name.clone()),
            query_start_time_ms: Some((self.clock)().timestamp_millis()),
            query_tags: (!submission.query_tags.is_empty()).then(|| submission.query_tags.clone()),
            client_application: submission.client.clone(),
            ..HistoryQuery::default()
        };
        self.history.note(entry.clone());
        let task = Arc::clone(self).run(Arc::clone(&statement), submission, entry);
        self.tasks.spawn(task);
        statement
    }

    /// The time by the workspace's clock.
    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// Returns a statement that is still kept.
    pub(super) fn get(&self, id: &str) -> Option<Arc<Statement>> {
        let mut kept = self.kept();
        let now = (self.clock)();
        kept.sweep(now);
        kept.by_id.get(id).filter(|statement| !statement.is_old(now)).cloned()
    }

    /// Returns what the history knows of a statement that is not kept any more: it ended, and its result is gone.
    pub(super) fn remembered(&self, id: &str) -> Option<State> {
        let entry = self.history.get(id)?;
        Some(match entry.status.as_deref() {
            Some("FINISHED") => State::Closed,
            Some("CANCELED") => State::Canceled,
            _ => State::failed("BAD_REQUEST", entry.error_message.unwrap_or_default(), None),
        })
    }

    /// Asks a statement to end; it may still succeed.
    pub(super) fn cancel(&self, statement: &Statement) {
        statement.cancel.cancel();
    }

    /// Cancels all that have not ended, as a warehouse does that is stopped.
    pub(super) fn cancel_all(&self) {
        self.kept().by_id.values().for_each(|statement| statement.cancel.cancel());
    }

    /// Drops a statement's result; one that still runs is cancelled.
    pub(super) fn close(&self, statement: &Statement) {
        statement.cancel.cancel();
        let mut kept = self.kept();
        if kept.by_id.contains_key(&statement.id) {
            kept.bytes -= statement.bytes();
        }
        statement.state.send_if_modified(|(state, _)| {
            let closes = matches!(state, State::Succeeded(_));
            if closes {
                *state = State::Closed;
            }
            closes
        });
    }

    /// Waits until all statements have ended, after `stop` was cancelled.
    pub(super) async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn run(self: Arc<Self>, statement: Arc<Statement>, submission: Submission, mut entry: HistoryQuery) {
        let cancel = &statement.cancel;
        let deadline = async {
            match submission.cancel_after {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
            cancel.cancel();
        };
        let running = HistoryQuery { status: Some("RUNNING".to_owned()), ..entry.clone() };
        let work = async {
            let slot = tokio::select! {
                biased;
                () = cancel.cancelled() => return (State::Canceled, "OTHER", None),
                slot = self.slots.acquire() => slot,
            };
            statement.state.send_replace((State::Running, None));
            self.history.note(running);
            // A task of its own, so that a fault in the engine fails this statement and nothing else.
            let engine = self.engine.clone();
            let (mut request, token) = (submission.request, cancel.clone());
            request.statement_id = Some(statement.id.clone());
            let mut work = tokio::spawn(async move { engine.execute(request, token).await });
            let outcome = tokio::select! {
                biased;
                outcome = &mut work => outcome,
                () = overdue(cancel) => {
                    // It ends as soon as it gives way; until then nobody waits for it.
                    work.abort();
                    return (State::Canceled, "OTHER", None);
                }
            };
            drop(slot);
            match outcome {
                Ok(outcome) => {
                    let bytes = outcome.as_ref().ok().map(|output| (output.read_bytes, output.written_bytes));
                    let (state, kind) = ended(outcome, submission.format, submission.byte_limit);
                    (state, kind, bytes)
                }
                Err(fault) => {
                    let message = format!("the statement broke the engine: {fault}");
                    (State::failed("INTERNAL_ERROR", message, None), "OTHER", None)
                }
            }
        };
        tokio::pin!(work);
        let (state, kind, bytes) = tokio::select! {
            biased;
            done = &mut work => done,
            () = deadline => work.as_mut().await,
        };
        let now = (self.clock)();
        let (status, rows, message) = match &state {
            State::Succeeded(results) => ("FINISHED", i64::try_from(results.row_count()).ok(), None),
            State::Failed { error, .. } => ("FAILED", None, Some(error.message.clone())),
            _ => ("CANCELED", None, None),
        };
        entry.status = Some(status.to_owned());
        entry.is_final = Some(true);
        entry.statement_type = Some(kind.to_owned());
        entry.rows_produced = rows;
        entry.metrics = bytes.map(|(read, written)| json!({"read_bytes": read, "write_remote_bytes": written}));
        entry.error_message = message;
        entry.execution_end_time_ms = Some(now.timestamp_millis());
        entry.query_end_time_ms = entry.execution_end_time_ms;
        entry.duration = entry.query_start_time_ms.map(|start| now.timestamp_millis() - start);
        // The history first: who sees the final state may look there at once.
        self.history.note(entry);
        let mut kept = self.kept();
        statement.state.send_replace((state, Some(now)));
        kept.bytes += statement.bytes();
        kept.sweep(now);
    }

    fn keep(&self, statement: Arc<Statement>) {
        let mut kept = self.kept();
        kept.by_id.insert(statement.id.clone(), Arc::clone(&statement));
        kept.order.push_back(statement);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Forgets what ended long ago, and the oldest of what is too much. What still runs stays. Looks no further than it
    /// must: it is called with every statement.
    fn sweep(&mut self, now: DateTime<Utc>) {
        let mut at = 0;
        while let Some(statement) = self.order.get(at) {
            let ended = statement.state.borrow().1.is_some();
            // The newest result, which somebody is about to fetch, stays: no result alone is too much.
            let too_much = self.order.len() > MOST_STATEMENTS || self.bytes > MOST_BYTES;
            if !ended {
                at += 1;
            } else if too_much || statement.is_old(now) {
                self.bytes -= statement.bytes();
                self.by_id.remove(&statement.id);
                self.order.remove(at);
            } else {
                break;
            }
        }
    }
}

/// Waits until a statement has been cancelled and yet has not ended for a while.
async fn overdue(cancel: &CancellationToken) {
    cancel.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

/// What the engine's answer makes of a statement, and the kind of statement it was.
fn ended(outcome: Result<Output, SqlError>, format: Format, byte_limit: Option<usize>) -> (State, &'static str) {
    match outcome {
        Ok(output) => {
            let kind = output.statement_type;
            let state = match Results::new(output, format, byte_limit) {
                Ok(results) => State::Succeeded(Arc::new(results)),
                Err(TooLarge) => State::failed("BAD_REQUEST", TooLarge::message(), None),
            };
            (state, kind)
        }
        Err(error) if error.condition == "OPERATION_CANCELED" => (State::Canceled, "OTHER"),
        Err(error) => (State::failed(error.error_code, error.message, Some(error.sqlstate)), "OTHER"),
    }
}
