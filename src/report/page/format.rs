//! Numbers and dates as a dashboard wants them shown.

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
        Some("numeral.js") => return numeral(value, format["format"].as_str().unwrap_or("0,0.[00]")),
        Some("number-percent") => return format!("{}%", plain(value * 100.0, format)),
        Some("number-currency") => {
            let amount = plain(value.abs(), format);
            let code = format["currencyCode"].as_str().unwrap_or("USD");
            let sign = if value < 0.0 { "−" } else { "" };
            return match currency(code) {
                Some(symbol) => format!("{sign}{symbol}{amount}"),
                None => format!("{sign}{code}\u{a0}{amount}"),
            };
        }
        _ => {}
    }
    format!("{}{}", plain(value, format), format["suffix"].as_str().unwrap_or_default())
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

/// Shows the digits of a number: abbreviation, decimals, grouping.
fn plain(value: f64, format: &Value) -> String {
    let (value, unit) = match format["abbreviation"].as_str() {
        Some("compact") => compact(value),
        _ => (value, ""),
    };
    let places = format["decimalPlaces"]["places"].as_u64().map(|places| places.min(12) as usize);
    let digits = match (format["decimalPlaces"]["type"].as_str(), places) {
        (Some("exact"), Some(places)) => fixed(value, places),
        (Some("max"), Some(places)) => trim_zeros(fixed(value, places)),
        (Some("all"), _) => trim_zeros(fixed(value, 12)),
        _ => trim_zeros(fixed(value, default_places(value))),
    };
    let digits = if format["hideGroupSeparator"].as_bool() == Some(true) { digits } else { group(&digits) };
    match digits.strip_prefix('-') {
        Some(digits) if format["negativeSign"].as_str() == Some("accounting") => format!("({digits}{unit})"),
        Some(digits) => format!("−{digits}{unit}"),
        None => format!("{digits}{unit}"),
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

/// Shows a number by a numeral.js pattern: `0,0.00`, `0.0%`, `$0,0`, `0.[00]a`.
pub(super) fn numeral(value: f64, pattern: &str) -> String {
    let digit = |c: char| matches!(c, '0' | ',' | '.' | '[' | ']');
    let Some(start) = pattern.find(digit) else { return number(value, &Value::Null) };
    let end = pattern.rfind(digit).map_or(pattern.len(), |at| at + 1);
    let (prefix, body, suffix) = (&pattern[..start], &pattern[start..end], &pattern[end..]);
    let mut value = if suffix.contains('%') { value * 100.0 } else { value };
    let mut unit = "";
    if suffix.contains('a') {
        (value, unit) = compact(value);
    }
    let decimals = body.split_once('.').map_or("", |(_, decimals)| decimals);
    let places = decimals.matches('0').count();
    let mut digits = fixed(value, places);
    if body.contains("[.]") || decimals.contains('[') {
        digits = trim_zeros(digits);
    }
    if body.contains(',') {
        digits = group(&digits);
    }
    format!("{prefix}{digits}{}", suffix.replace('a', unit)).replace('-', "−")
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

/// Shows a date or an instant.
fn date(text: &str, format: &Value) -> String {
    let Some(parts) = Parts::read(text) else { return text.to_owned() };
    let pattern = format["dateTimeFormat"].as_str().or_else(|| format["format"].as_str());
    if let Some(pattern) = pattern {
        return parts.by_pattern(pattern);
    }
    let day = match format["date"].as_str() {
        Some("locale-short-month" | "locale-short") => parts.by_pattern("MMM d, yyyy"),
        Some("locale-long-month" | "locale-long") => parts.by_pattern("MMMM d, yyyy"),
        Some("locale-number-month-full-year") => parts.by_pattern("MM/dd/yyyy"),
        Some("year-month") => parts.by_pattern("yyyy-MM"),
        _ => parts.by_pattern("yyyy-MM-dd"),
    };
    let midnight = (parts.hour, parts.minute, parts.second) == (0, 0, 0);
    if midnight || format["time"].as_str() == Some("none") { day } else { parts.by_pattern(&format!("'{day}' HH:mm")) }
}

struct Parts {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

impl Parts {
    /// Reads `2025-01-31`, with or without a time.
    fn read(text: &str) -> Option<Self> {
        let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u32>().ok();
        if text.as_bytes().get(4) != Some(&b'-') || text.as_bytes().get(7) != Some(&b'-') {
            return None;
        }
        let month = number(5..7).filter(|month| (1..=12).contains(month))?;
        Some(Self {
            year: number(0..4)?,
            month,
            day: number(8..10)?,
            hour: number(11..13).unwrap_or(0),
            minute: number(14..16).unwrap_or(0),
            second: number(17..19).unwrap_or(0),
        })
    }

    /// Writes the parts by a pattern of Java's or of moment.js: runs of letters, text in single quotes.
    fn by_pattern(&self, pattern: &str) -> String {
        let month = MONTHS[(self.month as usize - 1).min(11)];
        let mut written = String::new();
        let chars: Vec<char> = pattern.chars().collect();
        let mut at = 0;
        while at < chars.len() {
            let c = chars[at];
            if c == '\'' {
                let end = chars[at + 1..].iter().position(|c| *c == '\'').map_or(chars.len(), |i| at + 1 + i);
                written.extend(&chars[at + 1..end]);
                at = end + 1;
                continue;
            }
            let run = chars[at..].iter().take_while(|other| **other == c).count();
            match (c, run) {
                ('y' | 'Y', 2) => written.push_str(&format!("{:02}", self.year % 100)),
                ('y' | 'Y', _) => written.push_str(&self.year.to_string()),
                ('M', 1) => written.push_str(&self.month.to_string()),
                ('M', 2) => written.push_str(&format!("{:02}", self.month)),
                ('M', 3) => written.push_str(&month[..3]),
                ('M', _) => written.push_str(month),
                ('Q', _) => written.push_str(&format!("Q{}", self.month.div_ceil(3))),
                ('d' | 'D', 1) => written.push_str(&self.day.to_string()),
                ('d' | 'D', _) => written.push_str(&format!("{:02}", self.day)),
                ('H' | 'h', 1) => written.push_str(&self.hour.to_string()),
                ('H' | 'h', _) => written.push_str(&format!("{:02}", self.hour)),
                ('m', _) => written.push_str(&format!("{:02}", self.minute)),
                ('s', _) => written.push_str(&format!("{:02}", self.second)),
                _ => written.extend(std::iter::repeat_n(c, run)),
            }
            at += run;
        }
        written
    }
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
        assert_eq!(numeral(1234.5, "0,0.00"), "1,234.50");
        assert_eq!(numeral(0.125, "0.0%"), "12.5%");
        assert_eq!(numeral(1_500_000.0, "0.[00]a"), "1.5M");
        assert_eq!(numeral(12.0, "$0,0[.]00"), "$12");
        assert_eq!(numeral(-3.0, "0"), "−3");
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
