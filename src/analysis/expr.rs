//! Expressions: the names in them, and the types of their results.

use sqlparser::ast::{
    AccessExpr, BinaryOperator, CeilFloorKind, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArguments, Ident, Interval, JsonPathElem, ObjectNamePart, Subscript, UnaryOperator,
    Value, WindowFrameBound, WindowType,
};

use super::lineage::How;
use super::resolve::Resolver;
use super::scope::{Scope, same};
use super::types::{self, Arithmetic};
use super::{Column, DataType};
use crate::diag::{Diagnostic, did_you_mean};
use crate::dialect::functions::{self, FunctionKind, Returns, function, in_known_family};
use crate::dialect::{decimal_size, split_number};

impl Resolver<'_> {
    /// Resolves the names in an expression and infers its type.
    pub(super) fn expr(&mut self, e: &Expr, scope: &Scope<'_>) -> Option<DataType> {
        match e {
            Expr::Identifier(ident) => self.name(std::slice::from_ref(ident), scope),
            Expr::CompoundIdentifier(idents) => self.name(idents, scope),
            Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain, scope),
            Expr::Function(call) => self.function(call, scope),
            Expr::BinaryOp { .. } => self.binary(e, scope),
            Expr::Lambda(lambda) => {
                let params = lambda.params.iter().map(|p| p.name.value.clone()).collect();
                self.expr(&lambda.body, &Scope { params, parent: Some(scope), ..Scope::default() })
            }
            Expr::Subquery(query) => {
                let output = self.query(query, Some(scope));
                self.note_output(&output);
                let columns = output.complete()?;
                self.check_width(query, columns.len(), 1);
                columns.into_iter().next().and_then(|c: Column| c.data_type)
            }
            Expr::Exists { subquery, .. } => {
                let output = self.query(subquery, Some(scope));
                self.adopt(output.rows);
                Some(DataType::Boolean)
            }
            Expr::InSubquery { expr, subquery, .. } => {
                self.expr(expr, scope);
                let output = self.query(subquery, Some(scope));
                self.note_output(&output);
                let wanted = match &**expr {
                    Expr::Tuple(parts) => parts.len(),
                    _ => 1,
                };
                if let Some(columns) = output.complete() {
                    self.check_width(subquery, columns.len(), wanted);
                }
                Some(DataType::Boolean)
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                if let Some(operand) = operand {
                    self.expr(operand, scope);
                }
                let mut results = Vec::new();
                for when in conditions {
                    self.expr(&when.condition, scope);
                    results.push(self.expr(&when.result, scope));
                }
                if let Some(result) = else_result {
                    results.push(self.expr(result, scope));
                }
                types::common(results.iter().map(Option::as_ref))
            }
            other => {
                let inner: Vec<_> = children(other).into_iter().map(|child| self.expr(child, scope)).collect();
                if let Expr::UnaryOp { op, expr } = other {
                    self.check_not(*op, expr, inner.first().and_then(Option::as_ref));
                }
                type_of(other, &inner)
            }
        }
    }

    /// Chains of operators are walked without recursion: they can be thousands long.
    fn binary(&mut self, e: &Expr, scope: &Scope<'_>) -> Option<DataType> {
        let mut rest = Vec::new();
        let mut left = e;
        while let Expr::BinaryOp { left: inner, op, right } = left {
            rest.push((op, &**right));
            left = inner;
        }
        let mut literal = digits_of(left);
        let mut result = self.expr(left, scope);
        for (op, right) in rest.into_iter().rev() {
            let other = self.expr(right, scope);
            self.check_operands(op, right, (result.as_ref(), other.as_ref()));
            result = operated(op, result.as_ref(), other.as_ref(), (literal, digits_of(right)));
            literal = None;
        }
        result
    }

    /// `a.b[0].c`: leading names together are a name, the rest leads into its value.
    fn access(&mut self, root: &Expr, chain: &[AccessExpr], scope: &Scope<'_>) -> Option<DataType> {
        let mut rest = chain;
        let mut result = match root {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                let mut idents = match root {
                    Expr::Identifier(ident) => vec![ident.clone()],
                    Expr::CompoundIdentifier(idents) => idents.clone(),
                    _ => Vec::new(),
                };
                while let [AccessExpr::Dot(Expr::Identifier(ident)), more @ ..] = rest {
                    idents.push(ident.clone());
                    rest = more;
                }
                self.name(&idents, scope)
            }
            other => self.expr(other, scope),
        };
        for step in rest {
            result = match step {
                AccessExpr::Dot(Expr::Identifier(ident)) => field_type(result.as_ref(), &ident.value),
                AccessExpr::Dot(Expr::Function(call)) => {
                    self.arguments(call, scope);
                    None
                }
                AccessExpr::Dot(_) => None,
                AccessExpr::Subscript(Subscript::Index { index }) => {
                    self.expr(index, scope);
                    match result {
                        Some(DataType::Array(element)) => element.map(|t| *t),
                        Some(DataType::Map(_, value)) => value.map(|t| *t),
                        Some(DataType::Struct(_)) => text(index).and_then(|name| field_type(result.as_ref(), name)),
                        _ => None,
                    }
                }
                AccessExpr::Subscript(_) => None,
            };
        }
        result
    }

    fn function(&mut self, call: &Function, scope: &Scope<'_>) -> Option<DataType> {
        let mark = self.mark();
        let types = self.arguments(call, scope);
        if self.trace.is_some() {
            let rows = call.over.is_some() || is_aggregate(call);
            self.raise(mark, if rows { How::Aggregated } else { How::Computed });
        }
        // A name with a schema is somebody's own function.
        let [ObjectNamePart::Identifier(ident)] = call.name.0.as_slice() else { return None };
        let name = ident.value.to_ascii_lowercase();
        if name == "identifier" {
            // What it names is known only where its markers are.
            return None;
        }
        let Some(known) = function(&name) else {
            self.unknown_function(ident);
            return None;
        };
        self.check_call(call, ident, known);
        self.check_summed(call, ident, types.first().and_then(Option::as_ref));
        let list = match &call.args {
            FunctionArguments::List(list) => list.args.as_slice(),
            _ => &[],
        };
        let exprs: Vec<Option<&Expr>> = list.iter().map(positional).collect();
        match name.as_str() {
            "transform" => return Some(DataType::Array(types.get(1).cloned().flatten().map(Box::new))),
            "struct" => {
                let fields = exprs.iter().zip(&types).enumerate();
                let fields =
                    fields.map(|(i, (e, t))| (e.map_or(format!("col{}", i + 1), |e| field_name(e, i)), t.clone()));
                return exprs.iter().all(Option::is_some).then(|| DataType::Struct(fields.collect()));
            }
            "named_struct" => {
                let names = exprs.iter().step_by(2).map(|e| e.and_then(text).map(str::to_owned));
                let names: Option<Vec<String>> = names.collect();
                let values = types.iter().skip(1).step_by(2).cloned();
                return Some(DataType::Struct(names?.into_iter().zip(values).collect()));
            }
            "reverse" if matches!(types.first(), Some(Some(t)) if *t != DataType::String) => {
                return types.first().cloned().flatten().filter(|t| matches!(t, DataType::Array(_)));
            }
            "extract" | "date_part" | "datepart" => return None,
            other => {
                let literals: Vec<Option<u32>> = exprs.iter().map(|e| e.and_then(digits_of)).collect();
                if let Some(result) = types::particular(other, &types, &literals) {
                    return result;
                }
            }
        }
        let places = match exprs.get(1) {
            None => Some(0),
            Some(e) => e.and_then(integer),
        };
        if list.iter().any(|arg| positional(arg).is_none()) && !matches!(known.returns, Returns::Type(_)) {
            return None;
        }
        types::returned(&known.returns, &types, places)
    }

    /// Resolves a call's arguments and clauses; returns the arguments' types.
    fn arguments(&mut self, call: &Function, scope: &Scope<'_>) -> Vec<Option<DataType>> {
        let mut types = Vec::new();
        match &call.args {
            FunctionArguments::None => {}
            FunctionArguments::Subquery(query) => {
                let output = self.query(query, Some(scope));
                self.note_output(&output);
            }
            FunctionArguments::List(list) => {
                for (i, arg) in list.args.iter().enumerate() {
                    types.push(match i == 0 && takes_unit(call) {
                        true => None,
                        false => self.argument(arg, scope),
                    });
                }
            }
        }
        for clause in clauses(call) {
            self.expr(clause, scope);
        }
        types
    }

    /// Resolves one argument.
    pub(super) fn argument(&mut self, arg: &FunctionArg, scope: &Scope<'_>) -> Option<DataType> {
        let (FunctionArg::Unnamed(arg) | FunctionArg::Named { arg, .. } | FunctionArg::ExprNamed { arg, .. }) = arg;
        match arg {
            FunctionArgExpr::Expr(e) => self.expr(e, scope),
            _ => None,
        }
    }

    fn check_call(&mut self, call: &Function, ident: &Ident, known: &functions::Function) {
        if known.kind == FunctionKind::Window && call.over.is_none() {
            let message = format!("`{}` needs an OVER clause", ident.value);
            let help = format!("Write `{}(…) OVER (PARTITION BY … ORDER BY …)`.", ident.value);
            self.error(ident.span, "missing-over", message, Some(help));
        }
        let FunctionArguments::List(list) = &call.args else { return };
        if list.args.iter().any(|arg| positional(arg).is_none()) || is_quantifier(ident) {
            return;
        }
        let count = list.args.len();
        if count >= known.min_args && known.max_args.is_none_or(|max| count <= max) {
            return;
        }
        let wanted = match (known.min_args, known.max_args) {
            (0, Some(0)) => "no arguments".to_owned(),
            (1, Some(1)) => "1 argument".to_owned(),
            (min, Some(max)) if min == max => format!("{min} arguments"),
            (min, Some(max)) => format!("{min} to {max} arguments"),
            (min, None) => format!("at least {min} arguments"),
        };
        let message = format!("`{}` takes {wanted}, not {count}", ident.value);
        self.error(ident.span, "wrong-arguments", message, None);
    }

    fn unknown_function(&mut self, ident: &Ident) {
        if is_quantifier(ident) || in_known_family(&ident.value) {
            return;
        }
        match did_you_mean(&ident.value, functions::functions().map(|f| f.name)) {
            Some(near) if ident.value.len() > 3 => {
                let message = format!("there is no function `{}`", ident.value);
                self.error(ident.span, "unknown-function", message, Some(format!("Did you mean `{near}`?")));
            }
            _ => {
                let message = format!("`{}` is no built-in function", ident.value);
                let help = "If it is a function of your own, write it with its schema.".to_owned();
                self.report(ident.span, Diagnostic::warning("unknown-function", message), Some(help));
            }
        }
    }
}

/// Tells whether a name may be that of `LIKE ALL ('a', 'b')`, which is read as if it were a call.
fn is_quantifier(ident: &Ident) -> bool {
    ["all", "any", "some"].iter().any(|word| ident.value.eq_ignore_ascii_case(word))
}

/// Tells whether a call aggregates rows: an aggregate function that is not used over a window.
pub(super) fn is_aggregate(call: &Function) -> bool {
    let [ObjectNamePart::Identifier(ident)] = call.name.0.as_slice() else { return false };
    call.over.is_none() && function(&ident.value).is_some_and(|f| f.kind == FunctionKind::Aggregate)
}

/// Tells whether any argument is a lambda.
pub(super) fn takes_lambda(call: &Function) -> bool {
    match &call.args {
        FunctionArguments::List(list) => list.args.iter().any(|a| matches!(positional(a), Some(Expr::Lambda(_)))),
        _ => false,
    }
}

/// Tells whether the first argument is a unit of time, such as `MONTH`, and no column.
fn takes_unit(call: &Function) -> bool {
    const WITH_UNIT: [&str; 6] = ["date_add", "date_diff", "dateadd", "datediff", "timestampadd", "timestampdiff"];
    let [ObjectNamePart::Identifier(ident)] = call.name.0.as_slice() else { return false };
    let FunctionArguments::List(list) = &call.args else { return false };
    list.args.len() == 3 && WITH_UNIT.iter().any(|name| name.eq_ignore_ascii_case(&ident.value))
}

/// The expression of an argument that has no name and is no star.
fn positional(arg: &FunctionArg) -> Option<&Expr> {
    match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(e),
        _ => None,
    }
}

/// The expressions in a call's clauses: FILTER, WITHIN GROUP, OVER and those inside the parentheses.
fn clauses(call: &Function) -> Vec<&Expr> {
    let mut found: Vec<&Expr> = call.filter.as_deref().into_iter().collect();
    found.extend(call.within_group.iter().map(|o| &o.expr));
    if let FunctionArguments::List(list) = &call.args {
        for clause in &list.clauses {
            match clause {
                FunctionArgumentClause::OrderBy(keys) => found.extend(keys.iter().map(|o| &o.expr)),
                FunctionArgumentClause::Limit(e) => found.push(e),
                _ => {}
            }
        }
    }
    if let Some(WindowType::WindowSpec(spec)) = &call.over {
        found.extend(spec.partition_by.iter().chain(spec.order_by.iter().map(|o| &o.expr)));
        if let Some(frame) = &spec.window_frame {
            for bound in std::iter::once(&frame.start_bound).chain(&frame.end_bound) {
                if let WindowFrameBound::Preceding(Some(e)) | WindowFrameBound::Following(Some(e)) = bound {
                    found.push(e);
                }
            }
        }
    }
    found
}

/// The expressions directly inside an expression. Subqueries are not among them, and neither is a unit of time.
pub(super) fn children(e: &Expr) -> Vec<&Expr> {
    match e {
        Expr::IsFalse(e) | Expr::IsNotFalse(e) | Expr::IsTrue(e) | Expr::IsNotTrue(e) | Expr::IsNull(e) => vec![e],
        Expr::IsNotNull(e) | Expr::IsUnknown(e) | Expr::IsNotUnknown(e) | Expr::Nested(e) => vec![e],
        Expr::IsDistinctFrom(a, b) | Expr::IsNotDistinctFrom(a, b) => vec![a, b],
        Expr::BinaryOp { .. } => {
            let mut found = Vec::new();
            let mut left = e;
            while let Expr::BinaryOp { left: inner, right, .. } = left {
                found.push(&**right);
                left = inner;
            }
            found.push(left);
            found.reverse();
            found
        }
        Expr::InList { expr, list, .. } => std::iter::once(&**expr).chain(list).collect(),
        Expr::InSubquery { expr, .. } => vec![expr],
        Expr::InUnnest { expr, array_expr, .. } => vec![expr, array_expr],
        Expr::Between { expr, low, high, .. } => vec![expr, low, high],
        Expr::Like { expr, pattern, .. } | Expr::ILike { expr, pattern, .. } => vec![expr, pattern],
        Expr::SimilarTo { expr, pattern, .. } | Expr::RLike { expr, pattern, .. } => vec![expr, pattern],
        Expr::AnyOp { left, right, .. } | Expr::AllOp { left, right, .. } => vec![left, right],
        Expr::UnaryOp { expr, .. } | Expr::Cast { expr, .. } | Expr::Extract { expr, .. } => vec![expr],
        Expr::Ceil { expr, .. } | Expr::Floor { expr, .. } | Expr::Collate { expr, .. } => vec![expr],
        Expr::Named { expr, .. } | Expr::Convert { expr, .. } => vec![expr],
        Expr::AtTimeZone { timestamp, time_zone } => vec![timestamp, time_zone],
        Expr::Position { expr, r#in } => vec![expr, r#in],
        Expr::Substring { expr, substring_from, substring_for, .. } => {
            std::iter::once(&**expr).chain(substring_from.as_deref()).chain(substring_for.as_deref()).collect()
        }
        Expr::Trim { expr, trim_what, trim_characters, .. } => {
            std::iter::once(&**expr).chain(trim_what.as_deref()).chain(trim_characters.iter().flatten()).collect()
        }
        Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
            [expr, overlay_what, overlay_from].into_iter().chain(overlay_for).map(|e| &**e).collect()
        }
        Expr::Case { operand, conditions, else_result, .. } => {
            let whens = conditions.iter().flat_map(|w| [&w.condition, &w.result]);
            operand.as_deref().into_iter().chain(whens).chain(else_result.as_deref()).collect()
        }
        Expr::Tuple(list) => list.iter().collect(),
        Expr::Struct { values, .. } => values.iter().collect(),
        Expr::Array(array) => array.elem.iter().collect(),
        Expr::Map(map) => map.entries.iter().flat_map(|entry| [&*entry.key, &*entry.value]).collect(),
        Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => sets.iter().flatten().collect(),
        Expr::JsonAccess { value, path } => {
            let keys = path.path.iter().filter_map(|step| match step {
                JsonPathElem::Bracket { key } | JsonPathElem::ColonBracket { key } => Some(key),
                JsonPathElem::Dot { .. } => None,
            });
            // A star between the brackets reads as a name of nothing.
            std::iter::once(&**value).chain(keys.filter(|k| !matches!(k, Expr::Wildcard(_)))).collect()
        }
        Expr::CompoundFieldAccess { root, access_chain } => {
            let indexes = access_chain.iter().filter_map(|step| match step {
                AccessExpr::Subscript(Subscript::Index { index }) => Some(index),
                _ => None,
            });
            std::iter::once(&**root).chain(indexes).collect()
        }
        Expr::Function(call) => {
            let unit = usize::from(takes_unit(call));
            let args = match &call.args {
                FunctionArguments::List(list) => list.args.as_slice(),
                _ => &[],
            };
            let args = args.iter().skip(unit).filter_map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(e))
                | FunctionArg::Named { arg: FunctionArgExpr::Expr(e), .. } => Some(e),
                _ => None,
            });
            args.chain(clauses(call)).collect()
        }
        _ => Vec::new(),
    }
}

/// The type of an expression whose parts, as [`children`] gives them, have these types.
fn type_of(e: &Expr, inner: &[Option<DataType>]) -> Option<DataType> {
    let first = || inner.first().cloned().flatten();
    match e {
        Expr::Nested(_) | Expr::Named { .. } | Expr::Collate { .. } => first(),
        Expr::IsFalse(_) | Expr::IsNotFalse(_) | Expr::IsTrue(_) | Expr::IsNotTrue(_) | Expr::IsNull(_) => {
            Some(DataType::Boolean)
        }
        Expr::IsNotNull(_) | Expr::IsUnknown(_) | Expr::IsNotUnknown(_) => Some(DataType::Boolean),
        Expr::IsDistinctFrom(..) | Expr::IsNotDistinctFrom(..) | Expr::InList { .. } => Some(DataType::Boolean),
        Expr::Between { .. } | Expr::Like { .. } | Expr::ILike { .. } | Expr::RLike { .. } => Some(DataType::Boolean),
        Expr::AnyOp { .. } | Expr::AllOp { .. } | Expr::SimilarTo { .. } => Some(DataType::Boolean),
        Expr::UnaryOp { op: UnaryOperator::Not | UnaryOperator::BangNot, .. } => Some(DataType::Boolean),
        Expr::UnaryOp { .. } => first(),
        Expr::Cast { data_type, array: false, .. } => DataType::parse(&data_type.to_string()),
        Expr::TypedString(typed) => DataType::parse(&typed.data_type.to_string()),
        // A part of an interval has a type of its own.
        Expr::Extract { .. } if matches!(first(), Some(DataType::Interval(_))) => None,
        Expr::Extract { field: DateTimeField::Second | DateTimeField::Seconds, .. } => Some(DataType::Decimal(8, 6)),
        Expr::Extract { .. } | Expr::Position { .. } => Some(DataType::Int),
        Expr::Ceil { field, .. } | Expr::Floor { field, .. } => match field {
            CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => types::returned(&Returns::Whole, inner, None),
            _ => None,
        },
        Expr::Substring { .. } => first().filter(|t| matches!(t, DataType::String | DataType::Binary)),
        Expr::Overlay { .. } if first() == Some(DataType::Binary) => Some(DataType::Binary),
        Expr::Trim { .. } | Expr::Overlay { .. } => Some(DataType::String),
        Expr::Struct { values, .. } => {
            let names = values.iter().enumerate().map(|(i, e)| field_name(e, i));
            Some(DataType::Struct(names.zip(inner.iter().cloned()).collect()))
        }
        Expr::Array(_) => Some(DataType::Array(types::common(inner.iter().map(Option::as_ref)).map(Box::new))),
        Expr::Interval(interval) => interval_unit(interval).map(DataType::Interval),
        Expr::JsonAccess { .. } => first().filter(|t| matches!(t, DataType::String | DataType::Variant)),
        Expr::Value(value) => literal_type(&value.value),
        _ => None,
    }
}

fn literal_type(value: &Value) -> Option<DataType> {
    Some(match value {
        Value::Number(text, true) => DataType::parse("bigint").filter(|_| !text.contains('.'))?,
        Value::Number(text, false) => {
            let (text, suffix) = split_number(text);
            if let Some(typed) = match suffix {
                "Y" => Some(DataType::TinyInt),
                "S" => Some(DataType::SmallInt),
                "F" => Some(DataType::Float),
                "D" => Some(DataType::Double),
                _ => None,
            } {
                typed
            } else if suffix == "BD" {
                let (digits, scale) = decimal_size(text);
                DataType::parse(&format!("decimal({digits}, {scale})"))?
            } else if text.contains(['e', 'E']) {
                DataType::Double
            } else if let Some((whole, fraction)) = text.split_once('.') {
                let whole = whole.trim_start_matches('0').len();
                DataType::parse(&format!("decimal({}, {})", (whole + fraction.len()).max(1), fraction.len()))?
            } else if text.parse::<i32>().is_ok() {
                DataType::Int
            } else if text.parse::<i64>().is_ok() {
                DataType::BigInt
            } else {
                DataType::parse(&format!("decimal({}, 0)", text.len()))?
            }
        }
        Value::SingleQuotedString(_) | Value::DoubleQuotedString(_) => DataType::String,
        Value::HexStringLiteral(_) => DataType::Binary,
        Value::Boolean(_) => DataType::Boolean,
        Value::Null => DataType::Void,
        _ => return None,
    })
}

/// The units of an interval; none where they stand in its text.
fn interval_unit(interval: &Interval) -> Option<String> {
    let unit = |field: &DateTimeField| {
        let name = field.to_string().to_uppercase();
        name.strip_suffix('S').map_or(name.clone(), str::to_owned)
    };
    match (&interval.leading_field, &interval.last_field) {
        (Some(first), Some(last)) => Some(format!("{} TO {}", unit(first), unit(last))),
        // A week is kept as days, and parts of a second as seconds.
        (Some(first), None) => Some(match unit(first).as_str() {
            "WEEK" => "DAY".to_owned(),
            "MILLISECOND" | "MICROSECOND" => "SECOND".to_owned(),
            other => other.to_owned(),
        }),
        _ => None,
    }
}

fn operated(
    op: &BinaryOperator,
    a: Option<&DataType>,
    b: Option<&DataType>,
    literals: (Option<u32>, Option<u32>),
) -> Option<DataType> {
    use BinaryOperator as B;
    let arithmetic = |op| types::arithmetic(op, a, b, literals);
    match op {
        B::Plus => arithmetic(Arithmetic::Add),
        B::Minus => arithmetic(Arithmetic::Subtract),
        B::Multiply => arithmetic(Arithmetic::Multiply),
        B::Divide => arithmetic(Arithmetic::Divide),
        B::Modulo => arithmetic(Arithmetic::Modulo),
        B::MyIntegerDivide => Some(DataType::BigInt),
        B::StringConcat => types::returned(&Returns::Concat, &[a.cloned(), b.cloned()], None),
        B::And | B::Or | B::Eq | B::NotEq | B::Lt | B::LtEq | B::Gt | B::GtEq | B::Spaceship | B::Regexp => {
            Some(DataType::Boolean)
        }
        _ => None,
    }
}

/// The number of digits of a whole-number literal.
fn digits_of(e: &Expr) -> Option<u32> {
    match e {
        Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => digits_of(inner),
        Expr::Value(v) => match &v.value {
            Value::Number(text, _) => {
                let (digits, suffix) = split_number(text);
                let whole = digits.bytes().all(|b| b.is_ascii_digit()) && matches!(suffix, "" | "S");
                u32::try_from(digits.trim_start_matches('0').len().max(1)).ok().filter(|_| whole)
            }
            _ => None,
        },
        _ => None,
    }
}

/// A whole number as written, without sign: a position in GROUP BY or ORDER BY.
pub(super) fn whole_number(e: &Expr) -> Option<i64> {
    match e {
        Expr::Value(v) => match &v.value {
            Value::Number(text, _) => text.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

/// A whole-number literal, with or without sign.
pub(super) fn integer(e: &Expr) -> Option<i64> {
    match e {
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => whole_number(expr).map(|n| -n),
        other => whole_number(other),
    }
}

/// The text of a string literal.
pub(super) fn text(e: &Expr) -> Option<&str> {
    match e {
        Expr::Value(v) => match &v.value {
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// The type of a field of a struct.
pub(super) fn field_type(data_type: Option<&DataType>, field: &str) -> Option<DataType> {
    match data_type? {
        DataType::Struct(fields) => fields.iter().find(|(name, _)| same(name, field)).and_then(|(_, t)| t.clone()),
        DataType::Map(_, value) => value.as_deref().cloned(),
        _ => None,
    }
}

/// Names that stand for something without being columns: functions without parentheses, and what Databricks adds to
/// rows by itself. The outer option tells whether it is such a name, the inner one is its type.
pub(super) fn without_parentheses(idents: &[Ident]) -> Option<Option<DataType>> {
    const FUNCTIONS: [&str; 8] = [
        "current_catalog",
        "current_database",
        "current_date",
        "current_schema",
        "current_timestamp",
        "current_user",
        "session_user",
        "user",
    ];
    const ADDED: [&str; 4] = ["_metadata", "grouping__id", "session_window", "window"];
    let [first, rest @ ..] = idents else { return None };
    let name = first.value.to_ascii_lowercase();
    if first.quote_style.is_none() && rest.is_empty() && FUNCTIONS.contains(&name.as_str()) {
        let returns = function(&name).map(|f| &f.returns);
        return Some(returns.and_then(|r| types::returned(r, &[], None)));
    }
    ADDED.contains(&name.as_str()).then_some(None)
}

/// The name of a struct's field made from an expression.
fn field_name(e: &Expr, index: usize) -> String {
    match e {
        Expr::Named { name, .. } => name.value.clone(),
        Expr::Identifier(ident) => ident.value.clone(),
        Expr::CompoundIdentifier(idents) => idents.last().map(|i| i.value.clone()).unwrap_or_default(),
        _ => format!("col{}", index + 1),
    }
}

/// The name of an output column without an alias.
pub(super) fn output_name(e: &Expr) -> String {
    match e {
        Expr::Identifier(ident) => ident.value.clone(),
        Expr::CompoundIdentifier(idents) => idents.last().map(|i| i.value.clone()).unwrap_or_default(),
        Expr::CompoundFieldAccess { access_chain, .. } => match access_chain.last() {
            Some(AccessExpr::Dot(Expr::Identifier(ident))) => ident.value.clone(),
            _ => e.to_string(),
        },
        Expr::JsonAccess { path, .. } => match path.path.last() {
            Some(JsonPathElem::Dot { key, .. }) => key.clone(),
            _ => e.to_string(),
        },
        Expr::Nested(inner) => output_name(inner),
        Expr::Function(call) => call.to_string().replace("count(*)", "count(1)"),
        other => other.to_string(),
    }
}
