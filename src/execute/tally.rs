//! What a step's statements come to: how many, how long they waited and were queued, what they wrote.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::event::Work;

/// Where a statement is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It waits for a place among this run's statements.
    Waits,
    /// The warehouse took it and does not run it yet.
    Queued,
    /// It runs.
    Runs,
}

/// Counts what the statements of one step do.
#[derive(Debug)]
pub(super) struct Tally(Mutex<State>);

/// Several statements may be under way at once: a moment in which one runs is no waiting.
#[derive(Debug)]
struct State {
    /// How many are at each stage.
    at: [u32; 3],
    /// Until when the times below are added up.
    until: Instant,
    waited: Duration,
    queued: Duration,
    ended: u32,
    rows: Option<u64>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State::new(Instant::now())))
    }

    /// Follows one statement from now on.
    pub(super) fn follow(&self) -> Followed<'_> {
        self.state().pass(Instant::now(), None, Some(Stage::Waits));
        Followed { tally: self, stage: Stage::Waits }
    }

    /// Notes how many rows a statement wrote.
    pub(super) fn wrote(&self, rows: u64) {
        let mut state = self.state();
        state.rows = Some(state.rows.map_or(rows, |most| most.max(rows)));
    }

    pub(super) fn work(&self) -> Work {
        self.state().work()
    }

    /// Returns for how long, until now, the step did nothing but wait for a place.
    pub(super) fn waited(&self) -> Duration {
        let mut state = self.state();
        state.pass(Instant::now(), None, None);
        state.waited
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(now: Instant) -> Self {
        Self { at: [0; 3], until: now, waited: Duration::ZERO, queued: Duration::ZERO, ended: 0, rows: None }
    }

    /// Adds up what has passed since the last change, and lets a statement pass from one stage to another.
    fn pass(&mut self, now: Instant, from: Option<Stage>, to: Option<Stage>) {
        let passed = now.saturating_duration_since(self.until);
        self.until = now;
        let [waits, queued, runs] = self.at.map(|many| many > 0);
        if queued && !runs {
            self.queued += passed;
        } else if waits && !runs {
            self.waited += passed;
        }
        if let Some(stage) = from {
            self.at[stage as usize] -= 1;
            self.ended += u32::from(to.is_none() && stage != Stage::Waits);
        }
        if let Some(stage) = to {
            self.at[stage as usize] += 1;
        }
    }

    fn work(&self) -> Work {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Work {
            statements: self.ended,
            waited: milliseconds(self.waited),
            queued: milliseconds(self.queued),
            rows: self.rows,
            read: None,
            written: None,
        }
    }
}

/// A statement that is followed; it has ended when this is dropped.
#[derive(Debug)]
pub(super) struct Followed<'a> {
    tally: &'a Tally,
    stage: Stage,
}

impl Followed<'_> {
    /// Says where it is now.
    pub(super) fn is_at(&mut self, stage: Stage) {
        if stage != self.stage {
            self.tally.state().pass(Instant::now(), Some(self.stage), Some(stage));
            self.stage = stage;
        }
    }
}

impl Drop for Followed<'_> {
    fn drop(&mut self) {
        self.tally.state().pass(Instant::now(), Some(self.stage), None);
    }
}

#[cfg(test)]
mod tests {
    use super::Stage::{Queued, Runs, Waits};
    use super::*;

    #[test]
    fn a_moment_counts_once_and_running_before_queued_before_waiting() {
        let mut now = Instant::now();
        let mut state = State::new(now);
        for (seconds, from, to) in [
            (100, None, Some(Waits)),
            (1, None, Some(Waits)),
            (2, Some(Waits), Some(Queued)),
            (4, Some(Queued), Some(Runs)),
            (0, Some(Waits), Some(Queued)),
            (8, Some(Runs), None),
            (16, Some(Queued), Some(Runs)),
            (32, Some(Runs), None),
            (64, None, Some(Waits)),
            (0, Some(Waits), None),
        ] {
            now += Duration::from_secs(seconds);
            state.pass(now, from, to);
        }
        assert_eq!(
            state.work(),
            Work { statements: 2, waited: 3_000, queued: 20_000, rows: None, read: None, written: None }
        );
    }

    #[test]
    fn of_several_statements_the_largest_tells_the_rows() {
        let tally = Tally::new();
        tally.wrote(7);
        tally.wrote(5);
        assert_eq!(tally.work().rows, Some(7));
        assert_eq!(tally.work().statements, 0);
    }
}
