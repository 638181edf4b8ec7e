//! `sum` and `avg` of intervals, beside those of numbers.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility};

use super::operate::divided;
use super::{overflow, overflow_of};
use crate::local::engine::error::SqlError;
use crate::local::engine::intervals::{self, Span};

/// The aggregate of numbers, and of intervals as it is for them.
pub(in crate::local::engine::functions) fn total(plain: Arc<AggregateUDF>) -> Arc<AggregateUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(AggregateUDF::new_from_impl(Total { plain, signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Total {
    plain: Arc<AggregateUDF>,
    signature: Signature,
}

impl Total {
    fn is_mean(&self) -> bool {
        self.plain.name() == "avg"
    }
}

impl AggregateUDFImpl for Total {
    fn name(&self) -> &str {
        self.plain.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [one] if Span::of(one).is_some() => Ok(given.to_vec()),
            _ => {
                let fields: Vec<FieldRef> =
                    given.iter().map(|t| Arc::new(Field::new("", t.clone(), true)) as FieldRef).collect();
                let coerced = fields_with_udf(&fields, self.plain.as_ref())?;
                Ok(coerced.iter().map(|field| field.data_type().clone()).collect())
            }
        }
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        match given.first().and_then(Span::of) {
            Some(span) if self.is_mean() => Ok(span.widest().arrow()),
            Some(span) => Ok(span.arrow()),
            None => self.plain.return_type(given),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        if Span::of(args.return_type()).is_none() {
            return self.plain.state_fields(args);
        }
        Ok(vec![
            Arc::new(Field::new(format!("{}[total]", args.name), DataType::Decimal128(38, 0), true)),
            Arc::new(Field::new(format!("{}[count]", args.name), DataType::Int64, true)),
        ])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match Span::of(args.return_type()) {
            None => self.plain.accumulator(args),
            Some(_) if args.is_distinct => {
                Err(SqlError::unsupported("DISTINCT in a sum or an average of intervals").into())
            }
            Some(span) => Ok(Box::new(Running { span, mean: self.is_mean(), total: 0, count: 0 })),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match Span::of(args.return_type()) {
            None => self.plain.create_sliding_accumulator(args),
            Some(_) => self.accumulator(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        Span::of(args.return_type()).is_none() && self.plain.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        self.plain.create_groups_accumulator(args)
    }
}

#[derive(Debug)]
struct Running {
    /// The type of the result.
    span: Span,
    mean: bool,
    total: i128,
    count: i64,
}

impl Running {
    fn add(&mut self, values: &ArrayRef, sign: i128) {
        for value in intervals::values(values).into_iter().flatten() {
            self.total += sign * i128::from(value);
            self.count += if sign < 0 { -1 } else { 1 };
        }
    }
}

impl Accumulator for Running {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(&values[0], 1);
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(&values[0], -1);
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (totals, counts) = (states[0].as_primitive::<Decimal128Type>(), states[1].as_primitive::<Int64Type>());
        for i in 0..totals.len() {
            if totals.is_valid(i) && counts.is_valid(i) {
                self.total += totals.value(i);
                self.count += counts.value(i);
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Decimal128(Some(self.total), 38, 0), ScalarValue::Int64(Some(self.count))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = if self.count == 0 {
            None
        } else {
            let whole = if self.mean { divided(self.total, self.count.into()) } else { Some(self.total) };
            let fitting = whole.and_then(|n| i64::try_from(n).ok()).filter(|n| self.span.holds(*n));
            Some(fitting.ok_or_else(|| if self.mean { overflow() } else { overflow_of("try_sum") })?)
        };
        ScalarValue::try_from_array(&self.span.column(&[value]), 0)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}
