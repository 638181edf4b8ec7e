//! `kiln check`.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use super::error::Error;
use super::output::{Format, Output};
use super::running::termination;
use super::watch::{Sources, Watch};
use super::{ProjectArgs, Status};
use super::{refresh, revision};
use crate::config::Project;
use crate::diag::{Diagnostics, Severity};
use crate::manifest::changes::{State, changes};
use crate::manifest::lineage::Lineage;
use crate::manifest::{self, Manifest, Memory};
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
    /// Check again whenever a file of the project changes, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

impl Args {
    /// Tells whether it goes on until it is told to end.
    pub(super) fn is_endless(&self) -> bool {
        self.watch
    }
}

pub(super) fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    if args.refresh_sources {
        let project = args.project.load_quietly(output)?;
        super::to_the_end(async { refresh::refresh(&project, output).await.map(|()| Status::Done) })?;
    }
    let root = args.project.root()?;
    output.set_folder(&root);
    if args.watch {
        return super::to_the_end(watch(args, &root, output));
    }
    let loaded = args.project.load_from(&root);
    Checked::new(args, loaded, &mut Memory::default()).report(args, output)
}

/// Checks whenever a file of the project has changed, until it is told to end.
async fn watch(args: &Args, root: &Path, output: &Output) -> Result<Status, Error> {
    let mut watch = Watch::start()?;
    let mut memory = Memory::default();
    let mut told_to_end = std::pin::pin!(termination());
    loop {
        let begin = Instant::now();
        let mut looked_at = BTreeSet::new();
        let loaded = args.project.load_noting(root, &mut looked_at);
        let sources = Sources::new(root, looked_at);
        // What was written before a folder was watched went unnoticed, so it is read once more.
        if watch.follow(sources.folders())? {
            continue;
        }
        let checked = Checked::new(args, loaded, &mut memory);
        let took = begin.elapsed();
        // What goes wrong beside the check, such as reading the state to compare with, may do so no more the next time.
        if let Err(error) = checked.report(args, output) {
            output.error(&error);
        }
        checked.tell_time(took, output);
        if output.is_unread() {
            return Ok(Status::Done);
        }
        tokio::select! {
            () = watch.written(|path| sources.contain(path)) => {}
            () = &mut told_to_end => return Ok(Status::Done),
        }
    }
}

/// What a check came to.
struct Checked {
    /// The project, if it is right.
    right: Option<(Project, Manifest)>,
    /// All that is said of it.
    found: Diagnostics,
}

impl Checked {
    fn new(args: &Args, loaded: Result<(Project, Diagnostics), Diagnostics>, memory: &mut Memory) -> Self {
        let (right, mut found) = match loaded {
            Ok((project, mut found)) => match manifest::compile_with(memory, &project) {
                Ok((manifest, more)) => {
                    found.extend(more);
                    (Some((project, manifest)), found)
                }
                Err(more) => {
                    found.extend(more);
                    (None, found)
                }
            },
            Err(found) => (None, found),
        };
        if args.strict && !found.is_empty() {
            found.make_errors();
            return Self { right: None, found };
        }
        Self { right, found }
    }

    /// Prints what was found.
    fn report(&self, args: &Args, output: &Output) -> Result<Status, Error> {
        output.diagnostics(&self.found);
        let Some((project, manifest)) = &self.right else { return Ok(Status::ProjectWrong) };
        if let Some(revision) = &args.changed_since {
            changed_since(args, revision, project, manifest, output)?;
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

    /// Says how long it took, which is also how readers see where one check ends.
    fn tell_time(&self, took: Duration, output: &Output) {
        let milliseconds = took.as_millis();
        if output.format != Format::Json {
            output.status(&format!("took {milliseconds} ms; checks again when a file changes, Ctrl-C ends this"));
            return;
        }
        let count = |severity| self.found.iter().filter(|problem| problem.severity == severity).count();
        output.data(
            &serde_json::json!({
                "event": "checked",
                "milliseconds": u64::try_from(milliseconds).unwrap_or(u64::MAX),
                "errors": count(Severity::Error),
                "warnings": count(Severity::Warning),
                "notes": count(Severity::Note),
            })
            .to_string(),
        );
    }
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
