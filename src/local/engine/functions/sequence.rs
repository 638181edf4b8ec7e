//! `sequence(start, stop[, step])`: an array from the first to the last, both included.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Int64Array, ListArray, TimestampMicrosecondArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Field, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
    TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::intervals;
use super::moments::{self, DAY};
use super::simple::wrong_number;
use crate::local::engine::error::SqlError;
use crate::local::engine::intervals::Span;
use crate::local::engine::types;

/// The most elements of the arrays of all rows that are computed together.
const MOST: usize = 1 << 28;

/// The function.
pub(super) fn sequence() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Sequence { signature: Signature::user_defined(Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sequence {
    signature: Signature,
}

impl ScalarUDFImpl for Sequence {
    fn name(&self) -> &str {
        "sequence"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if !(2..=3).contains(&given.len()) {
            return Err(wrong_number("sequence", 2, 3, given.len()).into());
        }
        let (a, b) = (types::canonical(&given[0]), types::canonical(&given[1]));
        let step = given.get(2);
        let interval = |step: &DataType| Span::of(step).map(Span::arrow);
        let is_time = |t: &DataType| matches!(t, DataType::Timestamp(..));
        let (item, step_type) = if types::is_integer(&a) && types::is_integer(&b) {
            let wider = if a.primitive_width() >= b.primitive_width() { a } else { b };
            (wider.clone(), step.filter(|s| types::is_integer(s)).map(|_| wider))
        } else if a == DataType::Date32 && b == DataType::Date32
            || is_time(&a) && (is_time(&b) || b == DataType::Date32)
        {
            (a, step.and_then(interval))
        } else if a == DataType::Date32 && is_time(&b) {
            (b, step.and_then(interval))
        } else {
            return Err(mismatch(&a, &b).into());
        };
        if step.is_some() && step_type.is_none() {
            return Err(mismatch(&a_of(given), &a_of(&given[2..])).into());
        }
        Ok([Some(item.clone()), Some(item), step_type].into_iter().flatten().collect())
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(Arc::new(Field::new("element", given[0].clone(), true))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let len = if constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|arg| arg.to_array(len)).collect::<Result<Vec<_>>>()?;
        let result = build(&arrays)?;
        if constant {
            return ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(result))
    }
}

fn a_of(given: &[DataType]) -> DataType {
    given.first().cloned().unwrap_or(DataType::Null)
}

fn mismatch(a: &DataType, b: &DataType) -> SqlError {
    SqlError::new(
        "DATATYPE_MISMATCH.SEQUENCE_WRONG_INPUT_TYPES",
        "42K09",
        format!(
            "Cannot resolve \"sequence\" due to data type mismatch: start and stop must be whole numbers, dates or \
             timestamps of one type, and the step of dates and timestamps an interval; they are {} and {}.",
            types::shown(a),
            types::shown(b)
        ),
    )
}

fn build(args: &[ArrayRef]) -> Result<ArrayRef> {
    let item = args[0].data_type().clone();
    let steps = match args.get(2) {
        Some(steps) if Span::of(steps.data_type()).is_some() => {
            Some(intervals::convert(steps, &DataType::Interval(IntervalUnit::MonthDayNano), false)?)
        }
        _ => None,
    };
    let step = |i: usize| steps.as_ref().map(|a| a.as_primitive::<IntervalMonthDayNanoType>().value(i));
    let (mut values, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..args[0].len() {
        let before = values.len();
        let present = args.iter().all(|a| a.is_valid(i));
        if present {
            match &item {
                DataType::Date32 => {
                    let bound = |a: &ArrayRef| i64::from(a.as_primitive::<Date32Type>().value(i)) * DAY;
                    times(&mut values, bound(&args[0]), bound(&args[1]), step(i), true)?;
                }
                DataType::Timestamp(..) => {
                    let bound = |a: &ArrayRef| a.as_primitive::<TimestampMicrosecondType>().value(i);
                    times(&mut values, bound(&args[0]), bound(&args[1]), step(i), false)?;
                }
                _ => {
                    let wide = |a: &ArrayRef| -> Result<i64> {
                        Ok(cast(&a.slice(i, 1), &DataType::Int64)?.as_primitive::<Int64Type>().value(0))
                    };
                    let by = args.get(2).map(wide).transpose()?;
                    numbers(&mut values, wide(&args[0])?, wide(&args[1])?, by)?;
                }
            }
        }
        lengths.push(values.len() - before);
        valid.push(present);
    }
    let items: ArrayRef = match &item {
        DataType::Date32 => {
            Arc::new(values.iter().map(|v| i32::try_from(v.div_euclid(DAY)).ok()).collect::<Date32Array>())
        }
        DataType::Timestamp(_, zone) => {
            Arc::new(TimestampMicrosecondArray::from(values).with_timezone_opt(zone.clone()))
        }
        other => cast(&Int64Array::from(values), other)?,
    };
    let list = ListArray::try_new(
        Arc::new(Field::new("element", item, true)),
        OffsetBuffer::from_lengths(lengths),
        items,
        Some(NullBuffer::from(valid)),
    )?;
    Ok(Arc::new(list))
}

fn boundaries(start: impl std::fmt::Display, stop: impl std::fmt::Display, step: impl std::fmt::Display) -> SqlError {
    SqlError::new(
        "INVALID_SEQUENCE_BOUNDARIES",
        "22023",
        format!("Illegal sequence boundaries: {start} to {stop} by {step}."),
    )
}

fn too_long() -> SqlError {
    SqlError::new(
        "COLLECTION_SIZE_LIMIT_EXCEEDED.FUNCTION",
        "54000",
        format!(
            "Can't create arrays with more than {MOST} elements at once, in `sequence`. In FROM, `range` makes rows."
        ),
    )
}

fn numbers(values: &mut Vec<i64>, start: i64, stop: i64, step: Option<i64>) -> Result<(), SqlError> {
    let step = step.unwrap_or(if start <= stop { 1 } else { -1 });
    if step == 0 && start != stop || step > 0 && start > stop || step < 0 && start < stop {
        return Err(boundaries(start, stop, step));
    }
    let steps = if step == 0 { 0 } else { (i128::from(stop) - i128::from(start)) / i128::from(step) };
    if steps >= (MOST - values.len().min(MOST)) as i128 {
        return Err(too_long());
    }
    let mut at = start;
    loop {
        values.push(at);
        match at.checked_add(step).filter(|next| step != 0 && if step > 0 { *next <= stop } else { *next >= stop }) {
            Some(next) => at = next,
            None => return Ok(()),
        }
    }
}

/// Instants from one to another; steps of months are counted from the start, so that the 31st comes back after a
/// shorter month.
fn times(
    values: &mut Vec<i64>,
    start: i64,
    stop: i64,
    step: Option<IntervalMonthDayNano>,
    days: bool,
) -> Result<(), SqlError> {
    let sign = if start <= stop { 1 } else { -1 };
    let step = step.unwrap_or(IntervalMonthDayNano { months: 0, days: sign, nanoseconds: 0 });
    let fixed = i64::from(step.days) * DAY + step.nanoseconds / 1000;
    if days && fixed % DAY != 0 {
        return Err(SqlError::unsupported("a step shorter than a day in a sequence of dates"));
    }
    let forward = step.months > 0 || step.months == 0 && fixed > 0;
    let still = step.months == 0 && fixed == 0;
    let leads_away = if still {
        start != stop
    } else if forward {
        start > stop
    } else {
        start < stop
    };
    if leads_away {
        return Err(boundaries(moments::show_timestamp(start), moments::show_timestamp(stop), "this step"));
    }
    for n in 0.. {
        let moved = moments::clock(start)
            .and_then(|clock| {
                let date = moments::add_months(clock.date(), i64::from(step.months).checked_mul(n)?)?;
                Some(moments::micros(date.and_time(clock.time())))
            })
            .and_then(|at| at.checked_add(fixed.checked_mul(n)?));
        let Some(at) = moved.filter(|at| if forward || still { *at <= stop } else { *at >= stop }) else { break };
        values.push(at);
        if values.len() > MOST {
            return Err(too_long());
        }
        if still {
            break;
        }
    }
    Ok(())
}
