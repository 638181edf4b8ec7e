//! The query history: every statement that ran, found again by id, time or state. It survives restarts.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::store::{Store, StoreError};
use crate::databricks::wire::HistoryQuery;

/// One line a change: a statement's first line is its whole entry, later ones leave out the text.
const DOCUMENT: &str = "history.jsonl";

/// How many statements, and how many bytes of their texts, are remembered.
const MOST_ENTRIES: usize = 5_000;
const MOST_TEXT: usize = 32 << 20;

/// What an entry says whose end was never written: the process died, and nobody knows what the statement still did.
const INTERRUPTED: &str =
    "the workspace ended while this statement was running; whether it took effect must be read from its table";

/// Which entries a page of the history shall show.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// Any of these ids; empty for all.
    pub(super) statement_ids: Vec<String>,
    /// Any of these states; empty for all.
    pub(super) statuses: Vec<String>,
    /// Any of these warehouses; empty for all.
    pub(super) warehouse_ids: Vec<String>,
    /// Not before this time, in milliseconds since 1970.
    pub(super) start_ms: Option<i64>,
    /// Not after this time, in milliseconds since 1970.
    pub(super) end_ms: Option<i64>,
}

impl Filter {
    fn takes(&self, entry: &HistoryQuery) -> bool {
        let among = |wanted: &[String], value: Option<&str>| {
            wanted.is_empty() || value.is_some_and(|value| wanted.iter().any(|wanted| wanted == value))
        };
        let start = entry.query_start_time_ms.unwrap_or_default();
        among(&self.statement_ids, Some(&entry.query_id))
            && among(&self.statuses, entry.status.as_deref())
            && among(&self.warehouse_ids, entry.warehouse_id.as_deref())
            && self.start_ms.is_none_or(|first| start >= first)
            && self.end_ms.is_none_or(|last| start <= last)
    }
}

/// The history itself.
#[derive(Debug)]
pub(super) struct History {
    store: Arc<Store>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Oldest first.
    entries: VecDeque<HistoryQuery>,
    /// The number of each entry, counted since the history was opened; forgotten entries count too.
    numbers: HashMap<String, usize>,
    forgotten: usize,
    text_bytes: usize,
    lines: usize,
}

impl History {
    /// Reads the history. Lines that a crash cut short are left out; statements that never ended are marked so.
    pub(super) fn open(store: Arc<Store>) -> Result<Self, StoreError> {
        let mut inner = Inner::default();
        let bytes = store.read_bytes(DOCUMENT)?.unwrap_or_default();
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice::<HistoryQuery>(line) {
                Ok(entry) => inner.put(entry),
                Err(error) => tracing::warn!("left out a line of the query history: {error}"),
            }
        }
        for entry in &mut inner.entries {
            if entry.is_final != Some(true) {
                entry.status = Some("FAILED".to_owned());
                entry.is_final = Some(true);
                entry.error_message = Some(INTERRUPTED.to_owned());
            }
        }
        let history = Self { store, inner: Mutex::new(inner) };
        if !bytes.is_empty() {
            history.rewrite(&mut history.lock())?;
        }
        Ok(history)
    }

    /// Notes a statement, or what has become of it.
    pub(super) fn note(&self, entry: HistoryQuery) {
        let mut inner = self.lock();
        let known = inner.find(&entry.query_id).is_some();
        let mut line = entry.clone();
        if known {
            line.query_text = None;
        }
        inner.put(entry);
        inner.lines += 1;
        let written = if inner.lines > 4 * MOST_ENTRIES {
            self.rewrite(&mut inner)
        } else {
            let mut bytes = serde_json::to_vec(&line).expect("a history entry has only texts and numbers");
            bytes.push(b'\n');
            self.store.append(DOCUMENT, &bytes)
        };
        // The statement itself is none the worse for it.
        if let Err(error) = written {
            tracing::error!("the query history is not kept: {error}");
        }
    }

    /// Returns a statement's entry.
    pub(super) fn get(&self, id: &str) -> Option<HistoryQuery> {
        let inner = self.lock();
        inner.find(id).map(|index| inner.entries[index].clone())
    }

    /// Returns at most `most` fitting entries, newest first, starting behind the entry `after`, and whether there are
    /// more. None if `after` is not (or no longer) in the history.
    pub(super) fn page(&self, filter: &Filter, after: Option<&str>, most: usize) -> Option<(Vec<HistoryQuery>, bool)> {
        let inner = self.lock();
        let end = match after {
            Some(id) => inner.find(id)?,
            None => inner.entries.len(),
        };
        let mut fitting = inner.entries.range(..end).rev().filter(|entry| filter.takes(entry));
        let page = fitting.by_ref().take(most).cloned().collect();
        Some((page, fitting.next().is_some()))
    }

    fn rewrite(&self, inner: &mut Inner) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        for entry in &inner.entries {
            serde_json::to_writer(&mut bytes, entry).expect("a history entry has only texts and numbers");
            bytes.push(b'\n');
        }
        inner.lines = inner.entries.len();
        self.store.write_bytes(DOCUMENT, &bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn find(&self, id: &str) -> Option<usize> {
        self.numbers.get(id).map(|number| number - self.forgotten)
    }

    fn put(&mut self, entry: HistoryQuery) {
        match self.find(&entry.query_id) {
            Some(index) => {
                let old = &mut self.entries[index];
                let text = old.query_text.take();
                *old = entry;
                old.query_text = text.or(old.query_text.take());
            }
            None => {
                self.text_bytes += text_len(&entry);
                self.numbers.insert(entry.query_id.clone(), self.forgotten + self.entries.len());
                self.entries.push_back(entry);
            }
        }
        while self.entries.len() > MOST_ENTRIES || (self.text_bytes > MOST_TEXT && self.entries.len() > 1) {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.forgotten += 1;
            self.numbers.remove(&oldest.query_id);
            self.text_bytes -= text_len(&oldest);
        }
    }
}

fn text_len(entry: &HistoryQuery) -> usize {
    entry.query_text.as_ref().map_or(0, String::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, status: &str, start: i64) -> HistoryQuery {
        HistoryQuery {
            query_id: id.to_owned(),
            query_text: Some(format!("SELECT '{id}'")),
            status: Some(status.to_owned()),
            is_final: Some(status != "RUNNING"),
            warehouse_id: Some("local".to_owned()),
            query_start_time_ms: Some(start),
            ..HistoryQuery::default()
        }
    }

    fn ids(page: &[HistoryQuery]) -> Vec<&str> {
        page.iter().map(|entry| entry.query_id.as_str()).collect()
    }

    #[test]
    fn pages_run_from_the_newest_to_the_oldest() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(Arc::new(Store::new(folder.path()))).unwrap();
        for (index, id) in ["a", "b", "c", "d"].into_iter().enumerate() {
            history.note(entry(id, "FINISHED", index as i64));
        }
        let all = Filter::default();
        let (page, more) = history.page(&all, None, 3).unwrap();
        assert_eq!((ids(&page), more), (vec!["d", "c", "b"], true));
        let (page, more) = history.page(&all, Some("b"), 3).unwrap();
        assert_eq!((ids(&page), more), (vec!["a"], false));
        assert!(history.page(&all, Some("x"), 3).is_none());
        let narrow = Filter { start_ms: Some(1), end_ms: Some(2), ..Filter::default() };
        assert_eq!(ids(&history.page(&narrow, None, 9).unwrap().0), ["c", "b"]);
        let other = Filter { warehouse_ids: vec!["else".into()], ..Filter::default() };
        assert!(history.page(&other, None, 9).unwrap().0.is_empty());
    }

    #[test]
    fn a_restart_keeps_what_ended_and_marks_what_did_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::new(folder.path()));
        let history = History::open(Arc::clone(&store)).unwrap();
        history.note(entry("a", "RUNNING", 1));
        history.note(entry("b", "RUNNING", 2));
        history.note(entry("a", "FINISHED", 1));
        drop(history);
        store.append(DOCUMENT, b"{\"query_id\":\"torn").unwrap();
        for _ in 0..2 {
            let history = History::open(Arc::clone(&store)).unwrap();
            let a = history.get("a").unwrap();
            assert_eq!((a.status.as_deref(), a.query_text.as_deref()), (Some("FINISHED"), Some("SELECT 'a'")));
            let b = history.get("b").unwrap();
            assert_eq!((b.status.as_deref(), b.error_message.as_deref()), (Some("FAILED"), Some(INTERRUPTED)));
            assert_eq!(history.page(&Filter::default(), None, 9).unwrap().0.len(), 2);
        }
    }

    #[test]
    fn the_history_is_bounded() {
        let mut inner = Inner::default();
        for index in 0..MOST_ENTRIES + 3 {
            inner.put(entry(&index.to_string(), "FINISHED", 0));
        }
        assert_eq!(inner.entries.len(), MOST_ENTRIES);
        assert_eq!(inner.entries[0].query_id, "3");
        assert_eq!((inner.find("2"), inner.find("3"), inner.find("4")), (None, Some(0), Some(1)));
        let mut big = entry("big", "FINISHED", 0);
        big.query_text = Some("x".repeat(MOST_TEXT));
        inner.put(big);
        assert_eq!(inner.entries.len(), 1);
    }
}
