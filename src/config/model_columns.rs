//! `columns` of a model: what is said of its columns.

use indexmap::IndexMap;

use super::ModelColumn;
use super::walk::Walk;
use super::yaml::Node;
use crate::diag::Diagnostic;

/// Keys of a model's column.
pub(super) const KEYS: [&str; 1] = ["description"];

/// Reads `columns`: column → what is said of it. Names of columns have no case.
pub(super) fn read(walk: &mut Walk<'_>, node: &Node) -> IndexMap<String, ModelColumn> {
    let mut columns: IndexMap<String, ModelColumn> = IndexMap::new();
    for (key, node) in walk.entries_or_empty(node, "`columns`").unwrap_or_default() {
        let what = format!("column `{}`", key.text);
        let description = match node.is_null() {
            true => None,
            false => {
                let Some(fields) = walk.fields(node, &what, &KEYS) else { continue };
                fields.get("description").and_then(|node| walk.text(node, &format!("`description` of {what}")))
            }
        };
        let column = ModelColumn { description, span: walk.span(&key.range) };
        match columns.iter().find(|(name, _)| name.eq_ignore_ascii_case(&key.text)) {
            Some((first, other)) => {
                let message = format!("`columns` has the column `{first}` twice: names of columns have no case");
                let diagnostic = Diagnostic::error("duplicate-key", message).related(other.span.clone(), "first here");
                walk.report(diagnostic, &key.range);
            }
            None => {
                columns.insert(key.text.clone(), column);
            }
        }
    }
    columns
}
