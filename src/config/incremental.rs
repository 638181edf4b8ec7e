//! `materialized: incremental`: how a model's table takes in what is new.

use std::time::Duration;

use super::project::{Incremental, SchemaChange, Strategy};
use super::syncs::duration;
use super::walk::{Fields, Walk};
use super::yaml::Node;
use crate::diag::{Diagnostic, did_you_mean};

/// The keys that go with `materialized: incremental`.
pub(super) const KEYS: [&str; 7] =
    ["strategy", "unique_key", "soft_delete", "time_column", "lookback", "partition_by", "on_schema_change"];

pub(super) const STRATEGIES: [&str; 3] = ["append", "merge", "insert_overwrite"];

/// Reads them. `node` is where `incremental` stands.
pub(super) fn read(walk: &mut Walk<'_>, fields: &Fields<'_>, node: &Node) -> Option<Incremental> {
    let unique_key = columns(walk, fields, "unique_key");
    let partition_by = columns(walk, fields, "partition_by");
    let soft_delete = fields.get("soft_delete").and_then(|node| walk.text(node, "`soft_delete`"));
    let time_column = fields.get("time_column").and_then(|node| walk.text(node, "`time_column`"));
    let lookback = fields.get("lookback").and_then(|node| duration(walk, node, "`lookback`"));
    let on_schema_change = match fields.get("on_schema_change") {
        Some(node) => schema_change(walk, node)?,
        None => SchemaChange::Fail,
    };
    let strategy = match fields.get("strategy") {
        Some(node) => strategy(walk, node)?,
        None if unique_key.is_some() => "merge",
        None if time_column.is_some() || partition_by.is_some() => "insert_overwrite",
        None => {
            let diagnostic = Diagnostic::error(
                "missing-key",
                "an incremental model needs to know how it takes in rows",
            )
            .help(
                "Write `unique_key: [column]` to merge rows by their key, `time_column: column` to replace the newest \
                     days, `partition_by: [column]` to replace whole partitions, or `strategy: append` if rows only ever \
                     come.",
            );
            walk.report(diagnostic, &node.range);
            return None;
        }
    };
    let strategy = match strategy {
        "merge" => {
            let Some(unique_key) = unique_key.filter(|columns| !columns.is_empty()) else {
                return needs(walk, node, strategy, "unique_key");
            };
            refuse(walk, fields, strategy, &["time_column", "lookback", "partition_by"]);
            Strategy::Merge { unique_key, soft_delete }
        }
        "insert_overwrite" => {
            refuse(walk, fields, strategy, &["unique_key", "soft_delete"]);
            match (time_column, partition_by.filter(|columns| !columns.is_empty())) {
                (Some(time_column), None) => {
                    Strategy::InsertOverwrite { time_column, lookback: lookback.unwrap_or(Duration::ZERO) }
                }
                (None, Some(partition_by)) => {
                    if let Some(node) = fields.get("lookback") {
                        let message =
                            "`lookback` goes with `time_column`: by `partition_by`, the query says what is new";
                        walk.error("bad-value", &node.range, message);
                    }
                    Strategy::OverwritePartitions { partition_by }
                }
                (Some(_), Some(_)) => {
                    let diagnostic = Diagnostic::error(
                        "bad-value",
                        "`time_column` and `partition_by` both say what is replaced",
                    )
                    .help(
                        "Keep `time_column` to replace all rows of the newest time, or `partition_by` to replace the \
                             partitions that new rows are in.",
                    );
                    walk.report(diagnostic, fields.get("partition_by").map_or(&node.range, |node| &node.range));
                    return None;
                }
                (None, None) => return needs(walk, node, strategy, "time_column` or `partition_by"),
            }
        }
        _ => {
            refuse(walk, fields, strategy, &["unique_key", "soft_delete", "time_column", "lookback", "partition_by"]);
            Strategy::Append
        }
    };
    Some(Incremental { strategy, on_schema_change })
}

fn columns(walk: &mut Walk<'_>, fields: &Fields<'_>, key: &str) -> Option<Vec<String>> {
    let columns = walk.texts(fields.get(key)?, &format!("`{key}`"))?;
    Some(columns.into_iter().map(|(column, _)| column).collect())
}

fn strategy(walk: &mut Walk<'_>, node: &Node) -> Option<&'static str> {
    let text = walk.text(node, "`strategy`")?;
    let known = STRATEGIES.into_iter().find(|known| *known == text);
    if known.is_none() {
        unknown(walk, node, "strategy", &text, STRATEGIES);
    }
    known
}

fn schema_change(walk: &mut Walk<'_>, node: &Node) -> Option<SchemaChange> {
    let text = walk.text(node, "`on_schema_change`")?;
    match text.as_str() {
        "fail" => Some(SchemaChange::Fail),
        "append" => Some(SchemaChange::Append),
        "rebuild" => Some(SchemaChange::Rebuild),
        _ => {
            unknown(walk, node, "on_schema_change", &text, ["fail", "append", "rebuild"]);
            None
        }
    }
}

fn unknown(walk: &mut Walk<'_>, node: &Node, key: &str, text: &str, known: [&'static str; 3]) {
    let near = did_you_mean(text, known).map(|near| format!("Did you mean `{near}`? ")).unwrap_or_default();
    let [a, b, c] = known;
    let diagnostic = Diagnostic::error("bad-value", format!("`{key}` cannot be `{text}`"))
        .help(format!("{near}It is one of `{a}`, `{b}` and `{c}`."));
    walk.report(diagnostic, &node.range);
}

fn needs<T>(walk: &mut Walk<'_>, node: &Node, strategy: &str, key: &str) -> Option<T> {
    let diagnostic = Diagnostic::error("missing-key", format!("the strategy `{strategy}` needs `{key}`"))
        .help("See `Incremental models` in the README.");
    walk.report(diagnostic, &node.range);
    None
}

fn refuse(walk: &mut Walk<'_>, fields: &Fields<'_>, strategy: &str, keys: &[&str]) {
    for key in keys {
        if let Some(node) = fields.get(key) {
            walk.error("bad-value", &node.range, format!("`{key}` means nothing to the strategy `{strategy}`"));
        }
    }
}
