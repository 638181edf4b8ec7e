//! How often Fivetran is asked while many connections are awaited at once, and how soon the end of a sync is noticed; by a
//! clock that moves on only when everybody who waits is asleep.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures::future::BoxFuture;
use kiln::fivetran::sync::{self, Progress, SyncOptions, SyncOutcome};
use kiln::fivetran::{BURST, Client, Credentials, REQUESTS_PER_SECOND};
use kiln::http::{Clock, Options, Pace, RetryPolicy, base_address};
use kiln::ids::ConnectionId;
use kiln::secret::Secret;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// Time that stands still as long as somebody is awake.
struct Sleepers {
    base: Instant,
    state: Arc<Mutex<Time>>,
}

#[derive(Default)]
struct Time {
    now: Duration,
    next: u64,
    asleep: BTreeMap<(Duration, u64), oneshot::Sender<()>>,
}

/// A place among the sleepers, given up when the sleep ends or is broken off.
struct Bed(Arc<Mutex<Time>>, (Duration, u64));

impl Drop for Bed {
    fn drop(&mut self) {
        self.0.lock().unwrap().asleep.remove(&self.1);
    }
}

impl Clock for Sleepers {
    fn now(&self) -> DateTime<Utc> {
        start() + TimeDelta::from_std(self.state.lock().unwrap().now).unwrap()
    }

    fn instant(&self) -> Instant {
        self.base + self.state.lock().unwrap().now
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state.lock().unwrap();
        let place = (state.now + duration, state.next);
        state.next += 1;
        state.asleep.insert(place, sender);
        let bed = Bed(Arc::clone(&self.state), place);
        Box::pin(async move {
            let _ = receiver.await;
            drop(bed);
        })
    }
}

fn start() -> DateTime<Utc> {
    "2026-09-02T02:00:00Z".parse().unwrap()
}

/// Fivetran with many connections in one group, each of whose syncs takes its own time.
struct Service {
    clock: Arc<Sleepers>,
    /// When each connection was triggered.
    triggered: Mutex<BTreeMap<usize, DateTime<Utc>>>,
    connections: usize,
    requests: AtomicUsize,
    lists: AtomicUsize,
    /// Answers 429 to one request in so many; 0: to none.
    refuses: usize,
}

impl Service {
    /// From a trigger to the end: 50 to 70 minutes, spread so that no two end at once.
    fn length(n: usize) -> TimeDelta {
        TimeDelta::milliseconds(3_000_000 + (n as i64 * 7_919_993) % 1_200_000)
    }

    fn view(&self, n: usize) -> Value {
        let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let old = start() - TimeDelta::hours(6);
        let triggered = self.triggered.lock().unwrap().get(&n).copied();
        let end = triggered.map(|at| at + Self::length(n));
        let now = self.clock.now();
        let (state, succeeded) = match end {
            Some(end) if end <= now => ("scheduled", end),
            Some(_) => ("syncing", old),
            None => ("scheduled", old),
        };
        json!({
            "id": format!("c{n}"), "service": "postgres", "schema": format!("s{n}"), "group_id": "sickle", "paused": false,
            "succeeded_at": text(succeeded), "failed_at": null, "schedule_type": "manual",
            "status": {"setup_state": "connected", "sync_state": state, "is_historical_sync": false, "tasks": [], "warnings": []}
        })
    }
}

#[derive(Clone)]
struct Answers(Arc<Service>);

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let service = &self.0;
        let count = service.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let date = service.clock.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if service.refuses > 0 && count.is_multiple_of(service.refuses) {
            return ResponseTemplate::new(429).insert_header("retry-after", "17").insert_header("date", date.as_str());
        }
        let path: Vec<&str> = request.url.path().split('/').collect();
        let body = match path.as_slice() {
            ["", "v1", "groups", "sickle", "connections"] => {
                service.lists.fetch_add(1, Ordering::Relaxed);
                let items: Vec<Value> = (0..service.connections).map(|n| service.view(n)).collect();
                json!({"code": "Success", "data": {"items": items}})
            }
            ["", "v1", "connections", id] => {
                json!({"code": "Success", "data": service.view(id[1..].parse().unwrap())})
            }
            ["", "v1", "connections", id, "sync"] => {
                let now = service.clock.now();
                service.triggered.lock().unwrap().entry(id[1..].parse().unwrap()).or_insert(now);
                json!({"code": "Success", "message": "triggered"})
            }
            other => panic!("{other:?}"),
        };
        ResponseTemplate::new(200).set_body_json(body).insert_header("date", date.as_str())
    }
}

/// How fast Fivetran is asked.
fn usual() -> Pace {
    Pace::new(REQUESTS_PER_SECOND, BURST)
}

/// What many waits at once cost.
struct Measured {
    requests_per_hour: f64,
    most_in_an_hour: usize,
    median: Duration,
    longest: Duration,
}

async fn measure(connections: usize, refuses: usize, pace: Pace) -> Measured {
    let clock = Arc::new(Sleepers { base: Instant::now(), state: Arc::default() });
    let service = Arc::new(Service {
        clock: Arc::clone(&clock),
        triggered: Mutex::default(),
        connections,
        requests: AtomicUsize::new(0),
        lists: AtomicUsize::new(0),
        refuses,
    });
    let server = MockServer::builder().disable_request_recording().start().await;
    Mock::given(any()).respond_with(Answers(Arc::clone(&service))).mount(&server).await;
    let mut options = Options::new(Arc::clone(&clock) as Arc<dyn Clock>);
    options.pace = Arc::new(pace);
    let credentials = Credentials {
        base: base_address(&server.uri()).unwrap(),
        key: Secret::new("the-key"),
        secret: Secret::new("the-secret"),
    };
    let client = Client::new(&credentials, options).unwrap();
    let mut waits = tokio::task::JoinSet::new();
    for n in 0..connections {
        let (client, clock) = (client.clone(), Arc::clone(&clock));
        waits.spawn(async move {
            let mut tell = |_: Progress| {};
            let (id, options) = (ConnectionId::new(format!("c{n}")), SyncOptions::default());
            let report = sync::run(&client, &id, &options, &CancellationToken::new(), &mut tell).await.unwrap();
            let SyncOutcome::Synced { succeeded_at, queued: false, .. } = report.outcome else { panic!("{report:?}") };
            assert_eq!(report.triggers, 1);
            (clock.now() - succeeded_at).to_std().unwrap()
        });
    }
    let mut delays = Vec::new();
    let mut hours: BTreeMap<u64, usize> = BTreeMap::new();
    let mut quiet = ((0, 0, 0), std::time::Instant::now());
    while !waits.is_empty() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        while let Some(done) = waits.try_join_next() {
            delays.push(done.unwrap());
        }
        let mut time = clock.state.lock().unwrap();
        // Who waits for another's answer is not asleep; where that other one is, nothing happens for a while.
        let seen = (service.requests.load(Ordering::Relaxed), time.next, waits.len());
        if seen != quiet.0 {
            quiet = (seen, std::time::Instant::now());
        }
        let is_quiet = time.asleep.len() >= waits.len() || quiet.1.elapsed() > QUIET;
        if is_quiet && let Some((place, sleeper)) = time.asleep.pop_first() {
            hours.insert(time.now.as_secs() / 3600, service.requests.load(Ordering::Relaxed));
            time.now = place.0;
            drop(time);
            let _ = sleeper.send(());
        }
    }
    delays.sort();
    let total = service.requests.load(Ordering::Relaxed);
    let elapsed = clock.state.lock().unwrap().now.as_secs_f64() / 3600.0;
    let mut before = 0;
    let mut most = 0;
    for count in hours.into_values().chain([total]) {
        most = most.max(count - before);
        before = count;
    }
    Measured {
        requests_per_hour: total as f64 / elapsed,
        most_in_an_hour: most,
        median: delays[delays.len() / 2],
        longest: delays[delays.len() - 1],
    }
}

/// How long nothing may happen on the wall's clock before those who wait are taken to wait for a sleeper.
const QUIET: Duration = Duration::from_millis(25);
/// The longest pause between two polls.
const POLL: Duration = Duration::from_secs(15);
/// What an account may ask in an hour.
const LIMIT: usize = 20_000;

#[tokio::test]
async fn a_thousand_waits_ask_about_as_often_as_one_and_notice_as_soon() {
    let mut rates = Vec::new();
    for connections in [1, 100, 1_000] {
        let measured = measure(connections, 0, usual()).await;
        println!(
            "{connections} connections: {:.0} requests an hour, at most {} in one; noticed after {:.1} s (median), {:.1} s (longest)",
            measured.requests_per_hour,
            measured.most_in_an_hour,
            measured.median.as_secs_f64(),
            measured.longest.as_secs_f64()
        );
        assert!(measured.median < 2 * POLL, "{:?}", measured.median);
        assert!(measured.longest < 3 * POLL, "{:?}", measured.longest);
        assert!(measured.most_in_an_hour < LIMIT / 4, "{}", measured.most_in_an_hour);
        rates.push(measured.requests_per_hour);
    }
    // Each wait has a first look and a trigger of its own at most; the polls are shared.
    assert!(rates[2] - 2_000.0 < 3.0 * rates[0], "{rates:?}");
}

#[tokio::test]
async fn refusals_slow_everybody_down_and_fail_nobody() {
    let measured = measure(50, 4, usual()).await;
    assert!(measured.longest < Duration::from_secs(180), "{:?}", measured.longest);
}

#[tokio::test]
async fn more_connections_than_can_be_asked_in_the_time_of_one_request_are_all_brought_up_to_date() {
    // At one request a second the last stands in the row for longer than a request may take, as at five a second the last
    // of 1,500 does.
    let connections = 400;
    assert!(Duration::from_secs(connections as u64) > RetryPolicy::default().budget);
    let measured = measure(connections, 0, Pace::new(1, 1)).await;
    assert!(measured.most_in_an_hour <= 3_601, "{}", measured.most_in_an_hour);
}
