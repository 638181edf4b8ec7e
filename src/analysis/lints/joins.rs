//! Lints of joins: those without a condition, those that a condition in WHERE turns into another kind, and conditions
//! that compare a column with itself.

use std::collections::BTreeSet;

use sqlparser::ast::{
    BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, Select, Spanned, TableFactor, TableWithJoins,
};
use sqlparser::tokenizer::Span as TreeSpan;

use super::super::expr::children;
use super::super::resolve::Resolver;
use super::super::scope::Scope;
use super::known::{Factor, How};
use super::shapes::{column_of, columns_of, conjuncts, is_comparison};
use super::{Owner, owner};

impl Resolver<'_> {
    pub(super) fn lint_joins(&mut self, select: &Select, scope: &Scope<'_>, factors: &[Factor]) {
        self.cross_joins(select, scope, factors);
        self.left_join_filter(select, scope, factors);
        for condition in select.selection.iter().chain(conditions_of(select)) {
            self.same_on_both_sides(condition);
        }
    }

    /// Entries of FROM that nothing relates to those before them.
    fn cross_joins(&mut self, select: &Select, scope: &Scope<'_>, factors: &[Factor]) {
        let conjuncts: Vec<&Expr> = select.selection.iter().flat_map(conjuncts).collect();
        let spans = spans(select);
        if spans.len() != factors.len() {
            return;
        }
        for (i, factor) in factors.iter().enumerate() {
            // What it is joined with a comma brings its own joins along.
            let (own, before): (Vec<usize>, Vec<usize>) = match factor.how {
                How::Comma => {
                    let own = (0..factors.len()).filter(|j| factors[*j].group == factor.group).collect();
                    (own, (0..i).collect())
                }
                How::Bare => (vec![i], (0..i).filter(|j| factors[*j].group == factor.group).collect()),
                _ => continue,
            };
            let few = |side: &[usize]| side.iter().all(|j| factors[*j].known.one_row);
            let generated = own.iter().chain(&before).any(|j| factors[*j].generated);
            if generated || few(&own) || few(&before) {
                continue;
            }
            let related = conjuncts.iter().any(|condition| {
                let (mut inside, mut outside) = (false, false);
                for column in columns_with_subqueries(condition) {
                    match column.as_deref().map(|idents| owner(idents, scope, factors)) {
                        Some(Owner::Factor(j)) if own.contains(&j) => inside = true,
                        Some(Owner::Factor(_)) => outside = true,
                        Some(Owner::Elsewhere) => {}
                        // It may be the one that relates them.
                        Some(Owner::Unclear) | None => return true,
                    }
                }
                inside && outside
            });
            if related {
                continue;
            }
            let name = if factor.name.is_empty() { "this subquery".to_owned() } else { format!("`{}`", factor.name) };
            let how = if factor.how == How::Comma { "a comma" } else { "JOIN" };
            let message = format!("{how} joins {name} with every row of what stands before it: there is no condition");
            let help = "Add a condition with ON, or write CROSS JOIN if every pair of rows is meant.";
            self.warn(spans[i].0, "cross-join", message, help);
        }
    }

    /// Conditions in WHERE that are never true for rows to which a LEFT JOIN found no partner.
    fn left_join_filter(&mut self, select: &Select, scope: &Scope<'_>, factors: &[Factor]) {
        if !factors.iter().any(|f| f.how == How::Left) {
            return;
        }
        let mut told = BTreeSet::new();
        for part in select.selection.iter().flat_map(conjuncts) {
            for column in refused_if_null(part) {
                let Owner::Factor(i) = owner(column, scope, factors) else { continue };
                let factor = &factors[i];
                if factor.how != How::Left || factor.generated || !told.insert(i) {
                    continue;
                }
                let written = column.iter().map(|i| i.value.as_str()).collect::<Vec<_>>().join(".");
                let message = format!(
                    "this condition on `{written}` takes away the rows for which the LEFT JOIN of `{}` found nothing",
                    factor.name
                );
                let help = format!(
                    "Move it into the ON of the join to keep them, or write JOIN instead of LEFT JOIN if they shall go. To keep \
                     them here: `{written} IS NULL OR …`."
                );
                self.warn_whole(part.span(), "left-join-filter", message, help);
            }
        }
    }

    fn same_on_both_sides(&mut self, condition: &Expr) {
        for part in conjuncts(condition) {
            let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = part else { continue };
            let (Some(a), Some(b)) = (column_of(left), column_of(right)) else { continue };
            let same = a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.value.eq_ignore_ascii_case(&b.value));
            if same {
                let message = format!("`{left}` is compared with itself");
                let help = "Compare it with a column of the other table, or take the condition out.";
                self.warn_whole(part.span(), "same-on-both-sides", message, help);
            }
        }
    }
}

/// The columns of which a condition is never true while they are NULL.
fn refused_if_null(e: &Expr) -> Vec<&[Ident]> {
    match e {
        Expr::BinaryOp { left, op, right } if is_comparison(op) && !matches!(op, BinaryOperator::Spaceship) => {
            [left, right].into_iter().filter_map(|side| bare(side)).collect()
        }
        Expr::Between { expr, .. } | Expr::Like { expr, .. } | Expr::ILike { expr, .. } => {
            bare(expr).into_iter().collect()
        }
        Expr::RLike { expr, .. } | Expr::InList { expr, .. } => bare(expr).into_iter().collect(),
        Expr::InSubquery { expr, negated: false, .. } => bare(expr).into_iter().collect(),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => bare(e).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// A column, perhaps cast to another type.
fn bare(e: &Expr) -> Option<&[Ident]> {
    match e {
        Expr::Cast { expr, .. } | Expr::Nested(expr) => bare(expr),
        other => column_of(other),
    }
}

/// All columns of a condition; none for what stands in a subquery, of which it cannot be told here.
fn columns_with_subqueries(e: &Expr) -> Vec<Option<Vec<Ident>>> {
    let mut found: Vec<_> = columns_of(e).into_iter().map(Some).collect();
    let mut open = vec![e];
    while let Some(e) = open.pop() {
        match e {
            Expr::Exists { .. } | Expr::Subquery(_) => found.push(None),
            other => open.extend(children(other)),
        }
    }
    found
}

/// The conditions of the joins of a FROM.
pub(super) fn conditions_of(select: &Select) -> Vec<&Expr> {
    select.from.iter().flat_map(conditions).collect()
}

fn conditions(table: &TableWithJoins) -> Vec<&Expr> {
    let joins = table.joins.iter().filter_map(|join| match constraint(&join.join_operator) {
        Some(JoinConstraint::On(condition)) => Some(condition),
        _ => None,
    });
    joins.collect()
}

fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    use JoinOperator as J;
    match operator {
        J::Join(c) | J::Inner(c) | J::Left(c) | J::LeftOuter(c) | J::Right(c) | J::RightOuter(c) => Some(c),
        J::FullOuter(c) | J::Semi(c) | J::LeftSemi(c) | J::Anti(c) | J::LeftAnti(c) => Some(c),
        _ => None,
    }
}

/// Where the entries of FROM stand, and what they are called there, in the order of [`super::known::Finder`].
pub(super) fn spans(select: &Select) -> Vec<(TreeSpan, String)> {
    let mut found = Vec::new();
    for table in &select.from {
        spans_of(table, &mut found);
    }
    found
}

fn spans_of(table: &TableWithJoins, found: &mut Vec<(TreeSpan, String)>) {
    match &table.relation {
        TableFactor::NestedJoin { table_with_joins, alias: None } => spans_of(table_with_joins, found),
        other => found.push(place(other)),
    }
    found.extend(table.joins.iter().map(|join| place(&join.relation)));
}

/// Where a table is named, or where a subquery's own name stands.
fn place(factor: &TableFactor) -> (TreeSpan, String) {
    match factor {
        TableFactor::Table { name, .. } => (name.span(), name.to_string()),
        TableFactor::Derived { alias: Some(alias), .. } => (alias.name.span, alias.name.value.clone()),
        other => (other.span(), String::new()),
    }
}
