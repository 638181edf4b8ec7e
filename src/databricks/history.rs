//! The query history, in which a statement is found again whose answer was lost.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::wire::{HistoryPage, HistoryQuery, ServiceError, StatementResponse, StatementState, StatementStatus};
use crate::http::{self, Http, Request};
use crate::ids::{StatementId, WarehouseId};

/// How far the server's clock may be behind what we think it shows.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// Pauses between two looks at an entry begin here and grow to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Finds the statement with a tag among those that began since a moment. The history lags behind: not found is no proof.
pub(super) async fn find(
    http: &Http,
    warehouse: &WarehouseId,
    key: &str,
    value: &str,
    since: DateTime<Utc>,
) -> Result<Option<HistoryQuery>, http::Error> {
    let mut pages = Pages::since(http, warehouse, since);
    while let Some(page) = pages.next().await? {
        if let Some(found) = page.into_iter().find(|query| has_tag(query, key, value)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// How many statements are asked for at once, so that the address does not get too long.
const IDS_AT_ONCE: usize = 50;

/// How many bytes of data a statement moved, as far as the history tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// What it read.
    pub read: Option<u64>,
    /// What it wrote into the storage of tables.
    pub written: Option<u64>,
}

/// Returns how many bytes statements have moved, as far as the history tells that by now: the entry of a statement can come
/// after its end, and its figures after that.
pub(super) async fn bytes(http: &Http, statements: &[StatementId]) -> Result<HashMap<StatementId, Bytes>, http::Error> {
    let mut known = HashMap::new();
    for some in statements.chunks(IDS_AT_ONCE) {
        let request = Request::get("/api/2.0/sql/history/queries").query("include_metrics", "true");
        let request = some.iter().fold(request, |request, id| request.query("filter_by.statement_ids", id.as_str()));
        let page: HistoryPage = http.json(request).await?;
        known.extend(page.res.into_iter().filter_map(|query| {
            let metrics = query.metrics?;
            let metric = |name: &str| metrics.get(name).and_then(serde_json::Value::as_u64);
            let bytes = Bytes { read: metric("read_bytes"), written: metric("write_remote_bytes") };
            (bytes != Bytes::default()).then(|| (StatementId::new(query.query_id), bytes))
        }));
    }
    Ok(known)
}

/// Lists the statements with a tag that began since a moment and have not ended.
pub(super) async fn running(
    http: &Http,
    warehouse: &WarehouseId,
    key: &str,
    value: &str,
    since: DateTime<Utc>,
) -> Result<Vec<HistoryQuery>, http::Error> {
    let mut pages = Pages::since(http, warehouse, since);
    let mut running = Vec::new();
    while let Some(page) = pages.next().await? {
        // Told apart here: which states the service's own filter takes for running is not documented.
        running.extend(page.into_iter().filter(|query| has_tag(query, key, value) && end_of(query).is_none()));
    }
    Ok(running)
}

/// Returns the state that a statement ended in, as the statement API names it; none if it has not ended.
fn end_of(query: &HistoryQuery) -> Option<StatementState> {
    match query.status.as_deref() {
        // Its rows are out of reach.
        Some("FINISHED") => Some(StatementState::Closed),
        Some("FAILED") => Some(StatementState::Failed),
        Some("CANCELED") => Some(StatementState::Canceled),
        _ => None,
    }
}

fn has_tag(query: &HistoryQuery, key: &str, value: &str) -> bool {
    let tags = query.query_tags.as_deref().unwrap_or_default();
    tags.iter().any(|tag| tag.key == key && tag.value.as_deref() == Some(value))
}

/// Pages of the history, the newest first.
struct Pages<'a> {
    http: &'a Http,
    warehouse: &'a WarehouseId,
    start: String,
    token: Option<String>,
    ended: bool,
}

impl<'a> Pages<'a> {
    fn since(http: &'a Http, warehouse: &'a WarehouseId, since: DateTime<Utc>) -> Self {
        // That moment may have been noted by a clock that was set since, or that was wrong: the earliest that it can be.
        let earliest = http.on_its_clock(since).min(since).min(http.on_its_clock(http.clock().now()));
        let start = (earliest - SKEW).timestamp_millis().to_string();
        Self { http, warehouse, start, token: None, ended: false }
    }

    async fn next(&mut self) -> Result<Option<Vec<HistoryQuery>>, http::Error> {
        if self.ended {
            return Ok(None);
        }
        let request = Request::get("/api/2.0/sql/history/queries")
            .query("filter_by.warehouse_ids", self.warehouse.as_str())
            .query("filter_by.query_start_time_range.start_time_ms", self.start.as_str())
            .query("max_results", "500")
            .query_opt("page_token", self.token.take());
        let page: HistoryPage = self.http.json(request).await?;
        self.token = page.next_page_token.filter(|token| page.has_next_page && !token.is_empty());
        self.ended = self.token.is_none();
        Ok(Some(page.res))
    }
}

/// Awaits a statement by its entry in the history, for want of a statement of this id, and says how it ended. Its rows are
/// out of reach, so a good end is `CLOSED`.
pub(super) async fn wait(http: &Http, mut query: HistoryQuery) -> Result<StatementResponse, http::Error> {
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(state) = end_of(&query) {
            let error = query.error_message.map(|message| ServiceError { error_code: None, message });
            let status = StatementStatus { state, error, sql_state: None };
            return Ok(StatementResponse { statement_id: query.query_id, status, manifest: None, result: None });
        }
        http.clock().sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
        let request =
            Request::get("/api/2.0/sql/history/queries").query("filter_by.statement_ids", query.query_id.as_str());
        let page: HistoryPage = http.json(request).await?;
        if let Some(found) = page.res.into_iter().find(|found| found.query_id == query.query_id) {
            query = found;
        }
    }
}
