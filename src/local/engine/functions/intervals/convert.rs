//! Casts from and to intervals.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Int64Array, IntervalMonthDayNanoArray, StringArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Int64Type, IntervalMonthDayNano, IntervalUnit};
use datafusion::common::Result;

use crate::local::engine::error::SqlError;
use crate::local::engine::functions::cast::Way;
use crate::local::engine::intervals::{self, Span, Unit};
use crate::local::engine::types;

/// How a cast from or to an interval is done; none: neither type is an interval.
pub(in crate::local::engine::functions) fn cast_way(from: &DataType, to: &DataType) -> Option<Way> {
    let exact = |t: &DataType| types::is_integer(t) || matches!(t, DataType::Decimal128(..));
    let possible = match (Span::of(from), Span::of(to)) {
        (None, None) => return None,
        (Some(from), Some(to)) => from.with(to).is_some(),
        (Some(_), None) => *to == DataType::Utf8 || exact(to) || *to == DataType::Interval(IntervalUnit::MonthDayNano),
        (None, Some(span)) => *from == DataType::Utf8 || exact(from) && span.first == span.last,
    };
    Some(if possible { Way::Own } else { Way::Refused })
}

/// Converts intervals, or to intervals; what cannot be converted is an error, or NULL if `tolerant`.
pub(in crate::local::engine::functions) fn convert(
    array: &ArrayRef,
    target: &DataType,
    tolerant: bool,
) -> Result<ArrayRef> {
    match (Span::of(array.data_type()), Span::of(target)) {
        (Some(_), Some(to)) => {
            // What is smaller than the last field is cut off.
            let size = to.last.size();
            let kept: Vec<_> =
                intervals::values(array).into_iter().map(|value| value.map(|value| value - value % size)).collect();
            Ok(to.column(&kept))
        }
        (Some(from), None) => out(array, from, target, tolerant),
        (None, Some(span)) => {
            let found = if *array.data_type() == DataType::Utf8 {
                each(array.len(), tolerant, |i| {
                    let texts = array.as_string::<i32>();
                    texts.is_valid(i).then(|| intervals::read(texts.value(i), span)).transpose()
                })?
            } else {
                from_numbers(array, span, target, tolerant)?
            };
            Ok(span.column(&found))
        }
        (None, None) => Err(SqlError::internal("a cast without an interval").into()),
    }
}

fn each<T>(
    len: usize,
    tolerant: bool,
    value: impl Fn(usize) -> Result<Option<T>, SqlError>,
) -> Result<Vec<Option<T>>, SqlError> {
    (0..len)
        .map(|i| match value(i) {
            Err(_) if tolerant => Ok(None),
            other => other,
        })
        .collect()
}

fn out(array: &ArrayRef, from: Span, target: &DataType, tolerant: bool) -> Result<ArrayRef> {
    let values = intervals::values(array);
    match target {
        DataType::Utf8 => {
            let texts = values.iter().map(|value| value.map(|value| intervals::show(value, from)));
            Ok(Arc::new(StringArray::from_iter(texts)))
        }
        DataType::Interval(_) => {
            let day = Unit::Day.size();
            let calendar = values.iter().map(|value| {
                value.map(|value| {
                    let part = |n: i64| i32::try_from(n).unwrap_or_default();
                    if from.counts_months() {
                        IntervalMonthDayNano::new(part(value), 0, 0)
                    } else {
                        // Days of 64 bits of microseconds have 28 bits.
                        IntervalMonthDayNano::new(0, part(value / day), value % day * 1000)
                    }
                })
            });
            Ok(Arc::new(IntervalMonthDayNanoArray::from_iter(calendar)))
        }
        DataType::Decimal128(p, s) => {
            // In units of the last field, to the microsecond.
            let size = i128::from(from.last.size());
            let scale = if from.last == Unit::Second { 6 } else { 0 };
            let units: Decimal128Array =
                values.iter().map(|value| value.map(|value| i128::from(value) * 10_i128.pow(scale) / size)).collect();
            let units: ArrayRef = Arc::new(units.with_precision_and_scale(38, i8::try_from(scale).unwrap_or(0))?);
            crate::local::engine::functions::cast::convert(&units, &DataType::Decimal128(*p, *s), tolerant)
        }
        _ => {
            let whole = Int64Array::from_iter(values.iter().map(|value| value.map(|value| value / from.last.size())));
            let (whole, shown) = (Arc::new(whole) as ArrayRef, types::shown(array.data_type()));
            let found = cast(&whole, target)?;
            if !tolerant && found.null_count() != whole.null_count() {
                return Err(too_great(&shown, target).into());
            }
            Ok(found)
        }
    }
}

fn from_numbers(array: &ArrayRef, span: Span, target: &DataType, tolerant: bool) -> Result<Vec<Option<i64>>> {
    let error = || too_great(&types::shown(array.data_type()), target);
    let size = i128::from(span.last.size());
    let fitting = |total: Option<i128>| {
        total.and_then(|total| i64::try_from(total).ok()).filter(|value| span.holds(*value)).ok_or_else(error)
    };
    let found = if let DataType::Decimal128(_, scale) = array.data_type() {
        let (numbers, one) =
            (array.as_primitive::<Decimal128Type>(), 10_i128.pow((*scale).max(0).unsigned_abs().into()));
        each(array.len(), tolerant, |i| {
            numbers.is_valid(i).then(|| fitting(half_up(numbers.value(i), size, one, span.last))).transpose()
        })?
    } else {
        let numbers = cast(array, &DataType::Int64)?;
        let numbers = numbers.as_primitive::<Int64Type>();
        each(array.len(), tolerant, |i| {
            numbers.is_valid(i).then(|| fitting(i128::from(numbers.value(i)).checked_mul(size))).transpose()
        })?
    };
    Ok(found)
}

/// A decimal of a unit: seconds to the microsecond, of others the whole part, rounded.
fn half_up(number: i128, size: i128, one: i128, unit: Unit) -> Option<i128> {
    if unit == Unit::Second {
        super::operate::divided(number.checked_mul(size)?, one)
    } else {
        super::operate::divided(number, one)?.checked_mul(size)
    }
}

fn too_great(from: &str, target: &DataType) -> SqlError {
    SqlError::new(
        "CAST_OVERFLOW",
        "22003",
        format!(
            "A value of the type {from} cannot be cast to {} due to an overflow. Use `try_cast` to tolerate overflow \
             and return NULL instead.",
            types::shown(target)
        ),
    )
}
