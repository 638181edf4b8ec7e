//! Tags of the models' schema: those that the project lists are kept as it says, what others set stays.
//!
//! A schema has no place for marks, so which tags kiln gave is noted beside the notes on dashboards: of those that the project
//! no longer lists it takes away what it set, and what a person changed is told from what the project did.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::change::{Act, Change, Kind};
use super::marks::{NOTES_TABLE, forgetting, noting};
use super::observed::Observed;
use super::statement::properties;
use super::steps::Planner;
use crate::ids::{TableName, quote_identifier, string_literal};
use crate::manifest::Manifest;

pub(super) const SCHEMA_TAGS: &str = "kiln.schema_tags.";

/// What kiln has noted of tags that it gave a schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaTagsNote {
    /// The project that says so.
    pub project: String,
    /// The tags with their values.
    pub tags: BTreeMap<String, String>,
}

impl SchemaTagsNote {
    fn key(&self) -> String {
        format!("{SCHEMA_TAGS}{}", self.project)
    }

    /// Returns the statements that write it down, or that forget it if there is nothing to keep.
    fn statements(&self, notes_table: &TableName) -> Vec<String> {
        match self.tags.is_empty() {
            true => vec![forgetting(notes_table, &self.key())],
            false => noting(notes_table, self.key(), serde_json::to_string(self).expect("a note is JSON")),
        }
    }
}

/// Tells whether it matters which tags the schema has: the project lists some, or did.
pub(super) fn matter(manifest: &Manifest, observed: &Observed) -> bool {
    observed.schema_exists && (!manifest.schema_tags.is_empty() || note(manifest, observed).is_some())
}

fn note<'a>(manifest: &Manifest, observed: &'a Observed) -> Option<&'a SchemaTagsNote> {
    observed.schema_tag_notes.iter().find(|note| note.project == manifest.project)
}

/// Plans the schema's tags. Returns how many objects are as they should be.
pub(super) fn plan(planner: &mut Planner<'_>, changes: &mut Vec<Change>) -> usize {
    let (manifest, observed) = (planner.manifest, planner.observed);
    let (wanted, note) = (&manifest.schema_tags, note(manifest, observed));
    if wanted.is_empty() && note.is_none() {
        return 0;
    }
    let noted = note.map(|note| &note.tags);
    let there = &observed.schema_tags;
    let (mut reasons, mut drift) = (Vec::new(), false);
    let mut set = Vec::new();
    for (key, value) in wanted.iter().filter(|(key, value)| there.get(*key) != Some(value)) {
        drift |= noted.and_then(|noted| noted.get(key)) == Some(value);
        reasons.push(match there.get(key) {
            Some(there) => format!("the tag `{key}` is `{there}` instead of `{value}`"),
            None => format!("the tag `{key}` is missing"),
        });
        set.push((key.clone(), value.clone()));
    }
    let is_left = |key: &&String| !wanted.contains_key(*key) && there.contains_key(*key);
    let unset: Vec<&String> = noted.iter().flat_map(|noted| noted.keys()).filter(is_left).collect();
    reasons.extend(unset.iter().map(|key| format!("the tag `{key}` is no longer wanted")));
    let stale = noted.map_or(!wanted.is_empty(), |noted| noted != wanted);
    if reasons.is_empty() && !stale {
        return 1;
    }
    if reasons.is_empty() {
        // As after a deploy that was broken off before it could write them.
        reasons.push("what is noted of its tags is not up to date".to_owned());
    }
    let mut statements = Vec::new();
    if !unset.is_empty() {
        statements.push(unsetting(manifest, unset.into_iter()));
    }
    if !set.is_empty() {
        statements.push(format!("ALTER SCHEMA {} SET TAGS {}", schema(manifest), properties(&set)));
    }
    // The note comes last: until it is written, it is known that something may be left to do.
    if stale {
        let note = SchemaTagsNote { project: manifest.project.clone(), tags: wanted.clone() };
        statements.extend(note.statements(&planner.own_table(NOTES_TABLE)));
    }
    let step = planner.add_schema_tags(statements);
    changes.push(Change { reasons, drift, step: Some(step), ..change(manifest, Act::Update) });
    0
}

/// Plans to take the noted tags away from a schema that stays, and to forget them if what is noted stays too.
pub(super) fn destroy(planner: &mut Planner<'_>, forgets: bool) -> Option<Change> {
    let (manifest, observed) = (planner.manifest, planner.observed);
    let note = note(manifest, observed)?;
    let mut statements = vec![unsetting(manifest, note.tags.keys())];
    if forgets {
        statements.push(forgetting(&planner.own_table(NOTES_TABLE), &note.key()));
    }
    let step = planner.add_schema_tags(statements);
    Some(Change { step: Some(step), ..change(manifest, Act::Drop) })
}

fn change(manifest: &Manifest, act: Act) -> Change {
    Change::new(Kind::Tags, format!("on {}.{}", manifest.catalog, manifest.schema), act)
}

fn unsetting<'a>(manifest: &Manifest, keys: impl Iterator<Item = &'a String>) -> String {
    let keys: Vec<String> = keys.map(|key| string_literal(key)).collect();
    format!("ALTER SCHEMA {} UNSET TAGS ({})", schema(manifest), keys.join(", "))
}

fn schema(manifest: &Manifest) -> String {
    format!("{}.{}", quote_identifier(&manifest.catalog), quote_identifier(&manifest.schema))
}
