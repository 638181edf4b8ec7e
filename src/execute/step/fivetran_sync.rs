//! Brings a connection's data up to date as was asked, proves that they have arrived, and says as what it ended.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::arrival::{self, Landed, Wrong};
use super::{Connected, Context, Finished, Reporter, failure};
use crate::config;
use crate::databricks;
use crate::event::{EventKind, Failure, Outcome, SyncAhead};
use crate::fivetran::sync::{
    self, Baseline, Delivered, Intent, Listener, Progress, SyncOptions, SyncOutcome, SyncReport, WhenRunning,
};
use crate::fivetran::{Client, Error};
use crate::ids::{ConnectionId, StepId, TableName};
use crate::plan::{LandedTable, SyncConnection};

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
    let id = id_of(action, client).await?;
    let delivered = delivered(action, &id, context, reporter).await;
    let delivered = match delivered {
        Ok(delivered) => delivered,
        Err(failure) => return Ok(Finished::new(Outcome::Stale { failure })),
    };
    // What cannot be seen before is not compared; what cannot be seen after is an error. Where the sync has ended already,
    // nobody can look before it.
    let begun = context.earlier.begun(reporter.step()).filter(|begun| begun.connection == id);
    let before = match (&delivered, begun) {
        (Some(_), _) => None,
        (None, Some(begun)) => Some(begun.landed.clone()),
        (None, None) => Some(arrival::look(&action.tables, &context.connected).await.unwrap_or_default()),
    };
    let mut listener = Told { connection: &id, reporter };
    let baseline = match begun {
        Some(begun) => {
            listener.keep(&begun.baseline).await.map_err(Error::NotKept)?;
            Some(begun.baseline.clone())
        }
        None => context.earlier.baseline(reporter.step()),
    };
    let report =
        sync::run(client, &id, &SyncOptions { delivered, ..options(action, baseline) }, &context.cancel, &mut listener)
            .await?;
    match &report.outcome {
        SyncOutcome::Interrupted => Ok(Finished::new(Outcome::Cancelled)),
        outcome if outcome.is_fresh() => {
            Ok(prove(action, client, &id, &report, before.as_ref(), context, reporter).await)
        }
        outcome => {
            let help = outcome.help().unwrap_or_default();
            Ok(Finished::new(Outcome::Stale {
                failure: Failure {
                    message: format!("connection `{}`: {}", action.connection, outcome.reason()),
                    help: Some(format!(
                        "{} What depends on it was not built, and dashboards show the last good data.",
                        crate::diag::sentence(help)
                    )),
                    link: client.link(&id),
                    ..Failure::default()
                },
            }))
        }
    }
}

async fn id_of(action: &SyncConnection, client: &Client) -> Result<ConnectionId, Error> {
    Ok(match &action.id {
        Some(id) => ConnectionId::new(id),
        None => ConnectionId::new(client.find_by_prefix(&action.schema_prefix, action.group.as_deref()).await?.id),
    })
}

/// A sync that began before its step, and was not awaited.
#[derive(Clone, Debug)]
pub(in super::super) struct Begun {
    connection: ConnectionId,
    /// The connection as it was before.
    baseline: Baseline,
    /// The tables as they were before.
    landed: Landed,
}

impl Begun {
    pub(in super::super) fn told(&self, step: StepId) -> SyncAhead {
        let Baseline { succeeded_at, failed_at, state } = self.baseline.clone();
        SyncAhead { step, connection: self.connection.clone(), succeeded_at, failed_at, state: state.to_string() }
    }
}

/// Begins a sync before its step, if it can begin at once.
///
/// # Errors
/// If Fivetran refuses a request, or is out of reach: the step will say so.
pub(in super::super) async fn begin(action: &SyncConnection, connected: &Connected) -> Result<Option<Begun>, Error> {
    let Some(client) = &connected.fivetran else { return Ok(None) };
    let connection = id_of(action, client).await?;
    let landed = arrival::look(&action.tables, connected).await.unwrap_or_default();
    let never = CancellationToken::new();
    let baseline = sync::begin(client, &connection, &options(action, None), &never).await?;
    Ok(baseline.map(|baseline| Begun { connection, baseline, landed }))
}

/// Finds what a webhook told of the connection's sync, and puts it on record before it counts.
async fn delivered(
    action: &SyncConnection,
    id: &ConnectionId,
    context: &Context,
    reporter: &Reporter,
) -> Result<Option<Delivered>, Failure> {
    let new = context.delivered.as_ref().filter(|(connection, _)| *connection == action.connection);
    let Some((_, delivered)) = new else { return Ok(context.earlier.delivered(reporter.step())) };
    if delivered.connection != *id {
        return Err(Failure {
            message: format!(
                "connection `{}` is {id}, and the webhook tells of {}: nothing was triggered",
                action.connection, delivered.connection
            ),
            help: Some("Is it the webhook of another environment's group?".to_owned()),
            ..Failure::default()
        });
    }
    let Delivered { connection, sync_id, at, status, reason } = delivered.clone();
    let step = reporter.step().clone();
    let status = status.to_string();
    let told = EventKind::SyncDelivered { step, connection, sync_id, ended_at: at, status, reason };
    reporter.keep(told).await.map_err(|why| Failure {
        message: format!("connection `{}`: what the webhook told could not be kept: {why}", action.connection),
        help: Some("Make room and rights under `.kiln` in the project's folder, then run it again.".to_owned()),
        ..Failure::default()
    })?;
    Ok(Some(delivered.clone()))
}

fn options(action: &SyncConnection, resume: Option<Baseline>) -> SyncOptions {
    let usual = SyncOptions::default();
    let intent = match action.intent {
        config::SyncIntent::Sync => Intent::Sync,
        config::SyncIntent::EnsureFresh(age) => Intent::EnsureFresh(age),
        config::SyncIntent::Observe(age) => Intent::Observe(age),
    };
    let when_running = match (action.when_running, intent) {
        (Some(config::WhenRunning::Join), _) | (None, Intent::EnsureFresh(_)) => WhenRunning::Join,
        (Some(config::WhenRunning::Queue) | None, _) => WhenRunning::Queue,
        (Some(config::WhenRunning::Restart), _) => WhenRunning::Restart,
    };
    SyncOptions {
        intent,
        when_running,
        resume,
        deadline: action.deadline.unwrap_or(usual.deadline),
        // Who allows an hour for a sync does not mean to allow less where more is to do.
        historical_deadline: action
            .historical_deadline
            .unwrap_or(usual.historical_deadline.max(action.deadline.unwrap_or(Duration::ZERO))),
        ..usual
    }
}

/// Hears how a wait goes.
struct Told<'a> {
    connection: &'a ConnectionId,
    reporter: &'a Reporter,
}

impl Listener for Told<'_> {
    fn tell(&mut self, progress: Progress) {
        self.reporter.progress(words(progress));
    }

    fn keep<'a>(&'a mut self, baseline: &'a Baseline) -> BoxFuture<'a, Result<(), String>> {
        let kind = EventKind::SyncBaseline {
            step: self.reporter.step().clone(),
            connection: self.connection.clone(),
            succeeded_at: baseline.succeeded_at,
            failed_at: baseline.failed_at,
            state: baseline.state.to_string(),
        };
        Box::pin(self.reporter.keep(kind))
    }
}

fn words(progress: Progress) -> String {
    match progress {
        Progress::Queued => "a sync runs already; ours is next".to_owned(),
        Progress::Joined => "a sync runs already; its end is awaited".to_owned(),
        Progress::Baseline(_) => "about to trigger".to_owned(),
        Progress::Triggered(1) => "triggered".to_owned(),
        Progress::Triggered(_) => "triggered again".to_owned(),
        Progress::State(state) => state.to_string(),
        Progress::Rescheduled(Some(until)) => format!("rescheduled by Fivetran until {}", until.format("%H:%M:%S UTC")),
        Progress::Rescheduled(None) => "rescheduled by Fivetran".to_owned(),
        Progress::OutOfReach(why) => format!("Fivetran is out of reach ({why}); the sync itself goes on"),
    }
}

/// Looks at what has landed: green is only what is there.
async fn prove(
    action: &SyncConnection,
    client: &Client,
    id: &ConnectionId,
    report: &SyncReport,
    before: Option<&Landed>,
    context: &Context,
    reporter: &Reporter,
) -> Finished {
    let name = &action.connection;
    let reason = report.outcome.reason();
    let cannot = |what: String, help: String, class| {
        let message = format!("connection `{name}`: {reason}, but what landed could not be looked at: {what}");
        Finished::failed(failure(message, help, class))
    };
    let after = match arrival::look(&action.tables, &context.connected).await {
        Ok(after) => after,
        Err(error) => return cannot(error.to_string(), error.help(), error.class()),
    };
    match after.check(&action.tables) {
        Ok(()) => {}
        Err(Wrong::Missing(tables)) => {
            let help = why_missing(&tables, &action.tables, client, id, report.group.as_deref()).await;
            let names: Vec<String> = tables.iter().map(ToString::to_string).collect();
            let message = format!("connection `{name}`: {reason}, but there is no table {}", names.join(", "));
            let failure = Failure { message, help: Some(help), link: client.link(id), ..Failure::default() };
            return Finished::new(Outcome::Stale { failure });
        }
        Err(Wrong::Columns(lines)) => {
            let message = format!(
                "connection `{name}`: {reason}, but what landed is not what `sources` declares: {}",
                lines.join("; ")
            );
            let help = "Correct `sources` in jobs.yaml, or see in Fivetran what became of the columns.".to_owned();
            return Finished::failed(Failure {
                message,
                help: Some(help),
                link: client.link(id),
                ..Failure::default()
            });
        }
    }
    let fresh = matches!(report.outcome, SyncOutcome::AlreadyFresh { .. });
    let Some(before) = before.filter(|_| !fresh && !action.tables.is_empty()) else {
        let told = if before.is_none() && !fresh { ", as the webhook told" } else { "" };
        return Finished::succeeded(format!("{reason}{told}"));
    };
    reporter.progress("looking at what landed");
    match after.arrived(before, report.before, &action.tables, context, reporter).await {
        Ok(arrival) => {
            let words = arrival.words();
            Finished::succeeded(if words.is_empty() { reason } else { format!("{words}; {reason}") })
        }
        Err(databricks::Error::Interrupted { .. }) => Finished::new(Outcome::Cancelled),
        Err(error) => cannot(error.to_string(), error.help(), error.class()),
    }
}

/// Finds out why tables that a connection shall land are not there.
async fn why_missing(
    missing: &[TableName],
    all: &[LandedTable],
    client: &Client,
    id: &ConnectionId,
    group: Option<&str>,
) -> String {
    let expected = all.first().map(|table| table.name.catalog.as_str()).unwrap_or_default();
    let destination = match group {
        Some(group) => client.destination(group).await.ok(),
        None => None,
    };
    if let Some(catalog) = destination.as_ref().and_then(|destination| destination.catalog())
        && !catalog.eq_ignore_ascii_case(expected)
    {
        return format!(
            "The connection belongs to a group whose destination writes to catalog `{catalog}`, and the project looks in \
             `{expected}`. Is it the connection of another environment?"
        );
    }
    let schemas = client.schemas(id).await.ok().flatten().and_then(|config| config.schemas).unwrap_or_default();
    for table in missing {
        let schema =
            schemas.iter().find(|(name, node)| node.name_in_destination.as_deref().unwrap_or(name) == table.schema);
        let tables = schema.and_then(|(_, node)| node.tables.as_ref());
        let known = tables.and_then(|tables| {
            tables.iter().find(|(name, config)| config.name_in_destination.as_deref().unwrap_or(name) == table.name)
        });
        match (schema, known) {
            (Some((_, node)), Some((source, config)))
                if config.enabled == Some(false) || node.enabled == Some(false) =>
            {
                return format!("Fivetran knows the table `{source}` and does not replicate it: enable it there.");
            }
            (_, Some(_)) => {}
            _ => {
                return format!(
                    "Fivetran knows no table that lands as `{}.{}`: is there one of that name in the source?",
                    table.schema, table.name
                );
            }
        }
    }
    "Fivetran replicates it; perhaps it has no rows yet, or was dropped in the workspace.".to_owned()
}
