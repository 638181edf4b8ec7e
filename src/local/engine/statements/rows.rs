//! Statements that change rows: `INSERT` and `DELETE`.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast};
use deltalake::DeltaTable;
use deltalake::kernel::engine::arrow_conversion::TryIntoArrow as _;
use tokio_util::sync::CancellationToken;

use crate::dialect::{Insert, Name, Part};
use crate::ids::TableName;
use crate::local::engine::api::Output;
use crate::local::engine::catalog::{Kind, quoted};
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::{self, Planned, Scope};
use crate::local::engine::{Engine, run, types, write};

/// A result of counters.
fn counters(statement_type: &'static str, counts: &[(&str, u64)]) -> Output {
    Output {
        columns: counts.iter().map(|(name, _)| types::column(name, &crate::dialect::DataType::BigInt)).collect(),
        rows: vec![counts.iter().map(|(_, n)| Some(n.to_string())).collect()],
        statement_type,
        ..Output::default()
    }
}

/// Opens a table to write to it; refuses views, and tables with rules that would be broken unseen.
async fn target(engine: &Engine, scope: &Scope, written: &Name) -> Result<(TableName, DeltaTable), SqlError> {
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

fn schema_of(table: &DeltaTable) -> Result<SchemaRef, SqlError> {
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
    let deleted = tokio::select! {
        biased;
        () = cancel.cancelled() => return Err(SqlError::canceled()),
        output = run::collect(doomed, None) => output?,
    };
    let deleted = deleted.rows.first().and_then(|row| row.first().cloned().flatten());
    let deleted: u64 = deleted.and_then(|n| n.parse().ok()).unwrap_or(0);
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
        write::delete(&table, &dir, remaining, predicate).await?;
    }
    Ok(counters("DELETE", &[("num_affected_rows", deleted), ("num_deleted_rows", deleted)]))
}
