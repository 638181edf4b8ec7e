//! Names and types: what every name of a query refers to, and which columns the query returns.
//!
//! One walk over the syntax tree finds tables, resolves columns and infers types. What it does not understand it takes
//! as unknown: a query that Databricks accepts must never be refused here.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use sqlparser::ast::{
    Cte, Expr, Ident, ObjectName, OrderBy, OrderByKind, Query, SetExpr, SetOperator, SetQuantifier, Spanned,
    TableAliasColumnDef, Values, Visit, With, visit_relations,
};
use sqlparser::tokenizer::Span as TreeSpan;

use super::lineage::{Clauses, How, Trace};
use super::lints::Lints;
use super::scope::{Found, Offered, Output, Scope, Source, same};
use super::{Column, DataType, Parsed, ReadPlace, Relation, TableRead, parse_sql, types};
use crate::diag::{Diagnostic, Diagnostics, Span, did_you_mean};
use crate::dialect::TextMap;

/// Resolves all names of a query and returns its output columns, with all problems found.
///
/// `relation` gives what is known of a table by the parts of its name; none says that there is no such table, which is
/// an error. `known` lists names of tables to suggest. The columns are none where they cannot be told, as with `*`
/// over a relation whose columns are not known.
pub fn resolve(
    parsed: &Parsed,
    relation: &dyn Fn(&[String]) -> Option<Relation>,
    known: &[String],
) -> (Option<Vec<Column>>, Diagnostics) {
    let origin = |range| parsed.span(range);
    let mut resolver = Resolver::new(&parsed.map, &origin, relation, known);
    let output = resolver.query(&parsed.query, None);
    (output.complete(), resolver.problems)
}

/// Parses and resolves the SQL text of anything that is not a model: see [`parse_sql`] and [`resolve`].
pub fn columns_of_sql(
    text: &str,
    origin: impl Fn(Range<usize>) -> Span + Send + Sync + 'static,
    relation: &dyn Fn(&[String]) -> Option<Relation>,
    known: &[String],
) -> (Option<Vec<Column>>, Diagnostics) {
    match parse_sql(text, origin) {
        Ok(parsed) => resolve(&parsed, relation, known),
        Err(problems) => (None, problems),
    }
}

/// Finds the tables that a query reads.
pub(super) fn reads(
    query: &Query,
    map: &TextMap,
    origin: &dyn Fn(Range<usize>) -> Span,
) -> (Vec<TableRead>, Vec<ReadPlace>) {
    let mut resolver = Resolver::new(map, origin, &|_| Some(Relation::Unknown), &[]);
    resolver.query(query, None);
    resolver.places.sort_by_key(|place| place.range.start);
    (resolver.reads, resolver.places)
}

/// The walk over a query.
pub(super) struct Resolver<'r> {
    pub(super) map: &'r TextMap,
    origin: &'r dyn Fn(Range<usize>) -> Span,
    pub(super) relation: &'r dyn Fn(&[String]) -> Option<Relation>,
    pub(super) known: &'r [String],
    /// Names defined by WITH that can be seen, the innermost last.
    pub(super) ctes: Vec<(String, Output)>,
    problems: Diagnostics,
    /// What was reported already, by file and place: a loop of the template writes the same text again and again.
    seen: HashSet<(usize, Range<usize>, String)>,
    /// Whether problems are dropped, because the same text is walked again.
    pub(super) quiet: bool,
    /// Where columns come from, if that is asked for.
    pub(super) trace: Option<Box<Trace>>,
    pub(super) reads: Vec<TableRead>,
    pub(super) places: Vec<ReadPlace>,
    /// What looks for more than mistakes; none where only these matter.
    pub(super) lints: Option<Lints<'r>>,
}

impl<'r> Resolver<'r> {
    /// Resolves a query and looks for lints on the way.
    pub(super) fn examine(
        parsed: &'r Parsed,
        origin: &'r dyn Fn(Range<usize>) -> Span,
        relation: &'r dyn Fn(&[String]) -> Option<Relation>,
        known: &'r [String],
        lints: Lints<'r>,
    ) -> (Option<Vec<Column>>, Diagnostics, Option<Lints<'r>>) {
        let mut resolver = Self::new(&parsed.map, origin, relation, known);
        resolver.lints = Some(lints);
        let output = resolver.query(&parsed.query, None);
        resolver.lint_query(&parsed.query);
        (output.complete(), resolver.problems, resolver.lints)
    }

    /// Tells whether problems are dropped.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Drops problems from now on, or no longer; returns what was so before.
    pub(super) fn set_quiet(&mut self, quiet: bool) -> bool {
        std::mem::replace(&mut self.quiet, quiet)
    }

    pub(super) fn new(
        map: &'r TextMap,
        origin: &'r dyn Fn(Range<usize>) -> Span,
        relation: &'r dyn Fn(&[String]) -> Option<Relation>,
        known: &'r [String],
    ) -> Self {
        Self {
            map,
            origin,
            relation,
            known,
            ctes: Vec::new(),
            problems: Diagnostics::new(),
            seen: HashSet::new(),
            quiet: false,
            trace: None,
            reads: Vec::new(),
            places: Vec::new(),
            lints: None,
        }
    }

    /// The place in a file that bytes of the text come from.
    pub(super) fn place_of(&self, range: Range<usize>) -> Span {
        (self.origin)(range)
    }

    /// The place in a file that a part of the syntax tree comes from.
    pub(super) fn span(&self, span: TreeSpan) -> Span {
        (self.origin)(self.map.range(span))
    }

    /// The place of a whole expression: that of the tree ends before its last parenthesis.
    pub(super) fn whole_range(&self, span: TreeSpan) -> Range<usize> {
        let range = self.map.range(span);
        let (text, mut end) = (self.map.text(), range.end);
        let mut depth: usize = 0;
        for c in text[range.clone()].chars() {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        // A call without arguments that have a place: `count(*)`.
        let called = depth == 0 && !range.is_empty() && text[end..].starts_with('(');
        if depth == 0 && !called {
            return range;
        }
        for c in text[end..].chars() {
            end += c.len_utf8();
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => continue,
            }
            if depth == 0 {
                return range.start..end;
            }
        }
        range
    }

    /// Reports an error at a part of the syntax tree, once.
    pub(super) fn error(&mut self, span: TreeSpan, code: &'static str, message: String, help: Option<String>) {
        self.report(span, Diagnostic::error(code, message), help);
    }

    pub(super) fn report(&mut self, span: TreeSpan, problem: Diagnostic, help: Option<String>) {
        self.report_at(self.map.range(span), problem, help);
    }

    pub(super) fn report_at(&mut self, range: Range<usize>, problem: Diagnostic, help: Option<String>) {
        if self.quiet {
            return;
        }
        let origin = (self.origin)(range);
        let place = (Arc::as_ptr(&origin.file) as usize, origin.range.clone(), problem.message.clone());
        if !self.seen.insert(place) {
            return;
        }
        let problem = problem.at(origin);
        self.problems.push(match help {
            Some(help) => problem.help(help),
            None => problem,
        });
    }

    /// Resolves a query and returns what it offers.
    pub(super) fn query(&mut self, query: &Query, parent: Option<&Scope<'_>>) -> Output {
        let outer_ctes = self.ctes.len();
        let outer = self.enter();
        if let Some(with) = &query.with {
            self.with(with, parent);
        }
        let (mut output, scope) = self.set_expr(&query.body, parent);
        if let Some(order_by) = &query.order_by {
            self.order_by(order_by, &output, scope.as_ref().or(parent));
        }
        if !query.pipe_operators.is_empty() {
            self.reads_of(&query.pipe_operators);
            output = Output::unknown();
        }
        self.ctes.truncate(outer_ctes);
        output.rows = self.leave(outer);
        output
    }

    /// Notes the tables named in a part of the tree that is not resolved further.
    fn reads_of<V: Visit>(&mut self, part: &V) {
        let mut names = Vec::new();
        let _ = visit_relations(part, |name| {
            names.push(name.clone());
            std::ops::ControlFlow::<()>::Continue(())
        });
        for name in &names {
            self.table(name);
        }
    }

    fn with(&mut self, with: &With, parent: Option<&Scope<'_>>) {
        for (i, cte) in with.cte_tables.iter().enumerate() {
            let name = &cte.alias.name;
            if with.cte_tables[..i].iter().any(|other| same(&other.alias.name.value, &name.value)) {
                let message = format!("WITH defines `{}` twice", name.value);
                self.error(name.span, "duplicate-name", message, Some("Give one of them another name.".to_owned()));
            }
            let output = if with.recursive { self.recursive_cte(cte, parent) } else { self.query(&cte.query, parent) };
            let output = self.renamed(output, &cte.alias.columns, &cte.alias.name);
            self.ctes.push((cte.alias.name.value.clone(), output));
        }
    }

    /// A recursive CTE has the columns of its first part, which does not read it.
    fn recursive_cte(&mut self, cte: &Cte, parent: Option<&Scope<'_>>) -> Output {
        let mut body = &*cte.query.body;
        while let SetExpr::Query(inner) = body {
            body = &inner.body;
        }
        let is_union = matches!(body, SetExpr::SetOperation { .. });
        while let SetExpr::SetOperation { left, .. } = body {
            body = left;
        }
        let quiet = std::mem::replace(&mut self.quiet, true);
        let outer_ctes = self.ctes.len();
        let outer = self.enter();
        if let Some(inner) = &cte.query.with {
            self.with(inner, parent);
        }
        let anchor = if is_union { self.set_expr(body, parent).0 } else { Output::unknown() };
        self.ctes.truncate(outer_ctes);
        let mut anchor = self.renamed(anchor, &cte.alias.columns, &cte.alias.name);
        anchor.rows = self.leave(outer);
        self.quiet = quiet;
        // A column of the next round may come from another one of this round.
        for _ in 0..=anchor.columns.len() {
            self.ctes.push((cte.alias.name.value.clone(), anchor.clone()));
            let round = self.query(&cte.query, parent);
            self.ctes.truncate(outer_ctes);
            if !self.grow(&mut anchor, &round) {
                break;
            }
        }
        anchor
    }

    /// Gives columns the names of an alias list: `t(a, b)`.
    pub(super) fn renamed(&mut self, output: Output, names: &[TableAliasColumnDef], table: &Ident) -> Output {
        if names.is_empty() {
            return output;
        }
        if !output.open && output.columns.len() != names.len() {
            let (there, here) = (output.columns.len(), names.len());
            let message = format!("`{}` has {}, and is given names for {here}", table.value, counted(there));
            self.error(table.span, "column-count", message, None);
        }
        let names = names.iter().map(|name| name.name.value.clone()).collect();
        self.with_names(output, names)
    }

    /// Gives columns these names, in this order.
    pub(super) fn with_names(&mut self, output: Output, names: Vec<String>) -> Output {
        let unknown = self.unknown_origin();
        let mut columns = if output.open { Vec::new() } else { output.columns }.into_iter();
        let named = names.into_iter().map(|name| match columns.next() {
            Some(Offered { column, origin }) => Offered::new(name, column.data_type, origin),
            None => Offered::new(name, None, unknown),
        });
        Output { columns: named.collect(), rows: output.rows, ..Output::default() }
    }

    /// Resolves a SELECT, or several joined by UNION and the like; returns also what ORDER BY may refer to.
    fn set_expr<'p>(&mut self, body: &SetExpr, parent: Option<&'p Scope<'p>>) -> (Output, Option<Scope<'p>>) {
        let mut rest = Vec::new();
        let mut first = body;
        while let SetExpr::SetOperation { left, op, set_quantifier, right } = first {
            rest.push((*op, *set_quantifier, &**right));
            first = left;
        }
        let (mut output, scope) = match first {
            SetExpr::Select(select) => {
                let (output, scope) = self.select(select, parent);
                (output, Some(scope))
            }
            SetExpr::Query(query) => {
                let output = self.query(query, parent);
                self.adopt(output.rows);
                (output, None)
            }
            SetExpr::Values(values) => (self.values(values, parent), None),
            SetExpr::Table(table) => {
                let parts = table.schema_name.iter().chain(&table.table_name).map(Ident::new);
                let output = self.table(&ObjectName::from(parts.collect::<Vec<_>>())).1;
                self.adopt(output.rows);
                (output, None)
            }
            other => {
                self.reads_of(other);
                (Output::unknown(), None)
            }
        };
        let single = rest.is_empty();
        for (op, quantifier, right) in rest.into_iter().rev() {
            let (other, _) = self.set_expr(right, parent);
            output = self.combined(output, op, quantifier, other, right);
        }
        (output, if single { scope } else { None })
    }

    /// What a set operation offers.
    fn combined(
        &mut self,
        left: Output,
        op: SetOperator,
        quantifier: SetQuantifier,
        right: Output,
        place: &SetExpr,
    ) -> Output {
        if left.open || right.open {
            return Output::unknown();
        }
        if matches!(op, SetOperator::Union) && !matches!(quantifier, SetQuantifier::All | SetQuantifier::AllByName) {
            for column in left.columns.iter().chain(&right.columns) {
                self.decides(column.origin, Clauses::GROUP);
            }
        } else if !matches!(op, SetOperator::Union) {
            for column in &right.columns {
                self.decides(column.origin, Clauses::FILTER);
            }
        }
        let by_name =
            matches!(quantifier, SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName);
        if by_name {
            let mut columns = left.columns;
            for column in right.columns {
                match columns.iter_mut().find(|c| same(&c.name, &column.name)) {
                    Some(c) => {
                        c.column.data_type = types::common([c.data_type.as_ref(), column.data_type.as_ref()]);
                        c.origin = self.both(c.origin, column.origin, How::Unchanged);
                    }
                    None => columns.push(column),
                }
            }
            return Output { columns, ..Output::default() };
        }
        if left.columns.len() != right.columns.len() {
            let span = match place {
                SetExpr::Select(select) => select.select_token.0.span,
                other => other.span(),
            };
            let (l, r) = (left.columns.len(), right.columns.len());
            let message = format!("{op} joins queries of {l} and {r} columns; both must have the same number");
            self.error(span, "column-count", message, None);
            return Output::unknown();
        }
        for (l, r) in left.columns.iter().zip(&right.columns) {
            self.check_union(&op.to_string(), place, l, r);
        }
        let columns = left.columns.into_iter().zip(right.columns).map(|(l, r)| {
            let data_type = types::common([l.data_type.as_ref(), r.data_type.as_ref()]);
            // What is left out is compared with, and nothing of it is returned.
            let origin = match op {
                SetOperator::Except | SetOperator::Minus => l.origin,
                _ => self.both(l.origin, r.origin, How::Unchanged),
            };
            Offered::new(l.column.name, data_type, origin)
        });
        Output { columns: columns.collect(), ..Output::default() }
    }

    fn values(&mut self, values: &Values, parent: Option<&Scope<'_>>) -> Output {
        let scope = Scope { parent, ..Scope::default() };
        let mark = self.mark();
        let mut columns: Vec<Option<DataType>> = Vec::new();
        let mut width = None;
        for row in &values.rows {
            let types: Vec<_> = row.content.iter().map(|e| self.expr(e, &scope)).collect();
            if *width.get_or_insert(types.len()) != types.len() {
                let here = counted(types.len());
                let message = format!("a row of VALUES has {here}, the first one has {}", columns.len());
                self.error(row.opening_token.0.span, "column-count", message, None);
                self.origin(mark);
                return Output::unknown();
            }
            columns = match columns.is_empty() {
                true => types,
                false => columns.iter().zip(&types).map(|(a, b)| types::common([a.as_ref(), b.as_ref()])).collect(),
            };
        }
        self.raise(mark, How::Computed);
        let origin = self.origin(mark);
        let columns = columns.into_iter().enumerate();
        let columns = columns.map(|(i, data_type)| Offered::new(format!("col{}", i + 1), data_type, origin));
        Output { columns: columns.collect(), ..Output::default() }
    }

    /// ORDER BY sees the output's columns first, then what the SELECT sees.
    fn order_by(&mut self, order_by: &OrderBy, output: &Output, parent: Option<&Scope<'_>>) {
        let OrderByKind::Expressions(keys) = &order_by.kind else { return };
        let source = Source { names: Vec::new(), label: "the result".to_owned(), output: output.clone() };
        let scope = Scope { sources: vec![source], is_output: true, parent, ..Scope::default() };
        for key in keys {
            let mark = self.mark();
            self.position(&key.expr, output, "ORDER BY");
            self.expr(&key.expr, &scope);
            self.influence(mark, Clauses::ORDER);
        }
    }

    /// Checks a column's number in GROUP BY and ORDER BY.
    pub(super) fn position(&mut self, key: &Expr, output: &Output, clause: &str) {
        let Some(number) = super::expr::whole_number(key) else { return };
        let count = output.columns.len();
        if !output.open && (number < 1 || number > count as i64) {
            let message = format!("{clause} {number}: the query has {}", counted(count));
            self.error(key.span(), "column-position", message, None);
        }
        let meant = usize::try_from(number - 1).ok().and_then(|at| output.columns.get(at));
        if let Some(column) = meant.filter(|_| !output.open) {
            self.note(column.origin);
        }
    }

    /// Resolves a name, reports it if nothing has it, and returns its type.
    pub(super) fn name(&mut self, idents: &[Ident], scope: &Scope<'_>) -> Option<DataType> {
        let parts: Vec<String> = idents.iter().map(|i| i.value.clone()).collect();
        let (found, origin, used) = match scope.find(&parts) {
            Found::Column { data_type, origin, used, .. } | Found::Other { data_type, origin, used } => {
                (data_type, origin, used)
            }
            Found::Perhaps => {
                if self.trace.is_some() && super::expr::without_parentheses(idents).is_none() {
                    self.note_presumed(&parts, scope);
                }
                return None;
            }
            missing => {
                if let Some(data_type) = super::expr::without_parentheses(idents) {
                    return data_type;
                }
                // A name that Spark makes of an expression, in its own way of writing.
                if idents.last().is_some_and(|i| i.quote_style.is_some() && i.value.contains(['(', '+', '*', '/', '=']))
                {
                    return None;
                }
                self.missing(idents, missing, scope);
                return None;
            }
        };
        let mark = self.mark();
        self.note(origin);
        if used < parts.len() {
            self.raise(mark, How::Computed);
        }
        let mut data_type = found;
        for ident in &idents[used..] {
            self.check_field(ident, data_type.as_ref());
            data_type = super::expr::field_type(data_type.as_ref(), &ident.value);
        }
        data_type
    }

    fn missing(&mut self, idents: &[Ident], found: Found, scope: &Scope<'_>) {
        let Some((first, last)) = idents.first().zip(idents.last()) else { return };
        let span = first.span.union(&last.span);
        let written = idents.iter().map(|i| i.value.as_str()).collect::<Vec<_>>().join(".");
        match found {
            Found::Ambiguous(labels) if labels.len() == 1 => {
                let message = format!("column `{written}` is ambiguous: `{}` has several of that name", labels[0]);
                let help = "Give them different names where they are made.".to_owned();
                self.error(span, "ambiguous-column", message, Some(help));
            }
            Found::Ambiguous(labels) => {
                let message = format!("column `{written}` is ambiguous: {} have it", list(&labels, "and"));
                let help = format!("Write `{}.{written}` or the other.", labels[0]);
                self.error(span, "ambiguous-column", message, Some(help));
            }
            Found::NotIn { label, columns, column } => {
                let message = format!("there is no column `{column}` in `{label}`");
                self.error(span, "unknown-column", message, Some(suggestion(&column, &columns)));
            }
            _ => {
                let labels = scope.labels();
                if idents.len() > 1 && !labels.iter().any(|l| same(l, &first.value)) {
                    let message = format!("there is no table, alias or column `{}` here", first.value);
                    let help = did_you_mean(&first.value, labels.iter().map(String::as_str))
                        .map(|near| format!("Did you mean `{near}`?"))
                        .or_else(|| (!labels.is_empty()).then(|| format!("Here are {}.", list(&labels, "and"))));
                    return self.error(span, "unknown-column", message, help);
                }
                let place = match labels.is_empty() {
                    true => "the query reads no table here".to_owned(),
                    false => format!("not in {}", list(&labels, "or")),
                };
                let message = format!("there is no column `{written}`: {place}");
                let visible = scope.visible();
                let help = if idents.len() == 1 && scope.is_unseen(&first.value) {
                    let word = "is an alias of the SELECT list, which WHERE cannot see";
                    Some(format!(
                        "`{written}` {word}: repeat its expression, or filter in an outer query or with QUALIFY."
                    ))
                } else {
                    (!visible.is_empty()).then(|| suggestion(&first.value, &visible))
                };
                self.error(span, "unknown-column", message, help);
            }
        }
    }
}

/// `1 column`, `2 columns`.
fn counted(count: usize) -> String {
    format!("{count} column{}", if count == 1 { "" } else { "s" })
}

/// `a`, `b` and `c`.
fn list(names: &[String], word: &str) -> String {
    let mut quoted: Vec<_> = names.iter().map(|n| format!("`{n}`")).collect();
    match quoted.pop() {
        Some(last) if quoted.is_empty() => last,
        Some(last) => format!("{} {word} {last}", quoted.join(", ")),
        None => String::new(),
    }
}

/// A near name, or the names there are.
pub(super) fn suggestion(name: &str, columns: &[String]) -> String {
    const MOST: usize = 12;
    if let Some(near) = did_you_mean(name, columns.iter().map(String::as_str)) {
        return format!("Did you mean `{near}`?");
    }
    let mut names: Vec<String> = Vec::new();
    for column in columns {
        if !names.contains(column) {
            names.push(column.clone());
        }
    }
    match names.len() {
        0 => "It has no columns.".to_owned(),
        n if n > MOST => format!("The columns are {}, … ({n} in all).", list(&names[..MOST], ",").replace(" , ", ", ")),
        1 => format!("The only column is {}.", list(&names, "and")),
        _ => format!("The columns are {}.", list(&names, "and")),
    }
}
