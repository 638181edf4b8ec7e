//! What a run had done when it was broken off, read from its journal; and what is under way before its first step.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::Ahead;
use super::step::Begun;
use crate::config::Materialization;
use crate::databricks::Sent;
use crate::event::{Event, EventKind, Outcome, SyncAhead, standing};
use crate::fivetran::sync::{Baseline, Delivered};
use crate::ids::{Fingerprint, ModelName, RunId, StepId};
use crate::plan::{Action, Done, RunPlan, Versions};

/// What is known of a run that goes on; of one that begins only what was begun before its steps.
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    /// What its plan came to.
    plan: Option<Fingerprint>,
    /// When it began.
    pub(super) began: Option<DateTime<Utc>>,
    /// Steps that have succeeded.
    pub(super) succeeded: HashMap<StepId, Outcome>,
    /// The versions that they fixed.
    pub(super) versions: Versions,
    /// Connections as they were before syncs whose end nobody saw.
    baselines: HashMap<StepId, Baseline>,
    /// Ends of syncs that webhooks told, in steps whose end nobody saw.
    delivered: HashMap<StepId, Delivered>,
    /// Statements whose end nobody saw: the last of each text.
    statements: HashMap<(StepId, Fingerprint), Sent>,
    /// Syncs of this very run that began before their steps.
    ahead: Ahead,
}

impl Earlier {
    /// Reads a journal.
    pub fn of(journal: &[Event]) -> Self {
        let mut earlier = Self { began: journal.first().map(|event| event.at), ..Self::default() };
        for event in standing(journal) {
            match event.kind {
                EventKind::RunStarted { plan, .. } => earlier.plan = plan,
                EventKind::StepFinished { step, outcome, .. } => {
                    earlier.succeeded.insert(step, outcome);
                }
                EventKind::SourcesPinned { versions, .. } => {
                    earlier.versions.extend(versions.into_iter().map(|source| (source.table, source.version)));
                }
                _ => {}
            }
        }
        // A run that came to its end left nothing under way, and what it made aside may have been replaced since.
        let end = journal.iter().rposition(|event| matches!(event.kind, EventKind::RunFinished { .. }));
        for event in &journal[end.map_or(0, |end| end + 1)..] {
            if let EventKind::RunStarted { ahead, .. } = &event.kind {
                let baseline = |sync: &SyncAhead| {
                    let SyncAhead { step, succeeded_at, failed_at, state, .. } = sync.clone();
                    (step, Baseline { succeeded_at, failed_at, state: state.as_str().into() })
                };
                earlier.baselines.extend(ahead.iter().map(baseline));
            }
            if event.kind.step().is_some_and(|step| !earlier.succeeded.contains_key(step)) {
                earlier.add(event);
            }
        }
        earlier
    }

    /// Adds syncs that have begun before their steps.
    pub fn with(self, ahead: Ahead) -> Self {
        Self { ahead, ..self }
    }

    fn add(&mut self, event: &Event) {
        match &event.kind {
            EventKind::SyncBaseline { step, succeeded_at, failed_at, state, .. } => {
                let baseline =
                    Baseline { succeeded_at: *succeeded_at, failed_at: *failed_at, state: state.as_str().into() };
                self.baselines.insert(step.clone(), baseline);
            }
            EventKind::SyncDelivered { step, connection, sync_id, ended_at, status, reason } => {
                let delivered = Delivered {
                    connection: connection.clone(),
                    sync_id: sync_id.clone(),
                    at: *ended_at,
                    status: status.as_str().into(),
                    reason: reason.clone(),
                };
                self.delivered.insert(step.clone(), delivered);
            }
            EventKind::StatementSending { step, mark, statement } => {
                let sent = Sent { mark: mark.clone(), at: event.at, id: None };
                self.statements.insert((step.clone(), statement.clone()), sent);
            }
            EventKind::StatementAccepted { mark, statement, .. } => {
                if let Some(sent) = self.statements.values_mut().find(|sent| sent.mark == *mark) {
                    sent.id = Some(statement.clone());
                }
            }
            // It was judged, so nothing is open: a failed step begins anew.
            EventKind::StepFinished { step, .. } => {
                self.baselines.remove(step);
                self.delivered.remove(step);
            }
            _ => {}
        }
    }

    /// Says why this run cannot go on by a plan, if it cannot.
    pub fn misfit(&self, plan: &RunPlan, run: &RunId) -> Option<String> {
        self.began?;
        if self.plan.as_ref() != Some(&plan.fingerprint()) {
            return Some("the project, or kiln itself, has changed since it began".to_owned());
        }
        let mut built: HashMap<&ModelName, Fingerprint> = HashMap::new();
        for step in plan.steps.values().filter(|step| self.succeeded.contains_key(&step.id)) {
            let Action::Build(model) = &step.action else { continue };
            let inputs = model.inputs.fingerprint(&self.versions, |name| built.get(name).cloned(), run);
            // A view shows what is there, whoever made it last by the same definition.
            if model.materialized == Materialization::Table && model.done != Done::IfFrom(inputs.clone()) {
                return Some(format!("{} is not as it had made it", model.table));
            }
            built.insert(&model.model, inputs);
        }
        None
    }

    /// Returns the connection as it was before a step's sync, if the end of that was not seen.
    pub(super) fn baseline(&self, step: &StepId) -> Option<Baseline> {
        self.baselines.get(step).cloned()
    }

    /// Returns the syncs that have begun before their steps.
    pub(super) fn ahead(&self) -> &Ahead {
        &self.ahead
    }

    /// Returns a step's sync that has begun before it.
    pub(super) fn begun(&self, step: &StepId) -> Option<&Begun> {
        self.ahead.begun.get(step)
    }

    /// Returns the end of a sync that a webhook told a step, if the end of that was not seen.
    pub(super) fn delivered(&self, step: &StepId) -> Option<Delivered> {
        self.delivered.get(step).cloned()
    }

    /// Returns when and how a step was about to send a statement of this text, if its end was not seen.
    pub(super) fn statement(&self, step: &StepId, text: &Fingerprint) -> Option<&Sent> {
        self.statements.get(&(step.clone(), text.clone()))
    }
}
