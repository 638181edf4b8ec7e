//! `GET /api/2.0/preview/scim/v2/Me`: who the caller is, and in the header `x-databricks-org-id` which workspace this is.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::server::App;

/// The embedded workspace's id.
const ORG_ID: &str = "1";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/api/2.0/preview/scim/v2/Me", get(me))
}

async fn me(State(app): State<Arc<App>>) -> ([(&'static str, &'static str); 1], Json<Value>) {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": "1",
        "userName": app.user_name,
        "displayName": app.user_name,
        "active": true,
        "emails": [{"type": "work", "value": app.user_name, "primary": true}],
    });
    ([("x-databricks-org-id", ORG_ID)], Json(body))
}
