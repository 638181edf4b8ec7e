//! Tables: the table widget in both of its versions, and the plain table behind every chart.

use serde_json::Value;

use super::color::{Palette, Ramp, for_text, ink_on};
use super::counter::holds;
use super::format;
use super::rows::Rows;
use super::text::{escape, safe_link};
use crate::event::QueryResult;

/// Rows of a table widget on a screen, where it is scrolled.
const SHOWN: usize = 2_000;
/// Rows of it on paper and in pictures, as `style.css` has it.
const PRINTED: usize = 200;
/// Rows shown of the data behind a chart.
const BEHIND: usize = 500;

/// Draws a result as it is: the data behind a chart, or a widget that cannot be drawn otherwise.
pub(super) fn plain(result: &QueryResult, caption: &str) -> String {
    let rows = Rows::new(result);
    let mut html = format!("<table><caption class=\"hidden\">{}</caption><thead><tr>", escape(caption));
    for (index, (name, _)) in result.columns.iter().enumerate() {
        let class = if rows.is_numeric(index) { " class=\"num\"" } else { "" };
        html.push_str(&format!("<th scope=\"col\"{class}>{}</th>", escape(name)));
    }
    html.push_str("</tr></thead><tbody>");
    for row in 0..rows.len().min(BEHIND) {
        html.push_str("<tr>");
        for column in 0..result.columns.len() {
            let class = if rows.is_numeric(column) { " class=\"num\"" } else { "" };
            let shown = format::show(rows.text(row, column), &Value::Null, rows.sql_type(column));
            html.push_str(&format!("<td{class}>{}</td>", escape(&shown)));
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table>");
    html.push_str(&more(rows.len(), BEHIND));
    html
}

fn more(rows: usize, shown: usize) -> String {
    if rows <= shown {
        return String::new();
    }
    let rows = format::number(rows as f64, &Value::Null);
    let shown = format::number(shown as f64, &Value::Null);
    format!("<p class=\"more\">The first {shown} of {rows} rows.</p>")
}

struct Column<'a> {
    encoding: &'a Value,
    index: usize,
    title: &'a str,
    align: &'static str,
    ramp: Option<(Ramp, f64, f64)>,
}

/// Draws a table widget.
pub(super) fn draw(spec: &Value, rows: &Rows<'_>, palette: &Palette, caption: &str) -> Result<String, String> {
    let written = spec["encodings"]["columns"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut columns: Vec<Column<'_>> = written
        .iter()
        .filter(|encoding| encoding["visible"].as_bool() != Some(false))
        .filter_map(|encoding| column(encoding, rows))
        .collect();
    if columns.is_empty() {
        return Ok(plain(rows.result, caption));
    }
    if spec["version"].as_i64() == Some(1) {
        columns.sort_by_key(|column| column.encoding["order"].as_i64().unwrap_or(0));
    }
    let numbered = ["displayRowNumbers", "withRowNumber"].iter().any(|key| spec[*key].as_bool() == Some(true));
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let by = spec["encodings"]["rowOrder"].as_array().map(Vec::as_slice).unwrap_or_default();
    let by = by.iter().filter_map(|by| {
        let column = columns.get(usize::try_from(by["field"]["index"].as_u64()?).ok()?)?;
        Some((column.index, by["by"].as_str() == Some("column-reversed")))
    });
    let by: Vec<(usize, bool)> = by.collect();
    order.sort_by(|a, b| {
        let mut keys = by.iter().map(|(column, reversed)| {
            let order = super::rows::natural(rows.text(*a, *column), rows.text(*b, *column));
            if *reversed { order.reverse() } else { order }
        });
        keys.find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    });

    let mut html = format!(
        "<div class=\"scroll\" tabindex=\"0\"><table><caption class=\"hidden\">{}</caption><thead><tr>",
        escape(caption)
    );
    if numbered {
        html.push_str("<th scope=\"col\" class=\"num\">#</th>");
    }
    for column in &columns {
        html.push_str(&format!(
            "<th scope=\"col\" class=\"{}\"><button class=\"sort\">{}</button></th>",
            column.align,
            escape(column.title)
        ));
    }
    html.push_str("</tr></thead><tbody>");
    for (place, row) in order.iter().copied().enumerate().take(SHOWN) {
        html.push_str("<tr>");
        if numbered {
            html.push_str(&format!("<td class=\"num place\">{}</td>", place + 1));
        }
        for column in &columns {
            html.push_str(&cell(column, rows, row, palette));
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table></div>");
    if rows.len() > PRINTED {
        html.push_str(&format!("<div class=\"printed\">{}</div>", more(rows.len(), PRINTED)));
    }
    html.push_str(&more(rows.len(), SHOWN));
    Ok(html)
}

fn column<'a>(encoding: &'a Value, rows: &Rows<'_>) -> Option<Column<'a>> {
    let name = encoding["fieldName"].as_str()?;
    let index = rows.column(name)?;
    let title = ["title", "displayName"].iter().find_map(|key| encoding[*key].as_str().filter(|t| !t.is_empty()));
    let written = encoding["contentAlignment"].as_str().or_else(|| encoding["alignContent"].as_str());
    let align = match written {
        Some("right") => "num",
        Some("center") => "mid",
        Some("left") => "",
        _ if rows.is_numeric(index) => "num",
        _ => "",
    };
    let scale = &encoding["style"]["backgroundColor"]["scale"];
    let ramp = (encoding["style"]["type"].as_str() == Some("color-scale")).then(|| {
        let values = (0..rows.len()).filter_map(|row| rows.number(row, index));
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        // Ends that the file states hold for whatever rows there are, so that the middle stays the middle.
        let end = |key: &str, seen: f64| scale["domain"][key].as_f64().unwrap_or(seen);
        (Ramp::of(scale), end("min", low), end("max", high))
    });
    Some(Column { encoding, index, title: title.unwrap_or(name), align, ramp })
}

/// Characters of a text that stays on one line.
const SHORT: usize = 18;

fn cell(column: &Column<'_>, rows: &Rows<'_>, row: usize, palette: &Palette) -> String {
    let encoding = column.encoding;
    let Some(raw) = rows.text(row, column.index) else {
        return format!("<td class=\"{}\"></td>", column.align);
    };
    let sql_type = rows.sql_type(column.index);
    let number = rows.number(row, column.index);
    let mut shown = match (encoding["numberFormat"].as_str(), encoding["dateTimeFormat"].as_str(), number) {
        (Some(pattern), _, Some(number)) if !pattern.is_empty() && rows.is_numeric(column.index) => {
            format::numeral(number, pattern, encoding["scalePercentBy100"].as_bool() != Some(false))
        }
        (_, Some(pattern), _) if !pattern.is_empty() && format::is_temporal(sql_type) => {
            format::show(Some(raw), &serde_json::json!({"type": "moment.js", "format": pattern}), sql_type)
        }
        _ => format::show(Some(raw), &encoding["format"], sql_type),
    };
    if encoding["booleanValues"].is_array() && sql_type.eq_ignore_ascii_case("BOOLEAN") {
        let index = usize::from(raw.eq_ignore_ascii_case("true"));
        shown = encoding["booleanValues"][index].as_str().unwrap_or(raw).to_owned();
    }
    let other = |name: &str| Some(rows.text(row, rows.column(name)?)?.to_owned());
    if let Some(pattern) = encoding["formatTemplate"].as_str() {
        shown = format::template(pattern, &shown, raw, other);
    }

    let mut style = String::new();
    if let (Some((ramp, low, high)), Some(number)) = (&column.ramp, number) {
        style = ramp.cell_style(if high > low { (number - low) / (high - low) } else { 0.5 });
    }
    let rules = encoding["style"]["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rule = rules.iter().find(|rule| holds(&rule["condition"], number.unwrap_or(f64::NAN), raw));
    let own =
        |key: &str| rule.and_then(|r| palette.resolve(&r[key])).or_else(|| palette.resolve(&encoding["style"][key]));
    let ground = own("backgroundColor");
    if let Some(color) = &ground {
        style.push_str(&format!("background:{color};color:{};", ink_on(color)));
    }
    if let Some(color) = own("foregroundColor").or_else(|| old_rule(encoding, rows, row, palette)) {
        // What somebody chose for a ground of their own stays as it is.
        let color = if ground.is_some() || column.ramp.is_some() { color } else { for_text(&color) };
        style.push_str(&format!("color:{color};"));
    }
    if rule.is_some_and(|rule| rule["bold"].as_bool() == Some(true))
        || encoding["style"]["bold"].as_bool() == Some(true)
    {
        style.push_str("font-weight:600;");
    }

    let link = match encoding["displayAs"].as_str() {
        Some("link") => encoding["linkUrlTemplate"].as_str(),
        _ => encoding["actions"]["click"]["urlTemplate"].as_str(),
    };
    let link = link.map(|pattern| format::template(pattern, &shown, raw, other));
    let content = match link.as_deref().and_then(safe_link) {
        Some(link) => format!("<a href=\"{}\" rel=\"noopener noreferrer\">{}</a>", escape(link), escape(&shown)),
        None => escape(&shown),
    };
    let ramp = if column.ramp.is_some() && number.is_some() { " ramp" } else { "" };
    // A date or a word or two are not broken.
    let short = if column.align.is_empty() && shown.chars().count() <= SHORT { "short" } else { "" };
    let style = if style.is_empty() { String::new() } else { format!(" style=\"{style}\"") };
    // What is sorted by is the value, not what it looks like.
    let sort = if shown == raw { String::new() } else { format!(" data-sort=\"{}\"", escape(raw)) };
    format!("<td class=\"{}{short}{ramp}\"{sort}{style}>{content}</td>", column.align)
}

/// Returns the text colour that the old editor's rules give a cell.
fn old_rule(encoding: &Value, rows: &Rows<'_>, row: usize, palette: &Palette) -> Option<String> {
    let format = &encoding["cellFormat"];
    let rule = format["rules"].as_array().into_iter().flatten().find(|rule| {
        let condition = &rule["if"];
        let Some(column) = condition["column"].as_str().and_then(|name| rows.column(name)) else { return false };
        let as_new = serde_json::json!({"operator": condition["fn"], "operand": {"value": condition["literal"]}});
        let raw = rows.text(row, column);
        raw.is_some_and(|raw| holds(&as_new, rows.number(row, column).unwrap_or(f64::NAN), raw))
    });
    let chosen = rule.map_or(&format["default"], |rule| &rule["value"]);
    palette.resolve(&chosen["foregroundColor"])
}
