//! Spark's patterns for days and instants: `yyyy-MM-dd HH:mm:ss`. The common letters; others are refused by name.

use std::fmt::Write as _;

use chrono::{Datelike, NaiveDate, NaiveTime, Timelike};

use super::moments;
use crate::local::engine::error::SqlError;

/// A pattern, taken apart.
pub(super) struct Pattern {
    items: Vec<Item>,
}

enum Item {
    Literal(String),
    Field(char, usize),
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

impl Pattern {
    /// Takes a pattern apart.
    pub(super) fn new(pattern: &str) -> Result<Self, SqlError> {
        let mut items = Vec::new();
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            if c == '\'' {
                let mut literal = String::new();
                if chars.peek() == Some(&'\'') {
                    chars.next();
                    literal.push('\'');
                } else {
                    for c in chars.by_ref() {
                        if c == '\'' {
                            break;
                        }
                        literal.push(c);
                    }
                }
                items.push(Item::Literal(literal));
            } else if c.is_ascii_alphabetic() {
                let mut count = 1;
                while chars.peek() == Some(&c) {
                    chars.next();
                    count += 1;
                }
                check(c, count, pattern)?;
                items.push(Item::Field(c, count));
            } else {
                items.push(Item::Literal(c.to_string()));
            }
        }
        Ok(Self { items })
    }

    /// Writes an instant by the pattern, in UTC.
    pub(super) fn format(&self, micros: i64) -> Option<String> {
        let t = moments::clock(micros)?;
        let mut text = String::new();
        for item in &self.items {
            let (c, n) = match item {
                Item::Literal(literal) => {
                    text.push_str(literal);
                    continue;
                }
                Item::Field(c, n) => (*c, *n),
            };
            let month = MONTHS[t.month0() as usize];
            let weekday = WEEKDAYS[t.weekday().num_days_from_monday() as usize];
            let number = match c {
                'y' if n == 2 => t.year().rem_euclid(100).unsigned_abs(),
                'y' => t.year().unsigned_abs(),
                'M' | 'L' if n == 3 => {
                    text.push_str(&month[..3]);
                    continue;
                }
                'M' | 'L' if n == 4 => {
                    text.push_str(month);
                    continue;
                }
                'M' | 'L' => t.month(),
                'Q' | 'q' if n <= 2 => t.month0() / 3 + 1,
                'd' => t.day(),
                'D' => t.ordinal(),
                'E' => {
                    text.push_str(if n < 4 { &weekday[..3] } else { weekday });
                    continue;
                }
                'a' => {
                    text.push_str(if t.hour() < 12 { "AM" } else { "PM" });
                    continue;
                }
                'H' => t.hour(),
                'h' => (t.hour() + 11) % 12 + 1,
                'm' => t.minute(),
                's' => t.second(),
                'S' => {
                    let digits = format!("{:06}000", micros.rem_euclid(1_000_000));
                    text.push_str(&digits[..n]);
                    continue;
                }
                'X' => {
                    text.push('Z');
                    continue;
                }
                _ => return None,
            };
            let _ = write!(text, "{number:0>n$}");
        }
        Some(text)
    }

    /// Reads an instant by the pattern; a text without a zone is in UTC.
    pub(super) fn parse(&self, text: &str) -> Option<i64> {
        let mut rest = text;
        let (mut year, mut month, mut day) = (1970i32, 1u32, 1u32);
        let (mut hour, mut minute, mut second, mut fraction) = (0u32, 0u32, 0u32, 0u32);
        let (mut afternoon, mut twelve, mut zone) = (None, false, None);
        for (i, item) in self.items.iter().enumerate() {
            let (c, n) = match item {
                Item::Literal(literal) => {
                    rest = rest.strip_prefix(literal.as_str())?;
                    continue;
                }
                Item::Field(c, n) => (*c, *n),
            };
            // A field next to another field has a fixed width.
            let adjacent = matches!(self.items.get(i + 1), Some(Item::Field(..)));
            match c {
                'M' | 'L' if n >= 3 => {
                    let found = MONTHS.iter().position(|name| {
                        let name = if n == 3 { &name[..3] } else { name };
                        rest.get(..name.len()).is_some_and(|head| head == name)
                    })?;
                    let length = if n == 3 { 3 } else { MONTHS[found].len() };
                    rest = &rest[length..];
                    month = u32::try_from(found).ok()? + 1;
                }
                'a' => {
                    afternoon = Some(match rest.get(..2)?.to_ascii_uppercase().as_str() {
                        "AM" => false,
                        "PM" => true,
                        _ => return None,
                    });
                    rest = &rest[2..];
                }
                'X' => {
                    zone = Some(moments::Zone::parse(rest).ok()?);
                    rest = "";
                }
                _ => {
                    let most = match c {
                        'y' if n == 2 => 2,
                        'y' if adjacent => n,
                        'y' => 6,
                        'S' => n,
                        _ if adjacent || n > 1 => n.max(2),
                        'D' => 3,
                        _ => 2,
                    };
                    let least = if c == 'S' { 1 } else { n };
                    let length = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
                    if length < least {
                        return None;
                    }
                    let (digits, after) = rest.split_at(length);
                    rest = after;
                    let number: u32 = digits.parse().ok()?;
                    match c {
                        'y' => year = i32::try_from(number).ok()? + if n == 2 { 2000 } else { 0 },
                        'M' | 'L' => month = number,
                        'd' => day = number,
                        'H' => hour = number,
                        'h' => (hour, twelve) = (number, true),
                        'm' => minute = number,
                        's' => second = number,
                        'S' => {
                            let padded: String = digits.chars().chain("000000".chars()).take(6).collect();
                            fraction = padded.parse().ok()?;
                        }
                        _ => return None,
                    }
                }
            }
        }
        if !rest.is_empty() {
            return None;
        }
        if twelve {
            if !(1..=12).contains(&hour) {
                return None;
            }
            hour = hour % 12 + if afternoon? { 12 } else { 0 };
        }
        let date = NaiveDate::from_ymd_opt(year, month, day)?;
        let wall = moments::micros(date.and_time(NaiveTime::from_hms_micro_opt(hour, minute, second, fraction)?));
        match zone {
            Some(zone) => zone.instant(wall),
            None => Some(wall),
        }
    }
}

/// Refuses letters that are not read here.
fn check(c: char, count: usize, pattern: &str) -> Result<(), SqlError> {
    let most = match c {
        'y' => 6,
        'M' | 'L' | 'E' => 4,
        'd' | 'H' | 'h' | 'm' | 's' | 'Q' | 'q' => 2,
        'D' => 3,
        'S' => 9,
        'a' => 1,
        'X' => 3,
        _ => 0,
    };
    if count <= most {
        return Ok(());
    }
    Err(SqlError::unsupported(&format!("'{}' in the datetime pattern '{pattern}'", c.to_string().repeat(count))))
}
