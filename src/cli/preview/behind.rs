//! Tells where the tables that a page shows are not what its models say by now.

use std::collections::BTreeSet;

use super::Subject;
use crate::cli::connect::Environment;
use crate::ids::ModelName;
use crate::manifest::{CompiledModel, Manifest};
use crate::plan::Observed;

/// Models that are named; of more, how many.
const NAMED: usize = 4;

/// Says which models are not built as they are written, and how to build them; nothing if all are.
pub(super) async fn words(environment: &Environment, subject: &Subject) -> String {
    let manifest = &subject.manifest;
    let observed = match environment.tables(manifest).await {
        Ok(observed) => observed,
        // The tiles say what cannot be read.
        Err(error) => {
            tracing::warn!(?error, "whether the models are built as they are written cannot be told");
            return String::new();
        }
    };
    let models = behind(manifest, &subject.dashboard.reads.models, &observed);
    if models.is_empty() {
        return String::new();
    }
    let named: Vec<String> = models.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    let more = match models.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let builder = if manifest.jobs.is_empty() { "kiln deploy" } else { "kiln sync-and-refresh" };
    let is = if models.len() == 1 { "it" } else { "them" };
    format!(
        "Changed since the tables were built: {}{more}. This page shows the tables; `{builder} --env {}` builds {is}.",
        named.join(", "),
        manifest.environment
    )
}

/// Returns the models below a dashboard that are not built as they are written: those that say something else themselves, or else
/// those that rest on such.
fn behind<'a>(manifest: &'a Manifest, reads: &'a [ModelName], observed: &Observed) -> Vec<&'a ModelName> {
    let mut below: BTreeSet<&ModelName> = BTreeSet::new();
    let mut open: Vec<&ModelName> = reads.iter().collect();
    while let Some(name) = open.pop() {
        if below.insert(name) {
            open.extend(manifest.models.get(name).into_iter().flat_map(|model| &model.reads.models));
        }
    }
    let differs = |differs: &dyn Fn(&CompiledModel, &crate::plan::Marks) -> bool| -> Vec<&'a ModelName> {
        let found = manifest.models.iter().filter(|(name, model)| {
            below.contains(name)
                && match observed.tables.get(&model.table.name) {
                    None => true,
                    // What kiln has not made, or reads from elsewhere, is as somebody wants it.
                    Some(there) => there.marks.as_ref().is_some_and(|m| m.deferred.is_none() && differs(model, m)),
                }
        });
        found.map(|(name, _)| name).collect()
    };
    let own = differs(&|model, marks| marks.definition.as_ref() != Some(&model.definition));
    if own.is_empty() { differs(&|model, marks| marks.fingerprint.as_ref() != Some(&model.fingerprint)) } else { own }
}
