//! `notify` of an environment or a job: who is told how a run ended.

use std::collections::BTreeSet;

use super::schedule::addresses;
use super::walk::{Walk, is_identifier};
use super::yaml::{Node, Value};
use super::{Listener, Notify, Occasion};
use crate::diag::Diagnostic;

/// Keys of `notify`.
pub(super) const KEYS: [&str; 3] = ["webhook", "email", "when"];

/// Words of `when`.
pub(super) const OCCASIONS: [(&str, Occasion); 4] = [
    ("failure", Occasion::Failure),
    ("stale", Occasion::Stale),
    ("recovered", Occasion::Recovered),
    ("always", Occasion::Always),
];

/// When somebody is told, if nothing is said: whenever it is news.
const USUAL: [Occasion; 3] = [Occasion::Failure, Occasion::Stale, Occasion::Recovered];

/// Reads one, or a list of them.
pub(super) fn read(walk: &mut Walk<'_>, node: &Node) -> Vec<Notify> {
    match &node.value {
        Value::Sequence(items) => items.iter().filter_map(|item| one(walk, item)).collect(),
        _ => one(walk, node).into_iter().collect(),
    }
}

fn one(walk: &mut Walk<'_>, node: &Node) -> Option<Notify> {
    let fields = walk.fields(node, "`notify`", &KEYS)?;
    let whom = match (fields.get("webhook"), fields.get("email")) {
        (Some(webhook), None) => variable(walk, webhook).map(Listener::Webhook),
        (None, Some(email)) => {
            let addresses = addresses(walk, Some(email), "`email`");
            (!addresses.is_empty()).then_some(Listener::Email(addresses))
        }
        (Some(_), Some(email)) => {
            walk.error(
                "bad-value",
                &email.range,
                "`webhook` and `email` are two who are told: write an entry for each",
            );
            None
        }
        (None, None) => {
            let diagnostic = Diagnostic::error("missing-key", "`notify` needs `webhook` or `email`")
                .help("Write `webhook: \"${NAME}\"` for a chat, or `email: [board@example.com]` to be written to by the workspace.");
            walk.report(diagnostic, &node.range);
            None
        }
    };
    let when = match fields.get("when") {
        None => BTreeSet::from(USUAL),
        Some(node) => {
            let words = match &node.value {
                Value::Sequence(_) => walk.texts(node, "`when`").unwrap_or_default(),
                _ => walk.text(node, "`when`").map(|text| (text, node.range.clone())).into_iter().collect(),
            };
            let mut when = BTreeSet::new();
            for (word, range) in words {
                match OCCASIONS.iter().find(|(known, _)| *known == word) {
                    Some((_, occasion)) => {
                        when.insert(*occasion);
                    }
                    None => walk.unknown_name(&range, "occasion", &word, OCCASIONS.map(|(known, _)| known)),
                }
            }
            when
        }
    };
    Some(Notify { whom: whom?, when, span: walk.span(&node.range) })
}

/// Reads the name of the variable that holds a webhook's address: whoever knows the address can write to the channel.
fn variable(walk: &mut Walk<'_>, node: &Node) -> Option<String> {
    let text = match &node.value {
        Value::Scalar(scalar) => scalar.text.trim(),
        _ => "",
    };
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|name| is_identifier(name));
    if name.is_none() {
        let diagnostic = Diagnostic::error("bad-value", "`webhook` must be `${NAME}`: a variable of the environment").help(
            "Whoever knows the address can write there, so it is set outside: `export SLACK_WEBHOOK_URL=https://…`. If it \
             was committed, make a new one.",
        );
        walk.report(diagnostic, &node.range);
    }
    name.map(str::to_owned)
}
