//! PIVOT and UNPIVOT, written out as selects once the columns of their tables are known.

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;
use sqlparser::ast::{
    self as sql, BinaryOperator, ExprWithAlias, FunctionArg, FunctionArgExpr, GroupByExpr, Join, JoinOperator,
    NullInclusion, Select, SelectItem, SetExpr, TableFactor, TableWithJoins, VisitMut, VisitorMut,
};

use super::ast;
use super::errors::unresolved;
use crate::dialect::{derived, query_of, select_star};
use crate::local::engine::error::SqlError;
use crate::local::engine::functions;

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

/// `table PIVOT (aggregates FOR columns IN (values))`: a select with a column for each value and aggregate.
pub(super) fn pivot(
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

/// `table UNPIVOT (value FOR name IN (columns))`: a stack of the columns.
pub(super) fn unpivot(
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
