//! Carrying a plan out, with all that listens to it: terminal, record, page, interrupts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::connect::{Environment, kiln_dir};
use super::durations;
use super::error::Error;
use super::journal::Journal;
use super::notify::{self, Listeners};
use super::output::{Format, Output};
use super::telemetry::Telemetry;
use crate::config::{MOST_STATEMENTS, Project};
use crate::databricks::{self, BRIEF, Progress, Statement};
use crate::diag::sentence;
use crate::event::{Author, Event, EventKind, Insistence, RunResult, standing};
use crate::execute::{self, Ahead, Earlier};
use crate::fivetran::sync::Delivered;
use crate::ids::{ConnectionName, RunId, TableName, string_literal};
use crate::manifest::Manifest;
use crate::plan::{Action, HISTORY_TABLE, RunPlan, history_creation};
use crate::report::answer::Answer;
use crate::report::history::{History, RUNNING};
use crate::report::json::JsonLines;
use crate::report::notice::Notice;
use crate::report::terminal::Terminal;
use crate::report::{Report, github};

/// Options of the commands that carry a plan out.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct RunArgs {
    /// How many statements may run on the warehouse at once [default: `concurrency` of the environment, or 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_STATEMENTS)))]
    concurrency: Option<u16>,
    /// End with the first failure: cancel what runs, begin nothing more [default: go on with what does not depend on it]
    #[arg(long)]
    fail_fast: bool,
}

/// Statements at once, where neither the command line nor the environment says how many.
const CONCURRENCY: u16 = 8;

/// Events that may wait for slow reports before the run itself is held up.
const EVENT_BACKLOG: usize = 1024;

/// A run that is about to begin, or to go on.
pub(super) struct Start {
    pub(super) plan: RunPlan,
    pub(super) run: RunId,
    pub(super) by: Author,
    pub(super) journal: Journal,
    /// The events of its journal; none if it begins.
    pub(super) earlier: Vec<Event>,
    /// Syncs that have begun already.
    pub(super) ahead: Ahead,
    pub(super) insistence: Insistence,
    /// What a webhook told.
    pub(super) delivered: Option<(ConnectionName, Delivered)>,
    /// Whether the tables that it changes go back to what they were where not all of it succeeds.
    pub(super) all_or_nothing: bool,
}

/// Carries a plan out, and shows and records what happens.
pub(super) async fn carry_out(
    start: Start,
    environment: &Environment,
    args: &RunArgs,
    project: &Project,
    output: &Output,
) -> RunResult {
    let Start { plan, run, by, journal, earlier, ahead, insistence, delivered, all_or_nothing } = start;
    let act = by.act.clone();
    let can_go_on = plan.job.is_some() || insistence.backfill.is_some();
    let cancel = CancellationToken::new();
    let interrupts = tokio::spawn(cancel_on_interrupts(cancel.clone()));
    let (events, received) = mpsc::channel(EVENT_BACKLOG);
    let history = TableName::new(&plan.catalog, &plan.schema, HISTORY_TABLE);
    let concurrency = usize::from(args.concurrency.or(project.environment.concurrency).unwrap_or(CONCURRENCY));
    let settings = execute::Settings {
        run,
        by,
        concurrency,
        expected: durations::expected(&plan, concurrency, &kiln_dir(project), &history, environment).await,
        fail_fast: args.fail_fast,
        insistence,
        delivered,
        clock: Arc::new(chrono::Utc::now),
        receipts: Some(journal.receipts()),
    };
    let kept = Kept::of(&plan, &history);
    let listeners = Listeners::of(project, plan.job.as_ref());
    let page = plan.job.as_ref().map(|job| kiln_dir(project).join("pages").join(format!("{job}.html")));
    let mut reports = Reports::new(output, journal, Telemetry::of(project, environment));
    // Some of its rows may be there, whether or not its journal came to say so.
    if !earlier.is_empty() {
        reports.history.begun_before();
        reports.history.sent_before(&earlier);
    }
    for event in &standing(&earlier) {
        reports.show(event);
        reports.telemetry.event(event, true);
    }
    let earlier = Earlier::of(&earlier).with(ahead);
    let (result, reports) = tokio::join!(
        execute::run(plan, environment.connected.clone(), settings, earlier, events, cancel),
        reports.listen(received, &history, environment, output)
    );
    interrupts.abort();
    // Asked before this run is the last one in the history.
    let recovered = result == RunResult::Succeeded
        && listeners.want_recoveries()
        && notify::failed_before(&history, &act, project, environment).await;
    if kept != Kept::No
        && let Err(error) = keep_history(reports.history.at_end(&history), &history, kept, environment).await
    {
        output.status(&format!("warning: the run is missing in {history}: {error}"));
    }
    // What has failed leaves nothing then to go on from.
    let can_go_on = can_go_on && !(all_or_nothing && has_failed(result));
    reports.finish(result, can_go_on, page, output);
    listeners.tell(&reports.notice, &reports.answer, recovered, (environment, project), output).await;
    reports.telemetry.finish(output).await;
    result
}

/// Whether the history takes a run in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    No,
    /// If its table is there.
    IfThere,
    Always,
}

impl Kept {
    /// A run that makes something is kept; one that only drops things, so that nobody takes them for dropped by others.
    fn of(plan: &RunPlan, history: &TableName) -> Self {
        let any = |is_it: fn(&Action) -> bool| plan.steps.values().any(|step| is_it(&step.action));
        let makes = |action: &Action| {
            matches!(action, Action::Build(_) | Action::Backfill(_) | Action::Restore(_) | Action::Publish(_))
        };
        let drops_history = plan.steps.values().any(|step| match &step.action {
            Action::Alter(alter) => alter.drops && alter.object == history.to_string(),
            _ => false,
        });
        if drops_history {
            Self::No
        } else if any(makes) {
            Self::Always
        } else if any(|action| matches!(action, Action::Alter(alter) if alter.drops)) {
            Self::IfThere
        } else {
            Self::No
        }
    }
}

impl Start {
    /// A run that begins, and of which nothing but its plan is wanted.
    pub(super) fn new(plan: RunPlan, run: RunId, by: Author, journal: Journal) -> Self {
        let insistence = Insistence::default();
        Self {
            plan,
            run,
            by,
            journal,
            earlier: Vec::new(),
            ahead: Ahead::default(),
            insistence,
            delivered: None,
            all_or_nothing: false,
        }
    }
}

/// Tells whether not all of a run succeeded, though it came to its end.
pub(super) fn has_failed(result: RunResult) -> bool {
    matches!(result, RunResult::TestsFailed | RunResult::Failed | RunResult::Stale)
}

/// Adds a run that has ended to the history of its environment, if that does not know its end; tells whether it did not.
pub(super) async fn complete_history(
    run: &RunId,
    journal: &[Event],
    manifest: &Manifest,
    environment: &Environment,
) -> Result<bool, Error> {
    let table = super::runs::table(manifest);
    let sql = format!(
        "SELECT 1 FROM {} WHERE run = {} AND run_result <> '{RUNNING}' LIMIT 1",
        table.to_sql(),
        string_literal(run.as_str())
    );
    if !environment.history(manifest, &sql).await?.rows.is_empty() {
        return Ok(false);
    }
    let mut history = History::default();
    history.begun_before();
    standing(journal).iter().chain(journal.last()).for_each(|event| history.event(event));
    let kept = keep_history(history.at_end(&table), &table, Kept::Always, environment).await;
    kept.map(|()| true).map_err(|error| {
        Error::refused(format!("{table} could not be written: {error}")).with_help(sentence(&error.help()))
    })
}

/// Adds to the history of an environment, and makes the table if this is the first that it gets.
async fn keep_history(
    statements: Vec<String>,
    table: &TableName,
    kept: Kept,
    environment: &Environment,
) -> Result<(), databricks::Error> {
    let run = async |sql: String| {
        let warehouse = environment.connected.warehouse.clone();
        let statement = Statement { repeatable: true, within: Some(BRIEF), ..Statement::new(sql, warehouse) };
        // It is short, and wanted also of a run that was interrupted.
        let (statements, never) = (environment.connected.databricks.statements(), CancellationToken::new());
        statements.execute(&statement, &never, &mut |_: Progress| {}).await.map(drop)
    };
    for statement in statements {
        match run(statement.clone()).await {
            Err(databricks::Error::Statement(error)) if error.is_missing_table() && kept != Kept::Always => {
                return Ok(());
            }
            Err(databricks::Error::Statement(error)) if error.is_missing_table() => {
                run(history_creation(table)).await?;
                run(statement).await?;
            }
            Err(databricks::Error::Statement(error)) => {
                // The table may be of a version that told less.
                let there = environment.connected.databricks.unity().table(table).await?;
                let columns = there.and_then(|there| there.columns).unwrap_or_default();
                let has = |name: &str| columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
                let addition = History::addition(table, has).filter(|_| !columns.is_empty());
                let Some(addition) = addition else { return Err(error.into()) };
                run(addition).await?;
                run(statement).await?;
            }
            ended => ended?,
        }
    }
    Ok(())
}

/// All that listens to a run.
struct Reports {
    screen: Option<Terminal>,
    lines: Option<JsonLines>,
    journal: Journal,
    answer: Answer,
    history: History,
    notice: Notice,
    telemetry: Telemetry,
}

impl Reports {
    fn new(output: &Output, journal: Journal, telemetry: Telemetry) -> Self {
        let json = output.format == Format::Json;
        Self {
            screen: (!json).then(|| Terminal::new(output.width(), output.color, output.interactive)),
            lines: json.then(JsonLines::new),
            journal,
            answer: Answer::default(),
            history: History::default(),
            notice: Notice::default(),
            telemetry,
        }
    }

    async fn listen(
        mut self,
        mut events: mpsc::Receiver<Event>,
        history: &TableName,
        environment: &Environment,
        output: &Output,
    ) -> Self {
        while let Some(event) = events.recv().await {
            // Before the journal has it, for then the step goes on and asks.
            if matches!(event.kind, EventKind::RunSoFar { .. })
                && let Err(error) = keep_history(self.history.so_far(history), history, Kept::Always, environment).await
            {
                output.status(&format!("warning: this run is missing in {history}, and where that is shown: {error}"));
            }
            self.journal.event(&event);
            self.show(&event);
            self.telemetry.event(&event, false);
        }
        self
    }

    fn show(&mut self, event: &Event) {
        self.answer.event(event);
        self.history.event(event);
        self.notice.event(event);
        if let Some(screen) = &mut self.screen {
            screen.event(event);
        }
        if let Some(lines) = &mut self.lines {
            lines.event(event);
        }
    }

    /// Shows what the run found out, and writes the page if the run has everything that belongs on it: a page of half
    /// a run could be taken for the truth, so the last good one stays.
    fn finish(&self, result: RunResult, can_go_on: bool, page: Option<PathBuf>, output: &Output) {
        if let Some(error) = self.journal.failure() {
            output.status(&format!("warning: the run's journal is incomplete: {error}"));
        }
        if output.format == Format::Github {
            output.data(&github::annotations(self.answer.failures()));
        }
        output.summary(|| self.answer.markdown());
        let is_unfinished =
            matches!(result, RunResult::Failed | RunResult::Stale | RunResult::Unreachable | RunResult::Interrupted);
        if can_go_on && is_unfinished {
            output.status("`kiln resume` goes on from here");
        }
        let Some(page) = page.filter(|_| result == RunResult::Succeeded && self.answer.has_dashboards()) else {
            return;
        };
        if output.format != Format::Json {
            output.data(&self.answer.text(output.width(), output.stdout_color()));
        }
        let html = self.answer.page();
        match write_page(&page, &html) {
            Ok(()) => output.status(&format!("page: {}", page.display())),
            Err(error) => output.status(&format!("warning: the page could not be written: {error}")),
        }
    }
}

/// Writes a page beside its place and moves it there, so that nobody ever opens half of one.
fn write_page(path: &Path, html: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder)?;
    let new = path.with_extension("html.new");
    fs_err::write(&new, html)?;
    fs_err::rename(new, path)
}

/// Makes a run's id: its start to the millisecond, so that runs sort, and a few random digits, so that two never meet.
pub(super) fn new_run_id() -> RunId {
    let random = uuid::Uuid::new_v4().simple().to_string();
    RunId::new(format!("{}-{}", chrono::Utc::now().format("%Y%m%dT%H%M%S%3fZ"), &random[..6]))
}

/// The first interrupt cancels the run, the second leaves at once.
async fn cancel_on_interrupts(cancel: CancellationToken) {
    termination().await;
    // Who listens for the second does so before the first has any effect.
    let _ = futures::future::join(termination(), async { cancel.cancel() }).await;
    leave();
}

#[expect(clippy::exit, reason = "the second interrupt means: now, whatever still runs")]
fn leave() -> ! {
    std::process::exit(130)
}

/// Waits for Ctrl-C or SIGTERM.
pub(super) async fn termination() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
