//! `sources`: the schemas that connections land, and what is declared of their tables.

use std::ops::Range;

use indexmap::IndexMap;

use super::environments::container;
use super::load::Names;
use super::lock::{LOCK_FILE, Lock, LockedTable, lands_as};
use super::walk::Walk;
use super::yaml::{Node, Value};
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
    lock: Option<&Lock>,
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
                let locked = lock.and_then(|lock| lock.table(&key.text, &table.text));
                if locked.is_none()
                    && let Some(landed) = lock.and_then(|lock| lock.landed_as(&key.text, &table.text))
                {
                    let message = format!("{LOCK_FILE} has no table `{}.{}`", key.text, table.text);
                    walk.report(
                        Diagnostic::warning("source-lock", message).help(lands_as(&table.text, landed)),
                        &table.range,
                    );
                }
                if !node.is_null() {
                    let what = format!("table `{}`", table.text);
                    let Some(fields) = walk.fields(node, &what, &TABLE_KEYS) else { continue };
                    if let Some(node) = fields.get("columns") {
                        columns = self::columns(walk, node, &table.text);
                        compare(walk, node, &format!("{}.{}", key.text, table.text), &columns, locked);
                    }
                }
                let locked = locked.map(LockedTable::columns);
                if let (true, Some(locked)) = (columns.is_empty(), &locked) {
                    columns.clone_from(locked);
                }
                tables.insert(table.text.clone(), SourceTable { columns, locked, span: walk.span(&table.range) });
            }
        }
        sources.insert(key.text.clone(), Source { connection, catalog, tables, span: walk.span(&key.range) });
    }
    sources
}

/// Compares declared columns with those of the lock file.
fn compare(
    walk: &mut Walk<'_>,
    node: &Node,
    table: &str,
    columns: &IndexMap<String, String>,
    locked: Option<&LockedTable>,
) {
    let Some(locked) = locked else { return };
    // Their mistakes have been told when they were read.
    let Value::Mapping(entries) = &node.value else { return };
    for (key, _) in entries {
        if let Some(data_type) = columns.get(&key.text) {
            locked.compare(walk, table, &key.text, &key.range, data_type);
        }
    }
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
