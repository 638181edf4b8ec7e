//! What changed since another state of the project, and what that affects: as text, as JSON, as Markdown.

use std::fmt::Write as _;

use console::Style;
use serde_json::json;

use crate::manifest::changes::{Act, Change, Changes, ColumnAct, ColumnChange, Named};
use crate::manifest::lineage::NodeKind;

/// The version of the JSON form.
const VERSION: u32 = 1;
/// The most readers of a column that are named in text.
const MOST: usize = 8;

/// What is compared with: as it was asked for, and the commit that this is.
#[derive(Clone, Copy, Debug)]
pub struct Since<'s> {
    /// What was asked for.
    pub revision: &'s str,
    /// The commit.
    pub commit: &'s str,
}

impl Since<'_> {
    fn short(&self) -> &str {
        self.commit.get(..10).unwrap_or(self.commit)
    }
}

/// Writes the changes for people.
pub fn text(changes: &Changes, since: Since<'_>, color: bool) -> String {
    let style = |style: Style, text: &str| style.force_styling(color).apply_to(text).to_string();
    let mut text = String::new();
    for change in &changes.changed {
        let (mark, paint) = mark(change.act);
        let path =
            change.path.as_ref().map(|path| format!("  {}", style(Style::new().dim(), path))).unwrap_or_default();
        let kind = style(Style::new().dim(), change.kind.as_str());
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{} {}  {kind}{path}", style(paint, mark), style(Style::new().bold(), &change.name));
        for what in &change.what {
            let _ = writeln!(text, "    {what}");
        }
        for column in &change.columns {
            let _ = writeln!(text, "    {}", in_words(column));
            if !column.read_by.is_empty() {
                let _ = writeln!(text, "        {} {}", style(Style::new().dim(), read_word(column)), readers(column));
            }
        }
    }
    if !changes.affected.is_empty() {
        let _ = writeln!(text, "\n{}", style(Style::new().bold(), "affected, though unchanged themselves"));
        for kind in KINDS {
            let names: Vec<&str> = of_kind(&changes.affected, kind).map(|named| named.name.as_str()).collect();
            if !names.is_empty() {
                let _ = writeln!(text, "    {}s: {}", kind.as_str(), names.join(", "));
            }
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let _ = writeln!(text, "{}", sum(changes, since));
    text
}

/// Writes the changes as one JSON object. Its form is described in `docs/lineage.md`.
pub fn json(changes: &Changes, since: Since<'_>) -> String {
    let named = |named: &Named| json!({"kind": named.kind.as_str(), "name": named.name, "column": named.column});
    let column = |column: &ColumnChange| {
        let (act, before, after) = match &column.act {
            ColumnAct::Added { data_type } => ("added", None, data_type.clone()),
            ColumnAct::Removed { data_type } => ("removed", data_type.clone(), None),
            ColumnAct::Retyped { before, after } => ("retyped", Some(before.clone()), Some(after.clone())),
            ColumnAct::Redefined => ("redefined", None, None),
        };
        json!({
            "name": column.name,
            "change": act,
            "type_before": before,
            "type": after,
            "read_by": column.read_by.iter().map(named).collect::<Vec<_>>(),
        })
    };
    let change = |change: &Change| {
        json!({
            "kind": change.kind.as_str(),
            "name": change.name,
            "path": change.path,
            "change": change.act.as_str(),
            "what": change.what,
            "columns": change.columns.iter().map(column).collect::<Vec<_>>(),
        })
    };
    let affected = |named: &Named| json!({"kind": named.kind.as_str(), "name": named.name});
    json!({
        "event": "changes",
        "version": VERSION,
        "since": {"revision": since.revision, "commit": since.commit},
        "changed": changes.changed.iter().map(change).collect::<Vec<_>>(),
        "affected": changes.affected.iter().map(affected).collect::<Vec<_>>(),
    })
    .to_string()
}

/// Writes the changes as Markdown, for a job's summary.
pub fn markdown(changes: &Changes, since: Since<'_>) -> String {
    let mut text = format!("### Changes since `{}`\n\n{}\n", since.revision, cell(&sum(changes, since)));
    if !changes.changed.is_empty() {
        text.push_str("\n| | changed | what | read by |\n|---|---|---|---|\n");
    }
    for change in &changes.changed {
        let what: Vec<String> = change.what.iter().map(|what| cell(what)).collect();
        let name = format!("{} `{}`", change.kind.as_str(), change.name);
        if change.columns.is_empty() || !what.is_empty() {
            let _ = writeln!(text, "| {} | {name} | {} | |", change.act.as_str(), what.join("<br>"));
        }
        for column in &change.columns {
            let (what, readers) = (cell(&in_words(column)), cell(&readers(column)));
            let _ = writeln!(text, "| {} | {name} | {what} | {readers} |", change.act.as_str());
        }
    }
    if !changes.affected.is_empty() {
        text.push_str("\n<details><summary>Affected, though unchanged themselves</summary>\n\n");
        for kind in KINDS {
            let names: Vec<String> =
                of_kind(&changes.affected, kind).map(|named| format!("`{}`", named.name)).collect();
            if !names.is_empty() {
                let _ = writeln!(text, "- {}s: {}", kind.as_str(), names.join(", "));
            }
        }
        text.push_str("\n</details>\n");
    }
    text
}

/// The kinds, in the order of the data's way.
const KINDS: [NodeKind; 5] = [NodeKind::Source, NodeKind::Model, NodeKind::Test, NodeKind::Dataset, NodeKind::Widget];

fn of_kind(named: &[Named], kind: NodeKind) -> impl Iterator<Item = &Named> {
    named.iter().filter(move |named| named.kind == kind)
}

fn mark(act: Act) -> (&'static str, Style) {
    match act {
        Act::Added => ("+", Style::new().green()),
        Act::Removed => ("-", Style::new().red()),
        Act::Changed => ("~", Style::new().yellow()),
    }
}

fn in_words(column: &ColumnChange) -> String {
    let typed = |data_type: &Option<String>| data_type.as_ref().map(|t| format!(" {t}")).unwrap_or_default();
    let name = &column.name;
    match &column.act {
        ColumnAct::Added { data_type } => format!("+ {name}{}", typed(data_type)),
        ColumnAct::Removed { data_type } => format!("- {name}{}", typed(data_type)),
        ColumnAct::Retyped { before, after } => format!("~ {name}: {after}, was {before}"),
        ColumnAct::Redefined => format!("~ {name}: computed in another way"),
    }
}

fn read_word(column: &ColumnChange) -> &'static str {
    if matches!(column.act, ColumnAct::Removed { .. }) { "was read by" } else { "read by" }
}

fn readers(column: &ColumnChange) -> String {
    let name = |named: &Named| match (&named.column, named.kind) {
        (Some(column), _) => format!("{}.{column}", named.name),
        (None, NodeKind::Test) => format!("test {}", named.name),
        (None, _) => named.name.clone(),
    };
    let mut names: Vec<String> = column.read_by.iter().take(MOST).map(name).collect();
    if column.read_by.len() > MOST {
        names.push(format!("and {} more", column.read_by.len() - MOST));
    }
    names.join(", ")
}

fn sum(changes: &Changes, since: Since<'_>) -> String {
    let of = |act: Act| changes.changed.iter().filter(|change| change.act == act).count();
    let parts: Vec<String> = [Act::Added, Act::Changed, Act::Removed]
        .into_iter()
        .filter(|act| of(*act) > 0)
        .map(|act| format!("{} {}", of(act), act.as_str()))
        .collect();
    let place = match since.commit.starts_with(since.revision) {
        true => since.short().to_owned(),
        false => format!("{} ({})", since.revision, since.short()),
    };
    if parts.is_empty() {
        return format!("since {place}: nothing changed");
    }
    let affected: Vec<String> = KINDS
        .iter()
        .filter_map(|kind| {
            let count = of_kind(&changes.affected, *kind).count();
            (count > 0).then(|| format!("{count} {}{}", kind.as_str(), if count == 1 { "" } else { "s" }))
        })
        .collect();
    let affects = if affected.is_empty() { "nothing else".to_owned() } else { affected.join(", ") };
    format!("since {place}: {}; this affects {affects}", parts.join(", "))
}

/// Text of a cell of a table: on one line, without what Markdown would take for marks.
fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '\\' => {
                cell.push('\\');
                cell.push(c);
            }
            '\n' | '\r' => cell.push(' '),
            c => cell.push(c),
        }
    }
    cell
}
