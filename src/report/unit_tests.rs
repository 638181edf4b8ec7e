//! How unit tests of models ended.

use std::fmt::Write as _;

use console::Style;
use serde_json::{Value, json};

use super::github;
use super::grid::grid;
use crate::diag::Span;
use crate::event::QueryResult;
use crate::ids::ModelName;

/// The widest a column is shown.
const CELL: usize = 40;

/// How a unit test ended.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The model.
    pub model: ModelName,
    /// The test's name.
    pub test: String,
    /// Where it stands.
    pub place: Span,
    /// The rows that differ, with `-` for one that is missing and `+` for one that was not expected in their first column; or
    /// why the test could not be run.
    pub outcome: Result<QueryResult, String>,
}

impl Verdict {
    /// Tells whether no row differs.
    pub fn passed(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|rows| rows.rows.is_empty())
    }

    fn message(&self) -> String {
        match &self.outcome {
            Err(error) => error.clone(),
            Ok(rows) => {
                let of = |sign: &str| {
                    rows.rows.iter().filter(|row| row.first().is_some_and(|cell| cell.as_deref() == Some(sign))).count()
                };
                format!("{} missing (-), {} not expected (+)", rows_in_words(of("-")), rows_in_words(of("+")))
            }
        }
    }
}

fn rows_in_words(n: usize) -> String {
    if n == 1 { "1 row".to_owned() } else { format!("{n} rows") }
}

/// Writes a verdict for people; the rows that differ below it.
pub fn text(verdict: &Verdict, color: bool) -> String {
    let style = |style: Style| style.force_styling(color);
    let name = format!("{}: {}", verdict.model, verdict.test);
    if verdict.passed() {
        return format!("{} {name}\n", style(Style::new().green()).apply_to("✓"));
    }
    let mut text = format!("{} {name}\n", style(Style::new().red()).apply_to("✗"));
    // Writing to a text cannot fail.
    let _ = writeln!(text, "    {} ({})", verdict.message(), verdict.place);
    if let Ok(rows) = &verdict.outcome {
        let named = QueryResult {
            columns: rows
                .columns
                .iter()
                .enumerate()
                .map(|(i, (name, kind))| match i {
                    0 => (String::new(), kind.clone()),
                    _ => (name.clone(), kind.clone()),
                })
                .collect(),
            ..rows.clone()
        };
        for line in grid(&named, CELL) {
            let look = match line.chars().next() {
                Some('-') => Style::new().red(),
                Some('+') => Style::new().green(),
                _ => Style::new().dim(),
            };
            let _ = writeln!(text, "    {}", style(look).apply_to(line.trim_end()));
        }
    }
    text
}

/// Writes a verdict as one line of JSON.
pub fn json(verdict: &Verdict) -> String {
    let (line, column) = verdict.place.line_column();
    let mut value = json!({
        "event": "unit_test",
        "model": verdict.model,
        "test": verdict.test,
        "outcome": if verdict.passed() { "passed" } else { "failed" },
        "path": verdict.place.path(),
        "line": line,
        "column": column,
    });
    match &verdict.outcome {
        Err(error) => value["error"] = json!(error),
        Ok(rows) if !rows.rows.is_empty() => {
            let of = |sign: &str| -> Vec<Value> {
                let rows_of =
                    rows.rows.iter().filter(|row| row.first().is_some_and(|cell| cell.as_deref() == Some(sign)));
                let object = |row: &Vec<Option<String>>| {
                    let cells = rows.columns.iter().zip(row).skip(1);
                    Value::Object(cells.map(|((name, _), cell)| (name.clone(), json!(cell))).collect())
                };
                rows_of.map(object).collect()
            };
            value["missing"] = json!(of("-"));
            value["unexpected"] = json!(of("+"));
        }
        Ok(_) => {}
    }
    value.to_string()
}

/// Writes annotations of GitHub for the tests that failed.
pub fn annotations(verdicts: &[Verdict]) -> String {
    let line = |verdict: &Verdict| {
        let (line, column) = verdict.place.line_column();
        let path = github::property(&verdict.place.path().display().to_string());
        let message = github::data(&format!("{}: {}: {}", verdict.model, verdict.test, verdict.message()));
        format!("::error file={path},line={line},col={column}::{message}")
    };
    verdicts.iter().filter(|verdict| !verdict.passed()).map(line).collect::<Vec<_>>().join("\n")
}

/// Counts how they ended.
pub fn sum(verdicts: &[Verdict]) -> String {
    let failed = verdicts.iter().filter(|verdict| !verdict.passed()).count();
    let tests = |n: usize| if n == 1 { "1 unit test".to_owned() } else { format!("{n} unit tests") };
    match failed {
        0 => format!("{} passed", tests(verdicts.len())),
        failed => format!("{failed} of {} failed", tests(verdicts.len())),
    }
}
