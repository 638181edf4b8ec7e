//! What steps do, one file a kind, and what all of them share.

mod arrival;
mod dashboard_publish;
mod dashboard_query;
mod dashboard_trash;
mod databricks_alter;
mod databricks_audit;
mod databricks_build;
mod databricks_pin;
mod fivetran_sync;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::{Clock, Connected, Receipts, Settings};
use crate::diag::sentence;
use crate::event::{Event, EventKind, Failure, Outcome};
use crate::http::Class;
use crate::ids::{Fingerprint, ModelName, RunId, StatementId, StepId};
use crate::plan::{Action, Versions};

/// What all steps of a run share.
pub(super) struct Context {
    pub(super) connected: Connected,
    /// Permits for statements on the warehouse.
    pub(super) statements: Semaphore,
    pub(super) run: RunId,
    pub(super) project: String,
    pub(super) catalog: String,
    pub(super) schema: String,
    pub(super) cancel: CancellationToken,
    /// The versions at which sources are read, as far as they are fixed.
    pub(super) versions: Mutex<Versions>,
    /// What the models of this run are built from.
    pub(super) built: Mutex<HashMap<ModelName, Fingerprint>>,
}

/// How a step ended, and the statement that it ran.
pub(super) struct Finished {
    pub(super) outcome: Outcome,
    pub(super) statement: Option<StatementId>,
}

impl Finished {
    pub(super) fn new(outcome: Outcome) -> Self {
        Self { outcome, statement: None }
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
        let kind = EventKind::StepProgress { step: self.step.clone(), message: message.into() };
        let _ = self.events.try_send(Event { at: (self.clock)(), kind });
    }

    /// Tells what must be on disk before this step goes on, and waits until it is.
    async fn keep(&self, kind: EventKind) {
        let receipt = self.receipts.as_ref().map(|receipts| receipts.expect(&self.step));
        let told = self.events.send(Event { at: (self.clock)(), kind }).await;
        if let (Some(receipt), Ok(())) = (receipt, told) {
            // Whoever keeps the events may have gone; the run itself goes on all the same.
            let _ = receipt.await;
        }
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
        Action::Sync(sync) => fivetran_sync::run(&sync, context, reporter).await,
        Action::Pin(tables) => databricks_pin::run(&tables, context, reporter).await,
        Action::Build(model) => databricks_build::run(&model, context, reporter).await,
        Action::Publish(dashboard) => dashboard_publish::run(&dashboard, context, reporter).await,
        Action::Query(query) => dashboard_query::run(&query, context, reporter).await,
        Action::Alter(alter) => databricks_alter::run(&alter, context, reporter).await,
        Action::Trash(dashboard) => dashboard_trash::run(&dashboard, context, reporter).await,
        Action::Refuse(refusal) => {
            Finished::failed(Failure { message: refusal.message, help: Some(refusal.help), ..Failure::default() })
        }
    }
}

/// Says why something did not work; `help` may come as a fragment and is made a sentence.
fn failure(message: String, help: String, class: Class) -> Failure {
    let unreachable = matches!(class, Class::Auth | Class::Permission | Class::Unreachable | Class::RateLimit);
    Failure { message, help: Some(sentence(&help)), unreachable, ..Failure::default() }
}
