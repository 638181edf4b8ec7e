//! The kinds of things that are said of tables and views, what a model says of each, and what is there.

use std::collections::BTreeMap;

use super::super::observed::{ObservedColumn, ObservedKey, ObservedTable};
use crate::config::Materialization;
use crate::dialect::essence;
use crate::manifest::{CompiledModel, primary_key_name};

/// What is said, by names.
pub(super) type Said = BTreeMap<String, String>;

/// With this the properties begin in which a table keeps its CHECK constraints.
const CHECK_PREFIX: &str = "delta.constraints.";

/// A kind of thing that is said of a table or view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aspect {
    /// Comments on columns, by the columns' names in lower case.
    Columns,
    /// Columns that are never NULL.
    NotNull,
    /// Conditions, by the names of their CHECK constraints.
    Checks,
    /// The primary key's columns, by its name.
    PrimaryKey,
    /// Foreign keys' columns and the primary key that they refer to, by their names.
    ForeignKeys,
    /// Properties, by their keys.
    Properties,
    /// Values of tags of Unity Catalog, by their keys.
    Tags,
    /// Values of columns' tags, by the columns' names in lower case with the keys: `column.key`.
    ColumnTags,
    /// Privileges, by users and groups.
    Grants,
}

/// All of them, in the order in which they are set: a primary key takes columns that are never NULL alone.
pub(super) const ASPECTS: [Aspect; 9] = [
    Aspect::Columns,
    Aspect::NotNull,
    Aspect::Checks,
    Aspect::PrimaryKey,
    Aspect::ForeignKeys,
    Aspect::Properties,
    Aspect::Tags,
    Aspect::ColumnTags,
    Aspect::Grants,
];

impl Aspect {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Columns => "columns",
            Self::NotNull => "not_null",
            Self::Checks => "checks",
            Self::PrimaryKey => "primary_key",
            Self::ForeignKeys => "foreign_keys",
            Self::Properties => "properties",
            Self::Tags => "tags",
            Self::ColumnTags => "column_tags",
            Self::Grants => "grants",
        }
    }

    /// Returns what a model says.
    pub(super) fn wanted(self, model: &CompiledModel) -> Said {
        let config = &model.config;
        let constraints = config.constraints.as_ref();
        match self {
            Self::Columns => {
                let described = config.columns.iter();
                described
                    .filter_map(|(name, column)| Some((name.to_lowercase(), column.description.clone()?)))
                    .collect()
            }
            Self::NotNull => {
                let columns = constraints.iter().flat_map(|all| all.not_null.iter().chain(&all.primary_key));
                columns.map(|column| (column.to_lowercase(), String::new())).collect()
            }
            Self::Checks => constraints.map(|all| all.checks.clone().into_iter().collect()).unwrap_or_default(),
            Self::PrimaryKey => {
                let key = constraints.map(|all| &all.primary_key).filter(|key| !key.is_empty());
                key.map(|key| (primary_key_name(&model.config.name), listed(key))).into_iter().collect()
            }
            Self::ForeignKeys => {
                let keys = model.foreign_keys.iter();
                keys.map(|key| (key.name.clone(), format!("{} → {}", listed(&key.columns), key.refers_to))).collect()
            }
            Self::Properties => config.properties.clone(),
            Self::Tags => config.databricks_tags.clone(),
            Self::ColumnTags => {
                let each = config.columns.iter().flat_map(|(column, said)| {
                    said.databricks_tags.iter().map(move |(key, value)| (of_column(column, key), value.clone()))
                });
                each.collect()
            }
            Self::Grants => {
                let grants = config.grants.iter();
                grants.map(|(who, what)| (who.clone(), joined(what.iter().map(String::as_str)))).collect()
            }
        }
    }

    /// Returns what is there; none if that cannot be seen, or was not looked at.
    pub(super) fn there(self, there: &ObservedTable) -> Option<Said> {
        let columns = || Some(&there.columns).filter(|columns| !columns.is_empty());
        match self {
            Self::Columns => {
                let said = |column: &ObservedColumn| {
                    Some((column.name.to_lowercase(), column.comment.clone().filter(|comment| !comment.is_empty())?))
                };
                Some(columns()?.iter().filter_map(said).collect())
            }
            Self::NotNull => {
                let strict = columns()?.iter().filter(|column| !column.nullable);
                Some(strict.map(|column| (column.name.to_lowercase(), String::new())).collect())
            }
            Self::Checks => {
                let checks = there.properties.iter();
                let check = |(key, condition): (&String, &String)| {
                    Some((key.strip_prefix(CHECK_PREFIX)?.to_lowercase(), condition.clone()))
                };
                Some(checks.filter_map(check).collect())
            }
            Self::PrimaryKey => {
                let keys = there.keys.as_ref()?.iter().filter(|(_, key)| key.refers_to.is_none());
                Some(keys.map(|(name, key)| (name.clone(), listed(&key.columns))).collect())
            }
            Self::ForeignKeys => {
                let keys = there.keys.as_ref()?.iter();
                let key = |(name, key): (&String, &ObservedKey)| {
                    Some((name.clone(), format!("{} → {}", listed(&key.columns), key.refers_to.as_ref()?)))
                };
                Some(keys.filter_map(key).collect())
            }
            Self::Properties => Some(there.properties.clone()),
            Self::Tags => there.tags.clone(),
            Self::ColumnTags => {
                let tags = there.column_tags.as_ref()?.iter();
                Some(tags.map(|((column, key), value)| (of_column(column, key), value.clone())).collect())
            }
            Self::Grants => {
                let grants = there.grants.as_ref()?.iter();
                Some(grants.map(|(who, what)| (who.clone(), joined(what.iter().map(String::as_str)))).collect())
            }
        }
    }

    /// Tells whether two texts say the same.
    pub(super) fn same(self, a: &str, b: &str) -> bool {
        match self {
            Self::Checks => essence(a) == essence(b),
            _ => a == b,
        }
    }

    /// Tells whether the statement that makes the model's table or view says it.
    pub(super) fn is_made_with(self, model: &CompiledModel) -> bool {
        match self {
            // A table that is made of a query takes no list of columns.
            Self::Columns => model.config.materialized == Materialization::View && model.columns.is_some(),
            Self::Properties => true,
            _ => false,
        }
    }
}

/// Returns the name of a column's tag.
fn of_column(column: &str, key: &str) -> String {
    format!("{}.{key}", column.to_lowercase())
}

/// Returns the column and the key of a column's tag: keys have no full stops.
pub(super) fn column_and_key(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

/// Writes columns as a list in lower case.
fn listed(columns: &[String]) -> String {
    joined(columns.iter().map(|column| column.to_lowercase()))
}

fn joined<T: AsRef<str>>(texts: impl Iterator<Item = T>) -> String {
    texts.map(|text| text.as_ref().to_owned()).collect::<Vec<_>>().join(", ")
}
