//! What a connection replicates here: the key `local` of its `config`, beside the fields that Fivetran itself has.

use std::path::PathBuf;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// What the embedded Fivetran replicates for a connection, as JSON: `{"sample": {"customers": 20000, "seed": 7}}` or
/// `{"files": {"public.orders": {"path": "/data/orders.csv", "key": ["id"]}}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LocalSource {
    /// The generated shop.
    Sample(SampleSource),
    /// Files; source table as `schema.table` → its file.
    Files(IndexMap<String, FileSource>),
    /// A PostgreSQL server.
    Postgres(PostgresSource),
}

/// The generated shop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleSource {
    /// How many customers the shop has at the first sync.
    pub customers: u32,
    /// Seed of the generator: the same seed gives the same shop.
    pub seed: u64,
}

/// A CSV file (also gzipped) or a Parquet file that stands for a source table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSource {
    /// The file, absolute. The ending tells its format: `.csv`, `.csv.gz` or `.parquet`.
    pub path: PathBuf,
    /// Primary key, by the file's column names; empty: none, and rows that are alike in all values become one.
    #[serde(default)]
    pub key: Vec<String>,
    /// Column → Databricks type (`BIGINT`, `DECIMAL(12,2)`); other columns are inferred, or as the Parquet file has them.
    #[serde(default)]
    pub columns: IndexMap<String, String>,
}

/// Tables of a PostgreSQL database. Its address is a secret, and so is given with [`Declared`] and never written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresSource {
    /// Name of the variable that the address comes from, for messages.
    pub variable: String,
    /// Source schema → its tables.
    pub tables: IndexMap<String, Vec<String>>,
    /// Source table as `schema.table` → the column that tells which rows changed; the others are asked by `xmin`.
    #[serde(default)]
    pub updated_at: IndexMap<String, String>,
}

/// What becomes of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSetting {
    /// Whether it is replicated.
    pub enabled: bool,
    /// Whether hashes take the place of its values.
    pub hashed: bool,
}

impl ColumnSetting {
    /// As it is in the source.
    pub const AS_IT_IS: Self = Self { enabled: true, hashed: false };
}

/// A connection that the embedded Fivetran shall have.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Its name in the project; the connection's id follows from it unless one is given.
    pub name: String,
    /// The id that it shall have.
    pub id: Option<String>,
    /// Fivetran's id of the kind of source, such as `google_cloud_postgresql`.
    pub service: String,
    /// The first part of the schemas it lands tables in.
    pub schema_prefix: String,
    /// The catalog it lands them in.
    pub catalog: String,
    /// Source schema → tables to replicate; empty: all that the source has.
    pub tables: IndexMap<String, Vec<String>>,
    /// Source table as `schema.table` → what becomes of its columns.
    pub columns: IndexMap<String, IndexMap<String, ColumnSetting>>,
    /// What it replicates; none leaves a connection whose syncs fail and say what is missing.
    pub local: Option<LocalSource>,
    /// The address of the source, where it has one.
    pub address: Option<Secret>,
    /// The bad morning that it plays: one of [`super::scenario::Scenario`]'s names.
    pub scenario: Option<String>,
}
