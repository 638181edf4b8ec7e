//! Databricks' REST APIs: typed calls and the one place where a statement is awaited.

pub mod wire;
