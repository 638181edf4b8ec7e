//! What one look at a connection says about the sync that is awaited.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Baseline;
use crate::fivetran::wire::{Connection, SyncState};

/// What a look says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It ended well.
    Succeeded(DateTime<Utc>),
    /// It failed.
    Failed(DateTime<Utc>),
    /// Somebody paused the connection.
    Paused,
    /// It was put off.
    Rescheduled(Option<DateTime<Utc>>),
    /// It runs.
    Running,
    /// Nothing runs, and nothing has ended.
    Idle,
}

/// Compares a connection with its baseline: each timestamp with its own, never with a clock.
pub(super) fn judge(baseline: &Baseline, connection: &Connection) -> Judgement {
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

/// How long ago the last good sync ended, by the service's own time; none if there never was one. A success that seems
/// to lie ahead is new.
pub(super) fn age(connection: &Connection, now: DateTime<Utc>) -> Option<Duration> {
    connection.succeeded_at.map(|at| (now - at).to_std().unwrap_or_default())
}
