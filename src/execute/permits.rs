//! Permits for statements on the warehouse: who waits longest is not who goes first, but on whom most depends.

use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// A number of permits, given out by urgency.
pub(super) struct Permits {
    state: Arc<Mutex<State>>,
}

/// A permit, given back when it is dropped.
pub(super) struct Permit {
    state: Arc<Mutex<State>>,
}

struct State {
    free: usize,
    waiting: BinaryHeap<Waiter>,
    /// How many have asked so far.
    asked: u64,
}

/// Somebody who waits; the greatest is the next.
struct Waiter {
    urgency: Duration,
    number: u64,
    tell: oneshot::Sender<Permit>,
}

impl Permits {
    pub(super) fn new(number: usize) -> Self {
        Self { state: Arc::new(Mutex::new(State { free: number, waiting: BinaryHeap::new(), asked: 0 })) }
    }

    /// Waits for a permit. Of those who wait the most urgent gets the next one, of equals the first that asked.
    pub(super) async fn acquire(&self, urgency: Duration) -> Permit {
        let told = {
            let mut state = lock(&self.state);
            if state.free > 0 {
                state.free -= 1;
                return self.permit();
            }
            let (tell, told) = oneshot::channel();
            let number = state.asked;
            state.asked += 1;
            state.waiting.push(Waiter { urgency, number, tell });
            told
        };
        // Nobody drops a waiter that has not been told: this set of permits lives as long as `self`.
        told.await.unwrap_or_else(|_| self.permit())
    }

    fn permit(&self) -> Permit {
        Permit { state: Arc::clone(&self.state) }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        loop {
            let next = {
                let mut state = lock(&self.state);
                match state.waiting.pop() {
                    Some(next) => next,
                    None => {
                        state.free += 1;
                        return;
                    }
                }
            };
            match next.tell.send(Self { state: Arc::clone(&self.state) }) {
                Ok(()) => return,
                // Whoever waited has gone; the permit is not to be dropped here, for that would come back to this place.
                Err(permit) => std::mem::forget(permit),
            }
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PartialEq for Waiter {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiter {}

impl PartialOrd for Waiter {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiter {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.urgency.cmp(&other.urgency).then(other.number.cmp(&self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_most_urgent_goes_first_and_who_has_gone_holds_nobody_up() {
        let permits = Arc::new(Permits::new(1));
        let first = permits.acquire(Duration::ZERO).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = Vec::new();
        for (name, urgency) in [("a", 1), ("b", 3), ("c", 2), ("d", 3), ("gone", 9)] {
            let (permits, order) = (Arc::clone(&permits), Arc::clone(&order));
            let task = tokio::spawn(async move {
                let permit = permits.acquire(Duration::from_secs(urgency)).await;
                order.lock().unwrap().push(name);
                drop(permit);
            });
            // On one thread, the task asks before this goes on.
            tokio::task::yield_now().await;
            if name == "gone" { task.abort() } else { waiting.push(task) }
        }
        tokio::task::yield_now().await;
        drop(first);
        for task in waiting {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), ["b", "d", "c", "a"]);
        drop(permits.acquire(Duration::ZERO).await);
    }
}
