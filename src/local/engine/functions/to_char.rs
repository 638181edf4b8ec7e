//! `to_char`, `to_number` and `try_to_number`: by patterns that are constants, because the type of the result is theirs.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, StringArray, new_null_array};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::number_pattern::NumberPattern;
use super::simple::{Takes, wrong_number};
use super::{cast, time_text};
use crate::local::engine::error::SqlError;
use crate::local::engine::types;

/// `to_number(text, pattern)`; NULL for texts of another form if `tolerant`.
pub(super) fn to_number(tolerant: bool) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(ToNumber { tolerant, signature: Signature::user_defined(Volatility::Immutable) }))
}

/// `to_char(value, pattern)` of numbers, dates, instants and bytes.
pub(super) fn to_char() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(ToChar { signature: Signature::user_defined(Volatility::Immutable) }))
}

/// The text of a constant; `None` if it is NULL.
fn constant(value: Option<&ScalarValue>, name: &str) -> Result<Option<String>, SqlError> {
    match value {
        Some(ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text)) => Ok(text.clone()),
        Some(ScalarValue::Null) => Ok(None),
        _ => Err(SqlError::new(
            "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT",
            "42K09",
            format!("The format of {name} must be a constant."),
        )),
    }
}

fn only_constant(args: &[ColumnarValue]) -> Option<&ScalarValue> {
    match args.get(1) {
        Some(ColumnarValue::Scalar(scalar)) => Some(scalar),
        _ => None,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToNumber {
    tolerant: bool,
    signature: Signature,
}

impl ScalarUDFImpl for ToNumber {
    fn name(&self) -> &str {
        if self.tolerant { "try_to_number" } else { "to_number" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if given.len() != 2 {
            return Err(wrong_number(self.name(), 2, 2, given.len()).into());
        }
        Ok(vec![DataType::Utf8; 2])
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Err(SqlError::internal("The type of to_number depends on its format.").into())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let (precision, scale) = match constant(args.scalar_arguments.get(1).copied().flatten(), self.name())? {
            None => (10, 0),
            Some(pattern) => NumberPattern::new(&pattern)?.precision_and_scale().ok_or_else(|| {
                SqlError::new(
                    "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
                    "22003",
                    format!("The format '{pattern}' has more digits than the 38 of a decimal."),
                )
            })?,
        };
        Ok(Arc::new(Field::new(self.name(), DataType::Decimal128(precision, scale), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let target = args.return_field.data_type();
        let Some(pattern) = constant(only_constant(&args.args), self.name())? else {
            return Ok(ColumnarValue::Array(new_null_array(target, args.number_rows)));
        };
        let DataType::Decimal128(precision, scale) = target else {
            return Err(SqlError::internal("to_number gives decimals.").into());
        };
        let read = NumberPattern::new(&pattern)?;
        let texts = args.args[0].to_array(args.number_rows)?;
        let texts = texts.as_string::<i32>();
        let mut found = Vec::with_capacity(texts.len());
        for text in texts {
            let value = text.and_then(|text| read.read(text));
            if let (Some(text), None, false) = (text, value, self.tolerant) {
                return Err(SqlError::new(
                    "INVALID_FORMAT.MISMATCH_INPUT",
                    "42601",
                    format!("The format is invalid: '{pattern}'. The input '{text}' does not match it."),
                )
                .into());
            }
            found.push(value);
        }
        let found = Decimal128Array::from(found).with_precision_and_scale(*precision, *scale)?;
        Ok(ColumnarValue::Array(Arc::new(found)))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToChar {
    signature: Signature,
}

impl ScalarUDFImpl for ToChar {
    fn name(&self) -> &str {
        "to_char"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if given.len() != 2 {
            return Err(wrong_number(self.name(), 2, 2, given.len()).into());
        }
        let value = match types::canonical(&given[0]) {
            DataType::Date32 | DataType::Timestamp(..) => types::timestamp(),
            DataType::Binary => DataType::Binary,
            DataType::Utf8 | DataType::Null => DataType::Decimal128(38, 18),
            DataType::Float64 => DataType::Decimal128(30, 15),
            DataType::Float32 => DataType::Decimal128(14, 7),
            number if number.is_numeric() => {
                let (precision, scale) = types::decimal_of(&number).unwrap_or((38, 18));
                DataType::Decimal128(precision, scale)
            }
            other => {
                return Err(SqlError::new(
                    "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
                    "42K09",
                    format!(
                        "Cannot resolve \"to_char\" due to data type mismatch: The first parameter requires the \
                         \"NUMERIC\" type, however it has the type {}.",
                        types::shown(&other)
                    ),
                )
                .into());
            }
        };
        let format = Takes::Text.coerce(&given[1]).unwrap_or(DataType::Utf8);
        Ok(vec![value, format])
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let values = args.args[0].to_array(args.number_rows)?;
        if let DataType::Timestamp(..) = values.data_type() {
            let formats = args.args[1].to_array(args.number_rows)?;
            return time_text::date_format(&values, &formats).map(ColumnarValue::Array);
        }
        let Some(pattern) = constant(only_constant(&args.args), self.name())? else {
            return Ok(ColumnarValue::Array(new_null_array(&DataType::Utf8, args.number_rows)));
        };
        let found: ArrayRef = match values.data_type() {
            DataType::Binary => bytes(&values, &pattern)?,
            DataType::Decimal128(_, scale) => {
                let write = NumberPattern::new(&pattern)?;
                let numbers = values.as_primitive::<Decimal128Type>();
                Arc::new(StringArray::from_iter(numbers.iter().map(|value| Some(write.write(value?, *scale)))))
            }
            _ => return Err(SqlError::internal("to_char was given another type.").into()),
        };
        Ok(ColumnarValue::Array(found))
    }
}

fn bytes(values: &ArrayRef, format: &str) -> Result<ArrayRef> {
    let write: fn(&[u8]) -> String = match format.to_ascii_lowercase().as_str() {
        "hex" => |bytes| bytes.iter().map(|b| format!("{b:02X}")).collect(),
        "base64" => super::strings::base64_lines,
        "utf-8" | "utf8" => return cast::convert(values, &DataType::Utf8, false),
        _ => {
            return Err(SqlError::new(
                "INVALID_PARAMETER_VALUE.BINARY_FORMAT",
                "22023",
                format!("The format of bytes has to be one of hex, base64, utf-8, but it is '{format}'."),
            )
            .into());
        }
    };
    let bytes = values.as_binary::<i32>().iter();
    Ok(Arc::new(StringArray::from_iter(bytes.map(|bytes| bytes.map(write)))))
}
