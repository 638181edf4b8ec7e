//! What Fivetran posts to webhooks.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::http::open_enum;

/// The body of a delivery. Older and newer ones name the connection and its group differently.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookBody {
    /// What happened, such as `sync_end`.
    pub event: String,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<DateTime<Utc>>,
    /// Kind of source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector_type: Option<String>,
    /// Id of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector_id: Option<String>,
    /// The same, in newer words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// Schema of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector_name: Option<String>,
    /// The same, in newer words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_name: Option<String>,
    /// The sync; absent in tests of a webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_id: Option<String>,
    /// Group of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_group_id: Option<String>,
    /// The same, in older words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<WebhookData>,
}

/// `data` of a delivery, as far as ends of syncs have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookData {
    /// How a sync ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<SyncEnd>,
    /// Why it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a person has to do, such as `reconnect`.
    #[serde(default, rename = "taskType", skip_serializing_if = "Option::is_none")]
    pub task_type: Option<String>,
}

open_enum! {
    /// How a sync ended.
    pub enum SyncEnd {
        /// It brought all there was.
        Successful = "SUCCESSFUL",
        /// It failed.
        Failure = "FAILURE",
        /// It failed, and somebody has to do something.
        FailureWithTask = "FAILURE_WITH_TASK",
        /// It was put off.
        Rescheduled = "RESCHEDULED",
        /// Somebody ended it.
        Canceled = "CANCELED",
    }
}

impl WebhookBody {
    /// Returns the connection's id.
    pub fn connection(&self) -> Option<&str> {
        self.connector_id.as_deref().or(self.connection_id.as_deref())
    }

    /// Returns the connection's schema.
    pub fn schema(&self) -> Option<&str> {
        self.connector_name.as_deref().or(self.connection_name.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fivetran::wire::testing::round_trip;

    #[test]
    fn deliveries_round_trip() {
        let success: WebhookBody = round_trip(
            r#"{"event":"sync_end","created":"2026-09-02T02:21:40.912Z","connector_type":"google_cloud_postgresql","connector_id":"speak_inexpensive","connector_name":"shop_pg","sync_id":"b4703f73-6315-4e22-8d7a-3bfb18b2fed2","destination_group_id":"projected_sickle","data":{"status":"SUCCESSFUL"}}"#,
        );
        assert_eq!((success.connection(), success.schema()), (Some("speak_inexpensive"), Some("shop_pg")));
        assert_eq!(success.data.unwrap().status, Some(SyncEnd::Successful));
        let failure: WebhookBody = round_trip(
            r#"{"event":"sync_end","created":"2026-09-02T02:09:12.311Z","connector_type":"google_cloud_postgresql","connector_id":"speak_inexpensive","connector_name":"shop_pg","sync_id":"63c2fc85-600b-455f-9ba0-f576522465be","destination_group_id":"projected_sickle","data":{"status":"FAILURE_WITH_TASK","reason":"FATAL: too many connections for role \"fivetran\"","taskType":"reconnect"}}"#,
        );
        assert_eq!(failure.data.unwrap().task_type.as_deref(), Some("reconnect"));
        round_trip::<WebhookBody>(
            r#"{"event":"sync_end","created":"2026-09-02T02:25:47.512Z","connector_type":"shopify","connector_id":"loud_marble","connector_name":"shopify_de","sync_id":"c316efc5-92a6-46a9-b759-60dbe5972b27","destination_group_id":"projected_sickle","data":{"status":"RESCHEDULED","reason":"Rescheduled for 2026-09-02T03:07:00.000Z, reason: ..."}}"#,
        );
    }

    #[test]
    fn other_spellings_are_understood_also_side_by_side() {
        let body: WebhookBody = serde_json::from_str(
            r#"{"event":"test_event","connector_id":"_connection_1","connection_id":"_connection_1","connection_name":"x",
                "group_id":"_destination_1","data":{"status":"LEVITATING","more":[1]}}"#,
        )
        .unwrap();
        assert_eq!(
            (body.connection(), body.schema(), body.sync_id.as_deref()),
            (Some("_connection_1"), Some("x"), None)
        );
        assert_eq!(body.data.unwrap().status, Some(SyncEnd::Other("LEVITATING".to_owned())));
    }
}
