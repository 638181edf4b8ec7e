//! `to_json(value[, options])`

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use datafusion::common::Result;

use super::super::nested::{Nested, mismatch};
use super::super::records::Options;
use super::text::Json;
use crate::local::engine::error::SqlError;
use crate::local::engine::functions::patterns::Use;
use crate::local::engine::intervals::Span;
use crate::local::engine::{render, types};

pub(super) const FUNCTIONS: &[Nested] = &[Nested {
    name: "to_json",
    coerce: |given| {
        if !(given[0].is_nested() || given[0] == DataType::Null) {
            return Err(mismatch("INVALID_JSON_SCHEMA", "to_json", given));
        }
        check(&given[0])?;
        Ok(given.iter().enumerate().map(|(i, t)| if i == 0 { t.clone() } else { DataType::Utf8 }).collect())
    },
    returns: |_| DataType::Utf8,
    eval: |args, _| {
        let options = match args.get(1) {
            Some(options) if !options.is_empty() => Options::decode(options.as_string::<i32>().value(0), Use::Write)?,
            _ => Options::default(),
        };
        let writer = Writer {
            keeps_nulls: !options.is_on("ignorenullfields", true),
            pretty: options.is_on("pretty", false),
            options,
        };
        let mut found = Vec::with_capacity(args[0].len());
        for i in 0..args[0].len() {
            found.push(writer.text(&args[0], i)?);
        }
        Ok(Arc::new(StringArray::from(found)))
    },
}];

/// Refuses types whose values have no form in JSON here.
fn check(data_type: &DataType) -> Result<(), SqlError> {
    let refused = |what: String| Err(SqlError::unsupported(&format!("to_json of {what}")));
    match data_type {
        interval if Span::of(interval).is_some() => refused("an interval".to_owned()),
        DataType::List(item) => check(item.data_type()),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| check(field.data_type())),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(parts) if parts.len() == 2 => match parts[0].data_type() {
                key if key.is_nested() || *key == DataType::Binary => {
                    refused(format!("a map with keys of the type {}", types::shown(key)))
                }
                _ => check(parts[1].data_type()),
            },
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

struct Writer {
    options: Options,
    /// Whether fields that are NULL are written.
    keeps_nulls: bool,
    pretty: bool,
}

impl Writer {
    fn text(&self, array: &ArrayRef, i: usize) -> Result<Option<String>> {
        if *array.data_type() == DataType::Null || array.is_null(i) {
            return Ok(None);
        }
        let (json, mut text) = (self.json(array, i)?, String::new());
        if self.pretty {
            json.write_pretty(0, &mut text);
        } else {
            json.write(&mut text);
        }
        Ok(Some(text))
    }

    fn json(&self, array: &ArrayRef, i: usize) -> Result<Json> {
        if *array.data_type() == DataType::Null || array.is_null(i) {
            return Ok(Json::Null);
        }
        Ok(match array.data_type() {
            DataType::Boolean => Json::Truth(array.as_boolean().value(i)),
            DataType::Float32 => number(render::float(array.as_primitive::<Float32Type>().value(i))),
            DataType::Float64 => number(render::double(array.as_primitive::<Float64Type>().value(i))),
            DataType::Decimal128(_, s) => {
                Json::Plain(decimal(array.as_primitive::<Decimal128Type>().value(i), (*s).into()))
            }
            DataType::Utf8 => Json::Text(array.as_string::<i32>().value(i).to_owned()),
            DataType::Binary => Json::Text(BASE64_STANDARD.encode(array.as_binary::<i32>().value(i))),
            DataType::Date32 => Json::Text(self.options.show_date(array.as_primitive::<Date32Type>().value(i))?),
            DataType::Timestamp(_, zone) => {
                let micros = array.as_primitive::<TimestampMicrosecondType>().value(i);
                Json::Text(self.options.show_timestamp(micros, zone.is_some())?)
            }
            DataType::List(_) => {
                let items = array.as_list::<i32>().value(i);
                Json::Items((0..items.len()).map(|n| self.json(&items, n)).collect::<Result<_>>()?)
            }
            DataType::Map(..) => {
                let entries = array.as_map().value(i);
                let (keys, values) = (entries.column(0), entries.column(1));
                let entry = |n| Ok((key(keys, n)?, self.json(values, n)?));
                Json::Fields((0..entries.len()).map(entry).collect::<Result<_>>()?)
            }
            DataType::Struct(fields) => {
                let mut found = Vec::with_capacity(fields.len());
                for (field, column) in fields.iter().zip(array.as_struct().columns()) {
                    let value = self.json(column, i)?;
                    if self.keeps_nulls || value != Json::Null {
                        found.push((field.name().clone(), value));
                    }
                }
                Json::Fields(found)
            }
            t if types::is_integer(t) => Json::Plain(whole(array, i)?.to_string()),
            other => return Err(SqlError::unsupported(&format!("to_json of {}", types::shown(other))).into()),
        })
    }
}

fn whole(array: &ArrayRef, i: usize) -> Result<i64> {
    let one = datafusion::arrow::compute::cast(&array.slice(i, 1), &DataType::Int64)?;
    Ok(one.as_primitive::<Int64Type>().value(0))
}

/// A number, or a text where it is none.
fn number(shown: String) -> Json {
    if shown.ends_with(|c: char| c.is_ascii_digit()) { Json::Plain(shown) } else { Json::Text(shown) }
}

/// A key of a map: days and instants as the numbers that they are.
fn key(keys: &ArrayRef, i: usize) -> Result<String> {
    match keys.data_type() {
        DataType::Date32 => Ok(keys.as_primitive::<Date32Type>().value(i).to_string()),
        DataType::Timestamp(..) => Ok(keys.as_primitive::<TimestampMicrosecondType>().value(i).to_string()),
        DataType::Decimal128(_, s) => Ok(decimal(keys.as_primitive::<Decimal128Type>().value(i), (*s).into())),
        _ => super::super::complex_text::shown(keys, i),
    }
}

/// A decimal as Java shows it: very small ones with an exponent.
fn decimal(value: i128, scale: i32) -> String {
    let digits = value.unsigned_abs().to_string();
    let exponent = i32::try_from(digits.len()).unwrap_or(0) - 1 - scale;
    if exponent >= -6 {
        return render::decimal(value, i8::try_from(scale).unwrap_or(0));
    }
    let sign = if value < 0 { "-" } else { "" };
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{point}{rest}E{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_look_as_in_java() {
        // BigDecimal.toString of JDK 17.
        for (value, scale, text) in [
            (150, 2, "1.50"),
            (0, 18, "0E-18"),
            (1, 7, "1E-7"),
            (-123, 12, "-1.23E-10"),
            (1, 6, "0.000001"),
            (0, 6, "0.000000"),
            (7, 0, "7"),
        ] {
            assert_eq!(decimal(value, scale), text);
        }
    }
}
