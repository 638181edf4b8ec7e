//! Time as the clients see it, so that tests need no real waiting.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use tokio::time::Instant;

/// Where the time comes from. Outside tests only [`Clock::now`] is written; it reads the clock of the wall.
pub trait Clock: Send + Sync {
    /// Returns the date and time.
    fn now(&self) -> DateTime<Utc>;

    /// Returns a moment to measure durations from; not moved when somebody sets the clock of the wall.
    fn instant(&self) -> Instant {
        Instant::now()
    }

    /// Waits.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
