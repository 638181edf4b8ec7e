//! SQL warehouses: `/api/2.0/sql/warehouses`. There is one; it starts and stops at once, and what runs then is cancelled.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::super::error::ApiError;
use super::super::server::{App, WAREHOUSE_ID};
use crate::databricks::wire::{DefaultWarehouse, Empty, Health, OdbcParams, Warehouse, WarehouseList, WarehouseState};

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/api/2.0/sql/warehouses", get(list))
        .route("/api/2.0/sql/warehouses/{id}", get(one))
        .route("/api/2.0/sql/warehouses/{id}/start", post(start))
        .route("/api/2.0/sql/warehouses/{id}/stop", post(stop))
        .route("/api/warehouses/v1/default-warehouse-overrides/me", get(default))
}

async fn list(State(app): State<Arc<App>>) -> Json<WarehouseList> {
    Json(WarehouseList { warehouses: vec![warehouse(&app)], next_page_token: None })
}

async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Warehouse>, ApiError> {
    demand(&id)?;
    Ok(Json(warehouse(&app)))
}

async fn start(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Empty>, ApiError> {
    demand(&id)?;
    app.warehouse_runs.store(true, Ordering::Relaxed);
    Ok(Json(Empty {}))
}

async fn stop(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Empty>, ApiError> {
    demand(&id)?;
    app.warehouse_runs.store(false, Ordering::Relaxed);
    app.statements.cancel_all();
    Ok(Json(Empty {}))
}

async fn default() -> Json<DefaultWarehouse> {
    Json(DefaultWarehouse { kind: Some("CUSTOM".to_owned()), warehouse_id: Some(WAREHOUSE_ID.to_owned()) })
}

fn demand(id: &str) -> Result<(), ApiError> {
    if id == WAREHOUSE_ID { Ok(()) } else { Err(ApiError::not_found(format!("SQL warehouse {id} does not exist"))) }
}

fn warehouse(app: &App) -> Warehouse {
    let runs = app.warehouse_runs.load(Ordering::Relaxed);
    Warehouse {
        id: WAREHOUSE_ID.to_owned(),
        name: WAREHOUSE_ID.to_owned(),
        state: Some(if runs { WarehouseState::Running } else { WarehouseState::Stopped }),
        cluster_size: Some("2X-Small".to_owned()),
        warehouse_type: Some("PRO".to_owned()),
        enable_serverless_compute: Some(true),
        auto_stop_mins: Some(0),
        num_clusters: Some(i64::from(runs)),
        creator_name: Some(app.user_name.clone()),
        odbc_params: Some(OdbcParams {
            hostname: Some(app.address.ip().to_string()),
            path: Some(format!("/sql/1.0/warehouses/{WAREHOUSE_ID}")),
            port: Some(i64::from(app.address.port())),
            protocol: Some("http".to_owned()),
        }),
        health: Some(Health { status: Some("HEALTHY".to_owned()), ..Health::default() }),
    }
}
