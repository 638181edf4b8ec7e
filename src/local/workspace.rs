//! The workspace's tree: folders, files, notebooks and dashboards by path.
//!
//! Folders, files and notebooks are listed in one document, their contents lie beside it; a dashboard is a document of its
//! own that says where it stands (`dashboards` has their calls).

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use chrono::{DateTime, SubsecRound as _, Utc};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::Clock;
use super::dashboards::Document;
use super::error::ApiError;
use super::store::{Store, StoreError};
use crate::databricks::wire::{Language, Object, ObjectType};

/// The document that lists folders, files and notebooks.
const OBJECTS: &str = "objects.json";

/// What ends the path of a dashboard.
pub(super) const DASHBOARD_SUFFIX: &str = ".lvdash.json";

/// The largest content that the API takes or gives.
pub(super) const MOST_BYTES: usize = 10 << 20;

/// The comments by which a source file says that it is a notebook, with the extension it then loses.
const NOTEBOOK_HEADERS: [(&str, &str, Language); 4] = [
    (".sql", "-- Databricks notebook source", Language::Sql),
    (".py", "# Databricks notebook source", Language::Python),
    (".r", "# Databricks notebook source", Language::R),
    (".scala", "// Databricks notebook source", Language::Scala),
];

/// The tree, and the documents that keep it.
pub(super) struct Workspace {
    pub(super) store: Arc<Store>,
    pub(super) clock: Clock,
    user_name: String,
    state: Mutex<State>,
}

/// What the lock holds. Paths are without `/Workspace` and without a slash at the end.
#[derive(Default)]
pub(super) struct State {
    pub(super) tree: BTreeMap<String, Node>,
    /// All dashboards, those in the trash too, by id.
    pub(super) dashboards: HashMap<String, Document>,
}

/// An object of the tree. Times are milliseconds since 1970.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Node {
    object_id: i64,
    created_at: i64,
    modified_at: i64,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Directory,
    File { size: i64 },
    Notebook { language: Language, size: i64 },
    Dashboard { id: String },
}

/// How imported bytes are meant.
pub(super) enum Meaning {
    /// A file, whatever its name.
    File,
    /// A notebook in a language.
    Notebook(Language),
    /// Whatever name and first line say.
    Auto,
}

/// What an import becomes.
enum Target {
    Object(String, Kind),
    Dashboard { folder: String, name: String },
}

impl Workspace {
    /// Reads the tree; a new one has the folders `/Shared` and `/Users/<user>`.
    pub(super) fn open(store: Arc<Store>, clock: Clock, user_name: String) -> Result<Self, StoreError> {
        let mut state = State { tree: store.read(OBJECTS)?.unwrap_or_default(), ..State::default() };
        for name in store.list("dashboards")? {
            if let Some(document) = store.read::<Document>(&name)? {
                state.put(document);
            }
        }
        let workspace = Self { store, clock, user_name, state: Mutex::new(state) };
        let home = workspace.home();
        let mut state = workspace.lock();
        if !state.tree.contains_key("/Shared") || !state.tree.contains_key(&home) {
            let now = workspace.now().timestamp_millis();
            for path in ["/Shared", home.as_str()] {
                if state.make_folders(path, now).is_err() {
                    // Only possible if a file stands where a part of the home folder should be.
                    tracing::warn!("the folder {path} cannot be made: there is a file in its way");
                }
            }
            workspace.save(&state)?;
        }
        drop(state);
        Ok(workspace)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time, cut to the milliseconds that the API shows.
    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.clock)().trunc_subsecs(3)
    }

    /// The one user's name.
    pub(super) fn user_name(&self) -> &str {
        &self.user_name
    }

    /// The caller's own folder.
    pub(super) fn home(&self) -> String {
        format!("/Users/{}", self.user_name)
    }

    /// `POST /api/2.0/workspace/mkdirs`.
    pub(super) fn make_folders(&self, path: &str) -> Result<(), ApiError> {
        let path = normalise(path)?;
        let mut state = self.lock();
        if state.make_folders(&path, self.now().timestamp_millis())? {
            self.save(&state)?;
        }
        Ok(())
    }

    /// `GET /api/2.0/workspace/get-status`.
    pub(super) fn status(&self, path: &str) -> Result<Object, ApiError> {
        let path = normalise(path)?;
        self.lock().get(&path).map(|node| object(&path, node))
    }

    /// `GET /api/2.0/workspace/list`: what is in a folder, or the object itself if it is none.
    pub(super) fn list(&self, path: &str) -> Result<Vec<Object>, ApiError> {
        let path = normalise(path)?;
        let state = self.lock();
        if path != "/" {
            let node = state.get(&path)?;
            if node.kind != Kind::Directory {
                return Ok(vec![object(&path, node)]);
            }
        }
        let prefix = if path == "/" { 1 } else { path.len() + 1 };
        let children = state.below(&path).filter(|(below, _)| !below[prefix..].contains('/'));
        Ok(children.map(|(path, node)| object(path, node)).collect())
    }

    /// `POST /api/2.0/workspace/import` and its kin.
    pub(super) fn import(&self, path: &str, bytes: &[u8], meaning: &Meaning, overwrite: bool) -> Result<(), ApiError> {
        let path = normalise(path)?;
        if bytes.len() > MOST_BYTES {
            return Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "MAX_NOTEBOOK_SIZE_EXCEEDED",
                format!("content size of {path} exceeds the limit of {MOST_BYTES} bytes"),
            ));
        }
        let (path, kind) = match target(path, bytes, meaning)? {
            Target::Object(path, kind) => (path, kind),
            Target::Dashboard { folder, name } => return self.import_dashboard(&folder, &name, bytes, overwrite),
        };
        let now = self.now().timestamp_millis();
        let mut state = self.lock();
        state.demand_parent(&path)?;
        let node = match state.tree.get(&path) {
            None => Node { object_id: new_object_id(), created_at: now, modified_at: now, kind },
            Some(old) if matches!(old.kind, Kind::Directory | Kind::Dashboard { .. }) => {
                return Err(already_exists(&path, "is a folder or dashboard and"));
            }
            // Files and notebooks are refused with different statuses.
            Some(Node { kind: Kind::Notebook { .. }, .. }) if !overwrite => {
                let message = format!("Path ({path}) already exists.");
                return Err(ApiError::new(StatusCode::BAD_REQUEST, "RESOURCE_ALREADY_EXISTS", message));
            }
            Some(_) if !overwrite => return Err(already_exists(&path, "")),
            Some(old) => Node { modified_at: now, kind, ..old.clone() },
        };
        self.store.write_bytes(&content_name(node.object_id), bytes)?;
        state.tree.insert(path, node);
        self.save(&state)?;
        Ok(())
    }

    /// `GET /api/2.0/workspace/export`: the bytes, and what they are (an extension).
    pub(super) fn export(&self, path: &str) -> Result<(Vec<u8>, String), ApiError> {
        let path = normalise(path)?;
        let state = self.lock();
        let node = state.get(&path)?;
        let extension = |language: &Language| match language {
            Language::Python => "py".to_owned(),
            other => other.as_str().to_lowercase(),
        };
        let kind = match &node.kind {
            Kind::Directory => {
                return Err(ApiError::invalid(format!("{path} is a folder; the local workspace exports no archives")));
            }
            Kind::Dashboard { id } => {
                let content = state.dashboards.get(id).map(|dashboard| dashboard.content.clone().into_bytes());
                return Ok((content.unwrap_or_default(), "lvdash.json".to_owned()));
            }
            Kind::Notebook { language, .. } => extension(language),
            Kind::File { .. } => path.rsplit_once('.').map_or_else(String::new, |(_, extension)| extension.to_owned()),
        };
        let bytes = self.store.read_bytes(&content_name(node.object_id))?;
        bytes.map(|bytes| (bytes, kind)).ok_or_else(|| ApiError::internal(format!("the content of {path} is missing")))
    }

    /// `POST /api/2.0/workspace/delete`: for good, without the trash.
    pub(super) fn delete(&self, path: &str, recursive: bool) -> Result<(), ApiError> {
        let path = normalise(path)?;
        if path == "/" {
            return Err(ApiError::invalid("the root folder cannot be deleted"));
        }
        let mut state = self.lock();
        state.get(&path)?;
        let below: Vec<String> = state.below(&path).map(|(path, _)| path.to_owned()).collect();
        if !below.is_empty() && !recursive {
            return Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "DIRECTORY_NOT_EMPTY",
                format!("Folder ({path}) is not empty"),
            ));
        }
        let removed: Vec<Node> = below.iter().chain([&path]).filter_map(|path| state.tree.remove(path)).collect();
        // The list goes first: content without an entry is only waste, an entry without content would be a fault.
        self.save(&state)?;
        for node in removed {
            match node.kind {
                Kind::Directory => {}
                Kind::Dashboard { id } => {
                    state.dashboards.remove(&id);
                    self.store.remove(&super::dashboards::document_name(&id))?;
                }
                Kind::File { .. } | Kind::Notebook { .. } => self.store.remove(&content_name(node.object_id))?,
            }
        }
        Ok(())
    }

    /// Writes the list of objects. Dashboards are not in it: their own documents say where they are.
    fn save(&self, state: &State) -> Result<(), StoreError> {
        let listed: BTreeMap<&String, &Node> =
            state.tree.iter().filter(|(_, node)| !matches!(node.kind, Kind::Dashboard { .. })).collect();
        self.store.write(OBJECTS, &listed)
    }
}

impl State {
    /// Returns an object, or the API's answer for a path where nothing is.
    pub(super) fn get(&self, path: &str) -> Result<&Node, ApiError> {
        self.tree.get(path).ok_or_else(|| ApiError::not_found(format!("Path ({path}) doesn't exist.")))
    }

    /// Demands that the folder a path is in exists.
    fn demand_parent(&self, path: &str) -> Result<(), ApiError> {
        let parent = parent(path);
        match self.tree.get(parent) {
            _ if parent == "/" => Ok(()),
            Some(node) if node.kind == Kind::Directory => Ok(()),
            _ => Err(ApiError::not_found(format!("The parent folder ({parent}) does not exist."))),
        }
    }

    /// Tells whether there is a folder.
    pub(super) fn is_folder(&self, path: &str) -> bool {
        path == "/" || self.tree.get(path).is_some_and(|node| node.kind == Kind::Directory)
    }

    /// Puts a dashboard in its place; one in the trash has none.
    pub(super) fn put(&mut self, document: Document) {
        if let Some(old) = self.dashboards.get(&document.dashboard_id).filter(|old| !old.trashed) {
            self.tree.remove(&old.path());
        }
        if !document.trashed {
            let node = Node {
                object_id: document.object_id,
                created_at: document.create_time.timestamp_millis(),
                modified_at: document.update_time.timestamp_millis(),
                kind: Kind::Dashboard { id: document.dashboard_id.clone() },
            };
            self.tree.insert(document.path(), node);
        }
        self.dashboards.insert(document.dashboard_id.clone(), document);
    }

    /// Makes a folder with its parents; tells whether any was missing.
    fn make_folders(&mut self, path: &str, now: i64) -> Result<bool, ApiError> {
        let ends = path.match_indices('/').map(|(index, _)| index).skip(1).chain([path.len()]);
        let mut missing = Vec::new();
        for folder in ends.map(|end| &path[..end]).filter(|folder| *folder != "/") {
            match self.tree.get(folder) {
                None => missing.push(folder),
                Some(node) if node.kind == Kind::Directory => {}
                Some(_) => return Err(already_exists(folder, "is not a folder and")),
            }
        }
        for folder in &missing {
            let node = Node { object_id: new_object_id(), created_at: now, modified_at: now, kind: Kind::Directory };
            self.tree.insert((*folder).to_owned(), node);
        }
        Ok(!missing.is_empty())
    }

    /// Everything below a folder, at any depth.
    fn below(&self, folder: &str) -> impl Iterator<Item = (&str, &Node)> {
        let prefix = if folder == "/" { "/".to_owned() } else { format!("{folder}/") };
        let range = (Bound::Excluded(prefix.clone()), Bound::Unbounded);
        self.tree
            .range::<String, _>(range)
            .map(|(path, node)| (path.as_str(), node))
            .take_while(move |(path, _)| path.starts_with(&prefix))
    }
}

/// Returns a path without `/Workspace` in front and without a slash at the end.
pub(super) fn normalise(path: &str) -> Result<String, ApiError> {
    let inner = match path.strip_prefix("/Workspace") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ if path.starts_with('/') => path,
        _ => return Err(ApiError::invalid(format!("Path ({path}) must be absolute, i.e. begin with a slash"))),
    };
    let inner = inner.trim_end_matches('/');
    if inner.is_empty() {
        return Ok("/".to_owned());
    }
    if inner[1..].split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(ApiError::invalid(format!("Path ({path}) has an empty or relative part")));
    }
    Ok(inner.to_owned())
}

/// Returns an object's path as `get-status` and `list` show it.
fn object(path: &str, node: &Node) -> Object {
    let (object_type, language, size, resource_id) = match &node.kind {
        Kind::Directory => (ObjectType::Directory, None, None, None),
        Kind::File { size } => (ObjectType::File, None, Some(*size), None),
        Kind::Notebook { language, size } => (ObjectType::Notebook, Some(language.clone()), Some(*size), None),
        Kind::Dashboard { id } => (ObjectType::Dashboard, None, None, Some(id.clone())),
    };
    let is_folder = object_type == ObjectType::Directory;
    Object {
        path: format!("/Workspace{path}"),
        object_id: Some(node.object_id),
        object_type,
        resource_id,
        language,
        created_at: (!is_folder).then_some(node.created_at),
        modified_at: (!is_folder).then_some(node.modified_at),
        size,
    }
}

fn target(path: String, bytes: &[u8], meaning: &Meaning) -> Result<Target, ApiError> {
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let language = match meaning {
        Meaning::File => return Ok(Target::Object(path, Kind::File { size })),
        Meaning::Notebook(language) => {
            return Ok(Target::Object(path, Kind::Notebook { language: language.clone(), size }));
        }
        Meaning::Auto => notebook_by_name(&path, bytes),
    };
    if let Some((stem, language)) = language {
        return Ok(Target::Object(stem, Kind::Notebook { language, size }));
    }
    if path.to_lowercase().ends_with(".ipynb") {
        return Err(ApiError::invalid("the local workspace imports no Jupyter notebooks"));
    }
    match path.strip_suffix(DASHBOARD_SUFFIX).and_then(|stem| stem.rsplit_once('/')) {
        Some((folder, name)) if !name.is_empty() => {
            let folder = if folder.is_empty() { "/" } else { folder };
            Ok(Target::Dashboard { folder: folder.to_owned(), name: name.to_owned() })
        }
        _ => Ok(Target::Object(path, Kind::File { size })),
    }
}

fn notebook_by_name(path: &str, bytes: &[u8]) -> Option<(String, Language)> {
    NOTEBOOK_HEADERS.iter().find_map(|(extension, header, language)| {
        let stem_len = path.len().checked_sub(extension.len())?;
        let fits = path.is_char_boundary(stem_len)
            && path[stem_len..].eq_ignore_ascii_case(extension)
            && bytes.starts_with(header.as_bytes());
        fits.then(|| (path[..stem_len].to_owned(), language.clone()))
    })
}

fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((parent, _)) => parent,
    }
}

fn already_exists(path: &str, what: &str) -> ApiError {
    let what = if what.is_empty() { String::new() } else { format!("{what} ") };
    ApiError::conflict("RESOURCE_ALREADY_EXISTS", format!("Path ({path}) {what}already exists."))
}

fn content_name(object_id: i64) -> String {
    format!("contents/{object_id}")
}

/// Real ids are beyond what a double holds; so are ours, so that a client that rounds them is found out here.
pub(super) fn new_object_id() -> i64 {
    rand::rng().random_range((1_i64 << 53)..i64::MAX)
}
