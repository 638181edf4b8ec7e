//! The account, its groups and destinations.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `data` of `GET /v1/account/info`: whose key this is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountInfo {
    /// The account's id.
    pub account_id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
    /// The user a user key belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The id of a system key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_key_id: Option<String>,
}

/// A group: one destination and its connections. Group and destination share one id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
}

/// A destination: `data` of `GET /v1/destinations/{destinationId}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// Its id, the same as its group's.
    pub id: String,
    /// Its group's id.
    pub group_id: String,
    /// `databricks`, or another kind.
    pub service: String,
    /// Where Fivetran works for it, such as `GCP_EUROPE_WEST3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Hours from UTC, such as `+1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone_offset: Option<String>,
    /// `connected`, `incomplete` or `broken`, in lower or upper case: see [`Destination::is_connected`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_status: Option<String>,
    /// Whether the offset follows daylight saving time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daylight_saving_time_enabled: Option<bool>,
    /// How Fivetran reaches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networking_method: Option<String>,
    /// Per service; secrets come back as `******`; absent in lists. Numbers and booleans may come as texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Map<String, Value>>,
}

impl Destination {
    /// Tells whether its setup is complete and works.
    pub fn is_connected(&self) -> bool {
        self.setup_status.as_deref().is_some_and(|status| status.eq_ignore_ascii_case("connected"))
    }

    /// Returns the catalog that connections of the group write into.
    pub fn catalog(&self) -> Option<&str> {
        self.config.as_ref()?.get("catalog")?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fivetran::wire::testing::round_trip;
    use crate::fivetran::wire::{Envelope, Page};

    #[test]
    fn a_destination_round_trips() {
        let answer: Envelope<Destination> = round_trip(
            r#"{"code":"Success","data":{"id":"projected_sickle","group_id":"projected_sickle","service":"databricks","region":"GCP_EUROPE_WEST3","time_zone_offset":"+1",
  "setup_status":"connected","daylight_saving_time_enabled":false,"networking_method":"Directly",
  "config":{"catalog":"raw","server_host_name":"1234567890123456.7.gcp.databricks.com","port":443,"http_path":"/sql/1.0/warehouses/abc123",
            "auth_type":"OAUTH2","oauth2_client_id":"11111111-2222-3333-4444-555555555555","oauth2_secret":"******","cloud_provider":"GCP",
            "create_external_tables":false,"external_location":"","disable_vacuum":false,"connection_type":"Directly"}}}"#,
        );
        let destination = answer.data.unwrap();
        assert_eq!(destination.catalog(), Some("raw"));
        assert!(destination.is_connected());
        assert!(Destination { setup_status: Some("CONNECTED".into()), ..destination }.is_connected());
    }

    #[test]
    fn account_and_groups_round_trip() {
        round_trip::<AccountInfo>(r#"{"account_id":"a","account_name":"Shop","user_id":"u"}"#);
        round_trip::<Page<Group>>(
            r#"{"items":[{"id":"projected_sickle","name":"warehouse","created_at":"2026-01-12T09:30:11.204511Z"}]}"#,
        );
    }
}
