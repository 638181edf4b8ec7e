//! `kiln sync-and-refresh`.

use super::author::author;
use super::connect::{Environment, kiln_dir};
use super::defer::{DeferArgs, elsewhere, with_deferral};
use super::error::Error;
use super::guard;
use super::journal::Journal;
use super::locking::{Held, Locking};
use super::notify::Listeners;
use super::output::Output;
use super::rollback::put_back;
use super::running::{RunArgs, Start, carry_out, has_failed, new_run_id};
use super::webhook::WebhookArgs;
use super::{ProjectArgs, Status};
use crate::config::{Job, JobStep, Project};
use crate::event::{Event, Insistence, RunResult};
use crate::execute::lock::{self, Place};
use crate::execute::{Ahead, Earlier, Record};
use crate::fivetran::sync::Delivered;
use crate::ids::{ConnectionName, JobName, RunId};
use crate::manifest::Manifest;
use crate::plan::{self, Backfill, Consent, Elsewhere, RunPlan, RunWishes};
use crate::report::Report;

/// Run a job: sync its sources, build its models, publish its dashboards, and show what they say
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The job [default: the only one]
    job: Option<String>,
    #[command(flatten)]
    project: ProjectArgs,
    /// Build every model, also where neither its definition nor what it reads has changed
    #[arg(long)]
    force: bool,
    /// Build incremental models as a whole
    #[arg(long)]
    full_refresh: bool,
    /// Build only these models: a name, a path or glob, `tag:NAME`, `state:changed`; `+` before it takes in all that it
    /// reads, `+` behind it all that reads it. May be repeated
    #[arg(short, long, value_name = "MODELS")]
    select: Vec<String>,
    /// Leave these models out, written in the same way
    #[arg(long, value_name = "MODELS")]
    exclude: Vec<String>,
    #[command(flatten)]
    defer: DeferArgs,
    #[command(flatten)]
    webhook: WebhookArgs,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    locking: Locking,
}

pub(super) async fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let (project, manifest) = args.project.compile(output)?;
    let (name, job) = plan::choose_job(&manifest, args.job.as_deref())?;
    let doing = Doing::Job(name, job);
    if doing.writes() {
        guard::files(&project).await?;
    }
    let delivered = args.webhook.take(&manifest, job)?;
    let listeners = Listeners::of(&project, Some(name));
    let environment = match Environment::connect(&project, output).await {
        Ok(environment) => environment,
        Err(error) => {
            listeners.tell_not_begun(name.as_str(), &project, &error, output).await;
            return Err(error);
        }
    };
    let elsewhere = elsewhere(args.defer.name(), &args.project, &project, &environment, output).await?;
    let run = new_run_id();
    let insistence = Insistence {
        force: args.force,
        full_refresh: args.full_refresh,
        select: args.select.clone(),
        exclude: args.exclude.clone(),
        backfill: None,
        defer: args.defer.name().map(str::to_owned),
    };
    let journal = Journal::create(&kiln_dir(&project), &run)?;
    let begun = Begun { doing, run, journal, earlier: Vec::new(), record: None, insistence, elsewhere, delivered };
    let result = begun.go_on(&manifest, &environment, &args.locking, &args.run, &project, output).await;
    environment.close().await;
    if let Err(error) = &result {
        listeners.tell_not_begun(name.as_str(), &project, error, output).await;
    }
    result.map(Status::from)
}

/// What a run that can be resumed does.
pub(super) enum Doing<'a> {
    /// A job.
    Job(&'a JobName, &'a Job),
    /// It builds windows of a model again.
    Backfill(Backfill),
}

impl Doing<'_> {
    /// Returns it as a command.
    fn act(&self) -> String {
        match self {
            Self::Job(name, _) => format!("sync-and-refresh {name}"),
            Self::Backfill(wish) => wish.to_string(),
        }
    }

    /// Tells whether it changes the models' schema.
    pub(super) fn writes(&self) -> bool {
        match self {
            Self::Job(_, job) => {
                job.steps.iter().any(|step| matches!(step.value, JobStep::Build(_) | JobStep::Publish(_)))
            }
            Self::Backfill(_) => true,
        }
    }
}

/// A run that has its journal and can be resumed.
pub(super) struct Begun<'a> {
    pub(super) doing: Doing<'a>,
    pub(super) run: RunId,
    pub(super) journal: Journal,
    /// The events of its journal; none if it begins.
    pub(super) earlier: Vec<Event>,
    /// What the workspace keeps of it, where its journal is on another machine.
    pub(super) record: Option<Record>,
    pub(super) insistence: Insistence,
    /// What stands in the environment that is deferred to.
    pub(super) elsewhere: Option<Elsewhere>,
    /// What a webhook told.
    pub(super) delivered: Option<(ConnectionName, Delivered)>,
}

impl Begun<'_> {
    /// Takes the lock, looks at what is there, plans, and carries the plan out.
    pub(super) async fn go_on(
        mut self,
        manifest: &Manifest,
        environment: &Environment,
        locking: &Locking,
        args: &RunArgs,
        project: &Project,
        output: &Output,
    ) -> Result<RunResult, Error> {
        let alive = self.journal.alive()?;
        let since = self.earlier.first().map_or_else(chrono::Utc::now, |first| first.at);
        let by = author(environment, project, self.doing.act()).await?;
        let (held, ahead) = if self.doing.writes() {
            let kiln_dir = kiln_dir(project);
            let taking = Held::take(environment, place_of(manifest), &self.run, &by, &kiln_dir, locking, output);
            let (held, ahead) = tokio::join!(taking, self.ahead(manifest, environment, output));
            if held.is_err() && !ahead.connections().is_empty() {
                output.status(&format!("{} in Fivetran all the same", syncs_go_on(&ahead)));
            }
            (Some(held?), ahead)
        } else {
            (None, Ahead::default())
        };
        let result = match self.plan(manifest, environment).await {
            Ok(plan) => {
                let all_or_nothing = matches!(self.doing, Doing::Job(_, job) if job.all_or_nothing);
                let Self { run, journal, earlier, insistence, delivered, .. } = self;
                let (its, author) = (run.clone(), by.clone());
                let start = Start { plan, run, by, journal, earlier, ahead, insistence, delivered, all_or_nothing };
                let result = carry_out(start, environment, args, project, output).await;
                if all_or_nothing
                    && has_failed(result)
                    && let Err(error) = put_back(&its, author, manifest, environment, args, project, output).await
                {
                    output.error(&error);
                }
                Ok(result)
            }
            Err(error) => Err(error),
        };
        if let Some(held) = held {
            match result {
                Ok(RunResult::Unreachable) => held.release_unseen(since, output).await,
                _ => held.release(output).await,
            }
        }
        drop(alive);
        result
    }

    /// Begins syncs while the warehouse starts, for as long the lock cannot be had; none where a run holds it already.
    async fn ahead(&self, manifest: &Manifest, environment: &Environment, output: &Output) -> Ahead {
        let begins = self.earlier.is_empty() && self.record.is_none();
        if !begins || !environment.warehouse_rests || !matches!(self.doing, Doing::Job(..)) {
            return Ahead::default();
        }
        let place = place_of(manifest);
        let (holder, plan) =
            tokio::join!(lock::holder(&environment.connected, &place), self.plan_of_now(manifest, environment));
        // Whatever is wrong is said when all of it is looked at again, under the lock.
        let (Ok(None), Ok(plan)) = (holder, plan) else { return Ahead::default() };
        let told = self.delivered.as_ref().map(|(connection, _)| connection);
        let ahead = Ahead::begin(&plan, &environment.connected, told).await;
        if !ahead.connections().is_empty() {
            output.status(&format!("the warehouse starts; meanwhile {}", syncs_go_on(&ahead)));
        }
        ahead
    }

    async fn plan(&mut self, manifest: &Manifest, environment: &Environment) -> Result<RunPlan, Error> {
        let plan = self.plan_of_now(manifest, environment).await?;
        if let Some(record) = &self.record {
            self.earlier = record.events(&plan);
        }
        match Earlier::of(&self.earlier).misfit(&plan, &self.run) {
            None => {
                if self.record.is_some() {
                    self.earlier.iter().for_each(|event| self.journal.event(event));
                }
                Ok(plan)
            }
            Some(why) => {
                Err(Error::refused(format!("run {} cannot go on: {why}", self.run)).with_help("Start a new run."))
            }
        }
    }

    /// Plans by what is there now.
    async fn plan_of_now(&self, manifest: &Manifest, environment: &Environment) -> Result<RunPlan, Error> {
        let observed = environment.tables(manifest).await?;
        let deferring = with_deferral(manifest, &observed, self.elsewhere.as_ref());
        let manifest = deferring.as_ref().unwrap_or(manifest);
        let plan = match &self.doing {
            Doing::Job(name, _) => {
                let wishes = RunWishes {
                    full_refresh: self.insistence.full_refresh,
                    select: &self.insistence.select,
                    exclude: &self.insistence.exclude,
                };
                plan::run(manifest, Some(name.as_str()), &observed, Consent::default(), wishes)?
            }
            Doing::Backfill(wish) => plan::backfill(manifest, &observed, wish, &self.run)
                .map_err(|refusal| Error::usage(refusal.message).with_help(refusal.help))?,
        };
        environment.suffices_for(&plan)?;
        Ok(plan)
    }
}

/// Names the syncs that have begun.
fn syncs_go_on(ahead: &Ahead) -> String {
    let names: Vec<String> = ahead.connections().iter().map(|name| format!("`{name}`")).collect();
    let verb = if names.len() == 1 { "syncs" } else { "sync" };
    format!("{} {verb}", names.join(", "))
}

/// Returns the schema that a project's models lie in.
pub(super) fn place_of(manifest: &Manifest) -> Place {
    Place { catalog: manifest.catalog.clone(), schema: manifest.schema.clone() }
}
