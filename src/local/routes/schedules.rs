//! Schedules of dashboards: `/api/2.0/lakeview/dashboards/{id}/schedules`, users by name, and notification destinations.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{delete, get};
use axum::{Json, Router};

use super::super::error::ApiError;
use super::super::server::App;
use super::extract::{JsonBody, Params, page};
use crate::databricks::wire::{
    DashboardSchedule, Destination, DestinationList, Empty, ScheduleList, Subscription, SubscriptionList, UserList,
};

/// The page size that a client leaves out, and the largest.
const DEFAULT_PAGE: usize = 20;
const LARGEST_PAGE: usize = 100;

pub(super) fn router() -> Router<Arc<App>> {
    const SCHEDULES: &str = "/api/2.0/lakeview/dashboards/{dashboard}/schedules";
    Router::new()
        .route(SCHEDULES, get(list).post(create))
        .route(&format!("{SCHEDULES}/{{id}}"), get(one).put(update).delete(remove))
        .route(&format!("{SCHEDULES}/{{id}}/subscriptions"), get(subscriptions).post(subscribe))
        .route(&format!("{SCHEDULES}/{{id}}/subscriptions/{{subscription}}"), delete(unsubscribe))
        .route("/api/2.0/preview/scim/v2/Users", get(users))
        .route("/api/2.0/notification-destinations", get(destinations).post(create_destination))
}

async fn list(
    State(app): State<Arc<App>>,
    Path(dashboard): Path<String>,
    params: Params,
) -> Result<Json<ScheduleList>, ApiError> {
    let (schedules, next_page_token) = cut(app.workspace.schedules(&dashboard)?, &params)?;
    Ok(Json(ScheduleList { schedules, next_page_token }))
}

async fn create(
    State(app): State<Arc<App>>,
    Path(dashboard): Path<String>,
    JsonBody(body): JsonBody<DashboardSchedule>,
) -> Result<Json<DashboardSchedule>, ApiError> {
    app.workspace.create_schedule(&dashboard, body).map(Json)
}

async fn one(
    State(app): State<Arc<App>>,
    Path((dashboard, id)): Path<(String, String)>,
) -> Result<Json<DashboardSchedule>, ApiError> {
    app.workspace.schedule(&dashboard, &id).map(Json)
}

async fn update(
    State(app): State<Arc<App>>,
    Path((dashboard, id)): Path<(String, String)>,
    JsonBody(body): JsonBody<DashboardSchedule>,
) -> Result<Json<DashboardSchedule>, ApiError> {
    app.workspace.update_schedule(&dashboard, &id, body).map(Json)
}

async fn remove(
    State(app): State<Arc<App>>,
    Path((dashboard, id)): Path<(String, String)>,
    params: Params,
) -> Result<Json<Empty>, ApiError> {
    app.workspace.delete_schedule(&dashboard, &id, params.get("etag"))?;
    Ok(Json(Empty {}))
}

async fn subscriptions(
    State(app): State<Arc<App>>,
    Path((dashboard, id)): Path<(String, String)>,
    params: Params,
) -> Result<Json<SubscriptionList>, ApiError> {
    let (subscriptions, next_page_token) = cut(app.workspace.subscriptions(&dashboard, &id)?, &params)?;
    Ok(Json(SubscriptionList { subscriptions, next_page_token }))
}

async fn subscribe(
    State(app): State<Arc<App>>,
    Path((dashboard, id)): Path<(String, String)>,
    JsonBody(body): JsonBody<Subscription>,
) -> Result<Json<Subscription>, ApiError> {
    app.workspace.subscribe(&dashboard, &id, body).map(Json)
}

async fn unsubscribe(
    State(app): State<Arc<App>>,
    Path((dashboard, id, subscription)): Path<(String, String, String)>,
) -> Result<Json<Empty>, ApiError> {
    app.workspace.unsubscribe(&dashboard, &id, &subscription)?;
    Ok(Json(Empty {}))
}

async fn users(State(app): State<Arc<App>>, params: Params) -> Result<Json<UserList>, ApiError> {
    app.workspace.users(params.get("filter")).map(|resources| Json(UserList { resources }))
}

async fn destinations(State(app): State<Arc<App>>, params: Params) -> Result<Json<DestinationList>, ApiError> {
    let (results, next_page_token) = cut(app.workspace.destinations()?, &params)?;
    Ok(Json(DestinationList { results, next_page_token }))
}

async fn create_destination(
    State(app): State<Arc<App>>,
    JsonBody(body): JsonBody<Destination>,
) -> Result<Json<Destination>, ApiError> {
    app.workspace.create_destination(body).map(Json)
}

fn cut<T>(all: Vec<T>, params: &Params) -> Result<(Vec<T>, Option<String>), ApiError> {
    let size = params.parsed::<usize>("page_size")?.filter(|size| *size > 0).unwrap_or(DEFAULT_PAGE).min(LARGEST_PAGE);
    page(all, size, params.get("page_token"))
}
