//! Workspace objects: `/api/2.0/workspace` and the raw import under `/api/2.0/workspace-files`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::error::ApiError;
use super::super::server::App;
use super::super::workspace::Meaning;
use super::extract::{JsonBody, Params, RawBody, json};
use super::form::Form;
use crate::databricks::wire::{Delete, Empty, Export, ExportFormat, Import, Language, Mkdirs, Object, ObjectList};

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/api/2.0/workspace/mkdirs", post(mkdirs))
        .route("/api/2.0/workspace/get-status", get(status))
        .route("/api/2.0/workspace/list", get(list))
        .route("/api/2.0/workspace/import", post(import))
        .route("/api/2.0/workspace/export", get(export))
        .route("/api/2.0/workspace/delete", post(delete))
        .route("/api/2.0/workspace-files/import-file/{*path}", post(import_file))
}

async fn mkdirs(State(app): State<Arc<App>>, JsonBody(body): JsonBody<Mkdirs>) -> Result<Json<Empty>, ApiError> {
    app.workspace.make_folders(&body.path)?;
    Ok(Json(Empty {}))
}

async fn status(State(app): State<Arc<App>>, params: Params) -> Result<Json<Object>, ApiError> {
    app.workspace.status(params.required("path")?).map(Json)
}

async fn list(State(app): State<Arc<App>>, params: Params) -> Result<Json<ObjectList>, ApiError> {
    let since = params.parsed::<i64>("notebooks_modified_after")?;
    let mut objects = app.workspace.list(params.required("path")?)?;
    if let Some(since) = since {
        objects.retain(|object| object.modified_at.is_none_or(|modified| modified > since));
    }
    Ok(Json(ObjectList { objects }))
}

async fn import(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Json<Empty>, ApiError> {
    if let Some(form) = Form::read(&headers, &body)? {
        let field = |name| form.text(name).filter(|text| !text.is_empty());
        let path = field("path").ok_or_else(|| ApiError::invalid("Missing required field: path"))?;
        let bytes = form.bytes("content").ok_or_else(|| ApiError::invalid("Missing required field: content"))?;
        let meaning = meaning(field("format").map(ExportFormat::from), field("language").map(Language::from))?;
        app.workspace.import(path, bytes, &meaning, field("overwrite") == Some("true"))?;
    } else {
        let body: Import = json(&body)?;
        let bytes = BASE64_STANDARD
            .decode(body.content.as_bytes())
            .map_err(|error| ApiError::invalid(format!("content is not base64: {error}")))?;
        app.workspace.import(&body.path, &bytes, &meaning(body.format, body.language)?, body.overwrite)?;
    }
    Ok(Json(Empty {}))
}

fn meaning(format: Option<ExportFormat>, language: Option<Language>) -> Result<Meaning, ApiError> {
    match (format.unwrap_or(ExportFormat::Source), language) {
        (ExportFormat::Auto, _) => Ok(Meaning::Auto),
        (ExportFormat::Raw, _) => Ok(Meaning::File),
        (ExportFormat::Source, Some(language)) => Ok(Meaning::Notebook(language)),
        (ExportFormat::Source, None) => {
            Err(ApiError::invalid("format SOURCE imports a notebook and needs its language; use AUTO for files"))
        }
        (other, _) => Err(ApiError::invalid(format!(
            "the local workspace does not import format {other}; use AUTO, RAW or SOURCE"
        ))),
    }
}

/// The command line's way of import: the path in the address, the bytes as they are.
async fn import_file(
    State(app): State<Arc<App>>,
    Path(path): Path<String>,
    params: Params,
    RawBody(bytes): RawBody,
) -> Result<Json<Empty>, ApiError> {
    let path = format!("/{}", path.trim_start_matches('/'));
    app.workspace.import(&path, &bytes, &Meaning::Auto, params.flag("overwrite")?)?;
    Ok(Json(Empty {}))
}

async fn export(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let format = params.get("format").map_or(ExportFormat::Source, ExportFormat::from);
    if !matches!(format, ExportFormat::Auto | ExportFormat::Raw | ExportFormat::Source) {
        return Err(ApiError::invalid(format!(
            "the local workspace does not export format {format}; use AUTO, RAW or SOURCE"
        )));
    }
    let (bytes, file_type) = app.workspace.export(params.required("path")?)?;
    if params.flag("direct_download")? {
        return Ok((StatusCode::OK, bytes).into_response());
    }
    let export = Export { content: BASE64_STANDARD.encode(bytes), file_type: Some(file_type) };
    Ok(Json(export).into_response())
}

async fn delete(State(app): State<Arc<App>>, JsonBody(body): JsonBody<Delete>) -> Result<Json<Empty>, ApiError> {
    app.workspace.delete(&body.path, body.recursive)?;
    Ok(Json(Empty {}))
}
