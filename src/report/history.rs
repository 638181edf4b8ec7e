//! The history of runs: what a run did, as rows for a table of the environment.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::Report;
use crate::event::{Author, Event, EventKind, Outcome, RunResult, StepKind, Work};
use crate::ids::{Fingerprint, RunId, StatementId, StepId, TableName, string_literal};
use crate::manifest::HISTORY_COLUMNS;

/// The result of a run that has not ended.
pub const RUNNING: &str = "running";

/// Rows that one statement writes.
const BATCH: usize = 500;

/// Collects from a run's events what its history tells.
#[derive(Debug, Default)]
pub struct History {
    run: Option<Run>,
    kinds: HashMap<StepId, StepKind>,
    /// Tables of sources that steps read.
    reads: HashMap<StepId, Vec<TableName>>,
    /// The versions at which tables of sources are read.
    pinned: HashMap<TableName, u64>,
    /// The statements that steps sent, by their marks: of each its text, which is the same if it is sent again.
    sent: HashMap<StepId, HashMap<String, Fingerprint>>,
    /// The marks of the statements that the warehouse took.
    marks: HashMap<StatementId, String>,
    versions: HashMap<StepId, (TableName, u64)>,
    written_versions: HashMap<StepId, u64>,
    tests: HashMap<StepId, [u64; 3]>,
    steps: Vec<Ended>,
    /// How many of these steps are written already, while the run goes on.
    written: usize,
    /// Whether the run was broken off after some of its rows were written.
    is_begun: bool,
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
                self.reads = steps.iter().map(|outline| (outline.step.clone(), outline.reads.clone())).collect();
                self.run = Some(Run {
                    run: run.clone(),
                    project: project.clone(),
                    environment: environment.clone(),
                    by: by.clone(),
                    began: event.at,
                });
            }
            EventKind::SourcesPinned { versions, .. } => {
                self.pinned.extend(versions.iter().map(|pinned| (pinned.table.clone(), pinned.version.number)));
            }
            EventKind::StatementSending { .. } | EventKind::StatementAccepted { .. } => self.sent(&event.kind),
            EventKind::TableWritten { step, version, .. } => {
                self.written_versions.insert(step.clone(), *version);
            }
            EventKind::TableVersion { step, table, version } => {
                // Of a run that went on, the first is what the table was before the run.
                self.versions.entry(step.clone()).or_insert_with(|| (table.clone(), *version));
            }
            EventKind::Tested { step, passed, warned, failed } => {
                self.tests.insert(step.clone(), [*passed, *warned, *failed]);
            }
            EventKind::StepFinished { step, outcome, milliseconds, statement, work } => self.steps.push(Ended {
                step: step.clone(),
                outcome: outcome.clone(),
                at: event.at,
                milliseconds: *milliseconds,
                statement: statement.clone(),
                work: *work,
            }),
            EventKind::StepRead { step, bytes, written } => {
                if let Some(ended) = self.steps.iter_mut().rev().find(|ended| ended.step == *step) {
                    ended.work.read = Some(*bytes);
                    ended.work.written = *written;
                }
            }
            EventKind::RunFinished { result, .. } => self.result = Some(*result),
            _ => {}
        }
    }
}

impl History {
    /// Takes note of what the run had sent before it was broken off, also for steps that had not succeeded then.
    pub fn sent_before(&mut self, journal: &[Event]) {
        journal.iter().for_each(|event| self.sent(&event.kind));
    }

    fn sent(&mut self, event: &EventKind) {
        match event {
            EventKind::StatementSending { step, mark, statement } => {
                self.sent.entry(step.clone()).or_default().insert(mark.clone(), statement.clone());
            }
            EventKind::StatementAccepted { mark, statement, .. } => {
                self.marks.insert(statement.clone(), mark.clone());
            }
            _ => {}
        }
    }

    /// Counts how often the statement of a step was sent; of several, if it is unknown which, the one that was sent most.
    fn attempts(&self, ended: &Ended) -> Option<u64> {
        let sent = self.sent.get(&ended.step)?;
        let times = |text: &Fingerprint| sent.values().filter(|other| *other == text).count();
        let own = ended.statement.as_ref().and_then(|id| sent.get(self.marks.get(id)?));
        let times = own.map(times).or_else(|| sent.values().map(times).max())?;
        u64::try_from(times).ok()
    }

    /// Writes down at which versions a step has read tables of sources; none if it did not build from them.
    fn versions_read(&self, ended: &Ended) -> Option<String> {
        ended.statement.as_ref()?;
        let reads = self.reads.get(&ended.step)?;
        let versions: BTreeMap<String, u64> =
            reads.iter().filter_map(|table| Some((table.to_string(), *self.pinned.get(table)?))).collect();
        (!versions.is_empty()).then(|| serde_json::to_string(&versions).ok()).flatten()
    }

    /// Takes note that the run was broken off, maybe after some of its rows were written: these are to be written anew.
    pub fn begun_before(&mut self) {
        self.is_begun = true;
    }

    /// Writes the statement that gives a table of an older version the columns that it lacks; none if it has all.
    pub fn addition(table: &TableName, has: impl Fn(&str) -> bool) -> Option<String> {
        let missing = HISTORY_COLUMNS.into_iter().filter(|(name, _, _)| !has(name));
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

    /// Writes the statements that add what the run has done so far, as a run that goes on.
    pub fn so_far(&mut self, table: &TableName) -> Vec<String> {
        let Some(run) = &self.run else { return Vec::new() };
        let mut statements = self.clearing(run, table);
        statements.extend(self.insertions(run, RUNNING, table));
        self.written = self.steps.len();
        self.is_begun = false;
        statements
    }

    /// Writes the statements that add the run, or what is not there of it yet; none if it did not come to its end.
    pub fn at_end(&self, table: &TableName) -> Vec<String> {
        let (Some(run), Some(result)) = (&self.run, self.result) else { return Vec::new() };
        let result = word(&result);
        let mut statements = self.clearing(run, table);
        statements.extend(self.insertions(run, &result, table));
        if self.written > 0 {
            // What a statement read and made became known only now.
            let late = |column: &str, value: &dyn Fn(&Ended) -> Option<u64>| {
                let known = self.steps[..self.written].iter();
                let known = known.filter_map(|ended| Some((string_literal(ended.step.as_str()), value(ended)?)));
                let cases: Vec<String> = known.map(|(step, value)| format!("WHEN {step} THEN {value}")).collect();
                match cases.as_slice() {
                    [] => String::new(),
                    cases => format!(", {column} = CASE step {} ELSE {column} END", cases.join(" ")),
                }
            };
            let read = late("bytes_read", &|ended| ended.work.read);
            let written = late("bytes_written", &|ended| ended.work.written);
            let version = late("version_after", &|ended| self.written_versions.get(&ended.step).copied());
            statements.push(format!(
                "UPDATE {} SET run_result = {}{read}{written}{version} WHERE run = {} AND run_result = '{RUNNING}'",
                table.to_sql(),
                string_literal(&result),
                string_literal(run.run.as_str())
            ));
        }
        statements
    }

    /// Takes the rows out that a process wrote which did not come to the end.
    fn clearing(&self, run: &Run, table: &TableName) -> Vec<String> {
        let run = string_literal(run.run.as_str());
        let statement = || format!("DELETE FROM {} WHERE run = {run} AND run_result = '{RUNNING}'", table.to_sql());
        self.is_begun.then(statement).into_iter().collect()
    }

    fn insertions(&self, run: &Run, result: &str, table: &TableName) -> Vec<String> {
        let columns = HISTORY_COLUMNS.map(|(name, _, _)| name).join(", ");
        let rows: Vec<String> = self.steps[self.written..].iter().map(|ended| self.row(run, result, ended)).collect();
        rows.chunks(BATCH)
            .map(|rows| format!("INSERT INTO {} ({columns}) VALUES\n{}", table.to_sql(), rows.join(",\n")))
            .collect()
    }

    fn row(&self, run: &Run, result: &str, ended: &Ended) -> String {
        let text = |value: Option<&str>| value.map_or_else(|| "NULL".to_owned(), string_literal);
        let moment = |at: DateTime<Utc>| format!("TIMESTAMP '{}'", at.format("%Y-%m-%d %H:%M:%S%.6fZ"));
        let (outcome, summary) = words(&ended.outcome);
        let version = self.versions.get(&ended.step);
        let number = |value: Option<u64>| value.map_or_else(|| "NULL".to_owned(), |value| value.to_string());
        let tests = self.tests.get(&ended.step);
        let tests = |of: usize| number(tests.map(|tests| tests[of]));
        let values = [
            text(Some(run.run.as_str())),
            text(Some(&run.project)),
            text(Some(&run.environment)),
            text(Some(&run.by.act)),
            moment(run.began),
            text(Some(result)),
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
            tests(0),
            tests(1),
            tests(2),
            (ended.work.waited + ended.work.queued).to_string(),
            number(ended.work.rows),
            number(ended.work.read),
            number(self.attempts(ended)),
            number(self.written_versions.get(&ended.step).copied()),
            text(self.versions_read(ended).as_deref()),
            number(ended.work.written),
            ended.work.queued.to_string(),
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
