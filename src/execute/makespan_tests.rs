//! How near the dispatcher comes to the shortest time in which a run can be over, on generated graphs of steps.
//!
//! The steps go through the real dispatcher and its permits; only what they do is a sleep by a clock that the test winds.
//! `cargo test --lib makespan -- --include-ignored --nocapture` prints the table.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::DateTime;
use futures::future::BoxFuture;
use indexmap::IndexMap;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::super::step::{Context, Finished, Reporter};
use super::super::{Connected, Earlier, Settings};
use super::run_by;
use crate::databricks::{Client, Credentials, pause_after};
use crate::event::{Author, Event, EventKind, Insistence, Outcome, RunResult};
use crate::http::{Clock, Options, base_address};
use crate::ids::StepId;
use crate::plan::{Action, Alter, RunPlan, Step};
use crate::secret::Secret;

/// Statements in flight.
const SLOTS: usize = 16;

/// Time that passes only when everybody waits for it, in milliseconds.
#[derive(Default)]
struct Time {
    now: Arc<AtomicU64>,
    sleepers: RefCell<BinaryHeap<Reverse<(u64, u64)>>>,
    wakers: RefCell<HashMap<u64, oneshot::Sender<()>>>,
    /// Grows with everything that happens, so that a standstill can be told.
    happened: AtomicU64,
    in_flight: AtomicU64,
}

thread_local! {
    static TIME: RefCell<Rc<Time>> = RefCell::default();
}

fn time() -> Rc<Time> {
    TIME.with(|time| Rc::clone(&time.borrow()))
}

fn sleep(milliseconds: u64) -> oneshot::Receiver<()> {
    let time = time();
    let number = time.happened.fetch_add(1, Ordering::Relaxed);
    let (wake, woken) = oneshot::channel();
    let at = time.now.load(Ordering::Relaxed) + milliseconds;
    time.sleepers.borrow_mut().push(Reverse((at, number)));
    time.wakers.borrow_mut().insert(number, wake);
    woken
}

/// Winds the clock to the next moment at which somebody wakes, whenever all others stand still.
async fn wind() {
    let mut seen = u64::MAX;
    let mut still = 0;
    loop {
        tokio::task::yield_now().await;
        let happened = time().happened.load(Ordering::Relaxed);
        still = if happened == seen { still + 1 } else { 0 };
        seen = happened;
        // From one thing that happens to the next, no more than some turns of the runtime pass.
        if still < 24 {
            continue;
        }
        still = 0;
        let time = time();
        let Some(Reverse((at, number))) = time.sleepers.borrow_mut().pop() else { continue };
        time.now.store(at, Ordering::Relaxed);
        if let Some(wake) = time.wakers.borrow_mut().remove(&number) {
            let _ = wake.send(());
        }
    }
}

/// Takes the place of a step's work: holds a place on the warehouse for as long as its name says.
fn pretend<'a>(action: Action, context: &'a Context, _: &'a Reporter) -> BoxFuture<'a, Finished> {
    Box::pin(async move {
        let Action::Alter(alter) = action else { panic!("not made by `plan`") };
        let took: u64 = alter.object.parse().unwrap();
        let permit = context.statements.acquire(context.urgency).await;
        if alter.drops {
            let mut awaited = 0;
            tell(1);
            while awaited < took {
                awaited += sleep_for(pause_after(Duration::from_millis(awaited), in_flight())).await;
            }
            tell(-1);
        } else {
            sleep_for(Duration::from_millis(took)).await;
        }
        drop(permit);
        Finished::new(Outcome::Succeeded { summary: String::new() })
    })
}

fn tell(change: i64) {
    let _ = time().in_flight.fetch_add(change as u64, Ordering::Relaxed);
}

fn in_flight() -> usize {
    time().in_flight.load(Ordering::Relaxed) as usize
}

fn sleep_for(pause: Duration) -> impl Future<Output = u64> + Send {
    let milliseconds = pause.as_millis() as u64;
    let woken = sleep(milliseconds);
    async move {
        let _ = woken.await;
        milliseconds
    }
}

/// A graph of steps: how long each takes in milliseconds, and what it needs, all of it before it.
struct Graph(Vec<(u64, Vec<usize>)>);

/// The splitmix64 generator.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// The logarithm of what it returns is normal, round zero.
    fn spread(&mut self, sigma: f64) -> f64 {
        let normal = (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos();
        (sigma * normal).exp()
    }

    /// Ten seconds in the middle, sometimes minutes.
    fn duration(&mut self) -> u64 {
        (10_000.0 * self.spread(1.0)).clamp(300.0, 600_000.0) as u64
    }
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    /// All wait for one, and one for all.
    Wide,
    /// Chains that cross now and then.
    Deep,
    /// Layers, each step of which needs up to three of the layer before.
    Layered,
    /// Each step needs up to three of any before it.
    Tangled,
}

impl Graph {
    fn new(shape: Shape, steps: usize, random: &mut Random) -> Self {
        let chains = (steps / 25).clamp(2, 24);
        let layer = (steps as f64).sqrt().ceil() as usize * 2;
        let needs = |i: usize, random: &mut Random| match shape {
            _ if i == 0 => Vec::new(),
            Shape::Wide if i == steps - 1 => (1..i).collect(),
            Shape::Wide => vec![0],
            Shape::Deep if i < chains => Vec::new(),
            Shape::Deep if random.below(8) == 0 => vec![i - chains, i - 1 - random.below(chains)],
            Shape::Deep => vec![i - chains],
            Shape::Layered if i < layer => Vec::new(),
            Shape::Layered => {
                let first = (i / layer - 1) * layer;
                (0..=random.below(3)).map(|_| first + random.below(layer)).collect()
            }
            Shape::Tangled => (0..random.below(4)).map(|_| random.below(i)).collect(),
        };
        let mut graph = Vec::new();
        for i in 0..steps {
            let mut needs: Vec<usize> = needs(i, random);
            needs.sort_unstable();
            needs.dedup();
            graph.push((random.duration(), needs));
        }
        Self(graph)
    }

    /// The time in which the steps before each are over at the soonest.
    fn heads(&self) -> Vec<u64> {
        let mut heads = vec![0; self.0.len()];
        for (i, (_, needs)) in self.0.iter().enumerate() {
            heads[i] = needs.iter().map(|need| heads[*need] + self.0[*need].0).max().unwrap_or(0);
        }
        heads
    }

    /// The time that the steps after each take at least.
    fn tails(&self) -> Vec<u64> {
        let mut tails = vec![0; self.0.len()];
        for (i, (took, needs)) in self.0.iter().enumerate().rev() {
            for need in needs {
                tails[*need] = tails[*need].max(tails[i] + took);
            }
        }
        tails
    }

    /// The greater of the longest way and the whole work shared by all places.
    fn simple_bound(&self) -> f64 {
        let longest = self.heads().iter().zip(&self.0).map(|(head, (took, _))| head + took).max().unwrap_or(0);
        let work: u64 = self.0.iter().map(|(took, _)| took).sum();
        (longest as f64).max(work as f64 / SLOTS as f64)
    }

    /// A sharper one: steps that cannot begin before a moment, and after which so much has still to come, have to share all
    /// places in between.
    fn bound(&self) -> f64 {
        let (heads, tails) = (self.heads(), self.tails());
        let mut by_tail: Vec<usize> = (0..self.0.len()).collect();
        by_tail.sort_by_key(|i| Reverse(tails[*i]));
        let mut least: Vec<u64> = heads.clone();
        least.sort_unstable();
        least.dedup();
        let mut best = self.simple_bound();
        for head in least {
            let mut work = 0;
            for i in by_tail.iter().filter(|i| heads[**i] >= head) {
                work += self.0[*i].0;
                best = best.max(head as f64 + work as f64 / SLOTS as f64 + tails[*i] as f64);
            }
        }
        best
    }

    fn plan(&self, polled: bool) -> RunPlan {
        let id = |i: usize| StepId::new(format!("alter {i}"));
        let step = |(i, (took, needs)): (usize, &(u64, Vec<usize>))| {
            let needs = needs.iter().map(|need| id(*need)).collect();
            let alter =
                Alter { object: took.to_string(), statements: Vec::new(), drops: polled, only_after: Vec::new() };
            (id(i), Step { id: id(i), needs, action: Action::Alter(alter) })
        };
        RunPlan {
            project: "p".into(),
            environment: "e".into(),
            job: None,
            catalog: "c".into(),
            schema: "s".into(),
            steps: self.0.iter().enumerate().map(step).collect::<IndexMap<_, _>>(),
        }
    }

    /// Runs it and returns how long that took. `expect` says how long a step is thought to take that takes so long.
    async fn run(&self, polled: bool, mut expect: impl FnMut(u64) -> u64) -> f64 {
        TIME.with(|time| *time.borrow_mut() = Rc::default());
        let plan = self.plan(polled);
        let expected = self.0.iter().zip(plan.steps.keys());
        let expected = expected.map(|((took, _), id)| (id.clone(), Duration::from_millis(expect(*took)))).collect();
        let now = Arc::clone(&time().now);
        let clock: super::super::Clock =
            Arc::new(move || DateTime::from_timestamp_millis(now.load(Ordering::Relaxed) as i64).unwrap());
        match carry_out(plan, expected, clock).await.pop().map(|event| event.kind) {
            Some(EventKind::RunFinished { result: RunResult::Succeeded, milliseconds }) => milliseconds as f64,
            other => panic!("{other:?}"),
        }
    }
}

/// Carries a plan out and returns what happened.
async fn carry_out(plan: RunPlan, expected: HashMap<StepId, Duration>, clock: super::super::Clock) -> Vec<Event> {
    let settings = Settings {
        run: "run".into(),
        concurrency: SLOTS,
        expected,
        fail_fast: false,
        by: Author::default(),
        insistence: Insistence::default(),
        delivered: None,
        clock,
        receipts: None,
    };
    let (events, mut received) = mpsc::channel::<Event>(1024);
    let run = run_by(pretend, plan, connected(), settings, Earlier::default(), events, CancellationToken::new());
    let listen = async {
        let mut all = Vec::new();
        while let Some(event) = received.recv().await {
            all.push(event);
        }
        all
    };
    let (result, all) = tokio::select! {
        both = async { tokio::join!(run, listen) } => both,
        () = wind() => unreachable!("it never ends"),
    };
    assert_eq!(result, RunResult::Succeeded);
    all
}

#[tokio::test]
async fn a_clock_that_is_set_back_in_the_middle_gives_no_nonsense() {
    TIME.with(|time| *time.borrow_mut() = Rc::default());
    let plan = Graph(vec![(1_000, vec![]), (2_000, vec![0])]).plan(false);
    let asked = AtomicU64::new(0);
    // Each look at it is an hour before the last.
    let clock: super::super::Clock = Arc::new(move || {
        let hours = asked.fetch_add(1, Ordering::Relaxed) as i64;
        DateTime::from_timestamp(4_000_000_000 - 3_600 * hours, 0).unwrap()
    });
    let events = carry_out(plan, HashMap::new(), clock).await;
    let took = events.iter().filter_map(|event| match event.kind {
        EventKind::StepFinished { milliseconds, .. } | EventKind::RunFinished { milliseconds, .. } => {
            Some(milliseconds)
        }
        _ => None,
    });
    assert_eq!(took.collect::<Vec<_>>(), [0, 0, 0]);
}

struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> DateTime<chrono::Utc> {
        DateTime::UNIX_EPOCH
    }
}

/// A workspace that is never asked.
fn connected() -> Connected {
    let credentials = Credentials { host: base_address("http://127.0.0.1:9").unwrap(), token: Secret::new("token") };
    Connected {
        databricks: Client::new(&credentials, Options::new(Arc::new(NoClock))).unwrap(),
        warehouse: "w".into(),
        fivetran: None,
        secrets: Arc::new(|_| None),
    }
}

#[tokio::test]
async fn runs_take_little_longer_than_they_must() {
    measure(&[(10, 8), (50, 6), (100, 2)]).await;
}

#[ignore = "takes minutes without optimisation"]
#[tokio::test]
async fn so_do_runs_of_a_thousand_steps() {
    measure(&[(300, 2), (1000, 1)]).await;
}

/// Measures graphs of so many steps, so many of each shape, and prints the table.
async fn measure(sizes: &[(usize, u64)]) {
    println!(
        "{:<8} {:>5} {:>10} | longer than the bound: {:>7} {:>7} {:>7} {:>7} | {:>8}",
        "shape", "steps", "bound s", "known", "+-35 %", "unknown", "polled", "simple b."
    );
    let mut all = Vec::new();
    for &(steps, seeds) in sizes {
        for shape in [Shape::Wide, Shape::Deep, Shape::Layered, Shape::Tangled] {
            let mut sums = [0.0; 6];
            for seed in 1..=seeds {
                let graph = Graph::new(shape, steps, &mut Random(seed));
                let bound = graph.bound();
                let mut noise = Random(seed + 100);
                let known = graph.run(false, |took| took).await / bound;
                let guessed = graph.run(false, |took| (took as f64 * noise.spread(0.3)) as u64).await / bound;
                let unknown = graph.run(false, |_| 1000).await / bound;
                let polled = graph.run(true, |took| took).await / bound;
                assert!(known >= 1.0, "{shape:?} of {steps}: the bound is wrong");
                for (sum, value) in sums.iter_mut().zip([known, guessed, unknown, polled, bound, graph.simple_bound()])
                {
                    *sum += value / seeds as f64;
                }
            }
            let [known, guessed, unknown, polled, bound, simple] = sums;
            println!(
                "{:<8} {steps:>5} {:>10.1} | {:>22} {known:>7.3} {guessed:>7.3} {unknown:>7.3} {polled:>7.3} | {:>8.3}",
                format!("{shape:?}"),
                bound / 1000.0,
                "",
                simple / bound,
            );
            all.push((steps, known, guessed, unknown, polled));
        }
    }
    let mean = |of: fn(&(usize, f64, f64, f64, f64)) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    let (known, guessed, unknown, polled) = (mean(|r| r.1), mean(|r| r.2), mean(|r| r.3), mean(|r| r.4));
    println!("on average {known:.3} known, {guessed:.3} +-35 %, {unknown:.3} unknown, {polled:.3} known and polled");
    assert!(known <= 1.03, "{known}");
    assert!(guessed <= 1.05, "{guessed}");
    assert!(known < unknown, "it is of use to know how long steps take");
    assert!(polled <= known + 0.05, "{polled}: polls find the end of a statement too late");
}
