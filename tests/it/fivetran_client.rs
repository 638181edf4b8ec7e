//! The Fivetran client, and above all the wait for a sync, against a connection that behaves as the real ones have been
//! seen to: syncs too short to be seen, syncs that run already, stale failures, postponements, lost answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kiln::fivetran::sync::{self, Progress, SyncOptions, SyncOutcome, SyncReport};
use kiln::fivetran::{Client, Credentials, Error};
use kiln::http::{Class, Clock as _, Options, RetryPolicy, base_address};
use kiln::ids::ConnectionId;
use kiln::secret::Secret;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use wiremock::matchers::{basic_auth, header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::faults::clock::TestClock;

const ID: &str = "speak_inexpensive";
const NOW: &str = "2026-09-02T02:00:00Z";
const OLD_SUCCESS: &str = "2026-09-01T02:14:29.013729Z";
const OLD_FAILURE: &str = "2026-08-20T02:05:02.500112Z";
const NEW_SUCCESS: &str = "2026-09-02T02:21:40.771903Z";
const NEW_FAILURE: &str = "2026-09-02T02:09:12.100450Z";

/// A connection that shows one view after another, the last one for ever; a trigger may move it on.
#[derive(Clone)]
struct Script(Arc<Mutex<State>>);

struct State {
    views: VecDeque<Value>,
    /// Statuses of the answers to triggers; 200 past the end.
    triggers: VecDeque<u16>,
    triggered: usize,
    read: usize,
    clock: Arc<TestClock>,
}

impl Respond for Script {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut state = self.0.lock().unwrap();
        let date = state.clock.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if request.method.as_str() == "POST" {
            state.triggered += 1;
            assert_eq!(request.body_json::<Value>().unwrap(), json!({"force": false}));
            let status = state.triggers.pop_front().unwrap_or(200);
            let code = if status == 200 { "Success" } else { "Trouble" };
            let answer = ResponseTemplate::new(status).set_body_json(json!({"code": code, "message": "m"}));
            return answer.insert_header("date", date.as_str());
        }
        state.read += 1;
        let view = if state.views.len() > 1 { state.views.pop_front() } else { state.views.front().cloned() };
        match view.unwrap() {
            Value::Number(status) => ResponseTemplate::new(u16::try_from(status.as_u64().unwrap()).unwrap()),
            view => ResponseTemplate::new(200)
                .set_body_json(json!({"code": "Success", "data": view}))
                .insert_header("date", date.as_str()),
        }
    }
}

/// A view of the connection: the idle one of the reference, changed.
fn view(sync_state: &str, succeeded_at: Option<&str>, failed_at: Option<&str>) -> Value {
    json!({
        "id": ID, "service": "google_cloud_postgresql", "schema": "shop_pg", "group_id": "projected_sickle",
        "paused": false, "succeeded_at": succeeded_at, "failed_at": failed_at, "schedule_type": "manual",
        "status": {"setup_state": "connected", "sync_state": sync_state, "update_state": "on_schedule",
            "is_historical_sync": false, "rescheduled_for": null, "tasks": [], "warnings": []}
    })
}

fn idle() -> Value {
    view("scheduled", Some(OLD_SUCCESS), Some(OLD_FAILURE))
}

fn syncing() -> Value {
    view("syncing", Some(OLD_SUCCESS), Some(OLD_FAILURE))
}

fn done() -> Value {
    view("scheduled", Some(NEW_SUCCESS), Some(OLD_FAILURE))
}

fn with(mut view: Value, pointer: &str, value: Value) -> Value {
    *view.pointer_mut(pointer).unwrap() = value;
    view
}

fn rescheduled(until: &str) -> Value {
    with(view("rescheduled", Some(OLD_SUCCESS), None), "/status/rescheduled_for", json!(until))
}

/// A wait against a script, and what came of it.
struct Waited {
    report: Result<SyncReport, Error>,
    told: Vec<Progress>,
    triggered: usize,
    read: usize,
    clock: Arc<TestClock>,
}

impl Waited {
    fn outcome(&self) -> &SyncOutcome {
        &self.report.as_ref().unwrap().outcome
    }
}

fn client(address: &str) -> (Client, Arc<TestClock>) {
    let clock = Arc::new(TestClock::at(NOW));
    (client_at(address, &clock), clock)
}

fn client_at(address: &str, clock: &Arc<TestClock>) -> Client {
    let mut options = Options::new(Arc::clone(clock) as Arc<dyn kiln::http::Clock>);
    options.chance = Arc::new(|| 0.5);
    options.retry = RetryPolicy { max_attempts: 2, ..RetryPolicy::default() };
    let credentials = Credentials {
        base: base_address(address).unwrap(),
        key: Secret::new("the-key"),
        secret: Secret::new("the-secret"),
    };
    Client::new(&credentials, options).unwrap()
}

async fn wait_with(
    views: impl IntoIterator<Item = Value>,
    triggers: &[u16],
    options: SyncOptions,
    cancel_at: Option<fn(&Progress) -> bool>,
) -> Waited {
    let server = MockServer::start().await;
    let clock = Arc::new(TestClock::at(NOW));
    let state = State {
        views: views.into_iter().collect(),
        triggers: triggers.iter().copied().collect(),
        triggered: 0,
        read: 0,
        clock: Arc::clone(&clock),
    };
    let script = Script(Arc::new(Mutex::new(state)));
    let details = format!("/v1/connections/{ID}");
    Mock::given(method("GET")).and(path(&details)).respond_with(script.clone()).mount(&server).await;
    Mock::given(method("POST")).and(path(format!("{details}/sync"))).respond_with(script.clone()).mount(&server).await;
    let client = client_at(&server.uri(), &clock);
    let cancel = CancellationToken::new();
    let mut told = Vec::new();
    let report = sync::run(&client, &ConnectionId::new(ID), &options, &cancel, &mut |progress: Progress| {
        if cancel_at.is_some_and(|at| at(&progress)) {
            cancel.cancel();
        }
        told.push(progress);
    })
    .await;
    let state = script.0.lock().unwrap();
    Waited { report, told, triggered: state.triggered, read: state.read, clock }
}

async fn wait(views: impl IntoIterator<Item = Value>) -> Waited {
    wait_with(views, &[], SyncOptions::default(), None).await
}

#[tokio::test]
async fn a_sync_is_awaited_until_its_own_timestamp_moves() {
    let waited = wait([idle(), idle(), syncing(), syncing(), done()]).await;
    let SyncOutcome::Synced { succeeded_at, queued: false, running_again: false, .. } = waited.outcome() else {
        panic!("{:?}", waited.report)
    };
    assert_eq!(succeeded_at.to_rfc3339(), "2026-09-02T02:21:40.771903+00:00");
    assert_eq!((waited.triggered, waited.read), (1, 5));
    let report = waited.report.unwrap();
    assert_eq!(report.link, "https://fivetran.com/dashboard/connections/speak_inexpensive");
    assert_eq!(report.outcome.reason(), "synced at 2026-09-02 02:21:40 UTC");
    // The baseline is told before the trigger, so that it can be written down first.
    let at = |wanted: fn(&Progress) -> bool| waited.told.iter().position(wanted).unwrap();
    assert!(at(|p| matches!(p, Progress::Baseline(_))) < at(|p| matches!(p, Progress::Triggered(1))));
}

#[tokio::test]
async fn a_sync_too_short_to_be_seen_is_still_noticed() {
    let waited = wait([idle(), done()]).await;
    assert!(waited.outcome().is_fresh());
    assert_eq!(waited.clock.slept(), Duration::from_millis(100));
}

#[tokio::test]
async fn a_sync_that_runs_already_is_waited_for_and_then_ours_is_triggered() {
    let earlier = "2026-09-02T02:01:00.000001Z";
    let other_done = view("scheduled", Some(earlier), Some(OLD_FAILURE));
    let waited = wait([syncing(), syncing(), other_done.clone(), other_done, done()]).await;
    let SyncOutcome::Synced { succeeded_at, queued: true, .. } = waited.outcome() else {
        panic!("{:?}", waited.report)
    };
    assert_eq!(succeeded_at.to_rfc3339(), "2026-09-02T02:21:40.771903+00:00", "not the end of the other sync");
    assert_eq!(waited.triggered, 1);
    let triggered = waited.told.iter().position(|p| matches!(p, Progress::Triggered(_))).unwrap();
    let queued = waited.told.iter().position(|p| *p == Progress::Queued).unwrap();
    assert!(queued < triggered);
}

#[tokio::test]
async fn a_stale_failure_is_not_a_failure_of_this_sync() {
    // The last failure is later than the last success, and stays where it is.
    let stale = |state, success| view(state, Some(success), Some("2026-09-01T12:00:00Z"));
    let waited =
        wait([stale("scheduled", OLD_SUCCESS), stale("syncing", OLD_SUCCESS), stale("scheduled", NEW_SUCCESS)]).await;
    assert!(waited.outcome().is_fresh(), "{:?}", waited.report);
}

#[tokio::test]
async fn a_first_sync_ends_when_a_timestamp_appears() {
    let never = |state| view(state, None, None);
    let waited = wait([never("scheduled"), never("syncing"), view("scheduled", Some(NEW_SUCCESS), None)]).await;
    assert!(waited.outcome().is_fresh());
    let waited = wait([never("scheduled"), view("scheduled", None, Some(NEW_FAILURE))]).await;
    assert!(matches!(waited.outcome(), SyncOutcome::Failed { .. }), "{:?}", waited.report);
}

#[tokio::test]
async fn a_failure_brings_the_reason_and_says_whether_the_connection_is_broken() {
    let task =
        json!([{"code": "reconnect", "message": "Reconnect", "details": "FATAL: password authentication failed"}]);
    let failed = with(view("scheduled", Some(OLD_SUCCESS), Some(NEW_FAILURE)), "/status/tasks", task);
    let waited = wait([idle(), syncing(), failed.clone()]).await;
    assert!(matches!(waited.outcome(), SyncOutcome::Failed { .. }));
    assert_eq!(
        waited.outcome().reason(),
        "failed at 2026-09-02 02:09:12 UTC: Reconnect (FATAL: password authentication failed)"
    );
    let waited = wait([idle(), syncing(), with(failed, "/status/setup_state", json!("broken"))]).await;
    assert!(matches!(waited.outcome(), SyncOutcome::Broken { .. }));
    assert!(!waited.outcome().is_fresh());
}

#[tokio::test]
async fn a_failure_after_a_success_between_two_polls_is_a_failure_and_the_other_way_round_a_success() {
    let waited = wait([idle(), view("scheduled", Some("2026-09-02T02:01:00Z"), Some(NEW_FAILURE))]).await;
    assert!(matches!(waited.outcome(), SyncOutcome::Failed { .. }), "{:?}", waited.report);
    let waited = wait([idle(), view("scheduled", Some(NEW_SUCCESS), Some(NEW_FAILURE))]).await;
    assert!(waited.outcome().is_fresh(), "{:?}", waited.report);
}

#[tokio::test]
async fn a_broken_connection_is_tried_for_a_sync_often_cures_it() {
    let waited = wait([with(idle(), "/status/setup_state", json!("broken")), done()]).await;
    assert!(waited.outcome().is_fresh());
}

#[tokio::test]
async fn a_paused_or_incomplete_connection_is_left_alone_and_reported() {
    for paused in [with(idle(), "/paused", json!(true)), view("paused", Some(OLD_SUCCESS), None)] {
        let waited = wait([paused]).await;
        assert_eq!(*waited.outcome(), SyncOutcome::Paused { midway: false });
        assert_eq!((waited.triggered, waited.read), (0, 1));
    }
    let waited = wait([with(idle(), "/status/setup_state", json!("incomplete"))]).await;
    assert!(matches!(waited.outcome(), SyncOutcome::Incomplete { .. }));
    assert_eq!(waited.triggered, 0);
}

#[tokio::test]
async fn a_pause_midway_ends_the_wait() {
    let waited = wait([idle(), syncing(), with(view("paused", Some(OLD_SUCCESS), None), "/paused", json!(true))]).await;
    assert_eq!(*waited.outcome(), SyncOutcome::Paused { midway: true });
    assert_eq!(waited.outcome().reason(), "paused by somebody while its sync was awaited");
}

#[tokio::test]
async fn a_rescheduled_sync_of_a_manual_connection_is_triggered_again_at_the_time_set() {
    let until = "2026-09-02T03:00:00Z";
    let waited = wait([
        view("scheduled", Some(OLD_SUCCESS), None),
        view("syncing", Some(OLD_SUCCESS), None),
        rescheduled(until),
        // The words stay the same for a moment after the second trigger.
        rescheduled(until),
        view("syncing", Some(OLD_SUCCESS), None),
        view("scheduled", Some(NEW_SUCCESS), None),
    ])
    .await;
    assert!(waited.outcome().is_fresh(), "{:?}", waited.report);
    assert_eq!(waited.triggered, 2);
    assert!(waited.clock.now() >= until.parse::<chrono::DateTime<chrono::Utc>>().unwrap());
    assert!(waited.told.contains(&Progress::Rescheduled(Some(until.parse().unwrap()))));
}

#[tokio::test]
async fn a_postponement_that_has_passed_already_means_now() {
    let waited = wait([idle(), rescheduled("2026-09-01T00:00:00Z"), done()]).await;
    assert!(waited.outcome().is_fresh());
    assert_eq!(waited.triggered, 2);
    assert!(waited.clock.slept() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_rescheduled_sync_of_a_scheduled_connection_is_left_to_fivetran() {
    let auto = |view| with(view, "/schedule_type", json!("auto"));
    let waited = wait([auto(idle()), auto(rescheduled("2026-09-02T02:10:00Z")), auto(done())]).await;
    assert!(waited.outcome().is_fresh());
    assert_eq!(waited.triggered, 1);
}

#[tokio::test]
async fn a_postponement_beyond_the_deadline_is_reported_at_once() {
    let waited = wait([idle(), rescheduled("2026-09-03T04:00:00Z")]).await;
    assert_eq!(waited.outcome().reason(), "rescheduled by Fivetran until 2026-09-03 04:00:00 UTC");
    assert_eq!(waited.triggered, 1);
    assert!(waited.clock.slept() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_sync_that_is_put_off_again_and_again_ends_as_rescheduled() {
    let views = (0..20).map(|n| rescheduled(&format!("2026-09-02T02:{:02}:00Z", 2 * n)));
    let waited = wait(std::iter::once(idle()).chain(views)).await;
    assert!(matches!(waited.outcome(), SyncOutcome::Rescheduled { .. }), "{:?}", waited.report);
    assert_eq!(waited.triggered, 5);
}

#[tokio::test]
async fn unknown_states_are_waited_through() {
    let dreaming = view("dreaming", Some(OLD_SUCCESS), Some(OLD_FAILURE));
    let waited = wait([idle(), dreaming.clone(), dreaming, done()]).await;
    assert!(waited.outcome().is_fresh());
}

#[tokio::test]
async fn a_lost_answer_to_the_trigger_is_cleared_up_by_reading_the_connection() {
    let waited = wait_with([idle(), syncing(), done()], &[500], SyncOptions::default(), None).await;
    assert!(waited.outcome().is_fresh());
    assert_eq!(waited.triggered, 1, "it had arrived");

    let waited = wait_with([idle(), idle(), syncing(), done()], &[502], SyncOptions::default(), None).await;
    assert!(waited.outcome().is_fresh());
    assert_eq!(waited.triggered, 2, "it had not arrived");
}

#[tokio::test]
async fn a_sync_is_begun_without_a_wait_only_where_it_can_begin_at_once() {
    use sync::Intent::{EnsureFresh, Observe, Sync};
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let paused = with(idle(), "/paused", json!(true));
    // The last good sync ended a quarter of an hour less than a day ago.
    for (what, first, answer, intent, begun, triggered) in [
        ("idle", idle(), 200, Sync, true, 1),
        ("too old", idle(), 200, EnsureFresh(hours(23)), true, 1),
        ("the answer is lost", idle(), 500, Sync, true, 1),
        ("fresh enough", idle(), 200, EnsureFresh(hours(24)), false, 0),
        ("only to be looked at", idle(), 200, Observe(hours(1)), false, 0),
        ("one runs", syncing(), 200, Sync, false, 0),
        ("paused", paused, 200, Sync, false, 0),
    ] {
        let server = MockServer::start().await;
        let (client, clock) = client(&server.uri());
        let state = State {
            views: [first, done()].into_iter().collect(),
            triggers: [answer].into_iter().collect(),
            triggered: 0,
            read: 0,
            clock,
        };
        let script = Script(Arc::new(Mutex::new(state)));
        Mock::given(wiremock::matchers::any()).respond_with(script.clone()).mount(&server).await;
        let (id, never) = (ConnectionId::new(ID), CancellationToken::new());
        let options = SyncOptions { intent, ..SyncOptions::default() };
        let baseline = sync::begin(&client, &id, &options, &never).await.unwrap();
        assert_eq!((baseline.is_some(), script.0.lock().unwrap().triggered), (begun, triggered), "{what}");
        assert_eq!(script.0.lock().unwrap().read, 1, "{what}: nothing is awaited");
        if let Some(baseline) = baseline {
            // Whoever takes it up sees its end, and triggers nothing.
            let options = SyncOptions { resume: Some(baseline), ..SyncOptions::default() };
            let report = sync::run(&client, &id, &options, &never, &mut |_: Progress| {}).await.unwrap();
            assert!(report.outcome.is_fresh(), "{what}: {report:?}");
            assert_eq!(script.0.lock().unwrap().triggered, 1, "{what}");
        }
    }
}

#[tokio::test]
async fn a_refused_trigger_is_an_error() {
    let waited = wait_with([idle()], &[403], SyncOptions::default(), None).await;
    assert_eq!(waited.report.unwrap_err().class(), Class::Permission);
}

#[tokio::test]
async fn a_trigger_that_does_nothing_is_repeated_once_and_then_reported() {
    let waited = wait([idle()]).await;
    assert_eq!(*waited.outcome(), SyncOutcome::NotStarted);
    assert_eq!(waited.triggered, 2);
    assert!(waited.clock.slept() >= Duration::from_secs(600));
}

#[tokio::test]
async fn an_outage_while_waiting_is_sat_out() {
    let outage = || json!(503);
    let waited = wait([idle(), syncing(), outage(), outage(), outage(), outage(), done()]).await;
    assert!(waited.outcome().is_fresh(), "{:?}", waited.report);
    assert!(waited.told.iter().any(|progress| matches!(progress, Progress::OutOfReach(_))));
}

#[tokio::test]
async fn an_outage_that_does_not_end_and_a_refusal_are_errors() {
    let waited = wait([idle(), syncing(), json!(503)]).await;
    assert_eq!(waited.report.unwrap_err().class(), Class::Transient);
    assert!(waited.clock.slept() >= SyncOptions::default().outage_grace);
    let waited = wait([idle(), syncing(), json!(401)]).await;
    assert_eq!(waited.report.unwrap_err().class(), Class::Auth);
}

#[tokio::test]
async fn the_deadline_ends_the_wait_and_a_historical_sync_has_its_own() {
    let waited = wait([idle(), syncing()]).await;
    assert_eq!(waited.outcome().reason(), "still syncing after 120 minutes; the sync may go on without us");
    assert_eq!(waited.clock.slept(), Duration::from_secs(7200));
    assert!(waited.read < 520, "a sync of two hours is polled about every 15 s, not {} times", waited.read);
    let historical = |view| with(view, "/status/is_historical_sync", json!(true));
    let options = SyncOptions { historical_deadline: Duration::from_secs(3 * 3600), ..SyncOptions::default() };
    let waited = wait_with([historical(idle()), historical(syncing())], &[], options, None).await;
    assert_eq!(waited.clock.slept(), Duration::from_secs(3 * 3600));
}

#[tokio::test]
async fn an_interrupted_wait_ends_at_once_wherever_it_is() {
    let points: [fn(&Progress) -> bool; 3] = [
        |progress| matches!(progress, Progress::Baseline(_)),
        |progress| matches!(progress, Progress::Triggered(_)),
        |progress| *progress == Progress::State("syncing".into()),
    ];
    for point in points {
        let waited = wait_with([idle(), syncing()], &[], SyncOptions::default(), Some(point)).await;
        assert_eq!(*waited.outcome(), SyncOutcome::Interrupted);
    }
}

#[tokio::test]
async fn a_newer_sync_and_missing_history_are_mentioned() {
    let again = with(view("syncing", Some(NEW_SUCCESS), None), "/status/is_historical_sync", json!(true));
    let waited = wait([view("scheduled", Some(OLD_SUCCESS), None), again]).await;
    assert_eq!(
        waited.outcome().reason(),
        "synced at 2026-09-02 02:21:40 UTC; older data is still to come; the next sync is running already"
    );
}

#[tokio::test]
async fn lists_follow_their_cursor_and_a_prefix_must_mean_one_connection() {
    let server = MockServer::start().await;
    let page = |items: Value, next: Value| {
        ResponseTemplate::new(200)
            .set_body_json(json!({"code": "Success", "data": {"items": items, "next_cursor": next}}))
    };
    Mock::given(method("GET"))
        .and(path("/v1/connections"))
        .and(query_param("limit", "1000"))
        .and(query_param_is_missing("cursor"))
        .and(basic_auth("the-key", "the-secret"))
        .and(header("accept", "application/json;version=2"))
        .respond_with(page(json!([idle()]), json!("c+1")))
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path("/v1/connections"))
        .and(query_param("cursor", "c+1"))
        .respond_with(page(json!([syncing()]), Value::Null))
        .mount(&server)
        .await;
    let (client, _) = client(&server.uri());
    assert_eq!(client.connections(None).await.unwrap().len(), 2);
    let error = client.find_by_prefix("shop_pg", None).await.unwrap_err();
    assert_eq!(error.to_string(), "2 Fivetran connections have the schema prefix `shop_pg`; exactly one is needed");
}

#[tokio::test]
async fn a_schema_config_that_is_not_known_yet_is_no_error() {
    let server = MockServer::start().await;
    let unknown =
        json!({"code": "NotFound_SchemaConfig", "message": "Connection with id 'x' doesn't have schema config"});
    Mock::given(path("/v1/connections/a/schemas"))
        .respond_with(ResponseTemplate::new(404).set_body_json(unknown))
        .mount(&server)
        .await;
    Mock::given(path("/v1/connections/b/schemas"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"code": "Success", "data": {}})))
        .mount(&server)
        .await;
    let gone = json!({"code": "NotFound_Connector", "message": "Connector with id 'c' does not exist."});
    Mock::given(path("/v1/connections/c/schemas"))
        .respond_with(ResponseTemplate::new(404).set_body_json(gone))
        .mount(&server)
        .await;
    let (client, _) = client(&server.uri());
    assert_eq!(client.schemas(&"a".into()).await.unwrap(), None);
    assert_eq!(client.schemas(&"b".into()).await.unwrap(), None);
    let error = client.schemas(&"c".into()).await.unwrap_err();
    assert_eq!(error.class(), Class::NotFound);
    assert!(error.to_string().contains("404 NotFound_Connector: Connector with id 'c' does not exist."), "{error}");
}

#[tokio::test]
async fn a_success_without_data_is_an_error() {
    let server = MockServer::start().await;
    Mock::given(path("/v1/account/info"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"code": "Success"})))
        .mount(&server)
        .await;
    let (client, _) = client(&server.uri());
    let error = client.account_info().await.unwrap_err();
    assert_eq!(error.to_string(), "Fivetran: the answer to GET /v1/account/info has no data");
}
