//! Instants written by a pattern, in UTC.

use chrono::{Datelike, NaiveDateTime, Timelike};

use super::{Item, MONTHS, Number, Pattern, Sign, WEEKDAYS};
use crate::local::engine::functions::moments::{self, DAY};

impl Pattern {
    /// Writes an instant; `None` if it is out of reach.
    pub(in crate::local::engine::functions) fn format(&self, micros: i64) -> Option<String> {
        let clock = moments::clock(micros)?;
        let mut text = String::new();
        let mut left: Vec<_> = vec![self.items.iter()];
        while let Some(items) = left.last_mut() {
            match items.next() {
                None => drop(left.pop()),
                Some(Item::Optional(section)) => left.push(section.iter()),
                Some(item) => write(item, clock, micros, &mut text)?,
            }
        }
        Some(text)
    }
}

fn write(item: &Item, clock: NaiveDateTime, micros: i64, text: &mut String) -> Option<()> {
    match item {
        Item::Literal(literal) => text.push_str(literal),
        Item::Number(number) => digits(number, value(number, clock, micros), text)?,
        Item::Fraction(_, count) => {
            let digits = format!("{:06}000", micros.rem_euclid(1_000_000));
            text.push_str(digits.get(..*count)?);
        }
        Item::Word(letter, short) => text.push_str(word(*letter, *short, clock)?),
        Item::Zone(letter, count) => text.push_str(match (letter, count) {
            ('X', _) | ('Z', 5) => "Z",
            ('x', 1) => "+00",
            ('x', 2 | 4) | ('Z', 1..=3) => "+0000",
            ('x', _) => "+00:00",
            ('Z' | 'O', _) => "GMT",
            ('z' | 'v', 4) => "Coordinated Universal Time",
            _ => "UTC",
        }),
        Item::Optional(_) => {}
    }
    Some(())
}

fn value(number: &Number, clock: NaiveDateTime, micros: i64) -> i64 {
    let year = i64::from(clock.year());
    let small = match number.letter {
        'y' if year < 1 => return 1 - year,
        'y' | 'u' => return year,
        'g' => return micros.div_euclid(DAY) + 40_587,
        'M' | 'L' => clock.month(),
        'Q' | 'q' => clock.month0() / 3 + 1,
        'd' => clock.day(),
        'D' => clock.ordinal(),
        'F' => clock.day0() % 7 + 1,
        'H' => clock.hour(),
        'k' => (clock.hour() + 23) % 24 + 1,
        'h' => (clock.hour() + 11) % 12 + 1,
        'K' => clock.hour() % 12,
        'm' => clock.minute(),
        _ => clock.second(),
    };
    i64::from(small)
}

fn digits(number: &Number, value: i64, text: &mut String) -> Option<()> {
    if number.reduced {
        text.push_str(&format!("{:02}", value.unsigned_abs() % 100));
        return Some(());
    }
    let digits = value.unsigned_abs().to_string();
    if digits.len() > number.most {
        return None;
    }
    if value < 0 {
        text.push('-');
    } else if number.sign == Sign::Both && digits.len() > number.least {
        text.push('+');
    }
    text.push_str(&format!("{digits:0>width$}", width = number.least));
    Some(())
}

fn word(letter: char, short: bool, clock: NaiveDateTime) -> Option<&'static str> {
    let quarter = clock.month0() as usize / 3;
    let name = match letter {
        'M' | 'L' => MONTHS[clock.month0() as usize],
        'E' => WEEKDAYS[clock.weekday().num_days_from_monday() as usize],
        'Q' | 'q' if short => return ["Q1", "Q2", "Q3", "Q4"].get(quarter).copied(),
        'Q' | 'q' => return ["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"].get(quarter).copied(),
        'a' => return Some(if clock.hour() < 12 { "AM" } else { "PM" }),
        _ => {
            return Some(match (clock.year() < 1, short) {
                (true, true) => "BC",
                (true, false) => "Before Christ",
                (false, true) => "AD",
                (false, false) => "Anno Domini",
            });
        }
    };
    if short { name.get(..3) } else { Some(name) }
}
