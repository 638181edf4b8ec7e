//! Relative dates in selections, such as `now-12M/M`: a moment before or after now, rounded down to a period.

/// A parsed relative date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Signed number of units from now.
    amount: i64,
    unit: Option<&'static str>,
    /// The period it is rounded to.
    round: Option<&'static str>,
}

/// Parses `now[(+|-)N unit][/unit]`.
pub(super) fn parse(text: &str) -> Option<Moment> {
    let rest = text.trim().strip_prefix("now")?;
    let (shift, round) = match rest.split_once('/') {
        Some((shift, period)) => (shift, Some(unit(period)?)),
        None => (rest, None),
    };
    if shift.is_empty() {
        return Some(Moment { amount: 0, unit: None, round });
    }
    let digits = shift.trim_start_matches(['+', '-']);
    let split = digits.find(|c: char| !c.is_ascii_digit())?;
    let amount: i64 = digits[..split].parse().ok()?;
    let amount = if shift.starts_with('-') { -amount } else { amount };
    Some(Moment { amount, unit: Some(unit(&digits[split..])?), round })
}

/// Names a unit; case tells minutes from months.
fn unit(letter: &str) -> Option<&'static str> {
    Some(match letter {
        "s" => "SECOND",
        "m" => "MINUTE",
        "h" => "HOUR",
        "d" => "DAY",
        "w" => "WEEK",
        "M" => "MONTH",
        "y" => "YEAR",
        _ => return None,
    })
}

impl Moment {
    /// Writes the moment as SQL, as a date or a timestamp. `last` asks for the end of the period it is rounded to,
    /// which is what a range's maximum means.
    pub(super) fn sql(self, date: bool, last: bool) -> String {
        let mut sql = "current_timestamp()".to_owned();
        if let Some(unit) = self.unit
            && self.amount != 0
        {
            let sign = if self.amount < 0 { '-' } else { '+' };
            // An interval literal knows no weeks in every engine.
            let (amount, unit) = match unit {
                "WEEK" => (self.amount.unsigned_abs().saturating_mul(7), "DAY"),
                unit => (self.amount.unsigned_abs(), unit),
            };
            sql = format!("{sql} {sign} INTERVAL '{amount}' {unit}");
        }
        if let Some(period) = self.round {
            sql = format!("date_trunc('{period}', {sql})");
            if last && !(date && period == "DAY") {
                let (amount, unit) = if period == "WEEK" { (7, "DAY") } else { (1, period) };
                let step = if date { "DAY" } else { "SECOND" };
                sql = format!("{sql} + INTERVAL '{amount}' {unit} - INTERVAL '1' {step}");
            }
        }
        if date { format!("CAST({sql} AS DATE)") } else { sql }
    }

    /// Says the moment in words, for a caption.
    pub(super) fn words(self) -> String {
        let plural = |unit: &str| {
            let unit = unit.to_lowercase();
            if self.amount.abs() == 1 { unit } else { format!("{unit}s") }
        };
        match (self.unit, self.round) {
            (None, None) => "now".to_owned(),
            (None, Some("DAY")) => "today".to_owned(),
            (None, Some(period)) => format!("this {}", period.to_lowercase()),
            (Some(unit), _) => {
                let direction = if self.amount < 0 { "ago" } else { "ahead" };
                format!("{} {} {direction}", self.amount.abs(), plural(unit))
            }
        }
    }
}

/// Says a value of a selection in words: relative dates in English (`now-12M/M`: 12 months ago), dates without a time,
/// others as they are.
pub fn relative_date_in_words(text: &str) -> String {
    match parse(text) {
        Some(moment) => moment.words(),
        None if text.as_bytes().get(10) == Some(&b'T') => text.get(..10).unwrap_or(text).to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_dates_become_sql_that_needs_no_clock() {
        let sql = |text: &str, date, last| parse(text).unwrap().sql(date, last);
        assert_eq!(
            sql("now-12M/M", true, false),
            "CAST(date_trunc('MONTH', current_timestamp() - INTERVAL '12' MONTH) AS DATE)"
        );
        assert_eq!(sql("now/d", true, true), "CAST(date_trunc('DAY', current_timestamp()) AS DATE)");
        assert_eq!(
            sql("now/M", true, true),
            "CAST(date_trunc('MONTH', current_timestamp()) + INTERVAL '1' MONTH - INTERVAL '1' DAY AS DATE)"
        );
        assert_eq!(sql("now-2w", false, false), "current_timestamp() - INTERVAL '14' DAY");
        assert_eq!(parse("nowhere"), None);
        assert_eq!(parse("now-M"), None);
        assert_eq!(parse("2025-01-01"), None);
    }

    #[test]
    fn relative_dates_read_as_english() {
        assert_eq!(relative_date_in_words("now-12M/M"), "12 months ago");
        assert_eq!(relative_date_in_words("now/d"), "today");
        assert_eq!(relative_date_in_words("2025-01-31T00:00:00.000"), "2025-01-31");
    }
}
