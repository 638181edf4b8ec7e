//! What differs between a model and what stands in its place.

use similar::TextDiff;

use super::observed::{ObservedTable, TableKind};
use crate::config::Materialization;
use crate::dialect::essence;
use crate::ids::Fingerprint;
use crate::manifest::CompiledModel;

/// What differs between a model and what stands in its place.
#[derive(Default)]
pub(super) struct Differences {
    pub(super) rebuild: bool,
    pub(super) drift: bool,
    pub(super) reasons: Vec<String>,
    pub(super) diff: Option<String>,
}

impl Differences {
    fn rebuild_for(&mut self, reason: String) {
        self.rebuild = true;
        self.reasons.push(reason);
    }
}

/// Finds what differs so that the model has to be built again.
pub(super) fn differences(model: &CompiledModel, there: &ObservedTable) -> Differences {
    let mut found = Differences::default();
    let Some(marks) = &there.marks else {
        found.rebuild_for("it is taken over".to_owned());
        return found;
    };
    if let Some(from) = &marks.deferred {
        found.rebuild_for(format!("so far it is read from {from}"));
        return found;
    }
    let kind = if there.kind == TableKind::View { Materialization::View } else { Materialization::Table };
    if kind != model.config.materialized {
        found.rebuild_for(format!("it was a {}", kind.as_str()));
    }
    let ours = &model.query.text;
    if marks.definition.as_ref() != Some(&model.definition) {
        let theirs = marks.query.as_ref().or(there.definition.as_ref());
        if theirs.is_none_or(|theirs| essence(theirs) != essence(ours)) {
            found.rebuild_for("its query changed".to_owned());
            found.diff = theirs.map(|theirs| unified(theirs, ours));
        }
        found.rebuild = true;
    } else if let Some(text) = there.definition.as_ref().filter(|_| kind == Materialization::View)
        && Fingerprint::of(&[kind.as_str(), &essence(text)]) != model.definition
    {
        found.rebuild_for("its query was changed in the workspace".to_owned());
        found.drift = true;
        found.diff = Some(unified(text, ours));
    }
    if let Some(columns) = &model.columns
        && marks.fingerprint.as_ref() == Some(&model.fingerprint)
        && !found.rebuild
    {
        let ours = columns.iter().map(|column| column.name.to_lowercase());
        if !there.columns.is_empty() && !ours.eq(there.columns.iter().map(|column| column.name.to_lowercase())) {
            found.rebuild_for("its columns were changed in the workspace".to_owned());
            found.drift = true;
        }
    }
    found.rebuild |= marks.fingerprint.as_ref() != Some(&model.fingerprint);
    found
}

/// Writes the difference of two queries in unified form. Comments at the top are left out: a workspace may not keep them.
pub(super) fn unified(before: &str, after: &str) -> String {
    let body = |text: &str| {
        let lines = text.trim_end().lines().skip_while(|line| line.trim().is_empty() || line.starts_with("--"));
        lines.fold(String::new(), |text, line| text + line + "\n")
    };
    let (before, after) = (body(before), body(after));
    TextDiff::from_lines(&before, &after).unified_diff().context_radius(2).to_string()
}
