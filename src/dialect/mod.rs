//! Databricks SQL as a language: statements with their DDL headers, queries, and what functions mean. Shared by `analysis` and `local`.

mod query;
mod types;

pub use query::{SyntaxError, parse_query};
pub use types::DataType;
