//! Builds a model's table or view: one statement on the warehouse.

use std::sync::PoisonError;

use super::databricks_alter::run_all;
use super::databricks_audit;
use super::{Context, Finished, Reporter, failure};
use crate::config::Materialization;
use crate::databricks::{Error, Progress, Statement, StatementResult};
use crate::diag::Span;
use crate::event::{Failure, Outcome, Place};
use crate::ids::{Fingerprint, StatementId};
use crate::plan::{BuildModel, Done, Pinned, Versions, Written};

pub(super) async fn run(model: &BuildModel, context: &Context, reporter: &Reporter) -> Finished {
    let from = Fixed::of(model, context);
    let finished = if from.is_done(model) {
        Finished::succeeded("unchanged")
    } else {
        build(model, &from, context, reporter).await
    };
    if finished.outcome.succeeded() {
        context.built.lock().unwrap_or_else(PoisonError::into_inner).insert(model.model.clone(), from.inputs);
    }
    finished
}

/// What a model is built from in this run.
pub(super) struct Fixed {
    versions: Versions,
    inputs: Fingerprint,
}

impl Fixed {
    fn of(model: &BuildModel, context: &Context) -> Self {
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

    /// Writes a statement of the model with the versions and the mark that tells them.
    pub(super) fn write(&self, statement: &Pinned, model: &BuildModel) -> Written {
        statement.write(&model.query, &self.versions, &self.inputs)
    }
}

async fn build(model: &BuildModel, from: &Fixed, context: &Context, reporter: &Reporter) -> Finished {
    let written = from.write(&model.statement, model);
    let ran = match run_all(&model.before, context, reporter).await {
        Ok(()) => statement(written.text.clone(), false, context, reporter).await,
        Err(error) => Ran { id: None, result: Err(error) },
    };
    let id = ran.id;
    match ran.result {
        Ok(result) => {
            let summary = summary(model, &result);
            match &model.audit {
                Some(audit) => databricks_audit::run(model, audit, from, summary, context, reporter).await,
                None => Finished::succeeded(summary),
            }
        }
        Err(Error::Interrupted { .. }) => Finished::new(Outcome::Cancelled),
        Err(error) => {
            Finished::failed(Failure { place: place(&error, model, &written), ..explain(&model.model, &error) })
        }
    }
    .with_statement(id)
}

pub(super) async fn create_schema(sql: String, context: &Context, reporter: &Reporter) -> Finished {
    let ran = statement(sql, false, context, reporter).await;
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
    pub(super) result: Result<StatementResult, Error>,
}

/// Runs a statement when the warehouse has room for it.
pub(super) async fn statement(sql: String, read_only: bool, context: &Context, reporter: &Reporter) -> Ran {
    let permit = tokio::select! {
        permit = context.statements.acquire() => permit,
        () = context.cancel.cancelled() => {
            return Ran { id: None, result: Err(Error::Interrupted { statement_id: None, state: None }) };
        }
    };
    let tags =
        [("project", context.project.as_str()), ("run", context.run.as_str()), ("step", reporter.step().as_str())];
    let statement = Statement {
        catalog: Some(context.catalog.clone()),
        schema: Some(context.schema.clone()),
        tags: tags.map(|(key, value)| (format!("kiln_{key}"), value.to_owned())).to_vec(),
        read_only,
        // A build replaces its table or view as a whole, and a schema is made only if it is missing.
        repeatable: true,
        ..Statement::new(sql, context.connected.warehouse.clone())
    };
    let mut id = None;
    let mut tell = |progress| match progress {
        Progress::Submitted(statement) => id = Some(statement),
        Progress::State(state) if !read_only => {
            reporter.progress(format!("statement {}", state.as_str().to_lowercase()))
        }
        Progress::State(_) | Progress::Rows(_) => {}
    };
    let result = context.connected.databricks.statements().execute(&statement, &context.cancel, &mut tell).await;
    drop(permit);
    Ran { id, result }
}

fn summary(model: &BuildModel, result: &StatementResult) -> String {
    let kind = match model.materialized {
        Materialization::View => "view",
        Materialization::Table => "table",
    };
    let rows = result.columns.iter().position(|c| c.name == "num_inserted_rows");
    let rows = rows.and_then(|i| result.rows.first()?.get(i)?.as_deref()?.parse::<u64>().ok());
    match rows {
        Some(rows) => format!("{kind}, {} rows", thousands(rows)),
        None => kind.to_owned(),
    }
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
fn place(error: &Error, model: &BuildModel, written: &Written) -> Option<Place> {
    let Error::Statement(error) = error else { return None };
    let span = error.position.and_then(|p| written.origin(&model.query, p.line, p.column));
    let span = span.unwrap_or_else(|| Span::start_of(&model.query.file));
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
