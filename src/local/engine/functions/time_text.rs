//! Days and instants from text and back, by patterns or by the rules of `CAST`.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, StringArray, TimestampMicrosecondArray, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use datafusion::common::Result;

use super::cast;
use super::moments::DAY;
use super::patterns::{Pattern, Use};
use super::simple::{Simple, Takes};
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::overflow;
use crate::local::engine::types;

/// How text is read.
#[derive(Clone, Copy)]
struct Reading {
    /// What does not fit is NULL.
    tolerant: bool,
    /// A zone in the text is of no account.
    wall: bool,
}

const STRICT: Reading = Reading { tolerant: false, wall: false };
const TOLERANT: Reading = Reading { tolerant: true, wall: false };

/// All functions of this family.
pub(super) fn functions() -> Vec<Simple> {
    let from_text =
        |name, returns, eval| Simple { name, takes: &[Takes::Any, Takes::Text], required: 1, returns, eval };
    vec![
        from_text("to_date", |_| DataType::Date32, |a| dates(a, STRICT)),
        from_text("try_to_date", |_| DataType::Date32, |a| dates(a, TOLERANT)),
        from_text("to_timestamp", |_| types::timestamp(), |a| instants(a, STRICT)),
        from_text("try_to_timestamp", |_| types::timestamp(), |a| instants(a, TOLERANT)),
        from_text(
            "to_timestamp_ntz",
            |_| types::timestamp_ntz(),
            |a| instants(a, Reading { tolerant: false, wall: true }),
        ),
        Simple {
            name: "date_format",
            takes: &[Takes::Timestamp, Takes::Text],
            required: 2,
            returns: |_| DataType::Utf8,
            eval: |args| date_format(&args[0], &args[1]),
        },
        Simple {
            name: "from_unixtime",
            takes: &[Takes::Integer, Takes::Text],
            required: 1,
            returns: |_| DataType::Utf8,
            eval: |args| {
                let micros: TimestampMicrosecondArray =
                    args[0].as_primitive::<Int64Type>().unary(|v| v.saturating_mul(1_000_000));
                let formats = args.get(1).map(|a| a.as_string::<i32>());
                format(&micros, |i| match formats {
                    Some(formats) => formats.is_valid(i).then(|| formats.value(i)),
                    None => Some("yyyy-MM-dd HH:mm:ss"),
                })
            },
        },
        Simple {
            name: "unix_timestamp",
            takes: &[Takes::Any, Takes::Text],
            required: 1,
            returns: |_| DataType::Int64,
            eval: |args| {
                let args = match args {
                    // Text without a pattern has this one.
                    [text] if types::is_string(text.data_type()) => {
                        let pattern: ArrayRef = Arc::new(StringArray::from(vec!["yyyy-MM-dd HH:mm:ss"; text.len()]));
                        vec![Arc::clone(text), pattern]
                    }
                    other => other.to_vec(),
                };
                // Unlike `unix_seconds`, it cuts fractions off towards zero.
                let micros = instants(&args, STRICT)?;
                let micros = micros.as_primitive::<TimestampMicrosecondType>();
                Ok(Arc::new(micros.unary::<_, Int64Type>(|v| v / 1_000_000)))
            },
        },
    ]
}

fn dates(args: &[ArrayRef], reading: Reading) -> Result<ArrayRef> {
    let mut args = args.to_vec();
    if args[0].data_type().is_numeric() {
        // A number is no count of seconds here: its digits are read.
        args[0] = cast::convert(&args[0], &DataType::Utf8, false)?;
    }
    if args.len() == 1 && types::is_string(args[0].data_type()) {
        return cast::convert(&args[0], &DataType::Date32, reading.tolerant);
    }
    let instants = instants(&args, reading)?;
    let micros = instants.as_primitive::<TimestampMicrosecondType>();
    let days: Date32Array = micros.iter().map(|v| v.and_then(|v| i32::try_from(v.div_euclid(DAY)).ok())).collect();
    Ok(Arc::new(days))
}

/// Text by a pattern or by the rules of `CAST`; days and instants as they are.
fn instants(args: &[ArrayRef], reading: Reading) -> Result<ArrayRef> {
    let text = &args[0];
    let target = if reading.wall { types::timestamp_ntz() } else { types::timestamp() };
    if *text.data_type() == DataType::Null {
        return Ok(new_null_array(&target, text.len()));
    }
    if !types::is_string(text.data_type()) || args.len() == 1 {
        let source = text.data_type();
        return match cast::way(source, &target) {
            cast::Way::Refused => Err(cast::refused(source, &target).into()),
            _ => cast::convert(text, &target, reading.tolerant),
        };
    }
    let (texts, formats) = (text.as_string::<i32>(), args[1].as_string::<i32>());
    let mut pattern: Option<(&str, Pattern)> = None;
    let mut found = Vec::with_capacity(texts.len());
    for i in 0..texts.len() {
        if texts.is_null(i) || formats.is_null(i) {
            found.push(None);
            continue;
        }
        let format = formats.value(i);
        let current = match &pattern {
            Some((known, pattern)) if *known == format => pattern,
            _ => &pattern.insert((format, Pattern::new(format, Use::Read)?)).1,
        };
        let text = texts.value(i);
        let value = if reading.wall { current.parse_wall(text) } else { current.parse(text) };
        if value.is_none() && !reading.tolerant {
            return Err(SqlError::new(
                "CANNOT_PARSE_TIMESTAMP",
                "22007",
                format!(
                    "Text '{text}' could not be parsed by the pattern {format}. Use `try_to_timestamp` to tolerate \
                     invalid input string and return NULL instead.",
                ),
            )
            .into());
        }
        found.push(value);
    }
    let zone = (!reading.wall).then(|| types::UTC.into());
    Ok(Arc::new(TimestampMicrosecondArray::from(found).with_timezone_opt::<Arc<str>>(zone)))
}

/// Instants written by patterns.
pub(super) fn date_format(instants: &ArrayRef, formats: &ArrayRef) -> Result<ArrayRef> {
    let formats = formats.as_string::<i32>();
    format(instants.as_primitive::<TimestampMicrosecondType>(), |i| formats.is_valid(i).then(|| formats.value(i)))
}

fn format<'a>(micros: &TimestampMicrosecondArray, pattern_of: impl Fn(usize) -> Option<&'a str>) -> Result<ArrayRef> {
    let mut pattern: Option<(&str, Pattern)> = None;
    let mut found = Vec::with_capacity(micros.len());
    for i in 0..micros.len() {
        let (true, Some(format)) = (micros.is_valid(i), pattern_of(i)) else {
            found.push(None);
            continue;
        };
        let current = match &pattern {
            Some((known, pattern)) if *known == format => pattern,
            _ => &pattern.insert((format, Pattern::new(format, Use::Write)?)).1,
        };
        found.push(Some(current.format(micros.value(i)).ok_or_else(overflow)?));
    }
    Ok(Arc::new(StringArray::from(found)))
}
