//! Scopes: which names can be seen at a place of a query, and what they refer to.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;

use super::lineage::{Origin, Rows, Table};
use super::{Column, DataType};

/// A column with where it comes from, as far as that is noted.
#[derive(Clone, Debug)]
pub(super) struct Offered {
    pub column: Column,
    pub origin: Origin,
}

impl From<Column> for Offered {
    fn from(column: Column) -> Self {
        Self { column, origin: Origin::default() }
    }
}

impl Deref for Offered {
    type Target = Column;

    fn deref(&self) -> &Column {
        &self.column
    }
}

/// What a query or a table offers to those who read it.
#[derive(Clone, Debug, Default)]
pub(super) struct Output {
    /// The columns that are known.
    pub columns: Vec<Offered>,
    /// Whether there may be others.
    pub open: bool,
    /// The table whose columns these others are, unchanged.
    pub passes: Option<Table>,
    /// What decides about the rows.
    pub rows: Rows,
}

impl Output {
    /// An output of which nothing is known.
    pub(super) fn unknown() -> Self {
        Self { open: true, ..Self::default() }
    }

    /// The columns, if they are all there are.
    pub(super) fn complete(self) -> Option<Vec<Column>> {
        (!self.open).then(|| self.columns.into_iter().map(|offered| offered.column).collect())
    }

    /// Adds what another output offers besides, and whether it may offer more.
    pub(super) fn extend(&mut self, other: &Self) {
        self.columns.extend(other.columns.iter().cloned());
        if other.open {
            self.passes = if self.open { None } else { other.passes };
            self.open = true;
        }
    }
}

/// An entry of FROM.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// The alias, or the parts of the table's name; in lower case.
    pub names: Vec<String>,
    /// What it is called in messages.
    pub label: String,
    /// What it offers.
    pub output: Output,
}

impl Source {
    pub(super) fn named(name: &str, output: Output) -> Self {
        Self { names: vec![name.to_lowercase()], label: name.to_owned(), output }
    }

    /// Tells whether several columns have a name, and are certainly not one that is shown twice: that is allowed.
    fn is_ambiguous(&self, name: &str) -> bool {
        let mut types = self.output.columns.iter().filter(|c| same(&c.name, name)).map(|c| c.data_type.as_ref());
        let Some(Some(first)) = types.next() else { return false };
        types.flatten().any(|other| other != first)
    }

    /// Finds a column by name.
    pub(super) fn column(&self, name: &str) -> Option<&Offered> {
        self.output.columns.iter().find(|c| same(&c.name, name))
    }

    /// Tells whether it can be called by these parts: its alias, its name, or its name with schema and catalog.
    fn answers_to(&self, parts: &[String]) -> bool {
        let start = self.names.len().checked_sub(parts.len());
        start.is_some_and(|start| self.names[start..].iter().zip(parts).all(|(a, b)| same(a, b)))
    }
}

/// The names that can be seen at a place.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    /// The entries of FROM so far.
    pub sources: Vec<Source>,
    /// Columns that USING or NATURAL made one, in lower case.
    pub merged: HashSet<String>,
    /// Of these, where those come from that are not simply the left one.
    pub merged_origins: HashMap<String, Origin>,
    /// Aliases of the SELECT list that may be used here.
    pub aliases: Vec<Offered>,
    /// Aliases of the SELECT list that may not be used here, for messages.
    pub unseen: Vec<String>,
    /// Parameters of a lambda.
    pub params: Vec<String>,
    /// Whether the sources are the query's own output, in which the first of several columns of a name is taken.
    pub is_output: bool,
    /// What can be seen round it.
    pub parent: Option<&'a Scope<'a>>,
}

/// What a name refers to.
#[derive(Debug)]
pub(super) enum Found {
    /// A column of a source of this very scope (by its index), with the number of name parts that lead to it.
    Column { source: usize, data_type: Option<DataType>, origin: Origin, used: usize },
    /// Something else that exists: an alias, a parameter, a column of an outer query.
    Other { data_type: Option<DataType>, origin: Origin, used: usize },
    /// It may exist in a source whose columns are not known.
    Perhaps,
    /// Several sources have it; their labels.
    Ambiguous(Vec<String>),
    /// A source answers to the first parts, and has no such column: its index and the column's name.
    NotIn { label: String, columns: Vec<String>, column: String },
    /// Nothing.
    Missing,
}

impl Scope<'_> {
    /// Finds what a name refers to; parts after those that are used name fields.
    pub(super) fn find(&self, parts: &[String]) -> Found {
        if parts.first().is_some_and(|p| self.params.iter().any(|q| same(p, q))) {
            return Found::Other { data_type: None, origin: Origin::default(), used: 1 };
        }
        let mut not_in = None;
        for used in (1..parts.len().min(4)).rev() {
            let (qualifier, column) = (&parts[..used], &parts[used]);
            let answering: Vec<usize> =
                (0..self.sources.len()).filter(|i| self.sources[*i].answers_to(qualifier)).collect();
            for &source in &answering {
                if let Some(found) = self.sources[source].column(column) {
                    if !self.is_output && self.sources[source].is_ambiguous(column) {
                        return Found::Ambiguous(vec![self.sources[source].label.clone()]);
                    }
                    let (data_type, origin) = (found.data_type.clone(), found.origin);
                    return Found::Column { source, data_type, origin, used: used + 1 };
                }
            }
            if answering.iter().any(|i| self.sources[*i].output.open) {
                return Found::Perhaps;
            }
            if let Some(&i) = answering.first() {
                let source = &self.sources[i];
                not_in.get_or_insert_with(|| Found::NotIn {
                    label: source.label.clone(),
                    columns: source.output.columns.iter().map(|c| c.name.clone()).collect(),
                    column: column.clone(),
                });
            }
        }
        let Some(first) = parts.first() else { return Found::Perhaps };
        // `purchases.customer_id` is no field of a number `purchases`: then the table is meant, and lacks the column.
        let is_it = |column: &Offered| parts.len() == 1 || may_have_fields(column.data_type.as_ref());
        let having: Vec<usize> =
            (0..self.sources.len()).filter(|i| self.sources[*i].column(first).is_some_and(is_it)).collect();
        match having.as_slice() {
            [] => {}
            [source, rest @ ..] => {
                let one = rest.is_empty() || self.is_output || self.merged.contains(&first.to_lowercase());
                if !one && !self.aliases.iter().any(|alias| same(&alias.name, first)) {
                    return Found::Ambiguous(having.iter().map(|i| self.sources[*i].label.clone()).collect());
                }
                let alone = !self.is_output && !self.aliases.iter().any(|alias| same(&alias.name, first));
                if alone && self.sources[*source].is_ambiguous(first) {
                    return Found::Ambiguous(vec![self.sources[*source].label.clone()]);
                }
                let found = self.sources[*source].column(first);
                let data_type = found.and_then(|c| c.data_type.clone());
                let own = found.map(|c| c.origin).unwrap_or_default();
                let origin = match self.merged_origins.is_empty() {
                    true => own,
                    false => self.merged_origins.get(&first.to_lowercase()).copied().unwrap_or(own),
                };
                return Found::Column { source: *source, data_type, origin, used: 1 };
            }
        }
        if let Some(alias) = self.aliases.iter().rev().find(|alias| same(&alias.name, first) && is_it(alias)) {
            return Found::Other { data_type: alias.data_type.clone(), origin: alias.origin, used: 1 };
        }
        if self.sources.iter().any(|s| s.output.open || (parts.len() == 1 && s.answers_to(parts))) {
            return Found::Perhaps;
        }
        let outer = self.parent.map_or(Found::Missing, |parent| parent.find(parts));
        match (outer, not_in) {
            (Found::Column { data_type, origin, used, .. }, _) => Found::Other { data_type, origin, used },
            (Found::Missing, Some(not_in)) => not_in,
            (outer, _) => outer,
        }
    }

    /// Finds the one table of unknown columns that a name which [`Scope::find`] takes for possible must be a column of,
    /// with the number of name parts that lead to the column.
    pub(super) fn presumed(&self, parts: &[String]) -> Option<(Table, usize)> {
        for used in (1..parts.len().min(4)).rev() {
            let mut answering = self.sources.iter().filter(|s| s.answers_to(&parts[..used]));
            if let Some(source) = answering.next() {
                return source.output.passes.filter(|_| answering.next().is_none()).map(|table| (table, used + 1));
            }
        }
        let mut open = self.sources.iter().filter(|s| s.output.open);
        let Some(source) = open.next() else { return self.parent?.presumed(parts) };
        let is_table = parts.len() == 1 && self.sources.iter().any(|s| s.answers_to(parts));
        let may_be_outer = self.parent.is_some_and(|parent| !matches!(parent.find(parts), Found::Missing));
        source.output.passes.filter(|_| open.next().is_none() && !is_table && !may_be_outer).map(|table| (table, 1))
    }

    /// Finds the source that answers to a name, here or further out.
    pub(super) fn source_named(&self, parts: &[String]) -> Option<&Output> {
        let here = self.sources.iter().find(|s| s.answers_to(parts)).map(|s| &s.output);
        here.or_else(|| self.parent.and_then(|parent| parent.source_named(parts)))
    }

    /// All columns that can be seen here, for suggestions.
    pub(super) fn visible(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.sources.iter().flat_map(|s| s.output.columns.iter().map(|c| c.name.clone())).collect();
        names.extend(self.aliases.iter().map(|alias| alias.name.clone()));
        names.extend(self.parent.map(Scope::visible).unwrap_or_default());
        names
    }

    /// Tells whether a name is an alias that WHERE or the like would have to see before it is made.
    pub(super) fn is_unseen(&self, name: &str) -> bool {
        self.unseen.iter().any(|alias| same(alias, name)) || self.parent.is_some_and(|parent| parent.is_unseen(name))
    }

    /// The labels of the sources that can be seen here: those of the scope itself, or of the next one that has any.
    pub(super) fn labels(&self) -> Vec<String> {
        if self.sources.is_empty() || self.is_output {
            return self.parent.map(Scope::labels).unwrap_or_default();
        }
        self.sources.iter().map(|s| s.label.clone()).collect()
    }
}

/// Tells whether a value of a type can be asked for a field.
fn may_have_fields(data_type: Option<&DataType>) -> bool {
    data_type.is_none_or(|data_type| {
        matches!(data_type, DataType::Struct(_) | DataType::Map(..) | DataType::Array(_) | DataType::Variant)
    })
}

/// Names are the same in any case.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || (!a.is_ascii() && a.to_lowercase() == b.to_lowercase())
}
