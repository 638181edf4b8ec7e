//! `IDENTIFIER(text)`: names of tables, columns and functions that are computed from constants.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, ObjectNamePart,
    Query, Value, ValueWithSpan, VisitMut, VisitorMut,
};
use sqlparser::tokenizer::Span;

/// The text that the one argument of `IDENTIFIER` gives, if it is constant: strings, `||`, `concat`, and markers whose
/// values are known.
pub fn constant_text(args: &[FunctionArg], marker: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    match args {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))] => constant(expr, marker),
        _ => None,
    }
}

/// The text that a constant expression gives; see [`constant_text`].
pub fn constant(expr: &Expr, marker: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    match expr {
        Expr::Nested(inner) => constant(inner, marker),
        Expr::Value(ValueWithSpan { value, .. }) => match value {
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => Some(text.clone()),
            Value::Placeholder(name) => marker(name),
            _ => None,
        },
        Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => {
            Some(constant(left, marker)? + &constant(right, marker)?)
        }
        Expr::Function(function) if is_called(&function.name, "concat") => {
            let FunctionArguments::List(list) = &function.args else { return None };
            list.args.iter().map(|arg| constant_text(std::slice::from_ref(arg), marker)).collect()
        }
        _ => None,
    }
}

/// The parts of a name in a text, without back-quotes: `` a.`b.c` `` has two.
pub fn name_parts(text: &str) -> Vec<String> {
    let (mut parts, mut part, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.trim().chars() {
        match c {
            '`' => quoted = !quoted,
            '.' if !quoted => parts.push(std::mem::take(&mut part)),
            c => part.push(c),
        }
    }
    parts.push(part);
    parts
}

/// Puts names in the place of each `IDENTIFIER` in an expression, with the place of that word. `name` gives the parts
/// for the arguments of one, or `None` to leave it. Names of tables are left to those who look tables up.
pub fn put_names_in<E>(
    query: &mut Query,
    name: impl FnMut(&[FunctionArg], Span) -> Result<Option<Vec<String>>, E>,
) -> Result<(), E> {
    match query.visit(&mut Namer(name)) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Namer<F>(F);

impl<E, F: FnMut(&[FunctionArg], Span) -> Result<Option<Vec<String>>, E>> VisitorMut for Namer<F> {
    type Break = E;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<E> {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        match self.named(function) {
            Ok(Some(name)) => *expr = name,
            Ok(None) => {}
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    }
}

impl<E, F: FnMut(&[FunctionArg], Span) -> Result<Option<Vec<String>>, E>> Namer<F> {
    /// The column that a call of `IDENTIFIER` names; a function's name is put into the call.
    fn named(&mut self, function: &mut Function) -> Result<Option<Expr>, E> {
        match (function.name.0.as_slice(), &function.args) {
            ([ObjectNamePart::Identifier(word)], FunctionArguments::List(list))
                if is_called(&function.name, "identifier") =>
            {
                let span = word.span;
                let Some(parts) = (self.0)(&list.args, span)? else { return Ok(None) };
                let mut idents: Vec<_> =
                    parts.into_iter().map(|part| Ident::with_quote_and_span('`', span, part)).collect();
                Ok(Some(if idents.len() == 1 {
                    Expr::Identifier(idents.remove(0))
                } else {
                    Expr::CompoundIdentifier(idents)
                }))
            }
            ([ObjectNamePart::Function(computed)], _) => {
                let span = computed.name.span;
                if let Some(parts) = (self.0)(&computed.args, span)? {
                    let idents = parts.into_iter().map(|part| Ident::with_span(span, part));
                    function.name.0 = idents.map(ObjectNamePart::Identifier).collect();
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }
}

fn is_called(name: &ObjectName, word: &str) -> bool {
    matches!(name.0.as_slice(), [ObjectNamePart::Identifier(ident)]
        if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case(word))
}
