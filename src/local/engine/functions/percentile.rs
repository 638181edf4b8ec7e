//! `percentile`, `median` and `percentile_approx`.
//!
//! All values are kept. The approximate form therefore gives the exact value at the rank, which is within whatever
//! accuracy was asked for.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, ListArray, RecordBatch, UInt64Array, new_empty_array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{cast, concat, filter, is_not_null, sort, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Schema};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Signature, Volatility};
use datafusion::physical_expr::PhysicalExpr;

use super::simple::wrong_number;
use crate::local::engine::error::SqlError;
use crate::local::engine::types;

/// So many pieces are kept apart before they are joined.
const PIECES: usize = 64;

/// The functions, by name.
pub(super) fn functions() -> Vec<(&'static str, Arc<AggregateUDF>)> {
    [("percentile", true), ("percentile_approx", false)]
        .into_iter()
        .map(|(name, exact)| {
            let signature = Signature::user_defined(Volatility::Immutable);
            (name, Arc::new(AggregateUDF::new_from_impl(Percentile { exact, signature })))
        })
        .collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Percentile {
    /// Whether values between two ranks are interpolated.
    exact: bool,
    signature: Signature,
}

fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("element", item, true)))
}

impl AggregateUDFImpl for Percentile {
    fn name(&self) -> &str {
        if self.exact { "percentile" } else { "percentile_approx" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let most = if self.exact { 2 } else { 3 };
        if self.exact && given.len() == 3 {
            return Err(SqlError::unsupported("percentile with a frequency").into());
        }
        if !(2..=most).contains(&given.len()) {
            return Err(wrong_number(self.name(), 2, most, given.len()).into());
        }
        let value = types::canonical(&given[0]);
        let fits = value.is_numeric()
            || types::is_string(&value)
            || value == DataType::Null
            || !self.exact && matches!(value, DataType::Date32 | DataType::Timestamp(..));
        if !fits {
            return Err(SqlError::new(
                "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
                "42K09",
                format!(
                    "Cannot resolve \"{}\" due to data type mismatch: The first parameter requires the \"NUMERIC\" \
                     type, however it has the type {}.",
                    self.name(),
                    types::shown(&given[0])
                ),
            )
            .into());
        }
        let value =
            if self.exact || types::is_string(&value) || value == DataType::Null { DataType::Float64 } else { value };
        let share = match &given[1] {
            DataType::List(_) => list_of(DataType::Float64),
            _ => DataType::Float64,
        };
        Ok([value, share].into_iter().chain(given.get(2).map(|_| DataType::Int64)).collect())
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        let value = if self.exact { DataType::Float64 } else { given[0].clone() };
        Ok(if matches!(given[1], DataType::List(_)) { list_of(value) } else { value })
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let item = args.input_fields[0].data_type().clone();
        Ok(vec![Arc::new(Field::new(format!("{}[values]", args.name), list_of(item), true))])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let (shares, many) = shares(&args.exprs[1])?;
        let item = args.expr_fields[0].data_type().clone();
        Ok(Box::new(Values { pieces: Vec::new(), item, shares, many, exact: self.exact }))
    }
}

/// The constant second argument: one share or several.
fn shares(expr: &Arc<dyn PhysicalExpr>) -> Result<(Vec<f64>, bool)> {
    let constant =
        || SqlError::new("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", "42K09", "The percentage must be a constant.");
    let batch = RecordBatch::new_empty(Arc::new(Schema::empty()));
    let value = match expr.evaluate(&batch) {
        Ok(ColumnarValue::Scalar(value)) => value,
        _ => return Err(constant().into()),
    };
    let (shares, many) = match value {
        ScalarValue::Float64(Some(share)) => (vec![share], false),
        ScalarValue::List(list) if list.len() == 1 && list.is_valid(0) => {
            let items = list.value(0);
            (items.as_primitive::<Float64Type>().iter().map(|s| s.unwrap_or(f64::NAN)).collect(), true)
        }
        _ => return Err(constant().into()),
    };
    if shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
        return Err(SqlError::new(
            "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
            "42K09",
            "The percentage must be between [0.0, 1.0].",
        )
        .into());
    }
    Ok((shares, many))
}

#[derive(Debug)]
struct Values {
    pieces: Vec<ArrayRef>,
    item: DataType,
    shares: Vec<f64>,
    many: bool,
    exact: bool,
}

impl Values {
    fn push(&mut self, array: &ArrayRef) -> Result<()> {
        let array = if array.null_count() > 0 { filter(array, &is_not_null(array)?)? } else { Arc::clone(array) };
        if !array.is_empty() {
            self.pieces.push(array);
        }
        if self.pieces.len() >= PIECES {
            self.pieces = vec![self.joined()?];
        }
        Ok(())
    }

    fn joined(&self) -> Result<ArrayRef> {
        if self.pieces.is_empty() {
            return Ok(new_empty_array(&self.item));
        }
        let pieces: Vec<&dyn Array> = self.pieces.iter().map(AsRef::as_ref).collect();
        Ok(concat(&pieces)?)
    }

    /// One value for each share.
    fn results(&self) -> Result<ArrayRef> {
        let sorted = sort(&self.joined()?, None)?;
        let count = sorted.len();
        if self.exact {
            let sorted = cast(&sorted, &DataType::Float64)?;
            let values = sorted.as_primitive::<Float64Type>();
            let found: Float64Array = self
                .shares
                .iter()
                .map(|share| {
                    if count == 0 {
                        return None;
                    }
                    let place = share * (count - 1) as f64;
                    let (low, high) = (place.floor() as usize, place.ceil() as usize);
                    let (a, b) = (values.value(low), values.value(high));
                    Some(if low == high { a } else { (high as f64 - place) * a + (place - low as f64) * b })
                })
                .collect();
            return Ok(Arc::new(found));
        }
        let places: UInt64Array = self
            .shares
            .iter()
            .map(|share| {
                let rank = (share * count as f64).ceil() as usize;
                (count > 0).then(|| rank.clamp(1, count) as u64 - 1)
            })
            .collect();
        Ok(take(&sorted, &places, None)?)
    }
}

impl Accumulator for Values {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.push(&values[0])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let results = self.results()?;
        if !self.many {
            return ScalarValue::try_from_array(&results, 0);
        }
        if results.null_count() > 0 {
            return ScalarValue::try_from(&list_of(results.data_type().clone()));
        }
        one_list(results).map(|list| ScalarValue::List(Arc::new(list)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.pieces.iter().map(|a| a.get_array_memory_size()).sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::List(Arc::new(one_list(self.joined()?)?))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for list in states[0].as_list::<i32>().iter().flatten() {
            self.push(&list)?;
        }
        Ok(())
    }
}

/// An array that is one list.
pub(super) fn one_list(items: ArrayRef) -> Result<ListArray> {
    let field = Arc::new(Field::new("element", items.data_type().clone(), true));
    Ok(ListArray::try_new(field, OffsetBuffer::from_lengths([items.len()]), items, None)?)
}
