//! The query history, in which a statement is found again whose answer was lost.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::wire::{HistoryPage, HistoryQuery, ServiceError, StatementResponse, StatementState, StatementStatus};
use crate::http::{self, Http, Request};
use crate::ids::WarehouseId;

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
    let start = (http.on_its_clock(since) - SKEW).timestamp_millis().to_string();
    let mut token: Option<String> = None;
    loop {
        let request = Request::get("/api/2.0/sql/history/queries")
            .query("filter_by.warehouse_ids", warehouse.as_str())
            .query("filter_by.query_start_time_range.start_time_ms", start.as_str())
            .query("max_results", "500")
            .query_opt("page_token", token.take());
        let page: HistoryPage = http.json(request).await?;
        let tagged = |query: &HistoryQuery| {
            let tags = query.query_tags.as_deref().unwrap_or_default();
            tags.iter().any(|tag| tag.key == key && tag.value.as_deref() == Some(value))
        };
        if let Some(found) = page.res.into_iter().find(tagged) {
            return Ok(Some(found));
        }
        match page.next_page_token.filter(|token| page.has_next_page && !token.is_empty()) {
            Some(next) => token = Some(next),
            None => return Ok(None),
        }
    }
}

/// Awaits a statement by its entry in the history, for want of a statement of this id, and says how it ended. Its rows are
/// out of reach, so a good end is `CLOSED`.
pub(super) async fn wait(http: &Http, mut query: HistoryQuery) -> Result<StatementResponse, http::Error> {
    let mut pause = FIRST_PAUSE;
    loop {
        let state = match query.status.as_deref() {
            Some("FINISHED") => Some(StatementState::Closed),
            Some("FAILED") => Some(StatementState::Failed),
            Some("CANCELED") => Some(StatementState::Canceled),
            _ => None,
        };
        if let Some(state) = state {
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
