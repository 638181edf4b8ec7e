//! `kiln doctor` in every broken situation: what it says, and its exit status.

use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Project, Ran};

const ENVIRONMENT: &str = "  local: {workspace: local, catalog: main, schema: tiny, default: true}";

/// A small project whose one environment has these keys, beside catalog and schema.
fn project(keys: &str) -> Project {
    let project = Project::tiny();
    project.replace("jobs.yaml", ENVIRONMENT, &format!("  prod: {{{keys}, catalog: main, schema: tiny}}"));
    project
}

/// Runs the doctor with these variables, in a home folder of its own.
fn doctor(project: &Project, variables: &[(&str, &str)]) -> Ran {
    let mut command = project.command(&["doctor"]);
    command.env("HOME", project.path()).env("PATH", "/nowhere").envs(variables.iter().copied());
    command.output().unwrap().into()
}

#[track_caller]
fn says(ran: &Ran, status: i32, lines: &[&str]) {
    assert_eq!(ran.status, status, "{}{}", ran.stdout, ran.stderr);
    let squeezed: Vec<String> =
        ran.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in lines {
        assert!(squeezed.iter().any(|said| said.contains(line)), "{line:?} is not in:\n{}", ran.stdout);
    }
}

#[test]
fn all_is_well_with_the_embedded_workspace_and_with_one_elsewhere() {
    let local = Project::tiny();
    let ran = local.kiln(&["doctor"]);
    says(
        &ran,
        0,
        &["ok login the embedded workspace", "ok identity me@localhost", "ok warehouse", "ok connection shop"],
    );

    let server = Project::tiny();
    let served = server.serve_with_token("planted-secret");
    let project = project(&format!("host: \"{0}\", fivetran: \"{0}\"", served.url));
    let fivetran = [("FIVETRAN_API_KEY", "local"), ("FIVETRAN_API_SECRET", "planted-secret")];
    let mut variables = vec![("DATABRICKS_TOKEN", "planted-secret")];
    variables.extend(fivetran);
    let ran = doctor(&project, &variables);
    let host = format!("ok host {}, from jobs.yaml, workspace 1", served.url);
    says(
        &ran,
        0,
        &["ok login pat, from DATABRICKS_TOKEN", &host, "ok catalog main, of which me@localhost is the owner"],
    );

    let mut variables = vec![("DATABRICKS_CLIENT_ID", "local"), ("DATABRICKS_CLIENT_SECRET", "planted-secret")];
    variables.extend(fivetran);
    let ran = doctor(&project, &variables);
    let login = "ok login oauth-m2m, from DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET";
    says(&ran, 0, &[login, "not pat: no token (DATABRICKS_TOKEN)"]);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("planted-secret"));

    // A wrong secret, a wrong token, and no Fivetran.
    let ran = doctor(&project, &[("DATABRICKS_CLIENT_ID", "local"), ("DATABRICKS_CLIENT_SECRET", "planted-wrong")]);
    says(
        &ran,
        6,
        &[
            "wrong identity Databricks login: POST",
            "401 invalid_client: Client authentication failed",
            "→ Check the client id and secret of the service principal",
            "skipped warehouse needs an identity",
            "wrong fivetran there are no credentials",
            "→ Set FIVETRAN_API_KEY and FIVETRAN_API_SECRET.",
        ],
    );
    let ran =
        doctor(&project, &[("DATABRICKS_TOKEN", "planted-wrong"), fivetran[0], ("FIVETRAN_API_SECRET", "wrong!")]);
    says(
        &ran,
        6,
        &[
            "wrong identity Databricks: GET",
            "→ Check the personal access token from DATABRICKS_TOKEN: what is wrong, expired, or made for another place than",
            "wrong fivetran Fivetran: GET",
            "skipped connection shop needs Fivetran",
        ],
    );
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("planted-wrong"));
}

#[test]
fn json_is_one_check_a_line() {
    let ran = Project::tiny().kiln(&["doctor", "--output", "json"]);
    let checks: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = checks.iter().map(|check| check["check"].as_str().unwrap()).collect();
    assert_eq!(names, ["login", "host", "identity", "warehouse", "catalog", "schema", "fivetran", "connection shop"]);
    assert!(checks.iter().all(|check| check["event"] == "check" && check["state"] == "ok"), "{}", ran.stdout);
}

#[test]
fn what_is_missing_before_the_first_request_is_told() {
    let nothing = project("host: x.test");
    says(
        &doctor(&nothing, &[]),
        6,
        &[
            "wrong login no credentials for https://x.test were found",
            "not pat: no token (DATABRICKS_TOKEN)",
            "not databricks-cli: the program `databricks` is not installed; run `databricks auth login --host https://x.test`",
            "not github-oidc: this is no job of GitHub Actions",
            "→ Set DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or log in",
            "skipped warehouse needs a login",
            "wrong fivetran there are no credentials",
        ],
    );
    let profile = project("profile: DEV");
    says(&doctor(&profile, &[]), 6, &["wrong login there is no profile `DEV` in", "for there is no such file"]);
    profile.write(".databrickscfg", "[PROD]\nhost = x.test\ntoken = dapi-planted\n");
    says(&doctor(&profile, &[]), 6, &["wrong login there is no profile `DEV` in", "→ There are PROD;"]);
    let refused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let down = project(&format!("host: \"http://{refused}\""));
    says(
        &doctor(&down, &[("DATABRICKS_TOKEN", "dapi-planted")]),
        6,
        &["wrong host Databricks: GET", "no connection could be made", "→ Check the address http://127.0.0.1"],
    );
}

/// A workspace that answers so to these paths, and 404 to all others.
async fn workspace(answers: &[(&str, u16, Value)]) -> MockServer {
    let server = MockServer::start().await;
    let me = json!({"id": "1", "userName": "ada@example.test", "groups": [{"display": "analysts"}]});
    let warehouses = json!({"warehouses": [{"id": "w1", "name": "bi", "state": "STOPPED"}]});
    let defaults = [("/api/2.0/preview/scim/v2/Me", 200, me), ("/api/2.0/sql/warehouses", 200, warehouses)];
    for (at, status, body) in answers.iter().chain(&defaults) {
        Mock::given(method("GET"))
            .and(path(*at))
            .respond_with(ResponseTemplate::new(*status).set_body_json(body))
            .mount(&server)
            .await;
    }
    server
}

async fn examine(server: &MockServer, warehouse: &str) -> Ran {
    let project = project(&format!("host: \"{}\", warehouse: {warehouse}", server.uri()));
    tokio::task::spawn_blocking(move || doctor(&project, &[("DATABRICKS_TOKEN", "dapi-planted")])).await.unwrap()
}

const CATALOG: &str = "/api/2.1/unity-catalog/catalogs/main";
const SCHEMA: &str = "/api/2.1/unity-catalog/schemas/main.tiny";
const ON_CATALOG: &str = "/api/2.1/unity-catalog/effective-permissions/catalog/main";
const ON_SCHEMA: &str = "/api/2.1/unity-catalog/effective-permissions/schema/main.tiny";

fn granted(principal: &str, rights: &[&str]) -> Value {
    let rights: Vec<Value> = rights.iter().map(|right| json!({"privilege": right})).collect();
    json!({"privilege_assignments": [{"principal": principal, "privileges": rights},
        {"principal": "others", "privileges": [{"privilege": "ALL_PRIVILEGES"}]}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_missing_are_told_with_the_grant_that_gives_them() {
    let catalog = json!({"name": "main", "owner": "admins"});
    let schema = json!({"name": "tiny", "catalog_name": "main", "owner": "admins"});
    let server = workspace(&[
        (CATALOG, 200, catalog.clone()),
        (SCHEMA, 200, schema.clone()),
        (ON_CATALOG, 200, granted("analysts", &["USE_CATALOG"])),
        (ON_SCHEMA, 200, granted("ada@example.test", &["USE_SCHEMA"])),
    ])
    .await;
    says(
        &examine(&server, "bi").await,
        6,
        &[
            "ok warehouse bi (w1), stopped; the first statement starts it",
            "ok catalog main, with USE CATALOG",
            "wrong schema ada@example.test lacks CREATE TABLE on main.tiny",
            "→ Let its owner run GRANT CREATE TABLE ON SCHEMA `main`.`tiny` TO `ada@example.test`.",
        ],
    );
    let server =
        workspace(&[(CATALOG, 200, catalog.clone()), (ON_CATALOG, 200, granted("analysts", &["USE_CATALOG"]))]).await;
    says(
        &examine(&server, "/sql/1.0/warehouses/gone").await,
        6,
        &[
            "wrong warehouse there is no warehouse `/sql/1.0/warehouses/gone`, or you may not see it",
            "wrong schema `tiny` does not exist yet (a run makes it), or you may not see it; ada@example.test lacks CREATE SCHEMA on main",
            "→ Let its owner run GRANT CREATE SCHEMA ON CATALOG `main` TO `ada@example.test`.",
        ],
    );
    let server = workspace(&[(CATALOG, 200, catalog), (SCHEMA, 200, schema)]).await;
    let unreadable = "skipped catalog main is there, but who may do what in it cannot be read";
    says(
        &examine(&server, "other").await,
        6,
        &["wrong warehouse there is no warehouse `other`; there are bi", unreadable],
    );
    let server = workspace(&[]).await;
    says(
        &examine(&server, "bi").await,
        6,
        &[
            "wrong catalog there is no catalog `main`, or ada@example.test may not see it",
            "→ Create it, or let its owner run GRANT USE CATALOG ON CATALOG `main` TO `ada@example.test`.",
            "skipped schema needs the catalog",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_instead_of_an_answer_and_a_clock_that_is_wrong_are_told() {
    let server = MockServer::start().await;
    let page = ResponseTemplate::new(200).set_body_raw("<html><title>Sign in</title></html>", "text/html");
    Mock::given(method("GET")).respond_with(page).mount(&server).await;
    says(
        &examine(&server, "bi").await,
        6,
        &["wrong host Databricks: GET", "a web page titled `Sign in` came instead", "skipped identity needs the host"],
    );
    let server = MockServer::start().await;
    let me = json!({"id": "1", "userName": "ada@example.test"});
    let old = ResponseTemplate::new(200).insert_header("date", "Thu, 01 Jan 2026 00:00:00 GMT").set_body_json(me);
    Mock::given(method("GET")).and(path("/api/2.0/preview/scim/v2/Me")).respond_with(old).mount(&server).await;
    says(
        &examine(&server, "bi").await,
        6,
        &["wrong clock this machine's clock differs", "→ Set the clock of this machine"],
    );
}
