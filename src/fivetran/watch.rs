//! One look for all who wait: connections of one group are read by one list request, whoever's turn it is.
//!
//! Who waits takes a [`Seat`] in its connection's group. With few seats a connection is read by itself; from where a list
//! costs fewer requests, the group is listed, and the answer is news to everybody in it. So a thousand waits ask about as
//! often as one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::client::Client;
use super::error::Error;
use super::wire::Connection;
use crate::http::Class;
use crate::ids::ConnectionId;

/// The longer the list, the more seldom it is asked for: so long for each who waits.
const PAUSE_EACH: Duration = Duration::from_millis(10);

/// What is known of all groups in which somebody waits; one for all clones of a client.
#[derive(Default)]
pub(super) struct Watch {
    groups: Mutex<HashMap<String, Arc<Group>>>,
    /// Those who do not know their connection's group yet.
    arriving: AtomicUsize,
    first: tokio::sync::Mutex<()>,
}

struct Group {
    id: String,
    waiting: AtomicUsize,
    state: Mutex<State>,
    /// Held by the one who asks for the list.
    asking: tokio::sync::Mutex<()>,
    /// When the last list was asked for.
    news: watch::Sender<Option<Instant>>,
}

#[derive(Default)]
struct State {
    /// When the list was asked for, and what it said.
    seen: Option<(Instant, HashMap<String, Connection>)>,
    /// When a list could not be had, and why.
    failed: Option<(Instant, Arc<Error>)>,
    /// Requests that the list took.
    pages: usize,
    /// Set where the key may not list the group.
    closed: bool,
}

/// A connection as it was at a time: at `at`, or a little later.
pub(super) struct Seen {
    pub(super) connection: Connection,
    pub(super) at: Instant,
}

/// A place among those who wait for connections of a group.
pub(super) struct Seat(Arc<Group>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts somebody for as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    /// Reads a connection for the first time and takes a seat in its group. `from`: nothing older will do.
    ///
    /// # Errors
    /// If a request fails.
    pub(super) async fn arrive(
        &self,
        client: &Client,
        id: &ConnectionId,
        from: Instant,
    ) -> Result<(Seat, Seen), Error> {
        let arriving = Counted::new(&self.arriving);
        let _turn = self.first.lock().await;
        let groups: Vec<Arc<Group>> = locked(&self.groups).values().cloned().collect();
        for group in &groups {
            if let Some(seen) = group.seen(id, from) {
                return Ok((self.seat(&seen.connection.group_id), seen));
            }
        }
        // Others stand in line behind this one, most likely for connections of the groups that are known.
        for group in groups.iter().filter(|_| self.arriving.load(Ordering::Relaxed) > 1) {
            let known = locked(&group.state).seen.as_ref().is_some_and(|(at, _)| *at >= from);
            if !known
                && group.list(client).await.is_ok()
                && let Some(seen) = group.seen(id, from)
            {
                return Ok((self.seat(&seen.connection.group_id), seen));
            }
        }
        let at = client.http().clock().instant();
        let connection = client.connection(id).await?;
        drop(arriving);
        Ok((self.seat(&connection.group_id), Seen { connection, at }))
    }

    fn seat(&self, group: &str) -> Seat {
        let mut groups = locked(&self.groups);
        let group = groups.entry(group.to_owned()).or_insert_with(|| {
            Arc::new(Group {
                id: group.to_owned(),
                waiting: AtomicUsize::new(0),
                state: Mutex::default(),
                asking: tokio::sync::Mutex::default(),
                news: watch::Sender::new(None),
            })
        });
        group.waiting.fetch_add(1, Ordering::Relaxed);
        Seat(Arc::clone(group))
    }
}

impl Seat {
    /// Reads the connection, or takes over what another has read. `from`: nothing older will do.
    ///
    /// # Errors
    /// If the request fails, whoever sent it.
    pub(super) async fn look(&self, client: &Client, id: &ConnectionId, from: Instant) -> Result<Seen, Error> {
        let group = &self.0;
        if let Some(known) = group.known(id, from) {
            return known;
        }
        if group.is_listed() {
            let _turn = group.asking.lock().await;
            if let Some(known) = group.known(id, from) {
                return known;
            }
            match group.list(client).await {
                // A connection that is not in the list may have moved to another group, or be gone; that is asked below.
                Ok(()) => {
                    if let Some(seen) = group.seen(id, from) {
                        return Ok(seen);
                    }
                }
                Err(error) if matches!(error.class(), Class::Permission | Class::NotFound) => {
                    locked(&group.state).closed = true;
                }
                Err(error) => return Err(Error::Shared(error)),
            }
        }
        let at = client.http().clock().instant();
        Ok(Seen { connection: client.connection(id).await?, at })
    }

    /// Waits until there is a list that was asked for after a time; for ever, if nobody asks for one.
    pub(super) async fn news(&self, from: Instant) {
        let mut news = self.0.news.subscribe();
        if news.wait_for(|at| at.is_some_and(|at| at >= from)).await.is_err() {
            std::future::pending().await
        }
    }

    /// The pause that suits the number of those who wait.
    pub(super) fn least_pause(&self) -> Duration {
        match self.0.waiting.load(Ordering::Relaxed) {
            0 | 1 => Duration::ZERO,
            waiting => PAUSE_EACH * u32::try_from(waiting).unwrap_or(u32::MAX),
        }
    }
}

impl Group {
    /// Whether a list costs fewer requests than asking for each connection.
    fn is_listed(&self) -> bool {
        let state = locked(&self.state);
        !state.closed && self.waiting.load(Ordering::Relaxed) > state.pages.max(1)
    }

    /// What the last list said, good or bad, if it is new enough.
    fn known(&self, id: &ConnectionId, from: Instant) -> Option<Result<Seen, Error>> {
        let failed = locked(&self.state).failed.clone().filter(|(at, _)| *at >= from);
        self.seen(id, from).map(Ok).or_else(|| failed.map(|(_, error)| Err(Error::Shared(error))))
    }

    fn seen(&self, id: &ConnectionId, from: Instant) -> Option<Seen> {
        let state = locked(&self.state);
        let (at, seen) = state.seen.as_ref().filter(|(at, _)| *at >= from)?;
        Some(Seen { connection: seen.get(id.as_str())?.clone(), at: *at })
    }

    async fn list(&self, client: &Client) -> Result<(), Arc<Error>> {
        let at = client.http().clock().instant();
        match client.group_connections(&self.id).await {
            Ok((connections, pages)) => {
                {
                    let mut state = locked(&self.state);
                    state.pages = pages;
                    state.seen = Some((at, connections.into_iter().map(|c| (c.id.clone(), c)).collect()));
                }
                self.news.send_replace(Some(at));
                Ok(())
            }
            Err(error) => {
                let error = Arc::new(error);
                locked(&self.state).failed = Some((at, Arc::clone(&error)));
                Err(error)
            }
        }
    }
}
