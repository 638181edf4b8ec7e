//! One query of Databricks SQL, from text to syntax tree, with errors that say what was expected where.

use std::ops::Range;

use sqlparser::ast::{Query, Statement};
use sqlparser::dialect::DatabricksDialect;
use sqlparser::parser::Parser;

/// Why a text is not one query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// What is wrong, in lower case.
    pub message: String,
    /// Bytes of the text at which it went wrong; empty at the end of the text.
    pub range: Range<usize>,
}

/// Parses exactly one query; comments and a trailing semicolon are allowed.
pub fn parse_query(text: &str) -> Result<Query, SyntaxError> {
    let fail = |message: String| SyntaxError { message, range: 0..0 };
    let mut statements = Parser::parse_sql(&DatabricksDialect, text).map_err(|e| fail(e.to_string()))?;
    match (statements.pop(), statements.is_empty()) {
        (Some(Statement::Query(query)), true) => Ok(*query),
        _ => Err(fail("expected one query".to_owned())),
    }
}
