//! Putting a dashboard in place: found by its path, made or changed only where it differs, published, and verified.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::error::Error;
use super::lakeview::Lakeview;
use super::wire::{CreateDashboard, Dashboard, Object, ObjectType, Publish, Published, UpdateDashboard};
use super::workspace::Workspace;
use crate::http::Class;
use crate::ids::{DashboardId, WarehouseId, workspace_path};

/// Judges what a draft holds. Only the caller knows what of a content matters, and what was sent before.
pub trait Contents: Send + Sync + fmt::Debug {
    /// Tells whether a draft is as it shall be, but for what the service rewrites on its own.
    fn is_wanted(&self, draft: &Value) -> bool;
    /// Tells whether a draft that is not may be replaced, or holds what a person would miss.
    fn may_replace(&self, draft: &Value) -> bool;
}

/// What a dashboard shall be.
#[derive(Clone, Debug)]
pub struct DashboardSpec {
    /// Folder in the workspace, with or without a leading `/Workspace`.
    pub folder: String,
    /// Title, and stem of the file's name.
    pub title: String,
    /// Path at which it may lie under a former title, from which it is renamed.
    pub former: Option<String>,
    /// Content of the `.lvdash.json` file.
    pub serialized: String,
    /// Judges what a draft holds.
    pub contents: Arc<dyn Contents>,
    /// Warehouse of draft and published copy.
    pub warehouse: WarehouseId,
    /// Default catalog of the datasets.
    pub catalog: Option<String>,
    /// Default schema of the datasets.
    pub schema: Option<String>,
    /// Whether viewers query as the publisher.
    pub embed_credentials: bool,
}

/// What a deploy found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// The dashboard.
    pub dashboard_id: DashboardId,
    /// Its path in the workspace.
    pub path: String,
    /// Version of the draft.
    pub etag: Option<String>,
    /// What became of the draft.
    pub draft: Change,
    /// Whether it was published now; otherwise the published copy was current already.
    pub published: bool,
}

/// What became of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// There was none.
    Created,
    /// It differed.
    Updated,
    /// It was as it should be.
    Unchanged,
}

/// Reads may lag behind writes: how often one is repeated before it is believed.
const LAGGING_READS: u32 = 6;
/// The pause between such reads.
const LAG: Duration = Duration::from_millis(500);

impl Lakeview<'_> {
    /// Makes the dashboard what it shall be, in as few changes as that takes, and publishes it.
    ///
    /// # Errors
    /// If a request fails, the content is not JSON, the path is taken by something else, or the published copy does not
    /// become current.
    pub async fn deploy(&self, spec: &DashboardSpec) -> Result<Deployed, Error> {
        let folder = workspace_path(&spec.folder);
        let path = format!("{folder}/{}.lvdash.json", spec.title);
        let found = match (self.find(&path).await?, &spec.former) {
            (None, Some(former)) => self.find(former).await?,
            (found, _) => found,
        };
        let (draft, change) = match found {
            Some(id) => self.change(&id, spec).await?,
            None => match self.create_in(folder, spec).await {
                Ok(draft) => (draft, Change::Created),
                // Somebody made it meanwhile, or we did and the answer was lost: it is there now, if this is so.
                Err(error) if error.class() == Class::Conflict || error.may_have_arrived() => {
                    match self.find_after_write(&path).await? {
                        Some(id) => self.change(&id, spec).await?,
                        None => return Err(error.into()),
                    }
                }
                Err(error) => return Err(error.into()),
            },
        };
        let id = DashboardId::new(&draft.dashboard_id);
        let published = match change {
            Change::Created => None,
            Change::Updated | Change::Unchanged => self.get_published(&id).await?,
        };
        let up_to_date = change == Change::Unchanged
            && published.is_some_and(|published| {
                is_current(&draft, &published)
                    && published.embed_credentials == spec.embed_credentials
                    && published.warehouse_id.as_deref() == Some(spec.warehouse.as_str())
            });
        if !up_to_date && let Err(error) = self.publish_surely(&id, &draft, spec).await {
            return Err(self.unless_deleted(error, &id, &path).await);
        }
        Ok(Deployed { dashboard_id: id, path, etag: draft.etag, draft: change, published: !up_to_date })
    }

    /// Says why a dashboard that was there a moment ago could not be published: what is in the trash is refused as if we lacked
    /// the right to it.
    async fn unless_deleted(&self, error: Error, id: &DashboardId, path: &str) -> Error {
        let is_refused = matches!(error.class(), Class::Permission | Class::NotFound);
        if is_refused && matches!(self.get(id).await, Ok(None)) {
            Error::DashboardDeleted { path: path.to_owned() }
        } else {
            error
        }
    }

    /// Finds the dashboard at a path; nothing if there is nothing.
    ///
    /// # Errors
    /// If the request fails, or something else stands there.
    pub async fn find(&self, path: &str) -> Result<Option<DashboardId>, Error> {
        let object = Workspace { http: self.http }.get_status(path).await?;
        object.map(|object| dashboard_at(path, &object)).transpose()
    }

    /// Finds the dashboards of a folder at paths, in the order of the paths: several of them by one list of the folder.
    ///
    /// # Errors
    /// As [`Lakeview::find`].
    pub async fn find_in(&self, folder: &str, paths: &[String]) -> Result<Vec<Option<DashboardId>>, Error> {
        if paths.len() > 1 {
            match (Workspace { http: self.http }).list(folder).await {
                Ok(objects) => {
                    let there: HashMap<&str, &Object> =
                        objects.iter().map(|object| (workspace_path(&object.path), object)).collect();
                    let at = |path: &String| there.get(path.as_str()).map(|object| dashboard_at(path, object));
                    return paths.iter().map(at).map(Option::transpose).collect();
                }
                // Who may not list the folder may still see what was shared with them.
                Err(error) if error.class() == Class::Permission => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut found = Vec::with_capacity(paths.len());
        for path in paths {
            found.push(self.find(path).await?);
        }
        Ok(found)
    }

    async fn find_after_write(&self, path: &str) -> Result<Option<DashboardId>, Error> {
        for _ in 1..LAGGING_READS {
            if let Some(id) = self.find(path).await? {
                return Ok(Some(id));
            }
            self.http.clock().sleep(LAG).await;
        }
        self.find(path).await
    }

    async fn create_in(&self, folder: &str, spec: &DashboardSpec) -> Result<Dashboard, crate::http::Error> {
        let body = CreateDashboard {
            display_name: spec.title.clone(),
            parent_path: Some(folder.to_owned()),
            serialized_dashboard: Some(spec.serialized.clone()),
            warehouse_id: Some(spec.warehouse.to_string()),
        };
        let create = || self.create(&body, spec.catalog.as_deref(), spec.schema.as_deref());
        match create().await {
            Err(error) if error.class() == Class::NotFound => {
                Workspace { http: self.http }.mkdirs(folder).await?;
                create().await
            }
            answer => answer,
        }
    }

    /// Brings an existing draft to the wanted content, without a request if it has it.
    async fn change(&self, id: &DashboardId, spec: &DashboardSpec) -> Result<(Dashboard, Change), Error> {
        let draft = self.read(id).await?;
        let content = draft.content();
        let same = spec.contents.is_wanted(&content);
        let title = (draft.display_name.as_ref() != Some(&spec.title)).then(|| spec.title.clone());
        if same && title.is_none() && draft.warehouse_id.as_deref() == Some(spec.warehouse.as_str()) {
            return Ok((draft, Change::Unchanged));
        }
        if !same && !spec.contents.may_replace(&content) {
            return Err(Error::Edited { path: format!("{}/{}", workspace_path(&spec.folder), spec.title) });
        }
        let body = UpdateDashboard {
            display_name: title,
            serialized_dashboard: Some(spec.serialized.clone()),
            warehouse_id: Some(spec.warehouse.to_string()),
            etag: draft.etag.clone(),
        };
        match self.update(id, &body, spec.catalog.as_deref(), spec.schema.as_deref()).await {
            Ok(draft) => Ok((draft, Change::Updated)),
            // A repeated update meets the etag that its lost first try left behind. If the content is ours, all is well.
            Err(error) if error.class() == Class::Conflict && error.attempts() > 1 => {
                let draft = self.read(id).await?;
                if spec.contents.is_wanted(&draft.content()) { Ok((draft, Change::Updated)) } else { Err(error.into()) }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a draft that is known to exist.
    async fn read(&self, id: &DashboardId) -> Result<Dashboard, Error> {
        for _ in 1..LAGGING_READS {
            if let Some(draft) = self.get(id).await? {
                return Ok(draft);
            }
            self.http.clock().sleep(LAG).await;
        }
        Ok(self.http.json(crate::http::Request::get("/api/2.0/lakeview/dashboards").segment(id.as_str())).await?)
    }

    async fn publish_surely(&self, id: &DashboardId, draft: &Dashboard, spec: &DashboardSpec) -> Result<(), Error> {
        let body =
            Publish { embed_credentials: spec.embed_credentials, warehouse_id: Some(spec.warehouse.to_string()) };
        self.publish(id, &body).await?;
        for _ in 0..LAGGING_READS {
            if self.get_published(id).await?.is_some_and(|published| is_current(draft, &published)) {
                return Ok(());
            }
            self.http.clock().sleep(LAG).await;
        }
        Err(Error::NotCurrent { dashboard_id: id.to_string() })
    }
}

/// Returns the dashboard that stands at a path.
fn dashboard_at(path: &str, object: &Object) -> Result<DashboardId, Error> {
    match (&object.object_type, &object.resource_id) {
        (ObjectType::Dashboard, Some(id)) => Ok(DashboardId::new(id)),
        (other, _) => Err(Error::PathTaken { path: path.to_owned(), object_type: other.as_str().to_lowercase() }),
    }
}

/// Tells whether the published copy is that of the draft: it is iff it was made no earlier than the draft's last change.
pub fn is_current(draft: &Dashboard, published: &Published) -> bool {
    match (published.revision_create_time, draft.update_time.or(draft.create_time)) {
        (Some(published), Some(changed)) => published >= changed,
        _ => false,
    }
}
