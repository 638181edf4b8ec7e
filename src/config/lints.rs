//! `lints` of the project and `allow` of models: how much the project cares for each lint.

use indexmap::IndexMap;

use super::walk::Walk;
use super::yaml::Node;
use crate::diag::{Code, Diagnostic, Diagnostics, Severity, Spanned, code, codes, lint, nearest_code};

/// How bad the project finds what is not an error of itself.
#[derive(Clone, Debug, Default)]
pub struct Levels(IndexMap<&'static str, Option<Severity>>);

impl Levels {
    /// Gives problems the project's levels, and takes out those that it does not care for. Errors stay errors.
    pub fn apply(&self, problems: &mut Diagnostics) {
        problems.adjust(|problem| match self.0.get(problem.code) {
            Some(level) if problem.severity != Severity::Error => {
                problem.severity = level.unwrap_or(problem.severity);
                level.is_some()
            }
            _ => true,
        });
    }
}

const LEVELS: [(&str, Option<Severity>); 4] = [
    ("off", None),
    ("note", Some(Severity::Note)),
    ("warning", Some(Severity::Warning)),
    ("error", Some(Severity::Error)),
];

/// Reads `lints` of the project.
pub(super) fn levels(walk: &mut Walk<'_>, node: &Node) -> Levels {
    let mut levels = Levels::default();
    for (key, node) in walk.entries_or_empty(node, "`lints`").unwrap_or_default() {
        let known = code(&key.text).filter(|code| code.severity != Severity::Error);
        if known.is_none() {
            let message = match code(&key.text) {
                Some(code) => format!("`{}` is an error, and stays one", code.name),
                None => format!("there is no lint `{}`", key.text),
            };
            walk.report(Diagnostic::error("unknown-name", message).help(help(&key.text)), &key.range);
        }
        let Some(text) = walk.text(node, &format!("`{}`", key.text)) else { continue };
        let Some((_, level)) = LEVELS.iter().find(|(name, _)| *name == text) else {
            let diagnostic = Diagnostic::error("bad-value", format!("a lint cannot have the level `{text}`"))
                .help("It is one of `off`, `note`, `warning` and `error`.");
            walk.report(diagnostic, &node.range);
            continue;
        };
        if let Some(known) = known {
            levels.0.insert(known.name, *level);
        }
    }
    levels
}

/// Reads `allow` of a model or folder.
pub(super) fn allow(walk: &mut Walk<'_>, node: &Node) -> Vec<Spanned<&'static str>> {
    let mut allowed = Vec::new();
    for (text, range) in walk.texts(node, "`allow`").unwrap_or_default() {
        match lint(&text) {
            Some(lint) => allowed.push(Spanned { value: lint.name, span: walk.span(&range) }),
            None => {
                let message = match code(&text) {
                    Some(code) => format!("`{}` is no lint, and cannot be allowed", code.name),
                    None => format!("there is no lint `{text}`"),
                };
                walk.report(Diagnostic::error("unknown-name", message).help(help(&text)), &range);
            }
        }
    }
    allowed
}

/// A near lint, or all there are.
fn help(name: &str) -> String {
    let near = nearest_code(name).filter(|near| lint(near).is_some());
    match near {
        Some(near) if near != name => format!("Did you mean `{near}`?"),
        _ => {
            let lints: Vec<&str> = codes().filter(|code: &&Code| code.is_lint).map(|code| code.name).collect();
            format!("The lints are {}. `kiln explain` tells what they mean.", lints.join(", "))
        }
    }
}
