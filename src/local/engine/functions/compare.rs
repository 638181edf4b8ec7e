//! Comparison of arrays and structs, and of what stands inside them, as Spark compares.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BinaryArray, BooleanArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;

use super::common_type::of;
use super::nested::{Nested, keys, mismatch, normalized, orderable, udf};
use crate::local::engine::error::SqlError;
use crate::local::engine::intervals::Span;

/// The comparison under the name of its operator: `=`, `<>`, `<`, `<=`, `>`, `>=`, `<=>`.
pub(in crate::local::engine) fn function(operator: &str) -> Option<Arc<ScalarUDF>> {
    let nested = |name, eval| udf(Nested { name, coerce: both, returns: |_| DataType::Boolean, eval }).1;
    Some(match operator {
        "=" => nested("=", |args, _| compared(args, |order| order.is_eq())),
        "<>" | "!=" => nested("<>", |args, _| compared(args, |order| order.is_ne())),
        "<" => nested("<", |args, _| compared(args, |order| order.is_lt())),
        "<=" => nested("<=", |args, _| compared(args, |order| order.is_le())),
        ">" => nested(">", |args, _| compared(args, |order| order.is_gt())),
        ">=" => nested(">=", |args, _| compared(args, |order| order.is_ge())),
        "<=>" => nested("<=>", |args, _| same(args)),
        _ => return None,
    })
}

fn both(given: &[DataType]) -> Result<Vec<DataType>, SqlError> {
    if given.iter().any(|t| !orderable(t)) {
        return Err(mismatch("INVALID_ORDERING_TYPE", "a comparison", given));
    }
    let positional = |t: &DataType| match t {
        interval if Span::of(interval).is_some() => interval.clone(),
        // Names of fields do not matter here.
        DataType::Struct(fields) => DataType::Struct(
            fields
                .iter()
                .enumerate()
                .map(|(i, f)| f.as_ref().clone().with_name(i.to_string()))
                .collect::<Vec<_>>()
                .into(),
        ),
        other => other.clone(),
    };
    let common = of(&positional(&given[0]), &positional(&given[1]))
        .ok_or_else(|| mismatch("BINARY_OP_DIFF_TYPES", "a comparison", given))?;
    Ok(vec![common.clone(), common])
}

fn compared(args: &[ArrayRef], holds: fn(std::cmp::Ordering) -> bool) -> Result<ArrayRef> {
    let all = keys(&[&args[0], &args[1]])?;
    let found: BooleanArray = (0..args[0].len())
        .map(|i| {
            let known = args[0].is_valid(i) && args[1].is_valid(i);
            known.then(|| holds(all[0].row(i).cmp(&all[1].row(i))))
        })
        .collect();
    Ok(Arc::new(found))
}

fn same(args: &[ArrayRef]) -> Result<ArrayRef> {
    let all = keys(&[&args[0], &args[1]])?;
    let found: BooleanArray = (0..args[0].len()).map(|i| Some(all[0].row(i) == all[1].row(i))).collect();
    Ok(Arc::new(found))
}

/// The value with one zero and one NaN.
pub(in crate::local::engine) fn normal() -> Arc<ScalarUDF> {
    let eval = |args: &[ArrayRef], _: &DataType| normalized(&args[0]);
    udf(Nested { name: "normalize_nan_and_zero", coerce: |given| Ok(given.to_vec()), returns: |g| g[0].clone(), eval })
        .1
}

/// Bytes that compare as the values of an array or struct do; NULL of NULL.
pub(in crate::local::engine) fn key() -> Arc<ScalarUDF> {
    let eval = |args: &[ArrayRef], _: &DataType| -> Result<ArrayRef> {
        let all = keys(&[&args[0]])?;
        let bytes: BinaryArray =
            (0..args[0].len()).map(|i| args[0].is_valid(i).then(|| all[0].row(i).as_ref().to_vec())).collect();
        Ok(Arc::new(bytes))
    };
    udf(Nested { name: "sort_key", coerce: |given| Ok(given.to_vec()), returns: |_| DataType::Binary, eval }).1
}

/// Whether floating point numbers are part of a type.
pub(in crate::local::engine) use super::nested::has_floats;

/// Refuses an order of maps.
pub(in crate::local::engine) fn check_orderable(data_type: &DataType) -> Result<(), SqlError> {
    if orderable(data_type) {
        Ok(())
    } else {
        Err(mismatch("INVALID_ORDERING_TYPE", "sortorder", std::slice::from_ref(data_type)))
    }
}
