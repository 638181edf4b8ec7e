//! Widgets that are drawn less often: forecasts, boxes, flows, and places on a map without the map.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::chart::Chart;
use super::format;
use super::series::{Series, Source, categories, color, field, measures, name_of, shown};
use super::text::plot_text;

/// Nodes beyond which a flow is not drawn: nobody could follow it.
const NODES: usize = 200;

/// Draws a forecast: what was, what is expected, and the band in which it is expected.
pub(super) fn forecast(source: &Source<'_>) -> Result<Chart, String> {
    let (rows, encodings) = (source.rows, &source.spec["encodings"]);
    let x = field(rows, &encodings["x"])?;
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|a, b| super::rows::natural(rows.text(*a, x), rows.text(*b, x)));
    let base: Vec<Option<&str>> = order.iter().map(|row| rows.text(*row, x)).collect();
    let y = &encodings["y"];
    let line = |key: &str, style: Value, extra: Value| -> Result<Value, String> {
        let column = field(rows, &y[key])?;
        let values: Vec<Option<f64>> = order.iter().map(|row| rows.number(*row, column)).collect();
        let words = |row: &usize| {
            let value = format::show(rows.text(*row, column), &y[key]["format"], rows.sql_type(column));
            json!([plot_text(&shown(rows, rows.text(*row, x), &encodings["x"], x)), plot_text(&value)])
        };
        let hover: Vec<Value> = order.iter().map(words).collect();
        let mut trace = json!({
            "type": "scatter", "mode": "lines", "x": base, "y": values, "customdata": hover, "connectgaps": false,
            "name": plot_text(&name_of(&y[key])), "line": style,
            "hovertemplate": "%{customdata[0]}<br><b>%{customdata[1]}</b><extra>%{fullData.name}</extra>",
        });
        if let (Some(trace), Some(extra)) = (trace.as_object_mut(), extra.as_object()) {
            trace.extend(extra.clone());
        }
        Ok(trace)
    };
    let (past, ahead) = (source.palette.series(0), source.palette.series(1));
    let mut traces = Vec::new();
    if y["predictionLower"]["fieldName"].is_string() && y["predictionUpper"]["fieldName"].is_string() {
        let edge = json!({"color": ahead, "width": 0});
        traces.push(line("predictionLower", edge.clone(), json!({"showlegend": false}))?);
        let filled = json!({"fill": "tonexty", "fillcolor": format!("{}33", six_digits(&ahead)), "showlegend": false});
        traces.push(line("predictionUpper", edge, filled)?);
    }
    traces.push(line("original", json!({"color": past, "width": 2.25}), json!({}))?);
    traces.push(line("prediction", json!({"color": ahead, "width": 2.25, "dash": "dot"}), json!({}))?);
    let layout = json!({
        "showlegend": true, "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "xaxis": {"title": {"text": plot_text(&name_of(&encodings["x"]))}, "showgrid": false}, "yaxis": {"separatethousands": true},
    });
    Ok(json!({"data": traces, "layout": layout}))
}

/// Returns a colour's first six digits, so that two more can say how much shines through.
fn six_digits(color: &str) -> String {
    let digits: String = color.trim_start_matches('#').chars().collect();
    let digits: String = if digits.len() < 6 { digits.chars().take(3).flat_map(|c| [c, c]).collect() } else { digits };
    format!("#{}", digits.chars().take(6).collect::<String>())
}

/// Draws boxes of which the query has computed the ends.
pub(super) fn boxes(source: &Source<'_>) -> Result<Chart, String> {
    let (rows, encodings) = (source.rows, &source.spec["encodings"]);
    let (x, y) = (field(rows, &encodings["x"])?, &encodings["y"]);
    let names: Vec<String> =
        (0..rows.len()).map(|row| plot_text(&shown(rows, rows.text(row, x), &encodings["x"], x))).collect();
    let mut trace = json!({"type": "box", "x": names, "boxpoints": false, "marker": {"color": color(source, 0, "")}});
    let ends = [
        ("whiskerStart", "lowerfence"),
        ("boxStart", "q1"),
        ("boxMid", "median"),
        ("boxEnd", "q3"),
        ("whiskerEnd", "upperfence"),
    ];
    for (key, name) in ends {
        let column = field(rows, &y[key])?;
        let values: Vec<Option<f64>> = (0..rows.len()).map(|row| rows.number(row, column)).collect();
        trace[name] = json!(values);
    }
    let layout = json!({
        "showlegend": false, "xaxis": {"type": "category", "title": {"text": plot_text(&name_of(&encodings["x"]))}, "showgrid": false},
        "yaxis": {"separatethousands": true},
    });
    Ok(json!({"data": [trace], "layout": layout}))
}

/// Draws how many are left at each stage: the stages one below the other, and each beside the first.
pub(super) fn funnel(source: &Source<'_>) -> Result<Chart, String> {
    let (names, values, hover) = stages(source)?;
    let trace = json!({
        "type": "funnel", "orientation": "h", "y": names, "x": values, "customdata": hover,
        "texttemplate": "%{customdata}<br>%{percentInitial}", "textposition": "auto",
        "marker": {"color": source.palette.series(0)}, "connector": {"line": {"width": 0}},
        "hovertemplate": "%{y}<br><b>%{customdata}</b> (%{percentInitial} of the first, %{percentPrevious} of the one before)<extra></extra>",
    });
    let layout = json!({
        "showlegend": false, "xaxis": {"visible": false},
        "yaxis": {"type": "category", "categoryorder": "array", "categoryarray": names, "autorange": "reversed", "showgrid": false},
    });
    Ok(json!({"data": [trace], "layout": layout}))
}

/// Draws what each step adds or takes away, one after the other.
pub(super) fn waterfall(source: &Source<'_>) -> Result<Chart, String> {
    let encodings = &source.spec["encodings"];
    let (names, values, hover) = stages(source)?;
    let up = json!({"marker": {"color": source.palette.series(2)}});
    let down = json!({"marker": {"color": source.palette.series(3)}});
    let trace = json!({
        "type": "waterfall", "orientation": "v", "x": names, "y": values, "customdata": hover,
        "measure": vec!["relative"; names.len()], "text": hover, "textposition": "outside", "cliponaxis": false,
        "increasing": up, "decreasing": down, "connector": {"line": {"color": "#919191", "width": 1}},
        "hovertemplate": "%{x}<br><b>%{customdata}</b><extra></extra>",
    });
    let layout = json!({
        "showlegend": false, "yaxis": {"title": {"text": plot_text(&name_of(&encodings["y"]))}, "separatethousands": true},
        "xaxis": {"type": "category", "categoryorder": "array", "categoryarray": names, "showgrid": false},
    });
    Ok(json!({"data": [trace], "layout": layout}))
}

/// The stages of a funnel or steps of a waterfall: names, values, and what the values look like.
type Stages = (Vec<String>, Vec<Option<f64>>, Vec<String>);

/// Reads `x` as stages and `y` as their values: in the data's order, unless the scale says another.
fn stages(source: &Source<'_>) -> Result<Stages, String> {
    let (rows, encodings) = (source.rows, &source.spec["encodings"]);
    let stage = field(rows, &encodings["x"])?;
    let measures = measures(rows, &encodings["y"])?;
    let [measure] = measures.as_slice() else { return Err("it has one value for each stage".to_owned()) };
    let all = Series { name: String::new(), rows: (0..rows.len()).collect(), measure, color: String::new() };
    let names = categories(source, "line", &encodings["x"], stage, &[all], false);
    let mut values: HashMap<String, (f64, bool)> = HashMap::new();
    for row in 0..rows.len() {
        // Rows of one stage, split by a colour, are added up.
        let sum = values.entry(shown(rows, rows.text(row, stage), &encodings["x"], stage)).or_default();
        if let Some(value) = rows.number(row, measure.column) {
            *sum = (sum.0 + value, true);
        }
    }
    let value = |name: &String| values.get(name).filter(|(_, known)| *known).map(|(sum, _)| *sum);
    let numbers: Vec<Option<f64>> = names.iter().map(value).collect();
    let looks = |number: &Option<f64>| {
        number.map_or("–".to_owned(), |number| format::number(number, &encodings["y"]["format"]))
    };
    let hover = numbers.iter().map(|number| plot_text(&looks(number))).collect();
    Ok((names.iter().map(|name| plot_text(name)).collect(), numbers, hover))
}

/// Draws how much flows from stage to stage.
pub(super) fn flow(source: &Source<'_>) -> Result<Chart, String> {
    let (rows, encodings) = (source.rows, &source.spec["encodings"]);
    let stages = encodings["stages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let stages: Vec<(&Value, usize)> =
        stages.iter().map(|stage| Ok((stage, field(rows, stage)?))).collect::<Result<_, String>>()?;
    if stages.len() < 2 {
        return Err("a flow has two stages or more".to_owned());
    }
    let value = field(rows, &encodings["value"])?;
    let mut nodes: HashMap<(usize, Option<&str>), usize> = HashMap::new();
    let mut labels: Vec<String> = Vec::new();
    let mut links: HashMap<(usize, usize), f64> = HashMap::new();
    let mut order: Vec<(usize, usize)> = Vec::new();
    for row in 0..rows.len() {
        let Some(amount) = rows.number(row, value).filter(|amount| *amount > 0.0) else { continue };
        let mut before = None;
        for (at, (stage, column)) in stages.iter().enumerate() {
            let text = rows.text(row, *column);
            let node = *nodes.entry((at, text)).or_insert_with(|| {
                labels.push(plot_text(&shown(rows, text, stage, *column)));
                labels.len() - 1
            });
            if let Some(from) = before.replace(node) {
                let link = links.entry((from, node)).or_insert_with(|| {
                    order.push((from, node));
                    0.0
                });
                *link += amount;
            }
        }
    }
    if labels.len() > NODES {
        return Err(format!("{} places are too many to follow; see the data", labels.len()));
    }
    if labels.is_empty() {
        return Err("nothing flows".to_owned());
    }
    let colors: Vec<String> = (0..labels.len()).map(|index| source.palette.series(index)).collect();
    let (from, to): (Vec<usize>, Vec<usize>) = order.iter().copied().unzip();
    let amounts: Vec<f64> = order.iter().map(|link| links[link]).collect();
    let trace = json!({
        "type": "sankey", "arrangement": "fixed", "node": {"label": labels, "color": colors, "pad": 14, "thickness": 14},
        "link": {"source": from, "target": to, "value": amounts},
    });
    Ok(json!({"data": [trace], "layout": {}}))
}

/// Draws places by their longitude and latitude. The page loads nothing, so there are no outlines to put them on.
pub(super) fn places(source: &Source<'_>) -> Result<Chart, String> {
    let (rows, encodings) = (source.rows, &source.spec["encodings"]);
    let [latitude, longitude] = ["latitude", "longitude"].map(|key| &encodings["coordinates"][key]);
    let (y, x) = (field(rows, latitude)?, field(rows, longitude)?);
    let by = encodings["color"]["fieldName"].as_str().and_then(|name| rows.column(name));
    let size = encodings["size"]["fieldName"].as_str().and_then(|name| rows.column(name));
    let largest = size.map(|size| (0..rows.len()).filter_map(|row| rows.number(row, size)).fold(0.0, f64::max));
    let named = by.filter(|by| encodings["color"]["scale"]["type"] != "quantitative" || !rows.is_numeric(*by));
    let values = named.map(|by| rows.sorted(by)).unwrap_or_default();
    let (mut xs, mut ys, mut sizes, mut colors, mut hover) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in 0..rows.len() {
        xs.push(rows.number(row, x));
        ys.push(rows.number(row, y));
        let part = size.and_then(|size| rows.number(row, size)).zip(largest.filter(|largest| *largest > 0.0));
        sizes.push(part.map_or(8.0, |(size, largest)| 5.0 + 27.0 * (size.max(0.0) / largest).sqrt()));
        let raw = named.and_then(|by| rows.text(row, by));
        let place = values.iter().position(|value| *value == raw).unwrap_or(0);
        colors.push(color(source, place, raw.unwrap_or_default()));
        let told = [by, size].into_iter().flatten().filter_map(|column| rows.text(row, column));
        hover.push(plot_text(&told.collect::<Vec<_>>().join(" · ")));
    }
    let trace = json!({
        "type": "scatter", "mode": "markers", "x": xs, "y": ys, "customdata": hover,
        "marker": {"size": sizes, "color": colors, "opacity": 0.7, "line": {"width": 0}},
        "hovertemplate": "%{y:.2f}, %{x:.2f}<br>%{customdata}<extra></extra>",
    });
    let axis = |encoding: &Value| json!({"title": {"text": plot_text(&name_of(encoding))}});
    Ok(json!({"data": [trace], "layout": {"showlegend": false, "xaxis": axis(longitude), "yaxis": axis(latitude)}}))
}

/// Says why a widget of a type is not drawn here.
pub(super) fn why_not(kind: &str) -> String {
    let because = match kind {
        "choropleth-map" => "a map of regions: this page loads nothing, and the outlines of regions are not in it",
        "custom-vega-viz" => "a drawing in Vega-Lite, for which this page has no interpreter",
        "word-cloud" | "details" => "of a type that is drawn in the workspace, and not here",
        "bar-chart" | "choropleth" | "gauge" | "filter" | "markdown" | "text" => {
            "of a type that no workspace has: there it shows nothing"
        }
        _ => "of a type that is not known here",
    };
    format!("This widget (“{kind}”) is {because}. These are its rows.")
}
