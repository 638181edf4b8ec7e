//! Databricks SQL as a language: statements with their DDL headers, queries, and what functions mean. Shared by `analysis` and `local`.

mod databricks;
pub mod functions;
mod identifiers;
mod lex;
mod pipes;
mod query;
mod short;
mod statement;
mod types;
mod values;
mod volatile;

pub use databricks::Databricks;
pub use identifiers::{constant, constant_text, name_parts, put_names_in};
pub use lex::{Summary, TextMap, comments, decimal_size, end_of_query, essence, split_number, statements};
#[cfg(feature = "local")]
pub(crate) use pipes::{derived, query_of, select_star};
#[cfg(feature = "local")]
pub(crate) use query::recursion_level;
pub use query::{SyntaxError, parse_expression, parse_query, parse_relation, parse_summed};
pub use short::HISTORY;
pub use statement::{
    AddedColumn, Alteration, Assignment, CloneTable, ClusterBy, ColumnChange, ColumnDefinition, ColumnPlace, Commented,
    Constraint, CopyInto, CreateTable, CreateView, Generated, Grant, Insert, Merge, MergeAction, MergeClause,
    MergeWhen, Name, NamespaceChange, Part, Relation, Replace, Rule, Securable, Statement, StatementError,
    TableVersion, Tags, parse_statement,
};
pub use types::DataType;
pub use volatile::volatile;
