//! A run's journal: `.kiln/runs/<run>/events.jsonl`, one event a line, held by the process that carries the run out.
//!
//! The file is locked as long as that process lives, whatever ends it, so that on one machine a run that died can be told
//! from one that is slow.

use std::fs::TryLockError;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use crate::event::Event;
use crate::execute::Receipts;
use crate::ids::RunId;
use crate::report::Report;

/// What keeps a run's journal locked; to be held until all is over that another process could take over.
#[derive(Debug)]
pub(super) struct Alive(#[expect(dead_code, reason = "it is there to be dropped")] std::fs::File);

/// Writes a run's events as they come.
pub(super) struct Journal {
    file: fs_err::File,
    /// The first failure to write. What waits for its event to be kept fails then; the rest goes on, and the end tells of it.
    failure: Option<io::Error>,
    /// The folder of a run that has not begun.
    unused: Option<PathBuf>,
    /// Steps that wait until an event of theirs is on disk.
    receipts: Arc<Receipts>,
}

impl Journal {
    /// Begins the journal of a new run.
    pub(super) fn create(kiln_dir: &Path, run: &RunId) -> Result<Self, Error> {
        let path = path_of(kiln_dir, run);
        let folder = path.parent().expect("it lies in its run's folder");
        let begun = fs_err::create_dir_all(folder).and_then(|()| {
            let file = fs_err::File::create_new(&path)?;
            file.file().lock()?;
            // A power cut must not take the file's name away.
            fs_err::File::open(folder)?.sync_all()?;
            Ok(file)
        });
        begun.map(|file| Self::on(file, Some(folder.to_owned()))).map_err(|error| cannot_keep(&error))
    }

    /// Goes on with the journal of a run that no process carries out any more; returns the events that it holds.
    pub(super) fn reopen(kiln_dir: &Path, run: &RunId) -> Result<(Self, Vec<Event>), Error> {
        let path = path_of(kiln_dir, run);
        let opened = fs_err::OpenOptions::new().read(true).append(true).open(&path);
        let mut file = opened.map_err(|error| {
            Error::usage(format!("there is no journal of a run `{run}` here: {error}")).with_help(
                "The runs of this folder are those under `.kiln/runs`. One whose machine is gone goes on with \
                     --from-workspace.",
            )
        })?;
        match file.file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::refused(format!("run {run} is still going on, in another process here"))
                    .with_help("Wait for its end, or interrupt it there."));
            }
            Err(TryLockError::Error(error)) => return Err(cannot_keep(&error)),
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(|error| cannot_keep(&error))?;
        // What is left of a line that was being written when the process ended says nothing that anybody relied on.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let events = parse(&text[..whole]).map_err(|(line, error)| {
            Error::refused(format!("{}:{line}: this is no event of a run: {error}", path.display()))
                .with_help("The journal is damaged, or of another version of kiln: start a new run.")
        })?;
        let cut = file.set_len(whole as u64).and_then(|()| file.seek(SeekFrom::End(0)));
        cut.map_err(|error| cannot_keep(&error))?;
        Ok((Self::on(file, None), events))
    }

    fn on(file: fs_err::File, unused: Option<PathBuf>) -> Self {
        Self { file, failure: None, unused, receipts: Arc::default() }
    }

    /// Returns what keeps it locked even when it is no longer written.
    pub(super) fn alive(&self) -> Result<Alive, Error> {
        self.file.file().try_clone().map(Alive).map_err(|error| cannot_keep(&error))
    }

    /// Returns where steps wait for their events to be kept.
    pub(super) fn receipts(&self) -> Arc<Receipts> {
        Arc::clone(&self.receipts)
    }

    /// Why events are missing, if any are.
    pub(super) fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        self.unused = None;
        let mut line = serde_json::to_string(event).map_err(io::Error::other)?;
        line.push('\n');
        self.file.write_all(line.as_bytes())?;
        match event.kind.awaited_by() {
            Some(_) => self.file.file().sync_data(),
            None => Ok(()),
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Some(folder) = &self.unused {
            // An empty folder that stays does no harm.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

impl Report for Journal {
    fn event(&mut self, event: &Event) {
        if self.failure.is_none()
            && let Err(error) = self.write(event)
        {
            self.failure = Some(error);
        }
        if let Some(step) = event.kind.awaited_by() {
            let kept = match &self.failure {
                None => Ok(()),
                Some(error) => Err(format!("the run's journal cannot be written: {error}")),
            };
            self.receipts.give(step, kept);
        }
    }
}

/// Finds out whether a run was carried out here, and no process does so any more. As long as the answer is held, nobody else
/// gets it.
pub(super) fn is_dead(kiln_dir: &Path, run: &RunId) -> Option<Alive> {
    let file = std::fs::OpenOptions::new().append(true).open(path_of(kiln_dir, run)).ok()?;
    file.try_lock().ok().map(|()| Alive(file))
}

/// Lists the runs that have a journal here, the newest first.
pub(super) fn runs(kiln_dir: &Path) -> Vec<RunId> {
    let Ok(folders) = std::fs::read_dir(kiln_dir.join("runs")) else { return Vec::new() };
    let names = folders.flatten().filter_map(|folder| folder.file_name().into_string().ok());
    let mut runs: Vec<RunId> = names.map(RunId::new).filter(|run| path_of(kiln_dir, run).is_file()).collect();
    runs.sort_by(|a, b| b.cmp(a));
    runs
}

/// Reads the events of a run's journal, up to the first line that is none.
pub(super) fn read(kiln_dir: &Path, run: &RunId) -> io::Result<Vec<Event>> {
    let text = fs_err::read(path_of(kiln_dir, run))?;
    let lines = text.split(|byte| *byte == b'\n');
    Ok(lines.map_while(|line| serde_json::from_slice(line).ok()).collect())
}

fn parse(text: &[u8]) -> Result<Vec<Event>, (usize, serde_json::Error)> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).zip(1..);
    lines.map(|(line, number)| serde_json::from_slice(line).map_err(|error| (number, error))).collect()
}

/// Returns where the journal of a run lies.
pub(super) fn path_of(kiln_dir: &Path, run: &RunId) -> PathBuf {
    kiln_dir.join("runs").join(run.as_str()).join("events.jsonl")
}

fn cannot_keep(error: &io::Error) -> Error {
    Error::refused(format!("cannot keep the run's journal: {error}"))
        .with_help("kiln keeps what it did under `.kiln` in the project's folder; make that writable.")
}
