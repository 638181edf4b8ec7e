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
use super::details;
use super::increment::increment;
use super::landed::landed_by;
use super::marks::{self, NEW_PREFIX, NOTES_TABLE, Note};
use super::observed::{Observed, ObservedTable, TableKind};
use super::pins::Inputs;
use super::scheduled::{ScheduleJob, UnscheduleJob};
use super::statement::marked_statement;
use crate::config::{Materialization, SyncIntent, SyncWishes};
use crate::dashboards::widget_queries;
use crate::graph::Graph;
use crate::ids::{
    ConnectionName, DashboardName, Fingerprint, JobName, ModelName, StepId, TableName, quote_identifier, workspace_path,
};
use crate::manifest::{CompiledDashboard, CompiledModel, Manifest, Reads};

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
        let expected = self.expected(dashboard);
        let earlier = self.observed.note(&self.manifest.project, &dashboard.name);
        let note = self.note(dashboard, &expected);
        let noted =
            earlier.is_some_and(|earlier| earlier.path == note.path && earlier.sent.first() == note.sent.first());
        let noting = if noted { Vec::new() } else { note.statements(&self.own_table(NOTES_TABLE)) };
        self.add(
            step.clone(),
            Action::Publish(Box::new(PublishDashboard {
                dashboard: dashboard.name.clone(),
                title: dashboard.title.clone(),
                folder: dashboard.folder.clone(),
                content: dashboard.content.to_json(),
                expected,
                embed_credentials: dashboard.embed_credentials,
                note: earlier.filter(|earlier| earlier.path == note.path).cloned(),
                overwrite: self.consent.overwrite_edits || self.consent.adopt,
                noting,
            })),
        );
        self.need_if_planned(&step, &schema_step());
        self.need_reads(&step, &dashboard.reads);
        step
    }

    /// Asks what a dashboard shows, once it is published.
    pub(super) fn add_query(&mut self, dashboard: &CompiledDashboard) {
        let query = StepId::new(format!("query {}", dashboard.name));
        let statements = widget_queries(&dashboard.content)
            .into_iter()
            .map(|q| WidgetStatement { widget: q.widget, query: q.path, sql: q.sql })
            .collect();
        self.add(query.clone(), Action::Query(QueryDashboard { dashboard: dashboard.name.clone(), statements }));
        self.graph.need(query, publish_step(&dashboard.name));
    }

    /// Takes what lies at former places of a dashboard out of the workspace, when its successor is there.
    pub(super) fn add_trash(&mut self, successor: &CompiledDashboard, paths: Vec<String>) -> StepId {
        let mut note = self.note(successor, &self.expected(successor));
        note.former.clear();
        let forgetting = note.statements(&self.own_table(NOTES_TABLE));
        self.trash(&successor.name, paths, forgetting)
    }

    /// Takes a dashboard that the project no longer has out of the workspace, from wherever it lies.
    pub(super) fn add_forget(&mut self, note: &Note, paths: Vec<String>) -> StepId {
        let forgetting = vec![note.forgetting(&self.own_table(NOTES_TABLE))];
        self.trash(&note.dashboard, paths, forgetting)
    }

    fn trash(&mut self, dashboard: &DashboardName, paths: Vec<String>, forgetting: Vec<String>) -> StepId {
        let step = StepId::new(format!("trash {dashboard}"));
        self.add(step.clone(), Action::Trash(TrashDashboard { dashboard: dashboard.clone(), paths, forgetting }));
        self.need_if_planned(&step, &publish_step(dashboard));
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
        Note::of(project, &dashboard.name, dashboard_path(dashboard), expected, earlier)
    }

    /// Returns a dashboard's content as the workspace will show it: the service writes catalog and schema into every
    /// dataset.
    pub(super) fn expected(&self, dashboard: &CompiledDashboard) -> Value {
        let mut content = dashboard.content.json().clone();
        for dataset in content.get_mut("datasets").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(dataset) = dataset.as_object_mut() {
                dataset.insert("catalog".to_owned(), json!(self.manifest.catalog));
                dataset.insert("schema".to_owned(), json!(self.manifest.schema));
            }
        }
        content
    }

    /// Lets a step wait for what it reads, also through models that are not built now.
    fn need_reads(&mut self, step: &StepId, reads: &Reads) {
        for connection in &reads.connections {
            self.need_if_planned(step, &sync_step(connection));
        }
        for name in &reads.models {
            let build = build_step(name);
            if self.actions.contains_key(&build) {
                self.graph.need(step.clone(), build);
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
