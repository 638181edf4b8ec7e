//! The Databricks client against a server that answers by script: statements awaited to their end, lost answers cleared up,
//! warehouses found, dashboards put in place in as few changes as it takes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use kiln::databricks::{
    Change, Client, Column, Credentials, DashboardSpec, Deployed, Error, Position, Progress, Statement, StatementResult,
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
    let result = client.statements().execute(statement, &cancel, &mut |progress| told.push(progress)).await;
    (result, told)
}

#[tokio::test]
async fn the_caller_and_the_workspace_are_known_by_one_request() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/api/2.0/preview/scim/v2/Me"))
        .and(bearer_token("dapi-hunter22"))
        .respond_with(
            ResponseTemplate::new(200)
                .insert_header("x-databricks-org-id", "1234567890123456")
                .set_body_json(json!({"id": "1", "userName": "ada@example.test"})),
        )
        .mount(&server)
        .await;
    let caller = client(&server.uri()).0.me().await.unwrap();
    assert_eq!(
        (caller.me.user_name.as_str(), caller.workspace_id.as_deref()),
        ("ada@example.test", Some("1234567890123456"))
    );
}

#[tokio::test]
async fn a_statement_is_submitted_polled_and_its_chunks_are_put_together() {
    let server = MockServer::start().await;
    mount(&server, "POST", STATEMENTS, [state("PENDING")]).await;
    mount(
        &server,
        "GET",
        STATEMENT,
        [state("PENDING"), state("RUNNING"), succeeded(json!([["1"], [null]]), 4, Some(1))],
    )
    .await;
    let chunk = |rows, next: Option<i64>| (200, json!({"data_array": rows, "next_chunk_index": next}));
    mount(&server, "GET", &format!("{STATEMENT}/result/chunks/1"), [chunk(json!([[""]]), Some(2))]).await;
    mount(&server, "GET", &format!("{STATEMENT}/result/chunks/2"), [chunk(json!([["4"]]), None)]).await;
    let (result, told) = execute(&server, &statement()).await;
    let result = result.unwrap();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(result.rows, [[text("1")], [None], [text("")], [text("4")]]);
    assert_eq!(result.columns, [Column { name: "n".into(), type_name: "INT".into(), type_text: "INT".into() }]);
    assert_eq!(told[0], Progress::Submitted(StatementId::new("s-1")));
    assert_eq!(told.last(), Some(&Progress::Rows(4)));
    let sent: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    assert_eq!((&sent["wait_timeout"], &sent["on_wait_timeout"]), (&json!("0s"), &json!("CONTINUE")));
    assert_eq!((&sent["format"], &sent["disposition"]), (&json!("JSON_ARRAY"), &json!("INLINE")));
    assert_eq!(sent["query_tags"][1], json!({"key": "kiln_run", "value": "r-1"}));
    assert_eq!(sent["query_tags"][0]["key"], "kiln_attempt");
}

#[tokio::test]
async fn a_read_that_ends_within_the_wait_takes_one_request() {
    let server = MockServer::start().await;
    mount(&server, "POST", STATEMENTS, [succeeded(json!([["1"]]), 1, None)]).await;
    let (result, _) = execute(&server, &Statement { read_only: true, ..statement() }).await;
    assert_eq!(result.unwrap().rows.len(), 1);
    assert_eq!(requests(&server).await, ["POST /api/2.0/sql/statements"]);
    let sent: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    assert_eq!(sent["wait_timeout"], "10s");
}

#[tokio::test]
async fn pauses_between_polls_grow_to_five_seconds() {
    let server = MockServer::start().await;
    mount(&server, "POST", STATEMENTS, [state("PENDING")]).await;
    let polls = (0..30).map(|_| state("RUNNING")).chain([succeeded(json!([]), 0, None)]);
    mount(&server, "GET", STATEMENT, polls).await;
    let (client, clock) = client(&server.uri());
    client.statements().execute(&statement(), &CancellationToken::new(), &mut |_| {}).await.unwrap();
    let sleeps = clock.sleeps();
    assert_eq!(sleeps[0].as_millis(), 50);
    assert!(sleeps.is_sorted());
    assert_eq!(sleeps.last().unwrap().as_secs(), 5);
}

#[tokio::test]
async fn a_failure_brings_condition_sqlstate_and_place() {
    let server = MockServer::start().await;
    let message = "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column `x` cannot be resolved. SQLSTATE: 42703; line 2 pos 7";
    let failed = json!({"statement_id": "s-1", "status": {"state": "FAILED", "sql_state": "42703",
        "error": {"error_code": "BAD_REQUEST", "message": message}}});
    mount(&server, "POST", STATEMENTS, [(200, failed)]).await;
    let (result, _) = execute(&server, &statement()).await;
    let Err(Error::Statement(error)) = result else { panic!("{result:?}") };
    assert_eq!(error.condition.as_deref(), Some("UNRESOLVED_COLUMN.WITH_SUGGESTION"));
    assert_eq!(error.sqlstate.as_deref(), Some("42703"));
    assert_eq!(error.position, Some(Position { line: 2, column: 8 }));
    assert_eq!(error.to_string(), message);
    assert_eq!(requests(&server).await.len(), 1, "a failed statement is not sent again");
}

#[tokio::test]
async fn a_closed_statement_has_succeeded_and_a_statement_without_rows_too() {
    for answer in [
        state("CLOSED"),
        (
            200,
            json!({"statement_id": "s-1", "status": {"state": "SUCCEEDED"}, "result": {},
            "manifest": {"format": "JSON_ARRAY", "total_row_count": 0, "total_chunk_count": 0, "truncated": false}}),
        ),
    ] {
        let server = MockServer::start().await;
        mount(&server, "POST", STATEMENTS, [answer]).await;
        let (result, _) = execute(&server, &statement()).await;
        assert_eq!(result.unwrap(), StatementResult { statement_id: "s-1".into(), ..Default::default() });
    }
}

#[tokio::test]
async fn a_result_with_rows_missing_is_an_error() {
    let server = MockServer::start().await;
    mount(&server, "POST", STATEMENTS, [succeeded(json!([["1"]]), 2, None)]).await;
    let (result, _) = execute(&server, &statement()).await;
    assert_eq!(
        result.unwrap_err().to_string(),
        "the result of statement s-1 is not whole: 2 rows were announced, 1 came"
    );
}

#[tokio::test]
async fn an_interrupted_statement_is_cancelled_and_its_true_end_is_reported() {
    for (end, shown) in [
        ("CANCELED", "interrupted; statement s-1 ended as CANCELED"),
        ("SUCCEEDED", "interrupted; statement s-1 ended as SUCCEEDED"),
    ] {
        let server = MockServer::start().await;
        mount(&server, "POST", STATEMENTS, [state("PENDING")]).await;
        mount(&server, "POST", &format!("{STATEMENT}/cancel"), [(200, json!({}))]).await;
        mount(&server, "GET", STATEMENT, [state("RUNNING"), state("RUNNING"), state(end)]).await;
        let (client, _) = client(&server.uri());
        let cancel = CancellationToken::new();
        let result = client
            .statements()
            .execute(&statement(), &cancel, &mut |progress| {
                if progress == Progress::State("RUNNING".into()) {
                    cancel.cancel();
                }
            })
            .await;
        assert_eq!(result.unwrap_err().to_string(), shown);
        assert!(requests(&server).await.contains(&format!("POST {STATEMENT}/cancel")));
    }
}

#[tokio::test]
async fn an_interrupt_before_the_first_request_sends_nothing() {
    let server = MockServer::start().await;
    let (client, _) = client(&server.uri());
    let cancel = CancellationToken::new();
    cancel.cancel();
    let result = client.statements().execute(&statement(), &cancel, &mut |_| {}).await;
    assert!(matches!(result, Err(Error::Interrupted { statement_id: None, state: None })));
    assert!(requests(&server).await.is_empty());
}

#[tokio::test]
async fn an_interrupt_while_the_submit_is_under_way_waits_for_its_id_and_cancels_it() {
    let server = MockServer::start().await;
    let cancel = CancellationToken::new();
    // The server itself pulls the plug of the client, before it answers.
    let plug = cancel.clone();
    Mock::given(method("POST"))
        .and(path(STATEMENTS))
        .respond_with(move |_: &Request| {
            plug.cancel();
            ResponseTemplate::new(200).set_body_json(state("PENDING").1)
        })
        .mount(&server)
        .await;
    mount(&server, "POST", &format!("{STATEMENT}/cancel"), [(200, json!({}))]).await;
    mount(&server, "GET", STATEMENT, [state("CANCELED")]).await;
    let (client, _) = client(&server.uri());
    let result = client.statements().execute(&statement(), &cancel, &mut |_| {}).await;
    assert_eq!(result.unwrap_err().to_string(), "interrupted; statement s-1 ended as CANCELED");
}

#[tokio::test]
async fn a_statement_cancelled_by_others_is_not_a_success() {
    let server = MockServer::start().await;
    mount(&server, "POST", STATEMENTS, [state("CANCELED")]).await;
    let (result, _) = execute(&server, &statement()).await;
    assert!(matches!(result, Err(Error::Canceled(_))));
}

/// The server's clock, three hours behind that of the test, which begins at 02:00.
const SERVER_DATE: &str = "Tue, 01 Sep 2026 23:00:00 GMT";

/// Statements are looked for from five minutes before the submit on, by the server's clock. That clock stands still here
/// while the test's is wound on, so it seems to fall behind by the pauses.
struct LookedFrom;

impl Match for LookedFrom {
    fn matches(&self, request: &Request) -> bool {
        let start =
            request.url.query_pairs().find(|(name, _)| name == "filter_by.query_start_time_range.start_time_ms");
        let start: i64 = start.expect("the time is bounded").1.parse().unwrap();
        let five_to_eleven =
            "2026-09-01T22:55:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_millis();
        (five_to_eleven - 60_000..=five_to_eleven).contains(&start)
    }
}

/// Loses the answers to submits; the query history knows the statement from the n-th question on.
struct Lossy {
    marks: Arc<Mutex<Vec<String>>>,
}

impl Respond for Lossy {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: Value = request.body_json().unwrap();
        self.marks.lock().unwrap().push(body["query_tags"][0]["value"].as_str().unwrap().to_owned());
        ResponseTemplate::new(504).insert_header("date", SERVER_DATE)
    }
}

/// The history as far as it has got: empty at first, then with somebody else's statement and the marked one.
struct Lagging {
    marks: Arc<Mutex<Vec<String>>>,
    asked: Mutex<u32>,
    known_from: u32,
}

impl Respond for Lagging {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let mut asked = self.asked.lock().unwrap();
        *asked += 1;
        let mut res = vec![json!({"query_id": "other", "query_tags": [{"key": "kiln_attempt", "value": "x"}]})];
        if *asked >= self.known_from {
            let mark = self.marks.lock().unwrap()[0].clone();
            res.push(json!({"query_id": "s-1", "query_tags": [{"key": "kiln_attempt", "value": mark}]}));
        }
        let body = json!({"res": res, "has_next_page": false});
        ResponseTemplate::new(200).insert_header("date", SERVER_DATE).set_body_json(body)
    }
}

async fn lossy_server(known_from: u32) -> MockServer {
    let server = MockServer::start().await;
    let marks = Arc::new(Mutex::new(Vec::new()));
    let lossy = Lossy { marks: Arc::clone(&marks) };
    Mock::given(method("POST")).and(path(STATEMENTS)).respond_with(lossy).mount(&server).await;
    Mock::given(method("GET"))
        .and(path(HISTORY))
        .and(query_param("filter_by.warehouse_ids", "w"))
        .and(LookedFrom)
        .respond_with(Lagging { marks, asked: Mutex::default(), known_from })
        .mount(&server)
        .await;
    mount(&server, "GET", STATEMENT, [state("RUNNING"), succeeded(json!([]), 0, None)]).await;
    server
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_looked_up_and_adopted_instead_of_sent_again() {
    let server = lossy_server(3).await;
    let (result, told) = execute(&server, &statement()).await;
    assert_eq!(result.unwrap().statement_id, "s-1");
    assert_eq!(told[0], Progress::Submitted(StatementId::new("s-1")));
    let seen = requests(&server).await;
    assert_eq!(seen.iter().filter(|request| request.starts_with("POST")).count(), 1, "{seen:?}");
    assert_eq!(seen.iter().filter(|request| request.contains(HISTORY)).count(), 3);
}

#[tokio::test]
async fn a_statement_known_to_the_history_alone_is_awaited_there() {
    for (end, error, expected) in [
        ("FINISHED", None, Ok("s-1".to_owned())),
        ("FAILED", Some("[DIVIDE_BY_ZERO] no. SQLSTATE: 22012"), Err("[DIVIDE_BY_ZERO] no. SQLSTATE: 22012")),
        ("CANCELED", None, Err("statement s-1 was cancelled on the warehouse")),
    ] {
        let server = MockServer::start().await;
        let mark = Arc::new(Mutex::new(Vec::new()));
        let lossy = Lossy { marks: Arc::clone(&mark) };
        Mock::given(method("POST")).and(path(STATEMENTS)).respond_with(lossy).mount(&server).await;
        mount(&server, "GET", STATEMENT, [refused(404, MISSING)]).await;
        Mock::given(method("GET"))
            .and(path(HISTORY))
            .and(query_param("filter_by.statement_ids", "s-1"))
            .respond_with(in_turn([
                (200, json!({"res": [{"query_id": "s-1", "status": "COMPILING"}], "has_next_page": false})),
                (200, json!({"res": [{"query_id": "s-1", "status": end, "error_message": error}]})),
            ]))
            .with_priority(1)
            .mount(&server)
            .await;
        let known = Lagging { marks: mark, asked: Mutex::default(), known_from: 1 };
        Mock::given(method("GET")).and(path(HISTORY)).respond_with(known).mount(&server).await;
        let (result, _) = execute(&server, &statement()).await;
        assert_eq!(
            result.map(|result| result.statement_id).map_err(|error| error.to_string()),
            expected.map_err(str::to_owned)
        );
        assert_eq!(requests(&server).await.iter().filter(|request| request.starts_with("POST")).count(), 1);
    }
}

#[tokio::test]
async fn a_conflict_is_run_again_only_where_that_is_safe() {
    let failed = |message: &str, code: &str| {
        let error = json!({"error_code": code, "message": message});
        (200, json!({"statement_id": "s-0", "status": {"state": "FAILED", "error": error}}))
    };
    let conflict = || failed("[DELTA_CONCURRENT_APPEND.ROW_LEVEL_CHANGES] rows were added", "BAD_REQUEST");
    let overloaded = || failed("try again later", "TEMPORARILY_UNAVAILABLE");
    let replacing = Statement { repeatable: true, ..statement() };
    for (answers, statement, sent, fine) in [
        (vec![conflict(), overloaded(), succeeded(json!([]), 0, None)], replacing.clone(), 3, true),
        (vec![conflict()], replacing.clone(), 4, false),
        (vec![conflict()], statement(), 1, false),
        (vec![failed("[DIVIDE_BY_ZERO] no", "BAD_REQUEST")], replacing, 1, false),
    ] {
        let server = MockServer::start().await;
        mount(&server, "POST", STATEMENTS, answers).await;
        let (result, _) = execute(&server, &statement).await;
        assert_eq!((result.is_ok(), requests(&server).await.len()), (fine, sent), "{result:?}");
        let all = server.received_requests().await.unwrap();
        let marks: std::collections::HashSet<String> = all
            .iter()
            .map(|request| request.body_json::<Value>().unwrap()["query_tags"][0]["value"].to_string())
            .collect();
        assert_eq!(marks.len(), sent, "each run has a mark of its own");
    }
}

#[tokio::test]
async fn what_befalls_a_statement_on_its_way_is_borne_or_told() {
    let chunk = format!("{STATEMENT}/result/chunks/1");
    // An unknown state is polled on, and a chunk that fails once is fetched again.
    let server = MockServer::start().await;
    mount(&server, "POST", STATEMENTS, [state("SOMETHING_NEW")]).await;
    mount(&server, "GET", STATEMENT, [state("QUEUED"), succeeded(json!([["1"]]), 2, Some(1))]).await;
    mount(&server, "GET", &chunk, [refused(500, "INTERNAL_ERROR"), (200, json!({"data_array": [["2"]]}))]).await;
    assert_eq!(execute(&server, &statement()).await.0.unwrap().rows.len(), 2);

    // A result that has expired is an error, and the statement is not run again for it.
    let server = MockServer::start().await;
    mount(&server, "POST", STATEMENTS, [succeeded(json!([["1"]]), 2, Some(1))]).await;
    mount(&server, "GET", &chunk, [refused(404, "NOT_FOUND")]).await;
    let error = execute(&server, &statement()).await.0.unwrap_err();
    assert_eq!((error.class(), requests(&server).await.len()), (Class::NotFound, 2));

    // A warehouse that was deleted is told as such, whichever way the service says it.
    for (status, code, class) in [(404, MISSING, Class::NotFound), (400, "INVALID_PARAMETER_VALUE", Class::Invalid)] {
        let server = MockServer::start().await;
        let gone = json!({"error_code": code, "message": "Endpoint w was deleted"});
        mount(&server, "POST", STATEMENTS, [(status, gone)]).await;
        let error = execute(&server, &statement()).await.0.unwrap_err();
        assert!(error.to_string().contains("Endpoint w was deleted"), "{error}");
        assert_eq!((error.class(), requests(&server).await.len()), (class, 1));
    }
}

#[tokio::test]
async fn ids_beyond_two_to_the_53_are_kept() {
    let server = MockServer::start().await;
    let id = 9_007_199_254_740_993_i64;
    let object = json!({"path": "/a", "object_type": "DIRECTORY", "object_id": id});
    mount(&server, "GET", STATUS, [(200, object)]).await;
    let object = client(&server.uri()).0.workspace().get_status("/a").await.unwrap().unwrap();
    assert_eq!(object.object_id, Some(id));
}

#[tokio::test]
async fn a_write_that_the_history_never_learns_of_is_sent_again_with_the_same_mark() {
    let server = lossy_server(6).await;
    let (result, _) = execute(&server, &statement()).await;
    assert_eq!(result.unwrap().statement_id, "s-1");
    let sent = server.received_requests().await.unwrap();
    let marks: Vec<Value> = sent
        .iter()
        .filter(|request| request.method.as_str() == "POST")
        .map(|request| request.body_json::<Value>().unwrap()["query_tags"][0]["value"].clone())
        .collect();
    assert_eq!(marks.len(), 2);
    assert_eq!(marks[0], marks[1]);
}

#[tokio::test]
async fn a_write_that_cannot_be_looked_up_is_not_sent_again() {
    let server = MockServer::start().await;
    mount(&server, "POST", STATEMENTS, [refused(504, "DEADLINE_EXCEEDED")]).await;
    mount(&server, "GET", HISTORY, [refused(403, "PERMISSION_DENIED")]).await;
    let (result, _) = execute(&server, &statement()).await;
    let Err(Error::Http(error)) = result else { panic!("{result:?}") };
    assert_eq!((error.status(), error.may_have_arrived()), (Some(504), true));
    assert_eq!(requests(&server).await, [format!("POST {STATEMENTS}"), format!("GET {HISTORY}")]);
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_submit_is_a_lost_answer_too() {
    let history = r#"{"res":[],"has_next_page":false}"#;
    let ok = r#"{"statement_id":"s-1","status":{"state":"CLOSED"}}"#;
    let mut script = vec![Act::Drop];
    script.extend((0..5).map(|_| Act::json("200 OK", history)));
    script.push(Act::json("200 OK", ok));
    let server = Scripted::start(script).await;
    let (client, _) = client(&server.address());
    let result = client.statements().execute(&statement(), &CancellationToken::new(), &mut |_| {}).await;
    assert_eq!(result.unwrap().statement_id, "s-1");
    assert_eq!(server.requests().iter().filter(|request| request.starts_with("POST")).count(), 2);
}

fn warehouses() -> Value {
    json!([{"id": "a1", "name": "shared"}, {"id": "b2", "name": "bi"}, {"id": "c3", "name": "twin"}, {"id": "d4", "name": "twin"}])
}

#[tokio::test]
async fn a_warehouse_is_found_by_name_id_or_http_path() {
    let server = MockServer::start().await;
    let all = warehouses();
    // Two pages, so that the second is read as well.
    let (first, second) =
        (json!({"warehouses": [all[0]], "next_page_token": "p2"}), json!({"warehouses": [all[1], all[2], all[3]]}));
    let list = "/api/2.0/sql/warehouses";
    Mock::given(path(list))
        .and(query_param_is_missing("page_token"))
        .respond_with(in_turn([(200, first)]))
        .mount(&server)
        .await;
    Mock::given(path(list))
        .and(query_param("page_token", "p2"))
        .respond_with(in_turn([(200, second)]))
        .mount(&server)
        .await;
    mount(&server, "GET", "/api/2.0/sql/warehouses/b2", [(200, all[1].clone())]).await;
    let (client, _) = client(&server.uri());
    for (wanted, id) in [("shared", "a1"), ("bi", "b2"), ("b2", "b2"), ("/sql/1.0/warehouses/b2", "b2"), (" bi ", "b2")]
    {
        assert_eq!(client.warehouses().resolve(Some(wanted)).await.unwrap().id, id, "{wanted}");
    }
    let error = client.warehouses().resolve(Some("BI")).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no warehouse `BI`; there are bi, shared, twin, twin");
    let error = client.warehouses().resolve(Some("twin")).await.unwrap_err();
    assert_eq!(error.to_string(), "several warehouses are named `twin`; use the id");
}

#[tokio::test]
async fn without_a_name_the_only_warehouse_is_meant_or_the_callers_default() {
    let list = "/api/2.0/sql/warehouses";
    let chosen = "/api/warehouses/v1/default-warehouse-overrides/me";
    let server = MockServer::start().await;
    mount(&server, "GET", list, [(200, json!({"warehouses": [{"id": "a1", "name": "shared"}]}))]).await;
    assert_eq!(client(&server.uri()).0.warehouses().resolve(None).await.unwrap().id, "a1");

    let server = MockServer::start().await;
    mount(&server, "GET", list, [(200, json!({"warehouses": warehouses()}))]).await;
    mount(&server, "GET", chosen, [(200, json!({"type": "CUSTOM", "warehouse_id": "b2"})), (404, json!({}))]).await;
    let (client, _) = client(&server.uri());
    assert_eq!(client.warehouses().resolve(None).await.unwrap().id, "b2");
    let error = client.warehouses().resolve(None).await.unwrap_err();
    assert!(error.to_string().starts_with("no warehouse is named, and there are several"), "{error}");
    assert_eq!(error.class(), Class::Invalid);
}

#[tokio::test]
async fn what_is_missing_in_the_catalog_is_nothing_and_not_an_error() {
    let server = MockServer::start().await;
    let missing = json!({"error_code": "SCHEMA_DOES_NOT_EXIST", "message": "Schema 'main.x' does not exist."});
    Mock::given(path_regex("/api/2.1/unity-catalog/(schemas|tables)/.*"))
        .respond_with(in_turn([(404, missing)]))
        .mount(&server)
        .await;
    let (client, _) = client(&server.uri());
    assert_eq!(client.unity().schema("main", "x").await.unwrap(), None);
    assert_eq!(client.unity().table(&TableName::new("main", "x", "t")).await.unwrap(), None);
    assert!(!client.unity().table_exists(&TableName::new("main", "x", "t")).await.unwrap());
}

#[tokio::test]
async fn tables_are_listed_past_an_empty_page() {
    let server = MockServer::start().await;
    let table = json!({"name": "t", "catalog_name": "main", "schema_name": "s"});
    let pages = [(200, json!({"tables": [], "next_page_token": "2"})), (200, json!({"tables": [table]}))];
    mount(&server, "GET", "/api/2.1/unity-catalog/tables", pages).await;
    assert_eq!(client(&server.uri()).0.unity().tables("main", "s").await.unwrap().len(), 1);
}

const DASHBOARDS: &str = "/api/2.0/lakeview/dashboards";
const DASHBOARD: &str = "/api/2.0/lakeview/dashboards/d1";
const PUBLISHED: &str = "/api/2.0/lakeview/dashboards/d1/published";
const STATUS: &str = "/api/2.0/workspace/get-status";
const MKDIRS: &str = "/api/2.0/workspace/mkdirs";
const MISSING: &str = "RESOURCE_DOES_NOT_EXIST";

fn spec() -> DashboardSpec {
    DashboardSpec {
        folder: "/Workspace/Shared/Retention".into(),
        title: "Retention".into(),
        serialized: r#"{"datasets":[{"name":"d","query":"SELECT 1"}],"pages":[{"name":"p"}]}"#.into(),
        warehouse: WarehouseId::new("w"),
        catalog: Some("main".into()),
        schema: Some("retention".into()),
        embed_credentials: false,
    }
}

/// The draft as the service shows it after a deploy of [`spec`], last changed at this minute.
fn draft(minute: u32) -> Value {
    let content = json!({"pages": [{"name": "p", "pageType": "PAGE_TYPE_CANVAS"}],
        "datasets": [{"name": "d", "query": "SELECT 1", "catalog": "main", "schema": "retention"}]});
    json!({"dashboard_id": "d1", "display_name": "Retention", "parent_path": "/Shared/Retention", "etag": "7",
        "path": "/Shared/Retention/Retention.lvdash.json", "serialized_dashboard": format!("{content}\n"),
        "warehouse_id": "w", "lifecycle_state": "ACTIVE", "update_time": format!("2026-09-02T02:{minute:02}:00Z")})
}

fn published(minute: u32) -> (u16, Value) {
    (
        200,
        json!({"display_name": "Retention", "warehouse_id": "w", "embed_credentials": false,
        "revision_create_time": format!("2026-09-02T02:{minute:02}:00Z")}),
    )
}

fn found() -> (u16, Value) {
    (
        200,
        json!({"path": "/Workspace/Shared/Retention/Retention.lvdash.json", "object_type": "DASHBOARD",
        "object_id": 1, "resource_id": "d1"}),
    )
}

fn refused(status: u16, code: &str) -> (u16, Value) {
    (status, json!({"error_code": code, "message": "m"}))
}

async fn deploy(server: &MockServer) -> Result<Deployed, Error> {
    client(&server.uri()).0.lakeview().deploy(&spec()).await
}

struct HasQuery(&'static str);

impl Match for HasQuery {
    fn matches(&self, request: &Request) -> bool {
        request.url.query() == Some(self.0)
    }
}

#[tokio::test]
async fn a_new_dashboard_gets_its_folder_is_created_published_and_verified() {
    let server = MockServer::start().await;
    mount(&server, "GET", STATUS, [refused(404, MISSING)]).await;
    mount(&server, "POST", MKDIRS, [(200, json!({}))]).await;
    Mock::given(method("POST"))
        .and(path(DASHBOARDS))
        .and(HasQuery("dataset_catalog=main&dataset_schema=retention"))
        .respond_with(in_turn([refused(404, MISSING), (200, draft(5))]))
        .mount(&server)
        .await;
    mount(&server, "POST", PUBLISHED, [published(6)]).await;
    // The first read after the publish lags behind.
    mount(&server, "GET", PUBLISHED, [refused(404, MISSING), published(6)]).await;
    let deployed = deploy(&server).await.unwrap();
    assert_eq!((deployed.draft, deployed.published), (Change::Created, true));
    assert_eq!(deployed.path, "/Shared/Retention/Retention.lvdash.json");
    let get_published = format!("GET {PUBLISHED}");
    assert_eq!(
        requests(&server).await,
        [
            format!("GET {STATUS}"),
            format!("POST {DASHBOARDS}"),
            format!("POST {MKDIRS}"),
            format!("POST {DASHBOARDS}"),
            format!("POST {PUBLISHED}"),
            get_published.clone(),
            get_published,
        ]
    );
    let sent = server.received_requests().await.unwrap();
    assert_eq!(sent[2].body_json::<Value>().unwrap(), json!({"path": "/Shared/Retention"}));
    assert_eq!(sent[4].body_json::<Value>().unwrap(), json!({"embed_credentials": false, "warehouse_id": "w"}));
}

#[tokio::test]
async fn a_dashboard_that_is_as_it_should_be_is_only_read() {
    let server = MockServer::start().await;
    mount(&server, "GET", STATUS, [found()]).await;
    mount(&server, "GET", DASHBOARD, [(200, draft(5))]).await;
    mount(&server, "GET", PUBLISHED, [published(5)]).await;
    let deployed = deploy(&server).await.unwrap();
    assert_eq!((deployed.draft, deployed.published), (Change::Unchanged, false));
    assert!(requests(&server).await.iter().all(|request| request.starts_with("GET")));
}

#[tokio::test]
async fn a_published_copy_older_than_the_draft_or_published_otherwise_is_published_anew() {
    let embedded =
        json!({"warehouse_id": "w", "embed_credentials": true, "revision_create_time": "2026-09-02T02:05:00Z"});
    for old in [published(4), (200, embedded), refused(404, MISSING)] {
        let server = MockServer::start().await;
        mount(&server, "GET", STATUS, [found()]).await;
        mount(&server, "GET", DASHBOARD, [(200, draft(5))]).await;
        mount(&server, "GET", PUBLISHED, [old, published(6)]).await;
        mount(&server, "POST", PUBLISHED, [published(6)]).await;
        let deployed = deploy(&server).await.unwrap();
        assert_eq!((deployed.draft, deployed.published), (Change::Unchanged, true));
    }
}

#[tokio::test]
async fn a_dashboard_that_differs_is_changed_under_its_etag() {
    let server = MockServer::start().await;
    let mut other = draft(4);
    other["serialized_dashboard"] = json!("{}");
    mount(&server, "GET", STATUS, [found()]).await;
    mount(&server, "GET", DASHBOARD, [(200, other)]).await;
    mount(&server, "PATCH", DASHBOARD, [(200, draft(5))]).await;
    mount(&server, "POST", PUBLISHED, [published(6)]).await;
    mount(&server, "GET", PUBLISHED, [published(3), published(6)]).await;
    let deployed = deploy(&server).await.unwrap();
    assert_eq!((deployed.draft, deployed.published), (Change::Updated, true));
    let sent = server.received_requests().await.unwrap();
    let patch = sent.iter().find(|request| request.method.as_str() == "PATCH").unwrap();
    assert_eq!(patch.body_json::<Value>().unwrap()["etag"], "7");
    assert_eq!(patch.url.query(), Some("dataset_catalog=main&dataset_schema=retention"));
}

#[tokio::test]
async fn an_edit_by_somebody_else_meanwhile_is_a_conflict_and_our_own_lost_update_is_not() {
    let mut other = draft(4);
    other["serialized_dashboard"] = json!("{}");
    let server = MockServer::start().await;
    mount(&server, "GET", STATUS, [found()]).await;
    mount(&server, "GET", DASHBOARD, [(200, other.clone())]).await;
    mount(&server, "PATCH", DASHBOARD, [refused(409, "ABORTED")]).await;
    assert_eq!(deploy(&server).await.unwrap_err().class(), Class::Conflict);

    let server = MockServer::start().await;
    mount(&server, "GET", STATUS, [found()]).await;
    mount(&server, "GET", DASHBOARD, [(200, other), (200, draft(5))]).await;
    mount(&server, "PATCH", DASHBOARD, [refused(504, "DEADLINE_EXCEEDED"), refused(409, "ABORTED")]).await;
    mount(&server, "POST", PUBLISHED, [published(6)]).await;
    mount(&server, "GET", PUBLISHED, [published(6)]).await;
    assert_eq!(deploy(&server).await.unwrap().draft, Change::Updated);
}

#[tokio::test]
async fn a_dashboard_made_meanwhile_or_by_a_lost_create_is_adopted() {
    for answer in [refused(409, "ALREADY_EXISTS"), refused(504, "DEADLINE_EXCEEDED")] {
        let server = MockServer::start().await;
        mount(&server, "GET", STATUS, [refused(404, MISSING), found()]).await;
        mount(&server, "POST", DASHBOARDS, [answer]).await;
        mount(&server, "GET", DASHBOARD, [(200, draft(5))]).await;
        mount(&server, "GET", PUBLISHED, [refused(404, MISSING), published(6)]).await;
        mount(&server, "POST", PUBLISHED, [published(6)]).await;
        let deployed = deploy(&server).await.unwrap();
        assert_eq!((deployed.draft, deployed.published), (Change::Unchanged, true));
        let creates =
            requests(&server).await.iter().filter(|request| **request == format!("POST {DASHBOARDS}")).count();
        assert_eq!(creates, 1);
    }
}

#[tokio::test]
async fn a_publish_that_does_not_show_is_an_error_and_so_is_a_taken_path() {
    let server = MockServer::start().await;
    mount(&server, "GET", STATUS, [found()]).await;
    mount(&server, "GET", DASHBOARD, [(200, draft(5))]).await;
    mount(&server, "GET", PUBLISHED, [published(3)]).await;
    mount(&server, "POST", PUBLISHED, [published(6)]).await;
    assert!(matches!(deploy(&server).await, Err(Error::NotCurrent { .. })));

    let server = MockServer::start().await;
    let file = json!({"path": "/Shared/Retention/Retention.lvdash.json", "object_type": "FILE"});
    mount(&server, "GET", STATUS, [(200, file)]).await;
    let error = deploy(&server).await.unwrap_err();
    assert_eq!(error.to_string(), "`/Shared/Retention/Retention.lvdash.json` is taken by a file");
}

#[tokio::test]
async fn a_dashboard_in_the_trash_does_not_exist() {
    let server = MockServer::start().await;
    let mut trashed = draft(5);
    trashed["lifecycle_state"] = json!("TRASHED");
    mount(&server, "GET", DASHBOARD, [(200, trashed)]).await;
    assert_eq!(client(&server.uri()).0.lakeview().get(&"d1".into()).await.unwrap(), None);
}
