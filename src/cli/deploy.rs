//! `kiln deploy`.

use std::path::PathBuf;

use serde_json::Value;

use super::author::author;
use super::connect::{Environment, kiln_dir};
use super::defer::{DeferArgs, elsewhere};
use super::error::Error;
use super::journal::{self, Journal};
use super::locking::{Held, Locking, take_over};
use super::output::Output;
use super::plan::{ConsentArgs, plan_deploy, show};
use super::running::{RunArgs, Start, carry_out, new_run_id};
use super::{ProjectArgs, Status, guard};
use crate::config::Project;
use crate::execute::lock::Place;
use crate::ids::RunId;
use crate::plan::DeployPlan;
use crate::report::changes;

/// Make the workspace what the project says: schema, tables, views, dashboards
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    defer: DeferArgs,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    locking: Locking,
    /// Do not ask, though the environment is protected
    #[arg(long)]
    yes: bool,
    /// Carry out just this plan, as `kiln plan --output json` wrote it; refused if it no longer fits
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
}

pub(super) async fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let (project, manifest) = args.project.compile(output)?;
    let saved = args.plan.as_ref().map(saved_plan).transpose()?;
    let environment = Environment::connect(&project, output).await?;
    let elsewhere = elsewhere(args.defer.name(), &args.project, &project, &environment, output).await?;
    let plan = async || plan_deploy(&environment, &manifest, elsewhere.as_ref(), args.consent.into()).await;
    let first = plan().await?;
    show(&first, output);
    let status = if saved.is_some_and(|saved| !changes::is_saved_as(&first, &saved)) {
        output.status("nothing was deployed: the saved plan no longer fits; this is what would be done now");
        Status::StepFailed
    } else if first.refusals().next().is_some() {
        output.status("nothing was deployed: see what is marked with `!`");
        Status::StepFailed
    } else if first.acts() {
        environment.suffices_for(&first.run)?;
        guard::pass(&project, args.yes, "deploy to").await?;
        let deploy = Attempt { act: "deploy", locking: &args.locking, run: &args.run };
        under_lock(first, plan, &deploy, &environment, &project, output).await?
    } else {
        left_lock(&first, &args.locking, &environment, &project, output).await?;
        Status::Done
    };
    environment.close().await;
    Ok(status)
}

/// Reads a plan that was saved; beside it the file may hold warnings, a line each.
fn saved_plan(path: &PathBuf) -> Result<Value, Error> {
    let text = fs_err::read_to_string(path).map_err(|error| Error::usage(error.to_string()))?;
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.into_iter().find(|line| line["event"] == "plan").ok_or_else(|| {
        Error::usage(format!("{} holds no plan", path.display()))
            .with_help("Write one with `kiln plan --output json > FILE`.")
    })
}

/// Takes a lock away that a dead run left when all was done, if it is known to be dead or said to be; else says how.
pub(super) async fn left_lock(
    plan: &DeployPlan,
    locking: &Locking,
    environment: &Environment,
    project: &Project,
    output: &Output,
) -> Result<(), Error> {
    let Some(lock) = &plan.lock else { return Ok(()) };
    let dead = journal::is_dead(&kiln_dir(project), &RunId::new(&lock.run));
    if dead.is_none() && locking.break_lock.as_deref() != Some(lock.run.as_str()) {
        output.status(&format!("If that run is dead, break its lock: --break-lock {}", lock.run));
        return Ok(());
    }
    take_over(environment, &place_of(plan), lock, output).await
}

fn place_of(plan: &DeployPlan) -> Place {
    Place { catalog: plan.run.catalog.clone(), schema: plan.run.schema.clone() }
}

/// How a plan is to be carried out.
pub(super) struct Attempt<'a> {
    /// The command.
    pub(super) act: &'a str,
    pub(super) locking: &'a Locking,
    pub(super) run: &'a RunArgs,
}

/// Carries a plan out under the lock, if `again` then plans no more than that.
pub(super) async fn under_lock(
    plan: DeployPlan,
    again: impl AsyncFnOnce() -> Result<DeployPlan, Error>,
    attempt: &Attempt<'_>,
    environment: &Environment,
    project: &Project,
    output: &Output,
) -> Result<Status, Error> {
    let (run, kiln_dir) = (new_run_id(), kiln_dir(project));
    let journal = Journal::create(&kiln_dir, &run)?;
    let alive = journal.alive()?;
    let place = place_of(&plan);
    let by = author(environment, project, attempt.act.to_owned()).await?;
    let held = Held::take(environment, place, &run, &by, &kiln_dir, attempt.locking, output).await?;
    let result = match again().await {
        // The schema is there now, for the lock is in it, and a run that died may have done some of it yet; whatever is new
        // was not in the plan that was shown.
        Ok(again) if again.changes.iter().all(|change| plan.changes.contains(change)) => {
            Ok(carry_out(Start::new(again.run, run, by, journal), environment, attempt.run, project, output).await)
        }
        Ok(_) => Err(Error::refused("the workspace changed while this began")
            .with_help("Nothing was done. Look at `kiln plan`, and try again.")),
        Err(error) => Err(error),
    };
    held.release(output).await;
    drop(alive);
    result.map(Status::from)
}
