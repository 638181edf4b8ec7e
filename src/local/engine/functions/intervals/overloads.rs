//! Functions of numbers and moments that take intervals too.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Decimal128Array, Float64Array, Int32Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::overflow;
use crate::local::engine::error::SqlError;
use crate::local::engine::intervals::{self, Span, Unit};
use crate::local::engine::types;

/// The functions of which there is one for intervals.
const NAMES: [&str; 7] = ["abs", "negative", "positive", "sign", "signum", "date_part", "extract_second"];

/// The function as it is, and for intervals as it is for them; none: it does not take intervals.
pub(in crate::local::engine::functions) fn over(name: &str, plain: &Arc<ScalarUDF>) -> Option<Arc<ScalarUDF>> {
    NAMES.contains(&name).then(|| {
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(Overloaded { plain: Arc::clone(plain), signature }))
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Overloaded {
    plain: Arc<ScalarUDF>,
    signature: Signature,
}

impl ScalarUDFImpl for Overloaded {
    fn name(&self) -> &str {
        self.plain.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if given.last().and_then(Span::of).is_none() {
            return self.plain.coerce_types(given);
        }
        Ok(given.iter().map(types::canonical).collect())
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        self.plain.return_type(given)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let Some(span) = args.arg_fields.last().and_then(|field| Span::of(field.data_type())) else {
            return self.plain.return_field_from_args(args);
        };
        let data_type = match self.name() {
            "sign" | "signum" => DataType::Float64,
            "extract_second" => part_type(Unit::Second),
            "date_part" => match args.scalar_arguments.first() {
                Some(Some(ScalarValue::Utf8(Some(name)))) => part_type(unit(name, span)?),
                _ => return Err(SqlError::unsupported("a part of an interval by a computed name").into()),
            },
            _ => span.arrow(),
        };
        Ok(Arc::new(Field::new("", data_type, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(span) = args.arg_fields.last().and_then(|field| Span::of(field.data_type())) else {
            return self.plain.invoke_with_args(args);
        };
        let Some(value) = args.args.last() else { return Err(SqlError::internal("no argument").into()) };
        let array = value.to_array(if matches!(value, ColumnarValue::Scalar(_)) { 1 } else { args.number_rows })?;
        let values = intervals::values(&array);
        let result: ArrayRef = match self.name() {
            "abs" => changed(&values, span, i64::checked_abs)?,
            "negative" => changed(&values, span, i64::checked_neg)?,
            "sign" | "signum" => {
                Arc::new(Float64Array::from_iter(values.iter().map(|value| value.map(|value| value.signum() as f64))))
            }
            "extract_second" => part(&values, unit("SECOND", span)?)?,
            "date_part" => match &args.args[0] {
                ColumnarValue::Scalar(ScalarValue::Utf8(Some(name))) => part(&values, unit(name, span)?)?,
                _ => return Err(SqlError::unsupported("a part of an interval by a computed name").into()),
            },
            _ => array,
        };
        if matches!(value, ColumnarValue::Scalar(_)) {
            return ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(result))
    }
}

fn changed(values: &[Option<i64>], span: Span, change: fn(i64) -> Option<i64>) -> Result<ArrayRef> {
    let mut found = Vec::with_capacity(values.len());
    for value in values {
        let value = value.map(|value| change(value).filter(|value| span.holds(*value)).ok_or_else(overflow));
        found.push(value.transpose()?);
    }
    Ok(span.column(&found))
}

/// The unit of a name, if the interval has it.
fn unit(name: &str, span: Span) -> Result<Unit, SqlError> {
    let short = match name.to_ascii_lowercase().as_str() {
        "y" | "yr" | "yrs" => Some(Unit::Year),
        "mon" | "mons" => Some(Unit::Month),
        "d" => Some(Unit::Day),
        "h" | "hr" | "hrs" => Some(Unit::Hour),
        "m" | "min" | "mins" => Some(Unit::Minute),
        "s" | "sec" | "secs" => Some(Unit::Second),
        _ => Unit::named(name),
    };
    short.filter(|unit| (span.first..=span.last).contains(unit)).ok_or_else(|| {
        SqlError::new(
            "INVALID_EXTRACT_FIELD",
            "42601",
            format!("Cannot extract `{name}` from an interval of the type {}.", types::shown(&span.arrow())),
        )
    })
}

fn part_type(unit: Unit) -> DataType {
    match unit {
        Unit::Year | Unit::Day => DataType::Int32,
        Unit::Month | Unit::Hour | Unit::Minute => DataType::Int8,
        Unit::Second => DataType::Decimal128(8, 6),
    }
}

fn part(values: &[Option<i64>], unit: Unit) -> Result<ArrayRef> {
    let above = match unit {
        Unit::Year | Unit::Day => None,
        Unit::Month => Some(Unit::Year),
        Unit::Hour => Some(Unit::Day),
        Unit::Minute => Some(Unit::Hour),
        Unit::Second => Some(Unit::Minute),
    };
    let within = |value: i64| above.map_or(value, |above| value % above.size());
    if unit == Unit::Second {
        let micros: Decimal128Array = values.iter().map(|value| value.map(|value| i128::from(within(value)))).collect();
        return Ok(Arc::new(micros.with_precision_and_scale(8, 6)?));
    }
    let counts: Int32Array =
        values.iter().map(|value| value.and_then(|value| i32::try_from(within(value) / unit.size()).ok())).collect();
    Ok(cast(&counts, &part_type(unit))?)
}
