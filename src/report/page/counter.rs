//! Counters: one number, with what it is measured against and its course over time.

use serde_json::Value;

use super::color::{Palette, for_text};
use super::format;
use super::rows::Rows;
use super::text::escape;
use crate::event::QueryResult;

/// The longest text, in characters, that is written as large as a number; a time has fewer.
const MOST_LARGE: usize = 32;

/// Draws a counter.
pub(super) fn draw(encodings: &Value, rows: &Rows<'_>, palette: &Palette) -> Result<String, String> {
    let target = &encodings["target"];
    let Chosen { encoding: main, column, row, order } = choose(encodings, rows)?;
    let Some(raw) = rows.text(row, column) else {
        return Ok("<div class=\"counter\"><p class=\"value none\" title=\"no value\">–</p></div>".to_owned());
    };
    let shown = shown(rows, row, column, main);
    let formatted = formatted(rows, row, column, main);
    let number = rows.number(row, column);
    let color = number.and_then(|number| color(main, number, raw, palette));
    let color = color.map(|color| format!("color:{}", for_text(&color)));
    let styles: Vec<String> = color.into_iter().chain(size(main)).collect();
    let style = if styles.is_empty() { String::new() } else { format!(" style=\"{}\"", styles.join(";")) };
    // A sentence is read, not looked at: it has no use for the looks of a number.
    let words = number.is_none() && shown.chars().count() > MOST_LARGE;
    let mut html = format!(
        "<div class=\"counter\"><p class=\"value{}\" title=\"{}\"{style}>{}</p>",
        if words { " words" } else { "" },
        escape(raw),
        large(main, &shown, &formatted)
    );

    if let Some(compared) = comparison(rows, main, target, column, row, order.as_deref()) {
        html.push_str(&format!("<p class=\"target\">{compared}</p>"));
    }
    if let Some(order) = &order {
        let values: Vec<Option<f64>> = order.iter().map(|row| rows.number(*row, column)).collect();
        html.push_str(&sparkline(&values));
    }
    html.push_str("</div>");
    Ok(html)
}

/// Writes the number that a counter shows as text.
pub(in crate::report) fn text(encodings: &Value, result: &QueryResult) -> Option<String> {
    let rows = Rows::new(result);
    let Chosen { encoding, column, row, .. } = choose(encodings, &rows).ok()?;
    rows.text(row, column)?;
    Some(shown(&rows, row, column, encoding))
}

/// The cell that a counter shows.
struct Chosen<'a> {
    encoding: &'a Value,
    column: usize,
    row: usize,
    /// The rows from the oldest period to the newest, where there are periods.
    order: Option<Vec<usize>>,
}

fn choose<'a>(encodings: &'a Value, rows: &Rows<'_>) -> Result<Chosen<'a>, String> {
    // A counter that has only a target shows that.
    let candidates = [&encodings["value"], &encodings["target"], &encodings["period"]];
    let encoding = candidates.into_iter().find(|encoding| encoding["fieldName"].is_string());
    let Some(encoding) = encoding else { return Err("the counter has no field".to_owned()) };
    let column = find(rows, encoding)?;
    let period = encodings["period"]["fieldName"].as_str().and_then(|name| rows.column(name));
    let order = period.filter(|period| *period != column).map(|period| {
        let mut order: Vec<usize> = (0..rows.len()).filter(|row| rows.text(*row, period).is_some()).collect();
        order.sort_by(|a, b| super::rows::natural(rows.text(*a, period), rows.text(*b, period)));
        order
    });
    let row = match &order {
        Some(order) => order.last().copied().unwrap_or(0),
        None => encoding["rowNumber"].as_u64().map_or(0, |n| usize::try_from(n.saturating_sub(1)).unwrap_or(0)),
    };
    Ok(Chosen { encoding, column, row, order })
}

fn find(rows: &Rows<'_>, encoding: &Value) -> Result<usize, String> {
    let name = encoding["fieldName"].as_str().unwrap_or_default();
    rows.column(name).ok_or_else(|| format!("the query did not return the field `{name}`"))
}

/// The value in its format, without what a template puts round it.
fn formatted(rows: &Rows<'_>, row: usize, column: usize, encoding: &Value) -> String {
    let raw = rows.text(row, column);
    // Without a format the product abbreviates what would not fit.
    let fallback = serde_json::json!({"type": "number-plain", "abbreviation": "compact"});
    let large = rows.number(row, column).is_some_and(|number| number.abs() >= 1e6);
    let format = if encoding["format"].is_null() && large { &fallback } else { &encoding["format"] };
    format::show(raw, format, rows.sql_type(column))
}

fn shown(rows: &Rows<'_>, row: usize, column: usize, encoding: &Value) -> String {
    let raw = rows.text(row, column);
    let formatted = formatted(rows, row, column, encoding);
    match encoding["formatTemplate"].as_str() {
        Some(pattern) => format::template(pattern, &formatted, raw.unwrap_or_default(), |name| {
            Some(rows.text(row, rows.column(name)?)?.to_owned())
        }),
        None => formatted,
    }
}

/// Writes the number large, and what its template puts round it beside it, as that is to be read second.
fn large(encoding: &Value, shown: &str, formatted: &str) -> String {
    let ends = encoding["formatTemplate"].as_str().and_then(|pattern| {
        let (before, after) = pattern.split_once("@formatted")?;
        // What stands before the number is text, so that it is known where the number ends.
        let before = before.trim_end().strip_suffix("{{").filter(|before| !before.contains("{{"))?;
        after.trim_start().strip_prefix("}}").filter(|after| after.trim().len() > 1)?;
        let end = before.len() + formatted.len();
        shown.is_char_boundary(end).then(|| shown.split_at(end))
    });
    match ends {
        Some((number, unit)) => format!("{}<small>{}</small>", escape(number), escape(unit)),
        None => escape(shown),
    }
}

/// Says what the value is measured against: a target, or the period before.
fn comparison(
    rows: &Rows<'_>,
    main: &Value,
    target: &Value,
    column: usize,
    row: usize,
    order: Option<&[usize]>,
) -> Option<String> {
    if std::ptr::eq(main, target) || !target["fieldName"].is_string() {
        return None;
    }
    let label = target["displayName"].as_str().unwrap_or_default();
    let other = find(rows, target).ok()?;
    let before = match target["period"]["offset"].as_i64() {
        Some(offset) => {
            let order = order?;
            let place = i64::try_from(order.len()).ok()? - 1 + offset;
            *order.get(usize::try_from(place).ok()?)?
        }
        None => target["rowNumber"].as_u64().map_or(row, |n| usize::try_from(n.saturating_sub(1)).unwrap_or(0)),
    };
    let (now, then) = (rows.number(row, column), rows.number(before, other));
    if let (Some(now), Some(then)) = (now, then)
        && let Some(kind) = target["change"]["type"].as_str()
    {
        let change = if kind == "percent" { (then != 0.0).then(|| (now - then) / then.abs())? } else { now - then };
        let format = if kind == "percent" {
            serde_json::json!({"type": "number-percent", "decimalPlaces": {"type": "max", "places": 1}})
        } else {
            main["format"].clone()
        };
        // An arrow is nothing to a screen reader.
        let (class, arrow, said) = if change >= 0.0 { ("up", "▲", "up by") } else { ("down", "▼", "down by") };
        let words = if label.is_empty() { "against the period before" } else { label };
        let change = escape(&format::number(change.abs(), &format));
        return Some(format!(
            "<span class=\"{class}\"><span aria-hidden=\"true\">{arrow}</span> <span class=\"hidden\">{said} </span>{change}</span> {}",
            escape(words)
        ));
    }
    let value = escape(&shown(rows, before, other, target));
    Some(if label.is_empty() { value } else { format!("{} <b>{value}</b>", escape(label)) })
}

/// Returns the colour that the style or the first rule that holds gives the value.
fn color(encoding: &Value, number: f64, raw: &str, palette: &Palette) -> Option<String> {
    let style = &encoding["style"];
    let rules = style["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rule = rules.iter().find(|rule| holds(&rule["condition"], number, raw));
    rule.and_then(|rule| palette.resolve(&rule["color"])).or_else(|| palette.resolve(&style["color"]))
}

/// The size of the type, if the file states one that can be read.
fn size(encoding: &Value) -> Option<String> {
    let pixels = encoding["style"]["fontSize"].as_f64().filter(|pixels| (6.0..=200.0).contains(pixels))?;
    Some(format!("font-size:{pixels}px"))
}

/// Tells whether a rule's condition holds for a value.
pub(super) fn holds(condition: &Value, number: f64, raw: &str) -> bool {
    let operand = &condition["operand"]["value"];
    let operand = operand.as_str().map_or_else(|| operand.to_string(), str::to_owned);
    let operator = condition["operator"].as_str().unwrap_or_default();
    match operand.trim().parse::<f64>() {
        Ok(limit) if !number.is_nan() => match operator {
            ">=" => number >= limit,
            ">" => number > limit,
            "<=" => number <= limit,
            "<" => number < limit,
            "=" => number == limit,
            "!=" => number != limit,
            _ => false,
        },
        _ => match operator {
            "=" => raw == operand,
            "!=" => raw != operand,
            _ => false,
        },
    }
}

/// Draws the course of a number as a small line.
fn sparkline(values: &[Option<f64>]) -> String {
    let known: Vec<f64> = values.iter().copied().flatten().collect();
    if known.len() < 2 {
        return String::new();
    }
    let (low, high) = known.iter().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
    let height = if high > low { high - low } else { 1.0 };
    let step = 100.0 / (values.len() - 1) as f64;
    let mut path = String::new();
    let mut pen_down = false;
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value else {
            pen_down = false;
            continue;
        };
        let (x, y) = (index as f64 * step, 28.0 - (value - low) / height * 26.0);
        path.push_str(&format!("{}{x:.1} {y:.1}", if pen_down { 'L' } else { 'M' }));
        pen_down = true;
    }
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 100 30\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path d=\"{path}\"/></svg>"
    )
}
