//! The type that values of two types take when they stand together, as Spark's ANSI rules have it.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};

use super::nested::{entry_of, list_of, map_of};
use crate::local::engine::intervals::Span;
use crate::local::engine::types;

/// The common type of several types; NULL of none.
pub(in crate::local::engine) fn of_all<'a>(all: impl IntoIterator<Item = &'a DataType>) -> Option<DataType> {
    // Text goes last: beside a number it gives way.
    let (texts, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|t| types::is_string(t));
    others.into_iter().chain(texts).try_fold(DataType::Null, |common, next| of(&common, next))
}

/// The common type of two types, if they have one.
pub(in crate::local::engine) fn of(a: &DataType, b: &DataType) -> Option<DataType> {
    if a == b {
        return Some(a.clone());
    }
    if let (Some(a), Some(b)) = (Span::of(a), Span::of(b)) {
        return a.with(b).map(Span::arrow);
    }
    match (a, b) {
        (DataType::Null, other) | (other, DataType::Null) => Some(other.clone()),
        (DataType::Utf8, other) | (other, DataType::Utf8) => match other {
            t if types::is_integer(t) => Some(DataType::Int64),
            t if t.is_numeric() => Some(DataType::Float64),
            DataType::Date32 | DataType::Timestamp(..) | DataType::Boolean | DataType::Binary => Some(other.clone()),
            _ => None,
        },
        (DataType::List(x), DataType::List(y)) => of(x.data_type(), y.data_type()).map(|item| list_of(&item)),
        (DataType::Map(..), DataType::Map(..)) => {
            let ((k1, v1), (k2, v2)) = (entry_of(a), entry_of(b));
            Some(map_of(&of(&k1, &k2)?, &of(&v1, &v2)?))
        }
        (DataType::Struct(x), DataType::Struct(y)) => {
            // An interval is no struct of one field.
            if Span::of(a).is_some() || Span::of(b).is_some() {
                return None;
            }
            if x.len() != y.len() || x.iter().zip(y).any(|(x, y)| !x.name().eq_ignore_ascii_case(y.name())) {
                return None;
            }
            let fields = x
                .iter()
                .zip(y)
                .map(|(x, y)| Some(Arc::new(Field::new(x.name(), of(x.data_type(), y.data_type())?, true))))
                .collect::<Option<Vec<_>>>()?;
            Some(DataType::Struct(fields.into()))
        }
        (DataType::Date32, DataType::Timestamp(..)) => Some(b.clone()),
        (DataType::Timestamp(..), DataType::Date32) => Some(a.clone()),
        (DataType::Timestamp(..), DataType::Timestamp(..)) => Some(types::timestamp()),
        (a, b) if a.is_numeric() && b.is_numeric() => number(a, b),
        _ => None,
    }
}

fn number(a: &DataType, b: &DataType) -> Option<DataType> {
    let decimal = |t: &DataType| matches!(t, DataType::Decimal128(..));
    let floating = |t: &DataType| matches!(t, DataType::Float32 | DataType::Float64);
    if types::is_integer(a) && types::is_integer(b) {
        return Some(if a.primitive_width() >= b.primitive_width() { a.clone() } else { b.clone() });
    }
    if floating(a) || floating(b) {
        // A FLOAT does not hold every INT.
        let both = *a == DataType::Float32 && *b == DataType::Float32;
        return Some(if both { DataType::Float32 } else { DataType::Float64 });
    }
    if decimal(a) || decimal(b) {
        let ((p1, s1), (p2, s2)) = (types::decimal_of(a)?, types::decimal_of(b)?);
        let (whole, scale) = ((i16::from(p1) - i16::from(s1)).max(i16::from(p2) - i16::from(s2)), s1.max(s2));
        // Digits after the point go first where there is no room for all.
        let whole = whole.min(38);
        let scale = i16::from(scale).min(38 - whole);
        return Some(DataType::Decimal128(u8::try_from(whole + scale).ok()?, i8::try_from(scale).ok()?));
    }
    None
}

/// The common type of two types of which neither is text where the other is not.
pub(super) fn without_text(a: &DataType, b: &DataType) -> Option<DataType> {
    if mixes_text(a, b) { None } else { of(a, b) }
}

/// The type that holds the values of both unchanged; whole numbers do not become decimals.
pub(super) fn tightest(a: &DataType, b: &DataType) -> Option<DataType> {
    let is_decimal = |t: &DataType| matches!(t, DataType::Decimal128(..));
    if is_decimal(a) != is_decimal(b) && a.is_numeric() && b.is_numeric() { None } else { without_text(a, b) }
}

fn mixes_text(a: &DataType, b: &DataType) -> bool {
    match (a, b) {
        (DataType::Null, _) | (_, DataType::Null) => false,
        (DataType::List(x), DataType::List(y)) => mixes_text(x.data_type(), y.data_type()),
        (DataType::Struct(x), DataType::Struct(y)) => {
            x.iter().zip(y).any(|(x, y)| mixes_text(x.data_type(), y.data_type()))
        }
        (a, b) => types::is_string(a) != types::is_string(b),
    }
}
