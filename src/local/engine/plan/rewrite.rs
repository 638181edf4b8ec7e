//! Second pass over a query's tree: what Spark means, in forms that the planner plans so.
//!
//! Names are folded to lower case, whole numbers become INT, calls take the form under which the function is
//! registered, and items of select lists that have no name get Spark's.

use std::collections::HashSet;
use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use sqlparser::ast::{
    AccessExpr, BinaryOperator, CeilFloorKind, DataType, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, GroupByExpr, Ident, JsonPathElem, LimitClause, OneOrManyWithParens, OrderByKind, Query, Select,
    SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Spanned, Subscript, TableAlias, TableFactor, TrimWhereField,
    UnaryOperator, Value, ValueWithSpan, VisitMut, VisitorMut, WindowFrameBound, WindowType,
};

use super::literals::{self, is_null, unescaped};
use super::numbers::{self, is_cast_number, is_literal, plain};
use super::{ast, calls, names, relations, spans};
use crate::local::engine::error::SqlError;
use crate::local::engine::functions;
use crate::local::engine::functions::arrays::SUBSCRIPT;

/// What a query's rewriting depends on.
#[derive(Clone, Debug)]
pub(super) struct Surroundings<'a> {
    /// The time of the statement.
    pub(super) now: DateTime<Utc>,
    /// The current catalog.
    pub(super) catalog: &'a str,
    /// The current schema.
    pub(super) schema: &'a str,
}

/// Rewrites a bound query in place.
pub(super) fn rewrite(query: &mut Query, surroundings: &Surroundings<'_>) -> Result<(), SqlError> {
    match query.visit(&mut Rewriter { surroundings }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

/// Two columns of a result may have one name; the planner wants two.
fn unique_output(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => {
            let named = |(item, name): (&SelectItem, Option<String>)| match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    Some((name?.to_lowercase(), expr.clone()))
                }
                _ => None,
            };
            let all: Vec<_> = select.projection.iter().zip(names::items(select)).map(named).collect();
            // Where columns of two tables are one by USING, that of a table may be another.
            let merges =
                select.from.iter().flat_map(|from| &from.joins).any(|join| relations::merges(&join.join_operator));
            let is_same = |a: &Expr, b: &Expr| {
                if merges { a.to_string() == b.to_string() } else { ends_alike(a, b) }
            };
            let is_name = |expr: &Expr| matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
            // A name that two columns have belongs to neither, unless they are the same column.
            let unclear = |name: &str, expr: &Expr| {
                all.iter()
                    .flatten()
                    .any(|(n, e)| n == name && !(is_name(e) && is_same(e, expr)) && !std::ptr::eq(e, expr))
            };
            let mut seen = HashSet::new();
            for (i, item) in select.projection.iter_mut().enumerate() {
                let Some((name, expr)) = &all[i] else { continue };
                if !seen.insert(name.clone()) || unclear(name, expr) {
                    let alias = Ident::with_quote('`', format!("{name}#{i}"));
                    if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                        *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
                    }
                }
            }
        }
        SetExpr::Query(query) => unique_output(&mut query.body),
        SetExpr::SetOperation { left, right, .. } => {
            unique_output(left);
            unique_output(right);
        }
        _ => {}
    }
}

/// Whether one name is the other, or its end.
fn ends_alike(a: &Expr, b: &Expr) -> bool {
    let path = |expr: &Expr| match expr {
        Expr::Identifier(name) => vec![name.value.to_lowercase()],
        Expr::CompoundIdentifier(path) => path.iter().map(|part| part.value.to_lowercase()).collect(),
        _ => Vec::new(),
    };
    let (a, b) = (path(a), path(b));
    !a.is_empty() && !b.is_empty() && (a.ends_with(&b) || b.ends_with(&a))
}

struct Rewriter<'a> {
    surroundings: &'a Surroundings<'a>,
}

impl VisitorMut for Rewriter<'_> {
    type Break = Box<SqlError>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        unique_output(&mut query.body);
        for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            fold_alias(&mut cte.alias);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        if let Err(error) = spans::agreed(&mut query.body) {
            return ControlFlow::Break(Box::new(error));
        }
        // Positions and counts are plain numbers.
        if let Some(order_by) = &mut query.order_by
            && let OrderByKind::Expressions(all) = &mut order_by.kind
        {
            all.iter_mut().for_each(|e| plain(&mut e.expr));
        }
        match &mut query.limit_clause {
            Some(LimitClause::LimitOffset { limit, offset, .. }) => {
                // LIMIT ALL is no limit.
                if matches!(limit, Some(Expr::Identifier(word)) if word.value.eq_ignore_ascii_case("all")) {
                    *limit = None;
                }
                limit.iter_mut().for_each(plain);
                offset.iter_mut().for_each(|offset| plain(&mut offset.value));
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => {
                plain(offset);
                plain(limit);
            }
            None => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        let (names, relations) = (names::items(select), names::relations(select));
        for (item, name) in select.projection.iter_mut().zip(names) {
            match item {
                SelectItem::UnnamedExpr(expr) if !is_column(expr, &relations) => {
                    let name = name.unwrap_or_default().to_lowercase();
                    let alias = Ident::with_quote_and_span('`', expr.span(), name);
                    *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
                }
                SelectItem::ExprWithAlias { alias, .. } => ast::fold(alias),
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    for part in &mut name.0 {
                        if let sqlparser::ast::ObjectNamePart::Identifier(ident) = part {
                            ast::fold(ident);
                        }
                    }
                    fold_except(options);
                }
                SelectItem::Wildcard(options) => fold_except(options),
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        if let GroupByExpr::Expressions(all, _) = &mut select.group_by {
            all.iter_mut().for_each(plain);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        match factor {
            TableFactor::Table { alias: Some(alias), .. }
            | TableFactor::Derived { alias: Some(alias), .. }
            | TableFactor::Function { alias: Some(alias), .. }
            | TableFactor::Pivot { alias: Some(alias), .. }
            | TableFactor::Unpivot { alias: Some(alias), .. }
            | TableFactor::NestedJoin { alias: Some(alias), .. } => fold_alias(alias),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        numbers::take_sign(expr);
        match spans::written_out(expr) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        match self.expression(expr) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }
}

impl Rewriter<'_> {
    fn expression(&self, expr: &mut Expr) -> Result<(), SqlError> {
        let span = expr.span();
        let place = ast::start(span);
        match expr {
            Expr::Identifier(ident) => {
                // Some functions are called without parentheses.
                if ident.quote_style.is_none()
                    && let Some(value) = calls::word(&ident.value, span, self.surroundings)
                {
                    *expr = value;
                } else {
                    ast::fold(ident);
                }
            }
            Expr::CompoundIdentifier(parts) => parts.iter_mut().for_each(ast::fold),
            Expr::Lambda(lambda) => {
                let params = match &mut lambda.params {
                    OneOrManyWithParens::One(param) => std::slice::from_mut(param),
                    OneOrManyWithParens::Many(params) => params.as_mut_slice(),
                };
                params.iter_mut().for_each(|param| ast::fold(&mut param.name));
                let names: Vec<_> = params.iter().map(|param| param.name.value.clone()).collect();
                fields_of_parameters(&mut lambda.body, &names);
            }
            Expr::Value(ValueWithSpan { value, .. }) => match value {
                Value::Number(text, long) => {
                    if let Some(typed) = numbers::typed(text, *long, span).map_err(|e| e.at(place))? {
                        *expr = typed;
                    }
                }
                Value::HexStringLiteral(text) if !text.bytes().all(|b| b.is_ascii_hexdigit()) => {
                    return Err(SqlError::new(
                        "INVALID_TYPED_LITERAL",
                        "42604",
                        format!("The value of the typed literal \"X\" is invalid: '{text}'."),
                    )
                    .at(place));
                }
                Value::DoubleQuotedString(text) => *value = Value::SingleQuotedString(std::mem::take(text)),
                _ => {}
            },
            // The sign belongs to the number before a cast behind it is made.
            Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } if is_cast_number(inner) => {
                if let Expr::Cast { expr: number, .. } = inner.as_mut() {
                    let signed = Expr::UnaryOp { op: UnaryOperator::Minus, expr: number.clone() };
                    **number = signed;
                    self.expression(number)?;
                }
                *expr = (**inner).clone();
            }
            Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => {
                // The least numbers have a type of their own only with their sign.
                let least = match inner.as_ref() {
                    Expr::Value(ValueWithSpan { value: Value::Number(text, false), .. }) if text == "2147483648" => {
                        Some(DataType::Int(None))
                    }
                    Expr::Cast { expr: inner, .. } if ast::is_string(inner, "9223372036854775808") => {
                        Some(DataType::BigInt(None))
                    }
                    _ => None,
                };
                if let Some(data_type) = least {
                    let text =
                        if matches!(data_type, DataType::Int(_)) { "-2147483648" } else { "-9223372036854775808" };
                    *expr = ast::cast(ast::string(text, span), data_type);
                } else if !is_literal(inner) {
                    *expr = ast::call("negative", vec![(**inner).clone()], span);
                }
            }
            Expr::TypedString(typed) => literals::invalid_literal(typed, span)?,
            Expr::UnaryOp { op: op @ UnaryOperator::BangNot, .. } => *op = UnaryOperator::Not,
            Expr::BinaryOp { left, op: BinaryOperator::Custom(op), right } if op == ">>>" => {
                *expr = ast::call("shiftrightunsigned", vec![(**left).clone(), (**right).clone()], span);
            }
            Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr: inner } => {
                *expr = ast::call("bit_not", vec![(**inner).clone()], span);
            }
            Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
                unescaped(pattern, escape_char.take(), "INVALID_ESC").map_err(|e| e.at(place))?;
            }
            Expr::RLike { negated, expr: text, pattern, .. } => {
                let call = ast::call("regexp_like", vec![(**text).clone(), (**pattern).clone()], span);
                *expr = if *negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(call) } } else { call };
            }
            Expr::Extract { field, expr: inner, .. } if calls::is_second(&ast::string(&field.to_string(), span)) => {
                *expr = ast::call("extract_second", vec![(**inner).clone()], span);
            }
            Expr::Extract { field, expr: inner, .. } => {
                *expr = ast::call("date_part", vec![ast::string(&field.to_string(), span), (**inner).clone()], span);
            }
            Expr::Ceil { expr: inner, field } | Expr::Floor { expr: inner, field } => {
                let mut args = vec![(**inner).clone()];
                match field {
                    CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => {}
                    CeilFloorKind::Scale(scale) => args.push(Expr::Value(scale.clone())),
                    CeilFloorKind::DateTimeField(_) => {
                        return Err(SqlError::unsupported("ceil and floor with a unit").at(place));
                    }
                }
                let name = if matches!(expr, Expr::Ceil { .. }) { "ceil" } else { "floor" };
                *expr = ast::call(name, args, span);
            }
            Expr::Substring { expr: text, substring_from, substring_for, .. } => {
                let mut args = vec![(**text).clone()];
                args.extend(substring_from.iter().chain(substring_for.iter()).map(|e| (**e).clone()));
                args[1..].iter_mut().for_each(plain);
                *expr = ast::call("substring", args, span);
            }
            Expr::Overlay { expr: text, overlay_what, overlay_from, overlay_for } => {
                let mut args = vec![(**text).clone(), (**overlay_what).clone(), (**overlay_from).clone()];
                args.extend(overlay_for.iter().map(|e| (**e).clone()));
                args[2..].iter_mut().for_each(plain);
                *expr = ast::call("overlay", args, span);
            }
            Expr::Position { expr: what, r#in } => {
                *expr = ast::call("locate", vec![(**what).clone(), (**r#in).clone()], span);
            }
            Expr::Trim { trim_where, trim_what, expr: text, trim_characters: None } => {
                let name = match trim_where {
                    None | Some(TrimWhereField::Both) => "trim",
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                };
                let mut args = vec![(**text).clone()];
                args.extend(trim_what.iter().map(|what| (**what).clone()));
                *expr = ast::call(name, args, span);
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                let mut value = (**root).clone();
                for access in access_chain {
                    value = match access {
                        AccessExpr::Dot(Expr::Identifier(field)) => {
                            ast::call("get_field", vec![value, ast::string(&field.value, span)], span)
                        }
                        AccessExpr::Subscript(Subscript::Index {
                            index: key @ Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(_), .. }),
                        }) => ast::call("get_field", vec![value, key.clone()], span),
                        AccessExpr::Subscript(Subscript::Index { index }) => {
                            ast::call(SUBSCRIPT, vec![value, index.clone()], span)
                        }
                        _ => return Err(SqlError::unsupported("this access to a part of a value").at(place)),
                    };
                }
                *expr = value;
            }
            Expr::JsonAccess { value, path } => {
                let mut text = "$".to_owned();
                for part in &path.path {
                    match part {
                        JsonPathElem::Dot { key, quoted: false } => text += &format!(".{key}"),
                        JsonPathElem::Dot { key, quoted: true } => text += &format!("['{key}']"),
                        JsonPathElem::Bracket { key } | JsonPathElem::ColonBracket { key } => {
                            let mut key = key.clone();
                            plain(&mut key);
                            match &key {
                                Expr::Value(ValueWithSpan { value: Value::Number(n, _), .. }) => {
                                    text += &format!("[{n}]");
                                }
                                Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(key), .. }) => {
                                    text += &format!("['{key}']");
                                }
                                _ => return Err(SqlError::unsupported("a computed path into JSON").at(place)),
                            }
                        }
                    }
                }
                if !functions::exists("get_json_object") {
                    return Err(SqlError::unsupported("the path operator : on JSON").at(place));
                }
                *expr = ast::call("get_json_object", vec![(**value).clone(), ast::string(&text, span)], span);
            }
            Expr::InList { list, negated, .. } if list.iter().any(is_null) => {
                // Not found among the others is unknown, not false.
                list.retain(|item| !is_null(item));
                let (others, no) = (!list.is_empty(), std::mem::take(negated));
                let unknown = ast::cast(ast::null(span), DataType::Boolean);
                let found = if others { ast::binary(expr.clone(), BinaryOperator::Or, unknown) } else { unknown };
                let found = Expr::Nested(Box::new(found));
                *expr = if no { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(found) } } else { found };
            }
            Expr::AtTimeZone { .. } => return Err(SqlError::unsupported("AT TIME ZONE").at(place)),
            Expr::Struct { values, fields } if fields.is_empty() => {
                *expr = calls::named_struct(values, span);
            }
            Expr::Function(function) => {
                self.call(function)?;
                if let Some(other) = calls::rewrite(function, self.surroundings)? {
                    *expr = other;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Numbers in a call that are counts or positions, and bounds of window frames, are plain.
    #[expect(clippy::unused_self, reason = "belongs to the visitor")]
    fn call(&self, function: &mut Function) -> Result<(), SqlError> {
        let name = ast::function_name(function);
        if name.is_empty() {
            return Err(calls::unknown(function));
        }
        if name == "count" && !ast::is_distinct(function) {
            counted(function);
        }
        for (i, arg) in ast::arguments_mut(function).into_iter().enumerate() {
            if !calls::is_typed_argument(&name, i) {
                plain(arg);
            }
        }
        if let FunctionArguments::List(list) = &function.args
            && list.args.iter().any(|arg| !matches!(arg, FunctionArg::Unnamed(_)))
        {
            return Err(SqlError::unsupported("named arguments").at(ast::start(function.span())));
        }
        if let Some(WindowType::WindowSpec(window)) = &mut function.over
            && let Some(frame) = &mut window.window_frame
        {
            for bound in std::iter::once(&mut frame.start_bound).chain(frame.end_bound.iter_mut()) {
                if let WindowFrameBound::Preceding(Some(n)) | WindowFrameBound::Following(Some(n)) = bound {
                    plain(n);
                    spans::bound(n)?;
                }
            }
        }
        Ok(())
    }
}

/// `count(*)` is `count(1)`, also beside one.
fn counted(function: &mut Function) {
    if let FunctionArguments::List(list) = &mut function.args
        && let [FunctionArg::Unnamed(arg)] = list.args.as_mut_slice()
    {
        match arg {
            FunctionArgExpr::Wildcard => *arg = FunctionArgExpr::Expr(ast::number("1", function.name.span())),
            FunctionArgExpr::Expr(expr) => plain(expr),
            _ => {}
        }
    }
}

/// In a lambda `s.a` is a field of its parameter `s`.
fn fields_of_parameters(body: &mut Expr, names: &[String]) {
    let _ = sqlparser::ast::visit_expressions_mut(body, |part| {
        if let Expr::CompoundIdentifier(path) = part
            && let Some((first, rest)) = path.split_first()
            && names.contains(&first.value)
        {
            let span = first.span;
            let root = Expr::Identifier(first.clone());
            *part = rest
                .iter()
                .fold(root, |value, field| ast::call("get_field", vec![value, ast::string(&field.value, span)], span));
        }
        ControlFlow::<()>::Continue(())
    });
}

/// Whether it names a column, and not a field of one.
fn is_column(expr: &Expr, relations: &HashSet<String>) -> bool {
    match expr {
        Expr::Identifier(_) => true,
        Expr::CompoundIdentifier(path) => path.len() == 2 && relations.contains(&path[0].value.to_lowercase()),
        _ => false,
    }
}

fn fold_alias(alias: &mut TableAlias) {
    ast::fold(&mut alias.name);
    alias.columns.iter_mut().for_each(|column| ast::fold(&mut column.name));
}

fn fold_except(options: &mut sqlparser::ast::WildcardAdditionalOptions) {
    for item in options.opt_replace.iter_mut().flat_map(|replace| &mut replace.items) {
        ast::fold(&mut item.column_name);
    }
    if let Some(except) = &mut options.opt_except {
        ast::fold(&mut except.first_element);
        except.additional_elements.iter_mut().for_each(ast::fold);
    }
}
