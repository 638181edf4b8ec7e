//! Aggregates and window functions where there is nothing to aggregate yet, and values of a type that cannot stand at
//! their place. Only what Spark refuses is told.

use sqlparser::ast::{
    BinaryOperator, Expr, Function, GroupByExpr, Ident, NamedWindowExpr, ObjectNamePart, Query, Select, SelectItem,
    SetExpr, Spanned, UnaryOperator, WindowType,
};

use super::expr::{children, is_aggregate, whole_number};
use super::resolve::Resolver;
use super::scope::{Found, Scope, same};
use super::select::grouping_keys;
use super::{Column, DataType};
use crate::diag::{Diagnostic, did_you_mean};
use crate::dialect::functions::{FunctionKind, function};

impl Resolver<'_> {
    /// Checks a SELECT whose names have been resolved.
    pub(super) fn check_misuse(&mut self, select: &Select, scope: &Scope<'_>) {
        if let Some(condition) = &select.selection {
            self.misplaced(condition, "WHERE", scope, &[]);
        }
        if let GroupByExpr::Expressions(keys, _) = &select.group_by {
            let items = items(select);
            for key in keys.iter().flat_map(grouping_keys) {
                self.misplaced(key, "GROUP BY", scope, &items);
            }
        }
        if let Some(having) = &select.having {
            self.windows_in(having, "HAVING");
        }
        let shown = select.projection.iter().filter_map(|item| match item {
            SelectItem::UnnamedExpr(e) | SelectItem::ExprWithAlias { expr: e, .. } => Some(e),
            _ => None,
        });
        let mut open: Vec<&Expr> = shown.chain(&select.having).chain(&select.qualify).collect();
        while let Some(e) = open.pop() {
            open.extend(children(e));
            if let Expr::Function(call) = e {
                self.nested_aggregate(e, call);
                self.unordered_window(call, select);
            }
        }
    }

    /// Checks that a join's condition looks at single rows.
    pub(super) fn check_join_condition(&mut self, condition: &Expr, scope: &Scope<'_>) {
        self.misplaced(condition, "the ON of a join", scope, &[]);
    }

    /// Reports aggregates and window functions in a clause that looks at single rows. A key may stand for an item of the
    /// SELECT list.
    fn misplaced(&mut self, e: &Expr, clause: &str, scope: &Scope<'_>, items: &[(&Expr, Option<&Ident>)]) {
        let meant = match (e, whole_number(e)) {
            (_, Some(n)) => usize::try_from(n - 1).ok().and_then(|i| items.get(i)).map(|(e, _)| *e),
            (Expr::Identifier(ident), _)
                if !matches!(scope.find(std::slice::from_ref(&ident.value)), Found::Column { .. }) =>
            {
                items.iter().find(|(_, a)| a.is_some_and(|a| same(&a.value, &ident.value))).map(|(e, _)| *e)
            }
            _ => None,
        };
        self.windows_in(meant.unwrap_or(e), clause);
        let mut open = vec![meant.unwrap_or(e)];
        while let Some(part) = open.pop() {
            match part {
                Expr::Function(call) if is_true_aggregate(call) && !outer_only(part, scope) => {
                    let help = match clause {
                        "WHERE" => "Write the condition behind GROUP BY, as HAVING.",
                        "GROUP BY" => {
                            "Group by columns of the rows; a window function or a subquery can tell groups apart by size."
                        }
                        _ => "Aggregate in a subquery, and join that.",
                    };
                    let span = meant.map_or_else(|| call.name.span(), |_| e.span());
                    let message = format!("`{}` is an aggregate, and {clause} looks at single rows", call.name);
                    self.error(span, "misplaced-aggregate", message, Some(help.to_owned()));
                }
                other => open.extend(children(other)),
            }
        }
    }

    fn windows_in(&mut self, e: &Expr, clause: &str) {
        let mut open = vec![e];
        while let Some(e) = open.pop() {
            match e {
                Expr::Function(call) if call.over.is_some() => {
                    let message = format!("`{}` looks at a window, which is there only after {clause}", call.name);
                    let help = "Filter with QUALIFY, or compute it in a subquery and filter that.".to_owned();
                    self.error(call.name.span(), "misplaced-window", message, Some(help));
                }
                other => open.extend(children(other)),
            }
        }
    }

    fn nested_aggregate(&mut self, e: &Expr, call: &Function) {
        if !is_true_aggregate(call) {
            return;
        }
        let mut open = children(e);
        let mut found = Vec::new();
        while let Some(e) = open.pop() {
            match e {
                Expr::Function(inner) if is_true_aggregate(inner) => {
                    found.push((
                        inner.name.span(),
                        "nested-aggregate",
                        format!("`{}` stands inside the aggregate `{}`", inner.name, call.name),
                    ));
                }
                Expr::Function(inner) if inner.over.is_some() => {
                    let message =
                        format!("`{}` looks at a window, and stands inside the aggregate `{}`", inner.name, call.name);
                    found.push((inner.name.span(), "misplaced-window", message));
                }
                other => open.extend(children(other)),
            }
        }
        for (span, code, message) in found {
            let help = "Compute the inner one in a subquery, and aggregate that.".to_owned();
            self.error(span, code, message, Some(help));
        }
    }

    /// Windows that are not there, and functions that need an order in theirs.
    fn unordered_window(&mut self, call: &Function, select: &Select) {
        if let Some(WindowType::NamedWindow(name)) = &call.over
            && !names_window(select, name)
        {
            let message = format!("there is no window `{}`", name.value);
            let help = "Define it at the end of the SELECT: `WINDOW name AS (PARTITION BY … ORDER BY …)`.".to_owned();
            self.error(name.span, "unknown-name", message, Some(help));
        }
        let [ObjectNamePart::Identifier(ident)] = call.name.0.as_slice() else { return };
        if function(&ident.value).is_none_or(|f| f.kind != FunctionKind::Window) {
            return;
        }
        let ordered = match &call.over {
            Some(WindowType::WindowSpec(spec)) => spec.window_name.is_some() || !spec.order_by.is_empty(),
            Some(WindowType::NamedWindow(name)) if !names_window(select, name) => true,
            Some(WindowType::NamedWindow(name)) => select.named_window.iter().all(|window| match &window.1 {
                NamedWindowExpr::WindowSpec(spec) if same(&window.0.value, &name.value) => {
                    spec.window_name.is_some() || !spec.order_by.is_empty()
                }
                _ => true,
            }),
            None => true,
        };
        if !ordered {
            let message = format!("the window of `{}` has no order", ident.value);
            let help = "Add ORDER BY to its OVER clause.".to_owned();
            self.error(ident.span, "missing-order", message, Some(help));
        }
    }

    /// Checks that a condition, which is of this type, can be true or false.
    pub(super) fn check_truth_value(&mut self, condition: &Expr, clause: &str, data_type: Option<DataType>) {
        let Some(found) = data_type.filter(|t| t.is_numeric() || t.is_temporal() || is_nested(t)) else { return };
        let message = format!("the condition of {clause} is of type {found}, not BOOLEAN");
        let help = "Compare it with something, such as `… <> 0` or `… IS NOT NULL`.".to_owned();
        let range = self.whole_range(condition.span());
        self.report_at(range, Diagnostic::error("type-mismatch", message), Some(help));
    }

    /// Checks the argument of an aggregate that adds up.
    pub(super) fn check_summed(&mut self, call: &Function, ident: &Ident, argument: Option<&DataType>) {
        const SUMS: [&str; 5] = ["sum", "avg", "mean", "try_sum", "try_avg"];
        let Some(found) =
            argument.filter(|t| t.is_temporal() || is_nested(t) || matches!(t, DataType::Boolean | DataType::Binary))
        else {
            return;
        };
        if SUMS.iter().any(|name| ident.value.eq_ignore_ascii_case(name)) {
            let message = format!("`{}` adds numbers up, and its argument is of type {found}", ident.value);
            let help = match found {
                DataType::Boolean => "Count what is true with `count_if(…)`.",
                DataType::Date | DataType::Timestamp | DataType::TimestampNtz => {
                    "Take `min`, `max` or a difference of dates."
                }
                _ => "Take a number out of it first.",
            };
            self.error(call.name.span(), "type-mismatch", message, Some(help.to_owned()));
        }
    }

    /// Checks the operands of an operator.
    pub(super) fn check_operands(
        &mut self,
        op: &BinaryOperator,
        right: &Expr,
        types: (Option<&DataType>, Option<&DataType>),
    ) {
        use BinaryOperator as B;
        let (Some(a), Some(b)) = types else { return };
        let fits = match op {
            B::Plus | B::Minus | B::Multiply | B::Divide | B::Modulo | B::MyIntegerDivide => {
                !is_nested(a) && !is_nested(b) && *a != DataType::Boolean && *b != DataType::Boolean
            }
            B::Eq | B::NotEq | B::Lt | B::LtEq | B::Gt | B::GtEq | B::Spaceship => {
                let open = |t: &DataType| matches!(t, DataType::Void | DataType::Variant);
                let nested = is_nested(a) != is_nested(b) && !open(a) && !open(b);
                let number_and_time = |a: &DataType, b: &DataType| a.is_numeric() && b.is_temporal();
                !(nested || number_and_time(a, b) || number_and_time(b, a))
            }
            B::And | B::Or => ![a, b].iter().any(|t| t.is_numeric() || t.is_temporal() || is_nested(t)),
            _ => true,
        };
        if !fits {
            let message = format!("`{op}` cannot stand between {a} and {b}");
            self.error(
                right.span(),
                "type-mismatch",
                message,
                Some(format!("Cast one of them, or take a part of it: this side is {b}.")),
            );
        }
    }

    /// Checks how many columns a subquery returns that stands for a value, or for several.
    pub(super) fn check_width(&mut self, subquery: &Query, count: usize, wanted: usize) {
        if count != wanted {
            let span = match &*subquery.body {
                SetExpr::Select(select) => select.select_token.0.span,
                other => other.span(),
            };
            let columns = |n: usize| if n == 1 { "1 column".to_owned() } else { format!("{n} columns") };
            let message =
                format!("this subquery returns {}, and stands where {} is wanted", columns(count), columns(wanted));
            self.error(span, "column-count", message, None);
        }
    }

    /// Checks that a value has a field of this name.
    pub(super) fn check_field(&mut self, field: &Ident, data_type: Option<&DataType>) {
        let Some(found) = data_type else { return };
        match found {
            DataType::Struct(fields) if !fields.iter().any(|(name, _)| same(name, &field.value)) => {
                let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
                let message = format!("there is no field `{}`", field.value);
                let help = match did_you_mean(&field.value, names.iter().copied()) {
                    Some(near) => format!("Did you mean `{near}`?"),
                    None => format!("The fields are: {}.", names.join(", ")),
                };
                self.error(field.span, "unknown-column", message, Some(help));
            }
            t if t.is_numeric() || t.is_temporal() || matches!(t, DataType::Boolean | DataType::String) => {
                let message = format!("a value of type {t} has no field `{}`", field.value);
                let help = match t {
                    DataType::String => Some(format!("In a text of JSON write `:{}`.", field.value)),
                    _ => None,
                };
                self.error(field.span, "unknown-column", message, help);
            }
            _ => {}
        }
    }

    /// Checks that two columns can be one in a UNION or the like.
    pub(super) fn check_union(&mut self, op: &str, place: &SetExpr, left: &Column, right: &Column) {
        let (Some(a), Some(b)) = (&left.data_type, &right.data_type) else { return };
        let open = |t: &DataType| matches!(t, DataType::Void | DataType::Variant);
        let other_kind = |a: &DataType, b: &DataType| {
            (a.is_numeric() && (b.is_temporal() || *b == DataType::Boolean))
                || (*a == DataType::Boolean && b.is_temporal())
        };
        let fits = open(a) || open(b) || (is_nested(a) == is_nested(b) && !other_kind(a, b) && !other_kind(b, a));
        if !fits {
            let span = match place {
                SetExpr::Select(select) => select.select_token.0.span,
                other => other.span(),
            };
            let message = format!("{op} joins `{}` of type {a} with `{}` of type {b}", left.name, right.name);
            self.error(
                span,
                "type-mismatch",
                message,
                Some("Cast one of them, or check the order of the columns.".to_owned()),
            );
        }
    }

    /// Checks the operand of NOT.
    pub(super) fn check_not(&mut self, op: UnaryOperator, operand: &Expr, data_type: Option<&DataType>) {
        let Some(found) = data_type.filter(|t| t.is_numeric() || t.is_temporal() || is_nested(t)) else { return };
        if matches!(op, UnaryOperator::Not | UnaryOperator::BangNot) {
            let message = format!("NOT needs a BOOLEAN, not {found}");
            self.error(operand.span(), "type-mismatch", message, Some("Compare it with something first.".to_owned()));
        }
    }
}

/// Tells whether a SELECT defines a window of this name.
fn names_window(select: &Select, name: &Ident) -> bool {
    select.named_window.iter().any(|window| same(&window.0.value, &name.value))
}

/// The items of a SELECT list, with their aliases; none if a star moves their positions.
fn items(select: &Select) -> Vec<(&Expr, Option<&Ident>)> {
    let items = select.projection.iter().map(|item| match item {
        SelectItem::UnnamedExpr(e) => Some((e, None)),
        SelectItem::ExprWithAlias { expr, alias } => Some((expr, Some(alias))),
        _ => None,
    });
    items.collect::<Option<_>>().unwrap_or_default()
}

/// Tells whether a call aggregates; `LIKE ANY (…)` is read as if it were a call of `any`.
fn is_true_aggregate(call: &Function) -> bool {
    let quantifier = matches!(call.name.0.as_slice(), [ObjectNamePart::Identifier(name)]
        if ["any", "some", "all", "every"].iter().any(|word| name.value.eq_ignore_ascii_case(word)));
    is_aggregate(call) && !quantifier
}

/// Tells whether an aggregate is one of an outer query's columns, which is another query's business.
fn outer_only(call: &Expr, scope: &Scope<'_>) -> bool {
    let mut open = children(call);
    let (mut outer, mut own) = (scope.parent.is_some() && open.is_empty(), false);
    while let Some(e) = open.pop() {
        let parts: Vec<String> = match e {
            Expr::Identifier(ident) => vec![ident.value.clone()],
            Expr::CompoundIdentifier(idents) => idents.iter().map(|i| i.value.clone()).collect(),
            other => {
                open.extend(children(other));
                continue;
            }
        };
        match scope.find(&parts) {
            Found::Column { .. } => own = true,
            _ => outer = true,
        }
    }
    outer && !own
}

fn is_nested(t: &DataType) -> bool {
    matches!(t, DataType::Array(_) | DataType::Map(..) | DataType::Struct(_))
}
