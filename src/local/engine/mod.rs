//! The embedded warehouse: Databricks SQL over real Delta tables in a folder.
//!
//! An [`Engine`] owns a folder laid out `<catalog>/<schema>/<table>/_delta_log`; every statement reads the latest
//! version of the tables it names, and a statement that fails changes nothing. Answers are those of a Databricks SQL
//! warehouse: result cells as the `JSON_ARRAY` format prints them, errors with their condition and SQLSTATE.

mod api;
mod error;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

pub use api::{
    Column, ColumnInfo, NamespaceInfo, Output, Parameter, Request, Settings, TableInfo, TableType, WriteGuard,
};
pub use error::{OpenError, SqlError};

use crate::ids::TableName;

/// The embedded warehouse. Cheap to clone; all clones share one folder, memory budget and set of write locks.
#[derive(Clone, Debug)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    settings: Settings,
}

impl Engine {
    /// Opens the folder, making it if it is not there, with default [`Settings`].
    pub async fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_with(dir, Settings::default()).await
    }

    /// Opens the folder, making it if it is not there.
    pub async fn open_with(dir: &Path, settings: Settings) -> Result<Self, OpenError> {
        fs_err::create_dir_all(dir).map_err(OpenError::Folder)?;
        let dir = fs_err::canonicalize(dir).map_err(OpenError::Folder)?;
        Ok(Self { inner: Arc::new(Inner { dir, settings }) })
    }

    /// Runs one statement. Once `cancel` is triggered, work stops within a second and the error's condition is
    /// `OPERATION_CANCELED`; a statement whose commit has already begun may still succeed.
    pub async fn execute(&self, request: Request, cancel: CancellationToken) -> Result<Output, SqlError> {
        let _ = (request, cancel, self.now());
        Err(SqlError::unsupported_statement("this statement"))
    }

    /// The time by this engine's clock.
    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.inner.settings.clock)()
    }

    /// The catalogs, by name.
    pub async fn catalogs(&self) -> Result<Vec<NamespaceInfo>, SqlError> {
        Ok(Vec::new())
    }

    /// The schemas of a catalog, by name. An unknown catalog is `NO_SUCH_CATALOG_EXCEPTION`.
    pub async fn schemas(&self, _catalog: &str) -> Result<Vec<NamespaceInfo>, SqlError> {
        Ok(Vec::new())
    }

    /// The tables and views of a schema, by name. An unknown schema is `SCHEMA_NOT_FOUND`.
    pub async fn tables(&self, _catalog: &str, _schema: &str) -> Result<Vec<TableInfo>, SqlError> {
        Ok(Vec::new())
    }

    /// One table or view; an unknown one is `TABLE_OR_VIEW_NOT_FOUND`.
    pub async fn table(&self, name: &TableName) -> Result<TableInfo, SqlError> {
        Err(SqlError::table_not_found(&name.to_sql()))
    }

    /// Makes a catalog; one that exists is left alone.
    pub async fn ensure_catalog(&self, _catalog: &str) -> Result<(), SqlError> {
        Ok(())
    }

    /// Makes a schema, and its catalog; one that exists is left alone.
    pub async fn ensure_schema(&self, _catalog: &str, _schema: &str) -> Result<(), SqlError> {
        Ok(())
    }

    /// Makes a schema in an existing catalog; one that exists is `SCHEMA_ALREADY_EXISTS`.
    pub async fn create_schema(
        &self,
        _catalog: &str,
        _schema: &str,
        _comment: Option<&str>,
    ) -> Result<NamespaceInfo, SqlError> {
        Err(SqlError::unsupported_statement("CREATE SCHEMA"))
    }

    /// Removes a schema; one that still has tables or views is refused (`SCHEMA_NOT_EMPTY`) unless `cascade`.
    pub async fn drop_schema(&self, _catalog: &str, _schema: &str, _cascade: bool) -> Result<(), SqlError> {
        Ok(())
    }

    /// Removes a table or a view.
    pub async fn drop_table(&self, _name: &TableName) -> Result<(), SqlError> {
        Ok(())
    }

    /// The folder in which a table's Delta log and files live, whether the table exists or not. Whoever writes there
    /// holds [`Engine::write_lock`]. The folder's presence with a `_delta_log` is what makes the table exist: nothing else needs
    /// to be recorded.
    pub fn table_dir(&self, name: &TableName) -> PathBuf {
        self.inner.dir.join(&name.catalog).join(&name.schema).join(&name.name)
    }

    /// Waits until nobody in this process writes the table, and keeps others from it until the guard is dropped.
    pub async fn write_lock(&self, _name: &TableName) -> WriteGuard {
        WriteGuard::default()
    }
}
