//! The one place where a sync is awaited.
//!
//! Fivetran gives a sync no id and no progress. What tells its end is that one of the connection's two timestamps moves:
//! each is compared with its own value from before the trigger, never with a clock of ours. A sync that was running
//! already is waited for first, because what was committed after its start is missing from it.

mod outcome;

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::{Client, dashboard_link};
use super::error::Error;
use super::wire::{Connection, ScheduleType, SetupState, SyncState};
use crate::http::Class;
use crate::ids::ConnectionId;

pub use outcome::{SyncOutcome, SyncReport};

/// How long and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncOptions {
    /// The whole wait of an incremental sync.
    pub deadline: Duration,
    /// The whole wait of a sync that loads everything, which can take hours.
    pub historical_deadline: Duration,
    /// The pause before the first poll; pauses grow by half.
    pub first_pause: Duration,
    /// The longest pause.
    pub max_pause: Duration,
    /// How long a triggered connection may stay idle before it is triggered once more.
    pub start_grace: Duration,
    /// How long Fivetran may be out of reach before the wait is given up.
    pub outage_grace: Duration,
    /// How often a sync is triggered at most, those included that were rescheduled.
    pub max_triggers: u32,
}

impl Default for SyncOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(2 * 3600),
            historical_deadline: Duration::from_secs(24 * 3600),
            first_pause: Duration::from_millis(100),
            max_pause: Duration::from_secs(15),
            start_grace: Duration::from_secs(300),
            outage_grace: Duration::from_secs(900),
            max_triggers: 5,
        }
    }
}

/// A connection's timestamps before the trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// End of its last good sync.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// End of its last failed sync.
    pub failed_at: Option<DateTime<Utc>>,
}

/// What is told while a sync is awaited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A sync runs already; ours is triggered after it. Told once.
    Queued,
    /// What later polls are compared with. Told once, right before the first trigger.
    Baseline(Baseline),
    /// Fivetran was asked to sync, for the n-th time.
    Triggered(u32),
    /// The state, after every poll; may repeat.
    State(SyncState),
    /// Fivetran put the sync off, until then if it says so.
    Rescheduled(Option<DateTime<Utc>>),
    /// Fivetran is out of reach; the sync itself goes on.
    OutOfReach(String),
}

/// Makes a new sync that starts after now, and awaits its end.
///
/// Nothing of the connection is changed: a paused one stays paused. If we are interrupted the sync itself goes on, for
/// Fivetran has no way to cancel one.
///
/// # Errors
/// If Fivetran refuses a request, or stays out of reach. Everything else is an outcome.
pub async fn run(
    client: &Client,
    id: &ConnectionId,
    options: &SyncOptions,
    cancel: &CancellationToken,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<SyncReport, Error> {
    let started = client.http().clock().instant();
    let mut wait = Wait {
        client,
        id,
        options,
        cancel,
        progress,
        started,
        deadline: options.deadline,
        pause: options.first_pause,
        triggers: 0,
        answered: None,
        last: None,
    };
    let outcome = match wait.run().await {
        Ok(outcome) | Err(End::Outcome(outcome)) => outcome,
        Err(End::Error(error)) => return Err(error),
    };
    Ok(SyncReport { outcome, link: dashboard_link(id), elapsed: wait.elapsed(), triggers: wait.triggers })
}

/// What ends a wait early.
enum End {
    Outcome(SyncOutcome),
    Error(Error),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

struct Wait<'a> {
    client: &'a Client,
    id: &'a ConnectionId,
    options: &'a SyncOptions,
    cancel: &'a CancellationToken,
    progress: &'a mut (dyn FnMut(Progress) + Send),
    started: Instant,
    deadline: Duration,
    pause: Duration,
    triggers: u32,
    /// The postponement after whose end the sync was triggered again.
    answered: Option<Option<DateTime<Utc>>>,
    /// The connection as it was seen last.
    last: Option<Connection>,
}

impl Wait<'_> {
    async fn run(&mut self) -> Result<SyncOutcome, End> {
        let mut connection = self.read().await?;
        let mut queued = false;
        loop {
            refuse_unready(&connection)?;
            if connection.status.is_historical_sync {
                self.deadline = self.options.historical_deadline;
            }
            if connection.status.sync_state != SyncState::Syncing {
                break;
            }
            if !queued {
                queued = true;
                (self.progress)(Progress::Queued);
            }
            self.rest().await?;
            connection = self.look().await?;
        }
        let baseline = Baseline { succeeded_at: connection.succeeded_at, failed_at: connection.failed_at };
        (self.progress)(Progress::Baseline(baseline));
        self.trigger(&baseline).await?;
        self.follow(&baseline, queued).await
    }

    /// Polls until the sync that was triggered has ended.
    async fn follow(&mut self, baseline: &Baseline, queued: bool) -> Result<SyncOutcome, End> {
        let mut idle_since = self.now();
        let mut nudged = false;
        loop {
            self.rest().await?;
            let connection = self.look().await?;
            let judgement = match judge(baseline, &connection) {
                // After a trigger the state changes a little later: the same words once more are no news.
                Judgement::Rescheduled(until) if self.answered == Some(until) => Judgement::Idle,
                judgement => judgement,
            };
            if judgement != Judgement::Idle {
                idle_since = self.now();
            }
            match judgement {
                Judgement::Succeeded(succeeded_at) => {
                    return Ok(SyncOutcome::Synced {
                        succeeded_at,
                        queued,
                        running_again: connection.status.sync_state == SyncState::Syncing,
                        historical: connection.status.is_historical_sync,
                        warnings: connection.status.warnings,
                    });
                }
                Judgement::Failed(failed_at) => {
                    let tasks = connection.status.tasks;
                    return Ok(match connection.status.setup_state {
                        SetupState::Broken => SyncOutcome::Broken { failed_at, tasks },
                        _ => SyncOutcome::Failed { failed_at, tasks },
                    });
                }
                Judgement::Paused => return Ok(SyncOutcome::Paused { midway: true }),
                Judgement::Rescheduled(until) => {
                    self.reschedule(baseline, &connection, until).await?;
                    idle_since = self.now();
                }
                Judgement::Running => {}
                Judgement::Idle => {
                    if self.now().saturating_duration_since(idle_since) >= self.options.start_grace {
                        if nudged {
                            return Ok(SyncOutcome::NotStarted);
                        }
                        nudged = true;
                        self.trigger(baseline).await?;
                        idle_since = self.now();
                    }
                }
            }
        }
    }

    /// Waits for the time Fivetran set. With a manual schedule nobody but us starts the sync again then.
    async fn reschedule(
        &mut self,
        baseline: &Baseline,
        connection: &Connection,
        until: Option<DateTime<Utc>>,
    ) -> Result<(), End> {
        (self.progress)(Progress::Rescheduled(until));
        let now = self.client.http().clock().now();
        // A time that has passed means now.
        let left = until.map(|until| (until - now).to_std().unwrap_or_default());
        if left.is_some_and(|left| self.elapsed() + left > self.deadline) {
            return Err(End::Outcome(SyncOutcome::Rescheduled { until }));
        }
        if connection.schedule_type == Some(ScheduleType::Manual) {
            if self.triggers >= self.options.max_triggers {
                return Err(End::Outcome(SyncOutcome::Rescheduled { until }));
            }
            self.sleep(left.unwrap_or(self.options.start_grace)).await?;
            self.trigger(baseline).await?;
            self.answered = Some(until);
        }
        Ok(())
    }

    /// Asks for a sync. If the answer is lost, the connection is read before anything else.
    async fn trigger(&mut self, baseline: &Baseline) -> Result<(), End> {
        loop {
            self.triggers += 1;
            (self.progress)(Progress::Triggered(self.triggers));
            self.pause = self.options.first_pause;
            let error = match or_cancel(self.cancel, self.client.trigger_sync(self.id)).await? {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if !error.may_have_arrived() && error.class() != Class::Conflict {
                return Err(End::Error(error.into()));
            }
            tracing::warn!(%error, "the answer to a trigger was lost; reading the connection");
            let connection = self.look().await?;
            if judge(baseline, &connection) != Judgement::Idle {
                return Ok(());
            }
            if self.triggers >= self.options.max_triggers {
                return Err(End::Error(error.into()));
            }
            self.rest().await?;
        }
    }

    /// Reads the connection; an outage ends the wait.
    async fn read(&mut self) -> Result<Connection, End> {
        let connection = or_cancel(self.cancel, self.client.connection(self.id)).await??;
        (self.progress)(Progress::State(connection.status.sync_state.clone()));
        self.last = Some(connection.clone());
        Ok(connection)
    }

    /// Reads the connection; an outage is sat out, for the sync goes on meanwhile.
    async fn look(&mut self) -> Result<Connection, End> {
        let began = self.now();
        loop {
            match self.read().await {
                Err(End::Error(error))
                    if matches!(error.class(), Class::Transient | Class::RateLimit | Class::Unreachable)
                        && self.now().saturating_duration_since(began) < self.options.outage_grace =>
                {
                    (self.progress)(Progress::OutOfReach(error.to_string()));
                    self.rest().await?;
                }
                read => return read,
            }
        }
    }

    /// Waits until the next poll, or ends the wait at its deadline.
    async fn rest(&mut self) -> Result<(), End> {
        let left = self.deadline.saturating_sub(self.elapsed());
        if left.is_zero() {
            let state = self.last.as_ref().map(|connection| &connection.status);
            return Err(End::Outcome(match state {
                Some(status) if status.sync_state == SyncState::Rescheduled => {
                    SyncOutcome::Rescheduled { until: status.rescheduled_for }
                }
                _ => SyncOutcome::TimedOut {
                    after: self.deadline,
                    state: state.map_or(SyncState::Syncing, |status| status.sync_state.clone()),
                },
            }));
        }
        // Spread by a fifth either way, so that many waits do not poll in step.
        let spread = self.pause.mul_f64(0.8 + 0.4 * self.client.http().chance());
        self.pause = (self.pause * 3 / 2).min(self.options.max_pause);
        self.sleep(spread.min(left)).await
    }

    async fn sleep(&mut self, duration: Duration) -> Result<(), End> {
        or_cancel(self.cancel, self.client.http().clock().sleep(duration)).await
    }

    fn now(&self) -> Instant {
        self.client.http().clock().instant()
    }

    fn elapsed(&self) -> Duration {
        self.now().saturating_duration_since(self.started)
    }
}

async fn or_cancel<T>(cancel: &CancellationToken, work: impl Future<Output = T>) -> Result<T, End> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(End::Outcome(SyncOutcome::Interrupted)),
        done = work => Ok(done),
    }
}

/// Refuses connections on which no sync would run. A broken one is tried: a sync often cures it.
fn refuse_unready(connection: &Connection) -> Result<(), End> {
    if connection.status.setup_state == SetupState::Incomplete {
        let tasks = connection.status.tasks.clone();
        return Err(End::Outcome(SyncOutcome::Incomplete { tasks }));
    }
    if connection.paused || connection.status.sync_state == SyncState::Paused {
        return Err(End::Outcome(SyncOutcome::Paused { midway: false }));
    }
    Ok(())
}

/// What a poll says about the sync that was triggered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    Succeeded(DateTime<Utc>),
    Failed(DateTime<Utc>),
    Paused,
    Rescheduled(Option<DateTime<Utc>>),
    Running,
    Idle,
}

fn judge(baseline: &Baseline, connection: &Connection) -> Judgement {
    // `None` is before every time, so a first sync counts as moved, and a failure without any success as the later one.
    let succeeded = connection.succeeded_at.filter(|&at| Some(at) > baseline.succeeded_at);
    let failed = connection.failed_at.filter(|&at| Some(at) > baseline.failed_at);
    match (succeeded, failed) {
        (succeeded, Some(failed)) if Some(failed) > succeeded.or(connection.succeeded_at) => Judgement::Failed(failed),
        (Some(succeeded), _) => Judgement::Succeeded(succeeded),
        _ if connection.paused => Judgement::Paused,
        _ => match connection.status.sync_state {
            SyncState::Paused => Judgement::Paused,
            SyncState::Rescheduled => Judgement::Rescheduled(connection.status.rescheduled_for),
            SyncState::Scheduled => Judgement::Idle,
            // A state nobody knows yet says nothing about the end; the timestamps will.
            SyncState::Syncing | SyncState::Other(_) => Judgement::Running,
        },
    }
}
