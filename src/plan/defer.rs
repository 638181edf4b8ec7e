//! Models that are read from another environment: what stands there as the project says need not be built here.
//!
//! In the model's place stands a view of what is elsewhere, so that every name in queries, tests and dashboards means what it
//! always means. It bears a mark that says so, and makes room for the model itself as soon as that is built here.

use std::collections::BTreeMap;

use super::compare;
use super::marks;
use super::observed::{Observed, ObservedTable, TableKind};
use super::statement::properties;
use super::steps::is_ours;
use crate::dialect::essence;
use crate::ids::{ModelName, TableName};
use crate::manifest::{CompiledModel, Deferral, DeferredModel, Manifest};

/// What stands in another environment.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// The environment's name.
    pub environment: String,
    /// Its catalog.
    pub catalog: String,
    /// Its schema.
    pub schema: String,
    /// Tables and views there, by their own names.
    pub tables: BTreeMap<String, ObservedTable>,
}

/// What is needed to let a model be read from elsewhere.
#[derive(Clone, Debug)]
pub struct DeferModel {
    /// The model.
    pub model: ModelName,
    /// Where it is read under its name.
    pub table: TableName,
    /// Where its rows are.
    pub from: TableName,
    /// The statements that make it so, each of which may be repeated; none if it is so already.
    pub statements: Vec<String>,
}

/// Finds the models that need not be built here: elsewhere they stand as the project says, and here they do not.
pub fn deferral(manifest: &Manifest, observed: &Observed, elsewhere: &Elsewhere) -> Deferral {
    let mut models = BTreeMap::new();
    for (name, model) in &manifest.models {
        let stands = |table: &ObservedTable| is_ours(table, manifest) && !compare::differences(model, table).rebuild;
        if observed.tables.get(&model.table.name).is_some_and(stands) {
            continue;
        }
        if let Some(there) = elsewhere.tables.get(&model.table.name).filter(|there| stands(there)) {
            let deferred = DeferredModel {
                table: TableName::new(&elsewhere.catalog, &elsewhere.schema, &model.table.name),
                inputs: there.marks.as_ref().and_then(|marks| marks.inputs.clone()),
            };
            models.insert(name.clone(), deferred);
        }
    }
    Deferral { environment: elsewhere.environment.clone(), models }
}

/// Says what is needed to let a model be read from elsewhere.
pub(super) fn defer(manifest: &Manifest, model: &CompiledModel, there: Option<&ObservedTable>) -> Option<DeferModel> {
    let from = &manifest.deferral.as_ref()?.models.get(&model.config.name)?.table;
    let query = format!("SELECT * FROM {}", from.to_sql());
    let is_so = there.is_some_and(|there| {
        let marked = there.marks.as_ref().and_then(|marks| marks.deferred.as_ref());
        let same = there.definition.as_ref().is_some_and(|text| essence(text) == essence(&query));
        there.kind == TableKind::View && marked == Some(&from.to_string()) && same
    });
    let mut statements = Vec::new();
    if !is_so {
        let table = model.table.to_sql();
        if there.is_some_and(|there| there.kind == TableKind::Table) {
            statements.push(format!("DROP TABLE IF EXISTS {table}"));
        }
        let marks = properties(&marks::of_deferred(&manifest.project, model, from));
        statements.push(format!("CREATE OR REPLACE VIEW {table}\nTBLPROPERTIES {marks}\nAS\n{query}"));
    }
    Some(DeferModel { model: model.config.name.clone(), table: model.table.clone(), from: from.clone(), statements })
}
