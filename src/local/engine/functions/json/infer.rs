//! `schema_of_json(text[, options])`: the type of a document.

use super::super::records::{Options, malformed};
use super::super::{moments, numbers};
use super::read::grammar;
use super::text::{Json, is_whole};
use crate::dialect::DataType;
use crate::local::engine::error::SqlError;
use crate::local::engine::functions::patterns::Use;

/// The type of the first value of a text, options written as a JSON object.
pub(in crate::local::engine) fn schema(text: &str, options: &str) -> Result<DataType, SqlError> {
    let options = Options::decode(options, Use::Read)?;
    if text.trim_matches([' ', '\t', '\n', '\r']).is_empty() {
        return Ok(DataType::String);
    }
    let json = Json::parse(text, grammar(&options)).ok_or_else(|| malformed(text))?;
    let keeps = !options.is_on("dropfieldifallnull", false);
    Ok(match field(&json, &options) {
        found @ DataType::Struct(_) => known(found, keeps).unwrap_or(DataType::Struct(Vec::new())),
        DataType::Array(Some(item)) if matches!(*item, DataType::Struct(_)) => {
            DataType::Array(Some(Box::new(known(*item, keeps).unwrap_or(DataType::Struct(Vec::new())))))
        }
        other => known(other, keeps).unwrap_or(DataType::String),
    })
}

/// The type of a value; VOID for one that says nothing.
fn field(json: &Json, options: &Options) -> DataType {
    let texts = options.is_on("primitivesasstring", false);
    match json {
        Json::Null => DataType::Void,
        Json::Text(text) if text.is_empty() => DataType::Void,
        Json::Text(text) => {
            if options.is_on("prefersdecimal", false)
                && let Some(found) = decimal(text)
            {
                return found;
            }
            let is_instant = options.is_on("infertimestamp", false)
                && match options.text("timestampformat") {
                    Some(_) => options.moment(text, &crate::local::engine::types::timestamp()).is_some(),
                    None => moments::parse_timestamp(text, true).is_some(),
                };
            if is_instant { DataType::Timestamp } else { DataType::String }
        }
        Json::Truth(_) | Json::Number(_) | Json::Plain(_) if texts => DataType::String,
        Json::Truth(_) => DataType::Boolean,
        Json::Number(number) | Json::Plain(number) => {
            if !is_whole(number) && !options.is_on("prefersdecimal", false) {
                DataType::Double
            } else if is_whole(number) && number.parse::<i64>().is_ok() {
                DataType::BigInt
            } else {
                decimal(number).unwrap_or(DataType::Double)
            }
        }
        Json::Items(items) => {
            let common = items.iter().map(|item| field(item, options)).fold(DataType::Void, common);
            DataType::Array(Some(Box::new(common)))
        }
        Json::Fields(fields) => {
            let mut found: Vec<_> =
                fields.iter().map(|(name, value)| (name.clone(), Some(field(value, options)))).collect();
            sort(&mut found);
            DataType::Struct(found)
        }
    }
}

/// The decimal that holds a number with all of its digits.
fn decimal(text: &str) -> Option<DataType> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').len().max(1);
    let precision = i32::try_from(significant).ok()?.max(scale);
    let (precision, scale) = (u8::try_from(precision).ok()?, u8::try_from(scale).ok()?);
    // It is one only if it can be read.
    numbers::decimal(text, 38, i8::try_from(scale).ok()?)?;
    (precision <= 38).then_some(DataType::Decimal(precision, scale))
}

/// Fields in the order of their names, as Java compares texts.
fn sort(fields: &mut [(String, Option<DataType>)]) {
    fields.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
}

/// The type that holds values of both.
fn common(a: DataType, b: DataType) -> DataType {
    match (a, b) {
        (DataType::Void, other) | (other, DataType::Void) => other,
        (a, b) if a == b => a,
        (DataType::BigInt | DataType::Decimal(..), DataType::Double)
        | (DataType::Double, DataType::BigInt | DataType::Decimal(..)) => DataType::Double,
        (DataType::BigInt, DataType::Decimal(p, s)) | (DataType::Decimal(p, s), DataType::BigInt) => {
            common(DataType::Decimal(20, 0), DataType::Decimal(p, s))
        }
        (DataType::Decimal(p1, s1), DataType::Decimal(p2, s2)) => {
            let scale = s1.max(s2);
            let precision = (p1 - s1).max(p2 - s2) + scale;
            if precision > 38 { DataType::Double } else { DataType::Decimal(precision, scale) }
        }
        (DataType::Array(Some(a)), DataType::Array(Some(b))) => DataType::Array(Some(Box::new(common(*a, *b)))),
        (DataType::Struct(mut fields), DataType::Struct(others)) => {
            for (name, other) in others {
                match fields.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, known)) => {
                        let (a, b) = (known.take().unwrap_or(DataType::Void), other.unwrap_or(DataType::Void));
                        *known = Some(common(a, b));
                    }
                    None => fields.push((name, other)),
                }
            }
            sort(&mut fields);
            DataType::Struct(fields)
        }
        _ => DataType::String,
    }
}

/// The type with STRING for what said nothing, or without such fields; none: nothing is left of it.
fn known(found: DataType, keeps: bool) -> Option<DataType> {
    match found {
        DataType::Void => keeps.then_some(DataType::String),
        DataType::Array(Some(item)) => known(*item, keeps).map(|item| DataType::Array(Some(Box::new(item)))),
        DataType::Struct(fields) => {
            let fields: Vec<_> = fields
                .into_iter()
                .filter(|(name, _)| !name.is_empty())
                .filter_map(|(name, t)| known(t?, keeps).map(|t| (name, Some(t))))
                .collect();
            (!fields.is_empty()).then_some(DataType::Struct(fields))
        }
        other => Some(other),
    }
}
