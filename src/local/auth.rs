//! Who may talk to the embedded workspace: whoever holds its one token, in the form each vendor's clients send it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::error::ApiError;
use super::request_log::Vendor;
use crate::secret::Secret;

/// The user name (API key) that Fivetran's basic authentication carries; the token is its password (API secret).
pub const FIVETRAN_KEY: &str = "local";

/// The client id with which the login service gives out tokens; the workspace's token is its secret.
pub const CLIENT_ID: &str = "local";

/// How long a token of the login service lives.
const LIFE: Duration = Duration::from_secs(3600);

/// The tokens that the login service gave out, by their digests, with their ends.
#[derive(Default)]
pub(super) struct Logins(Mutex<HashMap<[u8; 32], DateTime<Utc>>>);

impl Logins {
    /// Gives out a token, and says how long it lives.
    pub(super) fn issue(&self, now: DateTime<Utc>) -> (Secret, Duration) {
        let token = Secret::new(format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple()));
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, end| *end > now);
        tokens.insert(Sha256::digest(token.expose()).into(), now + LIFE);
        (token, LIFE)
    }

    /// Tells whether the request carries a token that was given out and lives.
    pub(super) fn knows(&self, headers: &HeaderMap, now: DateTime<Utc>) -> bool {
        let Some(token) = bearer(headers) else { return false };
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let digest: [u8; 32] = Sha256::digest(token).into();
        tokens.get(&digest).is_some_and(|end| *end > now)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Tells whether a secret is the workspace's token.
pub(super) fn is_token(secret: &Secret, token: &Secret) -> bool {
    same(secret.expose().as_bytes(), token.expose().as_bytes())
}

/// Tells whether the request carries the token: as a bearer token, or for Fivetran also as the password of the user
/// [`FIVETRAN_KEY`].
pub(super) fn is_authorised(vendor: Vendor, headers: &HeaderMap, token: &Secret) -> bool {
    if let Some(sent) = bearer(headers) {
        return same(sent.as_bytes(), token.expose().as_bytes());
    }
    let Some(value) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) else { return false };
    let Some((scheme, credentials)) = value.split_once(' ') else { return false };
    let credentials = credentials.trim();
    if vendor == Vendor::Fivetran && scheme.eq_ignore_ascii_case("basic") {
        let expected = format!("{FIVETRAN_KEY}:{}", token.expose());
        return BASE64_STANDARD.decode(credentials).is_ok_and(|pair| same(&pair, expected.as_bytes()));
    }
    false
}

/// The answer to a request without valid credentials, in the vendor's shape.
pub(super) fn refusal(vendor: Vendor) -> Response {
    match vendor {
        Vendor::Fivetran => {
            let body =
                json!({"code": "AuthFailed", "message": "Authentication failed: the API key or secret is wrong"});
            (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Basic realm=\"fivetran\"")], Json(body)).into_response()
        }
        Vendor::Databricks | Vendor::Kiln => ApiError::new(
            StatusCode::UNAUTHORIZED,
            "UNAUTHENTICATED",
            "Credential was not sent, is wrong, or is of an unsupported type for this API",
        )
        .into_response(),
    }
}

/// Compares in a time that depends on neither text: their digests have one length, and all bytes are looked at.
fn same(left: &[u8], right: &[u8]) -> bool {
    let (left, right) = (Sha256::digest(left), Sha256::digest(right));
    left.iter().zip(right.iter()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(vendor: Vendor, authorization: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization.parse().unwrap());
        is_authorised(vendor, &headers, &Secret::new("t0ken"))
    }

    #[test]
    fn databricks_routes_take_the_bearer_token_and_nothing_else() {
        assert!(allowed(Vendor::Databricks, "Bearer t0ken"));
        assert!(allowed(Vendor::Databricks, "bearer  t0ken"));
        assert!(!allowed(Vendor::Databricks, "Bearer t0ke"));
        assert!(!allowed(Vendor::Databricks, "Bearer t0ken2"));
        assert!(!allowed(Vendor::Databricks, "t0ken"));
        // base64 of local:t0ken
        assert!(!allowed(Vendor::Databricks, "Basic bG9jYWw6dDBrZW4="));
        assert!(!is_authorised(Vendor::Databricks, &HeaderMap::new(), &Secret::new("t0ken")));
    }

    #[test]
    fn tokens_of_the_login_service_live_for_an_hour() {
        let logins = Logins::default();
        let now: DateTime<Utc> = "2026-03-01T08:00:00Z".parse().unwrap();
        let (token, life) = logins.issue(now);
        let mut headers = HeaderMap::new();
        assert!(!logins.knows(&headers, now));
        headers.insert(AUTHORIZATION, format!("Bearer {}", token.expose()).parse().unwrap());
        assert!(logins.knows(&headers, now) && logins.knows(&headers, now + life - Duration::from_secs(1)));
        assert!(!logins.knows(&headers, now + life));
    }

    #[test]
    fn fivetran_routes_take_the_basic_pair_too() {
        assert!(allowed(Vendor::Fivetran, "Basic bG9jYWw6dDBrZW4="));
        assert!(allowed(Vendor::Fivetran, "Bearer t0ken"));
        // base64 of other:t0ken
        assert!(!allowed(Vendor::Fivetran, "Basic b3RoZXI6dDBrZW4="));
        assert!(!allowed(Vendor::Fivetran, "Basic ***"));
    }
}
