//! Lakeview dashboards: the single calls. Putting one in place is in `deploy.rs`.

use super::paging;
use super::wire::{CreateDashboard, Dashboard, DashboardList, Empty, Publish, Published, UpdateDashboard};
use crate::http::{self, Class, Http, Request};
use crate::ids::DashboardId;

const PATH: &str = "/api/2.0/lakeview/dashboards";

/// The Lakeview dashboards of a workspace.
pub struct Lakeview<'a> {
    pub(super) http: &'a Http,
}

impl Lakeview<'_> {
    /// Makes a draft. Catalog and schema become the defaults of all its datasets.
    ///
    /// # Errors
    /// If the request fails: `NotFound` without the parent folder, `Conflict` if the name is taken in it.
    pub async fn create(
        &self,
        body: &CreateDashboard,
        catalog: Option<&str>,
        schema: Option<&str>,
    ) -> Result<Dashboard, http::Error> {
        self.http.json(defaults(Request::post(PATH), catalog, schema).json(body)).await
    }

    /// Reads a draft; nothing if it is missing or in the trash.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn get(&self, id: &DashboardId) -> Result<Option<Dashboard>, http::Error> {
        match self.http.json::<Dashboard>(one(Request::get, id)).await {
            Ok(draft) if draft.lifecycle_state == Some(super::wire::LifecycleState::Trashed) => Ok(None),
            Ok(draft) => Ok(Some(draft)),
            Err(error) if error.class() == Class::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Changes a draft; what the body leaves out stays as it is.
    ///
    /// # Errors
    /// If the request fails: `Conflict` if the body's etag is stale.
    pub async fn update(
        &self,
        id: &DashboardId,
        body: &UpdateDashboard,
        catalog: Option<&str>,
        schema: Option<&str>,
    ) -> Result<Dashboard, http::Error> {
        self.http.json(defaults(one(Request::patch, id), catalog, schema).idempotent().json(body)).await
    }

    /// Lists all drafts in short form, without those in the trash.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn list(&self) -> Result<Vec<Dashboard>, http::Error> {
        paging::all::<DashboardList>(self.http, Request::get(PATH)).await
    }

    /// Moves a dashboard to the caller's trash; its published copy goes too. Doing it twice is refused.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn trash(&self, id: &DashboardId) -> Result<(), http::Error> {
        self.http.json::<Empty>(one(Request::delete, id)).await.map(drop)
    }

    /// Publishes the draft as it is now.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn publish(&self, id: &DashboardId, body: &Publish) -> Result<Published, http::Error> {
        self.http.json(one(Request::post, id).then("published").idempotent().json(body)).await
    }

    /// Reads the published copy; nothing if there is none.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn get_published(&self, id: &DashboardId) -> Result<Option<Published>, http::Error> {
        match self.http.json(one(Request::get, id).then("published")).await {
            Ok(published) => Ok(Some(published)),
            Err(error) if error.class() == Class::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn one(method: fn(&str) -> Request, id: &DashboardId) -> Request {
    method(PATH).segment(id.as_str())
}

fn defaults(request: Request, catalog: Option<&str>, schema: Option<&str>) -> Request {
    request.query_opt("dataset_catalog", catalog).query_opt("dataset_schema", schema)
}
