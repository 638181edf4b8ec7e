//! How rows of a source look in the destination: names, hashed columns, the key, and Fivetran's own columns.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::{cast, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::hash_utils::{QualityRandomState, create_hashes};
use sha2::{Digest, Sha256};

use super::super::files::type_text;
use super::super::source::{SourceError, SourceTable};

/// When a row was last brought.
pub(in super::super) const SYNCED: &str = "_fivetran_synced";
/// Whether a row is gone from the source.
pub(in super::super) const DELETED: &str = "_fivetran_deleted";
/// The key of rows without one of their own.
pub(in super::super) const ID: &str = "_fivetran_id";

/// What is replicated of a column.
#[derive(Clone, Debug)]
pub(in super::super) struct ColumnChoice {
    /// Its name in the destination.
    pub(in super::super) name: String,
    /// Whether its values are replaced by hashes.
    pub(in super::super) hashed: bool,
}

#[derive(Clone, Debug)]
struct Column {
    /// Index in the source's batches.
    source: usize,
    hashed: bool,
    field: Field,
}

/// The form of a table's rows.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// `schema.table`, for messages.
    table: String,
    columns: Vec<Column>,
    /// Key columns in the destination.
    pub(super) key: Vec<String>,
    /// Whether the table has no key of its own.
    keyless: bool,
    /// The destination's columns: those of the source and Fivetran's own.
    pub(super) schema: SchemaRef,
}

impl Shape {
    /// Makes the shape of a table; `choices` holds the replicated columns by their names in the source.
    pub(super) fn new(table: &SourceTable, choices: &HashMap<String, ColumnChoice>) -> Result<Self, SourceError> {
        let name = table.full_name();
        let mut columns = Vec::new();
        let mut seen: HashMap<String, &str> = HashMap::new();
        for (source, field) in table.columns.fields().iter().enumerate() {
            let Some(choice) = choices.get(field.name()) else { continue };
            if [SYNCED, DELETED, ID].contains(&choice.name.as_str()) {
                return Err(SourceError::new(format!(
                    "{name} has a column `{}`, and tables get one of that name from Fivetran; rename it or block it",
                    field.name()
                )));
            }
            if let Some(other) = seen.insert(choice.name.clone(), field.name()) {
                return Err(SourceError::new(format!(
                    "columns `{other}` and `{}` of {name} would both land as `{}`; rename or block one of them",
                    field.name(),
                    choice.name
                )));
            }
            let data_type = if choice.hashed { DataType::Utf8 } else { field.data_type().clone() };
            columns.push(Column { source, hashed: choice.hashed, field: Field::new(&choice.name, data_type, true) });
        }
        let keyless = table.key.is_empty();
        let key = if keyless {
            vec![ID.to_owned()]
        } else {
            let column = |key: &String| match choices.get(key) {
                Some(choice) => Ok(choice.name.clone()),
                None => Err(SourceError::new(format!("`{key}`, a part of the key of {name}, is not replicated"))),
            };
            table.key.iter().map(column).collect::<Result<_, _>>()?
        };
        let mut fields: Vec<Field> = columns.iter().map(|c| c.field.clone()).collect();
        if keyless {
            fields.push(Field::new(ID, DataType::Utf8, true));
        }
        fields.push(Field::new(DELETED, DataType::Boolean, true));
        fields.push(Field::new(SYNCED, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true));
        Ok(Self { table: name, columns, key, keyless, schema: Arc::new(Schema::new(fields)) })
    }

    /// The columns that come from the source, `_fivetran_id` included.
    pub(super) fn data_columns(&self) -> impl Iterator<Item = &str> {
        self.schema.fields().iter().map(|f| f.name().as_str()).filter(|name| *name != DELETED && *name != SYNCED)
    }

    /// Takes over the types of a table that exists already, where its columns can hold all values of the source's types.
    pub(super) fn fit(&mut self, existing: &Schema) -> Result<(), SourceError> {
        let mut fields: Vec<Field> = self.schema.fields().iter().map(|f| f.as_ref().clone()).collect();
        for field in &mut fields {
            let Ok(old) = existing.field_with_name(field.name()) else { continue };
            if !holds(old.data_type(), field.data_type()) {
                return Err(SourceError::new(format!(
                    "column `{}` of {} was {} and is now {}; declare its type as it was, or re-sync the connection to have the \
                     table made anew",
                    field.name(),
                    self.table,
                    type_text(old.data_type()),
                    type_text(field.data_type())
                )));
            }
            *field = Field::new(field.name(), old.data_type().clone(), true);
        }
        self.schema = Arc::new(Schema::new(fields));
        Ok(())
    }

    /// Brings a batch of the source into the shape. `before` is how many rows of the table came before, for messages.
    pub(super) fn apply(
        &self,
        batch: &RecordBatch,
        synced: DateTime<Utc>,
        before: u64,
    ) -> Result<RecordBatch, SourceError> {
        let rows = batch.num_rows();
        let failed = |error| SourceError::chain(&error);
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for (column, field) in self.columns.iter().zip(self.schema.fields()) {
            let array = batch.column(column.source);
            let array = if column.hashed { hashed(array)? } else { Arc::clone(array) };
            let array = if array.data_type() == field.data_type() {
                array
            } else {
                cast(&array, field.data_type()).map_err(failed)?
            };
            if self.key.contains(field.name())
                && array.null_count() > 0
                && let Some(row) = (0..rows).find(|&row| array.is_null(row))
            {
                return Err(SourceError::new(format!(
                    "{}: row {}: `{}` is a part of the key and is null",
                    self.table,
                    before + row as u64 + 1,
                    batch.schema().field(column.source).name()
                )));
            }
            arrays.push(array);
        }
        if self.keyless {
            arrays.push(row_ids(batch, &self.columns)?);
        }
        arrays.push(Arc::new(BooleanArray::from(vec![false; rows])));
        let synced = TimestampMicrosecondArray::from_value(synced.timestamp_micros(), rows).with_timezone("UTC");
        arrays.push(Arc::new(synced));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options).map_err(failed)
    }
}

/// Tells whether a column of type `wide` can hold every value of type `narrow` as it is.
fn holds(wide: &DataType, narrow: &DataType) -> bool {
    use DataType::{Date32, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Timestamp, Utf8};
    let digits = |t: &DataType| match t {
        Int8 => Some(3),
        Int16 => Some(5),
        Int32 => Some(10),
        Int64 => Some(19),
        _ => None,
    };
    match (wide, narrow) {
        (wide, narrow) if wide == narrow => true,
        (Utf8, Decimal128(..) | Date32 | Timestamp(..) | DataType::Boolean) => true,
        (Utf8, narrow) if narrow.is_numeric() => true,
        (Float64, Float32 | Int8 | Int16 | Int32) | (Float32, Int8 | Int16) | (Timestamp(..), Date32) => true,
        (Decimal128(p, s), Decimal128(q, t)) => s >= t && *p as i8 - s >= *q as i8 - t,
        (Decimal128(p, s), narrow) => digits(narrow).is_some_and(|d| *p as i8 - s >= d),
        (wide, narrow) => matches!((digits(wide), digits(narrow)), (Some(w), Some(n)) if w >= n),
    }
}

fn texts(array: &ArrayRef) -> Result<ArrayRef, SourceError> {
    cast(array, &DataType::Utf8).map_err(|error| SourceError::chain(&error))
}

/// Replaces values by their hashes; nulls stay.
fn hashed(array: &ArrayRef) -> Result<ArrayRef, SourceError> {
    let texts = texts(array)?;
    let hash = |text: Option<&str>| text.map(|text| BASE64_STANDARD.encode(Sha256::digest(text.as_bytes())));
    Ok(Arc::new(texts.as_string::<i32>().iter().map(hash).collect::<StringArray>()))
}

/// Hashes of whole rows: rows that are alike in all values have one id.
fn row_ids(batch: &RecordBatch, columns: &[Column]) -> Result<ArrayRef, SourceError> {
    let texts: Vec<ArrayRef> = columns.iter().map(|c| texts(batch.column(c.source))).collect::<Result<_, _>>()?;
    let texts: Vec<&StringArray> = texts.iter().map(|t| t.as_string::<i32>()).collect();
    let mut bytes = Vec::new();
    let id = |row: usize| {
        bytes.clear();
        for text in &texts {
            // A length before each value, so that no two rows run together to the same bytes.
            if text.is_null(row) {
                bytes.extend_from_slice(&u32::MAX.to_le_bytes());
            } else {
                let value = text.value(row).as_bytes();
                bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
                bytes.extend_from_slice(value);
            }
        }
        BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(&bytes)[..20])
    };
    Ok(Arc::new(StringArray::from_iter_values((0..batch.num_rows()).map(id))))
}

/// Watches over the keys of a table's rows: finds a key that is there twice, and drops rows of keyless tables that are.
/// Keeps 16 bytes a row.
pub(super) struct KeyGuard {
    seen: HashSet<u128, std::hash::BuildHasherDefault<Halves>>,
    rows: u64,
}

/// Keys are hashes already.
#[derive(Default)]
pub(super) struct Halves(u64);

impl std::hash::Hasher for Halves {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, value: u128) {
        // Either half would do; mixed, they might cancel each other out.
        self.0 = value as u64;
    }
}

impl KeyGuard {
    pub(super) fn new() -> Self {
        Self { seen: HashSet::default(), rows: 0 }
    }

    /// Rows seen so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Looks at a batch in its shape.
    pub(super) fn check(&mut self, shape: &Shape, batch: RecordBatch) -> Result<RecordBatch, SourceError> {
        let failed = |error: &dyn std::error::Error| SourceError::chain(error);
        let key: Vec<&ArrayRef> = shape
            .key
            .iter()
            .map(|name| batch.column_by_name(name).ok_or_else(|| SourceError::new(format!("no key column `{name}`"))))
            .collect::<Result<_, _>>()?;
        let rows = batch.num_rows();
        let (mut low, mut high) = (vec![0; rows], vec![0; rows]);
        create_hashes(key.iter().copied(), &QualityRandomState::with_seed(1), &mut low).map_err(|e| failed(&e))?;
        create_hashes(key.iter().copied(), &QualityRandomState::with_seed(2), &mut high).map_err(|e| failed(&e))?;
        let mut keep: Option<Vec<bool>> = None;
        self.seen.reserve(rows);
        for row in 0..rows {
            if self.seen.insert(u128::from(high[row]) << 64 | u128::from(low[row])) {
                continue;
            }
            if !shape.keyless {
                let cell = |array: &ArrayRef| {
                    let options = FormatOptions::default().with_display_error(true);
                    ArrayFormatter::try_new(array, &options).map(|f| f.value(row).to_string()).unwrap_or_default()
                };
                let values: Vec<String> = key.iter().map(|array| cell(array)).collect();
                return Err(SourceError::new(format!(
                    "{}: row {}: the key `{}` = `{}` is there already; a primary key names one row",
                    shape.table,
                    self.rows + row as u64 + 1,
                    shape.key.join(", "),
                    values.join(", ")
                )));
            }
            keep.get_or_insert_with(|| vec![true; rows])[row] = false;
        }
        self.rows += rows as u64;
        match keep {
            None => Ok(batch),
            Some(keep) => filter_record_batch(&batch, &BooleanArray::from(keep)).map_err(|e| failed(&e)),
        }
    }
}
