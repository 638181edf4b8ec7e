//! Lints of expressions: comparisons with NULL, quotients and months that are cut, moments taken for days.

use sqlparser::ast::{
    BinaryOperator, CeilFloorKind, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    ObjectNamePart, Query, Select, SelectItem, SetExpr, Spanned, Value,
};

use super::super::DataType;
use super::super::expr::{children, output_name, text};
use super::super::resolve::Resolver;
use super::super::scope::Scope;
use super::known::Factor;
use super::shapes::{column_of, expressions, is_comparison, last_name};
use super::{Owner, owner};

impl Resolver<'_> {
    pub(super) fn lint_values(&mut self, select: &Select, scope: &Scope<'_>, factors: &[Factor]) {
        let mut all: Vec<&Expr> = expressions(select);
        all.extend(super::joins::conditions_of(select));
        let mut open = all;
        while let Some(e) = open.pop() {
            self.lint_value(e, scope);
            if let Expr::Lambda(lambda) = e {
                open.push(&lambda.body);
            }
            open.extend(children(e));
        }
        for item in &select.projection {
            if let SelectItem::UnnamedExpr(e) | SelectItem::ExprWithAlias { expr: e, .. } = item {
                self.utc_day(e, scope, factors);
            }
        }
    }

    fn lint_value(&mut self, e: &Expr, scope: &Scope<'_>) {
        match e {
            Expr::BinaryOp { .. } => return self.operators(e, scope),
            Expr::InList { list, negated: true, .. } => {
                if let Some(null) = list.iter().find(|e| is_null(e)) {
                    let message = "NOT IN with a NULL in its list is never true".to_owned();
                    self.warn(
                        null.span(),
                        "not-in-null",
                        message,
                        "Take NULL out of the list, and test for it with IS NOT NULL.",
                    );
                }
            }
            Expr::InSubquery { expr, subquery, negated: true } => self.not_in(expr, subquery),
            Expr::Case { operand: Some(_), conditions, .. } => {
                for when in conditions.iter().filter(|when| is_null(&when.condition)) {
                    let message = "`CASE … WHEN NULL` is never taken: NULL equals nothing".to_owned();
                    let help = "Write `CASE WHEN … IS NULL THEN …`.";
                    self.warn_whole(when.condition.span(), "null-comparison", message, help);
                }
            }
            Expr::Between { expr, low, high, .. } => self.between_days(expr, low, high, scope),
            _ => {}
        }
        self.cut_quotient(e);
        self.cut_months(e);
    }

    /// Operators, in chains that can be thousands long.
    fn operators(&mut self, e: &Expr, scope: &Scope<'_>) {
        let mut at = e;
        while let Expr::BinaryOp { left, op, right } = at {
            self.cut_quotient(at);
            if is_comparison(op) && *op != BinaryOperator::Spaceship {
                if matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq) && (is_null(left) || is_null(right)) {
                    let message = format!("`{op} NULL` is never true, not even for NULL");
                    let word = if *op == BinaryOperator::Eq { "IS NULL" } else { "IS NOT NULL" };
                    self.warn_whole(at.span(), "null-comparison", message, format!("Write `{word}`."));
                } else if column_of(left).or(column_of(right)).is_some() {
                    self.timestamp_mix(at, left, right, scope);
                }
            }
            if *op == BinaryOperator::Multiply {
                self.cut_before_use(left, right);
                self.cut_before_use(right, left);
            }
            if !matches!(**left, Expr::BinaryOp { .. }) {
                break;
            }
            at = left;
        }
    }

    fn timestamp_mix(&mut self, e: &Expr, left: &Expr, right: &Expr, scope: &Scope<'_>) {
        let types = (self.type_again(left, scope), self.type_again(right, scope));
        let mixed = matches!(
            types,
            (Some(DataType::Timestamp), Some(DataType::TimestampNtz))
                | (Some(DataType::TimestampNtz), Some(DataType::Timestamp))
        );
        if mixed {
            let message = format!("`{left}` and `{right}` are compared, a TIMESTAMP and a TIMESTAMP_NTZ");
            let help =
                "Say which zone the clock stands in: `to_utc_timestamp(clock, 'Europe/Berlin')` makes a moment of it.";
            self.warn_whole(e.span(), "timestamp-mix", message, help);
        }
    }

    fn between_days(&mut self, expr: &Expr, low: &Expr, high: &Expr, scope: &Scope<'_>) {
        if !(is_day(low) && is_day(high)) || column_of(expr).is_none() {
            return;
        }
        if let Some(DataType::Timestamp | DataType::TimestampNtz) = self.type_again(expr, scope) {
            let message = format!("`{expr}` has a time of day, and the range ends with the first moment of {high}");
            let help =
                format!("Write `{expr} >= {low} AND {expr} < ` the day after, or compare `CAST({expr} AS DATE)`.");
            self.warn_whole(high.span(), "between-days", message, help);
        }
    }

    fn not_in(&mut self, expr: &Expr, subquery: &Query) {
        let Some(lints) = &self.lints else { return };
        let Some(name) = only_column(subquery) else { return };
        let known = lints.parts.query(subquery);
        let not_null = known.is_some_and(|known| {
            known.not_null.contains(&name) || known.keys.iter().any(|key| key.len() == 1 && key.contains(&name))
        });
        if not_null || is_own_key(subquery, &name) {
            return;
        }
        let message = format!("NOT IN finds no row at all if one `{name}` of the subquery is NULL");
        let help = format!(
            "Write a LEFT ANTI JOIN or NOT EXISTS, add `WHERE {name} IS NOT NULL` to the subquery, or test the column: \
             `tests: [{{not_null: {name}}}]`."
        );
        self.warn_whole(expr.span().union(&subquery.span()), "not-in-null", message, help);
    }

    /// A share of counts that is cut to a whole number.
    fn cut_quotient(&mut self, e: &Expr) {
        let quotient = match e {
            Expr::BinaryOp { left, op: BinaryOperator::MyIntegerDivide, right } => Some((&**left, &**right)),
            Expr::Cast { expr, data_type, .. } if is_whole(&data_type.to_string()) => divided(expr),
            Expr::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => divided(expr),
            Expr::Function(call) if called(call, &["int", "bigint", "floor"]) => argument(call, 0).and_then(divided),
            _ => None,
        };
        let Some((left, right)) = quotient.filter(|(left, right)| is_count(left) && is_count(right)) else { return };
        let message = format!("the share `{left}` of `{right}` is cut to a whole number: it is 0 until it is 1");
        let help = "Divide with `/`, which gives a DOUBLE for whole numbers, and round what is shown.";
        self.warn_whole(e.span(), "integer-division", message, help);
    }

    /// `100 * (a div b)`.
    fn cut_before_use(&mut self, quotient: &Expr, factor: &Expr) {
        let Expr::BinaryOp { op: BinaryOperator::MyIntegerDivide, left, right } = unwrapped(quotient) else { return };
        let percent = match unwrapped(factor) {
            Expr::Value(value) => match &value.value {
                Value::Number(number, _) => number.contains('.') || number == "100",
                _ => false,
            },
            _ => false,
        };
        if percent && !(is_count(left) && is_count(right)) {
            let message = format!("`{quotient}` has lost its fraction before it is multiplied by {factor}");
            let help = format!("Write `{factor} * {left} / {right}`: `/` gives a DOUBLE for whole numbers.");
            self.warn_whole(quotient.span(), "integer-division", message, help);
        }
    }

    /// `months_between` cut to whole months.
    fn cut_months(&mut self, e: &Expr) {
        let inner = match e {
            Expr::Cast { expr, data_type, .. } if is_whole(&data_type.to_string()) => &**expr,
            Expr::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => expr,
            Expr::Function(call) if called(call, &["int", "bigint", "floor"]) => match argument(call, 0) {
                Some(inner) => inner,
                None => return,
            },
            _ => return,
        };
        let inner = match unwrapped(inner) {
            Expr::Floor { expr, .. } => unwrapped(expr),
            other => other,
        };
        let Expr::Function(call) = inner else { return };
        if !called(call, &["months_between"]) {
            return;
        }
        let (Some(to), Some(from)) = (argument(call, 0), argument(call, 1)) else { return };
        if (is_month(to) && is_month(from)) || is_now(to) || is_now(from) {
            return;
        }
        let message =
            "whole months between two days are fewer than calendar months: 31 January to 1 February is 0".to_owned();
        let help = format!(
            "For calendar months write `months_between(trunc({to}, 'MM'), trunc({from}, 'MM'))`. If whole months are meant, allow it \
             here with a comment."
        );
        self.warn_whole(e.span(), "months-between", message, help);
    }

    /// A source's moment that becomes a day without the project's zone.
    fn utc_day(&mut self, e: &Expr, scope: &Scope<'_>, factors: &[Factor]) {
        let Some(zone) = self.lints.as_ref().and_then(|lints| lints.around.time_zone).map(str::to_owned) else {
            return;
        };
        let mut open = vec![e];
        while let Some(e) = open.pop() {
            open.extend(children(e));
            let moment = match e {
                Expr::Cast { expr, data_type, .. } if data_type.to_string().eq_ignore_ascii_case("date") => {
                    Some(&**expr)
                }
                Expr::Function(call) if called(call, &["date", "to_date", "trunc"]) => argument(call, 0),
                Expr::Function(call) if called(call, &["date_trunc"]) => {
                    let by_day = argument(call, 0).and_then(text).is_some_and(|unit| {
                        ["day", "dd", "week", "month", "mm", "mon", "quarter", "year", "yyyy", "yy"]
                            .contains(&unit.to_ascii_lowercase().as_str())
                    });
                    argument(call, 1).filter(|_| by_day)
                }
                _ => None,
            };
            let Some(column) = moment.and_then(column_of) else { continue };
            let Owner::Factor(i) = owner(column, scope, factors) else { continue };
            let local = column.last().is_some_and(|c| c.value.to_lowercase().contains("local"));
            if !factors[i].known.is_source || local {
                continue;
            }
            if let Some(DataType::Timestamp) = moment.and_then(|m| self.type_again(m, scope)) {
                let written = column.iter().map(|i| i.value.as_str()).collect::<Vec<_>>().join(".");
                let message =
                    format!("`{written}` becomes a day of the session's time zone, and the project counts in {zone}");
                let help = format!("Write `from_utc_timestamp({written}, '{zone}')` in its place.");
                self.warn_whole(e.span(), "utc-day", message, help);
            }
        }
    }
}

fn unwrapped(e: &Expr) -> &Expr {
    match e {
        Expr::Nested(inner) => unwrapped(inner),
        other => other,
    }
}

fn is_null(e: &Expr) -> bool {
    matches!(unwrapped(e), Expr::Value(value) if value.value == Value::Null)
}

fn is_whole(data_type: &str) -> bool {
    ["INT", "INTEGER", "BIGINT", "LONG", "SMALLINT", "TINYINT"].contains(&data_type.to_uppercase().as_str())
}

fn divided(e: &Expr) -> Option<(&Expr, &Expr)> {
    match unwrapped(e) {
        Expr::BinaryOp { left, op: BinaryOperator::Divide, right } => Some((&**left, &**right)),
        _ => None,
    }
}

/// Tells whether an expression counts rows, as far as its form shows.
fn is_count(e: &Expr) -> bool {
    match unwrapped(e) {
        Expr::Function(call) if called(call, &["count", "count_if", "approx_count_distinct"]) => call.over.is_none(),
        Expr::Function(call) if called(call, &["sum"]) => match argument(call, 0).map(unwrapped) {
            Some(Expr::Case { conditions, .. }) => conditions.iter().all(|when| is_one(&when.result)),
            Some(Expr::Function(inner)) if called(inner, &["if", "iff"]) => argument(inner, 1).is_some_and(is_one),
            _ => false,
        },
        _ => false,
    }
}

fn is_one(e: &Expr) -> bool {
    super::super::expr::whole_number(unwrapped(e)) == Some(1)
}

/// Tells whether a call is one of these built-in functions.
pub(super) fn called(call: &Function, names: &[&str]) -> bool {
    match call.name.0.as_slice() {
        [ObjectNamePart::Identifier(name)] => names.iter().any(|n| name.value.eq_ignore_ascii_case(n)),
        _ => false,
    }
}

/// An argument of a call, without names.
pub(super) fn argument(call: &Function, index: usize) -> Option<&Expr> {
    let FunctionArguments::List(list) = &call.args else { return None };
    match list.args.get(index)? {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(e),
        _ => None,
    }
}

/// Tells whether an expression is the first day of a month, as far as its form or its name shows.
fn is_month(e: &Expr) -> bool {
    match unwrapped(e) {
        Expr::Cast { expr, .. } => is_month(expr),
        Expr::Function(call) if called(call, &["date_trunc"]) => {
            argument(call, 0).and_then(text).is_some_and(is_month_unit)
        }
        Expr::Function(call) if called(call, &["trunc"]) => argument(call, 1).and_then(text).is_some_and(is_month_unit),
        Expr::Function(call) if called(call, &["min", "max", "date", "to_date", "add_months"]) => {
            argument(call, 0).is_some_and(is_month)
        }
        other => column_of(other).and_then(<[_]>::last).is_some_and(|c| {
            let name = c.value.to_lowercase();
            ["month", "quarter", "cohort", "period", "mth"].iter().any(|word| name.contains(word))
        }),
    }
}

fn is_month_unit(unit: &str) -> bool {
    ["month", "mon", "mm", "quarter", "year", "yyyy", "yy"].contains(&unit.to_ascii_lowercase().as_str())
}

fn is_now(e: &Expr) -> bool {
    let name = match unwrapped(e) {
        Expr::Cast { expr, .. } => return is_now(expr),
        Expr::Function(call) if called(call, &["to_date", "date"]) => return argument(call, 0).is_some_and(is_now),
        Expr::Function(call) => last_name(&call.name),
        Expr::Identifier(ident) => ident.value.to_lowercase(),
        _ => return false,
    };
    ["current_date", "current_timestamp", "now", "curdate", "getdate"].contains(&name.as_str())
}

/// Tells whether an expression is a day written out, without a time.
fn is_day(e: &Expr) -> bool {
    match unwrapped(e) {
        Expr::TypedString(typed) => typed.data_type.to_string().eq_ignore_ascii_case("date"),
        Expr::Cast { expr, data_type, .. } => data_type.to_string().eq_ignore_ascii_case("date") && is_day(expr),
        other => text(other).is_some_and(|t| {
            t.len() == 10
                && t.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() })
        }),
    }
}

/// The name of the only column of a subquery.
fn only_column(query: &Query) -> Option<String> {
    let mut body = &*query.body;
    loop {
        body = match body {
            SetExpr::SetOperation { left, .. } => left,
            SetExpr::Query(query) => &query.body,
            SetExpr::Select(select) => {
                return match select.projection.as_slice() {
                    [SelectItem::UnnamedExpr(e)] => Some(output_name(e).to_lowercase()),
                    [SelectItem::ExprWithAlias { alias, .. }] => Some(alias.value.to_lowercase()),
                    _ => None,
                };
            }
            _ => return None,
        };
    }
}

/// Tells whether a column is by its name the key of the table that a subquery reads: `id`, or `customer_id` of
/// `customers`.
fn is_own_key(query: &Query, column: &str) -> bool {
    let SetExpr::Select(select) = &*query.body else { return false };
    let [table] = select.from.as_slice() else { return false };
    let sqlparser::ast::TableFactor::Table { name, .. } = &table.relation else { return false };
    if column == "id" || column == "_id" {
        return true;
    }
    let table = last_name(name);
    let thing = ["_id", "_key", "_sk", "_pk"].iter().find_map(|end| column.strip_suffix(end));
    thing.is_some_and(|thing| {
        table.trim_start_matches("dim_").trim_start_matches("stg_").trim_end_matches('s') == thing.trim_end_matches('s')
    })
}
