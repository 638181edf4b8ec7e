//! Lateral column aliases: `SELECT price * 2 AS doubled, doubled + 1 AS more`.
//!
//! A name is a column of FROM first, and an alias of an item further left second. The planner knows only the first, so
//! when it does not find a name, the item that the alias stands for is put in its place.

use std::ops::ControlFlow;

use sqlparser::ast::{AccessExpr, Expr, Ident, Query, Select, SelectItem, Visit, VisitMut, Visitor, VisitorMut};

use super::ast;
use crate::local::engine::error::SqlError;

/// Replaces the identifier at line and column by the item of its select list that has it as alias; tells whether there
/// was one.
pub(super) fn substitute(query: &mut Query, place: (usize, usize)) -> Result<bool, SqlError> {
    match query.visit(&mut Finder { place }) {
        ControlFlow::Continue(()) => Ok(false),
        ControlFlow::Break(None) => Ok(true),
        ControlFlow::Break(Some(error)) => Err(*error),
    }
}

/// Line and column of the first identifier of this name: qualifier and name in lower case.
pub(super) fn find(query: &Query, (qualifier, name): &(Option<String>, String)) -> Option<(usize, usize)> {
    let mut found = None;
    let _ = sqlparser::ast::visit_expressions(query, |expr| {
        let place = match (expr, qualifier) {
            (Expr::Identifier(ident), None) if ident.value.to_lowercase() == *name => ast::start(ident.span),
            (Expr::CompoundIdentifier(parts), Some(qualifier)) => match parts.as_slice() {
                [.., table, column]
                    if column.value.to_lowercase() == *name && table.value.to_lowercase() == *qualifier =>
                {
                    ast::start(table.span)
                }
                _ => None,
            },
            _ => None,
        };
        found = place;
        if place.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found
}

struct Finder {
    place: (usize, usize),
}

impl VisitorMut for Finder {
    type Break = Option<Box<SqlError>>;

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        // The innermost select that holds the place is left first.
        for i in 0..select.projection.len() {
            let Some(name) = (match &select.projection[i] {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => identifier(expr, self.place),
                _ => None,
            }) else {
                continue;
            };
            let mut aliases = select.projection[..i].iter().rev().filter_map(|item| match item {
                SelectItem::ExprWithAlias { expr, alias } if alias.value.to_lowercase() == name => Some(expr.clone()),
                _ => None,
            });
            let (alias, another) = (aliases.next(), aliases.next());
            if another.is_some() {
                let text = format!("The name `{name}` is that of several items of the select list before it.");
                let error = SqlError::new("AMBIGUOUS_LATERAL_COLUMN_ALIAS", "42702", text).at(Some(self.place));
                return ControlFlow::Break(Some(Box::new(error)));
            }
            if let (Some(value), SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) =
                (alias, &mut select.projection[i])
            {
                let mut replacer = Replacer { place: self.place, value };
                if expr.visit(&mut replacer).is_break() {
                    return ControlFlow::Break(None);
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// The identifier that stands at the place, in lower case.
fn identifier(expr: &Expr, place: (usize, usize)) -> Option<String> {
    /// Looks for the identifier, but not into subqueries: aliases do not reach there.
    struct Standing {
        place: (usize, usize),
        depth: usize,
    }
    impl Visitor for Standing {
        type Break = String;
        fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<String> {
            self.depth += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<String> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<String> {
            let first = match expr {
                Expr::Identifier(ident) => ident,
                Expr::CompoundIdentifier(parts) => match parts.first() {
                    Some(first) => first,
                    None => return ControlFlow::Continue(()),
                },
                _ => return ControlFlow::Continue(()),
            };
            match self.depth == 0 && ast::start(first.span) == Some(self.place) {
                true => ControlFlow::Break(first.value.to_lowercase()),
                false => ControlFlow::Continue(()),
            }
        }
    }
    expr.visit(&mut Standing { place, depth: 0 }).break_value()
}

struct Replacer {
    place: (usize, usize),
    value: Expr,
}

impl VisitorMut for Replacer {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let here = |ident: &Ident| ast::start(ident.span) == Some(self.place);
        match expr {
            Expr::Identifier(ident) if here(ident) => *expr = Expr::Nested(Box::new(self.value.clone())),
            // A field of the struct that the alias stands for.
            Expr::CompoundIdentifier(parts) if parts.first().is_some_and(here) => {
                let root = Box::new(Expr::Nested(Box::new(self.value.clone())));
                let fields = parts.drain(1..).map(|field| AccessExpr::Dot(Expr::Identifier(field)));
                *expr = Expr::CompoundFieldAccess { root, access_chain: fields.collect() };
            }
            _ => return ControlFlow::Continue(()),
        }
        ControlFlow::Break(())
    }
}
