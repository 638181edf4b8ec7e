//! A unit test of a model as statements: what it reads is put in place, and one query finds the rows that differ.

use super::statement::soft_delete;
use crate::analysis::Column;
use crate::config::{Cell, CellValue, UnitTest};
use crate::dialect::{DataType, end_of_query};
use crate::ids::{TableName, quote_identifier, string_literal};
use crate::manifest::{CompiledModel, Input, Manifest, OWN_TABLE};

/// Digits behind the point up to which floating numbers have to agree.
const DIGITS: u8 = 9;

/// A unit test, ready to be run where nothing else is: its statements replace tables.
#[derive(Clone, Debug)]
pub struct UnitTestPlan {
    /// Statements that put in place what the model reads.
    pub setup: Vec<String>,
    /// The query for the rows that differ: first `-` for one that is missing, `+` for one that was not expected.
    pub differences: String,
}

/// Plans a unit test. `inputs` is what its model reads.
pub fn unit_test(manifest: &Manifest, model: &CompiledModel, inputs: &[Input], test: &UnitTest) -> UnitTestPlan {
    let given = |input: &Input| test.given.iter().find(|given| input.names.contains(&given.table.value));
    let mut setup = Vec::new();
    for input in inputs {
        for (catalog, schema) in [(&input.table.catalog, &input.table.schema), (&manifest.catalog, &manifest.schema)] {
            let catalog = quote_identifier(catalog);
            for statement in [
                format!("CREATE CATALOG IF NOT EXISTS {catalog}"),
                format!("CREATE SCHEMA IF NOT EXISTS {catalog}.{}", quote_identifier(schema)),
            ] {
                if !setup.contains(&statement) {
                    setup.push(statement);
                }
            }
        }
        let rows = given(input).map(|given| given.rows.as_slice()).unwrap_or_default();
        setup.push(input_statement(&input.table, input.columns.as_deref(), rows));
    }
    let query = match (&model.increment, test.given.iter().any(|given| given.table.value == OWN_TABLE)) {
        (Some(increment), true) => increment.query.text.clone(),
        _ => model.query.text.clone(),
    };
    let query = query[..end_of_query(&query)].to_owned();
    // As it is built: without the rows that are marked as deleted.
    let query = match soft_delete(model) {
        Some(flag) => format!("SELECT * FROM (\n{query}\n) WHERE NOT coalesce({flag}, false)"),
        None => query,
    };
    UnitTestPlan { setup, differences: differences(model, &query, &test.expect) }
}

fn input_statement(table: &TableName, columns: Option<&[Column]>, rows: &[Vec<Cell>]) -> String {
    let columns = columns.map_or_else(|| named(rows), <[Column]>::to_vec);
    format!("CREATE OR REPLACE VIEW {} AS\n{}", table.to_sql(), values(&columns, rows))
}

/// Writes the query for the rows that differ, compared in the columns that the test names.
fn differences(model: &CompiledModel, query: &str, expect: &[Vec<Cell>]) -> String {
    let known = model.columns.clone().unwrap_or_else(|| named(expect).into());
    let is_named = |column: &&Column| {
        expect.is_empty() || expect.iter().flatten().any(|cell| cell.column.value.eq_ignore_ascii_case(&column.name))
    };
    let columns: Vec<Column> = known.iter().filter(is_named).cloned().collect();
    let compared = |column: &Column| {
        let name = quote_identifier(&column.name);
        match column.data_type {
            Some(DataType::Double | DataType::Float) => format!("round({name}, {DIGITS}) AS {name}"),
            _ => name,
        }
    };
    let list = columns.iter().map(compared).collect::<Vec<_>>().join(", ");
    format!(
        "WITH kiln_actual AS (SELECT {list} FROM (\n{query}\n)),\nkiln_expected AS (SELECT {list} FROM (\n{}\n))\n\
         SELECT '-' AS kiln_row, * FROM (SELECT * FROM kiln_expected EXCEPT ALL SELECT * FROM kiln_actual)\nUNION ALL\n\
         SELECT '+' AS kiln_row, * FROM (SELECT * FROM kiln_actual EXCEPT ALL SELECT * FROM kiln_expected)",
        values(&columns, expect)
    )
}

/// Returns the columns that rows name, where nobody knows them better.
fn named(rows: &[Vec<Cell>]) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for cell in rows.iter().flatten() {
        if !columns.iter().any(|column| column.name.eq_ignore_ascii_case(&cell.column.value)) {
            columns.push(Column { name: cell.column.value.clone(), data_type: None });
        }
    }
    columns
}

/// Writes rows as a query.
fn values(columns: &[Column], rows: &[Vec<Cell>]) -> String {
    let row = |cells: &[Cell]| {
        let value = |column: &Column| {
            let cell = cells.iter().find(|cell| cell.column.value.eq_ignore_ascii_case(&column.name));
            format!("{} AS {}", literal(column, cell.map(|cell| &cell.value)), quote_identifier(&column.name))
        };
        format!("SELECT {}", columns.iter().map(value).collect::<Vec<_>>().join(", "))
    };
    match (columns, rows) {
        ([], _) => "SELECT 1 AS nothing WHERE false".to_owned(),
        (_, []) => format!("{} WHERE false", row(&[])),
        (_, rows) => rows.iter().map(|cells| row(cells)).collect::<Vec<_>>().join("\nUNION ALL\n"),
    }
}

fn literal(column: &Column, value: Option<&CellValue>) -> String {
    let sql = match value {
        None | Some(CellValue::Null) if column.name.eq_ignore_ascii_case("_fivetran_deleted") => "false".to_owned(),
        None | Some(CellValue::Null) => "NULL".to_owned(),
        Some(CellValue::Text(text)) => string_literal(text),
        // As text it is cast without loss; where there is no type to cast to, it is the number or truth value that it says.
        Some(CellValue::Plain(text)) if column.data_type.is_some() => string_literal(text),
        Some(CellValue::Plain(text) | CellValue::Sql(text)) => text.clone(),
    };
    match &column.data_type {
        Some(data_type) if !data_type.to_string().contains('?') => format!("CAST({sql} AS {data_type})"),
        _ => sql,
    }
}
