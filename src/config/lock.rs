//! `sources.lock.yaml`: the columns of source tables as an environment had them, so that a check needs no network.
//!
//! It stands beside `jobs.yaml`, is written by `kiln check --refresh-sources`, and is committed. What `jobs.yaml` declares of
//! a table wins. Catalogs are not in it: environments differ by them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use indexmap::IndexMap;

use super::walk::Walk;
use super::yaml::{self, Meaning, plain_meaning};
use crate::diag::{Diagnostic, Diagnostics, SourceFile, Span};

/// The file, in the project's root folder.
pub const LOCK_FILE: &str = "sources.lock.yaml";

/// The largest lock file that is read, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// Columns of source tables as they were read: schema → table → column and type, in the table's order.
pub type LockedSources = BTreeMap<String, BTreeMap<String, IndexMap<String, String>>>;

/// Writes the lock file.
pub fn lock_text(sources: &LockedSources) -> String {
    let mut text = "# Columns of the sources' tables, as `kiln check --refresh-sources` read them. Commit this file; what jobs.yaml\n\
                    # declares of a table wins.\nversion: 1\nsources:\n"
        .to_owned();
    if sources.is_empty() {
        text.truncate(text.len() - 1);
        text.push_str(" {}\n");
    }
    // Writing to a text cannot fail.
    for (schema, tables) in sources {
        let _ = writeln!(text, "  {}:", scalar(schema));
        for (table, columns) in tables {
            let _ = writeln!(text, "    {}:", scalar(table));
            for (column, data_type) in columns {
                let _ = writeln!(text, "      {}: {}", scalar(column), scalar(data_type));
            }
        }
    }
    text
}

/// Writes a text as YAML: without quotes where it cannot be taken for anything else.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '(' | ')' | ','))
        && plain_meaning(text) == Meaning::Text
        // Other readers of YAML take these for truth values.
        && !["y", "n", "yes", "no", "on", "off"].iter().any(|word| word.eq_ignore_ascii_case(text));
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// The lock file as read.
pub(super) struct Lock {
    file: Arc<SourceFile>,
    /// Schema and table in lower case → the columns.
    tables: BTreeMap<(String, String), LockedTable>,
}

/// A table of the lock file.
pub(super) struct LockedTable {
    columns: IndexMap<String, (String, Span)>,
    span: Span,
}

/// Reads the lock file, if there is one.
pub(super) fn read(root: &Path) -> Result<Option<Lock>, Diagnostics> {
    let path = root.join(LOCK_FILE);
    let refused = |why: String| {
        Diagnostics::from(Diagnostic::error("unreadable-file", format!("cannot read {}: {why}", path.display())))
    };
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(metadata) if metadata.len() > MAX_BYTES => {
            return Err(refused(format!("it is larger than {} MiB", MAX_BYTES >> 20)));
        }
        _ => {}
    }
    let text = fs::read_to_string(&path).map_err(|error| refused(error.to_string()))?;
    let file = SourceFile::new(LOCK_FILE, text);
    let tree = yaml::parse(&file.text).map_err(|error| {
        Diagnostic::error("bad-yaml", error.message)
            .at(Span::new(&file, error.range))
            .help("`kiln check --refresh-sources` writes it anew, once it is deleted.")
    })?;
    let Some(tree) = tree else { return Ok(None) };
    let mut walk = Walk {
        file,
        env: &|_| None,
        problems: Diagnostics::new(),
        resolving: false,
        unset: HashSet::new(),
        looked_at: BTreeSet::new(),
    };
    let mut tables = BTreeMap::new();
    if let Some(fields) = walk.fields(&tree, LOCK_FILE, &["version", "sources"]) {
        if let Some(node) = walk.require(&fields, "version") {
            let version: Option<i64> = walk.integer(node, "`version`", "(1)");
            if version.is_some_and(|version| version != 1) {
                walk.error("bad-version", &node.range, "`version` must be 1, the only version of this format");
            }
        }
        let sources = walk.require(&fields, "sources").and_then(|node| walk.entries_or_empty(node, "`sources`"));
        for (schema, node) in sources.unwrap_or_default() {
            for (table, node) in walk.entries_or_empty(node, &format!("source `{}`", schema.text)).unwrap_or_default() {
                let mut columns = IndexMap::new();
                let what = format!("table `{}`", table.text);
                for (column, node) in walk.entries_or_empty(node, &what).unwrap_or_default() {
                    if let Some(data_type) = walk.text(node, &format!("the type of column `{}`", column.text)) {
                        columns.insert(column.text.clone(), (data_type, walk.span(&column.range)));
                    }
                }
                let key = (schema.text.to_lowercase(), table.text.to_lowercase());
                tables.insert(key, LockedTable { columns, span: walk.span(&table.range) });
            }
        }
    }
    if walk.problems.has_errors() { Err(walk.problems) } else { Ok(Some(Lock { file: walk.file, tables })) }
}

impl Lock {
    /// Returns the file's text.
    pub(super) fn text(&self) -> &str {
        &self.file.text
    }

    pub(super) fn table(&self, schema: &str, table: &str) -> Option<&LockedTable> {
        self.tables.get(&(schema.to_lowercase(), table.to_lowercase()))
    }

    /// Finds the table that one declared under another name, such as the source's own, lands as.
    pub(super) fn landed_as(&self, schema: &str, table: &str) -> Option<&str> {
        let schema = schema.to_lowercase();
        let mut tables = self.tables.keys().filter(|(of, _)| *of == schema).map(|(_, name)| name.as_str());
        tables.find(|name| is_landed_as(table, name))
    }
}

impl LockedTable {
    pub(super) fn columns(&self) -> IndexMap<String, String> {
        self.columns.iter().map(|(name, (data_type, _))| (name.clone(), data_type.clone())).collect()
    }

    /// Warns of a declared column that the lock file has not, or with another type.
    pub(super) fn compare(
        &self,
        walk: &mut Walk<'_>,
        table: &str,
        column: &str,
        range: &Range<usize>,
        data_type: &str,
    ) {
        let same = self.columns.iter().find(|(name, _)| name.eq_ignore_ascii_case(column));
        let diagnostic = match same {
            Some((_, (locked, _))) if plain_type(locked) == plain_type(data_type) => return,
            Some((_, (locked, span))) => {
                let message = format!("`{table}.{column}` is declared as {data_type}, and {LOCK_FILE} has {locked}");
                Diagnostic::warning("source-lock", message)
                    .related(span.clone(), "as it was read")
                    .help("The declaration counts. Correct it, or leave it out, or read anew with `kiln check --refresh-sources`.")
            }
            None => {
                let message = format!("`{table}` is declared to have `{column}`, which {LOCK_FILE} has not");
                let diagnostic =
                    Diagnostic::warning("source-lock", message).related(self.span.clone(), "as it was read");
                let near = self.columns.keys().find(|name| is_landed_as(column, name));
                diagnostic.help(match near {
                    Some(near) => lands_as(column, near),
                    None => "The declaration counts. Correct it, or read anew with `kiln check --refresh-sources`."
                        .to_owned(),
                })
            }
        };
        walk.report(diagnostic, range);
    }
}

/// Tells whether a name of a source may be that of the destination: Fivetran writes names in lower case, with `_` for what
/// is no letter or digit, and sometimes between words.
pub fn is_landed_as(source: &str, destination: &str) -> bool {
    let plain =
        |name: &str| name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    !source.eq_ignore_ascii_case(destination) && plain(source) == plain(destination)
}

/// Says under which name something lands.
pub fn lands_as(source: &str, destination: &str) -> String {
    format!(
        "`{source}` lands as `{destination}`: Fivetran writes names anew. Use the name that it has in the workspace."
    )
}

/// A type in one form: names that mean the same are one, blanks and case do not count.
fn plain_type(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect();
    let (base, rest) = text.split_at(text.find(['(', '<']).unwrap_or(text.len()));
    let base = match base {
        "BYTE" => "TINYINT",
        "SHORT" => "SMALLINT",
        "INTEGER" => "INT",
        "LONG" => "BIGINT",
        "REAL" => "FLOAT",
        "DEC" | "NUMERIC" => "DECIMAL",
        "TIMESTAMP_LTZ" => "TIMESTAMP",
        other => other,
    };
    if base == "DECIMAL" && rest.is_empty() { "DECIMAL(10,0)".to_owned() } else { format!("{base}{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let columns =
            [("id", "bigint"), ("on", "DECIMAL(10,2)"), ("größe", "STRUCT<a: INT>"), ("12", "string"), ("a b", "int")];
        let columns: IndexMap<String, String> =
            columns.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
        let tables = BTreeMap::from([("orders".to_owned(), columns.clone())]);
        let text = lock_text(&BTreeMap::from([("shop".to_owned(), tables)]));
        assert!(text.contains("      id: bigint\n      \"on\": DECIMAL(10,2)\n"), "{text}");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(LOCK_FILE), &text).unwrap();
        let lock = read(folder.path()).unwrap().unwrap();
        assert_eq!(lock.table("SHOP", "Orders").unwrap().columns(), columns);
        std::fs::write(folder.path().join(LOCK_FILE), lock_text(&BTreeMap::new())).unwrap();
        assert!(read(folder.path()).unwrap().unwrap().tables.is_empty());
    }

    #[test]
    fn names_and_types_that_mean_the_same_are_known() {
        for (source, destination) in
            [("createdAt", "created_at"), ("Order Items", "order_items"), ("user.data", "user_data")]
        {
            assert!(is_landed_as(source, destination), "{source}");
        }
        assert!(!is_landed_as("ID", "id"), "case is no difference");
        assert!(!is_landed_as("created", "created_at"));
        assert_eq!(plain_type("decimal( 10, 2 )"), plain_type("NUMERIC(10,2)"));
        assert_eq!(plain_type("long"), plain_type("BIGINT"));
        assert_ne!(plain_type("INT"), plain_type("BIGINT"));
    }
}
