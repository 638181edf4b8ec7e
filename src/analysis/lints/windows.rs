//! Lints of window functions: ranks that chance decides, and frames that end too early.

use std::collections::BTreeSet;

use sqlparser::ast::{
    Expr, Function, GroupByExpr, Ident, NamedWindowExpr, Select, SelectItem, Spanned, WindowSpec, WindowType,
};

use super::super::expr::children;
use super::super::resolve::Resolver;
use super::super::scope::{Scope, same};
use super::known::{Factor, Place};
use super::shapes::{column_of, columns_of, expressions};
use super::values::called;
use super::{Owner, owner};

impl Resolver<'_> {
    pub(super) fn lint_windows(&mut self, select: &Select, scope: &Scope<'_>, factors: &[Factor]) {
        let mut open: Vec<&Expr> = expressions(select);
        while let Some(e) = open.pop() {
            open.extend(children(e));
            let Expr::Function(call) = e else { continue };
            let Some(spec) = call.over.as_ref().and_then(|over| spec(over, select)) else { continue };
            if called(call, &["row_number"]) {
                self.unordered_rank(call, spec, select, scope, factors);
            }
            if called(call, &["last_value", "last"]) {
                self.last_value_frame(call, spec);
            }
        }
    }

    fn last_value_frame(&mut self, call: &Function, spec: &WindowSpec) {
        // With NULLs left out it is the newest known value so far, and the frame is as it should be.
        let fills =
            call.null_treatment.is_some() || super::values::argument(call, 1).is_some() || has_null_clause(call);
        if fills || spec.window_frame.is_some() || spec.order_by.is_empty() {
            return;
        }
        let name = call.name.to_string();
        let message = format!("`{name}` gives the value of the current row: without a frame its window ends there");
        let help = "Add `ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING`, or take `first_value` in the opposite order.";
        self.warn(call.name.span(), "last-value-frame", message, help);
    }

    fn unordered_rank(
        &mut self,
        call: &Function,
        spec: &WindowSpec,
        select: &Select,
        scope: &Scope<'_>,
        factors: &[Factor],
    ) {
        let Some(lints) = self.lints.as_ref().filter(|lints| lints.around.is_model) else { return };
        let order: Vec<&Expr> = spec.order_by.iter().map(|key| &key.expr).collect();
        if order.is_empty() || order.iter().any(|key| decides(key)) {
            return;
        }
        let place = |idents: &[Ident]| -> Option<Place> {
            match owner(idents, scope, factors) {
                Owner::Factor(i) => Some((i, idents.last()?.value.to_lowercase())),
                _ => None,
            }
        };
        let keys = spec.partition_by.iter().chain(order.iter().copied());
        let ordered: BTreeSet<Place> = keys.clone().filter_map(|key| place(column_of(key)?)).collect();
        // Whatever ties has the same keys of a group, and so is one row.
        if let GroupByExpr::Expressions(group, _) = &select.group_by
            && !group.is_empty()
            && group.iter().all(|g| keys.clone().any(|key| key.to_string().eq_ignore_ascii_case(&g.to_string())))
        {
            return;
        }
        if lints.parts.keys(select).iter().any(|key| key.is_subset(&ordered)) {
            return;
        }
        if ties_are_alike(select, factors, &ordered, &place) {
            return;
        }
        let shown: Vec<String> = order.iter().map(|key| format!("`{key}`")).collect();
        let message = format!("rows with the same {} are numbered in any order", shown.join(", "));
        let help = "Add a column that is unique to the end of this ORDER BY, such as the table's key. If the project tests that \
                    these columns are unique together (`unique`), that is enough."
            .to_owned();
        self.warn(call.name.span(), "unordered-rank", message, help);
    }
}

/// The window of a call, also one that the SELECT names.
fn spec<'s>(over: &'s WindowType, select: &'s Select) -> Option<&'s WindowSpec> {
    match over {
        WindowType::WindowSpec(spec) if spec.window_name.is_none() => Some(spec),
        WindowType::WindowSpec(_) => None,
        WindowType::NamedWindow(name) => select.named_window.iter().find_map(|window| match &window.1 {
            NamedWindowExpr::WindowSpec(spec) if same(&window.0.value, &name.value) => Some(spec),
            _ => None,
        }),
    }
}

fn has_null_clause(call: &Function) -> bool {
    use sqlparser::ast::{FunctionArgumentClause, FunctionArguments};
    match &call.args {
        FunctionArguments::List(list) => {
            list.clauses.iter().any(|clause| matches!(clause, FunctionArgumentClause::IgnoreOrRespectNulls(_)))
        }
        _ => false,
    }
}

/// Tells whether a key of an order probably leaves no ties, or wants chance: an identifier, a random number.
fn decides(key: &Expr) -> bool {
    const CHANCE: [&str; 8] =
        ["rand", "random", "randn", "uuid", "monotonically_increasing_id", "hash", "xxhash64", "md5"];
    let mut open = vec![key];
    while let Some(e) = open.pop() {
        match e {
            Expr::Function(call) if called(call, &CHANCE) => return true,
            other => open.extend(children(other)),
        }
    }
    columns_of(key).iter().filter_map(|idents| idents.last()).any(|ident| is_identifier(&ident.value))
}

/// Tells whether a column identifies something, by its name.
fn is_identifier(name: &str) -> bool {
    const ENDS: [&str; 12] =
        ["_id", "uuid", "guid", "_key", "_sk", "_pk", "_no", "_number", "_seq", "sequence", "offset", "_lsn"];
    let lower = name.to_lowercase();
    let whole = ["id", "key", "rn", "seq", "rownum", "place", "position", "pos", "index"].contains(&lower.as_str());
    whole || ENDS.iter().any(|end| lower.ends_with(end)) || name.ends_with("Id") || name.ends_with("ID")
}

/// Tells whether rows with equal keys are equal in all that is shown, so that it does not matter which comes first.
fn ties_are_alike(
    select: &Select,
    factors: &[Factor],
    ordered: &BTreeSet<Place>,
    place: &dyn Fn(&[Ident]) -> Option<Place>,
) -> bool {
    select.projection.iter().all(|item| match item {
        SelectItem::UnnamedExpr(e) | SelectItem::ExprWithAlias { expr: e, .. } => {
            let mut open = vec![e];
            while let Some(e) = open.pop() {
                match e {
                    // The same for all rows of a partition, or judged by itself.
                    Expr::Function(call) if call.over.is_some() => {}
                    Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                        let fixed = column_of(e).and_then(place).is_some_and(|place| ordered.contains(&place));
                        if !fixed {
                            return false;
                        }
                    }
                    Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } | Expr::Lambda(_) => {
                        return false;
                    }
                    other => open.extend(children(other)),
                }
            }
            true
        }
        SelectItem::Wildcard(_) => factors.iter().enumerate().all(|(i, factor)| {
            factor.known.columns.as_ref().is_some_and(|c| c.iter().all(|c| ordered.contains(&(i, c.clone()))))
        }),
        _ => false,
    })
}
