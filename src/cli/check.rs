//! `kiln check`.

use super::error::Error;
use super::output::Output;
use super::{ProjectArgs, Status};

/// Check the project without any network: config, templates, SQL, columns, lints, dashboards
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    project: ProjectArgs,
    /// Take warnings and notes for errors
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let (project, manifest, mut found) = args.project.examine(output)?;
    if args.strict && !found.is_empty() {
        found.make_errors();
        return Err(found.into());
    }
    output.diagnostics(&found);
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
