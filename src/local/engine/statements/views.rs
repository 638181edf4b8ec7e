//! Statements that define views.

use std::collections::HashSet;

use super::done;
use super::tables::{arity, exists, twice, wrong_kind};
use crate::dialect::CreateView;
use crate::local::engine::api::Output;
use crate::local::engine::catalog::{Kind, ViewColumn, ViewFile, check_name};
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::{self, Scope};
use crate::local::engine::{Engine, types};

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
    let file = ViewFile {
        id: old.as_ref().map_or_else(|| uuid::Uuid::new_v4().to_string(), |old| old.id.clone()),
        query: view.query.text().trim_end().to_owned(),
        catalog: scope.catalog.clone(),
        schema: scope.schema.clone(),
        columns,
        comment: view.comment,
        properties: view.properties.into_iter().collect(),
        created_at: old.map_or(now, |old| old.created_at),
        updated_at: now,
    };
    engine.folder().put_view(&name, &file)?;
    Ok(done("CREATE"))
}
