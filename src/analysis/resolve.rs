//! Names and types: what every name of a query refers to, and which columns the query returns.

use std::ops::Range;

use super::{Column, Parsed, Relation, parse_sql};
use crate::diag::{Diagnostics, Span};

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
    let _ = (parsed, relation, known);
    (None, Diagnostics::new())
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
