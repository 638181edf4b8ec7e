//! Functions of a number that change its sign, and the digits of what it is stored as.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray};
use datafusion::arrow::compute::{cast, kernels::numeric};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use datafusion::common::Result;

use super::simple::{Simple, Takes};
use crate::local::engine::plan::overflow;

/// All functions of this family.
pub(super) fn functions() -> Vec<Simple> {
    let same = |args: &[DataType]| args.first().cloned().unwrap_or(DataType::Float64);
    vec![
        Simple {
            name: "abs",
            takes: &[Takes::Number],
            required: 1,
            returns: same,
            eval: |a| signed(&a[0], Sign::Plus),
        },
        Simple {
            name: "negative",
            takes: &[Takes::Number],
            required: 1,
            returns: same,
            eval: |a| signed(&a[0], Sign::Other),
        },
        Simple {
            name: "positive",
            takes: &[Takes::Number],
            required: 1,
            returns: same,
            eval: |a| Ok(Arc::clone(&a[0])),
        },
        Simple {
            name: "hex",
            takes: &[Takes::Bits],
            required: 1,
            returns: |_| DataType::Utf8,
            eval: |a| Ok(Arc::new(hex(&a[0]))),
        },
        Simple {
            name: "bin",
            takes: &[Takes::Number],
            required: 1,
            returns: |_| DataType::Utf8,
            eval: |a| {
                let numbers = super::cast::convert(&a[0], &DataType::Int64, false)?;
                let numbers = numbers.as_primitive::<Int64Type>();
                Ok(Arc::new(StringArray::from_iter(numbers.iter().map(|n| Some(format!("{:b}", n?))))))
            },
        },
    ]
}

enum Sign {
    Plus,
    Other,
}

/// The number with another sign; the least whole number has none.
fn signed(array: &ArrayRef, sign: Sign) -> Result<ArrayRef> {
    fn integers<T: ArrowPrimitiveType<Native: Into<i64> + TryFrom<i64>>>(
        a: &ArrayRef,
        sign: &Sign,
    ) -> Result<ArrayRef> {
        let changed = a.as_primitive::<T>().try_unary::<_, T, datafusion::common::DataFusionError>(|value| {
            let value: i64 = value.into();
            let changed = match sign {
                Sign::Plus => value.checked_abs(),
                Sign::Other => value.checked_neg(),
            };
            changed.and_then(|value| T::Native::try_from(value).ok()).ok_or_else(|| overflow().into())
        })?;
        Ok(Arc::new(changed))
    }
    Ok(match (array.data_type(), &sign) {
        (DataType::Int8, _) => integers::<Int8Type>(array, &sign)?,
        (DataType::Int16, _) => integers::<Int16Type>(array, &sign)?,
        (DataType::Int32, _) => integers::<Int32Type>(array, &sign)?,
        (DataType::Int64, _) => integers::<Int64Type>(array, &sign)?,
        (DataType::Float32, Sign::Plus) => {
            let wide: Float64Array = cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().unary(f64::abs);
            cast(&wide, &DataType::Float32)?
        }
        (DataType::Float64, Sign::Plus) => {
            Arc::new(array.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::abs))
        }
        (DataType::Decimal128(p, s), Sign::Plus) => {
            let positive = array.as_primitive::<Decimal128Type>().unary::<_, Decimal128Type>(i128::wrapping_abs);
            Arc::new(positive.with_precision_and_scale(*p, *s)?)
        }
        _ => numeric::neg(array)?,
    })
}

/// Whole numbers are BIGINT, those of decimals decimals with one digit more.
pub(super) fn whole(value: &DataType) -> DataType {
    match value {
        DataType::Decimal128(_, 0) => value.clone(),
        DataType::Decimal128(p, s) => {
            let digits = i16::from(*p) - i16::from(*s) + 1;
            DataType::Decimal128(u8::try_from(digits.clamp(1, 38)).unwrap_or(38), 0)
        }
        _ => DataType::Int64,
    }
}

/// Takes the fraction away, to the next number above or below.
pub(super) fn rounded(array: &ArrayRef, up: bool) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Decimal128(_, s) => {
            let unit = 10_i128.pow(u32::try_from(*s).unwrap_or(0));
            let toward = |value: i128| {
                let down = value.div_euclid(unit);
                if up && value.rem_euclid(unit) != 0 { down + 1 } else { down }
            };
            let values = array.as_primitive::<Decimal128Type>().unary::<_, Decimal128Type>(toward);
            let DataType::Decimal128(p, _) = whole(array.data_type()) else { return Ok(Arc::clone(array)) };
            Ok(Arc::new(values.with_precision_and_scale(p, 0)?))
        }
        DataType::Float32 | DataType::Float64 => {
            let wide = cast(array, &DataType::Float64)?;
            let whole = wide
                .as_primitive::<Float64Type>()
                .try_unary::<_, Int64Type, datafusion::common::DataFusionError>(|value| {
                    let value = if up { value.ceil() } else { value.floor() };
                    // The next number after the greatest BIGINT that a DOUBLE can be.
                    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
                    if fits || value.is_nan() { Ok(value as i64) } else { Err(overflow().into()) }
                })?;
            Ok(Arc::new(whole))
        }
        _ => Ok(cast(array, &DataType::Int64)?),
    }
}

fn hex(array: &ArrayRef) -> StringArray {
    let bytes = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    match array.data_type() {
        DataType::Int64 => {
            let numbers: &Int64Array = array.as_primitive();
            numbers.iter().map(|n| Some(format!("{:X}", n?))).collect()
        }
        DataType::Binary => array.as_binary::<i32>().iter().map(|b| Some(bytes(b?))).collect(),
        _ => array.as_string::<i32>().iter().map(|t| Some(bytes(t?.as_bytes()))).collect(),
    }
}
