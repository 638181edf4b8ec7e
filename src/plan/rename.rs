//! Dashboards that were given another title, or another name in `jobs.yaml`: recognised by what kiln has noted, so that they
//! are renamed in place, and keep their address, instead of being made once more.

use std::collections::BTreeSet;

use super::marks::Note;
use super::observed::Observed;
use super::steps::{dashboard_path, expected};
use crate::ids::DashboardName;
use crate::manifest::{CompiledDashboard, Manifest};

/// Returns the places at which a dashboard may still lie that shall lie elsewhere now: they have to be looked at.
pub fn former_places(manifest: &Manifest, observed: &Observed) -> BTreeSet<String> {
    let is_missing = |name: &DashboardName| !observed.dashboards.contains_key(name);
    let some_missing = manifest.dashboards.keys().any(is_missing);
    let wanted: BTreeSet<String> = manifest.dashboards.values().map(dashboard_path).collect();
    let own = observed.notes.iter().filter(|note| note.project == manifest.project);
    let places = own.flat_map(|note| {
        let moved = (some_missing || manifest.dashboards.contains_key(&note.dashboard)).then_some(&note.path);
        let known = some_missing || manifest.dashboards.contains_key(&note.dashboard);
        moved.into_iter().chain(note.former.iter().filter(move |_| known))
    });
    places.filter(|path| !wanted.contains(*path)).cloned().collect()
}

/// Recognises renamed dashboards, and lets what is there look as if they had been called so always.
pub fn recognise(manifest: &Manifest, seen: &mut Observed) {
    for dashboard in manifest.dashboards.values() {
        if let Some(old) = former_name(manifest, seen, dashboard) {
            take_over(seen, &manifest.project, &old, &dashboard.name);
        }
    }
    for dashboard in manifest.dashboards.values() {
        if seen.dashboards.contains_key(&dashboard.name) {
            continue;
        }
        let Some(note) = seen.note(&manifest.project, &dashboard.name) else { continue };
        if let Some(old) = former_place(manifest, seen, dashboard, note)
            && let Some(Some(there)) = seen.former_places.get(&old).cloned()
        {
            seen.dashboards.insert(dashboard.name.clone(), there);
            seen.renamed.insert(dashboard.name.clone(), old);
        }
    }
}

/// Finds the name that a dashboard had in the project: one that the project no longer has, of a dashboard at the same place,
/// or the only one of the folder that holds the same.
fn former_name(manifest: &Manifest, seen: &Observed, dashboard: &CompiledDashboard) -> Option<DashboardName> {
    let path = dashboard_path(dashboard);
    let free = |note: &&Note| note.project == manifest.project && !manifest.dashboards.contains_key(&note.dashboard);
    let own = seen.note(&manifest.project, &dashboard.name);
    // With a note of its own already, an earlier deploy was broken off before it forgot the other.
    let begun = |note: &&Note| note.path == path || own.is_some_and(|own| own.former.contains(&note.path));
    if let Some(note) = seen.notes.iter().filter(free).find(begun) {
        return Some(note.dashboard.clone());
    }
    if own.is_some() {
        return None;
    }
    let content = expected(manifest, dashboard);
    let same = |note: &&Note| folder(&note.path) == folder(&path) && note.has_sent(&content);
    let mut same = seen.notes.iter().filter(free).filter(same);
    let only = same.next()?;
    same.next().is_none().then(|| only.dashboard.clone())
}

/// Lets what is noted under a name count for another.
fn take_over(seen: &mut Observed, project: &str, old: &DashboardName, new: &DashboardName) {
    let is_old = |its: &str, dashboard: &DashboardName| its == project && dashboard == old;
    if seen.note(project, new).is_some() {
        seen.notes.retain(|note| !is_old(&note.project, &note.dashboard));
    }
    for note in seen.notes.iter_mut().filter(|note| is_old(&note.project, &note.dashboard)) {
        note.dashboard = new.clone();
    }
    for note in seen.permission_notes.iter_mut().filter(|note| is_old(&note.project, &note.dashboard)) {
        note.dashboard = new.clone();
    }
    for note in seen.schedule_notes.iter_mut().filter(|note| is_old(&note.project, &note.dashboard)) {
        note.dashboard = new.clone();
    }
    seen.renamed_in_project.insert(new.clone(), old.clone());
}

/// Finds the place in the same folder at which a dashboard lies that nobody has changed since.
fn former_place(manifest: &Manifest, seen: &Observed, dashboard: &CompiledDashboard, note: &Note) -> Option<String> {
    let path = dashboard_path(dashboard);
    let is_taken = |place: &String| manifest.dashboards.values().any(|other| dashboard_path(other) == *place);
    let fits = |place: &&String| {
        let there = seen.former_places.get(*place).and_then(Option::as_ref);
        folder(place) == folder(&path) && !is_taken(place) && there.is_some_and(|there| note.has_sent(&there.content))
    };
    std::iter::once(&note.path).chain(note.former.iter().rev()).find(fits).cloned()
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}
