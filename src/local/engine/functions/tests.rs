//! Every function and operator against what Spark says.
//!
//! `answers.tsv` was written by PySpark 4.3 in ANSI mode with the session's zone UTC: an expression, its type, and its
//! value cast to STRING (as JSON where it is an array or a struct), or `ERROR` and the condition.

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;

use crate::dialect::DataType;
use crate::local::engine::{Engine, Output, Request, SqlError};

/// What the engine refuses although Spark has it.
const REFUSED: &[&str] = &["char(65)"];

/// Conditions that are more exact in Spark.
const COARSER: &[(&str, &str)] = &[
    ("BINARY_ARITHMETIC_OVERFLOW", "ARITHMETIC_OVERFLOW"),
    ("DATATYPE_MISMATCH.CAST_WITH_FUNC_SUGGESTION", "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION"),
];

async fn run(engine: &Engine, sql: String) -> Result<Output, SqlError> {
    engine.execute(Request::new(sql), CancellationToken::new()).await
}

/// Type and value as the file writes them.
async fn answer(engine: &Engine, expression: &str) -> (String, String) {
    let error = |e: SqlError| ("ERROR".to_owned(), e.condition);
    let output = match run(engine, format!("SELECT {expression} AS x")).await {
        Ok(output) => output,
        Err(e) => return error(e),
    };
    let data_type = output.columns[0].type_text.to_lowercase().replace(": ", ":").replace(", ", ",");
    let plain = !data_type.starts_with("array") && !data_type.starts_with("struct") && data_type != "void";
    let output = match plain {
        true => match run(engine, format!("SELECT CAST({expression} AS STRING) AS x")).await {
            Ok(output) => output,
            Err(e) => return error(e),
        },
        false => output,
    };
    (data_type, output.rows[0][0].clone().unwrap_or_else(|| "NULL".to_owned()))
}

#[tokio::test]
async fn expressions_have_sparks_type_and_value() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path()).await.unwrap();
    let mut wrong = Vec::new();
    let mut refused = BTreeSet::new();
    for line in include_str!("answers.tsv").lines() {
        let [expression, data_type, value] = line.splitn(3, '\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (found_type, found) = answer(&engine, expression).await;
        let value = COARSER.iter().find(|(exact, _)| *exact == value).map_or(value, |(_, coarse)| coarse);
        if found_type == "ERROR" && found.starts_with("UNSUPPORTED") {
            refused.insert(expression);
        } else if (found_type.as_str(), found.as_str()) != (data_type, value) {
            wrong.push(format!("{expression}: {found_type} {found}, Spark says {data_type} {value}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(refused, REFUSED.iter().copied().collect());
}

#[test]
fn types_of_the_answers_are_types() {
    for line in include_str!("answers.tsv").lines() {
        let data_type = line.split('\t').nth(1).unwrap();
        assert!(data_type == "ERROR" || DataType::parse(data_type).is_some(), "{line}");
    }
}

/// Names under which calls go on inside: of operators, of fields, and of calls in another form.
const INTERNAL: &[&str] = &[
    "[]",
    "array_sort_by",
    "bit_not",
    "div",
    "get_field",
    "map_of",
    "mode_desc",
    "percentile_disc_desc",
    "percentile_weighted",
    "regexp_like",
    "timestampadd",
    "timestampdiff",
];

#[test]
fn functions_that_run_are_in_the_catalogue() {
    let all = super::SCALARS.keys().chain(super::HIGHER_ORDER.keys());
    let all = all.chain(super::AGGREGATES.keys()).chain(super::WINDOWS.keys());
    let unknown: BTreeSet<_> =
        all.filter(|name| !INTERNAL.contains(name) && crate::dialect::functions::function(name).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
