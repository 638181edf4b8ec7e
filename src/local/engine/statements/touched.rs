//! The files of a table in which a statement changes rows: only these are written anew.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::logical_expr::TableSource;
use deltalake::DeltaTable;
use deltalake::kernel::Action;
use futures::TryStreamExt;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::rows::written;
use crate::dialect::Name;
use crate::local::engine::delta::{address, explain};
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::{Given, Planned, Scope, TARGET};
use crate::local::engine::{Engine, run, write};

/// The column in which the rows of a [`Target`] say where they lie.
pub(super) const FILE: &str = "`__kiln_file`";

/// The table whose rows a statement changes.
pub(super) struct Target<'a> {
    engine: &'a Engine,
    table: &'a DeltaTable,
    dir: PathBuf,
    /// What stands for it in FROM.
    pub(super) text: String,
}

impl<'a> Target<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        scope: &Scope,
        name: &Name,
        table: &'a DeltaTable,
        dir: PathBuf,
    ) -> Result<Self, SqlError> {
        let text = format!("{} TIMESTAMP AS OF '{TARGET}'", written(scope, name)?);
        Ok(Self { engine, table, dir, text })
    }

    /// How many columns it has.
    pub(super) fn width(&self) -> usize {
        self.table.snapshot().map_or(0, |snapshot| snapshot.schema().fields().count())
    }

    /// All its rows.
    pub(super) async fn all(&self) -> Result<Given, SqlError> {
        self.rows(None).await.map(|source| Given::target(&source))
    }

    async fn rows(&self, files: Option<&[String]>) -> Result<Arc<dyn TableSource>, SqlError> {
        self.engine.rows_in_files(self.table, &self.dir, FILE.trim_matches('`'), files).await
    }

    /// The files with these addresses: their rows, and what takes them out of the table.
    pub(super) async fn files(&self, files: BTreeSet<String>) -> Result<(Given, Vec<Action>), SqlError> {
        let fail = |e| explain(&self.dir, &e);
        let store = self.table.log_store();
        let snapshot = self.table.snapshot().map_err(fail)?.snapshot();
        let views: Vec<_> = snapshot.file_views(&store, None).try_collect().await.map_err(fail)?;
        let base = address(&self.dir)?;
        let mut by_address = HashMap::new();
        for (i, view) in views.iter().enumerate() {
            // Files of a shallow clone lie elsewhere: such tables are written anew whole.
            if view.path().contains("://") {
                break;
            }
            by_address.extend(base.join(&view.path()).ok().map(|url| (url.to_string(), i)));
            let place = self.dir.join(view.object_store_path().as_ref());
            by_address.extend(Url::from_file_path(place).ok().map(|url| (url.to_string(), i)));
        }
        let found: Option<BTreeSet<usize>> = files.iter().map(|file| by_address.get(file).copied()).collect();
        let Some(found) = found else {
            let gone = write::removals(self.table).await.map_err(fail)?;
            return Ok((self.all().await?, gone));
        };
        let gone = found.iter().map(|i| Action::Remove(views[*i].remove_action(true))).collect();
        let files: Vec<String> = files.into_iter().collect();
        Ok((Given::target(&self.rows(Some(&files)).await?), gone))
    }
}

/// The counts of a query that is grouped by [`FILE`], its first column; NULL, where there is no file, comes too.
pub(super) async fn by_file(
    planned: Planned,
    cancel: &CancellationToken,
) -> Result<Vec<(Option<String>, Vec<u64>)>, SqlError> {
    let output = tokio::select! {
        biased;
        () = cancel.cancelled() => return Err(SqlError::canceled()),
        output = run::collect(planned, None) => output?,
    };
    let rows = output.rows.into_iter().map(|row| {
        let mut cells = row.into_iter();
        let file = cells.next().flatten();
        (file, cells.map(|n| n.and_then(|n| n.parse().ok()).unwrap_or(0)).collect())
    });
    Ok(rows.collect())
}
