//! Subqueries that depend on rows outside, as plans that do not: computed for all different values of the columns that
//! they use from outside, with these values as columns of the result.
//!
//! The way is that of Neumann and Kemper, *Unnesting Arbitrary Queries*: the values are handed down through the plan to
//! where they are used, and every operation on the way is done for each of them apart.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, NullEquality, Result};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::Sort as SortExpr;
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, ExprFunctionExt, FetchType, Join, JoinType, Limit, LogicalPlan, LogicalPlanBuilder,
    Operator, Projection, SkipType, Union, Window, binary_expr, lit,
};

use super::subqueries::only;
use crate::local::engine::error::SqlError;

/// The columns from outside that a plan uses.
pub(super) fn outer_columns(plan: &LogicalPlan) -> Result<Vec<Column>> {
    let mut columns: Vec<Column> = Vec::new();
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                if let Expr::OuterReferenceColumn(_, column) = part
                    && !columns.contains(column)
                {
                    columns.push(column.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(columns)
}

/// The different values of the columns from outside.
pub(super) struct Domain {
    plan: LogicalPlan,
    /// The columns outside, and the names that their values have here.
    columns: Vec<(Column, String)>,
    number: usize,
}

impl Domain {
    /// The values of those columns of `outside` that a subquery uses; `None` if it uses none.
    pub(super) fn of(outside: &LogicalPlan, subquery: &LogicalPlan, made: &mut usize) -> Result<Option<Self>> {
        let used = outer_columns(subquery)?.into_iter().filter(|column| outside.schema().has_column(column));
        *made += 1;
        let columns: Vec<_> = used.enumerate().map(|(i, column)| (column, format!("__outer_{made}_{i}"))).collect();
        if columns.is_empty() {
            return Ok(None);
        }
        let values = columns.iter().map(|(column, name)| Expr::Column(column.clone()).alias(name));
        let plan = LogicalPlanBuilder::from(all_rows(outside)?).project(values)?.distinct()?.build()?;
        Ok(Some(Self { plan, columns, number: *made }))
    }

    /// A name that only this subquery has.
    pub(super) fn name(&self, what: &str) -> String {
        format!("__{what}_{}", self.number)
    }

    /// The values' columns.
    pub(super) fn columns(&self) -> impl Iterator<Item = Expr> {
        self.columns.iter().map(|(_, name)| Expr::Column(Column::new_unqualified(name)))
    }

    /// That the values are those of a row outside.
    pub(super) fn conditions(&self) -> impl Iterator<Item = Expr> {
        self.columns.iter().map(|(column, name)| same(Expr::Column(column.clone()), name))
    }

    /// Rows outside, joined with the rows that belong to their values.
    pub(super) fn join(
        &self,
        outside: LogicalPlan,
        rows: LogicalPlan,
        kind: JoinType,
        filter: Option<Expr>,
    ) -> Result<LogicalPlan> {
        let (left, right): (Vec<_>, Vec<_>) =
            self.columns.iter().map(|(column, name)| (column.clone(), Column::new_unqualified(name))).unzip();
        LogicalPlanBuilder::from(outside)
            .join_detailed(rows, kind, (left, right), filter, NullEquality::NullEqualsNull)?
            .build()
    }

    /// Rows with the values under other names, and the conditions that these are those of a row outside.
    pub(super) fn apart(&self, rows: LogicalPlan) -> Result<(LogicalPlan, Vec<Expr>)> {
        let renamed = self.renamed(rows)?;
        let conditions =
            self.columns.iter().map(|(column, name)| same(Expr::Column(column.clone()), &again(name))).collect();
        Ok((renamed, conditions))
    }

    /// What a plan gives for each of the values: its columns, and behind them the values.
    pub(super) fn pushed(&self, plan: &LogicalPlan) -> Result<LogicalPlan> {
        if !self.is_used(plan)? {
            return LogicalPlanBuilder::from(plan.clone()).cross_join(self.plan.clone())?.build();
        }
        match plan {
            LogicalPlan::Projection(projection) => self.projected(projection, self.pushed(&projection.input)?),
            LogicalPlan::Filter(filter) => {
                let predicate = self.local(&filter.predicate)?;
                LogicalPlanBuilder::from(self.pushed(&filter.input)?).filter(predicate)?.build()
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let inner = alias.input.schema().columns();
                let columns = alias.schema.iter().zip(inner).map(|((qualifier, field), column)| {
                    Expr::Column(column).alias_qualified(qualifier.cloned(), field.name())
                });
                let columns: Vec<_> = columns.chain(self.columns()).collect();
                LogicalPlanBuilder::from(self.pushed(&alias.input)?).project(columns)?.build()
            }
            LogicalPlan::Subquery(subquery) => self.pushed(&subquery.subquery),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                LogicalPlanBuilder::from(self.pushed(input)?).distinct()?.build()
            }
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.pushed(&sort.input),
            LogicalPlan::Limit(limit) => self.limited(limit),
            LogicalPlan::Aggregate(aggregate) => self.aggregated(aggregate),
            LogicalPlan::Window(window) => self.windowed(window),
            LogicalPlan::Union(union) => self.united(union),
            LogicalPlan::Join(join) => self.joined(join),
            LogicalPlan::Unnest(unnest) => {
                let plan = LogicalPlanBuilder::from(self.pushed(&unnest.input)?)
                    .unnest_columns_with_options(unnest.exec_columns.clone(), unnest.options.clone())?
                    .build()?;
                self.with_values(plan, unnest.schema.columns())
            }
            _ => Err(SqlError::unsupported("a subquery that uses columns from outside in this way").into()),
        }
    }

    fn is_used(&self, plan: &LogicalPlan) -> Result<bool> {
        Ok(outer_columns(plan)?.iter().any(|used| self.columns.iter().any(|(column, _)| column == used)))
    }

    /// An expression with the values' columns in the place of those from outside.
    fn local(&self, expr: &Expr) -> Result<Expr> {
        expr.clone()
            .transform(|part| match &part {
                Expr::OuterReferenceColumn(_, used) => match self.columns.iter().find(|(column, _)| column == used) {
                    Some((_, name)) => Ok(Transformed::yes(Expr::Column(Column::new_unqualified(name)))),
                    None => Ok(Transformed::no(part)),
                },
                _ => Ok(Transformed::no(part)),
            })
            .map(|changed| changed.data)
    }

    fn with_values(&self, plan: LogicalPlan, columns: Vec<Column>) -> Result<LogicalPlan> {
        let values = self.columns.iter().map(|(_, name)| Column::new_unqualified(name));
        only(plan, columns.into_iter().chain(values).collect())
    }

    /// A plan with the values' columns under other names.
    fn renamed(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let columns: Vec<_> = plan
            .schema()
            .columns()
            .into_iter()
            .map(|column| {
                let ours = column.relation.is_none() && self.columns.iter().any(|(_, name)| *name == column.name);
                let other = again(&column.name);
                if ours { Expr::Column(column).alias(other) } else { Expr::Column(column) }
            })
            .collect();
        LogicalPlanBuilder::from(plan).project(columns)?.build()
    }

    fn projected(&self, projection: &Projection, input: LogicalPlan) -> Result<LogicalPlan> {
        let mut columns = Vec::new();
        for (expr, (qualifier, field)) in projection.expr.iter().zip(projection.schema.iter()) {
            columns.push(match expr {
                Expr::Column(_) => expr.clone(),
                _ => self.local(expr)?.alias_qualified(qualifier.cloned(), field.name()),
            });
        }
        columns.extend(self.columns());
        LogicalPlanBuilder::from(input).project(columns)?.build()
    }

    /// The first rows, or those behind them, of each value's rows apart.
    fn limited(&self, limit: &Limit) -> Result<LogicalPlan> {
        let (SkipType::Literal(skip), FetchType::Literal(fetch)) = (limit.get_skip_type()?, limit.get_fetch_type()?)
        else {
            return Err(SqlError::unsupported("a computed LIMIT in a subquery that uses columns from outside").into());
        };
        let (order, base, top): (&[SortExpr], _, _) = match limit.input.as_ref() {
            LogicalPlan::Sort(sort) => (&sort.expr, &sort.input, None),
            LogicalPlan::Projection(projection) => match projection.input.as_ref() {
                LogicalPlan::Sort(sort) => (&sort.expr, &sort.input, Some(projection)),
                _ => (&[], &limit.input, None),
            },
            _ => (&[], &limit.input, None),
        };
        let mut keys = Vec::new();
        for key in order {
            keys.push(SortExpr { expr: self.local(&key.expr)?, ..key.clone() });
        }
        let rank = self.name("rank");
        let mut number = row_number().partition_by(self.columns().collect());
        if !keys.is_empty() {
            number = number.order_by(keys);
        }
        let columns = base.schema().columns();
        let here = || Expr::Column(Column::new_unqualified(&rank));
        let (skip, fetch) = (u64::try_from(skip).unwrap_or(u64::MAX), fetch.and_then(|n| u64::try_from(n).ok()));
        let mut within = here().gt(lit(skip));
        if let Some(fetch) = fetch {
            within = within.and(here().lt_eq(lit(skip.saturating_add(fetch))));
        }
        let plan = LogicalPlanBuilder::from(self.pushed(base)?)
            .window(vec![number.build()?.alias(&rank)])?
            .filter(within)?
            .build()?;
        match top {
            Some(projection) => self.projected(projection, plan),
            None => self.with_values(plan, columns),
        }
    }

    fn aggregated(&self, aggregate: &Aggregate) -> Result<LogicalPlan> {
        if aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) {
            return Err(SqlError::unsupported("grouping sets in a subquery that uses columns from outside").into());
        }
        let mut input = self.pushed(&aggregate.input)?;
        let present = self.name("present");
        let alone = aggregate.group_expr.is_empty();
        if alone {
            // A value without rows has a result too: that of no rows.
            let rows = self.renamed(input)?;
            let marked: Vec<_> = rows.schema().columns().into_iter().map(Expr::Column).collect();
            let marked = marked.into_iter().chain([lit(true).alias(&present)]);
            let rows = LogicalPlanBuilder::from(rows).project(marked)?.build()?;
            let (left, right): (Vec<_>, Vec<_>) = self
                .columns
                .iter()
                .map(|(_, name)| (Column::new_unqualified(name), Column::new_unqualified(again(name))))
                .unzip();
            input = LogicalPlanBuilder::from(self.plan.clone())
                .join_detailed(rows, JoinType::Left, (left, right), None, NullEquality::NullEqualsNull)?
                .build()?;
        }
        let mut exprs = Vec::new();
        let parts = aggregate.group_expr.iter().chain(&aggregate.aggr_expr);
        for (expr, (qualifier, field)) in parts.zip(aggregate.schema.iter()) {
            let local = self.local(expr)?.unalias();
            let local = match alone {
                false => local,
                true => {
                    let found = Expr::Column(Column::new_unqualified(&present)).is_not_null();
                    local
                        .transform(|part| match part {
                            Expr::AggregateFunction(mut call) => {
                                let before = call.params.filter.take();
                                let filter = before.map_or(found.clone(), |before| found.clone().and(*before));
                                call.params.filter = Some(Box::new(filter));
                                Ok(Transformed::yes(Expr::AggregateFunction(call)))
                            }
                            other => Ok(Transformed::no(other)),
                        })?
                        .data
                }
            };
            let plain = matches!(&local, Expr::Column(_));
            exprs.push(if plain { local } else { local.alias_qualified(qualifier.cloned(), field.name()) });
        }
        let aggregates = exprs.split_off(aggregate.group_expr.len());
        exprs.extend(self.columns());
        let plan = Aggregate::try_new(Arc::new(input), exprs, aggregates)?;
        self.with_values(LogicalPlan::Aggregate(plan), aggregate.schema.columns())
    }

    fn windowed(&self, window: &Window) -> Result<LogicalPlan> {
        let first = window.input.schema().fields().len();
        let mut exprs = Vec::new();
        for (i, expr) in window.window_expr.iter().enumerate() {
            let local = self.local(expr)?.unalias().transform(|part| match part {
                Expr::WindowFunction(mut call) => {
                    call.params.partition_by.extend(self.columns());
                    Ok(Transformed::yes(Expr::WindowFunction(call)))
                }
                other => Ok(Transformed::no(other)),
            })?;
            let (qualifier, field) = window.schema.qualified_field(first + i);
            exprs.push(local.data.alias_qualified(qualifier.cloned(), field.name()));
        }
        let plan = LogicalPlanBuilder::from(self.pushed(&window.input)?).window(exprs)?.build()?;
        self.with_values(plan, window.schema.columns())
    }

    fn united(&self, union: &Union) -> Result<LogicalPlan> {
        let mut inputs = Vec::new();
        for input in &union.inputs {
            let columns = input.schema().columns().into_iter().enumerate();
            let columns = columns.map(|(i, column)| Expr::Column(column).alias(format!("__column_{i}")));
            let columns: Vec<_> = columns.chain(self.columns()).collect();
            let plan = LogicalPlanBuilder::from(self.pushed(input)?).project(columns)?.build()?;
            inputs.push(Arc::new(plan));
        }
        let plan = LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?);
        let columns = union.schema.iter().enumerate().map(|(i, (qualifier, field))| {
            Expr::Column(Column::new_unqualified(format!("__column_{i}")))
                .alias_qualified(qualifier.cloned(), field.name())
        });
        let columns: Vec<_> = columns.chain(self.columns()).collect();
        LogicalPlanBuilder::from(plan).project(columns)?.build()
    }

    fn joined(&self, join: &Join) -> Result<LogicalPlan> {
        let (in_left, in_right) = (self.is_used(&join.left)?, self.is_used(&join.right)?);
        let (push_left, push_right) = match join.join_type {
            JoinType::Inner => (in_left || !in_right, in_right),
            JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => (true, in_right),
            JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => (in_left, true),
            JoinType::Full => {
                return Err(SqlError::unsupported("FULL JOIN in a subquery that uses columns from outside").into());
            }
        };
        let right_first =
            matches!(join.join_type, JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark);
        let mut left = if push_left { self.pushed(&join.left)? } else { join.left.as_ref().clone() };
        let mut right = if push_right { self.pushed(&join.right)? } else { join.right.as_ref().clone() };
        let mut on = Vec::new();
        if push_left && push_right {
            if right_first {
                left = self.renamed(left)?;
            } else {
                right = self.renamed(right)?;
            }
            for (_, name) in &self.columns {
                on.push(same(Expr::Column(Column::new_unqualified(name)), &again(name)));
            }
        }
        for (l, r) in &join.on {
            let operator = match join.null_equality {
                NullEquality::NullEqualsNull => Operator::IsNotDistinctFrom,
                NullEquality::NullEqualsNothing => Operator::Eq,
            };
            on.push(binary_expr(self.local(l)?, operator, self.local(r)?));
        }
        if let Some(filter) = &join.filter {
            on.push(self.local(filter)?);
        }
        if on.is_empty() {
            on.push(lit(true));
        }
        let plan = LogicalPlanBuilder::from(left).join_on(right, join.join_type, on)?.build()?;
        self.with_values(plan, join.schema.columns())
    }
}

/// The other name of a value's column.
fn again(name: &str) -> String {
    format!("{name}_again")
}

fn same(column: Expr, name: &str) -> Expr {
    binary_expr(column, Operator::IsNotDistinctFrom, Expr::Column(Column::new_unqualified(name)))
}

/// A plan that gives at least the rows of this one, and the same ones each time.
fn all_rows(plan: &LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Sort(sort) => all_rows(&sort.input),
        LogicalPlan::Limit(limit) => all_rows(&limit.input),
        LogicalPlan::Filter(filter) if filter.predicate.is_volatile() => all_rows(&filter.input),
        LogicalPlan::Filter(_) | LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_)
            if !plan.expressions().iter().any(Expr::is_volatile) =>
        {
            let inputs = plan.inputs().into_iter().map(all_rows).collect::<Result<Vec<_>>>()?;
            plan.with_new_exprs(plan.expressions(), inputs)
        }
        _ => {
            let mut certain = true;
            plan.apply(|node| {
                let cut = matches!(node, LogicalPlan::Limit(_))
                    || matches!(node, LogicalPlan::Sort(sort) if sort.fetch.is_some())
                    || node.expressions().iter().any(Expr::is_volatile);
                certain &= !cut;
                Ok(if cut { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })?;
            if certain {
                return Ok(plan.clone());
            }
            Err(SqlError::unsupported("a correlated subquery beside a LIMIT inside a join, or beside random values")
                .into())
        }
    }
}
