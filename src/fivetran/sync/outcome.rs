//! How a wait for a sync can end, in words people understand.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::fivetran::wire::{SyncState, Task};

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
}

/// How a wait ended. Only [`SyncOutcome::Synced`] means that the tables are up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncOutcome {
    /// A sync that began after we were called has succeeded.
    Synced {
        /// When it ended, by Fivetran's clock.
        succeeded_at: DateTime<Utc>,
        /// Whether it had to wait for one that was running.
        queued: bool,
        /// Whether the next sync is loading already, so that tables may be of different moments.
        running_again: bool,
        /// Whether older data is still to come in later syncs.
        historical: bool,
        /// What Fivetran wants people to know.
        warnings: Vec<Task>,
    },
    /// The sync failed.
    Failed {
        /// When, by Fivetran's clock.
        failed_at: DateTime<Utc>,
        /// What Fivetran wants people to do.
        tasks: Vec<Task>,
    },
    /// The sync failed and the connection is broken until a person repairs it.
    Broken {
        /// When, by Fivetran's clock.
        failed_at: DateTime<Utc>,
        /// What Fivetran wants people to do.
        tasks: Vec<Task>,
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
    /// Tells whether the connection's tables are up to date.
    pub fn is_fresh(&self) -> bool {
        matches!(self, Self::Synced { .. })
    }

    /// Says in one line how it ended and why.
    pub fn reason(&self) -> String {
        match self {
            Self::Synced { succeeded_at, running_again, historical, .. } => {
                let mut text = format!("synced at {}", time(succeeded_at));
                if *historical {
                    text.push_str("; older data is still to come");
                }
                if *running_again {
                    text.push_str("; the next sync is running already");
                }
                text
            }
            Self::Failed { failed_at, tasks } => format!("failed at {}: {}", time(failed_at), told(tasks)),
            Self::Broken { failed_at, tasks } => {
                format!("failed at {} and is broken until somebody repairs it: {}", time(failed_at), told(tasks))
            }
            Self::Rescheduled { until: Some(until) } => format!("rescheduled by Fivetran until {}", time(until)),
            Self::Rescheduled { until: None } => "rescheduled by Fivetran, without saying until when".to_owned(),
            Self::Paused { midway: false } => "paused; no sync was triggered".to_owned(),
            Self::Paused { midway: true } => "paused by somebody while its sync was awaited".to_owned(),
            Self::Incomplete { tasks } => format!("its setup was never completed: {}", told(tasks)),
            Self::NotStarted => "triggered twice, and did not begin to sync".to_owned(),
            Self::TimedOut { after, state } => {
                format!("still {state} after {} minutes; the sync may go on without us", after.as_secs().div_ceil(60))
            }
            Self::Interrupted => "interrupted; the sync may go on without us".to_owned(),
        }
    }
}

fn time(at: &DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn told(tasks: &[Task]) -> String {
    if tasks.is_empty() {
        return "Fivetran gives no reason here; its log does".to_owned();
    }
    let one = |task: &Task| match task.details.as_deref().filter(|details| !details.is_empty()) {
        Some(details) => format!("{} ({details})", task.message),
        None => task.message.clone(),
    };
    tasks.iter().map(one).collect::<Vec<_>>().join("; ")
}
