//! The HTTP core against servers that fail in every way: what is sent again, what is not, and what the error says.

use std::sync::Arc;
use std::time::Duration;

use kiln::http::{Auth, Class, Clock as _, Error, Http, Options, Refusal, Request, RetryPolicy, Service, base_address};
use kiln::secret::Secret;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::faults::clock::TestClock;
use crate::faults::scripted::{Act, Scripted};

const TOKEN: &str = "dapi-hunter22";

const SERVICE: Service = Service { name: "Tester", credentials: "the test's token", refusal };

fn refusal(body: &[u8]) -> Option<Refusal> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |key: &str| body[key].as_str().map(str::to_owned);
    Some(Refusal { code: text("code"), message: text("message"), request_id: text("id"), class: None })
}

fn client(address: &str, change: impl FnOnce(&mut Options)) -> (Http, Arc<TestClock>) {
    let clock = Arc::new(TestClock::at("2026-01-01T00:00:00Z"));
    let mut options = Options::new(clock.clone());
    options.chance = Arc::new(|| 1.0);
    options.retry = RetryPolicy { max_attempts: 3, ..RetryPolicy::default() };
    change(&mut options);
    let base = base_address(address).unwrap();
    (Http::new(&SERVICE, base, Auth::Bearer(Secret::new(TOKEN)), options).unwrap(), clock)
}

/// Sends one request to a server with a script; returns the answer, the number of requests that arrived, and the pauses.
async fn send(script: impl IntoIterator<Item = Act>, request: Request) -> (Result<Value, Error>, usize, Vec<Duration>) {
    let server = Scripted::start(script).await;
    let (http, clock) = client(&server.address(), |_| {});
    let answer = http.json::<Value>(request).await;
    (answer, server.requests().len(), clock.sleeps())
}

fn get() -> Request {
    Request::get("/things")
}

fn post() -> Request {
    Request::post("/things").json(&serde_json::json!({"a": 1}))
}

fn good() -> Act {
    Act::json("200 OK", r#"{"good":true}"#)
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_even_for_a_post_for_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (http, clock) = client(&address, |_| {});
    let error = http.json::<Value>(post()).await.unwrap_err();
    assert_eq!((error.class(), error.attempts(), error.status()), (Class::Unreachable, 3, None));
    assert!(!error.may_have_arrived());
    assert_eq!(clock.sleeps(), [Duration::from_millis(500), Duration::from_secs(1)]);
    assert!(error.help().contains(&address), "{}", error.help());
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_only_if_that_is_harmless() {
    let (answer, arrived, _) = send([Act::Drop, good()], get()).await;
    assert_eq!((answer.unwrap()["good"].as_bool(), arrived), (Some(true), 2));

    let (answer, arrived, _) = send([Act::Drop, good()], post()).await;
    let error = answer.unwrap_err();
    assert_eq!((error.class(), error.attempts(), arrived), (Class::Transient, 1, 1));
    assert!(error.may_have_arrived());

    let (answer, arrived, _) = send([Act::Drop, good()], post().idempotent()).await;
    assert_eq!((answer.is_ok(), arrived), (true, 2));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_lost_answer() {
    let cut = Act::Send(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"good\":".to_owned(),
    );
    let (answer, arrived, _) = send([cut.clone(), good()], get()).await;
    assert_eq!((answer.is_ok(), arrived), (true, 2));
    let (answer, arrived, _) = send([cut], post()).await;
    let error = answer.unwrap_err();
    assert_eq!((error.may_have_arrived(), arrived), (true, 1));
    assert!(error.to_string().contains("in the middle of the answer"), "{error}");

    let (answer, arrived, _) = send([Act::json("200 OK", r#"{"good":"#), good()], get()).await;
    assert_eq!((answer.is_ok(), arrived), (true, 2), "JSON that ends too early is cut short as well");
}

#[tokio::test]
async fn a_throttled_request_waits_as_long_as_it_was_told_whatever_its_method() {
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let turned_away = Act::answer(status, "retry-after: 17\r\n", "");
        let (answer, arrived, pauses) = send([turned_away, good()], post()).await;
        assert_eq!((answer.is_ok(), arrived), (true, 2), "{status}");
        assert_eq!(
            pauses,
            [Duration::from_millis(17_500)],
            "{status}: the time asked for, and half a second of spread"
        );
    }
}

#[tokio::test]
async fn a_throttle_longer_than_the_budget_is_an_error_at_once() {
    let (answer, arrived, pauses) =
        send([Act::answer("429 Too Many Requests", "retry-after: 4000\r\n", "")], get()).await;
    let error = answer.unwrap_err();
    assert_eq!((error.class(), error.attempts(), arrived, pauses.len()), (Class::RateLimit, 1, 1, 0));
}

#[tokio::test]
async fn what_one_client_was_told_to_wait_all_clients_of_the_host_wait() {
    let server = Scripted::start([Act::answer("429 Too Many Requests", "retry-after: 4000\r\n", ""), good()]).await;
    let (first, clock) = client(&server.address(), |_| {});
    let (second, _) = client(&server.address(), |options| {
        options.pace = first.options().pace;
        options.clock = clock.clone();
    });
    assert_eq!(first.json::<Value>(get()).await.unwrap_err().class(), Class::RateLimit);
    let error = second.json::<Value>(get()).await.unwrap_err();
    assert_eq!((error.class(), server.requests().len()), (Class::RateLimit, 1), "the second sends nothing");
    assert!(error.message().contains("wants no request for 4000 s"), "{error}");
    clock.sleep(Duration::from_secs(3900)).await;
    assert!(second.json::<Value>(get()).await.is_ok());
    assert_eq!(clock.sleeps()[1], Duration::from_secs(100));
}

#[tokio::test]
async fn a_server_fault_is_repeated_for_a_get_and_not_for_a_post() {
    let fault = || Act::json("500 Internal Server Error", r#"{"code":"INTERNAL_ERROR","message":"oops","id":"r-7"}"#);
    let (answer, arrived, _) = send([fault(), fault(), good()], get()).await;
    assert_eq!((answer.is_ok(), arrived), (true, 3));
    let (answer, arrived, _) = send([fault()], post()).await;
    let error = answer.unwrap_err();
    assert_eq!((error.class(), error.code(), arrived), (Class::Transient, Some("INTERNAL_ERROR"), 1));
    assert!(error.to_string().ends_with("/things: 500 INTERNAL_ERROR: oops (request id r-7)"), "{error}");
}

#[tokio::test]
async fn final_answers_are_not_asked_for_again_and_have_a_meaning() {
    let cases = [
        ("400 Bad Request", Class::Invalid),
        ("401 Unauthorized", Class::Auth),
        ("403 Forbidden", Class::Permission),
        ("404 Not Found", Class::NotFound),
        ("409 Conflict", Class::Conflict),
        ("501 Not Implemented", Class::Bug),
    ];
    for (status, class) in cases {
        let (answer, arrived, _) = send([Act::json(status, r#"{"code":"C","message":"m"}"#)], get()).await;
        assert_eq!((answer.unwrap_err().class(), arrived), (class, 1), "{status}");
    }
}

#[tokio::test]
async fn a_web_page_is_not_an_answer_even_with_status_200() {
    let page = "<!DOCTYPE html><html><head><title>Sign in\n to Example</title></head></html>";
    let (answer, arrived, _) = send([Act::answer("200 OK", "content-type: text/html\r\n", page)], get()).await;
    let error = answer.unwrap_err();
    assert_eq!((error.class(), arrived), (Class::Unreachable, 1));
    assert!(error.to_string().contains("a web page titled `Sign in to Example`"), "{error}");
    let (answer, ..) = send([Act::answer("200 OK", "content-type: application/json\r\n", page)], get()).await;
    assert_eq!(answer.unwrap_err().class(), Class::Unreachable, "whatever it calls itself");
}

#[tokio::test]
async fn a_gateways_page_or_text_gives_the_message_of_an_error() {
    let page = "<html><title>x</title><body><pre>upstream\nis down</pre></body></html>";
    let (answer, ..) = send([Act::answer("502 Bad Gateway", "content-type: text/html\r\n", page)], post()).await;
    assert_eq!(answer.unwrap_err().message(), "upstream is down");
    let (answer, ..) = send([Act::answer("502 Bad Gateway", "", "")], post()).await;
    assert_eq!(answer.unwrap_err().message(), "bad gateway");
}

#[tokio::test]
async fn garbage_and_other_shapes_are_errors_not_panics() {
    for body in ["\u{0}\u{1}garbage", "nonsense", "[1, 2", "{\"a\": nul}"] {
        let (answer, ..) = send([Act::json("200 OK", body)], post()).await;
        assert!(answer.is_err(), "{body:?}");
    }
    let server = Scripted::start([Act::json("200 OK", r#"{"id": [7]}"#)]).await;
    let (http, _) = client(&server.address(), |_| {});
    let error = http.json::<kiln::databricks::wire::Warehouse>(get()).await.unwrap_err();
    assert_eq!(error.class(), Class::Bug);
    let told = error.to_string();
    assert!(told.contains("another shape than expected: invalid type: sequence, expected a string"), "{told}");
    let (answer, ..) = send([Act::Send("SSH-2.0-OpenSSH_9.9\r\n".to_owned())], post()).await;
    assert!(answer.is_err(), "a server of another kind");
}

#[tokio::test]
async fn an_empty_answer_counts_as_an_empty_object() {
    let (answer, ..) = send([Act::answer("200 OK", "", "")], post()).await;
    assert_eq!(answer.unwrap(), serde_json::json!({}));
}

#[tokio::test]
async fn an_answer_that_does_not_come_ends_at_the_limit_with_its_outcome_unknown() {
    let server = Scripted::start([Act::Hang]).await;
    let (http, _) = client(&server.address(), |options| options.attempt_timeout = Duration::from_millis(50));
    let error = http.json::<Value>(post()).await.unwrap_err();
    assert_eq!((error.class(), error.attempts()), (Class::Transient, 1));
    assert!(error.may_have_arrived());
    assert!(error.to_string().contains("no answer within 0.05 s"), "{error}");
    let error = http.json::<Value>(get()).await.unwrap_err();
    assert_eq!((error.attempts(), server.requests().len()), (3, 4));
}

#[tokio::test]
async fn redirects_are_not_followed_and_their_query_is_not_shown() {
    let elsewhere = Scripted::start([good()]).await;
    let header = format!("location: {}/login.html?next=%2Fsecret-next\r\n", elsewhere.address());
    let (answer, arrived, _) = send([Act::answer("302 Found", &header, "")], get()).await;
    let error = answer.unwrap_err();
    assert_eq!((error.class(), arrived), (Class::Unreachable, 1));
    assert!(error.to_string().contains("/login.html") && !error.to_string().contains("secret-next"), "{error}");
    assert!(elsewhere.requests().is_empty());
    let blocked = "location: /login.html?error=private-link-validation-error:1\r\n";
    let (answer, ..) = send([Act::answer("302 Found", blocked, "")], get()).await;
    assert!(answer.unwrap_err().to_string().contains("private link"));
}

#[tokio::test]
async fn an_answer_larger_than_the_limit_is_refused() {
    let large = format!("[\"{}\"]", "x".repeat(2 << 20));
    for act in [Act::json("200 OK", &large), Act::Send(format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{large}"))]
    {
        let server = Scripted::start([act]).await;
        let (http, _) = client(&server.address(), |options| options.max_answer = 1 << 20);
        let error = http.json::<Value>(get()).await.unwrap_err();
        assert_eq!((error.class(), server.requests().len()), (Class::Invalid, 1));
        assert!(error.to_string().contains("larger than 1 MiB"), "{error}");
    }
}

#[tokio::test]
async fn tls_to_a_server_without_it_is_unreachable() {
    let server = Scripted::start([good()]).await;
    let (http, _) = client(&server.address().replace("http:", "https:"), |_| {});
    let error = http.json::<Value>(post()).await.unwrap_err();
    assert_eq!((error.class(), error.attempts()), (Class::Unreachable, 3));
}

#[tokio::test]
async fn neither_the_token_nor_the_query_is_in_any_error() {
    let echo = format!(r#"{{"code":"NO","message":"token {TOKEN} is not for you"}}"#);
    let script =
        [Act::json("403 Forbidden", &echo), Act::Drop, Act::answer("200 OK", "content-type: text/html\r\n", "<")];
    for act in script {
        let server = Scripted::start([act]).await;
        let (http, _) = client(&server.address(), |_| {});
        let request = Request::post("/things").segment(TOKEN).query("filter", "secret-filter");
        let error = http.json::<Value>(request).await.unwrap_err();
        let mut shown = format!("{error} {error:?} {}", error.help());
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            shown.push_str(&format!(" {cause} {cause:?}"));
            source = cause.source();
        }
        assert!(!shown.contains(TOKEN) && !shown.contains("secret-filter"), "{shown}");
        let sent = &server.requests()[0];
        assert!(sent.contains(&format!("Bearer {TOKEN}")) && sent.contains("filter=secret-filter"), "{sent}");
    }
}

#[tokio::test]
async fn every_request_says_who_sends_it_and_what_it_takes() {
    let server = Scripted::start([good()]).await;
    let (http, _) = client(&server.address(), |options| options.user_agent_extra = "cicd/github".to_owned());
    let request = post().accept("application/json;version=2").query("a", "x y+z&=").query("a", "2");
    let answer = http.send::<Value>(request).await.unwrap();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let sent = server.requests().remove(0);
    let head = sent.to_lowercase();
    assert!(sent.starts_with("POST /things?a=x+y%2Bz%26%3D&a=2 HTTP/1.1\r\n"), "{sent}");
    assert!(head.contains(&format!("user-agent: kiln/{} cicd/github\r\n", env!("CARGO_PKG_VERSION"))), "{sent}");
    assert!(head.contains("accept: application/json;version=2\r\n"), "{sent}");
    assert!(head.contains("content-type: application/json\r\n") && sent.ends_with(r#"{"a":1}"#), "{sent}");
}
