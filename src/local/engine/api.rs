//! What goes into the engine and what comes out of it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::OwnedMutexGuard;

use super::spool::Spool;
use crate::ids::TableName;
use crate::local::Clock;

/// What an engine may use.
#[derive(Clone)]
pub struct Settings {
    /// Tells the time: `current_timestamp()`, and when things were made.
    pub clock: Clock,
    /// Bytes that statements may hold in memory together before they spill to disk.
    pub memory_limit: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { clock: Arc::new(Utc::now), memory_limit: 2 << 30 }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("memory_limit", &self.memory_limit).finish_non_exhaustive()
    }
}

/// One statement to run, as the SQL Statement Execution API takes it.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The text of one statement.
    pub sql: String,
    /// The catalog of names that do not say theirs.
    pub catalog: Option<String>,
    /// The schema of names that do not say theirs.
    pub schema: Option<String>,
    /// Values of the named markers (`:name`).
    pub parameters: Vec<Parameter>,
    /// At most so many rows come back.
    pub row_limit: Option<u64>,
    /// Reading of a query's rows ends behind so many bytes of text, or of Arrow where they are spooled.
    pub byte_limit: Option<u64>,
    /// Whether a query's rows go into a file instead of [`Output::rows`].
    pub spool: bool,
    /// The id by which the service knows the statement; its commits bear it.
    pub statement_id: Option<String>,
}

impl Request {
    /// A request of the text alone.
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), ..Self::default() }
    }
}

/// The value of a named marker.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The marker's name, without the colon.
    pub name: String,
    /// The value as text, converted as `CAST` does; `None` is NULL.
    pub value: Option<String>,
    /// The SQL type: `INT`, `DECIMAL(10,2)`, …; `None` means `STRING`.
    pub type_: Option<String>,
}

/// A column of a result, as the manifest of the SQL Statement Execution API describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name as the query gave it.
    pub name: String,
    /// `LONG`, `STRING`, `DECIMAL`, `TIMESTAMP`, …
    pub type_name: String,
    /// `BIGINT`, `STRING`, `DECIMAL(12,2)`, `ARRAY<INT>`, …
    pub type_text: String,
    /// Digits in all, of a decimal.
    pub precision: Option<u8>,
    /// Digits after the point, of a decimal.
    pub scale: Option<i8>,
    /// The qualifier of an interval, such as `DAY TO SECOND`.
    pub interval_type: Option<String>,
}

/// The answer to a statement.
#[derive(Debug, Default)]
pub struct Output {
    /// The columns; none for statements without a result.
    pub columns: Vec<Column>,
    /// The rows: each cell as `JSON_ARRAY` prints it, `None` for NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// The rows of a query that was asked to spool them; `rows` is empty then.
    pub spool: Option<Spool>,
    /// Whether `row_limit` or `byte_limit` cut rows off.
    pub truncated: bool,
    /// Whether the statement reads only (a query, `DESCRIBE`, `SHOW`).
    pub is_query: bool,
    /// What kind of statement it was, as query history names it: `SELECT`, `INSERT`, `CREATE`, `DROP`, `DELETE`,
    /// `DESCRIBE`, `SHOW`, `ALTER`, …
    pub statement_type: &'static str,
    /// Bytes of data files that were read for it.
    pub read_bytes: u64,
    /// Bytes of the data files that it gave to tables.
    pub written_bytes: u64,
}

/// How many bytes a row takes as text, with what stands between the cells.
pub fn row_bytes(row: &[Option<String>]) -> usize {
    2 + row.iter().map(|cell| cell.as_ref().map_or(4, String::len) + 3).sum::<usize>()
}

/// A catalog or a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceInfo {
    /// Its own name.
    pub name: String,
    /// What it is for.
    pub comment: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Its identity, a UUID.
    pub id: String,
}

/// What a name in a schema stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableType {
    /// A Delta table in the engine's folder.
    Managed,
    /// A view.
    View,
    /// A view whose rows are kept as a table.
    MaterializedView,
}

impl TableType {
    /// What Unity Catalog calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Managed => "MANAGED",
            Self::View => "VIEW",
            Self::MaterializedView => "MATERIALIZED_VIEW",
        }
    }
}

/// A column of a table or view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Name and type.
    pub column: Column,
    /// Place among the columns, from 0.
    pub position: usize,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// What it is for.
    pub comment: Option<String>,
    /// Its place among the partition columns, from 0.
    pub partition_index: Option<usize>,
    /// The expression of its default.
    pub default: Option<String>,
    /// `GENERATED …`, as it is written in a `CREATE TABLE`.
    pub generated: Option<String>,
}

/// A table or a view.
#[derive(Clone, Debug)]
pub struct TableInfo {
    /// The full name.
    pub name: TableName,
    /// Table or view.
    pub table_type: TableType,
    /// The columns, in order.
    pub columns: Vec<ColumnInfo>,
    /// What it is for.
    pub comment: Option<String>,
    /// Table properties, those of Delta (`delta.*`) included.
    pub properties: BTreeMap<String, String>,
    /// A view's query.
    pub view_definition: Option<String>,
    /// Where a table's files are.
    pub storage_location: Option<PathBuf>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed: its data, its columns or its properties.
    pub updated_at: DateTime<Utc>,
    /// Its identity, a UUID.
    pub id: String,
}

/// Held while a table is written.
#[derive(Debug)]
pub struct WriteGuard {
    _held: OwnedMutexGuard<()>,
}

impl WriteGuard {
    pub(super) fn new(held: OwnedMutexGuard<()>) -> Self {
        Self { _held: held }
    }
}
