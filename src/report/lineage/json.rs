//! Lineage as one JSON object. Its form is described in `docs/lineage.md`.

use serde_json::{Value, json};

use super::View;
use crate::analysis::How;
use crate::manifest::lineage::{ColumnAt, Lineage};

/// The version of the form.
const VERSION: u32 = 1;

/// Writes the answer as one JSON object.
pub fn json(view: &View<'_>) -> String {
    let asked = view.asked.map(|asked| {
        let nodes: Vec<&str> = asked.nodes.iter().map(|node| view.lineage.node(*node).name.as_str()).collect();
        json!({
            "name": asked.name,
            "nodes": nodes,
            "column": asked.column.map(|column| view.lineage.field(column).name.as_str()),
        })
    });
    json!({"event": "lineage", "version": VERSION, "asked": asked, "nodes": nodes(view)}).to_string()
}

/// The nodes of the answer with their columns, and what of the answer these come from.
pub(super) fn nodes(view: &View<'_>) -> Vec<Value> {
    let lineage = view.lineage;
    let node = |(at, columns): (&crate::manifest::lineage::NodeAt, &std::collections::BTreeSet<usize>)| {
        let node = lineage.node(*at);
        let fields: Vec<Value> = columns
            .iter()
            .map(|column| {
                let field = &node.columns[*column];
                let from = field.from.iter().filter(|(from, _)| view.has(*from));
                let from: Vec<Value> =
                    from.map(|(from, how)| named(lineage, *from, "how", how_word(*how).into())).collect();
                json!({
                    "name": field.name,
                    "type": field.data_type.as_ref().map(ToString::to_string),
                    "from": from,
                    "unknown": field.unknown,
                    "presumed": field.presumed,
                })
            })
            .collect();
        let rows = node.rows.iter().filter(|(from, _)| view.has(*from));
        let rows: Vec<Value> = rows
            .map(|(from, clauses)| named(lineage, *from, "by", clauses.words().collect::<Vec<_>>().into()))
            .collect();
        let reads = node.reads.iter().filter(|read| view.part.contains_key(read));
        json!({
            "name": node.name,
            "kind": node.kind.as_str(),
            "path": node.path.as_ref().map(|path| path.display().to_string()),
            "complete": node.complete,
            "columns": fields,
            "rows": rows,
            "reads": reads.map(|read| lineage.node(*read).name.as_str()).collect::<Vec<_>>(),
        })
    };
    view.part.iter().map(node).collect()
}

fn named(lineage: &Lineage, at: ColumnAt, key: &str, value: Value) -> Value {
    let mut object = json!({"node": lineage.node(at.node).name, "column": lineage.field(at).name});
    object[key] = value;
    object
}

fn how_word(how: How) -> &'static str {
    super::word(how).unwrap_or("unchanged")
}
