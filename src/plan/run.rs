//! The plan of one run of a job: which steps, after which others.

use std::collections::{BTreeMap, BTreeSet};

use super::observed::Observed;
use super::select;
use super::steps::{Consent, Planner, RunPlan};
use crate::config::{Job, JobStep, Selection};
use crate::diag::{Diagnostic, Diagnostics, did_you_mean};
use crate::ids::JobName;
use crate::manifest::{CompiledDashboard, CompiledModel, Manifest, Reads};

/// What is wanted of a run beside its job.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunWishes<'a> {
    /// Incremental models are built as a whole.
    pub full_refresh: bool,
    /// Which models are built, and with them what they alone need; empty: all of the job.
    pub select: &'a [String],
    /// Which of them are not.
    pub exclude: &'a [String],
}

/// Plans a run of a job; of the only job, if none is named. What is built already by the same definition, from the same
/// versions of its sources, need not be built again. Where models are selected, only the connections that they read are
/// synced, and only the dashboards that read them published.
///
/// # Errors
/// There is no such job, or none can be chosen; or the selection means no model.
pub fn run(
    manifest: &Manifest,
    job: Option<&str>,
    observed: &Observed,
    consent: Consent,
    wishes: RunWishes<'_>,
) -> Result<RunPlan, Diagnostics> {
    let (name, job) = choose_job(manifest, job)?;
    let mut planner = Planner::new(manifest, observed, consent);
    planner.reuse = true;
    planner.full_refresh = wishes.full_refresh;
    let models: Vec<&CompiledModel> = manifest.models.values().filter(|m| is_selected(job, m)).collect();
    let models = select::choose(manifest, observed, models, wishes.select, wishes.exclude)?;
    let partly = !wishes.select.is_empty() || !wishes.exclude.is_empty();
    let reads = models.iter().map(|model| &model.reads).collect::<Vec<_>>();
    let below = below(manifest, &reads);
    // Syncs come first in the plan and models in their own order, however the job lists them: what a step waits
    // for is said by the graph, and the rest reads best in the direction in which data flow.
    for step in &job.steps {
        if let JobStep::Sync(sync) = &step.value
            && (!partly || below.connections.contains(&sync.connection))
        {
            planner.add_sync(&sync.connection, sync.wishes);
        }
    }
    if !models.is_empty() {
        planner.add_schema();
    }
    for model in &models {
        planner.add_build(model);
    }
    planner.add_foreign_keys(&BTreeMap::new(), &BTreeSet::new());
    for step in &job.steps {
        if let JobStep::Publish(name) = &step.value
            && let Some(dashboard) = manifest.dashboards.get(name)
            && (!partly || reads_any(manifest, dashboard, &models))
        {
            planner.add_publish(dashboard);
            planner.add_query(dashboard);
        }
    }
    Ok(planner.finish(Some(name.clone())))
}

/// Finds the job of a name; the only job, if none is given.
///
/// # Errors
/// There is no such job, or none can be chosen.
pub fn choose_job<'a>(manifest: &'a Manifest, name: Option<&str>) -> Result<(&'a JobName, &'a Job), Diagnostics> {
    let names = || manifest.jobs.keys().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    match name {
        Some(name) => manifest.jobs.get_key_value(name).ok_or_else(|| {
            let near = did_you_mean(name, manifest.jobs.keys().map(JobName::as_str));
            let help =
                near.map_or_else(|| format!("The jobs are {}.", names()), |near| format!("Did you mean `{near}`?"));
            Diagnostic::error("unknown-job", format!("there is no job `{name}`")).help(help).into()
        }),
        None if manifest.jobs.len() == 1 => Ok(manifest.jobs.first().expect("its length is one")),
        None if manifest.jobs.is_empty() => Err(Diagnostic::error("no-job", "the project has no job")
            .help("Add one under `jobs:` in jobs.yaml.")
            .into()),
        None => Err(Diagnostic::error("no-job-chosen", "the project has several jobs, and none was named")
            .help(format!("Name one of {}.", names()))
            .into()),
    }
}

/// Returns all that is read, also through models.
fn below(manifest: &Manifest, reads: &[&Reads]) -> Reads {
    let mut all = Reads::default();
    let mut open: Vec<&Reads> = reads.to_vec();
    while let Some(reads) = open.pop() {
        all.connections.extend(reads.connections.iter().cloned());
        for name in &reads.models {
            if !all.models.contains(name) {
                all.models.push(name.clone());
                open.extend(manifest.models.get(name).map(|model| &model.reads));
            }
        }
    }
    all
}

/// Tells whether a dashboard reads any of the models, be it through others.
fn reads_any(manifest: &Manifest, dashboard: &CompiledDashboard, models: &[&CompiledModel]) -> bool {
    let below = below(manifest, &[&dashboard.reads]);
    models.iter().any(|model| below.models.contains(&model.config.name))
}

/// Tells whether a job builds a model.
pub(super) fn is_selected(job: &Job, model: &CompiledModel) -> bool {
    job.steps.iter().any(|step| match &step.value {
        JobStep::Build(pattern) => Selection::new(pattern).is_ok_and(|selection| selection.matches(&model.config)),
        JobStep::Sync(_) | JobStep::Publish(_) => false,
    })
}
