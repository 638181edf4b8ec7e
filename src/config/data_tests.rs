//! `models.….tests`: what must hold of a model's rows before anybody reads them.

use std::path::Path;

use super::files;
use super::walk::Walk;
use super::yaml::Node;
use super::{DataTest, DataTestRule};
use crate::diag::Diagnostic;

/// What a test can say.
pub(super) const RULES: [&str; 9] = [
    "not_null",
    "unique",
    "accepted_values",
    "relationships",
    "expression",
    "row_count",
    "freshness",
    "change",
    "no_rows",
];

/// Keys of a change.
pub(super) const CHANGE_KEYS: [&str; 2] = ["down", "up"];

/// Keys of `row_count`.
pub(super) const ROW_COUNT_KEYS: [&str; 2] = ["min", "max"];

const HELP: &str = "A test is one of `{not_null: COLUMNS}`, `{unique: COLUMNS}`, `{accepted_values: {COLUMN: [VALUES]}}`, \
     `{relationships: {COLUMN: MODEL.COLUMN}}`, `{expression: \"SQL that holds for each row\"}`, `{row_count: {min: 1}}`, \
     `{freshness: {COLUMN: 2 days}}`, `{change: {\"count(*)\": 20%}}`, `{no_rows: FILE.sql}`, each with `severity: warn` where it need not stop anything.";

/// Reads the tests of a model or a folder of models. Those with mistakes are left out.
pub(super) fn read(walk: &mut Walk<'_>, root: &Path, node: &Node) -> Vec<DataTest> {
    let items = walk.list(node, "`tests`").unwrap_or_default();
    items.iter().filter_map(|item| test(walk, root, item)).collect()
}

/// Keys of a test.
pub(super) fn keys() -> Vec<&'static str> {
    RULES.into_iter().chain(["severity"]).collect()
}

fn test(walk: &mut Walk<'_>, root: &Path, node: &Node) -> Option<DataTest> {
    let fields = walk.fields(node, "a test", &keys())?;
    let warns = match fields.get("severity") {
        Some(node) => match walk.text(node, "`severity`")?.as_str() {
            "error" => false,
            "warn" => true,
            other => {
                walk.unknown_name(&node.range, "severity", other, ["error", "warn"]);
                return None;
            }
        },
        None => false,
    };
    let given: Vec<(&str, &Node)> = RULES.iter().filter_map(|rule| Some((*rule, fields.get(rule)?))).collect();
    let [(rule, argument)] = given.as_slice() else {
        walk.report(Diagnostic::error("bad-test", "a test says exactly one thing").help(HELP), &node.range);
        return None;
    };
    let rule = match *rule {
        "not_null" => DataTestRule::NotNull(columns(walk, argument, "`not_null`")?),
        "unique" => DataTestRule::Unique(columns(walk, argument, "`unique`")?),
        "accepted_values" => {
            let (column, values) = only_entry(walk, argument, "`accepted_values`")?;
            let values = walk.list(values, "the accepted values")?;
            let values: Vec<_> = values.iter().filter_map(|value| walk.json(value, "an accepted value")).collect();
            if values.is_empty() {
                walk.error("empty-value", &argument.range, "no value is accepted");
                return None;
            }
            DataTestRule::AcceptedValues { column, values }
        }
        "relationships" => {
            let (column, to) = only_entry(walk, argument, "`relationships`")?;
            let text = walk.text(to, "the other side")?;
            let Some((table, field)) =
                text.rsplit_once('.').filter(|(table, field)| !table.is_empty() && !field.is_empty())
            else {
                let diagnostic = Diagnostic::error("bad-test", format!("`{text}` names no column of a table"))
                    .help("Write the other side as `model.column` or `schema.table.column`.");
                walk.report(diagnostic, &to.range);
                return None;
            };
            DataTestRule::Relationships { column, table: table.to_owned(), field: field.to_owned() }
        }
        "expression" => DataTestRule::Expression(walk.text(argument, "`expression`")?),
        "row_count" => {
            let fields = walk.fields(argument, "`row_count`", &ROW_COUNT_KEYS)?;
            let mut bound = |key: &str| {
                fields.get(key).and_then(|node| walk.integer::<u64>(node, &format!("`{key}`"), "from 0 on"))
            };
            let (min, max) = (bound("min"), bound("max"));
            if min.is_none() && max.is_none() {
                walk.error("missing-key", &argument.range, "`row_count` has neither `min` nor `max`");
                return None;
            }
            DataTestRule::RowCount { min, max }
        }
        "freshness" => {
            let (column, within) = only_entry(walk, argument, "`freshness`")?;
            let text = walk.text(within, "the age")?;
            let Some((amount, unit)) = age(&text) else {
                let diagnostic = Diagnostic::error("bad-value", format!("`{text}` is no age"))
                    .help("Write a number and a unit, such as `2 days`, `36 hours` or `90 minutes`.");
                walk.report(diagnostic, &within.range);
                return None;
            };
            DataTestRule::Freshness { column, amount, unit }
        }
        "change" => {
            let (measure, by) = only_entry(walk, argument, "`change`")?;
            let (down, up) = change(walk, by)?;
            DataTestRule::Change { measure, down, up }
        }
        _ => {
            let text = walk.text(argument, "`no_rows`")?;
            let path = files::relative(walk, &text, &argument.range)?;
            files::check(walk, root, &text, &argument.range, "file of a test")?;
            DataTestRule::NoRows(path)
        }
    };
    Some(DataTest { rule, warns, span: walk.span(&argument.range) })
}

/// Reads one column or a list of them.
pub(super) fn columns(walk: &mut Walk<'_>, node: &Node, what: &str) -> Option<Vec<String>> {
    if !node.is_list() {
        return Some(vec![walk.text(node, what)?]);
    }
    let columns: Vec<String> = walk.texts(node, what)?.into_iter().map(|(column, _)| column).collect();
    if columns.is_empty() {
        walk.error("empty-value", &node.range, format!("{what} names no column"));
        return None;
    }
    Some(columns)
}

/// Reads a mapping of one key, which is a column.
fn only_entry<'n>(walk: &mut Walk<'_>, node: &'n Node, what: &str) -> Option<(String, &'n Node)> {
    let entries = walk.entries(node, what)?;
    let [(key, value)] = entries.as_slice() else {
        walk.report(
            Diagnostic::error("bad-test", format!("{what} is about exactly one column")).help(HELP),
            &node.range,
        );
        return None;
    };
    Some((key.text.clone(), value))
}

/// Reads by how much a figure may fall and rise: `20%` for both, or `{down: 20%, up: 50%}`.
fn change(walk: &mut Walk<'_>, node: &Node) -> Option<(Option<f64>, Option<f64>)> {
    if node.get("down").is_none() && node.get("up").is_none() {
        let share = share(walk, node)?;
        return Some((Some(share), Some(share)));
    }
    let fields = walk.fields(node, "a change", &CHANGE_KEYS)?;
    let down = fields.get("down").map(|node| share(walk, node));
    let up = fields.get("up").map(|node| share(walk, node));
    // What is there and wrong has been reported.
    if down == Some(None) || up == Some(None) { None } else { Some((down.flatten(), up.flatten())) }
}

/// Reads a share: a number and a percent sign.
fn share(walk: &mut Walk<'_>, node: &Node) -> Option<f64> {
    let text = walk.text(node, "a share")?;
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    let share = number.filter(|number| number.is_finite() && *number >= 0.0).map(|number| number / 100.0);
    if share.is_none() {
        let diagnostic = Diagnostic::error("bad-value", format!("`{text}` is no share"))
            .help("Write `20%`, or `{down: 20%, up: 50%}` where it may rise by more than it may fall.");
        walk.report(diagnostic, &node.range);
    }
    share
}

/// Reads an age: a number and a unit from minutes to days.
fn age(text: &str) -> Option<(u32, &'static str)> {
    let (amount, unit) = text.trim().split_once(char::is_whitespace)?;
    let unit = match unit.trim().trim_end_matches('s') {
        "minute" => "MINUTE",
        "hour" => "HOUR",
        "day" => "DAY",
        _ => return None,
    };
    Some((amount.parse().ok()?, unit))
}
