//! `kiln check`.

use super::error::Error;
use super::output::{Format, Output};
use super::{ProjectArgs, Status};
use super::{refresh, revision};
use crate::config::Project;
use crate::diag::Severity;
use crate::manifest::changes::{State, changes};
use crate::manifest::lineage::Lineage;
use crate::manifest::{self, Manifest};
use crate::report::impact::{self, Since};

/// Check the project without any network: config, templates, SQL, columns, lints, dashboards
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print what changed since a revision of git, such as `main`, and what that affects, down to the widgets
    #[arg(long, value_name = "REV")]
    changed_since: Option<String>,
    /// Read the columns of the sources' tables from the environment into sources.lock.yaml first, for checks without network
    #[arg(long)]
    refresh_sources: bool,
    #[command(flatten)]
    project: ProjectArgs,
    /// Take warnings and notes for errors
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    if args.refresh_sources {
        let project = args.project.load_quietly(output)?;
        super::to_the_end(async { refresh::refresh(&project, output).await.map(|()| Status::Done) })?;
    }
    let (project, manifest, mut found) = args.project.examine(output)?;
    if args.strict && !found.is_empty() {
        found.make_errors();
        return Err(found.into());
    }
    output.diagnostics(&found);
    if let Some(revision) = &args.changed_since {
        changed_since(args, revision, &project, &manifest, output)?;
    }
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

/// Compiles the project as it was, and prints what is other now.
fn changed_since(
    args: &Args,
    revision: &str,
    project: &Project,
    manifest: &Manifest,
    output: &Output,
) -> Result<(), Error> {
    let before = revision::check_out(&project.root, revision)?;
    let compiled = args.project.load_from(&before.root).and_then(|(project, _)| {
        let (manifest, _) = manifest::compile(&project)?;
        Ok((project, manifest))
    });
    let (old_project, old_manifest) = compiled.map_err(|problems| {
        let first = problems.iter().find(|problem| problem.severity == Severity::Error);
        let first = first.map(|problem| match &problem.primary {
            Some((span, _)) => format!(": {span}: {}", problem.message),
            None => format!(": {}", problem.message),
        });
        Error::usage(format!("the project as it was at `{revision}` is wrong itself{}", first.unwrap_or_default()))
            .with_help("The project as it is now is right. Compare it with a revision that passed its check.")
    })?;
    let (old_lineage, lineage) = (Lineage::of(&old_project, &old_manifest), Lineage::of(project, manifest));
    let changes =
        changes(State { manifest: &old_manifest, lineage: &old_lineage }, State { manifest, lineage: &lineage });
    let since = Since { revision, commit: &before.commit };
    match output.format {
        Format::Json => output.data(&impact::json(&changes, since)),
        Format::Text | Format::Github => output.data(&impact::text(&changes, since, output.stdout_color())),
        // The standard output is one document of problems.
        Format::Sarif => output.status(impact::text(&changes, since, false).trim_end()),
    }
    output.summary(|| impact::markdown(&changes, since));
    Ok(())
}

fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
