//! `GET /api/2.0/preview/scim/v2/Me`: who the caller is, and in the header `x-databricks-org-id` which workspace this is.

use std::sync::Arc;

use super::super::server::App;
use crate::databricks::wire::{Email, Me};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};

/// The embedded workspace's id.
const ORG_ID: &str = "1";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/api/2.0/preview/scim/v2/Me", get(me))
}

async fn me(State(app): State<Arc<App>>) -> ([(&'static str, &'static str); 1], Json<Me>) {
    let me = Me {
        id: "1".to_owned(),
        user_name: app.user_name.clone(),
        display_name: Some(app.user_name.clone()),
        emails: vec![Email { value: app.user_name.clone(), primary: Some(true) }],
        active: Some(true),
    };
    ([("x-databricks-org-id", ORG_ID)], Json(me))
}
