//! Statements that change rows: `INSERT`, `DELETE`, `UPDATE` and `TRUNCATE`.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast};
use deltalake::DeltaTable;
use deltalake::kernel::engine::arrow_conversion::TryIntoArrow as _;
use deltalake::protocol::DeltaOperation;
use tokio_util::sync::CancellationToken;

use crate::dialect::{Assignment, Insert, Name, Part};
use crate::ids::TableName;
use crate::local::engine::api::Output;
use crate::local::engine::catalog::{Kind, quoted};
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::{self, Pieces, Planned, Scope};
use crate::local::engine::{Engine, run, types, write};

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
    let table = engine.open_table(&name).await?;
    let definition = write::definition(&table, &engine.table_dir(&name))?;
    let ruled = definition
        .properties
        .iter()
        .map(|(key, _)| key)
        .find(|key| key.starts_with("delta.constraints.") || *key == "delta.columnMapping.mode")
        .cloned();
    let ruled = ruled.or_else(|| {
        definition.schema.fields().find_map(|field| {
            let rules = ["delta.generationExpression", "delta.invariants", "delta.identity.start"];
            rules.iter().find(|rule| field.metadata().contains_key(**rule)).map(|rule| (*rule).to_owned())
        })
    });
    if let Some(rule) = ruled {
        return Err(SqlError::unsupported(&format!("writing to a table with {rule}")).at(place));
    }
    Ok((name, table))
}

pub(super) fn schema_of(table: &DeltaTable) -> Result<SchemaRef, SqlError> {
    let fail = |e: &dyn std::fmt::Display| SqlError::internal(format!("{e}."));
    let snapshot = table.snapshot().map_err(|e| fail(&e))?;
    let schema: Schema = snapshot.schema().as_ref().try_into_arrow().map_err(|e| fail(&e))?;
    Ok(Arc::new(schema))
}

/// `INSERT INTO`, `INSERT OVERWRITE`
pub(super) async fn insert(
    engine: &Engine,
    scope: &Scope,
    insert: Insert,
    cancel: &CancellationToken,
) -> Result<Output, SqlError> {
    let name = scope.table(&insert.table)?;
    let _writing = engine.write_lock(&name).await;
    let (name, table) = target(engine, scope, &insert.table).await?;
    let dir = engine.table_dir(&name);
    let schema = schema_of(&table)?;
    let planned = plan::query(engine, &insert.query, scope).await?;
    let planned = fitted(planned, &schema, &insert, &name)?;
    let partitions = write::definition(&table, &dir)?.partitions;
    let files = write::files(&planned, &dir, &schema, &partitions, cancel).await?;
    let rows = files.rows;
    if rows > 0 || insert.overwrite {
        write::append(&table, &dir, files, insert.overwrite).await?;
    }
    Ok(counters("INSERT", &[("num_affected_rows", rows), ("num_inserted_rows", rows)]))
}

/// The query with the table's columns, in their order and types; columns that it does not give are NULL.
fn fitted(planned: Planned, schema: &Schema, insert: &Insert, table: &TableName) -> Result<Planned, SqlError> {
    let given: Vec<String> = if insert.by_name {
        planned.names.clone()
    } else if insert.columns.is_empty() {
        schema.fields().iter().map(|f| f.name().clone()).collect()
    } else {
        insert.columns.clone()
    };
    let source = planned.plan.schema().clone();
    let count = source.fields().len();
    if given.len() != count {
        let (condition, what) = if given.len() > count {
            ("INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS", "not enough data columns")
        } else {
            ("INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS", "too many data columns")
        };
        return Err(SqlError::new(
            condition,
            "21S01",
            format!(
                "Cannot write to {}, the reason is {what}: the table has the columns {}, the query gives {count}.",
                quoted(&[&table.catalog, &table.schema, &table.name]),
                given.iter().map(|name| quoted(&[name])).collect::<Vec<_>>().join(", ")
            ),
        ));
    }
    for name in &given {
        if !schema.fields().iter().any(|f| f.name().eq_ignore_ascii_case(name)) {
            return Err(SqlError::new(
                "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION",
                "42703",
                format!("A column with name {} cannot be found in the table.", quoted(&[name])),
            ));
        }
    }
    let mut columns = Vec::new();
    for field in schema.fields() {
        let wanted = types::canonical(field.data_type());
        let place = given.iter().position(|name| name.eq_ignore_ascii_case(field.name()));
        let expr = match place {
            Some(place) => {
                let (qualifier, found) = source.qualified_field(place);
                let column = Expr::Column(Column::new(qualifier.cloned(), found.name()));
                if types::canonical(found.data_type()) == wanted { column } else { cast(column, wanted) }
            }
            None if field.is_nullable() => {
                let null = ScalarValue::try_from(&wanted).map_err(plan::explain)?;
                Expr::Literal(null, None)
            }
            None => {
                return Err(SqlError::new(
                    "DELTA_MISSING_NOT_NULL_COLUMN_VALUE",
                    "23502",
                    format!(
                        "Column {}, which has a NOT NULL constraint, is missing from the data being written.",
                        quoted(&[field.name()])
                    ),
                ));
            }
        };
        columns.push(expr.alias(field.name()));
    }
    let plan = LogicalPlanBuilder::from(planned.plan).project(columns).and_then(LogicalPlanBuilder::build);
    let names = schema.fields().iter().map(|f| f.name().clone()).collect();
    Ok(Planned { plan: plan.map_err(plan::explain)?, names, state: planned.state })
}

/// `DELETE FROM`
pub(super) async fn delete(
    engine: &Engine,
    scope: &Scope,
    written: &Name,
    rows: &Part,
    condition: Option<&Part>,
    cancel: &CancellationToken,
) -> Result<Output, SqlError> {
    let name = scope.table(written)?;
    let _writing = engine.write_lock(&name).await;
    let (name, table) = target(engine, scope, written).await?;
    let dir = engine.table_dir(&name);
    let schema = schema_of(&table)?;
    let planned = plan::query(engine, rows, scope).await?;
    let doomed = plan::count(&planned)?;
    let state = doomed.state.clone();
    let deleted = numbers(doomed, cancel).await?.first().copied().unwrap_or(0);
    if deleted > 0 {
        let remaining = match condition {
            None => None,
            Some(_) => {
                // A row stays unless the condition is true for it.
                let plan = plan::complement(planned.plan)?;
                let planned = Planned { plan, names: planned.names, state };
                let partitions = write::definition(&table, &dir)?.partitions;
                Some(write::files(&planned, &dir, &schema, &partitions, cancel).await?)
            }
        };
        let predicate = condition.map(|part| part.text().to_owned());
        write::rewrite(&table, &dir, remaining, DeltaOperation::Delete { predicate }).await?;
    }
    Ok(counters("DELETE", &[("num_affected_rows", deleted), ("num_deleted_rows", deleted)]))
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

/// The column of the table that an assignment names: by itself, or after the name by which the table goes.
pub(super) fn assigned(scope: &Scope, schema: &Schema, owner: &str, column: &Name) -> Result<usize, SqlError> {
    let parts = scope.parts(column)?;
    let name = match parts.as_slice() {
        [name] => name,
        [table, name] if table.eq_ignore_ascii_case(owner) => name,
        _ => {
            let text = format!("setting {}: only whole columns can be set", parts.join("."));
            return Err(SqlError::unsupported(&text).at(scope.place(column)));
        }
    };
    let place = schema.fields().iter().position(|field| field.name().eq_ignore_ascii_case(name));
    place.ok_or_else(|| {
        let columns: Vec<_> = schema.fields().iter().map(|field| quoted(&[field.name()])).collect();
        SqlError::new(
            "DELTA_MERGE_UNRESOLVED_EXPRESSION",
            "42601",
            format!("Cannot resolve {} among the columns {}.", quoted(&[name]), columns.join(", ")),
        )
        .at(scope.place(column))
    })
}

/// Refuses a column that is set twice.
pub(super) fn set_once(
    scope: &Scope,
    schema: &Schema,
    owner: &str,
    assignments: &[Assignment],
) -> Result<Vec<usize>, SqlError> {
    let mut places = Vec::new();
    for assignment in assignments {
        let place = assigned(scope, schema, owner, &assignment.column)?;
        if places.contains(&place) {
            let name = quoted(&[schema.field(place).name()]);
            let text = format!("There is a conflict from these SET columns: {name} is set twice.");
            let error = SqlError::new("DELTA_CONFLICT_SET_COLUMN", "42701", text);
            return Err(error.at(scope.place(&assignment.column)));
        }
        places.push(place);
    }
    Ok(places)
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
    let places = set_once(scope, &schema, owner, assignments)?;

    let mut pieces = Pieces::default();
    let holds = match condition {
        Some(part) => pieces.expression(part)?,
        None => "true".to_owned(),
    };
    let mut columns = Vec::new();
    for (i, field) in schema.fields().iter().enumerate() {
        let own = quoted(&[owner, field.name()]);
        let value = match places.iter().position(|place| *place == i) {
            None => own,
            Some(at) => {
                let value = pieces.expression(&assignments[at].value)?;
                let sql_type = types::from_arrow(field.data_type());
                format!("CASE WHEN {holds} THEN CAST({value} AS {sql_type}) ELSE {own} END")
            }
        };
        columns.push(format!("{value} AS {}", quoted(&[field.name()])));
    }
    let from = format!("FROM {} AS {}", written(scope, named)?, quoted(&[owner]));
    let rows = pieces.plan(engine, &format!("SELECT {} {from}", columns.join(", ")), scope).await?;
    let changed = pieces.plan(engine, &format!("SELECT count(*) AS n {from} WHERE {holds}"), scope).await?;
    let changed = numbers(changed, cancel).await?.first().copied().unwrap_or(0);
    if changed > 0 {
        let partitions = write::definition(&table, &dir)?.partitions;
        let files = write::files(&rows, &dir, &schema, &partitions, cancel).await?;
        let predicate = condition.map(|part| part.text().to_owned());
        write::rewrite(&table, &dir, Some(files), DeltaOperation::Update { predicate }).await?;
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
