//! Syncs that begin before their steps: while the warehouse starts, and the lock, which is a table, cannot be made yet.
//!
//! No other act comes before the lock. This one may, because it takes nothing from anybody: a run reads the sources at the
//! versions that it has fixed, whatever lands meanwhile, and of those who ask Fivetran for a sync that runs already none
//! gets a second one. Whoever then does not get the lock has made the sources fresher, and nothing else.

use std::collections::HashMap;

use futures::future::join_all;

use super::Connected;
use super::step::{Begun, begin_sync};
use crate::event::SyncAhead;
use crate::ids::{ConnectionName, StepId};
use crate::plan::{Action, RunPlan};

/// Syncs of a plan that have begun, each with what its step has to know of the time before.
#[derive(Clone, Debug, Default)]
pub struct Ahead {
    pub(super) begun: HashMap<StepId, Begun>,
    connections: Vec<ConnectionName>,
}

impl Ahead {
    /// Begins the syncs of a plan that need nothing, as far as they can begin at once, and awaits none of them. What cannot is
    /// left to its step, and so is all that goes wrong here; `but` is left to its step in any case.
    pub async fn begin(plan: &RunPlan, connected: &Connected, but: Option<&ConnectionName>) -> Self {
        let syncs = plan.steps.values().filter_map(|step| match &step.action {
            Action::Sync(sync) if step.needs.is_empty() && but != Some(&sync.connection) => Some((&step.id, sync)),
            _ => None,
        });
        let begun = syncs.map(|(id, sync)| async move { (id, &sync.connection, begin_sync(sync, connected).await) });
        let mut ahead = Self::default();
        for (id, connection, begun) in join_all(begun).await {
            match begun {
                Ok(Some(begun)) => {
                    ahead.begun.insert(id.clone(), begun);
                    ahead.connections.push(connection.clone());
                }
                Ok(None) => {}
                Err(error) => tracing::debug!(%connection, %error, "the sync could not begin before its step"),
            }
        }
        ahead
    }

    /// Returns what is to be kept of them, so that a run that is broken off triggers none of them again.
    pub(super) fn told(&self) -> Vec<SyncAhead> {
        let mut told: Vec<SyncAhead> = self.begun.iter().map(|(step, begun)| begun.told(step.clone())).collect();
        told.sort_by(|a, b| a.step.cmp(&b.step));
        told
    }

    /// Returns the connections whose syncs have begun, in the order of the plan.
    pub fn connections(&self) -> &[ConnectionName] {
        &self.connections
    }
}
