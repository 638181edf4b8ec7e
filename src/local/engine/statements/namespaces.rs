//! Statements that define schemas and catalogs.

use super::done;
use crate::dialect::Name;
use crate::local::engine::Engine;
use crate::local::engine::api::Output;
use crate::local::engine::catalog::quoted;
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::Scope;

/// The parts of a schema's name, the catalog put in where it is left out.
pub(super) fn schema_name(scope: &Scope, name: &Name) -> Result<(String, String), SqlError> {
    match scope.parts(name)?.as_slice() {
        [schema] => Ok((scope.catalog.clone(), schema.to_lowercase())),
        [catalog, schema] => Ok((catalog.to_lowercase(), schema.to_lowercase())),
        parts => {
            let parts: Vec<_> = parts.iter().map(String::as_str).collect();
            Err(SqlError::new(
                "REQUIRES_SINGLE_PART_NAMESPACE",
                "42K05",
                format!("A schema's name has one or two parts, but got {}.", quoted(&parts)),
            )
            .at(scope.place(name)))
        }
    }
}

/// `CREATE SCHEMA`
pub(super) fn create_schema(
    engine: &Engine,
    scope: &Scope,
    name: &Name,
    if_not_exists: bool,
    comment: Option<&str>,
) -> Result<Output, SqlError> {
    let (catalog, schema) = schema_name(scope, name)?;
    if !engine.folder().create_schema(&catalog, &schema, comment, engine.now())? && !if_not_exists {
        return Err(schema_exists(&catalog, &schema).at(scope.place(name)));
    }
    Ok(done("CREATE"))
}

/// The error for a schema that is there already.
pub(in crate::local::engine) fn schema_exists(catalog: &str, schema: &str) -> SqlError {
    SqlError::new(
        "SCHEMA_ALREADY_EXISTS",
        "42P06",
        format!(
            "Cannot create schema {} because it already exists. Choose a different name, drop the existing schema, or \
             add the IF NOT EXISTS clause to tolerate pre-existing schema.",
            quoted(&[catalog, schema])
        ),
    )
}

/// `CREATE CATALOG`
pub(super) fn create_catalog(
    engine: &Engine,
    scope: &Scope,
    name: &Name,
    if_not_exists: bool,
    comment: Option<&str>,
) -> Result<Output, SqlError> {
    let catalog = scope.parts(name)?.join(".").to_lowercase();
    if !engine.folder().create_catalog(&catalog, comment, engine.now())? && !if_not_exists {
        return Err(SqlError::new(
            "CATALOG_ALREADY_EXISTS",
            "42710",
            format!("Catalog {} already exists.", quoted(&[&catalog])),
        )
        .at(scope.place(name)));
    }
    Ok(done("CREATE"))
}

/// `DROP SCHEMA`
pub(super) async fn drop_schema(
    engine: &Engine,
    scope: &Scope,
    name: &Name,
    if_exists: bool,
    cascade: bool,
) -> Result<Output, SqlError> {
    let (catalog, schema) = schema_name(scope, name)?;
    if if_exists && !engine.folder().has_schema(&catalog, &schema) {
        return Ok(done("DROP"));
    }
    engine.drop_schema(&catalog, &schema, cascade).await.map_err(|e| e.at(scope.place(name)))?;
    Ok(done("DROP"))
}

/// `DROP CATALOG`
pub(super) async fn drop_catalog(
    engine: &Engine,
    scope: &Scope,
    name: &Name,
    if_exists: bool,
    cascade: bool,
) -> Result<Output, SqlError> {
    let catalog = scope.parts(name)?.join(".").to_lowercase();
    if if_exists && !engine.folder().has_catalog(&catalog) {
        return Ok(done("DROP"));
    }
    engine.drop_catalog(&catalog, cascade).await.map_err(|e| e.at(scope.place(name)))?;
    Ok(done("DROP"))
}
