//! `from_csv(text, schema[, options])` and `schema_of_csv(text[, options])`

use datafusion::arrow::datatypes::DataType;

use super::super::numbers;
use super::super::records::{Cell, Options, Read, Reader, malformed};
use super::text::Format;
use crate::dialect::DataType as SqlType;
use crate::local::engine::error::SqlError;
use crate::local::engine::functions::patterns::Use;
use crate::local::engine::types;

pub(super) const FROM_CSV: Reader = Reader { name: "from_csv", read: record };

/// The values of a line go to the fields of a struct by their places; a line of another length is malformed, and its
/// values are taken as far as they go.
fn record(text: &str, target: &DataType, options: &Options) -> Result<Read, SqlError> {
    let DataType::Struct(fields) = target else { return Err(SqlError::internal("a line of CSV is a struct")) };
    let format = Format::of(options, false);
    let parts = format.parts(text);
    let mut good = parts.len() == fields.len() && !text.is_empty();
    let mut row = vec![Cell::Null; fields.len()];
    for ((cell, field), part) in row.iter_mut().zip(fields).zip(&parts) {
        if *part == format.null {
            continue;
        }
        match value(part, field.data_type(), options) {
            Some(value) => *cell = value,
            None => good = false,
        }
    }
    Ok(if good { Read::Good(Cell::Row(row)) } else { Read::Partly(Cell::Row(row)) })
}

fn value(text: &str, target: &DataType, options: &Options) -> Option<Cell> {
    match target {
        DataType::Utf8 => Some(Cell::Text(text.to_owned())),
        DataType::Binary => Some(Cell::Bytes(text.as_bytes().to_vec())),
        DataType::Boolean if text.eq_ignore_ascii_case("true") => Some(Cell::Truth(true)),
        DataType::Boolean if text.eq_ignore_ascii_case("false") => Some(Cell::Truth(false)),
        DataType::Int8 => text.parse::<i8>().ok().map(|n| Cell::Whole(n.into())),
        DataType::Int16 => text.parse::<i16>().ok().map(|n| Cell::Whole(n.into())),
        DataType::Int32 => text.parse::<i32>().ok().map(|n| Cell::Whole(n.into())),
        DataType::Int64 => text.parse().ok().map(Cell::Whole),
        DataType::Float32 => {
            // The nearest FLOAT is not always that of the nearest DOUBLE.
            let nearest = text.trim().parse::<f32>().ok().filter(|v| v.is_finite()).map(f64::from);
            nearest.or_else(|| double(text, options)).map(Cell::Double)
        }
        DataType::Float64 => double(text, options).map(Cell::Double),
        DataType::Decimal128(p, s) => numbers::decimal(text, *p, *s).map(Cell::Decimal),
        _ => options.moment(text, target),
    }
}

fn double(text: &str, options: &Options) -> Option<f64> {
    let is = |name: &str, usual: &str| text == options.text(name).unwrap_or(usual);
    if is("nanvalue", "NaN") {
        return Some(f64::NAN);
    }
    if is("positiveinf", "Inf") {
        return Some(f64::INFINITY);
    }
    if is("negativeinf", "-Inf") {
        return Some(f64::NEG_INFINITY);
    }
    let found = numbers::double(text)?;
    // Java knows only these words.
    let is_word = !text.contains(|c: char| c.is_ascii_digit());
    (!is_word || matches!(text.trim().trim_start_matches(['+', '-']), "NaN" | "Infinity")).then_some(found)
}

/// The type of a line, options written as a JSON object.
pub(in crate::local::engine) fn schema(text: &str, options: &str) -> Result<SqlType, SqlError> {
    let options = Options::decode(options, Use::Read)?;
    if text.is_empty() {
        return Err(malformed(text));
    }
    let format = Format::of(&options, false);
    let parts = format.parts(text);
    let fields = parts.iter().enumerate().map(|(i, part)| (format!("_c{i}"), Some(field(part, &format, &options))));
    Ok(SqlType::Struct(fields.collect()))
}

fn field(text: &str, format: &Format, options: &Options) -> SqlType {
    if text.is_empty() || *text == format.null {
        SqlType::String
    } else if text.parse::<i32>().is_ok() {
        SqlType::Int
    } else if text.parse::<i64>().is_ok() {
        SqlType::BigInt
    } else if let Some(digits) = digits(text) {
        SqlType::Decimal(digits, 0)
    } else if double(text, options).is_some() {
        SqlType::Double
    } else if options.is_on("preferdate", true)
        && options.moment(text, &DataType::Date32).is_some()
        && is_day(text, options)
    {
        SqlType::Date
    } else if options.moment(text, &types::timestamp()).is_some() {
        SqlType::Timestamp
    } else if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
        SqlType::Boolean
    } else {
        SqlType::String
    }
}

/// How many digits a whole number has that fits no BIGINT.
fn digits(text: &str) -> Option<u8> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let all = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    u8::try_from(digits.trim_start_matches('0').len()).ok().filter(|count| all && *count <= 38)
}

/// Whether a text says a day and no time, where no pattern says so.
fn is_day(text: &str, options: &Options) -> bool {
    options.text("dateformat").is_some() || !text.trim().contains(['T', ' '])
}
