//! Days and instants: from text and back, and calendar arithmetic. Days count from 1970-01-01, instants are microseconds.

use std::cmp::Ordering;

use chrono::{
    DateTime, Datelike, Days, MappedLocalTime, Months, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc,
};
use chrono_tz::Tz;

use crate::local::engine::error::SqlError;

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;

/// The day that a number stands for.
pub(super) fn date(days: i32) -> Option<NaiveDate> {
    if days >= 0 {
        NaiveDate::default().checked_add_days(Days::new(u64::from(days.unsigned_abs())))
    } else {
        NaiveDate::default().checked_sub_days(Days::new(u64::from(days.unsigned_abs())))
    }
}

/// The number of a day.
pub(super) fn days(date: NaiveDate) -> i32 {
    i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).unwrap_or(i32::MAX)
}

/// The wall clock in UTC at an instant.
pub(super) fn clock(micros: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|t| t.naive_utc())
}

/// The instant of a wall clock in UTC.
pub(super) fn micros(clock: NaiveDateTime) -> i64 {
    clock.and_utc().timestamp_micros()
}

/// Adds months; the last day of a shorter month takes the place of days that it does not have.
pub(super) fn add_months(date: NaiveDate, months: i64) -> Option<NaiveDate> {
    let size = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    if months >= 0 { date.checked_add_months(size) } else { date.checked_sub_months(size) }
}

/// The last day of the month.
pub(super) fn last_day(date: NaiveDate) -> Option<NaiveDate> {
    date.with_day(1)?.checked_add_months(Months::new(1))?.pred_opt()
}

/// Whole months from one instant to another, as Java counts them: a day that is not over goes first, and then days are compared
/// by their numbers, so that from 31 January 12:00 to 1 March 11:00 there is none.
pub(super) fn whole_months(from: NaiveDateTime, to: NaiveDateTime) -> i64 {
    let (start, end) = (from.date(), to.date());
    let end = match (end.cmp(&start), to.time().cmp(&from.time())) {
        (Ordering::Greater, Ordering::Less) => end.pred_opt().unwrap_or(end),
        (Ordering::Less, Ordering::Greater) => end.succ_opt().unwrap_or(end),
        _ => end,
    };
    let packed =
        |date: NaiveDate| (i64::from(date.year()) * 12 + i64::from(date.month0())) * 32 + i64::from(date.day());
    (packed(end) - packed(start)) / 32
}

/// A zone by region, offset or `UTC`.
#[derive(Clone)]
pub(super) enum Zone {
    Region(Tz),
    Offset(chrono::FixedOffset),
}

impl Zone {
    /// Reads a zone as Spark does: `Europe/Berlin`, `+02:00`, `UTC+1`, `Z`.
    pub(super) fn parse(text: &str) -> Result<Self, SqlError> {
        let trimmed = text.trim();
        let utc = || chrono::FixedOffset::east_opt(0).map(Self::Offset);
        let zone = match trimmed {
            "Z" | "z" | "UTC" | "GMT" | "UT" => utc(),
            _ => {
                let offset = ["UTC", "GMT", "UT"].iter().find_map(|p| trimmed.strip_prefix(p)).unwrap_or(trimmed);
                parse_offset(offset).map(Self::Offset).or_else(|| region(trimmed).map(Self::Region))
            }
        };
        zone.ok_or_else(|| {
            SqlError::new(
                "INVALID_TIMEZONE",
                "22009",
                format!(
                    "The timezone: {text} is invalid. The timezone must be either a region-based zone ID or a zone \
                     offset."
                ),
            )
        })
    }

    /// A zone so many seconds ahead of UTC, at most 18 hours.
    pub(super) fn seconds(ahead: i32) -> Option<Self> {
        chrono::FixedOffset::east_opt(ahead).filter(|_| ahead.abs() <= 18 * 3600).map(Self::Offset)
    }

    /// The wall clock there at an instant.
    pub(super) fn local(&self, micros: i64) -> Option<i64> {
        let instant = DateTime::<Utc>::from_timestamp_micros(micros)?;
        let offset = match self {
            Self::Region(zone) => zone.offset_from_utc_datetime(&instant.naive_utc()).fix(),
            Self::Offset(offset) => *offset,
        };
        micros.checked_add(i64::from(offset.local_minus_utc()) * 1_000_000)
    }

    /// The instant at which the wall clock there shows this: the earlier one where the hour comes twice, and moved
    /// forward by the gap where it does not come.
    pub(super) fn instant(&self, wall: i64) -> Option<i64> {
        let offset = match self {
            Self::Offset(offset) => *offset,
            Self::Region(zone) => {
                let clock = clock(wall)?;
                match zone.offset_from_local_datetime(&clock) {
                    MappedLocalTime::Single(offset) | MappedLocalTime::Ambiguous(offset, _) => offset.fix(),
                    MappedLocalTime::None => {
                        let before = clock.checked_sub_signed(chrono::TimeDelta::hours(24))?;
                        zone.offset_from_local_datetime(&before).earliest()?.fix()
                    }
                }
            }
        };
        wall.checked_sub(i64::from(offset.local_minus_utc()) * 1_000_000)
    }
}

/// A region by its name, or by one of the short names that Java has for some.
fn region(name: &str) -> Option<Tz> {
    let full = match name {
        "ACT" => "Australia/Darwin",
        "AET" => "Australia/Sydney",
        "AGT" => "America/Argentina/Buenos_Aires",
        "ART" => "Africa/Cairo",
        "AST" => "America/Anchorage",
        "BET" => "America/Sao_Paulo",
        "BST" => "Asia/Dhaka",
        "CAT" => "Africa/Harare",
        "CNT" => "America/St_Johns",
        "CST" => "America/Chicago",
        "CTT" => "Asia/Shanghai",
        "EAT" => "Africa/Addis_Ababa",
        "ECT" => "Europe/Paris",
        "EST" => "Etc/GMT+5",
        "HST" => "Etc/GMT+10",
        "IET" => "America/Indiana/Indianapolis",
        "IST" => "Asia/Kolkata",
        "JST" => "Asia/Tokyo",
        "MIT" => "Pacific/Apia",
        "MST" => "Etc/GMT+7",
        "NET" => "Asia/Yerevan",
        "NST" => "Pacific/Auckland",
        "PLT" => "Asia/Karachi",
        "PNT" => "America/Phoenix",
        "PRT" => "America/Puerto_Rico",
        "PST" => "America/Los_Angeles",
        "SST" => "Pacific/Guadalcanal",
        "VST" => "Asia/Ho_Chi_Minh",
        name => name,
    };
    full.parse().ok()
}

/// `+02:00`, `-3`, `+0530`, `+01:30:15`
fn parse_offset(text: &str) -> Option<chrono::FixedOffset> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some((hours, minutes)) => (hours, minutes),
        None if rest.len() == 4 && rest.is_ascii() => rest.split_at(2),
        None => (rest, "0"),
    };
    let (minutes, seconds) = minutes.split_once(':').unwrap_or((minutes, "0"));
    let digits = |text: &str| {
        let plain = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<i32>().ok().filter(|_| plain)
    };
    let (hours, minutes, seconds) = (digits(hours)?, digits(minutes)?, digits(seconds)?);
    let total = hours * 3600 + minutes * 60 + seconds;
    if total > 18 * 3600 || minutes > 59 || seconds > 59 {
        return None;
    }
    chrono::FixedOffset::east_opt(sign * total)
}

/// The number of a day of the calendar, which goes on in both directions without end; `None` if there is no such day.
fn civil_days(year: i64, month: u32, day: u32) -> Option<i64> {
    // The calendar repeats itself after 400 years, that is 146,097 days.
    let (era, within) = (year.div_euclid(400), i32::try_from(year.rem_euclid(400)).ok()?);
    let date = NaiveDate::from_ymd_opt(within, month, day)?;
    Some(era * 146_097 + date.signed_duration_since(NaiveDate::default()).num_days())
}

/// A day as `CAST` to STRING shows it; years of more than four digits have their sign.
pub(in crate::local::engine) fn show_date(days: i64) -> String {
    let base = NaiveDate::from_ymd_opt(0, 1, 1).unwrap_or_default();
    let since = days - base.signed_duration_since(NaiveDate::default()).num_days();
    let within = base.checked_add_days(Days::new(since.rem_euclid(146_097).unsigned_abs())).unwrap_or_default();
    let year = i64::from(within.year()) + since.div_euclid(146_097) * 400;
    let sign = match year {
        ..0 => "-",
        0..10_000 => "",
        _ => "+",
    };
    format!("{sign}{:04}-{:02}-{:02}", year.unsigned_abs(), within.month(), within.day())
}

/// Reads a day: `2026`, `2026-1`, `2026-01-31`, and whatever follows a blank or a `T` after the whole day.
pub(super) fn parse_date(text: &str) -> Option<i32> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("epoch") {
        return Some(0);
    }
    let (day, _) = text.split_once(['T', ' ']).filter(|(day, _)| day.matches('-').count() >= 2).unwrap_or((text, ""));
    calendar_day(day).and_then(|days| i32::try_from(days).ok())
}

fn calendar_day(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = text.split('-');
    let year = parts.next().filter(|y| (4..=7).contains(&y.len()))?;
    let mut next = |least: u32| match parts.next() {
        None => Some(least),
        Some(text) if (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        Some(_) => None,
    };
    let (month, day) = (next(1)?, next(1)?);
    if parts.next().is_some() || !year.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    civil_days(sign * year.parse::<i64>().ok()?, month, day)
}

/// Reads an instant; text without a zone is in UTC. A wall clock (`zoned` false) drops the zone.
pub(super) fn parse_timestamp(text: &str, zoned: bool) -> Option<i64> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("epoch") {
        return Some(0);
    }
    let (day, rest) = match text.find(['T', ' ']) {
        Some(i) if i + 1 == text.len() => return None,
        Some(i) => (&text[..i], text[i + 1..].trim()),
        None => (text, ""),
    };
    let days = calendar_day(day)?;
    let end = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.'))).unwrap_or(rest.len());
    let (time, zone) = (&rest[..end], rest[end..].trim());
    let time = if time.is_empty() { NaiveTime::default() } else { time_of_day(time)? };
    let time = i128::from(micros(NaiveDate::default().and_time(time)));
    let wall = i64::try_from(i128::from(days) * i128::from(DAY) + time).ok()?;
    if zone.is_empty() || !zoned {
        return Some(wall);
    }
    Zone::parse(zone).ok()?.instant(wall)
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = [0u32; 3];
    let mut given = 0;
    for part in clock.split(':') {
        if given == 3 || !(1..=2).contains(&part.len()) {
            return None;
        }
        parts[given] = part.parse().ok()?;
        given += 1;
    }
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) || given < 3 && !fraction.is_empty() {
        return None;
    }
    let padded: String = fraction.chars().chain("000000".chars()).take(6).collect();
    NaiveTime::from_hms_micro_opt(parts[0], parts[1], parts[2], padded.parse().ok()?)
}

/// An instant as `CAST` to STRING shows it: `2026-01-31 10:00:00.5`.
pub(super) fn show_timestamp(micros: i64) -> String {
    let (fraction, seconds) = (micros.rem_euclid(1_000_000), micros.rem_euclid(DAY) / 1_000_000);
    let day = show_date(micros.div_euclid(DAY));
    let time = format!("{day} {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction == 0 {
        return time;
    }
    let digits = format!("{fraction:06}");
    format!("{time}.{}", digits.trim_end_matches('0'))
}

/// The beginning of the unit that holds the wall clock; `None` for an unknown unit.
pub(super) fn truncate(unit: &str, wall: i64) -> Option<i64> {
    let step = match unit {
        "MICROSECOND" => return Some(wall),
        "MILLISECOND" => 1000,
        "SECOND" => 1_000_000,
        "MINUTE" => 60_000_000,
        "HOUR" => 3_600_000_000,
        "DAY" | "DD" => DAY,
        _ => {
            let day = i32::try_from(wall.div_euclid(DAY)).ok().and_then(date)?;
            return truncate_date(unit, day).map(|d| i64::from(days(d)) * DAY);
        }
    };
    Some(wall.div_euclid(step) * step)
}

/// The first day of the unit that holds the day; `None` for units shorter than a week and unknown ones.
pub(super) fn truncate_date(unit: &str, date: NaiveDate) -> Option<NaiveDate> {
    match unit {
        "YEAR" | "YYYY" | "YY" => NaiveDate::from_ymd_opt(date.year(), 1, 1),
        "QUARTER" => NaiveDate::from_ymd_opt(date.year(), date.month0() / 3 * 3 + 1, 1),
        "MONTH" | "MON" | "MM" => date.with_day(1),
        "WEEK" => date.checked_sub_days(Days::new(date.weekday().num_days_from_monday().into())),
        _ => None,
    }
}
