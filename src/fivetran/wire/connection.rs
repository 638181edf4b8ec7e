//! Connections: the object, its status, and the bodies of its calls.

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::http::open_enum;

/// A connection: `data` of `GET /v1/connections/{connectionId}`, and an item of lists. There is no sync id, no start time
/// and no progress in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Its id, such as `speak_inexpensive`.
    pub id: String,
    /// Kind of source, such as `google_cloud_postgresql`.
    #[serde(default)]
    pub service: String,
    /// Destination schema, or its prefix for databases. Permanent.
    #[serde(default)]
    pub schema: String,
    /// The group, and so the destination, it belongs to.
    #[serde(default)]
    pub group_id: String,
    /// Version of the connector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_version: Option<i64>,
    /// Whether it is paused.
    #[serde(default)]
    pub paused: bool,
    /// Whether it stops when the trial ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_after_trial: Option<bool>,
    /// Id of the user who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_by: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
    /// End of the most recent sync that succeeded; `null` if none ever did.
    #[serde(default)]
    pub succeeded_at: Option<DateTime<Utc>>,
    /// End of the most recent sync that failed; `null` if none ever did. A later success does not clear it.
    #[serde(default)]
    pub failed_at: Option<DateTime<Utc>>,
    /// Minutes between scheduled syncs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_frequency: Option<i64>,
    /// `auto` or `manual`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_type: Option<ScheduleType>,
    /// `HH:MM`, with a frequency of a day.
    #[serde(default)]
    pub daily_sync_time: Option<String>,
    /// How soon lateness is reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_delay_sensitivity: Option<String>,
    /// Minutes, with `CUSTOM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_delay_threshold: Option<i64>,
    /// How the source is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networking_method: Option<String>,
    /// `FIVETRAN_NAMING` or `SOURCE_NAMING`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_schema_names: Option<String>,
    /// What it is doing and how it fares.
    pub status: ConnectionStatus,
    /// Results of setup tests, after create, update and test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_tests: Option<Vec<SetupTest>>,
    /// Per service; secrets come back as `******`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Map<String, Value>>,
}

open_enum! {
    /// `schedule_type`.
    pub enum ScheduleType {
        /// Fivetran starts syncs by itself.
        Auto = "auto",
        /// Only the API or the dashboard starts syncs, the retry of a rescheduled one included.
        Manual = "manual",
    }
}

/// `status` of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionStatus {
    /// Whether it was set up and works.
    pub setup_state: SetupState,
    /// Whether columns may be read yet, with column masking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_status: Option<String>,
    /// What it is doing.
    pub sync_state: SyncState,
    /// Whether it keeps its schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_state: Option<UpdateState>,
    /// Whether the current or next sync loads everything.
    #[serde(default)]
    pub is_historical_sync: bool,
    /// When a rescheduled sync may go on. With a manual schedule the caller must trigger it then.
    #[serde(default)]
    pub rescheduled_for: Option<DateTime<Utc>>,
    /// What a person has to do.
    #[serde(default)]
    pub tasks: Vec<Task>,
    /// What a person should know.
    #[serde(default)]
    pub warnings: Vec<Task>,
}

open_enum! {
    /// `status.setup_state`.
    pub enum SetupState {
        /// The setup tests never passed.
        Incomplete = "incomplete",
        /// Works.
        Connected = "connected",
        /// Worked once.
        Broken = "broken",
    }
}

open_enum! {
    /// `status.sync_state`.
    pub enum SyncState {
        /// Idle; also for a while after a trigger.
        Scheduled = "scheduled",
        /// A sync runs.
        Syncing = "syncing",
        /// Stopped by somebody.
        Paused = "paused",
        /// Waits for the source's quota or a retry time.
        Rescheduled = "rescheduled",
    }
}

open_enum! {
    /// `status.update_state`.
    pub enum UpdateState {
        /// In time.
        OnSchedule = "on_schedule",
        /// Late.
        Delayed = "delayed",
    }
}

/// An entry of `tasks` or `warnings`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Such as `reconnect`.
    pub code: String,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// More, often the source's own words.
    #[serde(default)]
    pub details: Option<String>,
}

/// A setup test's result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupTest {
    /// What was tested.
    pub title: String,
    /// `PASSED`, `SKIPPED`, `WARNING`, `FAILED` or `JOB_FAILED`.
    pub status: String,
    /// What came out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

/// Body of `POST /v1/connections`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CreateConnection {
    /// The group it goes into.
    pub group_id: String,
    /// Kind of source.
    pub service: String,
    /// Per service; holds the schema prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Map<String, Value>>,
    /// Credentials, for services that want them apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Map<String, Value>>,
    /// Whether it begins paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// Minutes between scheduled syncs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_frequency: Option<i64>,
    /// `HH:MM`, with a frequency of a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_sync_time: Option<String>,
    /// Who starts syncs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_type: Option<ScheduleType>,
    /// How the source is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networking_method: Option<String>,
    /// `FIVETRAN_NAMING` or `SOURCE_NAMING`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_schema_names: Option<String>,
    /// Whether setup tests run; Fivetran takes true if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_setup_tests: Option<bool>,
}

/// Body of `PATCH /v1/connections/{connectionId}`; what is absent stays as it is. `run_setup_tests` may not stand alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UpdateConnection {
    /// Per service; only the given keys change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Map<String, Value>>,
    /// Credentials, for services that want them apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Map<String, Value>>,
    /// Pauses or goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// Minutes between scheduled syncs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_frequency: Option<i64>,
    /// `HH:MM`, with a frequency of a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_sync_time: Option<String>,
    /// Who starts syncs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_type: Option<ScheduleType>,
    /// How the source is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networking_method: Option<String>,
    /// True starts a historical sync at once and ends a running one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_historical_sync: Option<bool>,
    /// Whether setup tests run; Fivetran takes true if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_setup_tests: Option<bool>,
}

/// Body of `POST /v1/connections/{connectionId}/sync`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerSync {
    /// True ends a running sync and starts over; false does nothing while one runs.
    #[serde(default)]
    pub force: bool,
}

/// Body of `POST /v1/connections/{connectionId}/resync`: everything, or source schema → tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resync {
    /// What to load again; absent means everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<IndexMap<String, Vec<String>>>,
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
