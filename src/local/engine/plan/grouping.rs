//! GROUP BY with sets of keys: `WITH ROLLUP`, `WITH CUBE`, `GROUPING SETS` behind the keys, and `grouping_id()`.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, GroupByExpr, GroupByWithModifier, Ident, OrderByKind, Query, Select, SelectItem, SetExpr, Spanned, VisitMut,
    VisitorMut,
};

use super::{ast, names};
use crate::local::engine::error::SqlError;

/// Brings the groups of a query's select to the forms that the planner has.
pub(super) fn settle(query: &mut Query) -> Result<(), SqlError> {
    let SetExpr::Select(select) = query.body.as_mut() else { return Ok(()) };
    modifiers(select)?;
    let keys = keys(&select.group_by);
    let mut filler = Filler { keys: keys.as_deref(), depth: 0, refused: None };
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) = item {
            let label = names::label(expr);
            let before = expr.clone();
            let _ = expr.visit(&mut filler);
            if *expr != before {
                let alias = Ident::with_quote_and_span('`', expr.span(), label);
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
            }
        } else if let SelectItem::ExprWithAlias { expr, .. } = item {
            let _ = expr.visit(&mut filler);
        }
    }
    for expr in select.having.iter_mut().chain(&mut select.qualify) {
        let _ = expr.visit(&mut filler);
    }
    if let Some(order) = &mut query.order_by
        && let OrderByKind::Expressions(keys) = &mut order.kind
    {
        for key in keys {
            let _ = key.expr.visit(&mut filler);
        }
    }
    match filler.refused {
        Some(error) => Err(*error),
        None => Ok(()),
    }
}

/// `GROUP BY a, b WITH ROLLUP` as `GROUP BY ROLLUP (a, b)`.
fn modifiers(select: &mut Select) -> Result<(), SqlError> {
    let (keys, modifiers) = match &mut select.group_by {
        GroupByExpr::Expressions(keys, modifiers) => (keys, modifiers),
        GroupByExpr::All(modifiers) if modifiers.is_empty() => return Ok(()),
        GroupByExpr::All(_) => return Err(SqlError::unsupported("GROUP BY ALL with sets of keys")),
    };
    for modifier in std::mem::take(modifiers) {
        let each = std::mem::take(keys).into_iter().map(|key| vec![key]).collect();
        *keys = match modifier {
            GroupByWithModifier::Rollup => vec![Expr::Rollup(each)],
            GroupByWithModifier::Cube => vec![Expr::Cube(each)],
            GroupByWithModifier::GroupingSets(sets) => vec![sets],
            GroupByWithModifier::Totals => return Err(SqlError::unsupported("GROUP BY … WITH TOTALS")),
        };
    }
    // A set may be written without parentheses of its own.
    for key in keys {
        if let Expr::GroupingSets(sets) = key {
            for set in sets {
                if let [Expr::Nested(inner)] = set.as_slice() {
                    *set = vec![(**inner).clone()];
                }
            }
        }
    }
    Ok(())
}

/// The keys of a GROUP BY that has sets of them, each once.
fn keys(group_by: &GroupByExpr) -> Option<Vec<Expr>> {
    let GroupByExpr::Expressions(all, _) = group_by else { return None };
    if !all.iter().any(|key| matches!(key, Expr::Rollup(_) | Expr::Cube(_) | Expr::GroupingSets(_))) {
        return None;
    }
    let mut keys: Vec<Expr> = Vec::new();
    for key in all {
        let parts = match key {
            Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets) => sets.concat(),
            other => vec![other.clone()],
        };
        for part in parts {
            if !keys.contains(&part) {
                keys.push(part);
            }
        }
    }
    Some(keys)
}

/// Gives `grouping_id()` its arguments.
struct Filler<'a> {
    keys: Option<&'a [Expr]>,
    depth: usize,
    refused: Option<Box<SqlError>>,
}

impl VisitorMut for Filler<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let function = match expr {
            Expr::Function(function) if self.depth == 0 => function,
            _ => return ControlFlow::Continue(()),
        };
        let name = ast::function_name(function);
        if !matches!(name.as_str(), "grouping" | "grouping_id") {
            return ControlFlow::Continue(());
        }
        let place = ast::start(ast::name_span(&function.name));
        let args = ast::arguments(function).unwrap_or_default();
        let Some(keys) = self.keys else {
            let text = format!("{name}() can only be used with GROUPING SETS, CUBE or ROLLUP.");
            let error = SqlError::new("UNSUPPORTED_GROUPING_EXPRESSION", "42K0E", text).at(place);
            self.refused.get_or_insert(Box::new(error));
            return ControlFlow::Break(());
        };
        let same = |a: &Expr, b: &Expr| a.to_string().eq_ignore_ascii_case(&b.to_string());
        if name == "grouping_id" && args.is_empty() {
            ast::set_arguments(function, keys.to_vec());
        } else if name == "grouping_id" && !(args.len() == keys.len() && args.iter().zip(keys).all(|(a, b)| same(a, b)))
        {
            let text = "The columns of grouping_id must be those of the GROUP BY, in its order.";
            let error = SqlError::new("GROUPING_ID_COLUMN_MISMATCH", "42803", text).at(place);
            self.refused.get_or_insert(Box::new(error));
        } else if name == "grouping" && !args.iter().all(|arg| keys.iter().any(|key| same(key, arg))) {
            let text = "The column of grouping is none of the GROUP BY.";
            let error = SqlError::new("GROUPING_COLUMN_MISMATCH", "42803", text).at(place);
            self.refused.get_or_insert(Box::new(error));
        }
        ControlFlow::Continue(())
    }
}
