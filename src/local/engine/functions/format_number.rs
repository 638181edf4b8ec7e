//! `format_number`: numbers with separators of thousands, with so many places or by a pattern as `#,##0.00`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::cast;
use super::simple::wrong_number;
use crate::local::engine::error::SqlError;
use crate::local::engine::types;

/// `format_number(number, places | pattern)`
pub(super) fn format_number() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(FormatNumber { signature: Signature::user_defined(Volatility::Immutable) }))
}

/// So many places at most.
const MAX_PLACES: i64 = 10_000;
/// Above this, a DOUBLE has whole values only, and not each of them.
const WHOLE: f64 = 9_007_199_254_740_992.0;

#[derive(Debug, PartialEq, Eq, Hash)]
struct FormatNumber {
    signature: Signature,
}

impl ScalarUDFImpl for FormatNumber {
    fn name(&self) -> &str {
        "format_number"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let [value, format] = given else { return Err(wrong_number(self.name(), 2, 2, given.len()).into()) };
        let mismatch = |which: &str, wanted: &str, given: &DataType| {
            SqlError::new(
                "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
                "42K09",
                format!(
                    "Cannot resolve \"format_number\" due to data type mismatch: The {which} parameter requires the \
                     {wanted} type, however it has the type {}.",
                    types::shown(given)
                ),
            )
        };
        let value = match types::canonical(value) {
            DataType::Null | DataType::Float32 | DataType::Float64 => DataType::Float64,
            decimal @ DataType::Decimal128(..) => decimal,
            whole if types::is_integer(&whole) => DataType::Decimal128(19, 0),
            other => return Err(mismatch("first", "\"NUMERIC\"", &other).into()),
        };
        let format = match types::canonical(format) {
            DataType::Utf8 => DataType::Utf8,
            DataType::Null => DataType::Int64,
            whole if types::is_integer(&whole) => DataType::Int64,
            other => return Err(mismatch("second", "(\"INT\" or \"STRING\")", &other).into()),
        };
        Ok(vec![value, format])
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let (values, formats) = (args.args[0].to_array(rows)?, args.args[1].to_array(rows)?);
        let values = match values.data_type() {
            DataType::Float32 => cast::convert(&values, &DataType::Float64, false)?,
            _ => values,
        };
        let mut builder = StringBuilder::new();
        for i in 0..rows {
            if values.is_null(i) || formats.is_null(i) {
                builder.append_null();
                continue;
            }
            let form = if *formats.data_type() == DataType::Utf8 {
                Form::new(formats.as_string::<i32>().value(i))?
            } else {
                let places = formats.as_primitive::<Int64Type>().value(i);
                if places > MAX_PLACES {
                    return Err(SqlError::unsupported(&format!("format_number with {places} places")).into());
                }
                let Ok(places) = usize::try_from(places) else {
                    builder.append_null();
                    continue;
                };
                Form { least_fraction: places, most_fraction: places, ..Form::plain() }
            };
            builder.append_value(form.write(&number(&values, i)?));
        }
        let found: ArrayRef = Arc::new(builder.finish());
        if constant {
            return ScalarValue::try_from_array(&found, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(found))
    }
}

enum Number {
    Double(f64),
    Decimal(i128, i8),
}

fn number(values: &ArrayRef, i: usize) -> Result<Number> {
    Ok(match values.data_type() {
        DataType::Float64 => Number::Double(values.as_primitive::<Float64Type>().value(i)),
        DataType::Decimal128(_, scale) => Number::Decimal(values.as_primitive::<Decimal128Type>().value(i), *scale),
        _ => return Err(SqlError::internal("format_number was given another type.").into()),
    })
}

/// How numbers are written.
struct Form {
    /// Before and behind numbers from 0 on.
    around: (String, String),
    /// Before and behind those below.
    around_negative: Option<(String, String)>,
    least_whole: usize,
    least_fraction: usize,
    most_fraction: usize,
    /// Digits between separators; 0 for none.
    group: usize,
    /// What is shown is so many times the number, as a power of ten.
    power: i32,
}

impl Form {
    fn plain() -> Self {
        Self {
            around: (String::new(), String::new()),
            around_negative: None,
            least_whole: 1,
            least_fraction: 0,
            most_fraction: 0,
            group: 3,
            power: 0,
        }
    }

    /// Reads a pattern in the form of Java's `DecimalFormat`.
    fn new(pattern: &str) -> Result<Self, SqlError> {
        if pattern.is_empty() {
            return Ok(Self::plain());
        }
        let refused = |what: &str| SqlError::unsupported(&format!("{what} in the format '{pattern}' of format_number"));
        let (mut before, mut digits, mut behind, mut power) = (String::new(), String::new(), String::new(), 0);
        let (mut quoted, mut negative) = (false, None);
        let mut chars = pattern.char_indices().peekable();
        while let Some((i, c)) = chars.next() {
            let ended = !behind.is_empty();
            let affix = if digits.is_empty() { &mut before } else { &mut behind };
            match c {
                '\'' if chars.peek().is_some_and(|(_, c)| *c == '\'') => {
                    chars.next();
                    affix.push('\'');
                }
                '\'' => quoted = !quoted,
                c if quoted => affix.push(c),
                '#' | '0' | ',' | '.' if !ended => digits.push(c),
                '#' | '0' | ',' | '.' => return Err(refused("digits in several places")),
                'E' if !digits.is_empty() && !ended => return Err(refused("an exponent")),
                '¤' => return Err(refused("a currency")),
                '%' => {
                    power = 2;
                    affix.push('%');
                }
                '‰' => {
                    power = 3;
                    affix.push('‰');
                }
                ';' => {
                    negative = Some(&pattern[i + 1..]);
                    break;
                }
                c => affix.push(c),
            }
        }
        let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
        if fraction.contains(['.', ',']) || fraction.contains("#0") || whole.replace(',', "").contains("0#") {
            return Err(refused("digits in this order"));
        }
        let zeros = |text: &str| text.matches('0').count();
        let group = whole.rsplit_once(',').map_or(0, |(_, last)| last.len());
        let (mut least_whole, mut least_fraction) = (zeros(whole), zeros(fraction));
        if digits.contains('.') && least_whole + least_fraction == 0 {
            // One of the digits is always shown.
            if whole.is_empty() { least_fraction = 1 } else { least_whole = 1 }
        }
        let around_negative = match negative {
            Some(negative) => {
                let form = Self::new(negative)?;
                Some(form.around)
            }
            None => None,
        };
        let most_fraction = fraction.len();
        Ok(Self { around: (before, behind), around_negative, least_whole, least_fraction, most_fraction, group, power })
    }

    fn write(&self, number: &Number) -> String {
        let (negative, digits) = match number {
            Number::Double(value) if value.is_nan() => return "NaN".to_owned(),
            Number::Double(value) if value.is_infinite() => {
                return self.framed(*value < 0.0, "∞");
            }
            Number::Double(value) => {
                let size = value.abs() * 10_f64.powi(self.power);
                // The digits of the binary value count, and a half goes to the even one; beyond what a DOUBLE tells
                // apart, its shortest digits, and zeros.
                let digits = if size < WHOLE { format!("{size:.*}", self.most_fraction) } else { format!("{size}") };
                (value.is_sign_negative(), digits)
            }
            Number::Decimal(value, scale) => (*value < 0, self.decimal(value.unsigned_abs(), *scale)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
        let kept = fraction.trim_end_matches('0').len().max(self.least_fraction).min(fraction.len());
        let fraction = format!("{:0<width$}", &fraction[..kept], width = self.least_fraction);
        let whole = whole.trim_start_matches('0');
        let least = if fraction.is_empty() { self.least_whole.max(1) } else { self.least_whole };
        let whole = format!("{whole:0>least$}");
        let mut out = String::new();
        let count = whole.chars().count();
        for (i, c) in whole.chars().enumerate() {
            if i > 0 && self.group > 0 && (count - i).is_multiple_of(self.group) {
                out.push(',');
            }
            out.push(c);
        }
        if !fraction.is_empty() {
            out.push('.');
            out.push_str(&fraction);
        }
        self.framed(negative, &out)
    }

    /// The digits with what stands before and behind them.
    fn framed(&self, negative: bool, digits: &str) -> String {
        match (&self.around_negative, negative) {
            (Some((before, behind)), true) => format!("{before}{digits}{behind}"),
            (None, true) => format!("-{}{digits}{}", self.around.0, self.around.1),
            (_, false) => format!("{}{digits}{}", self.around.0, self.around.1),
        }
    }

    /// A decimal's digits, rounded to the places, a half to the even digit.
    fn decimal(&self, value: u128, scale: i8) -> String {
        let scale = i32::from(scale) - self.power;
        let most = i32::try_from(self.most_fraction).unwrap_or(i32::MAX);
        let dropped = scale.saturating_sub(most);
        let (value, scale) = match u32::try_from(dropped) {
            Ok(n) if n > 0 => {
                let unit = 10_u128.checked_pow(n).unwrap_or(u128::MAX);
                let (kept, rest) = (value / unit, value % unit);
                let up = match rest.cmp(&(unit - rest)) {
                    std::cmp::Ordering::Less => 0,
                    std::cmp::Ordering::Greater => 1,
                    std::cmp::Ordering::Equal => kept % 2,
                };
                (kept + up, most)
            }
            _ => (value, scale),
        };
        let places = usize::try_from(scale).unwrap_or(0);
        let zeros = usize::try_from(scale.min(0).unsigned_abs()).unwrap_or(0);
        let text = format!("{value}{}", "0".repeat(zeros));
        let text = format!("{text:0>width$}", width = places + 1);
        let (whole, fraction) = text.split_at(text.len() - places);
        format!("{whole}.{fraction:0<width$}", width = self.most_fraction)
    }
}
