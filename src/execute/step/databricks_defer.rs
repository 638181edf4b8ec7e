//! Lets a model be read from another environment.

use super::databricks_alter::run_all;
use super::{Context, Finished, Reporter, failure};
use crate::databricks::Error;
use crate::event::Outcome;
use crate::plan::DeferModel;

pub(super) async fn run(defer: &DeferModel, context: &Context, reporter: &Reporter) -> Finished {
    match run_all(&defer.statements, context, reporter).await {
        Ok(()) if defer.statements.is_empty() => Finished::succeeded("unchanged"),
        Ok(()) => Finished::succeeded(format!("read from {}", defer.from)),
        Err(Error::Interrupted { .. }) => Finished::new(Outcome::Cancelled),
        Err(error) => {
            let message = format!("model `{}`, to be read from {}: {error}", defer.model, defer.from);
            Finished::failed(failure(message, error.help(), error.class()))
        }
    }
}
