//! Steps and their order: what runs and deploys are planned with.

mod dashboards;
mod tables;

use std::collections::HashSet;

use indexmap::IndexMap;

pub use self::dashboards::dashboard_path;
pub(super) use self::dashboards::expected;
pub(super) use self::tables::foreign;
use super::action::{Action, Alter, Step, SyncConnection};
use super::connection::{KeepConnection, RemoveConnection, Sighting, schema_of};
use super::landed::landed_by;
use super::observed::{Observed, ObservedTable, TableKind};
use super::scheduled::{ScheduleJob, UnscheduleJob};
use super::statement::schema_creation;
use crate::config::{SyncIntent, SyncWishes};
use crate::graph::Graph;
use crate::ids::{ConnectionName, DashboardName, JobName, ModelName, StepId, TableName};
use crate::manifest::{CompiledModel, Manifest, Reads};

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
        let statement = schema_creation(&self.manifest.catalog, &self.manifest.schema);
        self.add(schema_step(), Action::CreateSchema { statement });
        schema_step()
    }

    /// Grants and revokes on the models' schema.
    pub(super) fn add_grants(&mut self, statements: Vec<String>) -> StepId {
        let step = StepId::from("grants");
        let object = format!("schema {}.{}", self.manifest.catalog, self.manifest.schema);
        self.add(step.clone(), Action::Alter(Alter { object, statements, drops: false, only_after: Vec::new() }));
        self.need_if_planned(&step, &schema_step());
        step
    }

    /// Changes the tags of the models' schema.
    pub(super) fn add_schema_tags(&mut self, statements: Vec<String>) -> StepId {
        let step = StepId::from("tags");
        let object = format!("schema {}.{}", self.manifest.catalog, self.manifest.schema);
        self.add(step.clone(), Action::Alter(Alter { object, statements, drops: false, only_after: Vec::new() }));
        self.need_if_planned(&step, &schema_step());
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

    /// Lets a step wait for what it reads, also through models that are not built now.
    fn need_reads(&mut self, step: &StepId, reads: &Reads) {
        self.need_reads_beyond(step, reads, &mut HashSet::new());
    }

    /// The same but for models that were `seen`: there can be very many ways to one.
    fn need_reads_beyond(&mut self, step: &StepId, reads: &Reads, seen: &mut HashSet<ModelName>) {
        for connection in &reads.connections {
            self.need_if_planned(step, &sync_step(connection));
        }
        for name in &reads.models {
            let made = [build_step(name), defer_step(name)].into_iter().find(|made| self.actions.contains_key(made));
            if let Some(made) = made {
                self.graph.need(step.clone(), made);
            } else if self.manifest.deferred(name).is_some() {
                // What it rests on is elsewhere.
            } else if let Some(model) = self.manifest.models.get(name).filter(|_| seen.insert(name.clone())) {
                self.need_reads_beyond(step, &model.reads, seen);
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

    pub(in crate::plan) fn own_table(&self, name: &str) -> TableName {
        TableName::new(&self.manifest.catalog, &self.manifest.schema, name)
    }
}

/// Tells whether a table or view bears this project's marks.
pub(super) fn is_ours(table: &ObservedTable, manifest: &Manifest) -> bool {
    table.marks.as_ref().is_some_and(|marks| marks.project == manifest.project)
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
