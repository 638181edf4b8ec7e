//! A run as JSON lines on the standard output: one event a line, as `event` defines them.

use std::io::{self, Write};

use super::Report;
use crate::event::Event;

/// Writes events as they come.
#[derive(Debug, Default)]
pub struct JsonLines;

impl JsonLines {
    /// Makes the report.
    pub fn new() -> Self {
        Self
    }
}

impl Report for JsonLines {
    fn event(&mut self, event: &Event) {
        let mut out = io::stdout().lock();
        // A closed pipe is the reader's way to say that it has seen enough; the run goes on.
        if serde_json::to_writer(&mut out, event).is_ok() {
            let _ = out.write_all(b"\n").and_then(|()| out.flush());
        }
    }
}
