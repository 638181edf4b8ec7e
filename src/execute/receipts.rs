//! Receipts: how a step learns that an event of its own is kept on disk, before it does what cannot be undone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::ids::StepId;

/// Whether an event is on disk, or why it is not.
type Kept = Result<(), String>;

/// Steps that wait for a receipt. Whoever keeps the events gives them.
#[derive(Debug, Default)]
pub struct Receipts(Mutex<HashMap<StepId, oneshot::Sender<Kept>>>);

impl Receipts {
    /// Says that the event a step waits for is kept, or why it cannot be.
    pub fn give(&self, step: &StepId, kept: Kept) {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(step);
        if let Some(waiting) = waiting {
            // The step may have been interrupted meanwhile.
            let _ = waiting.send(kept);
        }
    }

    /// Prepares to wait for a receipt.
    pub(super) fn expect(&self, step: &StepId) -> oneshot::Receiver<Kept> {
        let (sender, receiver) = oneshot::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(step.clone(), sender);
        receiver
    }
}
