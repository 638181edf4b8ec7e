//! What a deploy has to do about who may do what with dashboards: those that the project names get exactly what it says,
//! others are left alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::change::{Act, Change, FieldChange, Kind};
use super::marks::{NOTES_TABLE, forgetting, noting};
use super::steps::{Planner, dashboard_path};
use crate::ids::{DashboardId, DashboardName, Principal, TableName};

pub(super) const PERMISSIONS: &str = "kiln.permissions.";

/// The word for having nothing.
const NOTHING: &str = "NONE";

/// What is needed to give permissions on a dashboard, or to take them.
#[derive(Clone, Debug)]
pub struct GrantPermissions {
    /// The dashboard's place in the workspace.
    pub path: String,
    /// What is noted when it is done, but for the dashboard's id.
    pub note: PermissionsNote,
    /// The table that it is noted at.
    pub notes_table: TableName,
}

/// What kiln has noted of permissions that it gave on a dashboard: if they then are others, a person has changed them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionsNote {
    /// The project that the dashboard belongs to.
    pub project: String,
    /// Its name there.
    pub dashboard: DashboardName,
    /// Its id in the workspace.
    pub id: DashboardId,
    /// What each has that is named; none: nothing.
    pub given: BTreeMap<Principal, Option<String>>,
}

impl PermissionsNote {
    /// Returns the statements that write it down.
    pub fn statements(&self, notes_table: &TableName) -> Vec<String> {
        noting(notes_table, self.key(), serde_json::to_string(self).expect("a note is JSON"))
    }

    /// Returns the statement that forgets it.
    pub(super) fn forgetting(&self, notes_table: &TableName) -> String {
        forgetting(notes_table, &self.key())
    }

    fn key(&self) -> String {
        format!("{PERMISSIONS}{}.{}", self.project, self.dashboard)
    }
}

/// Plans the permissions of all dashboards that the project says some of. Returns how many are as they should be.
pub(super) fn plan(planner: &mut Planner<'_>, changes: &mut Vec<Change>) -> usize {
    let (manifest, observed) = (planner.manifest, planner.observed);
    let mut unchanged = 0;
    for dashboard in manifest.dashboards.values().filter(|dashboard| !dashboard.permissions.is_empty()) {
        let path = dashboard_path(dashboard);
        if is_foreign(changes, &path) {
            continue;
        }
        let id = observed.dashboards.get(&dashboard.name).map(|there| there.id.clone());
        let held = observed.permissions.get(&dashboard.name);
        let note = observed.permission_notes.iter().find(|note| {
            note.project == manifest.project && note.dashboard == dashboard.name && Some(&note.id) == id.as_ref()
        });
        let (mut fields, mut drift) = (Vec::new(), false);
        for (who, wanted) in &dashboard.permissions {
            let there = held.and_then(|held| held.get(who));
            if there != wanted.as_ref() {
                drift |= note.is_some_and(|note| note.given.get(who) == Some(wanted));
                fields.push(FieldChange {
                    field: who.to_string(),
                    there: there.map(|level| json!(level)),
                    wanted: json!(wanted.as_deref().unwrap_or(NOTHING)),
                });
            }
        }
        if fields.is_empty() {
            unchanged += 1;
            continue;
        }
        let note = PermissionsNote {
            project: manifest.project.clone(),
            dashboard: dashboard.name.clone(),
            id: id.unwrap_or_else(|| DashboardId::new("")),
            given: dashboard.permissions.clone(),
        };
        let notes_table = planner.own_table(NOTES_TABLE);
        let step = planner.add_permissions(GrantPermissions { path: path.clone(), note, notes_table });
        let change = Change::new(Kind::Permissions, path, Act::Update);
        changes.push(Change { fields, drift, step: Some(step), ..change });
    }
    unchanged
}

/// Tells whether a dashboard stands in the plan as one that is not kiln's: nothing of it is touched then.
pub(super) fn is_foreign(changes: &[Change], path: &str) -> bool {
    changes.iter().any(|change| change.kind == Kind::Dashboard && change.act == Act::Foreign && change.name == path)
}
