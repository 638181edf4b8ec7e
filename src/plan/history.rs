//! The table that tells of runs: the statement that makes it.

use crate::ids::{TableName, string_literal};
use crate::manifest::HISTORY_COLUMNS;

/// Writes the statement that makes the table, which may be there already.
pub fn history_creation(table: &TableName) -> String {
    let columns =
        HISTORY_COLUMNS.map(|(name, kind, comment)| format!("{name} {kind} COMMENT {}", string_literal(comment)));
    format!(
        "CREATE TABLE IF NOT EXISTS {} (\n  {}\n) COMMENT 'Runs of kiln, a row a step'",
        table.to_sql(),
        columns.join(",\n  ")
    )
}
