//! `kiln deploy`.

use std::path::PathBuf;

use serde_json::Value;

use super::connect::Environment;
use super::error::Error;
use super::output::Output;
use super::plan::{ConsentArgs, plan_deploy, show};
use super::running::{RunArgs, carry_out, new_run_id};
use super::{ProjectArgs, Status, guard, lookup};
use crate::config::Project;
use crate::diag::sentence;
use crate::event::RunResult;
use crate::execute::lock;
use crate::plan::{DeployPlan, Kind, Lock};
use crate::report::changes;

/// Make the workspace what the project says: schema, tables, views, dashboards
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    locking: Locking,
    /// Carry out just this plan, as `kiln plan --output json` wrote it; refused if it no longer fits
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
}

/// Options of the commands that change what is deployed.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Locking {
    /// Do not ask, though the environment is protected
    #[arg(long)]
    pub(super) yes: bool,
    /// Take over from a deploy that died: the run that holds the lock, as the refusal names it
    #[arg(long, value_name = "RUN")]
    break_lock: Option<String>,
}

pub(super) async fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let (project, manifest) = args.project.compile(output)?;
    let saved = args.plan.as_ref().map(saved_plan).transpose()?;
    let environment = Environment::connect(&project, output).await?;
    let plan = async || plan_deploy(&environment, &manifest, args.consent.into()).await;
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
        guard::pass(&project, args.locking.yes, "deploy to").await?;
        under_lock(first, plan, &args.locking, &environment, &args.run, &project, output).await?
    } else {
        left_lock(&first, &args.locking, &environment, output).await?;
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

/// Lets go of the lock of a deploy that died when all was done, if told to; else says how.
pub(super) async fn left_lock(
    plan: &DeployPlan,
    locking: &Locking,
    environment: &Environment,
    output: &Output,
) -> Result<(), Error> {
    let Some(lock) = &plan.lock else { return Ok(()) };
    if locking.break_lock.as_deref() != Some(lock.run.as_str()) {
        output.status(&format!("If that deploy is dead, break its lock: --break-lock {}", lock.run));
        return Ok(());
    }
    let place = lock::Place { catalog: plan.run.catalog.clone(), schema: plan.run.schema.clone(), is_new: false };
    let released = lock::release(&environment.connected, &place).await;
    released.map_err(|refusal| Error::refused(refusal.message).with_help(refusal.help))
}

/// Names this machine, for whoever waits for the lock.
fn machine() -> String {
    let of_system = || fs_err::read_to_string("/etc/hostname").ok().map(|name| name.trim().to_owned());
    let named = lookup::env("RUNNER_NAME").or_else(|| lookup::env("HOSTNAME")).or_else(of_system);
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| "an unnamed machine".to_owned())
}

/// Carries a plan out under the lock, if `again` still plans the same then.
pub(super) async fn under_lock(
    plan: DeployPlan,
    again: impl AsyncFnOnce() -> Result<DeployPlan, Error>,
    locking: &Locking,
    environment: &Environment,
    args: &RunArgs,
    project: &Project,
    output: &Output,
) -> Result<Status, Error> {
    let run = new_run_id();
    let me = environment.connected.databricks.me().await.map_err(|error| {
        Error::refused(format!("the workspace did not say who we are: {error}")).with_help(sentence(&error.help()))
    })?;
    let lock = Lock { run: run.to_string(), who: me.me.user_name, machine: machine(), since: Some(chrono::Utc::now()) };
    let place = lock::Place {
        catalog: plan.run.catalog.clone(),
        schema: plan.run.schema.clone(),
        is_new: plan.changes.iter().any(|change| change.kind == Kind::Schema),
    };
    let taken = lock::take(&environment.connected, &place, &lock, locking.break_lock.as_deref()).await;
    taken.map_err(|refusal| Error::refused(refusal.message).with_help(refusal.help))?;
    let result = match again().await {
        // The schema is there now, for the lock is in it; whatever else is new was not in the plan that was shown.
        Ok(again) if again.changes.iter().eq(plan.changes.iter().filter(|change| change.kind != Kind::Schema)) => {
            carry_out(again.run, run, environment, args, project, output).await
        }
        Ok(_) => Err(Error::refused("the workspace changed while this began")
            .with_help("Nothing was done. Look at `kiln plan`, and try again.")),
        Err(error) => Err(error),
    };
    if let Err(refusal) = lock::release(&environment.connected, &place).await {
        output.status(&format!("warning: {}\n  help: {}", refusal.message, refusal.help));
    }
    let result: RunResult = result?;
    Ok(result.into())
}
