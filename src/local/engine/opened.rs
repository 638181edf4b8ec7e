//! Tables that were opened before: their logs are read on from there, not from the beginning.
//!
//! What is kept is checked against the folder with each use, so commits of other programs are seen, and a table that
//! took the place of another is not taken for it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use deltalake::{DeltaTable, DeltaTableBuilder};

use super::delta::{address, explain};
use super::error::SqlError;

/// How many tables are kept at most: more than most schemas have, for a look at all of them opens each once.
const MOST_TABLES: usize = 4096;

/// The tables, by their folders.
#[derive(Debug, Default)]
pub(super) struct Opened {
    tables: Mutex<HashMap<PathBuf, (DeltaTable, Entry)>>,
}

/// What tells an entry of a log from another one of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    version: u64,
    written: Option<SystemTime>,
    bytes: u64,
    #[cfg(unix)]
    inode: u64,
}

impl Entry {
    /// The entry that made a version; none if the log has none (any more).
    fn of(dir: &Path, version: u64) -> Option<Self> {
        let metadata = std::fs::metadata(file(dir, version)).ok()?;
        Some(Self {
            version,
            written: metadata.modified().ok(),
            bytes: metadata.len(),
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(&metadata),
        })
    }
}

fn file(dir: &Path, version: u64) -> PathBuf {
    dir.join("_delta_log").join(format!("{version:020}.json"))
}

impl Opened {
    /// Opens the table in a folder at its latest version.
    pub(super) async fn latest(&self, dir: &Path) -> Result<DeltaTable, SqlError> {
        let known = self.lock().get(dir).cloned();
        let known = known.filter(|(_, entry)| Entry::of(dir, entry.version) == Some(*entry));
        let new = known.as_ref().map_or(0, |(_, entry)| entry.version + 1);
        let table = match known {
            Some((table, _)) if !file(dir, new).exists() => return Ok(table),
            Some((mut table, _)) => table.update_state().await.map(|()| table),
            None => {
                self.lock().remove(dir);
                DeltaTableBuilder::from_url(address(dir)?).map_err(|e| explain(dir, &e))?.load().await
            }
        };
        let table = table.map_err(|e| explain(dir, &e))?;
        // The library takes an entry without content for a version that changes nothing; it is what a loss of power
        // leaves of one.
        let empty = (new..=table.version().unwrap_or(0)).map(|version| file(dir, version));
        if let Some(file) = empty.into_iter().find(|file| std::fs::metadata(file).is_ok_and(|about| about.len() == 0)) {
            return Err(SqlError::io(format!(
                "The table in {} is damaged: {} is empty. Restore it from a copy, or delete the table's folder.",
                dir.display(),
                file.display()
            )));
        }
        if let Some(entry) = table.version().and_then(|version| Entry::of(dir, version)) {
            let mut tables = self.lock();
            if tables.len() >= MOST_TABLES {
                // Some of them, whichever: who walks through more than there is room for shall find the others.
                let mut nth = 0;
                tables.retain(|_, _| {
                    nth += 1;
                    nth % 8 != 0
                });
            }
            tables.insert(dir.to_owned(), (table.clone(), entry));
        }
        Ok(table)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, (DeltaTable, Entry)>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
