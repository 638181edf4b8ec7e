//! Write, audit, publish: a model with tests is built beside the one that is read, tested, and then takes its place.

use super::action::{Audit, PlannedTest};
use super::pins::Pinned;
use super::statement::{marked_header, marked_statement};
use crate::config::Materialization;
use crate::ids::{TableName, quote_identifier, string_literal};
use crate::manifest::{CompiledModel, Manifest};

/// So many rows that fail a test are shown.
const SAMPLE_ROWS: usize = 5;

/// Writes the statement that makes the new version.
pub(super) fn new_version(manifest: &Manifest, model: &CompiledModel, new: &TableName) -> Pinned {
    let kind = kind(model.config.materialized);
    let comment = string_literal(&format!("Waits for the tests of {}, or did not pass them", model.config.name));
    let header = Pinned::default().own(format!("CREATE OR REPLACE {kind} {} COMMENT {comment} AS\n", new.to_sql()));
    match model.config.materialized {
        Materialization::View => header.plain_query(model),
        Materialization::Table => header.pinned_query(manifest, model),
    }
}

/// Plans how the new version is tested and published. `room` are statements that have to come right before.
pub(super) fn audit(manifest: &Manifest, model: &CompiledModel, new: &TableName, room: Vec<String>) -> Audit {
    // Tests read the model by its own name, which stands for the new version here.
    let name = quote_identifier(model.config.name.as_str());
    let with = format!("WITH {name} AS (SELECT * FROM {})\n", new.to_sql());
    let counts = model
        .tests
        .iter()
        .enumerate()
        .map(|(i, test)| format!("SELECT {i} AS test, count(*) AS failing FROM (\n{}\n)", test.failing));
    let tests = model.tests.iter().map(|test| PlannedTest {
        name: test.name.clone(),
        sample: format!("{with}SELECT * FROM (\n{}\n) LIMIT {SAMPLE_ROWS}", test.failing),
        warns: test.warns,
    });
    let publish = match model.config.materialized {
        Materialization::View => marked_statement(manifest, model),
        Materialization::Table => marked_header(manifest, model).own(format!("SELECT * FROM {}", new.to_sql())),
    };
    Audit {
        tests: tests.collect(),
        count: format!("{with}{}", counts.collect::<Vec<_>>().join("\nUNION ALL\n")),
        room,
        publish,
        clear: format!("DROP {} IF EXISTS {}", kind(model.config.materialized), new.to_sql()),
    }
}

fn kind(materialized: Materialization) -> &'static str {
    match materialized {
        Materialization::View => "VIEW",
        Materialization::Table => "TABLE",
    }
}
