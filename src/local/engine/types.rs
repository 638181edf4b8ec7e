//! Types in three tongues: SQL, Arrow and the result manifest.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType as Arrow, Field, Fields, TimeUnit};

use super::api::Column;
use super::intervals::Span;
use crate::dialect::DataType;

/// The zone of every `TIMESTAMP` in memory and on disk.
pub(super) const UTC: &str = "UTC";

/// `TIMESTAMP`: microseconds since 1970 in UTC.
pub(super) fn timestamp() -> Arrow {
    Arrow::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))
}

/// `TIMESTAMP_NTZ`
pub(super) fn timestamp_ntz() -> Arrow {
    Arrow::Timestamp(TimeUnit::Microsecond, None)
}

/// The Arrow type of values of a SQL type; `None` for types that the engine does not hold.
pub(super) fn to_arrow(data_type: &DataType) -> Option<Arrow> {
    Some(match data_type {
        DataType::Boolean => Arrow::Boolean,
        DataType::TinyInt => Arrow::Int8,
        DataType::SmallInt => Arrow::Int16,
        DataType::Int => Arrow::Int32,
        DataType::BigInt => Arrow::Int64,
        DataType::Float => Arrow::Float32,
        DataType::Double => Arrow::Float64,
        DataType::Decimal(precision, scale) => Arrow::Decimal128(*precision, i8::try_from(*scale).ok()?),
        DataType::String => Arrow::Utf8,
        DataType::Binary => Arrow::Binary,
        DataType::Date => Arrow::Date32,
        DataType::Timestamp => timestamp(),
        DataType::TimestampNtz => timestamp_ntz(),
        DataType::Array(Some(element)) => Arrow::List(Arc::new(Field::new("element", to_arrow(element)?, true))),
        DataType::Map(Some(key), Some(value)) => {
            let entries = Fields::from(vec![
                Field::new("key", to_arrow(key)?, false),
                Field::new("value", to_arrow(value)?, true),
            ]);
            Arrow::Map(Arc::new(Field::new("key_value", Arrow::Struct(entries), false)), false)
        }
        DataType::Struct(fields) => {
            let mut found = Vec::new();
            for (name, data_type) in fields {
                found.push(Field::new(name, to_arrow(data_type.as_ref()?)?, true));
            }
            Arrow::Struct(found.into())
        }
        DataType::Interval(qualifier) => Span::named(qualifier)?.arrow(),
        DataType::Void => Arrow::Null,
        _ => return None,
    })
}

/// The SQL type of an Arrow type.
pub(super) fn from_arrow(arrow: &Arrow) -> DataType {
    if let Some(span) = Span::of(arrow) {
        return DataType::Interval(span.qualifier());
    }
    match arrow {
        Arrow::Boolean => DataType::Boolean,
        Arrow::Int8 => DataType::TinyInt,
        Arrow::Int16 | Arrow::UInt8 => DataType::SmallInt,
        Arrow::Int32 | Arrow::UInt16 => DataType::Int,
        Arrow::Int64 | Arrow::UInt32 | Arrow::UInt64 => DataType::BigInt,
        Arrow::Float16 | Arrow::Float32 => DataType::Float,
        Arrow::Float64 => DataType::Double,
        Arrow::Decimal32(precision, scale)
        | Arrow::Decimal64(precision, scale)
        | Arrow::Decimal128(precision, scale)
        | Arrow::Decimal256(precision, scale) => DataType::Decimal(*precision, u8::try_from(*scale).unwrap_or(0)),
        Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View => DataType::String,
        Arrow::Binary | Arrow::LargeBinary | Arrow::BinaryView | Arrow::FixedSizeBinary(_) => DataType::Binary,
        Arrow::Date32 | Arrow::Date64 => DataType::Date,
        Arrow::Timestamp(_, Some(_)) => DataType::Timestamp,
        Arrow::Timestamp(_, None) => DataType::TimestampNtz,
        Arrow::Interval(_) | Arrow::Duration(_) => DataType::Interval(String::new()),
        Arrow::List(field)
        | Arrow::LargeList(field)
        | Arrow::ListView(field)
        | Arrow::LargeListView(field)
        | Arrow::FixedSizeList(field, _) => DataType::Array(Some(Box::new(from_arrow(field.data_type())))),
        Arrow::Map(entries, _) => match entries.data_type() {
            Arrow::Struct(fields) if fields.len() == 2 => DataType::Map(
                Some(Box::new(from_arrow(fields[0].data_type()))),
                Some(Box::new(from_arrow(fields[1].data_type()))),
            ),
            _ => DataType::Map(None, None),
        },
        Arrow::Struct(fields) => DataType::Struct(
            fields.iter().map(|field| (field.name().clone(), Some(from_arrow(field.data_type())))).collect(),
        ),
        Arrow::Dictionary(_, value) => from_arrow(value),
        Arrow::RunEndEncoded(_, values) => from_arrow(values.data_type()),
        _ => DataType::Void,
    }
}

/// Describes a column as the manifest does.
pub(super) fn column(name: &str, data_type: &DataType) -> Column {
    let (precision, scale) = match data_type {
        DataType::Decimal(precision, scale) => (Some(*precision), i8::try_from(*scale).ok()),
        _ => (None, None),
    };
    let interval_type = match data_type {
        DataType::Interval(qualifier) if !qualifier.is_empty() => Some(qualifier.clone()),
        _ => None,
    };
    Column {
        name: name.to_owned(),
        type_name: type_name(data_type).to_owned(),
        type_text: data_type.to_string(),
        precision,
        scale,
        interval_type,
    }
}

fn type_name(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "BOOLEAN",
        DataType::TinyInt => "BYTE",
        DataType::SmallInt => "SHORT",
        DataType::Int => "INT",
        DataType::BigInt => "LONG",
        DataType::Float => "FLOAT",
        DataType::Double => "DOUBLE",
        DataType::Decimal(..) => "DECIMAL",
        DataType::String => "STRING",
        DataType::Binary => "BINARY",
        DataType::Date => "DATE",
        DataType::Timestamp => "TIMESTAMP",
        DataType::TimestampNtz => "TIMESTAMP_NTZ",
        DataType::Interval(_) => "INTERVAL",
        DataType::Array(_) => "ARRAY",
        DataType::Map(..) => "MAP",
        DataType::Struct(_) => "STRUCT",
        DataType::Variant => "VARIANT",
        DataType::Void => "NULL",
    }
}

/// A type as `typeof` names it: in lower case, without blanks after points and commas.
pub(super) fn lower(arrow: &Arrow) -> String {
    from_arrow(arrow).to_string().to_lowercase().replace(": ", ":").replace(", ", ",")
}

/// Spark's name of a type in error messages: `"BIGINT"`.
pub(super) fn shown(arrow: &Arrow) -> String {
    format!("\"{}\"", from_arrow(arrow))
}

/// The type in which the engine computes and stores a value of this type: text as UTF-8, instants in microseconds,
/// whole numbers with a sign, nothing encoded.
pub(super) fn canonical(arrow: &Arrow) -> Arrow {
    match arrow {
        Arrow::UInt8 => Arrow::Int16,
        Arrow::UInt16 => Arrow::Int32,
        Arrow::UInt32 | Arrow::UInt64 => Arrow::Int64,
        Arrow::Float16 => Arrow::Float32,
        Arrow::LargeUtf8 | Arrow::Utf8View => Arrow::Utf8,
        Arrow::LargeBinary | Arrow::BinaryView | Arrow::FixedSizeBinary(_) => Arrow::Binary,
        Arrow::Date64 => Arrow::Date32,
        Arrow::Timestamp(_, Some(_)) => timestamp(),
        Arrow::Timestamp(_, None) => timestamp_ntz(),
        Arrow::Decimal32(p, s) | Arrow::Decimal64(p, s) | Arrow::Decimal256(p, s) => {
            Arrow::Decimal128((*p).min(38), *s)
        }
        Arrow::Dictionary(_, value) => canonical(value),
        Arrow::List(field)
        | Arrow::LargeList(field)
        | Arrow::ListView(field)
        | Arrow::LargeListView(field)
        | Arrow::FixedSizeList(field, _) => {
            Arrow::List(Arc::new(Field::new("element", canonical(field.data_type()), field.is_nullable())))
        }
        Arrow::Struct(fields) => Arrow::Struct(
            fields
                .iter()
                .map(|f| Field::new(f.name(), canonical(f.data_type()), f.is_nullable()))
                .collect::<Vec<_>>()
                .into(),
        ),
        Arrow::Map(entries, sorted) => match entries.data_type() {
            Arrow::Struct(fields) if fields.len() == 2 => {
                let fields = Fields::from(vec![
                    Field::new("key", canonical(fields[0].data_type()), false),
                    Field::new("value", canonical(fields[1].data_type()), fields[1].is_nullable()),
                ]);
                Arrow::Map(Arc::new(Field::new("key_value", Arrow::Struct(fields), false)), *sorted)
            }
            _ => arrow.clone(),
        },
        other => other.clone(),
    }
}

/// The canonical type, where any part may be NULL but the keys of maps.
pub(super) fn nullable(arrow: &Arrow) -> Arrow {
    match canonical(arrow) {
        Arrow::List(field) => Arrow::List(Arc::new(Field::new("element", nullable(field.data_type()), true))),
        Arrow::Struct(fields) => Arrow::Struct(
            fields.iter().map(|f| Field::new(f.name(), nullable(f.data_type()), true)).collect::<Vec<_>>().into(),
        ),
        Arrow::Map(entries, _) => match entries.data_type() {
            Arrow::Struct(fields) if fields.len() == 2 => {
                let fields = Fields::from(vec![
                    Field::new("key", nullable(fields[0].data_type()), false),
                    Field::new("value", nullable(fields[1].data_type()), true),
                ]);
                Arrow::Map(Arc::new(Field::new("key_value", Arrow::Struct(fields), false)), false)
            }
            _ => Arrow::Map(entries, false),
        },
        other => other,
    }
}

/// Whether a number type is a whole number with a sign.
pub(super) fn is_integer(arrow: &Arrow) -> bool {
    matches!(arrow, Arrow::Int8 | Arrow::Int16 | Arrow::Int32 | Arrow::Int64)
}

/// Whether a type holds text.
pub(super) fn is_string(arrow: &Arrow) -> bool {
    matches!(arrow, Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View)
}

/// Digits before and after the point that hold any value of a number type, as Spark widens whole numbers to decimals.
pub(super) fn decimal_of(arrow: &Arrow) -> Option<(u8, i8)> {
    Some(match arrow {
        Arrow::Int8 | Arrow::UInt8 => (3, 0),
        Arrow::Int16 | Arrow::UInt16 => (5, 0),
        Arrow::Int32 | Arrow::UInt32 => (10, 0),
        Arrow::Int64 | Arrow::UInt64 => (20, 0),
        Arrow::Decimal128(p, s) => (*p, *s),
        _ => return None,
    })
}
