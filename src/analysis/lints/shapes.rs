//! What expressions look like: parts of a condition, columns in an expression.

use sqlparser::ast::{BinaryOperator, Expr, GroupByExpr, Ident, ObjectName, ObjectNamePart, Select, SelectItem};

use super::super::expr::children;
use super::super::scope::same;

/// The expressions of a SELECT, but for those in its FROM.
pub(super) fn expressions(select: &Select) -> Vec<&Expr> {
    let mut found: Vec<&Expr> = select
        .projection
        .iter()
        .filter_map(|item| match item {
            SelectItem::UnnamedExpr(e) => Some(e),
            SelectItem::ExprWithAlias { expr, .. } | SelectItem::ExprWithAliases { expr, .. } => Some(expr),
            _ => None,
        })
        .collect();
    found.extend(select.selection.iter().chain(&select.having).chain(&select.qualify));
    if let GroupByExpr::Expressions(keys, _) = &select.group_by {
        found.extend(keys);
    }
    found
}

/// The parts of a condition that must all hold.
pub(super) fn conjuncts(e: &Expr) -> Vec<&Expr> {
    let mut found = Vec::new();
    let mut open = vec![e];
    while let Some(e) = open.pop() {
        match e {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => open.extend([&**right, &**left]),
            Expr::Nested(inner) => open.push(inner),
            other => found.push(other),
        }
    }
    found
}

/// The columns that a condition sets equal to something, with that.
pub(super) fn equated(e: &Expr) -> Vec<(&[Ident], &Expr)> {
    let Expr::BinaryOp { left, op: BinaryOperator::Eq | BinaryOperator::Spaceship, right } = e else {
        return Vec::new();
    };
    let sides = [(left, right), (right, left)];
    sides.into_iter().filter_map(|(a, b)| Some((column_of(a)?, &**b))).collect()
}

/// Tells whether an expression has one value for all rows.
pub(super) fn is_constant(e: &Expr) -> bool {
    columns_of(e).is_empty() && !has_subquery(e)
}

/// Tells whether there is a subquery in an expression, or a lambda, of which it is not told what they depend on.
pub(super) fn has_subquery(e: &Expr) -> bool {
    let mut open = vec![e];
    while let Some(e) = open.pop() {
        match e {
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } | Expr::Lambda(_) => return true,
            other => open.extend(children(other)),
        }
    }
    false
}

/// The name that an expression is, if it is nothing but a column, perhaps cast to a type of its size.
pub(super) fn column_of(e: &Expr) -> Option<&[Ident]> {
    match e {
        Expr::Identifier(ident) => Some(std::slice::from_ref(ident)),
        Expr::CompoundIdentifier(idents) => Some(idents),
        Expr::Nested(inner) => column_of(inner),
        Expr::Cast { expr, data_type, .. } => {
            let wide = ["BIGINT", "STRING"].contains(&data_type.to_string().to_uppercase().as_str());
            column_of(expr).filter(|_| wide)
        }
        _ => None,
    }
}

/// All columns that an expression names, but for those in its subqueries.
pub(super) fn columns_of(e: &Expr) -> Vec<Vec<Ident>> {
    let mut found = Vec::new();
    let mut open = vec![e];
    while let Some(e) = open.pop() {
        match e {
            Expr::Identifier(ident) => found.push(vec![ident.clone()]),
            Expr::CompoundIdentifier(idents) => found.push(idents.clone()),
            Expr::Lambda(_) => {}
            other => open.extend(children(other)),
        }
    }
    found
}

pub(super) fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator as B;
    matches!(op, B::Eq | B::NotEq | B::Lt | B::LtEq | B::Gt | B::GtEq | B::Spaceship)
}

/// Tells whether a call is one of a built-in function of this name.
pub(super) fn is_named(name: &ObjectName, function: &str) -> bool {
    matches!(name.0.as_slice(), [ObjectNamePart::Identifier(ident)] if ident.value.eq_ignore_ascii_case(function))
}

/// Tells whether two names may mean one column: one may be written with its table, and one without.
pub(super) fn same_column(a: &[Ident], b: &[Ident]) -> bool {
    let shorter = a.len().min(b.len());
    shorter > 0 && a.iter().rev().zip(b.iter().rev()).all(|(a, b)| same(&a.value, &b.value))
}

pub(super) fn last_name(name: &ObjectName) -> String {
    name.0.last().and_then(ObjectNamePart::as_ident).map(|i| i.value.to_lowercase()).unwrap_or_default()
}
