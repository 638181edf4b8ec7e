//! The history of runs: what a run did, as rows for a table of the environment.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::Report;
use crate::event::{Author, Event, EventKind, Outcome, RunResult, StepKind, Work};
use crate::ids::{RunId, StatementId, StepId, TableName, string_literal};

/// The columns of the history, with their types and what they say.
pub const COLUMNS: [(&str, &str, &str); 21] = [
    ("run", "STRING", "The run"),
    ("project", "STRING", "The project"),
    ("environment", "STRING", "The environment of the project"),
    ("act", "STRING", "What was done, as a command"),
    ("run_started_at", "TIMESTAMP", "When the run began, by the clock of the machine that ran it"),
    ("run_result", "STRING", "How the run ended"),
    ("run_by", "STRING", "Who ran it"),
    ("machine", "STRING", "Where it was run"),
    ("git_commit", "STRING", "The commit of the project"),
    ("kiln_version", "STRING", "The version of kiln"),
    ("step", "STRING", "The step"),
    ("kind", "STRING", "What the step does"),
    ("outcome", "STRING", "How the step ended"),
    ("summary", "STRING", "What came of it, or why it failed"),
    ("ended_at", "TIMESTAMP", "When the step ended"),
    ("milliseconds", "BIGINT", "How long the step took; 0 if it never began"),
    ("statement_id", "STRING", "Its statement on the warehouse"),
    ("table_name", "STRING", "The table that it changed"),
    ("version_before", "BIGINT", "The version that this table had before"),
    ("waited_milliseconds", "BIGINT", "How long of its time it waited for a place, or was queued in the warehouse"),
    ("rows_written", "BIGINT", "Rows that its largest statement wrote"),
];

/// Rows that one statement writes.
const BATCH: usize = 500;

/// Collects from a run's events what its history tells.
#[derive(Debug, Default)]
pub struct History {
    run: Option<Run>,
    kinds: HashMap<StepId, StepKind>,
    versions: HashMap<StepId, (TableName, u64)>,
    steps: Vec<Ended>,
    result: Option<RunResult>,
}

#[derive(Debug)]
struct Run {
    run: RunId,
    project: String,
    environment: String,
    by: Author,
    began: DateTime<Utc>,
}

#[derive(Debug)]
struct Ended {
    step: StepId,
    outcome: Outcome,
    at: DateTime<Utc>,
    milliseconds: u64,
    statement: Option<StatementId>,
    work: Work,
}

impl Report for History {
    fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::RunStarted { run, project, environment, by, steps, .. } => {
                self.kinds = steps.iter().map(|outline| (outline.step.clone(), outline.kind)).collect();
                self.run = Some(Run {
                    run: run.clone(),
                    project: project.clone(),
                    environment: environment.clone(),
                    by: by.clone(),
                    began: event.at,
                });
            }
            EventKind::TableVersion { step, table, version } => {
                // Of a run that went on, the first is what the table was before the run.
                self.versions.entry(step.clone()).or_insert_with(|| (table.clone(), *version));
            }
            EventKind::StepFinished { step, outcome, milliseconds, statement, work } => self.steps.push(Ended {
                step: step.clone(),
                outcome: outcome.clone(),
                at: event.at,
                milliseconds: *milliseconds,
                statement: statement.clone(),
                work: *work,
            }),
            EventKind::RunFinished { result, .. } => self.result = Some(*result),
            _ => {}
        }
    }
}

impl History {
    /// Writes the statement that makes the table of the history.
    pub fn creation(table: &TableName) -> String {
        let columns = COLUMNS.map(|(name, kind, comment)| format!("{name} {kind} COMMENT {}", string_literal(comment)));
        format!(
            "CREATE TABLE IF NOT EXISTS {} (\n  {}\n) COMMENT 'Runs of kiln, a row a step'",
            table.to_sql(),
            columns.join(",\n  ")
        )
    }

    /// Writes the statement that gives a table of an older version the columns that it lacks; none if it has all.
    pub fn addition(table: &TableName, has: impl Fn(&str) -> bool) -> Option<String> {
        let missing = COLUMNS.into_iter().filter(|(name, _, _)| !has(name));
        let missing: Vec<String> =
            missing.map(|(name, kind, comment)| format!("{name} {kind} COMMENT {}", string_literal(comment))).collect();
        (!missing.is_empty()).then(|| format!("ALTER TABLE {} ADD COLUMNS ({})", table.to_sql(), missing.join(", ")))
    }

    /// Writes the query for how long the steps of an environment take on average, in milliseconds, without their waiting.
    pub fn durations(table: &TableName, project: &str, environment: &str) -> String {
        format!(
            "SELECT step, CAST(avg(greatest(milliseconds - coalesce(waited_milliseconds, 0), 0)) AS BIGINT) AS took\n\
             FROM {}\n\
             WHERE project = {} AND environment = {} AND outcome = 'succeeded' AND coalesce(summary, '') <> 'unchanged'\n  \
             AND run_started_at >= current_timestamp() - INTERVAL 14 DAYS\n\
             GROUP BY step",
            table.to_sql(),
            string_literal(project),
            string_literal(environment)
        )
    }

    /// Writes the statements that add the run to it; none if it did not come to its end.
    pub fn insertions(&self, table: &TableName) -> Vec<String> {
        let (Some(run), Some(result)) = (&self.run, self.result) else { return Vec::new() };
        let columns = COLUMNS.map(|(name, _, _)| name).join(", ");
        let rows: Vec<String> = self.steps.iter().map(|ended| self.row(run, result, ended)).collect();
        rows.chunks(BATCH)
            .map(|rows| format!("INSERT INTO {} ({columns}) VALUES\n{}", table.to_sql(), rows.join(",\n")))
            .collect()
    }

    fn row(&self, run: &Run, result: RunResult, ended: &Ended) -> String {
        let text = |value: Option<&str>| value.map_or_else(|| "NULL".to_owned(), string_literal);
        let moment = |at: DateTime<Utc>| format!("TIMESTAMP '{}'", at.format("%Y-%m-%d %H:%M:%S%.6fZ"));
        let (outcome, summary) = words(&ended.outcome);
        let version = self.versions.get(&ended.step);
        let number = |value: Option<u64>| value.map_or_else(|| "NULL".to_owned(), |value| value.to_string());
        let values = [
            text(Some(run.run.as_str())),
            text(Some(&run.project)),
            text(Some(&run.environment)),
            text(Some(&run.by.act)),
            moment(run.began),
            text(Some(&word(&result))),
            text(run.by.user.as_deref()),
            text(Some(&run.by.machine)),
            text(run.by.commit.as_deref()),
            text(Some(env!("CARGO_PKG_VERSION"))),
            text(Some(ended.step.as_str())),
            text(self.kinds.get(&ended.step).map(word).as_deref()),
            text(Some(&outcome)),
            text(summary.filter(|summary| !summary.is_empty()).as_deref()),
            moment(ended.at),
            ended.milliseconds.to_string(),
            text(ended.statement.as_ref().map(StatementId::as_str)),
            text(version.map(|(table, _)| table.to_string()).as_deref()),
            number(version.map(|(_, version)| *version)),
            (ended.work.waited + ended.work.queued).to_string(),
            number(ended.work.rows),
        ];
        format!("({})", values.join(", "))
    }
}

/// Returns the word that the journal has for a value.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn words(outcome: &Outcome) -> (String, Option<String>) {
    let kind = serde_json::to_value(outcome).ok().and_then(|value| value["outcome"].as_str().map(str::to_owned));
    let summary = match outcome {
        Outcome::Succeeded { summary } => Some(summary.clone()),
        Outcome::Skipped { because } => Some(format!("it needs {because}")),
        Outcome::Stopped { because } => Some(format!("{because} failed")),
        Outcome::Cancelled => None,
        Outcome::Failed { failure } | Outcome::TestsFailed { failure } | Outcome::Stale { failure } => {
            Some(failure.message.clone())
        }
    };
    (kind.unwrap_or_default(), summary)
}
