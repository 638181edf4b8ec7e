//! What may stand in FROM beyond tables, subqueries and joins: generators, `range`, PIVOT, UNPIVOT, samples, and set
//! operations that keep duplicates.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, Result, ScalarValue, TableReference, UnnestOptions};
use datafusion::common::{NullEquality, NullHandling};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Expr, ExprFunctionExt, JoinType, LogicalPlan, LogicalPlanBuilder, ident, lit};
use sqlparser::ast::{
    self as sql, FunctionArg, FunctionArgExpr, Join, JoinConstraint, JoinOperator, PivotValueSource, TableAlias,
    TableFactor, TableSampleKind, TableSampleUnit, TableWithJoins,
};

use super::ast;
use super::errors::unresolved;
use super::pivot::{pivot, unpivot};
use super::stars;
use crate::local::engine::error::SqlError;
use crate::local::engine::functions::rows::{self, Kind};
use crate::local::engine::functions::{self, sample};

/// Plans what Spark has in FROM.
#[derive(Debug)]
pub(super) struct SparkRelations;

impl RelationPlanner for SparkRelations {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let (plan, alias) = match relation {
            probe if stars::is_probe(&probe) => {
                let TableFactor::NestedJoin { table_with_joins, .. } = probe else {
                    return Ok(RelationPlanning::Original(Box::new(probe)));
                };
                return Err(stars::found(&context.plan(TableFactor::NestedJoin { table_with_joins, alias: None })?));
            }
            TableFactor::NestedJoin { table_with_joins, alias } if is_special(&table_with_joins) => {
                (special(*table_with_joins, context)?, alias)
            }
            TableFactor::Function { name, args, alias, .. } => from_call(&name, args, alias, context)?,
            TableFactor::Table { name, args: Some(args), alias, .. } => from_call(&name, args.args, alias, context)?,
            TableFactor::Pivot { table, aggregate_functions, value_column, value_source, alias, .. } => {
                let PivotValueSource::List(values) = value_source else {
                    return Err(SqlError::unsupported("PIVOT over values that are not listed").into());
                };
                (pivot(*table, aggregate_functions, value_column, values, context)?, alias)
            }
            TableFactor::Unpivot { table, value, name, columns, null_inclusion, alias } => {
                (unpivot(*table, value, name, columns, null_inclusion, context)?, alias)
            }
            TableFactor::Table { sample: Some(kind), name, alias, version, .. } => {
                let bare = TableFactor::Table {
                    sample: None,
                    name,
                    alias,
                    version,
                    args: None,
                    with_hints: Vec::new(),
                    with_ordinality: false,
                    partitions: Vec::new(),
                    json_path: None,
                    index_hints: Vec::new(),
                };
                (sampled(context.plan(bare)?, &kind, context)?, None)
            }
            TableFactor::Derived { sample: Some(kind), lateral, subquery, alias } => {
                let bare = TableFactor::Derived { sample: None, lateral, subquery, alias };
                (sampled(context.plan(bare)?, &kind, context)?, None)
            }
            TableFactor::Derived { lateral: false, subquery, alias: alias @ Some(_), sample: None } => {
                let bare = TableFactor::Derived { lateral: false, subquery, alias: None, sample: None };
                (told_apart(context.plan(bare)?)?, alias)
            }
            other => return Ok(RelationPlanning::Original(Box::new(other))),
        };
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
    }
}

/// Columns of one name in a subquery get a mark behind the name: the planner wants them different.
fn told_apart(plan: LogicalPlan) -> Result<LogicalPlan> {
    let schema = plan.schema().clone();
    let names: Vec<_> = schema.fields().iter().map(|f| f.name().clone()).collect();
    let twice = |name: &String| names.iter().filter(|n| *n == name).count() > 1;
    if !names.iter().any(twice) {
        return Ok(plan);
    }
    let columns: Vec<_> = schema
        .iter()
        .enumerate()
        .map(|(i, (qualifier, field))| {
            let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
            if twice(field.name()) { column.alias(format!("{}#{i}", field.name())) } else { column }
        })
        .collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

/// Whether a join is one that only we make.
fn is_special(tree: &TableWithJoins) -> bool {
    tree.joins.last().is_some_and(|join| {
        matches!(
            join.join_operator,
            JoinOperator::CrossApply
                | JoinOperator::OuterApply
                | JoinOperator::LeftArrayJoin
                | JoinOperator::InnerArrayJoin
        ) || merges(&join.join_operator)
    })
}

/// Whether a join gives columns that are not simply those of its left side.
pub(super) fn merges(operator: &JoinOperator) -> bool {
    matches!(
        operator,
        JoinOperator::Right(on) | JoinOperator::RightOuter(on) | JoinOperator::FullOuter(on)
            if matches!(on, JoinConstraint::Using(_) | JoinConstraint::Natural)
    )
}

/// A RIGHT or FULL join on columns that both sides have: each comes once, first, and from the side that has the row.
fn merged(left: LogicalPlan, right: LogicalPlan, full: bool, on: &JoinConstraint) -> Result<LogicalPlan> {
    let names = |plan: &LogicalPlan| plan.schema().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>();
    let keys: Vec<String> = match on {
        JoinConstraint::Using(names) => names.iter().map(ast::last_name).collect(),
        _ => names(&left).into_iter().filter(|name| names(&right).contains(name)).collect(),
    };
    let find = |plan: &LogicalPlan, key: &str| -> Result<Expr> {
        match plan.schema().qualified_field_with_unqualified_name(key) {
            Ok((qualifier, field)) => Ok(Expr::Column(Column::new(qualifier.cloned(), field.name()))),
            Err(_) => Err(unresolved(key, &names(plan)).into()),
        }
    };
    let (mut conditions, mut columns) = (Vec::new(), Vec::new());
    for key in &keys {
        let (l, r) = (find(&left, key)?, find(&right, key)?);
        conditions.push(l.clone().eq(r.clone()));
        columns.push(match full {
            true => datafusion::functions::expr_fn::coalesce(vec![l, r]).alias(key.clone()),
            false => r,
        });
    }
    for side in [&left, &right] {
        let rest = side.schema().iter().filter(|(_, field)| !keys.contains(field.name()));
        columns.extend(rest.map(|(qualifier, field)| Expr::Column(Column::new(qualifier.cloned(), field.name()))));
    }
    let kind = if full { JoinType::Full } else { JoinType::Right };
    LogicalPlanBuilder::from(left).join_on(right, kind, conditions)?.project(columns)?.build()
}

fn special(mut tree: TableWithJoins, context: &mut dyn RelationPlannerContext) -> Result<LogicalPlan> {
    let Some(Join { relation, join_operator, global }) = tree.joins.pop() else {
        return Err(SqlError::internal("a join without a right side.").into());
    };
    let left = match tree.joins.is_empty() {
        true => context.plan(tree.relation)?,
        false => context.plan(TableFactor::NestedJoin { table_with_joins: Box::new(tree), alias: None })?,
    };
    match (join_operator, relation) {
        (JoinOperator::FullOuter(on), right) => {
            let right = context.plan(right)?;
            merged(left, right, true, &on)
        }
        (JoinOperator::Right(on) | JoinOperator::RightOuter(on), right) => {
            let right = context.plan(right)?;
            merged(left, right, false, &on)
        }
        (operator, TableFactor::Function { name, args, alias: Some(alias), .. }) => {
            generated(left, &name, args, &alias, matches!(operator, JoinOperator::OuterApply), context)
        }
        (operator, right) => {
            let right = context.plan(right)?;
            let except = matches!(operator, JoinOperator::LeftArrayJoin);
            if global { different(left, right, except) } else { counted_apart(left, right, except) }
        }
    }
}

fn plain_args(args: Vec<FunctionArg>) -> Result<Vec<sql::Expr>> {
    args.into_iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr),
            other => Err(SqlError::unsupported(&format!("the argument {other} of a function in FROM")).into()),
        })
        .collect()
}

/// The rows of `input`, each with those that a generator makes of it.
fn generated(
    input: LogicalPlan,
    name: &sql::ObjectName,
    args: Vec<FunctionArg>,
    alias: &TableAlias,
    outer: bool,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let schema = input.schema().clone();
    let mut exprs =
        plain_args(args)?.into_iter().map(|arg| context.sql_to_expr(arg, &schema)).collect::<Result<Vec<_>>>()?;
    let kind = match ast::last_name(name).as_str() {
        "explode" => Kind::Explode { positions: false },
        "posexplode" => Kind::Explode { positions: true },
        "inline" => Kind::Inline,
        "json_tuple" => Kind::JsonTuple,
        "stack" if exprs.len() > 1 => match integer(&exprs.remove(0)).and_then(|n| usize::try_from(n).ok()) {
            Some(n) if n > 0 => Kind::Stack(n),
            _ => {
                return Err(SqlError::new(
                    "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
                    "42K09",
                    "The n of stack must be a whole number above 0 that does not depend on the row.",
                )
                .into());
            }
        },
        other => return Err(SqlError::unsupported(&format!("the table function {other} beside other tables")).into()),
    };
    const ROWS: &str = "__rows";
    let call = Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(rows::rows(kind)), exprs));
    let mut columns: Vec<_> =
        schema.iter().map(|(qualifier, field)| Expr::Column(Column::new(qualifier.cloned(), field.name()))).collect();
    columns.push(call.alias(ROWS));
    let null_handling = if outer { NullHandling::PreserveAndExpandEmpty } else { NullHandling::Drop };
    let options = UnnestOptions { null_handling, recursions: Vec::new() };
    let plan = LogicalPlanBuilder::from(input)
        .project(columns)?
        .unnest_column_with_options(Column::new_unqualified(ROWS), options)?
        .build()?;
    let DataType::Struct(fields) = plan.schema().field_with_unqualified_name(ROWS)?.data_type().clone() else {
        return Err(SqlError::internal("a generator without columns.").into());
    };
    if !alias.columns.is_empty() && alias.columns.len() != fields.len() {
        return Err(SqlError::new(
            "UDTF_ALIAS_NUMBER_MISMATCH",
            "42802",
            format!("Expected {} aliases for the generator, but got {}.", fields.len(), alias.columns.len()),
        )
        .into());
    }
    let owner = TableReference::bare(alias.name.value.clone());
    let mut columns: Vec<_> =
        schema.iter().map(|(qualifier, field)| Expr::Column(Column::new(qualifier.cloned(), field.name()))).collect();
    for (i, field) in fields.iter().enumerate() {
        let part = datafusion::functions::core::expr_fn::get_field(ident(ROWS), field.name().as_str());
        let name = alias.columns.get(i).map_or_else(|| field.name().to_lowercase(), |column| column.name.value.clone());
        columns.push(part.alias_qualified(Some(owner.clone()), name));
    }
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

fn integer(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::Int64(n), _) => *n,
        Expr::Literal(ScalarValue::Int32(n), _) => n.map(i64::from),
        Expr::Cast(cast) => integer(&cast.expr),
        Expr::Alias(alias) => integer(&alias.expr),
        Expr::Negative(inner) => integer(inner).and_then(i64::checked_neg),
        Expr::ScalarFunction(call) if call.func.name() == "negative" => {
            integer(call.args.first()?).and_then(i64::checked_neg)
        }
        _ => None,
    }
}

/// A function that stands alone in FROM.
fn from_call(
    name: &sql::ObjectName,
    args: Vec<FunctionArg>,
    alias: Option<TableAlias>,
    context: &mut dyn RelationPlannerContext,
) -> Result<(LogicalPlan, Option<TableAlias>)> {
    let function = ast::last_name(name);
    if function == "range" {
        let bounds = plain_args(args)?
            .into_iter()
            .map(|arg| context.sql_to_expr(arg, &DFSchema::empty()))
            .collect::<Result<Vec<_>>>()?;
        let alias = alias.or_else(|| Some(ast::table_alias("range")));
        return Ok((range(bounds)?, alias));
    }
    let outer = function.ends_with("_outer");
    let inner = function.strip_suffix("_outer").unwrap_or(&function);
    if !rows::is_generator(inner) {
        let place = ast::start(ast::name_span(name));
        if crate::dialect::functions::function(&function).is_some() {
            return Err(SqlError::unsupported(&format!("the table function {function}")).at(place).into());
        }
        return Err(SqlError::new(
            "UNRESOLVABLE_TABLE_VALUED_FUNCTION",
            "42883",
            format!("Could not resolve `{function}` to a table-valued function."),
        )
        .at(place)
        .into());
    }
    let alias = alias.unwrap_or_else(|| ast::table_alias(inner));
    let one = LogicalPlanBuilder::empty(true).build()?;
    let name = ast::object_name(&[inner], ast::name_span(name));
    Ok((generated(one, &name, args, &alias, outer, context)?, None))
}

/// `range([start,] end[, step[, parts]])`
fn range(mut bounds: Vec<Expr>) -> Result<LogicalPlan> {
    if bounds.is_empty() || bounds.len() > 4 {
        return Err(SqlError::new(
            "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
            "42605",
            format!("The `range` requires 1 to 4 parameters, but {} were given.", bounds.len()),
        )
        .into());
    }
    bounds.truncate(3);
    if bounds.len() == 1 {
        bounds.insert(0, lit(0_i64));
    }
    let numbers: Option<Vec<i64>> = bounds.iter().map(integer).collect();
    let Some(numbers) = numbers else {
        return Err(SqlError::unsupported("range with bounds that are not written out as numbers").into());
    };
    let step = numbers.get(2).copied().unwrap_or(1);
    if step == 0 {
        return Err(
            SqlError::new("FAILED_FUNCTION_CALL", "38000", "The call of range failed: the step cannot be 0.").into()
        );
    }
    LogicalPlanBuilder::scan("range", functions::range(numbers[0], numbers[1], step)?, None)?.build()
}

/// EXCEPT and INTERSECT: different rows, with or without a counterpart.
fn different(left: LogicalPlan, right: LogicalPlan, except: bool) -> Result<LogicalPlan> {
    let (left, right) = super::widen::agreed(left, right)?;
    super::widen::check_comparable(left.schema())?;
    match except {
        true => LogicalPlanBuilder::except(left, right, false),
        false => LogicalPlanBuilder::intersect(left, right, false),
    }
}

/// EXCEPT ALL and INTERSECT ALL: equal rows are numbered on each side, and rows are matched with their numbers.
fn counted_apart(left: LogicalPlan, right: LogicalPlan, except: bool) -> Result<LogicalPlan> {
    let (left, right) = super::widen::agreed(left, right)?;
    let numbered = |plan: LogicalPlan, side: &str| -> Result<(LogicalPlan, Vec<String>)> {
        let columns: Vec<_> = plan
            .schema()
            .iter()
            .enumerate()
            .map(|(i, (q, f))| Expr::Column(Column::new(q.cloned(), f.name())).alias(format!("__{side}_{i}")))
            .collect();
        let names: Vec<_> = (0..columns.len()).map(|i| format!("__{side}_{i}")).collect();
        let number = row_number().partition_by(names.iter().map(|n| ident(n.clone())).collect()).build()?;
        let number_name = format!("__{side}_number");
        let mut shown: Vec<_> = names.iter().map(|n| ident(n.clone())).collect();
        let plan = LogicalPlanBuilder::from(plan).project(columns)?.window(vec![number.alias(number_name.clone())])?;
        shown.push(ident(number_name.clone()));
        Ok((plan.project(shown)?.build()?, names.into_iter().chain([number_name]).collect()))
    };
    let shown: Vec<_> = left.schema().fields().iter().map(|f| f.name().clone()).collect();
    let (left, left_names) = numbered(left, "left")?;
    let (right, right_names) = numbered(right, "right")?;
    let keys = |names: &[String]| names.iter().map(|n| Column::new_unqualified(n.clone())).collect::<Vec<_>>();
    let kind = if except { JoinType::LeftAnti } else { JoinType::LeftSemi };
    let columns: Vec<_> = left_names.iter().zip(&shown).map(|(n, s)| ident(n.clone()).alias(s.clone())).collect();
    LogicalPlanBuilder::from(left)
        .join_detailed(right, kind, (keys(&left_names), keys(&right_names)), None, NullEquality::NullEqualsNull)?
        .project(columns)?
        .build()
}

/// TABLESAMPLE
fn sampled(plan: LogicalPlan, kind: &TableSampleKind, context: &mut dyn RelationPlannerContext) -> Result<LogicalPlan> {
    let (TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) = kind;
    let number = |expr: &sql::Expr, context: &mut dyn RelationPlannerContext| -> Result<f64> {
        let text = match expr {
            sql::Expr::UnaryOp { op: sql::UnaryOperator::Minus, expr } => format!("-{expr}"),
            other => other.to_string(),
        };
        let _ = context.context_provider();
        let digits =
            text.trim_start_matches("CAST(").split(' ').next().unwrap_or_default().replace("CAST(", "").to_owned();
        digits.parse().map_err(|_| SqlError::unsupported("a sample of a computed size").into())
    };
    let seed = match &sample.seed {
        Some(seed) => {
            Some(seed.value.value.to_string().parse::<u64>().map_err(|_| SqlError::unsupported("this seed"))?)
        }
        None => None,
    };
    let fraction = if let Some(bucket) = &sample.bucket {
        let parse = |v: &sql::ValueWithSpan| {
            v.value.to_string().parse::<f64>().map_err(|_| SqlError::unsupported("this bucket"))
        };
        parse(&bucket.bucket)? / parse(&bucket.total)?
    } else {
        let Some(quantity) = &sample.quantity else {
            return Err(SqlError::unsupported("a sample without a size").into());
        };
        let n = number(&quantity.value, context)?;
        match quantity.unit {
            Some(TableSampleUnit::Percent) => n / 100.0,
            Some(TableSampleUnit::Rows) if n >= 0.0 => {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of rows")]
                return LogicalPlanBuilder::from(plan).limit(0, Some(n as usize))?.build();
            }
            _ => return Err(SqlError::unsupported("a sample in this unit").into()),
        }
    };
    if !(0.0..=1.0).contains(&fraction) {
        return Err(SqlError::new(
            "INVALID_TABLESAMPLE_FRACTION",
            "22023",
            format!("A sample's fraction must lie between 0 and 1, but is {fraction}."),
        )
        .into());
    }
    if fraction >= 1.0 {
        return Ok(plan);
    }
    let columns = match seed {
        Some(_) => plan.schema().iter().map(|(q, f)| Expr::Column(Column::new(q.cloned(), f.name()))).collect(),
        None => Vec::new(),
    };
    let chosen = Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(sample::chosen(fraction, seed)), columns));
    LogicalPlanBuilder::from(plan).filter(chosen)?.build()
}
