//! Lints: queries that run, and probably do not mean what they say, or cost more than they need.
//!
//! A lint keeps silent where it cannot be sure. Each is a warning with a code that the project can raise, silence, or
//! allow in place. They look at a SELECT when its names have been resolved ([`Resolver::lint_select`]).

mod allow;
mod joined;
mod joins;
mod known;
mod models;
mod rows;
mod shapes;
mod values;
mod windows;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::ops::Range;

use sqlparser::ast::{Expr, Ident, Select};
use sqlparser::tokenizer::Span as TreeSpan;

pub use known::Known;

use super::resolve::Resolver;
use super::scope::Scope;
use super::{Column, DataType, Parsed, Relation};
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::dialect::TextMap;
use allow::Allowed;
use known::{Factor, Finder, Parts};

/// What a query is part of, as far as lints need to know.
pub struct Surroundings<'a> {
    /// Whether it is a model's query, and not a dashboard's or a test's.
    pub is_model: bool,
    /// Whether its rows are kept: a table's query, not a view's, a dataset's or a test's.
    pub is_table: bool,
    /// Whether it belongs to the layer that takes sources as they are.
    pub is_staging: bool,
    /// The time zone that the project counts its days in, if that is not UTC.
    pub time_zone: Option<&'a str>,
    /// What is known of the rows of a table, by the parts of its name.
    pub facts: &'a dyn Fn(&[String]) -> Known,
}

/// What was found in a query.
#[derive(Debug)]
pub struct Examined {
    /// Its columns; none where they cannot be told.
    pub columns: Option<Vec<Column>>,
    /// What is known of its rows.
    pub rows: Known,
    /// Mistakes.
    pub problems: Diagnostics,
    /// Lints that no comment allows.
    pub lints: Vec<Diagnostic>,
    /// What its comments allow.
    pub allows: Vec<Allow>,
    /// What could not be analysed, in words, with the place.
    pub unknown: Vec<(Span, String)>,
}

/// A lint that a comment allows.
#[derive(Clone, Debug)]
pub struct Allow {
    /// The lint's name or number, as written.
    pub name: String,
    /// Where it is written.
    pub span: Span,
    /// Whether it holds for the whole text.
    pub whole: bool,
    /// Whether there was anything to allow.
    pub used: bool,
}

/// Resolves all names of a query, as [`super::resolve`] does, and looks for what it probably does not mean.
pub fn examine(
    parsed: &Parsed,
    relation: &dyn Fn(&[String]) -> Option<Relation>,
    known: &[String],
    around: &Surroundings<'_>,
) -> Examined {
    let origin = |range| parsed.span(range);
    let mut finder = Finder::new(around.facts, relation);
    let rows = finder.query(&parsed.query);
    let lints = Lints::new(around, finder.parts, &parsed.map);
    let (columns, problems, lints) = Resolver::examine(parsed, &origin, relation, known, lints);
    let (allows, found, unknown) = lints.map(|l| (l.allows, l.found, l.unknown)).unwrap_or_default();
    let allow = |a: Allowed| Allow {
        name: a.name,
        whole: a.covers.end == parsed.map.text().len() && a.covers.start == 0,
        span: parsed.span(a.range),
        used: a.used,
    };
    Examined {
        columns,
        rows,
        problems,
        lints: found,
        allows: allows.into_iter().map(allow).collect(),
        unknown: unknown.into_iter().map(|(range, what)| (parsed.span(range), what)).collect(),
    }
}

/// What the lints carry along.
pub(super) struct Lints<'r> {
    around: &'r Surroundings<'r>,
    parts: Parts,
    allows: Vec<Allowed>,
    found: Vec<Diagnostic>,
    seen: HashSet<(usize, Range<usize>, &'static str)>,
    unknown: Vec<(Range<usize>, String)>,
    /// Whether the text minds rows that Fivetran has marked as deleted.
    minds_deleted: bool,
    /// Whether it speaks of cohorts, and of nothing that tells how old they are.
    ignores_age: bool,
}

impl<'r> Lints<'r> {
    fn new(around: &'r Surroundings<'r>, parts: Parts, map: &TextMap) -> Self {
        let text = map.text().to_ascii_lowercase();
        Self {
            around,
            parts,
            allows: allow::read(map.text()),
            found: Vec::new(),
            seen: HashSet::new(),
            unknown: Vec::new(),
            minds_deleted: ["_fivetran_deleted", "_fivetran_active"].iter().any(|name| text.contains(name)),
            ignores_age: models::ignores_age(&text),
        }
    }
}

impl Resolver<'_> {
    /// Looks at a SELECT whose names have been resolved.
    pub(super) fn lint_select(&mut self, select: &Select, scope: &Scope<'_>) {
        let Some(lints) = self.lints.as_ref().filter(|_| !self.is_quiet()) else { return };
        let factors = lints.parts.factors(select);
        self.lint_joins(select, scope, &factors);
        self.lint_values(select, scope, &factors);
        self.lint_windows(select, scope, &factors);
        self.lint_deleted(select, &factors);
        self.lint_cohorts(select);
    }

    /// Notes that a part of the query could not be analysed.
    pub(super) fn unknown(&mut self, span: TreeSpan, what: impl FnOnce() -> String) {
        if self.is_quiet() {
            return;
        }
        let range = self.map.range(span);
        if let Some(lints) = &mut self.lints
            && lints.unknown.iter().all(|(known, _)| *known != range)
        {
            lints.unknown.push((range, what()));
        }
    }

    /// Notes that nothing is known of a table's columns, unless it is a model: of that it has been told there.
    pub(super) fn unknown_relation(&mut self, span: TreeSpan, parts: &[String]) {
        if self.lints.as_ref().is_some_and(|lints| !(lints.around.facts)(parts).is_model) {
            self.unknown(span, || format!("the columns of `{}`, which are not declared", parts.join(".")));
        }
    }

    /// Reports a lint, unless a comment allows it.
    fn lint(&mut self, range: Range<usize>, diagnostic: Diagnostic) {
        let origin = self.place_of(range.clone());
        let Some(lints) = &mut self.lints else { return };
        let mut allowed = false;
        for allow in lints.allows.iter_mut().filter(|a| a.allows(diagnostic.code, range.start)) {
            (allow.used, allowed) = (true, true);
        }
        let place = (std::sync::Arc::as_ptr(&origin.file) as usize, origin.range.clone(), diagnostic.code);
        if !allowed && lints.seen.insert(place) {
            lints.found.push(diagnostic.at(origin));
        }
    }

    /// Reports a warning with a fix.
    fn warn(&mut self, span: TreeSpan, code: &'static str, message: String, help: impl Into<String>) {
        self.lint(self.map.range(span), Diagnostic::warning(code, message).help(help));
    }

    /// Reports a warning about a whole expression.
    fn warn_whole(&mut self, span: TreeSpan, code: &'static str, message: String, help: impl Into<String>) {
        self.lint(self.whole_range(span), Diagnostic::warning(code, message).help(help));
    }

    /// The type of an expression that has been resolved already.
    fn type_again(&mut self, e: &Expr, scope: &Scope<'_>) -> Option<DataType> {
        let quiet = self.set_quiet(true);
        let data_type = self.expr(e, scope);
        self.set_quiet(quiet);
        data_type
    }
}

/// What is known of the entry of FROM that a column belongs to.
enum Owner {
    /// This entry.
    Factor(usize),
    /// Nothing in FROM: an outer query's, an alias.
    Elsewhere,
    /// It cannot be told.
    Unclear,
}

/// Finds the entry of FROM that a column belongs to.
fn owner(idents: &[Ident], scope: &Scope<'_>, factors: &[Factor]) -> Owner {
    use super::scope::{Found, same};
    let by_name = |name: &str| factors.iter().position(|f| same(&f.name, name));
    let parts: Vec<String> = idents.iter().map(|i| i.value.clone()).collect();
    match scope.find(&parts) {
        Found::Column { source, .. } => match by_name(&scope.sources[source].label) {
            Some(factor) => Owner::Factor(factor),
            None if factors.len() == 1 => Owner::Factor(0),
            None => Owner::Unclear,
        },
        Found::Other { .. } => Owner::Elsewhere,
        _ => match idents {
            [.., table, _] => by_name(&table.value).map_or(Owner::Unclear, Owner::Factor),
            _ if factors.len() == 1 => Owner::Factor(0),
            _ => Owner::Unclear,
        },
    }
}
