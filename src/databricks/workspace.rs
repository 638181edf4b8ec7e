//! The workspace's tree of folders, files and dashboards.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::wire::{Delete, Empty, Export, ExportFormat, Import, Mkdirs, Object, ObjectList};
use crate::http::{self, Class, Http, Request};

/// The workspace's tree.
pub struct Workspace<'a> {
    pub(super) http: &'a Http,
}

impl Workspace<'_> {
    /// Makes a folder and its parents; does nothing if it exists. `POST /api/2.0/workspace/mkdirs`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn mkdirs(&self, path: &str) -> Result<(), http::Error> {
        let request = Request::post("/api/2.0/workspace/mkdirs").idempotent().json(&Mkdirs { path: path.to_owned() });
        self.http.json::<Empty>(request).await.map(drop)
    }

    /// Reads what stands at a path; nothing if there is nothing, or nothing the caller may see.
    /// `GET /api/2.0/workspace/get-status`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn get_status(&self, path: &str) -> Result<Option<Object>, http::Error> {
        let request = Request::get("/api/2.0/workspace/get-status").query("path", path);
        match self.http.json(request).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.class() == Class::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists what is in a folder, without what is deeper; nothing if there is no such folder.
    /// `GET /api/2.0/workspace/list`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn list(&self, folder: &str) -> Result<Vec<Object>, http::Error> {
        let request = Request::get("/api/2.0/workspace/list").query("path", folder);
        match self.http.json::<ObjectList>(request).await {
            Ok(list) => Ok(list.objects),
            Err(error) if error.class() == Class::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Writes a file of at most 10 MB, replacing what is there. The folder must exist. `POST /api/2.0/workspace/import`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn import(&self, path: &str, content: &[u8], format: ExportFormat) -> Result<(), http::Error> {
        let body = Import {
            path: path.to_owned(),
            content: STANDARD.encode(content),
            format: Some(format),
            language: None,
            overwrite: true,
        };
        let request = Request::post("/api/2.0/workspace/import").idempotent().json(&body);
        self.http.json::<Empty>(request).await.map(drop)
    }

    /// Reads a file or dashboard, in base64. Of a folder it would bring an archive. `GET /api/2.0/workspace/export`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn export(&self, path: &str, format: &ExportFormat) -> Result<Export, http::Error> {
        let request = Request::get("/api/2.0/workspace/export").query("path", path).query("format", format.as_str());
        self.http.json(request).await
    }

    /// Deletes an object for good, a folder only with `recursive`. `POST /api/2.0/workspace/delete`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn delete(&self, path: &str, recursive: bool) -> Result<(), http::Error> {
        let body = Delete { path: path.to_owned(), recursive };
        self.http.json::<Empty>(Request::post("/api/2.0/workspace/delete").json(&body)).await.map(drop)
    }
}
