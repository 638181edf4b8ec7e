//! The embedded warehouse: Databricks SQL over real Delta tables in a folder.
//!
//! An [`Engine`] owns a folder laid out `<catalog>/<schema>/<table>/_delta_log`; every statement reads the latest
//! version of the tables it names, and a statement that fails changes nothing. Answers are those of a Databricks SQL
//! warehouse: result cells as the `JSON_ARRAY` format prints them, errors with their condition and SQLSTATE.
//!
//! A statement's way: `statements` reads its header and does what it says; queries go through `plan` (Spark's meaning,
//! with the `functions`) to `run` (rows) or `write` (one Delta commit). `catalog` and `delta` know the folder.

mod api;
mod catalog;
mod changes;
mod conflict;
mod delta;
mod error;
mod features;
mod files;
mod functions;
mod information_schema;
mod intervals;
mod lambdas;
mod opened;
mod plan;
mod reading;
mod render;
mod rules;
mod run;
mod scan;
mod session;
mod spool;
mod statements;
mod types;
mod write;
mod yields;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use datafusion::execution::SessionState;
use tokio_util::sync::CancellationToken;

pub use api::{
    Column, ColumnInfo, NamespaceInfo, Output, Parameter, Request, Settings, TableInfo, TableType, WriteGuard,
    row_bytes,
};
pub use error::{OpenError, SqlError};
pub use spool::{Piece, Spool};

use self::reading::Bytes;
use crate::ids::TableName;
use catalog::{Folder, Kind, quoted};
use opened::Opened;

/// The embedded warehouse. Cheap to clone; all clones share one folder, memory budget and set of write locks.
#[derive(Clone, Debug)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: Folder,
    settings: Settings,
    state: SessionState,
    opened: Opened,
    locks: Mutex<HashMap<TableName, Arc<tokio::sync::Mutex<()>>>>,
}

impl Engine {
    /// Opens the folder, making it if it is not there, with default [`Settings`].
    pub async fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_with(dir, Settings::default()).await
    }

    /// Opens the folder, making it if it is not there. A new folder gets the catalog `main` with the schema `default`.
    pub async fn open_with(dir: &Path, settings: Settings) -> Result<Self, OpenError> {
        fs_err::create_dir_all(dir).map_err(OpenError::Folder)?;
        let folder = Folder::new(fs_err::canonicalize(dir).map_err(OpenError::Folder)?);
        let scratch = folder.scratch().map_err(|e| OpenError::Setup(e.message))?;
        // What an earlier process left there is of no use to anyone.
        for entry in fs_err::read_dir(&scratch).map_err(OpenError::Folder)?.flatten() {
            let _ = if entry.path().is_dir() {
                fs_err::remove_dir_all(entry.path())
            } else {
                fs_err::remove_file(entry.path())
            };
        }
        let state = session::state(&scratch, settings.memory_limit)?;
        let engine = Self {
            inner: Arc::new(Inner { folder, settings, state, opened: Opened::default(), locks: Mutex::default() }),
        };
        let setup = |e: SqlError| OpenError::Setup(e.message);
        if engine.folder().catalogs().map_err(setup)?.is_empty() {
            engine.ensure_schema(plan::DEFAULT_CATALOG, plan::DEFAULT_SCHEMA).await.map_err(setup)?;
        }
        Ok(engine)
    }

    /// Runs one statement. Once `cancel` is triggered, work stops within a second and the error's condition is
    /// `OPERATION_CANCELED`; a statement whose commit has already begun may still succeed.
    pub async fn execute(&self, request: Request, cancel: CancellationToken) -> Result<Output, SqlError> {
        let work = write::made_by(request.statement_id.clone(), statements::execute(self, &request, &cancel));
        let work = reading::counted(work);
        tokio::pin!(work);
        let (output, Bytes { read, written }) = tokio::select! {
            biased;
            done = &mut work => done,
            () = cancel.cancelled() => return Err(SqlError::canceled()),
        };
        let mut output = Output { read_bytes: read, written_bytes: written, ..output? };
        if request.spool && output.spool.is_none() && !output.columns.is_empty() {
            output.spool = Some(Spool::of_texts(&self.folder().scratch()?, &output.columns, &output.rows)?);
            output.rows.clear();
        }
        Ok(output)
    }

    /// The time by this engine's clock.
    fn now(&self) -> DateTime<Utc> {
        (self.inner.settings.clock)()
    }

    fn folder(&self) -> &Folder {
        &self.inner.folder
    }

    fn state(&self) -> &SessionState {
        &self.inner.state
    }

    /// The catalogs, by name.
    pub async fn catalogs(&self) -> Result<Vec<NamespaceInfo>, SqlError> {
        self.folder().catalogs()
    }

    /// One catalog. An unknown one is `NO_SUCH_CATALOG_EXCEPTION`.
    pub async fn catalog(&self, catalog: &str) -> Result<NamespaceInfo, SqlError> {
        self.folder().catalog(&catalog.to_lowercase())
    }

    /// The schemas of a catalog, by name. An unknown catalog is `NO_SUCH_CATALOG_EXCEPTION`.
    pub async fn schemas(&self, catalog: &str) -> Result<Vec<NamespaceInfo>, SqlError> {
        self.folder().schemas(&catalog.to_lowercase())
    }

    /// One schema. An unknown one is `SCHEMA_NOT_FOUND`.
    pub async fn schema(&self, catalog: &str, schema: &str) -> Result<NamespaceInfo, SqlError> {
        self.folder().schema(&catalog.to_lowercase(), &schema.to_lowercase())
    }

    /// The tables and views of a schema, by name. An unknown schema is `SCHEMA_NOT_FOUND`. A table that is damaged is
    /// left out: asking for it by name tells what is wrong.
    pub async fn tables(&self, catalog: &str, schema: &str) -> Result<Vec<TableInfo>, SqlError> {
        let mut found = Vec::new();
        for (name, _) in self.folder().relations(&catalog.to_lowercase(), &schema.to_lowercase())? {
            match self.describe(&name).await {
                Ok(table) => found.push(table),
                Err(error) => tracing::warn!(table = %name, "left out of a listing: {error}"),
            }
        }
        Ok(found)
    }

    /// Names of the tables and views of a schema, in order; to list them costs less than to describe them.
    pub fn table_names(&self, catalog: &str, schema: &str) -> Result<Vec<TableName>, SqlError> {
        let relations = self.folder().relations(&catalog.to_lowercase(), &schema.to_lowercase())?;
        Ok(relations.into_iter().map(|(name, _)| name).collect())
    }

    /// What is granted on a catalog, a schema or a table itself, by principal.
    pub fn grants(&self, path: &[&str]) -> Result<Vec<(String, Vec<String>)>, SqlError> {
        let grants = self.folder().about(path)?.grants;
        Ok(grants.into_iter().map(|(who, privileges)| (who, privileges.into_iter().collect())).collect())
    }

    /// One table or view; an unknown one is `TABLE_OR_VIEW_NOT_FOUND`.
    pub async fn table(&self, name: &TableName) -> Result<TableInfo, SqlError> {
        self.describe(name).await
    }

    /// Makes a catalog; one that exists is left alone.
    pub async fn ensure_catalog(&self, catalog: &str) -> Result<(), SqlError> {
        self.folder().create_catalog(&catalog.to_lowercase(), None, self.now()).map(|_| ())
    }

    /// Makes a schema, and its catalog; one that exists is left alone.
    pub async fn ensure_schema(&self, catalog: &str, schema: &str) -> Result<(), SqlError> {
        self.ensure_catalog(catalog).await?;
        let (catalog, schema) = (catalog.to_lowercase(), schema.to_lowercase());
        self.folder().create_schema(&catalog, &schema, None, self.now()).map(|_| ())
    }

    /// Makes a schema in an existing catalog; one that exists is `SCHEMA_ALREADY_EXISTS`.
    pub async fn create_schema(
        &self,
        catalog: &str,
        schema: &str,
        comment: Option<&str>,
    ) -> Result<NamespaceInfo, SqlError> {
        let (catalog, schema) = (catalog.to_lowercase(), schema.to_lowercase());
        if !self.folder().create_schema(&catalog, &schema, comment, self.now())? {
            return Err(statements::schema_exists(&catalog, &schema));
        }
        self.folder().schema(&catalog, &schema)
    }

    /// Removes a schema; one that still has tables or views is refused (`SCHEMA_NOT_EMPTY`) unless `cascade`.
    pub async fn drop_schema(&self, catalog: &str, schema: &str, cascade: bool) -> Result<(), SqlError> {
        let (catalog, schema) = (catalog.to_lowercase(), schema.to_lowercase());
        let relations = self.folder().relations(&catalog, &schema)?;
        if !relations.is_empty() && !cascade {
            return Err(SqlError::new(
                "SCHEMA_NOT_EMPTY",
                "2BP01",
                format!(
                    "Cannot drop a schema {} because it contains objects. Use DROP SCHEMA ... CASCADE to drop the \
                     schema and all its objects.",
                    quoted(&[&catalog, &schema])
                ),
            ));
        }
        let mut writing = Vec::new();
        for (name, _) in &relations {
            writing.push(self.write_lock(name).await);
        }
        self.folder().remove_schema(&catalog, &schema)
    }

    /// Removes a catalog; one that still has schemas is refused (`SCHEMA_NOT_EMPTY`) unless `cascade`.
    pub async fn drop_catalog(&self, catalog: &str, cascade: bool) -> Result<(), SqlError> {
        let catalog = catalog.to_lowercase();
        let schemas = self.folder().schemas(&catalog)?;
        if !schemas.is_empty() && !cascade {
            return Err(SqlError::new(
                "SCHEMA_NOT_EMPTY",
                "2BP01",
                format!(
                    "Cannot drop the catalog {} because it has schemas. Use CASCADE to drop them with it.",
                    quoted(&[&catalog])
                ),
            ));
        }
        for schema in schemas {
            self.drop_schema(&catalog, &schema.name, true).await?;
        }
        self.folder().remove_catalog(&catalog)
    }

    /// Removes a table or a view; an unknown one is `TABLE_OR_VIEW_NOT_FOUND`.
    pub async fn drop_table(&self, name: &TableName) -> Result<(), SqlError> {
        let _writing = self.write_lock(name).await;
        match self.kind(name, &[])? {
            Kind::Table => self.folder().remove_table(name),
            Kind::View => self.folder().remove_view(name),
        }
    }

    /// The folder in which a table's Delta log and files live, whether the table exists or not. Whoever writes there
    /// holds [`Engine::write_lock`]. The folder's presence with a `_delta_log` is what makes the table exist: nothing
    /// else needs to be recorded.
    pub fn table_dir(&self, name: &TableName) -> PathBuf {
        self.folder().table_dir(name)
    }

    /// Waits until nobody in this process writes the table, and keeps others from it until the guard is dropped.
    pub async fn write_lock(&self, name: &TableName) -> WriteGuard {
        let lock = {
            let mut locks = self.inner.locks.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(name.clone()).or_default())
        };
        WriteGuard::new(lock.lock_owned().await)
    }
}

#[cfg(test)]
mod tests;
