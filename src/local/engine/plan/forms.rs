//! Clauses of Databricks SQL in forms that the planner knows: lateral views and generators as CROSS and OUTER APPLY,
//! `LIKE ANY`, columns of VALUES, EXCEPT and INTERSECT ALL, names for subqueries that have none.
//!
//! This comes before names are bound, so that what it makes is treated as if it had been written.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Distinct, ExceptSelectItem, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, OrderBy, OrderByExpr,
    OrderByKind, OrderByOptions, PivotValueSource, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    SetOperator, SetQuantifier, Spanned, TableAlias, TableAliasColumnDef, TableFactor, TableWithJoins, Value,
    ValueWithSpan, VisitMut, VisitorMut, WildcardAdditionalOptions,
};

use super::{ast, names};
use crate::dialect::{derived, query_of, select_star};
use crate::local::engine::error::SqlError;
use crate::local::engine::functions::rows;

/// Brings a query's clauses to these forms, in place.
pub(super) fn settle(query: &mut Query) -> Result<(), SqlError> {
    match query.visit(&mut Settler { made: 0 }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

struct Settler {
    /// How many names have been made up.
    made: usize,
}

impl VisitorMut for Settler {
    type Break = Box<SqlError>;

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        let settled = super::grouping::settle(query).and_then(|()| self.set_expression(&mut query.body));
        order_by_all(query);
        sort_by(query);
        match settled {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        match self.select(select) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        if let TableFactor::Derived { subquery, alias: Some(alias), .. } = factor
            && let SetExpr::Values(values) = subquery.body.as_ref()
            && let Some(row) = values.rows.first()
            && !alias.columns.is_empty()
            && alias.columns.len() != row.content.len()
        {
            let error = wrong_width(alias.columns.len(), row.content.len()).at(ast::start(alias.name.span));
            return ControlFlow::Break(Box::new(error));
        }
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        match factor {
            TableFactor::Derived { alias: alias @ None, .. } => *alias = Some(self.alias("subquery")),
            TableFactor::Pivot { aggregate_functions, value_source, .. } => {
                for function in aggregate_functions {
                    function.alias.get_or_insert_with(|| super::bind::bare(&names::label(&function.expr)));
                }
                match value_source {
                    PivotValueSource::List(values) => {
                        for value in values {
                            value.alias.get_or_insert_with(|| super::bind::bare(&pivot_label(&value.expr)));
                        }
                    }
                    _ => {
                        return ControlFlow::Break(Box::new(SqlError::unsupported(
                            "PIVOT over values that are not listed",
                        )));
                    }
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        // The parser takes a bare NULL here for a name.
        if let Expr::RLike { pattern, .. } = expr
            && let Expr::Identifier(name) = pattern.as_ref()
            && name.quote_style.is_none()
            && name.value.eq_ignore_ascii_case("null")
        {
            **pattern = ast::null(name.span);
        }
        if let Some(other) = quantified_like(expr) {
            *expr = other;
        }
        match super::tuples::written_out(expr) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }
}

impl Settler {
    fn alias(&mut self, what: &str) -> TableAlias {
        self.made += 1;
        ast::table_alias(&format!("__{what}_{}", self.made))
    }

    /// VALUES get Spark's names of columns; EXCEPT and INTERSECT get a form of their own.
    fn set_expression(&mut self, body: &mut SetExpr) -> Result<(), SqlError> {
        match body {
            SetExpr::Values(values) if !values.rows.is_empty() => {
                let width = values.rows[0].content.len();
                if let Some(row) = values.rows.iter().find(|row| row.content.len() != width) {
                    return Err(wrong_width(width, row.content.len()).at(ast::start(row.opening_token.0.span)));
                }
                let columns = (1..=values.rows[0].content.len()).map(|i| column_name(&format!("col{i}"))).collect();
                let query = query_of(std::mem::replace(body, nothing()));
                let alias = TableAlias { columns, ..self.alias("values") };
                *body = SetExpr::Select(Box::new(select_star(vec![alone(derived(query, Some(alias)))])));
            }
            SetExpr::SetOperation { op, set_quantifier, left, right } => {
                // The right side of an operation is no chain.
                self.set_expression(left)?;
                self.set_expression(right)?;
                let operator = match op {
                    SetOperator::Except => JoinOperator::LeftArrayJoin,
                    SetOperator::Intersect => JoinOperator::InnerArrayJoin,
                    _ => return Ok(()),
                };
                let global = match set_quantifier {
                    SetQuantifier::All => false,
                    SetQuantifier::Distinct | SetQuantifier::None => true,
                    _ => return Ok(()),
                };
                let left = derived(query_of(std::mem::replace(left, nothing())), Some(self.alias("left")));
                let right = derived(query_of(std::mem::replace(right, nothing())), Some(self.alias("right")));
                // Such a join is one of different rows if it is a global one.
                let joins = vec![Join { relation: right, global, join_operator: operator }];
                let factor = TableFactor::NestedJoin {
                    table_with_joins: Box::new(TableWithJoins { relation: left, joins }),
                    alias: None,
                };
                *body = SetExpr::Select(Box::new(select_star(vec![alone(factor)])));
            }
            _ => {}
        }
        Ok(())
    }

    fn select(&mut self, select: &mut Select) -> Result<(), SqlError> {
        merge_keys(select);
        for join in select.from.iter_mut().flat_map(|tree| &mut tree.joins) {
            if let TableFactor::Derived { lateral: true, .. } = join.relation
                && let JoinOperator::Left(on) | JoinOperator::LeftOuter(on) = &mut join.join_operator
                && *on == JoinConstraint::None
            {
                *on = JoinConstraint::On(Expr::Value(Value::Boolean(true).into()));
            }
        }
        self.generators_in_from(select)?;
        for view in std::mem::take(&mut select.lateral_views) {
            let Expr::Function(function) = view.lateral_view else {
                return Err(SqlError::unsupported("LATERAL VIEW of something that is no function"));
            };
            let mut alias = match view.lateral_view_name.0.as_slice() {
                [ObjectNamePart::Identifier(name)] => {
                    TableAlias { explicit: true, name: name.clone(), columns: Vec::new(), at: None }
                }
                _ => self.alias("view"),
            };
            alias.columns = view.lateral_col_alias.into_iter().map(column_of).collect();
            let input = joined(std::mem::take(&mut select.from));
            select.from = vec![alone(applied(input, call(&function), alias, view.outer))];
        }
        self.generators_in_list(select)
    }

    /// `FROM t, LATERAL explode(xs)` and `JOIN LATERAL explode(xs)`.
    fn generators_in_from(&mut self, select: &mut Select) -> Result<(), SqlError> {
        let any = select
            .from
            .iter()
            .any(|t| generator(&t.relation).is_some() || t.joins.iter().any(|j| generator(&j.relation).is_some()));
        if !any {
            return Ok(());
        }
        let mut done: Vec<TableWithJoins> = Vec::new();
        for item in std::mem::take(&mut select.from) {
            let mut tree = match generator(&item.relation) {
                Some((function, alias)) if !done.is_empty() => {
                    let alias = alias.unwrap_or_else(|| self.alias("generated"));
                    alone(applied(joined(std::mem::take(&mut done)), function, alias, false))
                }
                _ => alone(item.relation),
            };
            for join in item.joins {
                let Some((function, alias)) = generator(&join.relation) else {
                    tree.joins.push(join);
                    continue;
                };
                let (outer, condition) = match join.join_operator {
                    JoinOperator::CrossJoin(on) | JoinOperator::Join(on) | JoinOperator::Inner(on) => (false, on),
                    JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => (true, on),
                    _ => {
                        return Err(SqlError::unsupported("this join of a generator").at(ast::start(function.0.span())));
                    }
                };
                let alias = alias.unwrap_or_else(|| self.alias("generated"));
                tree = alone(applied(tree, function, alias, outer));
                match condition {
                    JoinConstraint::None => {}
                    JoinConstraint::On(Expr::Value(ValueWithSpan { value: Value::Boolean(true), .. })) => {}
                    JoinConstraint::On(condition) if !outer => {
                        select.selection = Some(match select.selection.take() {
                            Some(other) => ast::binary(
                                Expr::Nested(Box::new(other)),
                                BinaryOperator::And,
                                Expr::Nested(Box::new(condition)),
                            ),
                            None => condition,
                        })
                    }
                    _ => return Err(SqlError::unsupported("a condition of an outer join with a generator")),
                }
            }
            done.push(tree);
        }
        select.from = done;
        Ok(())
    }

    /// `SELECT a, explode(xs) AS x`: the other items become a subquery, to which the generator is applied.
    fn generators_in_list(&mut self, select: &mut Select) -> Result<(), SqlError> {
        if !select.projection.iter().any(|item| item_generator(item).is_some()) {
            return Ok(());
        }
        let inner_name = self.alias("input").name;
        let projection = std::mem::take(&mut select.projection);
        let (mut inner, mut outer, mut calls, mut hidden) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let starred =
            projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)));
        for (i, item) in projection.into_iter().enumerate() {
            if let Some((function, aliases)) = item_generator(&item) {
                let mut args = Vec::new();
                for (n, arg) in ast::arguments(function).unwrap_or_default().into_iter().enumerate() {
                    if matches!(arg, Expr::Value(_)) {
                        args.push(arg);
                        continue;
                    }
                    let name = super::bind::bare(&format!("__argument_{i}_{n}"));
                    hidden.push(name.clone());
                    args.push(Expr::CompoundIdentifier(vec![inner_name.clone(), name.clone()]));
                    inner.push(SelectItem::ExprWithAlias { expr: arg, alias: name });
                }
                let mut function = function.clone();
                ast::set_arguments(&mut function, args);
                let mut alias = self.alias("generated");
                let name = alias.name.clone();
                alias.columns = aliases.into_iter().map(column_of).collect();
                calls.push((call(&function), alias));
                let qualified =
                    SelectItemQualifiedWildcardKind::ObjectName(ObjectName(vec![ObjectNamePart::Identifier(name)]));
                outer.push(SelectItem::QualifiedWildcard(qualified, WildcardAdditionalOptions::default()));
                continue;
            }
            match &item {
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {
                    let qualified =
                        SelectItemQualifiedWildcardKind::ObjectName(ObjectName(vec![ObjectNamePart::Identifier(
                            inner_name.clone(),
                        )]));
                    outer.push(SelectItem::QualifiedWildcard(qualified, WildcardAdditionalOptions::default()));
                    inner.push(item);
                }
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    let shown = match &item {
                        SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
                        _ => names::label(expr),
                    };
                    let taken = inner.iter().any(|i| matches!(i, SelectItem::ExprWithAlias { alias, .. } if alias.value.eq_ignore_ascii_case(&shown)));
                    let name = if taken { format!("{shown}#{i}") } else { shown.clone() };
                    let name = super::bind::bare(&name);
                    if starred {
                        hidden.push(name.clone());
                    }
                    inner.push(SelectItem::ExprWithAlias { expr: expr.clone(), alias: name.clone() });
                    outer.push(SelectItem::ExprWithAlias {
                        expr: Expr::CompoundIdentifier(vec![inner_name.clone(), name]),
                        alias: super::bind::bare(&shown),
                    });
                }
                SelectItem::ExprWithAliases { expr, .. } => {
                    return Err(SqlError::unsupported("an expression with several aliases").at(ast::start(expr.span())));
                }
            }
        }
        if inner.is_empty() {
            inner.push(SelectItem::ExprWithAlias {
                expr: Expr::Value(Value::Boolean(true).into()),
                alias: super::bind::bare("__row"),
            });
        }
        if let [first, rest @ ..] = hidden.as_slice() {
            let except = ExceptSelectItem { first_element: first.clone(), additional_elements: rest.to_vec() };
            for item in &mut outer {
                if let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) = item
                    && name.0.last().and_then(ObjectNamePart::as_ident) == Some(&inner_name)
                {
                    options.opt_except = Some(except.clone());
                }
            }
        }
        let distinct: Option<Distinct> = select.distinct.take();
        select.projection = inner;
        let inner = std::mem::replace(select, select_star(Vec::new()));
        let alias = TableAlias { name: inner_name, ..ast::table_alias("") };
        let mut tree = alone(derived(query_of(SetExpr::Select(Box::new(inner))), Some(alias)));
        for ((function, outer), alias) in calls {
            tree = alone(applied(tree, (function, outer), alias, false));
        }
        select.from = vec![tree];
        select.projection = outer;
        select.distinct = distinct;
        select.group_by = GroupByExpr::Expressions(Vec::new(), Vec::new());
        Ok(())
    }
}

/// Rows of VALUES, or names for their columns, of which there are too many or too few.
pub(super) fn wrong_width(wanted: usize, found: usize) -> SqlError {
    SqlError::new(
        "INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH",
        "42000",
        format!("The rows of VALUES should have {wanted} columns, but there are {found}."),
    )
}

/// `SORT BY`, `CLUSTER BY` and `DISTRIBUTE BY` order the rows of each part: here there is one.
fn sort_by(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let mut keys = std::mem::take(&mut select.sort_by);
    let others = select.cluster_by.drain(..).chain(select.distribute_by.drain(..));
    let options = OrderByOptions { asc: None, nulls_first: None };
    keys.extend(others.map(|expr| OrderByExpr { expr, options, with_fill: None }));
    if !keys.is_empty() && query.order_by.is_none() {
        query.order_by = Some(OrderBy { kind: OrderByKind::Expressions(keys), interpolate: None });
    }
}

/// `ORDER BY ALL` of a select whose columns are known as an order by their positions.
fn order_by_all(query: &mut Query) {
    let (Some(order), SetExpr::Select(select)) = (&mut query.order_by, query.body.as_ref()) else { return };
    let (OrderByKind::All(options), Some(width)) = (&order.kind, super::checks::width(select)) else { return };
    let options = *options;
    let keys = (1..=width).map(|i| OrderByExpr {
        expr: ast::number(&i.to_string(), sqlparser::tokenizer::Span::empty()),
        options,
        with_fill: None,
    });
    order.kind = OrderByKind::Expressions(keys.collect());
}

/// RIGHT and FULL joins USING columns, and NATURAL ones, stand alone: their columns are not those of the left side.
fn merge_keys(select: &mut Select) {
    for tree in &mut select.from {
        while let Some(i) = tree.joins.iter().position(|join| super::relations::merges(&join.join_operator)) {
            let rest = tree.joins.split_off(i + 1);
            let nested = std::mem::replace(
                tree,
                alone(TableFactor::UNNEST {
                    alias: None,
                    array_exprs: Vec::new(),
                    with_offset: false,
                    with_offset_alias: None,
                    with_ordinality: false,
                }),
            );
            tree.relation = TableFactor::NestedJoin { table_with_joins: Box::new(nested), alias: None };
            tree.joins = rest;
        }
    }
}

/// A generator's call and whether it keeps rows that generate nothing.
type Call = (Function, bool);

fn call(function: &Function) -> Call {
    let name = ast::function_name(function);
    let mut function = function.clone();
    match name.strip_suffix("_outer") {
        Some(inner) => {
            ast::rename(&mut function, inner);
            (function, true)
        }
        None => (function, false),
    }
}

/// The generator that an item of FROM is.
fn generator(factor: &TableFactor) -> Option<(Call, Option<TableAlias>)> {
    let (name, args, alias) = match factor {
        TableFactor::Table { name, args: Some(args), alias, .. } => (name, &args.args, alias),
        TableFactor::Function { name, args, alias, .. } => (name, args, alias),
        _ => return None,
    };
    let mut plain = Vec::new();
    for arg in args {
        let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg else { return None };
        plain.push(expr.clone());
    }
    let Expr::Function(mut function) = ast::call("", plain, ast::name_span(name)) else { return None };
    function.name = name.clone();
    rows::is_generator(&ast::function_name(&function)).then(|| (call(&function), alias.clone()))
}

/// The generator that an item of a select list is, and its aliases.
fn item_generator(item: &SelectItem) -> Option<(&Function, Vec<Ident>)> {
    let (expr, aliases) = match item {
        SelectItem::UnnamedExpr(expr) => (expr, Vec::new()),
        SelectItem::ExprWithAlias { expr, alias } => (expr, vec![alias.clone()]),
        SelectItem::ExprWithAliases { expr, aliases } => (expr, aliases.clone()),
        _ => return None,
    };
    match expr {
        Expr::Function(function) if rows::is_generator(&ast::function_name(function)) => Some((function, aliases)),
        _ => None,
    }
}

/// `input CROSS APPLY function AS alias`, or OUTER APPLY.
fn applied(input: TableWithJoins, (function, keeps): Call, alias: TableAlias, outer: bool) -> TableFactor {
    let args = match function.args {
        FunctionArguments::List(list) => list.args,
        _ => Vec::new(),
    };
    let relation =
        TableFactor::Function { lateral: true, name: function.name, args, with_ordinality: false, alias: Some(alias) };
    let join_operator = if outer || keeps { JoinOperator::OuterApply } else { JoinOperator::CrossApply };
    let TableWithJoins { relation: first, mut joins } = input;
    joins.push(Join { relation, global: false, join_operator });
    TableFactor::NestedJoin { table_with_joins: Box::new(TableWithJoins { relation: first, joins }), alias: None }
}

/// Items of FROM as one: the comma is a cross join.
pub(super) fn joined(mut from: Vec<TableWithJoins>) -> TableWithJoins {
    if from.is_empty() {
        // One row without columns to speak of.
        let one = SelectItem::ExprWithAlias {
            expr: Expr::Value(Value::Boolean(true).into()),
            alias: super::bind::bare("__row"),
        };
        let select = Select { projection: vec![one], ..select_star(Vec::new()) };
        return alone(derived(query_of(SetExpr::Select(Box::new(select))), Some(ast::table_alias("__row"))));
    }
    let mut first = from.remove(0);
    for item in from {
        let relation = match item.joins.is_empty() {
            true => item.relation,
            false => TableFactor::NestedJoin { table_with_joins: Box::new(item), alias: None },
        };
        first.joins.push(Join {
            relation,
            global: false,
            join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
        });
    }
    first
}

/// An item of FROM without joins.
pub(super) fn alone(relation: TableFactor) -> TableWithJoins {
    TableWithJoins { relation, joins: Vec::new() }
}

fn nothing() -> SetExpr {
    SetExpr::Select(Box::new(select_star(Vec::new())))
}

fn column_name(name: &str) -> TableAliasColumnDef {
    column_of(Ident::new(name))
}

fn column_of(name: Ident) -> TableAliasColumnDef {
    TableAliasColumnDef { name, data_type: None }
}

/// What a column is called that PIVOT makes of a value.
fn pivot_label(expr: &Expr) -> String {
    match expr {
        Expr::Tuple(values) => format!("{{{}}}", values.iter().map(pivot_label).collect::<Vec<_>>().join(", ")),
        Expr::Value(ValueWithSpan { value: Value::Null, .. }) => "null".to_owned(),
        other => names::label(other),
    }
}

/// `a LIKE ANY ('x', 'y')` as `a LIKE 'x' OR a LIKE 'y'`.
fn quantified_like(expr: &Expr) -> Option<Expr> {
    let (negated, text, pattern, escape_char, any, insensitive) = match expr {
        Expr::Like { negated, expr, pattern, escape_char, any } => (*negated, expr, pattern, escape_char, *any, false),
        Expr::ILike { negated, expr, pattern, escape_char, any } => (*negated, expr, pattern, escape_char, *any, true),
        _ => return None,
    };
    let (patterns, all) = match pattern.as_ref() {
        Expr::Tuple(patterns) if any => (patterns.clone(), false),
        Expr::Nested(pattern) if any => (vec![(**pattern).clone()], false),
        Expr::Function(function) => match ast::function_name(function).as_str() {
            "all" => (ast::arguments(function)?, true),
            "some" | "any" => (ast::arguments(function)?, false),
            _ => return None,
        },
        _ => return None,
    };
    let terms = patterns.into_iter().map(|pattern| {
        let (expr, pattern, escape_char) = (text.clone(), Box::new(pattern), escape_char.clone());
        match insensitive {
            true => Expr::ILike { negated, any: false, expr, pattern, escape_char },
            false => Expr::Like { negated, any: false, expr, pattern, escape_char },
        }
    });
    let operator = if all { BinaryOperator::And } else { BinaryOperator::Or };
    terms.reduce(|left, right| ast::binary(left, operator.clone(), right)).map(|chain| Expr::Nested(Box::new(chain)))
}
