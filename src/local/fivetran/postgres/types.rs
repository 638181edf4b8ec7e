//! PostgreSQL's types, and as what they land.

use datafusion::arrow::datatypes::{DataType, TimeUnit};

/// Digits behind the point of a `numeric` that declares none.
const FREE_SCALE: u8 = 10;

/// How a column is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    /// A `numeric` with precision and scale.
    Numeric(u8, u8),
    /// A `numeric` too wide for a decimal.
    WideNumeric,
    Date,
    /// With a zone or without: it lands as an instant either way, UTC where there is none.
    Timestamp,
    Bytes,
    /// Anything else that has a text.
    Text,
    /// Anything with an inner structure: it lands as JSON text.
    Json,
}

impl Kind {
    /// Finds out how to read a type, by its name, type and category in the catalogue and the column's modifier.
    pub(super) fn of(name: &str, kind: &str, category: &str, modifier: i32) -> Self {
        match (name, kind, category) {
            ("bool", ..) => Self::Bool,
            ("int2", ..) => Self::Int2,
            ("int4", ..) => Self::Int4,
            ("int8" | "oid", ..) => Self::Int8,
            ("float4", ..) => Self::Float4,
            ("float8", ..) => Self::Float8,
            ("numeric", ..) => numeric(modifier),
            ("date", ..) => Self::Date,
            ("timestamp" | "timestamptz", ..) => Self::Timestamp,
            ("bytea", ..) => Self::Bytes,
            ("hstore", ..) | (_, "r" | "m" | "c", _) | (_, _, "A") => Self::Json,
            _ => Self::Text,
        }
    }

    /// The type that it lands with.
    pub(super) fn arrow(self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int2 => DataType::Int16,
            Self::Int4 => DataType::Int32,
            Self::Int8 => DataType::Int64,
            Self::Float4 => DataType::Float32,
            Self::Float8 | Self::WideNumeric => DataType::Float64,
            Self::Numeric(precision, scale) => DataType::Decimal128(precision, scale as i8),
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Bytes => DataType::Binary,
            Self::Text | Self::Json => DataType::Utf8,
        }
    }

    /// The expression that gives a column in the form in which it is read.
    pub(super) fn expression(self, column: &str) -> String {
        match self {
            Self::Text | Self::Numeric(..) => format!("{column}::text"),
            Self::Json => format!("to_jsonb({column})::text"),
            Self::WideNumeric => format!("{column}::float8"),
            Self::Int8 => format!("{column}::int8"),
            Self::Timestamp => format!("{column}::timestamptz"),
            _ => column.to_owned(),
        }
    }
}

fn numeric(modifier: i32) -> Kind {
    if modifier < 4 {
        return Kind::Numeric(38, FREE_SCALE);
    }
    let packed = modifier - 4;
    let precision = (packed >> 16) & 0xffff;
    // The scale has 11 bits and a sign; a negative one means zeros before the point.
    let scale = ((packed & 0x7ff) ^ 1024) - 1024;
    let (precision, scale) = if scale < 0 { (precision - scale, 0) } else { (precision.max(scale), scale) };
    match (u8::try_from(precision), u8::try_from(scale)) {
        (Ok(precision @ 1..=38), Ok(scale)) => Kind::Numeric(precision, scale),
        _ => Kind::WideNumeric,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerics_are_read_by_their_modifier() {
        let modifier = |precision: i32, scale: i32| ((precision << 16) | (scale & 0x7ff)) + 4;
        for (modifier, expected) in [
            (-1, Kind::Numeric(38, 10)),
            (modifier(12, 2), Kind::Numeric(12, 2)),
            (modifier(5, 0), Kind::Numeric(5, 0)),
            (modifier(3, -2), Kind::Numeric(5, 0)),
            (modifier(2, 4), Kind::Numeric(4, 4)),
            (modifier(40, 2), Kind::WideNumeric),
        ] {
            assert_eq!(numeric(modifier), expected, "{modifier}");
        }
    }
}
