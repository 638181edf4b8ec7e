//! Values of records between text and columns.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, ListArray, StringArray, StructArray, TimestampMicrosecondArray, new_null_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::super::nested::{entry_of, item_of, maps};
use crate::local::engine::error::SqlError;

/// A value of a record; its type is known apart.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::local::engine::functions) enum Cell {
    Null,
    Truth(bool),
    /// A whole number, a day since 1970, or an instant in microseconds.
    Whole(i64),
    /// A FLOAT or a DOUBLE.
    Double(f64),
    /// A decimal without its point.
    Decimal(i128),
    Text(String),
    Bytes(Vec<u8>),
    Items(Vec<Cell>),
    Entries(Vec<(String, Cell)>),
    Row(Vec<Cell>),
}

impl Cell {
    /// What stands for a record of which nothing can be read: of a struct every field is NULL.
    pub(in crate::local::engine::functions) fn nothing(target: &DataType) -> Self {
        match target {
            DataType::Struct(fields) => Self::Row(vec![Self::Null; fields.len()]),
            _ => Self::Null,
        }
    }
}

/// What came of reading a value.
#[derive(Debug, PartialEq)]
pub(in crate::local::engine::functions) enum Read {
    /// The value.
    Good(Cell),
    /// The value, with NULL for parts that cannot be read.
    Partly(Cell),
    /// It cannot be read.
    Bad,
}

impl Read {
    /// The value, if there is one.
    pub(in crate::local::engine::functions) fn of(cell: Option<Cell>) -> Self {
        cell.map_or(Self::Bad, Self::Good)
    }
}

/// A column of values of a type.
pub(in crate::local::engine::functions) fn column(cells: &[&Cell], target: &DataType) -> Result<ArrayRef> {
    fn whole<T>(cells: &[&Cell], of: impl Fn(i64) -> Option<T>) -> Vec<Option<T>> {
        cells.iter().map(|cell| if let Cell::Whole(n) = cell { of(*n) } else { None }).collect()
    }
    let doubles = || cells.iter().map(|cell| if let Cell::Double(v) = cell { Some(*v) } else { None });
    Ok(match target {
        DataType::Boolean => Arc::new(
            cells.iter().map(|cell| if let Cell::Truth(v) = cell { Some(*v) } else { None }).collect::<BooleanArray>(),
        ),
        DataType::Int8 => Arc::new(Int8Array::from(whole(cells, |n| i8::try_from(n).ok()))),
        DataType::Int16 => Arc::new(Int16Array::from(whole(cells, |n| i16::try_from(n).ok()))),
        DataType::Int32 => Arc::new(Int32Array::from(whole(cells, |n| i32::try_from(n).ok()))),
        DataType::Int64 => Arc::new(Int64Array::from(whole(cells, Some))),
        DataType::Date32 => Arc::new(Date32Array::from(whole(cells, |n| i32::try_from(n).ok()))),
        DataType::Timestamp(_, zone) => {
            Arc::new(TimestampMicrosecondArray::from(whole(cells, Some)).with_timezone_opt(zone.clone()))
        }
        #[expect(clippy::cast_possible_truncation, reason = "it was read as such a number")]
        DataType::Float32 => Arc::new(doubles().map(|v| v.map(|v| v as f32)).collect::<Float32Array>()),
        DataType::Float64 => Arc::new(doubles().collect::<Float64Array>()),
        DataType::Decimal128(p, s) => {
            let found = cells.iter().map(|cell| if let Cell::Decimal(v) = cell { Some(*v) } else { None });
            Arc::new(found.collect::<Decimal128Array>().with_precision_and_scale(*p, *s)?)
        }
        DataType::Utf8 => {
            let texts = cells.iter().map(|cell| if let Cell::Text(text) = cell { Some(text.as_str()) } else { None });
            Arc::new(texts.collect::<StringArray>())
        }
        DataType::Binary => {
            let all =
                cells.iter().map(|cell| if let Cell::Bytes(bytes) = cell { Some(bytes.as_slice()) } else { None });
            Arc::new(all.collect::<BinaryArray>())
        }
        DataType::List(field) => {
            let lists: Vec<_> =
                cells.iter().map(|cell| if let Cell::Items(items) = cell { Some(items) } else { None }).collect();
            let values: Vec<_> = lists.iter().flatten().flat_map(|items| items.iter()).collect();
            let lengths = lists.iter().map(|items| items.map_or(0, Vec::len));
            let nulls = NullBuffer::from_iter(lists.iter().map(Option::is_some));
            let values = column(&values, &item_of(target))?;
            Arc::new(ListArray::try_new(Arc::clone(field), OffsetBuffer::from_lengths(lengths), values, Some(nulls))?)
        }
        DataType::Map(..) => {
            let all: Vec<_> =
                cells.iter().map(|cell| if let Cell::Entries(entries) = cell { Some(entries) } else { None }).collect();
            let keys: StringArray = all.iter().flatten().flat_map(|all| all.iter()).map(|(key, _)| Some(key)).collect();
            let values: Vec<_> = all.iter().flatten().flat_map(|all| all.iter()).map(|(_, value)| value).collect();
            let offsets = OffsetBuffer::from_lengths(all.iter().map(|entries| entries.map_or(0, Vec::len)));
            let nulls = NullBuffer::from_iter(all.iter().map(Option::is_some));
            let values = column(&values, &entry_of(target).1)?;
            maps(Arc::new(keys), values, offsets, Some(nulls), target)?
        }
        DataType::Struct(fields) => {
            let null = Cell::Null;
            let rows: Vec<_> =
                cells.iter().map(|cell| if let Cell::Row(row) = cell { Some(row) } else { None }).collect();
            let nulls = NullBuffer::from_iter(rows.iter().map(Option::is_some));
            if fields.is_empty() {
                return Ok(Arc::new(StructArray::new_empty_fields(cells.len(), Some(nulls))));
            }
            let mut columns = Vec::with_capacity(fields.len());
            for (i, field) in fields.iter().enumerate() {
                let values: Vec<_> = rows.iter().map(|row| row.and_then(|row| row.get(i)).unwrap_or(&null)).collect();
                columns.push(column(&values, field.data_type())?);
            }
            Arc::new(StructArray::try_new(fields.clone(), columns, Some(nulls))?)
        }
        DataType::Null => new_null_array(target, cells.len()),
        _ => return Err(SqlError::internal("a schema holds what can be read").into()),
    })
}
