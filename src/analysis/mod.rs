//! What a query reads and what it returns: tables, columns and types of rendered SQL, checked before anything is sent.

mod difference;
mod expr;
mod from;
mod lineage;
#[cfg(test)]
mod lineage_tests;
mod lints;
mod misuse;
mod parsed;
mod pivot;
#[cfg(test)]
mod query_tests;
mod resolve;
mod scope;
mod select;
mod table;
#[cfg(test)]
mod tests;
mod types;

pub use crate::dialect::DataType;
pub use difference::{Touched, touched};
pub use lineage::{Clauses, ColumnRead, How, Rest, Traced, TracedColumn, trace};
pub use lints::{Allow, Examined, Known, Surroundings, examine};
pub use parsed::{Parsed, ReadPlace, TableRead, is_query, parse, parse_model, parse_sql};
pub use resolve::{columns_of_sql, resolve};
pub use table::check_table_columns;

use std::sync::Arc;

/// A column of a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, as written.
    pub name: String,
    /// Its type; none if it could not be inferred.
    pub data_type: Option<DataType>,
}

/// What is known of a table or view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It has exactly these columns, in this order. Whoever reads it shares them.
    Known(Arc<[Column]>),
    /// It exists (or may exist), and its columns are not known: nothing read from it is checked.
    Unknown,
}
