//! Bad mornings that a connection plays on demand, so that people can rehearse them: `scenario` in its config.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::document::Document;
use crate::fivetran::wire::{ScheduleType, SetupState, SyncState, Task, UpdateState};

/// How long a short trouble lasts.
pub(super) const SHORT: Duration = Duration::from_secs(2);
/// How long Fivetran puts a sync off that is not put off briefly.
const LONG: TimeDelta = TimeDelta::days(1);

/// A bad morning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scenario {
    /// Every sync fails, as with a source that is down for a while.
    Failed,
    /// Every sync fails, and a person has to log in anew.
    Broken,
    /// Somebody has paused the connection.
    Paused,
    /// The setup was never completed.
    Incomplete,
    /// Syncs are put off for a day.
    Rescheduled,
    /// The schedule is automatic, and a sync that is put off goes on by itself.
    RescheduledBriefly,
    /// The schedule is manual, and a sync that is put off goes on only when it is triggered again.
    RescheduledManual,
    /// A sync runs already when somebody comes.
    AlreadyRunning,
    /// A trigger is taken, and nothing happens.
    NeverStarts,
    /// A sync does not end.
    Slow,
    /// Everything is loaded, and older data comes with later syncs.
    Historical,
    /// The connection tells a state that nobody knows.
    UnknownState,
    /// The last failure is later than the last success when somebody comes.
    StaleFailure,
    /// The answer to a trigger is lost.
    LostAnswer,
    /// A table is made anew.
    RecreatedTable,
    /// A table is made anew, and lacks a column.
    DroppedColumn,
}

/// All of them with their names.
const ALL: [(&str, Scenario); 16] = [
    ("failed", Scenario::Failed),
    ("broken", Scenario::Broken),
    ("paused", Scenario::Paused),
    ("incomplete", Scenario::Incomplete),
    ("rescheduled", Scenario::Rescheduled),
    ("rescheduled_briefly", Scenario::RescheduledBriefly),
    ("rescheduled_manual", Scenario::RescheduledManual),
    ("already_running", Scenario::AlreadyRunning),
    ("never_starts", Scenario::NeverStarts),
    ("slow", Scenario::Slow),
    ("historical", Scenario::Historical),
    ("unknown_state", Scenario::UnknownState),
    ("stale_failure", Scenario::StaleFailure),
    ("lost_answer", Scenario::LostAnswer),
    ("recreated_table", Scenario::RecreatedTable),
    ("dropped_column", Scenario::DroppedColumn),
];

impl Scenario {
    /// Finds a scenario by its name; an error's text if there is none.
    pub(super) fn of(name: &str) -> Result<Self, String> {
        ALL.iter().find(|(known, _)| *known == name).map(|(_, scenario)| *scenario).ok_or_else(|| {
            let names: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
            format!("`config.scenario` is `{name}`; there are {}", names.join(", "))
        })
    }

    /// Puts a connection that is at rest into the state in which the morning begins.
    pub(super) fn set_up(self, document: &mut Document, now: DateTime<Utc>) {
        let connection = &mut document.connection;
        let status = &mut connection.status;
        connection.paused = self == Self::Paused;
        connection.schedule_type =
            Some(if self == Self::RescheduledBriefly { ScheduleType::Auto } else { ScheduleType::Manual });
        status.setup_state = SetupState::Connected;
        status.tasks.clear();
        match self {
            Self::Incomplete => {
                status.setup_state = SetupState::Incomplete;
                status.tasks = vec![task("authorize", "Authorize the connection", "no credentials were entered")];
            }
            Self::StaleFailure => {
                connection.failed_at =
                    Some(connection.succeeded_at.map_or(now, |at| at.max(now) + TimeDelta::microseconds(1)));
                status.update_state = Some(UpdateState::Delayed);
            }
            _ => {}
        }
        document.rest();
    }

    /// Puts a connection back that has played the morning.
    pub(super) fn clear(played: &str, document: &mut Document) {
        if Self::of(played) == Ok(Self::DroppedColumn) {
            // The column comes back with everything.
            document.tables.values_mut().for_each(|table| table.resync = true);
        }
        let connection = &mut document.connection;
        connection.paused = false;
        connection.schedule_type = Some(ScheduleType::Manual);
        connection.status.setup_state = SetupState::Connected;
        connection.status.tasks.clear();
        document.rest();
    }

    /// What a sync that fails tells a person.
    pub(super) fn failure(self) -> Option<(SetupState, Vec<Task>)> {
        match self {
            Self::Failed => Some((
                SetupState::Connected,
                vec![task("source_unavailable", "The source cannot be reached", "connection refused: 10.1.2.3:5432")],
            )),
            Self::Broken => Some((
                SetupState::Broken,
                vec![task("reconnect", "Reconnect", "FATAL: password authentication failed for user \"fivetran\"")],
            )),
            _ => None,
        }
    }

    /// Why the setup tests fail.
    pub(super) fn refuses_setup(self) -> Option<&'static str> {
        match self {
            Self::Incomplete => Some("no credentials were entered"),
            Self::Broken => Some("FATAL: password authentication failed for user \"fivetran\""),
            _ => None,
        }
    }

    /// Until when a sync is put off.
    pub(super) fn puts_off(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Rescheduled => Some(now + LONG),
            Self::RescheduledBriefly | Self::RescheduledManual => {
                Some(now + TimeDelta::from_std(SHORT).unwrap_or_default())
            }
            _ => None,
        }
    }

    /// The state that is told while a sync runs.
    pub(super) fn state(self) -> SyncState {
        if self == Self::UnknownState { SyncState::Other("dreaming".to_owned()) } else { SyncState::Syncing }
    }

    /// Whether a sync takes a while, so that it can be watched.
    pub(super) fn lingers(self) -> bool {
        matches!(self, Self::AlreadyRunning | Self::Historical | Self::UnknownState)
    }
}

fn task(code: &str, message: &str, details: &str) -> Task {
    Task { code: code.to_owned(), message: message.to_owned(), details: Some(details.to_owned()) }
}
