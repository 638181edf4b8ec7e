//! Lakeview (AI/BI) dashboards: the draft, the published copy, and the bodies of their calls.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::http::open_enum;

/// A draft. Lists leave out `path`, `parent_path`, `serialized_dashboard`, `etag` and `update_time`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dashboard {
    /// 32 hexadecimal digits.
    pub dashboard_id: String,
    /// Title, and stem of the file's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The folder, without a leading `/Workspace` and without a trailing slash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_path: Option<String>,
    /// `<parent_path>/<display_name>.lvdash.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The content of the `.lvdash.json` file, as one text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serialized_dashboard: Option<String>,
    /// The draft's warehouse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse_id: Option<String>,
    /// Version of the draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_time: Option<DateTime<Utc>>,
    /// When the draft was changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_time: Option<DateTime<Utc>>,
    /// Active or in the trash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle_state: Option<LifecycleState>,
}

impl Dashboard {
    /// Returns the content; null if there is none, or if it is no JSON.
    pub fn content(&self) -> Value {
        let text = self.serialized_dashboard.as_deref().unwrap_or_default();
        serde_json::from_str(text).unwrap_or_default()
    }
}

open_enum! {
    /// `lifecycle_state`.
    pub enum LifecycleState {
        /// In use.
        Active = "ACTIVE",
        /// In the caller's trash; to be treated as gone.
        Trashed = "TRASHED",
    }
}

/// A page of `GET /api/2.0/lakeview/dashboards`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DashboardList {
    /// The drafts, in short form.
    #[serde(default)]
    pub dashboards: Vec<Dashboard>,
    /// Asks for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Body of `POST /api/2.0/lakeview/dashboards`. Default catalog and schema of the datasets go in the query, as
/// `dataset_catalog` and `dataset_schema`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateDashboard {
    /// Title, and stem of the file's name.
    pub display_name: String,
    /// The folder; the caller's home if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_path: Option<String>,
    /// The content of the `.lvdash.json` file, as one text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serialized_dashboard: Option<String>,
    /// The draft's warehouse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse_id: Option<String>,
}

/// Body of `PATCH /api/2.0/lakeview/dashboards/{dashboard_id}`; what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateDashboard {
    /// A new title renames the file and keeps the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The content of the `.lvdash.json` file, as one text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serialized_dashboard: Option<String>,
    /// The draft's warehouse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse_id: Option<String>,
    /// Version this update is based on; a stale one is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// Body of `POST /api/2.0/lakeview/dashboards/{dashboard_id}/published`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publish {
    /// Whether viewers query as the publisher; always sent.
    #[serde(default)]
    pub embed_credentials: bool,
    /// Overrides the draft's warehouse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse_id: Option<String>,
}

/// The published copy: `GET …/{dashboard_id}/published`. It has neither etag nor content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Title when it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The warehouse viewers use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse_id: Option<String>,
    /// Whether viewers query as the publisher.
    #[serde(default)]
    pub embed_credentials: bool,
    /// When it was published; it is current if this is not before the draft's `update_time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision_create_time: Option<DateTime<Utc>>,
}

/// Body of `POST …/{dashboard_id}/revert`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revert {
    /// Version of the draft that may be thrown away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databricks::wire::testing::{round_trip, with_unknown_field};

    const DRAFT: &str = r#"{"dashboard_id":"01ef6f1e2c3d4a5b6c7d8e9f0a1b2c3d","display_name":"Retention",
        "parent_path":"/Shared/Retention","path":"/Shared/Retention/Retention.lvdash.json",
        "serialized_dashboard":"{\"datasets\":[],\"pages\":[]}\n","warehouse_id":"abc123","etag":"80611980",
        "create_time":"2026-09-01T02:14:29.013Z","update_time":"2026-09-02T02:14:29.013Z","lifecycle_state":"ACTIVE"}"#;

    #[test]
    fn a_draft_round_trips() {
        let draft: Dashboard = round_trip(DRAFT);
        assert_eq!(draft.lifecycle_state, Some(LifecycleState::Active));
        assert!(draft.update_time > draft.create_time);
        assert_eq!(with_unknown_field::<Dashboard>(DRAFT), draft);
    }

    #[test]
    fn lists_leave_most_fields_out() {
        let page: DashboardList = round_trip(
            r#"{"dashboards":[{"dashboard_id":"01ef","display_name":"Retention","warehouse_id":"abc123",
                "create_time":"2026-09-01T02:14:29.013Z","lifecycle_state":"TRASHED"}],"next_page_token":"n"}"#,
        );
        assert_eq!(page.dashboards[0].etag, None);
    }

    #[test]
    fn requests_and_the_published_copy_round_trip() {
        round_trip::<CreateDashboard>(
            r#"{"display_name":"Retention","parent_path":"/Shared","serialized_dashboard":"{}","warehouse_id":"w"}"#,
        );
        round_trip::<UpdateDashboard>(r#"{"serialized_dashboard":"{}","etag":"1"}"#);
        round_trip::<Revert>("{}");
        let publish: Publish = round_trip(r#"{"embed_credentials":false,"warehouse_id":"w"}"#);
        assert!(!publish.embed_credentials);
        round_trip::<Published>(
            r#"{"display_name":"Retention","warehouse_id":"w","embed_credentials":false,
                "revision_create_time":"2026-09-02T02:14:30.500Z"}"#,
        );
    }
}
