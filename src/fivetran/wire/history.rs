//! The history of a connection's syncs, which newer accounts have. Its field names are not documented in all places, so
//! each is read under every name that it was seen or may be guessed to have, and nothing is required.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// An item of `GET /v1/connections/{connectionId}/sync-history`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRecord {
    /// The sync.
    #[serde(default, alias = "id", skip_serializing_if = "Option::is_none")]
    pub sync_id: Option<String>,
    /// Such as `SUCCESSFUL` or `FAILURE_WITH_TASK`.
    #[serde(default, alias = "state", skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// When it started; none: it is queued.
    #[serde(
        default,
        alias = "started_at",
        alias = "sync_start",
        alias = "start",
        skip_serializing_if = "Option::is_none"
    )]
    pub start_time: Option<DateTime<Utc>>,
    /// When it ended.
    #[serde(default, alias = "end_time", alias = "sync_end", alias = "end", skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it did not succeed.
    #[serde(default, alias = "message", alias = "error", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_read_whatever_its_fields_are_called_and_a_queued_one_has_no_start() {
        let record: SyncRecord = serde_json::from_str(
            r#"{"id":"b4703f73","status":"FAILURE","start":"2026-09-02T02:00:00Z","sync_end":"2026-09-02T02:09:12.100Z",
                "reason":"FATAL: too many connections","load":{"volume":3}}"#,
        )
        .unwrap();
        assert_eq!(record.reason.as_deref(), Some("FATAL: too many connections"));
        assert_eq!(record.ended_at.unwrap().to_rfc3339(), "2026-09-02T02:09:12.100+00:00");
        let queued: SyncRecord = serde_json::from_str(r#"{"sync_id":"x","start_time":null}"#).unwrap();
        assert_eq!((queued.start_time, queued.ended_at), (None, None));
    }
}
