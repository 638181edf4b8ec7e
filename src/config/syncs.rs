//! How a connection is to be brought up to date: `ensure_fresh`, `observe`, `when_running` and the deadlines, of a
//! connection (`sync: {…}`) or beside a job's `sync: NAME`.

use std::time::Duration;

use super::walk::{Fields, Walk};
use super::yaml::{Meaning, Node, Value};
use super::{SyncIntent, SyncWishes, WhenRunning};
use crate::diag::{Diagnostic, did_you_mean};

/// The keys, of a connection's `sync` and of a step.
pub(super) const KEYS: [&str; 5] = ["ensure_fresh", "observe", "when_running", "deadline", "historical_deadline"];

pub(super) const WHEN_RUNNING: [&str; 3] = ["join", "queue", "restart"];

/// The longest duration that makes sense here.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Reads the keys out of a mapping that may have others.
pub(super) fn read(walk: &mut Walk<'_>, fields: &Fields<'_>) -> SyncWishes {
    let ensure = fields.get("ensure_fresh").and_then(|node| age(walk, node, "`ensure_fresh`"));
    let observe = fields.get("observe").and_then(|node| age(walk, node, "`observe`"));
    let intent = match (ensure, observe) {
        (Some(Some(_)), Some(Some(_))) => {
            let (_, node) = fields.entry("observe").unwrap_or_else(|| unreachable!("it was read"));
            let diagnostic = Diagnostic::error("bad-value", "`ensure_fresh` and `observe` exclude each other")
                .help("`ensure_fresh` syncs where data are older; `observe` never syncs, and fails then.");
            walk.report(diagnostic, &node.range);
            None
        }
        (Some(Some(age)), _) => Some(SyncIntent::EnsureFresh(age)),
        (_, Some(Some(age))) => Some(SyncIntent::Observe(age)),
        (Some(None), _) | (_, Some(None)) => Some(SyncIntent::Sync),
        (None, None) => None,
    };
    let when_running = fields.get("when_running").and_then(|node| when_running(walk, node));
    if let (Some(SyncIntent::Observe(_)), Some(WhenRunning::Queue | WhenRunning::Restart)) = (intent, when_running)
        && let Some(node) = fields.get("when_running")
    {
        let diagnostic = Diagnostic::error("bad-value", "`observe` starts no sync, so none can be queued or restarted")
            .help("Beside `observe` only `when_running: join` has a meaning: a sync that runs is waited for.");
        walk.report(diagnostic, &node.range);
    }
    let deadline = fields.get("deadline").and_then(|node| duration(walk, node, "`deadline`"));
    let historical_deadline =
        fields.get("historical_deadline").and_then(|node| duration(walk, node, "`historical_deadline`"));
    SyncWishes { intent, when_running, deadline, historical_deadline }
}

/// Reads an age, or `false`: no age, a new sync every time.
fn age(walk: &mut Walk<'_>, node: &Node, what: &str) -> Option<Option<Duration>> {
    match &node.value {
        Value::Scalar(scalar) if scalar.meaning() == Meaning::Bool(false) => Some(None),
        _ => duration(walk, node, what).map(Some),
    }
}

fn when_running(walk: &mut Walk<'_>, node: &Node) -> Option<WhenRunning> {
    let text = walk.text(node, "`when_running`")?;
    match text.as_str() {
        "join" => Some(WhenRunning::Join),
        "queue" => Some(WhenRunning::Queue),
        "restart" => Some(WhenRunning::Restart),
        _ => {
            let help = "`join` takes the end of the running sync for ours, `queue` waits for it and then syncs, \
                        `restart` ends it and starts over.";
            let help = match did_you_mean(&text, WHEN_RUNNING) {
                Some(near) => format!("Did you mean `{near}`? {help}"),
                None => help.to_owned(),
            };
            let message = format!("`when_running` cannot be `{text}`");
            walk.report(Diagnostic::error("bad-value", message).help(help), &node.range);
            None
        }
    }
}

pub(super) fn duration(walk: &mut Walk<'_>, node: &Node, what: &str) -> Option<Duration> {
    let wrong = |walk: &mut Walk<'_>, why: String| {
        let diagnostic =
            Diagnostic::error("bad-value", why).help("Write it with units, as in `45m`, `2h`, `1h30m` or `1d`.");
        walk.report(diagnostic, &node.range);
        None
    };
    let text = match &node.value {
        Value::Scalar(scalar) if matches!(scalar.meaning(), Meaning::Text) => walk.text(node, what)?,
        _ => return wrong(walk, format!("{what} must be a duration, not {}", node.kind())),
    };
    if !walk.resolving && text.contains("${") {
        return None;
    }
    match parse_duration(&text) {
        None => wrong(walk, format!("{what} must be a duration, not `{text}`")),
        Some(Duration::ZERO) => wrong(walk, format!("{what} is `{text}`, and nothing can be done in no time")),
        Some(long) if long > LONGEST => wrong(walk, format!("{what} is `{text}`, which is more than a year")),
        Some(duration) => Some(duration),
    }
}

/// Reads `1d`, `2h`, `45m`, `30s` or several of them, the longer first.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut seconds: u64 = 0;
    let mut rest = text.trim();
    let mut last = u64::MAX;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|end| *end > 0)?;
        let unit = match rest.as_bytes()[digits] {
            b'd' => 86_400,
            b'h' => 3_600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        if unit >= last {
            return None;
        }
        last = unit;
        seconds = rest[..digits].parse::<u64>().ok()?.checked_mul(unit)?.checked_add(seconds)?;
        rest = &rest[digits + 1..];
    }
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, seconds) in [("90s", 90), ("45m", 2_700), ("2h", 7_200), ("1h30m", 5_400), ("1d", 86_400), ("0m", 0)]
        {
            assert_eq!(parse_duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "2", "h", "-1h", "2 h", "1.5h", "30m1h", "1h1h", "2hours", "99999999999999999999h", "ü"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
