//! Functions on maps. A map never has a key twice, and never NULL as a key.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, StringBuilder, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;

use super::common_type::{of, of_all, tightest};
use super::java_pattern::Cache;
use super::nested::{
    Lists, Nested, Picked, as_list, element_field, entry_of, item_of, keys, list_of, map_of, map_row, maps, mismatch,
    normalized, udf, unexpected,
};
use crate::local::engine::error::SqlError;

/// The functions, under Spark's names.
pub(super) fn functions() -> impl Iterator<Item = (&'static str, Arc<ScalarUDF>)> {
    FUNCTIONS.iter().copied().map(udf)
}

/// The name under which `map(…)` is called: the planner has a `map` of its own.
pub(in crate::local::engine) const MAP: &str = "map_of";

const FUNCTIONS: &[Nested] = &[
    Nested { name: MAP, coerce: map_types, returns: map_type, eval: alternating },
    Nested {
        name: "map_keys",
        coerce: |given| one_map("map_keys", given).map(|map| vec![map]),
        returns: |given| list_of(&entry_of(&given[0]).0),
        eval: |args, list| side(&args[0], 0, list),
    },
    Nested {
        name: "map_values",
        coerce: |given| one_map("map_values", given).map(|map| vec![map]),
        returns: |given| list_of(&entry_of(&given[0]).1),
        eval: |args, list| side(&args[0], 1, list),
    },
    Nested {
        name: "map_entries",
        coerce: |given| one_map("map_entries", given).map(|map| vec![map]),
        returns: |given| {
            let (key, value) = entry_of(&given[0]);
            let fields = vec![Field::new("key", key, true), Field::new("value", value, true)];
            list_of(&DataType::Struct(fields.into()))
        },
        eval: entries,
    },
    Nested {
        name: "map_contains_key",
        coerce: |given| {
            let map = one_map("map_contains_key", given)?;
            let (key, value) = entry_of(&map);
            let key = tightest(&key, &given[1])
                .ok_or_else(|| mismatch("MAP_FUNCTION_DIFF_TYPES", "map_contains_key", given))?;
            Ok(vec![map_of(&key, &value), key])
        },
        returns: |_| DataType::Boolean,
        eval: contains_key,
    },
    Nested { name: "map_concat", coerce: concat_types, returns: first_or_empty, eval: concatenated },
    Nested {
        name: "map_from_arrays",
        coerce: |given| {
            let (keys, values) =
                (as_list("map_from_arrays", "first", &given[0])?, as_list("map_from_arrays", "second", &given[1])?);
            valid_key("map_from_arrays", &item_of(&keys))?;
            Ok(vec![keys, values])
        },
        returns: |given| map_of(&item_of(&given[0]), &item_of(&given[1])),
        eval: from_arrays,
    },
    Nested {
        name: "map_from_entries",
        coerce: |given| match &given[0] {
            DataType::List(field) if matches!(field.data_type(), DataType::Struct(f) if f.len() == 2) => {
                Ok(given.to_vec())
            }
            other => Err(unexpected("map_from_entries", "first", "ARRAY\" of pair \"STRUCT", other)),
        },
        returns: |given| match item_of(&given[0]) {
            DataType::Struct(fields) => map_of(fields[0].data_type(), fields[1].data_type()),
            _ => map_of(&DataType::Null, &DataType::Null),
        },
        eval: from_entries,
    },
    Nested {
        name: "str_to_map",
        coerce: |given| Ok(vec![DataType::Utf8; given.len()]),
        returns: |_| map_of(&DataType::Utf8, &DataType::Utf8),
        eval: from_text,
    },
];

fn one_map(name: &str, given: &[DataType]) -> Result<DataType, SqlError> {
    match &given[0] {
        DataType::Map(..) => Ok(given[0].clone()),
        DataType::Null => Ok(map_of(&DataType::Null, &DataType::Null)),
        other => Err(unexpected(name, "first", "MAP", other)),
    }
}

/// Maps are no keys of maps, nor is what has maps in it.
pub(super) fn valid_key(name: &str, key: &DataType) -> Result<(), SqlError> {
    if super::nested::orderable(key) {
        return Ok(());
    }
    Err(SqlError::new(
        "DATATYPE_MISMATCH.INVALID_MAP_KEY_TYPE",
        "42K09",
        format!("Cannot resolve \"{name}\" due to data type mismatch: The key of map cannot be/contain \"MAP\"."),
    ))
}

fn map_types(given: &[DataType]) -> Result<Vec<DataType>, SqlError> {
    if given.len() % 2 == 1 {
        return Err(SqlError::new(
            "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
            "42605",
            format!("The `map` requires 2n (n > 0) parameters but the actual number is {}.", given.len()),
        ));
    }
    let key = of_all(given.iter().step_by(2)).ok_or_else(|| mismatch("CREATE_MAP_KEY_DIFF_TYPES", "map", given))?;
    let value =
        of_all(given.iter().skip(1).step_by(2)).ok_or_else(|| mismatch("CREATE_MAP_VALUE_DIFF_TYPES", "map", given))?;
    valid_key("map", &key)?;
    Ok((0..given.len()).map(|i| if i % 2 == 0 { key.clone() } else { value.clone() }).collect())
}

fn map_type(given: &[DataType]) -> DataType {
    match given {
        [key, value, ..] => map_of(key, value),
        _ => map_of(&DataType::Null, &DataType::Null),
    }
}

fn first_or_empty(given: &[DataType]) -> DataType {
    given.first().cloned().unwrap_or_else(|| map_of(&DataType::Utf8, &DataType::Utf8))
}

fn concat_types(given: &[DataType]) -> Result<Vec<DataType>, SqlError> {
    let differ = || mismatch("MAP_CONCAT_DIFF_TYPES", "map_concat", given);
    if given.iter().any(|t| !matches!(t, DataType::Map(..) | DataType::Null)) {
        return Err(differ());
    }
    let all = given.iter().try_fold(DataType::Null, |all, next| of(&all, next)).ok_or_else(differ)?;
    Ok(vec![all; given.len()])
}

/// Maps in the making: keys and values that are picked from columns, row by row.
#[derive(Default)]
pub(super) struct Entries {
    keys: Picked,
    values: Picked,
}

impl Entries {
    /// Adds an entry: a source and a place in it, for the key and for the value.
    pub(super) fn add(&mut self, key: (usize, usize), value: Option<(usize, usize)>) {
        self.keys.pick(key.0, key.1);
        match value {
            Some((source, n)) => self.values.pick(source, n),
            None => self.values.pick_null(),
        }
    }

    /// Ends the row.
    pub(super) fn end(&mut self) {
        self.keys.end();
        self.values.end();
    }

    /// Makes the row NULL.
    pub(super) fn end_null(&mut self) {
        self.keys.end_null();
        self.values.end_null();
    }

    /// The column of maps; fails where a key is NULL or comes twice.
    pub(super) fn finish(self, keys_of: &[ArrayRef], values_of: &[ArrayRef], map: &DataType) -> Result<ArrayRef> {
        let (key, value) = entry_of(map);
        let (all_keys, offsets, nulls) = self.keys.parts(keys_of, &key)?;
        let (all_values, ..) = self.values.parts(values_of, &value)?;
        let all_keys = normalized(&all_keys)?;
        check(&all_keys, &offsets)?;
        maps(all_keys, all_values, offsets, Some(nulls), map)
    }
}

/// Fails where a key is NULL or comes twice in a row.
fn check(all: &ArrayRef, offsets: &OffsetBuffer<i32>) -> Result<()> {
    if all.logical_null_count() > 0 {
        return Err(SqlError::new("NULL_MAP_KEY", "2200E", "Cannot use null as map key.").into());
    }
    let rows = keys(&[all])?;
    let mut start = 0;
    for length in offsets.lengths() {
        let mut seen = HashSet::with_capacity(length);
        for n in start..start + length {
            if !seen.insert(rows[0].row(n)) {
                let key = super::complex_text::shown(all, n)?;
                return Err(SqlError::new(
                    "DUPLICATED_MAP_KEY",
                    "23505",
                    format!(
                        "Duplicate map key {key} was found, please check the input data. If you want to remove the \
                         duplicated keys, you can set \"spark.sql.mapKeyDedupPolicy\" to \"LAST_WIN\" so that the key \
                         inserted at last takes precedence."
                    ),
                )
                .into());
            }
        }
        start += length;
    }
    Ok(())
}

fn alternating(args: &[ArrayRef], map: &DataType) -> Result<ArrayRef> {
    let keys: Vec<_> = args.iter().step_by(2).cloned().collect();
    let values: Vec<_> = args.iter().skip(1).step_by(2).cloned().collect();
    let mut out = Entries::default();
    for i in 0..args.first().map_or(1, |column| column.len()) {
        (0..keys.len()).for_each(|n| out.add((n, i), Some((n, i))));
        out.end();
    }
    out.finish(&keys, &values, map)
}

/// The keys or the values.
fn side(array: &ArrayRef, side: usize, list: &DataType) -> Result<ArrayRef> {
    let map = array.as_map();
    let mut out = Picked::default();
    for i in 0..map.len() {
        match map_row(map, i) {
            Some(row) => {
                row.for_each(|n| out.pick(0, n));
                out.end();
            }
            None => out.end_null(),
        }
    }
    out.finish(&[Arc::clone(map.entries().column(side))], list)
}

fn entries(args: &[ArrayRef], list: &DataType) -> Result<ArrayRef> {
    let item = item_of(list);
    let DataType::Struct(fields) = &item else { return Err(SqlError::internal("a struct was expected").into()) };
    let map = args[0].as_map();
    let items = StructArray::try_new(fields.clone(), vec![Arc::clone(map.keys()), Arc::clone(map.values())], None)?;
    let offsets = map.offsets().clone();
    Ok(Arc::new(ListArray::try_new(element_field(&item), offsets, Arc::new(items), map.nulls().cloned())?))
}

fn contains_key(args: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let map = args[0].as_map();
    let all = keys(&[map.keys(), &args[1]])?;
    let found: BooleanArray = (0..map.len())
        .map(|i| {
            let mut row = map_row(map, i).filter(|_| args[1].is_valid(i))?;
            Some(row.any(|n| all[0].row(n) == all[1].row(i)))
        })
        .collect();
    Ok(Arc::new(found))
}

fn concatenated(args: &[ArrayRef], map: &DataType) -> Result<ArrayRef> {
    let all: Vec<_> = args.iter().map(|array| array.as_map()).collect();
    let mut out = Entries::default();
    for i in 0..all.first().map_or(1, |map| map.len()) {
        match all.iter().map(|map| map_row(map, i)).collect::<Option<Vec<_>>>() {
            Some(rows) => {
                for (source, row) in rows.into_iter().enumerate() {
                    row.for_each(|n| out.add((source, n), Some((source, n))));
                }
                out.end();
            }
            None => out.end_null(),
        }
    }
    let keys: Vec<_> = all.iter().map(|map| Arc::clone(map.keys())).collect();
    let values: Vec<_> = all.iter().map(|map| Arc::clone(map.values())).collect();
    out.finish(&keys, &values, map)
}

fn from_arrays(args: &[ArrayRef], map: &DataType) -> Result<ArrayRef> {
    let (left, right) = (Lists::of(&args[0]), Lists::of(&args[1]));
    let mut out = Entries::default();
    for i in 0..args[0].len() {
        let (Some(keys), Some(values)) = (left.row(i), right.row(i)) else {
            out.end_null();
            continue;
        };
        if keys.len() != values.len() {
            return Err(SqlError::new(
                "_LEGACY_ERROR_TEMP_2128",
                "XXKDA",
                "The key array and value array of a map must have the same length.",
            )
            .into());
        }
        keys.zip(values).for_each(|(key, value)| out.add((0, key), Some((0, value))));
        out.end();
    }
    out.finish(&[Arc::clone(left.values())], &[Arc::clone(right.values())], map)
}

fn from_entries(args: &[ArrayRef], map: &DataType) -> Result<ArrayRef> {
    let lists = Lists::of(&args[0]);
    let pairs = lists.values().as_struct();
    let mut out = Entries::default();
    for i in 0..args[0].len() {
        // An entry that is NULL makes the map NULL.
        match lists.row(i).filter(|row| row.clone().all(|n| pairs.is_valid(n))) {
            Some(row) => {
                row.for_each(|n| out.add((0, n), Some((0, n))));
                out.end();
            }
            None => out.end_null(),
        }
    }
    out.finish(&[Arc::clone(pairs.column(0))], &[Arc::clone(pairs.column(1))], map)
}

/// `a:1,b:2`, where what parts entries, and keys from values, are regular expressions.
fn from_text(args: &[ArrayRef], map: &DataType) -> Result<ArrayRef> {
    let texts: Vec<_> = args.iter().map(|array| array.as_string::<i32>()).collect();
    let (mut all_keys, mut all_values) = (StringBuilder::new(), StringBuilder::new());
    let mut out = Entries::default();
    let (mut between_entries, mut in_entries) = (Cache::default(), Cache::default());
    let mut count = 0;
    for i in 0..args[0].len() {
        if texts.iter().any(|text| text.is_null(i)) {
            out.end_null();
            continue;
        }
        let between = |n: usize, default| texts.get(n).map_or(default, |text| text.value(i));
        let (entries, pair) = (between_entries.get(between(1, ","))?, in_entries.get(between(2, ":"))?);
        let mut all = Vec::new();
        entries.split(texts[0].value(i), usize::MAX, |entry| all.push(entry))?;
        for entry in all {
            let mut parts = Vec::with_capacity(2);
            pair.split(entry, 2, |part| parts.push(part))?;
            all_keys.append_value(parts[0]);
            all_values.append_option(parts.get(1));
            out.add((0, count), Some((0, count)));
            count += 1;
        }
        out.end();
    }
    out.finish(&[Arc::new(all_keys.finish())], &[Arc::new(all_values.finish())], map)
}
