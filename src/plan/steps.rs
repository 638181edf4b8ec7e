//! Steps and their order: what runs and deploys are planned with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::action::{
    Action, Alter, BuildModel, Done, PublishDashboard, QueryDashboard, Refusal, Step, SyncConnection, TrashDashboard,
    WidgetStatement,
};
use super::audit::{audit, new_version};
use super::compare::differences;
use super::connection::{KeepConnection, RemoveConnection, Sighting, schema_of};
use super::dashboard_schedules::{KeepDashboardSchedules, ScheduleNote};
use super::defer::defer;
use super::details;
use super::history::history_creation;
use super::increment::increment;
use super::landed::landed_by;
use super::marks::{self, NEW_PREFIX, NOTES_TABLE, Note};
use super::observed::{Observed, ObservedTable, TableKind};
use super::permissions::{GrantPermissions, PermissionsNote};
use super::pins::Inputs;
use super::scheduled::{ScheduleJob, UnscheduleJob};
use super::statement::marked_statement;
use crate::config::{Materialization, SyncIntent, SyncWishes};
use crate::dashboards::widget_queries;
use crate::graph::Graph;
use crate::ids::{
    ConnectionName, DashboardName, Fingerprint, JobName, ModelName, StepId, TableName, quote_identifier, workspace_path,
};
use crate::manifest::{CompiledDashboard, CompiledModel, HISTORY_TABLE, Manifest, Reads};

/// Steps, ready to be carried out.
#[derive(Clone, Debug)]
pub struct RunPlan {
    /// The project's name.
    pub project: String,
    /// The environment's name.
    pub environment: String,
    /// The job's name; none for a deploy.
    pub job: Option<JobName>,
    /// Catalog that unqualified names are looked up in.
    pub catalog: String,
    /// Schema that unqualified names are looked up in.
    pub schema: String,
    /// The steps, each after those that it needs.
    pub steps: IndexMap<StepId, Step>,
}

/// What the caller agrees to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// Tables, views and dashboards that kiln did not make may be replaced.
    pub adopt: bool,
    /// Changes that people made to dashboards in the workspace may be lost.
    pub overwrite_edits: bool,
    /// What left the project may be dropped.
    pub prune: bool,
    /// Secrets of connections are sent again, though nobody can see whether they differ.
    pub resend_secrets: bool,
}

/// How the thing under a model's name stands to the model.
pub(super) enum Standing<'a> {
    /// There is none.
    Missing,
    /// It is this project's, or may be taken over.
    Own(&'a ObservedTable),
    /// It is not this project's.
    Foreign(&'a ObservedTable),
}

pub(super) struct Planner<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) observed: &'a Observed,
    pub(super) consent: Consent,
    /// Whether what is built already, from the same and by the same definition, is left as it is.
    pub(super) reuse: bool,
    /// Whether incremental models are built as a whole.
    pub(super) full_refresh: bool,
    graph: Graph<StepId>,
    actions: IndexMap<StepId, Action>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(manifest: &'a Manifest, observed: &'a Observed, consent: Consent) -> Self {
        Self {
            manifest,
            observed,
            consent,
            reuse: false,
            full_refresh: false,
            graph: Graph::new(),
            actions: IndexMap::new(),
        }
    }

    /// Returns the steps in an order in which they can run.
    pub(super) fn finish(mut self, job: Option<JobName>) -> RunPlan {
        self.need_what_tests_read();
        let order = self.graph.order().expect("the manifest orders models, and nothing else can close a circle");
        let steps = order
            .into_iter()
            .map(|id| {
                let needs = self.graph.needs_of(id).into_iter().cloned().collect();
                (id.clone(), Step { id: id.clone(), needs, action: self.actions[id].clone() })
            })
            .collect();
        RunPlan {
            project: self.manifest.project.clone(),
            environment: self.manifest.environment.clone(),
            job,
            catalog: self.manifest.catalog.clone(),
            schema: self.manifest.schema.clone(),
            steps,
        }
    }

    /// Says how what stands under a model's name stands to the model.
    pub(super) fn standing(&self, model: &CompiledModel) -> Standing<'a> {
        let Some(table) = self.observed.tables.get(&model.table.name) else { return Standing::Missing };
        let own = is_ours(table, self.manifest);
        match table.kind {
            TableKind::Other(_) => Standing::Foreign(table),
            _ if own || self.consent.adopt => Standing::Own(table),
            _ => Standing::Foreign(table),
        }
    }

    pub(super) fn add_sync(&mut self, name: &ConnectionName, wishes: SyncWishes) -> Option<StepId> {
        let connection = self.manifest.connections.get(name)?;
        let wishes = wishes.or(connection.sync);
        let step = sync_step(name);
        let found = match self.observed.connections.get(name) {
            Some(Sighting::Found(there)) => Some(there.id.to_string()),
            _ => None,
        };
        self.add(
            step.clone(),
            Action::Sync(SyncConnection {
                connection: name.clone(),
                id: connection.id.as_ref().map(|id| id.value.clone()).or(found),
                group: connection.group.clone(),
                schema_prefix: schema_of(connection),
                intent: wishes.intent.unwrap_or(SyncIntent::Sync),
                when_running: wishes.when_running,
                deadline: wishes.deadline,
                historical_deadline: wishes.historical_deadline,
                tables: landed_by(self.manifest, name),
            }),
        );
        self.need_if_planned(&step, &connection_step(name));
        Some(step)
    }

    /// Brings a connection in line with what is declared.
    pub(super) fn add_keep(&mut self, keep: KeepConnection) -> StepId {
        let step = connection_step(&keep.connection);
        self.add(step.clone(), Action::Keep(Box::new(keep)));
        step
    }

    /// Takes a connection away.
    pub(super) fn add_remove(&mut self, remove: RemoveConnection) -> StepId {
        let step = StepId::new(format!("remove {}", remove.connection));
        self.add(step.clone(), Action::Remove(remove));
        step
    }

    pub(super) fn add_schema(&mut self) -> StepId {
        let (catalog, schema) = (quote_identifier(&self.manifest.catalog), quote_identifier(&self.manifest.schema));
        let statement = format!("CREATE SCHEMA IF NOT EXISTS {catalog}.{schema}");
        self.add(schema_step(), Action::CreateSchema { statement });
        schema_step()
    }

    pub(super) fn add_build(&mut self, model: &CompiledModel) -> StepId {
        let step = build_step(&model.config.name);
        let action = match self.standing(model) {
            Standing::Foreign(table) => Action::Refuse(foreign(&model.table, table)),
            Standing::Own(table) => self.build(model, Some(table)),
            Standing::Missing => self.build(model, None),
        };
        self.add(step.clone(), action);
        self.need_if_planned(&step, &schema_step());
        self.need_reads(&step, &model.reads);
        self.pin_inputs(&step);
        step
    }

    /// Lets a model be read from another environment.
    pub(super) fn add_defer(&mut self, model: &CompiledModel) {
        let step = defer_step(&model.config.name);
        let there = match self.standing(model) {
            Standing::Foreign(table) => {
                self.add(step, Action::Refuse(foreign(&model.table, table)));
                return;
            }
            Standing::Own(table) => Some(table),
            Standing::Missing => None,
        };
        if let Some(defer) = defer(self.manifest, model, there) {
            self.add(step.clone(), Action::Defer(defer));
            self.need_if_planned(&step, &schema_step());
        }
    }

    fn build(&self, model: &CompiledModel, there: Option<&ObservedTable>) -> Action {
        let room = |table: &TableName, there: Option<&TableKind>| match (there, model.config.materialized) {
            (Some(TableKind::Table), Materialization::View) => Some(format!("DROP TABLE IF EXISTS {}", table.to_sql())),
            (Some(TableKind::View), Materialization::Table) => Some(format!("DROP VIEW IF EXISTS {}", table.to_sql())),
            _ => None,
        };
        let mut before: Vec<String> = room(&model.table, there.map(|there| &there.kind)).into_iter().collect();
        let new = self.own_table(&format!("{NEW_PREFIX}{}", model.config.name));
        let tidy = self.observed.waiting.get(&new.name).map(|kind| drop_statement(&new, kind));
        let (statement, audit) = if model.tests.is_empty() {
            (marked_statement(self.manifest, model), None)
        } else {
            // What was tested takes the place of the old one only after its tests, so room is made only then.
            let making_room = std::mem::take(&mut before);
            before.extend(room(&new, self.observed.waiting.get(&new.name)));
            (new_version(self.manifest, model, &new), Some(audit(self.manifest, model, &new, there, making_room)))
        };
        let insist = self.full_refresh && model.increment.is_some();
        let taking_in = there.filter(|there| self.reuse && !insist && !differences(model, there).rebuild);
        Action::Build(Box::new(BuildModel {
            increment: taking_in.and_then(|there| increment(self.manifest, model, there)).map(Box::new),
            replaces: there.is_some_and(|there| there.kind == TableKind::Table),
            insist,
            fingerprint: Fingerprint::of(&[
                model.fingerprint.as_str(),
                marks::of_tests(model).as_str(),
                details::fingerprint(model).as_str(),
                &model.config.cluster_by.join(", "),
                model.config.materialized.as_str(),
            ]),
            model: model.config.name.clone(),
            table: model.table.clone(),
            materialized: model.config.materialized,
            before,
            statement,
            after: details::after(model, details::Before::Known(there)),
            audit,
            query: Arc::clone(&model.query),
            inputs: Inputs::of(self.manifest, self.observed, model),
            tidy,
            done: there.filter(|_| self.reuse).map_or(Done::Never, |there| done(model, there)),
            timeout: model.config.timeout,
        }))
    }

    /// Has the versions of a model's sources fixed before it is built: those of each connection after its sync.
    fn pin_inputs(&mut self, step: &StepId) {
        let Some(Action::Build(build)) = self.actions.get(step) else { return };
        if build.materialized == Materialization::View {
            return;
        }
        for table in build.inputs.sources.clone() {
            let connection = self.landing(&table);
            let pin = pin_step(connection.as_ref());
            match self.actions.entry(pin.clone()).or_insert_with(|| Action::Pin(Vec::new())) {
                Action::Pin(tables) if !tables.contains(&table) => tables.push(table),
                _ => {}
            }
            self.graph.add(pin.clone());
            if let Some(connection) = connection {
                self.need_if_planned(&pin, &sync_step(&connection));
            }
            self.graph.need(step.clone(), pin);
        }
    }

    /// Returns the connection that lands a table.
    fn landing(&self, table: &TableName) -> Option<ConnectionName> {
        let (_, source) = self.manifest.sources.iter().find(|(schema, source)| {
            let catalog = source.catalog.as_ref().unwrap_or(&self.manifest.catalog);
            schema.eq_ignore_ascii_case(&table.schema) && catalog.eq_ignore_ascii_case(&table.catalog)
        })?;
        source.connection.as_ref().map(|connection| connection.value.clone())
    }

    /// Lets models wait for what their tests read.
    fn need_what_tests_read(&mut self) {
        let manifest = self.manifest;
        for model in manifest.models.values() {
            let step = build_step(&model.config.name);
            if self.actions.contains_key(&step) {
                for test in &model.tests {
                    self.need_reads(&step, &test.reads);
                }
            }
        }
    }

    /// Changes a table in place.
    pub(super) fn add_alter(&mut self, model: &ModelName, table: &TableName, statements: Vec<String>) -> StepId {
        let step = alter_step(model);
        // What a run that died has left beside it goes too.
        let new = self.own_table(&format!("{NEW_PREFIX}{model}"));
        let tidy = self.observed.waiting.get(&new.name).map(|kind| drop_statement(&new, kind));
        let statements = statements.into_iter().chain(tidy).collect();
        self.add(
            step.clone(),
            Action::Alter(Alter { object: table.to_string(), statements, drops: false, only_after: Vec::new() }),
        );
        step
    }

    /// Sets foreign keys when the tables on both sides are as they shall be: of models that are built, of those whose keys
    /// differ (`differing`, with the statements that set them), and of those that refer to a primary key that is made anew,
    /// be it by a build or in place (`renewed`).
    pub(super) fn add_foreign_keys(
        &mut self,
        differing: &BTreeMap<&ModelName, Vec<String>>,
        renewed: &BTreeSet<&ModelName>,
    ) {
        let manifest = self.manifest;
        let is_built =
            |planner: &Self, name: &ModelName| matches!(planner.actions.get(&build_step(name)), Some(Action::Build(_)));
        for (name, model) in &manifest.models {
            let there = match self.standing(model) {
                Standing::Own(there) => Some(there),
                Standing::Missing | Standing::Foreign(_) => None,
            };
            let others: Vec<&ModelName> = model.foreign_keys.iter().map(|key| &key.model).collect();
            let stand = |name: &ModelName| {
                let model = manifest.models.get(name);
                is_built(self, name) || model.is_some_and(|model| matches!(self.standing(model), Standing::Own(_)))
            };
            if !stand(name) || !others.iter().all(|other| stand(other)) {
                continue;
            }
            let built = is_built(self, name);
            let made: Vec<&ModelName> =
                std::iter::once(name).chain(others.iter().copied()).filter(|name| is_built(self, name)).collect();
            let in_place = others.iter().any(|other| renewed.contains(other));
            let statements = match differing.get(name) {
                Some(statements) if !built => statements.clone(),
                None if !built && made.is_empty() && !in_place => continue,
                _ => details::foreign_keys(model, there),
            };
            if statements.is_empty() {
                continue;
            }
            let step = foreign_keys_step(name);
            let only_after = match differing.contains_key(name) || in_place {
                true => Vec::new(),
                false => made.iter().map(|name| (*name).clone()).collect(),
            };
            let object = model.table.to_string();
            self.add(step.clone(), Action::Alter(Alter { object, statements, drops: false, only_after }));
            for other in std::iter::once(name).chain(others) {
                self.need_if_planned(&step, &build_step(other));
                self.need_if_planned(&step, &alter_step(other));
            }
        }
    }

    /// Grants and revokes on the models' schema.
    pub(super) fn add_grants(&mut self, statements: Vec<String>) -> StepId {
        let step = StepId::from("grants");
        let object = format!("schema {}.{}", self.manifest.catalog, self.manifest.schema);
        self.add(step.clone(), Action::Alter(Alter { object, statements, drops: false, only_after: Vec::new() }));
        self.need_if_planned(&step, &schema_step());
        step
    }

    /// Drops a table or view, when all that could still read it is built, and all that is noted in it is taken away.
    pub(super) fn add_drop(&mut self, name: &str, kind: &TableKind) -> StepId {
        let table = self.own_table(name);
        let statement = drop_statement(&table, kind);
        let step = StepId::new(format!("drop {name}"));
        self.add(
            step.clone(),
            Action::Alter(Alter {
                object: table.to_string(),
                statements: vec![statement],
                drops: true,
                only_after: Vec::new(),
            }),
        );
        let earlier: Vec<StepId> = self
            .actions
            .iter()
            .filter(|(_, action)| matches!(action, Action::Build(_) | Action::Trash(_) | Action::Unschedule(_)))
            .map(|(id, _)| id.clone())
            .collect();
        for other in earlier {
            self.graph.need(step.clone(), other);
        }
        step
    }

    pub(super) fn add_publish(&mut self, dashboard: &CompiledDashboard) -> StepId {
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
    pub(super) fn add_permissions(&mut self, grant: GrantPermissions) -> StepId {
        let dashboard = grant.note.dashboard.clone();
        let step = StepId::new(format!("permissions {dashboard}"));
        self.add(step.clone(), Action::Grant(Box::new(grant)));
        self.need_if_planned(&step, &schema_step());
        self.need_if_planned(&step, &publish_step(&dashboard));
        step
    }

    /// Brings the schedules of a dashboard in line with the project, once it is there.
    pub(super) fn add_dashboard_schedules(&mut self, work: KeepDashboardSchedules) -> StepId {
        let dashboard = work.dashboard.clone();
        let step = StepId::new(format!("schedules of {dashboard}"));
        self.add(step.clone(), Action::Send(Box::new(work)));
        self.need_if_planned(&step, &schema_step());
        self.need_if_planned(&step, &publish_step(&dashboard));
        step
    }

    /// Asks what a dashboard shows, once it is published.
    pub(super) fn add_query(&mut self, dashboard: &CompiledDashboard) {
        let query = StepId::new(format!("query {}", dashboard.name));
        let statements = widget_queries(&dashboard.content)
            .into_iter()
            .map(|q| WidgetStatement { widget: q.widget, query: q.path, sql: q.sql })
            .collect();
        let reads_history = dashboard.reads_history;
        self.add(
            query.clone(),
            Action::Query(QueryDashboard { dashboard: dashboard.name.clone(), statements, reads_history }),
        );
        self.graph.need(query, publish_step(&dashboard.name));
    }

    /// Takes what lies at former places of a dashboard out of the workspace, when its successor is there.
    pub(super) fn add_trash(&mut self, successor: &CompiledDashboard, paths: Vec<String>) -> StepId {
        let mut note = self.note(successor, &expected(self.manifest, successor));
        note.former.clear();
        let forgetting = note.statements(&self.own_table(NOTES_TABLE));
        self.trash(&successor.name, paths, forgetting)
    }

    /// Takes a dashboard that the project no longer has out of the workspace, from wherever it lies.
    pub(super) fn add_forget(&mut self, note: &Note, paths: Vec<String>) -> StepId {
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

    /// Puts a job in its place, when all that it will build is there and right: until then the workspace runs what it ran.
    pub(super) fn add_schedule(&mut self, job: ScheduleJob) -> StepId {
        let step = StepId::new(format!("schedule {}", job.job));
        self.add(step.clone(), Action::Schedule(Box::new(job)));
        let earlier: Vec<StepId> = self.actions.keys().filter(|id| **id != step).cloned().collect();
        for other in earlier {
            self.graph.need(step.clone(), other);
        }
        step
    }

    /// Takes a job out of the workspace.
    pub(super) fn add_unschedule(&mut self, job: UnscheduleJob) -> StepId {
        let step = StepId::new(format!("unschedule {}", job.job));
        self.add(step.clone(), Action::Unschedule(job));
        step
    }

    /// Returns the note of a dashboard as it will be.
    fn note(&self, dashboard: &CompiledDashboard, expected: &Value) -> Note {
        let project = &self.manifest.project;
        let earlier = self.observed.note(project, &dashboard.name);
        let in_place = self.observed.renamed.contains_key(&dashboard.name);
        Note::of(project, &dashboard.name, dashboard_path(dashboard), expected, earlier, in_place)
    }

    /// Lets a step wait for what it reads, also through models that are not built now.
    fn need_reads(&mut self, step: &StepId, reads: &Reads) {
        for connection in &reads.connections {
            self.need_if_planned(step, &sync_step(connection));
        }
        for name in &reads.models {
            let made = [build_step(name), defer_step(name)].into_iter().find(|made| self.actions.contains_key(made));
            if let Some(made) = made {
                self.graph.need(step.clone(), made);
            } else if self.manifest.deferred(name).is_some() {
                // What it rests on is elsewhere.
            } else if let Some(model) = self.manifest.models.get(name) {
                self.need_reads(step, &model.reads);
            }
        }
    }

    fn need_if_planned(&mut self, step: &StepId, other: &StepId) {
        if self.actions.contains_key(other) {
            self.graph.need(step.clone(), other.clone());
        }
    }

    fn add(&mut self, id: StepId, action: Action) {
        self.graph.add(id.clone());
        self.actions.insert(id, action);
    }

    fn own_table(&self, name: &str) -> TableName {
        TableName::new(&self.manifest.catalog, &self.manifest.schema, name)
    }
}

/// Returns a dashboard's content as the workspace will show it: the service writes catalog and schema into every dataset.
pub(super) fn expected(manifest: &Manifest, dashboard: &CompiledDashboard) -> Value {
    let mut content = dashboard.content.json().clone();
    for dataset in content.get_mut("datasets").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(dataset) = dataset.as_object_mut() {
            dataset.insert("catalog".to_owned(), json!(manifest.catalog));
            dataset.insert("schema".to_owned(), json!(manifest.schema));
        }
    }
    content
}

/// Tells whether a table or view bears this project's marks.
pub(super) fn is_ours(table: &ObservedTable, manifest: &Manifest) -> bool {
    table.marks.as_ref().is_some_and(|marks| marks.project == manifest.project)
}

fn drop_statement(table: &TableName, kind: &TableKind) -> String {
    let word = if *kind == TableKind::View { "VIEW" } else { "TABLE" };
    format!("DROP {word} IF EXISTS {}", table.to_sql())
}

/// Returns a dashboard's place in the workspace.
pub fn dashboard_path(dashboard: &CompiledDashboard) -> String {
    format!("{}/{}.lvdash.json", workspace_path(&dashboard.folder), dashboard.title)
}

/// Says when a model need not be built where something of its own stands.
fn done(model: &CompiledModel, there: &ObservedTable) -> Done {
    let found = differences(model, there);
    if found.rebuild || !details::in_place(model, there).reasons.is_empty() {
        return Done::Never;
    }
    let marks = there.marks.as_ref();
    match model.config.materialized {
        // What its tests find depends on what it reads, and a view bears no mark of that.
        Materialization::View if model.tests.is_empty() => Done::Already,
        Materialization::View => Done::Never,
        Materialization::Table => marks
            .filter(|marks| marks.tests.as_ref() == Some(&marks::of_tests(model)))
            .and_then(|marks| marks.inputs.clone())
            .map_or(Done::Never, Done::IfFrom),
    }
}

/// Says that a table or view is not ours.
pub(super) fn foreign(name: &TableName, table: &ObservedTable) -> Refusal {
    let owner = table.owner.as_ref().map(|owner| format!(", owned by {owner}")).unwrap_or_default();
    let (what, help) = match (&table.kind, &table.marks) {
        (TableKind::Other(kind), _) => (
            format!("a {} stands under the name {name}{owner}", kind.to_lowercase().replace('_', " ")),
            "Rename the model, or move that thing away.",
        ),
        (kind, marks) => {
            let kind = if *kind == TableKind::View { "view" } else { "table" };
            let whose = match marks {
                Some(marks) => format!("belongs to the project `{}`", marks.project),
                None => "was not made by kiln".to_owned(),
            };
            (
                format!("{kind} {name} {whose}{owner}"),
                "Rename the model, choose another schema, or let kiln replace what is there: `kiln deploy --adopt`.",
            )
        }
    };
    Refusal { message: what, help: help.to_owned() }
}

fn schema_step() -> StepId {
    StepId::from("schema")
}

fn pin_step(connection: Option<&ConnectionName>) -> StepId {
    StepId::new(format!("pin {}", connection.map_or("sources", ConnectionName::as_str)))
}

fn connection_step(connection: &ConnectionName) -> StepId {
    StepId::new(format!("connection {connection}"))
}

fn sync_step(connection: &ConnectionName) -> StepId {
    StepId::new(format!("sync {connection}"))
}

fn build_step(model: &ModelName) -> StepId {
    StepId::new(format!("build {model}"))
}

/// Returns the step that lets a model be read from another environment.
pub(super) fn defer_step(model: &ModelName) -> StepId {
    StepId::new(format!("defer {model}"))
}

fn alter_step(model: &ModelName) -> StepId {
    StepId::new(format!("alter {model}"))
}

/// Returns the step that sets the foreign keys of a model.
pub(super) fn foreign_keys_step(model: &ModelName) -> StepId {
    StepId::new(format!("keys {model}"))
}

fn publish_step(dashboard: &DashboardName) -> StepId {
    StepId::new(format!("publish {dashboard}"))
}
