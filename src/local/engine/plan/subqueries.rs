//! Subqueries where the query engine cannot carry them out, or would not mean what Spark means: joined to the rows that
//! they stand beside.
//!
//! The engine's own rules keep what they do well: conditions of WHERE that become semi and anti joins, and scalar
//! subqueries that stand alone or compare by equality. What is left is turned here into joins with the rows that
//! `dependent` makes of the subquery.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::functions_aggregate::expr_fn::{count, first_value};
use datafusion::logical_expr::expr::{Exists, InSubquery, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Filter, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, lit,
};
use datafusion::optimizer::AnalyzerRule;

use super::dependent::{Domain, outer_columns};
use crate::local::engine::error::SqlError;
use crate::local::engine::functions::only_row;

/// Puts joins in the place of subqueries.
#[derive(Debug)]
pub(in crate::local::engine) struct SparkSubqueries;

impl AnalyzerRule for SparkSubqueries {
    fn name(&self) -> &str {
        "spark_subqueries"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let mut made = 0;
        plan.transform_up_with_subqueries(|node| settled(node, &mut made)).map(|changed| changed.data)
    }
}

fn settled(node: LogicalPlan, made: &mut usize) -> Result<Transformed<LogicalPlan>> {
    if let LogicalPlan::Join(join) = &node
        && is_lateral(&join.right)
    {
        return lateral(join, made);
    }
    if !node.expressions().iter().any(has_subquery) {
        return Ok(Transformed::no(node));
    }
    match node {
        LogicalPlan::Filter(filter) => filtered(filter, made),
        LogicalPlan::Join(join) => conditions(join, made),
        LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) | LogicalPlan::Window(_) | LogicalPlan::Sort(_) => {
            let names = NamePreserver::new(&node);
            let sorts = matches!(node, LogicalPlan::Sort(_));
            let mut beside = Beside::new(node.inputs()[0].clone(), made);
            beside.keeps_scalars = matches!(node, LogicalPlan::Projection(_));
            let mut exprs = Vec::new();
            for expr in node.expressions() {
                if sorts && is_correlated(&expr)? {
                    return Err(SqlError::new(
                        "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.UNSUPPORTED_CORRELATED_SCALAR_SUBQUERY",
                        "0A000",
                        "A subquery in ORDER BY cannot use columns from outside: put it into the select list.",
                    )
                    .into());
                }
                let name = names.save(&expr);
                exprs.push(name.restore(beside.replaced(expr)?));
            }
            if !beside.changed {
                return Ok(Transformed::no(node));
            }
            let columns = node.schema().columns();
            let plan = node.with_new_exprs(exprs, vec![beside.input])?;
            Ok(Transformed::yes(if sorts { only(plan, columns)? } else { plan }))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// A plan with these of its columns.
pub(super) fn only(plan: LogicalPlan, columns: Vec<Column>) -> Result<LogicalPlan> {
    LogicalPlanBuilder::from(plan).project(columns.into_iter().map(Expr::Column))?.build()
}

fn filtered(filter: Filter, made: &mut usize) -> Result<Transformed<LogicalPlan>> {
    let columns = filter.input.schema().columns();
    let mut beside = Beside::new(filter.input.as_ref().clone(), made);
    let mut parts = Vec::new();
    for part in split_conjunction_owned(filter.predicate.clone()) {
        parts.push(if beside.is_condition(&part)? { part } else { beside.replaced(part)? });
    }
    if !beside.changed {
        return Ok(Transformed::no(LogicalPlan::Filter(filter)));
    }
    let predicate = conjunction(parts).unwrap_or_else(|| lit(true));
    let plan = LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(beside.input))?);
    only(plan, columns).map(Transformed::yes)
}

/// Subqueries in the condition of a join: they are conditions on its rows, or on those of the side that may be missing.
fn conditions(join: Join, made: &mut usize) -> Result<Transformed<LogicalPlan>> {
    let filter = join.filter.clone().unwrap_or_else(|| lit(true));
    let (with, without): (Vec<_>, Vec<_>) = split_conjunction_owned(filter).into_iter().partition(has_subquery);
    let refused = || SqlError::unsupported("a subquery in the condition of this join");
    if join.on.iter().any(|(left, right)| has_subquery(left) || has_subquery(right)) {
        return Err(refused().into());
    }
    let predicate = conjunction(with).ok_or_else(refused)?;
    let mut inner = Join { filter: conjunction(without), ..join };
    match inner.join_type {
        JoinType::Inner => {
            let filter = Filter::try_new(predicate, Arc::new(LogicalPlan::Join(inner)))?;
            filtered(filter, made).map(|changed| Transformed::yes(changed.data))
        }
        JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => {
            let mut used: Vec<Column> = predicate.column_refs().into_iter().cloned().collect();
            for part in split_conjunction(&predicate) {
                part.apply(|e| {
                    if let Some(subquery) = subquery_of(e) {
                        used.extend(outer_columns(&subquery.subquery)?);
                    }
                    Ok(TreeNodeRecursion::Continue)
                })?;
            }
            if !used.iter().all(|column| inner.right.schema().has_column(column)) {
                return Err(refused().into());
            }
            let filter = Filter::try_new(predicate, inner.right.clone())?;
            inner.right = Arc::new(filtered(filter, made)?.data);
            Ok(Transformed::yes(LogicalPlan::Join(inner)))
        }
        _ => Err(refused().into()),
    }
}

fn is_lateral(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Subquery(_) => true,
        LogicalPlan::SubqueryAlias(alias) => is_lateral(&alias.input),
        _ => false,
    }
}

/// `left JOIN LATERAL (…)`
fn lateral(join: &Join, made: &mut usize) -> Result<Transformed<LogicalPlan>> {
    if !matches!(join.join_type, JoinType::Inner | JoinType::Left) {
        return Err(SqlError::unsupported("LATERAL in this kind of join").into());
    }
    let columns = join.schema.columns();
    let Some(domain) = Domain::of(&join.left, &join.right, made)? else {
        // Nothing of the left side is used.
        let right = unwrapped(&join.right)?;
        let conditions: Vec<_> = join.filter.clone().or_else(|| Some(lit(true))).into_iter().collect();
        let plan = LogicalPlanBuilder::from(join.left.as_ref().clone()).join_on(right, join.join_type, conditions)?;
        return only(plan.build()?, columns).map(Transformed::yes);
    };
    let right = domain.pushed(&join.right)?;
    let on = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
    let filter = conjunction(join.filter.iter().cloned().chain(on));
    let plan = domain.join(join.left.as_ref().clone(), right, join.join_type, filter)?;
    only(plan, columns).map(Transformed::yes)
}

/// A lateral subquery as a plan like any other.
fn unwrapped(plan: &LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Subquery(subquery) => Ok(subquery.subquery.as_ref().clone()),
        LogicalPlan::SubqueryAlias(alias) => {
            LogicalPlanBuilder::from(unwrapped(&alias.input)?).alias(alias.alias.clone())?.build()
        }
        other => Ok(other.clone()),
    }
}

fn subquery_of(expr: &Expr) -> Option<&Subquery> {
    match expr {
        Expr::ScalarSubquery(subquery) => Some(subquery),
        Expr::Exists(exists) => Some(&exists.subquery),
        Expr::InSubquery(within) => Some(&within.subquery),
        Expr::SetComparison(comparison) => Some(&comparison.subquery),
        _ => None,
    }
}

fn is_correlated(expr: &Expr) -> Result<bool> {
    let mut found = false;
    expr.apply(|part| {
        if let Some(subquery) = subquery_of(part) {
            found |= !outer_columns(&subquery.subquery)?.is_empty();
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

fn has_subquery(expr: &Expr) -> bool {
    expr.exists(|part| Ok(subquery_of(part).is_some())).unwrap_or(false)
}

/// Rows, and what subqueries say of each, as columns that are joined to them.
struct Beside<'a> {
    input: LogicalPlan,
    made: &'a mut usize,
    changed: bool,
    /// Whether the engine's own rules carry out scalar subqueries here.
    keeps_scalars: bool,
}

impl<'a> Beside<'a> {
    fn new(input: LogicalPlan, made: &'a mut usize) -> Self {
        Self { input, made, changed: false, keeps_scalars: true }
    }

    /// Whether a part of a condition is one that the engine's own rules turn into a join.
    fn is_condition(&self, part: &Expr) -> Result<bool> {
        let (subquery, not_in) = match part {
            Expr::Not(inner) => match inner.as_ref() {
                Expr::Exists(exists) => (&exists.subquery, false),
                Expr::InSubquery(within) => (&within.subquery, !within.negated),
                _ => return Ok(false),
            },
            Expr::Exists(exists) => (&exists.subquery, false),
            Expr::InSubquery(within) => (&within.subquery, within.negated),
            _ => return Ok(false),
        };
        let columns = outer_columns(&subquery.subquery)?;
        if columns.is_empty() {
            return Ok(true);
        }
        let ours = columns.iter().all(|column| self.input.schema().has_column(column));
        Ok(ours && !not_in && is_plain(&subquery.subquery, &|_| true)?)
    }

    /// An expression with columns in the place of the subqueries that the engine's own rules leave.
    fn replaced(&mut self, expr: Expr) -> Result<Expr> {
        // `NOT (a IN …)` asks what `a NOT IN …` does, nulls included.
        let expr = expr.transform(|part| match part {
            Expr::Not(inner) => Ok(match *inner {
                Expr::InSubquery(within) => {
                    Transformed::yes(Expr::InSubquery(InSubquery { negated: !within.negated, ..within }))
                }
                other => Transformed::no(Expr::Not(Box::new(other))),
            }),
            other => Ok(Transformed::no(other)),
        })?;
        expr.data
            .transform_up(|part| match part {
                Expr::ScalarSubquery(subquery) => match self.scalar(&subquery)? {
                    Some(value) => Ok(Transformed::yes(value)),
                    None => Ok(Transformed::no(Expr::ScalarSubquery(subquery))),
                },
                Expr::Exists(exists) => self.exists(&exists).map(Transformed::yes),
                Expr::InSubquery(within) => self.within(within).map(Transformed::yes),
                Expr::SetComparison(_) => Err(SqlError::unsupported("a comparison with ANY, SOME or ALL rows").into()),
                other => Ok(Transformed::no(other)),
            })
            .map(|changed| changed.data)
    }

    fn scalar(&mut self, subquery: &Subquery) -> Result<Option<Expr>> {
        let plan = subquery.subquery.as_ref();
        let columns = outer_columns(plan)?;
        let ours = columns.iter().all(|column| self.input.schema().has_column(column));
        if columns.is_empty() || ours && self.keeps_scalars && is_plain_aggregate(plan)? {
            return Ok(None);
        }
        let Some(domain) = Domain::of(&self.input, plan, self.made)? else { return Ok(None) };
        let rows = domain.pushed(plan)?;
        let value = Expr::Column(plan.schema().columns().swap_remove(0));
        let (name, number) = (domain.name("value"), domain.name("rows"));
        let builder = LogicalPlanBuilder::from(rows);
        let (rows, answer) = if is_one_row(plan) {
            let columns = domain.columns().chain([value.alias(name.clone())]);
            (builder.project(columns)?.build()?, column(&name))
        } else {
            let of_all = [first_value(value, Vec::new()).alias(name.clone()), count(lit(1_i64)).alias(number.clone())];
            let only = ScalarFunction::new_udf(only_row::only_row(), vec![column(&name), column(&number)]);
            (builder.aggregate(domain.columns(), of_all)?.build()?, Expr::ScalarFunction(only))
        };
        let input = std::mem::replace(&mut self.input, empty());
        self.input = domain.join(input, rows, JoinType::Left, None)?;
        self.changed = true;
        Ok(Some(answer))
    }

    fn exists(&mut self, exists: &Exists) -> Result<Expr> {
        let plan = exists.subquery.subquery.as_ref();
        let domain = Domain::of(&self.input, plan, self.made)?;
        let input = std::mem::replace(&mut self.input, empty());
        self.changed = true;
        let found = match domain {
            Some(domain) => {
                let found = domain.name("found");
                let columns = domain.columns().chain([lit(true).alias(found.clone())]);
                let rows = LogicalPlanBuilder::from(domain.pushed(plan)?).project(columns)?.distinct()?.build()?;
                self.input = domain.join(input, rows, JoinType::Left, None)?;
                found
            }
            None => {
                *self.made += 1;
                let found = format!("__found_{}", self.made);
                let row = LogicalPlanBuilder::from(plan.clone()).project([lit(true).alias(found.clone())])?;
                let row = row.limit(0, Some(1))?.build()?;
                self.input = LogicalPlanBuilder::from(input).join_on(row, JoinType::Left, [lit(true)])?.build()?;
                found
            }
        };
        Ok(if exists.negated { column(&found).is_null() } else { column(&found).is_not_null() })
    }

    /// `x IN (…)` as a value is true or false; `x NOT IN (…)` is true if no row has the value, or might have it.
    fn within(&mut self, within: InSubquery) -> Result<Expr> {
        let InSubquery { expr: wanted, subquery, negated } = within;
        if is_null(&wanted) {
            return Ok(Expr::Literal(ScalarValue::Boolean(None), None));
        }
        let plan = subquery.subquery.as_ref();
        let found_value = Expr::Column(plan.schema().columns().swap_remove(0));
        let domain = Domain::of(&self.input, plan, self.made)?;
        *self.made += 1;
        let name = |what: &str| format!("__{what}_{}", self.made);
        let (found, value, all, known) = (name("found"), name("in"), name("all"), name("known"));
        let rows = match &domain {
            Some(domain) => domain.pushed(plan)?,
            None => plan.clone(),
        };
        let keys = || domain.iter().flat_map(Domain::columns);
        let columns = keys().chain([found_value.clone().alias(value.clone()), lit(true).alias(found.clone())]);
        let mut values = LogicalPlanBuilder::from(rows.clone()).project(columns)?.distinct()?;
        let equal = wanted.as_ref().clone().eq(column(&value));
        let mut on: Vec<_> = domain.iter().flat_map(Domain::conditions).collect();
        if wanted.column_refs().is_empty() {
            values = values.filter(equal)?;
        } else {
            on.push(equal);
        }
        if on.is_empty() {
            on.push(lit(true));
        }
        let values = values.build()?;
        let input = std::mem::replace(&mut self.input, empty());
        self.input = LogicalPlanBuilder::from(input).join_on(values, JoinType::Left, on)?.build()?;
        self.changed = true;
        if !negated {
            return Ok(column(&found).is_not_null());
        }
        let kept = self.input.schema().columns();
        let counts = [count(lit(1_i64)).alias(all.clone()), count(found_value).alias(known.clone())];
        let counted = LogicalPlanBuilder::from(rows).aggregate(keys(), counts)?.build()?;
        let input = std::mem::replace(&mut self.input, empty());
        self.input = match &domain {
            Some(domain) => {
                // The names of the domain's columns are taken by the first join.
                let (counted, on) = domain.apart(counted)?;
                LogicalPlanBuilder::from(input).join_on(counted, JoinType::Left, on)?.build()?
            }
            None => LogicalPlanBuilder::from(input).join_on(counted, JoinType::Left, [lit(true)])?.build()?,
        };
        let columns = kept.into_iter().chain([Column::new_unqualified(&all), Column::new_unqualified(&known)]);
        self.input = only(std::mem::replace(&mut self.input, empty()), columns.collect())?;
        let nothing = column(&all).is_null().or(column(&all).eq(lit(0_i64)));
        let certain = wanted.is_not_null().and(column(&known).eq(column(&all)));
        Ok(column(&found).is_null().and(nothing.or(certain)))
    }
}

/// Whether an expression is NULL, written out.
fn is_null(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(value, _) => value.is_null(),
        Expr::Cast(cast) => is_null(&cast.expr),
        _ => false,
    }
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

fn empty() -> LogicalPlan {
    LogicalPlan::EmptyRelation(datafusion::logical_expr::EmptyRelation {
        produce_one_row: false,
        schema: Arc::new(datafusion::common::DFSchema::empty()),
    })
}

/// Whether a subquery uses columns from outside only in conditions of WHERE that `allowed` lets pass.
fn is_plain(plan: &LogicalPlan, allowed: &dyn Fn(&Expr) -> bool) -> Result<bool> {
    let mut plan = plan;
    loop {
        let inside = plan.expressions().iter().any(Expr::contains_outer);
        plan = match plan {
            LogicalPlan::Projection(projection) if !inside => &projection.input,
            LogicalPlan::SubqueryAlias(alias) => &alias.input,
            LogicalPlan::Filter(filter) => {
                let parts = split_conjunction(&filter.predicate);
                if parts.iter().any(|part| has_subquery(part) || part.contains_outer() && !allowed(part)) {
                    return Ok(false);
                }
                &filter.input
            }
            other => return Ok(outer_columns(other)?.is_empty()),
        };
    }
}

/// Whether a subquery is one row of simple aggregates, of rows that are found by equality alone.
fn is_plain_aggregate(plan: &LogicalPlan) -> Result<bool> {
    let mut plan = plan;
    loop {
        plan = match plan {
            LogicalPlan::Projection(projection) => {
                let columns =
                    projection.expr.iter().all(|expr| matches!(expr.clone().unalias_nested().data, Expr::Column(_)));
                if !columns {
                    return Ok(false);
                }
                &projection.input
            }
            LogicalPlan::SubqueryAlias(alias) => &alias.input,
            LogicalPlan::Aggregate(aggregate) => {
                let simple = aggregate.aggr_expr.iter().all(|expr| {
                    !expr.contains_outer()
                        && matches!(expr.clone().unalias_nested().data, Expr::AggregateFunction(call)
                            if matches!(call.func.name(), "sum" | "min" | "max" | "avg" | "count"))
                });
                let equal = |part: &Expr| {
                    let side = |e: &Expr| {
                        let mut e = e;
                        while let Expr::Cast(cast) = e {
                            e = &cast.expr;
                        }
                        matches!(e, Expr::Column(_) | Expr::OuterReferenceColumn(..))
                    };
                    matches!(part, Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right })
                        if side(left) && side(right) && left.contains_outer() != right.contains_outer())
                };
                return Ok(simple && aggregate.group_expr.is_empty() && is_plain(&aggregate.input, &equal)?);
            }
            _ => return Ok(false),
        };
    }
}

/// Whether a subquery gives exactly one row whatever it reads.
fn is_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => is_one_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => is_one_row(&alias.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        _ => false,
    }
}
