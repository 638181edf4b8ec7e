//! Types of columns: Databricks' names for Arrow's, and values into them without losing any.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray as _};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

/// The timestamp type that tables land with.
pub(super) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// Reads a Databricks type name; none if files cannot be read with that type.
pub(super) fn parse(text: &str) -> Option<DataType> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase();
    Some(match text.as_str() {
        "BOOLEAN" => DataType::Boolean,
        "TINYINT" | "BYTE" => DataType::Int8,
        "SMALLINT" | "SHORT" => DataType::Int16,
        "INT" | "INTEGER" => DataType::Int32,
        "BIGINT" | "LONG" => DataType::Int64,
        "FLOAT" | "REAL" => DataType::Float32,
        "DOUBLE" => DataType::Float64,
        "STRING" => DataType::Utf8,
        "DATE" => DataType::Date32,
        "TIMESTAMP" => timestamp(),
        "DECIMAL" | "DEC" | "NUMERIC" => DataType::Decimal128(10, 0),
        _ => {
            let inner =
                ["DECIMAL(", "DEC(", "NUMERIC("].iter().find_map(|p| text.strip_prefix(p))?.strip_suffix(')')?;
            let (precision, scale) = inner.split_once(',').unwrap_or((inner, "0"));
            let (precision, scale) = (precision.parse::<u8>().ok()?, scale.parse::<i8>().ok()?);
            if !(1..=38).contains(&precision) || !(0..=precision as i8).contains(&scale) {
                return None;
            }
            DataType::Decimal128(precision, scale)
        }
    })
}

/// Databricks' name of a type.
pub(in super::super) fn type_text(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int8 => "TINYINT".to_owned(),
        DataType::Int16 => "SMALLINT".to_owned(),
        DataType::Int32 => "INT".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::Float32 => "FLOAT".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Utf8 => "STRING".to_owned(),
        DataType::Binary => "BINARY".to_owned(),
        DataType::Date32 => "DATE".to_owned(),
        DataType::Timestamp(..) => "TIMESTAMP".to_owned(),
        DataType::Decimal128(p, s) => format!("DECIMAL({p},{s})"),
        other => other.to_string(),
    }
}

/// The type that an Arrow type of a file lands as; none if it has no place in a table.
pub(super) fn landed(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32 => data_type.clone(),
        DataType::Decimal128(p, s) if (0..=*p as i8).contains(s) => data_type.clone(),
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) if (0..=*p as i8).contains(s) => {
            DataType::Decimal128(*p, *s)
        }
        DataType::Decimal256(p, s) if *p <= 38 && (0..=*p as i8).contains(s) => DataType::Decimal128(*p, *s),
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Date32,
        DataType::Timestamp(..) => timestamp(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::Dictionary(_, values) => landed(values)?,
        DataType::Null => DataType::Utf8,
        _ => return None,
    })
}

/// A value that cannot be converted.
#[derive(Debug)]
pub(super) struct BadValue {
    /// Its row in the array.
    pub(super) row: usize,
    /// The value as text.
    pub(super) text: String,
}

/// Converts an array; fails at the first value that is not one of the type. Fractions beyond a decimal's scale are rounded half
/// up, and those of a timestamp beyond the microsecond are cut off.
pub(super) fn convert(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, BadValue> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    let options = CastOptions { safe: true, format_options: FormatOptions::default() };
    let bad = |row| BadValue { row, text: text_of(array, row) };
    // Numbers with a fraction are no whole numbers, even if a cast would drop the fraction.
    if array.data_type().is_floating() && to.is_integer() {
        let wide = cast_with_options(array, &DataType::Float64, &options).map_err(|_| bad(0))?;
        let values = wide.as_primitive::<datafusion::arrow::datatypes::Float64Type>();
        if let Some(row) = (0..values.len()).find(|&row| values.is_valid(row) && values.value(row).fract() != 0.0) {
            return Err(bad(row));
        }
    }
    let converted = cast_with_options(array, to, &options).map_err(|_| bad(0))?;
    if converted.null_count() > array.null_count()
        && let Some(row) = (0..array.len()).find(|&row| converted.is_null(row) && !array.is_null(row))
    {
        return Err(bad(row));
    }
    Ok(converted)
}

/// A cell as text, for messages.
fn text_of(array: &ArrayRef, row: usize) -> String {
    let options = FormatOptions::default().with_display_error(true);
    let text = ArrayFormatter::try_new(array, &options).map(|f| f.value(row).to_string()).unwrap_or_default();
    // A cell can be long; its beginning is enough to find it.
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Float64Array, StringArray};

    use super::*;

    #[test]
    fn type_names_are_read_and_written() {
        for text in ["BOOLEAN", "INT", "BIGINT", "DOUBLE", "DECIMAL(12,2)", "STRING", "DATE", "TIMESTAMP"] {
            assert_eq!(type_text(&parse(text).unwrap()), text);
        }
        assert_eq!(parse("decimal( 12, 2 )"), Some(DataType::Decimal128(12, 2)));
        for text in ["DECIMAL(39,2)", "DECIMAL(5,6)", "ARRAY<INT>", "VARIANT", ""] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_is_found_and_nulls_are_not() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("1.50"), None, Some("abc")]));
        let bad = convert(&texts, &DataType::Decimal128(12, 2)).unwrap_err();
        assert_eq!((bad.row, bad.text.as_str()), (2, "abc"));
        let numbers: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.5]));
        assert_eq!(convert(&numbers, &DataType::Int32).unwrap_err().text, "2.5");
        let huge: ArrayRef = Arc::new(StringArray::from(vec!["3000000000"]));
        assert!(convert(&huge, &DataType::Int32).is_err());
    }
}
