//! Lateral column aliases: `SELECT price * 2 AS doubled, doubled + 1 AS more`.
//!
//! A name is a column of FROM first, and an alias of an item further left second. The planner knows only the first, so
//! when it does not find a name, the item that the alias stands for is put in its place.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Query, Select, SelectItem, Spanned, VisitMut, VisitorMut};

use super::ast;

/// Replaces the identifier at line and column by the item of its select list that has it as alias; tells whether there
/// was one.
pub(super) fn substitute(query: &mut Query, place: (usize, usize)) -> bool {
    query.visit(&mut Finder { place }).is_break()
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
    type Break = ();

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        // The innermost select that holds the place is left first.
        for i in 0..select.projection.len() {
            let Some(name) = (match &select.projection[i] {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => identifier(expr, self.place),
                _ => None,
            }) else {
                continue;
            };
            let alias = select.projection[..i].iter().rev().find_map(|item| match item {
                SelectItem::ExprWithAlias { expr, alias } if alias.value.to_lowercase() == name => Some(expr.clone()),
                _ => None,
            });
            if let (Some(value), SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) =
                (alias, &mut select.projection[i])
            {
                let mut replacer = Replacer { place: self.place, value };
                return expr.visit(&mut replacer);
            }
        }
        ControlFlow::Continue(())
    }
}

/// The identifier that stands at the place, in lower case.
fn identifier(expr: &Expr, place: (usize, usize)) -> Option<String> {
    let mut found = None;
    let _ = sqlparser::ast::visit_expressions(expr, |e| {
        if let Expr::Identifier(ident) = e
            && ast::start(ident.span) == Some(place)
        {
            found = Some(ident.value.to_lowercase());
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    found
}

struct Replacer {
    place: (usize, usize),
    value: Expr,
}

impl VisitorMut for Replacer {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Identifier(_)) && ast::start(expr.span()) == Some(self.place) {
            *expr = Expr::Nested(Box::new(self.value.clone()));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
