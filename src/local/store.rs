//! Small documents on disk, each replaced as a whole: after a crash a reader finds the old one or the new one.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// A document that could not be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The document is there but is not what kiln wrote.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The document.
        path: PathBuf,
        /// What is wrong with its text.
        source: serde_json::Error,
    },
    /// The file system refused.
    #[error("cannot {act} {}", path.display())]
    Io {
        /// `read`, `write`, `remove` or `list`.
        act: &'static str,
        /// The document or folder.
        path: PathBuf,
        /// The file system's answer.
        source: std::io::Error,
    },
}

/// A folder of documents. Names are relative paths with `/` between their parts.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    next_temporary: AtomicU64,
}

impl Store {
    /// Makes a store in the folder, which is made when the first document is written.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), next_temporary: AtomicU64::new(0) }
    }

    /// Reads a JSON document; none if it does not exist.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let Some(bytes) = self.read_bytes(name)? else { return Ok(None) };
        match serde_json::from_slice(&bytes) {
            Ok(document) => Ok(Some(document)),
            Err(source) => Err(StoreError::Damaged { path: self.path(name), source }),
        }
    }

    /// Writes a JSON document, replacing the one of that name.
    pub fn write<T: Serialize>(&self, name: &str, document: &T) -> Result<(), StoreError> {
        let mut bytes = serde_json::to_vec_pretty(document)
            .map_err(|source| StoreError::Damaged { path: self.path(name), source })?;
        bytes.push(b'\n');
        self.write_bytes(name, &bytes)
    }

    /// Reads a document's bytes; none if it does not exist.
    pub fn read_bytes(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Io { act: "read", path, source }),
        }
    }

    /// Writes a document of any bytes, replacing the one of that name.
    pub fn write_bytes(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path(name);
        let folder = path.parent().unwrap_or(&self.dir);
        let number = self.next_temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = folder.join(format!(".{number}.tmp"));
        let write = || {
            std::fs::create_dir_all(folder)?;
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&temporary, &path)
        };
        write().map_err(|source| {
            // The half-written file is of no use; that it cannot be removed either adds nothing to the first error.
            let _ = std::fs::remove_file(&temporary);
            StoreError::Io { act: "write", path: path.clone(), source }
        })
    }

    /// Adds bytes at the end of a document, made if it is missing. Unlike the other writes this one can be cut short
    /// by a crash, so readers must bear a torn end.
    pub fn append(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path(name);
        let write = || {
            std::fs::create_dir_all(path.parent().unwrap_or(&self.dir))?;
            OpenOptions::new().append(true).create(true).open(&path)?.write_all(bytes)
        };
        write().map_err(|source| StoreError::Io { act: "write", path: path.clone(), source })
    }

    /// Removes a document; one that does not exist counts as removed.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path(name);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::Io { act: "remove", path, source })
            }
            _ => Ok(()),
        }
    }

    /// Returns the names of the documents in a folder of the store, sorted; none if there is no such folder.
    pub fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let path = self.path(folder);
        let failed = |source| StoreError::Io { act: "list", path: path.clone(), source };
        let entries = match std::fs::read_dir(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
            // What a crash left of a write begins with a dot.
            if !name.starts_with('.') {
                names.push(format!("{folder}/{name}"));
            }
        }
        names.sort();
        Ok(names)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(Path::new(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_replaced_listed_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("documents"));
        assert_eq!(store.read::<Vec<u8>>("a/x.json").unwrap(), None);
        assert_eq!(store.list("a").unwrap(), Vec::<String>::new());
        store.write("a/x.json", &[1, 2]).unwrap();
        store.write("a/x.json", &[3]).unwrap();
        store.write("a/b.json", &[4]).unwrap();
        assert_eq!(store.read::<Vec<u8>>("a/x.json").unwrap(), Some(vec![3]));
        assert_eq!(store.list("a").unwrap(), ["a/b.json", "a/x.json"]);
        store.remove("a/x.json").unwrap();
        store.remove("a/x.json").unwrap();
        assert_eq!(store.list("a").unwrap(), ["a/b.json"]);
    }

    #[test]
    fn a_damaged_document_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.json"), "{\"a\":").unwrap();
        let error = Store::new(folder.path()).read::<serde_json::Value>("x.json").unwrap_err();
        assert_eq!(error.to_string(), format!("{} is damaged", folder.path().join("x.json").display()));
        assert!(std::error::Error::source(&error).unwrap().to_string().starts_with("EOF while parsing"));
    }
}
