//! What was asked of the embedded workspace: a bounded record of requests, which tests count and people read.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// How many requests are remembered; older ones are forgotten.
const CAPACITY: usize = 10_000;

/// Whose API a path belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// Databricks' REST API: every path that is not another's.
    Databricks,
    /// Fivetran's REST API, under `/v1`.
    Fivetran,
    /// The embedded workspace's own pages, under `/_kiln`. They are not logged.
    Kiln,
}

impl Vendor {
    /// Tells whose API the path belongs to.
    pub fn of(path: &str) -> Self {
        let under =
            |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if under("/v1") {
            Self::Fivetran
        } else if under("/_kiln") {
            Self::Kiln
        } else {
            Self::Databricks
        }
    }
}

/// One request, as `GET /_kiln/requests` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedRequest {
    /// Its place in the order of arrival, from 1; not reset when the log is cleared.
    pub sequence: u64,
    /// Whose API it asked.
    pub vendor: Vendor,
    /// `GET`, `POST`, ...
    pub method: String,
    /// The path as it was sent, without the query.
    pub path: String,
    /// The query as it was sent, without the question mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The size of its body, in bytes.
    pub body_bytes: u64,
    /// The status of the answer; none while the request is being worked on, or if its client went away before that.
    pub status: Option<u16>,
    /// Whether no route of the workspace fits it.
    pub unknown: bool,
}

/// The record itself.
#[derive(Debug, Default)]
pub(super) struct RequestLog {
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    last: u64,
    requests: VecDeque<LoggedRequest>,
}

impl RequestLog {
    /// Notes an arrived request and returns its sequence number.
    pub(super) fn begin(&self, vendor: Vendor, method: &str, path: &str, query: Option<&str>) -> u64 {
        let mut ring = self.lock();
        ring.last += 1;
        let sequence = ring.last;
        if ring.requests.len() == CAPACITY {
            ring.requests.pop_front();
        }
        ring.requests.push_back(LoggedRequest {
            sequence,
            vendor,
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            body_bytes: 0,
            status: None,
            unknown: false,
        });
        sequence
    }

    /// Notes the size of a request's body.
    pub(super) fn received(&self, sequence: u64, body_bytes: u64) {
        self.change(sequence, |request| request.body_bytes = body_bytes);
    }

    /// Notes a request's answer.
    pub(super) fn answered(&self, sequence: u64, status: u16, unknown: bool) {
        self.change(sequence, |request| {
            request.status = Some(status);
            request.unknown = unknown;
        });
    }

    /// Returns what is remembered, oldest first.
    pub(super) fn all(&self) -> Vec<LoggedRequest> {
        self.lock().requests.iter().cloned().collect()
    }

    /// Forgets all requests.
    pub(super) fn clear(&self) {
        self.lock().requests.clear();
    }

    fn change(&self, sequence: u64, change: impl FnOnce(&mut LoggedRequest)) {
        let mut ring = self.lock();
        // Sequence numbers in the ring are ascending, but have gaps at the front after it was cleared or ran over.
        if let Ok(index) = ring.requests.binary_search_by_key(&sequence, |request| request.sequence) {
            change(&mut ring.requests[index]);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_belong_to_vendors_by_their_first_part() {
        assert_eq!(Vendor::of("/v1/groups"), Vendor::Fivetran);
        assert_eq!(Vendor::of("/v1"), Vendor::Fivetran);
        assert_eq!(Vendor::of("/v10/x"), Vendor::Databricks);
        assert_eq!(Vendor::of("/_kiln/health"), Vendor::Kiln);
        assert_eq!(Vendor::of("/api/2.0/sql/statements"), Vendor::Databricks);
    }

    #[test]
    fn the_log_is_bounded_and_keeps_the_newest() {
        let log = RequestLog::default();
        for _ in 0..CAPACITY + 5 {
            log.begin(Vendor::Databricks, "GET", "/x", None);
        }
        log.answered(3, 200, false);
        log.answered(7, 404, true);
        let all = log.all();
        assert_eq!(all.len(), CAPACITY);
        assert_eq!((all[0].sequence, all[0].status), (6, None));
        assert_eq!((all[1].sequence, all[1].status, all[1].unknown), (7, Some(404), true));
    }

    #[test]
    fn an_answer_after_clearing_is_dropped_and_numbers_go_on() {
        let log = RequestLog::default();
        let first = log.begin(Vendor::Fivetran, "GET", "/v1/groups", Some("limit=1"));
        log.clear();
        log.answered(first, 200, false);
        assert_eq!(log.all(), []);
        assert_eq!(log.begin(Vendor::Fivetran, "GET", "/v1/groups", None), 2);
    }
}
