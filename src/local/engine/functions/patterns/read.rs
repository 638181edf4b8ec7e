//! Instants read by a pattern; a text without a zone is in UTC.

use chrono::{Datelike, NaiveDate, NaiveTime};

use super::{Behind, Item, MONTHS, Number, Pattern, Sign};
use crate::local::engine::functions::moments::{self, Zone};

impl Pattern {
    /// Reads an instant.
    pub(in crate::local::engine::functions) fn parse(&self, text: &str) -> Option<i64> {
        let (wall, zone) = self.fields(text)?;
        match zone {
            Some(zone) => zone.instant(wall),
            None => Some(wall),
        }
    }

    /// Reads a wall clock; a zone is read and then of no account.
    pub(in crate::local::engine::functions) fn parse_wall(&self, text: &str) -> Option<i64> {
        self.fields(text).map(|(wall, _)| wall)
    }

    fn fields(&self, text: &str) -> Option<(i64, Option<Zone>)> {
        let mut found = Fields::default();
        let rest = found.items(&self.items, text)?;
        if !rest.is_empty() {
            return None;
        }
        Some((moments::micros(found.date()?.and_time(found.time()?)), found.zone))
    }
}

/// What has been read so far.
#[derive(Clone, Default)]
struct Fields {
    year: Option<i64>,
    year_of_era: Option<i64>,
    before_christ: Option<bool>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    /// Of the half of the day, from 0.
    half_hour: Option<i64>,
    afternoon: Option<bool>,
    minute: Option<i64>,
    second: Option<i64>,
    micros: Option<i64>,
    modified_julian: Option<i64>,
    zone: Option<Zone>,
}

/// Sets a field; two different values are none.
fn set<T: PartialEq + Copy>(field: &mut Option<T>, value: T) -> Option<()> {
    if field.is_some_and(|known| known != value) {
        return None;
    }
    *field = Some(value);
    Some(())
}

impl Fields {
    fn items<'t>(&mut self, items: &[Item], text: &'t str) -> Option<&'t str> {
        let mut rest = text;
        for item in items {
            rest = match item {
                Item::Literal(literal) => without_case(rest, literal)?,
                Item::Number(number) => {
                    let (value, rest) = number.read(rest)?;
                    self.number(number, value)?;
                    rest
                }
                Item::Fraction(least, most) => {
                    let count = rest.bytes().take(*most).take_while(u8::is_ascii_digit).count();
                    let (digits, after) = rest.split_at_checked(count).filter(|_| count >= *least)?;
                    let padded: String = digits.chars().chain("000000".chars()).take(6).collect();
                    set(&mut self.micros, padded.parse().ok()?)?;
                    after
                }
                Item::Word(letter, short) => self.word(*letter, *short, rest)?,
                Item::Zone(letter, count) => {
                    let (zone, after) = zone(*letter, *count, rest)?;
                    self.zone = Some(zone);
                    after
                }
                Item::Optional(section) => {
                    let mut attempt = self.clone();
                    match attempt.items(section, rest) {
                        Some(after) => {
                            *self = attempt;
                            after
                        }
                        None => rest,
                    }
                }
            };
        }
        Some(rest)
    }

    fn number(&mut self, number: &Number, value: i64) -> Option<()> {
        let within = |low: i64, high: i64| (low..=high).contains(&value).then_some(value);
        match number.letter {
            'y' => set(&mut self.year_of_era, value),
            'u' => set(&mut self.year, value),
            'g' => set(&mut self.modified_julian, value),
            'M' | 'L' => set(&mut self.month, within(1, 12)?),
            'd' => set(&mut self.day, within(1, 31)?),
            'D' => set(&mut self.day_of_year, within(1, 366)?),
            'H' => set(&mut self.hour, within(0, 23)?),
            'k' => set(&mut self.hour, within(1, 24)? % 24),
            'h' => set(&mut self.half_hour, within(1, 12)? % 12),
            'K' => set(&mut self.half_hour, within(0, 11)?),
            'm' => set(&mut self.minute, within(0, 59)?),
            's' => set(&mut self.second, within(0, 59)?),
            _ => None,
        }
    }

    fn word<'t>(&mut self, letter: char, short: bool, text: &'t str) -> Option<&'t str> {
        match letter {
            'M' | 'L' => {
                for (name, number) in MONTHS.iter().zip(1..) {
                    let name = if short { &name[..3] } else { name };
                    if let Some(rest) = without_case(text, name) {
                        set(&mut self.month, number)?;
                        return Some(rest);
                    }
                }
                None
            }
            'a' => {
                let (rest, afternoon) = match without_case(text, "AM") {
                    Some(rest) => (rest, false),
                    None => (without_case(text, "PM")?, true),
                };
                set(&mut self.afternoon, afternoon)?;
                Some(rest)
            }
            'G' => {
                let (before, after) = if short { ("BC", "AD") } else { ("Before Christ", "Anno Domini") };
                let (rest, is_before) = match without_case(text, before) {
                    Some(rest) => (rest, true),
                    None => (without_case(text, after)?, false),
                };
                set(&mut self.before_christ, is_before)?;
                Some(rest)
            }
            _ => None,
        }
    }

    fn date(&mut self) -> Option<NaiveDate> {
        if let Some(year) = self.year_of_era {
            self.year = Some(if self.before_christ == Some(true) { 1_i64.checked_sub(year)? } else { year });
        }
        if self.before_christ.is_some() && self.year_of_era.is_some_and(|year| year < 1) {
            return None;
        }
        let year = self.year.map(i32::try_from).transpose().ok()?;
        let small = |n: Option<i64>| n.and_then(|n| u32::try_from(n).ok());
        let (month, day) = (small(self.month), small(self.day));
        if let Some(days) = self.modified_julian {
            return moments::date(i32::try_from(days.checked_sub(40_587)?).ok()?);
        }
        if let Some(days) = small(self.day_of_year)
            && (month.is_none() || day.is_none())
        {
            return NaiveDate::from_yo_opt(year.unwrap_or(1970), days);
        }
        let date = NaiveDate::from_ymd_opt(year.unwrap_or(1970), month.unwrap_or(1), day.unwrap_or(1))?;
        if year.is_some() && self.day_of_year.is_some_and(|days| days != i64::from(date.ordinal())) {
            return None;
        }
        Some(date)
    }

    fn time(&self) -> Option<NaiveTime> {
        let half = i64::from(self.afternoon == Some(true)) * 12;
        let of_halves = match (self.half_hour, self.afternoon) {
            (Some(hour), _) => Some(hour + half),
            _ => None,
        };
        let hour = match (self.hour, of_halves, self.afternoon) {
            (Some(hour), Some(other), Some(_)) if hour != other => return None,
            (Some(hour), Some(other), None) if hour % 12 != other => return None,
            (Some(hour), None, Some(afternoon)) if (hour >= 12) != afternoon => return None,
            (Some(hour), ..) => hour,
            (None, Some(hour), _) => hour,
            (None, None, _) => half,
        };
        let small = |n: i64| u32::try_from(n).ok();
        NaiveTime::from_hms_micro_opt(
            small(hour)?,
            small(self.minute.unwrap_or(0))?,
            small(self.second.unwrap_or(0))?,
            small(self.micros.unwrap_or(0))?,
        )
    }
}

impl Number {
    /// Reads the number and gives what follows it.
    fn read<'t>(&self, text: &'t str) -> Option<(i64, &'t str)> {
        let (negative, positive) = (text.starts_with('-'), text.starts_with('+'));
        let allowed = match self.sign {
            Sign::None => !negative && !positive,
            Sign::Minus => !positive,
            Sign::Both => true,
        };
        if !allowed {
            return None;
        }
        let text = &text[usize::from(negative || positive)..];
        let (mut most, reserved) = match self.behind {
            Behind::Digits(digits) => (self.most + digits, digits),
            Behind::Fixed => (self.most, 0),
        };
        let there = |most: usize| text.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let mut count = there(most);
        if reserved > 0 && count >= self.least {
            most = self.least.max(count.saturating_sub(reserved));
            count = there(most);
        }
        if count < self.least || count == 0 {
            return None;
        }
        let (digits, rest) = text.split_at(count);
        let value: i64 = digits.parse().ok()?;
        if negative && value == 0 {
            return None;
        }
        // More digits than the least are told by a plus.
        if self.sign == Sign::Both && !negative && positive != (count > self.least) {
            return None;
        }
        let value = if self.reduced { value + 2000 } else { value };
        Some((if negative { -value } else { value }, rest))
    }
}

/// What follows a prefix, in any case.
fn without_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    if let Some(rest) = text.strip_prefix(prefix) {
        return Some(rest);
    }
    let mut rest = text.chars();
    for wanted in prefix.chars() {
        let found = rest.next()?;
        if found != wanted && !found.to_uppercase().eq(wanted.to_uppercase()) {
            return None;
        }
    }
    Some(rest.as_str())
}

fn zone(letter: char, count: usize, text: &str) -> Option<(Zone, &str)> {
    let (zero, minutes, colon, seconds) = match (letter, count) {
        ('X' | 'x', 1) => ("Z", Part::Optional, false, Part::Missing),
        ('X' | 'x', 2) => ("Z", Part::Needed, false, Part::Missing),
        ('X' | 'x', 3) => ("Z", Part::Needed, true, Part::Missing),
        ('X' | 'x', 4) => ("Z", Part::Needed, false, Part::Optional),
        ('X' | 'x', _) | ('Z', 5) => ("Z", Part::Needed, true, Part::Optional),
        ('Z', 1..=3) => ("+0000", Part::Needed, false, Part::Missing),
        ('Z' | 'O', _) => {
            let rest = without_case(text, "GMT")?;
            if !rest.starts_with(['+', '-']) {
                return Some((Zone::seconds(0)?, rest));
            }
            return if count == 4 { offset(rest, Part::Needed, true, Part::Optional) } else { short_offset(rest) };
        }
        _ => return named(text),
    };
    if let Some(rest) = (letter != 'x').then(|| without_case(text, zero)).flatten() {
        return Some((Zone::seconds(0)?, rest));
    }
    offset(text, minutes, colon, seconds)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Missing,
    Optional,
    Needed,
}

/// `+02`, `+0230`, `+02:30:15`
fn offset(text: &str, minutes: Part, colon: bool, seconds: Part) -> Option<(Zone, &str)> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let two = |text: &str| -> Option<i32> {
        let digits = text.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
        digits.parse().ok()
    };
    let mut rest = &text[1..];
    let mut total = two(rest)? * 3600;
    rest = rest.get(2..)?;
    for (part, unit) in [(minutes, 60), (seconds, 1)] {
        let behind = if colon { rest.strip_prefix(':') } else { Some(rest) };
        match behind.and_then(|behind| Some((two(behind).filter(|n| *n < 60)?, behind.get(2..)?))) {
            Some((n, after)) if part != Part::Missing => {
                total += n * unit;
                rest = after;
            }
            None if part == Part::Needed => return None,
            _ => break,
        }
    }
    Some((Zone::seconds(sign * total)?, rest))
}

/// `+8`, `+8:30`
fn short_offset(text: &str) -> Option<(Zone, &str)> {
    let end = text[1..].find(|c: char| !c.is_ascii_digit() && c != ':').map_or(text.len(), |i| i + 1);
    let (offset, rest) = text.split_at(end);
    Some((Zone::parse(offset).ok()?, rest))
}

/// The longest name of a zone that the text begins with.
fn named(text: &str) -> Option<(Zone, &str)> {
    let most = text
        .char_indices()
        .take(50)
        .find(|(_, c)| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '+' | '-' | ':' | '~')))
        .map_or_else(|| text.char_indices().nth(50).map_or(text.len(), |(i, _)| i), |(i, _)| i);
    (1..=most)
        .rev()
        .filter(|end| text.is_char_boundary(*end))
        .find_map(|end| Some((Zone::parse(&text[..end]).ok()?, &text[end..])))
}
