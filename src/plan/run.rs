//! The plan of one run of a job: which steps, after which others, and for each step everything it needs to act.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::config::{Job, JobStep, Materialization, Selection};
use crate::dashboards::widget_queries;
use crate::diag::{Diagnostic, Diagnostics, Span, did_you_mean};
use crate::graph::Graph;
use crate::ids::{ConnectionName, DashboardName, JobName, ModelName, StepId, TableName, quote_identifier};
use crate::manifest::{CompiledDashboard, CompiledModel, Manifest, Reads};
use crate::template::Rendered;

/// A run of a job, ready to be carried out.
#[derive(Clone, Debug)]
pub struct RunPlan {
    /// The project's name.
    pub project: String,
    /// The environment's name.
    pub environment: String,
    /// The job's name.
    pub job: JobName,
    /// Catalog that unqualified names are looked up in.
    pub catalog: String,
    /// Schema that unqualified names are looked up in.
    pub schema: String,
    /// The steps, each after those that it needs.
    pub steps: IndexMap<StepId, Step>,
}

/// A step of a run.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its id, unique in the run.
    pub id: StepId,
    /// Steps that must have succeeded before it may begin.
    pub needs: Vec<StepId>,
    /// What it does.
    pub action: Action,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Makes sure that the models' schema exists.
    CreateSchema {
        /// The statement that does so.
        statement: String,
    },
    /// Brings a connection's new data.
    Sync(SyncConnection),
    /// Builds a model's table or view.
    Build(Box<BuildModel>),
    /// Brings a dashboard into the workspace and publishes it.
    Publish(Box<PublishDashboard>),
    /// Asks what the widgets of a published dashboard show.
    Query(QueryDashboard),
}

/// What is needed to sync a connection.
#[derive(Clone, Debug)]
pub struct SyncConnection {
    /// Its name in the project.
    pub connection: ConnectionName,
    /// Fivetran's id, if the project gives one.
    pub id: Option<String>,
    /// Prefix of the schemas it lands, by which it is found without an id.
    pub schema_prefix: String,
}

/// What is needed to build a model.
#[derive(Clone, Debug)]
pub struct BuildModel {
    /// The model.
    pub model: ModelName,
    /// The table or view that it becomes.
    pub table: TableName,
    /// Which of the two.
    pub materialized: Materialization,
    /// The whole statement: a header that kiln writes, then the model's query.
    pub statement: String,
    /// How many lines of the statement stand before the query.
    pub header_lines: usize,
    /// The query, for finding the place in the template that a line of the statement comes from.
    pub query: Arc<Rendered>,
}

impl BuildModel {
    /// Returns the place in the model's file that a line and column of the statement (both counted from 1) come
    /// from; none within the header.
    pub fn origin(&self, line: usize, column: usize) -> Option<Span> {
        line.checked_sub(self.header_lines).filter(|l| *l > 0).map(|l| self.query.origin_of_line_column(l, column))
    }
}

/// What is needed to publish a dashboard.
#[derive(Clone, Debug)]
pub struct PublishDashboard {
    /// Its name in the project.
    pub dashboard: DashboardName,
    /// Its title in the workspace.
    pub title: String,
    /// Its folder in the workspace.
    pub folder: String,
    /// Its content: the text of a `.lvdash.json` file.
    pub content: String,
    /// Whether viewers' queries run with the publisher's rights.
    pub embed_credentials: bool,
}

/// What is needed to know what a dashboard shows.
#[derive(Clone, Debug)]
pub struct QueryDashboard {
    /// Its name in the project.
    pub dashboard: DashboardName,
    /// The widgets' queries as statements.
    pub statements: Vec<WidgetStatement>,
}

/// A widget's query as a statement.
#[derive(Clone, Debug)]
pub struct WidgetStatement {
    /// The widget's name.
    pub widget: String,
    /// The query: its JSON pointer in the dashboard's content.
    pub query: String,
    /// The statement.
    pub sql: String,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateSchema { .. } => "schema",
            Self::Sync(_) => "sync",
            Self::Build(_) => "build",
            Self::Publish(_) => "publish",
            Self::Query(_) => "query",
        })
    }
}

/// Plans a run of a job; of the only job, if none is named.
///
/// # Errors
/// There is no such job, or none can be chosen.
pub fn run(manifest: &Manifest, job: Option<&str>) -> Result<RunPlan, Diagnostics> {
    let (name, job) = choose_job(manifest, job)?;
    let mut planner = Planner { manifest, graph: Graph::new(), actions: IndexMap::new() };
    planner.add_job(job);
    let order = planner.graph.order().expect("the manifest orders models, and nothing else can close a circle");
    let steps = order
        .into_iter()
        .map(|id| {
            let needs = planner.graph.needs_of(id).into_iter().cloned().collect();
            (id.clone(), Step { id: id.clone(), needs, action: planner.actions[id].clone() })
        })
        .collect();
    Ok(RunPlan {
        project: manifest.project.clone(),
        environment: manifest.environment.clone(),
        job: name.clone(),
        catalog: manifest.catalog.clone(),
        schema: manifest.schema.clone(),
        steps,
    })
}

fn choose_job<'a>(manifest: &'a Manifest, name: Option<&str>) -> Result<(&'a JobName, &'a Job), Diagnostics> {
    let names = || manifest.jobs.keys().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    match name {
        Some(name) => manifest.jobs.get_key_value(name).ok_or_else(|| {
            let near = did_you_mean(name, manifest.jobs.keys().map(JobName::as_str));
            let help =
                near.map_or_else(|| format!("The jobs are {}.", names()), |near| format!("Did you mean `{near}`?"));
            Diagnostic::error("unknown-job", format!("there is no job `{name}`")).help(help).into()
        }),
        None if manifest.jobs.len() == 1 => Ok(manifest.jobs.first().expect("its length is one")),
        None if manifest.jobs.is_empty() => Err(Diagnostic::error("no-job", "the project has no job")
            .help("Add one under `jobs:` in jobs.yaml.")
            .into()),
        None => Err(Diagnostic::error("no-job-chosen", "the project has several jobs, and none was named")
            .help(format!("Name one of {}.", names()))
            .into()),
    }
}

struct Planner<'a> {
    manifest: &'a Manifest,
    graph: Graph<StepId>,
    actions: IndexMap<StepId, Action>,
}

impl Planner<'_> {
    fn add_job(&mut self, job: &Job) {
        // Syncs come first in the plan and models in their own order, however the job lists them: what a step waits
        // for is said by the graph, and the rest reads best in the direction in which data flow.
        for step in &job.steps {
            if let JobStep::Sync(name) = &step.value {
                self.add_sync(name);
            }
        }
        let models: Vec<&CompiledModel> = self.manifest.models.values().filter(|m| is_selected(job, m)).collect();
        if !models.is_empty() {
            self.add_schema();
        }
        for model in models {
            self.add_build(model);
        }
        for step in &job.steps {
            if let JobStep::Publish(name) = &step.value
                && let Some(dashboard) = self.manifest.dashboards.get(name)
            {
                self.add_publish(dashboard);
            }
        }
    }

    fn add_sync(&mut self, name: &ConnectionName) {
        let Some(connection) = self.manifest.connections.get(name) else { return };
        self.add(
            sync_step(name),
            Action::Sync(SyncConnection {
                connection: name.clone(),
                id: connection.id.as_ref().map(|id| id.value.clone()),
                schema_prefix: connection.schema_prefix.clone(),
            }),
        );
    }

    fn add_schema(&mut self) {
        let (catalog, schema) = (quote_identifier(&self.manifest.catalog), quote_identifier(&self.manifest.schema));
        let statement = format!("CREATE SCHEMA IF NOT EXISTS {catalog}.{schema}");
        self.add(schema_step(), Action::CreateSchema { statement });
    }

    fn add_build(&mut self, model: &CompiledModel) {
        let step = build_step(&model.config.name);
        let statement = statement(model);
        self.add(
            step.clone(),
            Action::Build(Box::new(BuildModel {
                model: model.config.name.clone(),
                table: model.table.clone(),
                materialized: model.config.materialized,
                statement,
                header_lines: header(model).matches('\n').count(),
                query: Arc::clone(&model.query),
            })),
        );
        self.graph.need(step.clone(), schema_step());
        self.need_reads(&step, &model.reads);
    }

    fn add_publish(&mut self, dashboard: &CompiledDashboard) {
        let step = StepId::new(format!("publish {}", dashboard.name));
        self.add(
            step.clone(),
            Action::Publish(Box::new(PublishDashboard {
                dashboard: dashboard.name.clone(),
                title: dashboard.title.clone(),
                folder: dashboard.folder.clone(),
                content: dashboard.content.to_json(),
                embed_credentials: dashboard.embed_credentials,
            })),
        );
        self.need_reads(&step, &dashboard.reads);
        let query = StepId::new(format!("query {}", dashboard.name));
        let statements = widget_queries(&dashboard.content)
            .into_iter()
            .map(|q| WidgetStatement { widget: q.widget, query: q.path, sql: q.sql })
            .collect();
        self.add(query.clone(), Action::Query(QueryDashboard { dashboard: dashboard.name.clone(), statements }));
        self.graph.need(query, step);
    }

    /// Lets a step wait for what it reads, also through models that this job does not build.
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
}

fn schema_step() -> StepId {
    StepId::from("schema")
}

fn sync_step(connection: &ConnectionName) -> StepId {
    StepId::new(format!("sync {connection}"))
}

fn build_step(model: &ModelName) -> StepId {
    StepId::new(format!("build {model}"))
}

fn is_selected(job: &Job, model: &CompiledModel) -> bool {
    job.steps.iter().any(|step| match &step.value {
        JobStep::Build(pattern) => Selection::new(pattern).is_ok_and(|selection| selection.matches(&model.config)),
        JobStep::Sync(_) | JobStep::Publish(_) => false,
    })
}

/// Writes the statement that builds a model.
pub fn statement(model: &CompiledModel) -> String {
    format!("{}{}", header(model), model.query.text)
}

/// Writes the statement's beginning, up to and with the line break before the query.
fn header(model: &CompiledModel) -> String {
    let table = model.table.to_sql();
    let mut header = match model.config.materialized {
        Materialization::View => format!("CREATE OR REPLACE VIEW {table}\n"),
        Materialization::Table => format!("CREATE OR REPLACE TABLE {table}\n"),
    };
    if model.config.materialized == Materialization::Table && !model.config.cluster_by.is_empty() {
        let columns = model.config.cluster_by.iter().map(|c| quote_identifier(c)).collect::<Vec<_>>().join(", ");
        header.push_str(&format!("CLUSTER BY ({columns})\n"));
    }
    if let Some(description) = &model.config.description {
        header.push_str(&format!("COMMENT {}\n", string_literal(description)));
    }
    header.push_str("AS\n");
    header
}

/// Writes a text as a string literal of Databricks SQL on one line, so that lines of the statement can be counted.
fn string_literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for c in text.chars() {
        match c {
            '\'' => literal.push_str("\\'"),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            c => literal.push(c),
        }
    }
    literal.push('\'');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_keeps_to_one_line_and_cannot_end_its_literal() {
        assert_eq!(string_literal("it's\na \\ b"), r"'it\'s\na \\ b'");
    }
}
