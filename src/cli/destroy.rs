//! `kiln destroy`.

use super::connect::Environment;
use super::deploy::{Attempt, left_lock, under_lock};
use super::error::Error;
use super::locking::Locking;
use super::output::Output;
use super::plan::show;
use super::running::RunArgs;
use super::{ProjectArgs, Status, guard};
use crate::plan;

/// Remove from the workspace what was deployed of this project, and nothing else
///
/// Tables and views are dropped, dashboards moved to the trash, scheduled jobs deleted. Connections and what they landed stay.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    locking: Locking,
    /// Do not ask, though the environment is protected
    #[arg(long)]
    yes: bool,
    /// Delete in Fivetran the connections that kiln makes: those with `config` and without `id`. What they landed stays
    #[arg(long)]
    connections: bool,
}

pub(super) async fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let (project, manifest) = args.project.compile(output)?;
    let environment = Environment::connect(&project, output).await?;
    let plan = async || {
        let mut observed = environment.deployed(&manifest).await?;
        if args.connections {
            observed.connections = environment.connections(&plan::to_remove(&manifest)).await?;
        }
        Ok(plan::destroy(&manifest, &observed))
    };
    let first = plan().await?;
    show(&first, output);
    let status = if first.acts() {
        guard::pass(&project, args.yes, "destroy all of this in").await?;
        let destroy = Attempt { act: "destroy", locking: &args.locking, run: &args.run };
        under_lock(first, plan, &destroy, &environment, &project, output).await?
    } else {
        left_lock(&first, &args.locking, &environment, &project, output).await?;
        Status::Done
    };
    environment.close().await;
    Ok(status)
}
