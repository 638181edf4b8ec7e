//! Which columns a change of a query touches, so that a new column is not taken for a change of all others.

use std::collections::BTreeSet;

use sqlparser::ast::{Expr, GroupByExpr, Query, Select, SelectItem, SetExpr};

use super::Parsed;
use super::expr::output_name;
use super::select::has_aggregate;

/// What a change of a query touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// The values of these columns, in lower case: each other column, and which rows there are, is as before.
    Columns(BTreeSet<String>),
    /// Possibly everything.
    Everything,
}

/// Compares two forms of a query. What only looks different, as blanks and comments do, is no change.
pub fn touched(before: &Parsed, after: &Parsed) -> Touched {
    between(&before.query, &after.query).map_or(Touched::Everything, Touched::Columns)
}

fn between(before: &Query, after: &Query) -> Option<BTreeSet<String>> {
    if before.to_string() == after.to_string() {
        return Some(BTreeSet::new());
    }
    let (rest, old, _) = parts(before)?;
    let (other_rest, new, select) = parts(after)?;
    if rest != other_rest || select.distinct.is_some() {
        return None;
    }
    let star = |items: &[Item]| {
        items.iter().filter(|item| item.name.is_none()).map(|item| item.text.clone()).collect::<Vec<_>>()
    };
    if star(&old) != star(&new) {
        return None;
    }
    let mut touched = BTreeSet::new();
    for (these, others) in [(&old, &new), (&new, &old)] {
        for item in these.iter() {
            let Some(name) = &item.name else { continue };
            if others.iter().any(|other| other.name.as_ref() == Some(name) && other.text == item.text) {
                continue;
            }
            // What is grouped by, or may be named elsewhere, decides about more than its own column.
            if (is_grouped(select) && !item.aggregates) || names(&rest, name) {
                return None;
            }
            touched.insert(name.clone());
        }
    }
    // An alias may be used by the items after it.
    loop {
        let more: Vec<String> = new
            .iter()
            .filter_map(|item| item.name.as_ref().map(|name| (name, item)))
            .filter(|(name, item)| !touched.contains(*name) && touched.iter().any(|other| names(&item.text, other)))
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            return Some(touched);
        }
        touched.extend(more);
    }
}

/// An item of a SELECT list.
struct Item {
    /// The column's name in lower case; none for a star.
    name: Option<String>,
    text: String,
    aggregates: bool,
}

/// Takes a query apart: the text of all but its SELECT list, and the list.
fn parts(query: &Query) -> Option<(String, Vec<Item>, &Select)> {
    let SetExpr::Select(select) = &*query.body else { return None };
    let item = |item: &SelectItem| {
        let (e, name): (Option<&Expr>, Option<String>) = match item {
            SelectItem::UnnamedExpr(e) => (Some(e), Some(output_name(e))),
            SelectItem::ExprWithAlias { expr, alias } => (Some(expr), Some(alias.value.clone())),
            // Several columns of one expression stand or fall together.
            SelectItem::ExprWithAliases { .. } | SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {
                (None, None)
            }
        };
        Item {
            name: name.map(|name| name.to_lowercase()),
            text: item.to_string(),
            aggregates: e.is_some_and(has_aggregate),
        }
    };
    let items = select.projection.iter().map(item).collect();
    let mut rest = query.clone();
    if let SetExpr::Select(select) = &mut *rest.body {
        select.projection.clear();
    }
    Some((rest.to_string(), items, select))
}

/// Tells whether positions or names of the SELECT list may decide about rows.
fn is_grouped(select: &Select) -> bool {
    !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty())
}

/// Tells whether a text holds a word.
fn names(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let text = text.to_lowercase();
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::parse;
    use crate::diag::SourceFile;
    use crate::template::Rendered;

    #[test]
    fn a_change_touches_what_it_can_reach() {
        let parsed = |sql: &str| parse(&Rendered::plain(&SourceFile::new("m.sql", sql))).unwrap();
        for (before, after, expected) in [
            ("select a, b from t", "SELECT a, -- the first\n b FROM t", Some("")),
            ("select a, b from t", "select a, b, c from t", Some("c")),
            ("select a, b from t", "select a from t", Some("b")),
            ("select a, b from t", "select b, a from t", Some("")),
            ("select a, b + 1 as b from t", "select a, b + 2 as b from t", Some("b")),
            ("select a * 2 as d, d + 1 as e, f from t", "select a * 3 as d, d + 1 as e, f from t", Some("d e")),
            ("select a, b from t", "select a, b from t where a > 1", None),
            ("select a, b from t where b > 1", "select a, b * 2 as b from t where b > 1", None),
            ("select a, sum(b) as s from t group by a", "select a, max(b) as s from t group by a", Some("s")),
            ("select a, sum(b) as s from t group by 1", "select a + 1 as a, sum(b) as s from t group by 1", None),
            ("select distinct a from t", "select distinct a, b from t", None),
            ("select * from t", "select *, a + 1 as n from t", Some("n")),
            ("select * from t", "select * except (a) from t", None),
            ("select a from t union all select a from u", "select a from t union all select b from u", None),
            ("with x as (select a from t) select a from x", "with x as (select a, b from t) select a from x", None),
        ] {
            let found = touched(&parsed(before), &parsed(after));
            let expected = match expected {
                Some(names) => Touched::Columns(names.split_whitespace().map(str::to_owned).collect()),
                None => Touched::Everything,
            };
            assert_eq!(found, expected, "{before}\n{after}");
        }
    }
}
