//! SQL Statement Execution and query history: states, waits, chunks, limits, errors.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_query_answers_with_manifest_and_rows_as_texts() {
    let local = Local::start().await;
    let sql = "SELECT 1 AS one, CAST(2.50 AS DECIMAL(10,2)) AS d, 'x' AS t, CAST(NULL AS STRING) AS n";
    let answer = local.sql(sql).await;
    let columns = json!([
        {"name": "one", "position": 0, "type_name": "INT", "type_text": "INT"},
        {"name": "d", "position": 1, "type_name": "DECIMAL", "type_text": "DECIMAL(10,2)", "type_precision": 10, "type_scale": 2},
        {"name": "t", "position": 2, "type_name": "STRING", "type_text": "STRING"},
        {"name": "n", "position": 3, "type_name": "STRING", "type_text": "STRING"},
    ]);
    assert_eq!(answer["status"], json!({"state": "SUCCEEDED"}));
    assert_eq!(
        answer["manifest"],
        json!({
            "format": "JSON_ARRAY",
            "schema": {"column_count": 4, "columns": columns},
            "total_row_count": 1,
            "total_chunk_count": 1,
            "truncated": false,
            "chunks": [{"chunk_index": 0, "row_offset": 0, "row_count": 1}],
        })
    );
    assert_eq!(
        answer["result"],
        json!({"chunk_index": 0, "row_offset": 0, "row_count": 1, "data_array": [["1", "2.50", "x", null]]})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_wait_a_statement_is_pending_until_it_is_polled() {
    let local = Local::start().await;
    let answer = local.submit("SELECT 1 AS one", json!({"wait_timeout": "0s", "on_wait_timeout": "CANCEL"})).await;
    assert_eq!(answer["status"], json!({"state": "PENDING"}));
    assert_eq!(answer.get("manifest"), None);
    let done = local.until(&answer["statement_id"], &["SUCCEEDED"]).await;
    assert_eq!(done["statement_id"], answer["statement_id"]);
    assert_eq!(done["result"]["data_array"], json!([["1"]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_the_sql_is_a_failed_statement_with_its_condition() {
    let local = Local::start().await;
    let answer = local.submit("SELECT * FROM no_such_table", json!({})).await;
    let status = &answer["status"];
    assert_eq!((status["state"].as_str(), status["sql_state"].as_str()), (Some("FAILED"), Some("42P01")), "{answer}");
    assert_eq!(status["error"]["error_code"], "BAD_REQUEST");
    assert!(status["error"]["message"].as_str().unwrap().starts_with("[TABLE_OR_VIEW_NOT_FOUND] "), "{status}");
    assert_eq!(answer.get("result"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_the_api_does_not_allow_are_refused() {
    let local = Local::start().await;
    let path = "/api/2.0/sql/statements";
    for (fields, word) in [
        (json!({"wait_timeout": "4s"}), "wait_timeout"),
        (json!({"wait_timeout": "51s"}), "wait_timeout"),
        (json!({"wait_timeout": "soon"}), "wait_timeout"),
        (json!({"on_wait_timeout": "GIVE_UP"}), "on_wait_timeout"),
        (json!({"disposition": "BY_POST"}), "disposition"),
        (json!({"format": "ARROW_STREAM"}), "ARROW_STREAM"),
        (json!({"row_limit": -1}), "row_limit"),
        (json!({"parameters": [{"name": "", "value": "1"}]}), "name"),
        (json!({"parameters": "x"}), "parameters"),
    ] {
        let mut body = json!({"statement": "SELECT 1", "warehouse_id": WAREHOUSE_ID});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let (status, answer) = local.post(path, body).await;
        assert_eq!((status, &answer["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")), "{fields} {answer}");
        // A wrong type is told by its place, not by its field.
        let named = answer["message"].as_str().unwrap().contains(word) || fields["parameters"].is_string();
        assert!(named, "{fields}: {answer}");
    }
    let (status, answer) = local.post(path, json!({"statement": "SELECT 1", "warehouse_id": "abc"})).await;
    assert_eq!((status, &answer["error_code"]), (404, &json!("RESOURCE_DOES_NOT_EXIST")));
    let (status, answer) = local.post(path, json!({"warehouse_id": WAREHOUSE_ID})).await;
    assert_eq!((status, &answer["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")));
    let (status, answer) = super::answer(local.request(Method::POST, path).body("{\"statement\": ")).await;
    assert_eq!((status, &answer["error_code"]), (400, &json!("MALFORMED_REQUEST")));
    // Fields that nobody knows, and a slash at the end, do no harm.
    let body = json!({"statement": "SELECT 1", "warehouse_id": WAREHOUSE_ID, "added_in_2030": {"deep": true}});
    assert_eq!(local.post("/api/2.0/sql/statements/", body).await.0, 200);
    for path in ["/api/2.0/sql/statements/nothing", "/api/2.0/sql/statements/nothing/result/chunks/0"] {
        let (status, answer) = local.get(path).await;
        assert_eq!((status, &answer["error_code"]), (404, &json!("RESOURCE_DOES_NOT_EXIST")), "{path}");
    }
    assert_eq!(local.post("/api/2.0/sql/statements/nothing/cancel", json!({})).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_result_comes_in_chunks_that_lead_to_one_another() {
    let local = Local::start().await;
    let first = local.sql(&over_numbers(5, "SELECT id FROM numbers WHERE id < 25000 ORDER BY id")).await;
    assert_eq!(first["manifest"]["total_row_count"], 25_000);
    assert_eq!(first["manifest"]["total_chunk_count"], 3);
    let mut rows: Vec<i64> = Vec::new();
    let mut chunk = first["result"].clone();
    loop {
        assert_eq!(chunk["row_offset"], rows.len());
        let values = chunk["data_array"].as_array().unwrap().iter();
        rows.extend(values.map(|row| row[0].as_str().unwrap().parse::<i64>().unwrap()));
        let Some(link) = chunk["next_chunk_internal_link"].as_str() else { break };
        assert!(link.contains(&format!("/result/chunks/{}", chunk["next_chunk_index"])));
        chunk = local.ok(Method::GET, link, Value::Null).await;
    }
    assert!(rows.into_iter().eq(0..25_000));
    let beyond = format!("{}/result/chunks/3", statement_path(&first["statement_id"]));
    assert_eq!(local.get(&beyond).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_cut_a_result_off_and_say_so() {
    let local = Local::start().await;
    let sql = &over_numbers(2, "SELECT id FROM numbers ORDER BY id");
    let wide = &over_numbers(2, "SELECT repeat('x', 1000000) AS x FROM numbers WHERE id < 30");
    let answer = local.submit(sql, json!({"row_limit": 3})).await;
    assert_eq!(answer["result"]["data_array"], json!([["0"], ["1"], ["2"]]));
    assert_eq!((&answer["manifest"]["truncated"], &answer["manifest"]["total_row_count"]), (&json!(true), &json!(3)));
    let answer = local.submit(sql, json!({"byte_limit": 20})).await;
    assert_eq!((&answer["manifest"]["truncated"], &answer["manifest"]["total_row_count"]), (&json!(true), &json!(3)));
    let answer = local.submit(wide, json!({})).await;
    assert_eq!(answer["status"]["state"], "FAILED");
    assert!(answer["status"]["error"]["message"].as_str().unwrap().contains("26214400 bytes"), "{answer}");
    let whole = local.submit(wide, json!({"row_limit": 20})).await;
    // 4 rows of a megabyte to a chunk.
    assert_eq!(whole["manifest"]["total_chunk_count"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_without_rows_answer_an_empty_result() {
    let local = Local::start().await;
    for sql in ["CREATE SCHEMA IF NOT EXISTS main.shop", "CREATE OR REPLACE TABLE main.shop.t AS SELECT 1 AS a"] {
        let answer = local.sql(sql).await;
        assert_eq!(
            answer["manifest"]["total_chunk_count"].as_i64().unwrap_or(0),
            answer["result"]["row_count"].as_i64().unwrap_or(0)
        );
    }
    let answer = local.submit("SELECT a FROM t WHERE a > 5", json!({"catalog": "main", "schema": "shop"})).await;
    assert_eq!(answer["result"], json!({}));
    assert_eq!(answer["manifest"]["total_chunk_count"], 0);
    assert_eq!(answer["manifest"]["schema"]["columns"][0]["name"], "a");
    let chunk = format!("{}/result/chunks/0", statement_path(&answer["statement_id"]));
    assert_eq!(local.get(&chunk).await, (200, json!({})));
}

#[tokio::test(flavor = "multi_thread")]
async fn named_parameters_are_cast_to_their_types() {
    let local = Local::start().await;
    let parameters = json!([
        {"name": "n", "value": "41", "type": "INT"}, {"name": "s", "value": "41"}, {"name": "none", "type": "DATE"},
    ]);
    let answer = local.submit("SELECT :n + 1 AS n, :s AS s, :none AS d", json!({"parameters": parameters})).await;
    assert_eq!(answer["result"]["data_array"], json!([["42", "41", null]]), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_statement_can_be_cancelled() {
    let local = Local::start().await;
    let answer = local.submit(&endless(), json!({"wait_timeout": "0s"})).await;
    let id = &answer["statement_id"];
    local.until(id, &["RUNNING"]).await;
    let result = format!("{}/result/chunks/0", statement_path(id));
    assert_eq!(local.get(&result).await.0, 400, "there is no result yet");
    let cancelled = local.ok(Method::POST, &format!("{}/cancel", statement_path(id)), json!({})).await;
    assert_eq!(cancelled, json!({}));
    let end = local.until(id, &["CANCELED", "SUCCEEDED", "FAILED"]).await;
    assert_eq!(end["status"], json!({"state": "CANCELED"}));
    let history = local.ok(Method::GET, "/api/2.0/sql/history/queries", Value::Null).await;
    assert_eq!((&history["res"][0]["status"], &history["res"][0]["is_final"]), (&json!("CANCELED"), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_wait_is_over_a_statement_goes_on_or_is_cancelled_as_asked() {
    let local = Local::start().await;
    let begun = Instant::now();
    let sql = &endless();
    let go_on = local.submit(sql, json!({"wait_timeout": "5s", "on_wait_timeout": "CONTINUE"}));
    let give_up = local.submit(sql, json!({"wait_timeout": "5s", "on_wait_timeout": "CANCEL"}));
    let (go_on, give_up) = tokio::join!(go_on, give_up);
    assert!(begun.elapsed() >= Duration::from_secs(5));
    assert_eq!(go_on["status"], json!({"state": "RUNNING"}));
    assert_eq!(give_up["status"], json!({"state": "CANCELED"}));
    let id = &go_on["statement_id"];
    local.ok(Method::POST, &format!("{}/cancel", statement_path(id)), json!({})).await;
    local.until(id, &["CANCELED"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_a_statement_or_an_hour_takes_its_result_away() {
    let local = Local::start().await;
    let closed = local.sql("SELECT 1 AS a").await;
    assert_eq!(local.ok(Method::DELETE, &statement_path(&closed["statement_id"]), Value::Null).await, json!({}));
    let answer = local.ok(Method::GET, &statement_path(&closed["statement_id"]), Value::Null).await;
    assert_eq!(answer, json!({"statement_id": closed["statement_id"], "status": {"state": "CLOSED"}}));

    let old = local.sql("SELECT 2 AS a").await;
    local.advance(TimeDelta::minutes(60));
    local.until(&old["statement_id"], &["SUCCEEDED"]).await;
    local.advance(TimeDelta::seconds(1));
    local.until(&old["statement_id"], &["CLOSED"]).await;
    assert_eq!(local.get(&format!("{}/result/chunks/0", statement_path(&old["statement_id"]))).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_finds_statements_by_tag_time_and_state() {
    let local = Local::start().await;
    let tags = json!([{"key": "kiln_run", "value": "r1"}, {"key": "flag", "value": ""}]);
    let tagged = local.submit("SELECT 1 AS a", json!({"query_tags": tags})).await;
    local.advance(TimeDelta::seconds(10));
    let failed = local.submit("SELECT nonsense FROM nowhere", json!({})).await;
    let path = "/api/2.0/sql/history/queries";
    let all = local.ok(Method::GET, path, Value::Null).await;
    let ids: Vec<&Value> = all["res"].as_array().unwrap().iter().map(|entry| &entry["query_id"]).collect();
    assert_eq!(ids, [&failed["statement_id"], &tagged["statement_id"]], "newest first");
    assert_eq!(all["has_next_page"], false);
    let entry = &all["res"][1];
    assert_eq!(entry["query_tags"], json!([{"key": "kiln_run", "value": "r1"}, {"key": "flag"}]));
    assert_eq!(entry["query_text"], "SELECT 1 AS a");
    assert_eq!((&entry["status"], &entry["is_final"]), (&json!("FINISHED"), &json!(true)));
    assert_eq!((&entry["rows_produced"], &entry["query_start_time_ms"]), (&json!(1), &json!(START_MS)));
    assert_eq!((&entry["warehouse_id"], &entry["user_name"]), (&json!(WAREHOUSE_ID), &json!("ada@example.test")));
    assert!(all["res"][0]["error_message"].as_str().unwrap().starts_with("[TABLE_OR_VIEW_NOT_FOUND]"));

    for (query, expected) in [
        ("filter_by.statuses=FAILED", vec![&failed["statement_id"]]),
        (&*format!("filter_by.query_start_time_range.start_time_ms={}", START_MS + 1), vec![&failed["statement_id"]]),
        (&*format!("filter_by.query_start_time_range.end_time_ms={START_MS}"), vec![&tagged["statement_id"]]),
        (
            "filter_by.warehouse_ids=local&filter_by.warehouse_ids=other&filter_by.statuses=FINISHED",
            vec![&tagged["statement_id"]],
        ),
        ("filter_by.warehouse_ids=other", vec![]),
    ] {
        let page = local.ok(Method::GET, &format!("{path}?{query}"), Value::Null).await;
        let ids: Vec<&Value> = page["res"].as_array().unwrap().iter().map(|entry| &entry["query_id"]).collect();
        assert_eq!(ids, expected, "{query}");
    }
    let first = local.ok(Method::GET, &format!("{path}?max_results=1&include_metrics=true"), Value::Null).await;
    assert_eq!((&first["res"][0]["query_id"], &first["has_next_page"]), (&failed["statement_id"], &json!(true)));
    assert!(first["res"][0]["metrics"].is_object());
    let token = first["next_page_token"].as_str().unwrap();
    let second = local.ok(Method::GET, &format!("{path}?max_results=1&page_token={token}"), Value::Null).await;
    assert_eq!((&second["res"][0]["query_id"], &second["has_next_page"]), (&tagged["statement_id"], &json!(false)));
    assert_eq!(local.get(&format!("{path}?max_results=1000")).await.0, 400);
}
