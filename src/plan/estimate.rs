//! What building tables anew will read, as far as it can be told beforehand.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::change::{Act, DeployPlan, Kind};
use crate::config::Materialization;
use crate::ids::TableName;
use crate::manifest::{CompiledModel, Manifest};

/// How large a table is; none: nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Its rows.
    pub rows: Option<u64>,
    /// Its files together, in bytes, as they are stored.
    pub bytes: Option<u64>,
}

/// What the build of a table reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// How many tables, be it through views.
    pub tables: usize,
    /// How many of them are not there yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missing: usize,
    /// The rows of those that are there; none if it is not known of all.
    pub rows: Option<u64>,
    /// Their size in bytes, as they are stored; none if it is not known of all.
    pub bytes: Option<u64>,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// Returns what the tables that a plan builds read: by the changes' names.
pub fn reads(manifest: &Manifest, plan: &DeployPlan) -> BTreeMap<String, BTreeSet<TableName>> {
    let builds = |act: Act| matches!(act, Act::Create | Act::Rebuild | Act::Replace);
    let built = plan.changes.iter().filter(|change| change.kind == Kind::Table && builds(change.act));
    let models: BTreeMap<String, &CompiledModel> =
        manifest.models.values().map(|model| (model.table.to_string(), model)).collect();
    let read = built.filter_map(|change| {
        let mut tables = BTreeSet::new();
        add(manifest, models.get(&change.name)?, &mut tables);
        Some((change.name.clone(), tables))
    });
    read.collect()
}

/// Adds the tables that a model's query reads, be it through views.
fn add(manifest: &Manifest, model: &CompiledModel, tables: &mut BTreeSet<TableName>) {
    tables.extend(model.reads.sources.iter().map(|read| read.table.clone()));
    for read in model.reads.models.iter().filter_map(|name| manifest.models.get(name)) {
        match read.config.materialized {
            Materialization::Table => {
                tables.insert(read.table.clone());
            }
            Materialization::View => add(manifest, read, tables),
        }
    }
}

impl Estimate {
    /// Sums up what is known of tables; those that are not in `sizes` are not there.
    pub fn of(tables: &BTreeSet<TableName>, sizes: &BTreeMap<TableName, Size>) -> Self {
        let known: Vec<&Size> = tables.iter().filter_map(|table| sizes.get(table)).collect();
        Self {
            tables: tables.len(),
            missing: tables.len() - known.len(),
            rows: known.iter().map(|size| size.rows).sum(),
            bytes: known.iter().map(|size| size.bytes).sum(),
        }
    }
}
