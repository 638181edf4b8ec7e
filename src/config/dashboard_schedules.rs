//! `schedules` of a dashboard: when the workspace refreshes it and sends it to whom.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::DashboardSchedule;
use super::schedule::{cron, timezone};
use super::walk::Walk;
use super::yaml::Node;
use crate::diag::Diagnostic;

/// Keys of a schedule.
pub(super) const KEYS: [&str; 4] = ["cron", "timezone", "paused", "subscribers"];

/// The most schedules of a dashboard, and subscribers of a schedule, as the service says.
const MOST: usize = 10;
const MOST_SUBSCRIBERS: usize = 100;

pub(super) fn read(walk: &mut Walk<'_>, node: &Node) -> IndexMap<String, DashboardSchedule> {
    let mut schedules = IndexMap::new();
    let entries = walk.entries_or_empty(node, "`schedules`").unwrap_or_default();
    if entries.len() > MOST {
        let message = format!("a dashboard can have {MOST} schedules at most, and these are {}", entries.len());
        walk.error("bad-value", &node.range, message);
    }
    for (key, node) in entries {
        walk.check_name(&key.text, &key.range, "a schedule");
        let Some(fields) = walk.fields(node, &format!("schedule `{}`", key.text), &KEYS) else { continue };
        let quartz = cron(walk, &fields);
        let timezone = timezone(walk, &fields);
        let paused = fields.get("paused").and_then(|node| walk.boolean(node, "`paused`")).unwrap_or(false);
        let subscribers = fields.get("subscribers").map(|node| subscribers(walk, node)).unwrap_or_default();
        let (Some(quartz), Some(timezone)) = (quartz, timezone) else { continue };
        schedules.insert(key.text.clone(), DashboardSchedule { quartz, timezone, paused, subscribers });
    }
    schedules
}

/// Reads e-mail addresses of users, and names or ids of notification destinations.
fn subscribers(walk: &mut Walk<'_>, node: &Node) -> BTreeSet<String> {
    let mut subscribers = BTreeSet::new();
    for (text, range) in walk.texts(node, "`subscribers`").unwrap_or_default() {
        // Users' names are the same in upper and lower case.
        let name = if text.contains('@') { text.trim().to_lowercase() } else { text.trim().to_owned() };
        if !subscribers.insert(name) {
            walk.error("duplicate-key", &range, format!("`{text}` stands twice in `subscribers`"));
        }
    }
    if subscribers.len() > MOST_SUBSCRIBERS {
        let message =
            format!("a schedule can have {MOST_SUBSCRIBERS} subscribers at most, and these are {}", subscribers.len());
        let help =
            "Subscribe a notification destination that reaches all of them, such as a channel or a mailing list.";
        walk.report(Diagnostic::error("bad-value", message).help(help), &node.range);
    }
    subscribers
}
