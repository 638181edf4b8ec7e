//! Constructs that the parser reads and the planner would pass over in silence: they are refused by name.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Function, FunctionArgumentClause, FunctionArguments, GroupByExpr, JoinOperator, OrderByKind, Query, Select,
    SelectItem, TableFactor, Visit, Visitor,
};

use crate::local::engine::error::SqlError;

/// Refuses what would be read and then ignored.
pub(super) fn check(query: &Query) -> Result<(), SqlError> {
    match query.visit(&mut Refuser) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(construct) => Err(SqlError::unsupported(construct)),
    }
}

struct Refuser;

/// Breaks with the first construct that is present.
fn first(found: &[(bool, &'static str)]) -> ControlFlow<&'static str> {
    match found.iter().find(|(present, _)| *present) {
        Some((_, construct)) => ControlFlow::Break(construct),
        None => ControlFlow::Continue(()),
    }
}

impl Visitor for Refuser {
    type Break = &'static str;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        first(&[
            (query.fetch.is_some(), "FETCH"),
            (!query.locks.is_empty(), "FOR UPDATE"),
            (query.for_clause.is_some(), "FOR XML, JSON or BROWSE"),
            (query.settings.is_some(), "SETTINGS"),
            (query.format_clause.is_some(), "FORMAT"),
            (query.order_by.as_ref().is_some_and(|o| o.interpolate.is_some()), "ORDER BY … INTERPOLATE"),
            (
                query.order_by.as_ref().is_some_and(
                    |o| matches!(&o.kind, OrderByKind::Expressions(all) if all.iter().any(|e| e.with_fill.is_some())),
                ),
                "ORDER BY … WITH FILL",
            ),
        ])
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Self::Break> {
        first(&[
            (!select.connect_by.is_empty(), "CONNECT BY"),
            (select.top.is_some(), "TOP"),
            (select.into.is_some(), "SELECT INTO"),
            (select.prewhere.is_some(), "PREWHERE"),
            (select.value_table_mode.is_some(), "SELECT AS VALUE or STRUCT"),
            (select.exclude.is_some(), "EXCLUDE"),
            (
                matches!(&select.group_by, GroupByExpr::All(m) | GroupByExpr::Expressions(_, m)
                    if m.iter().any(|m| matches!(m, sqlparser::ast::GroupByWithModifier::Totals))),
                "GROUP BY … WITH TOTALS",
            ),
        ])?;
        for item in &select.projection {
            if let SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) = item {
                first(&[
                    (options.opt_ilike.is_some(), "* ILIKE"),
                    (options.opt_rename.is_some(), "* RENAME"),
                    (
                        options.opt_replace.as_ref().is_some_and(|r| r.items.iter().any(|item| item.as_keyword)),
                        "* REPLACE",
                    ),
                    (options.opt_alias.is_some(), "* AS"),
                ])?;
            }
        }
        for table in &select.from {
            for join in &table.joins {
                let construct = match &join.join_operator {
                    JoinOperator::AsOf { .. } => "ASOF JOIN",
                    JoinOperator::CrossApply | JoinOperator::OuterApply => "APPLY",
                    JoinOperator::ArrayJoin | JoinOperator::LeftArrayJoin | JoinOperator::InnerArrayJoin => {
                        "ARRAY JOIN"
                    }
                    JoinOperator::StraightJoin(_) => "STRAIGHT_JOIN",
                    _ => continue,
                };
                return ControlFlow::Break(construct);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Self::Break> {
        match factor {
            TableFactor::Table { partitions, json_path, index_hints, with_ordinality, .. } => first(&[
                (!partitions.is_empty(), "PARTITION in FROM"),
                (json_path.is_some(), "a path after a table's name"),
                (!index_hints.is_empty(), "index hints"),
                (*with_ordinality, "WITH ORDINALITY"),
            ]),
            TableFactor::MatchRecognize { .. } => ControlFlow::Break("MATCH_RECOGNIZE"),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        match expr {
            Expr::Function(function) => self.function(function),
            Expr::Collate { .. } => ControlFlow::Break("COLLATE"),
            Expr::Convert { .. } => ControlFlow::Break("CONVERT"),
            Expr::SimilarTo { .. } => ControlFlow::Break("SIMILAR TO"),
            Expr::Cast { format: Some(_), .. } => ControlFlow::Break("CAST … FORMAT"),
            Expr::Cast { array: true, .. } => ControlFlow::Break("CAST … ARRAY"),
            Expr::Prefixed { .. } | Expr::MemberOf(_) | Expr::MatchAgainst { .. } | Expr::Prior(_) => {
                ControlFlow::Break("this expression")
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

impl Refuser {
    #[expect(clippy::unused_self, reason = "belongs to the visitor")]
    fn function(&self, function: &Function) -> ControlFlow<&'static str> {
        first(&[(!matches!(function.parameters, FunctionArguments::None), "parameters before arguments")])?;
        if let FunctionArguments::List(list) = &function.args {
            for clause in &list.clauses {
                let construct = match clause {
                    FunctionArgumentClause::OrderBy(_) | FunctionArgumentClause::IgnoreOrRespectNulls(_) => continue,
                    FunctionArgumentClause::Limit(_) => "LIMIT in a call",
                    FunctionArgumentClause::OnOverflow(_) => "ON OVERFLOW",
                    FunctionArgumentClause::Having(_) => "HAVING in a call",
                    FunctionArgumentClause::Separator(_) => "SEPARATOR",
                    FunctionArgumentClause::JsonNullClause(_) | FunctionArgumentClause::JsonReturningClause(_) => {
                        "JSON clauses in a call"
                    }
                };
                return ControlFlow::Break(construct);
            }
        }
        ControlFlow::Continue(())
    }
}
