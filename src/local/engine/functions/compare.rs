//! Comparison of arrays and structs, and of what stands inside them, as Spark compares.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;

use super::common_type::of;
use super::nested::{Nested, keys, mismatch, orderable, udf};
use crate::local::engine::error::SqlError;

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
