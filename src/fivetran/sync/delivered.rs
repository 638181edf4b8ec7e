//! The end of a sync that a webhook told: nothing is triggered. Only a success counts, only if it is as fresh as was asked,
//! and only if Fivetran itself shows it; everything else is looked at again there.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::outcome::{span, time};
use super::wait::{End, Wait};
use super::{Delivered, Intent, SyncOutcome};
use crate::fivetran::wire::{Connection, SetupState, SyncEnd, SyncState};

/// How long ago a sync may have ended where a new one would have been triggered: so long Fivetran tries to deliver.
const NEW: Duration = Duration::from_secs(24 * 3600);

/// A delivery is made a little after the end that it tells of.
const SLACK: TimeDelta = TimeDelta::minutes(5);

/// How long Fivetran may take to show what it has told already.
const UNTIL_SHOWN: Duration = Duration::from_secs(60);

impl Wait<'_> {
    /// Takes the end of a sync that was told for the one that is wanted.
    pub(super) async fn take(&mut self, told: &Delivered, mut connection: Connection) -> Result<SyncOutcome, End> {
        let shown = |connection: &Connection| connection.succeeded_at.is_some_and(|at| at >= told.at - SLACK);
        if !told.succeeded() {
            // What failed once may have been tried again since.
            let cured = connection.succeeded_at.filter(|at| *at > told.at);
            return Ok(cured.map_or_else(|| failed(told, &connection), |at| self.told(at, &connection)));
        }
        while !shown(&connection) {
            if self.elapsed() >= UNTIL_SHOWN.min(self.options.deadline) {
                let last = match &connection.succeeded_at {
                    Some(at) => format!("the last good one there ended at {}", time(at)),
                    None => "none has ever succeeded there".to_owned(),
                };
                let why = format!(
                    "it tells of a sync that ended at {}, which Fivetran does not show: {last}",
                    time(&told.at)
                );
                return Ok(SyncOutcome::NotDelivered { why });
            }
            connection = self.rested().await?;
        }
        Ok(self.told(told.at, &connection))
    }

    /// Judges a success by its age: what was delivered late, or once more, may be older than was asked.
    fn told(&self, at: DateTime<Utc>, connection: &Connection) -> SyncOutcome {
        let (asked, words) = match self.options.intent {
            Intent::Sync => (NEW, "count as new"),
            Intent::EnsureFresh(asked) | Intent::Observe(asked) => (asked, "were asked for"),
        };
        let age = (self.its_now() - at).to_std().unwrap_or_default();
        if age > asked {
            let why =
                format!("its sync ended at {}, {} ago, and at most {} {words}", time(&at), span(age), span(asked));
            return SyncOutcome::NotDelivered { why };
        }
        SyncOutcome::Synced {
            succeeded_at: connection.succeeded_at.unwrap_or(at),
            queued: false,
            joined: false,
            running_again: connection.status.sync_state == SyncState::Syncing,
            historical: connection.status.is_historical_sync,
            warnings: connection.status.warnings.clone(),
        }
    }
}

fn failed(told: &Delivered, connection: &Connection) -> SyncOutcome {
    let failed_at = told.at;
    let reason = match (&told.reason, &told.status) {
        (Some(reason), _) => Some(reason.clone()),
        (None, SyncEnd::Canceled) => Some("somebody cancelled it".to_owned()),
        (None, SyncEnd::Other(status)) => Some(format!("it ended as {status}")),
        (None, _) => None,
    };
    // The delivery's own words are those of this sync.
    let tasks = if reason.is_some() { Vec::new() } else { connection.status.tasks.clone() };
    match (&told.status, &connection.status.setup_state) {
        (SyncEnd::Rescheduled, _) => SyncOutcome::Rescheduled { until: connection.status.rescheduled_for },
        (_, SetupState::Broken) => SyncOutcome::Broken { failed_at, tasks, reason },
        _ => SyncOutcome::Failed { failed_at, tasks, reason },
    }
}
