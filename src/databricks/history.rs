//! The query history, in which a statement is found again whose answer was lost.

use chrono::{DateTime, TimeDelta, Utc};

use super::wire::{HistoryPage, HistoryQuery};
use crate::http::{self, Http, Request};
use crate::ids::WarehouseId;

/// How far the server's clock may be behind ours.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// Finds the statement with a tag among those that began since a moment. The history lags behind: not found is no proof.
pub(super) async fn find(
    http: &Http,
    warehouse: &WarehouseId,
    key: &str,
    value: &str,
    since: DateTime<Utc>,
) -> Result<Option<HistoryQuery>, http::Error> {
    let start = (since - SKEW).timestamp_millis().to_string();
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
