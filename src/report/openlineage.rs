//! A run in the words of OpenLineage: when it and each of its steps began and ended, what they read and wrote, and from which
//! columns each column comes.
//!
//! The shapes are those of the specification (`spec/OpenLineage.json` and its facets). A run of kiln is a run of the job
//! `<project>.<environment>.<job>`, and each step a run below it.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use crate::analysis::How;
use crate::event::{Event, EventKind, Outcome, RunResult, StepKind, Work};
use crate::ids::{Fingerprint, JobName, RunId, StepId, TableName};
use crate::manifest::lineage::{Lineage, NodeAt, NodeKind};

const PRODUCER: &str = concat!("https://github.com/kiln/kiln/tree/v", env!("CARGO_PKG_VERSION"));
const RUN_EVENT: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";

/// What is known of tables and views before a run.
#[derive(Debug, Default)]
pub struct Datasets {
    /// Where they are: `databricks://host`.
    pub namespace: String,
    /// Sources, as `schema.table`, and models: their full names.
    pub tables: BTreeMap<String, TableName>,
    /// Where their columns come from.
    pub lineage: Lineage,
}

/// Makes OpenLineage's events of a run's.
#[derive(Debug)]
pub struct OpenLineage {
    /// The namespace of jobs.
    namespace: String,
    datasets: Datasets,
    run: Option<Run>,
    kinds: HashMap<StepId, StepKind>,
}

#[derive(Clone, Debug)]
struct Run {
    id: RunId,
    job: String,
}

impl OpenLineage {
    /// Makes it, with the namespace of jobs.
    pub fn new(namespace: String, datasets: Datasets) -> Self {
        Self { namespace, datasets, run: None, kinds: HashMap::new() }
    }

    /// Takes the next event; returns what is to be told of it. `told` says that it was told before, by another process.
    pub fn event(&mut self, event: &Event, told: bool) -> Option<Value> {
        let said = match &event.kind {
            EventKind::RunStarted { run, by, job, project, environment, steps, .. } => {
                let name = job.as_ref().map_or_else(|| by.act.as_str(), JobName::as_str);
                self.run = Some(Run { id: run.clone(), job: format!("{project}.{environment}.{name}") });
                self.kinds = steps.iter().map(|outline| (outline.step.clone(), outline.kind)).collect();
                self.of_run(event, "START", None)
            }
            EventKind::RunResumed { .. } => self.of_run(event, "RUNNING", None),
            EventKind::RunFinished { result, .. } => {
                let (word, why) = match result {
                    RunResult::Succeeded => ("COMPLETE", None),
                    RunResult::Interrupted => ("ABORT", None),
                    RunResult::TestsFailed => ("FAIL", Some("data tests failed")),
                    RunResult::Failed => ("FAIL", Some("a step failed")),
                    RunResult::Stale => ("FAIL", Some("a source could not be brought up to date")),
                    RunResult::Unreachable => ("FAIL", Some("the environment was unreachable or refused us")),
                };
                self.of_run(event, word, why)
            }
            EventKind::StepStarted { step } => self.of_step(event, step, "START", None, None),
            EventKind::StepFinished { step, outcome, work, .. } => match outcome {
                Outcome::Succeeded { .. } => self.of_step(event, step, "COMPLETE", None, Some(work)),
                Outcome::Cancelled | Outcome::Stopped { .. } => self.of_step(event, step, "ABORT", None, None),
                // It never began.
                Outcome::Skipped { .. } => None,
                Outcome::Failed { failure } | Outcome::TestsFailed { failure } | Outcome::Stale { failure } => {
                    self.of_step(event, step, "FAIL", Some(&failure.message), None)
                }
            },
            _ => None,
        };
        said.filter(|_| !told)
    }

    fn of_run(&self, event: &Event, word: &str, why: Option<&str>) -> Option<Value> {
        let run = self.run.as_ref()?;
        let facets = failure_facets(why);
        Some(self.said(event, word, &run_uuid(&[run.id.as_str()]), facets, &run.job, "JOB"))
    }

    fn of_step(
        &self,
        event: &Event,
        step: &StepId,
        word: &str,
        why: Option<&str>,
        work: Option<&Work>,
    ) -> Option<Value> {
        let run = self.run.as_ref()?;
        let kind = *self.kinds.get(step)?;
        let mut facets = failure_facets(why);
        let parent = json!({
            "run": {"runId": run_uuid(&[run.id.as_str()])},
            "job": {"namespace": self.namespace, "name": run.job},
        });
        facets.insert("parent".to_owned(), facet("1-1-0/ParentRunFacet.json#/$defs/ParentRunFacet", parent));
        let name = format!("{}.{step}", run.job);
        let uuid = run_uuid(&[run.id.as_str(), step.as_str()]);
        let mut said = self.said(event, word, &uuid, facets, &name, "TASK");
        if let Some((node, table)) = self.built(step, kind) {
            let reads = self.datasets.lineage.node(node).reads.iter();
            said["inputs"] = reads.filter_map(|read| self.dataset(*read)).map(Value::Object).collect();
            said["outputs"] = json!([self.output(node, table, work)]);
        }
        Some(said)
    }

    fn said(
        &self,
        event: &Event,
        word: &str,
        run: &str,
        facets: Map<String, Value>,
        job: &str,
        job_type: &str,
    ) -> Value {
        let job_type = json!({"processingType": "BATCH", "integration": "KILN", "jobType": job_type});
        let job_facets = json!({"jobType": facet("2-0-3/JobTypeJobFacet.json#/$defs/JobTypeJobFacet", job_type)});
        json!({
            "eventType": word,
            "eventTime": event.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            "producer": PRODUCER,
            "schemaURL": RUN_EVENT,
            "run": {"runId": run, "facets": facets},
            "job": {"namespace": self.namespace, "name": job, "facets": job_facets},
            "inputs": [],
            "outputs": [],
        })
    }

    /// Returns the model that a step builds, and what it becomes.
    fn built(&self, step: &StepId, kind: StepKind) -> Option<(NodeAt, &TableName)> {
        let words: Vec<&str> = step.as_str().split(' ').collect();
        let model = match (kind, words.as_slice()) {
            (StepKind::Build, [_, model]) | (StepKind::Backfill, [_, model, _]) => *model,
            _ => return None,
        };
        Some((self.datasets.lineage.find(NodeKind::Model, model)?, self.datasets.tables.get(model)?))
    }

    /// Writes what is read: a source or a model.
    fn dataset(&self, node: NodeAt) -> Option<Map<String, Value>> {
        let table = self.datasets.tables.get(&self.datasets.lineage.node(node).name)?;
        Some(self.identity(table))
    }

    fn identity(&self, table: &TableName) -> Map<String, Value> {
        let name = json!(table.to_string());
        [("namespace".to_owned(), json!(self.datasets.namespace)), ("name".to_owned(), name)].into_iter().collect()
    }

    /// Writes what is written, with its columns and where each comes from.
    fn output(&self, node: NodeAt, table: &TableName, work: Option<&Work>) -> Value {
        let lineage = &self.datasets.lineage;
        let columns = &lineage.node(node).columns;
        let mut fields = Map::new();
        for column in columns {
            let from = column.from.iter().filter_map(|(from, how)| {
                let mut input = self.dataset(from.node)?;
                input.insert("field".to_owned(), json!(lineage.field(*from).name));
                let subtype = match how {
                    How::Unchanged => "IDENTITY",
                    How::Computed => "TRANSFORMATION",
                    How::Aggregated => "AGGREGATION",
                };
                let transformation = json!({"type": "DIRECT", "subtype": subtype, "description": "", "masking": false});
                input.insert("transformations".to_owned(), json!([transformation]));
                Some(Value::Object(input))
            });
            let from: Vec<Value> = from.collect();
            if !from.is_empty() {
                fields.insert(column.name.clone(), json!({"inputFields": from}));
            }
        }
        let of_column = columns.iter().map(|column| match &column.data_type {
            Some(data_type) => json!({"name": column.name, "type": data_type.to_string()}),
            None => json!({"name": column.name}),
        });
        let schema = json!({"fields": of_column.collect::<Vec<_>>()});
        let mut dataset = self.identity(table);
        dataset.insert(
            "facets".to_owned(),
            json!({
                "schema": facet("1-1-1/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet", schema),
                "columnLineage":
                    facet("1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet", json!({"fields": fields})),
            }),
        );
        if let Some(rows) = work.and_then(|work| work.rows) {
            let of = "1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet";
            dataset
                .insert("outputFacets".to_owned(), json!({"outputStatistics": facet(of, json!({"rowCount": rows}))}));
        }
        Value::Object(dataset)
    }
}

fn failure_facets(why: Option<&str>) -> Map<String, Value> {
    let mut facets = Map::new();
    if let Some(why) = why {
        let message = json!({"message": why, "programmingLanguage": "SQL"});
        facets.insert(
            "errorMessage".to_owned(),
            facet("1-0-0/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet", message),
        );
    }
    facets
}

/// Writes a facet: what every one says, and its own.
fn facet(of: &str, own: Value) -> Value {
    let mut facet = json!({"_producer": PRODUCER, "_schemaURL": format!("https://openlineage.io/spec/facets/{of}")});
    if let (Value::Object(facet), Value::Object(own)) = (&mut facet, own) {
        facet.extend(own);
    }
    facet
}

/// Makes a UUID of names: the same names, the same UUID, so that whoever goes on with a run goes on with it there too.
fn run_uuid(names: &[&str]) -> String {
    let hash = Fingerprint::of(&[&["openlineage"], names].concat());
    let number = u128::from_str_radix(hash.as_str(), 16).unwrap_or_default();
    uuid::Builder::from_custom_bytes(number.to_be_bytes()).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::run_uuid;

    #[test]
    fn ids_are_uuids_that_names_decide() {
        let one = run_uuid(&["r", "build a"]);
        assert_eq!(one, run_uuid(&["r", "build a"]));
        assert_ne!(one, run_uuid(&["r", "build b"]));
        let parsed = uuid::Uuid::parse_str(&one).unwrap();
        assert_eq!((parsed.get_version_num(), parsed.get_variant()), (8, uuid::Variant::RFC4122));
    }
}
