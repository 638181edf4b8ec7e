//! Every state of a connection × what is wanted × what happens next, with time that only the test moves. What each must
//! come to is reckoned here from the rules, apart from the code.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use kiln::fivetran::sync::{self, Baseline, Intent, Progress, SyncOptions, SyncOutcome, WhenRunning};
use kiln::fivetran::{Client, Credentials};
use kiln::http::{Class, Clock as _, Options, base_address};
use kiln::ids::ConnectionId;
use kiln::secret::Secret;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::faults::clock::TestClock;

const NOW: &str = "2026-09-02T02:00:00Z";
/// How old data may be, where that is asked.
const ASKED: Duration = Duration::from_secs(2 * 3600);

/// How the sync ends that is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Succeeds,
    Fails,
    Breaks,
    IsPaused,
    IsPutOff,
    /// A trigger does nothing; a running sync ends without a word.
    Nothing,
}

const NEXT: [Next; 6] = [Next::Succeeds, Next::Fails, Next::Breaks, Next::IsPaused, Next::IsPutOff, Next::Nothing];

#[derive(Clone, Copy, Debug)]
struct Case {
    setup: &'static str,
    state: &'static str,
    paused: bool,
    schedule: &'static str,
    /// Hours since the last good sync.
    hours: Option<i64>,
    /// By how much the clock of this machine is ahead of Fivetran's.
    ahead: i64,
    intent: Intent,
    when_running: WhenRunning,
    next: Next,
}

/// Fivetran, with one connection in a case's state.
struct Service {
    case: Case,
    clock: Arc<TestClock>,
    reads: usize,
    /// Bodies of the triggers.
    triggers: Vec<Value>,
    reads_since: usize,
}

fn time(at: DateTime<Utc>) -> Value {
    json!(at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

fn start() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

impl Service {
    fn its_now(&self) -> DateTime<Utc> {
        self.clock.now() - TimeDelta::hours(self.case.ahead)
    }

    fn view(&mut self) -> Value {
        self.reads += 1;
        let case = self.case;
        let began = start() - TimeDelta::hours(case.ahead);
        let mut view = json!({
            "id": "speak_inexpensive", "service": "google_cloud_postgresql", "schema": "shop_pg", "group_id": "sickle",
            "paused": case.paused, "succeeded_at": case.hours.map(|h| time(began - TimeDelta::hours(h))),
            // A failure from before, later than any success.
            "failed_at": time(began - TimeDelta::minutes(5)), "schedule_type": case.schedule,
            "status": {"setup_state": case.setup, "sync_state": case.state, "is_historical_sync": false,
                "rescheduled_for": (case.state == "rescheduled").then(|| time(began + TimeDelta::seconds(5))),
                "tasks": [], "warnings": []}
        });
        let awaited = !self.triggers.is_empty() || case.when_running == WhenRunning::Join;
        if self.triggers.is_empty() && case.state == "syncing" && self.reads > 1 && !awaited {
            // The other sync has ended well.
            view["status"]["sync_state"] = json!("scheduled");
            view["succeeded_at"] = time(began + TimeDelta::seconds(1));
        }
        if !self.triggers.is_empty() || (case.state == "syncing" && awaited && self.reads > 1) {
            self.reads_since += 1;
            let runs = self.reads_since == 1 && case.next != Next::Nothing;
            view["status"]["rescheduled_for"] = Value::Null;
            view["status"]["sync_state"] = json!(if runs { "syncing" } else { "scheduled" });
            if case.state == "syncing" && case.when_running == WhenRunning::Queue {
                view["succeeded_at"] = time(began + TimeDelta::seconds(1));
            }
            if !runs {
                match case.next {
                    Next::Succeeds => view["succeeded_at"] = time(self.its_now()),
                    Next::Fails | Next::Breaks => view["failed_at"] = time(self.its_now()),
                    Next::IsPaused => view["paused"] = json!(true),
                    Next::IsPutOff => {
                        view["status"]["sync_state"] = json!("rescheduled");
                        view["status"]["rescheduled_for"] = time(began + TimeDelta::days(3));
                    }
                    Next::Nothing => {}
                }
                if case.next == Next::Breaks {
                    view["status"]["setup_state"] = json!("broken");
                } else if case.next == Next::Fails {
                    view["status"]["setup_state"] = json!("connected");
                }
            }
        }
        view
    }
}

/// All services, by the connection's id.
#[derive(Clone, Default)]
struct Services(Arc<Mutex<BTreeMap<String, Service>>>);

impl Respond for Services {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let path = request.url.path().to_owned();
        let id = path.split('/').nth(3).unwrap_or_default().to_owned();
        let mut all = self.0.lock().unwrap();
        let service = all.get_mut(&id).expect("only known connections are asked for");
        let date = service.its_now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let body = if path.ends_with("/sync-history") {
            let body = json!({"code": "NotFound", "message": "no history"});
            return ResponseTemplate::new(404).set_body_json(body).insert_header("date", date.as_str());
        } else if request.method.as_str() == "POST" {
            service.triggers.push(request.body_json().unwrap());
            service.reads_since = 0;
            json!({"code": "Success", "message": "triggered"})
        } else {
            json!({"code": "Success", "data": service.view()})
        };
        ResponseTemplate::new(200).set_body_json(body).insert_header("date", date.as_str())
    }
}

struct Bench {
    server: MockServer,
    services: Services,
    count: usize,
}

struct Came {
    outcome: SyncOutcome,
    triggers: Vec<Value>,
    told: Vec<Progress>,
}

impl Bench {
    async fn start() -> Self {
        let server = MockServer::builder().disable_request_recording().start().await;
        let services = Services::default();
        Mock::given(any()).respond_with(services.clone()).mount(&server).await;
        Self { server, services, count: 0 }
    }

    async fn wait(&mut self, case: Case, resume: Option<Baseline>) -> Came {
        let clock = Arc::new(TestClock::at(NOW));
        let mut options = Options::new(Arc::clone(&clock) as Arc<dyn kiln::http::Clock>);
        options.chance = Arc::new(|| 0.5);
        let credentials = Credentials {
            base: base_address(&self.server.uri()).unwrap(),
            key: Secret::new("the-key"),
            secret: Secret::new("the-secret"),
        };
        let client = Client::new(&credentials, options).unwrap();
        self.count += 1;
        let id = format!("c{}", self.count);
        let service = Service { case, clock, reads: 0, triggers: Vec::new(), reads_since: 0 };
        self.services.0.lock().unwrap().insert(id.clone(), service);
        let options = SyncOptions {
            intent: case.intent,
            when_running: case.when_running,
            resume,
            deadline: Duration::from_secs(600),
            first_pause: Duration::from_secs(15),
            ..SyncOptions::default()
        };
        let mut told = Vec::new();
        let mut tell = |progress: Progress| told.push(progress);
        let cancel = CancellationToken::new();
        let report = sync::run(&client, &ConnectionId::new(&id), &options, &cancel, &mut tell).await;
        let service = self.services.0.lock().unwrap().remove(&id).unwrap();
        Came { outcome: report.unwrap().outcome, triggers: service.triggers, told }
    }
}

/// What a wait must come to: the name of the outcome, and how often a sync is asked for at least and at most.
fn expected(case: &Case) -> (&'static str, usize, usize) {
    let fresh = case.hours.is_some_and(|hours| hours * 3600 <= 2 * 3600);
    let asks = case.intent != Intent::Sync;
    let running = case.state == "syncing";
    let looks_only = matches!(case.intent, Intent::Observe(_));
    if looks_only && !(running && case.when_running == WhenRunning::Join) {
        return (if fresh { "AlreadyFresh" } else { "NotFresh" }, 0, 0);
    }
    if asks && !running && fresh {
        return ("AlreadyFresh", 0, 0);
    }
    // What would come of a trigger that is not sent does not matter where the data are as fresh as was asked.
    let or_fresh = |name: &'static str| if asks && fresh { "AlreadyFresh" } else { name };
    if case.setup == "incomplete" {
        return (or_fresh("Incomplete"), 0, 0);
    }
    if case.paused || case.state == "paused" {
        return (or_fresh("Paused"), 0, 0);
    }
    if running && case.when_running == WhenRunning::Queue && asks {
        return ("AlreadyFresh", 0, 0); // by the other sync's end
    }
    let joined = running && case.when_running == WhenRunning::Join;
    let triggers = usize::from(!joined);
    match case.next {
        Next::Succeeds => ("Synced", triggers, triggers),
        Next::Fails if case.setup == "broken" => (or_fresh("Failed"), triggers, triggers),
        Next::Fails => (or_fresh("Failed"), triggers, triggers),
        Next::Breaks => (or_fresh("Broken"), triggers, triggers),
        Next::IsPaused => (or_fresh("Paused"), triggers, triggers),
        Next::IsPutOff => (or_fresh("Rescheduled"), triggers, triggers),
        // A joined sync that ends without a word: only a look triggers nothing.
        Next::Nothing if looks_only => (if fresh { "AlreadyFresh" } else { "NotFresh" }, 0, 0),
        Next::Nothing => (or_fresh("NotStarted"), 2, 2),
    }
}

fn name(outcome: &SyncOutcome) -> String {
    let text = format!("{outcome:?}");
    text.split([' ', '{']).next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_state_comes_to_what_the_rules_say() {
    let mut bench = Bench::start().await;
    let (mut cases, mut wrong) = (0, Vec::new());
    for setup in ["connected", "broken", "incomplete", "half_done"] {
        for state in ["scheduled", "syncing", "paused", "rescheduled", "dreaming"] {
            for (paused, schedule) in [(false, "auto"), (false, "manual"), (true, "auto"), (true, "manual")] {
                for hours in [Some(1), Some(10), None] {
                    for intent in [Intent::Sync, Intent::EnsureFresh(ASKED), Intent::Observe(ASKED)] {
                        for when_running in [WhenRunning::Queue, WhenRunning::Join, WhenRunning::Restart] {
                            // Elsewhere it makes no difference.
                            if state != "syncing" && when_running != WhenRunning::Queue {
                                continue;
                            }
                            let all: Vec<(&str, usize, usize)> = NEXT
                                .iter()
                                .map(|next| {
                                    let next = *next;
                                    expected(&Case {
                                        setup,
                                        state,
                                        paused,
                                        schedule,
                                        hours,
                                        ahead: 0,
                                        intent,
                                        when_running,
                                        next,
                                    })
                                })
                                .collect();
                            // Where nothing is awaited, what would happen next is never seen.
                            let awaited = all.iter().any(|one| *one != all[0]);
                            for (next, expected) in NEXT.into_iter().zip(all) {
                                if !awaited && next != Next::Succeeds {
                                    continue;
                                }
                                let case = Case {
                                    setup,
                                    state,
                                    paused,
                                    schedule,
                                    hours,
                                    ahead: 0,
                                    intent,
                                    when_running,
                                    next,
                                };
                                let came = bench.wait(case, None).await;
                                cases += 1;
                                let count = came.triggers.len();
                                if name(&came.outcome) != expected.0 || count < expected.1 || count > expected.2 {
                                    wrong.push(format!("{case:?}: {expected:?}, but {:?}, {count}", came.outcome));
                                }
                                let force = state == "syncing" && when_running == WhenRunning::Restart;
                                if came.triggers.first().is_some_and(|body| *body != json!({"force": force})) {
                                    wrong.push(format!("{case:?}: {:?}", came.triggers));
                                }
                                let kept = came.told.iter().position(|p| matches!(p, Progress::Baseline(_)));
                                let sent = came.told.iter().position(|p| matches!(p, Progress::Triggered(_)));
                                if sent.is_some() && (kept.is_none() || kept > sent) {
                                    wrong.push(format!("{case:?}: triggered before the baseline was kept"));
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {cases}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cases > 1_000, "{cases}");
}

const IDLE: Case = Case {
    setup: "connected",
    state: "scheduled",
    paused: false,
    schedule: "manual",
    hours: Some(1),
    ahead: 0,
    intent: Intent::EnsureFresh(ASKED),
    when_running: WhenRunning::Join,
    next: Next::Succeeds,
};

#[tokio::test]
async fn ages_go_by_fivetrans_clock_whatever_ours_says() {
    let mut bench = Bench::start().await;
    for ahead in [-30, -3, 3, 30] {
        let came = bench.wait(Case { ahead, ..IDLE }, None).await;
        let SyncOutcome::AlreadyFresh { age, .. } = came.outcome else { panic!("{ahead}: {:?}", came.outcome) };
        assert!(age.abs_diff(Duration::from_secs(3600)) < Duration::from_secs(2), "{ahead}: {age:?}");
        let came = bench.wait(Case { ahead, hours: Some(3), ..IDLE }, None).await;
        assert!(matches!(came.outcome, SyncOutcome::Synced { .. }), "{ahead}: {:?}", came.outcome);
    }
    // A success that seems to lie ahead is new, not older than time.
    let came = bench.wait(Case { hours: Some(-1), ..IDLE }, None).await;
    assert!(matches!(came.outcome, SyncOutcome::AlreadyFresh { age: Duration::ZERO, .. }), "{:?}", came.outcome);
}

#[tokio::test]
async fn a_wait_that_was_broken_off_is_taken_up_without_a_second_sync() {
    let mut bench = Bench::start().await;
    let began = start();
    let baseline = |hours: i64| Baseline {
        succeeded_at: Some(began - TimeDelta::hours(hours)),
        failed_at: Some(began - TimeDelta::minutes(5)),
        state: "scheduled".into(),
    };
    let sync = Case { intent: Intent::Sync, ..IDLE };
    // It ended while nobody looked: the last success is later than the one that was written down.
    let came = bench.wait(sync, Some(baseline(10))).await;
    assert!(matches!(came.outcome, SyncOutcome::Synced { .. }), "{:?}", came.outcome);
    assert_eq!(came.triggers.len(), 0);
    // It runs: it is followed, and it is ours.
    let came = bench.wait(Case { state: "syncing", ..sync }, Some(baseline(1))).await;
    assert!(matches!(came.outcome, SyncOutcome::Synced { joined: false, .. }), "{:?}", came.outcome);
    assert_eq!(came.triggers.len(), 0);
    // It was never triggered, or never began.
    let came = bench.wait(sync, Some(baseline(1))).await;
    assert!(matches!(came.outcome, SyncOutcome::Synced { .. }), "{:?}", came.outcome);
    assert_eq!(came.triggers.len(), 1);
}

#[tokio::test]
async fn outcomes_say_why_and_what_to_do() {
    let mut bench = Bench::start().await;
    let observe = Case { intent: Intent::Observe(ASKED), ..IDLE };
    let reason = |came: &Came| came.outcome.reason();
    let came = bench.wait(Case { hours: Some(10), paused: true, ..observe }, None).await;
    assert_eq!(
        reason(&came),
        "not fresh: the last good sync ended at 2026-09-01 16:00:00 UTC, 10 hours ago, and at most 120 minutes were asked \
         for; it is paused, and nothing was triggered"
    );
    let came = bench.wait(Case { hours: None, ..observe }, None).await;
    assert_eq!(reason(&came), "not fresh: no sync has ever succeeded; it is scheduled, and nothing was triggered");
    let came = bench.wait(IDLE, None).await;
    assert_eq!(reason(&came), "already fresh: synced at 2026-09-02 01:00:00 UTC, 60 minutes ago");
    let came = bench.wait(Case { state: "syncing", next: Next::Fails, ..IDLE }, None).await;
    assert!(reason(&came).contains("; since then: failed at 2026-09-02 02:00:"), "{}", reason(&came));
    let came = bench.wait(Case { state: "syncing", ..IDLE }, None).await;
    assert!(reason(&came).ends_with("by a sync that ran before us, so the newest rows may be missing"));
}

#[tokio::test]
async fn a_wrong_key_and_a_wrong_id_are_errors_that_say_so() {
    let server = MockServer::start().await;
    for (status, code, class) in [(401, "AuthFailed", Class::Auth), (404, "NotFound_Connector", Class::NotFound)] {
        server.reset().await;
        let body = json!({"code": code, "message": "Connector with id 'x' does not exist."});
        Mock::given(any()).respond_with(ResponseTemplate::new(status).set_body_json(body)).mount(&server).await;
        let clock = Arc::new(TestClock::at(NOW));
        let credentials = Credentials {
            base: base_address(&server.uri()).unwrap(),
            key: Secret::new("the-key"),
            secret: Secret::new("the-secret"),
        };
        let client = Client::new(&credentials, Options::new(clock)).unwrap();
        let cancel = CancellationToken::new();
        let mut tell = |_: Progress| {};
        let run = sync::run(&client, &ConnectionId::new("x"), &SyncOptions::default(), &cancel, &mut tell).await;
        let error = run.unwrap_err();
        assert_eq!(error.class(), class, "{error}");
        assert!(!format!("{error} {error:?}").contains("the-secret"));
    }
}
