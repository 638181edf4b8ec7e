//! Databricks SQL as a language: statements with their DDL headers, queries, and what functions mean. Shared by `analysis` and `local`.

mod databricks;
pub mod functions;
mod lex;
mod pipes;
mod query;
mod short;
mod statement;
mod types;

pub use databricks::Databricks;
pub use lex::TextMap;
#[cfg(feature = "local")]
pub(crate) use pipes::{derived, query_of, select_star};
pub use query::{SyntaxError, parse_expression, parse_query, parse_relation};
pub use statement::{
    Assignment, ClusterBy, ColumnDefinition, Commented, CreateTable, CreateView, Insert, Merge, MergeAction,
    MergeClause, MergeWhen, Name, Part, Relation, Statement, StatementError, TableVersion, parse_statement,
};
pub use types::DataType;
