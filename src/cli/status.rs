//! `kiln status`.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::connect::{Environment, FIVETRAN_HELP};
use super::error::Error;
use super::output::{Format, Output};
use super::{ProjectArgs, Status as Exit};
use crate::config::{JobStep, Materialization, SyncIntent};
use crate::databricks::wire::JobRun;
use crate::fivetran::sync::{self, Intent, SyncOptions};
use crate::ids::{ConnectionId, ConnectionName};
use crate::manifest::Manifest;
use crate::plan::{self, Act, Change, Consent, DeployPlan, Kind, Observed};
use crate::report::status::{self, Standing, State};

/// Show how an environment stands: how fresh each source is, what drifted or is not deployed, how scheduled jobs ended
///
/// Changes nothing and triggers nothing. Exit status 5 if a source is staler than its jobs allow, 3 if somebody changed
/// something in the workspace or the last run of a scheduled job failed, else 0.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    project: ProjectArgs,
}

/// How old data may be where no job says so.
const USUAL_AGE: Duration = Duration::from_secs(24 * 3600);

pub(super) async fn run(args: &Args, output: &Output) -> Result<Exit, Error> {
    let (project, manifest) = args.project.compile(output)?;
    let environment = Environment::connect(&project, output).await?;
    let observed = environment.observe(&manifest).await?;
    let plan = plan::deploy(&manifest, &observed, Consent::default());
    let mut all = connections(&environment, &manifest).await;
    all.extend(objects(&manifest, &observed, &plan));
    all.extend(jobs(&environment, &observed, &plan).await?);
    environment.close().await;
    output.data(&match output.format {
        Format::Json => status::json_lines(&all),
        Format::Text | Format::Github | Format::Sarif => status::text(&all, output.stdout_color()),
    });
    output.summary(|| status::markdown(&project.environment.name, &all));
    if let Some(lock) = &plan.lock {
        output.status(&format!("at the moment {}", lock.in_words()));
    }
    Ok(match all.iter().map(|one| one.state).max() {
        Some(State::Stale) => Exit::Stale,
        Some(State::Failed | State::Drifted) => Exit::StepFailed,
        Some(State::Pending | State::Good) | None => Exit::Done,
    })
}

/// Says how fresh each connection is, all of them at once.
async fn connections(environment: &Environment, manifest: &Manifest) -> Vec<Standing> {
    let looks = manifest.connections.keys().map(|name| connection(environment, manifest, name));
    futures::future::join_all(looks).await
}

async fn connection(environment: &Environment, manifest: &Manifest, name: &ConnectionName) -> Standing {
    let stands = |state, says: Vec<String>| Standing {
        kind: "connection".to_owned(),
        name: name.to_string(),
        state,
        says,
        link: None,
    };
    let Some(client) = &environment.connected.fivetran else {
        return stands(State::Stale, vec!["how fresh it is cannot be told".to_owned(), FIVETRAN_HELP.to_owned()]);
    };
    let declared = &manifest.connections[name];
    let id = match &declared.id {
        Some(id) => Ok(ConnectionId::new(&id.value)),
        None => client
            .find_by_prefix(&declared.schema_prefix, declared.group.as_deref())
            .await
            .map(|found| ConnectionId::new(found.id)),
    };
    let options = SyncOptions { intent: Intent::Observe(allowed_age(manifest, name)), ..SyncOptions::default() };
    let looked = async {
        let id = id?;
        let report = sync::run(client, &id, &options, &CancellationToken::new(), &mut |_: sync::Progress| {}).await?;
        Ok::<_, crate::fivetran::Error>((id, report))
    };
    match looked.await {
        Ok((_, report)) if report.outcome.is_fresh() => stands(State::Good, vec![report.outcome.reason()]),
        Ok((id, report)) => {
            let help = report.outcome.help().map(str::to_owned);
            let says = [Some(report.outcome.reason()), help].into_iter().flatten().collect();
            Standing { link: client.link(&id), ..stands(State::Stale, says) }
        }
        Err(error) => stands(State::Stale, vec![error.to_string(), error.help()]),
    }
}

/// Returns how old a connection's data may be: the least that a job says of it.
fn allowed_age(manifest: &Manifest, name: &ConnectionName) -> Duration {
    let connection = &manifest.connections[name];
    let syncs = manifest.jobs.values().flat_map(|job| &job.steps).filter_map(|step| match &step.value {
        JobStep::Sync(sync) if sync.connection == *name => sync.wishes.or(connection.sync).intent,
        _ => None,
    });
    let ages = syncs.filter_map(|intent| match intent {
        SyncIntent::EnsureFresh(age) | SyncIntent::Observe(age) => Some(age),
        SyncIntent::Sync => None,
    });
    ages.min().unwrap_or(USUAL_AGE)
}

/// Says of each model and dashboard whether it is as the project says.
fn objects(manifest: &Manifest, observed: &Observed, plan: &DeployPlan) -> Vec<Standing> {
    let changes: BTreeMap<(String, &str), &Change> =
        plan.changes.iter().map(|change| ((change.kind.to_string(), change.name.as_str()), change)).collect();
    let mut all = Vec::new();
    for kind in [Kind::View, Kind::Table] {
        let own = manifest.models.values().filter(|model| match model.config.materialized {
            Materialization::View => kind == Kind::View,
            Materialization::Table => kind == Kind::Table,
        });
        for model in own {
            let made = observed.tables.get(&model.table.name).and_then(|table| table.updated_at);
            let good = made.map_or_else(|| "as the project says".to_owned(), |at| format!("made {}", moment(at)));
            let full = model.table.to_string();
            let change = changes.get(&(kind.to_string(), full.as_str())).copied();
            all.push(standing(kind.to_string(), model.config.name.to_string(), change, good));
        }
    }
    for (name, dashboard) in &manifest.dashboards {
        let path = plan::dashboard_path(dashboard);
        let change = changes.get(&(Kind::Dashboard.to_string(), path.as_str())).copied();
        let good = match observed.dashboards.get(name).and_then(|there| there.published_at) {
            Some(at) => format!("published {}", moment(at)),
            None => "published".to_owned(),
        };
        all.push(standing(Kind::Dashboard.to_string(), name.to_string(), change, good));
    }
    // What no model or dashboard of the project stands for: grants, and what left it.
    let rest = plan.changes.iter().filter(|change| match change.kind {
        Kind::View | Kind::Table | Kind::Dashboard => change.act == Act::Orphan,
        Kind::Schema | Kind::Grants | Kind::Tags | Kind::Permissions | Kind::Schedule => true,
        Kind::Connection | Kind::Job => false,
    });
    all.extend(rest.map(|change| standing(change.kind.to_string(), change.name.clone(), Some(change), String::new())));
    all
}

fn standing(kind: String, name: String, change: Option<&Change>, good: String) -> Standing {
    let Some(change) = change else {
        return Standing { kind, name, state: State::Good, says: vec![good], link: None };
    };
    let state = match change.act {
        Act::Foreign | Act::Edited => State::Drifted,
        _ if change.drift => State::Drifted,
        _ => State::Pending,
    };
    let what = match change.act {
        Act::Create if change.drift => "gone from the workspace",
        Act::Create => "not there yet",
        Act::Orphan => "left behind",
        Act::Foreign => "not kiln's",
        Act::Edited => "edited in the workspace",
        _ if change.drift => "changed in the workspace",
        _ => "not as the project says yet",
    };
    let fields = change.fields.iter().map(ToString::to_string);
    let says = std::iter::once(what.to_owned()).chain(change.reasons.iter().cloned()).chain(fields).collect();
    Standing { kind, name, state, says, link: None }
}

/// Says of each scheduled job whether it is as the project says, and how its last run ended.
async fn jobs(environment: &Environment, observed: &Observed, plan: &DeployPlan) -> Result<Vec<Standing>, Error> {
    let change = |name: &str| plan.changes.iter().find(|change| change.kind == Kind::Job && change.name == name);
    let mut all = Vec::new();
    for job in &observed.jobs {
        let last = environment.connected.databricks.jobs().last_run(job.id).await;
        let last = last.map_err(|error| environment.unobservable(&error.into()))?;
        let paused = job.content.schedule.as_ref().is_some_and(|schedule| schedule.paused);
        let good = if paused { "its schedule is paused" } else { "its schedule runs" }.to_owned();
        let mut one = standing(Kind::Job.to_string(), job.content.name.clone(), change(&job.content.name), good);
        if let Some(run) = last {
            let (failed, words) = ended(&run);
            one.says.push(words);
            if failed {
                one.state = one.state.max(State::Failed);
                one.link = run.run_page_url;
            }
        }
        all.push(one);
    }
    let new = plan.changes.iter().filter(|change| change.kind == Kind::Job && change.act == Act::Create);
    all.extend(new.map(|change| standing(Kind::Job.to_string(), change.name.clone(), Some(change), String::new())));
    Ok(all)
}

/// Says how a run ended, and whether that was a failure.
fn ended(run: &JobRun) -> (bool, String) {
    let began = run.start_time.and_then(DateTime::from_timestamp_millis).map(moment).unwrap_or_default();
    match run.outcome() {
        None => (false, format!("a run began {began} and is under way")),
        Some((true, _)) => (false, format!("its last run began {began} and succeeded")),
        Some((false, why)) => (true, format!("its last run began {began} and failed: {why}")),
    }
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}
