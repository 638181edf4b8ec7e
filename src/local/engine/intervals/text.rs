//! Intervals as text, in literals and casts.

use super::{Span, Unit};
use crate::local::engine::error::SqlError;

/// `INTERVAL '1 02:03:04.5' DAY TO SECOND`
pub(in crate::local::engine) fn show(value: i64, span: Span) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let mut rest = value.unsigned_abs();
    let mut text = String::new();
    for unit in Unit::ALL.into_iter().filter(|unit| (span.first..=span.last).contains(unit)) {
        let size = unit.size().unsigned_abs();
        let count = rest / size;
        rest %= size;
        if unit > span.first {
            text.push(match unit {
                Unit::Year | Unit::Month => '-',
                Unit::Day | Unit::Hour => ' ',
                Unit::Minute | Unit::Second => ':',
            });
        }
        text.push_str(&if unit > Unit::Day { format!("{count:02}") } else { count.to_string() });
        if unit == Unit::Second && rest > 0 {
            text.push_str(format!(".{rest:06}").trim_end_matches('0'));
        }
    }
    format!("INTERVAL '{sign}{text}' {}", span.qualifier())
}

/// The months or microseconds of a text that is cast to an interval type: `1 02:03` or the literal of that type.
pub(in crate::local::engine) fn read(text: &str, span: Span) -> Result<i64, SqlError> {
    let unmatched = || {
        malformed(
            "UNMATCHED_FORMAT_STRING_WITH_NOTICE",
            &format!("{text:?} does not have the form of the type INTERVAL {}", span.qualifier()),
        )
    };
    let trimmed = text.trim();
    let prefix = trimmed.get(..8).filter(|prefix| prefix.eq_ignore_ascii_case("interval"));
    let (negative, body) = match prefix {
        None => (false, trimmed),
        Some(prefix) => {
            let rest = trimmed[prefix.len()..].trim_start();
            let (negative, rest) = signed(rest);
            let (body, qualifier) =
                rest.strip_prefix('\'').and_then(|rest| rest.split_once('\'')).ok_or_else(unmatched)?;
            let words = qualifier.split_whitespace().collect::<Vec<_>>().join(" ");
            if Span::named(&words) != Some(span) {
                return Err(unmatched());
            }
            (negative, body)
        }
    };
    fields(body, span, negative, &unmatched)
}

/// Whether a sign at the beginning is a minus, and what follows it.
fn signed(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// Reads fields that stand as their type has them.
fn fields(body: &str, span: Span, negative: bool, unmatched: &dyn Fn() -> SqlError) -> Result<i64, SqlError> {
    let (minus, mut rest) = signed(body.trim());
    let mut total = 0_i128;
    for unit in Unit::ALL.into_iter().filter(|unit| (span.first..=span.last).contains(unit)) {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at(end);
        if digits.is_empty() || digits.len() > 19 {
            return Err(unmatched());
        }
        let count: i128 = digits.parse().map_err(|_| unmatched())?;
        if unit > span.first {
            let most = match unit {
                Unit::Month => 11,
                Unit::Hour => 23,
                _ => 59,
            };
            if count > most {
                return Err(malformed(
                    "INTERVAL_PARSING",
                    &format!("{} {count} is outside the range [0, {most}]", unit.name().to_lowercase()),
                ));
            }
        }
        total += count * i128::from(unit.size());
        rest = after;
        if unit == Unit::Second
            && let Some(fraction) = rest.strip_prefix('.')
        {
            if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
                return Err(unmatched());
            }
            total += format!("{fraction:0<6}")[..6].parse::<i128>().map_err(|_| unmatched())?;
            rest = "";
        }
        if unit < span.last {
            let between = match unit {
                Unit::Year | Unit::Month => '-',
                Unit::Day => ' ',
                Unit::Hour | Unit::Minute | Unit::Second => ':',
            };
            rest = rest.strip_prefix(between).ok_or_else(unmatched)?;
        }
    }
    if !rest.is_empty() {
        return Err(unmatched());
    }
    fitting(if negative == minus { total } else { -total }, span)
}

fn fitting(total: i128, span: Span) -> Result<i64, SqlError> {
    i64::try_from(total)
        .ok()
        .filter(|value| span.holds(*value))
        .ok_or_else(|| malformed("ARITHMETIC_EXCEPTION", &format!("it is too long for INTERVAL {}", span.qualifier())))
}

/// The value and the type of a literal: its text, and the fields that follow it.
pub(in crate::local::engine) fn literal(
    text: &str,
    first: Option<&str>,
    last: Option<&str>,
) -> Result<(i64, Span), SqlError> {
    match (first, last) {
        (Some(first), Some(last)) => {
            let span = Unit::named(first)
                .zip(Unit::named(last))
                .and_then(|(first, last)| if first == last { None } else { Span::new(first, last) });
            let span = span.ok_or_else(|| {
                malformed("UNSUPPORTED_FROM_TO_EXPRESSION", &format!("there is no interval from {first} to {last}"))
            })?;
            let unmatched = || {
                malformed(
                    "UNMATCHED_FORMAT_STRING_WITH_NOTICE",
                    &format!("{text:?} does not have the form of the type INTERVAL {}", span.qualifier()),
                )
            };
            fields(text, span, false, &unmatched).map(|value| (value, span))
        }
        (Some(unit), None) => read_units(&format!("{text} {unit}")),
        _ => read_units(text),
    }
}

/// The value and the type of `1 day -2 hours`.
fn read_units(text: &str) -> Result<(i64, Span), SqlError> {
    let text = text.trim();
    let rest =
        text.get(..8).filter(|head| head.eq_ignore_ascii_case("interval")).map_or(text, |head| &text[head.len()..]);
    // A sign may stand apart from its number.
    let spaced = rest.replace('-', " -").replace('+', " +").replace("- ", "-").replace("+ ", "+");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut found: Option<Span> = None;
    let mut total = 0_i128;
    if words.is_empty() {
        return Err(malformed("INPUT_IS_EMPTY", "the text is empty"));
    }
    for pair in words.chunks(2) {
        let [number, name] = *pair else {
            return Err(malformed("MISSING_UNIT", &format!("{text:?} has a number without a unit")));
        };
        let (unit, size) = unit_of(name)
            .ok_or_else(|| malformed("INVALID_UNIT", &format!("{name:?} in {text:?} is no unit of an interval")))?;
        let span = Span { first: unit, last: unit };
        found = Some(match found {
            None => span,
            Some(before) => before.with(span).ok_or_else(|| {
                SqlError::new(
                    "_LEGACY_ERROR_TEMP_0029",
                    "XX000",
                    "An interval cannot have years or months beside days or parts of days.",
                )
            })?,
        });
        total += amount(number, size, unit)
            .map_err(|condition| malformed(condition, &format!("{number:?} in {text:?} is no number of {name}")))?;
    }
    let span = found.unwrap_or(Span::DAY);
    Ok((fitting(total, span)?, span))
}

/// The field that holds a unit, and how many months or microseconds the unit has.
fn unit_of(name: &str) -> Option<(Unit, i64)> {
    if let Some(unit) = Unit::named(name) {
        return Some((unit, unit.size()));
    }
    Some(match name.to_ascii_lowercase().trim_end_matches('s') {
        "week" => (Unit::Day, 7 * Unit::Day.size()),
        "millisecond" => (Unit::Second, 1_000),
        "microsecond" => (Unit::Second, 1),
        _ => return None,
    })
}

/// So many of a unit; only seconds have fractions.
fn amount(number: &str, size: i64, unit: Unit) -> Result<i128, &'static str> {
    let (negative, digits) = signed(number);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || whole.len() > 19 || whole.is_empty() && fraction.is_empty() {
        return Err("INVALID_VALUE");
    }
    if digits.contains('.') && (unit != Unit::Second || size != unit.size()) {
        return Err("INVALID_FRACTION");
    }
    if fraction.len() > 9 {
        return Err("INVALID_PRECISION");
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| "INVALID_VALUE")? };
    let part: i128 = format!("{fraction:0<6}")[..6].parse().map_err(|_| "INVALID_VALUE")?;
    let total = whole * i128::from(size) + part;
    Ok(if negative { -total } else { total })
}

fn malformed(condition: &str, text: &str) -> SqlError {
    SqlError::new(
        format!("INVALID_INTERVAL_FORMAT.{condition}"),
        "22006",
        format!("The interval cannot be read: {text}."),
    )
}
