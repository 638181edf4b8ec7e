//! SQL statements, and the one place where they are awaited.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::error::Error;
use super::failure::StatementError;
use super::history;
use super::wire::{
    Disposition, Empty, Format, HistoryQuery, Manifest, OnWaitTimeout, Parameter, QueryTag, ResultData,
    StatementRequest, StatementResponse, StatementState,
};
use crate::http::{self, Class, Http, Request};
use crate::ids::{StatementId, WarehouseId};

const PATH: &str = "/api/2.0/sql/statements";

/// Key of the tag by which one attempt at a statement is found again in the query history.
const MARK: &str = "kiln_attempt";

/// Pauses between polls begin here, for statements of a laptop, …
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// … and grow to this, for statements of hours. A poll at least every 15 minutes keeps a statement alive.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// Polls a second of all statements that are awaited together, so that other requests find their way past them.
const POLLS_PER_SECOND: u32 = 20;

/// So long an outage is sat out while a statement is awaited: it goes on meanwhile, and what it does is not to be done twice.
const OUTAGE: Duration = Duration::from_secs(30 * 60);

/// The longest that a statement may take which reads and writes next to no rows, with the warehouse's start and its queue: such
/// a one ends in seconds, and one that has not after this has hung, or nobody would go on to wait for it.
pub const BRIEF: Duration = Duration::from_secs(30 * 60);

/// How long an interrupted call goes on to learn what became of its statement.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// How often a statement is sent whose answers get lost, and that the query history does not know.
const MAX_SENDS: u32 = 3;

/// The query history shows a statement at the latest after this, it is believed.
const HISTORY_LAG: TimeDelta = TimeDelta::seconds(8);
/// Pauses between looks at it meanwhile.
const HISTORY_PAUSE: Duration = Duration::from_secs(1);

/// How often a statement is run that another writer got in the way of, …
const MAX_RUNS: u32 = 4;
/// … with pauses up to this at first …
const AGAIN_FIRST: Duration = Duration::from_secs(2);
/// … and up to this in the end.
const AGAIN_MOST: Duration = Duration::from_secs(30);

/// How the rows of a statement shall come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// In the answers, at most 25 MiB of them.
    Inline,
    /// Behind links, as JSON.
    Json,
    /// Behind links, as Arrow streams.
    Arrow,
}

/// A statement to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// One SQL statement.
    pub sql: String,
    /// Where it runs.
    pub warehouse: WarehouseId,
    /// Default catalog of names.
    pub catalog: Option<String>,
    /// Default schema of names.
    pub schema: Option<String>,
    /// Values for `:name` markers.
    pub parameters: Vec<Parameter>,
    /// Marks in the query history: project, run, step. No secrets; values are cut at 128 characters.
    pub tags: Vec<(String, String)>,
    /// At most so many rows; the result says whether it was cut off.
    pub row_limit: Option<i64>,
    /// Whether it only reads. Such a statement is sent again if its answer was lost; any other is first looked up in the
    /// query history.
    pub read_only: bool,
    /// Whether running it again does what running it once does, as with `CREATE OR REPLACE`. Such a statement is run again
    /// where another writer got in its way or the service was overloaded; what failed so has changed nothing.
    pub repeatable: bool,
    /// The longest that it may take, from when the warehouse has it to its end; what takes longer is cancelled. None: as long
    /// as it takes.
    pub within: Option<Duration>,
}

impl Statement {
    /// Makes a statement that may write, without defaults, parameters, tags or limit.
    pub fn new(sql: impl Into<String>, warehouse: WarehouseId) -> Self {
        Self {
            sql: sql.into(),
            warehouse,
            catalog: None,
            schema: None,
            parameters: Vec::new(),
            tags: Vec::new(),
            row_limit: None,
            read_only: false,
            repeatable: false,
            within: None,
        }
    }

    fn request(&self, mark: &str, rows: Rows) -> StatementRequest {
        let tag = |(key, value): (&str, &str)| QueryTag {
            key: key.to_owned(),
            value: Some(value.chars().take(128).collect()),
        };
        let tags = self.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        StatementRequest {
            statement: self.sql.clone(),
            warehouse_id: self.warehouse.to_string(),
            catalog: self.catalog.clone(),
            schema: self.schema.clone(),
            parameters: self.parameters.clone(),
            // A statement that writes gives its id away at once, which keeps the moment of doubt short. A read may be sent
            // twice, so it saves a request by waiting.
            wait_timeout: Some(if self.read_only { "10s" } else { "0s" }.to_owned()),
            on_wait_timeout: Some(OnWaitTimeout::Continue),
            disposition: Some(if rows == Rows::Inline { Disposition::Inline } else { Disposition::ExternalLinks }),
            format: Some(if rows == Rows::Arrow { Format::ArrowStream } else { Format::JsonArray }),
            row_limit: self.row_limit,
            byte_limit: None,
            query_tags: std::iter::once((MARK, mark)).chain(tags).take(20).map(tag).collect(),
        }
    }
}

/// What is told while a statement is awaited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The warehouse took it. Told before anything else; again, if the statement is run again.
    Submitted(StatementId),
    /// Its state, after every poll; may repeat.
    State(StatementState),
    /// Nobody answers, for this reason; the statement goes on meanwhile. May repeat.
    OutOfReach(String),
    /// Rows received so far, after every chunk.
    Rows(usize),
}

/// Who is told how a statement goes. A closure that takes [`Progress`] is one.
pub trait Listener: Send {
    /// Hears of progress.
    fn tell(&mut self, progress: Progress);

    /// Keeps the mark of a statement that is about to be sent and may write, so that it outlives this process: sending
    /// waits for that. Called again, with another mark, if the statement is run again.
    ///
    /// The error says why it cannot be kept; then nothing is sent.
    fn keep<'a>(&'a mut self, _mark: &'a str) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl<F: FnMut(Progress) + Send> Listener for F {
    fn tell(&mut self, progress: Progress) {
        self(progress);
    }
}

/// A statement that another process has sent, or was about to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its mark.
    pub mark: String,
    /// When it was about to be sent, by the clock of the machine that did so.
    pub at: DateTime<Utc>,
    /// Its id, if the warehouse was seen to take it.
    pub id: Option<StatementId>,
}

/// What a statement brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatementResult {
    /// The statement's id.
    pub statement_id: String,
    /// The columns; none for DDL.
    pub columns: Vec<Column>,
    /// The rows; every value a text, NULL `None`.
    pub rows: Vec<Vec<Option<String>>>,
    /// Whether a limit cut rows off.
    pub truncated: bool,
}

/// A column of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Such as `DECIMAL`.
    pub type_name: String,
    /// Such as `DECIMAL(10,2)`.
    pub type_text: String,
}

/// Returns the columns that a manifest announces.
pub(super) fn columns(manifest: Manifest) -> Vec<Column> {
    let columns = manifest.schema.unwrap_or_default().columns.into_iter().map(|column| Column {
        name: column.name,
        type_name: column.type_name.unwrap_or_default(),
        type_text: column.type_text.unwrap_or_default(),
    });
    columns.collect()
}

/// The SQL Statement Execution API of a workspace.
pub struct Statements<'a> {
    pub(super) http: &'a Http,
    /// Statements that are awaited now, by all clones of the client.
    pub(super) awaited: &'a AtomicUsize,
}

/// Returns the pause before the next look at a statement that has been awaited for so long, beside so many others.
///
/// Whoever waits for its end learns of it half a pause late on average. So a pause is a thirty-second of the time so far,
/// which makes a run two per cent longer at most, unless many statements share the polls of a second.
pub fn pause_after(awaited: Duration, in_flight: usize) -> Duration {
    let share = Duration::from_secs(1) * u32::try_from(in_flight).unwrap_or(u32::MAX) / POLLS_PER_SECOND;
    // At first many may be looked at often: what ends soon ends before the polls add up.
    (awaited / 32).max(share.min(awaited / 3)).clamp(FIRST_PAUSE, MAX_PAUSE)
}

/// Counts a statement among those that are awaited, for as long as it lives.
struct Awaited<'a>(&'a AtomicUsize);

impl<'a> Awaited<'a> {
    fn count(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Statements<'_> {
    /// Sends a statement. A lost answer leaves open whether it runs: [`Statements::execute`] looks it up.
    ///
    /// # Errors
    /// If the statement was not accepted.
    pub async fn submit(&self, request: &StatementRequest, idempotent: bool) -> Result<StatementResponse, http::Error> {
        let mut call = Request::post(PATH).json(request);
        if idempotent {
            call = call.idempotent();
        }
        self.http.json(call).await
    }

    /// Asks how far a statement is.
    ///
    /// # Errors
    /// If the request fails; `NotFound` some time (12 hours or more) after it ended.
    pub async fn poll(&self, id: &StatementId) -> Result<StatementResponse, http::Error> {
        self.http.json(Request::get(PATH).segment(id.as_str())).await
    }

    /// Asks to end a statement. A good answer says only that the wish arrived.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn cancel(&self, id: &StatementId) -> Result<(), http::Error> {
        let request = Request::post(PATH).segment(id.as_str()).then("cancel").idempotent().json(&Empty {});
        self.http.json::<Empty>(request).await.map(drop)
    }

    /// Fetches a chunk of the result, for one hour after success.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn chunk(&self, id: &StatementId, index: i64) -> Result<ResultData, http::Error> {
        let request = Request::get(PATH).segment(id.as_str()).then("result/chunks").segment(&index.to_string());
        self.http.json(request).await
    }

    /// Runs a statement to its end and fetches its whole result. On cancellation the statement is cancelled too.
    ///
    /// # Errors
    /// If it could not be sent, failed, was cancelled, or its result did not come whole.
    pub async fn execute(
        &self,
        statement: &Statement,
        cancel: &CancellationToken,
        listener: &mut dyn Listener,
    ) -> Result<StatementResult, Error> {
        let mut most = AGAIN_FIRST;
        for _ in 1..MAX_RUNS {
            let failed = match self.execute_once(statement, cancel, listener).await {
                Err(Error::Statement(failed))
                    if (statement.repeatable || statement.read_only)
                        && (failed.is_conflict() || failed.is_transient()) =>
                {
                    failed
                }
                ended => return ended,
            };
            let pause = most.mul_f64(self.http.chance().clamp(0.0, 1.0));
            tracing::warn!(error = %failed, ?pause, "the statement is run again");
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(Error::Interrupted { statement_id: None, state: None }),
                () = self.http.clock().sleep(pause) => {}
            }
            most = (most * 2).min(AGAIN_MOST);
        }
        self.execute_once(statement, cancel, listener).await
    }

    async fn execute_once(
        &self,
        statement: &Statement,
        cancel: &CancellationToken,
        listener: &mut dyn Listener,
    ) -> Result<StatementResult, Error> {
        let (id, sent) = self.start(statement, Rows::Inline, cancel, listener).await?;
        self.finish(id, sent, statement.within, cancel, listener).await
    }

    /// Sends a statement and makes sure that it is known whether it arrived.
    pub(super) async fn start(
        &self,
        statement: &Statement,
        rows: Rows,
        cancel: &CancellationToken,
        listener: &mut dyn Listener,
    ) -> Result<(StatementId, StatementResponse), Error> {
        if cancel.is_cancelled() {
            return Err(Error::Interrupted { statement_id: None, state: None });
        }
        let mark = uuid::Uuid::new_v4().to_string();
        if !statement.read_only {
            listener.keep(&mark).await.map_err(Error::NotKept)?;
        }
        let since = self.http.clock().now();
        let sent = {
            let mut send = std::pin::pin!(self.send_surely(statement, rows, &mark, since));
            tokio::select! {
                biased;
                sent = &mut send => sent?,
                () = cancel.cancelled() => {
                    // The statement may be on its way. Its answer names it; without one, the query history may.
                    let known = match tokio::time::timeout(STOP_GRACE, send).await {
                        Ok(sent) => sent.ok().map(|response| StatementId::new(response.statement_id)),
                        Err(_) => {
                            let found = history::find(self.http, &statement.warehouse, MARK, &mark, since);
                            let found = tokio::time::timeout(STOP_GRACE, found).await;
                            found.ok().and_then(Result::ok).flatten().map(|query| StatementId::new(query.query_id))
                        }
                    };
                    return Err(match known {
                        Some(id) => self.interrupt(id).await,
                        None => Error::Interrupted { statement_id: None, state: None },
                    });
                }
            }
        };
        let id = StatementId::new(&sent.statement_id);
        listener.tell(Progress::Submitted(id.clone()));
        Ok((id, sent))
    }

    /// Awaits a statement that runs already, such as one of an earlier process, and fetches its whole result.
    ///
    /// # Errors
    /// As [`Statements::execute`].
    pub async fn wait(
        &self,
        id: &StatementId,
        cancel: &CancellationToken,
        listener: &mut dyn Listener,
    ) -> Result<StatementResult, Error> {
        let response = self.poll(id).await?;
        self.finish(id.clone(), response, None, cancel, listener).await
    }

    /// Takes up a statement that another process has sent: awaits its end and fetches its result. None if it never arrived,
    /// failed or was cancelled, for then it has done nothing, and may be sent anew.
    ///
    /// Of the statement itself it matters only where it runs, and how long it may take from now on.
    ///
    /// # Errors
    /// As [`Statements::execute`]; also if nobody can say what became of it.
    pub async fn take_up(
        &self,
        sent: &Sent,
        statement: &Statement,
        cancel: &CancellationToken,
        listener: &mut dyn Listener,
    ) -> Result<Option<StatementResult>, Error> {
        let found = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(Error::Interrupted { statement_id: None, state: None }),
            found = self.find_sent(sent, &statement.warehouse) => found?,
        };
        let Some(response) = found else { return Ok(None) };
        let id = StatementId::new(&response.statement_id);
        listener.tell(Progress::Submitted(id.clone()));
        match self.finish(id, response, statement.within, cancel, listener).await {
            Err(Error::Statement(_) | Error::Canceled(_)) => Ok(None),
            // It has done its work, and its result has ended with its time.
            Err(Error::Http(error)) if error.class() == Class::NotFound => Ok(Some(StatementResult::default())),
            ended => ended.map(Some),
        }
    }

    async fn find_sent(&self, sent: &Sent, warehouse: &WarehouseId) -> Result<Option<StatementResponse>, Error> {
        if let Some(id) = &sent.id {
            match self.poll(id).await {
                Err(error) if error.class() == Class::NotFound => {}
                polled => return Ok(Some(polled?)),
            }
        }
        let first_look = self.http.clock().instant();
        loop {
            // That moment was noted by a clock that may have been set since: the service's own has not, and no clock makes
            // this wait longer than it takes.
            let looked = self.http.clock().instant().saturating_duration_since(first_look);
            let is_listed = self.http.on_its_clock(self.http.clock().now()) - sent.at > HISTORY_LAG
                || TimeDelta::from_std(looked).is_ok_and(|looked| looked > HISTORY_LAG);
            if let Some(query) = history::find(self.http, warehouse, MARK, &sent.mark, sent.at).await? {
                return Ok(Some(self.adopt(query).await?));
            }
            if is_listed {
                return Ok(None);
            }
            self.http.clock().sleep(HISTORY_PAUSE).await;
        }
    }

    /// Cancels all statements with a tag that began since a moment and still run, and waits for their ends; returns them as
    /// they were before.
    ///
    /// # Errors
    /// If the query history cannot be read, or a statement cannot be cancelled.
    pub async fn cancel_tagged(
        &self,
        warehouse: &WarehouseId,
        (key, value): (&str, &str),
        since: DateTime<Utc>,
    ) -> Result<Vec<HistoryQuery>, http::Error> {
        let running = history::running(self.http, warehouse, key, value, since).await?;
        for query in &running {
            match self.cancel(&StatementId::new(&query.query_id)).await {
                // It has ended by itself.
                Err(error) if error.class() != Class::NotFound => return Err(error),
                _ => {}
            }
        }
        for query in &running {
            history::wait(self.http, query.clone()).await?;
        }
        Ok(running)
    }

    /// Returns how many bytes of data statements have read and written, as far as the query history knows it by now.
    /// `GET /api/2.0/sql/history/queries` with `include_metrics`.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn bytes(&self, statements: &[StatementId]) -> Result<HashMap<StatementId, history::Bytes>, http::Error> {
        history::bytes(self.http, statements).await
    }

    /// Sends a statement and, if its answer is lost, finds out whether it arrived before sending it again.
    async fn send_surely(
        &self,
        statement: &Statement,
        rows: Rows,
        mark: &str,
        since: chrono::DateTime<chrono::Utc>,
    ) -> Result<StatementResponse, Error> {
        let request = statement.request(mark, rows);
        let mut sends = 1;
        loop {
            let error = match self.submit(&request, statement.read_only).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            if statement.read_only || !error.may_have_arrived() {
                return Err(error.into());
            }
            tracing::warn!(%error, "the answer to a statement was lost; looking it up");
            // The history lags a little behind, so it is asked more than once before "not found" is believed.
            for pause in [0, 500, 1_000, 2_000, 4_000] {
                self.http.clock().sleep(Duration::from_millis(pause)).await;
                match history::find(self.http, &statement.warehouse, MARK, mark, since).await {
                    Ok(Some(query)) => return Ok(self.adopt(query).await?),
                    Ok(None) => {}
                    // Without the history nobody knows whether it runs, so it must not be sent again.
                    Err(lookup) => {
                        tracing::warn!(error = %lookup, "the query history could not be read");
                        return Err(error.into());
                    }
                }
            }
            if sends == MAX_SENDS {
                return Err(error.into());
            }
            sends += 1;
        }
    }

    /// Takes a statement of the history for ours. That the ids of query and statement are one is believed, not promised.
    async fn adopt(&self, query: HistoryQuery) -> Result<StatementResponse, http::Error> {
        match self.poll(&StatementId::new(&query.query_id)).await {
            Err(error) if error.class() == Class::NotFound => history::wait(self.http, query).await,
            polled => polled,
        }
    }

    async fn finish(
        &self,
        id: StatementId,
        response: StatementResponse,
        within: Option<Duration>,
        cancel: &CancellationToken,
        listener: &mut dyn Listener,
    ) -> Result<StatementResult, Error> {
        let response = self.until_end(&id, response, within, cancel, listener).await?;
        // The statement did its work and its result is gone; what was wanted of it is done all the same.
        if response.status.state == StatementState::Closed {
            return Ok(StatementResult { statement_id: response.statement_id, ..Default::default() });
        }
        tokio::select! {
            biased;
            () = cancel.cancelled() => {
                Err(Error::Interrupted { statement_id: Some(id), state: Some(StatementState::Succeeded) })
            }
            result = self.collect(&id, response, listener) => result,
        }
    }

    /// Polls until the statement has ended, and fails unless it ended well, and in time.
    pub(super) async fn until_end(
        &self,
        id: &StatementId,
        mut response: StatementResponse,
        within: Option<Duration>,
        cancel: &CancellationToken,
        listener: &mut dyn Listener,
    ) -> Result<StatementResponse, Error> {
        let _one = Awaited::count(self.awaited);
        let since = self.http.clock().instant();
        let mut answered = since;
        while !response.status.state.is_terminal() {
            let now = self.http.clock().instant();
            let awaited = now.saturating_duration_since(since);
            if let Some(limit) = within.filter(|limit| awaited >= *limit) {
                let end = self.stop(id).await;
                if end.as_ref().is_some_and(|end| end.is_terminal() && *end != StatementState::Canceled) {
                    // The cancel came too late.
                    response = self.poll(id).await?;
                    continue;
                }
                let (statement_id, state) = (id.clone(), response.status.state);
                return Err(Error::TookTooLong { statement_id, limit, state, end });
            }
            let pause = pause_after(awaited, self.awaited.load(Ordering::Relaxed));
            listener.tell(Progress::State(response.status.state.clone()));
            let polled = async {
                self.http.clock().sleep(pause).await;
                self.poll(id).await
            };
            let polled = tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(self.interrupt(id.clone()).await),
                polled = polled => polled,
            };
            match polled {
                Ok(polled) => {
                    response = polled;
                    answered = self.http.clock().instant();
                }
                Err(error)
                    if matches!(error.class(), Class::Transient | Class::RateLimit | Class::Unreachable)
                        && now.saturating_duration_since(answered) < OUTAGE =>
                {
                    listener.tell(Progress::OutOfReach(error.to_string()));
                }
                Err(error) => return Err(error.into()),
            }
        }
        listener.tell(Progress::State(response.status.state.clone()));
        match response.status.state {
            StatementState::Failed => Err(Box::new(StatementError::of(&response)).into()),
            StatementState::Canceled => Err(Error::Canceled(id.clone())),
            _ => Ok(response),
        }
    }

    async fn collect(
        &self,
        id: &StatementId,
        response: StatementResponse,
        listener: &mut dyn Listener,
    ) -> Result<StatementResult, Error> {
        let manifest = response.manifest.unwrap_or_default();
        let mut chunk = response.result.unwrap_or_default();
        let mut rows = chunk.data_array.take().unwrap_or_default();
        let mut index = 0;
        while let Some(next) = chunk.next_chunk_index {
            listener.tell(Progress::Rows(rows.len()));
            if next <= index {
                break;
            }
            index = next;
            chunk = self.chunk(id, index).await?;
            rows.extend(chunk.data_array.take().unwrap_or_default());
        }
        let received = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        if let Some(expected) = manifest.total_row_count.filter(|&count| count != received && !manifest.truncated) {
            return Err(Error::Incomplete { statement_id: id.clone(), expected, received });
        }
        listener.tell(Progress::Rows(rows.len()));
        let truncated = manifest.truncated;
        Ok(StatementResult { statement_id: response.statement_id, columns: columns(manifest), rows, truncated })
    }

    async fn interrupt(&self, id: StatementId) -> Error {
        let state = self.stop(&id).await;
        Error::Interrupted { statement_id: Some(id), state }
    }

    /// Cancels a statement and looks for a while what becomes of it, for a cancel may come too late, or be lost; returns the
    /// last state that it was seen in.
    async fn stop(&self, id: &StatementId) -> Option<StatementState> {
        let mut state = None;
        let stopping = async {
            if let Err(error) = self.cancel(id).await {
                tracing::warn!(%error, "the statement could not be cancelled");
            }
            loop {
                match self.poll(id).await {
                    Ok(response) => state = Some(response.status.state),
                    Err(error) if error.class() == Class::NotFound => break,
                    Err(error) => tracing::debug!(%error, "the cancelled statement could not be polled"),
                }
                if state.as_ref().is_some_and(StatementState::is_terminal) {
                    break;
                }
                self.http.clock().sleep(Duration::from_millis(200)).await;
            }
        };
        // A limit by the real clock: somebody waits at the keyboard.
        if tokio::time::timeout(STOP_GRACE, stopping).await.is_err() {
            tracing::warn!(statement = id.as_str(), "the statement was told to stop and has not answered yet");
        }
        state
    }
}
