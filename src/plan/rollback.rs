//! The plan of putting tables back to what they were before a run.

use super::action::{Action, Restore, Step};
use super::steps::RunPlan;
use crate::ids::StepId;
use crate::manifest::Manifest;

/// Plans to put tables back.
pub fn rollback(manifest: &Manifest, tables: Vec<Restore>) -> RunPlan {
    let steps = tables.into_iter().map(|restore| {
        let id = StepId::new(format!("restore {}", restore.table.name));
        (id.clone(), Step { id, needs: Vec::new(), action: Action::Restore(restore) })
    });
    RunPlan {
        project: manifest.project.clone(),
        environment: manifest.environment.clone(),
        job: None,
        catalog: manifest.catalog.clone(),
        schema: manifest.schema.clone(),
        steps: steps.collect(),
    }
}
