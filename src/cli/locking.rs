//! Taking the lock of a schema: waiting for it, and taking it over from the dead.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::connect::Environment;
use super::error::Error;
use super::journal;
use super::output::Output;
use super::running::termination;
use crate::config::parse_duration;
use crate::event::Author;
use crate::execute::lock::{self, NotTaken, Place};
use crate::ids::{RunId, StepId};
use crate::plan::{Lock, Refusal};

/// Options of the commands that change what is deployed.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Locking {
    /// Wait so long (as in `30m`) while another run changes the same schema [default: refuse at once]
    #[arg(long, value_name = "DURATION", value_parser = wait)]
    wait: Option<Duration>,
    /// Take over from a run that died: the one that holds the schema, as the refusal names it
    #[arg(long, value_name = "RUN")]
    pub(super) break_lock: Option<String>,
}

fn wait(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write it with units, as in `45m`, `2h`, `1h30m` or `30s`".to_owned())
}

/// Pause between two looks at a lock that another run holds.
const PAUSE: Duration = Duration::from_secs(5);

/// A schema that this run has to itself.
pub(super) struct Held<'a> {
    environment: &'a Environment,
    place: Place,
    run: RunId,
}

impl<'a> Held<'a> {
    /// Takes the lock.
    pub(super) async fn take(
        environment: &'a Environment,
        place: Place,
        run: &RunId,
        by: &Author,
        kiln_dir: &Path,
        locking: &Locking,
        output: &Output,
    ) -> Result<Self, Error> {
        let connected = &environment.connected;
        let lock = Lock {
            run: run.to_string(),
            act: by.act.clone(),
            who: by.user.clone().unwrap_or_default(),
            machine: by.machine.clone(),
            since: Some(chrono::Utc::now()),
            cancelled: None,
        };
        let mut left = locking.wait.unwrap_or_default();
        let mut waits_for = None;
        loop {
            let holder = match lock::take(connected, &place, &lock).await {
                Ok(()) => return Ok(Self { environment, place, run: run.clone() }),
                Err(NotTaken::Held(holder)) => holder,
                Err(NotTaken::Refused(refusal)) => return Err(refused(refusal)),
            };
            // Held until the lock is ours: of two that find the dead run, one takes over.
            let dead = journal::is_dead(kiln_dir, &RunId::new(&holder.run));
            if dead.is_some() || locking.break_lock.as_deref() == Some(holder.run.as_str()) {
                take_over(environment, &place, &holder, output).await?;
                match lock::take(connected, &place, &lock).await {
                    Ok(()) => return Ok(Self { environment, place, run: run.clone() }),
                    Err(NotTaken::Held(_)) => continue,
                    Err(NotTaken::Refused(refusal)) => return Err(refused(refusal)),
                }
            }
            drop(dead);
            if waits_for.as_ref() != Some(&holder.run) && !left.is_zero() {
                output.status(&format!("waiting: {}", holder.in_words()));
                waits_for = Some(holder.run.clone());
            }
            while lock::holder(connected, &place).await.map_err(refused)?.is_some_and(|now| now.run == holder.run)
                && journal::is_dead(kiln_dir, &RunId::new(&holder.run)).is_none()
            {
                if left.is_zero() {
                    return Err(held(&holder));
                }
                let pause = PAUSE.min(left);
                left -= pause;
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = termination() => return Err(Error::Interrupted),
                }
            }
        }
    }

    /// Lets go of the lock after a run that lost sight of the workspace, and so may have left statements there: what of them
    /// still runs since a moment is cancelled first. As long as nobody can say whether it is, the lock stays.
    pub(super) async fn release_unseen(self, since: DateTime<Utc>, output: &Output) {
        match lock::cancel_statements(&self.environment.connected, self.run.as_str(), since).await {
            Ok(steps) => {
                if !steps.is_empty() {
                    let steps: Vec<&str> = steps.iter().map(StepId::as_str).collect();
                    output.status(&format!("cancelled what still ran: {}", steps.join(", ")));
                }
                self.release(output).await;
            }
            Err(refusal) => output.status(&format!(
                "warning: {}\n  help: The run keeps its lock, for they may still run. `kiln resume` goes on when the workspace can be \
                 reached again.",
                refusal.message
            )),
        }
    }

    /// Lets go of the lock; what is wrong then is no failure of the run.
    pub(super) async fn release(self, output: &Output) {
        match lock::release(&self.environment.connected, &self.place, self.run.as_str()).await {
            Ok(true) => {}
            Ok(false) => output.status(
                "warning: somebody broke the lock of this run while it ran: look at what else has changed the schema",
            ),
            Err(refusal) => output.status(&format!("warning: {}\n  help: {}", refusal.message, refusal.help)),
        }
    }
}

/// Takes the lock away from a dead run.
pub(super) async fn take_over(
    environment: &Environment,
    place: &Place,
    dead: &Lock,
    output: &Output,
) -> Result<(), Error> {
    let cancelled = lock::break_open(&environment.connected, place, dead).await.map_err(refused)?;
    let statements = match cancelled {
        0 => String::new(),
        1 => "; 1 statement of it still ran, and was cancelled".to_owned(),
        n => format!("; {n} statements of it still ran, and were cancelled"),
    };
    output.status(&format!("took over from run {}, which died{statements}", dead.run));
    Ok(())
}

fn held(holder: &Lock) -> Error {
    Error::refused(holder.in_words()).with_help(format!(
        "Wait for its end: --wait 30m. If that run is dead, go on with it (`kiln resume {0}`, where it ran), or take over \
         from it: --break-lock {0}",
        holder.run
    ))
}

fn refused(refusal: Refusal) -> Error {
    Error::refused(refusal.message).with_help(refusal.help)
}
