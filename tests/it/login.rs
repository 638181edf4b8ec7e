//! Logging in: which credentials are found where, and the tokens that OAuth and other programs give for them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kiln::databricks::{
    Client, Ended, Error, Explicit, Login, LoginError, Method, NotRun, Origin, Progress, RunProgram, Statement,
    Surroundings,
};
use kiln::http::{Class, Clock as _, Options, RetryPolicy};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use wiremock::matchers::{body_string_contains, header, method, path, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::faults::clock::TestClock;

const ME: &str = "/api/2.0/preview/scim/v2/Me";
const DISCOVERY: &str = "/oidc/.well-known/oauth-authorization-server";
const TOKEN: &str = "/oidc/v1/token";

/// Secrets that must not be in any error or `Debug`.
const SECRETS: [&str; 4] = ["dapi-planted-pat", "planted-client-secret", "planted-jwt", "planted-request-token"];

/// A machine with a home folder, an environment and programs, as a test wants them.
struct Machine {
    home: TempDir,
    env: HashMap<String, String>,
    run: RunProgram,
    clock: Arc<TestClock>,
}

impl Machine {
    fn new() -> Self {
        let run: RunProgram = Arc::new(|_, _| Box::pin(async { Err(NotRun::NotFound) }));
        let home = tempfile::tempdir().unwrap();
        let env = HashMap::from([("HOME".to_owned(), home.path().display().to_string())]);
        Self { home, env, run, clock: Arc::new(TestClock::at("2026-09-02T02:00:00Z")) }
    }

    fn with(mut self, variables: &[(&str, &str)]) -> Self {
        self.env.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self
    }

    fn profiles(self, text: &str) -> Self {
        let path = self.home.path().join(".databrickscfg");
        std::fs::write(&path, text).unwrap();
        close(&path);
        self
    }

    /// Installs a program that answers in this way, and writes down how it was called.
    fn program(mut self, name: &'static str, answer: Ended) -> (Self, Arc<Mutex<Vec<String>>>) {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&calls);
        self.run = Arc::new(move |program, args| {
            if program != name {
                return Box::pin(async { Err(NotRun::NotFound) });
            }
            seen.lock().unwrap().push(format!("{program} {}", args.join(" ")));
            let answer = answer.clone();
            Box::pin(async { Ok(answer) })
        });
        (self, calls)
    }

    fn options(&self) -> Options {
        let mut options = Options::new(self.clock.clone());
        options.chance = Arc::new(|| 0.5);
        options.retry = RetryPolicy { max_attempts: 2, ..RetryPolicy::default() };
        options
    }

    async fn login(&self, explicit: &Explicit) -> Result<Login, LoginError> {
        let env = self.env.clone();
        let around = Surroundings {
            env: Arc::new(move |name| env.get(name).cloned()),
            run: Arc::clone(&self.run),
            options: self.options(),
        };
        let login = Login::choose(explicit, &around).await;
        let shown = match &login {
            Ok(login) => format!("{login:?} {} {}", login.credentials(), login.source),
            Err(error) => format!("{error:?} {error} {}", error.help()),
        };
        assert!(SECRETS.iter().all(|secret| !shown.contains(secret)), "{shown}");
        login
    }

    async fn client(&self, explicit: &Explicit) -> Client {
        Client::of(&self.login(explicit).await.unwrap(), self.options()).unwrap()
    }
}

#[cfg(unix)]
fn close(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[cfg(not(unix))]
fn close(_: &std::path::Path) {}

fn to(host: &str) -> Explicit {
    Explicit { host: Some(host.to_owned()), ..Explicit::default() }
}

fn profile(name: &str) -> Explicit {
    Explicit { profile: Some(name.to_owned()), ..Explicit::default() }
}

const NOTHING: Explicit = Explicit { host: None, profile: None, auth_type: None, client_id: None };

const FILE: &str = "[DEFAULT]\nhost = default.test\ntoken = dapi-planted-pat\n[DEV]\nhost = https://dev.test/\n\
     token = dapi-planted-pat\nwarehouse_id = w-dev\n[M2M]\nhost = m2m.test\nclient_id = app\nclient_secret = planted-client-secret\n";

#[tokio::test]
async fn what_is_found_first_stays_jobs_yaml_then_variables_then_the_profile() {
    let found = |login: &Login| (login.host.as_str().to_owned(), login.method.as_str(), login.source.clone());

    let login = Machine::new().profiles(FILE).login(&NOTHING).await.unwrap();
    let file = login.source.split(" of ").nth(1).unwrap().to_owned();
    assert_eq!(found(&login), ("https://default.test/".into(), "pat", format!("profile `DEFAULT` of {file}")));

    let login = Machine::new().profiles(FILE).login(&profile("DEV")).await.unwrap();
    assert_eq!((login.host.as_str(), login.warehouse.as_deref()), ("https://dev.test/", Some("w-dev")));
    assert!(matches!(&login.host_origin, Origin::Profile { name, .. } if name == "DEV"));

    let by_variable = Machine::new().profiles(FILE).with(&[("DATABRICKS_CONFIG_PROFILE", "M2M")]);
    let login = by_variable.login(&NOTHING).await.unwrap();
    assert_eq!((login.host.as_str(), login.method), ("https://m2m.test/", Method::OauthM2m));
    let login = by_variable.login(&profile("DEV")).await.unwrap();
    assert_eq!(login.host.as_str(), "https://dev.test/", "jobs.yaml goes before the variable");

    let variables = [("DATABRICKS_HOST", "var.test"), ("DATABRICKS_TOKEN", "dapi-planted-pat")];
    let login = Machine::new().profiles(FILE).with(&variables).login(&NOTHING).await.unwrap();
    assert_eq!(found(&login), ("https://var.test/".into(), "pat", "DATABRICKS_TOKEN".into()));
    let login = Machine::new().with(&variables).login(&to("jobs.test")).await.unwrap();
    assert_eq!((login.host.as_str(), &login.host_origin), ("https://jobs.test/", &Origin::JobsYaml));

    let machine = Machine::new().profiles(FILE).with(&[("DATABRICKS_HOST", "var.test")]);
    let login = machine.login(&profile("DEV")).await.unwrap();
    assert_eq!(login.host.as_str(), "https://var.test/", "a later source never replaces an earlier one");
    assert_eq!(login.warnings, ["`host` of profile `DEV` is not used: DATABRICKS_HOST goes before it"]);
}

#[tokio::test]
async fn another_file_and_another_default_profile_can_be_chosen() {
    let machine = Machine::new();
    let path = machine.home.path().join("other.cfg");
    std::fs::write(&path, format!("{FILE}[__settings__]\ndefault_profile = DEV\n")).unwrap();
    close(&path);
    for value in ["~/other.cfg", &path.display().to_string()] {
        let machine = Machine { env: machine.env.clone(), ..Machine::new() }.with(&[("DATABRICKS_CONFIG_FILE", value)]);
        let login = machine.login(&NOTHING).await.unwrap();
        assert_eq!(login.host.as_str(), "https://dev.test/");
        assert!(login.warnings.is_empty(), "{:?}", login.warnings);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_profile_file_that_others_may_read_is_warned_about() {
    use std::os::unix::fs::PermissionsExt as _;
    let machine = Machine::new().profiles(FILE);
    let path = machine.home.path().join(".databrickscfg");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let login = machine.login(&profile("DEV")).await.unwrap();
    let path = path.display();
    assert_eq!(login.warnings, [format!("{path} can be read by others than you; run `chmod 600 {path}`")]);
}

#[tokio::test]
async fn what_is_missing_or_contradicts_itself_is_told_with_the_way_out() {
    let both = [("DATABRICKS_TOKEN", "dapi-planted-pat"), ("DATABRICKS_CLIENT_SECRET", "planted-client-secret")];
    let cases: [(Machine, Explicit, &str, &str); 10] = [
        (Machine::new(), NOTHING, "nothing says where the workspace is", "`host: ADDRESS` or `profile: NAME`"),
        (Machine::new(), to("x.test"), "no credentials for https://x.test were found", "set DATABRICKS_TOKEN"),
        (Machine::new().profiles(FILE), to("dev.test"), "no credentials for https://dev.test", "profile `DEV` of "),
        (Machine::new().profiles(FILE), profile("dev"), "there is no profile `dev` in ", "there are DEFAULT, DEV, M2M"),
        (Machine::new(), profile("DEV"), "for there is no such file", "databricks auth login --profile DEV"),
        (Machine::new().profiles("[A]\ntoken\n"), NOTHING, "line 2 is neither", "correct "),
        (
            Machine::new().with(&both),
            to("x.test"),
            "more than one kind are set: oauth (from DATABRICKS_CLIENT_SECRET) and pat (from DATABRICKS_TOKEN)",
            "DATABRICKS_AUTH_TYPE",
        ),
        (
            Machine::new().with(&both),
            Explicit { auth_type: Some("oauth-m2m".into()), ..to("x.test") },
            "no login to https://x.test by oauth-m2m: no client_id (DATABRICKS_CLIENT_ID)",
            "set DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET",
        ),
        (
            Machine::new().with(&[("DATABRICKS_AUTH_TYPE", "basic")]),
            to("x.test"),
            "the auth_type `basic` from DATABRICKS_AUTH_TYPE is not one that kiln can use",
            "use one of pat, oauth-m2m, databricks-cli",
        ),
        (
            Machine::new().with(&[("DATABRICKS_HOST", "http://x.test"), ("DATABRICKS_TOKEN", "dapi-planted-pat")]),
            NOTHING,
            "from DATABRICKS_HOST cannot be used: `http://x.test` would send credentials in clear text",
            "https://adb-",
        ),
    ];
    for (machine, explicit, message, help) in cases {
        let error = machine.login(&explicit).await.unwrap_err();
        assert!(error.to_string().contains(message), "{error}\n{message}");
        assert!(error.help().contains(help), "{}\n{help}", error.help());
    }
}

#[tokio::test]
async fn auth_type_decides_between_kinds_and_a_client_id_may_stand_in_jobs_yaml() {
    let machine = Machine::new().with(&[
        ("DATABRICKS_TOKEN", "dapi-planted-pat"),
        ("DATABRICKS_CLIENT_SECRET", "planted-client-secret"),
        ("DATABRICKS_AUTH_TYPE", "pat"),
    ]);
    let explicit = Explicit { auth_type: Some("oauth-m2m".into()), client_id: Some("app".into()), ..to("x.test") };
    let login = machine.login(&explicit).await.unwrap();
    assert_eq!((login.method, login.source.as_str()), (Method::OauthM2m, "jobs.yaml and DATABRICKS_CLIENT_SECRET"));
    assert_eq!(machine.login(&to("x.test")).await.unwrap().method, Method::Pat);
}

/// A workspace with a login service whose tokens are `t-1`, `t-2` and so on, each for so many seconds; only the last
/// `good` ones are taken.
struct Workspace {
    server: MockServer,
    issued: Arc<AtomicUsize>,
    /// The number of the first token that is taken.
    good_from: Arc<AtomicUsize>,
}

impl Workspace {
    async fn start(life: Value) -> Self {
        let server = MockServer::start().await;
        let (issued, good_from) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let uri = server.uri();
        Mock::given(method("GET"))
            .and(path(DISCOVERY))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"token_endpoint": format!("{uri}{TOKEN}")})))
            .mount(&server)
            .await;
        let count = Arc::clone(&issued);
        Mock::given(method("POST"))
            .and(path(TOKEN))
            .respond_with(move |_: &Request| {
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                let body = json!({"access_token": format!("t-{number}"), "token_type": "Bearer", "expires_in": life});
                ResponseTemplate::new(200).set_body_json(body)
            })
            .mount(&server)
            .await;
        let good = Arc::clone(&good_from);
        Mock::given(method("GET"))
            .and(path(ME))
            .respond_with(move |request: &Request| {
                let token = request.headers["authorization"].to_str().unwrap().strip_prefix("Bearer t-").unwrap();
                if token.parse::<usize>().unwrap() < good.load(Ordering::SeqCst) {
                    let body = json!({"error_code": "403", "message": "Invalid Token"});
                    return ResponseTemplate::new(403).set_body_json(body);
                }
                ResponseTemplate::new(200).set_body_json(json!({"id": "1", "userName": "app"}))
            })
            .mount(&server)
            .await;
        Self { server, issued, good_from }
    }

    fn issued(&self) -> usize {
        self.issued.load(Ordering::SeqCst)
    }

    async fn requests(&self, at: &str) -> Vec<Request> {
        let all = self.server.received_requests().await.unwrap();
        all.into_iter().filter(|request| request.url.path() == at).collect()
    }
}

fn service_principal() -> Machine {
    Machine::new().with(&[("DATABRICKS_CLIENT_ID", "app"), ("DATABRICKS_CLIENT_SECRET", "planted-client-secret")])
}

#[tokio::test]
async fn a_service_principal_gets_one_token_for_many_callers() {
    let workspace = Workspace::start(json!("3600")).await;
    let machine = service_principal();
    let client = machine.client(&to(&workspace.server.uri())).await;
    assert_eq!(workspace.issued(), 0, "nothing is asked for before it is needed");
    let callers = (0..16).map(|_| client.me());
    assert!(futures::future::join_all(callers).await.iter().all(Result::is_ok));
    assert_eq!(workspace.issued(), 1);
    let agent = workspace.requests(ME).await[0].headers["user-agent"].to_str().unwrap().to_owned();
    assert!(agent.ends_with(" auth/oauth-m2m"), "{agent}");
    let asked = &workspace.requests(TOKEN).await[0];
    // base64 of app:planted-client-secret
    assert_eq!(asked.headers["authorization"], "Basic YXBwOnBsYW50ZWQtY2xpZW50LXNlY3JldA==");
    assert_eq!(asked.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(asked.body, b"grant_type=client_credentials&scope=all-apis");
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let workspace = Workspace::start(json!(3600)).await;
    let machine = service_principal();
    let client = machine.client(&to(&workspace.server.uri())).await;
    client.me().await.unwrap();
    machine.clock.sleep(Duration::from_secs(39 * 60)).await;
    client.me().await.unwrap();
    assert_eq!(workspace.issued(), 1, "21 minutes before its end it is young enough");
    machine.clock.sleep(Duration::from_secs(2 * 60)).await;
    client.me().await.unwrap();
    assert_eq!(workspace.issued(), 2, "19 minutes before its end it is renewed");
    machine.clock.sleep(Duration::from_secs(3600 - 39)).await;
    assert!(futures::future::join_all((0..8).map(|_| client.me())).await.iter().all(Result::is_ok));
    assert_eq!(workspace.issued(), 3, "one that has ended is renewed once, while all wait for it");
    assert_eq!(workspace.requests(DISCOVERY).await.len(), 1, "the login service is looked for once");
}

#[tokio::test]
async fn a_token_refused_in_mid_run_is_renewed_once_for_all_and_the_requests_sent_again() {
    let workspace = Workspace::start(json!(3600)).await;
    let client = service_principal().client(&to(&workspace.server.uri())).await;
    client.me().await.unwrap();
    workspace.good_from.store(2, Ordering::SeqCst);
    assert!(futures::future::join_all((0..8).map(|_| client.me())).await.iter().all(Result::is_ok));
    assert_eq!(workspace.issued(), 2);
    // One that is refused again and again is an error, after one try with a new one.
    workspace.good_from.store(usize::MAX, Ordering::SeqCst);
    let error = client.me().await.unwrap_err();
    assert_eq!((error.class(), error.attempts(), workspace.issued()), (Class::Auth, 2, 3));
    let help = error.help();
    assert!(help.contains("service principal from DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET"), "{help}");
}

#[tokio::test]
async fn a_failed_early_renewal_leaves_the_good_token_in_use() {
    let server = MockServer::start().await;
    let uri = server.uri();
    let discovery = json!({"token_endpoint": format!("{uri}{TOKEN}")});
    Mock::given(path(DISCOVERY)).respond_with(ResponseTemplate::new(200).set_body_json(discovery)).mount(&server).await;
    let token = json!({"access_token": "t-1", "expires_in": 3600});
    Mock::given(path(TOKEN))
        .respond_with(ResponseTemplate::new(200).set_body_json(token))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(path(TOKEN)).respond_with(ResponseTemplate::new(400)).mount(&server).await;
    Mock::given(path(ME))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"id": "1", "userName": "app"})))
        .mount(&server)
        .await;
    let machine = service_principal();
    let client = machine.client(&to(&uri)).await;
    client.me().await.unwrap();
    machine.clock.sleep(Duration::from_secs(50 * 60)).await;
    client.me().await.unwrap();
    client.me().await.unwrap();
    let asked = |requests: Vec<Request>| requests.iter().filter(|request| request.url.path() == TOKEN).count();
    assert_eq!(asked(server.received_requests().await.unwrap()), 2, "it is not tried again at once");
    machine.clock.sleep(Duration::from_secs(10 * 60)).await;
    let results = futures::future::join_all((0..4).map(|_| client.me())).await;
    assert!(results.iter().all(|result| result.as_ref().is_err_and(|error| error.status() == Some(400))));
    let asked = asked(server.received_requests().await.unwrap());
    assert_eq!(asked, 3, "those who waited for a renewal fail with it");
}

#[tokio::test]
async fn a_login_service_that_falters_is_asked_again() {
    let workspace = Workspace::start(json!(3600)).await;
    for (at, status) in [(DISCOVERY, 500), (TOKEN, 503)] {
        Mock::given(path(at))
            .respond_with(ResponseTemplate::new(status))
            .up_to_n_times(1)
            .with_priority(1)
            .mount(&workspace.server)
            .await;
    }
    service_principal().client(&to(&workspace.server.uri())).await.me().await.unwrap();
    assert_eq!((workspace.requests(DISCOVERY).await.len(), workspace.requests(TOKEN).await.len()), (2, 2));
}

#[tokio::test]
async fn a_statement_that_waits_for_a_login_in_vain_was_not_sent() {
    let workspace = Workspace::start(json!(3600)).await;
    Mock::given(path(TOKEN)).respond_with(ResponseTemplate::new(500)).with_priority(1).mount(&workspace.server).await;
    let client = service_principal().client(&to(&workspace.server.uri())).await;
    let statement = Statement::new("INSERT INTO t SELECT 1", "w".into());
    let error =
        client.statements().execute(&statement, &CancellationToken::new(), &mut |_: Progress| {}).await.unwrap_err();
    let Error::Http(error) = error else { panic!("{error:?}") };
    assert_eq!((error.status(), error.may_have_arrived()), (Some(500), false));
    let asked = workspace.server.received_requests().await.unwrap();
    assert!(asked.iter().all(|request| !request.url.path().starts_with("/api/")), "neither sent nor looked for");
}

#[tokio::test]
async fn a_wrong_secret_is_told_in_the_services_words_and_never_repeated() {
    for refusal in [
        json!({"error": "invalid_client", "error_description": "Client authentication failed: planted-client-secret"}),
        json!({"errorCode": "invalid_client", "errorSummary": "Client authentication failed: planted-client-secret"}),
    ] {
        let server = MockServer::start().await;
        let discovery = json!({"token_endpoint": format!("{}{TOKEN}", server.uri())});
        Mock::given(path(DISCOVERY))
            .respond_with(ResponseTemplate::new(200).set_body_json(discovery))
            .mount(&server)
            .await;
        Mock::given(path(TOKEN)).respond_with(ResponseTemplate::new(401).set_body_json(refusal)).mount(&server).await;
        let error = service_principal().client(&to(&server.uri())).await.me().await.unwrap_err();
        let shown = format!("{error} {error:?} {}", error.help());
        assert_eq!(error.class(), Class::Auth);
        assert!(shown.contains("invalid_client: Client authentication failed: [secret]"), "{shown}");
        assert!(error.help().starts_with("check the client id and secret of the service principal"), "{shown}");
        assert!(SECRETS.iter().all(|secret| !shown.contains(secret)), "{shown}");
    }
}

#[tokio::test]
async fn the_secret_goes_to_the_workspace_and_to_nobody_else() {
    let elsewhere = MockServer::start().await;
    let server = MockServer::start().await;
    let discovery = json!({"token_endpoint": format!("{}{TOKEN}", elsewhere.uri().replace("127.0.0.1", "localhost"))});
    Mock::given(path(DISCOVERY)).respond_with(ResponseTemplate::new(200).set_body_json(discovery)).mount(&server).await;
    let config = json!({"oidc_endpoint": format!("{}/oidc", elsewhere.uri())});
    Mock::given(path("/.well-known/databricks-config"))
        .respond_with(ResponseTemplate::new(200).set_body_json(config))
        .mount(&server)
        .await;
    let error = service_principal().client(&to(&server.uri())).await.me().await.unwrap_err();
    assert!(error.to_string().contains("another host (localhost)"), "{error}");
    assert_eq!(error.class(), Class::Auth);
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_job_of_github_exchanges_its_token_without_any_secret() {
    let workspace = Workspace::start(json!(3600)).await;
    let github = MockServer::start().await;
    Mock::given(path("/jobs/7/token"))
        .and(query_param("api-version", "2.0"))
        .and(header("authorization", "Bearer planted-request-token"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"count": 1, "value": "planted-jwt"})))
        .mount(&github)
        .await;
    let url = format!("{}/jobs/7/token?api-version=2.0", github.uri());
    let machine = Machine::new()
        .with(&[("ACTIONS_ID_TOKEN_REQUEST_URL", &url), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "planted-request-token")]);
    let explicit = Explicit { client_id: Some("app".into()), ..to(&workspace.server.uri()) };
    let login = machine.login(&explicit).await.unwrap();
    assert_eq!(login.method, Method::GithubOidc);
    assert_eq!(login.passed_over[2].0, Method::DatabricksCli);
    Client::of(&login, machine.options()).unwrap().me().await.unwrap();
    let asked = &workspace.requests(TOKEN).await[0];
    assert!(!asked.headers.contains_key("authorization"));
    let body = String::from_utf8(asked.body.clone()).unwrap();
    for field in [
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange",
        "subject_token=planted-jwt",
        "subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt",
        "scope=all-apis",
        "client_id=app",
    ] {
        assert!(body.split('&').any(|part| part == field), "{field} is not in {body}");
    }
    let audience = format!("{}{TOKEN}", workspace.server.uri());
    let asked = github.received_requests().await.unwrap();
    assert_eq!(asked[0].url.query_pairs().last().unwrap(), ("audience".into(), audience.into()));

    let machine = machine.with(&[("DATABRICKS_TOKEN_AUDIENCE", "chosen")]);
    machine.client(&explicit).await.me().await.unwrap();
    let asked = github.received_requests().await.unwrap();
    assert_eq!(asked[1].url.query_pairs().last().unwrap().1, "chosen");
}

#[tokio::test]
async fn tokens_of_other_providers_come_from_a_variable_or_a_file_and_are_never_shown() {
    let server = MockServer::start().await;
    let discovery = json!({"token_endpoint": format!("{}{TOKEN}", server.uri())});
    Mock::given(path(DISCOVERY)).respond_with(ResponseTemplate::new(200).set_body_json(discovery)).mount(&server).await;
    let refusal = json!({"error": "invalid_grant", "error_description": "planted-jwt is of no issuer that is trusted"});
    Mock::given(path(TOKEN))
        .and(body_string_contains("subject_token=planted-jwt"))
        .respond_with(ResponseTemplate::new(400).set_body_json(refusal))
        .mount(&server)
        .await;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("jwt");
    std::fs::write(&file, "planted-jwt\n").unwrap();
    let file = file.display().to_string();
    for (variables, method) in [
        (vec![("DATABRICKS_OIDC_TOKEN", "planted-jwt")], Method::EnvOidc),
        (vec![("DATABRICKS_OIDC_TOKEN_ENV", "MINE"), ("MINE", "planted-jwt")], Method::EnvOidc),
        (vec![("DATABRICKS_OIDC_TOKEN_FILEPATH", file.as_str())], Method::FileOidc),
    ] {
        let machine = Machine::new().with(&variables);
        assert_eq!(machine.login(&to(&server.uri())).await.unwrap().method, method);
        let error = machine.client(&to(&server.uri())).await.me().await.unwrap_err();
        let shown = format!("{error} {error:?} {}", error.help());
        assert!(shown.contains("[secret] is of no issuer that is trusted") && !shown.contains("planted"), "{shown}");
        assert!(error.help().contains("federation policy"), "{shown}");
    }
    let machine = Machine::new().with(&[("DATABRICKS_OIDC_TOKEN_FILEPATH", "/nowhere/jwt")]);
    let error = machine.client(&to(&server.uri())).await.me().await.unwrap_err();
    assert!(error.to_string().ends_with("/nowhere/jwt: entity not found"), "{error}");
}

fn prints(stdout: &Value) -> Ended {
    Ended { success: true, stdout: stdout.to_string(), stderr: String::new() }
}

#[tokio::test]
async fn the_logins_of_other_programs_are_used_where_nothing_else_is_there() {
    let token = json!({"access_token": "t-1", "token_type": "Bearer", "expiry": "2026-09-02T03:00:00Z"});
    let (machine, calls) =
        Machine::new().profiles("[U2M]\nhost=https://u2m.test\n").program("databricks", prints(&token));
    let login = machine.login(&profile("U2M")).await.unwrap();
    assert_eq!((login.method, login.source.as_str()), (Method::DatabricksCli, "profile `U2M`, by `databricks`"));
    machine.login(&to("https://u2m.test")).await.unwrap();
    let seen = ["databricks auth token --profile U2M", "databricks auth token --host https://u2m.test"];
    assert_eq!(*calls.lock().unwrap(), seen);

    let token = json!({"accessToken": "t-1", "tokenType": "Bearer", "expires_on": 1_788_318_000});
    let (machine, calls) = Machine::new().program("az", prints(&token));
    let login = machine.login(&to("adb-1.7.azuredatabricks.net")).await.unwrap();
    assert_eq!((login.method, login.source.as_str()), (Method::AzureCli, "the program `az`"));
    let seen = "az account get-access-token --resource 2ff814a6-3304-4ab8-85cb-cd0e6f879c1d --output json";
    assert_eq!(*calls.lock().unwrap(), [seen]);
    assert!(machine.login(&to("x.test")).await.is_err(), "it is asked for workspaces on Azure only");
}

#[tokio::test]
async fn a_programs_token_is_used_until_it_is_refused_and_then_forced_anew() {
    let workspace = Workspace::start(json!(3600)).await;
    let token = json!({"access_token": "t-1", "token_type": "Bearer", "expiry": "2026-09-02T03:00:00Z"});
    let (machine, calls) = Machine::new().program("databricks", prints(&token));
    let client = machine.client(&to(&workspace.server.uri())).await;
    client.me().await.unwrap();
    client.me().await.unwrap();
    assert_eq!(calls.lock().unwrap().len(), 1);
    workspace.good_from.store(2, Ordering::SeqCst);
    assert_eq!(client.me().await.unwrap_err().class(), Class::Auth);
    let calls = calls.lock().unwrap();
    assert!(calls.len() == 2 && calls[1].ends_with("--force-refresh"), "{calls:?}");
}

#[tokio::test]
async fn a_program_without_a_login_is_passed_over_unless_it_is_meant() {
    let failed =
        Ended { success: false, stdout: String::new(), stderr: "\nError: no cached login for x.test\nusage\n".into() };
    let (machine, _) = Machine::new().program("databricks", failed);
    let error = machine.login(&to("x.test")).await.unwrap_err();
    let LoginError::NoMethod { passed_over, .. } = &error else { panic!("{error:?}") };
    let why = &passed_over.iter().find(|(method, _)| *method == Method::DatabricksCli).unwrap().1;
    assert_eq!(
        why,
        "`databricks auth token` failed: no cached login for x.test; run `databricks auth login --host https://x.test`"
    );
    let meant = Explicit { auth_type: Some("azure-cli".into()), ..to("adb-1.7.azuredatabricks.net") };
    let error = machine.login(&meant).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no login to https://adb-1.7.azuredatabricks.net by azure-cli: the program `az` is not installed; run `az login`"
    );
    let (machine, _) = Machine::new().program("databricks", prints(&json!({"not": "a token"})));
    let meant = Explicit { auth_type: Some("databricks-cli".into()), ..to("x.test") };
    let error = machine.login(&meant).await.unwrap_err();
    assert!(error.to_string().contains("answered something else than a token; install a current version"), "{error}");
}
