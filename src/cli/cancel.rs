//! `kiln cancel`.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};

use super::author::author;
use super::connect::{Environment, kiln_dir};
use super::error::Error;
use super::journal;
use super::locking::take_over;
use super::output::Output;
use super::running::termination;
use super::runs::run_id;
use super::sync_and_refresh::place_of;
use super::{ProjectArgs, Status};
use crate::execute::lock::{self, Place};
use crate::ids::{RunId, StepId};
use crate::plan::{Lock, Refusal};

/// End a run that is under way in an environment, wherever it runs
///
/// Its statements on the warehouse are cancelled, and the run ends as if it had been interrupted where it runs; `kiln resume`
/// goes on there. A sync goes on in Fivetran. The lock of a run that is dead is taken away.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The run [default: the one that changes the environment's schema]
    #[arg(value_parser = run_id)]
    run: Option<RunId>,
    #[command(flatten)]
    project: ProjectArgs,
    /// The run is dead, though it began on another machine: take its lock away
    #[arg(long, requires = "run")]
    dead: bool,
}

/// How long a run may take to notice, and pauses between two looks.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let (project, manifest) = args.project.compile(output)?;
    let environment = Environment::connect(&project, output).await?;
    let place = place_of(&manifest);
    let holder = lock::holder(&environment.connected, &place).await.map_err(refused)?;
    let status = match (holder, &args.run) {
        (Some(holder), Some(run)) if run.as_str() != holder.run => {
            // A run that changes nothing of the schema holds no lock.
            if !end_unlocked(&environment, run, output).await? {
                output.status(&format!("under way is another run: {}", holder.in_words()));
            }
            Status::Done
        }
        (Some(holder), _) => {
            // Held until its lock is taken away: nobody goes on with it meanwhile.
            let dead = journal::is_dead(&kiln_dir(&project), &RunId::new(&holder.run));
            if dead.is_some() || args.dead {
                take_over(&environment, &place, &holder, output).await?;
                Status::Done
            } else {
                let by = author(&environment, &project, "cancel".to_owned()).await?;
                let who = format!("{} on {}", by.user.unwrap_or_default(), by.machine);
                end(&environment, &place, &holder, &who, output).await?
            }
        }
        (None, Some(run)) => {
            end_unlocked(&environment, run, output).await?;
            Status::Done
        }
        (None, None) => {
            output.status(&format!("no run is under way in `{}`", project.environment.name));
            Status::Done
        }
    };
    environment.close().await;
    Ok(status)
}

/// Asks a run to end, cancels what it has on the warehouse until it has noticed, and waits for its end.
async fn end(
    environment: &Environment,
    place: &Place,
    holder: &Lock,
    who: &str,
    output: &Output,
) -> Result<Status, Error> {
    let connected = &environment.connected;
    output.status(&format!("cancelling: {}", holder.in_words()));
    lock::ask_to_end(connected, place, who).await.map_err(refused)?;
    let since = holder.since.or_else(|| began(&holder.run)).unwrap_or_default();
    let (mut waited, mut many) = (Duration::ZERO, 0);
    loop {
        let steps = lock::cancel_statements(connected, &holder.run, since).await.map_err(refused)?;
        many += steps.len();
        tell(&steps, output);
        if lock::holder(connected, place).await.map_err(refused)?.is_none_or(|now| now.run != holder.run) {
            output.status(&format!("run {} has ended", holder.run));
            return Ok(Status::Done);
        }
        if waited >= PATIENCE {
            break;
        }
        waited += PAUSE;
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = termination() => return Err(Error::Interrupted),
        }
    }
    let what = if many == 0 {
        "has nothing on the warehouse, and will end as soon as a statement of it is cancelled: it may wait for Fivetran"
    } else {
        "has not ended yet"
    };
    Err(Error::refused(format!("run {} {what}", holder.run))
        .with_help(format!("Ask again later. If it is dead, take its lock away: `kiln cancel {} --dead`.", holder.run)))
}

/// Cancels what a run without a lock has on the warehouse; tells whether that was anything.
async fn end_unlocked(environment: &Environment, run: &RunId, output: &Output) -> Result<bool, Error> {
    let Some(since) = began(run.as_str()) else {
        return Err(Error::usage(format!("`{run}` does not say when it began, as runs do"))
            .with_help("`kiln runs` lists runs, and a lock names its own."));
    };
    let steps = lock::cancel_statements(&environment.connected, run.as_str(), since).await.map_err(refused)?;
    tell(&steps, output);
    if steps.is_empty() {
        output.status(&format!("run {run} has nothing on the warehouse"));
    }
    Ok(!steps.is_empty())
}

fn tell(steps: &[StepId], output: &Output) {
    for step in steps {
        output.status(&format!("cancelled a statement of `{step}`"));
    }
}

/// Reads when a run began from its id.
fn began(run: &str) -> Option<DateTime<Utc>> {
    let start = run.get(..19)?;
    NaiveDateTime::parse_from_str(start, "%Y%m%dT%H%M%S%3fZ").ok().map(|at| at.and_utc())
}

fn refused(refusal: Refusal) -> Error {
    Error::refused(refusal.message).with_help(refusal.help)
}

#[cfg(test)]
mod tests {
    use super::began;

    #[test]
    fn an_id_tells_when_its_run_began() {
        assert_eq!(began("20261124T083000123Z-1a2b3c").unwrap().to_rfc3339(), "2026-11-24T08:30:00.123+00:00");
        for other in ["", "20261124", "run-of-somebody-else", "20269924T083000123Z-1a2b3c"] {
            assert_eq!(began(other), None, "{other}");
        }
    }
}
