//! Result cells as the `JSON_ARRAY` format prints them: every value a text, NULL apart.

use chrono::DateTime;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType as Arrow, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use datafusion::arrow::error::ArrowError;
use serde_json::Value;

use super::{intervals, types};

/// The cells of a batch, row by row.
pub(super) fn rows(batch: &RecordBatch) -> Result<Vec<Vec<Option<String>>>, ArrowError> {
    let columns = batch.columns().iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let mut rows = vec![Vec::with_capacity(columns.len()); batch.num_rows()];
    for column in columns {
        for (row, cell) in rows.iter_mut().zip(column) {
            row.push(cell);
        }
    }
    Ok(rows)
}

fn column(array: &ArrayRef) -> Result<Vec<Option<String>>, ArrowError> {
    let canonical = types::canonical(array.data_type());
    let array = if *array.data_type() == canonical { array.clone() } else { cast(array, &canonical)? };
    (0..array.len()).map(|i| cell(&array, i)).collect()
}

/// One value as text.
pub(super) fn cell(array: &ArrayRef, i: usize) -> Result<Option<String>, ArrowError> {
    if array.is_null(i) || *array.data_type() == Arrow::Null {
        return Ok(None);
    }
    if let Some(text) = interval(array, i) {
        return Ok(Some(text));
    }
    Ok(Some(match array.data_type() {
        Arrow::List(_) | Arrow::Map(..) | Arrow::Struct(_) => json(array, i)?.to_string(),
        _ => scalar(array, i)?,
    }))
}

/// A value that has no parts, as text.
fn scalar(array: &ArrayRef, i: usize) -> Result<String, ArrowError> {
    Ok(match array.data_type() {
        Arrow::Boolean => array.as_boolean().value(i).to_string(),
        Arrow::Int8 => array.as_primitive::<Int8Type>().value(i).to_string(),
        Arrow::Int16 => array.as_primitive::<Int16Type>().value(i).to_string(),
        Arrow::Int32 => array.as_primitive::<Int32Type>().value(i).to_string(),
        Arrow::Int64 => array.as_primitive::<Int64Type>().value(i).to_string(),
        Arrow::Float32 => float(array.as_primitive::<Float32Type>().value(i)),
        Arrow::Float64 => double(array.as_primitive::<Float64Type>().value(i)),
        Arrow::Decimal128(_, scale) => decimal(array.as_primitive::<Decimal128Type>().value(i), *scale),
        Arrow::Utf8 => array.as_string::<i32>().value(i).to_owned(),
        Arrow::Binary => {
            use base64::Engine as _;
            base64::prelude::BASE64_STANDARD.encode(array.as_binary::<i32>().value(i))
        }
        Arrow::Date32 => date(array.as_primitive::<Date32Type>().value(i)),
        Arrow::Timestamp(_, zone) => instant(array.as_primitive::<TimestampMicrosecondType>().value(i), zone.is_some()),
        other => return Err(ArrowError::NotYetImplemented(format!("a result of the type {other}"))),
    })
}

/// An interval as its literal; none: the value is no interval.
fn interval(array: &ArrayRef, i: usize) -> Option<String> {
    let span = intervals::Span::of(array.data_type())?;
    let value = intervals::values(&array.slice(i, 1)).first().copied().flatten()?;
    Some(intervals::show(value, span))
}

/// A value inside an array, map or struct.
fn json(array: &ArrayRef, i: usize) -> Result<Value, ArrowError> {
    if array.is_null(i) {
        return Ok(Value::Null);
    }
    if let Some(text) = interval(array, i) {
        return Ok(Value::String(text));
    }
    Ok(match array.data_type() {
        Arrow::List(_) => {
            let items = array.as_list::<i32>().value(i);
            Value::Array((0..items.len()).map(|n| json(&items, n)).collect::<Result<_, _>>()?)
        }
        Arrow::Map(..) => {
            let entries = array.as_map().value(i);
            let (keys, values) = (entries.column(0).clone(), entries.column(1).clone());
            let mut object = serde_json::Map::new();
            for n in 0..entries.len() {
                object.insert(cell(&keys, n)?.unwrap_or_default(), json(&values, n)?);
            }
            Value::Object(object)
        }
        Arrow::Struct(fields) => {
            let mut object = serde_json::Map::new();
            for (field, column) in fields.iter().zip(array.as_struct().columns()) {
                object.insert(field.name().clone(), json(column, i)?);
            }
            Value::Object(object)
        }
        Arrow::Boolean => Value::Bool(array.as_boolean().value(i)),
        Arrow::Null => Value::Null,
        Arrow::Int8
        | Arrow::Int16
        | Arrow::Int32
        | Arrow::Int64
        | Arrow::Float32
        | Arrow::Float64
        | Arrow::Decimal128(..) => {
            let text = scalar(array, i)?;
            // Not a number in JSON: NaN and infinities.
            text.parse().map_or(Value::String(text), Value::Number)
        }
        _ => Value::String(scalar(array, i)?),
    })
}

/// A double as Java prints it: `1.0`, `1.0E10`, `NaN`.
pub(super) fn double(value: f64) -> String {
    java(value.is_nan(), value.is_infinite(), value < 0.0, value.abs(), &format!("{value:?}"), &format!("{value:e}"))
}

/// A float as Java prints it.
pub(super) fn float(value: f32) -> String {
    java(
        value.is_nan(),
        value.is_infinite(),
        value < 0.0,
        f64::from(value.abs()),
        &format!("{value:?}"),
        &format!("{value:e}"),
    )
}

/// Java writes numbers from a thousandth to ten million plainly, others with an exponent.
fn java(nan: bool, infinite: bool, negative: bool, size: f64, plain: &str, scientific: &str) -> String {
    if nan {
        "NaN".to_owned()
    } else if infinite {
        if negative { "-Infinity".to_owned() } else { "Infinity".to_owned() }
    } else if size == 0.0 || (1e-3..1e7).contains(&size) {
        plain.to_owned()
    } else {
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
        let point = if mantissa.contains('.') { "" } else { ".0" };
        format!("{mantissa}{point}E{exponent}")
    }
}

/// A decimal with all digits of its scale.
pub(super) fn decimal(value: i128, scale: i8) -> String {
    let scale = usize::try_from(scale).unwrap_or(0);
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if value < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A day as `2026-01-31`.
pub(super) fn date(days: i32) -> String {
    super::functions::show_date(days.into())
}

/// An instant as `2026-01-31T10:00:00.000Z`; with six digits where milliseconds do not say it all.
fn instant(micros: i64, zoned: bool) -> String {
    let Some(time) = DateTime::from_timestamp_micros(micros) else { return micros.to_string() };
    let format = if micros % 1000 == 0 { "%Y-%m-%dT%H:%M:%S%.3f" } else { "%Y-%m-%dT%H:%M:%S%.6f" };
    format!("{}{}", time.format(format), if zoned { "Z" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_look_as_in_java() {
        // Double.toString of JDK 17.
        for (value, text) in [
            (1.0, "1.0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e7, "1.0E7"),
            (9_999_999.0, "9999999.0"),
            (0.001, "0.001"),
            (1.5e-4, "1.5E-4"),
            (-123_456_789.5, "-1.234567895E8"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double(value), text);
        }
        assert_eq!(float(1.1), "1.1");
    }

    #[test]
    fn decimals_keep_their_scale() {
        assert_eq!(decimal(-5, 2), "-0.05");
        assert_eq!(decimal(1200, 2), "12.00");
        assert_eq!(decimal(7, 0), "7");
    }

    #[test]
    fn instants_have_three_or_six_digits() {
        assert_eq!(instant(1_769_853_600_000_000, true), "2026-01-31T10:00:00.000Z");
        assert_eq!(instant(-1, false), "1969-12-31T23:59:59.999999");
        assert_eq!(date(-1), "1969-12-31");
    }
}
