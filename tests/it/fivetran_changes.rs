//! Changes of connections whose answers are lost: what is there is read before anything is sent again, and no connection is
//! made twice.

use std::sync::Arc;

use kiln::fivetran::wire::{Connection, CreateConnection, SchemaConfig, SchemaNode, TableConfig, UpdateConnection};
use kiln::fivetran::{Client, ConfigSecret, Credentials};
use kiln::http::{Options, RetryPolicy, base_address};
use kiln::ids::ConnectionId;
use kiln::secret::Secret;
use serde_json::{Value, json};

use crate::faults::clock::TestClock;
use crate::faults::scripted::{Act, Scripted};

fn client(server: &Scripted) -> Client {
    let mut options = Options::new(Arc::new(TestClock::at("2026-09-02T02:00:00Z")));
    options.retry = RetryPolicy { max_attempts: 1, ..RetryPolicy::default() };
    let credentials = Credentials {
        base: base_address(&server.address()).unwrap(),
        key: Secret::new("key"),
        secret: Secret::new("the-key-s-own"),
    };
    Client::new(&credentials, options).unwrap()
}

fn connection(paused: bool, tests: &Value) -> Value {
    json!({"id": "speak_inexpensive", "service": "google_cloud_postgresql", "schema": "shop_pg", "group_id": "sickle",
        "paused": paused, "setup_tests": tests, "status": {"setup_state": "connected", "sync_state": "scheduled"}})
}

fn ok(data: &Value) -> Act {
    Act::json("200 OK", &json!({"code": "Success", "data": data}).to_string())
}

fn list(groups: &[&str]) -> Act {
    let items: Vec<Value> = groups
        .iter()
        .map(|group| {
            let mut item = connection(false, &Value::Null);
            item["group_id"] = json!(group);
            item
        })
        .collect();
    ok(&json!({"items": items}))
}

fn tested() -> Act {
    ok(&connection(false, &json!([{"title": "Host", "status": "PASSED"}])))
}

/// What was asked, without queries.
fn asked(server: &Scripted) -> Vec<String> {
    let first = |request: &String| request.split([' ', '?']).take(2).collect::<Vec<_>>().join(" ");
    server.requests().iter().map(first).collect()
}

const POST: &str = "POST /v1/connections";
const LIST: &str = "GET /v1/connections";
const ONE: &str = "GET /v1/connections/speak_inexpensive";
const PATCH: &str = "PATCH /v1/connections/speak_inexpensive";
const TEST: &str = "POST /v1/connections/speak_inexpensive/test";

#[tokio::test]
async fn a_connection_whose_making_was_not_answered_is_looked_for_before_it_is_made_again() {
    let busy = || Act::json("400 Bad Request", r#"{"code":"InvalidInput","message":"it exists already"}"#);
    let gateway = || Act::answer("502 Bad Gateway", "", "");
    for (script, expected) in [
        (vec![Act::Drop, list(&["sickle"]), tested()], vec![POST, LIST, TEST]),
        // Setup tests take their time: it appears later.
        (vec![gateway(), list(&[]), list(&[]), list(&["sickle"]), tested()], vec![POST, LIST, LIST, LIST, TEST]),
        // One of the same schema in another group is another one; ours was never made.
        (
            vec![Act::Drop, list(&["other"]), list(&["other"]), list(&["other"]), list(&["other"]), tested()],
            vec![POST, LIST, LIST, LIST, LIST, POST],
        ),
        // It arrived after all, later than anybody looked.
        (
            vec![Act::Drop, list(&[]), list(&[]), list(&[]), list(&[]), busy(), list(&["sickle"]), tested()],
            vec![POST, LIST, LIST, LIST, LIST, POST, LIST, TEST],
        ),
    ] {
        let server = Scripted::start(script).await;
        let body = CreateConnection { group_id: "sickle".to_owned(), ..CreateConnection::default() };
        let made = client(&server).make_connection(&body, &[], "shop_pg").await.unwrap();
        assert_eq!((made.connection.id.as_str(), made.tests.len()), ("speak_inexpensive", 1));
        assert_eq!(asked(&server), expected);
    }
    // What was turned away was not made, and is told as it is.
    let server = Scripted::start([busy()]).await;
    let error = client(&server).make_connection(&CreateConnection::default(), &[], "shop_pg").await.unwrap_err();
    assert!(error.to_string().contains("it exists already"), "{error}");
    assert_eq!(asked(&server), [POST]);
}

#[tokio::test]
async fn a_change_that_was_not_answered_is_read_back() {
    let server_error = || Act::json("500 Internal Server Error", r#"{"code":"X","message":"took too long"}"#);
    let paused = |paused| ok(&connection(paused, &Value::Null));
    for (script, expected) in [
        // A pause that takes a minute is answered with an error, and took effect.
        (vec![server_error(), paused(true)], vec![PATCH, ONE]),
        (vec![Act::Drop, paused(false), paused(true)], vec![PATCH, ONE, PATCH]),
    ] {
        let server = Scripted::start(script).await;
        let body = UpdateConnection { paused: Some(true), run_setup_tests: Some(false), ..UpdateConnection::default() };
        let is_paused = |connection: &Connection| connection.paused;
        let id = ConnectionId::new("speak_inexpensive");
        let changed = client(&server).change_connection(&id, &body, &[], is_paused).await.unwrap();
        assert!(changed.connection.paused);
        assert_eq!(asked(&server), expected);
    }
}

#[tokio::test]
async fn a_secret_that_may_not_have_arrived_is_sent_again_and_named_in_no_message() {
    let echo = Act::json("400 Bad Request", r#"{"code":"InvalidInput","message":"`planted-hunter22` is too short"}"#);
    let server = Scripted::start([Act::Drop, ok(&connection(false, &Value::Null)), echo]).await;
    let config = json!({"host": "h", "ssh": {"key": null}, "password": null});
    let body = UpdateConnection { config: config.as_object().cloned(), ..UpdateConnection::default() };
    let secret = |pointer: &str| ConfigSecret { pointer: pointer.to_owned(), secret: Secret::new("planted-hunter22") };
    let secrets = [secret("/password"), secret("/ssh/key")];
    let id = ConnectionId::new("speak_inexpensive");
    let error = client(&server).change_connection(&id, &body, &secrets, |_| true).await.unwrap_err();
    assert!(
        error.to_string().contains("`[secret]` is too short") && !format!("{error:?}").contains("planted"),
        "{error}"
    );
    assert_eq!(asked(&server), [PATCH, ONE, PATCH]);
    for request in server.requests().iter().filter(|request| request.starts_with("PATCH")) {
        let (_, sent) = request.split_once("\r\n\r\n").unwrap();
        let sent: Value = serde_json::from_str(sent).unwrap();
        let whole = json!({"host": "h", "ssh": {"key": "planted-hunter22"}, "password": "planted-hunter22"});
        assert_eq!(sent, json!({"config": whole}));
    }
    assert!(!format!("{body:?} {secrets:?}").contains("planted"));
}

#[tokio::test]
async fn of_tables_only_what_is_left_is_sent_again_and_what_is_gone_counts_as_removed() {
    let of = |enabled: &[(&str, bool)]| {
        let table = |(name, enabled): &(&str, bool)| {
            ((*name).to_owned(), TableConfig { enabled: Some(*enabled), ..TableConfig::default() })
        };
        let node = SchemaNode { tables: Some(enabled.iter().map(table).collect()), ..SchemaNode::default() };
        SchemaConfig { schemas: Some([("public".to_owned(), node)].into()), ..SchemaConfig::default() }
    };
    let shown = |config: &SchemaConfig| ok(&serde_json::to_value(config).unwrap());
    let half = of(&[("a", true), ("b", false)]);
    let server = Scripted::start([Act::Drop, shown(&half), shown(&of(&[("a", true), ("b", true)]))]).await;
    let id = ConnectionId::new("speak_inexpensive");
    let remaining = |there: &SchemaConfig| (*there == half).then(|| of(&[("b", true)]));
    client(&server).change_schemas(&id, of(&[("a", true), ("b", true)]), remaining).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[2].ends_with(r#"{"schemas":{"public":{"tables":{"b":{"enabled":true}}}}}"#), "{}", requests[2]);

    let gone = Act::json("404 Not Found", r#"{"code":"NotFound_Connector","message":"does not exist"}"#);
    let server = Scripted::start([Act::Drop, gone]).await;
    client(&server).remove_connection(&id).await.unwrap();
    assert_eq!(server.requests().len(), 2);
}
