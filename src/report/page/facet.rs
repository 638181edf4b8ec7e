//! Small multiples: one drawing for each value of a field, all by the same scales.

use serde_json::{Value, json};

use super::chart::{self, Chart};
use super::matrix;
use super::rows::Rows;
use super::series::{Source, shown};
use super::text::{escape, plot_text};
use crate::event::QueryResult;

/// Drawings beyond which nobody compares any more.
const MOST: usize = 36;

/// Room between two drawings, as a share of the whole.
const GAP: f64 = 0.06;

/// Returns the column of whose values each has a drawing of its own, if the widget wants that.
pub(super) fn column(source: &Source<'_>) -> Option<usize> {
    source.rows.column(source.spec["facet"]["fieldName"].as_str()?)
}

/// The rows of one drawing.
struct Facet {
    name: String,
    result: QueryResult,
}

/// Splits the rows, in the order that the facet's scale asks for.
fn split(source: &Source<'_>, column: usize) -> Result<Vec<Facet>, String> {
    let (rows, facet) = (source.rows, &source.spec["facet"]);
    let mut values = rows.sorted(column);
    let sort = &facet["scale"]["sort"];
    match sort["by"].as_str() {
        Some("natural-order-reversed") => values.reverse(),
        Some("custom-order") => {
            let wanted: Vec<&str> =
                sort["orderedValues"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            values.sort_by_key(|value| wanted.iter().position(|w| Some(*w) == *value).unwrap_or(usize::MAX));
        }
        _ => {}
    }
    if values.len() > MOST {
        return Err(format!("{} drawings are too many to compare; see the data", values.len()));
    }
    let parts = values.into_iter().map(|value| {
        let own = rows.result.rows.iter().filter(|row| row.get(column).is_some_and(|own| own.as_deref() == value));
        let result = QueryResult { rows: own.cloned().collect(), ..without_rows(rows.result) };
        Facet { name: shown(rows, value, facet, column), result }
    });
    Ok(parts.collect())
}

fn without_rows(result: &QueryResult) -> QueryResult {
    QueryResult { columns: result.columns.clone(), rows: Vec::new(), truncated: result.truncated }
}

/// Returns how many drawings stand beside each other.
fn beside(facet: &Value, count: usize) -> usize {
    let told =
        |key: &str| facet["layout"][key]["value"].as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
    let columns = told("column").or_else(|| Some(count.div_ceil(told("row")?)));
    columns.unwrap_or(if count <= 4 { 2 } else { 3 }).clamp(1, count.max(1))
}

/// Draws a chart with axes once for each value. The axes are those of the whole, so that what is compared can be.
pub(super) fn axes(kind: &str, source: &Source<'_>, column: usize) -> Result<Chart, String> {
    let facets = split(source, column)?;
    let mut layout = chart::axes(kind, source)?["layout"].take();
    let columns = beside(&source.spec["facet"], facets.len());
    let lines = facets.len().div_ceil(columns).max(1);
    let (width, height) = (1.0 / columns as f64, 1.0 / lines as f64);
    let [x_axis, y_axis] = ["xaxis", "yaxis"].map(|name| layout[name].take());
    let shapes = layout["shapes"].take();
    let mut traces = Vec::new();
    let mut titles = Vec::new();
    let mut marks = Vec::new();
    for (index, facet) in facets.iter().enumerate() {
        let rows = Rows::new(&facet.result);
        let own = chart::axes(kind, &Source { rows: &rows, ..*source })?;
        let number = if index == 0 { String::new() } else { (index + 1).to_string() };
        let (x, y) = (format!("x{number}"), format!("y{number}"));
        for trace in own["data"].as_array().into_iter().flatten() {
            let mut trace = trace.clone();
            trace["xaxis"] = json!(x);
            trace["yaxis"] = json!(y);
            trace["legendgroup"] = trace["name"].clone();
            trace["showlegend"] = json!(index == 0);
            traces.push(trace);
        }
        let (across, down) = (index % columns, index / columns);
        let left = across as f64 * width;
        let top = 1.0 - down as f64 * height;
        // Its name stands above it, and what is written along its axes beside and below it.
        let (from, to) = (top - height + GAP, top - GAP);
        let mut axis = x_axis.clone();
        axis["domain"] = json!([left + GAP / 2.0, left + width - GAP / 2.0]);
        axis["anchor"] = json!(y);
        let mut value_axis = y_axis.clone();
        value_axis["domain"] = json!([from.max(0.0), to]);
        value_axis["anchor"] = json!(x);
        if index > 0 {
            axis["matches"] = json!("x");
            value_axis["matches"] = json!("y");
        }
        // What an axis is of, and its scale, is said where the last drawing of a column ends.
        if index + columns < facets.len() {
            axis["title"] = Value::Null;
            axis["showticklabels"] = json!(false);
        }
        if across > 0 {
            value_axis["title"] = Value::Null;
            value_axis["showticklabels"] = json!(false);
        }
        layout[format!("xaxis{number}")] = axis;
        layout[format!("yaxis{number}")] = value_axis;
        titles.push(json!({
            "xref": "paper", "yref": "paper", "x": left + width / 2.0, "y": to, "xanchor": "center", "yanchor": "bottom",
            "showarrow": false, "text": format!("<b>{}</b>", plot_text(&facet.name)),
        }));
        for shape in shapes.as_array().into_iter().flatten() {
            let mut shape = shape.clone();
            let place = |axis: &Value, own: &str, letter: &str| {
                json!(if axis == letter { own.to_owned() } else { format!("{own} domain") })
            };
            shape["xref"] = place(&shape["xref"], &x, "x");
            shape["yref"] = place(&shape["yref"], &y, "y");
            marks.push(shape);
        }
    }
    layout["annotations"] = json!(titles);
    if !marks.is_empty() {
        layout["shapes"] = json!(marks);
    }
    Ok(json!({"data": traces, "layout": layout}))
}

/// Draws a heatmap once for each value, below each other.
pub(super) fn heatmaps(source: &Source<'_>, column: usize, label: &str) -> Result<String, String> {
    let mut encodings = source.spec["encodings"].clone();
    // The colours mean the same in all of them.
    if let Some(color) = encodings["color"]["fieldName"].as_str().and_then(|name| source.rows.column(name)) {
        let values = (0..source.rows.len()).filter_map(|row| source.rows.number(row, color));
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        for (end, own) in [("min", low), ("max", high)] {
            if encodings["color"]["scale"]["domain"][end].is_null() && low <= high {
                encodings["color"]["scale"]["domain"][end] = json!(own);
            }
        }
    }
    let facets = split(source, column)?;
    let drawn = facets.iter().map(|facet| {
        let rows = Rows::new(&facet.result);
        let name = &facet.name;
        let heatmap = matrix::heatmap(&encodings, &rows, source.palette, &format!("{label}: {name}"))?;
        Ok(format!("<h4>{}</h4>\n{heatmap}", escape(name)))
    });
    drawn.collect()
}
