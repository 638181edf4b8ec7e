//! Query history: `GET /api/2.0/sql/history/queries`.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::error::ApiError;
use super::super::history::Filter;
use super::super::server::App;
use super::extract::Params;
use crate::databricks::wire::{HistoryPage, HistoryQuery};

/// The page size that a client leaves out, and the first that is refused.
const DEFAULT_RESULTS: usize = 100;
const TOO_MANY_RESULTS: usize = 1_000;

/// The states that a filter may name.
const STATUSES: [&str; 5] = ["QUEUED", "RUNNING", "CANCELED", "FAILED", "FINISHED"];

/// The id of the workspace's one user.
const USER_ID: &str = "1";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/api/2.0/sql/history/queries", get(list))
}

async fn list(State(app): State<Arc<App>>, params: Params) -> Result<Json<HistoryPage>, ApiError> {
    let most = params.parsed::<usize>("max_results")?.unwrap_or(DEFAULT_RESULTS);
    if most == 0 || most >= TOO_MANY_RESULTS {
        return Err(ApiError::invalid(format!("max_results must be between 1 and {}", TOO_MANY_RESULTS - 1)));
    }
    let filter = Filter {
        statement_ids: params.all("filter_by.statement_ids"),
        statuses: params.all("filter_by.statuses"),
        warehouse_ids: params.all("filter_by.warehouse_ids"),
        start_ms: params.parsed("filter_by.query_start_time_range.start_time_ms")?,
        end_ms: params.parsed("filter_by.query_start_time_range.end_time_ms")?,
    };
    if let Some(status) = filter.statuses.iter().find(|status| !STATUSES.contains(&status.as_str())) {
        return Err(ApiError::invalid(format!("'{status}' is not a status that can be filtered by")));
    }
    let users = params.all("filter_by.user_ids");
    if !users.is_empty() && !users.iter().any(|user| user == USER_ID) {
        return Ok(Json(HistoryPage::default()));
    }
    let token = params.get("page_token");
    let (mut entries, has_next_page) = app
        .history
        .page(&filter, token, most)
        .ok_or_else(|| ApiError::invalid("page_token does not belong to this history, or has become too old"))?;
    let wanted = params.flag("include_metrics")?;
    for entry in &mut entries {
        let known = entry.metrics.take();
        if wanted {
            entry.metrics = Some(metrics(entry, known));
        }
    }
    let next_page_token = entries.last().filter(|_| has_next_page).map(|entry| entry.query_id.clone());
    Ok(Json(HistoryPage { res: entries, next_page_token, has_next_page }))
}

fn metrics(entry: &HistoryQuery, known: Option<Value>) -> Value {
    let mut metrics = json!({
        "total_time_ms": entry.duration,
        "execution_time_ms": entry.duration,
        "rows_produced_count": entry.rows_produced,
        "result_from_cache": false,
    });
    for key in ["read_bytes", "write_remote_bytes"] {
        if let Some(bytes) = known.as_ref().and_then(|known| known.get(key)) {
            metrics[key] = bytes.clone();
        }
    }
    metrics
}
