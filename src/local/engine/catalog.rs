//! The folder of the warehouse: catalogs and schemas are folders with a small JSON description, a view is a JSON file, a
//! table is a folder with a `_delta_log`.
//!
//! Descriptions are replaced whole by renaming, so a reader sees the old one or the new one. Names are folder names:
//! Unity Catalog forbids points, slashes, blanks and control characters in them, and so does this.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use fs_err as fs;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::api::NamespaceInfo;
use super::error::SqlError;
use crate::ids::TableName;

/// The description of a catalog, in its folder.
const CATALOG_FILE: &str = "_catalog.json";
/// The description of a schema, in its folder.
const SCHEMA_FILE: &str = "_schema.json";
/// What the name of a view's file ends with.
const VIEW_SUFFIX: &str = ".view.json";
/// What the name of the file ends with in which the rest stands that is known of a catalog, schema, table or view.
const ABOUT_SUFFIX: &str = ".about.json";

/// Where tables, views and their descriptions lie.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

/// What is written about a catalog or schema.
#[derive(Serialize, Deserialize)]
struct NamespaceFile {
    id: String,
    comment: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// What is written about a view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ViewFile {
    /// Its identity.
    pub(super) id: String,
    /// The text of its query.
    pub(super) query: String,
    /// The catalog and schema that unqualified names in the query belong to.
    pub(super) catalog: String,
    /// See `catalog`.
    pub(super) schema: String,
    /// The columns as they were at creation: `SELECT *` does not grow afterwards.
    pub(super) columns: Vec<ViewColumn>,
    /// What it is for.
    pub(super) comment: Option<String>,
    /// Properties.
    pub(super) properties: BTreeMap<String, String>,
    /// When it was made.
    pub(super) created_at: DateTime<Utc>,
    /// When it was last changed.
    pub(super) updated_at: DateTime<Utc>,
}

/// A column of a view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ViewColumn {
    /// The name under which it is seen.
    pub(super) name: String,
    /// The name that the query gives it.
    pub(super) source: String,
    /// The type, as SQL text.
    pub(super) type_text: String,
    /// What it is for.
    pub(super) comment: Option<String>,
}

/// What is known of a catalog, schema, table or view beside its definition. Unity Catalog keeps it apart from the data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct About {
    /// To whom it belongs; to whoever runs the statements unless it was given away.
    pub(super) owner: Option<String>,
    /// Properties of a catalog or schema; tables and views keep theirs themselves.
    pub(super) properties: BTreeMap<String, String>,
    /// Its tags.
    pub(super) tags: BTreeMap<String, String>,
    /// Tags of its columns.
    pub(super) column_tags: BTreeMap<String, BTreeMap<String, String>>,
    /// The privileges of each principal.
    pub(super) grants: BTreeMap<String, BTreeSet<String>>,
    /// Keys, which nobody enforces.
    pub(super) keys: Vec<Key>,
    /// What fills it, if it is a materialized view.
    pub(super) materialized: Option<ViewFile>,
}

/// A primary or foreign key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Key {
    /// Its name.
    pub(super) name: String,
    /// Its columns.
    pub(super) columns: Vec<String>,
    /// The table and columns that a foreign key refers to.
    pub(super) references: Option<(TableName, Vec<String>)>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Table,
    View,
}

impl Folder {
    /// The folder at `root`.
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn catalog_dir(&self, catalog: &str) -> PathBuf {
        self.root.join(catalog)
    }

    fn schema_dir(&self, catalog: &str, schema: &str) -> PathBuf {
        self.root.join(catalog).join(schema)
    }

    /// Where a table's log and files lie.
    pub(super) fn table_dir(&self, name: &TableName) -> PathBuf {
        self.schema_dir(&name.catalog, &name.schema).join(&name.name)
    }

    fn view_file(&self, name: &TableName) -> PathBuf {
        self.schema_dir(&name.catalog, &name.schema).join(format!("{}{VIEW_SUFFIX}", name.name))
    }

    fn about_file(&self, path: &[&str]) -> PathBuf {
        let mut file = self.root.clone();
        let (last, above) = path.split_last().unwrap_or((&"", &[]));
        file.extend(above);
        file.join(format!("{last}{ABOUT_SUFFIX}"))
    }

    /// What is known of a catalog, schema, table or view, by its full name.
    pub(super) fn about(&self, path: &[&str]) -> Result<About, SqlError> {
        let file = self.about_file(path);
        if file.is_file() { read(&file) } else { Ok(About::default()) }
    }

    /// Writes what is known of a catalog, schema, table or view.
    pub(super) fn put_about(&self, path: &[&str], about: &About) -> Result<(), SqlError> {
        let file = self.about_file(path);
        if *about != About::default() {
            return write(&file, about);
        }
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritable(&error)),
            _ => Ok(()),
        }
    }

    /// Whether there is such a catalog.
    pub(super) fn has_catalog(&self, catalog: &str) -> bool {
        is_name(catalog) && self.catalog_dir(catalog).join(CATALOG_FILE).is_file()
    }

    /// Whether there is such a schema.
    pub(super) fn has_schema(&self, catalog: &str, schema: &str) -> bool {
        is_name(catalog) && is_name(schema) && self.schema_dir(catalog, schema).join(SCHEMA_FILE).is_file()
    }

    /// What the name stands for, if for anything.
    pub(super) fn kind(&self, name: &TableName) -> Option<Kind> {
        if !(is_name(&name.catalog) && is_name(&name.schema) && is_name(&name.name)) {
            return None;
        }
        if self.view_file(name).is_file() {
            Some(Kind::View)
        } else if self.table_dir(name).is_dir() && has_log(&self.table_dir(name)) {
            Some(Kind::Table)
        } else {
            None
        }
    }

    /// The catalogs, by name.
    pub(super) fn catalogs(&self) -> Result<Vec<NamespaceInfo>, SqlError> {
        let mut found = Vec::new();
        for name in folders(&self.root)? {
            let file = self.root.join(&name).join(CATALOG_FILE);
            if file.is_file() {
                found.push(namespace(&name, read(&file)?));
            }
        }
        Ok(found)
    }

    /// One catalog.
    pub(super) fn catalog(&self, catalog: &str) -> Result<NamespaceInfo, SqlError> {
        if !self.has_catalog(catalog) {
            return Err(SqlError::catalog_not_found(catalog));
        }
        Ok(namespace(catalog, read(&self.catalog_dir(catalog).join(CATALOG_FILE))?))
    }

    /// The schemas of a catalog, by name.
    pub(super) fn schemas(&self, catalog: &str) -> Result<Vec<NamespaceInfo>, SqlError> {
        if !self.has_catalog(catalog) {
            return Err(SqlError::catalog_not_found(catalog));
        }
        let mut found = Vec::new();
        for name in folders(&self.catalog_dir(catalog))? {
            let file = self.schema_dir(catalog, &name).join(SCHEMA_FILE);
            if file.is_file() {
                found.push(namespace(&name, read(&file)?));
            }
        }
        Ok(found)
    }

    /// One schema.
    pub(super) fn schema(&self, catalog: &str, schema: &str) -> Result<NamespaceInfo, SqlError> {
        self.require_schema(catalog, schema)?;
        Ok(namespace(schema, read(&self.schema_dir(catalog, schema).join(SCHEMA_FILE))?))
    }

    /// Fails unless there is such a schema.
    pub(super) fn require_schema(&self, catalog: &str, schema: &str) -> Result<(), SqlError> {
        if !self.has_catalog(catalog) {
            return Err(SqlError::catalog_not_found(catalog));
        }
        if !self.has_schema(catalog, schema) {
            return Err(SqlError::schema_not_found(&quoted(&[catalog, schema])));
        }
        Ok(())
    }

    /// The names of a schema's tables and views.
    pub(super) fn relations(&self, catalog: &str, schema: &str) -> Result<Vec<(TableName, Kind)>, SqlError> {
        self.require_schema(catalog, schema)?;
        let dir = self.schema_dir(catalog, schema);
        let mut found = Vec::new();
        for entry in fs::read_dir(&dir).map_err(|e| unreadable(&e))? {
            let entry = entry.map_err(|e| unreadable(&e))?;
            let file_name = entry.file_name().to_string_lossy().into_owned();
            if let Some(view) = file_name.strip_suffix(VIEW_SUFFIX) {
                found.push((TableName::new(catalog, schema, view), Kind::View));
            } else if is_name(&file_name) && has_log(&entry.path()) {
                found.push((TableName::new(catalog, schema, &file_name), Kind::Table));
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }

    /// Makes a catalog; tells whether it was new.
    pub(super) fn create_catalog(
        &self,
        catalog: &str,
        comment: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<bool, SqlError> {
        check_name(catalog)?;
        if self.has_catalog(catalog) {
            return Ok(false);
        }
        let dir = self.catalog_dir(catalog);
        fs::create_dir_all(&dir).map_err(|e| unwritable(&e))?;
        write(&dir.join(CATALOG_FILE), &new_namespace(comment, now))?;
        Ok(true)
    }

    /// Makes a schema; tells whether it was new.
    pub(super) fn create_schema(
        &self,
        catalog: &str,
        schema: &str,
        comment: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<bool, SqlError> {
        check_name(schema)?;
        if !self.has_catalog(catalog) {
            return Err(SqlError::catalog_not_found(catalog));
        }
        if self.has_schema(catalog, schema) {
            return Ok(false);
        }
        let dir = self.schema_dir(catalog, schema);
        fs::create_dir_all(&dir).map_err(|e| unwritable(&e))?;
        write(&dir.join(SCHEMA_FILE), &new_namespace(comment, now))?;
        Ok(true)
    }

    /// Changes a catalog's or schema's comment.
    pub(super) fn comment_on_namespace(
        &self,
        catalog: &str,
        schema: Option<&str>,
        comment: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), SqlError> {
        let file = match schema {
            Some(schema) => {
                self.require_schema(catalog, schema)?;
                self.schema_dir(catalog, schema).join(SCHEMA_FILE)
            }
            None if self.has_catalog(catalog) => self.catalog_dir(catalog).join(CATALOG_FILE),
            None => return Err(SqlError::catalog_not_found(catalog)),
        };
        let old: NamespaceFile = read(&file)?;
        write(&file, &NamespaceFile { comment: comment.map(str::to_owned), updated_at: now, ..old })
    }

    /// Removes a schema with all that is in it.
    pub(super) fn remove_schema(&self, catalog: &str, schema: &str) -> Result<(), SqlError> {
        self.remove_dir(&self.schema_dir(catalog, schema))?;
        self.put_about(&[catalog, schema], &About::default())
    }

    /// Removes a catalog with all that is in it.
    pub(super) fn remove_catalog(&self, catalog: &str) -> Result<(), SqlError> {
        self.remove_dir(&self.catalog_dir(catalog))?;
        self.put_about(&[catalog], &About::default())
    }

    /// Removes a table's folder.
    pub(super) fn remove_table(&self, name: &TableName) -> Result<(), SqlError> {
        self.remove_dir(&self.table_dir(name))?;
        self.put_about(&name.parts(), &About::default())
    }

    /// Gives a table or view another name.
    pub(super) fn rename(&self, kind: Kind, from: &TableName, to: &TableName) -> Result<(), SqlError> {
        let about = self.about(&from.parts())?;
        self.put_about(&to.parts(), &about)?;
        match kind {
            Kind::Table => fs::rename(self.table_dir(from), self.table_dir(to)),
            Kind::View => fs::rename(self.view_file(from), self.view_file(to)),
        }
        .map_err(|e| unwritable(&e))?;
        self.put_about(&from.parts(), &About::default())
    }

    /// Renames the folder out of sight first, so that nobody sees half of it.
    fn remove_dir(&self, dir: &Path) -> Result<(), SqlError> {
        let bin = self.scratch()?.join(uuid::Uuid::new_v4().to_string());
        fs::rename(dir, &bin).map_err(|e| unwritable(&e))?;
        // What stays behind in the scratch folder is removed when the warehouse is next opened.
        let _ = fs::remove_dir_all(&bin);
        Ok(())
    }

    /// The folder for what is not to be kept: files spilled by statements, removed tables.
    pub(super) fn scratch(&self) -> Result<PathBuf, SqlError> {
        let dir = self.root.join(".scratch");
        fs::create_dir_all(&dir).map_err(|e| unwritable(&e))?;
        Ok(dir)
    }

    /// A view's description.
    pub(super) fn view(&self, name: &TableName) -> Result<ViewFile, SqlError> {
        read(&self.view_file(name))
    }

    /// Writes a view's description.
    pub(super) fn put_view(&self, name: &TableName, view: &ViewFile) -> Result<(), SqlError> {
        write(&self.view_file(name), view)
    }

    /// Removes a view.
    pub(super) fn remove_view(&self, name: &TableName) -> Result<(), SqlError> {
        fs::remove_file(self.view_file(name)).map_err(|e| unwritable(&e))?;
        self.put_about(&name.parts(), &About::default())
    }
}

/// Whether a folder is a Delta table's, by its log.
fn has_log(dir: &Path) -> bool {
    dir.join("_delta_log").is_dir()
}

/// Whether a word can be a name in the catalog, and so a folder's name.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && name.chars().all(|c| !matches!(c, '.' | '/' | '\\' | ' ' | '\u{7f}') && !c.is_control())
}

/// Refuses names that Unity Catalog does not take.
pub(super) fn check_name(name: &str) -> Result<(), SqlError> {
    if is_name(name) {
        return Ok(());
    }
    Err(SqlError::new(
        "INVALID_SCHEMA_OR_RELATION_NAME",
        "42602",
        format!(
            "`{}` is not a valid name for tables/schemas. Names have no points, slashes, blanks or control characters.",
            name.replace('`', "``")
        ),
    ))
}

/// A name of several parts as Spark shows it in errors: each in back-quotes.
pub(super) fn quoted(parts: &[&str]) -> String {
    parts.iter().map(|part| format!("`{}`", part.replace('`', "``"))).collect::<Vec<_>>().join(".")
}

fn new_namespace(comment: Option<&str>, now: DateTime<Utc>) -> NamespaceFile {
    NamespaceFile {
        id: uuid::Uuid::new_v4().to_string(),
        comment: comment.map(str::to_owned),
        created_at: now,
        updated_at: now,
    }
}

fn namespace(name: &str, file: NamespaceFile) -> NamespaceInfo {
    NamespaceInfo {
        name: name.to_owned(),
        comment: file.comment,
        created_at: file.created_at,
        updated_at: file.updated_at,
        id: file.id,
    }
}

/// Names of the folders in a folder, sorted.
fn folders(dir: &Path) -> Result<Vec<String>, SqlError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(|e| unreadable(&e))? {
        let entry = entry.map_err(|e| unreadable(&e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_name(&name) && entry.path().is_dir() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, SqlError> {
    let text = fs::read_to_string(path).map_err(|e| unreadable(&e))?;
    serde_json::from_str(&text)
        .map_err(|e| SqlError::io(format!("{} is damaged: {e}. Restore it from a copy, or delete it.", path.display())))
}

/// Writes beside the file and renames.
fn write(path: &Path, value: &impl Serialize) -> Result<(), SqlError> {
    let text = serde_json::to_string_pretty(value).map_err(|e| SqlError::internal(e.to_string()))?;
    let aside = path.with_extension(format!("{}.tmp", uuid::Uuid::new_v4()));
    let result = fs::write(&aside, text).and_then(|()| fs::rename(&aside, path));
    if result.is_err() {
        let _ = fs::remove_file(&aside);
    }
    result.map_err(|e| unwritable(&e))
}

fn unreadable(error: &io::Error) -> SqlError {
    SqlError::io(format!("The embedded warehouse cannot be read: {error}."))
}

fn unwritable(error: &io::Error) -> SqlError {
    SqlError::io(format!("The embedded warehouse cannot be written: {error}."))
}
