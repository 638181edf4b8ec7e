//! Jobs that the workspace runs by itself.

use super::paging;
use super::wire::{Empty, Job, JobList, JobRef, JobRun, JobRunList, JobSettings, ResetJob, RunRef, SubmitRun};
use crate::http::{self, Class, Http, Request};

const LIST: &str = "/api/2.2/jobs/list";

/// The jobs of a workspace.
pub struct Jobs<'a> {
    pub(super) http: &'a Http,
}

impl Jobs<'_> {
    /// Lists all jobs that the caller may see, without their tasks: a request for each 100. `GET /api/2.2/jobs/list`.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn list(&self) -> Result<Vec<Job>, http::Error> {
        paging::all::<JobList>(self.http, Request::get(LIST).query("limit", "100")).await
    }

    /// Lists the jobs of a name, without their tasks: names are not unique. `GET /api/2.2/jobs/list`.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn named(&self, name: &str) -> Result<Vec<Job>, http::Error> {
        paging::all::<JobList>(self.http, Request::get(LIST).query("limit", "100").query("name", name)).await
    }

    /// Reads a job with all its tasks; nothing if there is none. `GET /api/2.2/jobs/get`.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn get(&self, id: i64) -> Result<Option<Job>, http::Error> {
        let request = Request::get("/api/2.2/jobs/get").query("job_id", id.to_string());
        let mut job: Job = match self.http.json(request.clone()).await {
            Ok(job) => job,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        while let Some(token) = job.next_page_token.take().filter(|token| !token.is_empty()) {
            let more: Job = self.http.json(request.clone().query("page_token", token)).await?;
            job.settings.tasks.extend(more.settings.tasks);
            job.next_page_token = more.next_page_token;
        }
        Ok(Some(job))
    }

    /// Reads the newest run of a job; nothing if it never ran. `GET /api/2.2/jobs/runs/list`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn last_run(&self, id: i64) -> Result<Option<JobRun>, http::Error> {
        let request = Request::get("/api/2.2/jobs/runs/list").query("job_id", id.to_string()).query("limit", "1");
        let page: JobRunList = self.http.json(request).await?;
        Ok(page.runs.into_iter().next())
    }

    /// Makes a job, and returns its id. Sent twice it would make two. `POST /api/2.2/jobs/create`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn create(&self, settings: &JobSettings) -> Result<i64, http::Error> {
        let created: JobRef = self.http.json(Request::post("/api/2.2/jobs/create").json(settings)).await?;
        Ok(created.job_id)
    }

    /// Replaces all settings of a job, for runs that begin from now on. `POST /api/2.2/jobs/reset`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn reset(&self, id: i64, settings: JobSettings) -> Result<(), http::Error> {
        let body = ResetJob { job_id: id, new_settings: settings };
        let request = Request::post("/api/2.2/jobs/reset").idempotent().json(&body);
        self.http.json::<Empty>(request).await.map(drop)
    }

    /// Begins a run that belongs to no job, and returns its id. Its token makes it harmless to send it again: the service
    /// gives the run that it began. `POST /api/2.2/jobs/runs/submit`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn submit(&self, run: &SubmitRun) -> Result<i64, http::Error> {
        let request = Request::post("/api/2.2/jobs/runs/submit").json(run);
        let request = if run.idempotency_token.is_some() { request.idempotent() } else { request };
        let begun: RunRef = self.http.json(request).await?;
        Ok(begun.run_id)
    }

    /// Deletes a job for good; does nothing if it is gone. `POST /api/2.2/jobs/delete`.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn delete(&self, id: i64) -> Result<(), http::Error> {
        let request = Request::post("/api/2.2/jobs/delete").idempotent().json(&JobRef { job_id: id });
        match self.http.json::<Empty>(request).await {
            Err(error) if is_missing(&error) => Ok(()),
            answer => answer.map(drop),
        }
    }
}

/// Tells whether a job does not exist: that is said by 404, or by 400 and words.
fn is_missing(error: &http::Error) -> bool {
    error.class() == Class::NotFound || error.class() == Class::Invalid && error.to_string().contains("does not exist")
}
