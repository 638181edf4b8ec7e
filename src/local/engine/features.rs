//! Features of the Delta protocol: which of them a table needs, and what they write into its schema.
//!
//! Field and property names are those of the [Delta transaction log protocol](https://github.com/delta-io/delta/blob/master/PROTOCOL.md).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType as Arrow, Field, Fields, Schema, SchemaRef};
use deltalake::kernel::{
    ArrayType, DataType, MapType, MetadataValue, Protocol, StructField, StructType, contains_timestampntz,
};

use super::changes;
use super::error::SqlError;
use super::write::Definition;

/// Properties with this beginning are CHECK constraints: `delta.constraints.<name>` = condition.
pub(super) const CONSTRAINT: &str = "delta.constraints.";
/// How columns are named in the files.
pub(super) const MAPPING: &str = "delta.columnMapping.mode";
/// A property that allows defaults of columns.
pub(super) const DEFAULTS_ALLOWED: &str = "delta.feature.allowColumnDefaults";
/// Under this key of a column's metadata stands the expression that makes its values.
pub(super) const GENERATION: &str = "delta.generationExpression";
/// Under this key of a column's metadata stands its default.
pub(super) const DEFAULT: &str = "CURRENT_DEFAULT";
/// Under these keys of a column's metadata stand the parameters of an identity column.
pub(super) const IDENTITY_START: &str = "delta.identity.start";
/// See [`IDENTITY_START`].
pub(super) const IDENTITY_STEP: &str = "delta.identity.step";
/// See [`IDENTITY_START`]: the last value that was given out.
pub(super) const IDENTITY_MARK: &str = "delta.identity.highWaterMark";
/// See [`IDENTITY_START`]: whether an INSERT may give values.
pub(super) const IDENTITY_OPEN: &str = "delta.identity.allowExplicitInsert";

const LAST_ID: &str = "delta.columnMapping.maxColumnId";
const ID: &str = "delta.columnMapping.id";
const PHYSICAL: &str = "delta.columnMapping.physicalName";

/// The protocol that a table with this definition needs; never less than it has.
///
/// Identity columns and defaults are not among the features: the Delta library refuses to commit to tables that name
/// them. Their metadata is written as the protocol has it, and heeded here.
pub(super) fn protocol(definition: &Definition, old: Option<&Protocol>) -> Result<Protocol, SqlError> {
    let is_on = |key: &str| definition.properties.iter().any(|(k, v)| k == key && v.eq_ignore_ascii_case("true"));
    let mut writer = listed(old.and_then(|p| p.writer_features()));
    let mut reader = listed(old.and_then(|p| p.reader_features()));
    if definition.properties.iter().any(|(key, _)| key.starts_with(CONSTRAINT)) {
        writer.insert("checkConstraints".to_owned());
    }
    if definition.schema.fields().any(|field| field.metadata().contains_key(GENERATION)) {
        writer.insert("generatedColumns".to_owned());
    }
    if is_on("delta.appendOnly") {
        writer.insert("appendOnly".to_owned());
    }
    if changes::are_told(definition) {
        changes::check(definition)?;
        writer.insert("changeDataFeed".to_owned());
    }
    if is_mapped(definition) {
        writer.insert("columnMapping".to_owned());
        reader.insert("columnMapping".to_owned());
    }
    if contains_timestampntz(definition.schema.fields()) {
        writer.insert("timestampNtz".to_owned());
        reader.insert("timestampNtz".to_owned());
    }
    let value = if writer.is_empty() {
        serde_json::json!({"minReaderVersion": 1, "minWriterVersion": 2})
    } else {
        // What the versions before the lists meant has to be written down beside them.
        writer.extend(["appendOnly".to_owned(), "invariants".to_owned()]);
        if reader.is_empty() {
            serde_json::json!({"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": writer})
        } else {
            serde_json::json!({
                "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": reader, "writerFeatures": writer,
            })
        }
    };
    serde_json::from_value(value).map_err(|e| SqlError::internal(format!("No protocol for this table: {e}.")))
}

fn listed<F: ToString>(features: Option<&[F]>) -> BTreeSet<String> {
    features.unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// Whether the columns have other names in the files.
pub(super) fn is_mapped(definition: &Definition) -> bool {
    definition.properties.iter().any(|(key, mode)| key == MAPPING && !mode.eq_ignore_ascii_case("none"))
}

/// Gives each column an identity that its name may change under. Columns of files that are there already are called in
/// them as they are `now`; others get a name that nobody else has.
pub(super) fn map_columns(definition: &mut Definition, now: bool) -> Result<(), SqlError> {
    if !is_mapped(definition) {
        return Ok(());
    }
    if let Some((_, mode)) = definition.properties.iter().find(|(k, v)| k == MAPPING && !v.eq_ignore_ascii_case("name"))
    {
        return Err(SqlError::unsupported(&format!("the column mapping mode {mode}")));
    }
    let last = definition.properties.iter().find(|(key, _)| key == LAST_ID).and_then(|(_, id)| id.parse().ok());
    let mut mapper = Mapper { last: last.unwrap_or(0), now };
    definition.schema = mapper.columns(&definition.schema)?;
    definition.properties.retain(|(key, _)| key != LAST_ID);
    definition.properties.push((LAST_ID.to_owned(), mapper.last.to_string()));
    Ok(())
}

struct Mapper {
    last: i64,
    now: bool,
}

impl Mapper {
    fn columns(&mut self, schema: &StructType) -> Result<StructType, SqlError> {
        let fields: Result<Vec<_>, SqlError> = schema.fields().map(|field| self.column(field)).collect();
        StructType::try_new(fields?).map_err(|e| SqlError::internal(e.to_string()))
    }

    fn column(&mut self, field: &StructField) -> Result<StructField, SqlError> {
        let data_type = self.data_type(field.data_type())?;
        let mut metadata = field.metadata().clone();
        if !metadata.contains_key(ID) {
            self.last += 1;
            let physical = if self.now { field.name().clone() } else { format!("col-{}", uuid::Uuid::new_v4()) };
            metadata.insert(ID.to_owned(), MetadataValue::Number(self.last));
            metadata.insert(PHYSICAL.to_owned(), MetadataValue::String(physical));
        }
        Ok(StructField::new(field.name(), data_type, field.is_nullable()).with_metadata(metadata))
    }

    fn data_type(&mut self, data_type: &DataType) -> Result<DataType, SqlError> {
        Ok(match data_type {
            DataType::Struct(inner) => DataType::from(self.columns(inner)?),
            DataType::Array(array) => {
                DataType::from(ArrayType::new(self.data_type(array.element_type())?, array.contains_null()))
            }
            DataType::Map(map) => DataType::from(MapType::new(
                self.data_type(map.key_type())?,
                self.data_type(map.value_type())?,
                map.value_contains_null(),
            )),
            other => other.clone(),
        })
    }
}

/// The columns as the files call them.
pub(super) fn in_files(schema: &SchemaRef) -> SchemaRef {
    if schema.fields().iter().all(|field| !field.metadata().contains_key(PHYSICAL)) {
        return Arc::clone(schema);
    }
    Arc::new(Schema::new(fields_in_files(schema.fields())))
}

fn fields_in_files(fields: &Fields) -> Fields {
    fields.iter().map(|field| Arc::new(field_in_files(field))).collect()
}

fn field_in_files(field: &Field) -> Field {
    let mut metadata = HashMap::new();
    // Readers that go by identity find it here.
    if let Some(id) = field.metadata().get(ID) {
        metadata.insert("PARQUET:field_id".to_owned(), id.clone());
    }
    let name = field.metadata().get(PHYSICAL).unwrap_or(field.name());
    let data_type = match field.data_type() {
        Arrow::Struct(fields) => Arrow::Struct(fields_in_files(fields)),
        Arrow::List(item) => Arrow::List(Arc::new(field_in_files(item))),
        Arrow::Map(entries, sorted) => Arrow::Map(Arc::new(field_in_files(entries)), *sorted),
        other => other.clone(),
    };
    Field::new(name, data_type, field.is_nullable()).with_metadata(metadata)
}

/// A column's name as the files call it.
pub(super) fn name_in_files(schema: &Schema, name: &str) -> String {
    let field = schema.fields().iter().find(|field| field.name() == name);
    field.and_then(|f| f.metadata().get(PHYSICAL)).cloned().unwrap_or_else(|| name.to_owned())
}

/// Refuses what would have to be heeded when rows are written, and is not.
pub(super) fn check(properties: &[(String, String)]) -> Result<(), SqlError> {
    let refused = |(key, value): &&(String, String)| {
        ["delta.enableDeletionVectors", "delta.enableRowTracking"].contains(&key.as_str())
            && value.eq_ignore_ascii_case("true")
    };
    if let Some((key, _)) = properties.iter().find(refused) {
        return Err(SqlError::unsupported(&format!("tables with {key}")));
    }
    let has = |wanted: fn(&(String, String)) -> bool| properties.iter().any(wanted);
    if has(|(k, v)| k == changes::ENABLED && v.eq_ignore_ascii_case("true"))
        && has(|(k, v)| k == MAPPING && !v.eq_ignore_ascii_case("none"))
    {
        return Err(SqlError::unsupported("a change data feed of a table with column mapping"));
    }
    Ok(())
}

/// Whether a property is one that the protocol or this module looks after, and that no statement may change as it likes.
pub(super) fn is_reserved(key: &str) -> bool {
    key == LAST_ID || key.starts_with(CONSTRAINT)
}
