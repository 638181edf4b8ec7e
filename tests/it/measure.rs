//! What the client costs: measurements, to be run alone and read: `cargo test --test it measure -- --ignored --nocapture`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kiln::databricks::{Client, Credentials, Progress, Statement};
use kiln::http::{Options, Pace, base_address};
use kiln::local::{Server, Settings};
use tokio_util::sync::CancellationToken;

use crate::faults::clock::WallClock;
use crate::support::Project;
use crate::support::killer::Killer;

/// Compares statements of the client with the bare requests to the same server.
#[ignore = "measures time, and so runs alone"]
#[tokio::test(flavor = "multi_thread")]
async fn the_overhead_of_a_statement() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(Settings::new(dir.path(), Arc::new(chrono::Utc::now))).await.unwrap();
    let options = Options { pace: Arc::new(Pace::unlimited()), ..Options::new(Arc::new(WallClock)) };
    let credentials = Credentials { host: base_address(&server.url()).unwrap(), token: server.token().clone() };
    let client = Client::new(&credentials, options).unwrap();
    let statement = Statement { read_only: true, ..Statement::new("SELECT 1 AS one", "local".into()) };
    let bare = reqwest::Client::new();
    let url = format!("{}/api/2.0/sql/statements", server.url());
    for width in [1, 16, 64] {
        let count = 40 * width;
        let ours = time(width, count, || async {
            let cancel = CancellationToken::new();
            client.statements().execute(&statement, &cancel, &mut |_: Progress| {}).await.unwrap();
        })
        .await;
        let theirs = time(width, count, || async {
            let body =
                serde_json::json!({"statement": "SELECT 1 AS one", "warehouse_id": "local", "wait_timeout": "10s"});
            let sent = bare.post(&url).bearer_auth(server.token().expose()).json(&body).send().await.unwrap();
            assert!(sent.text().await.unwrap().contains("SUCCEEDED"));
        })
        .await;
        eprintln!("{width} in flight: {ours:?} a statement, {theirs:?} by bare requests");
    }
}

/// Returns the time one takes, of so many with so many at once, after some to warm up.
async fn time<F: Future<Output = ()>>(width: usize, count: usize, run: impl Fn() -> F) -> Duration {
    futures::stream::iter(0..width).for_each_concurrent(width, |_| run()).await;
    let begin = Instant::now();
    futures::stream::iter(0..count).for_each_concurrent(width, |_| run()).await;
    begin.elapsed() / u32::try_from(count).unwrap()
}

/// A warehouse whose builds take so long, and everything else no time.
struct Busy {
    takes: Duration,
    sent: std::sync::Mutex<Vec<Instant>>,
}

impl wiremock::Respond for Busy {
    fn respond(&self, request: &wiremock::Request) -> wiremock::ResponseTemplate {
        let json = |body: serde_json::Value| wiremock::ResponseTemplate::new(200).set_body_json(body);
        let done = |id: &str| {
            serde_json::json!({"statement_id": id, "status": {"state": "SUCCEEDED"},
                "manifest": {"total_row_count": 0}, "result": {}})
        };
        let path = request.url.path();
        if path.ends_with("/scim/v2/Me") {
            return json(serde_json::json!({"id": "1", "userName": "me@example.com"}));
        }
        if path.starts_with("/api/2.0/sql/warehouses") {
            return json(serde_json::json!({"warehouses": [{"id": "w", "name": "bi", "state": "RUNNING"}]}));
        }
        if path == "/api/2.0/sql/statements" {
            let body: serde_json::Value = request.body_json().unwrap();
            let sql = body["statement"].as_str().unwrap();
            if !sql.starts_with("CREATE OR REPLACE TABLE") {
                return json(done("quick"));
            }
            let mut sent = self.sent.lock().unwrap();
            sent.push(Instant::now());
            return json(
                serde_json::json!({"statement_id": (sent.len() - 1).to_string(), "status": {"state": "PENDING"}}),
            );
        }
        if let Some(id) = path.strip_prefix("/api/2.0/sql/statements/") {
            let ended = id.parse::<usize>().is_ok_and(|i| self.sent.lock().unwrap()[i].elapsed() >= self.takes);
            return json(if ended {
                done(id)
            } else {
                serde_json::json!({"statement_id": id, "status": {"state": "RUNNING"}})
            });
        }
        if path.ends_with("/unity-catalog/tables") {
            return json(serde_json::json!({"tables": []}));
        }
        let missing = serde_json::json!({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "it is not there"});
        wiremock::ResponseTemplate::new(404).set_body_json(missing)
    }
}

/// Counts the requests that a run sends for each of its steps: tables that are made, that are as they were, and that are made anew.
#[ignore = "is there to be read"]
#[test]
fn requests_of_a_step() {
    for models in [10, 100] {
        let server = Project::tiny();
        let served = server.serve(&[]);
        let way = Killer::before(&served);
        let project = Project::tiny();
        project.point_to(&way.url, "tiny");
        for i in 0..models {
            project.write(&format!("sql/m{i}.sql"), &format!("SELECT customer, {i} AS n FROM stg_orders\n"));
        }
        for (what, force) in [("made", &[][..]), ("unchanged", &[]), ("made anew", &["--force"])] {
            let args = [&["sync-and-refresh", "--output", "json"], force].concat();
            let (ran, requests) = way.run(&project, &served.token, &args, None);
            assert_eq!(ran.status, 0, "{}", ran.stdout);
            let steps = ran.stdout.matches("\"event\":\"step_finished\"").count();
            let each = requests as f64 / steps as f64;
            eprintln!("{models} tables {what}: {requests} requests for {steps} steps, {each:.1} a step");
        }
    }
}

/// Measures what kiln takes while it waits for 64 statements at once, and how soon it sees that they have ended.
#[ignore = "measures time, and so runs alone"]
#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_64_statements() {
    let takes = Duration::from_secs(40);
    let server = wiremock::MockServer::start().await;
    let busy = Busy { takes, sent: std::sync::Mutex::default() };
    wiremock::Mock::given(wiremock::matchers::any()).respond_with(busy).mount(&server).await;
    let project = Project::empty();
    project.write(
        "jobs.yaml",
        &format!(
            "version: 1\nproject: p\nenvironments:\n  prod: {{host: \"{}\", warehouse: bi, catalog: main, schema: s}}\n\
             models:\n  sql: {{materialized: table}}\njobs:\n  all: {{steps: [{{build: sql/**}}]}}\n",
            server.uri()
        ),
    );
    for i in 0..64 {
        project.write(&format!("sql/m{i}.sql"), &format!("SELECT {i} AS x\n"));
    }
    let mut command = project.command(&["sync-and-refresh", "--concurrency", "64"]);
    let begin = Instant::now();
    let child = command.env("DATABRICKS_TOKEN", "t").stderr(std::process::Stdio::piped()).spawn().unwrap();
    let stat = format!("/proc/{}/stat", child.id());
    let status = format!("/proc/{}/status", child.id());
    let cpu = move || {
        let stat = std::fs::read_to_string(&stat).unwrap();
        let fields: Vec<u64> =
            stat.rsplit_once(") ").unwrap().1.split(' ').filter_map(|field| field.parse().ok()).collect();
        // The 14th and 15th fields of the file, in hundredths of a second; the state before is no number.
        (fields[10] + fields[11]) * 10
    };
    tokio::time::sleep(Duration::from_secs(10)).await;
    let early = cpu();
    tokio::time::sleep(Duration::from_secs(20)).await;
    let late = cpu();
    let memory = std::fs::read_to_string(&status).unwrap();
    let memory = memory.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    let memory =
        memory.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ");
    let ran = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    let took = begin.elapsed();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let polls = server.received_requests().await.unwrap();
    let polls = polls.iter().filter(|request| request.url.path().starts_with("/api/2.0/sql/statements/")).count();
    eprintln!(
        "64 statements of {takes:?}: {took:.1?} in all, {polls} polls; {} ms of CPU in 20 s of waiting; {memory}",
        late - early
    );
}
