//! Numbers and dates as a dashboard wants them shown.

use chrono::{Datelike as _, NaiveDate};
use serde_json::Value;

/// Shows a value by its encoding's `format` and the column's SQL type; NULL is an empty text.
pub(in crate::report) fn show(value: Option<&str>, format: &Value, sql_type: &str) -> String {
    let Some(text) = value else { return String::new() };
    let kind = format["type"].as_str().unwrap_or_default();
    if kind.starts_with("date") || kind == "moment.js" || (kind.is_empty() && is_temporal(sql_type)) {
        return date(text, format);
    }
    let numeric = is_numeric(sql_type) || kind.starts_with("number") || kind == "numeral.js";
    match text.trim().parse::<f64>() {
        Ok(number) if numeric && number.is_finite() => self::number(number, format),
        _ => text.to_owned(),
    }
}

/// Fills a `formatTemplate`: the value formatted, the value as it is, other columns.
pub(super) fn template(pattern: &str, formatted: &str, raw: &str, column: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::new();
    let mut rest = pattern;
    while let Some(start) = rest.find("{{") {
        let Some(length) = rest[start..].find("}}") else { break };
        filled.push_str(&rest[..start]);
        let name = rest[start + 2..start + length].trim();
        match name {
            "@formatted" => filled.push_str(formatted),
            "@" => filled.push_str(raw),
            other => filled.push_str(&column(other).unwrap_or_default()),
        }
        rest = &rest[start + length + 2..];
    }
    filled.push_str(rest);
    filled
}

/// Tells whether a SQL type holds numbers.
pub(super) fn is_numeric(sql_type: &str) -> bool {
    let name = sql_type.split('(').next().unwrap_or_default().trim().to_ascii_uppercase();
    let numeric = [
        "TINYINT", "SMALLINT", "INT", "INTEGER", "BIGINT", "LONG", "SHORT", "BYTE", "FLOAT", "REAL", "DOUBLE",
        "DECIMAL",
    ];
    numeric.contains(&name.as_str())
}

/// Tells whether a SQL type holds dates or instants.
pub(super) fn is_temporal(sql_type: &str) -> bool {
    let name = sql_type.to_ascii_uppercase();
    name == "DATE" || name.starts_with("TIMESTAMP")
}

/// Shows a number.
pub(super) fn number(value: f64, format: &Value) -> String {
    match format["type"].as_str() {
        Some("numeral.js") => {
            let scaled = format["scalePercentBy100"].as_bool() != Some(false);
            return numeral(value, format["format"].as_str().unwrap_or("0,0.[00]"), scaled);
        }
        Some("number-percent") => return signed(value * 100.0, format, |digits| format!("{digits}%")),
        Some("number-currency") => {
            let code = format["currencyCode"].as_str().unwrap_or("USD");
            return signed(value, format, |digits| match currency(code) {
                Some(symbol) => format!("{symbol}{digits}"),
                None => format!("{code}\u{a0}{digits}"),
            });
        }
        _ => {}
    }
    let suffix = format["suffix"].as_str().unwrap_or_default();
    format!("{}{suffix}", signed(value, format, str::to_owned))
}

/// Puts the sign round a number and its unit: accountants write what is below zero in parentheses.
fn signed(value: f64, format: &Value, unit: impl Fn(&str) -> String) -> String {
    let digits = digits(value, format);
    match digits.strip_prefix('-') {
        Some(digits) if format["negativeSign"].as_str() == Some("accounting") => format!("({})", unit(digits)),
        Some(digits) => format!("−{}", unit(digits)),
        None => unit(&digits),
    }
}

fn currency(code: &str) -> Option<&'static str> {
    Some(match code {
        "USD" | "CAD" | "AUD" => "$",
        "EUR" => "€",
        "GBP" => "£",
        "JPY" | "CNY" => "¥",
        "INR" => "₹",
        "KRW" => "₩",
        "BRL" => "R$",
        _ => return None,
    })
}

/// Writes a number's digits: abbreviation, figures or decimals, grouping.
fn digits(value: f64, format: &Value) -> String {
    let (value, unit) = match format["abbreviation"].as_str() {
        Some("compact") => compact(value),
        _ => (value, ""),
    };
    let number = |key: &str, name: &str| Some(format[key][name].as_u64()?.min(21) as usize);
    let figures = number("significantFigures", "figures").filter(|figures| *figures > 0);
    let places = number("decimalPlaces", "places").map(|places| places.min(12));
    let digits = match (figures, format["decimalPlaces"]["type"].as_str(), places) {
        (Some(figures), ..) => {
            let digits = significant(value, figures);
            let exact = format["significantFigures"]["type"].as_str() == Some("exact");
            if exact { digits } else { trim_zeros(digits) }
        }
        (None, Some("exact"), Some(places)) => fixed(value, places),
        (None, Some("max"), Some(places)) => trim_zeros(fixed(value, places)),
        (None, Some("all"), _) => trim_zeros(fixed(value, 12)),
        _ => trim_zeros(fixed(value, default_places(value))),
    };
    let digits = if format["hideGroupSeparator"].as_bool() == Some(true) { digits } else { group(&digits) };
    format!("{digits}{unit}")
}

/// Rounds to so many figures from the first that is not zero.
fn significant(value: f64, figures: usize) -> String {
    // The exponent after rounding: 9.99 with two figures is 10, which has one decimal less.
    let scientific = format!("{value:.*e}", figures - 1);
    let exponent: i32 = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let places = i32::try_from(figures).unwrap_or(1) - 1 - exponent;
    match usize::try_from(places) {
        Ok(places) => fixed(value, places.min(20)),
        Err(_) => fixed(scientific.parse().unwrap_or(value), 0),
    }
}

/// Small numbers need more decimals to say anything.
fn default_places(value: f64) -> usize {
    let size = value.abs();
    if size >= 0.1 || size == 0.0 { 2 } else { (2.0 - size.log10().floor()).clamp(2.0, 12.0) as usize }
}

fn compact(value: f64) -> (f64, &'static str) {
    // The unit is chosen after rounding, so that 999,999 is 1M and not 1,000K.
    for (size, unit) in [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")] {
        if value.abs() >= size * 0.999_5 {
            return (value / size, unit);
        }
    }
    (value, "")
}

fn fixed(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    // No minus before a zero.
    if text.trim_start_matches('-').bytes().all(|b| matches!(b, b'0' | b'.')) { text.replace('-', "") } else { text }
}

fn trim_zeros(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn group(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
    let mut grouped = String::new();
    for (index, c) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(c);
    }
    match fraction {
        Some(fraction) => format!("{sign}{grouped}.{fraction}"),
        None => format!("{sign}{grouped}"),
    }
}

/// Shows a number by a numeral.js pattern: `0,0.00`, `0.0%`, `$0,0`, `0.[00]a`, `(0,0)`, `+0`. Percentages are of the number
/// times 100, unless it is not `scaled`.
pub(super) fn numeral(value: f64, pattern: &str, scaled: bool) -> String {
    // What the sign of a number looks like is said anywhere in the pattern.
    let accounting = pattern.contains('(');
    let always = pattern.contains('+');
    let pattern: String = pattern.chars().filter(|c| !matches!(c, '(' | ')' | '+')).collect();
    let digit = |c: char| matches!(c, '0' | ',' | '.' | '[' | ']');
    let Some(start) = pattern.find(digit) else { return number(value, &Value::Null) };
    let end = pattern.rfind(digit).map_or(pattern.len(), |at| at + 1);
    let (prefix, body, suffix) = (&pattern[..start], &pattern[start..end], &pattern[end..]);
    let percent = prefix.contains('%') || suffix.contains('%');
    let mut value = if percent && scaled { value * 100.0 } else { value };
    let mut unit = "";
    if suffix.contains('a') {
        (value, unit) = compact(value);
    }
    let unit = unit.to_ascii_lowercase();
    let decimals = body.split_once('.').map_or("", |(_, decimals)| decimals);
    let places = decimals.matches('0').count();
    let mut digits = fixed(value, places);
    if body.contains("[.]") || decimals.contains('[') {
        digits = trim_zeros(digits);
    }
    if body.contains(',') {
        digits = group(&digits);
    }
    let (negative, digits) = digits.strip_prefix('-').map_or((false, digits.as_str()), |digits| (true, digits));
    let shown = format!("{prefix}{digits}{}", suffix.replace('a', &unit));
    match (negative, accounting, always) {
        (true, true, _) => format!("({shown})"),
        (true, false, _) => format!("−{shown}"),
        (false, _, true) => format!("+{shown}"),
        (false, _, false) => shown,
    }
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

/// Shows a date or an instant.
fn date(text: &str, format: &Value) -> String {
    let Some(parts) = Parts::read(text) else { return text.to_owned() };
    if let Some(pattern) = format["dateTimeFormat"].as_str() {
        return parts.by_pattern(pattern, Dialect::of(pattern));
    }
    if let Some(pattern) = format["format"].as_str() {
        let moment = format["type"].as_str() == Some("moment.js");
        return parts.by_pattern(pattern, if moment { Dialect::Moment } else { Dialect::of(pattern) });
    }
    let zeros = format["leadingZeros"].as_bool() == Some(true);
    let pattern = match (format["date"].as_str(), zeros) {
        (Some("locale-short-month" | "locale-short"), false) => "MMM d, yyyy",
        (Some("locale-short-month" | "locale-short"), true) => "MMM dd, yyyy",
        (Some("locale-long-month" | "locale-long"), false) => "MMMM d, yyyy",
        (Some("locale-long-month" | "locale-long"), true) => "MMMM dd, yyyy",
        (Some("locale-number-month-full-year"), false) => "M/d/yyyy",
        (Some("locale-number-month-full-year"), true) => "MM/dd/yyyy",
        (Some("year-month"), _) => "yyyy-MM",
        (Some("year-week"), _) => "YYYY-'W'ww",
        (Some("year"), _) => "yyyy",
        _ => "yyyy-MM-dd",
    };
    let day = parts.by_pattern(pattern, Dialect::Java);
    let midnight = (parts.hour, parts.minute, parts.second) == (0, 0, 0);
    let time = format["time"].as_str();
    if midnight || time == Some("none") {
        return day;
    }
    format!("{day} {}", parts.by_pattern("HH:mm", Dialect::Java))
}

/// Whose letters a pattern is written in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// Unicode's, as Java and Spark read them: `yyyy-MM-dd`, text in single quotes.
    Java,
    /// moment.js': `YYYY-MM-DD`, text in brackets.
    Moment,
}

impl Dialect {
    /// Tells whose letters a pattern uses: large ones of days and years are moment.js', but for years of weeks.
    fn of(pattern: &str) -> Self {
        let moment = pattern.contains('D') || (pattern.contains('Y') && !pattern.contains('w'));
        if moment { Self::Moment } else { Self::Java }
    }
}

/// What moment.js' short forms stand for in English, the longest first.
const SHORT_FORMS: [(&str, &str); 6] = [
    ("LLLL", "dddd, MMMM D, YYYY h:mm A"),
    ("LLL", "MMMM D, YYYY h:mm A"),
    ("LL", "MMMM D, YYYY"),
    ("LTS", "h:mm:ss A"),
    ("LT", "h:mm A"),
    ("L", "MM/DD/YYYY"),
];

/// A date or an instant in its parts, as the workspace's answer writes it.
struct Parts {
    day: NaiveDate,
    hour: u32,
    minute: u32,
    second: u32,
    /// Digits after the second.
    fraction: String,
}

impl Parts {
    /// Reads `2025-01-31`, with or without a time.
    fn read(text: &str) -> Option<Self> {
        let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u32>().ok();
        if text.as_bytes().get(4) != Some(&b'-') || text.as_bytes().get(7) != Some(&b'-') {
            return None;
        }
        let fraction = text.get(19..).and_then(|rest| rest.strip_prefix('.')).unwrap_or_default();
        Some(Self {
            day: NaiveDate::from_ymd_opt(i32::try_from(number(0..4)?).ok()?, number(5..7)?, number(8..10)?)?,
            hour: number(11..13).unwrap_or(0),
            minute: number(14..16).unwrap_or(0),
            second: number(17..19).unwrap_or(0),
            fraction: fraction.chars().take_while(char::is_ascii_digit).collect(),
        })
    }

    /// Writes the parts by a pattern: runs of letters, and text that is quoted.
    fn by_pattern(&self, pattern: &str, dialect: Dialect) -> String {
        let moment = dialect == Dialect::Moment;
        let quotes = if moment { ('[', ']') } else { ('\'', '\'') };
        let mut written = String::new();
        let mut rest = pattern;
        while let Some(c) = rest.chars().next() {
            if c == quotes.0 {
                let inside = &rest[1..];
                let end = inside.find(quotes.1).unwrap_or(inside.len());
                // Two quotes are one.
                written.push_str(if !moment && end == 0 { "'" } else { &inside[..end] });
                rest = inside.get(end + 1..).unwrap_or_default();
                continue;
            }
            if moment && let Some((short, long)) = SHORT_FORMS.iter().find(|(short, _)| rest.starts_with(short)) {
                written.push_str(&self.by_pattern(long, dialect));
                rest = &rest[short.len()..];
                continue;
            }
            if moment && rest.starts_with("Do") {
                written.push_str(&ordinal(self.day.day()));
                rest = &rest[2..];
                continue;
            }
            let run = rest.chars().take_while(|other| *other == c).count();
            let (these, after) = rest.split_at(run * c.len_utf8());
            written.push_str(&self.letters(c, run, moment).unwrap_or_else(|| these.to_owned()));
            rest = after;
        }
        written
    }

    /// Writes what a run of a letter stands for; none if it stands for itself.
    fn letters(&self, c: char, run: usize, moment: bool) -> Option<String> {
        let padded = |number: u32| format!("{number:0run$}");
        let year = |year: i32| if run == 2 { format!("{:02}", year.rem_euclid(100)) } else { year.to_string() };
        let month = MONTHS[self.day.month0() as usize];
        let weekday = WEEKDAYS[self.day.weekday().num_days_from_monday() as usize];
        let week = self.day.iso_week();
        let twelve = (self.hour + 11) % 12 + 1;
        Some(match (c, moment) {
            ('y', _) | ('Y', true) => year(self.day.year()),
            // The year that a week belongs to.
            ('Y', false) | ('G', true) => year(week.year()),
            ('w', _) | ('W', true) => padded(week.week()),
            ('Q', _) if run > 2 => format!("Q{}", self.day.month0() / 3 + 1),
            ('Q', _) => padded(self.day.month0() / 3 + 1),
            ('M', _) => match run {
                1 | 2 => padded(self.day.month()),
                3 => month[..3].to_owned(),
                _ => month.to_owned(),
            },
            ('d', true) if run > 2 => (if run == 3 { &weekday[..3] } else { weekday }).to_owned(),
            ('E', false) => (if run < 4 { &weekday[..3] } else { weekday }).to_owned(),
            ('d', false) | ('D', true) if run < 3 => padded(self.day.day()),
            ('H', _) => padded(self.hour),
            ('h', _) => padded(twelve),
            ('m', _) => padded(self.minute),
            ('s', _) => padded(self.second),
            ('S', _) => self.fraction.chars().chain(std::iter::repeat('0')).take(run).collect(),
            ('a', true) => (if self.hour < 12 { "am" } else { "pm" }).to_owned(),
            ('a', false) | ('A', true) => (if self.hour < 12 { "AM" } else { "PM" }).to_owned(),
            _ => return None,
        })
    }
}

/// Writes the place of a day in its month: 1st, 2nd, 3rd.
fn ordinal(day: u32) -> String {
    let end = match (day % 10, day % 100) {
        (1, last) if last != 11 => "st",
        (2, last) if last != 12 => "nd",
        (3, last) if last != 13 => "rd",
        _ => "th",
    };
    format!("{day}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_shown_as_the_format_says() {
        let percent = json!({"type": "number-percent", "decimalPlaces": {"type": "max", "places": 1}});
        assert_eq!(number(0.1234, &percent), "12.3%");
        assert_eq!(number(0.5, &percent), "50%");
        let money = json!({"type": "number-currency", "currencyCode": "EUR", "abbreviation": "compact",
                           "decimalPlaces": {"type": "exact", "places": 2}});
        assert_eq!(number(1_234_567.0, &money), "€1.23M");
        assert_eq!(number(-999_999.0, &money), "−€1.00M");
        assert_eq!(number(12.0, &json!({"type": "number-currency", "currencyCode": "SEK"})), "SEK\u{a0}12");
        assert_eq!(number(1_234_567.891, &Value::Null), "1,234,567.89");
        assert_eq!(number(0.001_234_9, &Value::Null), "0.00123");
        assert_eq!(number(-0.0001, &json!({"decimalPlaces": {"type": "exact", "places": 1}})), "0.0");
        let accounting = json!({"type": "number", "negativeSign": "accounting", "hideGroupSeparator": true});
        assert_eq!(number(-1234.5, &accounting), "(1234.5)");
        assert_eq!(number(5.0, &json!({"type": "number", "suffix": " d"})), "5 d");
    }

    #[test]
    fn old_patterns_are_understood() {
        // The texts are those of numeral.js 2.0.6, but for the sign, which is a minus here.
        for (value, pattern, expected) in [
            (1234.5, "0,0.00", "1,234.50"),
            (0.125, "0.0%", "12.5%"),
            (-0.125, "(0.0%)", "(12.5%)"),
            (1_500_000.0, "0.[00]a", "1.5m"),
            (12.0, "$0,0[.]00", "$12"),
            (1000.0, "$ 0,0[.]00", "$ 1,000"),
            (-1234.0, "$0,0", "−$1,234"),
            (-1234.0, "($0,0)", "($1,234)"),
            (-1234.5, "(0,0.00)", "(1,234.50)"),
            (1234.5, "(0,0.00)", "1,234.50"),
            (5.0, "+0,0", "+5"),
            (-5.0, "+0,0", "−5"),
            (-3.0, "0", "−3"),
        ] {
            assert_eq!(numeral(value, pattern, true), expected, "{pattern}");
        }
        // `numeral.options.scalePercentBy100 = false`: the data are percentages already.
        assert_eq!(numeral(12.5, "0.0%", false), "12.5%");
        let format = json!({"type": "numeral.js", "format": "0.0%", "scalePercentBy100": false});
        assert_eq!(number(12.5, &format), "12.5%");
        assert_eq!(number(0.125, &json!({"type": "numeral.js", "format": "0.0%"})), "12.5%");
    }

    #[test]
    fn figures_and_the_sign_of_accountants_are_as_browsers_write_them() {
        // The texts are those of `Intl.NumberFormat("en-US")`: maximumSignificantDigits, minimumSignificantDigits, currencySign.
        let most = |figures: u64| json!({"type": "number", "significantFigures": {"type": "max", "figures": figures}});
        let exact =
            |figures: u64| json!({"type": "number", "significantFigures": {"type": "exact", "figures": figures}});
        assert_eq!(number(123_456.789, &most(3)), "123,000");
        assert_eq!(number(0.001_234_9, &most(3)), "0.00123");
        assert_eq!(number(9.99, &most(2)), "10");
        assert_eq!(number(9.99, &exact(2)), "10");
        assert_eq!(number(5.0, &exact(3)), "5.00");
        assert_eq!(number(5.0, &most(3)), "5");
        let figures = json!({"type": "max", "figures": 2});
        let compact = json!({"type": "number", "abbreviation": "compact", "significantFigures": figures});
        assert_eq!(number(1_234_567.0, &compact), "1.2M");
        assert_eq!(number(0.123_45, &json!({"type": "number-percent", "significantFigures": figures})), "12%");
        let money = |code: &str| {
            json!({"type": "number-currency", "currencyCode": code, "negativeSign": "accounting",
                   "decimalPlaces": {"type": "exact", "places": 2}})
        };
        assert_eq!(number(-1234.5, &money("USD")), "($1,234.50)");
        assert_eq!(number(1234.5, &money("USD")), "$1,234.50");
        assert_eq!(number(-1234.5, &money("EUR")), "(€1,234.50)");
        assert_eq!(number(-0.5, &money("SEK")), "(SEK\u{a0}0.50)");
        assert_eq!(number(-0.12, &json!({"type": "number-percent", "negativeSign": "accounting"})), "(12%)");
    }

    #[test]
    fn dates_are_written_as_moment_js_and_browsers_write_them() {
        let show = |text: &str, format: Value| super::show(Some(text), &format, "TIMESTAMP");
        let instant = "2025-01-05T21:04:09.250Z";
        // The texts are those of moment.js 2.30.1.
        for (pattern, expected) in [
            ("YYYY-MM-DD HH:mm", "2025-01-05 21:04"),
            ("DD/MM/YYYY HH:mm:ss.SSS", "05/01/2025 21:04:09.250"),
            ("dddd, MMMM Do YYYY, h:mm:ss a", "Sunday, January 5th 2025, 9:04:09 pm"),
            ("ddd D MMM YY", "Sun 5 Jan 25"),
            ("hh:mm A", "09:04 PM"),
            ("[Q]Q YYYY", "Q1 2025"),
            ("GGGG-[W]WW", "2025-W01"),
            ("LLLL", "Sunday, January 5, 2025 9:04 PM"),
            ("L LT", "01/05/2025 9:04 PM"),
            ("H:m:s", "21:4:9"),
        ] {
            assert_eq!(show(instant, json!({"type": "moment.js", "format": pattern})), expected, "{pattern}");
        }
        for (text, expected) in [("2025-01-05T00:30:00Z", "12:30 AM"), ("2025-01-05T12:00:00Z", "12:00 PM")] {
            assert_eq!(show(text, json!({"type": "moment.js", "format": "h:mm A"})), expected);
        }
        let java = |pattern: &str| show(instant, json!({"type": "date-time", "dateTimeFormat": pattern}));
        assert_eq!(java("EEEE, d MMMM yyyy 'at' h:mm a"), "Sunday, 5 January 2025 at 9:04 PM");
        assert_eq!(java("EEE yyyy-QQQ"), "Sun 2025-Q1");

        // The weeks are those of ISO 8601, whose years begin and end with a whole week.
        let week = |text: &str| show(text, json!({"type": "date", "date": "year-week"}));
        assert_eq!(week("2024-12-30"), "2025-W01");
        assert_eq!(week("2027-01-01"), "2026-W53");
        // The texts are those of `Intl.DateTimeFormat("en-US")`, with days and months of one digit or two.
        for (name, zeros, expected) in [
            ("locale-number-month-full-year", false, "1/5/2025"),
            ("locale-number-month-full-year", true, "01/05/2025"),
            ("locale-short-month", false, "Jan 5, 2025"),
            ("locale-short-month", true, "Jan 05, 2025"),
        ] {
            let format = json!({"type": "date-time", "date": name, "leadingZeros": zeros, "time": "none"});
            assert_eq!(show(instant, format), expected, "{name}");
        }
    }

    #[test]
    fn dates_are_shown_as_the_format_says() {
        let show = |text: &str, format: Value, sql_type: &str| super::show(Some(text), &format, sql_type);
        assert_eq!(show("2025-01-31", Value::Null, "DATE"), "2025-01-31");
        assert_eq!(show("2025-01-31T00:00:00.000Z", Value::Null, "TIMESTAMP"), "2025-01-31");
        assert_eq!(show("2025-01-31T09:05:00.000Z", Value::Null, "TIMESTAMP"), "2025-01-31 09:05");
        assert_eq!(show("2025-01-31", json!({"type": "date-time", "dateTimeFormat": "MMM yyyy"}), "DATE"), "Jan 2025");
        assert_eq!(
            show("2025-01-31 09:05:00", json!({"type": "moment.js", "format": "YYYY-MM-DD HH:mm"}), "STRING"),
            "2025-01-31 09:05"
        );
        assert_eq!(show("not a date", json!({"type": "date"}), "STRING"), "not a date");
    }

    #[test]
    fn a_text_of_digits_is_not_a_number() {
        assert_eq!(show(Some("01234"), &Value::Null, "STRING"), "01234");
        assert_eq!(show(None, &Value::Null, "BIGINT"), "");
        assert_eq!(show(Some("1234"), &Value::Null, "BIGINT"), "1,234");
    }

    #[test]
    fn templates_are_filled() {
        let filled = template("{{ @formatted }} of {{ total }} ({{@}}) {{", "12%", "0.12", |name| {
            (name == "total").then(|| "9".into())
        });
        assert_eq!(filled, "12% of 9 (0.12) {{");
    }
}
