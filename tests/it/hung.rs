//! A warehouse that takes a statement and never ends it: what is brief by nature is given up after a while, by a clock that the
//! tests wind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kiln::databricks::{BRIEF, Client, Credentials, Error, Progress, Statement};
use kiln::event::{Author, Event, EventKind, Insistence, Outcome, RunResult};
use kiln::execute::lock::{NotTaken, Place};
use kiln::execute::{Connected, Earlier, Settings, lock};
use kiln::http::{Options, base_address};
use kiln::ids::{RunId, StepId, TableName};
use kiln::plan::{Action, Lock, RunPlan, Step};
use kiln::secret::Secret;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::faults::clock::TestClock;

/// A warehouse on which every statement is in one state until it is told to stop, and in another from then on.
struct Hung {
    state: &'static str,
    end: &'static str,
    stopped: AtomicBool,
}

impl Respond for Hung {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let json = |body: Value| ResponseTemplate::new(200).set_body_json(body);
        let path = request.url.path();
        if path.ends_with("/cancel") {
            self.stopped.store(true, Ordering::SeqCst);
            return json(json!({}));
        }
        if path.starts_with("/api/2.0/sql/statements") {
            let state = if self.stopped.load(Ordering::SeqCst) { self.end } else { self.state };
            return json(json!({"statement_id": "s-1", "status": {"state": state}, "result": {},
                "manifest": {"total_row_count": 0}}));
        }
        let missing = json!({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "it is not there"});
        ResponseTemplate::new(404).set_body_json(missing)
    }
}

async fn hung(state: &'static str, end: &'static str) -> (MockServer, Connected, Arc<TestClock>) {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(Hung { state, end, stopped: AtomicBool::new(false) }).mount(&server).await;
    let clock = Arc::new(TestClock::at("2026-09-02T02:00:00Z"));
    let credentials = Credentials { host: base_address(&server.uri()).unwrap(), token: Secret::new("t") };
    let databricks = Client::new(&credentials, Options::new(clock.clone())).unwrap();
    let connected = Connected { databricks, warehouse: "w".into(), fivetran: None, secrets: Arc::new(|_| None) };
    (server, connected, clock)
}

#[tokio::test]
async fn a_statement_that_does_not_end_in_its_time_is_cancelled_and_says_what_to_do() {
    for (state, end, expected) in [
        ("RUNNING", "CANCELED", Some(("(it still ran), and was cancelled", "what holds it up"))),
        (
            "PENDING",
            "CANCELED",
            Some(("(it still waited for the warehouse), and was cancelled", "whether the warehouse starts")),
        ),
        ("RUNNING", "SUCCEEDED", None),
    ] {
        let (_server, connected, clock) = hung(state, end).await;
        let statement = Statement { within: Some(BRIEF), ..Statement::new("DESCRIBE HISTORY t LIMIT 1", "w".into()) };
        let never = CancellationToken::new();
        let ended = connected.databricks.statements().execute(&statement, &never, &mut |_: Progress| {}).await;
        let minutes = clock.slept().as_secs_f64() / 60.0;
        assert!((30.0..30.2).contains(&minutes), "{minutes} minutes");
        match (ended, expected) {
            (Err(error @ Error::TookTooLong { .. }), Some((text, help))) => {
                assert_eq!(error.to_string(), format!("statement s-1 had not ended after 30 min {text}"));
                assert!(error.help().contains(help) && error.help().contains("kiln resume"), "{}", error.help());
            }
            // The cancel came too late: its work is done.
            (Ok(_), None) => {}
            (ended, _) => panic!("{state}, {end}: {ended:?}"),
        }
    }
}

#[tokio::test]
async fn a_run_whose_versions_nobody_tells_fails_and_does_not_hang() {
    let (_server, connected, clock) = hung("RUNNING", "CANCELED").await;
    let tables = vec![TableName::new("main", "shop_public", "orders")];
    let id = StepId::from("pin shop");
    let step = Step { id: id.clone(), needs: Vec::new(), action: Action::Pin(tables) };
    let plan = RunPlan {
        project: "p".to_owned(),
        environment: "prod".to_owned(),
        job: None,
        catalog: "main".to_owned(),
        schema: "s".to_owned(),
        steps: [(id, step)].into_iter().collect(),
    };
    let settings = Settings {
        run: RunId::new("r"),
        concurrency: 8,
        expected: std::collections::HashMap::new(),
        fail_fast: false,
        by: Author::default(),
        insistence: Insistence::default(),
        delivered: None,
        clock: Arc::new(chrono::Utc::now),
        receipts: None,
    };
    let (events, mut told) = mpsc::channel::<Event>(1000);
    let cancel = CancellationToken::new();
    let result = kiln::execute::run(plan, connected, settings, Earlier::default(), events, cancel).await;
    assert_eq!(result, RunResult::Failed);
    assert_eq!(clock.slept().as_secs() / 60, 30);
    let mut failure = None;
    while let Some(event) = told.recv().await {
        if let EventKind::StepFinished { outcome: Outcome::Failed { failure: its }, .. } = event.kind {
            failure = Some(its);
        }
    }
    let failure = failure.expect("the step fails");
    let text = "the version of main.shop_public.orders could not be read: statement s-1 had not ended after 30 min";
    assert!(failure.message.starts_with(text), "{}", failure.message);
    assert!(failure.help.is_some_and(|help| help.contains("kiln resume")));
}

#[tokio::test]
async fn a_lock_that_nobody_grants_is_not_waited_for_for_ever() {
    let (_server, connected, clock) = hung("PENDING", "CANCELED").await;
    let place = Place { catalog: "main".to_owned(), schema: "s".to_owned() };
    let lock = Lock {
        run: "r".to_owned(),
        act: "sync-and-refresh daily".to_owned(),
        who: "me@example.com".to_owned(),
        machine: "here".to_owned(),
        since: None,
        cancelled: None,
    };
    let taken = lock::take(&connected, &place, &lock).await;
    let Err(NotTaken::Refused(refusal)) = taken else { panic!("{taken:?}") };
    let text =
        "the schema could not be locked: statement s-1 had not ended after 30 min (it still waited for the warehouse)";
    assert!(refusal.message.starts_with(text), "{}", refusal.message);
    assert!(refusal.help.contains("whether the warehouse starts"), "{}", refusal.help);
    assert_eq!(clock.slept().as_secs() / 60, 30);
}
