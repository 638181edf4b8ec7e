//! Values as text, and arrays, maps and structs as other arrays, maps and structs.

use std::fmt::Write as _;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray, StructArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::cast::convert;
use super::nested::{Lists, entry_of, item_of, map_row, maps};
use crate::local::engine::error::SqlError;
use crate::local::engine::intervals::Span;

/// How a value that is no text is shown inside others.
const NULL: &str = "null";

/// One value as `CAST` to STRING shows it, NULL as `null`.
pub(super) fn shown(array: &ArrayRef, i: usize) -> Result<String> {
    let one = texts(&array.slice(i, 1))?;
    Ok(if one.is_null(0) { NULL.to_owned() } else { one.value(0).to_owned() })
}

/// Arrays, maps and structs as text: `[1, null]`, `{a -> 1}`, `{1, x}`.
pub(super) fn texts(array: &ArrayRef) -> Result<StringArray> {
    match array.data_type() {
        data_type if Span::of(data_type).is_some() => {
            Ok(convert(array, &DataType::Utf8, false)?.as_string::<i32>().clone())
        }
        DataType::List(_) => {
            let lists = Lists::of(array);
            let items = texts(lists.values())?;
            Ok((0..array.len())
                .map(|i| lists.row(i).map(|row| bracketed('[', ']', row.map(|n| part(&items, n)))))
                .collect())
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let (keys, values) = (texts(map.keys())?, texts(map.values())?);
            let entry = |n| format!("{} -> {}", part(&keys, n), part(&values, n));
            Ok((0..array.len()).map(|i| map_row(map, i).map(|row| bracketed('{', '}', row.map(entry)))).collect())
        }
        DataType::Struct(_) => {
            let all = array.as_struct();
            let columns = all.columns().iter().map(texts).collect::<Result<Vec<_>>>()?;
            Ok((0..array.len())
                .map(|i| all.is_valid(i).then(|| bracketed('{', '}', columns.iter().map(|column| part(column, i)))))
                .collect())
        }
        DataType::Null => Ok(StringArray::from(vec![None::<&str>; array.len()])),
        DataType::Binary => {
            let bytes = array.as_binary::<i32>();
            Ok(bytes.iter().map(|bytes| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())).collect())
        }
        _ => {
            let array = match super::cast::way(array.data_type(), &DataType::Utf8) {
                super::cast::Way::Arrow => datafusion::arrow::compute::cast(array, &DataType::Utf8)?,
                _ => convert(array, &DataType::Utf8, false)?,
            };
            Ok(array.as_string::<i32>().clone())
        }
    }
}

fn part(texts: &StringArray, i: usize) -> String {
    if texts.is_null(i) { NULL.to_owned() } else { texts.value(i).to_owned() }
}

fn bracketed(open: char, close: char, parts: impl Iterator<Item = String>) -> String {
    let mut text = String::from(open);
    for (i, part) in parts.enumerate() {
        let _ = write!(text, "{}{part}", if i > 0 { ", " } else { "" });
    }
    text.push(close);
    text
}

/// The same array, map or struct with parts of other types. A part that cannot be converted is an error, or NULL if
/// `tolerant`; fields of structs go by their place.
pub(super) fn parts(array: &ArrayRef, target: &DataType, tolerant: bool) -> Result<ArrayRef> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    match (array.data_type(), target) {
        (DataType::List(_), DataType::List(field)) => {
            let list = array.as_list::<i32>();
            let values = part_of(list.values(), &item_of(target), tolerant)?;
            Ok(Arc::new(ListArray::try_new(Arc::clone(field), list.offsets().clone(), values, list.nulls().cloned())?))
        }
        (DataType::Map(..), DataType::Map(..)) => {
            let map = array.as_map();
            let (key, value) = entry_of(target);
            let keys = part_of(map.keys(), &key, tolerant)?;
            let values = part_of(map.values(), &value, tolerant)?;
            maps(keys, values, map.offsets().clone(), map.nulls().cloned(), target)
        }
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let all = array.as_struct();
            let columns = all
                .columns()
                .iter()
                .zip(fields)
                .map(|(column, field)| part_of(column, field.data_type(), tolerant))
                .collect::<Result<Vec<_>>>()?;
            if columns.is_empty() {
                return Ok(Arc::clone(array));
            }
            Ok(Arc::new(StructArray::try_new(fields.clone(), columns, all.nulls().cloned())?))
        }
        (from, to) => Err(super::cast::refused(from, to).into()),
    }
}

fn part_of(array: &ArrayRef, target: &DataType, tolerant: bool) -> Result<ArrayRef> {
    match super::cast::way(array.data_type(), target) {
        super::cast::Way::Arrow => Ok(datafusion::arrow::compute::cast(array, target)?),
        super::cast::Way::Own => convert(array, target, tolerant),
        super::cast::Way::Refused => Err(SqlError::internal("a cast was not checked").into()),
    }
}

/// Whether every part can be converted.
pub(super) fn convertible(from: &DataType, to: &DataType) -> bool {
    let part = |from: &DataType, to: &DataType| super::cast::way(from, to) != super::cast::Way::Refused;
    match (from, to) {
        (DataType::List(_), DataType::List(_)) => part(&item_of(from), &item_of(to)),
        (DataType::Map(..), DataType::Map(..)) => {
            let ((k1, v1), (k2, v2)) = (entry_of(from), entry_of(to));
            part(&k1, &k2) && part(&v1, &v2)
        }
        (DataType::Struct(from), DataType::Struct(to)) => {
            from.len() == to.len() && from.iter().zip(to).all(|(from, to)| part(from.data_type(), to.data_type()))
        }
        _ => false,
    }
}
