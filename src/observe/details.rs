//! Tags, grants and keys, which the list of tables does not tell: one statement for all of a schema.

use std::collections::{BTreeMap, BTreeSet};

use tokio_util::sync::CancellationToken;

use crate::databricks::{BRIEF, Client, Error, Progress, Statement};
use crate::ids::{WarehouseId, quote_identifier, string_literal};
use crate::plan::{Observed, ObservedKey, ObservedTable, Questions};

/// Answers questions about a schema, its tables and its views by one query of the catalog's `information_schema`; no question,
/// no query.
///
/// # Errors
/// If the query fails.
pub async fn details(
    client: &Client,
    warehouse: &WarehouseId,
    (catalog, schema): (&str, &str),
    questions: Questions,
    observed: &mut Observed,
) -> Result<(), Error> {
    let questions = match observed.tables.is_empty() {
        true => Questions { schema_tags: questions.schema_tags, ..Questions::default() },
        false => questions,
    };
    if !questions.any() {
        return Ok(());
    }
    let sql = query(catalog, schema, questions);
    let statement = Statement { read_only: true, within: Some(BRIEF), ..Statement::new(sql, warehouse.clone()) };
    let never = CancellationToken::new();
    let answer = client.statements().execute(&statement, &never, &mut |_: Progress| {}).await?;
    for table in observed.tables.values_mut() {
        table.tags = questions.tags.then(BTreeMap::new);
        table.column_tags = questions.column_tags.then(BTreeMap::new);
        table.grants = questions.grants.then(BTreeMap::new);
        table.keys = questions.keys.then(BTreeMap::new);
    }
    for row in answer.rows {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || cells.next().unwrap_or_default();
        let row = Row { kind: next(), table: next(), name: next(), value: next(), about: next() };
        if row.kind == "schema" {
            observed.schema_tags.insert(row.name, row.value);
        } else if let Some(table) = observed.tables.get_mut(&row.table.to_lowercase()) {
            take(table, row);
        }
    }
    Ok(())
}

/// A row of the answer: of the schema a tag with its value, of a table that or a grantee with a privilege or a key with one
/// of its columns. What it is about is a column that has the tag, or the key that a key refers to.
struct Row {
    kind: String,
    table: String,
    name: String,
    value: String,
    about: String,
}

fn take(table: &mut ObservedTable, row: Row) {
    match row.kind.as_str() {
        "tag" => {
            table.tags.get_or_insert_default().insert(row.name, row.value);
        }
        "column" => {
            table.column_tags.get_or_insert_default().insert((row.about.to_lowercase(), row.name), row.value);
        }
        "grant" => {
            let held: &mut BTreeSet<String> = table.grants.get_or_insert_default().entry(row.name).or_default();
            held.insert(row.value.replace('_', " "));
        }
        _ => {
            let keys = table.keys.get_or_insert_default();
            let refers_to = (!row.about.is_empty()).then(|| row.about.to_lowercase());
            let key = ObservedKey { columns: Vec::new(), refers_to };
            keys.entry(row.name.to_lowercase()).or_insert(key).columns.push(row.value);
        }
    }
}

/// Writes the query. Columns of a key come in their order.
fn query(catalog: &str, schema: &str, questions: Questions) -> String {
    let from = |table: &str| format!("{}.information_schema.{table}", quote_identifier(&catalog.to_lowercase()));
    let schema = string_literal(&schema.to_lowercase());
    let mut parts = Vec::new();
    if questions.schema_tags {
        parts.push(format!(
            "SELECT 'schema' AS kind, '' AS table_name, tag_name AS name, coalesce(tag_value, '') AS value, '' AS about, \
             0 AS place FROM {} WHERE schema_name = {schema}",
            from("schema_tags")
        ));
    }
    if questions.tags {
        parts.push(format!(
            "SELECT 'tag' AS kind, table_name, tag_name AS name, coalesce(tag_value, '') AS value, '' AS about, \
             0 AS place FROM {} WHERE schema_name = {schema}",
            from("table_tags")
        ));
    }
    if questions.column_tags {
        parts.push(format!(
            "SELECT 'column' AS kind, table_name, tag_name AS name, coalesce(tag_value, '') AS value, column_name AS about, \
             0 AS place FROM {} WHERE schema_name = {schema}",
            from("column_tags")
        ));
    }
    if questions.grants {
        // Those that it has of its schema or catalog are not its own.
        parts.push(format!(
            "SELECT 'grant' AS kind, table_name, grantee AS name, privilege_type AS value, '' AS about, 0 AS place \
             FROM {} WHERE table_schema = {schema} AND coalesce(inherited_from, 'NONE') NOT IN ('METASTORE', 'CATALOG', \
             'SCHEMA')",
            from("table_privileges")
        ));
    }
    if questions.keys {
        parts.push(format!(
            "SELECT 'key' AS kind, k.table_name, k.constraint_name AS name, k.column_name AS value, \
             coalesce(r.unique_constraint_name, '') AS about, k.ordinal_position AS place FROM {} AS k LEFT JOIN {} \
             AS r ON k.constraint_schema = r.constraint_schema AND k.constraint_name = r.constraint_name WHERE \
             k.table_schema = {schema}",
            from("key_column_usage"),
            from("referential_constraints")
        ));
    }
    format!(
        "SELECT kind, table_name, name, value, about FROM (\n{}\n) ORDER BY table_name, kind, name, place",
        parts.join("\nUNION ALL\n")
    )
}
