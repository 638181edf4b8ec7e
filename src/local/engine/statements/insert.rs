//! `INSERT` in all its forms.

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use deltalake::kernel::Action;
use deltalake::protocol::{DeltaOperation, SaveMode};
use tokio_util::sync::CancellationToken;

use super::rows::{counters, numbers, target};
use super::touched::{self, FILE, Target};
use super::{columns, evolve};
use crate::dialect::{Insert, Part, Replace};
use crate::ids::TableName;
use crate::local::engine::api::Output;
use crate::local::engine::catalog::quoted;
use crate::local::engine::delta::explain;
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::{self, Planned, Scope};
use crate::local::engine::rules::{By, Rules};
use crate::local::engine::write::Definition;
use crate::local::engine::{Engine, changes, files, types, write};

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
        let mut files = files::write(&planned, &dir, &schema, partitions, cancel).await?;
        let rows = files.rows;
        files.also = redefined(rows)?;
        if rows > 0 || insert.overwrite || evolved {
            write::append(&table, &dir, files, insert.overwrite).await?;
        }
        return Ok(inserted(rows));
    };
    let target = Target::new(engine, scope, &insert.table, &table, dir.clone())?;
    let replaced = replacing(engine, scope, &target, (&name, &definition, &schema), planned, &replace, cancel).await?;
    let mut files = files::write(&replaced.rows, &dir, &schema, partitions, cancel).await?;
    let rows = files.rows - replaced.kept;
    files.also.extend(redefined(rows)?);
    if let Some(told) = &replaced.told {
        files::write_changes(&mut files, told, &dir, &schema, partitions, cancel).await?;
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
            // Equal, and so never for NULL: what Databricks has `REPLACE ON … <=> …` for.
            let pairs: Vec<_> = columns.iter().map(|c| format!("n.{0} = t.{0}", quoted(&[c]))).collect();
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
