//! The embedded workspace over real HTTP: what Databricks' clients see of it, checked as JSON so that nothing here shares
//! a struct with the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, TimeDelta};
use kiln::local::{Server, Settings, StartError, WAREHOUSE_ID};
use kiln::secret::Secret;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

/// 2026-03-01T08:00:00Z, where the clock of every test begins.
const START_MS: i64 = 1_772_352_000_000;

/// A query that would run for hours, and can be cancelled.
const ENDLESS: &str = "SELECT sum((a.id * b.id) % 7) AS s FROM range(0, 10000000) a CROSS JOIN range(0, 10000000) b";

/// A workspace in a folder of its own, with a clock that the test moves.
struct Local {
    server: Server,
    http: reqwest::Client,
    now_ms: Arc<AtomicI64>,
    dir: TempDir,
}

fn settings(dir: &TempDir, now_ms: &Arc<AtomicI64>) -> Settings {
    let now_ms = Arc::clone(now_ms);
    let clock = Arc::new(move || DateTime::from_timestamp_millis(now_ms.load(Ordering::Relaxed)).unwrap());
    let mut settings = Settings::new(dir.path().join("workspace"), clock);
    settings.user_name = "ada@example.test".to_owned();
    settings
}

impl Local {
    async fn start() -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(START_MS))).await
    }

    async fn in_folder(dir: TempDir, now_ms: Arc<AtomicI64>) -> Self {
        let server = Server::start(settings(&dir, &now_ms)).await.unwrap();
        Self { server, http: reqwest::Client::new(), now_ms, dir }
    }

    /// Ends the server and starts another one on the same folder.
    async fn restarted(self) -> Self {
        self.server.shutdown().await;
        Self::in_folder(self.dir, self.now_ms).await
    }

    fn advance(&self, by: TimeDelta) {
        self.now_ms.fetch_add(by.num_milliseconds(), Ordering::Relaxed);
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.server.url())).bearer_auth(self.server.token().expose())
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        answer(request).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn ok(&self, method: Method, path: &str, body: Value) -> Value {
        let body = (method != Method::GET && method != Method::DELETE).then_some(body);
        let (status, answer) = self.call(method, path, body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Submits a statement with further fields of the request.
    async fn submit(&self, sql: &str, fields: Value) -> Value {
        let mut body = json!({"statement": sql, "warehouse_id": WAREHOUSE_ID, "wait_timeout": "50s"});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.ok(Method::POST, "/api/2.0/sql/statements", body).await
    }

    async fn sql(&self, sql: &str) -> Value {
        let answer = self.submit(sql, json!({})).await;
        assert_eq!(answer["status"]["state"], "SUCCEEDED", "{sql}: {answer}");
        answer
    }

    /// Polls a statement until it is in one of the states.
    async fn until(&self, id: &Value, states: &[&str]) -> Value {
        let begun = Instant::now();
        loop {
            let answer = self.ok(Method::GET, &statement_path(id), Value::Null).await;
            let state = answer["status"]["state"].as_str().unwrap();
            if states.contains(&state) {
                return answer;
            }
            let waits = matches!(state, "PENDING" | "RUNNING");
            assert!(waits && begun.elapsed() < Duration::from_secs(60), "waiting for {states:?}: {answer}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn statement_path(id: &Value) -> String {
    format!("/api/2.0/sql/statements/{}", id.as_str().unwrap())
}

fn base64(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

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
        (json!({"disposition": "EXTERNAL_LINKS"}), "EXTERNAL_LINKS"),
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
    let (status, answer) = self::answer(local.request(Method::POST, path).body("{\"statement\": ")).await;
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
    let first = local.sql("SELECT id FROM range(0, 25000) ORDER BY id").await;
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
    let sql = "SELECT id FROM range(0, 100) ORDER BY id";
    let answer = local.submit(sql, json!({"row_limit": 3})).await;
    assert_eq!(answer["result"]["data_array"], json!([["0"], ["1"], ["2"]]));
    assert_eq!((&answer["manifest"]["truncated"], &answer["manifest"]["total_row_count"]), (&json!(true), &json!(3)));
    let answer = local.submit(sql, json!({"byte_limit": 20})).await;
    assert_eq!((&answer["manifest"]["truncated"], &answer["manifest"]["total_row_count"]), (&json!(true), &json!(3)));
    let answer = local.submit("SELECT repeat('x', 1000000) AS x FROM range(0, 30)", json!({})).await;
    assert_eq!(answer["status"]["state"], "FAILED");
    assert!(answer["status"]["error"]["message"].as_str().unwrap().contains("26214400 bytes"), "{answer}");
    let whole = local.submit("SELECT repeat('x', 1000000) AS x FROM range(0, 30)", json!({"row_limit": 20})).await;
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
    let answer = local.submit(ENDLESS, json!({"wait_timeout": "0s"})).await;
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
    let go_on = local.submit(ENDLESS, json!({"wait_timeout": "5s", "on_wait_timeout": "CONTINUE"}));
    let give_up = local.submit(ENDLESS, json!({"wait_timeout": "5s", "on_wait_timeout": "CANCEL"}));
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

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_warehouse_which_a_statement_starts() {
    let local = Local::start().await;
    let list = local.ok(Method::GET, "/api/2.0/sql/warehouses", Value::Null).await;
    assert_eq!(list["warehouses"].as_array().unwrap().len(), 1);
    let path = format!("/api/2.0/sql/warehouses/{WAREHOUSE_ID}");
    let warehouse = local.ok(Method::GET, &path, Value::Null).await;
    assert_eq!(warehouse, list["warehouses"][0]);
    assert_eq!((&warehouse["id"], &warehouse["name"]), (&json!("local"), &json!("local")));
    assert_eq!((&warehouse["state"], &warehouse["warehouse_type"]), (&json!("RUNNING"), &json!("PRO")));
    assert_eq!(warehouse["enable_serverless_compute"], true);
    for (act, state) in [("stop", "STOPPED"), ("start", "RUNNING"), ("stop", "STOPPED")] {
        assert_eq!(local.ok(Method::POST, &format!("{path}/{act}"), json!({})).await, json!({}));
        assert_eq!(local.ok(Method::GET, &path, Value::Null).await["state"], state);
    }
    local.sql("SELECT 1 AS a").await;
    assert_eq!(local.ok(Method::GET, &path, Value::Null).await["state"], "RUNNING");
    let (status, answer) = local.get("/api/2.0/sql/warehouses/other").await;
    assert_eq!((status, &answer["error_code"]), (404, &json!("RESOURCE_DOES_NOT_EXIST")));
}

#[tokio::test(flavor = "multi_thread")]
async fn me_is_the_user_and_the_header_names_the_workspace() {
    let local = Local::start().await;
    let response = local.request(Method::GET, "/api/2.0/preview/scim/v2/Me").send().await.unwrap();
    assert_eq!(response.headers()["x-databricks-org-id"], "1");
    let me: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(me["userName"], "ada@example.test");
    let open = local.http.get(format!("{}/.well-known/databricks-config", local.server.url()));
    assert_eq!(answer(open).await, (200, json!({"workspace_id": "1"})));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_folders_are_made_read_listed_and_deleted() {
    let local = Local::start().await;
    let status = |path: &str| format!("/api/2.0/workspace/get-status?path={path}");
    let import = "/api/2.0/workspace/import";
    let file = json!({"path": "/Workspace/Shared/a/b/x.txt", "content": base64("hello"), "format": "AUTO"});
    let (code, answer) = local.post(import, file.clone()).await;
    assert_eq!((code, &answer["error_code"]), (404, &json!("RESOURCE_DOES_NOT_EXIST")));
    assert_eq!(answer["message"], "The parent folder (/Shared/a/b) does not exist.");
    for _ in 0..2 {
        let made = local.ok(Method::POST, "/api/2.0/workspace/mkdirs", json!({"path": "/Shared/a/b/"})).await;
        assert_eq!(made, json!({}));
    }
    local.ok(Method::POST, import, file.clone()).await;
    let object = local.ok(Method::GET, &status("/Shared/a/b/x.txt"), Value::Null).await;
    assert_eq!((&object["object_type"], &object["size"]), (&json!("FILE"), &json!(5)));
    assert_eq!(object["path"], "/Workspace/Shared/a/b/x.txt");
    assert!(object["object_id"].as_i64().unwrap() > 1 << 53);
    assert_eq!(object["created_at"], START_MS);

    let (code, answer) = local.post(import, file).await;
    assert_eq!((code, &answer["error_code"]), (409, &json!("RESOURCE_ALREADY_EXISTS")));
    local.advance(TimeDelta::seconds(1));
    let again = json!({"path": "/Shared/a/b/x.txt", "content": base64("hello!"), "format": "RAW", "overwrite": true});
    local.ok(Method::POST, import, again).await;
    let changed = local.ok(Method::GET, &status("/Workspace/Shared/a/b/x.txt"), Value::Null).await;
    assert_eq!((&changed["object_id"], &changed["modified_at"]), (&object["object_id"], &json!(START_MS + 1000)));
    let export =
        local.ok(Method::GET, "/api/2.0/workspace/export?path=/Shared/a/b/x.txt&format=AUTO", Value::Null).await;
    assert_eq!(export, json!({"content": base64("hello!"), "file_type": "txt"}));
    let raw = "/api/2.0/workspace/export?path=/Shared/a/b/x.txt&format=AUTO&direct_download=true";
    assert_eq!(local.get(raw).await, (200, json!("hello!")));

    // A source file with the header becomes a notebook and loses its extension; without the header it stays a file.
    let notebook = base64("-- Databricks notebook source\nSELECT 1");
    local.ok(Method::POST, import, json!({"path": "/Shared/a/n.sql", "content": notebook, "format": "AUTO"})).await;
    local
        .ok(Method::POST, import, json!({"path": "/Shared/a/q.sql", "content": base64("SELECT 1"), "format": "AUTO"}))
        .await;
    let upload =
        local.request(Method::POST, "/api/2.0/workspace-files/import-file/Shared%2Fa%2Fraw.bin?overwrite=true");
    assert_eq!(self::answer(upload.body("bytes")).await.0, 200);
    let list = local.ok(Method::GET, "/api/2.0/workspace/list?path=/Shared/a", Value::Null).await;
    let found: Vec<(&str, &str)> = list["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|object| (object["path"].as_str().unwrap(), object["object_type"].as_str().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ("/Workspace/Shared/a/b", "DIRECTORY"),
            ("/Workspace/Shared/a/n", "NOTEBOOK"),
            ("/Workspace/Shared/a/q.sql", "FILE"),
            ("/Workspace/Shared/a/raw.bin", "FILE"),
        ]
    );
    let root = local.ok(Method::GET, "/api/2.0/workspace/list?path=/", Value::Null).await;
    assert_eq!(root["objects"].as_array().unwrap().len(), 2, "/Shared and /Users: {root}");

    let delete = "/api/2.0/workspace/delete";
    let (code, answer) = local.post(delete, json!({"path": "/Shared/a"})).await;
    assert_eq!((code, &answer["error_code"]), (400, &json!("DIRECTORY_NOT_EMPTY")));
    local.ok(Method::POST, delete, json!({"path": "/Shared/a", "recursive": true})).await;
    for path in ["/Shared/a", "/Shared/a/b/x.txt"] {
        let (code, answer) = local.get(&status(path)).await;
        assert_eq!((code, &answer["error_code"]), (404, &json!("RESOURCE_DOES_NOT_EXIST")));
        assert_eq!(answer["message"], format!("Path ({path}) doesn't exist."));
    }
    assert_eq!(local.post(delete, json!({"path": "/Shared/a"})).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_that_cannot_be_meant_are_refused() {
    let local = Local::start().await;
    for (body, code) in [
        (json!({"path": "/Shared/x", "content": "***", "format": "AUTO"}), "INVALID_PARAMETER_VALUE"),
        (json!({"path": "/Shared/x", "content": "", "format": "SOURCE"}), "INVALID_PARAMETER_VALUE"),
        (json!({"path": "/Shared/x", "content": "", "format": "DBC"}), "INVALID_PARAMETER_VALUE"),
        (json!({"path": "Shared/x", "content": "", "format": "AUTO"}), "INVALID_PARAMETER_VALUE"),
        (json!({"path": "/Shared/../x", "content": "", "format": "AUTO"}), "INVALID_PARAMETER_VALUE"),
        (json!({"path": "/Shared/d.lvdash.json", "content": base64("{"), "format": "AUTO"}), "INVALID_PARAMETER_VALUE"),
        (
            json!({"path": "/Shared/x", "content": base64(&"x".repeat((10 << 20) + 1)), "format": "RAW"}),
            "MAX_NOTEBOOK_SIZE_EXCEEDED",
        ),
    ] {
        let (status, answer) = local.post("/api/2.0/workspace/import", body.clone()).await;
        assert_eq!((status, &answer["error_code"]), (400, &json!(code)), "{} {answer}", body["path"]);
    }
}

const CONTENT: &str = r#"{"pages":[{"name":"p","displayName":"P","layout":[]}],"datasets":[{"name":"d","displayName":"D","query":"SELECT 1"}]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_is_created_changed_published_and_trashed() {
    let local = Local::start().await;
    let path = "/api/2.0/lakeview/dashboards";
    let body = json!({"display_name": "Retention", "parent_path": "/Workspace/Shared/R", "serialized_dashboard": CONTENT, "warehouse_id": "local"});
    let (code, answer) = local.post(path, body.clone()).await;
    assert_eq!((code, &answer["message"]), (404, &json!("Path (/Shared/R) doesn't exist.")));
    local.ok(Method::POST, "/api/2.0/workspace/mkdirs", json!({"path": "/Shared/R"})).await;
    let query = "?dataset_catalog=main&dataset_schema=retention";
    let made = local.ok(Method::POST, &format!("{path}{query}"), body.clone()).await;
    let id = made["dashboard_id"].as_str().unwrap();
    assert_eq!(id.len(), 32);
    assert_eq!((&made["parent_path"], &made["path"]), (&json!("/Shared/R"), &json!("/Shared/R/Retention.lvdash.json")));
    assert_eq!((&made["lifecycle_state"], &made["create_time"]), (&json!("ACTIVE"), &json!("2026-03-01T08:00:00Z")));
    let stored: Value = serde_json::from_str(made["serialized_dashboard"].as_str().unwrap()).unwrap();
    assert_eq!(
        stored["datasets"],
        json!([{"name": "d", "displayName": "D", "queryLines": ["SELECT 1"], "catalog": "main", "schema": "retention"}])
    );
    assert_eq!(stored["pages"][0]["pageType"], "PAGE_TYPE_CANVAS");
    let (code, answer) = local.post(path, body).await;
    assert_eq!((code, &answer["error_code"]), (409, &json!("ALREADY_EXISTS")));
    let status = "/api/2.0/workspace/get-status?path=/Shared/R/Retention.lvdash.json";
    let object = local.ok(Method::GET, status, Value::Null).await;
    assert_eq!((&object["object_type"], &object["resource_id"]), (&json!("DASHBOARD"), &made["dashboard_id"]));

    // The etag moves with the content, not with the name; a stale one is refused.
    let own = format!("{path}/{id}");
    assert_eq!(local.ok(Method::GET, &own, Value::Null).await, made);
    local.advance(TimeDelta::seconds(1));
    let change = json!({"serialized_dashboard": "{\"datasets\":[],\"pages\":[]}", "etag": made["etag"]});
    let changed = local.ok(Method::PATCH, &own, change.clone()).await;
    assert_ne!(changed["etag"], made["etag"]);
    assert_eq!(changed["update_time"], "2026-03-01T08:00:01Z");
    assert_eq!(changed["warehouse_id"], "local");
    let (code, answer) = local.call(Method::PATCH, &own, Some(change)).await;
    assert_eq!(code, 409, "{answer}");
    let renamed = local.ok(Method::PATCH, &own, json!({"display_name": "Cohorts"})).await;
    assert_eq!((&renamed["etag"], &renamed["path"]), (&changed["etag"], &json!("/Shared/R/Cohorts.lvdash.json")));
    assert_eq!(local.get(status).await.0, 404);

    // Publishing copies the draft; what is published stays as it was when the draft changes.
    let published = format!("{own}/published");
    let (code, answer) = local.get(&published).await;
    assert_eq!((code, &answer["message"]), (404, &json!(format!("Unable to find published dashboard [{id}]"))));
    assert_eq!(local.post(&format!("{own}/revert"), json!({})).await.0, 404);
    local.advance(TimeDelta::seconds(1));
    let copy = local.ok(Method::POST, &published, json!({"embed_credentials": false})).await;
    let expected = json!({"display_name": "Cohorts", "warehouse_id": "local", "embed_credentials": false, "revision_create_time": "2026-03-01T08:00:02Z"});
    assert_eq!(copy, expected);
    local.ok(Method::PATCH, &own, json!({"serialized_dashboard": CONTENT})).await;
    assert_eq!(local.ok(Method::GET, &published, Value::Null).await, expected);
    let reverted = local.ok(Method::POST, &format!("{own}/revert"), json!({})).await;
    assert_eq!(reverted["dashboard"]["serialized_dashboard"], changed["serialized_dashboard"]);
    local.ok(Method::DELETE, &published, Value::Null).await;
    assert_eq!(local.get(&published).await.0, 404);
    let told_nothing = local.ok(Method::POST, &published, json!({"warehouse_id": "other"})).await;
    assert_eq!((&told_nothing["embed_credentials"], &told_nothing["warehouse_id"]), (&json!(true), &json!("other")));

    // The trash: gone from its place, still to be looked at, not to be changed.
    local.ok(Method::DELETE, &own, Value::Null).await;
    let trashed = local.ok(Method::GET, &own, Value::Null).await;
    assert_eq!(trashed["lifecycle_state"], "TRASHED");
    assert_eq!(trashed["parent_path"], "/Users/ada@example.test/Trash");
    assert_eq!(local.get(&published).await.0, 404);
    for (method, path) in [(Method::DELETE, own.clone()), (Method::PATCH, own.clone()), (Method::POST, published)] {
        let (code, answer) = local.call(method, &path, Some(json!({}))).await;
        assert_eq!((code, &answer["error_code"]), (403, &json!("PERMISSION_DENIED")));
    }
    assert_eq!(local.ok(Method::GET, path, Value::Null).await["dashboards"], json!([]));
    let all = local.ok(Method::GET, &format!("{path}?show_trashed=true"), Value::Null).await;
    assert_eq!(all["dashboards"][0]["dashboard_id"], id);
    assert_eq!(all["dashboards"][0].get("etag"), None, "lists are short");
    let (code, answer) = local.get(&format!("{path}/0123")).await;
    assert_eq!((code, &answer["error_code"]), (404, &json!("RESOURCE_DOES_NOT_EXIST")));
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboards_are_listed_in_pages_and_live_at_home_by_default() {
    let local = Local::start().await;
    let path = "/api/2.0/lakeview/dashboards";
    let mut made = Vec::new();
    for name in ["a", "b", "c"] {
        local.advance(TimeDelta::seconds(1));
        let draft = local.ok(Method::POST, path, json!({"display_name": name})).await;
        assert_eq!(draft["parent_path"], "/Users/ada@example.test");
        assert_eq!(draft["serialized_dashboard"], "{}\n");
        made.push(draft["dashboard_id"].clone());
    }
    let (mut token, mut found) = (String::new(), Vec::new());
    loop {
        let page = local.ok(Method::GET, &format!("{path}?page_size=2&page_token={token}"), Value::Null).await;
        found.extend(page["dashboards"].as_array().unwrap().iter().map(|draft| draft["dashboard_id"].clone()));
        match page["next_page_token"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(found, made);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_dashboard_file_is_a_dashboard_and_keeps_its_id() {
    let local = Local::start().await;
    let file = "/Shared/Sales.lvdash.json";
    let import = |content: &str, overwrite: bool| json!({"path": file, "content": base64(content), "format": "AUTO", "overwrite": overwrite});
    local.ok(Method::POST, "/api/2.0/workspace/import", import(CONTENT, false)).await;
    let object = local.ok(Method::GET, &format!("/api/2.0/workspace/get-status?path={file}"), Value::Null).await;
    let own = format!("/api/2.0/lakeview/dashboards/{}", object["resource_id"].as_str().unwrap());
    let first = local.ok(Method::GET, &own, Value::Null).await;
    assert_eq!((&first["display_name"], &first["path"]), (&json!("Sales"), &json!(file)));
    assert_eq!(local.post("/api/2.0/workspace/import", import(CONTENT, false)).await.0, 409);
    local.ok(Method::POST, "/api/2.0/workspace/import", import(CONTENT, true)).await;
    let second = local.ok(Method::GET, &own, Value::Null).await;
    assert_ne!(first["etag"], second["etag"]);
    let export =
        local.ok(Method::GET, &format!("/api/2.0/workspace/export?path={file}&format=AUTO"), Value::Null).await;
    assert_eq!(export["content"], base64(second["serialized_dashboard"].as_str().unwrap()));
    local.ok(Method::POST, "/api/2.0/workspace/delete", json!({"path": file})).await;
    assert_eq!(local.get(&own).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn unity_catalog_shows_what_sql_made() {
    let local = Local::start().await;
    let unity = "/api/2.1/unity-catalog";
    let schema = json!({"name": "Shop", "catalog_name": "main", "comment": "the shop"});
    local.sql("SELECT 1 AS a").await;
    let made = local.ok(Method::POST, &format!("{unity}/schemas"), schema.clone()).await;
    assert_eq!((&made["full_name"], &made["comment"]), (&json!("main.shop"), &json!("the shop")));
    let (code, answer) = local.post(&format!("{unity}/schemas"), schema).await;
    assert_eq!((code, &answer["error_code"]), (409, &json!("SCHEMA_ALREADY_EXISTS")));
    local.sql("CREATE TABLE main.shop.orders AS SELECT 1 AS id, CAST(2 AS DECIMAL(10,2)) AS amount").await;
    local.sql("CREATE VIEW main.shop.v AS SELECT id FROM main.shop.orders").await;

    let catalogs = local.ok(Method::GET, &format!("{unity}/catalogs"), Value::Null).await;
    assert!(catalogs["catalogs"].as_array().unwrap().iter().any(|catalog| catalog["name"] == "main"));
    assert_eq!(local.ok(Method::GET, &format!("{unity}/catalogs/main"), Value::Null).await["name"], "main");
    let schemas = local.ok(Method::GET, &format!("{unity}/schemas?catalog_name=main"), Value::Null).await;
    assert!(schemas["schemas"].as_array().unwrap().iter().any(|schema| schema["full_name"] == "main.shop"));
    let table = local.ok(Method::GET, &format!("{unity}/tables/main.shop.Orders"), Value::Null).await;
    assert_eq!((&table["table_type"], &table["data_source_format"]), (&json!("MANAGED"), &json!("DELTA")));
    assert_eq!(table["full_name"], "main.shop.orders");
    let columns: Vec<(&Value, &Value, &Value)> = table["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| (&column["name"], &column["type_text"], &column["position"]))
        .collect();
    let (id, int, amount, decimal) = (json!("id"), json!("int"), json!("amount"), json!("decimal(10,2)"));
    assert_eq!(columns, [(&id, &int, &json!(0)), (&amount, &decimal, &json!(1))]);
    assert!(table["storage_location"].as_str().unwrap().starts_with("file:///"));
    let view = local.ok(Method::GET, &format!("{unity}/tables/main.shop.v"), Value::Null).await;
    assert_eq!(view["table_type"], "VIEW");
    assert!(view["view_definition"].as_str().unwrap().contains("main.shop.orders"));

    let tables = format!("{unity}/tables?catalog_name=main&schema_name=shop");
    let list = local.ok(Method::GET, &format!("{tables}&omit_columns=true&omit_properties=true"), Value::Null).await;
    let names: Vec<&Value> = list["tables"].as_array().unwrap().iter().map(|table| &table["name"]).collect();
    assert_eq!(names, ["orders", "v"]);
    assert_eq!((list["tables"][0].get("columns"), list["tables"][0].get("properties")), (None, None));
    let first = local.ok(Method::GET, &format!("{tables}&max_results=1"), Value::Null).await;
    let token = first["next_page_token"].as_str().unwrap();
    let second = local.ok(Method::GET, &format!("{tables}&max_results=1&page_token={token}"), Value::Null).await;
    assert_eq!((&second["tables"][0]["name"], second.get("next_page_token")), (&json!("v"), None));

    for (name, exists) in [("orders", true), ("nothing", false)] {
        let answer = local.ok(Method::GET, &format!("{unity}/tables/main.shop.{name}/exists"), Value::Null).await;
        assert_eq!(answer, json!({"table_exists": exists}));
    }
    for (path, code) in [
        ("tables/main.shop.nothing", "TABLE_DOES_NOT_EXIST"),
        ("schemas/main.nothing", "SCHEMA_DOES_NOT_EXIST"),
        ("catalogs/nothing", "CATALOG_DOES_NOT_EXIST"),
        ("schemas?catalog_name=nothing", "CATALOG_DOES_NOT_EXIST"),
        ("tables?catalog_name=main&schema_name=nothing", "SCHEMA_DOES_NOT_EXIST"),
    ] {
        let (status, answer) = local.get(&format!("{unity}/{path}")).await;
        assert_eq!((status, &answer["error_code"]), (404, &json!(code)), "{path}");
    }
    assert_eq!(local.get(&format!("{unity}/tables/orders")).await.0, 400);

    let (code, answer) = local.call(Method::DELETE, &format!("{unity}/schemas/main.shop"), None).await;
    assert_eq!((code, &answer["error_code"]), (400, &json!("SCHEMA_NOT_EMPTY")));
    local.ok(Method::DELETE, &format!("{unity}/tables/main.shop.v"), Value::Null).await;
    assert_eq!(local.get(&format!("{unity}/tables/main.shop.v")).await.0, 404);
    local.ok(Method::DELETE, &format!("{unity}/schemas/main.shop?force=true"), Value::Null).await;
    assert_eq!(local.get(&format!("{unity}/schemas/main.shop")).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lacks_the_token_is_refused_in_the_vendors_shape() {
    let local = Local::start().await;
    let url = |path: &str| format!("{}{path}", local.server.url());
    let me = "/api/2.0/preview/scim/v2/Me";
    for request in [local.http.get(url(me)), local.http.get(url(me)).bearer_auth("wrong")] {
        let (status, answer) = answer(request).await;
        assert_eq!((status, &answer["error_code"]), (401, &json!("UNAUTHENTICATED")));
        assert!(answer["message"].is_string());
    }
    let token = local.server.token().expose();
    let account = "/v1/account/info";
    for (key, secret, code) in [("local", "wrong", 401), ("other", token, 401)] {
        let (status, answer) = answer(local.http.get(url(account)).basic_auth(key, Some(secret))).await;
        assert_eq!((status, &answer["code"]), (code, &json!("AuthFailed")));
    }
    assert_ne!(answer(local.http.get(url(account)).basic_auth("local", Some(token))).await.0, 401);
    assert_eq!(answer(local.http.get(url(me)).basic_auth("local", Some(token))).await.0, 401);
    assert_eq!(answer(local.http.get(url("/_kiln/requests"))).await.0, 401);
    assert_eq!(answer(local.http.get(url("/_kiln/health"))).await, (200, json!({"status": "ok"})));
    let statuses: Vec<Option<u16>> = local.server.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses[..4], [Some(401); 4], "refused requests are in the log too");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_logged_and_unknown_routes_stand_out() {
    let local = Local::start().await;
    local.ok(Method::GET, "/api/2.0/sql/warehouses?page_size=5", Value::Null).await;
    let (status, answer) = local.post("/api/2.2/jobs/create", json!({"name": "x"})).await;
    assert_eq!((status, &answer["error_code"]), (404, &json!("ENDPOINT_NOT_FOUND")));
    let (status, answer) = local.call(Method::DELETE, "/api/2.0/sql/warehouses/local", None).await;
    assert_eq!((status, &answer["error_code"]), (404, &json!("ENDPOINT_NOT_FOUND")), "known path, unknown method");
    let (status, answer) = local.get("/v1/hvr/hubs").await;
    assert_eq!((status, answer.get("error_code")), (404, None));
    assert!(answer["code"].is_string());

    let log = local.ok(Method::GET, "/_kiln/requests", Value::Null).await;
    let first = json!({
        "sequence": 1, "vendor": "databricks", "method": "GET", "path": "/api/2.0/sql/warehouses", "query": "page_size=5",
        "body_bytes": 0, "status": 200, "unknown": false,
    });
    assert_eq!(log[0], first);
    let seen: Vec<(&Value, &Value, &Value)> =
        log.as_array().unwrap().iter().map(|entry| (&entry["vendor"], &entry["status"], &entry["unknown"])).collect();
    let (databricks, fivetran, yes) = (json!("databricks"), json!("fivetran"), json!(true));
    let missing = json!(404);
    assert_eq!(seen[1..], [(&databricks, &missing, &yes), (&databricks, &missing, &yes), (&fivetran, &missing, &yes)]);
    assert_eq!(log[1]["body_bytes"], 12);
    local.ok(Method::DELETE, "/_kiln/requests", Value::Null).await;
    assert!(local.server.requests().is_empty());
    local.ok(Method::GET, "/api/2.0/sql/warehouses", Value::Null).await;
    assert_eq!(local.server.requests()[0].sequence, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_survives_a_restart() {
    let local = Local::start().await;
    local.sql("CREATE SCHEMA IF NOT EXISTS main.shop").await;
    local.sql("CREATE TABLE main.shop.t AS SELECT 7 AS a").await;
    let failed = local.submit("SELECT x FROM nowhere", json!({})).await;
    let path = "/api/2.0/lakeview/dashboards";
    let draft = local.ok(Method::POST, path, json!({"display_name": "D", "serialized_dashboard": CONTENT})).await;
    let own = format!("{path}/{}", draft["dashboard_id"].as_str().unwrap());
    local.ok(Method::POST, &format!("{own}/published"), json!({"embed_credentials": true})).await;
    let gone = local.ok(Method::POST, path, json!({"display_name": "gone"})).await;
    let trash = format!("{path}/{}", gone["dashboard_id"].as_str().unwrap());
    local.ok(Method::DELETE, &trash, Value::Null).await;
    let file = json!({"path": "/Shared/x.sql", "content": base64("SELECT 1"), "format": "AUTO"});
    local.ok(Method::POST, "/api/2.0/workspace/import", file).await;
    let status = "/api/2.0/workspace/get-status?path=/Shared/x.sql";
    let object = local.ok(Method::GET, status, Value::Null).await;
    let done = local.sql("SELECT a FROM main.shop.t").await;
    let token = local.server.token().clone();

    let local = local.restarted().await;
    assert!(*local.server.token() != token, "a random token is for one life only");
    assert_eq!(local.ok(Method::GET, &own, Value::Null).await, draft);
    assert_eq!(local.ok(Method::GET, &format!("{own}/published"), Value::Null).await["embed_credentials"], true);
    assert_eq!(local.ok(Method::GET, &trash, Value::Null).await["lifecycle_state"], "TRASHED");
    assert_eq!(local.ok(Method::GET, status, Value::Null).await, object);
    let export = local.ok(Method::GET, "/api/2.0/workspace/export?path=/Shared/x.sql", Value::Null).await;
    assert_eq!(export["content"], base64("SELECT 1"));
    assert_eq!(local.sql("SELECT a FROM main.shop.t").await["result"]["data_array"], json!([["7"]]));
    let old = local.ok(Method::GET, &statement_path(&done["statement_id"]), Value::Null).await;
    assert_eq!(old["status"], json!({"state": "CLOSED"}), "it succeeded, and its result is gone");
    let old = local.ok(Method::GET, &statement_path(&failed["statement_id"]), Value::Null).await;
    assert_eq!(old["status"]["error"]["message"], failed["status"]["error"]["message"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_or_port_in_use_is_refused() {
    let local = Local::start().await;
    let pid = std::process::id();
    let error = Server::start(settings(&local.dir, &local.now_ms)).await.err().unwrap();
    let dir = local.dir.path().join("workspace");
    assert!(
        error.to_string().starts_with(&format!("`{}` is in use by another kiln (process {pid})", dir.display())),
        "{error}"
    );
    let other = tempfile::tempdir().unwrap();
    let mut wanted = settings(&other, &local.now_ms);
    wanted.port = Some(local.server.address().port());
    assert!(matches!(Server::start(wanted).await.err(), Some(StartError::Port { .. })));
    local.server.shutdown().await;
    let mut wanted = settings(&local.dir, &local.now_ms);
    wanted.token = Some(Secret::new("chosen"));
    let again = Server::start(wanted).await.unwrap();
    assert_eq!(again.token().expose(), "chosen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_document_is_named_at_the_start() {
    let local = Local::start().await;
    let path = "/api/2.0/lakeview/dashboards";
    let draft = local.ok(Method::POST, path, json!({"display_name": "D"})).await;
    let Local { server, dir, now_ms, .. } = local;
    server.shutdown().await;
    let name = format!("workspace/dashboards/{}.json", draft["dashboard_id"].as_str().unwrap());
    std::fs::write(dir.path().join(&name), "{\"dashboard_id\":").unwrap();
    let error = Server::start(settings(&dir, &now_ms)).await.err().unwrap();
    assert!(matches!(error, StartError::Damaged { .. }));
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), format!("{} is damaged", dir.path().join(name).display()));
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_cancels_what_runs_and_ends_soon() {
    let local = Local::start().await;
    let answer = local.submit(ENDLESS, json!({"wait_timeout": "0s"})).await;
    let id = answer["statement_id"].clone();
    local.until(&id, &["RUNNING"]).await;
    let url = local.server.url();
    let begun = Instant::now();
    let local = local.restarted().await;
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(local.http.get(format!("{url}/_kiln/health")).send().await.is_err() || url == local.server.url());
    let state = local.ok(Method::GET, &statement_path(&id), Value::Null).await;
    assert_eq!(state["status"], json!({"state": "CANCELED"}));
}
