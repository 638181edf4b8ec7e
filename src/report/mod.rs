//! Consumers of plans, events and diagnostics: terminal, JSON lines, GitHub, HTML.
//!
//! A report is made of events alone, so that a run can be reported again from its recording.

pub mod answer;
pub mod changes;
pub mod codes;
pub mod diagnostics;
mod estimate;
pub mod github;
pub mod grid;
pub mod history;
pub mod impact;
pub mod json;
pub mod lineage;
pub mod markdown;
pub mod page;
pub mod sarif;
pub mod status;
pub mod terminal;
pub mod unit_tests;

use crate::event::Event;

/// A consumer of a run's events.
pub trait Report {
    /// Takes the next event.
    fn event(&mut self, event: &Event);
}
