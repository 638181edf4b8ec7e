//! What the engine answers, beside what Spark answers to the same questions: the corpus under `tests/spark`.
//!
//! `tests/spark/ask.py` tells how the files are written and asks Spark. Every difference must be listed in
//! `docs/sql-support.md`, which this test writes anew when `KILN_BLESS` is set. `KILN_CORPUS=word` looks only at files
//! with that word in their names, and lists the differences.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::dialect::{self, DataType, Statement, parse_statement};
use crate::local::engine::{Engine, Output, Request, SqlError, functions};

#[path = "../../../../tests/spark/script.rs"]
mod script;

/// Floating point results may differ by so much, relatively: Java and Rust round some functions otherwise.
const TOLERANCE: f64 = 1e-14;

/// Where the generated list lies.
const SUPPORT: &str = "docs/sql-support.md";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_those_of_spark_or_are_listed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wanted = std::env::var("KILN_CORPUS").unwrap_or_default();
    let mut work = Vec::new();
    for file in files(&root.join("tests/spark")) {
        if file.to_string_lossy().contains(&wanted) {
            work.push(tokio::spawn(async move { Family::of(&file).await }));
        }
    }
    let mut families = Vec::new();
    for family in work {
        families.push(family.await.unwrap());
    }
    assert!(!families.is_empty(), "no file of the corpus has {wanted:?} in its name");
    if !wanted.is_empty() {
        let different: String = families.iter().map(differences).collect();
        assert!(different.is_empty(), "{}\n{different}", summary(&families));
        return;
    }
    let page = page(&families, &refused_functions().await);
    let path = root.join(SUPPORT);
    if std::env::var_os("KILN_BLESS").is_some() {
        fs_err::write(&path, &page).unwrap();
    }
    let known = fs_err::read_to_string(&path).unwrap_or_default();
    let news: Vec<_> = page.lines().filter(|line| !known.lines().any(|k| k == *line)).collect();
    let gone: Vec<_> = known.lines().filter(|line| !page.lines().any(|p| p == *line)).collect();
    assert!(
        page == known,
        "{SUPPORT} is not what the corpus shows; look at the lines, and write it with KILN_BLESS=1:\n+ {}\n- {}",
        news.join("\n+ "),
        gone.join("\n- ")
    );
}

#[test]
fn types_of_the_answers_are_types() {
    for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spark")) {
        for line in fs_err::read_to_string(&file).unwrap().lines().filter(|l| !l.starts_with('#')) {
            if let (Some("tsv"), Some(data_type)) = (file.extension().and_then(|e| e.to_str()), line.split('\t').nth(1))
            {
                assert!(data_type == "ERROR" || DataType::parse(data_type).is_some(), "{}: {line}", file.display());
            }
        }
    }
}

/// The files of the corpus, by name.
fn files(corpus: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = ["expressions", "statements", "delta"]
        .iter()
        .filter_map(|folder| fs_err::read_dir(corpus.join(folder)).ok())
        .flat_map(|entries| entries.map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|e| e == "tsv" || e == "sql"))
        .collect();
    found.sort();
    found
}

/// What came of the questions of one file.
struct Family {
    name: String,
    cases: Vec<Case>,
}

/// A question with both answers.
struct Case {
    question: String,
    expected: String,
    found: String,
    verdict: Verdict,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Equal,
    /// The engine says that it does not support it.
    Refused,
    Different,
}

impl Family {
    async fn of(file: &Path) -> Self {
        let folder = file.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let name = format!("{folder}/{}", file.file_stem().unwrap_or_default().to_string_lossy());
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::open(dir.path()).await.unwrap();
        let text = fs_err::read_to_string(file).unwrap();
        let cases = match file.extension().and_then(|e| e.to_str()) {
            Some("tsv") => expressions(&engine, &text).await,
            _ => statements(&engine, &text).await,
        };
        Self { name, cases }
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.cases.iter().filter(|case| case.verdict == verdict).count()
    }
}

impl Case {
    fn new(question: &str, expected: Answer, found: Answer) -> Self {
        let verdict = match &found {
            Answer::Error { refused: true, .. } => Verdict::Refused,
            _ if expected.agrees(&found) => Verdict::Equal,
            _ => Verdict::Different,
        };
        let question = question.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { question, expected: expected.shown(), found: found.shown(), verdict }
    }
}

async fn expressions(engine: &Engine, text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let [expression, data_type, value] = line.splitn(3, '\t').collect::<Vec<_>>()[..] else {
            panic!("no answer yet, ask tests/spark/ask.py: {line}")
        };
        let expected = match data_type {
            "ERROR" => Answer::error(value, ""),
            _ => Answer::Rows { columns: vec![("x".into(), normal(data_type))], rows: vec![vec![value.into()]] },
        };
        let lower = expression.to_lowercase();
        let found = match lower.starts_with("select ") || lower.starts_with("with ") {
            true => answer(engine, expression).await,
            false => answer(engine, &format!("SELECT {expression} AS x")).await,
        };
        cases.push(Case::new(expression, expected.nameless(), found.nameless()));
    }
    cases
}

async fn statements(engine: &Engine, text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for script::Told { sql, said } in script::statements(text) {
        let sql = sql.as_str();
        let ordered = sql.rsplit(')').next().is_some_and(|tail| tail.to_lowercase().contains("order by"));
        let (mut expected, mut found) = (Answer::read(&said), answer(engine, sql).await);
        // A statement that changes something may tell how much, in words of its own.
        if said.is_empty() && !matches!(found, Answer::Error { .. }) {
            found = expected.clone();
        }
        if !ordered {
            expected.sort();
            found.sort();
        }
        cases.push(Case::new(sql, expected, found));
    }
    cases
}

/// An answer to a question, as the corpus writes it.
#[derive(Clone, Debug)]
enum Answer {
    Rows {
        /// Name and type.
        columns: Vec<(String, String)>,
        rows: Vec<Vec<String>>,
    },
    Error {
        condition: String,
        sqlstate: String,
        refused: bool,
    },
}

impl Answer {
    fn error(condition: &str, sqlstate: &str) -> Self {
        Self::Error { condition: condition.into(), sqlstate: sqlstate.into(), refused: false }
    }

    /// Reads the lines below a statement.
    fn read(lines: &[&str]) -> Self {
        if let Some(error) = lines.first().and_then(|line| line.strip_prefix("--! ")) {
            let (condition, sqlstate) = error.split_once(' ').unwrap_or((error, ""));
            return Self::error(condition, sqlstate);
        }
        let mut lines = lines.iter().map(|line| line.get(4..).unwrap_or_default());
        // A name may have spaces, and so may the type of an interval.
        let column = |text: &str| {
            let mut ends = text.match_indices(' ').map(|(at, _)| at);
            let at = ends.find(|at| DataType::parse(&text[at + 1..]).is_some());
            let at = at.or_else(|| text.rfind(' ')).unwrap_or(text.len());
            (text[..at].to_owned(), normal(text[at..].trim()))
        };
        let columns = lines.next().map_or_else(Vec::new, |head| head.split('\t').map(column).collect());
        Self::Rows { columns, rows: lines.map(|line| line.split('\t').map(str::to_owned).collect()).collect() }
    }

    fn nameless(mut self) -> Self {
        if let Self::Rows { columns, .. } = &mut self {
            columns.iter_mut().for_each(|(name, _)| name.clear());
        }
        self
    }

    fn sort(&mut self) {
        if let Self::Rows { rows, .. } = self {
            rows.sort();
        }
    }

    fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Error { condition: a, sqlstate: state_a, .. },
                Self::Error { condition: b, sqlstate: state_b, .. },
            ) => {
                let main = |condition: &str| condition.split('.').next().unwrap_or_default().to_owned();
                // Some errors reach Spark's client without their condition.
                a == "UNKNOWN" || main(a) == main(b) && (state_a.is_empty() || state_b.is_empty() || state_a == state_b)
            }
            (Self::Rows { columns: a, rows: rows_a }, Self::Rows { columns: b, rows: rows_b }) => {
                a == b
                    && rows_a.len() == rows_b.len()
                    && rows_a.iter().zip(rows_b).all(|(a_row, b_row)| {
                        a_row.len() == b_row.len()
                            && a_row.iter().zip(b_row).zip(a).all(|((x, y), (_, kind))| same(x, y, kind))
                    })
            }
            _ => false,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Error { condition, sqlstate, .. } => format!("{condition} {sqlstate}").trim_end().to_owned(),
            Self::Rows { columns, rows } => {
                let head: Vec<_> = columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
                let rows: Vec<_> = rows.iter().map(|row| row.join(", ")).collect();
                format!("{}: {}", head.join(", ").trim(), rows.join(" / "))
            }
        }
    }
}

/// Whether two values are the same as far as their type lets them be.
fn same(a: &str, b: &str, data_type: &str) -> bool {
    if a == b {
        return true;
    }
    let tolerance = match data_type {
        "double" => TOLERANCE,
        "float" => 1e-6,
        _ => return false,
    };
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => (a - b).abs() <= tolerance * a.abs().max(b.abs()),
        _ => false,
    }
}

/// A type as Spark writes it.
fn normal(data_type: &str) -> String {
    data_type.to_lowercase().replace(": ", ":").replace(", ", ",")
}

/// What the engine answers, values cast to STRING.
async fn answer(engine: &Engine, sql: &str) -> Answer {
    match try_answer(engine, sql).await {
        Ok(answer) => answer,
        Err(error) => Answer::Error {
            refused: error.message.contains("embedded warehouse does not"),
            condition: error.condition,
            sqlstate: error.sqlstate.to_owned(),
        },
    }
}

async fn try_answer(engine: &Engine, sql: &str) -> Result<Answer, SqlError> {
    let output = run(engine, sql).await?;
    let columns: Vec<_> = output.columns.iter().map(|c| (c.name.clone(), normal(&c.type_text))).collect();
    // As CAST(… AS STRING) shows them anyway: then the query need not be wrapped, and keeps the order of its rows.
    let plain = |kind: &str| {
        ["tinyint", "smallint", "int", "bigint", "float", "double", "boolean", "string", "date"].contains(&kind)
            || kind.starts_with("decimal")
    };
    let plain = columns.iter().all(|(_, kind)| plain(kind));
    let output = match parse_statement(sql) {
        Ok(Statement::Query(_)) if !columns.is_empty() && !plain => {
            let names: Vec<_> = (0..columns.len()).map(|i| format!("c{i}")).collect();
            let shown: Vec<_> = columns
                .iter()
                .zip(&names)
                .map(|((_, kind), name)| match kind.as_str() {
                    "binary" => format!("hex({name})"),
                    _ => format!("CAST({name} AS STRING)"),
                })
                .collect();
            run(engine, &format!("SELECT {} FROM (\n{sql}\n) AS t({})", shown.join(", "), names.join(", "))).await?
        }
        _ => output,
    };
    let cell = |cell: Option<String>| match cell {
        Some(text) => text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r"),
        None => "NULL".to_owned(),
    };
    let rows = output.rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect();
    Ok(Answer::Rows { columns, rows })
}

async fn run(engine: &Engine, sql: &str) -> Result<Output, SqlError> {
    engine.execute(Request::new(sql), CancellationToken::new()).await
}

/// The functions of the catalogue that are refused, by trial: a call may also run in another form than its own.
async fn refused_functions() -> Vec<&'static str> {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path()).await.unwrap();
    let mut refused = Vec::new();
    for function in dialect::functions::functions().filter(|f| !functions::exists(f.name)) {
        let arguments = vec!["NULL"; function.min_args].join(", ");
        let tried = run(&engine, &format!("SELECT {}({arguments})", function.name)).await;
        if tried
            .is_err_and(|e| e.message.contains("embedded warehouse does not") || e.condition == "UNRESOLVED_ROUTINE")
        {
            refused.push(function.name);
        }
    }
    refused.sort_unstable();
    refused
}

/// The page that says what is supported.
fn page(families: &[Family], missing: &[&str]) -> String {
    let mut page = String::from(
        "# Databricks SQL on the embedded warehouse\n\n\
         Written by `KILN_BLESS=1 cargo test --lib spark`: do not edit. The corpus under `tests/spark` puts questions to \
         Spark 4.3 in ANSI mode (for statements on Delta tables, which Spark alone does not have, the answers were worked \
         out as each file says) and to the embedded warehouse. An answer is equal if names, types and values are, or \
         the error's condition and SQLSTATE. What is refused fails with an error that says so; it never answers \
         otherwise.\n\n",
    );
    page.push_str(&summary(families));
    page.push_str("\n## Answered otherwise\n\n");
    let different: String = families.iter().map(differences).collect();
    page.push_str(if different.is_empty() { "Nothing in the corpus.\n" } else { &different });
    page.push_str(
        "\n## Functions that are refused\n\n`kiln check` knows them; the embedded warehouse does not run them.\n\n",
    );
    for name in missing {
        let _ = writeln!(page, "- `{name}`");
    }
    page
}

fn summary(families: &[Family]) -> String {
    let mut table = String::from("| family | asked | equal | refused | different |\n|---|--:|--:|--:|--:|\n");
    let mut total = [0; 4];
    for family in families {
        let counts = [
            family.cases.len(),
            family.count(Verdict::Equal),
            family.count(Verdict::Refused),
            family.count(Verdict::Different),
        ];
        let _ = writeln!(table, "| {} | {} | {} | {} | {} |", family.name, counts[0], counts[1], counts[2], counts[3]);
        total.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
    }
    let _ = writeln!(table, "| all | {} | {} | {} | {} |", total[0], total[1], total[2], total[3]);
    table
}

/// The questions of a family that have another answer here, or none.
fn differences(family: &Family) -> String {
    let mut list = String::new();
    for case in family.cases.iter().filter(|case| case.verdict != Verdict::Equal) {
        if list.is_empty() {
            let _ = writeln!(list, "\n### {}\n", family.name);
        }
        let here = if case.verdict == Verdict::Refused { "refused" } else { &case.found };
        let _ = writeln!(list, "- `{}`: Spark says `{}`, here `{here}`", case.question, case.expected);
    }
    list
}
