//! Statements that alter tables and views, and comment on things.

use std::collections::BTreeMap;

use deltalake::kernel::{MetadataValue, StructField, StructType};

use super::done;
use super::namespaces::schema_name;
use super::tables::{shown, wrong_kind};
use crate::dialect::{Commented, Name, Relation};
use crate::ids::TableName;
use crate::local::engine::Engine;
use crate::local::engine::api::Output;
use crate::local::engine::catalog::{Kind, quoted};
use crate::local::engine::delta::COMMENT;
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::Scope;
use crate::local::engine::write;

/// `COMMENT ON`
pub(super) async fn comment(
    engine: &Engine,
    scope: &Scope,
    on: Commented,
    written: &Name,
    comment: Option<&str>,
) -> Result<Output, SqlError> {
    match on {
        Commented::Schema => {
            let (catalog, schema) = schema_name(scope, written)?;
            engine.folder().comment_on_namespace(&catalog, Some(&schema), comment, engine.now())?;
        }
        Commented::Catalog => {
            let catalog = scope.parts(written)?.join(".").to_lowercase();
            engine.folder().comment_on_namespace(&catalog, None, comment, engine.now())?;
        }
        Commented::Table => {
            let name = scope.table(written)?;
            let change = Change::Comment(comment.map(str::to_owned));
            alter(engine, &name, change).await.map_err(|e| e.at(scope.place(written)))?;
        }
        Commented::Column => {
            let mut parts = scope.parts(written)?;
            let column = parts.pop().unwrap_or_default();
            if parts.is_empty() {
                return Err(SqlError::unsupported_statement("COMMENT ON COLUMN without the table's name"));
            }
            let name = scope.table(&Name::Parts { parts, range: written.range() })?;
            let change = Change::ColumnComment(column, comment.map(str::to_owned));
            alter(engine, &name, change).await.map_err(|e| e.at(scope.place(written)))?;
        }
    }
    Ok(done("COMMENT"))
}

/// `ALTER TABLE … SET TBLPROPERTIES`
pub(super) async fn set_properties(
    engine: &Engine,
    scope: &Scope,
    kind: Relation,
    written: &Name,
    properties: &[(String, String)],
) -> Result<Output, SqlError> {
    let name = of_kind(engine, scope, kind, written)?;
    if let Some((key, _)) = properties.iter().find(|(key, _)| key.starts_with("delta.")) {
        return Err(SqlError::unsupported(&format!("changing the table property {key}")).at(scope.place(written)));
    }
    alter(engine, &name, Change::Set(properties.to_vec())).await?;
    Ok(done("ALTER"))
}

/// `ALTER TABLE … UNSET TBLPROPERTIES`
pub(super) async fn unset_properties(
    engine: &Engine,
    scope: &Scope,
    kind: Relation,
    written: &Name,
    keys: &[String],
    if_exists: bool,
) -> Result<Output, SqlError> {
    let name = of_kind(engine, scope, kind, written)?;
    let known = engine.describe(&name).await?.properties;
    if let Some(key) = keys.iter().find(|key| !known.contains_key(*key)).filter(|_| !if_exists) {
        return Err(SqlError::new(
            "UNSET_NONEXISTENT_PROPERTIES",
            "42K0J",
            format!("Attempted to unset non-existent properties [{}] in table {}.", quoted(&[key]), shown(&name)),
        ));
    }
    alter(engine, &name, Change::Unset(keys.to_vec())).await?;
    Ok(done("ALTER"))
}

fn of_kind(engine: &Engine, scope: &Scope, kind: Relation, written: &Name) -> Result<TableName, SqlError> {
    let name = scope.table(written)?;
    let found = engine.kind(&name, &scope.parts(written)?).map_err(|e| e.at(scope.place(written)))?;
    match (kind, found) {
        (Relation::Table, Kind::View) => Err(wrong_kind(&name, "table", "view").at(scope.place(written))),
        (Relation::View, Kind::Table) => Err(wrong_kind(&name, "view", "table").at(scope.place(written))),
        _ => Ok(name),
    }
}

/// A change of what is said of a table or view.
enum Change {
    Comment(Option<String>),
    ColumnComment(String, Option<String>),
    Set(Vec<(String, String)>),
    Unset(Vec<String>),
}

async fn alter(engine: &Engine, name: &TableName, change: Change) -> Result<(), SqlError> {
    let _writing = engine.write_lock(name).await;
    match engine.kind(name, &[])? {
        Kind::View => {
            let mut view = engine.folder().view(name)?;
            match change {
                Change::Comment(comment) => view.comment = comment,
                Change::ColumnComment(column, comment) => {
                    let found = view.columns.iter_mut().find(|c| c.name.eq_ignore_ascii_case(&column));
                    found.ok_or_else(|| no_column(&column, name))?.comment = comment;
                }
                Change::Set(properties) => view.properties.extend(properties),
                Change::Unset(keys) => view.properties.retain(|key, _| !keys.contains(key)),
            }
            view.updated_at = engine.now();
            engine.folder().put_view(name, &view)
        }
        Kind::Table => {
            let dir = engine.folder().table_dir(name);
            let table = engine.open_table(name).await?;
            let mut definition = write::definition(&table, &dir)?;
            let mut changed = Vec::new();
            match change {
                Change::Comment(comment) => {
                    changed.push((COMMENT.to_owned(), comment.clone().unwrap_or_default()));
                    definition.comment = comment;
                }
                Change::ColumnComment(column, comment) => {
                    changed.push((format!("{column}.{COMMENT}"), comment.clone().unwrap_or_default()));
                    definition.schema = with_comment(&definition.schema, &column, comment, name)?;
                }
                Change::Set(properties) => {
                    let mut all: BTreeMap<String, String> = definition.properties.into_iter().collect();
                    all.extend(properties.iter().cloned());
                    definition.properties = all.into_iter().collect();
                    changed = properties;
                }
                Change::Unset(keys) => {
                    changed.extend(keys.iter().map(|key| (key.clone(), String::new())));
                    definition.properties.retain(|(key, _)| !keys.contains(key));
                }
            }
            write::alter(&table, &dir, &definition, &changed).await
        }
    }
}

fn no_column(column: &str, table: &TableName) -> SqlError {
    SqlError::new(
        "COLUMN_NOT_FOUND",
        "42703",
        format!("The column {} cannot be found in {}.", quoted(&[column]), shown(table)),
    )
}

fn with_comment(
    schema: &StructType,
    column: &str,
    comment: Option<String>,
    table: &TableName,
) -> Result<StructType, SqlError> {
    let mut found = false;
    let fields: Vec<StructField> = schema
        .fields()
        .map(|field| {
            if !field.name().eq_ignore_ascii_case(column) {
                return field.clone();
            }
            found = true;
            let mut metadata = field.metadata().clone();
            match &comment {
                Some(comment) => metadata.insert(COMMENT.to_owned(), MetadataValue::String(comment.clone())),
                None => metadata.remove(COMMENT),
            };
            StructField::new(field.name(), field.data_type().clone(), field.is_nullable()).with_metadata(metadata)
        })
        .collect();
    if !found {
        return Err(no_column(column, table));
    }
    StructType::try_new(fields).map_err(|e| SqlError::internal(e.to_string()))
}
