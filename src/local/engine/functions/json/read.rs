//! `from_json(text, schema[, options])`

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use datafusion::arrow::datatypes::{DataType, Fields};

use super::super::nested::{entry_of, item_of};
use super::super::numbers;
use super::super::records::{Cell, Options, Read, Reader};
use super::text::{Grammar, Json, is_whole};

pub(super) const FROM_JSON: Reader =
    Reader { name: "from_json", read: |text, target, options| Ok(record(text, target, options)) };

/// The grammar that options ask for.
pub(super) fn grammar(options: &Options) -> Grammar {
    let of = |name: &str, default: bool| options.is_on(name, default);
    let usual = Grammar::RECORDS;
    Grammar {
        comments: of("allowcomments", usual.comments),
        bare_names: of("allowunquotedfieldnames", usual.bare_names),
        single_quotes: of("allowsinglequotes", usual.single_quotes),
        leading_zeros: of("allownumericleadingzeros", usual.leading_zeros),
        non_numbers: of("allownonnumericnumbers", usual.non_numbers),
        any_escape: of("allowbackslashescapinganycharacter", usual.any_escape),
        control_characters: of("allowunquotedcontrolchars", usual.control_characters),
    }
}

/// Reads the first value of a text; what follows it does not matter.
fn record(text: &str, target: &DataType, options: &Options) -> Read {
    if text.trim_matches([' ', '\t', '\n', '\r']).is_empty() {
        return Read::Good(Cell::Null);
    }
    let grammar = grammar(options);
    match (target, Json::parse(text, grammar)) {
        (_, None) => Read::Bad,
        (_, Some(Json::Null)) => Read::Good(Cell::nothing(target)),
        // One struct stands for an array of it.
        (DataType::List(item), Some(one @ Json::Fields(_))) if matches!(item.data_type(), DataType::Struct(_)) => {
            match value(&one, item.data_type(), options) {
                Read::Good(cell) => Read::Good(Cell::Items(vec![cell])),
                Read::Partly(cell) => Read::Partly(Cell::Items(vec![cell])),
                Read::Bad => Read::Bad,
            }
        }
        (_, Some(json)) => value(&json, target, options),
    }
}

fn value(json: &Json, target: &DataType, options: &Options) -> Read {
    match (target, json) {
        (_, Json::Null) => Read::Good(Cell::Null),
        (DataType::Boolean, Json::Truth(truth)) => Read::Good(Cell::Truth(*truth)),
        (DataType::Utf8, Json::Text(text)) => Read::Good(Cell::Text(text.clone())),
        (DataType::Utf8, other) => {
            let mut text = String::new();
            other.write(&mut text);
            Read::Good(Cell::Text(text))
        }
        (DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64, Json::Number(number)) => {
            Read::of(whole(number, target).map(Cell::Whole))
        }
        (DataType::Float32, Json::Number(number)) => {
            Read::of(number.parse::<f32>().ok().map(|v| Cell::Double(v.into())))
        }
        (DataType::Float64, Json::Number(number)) => Read::of(number.parse().ok().map(Cell::Double)),
        (DataType::Float32 | DataType::Float64, Json::Text(text)) => {
            let found = match text.as_str() {
                "NaN" => Some(f64::NAN),
                "+INF" | "+Infinity" | "Infinity" | "INF" => Some(f64::INFINITY),
                "-INF" | "-Infinity" => Some(f64::NEG_INFINITY),
                _ => None,
            };
            Read::of(found.filter(|_| options.is_on("allownonnumericnumbers", true)).map(Cell::Double))
        }
        (DataType::Decimal128(p, s), Json::Number(text) | Json::Text(text)) => {
            Read::of(numbers::decimal(text, *p, *s).map(Cell::Decimal))
        }
        (DataType::Binary, Json::Text(text)) => Read::of(BASE64_STANDARD.decode(text).ok().map(Cell::Bytes)),
        (DataType::Date32 | DataType::Timestamp(..), Json::Text(text)) if !text.is_empty() => {
            Read::of(options.moment(text, target))
        }
        (DataType::Timestamp(_, Some(_)), Json::Number(number)) => {
            Read::of(whole(number, &DataType::Int64).and_then(|v| v.checked_mul(1_000_000)).map(Cell::Whole))
        }
        (DataType::List(_), Json::Items(items)) => {
            let item = item_of(target);
            all(items.iter().map(|one| value(one, &item, options)), Cell::Items)
        }
        (DataType::Map(..), Json::Fields(fields)) => {
            let item = entry_of(target).1;
            let named =
                |cells: Vec<Cell>| Cell::Entries(fields.iter().map(|(name, _)| name.clone()).zip(cells).collect());
            all(fields.iter().map(|(_, one)| value(one, &item, options)), named)
        }
        (DataType::Struct(fields), Json::Fields(found)) => row(fields, found, options),
        _ => Read::Bad,
    }
}

/// A whole number of a type. A TINYINT may be written without its sign, as Java reads bytes.
fn whole(number: &str, target: &DataType) -> Option<i64> {
    let value: i64 = if is_whole(number) { number.parse().ok()? } else { return None };
    match target {
        DataType::Int8 if (128..256).contains(&value) => Some(value - 256),
        DataType::Int8 => i8::try_from(value).ok().map(i64::from),
        DataType::Int16 => i16::try_from(value).ok().map(i64::from),
        DataType::Int32 => i32::try_from(value).ok().map(i64::from),
        _ => Some(value),
    }
}

/// Parts of one value: it is bad if one of them is.
fn all(parts: impl Iterator<Item = Read>, make: impl FnOnce(Vec<Cell>) -> Cell) -> Read {
    let (mut cells, mut good) = (Vec::new(), true);
    for part in parts {
        match part {
            Read::Good(cell) => cells.push(cell),
            Read::Partly(cell) => {
                cells.push(cell);
                good = false;
            }
            Read::Bad => return Read::Bad,
        }
    }
    if good { Read::Good(make(cells)) } else { Read::Partly(make(cells)) }
}

/// A struct: fields that cannot be read are NULL; of two of one name the last counts.
fn row(fields: &Fields, found: &[(String, Json)], options: &Options) -> Read {
    let (mut cells, mut good) = (vec![Cell::Null; fields.len()], true);
    for (name, json) in found {
        let Some(place) = fields.iter().position(|field| field.name() == name) else { continue };
        match value(json, fields[place].data_type(), options) {
            Read::Good(cell) => cells[place] = cell,
            Read::Partly(cell) => {
                cells[place] = cell;
                good = false;
            }
            Read::Bad => good = false,
        }
    }
    if good { Read::Good(Cell::Row(cells)) } else { Read::Partly(Cell::Row(cells)) }
}
