//! Write, audit, publish: a model with tests is built beside the one that is read, tested, and then takes its place.

use super::action::{Audit, PlannedTest};
use super::observed::ObservedTable;
use super::pins::Pinned;
use super::statement::{marked_header, marked_statement, whole_query};
use crate::config::Materialization;
use crate::ids::{TableName, quote_identifier, string_literal};
use crate::manifest::{CompiledModel, CompiledTest, Manifest};

/// So many rows that fail a test are shown.
pub(super) const SAMPLE_ROWS: usize = 5;

/// Writes the statement that makes the new version.
pub(super) fn new_version(manifest: &Manifest, model: &CompiledModel, new: &TableName) -> Pinned {
    let kind = kind(model.config.materialized);
    let comment = string_literal(&format!("Waits for the tests of {}, or did not pass them", model.config.name));
    let header = Pinned::default().own(format!("CREATE OR REPLACE {kind} {} COMMENT {comment} AS\n", new.to_sql()));
    match model.config.materialized {
        Materialization::View => header.plain_query(model),
        Materialization::Table => header.then(whole_query(manifest, model)),
    }
}

/// Plans how the new version is tested and published. `there` is what it takes the place of, `room` are statements that have
/// to come right before.
pub(super) fn audit(
    manifest: &Manifest,
    model: &CompiledModel,
    new: &TableName,
    there: Option<&ObservedTable>,
    room: Vec<String>,
) -> Audit {
    let as_new = Pinned::default().own(format!("SELECT * FROM {}", new.to_sql()));
    let publish = match model.config.materialized {
        Materialization::View => marked_statement(manifest, model),
        Materialization::Table => marked_header(manifest, model).then(as_new.clone()),
    };
    Audit {
        tests: tests(model, there, &as_new),
        count: count(model, there, &as_new, &[]),
        room,
        publish,
        clear: format!("DROP {} IF EXISTS {}", kind(model.config.materialized), new.to_sql()),
    }
}

/// Returns the tests that can be made. One that compares with the version before needs that, and its columns.
fn applicable<'a>(
    model: &'a CompiledModel,
    there: Option<&ObservedTable>,
) -> impl Iterator<Item = &'a CompiledTest> + use<'a> {
    let before: Option<Vec<String>> = there
        .filter(|there| there.marks.is_some())
        .map(|there| there.columns.iter().map(|column| column.name.to_lowercase()).collect());
    model.tests.iter().filter(move |test| match (&test.before, &before) {
        (None, _) => true,
        (Some(columns), Some(before)) => columns.iter().all(|column| before.contains(&column.to_lowercase())),
        (Some(_), None) => false,
    })
}

/// Plans the tests of a model whose rows will be what a query returns.
pub(super) fn tests(model: &CompiledModel, there: Option<&ObservedTable>, rows: &Pinned) -> Vec<PlannedTest> {
    let test = |test: &CompiledTest| PlannedTest {
        name: test.name.clone(),
        sample: named(model, rows).own(format!("SELECT * FROM (\n{}\n) LIMIT {SAMPLE_ROWS}", test.failing)),
        warns: test.warns,
    };
    applicable(model, there).map(test).collect()
}

/// Writes the query that counts the rows that fail each test; `more` are queries of tests that come after the model's own.
pub(super) fn count(model: &CompiledModel, there: Option<&ObservedTable>, rows: &Pinned, more: &[String]) -> Pinned {
    let failing = applicable(model, there).map(|test| &test.failing).chain(more).enumerate();
    let counts = failing.map(|(i, failing)| format!("SELECT {i} AS test, count(*) AS failing FROM (\n{failing}\n)"));
    named(model, rows).own(counts.collect::<Vec<_>>().join("\nUNION ALL\n"))
}

/// Lets tests read rows by the model's own name.
pub(super) fn named(model: &CompiledModel, rows: &Pinned) -> Pinned {
    let name = quote_identifier(model.config.name.as_str());
    Pinned::default().own(format!("WITH {name} AS (")).then(rows.clone()).own(")\n")
}

fn kind(materialized: Materialization) -> &'static str {
    match materialized {
        Materialization::View => "VIEW",
        Materialization::Table => "TABLE",
    }
}
