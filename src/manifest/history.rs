//! The table that tells of runs, as far as queries read it. kiln makes it and writes it; dashboards may show it.

use crate::analysis::{Column, DataType};

/// The table that tells of runs.
pub const HISTORY_TABLE: &str = "_kiln_runs";

/// The columns of the history, with their types and what they say.
pub const HISTORY_COLUMNS: [(&str, &str, &str); 30] = [
    ("run", "STRING", "The run"),
    ("project", "STRING", "The project"),
    ("environment", "STRING", "The environment of the project"),
    ("act", "STRING", "What was done, as a command"),
    ("run_started_at", "TIMESTAMP", "When the run began, by the clock of the machine that ran it"),
    ("run_result", "STRING", "How the run ended; running if it goes on, or was broken off"),
    ("run_by", "STRING", "Who ran it"),
    ("machine", "STRING", "Where it was run"),
    ("git_commit", "STRING", "The commit of the project"),
    ("kiln_version", "STRING", "The version of kiln"),
    ("step", "STRING", "The step"),
    ("kind", "STRING", "What the step does"),
    ("outcome", "STRING", "How the step ended"),
    ("summary", "STRING", "What came of it, or why it failed"),
    ("ended_at", "TIMESTAMP", "When the step ended"),
    ("milliseconds", "BIGINT", "How long the step took; 0 if it never began"),
    ("statement_id", "STRING", "Its statement on the warehouse"),
    ("table_name", "STRING", "The table that it changed"),
    ("version_before", "BIGINT", "The version that this table had before"),
    ("tests_passed", "BIGINT", "Tests that the new rows passed; NULL if none were run"),
    ("tests_warned", "BIGINT", "Tests that they failed, and which only warn"),
    ("tests_failed", "BIGINT", "Tests that they failed, so that they were not published"),
    ("waited_milliseconds", "BIGINT", "How long of its time it waited for a place, or was queued in the warehouse"),
    ("rows_written", "BIGINT", "Rows that its largest statement wrote"),
    ("bytes_read", "BIGINT", "Bytes of data that its statement read; NULL if the query history did not tell"),
    ("attempt", "BIGINT", "How often its statement was sent; NULL if it was none that writes"),
    ("version_after", "BIGINT", "The version that it gave this table; NULL if the workspace did not tell"),
    ("versions_read", "STRING", "The versions of tables of sources that it read, as JSON"),
    ("bytes_written", "BIGINT", "Bytes of data that its statement wrote; NULL if the query history did not tell"),
    ("queued_milliseconds", "BIGINT", "How long of the time that it waited it was queued in the warehouse"),
];

/// Returns its columns as a query sees them.
pub(super) fn columns() -> Vec<Column> {
    let column = |(name, data_type, _): &(&str, &str, &str)| Column {
        name: (*name).to_owned(),
        data_type: DataType::parse(data_type),
    };
    HISTORY_COLUMNS.iter().map(column).collect()
}
