//! How each function calls its lambda and puts the results together.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, UInt64Array, new_empty_array, new_null_array,
};
use datafusion::arrow::compute::{cast, interleave, take};
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::common::Result;
use datafusion::logical_expr::LambdaArgument;

use super::super::maps::Entries;
use super::super::nested::{Lists, Picked, keys, map_row};
use crate::local::engine::error::SqlError;

/// A lambda and the type that it returns.
pub(super) struct Body {
    pub(super) lambda: LambdaArgument,
    pub(super) returns: DataType,
}

impl Body {
    /// The lambda's value for each row of its parameters; `outer` tells to which row of the batch each belongs.
    fn call(&self, parameters: &[ArrayRef], outer: Vec<u64>) -> Result<ArrayRef> {
        if outer.is_empty() {
            return Ok(new_empty_array(&self.returns));
        }
        let rows = outer.len();
        let getters: Vec<_> = parameters.iter().map(|array| move || Ok(Arc::clone(array))).collect();
        let getters: Vec<&dyn Fn() -> Result<ArrayRef>> =
            getters.iter().map(|getter| getter as &dyn Fn() -> Result<ArrayRef>).collect();
        let outer = UInt64Array::from(outer);
        let spread = |captured: &[ArrayRef]| -> Result<Vec<ArrayRef>> {
            captured.iter().map(|column| Ok(take(column, &outer, None)?)).collect()
        };
        let result = self.lambda.evaluate(&getters, spread)?.to_array(rows)?;
        if *result.data_type() == self.returns { Ok(result) } else { Ok(cast(&result, &self.returns)?) }
    }

    /// The same for elements, which `parameters` makes of their places.
    fn over(&self, items: &Items, parameters: impl Fn(&UInt64Array) -> Result<Vec<ArrayRef>>) -> Result<ArrayRef> {
        self.call(&parameters(&UInt64Array::from(items.places.clone()))?, items.outer.clone())
    }
}

/// The elements of all rows that are not NULL, one after the other.
struct Items {
    /// Where each lies among the values.
    places: Vec<u64>,
    /// Its row.
    outer: Vec<u64>,
    /// Its place in its row.
    index: Vec<i32>,
    /// How many each row has; none: the row is NULL.
    lengths: Vec<Option<usize>>,
}

impl Items {
    fn of(rows: usize, row: impl Fn(usize) -> Option<Range<usize>>) -> Self {
        let mut items = Self { places: Vec::new(), outer: Vec::new(), index: Vec::new(), lengths: Vec::new() };
        for i in 0..rows {
            let range = row(i);
            items.lengths.push(range.as_ref().map(ExactSizeIterator::len));
            for (n, place) in range.into_iter().flatten().enumerate() {
                items.places.push(place as u64);
                items.outer.push(i as u64);
                items.index.push(i32::try_from(n).unwrap_or(i32::MAX));
            }
        }
        items
    }

    /// For each row the numbers of its elements; none: the row is NULL.
    fn rows(&self) -> impl Iterator<Item = Option<Range<usize>>> {
        let mut begin = 0;
        self.lengths.iter().map(move |length| {
            length.map(|length| {
                begin += length;
                begin - length..begin
            })
        })
    }

    /// Arrays with the results of a lambda as their elements.
    fn gathered(&self, results: &ArrayRef, list: &DataType) -> Result<ArrayRef> {
        let mut out = Picked::default();
        for row in self.rows() {
            match row {
                Some(row) => {
                    row.for_each(|n| out.pick(0, n));
                    out.end();
                }
                None => out.end_null(),
            }
        }
        out.finish(&[Arc::clone(results)], list)
    }
}

/// The elements of an array, with the lambda's result for each.
fn elements(array: &ArrayRef, body: &Body) -> Result<(Items, ArrayRef)> {
    let lists = Lists::of(array);
    let items = Items::of(array.len(), |i| lists.row(i));
    let results = body.over(&items, |places| {
        let index: ArrayRef = Arc::new(Int32Array::from(items.index.clone()));
        Ok(vec![take(lists.values(), places, None)?, index])
    })?;
    Ok((items, results))
}

/// What a lambda says for an element; a bare NULL says nothing.
fn truth(results: &ArrayRef) -> Result<BooleanArray> {
    Ok(cast(results, &DataType::Boolean)?.as_boolean().clone())
}

pub(super) fn transform(values: &[ArrayRef], body: &Body, list: &DataType) -> Result<ArrayRef> {
    let (items, results) = elements(&values[0], body)?;
    items.gathered(&results, list)
}

pub(super) fn filter(values: &[ArrayRef], body: &Body, list: &DataType) -> Result<ArrayRef> {
    let (items, results) = elements(&values[0], body)?;
    let kept = truth(&results)?;
    let mut out = Picked::default();
    for row in items.rows() {
        match row {
            Some(row) => {
                for n in row.filter(|n| kept.is_valid(*n) && kept.value(*n)) {
                    out.pick(0, items.places[n] as usize);
                }
                out.end();
            }
            None => out.end_null(),
        }
    }
    out.finish(&[Arc::clone(Lists::of(&values[0]).values())], list)
}

/// `exists`, which is true as soon as one element decides it, or `forall`, which is false then.
pub(super) fn quantified(values: &[ArrayRef], body: &Body, decides: bool) -> Result<ArrayRef> {
    let (items, results) = elements(&values[0], body)?;
    let said = truth(&results)?;
    let found: BooleanArray = items
        .rows()
        .map(|row| {
            let row = row?;
            if row.clone().any(|n| said.is_valid(n) && said.value(n) == decides) {
                return Some(decides);
            }
            (!row.into_iter().any(|n| said.is_null(n))).then_some(!decides)
        })
        .collect();
    Ok(Arc::new(found))
}

pub(super) fn aggregate(values: &[ArrayRef], bodies: &[Body]) -> Result<ArrayRef> {
    let lists = Lists::of(&values[0]);
    let rows: Vec<_> = (0..values[0].len()).map(|i| lists.row(i)).collect();
    let longest = rows.iter().flatten().map(ExactSizeIterator::len).max().unwrap_or(0);
    let mut state = Arc::clone(&values[1]);
    for step in 0..longest {
        // The rows that have an element at this place take it in together.
        let active: Vec<_> =
            rows.iter().enumerate().filter_map(|(i, row)| Some((i, row.clone()?.nth(step)?))).collect();
        let outer: Vec<_> = active.iter().map(|(i, _)| *i as u64).collect();
        let places: UInt64Array = active.iter().map(|(_, n)| Some(*n as u64)).collect();
        let before = take(&state, &UInt64Array::from(outer.clone()), None)?;
        let merged = bodies[0].call(&[before, take(lists.values(), &places, None)?], outer)?;
        let merged = if merged.data_type() == state.data_type() { merged } else { cast(&merged, state.data_type())? };
        let mut picks: Vec<_> = (0..rows.len()).map(|i| (0, i)).collect();
        for (n, (i, _)) in active.iter().enumerate() {
            picks[*i] = (1, n);
        }
        state = interleave(&[state.as_ref(), merged.as_ref()], &picks)?;
    }
    let present: Vec<_> = (0..rows.len()).filter(|i| rows[*i].is_some()).map(|i| i as u64).collect();
    let places: UInt64Array = {
        let mut next = 0;
        rows.iter()
            .map(|row| {
                row.as_ref().map(|_| {
                    next += 1;
                    next - 1
                })
            })
            .collect()
    };
    let some = take(&state, &UInt64Array::from(present.clone()), None)?;
    let finished = match bodies.get(1) {
        Some(finish) => finish.call(&[some], present)?,
        None => some,
    };
    Ok(take(&finished, &places, None)?)
}

pub(super) fn zip_with(values: &[ArrayRef], body: &Body, list: &DataType) -> Result<ArrayRef> {
    let (left, right) = (Lists::of(&values[0]), Lists::of(&values[1]));
    let pairs: Vec<_> = (0..values[0].len()).map(|i| left.row(i).zip(right.row(i))).collect();
    let items = Items::of(pairs.len(), |i| pairs[i].as_ref().map(|(a, b)| 0..a.len().max(b.len())));
    let side = |second: bool| -> UInt64Array {
        let place = |i: u64, n: u64| {
            let (a, b) = pairs[i as usize].clone()?;
            let mut row = if second { b } else { a };
            row.nth(n as usize).map(|n| n as u64)
        };
        items.outer.iter().zip(&items.places).map(|(i, n)| place(*i, *n)).collect()
    };
    let (a, b) = (side(false), side(true));
    let parameters = [take(left.values(), &a, None)?, take(right.values(), &b, None)?];
    items.gathered(&body.call(&parameters, items.outer.clone())?, list)
}

/// Sorts as the lambda compares, stably. A lambda that contradicts itself gives some order, but never fails for it.
pub(super) fn sort(values: &[ArrayRef], body: &Body, list: &DataType) -> Result<ArrayRef> {
    let lists = Lists::of(&values[0]);
    let all = lists.values();
    let mut out = Picked::default();
    for i in 0..values[0].len() {
        let Some(row) = lists.row(i) else {
            out.end_null();
            continue;
        };
        let compare = |a: usize, b: usize| -> Result<Ordering> {
            let one = body.call(&[all.slice(a, 1), all.slice(b, 1)], vec![i as u64])?;
            let one = one.as_primitive::<Int32Type>();
            if one.is_null(0) {
                return Err(SqlError::new(
                    "COMPARATOR_RETURNS_NULL",
                    "22004",
                    "The comparator has returned a NULL for a comparison. It should return a positive integer for \
                     \"greater than\", 0 for \"equal\" and a negative integer for \"less than\".",
                )
                .into());
            }
            Ok(one.value(0).cmp(&0))
        };
        for n in merged(row.collect(), &compare)? {
            out.pick(0, n);
        }
        out.end();
    }
    out.finish(&[Arc::clone(all)], list)
}

/// Merge sort from the bottom up.
fn merged(mut items: Vec<usize>, compare: &impl Fn(usize, usize) -> Result<Ordering>) -> Result<Vec<usize>> {
    let mut width = 1;
    while width < items.len() {
        let mut next = Vec::with_capacity(items.len());
        for pair in items.chunks(width * 2) {
            let (left, right) = pair.split_at(width.min(pair.len()));
            let (mut a, mut b) = (left.iter().copied().peekable(), right.iter().copied().peekable());
            while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
                let first = if compare(*x, *y)? == Ordering::Greater { b.next() } else { a.next() };
                next.extend(first);
            }
            next.extend(a);
            next.extend(b);
        }
        items = next;
        width *= 2;
    }
    Ok(items)
}

/// The entries of a map, with the lambda's result for each.
fn map_entries(array: &ArrayRef, body: &Body) -> Result<(Items, ArrayRef)> {
    let map = array.as_map();
    let items = Items::of(map.len(), |i| map_row(map, i));
    let results =
        body.over(&items, |places| Ok(vec![take(map.keys(), places, None)?, take(map.values(), places, None)?]))?;
    Ok((items, results))
}

pub(super) fn map_filter(values: &[ArrayRef], body: &Body, map: &DataType) -> Result<ArrayRef> {
    let (items, results) = map_entries(&values[0], body)?;
    let kept = truth(&results)?;
    let mut out = Entries::default();
    for row in items.rows() {
        match row {
            Some(row) => {
                for n in row.filter(|n| kept.is_valid(*n) && kept.value(*n)) {
                    let place = (0, items.places[n] as usize);
                    out.add(place, Some(place));
                }
                out.end();
            }
            None => out.end_null(),
        }
    }
    let given = values[0].as_map();
    out.finish(&[Arc::clone(given.keys())], &[Arc::clone(given.values())], map)
}

/// Other keys, or other values.
pub(super) fn transform_entries(values: &[ArrayRef], body: &Body, map: &DataType, keys: bool) -> Result<ArrayRef> {
    let (items, results) = map_entries(&values[0], body)?;
    let mut out = Entries::default();
    for row in items.rows() {
        match row {
            Some(row) => {
                for n in row {
                    let (old, new) = ((0, items.places[n] as usize), (0, n));
                    if keys { out.add(new, Some(old)) } else { out.add(old, Some(new)) }
                }
                out.end();
            }
            None => out.end_null(),
        }
    }
    let given = values[0].as_map();
    if keys {
        out.finish(&[results], &[Arc::clone(given.values())], map)
    } else {
        out.finish(&[Arc::clone(given.keys())], &[results], map)
    }
}

/// Which key, and the places of its values on both sides.
type Entry = ((usize, usize), Option<usize>, Option<usize>);

pub(super) fn map_zip_with(values: &[ArrayRef], body: &Body, map: &DataType) -> Result<ArrayRef> {
    let (left, right) = (values[0].as_map(), values[1].as_map());
    let all = keys(&[left.keys(), right.keys()])?;
    let mut found: Vec<Entry> = Vec::new();
    let (mut outer, mut lengths) = (Vec::new(), Vec::new());
    for i in 0..left.len() {
        let (Some(a), Some(b)) = (map_row(left, i), map_row(right, i)) else {
            lengths.push(None);
            continue;
        };
        let mut others: HashMap<_, _> = b.clone().map(|n| (all[1].row(n), n)).collect();
        let begin = found.len();
        found.extend(a.map(|n| ((0, n), Some(n), others.remove(&all[0].row(n)))));
        found.extend(b.filter(|n| others.contains_key(&all[1].row(*n))).map(|n| ((1, n), None, Some(n))));
        outer.extend(std::iter::repeat_n(i as u64, found.len() - begin));
        lengths.push(Some(found.len() - begin));
    }
    let picks: Vec<_> = found.iter().map(|(key, ..)| *key).collect();
    let new_keys = match picks.is_empty() {
        true => new_null_array(left.keys().data_type(), 0),
        false => interleave(&[left.keys().as_ref(), right.keys().as_ref()], &picks)?,
    };
    let first: UInt64Array = found.iter().map(|(_, n, _)| n.map(|n| n as u64)).collect();
    let second: UInt64Array = found.iter().map(|(_, _, n)| n.map(|n| n as u64)).collect();
    let parameters = [Arc::clone(&new_keys), take(left.values(), &first, None)?, take(right.values(), &second, None)?];
    let results = body.call(&parameters, outer)?;
    let mut out = Entries::default();
    let mut next = 0;
    for length in lengths {
        match length {
            Some(length) => {
                (next..next + length).for_each(|n| out.add((0, n), Some((0, n))));
                next += length;
                out.end();
            }
            None => out.end_null(),
        }
    }
    out.finish(&[new_keys], &[results], map)
}
