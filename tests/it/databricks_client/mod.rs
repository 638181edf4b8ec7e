//! The Databricks client against a server that answers by script: statements awaited to their end, lost answers cleared up,
//! warehouses found, dashboards put in place in as few changes as it takes.

mod dashboards;
mod lost_answers;
mod permissions;
mod places;
mod statements;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use kiln::databricks::{
    Change, Client, Column, Contents, Credentials, DashboardSpec, Deployed, Error, Position, Progress, Statement,
    StatementResult,
};
use kiln::http::{Class, Options, RetryPolicy, base_address};
use kiln::ids::{StatementId, TableName, WarehouseId};
use kiln::secret::Secret;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use wiremock::matchers::{bearer_token, method, path, path_regex, query_param, query_param_is_missing};
use wiremock::{Match, Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::faults::clock::TestClock;
use crate::faults::scripted::{Act, Scripted};

const STATEMENTS: &str = "/api/2.0/sql/statements";
const STATEMENT: &str = "/api/2.0/sql/statements/s-1";
const HISTORY: &str = "/api/2.0/sql/history/queries";
const STATUS: &str = "/api/2.0/workspace/get-status";
const MISSING: &str = "RESOURCE_DOES_NOT_EXIST";

fn client(address: &str) -> (Client, Arc<TestClock>) {
    let clock = Arc::new(TestClock::at("2026-09-02T02:00:00Z"));
    let mut options = Options::new(clock.clone());
    options.chance = Arc::new(|| 0.5);
    options.retry = RetryPolicy { max_attempts: 2, ..RetryPolicy::default() };
    let credentials = Credentials { host: base_address(address).unwrap(), token: Secret::new("dapi-hunter22") };
    (Client::new(&credentials, options).unwrap(), clock)
}

/// Answers in turn; the last answer stays.
struct InTurn(Mutex<VecDeque<(u16, Value)>>);

fn in_turn(answers: impl IntoIterator<Item = (u16, Value)>) -> InTurn {
    InTurn(Mutex::new(answers.into_iter().collect()))
}

impl Respond for InTurn {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let mut answers = self.0.lock().unwrap();
        let (status, body) = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }.unwrap();
        ResponseTemplate::new(status).set_body_json(body)
    }
}

fn state(state: &str) -> (u16, Value) {
    (200, json!({"statement_id": "s-1", "status": {"state": state}}))
}

fn succeeded(rows: Value, total: usize, next: Option<i64>) -> (u16, Value) {
    let mut result = json!({"chunk_index": 0, "row_offset": 0, "data_array": rows});
    if let Some(next) = next {
        result["next_chunk_index"] = json!(next);
        result["next_chunk_internal_link"] = json!(format!("{STATEMENT}/result/chunks/{next}?row_offset=2"));
    }
    let columns = json!([{"name": "n", "position": 0, "type_name": "INT", "type_text": "INT"}]);
    let manifest = json!({"format": "JSON_ARRAY", "schema": {"column_count": 1, "columns": columns},
        "total_row_count": total, "total_chunk_count": 1, "truncated": false});
    (200, json!({"statement_id": "s-1", "status": {"state": "SUCCEEDED"}, "manifest": manifest, "result": result}))
}

async fn mount(server: &MockServer, verb: &str, at: &str, answers: impl IntoIterator<Item = (u16, Value)>) {
    Mock::given(method(verb)).and(path(at)).respond_with(in_turn(answers)).mount(server).await;
}

/// Returns method and path of all requests that arrived.
async fn requests(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(|request| format!("{} {}", request.method, request.url.path())).collect()
}

fn statement() -> Statement {
    Statement { tags: vec![("kiln_run".into(), "r-1".into())], ..Statement::new("INSERT INTO t SELECT 1", "w".into()) }
}

async fn execute(server: &MockServer, statement: &Statement) -> (Result<StatementResult, Error>, Vec<Progress>) {
    let mut told = Vec::new();
    let (client, _) = client(&server.uri());
    let cancel = CancellationToken::new();
    let result = client.statements().execute(statement, &cancel, &mut |progress: Progress| told.push(progress)).await;
    (result, told)
}

fn refused(status: u16, code: &str) -> (u16, Value) {
    (status, json!({"error_code": code, "message": "m"}))
}
