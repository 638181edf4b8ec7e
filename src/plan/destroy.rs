//! The plan of taking away all that was deployed.

use std::collections::BTreeMap;

use super::change::{Act, Change, DeployPlan, Kind};
use super::connection::{RemoveConnection, Sighting, is_meant};
use super::marks::NOTES_TABLE;
use super::observed::{Observed, ObservedTable, TableKind, Waiting};
use super::scheduled;
use super::schema_tags;
use super::steps::{Consent, Planner};
use crate::ids::StepId;
use crate::manifest::{HISTORY_TABLE, Manifest};

/// Plans to take away what was deployed of a project: what bears its marks, and nothing else. Connections go if they were
/// looked for.
pub fn destroy(manifest: &Manifest, observed: &Observed) -> DeployPlan {
    let mut planner = Planner::new(manifest, observed, Consent::default());
    let mut changes = scheduled::destroy(&mut planner);
    for note in observed.notes.iter().filter(|note| note.project == manifest.project) {
        let places: Vec<String> = note.former.iter().chain([&note.path]).cloned().collect();
        let step = planner.add_forget(note, places.clone());
        for path in places {
            changes.push(dropped(Kind::Dashboard, path, step.clone()));
        }
    }
    let is_own = |table: &ObservedTable| table.marks.as_ref().is_some_and(|marks| marks.project == manifest.project);
    let own = observed.tables.iter().filter(|(_, table)| is_own(table));
    // Views first, so that none is ever there without what it reads.
    let (views, tables): (Vec<_>, Vec<_>) = own.partition(|(_, table)| table.kind == TableKind::View);
    for (name, table) in views.into_iter().chain(tables) {
        let kind = if table.kind == TableKind::View { Kind::View } else { Kind::Table };
        let step = planner.add_drop(name, &table.kind);
        changes.push(dropped(kind, format!("{}.{}.{name}", manifest.catalog, manifest.schema), step));
    }
    // What kiln keeps for itself goes with the last project of the schema.
    let of_others = |table: &ObservedTable| table.marks.as_ref().is_some_and(|marks| marks.project != manifest.project);
    let is_last = observed.notes.iter().all(|note| note.project == manifest.project)
        && observed.job_notes.iter().all(|note| note.project == manifest.project)
        && observed.schema_tag_notes.iter().all(|note| note.project == manifest.project)
        && !observed.tables.values().any(of_others);
    let drops_schema = observed.made_schema && is_last && observed.tables.values().all(is_own);
    // Tags go with the schema.
    if !drops_schema {
        changes.extend(schema_tags::destroy(&mut planner, !is_last));
    }
    let own_tables = [(observed.has_notes_table, NOTES_TABLE), (observed.has_history, HISTORY_TABLE)];
    for (_, name) in own_tables.into_iter().filter(|(is_there, _)| *is_there && is_last) {
        let step = planner.add_drop(name, &TableKind::Table);
        changes.push(dropped(Kind::Table, format!("{}.{}.{name}", manifest.catalog, manifest.schema), step));
    }
    if is_last {
        for (name, Waiting { kind, .. }) in &observed.waiting {
            let step = planner.add_drop(name, kind);
            let kind = if *kind == TableKind::View { Kind::View } else { Kind::Table };
            changes.push(dropped(kind, format!("{}.{}.{name}", manifest.catalog, manifest.schema), step));
        }
    }
    for (name, sighting) in &observed.connections {
        if let Sighting::Found(there) = sighting
            && is_meant(manifest, name, there)
        {
            let remove = RemoveConnection { connection: name.clone(), id: there.id.clone() };
            let reasons = vec![format!("{}: what it has landed stays, and a new one would load everything", there.id)];
            let step = planner.add_remove(remove);
            changes.push(Change { reasons, ..dropped(Kind::Connection, name.to_string(), step) });
        }
    }
    // After all of that, when the lock is gone that lies in it.
    if drops_schema {
        let name = format!("{}.{}", manifest.catalog, manifest.schema);
        changes.push(Change::new(Kind::Schema, name, Act::Drop));
    }
    DeployPlan {
        changes,
        unchanged: 0,
        estimates: BTreeMap::new(),
        lock: observed.lock.clone(),
        run: planner.finish(None),
    }
}

fn dropped(kind: Kind, name: String, step: StepId) -> Change {
    Change { step: Some(step), ..Change::new(kind, name, Act::Drop) }
}
