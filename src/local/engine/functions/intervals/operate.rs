//! Arithmetic of intervals, and of moments with intervals; `make_dt_interval` and `make_ym_interval`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Date32Array, TimestampMicrosecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::{overflow, overflow_of};
use crate::local::engine::error::SqlError;
use crate::local::engine::functions::moments::{self, DAY};
use crate::local::engine::functions::simple::{Simple, Takes, udf};
use crate::local::engine::intervals::{self, Span, Unit};
use crate::local::engine::plan::overflow as number_overflow;
use crate::local::engine::types;

/// What is done with two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::local::engine) enum Operation {
    /// A moment and an interval: a moment.
    Later,
    /// A moment and an interval: a moment.
    Earlier,
    /// From one moment to another.
    Between,
    /// Two intervals of one kind.
    Add,
    /// Two intervals of one kind.
    Subtract,
    /// An interval and a number.
    Multiply,
    /// An interval and a number.
    Divide,
}

/// The function that does it; `tolerant`: NULL where it would fail.
pub(in crate::local::engine) fn function(operation: Operation, tolerant: bool) -> Arc<ScalarUDF> {
    let signature = Signature::any(2, Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(Operator { operation, tolerant, signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Operator {
    operation: Operation,
    tolerant: bool,
    signature: Signature,
}

impl ScalarUDFImpl for Operator {
    fn name(&self) -> &str {
        match self.operation {
            Operation::Later => "interval_later",
            Operation::Earlier => "interval_earlier",
            Operation::Between => "interval_between",
            Operation::Add => "interval_add",
            Operation::Subtract => "interval_subtract",
            Operation::Multiply => "interval_multiply",
            Operation::Divide => "interval_divide",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        let span =
            |i: usize| given.get(i).and_then(Span::of).ok_or_else(|| SqlError::internal("an interval was expected"));
        Ok(match self.operation {
            Operation::Later | Operation::Earlier => match types::canonical(&given[0]) {
                // Hours added to a date give a moment.
                DataType::Date32 if span(1)?.last > Unit::Day => types::timestamp(),
                other => other,
            },
            Operation::Between => {
                let dates = given.iter().all(|t| matches!(types::canonical(t), DataType::Date32));
                if dates { Span::DAY } else { Span::DAY_TO_SECOND }.arrow()
            }
            Operation::Add | Operation::Subtract => {
                let both = span(0)?.with(span(1)?);
                both.ok_or_else(|| SqlError::internal("intervals of two kinds"))?.arrow()
            }
            Operation::Multiply | Operation::Divide => span(0)?.widest().arrow(),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let result = self.eval(&arrays, args.return_field.data_type())?;
        if constant {
            return ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(result))
    }
}

impl Operator {
    fn eval(&self, args: &[ArrayRef], result: &DataType) -> Result<ArrayRef> {
        let result_span = Span::of(result);
        let made = |values: Vec<Option<i64>>| match result_span {
            Some(span) => Ok(span.column(&values)),
            None => Err(SqlError::internal("the result is no interval").into()),
        };
        let holds = |value: &i64| result_span.is_none_or(|span| span.holds(*value));
        match self.operation {
            Operation::Later | Operation::Earlier => self.moved(args, result),
            Operation::Between => {
                let (ends, starts) = (micros(&args[0])?, micros(&args[1])?);
                made(self.pairs(&ends, &starts, |end, start| end.checked_sub(start).ok_or_else(number_overflow))?)
            }
            Operation::Add => {
                let (a, b) = (intervals::values(&args[0]), intervals::values(&args[1]));
                made(self.pairs(&a, &b, |a, b| a.checked_add(b).filter(holds).ok_or_else(|| overflow_of("try_add")))?)
            }
            Operation::Subtract => {
                let (a, b) = (intervals::values(&args[0]), intervals::values(&args[1]));
                made(
                    self.pairs(&a, &b, |a, b| {
                        a.checked_sub(b).filter(holds).ok_or_else(|| overflow_of("try_subtract"))
                    })?,
                )
            }
            Operation::Multiply | Operation::Divide => {
                let (spans, numbers) = (intervals::values(&args[0]), numbers(&args[1])?);
                let divides = self.operation == Operation::Divide;
                made(self.pairs(&spans, &numbers, |value, by| {
                    let found = if divides { value_divided(value, by)? } else { multiplied(value, by) };
                    found.and_then(|n| i64::try_from(n).ok()).filter(holds).ok_or_else(overflow)
                })?)
            }
        }
    }

    /// Applies a function to each pair that is there.
    fn pairs<A: Copy, B: Copy, R>(
        &self,
        left: &[Option<A>],
        right: &[Option<B>],
        apply: impl Fn(A, B) -> Result<R, SqlError>,
    ) -> Result<Vec<Option<R>>> {
        let mut found = Vec::with_capacity(left.len());
        for (a, b) in left.iter().zip(right) {
            found.push(match a.zip(*b).map(|(a, b)| apply(a, b)) {
                None => None,
                Some(Err(_)) if self.tolerant => None,
                Some(value) => Some(value?),
            });
        }
        Ok(found)
    }

    fn moved(&self, args: &[ArrayRef], result: &DataType) -> Result<ArrayRef> {
        let moments = micros(&args[0])?;
        let steps = intervals::values(&args[1]);
        let months = Span::of(args[1].data_type()).is_some_and(Span::counts_months);
        let earlier = self.operation == Operation::Earlier;
        let found = self.pairs(&moments, &steps, |at, step| {
            let step = if earlier { step.checked_neg() } else { Some(step) };
            let moved = if months {
                step.zip(moments::clock(at)).and_then(|(step, clock)| {
                    let date = moments::add_months(clock.date(), step)?;
                    Some(moments::micros(date.and_time(clock.time())))
                })
            } else {
                step.and_then(|step| at.checked_add(step))
            };
            moved.ok_or_else(number_overflow)
        })?;
        Ok(match result {
            DataType::Date32 => {
                let mut days = Vec::with_capacity(found.len());
                for at in found {
                    days.push(
                        at.map(|at| i32::try_from(at.div_euclid(DAY))).transpose().map_err(|_| number_overflow())?,
                    );
                }
                Arc::new(Date32Array::from(days))
            }
            DataType::Timestamp(_, zone) => {
                Arc::new(TimestampMicrosecondArray::from(found).with_timezone_opt(zone.clone()))
            }
            _ => return Err(SqlError::internal("the result is no moment").into()),
        })
    }
}

/// Days and instants in microseconds.
fn micros(array: &ArrayRef) -> Result<Vec<Option<i64>>> {
    let array = cast(array, &types::canonical(array.data_type()))?;
    Ok(match array.data_type() {
        DataType::Date32 => {
            array.as_primitive::<Date32Type>().iter().map(|day| day.map(|day| i64::from(day) * DAY)).collect()
        }
        DataType::Timestamp(..) => array.as_primitive::<TimestampMicrosecondType>().iter().collect(),
        _ => return Err(SqlError::internal("a date or a timestamp was expected").into()),
    })
}

/// A number as its type has it.
#[derive(Clone, Copy)]
enum Number {
    /// Digits, and what they are parts of.
    Exact(i128, i128),
    Floating(f64),
}

fn numbers(array: &ArrayRef) -> Result<Vec<Option<Number>>> {
    Ok(match array.data_type() {
        DataType::Decimal128(_, scale) => {
            let one = 10_i128.pow((*scale).max(0).unsigned_abs().into());
            array.as_primitive::<Decimal128Type>().iter().map(|n| n.map(|n| Number::Exact(n, one))).collect()
        }
        t if types::is_integer(t) => {
            let whole = cast(array, &DataType::Int64)?;
            whole.as_primitive::<Int64Type>().iter().map(|n| n.map(|n| Number::Exact(n.into(), 1))).collect()
        }
        _ => {
            let floating = cast(array, &DataType::Float64)?;
            floating.as_primitive::<Float64Type>().iter().map(|n| n.map(Number::Floating)).collect()
        }
    })
}

fn multiplied(value: i64, by: Number) -> Option<i128> {
    match by {
        Number::Exact(digits, one) => divided(i128::from(value).checked_mul(digits)?, one),
        Number::Floating(by) => rounded(value as f64 * by),
    }
}

fn value_divided(value: i64, by: Number) -> Result<Option<i128>, SqlError> {
    let zero = || {
        SqlError::new(
            "INTERVAL_DIVIDED_BY_ZERO",
            "22012",
            "An interval cannot be divided by zero. Use try_divide to tolerate it and return NULL instead.",
        )
    };
    Ok(match by {
        Number::Exact(0, _) => return Err(zero()),
        Number::Floating(0.0) => return Err(zero()),
        Number::Exact(digits, one) => i128::from(value).checked_mul(one).and_then(|value| divided(value, digits)),
        Number::Floating(by) => rounded(value as f64 / by),
    })
}

/// Half a unit goes away from zero.
fn rounded(value: f64) -> Option<i128> {
    (value.abs() < 9.3e18).then(|| value.round() as i128)
}

/// Division in which half a unit goes away from zero.
pub(super) fn divided(value: i128, by: i128) -> Option<i128> {
    let (whole, rest) = (value.checked_div(by)?, value.checked_rem(by)?);
    let up = rest.unsigned_abs() >= by.unsigned_abs() - rest.unsigned_abs();
    if rest == 0 || !up {
        return Some(whole);
    }
    whole.checked_add(if (value < 0) == (by < 0) { 1 } else { -1 })
}

/// The functions that make intervals of numbers.
pub(super) fn makers() -> impl Iterator<Item = (&'static str, Arc<ScalarUDF>)> {
    [
        Simple {
            name: "make_dt_interval",
            takes: &[Takes::Whole, Takes::Whole, Takes::Whole, Takes::Seconds],
            required: 0,
            returns: |_| Span::DAY_TO_SECOND.arrow(),
            eval: |args| made(args, &[Unit::Day, Unit::Hour, Unit::Minute, Unit::Second], Span::DAY_TO_SECOND),
        },
        Simple {
            name: "make_ym_interval",
            takes: &[Takes::Whole, Takes::Whole],
            required: 0,
            returns: |_| Span::YEAR_TO_MONTH.arrow(),
            eval: |args| made(args, &[Unit::Year, Unit::Month], Span::YEAR_TO_MONTH),
        },
    ]
    .into_iter()
    .map(|function| (function.name, udf(function)))
}

fn made(args: &[ArrayRef], units: &[Unit], span: Span) -> Result<ArrayRef> {
    let rows = args.first().map_or(1, |arg| arg.len());
    let mut totals = vec![Some(0_i128); rows];
    for (arg, unit) in args.iter().zip(units) {
        // Seconds come as microseconds.
        let size = if *unit == Unit::Second { 1 } else { i128::from(unit.size()) };
        for (i, total) in totals.iter_mut().enumerate() {
            let count: Option<i128> = if arg.is_null(i) {
                None
            } else {
                match arg.data_type() {
                    DataType::Decimal128(..) => Some(arg.as_primitive::<Decimal128Type>().value(i)),
                    DataType::Int32 => Some(arg.as_primitive::<Int32Type>().value(i).into()),
                    _ => Some(arg.as_primitive::<Int64Type>().value(i).into()),
                }
            };
            *total = total.zip(count).and_then(|(total, count)| total.checked_add(count.checked_mul(size)?));
        }
    }
    let mut values = Vec::with_capacity(rows);
    for total in totals {
        let value =
            total.map(|total| i64::try_from(total).ok().filter(|value| span.holds(*value)).ok_or_else(overflow));
        values.push(value.transpose()?);
    }
    Ok(span.column(&values))
}
