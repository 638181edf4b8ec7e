//! The schema config of a connection: which tables are replicated, and under which names.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::http::open_enum;

/// `data` of `GET /v1/connections/{id}/schemas`, and the body of its `PATCH` and `POST` (what is absent stays as it is).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaConfig {
    /// Old form of [`SchemaChangeHandling::AllowAll`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_new_by_default: Option<bool>,
    /// What happens to new schemas, tables and columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_change_handling: Option<SchemaChangeHandling>,
    /// Source name of a schema → its settings. Absent if nothing is known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schemas: Option<IndexMap<String, SchemaNode>>,
}

open_enum! {
    /// `schema_change_handling`.
    pub enum SchemaChangeHandling {
        /// All that is new is replicated.
        AllowAll = "ALLOW_ALL",
        /// New columns are replicated, new schemas and tables are not.
        AllowColumns = "ALLOW_COLUMNS",
        /// Nothing new is replicated.
        BlockAll = "BLOCK_ALL",
    }
}

/// Body of `POST /v1/connections/{id}/schemas/reload`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadSchemas {
    /// What becomes of what is new.
    #[serde(default)]
    pub exclude_mode: ExcludeMode,
}

open_enum! {
    /// `exclude_mode`.
    #[derive(Default)]
    pub enum ExcludeMode {
        /// As the connection's own handling of changes says.
        #[default]
        Preserve = "PRESERVE",
        /// It is replicated.
        Include = "INCLUDE",
        /// It is left out.
        Exclude = "EXCLUDE",
    }
}

/// A schema of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaNode {
    /// Its name in the destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_in_destination: Option<String>,
    /// Whether it is replicated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Source name of a table → its settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<IndexMap<String, TableConfig>>,
}

/// A table of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableConfig {
    /// Its name in the destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_in_destination: Option<String>,
    /// Whether it is replicated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// What becomes of deleted and changed rows; only where it can be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_mode: Option<SyncMode>,
    /// Whether columns can be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supports_columns_config: Option<bool>,
    /// Whether history mode can be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supports_history_mode: Option<bool>,
    /// Whether `enabled` may be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled_patch_settings: Option<PatchSettings>,
    /// Source name of a column → its settings; only columns somebody changed once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<IndexMap<String, ColumnConfig>>,
}

open_enum! {
    /// `sync_mode`.
    pub enum SyncMode {
        /// Deleted rows stay, marked.
        SoftDelete = "SOFT_DELETE",
        /// Every version of a row stays.
        History = "HISTORY",
        /// Deleted rows go.
        Live = "LIVE",
    }
}

/// A column of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnConfig {
    /// Its name in the destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_in_destination: Option<String>,
    /// Whether it is replicated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether its values are replaced by hashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashed: Option<bool>,
    /// Whether it belongs to the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_primary_key: Option<bool>,
    /// Whether `enabled` may be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled_patch_settings: Option<PatchSettings>,
}

/// `enabled_patch_settings`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchSettings {
    /// Whether `enabled` may be changed.
    pub allowed: bool,
    /// Why not: `SYSTEM_TABLE`, `SYSTEM_COLUMN`, `DELETED` or `OTHER`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<String>,
    /// Why not, with `OTHER`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fivetran::wire::Envelope;
    use crate::fivetran::wire::testing::round_trip;

    #[test]
    fn a_schema_config_round_trips() {
        let answer: Envelope<SchemaConfig> = round_trip(
            r#"{"code":"Success","message":"Schema configuration retrieved successfully","data":{
  "enable_new_by_default":false,"schema_change_handling":"ALLOW_COLUMNS","schemas":{
    "public":{"name_in_destination":"shop_pg_public","enabled":true,"tables":{
      "orders":{"name_in_destination":"orders","enabled":true,"sync_mode":"SOFT_DELETE","supports_columns_config":true,"supports_history_mode":true,
        "enabled_patch_settings":{"allowed":true},
        "columns":{
          "id":{"name_in_destination":"id","enabled":true,"hashed":false,"is_primary_key":true,
                "enabled_patch_settings":{"allowed":false,"reason_code":"SYSTEM_COLUMN"}},
          "email":{"name_in_destination":"email","enabled":true,"hashed":true,"is_primary_key":false,"enabled_patch_settings":{"allowed":true}}}},
      "audit_tmp":{"name_in_destination":"audit_tmp","enabled":false,"sync_mode":"LIVE","supports_columns_config":true,"supports_history_mode":false,
        "enabled_patch_settings":{"allowed":false,"reason_code":"OTHER","reason":"The table was excluded by the system"},"columns":{}}}}}}}"#,
        );
        let schemas = answer.data.unwrap().schemas.unwrap();
        let orders = &schemas["public"].tables.as_ref().unwrap()["orders"];
        assert_eq!(orders.sync_mode, Some(SyncMode::SoftDelete));
    }

    #[test]
    fn the_body_of_a_reload_round_trips() {
        let body: ReloadSchemas = round_trip(r#"{"exclude_mode":"PRESERVE"}"#);
        assert_eq!(body.exclude_mode, ExcludeMode::default());
    }

    #[test]
    fn a_config_without_schemas_is_understood_as_unknown_yet() {
        assert_eq!(round_trip::<SchemaConfig>("{}").schemas, None);
    }
}
