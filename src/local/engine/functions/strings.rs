//! More functions of text: distances, masks, encodings, and the same of bytes.

use std::sync::Arc;

use base64::Engine as _;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, Float64Array, Int32Array, StringArray};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Result;

use super::simple::{Simple, Takes};
use super::text::{row, rows};
use crate::local::engine::error::SqlError;

const TEXT: Takes = Takes::Text;
const COUNT: Takes = Takes::Integer;

/// All functions of this family.
pub(super) fn functions() -> Vec<Simple> {
    let int = |name, takes: &'static [Takes], required, eval| Simple {
        name,
        takes,
        required,
        returns: |_| DataType::Int32,
        eval,
    };
    let text = |name, takes: &'static [Takes], required, eval| Simple {
        name,
        takes,
        required,
        returns: |_| DataType::Utf8,
        eval,
    };
    let bytes = |name, takes: &'static [Takes], required, eval| Simple {
        name,
        takes,
        required,
        returns: |_| DataType::Binary,
        eval,
    };
    vec![
        int("levenshtein", &[TEXT, TEXT, COUNT], 2, |a| {
            numbers(a, |t, n| {
                let distance = i32::try_from(strsim::levenshtein(t[0], t[1])).unwrap_or(i32::MAX);
                match n.get(2) {
                    Some(limit) if i64::from(distance) > *limit => -1,
                    _ => distance,
                }
            })
        }),
        int("find_in_set", &[TEXT, TEXT], 2, |a| {
            numbers(a, |t, _| {
                let at = t[1].split(',').position(|part| part == t[0]).filter(|_| !t[0].contains(','));
                at.and_then(|i| i32::try_from(i + 1).ok()).unwrap_or(0)
            })
        }),
        int("octet_length", &[Takes::Binary], 1, |a| length(a, 1)),
        int("bit_length", &[Takes::Binary], 1, |a| length(a, 8)),
        text("base64", &[Takes::Binary], 1, |a| {
            let bytes = a[0].as_binary::<i32>();
            Ok(Arc::new(StringArray::from_iter(bytes.iter().map(|bytes| bytes.map(base64_lines)))))
        }),
        text("overlay", &[TEXT, TEXT, COUNT, COUNT], 3, |a| {
            rows(a, |t, n| {
                let chars: Vec<char> = t[0].chars().collect();
                let count = match n.get(3) {
                    Some(count) if *count >= 0 => *count,
                    _ => i64::try_from(t[1].chars().count()).unwrap_or(i64::MAX),
                };
                let (head, tail) =
                    (slice(&chars, 1, Some(n[2].saturating_sub(1))), slice(&chars, n[2].saturating_add(count), None));
                Ok(Some(head.iter().chain(&t[1].chars().collect::<Vec<_>>()).chain(tail).collect()))
            })
        }),
        Simple {
            name: "jaro_winkler_similarity",
            takes: &[TEXT, TEXT],
            required: 2,
            returns: |_| DataType::Float64,
            eval: |a| {
                let found: Float64Array =
                    (0..a[0].len()).map(|i| row(a, i).map(|(t, _)| strsim::jaro_winkler(t[0], t[1]))).collect();
                Ok(Arc::new(found))
            },
        },
        text("char", &[Takes::Truncated], 1, |a| rows(a, |_, n| Ok(Some(character(n[0]))))),
        text("validate_utf8", &[Takes::Bytes], 1, |a| validated(a, false)),
        text("try_validate_utf8", &[Takes::Bytes], 1, |a| validated(a, true)),
        text("collation", &[TEXT], 1, |a| {
            Ok(Arc::new(StringArray::from(vec!["SYSTEM.BUILTIN.UTF8_BINARY"; a[0].len()])))
        }),
        text("mask", &[TEXT, TEXT, TEXT, TEXT, TEXT], 1, mask),
        bytes("encode", &[TEXT, TEXT], 2, |a| binaries(a, |t| encoded(t[0], t[1]).map(Some))),
        text("decode", &[Takes::Binary, TEXT], 2, decode),
        bytes("to_binary", &[TEXT, TEXT], 1, |a| {
            binaries(a, |t| {
                let format = t.get(1).copied().unwrap_or("hex");
                binary_of(t[0], format)?.map(Some).ok_or_else(|| {
                    SqlError::new(
                        "CONVERSION_INVALID_INPUT",
                        "22018",
                        format!(
                            "The value '{}' cannot be converted to \"BINARY\" because it is malformed. Use `try_to_binary` \
                             to tolerate malformed input and return NULL instead.",
                            t[0]
                        ),
                    )
                })
            })
        }),
        bytes("try_to_binary", &[TEXT, TEXT], 1, |a| {
            binaries(a, |t| binary_of(t[0], t.get(1).copied().unwrap_or("hex")))
        }),
        bytes("unbase64", &[TEXT], 1, |a| {
            binaries(a, |t| {
                mime(t[0]).map(Some).ok_or_else(|| {
                    SqlError::new(
                        "CONVERSION_INVALID_INPUT",
                        "22018",
                        format!("The value '{}' cannot be converted to \"BINARY\" because it is malformed.", t[0]),
                    )
                })
            })
        }),
        bytes("binary_overlay", &[Takes::Binary, Takes::Binary, COUNT, COUNT], 3, |a| {
            let (values, others) = (a[0].as_binary::<i32>(), a[1].as_binary::<i32>());
            each_binary(a, |i, n| {
                let (value, other) = (values.value(i), others.value(i));
                let count = n.get(3).copied().filter(|count| *count >= 0);
                let count = count.unwrap_or(i64::try_from(other.len()).unwrap_or(i64::MAX));
                let (head, tail) =
                    (slice(value, 1, Some(n[2].saturating_sub(1))), slice(value, n[2].saturating_add(count), None));
                Some([head, other, tail].concat())
            })
        }),
        bytes("binary_substring", &[Takes::Binary, COUNT, COUNT], 2, |a| {
            let values = a[0].as_binary::<i32>();
            each_binary(a, |i, n| Some(slice(values.value(i), n[1], n.get(2).copied()).to_vec()))
        }),
        bytes("binary_lpad", &[Takes::Binary, COUNT, Takes::Binary], 2, |a| pad(a, true)),
        bytes("binary_rpad", &[Takes::Binary, COUNT, Takes::Binary], 2, |a| pad(a, false)),
    ]
}

/// The character of a number, counted on from its last eight bits; none below zero.
fn character(number: i64) -> String {
    if number < 0 {
        return String::new();
    }
    u8::try_from(number % 256).map(|byte| char::from(byte).to_string()).unwrap_or_default()
}

/// Text that is UTF-8; what is not is an error, or NULL if `tolerant`.
fn validated(args: &[ArrayRef], tolerant: bool) -> Result<ArrayRef> {
    let mut found = Vec::with_capacity(args[0].len());
    for bytes in args[0].as_binary::<i32>() {
        found.push(match bytes.map(std::str::from_utf8) {
            None => None,
            Some(Ok(text)) => Some(text),
            Some(Err(_)) if tolerant => None,
            Some(Err(_)) => {
                return Err(SqlError::new(
                    "INVALID_UTF8_STRING",
                    "22029",
                    "A string is no valid UTF-8. Use `try_validate_utf8` to have NULL instead.",
                )
                .into());
            }
        });
    }
    Ok(Arc::new(StringArray::from(found)))
}

/// The part of a sequence from a position, counted from 1 or from the end, and of a length.
fn slice<T>(all: &[T], from: i64, count: Option<i64>) -> &[T] {
    let size = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let start = match from {
        p if p > 0 => p - 1,
        0 => 0,
        p => size.saturating_add(p),
    };
    let end = count.map_or(size, |count| start.saturating_add(count)).clamp(0, size);
    let start = start.clamp(0, size);
    let at = |n: i64| usize::try_from(n).unwrap_or(0);
    if end <= start { &[] } else { &all[at(start)..at(end)] }
}

/// Bytes from base 64; what is no letter of it is passed over. `None` if the letters end too early or go on behind their
/// end.
fn mime(text: &str) -> Option<Vec<u8>> {
    let letter = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let letters: String = text.chars().filter(letter).collect();
    let digits = letters.trim_end_matches('=');
    let padding = letters.len() - digits.len();
    if digits.contains('=') || padding > 0 && !letters.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let config = base64::engine::GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone);
    base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, config).decode(digits).ok()
}

fn numbers(args: &[ArrayRef], f: fn(&[&str], &[i64]) -> i32) -> Result<ArrayRef> {
    let found: Int32Array = (0..args[0].len()).map(|i| row(args, i).map(|(t, n)| f(&t, &n))).collect();
    Ok(Arc::new(found))
}

fn length(args: &[ArrayRef], unit: usize) -> Result<ArrayRef> {
    let values = args[0].as_binary::<i32>();
    let found: Int32Array = values.iter().map(|v| v.and_then(|v| i32::try_from(v.len() * unit).ok())).collect();
    Ok(Arc::new(found))
}

fn binaries(args: &[ArrayRef], f: impl Fn(&[&str]) -> Result<Option<Vec<u8>>, SqlError>) -> Result<ArrayRef> {
    let mut builder = BinaryBuilder::new();
    for i in 0..args[0].len() {
        match row(args, i) {
            Some((t, _)) => builder.append_option(f(&t)?),
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// Applies to rows in which nothing is NULL; numbers stand at their argument's place.
fn each_binary(args: &[ArrayRef], f: impl Fn(usize, &[i64]) -> Option<Vec<u8>>) -> Result<ArrayRef> {
    let mut builder = BinaryBuilder::new();
    for i in 0..args[0].len() {
        if args.iter().any(|a| a.is_null(i)) {
            builder.append_null();
            continue;
        }
        let number = |a: &ArrayRef| match a.data_type() {
            DataType::Int64 => a.as_primitive::<Int64Type>().value(i),
            _ => 0,
        };
        builder.append_option(f(i, &args.iter().map(number).collect::<Vec<_>>()));
    }
    Ok(Arc::new(builder.finish()))
}

/// Fills bytes up to a length, with zeros if nothing else is given.
fn pad(args: &[ArrayRef], left: bool) -> Result<ArrayRef> {
    let values = args[0].as_binary::<i32>();
    let fills = args.get(2).map(|fills| fills.as_binary::<i32>());
    each_binary(args, |i, n| {
        let (value, wanted) = (values.value(i), usize::try_from(n[1]).unwrap_or(0));
        let fill = fills.map_or(&[0u8][..], |fills| fills.value(i));
        if value.len() >= wanted || fill.is_empty() {
            return Some(value[..wanted.min(value.len())].to_vec());
        }
        let filling = fill.iter().copied().cycle().take(wanted - value.len());
        Some(if left {
            filling.chain(value.iter().copied()).collect()
        } else {
            value.iter().copied().chain(filling).collect()
        })
    })
}

/// Letters, digits and the rest each replaced by a character; NULL keeps them.
fn mask(args: &[ArrayRef]) -> Result<ArrayRef> {
    let defaults = [Some('X'), Some('x'), Some('n'), None];
    let texts = args[0].as_string::<i32>();
    for given in args[1..].iter().flat_map(|by| by.as_string::<i32>().iter().flatten()) {
        if given.chars().count() != 1 {
            return Err(SqlError::new(
                "DATATYPE_MISMATCH.INPUT_SIZE_NOT_ONE",
                "42K09",
                format!("Length of what mask puts in must be 1, but it is '{given}'."),
            )
            .into());
        }
    }
    let mut found = Vec::with_capacity(texts.len());
    for i in 0..texts.len() {
        let by: Vec<Option<char>> = (0..4)
            .map(|n| match args.get(n + 1) {
                None => defaults[n],
                Some(given) if given.is_null(i) => None,
                Some(given) => given.as_string::<i32>().value(i).chars().next(),
            })
            .collect();
        found.push(texts.is_valid(i).then(|| {
            let masked = texts.value(i).chars().map(|c| {
                let other = if c.is_uppercase() {
                    by[0]
                } else if c.is_lowercase() {
                    by[1]
                } else if c.is_ascii_digit() {
                    by[2]
                } else {
                    by[3]
                };
                other.unwrap_or(c)
            });
            masked.collect::<String>()
        }));
    }
    Ok(Arc::new(StringArray::from(found)))
}

/// The character sets that Spark has.
fn charset(name: &str) -> Result<String, SqlError> {
    let upper = name.to_ascii_uppercase();
    match upper.as_str() {
        "UTF-8" | "US-ASCII" | "ISO-8859-1" | "UTF-16" | "UTF-16BE" | "UTF-16LE" => Ok(upper),
        "UTF-32" => Err(SqlError::unsupported("the character set UTF-32")),
        _ => Err(SqlError::new(
            "INVALID_PARAMETER_VALUE.CHARSET",
            "22023",
            format!(
                "The value of parameter(s) `charset` is invalid: expects one of ISO-8859-1, US-ASCII, UTF-16, UTF-16BE, \
                 UTF-16LE, UTF-32, UTF-8, but got {name}."
            ),
        )),
    }
}

fn malformed(charset: &str) -> SqlError {
    SqlError::new(
        "MALFORMED_CHARACTER_CODING",
        "22000",
        format!("A value cannot be written or read in the character set {charset}."),
    )
}

fn encoded(text: &str, name: &str) -> Result<Vec<u8>, SqlError> {
    let charset = charset(name)?;
    let wide = |big: bool| text.encode_utf16().flat_map(move |u| if big { u.to_be_bytes() } else { u.to_le_bytes() });
    Ok(match charset.as_str() {
        "UTF-8" => text.as_bytes().to_vec(),
        "UTF-16BE" => wide(true).collect(),
        "UTF-16LE" => wide(false).collect(),
        "UTF-16" => [0xfe, 0xff].into_iter().chain(wide(true)).collect(),
        single => {
            let most = if single == "US-ASCII" { 0x7f } else { 0xff };
            let byte =
                |c: char| u8::try_from(u32::from(c)).ok().filter(|b| *b <= most).ok_or_else(|| malformed(single));
            text.chars().map(byte).collect::<Result<_, _>>()?
        }
    })
}

fn decode(args: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, names) = (args[0].as_binary::<i32>(), args[1].as_string::<i32>());
    let mut found = Vec::with_capacity(values.len());
    for i in 0..values.len() {
        if values.is_null(i) || names.is_null(i) {
            found.push(None);
            continue;
        }
        let (value, charset) = (values.value(i), charset(names.value(i))?);
        let wide = |bytes: &[u8], big: bool| {
            let (pairs, rest) = bytes.as_chunks::<2>();
            let units: Vec<u16> =
                pairs.iter().map(|p| if big { u16::from_be_bytes(*p) } else { u16::from_le_bytes(*p) }).collect();
            String::from_utf16(&units).ok().filter(|_| rest.is_empty())
        };
        let text = match charset.as_str() {
            "UTF-8" => String::from_utf8(value.to_vec()).ok(),
            "US-ASCII" => value.is_ascii().then(|| value.iter().map(|b| char::from(*b)).collect()),
            "ISO-8859-1" => Some(value.iter().map(|b| char::from(*b)).collect()),
            "UTF-16LE" => wide(value, false),
            "UTF-16" if value.starts_with(&[0xff, 0xfe]) => wide(&value[2..], false),
            "UTF-16" if value.starts_with(&[0xfe, 0xff]) => wide(&value[2..], true),
            _ => wide(value, true),
        };
        found.push(Some(text.ok_or_else(|| malformed(&charset))?));
    }
    Ok(Arc::new(StringArray::from(found)))
}

/// Bytes from hexadecimal digits, base 64, or the text itself; `None` if it is malformed.
fn binary_of(text: &str, format: &str) -> Result<Option<Vec<u8>>, SqlError> {
    Ok(match format.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" => Some(text.as_bytes().to_vec()),
        "base64" => base64::prelude::BASE64_STANDARD.decode(text.split_whitespace().collect::<String>()).ok(),
        "hex" => {
            let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
            digits.map(|digits| {
                // An odd first digit is a byte of its own.
                let (first, rest) = digits.split_at(digits.len() % 2);
                let pairs = rest.chunks(2).map(|pair| pair[0] * 16 + pair[1]);
                first.iter().copied().chain(pairs).filter_map(|b| u8::try_from(b).ok()).collect()
            })
        }
        _ => {
            return Err(SqlError::new(
                "DATATYPE_MISMATCH.INVALID_ARG_VALUE",
                "42K09",
                format!("The `fmt` value must be one of 'hex', 'utf-8', 'utf8', 'base64', but got '{format}'."),
            ));
        }
    })
}

/// Base64 as mail has it: lines of 76 characters.
pub(super) fn base64_lines(bytes: &[u8]) -> String {
    const LINE: usize = 76;
    let text = base64::prelude::BASE64_STANDARD.encode(bytes);
    let mut lines = String::with_capacity(text.len() + text.len() / LINE * 2);
    for (i, c) in text.chars().enumerate() {
        if i > 0 && i % LINE == 0 {
            lines.push_str("\r\n");
        }
        lines.push(c);
    }
    lines
}
