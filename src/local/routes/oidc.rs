//! The login service: tokens of an hour for whoever has the workspace's one secret, as service principals get them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use url::form_urlencoded;

use super::super::auth::{self, CLIENT_ID};
use super::super::server::App;
use crate::databricks::wire::{OauthError, OauthServer, OauthToken};
use crate::secret::Secret;

/// Where clients look for the service; the token's address below it is public too.
pub(super) const DISCOVERY: &str = "/oidc/.well-known/oauth-authorization-server";
/// Where tokens are got; the secret is in the request itself.
pub(super) const TOKEN: &str = "/oidc/v1/token";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route(DISCOVERY, get(discovery)).route(TOKEN, post(token))
}

async fn discovery(State(app): State<Arc<App>>) -> Json<OauthServer> {
    let url = format!("http://{}", app.address);
    Json(OauthServer { authorization_endpoint: format!("{url}/oidc/v1/authorize"), token_endpoint: url + TOKEN })
}

async fn token(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: String,
) -> Result<Json<OauthToken>, (StatusCode, Json<OauthError>)> {
    let field = |name: &str| {
        let found = form_urlencoded::parse(body.as_bytes()).find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    };
    match field("grant_type").as_deref() {
        Some("client_credentials") => {}
        Some(_) => {
            let message = "the local workspace trusts no identity provider; it knows `client_credentials` only";
            return Err(refused(StatusCode::BAD_REQUEST, "unsupported_grant_type", message));
        }
        None => return Err(refused(StatusCode::BAD_REQUEST, "invalid_request", "grant_type is missing")),
    }
    let basic = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let pair = basic.and_then(|basic| String::from_utf8(BASE64_STANDARD.decode(basic.trim()).ok()?).ok());
    let (id, secret) = match pair.as_deref().and_then(|pair| pair.split_once(':')) {
        Some((id, secret)) => (id.to_owned(), secret.to_owned()),
        None => (field("client_id").unwrap_or_default(), field("client_secret").unwrap_or_default()),
    };
    if id != CLIENT_ID || !auth::is_token(&Secret::new(secret), &app.token) {
        return Err(refused(StatusCode::UNAUTHORIZED, "invalid_client", "Client authentication failed"));
    }
    let (token, life) = app.logins.issue((app.clock)());
    Ok(Json(OauthToken {
        access_token: token.expose().to_owned(),
        token_type: "Bearer".to_owned(),
        expires_in: Some(life.as_secs()),
        scope: Some("all-apis".to_owned()),
    }))
}

fn refused(status: StatusCode, error: &str, message: &str) -> (StatusCode, Json<OauthError>) {
    let body = OauthError {
        error: Some(error.to_owned()),
        error_description: Some(message.to_owned()),
        ..OauthError::default()
    };
    (status, Json(body))
}
