//! A request before it is sent.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::secret::Secret;

/// The methods the services use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes or triggers.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// Returns the method's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What a request carries.
#[derive(Clone)]
pub(super) enum Body {
    /// JSON.
    Json(Value),
    /// `a=1&b=2`, as login services want it.
    Form(Vec<(&'static str, String)>),
}

/// A request: method, path, query, body, and whether it may be sent twice.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(Cow<'static, str>, String)>,
    pub(super) body: Option<Body>,
    /// What it carries and no message may repeat, beside the credentials.
    pub(super) secrets: Vec<Secret>,
    pub(super) idempotent: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) accept: &'static str,
    /// The query in place of the parameters, encoded already.
    pub(super) raw_query: Option<String>,
    /// Headers beside the usual ones.
    pub(super) headers: Vec<(String, Secret)>,
    /// What is shown in the path's place, where the path itself is a secret.
    pub(super) stand_in: Option<&'static str>,
}

impl Request {
    /// Begins a request. The path is absolute; what a user wrote goes in by [`Request::segment`].
    pub fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            query: Vec::new(),
            body: None,
            secrets: Vec::new(),
            idempotent: method == Method::Get,
            timeout: None,
            accept: "application/json",
            raw_query: None,
            headers: Vec::new(),
            stand_in: None,
        }
    }

    /// Begins a `GET`, which may always be sent twice.
    pub fn get(path: &str) -> Self {
        Self::new(Method::Get, path)
    }

    /// Begins a `POST`.
    pub fn post(path: &str) -> Self {
        Self::new(Method::Post, path)
    }

    /// Begins a `PUT`.
    pub fn put(path: &str) -> Self {
        Self::new(Method::Put, path)
    }

    /// Begins a `PATCH`.
    pub fn patch(path: &str) -> Self {
        Self::new(Method::Patch, path)
    }

    /// Begins a `DELETE`.
    pub fn delete(path: &str) -> Self {
        Self::new(Method::Delete, path)
    }

    /// Adds `/<text>` to the path, encoded so that it stays one segment whatever it holds.
    pub fn segment(mut self, text: &str) -> Self {
        self.path.push('/');
        for byte in text.bytes() {
            // A segment of dots alone would climb up the path, even encoded; it is broken by a character no id has.
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => self.path.push(char::from(byte)),
                b'.' if !matches!(text, "." | "..") => self.path.push('.'),
                b'.' => self.path.push_str("%2E%00"),
                _ => self.path.push_str(&format!("%{byte:02X}")),
            }
        }
        self
    }

    /// Adds `/<path>` to the path, as it is.
    pub fn then(mut self, path: &str) -> Self {
        self.path.push('/');
        self.path.push_str(path);
        self
    }

    /// Adds a query parameter.
    pub fn query(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Sets the whole query, encoded already.
    pub fn raw_query(mut self, query: &str) -> Self {
        self.raw_query = Some(query.to_owned());
        self
    }

    /// Adds a query parameter if there is a value.
    pub fn query_opt(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Sets the body. Wire structs always become JSON: their keys are texts.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        let body = serde_json::to_value(body).expect("wire structs have text keys and serialise without error");
        self.body = Some(Body::Json(body));
        self
    }

    /// Sets the body to fields of a form.
    pub fn form(mut self, fields: Vec<(&'static str, String)>) -> Self {
        self.body = Some(Body::Form(fields));
        self
    }

    /// Adds a header that no message shows.
    pub fn header(mut self, name: &str, value: Secret) -> Self {
        self.headers.push((name.to_owned(), value));
        self
    }

    /// Shows something else in the path's place: the address is a secret.
    pub fn shown_as(mut self, stand_in: &'static str) -> Self {
        self.stand_in = Some(stand_in);
        self
    }

    /// Returns the path, as it may be shown.
    pub(super) fn shown_path(&self) -> &str {
        self.stand_in.unwrap_or(&self.path)
    }

    /// Names a secret that the request carries, so that no message repeats it.
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secrets.push(secret);
        self
    }

    /// Says that sending the request twice does what sending it once does.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Gives one attempt another limit than the usual one.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the `Accept` header.
    pub fn accept(mut self, media_type: &'static str) -> Self {
        self.accept = media_type;
        self
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Request({self})")
    }
}

/// Method and path, without the query.
impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.shown_path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_stays_one_segment() {
        let path = |text| Request::get("/v1/connections").segment(text).then("sync").path;
        assert_eq!(path("speak_inexpensive"), "/v1/connections/speak_inexpensive/sync");
        assert_eq!(path("a/b?c#d%"), "/v1/connections/a%2Fb%3Fc%23d%25/sync");
        assert_eq!(path("main.my schema.t"), "/v1/connections/main.my%20schema.t/sync");
        let climbed = url::Url::parse(&format!("https://x.test{}", path(".."))).unwrap();
        assert!(climbed.path().starts_with("/v1/connections/"), "{climbed}");
    }

    #[test]
    fn only_reads_may_be_sent_twice_unasked() {
        assert!(Request::get("/a").idempotent);
        assert!(!Request::post("/a").idempotent && !Request::delete("/a").idempotent);
        assert!(Request::post("/a").idempotent().idempotent);
    }
}
