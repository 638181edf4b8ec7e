//! Builds a model's table or view: one statement on the warehouse.

use std::sync::PoisonError;
use std::time::Duration;

use futures::future::BoxFuture;

use super::super::lock;
use super::super::tally::{Followed, Stage};
use super::databricks_alter::run_all;
use super::{Context, Finished, RUN_TAG, Reporter, STEP_TAG, Shared, failure};
use super::{databricks_audit, databricks_increment, databricks_version};
use crate::config::Materialization;
use crate::databricks::wire::StatementState;
use crate::databricks::{BRIEF, Error, Listener, Progress, Sent, Statement, StatementResult};
use crate::event::{EventKind, Failure, Outcome, Place};
use crate::ids::{Fingerprint, StatementId};
use crate::plan::{BuildModel, Done, Gaps, Versions, Written};

pub(super) async fn run(model: &BuildModel, context: &Context, reporter: &Reporter) -> Finished {
    let from = Fixed::of(model, context);
    let finished = if !context.force && !model.insist && from.is_done(model) {
        tidy(model, context, reporter).await
    } else if let Some(increment) = &model.increment {
        databricks_increment::run(model, increment, &from, context, reporter).await
    } else {
        build(model, &from, context, reporter).await
    };
    if finished.outcome.succeeded() {
        note_built(model, from, context);
    }
    finished
}

/// Builds a window of a model again.
pub(super) async fn backfill(model: &BuildModel, context: &Context, reporter: &Reporter) -> Finished {
    let from = Fixed::of(model, context);
    match &model.increment {
        Some(window) => databricks_increment::run(model, window, &from, context, reporter).await,
        None => build(model, &from, context, reporter).await,
    }
}

/// Leaves a model as it is, but for what a run that died, or whose tests failed, has left beside it.
async fn tidy(model: &BuildModel, context: &Context, reporter: &Reporter) -> Finished {
    match run_all(model.tidy.as_slice(), context, reporter).await {
        Ok(()) => Finished::succeeded("unchanged"),
        Err(Error::Interrupted { .. }) => Finished::new(Outcome::Cancelled),
        Err(error) => Finished::failed(explain(&model.model, &error)),
    }
}

/// Lets a model that is built already count for those that read it.
pub(super) fn adopt(model: &BuildModel, context: &Shared) {
    note_made(model, context);
    note_built(model, Fixed::of(model, context), context);
}

/// Remembers that a model was made anew, before anything else can go wrong.
fn note_made(model: &BuildModel, context: &Shared) {
    context.made.lock().unwrap_or_else(PoisonError::into_inner).insert(model.model.clone());
}

fn note_built(model: &BuildModel, from: Fixed, context: &Shared) {
    context.built.lock().unwrap_or_else(PoisonError::into_inner).insert(model.model.clone(), from.inputs);
}

/// What a model is built from in this run.
pub(super) struct Fixed {
    pub(super) versions: Versions,
    pub(super) inputs: Fingerprint,
}

impl Fixed {
    fn of(model: &BuildModel, context: &Shared) -> Self {
        let versions = context.versions.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let built = context.built.lock().unwrap_or_else(PoisonError::into_inner);
        let inputs = model.inputs.fingerprint(&versions, |name| built.get(name).cloned(), &context.run);
        Self { versions, inputs }
    }

    fn is_done(&self, model: &BuildModel) -> bool {
        match &model.done {
            Done::Never => false,
            Done::Already => true,
            Done::IfFrom(inputs) => *inputs == self.inputs,
        }
    }

    /// Returns what is known now of what statements leave open.
    pub(super) fn gaps(&self) -> Gaps {
        Gaps { versions: self.versions.clone(), inputs: Some(self.inputs.clone()), ..Gaps::default() }
    }
}

/// A model's new version, or new rows of it.
pub(super) struct Built {
    /// What the statements about it leave open.
    pub(super) gaps: Gaps,
    /// What it is, in a few words.
    pub(super) summary: String,
    /// Whether it was made before this run was broken off.
    pub(super) adopted: bool,
}

/// Builds a model as a whole.
pub(super) async fn build(model: &BuildModel, from: &Fixed, context: &Context, reporter: &Reporter) -> Finished {
    note_made(model, context);
    let gaps = from.gaps();
    let written = model.statement.write(&model.query, &gaps);
    let prepared = async {
        if model.replaces && model.audit.is_none() {
            databricks_version::note(&model.table, context, reporter).await?;
        }
        run_all(&model.before, context, reporter).await
    };
    let ran = match prepared.await {
        Ok(()) => statement(written.text.clone(), false, context, reporter).await,
        Err(error) => Ran { id: None, adopted: false, result: Err(error) },
    };
    let id = ran.id;
    match ran.result {
        Ok(result) => {
            let built = Built { gaps, summary: summary(model, &result), adopted: ran.adopted };
            match &model.audit {
                Some(audit) => databricks_audit::run(model, audit, &model.after, built, context, reporter).await,
                None => match run_all(&model.after, context, reporter).await {
                    Ok(()) => match model.materialized {
                        Materialization::Table => Finished::succeeded(built.summary).writing(&model.table, id.clone()),
                        Materialization::View => Finished::succeeded(built.summary),
                    },
                    Err(Error::Interrupted { .. }) => Finished::new(Outcome::Cancelled),
                    Err(error) => Finished::failed(explain(&model.model, &error)),
                },
            }
        }
        Err(Error::Interrupted { .. }) => Finished::new(Outcome::Cancelled),
        Err(error) => Finished::failed(Failure { place: place(&error, &written), ..explain(&model.model, &error) }),
    }
    .with_statement(id)
}

pub(super) async fn create_schema(sql: String, context: &Context, reporter: &Reporter) -> Finished {
    let ran = brief(sql, false, context, reporter).await;
    match ran.result {
        Ok(_) => Finished::succeeded(""),
        Err(Error::Interrupted { .. }) => Finished::new(Outcome::Cancelled),
        Err(error) => {
            let schema = format!("{}.{}", context.catalog, context.schema);
            Finished::failed(failure(format!("schema {schema}: {error}"), error.help(), error.class()))
        }
    }
    .with_statement(ran.id)
}

/// A statement that ran, or tried to.
pub(super) struct Ran {
    pub(super) id: Option<StatementId>,
    /// Whether it was sent before this run was broken off, and has done its work.
    pub(super) adopted: bool,
    pub(super) result: Result<StatementResult, Error>,
}

/// Runs a statement when the warehouse has room for it, however long it takes.
pub(super) async fn statement(sql: String, read_only: bool, context: &Context, reporter: &Reporter) -> Ran {
    run_within(None, sql, read_only, context, reporter).await
}

/// Runs a statement that reads and writes next to no rows when the warehouse has room for it; one that does not end fails.
pub(super) async fn brief(sql: String, read_only: bool, context: &Context, reporter: &Reporter) -> Ran {
    run_within(Some(BRIEF), sql, read_only, context, reporter).await
}

async fn run_within(
    within: Option<Duration>,
    sql: String,
    read_only: bool,
    context: &Context,
    reporter: &Reporter,
) -> Ran {
    let mut followed = context.tally.follow();
    let permit = tokio::select! {
        permit = context.statements.acquire(context.urgency) => permit,
        () = context.cancel.cancelled() => {
            return Ran { id: None, adopted: false, result: Err(Error::Interrupted { statement_id: None, state: None }) };
        }
    };
    // A statement that only reads is sent with a wait, so nobody sees whether it is queued until that is over.
    followed.is_at(if read_only { Stage::Runs } else { Stage::Queued });
    let tags = [
        ("kiln_project", context.project.as_str()),
        (RUN_TAG, context.run.as_str()),
        (STEP_TAG, reporter.step().as_str()),
    ];
    let statement = Statement {
        catalog: Some(context.catalog.clone()),
        schema: Some(context.schema.clone()),
        tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
        read_only,
        // A build replaces its table or view as a whole, and a schema is made only if it is missing.
        repeatable: true,
        within,
        ..Statement::new(sql, context.connected.warehouse.clone())
    };
    let text = Fingerprint::of(&[&statement.sql]);
    let earlier = context.earlier.statement(reporter.step(), &text).filter(|_| !read_only);
    let mut told = Told { reporter, text: text.clone(), read_only, mark: None, id: None, followed };
    let mut result = send(&statement, earlier, context, &mut told).await;
    if let Err(
        Error::Interrupted { statement_id: Some(statement), state }
        | Error::TookTooLong { statement_id: statement, end: state, .. },
    ) = &result
    {
        let state = state.as_ref().map(|state| state.as_str().to_owned());
        let step = reporter.step().clone();
        reporter.tell(EventKind::StatementStopped { step, statement: statement.clone(), state }).await;
    }
    drop(permit);
    if let Err(Error::Canceled(_)) = result
        && let Some(who) = who_cancelled(context).await
    {
        result = Err(Error::RunCancelled(who));
        context.interrupt.cancel();
    }
    if let Some(rows) = result.as_ref().ok().and_then(inserted) {
        context.tally.wrote(rows);
    }
    Ran { id: told.id, adopted: told.mark.is_none() && earlier.is_some(), result }
}

/// Finds out who wants this run to end; none if its statement was cancelled for itself alone.
async fn who_cancelled(context: &Context) -> Option<String> {
    let place = lock::Place { catalog: context.catalog.clone(), schema: context.schema.clone() };
    let holder = lock::holder(&context.connected, &place).await.ok()??;
    holder.cancelled.filter(|_| holder.run == context.run.as_str())
}

/// Sends a statement, unless it was sent before this run was broken off.
async fn send(
    statement: &Statement,
    earlier: Option<&Sent>,
    context: &Context,
    told: &mut Told<'_>,
) -> Result<StatementResult, Error> {
    let statements = context.connected.databricks.statements();
    if let Some(earlier) = earlier
        && let Some(result) = statements.take_up(earlier, statement, &context.cancel, told).await?
    {
        return Ok(result);
    }
    statements.execute(statement, &context.cancel, told).await
}

/// Tells whether a step had sent a statement of this text when the run was broken off.
pub(super) fn was_sent(text: &str, context: &Context, reporter: &Reporter) -> bool {
    context.earlier.statement(reporter.step(), &Fingerprint::of(&[text])).is_some()
}

/// Hears how a statement goes.
struct Told<'a> {
    reporter: &'a Reporter,
    text: Fingerprint,
    read_only: bool,
    /// The mark that it is sent under; none as long as it is not sent.
    mark: Option<String>,
    id: Option<StatementId>,
    followed: Followed<'a>,
}

impl Listener for Told<'_> {
    fn tell(&mut self, progress: Progress) {
        match &progress {
            // One that is run again queues again.
            Progress::Submitted(_) if !self.read_only => self.followed.is_at(Stage::Queued),
            Progress::State(StatementState::Pending) => self.followed.is_at(Stage::Queued),
            Progress::Submitted(_) | Progress::State(_) | Progress::Rows(_) => self.followed.is_at(Stage::Runs),
            Progress::OutOfReach(_) => {}
        }
        match progress {
            Progress::Submitted(id) => {
                if let Some(mark) = self.mark.clone() {
                    let step = self.reporter.step().clone();
                    self.reporter.note(EventKind::StatementAccepted { step, mark, statement: id.clone() });
                }
                self.id = Some(id);
            }
            Progress::State(state) if !self.read_only => {
                self.reporter.progress(format!("statement {}", state.as_str().to_lowercase()));
            }
            Progress::OutOfReach(why) => self.reporter.progress(format!("out of reach: {why}")),
            Progress::State(_) | Progress::Rows(_) => {}
        }
    }

    fn keep<'a>(&'a mut self, mark: &'a str) -> BoxFuture<'a, Result<(), String>> {
        self.mark = Some(mark.to_owned());
        let (step, statement) = (self.reporter.step().clone(), self.text.clone());
        Box::pin(self.reporter.keep(EventKind::StatementSending { step, mark: mark.to_owned(), statement }))
    }
}

fn summary(model: &BuildModel, result: &StatementResult) -> String {
    let kind = match model.materialized {
        Materialization::View => "view",
        Materialization::Table => "table",
    };
    match inserted(result) {
        Some(rows) => format!("{kind}, {} rows", thousands(rows)),
        None => kind.to_owned(),
    }
}

/// Reads how many rows a statement wrote.
pub(super) fn inserted(result: &StatementResult) -> Option<u64> {
    let column = result.columns.iter().position(|c| c.name == "num_inserted_rows")?;
    result.rows.first()?.get(column)?.as_deref()?.parse().ok()
}

/// Writes a whole number with commas between its thousands.
pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(super) fn explain(model: &crate::ids::ModelName, error: &Error) -> Failure {
    failure(format!("model `{model}`: {error}"), error.help(), error.class())
}

/// Finds the place in the model's file that the warehouse complains about; the file itself if it does not say.
pub(super) fn place(error: &Error, written: &Written<'_>) -> Option<Place> {
    let Error::Statement(error) = error else { return None };
    let span = written.origin(error.position.map(|p| (p.line, p.column)));
    let (line, column) = span.line_column();
    Some(Place { path: span.path().display().to_string(), line, column })
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
