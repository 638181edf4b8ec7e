//! One tile: its title, its drawing or what went wrong, and the rows behind it.

use serde_json::Value;

use super::color::Palette;
use super::input::DashboardResults;
use super::rows::Rows;
use super::series::Source;
use super::text::escape;
use super::{chart, counter, facet, filter, markdown, matrix, special, table};
use crate::dashboards::{Spec, Widget, WidgetKind};
use crate::event::QueryResult;

/// What stands inside a tile, and the class that gives the tile its looks.
pub(super) struct Drawn {
    pub(super) class: &'static str,
    /// What a screen reader calls the tile; empty where its content says it.
    pub(super) label: String,
    pub(super) inside: String,
}

/// Draws a widget. Charts are added to `charts` and referred to by their place in it.
pub(super) fn draw(
    widget: &Widget,
    dashboard: &DashboardResults<'_>,
    palette: &Palette,
    charts: &mut Vec<Value>,
) -> Drawn {
    match &widget.kind {
        WidgetKind::Text(text) => Drawn { class: "text", label: String::new(), inside: markdown::render(text, 2) },
        WidgetKind::Filter(spec) => Drawn {
            class: "control",
            label: String::new(),
            inside: format!("<div class=\"filters\">{}</div>", filter::draw(widget, spec, dashboard)),
        },
        WidgetKind::Visualization(spec) | WidgetKind::Legacy(spec) => {
            visualization(widget, spec, dashboard, palette, charts)
        }
        WidgetKind::Unknown => Drawn {
            class: "odd",
            label: widget.name.clone(),
            inside: note("This widget has neither a text nor a drawing."),
        },
    }
}

fn note(words: &str) -> String {
    format!("<p class=\"note\">{}</p>\n", escape(words))
}

fn visualization(
    widget: &Widget,
    spec: &Spec,
    dashboard: &DashboardResults<'_>,
    palette: &Palette,
    charts: &mut Vec<Value>,
) -> Drawn {
    let title = spec.title().or_else(|| spec.json["viz_spec"]["display_name"].as_str());
    let counter_title = || spec.encodings()["value"]["displayName"].as_str().filter(|_| spec.widget_type == "counter");
    let title = title.or_else(counter_title).unwrap_or_default();
    let label = if title.is_empty() { widget.label().to_owned() } else { title.to_owned() };
    let mut inside = String::new();
    if !title.is_empty() {
        inside.push_str(&format!("<h3>{}</h3>\n", escape(title)));
    }
    if let Some(description) = spec.description() {
        inside.push_str(&format!("<p class=\"description\">{}</p>\n", escape(description)));
    }
    let query = widget.queries.first();
    let result = query.and_then(|query| dashboard.results.get(&query.path));
    let (class, body) = match result {
        None if dashboard.awaited => ("awaited", note("Asking…")),
        None => ("odd", note("This widget has not been queried.")),
        Some(Err(error)) => (
            "failed",
            format!(
                "<div class=\"error\" role=\"alert\"><b>This widget failed.</b><pre>{}</pre></div>\n",
                escape(error)
            ),
        ),
        Some(Ok(result)) if result.rows.is_empty() => ("odd", note("No rows.")),
        Some(Ok(result)) => {
            let bin_width = query.and_then(|query| bin_width(spec, query));
            let (class, body) = drawing(&label, spec, result, palette, bin_width, charts);
            (class, if result.truncated { cut(result.rows.len()) + &body } else { body })
        }
    };
    inside.push_str(&body);
    Drawn { class, label, inside }
}

fn drawing(
    label: &str,
    spec: &Spec,
    result: &QueryResult,
    palette: &Palette,
    bin_width: Option<f64>,
    charts: &mut Vec<Value>,
) -> (&'static str, String) {
    let rows = Rows::new(result);
    let source = Source { spec: &spec.json, rows: &rows, whole: &rows, palette, bin_width };
    let facet = facet::column(&source);
    let kind = match spec.widget_type.as_str() {
        // Generated dashboards write these; what is meant is plain.
        "bar-chart" => "bar",
        "line-chart" => "line",
        "area-chart" => "area",
        "pie-chart" => "pie",
        "scatter-plot" => "scatter",
        other => other,
    };
    let drawn = match kind {
        "counter" => counter::draw(spec.encodings(), &rows, palette).map(|html| ("kpi", html)),
        "table" => table::draw(&spec.json, &rows, palette, label).map(|html| ("table", html)),
        "heatmap" => match facet {
            Some(facet) => facet::heatmaps(&source, facet, label).map(|html| ("table facets", html)),
            None => matrix::heatmap(spec.encodings(), &rows, palette, label).map(|html| ("table", html)),
        },
        "pivot" => matrix::pivot(spec.encodings(), &rows, label).map(|html| ("table", html)),
        "bar" | "line" | "area" | "scatter" | "histogram" | "combo" => {
            let chart = match facet {
                Some(facet) => facet::axes(kind, &source, facet),
                None => chart::axes(kind, &source),
            };
            chart.map(|chart| ("chart", plot(label, chart, charts)))
        }
        "funnel" => special::funnel(&source).map(|chart| ("chart", plot(label, chart, charts))),
        "waterfall" => special::waterfall(&source).map(|chart| ("chart", plot(label, chart, charts))),
        "pie" => chart::pie(&source).map(|chart| ("chart", plot(label, chart, charts))),
        "forecast-line" => special::forecast(&source).map(|chart| ("chart", plot(label, chart, charts))),
        "box" => special::boxes(&source).map(|chart| ("chart", plot(label, chart, charts))),
        "sankey" => special::flow(&source).map(|chart| ("chart", plot(label, chart, charts))),
        "symbol-map" => special::places(&source).map(|chart| {
            let words = note("Places by longitude and latitude; the map behind them is drawn in the workspace.");
            ("chart", format!("{words}{}", plot(label, chart, charts)))
        }),
        "" => Ok(("table", rows_as_table(result, label))),
        other => Ok(("odd", format!("{}{}", note(&special::why_not(other)), rows_as_table(result, label)))),
    };
    match drawn {
        Ok(("chart", body)) => ("chart", format!("{body}{}", behind(result, label))),
        Ok(drawn) => drawn,
        Err(reason) => ("odd", format!("{}{}", note(&format!("Not drawn: {reason}.")), rows_as_table(result, label))),
    }
}

fn plot(label: &str, chart: Value, charts: &mut Vec<Value>) -> String {
    charts.push(chart);
    let label = escape(label);
    format!(
        "<div class=\"plot\" data-chart=\"{}\" role=\"img\" aria-label=\"Chart: {label}\"></div>\n",
        charts.len() - 1
    )
}

fn rows_as_table(result: &QueryResult, label: &str) -> String {
    format!("<div class=\"scroll\" tabindex=\"0\">{}</div>\n", table::plain(result, label))
}

/// Says that the figures are not whole: a part of them could be taken for the truth.
fn cut(rows: usize) -> String {
    note(&format!("Not whole: the query returned more than the {rows} rows that are shown here."))
}

/// The rows behind a chart, for those who cannot see it or want the numbers.
fn behind(result: &QueryResult, label: &str) -> String {
    format!(
        "<details class=\"data\"><summary>Data<span class=\"hidden\"> of {}</span></summary>{}</details>\n",
        escape(label),
        rows_as_table(result, label)
    )
}

/// Reads the width of a histogram's bins from its query: ``BIN_FLOOR(`x`, 7)``.
fn bin_width(spec: &Spec, query: &crate::dashboards::Query) -> Option<f64> {
    let name = spec.encodings()["x"]["fieldName"].as_str()?;
    let field = query.fields.iter().flatten().find(|field| field.name == name)?;
    let expression = field.expression.text().trim();
    if !expression.get(..9)?.eq_ignore_ascii_case("BIN_FLOOR") {
        return None;
    }
    let (_, width) = expression.trim_end_matches(')').rsplit_once(',')?;
    width.trim().trim_end_matches(['D', 'd']).parse().ok().filter(|width: &f64| *width > 0.0)
}
