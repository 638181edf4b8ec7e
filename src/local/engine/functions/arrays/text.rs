//! Texts of arrays.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::super::nested::{Lists, Nested, as_list, list_of};

pub(super) const FUNCTIONS: &[Nested] = &[Nested {
    name: "array_join",
    coerce: |given| {
        as_list("array_join", "first", &given[0])?;
        Ok(std::iter::once(list_of(&DataType::Utf8)).chain(given[1..].iter().map(|_| DataType::Utf8)).collect())
    },
    returns: |_| DataType::Utf8,
    eval: join,
}];

fn join(args: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let lists = Lists::of(&args[0]);
    let texts = lists.values().as_string::<i32>();
    let between = args[1].as_string::<i32>();
    let instead = args.get(2).map(|a| a.as_string::<i32>());
    let mut out = StringBuilder::new();
    for i in 0..args[0].len() {
        let unknown = between.is_null(i) || instead.is_some_and(|instead| instead.is_null(i));
        let Some(row) = lists.row(i).filter(|_| !unknown) else {
            out.append_null();
            continue;
        };
        let parts: Vec<_> = row
            .filter_map(|n| if texts.is_valid(n) { Some(texts.value(n)) } else { instead.map(|a| a.value(i)) })
            .collect();
        out.append_value(parts.join(between.value(i)));
    }
    Ok(Arc::new(out.finish()))
}
