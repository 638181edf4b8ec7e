//! Databricks SQL as a language: statements with their DDL headers, queries, and what functions mean. Shared by `analysis` and `local`.

mod databricks;
pub mod functions;
mod lex;
mod query;
mod statement;
mod types;

pub use databricks::Databricks;
pub use lex::TextMap;
pub use query::{SyntaxError, parse_query};
pub use statement::{
    ClusterBy, ColumnDefinition, Commented, CreateTable, CreateView, Insert, Name, Part, Relation, Statement,
    StatementError, parse_statement,
};
pub use types::DataType;
