//! `format_string` and `printf`: in the form of Java's `Formatter`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array};
use datafusion::arrow::datatypes::{DataType, FieldRef, Float64Type};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion_spark::function as spark;

use super::round;
use super::simple::wrong_number;
use crate::local::engine::error::SqlError;
use crate::local::engine::types;

/// `format_string(format, …)`
pub(super) fn format_string() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(FormatString {
        inner: spark::string::format_string(),
        signature: Signature::user_defined(Volatility::Immutable),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FormatString {
    inner: Arc<ScalarUDF>,
    signature: Signature,
}

impl ScalarUDFImpl for FormatString {
    fn name(&self) -> &str {
        "format_string"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if given.is_empty() {
            return Err(wrong_number("format_string", 1, usize::MAX, 0).into());
        }
        let shown = |(i, given): (usize, &DataType)| match types::canonical(given) {
            _ if i == 0 => DataType::Utf8,
            // Days and microseconds are numbers to it; what it has no conversion for is shown as text.
            DataType::Date32 => DataType::Int32,
            DataType::Timestamp(..) => DataType::Int64,
            other if other.is_nested() || matches!(other, DataType::Decimal128(..)) => DataType::Utf8,
            other => other,
        };
        Ok(given.iter().enumerate().map(shown).collect())
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if let Some(ColumnarValue::Scalar(ScalarValue::Utf8(Some(format)))) = args.args.first() {
            for (i, places) in fixed_places(format) {
                if let Some(arg) = args.args.get_mut(i) {
                    *arg = rounded(arg, places)?;
                }
            }
        }
        self.inner.invoke_with_args(args).map_err(|error| match error {
            DataFusionError::Execution(message) | DataFusionError::Plan(message) => SqlError::new(
                "INVALID_PARAMETER_VALUE",
                "22023",
                format!("The value of parameter(s) `strfmt` in `format_string` is invalid: {message}."),
            )
            .into(),
            other => other,
        })
    }
}

/// Java rounds the digits that are shown of a double, a half up.
fn rounded(arg: &ColumnarValue, places: i32) -> Result<ColumnarValue> {
    let round = |array: &ArrayRef| -> ArrayRef {
        let values: Float64Array = array.as_primitive::<Float64Type>().unary(|value| round::half_up(value, places));
        Arc::new(values)
    };
    Ok(match arg {
        ColumnarValue::Array(array) if *array.data_type() == DataType::Float64 => ColumnarValue::Array(round(array)),
        ColumnarValue::Scalar(scalar @ ScalarValue::Float64(Some(_))) => {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&round(&scalar.to_array()?), 0)?)
        }
        other => other.clone(),
    })
}

/// The arguments that are shown once, with so many places: `%.2f`.
fn fixed_places(format: &str) -> Vec<(usize, i32)> {
    let mut found: Vec<(usize, Option<i32>)> = Vec::new();
    let (mut next, mut rest) = (1, format);
    while let Some(at) = rest.find('%') {
        rest = &rest[at + 1..];
        let Some(end) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '%') else { break };
        let (form, conversion) = (&rest[..end], &rest[end..=end]);
        rest = &rest[end + 1..];
        if matches!(conversion, "%" | "n") {
            continue;
        }
        let at = match form.split_once('$').and_then(|(number, _)| number.parse().ok()) {
            Some(at) => at,
            None if form.contains('<') => next - 1,
            None => {
                next += 1;
                next - 1
            }
        };
        let places = form.split_once('.').map_or(Some(6), |(_, places)| places.parse().ok());
        found.push((at, places.filter(|_| conversion == "f")));
    }
    let once = |at: usize| found.iter().filter(|(other, _)| *other == at).count() == 1;
    found.iter().filter(|(at, _)| once(*at)).filter_map(|(at, places)| Some((*at, (*places)?))).collect()
}
