//! Fixes the versions at which tables of sources are read, so that all that is built from them sees the same.

use std::sync::PoisonError;

use futures::future::join_all;

use super::databricks_version::newest;
use super::{Context, Finished, Reporter, failure};
use crate::databricks::Error;
use crate::event::{EventKind, Outcome, SourceVersion};
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
    let told = told.map(|(table, version)| SourceVersion { table: table.clone(), version: version.clone() }).collect();
    if let Err(why) = reporter.keep(EventKind::SourcesPinned { step, versions: told }).await {
        let error = Error::NotKept(why);
        return Finished::failed(failure(error.to_string(), error.help(), error.class()));
    }
    let fixed = versions.len();
    context.versions.lock().unwrap_or_else(PoisonError::into_inner).extend(versions);
    let tables = if tables.len() == 1 { "1 table".to_owned() } else { format!("{} tables", tables.len()) };
    Finished::succeeded(match without.as_slice() {
        [] => format!("{tables} at fixed versions"),
        without => format!("{fixed} of {tables} at fixed versions; {} has none", without.join(", ")),
    })
}
