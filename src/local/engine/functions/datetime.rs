//! Functions of days and instants.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate, Timelike, Weekday};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, PrimitiveArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{ArrowPrimitiveType, DataType, Date32Type, Int64Type, TimestampMicrosecondType};
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;

use super::instants;
use super::moments::{self, DAY, Zone};
use super::simple::{Simple, Takes, udf};
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::overflow;
use crate::local::engine::types;

/// `date_add(day, n)`
pub(in crate::local::engine) fn date_add() -> Arc<ScalarUDF> {
    udf(DATE_ADD)
}

/// `date_sub(day, n)`
pub(in crate::local::engine) fn date_sub() -> Arc<ScalarUDF> {
    udf(DATE_SUB)
}

const DATE_ADD: Simple = Simple {
    name: "date_add",
    takes: &[Takes::Date, Takes::Integer],
    required: 2,
    returns: |_| DataType::Date32,
    eval: |args| shift_days(args, 1),
};

const DATE_SUB: Simple = Simple {
    name: "date_sub",
    takes: &[Takes::Date, Takes::Integer],
    required: 2,
    returns: |_| DataType::Date32,
    eval: |args| shift_days(args, -1),
};

/// All functions of this family.
pub(super) fn functions() -> Vec<Simple> {
    let date = |name, takes, eval| Simple { name, takes, required: 1, returns: |_| DataType::Date32, eval };
    let int = |name, eval| Simple { name, takes: &[Takes::Date], required: 1, returns: |_| DataType::Int32, eval };
    let clock =
        |name, eval| Simple { name, takes: &[Takes::AnyTimestamp], required: 1, returns: |_| DataType::Int32, eval };
    let long = |name, takes: &'static [Takes], eval| Simple {
        name,
        takes,
        required: takes.len(),
        returns: |_| DataType::Int64,
        eval,
    };
    let instant = |name, takes: &'static [Takes], eval| Simple {
        name,
        takes,
        required: takes.len(),
        returns: |_| types::timestamp(),
        eval,
    };
    vec![
        DATE_ADD,
        DATE_SUB,
        int("year", |a| parts(a, |d| d.year())),
        int("quarter", |a| parts(a, |d| small(d.month0() / 3 + 1))),
        int("month", |a| parts(a, |d| small(d.month()))),
        int("day", |a| parts(a, |d| small(d.day()))),
        int("dayofweek", |a| parts(a, |d| small(d.weekday().num_days_from_sunday() + 1))),
        int("weekday", |a| parts(a, |d| small(d.weekday().num_days_from_monday()))),
        int("dayofyear", |a| parts(a, |d| small(d.ordinal()))),
        int("weekofyear", |a| parts(a, |d| small(d.iso_week().week()))),
        clock("hour", |a| clocks(a, |t| small(t.hour()))),
        clock("minute", |a| clocks(a, |t| small(t.minute()))),
        clock("second", |a| clocks(a, |t| small(t.second()))),
        Simple {
            name: "date_part",
            takes: &[Takes::Text, Takes::AnyTimestamp],
            required: 2,
            returns: |_| DataType::Int32,
            eval: date_part,
        },
        date("last_day", &[Takes::Date], |a| dates(a, moments::last_day)),
        Simple {
            name: "next_day",
            takes: &[Takes::Date, Takes::Text],
            required: 2,
            returns: |_| DataType::Date32,
            eval: next_day,
        },
        Simple {
            name: "add_months",
            takes: &[Takes::Date, Takes::Integer],
            required: 2,
            returns: |_| DataType::Date32,
            eval: |args| {
                each2::<Date32Type, Int64Type, Date32Type>(args, |d, n| {
                    let date = moments::date(d).and_then(|d| moments::add_months(d, n)).ok_or_else(overflow)?;
                    Ok(moments::days(date))
                })
            },
        },
        Simple {
            name: "datediff",
            takes: &[Takes::Date, Takes::Date],
            required: 2,
            returns: |_| DataType::Int32,
            eval: |args| {
                let (end, start) = (args[0].as_primitive::<Date32Type>(), args[1].as_primitive::<Date32Type>());
                let days: Int32Array = (0..end.len())
                    .map(|i| (end.is_valid(i) && start.is_valid(i)).then(|| end.value(i) - start.value(i)))
                    .collect();
                Ok(Arc::new(days))
            },
        },
        Simple {
            name: "months_between",
            takes: &[Takes::Timestamp, Takes::Timestamp, Takes::Boolean],
            required: 2,
            returns: |_| DataType::Float64,
            eval: months_between,
        },
        Simple {
            name: "date_trunc",
            takes: &[Takes::Text, Takes::Timestamp],
            required: 2,
            returns: |_| types::timestamp(),
            eval: |args| with_unit(args, |unit, micros| Ok(moments::truncate(unit, micros)), Some(types::UTC.into())),
        },
        Simple {
            name: "trunc",
            takes: &[Takes::Date, Takes::Text],
            required: 2,
            returns: |_| DataType::Date32,
            eval: |args| {
                let (days, units) = (args[0].as_primitive::<Date32Type>(), args[1].as_string::<i32>());
                let found: Date32Array = (0..days.len())
                    .map(|i| {
                        let unit = units.is_valid(i).then(|| units.value(i).to_ascii_uppercase())?;
                        let date = moments::date(days.is_valid(i).then(|| days.value(i))?)?;
                        moments::truncate_date(&unit, date).map(moments::days)
                    })
                    .collect();
                Ok(Arc::new(found))
            },
        },
        Simple {
            name: "timestampdiff",
            takes: &[Takes::Text, Takes::AnyTimestamp, Takes::AnyTimestamp],
            required: 3,
            returns: |_| DataType::Int64,
            eval: timestampdiff,
        },
        Simple {
            name: "timestampadd",
            takes: &[Takes::Text, Takes::Integer, Takes::AnyTimestamp],
            required: 3,
            returns: |args| args.get(2).cloned().unwrap_or_else(types::timestamp),
            eval: timestampadd,
        },
        Simple {
            name: "make_date",
            takes: &[Takes::Integer, Takes::Integer, Takes::Integer],
            required: 3,
            returns: |_| DataType::Date32,
            eval: make_date,
        },
        long("unix_seconds", &[Takes::Timestamp], |a| seconds(&a[0])),
        long("unix_millis", &[Takes::Timestamp], |a| scaled(&a[0], 1000)),
        long("unix_micros", &[Takes::Timestamp], |a| scaled(&a[0], 1)),
        Simple {
            name: "unix_date",
            takes: &[Takes::Date],
            required: 1,
            returns: |_| DataType::Int32,
            eval: |args| {
                Ok(Arc::new(
                    args[0].as_primitive::<Date32Type>().unary::<_, datafusion::arrow::datatypes::Int32Type>(|d| d),
                ))
            },
        },
        Simple {
            name: "date_from_unix_date",
            takes: &[Takes::Integer],
            required: 1,
            returns: |_| DataType::Date32,
            eval: |args| {
                let days = args[0].as_primitive::<Int64Type>();
                let found: Date32Array = days.iter().map(|d| d.and_then(|d| i32::try_from(d).ok())).collect();
                Ok(Arc::new(found))
            },
        },
        instant("timestamp_millis", &[Takes::Integer], |a| from_epoch(a, 1000)),
        instant("timestamp_micros", &[Takes::Integer], |a| from_epoch(a, 1)),
        instant("from_utc_timestamp", &[Takes::Timestamp, Takes::Text], |a| zoned(a, Zone::local)),
        instant("to_utc_timestamp", &[Takes::Timestamp, Takes::Text], |a| zoned(a, Zone::instant)),
    ]
}

fn small(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

/// Applies to each pair of values that are both there.
fn each2<A: ArrowPrimitiveType, B: ArrowPrimitiveType, R: ArrowPrimitiveType>(
    args: &[ArrayRef],
    f: impl Fn(A::Native, B::Native) -> Result<R::Native, SqlError>,
) -> Result<ArrayRef> {
    let (a, b) = (args[0].as_primitive::<A>(), args[1].as_primitive::<B>());
    let mut builder = PrimitiveArray::<R>::builder(a.len());
    for i in 0..a.len() {
        if a.is_valid(i) && b.is_valid(i) {
            builder.append_value(f(a.value(i), b.value(i))?);
        } else {
            builder.append_null();
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn shift_days(args: &[ArrayRef], sign: i64) -> Result<ArrayRef> {
    each2::<Date32Type, Int64Type, Date32Type>(args, |d, n| {
        let days = n.checked_mul(sign).and_then(|n| i64::from(d).checked_add(n));
        days.and_then(|days| i32::try_from(days).ok()).ok_or_else(overflow)
    })
}

fn parts(args: &[ArrayRef], f: fn(NaiveDate) -> i32) -> Result<ArrayRef> {
    let days = args[0].as_primitive::<Date32Type>();
    let found: Int32Array = days.iter().map(|d| d.and_then(moments::date).map(f)).collect();
    Ok(Arc::new(found))
}

fn dates(args: &[ArrayRef], f: fn(NaiveDate) -> Option<NaiveDate>) -> Result<ArrayRef> {
    let days = args[0].as_primitive::<Date32Type>();
    let found: Date32Array = days.iter().map(|d| d.and_then(moments::date).and_then(f).map(moments::days)).collect();
    Ok(Arc::new(found))
}

fn clocks(args: &[ArrayRef], f: fn(chrono::NaiveDateTime) -> i32) -> Result<ArrayRef> {
    let micros = args[0].as_primitive::<TimestampMicrosecondType>();
    let found: Int32Array = micros.iter().map(|v| v.and_then(moments::clock).map(f)).collect();
    Ok(Arc::new(found))
}

fn date_part(args: &[ArrayRef]) -> Result<ArrayRef> {
    let (fields, micros) = (args[0].as_string::<i32>(), args[1].as_primitive::<TimestampMicrosecondType>());
    let mut found = Vec::with_capacity(micros.len());
    for i in 0..micros.len() {
        let (true, true) = (fields.is_valid(i), micros.is_valid(i)) else {
            found.push(None);
            continue;
        };
        let Some(t) = moments::clock(micros.value(i)) else { return Err(overflow().into()) };
        let field = fields.value(i);
        found.push(Some(match field.to_ascii_uppercase().as_str() {
            "YEAR" | "Y" | "YEARS" | "YR" | "YRS" => t.year(),
            "YEAROFWEEK" => t.iso_week().year(),
            "QUARTER" | "QTR" => small(t.month0() / 3 + 1),
            "MONTH" | "MON" | "MONS" | "MONTHS" => small(t.month()),
            "WEEK" | "W" | "WEEKS" => small(t.iso_week().week()),
            "DAY" | "D" | "DAYS" => small(t.day()),
            "DAYOFWEEK" | "DOW" => small(t.weekday().num_days_from_sunday() + 1),
            "DAYOFWEEK_ISO" | "DOW_ISO" => small(t.weekday().number_from_monday()),
            "DOY" => small(t.ordinal()),
            "HOUR" | "H" | "HOURS" | "HR" | "HRS" => small(t.hour()),
            "MINUTE" | "M" | "MIN" | "MINS" | "MINUTES" => small(t.minute()),
            _ => {
                return Err(SqlError::new(
                    "INVALID_EXTRACT_FIELD",
                    "42601",
                    format!("Cannot extract `{field}` from a date or an instant."),
                )
                .into());
            }
        }));
    }
    Ok(Arc::new(Int32Array::from(found)))
}

fn next_day(args: &[ArrayRef]) -> Result<ArrayRef> {
    let (days, names) = (args[0].as_primitive::<Date32Type>(), args[1].as_string::<i32>());
    let mut found = Vec::with_capacity(days.len());
    for i in 0..days.len() {
        let (true, true) = (days.is_valid(i), names.is_valid(i)) else {
            found.push(None);
            continue;
        };
        let name = names.value(i);
        let wanted = match name.trim().to_ascii_uppercase().as_str() {
            "MO" | "MON" | "MONDAY" => Weekday::Mon,
            "TU" | "TUE" | "TUESDAY" => Weekday::Tue,
            "WE" | "WED" | "WEDNESDAY" => Weekday::Wed,
            "TH" | "THU" | "THURSDAY" => Weekday::Thu,
            "FR" | "FRI" | "FRIDAY" => Weekday::Fri,
            "SA" | "SAT" | "SATURDAY" => Weekday::Sat,
            "SU" | "SUN" | "SUNDAY" => Weekday::Sun,
            _ => {
                return Err(SqlError::new(
                    "ILLEGAL_DAY_OF_WEEK",
                    "22009",
                    format!("Illegal input for day of week: {name}."),
                )
                .into());
            }
        };
        let date = moments::date(days.value(i)).ok_or_else(overflow)?;
        let ahead = (7 + wanted.num_days_from_monday() - date.weekday().num_days_from_monday() - 1) % 7 + 1;
        found.push(Some(days.value(i) + small(ahead)));
    }
    Ok(Arc::new(Date32Array::from(found)))
}

/// Months with a fraction of 31st parts; whole if both fall on one day of the month or on last days.
fn months_between(args: &[ArrayRef]) -> Result<ArrayRef> {
    let (to, from) =
        (args[0].as_primitive::<TimestampMicrosecondType>(), args[1].as_primitive::<TimestampMicrosecondType>());
    let rounds: Option<&BooleanArray> = args.get(2).map(|a| a.as_boolean());
    let mut found = Vec::with_capacity(to.len());
    for i in 0..to.len() {
        if to.is_null(i) || from.is_null(i) || rounds.is_some_and(|r| r.is_null(i)) {
            found.push(None);
            continue;
        }
        let (Some(a), Some(b)) = (moments::clock(to.value(i)), moments::clock(from.value(i))) else {
            return Err(overflow().into());
        };
        let months = f64::from((a.year() - b.year()) * 12 + small(a.month()) - small(b.month()));
        let is_last = |t: chrono::NaiveDateTime| moments::last_day(t.date()) == Some(t.date());
        if a.day() == b.day() || is_last(a) && is_last(b) {
            found.push(Some(months));
            continue;
        }
        let seconds = f64::from(small(a.day()) - small(b.day())) * 86400.0 + f64::from(a.num_seconds_from_midnight())
            - f64::from(b.num_seconds_from_midnight());
        let exact = months + seconds / (31.0 * 86400.0);
        let rounded = rounds.is_none_or(|r| r.value(i));
        found.push(Some(if rounded { (exact * 1e8).round() / 1e8 } else { exact }));
    }
    Ok(Arc::new(Float64Array::from(found)))
}

/// Applies to each instant with the unit that the first argument names.
fn with_unit(
    args: &[ArrayRef],
    f: impl Fn(&str, i64) -> Result<Option<i64>, SqlError>,
    zone: Option<Arc<str>>,
) -> Result<ArrayRef> {
    let (units, micros) = (args[0].as_string::<i32>(), args[1].as_primitive::<TimestampMicrosecondType>());
    let mut found = Vec::with_capacity(micros.len());
    let (mut last, mut upper) = (None, String::new());
    for i in 0..micros.len() {
        if units.is_null(i) || micros.is_null(i) {
            found.push(None);
            continue;
        }
        if last != Some(units.value(i)) {
            last = Some(units.value(i));
            upper = units.value(i).to_ascii_uppercase();
        }
        found.push(f(&upper, micros.value(i))?);
    }
    Ok(Arc::new(TimestampMicrosecondArray::from(found).with_timezone_opt(zone)))
}

/// How long a unit of fixed length is, in microseconds.
fn fixed(unit: &str) -> Option<i64> {
    Some(match unit {
        "microsecond" => 1,
        "millisecond" => 1000,
        "second" => 1_000_000,
        "minute" => 60_000_000,
        "hour" => 3_600_000_000,
        "day" | "dayofyear" => DAY,
        "week" => 7 * DAY,
        _ => return None,
    })
}

/// How many months a unit of whole months has.
fn in_months(unit: &str) -> Option<i64> {
    Some(match unit {
        "month" => 1,
        "quarter" => 3,
        "year" => 12,
        _ => return None,
    })
}

fn timestampdiff(args: &[ArrayRef]) -> Result<ArrayRef> {
    let units = args[0].as_string::<i32>();
    let (from, to) =
        (args[1].as_primitive::<TimestampMicrosecondType>(), args[2].as_primitive::<TimestampMicrosecondType>());
    let mut found = Vec::with_capacity(from.len());
    for i in 0..from.len() {
        if units.is_null(i) || from.is_null(i) || to.is_null(i) {
            found.push(None);
            continue;
        }
        let (unit, a, b) = (units.value(i), from.value(i), to.value(i));
        found.push(Some(if let Some(length) = fixed(unit) {
            b.checked_sub(a).ok_or_else(overflow)? / length
        } else if let Some(months) = in_months(unit) {
            let (Some(a), Some(b)) = (moments::clock(a), moments::clock(b)) else { return Err(overflow().into()) };
            moments::whole_months(a, b) / months
        } else {
            return Err(SqlError::unsupported(&format!("the unit {unit}")).into());
        }));
    }
    Ok(Arc::new(Int64Array::from(found)))
}

fn timestampadd(args: &[ArrayRef]) -> Result<ArrayRef> {
    let (units, counts) = (args[0].as_string::<i32>(), args[1].as_primitive::<Int64Type>());
    let micros = args[2].as_primitive::<TimestampMicrosecondType>();
    let mut found = Vec::with_capacity(micros.len());
    for i in 0..micros.len() {
        if units.is_null(i) || counts.is_null(i) || micros.is_null(i) {
            found.push(None);
            continue;
        }
        let (unit, n, at) = (units.value(i), counts.value(i), micros.value(i));
        let moved = if let Some(length) = fixed(unit) {
            n.checked_mul(length).and_then(|n| at.checked_add(n))
        } else {
            in_months(unit).and_then(|months| n.checked_mul(months)).and_then(|months| {
                let clock = moments::clock(at)?;
                Some(moments::micros(moments::add_months(clock.date(), months)?.and_time(clock.time())))
            })
        };
        found.push(Some(moved.ok_or_else(overflow)?));
    }
    let zone = match args[2].data_type() {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    Ok(Arc::new(TimestampMicrosecondArray::from(found).with_timezone_opt(zone)))
}

fn make_date(args: &[ArrayRef]) -> Result<ArrayRef> {
    let [years, months, days] = [0, 1, 2].map(|i| args[i].as_primitive::<Int64Type>());
    let mut found = Vec::with_capacity(years.len());
    for i in 0..years.len() {
        if years.is_null(i) || months.is_null(i) || days.is_null(i) {
            found.push(None);
            continue;
        }
        let (y, m, d) = (years.value(i), months.value(i), days.value(i));
        let date = i32::try_from(y)
            .ok()
            .zip(u32::try_from(m).ok())
            .zip(u32::try_from(d).ok())
            .and_then(|((y, m), d)| NaiveDate::from_ymd_opt(y, m, d));
        let date = date.ok_or_else(|| {
            SqlError::new(
                "DATETIME_FIELD_OUT_OF_BOUNDS.WITHOUT_SUGGESTION",
                "22023",
                format!("The fields of a date are out of bounds: year {y}, month {m}, day {d}."),
            )
        })?;
        found.push(Some(moments::days(date)));
    }
    Ok(Arc::new(Date32Array::from(found)))
}

fn scaled(micros: &ArrayRef, unit: i64) -> Result<ArrayRef> {
    let micros = micros.as_primitive::<TimestampMicrosecondType>();
    Ok(Arc::new(micros.unary::<_, Int64Type>(|v| v.div_euclid(unit))))
}

fn seconds(micros: &ArrayRef) -> Result<ArrayRef> {
    scaled(micros, 1_000_000)
}

fn from_epoch(args: &[ArrayRef], unit: i64) -> Result<ArrayRef> {
    let counts = args[0].as_primitive::<Int64Type>();
    let mut found = Vec::with_capacity(counts.len());
    for n in counts {
        found.push(n.map(|n| n.checked_mul(unit).ok_or_else(instants::too_far)).transpose()?);
    }
    Ok(Arc::new(TimestampMicrosecondArray::from(found).with_timezone(types::UTC)))
}

/// Moves instants by the zone that the second argument names.
fn zoned(args: &[ArrayRef], f: fn(&Zone, i64) -> Option<i64>) -> Result<ArrayRef> {
    let (micros, zones) = (args[0].as_primitive::<TimestampMicrosecondType>(), args[1].as_string::<i32>());
    let mut zone: Option<(&str, Zone)> = None;
    let mut found = Vec::with_capacity(micros.len());
    for i in 0..micros.len() {
        if micros.is_null(i) || zones.is_null(i) {
            found.push(None);
            continue;
        }
        let name = zones.value(i);
        let current = match &zone {
            Some((known, zone)) if *known == name => zone,
            _ => &zone.insert((name, Zone::parse(name)?)).1,
        };
        found.push(Some(f(current, micros.value(i)).ok_or_else(overflow)?));
    }
    Ok(Arc::new(TimestampMicrosecondArray::from(found).with_timezone(types::UTC)))
}
