//! Syncs a connection, and says as what it ended.

use super::{Context, Finished, Reporter, failure};
use crate::event::{Failure, Outcome};
use crate::fivetran::sync::{self, Progress, SyncOptions, SyncOutcome};
use crate::fivetran::{Client, Error};
use crate::ids::ConnectionId;
use crate::plan::SyncConnection;

pub(super) async fn run(action: &SyncConnection, context: &Context, reporter: &Reporter) -> Finished {
    let Some(client) = &context.connected.fivetran else {
        let failure = Failure {
            message: format!("`{}` cannot be synced without Fivetran's credentials", action.connection),
            help: Some("Set FIVETRAN_API_KEY and FIVETRAN_API_SECRET.".to_owned()),
            unreachable: true,
            ..Failure::default()
        };
        return Finished::new(Outcome::Stale { failure });
    };
    match sync(action, client, context, reporter).await {
        Ok(finished) => finished,
        Err(error) => {
            let message = format!("`{}` was not synced: {error}", action.connection);
            Finished::new(Outcome::Stale { failure: failure(message, error.help(), error.class()) })
        }
    }
}

async fn sync(
    action: &SyncConnection,
    client: &Client,
    context: &Context,
    reporter: &Reporter,
) -> Result<Finished, Error> {
    let id = match &action.id {
        Some(id) => ConnectionId::new(id),
        None => ConnectionId::new(client.find_by_prefix(&action.schema_prefix).await?.id),
    };
    let mut tell = |progress| reporter.progress(words(progress));
    let report = sync::run(client, &id, &SyncOptions::default(), &context.cancel, &mut tell).await?;
    Ok(match &report.outcome {
        outcome @ SyncOutcome::Synced { .. } => Finished::succeeded(outcome.reason()),
        SyncOutcome::Interrupted => Finished::new(Outcome::Cancelled),
        outcome => Finished::new(Outcome::Stale {
            failure: Failure {
                message: format!("connection `{}`: {}", action.connection, outcome.reason()),
                help: Some(
                    "What depends on it was not built, and dashboards show the last good data. Repair the connection, \
                     then run this again."
                        .to_owned(),
                ),
                link: client.link(&id),
                ..Failure::default()
            },
        }),
    })
}

fn words(progress: Progress) -> String {
    match progress {
        Progress::Queued => "a sync runs already; ours is next".to_owned(),
        Progress::Baseline(_) => "about to trigger".to_owned(),
        Progress::Triggered(1) => "triggered".to_owned(),
        Progress::Triggered(_) => "triggered again".to_owned(),
        Progress::State(state) => state.to_string(),
        Progress::Rescheduled(Some(until)) => format!("rescheduled by Fivetran until {}", until.format("%H:%M:%S UTC")),
        Progress::Rescheduled(None) => "rescheduled by Fivetran".to_owned(),
        Progress::OutOfReach(why) => format!("Fivetran is out of reach ({why}); the sync itself goes on"),
    }
}
