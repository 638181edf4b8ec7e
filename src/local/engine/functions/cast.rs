//! `CAST` and `TRY_CAST` between the types for which Spark's rules are not Arrow's.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::number_pattern::digit;
use super::{complex_text, intervals, moments, numbers};
use crate::local::engine::error::SqlError;
use crate::local::engine::{render, types};

/// How a cast is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::local::engine) enum Way {
    /// As Arrow does it.
    Arrow,
    /// As written here.
    Own,
    /// Not at all: Spark refuses it.
    Refused,
}

/// How a cast from one type to another is done.
pub(in crate::local::engine) fn way(from: &DataType, to: &DataType) -> Way {
    let (from, to) = (types::canonical(from), types::canonical(to));
    if from == to || from == DataType::Null {
        return Way::Arrow;
    }
    if let Some(way) = intervals::cast_way(&from, &to) {
        return way;
    }
    let is_time = |t: &DataType| matches!(t, DataType::Date32 | DataType::Timestamp(..));
    match (&from, &to) {
        (DataType::Utf8, DataType::Binary) => Way::Arrow,
        (DataType::Binary, DataType::Utf8) => Way::Own,
        (DataType::Utf8, to) if to.is_numeric() || is_time(to) || *to == DataType::Boolean => Way::Own,
        (from, DataType::Utf8) if from.is_numeric() || is_time(from) => Way::Own,
        (DataType::Boolean, DataType::Utf8) => Way::Arrow,
        (DataType::List(_) | DataType::Struct(_) | DataType::Map(..), DataType::Utf8) => Way::Own,
        (DataType::Boolean, DataType::Decimal128(..)) | (DataType::Decimal128(..), DataType::Boolean) => Way::Own,
        (DataType::Boolean, to) if to.is_numeric() => Way::Arrow,
        (from, DataType::Boolean) if from.is_numeric() => Way::Arrow,
        (from, to) if from.is_numeric() && to.is_numeric() => {
            if widens(from, to) {
                Way::Arrow
            } else {
                Way::Own
            }
        }
        (DataType::Date32, DataType::Timestamp(..)) | (DataType::Timestamp(..), DataType::Date32) => Way::Arrow,
        (DataType::Timestamp(..), DataType::Timestamp(..)) => Way::Arrow,
        (DataType::Timestamp(_, Some(_)), to) if to.is_numeric() => Way::Own,
        (from, DataType::Timestamp(_, Some(_))) if from.is_numeric() => Way::Own,
        (from, to) if from.is_nested() && to.is_nested() => {
            if complex_text::convertible(from, to) {
                Way::Own
            } else {
                Way::Refused
            }
        }
        _ => Way::Refused,
    }
}

/// Whether every value of a number type is one of the other, unchanged.
fn widens(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (from, to) if types::is_integer(from) && types::is_integer(to) => {
            from.primitive_width() <= to.primitive_width()
        }
        (from, DataType::Float64) => !matches!(from, DataType::Decimal128(..)),
        (from, DataType::Float32) => types::is_integer(from),
        (from, DataType::Decimal128(p, s)) => types::decimal_of(from)
            .is_some_and(|(p1, s1)| i32::from(*p) - i32::from(*s) >= i32::from(p1) - i32::from(s1) && *s >= s1),
        _ => false,
    }
}

/// The error for a cast that Spark does not have.
pub(in crate::local::engine) fn refused(from: &DataType, to: &DataType) -> SqlError {
    SqlError::new(
        "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION",
        "42K09",
        format!(
            "Cannot resolve a cast due to data type mismatch: cannot cast {} to {}.",
            types::shown(from),
            types::shown(to)
        ),
    )
}

/// The function that casts to a type.
pub(in crate::local::engine) fn function(target: &DataType, tolerant: bool) -> Arc<ScalarUDF> {
    let signature = Signature::any(1, Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(SparkCast { target: target.clone(), tolerant, signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SparkCast {
    target: DataType,
    tolerant: bool,
    signature: Signature,
}

impl ScalarUDFImpl for SparkCast {
    fn name(&self) -> &str {
        if self.tolerant { "try_cast" } else { "cast" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Ok(self.target.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match &args.args[0] {
            ColumnarValue::Array(array) => convert(array, &self.target, self.tolerant).map(ColumnarValue::Array),
            ColumnarValue::Scalar(scalar) => {
                let array = convert(&scalar.to_array()?, &self.target, self.tolerant)?;
                ScalarValue::try_from_array(&array, 0).map(ColumnarValue::Scalar)
            }
        }
    }
}

/// Converts a column; values that cannot be converted are an error, or NULL if `tolerant`.
pub(in crate::local::engine) fn convert(array: &ArrayRef, target: &DataType, tolerant: bool) -> Result<ArrayRef> {
    let from = types::canonical(array.data_type());
    let array = if *array.data_type() == from { Arc::clone(array) } else { cast(array, &from)? };
    // An array of nothing but NULL has no validity bits: each of its rows would look as if it were there.
    if from == DataType::Null {
        return Ok(new_null_array(target, array.len()));
    }
    if intervals::cast_way(&from, target).is_some() {
        return intervals::convert(&array, target, tolerant);
    }
    match (&from, target) {
        (from, DataType::Utf8) if from.is_nested() => Ok(Arc::new(complex_text::texts(&array)?)),
        (from, target) if from.is_nested() => complex_text::parts(&array, target, tolerant),
        (DataType::Utf8, target) => text(&array, target, tolerant),
        (DataType::Binary, DataType::Utf8) => {
            let texts = array.as_binary::<i32>().iter().map(|bytes| Some(String::from_utf8_lossy(bytes?).into_owned()));
            Ok(Arc::new(StringArray::from_iter(texts)))
        }
        (from, DataType::Utf8) => to_text(&array, from),
        (DataType::Boolean, DataType::Decimal128(p, s)) => {
            let truths = array.as_boolean();
            each(
                truths.len(),
                |i| (!truths.is_null(i)).then(|| truths.value(i)),
                tolerant,
                |truth| {
                    let digit = if truth { "1" } else { "0" };
                    numbers::decimal(digit, *p, *s).ok_or_else(|| out_of_range(digit, target))
                },
            )
            .and_then(|values| decimals(values, *p, *s))
        }
        (DataType::Decimal128(..), DataType::Boolean) => {
            let values = array.as_primitive::<Decimal128Type>();
            Ok(Arc::new(BooleanArray::from_iter(values.iter().map(|value| Some(value? != 0)))))
        }
        (DataType::Float32 | DataType::Float64, DataType::Decimal128(p, s)) => {
            let values = cast(&array, &DataType::Float64)?;
            let values = values.as_primitive::<Float64Type>();
            // The digits that are shown are the digits that count. What is no number has none: NULL, in Spark too.
            each(
                values.len(),
                |i| (!values.is_null(i)).then(|| values.value(i)).filter(|value| value.is_finite()),
                tolerant,
                |v: f64| {
                    numbers::decimal(&format!("{v:e}"), *p, *s).ok_or_else(|| out_of_range(&render::double(v), target))
                },
            )
            .and_then(|values| decimals(values, *p, *s))
        }
        (DataType::Float32 | DataType::Float64, target) if types::is_integer(target) => {
            let wide = cast(&array, &DataType::Float64)?;
            let wide = wide.as_primitive::<Float64Type>();
            let found = each(
                wide.len(),
                |i| (!wide.is_null(i)).then(|| wide.value(i)),
                tolerant,
                |v: f64| {
                    let whole = v.trunc();
                    let (low, high) = bounds(target);
                    if whole >= low as f64 && whole <= high as f64 && (whole as i64 != i64::MAX || high != i64::MAX) {
                        Ok(whole as i64)
                    } else {
                        Err(cast_overflow(&render::double(v), &from, target))
                    }
                },
            )?;
            Ok(cast(&Int64Array::from(found), target)?)
        }
        (DataType::Timestamp(_, Some(_)), target) if target.is_numeric() => {
            let micros = array.as_primitive::<TimestampMicrosecondType>();
            if matches!(target, DataType::Float32 | DataType::Float64) {
                let seconds: Float64Array = micros.unary(|v| v as f64 / 1e6);
                return Ok(cast(&seconds, target)?);
            }
            if let DataType::Decimal128(..) = target {
                let seconds = micros.unary::<_, Decimal128Type>(i128::from).with_precision_and_scale(20, 6)?;
                return arrow(&(Arc::new(seconds) as ArrayRef), target, tolerant);
            }
            let seconds: Int64Array = micros.unary(|v| v.div_euclid(1_000_000));
            arrow(&(Arc::new(seconds) as ArrayRef), target, tolerant)
        }
        (from, DataType::Timestamp(_, Some(zone))) if from.is_numeric() => {
            let micros: TimestampMicrosecondArray = if types::is_integer(from) {
                let seconds = cast(&array, &DataType::Int64)?;
                seconds.as_primitive::<Int64Type>().unary(|v| v.saturating_mul(1_000_000))
            } else {
                let seconds = cast(&array, &DataType::Float64)?;
                let seconds = seconds.as_primitive::<Float64Type>();
                let micros = each(
                    seconds.len(),
                    |i| (!seconds.is_null(i)).then(|| seconds.value(i)),
                    tolerant,
                    |v: f64| match v * 1e6 {
                        v if !v.is_finite() => Err(unreadable(&render::double(v), from, target)),
                        v if v.abs() >= 9.3e18 => Err(cast_overflow(&render::double(v), from, target)),
                        v => Ok(v as i64),
                    },
                )?;
                TimestampMicrosecondArray::from(micros)
            };
            Ok(Arc::new(micros.with_timezone(zone.as_ref())))
        }
        (_, target) => arrow(&array, target, tolerant),
    }
}

/// The least and the greatest value of a whole number type.
fn bounds(t: &DataType) -> (i64, i64) {
    match t {
        DataType::Int8 => (i64::from(i8::MIN), i64::from(i8::MAX)),
        DataType::Int16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        DataType::Int32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    }
}

/// Applies a conversion to each value.
fn each<T, R>(
    len: usize,
    value: impl Fn(usize) -> Option<T>,
    tolerant: bool,
    convert: impl Fn(T) -> Result<R, SqlError>,
) -> Result<Vec<Option<R>>> {
    let mut found = Vec::with_capacity(len);
    for i in 0..len {
        found.push(match value(i).map(&convert) {
            None => None,
            Some(Ok(value)) => Some(value),
            Some(Err(_)) if tolerant => None,
            Some(Err(error)) => return Err(error.into()),
        });
    }
    Ok(found)
}

fn decimals(values: Vec<Option<i128>>, precision: u8, scale: i8) -> Result<ArrayRef> {
    Ok(Arc::new(Decimal128Array::from(values).with_precision_and_scale(precision, scale)?))
}

/// Text to something else.
fn text(array: &ArrayRef, target: &DataType, tolerant: bool) -> Result<ArrayRef> {
    let texts = array.as_string::<i32>();
    let value = |i: usize| (!texts.is_null(i)).then(|| texts.value(i));
    let malformed = |text: &str| malformed(text, target);
    match target {
        DataType::Boolean => {
            let found = each(texts.len(), value, tolerant, |text| match text.trim().to_ascii_lowercase().as_str() {
                "t" | "true" | "y" | "yes" | "1" => Ok(true),
                "f" | "false" | "n" | "no" | "0" => Ok(false),
                _ => Err(malformed(text)),
            })?;
            Ok(Arc::new(BooleanArray::from(found)))
        }
        target if types::is_integer(target) => {
            let (low, high) = bounds(target);
            let found = each(texts.len(), value, tolerant, |text| {
                let number = text.trim().parse::<i64>().ok().filter(|n| (low..=high).contains(n));
                number.ok_or_else(|| malformed(text))
            })?;
            Ok(cast(&Int64Array::from(found), target)?)
        }
        DataType::Float32 | DataType::Float64 => {
            let found =
                each(texts.len(), value, tolerant, |text| numbers::double(text).ok_or_else(|| malformed(text)))?;
            Ok(cast(&Float64Array::from(found), target)?)
        }
        DataType::Decimal128(p, s) => {
            let found = each(texts.len(), value, tolerant, |text| {
                // Digits of any script count.
                let plain: String = text.trim().chars().map(|c| digit(c).map_or(c, |d| char::from(b'0' + d))).collect();
                if numbers::double(&plain).is_none() {
                    return Err(malformed(text));
                }
                numbers::decimal(&plain, *p, *s).ok_or_else(|| out_of_range(text, target))
            })?;
            decimals(found, *p, *s)
        }
        DataType::Date32 => {
            let found =
                each(texts.len(), value, tolerant, |text| moments::parse_date(text).ok_or_else(|| malformed(text)))?;
            Ok(Arc::new(Date32Array::from(found)))
        }
        DataType::Timestamp(_, zone) => {
            let found = each(texts.len(), value, tolerant, |text| {
                moments::parse_timestamp(text, zone.is_some()).ok_or_else(|| malformed(text))
            })?;
            Ok(Arc::new(TimestampMicrosecondArray::from(found).with_timezone_opt(zone.clone())))
        }
        target => arrow(array, target, tolerant),
    }
}

/// Something else to text.
fn to_text(array: &ArrayRef, from: &DataType) -> Result<ArrayRef> {
    let show = |i: usize| -> Result<String> {
        Ok(match from {
            DataType::Float32 => render::float(array.as_primitive::<Float32Type>().value(i)),
            DataType::Float64 => render::double(array.as_primitive::<Float64Type>().value(i)),
            DataType::Decimal128(_, s) => render::decimal(array.as_primitive::<Decimal128Type>().value(i), *s),
            DataType::Date32 => render::date(array.as_primitive::<Date32Type>().value(i)),
            DataType::Timestamp(..) => {
                moments::show_timestamp(array.as_primitive::<TimestampMicrosecondType>().value(i))
            }
            _ => return Ok(String::new()),
        })
    };
    match from {
        from if types::is_integer(from) => Ok(cast(array, &DataType::Utf8)?),
        _ => {
            let texts = (0..array.len())
                .map(|i| if array.is_null(i) { Ok(None) } else { show(i).map(Some) })
                .collect::<Result<Vec<_>>>()?;
            Ok(Arc::new(StringArray::from(texts)))
        }
    }
}

/// As Arrow does it, with Spark's error.
fn arrow(array: &ArrayRef, target: &DataType, tolerant: bool) -> Result<ArrayRef> {
    let options = CastOptions { safe: tolerant, ..CastOptions::default() };
    cast_with_options(array, target, &options).map_err(|error| {
        if matches!(target, DataType::Decimal128(..)) {
            SqlError::new(
                "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION",
                "22003",
                format!(
                    "A value cannot be represented as {}: {error}. If necessary set \"ANSI_MODE\" to \"false\" to \
                     bypass this error, and return NULL instead.",
                    types::shown(target)
                ),
            )
            .into()
        } else {
            SqlError::new(
                "CAST_OVERFLOW",
                "22003",
                format!(
                    "A value of the type {} cannot be cast to {} due to an overflow: {error}. Use `try_cast` to \
                     tolerate overflow and return NULL instead.",
                    types::shown(array.data_type()),
                    types::shown(target)
                ),
            )
            .into()
        }
    })
}

/// Text that does not say a value of the type.
pub(super) fn malformed(text: &str, target: &DataType) -> SqlError {
    SqlError::new(
        "CAST_INVALID_INPUT",
        "22018",
        format!(
            "The value '{text}' of the type \"STRING\" cannot be cast to {} because it is malformed. Correct the value \
             as per the syntax, or change its target type. Use `try_cast` to tolerate malformed input and return NULL \
             instead.",
            types::shown(target)
        ),
    )
}

/// A number that is none of the type.
fn unreadable(value: &str, from: &DataType, target: &DataType) -> SqlError {
    SqlError::new(
        "CAST_INVALID_INPUT",
        "22018",
        format!(
            "The value {value} of the type {} cannot be cast to {}. Use `try_cast` to tolerate it and return NULL instead.",
            types::shown(from),
            types::shown(target)
        ),
    )
}

fn out_of_range(value: &str, target: &DataType) -> SqlError {
    let DataType::Decimal128(p, s) = target else { return malformed(value, target) };
    SqlError::new(
        "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION",
        "22003",
        format!(
            "The {value} cannot be represented as Decimal({p}, {s}). Use `try_cast` to tolerate it and return NULL instead."
        ),
    )
}

fn cast_overflow(value: &str, from: &DataType, target: &DataType) -> SqlError {
    SqlError::new(
        "CAST_OVERFLOW",
        "22003",
        format!(
            "The value {value} of the type {} cannot be cast to {} due to an overflow. Use `try_cast` to tolerate \
             overflow and return NULL instead.",
            types::shown(from),
            types::shown(target)
        ),
    )
}
