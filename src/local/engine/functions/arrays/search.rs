//! Whether and where an array has something.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Int32Array, Int64Array, UInt64Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::super::nested::{Lists, Nested, keys, map_row, mismatch, orderable, present, unexpected};
use super::{first_item, list_and_item, one_list, two_lists};

pub(super) const FUNCTIONS: &[Nested] = &[
    Nested {
        name: "array_contains",
        coerce: |given| list_and_item("array_contains", given).map(|(list, item)| vec![list, item]),
        returns: |_| DataType::Boolean,
        eval: contains,
    },
    Nested {
        name: "array_position",
        coerce: |given| list_and_item("array_position", given).map(|(list, item)| vec![list, item]),
        returns: |_| DataType::Int64,
        eval: position,
    },
    Nested {
        name: "arrays_overlap",
        coerce: |given| two_lists("arrays_overlap", given),
        returns: |_| DataType::Boolean,
        eval: overlap,
    },
    Nested {
        name: "array_max",
        coerce: |given| ordered("array_max", given),
        returns: first_item,
        eval: |args, _| extreme(args, true),
    },
    Nested {
        name: "array_min",
        coerce: |given| ordered("array_min", given),
        returns: first_item,
        eval: |args, _| extreme(args, false),
    },
    Nested {
        name: "size",
        coerce: |given| match &given[0] {
            DataType::List(_) | DataType::Map(..) => Ok(given.to_vec()),
            DataType::Null => one_list("size", given, &[]),
            other => Err(unexpected("size", "first", "ARRAY\" or \"MAP", other)),
        },
        returns: |_| DataType::Int32,
        eval: size,
    },
    Nested {
        name: "array_size",
        coerce: |given| one_list("array_size", given, &[]),
        returns: |_| DataType::Int32,
        eval: size,
    },
];

/// An array whose elements can be put in order.
fn ordered(name: &str, given: &[DataType]) -> Result<Vec<DataType>, crate::local::engine::SqlError> {
    if !orderable(&given[0]) {
        return Err(mismatch("INVALID_ORDERING_TYPE", name, given));
    }
    one_list(name, given, &[])
}

fn contains(args: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let lists = Lists::of(&args[0]);
    let all = keys(&[lists.values(), &args[1]])?;
    let found: BooleanArray = (0..args[0].len())
        .map(|i| {
            let row = lists.row(i).filter(|_| args[1].is_valid(i))?;
            let mut unknown = false;
            for n in row {
                if !present(lists.values(), n) {
                    unknown = true;
                } else if all[0].row(n) == all[1].row(i) {
                    return Some(true);
                }
            }
            (!unknown).then_some(false)
        })
        .collect();
    Ok(Arc::new(found))
}

fn position(args: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let lists = Lists::of(&args[0]);
    let all = keys(&[lists.values(), &args[1]])?;
    let found: Int64Array = (0..args[0].len())
        .map(|i| {
            let mut row = lists.row(i).filter(|_| args[1].is_valid(i))?;
            let here = row.position(|n| present(lists.values(), n) && all[0].row(n) == all[1].row(i));
            Some(here.map_or(0, |at| at as i64 + 1))
        })
        .collect();
    Ok(Arc::new(found))
}

fn overlap(args: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let (left, right) = (Lists::of(&args[0]), Lists::of(&args[1]));
    let all = keys(&[left.values(), right.values()])?;
    let found: BooleanArray = (0..args[0].len())
        .map(|i| {
            let (a, b) = (left.row(i)?, right.row(i)?);
            if a.is_empty() || b.is_empty() {
                return Some(false);
            }
            let known: std::collections::HashSet<_> =
                b.clone().filter(|n| present(right.values(), *n)).map(|n| all[1].row(n)).collect();
            if a.clone().any(|n| present(left.values(), n) && known.contains(&all[0].row(n))) {
                return Some(true);
            }
            let unknown =
                a.into_iter().any(|n| !present(left.values(), n)) || b.into_iter().any(|n| !present(right.values(), n));
            (!unknown).then_some(false)
        })
        .collect();
    Ok(Arc::new(found))
}

fn extreme(args: &[ArrayRef], greatest: bool) -> Result<ArrayRef> {
    let lists = Lists::of(&args[0]);
    let all = keys(&[lists.values()])?;
    let found: UInt64Array = (0..args[0].len())
        .map(|i| {
            let some = lists.row(i)?.filter(|n| present(lists.values(), *n));
            // Of equals it is the first.
            some.reduce(|best, n| {
                let (a, b) = (all[0].row(n), all[0].row(best));
                if greatest && a > b || !greatest && a < b { n } else { best }
            })
            .map(|n| n as u64)
        })
        .collect();
    Ok(take(lists.values(), &found, None)?)
}

fn size(args: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    use datafusion::arrow::array::AsArray;
    let count = |row: Option<std::ops::Range<usize>>| row.and_then(|row| i32::try_from(row.len()).ok());
    let found: Int32Array = match args[0].data_type() {
        DataType::Map(..) => (0..args[0].len()).map(|i| count(map_row(args[0].as_map(), i))).collect(),
        _ => (0..args[0].len()).map(|i| count(Lists::of(&args[0]).row(i))).collect(),
    };
    Ok(Arc::new(found))
}
