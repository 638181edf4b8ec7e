//! What a chart shows, before it is drawn: its values, split into series, and its categories in order.

use std::collections::HashMap;

use serde_json::Value;

use super::color::{Palette, period};
use super::format;
use super::rows::{Rows, natural};

/// What a chart is drawn from.
pub(super) struct Source<'a> {
    pub(super) spec: &'a Value,
    pub(super) rows: &'a Rows<'a>,
    /// All rows of the widget, of which `rows` may be a part: a series has the same colour in each part.
    pub(super) whole: &'a Rows<'a>,
    pub(super) palette: &'a Palette,
    /// Width of a histogram's bins, which only its query's expression tells.
    pub(super) bin_width: Option<f64>,
}

/// A field on an axis or as a series.
pub(super) struct Measure<'a> {
    pub(super) encoding: &'a Value,
    pub(super) column: usize,
    pub(super) name: String,
    /// The encoding of the axis that it is drawn on.
    pub(super) axis: &'a Value,
    pub(super) secondary: bool,
}

/// A line, or the bars of one colour.
pub(super) struct Series<'a> {
    pub(super) name: String,
    pub(super) rows: Vec<usize>,
    pub(super) measure: &'a Measure<'a>,
    pub(super) color: String,
}

pub(super) fn field(rows: &Rows<'_>, encoding: &Value) -> Result<usize, String> {
    let name = encoding["fieldName"].as_str().ok_or("the chart has no field on one of its axes")?;
    rows.column(name).ok_or_else(|| format!("the query did not return the field `{name}`"))
}

pub(super) fn name_of(encoding: &Value) -> String {
    let name = encoding["displayName"].as_str().or_else(|| encoding["fieldName"].as_str());
    name.unwrap_or_default().to_owned()
}

/// Reads the fields of a value axis: one, several, or those of two axes.
pub(super) fn measures<'a>(rows: &Rows<'_>, axis: &'a Value) -> Result<Vec<Measure<'a>>, String> {
    let mut found = Vec::new();
    let mut add = |encoding: &'a Value, axis: &'a Value, secondary: bool| -> Result<(), String> {
        found.push(Measure { encoding, column: field(rows, encoding)?, name: name_of(encoding), axis, secondary });
        Ok(())
    };
    if axis["primary"].is_object() {
        // Two sides with scales of their own are two axes; with one scale for both they share it.
        let own = axis["secondary"]["scale"].is_object() || axis["secondary"]["axis"].is_object();
        for (key, second) in [("primary", false), ("secondary", true)] {
            for encoding in axis[key]["fields"].as_array().into_iter().flatten() {
                add(encoding, &axis[key], second && own)?;
            }
        }
    } else if let Some(fields) = axis["fields"].as_array().or_else(|| axis.as_array()) {
        for encoding in fields {
            add(encoding, axis, false)?;
        }
    } else {
        add(axis, axis, false)?;
    }
    if found.is_empty() { Err("the chart has no values to draw".to_owned()) } else { Ok(found) }
}

/// Splits the rows into series: one for each measure, or one for each value of the colour's field.
pub(super) fn series<'a>(
    source: &Source<'_>,
    measures: &'a [Measure<'a>],
    base: usize,
    base_type: &str,
) -> Vec<Series<'a>> {
    let rows = source.rows;
    let encoding = &source.spec["encodings"]["color"];
    let mut all: Vec<usize> = (0..rows.len()).collect();
    if matches!(base_type, "temporal" | "quantitative") {
        all.sort_by(|a, b| natural(rows.text(*a, base), rows.text(*b, base)));
    }
    let by = encoding["fieldName"].as_str().and_then(|name| rows.column(name));
    let by = by.filter(|_| encoding["scale"]["type"].as_str() != Some("quantitative"));
    let (Some(by), [measure]) = (by, measures) else {
        let series = measures.iter().enumerate().map(|(index, measure)| Series {
            name: measure.name.clone(),
            rows: all.clone(),
            measure,
            color: color(source, index, &measure.name),
        });
        return series.collect();
    };

    let mut values = source.whole.sorted(by);
    let sort = &encoding["scale"]["sort"];
    match sort["by"].as_str() {
        Some("natural-order-reversed") => values.reverse(),
        Some("custom-order") => {
            let wanted: Vec<&str> =
                sort["orderedValues"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            values.sort_by_key(|value| wanted.iter().position(|w| Some(*w) == *value).unwrap_or(usize::MAX));
        }
        _ => {}
    }
    let plain = encoding["scale"]["mappings"].is_null() && source.spec["mark"]["colors"].is_null();
    // Periods have an order, so their colours get one too: from pale to strong.
    let ordered = plain && values.len() > 3 && values.iter().flatten().all(|value| is_period(value));
    let last = (values.len().max(2) - 1) as f64;
    let series = values.iter().enumerate().map(|(index, value)| {
        let name = match value {
            Some(value) => format::show(Some(value), &encoding["format"], rows.sql_type(by)),
            None => "–".to_owned(),
        };
        let raw = value.unwrap_or_default();
        let color = if ordered { period(index as f64 / last) } else { color(source, index, raw) };
        let rows = all.iter().copied().filter(|row| rows.text(*row, by) == *value).collect();
        Series { name, rows, measure, color }
    });
    series.collect()
}

/// Tells whether a text names a period: `2025`, `2025-Q1`, `2025-01`, `2025-01-01`.
fn is_period(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 4
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && text[4..].chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | 'Q' | ' ' | 'T' | ':'))
        && (bytes.len() == 4 || matches!(bytes[4], b'-' | b' ' | b'Q'))
}

/// Returns a series' colour: by its value, by the mark's list, or by its place in the palette.
pub(super) fn color(source: &Source<'_>, index: usize, value: &str) -> String {
    let mapped = source.palette.mapped(&source.spec["encodings"]["color"]["scale"]["mappings"], value);
    let listed = || source.palette.resolve(source.spec["mark"]["colors"].get(index)?);
    mapped.or_else(listed).unwrap_or_else(|| source.palette.series(index))
}

/// Returns the categories of an axis in the order that its scale asks for.
pub(super) fn categories(
    source: &Source<'_>,
    kind: &str,
    base: &Value,
    column: usize,
    series: &[Series<'_>],
    horizontal: bool,
) -> Vec<String> {
    let rows = source.rows;
    let sort = &base["scale"]["sort"];
    let by = sort["by"].as_str().unwrap_or_default();
    // Lines keep the order of the data; bars are put in order.
    let mut values = if matches!(kind, "line" | "area" | "combo") && by.is_empty() {
        rows.distinct(column)
    } else {
        rows.sorted(column)
    };
    let value_axis = if horizontal { "x" } else { "y" };
    let by_value = by.trim_end_matches("-reversed") == value_axis || by.starts_with("measure");
    if by_value {
        let mut totals: HashMap<Option<&str>, f64> = HashMap::new();
        for series in series {
            for row in &series.rows {
                *totals.entry(rows.text(*row, column)).or_default() +=
                    rows.number(*row, series.measure.column).unwrap_or(0.0);
            }
        }
        let total = |value: &Option<&str>| totals.get(value).copied().unwrap_or(0.0);
        values.sort_by(|a, b| total(a).total_cmp(&total(b)));
    } else if by == "custom-order" {
        let wanted: Vec<&str> =
            sort["orderedValues"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        values.sort_by_key(|value| wanted.iter().position(|w| Some(*w) == *value).unwrap_or(usize::MAX));
    }
    if by.ends_with("-reversed") {
        values.reverse();
    }
    values.into_iter().map(|value| shown(rows, value, base, column)).collect()
}

pub(super) fn shown(rows: &Rows<'_>, value: Option<&str>, encoding: &Value, column: usize) -> String {
    match value {
        Some(_) => format::show(value, &encoding["format"], rows.sql_type(column)),
        None => "–".to_owned(),
    }
}
