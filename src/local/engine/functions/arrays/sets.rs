//! Arrays as sets, and without some of their elements.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::super::nested::{Lists, Nested, Picked, keys, present};
use super::{first, list_and_item, one_list, two_lists};

pub(super) const FUNCTIONS: &[Nested] = &[
    Nested {
        name: "array_distinct",
        coerce: |given| one_list("array_distinct", given, &[]),
        returns: first,
        eval: |args, list| each(args, list, |_, seen| seen),
    },
    Nested {
        name: "array_except",
        coerce: |given| two_lists("array_except", given),
        returns: first,
        eval: |args, list| each(args, list, |in_other, new| new && !in_other),
    },
    Nested {
        name: "array_intersect",
        coerce: |given| two_lists("array_intersect", given),
        returns: first,
        eval: |args, list| each(args, list, |in_other, new| new && in_other),
    },
    Nested { name: "array_union", coerce: |given| two_lists("array_union", given), returns: first, eval: union },
    Nested {
        name: "array_remove",
        coerce: |given| list_and_item("array_remove", given).map(|(list, item)| vec![list, item]),
        returns: first,
        eval: remove,
    },
    Nested {
        name: "array_compact",
        coerce: |given| one_list("array_compact", given, &[]),
        returns: first,
        eval: compact,
    },
];

/// The elements of the first array of which `keep` is true, given whether the second array has them and whether they
/// are met for the first time.
fn each(args: &[ArrayRef], list: &DataType, keep: fn(bool, bool) -> bool) -> Result<ArrayRef> {
    let lists = Lists::of(&args[0]);
    let other = args.get(1).map(Lists::of);
    let all = match &other {
        Some(other) => keys(&[lists.values(), other.values()])?,
        None => keys(&[lists.values()])?,
    };
    let mut out = Picked::default();
    for i in 0..args[0].len() {
        let others = other.as_ref().map_or(Some(0..0), |other| other.row(i));
        let (Some(row), Some(others)) = (lists.row(i), others) else {
            out.end_null();
            continue;
        };
        let others: HashSet<_> = others.map(|n| all[1].row(n)).collect();
        let mut seen = HashSet::new();
        for n in row {
            let key = all[0].row(n);
            if keep(others.contains(&key), seen.insert(key)) {
                out.pick(0, n);
            }
        }
        out.end();
    }
    out.finish(&[Arc::clone(lists.values())], list)
}

fn union(args: &[ArrayRef], list: &DataType) -> Result<ArrayRef> {
    let sides = [Lists::of(&args[0]), Lists::of(&args[1])];
    let all = keys(&[sides[0].values(), sides[1].values()])?;
    let mut out = Picked::default();
    for i in 0..args[0].len() {
        let (Some(left), Some(right)) = (sides[0].row(i), sides[1].row(i)) else {
            out.end_null();
            continue;
        };
        let mut seen = HashSet::new();
        for (side, row) in [left, right].into_iter().enumerate() {
            for n in row {
                if seen.insert(all[side].row(n)) {
                    out.pick(side, n);
                }
            }
        }
        out.end();
    }
    out.finish(&[Arc::clone(sides[0].values()), Arc::clone(sides[1].values())], list)
}

fn remove(args: &[ArrayRef], list: &DataType) -> Result<ArrayRef> {
    let lists = Lists::of(&args[0]);
    let all = keys(&[lists.values(), &args[1]])?;
    let mut out = Picked::default();
    for i in 0..args[0].len() {
        let Some(row) = lists.row(i).filter(|_| args[1].is_valid(i)) else {
            out.end_null();
            continue;
        };
        row.filter(|n| all[0].row(*n) != all[1].row(i)).for_each(|n| out.pick(0, n));
        out.end();
    }
    out.finish(&[Arc::clone(lists.values())], list)
}

fn compact(args: &[ArrayRef], list: &DataType) -> Result<ArrayRef> {
    let lists = Lists::of(&args[0]);
    let mut out = Picked::default();
    for i in 0..args[0].len() {
        match lists.row(i) {
            Some(row) => {
                row.filter(|n| present(lists.values(), *n)).for_each(|n| out.pick(0, n));
                out.end();
            }
            None => out.end_null(),
        }
    }
    out.finish(&[Arc::clone(lists.values())], list)
}
