//! `connections`: what Fivetran brings, and what stands for it on a laptop.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::walk::{Fields, Walk, is_identifier};
use super::yaml::{Node, Value};
use super::{Connection, LocalFile, LocalSource, files};
use crate::diag::{Diagnostic, Spanned};
use crate::ids::ConnectionName;

const KEYS: [&str; 5] = ["service", "id", "schema_prefix", "tables", "local"];

/// Data files that the embedded Fivetran reads.
const DATA_SUFFIXES: [&str; 3] = [".csv", ".csv.gz", ".parquet"];

/// Reads all connections. `embedded` says that the environment is the embedded workspace, which needs the local data.
pub(super) fn read(
    walk: &mut Walk<'_>,
    root: &Path,
    node: &Node,
    embedded: bool,
) -> IndexMap<ConnectionName, Connection> {
    let mut connections = IndexMap::new();
    for (key, node) in walk.entries_or_empty(node, "`connections`").unwrap_or_default() {
        walk.check_name(&key.text, &key.range, "a connection");
        let Some(fields) = walk.fields(node, &format!("connection `{}`", key.text), &KEYS) else { continue };
        let service = walk.require(&fields, "service").and_then(|node| walk.text(node, "`service`"));
        let prefix = walk.require(&fields, "schema_prefix").and_then(|node| {
            let prefix = walk.text(node, "`schema_prefix`")?;
            schema_prefix(walk, node, &prefix).then_some(prefix)
        });
        // The embedded workspace gives its connections ids of its own.
        let id = fields.get("id").filter(|_| !embedded).and_then(|node| {
            let value = walk.text_or_empty(node, "`id`")?.trim().to_owned();
            (!value.is_empty()).then(|| Spanned { value, span: walk.span(&node.range) })
        });
        let declared = fields.get("tables").map(|node| tables(walk, node));
        let local = local(walk, root, &fields, declared.as_ref(), embedded);
        if embedded && fields.get("local").is_none() {
            let name = &key.text;
            let diagnostic = Diagnostic::error("missing-key", format!("connection `{name}` has no `local`")).help(
                "Say what stands for it in the embedded workspace: `local: {sample: {}}` or `local: {files: {…}}`.",
            );
            walk.report(diagnostic, &key.range);
        }
        let tables = declared.unwrap_or_else(|| tables_of(local.as_ref()));
        let (Some(service), Some(schema_prefix)) = (service, prefix) else { continue };
        let span = walk.span(&key.range);
        connections
            .insert(ConnectionName::new(&key.text), Connection { service, id, schema_prefix, tables, local, span });
    }
    connections
}

fn schema_prefix(walk: &mut Walk<'_>, node: &Node, prefix: &str) -> bool {
    let fits = is_identifier(prefix) && !prefix.contains(|c: char| c.is_ascii_uppercase());
    if !fits {
        let diagnostic = Diagnostic::error("bad-name", format!("`{prefix}` cannot be a schema prefix"))
            .help("Fivetran allows lower-case letters, digits and `_`, not beginning with a digit.");
        walk.report(diagnostic, &node.range);
    }
    fits
}

fn tables(walk: &mut Walk<'_>, node: &Node) -> IndexMap<String, Vec<String>> {
    let mut tables = IndexMap::new();
    for (key, node) in walk.entries(node, "`tables`").unwrap_or_default() {
        let what = format!("`tables` of schema `{}`", key.text);
        let mut names: Vec<String> = Vec::new();
        for (name, range) in walk.texts(node, &what).unwrap_or_default() {
            if names.contains(&name) {
                walk.error("duplicate-name", &range, format!("table `{name}` stands twice in {what}"));
            } else {
                names.push(name);
            }
        }
        if names.is_empty() && matches!(&node.value, Value::Sequence(items) if items.is_empty()) {
            walk.error("empty-value", &node.range, format!("{what} is empty"));
        }
        tables.insert(key.text.clone(), names);
    }
    tables
}

/// Returns the tables that local files stand for, for a connection that does not list its tables.
fn tables_of(local: Option<&LocalSource>) -> IndexMap<String, Vec<String>> {
    let mut tables: IndexMap<String, Vec<String>> = IndexMap::new();
    if let Some(LocalSource::Files { tables: files }) = local {
        for (schema, table) in files.keys().filter_map(|name| name.split_once('.')) {
            tables.entry(schema.to_owned()).or_default().push(table.to_owned());
        }
    }
    tables
}

fn local(
    walk: &mut Walk<'_>,
    root: &Path,
    connection: &Fields<'_>,
    declared: Option<&IndexMap<String, Vec<String>>>,
    embedded: bool,
) -> Option<LocalSource> {
    let node = connection.get("local")?;
    // Nothing but the embedded workspace reads these files, so elsewhere they need not be there.
    walk.resolving = embedded;
    let local = local_source(walk, root, node, declared, embedded);
    walk.resolving = true;
    local
}

fn local_source(
    walk: &mut Walk<'_>,
    root: &Path,
    node: &Node,
    declared: Option<&IndexMap<String, Vec<String>>>,
    embedded: bool,
) -> Option<LocalSource> {
    let fields = walk.fields(node, "`local`", &["sample", "files"])?;
    match (fields.entry("sample"), fields.entry("files")) {
        (Some((_, sample)), None) => {
            let (mut customers, mut seed) = (Some(20_000), Some(7));
            if !sample.is_null() {
                let sample = walk.fields(sample, "`sample`", &["customers", "seed"])?;
                if let Some(node) = sample.get("customers") {
                    customers = walk.integer(node, "`customers`", "from 1 to 10000000").filter(|n: &u32| {
                        let fits = (1..=10_000_000).contains(n);
                        if !fits {
                            walk.error("bad-value", &node.range, "`customers` must be from 1 to 10000000");
                        }
                        fits
                    });
                }
                if let Some(node) = sample.get("seed") {
                    seed = walk.integer(node, "`seed`", "that is not negative");
                }
            }
            Some(LocalSource::Sample { customers: customers?, seed: seed? })
        }
        (None, Some((_, files))) => {
            let mut tables = IndexMap::new();
            for (key, node) in walk.entries(files, "`files`")? {
                let Some((schema, table)) = key.text.split_once('.').filter(|(s, t)| !s.is_empty() && !t.is_empty())
                else {
                    let diagnostic = Diagnostic::error("bad-name", format!("`{}` is not a source table", key.text))
                        .help("Write it as `schema.table`, as the source has it: `public.orders`.");
                    walk.report(diagnostic, &key.range);
                    continue;
                };
                if let Some(declared) = declared
                    && !declared.get(schema).is_some_and(|names| names.iter().any(|name| name == table))
                {
                    let known: Vec<String> =
                        declared.iter().flat_map(|(s, names)| names.iter().map(move |t| format!("{s}.{t}"))).collect();
                    let what = "table in `tables` of this connection named";
                    walk.unknown_name(&key.range, what, &key.text, known.iter().map(String::as_str));
                }
                if let Some(file) = local_file(walk, root, node, &key.text, embedded) {
                    tables.insert(key.text.clone(), file);
                }
            }
            for (schema, names) in declared.into_iter().flatten() {
                for table in names.iter().filter(|table| !has_file(files, schema, table)) {
                    let message = format!("`files` has no file for table `{schema}.{table}`");
                    let range = walk.first_line(&files.range);
                    walk.error("missing-key", &range, message);
                }
            }
            Some(LocalSource::Files { tables })
        }
        _ => {
            let diagnostic = Diagnostic::error("bad-local", "`local` must have either `sample` or `files`")
                .help("`sample: {customers: 20000, seed: 7}` generates a shop; `files: {public.orders: data/orders.csv}` reads files.");
            walk.report(diagnostic, &node.range);
            None
        }
    }
}

fn has_file(files: &Node, schema: &str, table: &str) -> bool {
    let Value::Mapping(entries) = &files.value else { return false };
    entries.iter().any(|(key, _)| key.text.split_once('.') == Some((schema, table)))
}

fn local_file(walk: &mut Walk<'_>, root: &Path, node: &Node, table: &str, embedded: bool) -> Option<LocalFile> {
    let mut key = Vec::new();
    let mut columns = IndexMap::new();
    let path_node = if matches!(node.value, Value::Mapping(_)) {
        let fields = walk.fields(node, &format!("file of `{table}`"), &["path", "key", "columns"])?;
        if let Some(node) = fields.get("key") {
            key = walk.texts(node, "`key`").unwrap_or_default().into_iter().map(|(name, _)| name).collect();
        }
        if let Some(node) = fields.get("columns") {
            columns = super::sources::columns(walk, node, table);
        }
        walk.require(&fields, "path")?
    } else {
        node
    };
    let text = walk.text(path_node, &format!("the file of `{table}`"))?;
    let path: PathBuf = files::absolute(root, &text);
    if embedded {
        if !DATA_SUFFIXES.iter().any(|suffix| text.to_lowercase().ends_with(suffix)) {
            let diagnostic = Diagnostic::error("bad-file", format!("`{text}` is no data file that kiln reads"))
                .help(format!("A data file ends in {}.", DATA_SUFFIXES.join(", ")));
            walk.report(diagnostic, &path_node.range);
            return None;
        }
        files::check(walk, root, &text, &path_node.range, "data file")?;
    }
    Some(LocalFile { path, key, columns, span: walk.span(&path_node.range) })
}
