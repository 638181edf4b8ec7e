//! Lineage as a Mermaid flowchart, for Markdown.

use std::fmt::Write as _;

use super::{View, word};
use crate::manifest::lineage::{ColumnAt, NodeAt, NodeKind};

/// Writes the answer as a flowchart: of columns where a column was asked for, else of nodes.
pub fn mermaid(view: &View<'_>) -> String {
    let mut text = "flowchart LR\n".to_owned();
    match view.asked.and_then(|asked| asked.column) {
        Some(_) => columns(view, &mut text),
        None => nodes(view, &mut text),
    }
    text
}

fn nodes(view: &View<'_>, text: &mut String) {
    let lineage = view.lineage;
    let shown = |node: &&NodeAt| lineage.node(**node).kind != NodeKind::Test;
    for at in view.part.keys().filter(shown) {
        let node = lineage.node(*at);
        let name = escaped(&node.name);
        // Writing to a text cannot fail.
        let _ = match node.kind {
            NodeKind::Source => writeln!(text, "  n{}[(\"{name}\")]", at.0),
            NodeKind::Widget => writeln!(text, "  n{}([\"{name}\"])", at.0),
            _ => writeln!(text, "  n{}[\"{name}\"]", at.0),
        };
    }
    for at in view.part.keys().filter(shown) {
        for read in lineage.node(*at).reads.iter().filter(|read| view.part.contains_key(read)) {
            let _ = writeln!(text, "  n{} --> n{}", read.0, at.0);
        }
    }
}

fn columns(view: &View<'_>, text: &mut String) {
    let lineage = view.lineage;
    for (at, columns) in &view.part {
        let name = escaped(&lineage.node(*at).name);
        if columns.is_empty() {
            let _ = writeln!(text, "  n{}[\"{name}\"]", at.0);
            continue;
        }
        let _ = writeln!(text, "  subgraph n{}[\"{name}\"]", at.0);
        for column in columns {
            let at = ColumnAt { node: *at, column: *column };
            let _ = writeln!(text, "    {}[\"{}\"]", id(at), escaped(&lineage.field(at).name));
        }
        text.push_str("  end\n");
    }
    for (node, columns) in &view.part {
        for column in columns {
            let to = ColumnAt { node: *node, column: *column };
            for (from, how) in lineage.field(to).from.iter().filter(|(from, _)| view.has(*from)) {
                let arrow = word(*how).map_or_else(|| "-->".to_owned(), |word| format!("-->|{word}|"));
                let _ = writeln!(text, "  {} {arrow} {}", id(*from), id(to));
            }
        }
        for (from, clauses) in lineage.node(*node).rows.iter().filter(|(from, _)| view.has(*from) && from.node != *node)
        {
            let words = clauses.words().collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "  {} -.->|{words}| n{}", id(*from), node.0);
        }
    }
}

fn id(at: ColumnAt) -> String {
    format!("n{}c{}", at.node.0, at.column)
}

/// Mermaid's labels are HTML in quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("#quot;"),
            '#' => escaped.push_str("#35;"),
            '&' => escaped.push_str("#amp;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
