//! Aggregates that look at all values of a group at once.

mod choose;
mod frames;
mod gather;
mod histogram;
mod moments;
mod rank;
mod text;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array, UInt64Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::AggregateUDF;

use super::nested::{present, unexpected};
use crate::local::engine::error::SqlError;
use crate::local::engine::types;

/// The functions, under Spark's names and those to which calls of some are changed.
pub(super) fn functions() -> impl Iterator<Item = (&'static str, Arc<AggregateUDF>)> {
    [choose::FUNCTIONS, frames::FUNCTIONS, histogram::FUNCTIONS, moments::FUNCTIONS, rank::FUNCTIONS, text::FUNCTIONS]
        .into_iter()
        .flatten()
        .map(|group| (group.name, gather::udaf(*group)))
}

/// Which of some rows must be kept.
type Reduce = fn(&[ArrayRef]) -> Result<UInt64Array>;

/// An aggregate of a group's rows.
#[derive(Clone, Copy)]
struct Group {
    /// The name, in lower case.
    name: &'static str,
    /// The types to which arguments of these types are converted.
    coerce: fn(&[DataType]) -> Result<Vec<DataType>, SqlError>,
    /// The type of the result.
    returns: fn(&[DataType]) -> DataType,
    /// One value from the arguments of all rows.
    finish: fn(&[ArrayRef], &DataType) -> Result<ArrayRef>,
    /// The rows that the result depends on, where these are few; others need not be kept.
    reduce: Option<Reduce>,
}

/// The rows of columns.
fn rows(columns: &[ArrayRef], places: &UInt64Array) -> Result<Vec<ArrayRef>> {
    columns.iter().map(|column| Ok(take(column, places, None)?)).collect()
}

/// The rows that have a value in each of the first columns.
fn complete(columns: &[ArrayRef], count: usize) -> UInt64Array {
    let len = columns.first().map_or(0, |column| column.len());
    (0..len).filter(|i| columns[..count].iter().all(|column| present(column, *i))).map(|i| i as u64).collect()
}

/// Numbers, and text that says numbers, as DOUBLE.
fn doubles(name: &str, given: &[DataType]) -> Result<Vec<DataType>, SqlError> {
    for data_type in given {
        if !(data_type.is_numeric() || types::is_string(data_type) || *data_type == DataType::Null) {
            return Err(unexpected(name, "first", "DOUBLE", data_type));
        }
    }
    Ok(vec![DataType::Float64; given.len()])
}

/// One DOUBLE, or NULL.
fn one_double(value: Option<f64>) -> ArrayRef {
    Arc::new(Float64Array::from(vec![value]))
}
