//! Answers and refusals in Fivetran's shape, and what every request is asked first.

use axum::Json;
use axum::extract::Request;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::fivetran::wire::{Envelope, Page, SUCCESS};
use crate::local::store::StoreError;

/// A refused request.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidInput", message)
    }

    pub(super) fn no_connection(id: &str) -> Self {
        let message = format!("Connector with id '{id}' does not exist.");
        Self::new(StatusCode::NOT_FOUND, "NotFound_Connector", message)
    }

    pub(super) fn no_group(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound_Group", format!("Group with id '{id}' does not exist."))
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        // `Display` leaves the cause to `source()`, and a REST answer has no such chain.
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", format!("{error}{cause}"))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(Envelope::bare(self.code, self.message))).into_response()
    }
}

/// What a route answers.
pub(super) type Reply = Result<Response, Refusal>;

/// 200 with data.
pub(super) fn data<T: Serialize>(message: impl Into<String>, data: T) -> Reply {
    Ok(Json(Envelope::success(message, data)).into_response())
}

/// 201 with data.
pub(super) fn created<T: Serialize>(message: impl Into<String>, data: T) -> Reply {
    Ok((StatusCode::CREATED, Json(Envelope::success(message, data))).into_response())
}

/// 200 with nothing but the message.
pub(super) fn done(message: impl Into<String>) -> Reply {
    Ok(Json(Envelope::bare(SUCCESS, message)).into_response())
}

/// Refuses clients that do not take JSON.
pub(super) async fn check_accept(request: Request, next: Next) -> Response {
    let header = request.headers().get_all(ACCEPT);
    let media_type = |part: &str| {
        let mut words = part.split(';').map(str::trim);
        let kind = words.next().unwrap_or_default().to_ascii_lowercase();
        let version = words.find_map(|word| word.strip_prefix("version=")).is_none_or(|v| matches!(v, "1" | "2"));
        matches!(kind.as_str(), "application/json" | "application/*" | "*/*") && version
    };
    let mut values = header.iter().peekable();
    let takes =
        values.peek().is_none() || values.any(|value| value.to_str().is_ok_and(|text| text.split(',').any(media_type)));
    if takes {
        next.run(request).await
    } else {
        Refusal::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", "This API answers application/json only")
            .into_response()
    }
}

/// Reads a body; an absent one is refused.
pub(super) fn body<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Result<T, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::invalid("The request has no body"));
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let message = format!("The body must be application/json, not `{kind}`");
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message));
    }
    serde_json::from_slice(bytes).map_err(|error| Refusal::invalid(format!("The body is not as expected: {error}")))
}

/// Reads a body; an absent one stands for `{}`.
pub(super) fn body_or_default<T: DeserializeOwned + Default>(headers: &HeaderMap, bytes: &[u8]) -> Result<T, Refusal> {
    if bytes.is_empty() { Ok(T::default()) } else { body(headers, bytes) }
}

/// `cursor` and `limit` of a list, beside its filters.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ListQuery {
    cursor: Option<String>,
    limit: Option<String>,
    pub(super) group_id: Option<String>,
    pub(super) schema: Option<String>,
}

impl ListQuery {
    /// Cuts the page that was asked for out of the whole list.
    pub(super) fn page<T>(&self, items: Vec<T>) -> Result<Page<T>, Refusal> {
        let limit = match &self.limit {
            None => 100,
            Some(text) => match text.parse::<usize>() {
                Ok(limit @ 1..=1000) => limit,
                _ => return Err(Refusal::invalid(format!("`limit` must be from 1 to 1000, not `{text}`"))),
            },
        };
        let skip = match &self.cursor {
            None => 0,
            Some(text) => position(text).ok_or_else(|| Refusal::invalid(format!("`{text}` is no cursor")))?,
        };
        let more = items.len() > skip.saturating_add(limit);
        let next_cursor = more.then(|| BASE64_STANDARD.encode(json!({"skip": skip + limit}).to_string()));
        Ok(Page { items: items.into_iter().skip(skip).take(limit).collect(), next_cursor })
    }
}

fn position(cursor: &str) -> Option<usize> {
    let text = BASE64_STANDARD.decode(cursor).ok()?;
    let value: serde_json::Value = serde_json::from_slice(&text).ok()?;
    usize::try_from(value.get("skip")?.as_u64()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_and_the_last_has_no_cursor() {
        let mut query = ListQuery { limit: Some("2".to_owned()), ..ListQuery::default() };
        let mut seen = Vec::new();
        loop {
            let page = query.page(vec![1, 2, 3, 4, 5]).unwrap();
            seen.push(page.items);
            match page.next_cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => break,
            }
        }
        assert_eq!(seen, [vec![1, 2], vec![3, 4], vec![5]]);
        assert!(ListQuery { limit: Some("0".to_owned()), ..ListQuery::default() }.page(vec![1]).is_err());
        assert!(ListQuery { cursor: Some("?".to_owned()), ..ListQuery::default() }.page(vec![1]).is_err());
    }
}
