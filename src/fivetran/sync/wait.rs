//! A wait: from the first look at a connection to its outcome.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::judge::{Judgement, age, judge};
use super::outcome::doing;
use super::{Baseline, Intent, Listener, Progress, SyncOptions, SyncOutcome, WhenRunning};
use crate::fivetran::client::Client;
use crate::fivetran::error::Error;
use crate::fivetran::watch::{Seat, Seen};
use crate::fivetran::wire::{Connection, ScheduleType, SetupState, SyncState};
use crate::http::Class;
use crate::ids::ConnectionId;

/// What ends a wait early.
pub(super) enum End {
    Outcome(SyncOutcome),
    Error(Error),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// How a sync that is awaited came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Course {
    /// Another one was waited for first.
    queued: bool,
    /// It ran before we came.
    joined: bool,
    /// Another one was ended for it.
    forced: bool,
}

pub(super) struct Wait<'a> {
    client: &'a Client,
    id: &'a ConnectionId,
    pub(super) options: &'a SyncOptions,
    cancel: &'a CancellationToken,
    listener: &'a mut dyn Listener,
    started: Instant,
    deadline: Duration,
    pause: Duration,
    triggers: u32,
    /// The postponement after whose end the sync was triggered again.
    answered: Option<Option<DateTime<Utc>>>,
    seat: Option<Seat>,
    /// No look older than this is news.
    from: Instant,
    /// The connection as it was seen last.
    last: Option<Connection>,
    before: Option<DateTime<Utc>>,
}

impl<'a> Wait<'a> {
    pub(super) fn new(
        client: &'a Client,
        id: &'a ConnectionId,
        options: &'a SyncOptions,
        cancel: &'a CancellationToken,
        listener: &'a mut dyn Listener,
    ) -> Self {
        let started = client.http().clock().instant();
        Self {
            client,
            id,
            options,
            cancel,
            listener,
            started,
            deadline: options.deadline,
            pause: options.first_pause,
            triggers: 0,
            answered: None,
            seat: None,
            from: started,
            last: None,
            before: None,
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.now().saturating_duration_since(self.started)
    }

    pub(super) fn triggers(&self) -> u32 {
        self.triggers
    }

    /// End of the last good sync before the one that was awaited.
    pub(super) fn before(&self) -> Option<DateTime<Utc>> {
        self.before
    }

    pub(super) fn group(&self) -> Option<String> {
        self.last.as_ref().map(|connection| connection.group_id.clone())
    }

    pub(super) async fn run(&mut self) -> Result<SyncOutcome, Error> {
        let outcome = match self.wanted().await {
            Ok(outcome) | Err(End::Outcome(outcome)) => outcome,
            Err(End::Error(error)) => return Err(error),
        };
        let outcome = self.explained(outcome).await;
        // What went wrong with a sync does not make the data older than they are.
        let asked = match self.options.intent {
            Intent::Sync => None,
            Intent::EnsureFresh(asked) | Intent::Observe(asked) => Some(asked),
        };
        if outcome.is_fresh() || matches!(outcome, SyncOutcome::Interrupted | SyncOutcome::NotFresh { .. }) {
            return Ok(outcome);
        }
        let despite = Some(outcome.reason());
        Ok(asked.and_then(|asked| self.already_fresh(asked, despite)).unwrap_or(outcome))
    }

    /// Triggers the sync that is wanted, if that can be done at once; returns what a wait for its end is compared with.
    pub(super) async fn begin(&mut self) -> Result<Option<Baseline>, Error> {
        match self.begun().await {
            Ok(begun) => Ok(begun),
            // What is wrong with the connection is told by whoever waits for it.
            Err(End::Outcome(_)) => Ok(None),
            Err(End::Error(error)) => Err(error),
        }
    }

    async fn begun(&mut self) -> Result<Option<Baseline>, End> {
        let connection = self.read().await?;
        let wanted = match self.options.intent {
            Intent::Sync => true,
            Intent::EnsureFresh(asked) => self.already_fresh(asked, None).is_none(),
            Intent::Observe(_) => false,
        };
        if !wanted || connection.status.sync_state == SyncState::Syncing {
            return Ok(None);
        }
        refuse_unready(&connection)?;
        match self.post(false).await? {
            // Whether a trigger arrived whose answer was lost, is seen by whoever takes this up.
            Err(error) if !error.may_have_arrived() => Err(End::Error(error.into())),
            _ => Ok(Some(Baseline::of(&connection))),
        }
    }

    async fn wanted(&mut self) -> Result<SyncOutcome, End> {
        let mut connection = self.read().await?;
        if let Some(delivered) = &self.options.delivered {
            return self.take(delivered, connection).await;
        }
        if let Some(baseline) = &self.options.resume {
            return self.take_up(baseline.clone(), &connection).await;
        }
        let mut course = Course::default();
        let mut when_running = self.options.when_running;
        loop {
            let running = connection.status.sync_state == SyncState::Syncing;
            self.before = connection.succeeded_at;
            match self.options.intent {
                Intent::Sync => {}
                Intent::EnsureFresh(asked) | Intent::Observe(asked) if !running => {
                    if let Some(fresh) = self.already_fresh(asked, None) {
                        return Ok(fresh);
                    }
                }
                Intent::Observe(asked) if when_running != WhenRunning::Join => {
                    if let Some(fresh) = self.already_fresh(asked, None) {
                        return Ok(fresh);
                    }
                }
                Intent::EnsureFresh(_) | Intent::Observe(_) => {}
            }
            if let Intent::Observe(asked) = self.options.intent
                && !(running && when_running == WhenRunning::Join)
            {
                return Ok(self.not_fresh(asked, &connection));
            }
            refuse_unready(&connection)?;
            self.mind_history(&connection);
            if !running {
                break;
            }
            let baseline = Baseline::of(&connection);
            match when_running {
                WhenRunning::Join => {
                    self.listener.tell(Progress::Joined);
                    self.listener.keep(&baseline).await.map_err(Error::NotKept)?;
                    course.joined = true;
                    return self.follow(baseline, course).await;
                }
                WhenRunning::Restart => {
                    self.listener.keep(&baseline).await.map_err(Error::NotKept)?;
                    if self.restart().await? {
                        course.forced = true;
                        return self.follow(baseline, course).await;
                    }
                    // Whether ours runs now or still the other one, nobody can tell; ours comes after it.
                    when_running = WhenRunning::Queue;
                }
                WhenRunning::Queue => {
                    if !course.queued {
                        course.queued = true;
                        self.listener.tell(Progress::Queued);
                    }
                    self.rest().await?;
                }
            }
            connection = self.look().await?;
        }
        let baseline = Baseline::of(&connection);
        self.listener.keep(&baseline).await.map_err(Error::NotKept)?;
        self.trigger(&baseline).await?;
        self.follow(baseline, course).await
    }

    /// Goes on with a wait that was broken off around its trigger.
    async fn take_up(&mut self, baseline: Baseline, connection: &Connection) -> Result<SyncOutcome, End> {
        self.before = baseline.succeeded_at;
        self.mind_history(connection);
        // Idle and nothing moved: the trigger was never sent, or did not begin yet. One more does nothing in the latter case.
        if judge(&baseline, connection) == Judgement::Idle {
            refuse_unready(connection)?;
            self.trigger(&baseline).await?;
        }
        self.follow(baseline, Course::default()).await
    }

    /// Polls until the awaited sync has ended.
    async fn follow(&mut self, mut baseline: Baseline, mut course: Course) -> Result<SyncOutcome, End> {
        let mut idle_since = self.now();
        let mut nudged = false;
        let grace = self.options.start_grace.min(self.deadline / 4);
        // A wait that is taken up may have its end before it already.
        let mut connection = match (&self.options.resume, self.triggers, self.last.take()) {
            (Some(_), 0, Some(connection)) => connection,
            _ => self.rested().await?,
        };
        loop {
            self.mind_history(&connection);
            let judgement = match judge(&baseline, &connection) {
                // After a trigger the state changes a little later: the same words once more are no news.
                Judgement::Rescheduled(until) if self.answered == Some(until) => Judgement::Idle,
                // The end of the sync that was ended for ours.
                Judgement::Failed(at) if course.forced && connection.status.sync_state == SyncState::Syncing => {
                    baseline.failed_at = Some(at);
                    Judgement::Running
                }
                judgement => judgement,
            };
            self.last = Some(connection.clone());
            if judgement != Judgement::Idle {
                idle_since = self.now();
            }
            match judgement {
                Judgement::Succeeded(succeeded_at) => {
                    return Ok(SyncOutcome::Synced {
                        succeeded_at,
                        queued: course.queued,
                        joined: course.joined,
                        running_again: connection.status.sync_state == SyncState::Syncing,
                        historical: connection.status.is_historical_sync,
                        warnings: connection.status.warnings,
                    });
                }
                Judgement::Failed(failed_at) => {
                    let tasks = connection.status.tasks;
                    return Ok(match connection.status.setup_state {
                        SetupState::Broken => SyncOutcome::Broken { failed_at, tasks, reason: None },
                        _ => SyncOutcome::Failed { failed_at, tasks, reason: None },
                    });
                }
                Judgement::Paused => return Ok(SyncOutcome::Paused { midway: true }),
                Judgement::Rescheduled(until) => {
                    self.reschedule(&baseline, &connection, until).await?;
                    idle_since = self.now();
                }
                Judgement::Running => {}
                Judgement::Idle => {
                    if self.now().saturating_duration_since(idle_since) >= grace {
                        if let Intent::Observe(asked) = self.options.intent {
                            let ended = Some("the sync that ran ended without a result".to_owned());
                            let fresh = self.already_fresh(asked, ended);
                            return Ok(fresh.unwrap_or_else(|| self.not_fresh(asked, &connection)));
                        }
                        if nudged {
                            return Ok(SyncOutcome::NotStarted);
                        }
                        // One that was joined was ended by somebody without a result; from here on it is ours.
                        nudged = !std::mem::take(&mut course.joined);
                        self.trigger(&baseline).await?;
                        idle_since = self.now();
                    }
                }
            }
            connection = self.rested().await?;
        }
    }

    /// Waits for the time Fivetran set. With a manual schedule nobody but us starts the sync again then.
    async fn reschedule(
        &mut self,
        baseline: &Baseline,
        connection: &Connection,
        until: Option<DateTime<Utc>>,
    ) -> Result<(), End> {
        self.listener.tell(Progress::Rescheduled(until));
        // A time that has passed means now.
        let left = until.map(|until| (until - self.its_now()).to_std().unwrap_or_default());
        if left.is_some_and(|left| self.elapsed() + left > self.deadline) {
            return Err(End::Outcome(SyncOutcome::Rescheduled { until }));
        }
        if connection.schedule_type == Some(ScheduleType::Manual) && !matches!(self.options.intent, Intent::Observe(_))
        {
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
            let error = match self.post(false).await? {
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

    /// Ends the running sync and asks for a new one; false if it is not known whether that was done. Never sent again: it
    /// would end what it had begun.
    async fn restart(&mut self) -> Result<bool, End> {
        match self.post(true).await? {
            Ok(()) => Ok(true),
            Err(error) if error.may_have_arrived() || error.class() == Class::Conflict => {
                tracing::warn!(%error, "the answer to a restart was lost; waiting for the sync that runs");
                Ok(false)
            }
            Err(error) => Err(End::Error(error.into())),
        }
    }

    async fn post(&mut self, force: bool) -> Result<Result<(), crate::http::Error>, End> {
        self.triggers += 1;
        self.listener.tell(Progress::Triggered(self.triggers));
        self.pause = self.options.first_pause;
        let answer = or_cancel(self.cancel, self.client.trigger_sync(self.id, force)).await;
        // What was seen before the answer may be from before the trigger.
        self.from = self.now();
        answer
    }

    fn mind_history(&mut self, connection: &Connection) {
        if connection.status.is_historical_sync {
            self.deadline = self.options.historical_deadline;
        }
    }

    fn already_fresh(&self, asked: Duration, despite: Option<String>) -> Option<SyncOutcome> {
        let connection = self.last.as_ref()?;
        let age = age(connection, self.its_now()).filter(|age| *age <= asked)?;
        Some(SyncOutcome::AlreadyFresh {
            succeeded_at: connection.succeeded_at?,
            age,
            running: connection.status.sync_state == SyncState::Syncing,
            historical: connection.status.is_historical_sync,
            despite,
        })
    }

    fn not_fresh(&self, asked: Duration, connection: &Connection) -> SyncOutcome {
        SyncOutcome::NotFresh {
            succeeded_at: connection.succeeded_at,
            age: age(connection, self.its_now()),
            asked,
            why: doing(connection),
        }
    }

    /// Adds the reason of a failure, where the account keeps a history of syncs and the connection says none.
    async fn explained(&mut self, outcome: SyncOutcome) -> SyncOutcome {
        let (SyncOutcome::Failed { failed_at, tasks, reason } | SyncOutcome::Broken { failed_at, tasks, reason }) =
            &outcome
        else {
            return outcome;
        };
        if !tasks.is_empty() || reason.is_some() {
            return outcome;
        }
        let (from, to) = (*failed_at - TimeDelta::days(1), *failed_at + TimeDelta::minutes(1));
        // Not every account has one, and the failure is told in any case.
        let history = self.client.sync_history(self.id, from, to).await.ok().flatten().unwrap_or_default();
        let last =
            history.into_iter().filter(|sync| sync.ended_at.is_none_or(|at| at <= to)).max_by_key(|s| s.ended_at);
        let reason = last.and_then(|sync| sync.reason);
        match outcome {
            SyncOutcome::Broken { failed_at, tasks, .. } => SyncOutcome::Broken { failed_at, tasks, reason },
            SyncOutcome::Failed { failed_at, tasks, .. } => SyncOutcome::Failed { failed_at, tasks, reason },
            other => other,
        }
    }

    /// Reads the connection; an outage ends the wait.
    async fn read(&mut self) -> Result<Connection, End> {
        let seen = match &self.seat {
            Some(seat) => or_cancel(self.cancel, seat.look(self.client, self.id, self.from)).await??,
            None => {
                let arrival = self.client.watch().arrive(self.client, self.id, self.from);
                let (seat, seen) = or_cancel(self.cancel, arrival).await??;
                self.seat = Some(seat);
                seen
            }
        };
        let Seen { connection, at } = seen;
        self.from = self.from.max(at + Duration::from_nanos(1));
        self.listener.tell(Progress::State(connection.status.sync_state.clone()));
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
                    self.listener.tell(Progress::OutOfReach(error.to_string()));
                    // The failure that all were told of is old now.
                    self.from = self.now() + Duration::from_nanos(1);
                    self.rest().await?;
                }
                read => return read,
            }
        }
    }

    pub(super) async fn rested(&mut self) -> Result<Connection, End> {
        self.rest().await?;
        self.look().await
    }

    /// Waits until the next poll, or until another's poll brings news; or ends the wait at its deadline.
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
        let least = self.seat.as_ref().map_or(Duration::ZERO, Seat::least_pause).min(self.options.max_pause);
        // Spread by a fifth either way, so that many waits do not poll in step.
        let spread = self.pause.max(least).mul_f64(0.8 + 0.4 * self.client.http().chance());
        self.pause = (self.pause * 3 / 2).min(self.options.max_pause);
        let sleep = self.client.http().clock().sleep(spread.min(left));
        let news = async {
            match &self.seat {
                Some(seat) => seat.news(self.from).await,
                None => std::future::pending().await,
            }
        };
        or_cancel(self.cancel, async {
            tokio::select! {
                () = sleep => {}
                () = news => {}
            }
        })
        .await
    }

    async fn sleep(&mut self, duration: Duration) -> Result<(), End> {
        or_cancel(self.cancel, self.client.http().clock().sleep(duration)).await
    }

    fn now(&self) -> Instant {
        self.client.http().clock().instant()
    }

    /// The time by Fivetran's clock, which its answers tell.
    pub(super) fn its_now(&self) -> DateTime<Utc> {
        self.client.http().on_its_clock(self.client.http().clock().now())
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
