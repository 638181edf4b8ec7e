//! How fast one service is asked, by all clients of a process together.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The speed at which each host is asked. Clients that share their [`super::Options`] share it.
///
/// Requests may come in a burst and then at a steady rate; and where a service asked one caller to wait, all others wait too.
#[derive(Debug)]
pub struct Pace {
    /// The time that one request takes up; zero for no limit.
    interval: Duration,
    /// Requests that may come at once.
    burst: u32,
    hosts: Mutex<HashMap<String, Host>>,
}

/// How long a place in the row has to be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Because the service asked for it.
    pub(super) asked: Duration,
    /// After that, because of those in front: our own manners, and no sign of trouble, however long the row.
    pub(super) row: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Host {
    /// When the time taken up by all requests so far is over.
    taken_until: Instant,
    /// Nothing is sent before this.
    closed_until: Instant,
}

impl Pace {
    /// Limits each host to so many requests a second, after a first burst.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let interval = if per_second == 0 { Duration::ZERO } else { Duration::from_secs(1) / per_second };
        Self { interval, burst, hosts: Mutex::default() }
    }

    /// Sets no limit but those that services ask for.
    pub fn unlimited() -> Self {
        Self::new(0, 0)
    }

    /// Takes a place in the row; returns how long to wait for it.
    pub(super) fn place(&self, host: &str, now: Instant) -> Place {
        self.with(host, now, |state| {
            let begin = now.max(state.closed_until);
            state.taken_until = state.taken_until.max(begin) + self.interval;
            let ahead = state.taken_until.saturating_duration_since(begin);
            let row = ahead.saturating_sub(self.interval * self.burst.max(1));
            Place { asked: begin.saturating_duration_since(now), row }
        })
    }

    /// Notes that the service wants no request for so long.
    pub(super) fn close(&self, host: &str, now: Instant, pause: Duration) {
        self.with(host, now, |state| state.closed_until = state.closed_until.max(now + pause));
    }

    fn with<T>(&self, host: &str, now: Instant, change: impl FnOnce(&mut Host) -> T) -> T {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        change(hosts.entry(host.to_owned()).or_insert(Host { taken_until: now, closed_until: now }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Place = Place { asked: Duration::ZERO, row: Duration::ZERO };

    #[test]
    fn a_burst_passes_and_the_rest_comes_at_the_rate_each_host_for_itself() {
        let pace = Pace::new(10, 3);
        let now = Instant::now();
        let waits: Vec<u128> = (0..6).map(|_| pace.place("a", now).row.as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 100, 200, 300]);
        assert_eq!(pace.place("b", now), AT_ONCE);
        assert_eq!(pace.place("a", now + Duration::from_secs(60)), AT_ONCE);
    }

    #[test]
    fn what_one_caller_was_told_to_wait_all_wait() {
        let pace = Pace::unlimited();
        let now = Instant::now();
        assert_eq!(pace.place("a", now), AT_ONCE);
        pace.close("a", now, Duration::from_secs(17));
        let asked = Place { asked: Duration::from_secs(15), ..AT_ONCE };
        assert_eq!(pace.place("a", now + Duration::from_secs(2)), asked);
        assert_eq!(pace.place("a", now + Duration::from_secs(18)), AT_ONCE);
        assert_eq!(pace.place("b", now), AT_ONCE);
    }
}
