//! Lakeview dashboards: `/api/2.0/lakeview/dashboards`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::super::dashboards::Defaults;
use super::super::error::ApiError;
use super::super::server::App;
use super::extract::{JsonBody, Params, page};
use crate::databricks::wire::{CreateDashboard, Dashboard, DashboardList, Empty, Published, Revert, UpdateDashboard};

/// The page size that a client leaves out, and the largest.
const DEFAULT_PAGE: usize = 20;
const LARGEST_PAGE: usize = 1_000;

/// A publish request as the service reads it: who leaves `embed_credentials` out gets `true`.
#[derive(Deserialize)]
struct PublishBody {
    embed_credentials: Option<bool>,
    warehouse_id: Option<String>,
}

/// The answer to a revert.
#[derive(Serialize)]
struct Reverted {
    dashboard: Dashboard,
}

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/api/2.0/lakeview/dashboards", get(list).post(create))
        .route("/api/2.0/lakeview/dashboards/{id}", get(one).patch(update).delete(trash))
        .route("/api/2.0/lakeview/dashboards/{id}/published", get(published).post(publish).delete(unpublish))
        .route("/api/2.0/lakeview/dashboards/{id}/revert", post(revert))
}

async fn list(State(app): State<Arc<App>>, params: Params) -> Result<Json<DashboardList>, ApiError> {
    let size = params.parsed::<usize>("page_size")?.filter(|size| *size > 0).unwrap_or(DEFAULT_PAGE).min(LARGEST_PAGE);
    let all = app.workspace.dashboards(params.flag("show_trashed")?);
    let (dashboards, next_page_token) = page(all, size, params.get("page_token"))?;
    Ok(Json(DashboardList { dashboards, next_page_token }))
}

async fn create(
    State(app): State<Arc<App>>,
    params: Params,
    JsonBody(body): JsonBody<CreateDashboard>,
) -> Result<Json<Dashboard>, ApiError> {
    app.workspace.create_dashboard(body, defaults(&params)).map(Json)
}

async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Dashboard>, ApiError> {
    app.workspace.dashboard(&id).map(Json)
}

async fn update(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
    JsonBody(body): JsonBody<UpdateDashboard>,
) -> Result<Json<Dashboard>, ApiError> {
    app.workspace.update_dashboard(&id, body, defaults(&params)).map(Json)
}

async fn trash(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Empty>, ApiError> {
    app.workspace.trash_dashboard(&id)?;
    Ok(Json(Empty {}))
}

async fn publish(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<PublishBody>,
) -> Result<Json<Published>, ApiError> {
    let embed_credentials = body.embed_credentials.unwrap_or(true);
    app.workspace.publish_dashboard(&id, embed_credentials, body.warehouse_id).map(Json)
}

async fn published(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Published>, ApiError> {
    app.workspace.published_dashboard(&id).map(Json)
}

async fn unpublish(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Empty>, ApiError> {
    app.workspace.unpublish_dashboard(&id)?;
    Ok(Json(Empty {}))
}

async fn revert(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<Revert>,
) -> Result<Json<Reverted>, ApiError> {
    let dashboard = app.workspace.revert_dashboard(&id, body.etag.as_deref())?;
    Ok(Json(Reverted { dashboard }))
}

fn defaults(params: &Params) -> Defaults<'_> {
    Defaults { catalog: params.get("dataset_catalog"), schema: params.get("dataset_schema") }
}
