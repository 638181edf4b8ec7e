//! Names of result columns: as the query wrote them, or as Spark makes them up from an expression's text.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::Field;
use datafusion::common::DFSchema;
use sqlparser::ast::{
    AccessExpr, BinaryOperator, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    OneOrManyWithParens, PivotValueSource, Query, Select, SelectItem, SetExpr, Subscript, TableFactor, UnaryOperator,
    Value, Visit, Visitor, WindowSpec, WindowType,
};

use super::{ast, spans};
use crate::dialect::split_number;
use crate::local::engine::render;

/// Under this key a field's metadata keeps a column's name as its table has it, where that is not in lower case.
pub(in crate::local::engine) const WRITTEN_NAME: &str = "kiln.name";

/// What a query says of the names of its columns.
#[derive(Debug, Default)]
pub(super) struct OutputNames {
    /// The items of the outermost select list: a name, or `None` for stars.
    items: Vec<Option<String>>,
    /// Aliases anywhere in the query, by lower case.
    aliases: HashMap<String, String>,
}

impl OutputNames {
    /// Reads the names off a query as it was written.
    pub(super) fn of(query: &Query) -> Self {
        let mut names = Self::default();
        if let Some(select) = outermost(&query.body) {
            names.items = items(select);
        }
        let _ = query.visit(&mut names);
        names
    }

    /// The names of a result's columns.
    pub(super) fn resolve(&self, schema: &DFSchema) -> Vec<String> {
        let fields = schema.fields();
        let stars = self.items.iter().filter(|item| item.is_none()).count();
        let expanded = fields.len() + stars >= self.items.len();
        let star = self.items.iter().position(Option::is_none).unwrap_or(self.items.len());
        (0..fields.len())
            .map(|i| {
                // Before the star the items count from the front, after it from the back.
                let item = match stars {
                    0 => self.items.get(i),
                    1 if expanded && i < star => self.items.get(i),
                    1 if expanded && fields.len() - i < self.items.len() - star => {
                        self.items.get(self.items.len() - (fields.len() - i))
                    }
                    _ => None,
                };
                item.cloned().flatten().unwrap_or_else(|| self.written(&fields[i]))
            })
            .collect()
    }

    fn written(&self, field: &Field) -> String {
        let name = unmarked(field.name());
        match written_name(field) {
            Some(written) => written.to_owned(),
            None => self.aliases.get(name).cloned().unwrap_or_else(|| name.to_owned()),
        }
    }
}

/// A column's name as its table has it, where that is not the one it is planned under.
pub(super) fn written_name(field: &Field) -> Option<&str> {
    let written = field.metadata().get(WRITTEN_NAME)?;
    (written.to_lowercase() == unmarked(field.name())).then_some(written)
}

/// The names under which the tables of a select are known, in lower case.
pub(super) fn relations(select: &Select) -> HashSet<String> {
    let mut open: Vec<&TableFactor> = Vec::new();
    for table in &select.from {
        open.push(&table.relation);
        open.extend(table.joins.iter().map(|join| &join.relation));
    }
    let mut found = HashSet::new();
    while let Some(factor) = open.pop() {
        match factor {
            TableFactor::NestedJoin { table_with_joins: table, alias: None } => {
                open.push(&table.relation);
                open.extend(table.joins.iter().map(|join| &join.relation));
            }
            TableFactor::Function { alias: Some(alias), .. }
            | TableFactor::NestedJoin { alias: Some(alias), .. }
            | TableFactor::Pivot { alias: Some(alias), .. }
            | TableFactor::Unpivot { alias: Some(alias), .. } => {
                found.insert(alias.name.value.to_lowercase());
            }
            TableFactor::Table { alias: None, args: Some(_), name, .. } => {
                found.insert(ast::last_name(name));
            }
            other => found.extend(super::bind::own_name(other)),
        }
    }
    found
}

impl Visitor for OutputNames {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for name in items(select).into_iter().flatten() {
            self.aliases.entry(name.to_lowercase()).or_insert(name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let mut add = |name: String| {
            self.aliases.entry(name.to_lowercase()).or_insert(name);
        };
        match factor {
            TableFactor::Table { alias: Some(alias), .. }
            | TableFactor::Derived { alias: Some(alias), .. }
            | TableFactor::Function { alias: Some(alias), .. } => {
                alias.columns.iter().for_each(|column| add(column.name.value.clone()));
            }
            TableFactor::Pivot { aggregate_functions, value_source: PivotValueSource::List(values), .. } => {
                for value in values.iter().filter_map(|value| value.alias.as_ref()) {
                    add(value.value.clone());
                    for function in aggregate_functions.iter().filter_map(|function| function.alias.as_ref()) {
                        add(format!("{}_{}", value.value, function.value));
                    }
                }
            }
            TableFactor::Unpivot { value, name, .. } => {
                add(name.value.clone());
                let values = match value {
                    Expr::Tuple(values) => values.as_slice(),
                    other => std::slice::from_ref(other),
                };
                for value in values {
                    if let Expr::Identifier(ident) = value {
                        add(ident.value.clone());
                    }
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            for column in &cte.alias.columns {
                self.aliases.entry(column.name.value.to_lowercase()).or_insert_with(|| column.name.value.clone());
            }
        }
        ControlFlow::Continue(())
    }
}

/// A column's name without the mark that tells it from others of its name.
fn unmarked(name: &str) -> &str {
    match name.rsplit_once('#') {
        Some((name, mark)) if !mark.is_empty() && mark.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => name,
    }
}

/// The select that names the columns of a query: the leftmost of a union.
fn outermost(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(query) => outermost(&query.body),
        SetExpr::SetOperation { left, .. } => outermost(left),
        _ => None,
    }
}

/// The names of a select list's items; stars have none.
pub(super) fn items(select: &Select) -> Vec<Option<String>> {
    let relations = relations(select);
    let name = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) => Some(label_among(expr, &relations)),
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        _ => None,
    };
    select.projection.iter().map(name).collect()
}

/// The name that an expression without an alias gets: the tables of its columns are no part of it.
fn label_among(expr: &Expr, relations: &HashSet<String>) -> String {
    if matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) {
        return label(expr);
    }
    let mut expr = expr.clone();
    let _ = sqlparser::ast::visit_expressions_mut(&mut expr, |part| {
        if let Expr::CompoundIdentifier(path) = part
            && let Some(first) = path.first()
            && relations.contains(&first.value.to_lowercase())
        {
            path.remove(0);
        }
        ControlFlow::<()>::Continue(())
    });
    label(&expr)
}

/// The name that an expression without an alias gets.
pub(super) fn label(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(ident) => ident.value.clone(),
        Expr::CompoundIdentifier(parts) => parts.last().map(|part| part.value.clone()).unwrap_or_default(),
        Expr::Cast { expr, .. }
            if matches!(**expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Cast { .. }) =>
        {
            label(expr)
        }
        Expr::CompoundFieldAccess { access_chain, .. } => match access_chain.last() {
            Some(AccessExpr::Dot(Expr::Identifier(field))) => field.value.clone(),
            _ => text(expr),
        },
        _ => text(expr),
    }
}

/// An expression inside a name.
fn text(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(ident) => ident.value.clone(),
        Expr::CompoundIdentifier(parts) => parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join("."),
        Expr::Nested(inner) => text(inner),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(s) | Value::DoubleQuotedString(s) => s.clone(),
            Value::Number(n, _) => match split_number(n) {
                (digits, "BD") => digits.to_owned(),
                (digits, _) if digits.contains(['e', 'E']) => {
                    digits.parse().map_or_else(|_| digits.to_owned(), render::double)
                }
                (digits, _) => digits.to_owned(),
            },
            other => other.to_string(),
        },
        Expr::BinaryOp { left, op, right } => match op {
            BinaryOperator::StringConcat => format!("concat({}, {})", text(left), text(right)),
            BinaryOperator::NotEq => format!("(NOT ({} = {}))", text(left), text(right)),
            BinaryOperator::Plus if is_interval(left) && !is_interval(right) => {
                format!("{} + {}", text(right), text(left))
            }
            BinaryOperator::Plus | BinaryOperator::Minus if is_interval(right) && !is_interval(left) => {
                format!("{} {op} {}", text(left), text(right))
            }
            BinaryOperator::MyIntegerDivide => format!("({} div {})", text(left), text(right)),
            _ => format!("({} {op} {})", text(left), text(right)),
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
            Expr::Value(_) => format!("-{}", text(expr)),
            _ => format!("(- {})", text(expr)),
        },
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => format!("(NOT {})", text(expr)),
        Expr::IsNull(inner) => format!("({} IS NULL)", text(inner)),
        Expr::IsNotNull(inner) => format!("({} IS NOT NULL)", text(inner)),
        Expr::InList { expr, list, negated } => {
            let list: Vec<_> = list.iter().map(text).collect();
            not(*negated, format!("({} IN ({}))", text(expr), list.join(", ")))
        }
        Expr::InSubquery { expr, negated, .. } => not(*negated, format!("({} IN (listquery()))", text(expr))),
        Expr::Exists { negated, .. } => not(*negated, "exists()".to_owned()),
        Expr::Between { expr, negated, low, high } => {
            not(*negated, format!("between({}, {}, {})", text(expr), text(low), text(high)))
        }
        Expr::Like { expr, negated, pattern, .. } => not(*negated, format!("{} LIKE {}", text(expr), text(pattern))),
        Expr::ILike { expr, negated, pattern, .. } => {
            not(*negated, format!("ilike({}, {})", text(expr), text(pattern)))
        }
        Expr::RLike { expr, negated, pattern, .. } => {
            not(*negated, format!("RLIKE({}, {})", text(expr), text(pattern)))
        }
        Expr::Extract { field, expr, .. } => format!("extract({field} FROM {})", text(expr)),
        Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr } => format!("~{}", text(expr)),
        Expr::CompoundFieldAccess { root, access_chain } => {
            access_chain.iter().fold(text(root), |name, access| match access {
                AccessExpr::Subscript(Subscript::Index { index }) => format!("{name}[{}]", text(index)),
                AccessExpr::Dot(field) => format!("{name}.{}", text(field)),
                AccessExpr::Subscript(other) => format!("{name}[{other}]"),
            })
        }
        Expr::Cast { expr, data_type, .. } => format!("CAST({} AS {data_type})", text(expr)),
        Expr::Case { operand, conditions, else_result, .. } => {
            let mut name = "CASE".to_owned();
            for case in conditions {
                let condition = match operand {
                    Some(operand) => format!("({} = {})", text(operand), text(&case.condition)),
                    None => text(&case.condition),
                };
                name += &format!(" WHEN {condition} THEN {}", text(&case.result));
            }
            if let Some(result) = else_result {
                name += &format!(" ELSE {}", text(result));
            }
            name + " END"
        }
        Expr::Function(function) => called(function),
        Expr::Interval(literal) => spans::shown(literal).unwrap_or_else(|| expr.to_string()),
        Expr::Named { expr, name } => format!("{} AS {}", text(expr), name.value),
        Expr::Subquery(_) => "scalarsubquery()".to_owned(),
        Expr::Lambda(lambda) => anonymous(lambda),
        Expr::Struct { values, fields } if fields.is_empty() => {
            format!("struct({})", values.iter().map(part).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Whether it is an interval by the way it is written.
fn is_interval(expr: &Expr) -> bool {
    match expr {
        Expr::Interval(_) => true,
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => is_interval(inner),
        Expr::BinaryOp { left, right, .. } => is_interval(left) || is_interval(right),
        Expr::Cast { data_type, .. } => matches!(data_type, sqlparser::ast::DataType::Interval { .. }),
        _ => false,
    }
}

/// A value of a struct, with its name.
fn part(value: &Expr) -> String {
    match value {
        Expr::Named { expr, name } => format!("{} AS {}", text(expr), name.value),
        other => text(other),
    }
}

fn not(negated: bool, name: String) -> String {
    if negated { format!("(NOT {name})") } else { name }
}

/// A call with its clauses.
fn called(function: &Function) -> String {
    let FunctionArguments::List(list) = &function.args else { return function.to_string() };
    let distinct = match list.duplicate_treatment {
        Some(DuplicateTreatment::Distinct) => "DISTINCT ",
        _ => "",
    };
    let args: Vec<_> = list
        .args
        .iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => text(expr),
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => "1".to_owned(),
            other => other.to_string(),
        })
        .collect();
    let called = ast::function_name(function);
    let ranked = matches!(called.as_str(), "rank" | "dense_rank" | "percent_rank");
    let name = if ranked { called.to_uppercase() } else { called.clone() };
    let mut args = args;
    if matches!(called.as_str(), "lag" | "lead") {
        for default in ["1", "NULL"].iter().skip(args.len().saturating_sub(1)) {
            args.push((*default).to_owned());
        }
    }
    match called.as_str() {
        // What must be constant is no part of the name.
        "from_json" | "from_csv" | "to_json" | "to_csv" | "schema_of_json" | "schema_of_csv" => args.truncate(1),
        "first" | "last" | "any_value" | "first_value" | "last_value" => args.truncate(1),
        "make_dt_interval" => args.extend(["0", "0", "0", "0.000000"].iter().skip(args.len()).map(ToString::to_string)),
        "make_ym_interval" => args.extend(["0", "0"].iter().skip(args.len()).map(ToString::to_string)),
        "percentile" if args.len() == 2 => args.push("1".to_owned()),
        _ => {}
    }
    let mut shown = format!("{name}({distinct}{})", args.join(", "));
    if called == "if" {
        shown = format!("(IF({}))", args.join(", "));
    }
    if let Some(filter) = &function.filter {
        shown += &format!(" FILTER (WHERE {})", text(filter));
    }
    match &function.over {
        Some(WindowType::WindowSpec(window)) if window.window_name.is_none() => {
            shown + " OVER (" + &window_text(window, &called, args.get(1).map_or("1", String::as_str)) + ")"
        }
        Some(other) => format!("{shown} OVER {other}"),
        None => shown,
    }
}

/// What stands in the parentheses of OVER, with what is understood where it is left out.
fn window_text(window: &WindowSpec, function: &str, distance: &str) -> String {
    let mut parts = Vec::new();
    if !window.partition_by.is_empty() {
        let keys: Vec<_> = window.partition_by.iter().map(text).collect();
        parts.push(format!("PARTITION BY {}", keys.join(", ")));
    }
    if !window.order_by.is_empty() {
        let keys: Vec<_> = window
            .order_by
            .iter()
            .map(|key| {
                let ascending = key.options.asc != Some(false);
                let first = key.options.nulls_first.unwrap_or(ascending);
                let (way, nulls) = (if ascending { "ASC" } else { "DESC" }, if first { "FIRST" } else { "LAST" });
                format!("{} {way} NULLS {nulls}", text(&key.expr))
            })
            .collect();
        parts.push(format!("ORDER BY {}", keys.join(", ")));
    }
    parts.push(match (&window.window_frame, function) {
        (_, "lead") => format!("ROWS BETWEEN {distance} FOLLOWING AND {distance} FOLLOWING"),
        (_, "lag") => format!("ROWS BETWEEN -{distance} FOLLOWING AND -{distance} FOLLOWING"),
        (_, "row_number" | "rank" | "dense_rank" | "percent_rank" | "ntile") => {
            "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW".to_owned()
        }
        (Some(frame), _) => {
            let end = frame.end_bound.as_ref().map_or("CURRENT ROW".to_owned(), ToString::to_string);
            format!("{} BETWEEN {} AND {end}", frame.units, frame.start_bound)
        }
        (None, _) if window.order_by.is_empty() => {
            "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING".to_owned()
        }
        (None, _) => "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW".to_owned(),
    });
    parts.join(" ")
}

/// `x -> x + 1`
fn anonymous(lambda: &sqlparser::ast::LambdaFunction) -> String {
    let params = match &lambda.params {
        OneOrManyWithParens::One(param) => std::slice::from_ref(param),
        OneOrManyWithParens::Many(params) => params.as_slice(),
    };
    let variable = "namedlambdavariable()";
    let names: Vec<String> = params.iter().map(|param| param.name.value.to_lowercase()).collect();
    let mut body = (*lambda.body).clone();
    let _ = sqlparser::ast::visit_expressions_mut(&mut body, |part| {
        if let Expr::Identifier(ident) = part
            && names.contains(&ident.value.to_lowercase())
        {
            *ident = sqlparser::ast::Ident::new(variable);
        }
        ControlFlow::<()>::Continue(())
    });
    format!("lambdafunction({}{})", text(&body), format!(", {variable}").repeat(params.len()))
}
