//! When a request is sent again, and after which pause.

use std::time::Duration;

/// How often and how soon a request is sent again.
///
/// - It never left (no connection, no TLS): always sent again.
/// - 429 and 503: the service did not take it; always sent again, not before its `Retry-After`.
/// - 408, 500, 502, 504, a time limit, a connection lost after sending, an answer cut short: it may have been carried out;
///   sent again only if it is idempotent.
/// - Every other answer is final.
///
/// The number of attempts and the whole time are bounded, so a call ends within `budget` plus one pause it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all; 1 means never again.
    pub max_attempts: u32,
    /// Upper bound of the first pause; it doubles with each attempt.
    pub base: Duration,
    /// Upper bound of every pause that the service did not ask for.
    pub cap: Duration,
    /// No attempt begins after so long.
    pub budget: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 6,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(10),
            budget: Duration::from_secs(300),
        }
    }
}

/// What may have become of a request on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It did not arrive.
    NotSent,
    /// It arrived and was turned away for now; the service may have said for how long.
    TurnedAway(Option<Duration>),
    /// It may have been carried out, or not.
    Unknown,
    /// It was answered for good.
    Answered,
}

impl RetryPolicy {
    /// Returns the pause before the next attempt, or nothing if there is none. `attempts` have been made in `elapsed`;
    /// `chance` is a random number from 0 to 1 (full jitter: many clients that failed together do not come back together).
    pub fn pause(
        &self,
        fate: Fate,
        idempotent: bool,
        attempts: u32,
        elapsed: Duration,
        chance: f64,
    ) -> Option<Duration> {
        let again = match fate {
            Fate::NotSent | Fate::TurnedAway(_) => true,
            Fate::Unknown => idempotent,
            Fate::Answered => false,
        };
        if !again || attempts >= self.max_attempts {
            return None;
        }
        let doubled = self.base.saturating_mul(1 << (attempts.saturating_sub(1)).min(20)).min(self.cap);
        let jittered = doubled.mul_f64(chance.clamp(0.0, 1.0));
        let pause = match fate {
            Fate::TurnedAway(Some(asked)) => asked + jittered,
            _ => jittered,
        };
        (elapsed + pause <= self.budget).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        max_attempts: 5,
        base: Duration::from_secs(1),
        cap: Duration::from_secs(5),
        budget: Duration::from_secs(60),
    };

    #[test]
    fn what_may_have_been_carried_out_is_repeated_only_if_idempotent() {
        let pause = |fate, idempotent| POLICY.pause(fate, idempotent, 1, Duration::ZERO, 1.0).is_some();
        assert!(pause(Fate::NotSent, false) && pause(Fate::NotSent, true));
        assert!(pause(Fate::TurnedAway(None), false) && pause(Fate::TurnedAway(None), true));
        assert!(!pause(Fate::Unknown, false) && pause(Fate::Unknown, true));
        assert!(!pause(Fate::Answered, false) && !pause(Fate::Answered, true));
    }

    #[test]
    fn pauses_double_up_to_the_cap_and_are_spread_down_to_zero() {
        let pause = |attempts, chance| POLICY.pause(Fate::NotSent, false, attempts, Duration::ZERO, chance);
        let seconds = |s| Some(Duration::from_secs(s));
        assert_eq!([pause(1, 1.0), pause(2, 1.0), pause(3, 1.0), pause(4, 1.0)], [1, 2, 4, 5].map(seconds));
        assert_eq!(pause(3, 0.0), seconds(0));
        assert_eq!(pause(5, 1.0), None);
    }

    #[test]
    fn retry_after_is_a_lower_bound_and_the_budget_an_upper_one() {
        let asked = |seconds, elapsed| {
            let fate = Fate::TurnedAway(Some(Duration::from_secs(seconds)));
            POLICY.pause(fate, false, 1, Duration::from_secs(elapsed), 0.0)
        };
        assert_eq!(asked(17, 0), Some(Duration::from_secs(17)));
        assert_eq!(asked(17, 43), Some(Duration::from_secs(17)));
        assert_eq!(asked(17, 44), None);
    }
}
