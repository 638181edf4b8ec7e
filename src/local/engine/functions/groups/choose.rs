//! Values of a group: all, those that differ, that of the least or greatest row, the most frequent one.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt64Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::common::Result;

use super::super::nested::{keys, list_of, mismatch, orderable, present};
use super::super::percentile::one_list;
use super::{Group, complete};
use crate::local::engine::error::SqlError;

pub(super) const FUNCTIONS: &[Group] = &[
    Group {
        name: "collect_list",
        coerce: |given| Ok(given.to_vec()),
        returns: |given| list_of(&given[0]),
        finish: |all, _| listed(&all[0], &complete(all, 1)),
        reduce: None,
    },
    Group {
        name: "collect_set",
        coerce: |given| {
            if orderable(&given[0]) {
                return Ok(given.to_vec());
            }
            Err(mismatch("UNSUPPORTED_INPUT_TYPE", "collect_set", given))
        },
        returns: |given| list_of(&given[0]),
        finish: |all, _| listed(&all[0], &differing(all)?),
        reduce: Some(differing),
    },
    Group {
        name: "max_by",
        coerce: |given| by("max_by", given),
        returns: by_type,
        finish: |all, _| extreme(all, true),
        reduce: None,
    },
    Group {
        name: "min_by",
        coerce: |given| by("min_by", given),
        returns: by_type,
        finish: |all, _| extreme(all, false),
        reduce: None,
    },
    Group {
        name: "mode",
        coerce: |given| {
            Ok(given.iter().enumerate().map(|(i, t)| if i == 0 { t.clone() } else { DataType::Boolean }).collect())
        },
        returns: |given| given[0].clone(),
        finish: |all, _| most_frequent(all, false),
        reduce: None,
    },
    // `mode() WITHIN GROUP (ORDER BY x DESC)`
    Group {
        name: "mode_desc",
        coerce: |given| Ok(given.to_vec()),
        returns: |given| given[0].clone(),
        finish: |all, _| most_frequent(all, true),
        reduce: None,
    },
];

fn listed(values: &ArrayRef, places: &UInt64Array) -> Result<ArrayRef> {
    Ok(Arc::new(one_list(take(values, places, None)?)?))
}

/// The first row of each value.
fn differing(all: &[ArrayRef]) -> Result<UInt64Array> {
    let keys = keys(&[&all[0]])?;
    let mut seen = std::collections::HashSet::new();
    let new = |i: &usize| present(&all[0], *i) && seen.insert(keys[0].row(*i));
    Ok((0..all[0].len()).filter(new).map(|i| i as u64).collect())
}

fn by(name: &str, given: &[DataType]) -> Result<Vec<DataType>, SqlError> {
    if !orderable(&given[1]) {
        return Err(mismatch("INVALID_ORDERING_TYPE", name, given));
    }
    Ok(given[..2].iter().cloned().chain(given.get(2).map(|_| DataType::Int32)).collect())
}

fn by_type(given: &[DataType]) -> DataType {
    if given.len() > 2 { list_of(&given[0]) } else { given[0].clone() }
}

/// The value beside the greatest or least; of equals the last.
fn extreme(all: &[ArrayRef], greatest: bool) -> Result<ArrayRef> {
    let keys = keys(&[&all[1]])?;
    let mut places: Vec<_> = (0..all[1].len()).filter(|i| present(&all[1], *i)).collect();
    if let Some(count) = all.get(2) {
        let count = if count.is_empty() { 0 } else { count.as_primitive::<Int32Type>().value(0) };
        places.sort_by(|a, b| {
            let order = keys[0].row(*a).cmp(&keys[0].row(*b));
            if greatest { order.reverse() } else { order }
        });
        places.truncate(usize::try_from(count).unwrap_or(0));
        return listed(&all[0], &places.into_iter().map(|i| Some(i as u64)).collect());
    }
    let best = places.into_iter().reduce(|best, i| {
        let (new, old) = (keys[0].row(i), keys[0].row(best));
        if greatest && new >= old || !greatest && new <= old { i } else { best }
    });
    Ok(take(&all[0], &UInt64Array::from(vec![best.map(|i| i as u64)]), None)?)
}

/// Of values that are equally frequent the least, or the greatest.
fn most_frequent(all: &[ArrayRef], greatest: bool) -> Result<ArrayRef> {
    let keys = keys(&[&all[0]])?;
    let mut counts = HashMap::new();
    for i in (0..all[0].len()).filter(|i| present(&all[0], *i)) {
        counts.entry(keys[0].row(i)).or_insert((0_usize, i)).0 += 1;
    }
    let best = counts
        .into_iter()
        .max_by(|(a, (m, _)), (b, (n, _))| m.cmp(n).then_with(|| if greatest { a.cmp(b) } else { b.cmp(a) }));
    Ok(take(&all[0], &UInt64Array::from(vec![best.map(|(_, (_, i))| i as u64)]), None)?)
}
