//! Telling how runs ended by webhooks: what is told, to whom, and that it never changes how a run ends.

use serde_json::Value;
use wiremock::matchers::{body_string_contains, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::faults::scripted::{Act, Scripted};
use crate::support::{Project, Ran, Served, command_at};

/// The secret part of the address.
const PATH: &str = "/services/T000/B000/s3cr3tw0rd";

/// A served project whose environment tells a webhook.
fn begin(notify: &str) -> (Project, Served) {
    let project = Project::tiny();
    let served = project.serve(&[]);
    project.point_at(&served);
    project.replace(
        "jobs.yaml",
        "schema: tiny, default: true}",
        &format!("schema: tiny, default: true, notify: {notify}}}"),
    );
    (project, served)
}

fn run(project: &Project, served: &Served, address: Option<&str>, args: &[&str]) -> Ran {
    let mut command = command_at(project, served, args);
    if let Some(address) = address {
        command.env("HOOK", format!("{address}{PATH}"));
    }
    command.output().expect("kiln can be started").into()
}

fn nothing_shows_the_secret(project: &Project, ran: &Ran) {
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains("s3cr3tw0rd") && !text.contains("T000"), "{text}");
    }
    for file in project.files() {
        let bytes = std::fs::read(&file).unwrap_or_default();
        let found = bytes.windows(10).any(|window| window == b"s3cr3tw0rd");
        assert!(!found, "{} holds the secret", file.display());
    }
}

async fn hook(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path(PATH)).respond_with(answer).mount(&server).await;
    server
}

async fn texts(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    let text = |request: &wiremock::Request| {
        let body: Value = request.body_json().unwrap();
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        body["text"].as_str().unwrap().to_owned()
    };
    requests.iter().map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_news_is_told_once_and_what_is_not_is_not() {
    let server = hook(ResponseTemplate::new(200).set_body_string("ok")).await;
    let address = server.uri();
    // The job tells the same webhook, which hears it once.
    let (project, served) = begin("{webhook: \"${HOOK}\"}");
    project.replace(
        "jobs.yaml",
        "{sync: shop}, {build: sql/**}]",
        "{sync: shop}, {build: sql/**}], notify: [{webhook: \"${HOOK}\"}]",
    );
    let good = run(&project, &served, Some(&address), &["sync-and-refresh"]);
    assert_eq!(good.status, 0, "{}", good.stderr);
    assert_eq!(texts(&server).await, Vec::<String>::new(), "a good run after none is no news");

    project.write("sql/wrong.sql", "SELECT CAST(raise_error('<no> & never') AS INT) AS x FROM totals\n");
    let failed = run(&project, &served, Some(&address), &["sync-and-refresh"]);
    failed.fails_with(3, &["told the webhook of HOOK"]);
    nothing_shows_the_secret(&project, &failed);
    project.write("sql/wrong.sql", "SELECT 1 AS x FROM totals\n");
    let recovered = run(&project, &served, Some(&address), &["sync-and-refresh"]);
    assert_eq!(recovered.status, 0, "{}", recovered.stderr);
    let good = run(&project, &served, Some(&address), &["sync-and-refresh"]);
    assert_eq!(good.status, 0, "{}", good.stderr);
    let told = texts(&server).await;
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].starts_with(":x: *daily* on `prod` failed: build wrong: model `wrong`: "), "{told:#?}");
    assert!(told[0].contains("&lt;no&gt; &amp; never"), "{told:#?}");
    assert!(told[1].starts_with(":white_check_mark: *daily* on `prod` works again. After "), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_source_and_a_run_that_cannot_begin_are_told_to_those_who_asked() {
    let server = hook(ResponseTemplate::new(200)).await;
    let address = server.uri();
    let notify = "notify: [{webhook: \"${HOOK}\", when: stale}]";
    let paused = Project::tiny();
    paused.replace("jobs.yaml", "schema: tiny, default: true}", &format!("schema: tiny, default: true, {notify}}}"));
    paused.replace(
        "jobs.yaml",
        "columns: {id: BIGINT, amount: \"DECIMAL(12,2)\"}}}}",
        "columns: {id: BIGINT, amount: \"DECIMAL(12,2)\"}}}, scenario: paused}",
    );
    let mut command = paused.command(&["sync-and-refresh"]);
    command.env("HOOK", format!("{address}{PATH}"));
    Ran::from(command.output().unwrap()).fails_with(5, &["told the webhook of HOOK"]);
    let told = texts(&server).await;
    assert!(told[0].starts_with(":warning: *daily* on `local` is stale: sync shop: "), "{told:#?}");
    let (project, served) = begin("[{webhook: \"${HOOK}\", when: stale}]");
    // A failure is not what this one asked for.
    let mut command = command_at(&project, &served, &["sync-and-refresh"]);
    command.env("HOOK", format!("{address}{PATH}")).env("DATABRICKS_TOKEN", "wrong");
    Ran::from(command.output().unwrap()).fails_with(6, &[]);
    assert_eq!(texts(&server).await.len(), 1);

    project.replace("jobs.yaml", "when: stale", "when: [failure]");
    let mut command = command_at(&project, &served, &["sync-and-refresh"]);
    command.env("HOOK", format!("{address}{PATH}")).env("DATABRICKS_TOKEN", "wrong");
    Ran::from(command.output().unwrap()).fails_with(6, &["told the webhook of HOOK"]);
    let told = texts(&server).await;
    assert!(told[1].starts_with(":x: *daily* on `prod` could not begin: "), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_fails_is_asked_again_and_changes_nothing() {
    // Lost answers and refusals for now are tried again.
    let busy = Act::answer("503 Service Unavailable", "retry-after: 0\r\n", "");
    let server = Scripted::start([Act::Drop, busy, Act::answer("200 OK", "", "ok")]).await;
    let (project, served) = begin("{webhook: \"${HOOK}\", when: always}");
    let ran = run(&project, &served, Some(&server.address()), &["sync-and-refresh"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("told the webhook of HOOK"), "{}", ran.stderr);
    assert_eq!(server.requests().len(), 3);
    assert!(server.requests()[2].starts_with(&format!("POST {PATH} HTTP/1.1")), "{:?}", server.requests());

    for (answer, why) in [
        (Act::answer("404 Not Found", "", "no_service"), "404"),
        (Act::answer("403 Forbidden", "", "invalid_token s3cr3tw0rd"), "403"),
    ] {
        let server = Scripted::start([answer]).await;
        let ran = run(&project, &served, Some(&server.address()), &["sync-and-refresh"]);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let warning = "warning: the webhook of HOOK could not be told: ";
        let line = ran.stderr.lines().find(|line| line.contains(warning)).unwrap_or_else(|| panic!("{}", ran.stderr));
        assert!(line.contains(why), "{line}");
        assert_eq!(server.requests().len(), 1, "it is final");
        nothing_shows_the_secret(&project, &ran);
    }
    // Nobody is there, and not even an address.
    let nobody = Scripted::free_address().await;
    let ran = run(&project, &served, Some(&format!("http://{nobody}")), &["sync-and-refresh", "-vv"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("could not be told"), "{}", ran.stderr);
    nothing_shows_the_secret(&project, &ran);
    let ran = run(&project, &served, None, &["sync-and-refresh"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("could not be told: the variable is not set"), "{}", ran.stderr);
    let ran = run(&project, &served, Some("s3cr3tw0rd no address"), &["sync-and-refresh"]);
    assert!(ran.stderr.contains("the variable holds no address"), "{}", ran.stderr);
    nothing_shows_the_secret(&project, &ran);
    let ran = run(&project, &served, Some("http://hooks.example.com"), &["sync-and-refresh"]);
    assert!(ran.stderr.contains("in clear text"), "{}", ran.stderr);
    nothing_shows_the_secret(&project, &ran);
}

/// What the workspace tells of the runs that belong to no job, the newest first: their names, and how they ended.
fn begun(served: &Served) -> Vec<(String, String)> {
    let (_, page) = served.get("/api/2.2/jobs/runs/list");
    let runs = page["runs"].as_array().cloned().unwrap_or_default();
    let told = |run: &Value| {
        assert_eq!(run["job_id"], Value::Null, "{run}");
        // It is not waited for by kiln, and is over in a moment.
        loop {
            let (_, run) = served.get(&format!("/api/2.2/jobs/runs/get?run_id={}", run["run_id"]));
            if let Some(code) = run["status"]["termination_details"]["code"].as_str() {
                return (run["run_name"].as_str().unwrap().to_owned(), code.to_owned());
            }
        }
    };
    runs.iter().map(told).collect()
}

#[test]
fn the_workspace_writes_of_a_run_that_ends_as_ours_did() {
    let (project, served) = begin("{email: [board@example.com], when: [failure, recovered]}");
    project.replace(
        "jobs.yaml",
        "{sync: shop}, {build: sql/**}]",
        "{sync: shop}, {build: sql/**}], notify: [{email: [board@example.com], when: failure}]",
    );
    let good = run(&project, &served, None, &["sync-and-refresh"]);
    assert_eq!(good.status, 0, "{}", good.stderr);
    assert_eq!(begun(&served), [], "a good run after none is no news");
    project.write("sql/wrong.sql", "SELECT CAST(raise_error('<no> & never') AS INT) AS x FROM totals\n");
    let failed = run(&project, &served, None, &["sync-and-refresh"]);
    failed.fails_with(3, &["the workspace writes to board@example.com"]);
    let told = begun(&served);
    assert_eq!(told.len(), 1, "whoever listens to the environment and to the job hears it once: {told:?}");
    assert_eq!(told[0].1, "RUN_EXECUTION_ERROR");
    let name = &told[0].0;
    assert!(name.starts_with("daily on prod failed: build wrong: model `wrong`: "), "{name}");
    assert!(name.contains("<no> & never") && name.contains(", run 2"), "{name}");
    project.write("sql/wrong.sql", "SELECT 1 AS x FROM totals\n");
    let recovered = run(&project, &served, None, &["sync-and-refresh"]);
    assert_eq!(recovered.status, 0, "{}", recovered.stderr);
    let told = begun(&served);
    assert_eq!((told.len(), told[0].1.as_str()), (2, "SUCCESS"));
    assert!(told[0].0.starts_with("daily on prod works again. After "), "{told:?}");
    let (_, files) = served.get("/api/2.0/workspace/list?path=/Shared/kiln");
    let files: Vec<_> = files["objects"].as_array().unwrap().iter().map(|file| file["path"].clone()).collect();
    assert_eq!(files, ["/Workspace/Shared/kiln/kiln-run-failed.sql", "/Workspace/Shared/kiln/kiln-run-succeeded.sql"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_for_an_e_mail_is_what_the_service_takes() {
    let server = MockServer::start().await;
    let json = |body: Value| ResponseTemplate::new(200).set_body_json(body);
    for (at, body) in [
        ("/api/2.0/preview/scim/v2/Me", serde_json::json!({"id": "1", "userName": "me@example.com"})),
        (
            "/api/2.0/sql/warehouses",
            serde_json::json!({"warehouses": [{"id": "w-1", "name": "bi", "state": "RUNNING"}]}),
        ),
        ("/api/2.0/workspace/mkdirs", serde_json::json!({})),
        ("/api/2.0/workspace/import", serde_json::json!({})),
        ("/api/2.2/jobs/runs/submit", serde_json::json!({"run_id": 1})),
    ] {
        Mock::given(path(at)).respond_with(json(body)).mount(&server).await;
    }
    // The build fails, and so does the run.
    let project = Project::empty();
    project.write(
        "jobs.yaml",
        &format!(
            "version: 1\nproject: p\nenvironments:\n  prod: {{host: \"{}\", warehouse: bi, catalog: main, schema: s, job_folder: \
             /Shared/mine, notify: {{email: [b@example.com, a@example.com], when: always}}}}\nmodels:\n  sql: {{materialized: \
             table}}\njobs:\n  all: {{steps: [{{build: sql/**}}]}}\n",
            server.uri()
        ),
    );
    project.write("sql/m.sql", "SELECT 1 AS x\n");
    let tables = serde_json::json!({"tables": []});
    Mock::given(path("/api/2.1/unity-catalog/tables")).respond_with(json(tables)).mount(&server).await;
    let error = serde_json::json!({"error_code": "BAD_REQUEST", "message": "[DIVIDE_BY_ZERO] no"});
    let statement = |state: &str, error: &Value| {
        let mut status = serde_json::json!({"state": state});
        if !error.is_null() {
            status["error"] = error.clone();
        }
        serde_json::json!({"statement_id": "s", "status": status, "manifest": {"total_row_count": 0}, "result": {}})
    };
    for (text, answer) in
        [("CREATE OR REPLACE TABLE", statement("FAILED", &error)), ("", statement("SUCCEEDED", &Value::Null))]
    {
        let asked = Mock::given(method("POST")).and(path("/api/2.0/sql/statements")).and(body_string_contains(text));
        asked.respond_with(json(answer)).mount(&server).await;
    }
    let mut command = project.command(&["sync-and-refresh", "--concurrency", "1"]);
    command.env("DATABRICKS_TOKEN", "t");
    let ran = tokio::task::spawn_blocking(move || Ran::from(command.output().unwrap())).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let body =
        |at: &str| requests.iter().find(|request| request.url.path() == at).map(|r| r.body_json::<Value>().unwrap());
    let Some(run) = body("/api/2.2/jobs/runs/submit") else { panic!("{}", ran.stderr) };
    assert_eq!(run["email_notifications"], serde_json::json!({"on_failure": ["a@example.com", "b@example.com"]}));
    assert_eq!(
        run["tasks"],
        serde_json::json!([{"task_key": "told", "sql_task": {"warehouse_id": "w-1",
            "file": {"path": "/Shared/mine/kiln-run-failed.sql", "source": "WORKSPACE"}}}])
    );
    assert!(run["idempotency_token"].as_str().is_some_and(|token| (1..=64).contains(&token.len())), "{run}");
    assert!(run["run_name"].as_str().is_some_and(|name| name.starts_with("all on prod failed: ")), "{run}");
    assert_eq!(run.as_object().unwrap().len(), 5, "{run}");
    assert_eq!(body("/api/2.0/workspace/import").unwrap()["path"], "/Shared/mine/kiln-run-failed.sql");
}

#[test]
fn an_address_in_the_file_is_refused_and_not_shown() {
    let project = Project::tiny();
    project.replace(
        "jobs.yaml",
        "schema: tiny, default: true}",
        "schema: tiny, default: true, notify: {webhook: \"https://hooks.slack.com/services/T000/B000/s3cr3tw0rd\", when: [failur]}}",
    );
    let ran = project.kiln(&["check"]);
    ran.fails_with(1, &["`webhook` must be `${NAME}`", "there is no occasion `failur`", "Did you mean `failure`?"]);
    assert!(!ran.stderr.contains("s3cr3tw0rd"), "{}", ran.stderr);
}

#[test]
fn whom_to_tell_is_said_once_an_entry() {
    let project = Project::tiny();
    let jobs = project.read("jobs.yaml");
    for (notify, text) in [
        ("{when: failure}", "`notify` needs `webhook` or `email`"),
        ("{webhook: \"${HOOK}\", email: [a@example.com]}", "write an entry for each"),
        ("{email: [board]}", "`board` is not an e-mail address"),
    ] {
        project.replace(
            "jobs.yaml",
            "schema: tiny, default: true}",
            &format!("schema: tiny, default: true, notify: {notify}}}"),
        );
        project.kiln(&["check"]).fails_with(1, &[text, "jobs.yaml:4:"]);
        project.write("jobs.yaml", &jobs);
    }
}
