//! `kiln resume`.

use std::path::Path;

use super::connect::Environment;
use super::defer::elsewhere;
use super::error::Error;
use super::journal::{self, Journal};
use super::locking::Locking;
use super::output::Output;
use super::running::RunArgs;
use super::runs::run_id;
use super::sync_and_refresh::{Begun, place_of, writes};
use super::{ProjectArgs, Status};
use crate::event::{Event, EventKind, Insistence, RunResult};
use crate::execute::lock;
use crate::ids::{JobName, RunId};
use crate::plan;

/// Go on with a run of a job that was broken off or failed, from where it was
///
/// What has succeeded stays as it is, statements and syncs that are still under way are awaited, and the rest is done from
/// the same versions of the sources.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The run [default: the newest here]
    #[arg(value_parser = run_id)]
    run: Option<RunId>,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    options: RunArgs,
    #[command(flatten)]
    locking: Locking,
}

pub(super) async fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let kiln_dir = args.project.kiln_dir()?;
    let run = match &args.run {
        Some(run) => run.clone(),
        None => newest(&kiln_dir)?,
    };
    let (journal, earlier) = Journal::reopen(&kiln_dir, &run)?;
    let beginning = Beginning::of(&run, &earlier)?;
    if beginning.ended == Some(RunResult::Succeeded) {
        output.status(&format!("nothing to resume: run {run} has succeeded"));
        return Ok(Status::Done);
    }
    if beginning.ended.is_some() {
        refuse_if_outrun(&kiln_dir, &run, &beginning.environment)?;
    }
    let (project, manifest) = args.project.or_environment(&beginning.environment).compile(output)?;
    if project.environment.name != beginning.environment {
        let text = format!("run {run} is of environment `{}`", beginning.environment);
        return Err(Error::usage(text).with_help("Leave --env away."));
    }
    let (name, job) = plan::choose_job(&manifest, Some(beginning.job.as_str()))?;
    let environment = Environment::connect(&project, output).await?;
    if beginning.ended.is_none() && writes(job) {
        let holder = lock::holder(&environment.connected, &place_of(&manifest)).await;
        let holder = holder.map_err(|refusal| Error::refused(refusal.message).with_help(refusal.help))?;
        if holder.is_none_or(|holder| holder.run != run.as_str()) {
            return Err(Error::refused(format!("run {run} no longer holds its schema: somebody took over from it"))
                .with_help("What it had made may have changed since. Start a new run."));
        }
    }
    let defer = beginning.insistence.defer.as_deref();
    let elsewhere = elsewhere(defer, &args.project, &project, &environment, output).await?;
    let insistence = beginning.insistence;
    let begun = Begun { name, job, run, journal, earlier, insistence, elsewhere, delivered: None };
    let result = begun.go_on(&manifest, &environment, &args.locking, &args.options, &project, output).await;
    environment.close().await;
    result.map(Status::from)
}

fn newest(kiln_dir: &Path) -> Result<RunId, Error> {
    journal::runs(kiln_dir).into_iter().next().ok_or_else(|| {
        Error::usage("there is no run here to go on with").with_help("Start one with `kiln sync-and-refresh`.")
    })
}

/// How a run began, and whether it came to an end.
struct Beginning {
    job: JobName,
    environment: String,
    insistence: Insistence,
    ended: Option<RunResult>,
}

impl Beginning {
    fn of(run: &RunId, journal: &[Event]) -> Result<Self, Error> {
        let Some(EventKind::RunStarted { job, environment, insistence, .. }) = journal.first().map(|event| &event.kind)
        else {
            return Err(Error::usage(format!("run {run} ended before its first step: there is nothing to go on with"))
                .with_help("Start a new one with `kiln sync-and-refresh`."));
        };
        let Some(job) = job else {
            return Err(Error::usage(format!("run {run} is not of a job, and needs no resuming"))
                .with_help("Give its command again: what it has done already stays as it is."));
        };
        let ended = match journal.last().map(|event| &event.kind) {
            Some(EventKind::RunFinished { result, .. }) => Some(*result),
            _ => None,
        };
        Ok(Self { job: job.clone(), environment: environment.clone(), insistence: insistence.clone(), ended })
    }
}

/// Refuses a run that has let go of its schema if another has begun in its environment since.
fn refuse_if_outrun(kiln_dir: &Path, run: &RunId, environment: &str) -> Result<(), Error> {
    for later in journal::runs(kiln_dir).iter().take_while(|later| *later > run) {
        let Ok(events) = journal::read(kiln_dir, later) else { continue };
        if let Some(EventKind::RunStarted { environment: its, .. }) = events.first().map(|event| &event.kind)
            && its == environment
        {
            return Err(Error::usage(format!("run {later} began after run {run} had ended")).with_help(
                "What the older one had made may have changed since. Start a new run, or resume the newest.",
            ));
        }
    }
    Ok(())
}
