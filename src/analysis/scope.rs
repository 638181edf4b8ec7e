//! Scopes: which names can be seen at a place of a query, and what they refer to.

use std::collections::HashSet;

use super::{Column, DataType};

/// What a query or a table offers to those who read it.
#[derive(Clone, Debug, Default)]
pub(super) struct Output {
    /// The columns that are known.
    pub columns: Vec<Column>,
    /// Whether there may be others.
    pub open: bool,
}

impl Output {
    /// An output of which nothing is known.
    pub(super) fn unknown() -> Self {
        Self { columns: Vec::new(), open: true }
    }

    /// The columns, if they are all there are.
    pub(super) fn complete(self) -> Option<Vec<Column>> {
        (!self.open).then_some(self.columns)
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
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
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
    /// Aliases of the SELECT list that may be used here, with their types.
    pub aliases: Vec<(String, Option<DataType>)>,
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
    Column { source: usize, data_type: Option<DataType>, used: usize },
    /// Something else that exists: an alias, a parameter, a column of an outer query.
    Other { data_type: Option<DataType>, used: usize },
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
            return Found::Other { data_type: None, used: 1 };
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
                    return Found::Column { source, data_type: found.data_type.clone(), used: used + 1 };
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
        let having: Vec<usize> = (0..self.sources.len()).filter(|i| self.sources[*i].column(first).is_some()).collect();
        match having.as_slice() {
            [] => {}
            [source, rest @ ..] => {
                let one = rest.is_empty() || self.is_output || self.merged.contains(&first.to_lowercase());
                if !one && !self.aliases.iter().any(|(alias, _)| same(alias, first)) {
                    return Found::Ambiguous(having.iter().map(|i| self.sources[*i].label.clone()).collect());
                }
                let alone = !self.is_output && !self.aliases.iter().any(|(alias, _)| same(alias, first));
                if alone && self.sources[*source].is_ambiguous(first) {
                    return Found::Ambiguous(vec![self.sources[*source].label.clone()]);
                }
                let data_type = self.sources[*source].column(first).and_then(|c| c.data_type.clone());
                return Found::Column { source: *source, data_type, used: 1 };
            }
        }
        if let Some((_, data_type)) = self.aliases.iter().rev().find(|(alias, _)| same(alias, first)) {
            return Found::Other { data_type: data_type.clone(), used: 1 };
        }
        if self.sources.iter().any(|s| s.output.open || (parts.len() == 1 && s.answers_to(parts))) {
            return Found::Perhaps;
        }
        let outer = self.parent.map_or(Found::Missing, |parent| parent.find(parts));
        match (outer, not_in) {
            (Found::Column { data_type, used, .. }, _) => Found::Other { data_type, used },
            (Found::Missing, Some(not_in)) => not_in,
            (outer, _) => outer,
        }
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
        names.extend(self.aliases.iter().map(|(alias, _)| alias.clone()));
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

/// Names are the same in any case.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || (!a.is_ascii() && a.to_lowercase() == b.to_lowercase())
}
