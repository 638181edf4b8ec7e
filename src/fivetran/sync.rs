//! The one place where a sync is awaited.
//!
//! Fivetran gives a sync no id and no progress. What tells its end is that one of the connection's two timestamps moves:
//! each is compared with its own value from before the trigger, never with a clock of ours. A sync that was running
//! already is waited for first, because what was committed after its start is missing from it.

mod delivered;
mod judge;
mod outcome;
mod wait;

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::client::{Client, dashboard_link};
use super::error::Error;
use super::wire::{Connection, SyncEnd, SyncState};
use crate::ids::ConnectionId;

pub use outcome::{SyncOutcome, SyncReport};

/// What is to be done about a connection's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// A new sync that starts after now.
    Sync,
    /// A sync, but only if the last good one ended longer ago than this.
    EnsureFresh(Duration),
    /// No sync; only a look whether the last good one ended within this.
    Observe(Duration),
}

/// What is to be done about a sync that runs already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenRunning {
    /// Its end counts as ours.
    Join,
    /// Ours is triggered after its end; in a look that triggers nothing, it is not waited for.
    Queue,
    /// It is ended, and ours starts.
    Restart,
}

/// What is wanted, how long, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncOptions {
    /// What is wanted.
    pub intent: Intent,
    /// What is to be done about a sync that runs already.
    pub when_running: WhenRunning,
    /// Where a wait was broken off after its baseline was kept: the connection as it was then. Nothing is triggered as long
    /// as what came of that trigger can still be seen.
    pub resume: Option<Baseline>,
    /// The end of a sync that a webhook told: nothing is triggered, and it counts if Fivetran confirms it.
    pub delivered: Option<Delivered>,
    /// The whole wait of an incremental sync.
    pub deadline: Duration,
    /// The whole wait of a sync that loads everything, which can take hours.
    pub historical_deadline: Duration,
    /// The pause before the first poll; pauses grow by half.
    pub first_pause: Duration,
    /// The longest pause.
    pub max_pause: Duration,
    /// How long a triggered connection may stay idle before it is triggered once more; less if the deadline is near.
    pub start_grace: Duration,
    /// How long Fivetran may be out of reach before the wait is given up.
    pub outage_grace: Duration,
    /// How often a sync is triggered at most, those included that were rescheduled.
    pub max_triggers: u32,
}

impl Default for SyncOptions {
    fn default() -> Self {
        Self {
            intent: Intent::Sync,
            when_running: WhenRunning::Queue,
            resume: None,
            delivered: None,
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

/// The end of a sync, as a webhook told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The connection.
    pub connection: ConnectionId,
    /// The sync.
    pub sync_id: Option<String>,
    /// When it ended, by Fivetran's clock.
    pub at: DateTime<Utc>,
    /// How it ended.
    pub status: SyncEnd,
    /// Why it did not succeed.
    pub reason: Option<String>,
}

/// A connection as it was before the trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// End of its last good sync.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// End of its last failed sync.
    pub failed_at: Option<DateTime<Utc>>,
    /// What it was doing.
    pub state: SyncState,
}

impl Baseline {
    fn of(connection: &Connection) -> Self {
        Self {
            succeeded_at: connection.succeeded_at,
            failed_at: connection.failed_at,
            state: connection.status.sync_state.clone(),
        }
    }
}

/// What is told while a sync is awaited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A sync runs already; ours is triggered after it. Told once.
    Queued,
    /// A sync runs already, and its end is ours. Told once.
    Joined,
    /// What later polls are compared with. Told once for each sync that is awaited, before its first trigger.
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

/// Who is told how a wait goes. A closure that takes [`Progress`] is one.
pub trait Listener: Send {
    /// Hears of progress.
    fn tell(&mut self, progress: Progress);

    /// Keeps a baseline, so that it outlives this process; the trigger waits for that.
    ///
    /// The error says why it cannot be kept; then nothing is triggered.
    fn keep<'a>(&'a mut self, baseline: &'a Baseline) -> BoxFuture<'a, Result<(), String>> {
        self.tell(Progress::Baseline(baseline.clone()));
        Box::pin(std::future::ready(Ok(())))
    }
}

impl<F: FnMut(Progress) + Send> Listener for F {
    fn tell(&mut self, progress: Progress) {
        self(progress);
    }
}

/// Triggers the sync that is wanted, if that can be done at once, and does not await it. Returns the connection as it was before,
/// for a later wait ([`SyncOptions::resume`]); none if nothing was triggered, and all is left to [`run`]: a sync runs already,
/// none is needed, or none would run.
///
/// # Errors
/// If Fivetran refuses a request, or is out of reach; then nothing was triggered.
pub async fn begin(
    client: &Client,
    id: &ConnectionId,
    options: &SyncOptions,
    cancel: &CancellationToken,
) -> Result<Option<Baseline>, Error> {
    wait::Wait::new(client, id, options, cancel, &mut |_: Progress| {}).begin().await
}

/// Does what is wanted about a connection's data, and awaits its end.
///
/// Nothing of the connection is changed: a paused one stays paused, and its schedule is its own. If we are interrupted
/// the sync itself goes on, for Fivetran has no way to cancel one.
///
/// # Errors
/// If Fivetran refuses a request, or stays out of reach. Everything else is an outcome.
pub async fn run(
    client: &Client,
    id: &ConnectionId,
    options: &SyncOptions,
    cancel: &CancellationToken,
    listener: &mut dyn Listener,
) -> Result<SyncReport, Error> {
    let mut wait = wait::Wait::new(client, id, options, cancel, listener);
    let outcome = wait.run().await?;
    Ok(SyncReport {
        outcome,
        link: dashboard_link(id),
        elapsed: wait.elapsed(),
        triggers: wait.triggers(),
        before: wait.before(),
        group: wait.group(),
    })
}
