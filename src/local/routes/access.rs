//! Permissions of dashboards: `/api/2.0/permissions/dashboards`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};

use super::super::error::ApiError;
use super::super::server::App;
use super::extract::JsonBody;
use crate::databricks::wire::{AccessRequest, ObjectAccess};

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/api/2.0/permissions/dashboards/{id}", get(read).patch(update).put(replace))
}

async fn read(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<ObjectAccess>, ApiError> {
    app.workspace.dashboard_access(&id).map(Json)
}

async fn update(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<AccessRequest>,
) -> Result<Json<ObjectAccess>, ApiError> {
    app.workspace.change_dashboard_access(&id, body, false).map(Json)
}

async fn replace(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<AccessRequest>,
) -> Result<Json<ObjectAccess>, ApiError> {
    app.workspace.change_dashboard_access(&id, body, true).map(Json)
}
