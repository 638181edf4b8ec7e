//! Functions on arrays.

mod elements;
mod search;
mod sets;
mod shape;
mod text;

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::ScalarUDF;

use super::common_type::{of_all, tightest, without_text};
use super::nested::{Nested, as_list, item_of, list_of, mismatch, udf};
use crate::local::engine::error::SqlError;
use crate::local::engine::types;

/// The functions, under Spark's names.
pub(super) fn functions() -> impl Iterator<Item = (&'static str, Arc<ScalarUDF>)> {
    let families = [elements::FUNCTIONS, search::FUNCTIONS, sets::FUNCTIONS, shape::FUNCTIONS, text::FUNCTIONS];
    families.into_iter().flatten().copied().chain([ARRAY]).map(udf)
}

pub(in crate::local::engine) use elements::SUBSCRIPT;
pub(super) use elements::value_of_key;
/// `concat` of arrays.
pub(super) use shape::concatenated;

/// The types to which `concat` converts arrays.
pub(super) fn concatenated_types(given: &[DataType]) -> Result<Vec<DataType>, SqlError> {
    let given: Vec<_> = given.iter().map(types::nullable).collect();
    let all = given.iter().try_fold(DataType::Null, |all, next| without_text(&all, next));
    let all = all.ok_or_else(|| mismatch("DATA_DIFF_TYPES", "concat", &given))?;
    Ok(vec![all; given.len()])
}

/// `array(a, b, …)`
const ARRAY: Nested = Nested {
    name: "array",
    coerce: |given| {
        let item = of_all(given).ok_or_else(|| mismatch("DATA_DIFF_TYPES", "array", given))?;
        Ok(vec![item; given.len()])
    },
    returns: |given| list_of(given.first().unwrap_or(&DataType::Null)),
    eval: shape::rows_of,
};

/// One array, and others that are no business of its elements.
fn one_list(name: &str, given: &[DataType], rest: &[DataType]) -> Result<Vec<DataType>, SqlError> {
    let list = as_list(name, "first", &given[0])?;
    Ok(std::iter::once(list).chain(rest.iter().take(given.len() - 1).cloned()).collect())
}

/// An array and a value that may be its element.
fn list_and_item(name: &str, given: &[DataType]) -> Result<(DataType, DataType), SqlError> {
    let list = as_list(name, "first", &given[0])?;
    let item =
        tightest(&item_of(&list), &given[1]).ok_or_else(|| mismatch("ARRAY_FUNCTION_DIFF_TYPES", name, given))?;
    Ok((list_of(&item), item))
}

/// Two arrays of one type.
fn two_lists(name: &str, given: &[DataType]) -> Result<Vec<DataType>, SqlError> {
    let differ = || mismatch("BINARY_ARRAY_DIFF_TYPES", name, given);
    let (Ok(left), Ok(right)) = (as_list(name, "first", &given[0]), as_list(name, "second", &given[1])) else {
        return Err(differ());
    };
    let both = without_text(&left, &right).ok_or_else(differ)?;
    Ok(vec![both.clone(), both])
}

/// The type of the first argument.
fn first(given: &[DataType]) -> DataType {
    given[0].clone()
}

/// The type of the first argument's elements.
fn first_item(given: &[DataType]) -> DataType {
    item_of(&given[0])
}
