//! SQL Statement Execution: `/api/2.0/sql/statements`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::super::engine::{Parameter, Request};
use super::super::error::ApiError;
use super::super::results::{INLINE_BYTES, Links};
use super::super::server::{App, WAREHOUSE_ID};
use super::super::statements::{State as Progress, Statement, Submission};
use super::extract::{JsonBody, Params};
use crate::databricks::wire::{
    Disposition, Empty, Format, OnWaitTimeout, QueryTag, ResultData, StatementRequest, StatementResponse,
};

/// The longest statement text, in bytes.
const MOST_TEXT: usize = 16 << 20;

/// The most tags a statement keeps.
const MOST_TAGS: usize = 20;

/// How long the wait is that a client leaves out.
const DEFAULT_WAIT: Duration = Duration::from_secs(10);

/// How long a statement that ran out of time may take to be cancelled before its state is answered as it is.
const CANCEL_GRACE: Duration = Duration::from_secs(5);

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/api/2.0/sql/statements", post(submit))
        .route("/api/2.0/sql/statements/{id}", get(poll).delete(close))
        .route("/api/2.0/sql/statements/{id}/cancel", post(cancel))
        .route("/api/2.0/sql/statements/{id}/result/chunks/{index}", get(chunk))
        .route("/_kiln/results/{id}/{index}", get(linked))
}

async fn submit(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<StatementRequest>,
) -> Result<Json<StatementResponse>, ApiError> {
    let wait = wait_timeout(body.wait_timeout.as_deref())?;
    let cancels = match body.on_wait_timeout {
        None | Some(OnWaitTimeout::Continue) => false,
        Some(OnWaitTimeout::Cancel) => true,
        Some(OnWaitTimeout::Other(other)) => return Err(not_a_value("on_wait_timeout", &other)),
    };
    let (linked, format) = delivery(body.disposition, body.format)?;
    if body.warehouse_id != WAREHOUSE_ID {
        return Err(ApiError::not_found(format!(
            "SQL warehouse {} does not exist; the local workspace has one, with the id '{WAREHOUSE_ID}'",
            body.warehouse_id
        )));
    }
    if body.statement.len() > MOST_TEXT {
        return Err(ApiError::invalid(format!("the statement is longer than {MOST_TEXT} bytes")));
    }
    let parameters = body.parameters.into_iter().map(|parameter| {
        if parameter.name.is_empty() {
            return Err(ApiError::invalid("every parameter must have a name: positional markers are not supported"));
        }
        Ok(Parameter { name: parameter.name, value: parameter.value, type_: parameter.type_text })
    });
    let byte_limit = limit("byte_limit", body.byte_limit)?;
    let submission = Submission {
        request: Request {
            sql: body.statement,
            catalog: body.catalog.filter(|name| !name.is_empty()),
            schema: body.schema.filter(|name| !name.is_empty()),
            parameters: parameters.collect::<Result<_, _>>()?,
            row_limit: limit("row_limit", body.row_limit)?,
            byte_limit: if linked { byte_limit } else { byte_limit.or(Some(INLINE_BYTES as u64)) },
            spool: linked,
            statement_id: None,
        },
        format,
        byte_limit: byte_limit.and_then(|limit| usize::try_from(limit).ok()),
        query_tags: kept_tags(body.query_tags),
        cancel_after: (cancels && !wait.is_zero()).then_some(wait),
        client: headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).map(product),
    };
    app.warehouse_runs.store(true, Ordering::Relaxed);
    let statement = app.statements.submit(submission);
    if wait.is_zero() {
        // Always, however fast the statement is: clients must be able to rely on having to poll.
        return Ok(Json(answer(&app, &statement.id, &Progress::Pending)));
    }
    let progress = statement.wait(if cancels { wait + CANCEL_GRACE } else { wait }).await;
    Ok(Json(answer(&app, &statement.id, &progress)))
}

async fn poll(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<StatementResponse>, ApiError> {
    let progress = match app.statements.get(&id) {
        Some(statement) => statement.state(),
        None => app.statements.remembered(&id).ok_or_else(|| unknown(&id))?,
    };
    Ok(Json(answer(&app, &id, &progress)))
}

async fn chunk(
    State(app): State<Arc<App>>,
    Path((id, index)): Path<(String, String)>,
) -> Result<Json<ResultData>, ApiError> {
    let statement = find(&app, &id)?;
    let Progress::Succeeded(results) = statement.state() else {
        let state = statement.state().status().state;
        return Err(ApiError::invalid(format!("statement {id} has no result to fetch: its state is {state}")));
    };
    // A result without rows has no chunks, and yet answers for its first.
    let count = results.chunk_count().max(1);
    match index.parse::<usize>() {
        Ok(index) if index < count => Ok(Json(results.chunk(&id, index, &links(&app, &base(&app))))),
        _ => Err(ApiError::invalid(format!("chunk_index {index} is not between 0 and {}", count - 1))),
    }
}

async fn cancel(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Empty>, ApiError> {
    match app.statements.get(&id) {
        Some(statement) => app.statements.cancel(&statement),
        None => drop(app.statements.remembered(&id).ok_or_else(|| unknown(&id))?),
    }
    Ok(Json(Empty {}))
}

async fn close(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Empty>, ApiError> {
    let statement = find(&app, &id)?;
    app.statements.close(&statement);
    Ok(Json(Empty {}))
}

/// What a link to a chunk leads to. Whoever has the link may read it; a token is not wanted, as cloud storage refuses a
/// request that is authorised twice.
async fn linked(
    State(app): State<Arc<App>>,
    Path((id, index)): Path<(String, usize)>,
    params: Params,
    headers: HeaderMap,
) -> Result<Vec<u8>, ApiError> {
    if headers.contains_key(AUTHORIZATION) {
        return Err(ApiError::invalid("a link to a result is authorised by itself: send no Authorization header"));
    }
    let statement = find(&app, &id)?;
    let Progress::Succeeded(results) = statement.state() else { return Err(unknown(&id)) };
    let expires = params.parsed::<i64>("expires")?.unwrap_or(0);
    let forbidden = |text: &str| ApiError::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", text);
    if !results.signed(index, expires, params.get("signature").unwrap_or_default()) {
        return Err(forbidden("the link was not handed out by this server"));
    }
    if app.statements.now().timestamp_millis() >= expires {
        return Err(forbidden("the link has expired; ask for the chunk again to get a new one"));
    }
    let bytes = tokio::task::spawn_blocking(move || results.linked(index)).await;
    match bytes.map_err(std::io::Error::other).flatten() {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(unknown(&id)),
        Err(error) => Err(ApiError::internal(format!("the result cannot be read: {error}"))),
    }
}

fn base(app: &App) -> String {
    format!("http://{}", app.address)
}

fn links<'a>(app: &App, base: &'a str) -> Links<'a> {
    Links { base, now: app.statements.now() }
}

fn find(app: &App, id: &str) -> Result<Arc<Statement>, ApiError> {
    app.statements.get(id).ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> ApiError {
    ApiError::not_found(format!("The statement {id} was not found. The id is wrong, or the statement ended long ago."))
}

fn answer(app: &App, id: &str, progress: &Progress) -> StatementResponse {
    let results = match progress {
        Progress::Succeeded(results) => Some(results),
        _ => None,
    };
    StatementResponse {
        statement_id: id.to_owned(),
        status: progress.status(),
        manifest: results.map(|results| results.manifest()),
        result: results.map(|results| results.chunk(id, 0, &links(app, &base(app)))),
    }
}

fn wait_timeout(text: Option<&str>) -> Result<Duration, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(DEFAULT_WAIT) };
    match text.strip_suffix('s').and_then(|seconds| seconds.parse::<u64>().ok()) {
        Some(seconds @ (0 | 5..=50)) => Ok(Duration::from_secs(seconds)),
        _ => Err(ApiError::invalid(format!("wait_timeout '{text}' must be 0s, or between 5s and 50s"))),
    }
}

/// Whether the rows go behind links, and their format.
fn delivery(disposition: Option<Disposition>, format: Option<Format>) -> Result<(bool, Format), ApiError> {
    let linked = match disposition {
        None | Some(Disposition::Inline) => false,
        Some(Disposition::ExternalLinks) => true,
        Some(Disposition::Other(other)) => return Err(not_a_value("disposition", &other)),
    };
    match format.unwrap_or(Format::JsonArray) {
        Format::Other(other) => Err(not_a_value("format", &other)),
        format if linked || format == Format::JsonArray => Ok((linked, format)),
        format => Err(ApiError::invalid(format!(
            "format {format} needs disposition EXTERNAL_LINKS; with INLINE only JSON_ARRAY is supported"
        ))),
    }
}

fn not_a_value(field: &str, value: &str) -> ApiError {
    ApiError::invalid(format!("'{value}' is not a value of {field}"))
}

/// A limit of zero is none, as everywhere in this API family.
fn limit(field: &str, value: Option<i64>) -> Result<Option<u64>, ApiError> {
    match u64::try_from(value.unwrap_or(0)) {
        Ok(0) => Ok(None),
        Ok(limit) => Ok(Some(limit)),
        Err(_) => Err(ApiError::invalid(format!("{field} must not be negative"))),
    }
}

/// One value a key, the last one sent; more than twenty keys are cut off; a blank value is a tag with a key only.
fn kept_tags(tags: Vec<QueryTag>) -> Vec<QueryTag> {
    let mut kept: Vec<QueryTag> = Vec::new();
    for QueryTag { key, value } in tags {
        let value = value.filter(|value| !value.trim().is_empty());
        match kept.iter_mut().find(|tag| tag.key == key) {
            Some(tag) => tag.value = value,
            None => kept.push(QueryTag { key, value }),
        }
    }
    kept.truncate(MOST_TAGS);
    kept
}

/// The program at the beginning of a User-Agent: `kiln` of `kiln/0.1.0 ...`.
fn product(agent: &str) -> String {
    agent.split(['/', ' ']).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_none_or_between_five_and_fifty_seconds() {
        assert_eq!(wait_timeout(None).unwrap(), Duration::from_secs(10));
        for (text, seconds) in [("0s", 0), ("5s", 5), ("50s", 50)] {
            assert_eq!(wait_timeout(Some(text)).unwrap(), Duration::from_secs(seconds));
        }
        for text in ["1s", "4s", "51s", "5", "5m", "-5s", "s", "5.5s"] {
            assert!(wait_timeout(Some(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn tags_have_one_value_a_key_and_are_at_most_twenty() {
        let tag = |key: &str, value: Option<&str>| QueryTag { key: key.into(), value: value.map(str::to_owned) };
        let kept = kept_tags(vec![tag("a", Some("1")), tag("b", Some(" ")), tag("a", Some("2"))]);
        assert_eq!(kept, [tag("a", Some("2")), tag("b", None)]);
        assert_eq!(kept_tags((0..30).map(|index| tag(&index.to_string(), None)).collect()).len(), 20);
    }
}
