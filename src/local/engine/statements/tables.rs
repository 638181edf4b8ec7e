//! Statements that make and drop tables.

use deltalake::kernel::StructType;
use tokio_util::sync::CancellationToken;

use super::{columns, done, keys};
use crate::dialect::{ClusterBy, CreateTable, Name, Relation, Rule};
use crate::ids::TableName;
use crate::local::engine::api::Output;
use crate::local::engine::catalog::{About, Kind, check_name, quoted};
use crate::local::engine::delta::CLUSTERING;
use crate::local::engine::error::{SqlError, place};
use crate::local::engine::plan::{self, Scope};
use crate::local::engine::rules::{By, Rules};
use crate::local::engine::write::{self, Definition};
use crate::local::engine::{Engine, features, files};

/// `CREATE [OR REPLACE] TABLE`
pub(super) async fn create_table(
    engine: &Engine,
    scope: &Scope,
    table: CreateTable,
    cancel: &CancellationToken,
) -> Result<Output, SqlError> {
    let name = scope.table(&table.name)?;
    check_name(&name.name)?;
    engine.folder().require_schema(&name.catalog, &name.schema)?;
    let _writing = engine.write_lock(&name).await;
    match engine.folder().kind(&name) {
        Some(Kind::View) => return Err(wrong_kind(&name, "table", "view").at(scope.place(&table.name))),
        Some(Kind::Table) if table.if_not_exists => return Ok(done("CREATE")),
        Some(Kind::Table) if !table.or_replace => return Err(exists(&name).at(scope.place(&table.name))),
        _ => {}
    }
    let dir = engine.folder().table_dir(&name);
    let planned = match &table.query {
        Some(query) => Some(plan::query(engine, query, scope).await?),
        None => None,
    };
    let mut definition = match (&planned, &table.like) {
        (Some(planned), _) => definition(&table, columns::selected(planned, &table.columns, scope)?, scope)?,
        (None, Some(source)) => like(engine, scope, source, &table).await?,
        (None, None) => definition(&table, columns::defined(&table, scope)?, scope)?,
    };
    features::check(&definition.properties).map_err(|e| e.at(scope.place(&table.name)))?;
    features::map_columns(&mut definition, false)?;
    let schema = columns::arrow(&definition.schema)?;
    let rules = Rules::of(&definition, &schema);
    rules.check(engine, scope).await.map_err(|e| e.at(scope.place(&table.name)))?;
    let keys = keys::of(engine, scope, &name, &table.constraints, &definition).await?;
    let files = match planned {
        Some(planned) => {
            let given: Vec<_> = (0..schema.fields().len()).map(Some).collect();
            let planned = rules.applied(engine, scope, planned, &given, By::Update).await?;
            Some(files::write(&planned, &dir, &schema, &definition.partitions, cancel).await?)
        }
        None => None,
    };
    let replaced = engine.folder().kind(&name).is_some();
    let mut about = if replaced { engine.folder().about(&name.parts())? } else { About::default() };
    about.column_tags.clear();
    about.materialized = None;
    about.keys = keys;
    if replaced {
        let current = engine.open_table(&name).await?;
        write::replace(&current, &dir, definition, files).await?;
        engine.folder().put_about(&name.parts(), &about)?;
    } else {
        // Before the table, so that no table is seen without them.
        engine.folder().put_about(&name.parts(), &about)?;
        write::create(&dir, definition, files).await?;
    }
    Ok(done("CREATE"))
}

/// The definition of another table, or of a view's columns.
async fn like(engine: &Engine, scope: &Scope, source: &Name, table: &CreateTable) -> Result<Definition, SqlError> {
    let name = scope.table(source)?;
    let mut definition = match engine.kind(&name, &scope.parts(source)?).map_err(|e| e.at(scope.place(source)))? {
        Kind::Table => {
            let dir = engine.table_dir(&name);
            write::definition(&engine.open_table(&name).await?, &dir)?
        }
        Kind::View => {
            let view = engine.describe(&name).await?;
            Definition {
                schema: columns::of_view(&view)?,
                partitions: Vec::new(),
                comment: None,
                properties: Vec::new(),
            }
        }
    };
    // Identities start anew, and so do the names in the files.
    definition.schema = columns::unused(&definition.schema)?;
    if table.comment.is_some() {
        definition.comment.clone_from(&table.comment);
    }
    for (key, value) in &table.properties {
        definition.properties.retain(|(known, _)| known != key);
        definition.properties.push((key.clone(), value.clone()));
    }
    Ok(definition)
}

pub(super) fn exists(name: &TableName) -> SqlError {
    SqlError::new(
        "TABLE_OR_VIEW_ALREADY_EXISTS",
        "42P07",
        format!(
            "Cannot create table or view {} because it already exists. Choose a different name, drop or replace the \
             existing object, add the IF NOT EXISTS clause to tolerate pre-existing objects, or refresh streaming \
             table/materialized view.",
            shown(name)
        ),
    )
}

pub(super) fn wrong_kind(name: &TableName, wanted: &str, found: &str) -> SqlError {
    let (condition, sqlstate) = if wanted == "view" {
        ("EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE", "42809")
    } else {
        ("EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", "42809")
    };
    SqlError::new(condition, sqlstate, format!("The statement expects a {wanted}, but {} is a {found}.", shown(name)))
}

pub(super) fn shown(name: &TableName) -> String {
    quoted(&[&name.catalog, &name.schema, &name.name])
}

fn definition(table: &CreateTable, schema: StructType, scope: &Scope) -> Result<Definition, SqlError> {
    let known = |names: &[String]| -> Result<Vec<String>, SqlError> {
        names
            .iter()
            .map(|name| {
                let field = schema.fields().find(|f| f.name().eq_ignore_ascii_case(name));
                field.map(|f| f.name().clone()).ok_or_else(|| {
                    SqlError::new(
                        "COLUMN_NOT_DEFINED_IN_TABLE",
                        "42703",
                        format!("The column {} is not defined in the table.", quoted(&[name])),
                    )
                })
            })
            .collect()
    };
    let mut properties = table.properties.clone();
    if let Some((key, _)) = properties.iter().find(|(key, _)| features::is_reserved(key)) {
        return Err(reserved(key).at(scope.place(&table.name)));
    }
    let allowed = properties.iter().any(|(key, _)| key == features::DEFAULTS_ALLOWED);
    if let Some(column) = table.columns.iter().find(|c| c.default.is_some() && !allowed) {
        return Err(columns::defaults_not_allowed().at(place(&scope.statement, &column.range)));
    }
    for (i, constraint) in table.constraints.iter().enumerate() {
        if let Rule::Check(condition) = &constraint.rule {
            let name = constraint.name.clone().unwrap_or_else(|| format!("chk_{}", i + 1)).to_lowercase();
            let key = format!("{}{name}", features::CONSTRAINT);
            if properties.iter().any(|(known, _)| *known == key) {
                return Err(keys::exists(&name).at(place(&scope.statement, &constraint.range)));
            }
            properties.push((key, condition.text().trim().to_owned()));
        }
    }
    cluster(&mut properties, table.cluster_by.as_ref(), known)?;
    Ok(Definition { partitions: known(&table.partitioned_by)?, schema, comment: table.comment.clone(), properties })
}

/// Writes down by which columns a table is clustered.
pub(super) fn cluster(
    properties: &mut Vec<(String, String)>,
    by: Option<&ClusterBy>,
    known: impl Fn(&[String]) -> Result<Vec<String>, SqlError>,
) -> Result<(), SqlError> {
    let Some(by) = by else { return Ok(()) };
    properties.retain(|(key, _)| key != CLUSTERING && key != "clusterByAuto");
    match by {
        ClusterBy::Columns(columns) => {
            let columns: Vec<Vec<String>> = known(columns)?.into_iter().map(|c| vec![c]).collect();
            let text = serde_json::to_string(&columns).map_err(|e| SqlError::internal(e.to_string()))?;
            properties.push((CLUSTERING.to_owned(), text));
        }
        ClusterBy::Auto => properties.push(("clusterByAuto".to_owned(), "true".to_owned())),
        ClusterBy::None => {}
    }
    Ok(())
}

/// The error for a property that only other statements change.
pub(super) fn reserved(key: &str) -> SqlError {
    SqlError::new(
        "DELTA_UNKNOWN_CONFIGURATION",
        "F0000",
        format!(
            "The table property {key} is not set directly; constraints are added with ALTER TABLE … ADD CONSTRAINT."
        ),
    )
}

/// `DROP TABLE`, `DROP VIEW`
pub(super) async fn drop_relation(
    engine: &Engine,
    scope: &Scope,
    kind: Relation,
    written: &Name,
    if_exists: bool,
) -> Result<Output, SqlError> {
    let name = scope.table(written)?;
    let _writing = engine.write_lock(&name).await;
    let found = match engine.kind(&name, &scope.parts(written)?) {
        Ok(found) => found,
        Err(_) if if_exists => return Ok(done("DROP")),
        Err(error) => return Err(error.at(scope.place(written))),
    };
    expect(engine, kind, found, &name).map_err(|e| e.at(scope.place(written)))?;
    match found {
        Kind::Table => engine.folder().remove_table(&name)?,
        Kind::View => engine.folder().remove_view(&name)?,
    }
    Ok(done("DROP"))
}

/// Fails unless a name stands for what the statement says it does.
pub(super) fn expect(engine: &Engine, kind: Relation, found: Kind, name: &TableName) -> Result<(), SqlError> {
    let found = match found {
        Kind::View => Relation::View,
        Kind::Table if engine.folder().about(&name.parts())?.materialized.is_some() => Relation::MaterializedView,
        Kind::Table => Relation::Table,
    };
    if kind == found {
        return Ok(());
    }
    Err(wrong_kind(name, &kind.keyword().to_lowercase(), &found.keyword().to_lowercase()))
}
