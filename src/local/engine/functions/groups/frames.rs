//! Aggregates over frames that move, each computed from the frame's rows alone.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array};
use datafusion::arrow::compute::{bool_and, bool_or, cast};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use datafusion::common::Result;

use super::super::nested::unexpected;
use super::{Group, one_double};
use crate::local::engine::types;

pub(super) const FUNCTIONS: &[Group] = &[
    Group {
        name: "avg_of_frame",
        coerce: |given| match &given[0] {
            DataType::Decimal128(..) => Ok(given.to_vec()),
            _ => super::doubles("avg", given),
        },
        returns: |given| match given[0] {
            // Four more digits after the point, as long as there is room.
            DataType::Decimal128(p, s) => {
                let (precision, scale) = ((p + 4).min(38), s + 4);
                let whole = i16::from(p) - i16::from(s);
                let room = i8::try_from(38 - whole).unwrap_or(0).max(s.min(6));
                DataType::Decimal128(precision, scale.min(room))
            }
            _ => DataType::Float64,
        },
        finish: average,
        reduce: None,
    },
    truth("bool_and_of_frame", |all, _| Ok(one_truth(bool_and(all[0].as_boolean())))),
    truth("bool_or_of_frame", |all, _| Ok(one_truth(bool_or(all[0].as_boolean())))),
    bits("bit_and_of_frame", |all, result| combined(all, result, |a, b| a & b)),
    bits("bit_or_of_frame", |all, result| combined(all, result, |a, b| a | b)),
];

fn one_truth(value: Option<bool>) -> ArrayRef {
    Arc::new(BooleanArray::from(vec![value]))
}

/// One value of a group's rows.
type Finish = fn(&[ArrayRef], &DataType) -> Result<ArrayRef>;

const fn truth(name: &'static str, finish: Finish) -> Group {
    Group {
        name,
        coerce: |given| match &given[0] {
            DataType::Boolean | DataType::Null => Ok(vec![DataType::Boolean]),
            other => Err(unexpected("bool_and and bool_or", "first", "BOOLEAN", other)),
        },
        returns: |_| DataType::Boolean,
        finish,
        reduce: None,
    }
}

const fn bits(name: &'static str, finish: Finish) -> Group {
    Group {
        name,
        coerce: |given| match &given[0] {
            whole if types::is_integer(whole) => Ok(given.to_vec()),
            other => Err(unexpected("a function of bits", "first", "INTEGRAL", other)),
        },
        returns: |given| given[0].clone(),
        finish,
        reduce: None,
    }
}

fn combined(all: &[ArrayRef], result: &DataType, combine: fn(i64, i64) -> i64) -> Result<ArrayRef> {
    let wide = cast(&all[0], &DataType::Int64)?;
    let found = wide.as_primitive::<Int64Type>().iter().flatten().reduce(combine);
    Ok(cast(&Int64Array::from(vec![found]), result)?)
}

fn average(all: &[ArrayRef], result: &DataType) -> Result<ArrayRef> {
    let (DataType::Decimal128(_, from), DataType::Decimal128(p, s)) = (all[0].data_type(), result) else {
        let values: Vec<_> = all[0].as_primitive::<Float64Type>().iter().flatten().collect();
        let sum: f64 = values.iter().fold(0.0, |sum, value| sum + value);
        return Ok(one_double((!values.is_empty()).then(|| sum / values.len() as f64)));
    };
    let values = all[0].as_primitive::<Decimal128Type>();
    let count = (values.len() - values.null_count()) as i128;
    let mut sum = 0_i128;
    for value in values.iter().flatten() {
        sum = sum.checked_add(value).ok_or_else(crate::local::engine::plan::overflow)?;
    }
    if count == 0 {
        return Ok(Arc::new(Decimal128Array::from(vec![None::<i128>]).with_precision_and_scale(*p, *s)?));
    }
    let power = 10_i128.pow(u32::try_from(s - from).unwrap_or(0));
    let wide = sum.checked_mul(power).ok_or_else(crate::local::engine::plan::overflow)?;
    // Half a digit goes away from zero.
    let half = wide.signum() * count / 2;
    let found = (wide + half) / count;
    Ok(Arc::new(Decimal128Array::from(vec![Some(found)]).with_precision_and_scale(*p, *s)?))
}
