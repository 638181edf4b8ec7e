//! Who may talk to the embedded workspace: whoever holds its one token, in the form each vendor's clients send it.

use axum::Json;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::error::ApiError;
use super::request_log::Vendor;
use crate::secret::Secret;

/// The user name (API key) that Fivetran's basic authentication carries; the token is its password (API secret).
pub const FIVETRAN_KEY: &str = "local";

/// Tells whether the request carries the token: as a bearer token, or for Fivetran also as the password of the user
/// [`FIVETRAN_KEY`].
pub(super) fn is_authorised(vendor: Vendor, headers: &HeaderMap, token: &Secret) -> bool {
    let Some(value) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) else { return false };
    let Some((scheme, credentials)) = value.split_once(' ') else { return false };
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return same(credentials.as_bytes(), token.expose().as_bytes());
    }
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
    fn fivetran_routes_take_the_basic_pair_too() {
        assert!(allowed(Vendor::Fivetran, "Basic bG9jYWw6dDBrZW4="));
        assert!(allowed(Vendor::Fivetran, "Bearer t0ken"));
        // base64 of other:t0ken
        assert!(!allowed(Vendor::Fivetran, "Basic b3RoZXI6dDBrZW4="));
        assert!(!allowed(Vendor::Fivetran, "Basic ***"));
    }
}
