//! `kiln sync-and-refresh`.

use super::connect::Environment;
use super::error::Error;
use super::output::Output;
use super::running::{RunArgs, carry_out, new_run_id};
use super::{ProjectArgs, Status};
use crate::plan::{self, Consent};

/// Run a job: sync its sources, build its models, publish its dashboards, and show what they say
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The job [default: the only one]
    job: Option<String>,
    #[command(flatten)]
    project: ProjectArgs,
    /// Build every model, also where neither its definition nor what it reads has changed
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    run: RunArgs,
}

pub(super) async fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let (project, manifest) = args.project.compile(output)?;
    let job = args.job.as_deref();
    plan::choose_job(&manifest, job)?;
    let environment = Environment::connect(&project, output).await?;
    let observed = environment.tables(&manifest).await?;
    let plan = plan::run(&manifest, job, &observed, Consent::default(), args.force)?;
    environment.suffices_for(&plan)?;
    let result = carry_out(plan, new_run_id(), &environment, &args.run, &project, output).await?;
    environment.close().await;
    Ok(result.into())
}
