//! What the embedded warehouse bears: `kill -9`, many statements at once, damaged tables, a full disk, hostile SQL. Each
//! test talks over HTTP to a `kiln local serve` of its own.

mod damage;
mod hostile;
mod kill;
mod load;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kiln::local::WAREHOUSE_ID;
use serde_json::{Value, json};

use crate::support::{Project, Served};

/// The most that any statement here may take; what is meant to be quick is measured apart.
const PATIENCE: Duration = Duration::from_secs(120);

/// A query that would run for hours.
const ENDLESS: &str = "SELECT a.id * b.id AS x FROM range(10000000) a CROSS JOIN range(10000000) b";

/// A process that serves a folder.
struct Warehouse {
    served: Served,
    http: reqwest::Client,
}

impl Warehouse {
    fn serve(project: &Project, args: &[&str]) -> Self {
        Self { served: project.serve(args), http: reqwest::Client::new() }
    }

    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}/api/2.0/sql/statements{path}", self.served.url))
            .bearer_auth(&self.served.token)
            .timeout(PATIENCE)
    }

    /// Submits a statement and waits so long for its end; the whole answer.
    async fn submit(&self, sql: &str, wait: &str) -> Value {
        let body = json!({"statement": sql, "warehouse_id": WAREHOUSE_ID, "wait_timeout": wait});
        let response = self.request(reqwest::Method::POST, "").json(&body).send().await;
        let response = response.unwrap_or_else(|error| panic!("{error:?} at {}", shown(sql)));
        response.json().await.expect("it speaks JSON")
    }

    /// Starts a statement without waiting for it; its id.
    async fn start(&self, sql: &str) -> String {
        let answer = self.submit(sql, "0s").await;
        answer["statement_id"].as_str().unwrap_or_else(|| panic!("{}: {answer}", shown(sql))).to_owned()
    }

    /// Asks for a statement until it is in one of the states.
    async fn until(&self, id: &str, states: &[&str]) -> Value {
        let begun = Instant::now();
        loop {
            let response = self.request(reqwest::Method::GET, &format!("/{id}")).send().await.expect("it answers");
            let answer: Value = response.json().await.expect("it speaks JSON");
            if states.iter().any(|state| answer["status"]["state"] == *state) {
                return answer;
            }
            assert!(begun.elapsed() < PATIENCE, "waiting for {states:?}: {answer}");
        }
    }

    /// Runs a statement to its end, however long that takes.
    async fn run(&self, sql: &str) -> Value {
        let answer = self.submit(sql, "50s").await;
        let Some(id) = answer["statement_id"].as_str() else { return answer };
        self.until(id, &["SUCCEEDED", "FAILED", "CANCELED", "CLOSED"]).await
    }

    /// Runs a statement that must succeed; its rows, with `|` between the cells.
    async fn rows(&self, sql: &str) -> Vec<String> {
        let answer = self.run(sql).await;
        assert_eq!(answer["status"]["state"], "SUCCEEDED", "{}: {}", shown(sql), answer["status"]);
        let cell = |cell: &Value| cell.as_str().unwrap_or("NULL").to_owned();
        let row = |row: &Value| row.as_array().into_iter().flatten().map(cell).collect::<Vec<_>>().join("|");
        answer["result"]["data_array"].as_array().into_iter().flatten().map(row).collect()
    }

    /// Runs a statement that must fail; its message.
    async fn error(&self, sql: &str) -> String {
        let answer = self.run(sql).await;
        assert_eq!(answer["status"]["state"], "FAILED", "{}: {}", shown(sql), shown(&answer.to_string()));
        answer["status"]["error"]["message"].as_str().expect("it is a text").to_owned()
    }

    async fn cancel(&self, id: &str) {
        let response = self.request(reqwest::Method::POST, &format!("/{id}/cancel")).send().await.expect("it answers");
        assert_eq!(response.status(), 200);
    }
}

/// As much of a text as a message should show.
fn shown(text: &str) -> String {
    text.chars().take(300).collect()
}

/// Where a table of the schema `main.default` lies.
fn table(project: &Project, name: &str) -> PathBuf {
    project.path().join(".kiln/local/tables/main/default").join(name)
}

/// The data files of a table that is not partitioned.
fn data_files(table: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(table).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "parquet")).collect()
}
