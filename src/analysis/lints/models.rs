//! Lints of what a query is for: a table that takes whatever another one has, rows that chance picks, deleted rows, and
//! cohorts of different age.

use sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, LimitClause, ObjectName, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, Spanned, TableFactor, TableWithJoins,
};
use sqlparser::tokenizer::Span as TreeSpan;

use super::super::expr::{children, whole_number};
use super::super::resolve::Resolver;
use super::super::scope::same;
use super::super::select::has_aggregate;
use super::known::Factor;
use super::shapes::{column_of, last_name};
use super::values::{argument, called};

impl Resolver<'_> {
    /// Looks at a query as a whole, when all its names have been resolved.
    pub(in crate::analysis) fn lint_query(&mut self, query: &Query) {
        let Some(around) = self.lints.as_ref().map(|lints| lints.around) else { return };
        if !around.is_model || !around.is_table {
            return;
        }
        if !around.is_staging
            && let Some((span, table)) = open_star(query, &mut Vec::new(), 0)
        {
            let message = format!("this star makes the table's columns whatever `{table}` has");
            let help = "Name the columns: a table is read by others, who want to know what is in it.";
            self.warn(span, "select-star", message, help);
        }
        self.unordered_limit(query);
    }

    fn unordered_limit(&mut self, query: &Query) {
        let Some(LimitClause::LimitOffset { limit: Some(limit), .. }) = &query.limit_clause else { return };
        let one_row = match &*query.body {
            SetExpr::Select(select) => {
                let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
                let aggregated = select.projection.iter().any(|item| match item {
                    SelectItem::UnnamedExpr(e) | SelectItem::ExprWithAlias { expr: e, .. } => has_aggregate(e),
                    _ => false,
                });
                aggregated && !grouped
            }
            _ => false,
        };
        if query.order_by.is_none() && !one_row && whole_number(limit) != Some(0) {
            let message = format!("LIMIT {limit} keeps any {limit} rows: nothing orders them");
            let help = "Add an ORDER BY whose keys are unique, so that each run keeps the same rows.";
            self.warn_whole(limit.span(), "unordered-limit", message, help);
        }
    }

    /// Replicated tables of which deleted rows are read like others.
    pub(super) fn lint_deleted(&mut self, select: &Select, factors: &[Factor]) {
        if self.lints.as_ref().is_none_or(|lints| !lints.around.is_model || lints.minds_deleted) {
            return;
        }
        // Passed on with everything else: whoever reads this can mind them.
        let passed_on = select
            .projection
            .iter()
            .any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)));
        let spans = super::joins::spans(select);
        if passed_on || spans.len() != factors.len() {
            return;
        }
        for (factor, (span, name)) in factors.iter().zip(spans) {
            if !factor.known.soft_deletes {
                continue;
            }
            let message = format!("`{name}` is read with the rows that were deleted at the source");
            let help = "Add `WHERE NOT coalesce(_fivetran_deleted, false)`, or allow it here if they shall stay.";
            self.warn(span, "fivetran-deleted", message, help);
        }
    }

    /// Shares by cohort within some days, with no regard to which cohorts have had these days.
    pub(super) fn lint_cohorts(&mut self, select: &Select) {
        if self.lints.as_ref().is_none_or(|lints| !lints.ignores_age) {
            return;
        }
        let by_cohort =
            |e: &Expr| column_of(e).and_then(<[_]>::last).is_some_and(|c| c.value.to_lowercase().contains("cohort"));
        let grouped = match &select.group_by {
            GroupByExpr::Expressions(keys, _) => keys.iter().any(by_cohort),
            GroupByExpr::All(_) => select.projection.iter().any(|item| match item {
                SelectItem::UnnamedExpr(e) => by_cohort(e),
                SelectItem::ExprWithAlias { alias, .. } => alias.value.to_lowercase().contains("cohort"),
                _ => false,
            }),
        };
        if !grouped {
            return;
        }
        for item in &select.projection {
            let (SelectItem::UnnamedExpr(e) | SelectItem::ExprWithAlias { expr: e, .. }) = item else { continue };
            let mut open = vec![e];
            while let Some(e) = open.pop() {
                open.extend(children(e));
                let share = match e {
                    Expr::BinaryOp { left, op: BinaryOperator::Divide, right } if counts_all(right) => Some(&**left),
                    Expr::Function(call)
                        if called(call, &["try_divide"]) && argument(call, 1).is_some_and(counts_all) =>
                    {
                        argument(call, 0)
                    }
                    _ => None,
                };
                let Some(days) = share.and_then(counted_within) else { continue };
                let message = format!(
                    "a share by cohort of those with `{days}`, over customers who may not have had that long yet"
                );
                let help = "Count only those who have been watched so long, in both numbers, or leave out cohorts that are too young.";
                self.warn_whole(e.span(), "young-cohort", message, help);
            }
        }
    }
}

/// Tells whether a text, in lower case, speaks of cohorts and of nothing that tells how long they have been watched.
pub(super) fn ignores_age(text: &str) -> bool {
    const AGE: [&str; 20] = [
        "observ",
        "matur",
        "complete",
        "censor",
        "current_date",
        "current_timestamp",
        "now()",
        "last_full",
        "date_add",
        "dateadd",
        "date_sub",
        "interval",
        "add_months",
        "eligible",
        "window_end",
        "cutoff",
        "as_of",
        "max(",
        "last_day",
        "at_risk",
    ];
    text.contains("cohort") && !AGE.iter().any(|word| text.contains(word))
}

/// `count(*)`, `count(DISTINCT customer_id)`.
fn counts_all(e: &Expr) -> bool {
    match e {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => counts_all(inner),
        Expr::Function(call) => called(call, &["count", "nullif"]) && call.filter.is_none() && call.over.is_none(),
        _ => false,
    }
}

/// The condition of a count, if it is about a number of days or the like that is small enough.
fn counted_within(e: &Expr) -> Option<&Expr> {
    let condition = match e {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => return counted_within(inner),
        Expr::BinaryOp { left, op: BinaryOperator::Multiply, right } => {
            return counted_within(left).or_else(|| counted_within(right));
        }
        Expr::Function(call) if called(call, &["count_if"]) => argument(call, 0)?,
        Expr::Function(call) if called(call, &["count", "sum"]) => match (&call.filter, argument(call, 0)) {
            (Some(filter), _) => filter,
            (None, Some(Expr::Case { conditions, .. })) => &conditions.first()?.condition,
            (None, Some(Expr::Function(inner))) if called(inner, &["if", "iff"]) => argument(inner, 0)?,
            _ => return None,
        },
        _ => return None,
    };
    let Expr::BinaryOp { left, op: BinaryOperator::Lt | BinaryOperator::LtEq, right } = condition else { return None };
    let name = column_of(left)?.last()?.value.to_lowercase();
    let is_time = ["day", "week", "month"].iter().any(|unit| name.contains(unit));
    (is_time && whole_number(right).is_some()).then_some(condition)
}

/// Subqueries that are looked through for a star.
const MOST_STARS: usize = 50;

/// Finds a star that hands a table's columns through to the output, and that table's name.
fn open_star<'q>(query: &'q Query, ctes: &mut Vec<(&'q str, &'q Query)>, depth: usize) -> Option<(TreeSpan, String)> {
    if depth > MOST_STARS {
        return None;
    }
    let outer = ctes.len();
    if let Some(with) = query.with.as_ref().filter(|with| !with.recursive) {
        ctes.extend(with.cte_tables.iter().map(|cte| (cte.alias.name.value.as_str(), &*cte.query)));
    }
    let mut open = vec![&*query.body];
    let mut found = None;
    while let Some(body) = open.pop() {
        found = match body {
            SetExpr::SetOperation { left, right, .. } => {
                open.extend([&**right, &**left]);
                None
            }
            SetExpr::Query(query) => open_star(query, ctes, depth + 1),
            SetExpr::Select(select) => star_of(select, ctes, depth),
            _ => None,
        };
        if found.is_some() {
            break;
        }
    }
    ctes.truncate(outer);
    found
}

fn star_of<'q>(select: &'q Select, ctes: &mut Vec<(&'q str, &'q Query)>, depth: usize) -> Option<(TreeSpan, String)> {
    for item in &select.projection {
        let table = match item {
            SelectItem::Wildcard(_) => None,
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                Some(last_name(name))
            }
            _ => continue,
        };
        let span = match item {
            SelectItem::Wildcard(options) => options.wildcard_token.0.span,
            other => other.span(),
        };
        for factor in select.from.iter().flat_map(factors) {
            let (name, alias): (Option<&ObjectName>, _) = match factor {
                TableFactor::Table { name, alias, args: None, .. } => (Some(name), alias),
                TableFactor::Derived { alias, .. } => (None, alias),
                _ => continue,
            };
            let own =
                alias.as_ref().map_or_else(|| name.map(last_name).unwrap_or_default(), |a| a.name.value.to_lowercase());
            if table.as_ref().is_some_and(|table| *table != own) {
                continue;
            }
            let through = match (factor, name) {
                (TableFactor::Derived { subquery, .. }, _) => open_star(subquery, ctes, depth + 1),
                (_, Some(name)) => {
                    let cte = (name.0.len() == 1).then(|| last_name(name));
                    // A CTE sees those before it only, so one that reads its own name reads a table.
                    match ctes.iter().rposition(|(cte_name, _)| cte.as_ref().is_some_and(|cte| same(cte_name, cte))) {
                        Some(i) => {
                            let query = ctes[i].1;
                            open_star(query, &mut ctes[..i].to_vec(), depth + 1)
                        }
                        None => Some((span, name.to_string())),
                    }
                }
                _ => None,
            };
            if through.is_some() {
                return through;
            }
        }
    }
    None
}

fn factors(table: &TableWithJoins) -> impl Iterator<Item = &TableFactor> {
    std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation))
}
