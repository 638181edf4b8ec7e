//! Functions of regular expressions.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Int32Array, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Result;

use super::java_pattern::{Cache, Found, Pattern};
use super::simple::{Simple, Takes};
use super::text::row;
use crate::local::engine::error::SqlError;

const TEXT: Takes = Takes::Text;
const COUNT: Takes = Takes::Integer;

/// All functions of this family.
pub(super) fn functions() -> Vec<Simple> {
    let text = |name, takes: &'static [Takes], required, eval| Simple {
        name,
        takes,
        required,
        returns: |_| DataType::Utf8,
        eval,
    };
    let int =
        |name, takes: &'static [Takes], eval| Simple { name, takes, required: 2, returns: |_| DataType::Int32, eval };
    let list = |name, takes: &'static [Takes], eval| Simple {
        name,
        takes,
        required: 2,
        returns: |_| DataType::List(Arc::new(Field::new("element", DataType::Utf8, true))),
        eval,
    };
    vec![
        Simple {
            name: "regexp_like",
            takes: &[TEXT, TEXT],
            required: 2,
            returns: |_| DataType::Boolean,
            eval: |a| {
                let mut cache = Cache::default();
                let mut found = Vec::with_capacity(a[0].len());
                for i in 0..a[0].len() {
                    found.push(row(a, i).map(|(t, _)| cache.get(t[1])?.is_match(t[0])).transpose()?);
                }
                Ok(Arc::new(BooleanArray::from(found)))
            },
        },
        int("regexp_count", &[TEXT, TEXT], |a| numbers(a, |pattern, text| Ok(pattern.all(text)?.len()))),
        int("regexp_instr", &[TEXT, TEXT, COUNT], |a| {
            numbers(a, |pattern, text| Ok(pattern.find(text)?.map_or(0, |at| text[..at.start].chars().count() + 1)))
        }),
        text("regexp_substr", &[TEXT, TEXT], 2, |a| {
            texts(a, |pattern, t, _| Ok(pattern.find(t[0])?.map(|at| t[0][at].to_owned())))
        }),
        text("regexp_replace", &[TEXT, TEXT, TEXT, COUNT], 3, |a| {
            texts(a, |pattern, t, n| replaced(pattern, t[0], t[2], n.get(3).copied().unwrap_or(1)).map(Some))
        }),
        text("regexp_extract", &[TEXT, TEXT, COUNT], 2, |a| {
            texts(a, |pattern, t, n| {
                let Some(found) = pattern.find_at(t[0], 0)? else { return Ok(Some(String::new())) };
                let group = group(pattern, "regexp_extract", n.get(2).copied().unwrap_or(1))?;
                Ok(Some(found.group(group).unwrap_or_default().to_owned()))
            })
        }),
        list("regexp_extract_all", &[TEXT, TEXT, COUNT], |a| {
            lists(a, |pattern, t, n, add| {
                for found in pattern.all(t[0])? {
                    let group = group(pattern, "regexp_extract_all", n.get(2).copied().unwrap_or(1))?;
                    add(found.group(group).unwrap_or_default());
                }
                Ok(())
            })
        }),
        list("split", &[TEXT, TEXT, COUNT], |a| {
            lists(a, |pattern, t, n, add| {
                let limit = usize::try_from(n.get(2).copied().unwrap_or(-1)).ok().filter(|n| *n > 0);
                pattern.split(t[0], limit.unwrap_or(usize::MAX), add)
            })
        }),
    ]
}

/// The group of a number, which has to exist.
fn group(pattern: &Pattern, name: &str, n: i64) -> Result<usize, SqlError> {
    usize::try_from(n).ok().filter(|n| *n <= pattern.groups()).ok_or_else(|| {
        SqlError::new(
            "INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX",
            "22023",
            format!(
                "The value of parameter(s) `idx` in `{name}` is invalid: Expects group index between 0 and {}, but got {n}.",
                pattern.groups()
            ),
        )
    })
}

/// Replaces every match from a position on, counted from 1.
fn replaced(pattern: &Pattern, text: &str, by: &str, from: i64) -> Result<String, SqlError> {
    let Some(skip) = usize::try_from(from).ok().and_then(|n| n.checked_sub(1)) else {
        return Err(SqlError::new(
            "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
            "42K09",
            format!("The position in `regexp_replace` has to be above 0, but it is {from}."),
        ));
    };
    let Some(start) = text.char_indices().map(|(i, _)| i).chain([text.len()]).nth(skip) else {
        return Ok(text.to_owned());
    };
    let (mut out, mut at) = (text[..start].to_owned(), start);
    for found in pattern.all(text)?.iter().filter(|found| found.span().start >= start) {
        out.push_str(&text[at..found.span().start]);
        expand(pattern, found, by, &mut out)?;
        at = found.span().end;
    }
    out.push_str(&text[at..]);
    Ok(out)
}

/// Writes a replacement in Java's form: `$1`, `${name}`, and backslashes before what stands for itself.
fn expand(pattern: &Pattern, found: &Found<'_>, by: &str, out: &mut String) -> Result<(), SqlError> {
    let wrong = || {
        SqlError::new(
            "INVALID_REGEXP_REPLACE",
            "22023",
            format!(
                "Could not perform regexp_replace: the replacement '{by}' names a group that the pattern does not have."
            ),
        )
    };
    let mut chars = by.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next().ok_or_else(wrong)?),
            '$' if chars.peek() == Some(&'{') => {
                chars.next();
                let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                let group = pattern.named(&name).ok_or_else(wrong)?;
                out.push_str(found.group(group).unwrap_or_default());
            }
            '$' => {
                let first = chars.next().and_then(|c| c.to_digit(10)).ok_or_else(wrong)?;
                let mut group = first as usize;
                if group > pattern.groups() {
                    return Err(wrong());
                }
                // More digits belong to the number as long as there is such a group.
                while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                    let longer = group * 10 + digit as usize;
                    if longer > pattern.groups() {
                        break;
                    }
                    group = longer;
                    chars.next();
                }
                out.push_str(found.group(group).unwrap_or_default());
            }
            c => out.push(c),
        }
    }
    Ok(())
}

fn numbers(args: &[ArrayRef], f: fn(&Pattern, &str) -> Result<usize, SqlError>) -> Result<ArrayRef> {
    let mut cache = Cache::default();
    let mut found = Vec::with_capacity(args[0].len());
    for i in 0..args[0].len() {
        let Some((t, _)) = row(args, i) else {
            found.push(None);
            continue;
        };
        found.push(i32::try_from(f(cache.get(t[1])?, t[0])?).ok());
    }
    Ok(Arc::new(Int32Array::from(found)))
}

/// What a function makes of a pattern, texts and numbers.
type OfPattern = fn(&Pattern, &[&str], &[i64]) -> Result<Option<String>, SqlError>;

fn texts(args: &[ArrayRef], f: OfPattern) -> Result<ArrayRef> {
    let mut cache = Cache::default();
    let mut builder = StringBuilder::new();
    for i in 0..args[0].len() {
        match row(args, i) {
            Some((t, n)) => builder.append_option(f(cache.get(t[1])?, &t, &n)?),
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

type Parts = fn(&Pattern, &[&str], &[i64], &mut dyn FnMut(&str)) -> Result<(), SqlError>;

fn lists(args: &[ArrayRef], f: Parts) -> Result<ArrayRef> {
    let mut cache = Cache::default();
    let mut builder =
        ListBuilder::new(StringBuilder::new()).with_field(Arc::new(Field::new("element", DataType::Utf8, true)));
    for i in 0..args[0].len() {
        let Some((t, n)) = row(args, i) else {
            builder.append_null();
            continue;
        };
        let pattern = cache.get(t[1])?;
        f(pattern, &t, &n, &mut |part| builder.values().append_value(part))?;
        builder.append(true);
    }
    Ok(Arc::new(builder.finish()))
}
