//! A parsed query with the way back to the file it was written in.

use std::convert::Infallible;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use sqlparser::ast::{FunctionArg, Query, SelectItem, SetExpr};

use super::resolve::reads;
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::dialect::{self, Summary, TextMap};
use crate::template::Rendered;

/// The way from bytes of the SQL text to the place in a file.
type Origin = Arc<dyn Fn(Range<usize>) -> Span + Send + Sync>;

/// One query with the map back to the file it was written in.
#[derive(Clone)]
pub struct Parsed {
    pub(super) query: Query,
    pub(super) map: TextMap,
    origin: Origin,
    reads: Vec<TableRead>,
    places: Vec<ReadPlace>,
}

impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parsed").field("query", &self.query.to_string()).finish()
    }
}

/// A table or view that a query reads.
#[derive(Clone, Debug)]
pub struct TableRead {
    /// Its name as written: one to three parts, without back-quotes.
    pub parts: Vec<String>,
    /// Where it is first named.
    pub span: Span,
}

/// A place of the SQL text where a table or view is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadPlace {
    /// Its name as written: one to three parts, without back-quotes.
    pub parts: Vec<String>,
    /// The bytes of its name.
    pub range: Range<usize>,
}

impl Parsed {
    /// Returns the tables and views that the query reads, each once, in the order of the text. Names of CTEs, aliases
    /// and table functions are not among them.
    pub fn reads(&self) -> &[TableRead] {
        &self.reads
    }

    /// Returns every place of the text where one of these is named to be read, in order.
    pub fn places(&self) -> &[ReadPlace] {
        &self.places
    }

    /// Tells whether the query takes all columns of something it reads: `SELECT *`.
    pub fn takes_all(&self) -> bool {
        let mut open = vec![&*self.query.body];
        while let Some(body) = open.pop() {
            match body {
                SetExpr::Select(select) => {
                    let star =
                        |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
                    if select.projection.iter().any(star) {
                        return true;
                    }
                }
                SetExpr::Query(query) => open.push(&query.body),
                SetExpr::SetOperation { left, right, .. } => open.extend([&**left, &**right]),
                _ => {}
            }
        }
        false
    }

    /// Returns the place in a file that bytes of the SQL text come from.
    pub fn span(&self, range: Range<usize>) -> Span {
        (self.origin)(range)
    }
}

/// Tells whether a text is one query that can be parsed.
pub fn is_query(text: &str) -> bool {
    dialect::parse_query(text).is_ok()
}

/// Parses a rendered model; a syntax error is reported at the place in the template file.
pub fn parse(rendered: &Rendered) -> Result<Parsed, Diagnostics> {
    let map = rendered.clone();
    parse_sql(&rendered.text, move |range| map.origin(range))
}

/// Parses the SQL text of anything else, such as a dashboard's dataset; `origin` gives the place in a file for a range
/// of bytes of `text`.
pub fn parse_sql(
    text: &str,
    origin: impl Fn(Range<usize>) -> Span + Send + Sync + 'static,
) -> Result<Parsed, Diagnostics> {
    parse_summed(text, origin).map(|(parsed, _)| parsed)
}

/// Parses a rendered model, and tells what of it decides whether its rows are the same again.
pub fn parse_model(rendered: &Arc<Rendered>) -> Result<(Parsed, Summary), Diagnostics> {
    let map = Arc::clone(rendered);
    parse_summed(&rendered.text, move |range| map.origin(range))
}

fn parse_summed(
    text: &str,
    origin: impl Fn(Range<usize>) -> Span + Send + Sync + 'static,
) -> Result<(Parsed, Summary), Diagnostics> {
    let map = TextMap::new(text);
    match dialect::parse_summed(text, &map) {
        Ok((mut query, summary)) => {
            let known =
                |args: &[FunctionArg], _| Ok(dialect::constant_text(args, &|_| None).map(|t| dialect::name_parts(&t)));
            let Ok(()) = dialect::put_names_in::<Infallible>(&mut query, known);
            let (reads, places) = reads(&query, &map, &origin);
            Ok((Parsed { query, map, origin: Arc::new(origin), reads, places }, summary))
        }
        Err(error) => {
            let problem = Diagnostic::error("sql-syntax", error.message).at(origin(error.range));
            Err(match error.help {
                Some(help) => problem.help(help),
                None => problem,
            }
            .into())
        }
    }
}
