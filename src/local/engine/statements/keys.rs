//! Primary and foreign keys: recorded for those who read the catalogue, enforced by nobody.

use deltalake::kernel::StructType;

use crate::dialect::{Constraint, Name, Rule};
use crate::ids::TableName;
use crate::local::engine::Engine;
use crate::local::engine::catalog::{Key, quoted};
use crate::local::engine::error::{SqlError, place};
use crate::local::engine::plan::Scope;
use crate::local::engine::write::Definition;

/// The keys among the constraints of a new table.
pub(super) async fn of(
    engine: &Engine,
    scope: &Scope,
    table: &TableName,
    constraints: &[Constraint],
    definition: &Definition,
) -> Result<Vec<Key>, SqlError> {
    let mut keys = Vec::new();
    for constraint in constraints {
        if let Some(key) = key(engine, scope, table, constraint, &definition.schema, &keys).await? {
            keys.push(key);
        }
    }
    Ok(keys)
}

/// The key that a constraint describes; none if it is a CHECK.
pub(super) async fn key(
    engine: &Engine,
    scope: &Scope,
    table: &TableName,
    constraint: &Constraint,
    schema: &StructType,
    others: &[Key],
) -> Result<Option<Key>, SqlError> {
    let at = place(&scope.statement, &constraint.range);
    let key = match &constraint.rule {
        Rule::Check(_) => return Ok(None),
        Rule::PrimaryKey(columns) => {
            if let Some(other) = others.iter().find(|key| key.references.is_none()) {
                return Err(exists(&other.name).at(at));
            }
            let columns = known(columns, schema, table).map_err(|e| e.at(at))?;
            let nullable = |name: &&String| schema.field(name.as_str()).is_some_and(|field| field.is_nullable());
            if let Some(column) = columns.iter().find(nullable) {
                let text = format!("The column {} of a primary key must be NOT NULL.", quoted(&[column]));
                return Err(SqlError::new("INVALID_PARAMETER_VALUE", "22023", text).at(at));
            }
            Key { name: named(constraint, &format!("{}_pk", table.name)), columns, references: None }
        }
        Rule::ForeignKey { columns, table: other, references } => {
            let columns = known(columns, schema, table).map_err(|e| e.at(at))?;
            let (other, references) = referenced(engine, scope, other, references).await?;
            if references.len() != columns.len() {
                let text =
                    format!("The key has {} columns, what it refers to has {}.", columns.len(), references.len());
                return Err(SqlError::new("INVALID_PARAMETER_VALUE", "22023", text).at(at));
            }
            let name = named(constraint, &format!("{}_{}_fk", table.name, other.name));
            Key { name, columns, references: Some((other, references)) }
        }
    };
    if others.iter().any(|other| other.name == key.name) {
        return Err(exists(&key.name).at(at));
    }
    Ok(Some(key))
}

/// Takes the foreign keys of the catalog away that refer to a table's primary key, which is about to go; without `CASCADE`
/// they keep it there.
pub(super) async fn let_go(engine: &Engine, table: &TableName, cascade: bool) -> Result<(), SqlError> {
    let refers = |key: &Key| key.references.as_ref().is_some_and(|(other, _)| other == table);
    for schema in engine.schemas(&table.catalog).await? {
        for other in engine.table_names(&table.catalog, &schema.name)? {
            let mut about = engine.folder().about(&other.parts())?;
            let Some(key) = about.keys.iter().find(|key| refers(key)) else { continue };
            if !cascade {
                let text = format!(
                    "The primary key of {} is referred to by the foreign key {} of {}. Drop that first, or use CASCADE.",
                    table.to_sql(),
                    quoted(&[&key.name]),
                    other.to_sql()
                );
                return Err(SqlError::new("INVALID_PARAMETER_VALUE", "22023", text));
            }
            about.keys.retain(|key| !refers(key));
            engine.folder().put_about(&other.parts(), &about)?;
        }
    }
    Ok(())
}

fn named(constraint: &Constraint, otherwise: &str) -> String {
    constraint.name.as_deref().unwrap_or(otherwise).to_lowercase()
}

/// The table that a foreign key refers to, and its columns there: those of its primary key unless others are named.
async fn referenced(
    engine: &Engine,
    scope: &Scope,
    written: &Name,
    columns: &[String],
) -> Result<(TableName, Vec<String>), SqlError> {
    let name = scope.table(written)?;
    engine.kind(&name, &scope.parts(written)?).map_err(|e| e.at(scope.place(written)))?;
    if !columns.is_empty() {
        return Ok((name, columns.to_vec()));
    }
    let about = engine.folder().about(&name.parts())?;
    let Some(key) = about.keys.into_iter().find(|key| key.references.is_none()) else {
        let text = format!("{} has no primary key: name the columns that the foreign key refers to.", name.to_sql());
        return Err(SqlError::new("INVALID_PARAMETER_VALUE", "22023", text).at(scope.place(written)));
    };
    Ok((name, key.columns))
}

fn known(columns: &[String], schema: &StructType, table: &TableName) -> Result<Vec<String>, SqlError> {
    columns
        .iter()
        .map(|name| {
            let field = schema.fields().find(|field| field.name().eq_ignore_ascii_case(name));
            field.map(|field| field.name().clone()).ok_or_else(|| super::alter::no_column(name, table))
        })
        .collect()
}

/// The error for a constraint's name that is taken.
pub(super) fn exists(name: &str) -> SqlError {
    SqlError::new(
        "DELTA_CONSTRAINT_ALREADY_EXISTS",
        "42710",
        format!("Constraint '{name}' already exists. Drop the old constraint first, or choose another name."),
    )
}
