//! What is known of the rows that a SELECT returns.

use std::collections::BTreeSet;

use sqlparser::ast::{
    BinaryOperator, Distinct, Expr, GroupByExpr, ObjectNamePart, Select, SelectItem, SelectItemQualifiedWildcardKind,
    WindowType,
};

use super::super::expr::{children, output_name, whole_number};
use super::super::scope::same;
use super::super::select::has_aggregate;
use super::joined::{Joined, MOST_KEYS};
use super::known::{How, Known, Place};
use super::shapes::{column_of, conjuncts, equated, is_comparison, is_constant, is_named, last_name, same_column};
use crate::dialect::functions::{FunctionKind, function};

/// What is known of the rows that a SELECT returns.
pub(super) fn output(select: &Select, from: &Joined) -> Known {
    let items = items(select);
    let aggregated =
        items.iter().any(|item| has_aggregate(item.expr)) && !matches!(&select.group_by, GroupByExpr::All(_));
    let generator = items.iter().any(|item| makes_rows(item.expr));
    let (fixed, not_null) = narrowed(select, from);
    let names_of = |place: &Place| -> Vec<String> {
        let mut names: Vec<String> = items
            .iter()
            .filter(|item| column_of(item.expr).and_then(|c| from.place(c)).as_ref() == Some(place))
            .map(|item| item.name.clone())
            .collect();
        if stars(select).any(|star| star.covers(from, place)) {
            names.push(place.1.clone());
        }
        names
    };
    let shown = |key: &BTreeSet<Place>| -> Option<BTreeSet<String>> {
        key.iter().filter(|place| !fixed.contains(*place)).map(|place| names_of(place).into_iter().next()).collect()
    };
    let mut known = Known { columns: output_columns(select, from, &items), ..Known::default() };
    match grouping(select, &items, aggregated) {
        Grouping::None => {
            if !generator {
                known.keys = from.keys.iter().filter_map(&shown).collect();
                known.one_row = from.one_row;
            }
        }
        Grouping::Whole => known.one_row = true,
        Grouping::By(keys) => known.keys.extend(keys),
        Grouping::Unclear => {}
    }
    for item in &items {
        if let Some(partition) = row_number(item.expr).filter(|_| !generator) {
            let columns: Option<BTreeSet<String>> =
                partition.iter().map(|e| names_of(&from.place(column_of(e)?)?).into_iter().next()).collect();
            if let Some(mut key) = columns {
                key.insert(item.name.clone());
                known.keys.push(key);
            }
        }
        if never_null(item.expr)
            || column_of(item.expr)
                .and_then(|c| from.place(c))
                .is_some_and(|place| not_null.contains(&place) || from.is_not_null(&place))
        {
            known.not_null.insert(item.name.clone());
        }
    }
    for star in stars(select) {
        let tested = from.factors.iter().enumerate();
        let tested = tested.flat_map(|(i, factor)| factor.known.not_null.iter().map(move |c| (i, c.clone())));
        let never = tested.filter(|place| from.is_not_null(place)).chain(not_null.iter().cloned());
        known.not_null.extend(never.filter(|place| star.covers(from, place)).map(|place| place.1));
    }
    if let Some(partition) = select.qualify.as_ref().and_then(|q| first_of(q, &items)) {
        let columns: Option<BTreeSet<String>> =
            partition.iter().map(|e| names_of(&from.place(column_of(e)?)?).into_iter().next()).collect();
        known.one_row |= partition.is_empty();
        known.keys.extend(columns);
    }
    if let Some(Distinct::Distinct) = &select.distinct {
        known.keys.extend(known.columns.clone().map(|columns| columns.into_iter().collect()));
    }
    known.keys.truncate(MOST_KEYS);
    known.one_row |= known.keys.iter().any(BTreeSet::is_empty);
    known
}

/// The columns that WHERE sets to one value, which do not tell rows apart any more, and those that it keeps from being
/// NULL.
fn narrowed(select: &Select, from: &Joined) -> (BTreeSet<Place>, BTreeSet<Place>) {
    let (mut fixed, mut not_null) = (BTreeSet::new(), BTreeSet::new());
    let place = |e: &Expr| column_of(e).and_then(|c| from.place(c));
    for part in select.selection.iter().flat_map(conjuncts) {
        let constant = equated(part).into_iter().filter(|(_, other)| is_constant(other));
        fixed.extend(constant.filter_map(|(column, _)| from.place(column)));
        match part {
            Expr::IsNotNull(inner) => not_null.extend(place(inner)),
            Expr::BinaryOp { left, op, right } if is_comparison(op) && *op != BinaryOperator::Spaceship => {
                not_null.extend(place(left).into_iter().chain(place(right)));
            }
            Expr::InList { expr, negated: false, .. } | Expr::InSubquery { expr, negated: false, .. } => {
                not_null.extend(place(expr));
            }
            _ => {}
        }
    }
    (fixed, not_null)
}

/// A named column of a SELECT list.
struct Item<'s> {
    name: String,
    expr: &'s Expr,
}

fn items(select: &Select) -> Vec<Item<'_>> {
    let named = select.projection.iter().filter_map(|item| match item {
        SelectItem::UnnamedExpr(expr) => Some(Item { name: output_name(expr).to_lowercase(), expr }),
        SelectItem::ExprWithAlias { expr, alias } => Some(Item { name: alias.value.to_lowercase(), expr }),
        _ => None,
    });
    named.collect()
}

/// A star of a SELECT list.
struct Star {
    /// The entry of FROM; none: all.
    table: Option<String>,
    except: Vec<String>,
}

impl Star {
    fn covers(&self, from: &Joined, place: &Place) -> bool {
        let here = self.table.as_ref().is_none_or(|table| from.factors[place.0].name == *table);
        here && !self.except.contains(&place.1)
    }
}

fn stars(select: &Select) -> impl Iterator<Item = Star> {
    select.projection.iter().filter_map(|item| {
        let (table, options) = match item {
            SelectItem::Wildcard(options) => (None, options),
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                (Some(last_name(name)), options)
            }
            _ => return None,
        };
        let except = options.opt_except.iter();
        let mut except: Vec<String> = except
            .flat_map(|e| std::iter::once(&e.first_element).chain(&e.additional_elements))
            .map(|ident| ident.value.to_lowercase())
            .collect();
        except.extend(options.opt_replace.iter().flat_map(|r| &r.items).map(|r| r.column_name.value.to_lowercase()));
        Some(Star { table, except })
    })
}

fn output_columns(select: &Select, from: &Joined, items: &[Item<'_>]) -> Option<Vec<String>> {
    if items.len() == select.projection.len() {
        return Some(items.iter().map(|item| item.name.clone()).collect());
    }
    let mut columns = Vec::new();
    for star in stars(select) {
        for (i, factor) in from.factors.iter().enumerate().filter(|(_, factor)| factor.how != How::Semi) {
            let own = factor.known.columns.as_ref()?;
            columns.extend(own.iter().filter(|c| star.covers(from, &(i, (*c).clone()))).cloned());
        }
    }
    let plain = select.projection.iter().all(|item| {
        matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. } | SelectItem::Wildcard(_))
            || matches!(item, SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(_), _))
    });
    columns.extend(items.iter().map(|item| item.name.clone()));
    plain.then_some(columns)
}

enum Grouping {
    None,
    /// All rows become one.
    Whole,
    /// By the columns of the output that are the key.
    By(Option<BTreeSet<String>>),
    Unclear,
}

fn grouping(select: &Select, items: &[Item<'_>], aggregated: bool) -> Grouping {
    let keys = match &select.group_by {
        GroupByExpr::All(modifiers) if modifiers.is_empty() => {
            let keys = items.iter().filter(|item| !has_aggregate(item.expr)).map(|item| item.name.clone());
            let complete = items.len() == select.projection.len();
            return Grouping::By(complete.then(|| keys.collect()));
        }
        GroupByExpr::Expressions(keys, modifiers) if modifiers.is_empty() => keys,
        _ => return Grouping::Unclear,
    };
    if keys.is_empty() {
        let aggregated = aggregated || select.having.is_some();
        return if aggregated { Grouping::Whole } else { Grouping::None };
    }
    let shown = |key: &Expr| -> Option<String> {
        if let Some(number) = whole_number(key) {
            let complete = items.len() == select.projection.len();
            return usize::try_from(number - 1)
                .ok()
                .and_then(|i| items.get(i))
                .filter(|_| complete)
                .map(|i| i.name.clone());
        }
        let text = key.to_string().to_lowercase();
        let by_expression = items.iter().find(|item| {
            item.expr.to_string().to_lowercase() == text
                || matches!((column_of(item.expr), column_of(key)), (Some(a), Some(b)) if same_column(a, b))
        });
        let by_alias = || items.iter().find(|item| column_of(key).is_some_and(|c| c.len() == 1) && item.name == text);
        by_expression.or_else(by_alias).map(|item| item.name.clone())
    };
    if keys.iter().any(|key| matches!(key, Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_))) {
        return Grouping::Unclear;
    }
    Grouping::By(keys.iter().map(shown).collect())
}

/// The partition of a `row_number()`, if the expression is one.
fn row_number(e: &Expr) -> Option<&[Expr]> {
    match e {
        Expr::Nested(inner) => row_number(inner),
        Expr::Function(call) if is_named(&call.name, "row_number") => match &call.over {
            Some(WindowType::WindowSpec(spec)) if spec.window_name.is_none() => Some(&spec.partition_by),
            _ => None,
        },
        _ => None,
    }
}

/// The partition of which QUALIFY keeps the first row.
fn first_of<'s>(qualify: &'s Expr, items: &[Item<'s>]) -> Option<&'s [Expr]> {
    conjuncts(qualify).into_iter().find_map(|part| {
        let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = part else { return None };
        if whole_number(right) != Some(1) {
            return None;
        }
        row_number(left).or_else(|| {
            let [alias] = column_of(left)? else { return None };
            row_number(items.iter().find(|item| same(&item.name, &alias.value))?.expr)
        })
    })
}

/// Tells whether an expression cannot be NULL.
fn never_null(e: &Expr) -> bool {
    match e {
        Expr::Nested(inner) => never_null(inner),
        Expr::Value(value) => !matches!(value.value, sqlparser::ast::Value::Null),
        Expr::Function(call) => match call.name.0.as_slice() {
            [ObjectNamePart::Identifier(name)] => {
                let name = name.value.to_ascii_lowercase();
                ["count", "count_if", "row_number", "rank", "dense_rank", "uuid"].contains(&name.as_str())
                    || (["coalesce", "ifnull", "nvl"].contains(&name.as_str())
                        && children(e).last().is_some_and(|e| never_null(e)))
            }
            _ => false,
        },
        _ => false,
    }
}

fn makes_rows(e: &Expr) -> bool {
    let Expr::Function(call) = e else { return false };
    let [ObjectNamePart::Identifier(name)] = call.name.0.as_slice() else { return false };
    function(&name.value).is_some_and(|f| f.kind == FunctionKind::Table)
}
