//! `schedule` of a job: when the workspace itself runs it.
//!
//! People write cron as everywhere (`0 6 * * 1-5`); a workspace wants Quartz, which begins with the seconds, counts the days
//! of the week from Sunday = 1, and wants `?` for that kind of day that says nothing.

use super::Schedule;
use super::syncs::duration;
use super::walk::{Fields, Walk};
use super::yaml::Node;
use crate::diag::Diagnostic;

/// Keys of a schedule.
pub(super) const KEYS: [&str; 7] = ["cron", "timezone", "paused", "run_as", "timeout", "retries", "notify"];

/// Keys of `notify`.
pub(super) const NOTIFY_KEYS: [&str; 2] = ["on_failure", "on_success"];

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
/// From Sunday, which cron counts as 0 (or 7) and Quartz as 1.
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The most times that a step may be tried again.
const MOST_RETRIES: u32 = 10;

pub(super) fn read(walk: &mut Walk<'_>, node: &Node) -> Option<Schedule> {
    let fields = walk.fields(node, "`schedule`", &KEYS)?;
    let quartz = cron(walk, &fields);
    let timezone = timezone(walk, &fields);
    let paused = fields.get("paused").and_then(|node| walk.boolean(node, "`paused`")).unwrap_or(false);
    let run_as = fields.get("run_as").and_then(|node| walk.text(node, "`run_as`"));
    let timeout = fields.get("timeout").and_then(|node| duration(walk, node, "`timeout`"));
    let retries = fields.get("retries").and_then(|node| {
        let retries: u32 = walk.integer(node, "`retries`", "from 0 to 10")?;
        if retries <= MOST_RETRIES {
            return Some(retries);
        }
        walk.error("bad-value", &node.range, format!("`retries` is {retries}, and can be {MOST_RETRIES} at most"));
        None
    });
    let (mut on_failure, mut on_success) = (Vec::new(), Vec::new());
    if let Some(node) = fields.get("notify")
        && let Some(fields) = walk.fields(node, "`notify`", &NOTIFY_KEYS)
    {
        on_failure = addresses(walk, fields.get("on_failure"), "`on_failure`");
        on_success = addresses(walk, fields.get("on_success"), "`on_success`");
    }
    Some(Schedule {
        quartz: quartz?,
        timezone: timezone?,
        paused,
        run_as,
        timeout,
        retries: retries.unwrap_or(0),
        on_failure,
        on_success,
        span: walk.span(&node.range),
    })
}

/// Reads `cron`, and writes it as Quartz does.
pub(super) fn cron(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<String> {
    let node = walk.require(fields, "cron")?;
    let text = walk.text(node, "`cron`")?;
    match quartz(&text) {
        Ok(quartz) => Some(quartz),
        Err(why) => {
            let help = "Write five fields, minute, hour, day of the month, month, day of the week: `0 6 * * 1-5` is \
                        six o'clock on weekdays.";
            let diagnostic = Diagnostic::error("bad-cron", format!("`{text}` is not a schedule: {why}")).help(help);
            walk.report(diagnostic, &node.range);
            None
        }
    }
}

/// Reads `timezone`.
pub(super) fn timezone(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<String> {
    let node = walk.require(fields, "timezone")?;
    let text = walk.text(node, "`timezone`")?;
    if is_time_zone(&text) {
        return Some(text);
    }
    let diagnostic = Diagnostic::error("bad-value", format!("`{text}` is not the name of a time zone"))
        .help("Write `UTC`, or area and city, such as `Europe/Berlin`: abbreviations do not follow summer time.");
    walk.report(diagnostic, &node.range);
    None
}

/// Reads e-mail addresses.
pub(super) fn addresses(walk: &mut Walk<'_>, node: Option<&Node>, what: &str) -> Vec<String> {
    let Some(node) = node else { return Vec::new() };
    let mut addresses = Vec::new();
    for (text, range) in walk.texts(node, what).unwrap_or_default() {
        match text.split_once('@') {
            Some((name, host)) if !name.is_empty() && host.contains('.') && !text.contains(char::is_whitespace) => {
                addresses.push(text);
            }
            _ => walk.error("bad-value", &range, format!("`{text}` is not an e-mail address")),
        }
    }
    addresses.sort();
    addresses.dedup();
    addresses
}

/// Tells whether a text has the form of a time zone's name. Which there are, the workspace knows.
fn is_time_zone(text: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+'))
    };
    text == "UTC" || text.contains('/') && text.split('/').all(part)
}

/// Writes a cron expression of five fields as Quartz does; one of Quartz (six or seven) is taken as it is.
fn quartz(text: &str) -> Result<String, String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = match fields.as_slice() {
        [minute, hour, day, month, weekday] => [minute, hour, day, month, weekday],
        [_, _, _, day, _, weekday] | [_, _, _, day, _, weekday, _] => {
            return match (*day == "?", *weekday == "?") {
                (true, false) | (false, true) => Ok(fields.join(" ")),
                _ => Err("in Quartz's form, one of the two kinds of day is `?`".to_owned()),
            };
        }
        other => return Err(format!("it has {} fields", other.len())),
    };
    let minute = Field { what: "minute", range: 0..=59, names: &[], shift: 0 }.read(minute)?;
    let hour = Field { what: "hour", range: 0..=23, names: &[], shift: 0 }.read(hour)?;
    let day = Field { what: "day of the month", range: 1..=31, names: &[], shift: 0 }.read(day)?;
    let month = Field { what: "month", range: 1..=12, names: &MONTHS, shift: 1 }.read(month)?;
    let weekday = Field { what: "day of the week", range: 0..=7, names: &DAYS, shift: 0 }.read(weekday)?;
    let (day, weekday) = match (day.as_str(), weekday.as_str()) {
        (day, "*") => (day, "?".to_owned()),
        ("*", weekday) => ("?", weekday_of_quartz(weekday)),
        // Cron runs on days of either kind, which Quartz cannot say.
        _ => return Err("it names days of the month and of the week; use one of them".to_owned()),
    };
    Ok(format!("0 {minute} {hour} {day} {month} {weekday}"))
}

/// What may stand in a field of a cron expression.
struct Field {
    what: &'static str,
    range: std::ops::RangeInclusive<u32>,
    names: &'static [&'static str],
    /// The number of the first name.
    shift: u32,
}

impl Field {
    /// Checks a field, and writes names as numbers.
    fn read(&self, text: &str) -> Result<String, String> {
        let items: Result<Vec<String>, String> = text.split(',').map(|item| self.item(item)).collect();
        Ok(items?.join(","))
    }

    fn item(&self, item: &str) -> Result<String, String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        let from_to = match range.split_once('-') {
            _ if range == "*" => "*".to_owned(),
            Some((from, to)) => {
                let (from, to) = (self.number(from)?, self.number(to)?);
                if from > to {
                    return Err(format!("the {} runs from {from} to {to}", self.what));
                }
                format!("{from}-{to}")
            }
            None => self.number(range)?.to_string(),
        };
        match step {
            None => Ok(from_to),
            Some(step) => match step.parse::<u32>() {
                Ok(step) if step > 0 && step <= *self.range.end() => Ok(format!("{from_to}/{step}")),
                _ => Err(format!("`{step}` is not a step of the {}", self.what)),
            },
        }
    }

    fn number(&self, text: &str) -> Result<u32, String> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = named.and_then(|at| u32::try_from(at).ok()).map(|at| at + self.shift).or(text.parse().ok());
        number.filter(|number| self.range.contains(number)).ok_or_else(|| format!("there is no {} `{text}`", self.what))
    }
}

/// Writes days of the week that are counted from Sunday = 0 as those that are counted from Sunday = 1. A range that ends with
/// the Sunday 7 goes round the end of Quartz's week, and so its days are listed.
fn weekday_of_quartz(text: &str) -> String {
    let number = |day: &str| day.parse::<u32>().map_or_else(|_| day.to_owned(), |day| (day % 7 + 1).to_string());
    let item = |item: &str| {
        let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
        match range.split_once('-') {
            Some((from, to)) => {
                let (from, to) = (from.parse::<u32>().unwrap_or(0), to.parse::<u32>().unwrap_or(0));
                let step = step.and_then(|step| step.parse().ok()).unwrap_or(1);
                if to < 7 && step == 1 {
                    return format!("{}-{}", from + 1, to + 1);
                }
                (from..=to).step_by(step).map(|day| number(&day.to_string())).collect::<Vec<_>>().join(",")
            }
            // From that day to the end of the week, which is Saturday for both.
            None => step.map_or_else(|| number(range), |step| format!("{}/{step}", number(range))),
        }
    };
    text.split(',').map(item).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_becomes_quartz() {
        for (cron, expected) in [
            ("0 6 * * *", "0 0 6 * * ?"),
            ("*/15 6-18 * * *", "0 */15 6-18 * * ?"),
            ("0 6 * * 1-5", "0 0 6 ? * 2-6"),
            ("0 6 * * mon-fri", "0 0 6 ? * 2-6"),
            ("0 6 * * 0", "0 0 6 ? * 1"),
            ("0 6 * * 7", "0 0 6 ? * 1"),
            ("0 6 * * 5-7", "0 0 6 ? * 6,7,1"),
            ("0 6 * * 1-5/2", "0 0 6 ? * 2,4,6"),
            ("0 6 * * SAT,SUN", "0 0 6 ? * 7,1"),
            ("30 4 1,15 * *", "0 30 4 1,15 * ?"),
            ("0 0 1 jan,JUL *", "0 0 0 1 1,7 ?"),
            ("  0   6 *  * * ", "0 0 6 * * ?"),
            ("0 0 6 ? * MON-FRI", "0 0 6 ? * MON-FRI"),
            ("0 0 6 L * ? 2027", "0 0 6 L * ? 2027"),
        ] {
            assert_eq!(quartz(cron).as_deref(), Ok(expected), "{cron}");
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_its_reason() {
        for (cron, why) in [
            ("", "it has 0 fields"),
            ("@daily", "it has 1 fields"),
            ("60 6 * * *", "there is no minute `60`"),
            ("0 24 * * *", "there is no hour `24`"),
            ("0 6 0 * *", "there is no day of the month `0`"),
            ("0 6 * 13 *", "there is no month `13`"),
            ("0 6 * * 8", "there is no day of the week `8`"),
            ("0 6 * * fry", "there is no day of the week `fry`"),
            ("0 6-4 * * *", "the hour runs from 6 to 4"),
            ("*/0 6 * * *", "`0` is not a step of the minute"),
            ("0 6 1 * 1", "it names days of the month and of the week; use one of them"),
            ("0 0 6 * * *", "in Quartz's form, one of the two kinds of day is `?`"),
        ] {
            assert_eq!(quartz(cron).unwrap_err(), why, "{cron}");
        }
    }

    #[test]
    fn time_zones_have_areas() {
        for good in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
            assert!(is_time_zone(good), "{good}");
        }
        for bad in ["CET", "Berlin", "+01:00", "Europe/", "Europe/Ber lin", ""] {
            assert!(!is_time_zone(bad), "{bad}");
        }
    }
}
