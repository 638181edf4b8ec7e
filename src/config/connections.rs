//! `connections`: what Fivetran brings, and what stands for it on a laptop.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::walk::{Fields, Walk, is_identifier};
use super::yaml::{Node, Value};
use super::{Connection, LocalFile, LocalSource, files, kept, syncs};
use crate::diag::{Diagnostic, Spanned};
use crate::ids::ConnectionName;

/// Keys of a connection that are read here.
const KEYS: [&str; 7] = ["service", "id", "group", "schema_prefix", "tables", "sync", "local"];

/// All keys of a connection, those of what a deploy keeps too.
pub(super) fn keys() -> Vec<&'static str> {
    KEYS.into_iter().chain(kept::KEYS).collect()
}

/// Keys of `local`.
pub(super) const LOCAL_KEYS: [&str; 5] = ["sample", "files", "postgres", "updated_at", "scenario"];
/// Keys of `sample`.
pub(super) const SAMPLE_KEYS: [&str; 2] = ["customers", "seed"];
/// Keys of a file.
pub(super) const FILE_KEYS: [&str; 3] = ["path", "key", "columns"];

/// Data files that the embedded Fivetran reads.
const DATA_SUFFIXES: [&str; 3] = [".csv", ".csv.gz", ".parquet"];

/// The shop that stands for a connection of which only a scenario is said.
const SAMPLE: LocalSource = LocalSource::Sample { customers: 20_000, seed: 7 };

/// Names of the bad mornings that the embedded Fivetran plays.
pub(super) const SCENARIOS: [&str; 16] = [
    "failed",
    "broken",
    "paused",
    "incomplete",
    "rescheduled",
    "rescheduled_briefly",
    "rescheduled_manual",
    "already_running",
    "never_starts",
    "slow",
    "historical",
    "unknown_state",
    "stale_failure",
    "lost_answer",
    "recreated_table",
    "dropped_column",
];

/// Reads all connections. `embedded` says that the environment is the embedded workspace, which needs the local data.
pub(super) fn read(
    walk: &mut Walk<'_>,
    root: &Path,
    node: &Node,
    embedded: bool,
) -> IndexMap<ConnectionName, Connection> {
    let mut connections: IndexMap<ConnectionName, Connection> = IndexMap::new();
    let resolving = walk.resolving;
    let keys = keys();
    for (key, node) in walk.entries_or_empty(node, "`connections`").unwrap_or_default() {
        walk.check_name(&key.text, &key.range, "a connection");
        let Some(fields) = walk.fields(node, &format!("connection `{}`", key.text), &keys) else { continue };
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
        // Its groups are its own too, and it makes its connections by what `local` says.
        walk.resolving &= !embedded;
        let group = fields.get("group").and_then(|node| walk.text_or_empty(node, "`group`"));
        let group = group.filter(|group| !embedded && !group.trim().is_empty());
        let creates = fields.get("id").is_none() || (!embedded && id.is_none());
        let listed = declared.clone().unwrap_or_default();
        let (kept, columns) = kept::read(walk, &fields, service.as_deref(), &listed, creates);
        let kept = kept.filter(|_| !embedded);
        walk.resolving = resolving;
        let sync = fields.get("sync").and_then(|node| walk.fields(node, "`sync`", &syncs::KEYS));
        let sync = sync.map(|fields| syncs::read(walk, &fields)).unwrap_or_default();
        let (local, scenario) = local(walk, root, &fields, declared.as_ref(), embedded);
        if embedded && fields.get("local").is_none() {
            let name = &key.text;
            let diagnostic = Diagnostic::error("missing-key", format!("connection `{name}` has no `local`")).help(
                "Say what stands for it in the embedded workspace: `local: {sample: {}}`, `local: {files: {…}}` or \
                 `local: {postgres: \"${NAME}\"}`.",
            );
            walk.report(diagnostic, &key.range);
        }
        let tables = declared.unwrap_or_else(|| tables_of(local.as_ref()));
        let (Some(service), Some(schema_prefix)) = (service, prefix) else { continue };
        let span = walk.span(&key.range);
        let made = Connection { service, id, group, schema_prefix, kept, tables, columns, local, scenario, sync, span };
        refuse_double(walk, &connections, &made);
        connections.insert(ConnectionName::new(&key.text), made);
    }
    connections
}

/// Refuses a second name for a connection of Fivetran's: two waits for one connection cannot be told apart.
fn refuse_double(walk: &mut Walk<'_>, others: &IndexMap<ConnectionName, Connection>, made: &Connection) {
    let id = |connection: &Connection| connection.id.as_ref().map(|id| id.value.clone());
    let same = |other: &Connection| match (id(made), id(other)) {
        (None, None) => made.schema_prefix == other.schema_prefix,
        (one, two) => one == two,
    };
    if let Some((name, other)) = others.iter().find(|(_, other)| same(other)) {
        let what = if made.id.is_some() { "`id`" } else { "`schema_prefix`" };
        let message = format!("this is the connection `{name}` again: both have the same {what}");
        let diagnostic = Diagnostic::error("duplicate-connection", message)
            .related(other.span.clone(), "first here")
            .help("Use one name for it; its `tables` may have several schemas.");
        walk.problems.push(diagnostic.at(made.span.clone()));
    }
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
) -> (Option<LocalSource>, Option<String>) {
    let Some(node) = connection.get("local") else { return (None, None) };
    // Nothing but the embedded workspace reads these files, so elsewhere they need not be there.
    walk.resolving = embedded;
    let fields = walk.fields(node, "`local`", &LOCAL_KEYS);
    let local = fields.as_ref().and_then(|fields| local_source(walk, root, node, fields, declared, embedded));
    let scenario = fields.and_then(|fields| scenario(walk, fields.get("scenario")?));
    walk.resolving = true;
    (local, scenario)
}

/// Reads the name of a bad morning that the embedded Fivetran is to play.
fn scenario(walk: &mut Walk<'_>, node: &Node) -> Option<String> {
    let name = walk.text(node, "`scenario`")?;
    if !SCENARIOS.contains(&name.as_str()) {
        walk.unknown_name(&node.range, "scenario", &name, SCENARIOS);
        return None;
    }
    Some(name)
}

fn local_source(
    walk: &mut Walk<'_>,
    root: &Path,
    node: &Node,
    fields: &Fields<'_>,
    declared: Option<&IndexMap<String, Vec<String>>>,
    embedded: bool,
) -> Option<LocalSource> {
    if let Some((key, _)) = fields.entry("updated_at").filter(|_| fields.get("postgres").is_none()) {
        walk.error("bad-local", &key.range, "`updated_at` belongs to `postgres`, and this connection has none");
    }
    let sources = ["sample", "files", "postgres"].iter().filter(|key| fields.get(key).is_some()).count();
    if let (Some(node), 1) = (fields.get("postgres"), sources) {
        return postgres(walk, node, fields, declared, embedded);
    }
    if fields.get("scenario").is_some() && sources == 0 {
        return Some(SAMPLE);
    }
    match (fields.entry("sample"), fields.entry("files")) {
        (Some((_, sample)), None) if sources == 1 => {
            let (mut customers, mut seed) = (Some(20_000), Some(7));
            if !sample.is_null() {
                let sample = walk.fields(sample, "`sample`", &SAMPLE_KEYS)?;
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
        (None, Some((_, files))) if sources == 1 => {
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
            let diagnostic = Diagnostic::error("bad-local", "`local` must have exactly one of `sample`, `files` and `postgres`")
                .help("`sample: {customers: 20000, seed: 7}` generates a shop; `files: {public.orders: data/orders.csv}` reads files; `postgres: \"${SHOP_DATABASE_URL}\"` a database.");
            walk.report(diagnostic, &node.range);
            None
        }
    }
}

/// Reads `postgres`: the name of the variable that holds the address. Its value, which has a password in it, is looked up
/// when it is needed, and stands nowhere else.
fn postgres(
    walk: &mut Walk<'_>,
    node: &Node,
    fields: &Fields<'_>,
    declared: Option<&IndexMap<String, Vec<String>>>,
    embedded: bool,
) -> Option<LocalSource> {
    let text = match &node.value {
        Value::Scalar(scalar) => scalar.text.trim(),
        _ => "",
    };
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|name| is_identifier(name));
    let Some(name) = name else {
        let diagnostic = Diagnostic::error("bad-local", "`postgres` must be `${NAME}`: a variable of the environment")
            .help("The address holds a password, so it is set outside: `export SHOP_DATABASE_URL=postgresql://…`.");
        walk.report(diagnostic, &node.range);
        return None;
    };
    if embedded && (walk.env)(name).is_none_or(|value| value.trim().is_empty()) && walk.unset.insert(name.to_owned()) {
        let help = format!("Set it before running kiln, as in `export {name}=postgresql://user@127.0.0.1/shop`.");
        let message = format!("the environment variable `{name}` is not set");
        walk.report(Diagnostic::error("unset-variable", message).help(help), &node.range);
    }
    if declared.is_none() {
        let range = walk.first_line(&node.range);
        let diagnostic = Diagnostic::error("missing-key", "a connection with `postgres` needs `tables`")
            .help("Say which tables are replicated: `tables: {public: [orders]}`.");
        walk.report(diagnostic, &range);
    }
    let mut updated_at = IndexMap::new();
    for (key, node) in fields.get("updated_at").and_then(|node| walk.entries(node, "`updated_at`")).unwrap_or_default()
    {
        let known = key.text.split_once('.').is_some_and(|(schema, table)| {
            declared.is_some_and(|all| all.get(schema).is_some_and(|names| names.iter().any(|name| name == table)))
        });
        if !known {
            let all = declared.into_iter().flatten().flat_map(|(s, t)| t.iter().map(move |t| format!("{s}.{t}")));
            let all: Vec<String> = all.collect();
            let what = "table in `tables` of this connection named";
            walk.unknown_name(&key.range, what, &key.text, all.iter().map(String::as_str));
        }
        if let Some(column) = walk.text(node, "a column of `updated_at`") {
            updated_at.insert(key.text.clone(), column);
        }
    }
    Some(LocalSource::Postgres { variable: name.to_owned(), updated_at })
}

fn has_file(files: &Node, schema: &str, table: &str) -> bool {
    let Value::Mapping(entries) = &files.value else { return false };
    entries.iter().any(|(key, _)| key.text.split_once('.') == Some((schema, table)))
}

fn local_file(walk: &mut Walk<'_>, root: &Path, node: &Node, table: &str, embedded: bool) -> Option<LocalFile> {
    let mut key = Vec::new();
    let mut columns = IndexMap::new();
    let path_node = if matches!(node.value, Value::Mapping(_)) {
        let fields = walk.fields(node, &format!("file of `{table}`"), &FILE_KEYS)?;
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
