//! SQL warehouses.

use serde::{Deserialize, Serialize};

use crate::http::open_enum;

/// A warehouse, as `GET /api/2.0/sql/warehouses/{id}` answers and lists hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warehouse {
    /// Opaque id.
    pub id: String,
    /// Name, unique in the workspace.
    pub name: String,
    /// What it is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<WarehouseState>,
    /// Such as `2X-Small`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_size: Option<String>,
    /// `PRO` or `CLASSIC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse_type: Option<String>,
    /// Serverless or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_serverless_compute: Option<bool>,
    /// Minutes of idleness until it stops; 0 means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_stop_mins: Option<i64>,
    /// Clusters that run now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_clusters: Option<i64>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator_name: Option<String>,
    /// How drivers reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub odbc_params: Option<OdbcParams>,
    /// How it fares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
}

open_enum! {
    /// `state` of a warehouse.
    pub enum WarehouseState {
        /// Being started.
        Starting = "STARTING",
        /// Ready.
        Running = "RUNNING",
        /// Being stopped.
        Stopping = "STOPPING",
        /// Stopped; a statement starts it.
        Stopped = "STOPPED",
        /// Being deleted.
        Deleting = "DELETING",
        /// Gone.
        Deleted = "DELETED",
    }
}

/// `odbc_params` of a warehouse.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OdbcParams {
    /// The workspace's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// `/sql/1.0/warehouses/{id}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// 443.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i64>,
    /// `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
}

/// `health` of a warehouse.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `HEALTHY`, `DEGRADED` or `FAILED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// One line about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
}

/// A page of `GET /api/2.0/sql/warehouses`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarehouseList {
    /// The warehouses the caller may see.
    #[serde(default)]
    pub warehouses: Vec<Warehouse>,
    /// Asks for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Answer of `GET /api/warehouses/v1/default-warehouse-overrides/me`: the warehouse the caller chose as their default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultWarehouse {
    /// `CUSTOM` names a warehouse; other kinds leave the choice to the workspace.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The chosen warehouse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databricks::wire::testing::{round_trip, with_unknown_field};

    const LIST: &str = r#"{"warehouses":[{"id":"abc123","name":"shared","state":"STOPPED","cluster_size":"2X-Small",
        "warehouse_type":"PRO","enable_serverless_compute":true,"auto_stop_mins":10,"num_clusters":0,
        "creator_name":"ada@example.test",
        "odbc_params":{"hostname":"dbc.test","path":"/sql/1.0/warehouses/abc123","port":443,"protocol":"https"},
        "health":{"status":"HEALTHY"}}],"next_page_token":"t"}"#;

    #[test]
    fn a_page_of_warehouses_round_trips() {
        let page: WarehouseList = round_trip(LIST);
        assert_eq!(page.warehouses[0].state, Some(WarehouseState::Stopped));
        assert_eq!(with_unknown_field::<WarehouseList>(LIST), page);
        assert!(round_trip::<WarehouseList>(r#"{"warehouses":[]}"#).next_page_token.is_none());
    }
}
