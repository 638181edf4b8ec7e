//! `sources`: the schemas that connections land, and what is declared of their tables.

use std::ops::Range;

use indexmap::IndexMap;

use super::environments::container;
use super::load::Names;
use super::walk::Walk;
use super::yaml::Node;
use super::{Connection, Source, SourceTable};
use crate::diag::{Diagnostic, Spanned};
use crate::ids::ConnectionName;

/// Keys of a source.
pub(super) const KEYS: [&str; 3] = ["connection", "catalog", "tables"];
/// Keys of a source's table.
pub(super) const TABLE_KEYS: [&str; 1] = ["columns"];

pub(super) fn read(
    walk: &mut Walk<'_>,
    node: &Node,
    connections: &IndexMap<ConnectionName, Connection>,
    names: &Names<'_>,
) -> IndexMap<String, Source> {
    let mut sources = IndexMap::new();
    for (key, node) in walk.entries_or_empty(node, "`sources`").unwrap_or_default() {
        let Some(fields) = walk.fields(node, &format!("source `{}`", key.text), &KEYS) else {
            continue;
        };
        let connection = fields.get("connection").and_then(|node| {
            let name = walk.text(node, "`connection`")?;
            match connections.get(name.as_str()) {
                Some(connection) => check_schema(walk, &key.text, &key.range, &name, connection),
                None if !names.connections.contains(&name.as_str()) => {
                    walk.unknown_name(&node.range, "connection", &name, names.connections.iter().copied());
                    return None;
                }
                None => {}
            }
            Some(Spanned { value: ConnectionName::new(name), span: walk.span(&node.range) })
        });
        let landed = connection.as_ref().and_then(|name| connections.get(&name.value)).and_then(|connection| {
            let schema = key.text.strip_prefix(&connection.schema_prefix)?.strip_prefix('_')?;
            connection.tables.get(schema)
        });
        let catalog = fields.get("catalog").and_then(|node| container(walk, node, "catalog"));
        let mut tables = IndexMap::new();
        if let Some(node) = walk.require(&fields, "tables") {
            for (table, node) in walk.entries(node, "`tables`").unwrap_or_default() {
                if let Some(landed) = landed
                    && !landed.contains(&table.text)
                {
                    let what = "table that the connection lands here named";
                    walk.unknown_name(&table.range, what, &table.text, landed.iter().map(String::as_str));
                }
                let mut columns = IndexMap::new();
                if !node.is_null() {
                    let what = format!("table `{}`", table.text);
                    let Some(fields) = walk.fields(node, &what, &TABLE_KEYS) else { continue };
                    if let Some(node) = fields.get("columns") {
                        columns = self::columns(walk, node, &table.text);
                    }
                }
                tables.insert(table.text.clone(), SourceTable { columns, span: walk.span(&table.range) });
            }
        }
        sources.insert(key.text.clone(), Source { connection, catalog, tables, span: walk.span(&key.range) });
    }
    sources
}

/// Checks that a connection lands tables in a schema of this name: `<schema_prefix>_<source schema>`.
fn check_schema(walk: &mut Walk<'_>, schema: &str, range: &Range<usize>, name: &str, connection: &Connection) {
    let landed: Vec<String> =
        connection.tables.keys().map(|schema| format!("{}_{schema}", connection.schema_prefix)).collect();
    if landed.is_empty() || landed.iter().any(|landed| landed.eq_ignore_ascii_case(schema)) {
        return;
    }
    let message = format!("connection `{name}` lands nothing in schema `{schema}`");
    let diagnostic = Diagnostic::error("unknown-name", message).help(format!(
        "It lands tables in: {}. That is its `schema_prefix`, `_` and the source's schema.",
        landed.join(", ")
    ));
    walk.report(diagnostic, range);
}

/// Reads `columns`: column → type.
pub(super) fn columns(walk: &mut Walk<'_>, node: &Node, table: &str) -> IndexMap<String, String> {
    let mut columns = IndexMap::new();
    for (key, node) in walk.entries_or_empty(node, &format!("`columns` of `{table}`")).unwrap_or_default() {
        if let Some(data_type) = walk.text(node, &format!("the type of column `{}`", key.text)) {
            columns.insert(key.text.clone(), data_type);
        }
    }
    columns
}
