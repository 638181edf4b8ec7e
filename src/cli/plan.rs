//! `kiln plan`.

use std::path::PathBuf;

use super::connect::Environment;
use super::error::Error;
use super::output::{Format, Output};
use super::{ProjectArgs, Status};
use crate::manifest::Manifest;
use crate::plan::{self, Consent, DeployPlan};
use crate::report::{changes, markdown};

/// Show what a deploy would change in the workspace, and why, without changing anything
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    consent: ConsentArgs,
    /// Write the plan as Markdown to a file too, as for a comment on a pull request
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// What a deploy may do that could cost somebody something.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct ConsentArgs {
    /// Replace tables, views and dashboards of the same names that kiln did not make
    #[arg(long)]
    adopt: bool,
    /// Replace dashboards that somebody changed in the workspace; their changes are lost
    #[arg(long)]
    overwrite_edits: bool,
    /// Drop tables and views, and move dashboards to the trash, that left the project
    #[arg(long)]
    prune: bool,
    /// Send the secrets of connections to Fivetran again, which shows none, so that nobody can see whether they differ
    #[arg(long)]
    resend_secrets: bool,
}

impl From<ConsentArgs> for Consent {
    fn from(args: ConsentArgs) -> Self {
        Self {
            adopt: args.adopt,
            overwrite_edits: args.overwrite_edits,
            prune: args.prune,
            resend_secrets: args.resend_secrets,
        }
    }
}

pub(super) async fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let (project, manifest) = args.project.compile(output)?;
    let environment = Environment::connect(&project, output).await?;
    let mut plan = plan_deploy(&environment, &manifest, args.consent.into()).await?;
    environment.estimate(&manifest, &mut plan).await?;
    show(&plan, output);
    if let Some(path) = &args.markdown {
        fs_err::write(path, markdown::plan(&plan)).map_err(|error| Error::usage(error.to_string()))?;
    }
    let status = if plan.refusals().next().is_some() { Status::StepFailed } else { Status::Done };
    environment.close().await;
    Ok(status)
}

/// Looks at the workspace and plans a deploy.
pub(super) async fn plan_deploy(
    environment: &Environment,
    manifest: &Manifest,
    consent: Consent,
) -> Result<DeployPlan, Error> {
    Ok(plan::deploy(manifest, &environment.observe(manifest).await?, consent))
}

/// Prints a plan: for people, or as one JSON object.
pub(super) fn show(plan: &DeployPlan, output: &Output) {
    output.data(&match output.format {
        Format::Json => changes::json(plan),
        Format::Text | Format::Github | Format::Sarif => changes::text(plan, output.stdout_color()),
    });
    output.summary(|| markdown::plan(plan));
}
