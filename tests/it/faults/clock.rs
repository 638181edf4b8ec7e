//! A clock that tests wind: sleeping takes no time, and is remembered.

use std::sync::Mutex;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use kiln::http::Clock;
use tokio::time::Instant;

/// Begins at a given time; every sleep moves it on.
pub(crate) struct TestClock {
    start: DateTime<Utc>,
    base: Instant,
    sleeps: Mutex<Vec<Duration>>,
    first: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl TestClock {
    /// Makes a clock that stands at a time in RFC 3339.
    pub(crate) fn at(start: &str) -> Self {
        Self { start: start.parse().unwrap(), base: Instant::now(), sleeps: Mutex::default(), first: Mutex::default() }
    }

    /// Does something during the first sleep, instead of only winding on.
    pub(crate) fn at_first_sleep(&self, work: BoxFuture<'static, ()>) {
        *self.first.lock().unwrap() = Some(work);
    }

    /// Returns how long was slept each time.
    pub(crate) fn sleeps(&self) -> Vec<Duration> {
        self.sleeps.lock().unwrap().clone()
    }

    /// Returns how long was slept in all.
    pub(crate) fn slept(&self) -> Duration {
        self.sleeps.lock().unwrap().iter().sum()
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        self.start + TimeDelta::from_std(self.slept()).unwrap()
    }

    fn instant(&self) -> Instant {
        self.base + self.slept()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.sleeps.lock().unwrap().push(duration);
        let first = self.first.lock().unwrap().take();
        first.unwrap_or_else(|| Box::pin(tokio::task::yield_now()))
    }
}

/// The clock of the wall, for what is measured and for servers that go by it.
pub(crate) struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
