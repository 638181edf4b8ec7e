//! Fixes the versions at which tables of sources are read, so that all that is built from them sees the same.

use std::sync::PoisonError;

use futures::future::join_all;

use super::super::lock::Place;
use super::super::record;
use super::databricks_build::brief;
use super::databricks_version::newest;
use super::{Context, Finished, Reporter, failure};
use crate::databricks::Error;
use crate::event::{EventKind, Failure, Outcome, SourceVersion};
use crate::ids::TableName;
use crate::plan::Versions;

pub(super) async fn run(tables: &[TableName], context: &Context, reporter: &Reporter) -> Finished {
    let looks = join_all(tables.iter().map(|table| async move { (table, newest(table, context, reporter).await) }));
    let mut versions = Versions::new();
    let mut without = Vec::new();
    for (table, looked) in looks.await {
        match looked {
            Ok(Some(version)) => {
                versions.insert(table.clone(), version);
            }
            Ok(None) => without.push(table.to_string()),
            Err(Error::Interrupted { .. }) => return Finished::new(Outcome::Cancelled),
            Err(error) => {
                let message = format!("the version of {table} could not be read: {error}");
                return Finished::failed(failure(message, error.help(), error.class()));
            }
        }
    }
    let step = reporter.step().clone();
    let told = versions.iter();
    let told: Vec<SourceVersion> =
        told.map(|(table, version)| SourceVersion { table: table.clone(), version: version.clone() }).collect();
    if let Err(why) = reporter.keep(EventKind::SourcesPinned { step, versions: told.clone() }).await {
        let error = Error::NotKept(why);
        return Finished::failed(failure(error.to_string(), error.help(), error.class()));
    }
    match keep_in_workspace(&told, context, reporter).await {
        Ok(()) => {}
        Err(Error::Interrupted { .. }) => return Finished::new(Outcome::Cancelled),
        Err(error) => return Finished::failed(gone(&error)),
    }
    let fixed = versions.len();
    context.versions.lock().unwrap_or_else(PoisonError::into_inner).extend(versions);
    let tables = if tables.len() == 1 { "1 table".to_owned() } else { format!("{} tables", tables.len()) };
    Finished::succeeded(match without.as_slice() {
        [] => format!("{tables} at fixed versions"),
        without => format!("{fixed} of {tables} at fixed versions; {} has none", without.join(", ")),
    })
}

/// Keeps the versions on the run's lock, for whoever goes on with the run elsewhere.
async fn keep_in_workspace(versions: &[SourceVersion], context: &Context, reporter: &Reporter) -> Result<(), Error> {
    let Some(beginning) = context.record.as_deref().filter(|_| !versions.is_empty()) else { return Ok(()) };
    let place = Place { catalog: context.catalog.clone(), schema: context.schema.clone() };
    let sql = record::keeping(&place, beginning, reporter.step(), versions);
    match brief(sql, false, context, reporter).await.result {
        Err(Error::Statement(error)) if !error.is_missing_table() => {
            // The run itself does not need it.
            tracing::warn!(%error, "the run cannot be gone on with from another machine");
            Ok(())
        }
        ended => ended.map(drop),
    }
}

/// Says that the lock is gone, or what else is wrong with it.
fn gone(error: &Error) -> Failure {
    match error {
        Error::Statement(error) if error.is_missing_table() => Failure {
            message: "this run no longer holds its schema: somebody took over from it".to_owned(),
            help: Some("Look at what else changes the schema (`kiln runs`), and start a new run.".to_owned()),
            ..Failure::default()
        },
        error => failure(format!("the run's lock could not be written: {error}"), error.help(), error.class()),
    }
}
