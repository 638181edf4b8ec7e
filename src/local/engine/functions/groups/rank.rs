//! Percentiles that the plain ones do not cover: with frequencies, of different values, and of the values themselves.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::Result;

use super::super::nested::{list_of, unexpected};
use super::super::percentile::one_list;
use super::{Group, one_double};
use crate::local::engine::error::SqlError;
use crate::local::engine::types;

/// `percentile(x, share, frequency)` and `percentile(DISTINCT x, share)`.
pub(super) const FUNCTIONS: &[Group] = &[
    Group {
        name: "percentile_weighted",
        coerce: types_of,
        returns: result_type,
        finish: |all, result| shares(all, result, false, interpolated),
        reduce: None,
    },
    // `percentile_disc(share) WITHIN GROUP (ORDER BY x)`
    Group {
        name: "percentile_disc",
        coerce: types_of,
        returns: result_type,
        finish: |all, result| shares(all, result, false, discrete),
        reduce: None,
    },
    Group {
        name: "percentile_disc_desc",
        coerce: types_of,
        returns: result_type,
        finish: |all, result| shares(all, result, true, discrete),
        reduce: None,
    },
];

fn types_of(given: &[DataType]) -> Result<Vec<DataType>, SqlError> {
    if !(given[0].is_numeric() || types::is_string(&given[0]) || given[0] == DataType::Null) {
        return Err(unexpected("percentile", "first", "NUMERIC", &given[0]));
    }
    let share = match given[1] {
        DataType::List(_) => list_of(&DataType::Float64),
        _ => DataType::Float64,
    };
    Ok([DataType::Float64, share].into_iter().chain(given.get(2).map(|_| DataType::Int64)).collect())
}

fn result_type(given: &[DataType]) -> DataType {
    given[1].clone()
}

/// The value at a share of the values, each with how often it is there.
type Share = fn(&[(f64, u64)], f64) -> Option<f64>;

/// The result for each share, from the values in order and how often each is there.
fn shares(all: &[ArrayRef], result: &DataType, descending: bool, one: Share) -> Result<ArrayRef> {
    let values = all[0].as_primitive::<Float64Type>();
    let mut counted = Vec::new();
    for i in (0..values.len()).filter(|i| values.is_valid(*i)) {
        let frequency = match all.get(2).map(|f| f.as_primitive::<Int64Type>()) {
            Some(frequencies) if frequencies.is_null(i) => 0,
            Some(frequencies) => frequencies.value(i),
            None => 1,
        };
        let Ok(frequency) = u64::try_from(frequency) else {
            return Err(SqlError::new(
                "NEGATIVE_VALUES_IN_FREQUENCY_EXPRESSION",
                "22003",
                format!("Found the negative value {frequency} in the frequency expression, but expected a positive integral value."),
            )
            .into());
        };
        if frequency > 0 {
            counted.push((values.value(i), frequency));
        }
    }
    counted.sort_by(|a, b| a.0.total_cmp(&b.0));
    if descending {
        counted.reverse();
    }
    let wanted: Vec<Option<f64>> = match (all[1].is_empty(), result) {
        (true, _) => Vec::new(),
        (false, DataType::List(_)) => all[1].as_list::<i32>().value(0).as_primitive::<Float64Type>().iter().collect(),
        _ => vec![Some(all[1].as_primitive::<Float64Type>().value(0))],
    };
    if wanted.iter().any(|share| share.is_none_or(|share| !(0.0..=1.0).contains(&share))) {
        return Err(SqlError::new(
            "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
            "42K09",
            "The percentage must be between [0.0, 1.0].",
        )
        .into());
    }
    let found: Float64Array = wanted.iter().flatten().map(|share| one(&counted, *share)).collect();
    match result {
        DataType::List(_) if counted.is_empty() => Ok(datafusion::arrow::array::new_null_array(result, 1)),
        DataType::List(_) => Ok(Arc::new(one_list(Arc::new(found))?)),
        _ => Ok(one_double(found.iter().next().flatten())),
    }
}

fn interpolated(counted: &[(f64, u64)], share: f64) -> Option<f64> {
    let total: u64 = counted.iter().map(|(_, n)| n).sum();
    let place = share * total.checked_sub(1)? as f64;
    let (low, high) = (place.floor(), place.ceil());
    let (a, b) = (at(counted, low as u64)?, at(counted, high as u64)?);
    Some(if low == high || a == b { a } else { (high - place) * a + (place - low) * b })
}

fn discrete(counted: &[(f64, u64)], share: f64) -> Option<f64> {
    let total: u64 = counted.iter().map(|(_, n)| n).sum();
    let place = (share * total as f64).ceil() as u64;
    at(counted, place.saturating_sub(1))
}

/// The value at a place among all.
fn at(counted: &[(f64, u64)], place: u64) -> Option<f64> {
    let mut before = 0;
    counted
        .iter()
        .find(|(_, n)| {
            before += n;
            place < before
        })
        .map(|(value, _)| *value)
}
