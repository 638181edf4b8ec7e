//! Statements that change rows: `INSERT`, `DELETE`, `UPDATE` and `TRUNCATE`.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use deltalake::DeltaTable;
use deltalake::kernel::Action;
use deltalake::kernel::engine::arrow_conversion::TryIntoArrow as _;
use deltalake::protocol::{DeltaOperation, SaveMode};
use tokio_util::sync::CancellationToken;

use super::touched::{self, FILE, Target};
use super::{columns, evolve};
use crate::dialect::{Assignment, Insert, Name, Part, Replace};
use crate::ids::TableName;
use crate::local::engine::api::Output;
use crate::local::engine::catalog::{Kind, quoted};
use crate::local::engine::delta::explain;
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::{self, Pieces, Planned, Scope};
use crate::local::engine::rules::{By, Rules};
use crate::local::engine::write::Definition;
use crate::local::engine::{Engine, changes, run, types, write};

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

/// `INSERT INTO`, `INSERT OVERWRITE`, `INSERT … REPLACE`
pub(super) async fn insert(
    engine: &Engine,
    scope: &Scope,
    mut insert: Insert,
    cancel: &CancellationToken,
) -> Result<Output, SqlError> {
    let name = scope.table(&insert.table)?;
    let _writing = engine.write_lock(&name).await;
    let (name, table) = target(engine, scope, &insert.table).await?;
    let dir = engine.table_dir(&name);
    let mut definition = write::definition(&table, &dir)?;
    let mut schema = columns::arrow(&definition.schema)?;
    let place = scope.place(&insert.table);
    let rules = Rules::of(&definition, &schema);
    let statics = statics(&insert, &definition).map_err(|e| e.at(place))?;
    let default = |i: usize, width: usize| {
        let names = match insert.columns.is_empty() {
            true => positional(&schema, &rules, &insert, &statics, width),
            false => insert.columns.clone(),
        };
        let named = |name: &String| schema.fields().iter().position(|f| f.name().eq_ignore_ascii_case(name));
        names.get(i).and_then(named).and_then(|column| rules.default(column)).unwrap_or("NULL").to_owned()
    };
    let mut planned = plan::inserted(engine, &insert.query, scope, default).await?;
    if insert.evolves && insert.columns.is_empty() {
        let by_place = if insert.by_name { 0 } else { schema.fields().len() };
        evolve::with_columns_of(&mut definition, &planned, by_place)?;
        schema = columns::arrow(&definition.schema)?;
    }
    let evolved = definition.schema != *table.snapshot().map_err(|e| explain(&dir, &e))?.schema();
    let rules = Rules::of(&definition, &schema);
    if !statics.is_empty() {
        let names = if insert.by_name {
            planned.names.clone()
        } else {
            positional(&schema, &rules, &insert, &statics, planned.names.len())
        };
        planned = with_statics(engine, scope, planned, &statics).await?;
        insert.columns = names.into_iter().chain(statics.iter().map(|(name, _)| name.clone())).collect();
        insert.by_name = false;
    }
    let given = given(&planned, &schema, &insert, &name, &rules)?;
    let planned = rules.applied(engine, scope, planned, &given, By::Insert).await?;
    // What else the commit changes, once so many rows are written.
    let redefined = |rows: u64| match rules.counted(&definition, &given, By::Insert, rows)? {
        Some(counted) => write::redefinition(&table, &counted, &dir),
        None if evolved => write::redefinition(&table, &definition, &dir),
        None => Ok(Vec::new()),
    };
    let partitions = &definition.partitions;
    let Some(replace) = replaced(&insert, &statics) else {
        let mut files = write::files(&planned, &dir, &schema, partitions, cancel).await?;
        let rows = files.rows;
        files.also = redefined(rows)?;
        if rows > 0 || insert.overwrite || evolved {
            write::append(&table, &dir, files, insert.overwrite).await?;
        }
        return Ok(inserted(rows));
    };
    let target = Target::new(engine, scope, &insert.table, &table, dir.clone())?;
    let replaced = replacing(engine, scope, &target, (&name, &definition, &schema), planned, &replace, cancel).await?;
    let mut files = write::files(&replaced.rows, &dir, &schema, partitions, cancel).await?;
    let rows = files.rows - replaced.kept;
    files.also.extend(redefined(rows)?);
    if let Some(told) = &replaced.told {
        write::changed(&mut files, told, &dir, &schema, partitions, cancel).await?;
    }
    let operation = DeltaOperation::Write {
        mode: SaveMode::Overwrite,
        partition_by: (!partitions.is_empty()).then(|| partitions.clone()),
        predicate: replaced.predicate,
    };
    write::exchange(&table, &dir, replaced.gone, Some(files), operation).await?;
    Ok(inserted(rows))
}

fn inserted(rows: u64) -> Output {
    counters("INSERT", &[("num_affected_rows", rows), ("num_inserted_rows", rows)])
}

/// The partition columns whose value a `PARTITION` clause gives, with these.
fn statics(insert: &Insert, definition: &Definition) -> Result<Vec<(String, Part)>, SqlError> {
    let mut statics = Vec::new();
    for (column, value) in &insert.partition {
        if !definition.partitions.iter().any(|name| name.eq_ignore_ascii_case(column)) {
            let text = format!("{} is not a partition column.", quoted(&[column]));
            return Err(SqlError::new("NON_PARTITION_COLUMN", "42000", text));
        }
        if let Some(value) = value {
            statics.push((column.clone(), value.clone()));
        }
    }
    Ok(statics)
}

/// The query's columns, and those with one value behind them.
async fn with_statics(
    engine: &Engine,
    scope: &Scope,
    planned: Planned,
    statics: &[(String, Part)],
) -> Result<Planned, SqlError> {
    let own = (0..planned.names.len()).map(|i| format!("`c{i}`"));
    let values = statics.iter().enumerate().map(|(i, (_, value))| format!("({}) AS `s{i}`", value.text()));
    let columns: Vec<_> = own.chain(values).collect();
    plan::over(engine, &format!("SELECT {} FROM {}", columns.join(", "), plan::ROWS), scope, &planned).await
}

/// Which rows an INSERT takes away, if not none or all.
fn replaced(insert: &Insert, statics: &[(String, Part)]) -> Option<Replace> {
    if insert.replace.is_some() || !insert.overwrite || statics.is_empty() {
        return insert.replace.clone();
    }
    // `INSERT OVERWRITE t PARTITION (day = …)` takes the rows of that partition.
    let conditions: Vec<_> =
        statics.iter().map(|(name, value)| format!("{} <=> ({})", quoted(&[name]), value.text())).collect();
    let text = conditions.join(" AND ");
    Some(Replace::Where(Part { range: 0..text.len(), padded: text }))
}

/// What `INSERT … REPLACE` does beside adding rows.
struct Replaced {
    /// The new rows, and those that stay in the files that go.
    rows: Planned,
    /// How many stay.
    kept: u64,
    /// The rows that go, for the change data.
    told: Option<Planned>,
    /// What takes the files out of the table.
    gone: Vec<Action>,
    /// What the history tells.
    predicate: Option<String>,
}

/// Finds the rows that are replaced by those of `planned`.
async fn replacing(
    engine: &Engine,
    scope: &Scope,
    target: &Target<'_>,
    (table, definition, schema): (&TableName, &Definition, &SchemaRef),
    planned: Planned,
    replace: &Replace,
    cancel: &CancellationToken,
) -> Result<Replaced, SqlError> {
    let names: Vec<String> = definition.schema.fields().map(|field| quoted(&[field.name()])).collect();
    let renamed: Vec<String> = names.iter().enumerate().map(|(i, name)| format!("`c{i}` AS {name}")).collect();
    let fresh = format!("(SELECT {} FROM {})", renamed.join(", "), plan::ROWS);
    let own: Vec<String> = (schema.fields().iter().zip(&names).enumerate())
        .map(|(i, (field, name))| match i < target.width() {
            true => format!("t.{name} AS {name}"),
            false => format!("CAST(NULL AS {}) AS {name}", types::from_arrow(field.data_type())),
        })
        .collect();
    let (names, own) = (names.join(", "), own.join(", "));
    let (goes, predicate) = match replace {
        Replace::Where(condition) => {
            let condition = condition.text();
            let text = format!("SELECT count(*) AS n FROM {fresh} AS t WHERE NOT coalesce(({condition}), false)");
            let strangers = numbers(plan::over(engine, &text, scope, &planned).await?, cancel).await?;
            if strangers.first().is_some_and(|n| *n > 0) {
                return Err(SqlError::new(
                    "DELTA_REPLACE_WHERE_MISMATCH",
                    "44000",
                    format!("Written data does not conform to the partial table overwrite condition ({condition})."),
                ));
            }
            (format!("coalesce(({condition}), false)"), Some(condition.to_owned()))
        }
        Replace::Using(columns) => {
            for column in columns {
                if !definition.schema.fields().any(|field| field.name().eq_ignore_ascii_case(column)) {
                    return Err(super::alter::no_column(column, table));
                }
            }
            let pairs: Vec<_> = columns.iter().map(|c| format!("n.{0} <=> t.{0}", quoted(&[c]))).collect();
            (format!("EXISTS (SELECT 1 FROM {fresh} AS n WHERE {})", pairs.join(" AND ")), None)
        }
    };
    let from = format!("FROM {} AS t", target.text);
    let given = target.all().await?.and_rows(&planned)?;
    let text = format!("SELECT {FILE} AS f, count(*) AS n {from} WHERE {goes} GROUP BY {FILE}");
    let found = touched::by_file(plan::reading(engine, &text, scope, &given).await?, cancel).await?;
    let (given, gone) = target.files(found.into_iter().filter_map(|(file, _)| file).collect()).await?;
    let given = given.and_rows(&planned)?;
    let text = format!("SELECT count(*) AS n {from} WHERE NOT {goes}");
    // Without files there is nothing that stays in them.
    let kept = match gone.is_empty() {
        true => 0,
        false => {
            let counted = numbers(plan::reading(engine, &text, scope, &given).await?, cancel).await?;
            counted.first().copied().unwrap_or(0)
        }
    };
    let tells = changes::are_told(definition);
    let change = |what: &str| if tells { format!(", {what} AS {}", changes::CHANGE) } else { String::new() };
    let mut text = format!("SELECT {names}{} FROM {fresh} AS f", change("'insert'"));
    if kept > 0 {
        let nothing = change("CAST(NULL AS STRING)");
        text = format!("SELECT {own}{nothing} {from} WHERE NOT {goes} UNION ALL {text}");
    }
    let rows = plan::reading(engine, &text, scope, &given).await?;
    let told = match tells && !gone.is_empty() {
        true => {
            let text = format!("SELECT {own}{} {from} WHERE {goes}", change("'delete'"));
            Some(plan::reading(engine, &text, scope, &given).await?)
        }
        false => None,
    };
    Ok(Replaced { rows, kept, told, gone, predicate })
}

/// The columns that an INSERT without a list of columns gives: all, or all but those that the table computes.
///
/// Columns that a `PARTITION` clause gives a value are not among them; those that it only names come last.
fn positional(
    schema: &Schema,
    rules: &Rules,
    insert: &Insert,
    statics: &[(String, Part)],
    count: usize,
) -> Vec<String> {
    let is_static = |name: &str| statics.iter().any(|(s, _)| s.eq_ignore_ascii_case(name));
    let is_dynamic =
        |name: &str| insert.partition.iter().any(|(p, value)| value.is_none() && p.eq_ignore_ascii_case(name));
    let names = |all: bool| -> Vec<String> {
        let fields = schema.fields().iter().enumerate();
        let fields = fields.filter(|(i, f)| (all || !rules.is_computed(*i)) && !is_static(f.name()));
        let (last, first): (Vec<String>, Vec<String>) =
            fields.map(|(_, f)| f.name().clone()).partition(|name| is_dynamic(name));
        first.into_iter().chain(last).collect()
    };
    let stored = names(false);
    if stored.len() == count { stored } else { names(true) }
}

/// Which column of the query each column of the table comes from.
fn given(
    planned: &Planned,
    schema: &Schema,
    insert: &Insert,
    table: &TableName,
    rules: &Rules,
) -> Result<Vec<Option<usize>>, SqlError> {
    let given: Vec<String> = if insert.by_name {
        planned.names.clone()
    } else if insert.columns.is_empty() {
        positional(schema, rules, insert, &[], planned.names.len())
    } else {
        insert.columns.clone()
    };
    let count = planned.plan.schema().fields().len();
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
    let mut places = Vec::new();
    for (i, field) in schema.fields().iter().enumerate() {
        let place = given.iter().position(|name| name.eq_ignore_ascii_case(field.name()));
        if place.is_none() && !field.is_nullable() && !rules.fills(i) {
            return Err(SqlError::new(
                "DELTA_MISSING_NOT_NULL_COLUMN_VALUE",
                "23502",
                format!(
                    "Column {}, which has a NOT NULL constraint, is missing from the data being written.",
                    quoted(&[field.name()])
                ),
            ));
        }
        places.push(place);
    }
    Ok(places)
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
            let mut files = write::files(&stay, &dir, &schema, &definition.partitions, cancel).await?;
            if changes::are_told(&definition) {
                let text = format!("SELECT {own}, 'delete' AS {} {from} WHERE {holds}", changes::CHANGE);
                let told = pieces.reading(engine, &text, scope, &given).await?;
                write::changed(&mut files, &told, &dir, &schema, &definition.partitions, cancel).await?;
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
    let places = set_once(scope, &schema, owner, assignments)?;
    let definition = write::definition(&table, &dir)?;
    let rules = Rules::of(&definition, &schema);
    for place in &places {
        rules.may_set(*place)?;
    }

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
                let value = match is_default(&assignments[at].value) {
                    true => format!("({})", rules.default(i).unwrap_or("NULL")),
                    false => pieces.expression(&assignments[at].value)?,
                };
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
        // What is computed is computed again, unless the statement says what it shall be.
        let given: Vec<_> =
            (0..schema.fields().len()).map(|i| (!rules.is_generated(i) || places.contains(&i)).then_some(i)).collect();
        let rows = pieces.reading(engine, &rows, scope, &source).await?;
        let rows = rules.applied(engine, scope, rows, &given, By::Update).await?;
        let mut files = write::files(&rows, &dir, &schema, &definition.partitions, cancel).await?;
        if tells {
            let (own, change) = (own_columns(&schema, owner), changes::CHANGE);
            let text = format!("SELECT {own}, 'update_preimage' AS {change} {from} WHERE {holds}");
            let told = pieces.reading(engine, &text, scope, &source).await?;
            write::changed(&mut files, &told, &dir, &schema, &definition.partitions, cancel).await?;
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
