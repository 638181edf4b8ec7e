//! Pipes as nested selects: `FROM t |> WHERE a |> SELECT b` is `SELECT b FROM t WHERE a`.
//!
//! A step that can be added to the select before it is; any other step reads what is before it as a subquery.

use std::ops::ControlFlow;

use sqlparser::ast::{
    AssignmentTarget, BinaryOperator, ExceptSelectItem, Expr, ExprWithAlias, GroupByExpr, Ident, Join, JoinOperator,
    LimitClause, ObjectNamePart, Offset, OffsetRows, OrderBy, OrderByKind, PipeOperator, Query, ReplaceSelectElement,
    ReplaceSelectItem, Select, SelectFlavor, SelectItem, SetExpr, SetOperator, SetQuantifier, TableAlias, TableFactor,
    TableSampleKind, TableWithJoins, Value, VisitMut, VisitorMut, WildcardAdditionalOptions,
    helpers::attached_token::AttachedToken,
};

/// Takes the pipes out of a query, and brings synonyms to one form: FROM without SELECT, SEMI and ANTI joins, MINUS.
/// Breaks with the name of a step that Databricks does not have.
pub(super) fn unfold(query: &mut Query) -> Result<(), &'static str> {
    match query.visit(&mut Unfolder) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(step) => Err(step),
    }
}

struct Unfolder;

impl VisitorMut for Unfolder {
    type Break = &'static str;

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<&'static str> {
        let mut body = &mut *query.body;
        while let SetExpr::SetOperation { op, left, .. } = body {
            if *op == SetOperator::Minus {
                *op = SetOperator::Except;
            }
            body = left;
        }
        match piped(query) {
            Ok(()) => ControlFlow::Continue(()),
            Err(step) => ControlFlow::Break(step),
        }
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<&'static str> {
        if select.flavor == SelectFlavor::FromFirstNoSelect {
            select.flavor = SelectFlavor::Standard;
            select.projection = vec![star()];
        }
        for join in select.from.iter_mut().flat_map(|table| &mut table.joins) {
            match &join.join_operator {
                JoinOperator::Semi(on) => join.join_operator = JoinOperator::LeftSemi(on.clone()),
                JoinOperator::Anti(on) => join.join_operator = JoinOperator::LeftAnti(on.clone()),
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }
}

/// Adds a condition to WHERE.
fn narrow(select: &mut Select, condition: Expr) {
    select.selection = Some(match select.selection.take() {
        Some(before) => Expr::BinaryOp {
            left: Box::new(Expr::Nested(Box::new(before))),
            op: BinaryOperator::And,
            right: Box::new(Expr::Nested(Box::new(condition))),
        },
        None => condition,
    });
}

fn star() -> SelectItem {
    SelectItem::Wildcard(WildcardAdditionalOptions::default())
}

/// `SELECT * FROM …`
pub(crate) fn select_star(from: Vec<TableWithJoins>) -> Select {
    Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection: vec![star()],
        exclude: None,
        into: None,
        from,
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    }
}

/// A query that is this and nothing else.
pub(crate) fn query_of(body: SetExpr) -> Query {
    Query {
        with: None,
        body: Box::new(body),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

/// A subquery in FROM.
pub(crate) fn derived(query: Query, alias: Option<TableAlias>) -> TableFactor {
    TableFactor::Derived { lateral: false, subquery: Box::new(query), alias, sample: None }
}

/// What the steps so far come to.
struct Stage {
    query: Query,
    /// Whether the query is `SELECT * FROM … [WHERE …]` and no more, so that a step can be added to it.
    open: bool,
    /// The name under which all its columns are known.
    name: Option<Ident>,
}

impl Stage {
    fn of(query: Query) -> Self {
        let bare = query.order_by.is_none() && query.limit_clause.is_none() && query.fetch.is_none();
        let (open, name) = match &*query.body {
            SetExpr::Select(select) => {
                let plain = select_star(select.from.clone());
                let open = bare && Select { selection: None, ..(**select).clone() } == plain;
                (open, if open { only_name(select) } else { None })
            }
            _ => (false, None),
        };
        Self { query, open, name }
    }

    /// What the next step reads.
    fn source(&mut self) -> Select {
        let query = std::mem::replace(&mut self.query, query_of(SetExpr::Select(Box::new(select_star(Vec::new())))));
        if self.open {
            match *query.body {
                SetExpr::Select(select) => return *select,
                body => return select_star(vec![table(derived(query_of(body), None))]),
            }
        }
        let alias = self.name.clone().map(alias_of);
        select_star(vec![table(derived(query, alias))])
    }

    fn close(&mut self, select: Select) {
        self.query = query_of(SetExpr::Select(Box::new(select)));
        self.open = false;
    }

    fn leave_open(&mut self, select: Select) {
        self.close(select);
        self.open = true;
    }

    fn factor(&mut self, make: impl FnOnce(Box<TableFactor>) -> TableFactor) {
        let source = self.source();
        let inner = derived(query_of(SetExpr::Select(Box::new(source))), self.name.take().map(alias_of));
        self.leave_open(select_star(vec![table(make(Box::new(inner)))]));
    }

    fn step(&mut self, step: PipeOperator) -> Result<(), &'static str> {
        match step {
            PipeOperator::Where { expr } => {
                let mut select = self.source();
                narrow(&mut select, expr);
                self.leave_open(select);
            }
            PipeOperator::Select { exprs } => {
                let select = Select { projection: exprs, ..self.source() };
                self.close(select);
                self.name = None;
            }
            PipeOperator::Extend { exprs } => {
                let mut select = self.source();
                select.projection.extend(exprs);
                self.close(select);
            }
            PipeOperator::Set { assignments } => {
                // Each of them sees what those before it have set.
                for assignment in assignments {
                    let AssignmentTarget::ColumnName(name) = assignment.target else {
                        return Err("|> SET of several columns at once");
                    };
                    let [ObjectNamePart::Identifier(column_name)] = name.0.as_slice() else {
                        return Err("|> SET of a qualified name");
                    };
                    let column_name = column_name.clone();
                    // A condition that is always true, so that the name must be known.
                    let known = Expr::BinaryOp {
                        left: Box::new(Expr::IsNull(Box::new(Expr::Identifier(column_name.clone())))),
                        op: BinaryOperator::Or,
                        right: Box::new(Expr::Value(Value::Boolean(true).into())),
                    };
                    let element = ReplaceSelectElement { expr: assignment.value, column_name, as_keyword: false };
                    let opt_replace = Some(ReplaceSelectItem { items: vec![Box::new(element)] });
                    let options = WildcardAdditionalOptions { opt_replace, ..WildcardAdditionalOptions::default() };
                    let mut select = Select { projection: vec![SelectItem::Wildcard(options)], ..self.source() };
                    narrow(&mut select, known);
                    self.close(select);
                }
            }
            PipeOperator::Drop { columns } => {
                let mut columns = columns.into_iter();
                let Some(first_element) = columns.next() else { return Ok(()) };
                let opt_except = Some(ExceptSelectItem { first_element, additional_elements: columns.collect() });
                let options = WildcardAdditionalOptions { opt_except, ..WildcardAdditionalOptions::default() };
                let select = Select { projection: vec![SelectItem::Wildcard(options)], ..self.source() };
                self.close(select);
            }
            PipeOperator::As { alias } => {
                self.name = Some(alias);
                if self.open {
                    let source = self.source();
                    self.close(source);
                }
                let source = self.source();
                self.leave_open(source);
            }
            PipeOperator::Aggregate { full_table_exprs, group_by_expr } => {
                let mut select = self.source();
                let keys: Vec<_> = group_by_expr.iter().map(|key| key.expr.expr.clone()).collect();
                if keys.is_empty() && full_table_exprs.iter().all(|item| is_plain(&item.expr.expr)) {
                    return Err("|> AGGREGATE without an aggregate function");
                }
                select.projection =
                    group_by_expr.into_iter().chain(full_table_exprs).map(|item| select_item(item.expr)).collect();
                select.group_by = GroupByExpr::Expressions(keys, Vec::new());
                self.close(select);
                self.name = None;
            }
            PipeOperator::OrderBy { exprs } => {
                let select = self.source();
                self.close(select);
                self.query.order_by = Some(OrderBy { kind: OrderByKind::Expressions(exprs), interpolate: None });
            }
            PipeOperator::Limit { expr, offset } => {
                if self.query.limit_clause.is_some() {
                    let select = self.source();
                    self.close(select);
                }
                self.open = false;
                let offset = offset.map(|value| Offset { value, rows: OffsetRows::None });
                let clause = LimitClause::LimitOffset { limit: Some(expr), offset, limit_by: Vec::new() };
                self.query.limit_clause = Some(clause);
            }
            PipeOperator::TableSample { sample } => {
                let source = self.source();
                let factor = TableFactor::Derived {
                    lateral: false,
                    subquery: Box::new(query_of(SetExpr::Select(Box::new(source)))),
                    alias: self.name.clone().map(alias_of),
                    sample: Some(TableSampleKind::AfterTableAlias(sample)),
                };
                self.leave_open(select_star(vec![table(factor)]));
            }
            PipeOperator::Join(join) => {
                let mut select = self.source();
                if select.selection.is_some() {
                    self.close(select);
                    select = self.source();
                }
                match select.from.last_mut() {
                    Some(last) => last.joins.push(join),
                    None => select.from.push(table(join.relation)),
                }
                self.leave_open(select);
                self.name = None;
            }
            PipeOperator::Union { set_quantifier, queries } => {
                self.combine(SetOperator::Union, set_quantifier, queries)
            }
            PipeOperator::Intersect { set_quantifier, queries } => {
                self.combine(SetOperator::Intersect, set_quantifier, queries);
            }
            PipeOperator::Except { set_quantifier, queries } => {
                self.combine(SetOperator::Except, set_quantifier, queries);
            }
            PipeOperator::Pivot { aggregate_functions, value_column, value_source, alias } => {
                self.factor(|table| TableFactor::Pivot {
                    table,
                    aggregate_functions,
                    value_column: value_column.into_iter().map(Expr::Identifier).collect(),
                    value_source,
                    default_on_null: None,
                    alias: alias.map(alias_of),
                });
            }
            PipeOperator::Unpivot { value_column, name_column, unpivot_columns, alias } => {
                let columns =
                    unpivot_columns.into_iter().map(|c| ExprWithAlias { expr: Expr::Identifier(c), alias: None });
                let columns = columns.collect();
                self.factor(|table| TableFactor::Unpivot {
                    table,
                    value: Expr::Identifier(value_column),
                    name: name_column,
                    columns,
                    null_inclusion: None,
                    alias: alias.map(alias_of),
                });
            }
            PipeOperator::Rename { .. } => return Err("|> RENAME"),
            PipeOperator::Call { .. } => return Err("|> CALL"),
        }
        Ok(())
    }

    fn combine(&mut self, op: SetOperator, set_quantifier: SetQuantifier, queries: Vec<Query>) {
        for right in queries {
            let nothing = query_of(SetExpr::Select(Box::new(select_star(Vec::new()))));
            let left = std::mem::replace(&mut self.query, nothing);
            self.query = query_of(SetExpr::SetOperation {
                op,
                set_quantifier,
                left: Box::new(SetExpr::Query(Box::new(left))),
                right: Box::new(SetExpr::Query(Box::new(right))),
            });
        }
        self.open = false;
        self.name = None;
    }
}

fn piped(query: &mut Query) -> Result<(), &'static str> {
    let steps = std::mem::take(&mut query.pipe_operators);
    if steps.is_empty() {
        return Ok(());
    }
    let with = query.with.take();
    let nothing = SetExpr::Select(Box::new(select_star(Vec::new())));
    let mut stage = Stage::of(std::mem::replace(query, query_of(nothing)));
    for step in steps {
        stage.step(step)?;
    }
    *query = stage.query;
    query.with = with;
    Ok(())
}

/// The name of the one table of a FROM.
fn only_name(select: &Select) -> Option<Ident> {
    match select.from.as_slice() {
        [TableWithJoins { relation, joins }] if joins.is_empty() => match relation {
            TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
                Some(alias.name.clone())
            }
            TableFactor::Table { name, .. } => name.0.last()?.as_ident().cloned(),
            _ => None,
        },
        _ => None,
    }
}

fn table(relation: TableFactor) -> TableWithJoins {
    TableWithJoins { relation, joins: Vec::<Join>::new() }
}

fn alias_of(name: Ident) -> TableAlias {
    TableAlias { explicit: true, name, columns: Vec::new(), at: None }
}

/// Whether an expression certainly holds no aggregate function.
fn is_plain(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_))
}

fn select_item(item: ExprWithAlias) -> SelectItem {
    match item.alias {
        Some(alias) => SelectItem::ExprWithAlias { expr: item.expr, alias },
        None => SelectItem::UnnamedExpr(item.expr),
    }
}
