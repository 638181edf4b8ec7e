//! A query's result as the drawings read it: by column name, as text or number.

use std::collections::HashMap;

use super::format;
use crate::event::QueryResult;

/// A result with its columns by name.
pub(super) struct Rows<'a> {
    pub(super) result: &'a QueryResult,
    index: HashMap<&'a str, usize>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(result: &'a QueryResult) -> Self {
        let index = result.columns.iter().enumerate().map(|(index, (name, _))| (name.as_str(), index)).collect();
        Self { result, index }
    }

    /// Returns a column's index. Engines differ in the case of the names they give back.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        let same = |(column, _): &(String, String)| column.eq_ignore_ascii_case(name);
        self.index.get(name).copied().or_else(|| self.result.columns.iter().position(same))
    }

    /// Returns a column's SQL type.
    pub(super) fn sql_type(&self, column: usize) -> &'a str {
        self.result.columns.get(column).map_or("", |(_, sql_type)| sql_type)
    }

    pub(super) fn len(&self) -> usize {
        self.result.rows.len()
    }

    /// Returns a value as text; `None` is NULL.
    pub(super) fn text(&self, row: usize, column: usize) -> Option<&'a str> {
        self.result.rows.get(row)?.get(column)?.as_deref()
    }

    /// Returns a value as a number, where it is one.
    pub(super) fn number(&self, row: usize, column: usize) -> Option<f64> {
        self.text(row, column)?.trim().parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// Tells whether a column's values are numbers.
    pub(super) fn is_numeric(&self, column: usize) -> bool {
        format::is_numeric(self.sql_type(column))
    }

    /// Returns the different values of a column, in the order in which they come.
    pub(super) fn distinct(&self, column: usize) -> Vec<Option<&'a str>> {
        let mut seen = std::collections::HashSet::new();
        (0..self.len()).map(|row| self.text(row, column)).filter(|value| seen.insert(*value)).collect()
    }

    /// Returns the different values of a column in their natural order, NULL last.
    pub(super) fn sorted(&self, column: usize) -> Vec<Option<&'a str>> {
        let mut values = self.distinct(column);
        values.sort_by(|a, b| natural(*a, *b));
        values
    }
}

/// Compares numbers as numbers and texts as texts; NULL comes last.
pub(super) fn natural(a: Option<&str>, b: Option<&str>) -> std::cmp::Ordering {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| !n.is_nan());
    match (a, b) {
        (Some(a), Some(b)) => match (number(a), number(b)) {
            (Some(x), Some(y)) => x.total_cmp(&y),
            _ => a.cmp(b),
        },
        (None, None) => std::cmp::Ordering::Equal,
        (None, _) => std::cmp::Ordering::Greater,
        (_, None) => std::cmp::Ordering::Less,
    }
}
