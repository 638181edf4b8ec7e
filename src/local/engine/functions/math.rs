//! Functions of numbers: logarithms, angles, bits, digits of other bases.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, PrimitiveArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{ArrowPrimitiveType, DataType, Float64Type, Int8Type, Int32Type, Int64Type};
use datafusion::common::Result;

use super::simple::{Simple, Takes};
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::overflow;
use crate::local::engine::types;

const D: Takes = Takes::Double;
const I: Takes = Takes::Integer;

/// All functions of this family.
pub(super) fn functions() -> Vec<Simple> {
    // NULL where the function has no value.
    let double = |name, eval| Simple { name, takes: &[D], required: 1, returns: |_| DataType::Float64, eval };
    let double2 = |name, eval| Simple { name, takes: &[D, D], required: 2, returns: |_| DataType::Float64, eval };
    let bits = |name, eval| Simple {
        name,
        takes: &[Takes::Whole, I],
        required: 2,
        returns: |args| args.first().cloned().unwrap_or(DataType::Int32),
        eval,
    };
    vec![
        double("acos", |a| each(a, f64::acos)),
        double("acosh", |a| each(a, |x| (x + (x * x - 1.0).sqrt()).ln())),
        double("asin", |a| each(a, f64::asin)),
        double("asinh", |a| each(a, f64::asinh)),
        double("atan", |a| each(a, f64::atan)),
        double("atanh", |a| each(a, |x| 0.5 * (x.ln_1p() - (-x).ln_1p()))),
        double("cbrt", |a| each(a, f64::cbrt)),
        double("cos", |a| each(a, f64::cos)),
        double("cosh", |a| each(a, f64::cosh)),
        double("cot", |a| each(a, |x| 1.0 / x.tan())),
        double("csc", |a| each(a, |x| 1.0 / x.sin())),
        double("sec", |a| each(a, |x| 1.0 / x.cos())),
        double("degrees", |a| each(a, |x| x * (180.0 / std::f64::consts::PI))),
        double("radians", |a| each(a, |x| x / 180.0 * std::f64::consts::PI)),
        double("exp", |a| each(a, f64::exp)),
        double("expm1", |a| each(a, f64::exp_m1)),
        double("ln", |a| where_positive(a, 0.0, f64::ln)),
        double("log2", |a| where_positive(a, 0.0, |x| x.ln() / 2f64.ln())),
        double("log10", |a| where_positive(a, 0.0, f64::log10)),
        double("log1p", |a| where_positive(a, -1.0, f64::ln_1p)),
        double("rint", |a| each(a, f64::round_ties_even)),
        double("sign", |a| each(a, |x| if x == 0.0 || x.is_nan() { x } else { x.signum() })),
        double("sin", |a| each(a, f64::sin)),
        double("sinh", |a| each(a, f64::sinh)),
        double("sqrt", |a| each(a, f64::sqrt)),
        double("tan", |a| each(a, f64::tan)),
        double("tanh", |a| each(a, f64::tanh)),
        double2("pow", |a| each2(a, |x, y| Some(power(x, y)))),
        double2("atan2", |a| each2(a, |y, x| Some((y + 0.0).atan2(x + 0.0)))),
        double2("hypot", |a| each2(a, |x, y| Some(x.hypot(y)))),
        double2("log", |a| each2(a, |base, x| (base > 0.0 && x > 0.0).then(|| x.ln() / base.ln()))),
        Simple {
            name: "isnan",
            takes: &[D],
            required: 1,
            returns: |_| DataType::Boolean,
            eval: |a| {
                let found: datafusion::arrow::array::BooleanArray =
                    a[0].as_primitive::<Float64Type>().iter().map(|v| Some(v.is_some_and(f64::is_nan))).collect();
                Ok(Arc::new(found))
            },
        },
        Simple {
            name: "nanvl",
            takes: &[Takes::Float, Takes::Float],
            required: 2,
            returns: |args| args.first().cloned().unwrap_or(DataType::Float64),
            eval: nanvl,
        },
        Simple {
            name: "width_bucket",
            takes: &[D, D, D, I],
            required: 4,
            returns: |_| DataType::Int64,
            eval: width_bucket,
        },
        Simple {
            name: "factorial",
            takes: &[I],
            required: 1,
            returns: |_| DataType::Int64,
            eval: |a| {
                let found: Int64Array = a[0]
                    .as_primitive::<Int64Type>()
                    .iter()
                    .map(|n| n.filter(|n| (0..=20).contains(n)).map(|n| (1..=n).product()))
                    .collect();
                Ok(Arc::new(found))
            },
        },
        Simple { name: "conv", takes: &[Takes::Text, I, I], required: 3, returns: |_| DataType::Utf8, eval: conv },
        bits("shiftleft", |a| shift(a, i32::wrapping_shl, i64::wrapping_shl)),
        bits("shiftright", |a| shift(a, i32::wrapping_shr, i64::wrapping_shr)),
        bits("shiftrightunsigned", |a| {
            shift(
                a,
                |x, n| x.cast_unsigned().wrapping_shr(n).cast_signed(),
                |x, n| x.cast_unsigned().wrapping_shr(n).cast_signed(),
            )
        }),
        Simple {
            name: "bit_count",
            takes: &[Takes::Any],
            required: 1,
            returns: |_| DataType::Int32,
            eval: |a| match a[0].data_type() {
                DataType::Boolean | DataType::Null => Ok(cast(&a[0], &DataType::Int32)?),
                t if types::is_integer(t) => {
                    let wide = cast(&a[0], &DataType::Int64)?;
                    let ones = wide.as_primitive::<Int64Type>();
                    Ok(Arc::new(ones.unary::<_, Int32Type>(|v| small(v.count_ones()))))
                }
                other => Err(wrong_type("bit_count", "\"INTEGRAL\"", other).into()),
            },
        },
        Simple { name: "bit_get", takes: &[Takes::Any, I], required: 2, returns: |_| DataType::Int8, eval: bit_get },
    ]
}

fn small(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

/// An argument of a type that the function does not take.
pub(super) fn wrong_type(name: &str, wanted: &str, given: &DataType) -> SqlError {
    SqlError::new(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
        "42K09",
        format!(
            "Cannot resolve \"{name}\" due to data type mismatch: The first parameter requires the {wanted} type, \
             however it has the type {}.",
            types::shown(given)
        ),
    )
}

fn each(args: &[ArrayRef], f: fn(f64) -> f64) -> Result<ArrayRef> {
    let found: Float64Array = args[0].as_primitive::<Float64Type>().unary(f);
    Ok(Arc::new(found))
}

/// NULL for values that are not above the bound.
fn where_positive(args: &[ArrayRef], bound: f64, f: fn(f64) -> f64) -> Result<ArrayRef> {
    let values = args[0].as_primitive::<Float64Type>();
    // NaN is not at or below the bound.
    let found: Float64Array =
        values.iter().map(|v| v.filter(|v| !matches!(v.partial_cmp(&bound), Some(o) if o.is_le())).map(f)).collect();
    Ok(Arc::new(found))
}

fn each2(args: &[ArrayRef], f: fn(f64, f64) -> Option<f64>) -> Result<ArrayRef> {
    let (a, b) = (args[0].as_primitive::<Float64Type>(), args[1].as_primitive::<Float64Type>());
    let found: Float64Array = a.iter().zip(b.iter()).map(|(a, b)| f(a?, b?)).collect();
    Ok(Arc::new(found))
}

/// As Java: one to the power of NaN or of infinity is no number.
fn power(x: f64, y: f64) -> f64 {
    if y.is_nan() || (x.abs() == 1.0 && y.is_infinite()) { f64::NAN } else { x.powf(y) }
}

fn nanvl(args: &[ArrayRef]) -> Result<ArrayRef> {
    let target = args[0].data_type();
    let (a, b) = (cast(&args[0], &DataType::Float64)?, cast(&args[1], &DataType::Float64)?);
    let (a, b) = (a.as_primitive::<Float64Type>(), b.as_primitive::<Float64Type>());
    let found: Float64Array = a.iter().zip(b.iter()).map(|(a, b)| if a?.is_nan() { b } else { a }).collect();
    Ok(cast(&found, target)?)
}

fn width_bucket(args: &[ArrayRef]) -> Result<ArrayRef> {
    let [value, low, high] = [0, 1, 2].map(|i| args[i].as_primitive::<Float64Type>());
    let counts = args[3].as_primitive::<Int64Type>();
    let bucket = |v: f64, low: f64, high: f64, n: i64| {
        if n <= 0 || n == i64::MAX || v.is_nan() || low == high || !low.is_finite() || !high.is_finite() {
            return None;
        }
        let (below, above, part) = if low < high {
            (v < low, v >= high, (v - low) / (high - low))
        } else {
            (v > low, v <= high, (low - v) / (low - high))
        };
        Some(if below {
            0
        } else if above {
            n + 1
        } else {
            (n as f64 * part) as i64 + 1
        })
    };
    let found: Int64Array = (0..value.len())
        .map(|i| {
            let valid = value.is_valid(i) && low.is_valid(i) && high.is_valid(i) && counts.is_valid(i);
            valid.then(|| bucket(value.value(i), low.value(i), high.value(i), counts.value(i))).flatten()
        })
        .collect();
    Ok(Arc::new(found))
}

/// Digits of one base in another; as many leading digits count as are digits of the base.
fn conv(args: &[ArrayRef]) -> Result<ArrayRef> {
    let texts = args[0].as_string::<i32>();
    let (from, to) = (args[1].as_primitive::<Int64Type>(), args[2].as_primitive::<Int64Type>());
    let mut found = Vec::with_capacity(texts.len());
    for i in 0..texts.len() {
        if texts.is_null(i) || from.is_null(i) || to.is_null(i) {
            found.push(None);
            continue;
        }
        found.push(converted(texts.value(i).trim(), from.value(i), to.value(i))?);
    }
    Ok(Arc::new(StringArray::from(found)))
}

fn converted(text: &str, from: i64, to: i64) -> Result<Option<String>, SqlError> {
    let base = |n: i64| u32::try_from(n.unsigned_abs()).ok().filter(|n| (2..=36).contains(n));
    let (Some(radix), Some(wanted)) = (base(from).filter(|_| from > 0), base(to)) else { return Ok(None) };
    if text.is_empty() {
        return Ok(None);
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut value: u64 = 0;
    for digit in digits.chars().map_while(|c| c.to_digit(radix)) {
        value = value.checked_mul(radix.into()).and_then(|v| v.checked_add(digit.into())).ok_or_else(overflow)?;
    }
    let (mut negative, mut value) = (negative, value);
    if negative && to > 0 {
        // Without a sign, a negative number is read as 64 bits.
        value = if value > i64::MAX.unsigned_abs() { u64::MAX } else { value.wrapping_neg() };
        negative = false;
    } else if to < 0 && value > i64::MAX.unsigned_abs() && !negative {
        value = value.wrapping_neg();
        negative = true;
    }
    let mut reversed = Vec::new();
    loop {
        let digit = u32::try_from(value % u64::from(wanted)).unwrap_or(0);
        reversed.push(char::from_digit(digit, wanted).unwrap_or('0').to_ascii_uppercase());
        value /= u64::from(wanted);
        if value == 0 {
            break;
        }
    }
    if negative && reversed != ['0'] {
        reversed.push('-');
    }
    Ok(Some(reversed.into_iter().rev().collect()))
}

/// Shifts 32 or 64 bits, whichever the value has; the distance counts modulo that.
fn shift(args: &[ArrayRef], narrow: fn(i32, u32) -> i32, wide: fn(i64, u32) -> i64) -> Result<ArrayRef> {
    fn by<T: ArrowPrimitiveType>(values: &ArrayRef, by: &Int64Array, f: fn(T::Native, u32) -> T::Native) -> ArrayRef {
        let values = values.as_primitive::<T>();
        let found: PrimitiveArray<T> =
            values.iter().zip(by.iter()).map(|(v, n)| Some(f(v?, (n? & 63) as u32))).collect();
        Arc::new(found)
    }
    let distance = args[1].as_primitive::<Int64Type>();
    Ok(match args[0].data_type() {
        DataType::Int64 => by::<Int64Type>(&args[0], distance, wide),
        _ => by::<Int32Type>(&args[0], distance, narrow),
    })
}

fn bit_get(args: &[ArrayRef]) -> Result<ArrayRef> {
    let width = match args[0].data_type() {
        DataType::Int8 => 8,
        DataType::Int16 => 16,
        DataType::Int32 => 32,
        DataType::Int64 | DataType::Null => 64,
        other => return Err(wrong_type("bit_get", "\"INTEGRAL\"", other).into()),
    };
    let wide = cast(&args[0], &DataType::Int64)?;
    let (values, places) = (wide.as_primitive::<Int64Type>(), args[1].as_primitive::<Int64Type>());
    let mut found = Vec::with_capacity(values.len());
    for (value, place) in values.iter().zip(places.iter()) {
        let (Some(value), Some(place)) = (value, place) else {
            found.push(None);
            continue;
        };
        if !(0..width).contains(&place) {
            return Err(SqlError::new(
                "INVALID_PARAMETER_VALUE.BIT_POSITION_RANGE",
                "22023",
                format!(
                    "The value of parameter(s) `pos` in `bit_get` is invalid: it is {place}, and has to be from 0 to {}.",
                    width - 1
                ),
            )
            .into());
        }
        found.push(Some(i8::from(value >> place & 1 == 1)));
    }
    Ok(Arc::new(PrimitiveArray::<Int8Type>::from(found)))
}
