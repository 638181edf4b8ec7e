//! Runs that end early: Ctrl-C, and the first failure where that is asked for.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::support::{Project, Ran, Served, kiln_at};

#[test]
fn an_interrupt_cancels_what_runs_and_leaves_the_tables() {
    let project = Project::tiny();
    let _ = project.sync_and_refresh();
    let before = project.snapshot();
    // A statement that nobody lives to see the end of.
    project.write(
        "sql/totals.sql",
        "WITH n AS (SELECT explode(sequence(1, 100000)) AS i)\n\
         SELECT count(*) AS orders FROM n AS a CROSS JOIN n AS b CROSS JOIN n AS c CROSS JOIN stg_orders AS o\n",
    );
    let mut process = project
        .command(&["sync-and-refresh", "--output", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kiln can be started");
    let mut events = Vec::new();
    for line in BufReader::new(process.stdout.take().expect("it is piped")).lines() {
        let event: serde_json::Value = serde_json::from_str(&line.expect("it is text")).expect("it speaks JSON");
        if event["event"] == "step_started" && event["step"] == "build totals" {
            let asked = Command::new("kill").args(["-INT", &process.id().to_string()]).status().expect("kill is there");
            assert!(asked.success());
        }
        events.push(event);
    }
    let ran = Ran::from(process.wait_with_output().expect("it ends"));
    ran.fails_with(130, &[]);
    let end = |step: &str| {
        events.iter().find(|e| e["event"] == "step_finished" && e["step"] == step).expect("each step ends")["outcome"]
            ["outcome"]
            .clone()
    };
    assert_eq!(end("build stg_orders"), "succeeded");
    assert_eq!(end("build totals"), "cancelled");
    let is_table = |path: &&std::path::PathBuf| path.iter().any(|part| part == "tiny");
    let (before, after) = (before, project.snapshot());
    assert_eq!(
        after.keys().filter(is_table).collect::<Vec<_>>(),
        before.keys().filter(is_table).collect::<Vec<_>>(),
        "the table is as it was"
    );
    project.write("sql/totals.sql", "SELECT count(*) AS orders FROM stg_orders\n");
    let _ = project.sync_and_refresh();
}

/// Returns the states of the statements that hold a text, as the warehouse's history tells them.
fn states(served: &Served, text: &str) -> Vec<String> {
    let (_, history) = served.get("/api/2.0/sql/history/queries?max_results=500");
    let all = history["res"].as_array().expect("it is a list").iter();
    let of_it = all.filter(|query| query["query_text"].as_str().is_some_and(|sql| sql.contains(text)));
    of_it.map(|query| query["status"].as_str().unwrap_or_default().to_owned()).collect()
}

/// A project in which one model fails and another would never end; neither needs the other.
fn endless(served: &Served) -> Project {
    let project = Project::tiny();
    project.point_at(served);
    project.write(
        "sql/endless.sql",
        "WITH n AS (SELECT explode(sequence(1, 100000)) AS i)\n\
         SELECT count(*) AS orders FROM n AS a CROSS JOIN n AS b CROSS JOIN n AS c CROSS JOIN stg_orders AS o\n",
    );
    // It fails only after some work, by when the other one is surely under way.
    project.write(
        "sql/broken.sql",
        "WITH n AS (SELECT explode(sequence(1, 100000)) AS i), m AS (SELECT explode(sequence(1, 100)) AS i)\n\
         SELECT raise_error(concat('no ', sum(n.i * m.i))) AS x FROM n CROSS JOIN m CROSS JOIN stg_orders AS o\n",
    );
    project.write("sql/after.sql", "SELECT count(*) AS n FROM endless\n");
    project
}

#[test]
fn the_first_failure_cancels_what_runs_beside_it_if_told_to() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = endless(&served);
    let ran = kiln_at(&project, &served, &["sync-and-refresh", "--fail-fast", "--output", "json"]);
    ran.fails_with(3, &[]);
    let events: Vec<serde_json::Value> =
        ran.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let end = |step: &str| {
        let ends = events.iter().find(|event| event["event"] == "step_finished" && event["step"] == step);
        ends.expect("each step ends")["outcome"].clone()
    };
    assert_eq!(end("build broken")["outcome"], "failed");
    for step in ["build endless", "build after"] {
        assert_eq!((&end(step)["outcome"], &end(step)["because"]), (&"stopped".into(), &"build broken".into()));
    }
    // What is told of the end is what the warehouse says, and nothing is left running there.
    let stopped: Vec<_> = events.iter().filter(|event| event["event"] == "statement_stopped").collect();
    assert!(
        stopped.iter().any(|event| event["step"] == "build endless" && event["state"] == "CANCELED"),
        "{stopped:?}"
    );
    assert_eq!(states(&served, "CROSS JOIN n AS c"), ["CANCELED"]);
    assert_eq!(served.sql("SHOW TABLES IN main.tiny LIKE '_kiln_lock'"), serde_json::json!([]), "the lock is let go");
}

#[test]
fn without_being_told_to_a_failure_stops_only_what_needs_it() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = endless(&served);
    project.write("sql/endless.sql", "SELECT count(*) AS orders FROM stg_orders\n");
    project.write("sql/needs.sql", "SELECT * FROM broken\n");
    kiln_at(&project, &served, &["sync-and-refresh"]).fails_with(
        3,
        &["✗ build broken", "✓ build endless", "✓ build after", "skipped, because it needs `build broken`"],
    );
    assert_eq!(served.sql("SELECT n FROM main.tiny.after"), serde_json::json!([["1"]]));
}

/// A warehouse that takes builds and never ends them, whoever asks; it tells what it was asked for.
struct Stubborn(std::sync::Mutex<Sender<&'static str>>);

impl Stubborn {
    fn tell(&self, what: &'static str) {
        // Whoever has heard enough no longer listens.
        let _ = self.0.lock().unwrap().send(what);
    }
}

impl Respond for Stubborn {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let answer = |body: Value| ResponseTemplate::new(200).set_body_json(body);
        let state = |id: &str, state: &str| json!({"statement_id": id, "status": {"state": state}, "manifest": {"total_row_count": 0}, "result": {}});
        let path = request.url.path();
        if path.ends_with("/scim/v2/Me") {
            return answer(json!({"id": "1", "userName": "me@example.com"}));
        }
        if path.starts_with("/api/2.0/sql/warehouses") {
            return answer(json!({"warehouses": [{"id": "w", "name": "bi", "state": "RUNNING"}]}));
        }
        if path.ends_with("/unity-catalog/tables") {
            return answer(json!({"tables": []}));
        }
        if path == "/api/2.0/sql/statements" {
            let body: Value = request.body_json().unwrap();
            if !body["statement"].as_str().unwrap().starts_with("CREATE OR REPLACE TABLE") {
                return answer(state("quick", "SUCCEEDED"));
            }
            self.tell("sent");
            return answer(state("endless", "RUNNING"));
        }
        if path.ends_with("/cancel") {
            self.tell("cancelled");
            return answer(json!({}));
        }
        if path.starts_with("/api/2.0/sql/statements/") {
            self.tell("asked");
            return answer(state("endless", "RUNNING"));
        }
        let missing = json!({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "it is not there"});
        ResponseTemplate::new(404).set_body_json(missing)
    }
}

fn wait_for(heard: &Receiver<&'static str>, what: &str) {
    while heard.recv().expect("the warehouse is there") != what {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_interrupt_ends_at_once_whatever_still_runs() {
    let (tell, heard) = channel();
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(Stubborn(std::sync::Mutex::new(tell))).mount(&server).await;
    let project = Project::empty();
    project.write(
        "jobs.yaml",
        &format!(
            "version: 1\nproject: p\nenvironments:\n  prod: {{host: \"{}\", warehouse: bi, catalog: main, schema: s}}\n\
             models:\n  sql: {{materialized: table}}\njobs:\n  all: {{steps: [{{build: sql/**}}]}}\n",
            server.uri()
        ),
    );
    project.write("sql/m.sql", "SELECT 1 AS x\n");
    let mut command = project.command(&["sync-and-refresh", "--output", "json"]);
    command.env("DATABRICKS_TOKEN", "t").stdout(Stdio::piped()).stderr(Stdio::piped());
    let ran = tokio::task::spawn_blocking(move || {
        let process = command.spawn().expect("kiln can be started");
        let interrupt = || {
            let asked = Command::new("kill").args(["-INT", &process.id().to_string()]).status().expect("kill is there");
            assert!(asked.success());
        };
        wait_for(&heard, "sent");
        interrupt();
        // It has told the warehouse to stop, and still looks what becomes of the statement.
        wait_for(&heard, "cancelled");
        wait_for(&heard, "asked");
        interrupt();
        Ran::from(process.wait_with_output().expect("it ends"))
    });
    let ran = ran.await.unwrap();
    ran.fails_with(130, &[]);
    let events: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    let told = |event: &str, step: Value| events.iter().any(|told| told["event"] == event && told["step"] == step);
    assert!(told("step_started", json!("build m")), "{events:?}");
    let ended = told("step_finished", json!("build m")) || told("run_finished", Value::Null);
    assert!(!ended, "it waited for the warehouse: {events:?}");
}
