//! Newtypes for the names and ids that travel between rooms, so that one cannot be passed for another.

mod principal;

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use principal::Principal;

macro_rules! newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps the text.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

newtype! {
    /// A model's name: the stem of its SQL file, in lower case; also the name of the table or view it becomes.
    ModelName
}
newtype! {
    /// A connection's name in `jobs.yaml`.
    ConnectionName
}
newtype! {
    /// A dashboard's name in `jobs.yaml`.
    DashboardName
}
newtype! {
    /// A job's name in `jobs.yaml`.
    JobName
}
newtype! {
    /// A step of a run, unique in it: `sync shop`, `build purchases`, `publish retention`.
    StepId
}
newtype! {
    /// A run of a job: sortable by its start, unique everywhere.
    RunId
}
newtype! {
    /// Fivetran's id of a connection, such as `speak_inexpensive`.
    ConnectionId
}
newtype! {
    /// Databricks' id of a statement.
    StatementId
}
newtype! {
    /// Databricks' id of a SQL warehouse.
    WarehouseId
}
newtype! {
    /// Databricks' id of a dashboard: 32 hexadecimal digits.
    DashboardId
}

newtype! {
    /// What a thing's content comes to, in 32 hexadecimal digits: two things with the same fingerprint are the same.
    Fingerprint
}

impl Fingerprint {
    /// Takes the fingerprint of texts, of which each counts as a whole.
    pub fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// A table's or view's full name. Parts are kept in lower case, as Unity Catalog stores them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// The catalog.
    pub catalog: String,
    /// The schema.
    pub schema: String,
    /// The table's or view's own name.
    pub name: String,
}

impl TableName {
    /// Makes a full name, folding it to lower case.
    pub fn new(catalog: &str, schema: &str, name: &str) -> Self {
        Self { catalog: catalog.to_lowercase(), schema: schema.to_lowercase(), name: name.to_lowercase() }
    }

    /// Returns catalog, schema and own name.
    pub fn parts(&self) -> [&str; 3] {
        [&self.catalog, &self.schema, &self.name]
    }

    /// Returns the name as SQL text, each part in back-quotes where it needs them.
    pub fn to_sql(&self) -> String {
        [&self.catalog, &self.schema, &self.name].map(|part| quote_identifier(part)).join(".")
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.catalog, self.schema, self.name)
    }
}

/// Returns a path of the workspace without a leading `/Workspace` and a trailing slash, as the dashboards API answers.
pub fn workspace_path(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    match path.strip_prefix("/Workspace") {
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// Returns an identifier as Databricks SQL text: bare if it is a plain lower-case word, else in back-quotes, with inner
/// back-quotes doubled.
pub fn quote_identifier(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.to_owned() } else { format!("`{}`", name.replace('`', "``")) }
}

/// Writes a text as a string literal of Databricks SQL on one line, so that lines of the statement can be counted.
pub fn string_literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for c in text.chars() {
        match c {
            '\'' => literal.push_str("\\'"),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            c => literal.push(c),
        }
    }
    literal.push('\'');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_tells_where_one_text_ends() {
        assert_eq!(Fingerprint::of(&["a", "b"]), Fingerprint::of(&["a", "b"]));
        assert_ne!(Fingerprint::of(&["a", "b"]), Fingerprint::of(&["ab", ""]));
        assert_eq!(Fingerprint::of(&[]).as_str(), "e3b0c44298fc1c149afbf4c8996fb924", "SHA-256 of nothing");
    }

    #[test]
    fn paths_lose_the_workspace_prefix_only_as_a_whole_part() {
        assert_eq!(workspace_path("/Workspace/Shared/a/"), "/Shared/a");
        assert_eq!(workspace_path("/Workspaces/a"), "/Workspaces/a");
    }

    #[test]
    fn a_text_keeps_to_one_line_and_cannot_end_its_literal() {
        assert_eq!(string_literal("it's\na \\ b"), r"'it\'s\na \\ b'");
    }

    #[test]
    fn table_names_fold_case_and_quote_what_needs_it() {
        let name = TableName::new("Main", "my-schema", "a`b");
        assert_eq!(name.to_string(), "main.my-schema.a`b");
        assert_eq!(name.to_sql(), "main.`my-schema`.`a``b`");
    }
}
