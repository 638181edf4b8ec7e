//! An answer after it was read.

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;

/// A good answer: its body, and the few headers that mean something.
#[derive(Clone, Debug)]
pub struct Answer<T> {
    /// The body.
    pub body: T,
    pub(super) headers: HeaderMap,
}

impl<T> Answer<T> {
    /// Returns a header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the server's own time, from its `Date` header.
    pub fn date(&self) -> Option<DateTime<Utc>> {
        date(&self.headers)
    }
}

pub(super) fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers.get("date")?.to_str().ok()?;
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc())
}
