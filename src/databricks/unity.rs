//! Unity Catalog: schemas and tables.

use super::paging;
use super::wire::{
    Catalog, CreateSchema, EffectivePermissions, EffectivePrivileges, Permissions, Privileges, Schema, Table,
    TableExists, TableList, TableSummary, TableSummaryList,
};
use crate::http::{self, Class, Http, Request};
use crate::ids::TableName;

const SCHEMAS: &str = "/api/2.1/unity-catalog/schemas";
const TABLES: &str = "/api/2.1/unity-catalog/tables";

/// The Unity Catalog of a workspace.
pub struct Unity<'a> {
    pub(super) http: &'a Http,
}

impl Unity<'_> {
    /// Reads a catalog; nothing if it is missing, or not visible to the caller.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn catalog(&self, name: &str) -> Result<Option<Catalog>, http::Error> {
        optional(self.http.json(Request::get("/api/2.1/unity-catalog/catalogs").segment(name)).await)
    }

    /// Reads who may do what with a thing, what is granted on its catalog or schema included. `kind` is `catalog`, `schema`
    /// or `table`.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn effective_permissions(
        &self,
        kind: &str,
        full_name: &str,
    ) -> Result<Vec<EffectivePrivileges>, http::Error> {
        let request = Request::get("/api/2.1/unity-catalog/effective-permissions").segment(kind).segment(full_name);
        let request = request.query("max_results", "0");
        paging::all::<EffectivePermissions>(self.http, request).await
    }

    /// Reads what is granted on a thing itself, by principal. `kind` is `catalog`, `schema` or `table`.
    /// `GET /api/2.1/unity-catalog/permissions/{kind}/{full_name}`.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn permissions(&self, kind: &str, full_name: &str) -> Result<Vec<Privileges>, http::Error> {
        let request = Request::get("/api/2.1/unity-catalog/permissions").segment(kind).segment(full_name);
        let request = request.query("max_results", "0");
        paging::all::<Permissions>(self.http, request).await
    }

    /// Reads a schema; nothing if it is missing, or not visible to the caller.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn schema(&self, catalog: &str, schema: &str) -> Result<Option<Schema>, http::Error> {
        optional(self.http.json(Request::get(SCHEMAS).segment(&format!("{catalog}.{schema}"))).await)
    }

    /// Makes a schema. If it exists already, that is a conflict.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn create_schema(&self, schema: &CreateSchema) -> Result<Schema, http::Error> {
        self.http.json(Request::post(SCHEMAS).json(schema)).await
    }

    /// Reads a table or view with its columns; nothing if it is missing, or not visible to the caller.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn table(&self, name: &TableName) -> Result<Option<Table>, http::Error> {
        optional(self.http.json(Request::get(TABLES).segment(&name.to_string())).await)
    }

    /// Tells whether there is such a table or view.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn table_exists(&self, name: &TableName) -> Result<bool, http::Error> {
        let request = Request::get(TABLES).segment(&name.to_string()).then("exists");
        Ok(optional(self.http.json::<TableExists>(request).await)?.is_some_and(|answer| answer.table_exists))
    }

    /// Lists the tables and views of a schema, with columns and properties: all of them by one request, however many they
    /// are, or one a page where the service insists on pages or cannot make so long a list.
    /// `GET /api/2.1/unity-catalog/tables`.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn tables(&self, catalog: &str, schema: &str) -> Result<Vec<Table>, http::Error> {
        let request = Request::get(TABLES).query("catalog_name", catalog).query("schema_name", schema);
        // The service's pages have 50 tables at most. Its makers want clients to take them all the same, and may one day
        // leave no choice; a page that comes unasked is followed by the others.
        match paging::all::<TableList>(self.http, request.clone()).await {
            Err(error) if matches!(error.class(), Class::Transient | Class::Invalid | Class::Bug) => {
                // 0 asks for pages of the service's own size.
                paging::all::<TableList>(self.http, request.query("max_results", "0")).await
            }
            all => all,
        }
    }
}

impl Unity<'_> {
    /// Lists names and kinds of the tables and views of a schema. `GET /api/2.1/unity-catalog/table-summaries`.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn table_summaries(&self, catalog: &str, schema: &str) -> Result<Vec<TableSummary>, http::Error> {
        let request = Request::get("/api/2.1/unity-catalog/table-summaries")
            .query("catalog_name", catalog)
            // A pattern: `_` stands for any character, so others may come too, and are for the caller to tell apart.
            .query("schema_name_pattern", schema)
            .query("max_results", "0");
        paging::all::<TableSummaryList>(self.http, request).await
    }
}

fn optional<T>(answer: Result<T, http::Error>) -> Result<Option<T>, http::Error> {
    match answer {
        Ok(body) => Ok(Some(body)),
        Err(error) if error.class() == Class::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
