//! `properties`, `databricks_tags` and `grants` of models, their columns and their schema: names with what is said of each.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::walk::Walk;
use super::yaml::{Meaning, Node, Value};
use crate::diag::Diagnostic;

/// With this the keys of properties begin that others set.
const TAKEN_PREFIXES: [(&str, &str); 2] =
    [("kiln.", "kiln marks tables and views by them"), ("delta.constraints.", "write `constraints` instead")];

/// Characters that keys of tags have not.
const NOT_IN_TAGS: [char; 6] = ['.', ',', '-', '=', '/', ':'];

/// What can be granted on a table or view.
pub(super) const PRIVILEGES: [&str; 7] =
    ["ALL PRIVILEGES", "APPLY TAG", "BROWSE", "MANAGE", "MODIFY", "REFRESH", "SELECT"];

/// Reads `properties`: key → value.
pub(super) fn properties(walk: &mut Walk<'_>, node: &Node) -> BTreeMap<String, String> {
    texts(walk, node, "properties", |walk, key, range| {
        let Some((prefix, why)) = TAKEN_PREFIXES.iter().find(|(prefix, _)| key.starts_with(prefix)) else {
            return true;
        };
        let diagnostic =
            Diagnostic::error("bad-name", format!("properties that begin with `{prefix}` cannot be set here"));
        walk.report(diagnostic.help(format!("Leave it away: {why}.")), range);
        false
    })
}

/// Reads `databricks_tags`: key → value, or nothing.
pub(super) fn tags(walk: &mut Walk<'_>, node: &Node) -> BTreeMap<String, String> {
    texts(walk, node, "databricks_tags", |walk, key, range| {
        let Some(bad) = key.chars().find(|c| NOT_IN_TAGS.contains(c)) else { return true };
        let message = format!("`{key}` cannot be the key of a tag of Unity Catalog: it has the character `{bad}`");
        walk.report(Diagnostic::error("bad-name", message).help("Use `_` instead."), range);
        false
    })
}

fn texts(
    walk: &mut Walk<'_>,
    node: &Node,
    what: &str,
    may: impl Fn(&mut Walk<'_>, &str, &Range<usize>) -> bool,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (key, node) in walk.entries_or_empty(node, &format!("`{what}`")).unwrap_or_default() {
        let value = match &node.value {
            // Whatever it looks like, the workspace keeps a text.
            Value::Scalar(scalar) if scalar.meaning() == Meaning::Null => Some(String::new()),
            Value::Scalar(scalar) if scalar.meaning() != Meaning::Text => Some(scalar.text.clone()),
            _ => walk.text_or_empty(node, &format!("`{}` of `{what}`", key.text)),
        };
        if may(walk, &key.text, &key.range)
            && let Some(value) = value
        {
            found.insert(key.text.clone(), value);
        }
    }
    found
}

/// Reads `grants`: user or group → privileges. `on` is what they are granted on, as in `schemas`.
pub(super) fn grants(
    walk: &mut Walk<'_>,
    node: &Node,
    on: &str,
    privileges: &[&'static str],
) -> BTreeMap<String, BTreeSet<String>> {
    let mut grants = BTreeMap::new();
    for (key, node) in walk.entries_or_empty(node, "`grants`").unwrap_or_default() {
        let mut granted = BTreeSet::new();
        for (text, range) in walk.texts(node, &format!("the privileges of `{}`", key.text)).unwrap_or_default() {
            let privilege = text.trim().to_uppercase().replace('_', " ");
            if privileges.contains(&privilege.as_str()) {
                granted.insert(privilege);
            } else {
                walk.unknown_name(&range, &format!("privilege of {on} named"), &privilege, privileges.iter().copied());
            }
        }
        grants.insert(key.text.clone(), granted);
    }
    grants
}
