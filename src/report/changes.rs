//! A deploy's plan: as text for people, as JSON for programs.

use std::fmt::Write as _;

use console::Style;
use serde_json::{Value, json};

use super::estimate;
use crate::plan::{Act, DeployPlan};

/// Version of the JSON's shape; it grows when a reader of older plans could misunderstand newer ones.
const VERSION: u32 = 1;

/// Writes a plan for people: a line for each object that changes, why below it, then the sum.
pub fn text(plan: &DeployPlan, color: bool) -> String {
    let style = |style: Style| style.force_styling(color);
    let dim = style(Style::new().dim());
    let mut text = String::new();
    // Writing to a text cannot fail.
    for change in &plan.changes {
        let (mark, look) = mark(change.act);
        let look = style(look);
        let drift = if change.drift { "  (drifted)" } else { "" };
        let _ = writeln!(text, "  {} {:10} {}{drift}", look.apply_to(mark), change.kind, change.name);
        for reason in &change.reasons {
            let _ = writeln!(text, "      {}", dim.apply_to(reason));
        }
        if let Some(estimate) = plan.estimates.get(&change.name) {
            let _ = writeln!(text, "      {}", dim.apply_to(estimate::in_words(estimate)));
        }
        for field in &change.fields {
            let _ = writeln!(text, "        {field}");
        }
        for line in change.diff.iter().flat_map(|diff| diff.lines()) {
            let line = match line.as_bytes().first() {
                Some(b'+') => style(Style::new().green()).apply_to(line),
                Some(b'-') => style(Style::new().red()).apply_to(line),
                _ => dim.apply_to(line),
            };
            let _ = writeln!(text, "        {line}");
        }
    }
    if !plan.changes.is_empty() {
        text.push('\n');
    }
    let _ = writeln!(text, "{}", sum(plan));
    if let Some(lock) = &plan.lock {
        let _ = writeln!(text, "at the moment {}", lock.in_words());
    }
    text
}

/// Writes a plan as one JSON object.
pub fn json(plan: &DeployPlan) -> String {
    let mut json = json!({
        "event": "plan",
        "version": VERSION,
        "project": plan.run.project,
        "environment": plan.run.environment,
        "catalog": plan.run.catalog,
        "schema": plan.run.schema,
        "changes": plan.changes,
        "unchanged": plan.unchanged,
        "content": plan.run.content(),
    });
    if !plan.estimates.is_empty() {
        json["estimates"] = json!(plan.estimates);
    }
    json.to_string()
}

/// Tells whether a plan is the one that was saved as JSON: the same changes, with the same content.
pub fn is_saved_as(plan: &DeployPlan, saved: &Value) -> bool {
    let now: Value = serde_json::from_str(&json(plan)).unwrap_or_default();
    let bound = ["version", "project", "environment", "catalog", "schema", "changes", "content"];
    bound.iter().all(|key| now[*key] == saved[*key])
}

/// Says in one line how much there is to do.
pub(super) fn sum(plan: &DeployPlan) -> String {
    let mut parts: Vec<String> = ORDER
        .iter()
        .filter_map(|(act, words)| {
            let count = plan.changes.iter().filter(|change| change.act == *act).count();
            (count > 0).then(|| format!("{count} {words}"))
        })
        .collect();
    if parts.is_empty() {
        return match plan.unchanged {
            0 => "nothing to do: there is nothing of this project".to_owned(),
            1 => "nothing to do: the one object is as the project says".to_owned(),
            many => format!("nothing to do: all {many} objects are as the project says"),
        };
    }
    parts.push(format!("{} unchanged", plan.unchanged));
    parts.join(", ")
}

const ORDER: [(Act, &str); 12] = [
    (Act::Create, "to create"),
    (Act::Sync, "to sync"),
    (Act::Update, "to update"),
    (Act::Rebuild, "to rebuild"),
    (Act::Replace, "to replace"),
    (Act::Defer, "to read from elsewhere"),
    (Act::Publish, "to publish"),
    (Act::Drop, "to drop"),
    (Act::Orphan, "left behind (--prune drops them)"),
    (Act::Foreign, "not kiln's (--adopt takes them over)"),
    (Act::Edited, "edited in the workspace (--overwrite-edits replaces them)"),
    (Act::Mismatch, "not what the project takes them for"),
];

fn mark(act: Act) -> (&'static str, Style) {
    match act {
        Act::Create => ("+", Style::new().green()),
        Act::Sync => (">", Style::new().cyan()),
        Act::Defer => ("→", Style::new().cyan()),
        Act::Update | Act::Publish => ("~", Style::new().yellow()),
        Act::Rebuild | Act::Replace => ("±", Style::new().yellow()),
        Act::Drop => ("-", Style::new().red()),
        Act::Orphan => ("·", Style::new().dim()),
        Act::Foreign | Act::Edited | Act::Mismatch => ("!", Style::new().red().bold()),
    }
}
