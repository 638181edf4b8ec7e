//! The plan of one run of a job: which steps, after which others.

use super::observed::Observed;
use super::steps::{Consent, Planner, RunPlan};
use crate::config::{Job, JobStep, Selection};
use crate::diag::{Diagnostic, Diagnostics, did_you_mean};
use crate::ids::JobName;
use crate::manifest::{CompiledModel, Manifest};

/// Plans a run of a job; of the only job, if none is named. What is built already by the same definition, from the same
/// versions of its sources, need not be built again. With `full_refresh`, incremental models are built as a whole.
///
/// # Errors
/// There is no such job, or none can be chosen.
pub fn run(
    manifest: &Manifest,
    job: Option<&str>,
    observed: &Observed,
    consent: Consent,
    full_refresh: bool,
) -> Result<RunPlan, Diagnostics> {
    let (name, job) = choose_job(manifest, job)?;
    let mut planner = Planner::new(manifest, observed, consent);
    planner.reuse = true;
    planner.full_refresh = full_refresh;
    // Syncs come first in the plan and models in their own order, however the job lists them: what a step waits
    // for is said by the graph, and the rest reads best in the direction in which data flow.
    for step in &job.steps {
        if let JobStep::Sync(sync) = &step.value {
            planner.add_sync(&sync.connection, sync.wishes);
        }
    }
    let models: Vec<&CompiledModel> = manifest.models.values().filter(|m| is_selected(job, m)).collect();
    if !models.is_empty() {
        planner.add_schema();
    }
    for model in models {
        planner.add_build(model);
    }
    for step in &job.steps {
        if let JobStep::Publish(name) = &step.value
            && let Some(dashboard) = manifest.dashboards.get(name)
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

/// Tells whether a job builds a model.
pub(super) fn is_selected(job: &Job, model: &CompiledModel) -> bool {
    job.steps.iter().any(|step| match &step.value {
        JobStep::Build(pattern) => Selection::new(pattern).is_ok_and(|selection| selection.matches(&model.config)),
        JobStep::Sync(_) | JobStep::Publish(_) => false,
    })
}
