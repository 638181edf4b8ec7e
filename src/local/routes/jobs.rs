//! Jobs: `/api/2.2/jobs`, and the same under 2.1, which older clients ask.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};

use super::super::error::ApiError;
use super::super::server::App;
use super::extract::{JsonBody, Params, page};
use crate::databricks::wire::{
    Empty, Job, JobList, JobRef, JobRun, JobRunList, JobSettings, ResetJob, RunNow, RunRef, SubmitRun,
};

/// The page size that a client leaves out, and the largest.
const DEFAULT_PAGE: usize = 20;
const LARGEST_PAGE: usize = 100;

/// So many tasks of a job are in one answer.
const MOST_TASKS: usize = 100;

pub(super) fn router() -> Router<Arc<App>> {
    let mut router = Router::new();
    for version in ["2.1", "2.2"] {
        let path = |rest: &str| format!("/api/{version}/jobs/{rest}");
        router = router
            .route(&path("create"), post(create))
            .route(&path("reset"), post(reset))
            .route(&path("get"), get(one))
            .route(&path("list"), get(list))
            .route(&path("delete"), post(delete))
            .route(&path("run-now"), post(run_now))
            .route(&path("runs/submit"), post(submit))
            .route(&path("runs/get"), get(run))
            .route(&path("runs/list"), get(runs))
            .route(&path("runs/cancel"), post(cancel));
    }
    router
}

async fn create(State(app): State<Arc<App>>, JsonBody(body): JsonBody<JobSettings>) -> Result<Json<JobRef>, ApiError> {
    app.jobs.create(body).map(|job_id| Json(JobRef { job_id }))
}

async fn reset(State(app): State<Arc<App>>, JsonBody(body): JsonBody<ResetJob>) -> Result<Json<Empty>, ApiError> {
    app.jobs.reset(body.job_id, body.new_settings)?;
    Ok(Json(Empty {}))
}

async fn one(State(app): State<Arc<App>>, params: Params) -> Result<Json<Job>, ApiError> {
    let mut job = app.jobs.get(number(&params, "job_id")?)?;
    let (tasks, next) = page(std::mem::take(&mut job.settings.tasks), MOST_TASKS, params.get("page_token"))?;
    job.settings.tasks = tasks;
    job.next_page_token = next;
    Ok(Json(job))
}

async fn list(State(app): State<Arc<App>>, params: Params) -> Result<Json<JobList>, ApiError> {
    let all = app.jobs.list(params.get("name"));
    let (mut jobs, next_page_token) = page(all, size(&params)?, params.get("page_token"))?;
    if !params.flag("expand_tasks")? {
        jobs.iter_mut().for_each(|job| job.settings.tasks.clear());
    }
    Ok(Json(JobList { jobs, next_page_token }))
}

async fn delete(State(app): State<Arc<App>>, JsonBody(body): JsonBody<JobRef>) -> Result<Json<Empty>, ApiError> {
    app.jobs.delete(body.job_id)?;
    Ok(Json(Empty {}))
}

async fn run_now(State(app): State<Arc<App>>, JsonBody(body): JsonBody<RunNow>) -> Result<Json<RunRef>, ApiError> {
    app.jobs.run_now(&app, body.job_id, body.idempotency_token).map(|run_id| Json(RunRef { run_id }))
}

async fn submit(State(app): State<Arc<App>>, JsonBody(body): JsonBody<SubmitRun>) -> Result<Json<RunRef>, ApiError> {
    app.jobs.submit(&app, body).map(|run_id| Json(RunRef { run_id }))
}

async fn run(State(app): State<Arc<App>>, params: Params) -> Result<Json<JobRun>, ApiError> {
    app.jobs.run(number(&params, "run_id")?).map(Json)
}

async fn runs(State(app): State<Arc<App>>, params: Params) -> Result<Json<JobRunList>, ApiError> {
    let all = app.jobs.runs(params.parsed("job_id")?);
    let (mut runs, next_page_token) = page(all, size(&params)?, params.get("page_token"))?;
    runs.iter_mut().for_each(|run| run.tasks.clear());
    Ok(Json(JobRunList { runs, next_page_token }))
}

async fn cancel(State(app): State<Arc<App>>, JsonBody(body): JsonBody<RunRef>) -> Result<Json<Empty>, ApiError> {
    app.jobs.cancel(body.run_id)?;
    Ok(Json(Empty {}))
}

fn number(params: &Params, name: &str) -> Result<i64, ApiError> {
    params.required(name)?;
    params.parsed(name)?.ok_or_else(|| ApiError::invalid(format!("Missing required field: {name}")))
}

fn size(params: &Params) -> Result<usize, ApiError> {
    match params.parsed::<usize>("limit")? {
        None => Ok(DEFAULT_PAGE),
        Some(size) if (1..=LARGEST_PAGE).contains(&size) => Ok(size),
        Some(_) => Err(ApiError::invalid(format!("limit must be between 1 and {LARGEST_PAGE}"))),
    }
}
