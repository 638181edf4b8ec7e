//! Telling how runs ended by webhooks: what is told, to whom, and that it never changes how a run ends.

use serde_json::Value;
use wiremock::matchers::{method, path};
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
