//! Data tests as queries: each returns the rows that fail it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Reads;
use super::compile::FoundModel;
use crate::analysis::{self, Column, Parsed};
use crate::config::{DataTest, DataTestRule, Model};
use crate::diag::{Diagnostics, SourceFile};
use crate::dialect;
use crate::ids::{ModelName, TableName, quote_identifier, string_literal};
use crate::template::Templates;

/// A data test of a model, compiled.
#[derive(Clone, Debug)]
pub struct CompiledTest {
    /// What it says, in short: `not_null customer`.
    pub name: String,
    /// The query that returns the rows that fail. It reads the model by its own name, which the caller gives a meaning.
    pub failing: String,
    /// What it reads, but for the model itself.
    pub reads: Reads,
    /// Whether a failure is told and otherwise does no harm.
    pub warns: bool,
    /// Of one that compares with the version before: the columns that it reads of both.
    pub before: Option<Vec<String>>,
}

/// The data tests of a model, compiled, and what they were made from.
#[derive(Debug)]
pub(super) struct FoundTests {
    /// The model.
    pub(super) model: Arc<FoundModel>,
    /// Its tests, in order.
    pub(super) tests: Vec<FoundTest>,
    /// What they asked about.
    pub(super) asked: BTreeSet<ModelName>,
}

/// A data test, compiled.
#[derive(Debug)]
pub(super) struct FoundTest {
    /// The file that its query stands in, if it has one.
    pub(super) file: Option<Arc<SourceFile>>,
    /// None if it cannot be compiled.
    pub(super) compiled: Option<CompiledTest>,
    pub(super) problems: Diagnostics,
}

/// Returns the file that the query of a test stands in; none if it has none.
pub(super) fn file(test: &DataTest, templates: &Templates) -> Option<Result<Arc<SourceFile>, Diagnostics>> {
    match &test.rule {
        DataTestRule::NoRows(path) => Some(templates.read(path)),
        _ => None,
    }
}

/// Compiles a test: writes or renders its query, and parses it.
pub(super) fn compile(
    model: &Model,
    table: &TableName,
    columns: Option<&[Column]>,
    test: &DataTest,
    file: Option<&Arc<SourceFile>>,
    templates: &Templates,
) -> Result<(CompiledTest, Parsed), Diagnostics> {
    let (name, parsed, failing) = match (&test.rule, file) {
        (DataTestRule::NoRows(path), Some(file)) => {
            let rendered = templates.render_source(file)?;
            let parsed = analysis::parse(&rendered)?;
            (format!("no_rows {}", path.display()), parsed, rendered.text.trim().to_owned())
        }
        (rule, _) => {
            let (name, sql) = query(model, table, rule);
            let place = test.span.clone();
            let parsed = analysis::parse_sql(&sql, move |_| place.clone())?;
            (name, parsed, sql)
        }
    };
    let before = match &test.rule {
        DataTestRule::Change { measure, .. } => Some(columns_of(measure, columns)),
        _ => None,
    };
    Ok((CompiledTest { name, failing, reads: Reads::default(), warns: test.warns, before }, parsed))
}

/// Finds the columns that an expression may read: those whose names are among its words.
fn columns_of(expression: &str, columns: Option<&[Column]>) -> Vec<String> {
    let words: Vec<String> =
        dialect::essence(expression).split(' ').map(|word| word.trim_matches('`').to_lowercase()).collect();
    let names = columns.into_iter().flatten().map(|column| column.name.to_lowercase());
    names.filter(|name| words.contains(name)).collect()
}

/// Returns a test's name and its query.
fn query(model: &Model, published: &TableName, rule: &DataTestRule) -> (String, String) {
    let table = quote_identifier(model.name.as_str());
    let quoted = |columns: &[String]| columns.iter().map(|c| quote_identifier(c)).collect::<Vec<_>>();
    match rule {
        DataTestRule::NotNull(columns) => {
            let nulls = quoted(columns).iter().map(|c| format!("{c} IS NULL")).collect::<Vec<_>>().join(" OR ");
            (format!("not_null {}", columns.join(", ")), format!("SELECT * FROM {table} WHERE {nulls}"))
        }
        DataTestRule::Unique(columns) => {
            let list = quoted(columns).join(", ");
            let known = quoted(columns).iter().map(|c| format!("{c} IS NOT NULL")).collect::<Vec<_>>().join(" AND ");
            let sql = format!(
                "SELECT {list}, count(*) AS row_count FROM {table} WHERE {known} GROUP BY {list} HAVING count(*) > 1"
            );
            (format!("unique {}", columns.join(", ")), sql)
        }
        DataTestRule::AcceptedValues { column, values } => {
            let c = quote_identifier(column);
            let list = values.iter().map(literal).collect::<Vec<_>>().join(", ");
            let sql = format!("SELECT {c}, count(*) AS row_count FROM {table} WHERE {c} NOT IN ({list}) GROUP BY {c}");
            (format!("accepted_values {column}"), sql)
        }
        DataTestRule::Relationships { column, table: other, field } => {
            let (c, field) = (quote_identifier(column), quote_identifier(field));
            let other_sql = other.split('.').map(quote_identifier).collect::<Vec<_>>().join(".");
            let sql = format!(
                "SELECT own.{c}, count(*) AS row_count FROM {table} AS own LEFT ANTI JOIN {other_sql} AS other \
                 ON own.{c} = other.{field} WHERE own.{c} IS NOT NULL GROUP BY own.{c}"
            );
            (format!("relationships {column} in {other}"), sql)
        }
        DataTestRule::Expression(condition) => {
            // On a line of its own, so that a comment at its end does not swallow the parenthesis.
            (format!("expression {condition}"), format!("SELECT * FROM {table} WHERE NOT (\n{condition}\n)"))
        }
        DataTestRule::RowCount { min, max } => {
            let bounds = [min.map(|min| format!("count(*) < {min}")), max.map(|max| format!("count(*) > {max}"))];
            let words = [min.map(|min| format!("at least {min}")), max.map(|max| format!("at most {max}"))];
            let join =
                |parts: &[Option<String>], by: &str| parts.iter().flatten().cloned().collect::<Vec<_>>().join(by);
            let sql = format!("SELECT count(*) AS row_count FROM {table} HAVING {}", join(&bounds, " OR "));
            (format!("row_count {}", join(&words, ", ")), sql)
        }
        DataTestRule::Freshness { column, amount, unit } => {
            let c = quote_identifier(column);
            let sql = format!(
                "SELECT max({c}) AS newest FROM {table} \
                 HAVING max({c}) IS NULL OR max({c}) < current_timestamp() - INTERVAL '{amount}' {unit}"
            );
            (format!("freshness {column} within {amount} {}", unit.to_lowercase()), sql)
        }
        DataTestRule::Change { measure, down, up } => {
            let percent = |share: f64| format!("{} %", share * 100.0);
            let words = match (down, up) {
                (Some(down), Some(up)) if down == up => format!("by at most {}", percent(*down)),
                (down, up) => {
                    let down = down.map(|down| format!("down by at most {}", percent(down)));
                    let up = up.map(|up| format!("up by at most {}", percent(up)));
                    down.into_iter().chain(up).collect::<Vec<_>>().join(", ")
                }
            };
            let bounds = [
                Some("now IS NULL AND before IS NOT NULL".to_owned()),
                down.map(|down| format!("now < before - abs(before) * {down:?}")),
                up.map(|up| format!("now > before + abs(before) * {up:?}")),
            ];
            let bounds = bounds.into_iter().flatten().collect::<Vec<_>>().join(" OR ");
            let sql = format!(
                "SELECT now, before FROM (SELECT CAST(\n{measure}\nAS DOUBLE) AS now FROM {table}) AS kiln_now CROSS JOIN \
                 (SELECT CAST(\n{measure}\nAS DOUBLE) AS before FROM {}) AS kiln_before WHERE {bounds}",
                published.to_sql()
            );
            (format!("change of {measure} {words}"), sql)
        }
        DataTestRule::NoRows(_) => unreachable!("its query is in its file"),
    }
}

/// Writes a value of `jobs.yaml` as SQL.
fn literal(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => string_literal(text),
        other => other.to_string(),
    }
}
