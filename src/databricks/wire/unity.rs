//! Unity Catalog 2.1: catalogs, schemas, tables. Times are milliseconds since 1970.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::http::open_enum;

/// A catalog: `GET /api/2.1/unity-catalog/catalogs/{name}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// Its name.
    pub name: String,
    /// Such as `MANAGED_CATALOG`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_type: Option<String>,
    /// What people wrote about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Who owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
}

/// A page of `GET /api/2.1/unity-catalog/catalogs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogList {
    /// The catalogs.
    #[serde(default)]
    pub catalogs: Vec<Catalog>,
    /// Asks for the next page; an empty page may carry one too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Body of `POST /api/2.1/unity-catalog/catalogs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateCatalog {
    /// The catalog's name.
    pub name: String,
    /// What people should read about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Properties by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<Map<String, Value>>,
    /// Where managed tables lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_root: Option<String>,
}

/// Body of `PATCH` of a catalog or a schema, as far as it is about the comment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateComment {
    /// What people should read about it from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A page of `GET /api/2.1/unity-catalog/effective-permissions/{securable_type}/{full_name}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectivePermissions {
    /// Who may do what.
    #[serde(default)]
    pub privilege_assignments: Vec<EffectivePrivileges>,
    /// Asks for the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// What one user or group may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectivePrivileges {
    /// E-mail address, name of a group, or application id.
    #[serde(default)]
    pub principal: String,
    /// The privileges.
    #[serde(default)]
    pub privileges: Vec<EffectivePrivilege>,
}

/// A privilege, and where it was granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectivePrivilege {
    /// Such as `USE_CATALOG`.
    #[serde(default)]
    pub privilege: String,
    /// Such as `CATALOG`; absent if it was granted on the thing itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherited_from_type: Option<String>,
    /// What it was granted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherited_from_name: Option<String>,
}

/// A page of `GET /api/2.1/unity-catalog/permissions/{securable_type}/{full_name}`: what is granted on the thing itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions {
    /// Who may do what, in no particular order.
    #[serde(default)]
    pub privilege_assignments: Vec<Privileges>,
    /// Asks for the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// What one user or group was granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Privileges {
    /// E-mail address, name of a group, or application id.
    #[serde(default)]
    pub principal: String,
    /// Such as `USE_SCHEMA`: with underscores, where SQL has blanks.
    #[serde(default)]
    pub privileges: Vec<String>,
}

/// A schema: `GET /api/2.1/unity-catalog/schemas/{catalog.schema}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Its own name.
    pub name: String,
    /// The catalog it is in.
    pub catalog_name: String,
    /// `catalog.schema`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
    /// What people wrote about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Properties by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<Map<String, Value>>,
    /// Who owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
    /// When it was changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<i64>,
}

/// Body of `POST /api/2.1/unity-catalog/schemas`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateSchema {
    /// The schema's own name.
    pub name: String,
    /// The catalog it goes into.
    pub catalog_name: String,
    /// What people should read about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Properties by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<Map<String, Value>>,
}

/// A page of `GET /api/2.1/unity-catalog/schemas?catalog_name=`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaList {
    /// The schemas.
    #[serde(default)]
    pub schemas: Vec<Schema>,
    /// Asks for the next page; an empty page may carry one too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// A table or view: `GET /api/2.1/unity-catalog/tables/{full_name}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its own name.
    pub name: String,
    /// The catalog it is in.
    pub catalog_name: String,
    /// The schema it is in.
    pub schema_name: String,
    /// `catalog.schema.table`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
    /// Table, view or another kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_type: Option<TableType>,
    /// `DELTA`, `ICEBERG`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_source_format: Option<String>,
    /// The columns in order; absent with `omit_columns`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<TableColumn>>,
    /// What people wrote about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Who owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Properties by name; absent with `omit_properties`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<Map<String, Value>>,
    /// Where its files are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_location: Option<String>,
    /// Its id; a table made anew has another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_id: Option<String>,
    /// A view's query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view_definition: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// When its definition was changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<i64>,
    /// Who changed it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<String>,
}

open_enum! {
    /// `table_type`.
    pub enum TableType {
        /// A table whose files Unity Catalog manages.
        Managed = "MANAGED",
        /// A table whose files lie elsewhere.
        External = "EXTERNAL",
        /// A view.
        View = "VIEW",
        /// A materialized view.
        MaterializedView = "MATERIALIZED_VIEW",
        /// A streaming table.
        StreamingTable = "STREAMING_TABLE",
        /// A metric view.
        MetricView = "METRIC_VIEW",
        /// A table of another system.
        Foreign = "FOREIGN",
        /// A shallow clone of a managed table.
        ManagedShallowClone = "MANAGED_SHALLOW_CLONE",
        /// A shallow clone of an external table.
        ExternalShallowClone = "EXTERNAL_SHALLOW_CLONE",
    }
}

/// A column of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// Its type as SQL writes it, such as `decimal(10,2)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_text: Option<String>,
    /// Its type's name, such as `DECIMAL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    /// Its type as Spark's JSON has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_json: Option<String>,
    /// Digits of a decimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_precision: Option<i32>,
    /// Digits of a decimal behind the point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_scale: Option<i32>,
    /// Place in the table, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<i32>,
    /// Whether it may hold NULL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nullable: Option<bool>,
    /// What people wrote about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Place among the partition columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_index: Option<i32>,
}

/// A page of `GET /api/2.1/unity-catalog/tables?catalog_name=&schema_name=`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableList {
    /// The tables and views.
    #[serde(default)]
    pub tables: Vec<Table>,
    /// Asks for the next page; an empty page may carry one too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Answer of `GET /api/2.1/unity-catalog/tables/{full_name}/exists`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableExists {
    /// Whether there is such a table or view.
    pub table_exists: bool,
}

/// A table in `GET /api/2.1/unity-catalog/table-summaries`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSummary {
    /// `catalog.schema.table`.
    pub full_name: String,
    /// Table, view or another kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_type: Option<TableType>,
}

/// A page of `GET /api/2.1/unity-catalog/table-summaries?catalog_name=`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSummaryList {
    /// The tables.
    #[serde(default)]
    pub tables: Vec<TableSummary>,
    /// Asks for the next page; an empty page may carry one too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databricks::wire::testing::{round_trip, with_unknown_field};

    #[test]
    fn rights_say_where_they_come_from() {
        let page: EffectivePermissions = round_trip(
            r#"{"privilege_assignments":[{"principal":"analysts","privileges":[{"privilege":"CREATE_TABLE"},
                {"privilege":"USE_SCHEMA","inherited_from_type":"CATALOG","inherited_from_name":"main"}]}]}"#,
        );
        assert_eq!(page.privilege_assignments[0].privileges[1].inherited_from_name.as_deref(), Some("main"));
    }

    #[test]
    fn a_table_round_trips_with_its_columns() {
        let json = r#"{"name":"orders","catalog_name":"main","schema_name":"shop","full_name":"main.shop.orders",
            "table_type":"MANAGED","data_source_format":"DELTA","comment":"Orders","owner":"ada@example.test",
            "columns":[{"name":"amount","type_text":"decimal(10,2)","type_name":"DECIMAL","type_precision":10,
                "type_scale":2,"position":0,"nullable":true,"comment":"net"}],
            "properties":{"delta.minReaderVersion":"1"},"storage_location":"s3://b/t","table_id":"7f3a",
            "created_at":1767225600000,"created_by":"ada@example.test","updated_at":1767225600001,"updated_by":"x"}"#;
        let table: Table = round_trip(json);
        assert_eq!(table.table_type, Some(TableType::Managed));
        assert_eq!(with_unknown_field::<Table>(json), table);
        let view: Table = round_trip(
            r#"{"name":"v","catalog_name":"main","schema_name":"shop","table_type":"VIEW","view_definition":"SELECT 1"}"#,
        );
        assert_eq!(view.view_definition.as_deref(), Some("SELECT 1"));
    }

    #[test]
    fn schemas_catalogs_and_pages_round_trip() {
        round_trip::<Schema>(
            r#"{"name":"shop","catalog_name":"main","full_name":"main.shop","comment":"c","properties":{"a":"b"},
                "owner":"o","created_at":1,"updated_at":2}"#,
        );
        round_trip::<CreateSchema>(r#"{"name":"shop","catalog_name":"main"}"#);
        round_trip::<Catalog>(r#"{"name":"main","catalog_type":"MANAGED_CATALOG","owner":"o","created_at":1}"#);
        round_trip::<CatalogList>(r#"{"catalogs":[{"name":"main"}]}"#);
        round_trip::<SchemaList>(r#"{"schemas":[],"next_page_token":"more"}"#);
        round_trip::<TableList>(r#"{"tables":[]}"#);
        round_trip::<CreateCatalog>(r#"{"name":"dev","comment":"for trials"}"#);
        round_trip::<UpdateComment>(r#"{"comment":"for all"}"#);
        round_trip::<TableSummaryList>(r#"{"tables":[{"full_name":"main.shop.orders","table_type":"MANAGED"}]}"#);
        round_trip::<Permissions>(
            r#"{"privilege_assignments":[{"principal":"analysts","privileges":["USE_SCHEMA","SELECT"]}]}"#,
        );
        round_trip::<TableExists>(r#"{"table_exists":true}"#);
    }
}
