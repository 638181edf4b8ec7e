//! What the workspace itself keeps of a run that is under way, on the run's lock: enough to go on with it where its journal
//! is not, because the machine is gone.
//!
//! That is how the run began, and the versions at which it reads its sources. What was built from them bears that as a mark,
//! so nothing else need be known: the same versions find it unchanged. A run that had fixed no versions has built nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::dispatcher::outline;
use super::lock::{Place, properties_of_lock};
use super::{Connected, Settings};
use crate::event::{Event, EventKind, Outcome, SourceVersion, VERSION, Work};
use crate::ids::StepId;
use crate::plan::{Action, Refusal, RunPlan, properties};

const BEGUN: &str = "kiln.run.begun";
const PINNED: &str = "kiln.run.pinned.";

/// What is kept of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its beginning, without its steps.
    pub begun: Event,
    pinned: Vec<Pinned>,
}

/// A table of a source at the version at which the run reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pinned {
    /// The step that fixed it.
    step: StepId,
    #[serde(flatten)]
    source: SourceVersion,
}

impl Record {
    /// Reads what the lock of a schema keeps of its run; none if nobody holds it, or its run has fixed no versions.
    ///
    /// # Errors
    /// The workspace refused.
    pub async fn read(connected: &Connected, place: &Place) -> Result<Option<Self>, Refusal> {
        Ok(Self::of(&properties_of_lock(connected, place).await?.unwrap_or_default()))
    }

    fn of(properties: &BTreeMap<String, String>) -> Option<Self> {
        let begun: Event = serde_json::from_str(properties.get(BEGUN)?).ok()?;
        let pinned = properties.iter().filter(|(key, _)| key.starts_with(PINNED));
        // What cannot be read is fixed anew, and then what was built from it is not found unchanged.
        let pinned: Vec<Pinned> = pinned.filter_map(|(_, text)| serde_json::from_str(text).ok()).collect();
        (!pinned.is_empty()).then_some(Self { begun, pinned })
    }

    /// Returns the events that a journal of the run would hold, for the same plan: its beginning, the versions, and the syncs
    /// that had to succeed first.
    pub fn events(&self, plan: &RunPlan) -> Vec<Event> {
        let at = self.begun.at;
        let mut begun = self.begun.clone();
        if let EventKind::RunStarted { steps, .. } = &mut begun.kind {
            *steps = plan.steps.values().map(outline).collect();
        }
        let mut events = vec![begun];
        let succeeded = |step: &StepId, events: &mut Vec<Event>| {
            let outcome = Outcome::Succeeded { summary: "before, on another machine".to_owned() };
            let kind = EventKind::StepFinished {
                step: step.clone(),
                outcome,
                milliseconds: 0,
                statement: None,
                work: Work::default(),
            };
            events.push(Event { at, kind });
        };
        let pins = plan.steps.values().filter(|step| matches!(step.action, Action::Pin(_)));
        let mut synced: Vec<&StepId> = Vec::new();
        for pin in pins {
            let mine = self.pinned.iter().filter(|pinned| pinned.step == pin.id);
            let versions: Vec<SourceVersion> = mine.map(|pinned| pinned.source.clone()).collect();
            if versions.is_empty() {
                continue;
            }
            for need in &pin.needs {
                let is_sync = plan.steps.get(need).is_some_and(|step| matches!(step.action, Action::Sync(_)));
                if is_sync && !synced.contains(&need) {
                    synced.push(need);
                    succeeded(need, &mut events);
                }
            }
            events.push(Event { at, kind: EventKind::SourcesPinned { step: pin.id.clone(), versions } });
            succeeded(&pin.id, &mut events);
        }
        events
    }
}

/// Returns how a run began as it is kept; none of one that cannot be gone on with.
pub(super) fn beginning(plan: &RunPlan, settings: &Settings, at: chrono::DateTime<chrono::Utc>) -> Option<String> {
    if plan.job.is_none() && settings.insistence.backfill.is_none() {
        return None;
    }
    let kind = EventKind::RunStarted {
        version: VERSION,
        run: settings.run.clone(),
        by: settings.by.clone(),
        job: plan.job.clone(),
        project: plan.project.clone(),
        environment: plan.environment.clone(),
        plan: Some(plan.fingerprint()),
        insistence: settings.insistence.clone(),
        ahead: Vec::new(),
        steps: Vec::new(),
    };
    serde_json::to_string(&Event { at, kind }).ok()
}

/// Writes the statement that keeps versions on the lock.
pub(super) fn keeping(place: &Place, beginning: &str, step: &StepId, versions: &[SourceVersion]) -> String {
    let pinned = versions.iter().map(|source| {
        let pinned = Pinned { step: step.clone(), source: source.clone() };
        let text = serde_json::to_string(&pinned).expect("texts and numbers are JSON");
        (format!("{PINNED}{}", source.table), text)
    });
    let all: Vec<_> = std::iter::once((BEGUN.to_owned(), beginning.to_owned())).chain(pinned).collect();
    format!("ALTER TABLE {} SET TBLPROPERTIES {}", place.table().to_sql(), properties(&all))
}
