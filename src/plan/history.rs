//! The table that tells of runs: the statement that makes it, and the question which models were there.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::ids::{ModelName, TableName, string_literal};
use crate::manifest::HISTORY_COLUMNS;

/// Writes the query for what runs of a project have last made and dropped: step, and when it ended in milliseconds.
pub fn last_changes(table: &TableName, project: &str) -> String {
    format!(
        "SELECT step, CAST(unix_millis(max(ended_at)) AS STRING) AS at\nFROM {}\nWHERE project = {} AND outcome = 'succeeded' \
         AND (step LIKE 'build %' OR step LIKE 'defer %' OR step LIKE 'drop %')\nGROUP BY step",
        table.to_sql(),
        string_literal(project)
    )
}

/// Reads from the answer which models were made and not dropped after that, and when.
pub fn standing_models(changes: impl Iterator<Item = (String, DateTime<Utc>)>) -> BTreeMap<ModelName, DateTime<Utc>> {
    let (mut made, mut dropped) = (BTreeMap::new(), BTreeMap::new());
    for (step, at) in changes {
        let Some((act, model)) = step.split_once(' ') else { continue };
        let last = if act == "drop" { &mut dropped } else { &mut made };
        let last = last.entry(ModelName::new(model)).or_insert(at);
        *last = at.max(*last);
    }
    made.retain(|model, at| dropped.get(model).is_none_or(|dropped| dropped < at));
    made
}

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
