//! `kiln runs`.

use std::collections::HashSet;

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::connect::{Environment, kiln_dir};
use super::error::Error;
use super::journal;
use super::output::{Format, Output};
use super::sync_and_refresh::place_of;
use super::{ProjectArgs, Status};
use crate::config::Project;
use crate::databricks::{self, BRIEF, Progress, Statement};
use crate::diag::sentence;
use crate::event::{Event, EventKind, Outcome, QueryResult};
use crate::execute::lock;
use crate::ids::{RunId, TableName, string_literal};
use crate::manifest::Manifest;
use crate::plan::HISTORY_TABLE;
use crate::report::grid::grid;
use crate::report::history::RUNNING;

/// List the runs of an environment, the newest first, or show one of them
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    project: ProjectArgs,
    /// How many runs
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Show(Show),
}

/// Show the steps of a run
#[derive(Debug, clap::Args)]
struct Show {
    /// The run
    #[arg(value_parser = run_id)]
    run: RunId,
    #[command(flatten)]
    project: ProjectArgs,
}

/// Reads a run's id.
pub(super) fn run_id(text: &str) -> Result<RunId, String> {
    let is_id = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_id { Ok(RunId::new(text)) } else { Err("this is no run, as in `20261124T083000123Z-1a2b3c`".to_owned()) }
}

/// The widest a column of the list is shown.
const CELL: usize = 60;

pub(super) async fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let project = match &args.command {
        Some(Command::Show(show)) => &show.project,
        None => &args.project,
    };
    let (project, manifest) = project.compile(output)?;
    let environment = Environment::connect(&project, output).await?;
    let found = match &args.command {
        Some(Command::Show(show)) => environment.history(&manifest, &steps_of(&manifest, &show.run)).await,
        None => environment.runs(&project, &manifest, args.limit).await,
    };
    environment.close().await;
    let found = found?;
    if let Some(Command::Show(show)) = args.command.as_ref().filter(|_| found.rows.is_empty()) {
        return Err(unknown(&project, &show.run));
    }
    if found.rows.is_empty() {
        output.status(&format!("no run of `{}` has been carried out in `{}`", project.name, project.environment.name));
    }
    match output.format {
        Format::Json => found.rows.iter().for_each(|row| output.data(&json_line(&found, row))),
        Format::Text | Format::Github | Format::Sarif if !found.rows.is_empty() => {
            let lines: Vec<String> = grid(&found, CELL).iter().map(|line| line.trim_end().to_owned()).collect();
            output.data(&lines.join("\n"));
        }
        Format::Text | Format::Github | Format::Sarif => {}
    }
    Ok(Status::Done)
}

/// Says why nothing can be shown of a run.
fn unknown(project: &Project, run: &RunId) -> Error {
    let environment = &project.environment.name;
    if journal::runs(&kiln_dir(project)).contains(run) {
        let text = format!("run {run} has written nothing into environment `{environment}`");
        return Error::usage(text)
            .with_help(format!("What it did stands in {}.", journal::path_of(&kiln_dir(project), run).display()));
    }
    let text = format!("environment `{environment}` knows no run {run}");
    Error::usage(text).with_help("`kiln runs` lists them.")
}

/// What is said of a run that neither goes on nor came to its end.
const INTERRUPTED: &str = "interrupted";

impl Environment {
    /// Lists the newest runs: those that the history of the environment has, and those that died here before they were in it.
    async fn runs(&self, project: &Project, manifest: &Manifest, limit: u16) -> Result<QueryResult, Error> {
        let mut found = self.history(manifest, &newest(manifest, limit)).await?;
        if found.columns.is_empty() {
            found.columns = LISTED.map(|(name, kind)| (name.to_owned(), kind.to_owned())).to_vec();
        }
        let (run, result) = (0, 2);
        let full = found.rows.len() >= usize::from(limit);
        let oldest = found.rows.last().and_then(|row| row[run].clone()).filter(|_| full).unwrap_or_default();
        let known: HashSet<String> = found.rows.iter().filter_map(|row| row[run].clone()).collect();
        found.rows.extend(broken_off(project, |run| run.as_str() > oldest.as_str() && !known.contains(run.as_str())));
        found.rows.sort_by(|a, b| b[run].cmp(&a[run]));
        found.rows.truncate(usize::from(limit));
        if found.rows.iter().any(|row| row[result].as_deref() == Some(RUNNING)) {
            let holder = lock::holder(&self.connected, &place_of(manifest)).await;
            let holder = holder.map_err(|refusal| Error::refused(refusal.message).with_help(refusal.help))?;
            // A run that changes nothing writes nothing down, so what is under way has the lock, wherever it runs.
            let goes_on = |id: &str| {
                holder.as_ref().is_some_and(|holder| {
                    holder.run == id && journal::is_dead(&kiln_dir(project), &RunId::new(id)).is_none()
                })
            };
            for row in &mut found.rows {
                if row[result].as_deref() == Some(RUNNING) && !row[run].as_deref().is_some_and(goes_on) {
                    row[result] = Some(INTERRUPTED.to_owned());
                }
            }
        }
        Ok(found)
    }
}

/// Reads from the journals here which runs of an environment were broken off, as rows of the list.
fn broken_off(project: &Project, asked: impl Fn(&RunId) -> bool) -> Vec<Vec<Option<String>>> {
    let dir = kiln_dir(project);
    let dead = journal::runs(&dir).into_iter().filter(|run| asked(run) && journal::is_dead(&dir, run).is_some());
    dead.filter_map(|run| row_of(project, &run, &journal::read(&dir, &run).ok()?)).collect()
}

fn row_of(project: &Project, run: &RunId, events: &[Event]) -> Option<Vec<Option<String>>> {
    let end = events.iter().rfind(|event| {
        matches!(
            event.kind,
            EventKind::RunStarted { .. } | EventKind::RunResumed { .. } | EventKind::RunFinished { .. }
        )
    })?;
    if matches!(end.kind, EventKind::RunFinished { .. }) {
        return None;
    }
    let (started, by) = events.iter().find_map(|event| match &event.kind {
        EventKind::RunStarted { by, project: of, environment, .. }
            if *of == project.name && *environment == project.environment.name =>
        {
            Some((event.at, by))
        }
        _ => None,
    })?;
    let outcomes = events.iter().filter_map(|event| match &event.kind {
        EventKind::StepFinished { outcome, .. } => Some(outcome),
        _ => None,
    });
    let (mut steps, mut unchanged, mut not_done) = (0, 0, 0);
    for outcome in outcomes {
        steps += 1;
        match outcome {
            Outcome::Succeeded { summary } => unchanged += i32::from(summary == "unchanged"),
            _ => not_done += 1,
        }
    }
    let took = events.last().map(|last| (last.at - started).num_seconds());
    Some(vec![
        Some(run.to_string()),
        Some(by.act.clone()),
        Some(INTERRUPTED.to_owned()),
        Some(started.format("%Y-%m-%d %H:%M:%S").to_string()),
        took.map(|seconds| format!("{seconds} s")),
        Some(steps.to_string()),
        Some(unchanged.to_string()),
        Some(not_done.to_string()),
        by.user.clone(),
    ])
}

/// The columns of the list, which `newest` asks for.
const LISTED: [(&str, &str); 9] = [
    ("run", "STRING"),
    ("act", "STRING"),
    ("result", "STRING"),
    ("started", "STRING"),
    ("took", "STRING"),
    ("steps", "BIGINT"),
    ("unchanged", "BIGINT"),
    ("not_done", "BIGINT"),
    ("run_by", "STRING"),
];

fn newest(manifest: &Manifest, limit: u16) -> String {
    format!(
        "SELECT run, any_value(act) AS act, any_value(run_result) AS result,\n  \
         date_format(min(run_started_at), 'yyyy-MM-dd HH:mm:ss') AS started,\n  \
         CAST(unix_seconds(max(ended_at)) - unix_seconds(min(run_started_at)) AS STRING) || ' s' AS took,\n  \
         count(*) AS steps, count_if(summary = 'unchanged') AS unchanged,\n  \
         count_if(outcome <> 'succeeded') AS not_done, any_value(run_by) AS run_by\n\
         FROM {} WHERE project = {} GROUP BY run ORDER BY run DESC LIMIT {limit}",
        table(manifest).to_sql(),
        string_literal(&manifest.project)
    )
}

/// The columns that a history lacks which an older version of kiln made, until its next run: the newest first.
const FIGURES: [&str; 2] = [
    "queued_milliseconds, bytes_written, attempt, version_after, versions_read,",
    "waited_milliseconds, rows_written, bytes_read,",
];

fn steps_of(manifest: &Manifest, run: &RunId) -> String {
    let [newer, older] = FIGURES;
    format!(
        "SELECT step, outcome, milliseconds, {older} {newer}\n  \
         date_format(ended_at, 'yyyy-MM-dd HH:mm:ss') AS ended, table_name, version_before, statement_id, summary\n\
         FROM {} WHERE project = {} AND run = {} ORDER BY ended_at, step",
        table(manifest).to_sql(),
        string_literal(&manifest.project),
        string_literal(run.as_str())
    )
}

/// Returns the table that tells of runs.
pub(super) fn table(manifest: &Manifest) -> TableName {
    TableName::new(&manifest.catalog, &manifest.schema, HISTORY_TABLE)
}

impl Environment {
    /// Asks the history of runs; nothing if there is none yet.
    pub(super) async fn history(&self, manifest: &Manifest, sql: &str) -> Result<QueryResult, Error> {
        let warehouse = self.connected.warehouse.clone();
        let statement = Statement { read_only: true, within: Some(BRIEF), ..Statement::new(sql, warehouse) };
        let never = CancellationToken::new();
        let statements = self.connected.databricks.statements();
        match statements.execute(&statement, &never, &mut |_: Progress| {}).await {
            Ok(result) => Ok(QueryResult {
                columns: result.columns.into_iter().map(|c| (c.name, c.type_text)).collect(),
                rows: result.rows,
                truncated: result.truncated,
            }),
            Err(databricks::Error::Statement(error))
                if error.is_missing_column() && FIGURES.iter().any(|figures| sql.contains(figures)) =>
            {
                let without = FIGURES.iter().find(|figures| sql.contains(*figures)).map_or("", |figures| *figures);
                Box::pin(self.history(manifest, &sql.replace(without, ""))).await
            }
            Err(databricks::Error::Statement(error)) if error.is_missing_table() || error.is_missing_schema() => {
                Ok(QueryResult::default())
            }
            Err(error) => Err(Error::refused(format!("{} could not be read: {error}", table(manifest)))
                .with_help(sentence(&error.help()))),
        }
    }
}

fn json_line(found: &QueryResult, row: &[Option<String>]) -> String {
    let value = |(name, kind): &(String, String), cell: &Option<String>| {
        let value = match cell {
            None => Value::Null,
            Some(text) if kind == "BIGINT" => text.parse::<i64>().map_or_else(|_| text.clone().into(), Value::from),
            Some(text) => text.clone().into(),
        };
        (name.clone(), value)
    };
    let object: Map<String, Value> = found.columns.iter().zip(row).map(|(column, cell)| value(column, cell)).collect();
    Value::Object(object).to_string()
}
