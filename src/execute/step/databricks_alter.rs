//! Changes a table or view in place, or drops it: statements that may each be repeated.

use std::sync::PoisonError;

use super::databricks_build::{brief, statement};
use super::{Context, Finished, Reporter, failure};
use crate::databricks::Error;
use crate::event::Outcome;
use crate::ids::ModelName;
use crate::plan::Alter;

pub(super) async fn run(alter: &Alter, context: &Context, reporter: &Reporter) -> Finished {
    let made = |name: &ModelName| context.made.lock().unwrap_or_else(PoisonError::into_inner).contains(name);
    if !alter.only_after.is_empty() && !alter.only_after.iter().any(made) {
        return Finished::succeeded("unchanged");
    }
    match run_all(&alter.statements, context, reporter).await {
        Ok(()) => Finished::succeeded(match alter.statements.as_slice() {
            [] => "is there",
            _ if alter.drops => "dropped",
            _ => "changed in place",
        }),
        Err(Error::Interrupted { .. }) => Finished::new(Outcome::Cancelled),
        Err(error) => Finished::failed(failure(format!("{}: {error}", alter.object), error.help(), error.class())),
    }
}

/// Runs statements one after the other, up to the first that fails.
pub(super) async fn run_all(statements: &[String], context: &Context, reporter: &Reporter) -> Result<(), Error> {
    for sql in statements {
        let ran = match checks_rows(sql) {
            true => statement(sql.clone(), false, context, reporter).await,
            false => brief(sql.clone(), false, context, reporter).await,
        };
        ran.result?;
    }
    Ok(())
}

/// Tells whether a statement may hold all rows of a table against a condition: how long that takes, nobody can say.
fn checks_rows(sql: &str) -> bool {
    [" ADD CONSTRAINT ", " SET NOT NULL"].iter().any(|words| sql.contains(words))
}
