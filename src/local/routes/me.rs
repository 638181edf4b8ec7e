//! `GET /api/2.0/preview/scim/v2/Me`: who the caller is, and in the header `x-databricks-org-id` which workspace this is;
//! and what a host says of itself to clients that only know its address.

use std::sync::Arc;

use super::super::server::App;
use crate::databricks::wire::{Email, HostConfig, Me};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};

/// The embedded workspace's id.
const ORG_ID: &str = "1";

/// Where official clients look, without credentials, for the workspace's id and its login service.
pub(super) const HOST_CONFIG: &str = "/.well-known/databricks-config";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/api/2.0/preview/scim/v2/Me", get(me)).route(HOST_CONFIG, get(host_config))
}

async fn me(State(app): State<Arc<App>>) -> ([(&'static str, &'static str); 1], Json<Me>) {
    let me = Me {
        id: "1".to_owned(),
        user_name: app.user_name.clone(),
        display_name: Some(app.user_name.clone()),
        emails: vec![Email { value: app.user_name.clone(), primary: Some(true) }],
        groups: Vec::new(),
        active: Some(true),
    };
    ([("x-databricks-org-id", ORG_ID)], Json(me))
}

async fn host_config(State(app): State<Arc<App>>) -> Json<HostConfig> {
    Json(HostConfig {
        oidc_endpoint: Some(format!("http://{}/oidc", app.address)),
        workspace_id: Some(ORG_ID.to_owned()),
        ..HostConfig::default()
    })
}
