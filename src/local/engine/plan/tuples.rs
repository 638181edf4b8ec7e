//! Several values at once: `(a, b) IN (SELECT …)` as EXISTS, `(a, b) IN ((1, 2), …)` as comparisons of structs.

use sqlparser::ast::{BinaryOperator, Expr, Query, SelectItem, SetExpr, Spanned, TableAlias, TableWithJoins};

use super::{ast, bind};
use crate::dialect::{derived, query_of, select_star};
use crate::local::engine::error::SqlError;

/// Puts another expression in the place of a comparison of several values.
pub(super) fn written_out(expr: &mut Expr) -> Result<(), SqlError> {
    match expr {
        Expr::InSubquery { expr: wanted, subquery, negated } => {
            let Expr::Tuple(wanted) = wanted.as_ref() else { return check_width(1, subquery) };
            check_width(wanted.len(), subquery)?;
            *expr = exists(wanted, subquery, *negated);
        }
        Expr::InList { expr: wanted, list, negated } => {
            let Expr::Tuple(parts) = wanted.as_ref() else { return Ok(()) };
            let span = wanted.span();
            let wanted = ast::call("struct", parts.clone(), span);
            let equal = |item: &Expr| {
                let item = match item {
                    Expr::Tuple(parts) => ast::call("struct", parts.clone(), span),
                    other => other.clone(),
                };
                ast::binary(wanted.clone(), BinaryOperator::Eq, item)
            };
            let Some(any) = list.iter().map(equal).reduce(|a, b| ast::binary(a, BinaryOperator::Or, b)) else {
                return Ok(());
            };
            let any = Expr::Nested(Box::new(any));
            *expr = if *negated { ast::not(any) } else { any };
        }
        _ => {}
    }
    Ok(())
}

/// Whether a row has these values; NOT IN: whether none has them, or might.
fn exists(wanted: &[Expr], subquery: &Query, negated: bool) -> Expr {
    let name = |i: usize| bind::bare(&format!("__in_{i}"));
    let columns = (0..wanted.len()).map(|i| sqlparser::ast::TableAliasColumnDef { name: name(i), data_type: None });
    let alias = TableAlias { columns: columns.collect(), ..ast::table_alias("__in") };
    let equal = wanted.iter().enumerate().map(|(i, value)| {
        let column = Expr::CompoundIdentifier(vec![bind::bare("__in"), name(i)]);
        ast::binary(column, BinaryOperator::Eq, Expr::Nested(Box::new(value.clone())))
    });
    let equal = equal.reduce(|a, b| ast::binary(a, BinaryOperator::And, b)).map(|all| match negated {
        false => all,
        // What is unknown counts as found.
        true => Expr::IsNotFalse(Box::new(Expr::Nested(Box::new(all)))),
    });
    let from = vec![TableWithJoins { relation: derived(subquery.clone(), Some(alias)), joins: Vec::new() }];
    let mut select = select_star(from);
    select.projection = vec![SelectItem::UnnamedExpr(ast::number("1", subquery.span()))];
    select.selection = equal;
    let subquery = Box::new(query_of(SetExpr::Select(Box::new(select))));
    Expr::Exists { subquery, negated }
}

/// Refuses a subquery that has not as many columns as there are values.
fn check_width(values: usize, subquery: &Query) -> Result<(), SqlError> {
    let SetExpr::Select(select) = subquery.body.as_ref() else { return Ok(()) };
    match super::checks::width(select) {
        Some(columns) if columns != values => Err(SqlError::new(
            "DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH",
            "42K09",
            format!("IN compares {values} values with the {columns} columns of a subquery."),
        )
        .at(ast::start(subquery.span()))),
        _ => Ok(()),
    }
}
