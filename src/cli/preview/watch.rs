//! Notices when a page is no longer what its files say.

use std::path::PathBuf;
use std::time::Duration;

use notify::{EventKind, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use super::Changes;
use crate::cli::error::Error;

/// An editor writes a file in several steps: only when so long nothing more came is the file whole.
const QUIET: Duration = Duration::from_millis(150);

/// Watches folders until what is returned is dropped, and counts `changes` up when a file in one of them was written.
pub(super) fn watch(folders: &[PathBuf], changes: &Changes) -> Result<notify::RecommendedWatcher, Error> {
    let refused = |error: &notify::Error| Error::refused(format!("the project's files cannot be watched: {error}"));
    let (sender, mut events) = mpsc::unbounded_channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Opening a file to read it is an event too, and the page itself does that.
        if event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_))) {
            let _ = sender.send(());
        }
    })
    .map_err(|error| refused(&error))?;
    for folder in folders {
        watcher.watch(folder, RecursiveMode::NonRecursive).map_err(|error| refused(&error))?;
    }
    let changes = Changes::clone(changes);
    tokio::spawn(async move {
        while events.recv().await.is_some() {
            while let Ok(Some(())) = tokio::time::timeout(QUIET, events.recv()).await {}
            changes.send_modify(|count| *count += 1);
        }
    });
    Ok(watcher)
}
