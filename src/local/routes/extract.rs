//! Reading bodies and queries the way Databricks does: unknown fields are ignored, what is wrong is a 400 in its shape.

use std::str::FromStr;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::super::error::ApiError;
use super::BODY_LIMIT;

/// The body as JSON. No body at all counts as `{}`, as official clients send it for calls without fields.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        json(&read(request).await?).map(Self)
    }
}

/// Reads a body as JSON.
pub(super) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => ApiError::invalid(format!("the request body does not fit this API: {error}")),
        _ => ApiError::malformed(format!("the request body is not JSON: {error}")),
    })
}

/// The body as it came.
pub(super) struct RawBody(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        read(request).await.map(Self)
    }
}

async fn read(request: Request) -> Result<Bytes, ApiError> {
    to_bytes(request.into_body(), BODY_LIMIT).await.map_err(ApiError::malformed)
}

/// The query of the address: names may repeat, booleans are `true` and `false`.
pub(super) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

impl Params {
    fn parse(query: &str) -> Self {
        Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// Returns a parameter's value; an empty one counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Returns all values of a parameter that may repeat.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }

    /// Returns a parameter that the API demands.
    pub(super) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| ApiError::invalid(format!("Missing required field: {name}")))
    }

    /// Returns a number or boolean; none if it is absent.
    pub(super) fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        self.get(name)
            .map(|value| value.parse().map_err(|_| ApiError::invalid(format!("'{value}' is not a value of {name}"))))
            .transpose()
    }

    /// Returns a flag; false if it is absent.
    pub(super) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        Ok(self.parsed(name)?.unwrap_or(false))
    }
}

/// One page of a list: `size` elements from the place that the token names. The token is the number of elements before
/// it, in a coat that keeps clients from reading it.
pub(super) fn page<T>(all: Vec<T>, size: usize, token: Option<&str>) -> Result<(Vec<T>, Option<String>), ApiError> {
    let start = match token {
        None => 0,
        Some(token) => token
            .strip_prefix("page-")
            .and_then(|digits| usize::from_str_radix(digits, 16).ok())
            .ok_or_else(|| ApiError::invalid(format!("'{token}' is not a page token of this list")))?,
    };
    let end = start.saturating_add(size.max(1));
    let next = (end < all.len()).then(|| format!("page-{end:x}"));
    Ok((all.into_iter().skip(start).take(size.max(1)).collect(), next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_may_repeat() {
        let params = Params::parse("a=x%20y&a=z&flag=true&n=7&empty=&path=%2FShared%2Fa%2Bb");
        assert_eq!(params.get("a"), Some("x y"));
        assert_eq!(params.all("a"), ["x y", "z"]);
        assert!(params.flag("flag").unwrap());
        assert!(!params.flag("other").unwrap());
        assert_eq!(params.parsed::<i64>("n").unwrap(), Some(7));
        assert_eq!(params.get("empty"), None);
        assert_eq!(params.get("path"), Some("/Shared/a+b"));
        assert!(params.flag("a").is_err());
        assert!(params.required("missing").is_err());
    }

    #[test]
    fn pages_follow_one_another_and_end() {
        let (first, token) = page(vec![1, 2, 3, 4, 5], 2, None).unwrap();
        assert_eq!(first, [1, 2]);
        let (second, token) = page(vec![1, 2, 3, 4, 5], 2, token.as_deref()).unwrap();
        assert_eq!(second, [3, 4]);
        let (third, token) = page(vec![1, 2, 3, 4, 5], 2, token.as_deref()).unwrap();
        assert_eq!((third, token), (vec![5], None));
        assert!(page(vec![1], 2, Some("page-x")).is_err());
        assert_eq!(page(vec![1], 1, None).unwrap(), (vec![1], None));
    }
}
