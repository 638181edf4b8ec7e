//! The options of readers and writers of records, and the days and instants that depend on them.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::DataType;

use super::super::moments::{self, DAY, Zone};
use super::super::patterns::{Pattern, Use};
use super::Cell;
use crate::local::engine::error::SqlError;

/// Options by their names in lower case, made ready for use.
#[derive(Default)]
pub(in crate::local::engine::functions) struct Options {
    texts: BTreeMap<String, String>,
    date: Option<Pattern>,
    timestamp: Option<Pattern>,
    timestamp_ntz: Option<Pattern>,
    zone: Option<Zone>,
}

impl Options {
    /// Reads options that were written as a JSON object, for this use of their patterns.
    pub(in crate::local::engine::functions) fn decode(json: &str, usage: Use) -> Result<Self, SqlError> {
        let texts: BTreeMap<String, String> =
            serde_json::from_str(json).map_err(|_| SqlError::internal("options are texts by name"))?;
        let pattern = |name: &str| texts.get(name).map(|text| Pattern::new(text, usage)).transpose();
        Ok(Self {
            date: pattern("dateformat")?,
            timestamp: pattern("timestampformat")?,
            timestamp_ntz: pattern("timestampntzformat")?,
            zone: texts.get("timezone").map(|zone| Zone::parse(zone)).transpose()?,
            texts,
        })
    }

    /// An option as it was given.
    pub(in crate::local::engine::functions) fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// Whether an option is on.
    pub(in crate::local::engine::functions) fn is_on(&self, name: &str, default: bool) -> bool {
        self.text(name).map_or(default, |text| text.eq_ignore_ascii_case("true"))
    }

    /// Whether a record that cannot be read is an error.
    pub(super) fn fails_fast(&self) -> bool {
        self.text("mode").is_some_and(|mode| mode.eq_ignore_ascii_case("failfast"))
    }

    /// A day or an instant of this type from text.
    pub(in crate::local::engine::functions) fn moment(&self, text: &str, target: &DataType) -> Option<Cell> {
        match target {
            DataType::Date32 => match &self.date {
                Some(pattern) => pattern.parse(text).map(|micros| Cell::Whole(micros.div_euclid(DAY))),
                None => moments::parse_date(text).map(|day| Cell::Whole(day.into())),
            },
            DataType::Timestamp(_, zone) => {
                let pattern = if zone.is_some() { &self.timestamp } else { &self.timestamp_ntz };
                match pattern {
                    Some(pattern) => pattern.parse(text).map(Cell::Whole),
                    None => moments::parse_timestamp(text, zone.is_some()).map(Cell::Whole),
                }
            }
            _ => None,
        }
    }

    /// A day as text.
    pub(in crate::local::engine::functions) fn show_date(&self, days: i32) -> Result<String, SqlError> {
        match &self.date {
            Some(pattern) => pattern.format(i64::from(days) * DAY).ok_or_else(|| too_far(i64::from(days))),
            None => Ok(crate::local::engine::render::date(days)),
        }
    }

    /// An instant as text, or a wall clock.
    pub(in crate::local::engine::functions) fn show_timestamp(
        &self,
        micros: i64,
        zoned: bool,
    ) -> Result<String, SqlError> {
        let local = match &self.zone {
            Some(zone) if zoned => zone.local(micros),
            _ => Some(micros),
        };
        let local = local.ok_or_else(|| too_far(micros))?;
        if let Some(pattern) = if zoned { &self.timestamp } else { &self.timestamp_ntz } {
            return pattern.format(local).ok_or_else(|| too_far(micros));
        }
        let clock = moments::clock(local).ok_or_else(|| too_far(micros))?;
        let minutes = (local - micros) / 60_000_000;
        let zone = match (zoned, minutes) {
            (false, _) => String::new(),
            (true, 0) => "Z".to_owned(),
            (true, minutes) => {
                let sign = if minutes < 0 { '-' } else { '+' };
                format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
        };
        Ok(format!("{}{zone}", clock.format("%Y-%m-%dT%H:%M:%S%.3f")))
    }
}

fn too_far(value: i64) -> SqlError {
    SqlError::new(
        "DATETIME_OVERFLOW",
        "22008",
        format!("Datetime operation overflow: the moment {value} is too far away."),
    )
}
