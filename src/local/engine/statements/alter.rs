//! Statements that alter tables and views, and comment on things.

use deltalake::kernel::{MetadataValue, StructType};
use tokio_util::sync::CancellationToken;

use super::namespaces::schema_name;
use super::tables::{expect, reserved, shown};
use super::{columns, done, keys, restructure, views};
use crate::dialect::{Alteration, ColumnChange, Commented, Constraint, Name, NamespaceChange, Relation, Rule, Tags};
use crate::ids::TableName;
use crate::local::engine::Engine;
use crate::local::engine::api::Output;
use crate::local::engine::catalog::{About, Key, Kind, check_name, quoted};
use crate::local::engine::delta::COMMENT;
use crate::local::engine::error::{SqlError, place};
use crate::local::engine::features;
use crate::local::engine::plan::Scope;
use crate::local::engine::rules::{self, Rules};
use crate::local::engine::write::{self, Definition};

/// `ALTER TABLE`, `ALTER VIEW`, `ALTER MATERIALIZED VIEW`
pub(super) async fn alter(
    engine: &Engine,
    scope: &Scope,
    kind: Relation,
    written: &Name,
    change: Alteration,
    cancel: &CancellationToken,
) -> Result<Output, SqlError> {
    let name = scope.table(written)?;
    let found = engine.kind(&name, &scope.parts(written)?).map_err(|e| e.at(scope.place(written)))?;
    // Tags and owners may be changed of whatever it is.
    let of_any = match &change {
        Alteration::Tags(_) | Alteration::Owner(_) => true,
        Alteration::Columns(changes) => changes.iter().all(|(_, change)| matches!(change, ColumnChange::Tags(_))),
        _ => false,
    };
    if !of_any {
        expect(engine, kind, found, &name).map_err(|e| e.at(scope.place(written)))?;
    }
    let writing = engine.write_lock(&name).await;
    match change {
        Alteration::RenameTo(to) => rename(engine, scope, found, &name, &to).await?,
        Alteration::Tags(tags) => about(engine, &name, |about| tag(&mut about.tags, tags))?,
        Alteration::Owner(owner) => about(engine, &name, |about| about.owner = Some(owner))?,
        Alteration::SetProperties(properties) => set_properties(engine, &name, found, properties).await?,
        Alteration::UnsetProperties { keys, if_exists } => {
            unset_properties(engine, &name, found, &keys, if_exists).await?;
        }
        Alteration::Query(query) => {
            drop(writing);
            views::requery(engine, scope, &name, query).await?;
        }
        Alteration::DropConstraint { name: constraint, if_exists, cascade } => {
            let about = engine.folder().about(&name.parts())?;
            let is_it = |key: &Key| key.references.is_none() && key.name.eq_ignore_ascii_case(&constraint);
            if about.keys.iter().any(is_it) {
                keys::let_go(engine, &name, cascade).await?;
            }
            drop_constraint(engine, &name, &constraint, if_exists).await?;
        }
        Alteration::DropPrimaryKey { if_exists, cascade } => {
            keys::let_go(engine, &name, cascade).await?;
            drop_key(engine, &name, None, if_exists)?;
        }
        Alteration::DropForeignKey { columns, if_exists } => drop_key(engine, &name, Some(&columns), if_exists)?,
        Alteration::AddConstraint(constraint) => add_constraint(engine, scope, &name, &constraint).await?,
        Alteration::Columns(changes) if changes.iter().any(|(_, change)| matches!(change, ColumnChange::Tags(_))) => {
            let info = engine.describe(&name).await?;
            let mut tagged = Vec::new();
            for (column, change) in changes {
                let wanted = column.join(".").to_lowercase();
                if !info.columns.iter().any(|c| c.column.name.to_lowercase() == wanted) {
                    return Err(no_column(&wanted, &name));
                }
                let ColumnChange::Tags(tags) = change else {
                    let text = "ALTER COLUMN that tags one column and changes another";
                    return Err(SqlError::unsupported_statement(text).at(scope.place(written)));
                };
                tagged.push((wanted, tags));
            }
            about(engine, &name, |about| {
                for (column, tags) in tagged {
                    tag(about.column_tags.entry(column).or_default(), tags);
                }
                about.column_tags.retain(|_, tags| !tags.is_empty());
            })?;
        }
        structural => {
            let place = scope.place(written);
            restructure::change(engine, scope, &name, structural, cancel).await.map_err(|e| e.at(place))?;
        }
    }
    Ok(done("ALTER"))
}

/// `ALTER SCHEMA`, `ALTER CATALOG`
pub(super) fn namespace(
    engine: &Engine,
    scope: &Scope,
    catalog: bool,
    written: &Name,
    change: NamespaceChange,
) -> Result<Output, SqlError> {
    let path = namespace_path(engine, scope, catalog, written)?;
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let mut about = engine.folder().about(&path)?;
    match change {
        NamespaceChange::Tags(tags) => tag(&mut about.tags, tags),
        NamespaceChange::Owner(owner) => about.owner = Some(owner),
        NamespaceChange::SetProperties(properties) => about.properties.extend(properties),
    }
    engine.folder().put_about(&path, &about)?;
    Ok(done("ALTER"))
}

/// The full name of a schema or catalog that is there.
pub(super) fn namespace_path(
    engine: &Engine,
    scope: &Scope,
    catalog: bool,
    written: &Name,
) -> Result<Vec<String>, SqlError> {
    let at = scope.place(written);
    if catalog {
        let catalog = scope.parts(written)?.join(".").to_lowercase();
        engine.folder().catalog(&catalog).map_err(|e| e.at(at))?;
        return Ok(vec![catalog]);
    }
    let (catalog, schema) = schema_name(scope, written)?;
    engine.folder().require_schema(&catalog, &schema).map_err(|e| e.at(at))?;
    Ok(vec![catalog, schema])
}

fn about(engine: &Engine, name: &TableName, change: impl FnOnce(&mut About)) -> Result<(), SqlError> {
    let mut about = engine.folder().about(&name.parts())?;
    change(&mut about);
    engine.folder().put_about(&name.parts(), &about)
}

fn tag(known: &mut std::collections::BTreeMap<String, String>, tags: Tags) {
    match tags {
        Tags::Set(tags) => known.extend(tags),
        Tags::Unset(keys) => known.retain(|key, _| !keys.contains(key)),
    }
}

async fn rename(engine: &Engine, scope: &Scope, kind: Kind, from: &TableName, to: &Name) -> Result<(), SqlError> {
    let new = scope.table(to)?;
    let at = scope.place(to);
    check_name(&new.name).map_err(|e| e.at(at))?;
    if new.catalog != from.catalog {
        return Err(SqlError::unsupported("renaming into another catalog").at(at));
    }
    engine.folder().require_schema(&new.catalog, &new.schema).map_err(|e| e.at(at))?;
    if new == *from {
        return Err(super::tables::exists(&new).at(at));
    }
    // Two statements that rename a table each into the other's name wait for each other only until one of them asks.
    let _writing = engine.write_lock(&new).await;
    if engine.folder().kind(&new).is_some() {
        return Err(super::tables::exists(&new).at(at));
    }
    engine.folder().rename(kind, from, &new)
}

async fn set_properties(
    engine: &Engine,
    name: &TableName,
    kind: Kind,
    properties: Vec<(String, String)>,
) -> Result<(), SqlError> {
    if let Some((key, _)) = properties.iter().find(|(key, _)| features::is_reserved(key)) {
        return Err(reserved(key));
    }
    if kind == Kind::View {
        return describe_view(engine, name, |view| view.properties.extend(properties));
    }
    features::check(&properties)?;
    alter_table(engine, name, "SET TBLPROPERTIES", |definition| {
        let was_mapped = features::is_mapped(definition);
        for (key, value) in &properties {
            definition.properties.retain(|(known, _)| known != key);
            definition.properties.push((key.clone(), value.clone()));
        }
        match (was_mapped, features::is_mapped(definition)) {
            (false, true) => features::map_columns(definition, true)?,
            (true, false) => return Err(SqlError::unsupported("taking back a column mapping")),
            _ => {}
        }
        Ok(properties.clone())
    })
    .await
}

async fn unset_properties(
    engine: &Engine,
    name: &TableName,
    kind: Kind,
    keys: &[String],
    if_exists: bool,
) -> Result<(), SqlError> {
    let known = engine.describe(name).await?.properties;
    if let Some(key) = keys.iter().find(|key| features::is_reserved(key) || *key == features::MAPPING) {
        return Err(reserved(key));
    }
    if let Some(key) = keys.iter().find(|key| !known.contains_key(*key)).filter(|_| !if_exists) {
        return Err(SqlError::new(
            "UNSET_NONEXISTENT_PROPERTIES",
            "42K0J",
            format!("Attempted to unset non-existent properties [{}] in table {}.", quoted(&[key]), shown(name)),
        ));
    }
    if kind == Kind::View {
        return describe_view(engine, name, |view| view.properties.retain(|key, _| !keys.contains(key)));
    }
    alter_table(engine, name, "UNSET TBLPROPERTIES", |definition| {
        definition.properties.retain(|(key, _)| !keys.contains(key));
        Ok(keys.iter().map(|key| (key.clone(), String::new())).collect())
    })
    .await
}

fn describe_view(
    engine: &Engine,
    name: &TableName,
    change: impl FnOnce(&mut crate::local::engine::catalog::ViewFile),
) -> Result<(), SqlError> {
    let mut view = engine.folder().view(name)?;
    change(&mut view);
    view.updated_at = engine.now();
    engine.folder().put_view(name, &view)
}

/// Changes what a table is; the closure says what the history shall tell of it.
pub(super) async fn alter_table(
    engine: &Engine,
    name: &TableName,
    operation: &str,
    change: impl FnOnce(&mut Definition) -> Result<Vec<(String, String)>, SqlError>,
) -> Result<(), SqlError> {
    let dir = engine.folder().table_dir(name);
    let table = engine.open_table(name).await?;
    let mut definition = write::definition(&table, &dir)?;
    let told = change(&mut definition)?;
    write::alter(&table, &dir, &definition, operation, &told).await
}

async fn add_constraint(
    engine: &Engine,
    scope: &Scope,
    name: &TableName,
    constraint: &Constraint,
) -> Result<(), SqlError> {
    let dir = engine.folder().table_dir(name);
    let table = engine.open_table(name).await?;
    let mut definition = write::definition(&table, &dir)?;
    let at = place(&scope.statement, &constraint.range);
    let Rule::Check(condition) = &constraint.rule else {
        let mut about = engine.folder().about(&name.parts())?;
        let key = keys::key(engine, scope, name, constraint, &definition.schema, &about.keys).await?;
        about.keys.extend(key);
        return engine.folder().put_about(&name.parts(), &about);
    };
    let taken = |name: &str| definition.properties.iter().any(|(key, _)| *key == constraint_key(name));
    let called = match &constraint.name {
        Some(name) => name.to_lowercase(),
        None => (1..).map(|n| format!("chk_{n}")).find(|name| !taken(name)).unwrap_or_default(),
    };
    if taken(&called) {
        return Err(keys::exists(&called).at(at));
    }
    let condition = condition.text().trim();
    definition.properties.push((constraint_key(&called), condition.to_owned()));
    let rules = Rules::of(&definition, columns::arrow(&definition.schema)?.as_ref());
    rules.check(engine, scope).await.map_err(|e| e.at(at))?;
    let broken = rules::broken(engine, scope, name, condition).await?;
    if broken > 0 {
        return Err(SqlError::new(
            "DELTA_NEW_CHECK_CONSTRAINT_VIOLATION",
            "23512",
            format!("{broken} rows in {} violate the new CHECK constraint ({condition}).", name.to_sql()),
        )
        .at(at));
    }
    let told = [("name".to_owned(), called), ("expr".to_owned(), condition.to_owned())];
    write::alter(&table, &dir, &definition, "ADD CONSTRAINT", &told).await
}

/// The property that holds a CHECK constraint.
fn constraint_key(name: &str) -> String {
    format!("{}{name}", features::CONSTRAINT)
}

async fn drop_constraint(engine: &Engine, name: &TableName, constraint: &str, if_exists: bool) -> Result<(), SqlError> {
    let mut about = engine.folder().about(&name.parts())?;
    let before = about.keys.len();
    about.keys.retain(|key| !key.name.eq_ignore_ascii_case(constraint));
    if about.keys.len() < before {
        return engine.folder().put_about(&name.parts(), &about);
    }
    let key = constraint_key(&constraint.to_lowercase());
    if !engine.describe(name).await?.properties.contains_key(&key) {
        return if if_exists { Ok(()) } else { Err(no_constraint(constraint, name)) };
    }
    alter_table(engine, name, "DROP CONSTRAINT", |definition| {
        definition.properties.retain(|(known, _)| *known != key);
        Ok(vec![("name".to_owned(), constraint.to_owned())])
    })
    .await
}

fn drop_key(engine: &Engine, name: &TableName, columns: Option<&[String]>, if_exists: bool) -> Result<(), SqlError> {
    let mut about = engine.folder().about(&name.parts())?;
    let same = |key: &Key| match columns {
        None => key.references.is_none(),
        Some(columns) => {
            key.references.is_some()
                && key.columns.len() == columns.len()
                && key.columns.iter().zip(columns).all(|(a, b)| a.eq_ignore_ascii_case(b))
        }
    };
    let before = about.keys.len();
    about.keys.retain(|key| !same(key));
    match about.keys.len() < before {
        true => engine.folder().put_about(&name.parts(), &about),
        false if if_exists => Ok(()),
        false => Err(no_constraint(if columns.is_some() { "FOREIGN KEY" } else { "PRIMARY KEY" }, name)),
    }
}

fn no_constraint(constraint: &str, table: &TableName) -> SqlError {
    SqlError::new(
        "DELTA_CONSTRAINT_DOES_NOT_EXIST",
        "42704",
        format!("Cannot drop nonexistent constraint {constraint} from table {}.", shown(table)),
    )
}

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
            described(engine, &name, change).await.map_err(|e| e.at(scope.place(written)))?;
        }
        Commented::Column => {
            let mut parts = scope.parts(written)?;
            let column = parts.pop().unwrap_or_default();
            if parts.is_empty() {
                return Err(SqlError::unsupported_statement("COMMENT ON COLUMN without the table's name"));
            }
            let name = scope.table(&Name::Parts { parts, range: written.range() })?;
            let change = Change::ColumnComment(column, comment.map(str::to_owned));
            described(engine, &name, change).await.map_err(|e| e.at(scope.place(written)))?;
        }
    }
    Ok(done("COMMENT"))
}

/// A change of what is said of a table or view.
enum Change {
    Comment(Option<String>),
    ColumnComment(String, Option<String>),
}

async fn described(engine: &Engine, name: &TableName, change: Change) -> Result<(), SqlError> {
    let _writing = engine.write_lock(name).await;
    match (engine.kind(name, &[])?, change) {
        (Kind::View, Change::Comment(comment)) => describe_view(engine, name, |view| view.comment = comment),
        (Kind::View, Change::ColumnComment(column, comment)) => {
            let mut view = engine.folder().view(name)?;
            let found = view.columns.iter_mut().find(|c| c.name.eq_ignore_ascii_case(&column));
            found.ok_or_else(|| no_column(&column, name))?.comment = comment;
            describe_view(engine, name, |file| file.columns = view.columns)
        }
        (Kind::Table, Change::Comment(comment)) => {
            alter_table(engine, name, "SET TBLPROPERTIES", |definition| {
                let told = vec![(COMMENT.to_owned(), comment.clone().unwrap_or_default())];
                definition.comment = comment;
                Ok(told)
            })
            .await
        }
        (Kind::Table, Change::ColumnComment(column, comment)) => {
            alter_table(engine, name, "CHANGE COLUMN", |definition| {
                require_column(&definition.schema, &column, name)?;
                definition.change_column(&column, |metadata| set_comment(metadata, comment.clone()))?;
                Ok(vec![("column".to_owned(), column), (COMMENT.to_owned(), comment.unwrap_or_default())])
            })
            .await
        }
    }
}

/// Sets or takes away a column's comment.
pub(super) fn set_comment(metadata: &mut std::collections::HashMap<String, MetadataValue>, comment: Option<String>) {
    match comment {
        Some(comment) => metadata.insert(COMMENT.to_owned(), MetadataValue::String(comment)),
        None => metadata.remove(COMMENT),
    };
}

fn require_column(schema: &StructType, column: &str, table: &TableName) -> Result<(), SqlError> {
    match schema.fields().any(|field| field.name().eq_ignore_ascii_case(column)) {
        true => Ok(()),
        false => Err(no_column(column, table)),
    }
}

/// The error for a column that a table does not have.
pub(super) fn no_column(column: &str, table: &TableName) -> SqlError {
    SqlError::new(
        "COLUMN_NOT_FOUND",
        "42703",
        format!("The column {} cannot be found in {}.", quoted(&[column]), shown(table)),
    )
}
