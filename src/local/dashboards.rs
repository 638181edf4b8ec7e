//! Lakeview dashboards: drafts with their etags, published copies, and the trash.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::ApiError;
use super::lvdash;
use super::schedules::Scheduled;
use super::workspace::{DASHBOARD_SUFFIX, State, Workspace, new_object_id, normalise};
use crate::databricks::wire::{CreateDashboard, Dashboard, LifecycleState, Published, UpdateDashboard};
use crate::ids::Principal;

/// A dashboard as it is kept: the draft, and the published copy if there is one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Document {
    pub(super) dashboard_id: String,
    pub(super) object_id: i64,
    pub(super) display_name: String,
    /// The folder, without `/Workspace`.
    pub(super) parent_path: String,
    pub(super) warehouse_id: Option<String>,
    /// The `.lvdash.json` text, as the service stores it.
    pub(super) content: String,
    /// Moves with the content; a new name or warehouse alone leaves it.
    pub(super) etag: u64,
    pub(super) create_time: DateTime<Utc>,
    pub(super) update_time: DateTime<Utc>,
    pub(super) trashed: bool,
    /// What each has on it, beside what the workspace's administrators have on everything.
    #[serde(default)]
    pub(super) access: BTreeMap<Principal, String>,
    /// When it is sent to whom.
    #[serde(default)]
    pub(super) schedules: Vec<Scheduled>,
    pub(super) published: Option<Copy>,
}

/// A published copy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Copy {
    display_name: String,
    warehouse_id: Option<String>,
    embed_credentials: bool,
    revision_create_time: DateTime<Utc>,
    content: String,
}

/// Default catalog and schema of a dashboard's datasets, from the query of create and update.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Defaults<'a> {
    pub(super) catalog: Option<&'a str>,
    pub(super) schema: Option<&'a str>,
}

impl Document {
    /// Where the draft stands, also when it is in the trash.
    pub(super) fn path(&self) -> String {
        let folder = if self.parent_path == "/" { "" } else { &self.parent_path };
        format!("{folder}/{}{DASHBOARD_SUFFIX}", self.display_name)
    }

    /// The draft as `GET` answers it.
    pub(super) fn draft(&self) -> Dashboard {
        Dashboard {
            parent_path: Some(self.parent_path.clone()),
            path: Some(self.path()),
            serialized_dashboard: Some(self.content.clone()),
            etag: Some(self.etag.to_string()),
            update_time: Some(self.update_time),
            ..self.summary()
        }
    }

    /// The draft as lists show it.
    fn summary(&self) -> Dashboard {
        Dashboard {
            dashboard_id: self.dashboard_id.clone(),
            display_name: Some(self.display_name.clone()),
            warehouse_id: self.warehouse_id.clone(),
            create_time: Some(self.create_time),
            lifecycle_state: Some(if self.trashed { LifecycleState::Trashed } else { LifecycleState::Active }),
            ..Dashboard::default()
        }
    }

    fn set_content(&mut self, content: String) {
        if self.content != content {
            self.content = content;
            self.etag += 1;
        }
    }
}

impl Copy {
    fn answer(&self) -> Published {
        Published {
            display_name: Some(self.display_name.clone()),
            warehouse_id: self.warehouse_id.clone(),
            embed_credentials: self.embed_credentials,
            revision_create_time: Some(self.revision_create_time),
        }
    }
}

/// The name of a dashboard's document.
pub(super) fn document_name(id: &str) -> String {
    format!("dashboards/{id}.json")
}

impl Workspace {
    /// `POST /api/2.0/lakeview/dashboards`.
    pub(super) fn create_dashboard(&self, wanted: CreateDashboard, to: Defaults<'_>) -> Result<Dashboard, ApiError> {
        let name = checked_name(&wanted.display_name)?;
        let folder = match wanted.parent_path.as_deref() {
            None | Some("") => self.home(),
            Some(path) => normalise(path)?,
        };
        let content = stored(wanted.serialized_dashboard.as_deref().unwrap_or("{}"), to)?;
        let mut state = self.lock();
        if !state.is_folder(&folder) {
            return Err(ApiError::not_found(format!("Path ({folder}) doesn't exist.")));
        }
        let document = self.new_document(name, folder, wanted.warehouse_id, content);
        demand_free(&state, &document)?;
        self.keep(&mut state, document)
    }

    /// `GET /api/2.0/lakeview/dashboards/{dashboard_id}`; one in the trash is answered too.
    pub(super) fn dashboard(&self, id: &str) -> Result<Dashboard, ApiError> {
        find(&self.lock(), id).map(Document::draft)
    }

    /// `PATCH /api/2.0/lakeview/dashboards/{dashboard_id}`.
    pub(super) fn update_dashboard(
        &self,
        id: &str,
        change: UpdateDashboard,
        to: Defaults<'_>,
    ) -> Result<Dashboard, ApiError> {
        let mut state = self.lock();
        let mut document = find_active(&state, id)?.clone();
        demand_etag(&document, change.etag.as_deref())?;
        if let Some(name) = &change.display_name {
            document.display_name = checked_name(name)?;
            demand_free(&state, &document)?;
        }
        if let Some(content) = &change.serialized_dashboard {
            document.set_content(stored(content, to)?);
        } else if to.catalog.is_some() || to.schema.is_some() {
            let content = stored(&document.content, to)?;
            document.set_content(content);
        }
        if let Some(warehouse_id) = change.warehouse_id {
            document.warehouse_id = Some(warehouse_id).filter(|id| !id.is_empty());
        }
        document.update_time = self.now();
        self.keep(&mut state, document)
    }

    /// `GET /api/2.0/lakeview/dashboards`, oldest first.
    pub(super) fn dashboards(&self, show_trashed: bool) -> Vec<Dashboard> {
        let state = self.lock();
        let mut documents: Vec<&Document> =
            state.dashboards.values().filter(|document| show_trashed || !document.trashed).collect();
        documents.sort_by_key(|document| (document.create_time, &document.dashboard_id));
        documents.into_iter().map(Document::summary).collect()
    }

    /// `DELETE /api/2.0/lakeview/dashboards/{dashboard_id}`: into the caller's trash, unpublished.
    pub(super) fn trash_dashboard(&self, id: &str) -> Result<(), ApiError> {
        let mut state = self.lock();
        let mut document = find_active(&state, id)?.clone();
        document.trashed = true;
        document.published = None;
        document.parent_path = format!("{}/Trash", self.home());
        self.keep(&mut state, document).map(drop)
    }

    /// `POST /api/2.0/lakeview/dashboards/{dashboard_id}/published`.
    pub(super) fn publish_dashboard(
        &self,
        id: &str,
        embed_credentials: bool,
        warehouse_id: Option<String>,
    ) -> Result<Published, ApiError> {
        let mut state = self.lock();
        let mut document = find_active(&state, id)?.clone();
        let copy = Copy {
            display_name: document.display_name.clone(),
            warehouse_id: warehouse_id.filter(|id| !id.is_empty()).or_else(|| document.warehouse_id.clone()),
            embed_credentials,
            revision_create_time: self.now(),
            content: document.content.clone(),
        };
        let answer = copy.answer();
        document.published = Some(copy);
        self.keep(&mut state, document)?;
        Ok(answer)
    }

    /// `GET /api/2.0/lakeview/dashboards/{dashboard_id}/published`.
    pub(super) fn published_dashboard(&self, id: &str) -> Result<Published, ApiError> {
        let state = self.lock();
        let copy = state.dashboards.get(id).and_then(|document| document.published.as_ref());
        copy.map(Copy::answer).ok_or_else(|| not_published(id))
    }

    /// `DELETE /api/2.0/lakeview/dashboards/{dashboard_id}/published`.
    pub(super) fn unpublish_dashboard(&self, id: &str) -> Result<(), ApiError> {
        let mut state = self.lock();
        let mut document = find_active(&state, id)?.clone();
        document.published = None;
        self.keep(&mut state, document).map(drop)
    }

    /// `POST /api/2.0/lakeview/dashboards/{dashboard_id}/revert`: the draft becomes what is published.
    pub(super) fn revert_dashboard(&self, id: &str, etag: Option<&str>) -> Result<Dashboard, ApiError> {
        let mut state = self.lock();
        let mut document = find_active(&state, id)?.clone();
        demand_etag(&document, etag)?;
        let copy = document.published.clone().ok_or_else(|| not_published(id))?;
        document.set_content(copy.content);
        document.display_name = copy.display_name;
        demand_free(&state, &document)?;
        document.update_time = self.now();
        self.keep(&mut state, document)
    }

    /// `POST /api/2.0/workspace/import` of a `.lvdash.json` path: makes a dashboard, or gives an existing one new content,
    /// a new etag and a new `update_time`.
    pub(super) fn import_dashboard(
        &self,
        folder: &str,
        name: &str,
        bytes: &[u8],
        overwrite: bool,
    ) -> Result<(), ApiError> {
        let text = std::str::from_utf8(bytes).map_err(|_| ApiError::invalid("the dashboard is not UTF-8 text"))?;
        let content = stored(text, Defaults::default())?;
        let mut state = self.lock();
        if !state.is_folder(folder) {
            return Err(ApiError::not_found(format!("The parent folder ({folder}) does not exist.")));
        }
        let mut document = self.new_document(name.to_owned(), folder.to_owned(), None, content.clone());
        let there = state.dashboards.values().find(|other| !other.trashed && other.path() == document.path());
        if let Some(there) = there {
            if !overwrite {
                let message = format!("Path ({}) already exists.", document.path());
                return Err(ApiError::conflict("RESOURCE_ALREADY_EXISTS", message));
            }
            document = there.clone();
            document.etag += 1;
            document.content = content;
            document.update_time = self.now();
        }
        self.keep(&mut state, document).map(drop)
    }

    fn new_document(&self, name: String, folder: String, warehouse_id: Option<String>, content: String) -> Document {
        let now = self.now();
        Document {
            dashboard_id: Uuid::new_v4().simple().to_string(),
            object_id: new_object_id(),
            display_name: name,
            parent_path: folder,
            warehouse_id: warehouse_id.filter(|id| !id.is_empty()),
            content,
            etag: u64::from(Uuid::new_v4().as_fields().0),
            create_time: now,
            update_time: now,
            trashed: false,
            schedules: Vec::new(),
            // Whoever makes it may do everything with it.
            access: [(Principal::new(self.user_name()), "CAN_MANAGE".to_owned())].into(),
            published: None,
        }
    }

    /// Writes the dashboard down first, so that what a client was told survives a restart.
    pub(super) fn keep(&self, state: &mut State, document: Document) -> Result<Dashboard, ApiError> {
        self.store.write(&document_name(&document.dashboard_id), &document)?;
        let answer = document.draft();
        state.put(document);
        Ok(answer)
    }
}

fn stored(content: &str, to: Defaults<'_>) -> Result<String, ApiError> {
    lvdash::as_stored(content, to.catalog, to.schema).map_err(ApiError::invalid)
}

fn checked_name(name: &str) -> Result<String, ApiError> {
    if name.trim().is_empty() || name.contains('/') {
        return Err(ApiError::invalid(format!("display_name '{name}' must not be empty or contain a slash")));
    }
    Ok(name.to_owned())
}

pub(super) fn find<'a>(state: &'a State, id: &str) -> Result<&'a Document, ApiError> {
    state.dashboards.get(id).ok_or_else(|| ApiError::not_found(format!("Unable to find dashboard [{id}]")))
}

/// A dashboard in the trash can be looked at, but not changed.
pub(super) fn find_active<'a>(state: &'a State, id: &str) -> Result<&'a Document, ApiError> {
    let document = find(state, id)?;
    if document.trashed {
        return Err(ApiError::forbidden(format!("Dashboard [{id}] is in the trash and cannot be changed")));
    }
    Ok(document)
}

fn demand_etag(document: &Document, etag: Option<&str>) -> Result<(), ApiError> {
    match etag {
        Some(etag) if !etag.is_empty() && etag != document.etag.to_string() => Err(ApiError::conflict(
            "ABORTED",
            format!("etag {etag} is stale: the dashboard has been changed and is at {}", document.etag),
        )),
        _ => Ok(()),
    }
}

/// Demands that nothing else stands where the dashboard is to stand.
fn demand_free(state: &State, document: &Document) -> Result<(), ApiError> {
    let path = document.path();
    let own = state.dashboards.get(&document.dashboard_id).is_some_and(|old| old.path() == path);
    if !own && state.tree.contains_key(&path) {
        return Err(ApiError::conflict("ALREADY_EXISTS", format!("Node named '{path}' already exists")));
    }
    Ok(())
}

fn not_published(id: &str) -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "RESOURCE_DOES_NOT_EXIST",
        format!("Unable to find published dashboard [{id}]"),
    )
}
