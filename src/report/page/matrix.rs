//! Heatmaps and pivots: rows by columns, with colours. Both are tables, so that they can be read, printed and heard.

use std::collections::HashMap;

use serde_json::Value;

use super::color::{Palette, Ramp};
use super::format;
use super::rows::{Rows, natural};
use super::text::escape;
use crate::dashboards::TOTALS_FIELD;

/// Cells beyond which a matrix is not drawn: nobody could read it, and the page would grow without end.
const CELLS: usize = 40_000;

/// A row's or a column's place: a value for each field, and no value where it is the total over a field.
type Key<'a> = Vec<Part<'a>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part<'a> {
    Value(Option<&'a str>),
    Total,
}

impl Part<'_> {
    /// Compares values as they are, and puts totals behind them.
    fn natural(self, other: Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Value(a), Self::Value(b)) => natural(a, b),
            _ => (self == Self::Total).cmp(&(other == Self::Total)),
        }
    }
}

/// Draws a heatmap.
pub(super) fn heatmap(encodings: &Value, rows: &Rows<'_>, palette: &Palette, caption: &str) -> Result<String, String> {
    let column = |key: &str| {
        let name = encodings[key]["fieldName"].as_str().ok_or_else(|| format!("the heatmap has no field for {key}"))?;
        rows.column(name).ok_or_else(|| format!("the query did not return the field `{name}`"))
    };
    let (x, y, color) = (column("x")?, column("y")?, column("color")?);
    let xs = ordered(rows, x, &encodings["x"], color);
    let ys = ordered(rows, y, &encodings["y"], color);
    if xs.len().saturating_mul(ys.len()) > CELLS {
        return Err(format!("{} by {} cells are too many to draw; see the data", xs.len(), ys.len()));
    }
    let cells: HashMap<_, _> = (0..rows.len()).map(|row| ((rows.text(row, x), rows.text(row, y)), row)).collect();
    let scale = &encodings["color"]["scale"];
    let ramp = Ramp::of(scale);
    let (low, high) = domain(scale, (0..rows.len()).filter_map(|row| rows.number(row, color)));
    let labels = encodings["label"]["show"].as_bool() == Some(true) || xs.len() <= 18;
    let format = heat_format(encodings, high);
    let title = |key: &str| {
        let encoding = &encodings[key];
        let hidden = encoding["axis"]["hideTitle"].as_bool() == Some(true);
        let own = encoding["axis"]["title"].as_str().or_else(|| encoding["displayName"].as_str());
        if hidden { "" } else { own.or_else(|| encoding["fieldName"].as_str()).unwrap_or_default() }
    };
    let show = |value: Option<&str>, key: &str, column: usize| {
        let shown = format::show(value, &encodings[key]["format"], rows.sql_type(column));
        if value.is_none() { "–".to_owned() } else { shown }
    };

    // The names of the rows get the room that they need, up to a third of a usual tile.
    let longest = ys.iter().map(|value| show(*value, "y", y).chars().count()).max().unwrap_or(0);
    let names = (24 + 8 * longest).clamp(72, 240);
    let density = match (xs.len() > 24, ys.len() > 20) {
        (true, true) => " dense tall",
        (true, false) => " dense",
        (false, true) => " tall",
        (false, false) => "",
    };
    let mut html = format!(
        "<div class=\"scroll\" tabindex=\"0\"><table class=\"matrix heat{density}\" style=\"--names:{names}px;min-width:{}px\"><caption class=\"hidden\">{}</caption>\
         <thead><tr><td class=\"corner\">{}</td><th class=\"over\" colspan=\"{}\">{}</th></tr><tr><td></td>",
        names + if xs.len() > 24 { 30 } else { 34 } * xs.len().min(200),
        escape(caption),
        escape(title("y")),
        xs.len(),
        escape(title("x"))
    );
    for value in &xs {
        html.push_str(&format!("<th scope=\"col\">{}</th>", escape(&show(*value, "x", x))));
    }
    html.push_str("</tr></thead><tbody>");
    for y_value in &ys {
        let y_shown = show(*y_value, "y", y);
        html.push_str(&format!("<tr><th scope=\"row\">{}</th>", escape(&y_shown)));
        for x_value in &xs {
            let row = cells.get(&(*x_value, *y_value)).copied();
            let raw = row.and_then(|row| rows.text(row, color));
            let (Some(row), Some(raw)) = (row, raw) else {
                html.push_str("<td class=\"empty\"></td>");
                continue;
            };
            let shown = format::show(Some(raw), &format, rows.sql_type(color));
            let style = match rows.number(row, color) {
                Some(number) => ramp.cell_style(share(number, low, high)),
                None => mapped(scale, raw, palette).unwrap_or_default(),
            };
            let hint = format!("{y_shown} · {} {}: {shown}", title("x"), show(*x_value, "x", x));
            let text = if labels { compact_label(&shown) } else { String::new() };
            html.push_str(&format!(
                "<td class=\"ramp\" style=\"{style}\" title=\"{}\">{}</td>",
                escape(&hint),
                escape(&text)
            ));
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table></div>");
    if encodings["color"]["legend"]["hide"].as_bool() != Some(true) && high > low {
        let show = |value: f64| escape(&format::number(value, &format));
        let steps: String =
            (0..=16).map(|i| format!("<i style=\"{}\"></i>", ramp.cell_style(f64::from(i) / 16.0))).collect();
        html.push_str(&format!("<p class=\"ramp-legend\"><span>{}</span><span class=\"steps\" aria-hidden=\"true\">{steps}</span><span>{}</span></p>", show(low), show(high)));
    }
    Ok(html)
}

/// A percent sign in every cell says nothing new.
fn compact_label(shown: &str) -> String {
    shown.strip_suffix('%').unwrap_or(shown).to_owned()
}

/// Without a format of its own, a share is shown as a percentage when the field says that it is one.
fn heat_format(encodings: &Value, high: f64) -> Value {
    let own = &encodings["color"]["format"];
    if !own.is_null() {
        return own.clone();
    }
    let name = format!("{} {}", encodings["color"]["fieldName"], encodings["color"]["displayName"]).to_lowercase();
    if high <= 1.0 && ["rate", "share", "retention", "percent"].iter().any(|word| name.contains(word)) {
        return serde_json::json!({"type": "number-percent", "decimalPlaces": {"type": "max", "places": 1}});
    }
    Value::Null
}

fn mapped(scale: &Value, raw: &str, palette: &Palette) -> Option<String> {
    let color = palette.mapped(&scale["mappings"], raw)?;
    Some(format!("--c:{color};--t:#10212e;--cd:{color};--td:#10212e"))
}

/// Returns the ends of a colour scale: as written, or those of the data.
fn domain(scale: &Value, values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
    let written = |key: &str, old: &str| scale["domain"][key].as_f64().or_else(|| scale[old].as_f64());
    (written("min", "domainMin").unwrap_or(low), written("max", "domainMax").unwrap_or(high))
}

fn share(number: f64, low: f64, high: f64) -> f64 {
    if high > low { (number - low) / (high - low) } else { 0.5 }
}

/// Returns the values of an axis in the order that its scale asks for.
fn ordered<'a>(rows: &Rows<'a>, column: usize, encoding: &Value, measure: usize) -> Vec<Option<&'a str>> {
    let sort = &encoding["scale"]["sort"];
    let mut values = rows.sorted(column);
    match sort["by"].as_str().unwrap_or_default() {
        "custom-order" => {
            let wanted: Vec<&str> =
                sort["orderedValues"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let place = |value: Option<&str>| wanted.iter().position(|w| Some(*w) == value).unwrap_or(usize::MAX);
            values.sort_by_key(|value| place(*value));
        }
        by @ ("x" | "y" | "x-reversed" | "y-reversed" | "measure" | "measure-reversed" | "cell" | "cell-reversed") => {
            let mut totals: HashMap<Option<&str>, f64> = HashMap::new();
            for row in 0..rows.len() {
                *totals.entry(rows.text(row, column)).or_default() += rows.number(row, measure).unwrap_or(0.0);
            }
            let total = |value: &Option<&str>| totals.get(value).copied().unwrap_or(0.0);
            values.sort_by(|a, b| total(a).total_cmp(&total(b)));
            if by.ends_with("-reversed") {
                values.reverse();
            }
        }
        "natural-order-reversed" => values.reverse(),
        _ => {}
    }
    if encoding["scale"]["reverse"].as_bool() == Some(true) {
        values.reverse();
    }
    values
}

/// Draws a pivot.
pub(super) fn pivot<'a>(encodings: &Value, rows: &Rows<'a>, caption: &str) -> Result<String, String> {
    let list = |key: &str| -> Vec<(&Value, usize)> {
        let written = encodings[key].as_array().map(Vec::as_slice).unwrap_or_default();
        written.iter().filter_map(|e| Some((e, rows.column(e["fieldName"].as_str()?)?))).collect()
    };
    let (row_fields, column_fields) = (list("rows"), list("columns"));
    let cell = &encodings["cell"];
    let single = std::slice::from_ref(cell);
    let written = cell["fields"].as_array().map_or(single, Vec::as_slice);
    let measures: Vec<(&Value, usize)> =
        written.iter().filter_map(|e| Some((e, rows.column(e["fieldName"].as_str()?)?))).collect();
    if measures.is_empty() || (row_fields.is_empty() && column_fields.is_empty()) {
        return Err("the pivot has no fields that its query returned".to_owned());
    }

    // The query says by one bit for each field, those of the rows first, what a row is the total over.
    let totals = rows.column(TOTALS_FIELD);
    let over = |row: usize| totals.and_then(|column| rows.number(row, column)).map_or(0, |bits| bits as u64);
    let key = |row: usize, fields: &[(&Value, usize)], first: usize| -> Key<'a> {
        let parts = fields.iter().enumerate().map(|(place, (_, column))| {
            let total = over(row) >> (first + place).min(63) & 1 == 1;
            if total { Part::Total } else { Part::Value(rows.text(row, *column)) }
        });
        parts.collect()
    };
    let row_key = |row: usize| key(row, &row_fields, 0);
    let column_key = |row: usize| key(row, &column_fields, row_fields.len());
    let keys = |fields: &[(&Value, usize)], key: &dyn Fn(usize) -> Key<'a>| {
        let mut keys: Vec<Key<'a>> = (0..rows.len()).map(key).collect();
        let sort = fields.first().and_then(|(e, _)| e["scale"]["sort"]["by"].as_str()).unwrap_or_default();
        let mut sums: HashMap<Part<'a>, f64> = HashMap::new();
        if sort == "cell" || sort == "cell-reversed" {
            for row in (0..rows.len()).filter(|row| over(*row) == 0) {
                let first = key(row).first().copied().unwrap_or(Part::Total);
                *sums.entry(first).or_default() += rows.number(row, measures[0].1).unwrap_or(0.0);
            }
        }
        let sum = |part: Part<'_>| sums.get(&part).copied().unwrap_or(0.0);
        // What is outermost is sorted as its field wants it; totals stay behind it.
        let order = |place: usize, a: Part<'_>, b: Part<'_>| {
            if place > 0 || a == Part::Total || b == Part::Total {
                return a.natural(b);
            }
            let order = sum(a).total_cmp(&sum(b)).then(a.natural(b));
            if sort.ends_with("-reversed") { order.reverse() } else { order }
        };
        keys.sort_by(|a, b| {
            let mut orders = a.iter().zip(b).enumerate().map(|(place, (a, b))| order(place, *a, *b));
            orders.find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        });
        keys.dedup();
        keys
    };
    let (row_keys, column_keys) = (keys(&row_fields, &row_key), keys(&column_fields, &column_key));
    if row_keys.len().saturating_mul(column_keys.len()) > CELLS {
        return Err(format!("{} by {} cells are too many to draw; see the data", row_keys.len(), column_keys.len()));
    }
    let cells: HashMap<_, _> = (0..rows.len()).map(|row| ((row_key(row), column_key(row)), row)).collect();
    // Totals would make everything else pale.
    let single: Vec<usize> = (0..rows.len()).filter(|row| over(*row) == 0).collect();
    let ramps: Vec<_> = measures.iter().map(|(encoding, column)| ramp(encoding, rows, *column, &single)).collect();
    let label = |encoding: &Value| {
        let name = encoding["displayName"].as_str().or_else(|| encoding["fieldName"].as_str());
        escape(name.unwrap_or_default())
    };
    let header = |key: &Key<'a>, fields: &[(&Value, usize)]| -> String {
        let total = |part: &Part<'_>| *part == Part::Total;
        let said = key.iter().position(total).map_or(key.len(), |first| first + 1);
        let parts = key.iter().take(said).zip(fields).map(|(part, (encoding, column))| {
            let Part::Value(value) = part else { return "Total".to_owned() };
            let shown = format::show(*value, &encoding["format"], rows.sql_type(*column));
            let raw = value.unwrap_or_default();
            match encoding["formatTemplate"].as_str() {
                Some(pattern) => format::template(pattern, &shown, raw, |_| None),
                None if value.is_none() => "–".to_owned(),
                None => shown,
            }
        });
        parts.collect::<Vec<_>>().join(" · ")
    };

    let mut html = format!(
        "<div class=\"scroll\" tabindex=\"0\"><table class=\"matrix\"><caption class=\"hidden\">{}</caption><thead>",
        escape(caption)
    );
    if !column_fields.is_empty() {
        let over: Vec<String> = column_fields.iter().map(|(encoding, _)| label(encoding)).collect();
        let span = column_keys.len() * measures.len();
        html.push_str(&format!(
            "<tr><td class=\"corner\" colspan=\"{}\"></td><th class=\"over\" colspan=\"{span}\">{}</th></tr>",
            row_fields.len().max(1),
            over.join(" · ")
        ));
    }
    html.push_str("<tr>");
    for (encoding, _) in &row_fields {
        html.push_str(&format!("<th scope=\"col\" class=\"row-title\">{}</th>", label(encoding)));
    }
    if row_fields.is_empty() {
        html.push_str("<td></td>");
    }
    for key in &column_keys {
        for (encoding, _) in &measures {
            let name = header(key, &column_fields);
            let name = match (name.is_empty(), measures.len()) {
                (true, _) => label(encoding),
                (false, 1) => escape(&name),
                (false, _) => format!("{} {}", escape(&name), label(encoding)),
            };
            html.push_str(&format!("<th scope=\"col\">{name}</th>"));
        }
    }
    html.push_str("</tr></thead><tbody>");
    for row_key in &row_keys {
        let total = row_key.contains(&Part::Total);
        html.push_str(if total { "<tr class=\"total\">" } else { "<tr>" });
        let mut said = false;
        for (part, field) in row_key.iter().zip(&row_fields) {
            let shown = if said { String::new() } else { header(&vec![*part], std::slice::from_ref(field)) };
            said |= *part == Part::Total;
            html.push_str(&format!("<th scope=\"row\">{}</th>", escape(&shown)));
        }
        if row_fields.is_empty() {
            html.push_str("<td></td>");
        }
        for column_key in &column_keys {
            let row = cells.get(&(row_key.clone(), column_key.clone())).copied();
            for ((encoding, column), ramp) in measures.iter().zip(&ramps) {
                let raw = row.and_then(|row| rows.text(row, *column));
                let Some(raw) = raw else {
                    html.push_str("<td class=\"empty\"></td>");
                    continue;
                };
                let shown = format::show(Some(raw), &encoding["format"], rows.sql_type(*column));
                let number = row.and_then(|row| rows.number(row, *column));
                let total = total || column_key.contains(&Part::Total);
                match (ramp, number) {
                    (Some((ramp, low, high)), Some(number)) if !total => {
                        let style = ramp.cell_style(share(number, *low, *high));
                        html.push_str(&format!("<td class=\"ramp\" style=\"{style}\">{}</td>", escape(&shown)));
                    }
                    _ if total => html.push_str(&format!("<td class=\"total\">{}</td>", escape(&shown))),
                    _ => html.push_str(&format!("<td>{}</td>", escape(&shown))),
                }
            }
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table></div>");
    Ok(html)
}

fn ramp(encoding: &Value, rows: &Rows<'_>, column: usize, of: &[usize]) -> Option<(Ramp, f64, f64)> {
    let scale = &encoding["style"]["backgroundColor"]["scale"];
    if encoding["style"]["type"].as_str() != Some("color-scale") {
        return None;
    }
    let (low, high) = domain(scale, of.iter().filter_map(|row| rows.number(*row, column)));
    Some((Ramp::of(scale), low, high))
}
