//! Parts of JSON texts by path, their size, their keys.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringArray};
use datafusion::arrow::array::{ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::super::nested::{Nested, element_field, list_of, unexpected};
use super::text::{Grammar, Json};
use crate::local::engine::error::SqlError;

/// The functions, under Spark's names.
pub(super) const FUNCTIONS: &[Nested] = &[
    Nested { name: "get_json_object", coerce: texts, returns: |_| DataType::Utf8, eval: at_path },
    Nested {
        name: "json_array_length",
        coerce: texts,
        returns: |_| DataType::Int32,
        eval: |args, _| {
            let length = |text| match Json::parse(text, Grammar::LENIENT)? {
                Json::Items(items) => i32::try_from(items.len()).ok(),
                _ => None,
            };
            let found: Int32Array = args[0].as_string::<i32>().iter().map(|text| length(text?)).collect();
            Ok(Arc::new(found))
        },
    },
    Nested {
        name: "json_object_keys",
        coerce: texts,
        returns: |_| list_of(&DataType::Utf8),
        eval: |args, _| {
            let mut out = ListBuilder::new(StringBuilder::new()).with_field(element_field(&DataType::Utf8));
            for text in args[0].as_string::<i32>() {
                match text.and_then(|text| Json::parse(text, Grammar::LENIENT)) {
                    Some(Json::Fields(fields)) => {
                        fields.iter().for_each(|(name, _)| out.values().append_value(name));
                        out.append(true);
                    }
                    _ => out.append(false),
                }
            }
            Ok(Arc::new(out.finish()))
        },
    },
];

fn texts(given: &[DataType]) -> Result<Vec<DataType>, SqlError> {
    match given.iter().find(|t| !(crate::local::engine::types::is_string(t) || **t == DataType::Null)) {
        Some(other) => Err(unexpected("a function of JSON", "first", "STRING", other)),
        None => Ok(vec![DataType::Utf8; given.len()]),
    }
}

/// A step of a path.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Place(usize),
    /// `[*]`
    Items,
    /// `.*`
    Fields,
}

/// Reads a path: `$.a[0]['b c'][*]`; none: it is no path.
fn path(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("['") {
            let (name, after) = after.split_once("']")?;
            steps.push(if name == "*" { Step::Fields } else { Step::Field(name.to_owned()) });
            rest = after;
        } else if let Some(after) = rest.strip_prefix('[') {
            let (place, after) = after.split_once(']')?;
            steps.push(if place == "*" { Step::Items } else { Step::Place(place.trim().parse().ok()?) });
            rest = after;
        } else {
            let after = rest.strip_prefix('.')?;
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            if name.is_empty() {
                return None;
            }
            steps.push(if name == "*" { Step::Fields } else { Step::Field(name.to_owned()) });
            rest = after;
        }
    }
    Some(steps)
}

fn at_path(args: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let (documents, paths) = (args[0].as_string::<i32>(), args[1].as_string::<i32>());
    let mut last: Option<(&str, Option<Vec<Step>>)> = None;
    let mut found = Vec::with_capacity(documents.len());
    for i in 0..documents.len() {
        if documents.is_null(i) || paths.is_null(i) {
            found.push(None);
            continue;
        }
        let text = paths.value(i);
        let known = matches!(&last, Some((read, _)) if *read == text);
        if !known {
            last = Some((text, path(text)));
        }
        let steps = last.as_ref().and_then(|(_, steps)| steps.as_ref());
        found.push(steps.and_then(|steps| shown(&Json::parse(documents.value(i), Grammar::LENIENT)?, steps)));
    }
    Ok(Arc::new(StringArray::from(found)))
}

/// What a path leads to: a text as it is, anything else as JSON; of several values an array.
fn shown(value: &Json, steps: &[Step]) -> Option<String> {
    let mut found = Vec::new();
    collect(value, steps, &mut found);
    let mut text = String::new();
    match found.as_slice() {
        [] => return None,
        [Json::Null] => return None,
        [Json::Text(one)] if !steps.contains(&Step::Items) => return Some(one.clone()),
        [one] => one.write(&mut text),
        several => Json::Items(several.iter().map(|one| (*one).clone()).collect()).write(&mut text),
    }
    Some(text)
}

/// Gathers what a path leads to; of two fields of one name the first counts.
fn collect<'a>(value: &'a Json, steps: &[Step], found: &mut Vec<&'a Json>) {
    let Some((step, rest)) = steps.split_first() else {
        found.push(value);
        return;
    };
    match (step, value) {
        (Step::Field(name), Json::Fields(fields)) => {
            if let Some((_, next)) = fields.iter().find(|(field, _)| field == name) {
                collect(next, rest, found);
            }
        }
        (Step::Place(i), Json::Items(items)) => {
            if let Some(next) = items.get(*i) {
                collect(next, rest, found);
            }
        }
        (Step::Items, Json::Items(items)) => items.iter().for_each(|item| collect(item, rest, found)),
        _ => {}
    }
}

/// The fields of an object with their values, each shown as a path to it would show it; none: it is no object.
pub(in crate::local::engine::functions) fn fields(text: &str) -> Option<Vec<(String, Option<String>)>> {
    match Json::parse(text, Grammar::LENIENT)? {
        Json::Fields(fields) => Some(fields.into_iter().map(|(name, value)| (name, shown(&value, &[]))).collect()),
        _ => None,
    }
}
