//! Steps for dashboards: what is published, who may see it and when it is sent, what is asked of it and what goes.

use serde_json::{Value, json};

use super::super::action::{Action, PublishDashboard, QueryDashboard, TrashDashboard, WidgetStatement};
use super::super::dashboard_schedules::{KeepDashboardSchedules, ScheduleNote};
use super::super::history::history_creation;
use super::super::marks::{NOTES_TABLE, Note};
use super::super::permissions::{GrantPermissions, PermissionsNote};
use super::{Planner, publish_step, schema_step};
use crate::dashboards::widget_queries;
use crate::ids::{DashboardName, StepId, workspace_path};
use crate::manifest::{CompiledDashboard, HISTORY_TABLE, Manifest};

impl Planner<'_> {
    pub(in crate::plan) fn add_publish(&mut self, dashboard: &CompiledDashboard) -> StepId {
        let step = publish_step(&dashboard.name);
        let expected = expected(self.manifest, dashboard);
        let earlier = self.observed.note(&self.manifest.project, &dashboard.name);
        let note = self.note(dashboard, &expected);
        let notes_table = self.own_table(NOTES_TABLE);
        let former = self.observed.renamed.get(&dashboard.name).cloned();
        let old_name = self.observed.renamed_in_project.get(&dashboard.name);
        let noted = old_name.is_none()
            && earlier.is_some_and(|earlier| earlier.path == note.path && earlier.sent.first() == note.sent.first());
        let mut noting = if noted { Vec::new() } else { note.statements(&notes_table) };
        if dashboard.reads_history && !self.observed.has_history {
            noting.push(history_creation(&self.own_table(HISTORY_TABLE)));
        }
        if let (Some(earlier), Some(old)) = (earlier, old_name) {
            noting.extend(self.rename_notes(&dashboard.name, old));
            let old = Note { dashboard: old.clone(), ..earlier.clone() };
            // Last, for as long as it is there, all of this is done again.
            noting.push(old.forgetting(&notes_table));
        }
        let is_left = |path: &&String| {
            Some(*path) != former.as_ref() && !matches!(self.observed.former_places.get(*path), Some(None))
        };
        let left: Vec<String> = note.former.iter().filter(is_left).cloned().collect();
        let settled = Note { former: left, ..note.clone() };
        let settling = if settled == note { Vec::new() } else { settled.statements(&notes_table) };
        self.add(
            step.clone(),
            Action::Publish(Box::new(PublishDashboard {
                dashboard: dashboard.name.clone(),
                title: dashboard.title.clone(),
                folder: dashboard.folder.clone(),
                timeout: dashboard.timeout,
                content: dashboard.content.to_json(),
                expected,
                embed_credentials: dashboard.embed_credentials,
                note: earlier.filter(|earlier| earlier.path == note.path || former.is_some()).cloned(),
                overwrite: self.consent.overwrite_edits || self.consent.adopt,
                noting,
                former,
                settling,
            })),
        );
        self.need_if_planned(&step, &schema_step());
        self.need_reads(&step, &dashboard.reads);
        step
    }

    /// Writes what else is noted of a dashboard under its new name in the project, and forgets it under the old one.
    fn rename_notes(&self, name: &DashboardName, old: &DashboardName) -> Vec<String> {
        let (project, table) = (&self.manifest.project, self.own_table(NOTES_TABLE));
        let mut statements = Vec::new();
        for note in &self.observed.permission_notes {
            if note.project == *project && note.dashboard == *name {
                statements.extend(note.statements(&table));
                statements.push(PermissionsNote { dashboard: old.clone(), ..note.clone() }.forgetting(&table));
            }
        }
        for note in self.observed.notes_of(project, name) {
            statements.extend(note.statements(&table));
            statements.push(ScheduleNote { dashboard: old.clone(), ..note.clone() }.forgetting(&table));
        }
        statements
    }

    /// Gives permissions on a dashboard, once it is there.
    pub(in crate::plan) fn add_permissions(&mut self, grant: GrantPermissions) -> StepId {
        let dashboard = grant.note.dashboard.clone();
        let step = StepId::new(format!("permissions {dashboard}"));
        self.add(step.clone(), Action::Grant(Box::new(grant)));
        self.need_if_planned(&step, &schema_step());
        self.need_if_planned(&step, &publish_step(&dashboard));
        step
    }

    /// Brings the schedules of a dashboard in line with the project, once it is there.
    pub(in crate::plan) fn add_dashboard_schedules(&mut self, work: KeepDashboardSchedules) -> StepId {
        let dashboard = work.dashboard.clone();
        let step = StepId::new(format!("schedules of {dashboard}"));
        self.add(step.clone(), Action::Send(Box::new(work)));
        self.need_if_planned(&step, &schema_step());
        self.need_if_planned(&step, &publish_step(&dashboard));
        step
    }

    /// Asks what a dashboard shows, once it is published.
    pub(in crate::plan) fn add_query(&mut self, dashboard: &CompiledDashboard) {
        let query = StepId::new(format!("query {}", dashboard.name));
        let statements = widget_queries(&dashboard.content)
            .into_iter()
            .map(|q| WidgetStatement { widget: q.widget, query: q.path, sql: q.sql })
            .collect();
        let reads_history = dashboard.reads_history;
        self.add(
            query.clone(),
            Action::Query(QueryDashboard {
                dashboard: dashboard.name.clone(),
                timeout: dashboard.timeout,
                statements,
                reads_history,
            }),
        );
        self.graph.need(query, publish_step(&dashboard.name));
    }

    /// Takes what lies at former places of a dashboard out of the workspace, when its successor is there.
    pub(in crate::plan) fn add_trash(&mut self, successor: &CompiledDashboard, paths: Vec<String>) -> StepId {
        let mut note = self.note(successor, &expected(self.manifest, successor));
        note.former.clear();
        let forgetting = note.statements(&self.own_table(NOTES_TABLE));
        self.trash(&successor.name, paths, forgetting)
    }

    /// Takes a dashboard that the project no longer has out of the workspace, from wherever it lies.
    pub(in crate::plan) fn add_forget(&mut self, note: &Note, paths: Vec<String>) -> StepId {
        let notes_table = self.own_table(NOTES_TABLE);
        let of_it = |project: &str, dashboard: &DashboardName| project == note.project && *dashboard == note.dashboard;
        let permissions = self.observed.permission_notes.iter().filter(|other| of_it(&other.project, &other.dashboard));
        // The dashboard's own note goes last: as long as it is there, all of this is done again.
        let mut forgetting: Vec<String> = permissions.map(|other| other.forgetting(&notes_table)).collect();
        let schedules = self.observed.notes_of(&note.project, &note.dashboard);
        forgetting.extend(schedules.map(|other| other.forgetting(&notes_table)));
        forgetting.push(note.forgetting(&notes_table));
        self.trash(&note.dashboard, paths, forgetting)
    }

    fn trash(&mut self, dashboard: &DashboardName, paths: Vec<String>, forgetting: Vec<String>) -> StepId {
        let step = StepId::new(format!("trash {dashboard}"));
        let noted = self.observed.notes_of(&self.manifest.project, dashboard);
        let schedules = noted.map(|note| note.place.id.clone()).collect();
        let trash = TrashDashboard { dashboard: dashboard.clone(), paths, schedules, forgetting };
        self.add(step.clone(), Action::Trash(trash));
        self.need_if_planned(&step, &publish_step(dashboard));
        self.need_if_planned(&step, &StepId::new(format!("schedules of {dashboard}")));
        step
    }

    /// Returns the note of a dashboard as it will be.
    fn note(&self, dashboard: &CompiledDashboard, expected: &Value) -> Note {
        let project = &self.manifest.project;
        let earlier = self.observed.note(project, &dashboard.name);
        let in_place = self.observed.renamed.contains_key(&dashboard.name);
        Note::of(project, &dashboard.name, dashboard_path(dashboard), expected, earlier, in_place)
    }
}

/// Returns a dashboard's content as the workspace will show it: the service writes catalog and schema into every dataset.
pub(in crate::plan) fn expected(manifest: &Manifest, dashboard: &CompiledDashboard) -> Value {
    let mut content = dashboard.content.json().clone();
    for dataset in content.get_mut("datasets").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(dataset) = dataset.as_object_mut() {
            dataset.insert("catalog".to_owned(), json!(manifest.catalog));
            dataset.insert("schema".to_owned(), json!(manifest.schema));
        }
    }
    content
}

/// Returns a dashboard's place in the workspace.
pub fn dashboard_path(dashboard: &CompiledDashboard) -> String {
    format!("{}/{}.lvdash.json", workspace_path(&dashboard.folder), dashboard.title)
}
