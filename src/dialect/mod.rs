//! Databricks SQL as a language: statements with their DDL headers, queries, and what functions mean. Shared by `analysis` and `local`.
