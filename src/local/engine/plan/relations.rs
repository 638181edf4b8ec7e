//! What may stand in FROM beyond tables, subqueries and joins: generators, `range`, PIVOT, UNPIVOT, samples, and set
//! operations that keep duplicates.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, Result, ScalarValue, TableReference, UnnestOptions};
use datafusion::common::{NullEquality, NullHandling};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Expr, ExprFunctionExt, JoinType, LogicalPlan, LogicalPlanBuilder, cast, ident, lit};
use sqlparser::ast::{
    self as sql, BinaryOperator, ExprWithAlias, FunctionArg, FunctionArgExpr, GroupByExpr, Join, JoinConstraint,
    JoinOperator, NullInclusion, PivotValueSource, Select, SelectItem, SetExpr, TableAlias, TableFactor,
    TableSampleKind, TableSampleUnit, TableWithJoins, VisitMut, VisitorMut,
};

use super::ast;
use super::errors::unresolved;
use crate::dialect::{derived, query_of, select_star};
use crate::local::engine::error::SqlError;
use crate::local::engine::functions::rows::{self, Kind};
use crate::local::engine::functions::{self, sample, sequence};

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
        JoinConstraint::Using(names) => names.iter().map(last_name).collect(),
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
    let Some(Join { relation, join_operator, .. }) = tree.joins.pop() else {
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
            counted_apart(left, right, matches!(operator, JoinOperator::LeftArrayJoin))
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

fn last_name(name: &sql::ObjectName) -> String {
    name.0.last().and_then(sql::ObjectNamePart::as_ident).map(|i| i.value.to_lowercase()).unwrap_or_default()
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
    let kind = match last_name(name).as_str() {
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
    let function = last_name(name);
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
    let last = numbers[1].saturating_sub(step.signum());
    let empty = if step > 0 { numbers[0] > last } else { numbers[0] < last };
    let array = match empty {
        true => cast(
            functions::scalar("array").map_or_else(
                || lit(ScalarValue::Null),
                |f| Expr::ScalarFunction(ScalarFunction::new_udf(f, Vec::new())),
            ),
            DataType::new_list(DataType::Int64, true),
        ),
        false => Expr::ScalarFunction(ScalarFunction::new_udf(sequence(), vec![lit(numbers[0]), lit(last), lit(step)])),
    };
    let options = UnnestOptions { null_handling: NullHandling::Drop, recursions: Vec::new() };
    LogicalPlanBuilder::empty(true)
        .project(vec![array.alias("id")])?
        .unnest_column_with_options(Column::new_unqualified("id"), options)?
        .build()
}

/// EXCEPT ALL and INTERSECT ALL: equal rows are numbered on each side, and rows are matched with their numbers.
fn counted_apart(left: LogicalPlan, right: LogicalPlan, except: bool) -> Result<LogicalPlan> {
    if left.schema().fields().len() != right.schema().fields().len() {
        return Err(SqlError::new(
            "NUM_COLUMNS_MISMATCH",
            "42826",
            "A set operation can only be performed on inputs with the same number of columns.",
        )
        .into());
    }
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

/// The names of a relation's columns.
fn columns_of(table: &TableFactor, context: &mut dyn RelationPlannerContext) -> Result<Vec<String>> {
    let plan = context.plan(table.clone())?;
    Ok(plan.schema().fields().iter().map(|f| f.name().clone()).collect())
}

/// The names that expressions use, in lower case.
fn used<'a>(exprs: impl Iterator<Item = &'a sql::Expr>) -> Vec<(String, Option<(usize, usize)>)> {
    let mut names = Vec::new();
    for expr in exprs {
        let _ = sql::visit_expressions(expr, |part| {
            match part {
                sql::Expr::Identifier(ident) => names.push((ident.value.to_lowercase(), ast::start(ident.span))),
                sql::Expr::CompoundIdentifier(parts) => {
                    names.extend(parts.last().map(|p| (p.value.to_lowercase(), ast::start(p.span))));
                }
                _ => {}
            }
            std::ops::ControlFlow::<()>::Continue(())
        });
    }
    names
}

fn check_known(names: &[(String, Option<(usize, usize)>)], columns: &[String]) -> Result<()> {
    match names.iter().find(|(name, _)| !columns.contains(name)) {
        Some((name, place)) => Err(unresolved(name, columns).at(*place).into()),
        None => Ok(()),
    }
}

fn name_expr(name: &str) -> sql::Expr {
    sql::Expr::Identifier(super::bind::bare(name))
}

fn item(expr: sql::Expr, name: &str) -> SelectItem {
    SelectItem::ExprWithAlias { expr, alias: super::bind::bare(name) }
}

fn planned_select(select: Select, context: &mut dyn RelationPlannerContext) -> Result<LogicalPlan> {
    context.plan(derived(query_of(SetExpr::Select(Box::new(select))), None))
}

fn pivot(
    table: TableFactor,
    aggregates: Vec<ExprWithAlias>,
    columns: Vec<sql::Expr>,
    values: Vec<ExprWithAlias>,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let all = columns_of(&table, context)?;
    let columns: Vec<sql::Expr> = columns
        .into_iter()
        .flat_map(|column| match column {
            sql::Expr::Tuple(parts) => parts,
            sql::Expr::Nested(inner) => vec![*inner],
            other => vec![other],
        })
        .collect();
    let taken = used(aggregates.iter().map(|a| &a.expr).chain(&columns));
    check_known(&taken, &all)?;
    let keys: Vec<_> = all.iter().filter(|name| !taken.iter().any(|(t, _)| t == *name)).cloned().collect();
    let mut projection: Vec<_> = keys.iter().map(|key| item(name_expr(key), key)).collect();
    for value in &values {
        let parts = match &value.expr {
            sql::Expr::Tuple(parts) => parts.clone(),
            other => vec![other.clone()],
        };
        if parts.len() != columns.len() {
            return Err(SqlError::new(
                "PIVOT_VALUE_DATA_TYPE_MISMATCH",
                "42K09",
                format!("The pivot value {} does not have as many parts as there are pivot columns.", value.expr),
            )
            .into());
        }
        let matches = columns
            .iter()
            .zip(parts)
            .map(|(column, part)| ast::binary(column.clone(), BinaryOperator::Spaceship, part))
            .reduce(|a, b| ast::binary(a, BinaryOperator::And, b))
            .unwrap_or_else(|| ast::null(sqlparser::tokenizer::Span::empty()));
        let shown = value.alias.as_ref().map(|a| a.value.to_lowercase()).unwrap_or_default();
        for aggregate in &aggregates {
            let mut expr = aggregate.expr.clone();
            let mut filter = Filtered { condition: &matches, found: false };
            let _ = expr.visit(&mut filter);
            if !filter.found {
                return Err(SqlError::new(
                    "UNSUPPORTED_FEATURE.PIVOT_WITHOUT_AGGREGATE",
                    "0A000",
                    format!("PIVOT needs an aggregate function, but found {}.", aggregate.expr),
                )
                .into());
            }
            // Where a value never occurs, there is nothing to count either.
            let mut present = ast::call(
                "count",
                vec![ast::number("1", sqlparser::tokenizer::Span::empty())],
                sqlparser::tokenizer::Span::empty(),
            );
            if let sql::Expr::Function(count) = &mut present {
                count.filter = Some(Box::new(matches.clone()));
            }
            let any = ast::binary(present, BinaryOperator::Gt, ast::number("0", sqlparser::tokenizer::Span::empty()));
            let alias = aggregate.alias.as_ref().map(|a| a.value.to_lowercase()).unwrap_or_default();
            let name = if aggregates.len() == 1 { shown.clone() } else { format!("{shown}_{alias}") };
            projection.push(item(ast::case(any, expr, None), &name));
        }
    }
    let group_by = GroupByExpr::Expressions(keys.iter().map(|key| name_expr(key)).collect(), Vec::new());
    let from = vec![TableWithJoins { relation: table, joins: Vec::new() }];
    planned_select(Select { projection, group_by, ..select_star(from) }, context)
}

/// Puts a condition on every aggregate function of an expression.
struct Filtered<'a> {
    condition: &'a sql::Expr,
    found: bool,
}

impl VisitorMut for Filtered<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut sql::Expr) -> std::ops::ControlFlow<()> {
        if let sql::Expr::Function(function) = expr
            && functions::aggregate(&ast::function_name(function)).is_some()
        {
            self.found = true;
            function.filter = Some(Box::new(match function.filter.take() {
                Some(filter) => ast::binary(sql::Expr::Nested(filter), BinaryOperator::And, self.condition.clone()),
                None => self.condition.clone(),
            }));
        }
        std::ops::ControlFlow::Continue(())
    }
}

fn unpivot(
    table: TableFactor,
    value: sql::Expr,
    name: sql::Ident,
    columns: Vec<ExprWithAlias>,
    nulls: Option<NullInclusion>,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let all = columns_of(&table, context)?;
    let parts = |expr: &sql::Expr| match expr {
        sql::Expr::Tuple(parts) => parts.clone(),
        sql::Expr::Nested(inner) => vec![(**inner).clone()],
        other => vec![other.clone()],
    };
    let taken = used(columns.iter().map(|c| &c.expr));
    check_known(&taken, &all)?;
    let span = name.span;
    let value_names: Vec<String> =
        parts(&value).iter().map(|v| v.to_string().trim_matches('`').to_lowercase()).collect();
    let mut args = vec![ast::number(&columns.len().to_string(), span)];
    for column in &columns {
        let cells = parts(&column.expr);
        if cells.len() != value_names.len() {
            return Err(SqlError::new(
                "UNPIVOT_VALUE_SIZE_MISMATCH",
                "428C4",
                "All unpivot value columns must have the same size as there are value column names.",
            )
            .into());
        }
        let label = match &column.alias {
            Some(alias) => alias.value.clone(),
            None => {
                let shown = |cell: &sql::Expr| match cell {
                    sql::Expr::CompoundIdentifier(parts) => parts.last().map(|p| p.value.clone()).unwrap_or_default(),
                    sql::Expr::Identifier(ident) => ident.value.clone(),
                    other => other.to_string(),
                };
                cells.iter().map(shown).collect::<Vec<_>>().join("_")
            }
        };
        args.push(ast::string(&label, span));
        args.extend(cells);
    }
    let owner = "__unpivoted";
    let mut alias = ast::table_alias(owner);
    let made: Vec<String> = std::iter::once(name.value.to_lowercase()).chain(value_names.iter().cloned()).collect();
    alias.columns =
        made.iter().map(|n| sql::TableAliasColumnDef { name: super::bind::bare(n), data_type: None }).collect();
    let relation = TableFactor::Function {
        lateral: true,
        name: ast::object_name(&["stack"], span),
        args: args.into_iter().map(|e| FunctionArg::Unnamed(FunctionArgExpr::Expr(e))).collect(),
        with_ordinality: false,
        alias: Some(alias),
    };
    let join = Join { relation, global: false, join_operator: JoinOperator::CrossApply };
    let tree = TableWithJoins { relation: table, joins: vec![join] };
    let from = TableFactor::NestedJoin { table_with_joins: Box::new(tree), alias: None };
    let mut projection: Vec<_> =
        all.iter().filter(|c| !taken.iter().any(|(t, _)| t == *c)).map(|c| item(name_expr(c), c)).collect();
    let own = |n: &str| sql::Expr::CompoundIdentifier(vec![super::bind::bare(owner), super::bind::bare(n)]);
    projection.extend(made.iter().map(|n| item(own(n), n)));
    let selection = match nulls {
        Some(NullInclusion::IncludeNulls) => None,
        _ => value_names
            .iter()
            .map(|n| sql::Expr::IsNotNull(Box::new(own(n))))
            .reduce(|a, b| ast::binary(a, BinaryOperator::Or, b)),
    };
    let from = vec![TableWithJoins { relation: from, joins: Vec::new() }];
    planned_select(Select { projection, selection, ..select_star(from) }, context)
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
