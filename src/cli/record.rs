//! A run's folder, `.kiln/runs/<run>/`, with its events as JSON lines.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::error::Error;
use crate::event::Event;
use crate::execute::Receipts;
use crate::ids::RunId;
use crate::report::Report;

/// Writes a run's events to `events.jsonl` in its folder, one JSON object a line, as they come.
pub(super) struct Recorder {
    file: fs_err::File,
    /// The first failure to write; the run itself goes on, and its end tells of it.
    failure: Option<std::io::Error>,
    /// Steps that wait until an event of theirs is on disk.
    receipts: Arc<Receipts>,
}

impl Recorder {
    pub(super) fn create(kiln_dir: &Path, run: &RunId) -> Result<Self, Error> {
        let folder = kiln_dir.join("runs").join(run.as_str());
        let file = fs_err::create_dir_all(&folder).and_then(|()| fs_err::File::create_new(folder.join("events.jsonl")));
        let file = file.map_err(|error| {
            Error::refused(format!("cannot keep the run's record: {error}"))
                .with_help("kiln keeps what it did under `.kiln` in the project's folder; make that writable.")
        })?;
        Ok(Self { file, failure: None, receipts: Arc::default() })
    }

    /// Returns where steps wait for their events to be kept.
    pub(super) fn receipts(&self) -> Arc<Receipts> {
        Arc::clone(&self.receipts)
    }

    fn write(&mut self, event: &Event) -> std::io::Result<()> {
        let line = serde_json::to_string(event).map_err(std::io::Error::other)?;
        writeln!(self.file, "{line}")?;
        match event.kind.awaited_by() {
            Some(_) => self.file.file().sync_data(),
            None => Ok(()),
        }
    }

    /// Why events are missing in the record, if any are.
    pub(super) fn failure(&self) -> Option<&std::io::Error> {
        self.failure.as_ref()
    }
}

impl Report for Recorder {
    fn event(&mut self, event: &Event) {
        if self.failure.is_none()
            && let Err(error) = self.write(event)
        {
            self.failure = Some(error);
        }
        if let Some(step) = event.kind.awaited_by() {
            self.receipts.give(step);
        }
    }
}
