//! `kiln destroy`.

use super::connect::Environment;
use super::deploy::{Attempt, left_lock, under_lock};
use super::error::Error;
use super::locking::Locking;
use super::output::Output;
use super::plan::show;
use super::running::RunArgs;
use super::sync_and_refresh::place_of;
use super::{ProjectArgs, Status, guard};
use crate::execute::lock;
use crate::manifest::Manifest;
use crate::plan::{self, Kind};

/// Remove from the workspace what was deployed of this project, and nothing else
///
/// Tables and views are dropped, and the schema if kiln made it and nothing else is in it; dashboards are moved to the trash,
/// scheduled jobs deleted. Connections and what they landed stay.
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
    let look = async || {
        let mut observed = environment.deployed(&manifest).await?;
        if args.connections {
            observed.connections = environment.connections(&plan::to_remove(&manifest)).await?;
        }
        Ok::<_, Error>((observed.schema_exists, plan::destroy(&manifest, &observed)))
    };
    let (has_schema, first) = look().await?;
    let again = async || {
        let (_, mut again) = look().await?;
        // Where there was none, it is there for the lock alone, and goes with it.
        again.changes.retain(|change| has_schema || change.kind != Kind::Schema);
        Ok(again)
    };
    show(&first, output);
    let status = if first.acts() {
        guard::pass(&project, args.yes, "destroy all of this in").await?;
        let destroy = Attempt { act: "destroy", locking: &args.locking, run: &args.run };
        let drops_schema = !has_schema || first.changes.iter().any(|change| change.kind == Kind::Schema);
        let status = under_lock(first, again, &destroy, &environment, &project, output).await?;
        if drops_schema && matches!(status, Status::Done) {
            drop_schema(&environment, &manifest, output).await?;
        }
        status
    } else {
        left_lock(&first, &args.locking, &environment, &project, output).await?;
        Status::Done
    };
    environment.close().await;
    Ok(status)
}

/// Drops the schema that kiln made, now that nothing of kiln is in it, not even its lock.
async fn drop_schema(environment: &Environment, manifest: &Manifest, output: &Output) -> Result<(), Error> {
    let dropped = lock::drop_schema(&environment.connected, &place_of(manifest)).await;
    let dropped = dropped.map_err(|refusal| Error::refused(refusal.message).with_help(refusal.help))?;
    let (catalog, schema) = (&manifest.catalog, &manifest.schema);
    output.status(&match dropped {
        true => format!("schema {catalog}.{schema} is gone too"),
        false => format!("schema {catalog}.{schema} stays, for something else is in it"),
    });
    Ok(())
}
