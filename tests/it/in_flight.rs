//! How many statements of a run are on the warehouse at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::support::Project;

/// How many models there are to build, none of which reads another.
const MODELS: usize = 12;

/// A warehouse on which no build ends before as many are under way as shall be, or no further can come: a run that sends
/// fewer at once would wait for ever, and one that sends more is seen.
struct Patient {
    expected: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether each statement has ended.
    sent: HashMap<String, bool>,
    most: usize,
}

impl State {
    fn under_way(&self) -> usize {
        self.sent.values().filter(|ended| !**ended).count()
    }
}

impl Patient {
    fn send(&self, sql: &str) -> Value {
        let mut state = self.state.lock().unwrap();
        let id = state.sent.len().to_string();
        if !sql.starts_with("CREATE OR REPLACE TABLE") {
            return done("quick");
        }
        state.sent.insert(id.clone(), false);
        state.most = state.most.max(state.under_way());
        json!({"statement_id": id, "status": {"state": "PENDING"}})
    }

    fn look(&self, id: &str) -> Value {
        let mut state = self.state.lock().unwrap();
        let full = state.under_way() >= self.expected || state.sent.len() == MODELS;
        let ended = state.sent.get_mut(id).expect("it was sent");
        *ended |= full;
        if *ended { done(id) } else { json!({"statement_id": id, "status": {"state": "RUNNING"}}) }
    }
}

fn done(id: &str) -> Value {
    json!({"statement_id": id, "status": {"state": "SUCCEEDED"}, "manifest": {"total_row_count": 0}, "result": {}})
}

/// Hands requests to what the test looks into afterwards.
struct Shared(Arc<Patient>);

impl Respond for Shared {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let json = |body: Value| ResponseTemplate::new(200).set_body_json(body);
        let path = request.url.path();
        if path.ends_with("/scim/v2/Me") {
            return json(json!({"id": "1", "userName": "me@example.com"}));
        }
        if path.starts_with("/api/2.0/sql/warehouses") {
            return json(json!({"warehouses": [{"id": "w", "name": "bi", "state": "RUNNING"}]}));
        }
        if path == "/api/2.0/sql/statements" {
            let body: Value = request.body_json().unwrap();
            return json(self.0.send(body["statement"].as_str().unwrap()));
        }
        if let Some(id) = path.strip_prefix("/api/2.0/sql/statements/") {
            return json(self.0.look(id));
        }
        if path.ends_with("/unity-catalog/tables") {
            return json(json!({"tables": []}));
        }
        let missing = json!({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "it is not there"});
        ResponseTemplate::new(404).set_body_json(missing)
    }
}

/// Runs the job against a warehouse that waits for so many statements; returns how many there were at most.
async fn most_at_once(environment: &str, args: &[&str], expected: usize) -> usize {
    let patient = Arc::new(Patient { expected, state: Mutex::default() });
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(Shared(Arc::clone(&patient))).mount(&server).await;
    let project = Project::empty();
    project.write(
        "jobs.yaml",
        &format!(
            "version: 1\nproject: p\nenvironments:\n  prod: {{host: \"{}\", warehouse: bi, catalog: main, schema: s{environment}}}\n\
             models:\n  sql: {{materialized: table}}\njobs:\n  all: {{steps: [{{build: sql/**}}]}}\n",
            server.uri()
        ),
    );
    for i in 0..MODELS {
        project.write(&format!("sql/m{i}.sql"), &format!("SELECT {i} AS x\n"));
    }
    let mut command = project.command(&[&["sync-and-refresh"], args].concat());
    command.env("DATABRICKS_TOKEN", "t");
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let state = patient.state.lock().unwrap();
    assert_eq!(state.sent.len(), MODELS);
    state.most
}

#[tokio::test(flavor = "multi_thread")]
async fn never_more_statements_are_on_the_warehouse_than_may_be_nor_fewer() {
    let (silent, three) = ("", ", concurrency: 3");
    let (default, of_environment, of_command, one) = tokio::join!(
        most_at_once(silent, &[], 8),
        most_at_once(three, &[], 3),
        most_at_once(three, &["--concurrency", "5"], 5),
        most_at_once(silent, &["--concurrency", "1"], 1)
    );
    assert_eq!([default, of_environment, of_command, one], [8, 3, 5, 1]);
}

#[test]
fn a_number_that_cannot_be_is_a_mistake_of_the_project() {
    let project = Project::tiny();
    for (number, text) in [("0", "`concurrency` is 0"), ("257", "`concurrency` is 257"), ("many", "a whole number")] {
        let jobs = project.read("jobs.yaml");
        project.replace("jobs.yaml", "schema: tiny,", &format!("schema: tiny, concurrency: {number},"));
        project.kiln(&["check"]).fails_with(1, &[text, "from 1 to 256", "jobs.yaml:4:"]);
        project.write("jobs.yaml", &jobs);
    }
}
