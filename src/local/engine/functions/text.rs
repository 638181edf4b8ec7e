//! Functions of text. Positions and lengths count characters.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Int32Array, StringArray, StringBuilder, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::arrays;
use super::simple::{Simple, Takes, wrong_number};
use crate::local::engine::error::SqlError;
use crate::local::engine::types;

/// `concat(…)` and `||`: NULL if any part is.
pub(in crate::local::engine) fn concat() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Concat { signature: Signature::user_defined(Volatility::Immutable) }))
}

const TEXT: Takes = Takes::Text;
const COUNT: Takes = Takes::Integer;

/// All functions of this family with a fixed number of parameters.
pub(super) fn functions() -> Vec<Simple> {
    let text = |name, takes: &'static [Takes], required, eval| Simple {
        name,
        takes,
        required,
        returns: |_| DataType::Utf8,
        eval,
    };
    let int = |name, takes: &'static [Takes], eval| Simple {
        name,
        takes,
        required: takes.len(),
        returns: |_| DataType::Int32,
        eval,
    };
    let truth = |name, eval| Simple { name, takes: &[TEXT, TEXT], required: 2, returns: |_| DataType::Boolean, eval };
    vec![
        text("upper", &[TEXT], 1, |a| map1(a, |s| s.to_uppercase())),
        text("lower", &[TEXT], 1, |a| map1(a, |s| s.to_lowercase())),
        text("initcap", &[TEXT], 1, |a| map1(a, initcap)),
        text("trim", &[TEXT, TEXT], 1, |a| trim(a, true, true)),
        text("ltrim", &[TEXT, TEXT], 1, |a| trim(a, true, false)),
        text("rtrim", &[TEXT, TEXT], 1, |a| trim(a, false, true)),
        text("substring", &[TEXT, COUNT, COUNT], 2, substring),
        text("left", &[TEXT, COUNT], 2, |a| rows(a, |t, n| Ok(Some(t[0].chars().take(length(n[1])).collect())))),
        text("right", &[TEXT, COUNT], 2, |a| {
            rows(a, |t, n| {
                let skip = t[0].chars().count().saturating_sub(length(n[1]));
                Ok(Some(t[0].chars().skip(skip).collect()))
            })
        }),
        text("repeat", &[TEXT, COUNT], 2, |a| rows(a, |t, n| repeated(t[0], n[1]).map(Some))),
        text("space", &[COUNT], 1, |a| rows(a, |_, n| repeated(" ", n[0]).map(Some))),
        text("lpad", &[TEXT, COUNT, TEXT], 2, |a| pad(a, true)),
        text("rpad", &[TEXT, COUNT, TEXT], 2, |a| pad(a, false)),
        text("replace", &[TEXT, TEXT, TEXT], 2, |a| {
            rows(a, |t, _| {
                let by = t.get(2).copied().unwrap_or_default();
                Ok(Some(if t[1].is_empty() { t[0].to_owned() } else { t[0].replace(t[1], by) }))
            })
        }),
        text("translate", &[TEXT, TEXT, TEXT], 3, |a| rows(a, |t, _| Ok(Some(translate(t[0], t[1], t[2]))))),
        text("substring_index", &[TEXT, TEXT, COUNT], 3, |a| {
            rows(a, |t, n| Ok(Some(substring_index(t[0], t[1], n[2]))))
        }),
        text("split_part", &[TEXT, TEXT, COUNT], 3, |a| {
            rows(a, |t, n| {
                let parts: Vec<&str> = if t[1].is_empty() { vec![t[0]] } else { t[0].split(t[1]).collect() };
                let i = if n[2] > 0 { n[2] - 1 } else { i64::try_from(parts.len()).unwrap_or(0) + n[2] };
                if n[2] == 0 {
                    return Err(SqlError::new(
                        "INVALID_INDEX_OF_ZERO",
                        "22003",
                        "The index 0 is invalid. An index shall be either < 0 or > 0 (the first element has index 1).",
                    ));
                }
                let part = usize::try_from(i).ok().and_then(|i| parts.get(i)).copied().unwrap_or_default();
                Ok(Some(part.to_owned()))
            })
        }),
        int("length", &[TEXT], |a| count(a, |t, _| t[0].chars().count())),
        int("ascii", &[TEXT], |a| count(a, |t, _| t[0].chars().next().map_or(0, |c| c as usize))),
        int("instr", &[TEXT, TEXT], |a| count(a, |t, _| position(t[1], t[0], 1))),
        Simple { name: "locate", takes: &[TEXT, TEXT, COUNT], required: 2, returns: |_| DataType::Int32, eval: locate },
        truth("startswith", |a| test(a, |t| Ok(t[0].starts_with(t[1])))),
        truth("endswith", |a| test(a, |t| Ok(t[0].ends_with(t[1])))),
        truth("contains", |a| test(a, |t| Ok(t[0].contains(t[1])))),
    ]
}

/// A count from a number: nothing below zero.
fn repeated(text: &str, n: i64) -> Result<String, SqlError> {
    fits(text.len().saturating_mul(length(n)))?;
    Ok(text.repeat(length(n)))
}

/// The most bytes of text that a function makes of the rows that it is given at once.
const MOST_BYTES: usize = 1 << 29;

/// Refuses more text than is held in memory.
fn fits(bytes: usize) -> Result<(), SqlError> {
    if bytes <= MOST_BYTES {
        return Ok(());
    }
    Err(SqlError::unsupported(&format!("strings of {bytes} bytes: at most {MOST_BYTES} are made at once")))
}

fn length(n: i64) -> usize {
    usize::try_from(n).unwrap_or(0)
}

fn map1(args: &[ArrayRef], f: impl Fn(&str) -> String) -> Result<ArrayRef> {
    let found: StringArray = args[0].as_string::<i32>().iter().map(|s| s.map(&f)).collect();
    Ok(Arc::new(found))
}

/// The texts and the numbers of a row, each at its argument's place; `None` if any is NULL.
pub(super) fn row(args: &[ArrayRef], i: usize) -> Option<(Vec<&str>, Vec<i64>)> {
    let (mut texts, mut numbers) = (Vec::with_capacity(args.len()), Vec::with_capacity(args.len()));
    for arg in args {
        if arg.is_null(i) {
            return None;
        }
        if *arg.data_type() == DataType::Int64 {
            texts.push("");
            numbers.push(arg.as_primitive::<Int64Type>().value(i));
        } else {
            texts.push(arg.as_string::<i32>().value(i));
            numbers.push(0);
        }
    }
    Some((texts, numbers))
}

pub(super) fn rows(
    args: &[ArrayRef],
    mut f: impl FnMut(&[&str], &[i64]) -> Result<Option<String>, SqlError>,
) -> Result<ArrayRef> {
    let mut builder = StringBuilder::new();
    for i in 0..args[0].len() {
        match row(args, i) {
            Some((texts, numbers)) => {
                let made = f(&texts, &numbers)?;
                fits(builder.values_slice().len() + made.as_ref().map_or(0, String::len))?;
                builder.append_option(made);
            }
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn count(args: &[ArrayRef], f: impl Fn(&[&str], &[i64]) -> usize) -> Result<ArrayRef> {
    let found: Int32Array = (0..args[0].len())
        .map(|i| row(args, i).and_then(|(texts, numbers)| i32::try_from(f(&texts, &numbers)).ok()))
        .collect();
    Ok(Arc::new(found))
}

fn test(args: &[ArrayRef], mut f: impl FnMut(&[&str]) -> Result<bool, SqlError>) -> Result<ArrayRef> {
    let mut found = Vec::with_capacity(args[0].len());
    for i in 0..args[0].len() {
        found.push(row(args, i).map(|(texts, _)| f(&texts)).transpose()?);
    }
    Ok(Arc::new(BooleanArray::from(found)))
}

/// Every word begins with a capital; words are parted by blanks.
fn initcap(text: &str) -> String {
    let mut begins = true;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if begins {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        begins = c == ' ';
    }
    out
}

fn trim(args: &[ArrayRef], left: bool, right: bool) -> Result<ArrayRef> {
    rows(args, |t, _| {
        let what = t.get(1).copied().unwrap_or(" ");
        let mut text = t[0];
        if left {
            text = text.trim_start_matches(|c| what.contains(c));
        }
        if right {
            text = text.trim_end_matches(|c| what.contains(c));
        }
        Ok(Some(text.to_owned()))
    })
}

/// Counts from 1; a negative position counts from the end, 0 is 1.
fn substring(args: &[ArrayRef]) -> Result<ArrayRef> {
    rows(args, |t, n| {
        let chars: Vec<char> = t[0].chars().collect();
        let size = i64::try_from(chars.len()).unwrap_or(i64::MAX);
        let start = match n[1] {
            p if p > 0 => p - 1,
            0 => 0,
            p => size.saturating_add(p),
        };
        let end = n.get(2).map_or(size, |count| start.saturating_add(*count)).clamp(0, size);
        let start = start.clamp(0, size);
        if end <= start {
            return Ok(Some(String::new()));
        }
        Ok(Some(chars[length(start)..length(end)].iter().collect()))
    })
}

fn pad(args: &[ArrayRef], left: bool) -> Result<ArrayRef> {
    rows(args, |t, n| {
        let wanted = length(n[1]);
        let size = t[0].chars().count();
        let fill = t.get(2).copied().unwrap_or(" ");
        if size >= wanted || fill.is_empty() {
            return Ok(Some(t[0].chars().take(wanted).collect()));
        }
        fits(t[0].len() + (wanted - size).saturating_mul(4))?;
        let filling: String = fill.chars().cycle().take(wanted - size).collect();
        Ok(Some(if left { filling + t[0] } else { t[0].to_owned() + &filling }))
    })
}

fn translate(text: &str, from: &str, to: &str) -> String {
    let to: Vec<char> = to.chars().collect();
    text.chars()
        .filter_map(|c| match from.chars().position(|f| f == c) {
            Some(i) => to.get(i).copied(),
            None => Some(c),
        })
        .collect()
}

/// Everything before the n-th delimiter, from the end if n is negative.
fn substring_index(text: &str, delimiter: &str, n: i64) -> String {
    if n == 0 || delimiter.is_empty() {
        return String::new();
    }
    let wanted = length(n.saturating_abs());
    if n > 0 {
        match overlapping(text, delimiter).nth(wanted - 1) {
            Some(i) => text[..i].to_owned(),
            None => text.to_owned(),
        }
    } else {
        let all: Vec<usize> = overlapping(text, delimiter).collect();
        match all.len().checked_sub(wanted) {
            Some(n) => text[all[n] + delimiter.len()..].to_owned(),
            None => text.to_owned(),
        }
    }
}

/// Where a delimiter begins; it may begin within another.
fn overlapping<'a>(text: &'a str, delimiter: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.char_indices().map(|(i, _)| i).filter(move |i| text[*i..].starts_with(delimiter))
}

/// The place of the first text in the second; 0 if where to begin is NULL, whatever the texts are.
fn locate(args: &[ArrayRef]) -> Result<ArrayRef> {
    let found: Int32Array = (0..args[0].len())
        .map(|i| {
            if args.get(2).is_some_and(|from| from.is_null(i)) {
                return Some(0);
            }
            let (texts, numbers) = row(args, i)?;
            i32::try_from(position(texts[0], texts[1], numbers.get(2).copied().unwrap_or(1))).ok()
        })
        .collect();
    Ok(Arc::new(found))
}

/// Where a text begins in another, from 1; 0 if nowhere.
fn position(what: &str, text: &str, from: i64) -> usize {
    if from < 1 {
        return 0;
    }
    // Nothing is found at once, wherever one begins to look.
    if what.is_empty() {
        return 1;
    }
    let skip = length(from - 1);
    let Some(start) = text.char_indices().map(|(i, _)| i).chain([text.len()]).nth(skip) else { return 0 };
    text[start..].find(what).map_or(0, |i| text[..start + i].chars().count() + 1)
}

/// BINARY if all are, else STRING.
fn bytes_or_text(given: &[DataType]) -> DataType {
    let all_bytes = !given.is_empty() && given.iter().all(|t| types::canonical(t) == DataType::Binary);
    if all_bytes { DataType::Binary } else { DataType::Utf8 }
}

/// `elt(n, a, b, …)`: the n-th of the values.
pub(super) fn elt() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Elt { signature: Signature::user_defined(Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Elt {
    signature: Signature,
}

impl ScalarUDFImpl for Elt {
    fn name(&self) -> &str {
        "elt"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let [_, values @ ..] = given else { return Err(wrong_number("elt", 2, usize::MAX, 0).into()) };
        let value = bytes_or_text(values);
        Ok(std::iter::once(DataType::Int64).chain(values.iter().map(|_| value.clone())).collect())
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(given.get(1).cloned().unwrap_or(DataType::Utf8))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let all = args.args.iter().map(|arg| arg.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        let [numbers, values @ ..] = all.as_slice() else { return Err(wrong_number("elt", 2, usize::MAX, 0).into()) };
        let mut picked = Vec::with_capacity(args.number_rows);
        for (i, number) in numbers.as_primitive::<Int64Type>().iter().enumerate() {
            let at =
                number.map(|n| usize::try_from(n).ok().and_then(|n| n.checked_sub(1)).filter(|n| *n < values.len()));
            picked.push(match (at, number) {
                // The last array holds one NULL.
                (None, _) => (values.len(), 0),
                (Some(Some(at)), _) => (at, i),
                (Some(None), number) => {
                    return Err(SqlError::new(
                        "INVALID_ARRAY_INDEX",
                        "22003",
                        format!(
                            "The index {} is out of bounds: there are {} values.",
                            number.unwrap_or_default(),
                            values.len()
                        ),
                    )
                    .into());
                }
            });
        }
        let none = new_null_array(args.return_field.data_type(), 1);
        let sources: Vec<&dyn Array> = values.iter().chain([&none]).map(AsRef::as_ref).collect();
        Ok(ColumnarValue::Array(datafusion::arrow::compute::interleave(&sources, &picked)?))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Concat {
    signature: Signature,
}

impl ScalarUDFImpl for Concat {
    fn name(&self) -> &str {
        "concat"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if given.iter().any(|t| matches!(t, DataType::List(_))) {
            return Ok(arrays::concatenated_types(given)?);
        }
        for t in given {
            if matches!(t, DataType::Struct(_) | DataType::Map(..)) {
                return Err(SqlError::unsupported(&format!("concat of {}", types::shown(t))).into());
            }
        }
        Ok(vec![bytes_or_text(given); given.len()])
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        let kept = given.first().filter(|t| matches!(t, DataType::List(_) | DataType::Binary));
        Ok(kept.cloned().unwrap_or(DataType::Utf8))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let len = if constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|arg| arg.to_array(len)).collect::<Result<Vec<_>>>()?;
        if let list @ DataType::List(_) = args.return_field.data_type() {
            return arrays::concatenated(&arrays, list).map(ColumnarValue::Array);
        }
        let null = |i: usize| arrays.iter().any(|a| a.is_null(i));
        let result: ArrayRef = if *args.return_field.data_type() == DataType::Binary {
            let values: Vec<_> = arrays.iter().map(|a| a.as_binary::<i32>()).collect();
            let all = |i: usize| values.iter().flat_map(|v| v.value(i)).copied().collect::<Vec<u8>>();
            Arc::new(BinaryArray::from_iter((0..len).map(|i| (!null(i)).then(|| all(i)))))
        } else {
            let texts: Vec<_> = arrays.iter().map(|a| a.as_string::<i32>()).collect();
            let all = |i: usize| texts.iter().map(|t| t.value(i)).collect::<String>();
            Arc::new(StringArray::from_iter((0..len).map(|i| (!null(i)).then(|| all(i)))))
        };
        if constant {
            return ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(result))
    }
}
