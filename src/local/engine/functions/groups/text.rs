//! `listagg(x, between) WITHIN GROUP (ORDER BY …)`: texts one after the other.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::super::nested::{keys, present};
use super::Group;

/// What is joined, what comes between, and perhaps what orders it: a text with two letters for each order, `a` or `d`
/// for up or down and `f` or `l` for NULL first or last, and what is ordered by.
pub(super) const FUNCTIONS: &[Group] = &[Group {
    name: "listagg",
    coerce: |given| {
        let text = |i: usize, given: &DataType| if i < 3 { DataType::Utf8 } else { given.clone() };
        Ok(given.iter().enumerate().map(|(i, given)| text(i, given)).collect())
    },
    returns: |_| DataType::Utf8,
    finish: joined,
    reduce: None,
}];

fn joined(all: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let texts = all[0].as_string::<i32>();
    let mut places: Vec<_> = (0..texts.len()).filter(|i| texts.is_valid(*i)).collect();
    if places.is_empty() {
        return Ok(Arc::new(StringArray::from(vec![None::<&str>])));
    }
    if let Some(orders) = all.get(2) {
        let orders = orders.as_string::<i32>().value(0).as_bytes().to_vec();
        let columns = all[3..].iter().map(|column| keys(&[column])).collect::<Result<Vec<_>>>()?;
        places.sort_by(|a, b| {
            let mut order = Ordering::Equal;
            for ((column, keys), how) in all[3..].iter().zip(&columns).zip(orders.chunks(2)) {
                let (x, y) = (present(column, *a), present(column, *b));
                let one = match (x, y) {
                    (true, true) => {
                        let up = keys[0].row(*a).cmp(&keys[0].row(*b));
                        if how.first() == Some(&b'd') { up.reverse() } else { up }
                    }
                    _ if how.get(1) == Some(&b'f') => x.cmp(&y),
                    _ => y.cmp(&x),
                };
                order = order.then(one);
            }
            order
        });
    }
    let between = all.get(1).map(|between| between.as_string::<i32>());
    let between = between.filter(|between| between.is_valid(0)).map_or("", |between| between.value(0));
    let parts: Vec<_> = places.into_iter().map(|i| texts.value(i)).collect();
    Ok(Arc::new(StringArray::from(vec![parts.join(between)])))
}
