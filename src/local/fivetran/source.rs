//! What there is to read: a source's tables and their rows since the last sync.
//!
//! Every kind of source answers the same two questions, [`Source::tables`] and [`Source::changes`]; a further kind is a
//! further variant here and a further key of a connection's `local` config.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::mpsc;

use super::config::{FileSource, LocalSource, SampleSource};
use super::files;
use super::postgres::Database;
use super::sample::{self, Rows, Shop};
use crate::secret::Secret;

/// Why a source could not be read: a text for people, which becomes the details of the connection's task.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub(super) struct SourceError(pub(super) String);

impl SourceError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// An error with its whole chain of causes as one text.
    pub(super) fn chain(error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let next = error.to_string();
            // Many libraries repeat their cause.
            if !text.contains(&next) {
                text = format!("{text}: {next}");
            }
            cause = error.source();
        }
        Self(text)
    }
}

/// A table as the source has it.
#[derive(Clone, Debug)]
pub(super) struct SourceTable {
    /// Schema in the source.
    pub(super) schema: String,
    /// Name in the source.
    pub(super) name: String,
    /// Columns, by their names in the source, with the types they land with.
    pub(super) columns: SchemaRef,
    /// Primary key, by names in the source; empty: none.
    pub(super) key: Vec<String>,
}

impl SourceTable {
    /// `schema.table`.
    pub(super) fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

/// Rows of a table.
pub(super) type RowStream = BoxStream<'static, Result<RecordBatch, SourceError>>;

/// What a source has to say about a table since a cursor.
pub(super) enum Changes {
    /// Nothing happened.
    Nothing {
        /// What to pass next time.
        cursor: Value,
    },
    /// All rows of the table: keys that are not among them are deleted.
    Snapshot {
        /// The rows.
        rows: RowStream,
        /// What to pass next time.
        cursor: Value,
    },
    /// Rows that may be new or changed, and the keys of all rows: what has other keys is gone.
    Keyed {
        /// Rows that are new or changed.
        rows: RowStream,
        /// The key columns of all rows.
        keys: RowStream,
        /// What to pass next time.
        cursor: Value,
    },
    /// Rows that may be new or changed, and rows that are gone.
    Delta {
        /// Rows that are new or changed.
        rows: RowStream,
        /// Rows that are gone, in the columns of the table.
        deleted: RowStream,
        /// What to pass next time.
        cursor: Value,
    },
}

/// A source, opened for one sync.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// The generated shop.
    Sample {
        /// Seed and size.
        config: SampleSource,
        /// Seconds since 1970 up to which this sync sees the shop.
        end: i64,
    },
    /// Files.
    Files(Arc<indexmap::IndexMap<String, FileSource>>),
    /// A PostgreSQL server.
    Postgres(Database),
}

impl Source {
    /// Opens a source. `successes` is how many syncs of the connection have succeeded: each shows more of the shop.
    pub(super) async fn open(local: LocalSource, address: Option<Secret>, successes: u64) -> Result<Self, SourceError> {
        match local {
            LocalSource::Sample(config) if config.customers == 0 || config.customers > sample::MOST_CUSTOMERS => {
                Err(SourceError::new(format!(
                    "a sample shop has 1 to {} customers, not {}; set `local.sample.customers`",
                    sample::MOST_CUSTOMERS,
                    config.customers
                )))
            }
            LocalSource::Sample(config) => Ok(Self::Sample { config, end: sample::horizon(successes) }),
            LocalSource::Files(tables) => Ok(Self::Files(Arc::new(tables))),
            LocalSource::Postgres(config) => Database::open(config, address).await.map(Self::Postgres),
        }
    }

    /// Lists the tables with their columns. Files are opened for it, and those whose types are inferred are read.
    pub(super) async fn tables(&self) -> Result<Vec<SourceTable>, SourceError> {
        match self {
            Self::Sample { .. } => Ok(sample::Table::ALL
                .map(|table| SourceTable {
                    schema: "public".to_owned(),
                    name: table.name().to_owned(),
                    columns: table.schema(),
                    key: vec!["id".to_owned()],
                })
                .to_vec()),
            Self::Files(tables) => {
                let tables = Arc::clone(tables);
                blocking(move || tables.iter().map(|(name, file)| files::table(name, file)).collect()).await
            }
            Self::Postgres(database) => database.tables().await,
        }
    }

    /// Reads what happened to a table since the cursor that the last successful sync gave back; all of it without one.
    pub(super) async fn changes(&self, table: &SourceTable, cursor: Option<&Value>) -> Result<Changes, SourceError> {
        match self {
            Self::Sample { config, end } => Ok(sample_changes(config, *end, table, cursor)),
            Self::Postgres(database) => database.changes(table, cursor).await,
            Self::Files(tables) => {
                let file = tables.get(&table.full_name()).cloned().ok_or_else(|| gone(table))?;
                let (columns, cursor) = (Arc::clone(&table.columns), cursor.cloned());
                let state = {
                    let (file, columns) = (file.clone(), Arc::clone(&columns));
                    blocking(move || files::state(&file, &columns, cursor.as_ref())).await?
                };
                match state {
                    files::State::Same(cursor) => Ok(Changes::Nothing { cursor }),
                    files::State::Changed(cursor) => {
                        let rows = stream(move |sink| files::read(&file, &columns, sink));
                        Ok(Changes::Snapshot { rows, cursor })
                    }
                }
            }
        }
    }
}

fn gone(table: &SourceTable) -> SourceError {
    SourceError::new(format!("the source has no table {}", table.full_name()))
}

fn sample_changes(config: &SampleSource, end: i64, table: &SourceTable, cursor: Option<&Value>) -> Changes {
    let shop = Shop::new(config.seed, config.customers);
    let Some(table) = sample::Table::ALL.into_iter().find(|t| t.name() == table.name) else {
        let message = gone(table);
        return Changes::Snapshot { rows: futures::stream::once(async { Err(message) }).boxed(), cursor: Value::Null };
    };
    // A cursor of another shop is worth nothing.
    let shop_cursor = |end: i64| json!({"seed": config.seed, "customers": config.customers, "until": end});
    let since = cursor.and_then(|c| c.get("until")?.as_i64()).filter(|since| cursor == Some(&shop_cursor(*since)));
    let read = move |rows| {
        stream(move |sink| {
            for batch in shop.read(table, rows, end) {
                sink.send(batch)?;
            }
            Ok(())
        })
    };
    let cursor = shop_cursor(end);
    match since {
        Some(since) if since >= end => Changes::Nothing { cursor: shop_cursor(since) },
        Some(since) => {
            Changes::Delta { rows: read(Rows::ChangedSince(since)), deleted: read(Rows::DeletedSince(since)), cursor }
        }
        None => Changes::Snapshot { rows: read(Rows::All), cursor },
    }
}

/// Where a reading thread puts its batches; waits while the other side is busy, so that few are in memory.
pub(super) struct Sink(mpsc::Sender<Result<RecordBatch, SourceError>>);

impl Sink {
    /// Hands a batch over; fails if nobody wants more.
    pub(super) fn send(&self, batch: RecordBatch) -> Result<(), SourceError> {
        self.0.blocking_send(Ok(batch)).map_err(|_| SourceError::new("the sync was stopped"))
    }
}

/// Runs a reader on a thread that may block, and gives its batches as a stream.
fn stream(read: impl FnOnce(&Sink) -> Result<(), SourceError> + Send + 'static) -> RowStream {
    let (sender, receiver) = mpsc::channel(2);
    // The reader starts with the first poll: tables wait for their turn, and their readers should not sit on threads.
    let start = futures::stream::once(async move {
        tokio::task::spawn_blocking(move || {
            let sink = Sink(sender);
            if let Err(error) = read(&sink) {
                // If nobody listens any more, nobody needs to know.
                let _ = sink.0.blocking_send(Err(error));
            }
        });
        futures::stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|b| (b, receiver)) })
    });
    start.flatten().boxed()
}

/// Runs work that blocks on a thread for it.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(SourceError::new(format!("reading the source ended abnormally: {error}"))),
    }
}
