//! `kiln rollback`, and what goes back by itself.

use std::collections::HashSet;

use futures::StreamExt as _;

use super::author::author;
use super::connect::{Environment, kiln_dir};
use super::error::Error;
use super::journal::{self, Journal};
use super::locking::{Held, Locking};
use super::output::Output;
use super::running::{RunArgs, Start, carry_out, new_run_id};
use super::runs::{run_id, table};
use super::sync_and_refresh::place_of;
use super::{ProjectArgs, Status, guard};
use crate::config::Project;
use crate::databricks::{self, Column};
use crate::diag::sentence;
use crate::event::{Author, Event, EventKind, Outcome, RunResult};
use crate::ids::{RunId, StepId, TableName, quote_identifier, string_literal};
use crate::manifest::Manifest;
use crate::plan::{self, Restore};

/// Put every table that a run changed back to the version that it had before
///
/// Views and dashboards stay as they are, and so do tables that the run made. A rollback is a run like others: rolling it
/// back undoes it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The run [default: the newest that changed a table]
    #[arg(value_parser = run_id)]
    run: Option<RunId>,
    /// Also undo what later runs have changed
    #[arg(long, requires = "run")]
    and_later: bool,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    options: RunArgs,
    #[command(flatten)]
    locking: Locking,
    /// Do not ask, though the environment is protected
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(args: &Args, output: &Output) -> Result<Status, Error> {
    let (project, manifest) = args.project.compile(output)?;
    let environment = Environment::connect(&project, output).await?;
    let (undone, tables) = changed(&environment, &manifest, args.run.as_ref(), args.and_later).await?;
    if !args.and_later {
        refuse_if_changed_since(&environment, &manifest, &undone, &tables).await?;
    }
    refuse_what_is_gone(&environment, &tables).await?;
    for restore in &tables {
        output.status(&format!("{} goes back to version {}", restore.table, restore.to));
    }
    guard::pass(&project, args.yes, &format!("roll back run {undone} in")).await?;
    let (run, kiln_dir) = (new_run_id(), kiln_dir(&project));
    let journal = Journal::create(&kiln_dir, &run)?;
    let alive = journal.alive()?;
    let by = author(&environment, &project, format!("rollback {undone}")).await?;
    let held = Held::take(&environment, place_of(&manifest), &run, &by, &kiln_dir, &args.locking, output).await?;
    let plan = plan::rollback(&manifest, tables);
    let result = carry_out(Start::new(plan, run, by, journal), &environment, &args.options, &project, output).await;
    held.release(output).await;
    drop(alive);
    environment.close().await;
    Ok(result.into())
}

/// Rows of the history that tell of a table that was there and changed: new rows that failed their tests were not taken in.
const CHANGED: &str = "version_before IS NOT NULL AND outcome <> 'tests_failed'";

/// Puts back what a run has changed that ended without all of it succeeding, as a run of its own; the schema is locked for the
/// first. `journal` holds the events of that.
pub(super) async fn put_back(
    undone: &RunId,
    by: Author,
    manifest: &Manifest,
    environment: &Environment,
    args: &RunArgs,
    project: &Project,
    output: &Output,
) -> Result<(), Error> {
    let kiln_dir = kiln_dir(project);
    let tables = journal::read(&kiln_dir, undone).map(|events| changed_by(&events));
    let tables = tables.map_err(|error| Error::refused(format!("the run's journal cannot be read: {error}")))?;
    let count = match tables.len() {
        0 => return Ok(()),
        1 => "1 table goes".to_owned(),
        many => format!("{many} tables go"),
    };
    output.status(&format!("not all of the job succeeded, and it is all or nothing: {count} back to what they were"));
    let (run, by) = (new_run_id(), Author { act: format!("rollback {undone}"), ..by });
    let journal = Journal::create(&kiln_dir, &run)?;
    let start = Start::new(plan::rollback(manifest, tables), run, by, journal);
    match carry_out(start, environment, args, project, output).await {
        RunResult::Succeeded => Ok(()),
        _ => Err(Error::refused("not all of these tables are as they were before the run")
            .with_help(format!("`kiln rollback {undone} --and-later` tries again."))),
    }
}

/// Reads from a run's events which tables it changed, with the versions that they had before.
fn changed_by(events: &[Event]) -> Vec<Restore> {
    let rejected: HashSet<&StepId> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::StepFinished { step, outcome: Outcome::TestsFailed { .. }, .. } => Some(step),
            _ => None,
        })
        .collect();
    // Of a run that went on, the first is what the table was before the run.
    let mut tables: Vec<Restore> = Vec::new();
    for event in events {
        if let EventKind::TableVersion { step, table, version } = &event.kind
            && !rejected.contains(step)
            && tables.iter().all(|restore| restore.table != *table)
        {
            tables.push(Restore { table: table.clone(), to: *version });
        }
    }
    tables
}

/// Finds the tables that a run changed, with the versions that they had before.
async fn changed(
    environment: &Environment,
    manifest: &Manifest,
    run: Option<&RunId>,
    and_later: bool,
) -> Result<(RunId, Vec<Restore>), Error> {
    let history = table(manifest).to_sql();
    let project = string_literal(&manifest.project);
    let wanted = match run {
        Some(run) => string_literal(run.as_str()),
        None => format!("(SELECT max(run) FROM {history} WHERE project = {project} AND {CHANGED})"),
    };
    let which = if and_later { ">=" } else { "=" };
    // Versions only grow, so the least is the one before the first of these runs.
    let sql = format!(
        "SELECT min(min(run)) OVER (), table_name, min(version_before) FROM {history}\n\
         WHERE project = {project} AND {CHANGED} AND run {which} {wanted}\n\
         GROUP BY table_name ORDER BY table_name"
    );
    let found = environment.history(manifest, &sql).await?;
    let restore = |row: &Vec<Option<String>>| {
        let [Some(run), Some(table), Some(version)] = row.as_slice() else { return None };
        Some((RunId::new(run), Restore { table: own_table(manifest, table)?, to: version.parse().ok()? }))
    };
    let (runs, tables): (Vec<RunId>, Vec<Restore>) = found.rows.iter().filter_map(restore).unzip();
    let first = runs.into_iter().next().filter(|first| run.is_none_or(|run| run == first));
    match (first, run) {
        (Some(run), _) => Ok((run, tables)),
        (None, Some(run)) => {
            Err(Error::usage(format!("run {run} changed no table that was there before, or is unknown"))
                .with_help("`kiln runs` lists the runs, and `kiln runs show RUN` the tables that one changed."))
        }
        (None, None) => {
            Err(Error::usage("no run has changed a table that was there before").with_help("There is nothing to undo."))
        }
    }
}

/// Refuses where another run has changed one of the tables later.
async fn refuse_if_changed_since(
    environment: &Environment,
    manifest: &Manifest,
    run: &RunId,
    tables: &[Restore],
) -> Result<(), Error> {
    let names: Vec<String> = tables.iter().map(|restore| string_literal(&restore.table.to_string())).collect();
    let sql = format!(
        "SELECT run, min(table_name) FROM {} WHERE run > {} AND {CHANGED} AND table_name IN ({})\n\
         GROUP BY run ORDER BY run DESC LIMIT 1",
        table(manifest).to_sql(),
        string_literal(run.as_str()),
        names.join(", ")
    );
    let later = environment.history(manifest, &sql).await?;
    let Some([Some(later), Some(name)]) = later.rows.first().map(Vec::as_slice) else { return Ok(()) };
    Err(Error::usage(format!("run {later} has changed {name} since"))
        .with_help(format!("Undo what came after it too: `kiln rollback {run} --and-later`.")))
}

/// Versions that are looked at side by side.
const LOOKS: usize = 8;

/// Refuses where a version can be read no more, before the first table changes: of tables that read each other, some of before
/// and some of after would be worse than what is there.
async fn refuse_what_is_gone(environment: &Environment, tables: &[Restore]) -> Result<(), Error> {
    let looks = tables.iter().map(|restore| async move { (restore, look(environment, restore).await) });
    let looked: Vec<_> = futures::stream::iter(looks).buffered(LOOKS).collect().await;
    let mut gone = Vec::new();
    for (Restore { table, to }, found) in looked {
        match found {
            Ok(()) => {}
            Err(databricks::Error::Statement(error)) => gone.push(format!("{table} to version {to}: {error}")),
            Err(error) => {
                let text = format!("whether version {to} of {table} is still there is unknown: {error}");
                return Err(Error::refused(text).with_help(sentence(&error.help())));
            }
        }
    }
    if gone.is_empty() {
        return Ok(());
    }
    let (few, all) = (gone.len(), tables.len());
    Err(Error::usage(format!("{few} of {all} tables cannot be put back, so none was: {}", gone.join("; "))).with_help(
        "VACUUM deletes the files of old versions, by default after 7 days (`delta.deletedFileRetentionDuration`). \
         `kiln sync-and-refresh --force` builds tables anew from what the sources say now.",
    ))
}

/// Reads something of each file of a table's version. The first statement shows whether the table's log knows the version, and
/// what columns it had; data files that were deleted are missed only by who reads them, for which the narrowest column suffices.
async fn look(environment: &Environment, restore: &Restore) -> Result<(), databricks::Error> {
    const NARROWEST_FIRST: &str = "BOOLEAN BYTE SHORT INT DATE FLOAT LONG DOUBLE TIMESTAMP DECIMAL STRING BINARY";
    let from = format!("FROM {} VERSION AS OF {}", restore.table.to_sql(), restore.to);
    let columns = environment.ask(format!("SELECT * {from} LIMIT 0")).await?.columns;
    let width = |column: &Column| NARROWEST_FIRST.split(' ').position(|name| column.type_name == name);
    let narrowest = columns.iter().filter_map(|column| Some((width(column)?, column))).min_by_key(|(width, _)| *width);
    let Some((_, column)) = narrowest else { return Ok(()) };
    // No statistics answer for a hash.
    environment.ask(format!("SELECT max(hash({})) {from}", quote_identifier(&column.name))).await.map(drop)
}

/// Reads a name of the history.
fn own_table(manifest: &Manifest, name: &str) -> Option<TableName> {
    let schema = TableName::new(&manifest.catalog, &manifest.schema, "").to_string();
    name.strip_prefix(&schema).map(|own| TableName::new(&manifest.catalog, &manifest.schema, own))
}
