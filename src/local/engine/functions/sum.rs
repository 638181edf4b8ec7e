//! `sum`, which never wraps round: DataFusion's own adds BIGINT and DECIMAL modulo their width, Spark fails.
//!
//! Whole numbers and decimals are added in 128 bits; what does not fit the result's type in the end is an error. Other
//! types are DataFusion's business.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::simple::wrong_number;
use crate::local::engine::plan::overflow;

/// The function.
pub(super) fn sum() -> Arc<AggregateUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(AggregateUDF::new_from_impl(Sum { plain: sum_udaf(), signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sum {
    /// DataFusion's own, for the types that cannot overflow.
    plain: Arc<AggregateUDF>,
    signature: Signature,
}

impl AggregateUDFImpl for Sum {
    fn name(&self) -> &str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let [given] = given else { return Err(wrong_number("sum", 1, 1, given.len()).into()) };
        Ok(vec![match given {
            DataType::Int8 | DataType::Int16 | DataType::Int32 => DataType::Int64,
            // A text is a number here, as everywhere in Spark where a number is asked for.
            DataType::Float16 | DataType::Float32 | DataType::Null => DataType::Float64,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Float64,
            other @ (DataType::Int64 | DataType::Float64 | DataType::Decimal128(..)) => other.clone(),
            DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal256(..) | DataType::Duration(_) => {
                given.clone()
            }
            other => return Err(super::nested::unexpected("sum", "first", "NUMERIC", other).into()),
        }])
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        self.plain.return_type(given)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let Some(exact) = Exact::of(args.return_type()) else { return self.plain.state_fields(args) };
        let state = if args.is_distinct { exact.list() } else { exact.wide() };
        Ok(vec![Arc::new(Field::new(format!("{}[sum]", args.name), state, true))])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(match Exact::of(args.return_type()) {
            None => self.plain.accumulator(args)?,
            Some(exact) if args.is_distinct => Box::new(Distinct { exact, values: HashSet::new() }),
            Some(exact) => Box::new(One { exact, total: 0, count: 0 }),
        })
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match Exact::of(args.return_type()) {
            None if *args.return_type() == DataType::Float64 => Ok(Box::new(Sliding::default())),
            None => self.plain.create_sliding_accumulator(args),
            Some(_) => self.accumulator(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(match Exact::of(args.return_type()) {
            None => self.plain.create_groups_accumulator(args)?,
            Some(exact) => Box::new(Groups { exact, totals: Vec::new(), seen: Vec::new() }),
        })
    }
}

/// The DOUBLEs of a frame that moves. They are added anew each time: what is too small beside another leaves no trace
/// in a sum from which that other could be taken away.
#[derive(Debug, Default)]
struct Sliding {
    values: VecDeque<Option<f64>>,
}

impl Accumulator for Sliding {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.values.extend(values[0].as_primitive::<Float64Type>());
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.values.drain(..values[0].len().min(self.values.len()));
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let known = self.values.iter().flatten();
        Ok(ScalarValue::Float64(known.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<Option<f64>>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}

/// The type of a result that is added in 128 bits.
#[derive(Debug, Clone, Copy)]
enum Exact {
    BigInt,
    Decimal { precision: u8, scale: i8 },
}

impl Exact {
    fn of(result: &DataType) -> Option<Self> {
        match *result {
            DataType::Int64 => Some(Self::BigInt),
            DataType::Decimal128(precision, scale) => Some(Self::Decimal { precision, scale }),
            _ => None,
        }
    }

    fn scale(self) -> i8 {
        match self {
            Self::BigInt => 0,
            Self::Decimal { scale, .. } => scale,
        }
    }

    /// The type in which unfinished sums travel.
    fn wide(self) -> DataType {
        DataType::Decimal128(38, self.scale())
    }

    fn list(self) -> DataType {
        DataType::List(Arc::new(Field::new("element", self.wide(), true)))
    }

    /// The values of an argument or of a state, as 128 bits of its scale.
    fn widened(self, array: &ArrayRef) -> Result<Decimal128Array> {
        Ok(match array.data_type() {
            DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().clone(),
            DataType::Int64 => array.as_primitive::<Int64Type>().unary::<_, Decimal128Type>(i128::from),
            _ => cast(array, &self.wide())?.as_primitive::<Decimal128Type>().clone(),
        })
    }

    fn check(self, total: i128) -> Result<i128> {
        let fits = match self {
            Self::BigInt => i64::try_from(total).is_ok(),
            Self::Decimal { precision, .. } => total.unsigned_abs() < 10_u128.pow(u32::from(precision)),
        };
        if fits { Ok(total) } else { Err(overflow().into()) }
    }

    fn finished(self, totals: impl Iterator<Item = Option<i128>>) -> Result<ArrayRef> {
        let totals = totals.map(|t| t.map(|t| self.check(t)).transpose());
        Ok(match self {
            // Checked just above.
            #[expect(clippy::cast_possible_truncation, reason = "checked")]
            Self::BigInt => Arc::new(totals.map(|t| Ok(t?.map(|t| t as i64))).collect::<Result<Int64Array>>()?),
            Self::Decimal { precision, scale } => {
                Arc::new(totals.collect::<Result<Decimal128Array>>()?.with_precision_and_scale(precision, scale)?)
            }
        })
    }

    fn unfinished(self, totals: impl Iterator<Item = Option<i128>>) -> Result<ArrayRef> {
        Ok(Arc::new(totals.collect::<Decimal128Array>().with_precision_and_scale(38, self.scale())?))
    }
}

fn add(total: &mut i128, value: i128) -> Result<()> {
    *total = total.checked_add(value).ok_or_else(overflow)?;
    Ok(())
}

/// The sum of all rows, or of the rows of a window.
#[derive(Debug)]
struct One {
    exact: Exact,
    total: i128,
    /// Rows that are not NULL; of none of them, the sum is NULL.
    count: u64,
}

impl One {
    fn value(&self) -> Option<i128> {
        (self.count > 0).then_some(self.total)
    }
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in self.exact.widened(&values[0])?.iter().flatten() {
            add(&mut self.total, value)?;
            self.count += 1;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in self.exact.widened(&values[0])?.iter().flatten() {
            add(&mut self.total, -value)?;
            self.count -= 1;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.exact.finished([self.value()].into_iter())?, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::try_from_array(&self.exact.unfinished([self.value()].into_iter())?, 0)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}

/// The sum of the values that differ.
#[derive(Debug)]
struct Distinct {
    exact: Exact,
    values: HashSet<i128>,
}

impl Accumulator for Distinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.values.extend(self.exact.widened(&values[0])?.iter().flatten());
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut total = 0;
        for value in &self.values {
            add(&mut total, *value)?;
        }
        let total = (!self.values.is_empty()).then_some(total);
        ScalarValue::try_from_array(&self.exact.finished([total].into_iter())?, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<i128>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values = self.exact.unfinished(self.values.iter().copied().map(Some))?;
        Ok(vec![ScalarValue::List(Arc::new(super::percentile::one_list(values)?))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for list in states[0].as_list::<i32>().iter().flatten() {
            self.update_batch(&[list])?;
        }
        Ok(())
    }
}

/// One sum a group.
#[derive(Debug)]
struct Groups {
    exact: Exact,
    totals: Vec<i128>,
    seen: Vec<bool>,
}

impl Groups {
    fn take(&mut self, emit: EmitTo) -> impl Iterator<Item = Option<i128>> {
        let (totals, seen) = (emit.take_needed(&mut self.totals), emit.take_needed(&mut self.seen));
        totals.into_iter().zip(seen).map(|(total, seen)| seen.then_some(total))
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        self.totals.resize(count, 0);
        self.seen.resize(count, false);
        let values = self.exact.widened(&values[0])?;
        for (row, &group) in groups.iter().enumerate() {
            let counts = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if counts && values.is_valid(row) {
                add(&mut self.totals[group], values.value(row))?;
                self.seen[group] = true;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let exact = self.exact;
        exact.finished(self.take(emit))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let exact = self.exact;
        Ok(vec![exact.unfinished(self.take(emit))?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        self.update_batch(states, groups, None, count)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = self.exact.widened(&values[0])?;
        let counts = |row| filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        let states = values.iter().enumerate().map(|(row, value)| value.filter(|_| counts(row)));
        Ok(vec![self.exact.unfinished(states)?])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.totals.capacity() * size_of::<i128>() + self.seen.capacity()
    }
}
