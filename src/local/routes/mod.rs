//! The routes of both vendors' APIs, and what every request passes on its way to them.

mod access;
mod extract;
mod form;
mod history;
mod jobs;
mod lakeview;
mod me;
mod oidc;
mod schedules;
mod statements;
mod unity;
mod warehouses;
mod workspace;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::auth;
use super::error::ApiError;
use super::request_log::{LoggedRequest, Vendor};
use super::server::App;

/// The largest body that is read: a statement of 16 MiB whose characters are all escaped in JSON still fits.
const BODY_LIMIT: usize = 128 << 20;

/// Marks an answer as given because no route fits the request.
#[derive(Clone, Copy)]
struct Unknown;

/// Returns the whole server as one router.
pub(super) fn router(app: Arc<App>) -> Router {
    let routes = Router::new()
        .route("/_kiln/health", get(health))
        .route("/_kiln/requests", get(requests).delete(clear_requests))
        .merge(me::router())
        .merge(oidc::router())
        .merge(statements::router())
        .merge(history::router())
        .merge(warehouses::router())
        .merge(workspace::router())
        .merge(jobs::router())
        .merge(lakeview::router())
        .merge(access::router())
        .merge(schedules::router())
        .merge(unity::router())
        .with_state(Arc::clone(&app))
        .merge(app.fivetran.router())
        .fallback(unknown)
        .method_not_allowed_fallback(unknown);
    // The gate may change the path, so it must stand before the router that reads it, not be a layer of it.
    Router::new().fallback_service(routes).layer(middleware::from_fn_with_state(app, gate))
}

/// Logs a request, checks who sent it, and passes it on.
async fn gate(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let vendor = Vendor::of(&path);
    if vendor == Vendor::Kiln {
        let may = is_open(&path) || app.is_authorised(vendor, request.headers());
        return if may { next.run(request).await } else { auth::refusal(vendor) };
    }
    let sequence = app.requests.begin(vendor, request.method().as_str(), &path, request.uri().query());
    let mut response = answer(&app, vendor, sequence, request, next).await;
    let unknown = response.extensions().get::<Unknown>().is_some();
    app.requests.answered(sequence, response.status().as_u16(), unknown);
    if let Ok(id) = HeaderValue::from_str(&format!("kiln-{sequence}")) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

async fn answer(app: &App, vendor: Vendor, sequence: u64, request: Request, next: Next) -> Response {
    if !is_open(request.uri().path()) && !app.is_authorised(vendor, request.headers()) {
        return auth::refusal(vendor);
    }
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "MAX_REQUEST_SIZE_EXCEEDED",
            format!("the body of the request is cut short, or larger than {BODY_LIMIT} bytes"),
        )
        .into_response();
    };
    app.requests.received(sequence, body.len() as u64);
    parts.uri = without_last_slash(parts.uri);
    next.run(Request::from_parts(parts, Body::from(body))).await
}

/// Tells whether anybody may read the path: what clients ask before they have credentials, and links that are credentials
/// themselves.
fn is_open(path: &str) -> bool {
    matches!(path, "/_kiln/health" | me::HOST_CONFIG | oidc::DISCOVERY | oidc::TOKEN)
        || path.starts_with("/_kiln/results/")
}

/// Some clients send `/api/2.0/sql/statements/` where the documentation has no slash at the end; both are served.
fn without_last_slash(uri: Uri) -> Uri {
    let path = uri.path();
    if path.len() < 2 || !path.ends_with('/') {
        return uri;
    }
    let path = path.trim_end_matches('/');
    let changed = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    changed.parse().unwrap_or(uri)
}

/// Answers what no route fits, loudly: a client that needs more than the workspace has should be noticed.
async fn unknown(request: Request) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    tracing::warn!("the local workspace has no route for {method} {path}");
    let message = format!("No API found for '{method} {path}'");
    let mut response = match Vendor::of(path) {
        Vendor::Fivetran => {
            (StatusCode::NOT_FOUND, Json(json!({"code": "NotFound", "message": message}))).into_response()
        }
        Vendor::Databricks | Vendor::Kiln => {
            ApiError::new(StatusCode::NOT_FOUND, "ENDPOINT_NOT_FOUND", message).into_response()
        }
    };
    response.extensions_mut().insert(Unknown);
    response
}

async fn health() -> Json<serde_json::Value> {
    Json(json!({"status": "ok"}))
}

async fn requests(State(app): State<Arc<App>>) -> Json<Vec<LoggedRequest>> {
    Json(app.requests.all())
}

async fn clear_requests(State(app): State<Arc<App>>) -> Json<serde_json::Value> {
    app.requests.clear();
    Json(json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_slash_of_a_path_does_not_matter() {
        for (sent, routed) in [("/a/b/?x=1", "/a/b?x=1"), ("/a/b/", "/a/b"), ("/a/b", "/a/b"), ("/", "/")] {
            let uri = without_last_slash(sent.parse().unwrap());
            assert_eq!(uri.to_string(), routed, "{sent}");
        }
    }
}
