//! A scalar function described in one line: its name, what it takes, what it returns, how a batch is computed.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::local::engine::catalog::quoted;
use crate::local::engine::error::SqlError;
use crate::local::engine::types;

/// What a parameter takes, and so what an argument is converted to before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Text; numbers and times are written out.
    Text,
    /// A whole number, as 64 bits.
    Integer,
    /// A number, cut off to a whole one of 64 bits.
    Truncated,
    /// Bytes, or text as its bytes.
    Bytes,
    /// A day; of a timestamp the day, of text what it says.
    Date,
    /// An instant; a day is its beginning in UTC.
    Timestamp,
    /// An instant or a wall clock, whichever it is.
    AnyTimestamp,
    /// A truth value.
    Boolean,
    /// A number, as 64 bits with a point; text is read.
    Double,
    /// A FLOAT as it is, other numbers as DOUBLE.
    Float,
    /// A BIGINT as it is, shorter whole numbers as INT.
    Whole,
    /// Bytes; text is taken as UTF-8.
    Binary,
    /// Seconds with six digits after the point.
    Seconds,
    /// A wall clock; an instant shows that of UTC.
    WallClock,
    /// A number as it is; text as DOUBLE.
    Number,
    /// Bytes or text as they are, whole numbers as BIGINT; of all else the text.
    Bits,
    /// Anything, unchanged.
    Any,
}

impl Takes {
    /// The type to which an argument is converted; `None` if it cannot be.
    pub(super) fn coerce(self, from: &DataType) -> Option<DataType> {
        let is_time = matches!(from, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..));
        let is_text = types::is_string(from) || *from == DataType::Null;
        match self {
            Self::Text => {
                let simple = is_text || is_time || from.is_numeric() || *from == DataType::Boolean;
                (simple || matches!(from, DataType::Binary)).then_some(DataType::Utf8)
            }
            Self::Integer => (is_text || from.is_integer()).then_some(DataType::Int64),
            Self::Truncated => (is_text || from.is_numeric()).then_some(DataType::Int64),
            Self::Bytes => match types::canonical(from) {
                DataType::Utf8 | DataType::Binary | DataType::Null => Some(DataType::Binary),
                _ => None,
            },
            Self::Date => (is_text || is_time).then_some(DataType::Date32),
            Self::Timestamp => (is_text || is_time).then(types::timestamp),
            Self::AnyTimestamp => match from {
                DataType::Timestamp(_, None) => Some(types::timestamp_ntz()),
                _ => (is_text || is_time).then(types::timestamp),
            },
            Self::Boolean => (is_text || *from == DataType::Boolean).then_some(DataType::Boolean),
            Self::Double => (is_text || from.is_numeric()).then_some(DataType::Float64),
            Self::Float if *from == DataType::Float32 => Some(DataType::Float32),
            Self::Float => (is_text || from.is_numeric()).then_some(DataType::Float64),
            Self::Whole => match from {
                DataType::Int64 => Some(DataType::Int64),
                t if is_text || types::is_integer(t) => Some(DataType::Int32),
                _ => None,
            },
            Self::Binary => {
                let is_bytes = matches!(from, DataType::Binary | DataType::LargeBinary | DataType::BinaryView);
                (is_text || is_bytes).then_some(DataType::Binary)
            }
            Self::Seconds => (is_text || from.is_numeric()).then_some(DataType::Decimal128(16, 6)),
            Self::WallClock => (is_text || is_time).then(types::timestamp_ntz),
            Self::Number if is_text => Some(DataType::Float64),
            Self::Number => from.is_numeric().then(|| types::canonical(from)),
            Self::Bits => match types::canonical(from) {
                DataType::Binary => Some(DataType::Binary),
                from if from.is_numeric() => Some(DataType::Int64),
                from => Self::Text.coerce(&from),
            },
            Self::Any => Some(types::canonical(from)),
        }
    }

    fn shown(self) -> &'static str {
        match self {
            Self::Text => "\"STRING\"",
            Self::Integer | Self::Truncated => "\"INT\"",
            Self::Bytes => "\"STRING\"",
            Self::Date => "\"DATE\"",
            Self::Timestamp | Self::AnyTimestamp => "\"TIMESTAMP\"",
            Self::Boolean => "\"BOOLEAN\"",
            Self::Double | Self::Float => "\"DOUBLE\"",
            Self::Whole => "(\"INT\" or \"BIGINT\")",
            Self::Binary => "\"BINARY\"",
            Self::Seconds => "\"DECIMAL(16, 6)\"",
            Self::WallClock => "\"TIMESTAMP_NTZ\"",
            Self::Number => "\"NUMERIC\"",
            Self::Bits => "(\"BIGINT\" or \"BINARY\" or \"STRING\")",
            Self::Any => "any type",
        }
    }
}

/// A scalar function.
#[derive(Clone, Copy)]
pub(super) struct Simple {
    /// The name, in lower case.
    pub(super) name: &'static str,
    /// The parameters.
    pub(super) takes: &'static [Takes],
    /// How many of them must be given.
    pub(super) required: usize,
    /// The type of the result.
    pub(super) returns: fn(&[DataType]) -> DataType,
    /// Computes a batch.
    pub(super) eval: fn(&[ArrayRef]) -> Result<ArrayRef>,
}

/// Makes a function that the planner can use.
pub(super) fn udf(function: Simple) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(SimpleUdf {
        function,
        signature: Signature::user_defined(Volatility::Immutable),
    }))
}

struct SimpleUdf {
    function: Simple,
    signature: Signature,
}

impl fmt::Debug for SimpleUdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.function.name)
    }
}

impl PartialEq for SimpleUdf {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name
    }
}

impl Eq for SimpleUdf {}

impl Hash for SimpleUdf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
    }
}

impl ScalarUDFImpl for SimpleUdf {
    fn name(&self) -> &str {
        self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let Simple { name, takes, required, .. } = self.function;
        if given.len() < required || given.len() > takes.len() {
            return Err(wrong_number(name, required, takes.len(), given.len()).into());
        }
        let pairs = takes.iter().zip(given).enumerate();
        pairs
            .map(|(i, (takes, given))| {
                takes.coerce(given).ok_or_else(|| {
                    SqlError::new(
                        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
                        "42K09",
                        format!(
                            "Cannot resolve \"{name}\" due to data type mismatch: The {} parameter requires the {} \
                             type, however it has the type {}.",
                            ordinal(i),
                            takes.shown(),
                            types::shown(given)
                        ),
                    )
                    .into()
                })
            })
            .collect()
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok((self.function.returns)(given))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let result = one_nan((self.function.eval)(&arrays)?);
        if constant && result.len() == 1 {
            return ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(result))
    }
}

/// What is no number has a sign of its own to the processor; Spark knows one NaN, above all numbers.
fn one_nan(array: ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float64 => {
            let found = array.as_primitive::<Float64Type>();
            Arc::new(found.unary::<_, Float64Type>(|x| if x.is_nan() { f64::NAN } else { x }))
        }
        DataType::Float32 => {
            let found = array.as_primitive::<Float32Type>();
            Arc::new(found.unary::<_, Float32Type>(|x| if x.is_nan() { f32::NAN } else { x }))
        }
        _ => array,
    }
}

fn ordinal(i: usize) -> &'static str {
    ["first", "second", "third", "fourth", "fifth"].get(i).copied().unwrap_or("next")
}

/// Too few or too many arguments.
pub(in crate::local::engine) fn wrong_number(name: &str, least: usize, most: usize, given: usize) -> SqlError {
    let wanted = match most {
        _ if least == most => least.to_string(),
        usize::MAX => format!("> {}", least.saturating_sub(1)),
        _ => format!("[{least}, {most}]"),
    };
    SqlError::new(
        "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
        "42605",
        format!("The {} requires {wanted} parameters but the actual number is {given}.", quoted(&[name])),
    )
}
