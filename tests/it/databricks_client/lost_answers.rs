//! Statements whose answers were lost: found in the query history before they are sent again.

use super::*;

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
    let result = client.statements().execute(&statement(), &CancellationToken::new(), &mut |_: Progress| {}).await;
    assert_eq!(result.unwrap().statement_id, "s-1");
    assert_eq!(server.requests().iter().filter(|request| request.starts_with("POST")).count(), 2);
}

/// Takes up what another process has sent, when its clock showed `sent_at`, while the clock shows `here`; the history knows it
/// from the n-th look on. Returns whether it was found, and for how long was waited.
async fn taken_up(sent_at: &str, here: &str, known_from: usize) -> (bool, std::time::Duration) {
    let server = MockServer::start().await;
    let marked =
        json!([{"query_id": "s-1", "status": "RUNNING", "query_tags": [{"key": "kiln_attempt", "value": "m"}]}]);
    let looks = Mutex::new(0);
    let history = move |request: &Request| {
        let mut looks = looks.lock().unwrap();
        *looks += 1;
        let start =
            request.url.query_pairs().find(|(name, _)| name == "filter_by.query_start_time_range.start_time_ms");
        let start = start.expect("the time is bounded").1.parse::<i64>().unwrap();
        let sent = "2026-09-01T22:59:58Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_millis();
        let is_known = *looks >= known_from && start <= sent;
        let body = json!({"res": if is_known { marked.clone() } else { json!([]) }, "has_next_page": false});
        ResponseTemplate::new(200).insert_header("date", SERVER_DATE).set_body_json(body)
    };
    Mock::given(method("GET")).and(path(HISTORY)).respond_with(history).mount(&server).await;
    mount(&server, "GET", STATEMENT, [succeeded(json!([]), 0, None)]).await;
    let clock = Arc::new(TestClock::at(here));
    let credentials = Credentials { host: base_address(&server.uri()).unwrap(), token: Secret::new("dapi-hunter22") };
    let client = Client::new(&credentials, Options::new(clock.clone())).unwrap();
    // Whatever is asked first tells what time it is there.
    let _ = client.statements().cancel_tagged(&WarehouseId::new("w"), ("k", "v"), sent_at.parse().unwrap()).await;
    let sent = kiln::databricks::Sent { mark: "m".to_owned(), at: sent_at.parse().unwrap(), id: None };
    let cancel = CancellationToken::new();
    let taken = client.statements().take_up(&sent, &statement(), &cancel, &mut |_: Progress| {}).await.unwrap();
    (taken.is_some(), clock.slept())
}

#[tokio::test]
async fn what_another_process_has_sent_is_looked_for_whatever_clocks_show() {
    let eight_seconds = std::time::Duration::from_secs(8)..std::time::Duration::from_secs(11);
    // By clocks that are right, two seconds ago; the service's is at 23:00.
    let (right, now) = ("2026-09-01T22:59:58Z", "2026-09-01T23:00:00Z");
    let (found, waited) = taken_up(right, now, 4).await;
    assert!(found && waited.as_secs() < 8, "{waited:?}");
    let (found, waited) = taken_up(right, now, usize::MAX).await;
    assert!(!found && eight_seconds.contains(&waited), "{waited:?}");
    // The clock was set forward by an hour since: no reason to believe at once that it never arrived.
    let (found, waited) = taken_up(right, "2026-09-02T00:00:00Z", 4).await;
    assert!(found && waited.as_secs() < 8, "{waited:?}");
    // It was set back by an hour since, or had been an hour ahead: no reason to look for an hour, nor only among what began since.
    for sent in [right, "2026-09-01T23:59:58Z"] {
        let (found, _) = taken_up(sent, "2026-09-01T22:00:00Z", 4).await;
        assert!(found, "{sent}");
        let (found, waited) = taken_up(sent, "2026-09-01T22:00:00Z", usize::MAX).await;
        assert!(!found && eight_seconds.contains(&waited), "{sent}: {waited:?}");
    }
}
