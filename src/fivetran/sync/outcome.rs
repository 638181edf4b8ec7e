//! How a wait for a sync can end, in words people understand.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::fivetran::wire::{Connection, SetupState, SyncState, Task};

/// How a wait ended, where to look, and what it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncReport {
    /// How it ended.
    pub outcome: SyncOutcome,
    /// The connection's page at Fivetran.
    pub link: String,
    /// How long it took, waiting for an earlier sync included.
    pub elapsed: Duration,
    /// How often Fivetran was asked to sync.
    pub triggers: u32,
    /// End of the last good sync before: what arrived since then is what this sync brought.
    pub before: Option<DateTime<Utc>>,
    /// The group, and so the destination, that the connection belongs to.
    pub group: Option<String>,
}

/// How a wait ended. Only [`SyncOutcome::Synced`] and [`SyncOutcome::AlreadyFresh`] mean that the tables are as fresh as
/// was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncOutcome {
    /// A sync has succeeded: one that began after we were called, or one that was joined.
    Synced {
        /// When it ended, by Fivetran's clock.
        succeeded_at: DateTime<Utc>,
        /// Whether it had to wait for one that was running.
        queued: bool,
        /// Whether it was running before us, so that what was committed after its start may be missing.
        joined: bool,
        /// Whether the next sync is loading already, so that tables may be of different moments.
        running_again: bool,
        /// Whether older data is still to come in later syncs.
        historical: bool,
        /// What Fivetran wants people to know.
        warnings: Vec<Task>,
    },
    /// The last good sync is recent enough; nothing was triggered, or what came of it is not needed.
    AlreadyFresh {
        /// When it ended, by Fivetran's clock.
        succeeded_at: DateTime<Utc>,
        /// How long ago.
        age: Duration,
        /// Whether a sync is loading, so that tables may be of different moments.
        running: bool,
        /// Whether older data is still to come in later syncs.
        historical: bool,
        /// What went wrong since, which does not make the data older.
        despite: Option<String>,
    },
    /// The last good sync is too old, and none was to be triggered.
    NotFresh {
        /// When it ended, by Fivetran's clock; none: there never was one.
        succeeded_at: Option<DateTime<Utc>>,
        /// How long ago.
        age: Option<Duration>,
        /// How old it may be.
        asked: Duration,
        /// What the connection is doing instead.
        why: String,
    },
    /// What a webhook told does not make the data as fresh as was asked.
    NotDelivered {
        /// Why.
        why: String,
    },
    /// The sync failed.
    Failed {
        /// When, by Fivetran's clock.
        failed_at: DateTime<Utc>,
        /// What Fivetran wants people to do.
        tasks: Vec<Task>,
        /// The reason in the history of syncs, where the account has one.
        reason: Option<String>,
    },
    /// The sync failed and the connection is broken until a person repairs it.
    Broken {
        /// When, by Fivetran's clock.
        failed_at: DateTime<Utc>,
        /// What Fivetran wants people to do.
        tasks: Vec<Task>,
        /// The reason in the history of syncs, where the account has one.
        reason: Option<String>,
    },
    /// Fivetran put the sync off for longer than we wait.
    Rescheduled {
        /// Until when.
        until: Option<DateTime<Utc>>,
    },
    /// The connection is paused.
    Paused {
        /// Whether somebody paused it while we waited.
        midway: bool,
    },
    /// The connection was never set up to the end.
    Incomplete {
        /// What Fivetran wants people to do.
        tasks: Vec<Task>,
    },
    /// Fivetran took the trigger, twice, and did not begin.
    NotStarted,
    /// The deadline passed. The sync may still be running.
    TimedOut {
        /// The deadline.
        after: Duration,
        /// What the connection was seen doing last.
        state: SyncState,
    },
    /// We were told to stop. The sync may still be running.
    Interrupted,
}

impl SyncOutcome {
    /// Tells whether the connection's tables are as fresh as was asked.
    pub fn is_fresh(&self) -> bool {
        matches!(self, Self::Synced { .. } | Self::AlreadyFresh { .. })
    }

    /// Says in one line how it ended and why.
    pub fn reason(&self) -> String {
        match self {
            Self::Synced { succeeded_at, joined, running_again, historical, .. } => {
                let mut text = format!("synced at {}", time(succeeded_at));
                if *joined {
                    text.push_str(" by a sync that ran before us, so the newest rows may be missing");
                }
                if *historical {
                    text.push_str("; older data is still to come");
                }
                if *running_again {
                    text.push_str("; the next sync is running already");
                }
                text
            }
            Self::AlreadyFresh { succeeded_at, age, running, historical, despite } => {
                let mut text = format!("already fresh: synced at {}, {} ago", time(succeeded_at), span(*age));
                if *historical {
                    text.push_str("; older data is still to come");
                }
                if *running {
                    text.push_str("; a sync is running");
                }
                if let Some(despite) = despite {
                    text.push_str(&format!("; since then: {despite}"));
                }
                text
            }
            Self::NotFresh { succeeded_at, age, asked, why } => {
                let last = match (succeeded_at, age) {
                    (Some(at), Some(age)) => format!(
                        "not fresh: the last good sync ended at {}, {} ago, and at most {} were asked for",
                        time(at),
                        span(*age),
                        span(*asked)
                    ),
                    _ => "not fresh: no sync has ever succeeded".to_owned(),
                };
                format!("{last}; {why}, and nothing was triggered")
            }
            Self::NotDelivered { why } => format!("the webhook does not stand for fresh data: {why}"),
            Self::Failed { failed_at, tasks, reason } => {
                format!("failed at {}: {}", time(failed_at), told(tasks, reason.as_deref()))
            }
            Self::Broken { failed_at, tasks, reason } => format!(
                "failed at {} and is broken until somebody repairs it: {}",
                time(failed_at),
                told(tasks, reason.as_deref())
            ),
            Self::Rescheduled { until: Some(until) } => format!("rescheduled by Fivetran until {}", time(until)),
            Self::Rescheduled { until: None } => "rescheduled by Fivetran, without saying until when".to_owned(),
            Self::Paused { midway: false } => "paused; no sync was triggered".to_owned(),
            Self::Paused { midway: true } => "paused by somebody while its sync was awaited".to_owned(),
            Self::Incomplete { tasks } => format!("its setup was never completed: {}", told(tasks, None)),
            Self::NotStarted => "triggered twice, and did not begin to sync".to_owned(),
            Self::TimedOut { after, state } => {
                format!("still {state} after {}; the sync may go on without us", span(*after))
            }
            Self::Interrupted => "interrupted; the sync may go on without us".to_owned(),
        }
    }

    /// Says what a person can do about it; nothing where the data are fresh.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Synced { .. } | Self::AlreadyFresh { .. } | Self::Interrupted => return None,
            Self::NotFresh { .. } => "see in Fivetran why it did not sync, or let the job sync it: `ensure_fresh`",
            Self::NotDelivered { .. } => "run this again without the webhook: the job syncs by itself then",
            Self::Failed { .. } => "see its log in Fivetran; what is transient is cured by running this again",
            Self::Broken { .. } => "repair the connection in Fivetran, then run this again",
            Self::Rescheduled { .. } => {
                "the source's quota is used up, most likely; run this again then, or allow a longer `deadline`"
            }
            Self::Paused { .. } => "resume the connection in Fivetran if it should run; kiln never does so by itself",
            Self::Incomplete { .. } => "complete the connection's setup in Fivetran, then run this again",
            Self::NotStarted => "see in Fivetran whether its destination works, then run this again",
            Self::TimedOut { .. } => {
                "run this again with `when_running: join` to take that sync for yours, or allow a longer `deadline`"
            }
        })
    }
}

/// What a connection is doing that keeps its data old.
pub(super) fn doing(connection: &Connection) -> String {
    let status = &connection.status;
    match (&status.setup_state, &status.sync_state) {
        (SetupState::Incomplete, _) => format!("its setup was never completed: {}", told(&status.tasks, None)),
        (SetupState::Broken, _) => format!("it is broken: {}", told(&status.tasks, None)),
        _ if connection.paused => "it is paused".to_owned(),
        (_, SyncState::Paused) => "it is paused".to_owned(),
        (_, SyncState::Syncing) => "a sync is running".to_owned(),
        (_, SyncState::Rescheduled) => match status.rescheduled_for {
            Some(until) => format!("its next sync is put off until {}", time(&until)),
            None => "its next sync is put off".to_owned(),
        },
        (_, state) => format!("it is {state}"),
    }
}

pub(super) fn time(at: &DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A duration in the units that people would use for it.
pub(super) fn span(duration: Duration) -> String {
    let counted = |n: u64, unit: &str| format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
    match duration.as_secs() {
        seconds @ 0..60 => counted(seconds, "second"),
        seconds @ 60..10_800 => counted(seconds.div_ceil(60), "minute"),
        seconds @ 10_800..172_800 => counted(seconds / 3_600, "hour"),
        seconds => counted(seconds / 86_400, "day"),
    }
}

fn told(tasks: &[Task], reason: Option<&str>) -> String {
    if tasks.is_empty() {
        return reason.unwrap_or("Fivetran gives no reason here; its log does").to_owned();
    }
    let one = |task: &Task| match task.details.as_deref().filter(|details| !details.is_empty()) {
        Some(details) => format!("{} ({details})", task.message),
        None => task.message.clone(),
    };
    tasks.iter().map(one).collect::<Vec<_>>().join("; ")
}
