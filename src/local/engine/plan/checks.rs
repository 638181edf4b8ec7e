//! Mistakes that show in a query's tree: aggregates and windows where they may not stand, positions and limits out of
//! range, names given twice.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Cte, DataType, Expr, Function, GroupByExpr, LimitClause, OrderByKind, Query, Select, SelectItem, SetExpr,
    SetOperator, SetQuantifier, Spanned, TableFactor, UnaryOperator, Value, ValueWithSpan, Visit, Visitor, WindowType,
};

use super::ast;
use crate::local::engine::error::SqlError;
use crate::local::engine::functions;

/// Window functions for which the order of rows is everything.
const RANKING: &[&str] =
    &["row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "nth_value"];

/// Refuses what Spark refuses before it looks a name up.
pub(super) fn check(query: &Query) -> Result<(), SqlError> {
    match query.visit(&mut Checker) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

/// Whether a query groups anywhere.
pub(super) fn groups(query: &Query) -> bool {
    struct Grouped;
    impl Visitor for Grouped {
        type Break = ();
        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            match &select.group_by {
                GroupByExpr::Expressions(keys, _) if keys.is_empty() => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        }
    }
    query.visit(&mut Grouped).is_break()
}

struct Checker;

impl Visitor for Checker {
    type Break = Box<SqlError>;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        broken(
            names_once(query)
                .and_then(|()| recursions(query))
                .and_then(|()| limits(query))
                .and_then(|()| positions(query)),
        )
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Self::Break> {
        broken(clauses(select))
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        broken(expression(expr))
    }
}

fn broken(checked: Result<(), SqlError>) -> ControlFlow<Box<SqlError>> {
    match checked {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(Box::new(error)),
    }
}

fn names_once(query: &Query) -> Result<(), SqlError> {
    let mut seen = std::collections::HashSet::new();
    for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
        if !seen.insert(cte.alias.name.value.to_lowercase()) {
            let text = format!("A CTE definition cannot have duplicate names: `{}`.", cte.alias.name.value);
            return Err(SqlError::new("DUPLICATED_CTE_NAMES", "42602", text).at(ast::start(cte.alias.name.span)));
        }
    }
    Ok(())
}

/// A recursive CTE adds rows to rows: UNION, which would compare them, is refused.
fn recursions(query: &Query) -> Result<(), SqlError> {
    let Some(with) = query.with.as_ref().filter(|with| with.recursive) else { return Ok(()) };
    for cte in &with.cte_tables {
        let compares = matches!(&*cte.query.body, SetExpr::SetOperation { op: SetOperator::Union, set_quantifier, .. }
            if matches!(set_quantifier, SetQuantifier::None | SetQuantifier::Distinct));
        if compares && reads_itself(cte) {
            let text = "A recursive CTE can only be a UNION ALL, not a UNION.";
            return Err(SqlError::new("UNION_NOT_SUPPORTED_IN_RECURSIVE_CTE", "42836", text)
                .at(ast::start(cte.alias.name.span)));
        }
    }
    Ok(())
}

fn reads_itself(cte: &Cte) -> bool {
    struct Named<'a>(&'a str);
    impl Visitor for Named<'_> {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            match factor {
                TableFactor::Table { name, .. }
                    if name.0.len() == 1 && ast::last_name(name).eq_ignore_ascii_case(self.0) =>
                {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    cte.query.visit(&mut Named(&cte.alias.name.value)).is_break()
}

fn limits(query: &Query) -> Result<(), SqlError> {
    let Some(LimitClause::LimitOffset { limit, offset, .. }) = &query.limit_clause else { return Ok(()) };
    for (name, value) in [("limit", limit.as_ref()), ("offset", offset.as_ref().map(|offset| &offset.value))] {
        let Some(value) = value else { continue };
        let (condition, what) = match value {
            Expr::UnaryOp { op: UnaryOperator::Minus, .. } => ("IS_NEGATIVE", "must be 0 or more"),
            Expr::Value(ValueWithSpan {
                value: Value::SingleQuotedString(_) | Value::DoubleQuotedString(_), ..
            }) => ("DATA_TYPE", "must be an integer"),
            Expr::Value(ValueWithSpan { value: Value::Null, .. }) => ("DATA_TYPE", "must be an integer"),
            Expr::Value(ValueWithSpan { value: Value::Number(text, long), .. })
                if *long || text.parse::<i32>().is_err() =>
            {
                ("DATA_TYPE", "must be an integer")
            }
            Expr::Cast { data_type, .. }
                if !matches!(
                    data_type,
                    DataType::Int(_) | DataType::Integer(_) | DataType::SmallInt(_) | DataType::TinyInt(_)
                ) =>
            {
                ("DATA_TYPE", "must be an integer")
            }
            Expr::Subquery(_) => ("IS_UNFOLDABLE", "must not depend on a query"),
            Expr::Identifier(word) if name == "limit" && word.value.eq_ignore_ascii_case("all") => continue,
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ("IS_UNFOLDABLE", "must not depend on a column"),
            _ => continue,
        };
        let text = format!("The {name} expression {value} {what}.");
        let condition = format!("INVALID_LIMIT_LIKE_EXPRESSION.{condition}");
        return Err(SqlError::new(condition, "42K0E", text).at(ast::start(value.span())));
    }
    Ok(())
}

/// A number that stands for a column by its position.
fn position(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) => text.parse().ok(),
        _ => None,
    }
}

/// How many columns a select has, if no star hides it.
pub(super) fn width(select: &Select) -> Option<usize> {
    let plain = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            !matches!(expr, Expr::Function(function) if functions::rows::is_generator(&ast::function_name(function)))
        }
        _ => false,
    };
    select.projection.iter().all(plain).then_some(select.projection.len())
}

fn positions(query: &Query) -> Result<(), SqlError> {
    let (Some(order), SetExpr::Select(select)) = (&query.order_by, &*query.body) else { return Ok(()) };
    let (OrderByKind::Expressions(keys), Some(width)) = (&order.kind, width(select)) else { return Ok(()) };
    out_of_range(keys.iter().map(|key| &key.expr), width, "ORDER_BY_POS_OUT_OF_RANGE", "ORDER BY")
}

fn out_of_range<'a>(
    keys: impl Iterator<Item = &'a Expr>,
    width: usize,
    condition: &str,
    clause: &str,
) -> Result<(), SqlError> {
    for key in keys {
        if let Some(n) = position(key)
            && !(1..=width).contains(&n)
        {
            let text = format!("{clause} position {n} is not in the select list (valid range is [1, {width}]).");
            return Err(SqlError::new(condition, "42805", text).at(ast::start(key.span())));
        }
    }
    Ok(())
}

fn clauses(select: &Select) -> Result<(), SqlError> {
    let joins = select.from.iter().flat_map(|table| &table.joins);
    for join in joins {
        if let Some(found) = first(&join.join_operator, |f| f.over.is_some() || is_aggregate(f)) {
            let text = format!("The condition of a join cannot contain {found}.");
            return Err(SqlError::new("UNSUPPORTED_EXPR_FOR_OPERATOR", "42K0E", text).at(ast::start(found.span())));
        }
    }
    if let Some(condition) = &select.selection {
        if let Some(found) = first(condition, is_aggregate) {
            let text = format!("The WHERE condition contains the aggregate function {found}: use HAVING.");
            return Err(SqlError::new("INVALID_WHERE_CONDITION", "42903", text).at(ast::start(found.span())));
        }
        if let Some(found) = first(condition, |function| function.over.is_some()) {
            return Err(SqlError::new(
                "WINDOW_FUNCTION_NOT_ALLOWED_IN_CLAUSE",
                "42601",
                format!("The WHERE clause cannot contain the window function {found}: use QUALIFY."),
            )
            .at(ast::start(found.span())));
        }
    }
    if let GroupByExpr::Expressions(keys, _) = &select.group_by {
        if let Some(width) = width(select) {
            out_of_range(keys.iter(), width, "GROUP_BY_POS_OUT_OF_RANGE", "GROUP BY")?;
        }
        if let Some(found) = keys.iter().find_map(|key| first(key, is_aggregate)) {
            let text = format!("Aggregate functions are not allowed in GROUP BY, but found {found}.");
            return Err(SqlError::new("GROUP_BY_AGGREGATE", "42903", text).at(ast::start(found.span())));
        }
    }
    let items = || {
        select.projection.iter().filter_map(|item| match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
            _ => None,
        })
    };
    if let Some(qualify) = &select.qualify {
        let windowed = items().chain([qualify]).any(|expr| first(expr, |function| function.over.is_some()).is_some());
        if !windowed {
            return Err(SqlError::new(
                "QUALIFY_REQUIRES_WINDOW_FUNCTION",
                "42903",
                "At least one window function must stand in the select list or in QUALIFY.",
            )
            .at(ast::start(qualify.span())));
        }
    }
    for expr in items().chain(&select.qualify) {
        let unknown = first(expr, |function| match &function.over {
            Some(WindowType::NamedWindow(name)) => {
                !select.named_window.iter().any(|window| window.0.value.eq_ignore_ascii_case(&name.value))
            }
            _ => false,
        });
        if let Some(function) = unknown {
            let text = format!("The window of {function} is not defined in the WINDOW clause.");
            return Err(SqlError::new("MISSING_WINDOW_SPECIFICATION", "42P20", text).at(ast::start(function.span())));
        }
    }
    Ok(())
}

fn expression(expr: &Expr) -> Result<(), SqlError> {
    match expr {
        Expr::Function(function) => {
            let name = ast::function_name(function);
            if RANKING.contains(&name.as_str()) {
                let (condition, what) = match &function.over {
                    None => ("WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE", "requires an OVER clause"),
                    Some(WindowType::WindowSpec(window))
                        if window.order_by.is_empty() && window.window_name.is_none() =>
                    {
                        ("WINDOW_FUNCTION_FRAME_NOT_ORDERED", "requires the window to be ordered")
                    }
                    Some(_) => return Ok(()),
                };
                let error = SqlError::new(condition, "42601", format!("The window function {name} {what}."));
                return Err(error.at(ast::start(function.span())));
            }
            if is_aggregate(function)
                && let Some(inner) =
                    ast::arguments(function).unwrap_or_default().iter().find_map(|arg| first(arg, is_aggregate))
            {
                let text = format!("The aggregate function {inner} cannot be an argument of another: use a subquery.");
                return Err(SqlError::new("NESTED_AGGREGATE_FUNCTION", "42607", text).at(ast::start(inner.span())));
            }
        }
        Expr::Subquery(query) => {
            if let SetExpr::Select(select) = &*query.body
                && let Some(width) = width(select).filter(|width| *width > 1)
            {
                return Err(SqlError::new(
                    "INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
                    "42823",
                    format!("A scalar subquery must return one column, but returns {width}."),
                )
                .at(ast::start(query.span())));
            }
        }
        _ => {}
    }
    Ok(())
}

fn is_aggregate(function: &Function) -> bool {
    function.over.is_none() && functions::aggregate(&ast::function_name(function)).is_some()
}

/// The first call of this kind in an expression, subqueries left out.
pub(super) fn first(tree: &impl Visit, wanted: impl Fn(&Function) -> bool) -> Option<Function> {
    struct Finder<F> {
        wanted: F,
        depth: usize,
        found: Option<Function>,
    }
    impl<F: Fn(&Function) -> bool> Visitor for Finder<F> {
        type Break = ();
        fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            self.depth += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(function) if self.depth == 0 && (self.wanted)(function) => {
                    self.found = Some(function.clone());
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    let mut finder = Finder { wanted, depth: 0, found: None };
    let _ = tree.visit(&mut finder);
    finder.found
}
