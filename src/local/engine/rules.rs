//! What a table demands of its rows, and what it adds to them: CHECK constraints, generated columns, defaults and
//! identities.
//!
//! The expressions stand as text in the table's definition. They are planned over the rows that a statement is about to
//! write, so that they mean what they mean in a query.

use std::fmt::Write as _;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType as Arrow, Schema};
use datafusion::common::{Column, Result as DataFusionResult};
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};
use deltalake::kernel::{MetadataValue, StructField};

use super::catalog::quoted;
use super::changes::CHANGE;
use super::error::SqlError;
use super::features::{CONSTRAINT, DEFAULT, GENERATION, IDENTITY_MARK, IDENTITY_OPEN, IDENTITY_START, IDENTITY_STEP};
use super::plan::{self, Planned, ROWS, Scope};
use super::write::Definition;
use super::{Engine, files, render, types};
use crate::ids::TableName;

/// The rules of one table.
#[derive(Debug)]
pub(super) struct Rules {
    columns: Vec<ColumnRule>,
    checks: Vec<(String, String)>,
}

#[derive(Debug)]
struct ColumnRule {
    name: String,
    arrow: Arrow,
    default: Option<String>,
    generation: Option<String>,
    identity: Option<Identity>,
}

/// An identity column.
#[derive(Clone, Debug)]
struct Identity {
    next: i64,
    step: i64,
    open: bool,
}

/// Which statement gives rows to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// New rows; identity columns are the table's to fill, unless they are open.
    Insert,
    /// Rows that keep their numbers.
    Update,
    /// Rows of both kinds: those without a number get one.
    Merge,
}

impl Rules {
    /// The rules in a definition of a table with these columns.
    pub(super) fn of(definition: &Definition, schema: &Schema) -> Self {
        let columns = definition.schema.fields().zip(schema.fields()).map(|(field, arrow)| ColumnRule {
            name: field.name().clone(),
            arrow: types::canonical(arrow.data_type()),
            default: text(field, DEFAULT),
            generation: text(field, GENERATION),
            identity: identity(field),
        });
        let mut checks: Vec<_> = definition
            .properties
            .iter()
            .filter_map(|(key, condition)| Some((key.strip_prefix(CONSTRAINT)?.to_owned(), condition.clone())))
            .collect();
        checks.sort();
        Self { columns: columns.collect(), checks }
    }

    /// Whether rows may be written as they are.
    fn are_none(&self) -> bool {
        self.checks.is_empty()
            && self.columns.iter().all(|c| c.default.is_none() && c.generation.is_none() && c.identity.is_none())
    }

    /// The text of a column's default.
    pub(super) fn default(&self, column: usize) -> Option<&str> {
        self.columns.get(column)?.default.as_deref()
    }

    /// Whether the column's values are computed from those of others.
    pub(super) fn is_generated(&self, column: usize) -> bool {
        self.columns.get(column).is_some_and(|c| c.generation.is_some())
    }

    /// Whether a statement leaves the column's values to the table.
    pub(super) fn is_computed(&self, column: usize) -> bool {
        self.columns.get(column).is_some_and(|c| c.generation.is_some() || c.identity.is_some())
    }

    /// Whether the table has a value for a column that a statement does not give.
    pub(super) fn fills(&self, column: usize) -> bool {
        self.is_computed(column) || self.default(column).is_some()
    }

    /// Refuses that an UPDATE sets an identity column.
    pub(super) fn may_set(&self, column: usize) -> Result<(), SqlError> {
        match self.columns.get(column) {
            Some(rule) if rule.identity.is_some() => Err(SqlError::new(
                "DELTA_IDENTITY_COLUMNS_UPDATE_NOT_SUPPORTED",
                "42808",
                format!("UPDATE on IDENTITY column {} is not supported.", rule.name),
            )),
            _ => Ok(()),
        }
    }

    /// Refuses that an INSERT gives numbers to an identity column that is not open to them.
    pub(super) fn may_give(&self, column: usize) -> Result<(), SqlError> {
        match self.columns.get(column) {
            Some(rule) if rule.identity.as_ref().is_some_and(|identity| !identity.open) => Err(SqlError::new(
                "DELTA_IDENTITY_COLUMNS_EXPLICIT_INSERT_NOT_SUPPORTED",
                "42808",
                format!("Providing values for GENERATED ALWAYS AS IDENTITY column {} is not supported.", rule.name),
            )),
            _ => Ok(()),
        }
    }

    /// Fails unless the expressions can be computed and the conditions are conditions.
    pub(super) async fn check(&self, engine: &Engine, scope: &Scope) -> Result<(), SqlError> {
        if self.are_none() {
            return Ok(());
        }
        let rows = plan::query(engine, &part(&format!("SELECT {}", self.nulls())), scope).await;
        let rows = rows.map_err(SqlError::without_place)?;
        let given: Vec<Option<usize>> = self
            .columns
            .iter()
            .enumerate()
            .map(|(i, c)| (c.default.is_none() && c.generation.is_none() && c.identity.is_none()).then_some(i))
            .collect();
        for (name, condition) in &self.checks {
            let text = format!("SELECT (\n{condition}\n) AS x FROM (SELECT {} FROM {ROWS}) AS rows", self.named());
            let planned = plan::over(engine, &text, scope, &rows).await?;
            let found = planned.plan.schema().field(0).data_type();
            if !matches!(found, Arrow::Boolean | Arrow::Null) {
                return Err(SqlError::new(
                    "DELTA_NON_BOOLEAN_CHECK_CONSTRAINT",
                    "42621",
                    format!("CHECK constraint {name} ({condition}) should be a boolean expression."),
                ));
            }
        }
        self.applied(engine, scope, rows, &given, By::Insert).await.map(drop)
    }

    fn nulls(&self) -> String {
        let columns: Vec<_> = self
            .columns
            .iter()
            .map(|c| format!("CAST(NULL AS {}) AS {}", types::from_arrow(&c.arrow), quoted(&[&c.name])))
            .collect();
        columns.join(", ")
    }

    /// The rows as the table takes them. `given` says for each column of the table which column of `rows` it comes from;
    /// a column that is not given gets its default, its expression, its next number, or NULL.
    pub(super) async fn applied(
        &self,
        engine: &Engine,
        scope: &Scope,
        rows: Planned,
        given: &[Option<usize>],
        by: By,
    ) -> Result<Planned, SqlError> {
        let straight = given.iter().enumerate().all(|(i, from)| *from == Some(i));
        if straight && self.are_none() {
            return Ok(rows);
        }
        let change = files::has_changes(&rows).then(|| rows.names.len() - 1);
        let (mut inner, mut outer) = (Vec::new(), Vec::new());
        let mut conditions = Vec::new();
        for (place, (column, from)) in self.columns.iter().zip(given).enumerate() {
            let (name, sql_type) = (quoted(&[&column.name]), types::from_arrow(&column.arrow));
            let value = match (from, &column.default) {
                (Some(i), _) => {
                    let found = rows.plan.schema().fields().get(*i).map(|f| types::canonical(f.data_type()));
                    let same = found.as_ref() == Some(&column.arrow);
                    if same { format!("`c{i}`") } else { format!("CAST(`c{i}` AS {sql_type})") }
                }
                (None, Some(default)) if column.generation.is_none() => format!("CAST(({default}) AS {sql_type})"),
                _ => format!("CAST(NULL AS {sql_type})"),
            };
            inner.push(format!("{value} AS {name}"));
            let value = match (&column.generation, &column.identity) {
                (Some(expression), _) if from.is_none() => format!("CAST(({expression}) AS {sql_type})"),
                (Some(expression), _) => {
                    let condition = format!("{name} <=> CAST(({expression}) AS {sql_type})");
                    conditions.push(("Generated Column".to_owned(), condition));
                    name.clone()
                }
                (None, Some(identity)) => {
                    if by == By::Insert && from.is_some() {
                        self.may_give(place)?;
                    }
                    let numbers = |over: &str| {
                        let Identity { next, step, .. } = identity;
                        format!("CAST({next} + (row_number() OVER ({over}ORDER BY true) - 1) * {step} AS BIGINT)")
                    };
                    match (from, by) {
                        (None, _) => numbers(""),
                        (Some(_), By::Merge) => {
                            format!("coalesce({name}, {})", numbers(&format!("PARTITION BY {name} IS NULL ")))
                        }
                        (Some(_), _) => name.clone(),
                    }
                }
                (None, None) => name.clone(),
            };
            outer.push(format!("{value} AS {name}"));
        }
        if let Some(i) = change {
            inner.push(format!("`c{i}` AS {CHANGE}"));
            outer.push(CHANGE.to_owned());
        }
        conditions.extend(self.checks.iter().cloned());
        let text = format!("SELECT {} FROM (SELECT {} FROM {ROWS}) AS rows", outer.join(", "), inner.join(", "));
        let numbered = plan::over(engine, &text, scope, &rows).await?;
        if conditions.is_empty() {
            return Ok(numbered);
        }
        let mut text = "SELECT *".to_owned();
        for (i, (_, condition)) in conditions.iter().enumerate() {
            let _ = write!(text, ", (\n{condition}\n) AS `__kiln_holds_{i}`");
        }
        let last = if change.is_some() { format!(", `c{}` AS {CHANGE}", self.columns.len()) } else { String::new() };
        let _ = write!(text, " FROM (SELECT {}{last} FROM {ROWS}) AS rows", self.named());
        let judged = plan::over(engine, &text, scope, &numbered).await?;
        self.held(judged, &conditions, change.is_some())
    }

    fn named(&self) -> String {
        let columns: Vec<_> =
            self.columns.iter().enumerate().map(|(i, c)| format!("`c{i}` AS {}", quoted(&[&c.name]))).collect();
        columns.join(", ")
    }

    /// The rows without the columns that judge them; a row of which one is false fails the statement.
    fn held(&self, judged: Planned, conditions: &[(String, String)], change: bool) -> Result<Planned, SqlError> {
        let schema = Arc::clone(judged.plan.schema());
        let column = |i: usize| {
            let (qualifier, field) = schema.qualified_field(i);
            Expr::Column(Column::new(qualifier.cloned(), field.name()))
        };
        let width = self.columns.len() + usize::from(change);
        let holds = ScalarUDF::new_from_impl(Holds::new());
        let mut builder = LogicalPlanBuilder::from(judged.plan);
        for (i, (name, condition)) in conditions.iter().enumerate() {
            let mut arguments = vec![column(width + i), lit(name.as_str()), lit(condition.as_str())];
            for (at, rule) in self.columns.iter().enumerate() {
                arguments.extend([lit(rule.name.as_str()), column(at)]);
            }
            builder = builder.filter(holds.call(arguments)).map_err(plan::explain)?;
        }
        let plan =
            builder.project((0..width).map(column)).and_then(LogicalPlanBuilder::build).map_err(plan::explain)?;
        let change = change.then(|| CHANGE.to_owned());
        let names = self.columns.iter().map(|c| c.name.clone()).chain(change).collect();
        Ok(Planned { plan, names, state: judged.state })
    }

    /// The definition once so many rows have got numbers: identity columns go on behind them.
    pub(super) fn counted(
        &self,
        definition: &Definition,
        given: &[Option<usize>],
        by: By,
        rows: u64,
    ) -> Result<Option<Definition>, SqlError> {
        let mut changed = None;
        for (column, from) in self.columns.iter().zip(given) {
            let Some(identity) = column.identity.as_ref().filter(|_| from.is_none() || by == By::Merge) else {
                continue;
            };
            let Some(last) = rows.checked_sub(1) else { continue };
            let mark = i64::try_from(last)
                .ok()
                .and_then(|n| n.checked_mul(identity.step))
                .and_then(|n| n.checked_add(identity.next))
                .ok_or_else(|| {
                    let text = format!("The numbers of the identity column {} are used up.", column.name);
                    SqlError::new("ARITHMETIC_OVERFLOW", "22003", text)
                })?;
            let definition = changed.get_or_insert_with(|| definition.clone());
            definition.change_column(&column.name, |metadata| {
                metadata.insert(IDENTITY_MARK.to_owned(), MetadataValue::Number(mark));
            })?;
        }
        Ok(changed)
    }
}

/// How many rows of a table break a condition.
pub(super) async fn broken(
    engine: &Engine,
    scope: &Scope,
    table: &TableName,
    condition: &str,
) -> Result<u64, SqlError> {
    let text = format!("SELECT count(*) AS n FROM {} WHERE NOT (\n{condition}\n)", table.to_sql());
    let planned = plan::query(engine, &part(&text), scope).await.map_err(SqlError::without_place)?;
    let output = super::run::collect(planned, None).await?;
    let cell = output.rows.into_iter().next().and_then(|row| row.into_iter().next().flatten());
    Ok(cell.and_then(|n| n.parse().ok()).unwrap_or(0))
}

/// A text of ours as a part of a statement.
fn part(text: &str) -> crate::dialect::Part {
    crate::dialect::Part { padded: text.to_owned(), range: 0..text.len() }
}

fn text(field: &StructField, key: &str) -> Option<String> {
    match field.metadata().get(key)? {
        MetadataValue::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn identity(field: &StructField) -> Option<Identity> {
    let number = |key: &str| match field.metadata().get(key) {
        Some(MetadataValue::Number(n)) => Some(*n),
        Some(other) => other.to_string().parse().ok(),
        None => None,
    };
    let (start, step) = (number(IDENTITY_START)?, number(IDENTITY_STEP)?);
    let next = number(IDENTITY_MARK).map_or(start, |mark| mark.saturating_add(step));
    let open = text(field, IDENTITY_OPEN).is_some_and(|open| open == "true");
    Some(Identity { next, step, open })
}

/// Fails on the first row for which a constraint is false; NULL holds.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Holds {
    signature: Signature,
}

impl Holds {
    fn new() -> Self {
        // Volatile, so that no condition of the query is judged by rows that it would have left out.
        Self { signature: Signature::variadic_any(Volatility::Volatile) }
    }
}

impl ScalarUDFImpl for Holds {
    fn name(&self) -> &str {
        "__kiln_holds"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[Arrow]) -> DataFusionResult<Arrow> {
        Ok(Arrow::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let rows = args.number_rows;
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        if arrays[0].data_type() == &Arrow::Null {
            return Ok(ColumnarValue::Scalar(true.into()));
        }
        let truths = arrays[0].as_boolean();
        let Some(row) = (0..rows).find(|i| truths.is_valid(*i) && !truths.value(*i)) else {
            return Ok(ColumnarValue::Scalar(true.into()));
        };
        let constant = |i: usize| arrays[i].as_string::<i32>().value(row).to_owned();
        let mut values = String::new();
        for pair in (3..arrays.len()).step_by(2) {
            let value = render::cell(&arrays[pair + 1], row)?.unwrap_or_else(|| "null".to_owned());
            let _ = write!(values, "\n - {} : {value}", constant(pair));
        }
        Err(SqlError::new(
            "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES",
            "23001",
            format!("CHECK constraint {} ({}) violated by row with values:{values}", constant(1), constant(2)),
        )
        .into())
    }
}
