//! `round` (half up), `bround` (half to even), `ceil` and `floor`, as Spark types and computes them.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Decimal128Array, Float64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::signs;
use super::simple::{Takes, wrong_number};
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::overflow;
use crate::local::engine::types;

/// Where a value between two goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum To {
    /// To the nearer; a half away from zero.
    HalfUp,
    /// To the nearer; a half to the even one.
    HalfEven,
    /// To the greater.
    Above,
    /// To the less.
    Below,
}

/// The function that rounds so.
pub(super) fn round(to: To) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Round { to, signature: Signature::user_defined(Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Round {
    to: To,
    signature: Signature,
}

impl ScalarUDFImpl for Round {
    fn name(&self) -> &str {
        match self.to {
            To::HalfUp => "round",
            To::HalfEven => "bround",
            To::Above => "ceil",
            To::Below => "floor",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if !(1..=2).contains(&given.len()) {
            return Err(wrong_number(self.name(), 1, 2, given.len()).into());
        }
        let decimal = matches!(self.to, To::Above | To::Below);
        if decimal && given.len() == 1 {
            let coerced = Takes::Number.coerce(&given[0]).filter(|t| t.is_numeric());
            return Ok(vec![coerced.ok_or_else(|| self.no_number(&given[0]))?]);
        }
        // `ceil` and `floor` with a scale compute in decimals.
        let value = match types::canonical(&given[0]) {
            DataType::Utf8 | DataType::Null if decimal => DataType::Decimal128(38, 18),
            DataType::Float64 if decimal => DataType::Decimal128(30, 15),
            DataType::Float32 if decimal => DataType::Decimal128(14, 7),
            number if decimal && number.is_numeric() => {
                let (precision, scale) = types::decimal_of(&number).unwrap_or((38, 18));
                DataType::Decimal128(precision, scale)
            }
            DataType::Utf8 | DataType::Null => DataType::Float64,
            number if number.is_numeric() => number,
            other => return Err(self.no_number(&other).into()),
        };
        let places = |given: &DataType| if *given == DataType::Null { DataType::Null } else { DataType::Int64 };
        Ok(std::iter::once(value).chain(given.get(1).map(places)).collect())
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(result_type(&given[0], 0))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        if self.takes_fraction(args.arg_fields.len()) {
            let whole = signs::whole(args.arg_fields[0].data_type());
            return Ok(Arc::new(Field::new(self.name(), whole, true)));
        }
        let places = match args.scalar_arguments.get(1) {
            None => 0,
            // The result of no places is NULL, of the type of a whole number.
            Some(Some(places)) => self.places(places)?.unwrap_or(0),
            Some(None) => return Err(not_constant().into()),
        };
        Ok(Arc::new(Field::new(self.name(), result_type(args.arg_fields[0].data_type(), places), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if self.takes_fraction(args.args.len()) {
            return match &args.args[0] {
                ColumnarValue::Array(array) => signs::rounded(array, self.to == To::Above).map(ColumnarValue::Array),
                ColumnarValue::Scalar(scalar) => {
                    let array = signs::rounded(&scalar.to_array()?, self.to == To::Above)?;
                    ScalarValue::try_from_array(&array, 0).map(ColumnarValue::Scalar)
                }
            };
        }
        let places = match args.args.get(1) {
            None => 0,
            Some(ColumnarValue::Scalar(places)) => match self.places(places)? {
                Some(places) => places,
                None => return ScalarValue::try_from(args.return_field.data_type()).map(ColumnarValue::Scalar),
            },
            Some(ColumnarValue::Array(_)) => return Err(not_constant().into()),
        };
        let target = args.return_field.data_type();
        match &args.args[0] {
            ColumnarValue::Array(array) => self.compute(array, places, target).map(ColumnarValue::Array),
            ColumnarValue::Scalar(scalar) => {
                let array = self.compute(&scalar.to_array()?, places, target)?;
                ScalarValue::try_from_array(&array, 0).map(ColumnarValue::Scalar)
            }
        }
    }
}

impl Round {
    /// The constant number of places; none: it is NULL.
    fn places(&self, places: &ScalarValue) -> Result<Option<i32>> {
        match places {
            ScalarValue::Int64(Some(n)) => i32::try_from(*n).map(Some).map_err(|_| not_constant().into()),
            ScalarValue::Int32(Some(n)) => Ok(Some(*n)),
            places if places.is_null() && matches!(self.to, To::HalfUp | To::HalfEven) => Ok(None),
            _ => {
                let text = format!("The scale of {} must be a constant that is not NULL.", self.name());
                Err(SqlError::new("NON_FOLDABLE_ARGUMENT", "42K08", text).into())
            }
        }
    }
}

fn too_large() -> SqlError {
    SqlError::new(
        "NUMERIC_VALUE_OUT_OF_RANGE.WITHOUT_SUGGESTION",
        "22003",
        "A rounded value has more digits than the 38 of a decimal.",
    )
}

fn not_constant() -> SqlError {
    SqlError::new("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", "42K09", "The scale of round must be a constant.")
}

/// Decimals keep the digits that are asked for, and get one more before the point.
fn result_type(value: &DataType, places: i32) -> DataType {
    let DataType::Decimal128(precision, scale) = value else { return value.clone() };
    let whole = i32::from(*precision) - i32::from(*scale) + 1;
    let (precision, scale) = if places < 0 {
        (whole.max(1 - places), 0)
    } else {
        let scale = i32::from(*scale).min(places);
        (whole + scale, scale)
    };
    DataType::Decimal128(u8::try_from(precision.min(38)).unwrap_or(38), i8::try_from(scale).unwrap_or(0))
}

/// A double with so many places, a half going away from zero.
pub(super) fn half_up(value: f64, places: i32) -> f64 {
    if value.is_finite() { double(value, places, To::HalfUp) } else { value }
}

impl Round {
    /// Whether it gives whole numbers: `ceil` and `floor` without a scale.
    fn takes_fraction(&self, arguments: usize) -> bool {
        arguments == 1 && matches!(self.to, To::Above | To::Below)
    }

    fn no_number(&self, given: &DataType) -> SqlError {
        SqlError::new(
            "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
            "42K09",
            format!(
                "Cannot resolve \"{}\" due to data type mismatch: The first parameter requires the \"NUMERIC\" type, \
                 however it has the type {}.",
                self.name(),
                types::shown(given)
            ),
        )
    }

    fn compute(&self, array: &ArrayRef, places: i32, target: &DataType) -> Result<ArrayRef> {
        match target {
            DataType::Float32 | DataType::Float64 => {
                let wide = cast(array, &DataType::Float64)?;
                let found: Float64Array = wide.as_primitive::<Float64Type>().unary(|v| double(v, places, self.to));
                Ok(cast(&found, target)?)
            }
            DataType::Decimal128(precision, scale) => {
                let from = match array.data_type() {
                    DataType::Decimal128(_, from) => i32::from(*from),
                    _ => return Err(SqlError::internal("A decimal was expected.").into()),
                };
                let values = self.decimals(array.as_primitive(), from, places, i32::from(*scale))?;
                Ok(Arc::new(values.with_precision_and_scale(*precision, *scale)?))
            }
            _ if places >= 0 => Ok(Arc::clone(array)),
            integer => {
                let wide = cast(array, &DataType::Decimal128(20, 0))?;
                let values = self.decimals(wide.as_primitive(), 0, places, 0)?.with_precision_and_scale(21, 0)?;
                super::cast::convert(&(Arc::new(values) as ArrayRef), integer, false).map_err(|_| overflow().into())
            }
        }
    }

    fn decimals(&self, values: &Decimal128Array, from: i32, places: i32, to: i32) -> Result<Decimal128Array> {
        let drop = u32::try_from(from - places.min(from)).map_err(|_| not_constant())?;
        let unit = 10_i128.checked_pow(drop);
        let back = u32::try_from(to - places.min(from)).ok().and_then(|n| 10_i128.checked_pow(n));
        values.try_unary::<_, Decimal128Type, datafusion::common::DataFusionError>(|value| match unit {
            // So many digits fall away that nothing is left.
            None if matches!(self.to, To::HalfUp | To::HalfEven) || value == 0 => Ok(0),
            None => Err(too_large().into()),
            Some(unit) => {
                let (whole, rest) = (value / unit, (value % unit).unsigned_abs());
                let (rest, size) = (rest, unit.unsigned_abs());
                let up = match (self.to, rest.cmp(&(size - rest))) {
                    (To::Above, _) => value > 0,
                    (To::Below, _) => value < 0,
                    (_, std::cmp::Ordering::Less) => false,
                    (_, std::cmp::Ordering::Greater) => true,
                    (to, std::cmp::Ordering::Equal) => to == To::HalfUp || whole % 2 != 0,
                };
                let rounded = if rest > 0 && up { whole + value.signum() } else { whole };
                let found = back.and_then(|back| rounded.checked_mul(back));
                found.filter(|found| found.unsigned_abs() < 10_u128.pow(38)).ok_or_else(|| too_large().into())
            }
        })
    }
}

/// Rounds the digits that are shown, not the binary value behind them.
fn double(value: f64, places: i32, to: To) -> f64 {
    let text = format!("{:e}", value.abs());
    let Some((mantissa, exponent)) = text.split_once('e') else { return value };
    let Ok(exponent) = exponent.parse::<i32>() else { return value };
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let Ok(count) = i32::try_from(digits.len()) else { return value };
    // So many digits stay.
    let keep = exponent + 1 + places;
    if keep >= count {
        return value;
    }
    if keep < 0 {
        return 0.0_f64.copysign(value);
    }
    let keep = usize::try_from(keep).unwrap_or(0);
    let (head, tail) = digits.split_at(keep);
    let half = tail[0] == b'5' && tail[1..].iter().all(|d| *d == b'0');
    let odd = head.last().is_some_and(|d| d % 2 == 1);
    let up = if to == To::HalfEven && half { odd } else { tail[0] >= b'5' };
    let kept = String::from_utf8_lossy(head).into_owned();
    let whole: u64 = if kept.is_empty() { 0 } else { kept.parse().unwrap_or(0) };
    let whole = whole + u64::from(up);
    format!("{whole}e{}", -places).parse::<f64>().map_or(value, |v| v.copysign(value))
}
