//! Bearer tokens that end: kept in memory, renewed before they end, and by one caller at a time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

use super::clock::Clock;
use super::error::Error;
use crate::secret::Secret;

/// A token counts as ended so long before it does: it has to last until the request has arrived, and some services refuse
/// tokens in their last half minute.
const MARGIN: TimeDelta = TimeDelta::seconds(40);

/// A token is renewed in the second half of its life, but not earlier than so long before its end.
const EARLY: TimeDelta = TimeDelta::minutes(20);

/// After an early renewal that failed, the token at hand is used for so long before the next try.
const REST: TimeDelta = TimeDelta::seconds(60);

/// A bearer token and its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The token.
    pub secret: Secret,
    /// When it was asked for.
    pub since: DateTime<Utc>,
    /// When it ends; none if it does not say.
    pub until: Option<DateTime<Utc>>,
}

impl Token {
    /// Makes a token that was asked for at a moment and lives for so long.
    pub fn living(secret: Secret, since: DateTime<Utc>, life: Duration) -> Self {
        let until = TimeDelta::from_std(life).ok().and_then(|life| since.checked_add_signed(life));
        Self { secret, since, until }
    }

    fn has_ended(&self, now: DateTime<Utc>) -> bool {
        self.until.is_some_and(|until| now >= until - MARGIN)
    }

    fn should_be_renewed(&self, now: DateTime<Utc>) -> bool {
        self.until.is_some_and(|until| now >= until - ((until - self.since) / 2).min(EARLY))
    }
}

/// Where new tokens come from: a login service, or another program.
pub trait TokenSource: Send + Sync {
    /// Gets a new token. With `refused`, the one at hand was refused although it should still live, and the source must
    /// not hand it out again.
    fn fetch(&self, refused: bool) -> BoxFuture<'_, Result<Token, Error>>;
}

/// The tokens of one source. Callers share it.
pub struct Tokens {
    source: Box<dyn TokenSource>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Held by the caller who renews.
    renewing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// Counts the tokens, so that a refusal of an old one does not throw the new one away.
    generation: u64,
    /// Whether the token at hand was refused.
    refused: bool,
    /// Counts the tries to renew.
    tries: u64,
    /// How the last try failed, if it did; those who waited for it fail with it.
    failure: Option<Error>,
    /// No early renewal before this.
    rest_until: Option<DateTime<Utc>>,
    /// The token before, which an answer may still repeat.
    previous: Option<Secret>,
}

impl Tokens {
    /// Keeps tokens of a source. A first one may be at hand already.
    pub fn new(source: Box<dyn TokenSource>, clock: Arc<dyn Clock>, first: Option<Token>) -> Self {
        let state = State { token: first, ..State::default() };
        Self { source, clock, state: Mutex::new(state), renewing: tokio::sync::Mutex::default() }
    }

    /// Returns a token that lives, with its number, getting a new one where that is needed.
    pub(super) async fn current(&self) -> Result<(Secret, u64), Error> {
        let now = self.clock.now();
        let tries = self.lock().tries;
        if let Some(at_hand) = self.at_hand(now) {
            if !self.should_be_renewed(now) {
                return Ok(at_hand);
            }
            // Nobody needs to wait for it: the token at hand is good for a while.
            let Ok(_renewing) = self.renewing.try_lock() else { return Ok(at_hand) };
            return match self.renew().await {
                Ok(renewed) => Ok(renewed),
                Err(error) => {
                    tracing::warn!(%error, "the token could not be renewed early; the one at hand is used on");
                    self.lock().rest_until = Some(now + REST);
                    Ok(at_hand)
                }
            };
        }
        let _renewing = self.renewing.lock().await;
        // Somebody else may have renewed it, or failed to, while this caller waited.
        if let Some(at_hand) = self.at_hand(self.clock.now()) {
            return Ok(at_hand);
        }
        if let Some(failure) = self.failure_since(tries) {
            return Err(failure);
        }
        self.renew().await
    }

    /// Returns the token, with its number, if there is one and it lives.
    fn at_hand(&self, now: DateTime<Utc>) -> Option<(Secret, u64)> {
        let state = self.lock();
        let token = state.token.as_ref().filter(|token| !state.refused && !token.has_ended(now))?;
        Some((token.secret.clone(), state.generation))
    }

    fn should_be_renewed(&self, now: DateTime<Utc>) -> bool {
        let state = self.lock();
        state.token.as_ref().is_some_and(|token| token.should_be_renewed(now))
            && state.rest_until.is_none_or(|until| now >= until)
    }

    fn failure_since(&self, tries: u64) -> Option<Error> {
        let state = self.lock();
        state.failure.clone().filter(|_| state.tries > tries)
    }

    /// Notes that a token was refused; nothing happens if it has been replaced already.
    pub(super) fn refused(&self, generation: u64) {
        let mut state = self.lock();
        if state.generation == generation {
            state.refused = true;
        }
    }

    /// Gets a new token; the caller holds `renewing`.
    async fn renew(&self) -> Result<(Secret, u64), Error> {
        let refused = self.lock().refused;
        let fetched = self.source.fetch(refused).await;
        let mut state = self.lock();
        state.tries += 1;
        match fetched {
            Ok(token) => {
                let secret = token.secret.clone();
                state.previous = state.token.replace(token).map(|token| token.secret);
                state.generation += 1;
                (state.refused, state.failure, state.rest_until) = (false, None, None);
                Ok((secret, state.generation))
            }
            Err(error) => {
                state.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Returns the tokens that a text might hold.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        let state = self.lock();
        state.token.iter().map(|token| token.secret.clone()).chain(state.previous.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[tokens]")
    }
}
