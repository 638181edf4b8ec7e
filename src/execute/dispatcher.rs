//! The dispatcher: starts steps, listens to them, and decides what their outcomes mean for the others.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::estimate::urgency;
use super::permits::Permits;
use super::step::{self, Finished, Reporter, Wrote};
use super::tally::Tally;
use super::{Connected, Earlier, Settings};
use super::{reads, record};
use crate::config::Materialization;
use crate::event::{Event, EventKind, Failure, Outcome, RunResult, StepKind, StepOutline, VERSION};
use crate::ids::{StatementId, StepId};
use crate::plan::{Action, RunPlan, Step};

/// Carries a run out and returns how it ended. Every event goes to `events`; if nobody listens any more, the run goes on.
///
/// A step begins as soon as all steps that it needs have succeeded, so that a failure keeps only its descendants from
/// beginning. When `cancel` is triggered, or after the first failure if the settings say so, no further step begins and
/// those that run cancel their remote work.
///
/// A run that goes on (`earlier`) adds to the events that stand of it: steps that had succeeded are over, and statements and
/// syncs that were under way are taken up. The plan must be the one that it began with.
pub async fn run(
    plan: RunPlan,
    connected: Connected,
    settings: Settings,
    earlier: Earlier,
    events: mpsc::Sender<Event>,
    cancel: CancellationToken,
) -> RunResult {
    run_by(by_kind, plan, connected, settings, earlier, events, cancel).await
}

/// Does what a step is for.
type CarryOut = for<'a> fn(Action, &'a step::Context, &'a Reporter) -> BoxFuture<'a, Finished>;

fn by_kind<'a>(action: Action, context: &'a step::Context, reporter: &'a Reporter) -> BoxFuture<'a, Finished> {
    Box::pin(step::carry_out(action, context, reporter))
}

async fn run_by(
    carry_out: CarryOut,
    plan: RunPlan,
    connected: Connected,
    settings: Settings,
    earlier: Earlier,
    events: mpsc::Sender<Event>,
    cancel: CancellationToken,
) -> RunResult {
    let began = earlier.began;
    let started = began.unwrap_or_else(|| (settings.clock)());
    let record = record::beginning(&plan, &settings, started);
    let outcomes = earlier.succeeded.clone();
    let versions = earlier.versions.clone();
    let mut dispatcher = Dispatcher {
        shared: Arc::new(step::Shared {
            connected,
            statements: Permits::new(settings.concurrency.max(1)),
            run: settings.run.clone(),
            project: plan.project.clone(),
            catalog: plan.catalog.clone(),
            schema: plan.schema.clone(),
            force: settings.insistence.force,
            delivered: settings.delivered.clone(),
            interrupt: cancel.clone(),
            record,
            earlier,
            versions: Mutex::new(versions),
            made: Mutex::default(),
            built: Mutex::default(),
        }),
        cancel: cancel.child_token(),
        interrupt: cancel,
        urgency: urgency(&plan, &settings.expected),
        stopped_by: None,
        waiting: plan.steps.keys().filter(|step| !outcomes.contains_key(*step)).cloned().collect(),
        outcomes,
        started_at: HashMap::new(),
        carry_out,
        running: JoinSet::new(),
        task_steps: HashMap::new(),
        result: RunResult::Succeeded,
        ran: Vec::new(),
        wrote: Vec::new(),
        settings,
        events,
        plan,
    };
    dispatcher.adopt();
    match began {
        Some(_) => dispatcher.emit(EventKind::RunResumed { run: dispatcher.settings.run.clone() }).await,
        None => dispatcher.announce().await,
    }
    dispatcher.dispatch().await;
    dispatcher.finish(started).await
}

struct Dispatcher {
    plan: RunPlan,
    settings: Settings,
    shared: Arc<step::Shared>,
    events: mpsc::Sender<Event>,
    /// Steps that have not begun, in the order of the plan.
    waiting: Vec<StepId>,
    outcomes: HashMap<StepId, Outcome>,
    started_at: HashMap<StepId, DateTime<Utc>>,
    carry_out: CarryOut,
    running: JoinSet<Finished>,
    task_steps: HashMap<tokio::task::Id, StepId>,
    result: RunResult,
    /// The statements of steps that succeeded.
    ran: Vec<(StepId, StatementId)>,
    /// The tables that they wrote.
    wrote: Vec<(StepId, Wrote)>,
    /// Triggered when somebody interrupts the run; the others hang below it.
    interrupt: CancellationToken,
    /// Triggered when no step shall go on; each step's own hangs below it.
    cancel: CancellationToken,
    /// How long each step and what waits for it take, along the longest way.
    urgency: HashMap<StepId, Duration>,
    /// The failure that ended the run early.
    stopped_by: Option<StepId>,
}

impl Dispatcher {
    /// Lets steps that have succeeded count for those that rest on them.
    fn adopt(&self) {
        for step in self.plan.steps.values().filter(|step| self.outcomes.contains_key(&step.id)) {
            step::adopt(&step.action, &self.shared);
        }
    }

    async fn announce(&mut self) {
        let steps = self.plan.steps.values().map(outline).collect();
        // What else is done is planned anew by what is there then.
        let can_go_on = self.plan.job.is_some() || self.settings.insistence.backfill.is_some();
        self.emit(EventKind::RunStarted {
            version: VERSION,
            run: self.settings.run.clone(),
            by: self.settings.by.clone(),
            job: self.plan.job.clone(),
            project: self.plan.project.clone(),
            environment: self.plan.environment.clone(),
            plan: can_go_on.then(|| self.plan.fingerprint()),
            insistence: self.settings.insistence.clone(),
            ahead: self.shared.earlier.ahead().told(),
            steps,
        })
        .await;
    }

    async fn dispatch(&mut self) {
        loop {
            self.start_ready().await;
            let Some(joined) = self.running.join_next_with_id().await else { break };
            match joined {
                Ok((id, finished)) => {
                    let step = self.task_steps.remove(&id).expect("every task was noted when it was spawned");
                    self.finish_step(step, finished).await;
                }
                Err(error) => {
                    let step = self.task_steps.remove(&error.id()).expect("every task was noted when it was spawned");
                    let failure = Failure {
                        message: "kiln itself failed while it carried this step out".to_owned(),
                        help: Some("This is a defect of kiln. Please report it with the text above.".to_owned()),
                        ..Failure::default()
                    };
                    self.finish_step(step, Finished::new(Outcome::Failed { failure })).await;
                }
            }
        }
    }

    /// Begins every step whose needs have succeeded, and ends those that never can.
    async fn start_ready(&mut self) {
        let mut still_waiting = Vec::new();
        for id in std::mem::take(&mut self.waiting) {
            let needs = &self.plan.steps[&id].needs;
            let blocker = needs.iter().find(|n| self.outcomes.get(*n).is_some_and(|o| !o.succeeded())).cloned();
            let ready = needs.iter().all(|n| self.outcomes.contains_key(n));
            if let Some(because) = blocker.filter(|_| !self.interrupt.is_cancelled()) {
                self.end_unstarted(id, Outcome::Skipped { because }).await;
            } else if self.cancel.is_cancelled() {
                self.end_unstarted(id, self.cancelled()).await;
            } else if ready {
                self.start(id).await;
            } else {
                still_waiting.push(id);
            }
        }
        self.waiting = still_waiting;
    }

    async fn start(&mut self, id: StepId) {
        self.started_at.insert(id.clone(), (self.settings.clock)());
        self.emit(EventKind::StepStarted { step: id.clone() }).await;
        let action = self.plan.steps[&id].action.clone();
        let reporter = Reporter::new(id.clone(), self.events.clone(), &self.settings);
        let context = step::Context {
            shared: Arc::clone(&self.shared),
            cancel: self.cancel.child_token(),
            urgency: self.urgency.get(&id).copied().unwrap_or_default(),
            tally: Tally::new(),
        };
        let carry_out = self.carry_out;
        let task = self.running.spawn(async move {
            let finished = within_time(carry_out, action, &context, &reporter).await;
            Finished { work: context.tally.work(), ..finished }
        });
        self.task_steps.insert(task.id(), id);
    }

    async fn finish_step(&mut self, id: StepId, finished: Finished) {
        let took = self.started_at.get(&id).map_or(Duration::ZERO, |at| since(*at, (self.settings.clock)()));
        let outcome = match finished.outcome {
            Outcome::Cancelled => self.cancelled(),
            outcome => outcome,
        };
        if self.settings.fail_fast && self.stopped_by.is_none() && outcome.failure().is_some() {
            self.stopped_by = Some(id.clone());
            self.cancel.cancel();
        }
        self.record(id, Finished { outcome, ..finished }, took).await;
    }

    /// Returns how a step ends that was cancelled: by somebody, or by the failure of another step.
    fn cancelled(&self) -> Outcome {
        match &self.stopped_by {
            Some(because) if !self.interrupt.is_cancelled() => Outcome::Stopped { because: because.clone() },
            _ => Outcome::Cancelled,
        }
    }

    async fn end_unstarted(&mut self, id: StepId, outcome: Outcome) {
        self.record(id, Finished::new(outcome), Duration::ZERO).await;
    }

    async fn record(&mut self, id: StepId, finished: Finished, took: Duration) {
        self.result = self.result.max(finished.outcome.result());
        self.outcomes.insert(id.clone(), finished.outcome.clone());
        if let (Some(statement), true) = (&finished.statement, finished.outcome.succeeded()) {
            self.ran.push((id.clone(), statement.clone()));
        }
        self.wrote.extend(finished.wrote.map(|wrote| (id.clone(), wrote)));
        self.emit(EventKind::StepFinished {
            step: id,
            outcome: finished.outcome,
            milliseconds: milliseconds(took),
            statement: finished.statement,
            work: finished.work,
        })
        .await;
    }

    async fn finish(self, started: DateTime<Utc>) -> RunResult {
        debug_assert_eq!(
            self.outcomes.keys().collect::<HashSet<_>>(),
            self.plan.steps.keys().collect::<HashSet<_>>(),
            "each step ends exactly once"
        );
        let took = since(started, (self.settings.clock)());
        if !self.interrupt.is_cancelled() {
            let connected = &self.shared.connected;
            let (bytes, versions) = tokio::join!(
                reads::of(connected, &self.ran),
                reads::versions(connected, &self.wrote, self.settings.concurrency)
            );
            for known in bytes.into_iter().chain(versions) {
                self.emit(known).await;
            }
        }
        self.emit(EventKind::RunFinished { result: self.result, milliseconds: milliseconds(took) }).await;
        self.result
    }

    async fn emit(&self, kind: EventKind) {
        // A closed channel means that nobody reads reports any more; the work itself is not less wanted for that.
        let _ = self.events.send(Event { at: (self.settings.clock)(), kind }).await;
    }
}

/// Carries a step out; one that takes longer than it may is cancelled, and has failed.
async fn within_time(carry_out: CarryOut, action: Action, context: &step::Context, reporter: &Reporter) -> Finished {
    let limit = action.timeout();
    let mut work = carry_out(action, context, reporter);
    let Some(limit) = limit else { return work.await };
    let began = tokio::time::Instant::now();
    loop {
        // As long as it waits for a place among the run's own statements, it takes none of its time.
        let left = (limit + context.tally.waited()).saturating_sub(began.elapsed());
        if left.is_zero() {
            break;
        }
        tokio::select! {
            finished = &mut work => return finished,
            () = tokio::time::sleep(left) => {}
        }
    }
    context.cancel.cancel();
    let finished = work.await;
    if finished.outcome != Outcome::Cancelled {
        return finished;
    }
    let failure = Failure {
        message: format!("it took longer than its `timeout` of {}, and was cancelled", in_words(limit)),
        help: Some(
            "Allow it a longer `timeout` in jobs.yaml, or see in the query history what takes so long.".to_owned(),
        ),
        ..Failure::default()
    };
    Finished { outcome: Outcome::Failed { failure }, ..finished }
}

fn in_words(limit: Duration) -> String {
    match limit.as_secs() {
        s if s % 3600 == 0 => format!("{} h", s / 3600),
        s if s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

pub(super) fn outline(step: &Step) -> StepOutline {
    let reads = match &step.action {
        Action::Build(model) | Action::Backfill(model) if model.materialized == Materialization::Table => {
            model.inputs.sources.iter().cloned().collect()
        }
        _ => Vec::new(),
    };
    StepOutline { step: step.id.clone(), kind: StepKind::from(&step.action), needs: step.needs.clone(), reads }
}

/// Time from one reading of the clock to a later one; a clock that was set back gives zero.
fn since(start: DateTime<Utc>, end: DateTime<Utc>) -> Duration {
    (end - start).to_std().unwrap_or_default()
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "makespan_tests.rs"]
mod makespan_tests;
