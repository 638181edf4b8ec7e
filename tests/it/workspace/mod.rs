//! The embedded workspace over real HTTP: what Databricks' clients see of it, checked as JSON so that nothing here shares
//! a struct with the server.

mod catalog;
mod links;
mod objects;
mod server;
mod statements;

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

/// A query over the numbers from 0 to 10^`digits` - 1, in the column `id` of `numbers`; `select` goes round them.
fn over_numbers(digits: u32, select: &str) -> String {
    let ten = (0..10).map(|n| format!("SELECT {n} AS n")).collect::<Vec<_>>().join(" UNION ALL ");
    let places: Vec<String> =
        (0..digits).map(|place| format!("CAST(d{place}.n AS BIGINT) * {}", 10_i64.pow(place))).collect();
    let joins: Vec<String> = (0..digits).map(|place| format!("ten d{place}")).collect();
    let (id, from) = (places.join(" + "), joins.join(" CROSS JOIN "));
    format!("WITH ten AS ({ten}), numbers AS (SELECT {id} AS id FROM {from}) {select}")
}

/// A query that would run for hours, and can be cancelled.
fn endless() -> String {
    over_numbers(7, "SELECT sum((a.id * b.id) % 7) AS s FROM numbers a CROSS JOIN numbers b")
}

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

const CONTENT: &str = r#"{"pages":[{"name":"p","displayName":"P","layout":[]}],"datasets":[{"name":"d","displayName":"D","query":"SELECT 1"}]}"#;
