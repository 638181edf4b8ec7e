//! Workspace objects: folders, files and what else stands in a workspace's tree.

use serde::{Deserialize, Serialize};

use crate::http::open_enum;

/// An object, as `GET /api/2.0/workspace/get-status?path=` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Absolute path, with a leading `/Workspace` or without.
    pub path: String,
    /// 64-bit id, beyond what a double can hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_id: Option<i64>,
    /// What it is.
    pub object_type: ObjectType,
    /// Id in the object's own API; a dashboard's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// Of notebooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Of files: milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
    /// Of files: milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<i64>,
    /// Of files: bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
}

open_enum! {
    /// `object_type`.
    pub enum ObjectType {
        /// A notebook.
        Notebook = "NOTEBOOK",
        /// A folder.
        Directory = "DIRECTORY",
        /// A library.
        Library = "LIBRARY",
        /// A file.
        File = "FILE",
        /// A Git folder.
        Repo = "REPO",
        /// A Lakeview dashboard.
        Dashboard = "DASHBOARD",
    }
}

open_enum! {
    /// `language` of a notebook.
    pub enum Language {
        /// Python.
        Python = "PYTHON",
        /// SQL.
        Sql = "SQL",
        /// Scala.
        Scala = "SCALA",
        /// R.
        R = "R",
    }
}

open_enum! {
    /// `format` of import and export.
    pub enum ExportFormat {
        /// Decided by extension and header.
        Auto = "AUTO",
        /// Bytes as they are.
        Raw = "RAW",
        /// A notebook's source.
        Source = "SOURCE",
        /// A notebook as a page.
        Html = "HTML",
        /// A notebook as Jupyter has it.
        Jupyter = "JUPYTER",
        /// An archive.
        Dbc = "DBC",
        /// R Markdown.
        RMarkdown = "R_MARKDOWN",
    }
}

/// Answer of `GET /api/2.0/workspace/list?path=`: one level, without pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectList {
    /// What is in the folder; absent for an empty one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
}

/// Body of `POST /api/2.0/workspace/mkdirs`: makes parents too, and succeeds if the folder exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mkdirs {
    /// Absolute path.
    pub path: String,
}

/// Body of `POST /api/2.0/workspace/delete`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delete {
    /// Absolute path.
    pub path: String,
    /// Whether a folder goes with all it holds.
    #[serde(default)]
    pub recursive: bool,
}

/// Body of `POST /api/2.0/workspace/import`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Absolute path.
    pub path: String,
    /// The bytes in base64, at most 10 MB.
    pub content: String,
    /// How the bytes are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<ExportFormat>,
    /// Of notebooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Whether an existing object is replaced.
    #[serde(default)]
    pub overwrite: bool,
}

/// Answer of `GET /api/2.0/workspace/export?path=&format=`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// The bytes in base64.
    pub content: String,
    /// Extension or kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_type: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databricks::wire::testing::{round_trip, with_unknown_field};

    #[test]
    fn a_dashboards_status_carries_its_id_and_ids_keep_all_64_bits() {
        let json = r#"{"path":"/Workspace/Shared/Retention/Retention.lvdash.json","object_id":9223372036854775801,
            "object_type":"DASHBOARD","resource_id":"01ef6f1e2c3d4a5b6c7d8e9f0a1b2c3d"}"#;
        let object: Object = round_trip(json);
        assert_eq!(object.object_id, Some(9_223_372_036_854_775_801));
        assert_eq!(object.object_type, ObjectType::Dashboard);
        assert_eq!(with_unknown_field::<Object>(json), object);
    }

    #[test]
    fn requests_and_lists_round_trip() {
        round_trip::<Mkdirs>(r#"{"path":"/Shared/a/b"}"#);
        round_trip::<Delete>(r#"{"path":"/Shared/a","recursive":false}"#);
        round_trip::<Import>(r#"{"path":"/a.sql","content":"U0VMRUNUIDE=","format":"AUTO","overwrite":false}"#);
        round_trip::<Export>(r#"{"content":"U0VMRUNUIDE=","file_type":"sql"}"#);
        round_trip::<ObjectList>(
            r#"{"objects":[{"path":"/a","object_id":1,"object_type":"FILE","size":3,
            "created_at":1,"modified_at":2},{"path":"/b","object_type":"SOMETHING_NEW"}]}"#,
        );
        round_trip::<ObjectList>("{}");
    }
}
