//! Statements that define views, and views that are kept as tables.

use std::collections::HashSet;

use tokio_util::sync::CancellationToken;

use super::columns::{self, arity, twice};
use super::done;
use super::tables::{exists, expect, wrong_kind};
use crate::dialect::{CreateView, Name, Part, Relation};
use crate::ids::TableName;
use crate::local::engine::api::Output;
use crate::local::engine::catalog::{About, Kind, ViewColumn, ViewFile, check_name};
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::{self, Planned, Scope};
use crate::local::engine::write::{self, Definition};
use crate::local::engine::{Engine, files, types};

/// `CREATE [OR REPLACE] VIEW`
pub(super) async fn create_view(engine: &Engine, scope: &Scope, view: CreateView) -> Result<Output, SqlError> {
    let name = scope.table(&view.name)?;
    check_name(&name.name)?;
    engine.folder().require_schema(&name.catalog, &name.schema)?;
    let _writing = engine.write_lock(&name).await;
    let old = match engine.folder().kind(&name) {
        Some(Kind::Table) => return Err(wrong_kind(&name, "view", "table").at(scope.place(&view.name))),
        Some(Kind::View) if view.if_not_exists => return Ok(done("CREATE")),
        Some(Kind::View) if !view.or_replace => return Err(exists(&name).at(scope.place(&view.name))),
        Some(Kind::View) => engine.folder().view(&name).ok(),
        None => None,
    };
    let planned = plan::query(engine, &view.query, scope).await?;
    if old.is_none() {
        engine.folder().put_about(&name.parts(), &About::default())?;
    }
    engine.folder().put_view(&name, &file(engine, scope, &view, &planned, old)?)?;
    Ok(done("CREATE"))
}

/// `ALTER VIEW … AS`
pub(super) async fn requery(engine: &Engine, scope: &Scope, name: &TableName, query: Part) -> Result<(), SqlError> {
    let _writing = engine.write_lock(name).await;
    let old = engine.folder().view(name)?;
    let planned = plan::query(engine, &query, scope).await?;
    let view = CreateView {
        materialized: false,
        name: Name::Parts { parts: Vec::new(), range: 0..0 },
        or_replace: true,
        if_not_exists: false,
        columns: Vec::new(),
        comment: old.comment.clone(),
        properties: old.properties.clone().into_iter().collect(),
        query,
    };
    engine.folder().put_view(name, &file(engine, scope, &view, &planned, Some(old))?)
}

/// What is written about a view.
fn file(
    engine: &Engine,
    scope: &Scope,
    view: &CreateView,
    planned: &Planned,
    old: Option<ViewFile>,
) -> Result<ViewFile, SqlError> {
    let fields = planned.plan.schema().fields();
    if !view.columns.is_empty() && view.columns.len() != fields.len() {
        return Err(arity(view.columns.len(), fields.len()));
    }
    let mut columns = Vec::new();
    let mut seen = HashSet::new();
    for (i, (shown, field)) in planned.names.iter().zip(fields).enumerate() {
        let given = view.columns.get(i);
        let column = ViewColumn {
            name: given.map_or_else(|| shown.clone(), |(name, _)| name.clone()),
            source: field.name().clone(),
            type_text: types::from_arrow(field.data_type()).to_string(),
            comment: given.and_then(|(_, comment)| comment.clone()),
        };
        if !seen.insert(column.name.to_lowercase()) {
            return Err(twice(&column.name));
        }
        columns.push(column);
    }
    let now = engine.now();
    Ok(ViewFile {
        id: old.as_ref().map_or_else(|| uuid::Uuid::new_v4().to_string(), |old| old.id.clone()),
        query: view.query.text().trim_end().to_owned(),
        catalog: scope.catalog.clone(),
        schema: scope.schema.clone(),
        columns,
        comment: view.comment.clone(),
        properties: view.properties.iter().cloned().collect(),
        created_at: old.map_or(now, |old| old.created_at),
        updated_at: now,
    })
}

/// `CREATE [OR REPLACE] MATERIALIZED VIEW`: a table that only its query fills.
pub(super) async fn create_materialized(
    engine: &Engine,
    scope: &Scope,
    view: CreateView,
    cancel: &CancellationToken,
) -> Result<Output, SqlError> {
    let name = scope.table(&view.name)?;
    check_name(&name.name)?;
    engine.folder().require_schema(&name.catalog, &name.schema)?;
    let _writing = engine.write_lock(&name).await;
    let at = scope.place(&view.name);
    if let Some(found) = engine.folder().kind(&name) {
        expect(engine, Relation::MaterializedView, found, &name).map_err(|e| e.at(at))?;
        if view.if_not_exists {
            return Ok(done("CREATE"));
        }
        if !view.or_replace {
            return Err(exists(&name).at(at));
        }
    }
    let planned = plan::query(engine, &view.query, scope).await?;
    let mut about = engine.folder().about(&name.parts())?;
    let file = file(engine, scope, &view, &planned, about.materialized.take())?;
    about.materialized = Some(file.clone());
    fill(engine, scope, &name, &file, planned, cancel, || engine.folder().put_about(&name.parts(), &about)).await?;
    Ok(done("CREATE"))
}

/// `REFRESH MATERIALIZED VIEW`; `REFRESH TABLE`, after which there is nothing to do: no statement reads old rows.
pub(super) async fn refresh(
    engine: &Engine,
    scope: &Scope,
    kind: Relation,
    written: &Name,
    cancel: &CancellationToken,
) -> Result<Output, SqlError> {
    let name = scope.table(written)?;
    let at = scope.place(written);
    let _writing = engine.write_lock(&name).await;
    let found = engine.kind(&name, &scope.parts(written)?).map_err(|e| e.at(at))?;
    if kind == Relation::Table {
        return Ok(done("REFRESH"));
    }
    expect(engine, kind, found, &name).map_err(|e| e.at(at))?;
    let Some(file) = engine.folder().about(&name.parts())?.materialized else { return Ok(done("REFRESH")) };
    let inside = scope.of_view(&file.catalog, &file.schema, &file.query);
    let part = Part { padded: file.query.clone(), range: 0..file.query.len() };
    let planned = plan::query(engine, &part, &inside).await.map_err(|error| {
        let mut error = error.without_place();
        error.message.push_str(&format!(" (in the materialized view {})", name.to_sql()));
        error.at(at)
    })?;
    fill(engine, scope, &name, &file, planned, cancel, || Ok(())).await?;
    Ok(done("REFRESH"))
}

/// Puts the rows of its query into a materialized view, in one commit; what has to be known of it is written before.
async fn fill(
    engine: &Engine,
    scope: &Scope,
    name: &TableName,
    file: &ViewFile,
    planned: Planned,
    cancel: &CancellationToken,
    before: impl FnOnce() -> Result<(), SqlError>,
) -> Result<(), SqlError> {
    let planned = Planned { names: file.columns.iter().map(|column| column.name.clone()).collect(), ..planned };
    let mut schema = columns::selected(&planned, &[], scope)?;
    let definition = |schema| Definition {
        schema,
        partitions: Vec::new(),
        comment: file.comment.clone(),
        properties: file.properties.clone().into_iter().collect(),
    };
    for column in &file.columns {
        if let Some(comment) = &column.comment {
            let mut changed = definition(schema);
            changed.change_column(&column.name, |metadata| {
                super::alter::set_comment(metadata, Some(comment.clone()));
            })?;
            schema = changed.schema;
        }
    }
    let definition = definition(schema);
    let dir = engine.folder().table_dir(name);
    let arrow = columns::arrow(&definition.schema)?;
    let files = files::write(&planned, &dir, &arrow, &[], cancel).await?;
    before()?;
    match engine.folder().kind(name) {
        Some(_) => write::replace(&engine.open_table(name).await?, &dir, definition, Some(files)).await,
        None => write::create(&dir, definition, Some(files)).await,
    }
}
