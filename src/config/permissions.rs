//! `permissions` of a dashboard: what users, groups and service principals may do with it.

use std::collections::BTreeMap;

use super::walk::Walk;
use super::yaml::Node;
use crate::diag::Diagnostic;
use crate::ids::Principal;

/// What one may do with a dashboard, from the least to the most; each holds those before it.
pub(super) const LEVELS: [&str; 4] = ["CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"];

/// The word for those who may do nothing with it, but for what they inherit.
pub(super) const NOTHING: &str = "NONE";

/// Reads what each that is named may do; none where it is nothing.
pub(super) fn read(walk: &mut Walk<'_>, node: &Node) -> BTreeMap<Principal, Option<String>> {
    let mut permissions = BTreeMap::new();
    for (key, node) in walk.entries_or_empty(node, "`permissions`").unwrap_or_default() {
        let who = Principal::new(key.text.trim());
        if who.name().is_empty() {
            let diagnostic = Diagnostic::error("empty-value", "a permission without a name").help(
                "Write `finance: CAN_READ` for a group, an e-mail address for a user, the application id for a service \
                 principal.",
            );
            walk.report(diagnostic, &key.range);
            continue;
        }
        let Some(text) = walk.text(node, &format!("the permission of `{}`", key.text)) else { continue };
        let level = text.trim().to_uppercase().replace([' ', '-'], "_");
        if level != NOTHING && !LEVELS.contains(&level.as_str()) {
            if walk.resolving {
                let known = LEVELS.into_iter().chain([NOTHING]);
                walk.unknown_name(&node.range, "permission of dashboards named", &level, known);
            }
            continue;
        }
        let wanted = (level != NOTHING).then_some(level);
        if permissions.insert(who.clone(), wanted).is_some() {
            walk.error("duplicate-key", &key.range, format!("`{who}` stands twice in `permissions`"));
        }
    }
    permissions
}
