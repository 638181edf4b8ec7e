//! Notices when files change.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use super::error::Error;

/// An editor writes a file in several steps: only when so long nothing more came is the file whole.
const QUIET: Duration = Duration::from_millis(150);

/// A watch over folders, until it is dropped.
pub(super) struct Watch {
    watcher: RecommendedWatcher,
    written: mpsc::UnboundedReceiver<Vec<PathBuf>>,
    folders: BTreeSet<PathBuf>,
}

impl Watch {
    /// Starts a watch over no folder yet.
    pub(super) fn start() -> Result<Self, Error> {
        let (sender, written) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            // Opening a file to read it is an event too, and whoever waits here does that.
            if !matches!(event.kind, EventKind::Access(_)) {
                let _ = sender.send(event.paths);
            }
        })
        .map_err(|error| refused(&error))?;
        Ok(Self { watcher, written, folders: BTreeSet::new() })
    }

    /// Watches these folders, and no others any more; what lies in folders within them is not meant. Tells whether one of
    /// them was not watched before: what was written there meanwhile was not noticed.
    pub(super) fn follow(&mut self, folders: BTreeSet<PathBuf>) -> Result<bool, Error> {
        for gone in self.folders.difference(&folders) {
            // A folder that is no more is watched no more.
            let _ = self.watcher.unwatch(gone);
        }
        let mut new = false;
        let mut followed: BTreeSet<PathBuf> = self.folders.intersection(&folders).cloned().collect();
        for folder in folders {
            if followed.contains(&folder) {
                continue;
            }
            match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => new |= followed.insert(folder),
                // It went away just now; the folder above it tells of that.
                Err(_) if !folder.is_dir() => {}
                Err(error) => return Err(refused(&error)),
            }
        }
        self.folders = followed;
        Ok(new)
    }

    /// Waits until something that is `wanted` was written, and then until all is quiet.
    pub(super) async fn written(&mut self, wanted: impl Fn(&Path) -> bool) {
        loop {
            let Some(paths) = self.written.recv().await else { return std::future::pending().await };
            self.forget(&paths);
            if paths.iter().any(|path| wanted(path)) {
                break;
            }
        }
        while let Ok(Some(paths)) = tokio::time::timeout(QUIET, self.written.recv()).await {
            self.forget(&paths);
        }
    }

    /// Takes folders for unwatched with which something was done: one that was made in the place of another is not watched
    /// yet, though it has the same name.
    fn forget(&mut self, paths: &[PathBuf]) {
        self.folders.retain(|folder| !paths.iter().any(|path| folder.starts_with(path)));
    }
}

fn refused(error: &notify::Error) -> Error {
    Error::refused(format!("the project's files cannot be watched: {error}"))
}

/// Files and folders that something is made from, whether they are there or not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sources(BTreeSet<PathBuf>);

impl Sources {
    /// Takes paths relative to a folder.
    pub(super) fn new(root: &Path, paths: BTreeSet<PathBuf>) -> Self {
        Self(paths.into_iter().map(|path| plain(&root.join(path))).collect())
    }

    /// Tells whether a path is one of them, lies in one, or leads to one. Names that begin with a dot lie in none.
    pub(super) fn contain(&self, path: &Path) -> bool {
        let path = plain(path);
        self.0.iter().any(|source| match path.strip_prefix(source) {
            Ok(within) => !within.components().any(is_hidden),
            Err(_) => source.starts_with(&path),
        })
    }

    /// Returns the folders that have to be watched to notice whatever becomes of them.
    pub(super) fn folders(&self) -> BTreeSet<PathBuf> {
        let mut folders = BTreeSet::new();
        for source in &self.0 {
            within(source, &mut Vec::new(), &mut folders);
            // A file is written, and a folder made, in the folder above; what is not there yet can begin further up.
            folders.extend(source.ancestors().skip(1).find(|above| above.is_dir()).map(Path::to_path_buf));
        }
        folders
    }
}

/// Adds a folder, if it is one, with all folders in it. `above` are the true paths of the folders that it lies in: a link
/// that leads back to one of them would go round for ever.
fn within(folder: &Path, above: &mut Vec<PathBuf>, folders: &mut BTreeSet<PathBuf>) {
    let (Ok(entries), Ok(true_path)) = (std::fs::read_dir(folder), std::fs::canonicalize(folder)) else { return };
    if above.contains(&true_path) {
        return;
    }
    folders.insert(folder.to_path_buf());
    above.push(true_path);
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() && !path.components().next_back().is_some_and(is_hidden) {
            within(&path, above, folders);
        }
    }
    above.pop();
}

fn is_hidden(part: Component<'_>) -> bool {
    part.as_os_str().to_string_lossy().starts_with('.')
}

/// Returns a path from the root of the file system, with nothing in it that leads nowhere: `./a/../b` is `b` here.
fn plain(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(root: &Path, paths: &[&str]) -> Sources {
        Sources::new(root, paths.iter().map(PathBuf::from).collect())
    }

    #[test]
    fn what_a_project_is_made_from_is_told_from_what_lies_beside_it() {
        let sources = sources(Path::new("/p/./here"), &["jobs.yaml", "sql", "../shared/sql", "dashboards/a.json"]);
        for (path, expected) in [
            ("/p/here/jobs.yaml", true),
            ("/p/here/sql", true),
            ("/p/here/sql/staging/a.sql", true),
            ("/p/shared/sql/b.sql", true),
            // A folder that leads to a file.
            ("/p/here/dashboards", true),
            ("/p/here", true),
            ("/p/here/dashboards/b.json", false),
            ("/p/here/target/a.sql", false),
            ("/p/here/sql/.a.sql.swp", false),
            ("/p/here/.git/index", false),
        ] {
            assert_eq!(sources.contain(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn folders_within_and_above_are_watched() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["sql/staging/raw", "sql/.hidden", "target/debug"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let sources = sources(root.path(), &["jobs.yaml", "sql", "later/dashboards/a.json"]);
        let expected = ["", "sql", "sql/staging", "sql/staging/raw"].map(|path| plain(&root.path().join(path)));
        assert_eq!(sources.folders(), BTreeSet::from(expected));
    }
}
