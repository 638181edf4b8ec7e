//! How much of one construct a statement may have: beyond that, planning takes minutes or all of the stack.

use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, Query, Select, SetExpr, SetOperator, UnaryOperator, Visit, Visitor};

use crate::local::engine::error::SqlError;

/// Queries inside each other; each pipe operator is one.
const QUERIES: usize = 100;
/// Operations inside each other; chains of one operator are such.
const OPERATIONS: usize = 200;
/// Conditions joined by AND and OR.
const CONDITIONS: usize = 1000;
/// The query engine looks at each `~` twice.
const COMPLEMENTS: usize = 8;
/// Tables of one FROM.
const TABLES: usize = 250;
/// LATERAL VIEWs of one FROM.
const VIEWS: usize = 64;
/// Items of one select list.
const COLUMNS: usize = 5000;
const UNIONS: usize = 500;
const EXCEPTS: usize = 64;

/// Refuses statements that are too large to be planned.
pub(super) fn check(query: &Query) -> Result<(), SqlError> {
    match query.visit(&mut Depths::default()) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break((what, most)) => Err(SqlError::too_much(what, most)),
    }
}

#[derive(Default)]
struct Depths {
    queries: usize,
    operations: usize,
    conditions: usize,
    complements: usize,
}

type Found = ControlFlow<(&'static str, usize)>;

fn within(count: usize, what: &'static str, most: usize) -> Found {
    if count > most { ControlFlow::Break((what, most)) } else { ControlFlow::Continue(()) }
}

impl Visitor for Depths {
    type Break = (&'static str, usize);

    fn pre_visit_query(&mut self, query: &Query) -> Found {
        self.queries += 1;
        within(self.queries, "queries or pipes inside each other", QUERIES)?;
        let (unions, excepts) = set_operations(&query.body);
        within(unions, "UNION", UNIONS)?;
        within(excepts, "EXCEPT and INTERSECT", EXCEPTS)
    }

    fn post_visit_query(&mut self, _: &Query) -> Found {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> Found {
        within(select.projection.len(), "columns in one select list", COLUMNS)?;
        within(select.lateral_views.len(), "LATERAL VIEW", VIEWS)?;
        within(select.from.iter().map(|table| 1 + table.joins.len()).sum(), "tables in one FROM", TABLES)
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Found {
        let (depth, what, most) = self.depth(expr);
        *depth += 1;
        within(*depth, what, most)
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> Found {
        *self.depth(expr).0 -= 1;
        ControlFlow::Continue(())
    }
}

impl Depths {
    fn depth(&mut self, expr: &Expr) -> (&mut usize, &'static str, usize) {
        match expr {
            Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or, .. } | Expr::Nested(_) => {
                (&mut self.conditions, "AND and OR", CONDITIONS)
            }
            Expr::UnaryOp { op: UnaryOperator::BitwiseNot, .. } => (&mut self.complements, "~", COMPLEMENTS),
            _ => (&mut self.operations, "operations inside each other", OPERATIONS),
        }
    }
}

/// The UNIONs of a chain, and its EXCEPTs and INTERSECTs.
fn set_operations(body: &SetExpr) -> (usize, usize) {
    let (mut unions, mut excepts) = (0, 0);
    let mut left = vec![body];
    while let Some(body) = left.pop() {
        if let SetExpr::SetOperation { op, left: first, right, .. } = body {
            *(if *op == SetOperator::Union { &mut unions } else { &mut excepts }) += 1;
            left.extend([&**first, &**right]);
        }
    }
    (unions, excepts)
}
