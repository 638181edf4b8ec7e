//! What steps do, one file a kind, and what all of them share.

mod arrival;
mod dashboard_permissions;
mod dashboard_publish;
mod dashboard_query;
mod dashboard_schedules;
mod dashboard_trash;
mod databricks_alter;
mod databricks_audit;
mod databricks_build;
mod databricks_defer;
mod databricks_increment;
mod databricks_job;
mod databricks_pin;
mod databricks_version;
mod fivetran_connection;
mod fivetran_sync;

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(super) use fivetran_sync::{Begun, begin as begin_sync};

use super::permits::Permits;
use super::tally::Tally;
use super::{Clock, Connected, Earlier, Receipts, Settings};
use crate::diag::sentence;
use crate::event::{Event, EventKind, Failure, Outcome, Work};
use crate::fivetran::sync::Delivered;
use crate::http::Class;
use crate::ids::{ConnectionName, Fingerprint, ModelName, RunId, StatementId, StepId, TableName};
use crate::plan::{Action, Versions};

/// Key of the tag that names a statement's run in the query history.
pub(super) const RUN_TAG: &str = "kiln_run";
/// Key of the tag that names its step.
pub(super) const STEP_TAG: &str = "kiln_step";

/// What a step has to do with: what all steps of the run share, and what is its own.
pub(super) struct Context {
    pub(super) shared: Arc<Shared>,
    /// Triggered when the step has to end.
    pub(super) cancel: CancellationToken,
    /// How long it and what waits for it take: of the steps that wait for the warehouse, the most urgent goes first.
    pub(super) urgency: Duration,
    /// Counts what its statements do.
    pub(super) tally: Tally,
}

impl Deref for Context {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

/// What all steps of a run share.
pub(super) struct Shared {
    pub(super) connected: Connected,
    /// Permits for statements on the warehouse.
    pub(super) statements: Permits,
    pub(super) run: RunId,
    pub(super) project: String,
    pub(super) catalog: String,
    pub(super) schema: String,
    /// Whether models are built though they are unchanged.
    pub(super) force: bool,
    /// The connection whose sync has ended already, as a webhook told.
    pub(super) delivered: Option<(ConnectionName, Delivered)>,
    /// Ends the run when it is triggered, as an interrupt does.
    pub(super) interrupt: CancellationToken,
    /// How the run began, as the workspace keeps it; none if the run cannot be gone on with.
    pub(super) record: Option<String>,
    /// What was under way when the run was broken off.
    pub(super) earlier: Earlier,
    /// The versions at which sources are read, as far as they are fixed.
    pub(super) versions: Mutex<Versions>,
    /// The models that were made anew in this run.
    pub(super) made: Mutex<HashSet<ModelName>>,
    /// What the models of this run are built from.
    pub(super) built: Mutex<HashMap<ModelName, Fingerprint>>,
}

/// How a step ended, and the statement that it ran.
pub(super) struct Finished {
    pub(super) outcome: Outcome,
    pub(super) statement: Option<StatementId>,
    /// What it did on the warehouse.
    pub(super) work: Work,
    /// The table that it wrote.
    pub(super) wrote: Option<Wrote>,
}

/// A table that a statement wrote.
#[derive(Clone, Debug)]
pub(super) struct Wrote {
    pub(super) table: TableName,
    pub(super) statement: StatementId,
}

impl Finished {
    pub(super) fn new(outcome: Outcome) -> Self {
        Self { outcome, statement: None, work: Work::default(), wrote: None }
    }

    fn succeeded(summary: impl Into<String>) -> Self {
        Self::new(Outcome::Succeeded { summary: summary.into() })
    }

    fn failed(failure: Failure) -> Self {
        Self::new(Outcome::Failed { failure })
    }

    fn with_statement(self, statement: Option<StatementId>) -> Self {
        Self { statement, ..self }
    }

    /// Says which table a statement of the step has written.
    fn writing(self, table: &TableName, statement: Option<StatementId>) -> Self {
        Self { wrote: statement.map(|statement| Wrote { table: table.clone(), statement }), ..self }
    }
}

/// A step's way to tell of itself while it runs.
pub(super) struct Reporter {
    step: StepId,
    events: mpsc::Sender<Event>,
    clock: Clock,
    receipts: Option<Arc<Receipts>>,
}

impl Reporter {
    pub(super) fn new(step: StepId, events: mpsc::Sender<Event>, settings: &Settings) -> Self {
        Self { step, events, clock: Arc::clone(&settings.clock), receipts: settings.receipts.clone() }
    }

    /// Returns the step that tells.
    fn step(&self) -> &StepId {
        &self.step
    }

    /// Tells what is going on, if the reports keep up; progress is not worth waiting for.
    fn progress(&self, message: impl Into<String>) {
        self.note(EventKind::StepProgress { step: self.step.clone(), message: message.into() });
    }

    /// Tells what must be on disk before this step goes on, and waits until it is; the error says why it cannot be.
    async fn keep(&self, kind: EventKind) -> Result<(), String> {
        let receipt = self.receipts.as_ref().map(|receipts| receipts.expect(&self.step));
        let told = self.events.send(Event { at: (self.clock)(), kind }).await;
        match (receipt, told) {
            (Some(receipt), Ok(())) => {
                receipt.await.unwrap_or_else(|_| Err("nobody keeps the run's journal".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Tells what is good to know and need not be waited for, if there is room for it.
    fn note(&self, kind: EventKind) {
        let _ = self.events.try_send(Event { at: (self.clock)(), kind });
    }

    /// Tells a result, which must not be lost.
    async fn tell(&self, kind: EventKind) {
        let _ = self.events.send(Event { at: (self.clock)(), kind }).await;
    }
}

/// Does what a step is for.
pub(super) async fn carry_out(action: Action, context: &Context, reporter: &Reporter) -> Finished {
    match action {
        Action::CreateSchema { statement } => databricks_build::create_schema(statement, context, reporter).await,
        Action::Keep(connection) => fivetran_connection::keep(&connection, context, reporter).await,
        Action::Remove(connection) => fivetran_connection::remove(&connection, context).await,
        Action::Sync(sync) => fivetran_sync::run(&sync, context, reporter).await,
        Action::Pin(tables) => databricks_pin::run(&tables, context, reporter).await,
        Action::Build(model) => databricks_build::run(&model, context, reporter).await,
        Action::Backfill(model) => databricks_build::backfill(&model, context, reporter).await,
        Action::Defer(defer) => databricks_defer::run(&defer, context, reporter).await,
        Action::Publish(dashboard) => dashboard_publish::run(&dashboard, context, reporter).await,
        Action::Grant(grant) => dashboard_permissions::run(&grant, context, reporter).await,
        Action::Send(work) => dashboard_schedules::run(&work, context, reporter).await,
        Action::Query(query) => dashboard_query::run(&query, context, reporter).await,
        Action::Restore(restore) => databricks_version::restore(&restore, context, reporter).await,
        Action::Alter(alter) => databricks_alter::run(&alter, context, reporter).await,
        Action::Trash(dashboard) => dashboard_trash::run(&dashboard, context, reporter).await,
        Action::Schedule(job) => databricks_job::schedule(&job, context, reporter).await,
        Action::Unschedule(job) => databricks_job::unschedule(&job, context, reporter).await,
        Action::Refuse(refusal) => {
            Finished::failed(Failure { message: refusal.message, help: Some(refusal.help), ..Failure::default() })
        }
    }
}

/// Lets a step that has succeeded before count for those that rest on it.
pub(super) fn adopt(action: &Action, context: &Shared) {
    if let Action::Build(model) = action {
        databricks_build::adopt(model, context);
    }
}

/// Says why something did not work; `help` may come as a fragment and is made a sentence.
fn failure(message: String, help: String, class: Class) -> Failure {
    let unreachable = matches!(class, Class::Auth | Class::Permission | Class::Unreachable | Class::RateLimit);
    Failure { message, help: Some(sentence(&help)), unreachable, ..Failure::default() }
}
