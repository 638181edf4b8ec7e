//! `kiln resume`.

use std::path::Path;

use super::connect::{Environment, kiln_dir};
use super::defer::elsewhere;
use super::error::Error;
use super::guard;
use super::journal::{self, Journal};
use super::locking::Locking;
use super::output::Output;
use super::running::{RunArgs, complete_history};
use super::runs::{run_id, table as history_table};
use super::sync_and_refresh::{Begun, Doing, place_of};
use super::{ProjectArgs, Status};
use crate::event::{Event, EventKind, Insistence, RunResult};
use crate::execute::{Record, lock};
use crate::ids::{JobName, RunId};
use crate::manifest::Manifest;
use crate::plan;

/// Go on with a run of a job, or with a backfill, that was broken off or failed, from where it was
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
    /// The run began on a machine that is gone: go on from what the workspace keeps of it
    #[arg(long, requires = "run")]
    from_workspace: bool,
    #[command(flatten)]
    options: RunArgs,
    #[command(flatten)]
    locking: Locking,
}

pub(super) async fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    if let Some(run) = args.run.as_ref().filter(|_| args.from_workspace) {
        return go_on_from_workspace(run, args, output).await;
    }
    let kiln_dir = args.project.kiln_dir()?;
    let run = match &args.run {
        Some(run) => run.clone(),
        None => newest(&kiln_dir)?,
    };
    let (journal, earlier) = Journal::reopen(&kiln_dir, &run)?;
    let beginning = Beginning::of(&run, &earlier)?;
    if beginning.ended == Some(RunResult::Succeeded) {
        make_up(&run, &beginning, &earlier, args, output).await?;
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
    let doing = beginning.doing(&run, &manifest)?;
    if doing.writes() {
        guard::files(&project).await?;
    }
    let environment = Environment::connect(&project, output).await?;
    if beginning.ended.is_none() && doing.writes() {
        let holder = lock::holder(&environment.connected, &place_of(&manifest)).await;
        let holder = holder.map_err(|refusal| Error::refused(refusal.message).with_help(refusal.help))?;
        if holder.is_none_or(|holder| holder.run != run.as_str()) {
            return Err(Error::refused(format!("run {run} no longer holds its schema: somebody took over from it"))
                .with_help("What it had made may have changed since. Start a new run."));
        }
    }
    if beginning.ended == Some(RunResult::Unreachable) && doing.writes() {
        // It lost sight of them: what of them still runs would come to its end beside what is sent now.
        let since = earlier.first().map_or_else(chrono::Utc::now, |first| first.at);
        let cancelled = lock::cancel_statements(&environment.connected, run.as_str(), since).await;
        cancelled.map_err(|refusal| Error::refused(refusal.message).with_help(refusal.help))?;
    }
    let defer = beginning.insistence.defer.as_deref();
    let elsewhere = elsewhere(defer, &args.project, &project, &environment, output).await?;
    let insistence = beginning.insistence;
    let begun = Begun { doing, run, journal, earlier, record: None, insistence, elsewhere, delivered: None };
    let result = begun.go_on(&manifest, &environment, &args.locking, &args.options, &project, output).await;
    environment.close().await;
    result.map(Status::from)
}

/// Does for a run that has succeeded what its process did not come to: its rows in the history, and letting go of the schema.
async fn make_up(
    run: &RunId,
    beginning: &Beginning,
    journal: &[Event],
    args: &Args,
    output: &Output,
) -> Result<(), Error> {
    let (project, manifest) = args.project.or_environment(&beginning.environment).compile(output)?;
    if project.environment.name != beginning.environment || !beginning.doing(run, &manifest)?.writes() {
        return Ok(());
    }
    let environment = Environment::connect(&project, output).await?;
    if complete_history(run, journal, &manifest, &environment).await? {
        output.status(&format!("run {run} was missing in {}, and is there now", history_table(&manifest)));
    }
    let released = lock::release(&environment.connected, &place_of(&manifest), run.as_str()).await;
    environment.close().await;
    released.map(drop).map_err(|refusal| Error::refused(refusal.message).with_help(refusal.help))
}

/// Goes on with a run whose machine is gone. Whoever says so knows that no process there goes on with it.
async fn go_on_from_workspace(run: &RunId, args: &Args, output: &Output) -> Result<Status, Error> {
    let (project, manifest) = args.project.compile(output)?;
    let kiln_dir = kiln_dir(&project);
    if journal::runs(&kiln_dir).contains(run) {
        return Err(Error::usage(format!("the journal of run {run} is here"))
            .with_help("Leave --from-workspace away: the journal knows more."));
    }
    let environment = Environment::connect(&project, output).await?;
    let refused = |refusal: plan::Refusal| Error::refused(refusal.message).with_help(refusal.help);
    let (connected, place) = (&environment.connected, place_of(&manifest));
    let holder = lock::holder(connected, &place).await.map_err(refused)?;
    let Some(holder) = holder.filter(|holder| holder.run == run.as_str()) else {
        return Err(Error::refused(format!(
            "run {run} no longer holds its schema: it has ended, or somebody took over"
        ))
        .with_help("Start a new run: what was built from the same versions of the sources stays."));
    };
    let record = Record::read(connected, &place).await.map_err(refused)?;
    // A run that lost its lock may have written on that of its successor.
    let is_of_run =
        |record: &Record| matches!(&record.begun.kind, EventKind::RunStarted { run: its, .. } if its == run);
    let Some(record) = record.filter(is_of_run) else {
        return Err(Error::refused(format!(
            "the workspace knows of run {run} only that it began: it had built nothing yet"
        ))
        .with_help(format!("Take its lock away, and start a new run: `kiln cancel {run} --dead`.")));
    };
    let beginning = Beginning::of(run, std::slice::from_ref(&record.begun))?;
    if project.environment.name != beginning.environment {
        return Err(Error::usage(format!("run {run} is of environment `{}`", beginning.environment))
            .with_help(format!("Say --env {}.", beginning.environment)));
    }
    let doing = beginning.doing(run, &manifest)?;
    if doing.writes() {
        guard::files(&project).await?;
    }
    let defer = beginning.insistence.defer.as_deref();
    let elsewhere = elsewhere(defer, &args.project, &project, &environment, output).await?;
    let journal = Journal::create(&kiln_dir, run)?;
    // What it sent could otherwise still come to its end, and get in the way of what is built now.
    let since = holder.since.unwrap_or(record.begun.at);
    let steps = lock::cancel_statements(connected, run.as_str(), since).await.map_err(refused)?;
    output.status(&format!(
        "going on from the workspace's own record: the run began on {}{}",
        holder.machine,
        if steps.is_empty() {
            String::new()
        } else {
            format!("; {} of its statements still ran, and were cancelled", steps.len())
        }
    ));
    let begun = Begun {
        doing,
        run: run.clone(),
        journal,
        earlier: Vec::new(),
        record: Some(record),
        insistence: beginning.insistence,
        elsewhere,
        delivered: None,
    };
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
    job: Option<JobName>,
    environment: String,
    insistence: Insistence,
    ended: Option<RunResult>,
}

impl Beginning {
    fn doing<'m>(&self, run: &RunId, manifest: &'m Manifest) -> Result<Doing<'m>, Error> {
        match (&self.job, &self.insistence.backfill) {
            (Some(job), _) => {
                let (name, job) = plan::choose_job(manifest, Some(job.as_str()))?;
                Ok(Doing::Job(name, job))
            }
            (None, Some(wish)) => Ok(Doing::Backfill(wish.clone())),
            (None, None) => Err(needs_no_resuming(run)),
        }
    }

    fn of(run: &RunId, journal: &[Event]) -> Result<Self, Error> {
        let Some(EventKind::RunStarted { job, environment, insistence, .. }) = journal.first().map(|event| &event.kind)
        else {
            return Err(Error::usage(format!("run {run} ended before its first step: there is nothing to go on with"))
                .with_help("Start a new one with `kiln sync-and-refresh`."));
        };
        if job.is_none() && insistence.backfill.is_none() {
            return Err(needs_no_resuming(run));
        }
        let ended = match journal.last().map(|event| &event.kind) {
            Some(EventKind::RunFinished { result, .. }) => Some(*result),
            _ => None,
        };
        Ok(Self { job: job.clone(), environment: environment.clone(), insistence: insistence.clone(), ended })
    }
}

fn needs_no_resuming(run: &RunId) -> Error {
    Error::usage(format!("run {run} is not of a job, and needs no resuming"))
        .with_help("Give its command again: what it has done already stays as it is.")
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
