//! `+ - * / % div` and their `try_` forms in ANSI mode: typed as Spark types them, and never silently wrong.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Decimal128Array, PrimitiveArray};
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::simple::wrong_number;
use crate::local::engine::error::SqlError;
use crate::local::engine::plan::{divide_by_zero, overflow};
use crate::local::engine::types;

/// An operation on two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::local::engine) enum Operation {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
    /// `div`
    IntegerDivide,
    /// `pmod`: the remainder with the sign of the divisor's absolute value.
    PositiveRemainder,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::IntegerDivide => "div",
            Self::PositiveRemainder => "pmod",
        })
    }
}

/// The function that computes an operation; zero divisors and overflow are errors, or NULL if `tolerant`.
pub(in crate::local::engine) fn function(operation: Operation, tolerant: bool) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Arithmetic::new(operation, tolerant)))
}

/// The operation of a function that gives NULL where the operator fails.
pub(in crate::local::engine) fn tolerant(name: &str) -> Option<Operation> {
    Some(match name {
        "try_add" => Operation::Add,
        "try_subtract" => Operation::Subtract,
        "try_multiply" => Operation::Multiply,
        "try_divide" => Operation::Divide,
        "try_mod" => Operation::Remainder,
        _ => return None,
    })
}

/// The functions that are called by name.
pub(super) fn functions() -> Vec<(&'static str, Arc<ScalarUDF>)> {
    let tolerant = ["try_add", "try_subtract", "try_multiply", "try_divide", "try_mod"];
    let tolerant = tolerant.into_iter().filter_map(|name| Some((name, function(self::tolerant(name)?, true))));
    let strict = [("div", Operation::IntegerDivide), ("pmod", Operation::PositiveRemainder)];
    tolerant.chain(strict.map(|(name, operation)| (name, function(operation, false)))).collect()
}

/// The types in which the operands are computed, and the type of the result; `None` for what is no number.
fn typed(operation: Operation, left: &DataType, right: &DataType) -> Option<(DataType, DataType, DataType)> {
    let (left, right) = (types::canonical(left), types::canonical(right));
    let (left, right) = match (&left, &right) {
        (DataType::Null, DataType::Null) => (DataType::Int32, DataType::Int32),
        (DataType::Null, other) => (other.clone(), other.clone()),
        (other, DataType::Null) => (other.clone(), other.clone()),
        // Text takes part as the widest number of the other's kind.
        (DataType::Utf8, DataType::Utf8) => (DataType::Float64, DataType::Float64),
        (DataType::Utf8, other) if types::is_integer(other) => (DataType::Int64, other.clone()),
        (DataType::Utf8, _) => (DataType::Float64, right.clone()),
        (other, DataType::Utf8) if types::is_integer(other) => (other.clone(), DataType::Int64),
        (_, DataType::Utf8) => (left.clone(), DataType::Float64),
        _ => (left.clone(), right.clone()),
    };
    if !left.is_numeric() || !right.is_numeric() {
        return None;
    }
    let is_float = |t: &DataType| matches!(t, DataType::Float32 | DataType::Float64);
    let is_decimal = |t: &DataType| matches!(t, DataType::Decimal128(..));
    if is_float(&left) || is_float(&right) {
        let single = left == DataType::Float32 && right == DataType::Float32;
        let working = if single && operation != Operation::Divide { DataType::Float32 } else { DataType::Float64 };
        let result = if operation == Operation::IntegerDivide { DataType::Int64 } else { working.clone() };
        return Some((working.clone(), working, result));
    }
    if is_decimal(&left) || is_decimal(&right) {
        let (p1, s1) = types::decimal_of(&left)?;
        let (p2, s2) = types::decimal_of(&right)?;
        let result = match operation {
            Operation::IntegerDivide => DataType::Int64,
            operation => decimal_type(operation, (p1, s1), (p2, s2)),
        };
        return Some((DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2), result));
    }
    match operation {
        Operation::Divide => Some((DataType::Float64, DataType::Float64, DataType::Float64)),
        Operation::IntegerDivide => Some((DataType::Int64, DataType::Int64, DataType::Int64)),
        _ => {
            let wider = if width(&left) >= width(&right) { left } else { right };
            Some((wider.clone(), wider.clone(), wider))
        }
    }
}

fn width(t: &DataType) -> usize {
    t.primitive_width().unwrap_or(0)
}

/// The type of an operation on decimals; where 38 digits do not suffice, digits after the point give way, but not
/// below six.
fn decimal_type(operation: Operation, (p1, s1): (u8, i8), (p2, s2): (u8, i8)) -> DataType {
    let (p1, s1, p2, s2) = (i32::from(p1), i32::from(s1), i32::from(p2), i32::from(s2));
    let whole = (p1 - s1).max(p2 - s2);
    let (precision, scale) = match operation {
        Operation::Add | Operation::Subtract => (whole + s1.max(s2) + 1, s1.max(s2)),
        Operation::Multiply => (p1 + p2 + 1, s1 + s2),
        Operation::Divide | Operation::IntegerDivide => {
            let scale = 6.max(s1 + p2 + 1);
            (p1 - s1 + s2 + scale, scale)
        }
        Operation::Remainder | Operation::PositiveRemainder => ((p1 - s1).min(p2 - s2) + s1.max(s2), s1.max(s2)),
    };
    if precision <= 38 {
        return decimal(precision, scale);
    }
    let whole_digits = precision - scale;
    let least = scale.min(6);
    decimal(38, (38 - whole_digits).max(least))
}

fn decimal(precision: i32, scale: i32) -> DataType {
    DataType::Decimal128(u8::try_from(precision).unwrap_or(38), i8::try_from(scale).unwrap_or(38))
}

/// The type of an operation's result; `None` if the operands are no numbers.
pub(in crate::local::engine) fn result_type(
    operation: Operation,
    left: &DataType,
    right: &DataType,
) -> Option<DataType> {
    typed(operation, left, right).map(|(_, _, result)| result)
}

/// The error for operands that are no numbers.
pub(in crate::local::engine) fn mismatch(operation: Operation, left: &DataType, right: &DataType) -> SqlError {
    SqlError::new(
        "DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE",
        "42K09",
        format!(
            "Cannot resolve the operator {operation} due to data type mismatch: it requires numbers, but the operands \
             have the types {} and {}.",
            types::shown(left),
            types::shown(right)
        ),
    )
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Arithmetic {
    operation: Operation,
    /// NULL instead of an error.
    tolerant: bool,
    signature: Signature,
}

impl Arithmetic {
    fn new(operation: Operation, tolerant: bool) -> Self {
        Self { operation, tolerant, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Arithmetic {
    fn name(&self) -> &str {
        match (self.operation, self.tolerant) {
            (Operation::Add, false) => "add",
            (Operation::Subtract, false) => "subtract",
            (Operation::Multiply, false) => "multiply",
            (Operation::Divide, false) => "divide",
            (Operation::Remainder, false) => "remainder",
            (Operation::IntegerDivide, _) => "div",
            (Operation::PositiveRemainder, _) => "pmod",
            (Operation::Add, true) => "try_add",
            (Operation::Subtract, true) => "try_subtract",
            (Operation::Multiply, true) => "try_multiply",
            (Operation::Divide, true) => "try_divide",
            (Operation::Remainder, true) => "try_mod",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let [left, right] = given else { return Err(wrong_number(self.name(), 2, 2, given.len()).into()) };
        let (left, right, _) =
            typed(self.operation, left, right).ok_or_else(|| mismatch(self.operation, left, right))?;
        Ok(vec![left, right])
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        let [left, right] = given else { return Err(wrong_number(self.name(), 2, 2, given.len()).into()) };
        result_type(self.operation, left, right).ok_or_else(|| mismatch(self.operation, left, right).into())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let (left, right) = (args.args[0].to_array(rows)?, args.args[1].to_array(rows)?);
        let result = self.compute(&left, &right, args.return_field.data_type())?;
        if constant {
            return ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(result))
    }
}

/// The error for a result that its type does not hold.
fn exceeds(result: &DataType) -> SqlError {
    match result {
        DataType::Decimal128(..) => SqlError::new(
            "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION",
            "22003",
            "The result of an operation on decimals has more digits than a DECIMAL holds. Use a `try_` function to get \
             NULL instead.",
        ),
        DataType::Int8 | DataType::Int16 => SqlError::new(
            "BINARY_ARITHMETIC_OVERFLOW",
            "22003",
            format!("The result does not fit {}. Use a `try_` function to get NULL instead.", types::shown(result)),
        ),
        _ => overflow(),
    }
}

/// Why a row has no result.
enum Failure {
    Zero,
    Overflow,
}

impl Arithmetic {
    fn compute(&self, left: &ArrayRef, right: &ArrayRef, result: &DataType) -> Result<ArrayRef> {
        Ok(match (left.data_type(), right.data_type()) {
            (DataType::Int8, DataType::Int8) => self.integers::<Int8Type>(left, right)?,
            (DataType::Int16, DataType::Int16) => self.integers::<Int16Type>(left, right)?,
            (DataType::Int32, DataType::Int32) => self.integers::<Int32Type>(left, right)?,
            (DataType::Int64, DataType::Int64) => self.integers::<Int64Type>(left, right)?,
            (DataType::Float32, DataType::Float32) => self.floats::<Float32Type>(left, right, result)?,
            (DataType::Float64, DataType::Float64) => self.floats::<Float64Type>(left, right, result)?,
            (DataType::Decimal128(_, s1), DataType::Decimal128(_, s2)) => {
                self.decimals(left, right, (*s1, *s2), result)?
            }
            (left, right) => return Err(mismatch(self.operation, left, right).into()),
        })
    }

    /// Computes row by row; a failure is an error or NULL.
    fn rows<T: ArrowPrimitiveType, R: ArrowPrimitiveType>(
        &self,
        left: &PrimitiveArray<T>,
        right: &PrimitiveArray<T>,
        op: impl Fn(T::Native, T::Native) -> Result<R::Native, Failure>,
    ) -> Result<PrimitiveArray<R>> {
        let mut builder = PrimitiveArray::<R>::builder(left.len());
        for i in 0..left.len() {
            if left.is_null(i) || right.is_null(i) {
                builder.append_null();
                continue;
            }
            match op(left.value(i), right.value(i)) {
                Ok(value) => builder.append_value(value),
                Err(_) if self.tolerant => builder.append_null(),
                Err(Failure::Zero) if matches!(self.operation, Operation::Remainder | Operation::PositiveRemainder) => {
                    return Err(SqlError::new(
                        "REMAINDER_BY_ZERO",
                        "22012",
                        "Remainder by zero. Use `try_mod` to tolerate divisor being 0 and return NULL instead.",
                    )
                    .into());
                }
                Err(Failure::Zero) => return Err(divide_by_zero().into()),
                Err(Failure::Overflow) => return Err(exceeds(&R::DATA_TYPE).into()),
            }
        }
        Ok(builder.finish())
    }

    fn integers<T>(&self, left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef>
    where
        T: ArrowPrimitiveType,
        T::Native: Into<i64> + TryFrom<i64>,
    {
        let operation = self.operation;
        let array = self.rows::<T, T>(left.as_primitive(), right.as_primitive(), |a, b| {
            let (a, b): (i64, i64) = (a.into(), b.into());
            let value = match operation {
                Operation::Add => a.checked_add(b),
                Operation::Subtract => a.checked_sub(b),
                Operation::Multiply => a.checked_mul(b),
                _ if b == 0 => return Err(Failure::Zero),
                Operation::Divide | Operation::IntegerDivide => a.checked_div(b),
                Operation::Remainder => Some(a.wrapping_rem(b)),
                Operation::PositiveRemainder => {
                    let rest = a.wrapping_rem(b);
                    Some(if rest < 0 { rest.wrapping_add(b).wrapping_rem(b) } else { rest })
                }
            };
            value.and_then(|value| T::Native::try_from(value).ok()).ok_or(Failure::Overflow)
        })?;
        Ok(Arc::new(array))
    }

    fn floats<T>(&self, left: &ArrayRef, right: &ArrayRef, result: &DataType) -> Result<ArrayRef>
    where
        T: ArrowPrimitiveType,
        T::Native: Into<f64> + num_float::FromF64,
    {
        let operation = self.operation;
        let (left, right) = (left.as_primitive::<T>(), right.as_primitive::<T>());
        if *result == DataType::Int64 {
            let array = self.rows::<T, Int64Type>(left, right, |a, b| {
                let (a, b): (f64, f64) = (a.into(), b.into());
                if b == 0.0 { Err(Failure::Zero) } else { Ok((a / b) as i64) }
            })?;
            return Ok(Arc::new(array));
        }
        let array = self.rows::<T, T>(left, right, |a, b| {
            let (a, b): (f64, f64) = (a.into(), b.into());
            let value = match operation {
                Operation::Add => a + b,
                Operation::Subtract => a - b,
                Operation::Multiply => a * b,
                _ if b == 0.0 => return Err(Failure::Zero),
                Operation::Divide | Operation::IntegerDivide => a / b,
                Operation::Remainder => a % b,
                Operation::PositiveRemainder => {
                    let rest = a % b;
                    if rest < 0.0 { (rest + b) % b } else { rest }
                }
            };
            // The processor gives the NaN of a calculation a sign, by which it would be the least of all.
            Ok(num_float::FromF64::from_f64(if value.is_nan() { f64::NAN } else { value }))
        })?;
        Ok(Arc::new(array))
    }

    fn decimals(&self, left: &ArrayRef, right: &ArrayRef, (s1, s2): (i8, i8), result: &DataType) -> Result<ArrayRef> {
        let operation = self.operation;
        let (left, right) = (left.as_primitive::<Decimal128Type>(), right.as_primitive::<Decimal128Type>());
        let (s1, s2) = (i32::from(s1), i32::from(s2));
        if *result == DataType::Int64 {
            let array = self.rows::<Decimal128Type, Int64Type>(left, right, |a, b| {
                if b == 0 {
                    return Err(Failure::Zero);
                }
                let (a, b) = aligned(a, s1, b, s2)?;
                // Spark takes the lowest 64 bits.
                Ok(a.wrapping_div(b) as i64)
            })?;
            return Ok(Arc::new(array));
        }
        let DataType::Decimal128(precision, scale) = result else {
            return Err(SqlError::internal("An operation on decimals gave no decimal.").into());
        };
        let (wanted, limit) = (i32::from(*scale), 10_i128.pow(u32::from(*precision)));
        let array: Decimal128Array = self.rows::<Decimal128Type, Decimal128Type>(left, right, |a, b| {
            let value = match operation {
                Operation::Add | Operation::Subtract => {
                    let b = if operation == Operation::Add { b } else { -b };
                    let near = aligned(a, s1, b, s2).ok().and_then(|(a, b)| a.checked_add(b));
                    match near {
                        Some(value) => rescaled(value, s1.max(s2), wanted)?,
                        None => wide::sum((a, s1), (b, s2), wanted).ok_or(Failure::Overflow)?,
                    }
                }
                Operation::Multiply => product(a, b, s1 + s2 - wanted)?,
                _ if b == 0 => return Err(Failure::Zero),
                Operation::Divide | Operation::IntegerDivide => quotient(a, b, wanted - s1 + s2)?,
                Operation::Remainder | Operation::PositiveRemainder => {
                    let (rest, b) = match aligned(a, s1, b, s2) {
                        Ok((a, b)) => (a % b, b),
                        Err(_) => (wide::remainder((a, s1), (b, s2)).ok_or(Failure::Overflow)?, b),
                    };
                    let positive = operation == Operation::PositiveRemainder && rest < 0;
                    let rest = if positive { (rest + b) % b } else { rest };
                    rescaled(rest, s1.max(s2), wanted)?
                }
            };
            if value.abs() < limit { Ok(value) } else { Err(Failure::Overflow) }
        })?;
        Ok(Arc::new(array.with_precision_and_scale(*precision, *scale)?))
    }
}

/// Brings two decimals to one scale.
fn aligned(a: i128, s1: i32, b: i128, s2: i32) -> Result<(i128, i128), Failure> {
    let scale = s1.max(s2);
    Ok((rescaled(a, s1, scale)?, rescaled(b, s2, scale)?))
}

fn power(n: i32) -> Result<i128, Failure> {
    10_i128.checked_pow(u32::try_from(n).map_err(|_| Failure::Overflow)?).ok_or(Failure::Overflow)
}

/// A decimal with another scale; digits that fall away are rounded half up.
fn rescaled(value: i128, from: i32, to: i32) -> Result<i128, Failure> {
    if to >= from {
        value.checked_mul(power(to - from)?).ok_or(Failure::Overflow)
    } else {
        Ok(rounded(value, power(from - to)?))
    }
}

/// A quotient of whole numbers, rounded half away from zero.
fn rounded(value: i128, divisor: i128) -> i128 {
    let (whole, rest) = (value / divisor, value % divisor);
    let up = rest.unsigned_abs() >= divisor.unsigned_abs() - rest.unsigned_abs();
    match (up && rest != 0, (value < 0) == (divisor < 0)) {
        (true, true) => whole + 1,
        (true, false) => whole - 1,
        _ => whole,
    }
}

/// `a * b`, without the last `drop` digits.
fn product(a: i128, b: i128, drop: i32) -> Result<i128, Failure> {
    if let Some(value) = a.checked_mul(b) {
        return if drop > 0 { Ok(rounded(value, power(drop)?)) } else { Ok(value) };
    }
    wide::product(a, b, drop).ok_or(Failure::Overflow)
}

/// `a * 10^shift / b`, rounded.
fn quotient(a: i128, b: i128, shift: i32) -> Result<i128, Failure> {
    if shift < 0 {
        let divisor = b.checked_mul(power(-shift)?).ok_or(Failure::Overflow)?;
        return Ok(rounded(a, divisor));
    }
    if let Ok(factor) = power(shift)
        && let Some(value) = a.checked_mul(factor)
    {
        return Ok(rounded(value, b));
    }
    wide::quotient(a, b, shift).ok_or(Failure::Overflow)
}

/// Products and quotients whose intermediate results exceed 128 bits.
mod wide {
    use datafusion::arrow::datatypes::i256;

    fn power(n: i32) -> Option<i256> {
        i256::from_i128(10).checked_pow(u32::try_from(n).ok()?)
    }

    fn rounded(value: i256, divisor: i256) -> Option<i256> {
        let (whole, rest) = (value.checked_div(divisor)?, value.checked_rem(divisor)?);
        let (rest, size) = (rest.wrapping_abs(), divisor.wrapping_abs());
        if rest != i256::ZERO && rest >= size.wrapping_sub(rest) {
            let one = if (value < i256::ZERO) == (divisor < i256::ZERO) { i256::ONE } else { i256::MINUS_ONE };
            return whole.checked_add(one);
        }
        Some(whole)
    }

    fn aligned(a: (i128, i32), b: (i128, i32)) -> Option<(i256, i256)> {
        let scale = a.1.max(b.1);
        let up = |(value, from): (i128, i32)| i256::from_i128(value).checked_mul(power(scale - from)?);
        Some((up(a)?, up(b)?))
    }

    /// A sum with so many digits after the point.
    pub(super) fn sum(a: (i128, i32), b: (i128, i32), wanted: i32) -> Option<i128> {
        let scale = a.1.max(b.1);
        let (a, b) = aligned(a, b)?;
        let sum = a.checked_add(b)?;
        if wanted < scale {
            rounded(sum, power(scale - wanted)?)?.to_i128()
        } else {
            sum.checked_mul(power(wanted - scale)?)?.to_i128()
        }
    }

    /// What a division leaves, with as many digits after the point as the finer of the two has.
    pub(super) fn remainder(a: (i128, i32), b: (i128, i32)) -> Option<i128> {
        let (a, b) = aligned(a, b)?;
        a.checked_rem(b)?.to_i128()
    }

    pub(super) fn product(a: i128, b: i128, drop: i32) -> Option<i128> {
        let value = i256::from_i128(a).checked_mul(i256::from_i128(b))?;
        if drop > 0 { rounded(value, power(drop)?)?.to_i128() } else { value.to_i128() }
    }

    pub(super) fn quotient(a: i128, b: i128, shift: i32) -> Option<i128> {
        let value = i256::from_i128(a).checked_mul(power(shift)?)?;
        rounded(value, i256::from_i128(b))?.to_i128()
    }
}

/// From a double to a float or a double.
mod num_float {
    pub(super) trait FromF64 {
        fn from_f64(value: f64) -> Self;
    }

    impl FromF64 for f32 {
        fn from_f64(value: f64) -> Self {
            value as Self
        }
    }

    impl FromF64 for f64 {
        fn from_f64(value: f64) -> Self {
            value
        }
    }
}
