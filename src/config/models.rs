//! `models` and `macros`: which SQL files the project has, and what each becomes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;

use super::syncs::duration;
use super::walk::{Fields, Walk, is_identifier};
use super::yaml::{Key, Node, Value};
use super::{
    Constraints, DataTest, Incremental, Materialization, Model, ModelColumn, constraints, data_tests, files,
    incremental, labels, lints, model_columns,
};
use crate::diag::{Diagnostic, Spanned, did_you_mean};
use crate::ids::ModelName;

/// What one key of `models` says; `None` leaves it to a less specific key.
#[derive(Default)]
struct Settings {
    materialized: Option<(Materialization, Option<Incremental>)>,
    cluster_by: Option<Vec<String>>,
    description: Option<(String, Range<usize>)>,
    columns: IndexMap<String, ModelColumn>,
    constraints: Option<Constraints>,
    properties: BTreeMap<String, String>,
    databricks_tags: BTreeMap<String, String>,
    grants: BTreeMap<String, BTreeSet<String>>,
    tests: Vec<DataTest>,
    tags: Vec<String>,
    timeout: Option<Duration>,
    allow: Vec<Spanned<&'static str>>,
}

/// A key of `models` with the files it covers.
struct Entry {
    is_file: bool,
    range: Range<usize>,
    settings: Settings,
}

pub(super) fn read(
    walk: &mut Walk<'_>,
    root: &Path,
    node: &Node,
    macros: &IndexMap<String, PathBuf>,
) -> IndexMap<ModelName, Model> {
    let mut entries: IndexMap<PathBuf, Entry> = IndexMap::new();
    let mut found: Vec<PathBuf> = Vec::new();
    for (key, node) in walk.entries_or_empty(node, "`models`").unwrap_or_default() {
        let settings = settings(walk, root, &key.text, node);
        let Some((path, is_file)) = locate(walk, root, key) else { continue };
        if let Some(earlier) = entries.get(&path) {
            let first = walk.span(&earlier.range);
            let diagnostic =
                Diagnostic::error("duplicate-key", format!("`{}` is configured twice", files::display(&path)))
                    .related(first, "first here");
            walk.report(diagnostic, &key.range);
            continue;
        }
        if is_file {
            found.push(path.clone());
        } else {
            let mut under = files::find(walk, root, &path, &["sql"], &key.range);
            under.retain(|path| !macros.values().any(|other| other == path));
            if under.is_empty() {
                let diagnostic = Diagnostic::warning("no-models", format!("folder `{}` has no *.sql files", key.text));
                walk.report(diagnostic, &key.range);
            }
            found.extend(under);
            if let Some((_, range)) = settings.as_ref().and_then(|settings| settings.description.as_ref()) {
                walk.error("bad-value", range, "a description says what one model holds, and cannot stand at a folder");
            }
            if let Some(column) = settings.as_ref().and_then(|settings| settings.columns.values().next()) {
                let message = "columns are those of one model, and cannot stand at a folder";
                let diagnostic = Diagnostic::error("bad-value", message).at(column.span.clone());
                walk.problems.push(diagnostic);
            }
            if let Some(constraints) = settings.as_ref().and_then(|settings| settings.constraints.as_ref()) {
                let message = "constraints are those of one model, and cannot stand at a folder";
                let diagnostic = Diagnostic::error("bad-value", message).at(constraints.span.clone());
                let help = "What shall hold of the rows of many models can be said by `tests`.";
                walk.problems.push(diagnostic.help(help));
            }
        }
        entries.insert(path, Entry { is_file, range: key.range.clone(), settings: settings.unwrap_or_default() });
    }
    found.sort();
    found.dedup();

    let mut models: IndexMap<ModelName, Model> = IndexMap::new();
    for path in found {
        let Some(model) = model(walk, path, &entries) else { continue };
        match models.get(&model.name) {
            Some(other) => duplicate(walk, other, &model),
            None => {
                models.insert(model.name.clone(), model);
            }
        }
    }
    models.sort_keys();
    models
}

/// Keys of a model or a folder of models.
pub(super) fn keys() -> Vec<&'static str> {
    let common = [
        "materialized",
        "cluster_by",
        "description",
        "columns",
        "constraints",
        "properties",
        "databricks_tags",
        "grants",
        "tests",
        "tags",
        "timeout",
        "allow",
    ];
    [&common, incremental::KEYS.as_slice()].concat()
}

fn settings(walk: &mut Walk<'_>, root: &Path, key: &str, node: &Node) -> Option<Settings> {
    if node.is_null() {
        return None;
    }
    let keys = keys();
    let fields = walk.fields(node, &format!("models `{key}`"), &keys)?;
    let materialized = fields.get("materialized").and_then(|node| materialized(walk, &fields, node));
    if !matches!(&materialized, Some((_, Some(_)))) {
        for (key, node) in incremental::KEYS.iter().filter_map(|key| Some((key, fields.get(key)?))) {
            // Where `incremental` itself is wrong that has been told.
            if fields.get("materialized").is_none_or(|node| !is_incremental(node)) {
                let message = format!("`{key}` goes with `materialized: incremental` at the same place");
                walk.error("bad-value", &node.range, message);
            }
        }
    }
    let cluster_by = fields.get("cluster_by").and_then(|node| {
        let columns = walk.texts(node, "`cluster_by`")?;
        if columns.len() > 4 {
            walk.error("bad-value", &node.range, "a table can be clustered by at most four columns");
        }
        Some(columns.into_iter().map(|(column, _)| column).collect())
    });
    let description =
        fields.get("description").and_then(|node| Some((walk.text(node, "`description`")?, node.range.clone())));
    let columns = fields.get("columns").map(|node| model_columns::read(walk, node)).unwrap_or_default();
    let constraints = fields.get("constraints").and_then(|node| constraints::read(walk, node));
    let properties = fields.get("properties").map(|node| labels::properties(walk, node)).unwrap_or_default();
    let databricks_tags = fields.get("databricks_tags").map(|node| labels::tags(walk, node)).unwrap_or_default();
    let grants = fields.get("grants").map(|node| labels::grants(walk, node, "tables", &labels::PRIVILEGES));
    let tests = fields.get("tests").map(|node| data_tests::read(walk, root, node)).unwrap_or_default();
    let tags = fields.get("tags").and_then(|node| walk.texts(node, "`tags`")).unwrap_or_default();
    let tags = tags.into_iter().map(|(tag, _)| tag).collect();
    let timeout = fields.get("timeout").and_then(|node| duration(walk, node, "`timeout`"));
    let allow = fields.get("allow").map(|node| lints::allow(walk, node)).unwrap_or_default();
    Some(Settings {
        materialized,
        cluster_by,
        description,
        columns,
        constraints,
        properties,
        databricks_tags,
        grants: grants.unwrap_or_default(),
        tests,
        tags,
        timeout,
        allow,
    })
}

fn materialized(
    walk: &mut Walk<'_>,
    fields: &Fields<'_>,
    node: &Node,
) -> Option<(Materialization, Option<Incremental>)> {
    let text = walk.text(node, "`materialized`")?;
    match text.as_str() {
        "view" => Some((Materialization::View, None)),
        "table" => Some((Materialization::Table, None)),
        "incremental" => Some((Materialization::Table, Some(incremental::read(walk, fields, node)?))),
        _ => {
            let diagnostic = Diagnostic::error("bad-value", format!("unknown materialization `{text}`"));
            let near = did_you_mean(&text, ["view", "table", "incremental"]);
            let near = near.map(|near| format!("Did you mean `{near}`? ")).unwrap_or_default();
            let help = format!("{near}A model becomes a `view`, a `table`, or a table that is `incremental`.");
            walk.report(diagnostic.help(help), &node.range);
            None
        }
    }
}

fn is_incremental(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar(scalar) if scalar.text == "incremental")
}

/// Finds what a key of `models` names: a folder, or a file with or without its `.sql`. Returns whether it is a file.
fn locate(walk: &mut Walk<'_>, root: &Path, key: &Key) -> Option<(PathBuf, bool)> {
    let path = files::relative(walk, &key.text, &key.range)?;
    let full = root.join(&path);
    walk.looked_at.insert(path.clone());
    if full.is_dir() {
        return Some((path, false));
    }
    if full.is_file() {
        if !files::has_extension(&path, "sql") {
            walk.error("bad-file", &key.range, format!("`{}` is no *.sql file", key.text));
            return None;
        }
        return Some((path, true));
    }
    for extension in ["sql", "SQL"] {
        let path = PathBuf::from(format!("{}.{extension}", path.display()));
        let there = root.join(&path).is_file();
        walk.looked_at.insert(path.clone());
        if there {
            return Some((path, true));
        }
    }
    files::missing(walk, root, &key.text, &key.range, "folder or *.sql file");
    None
}

fn model(walk: &mut Walk<'_>, path: PathBuf, entries: &IndexMap<PathBuf, Entry>) -> Option<Model> {
    // From the general to the specific, so that what comes later wins.
    let mut covering: Vec<&Entry> = path.ancestors().filter_map(|path| entries.get(path)).collect();
    covering.reverse();
    let most_specific = covering.last()?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    if !is_identifier(&stem) {
        let message = format!("`{}` cannot be a model: `{stem}` is no name of a table", files::display(&path));
        let diagnostic = Diagnostic::error("bad-name", message)
            .help("Name the file with letters of the English alphabet, digits and `_`, not beginning with a digit.");
        walk.report(diagnostic, &most_specific.range);
        return None;
    }
    let last = |pick: &dyn Fn(&Settings) -> bool| covering.iter().rev().map(|entry| &entry.settings).find(|s| pick(s));
    let materialized = last(&|s| s.materialized.is_some()).and_then(|s| s.materialized.clone());
    let (materialized, incremental) = materialized.unwrap_or((Materialization::View, None));
    let cluster_by = last(&|s| s.cluster_by.is_some()).and_then(|s| s.cluster_by.clone());
    let description = most_specific.settings.description.as_ref().filter(|_| most_specific.is_file);
    let constraints = most_specific.settings.constraints.as_ref().filter(|_| most_specific.is_file);
    let mut tests: Vec<DataTest> = covering.iter().flat_map(|entry| entry.settings.tests.clone()).collect();
    for test in constraints.map(Constraints::tests).unwrap_or_default() {
        if !tests.iter().any(|other| other.rule == test.rule && !other.warns) {
            tests.push(test);
        }
    }
    let model = Model {
        name: ModelName::new(stem),
        path,
        materialized,
        incremental,
        cluster_by: cluster_by.unwrap_or_default(),
        description: description.map(|(text, _)| text.clone()),
        columns: if most_specific.is_file { most_specific.settings.columns.clone() } else { IndexMap::new() },
        constraints: constraints.cloned(),
        properties: merged(&covering, |settings| &settings.properties),
        databricks_tags: merged(&covering, |settings| &settings.databricks_tags),
        grants: merged(&covering, |settings| &settings.grants),
        tests,
        tags: covering.iter().flat_map(|entry| entry.settings.tags.clone()).collect(),
        timeout: last(&|s| s.timeout.is_some()).and_then(|s| s.timeout),
        allow: covering.iter().flat_map(|entry| entry.settings.allow.clone()).collect(),
        span: walk.span(&most_specific.range),
    };
    if model.materialized == Materialization::View && !model.cluster_by.is_empty() {
        let diagnostic =
            Diagnostic::error("bad-value", format!("model `{}` is a view and cannot be clustered", model.name))
                .help("Write `materialized: table`, or leave `cluster_by` away.");
        walk.report(diagnostic, &most_specific.range);
    }
    if let Some(constraints) = model.constraints.as_ref().filter(|_| model.materialized == Materialization::View) {
        let message = format!("model `{}` is a view and cannot have constraints", model.name);
        let help = "Write `materialized: table`, or say what shall hold of its rows by `tests`.";
        walk.problems.push(Diagnostic::error("bad-value", message).at(constraints.span.clone()).help(help));
    }
    Some(model)
}

/// Puts together what a model's folders and the model itself say of names; what is more specific wins.
fn merged<T: Clone>(covering: &[&Entry], said: impl Fn(&Settings) -> &BTreeMap<String, T>) -> BTreeMap<String, T> {
    covering.iter().flat_map(|entry| said(&entry.settings).clone()).collect()
}

fn duplicate(walk: &mut Walk<'_>, first: &Model, second: &Model) {
    let (name, a, b) = (&second.name, files::display(&first.path), files::display(&second.path));
    let mut diagnostic = Diagnostic::error("duplicate-name", format!("two files make a model `{name}`: {a} and {b}"))
        .at(second.span.clone())
        .help("Rename one of them: the file's name is the name of the table, whatever its folder.");
    if first.span != second.span {
        diagnostic = diagnostic.related(first.span.clone(), "the other one is declared here");
    }
    walk.problems.push(diagnostic);
}

/// Reads `macros`: files, or folders whose `*.tera` and `*.sql` files are meant, by their paths.
pub(super) fn macros(walk: &mut Walk<'_>, root: &Path, node: &Node) -> IndexMap<String, PathBuf> {
    let mut macros = IndexMap::new();
    for (text, range) in walk.texts(node, "`macros`").unwrap_or_default() {
        let Some(path) = files::relative(walk, &text, &range) else { continue };
        let full = root.join(&path);
        let found = if full.is_dir() {
            let found = files::find(walk, root, &path, &["tera", "sql"], &range);
            if found.is_empty() {
                let diagnostic =
                    Diagnostic::warning("no-macros", format!("folder `{text}` has no *.tera or *.sql files"));
                walk.report(diagnostic, &range);
            }
            found
        } else if files::check(walk, root, &text, &range, "folder or file").is_some() {
            vec![path]
        } else {
            continue;
        };
        macros.extend(found.into_iter().map(|path| (files::display(&path), path)));
    }
    macros
}
