//! `kiln check`.

use super::error::Error;
use super::output::Output;
use super::{ProjectArgs, Status};

/// Check the project without any network: config, templates, SQL, columns, dashboards
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    project: ProjectArgs,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let (project, manifest) = args.project.compile(output)?;
    output.status(&format!(
        "checked {} for `{}`: {}, {}, {}",
        project.name,
        project.environment.name,
        count(manifest.models.len(), "model"),
        count(manifest.dashboards.len(), "dashboard"),
        count(manifest.jobs.len(), "job"),
    ));
    Ok(Status::Done)
}

fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
