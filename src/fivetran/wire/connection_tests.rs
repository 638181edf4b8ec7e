//! Examples that pin the structs of `connection.rs`.

use serde_json::json;

use super::*;
use crate::fivetran::wire::testing::round_trip;
use crate::fivetran::wire::{Envelope, Page};

const IDLE: &str = r#"{"code":"Success","message":"Connection details retrieved successfully","data":{
  "id":"speak_inexpensive","service":"google_cloud_postgresql","schema":"shop_pg","group_id":"projected_sickle",
  "service_version":1,"paused":false,"pause_after_trial":false,"connected_by":"interment_burdensome",
  "created_at":"2026-01-12T09:30:11.204511Z","succeeded_at":"2026-09-01T02:14:29.013729Z","failed_at":"2026-08-20T02:05:02.500112Z",
  "sync_frequency":360,"schedule_type":"manual","daily_sync_time":null,
  "data_delay_sensitivity":"NORMAL","data_delay_threshold":0,"networking_method":"Directly",
  "private_link_id":null,"proxy_agent_id":null,"hybrid_deployment_agent_id":null,"destination_schema_names":"FIVETRAN_NAMING",
  "status":{"setup_state":"connected","schema_status":"ready","sync_state":"scheduled","update_state":"on_schedule",
            "is_historical_sync":false,"rescheduled_for":null,"tasks":[],"warnings":[]},
  "source_sync_details":null,
  "config":{"schema_prefix":"shop_pg","host":"10.1.2.3","port":5432,"database":"shop","user":"fivetran","password":"******",
            "auth_method":"PASSWORD","update_method":"WAL_PGOUTPUT","publication_name":"fivetran_pub",
            "replication_slot":"fivetran_slot","connection_type":"Directly","always_encrypted":true}}}"#;

#[test]
fn the_details_of_an_idle_connection_round_trip_but_for_fields_nobody_needs() {
    let answer: Envelope<Connection> = serde_json::from_str(IDLE).unwrap();
    let mut expected: Value = serde_json::from_str(IDLE).unwrap();
    let data = expected["data"].as_object_mut().unwrap();
    for unused in ["private_link_id", "proxy_agent_id", "hybrid_deployment_agent_id", "source_sync_details"] {
        data.remove(unused);
    }
    assert_eq!(serde_json::to_value(&answer).unwrap(), expected);
    let connection = answer.data.unwrap();
    assert_eq!(connection.schedule_type, Some(ScheduleType::Manual));
    assert_eq!(connection.status.sync_state, SyncState::Scheduled);
    assert!(connection.succeeded_at > connection.failed_at);
}

/// The reference shows only the fields that differ from the idle connection; this lays them over it.
fn over_idle(changes: &str) -> Connection {
    let mut base: Value = serde_json::from_str(IDLE).unwrap();
    let changes: Value = serde_json::from_str(changes).unwrap();
    for (key, value) in changes["data"].as_object().unwrap() {
        base["data"][key] = value.clone();
    }
    let connection: Connection = serde_json::from_value(base["data"].clone()).unwrap();
    let again: Connection = serde_json::from_value(serde_json::to_value(&connection).unwrap()).unwrap();
    assert_eq!(again, connection);
    connection
}

#[test]
fn a_running_sync_shows_only_in_sync_state() {
    let connection = over_idle(
        r#"{"code":"Success","data":{"id":"speak_inexpensive","succeeded_at":"2026-09-01T02:14:29.013729Z","failed_at":"2026-08-20T02:05:02.500112Z",
  "status":{"setup_state":"connected","sync_state":"syncing","update_state":"on_schedule","is_historical_sync":false,"rescheduled_for":null,"tasks":[],"warnings":[]}}}"#,
    );
    assert_eq!(connection.status.sync_state, SyncState::Syncing);
}

#[test]
fn a_success_leaves_the_old_failure_standing_and_may_warn() {
    let connection = over_idle(
        r#"{"code":"Success","data":{"id":"speak_inexpensive","succeeded_at":"2026-09-02T02:21:40.771903Z","failed_at":"2026-08-20T02:05:02.500112Z",
  "status":{"setup_state":"connected","sync_state":"scheduled","update_state":"on_schedule","is_historical_sync":false,"rescheduled_for":null,"tasks":[],
            "warnings":[{"code":"resync_table_warning","message":"Resync Table Warning","details":null}]}}}"#,
    );
    assert_eq!(connection.status.warnings[0].code, "resync_table_warning");
    assert!(connection.failed_at.is_some());
}

#[test]
fn a_failure_carries_its_tasks() {
    let connection = over_idle(
        r#"{"code":"Success","data":{"id":"speak_inexpensive","succeeded_at":"2026-09-01T02:14:29.013729Z","failed_at":"2026-09-02T02:09:12.100450Z",
  "status":{"setup_state":"broken","sync_state":"scheduled","update_state":"delayed","is_historical_sync":false,"rescheduled_for":null,
            "tasks":[{"code":"reconnect","message":"Reconnect","details":"FATAL: password authentication failed for user \"fivetran\""}],"warnings":[]}}}"#,
    );
    assert_eq!(connection.status.setup_state, SetupState::Broken);
    assert_eq!(connection.status.update_state, Some(UpdateState::Delayed));
    assert!(connection.status.tasks[0].details.as_ref().unwrap().starts_with("FATAL"));
}

#[test]
fn a_rescheduled_sync_says_until_when() {
    let connection = over_idle(
        r#"{"code":"Success","data":{"id":"loud_marble","service":"shopify","schedule_type":"manual","succeeded_at":"2026-09-01T02:30:00.120Z","failed_at":null,
  "status":{"setup_state":"connected","sync_state":"rescheduled","update_state":"on_schedule","is_historical_sync":false,
            "rescheduled_for":"2026-09-02T03:07:00.000Z","tasks":[],"warnings":[]}}}"#,
    );
    assert_eq!(connection.status.rescheduled_for.unwrap().to_rfc3339(), "2026-09-02T03:07:00+00:00");
    assert_eq!(connection.failed_at, None);
}

#[test]
fn a_connection_that_never_synced_has_neither_timestamp() {
    let connection: Envelope<Connection> = serde_json::from_str(
        r#"{"code":"Success","data":{"id":"fresh_start","succeeded_at":null,"failed_at":null,"paused":true,
  "status":{"setup_state":"incomplete","sync_state":"paused","update_state":"on_schedule","is_historical_sync":true,"tasks":[],"warnings":[]}}}"#,
    )
    .unwrap();
    let connection = connection.data.unwrap();
    assert_eq!((connection.succeeded_at, connection.failed_at), (None, None));
    assert!(connection.paused && connection.status.is_historical_sync);
    assert_eq!(serde_json::to_value(&connection).unwrap()["succeeded_at"], Value::Null);
}

#[test]
fn a_list_page_carries_status_and_timestamps() {
    let page: Envelope<Page<Connection>> = serde_json::from_str(
        r#"{"code":"Success","data":{"items":[{"id":"speak_inexpensive","service":"google_cloud_postgresql","schema":"shop_pg","group_id":"projected_sickle",
  "paused":false,"succeeded_at":"2026-09-02T02:21:40.771903Z","failed_at":null,"sync_frequency":360,"schedule_type":"manual",
  "status":{"setup_state":"connected","sync_state":"scheduled","update_state":"on_schedule","is_historical_sync":false,"tasks":[],"warnings":[]}}],
  "next_cursor":"eyJza2lwIjoxMDB9"}}"#,
    )
    .unwrap();
    let page = page.data.unwrap();
    assert_eq!(page.next_cursor.as_deref(), Some("eyJza2lwIjoxMDB9"));
    assert_eq!(page.items[0].schema, "shop_pg");
}

#[test]
fn bodies_round_trip_and_force_is_really_sent_when_false() {
    assert_eq!(serde_json::to_value(TriggerSync::default()).unwrap(), json!({"force": false}));
    round_trip::<CreateConnection>(
        r#"{"group_id":"projected_sickle","service":"google_cloud_postgresql","config":{"schema_prefix":"shop"},
            "paused":true,"sync_frequency":1440,"daily_sync_time":"06:00","schedule_type":"manual","run_setup_tests":false}"#,
    );
    round_trip::<UpdateConnection>(r#"{"schedule_type":"manual","run_setup_tests":false}"#);
    round_trip::<Resync>("{}");
    round_trip::<Resync>(r#"{"scope":{"public":["orders","customers"]}}"#);
}

#[test]
fn unknown_states_are_kept() {
    let connection =
        over_idle(r#"{"data":{"status":{"setup_state":"half","sync_state":"dreaming","tasks":[],"warnings":[]}}}"#);
    assert_eq!(connection.status.sync_state, SyncState::Other("dreaming".into()));
}
