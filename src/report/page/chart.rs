//! Charts with axes, and pies: from a widget's encodings and rows to the traces and the layout that plotly draws.

use serde_json::{Map, Value, json};

use super::color::Ramp;
use super::format;
use super::rows::{Rows, natural};
use super::series::{Measure, Series, Source, categories, color, field, measures, name_of, series, shown};
use super::text::plot_text;

/// Characters of a category's name that are shown on an axis.
const LABEL: usize = 24;

/// A chart's `data` and `layout`; fonts and the colours of paper and grid are set by the page, which knows its theme.
pub(super) type Chart = Value;

/// Draws a bar, line, area, scatter, histogram or combo chart.
pub(super) fn axes(kind: &str, source: &Source<'_>) -> Result<Chart, String> {
    let encodings = &source.spec["encodings"];
    let scale_type = |key: &str| encodings[key]["scale"]["type"].as_str().unwrap_or_default();
    let has_fields = |key: &str| encodings[key]["fields"].is_array();
    let horizontal = kind == "bar"
        && (has_fields("x")
            || (scale_type("x") == "quantitative" && matches!(scale_type("y"), "categorical" | "temporal")));
    let (base_key, value_key) = if horizontal { ("y", "x") } else { ("x", "y") };
    let base = &encodings[base_key];
    let base_column = field(source.rows, base)?;
    let measures = measures(source.rows, &encodings[value_key])?;
    let base_type = match scale_type(base_key) {
        "" if format::is_temporal(source.rows.sql_type(base_column)) => "temporal",
        "" if source.rows.is_numeric(base_column) && kind != "bar" => "quantitative",
        // Whatever the scale says, texts that are no dates can only be names.
        "temporal" if !has_dates(source.rows, base_column) => "categorical",
        other => other,
    };

    let series = series(source, &measures, base_column, base_type);
    let categories = (base_type != "temporal" && base_type != "quantitative")
        .then(|| categories(source, kind, base, base_column, &series, horizontal));
    let longest = series.iter().map(|series| series.rows.len()).max().unwrap_or(0);
    let drawing = Drawing { kind, source, base, base_column, horizontal, categories: categories.as_deref(), longest };
    let traces: Vec<Value> =
        series.iter().enumerate().map(|(index, series)| drawing.trace(series, index, &measures)).collect();

    let mut layout = Map::new();
    let base_axis = drawing.axis(base, base_type, false);
    let value_axis = drawing.axis(measures.first().map_or(base, |m| m.axis), "quantitative", true);
    let (x, y) = if horizontal { (value_axis, base_axis) } else { (base_axis, value_axis) };
    layout.insert("xaxis".into(), x);
    layout.insert("yaxis".into(), y);
    if let Some(second) = measures.iter().find(|measure| measure.secondary) {
        let mut axis = drawing.axis(second.axis, "quantitative", true);
        axis["overlaying"] = json!("y");
        axis["side"] = json!("right");
        axis["showgrid"] = json!(false);
        layout.insert("yaxis2".into(), axis);
    }
    let stacked = match source.spec["mark"]["layout"].as_str() {
        Some("group") => "group",
        Some("layer") if kind != "histogram" => "overlay",
        Some("percent-stack" | "stack-100") => {
            layout.insert("barnorm".into(), json!("percent"));
            "relative"
        }
        _ => "relative",
    };
    layout.insert("uniformtext".into(), json!({"minsize": 9, "mode": "hide"}));
    layout.insert("barmode".into(), json!(stacked));
    layout.insert("bargap".into(), json!(if kind == "histogram" { 0.04 } else { 0.28 }));
    legend(&mut layout, &encodings["color"], series.len());
    annotations(&mut layout, source);
    Ok(json!({"data": traces, "layout": layout}))
}

fn has_dates(rows: &Rows<'_>, column: usize) -> bool {
    let dated = |text: &str| text.get(..4).is_some_and(|year| year.bytes().all(|b| b.is_ascii_digit()));
    (0..rows.len()).filter_map(|row| rows.text(row, column)).any(dated)
}

struct Drawing<'a> {
    kind: &'a str,
    source: &'a Source<'a>,
    base: &'a Value,
    base_column: usize,
    horizontal: bool,
    categories: Option<&'a [String]>,
    /// Rows of the longest series.
    longest: usize,
}

impl Drawing<'_> {
    fn trace(&self, series: &Series<'_>, index: usize, measures: &[Measure<'_>]) -> Value {
        let rows = self.source.rows;
        let encodings = &self.source.spec["encodings"];
        let measure = series.measure;
        let value_format = self.value_format(measure);
        let mut base = Vec::with_capacity(series.rows.len());
        let mut values = Vec::with_capacity(series.rows.len());
        let mut hover = Vec::with_capacity(series.rows.len());
        for row in &series.rows {
            let raw = rows.text(*row, self.base_column);
            base.push(match (self.categories.is_some(), rows.number(*row, self.base_column)) {
                (true, _) => json!(plot_text(&shown(rows, raw, self.base, self.base_column))),
                (false, Some(number)) => match self.source.bin_width {
                    Some(width) if self.kind == "histogram" => json!(number + width / 2.0),
                    _ => json!(number),
                },
                (false, None) => json!(raw),
            });
            values.push(rows.number(*row, measure.column).map_or(Value::Null, |number| json!(number)));
            let value = format::show(rows.text(*row, measure.column), &value_format, rows.sql_type(measure.column));
            hover.push(json!([plot_text(&self.base_words(*row)), plot_text(&value)]));
        }
        let (x, y) = if self.horizontal { (values, base) } else { (base, values) };
        let mut trace = json!({
            "x": x, "y": y, "customdata": hover, "name": plot_text(&series.name),
            "hovertemplate": if measures.len() > 1 || encodings["color"]["fieldName"].is_string() {
                "%{customdata[0]}<br><b>%{customdata[1]}</b><extra>%{fullData.name}</extra>"
            } else {
                "%{customdata[0]}<br><b>%{customdata[1]}</b><extra></extra>"
            },
        });
        if measure.secondary {
            trace["yaxis"] = json!("y2");
        }
        let line = self.kind == "line" || (self.kind == "combo" && measure_is_line(encodings, measure));
        // Points are marked where there are few, and then on all lines alike.
        let few = self.longest <= 24;
        match self.kind {
            "area" => {
                trace["type"] = json!("scatter");
                trace["mode"] = json!("lines");
                trace["stackgroup"] = json!("one");
                trace["line"] = json!({"color": series.color, "width": 1.5});
                if self.source.spec["mark"]["layout"].as_str() == Some("percent-stack") {
                    trace["groupnorm"] = json!("percent");
                }
            }
            "scatter" => {
                trace["type"] = json!("scatter");
                trace["mode"] = json!("markers");
                trace["marker"] = json!({"color": series.color, "size": 8, "opacity": 0.75, "line": {"width": 0}});
                self.sizes(&mut trace, series);
            }
            _ if line => {
                trace["type"] = json!("scatter");
                trace["mode"] = json!(if few { "lines+markers" } else { "lines" });
                trace["line"] = json!({"color": series.color, "width": 2.25});
                trace["marker"] = json!({"size": 5});
                trace["connectgaps"] = json!(false);
            }
            _ => {
                trace["type"] = json!("bar");
                trace["orientation"] = json!(if self.horizontal { "h" } else { "v" });
                trace["marker"] = json!({"color": series.color});
                if let Some(width) = self.source.bin_width.filter(|_| self.kind == "histogram") {
                    trace["width"] = json!(width * 0.94);
                }
            }
        }
        if index == 0 {
            self.gradient(&mut trace, series);
        }
        if encodings["label"]["show"].as_bool() == Some(true) {
            // Another field may say what is written at a mark.
            let other = encodings["label"]["text"]["fieldName"].as_str().and_then(|name| rows.column(name));
            trace["text"] = match other {
                Some(column) => {
                    series.rows.iter().map(|row| plot_text(rows.text(*row, column).unwrap_or_default())).collect()
                }
                None => trace["customdata"].as_array().into_iter().flatten().map(|pair| pair[1].clone()).collect(),
            };
            let bar = trace["type"] == "bar";
            trace["textposition"] = json!(if bar { "auto" } else { "top center" });
            trace["cliponaxis"] = json!(false);
            if !bar && let Some(mode) = trace["mode"].as_str().map(|mode| format!("{mode}+text")) {
                trace["mode"] = json!(mode);
            }
        }
        trace
    }

    /// Says where on the base axis a row lies.
    fn base_words(&self, row: usize) -> String {
        let rows = self.source.rows;
        let raw = rows.text(row, self.base_column);
        let words = shown(rows, raw, self.base, self.base_column);
        let words = match (self.source.bin_width, rows.number(row, self.base_column)) {
            (Some(width), Some(start)) if self.kind == "histogram" => {
                let end = format::number(start + width, &self.base["format"]);
                format!("{words} to under {end}")
            }
            _ => words,
        };
        let title = axis_title(self.base);
        if title.is_empty() || self.categories.is_some() { words } else { format!("{title}: {words}") }
    }

    fn value_format(&self, measure: &Measure<'_>) -> Value {
        let own = [&measure.encoding["format"], &measure.axis["format"]].into_iter().find(|format| !format.is_null());
        own.cloned().unwrap_or(Value::Null)
    }

    /// Colours bars or points by a number.
    fn gradient(&self, trace: &mut Value, series: &Series<'_>) {
        let encoding = &self.source.spec["encodings"]["color"];
        let rows = self.source.rows;
        if encoding["scale"]["type"].as_str() != Some("quantitative") {
            return;
        }
        let Some(column) = encoding["fieldName"].as_str().and_then(|name| rows.column(name)) else { return };
        let colors: Vec<Option<f64>> = series.rows.iter().map(|row| rows.number(*row, column)).collect();
        trace["marker"]["color"] = json!(colors);
        trace["marker"]["colorscale"] = Ramp::of(&encoding["scale"]).plotly();
    }

    fn sizes(&self, trace: &mut Value, series: &Series<'_>) {
        let encoding = &self.source.spec["encodings"]["size"];
        let rows = self.source.rows;
        let Some(column) = encoding["fieldName"].as_str().and_then(|name| rows.column(name)) else { return };
        let sizes: Vec<f64> = series.rows.iter().map(|row| rows.number(*row, column).unwrap_or(0.0).max(0.0)).collect();
        let largest = (0..rows.len()).filter_map(|row| rows.number(row, column)).fold(0.0, f64::max);
        if largest > 0.0 {
            let sizes: Vec<f64> = sizes.iter().map(|size| 5.0 + 27.0 * (size / largest).sqrt()).collect();
            trace["marker"]["size"] = json!(sizes);
        }
    }

    fn axis(&self, encoding: &Value, kind: &str, values: bool) -> Value {
        let mut axis = Map::new();
        let title = axis_title(encoding);
        if !title.is_empty() {
            axis.insert("title".into(), json!({"text": plot_text(&title)}));
        }
        let options = &encoding["axis"];
        if options["hideLabels"].as_bool() == Some(true) {
            axis.insert("showticklabels".into(), json!(false));
        }
        if options["hideGrid"].as_bool() == Some(true) {
            axis.insert("showgrid".into(), json!(false));
        }
        if let Some(angle) = options["labelAngle"].as_f64() {
            axis.insert("tickangle".into(), json!(angle));
        }
        match kind {
            "temporal" => {
                axis.insert("type".into(), json!("date"));
            }
            "quantitative" => {
                axis.insert("type".into(), json!("linear"));
                number_axis(&mut axis, encoding);
            }
            _ => {
                axis.insert("type".into(), json!("category"));
                let names: Vec<String> =
                    self.categories.unwrap_or_default().iter().map(|name| plot_text(name)).collect();
                axis.insert("categoryorder".into(), json!("array"));
                if names.len() <= 40 && names.iter().any(|name| name.chars().count() > LABEL) {
                    // The hover text has the whole name.
                    let short: Vec<String> =
                        self.categories.unwrap_or_default().iter().map(|name| shorten(name)).collect();
                    axis.insert("tickmode".into(), json!("array"));
                    axis.insert("tickvals".into(), json!(names));
                    axis.insert("ticktext".into(), json!(short));
                }
                axis.insert("categoryarray".into(), json!(names));
                if self.horizontal {
                    axis.insert("autorange".into(), json!("reversed"));
                }
            }
        }
        if values {
            axis.insert("rangemode".into(), json!("tozero"));
            if matches!(self.source.spec["mark"]["layout"].as_str(), Some("percent-stack" | "stack-100")) {
                axis.insert("ticksuffix".into(), json!("%"));
            }
        } else {
            axis.insert("showgrid".into(), json!(false));
        }
        let scale = &encoding["scale"];
        if scale["reverse"].as_bool() == Some(true) {
            axis.insert("autorange".into(), json!("reversed"));
        }
        let end = |key: &str, old: &str| scale["domain"][key].as_f64().or_else(|| scale[old].as_f64());
        let ends = (end("min", "domainMin"), end("max", "domainMax"));
        if ends != (None, None) && kind == "quantitative" {
            axis.insert("range".into(), json!([ends.0, ends.1]));
        }
        Value::Object(axis)
    }
}

/// Cuts a long name for an axis.
fn shorten(name: &str) -> String {
    if name.chars().count() <= LABEL {
        return plot_text(name);
    }
    let start: String = name.chars().take(LABEL - 1).collect();
    plot_text(&format!("{}…", start.trim_end()))
}

/// In a combo chart the fields of the second side are lines, whether or not they have an axis of their own.
fn measure_is_line(encodings: &Value, measure: &Measure<'_>) -> bool {
    let second = encodings["y"]["secondary"]["fields"].as_array();
    second.is_some_and(|fields| fields.iter().any(|field| std::ptr::eq(field, measure.encoding)))
}

fn axis_title(encoding: &Value) -> String {
    if encoding["axis"]["hideTitle"].as_bool() == Some(true) {
        return String::new();
    }
    let own = encoding["axis"]["title"].as_str().filter(|title| !title.is_empty());
    own.map_or_else(|| name_of(encoding), str::to_owned)
}

/// Sets how an axis shows its numbers.
fn number_axis(axis: &mut Map<String, Value>, encoding: &Value) {
    let first = &encoding["fields"][0]["format"];
    let format = if encoding["format"].is_null() { first } else { &encoding["format"] };
    match format["type"].as_str() {
        Some("number-percent") => {
            axis.insert("tickformat".into(), json!(",.2~%"));
        }
        Some("number-currency") => {
            let code = format["currencyCode"].as_str().unwrap_or("USD");
            let sign = format::number(0.0, &json!({"type": "number-currency", "currencyCode": code}));
            axis.insert("tickprefix".into(), json!(plot_text(sign.trim_end_matches('0'))));
        }
        _ => {}
    }
    axis.insert("separatethousands".into(), json!(true));
}

fn legend(layout: &mut Map<String, Value>, color: &Value, series: usize) {
    let shown = series > 1 && color["legend"]["hide"].as_bool() != Some(true);
    layout.insert("showlegend".into(), json!(shown));
    let title = color["legend"]["title"].as_str().or_else(|| color["displayName"].as_str());
    let title = title.filter(|_| color["legend"]["hideTitle"].as_bool() != Some(true)).unwrap_or_default();
    let right = color["legend"]["position"].as_str() == Some("right") || series > 8;
    let mut legend = if right {
        json!({"orientation": "v", "x": 1.02, "y": 1, "xanchor": "left"})
    } else if color["legend"]["position"].as_str() == Some("bottom") {
        json!({"orientation": "h", "x": 0, "y": -0.22, "yanchor": "top"})
    } else {
        json!({"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"})
    };
    if right && !title.is_empty() {
        legend["title"] = json!({"text": plot_text(title)});
    }
    layout.insert("legend".into(), legend);
}

/// Draws the lines that mark a moment or a level.
fn annotations(layout: &mut Map<String, Value>, source: &Source<'_>) {
    let (mut shapes, mut labels) = (Vec::new(), Vec::new());
    for annotation in source.spec["annotations"].as_array().into_iter().flatten() {
        let vertical = annotation["type"].as_str() == Some("vertical-line");
        let key = if vertical { "x" } else { "y" };
        let Some(text) = annotation["encodings"][key]["dataValue"].as_str() else { continue };
        let value = text.parse::<f64>().map_or_else(|_| json!(text), |number| json!(number));
        let color = source.palette.resolve(&annotation["encodings"]["color"]["value"]);
        let color = color.unwrap_or_else(|| "#919191".to_owned());
        let line = json!({"color": color, "width": 1.5, "dash": "dot"});
        let label = plot_text(annotation["encodings"]["label"]["value"].as_str().unwrap_or_default());
        let font = json!({"size": 11, "color": color});
        if vertical {
            shapes.push(json!({"type": "line", "xref": "x", "yref": "paper", "x0": value, "x1": value, "y0": 0, "y1": 1, "line": line}));
            labels.push(json!({"xref": "x", "yref": "paper", "x": value, "y": 1, "yanchor": "bottom", "showarrow": false, "text": label, "font": font}));
        } else {
            shapes.push(json!({"type": "line", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "y0": value, "y1": value, "line": line}));
            labels.push(json!({"xref": "paper", "yref": "y", "x": 1, "y": value, "xanchor": "right", "yanchor": "bottom", "showarrow": false, "text": label, "font": font}));
        }
    }
    if !shapes.is_empty() {
        layout.insert("shapes".into(), Value::Array(shapes));
        layout.insert("annotations".into(), Value::Array(labels));
    }
}

/// Draws a pie.
pub(super) fn pie(source: &Source<'_>) -> Result<Chart, String> {
    let encodings = &source.spec["encodings"];
    let rows = source.rows;
    let angle = field(rows, &encodings["angle"])?;
    let color_encoding = &encodings["color"];
    let by = color_encoding["fieldName"].as_str().and_then(|name| rows.column(name));
    let mut order: Vec<usize> =
        (0..rows.len()).filter(|row| rows.number(*row, angle).is_some_and(|n| n > 0.0)).collect();
    let sort = color_encoding["scale"]["sort"]["by"].as_str().unwrap_or("angle-reversed");
    match (sort, by) {
        ("angle", _) => order
            .sort_by(|a, b| rows.number(*a, angle).unwrap_or(0.0).total_cmp(&rows.number(*b, angle).unwrap_or(0.0))),
        ("natural-order", Some(by)) => order.sort_by(|a, b| natural(rows.text(*a, by), rows.text(*b, by))),
        ("angle-reversed", _) => order
            .sort_by(|a, b| rows.number(*b, angle).unwrap_or(0.0).total_cmp(&rows.number(*a, angle).unwrap_or(0.0))),
        _ => {}
    }
    // Colours go by the values' natural order, so that they stay when the numbers change.
    let places = by.map(|by| source.whole.sorted(by)).unwrap_or_default();
    let (mut labels, mut values, mut colors, mut hover) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in order {
        let raw = by.and_then(|by| rows.text(row, by));
        let place = places.iter().position(|value| *value == raw).unwrap_or(0);
        let label = by.map_or_else(|| name_of(&encodings["angle"]), |by| shown(rows, raw, color_encoding, by));
        labels.push(plot_text(&label));
        values.push(rows.number(row, angle));
        colors.push(color(source, place, raw.unwrap_or_default()));
        hover.push(plot_text(&format::show(
            rows.text(row, angle),
            &encodings["angle"]["format"],
            rows.sql_type(angle),
        )));
    }
    let labelled = encodings["label"]["show"].as_bool() == Some(true);
    let trace = json!({
        "type": "pie", "labels": labels, "values": values, "customdata": hover, "hole": 0.55, "sort": false,
        "direction": "clockwise", "marker": {"colors": colors}, "textinfo": if labelled { "percent" } else { "none" },
        "textposition": "inside", "insidetextorientation": "horizontal",
        "hovertemplate": "%{label}<br><b>%{customdata}</b> (%{percent})<extra></extra>",
    });
    let mut layout = Map::new();
    layout.insert("uniformtext".into(), json!({"minsize": 10, "mode": "hide"}));
    legend(&mut layout, color_encoding, labels.len().max(2));
    layout.insert("legend".into(), json!({"orientation": "v", "x": 1.02, "y": 0.5, "yanchor": "middle"}));
    Ok(json!({"data": [trace], "layout": layout}))
}
