//! `unit_tests`: files that say of a model which rows it shall make of which.

use std::path::Path;
use std::rc::Rc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

use super::load::read_text;
use super::walk::Walk;
use super::yaml::{self, Meaning, Node, Value};
use super::{Cell, CellValue, Given, UnitTest, files, secrets};
use crate::diag::{Diagnostic, Diagnostics, SourceFile, Span, Spanned};
use crate::ids::ModelName;

const FILE_KEYS: [&str; 3] = ["model", "variables", "tests"];
const TEST_KEYS: [&str; 4] = ["variables", "now", "given", "expect"];

/// Reads the files and folders that `unit_tests` names.
pub(super) fn read(walk: &mut Walk<'_>, root: &Path, node: &Node) -> Vec<UnitTest> {
    let mut tests = Vec::new();
    for (text, range) in walk.texts(node, "`unit_tests`").unwrap_or_default() {
        let Some(path) = files::relative(walk, &text, &range) else { continue };
        let found = if root.join(&path).is_dir() {
            files::find(walk, root, &path, &["yaml", "yml"], &range)
        } else if files::check(walk, root, &text, &range, "folder or file").is_some() {
            vec![path]
        } else {
            continue;
        };
        for path in found {
            match file(root, &path, walk.env) {
                Ok((more, warnings)) => {
                    tests.extend(more);
                    walk.problems.extend(warnings);
                }
                Err(problems) => walk.problems.extend(problems),
            }
        }
    }
    tests
}

fn file(
    root: &Path,
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(Vec<UnitTest>, Diagnostics), Diagnostics> {
    let text = read_text(root, path)?;
    let tree = yaml::parse(&text).map_err(|error| {
        let file = SourceFile::new(path, secrets::redact_lines(&text));
        let mut diagnostic = Diagnostic::error("bad-yaml", error.message).at(Span::new(&file, error.range));
        diagnostic.help = error.help.map(str::to_owned);
        Diagnostics::from(diagnostic)
    })?;
    let Some(tree) = tree else { return Ok((Vec::new(), Diagnostics::new())) };
    let mut walk = Walk {
        file: SourceFile::new(path, text),
        env,
        problems: Diagnostics::new(),
        // What stands here are data: `${NAME}` in them is a text.
        resolving: false,
        unset: std::collections::HashSet::new(),
        looked_at: std::collections::BTreeSet::new(),
    };
    let tests = tests(&mut walk, path, &tree).unwrap_or_default();
    walk.problems.into_result(tests)
}

fn tests(walk: &mut Walk<'_>, path: &Path, tree: &Node) -> Option<Vec<UnitTest>> {
    let fields = walk.fields(tree, "the file", &FILE_KEYS)?;
    let model = match fields.get("model") {
        Some(node) => {
            let value = ModelName::new(walk.text(node, "`model`")?.to_lowercase());
            Spanned { value, span: walk.span(&node.range) }
        }
        None => {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
            Spanned { value: ModelName::new(stem), span: Span::start_of(&walk.file) }
        }
    };
    let of_all = fields.get("variables").map(|node| variables(walk, node)).unwrap_or_default();
    let node = walk.require(&fields, "tests")?;
    let mut all = Vec::new();
    for (key, node) in walk.entries(node, "`tests`")? {
        let Some(fields) = walk.fields(node, &format!("test `{}`", key.text), &TEST_KEYS) else { continue };
        let mut variables_of_test = of_all.clone();
        variables_of_test.extend(fields.get("variables").map(|node| variables(walk, node)).unwrap_or_default());
        let now = fields.get("now").and_then(|node| now(walk, node));
        let mut given = Vec::new();
        if let Some(node) = fields.get("given") {
            for (key, node) in walk.entries_or_empty(node, "`given`").unwrap_or_default() {
                let table = Spanned { value: key.text.to_lowercase(), span: walk.span(&key.range) };
                given.push(Given { table, rows: rows(walk, node, &format!("the rows of `{}`", key.text)) });
            }
        }
        let Some(node) = walk.require(&fields, "expect") else { continue };
        let expect = rows(walk, node, "`expect`");
        all.push(UnitTest {
            name: key.text.clone(),
            model: model.clone(),
            variables: variables_of_test,
            now,
            given,
            expect,
            span: walk.span(&key.range),
        });
    }
    Some(all)
}

/// Reads variables; values as the command line would take them.
fn variables(walk: &mut Walk<'_>, node: &Node) -> Vec<(String, String)> {
    let entries = walk.entries_or_empty(node, "`variables`").unwrap_or_default();
    entries
        .into_iter()
        .filter_map(|(key, node)| Some((key.text.clone(), walk.json(node, "a variable")?.to_string())))
        .collect()
}

/// Reads a moment: with its offset, or in UTC.
fn now(walk: &mut Walk<'_>, node: &Node) -> Option<DateTime<Utc>> {
    let text = walk.text(node, "`now`")?;
    let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    let local = |text: &str| {
        let formats = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"];
        formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
    };
    let moment = DateTime::parse_from_rfc3339(&text).map(|at| at.to_utc()).ok();
    let moment = moment.or_else(|| local(&text).or_else(|| day(&text)).map(|at| at.and_utc()));
    if moment.is_none() {
        let diagnostic = Diagnostic::error("bad-value", format!("`{text}` is no moment"))
            .help("Write `2026-11-01`, `2026-11-01 06:00:00` (UTC) or `2026-11-01T06:00:00+01:00`.");
        walk.report(diagnostic, &node.range);
    }
    moment
}

fn rows(walk: &mut Walk<'_>, node: &Node, what: &str) -> Vec<Vec<Cell>> {
    if node.is_null() {
        return Vec::new();
    }
    let items: Vec<Rc<Node>> = walk.list(node, what).unwrap_or_default().to_vec();
    items.iter().filter_map(|item| row(walk, item, what)).collect()
}

fn row(walk: &mut Walk<'_>, node: &Node, what: &str) -> Option<Vec<Cell>> {
    let mut cells = Vec::new();
    for (key, node) in walk.entries(node, &format!("a row of {what}"))? {
        let column = Spanned { value: key.text.clone(), span: walk.span(&key.range) };
        let value = match &node.value {
            Value::Scalar(scalar) => match scalar.meaning() {
                Meaning::Null => CellValue::Null,
                Meaning::Bool(value) => CellValue::Plain(value.to_string()),
                // As it is written: a decimal keeps its digits.
                Meaning::Int(_) | Meaning::Float(_) => CellValue::Plain(scalar.text.clone()),
                Meaning::Text => CellValue::Text(scalar.text.clone()),
            },
            Value::Mapping(_) if node.get("sql").is_some() => {
                let fields = walk.fields(node, &format!("the value of `{}`", key.text), &["sql"])?;
                CellValue::Sql(fields.get("sql").and_then(|node| walk.text(node, "`sql`"))?)
            }
            Value::Mapping(_) | Value::Sequence(_) => {
                let diagnostic =
                    Diagnostic::error("wrong-type", format!("the value of `{}` must be a single value", key.text))
                        .help("Write others as SQL: `{sql: \"array(1, 2)\"}`.");
                walk.report(diagnostic, &node.range);
                return None;
            }
        };
        cells.push(Cell { column, value });
    }
    Some(cells)
}
