//! Arrays made of values and of other arrays, and their order.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Int32Type};
use datafusion::common::Result;

use super::super::nested::{
    Lists, Nested, Picked, as_list, element_field, item_of, keys, list_of, mismatch, orderable, present, too_long,
    unexpected,
};
use super::{first, first_item, one_list};
use crate::local::engine::error::SqlError;
use crate::local::engine::types;

/// The longest array that is made by repeating: what an offset can say.
const LONGEST: usize = 2_147_483_632;

pub(super) const FUNCTIONS: &[Nested] = &[
    Nested {
        name: "array_repeat",
        coerce: |given| {
            if !(types::is_integer(&given[1]) || given[1] == DataType::Null) {
                return Err(unexpected("array_repeat", "second", "INT", &given[1]));
            }
            Ok(vec![given[0].clone(), DataType::Int32])
        },
        returns: |given| list_of(&given[0]),
        eval: repeated,
    },
    Nested {
        name: "flatten",
        coerce: |given| match &given[0] {
            DataType::List(field) if matches!(field.data_type(), DataType::List(_)) => Ok(given.to_vec()),
            DataType::Null => Ok(vec![list_of(&list_of(&DataType::Null))]),
            other => Err(unexpected("flatten", "first", "ARRAY\" of \"ARRAY", other)),
        },
        returns: first_item,
        eval: flattened,
    },
    Nested {
        name: "sort_array",
        coerce: |given| {
            if !orderable(&given[0]) {
                return Err(mismatch("INVALID_ORDERING_TYPE", "sort_array", given));
            }
            if given.get(1).is_some_and(|t| !matches!(t, DataType::Boolean | DataType::Null)) {
                return Err(unexpected("sort_array", "second", "BOOLEAN", &given[1]));
            }
            one_list("sort_array", given, &[DataType::Boolean])
        },
        returns: first,
        eval: |args, list| sorted(args, list, true),
    },
    Nested {
        name: "array_sort",
        coerce: |given| {
            if !orderable(&given[0]) {
                return Err(mismatch("INVALID_ORDERING_TYPE", "array_sort", given));
            }
            one_list("array_sort", given, &[])
        },
        returns: first,
        eval: |args, list| sorted(args, list, false),
    },
    Nested {
        name: "reverse",
        coerce: |given| match &given[0] {
            DataType::List(_) => Ok(given.to_vec()),
            DataType::Map(..) | DataType::Struct(_) => {
                Err(unexpected("reverse", "first", "STRING\" or \"ARRAY", &given[0]))
            }
            _ => Ok(vec![DataType::Utf8]),
        },
        returns: first,
        eval: reversed,
    },
    Nested {
        name: "arrays_zip",
        coerce: |given| given.iter().map(|t| as_list("arrays_zip", "next", t)).collect(),
        returns: zip_type,
        eval: zipped,
    },
];

/// The rows of several columns as arrays; without columns, one empty array.
pub(super) fn rows_of(args: &[ArrayRef], list: &DataType) -> Result<ArrayRef> {
    let mut out = Picked::default();
    for i in 0..args.first().map_or(1, |column| column.len()) {
        (0..args.len()).for_each(|n| out.pick(n, i));
        out.end();
    }
    out.finish(args, list)
}

fn repeated(args: &[ArrayRef], list: &DataType) -> Result<ArrayRef> {
    let counts = args[1].as_primitive::<Int32Type>();
    let mut out = Picked::default();
    let mut total = 0_usize;
    for i in 0..args[0].len() {
        if counts.is_null(i) {
            out.end_null();
            continue;
        }
        let count = usize::try_from(counts.value(i)).unwrap_or(0);
        total += count;
        if total > LONGEST {
            return Err(too_long(total).into());
        }
        (0..count).for_each(|_| out.pick(0, i));
        out.end();
    }
    out.finish(&args[..1], list)
}

fn flattened(args: &[ArrayRef], list: &DataType) -> Result<ArrayRef> {
    let outer = Lists::of(&args[0]);
    let inner = Lists::of(outer.values());
    let mut out = Picked::default();
    for i in 0..args[0].len() {
        let rows = outer.row(i).and_then(|row| row.map(|n| inner.row(n)).collect::<Option<Vec<_>>>());
        match rows {
            Some(rows) => {
                rows.into_iter().flatten().for_each(|n| out.pick(0, n));
                out.end();
            }
            None => out.end_null(),
        }
    }
    out.finish(&[Arc::clone(inner.values())], list)
}

/// The arrays of each row one after the other; NULL if one of them is.
pub(in crate::local::engine::functions) fn concatenated(args: &[ArrayRef], list: &DataType) -> Result<ArrayRef> {
    let lists: Vec<_> = args.iter().map(Lists::of).collect();
    let mut out = Picked::default();
    for i in 0..args[0].len() {
        match lists.iter().map(|list| list.row(i)).collect::<Option<Vec<_>>>() {
            Some(rows) => {
                for (source, row) in rows.into_iter().enumerate() {
                    row.for_each(|n| out.pick(source, n));
                }
                out.end();
            }
            None => out.end_null(),
        }
    }
    let values: Vec<_> = lists.iter().map(|list| Arc::clone(list.values())).collect();
    out.finish(&values, list)
}

/// `sort_array` has NULL in front, or at the end if it goes down; `array_sort` has it always at the end.
fn sorted(args: &[ArrayRef], list: &DataType, null_is_least: bool) -> Result<ArrayRef> {
    let lists = Lists::of(&args[0]);
    let all = keys(&[lists.values()])?;
    let values = lists.values();
    let mut out = Picked::default();
    for i in 0..args[0].len() {
        let ascending = match args.get(1) {
            Some(flag) => flag.is_valid(i).then(|| flag.as_boolean().value(i)),
            None => Some(true),
        };
        let (Some(row), Some(ascending)) = (lists.row(i), ascending) else {
            out.end_null();
            continue;
        };
        let (mut some, nulls): (Vec<_>, Vec<_>) = row.partition(|n| present(values, *n));
        some.sort_by(|a, b| {
            let order = all[0].row(*a).cmp(&all[0].row(*b));
            if ascending { order } else { order.reverse() }
        });
        let in_front = null_is_least && ascending;
        let (before, after) = if in_front { (nulls, some) } else { (some, nulls) };
        before.into_iter().chain(after).for_each(|n| out.pick(0, n));
        out.end();
    }
    out.finish(&[Arc::clone(values)], list)
}

fn reversed(args: &[ArrayRef], list: &DataType) -> Result<ArrayRef> {
    if types::is_string(list) {
        let texts = args[0].as_string::<i32>();
        let turned: datafusion::arrow::array::StringArray =
            texts.iter().map(|text| text.map(|text| text.chars().rev().collect::<String>())).collect();
        return Ok(Arc::new(turned));
    }
    let lists = Lists::of(&args[0]);
    let mut out = Picked::default();
    for i in 0..args[0].len() {
        match lists.row(i) {
            Some(row) => {
                row.rev().for_each(|n| out.pick(0, n));
                out.end();
            }
            None => out.end_null(),
        }
    }
    out.finish(&[Arc::clone(lists.values())], list)
}

fn zip_type(given: &[DataType]) -> DataType {
    let fields: Vec<_> =
        given.iter().enumerate().map(|(i, list)| Field::new(i.to_string(), item_of(list), true)).collect();
    list_of(&DataType::Struct(fields.into()))
}

fn zipped(args: &[ArrayRef], list: &DataType) -> Result<ArrayRef> {
    let lists: Vec<_> = args.iter().map(Lists::of).collect();
    let mut columns: Vec<Picked> = args.iter().map(|_| Picked::default()).collect();
    let (mut lengths, mut valid) = (Vec::new(), Vec::new());
    for i in 0..args[0].len() {
        let rows = lists.iter().map(|list| list.row(i)).collect::<Option<Vec<_>>>();
        valid.push(rows.is_some());
        let rows = rows.unwrap_or_default();
        let longest = rows.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        lengths.push(longest);
        for (column, row) in columns.iter_mut().zip(rows) {
            let short = longest - row.len();
            row.for_each(|n| column.pick(0, n));
            (0..short).for_each(|_| column.pick_null());
            column.end();
        }
    }
    let item = item_of(list);
    let DataType::Struct(fields) = &item else { return Err(SqlError::internal("a struct was expected").into()) };
    let mut arrays = Vec::new();
    for ((column, list), field) in columns.into_iter().zip(&lists).zip(fields) {
        arrays.push(column.parts(&[Arc::clone(list.values())], field.data_type())?.0);
    }
    let items = StructArray::try_new(fields.clone(), arrays, None)?;
    Ok(Arc::new(datafusion::arrow::array::ListArray::try_new(
        element_field(&item),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(items),
        Some(valid.into()),
    )?))
}
