//! One NaN: aggregates of floating point numbers whose NaN has no sign, by which it would be the least of all values
//! and another than the NaN that is written out.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array};
use datafusion::arrow::datatypes::{DataType, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature};

/// The aggregates that can compute a NaN from other values.
pub(super) const NAMES: [&str; 11] = [
    "sum",
    "avg",
    "stddev",
    "stddev_pop",
    "var_samp",
    "var_pop",
    "corr",
    "covar_samp",
    "covar_pop",
    "skewness",
    "kurtosis",
];

/// The aggregate, with one NaN.
pub(super) fn one(plain: Arc<AggregateUDF>) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(OneNan { plain }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OneNan {
    plain: Arc<AggregateUDF>,
}

impl AggregateUDFImpl for OneNan {
    fn name(&self) -> &str {
        self.plain.name()
    }

    fn signature(&self) -> &Signature {
        self.plain.signature()
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        self.plain.coerce_types(given)
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        self.plain.return_type(given)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.plain.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let floating = *args.return_type() == DataType::Float64;
        let plain = self.plain.accumulator(args)?;
        Ok(if floating { Box::new(Running(plain)) } else { plain })
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let floating = *args.return_type() == DataType::Float64;
        let plain = self.plain.create_sliding_accumulator(args)?;
        Ok(if floating { Box::new(Running(plain)) } else { plain })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.plain.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let floating = *args.return_type() == DataType::Float64;
        let plain = self.plain.create_groups_accumulator(args)?;
        Ok(if floating { Box::new(Groups(plain)) } else { plain })
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        self.plain.default_value(data_type)
    }
}

#[derive(Debug)]
struct Running(Box<dyn Accumulator>);

impl Accumulator for Running {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(values)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.retract_batch(values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.0.supports_retract_batch()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.state()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(match self.0.evaluate()? {
            ScalarValue::Float64(Some(value)) if value.is_nan() => ScalarValue::Float64(Some(f64::NAN)),
            other => other,
        })
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.size()
    }
}

struct Groups(Box<dyn GroupsAccumulator>);

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        self.0.update_batch(values, groups, filter, count)
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let found = self.0.evaluate(emit)?;
        let Some(values) = found.as_primitive_opt::<Float64Type>() else { return Ok(found) };
        if !values.values().iter().any(|value| value.is_nan()) {
            return Ok(found);
        }
        let one: Float64Array = values.unary(|value| if value.is_nan() { f64::NAN } else { value });
        Ok(Arc::new(one))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        self.0.state(emit)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        self.0.merge_batch(states, groups, count)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        self.0.convert_to_state(values, filter)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.size()
    }
}
