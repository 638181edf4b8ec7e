//! Statements that change rows: `DELETE`, `UPDATE` and `TRUNCATE`.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use deltalake::DeltaTable;
use deltalake::kernel::engine::arrow_conversion::TryIntoArrow as _;
use deltalake::protocol::DeltaOperation;
use tokio_util::sync::CancellationToken;

use super::assigned;
use super::touched::{self, FILE, Target};
use crate::dialect::{Assignment, Name, Part};
use crate::ids::TableName;
use crate::local::engine::api::Output;
use crate::local::engine::catalog::{Kind, quoted};
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::{Pieces, Planned, Scope};
use crate::local::engine::rules::{By, Rules};
use crate::local::engine::{Engine, changes, files, run, types, write};

/// A result of counters.
pub(super) fn counters(statement_type: &'static str, counts: &[(&str, u64)]) -> Output {
    Output {
        columns: counts.iter().map(|(name, _)| types::column(name, &crate::dialect::DataType::BigInt)).collect(),
        rows: vec![counts.iter().map(|(_, n)| Some(n.to_string())).collect()],
        statement_type,
        ..Output::default()
    }
}

/// Opens a table to write to it; refuses views, and tables with rules that would be broken unseen.
pub(super) async fn target(
    engine: &Engine,
    scope: &Scope,
    written: &Name,
) -> Result<(TableName, DeltaTable), SqlError> {
    let name = scope.table(written)?;
    let place = scope.place(written);
    match engine.kind(&name, &scope.parts(written)?).map_err(|e| e.at(place))? {
        Kind::Table => {}
        Kind::View => {
            return Err(SqlError::new(
                "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE",
                "42809",
                format!(
                    "The statement expects a table, but {} is a view.",
                    quoted(&[&name.catalog, &name.schema, &name.name])
                ),
            )
            .at(place));
        }
    }
    if engine.folder().about(&name.parts())?.materialized.is_some() {
        let text = format!("The materialized view {} cannot be written; its query fills it.", name.to_sql());
        return Err(SqlError::new("EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", "42809", text).at(place));
    }
    let table = engine.open_table(&name).await?;
    let definition = write::definition(&table, &engine.table_dir(&name))?;
    // Expressions that the log holds in a form of its own; kiln writes CHECK constraints instead.
    if definition.schema.fields().any(|field| field.metadata().contains_key("delta.invariants")) {
        return Err(SqlError::unsupported("writing to a table with delta.invariants").at(place));
    }
    Ok((name, table))
}

pub(super) fn schema_of(table: &DeltaTable) -> Result<SchemaRef, SqlError> {
    let fail = |e: &dyn std::fmt::Display| SqlError::internal(format!("{e}."));
    let snapshot = table.snapshot().map_err(|e| fail(&e))?;
    let schema: Schema = snapshot.schema().as_ref().try_into_arrow().map_err(|e| fail(&e))?;
    Ok(Arc::new(schema))
}

/// `DELETE FROM`
pub(super) async fn delete(
    engine: &Engine,
    scope: &Scope,
    named: &Name,
    alias: Option<&str>,
    condition: Option<&Part>,
    cancel: &CancellationToken,
) -> Result<Output, SqlError> {
    let name = scope.table(named)?;
    let _writing = engine.write_lock(&name).await;
    let (name, table) = target(engine, scope, named).await?;
    let dir = engine.table_dir(&name);
    let definition = write::definition(&table, &dir)?;
    let schema = schema_of(&table)?;
    let owner = alias.unwrap_or(&name.name);
    let mut pieces = Pieces::default();
    let holds = match condition {
        Some(part) => pieces.expression(part)?,
        None => "true".to_owned(),
    };
    let target = Target::new(engine, scope, named, &table, dir.clone())?;
    let from = format!("FROM {} AS {}", target.text, quoted(&[owner]));
    let doomed = format!("SELECT {FILE} AS f, count(*) AS n {from} WHERE {holds} GROUP BY {FILE}");
    let doomed = touched::by_file(pieces.reading(engine, &doomed, scope, &target.all().await?).await?, cancel).await?;
    let deleted = doomed.iter().flat_map(|(_, counts)| counts).sum();
    if deleted > 0 {
        let (given, gone) = target.files(doomed.into_iter().filter_map(|(file, _)| file).collect()).await?;
        let mut remaining = None;
        if condition.is_some() {
            let own = own_columns(&schema, owner);
            // A row stays unless the condition is true for it.
            let text = format!("SELECT {own} {from} WHERE ({holds}) IS NOT TRUE");
            let stay = pieces.reading(engine, &text, scope, &given).await?;
            let mut files = files::write(&stay, &dir, &schema, &definition.partitions, cancel).await?;
            if changes::are_told(&definition) {
                let text = format!("SELECT {own}, 'delete' AS {} {from} WHERE {holds}", changes::CHANGE);
                let told = pieces.reading(engine, &text, scope, &given).await?;
                files::write_changes(&mut files, &told, &dir, &schema, &definition.partitions, cancel).await?;
            }
            remaining = Some(files);
        }
        let predicate = condition.map(|part| part.text().to_owned());
        write::exchange(&table, &dir, gone, remaining, DeltaOperation::Delete { predicate }).await?;
    }
    Ok(counters("DELETE", &[("num_affected_rows", deleted), ("num_deleted_rows", deleted)]))
}

/// The columns of a table that goes by this name in a query of ours.
fn own_columns(schema: &Schema, owner: &str) -> String {
    let columns: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| format!("{} AS {}", quoted(&[owner, field.name()]), quoted(&[field.name()])))
        .collect();
    columns.join(", ")
}

/// The first row of a query of counts; NULL is none.
pub(super) async fn numbers(planned: Planned, cancel: &CancellationToken) -> Result<Vec<u64>, SqlError> {
    let output = tokio::select! {
        biased;
        () = cancel.cancelled() => return Err(SqlError::canceled()),
        output = run::collect(planned, None) => output?,
    };
    let row = output.rows.into_iter().next().unwrap_or_default();
    Ok(row.into_iter().map(|n| n.and_then(|n| n.parse().ok()).unwrap_or(0)).collect())
}

/// A table's name in a query of ours.
pub(super) fn written(scope: &Scope, name: &Name) -> Result<String, SqlError> {
    let parts = scope.parts(name)?;
    Ok(quoted(&parts.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// Whether a value is the word DEFAULT.
pub(super) fn is_default(value: &Part) -> bool {
    value.text().trim().eq_ignore_ascii_case("default")
}

/// `UPDATE`
pub(super) async fn update(
    engine: &Engine,
    scope: &Scope,
    named: &Name,
    alias: Option<&str>,
    assignments: &[Assignment],
    condition: Option<&Part>,
    cancel: &CancellationToken,
) -> Result<Output, SqlError> {
    let name = scope.table(named)?;
    let _writing = engine.write_lock(&name).await;
    let (name, table) = target(engine, scope, named).await?;
    let (dir, schema) = (engine.table_dir(&name), schema_of(&table)?);
    let owner = alias.unwrap_or(&name.name);
    let set = assigned::set_once(scope, &schema, owner, assignments)?;
    let definition = write::definition(&table, &dir)?;
    let rules = Rules::of(&definition, &schema);
    for set in &set {
        rules.may_set(set.place)?;
    }

    let mut pieces = Pieces::default();
    let holds = match condition {
        Some(part) => pieces.expression(part)?,
        None => "true".to_owned(),
    };
    let mut values = Vec::new();
    for (set, assignment) in set.into_iter().zip(assignments) {
        let value = match is_default(&assignment.value) {
            true if set.is_field() => "NULL".to_owned(),
            true => format!("({})", rules.default(set.place).unwrap_or("NULL")),
            false => pieces.expression(&assignment.value)?,
        };
        values.push((set, value));
    }
    let values = assigned::whole(&schema, owner, values);
    let mut columns = Vec::new();
    for (i, field) in schema.fields().iter().enumerate() {
        let own = quoted(&[owner, field.name()]);
        let value = match values.iter().find(|(place, _)| *place == i) {
            None => own,
            Some((_, value)) => {
                let sql_type = types::from_arrow(field.data_type());
                format!("CASE WHEN {holds} THEN CAST({value} AS {sql_type}) ELSE {own} END")
            }
        };
        columns.push(format!("{value} AS {}", quoted(&[field.name()])));
    }
    let tells = changes::are_told(&definition);
    if tells {
        columns.push(format!("CASE WHEN {holds} THEN 'update_postimage' END AS {}", changes::CHANGE));
    }
    let target = Target::new(engine, scope, named, &table, dir.clone())?;
    let from = format!("FROM {} AS {}", target.text, quoted(&[owner]));
    let changed = format!("SELECT {FILE} AS f, count(*) AS n {from} WHERE {holds} GROUP BY {FILE}");
    let rows = format!("SELECT {} {from}", columns.join(", "));
    let all = target.all().await?;
    // Planned before anything is counted, so that a mistake is one whatever the table holds.
    pieces.reading(engine, &rows, scope, &all).await?;
    let found = touched::by_file(pieces.reading(engine, &changed, scope, &all).await?, cancel).await?;
    let changed = found.iter().flat_map(|(_, counts)| counts).sum();
    if changed > 0 {
        let (source, gone) = target.files(found.into_iter().filter_map(|(file, _)| file).collect()).await?;
        let is_set = |i| values.iter().any(|(place, _)| *place == i);
        // What is computed is computed again, unless the statement says what it shall be.
        let given: Vec<_> =
            (0..schema.fields().len()).map(|i| (!rules.is_generated(i) || is_set(i)).then_some(i)).collect();
        let rows = pieces.reading(engine, &rows, scope, &source).await?;
        let rows = rules.applied(engine, scope, rows, &given, By::Update).await?;
        let mut files = files::write(&rows, &dir, &schema, &definition.partitions, cancel).await?;
        if tells {
            let (own, change) = (own_columns(&schema, owner), changes::CHANGE);
            let text = format!("SELECT {own}, 'update_preimage' AS {change} {from} WHERE {holds}");
            let told = pieces.reading(engine, &text, scope, &source).await?;
            files::write_changes(&mut files, &told, &dir, &schema, &definition.partitions, cancel).await?;
        }
        let predicate = condition.map(|part| part.text().to_owned());
        write::exchange(&table, &dir, gone, Some(files), DeltaOperation::Update { predicate }).await?;
    }
    Ok(counters("UPDATE", &[("num_affected_rows", changed)]))
}

/// `TRUNCATE TABLE`
pub(super) async fn truncate(engine: &Engine, scope: &Scope, named: &Name) -> Result<Output, SqlError> {
    let name = scope.table(named)?;
    let _writing = engine.write_lock(&name).await;
    let (name, table) = target(engine, scope, named).await?;
    write::rewrite(&table, &engine.table_dir(&name), None, DeltaOperation::Delete { predicate: None }).await?;
    Ok(super::done("TRUNCATE TABLE"))
}
