//! What is kept of a connection: the object that the API shows, and how far each of its tables has come.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::config::{ColumnSetting, LocalSource};
use super::names::in_destination;
use super::scenario::Scenario;
use super::source::SourceTable;
use crate::fivetran::wire::{
    ColumnConfig, Connection, PatchSettings, SchemaChangeHandling, SchemaConfig, SchemaNode, SyncMode, SyncState,
    TableConfig,
};
use crate::ids::TableName;

/// A connection's document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Document {
    /// Its name in a project, if a project declared it.
    #[serde(default)]
    pub(super) name: Option<String>,
    /// The object that the API shows.
    pub(super) connection: Connection,
    /// Source schema → tables to replicate, as a project declared them; none or empty: all.
    #[serde(default)]
    pub(super) wanted: IndexMap<String, Vec<String>>,
    /// `schema.table` → what becomes of its columns, as a project declared it.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub(super) wanted_columns: IndexMap<String, IndexMap<String, ColumnSetting>>,
    /// How many syncs have succeeded.
    #[serde(default)]
    pub(super) successes: u64,
    /// `schema.table` → how far it has come.
    #[serde(default)]
    pub(super) tables: IndexMap<String, TableState>,
    /// The schema config; none before the first sync.
    #[serde(default)]
    pub(super) schemas: Option<SchemaConfig>,
}

/// How far a table has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct TableState {
    /// Where the next sync goes on; what the source gave back.
    pub(super) cursor: Value,
    /// The key of the rows that have landed.
    pub(super) key: Vec<String>,
    /// The table they landed in.
    pub(super) destination: String,
    /// Whether everything is to be loaded again.
    #[serde(default)]
    pub(super) resync: bool,
}

impl Document {
    /// What the connection replicates; an error's text if its config does not say it rightly.
    pub(super) fn local(&self) -> Result<Option<LocalSource>, String> {
        local_of(self.connection.config.as_ref())
    }

    /// The prefix of the schemas it lands tables in.
    pub(super) fn prefix(&self) -> &str {
        &self.connection.schema
    }

    /// Whether names in the destination are those of the source.
    pub(super) fn keeps_names(&self) -> bool {
        self.connection.destination_schema_names.as_deref() == Some("SOURCE_NAMING")
    }

    /// A name of the source in the destination.
    pub(super) fn landed(&self, name: &str) -> String {
        if self.keeps_names() { name.to_owned() } else { in_destination(name) }
    }

    /// The table that a source table lands in.
    pub(super) fn destination(&self, catalog: &str, table: &SourceTable) -> TableName {
        let schema = format!("{}_{}", self.prefix(), self.landed(&table.schema));
        TableName::new(catalog, &schema, &self.landed(&table.name))
    }

    /// The bad morning that it plays; an error's text if there is no such one.
    pub(super) fn scenario(&self) -> Result<Option<Scenario>, String> {
        let name = self.connection.config.as_ref().and_then(|config| config.get("scenario")?.as_str());
        name.map(Scenario::of).transpose()
    }

    /// The catalog that its own config names.
    pub(super) fn catalog(&self) -> Option<&str> {
        self.connection.config.as_ref()?.get("catalog")?.as_str()
    }

    /// Sets what the API shows of an idle connection.
    pub(super) fn rest(&mut self) {
        self.connection.status.sync_state =
            if self.connection.paused { SyncState::Paused } else { SyncState::Scheduled };
        self.connection.status.rescheduled_for = None;
    }

    /// The settings of a table, if the schema config has it.
    pub(super) fn table_config(&self, table: &SourceTable) -> Option<&TableConfig> {
        self.schemas.as_ref()?.schemas.as_ref()?.get(&table.schema)?.tables.as_ref()?.get(&table.name)
    }

    /// Whether a table is replicated: it and its schema are enabled.
    pub(super) fn is_enabled(&self, table: &SourceTable) -> bool {
        let schemas = self.schemas.as_ref().and_then(|config| config.schemas.as_ref());
        let Some(schema) = schemas.and_then(|schemas| schemas.get(&table.schema)) else { return false };
        schema.enabled != Some(false) && self.table_config(table).is_some_and(|config| config.enabled != Some(false))
    }

    /// Whether a table that is not known yet is replicated from now on.
    fn takes(&self, table: &SourceTable, first: bool) -> bool {
        if !self.wanted.is_empty() {
            return self.wanted.get(&table.schema).is_some_and(|tables| tables.contains(&table.name));
        }
        let handling = self.schemas.as_ref().and_then(|config| config.schema_change_handling.as_ref());
        first || matches!(handling, None | Some(SchemaChangeHandling::AllowAll))
    }

    /// Adds the source's tables to the schema config.
    pub(super) fn discover(&mut self, tables: &[SourceTable]) {
        let first = self.schemas.as_ref().is_none_or(|config| config.schemas.is_none());
        let taken: Vec<bool> = tables.iter().map(|table| self.takes(table, first)).collect();
        let names: Vec<(String, String)> = tables
            .iter()
            .map(|t| (format!("{}_{}", self.prefix(), self.landed(&t.schema)), self.landed(&t.name)))
            .collect();
        let wanted = !self.wanted.is_empty();
        let config = self.schemas.get_or_insert_default();
        config.schema_change_handling.get_or_insert(SchemaChangeHandling::AllowAll);
        config.enable_new_by_default = Some(config.schema_change_handling == Some(SchemaChangeHandling::AllowAll));
        for ((table, taken), (schema_name, table_name)) in tables.iter().zip(taken).zip(names) {
            let schema = config.schemas.get_or_insert_default().entry(table.schema.clone()).or_default();
            schema.enabled.get_or_insert(true);
            schema.name_in_destination = Some(schema_name);
            let known = schema.tables.get_or_insert_default().entry(table.name.clone()).or_default();
            // A project's own list of tables is asked again each time; otherwise what somebody chose stays.
            if known.enabled.is_none() || wanted {
                known.enabled = Some(taken);
            }
            known.name_in_destination = Some(table_name);
            known.sync_mode.get_or_insert(SyncMode::SoftDelete);
            known.supports_columns_config = Some(true);
            known.supports_history_mode = Some(false);
            known.enabled_patch_settings = Some(PatchSettings { allowed: true, ..PatchSettings::default() });
        }
        self.choose_columns();
    }

    /// Takes over what a project declares of columns; what it no longer declares is as in the source again.
    pub(super) fn declare_columns(&mut self, declared: &IndexMap<String, IndexMap<String, ColumnSetting>>) {
        for columns in self.wanted_columns.values_mut() {
            columns.values_mut().for_each(|setting| *setting = ColumnSetting::AS_IT_IS);
        }
        for (table, columns) in declared {
            let wanted = self.wanted_columns.entry(table.clone()).or_default();
            wanted.extend(columns.iter().map(|(column, setting)| (column.clone(), *setting)));
        }
        self.choose_columns();
    }

    /// Brings the columns of tables that are known in line with what a project declares.
    fn choose_columns(&mut self) {
        for (name, columns) in self.wanted_columns.clone() {
            let Some((schema, table)) = name.split_once('.') else { continue };
            let columns = columns.into_iter().map(|(column, setting)| {
                let (enabled, hashed) = (Some(setting.enabled), Some(setting.hashed));
                (column, ColumnConfig { enabled, hashed, ..ColumnConfig::default() })
            });
            let patch = TableConfig { columns: Some(columns.collect()), ..TableConfig::default() };
            let patch = SchemaNode { tables: Some([(table.to_owned(), patch)].into()), ..SchemaNode::default() };
            let patch = SchemaConfig { schemas: Some([(schema.to_owned(), patch)].into()), ..SchemaConfig::default() };
            if let Err(error) = self.patch_schemas(&patch, false) {
                // Tables that are not known yet wait; what the key needs stays.
                tracing::debug!(?error, table = name, "columns stay as they are");
            }
        }
    }

    /// Changes the schema config as a `PATCH` says; fails with a text if it names what the source does not have.
    /// `create` allows names that nobody has seen yet, as before the first sync.
    pub(super) fn patch_schemas(&mut self, patch: &SchemaConfig, create: bool) -> Result<(), SchemaPatchError> {
        let mut config = self.schemas.clone().unwrap_or_default();
        if let Some(handling) = &patch.schema_change_handling {
            config.enable_new_by_default = Some(*handling == SchemaChangeHandling::AllowAll);
            config.schema_change_handling = Some(handling.clone());
        }
        let mut reload: Vec<String> = Vec::new();
        for (schema_name, schema_patch) in patch.schemas.iter().flatten() {
            let schemas = config.schemas.get_or_insert_default();
            let schema: &mut SchemaNode = match schemas.get_mut(schema_name) {
                Some(schema) => schema,
                None if create => schemas.entry(schema_name.clone()).or_default(),
                None => return Err(SchemaPatchError::Unknown("Schema", schema_name.clone())),
            };
            if schema_patch.enabled.is_some() {
                schema.enabled = schema_patch.enabled;
            }
            for (table_name, table_patch) in schema_patch.tables.iter().flatten() {
                let tables = schema.tables.get_or_insert_default();
                let table = match tables.get_mut(table_name) {
                    Some(table) => table,
                    None if create => tables.entry(table_name.clone()).or_default(),
                    None => return Err(SchemaPatchError::Unknown("Table", table_name.clone())),
                };
                if table_patch.enabled.is_some() {
                    table.enabled = table_patch.enabled;
                }
                match &table_patch.sync_mode {
                    None | Some(SyncMode::SoftDelete) => {}
                    Some(mode) => return Err(SchemaPatchError::Mode(mode.as_str().to_owned())),
                }
                let full_name = format!("{schema_name}.{table_name}");
                let key = self.tables.get(&full_name).map(|state| state.key.clone()).unwrap_or_default();
                for (column_name, column_patch) in table_patch.columns.iter().flatten() {
                    if column_patch.enabled == Some(false) && key.contains(column_name) {
                        return Err(SchemaPatchError::Key(column_name.clone()));
                    }
                    let naming = if self.keeps_names() { column_name.clone() } else { in_destination(column_name) };
                    let column =
                        table.columns.get_or_insert_default().entry(column_name.clone()).or_insert_with(|| {
                            ColumnConfig {
                                name_in_destination: Some(naming),
                                enabled: Some(true),
                                hashed: Some(false),
                                is_primary_key: Some(key.contains(column_name)),
                                enabled_patch_settings: Some(PatchSettings {
                                    allowed: !key.contains(column_name),
                                    reason_code: key.contains(column_name).then(|| "SYSTEM_COLUMN".to_owned()),
                                    reason: None,
                                }),
                            }
                        });
                    let before = (column.enabled, column.hashed);
                    column.enabled = column_patch.enabled.or(column.enabled);
                    column.hashed = column_patch.hashed.or(column.hashed);
                    // Rows that have landed already have the column as it was: they are all brought again.
                    if before != (column.enabled, column.hashed) {
                        reload.push(full_name.clone());
                    }
                }
            }
        }
        for name in reload {
            if let Some(state) = self.tables.get_mut(&name) {
                state.resync = true;
            }
        }
        self.schemas = Some(config);
        Ok(())
    }
}

/// Why a schema config cannot be changed so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SchemaPatchError {
    /// `Schema` or `Table`, and the name that the source does not have.
    Unknown(&'static str, String),
    /// A column of the key cannot be left out.
    Key(String),
    /// The embedded Fivetran knows soft deletes only.
    Mode(String),
}

/// What a `config` says is replicated here.
pub(super) fn local_of(config: Option<&Map<String, Value>>) -> Result<Option<LocalSource>, String> {
    match config.and_then(|config| config.get("local")) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            serde_json::from_value(value.clone()).map(Some).map_err(|error| format!("`config.local` is wrong: {error}"))
        }
    }
}
