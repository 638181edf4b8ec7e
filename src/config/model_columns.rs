//! `columns` of a model: what is said of its columns.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::walk::Walk;
use super::yaml::Node;
use super::{ModelColumn, labels};
use crate::diag::Diagnostic;

/// Keys of a model's column.
pub(super) const KEYS: [&str; 2] = ["description", "databricks_tags"];

/// Reads `columns`: column → what is said of it. Names of columns have no case.
pub(super) fn read(walk: &mut Walk<'_>, node: &Node) -> IndexMap<String, ModelColumn> {
    let mut columns: IndexMap<String, ModelColumn> = IndexMap::new();
    for (key, node) in walk.entries_or_empty(node, "`columns`").unwrap_or_default() {
        let what = format!("column `{}`", key.text);
        let mut column =
            ModelColumn { description: None, databricks_tags: BTreeMap::new(), span: walk.span(&key.range) };
        if !node.is_null() {
            let Some(fields) = walk.fields(node, &what, &KEYS) else { continue };
            let description = fields.get("description");
            column.description = description.and_then(|node| walk.text(node, &format!("`description` of {what}")));
            column.databricks_tags =
                fields.get("databricks_tags").map(|node| labels::tags(walk, node)).unwrap_or_default();
        }
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
