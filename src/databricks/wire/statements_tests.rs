//! Examples that pin the structs of `statements.rs`.

use super::{ExternalLink, HistoryPage, ResultData, StatementRequest, StatementResponse, StatementState};
use crate::databricks::wire::testing::{round_trip, with_unknown_field};

#[test]
fn a_request_round_trips_and_zero_values_are_really_sent() {
    let request: StatementRequest = round_trip(
        r#"{"statement":"SELECT :n","warehouse_id":"abc123","catalog":"main","schema":"shop",
            "parameters":[{"name":"n","value":"1","type":"INT"},{"name":"nothing"}],
            "wait_timeout":"0s","on_wait_timeout":"CONTINUE","disposition":"INLINE","format":"JSON_ARRAY",
            "row_limit":0,"byte_limit":1,"query_tags":[{"key":"kiln_run","value":"r1"},{"key":"bare"}]}"#,
    );
    assert_eq!(request.parameters[1].value, None);
    let with_null: StatementRequest = serde_json::from_str(
        r#"{"statement":"SELECT :n","warehouse_id":"w","parameters":[{"name":"n","value":null,"type":"INT"}]}"#,
    )
    .unwrap();
    assert_eq!(with_null.parameters[0].value, None);
}

#[test]
fn a_success_keeps_null_apart_from_the_empty_text() {
    let json = r#"{"statement_id":"01ef-1","status":{"state":"SUCCEEDED"},
        "manifest":{"format":"JSON_ARRAY","schema":{"column_count":2,"columns":[
            {"name":"id","position":0,"type_name":"LONG","type_text":"BIGINT"},
            {"name":"amount","position":1,"type_name":"DECIMAL","type_text":"DECIMAL(10,2)","type_precision":10,
             "type_scale":2}]},
          "total_row_count":2,"total_chunk_count":1,"truncated":false,
          "chunks":[{"chunk_index":0,"row_offset":0,"row_count":2}]},
        "result":{"chunk_index":0,"row_offset":0,"row_count":2,"data_array":[["1",null],["2",""]]}}"#;
    let response: StatementResponse = round_trip(json);
    let rows = response.result.as_ref().unwrap().data_array.as_ref().unwrap();
    assert_eq!(rows[0][1], None);
    assert_eq!(rows[1][1].as_deref(), Some(""));
    assert_eq!(with_unknown_field::<StatementResponse>(json), response);
}

#[test]
fn a_failure_carries_code_message_and_sqlstate() {
    let response: StatementResponse = round_trip(
        r#"{"statement_id":"01ef-2","status":{"state":"FAILED","error":{"error_code":"BAD_REQUEST",
            "message":"[TABLE_OR_VIEW_NOT_FOUND] The table or view `x` cannot be found. SQLSTATE: 42P01"},
            "sql_state":"42P01"}}"#,
    );
    assert_eq!(response.status.state, StatementState::Failed);
    assert!(response.status.state.is_terminal());
}

#[test]
fn a_statement_without_rows_has_an_empty_result_and_no_schema() {
    let response: StatementResponse = round_trip(
        r#"{"statement_id":"01ef-3","status":{"state":"SUCCEEDED"},
            "manifest":{"format":"JSON_ARRAY","total_row_count":0,"total_chunk_count":0,"truncated":false},"result":{}}"#,
    );
    assert_eq!(response.result, Some(ResultData::default()));
}

#[test]
fn chunks_say_which_comes_next_and_unknown_states_are_not_final() {
    let chunk: ResultData = round_trip(
        r#"{"chunk_index":0,"row_offset":0,"row_count":1,"data_array":[["1"]],"next_chunk_index":1,
            "next_chunk_internal_link":"/api/2.0/sql/statements/01ef/result/chunks/1?row_offset=1"}"#,
    );
    assert_eq!(chunk.next_chunk_index, Some(1));
    let response: StatementResponse = round_trip(r#"{"statement_id":"s","status":{"state":"DAYDREAMING"}}"#);
    assert!(!response.status.state.is_terminal());
}

#[test]
fn an_external_link_does_not_show_its_address() {
    let link: ExternalLink = round_trip(
        r#"{"external_link":"https://bucket.test/x?sig=topsecret","expiration":"2026-09-01T00:00:00Z",
            "http_headers":{"x-key":"alsosecret"},"chunk_index":0,"row_offset":0,"row_count":1,"byte_count":9}"#,
    );
    assert!(!format!("{link:?}").contains("secret\"") && !format!("{link:?}").contains("sig="));
}

#[test]
fn a_page_of_the_query_history_round_trips() {
    let page: HistoryPage = round_trip(
        r#"{"res":[{"query_id":"01ef-1","query_text":"SELECT 1","status":"FINISHED","is_final":true,
            "statement_type":"SELECT","warehouse_id":"w","user_name":"ada@example.test","query_start_time_ms":1767225600000,
            "execution_end_time_ms":1767225600500,"query_end_time_ms":1767225600600,"duration":600,"rows_produced":1,
            "query_tags":[{"key":"kiln_run","value":"r1"}],"client_application":"kiln",
            "metrics":{"total_time_ms":600}}],"next_page_token":"a+b","has_next_page":true}"#,
    );
    assert_eq!(page.res[0].query_tags.as_ref().unwrap()[0].key, "kiln_run");
}
