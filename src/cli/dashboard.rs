//! `kiln dashboard`.

use serde_json::Value;

use super::connect::Environment;
use super::error::Error;
use super::output::Output;
use super::{ProjectArgs, Status};
use crate::dashboards::{LvDash, as_written, differences, pulled, same_content};
use crate::diag::did_you_mean;
use crate::ids::DashboardName;
use crate::manifest::{CompiledDashboard, Manifest};
use crate::observe;

/// Dashboards of the workspace
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: DashboardCommand,
}

#[derive(Debug, clap::Subcommand)]
enum DashboardCommand {
    Pull(PullArgs),
    #[cfg(feature = "local")]
    Preview(super::preview::PreviewArgs),
}

/// Bring what people changed in the workspace into the project's file
///
/// The file is written only if it differs in more than what the service rewrites on its own. Look at the difference with
/// git, commit it, and deploy.
#[derive(Debug, clap::Args)]
struct PullArgs {
    /// The dashboard [default: all of the project]
    dashboard: Option<String>,
    #[command(flatten)]
    project: ProjectArgs,
}

pub(super) async fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    match &args.command {
        DashboardCommand::Pull(args) => pull(args, output).await,
        #[cfg(feature = "local")]
        DashboardCommand::Preview(args) => super::preview::run(args, output).await,
    }
}

async fn pull(args: &PullArgs, output: &Output) -> Result<Status, Error> {
    let (project, manifest) = args.project.compile(output)?;
    let dashboards = chosen(&manifest, args.dashboard.as_deref())?;
    let environment = Environment::connect(&project, output).await?;
    for dashboard in dashboards {
        let client = &environment.connected.databricks;
        let there = observe::dashboard(client, &dashboard.folder, &dashboard.title).await;
        let there = there.map_err(|error| environment.unobservable(&error))?;
        let file = dashboard.file.path.display();
        let Some(there) = there else {
            output.status(&format!("{}: not in the workspace", dashboard.name));
            continue;
        };
        let written = LvDash::parse(&dashboard.file).map_err(|_| Error::usage(format!("{file} cannot be read")))?;
        let ours = written.json();
        let theirs = as_written(there.content, &dashboard.content, &written, &dashboard.retargeted);
        let theirs = pulled(&theirs, ours, &manifest.catalog, &manifest.schema);
        if same_content(ours, &theirs) {
            output.status(&format!("{}: {file} is as in the workspace", dashboard.name));
            continue;
        }
        write(&project.root.join(&dashboard.file.path), &theirs)?;
        output.status(&format!("{}: wrote {file}", dashboard.name));
        for difference in differences(ours, &theirs) {
            output.status(&format!("  {difference}"));
        }
    }
    environment.close().await;
    Ok(Status::Done)
}

/// Returns the dashboard of that name, or all.
pub(super) fn chosen<'a>(manifest: &'a Manifest, name: Option<&str>) -> Result<Vec<&'a CompiledDashboard>, Error> {
    let Some(name) = name else { return Ok(manifest.dashboards.values().collect()) };
    if let Some(dashboard) = manifest.dashboards.get(name) {
        return Ok(vec![dashboard]);
    }
    let near = did_you_mean(name, manifest.dashboards.keys().map(DashboardName::as_str));
    let error = Error::usage(format!("there is no dashboard `{name}`"));
    Err(match near {
        Some(near) => error.with_help(format!("Did you mean `{near}`?")),
        None => error,
    })
}

/// Writes a dashboard's file beside its place and moves it there, so that nobody ever reads half of it.
fn write(path: &std::path::Path, content: &Value) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(content).unwrap_or_default() + "\n";
    let new = path.with_extension("json.new");
    let written = fs_err::write(&new, text).and_then(|()| fs_err::rename(&new, path));
    written.map_err(|error| Error::usage(format!("the file could not be written: {error}")))
}
