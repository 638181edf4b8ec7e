//! Functions that make instants: from fields, from numbers, from text in other zones; and the names of days and months.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use datafusion::common::Result;

use super::moments::{self, Zone};
use super::simple::{Simple, Takes};
use crate::local::engine::error::SqlError;
use crate::local::engine::types;

const INT: Takes = Takes::Integer;

/// All functions of this family.
pub(super) fn functions() -> Vec<Simple> {
    let make = |name, returns, eval| Simple {
        name,
        takes: &[INT, INT, INT, INT, INT, Takes::Seconds, Takes::Text],
        required: 6,
        returns,
        eval,
    };
    let name = |name, eval| Simple { name, takes: &[Takes::Date], required: 1, returns: |_| DataType::Utf8, eval };
    let zoned: fn(&[DataType]) -> DataType = |_| types::timestamp();
    let plain: fn(&[DataType]) -> DataType = |_| types::timestamp_ntz();
    vec![
        make("make_timestamp", zoned, |a| fields(a, true, false)),
        make("make_timestamp_ltz", zoned, |a| fields(a, true, false)),
        make("make_timestamp_ntz", plain, |a| fields(a, false, false)),
        make("try_make_timestamp", zoned, |a| fields(a, true, true)),
        make("try_make_timestamp_ltz", zoned, |a| fields(a, true, true)),
        make("try_make_timestamp_ntz", plain, |a| fields(a, false, true)),
        Simple { name: "timestamp_seconds", takes: &[Takes::Any], required: 1, returns: zoned, eval: from_seconds },
        Simple {
            name: "convert_timezone",
            takes: &[Takes::Text, Takes::Text, Takes::WallClock],
            required: 3,
            returns: plain,
            eval: convert,
        },
        Simple {
            name: "extract_second",
            takes: &[Takes::AnyTimestamp],
            required: 1,
            returns: |_| DataType::Decimal128(8, 6),
            eval: |a| {
                let micros = a[0].as_primitive::<TimestampMicrosecondType>();
                let found: Decimal128Array =
                    micros.iter().map(|v| v.map(|v| i128::from(v.rem_euclid(60_000_000)))).collect();
                Ok(Arc::new(found.with_precision_and_scale(8, 6)?))
            },
        },
        name("dayname", |a| names(a, |d| d.format("%a").to_string())),
        name("monthname", |a| names(a, |d| d.format("%b").to_string())),
    ]
}

fn names(args: &[ArrayRef], f: fn(NaiveDate) -> String) -> Result<ArrayRef> {
    let days = args[0].as_primitive::<Date32Type>();
    let found: StringArray = days.iter().map(|d| d.and_then(moments::date).map(f)).collect();
    Ok(Arc::new(found))
}

/// An instant from year, month, day, hour, minute, and seconds with six digits, perhaps in a zone.
fn fields(args: &[ArrayRef], zoned: bool, tolerant: bool) -> Result<ArrayRef> {
    let whole: Vec<_> = (0..5).map(|i| args[i].as_primitive::<Int64Type>()).collect();
    let seconds = args[5].as_primitive::<Decimal128Type>();
    let zones = args.get(6).map(|zones| zones.as_string::<i32>());
    let mut found = Vec::with_capacity(seconds.len());
    for i in 0..seconds.len() {
        if args.iter().any(|a| a.is_null(i)) {
            found.push(None);
            continue;
        }
        let [y, m, d, h, min] = [0, 1, 2, 3, 4].map(|n| whole[n].value(i));
        let wall = wall_clock([y, m, d, h, min], seconds.value(i));
        let micros = match (wall, zones) {
            (Ok(wall), Some(zones)) => Zone::parse(zones.value(i)).map(|zone| zone.instant(wall)),
            (wall, _) => wall.map(Some),
        };
        match micros {
            Ok(micros) => found.push(micros),
            Err(_) if tolerant => found.push(None),
            Err(error) => return Err(error.into()),
        }
    }
    let zone: Option<Arc<str>> = zoned.then(|| types::UTC.into());
    Ok(Arc::new(TimestampMicrosecondArray::from(found).with_timezone_opt(zone)))
}

fn wall_clock([y, m, d, h, min]: [i64; 5], seconds: i128) -> Result<i64, SqlError> {
    let wrong = |condition: &str, what: String| Err(SqlError::new(condition, "22023", what));
    let out = "DATETIME_FIELD_OUT_OF_BOUNDS.WITH_SUGGESTION";
    let date = i32::try_from(y)
        .ok()
        .zip(u32::try_from(m).ok())
        .zip(u32::try_from(d).ok())
        .and_then(|((y, m), d)| NaiveDate::from_ymd_opt(y, m, d));
    let Some(date) = date else {
        return wrong(out, format!("The fields of a date are out of bounds: year {y}, month {m}, day {d}."));
    };
    let (whole, fraction) = (seconds.div_euclid(1_000_000), seconds.rem_euclid(1_000_000));
    // The sixtieth second is the first of the next minute.
    let (second, carry) = if whole == 60 && fraction == 0 { (0, 60_000_000) } else { (whole, 0) };
    if whole == 60 && fraction != 0 {
        return wrong("INVALID_FRACTION_OF_SECOND", "The fraction of the sixtieth second has to be zero.".to_owned());
    }
    let part = |n: i64| u32::try_from(n).ok();
    let time = part(h).zip(part(min)).zip(u32::try_from(second).ok()).zip(u32::try_from(fraction).ok());
    let time = time.and_then(|(((h, m), s), f)| NaiveTime::from_hms_micro_opt(h, m, s, f));
    match time {
        Some(time) => Ok(moments::micros(date.and_time(time)) + carry),
        None => wrong(out, format!("The fields of a time are out of bounds: hour {h}, minute {min}, second {whole}.")),
    }
}

/// Seconds since 1970, perhaps with a fraction.
fn from_seconds(args: &[ArrayRef]) -> Result<ArrayRef> {
    let mut found = Vec::with_capacity(args[0].len());
    match args[0].data_type() {
        DataType::Float32 | DataType::Float64 => {
            let seconds = cast(&args[0], &DataType::Float64)?;
            for v in seconds.as_primitive::<Float64Type>() {
                found.push(v.filter(|v| v.is_finite()).map(|v| (v * 1e6) as i64));
            }
        }
        DataType::Decimal128(_, scale) => {
            let (seconds, scale) = (args[0].as_primitive::<Decimal128Type>(), i32::from(*scale));
            for v in seconds {
                let Some(v) = v else {
                    found.push(None);
                    continue;
                };
                let power = 10_i128.pow(u32::try_from((6 - scale).abs()).unwrap_or(0));
                if scale > 6 && v % power != 0 {
                    return Err(SqlError::new(
                        "ROUNDING_NECESSARY",
                        "22003",
                        "The number of seconds has more than six digits after the point.",
                    )
                    .into());
                }
                let micros = if scale > 6 { Some(v / power) } else { v.checked_mul(power) };
                found.push(Some(micros.and_then(|m| i64::try_from(m).ok()).ok_or_else(too_far)?));
            }
        }
        DataType::Null => found.resize(args[0].len(), None),
        t if types::is_integer(t) => {
            let seconds = cast(&args[0], &DataType::Int64)?;
            for v in seconds.as_primitive::<Int64Type>() {
                found.push(v.map(|v| v.checked_mul(1_000_000).ok_or_else(too_far)).transpose()?);
            }
        }
        other => return Err(super::math::wrong_type("timestamp_seconds", "\"NUMERIC\"", other).into()),
    }
    Ok(Arc::new(TimestampMicrosecondArray::from(found).with_timezone(types::UTC)))
}

/// The wall clock of one zone where another's shows this.
fn convert(args: &[ArrayRef]) -> Result<ArrayRef> {
    let (from, to) = (args[0].as_string::<i32>(), args[1].as_string::<i32>());
    let walls = args[2].as_primitive::<TimestampMicrosecondType>();
    let mut found = Vec::with_capacity(walls.len());
    for i in 0..walls.len() {
        if args.iter().any(|a| a.is_null(i)) {
            found.push(None);
            continue;
        }
        let (from, to) = (Zone::parse(from.value(i))?, Zone::parse(to.value(i))?);
        found.push(from.instant(walls.value(i)).and_then(|instant| to.local(instant)));
    }
    Ok(Arc::new(TimestampMicrosecondArray::from(found)))
}

/// An instant that no TIMESTAMP holds.
pub(super) fn too_far() -> SqlError {
    SqlError::new("DATETIME_OVERFLOW", "22008", "Datetime operation overflow: the instant is too far away.")
}
