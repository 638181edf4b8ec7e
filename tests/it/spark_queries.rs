//! What Spark says of the queries under `tests/spark`, beside what `analysis` says: a query that Spark answers must never
//! be called wrong, and a type that is inferred must be the one that Spark gives.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use kiln::analysis::{Column, DataType, Relation, parse_sql, resolve};
use kiln::diag::{Severity, SourceFile, Span};
use kiln::dialect::{Name, Statement, parse_statement};

#[path = "../spark/script.rs"]
pub(crate) mod script;

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spark").join(folder);
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the corpus can be listed")
        .map(|entry| entry.expect("an entry can be read").path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

/// What the parser does not read; `docs/sql-support.md` lists it.
const NOT_READ: [&str; 1] = ["SELECT a FROM u WHERE 30 IN (*)"];

/// The tables that a script has made so far.
#[derive(Default)]
struct Tables(RefCell<HashMap<String, Relation>>);

impl Tables {
    fn relation(&self, parts: &[String]) -> Option<Relation> {
        // What is not understood of a script may have made it.
        let known = parts.last().and_then(|name| self.0.borrow().get(&name.to_lowercase()).cloned());
        Some(known.unwrap_or(Relation::Unknown))
    }

    /// The columns of a query, and the errors that are found in it.
    fn ask(&self, sql: &str) -> (Option<Vec<Column>>, Vec<String>) {
        let file = SourceFile::new("query.sql", sql);
        let parsed = match parse_sql(sql, move |range| Span::new(&file, range)) {
            Ok(parsed) => parsed,
            Err(problems) => return (None, problems.iter().map(|p| p.message.clone()).collect()),
        };
        let (columns, problems) = resolve(&parsed, &|parts| self.relation(parts), &[]);
        let errors = problems.iter().filter(|p| p.severity == Severity::Error);
        (columns, errors.map(|p| format!("{}: {}", p.code, p.message)).collect())
    }

    fn put(&self, name: &Name, columns: Option<Vec<Column>>) {
        let Name::Parts { parts, .. } = name else { return };
        let name = parts.last().map(|name| name.to_lowercase()).unwrap_or_default();
        self.0.borrow_mut().insert(name, columns.map_or(Relation::Unknown, Relation::Known));
    }

    /// Notes what a statement does to the tables.
    fn run(&self, statement: &Statement) {
        match statement {
            Statement::CreateTable(create) => {
                let columns = match &create.query {
                    Some(query) => self.ask(query.text()).0,
                    None => {
                        let column = |c: &kiln::dialect::ColumnDefinition| Column {
                            name: c.name.clone(),
                            data_type: c.data_type.clone(),
                        };
                        (create.like.is_none()).then(|| create.columns.iter().map(column).collect())
                    }
                };
                self.put(&create.name, columns);
            }
            Statement::CreateView(create) => {
                let columns = self.ask(create.query.text()).0.filter(|_| create.columns.is_empty());
                self.put(&create.name, columns);
            }
            Statement::Query(_) => {}
            // It may have changed any of them.
            _ => self.0.borrow_mut().clear(),
        }
    }
}

#[test]
fn queries_that_spark_answers_are_no_mistakes() {
    let (mut right, mut wrong, mut found) = (0, 0, 0);
    let mut false_errors = Vec::new();
    for path in ["statements", "delta"].iter().flat_map(|folder| files(folder, "sql")) {
        let tables = Tables::default();
        let text = std::fs::read_to_string(&path).expect("a script can be read");
        for script::Told { sql, said } in script::statements(&text) {
            let failed = said.iter().any(|line| line.starts_with("--!"));
            let Ok(parsed) = parse_statement(&sql) else { continue };
            if let (Statement::Query(query), false) = (&parsed, sql.to_lowercase().contains("identifier(")) {
                let (_, errors) = tables.ask(query.text());
                match failed {
                    true => (wrong, found) = (wrong + 1, found + usize::from(!errors.is_empty())),
                    false => {
                        right += 1;
                        let name = path.file_stem().expect("a file has a name").to_string_lossy();
                        let errors = errors.iter().filter(|_| !NOT_READ.contains(&sql.trim()));
                        false_errors.extend(errors.map(|e| format!("{name}: {}\n    {e}", sql.trim())));
                    }
                }
            }
            if !failed {
                tables.run(&parsed);
            }
        }
    }
    println!("{right} right queries; of {wrong} that fail in Spark, many of them by their values, {found} are found");
    assert!(right > 500, "{right}");
    assert!(false_errors.is_empty(), "{} false errors:\n{}", false_errors.len(), false_errors.join("\n"));
}

#[test]
fn expressions_have_the_types_that_spark_gives_them() {
    let tables = Tables::default();
    let (mut asked, mut known, mut differ, mut false_errors) = (0, 0, Vec::new(), Vec::new());
    for path in files("expressions", "tsv") {
        let text = std::fs::read_to_string(&path).expect("a file of expressions can be read");
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let mut fields = line.splitn(3, '\t');
            let (Some(expression), Some(data_type)) = (fields.next(), fields.next()) else { continue };
            if data_type == "ERROR" {
                continue;
            }
            let is_query = ["select ", "with "].iter().any(|start| expression.to_lowercase().starts_with(start));
            let sql = if is_query { expression.to_owned() } else { format!("SELECT {expression} AS x") };
            let (columns, errors) = tables.ask(&sql);
            asked += 1;
            false_errors.extend(errors.iter().map(|e| format!("{name}: {expression}\n    {e}")));
            let inferred = columns.and_then(|columns| columns.into_iter().next()).and_then(|c| c.data_type);
            let Some(inferred) = inferred else { continue };
            known += 1;
            let expected = DataType::parse(data_type);
            if !expected.as_ref().is_some_and(|expected| agrees(&inferred, expected)) {
                differ.push(format!("{name}: {expression}\n    {inferred}, and in Spark {data_type}"));
            }
        }
    }
    println!("{asked} expressions, the type of {known} is inferred, {} differ", differ.len());
    assert!(asked > 3000, "{asked}");
    assert!(false_errors.is_empty(), "{} false errors:\n{}", false_errors.len(), false_errors.join("\n"));
    assert!(differ.is_empty(), "{} types differ:\n{}", differ.len(), differ.join("\n"));
}

/// Tells whether a type is the expected one, as far as it is known.
fn agrees(found: &DataType, expected: &DataType) -> bool {
    use DataType as T;
    let inner = |a: &Option<Box<T>>, b: &Option<Box<T>>| match (a, b) {
        (Some(a), Some(b)) => agrees(a, b),
        _ => true,
    };
    match (found, expected) {
        (T::Array(a), T::Array(b)) => inner(a, b),
        (T::Map(k, v), T::Map(l, w)) => inner(k, l) && inner(v, w),
        (T::Struct(a), T::Struct(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|((m, s), (n, t))| {
                    m.eq_ignore_ascii_case(n) && s.as_ref().zip(t.as_ref()).is_none_or(|(s, t)| agrees(s, t))
                })
        }
        (a, b) => a == b,
    }
}
