//! Statements that are submitted, awaited, interrupted, and what befalls them on their way.

use super::*;

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
    let polls = (0..250).map(|_| state("RUNNING")).chain([succeeded(json!([]), 0, None)]);
    mount(&server, "GET", STATEMENT, polls).await;
    let (client, clock) = client(&server.uri());
    client.statements().execute(&statement(), &CancellationToken::new(), &mut |_: Progress| {}).await.unwrap();
    let sleeps = clock.sleeps();
    assert_eq!(sleeps[0].as_millis(), 50);
    assert!(sleeps.is_sorted());
    assert_eq!(sleeps.last().unwrap().as_secs(), 5);
    // Whenever the statement ends, it is seen soon: within a third of its time, and within a thirty-second of a longer one's.
    let mut so_far = std::time::Duration::ZERO;
    for pause in sleeps {
        let most = if so_far.as_secs() < 2 { so_far / 3 } else { so_far / 32 };
        assert!(pause.as_millis() <= most.as_millis().max(50), "{pause:?} after {so_far:?}");
        so_far += pause;
    }
}

#[tokio::test]
async fn an_outage_is_sat_out_while_a_statement_runs() {
    let server = MockServer::start().await;
    mount(&server, "POST", STATEMENTS, [state("RUNNING")]).await;
    let down = (503, json!({"error_code": "TEMPORARILY_UNAVAILABLE", "message": "back soon"}));
    // Each look is tried twice.
    let polls = std::iter::repeat_n(down.clone(), 20).chain([succeeded(json!([["1"]]), 1, None)]);
    mount(&server, "GET", STATEMENT, polls).await;
    let (result, told) = execute(&server, &statement()).await;
    assert_eq!(result.unwrap().rows.len(), 1);
    let outages = told.iter().filter(|told| matches!(told, Progress::OutOfReach(why) if why.contains("back soon")));
    assert_eq!(outages.count(), 10);
    assert_eq!(requests(&server).await.iter().filter(|request| request.starts_with("POST")).count(), 1);

    let server = MockServer::start().await;
    mount(&server, "POST", STATEMENTS, [state("RUNNING")]).await;
    mount(&server, "GET", STATEMENT, [down]).await;
    let (client, clock) = client(&server.uri());
    let ended = client.statements().execute(&statement(), &CancellationToken::new(), &mut |_: Progress| {}).await;
    let Err(Error::Http(error)) = ended else { panic!("{ended:?}") };
    assert_eq!(error.class(), Class::Transient);
    let minutes = clock.slept().as_secs() / 60;
    assert!((30..35).contains(&minutes), "it gave up after {minutes} minutes");
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
            .execute(&statement(), &cancel, &mut |progress: Progress| {
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
    let result = client.statements().execute(&statement(), &cancel, &mut |_: Progress| {}).await;
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
    let result = client.statements().execute(&statement(), &cancel, &mut |_: Progress| {}).await;
    assert_eq!(result.unwrap_err().to_string(), "interrupted; statement s-1 ended as CANCELED");
}

#[tokio::test]
async fn a_statement_cancelled_by_others_is_not_a_success() {
    let server = MockServer::start().await;
    mount(&server, "POST", STATEMENTS, [state("CANCELED")]).await;
    let (result, _) = execute(&server, &statement()).await;
    assert!(matches!(result, Err(Error::Canceled(_))));
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
async fn a_statement_of_ten_minutes_takes_271_requests() {
    let server = MockServer::start().await;
    let (client, clock) = client(&server.uri());
    mount(&server, "POST", STATEMENTS, [state("PENDING")]).await;
    let wall = clock.clone();
    Mock::given(method("GET"))
        .and(path(STATEMENT))
        .respond_with(move |_: &Request| {
            let over = wall.slept().as_secs() >= 600;
            let (status, body) = if over { succeeded(json!([["1"]]), 1, None) } else { state("RUNNING") };
            ResponseTemplate::new(status).set_body_json(body)
        })
        .mount(&server)
        .await;
    let cancel = CancellationToken::new();
    client.statements().execute(&statement(), &cancel, &mut |_: Progress| {}).await.unwrap();
    // 32 pauses of 50 ms, to 1.6 s; 150 of a thirty-second of the time so far, to 1.6 · (33/32)¹⁵⁰ = 161.7 s; and 88 of 5 s.
    // One request besides sends the statement.
    assert_eq!(requests(&server).await.len(), 1 + 32 + 150 + 88);
    assert_eq!(clock.slept().as_secs(), 601);
}
