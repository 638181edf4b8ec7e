//! Elements by their place, and arrays with an element more or less.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt64Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::common::Result;

use super::super::common_type::tightest;
use super::super::nested::{
    Lists, Nested, Picked, as_list, entry_of, item_of, keys, list_of, map_of, map_row, mismatch, too_long, unexpected,
};
use super::{first, list_and_item, one_list};
use crate::local::engine::error::SqlError;
use crate::local::engine::types;

/// The longest array that Spark makes.
const LONGEST: usize = 2_147_483_632;

pub(super) const FUNCTIONS: &[Nested] = &[
    Nested {
        name: "array_append",
        coerce: |given| list_and_item("array_append", given).map(|(list, item)| vec![list, item]),
        returns: first,
        eval: |args, list| appended(args, list, false),
    },
    Nested {
        name: "array_prepend",
        coerce: |given| list_and_item("array_prepend", given).map(|(list, item)| vec![list, item]),
        returns: first,
        eval: |args, list| appended(args, list, true),
    },
    Nested { name: "array_insert", coerce: inserted_types, returns: first, eval: inserted },
    Nested {
        name: "slice",
        coerce: |given| {
            for (place, given) in [("second", &given[1]), ("third", &given[2])] {
                if !(types::is_integer(given) || *given == DataType::Null) {
                    return Err(unexpected("slice", place, "INT", given));
                }
            }
            one_list("slice", given, &[DataType::Int32, DataType::Int32])
        },
        returns: first,
        eval: sliced,
    },
    Nested {
        name: "element_at",
        coerce: element_types,
        returns: element_type,
        eval: |a, _| element(a, Missing::Fails),
    },
    Nested {
        name: "try_element_at",
        coerce: element_types,
        returns: element_type,
        eval: |args, _| element(args, Missing::IsNull),
    },
    Nested {
        name: "get",
        coerce: |given| {
            if !(types::is_integer(&given[1]) || given[1] == DataType::Null) {
                return Err(unexpected("get", "second", "INTEGRAL", &given[1]));
            }
            one_list("get", given, &[DataType::Int32])
        },
        returns: element_type,
        eval: |args, _| subscripted(args, Missing::IsNull),
    },
    // `array[index]` and `map[key]`
    Nested {
        name: SUBSCRIPT,
        coerce: subscript_types,
        returns: element_type,
        eval: |a, _| subscripted(a, Missing::Fails),
    },
];

/// The name under which `a[i]` is called; no function of Spark has it.
pub(in crate::local::engine) const SUBSCRIPT: &str = "[]";

/// What an index without an element does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Fails,
    IsNull,
}

fn appended(args: &[ArrayRef], list: &DataType, in_front: bool) -> Result<ArrayRef> {
    let lists = Lists::of(&args[0]);
    let mut out = Picked::default();
    for i in 0..args[0].len() {
        let Some(row) = lists.row(i) else {
            out.end_null();
            continue;
        };
        if in_front {
            out.pick(1, i);
        }
        row.for_each(|n| out.pick(0, n));
        if !in_front {
            out.pick(1, i);
        }
        out.end();
    }
    out.finish(&[Arc::clone(lists.values()), Arc::clone(&args[1])], list)
}

fn inserted_types(given: &[DataType]) -> Result<Vec<DataType>, SqlError> {
    let list = as_list("array_insert", "first", &given[0])?;
    if !(types::is_integer(&given[1]) || given[1] == DataType::Null) {
        return Err(unexpected("array_insert", "second", "INT", &given[1]));
    }
    let item = tightest(&item_of(&list), &given[2])
        .ok_or_else(|| mismatch("ARRAY_FUNCTION_DIFF_TYPES", "array_insert", given))?;
    Ok(vec![list_of(&item), DataType::Int32, item])
}

fn inserted(args: &[ArrayRef], list: &DataType) -> Result<ArrayRef> {
    let lists = Lists::of(&args[0]);
    let places = args[1].as_primitive::<Int32Type>();
    let mut out = Picked::default();
    for i in 0..args[0].len() {
        let (Some(row), true) = (lists.row(i), places.is_valid(i)) else {
            out.end_null();
            continue;
        };
        let (place, len) = (i64::from(places.value(i)), row.len() as i64);
        if place == 0 {
            return Err(index_of_zero().into());
        }
        // Counted from the end, the new element is at that place once it is in.
        let at = if place > 0 { place - 1 } else { len + place + 1 };
        let reach = if at < 0 { len - at + 1 } else { at.max(len) + 1 };
        if reach as usize > LONGEST {
            return Err(too_long(reach as usize).into());
        }
        if at < 0 {
            out.pick(1, i);
            (at..0).for_each(|_| out.pick_null());
            row.for_each(|n| out.pick(0, n));
        } else {
            let at = at as usize;
            row.clone().take(at).for_each(|n| out.pick(0, n));
            while out.len() < at {
                out.pick_null();
            }
            out.pick(1, i);
            row.skip(at).for_each(|n| out.pick(0, n));
        }
        out.end();
    }
    out.finish(&[Arc::clone(lists.values()), Arc::clone(&args[2])], list)
}

fn sliced(args: &[ArrayRef], list: &DataType) -> Result<ArrayRef> {
    let lists = Lists::of(&args[0]);
    let (starts, lengths) = (args[1].as_primitive::<Int32Type>(), args[2].as_primitive::<Int32Type>());
    let mut out = Picked::default();
    for i in 0..args[0].len() {
        let (Some(row), true, true) = (lists.row(i), starts.is_valid(i), lengths.is_valid(i)) else {
            out.end_null();
            continue;
        };
        let (start, length) = (i64::from(starts.value(i)), lengths.value(i));
        let invalid = |parameter: &str, said: &str| {
            SqlError::new(
                format!("INVALID_PARAMETER_VALUE.{parameter}"),
                "22023",
                format!("The value of parameter(s) `{}` in `slice` is invalid: {said}.", parameter.to_lowercase()),
            )
        };
        if start == 0 {
            return Err(invalid("START", "places are counted from 1 or, with a minus, from the end; it is 0").into());
        }
        let Ok(length) = usize::try_from(length) else {
            return Err(invalid("LENGTH", &format!("it must not be negative, but is {length}")).into());
        };
        let from = if start > 0 { start - 1 } else { row.len() as i64 + start };
        if let Ok(from) = usize::try_from(from) {
            row.skip(from).take(length).for_each(|n| out.pick(0, n));
        }
        out.end();
    }
    out.finish(&[Arc::clone(lists.values())], list)
}

fn element_types(given: &[DataType]) -> Result<Vec<DataType>, SqlError> {
    match &given[0] {
        DataType::Map(..) => keyed(given),
        DataType::List(_) | DataType::Null => {
            if !(types::is_integer(&given[1]) || given[1] == DataType::Null) {
                return Err(unexpected("element_at", "second", "INT", &given[1]));
            }
            one_list("element_at", given, &[DataType::Int32])
        }
        other => Err(unexpected("element_at", "first", "ARRAY\" or \"MAP", other)),
    }
}

/// A map and a key of it.
fn keyed(given: &[DataType]) -> Result<Vec<DataType>, SqlError> {
    let (key, value) = entry_of(&given[0]);
    let key = tightest(&key, &given[1]).ok_or_else(|| mismatch("MAP_FUNCTION_DIFF_TYPES", "element_at", given))?;
    Ok(vec![map_of(&key, &value), key])
}

fn subscript_types(given: &[DataType]) -> Result<Vec<DataType>, SqlError> {
    match &given[0] {
        DataType::Map(..) => {
            // A subscript takes whatever can be cast to the type of the keys.
            let (key, value) = entry_of(&given[0]);
            let key = tightest(&key, &given[1]).unwrap_or(key);
            Ok(vec![map_of(&key, &value), key])
        }
        DataType::List(_) if types::is_integer(&given[1]) || given[1] == DataType::Null => {
            Ok(vec![given[0].clone(), DataType::Int64])
        }
        DataType::List(_) => Err(unexpected("a subscript", "second", "INTEGRAL", &given[1])),
        other => Err(SqlError::new(
            "INVALID_EXTRACT_BASE_FIELD_TYPE",
            "42000",
            format!("Can't extract a value from a subscript. Need a complex type but got {}.", types::shown(other)),
        )),
    }
}

fn element_type(given: &[DataType]) -> DataType {
    match &given[0] {
        DataType::Map(..) => entry_of(&given[0]).1,
        list => item_of(list),
    }
}

fn element(args: &[ArrayRef], missing: Missing) -> Result<ArrayRef> {
    if matches!(args[0].data_type(), DataType::Map(..)) {
        return value_of_key(args);
    }
    let (lists, places) = (Lists::of(&args[0]), args[1].as_primitive::<Int32Type>());
    let mut found = Vec::with_capacity(args[0].len());
    for i in 0..args[0].len() {
        let (Some(row), true) = (lists.row(i), places.is_valid(i)) else {
            found.push(None);
            continue;
        };
        let (place, len) = (i64::from(places.value(i)), row.len() as i64);
        if place == 0 {
            return Err(index_of_zero().into());
        }
        let at = if place > 0 { place - 1 } else { len + place };
        if (0..len).contains(&at) {
            found.push(Some(row.start as u64 + at as u64));
        } else if missing == Missing::IsNull {
            found.push(None);
        } else {
            return Err(SqlError::new(
                "INVALID_ARRAY_INDEX_IN_ELEMENT_AT",
                "22003",
                format!(
                    "The index {place} is out of bounds. The array has {len} elements. Use `try_element_at` to \
                     tolerate accessing element at invalid index and return NULL instead."
                ),
            )
            .into());
        }
    }
    Ok(take(lists.values(), &UInt64Array::from(found), None)?)
}

fn subscripted(args: &[ArrayRef], missing: Missing) -> Result<ArrayRef> {
    if matches!(args[0].data_type(), DataType::Map(..)) {
        return value_of_key(args);
    }
    let lists = Lists::of(&args[0]);
    let places = datafusion::arrow::compute::cast(&args[1], &DataType::Int64)?;
    let places = places.as_primitive::<datafusion::arrow::datatypes::Int64Type>();
    let mut found = Vec::with_capacity(args[0].len());
    for i in 0..args[0].len() {
        let (Some(row), true) = (lists.row(i), places.is_valid(i)) else {
            found.push(None);
            continue;
        };
        let (at, len) = (places.value(i), row.len() as i64);
        if (0..len).contains(&at) {
            found.push(Some(row.start as u64 + at as u64));
        } else if missing == Missing::IsNull {
            found.push(None);
        } else {
            return Err(SqlError::new(
                "INVALID_ARRAY_INDEX",
                "22003",
                format!(
                    "The index {at} is out of bounds. The array has {len} elements. Use the SQL function `get()` to \
                     tolerate accessing element at invalid index and return NULL instead."
                ),
            )
            .into());
        }
    }
    Ok(take(lists.values(), &UInt64Array::from(found), None)?)
}

/// The value beside a key of a map; NULL if it does not have the key.
pub(in crate::local::engine::functions) fn value_of_key(args: &[ArrayRef]) -> Result<ArrayRef> {
    let map = args[0].as_map();
    let all = keys(&[map.keys(), &args[1]])?;
    let found: UInt64Array = (0..map.len())
        .map(|i| {
            let row = map_row(map, i).filter(|_| args[1].is_valid(i))?;
            row.rev().find(|n| all[0].row(*n) == all[1].row(i)).map(|n| n as u64)
        })
        .collect();
    Ok(take(map.values(), &found, None)?)
}

fn index_of_zero() -> SqlError {
    SqlError::new(
        "INVALID_INDEX_OF_ZERO",
        "22003",
        "The index 0 is invalid. An index shall be either < 0 or > 0 (the first element has index 1).",
    )
}
