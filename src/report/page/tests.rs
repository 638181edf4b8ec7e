//! Tests of the page as a whole.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::dashboards::{LvDash, widget_queries};
use crate::diag::SourceFile;
use crate::event::QueryResult;

fn dash(json: &Value) -> LvDash {
    LvDash::parse(&SourceFile::new("d.lvdash.json", json.to_string())).unwrap()
}

fn result(columns: &[(&str, &str)], rows: &[&[Option<&str>]]) -> QueryResult {
    QueryResult {
        columns: columns.iter().map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned())).collect(),
        rows: rows.iter().map(|row| row.iter().map(|value| value.map(str::to_owned)).collect()).collect(),
        truncated: false,
    }
}

fn page(dash: &LvDash, results: BTreeMap<String, Result<QueryResult, String>>, evil: &str) -> String {
    render(&PageInput {
        title: format!("Retention {evil}"),
        project: format!("shop {evil}"),
        environment: format!("local {evil}"),
        run: Some(format!("r1 {evil}")),
        generated_at: format!("2026-11-23 {evil}"),
        dashboards: vec![DashboardResults {
            title: format!("Retention {evil}"),
            dash,
            results,
            choices: None,
            awaited: false,
        }],
        provenance: vec![Provenance {
            label: format!("shop {evil}"),
            text: evil.to_owned(),
            standing: Standing::Stale,
        }],
        steps: vec![Provenance {
            label: format!("build orders {evil}"),
            text: evil.to_owned(),
            standing: Standing::Good,
        }],
    })
}

/// Takes the drawing library out: it is not ours to judge.
fn without_library(html: &str) -> String {
    let library = plotly_js().source.as_str();
    assert!(library.len() > 1_000_000, "the library is there");
    let (before, after) = html.split_once(library).expect("the page holds the library");
    format!("{before}{after}")
}

/// A dashboard of one widget, with its fields taken from `columns`.
fn one_widget(kind: &str, version: i64, spec: Value, columns: &[&str]) -> LvDash {
    let mut whole = json!({"version": version, "widgetType": kind, "frame": {"showTitle": true, "title": "The title"}});
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let fields: Vec<Value> =
        columns.iter().map(|name| json!({"name": name, "expression": format!("`{name}`")})).collect();
    dash(&json!({"datasets": [{"name": "d", "queryLines": ["SELECT 1"]}], "pages": [{"name": "p", "layout": [
        {"position": {"x": 0, "y": 0, "width": 6, "height": 4}, "widget": {"name": "w", "spec": whole,
         "queries": [{"name": "main_query", "query": {"datasetName": "d", "fields": fields}}]}}]}]}))
}

fn drawn(kind: &str, version: i64, spec: Value, data: QueryResult) -> String {
    let columns: Vec<&str> = data.columns.iter().map(|(name, _)| name.as_str()).collect();
    let dash = one_widget(kind, version, spec, &columns);
    let path = widget_queries(&dash)[0].path.clone();
    without_library(&page(&dash, [(path, Ok(data))].into(), ""))
}

fn charts(html: &str) -> Value {
    let (_, rest) = html.split_once("id=\"charts\">").unwrap();
    serde_json::from_str(rest.split("</script>").next().unwrap()).unwrap()
}

#[test]
fn the_page_loads_nothing_and_runs_only_its_own_scripts() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/retention.lvdash.json");
    let dash = LvDash::parse(&SourceFile::new("r", std::fs::read_to_string(path).unwrap())).unwrap();
    let html = page(&dash, BTreeMap::new(), "");
    // Each script that runs is named in the policy by what it contains.
    for script in html.split("<script>").skip(1) {
        let script = script.split("</script>").next().unwrap();
        assert!(html.contains(&hash(script)), "a script is not in the policy: {}", &script[..60]);
    }
    assert!(html.contains("default-src 'none'"));
    let own = without_library(&html);
    for loads in
        ["http://", "https://", " src=", "url(", "@import", "<link", "<iframe", "<img", "fetch(", "XMLHttpRequest"]
    {
        assert!(!own.contains(loads), "{loads}");
    }
    assert!(own.contains("Do customers come back, and how soon?"));
    assert!(own.contains("Time to second purchase, by cohort"));
    assert!(own.contains("Filters act in the workspace"));
    assert_eq!(own.matches("role=\"tab\"").count(), 5, "the page of global filters is no tab");
}

#[test]
fn nothing_that_comes_from_data_is_markup() {
    let evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\" onmouseover=\"alert(3)' x='{{@}}";
    let text = json!({"name": evil, "multilineTextboxSpec": {"lines": [evil]}});
    let mut layout = vec![json!({"position": {"x": 0, "y": 0, "width": 6, "height": 1}, "widget": text})];
    let encoding = json!({"fieldName": evil, "displayName": evil, "scale": {"type": "categorical"}});
    let value = json!({"fieldName": "n", "displayName": evil, "scale": {"type": "quantitative", "colorRamp": {"scheme": evil}},
                       "format": {"type": "number", "suffix": evil}, "style": {"color": evil}});
    let all = json!({"x": encoding, "y": value, "color": encoding, "angle": value, "value": value, "columns": [encoding, value],
                     "rows": [encoding], "cell": {"fields": [value]}});
    let heat = json!({"x": encoding, "y": encoding, "color": value, "label": {"show": true}});
    let filter = json!({"fields": [{"fieldName": "c", "displayName": evil, "defaultSelection": {"values": {"values": [{"value": evil}]}}}]});
    for kind in [
        "bar",
        "line",
        "area",
        "scatter",
        "histogram",
        "combo",
        "funnel",
        "waterfall",
        "pie",
        "counter",
        "table",
        "pivot",
        "heatmap",
        "filter-single-select",
        evil,
    ] {
        let encodings = match kind {
            "heatmap" => &heat,
            "filter-single-select" => &filter,
            _ => &all,
        };
        let fields = json!([{"name": evil, "expression": evil}, {"name": "n", "expression": "`n`"}]);
        layout.push(
            json!({"position": {"x": 0, "y": 1, "width": 6, "height": 1}, "widget": {"name": format!("{kind}{evil}"),
            "queries": [{"name": "main_query", "query": {"datasetName": "d", "fields": fields}}],
            "spec": {"version": 3, "widgetType": kind, "encodings": encodings,
                     "frame": {"showTitle": true, "title": evil, "showDescription": true, "description": evil}}}}),
        );
    }
    let dash = dash(&json!({
        "datasets": [{"name": "d", "queryLines": ["SELECT 1"]}],
        "pages": [{"name": "p", "displayName": evil, "layout": layout}, {"name": "q", "displayName": evil}],
        "uiSettings": {"theme": {"visualizationColors": [evil]}}
    }));
    let rows =
        result(&[(evil, "STRING"), ("n", "INT")], &[&[Some(evil), Some("1")], &[None, None], &[Some("b"), Some("2")]]);
    let mut results: BTreeMap<_, _> = widget_queries(&dash).into_iter().map(|q| (q.path, Ok(rows.clone()))).collect();
    results.insert(widget_queries(&dash)[0].path.clone(), Err(evil.to_owned()));
    let html = without_library(&page(&dash, results, evil));
    assert_eq!(html.matches("<script").count(), 3, "the charts, the library and the page's own script");
    assert_eq!(html.matches("</script").count(), 3);
    assert!(!html.contains("<img") && !html.contains("onmouseover=\""), "markup of the data survived");
    // The library would take tags in its texts for its own.
    let charts = charts(&html);
    let mut strings = Vec::new();
    texts(&charts, &mut strings);
    for text in strings.iter().filter(|text| !text.contains("%{customdata") && !text.contains("%{label}")) {
        assert!(!text.contains('<'), "{text}");
    }
    assert!(html.contains("alert(1)"), "the text itself is shown");
}

fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|item| texts(item, found)),
        _ => {}
    }
}

#[test]
fn a_failing_widget_shows_its_error_and_the_others_stay() {
    let dash = one_widget("counter", 2, json!({"encodings": {"value": {"fieldName": "n"}}}), &["n"]);
    let path = widget_queries(&dash)[0].path.clone();
    let error = "[TABLE_OR_VIEW_NOT_FOUND] the table `t` is not there".to_owned();
    let html = without_library(&page(&dash, [(path, Err(error))].into(), ""));
    assert!(html.contains("This widget failed.") && html.contains("the table `t` is not there"));
    let html = without_library(&page(&dash, BTreeMap::new(), ""));
    assert!(html.contains("This widget has not been queried."));
    let html = drawn("counter", 2, json!({"encodings": {"value": {"fieldName": "n"}}}), result(&[("n", "INT")], &[]));
    assert!(html.contains("No rows."));
}

#[test]
fn figures_of_a_part_of_the_rows_say_so() {
    let spec = || json!({"encodings": {"value": {"fieldName": "n"}}});
    let whole = result(&[("n", "INT")], &[&[Some("1")]]);
    let part = QueryResult { truncated: true, ..whole.clone() };
    assert!(drawn("counter", 2, spec(), part).contains("more than the 1 rows"));
    assert!(!drawn("counter", 2, spec(), whole).contains("Not whole"));
}

#[test]
fn a_counter_shows_its_number_as_it_is_meant() {
    let percent = json!({"type": "number-percent", "decimalPlaces": {"type": "max", "places": 1}});
    let spec = json!({"encodings": {"value": {"fieldName": "r", "format": percent, "formatTemplate": "{{ @formatted }} of all",
        "style": {"rules": [{"condition": {"operator": "<", "operand": {"value": "0.5"}}, "color": "#C8321F"}]}}}});
    let rows = result(&[("r", "DOUBLE")], &[&[Some("0.3299")]]);
    assert_eq!(counter::text(&spec["encodings"], &rows).as_deref(), Some("33% of all"), "in the terminal");
    let html = drawn("counter", 2, spec, rows);
    assert!(html.contains("style=\"color:light-dark(#C8321F,#"), "readable in the dark too: {html}");
    assert!(html.contains("\">33%<small> of all</small></p>"), "{html}");

    let spec = json!({"encodings": {"value": {"fieldName": "n"}, "period": {"fieldName": "m"},
        "target": {"fieldName": "n", "period": {"type": "relative-to-value-period", "offset": -1}, "change": {"type": "percent"}}}});
    let rows = result(
        &[("m", "DATE"), ("n", "BIGINT")],
        &[&[Some("2025-02-01"), Some("150")], &[Some("2025-01-01"), Some("100")], &[Some("2025-03-01"), Some("120")]],
    );
    let html = drawn("counter", 2, spec, rows);
    assert!(html.contains(">120</p>"), "the latest period is the headline");
    assert!(
        html.contains("<span aria-hidden=\"true\">▼</span> <span class=\"hidden\">down by </span>20%"),
        "against the period before, in words too"
    );
    assert!(html.contains("M0.0 28.0L50.0 2.0L100.0 17.6"), "the course of all periods, in their order");
}

#[test]
fn a_counter_of_a_sentence_is_text_to_read_and_keeps_the_size_of_its_file() {
    let spec = |style: Value| json!({"encodings": {"value": {"fieldName": "says", "style": style}}});
    let says = |text| result(&[("says", "STRING")], &[&[Some(text)]]);
    let sentence = "21.3 % came back within 90 days: 1.4 points fewer than before.";
    let html = drawn("counter", 2, spec(json!({"fontSize": 20})), says(sentence));
    assert!(
        html.contains(&format!(
            "<p class=\"value words\" title=\"{sentence}\" style=\"font-size:20px\">{sentence}</p>"
        )),
        "{html}"
    );
    let html = drawn("counter", 2, spec(json!({"fontSize": "20px;color:red"})), says("2025-02-01 06:15 UTC"));
    assert!(html.contains("<p class=\"value\" title=\"2025-02-01 06:15 UTC\">"), "a time is no sentence: {html}");
}

#[test]
fn a_cell_that_is_not_there_stays_empty_in_a_heatmap() {
    let spec = json!({"encodings": {
        "x": {"fieldName": "m", "scale": {"type": "categorical", "sort": {"by": "natural-order"}}},
        "y": {"fieldName": "c", "scale": {"type": "categorical", "sort": {"by": "natural-order"}}},
        "color": {"fieldName": "measure(Retention)", "scale": {"type": "quantitative", "colorRamp": {"mode": "scheme", "scheme": "blues"}}}}});
    let rows = result(
        &[("m", "INT"), ("c", "STRING"), ("measure(Retention)", "DOUBLE")],
        &[
            &[Some("10"), Some("2025-01"), Some("0.1")],
            &[Some("2"), Some("2025-01"), Some("0.25")],
            &[Some("2"), Some("2025-02"), Some("0.5")],
            &[Some("10"), Some("2025-02"), None],
        ],
    );
    let html = drawn("heatmap", 3, spec, rows);
    let body = html.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    let cells: Vec<&str> =
        body.split("<td").skip(1).map(|cell| cell.split_once('>').unwrap().1.split("</td>").next().unwrap()).collect();
    assert_eq!(cells, ["25", "10", "50", ""], "months are in the order of numbers; shares are percentages");
    assert_eq!(body.matches("class=\"empty\"").count(), 1);
    assert!(html.contains("--c:#08306b"), "the largest value has the scheme's last colour");
}

#[test]
fn bars_lie_down_when_the_values_are_on_x_and_are_sorted_as_asked() {
    let spec = json!({"encodings": {
        "x": {"fieldName": "n", "scale": {"type": "quantitative"}, "format": {"type": "number-percent"}},
        "y": {"fieldName": "c", "scale": {"type": "categorical", "sort": {"by": "x-reversed"}}}}});
    let rows = result(
        &[("c", "STRING"), ("n", "DOUBLE")],
        &[&[Some("a"), Some("0.1")], &[Some("b"), Some("0.3")], &[Some("c"), Some("0.2")]],
    );
    let chart = charts(&drawn("bar", 3, spec, rows))[0].clone();
    assert_eq!(chart["data"][0]["orientation"], "h");
    assert_eq!(chart["data"][0]["x"], json!([0.1, 0.3, 0.2]));
    assert_eq!(chart["data"][0]["customdata"][1], json!(["b", "30%"]));
    assert_eq!(chart["layout"]["yaxis"]["categoryarray"], json!(["b", "c", "a"]));
    assert_eq!(chart["layout"]["showlegend"], false);
}

#[test]
fn lines_are_sorted_by_time_split_by_colour_and_broken_by_null() {
    let spec = json!({"mark": {"colors": ["#111111"]}, "encodings": {
        "x": {"fieldName": "d", "scale": {"type": "temporal"}}, "y": {"fieldName": "n", "scale": {"type": "quantitative"}},
        "color": {"fieldName": "c", "scale": {"type": "categorical", "mappings": [{"value": "v", "color": "#222222"}]}}}});
    let rows = result(
        &[("d", "DATE"), ("n", "INT"), ("c", "STRING")],
        &[
            &[Some("2025-03-01"), Some("3"), Some("u")],
            &[Some("2025-01-01"), Some("1"), Some("u")],
            &[Some("2025-02-01"), None, Some("u")],
            &[Some("2025-01-01"), Some("9"), Some("v")],
        ],
    );
    let data = charts(&drawn("line", 3, spec, rows))[0]["data"].clone();
    assert_eq!(data[0]["x"], json!(["2025-01-01", "2025-02-01", "2025-03-01"]));
    assert_eq!(data[0]["y"], json!([1.0, null, 3.0]));
    assert_eq!((&data[0]["line"]["color"], &data[1]["line"]["color"]), (&json!("#111111"), &json!("#222222")));
    assert_eq!(data[0]["connectgaps"], false);
}

#[test]
fn several_fields_two_axes_bins_and_slices_are_drawn() {
    let rows = || {
        result(
            &[("m", "STRING"), ("a", "INT"), ("b", "INT")],
            &[&[Some("x"), Some("1"), Some("10")], &[Some("y"), Some("2"), Some("20")]],
        )
    };
    let field = |name: &str, label: &str| json!({"fieldName": name, "displayName": label});
    let base = json!({"fieldName": "m", "scale": {"type": "categorical"}});

    let spec = json!({"mark": {"layout": "group"}, "encodings": {"x": base, "y": {"fields": [field("a", "A"), field("b", "B")], "scale": {"type": "quantitative"}}}});
    let chart = charts(&drawn("bar", 3, spec, rows()))[0].clone();
    assert_eq!((&chart["data"][0]["name"], &chart["data"][1]["name"]), (&json!("A"), &json!("B")));
    assert_eq!(chart["layout"]["barmode"], "group");

    let label = json!({"show": true, "text": {"fieldName": "b"}});
    let spec =
        json!({"encodings": {"x": base, "y": {"fieldName": "a", "scale": {"type": "quantitative"}}, "label": label}});
    let chart = charts(&drawn("bar", 3, spec, rows()))[0].clone();
    assert_eq!((&chart["data"][0]["y"], &chart["data"][0]["text"]), (&json!([1.0, 2.0]), &json!(["10", "20"])));

    let side = |name: &str| json!({"fields": [field(name, name)], "scale": {"type": "quantitative"}});
    let spec = json!({"encodings": {"x": base, "y": {"primary": side("a"), "secondary": side("b")}}});
    let chart = charts(&drawn("combo", 1, spec, rows()))[0].clone();
    assert_eq!((&chart["data"][0]["type"], &chart["data"][1]["type"]), (&json!("bar"), &json!("scatter")));
    assert_eq!(chart["data"][1]["yaxis"], "y2");

    let spec = json!({"encodings": {"angle": field("a", "A"), "color": field("m", "M"), "label": {"show": true}}});
    let chart = charts(&drawn("pie", 3, spec, rows()))[0].clone();
    assert_eq!((&chart["data"][0]["labels"], &chart["data"][0]["values"]), (&json!(["y", "x"]), &json!([2.0, 1.0])));

    let mut dash = one_widget(
        "histogram",
        3,
        json!({"encodings": {"x": {"fieldName": "bin", "scale": {"type": "quantitative"}}, "y": {"fieldName": "n"}}}),
        &["bin", "n"],
    )
    .json()
    .clone();
    dash["pages"][0]["layout"][0]["widget"]["queries"][0]["query"]["fields"][0]["expression"] =
        json!("BIN_FLOOR(`days`, 7)");
    let dash = self::dash(&dash);
    let data = result(&[("bin", "DOUBLE"), ("n", "BIGINT")], &[&[Some("0"), Some("5")], &[Some("7"), Some("3")]]);
    let path = widget_queries(&dash)[0].path.clone();
    let chart = charts(&without_library(&page(&dash, [(path, Ok(data))].into(), "")))[0].clone();
    assert_eq!(chart["data"][0]["x"], json!([3.5, 10.5]), "a bar stands in the middle of its bin");
    assert_eq!(chart["data"][0]["customdata"][1][0], "bin: 7 to under 14");
}

#[test]
fn forecasts_boxes_flows_and_places_are_drawn() {
    let field = |name: &str| json!({"fieldName": name, "displayName": name});
    let rows = result(
        &[("d", "DATE"), ("was", "DOUBLE"), ("will", "DOUBLE"), ("low", "DOUBLE"), ("high", "DOUBLE")],
        &[
            &[Some("2026-02-01"), None, Some("5"), Some("3"), Some("7")],
            &[Some("2026-01-01"), Some("4"), None, None, None],
        ],
    );
    let spec = json!({"encodings": {"x": field("d"), "y": {"original": field("was"), "prediction": field("will"),
        "predictionLower": field("low"), "predictionUpper": field("high")}}});
    let data = charts(&drawn("forecast-line", 1, spec, rows))[0]["data"].clone();
    assert_eq!(data[0]["y"], json!([null, 3.0]), "in the order of time");
    assert_eq!((&data[1]["fill"], &data[1]["fillcolor"]), (&json!("tonexty"), &json!("#FFAB0033")));
    assert_eq!((&data[2]["y"], &data[3]["y"]), (&json!([4.0, null]), &json!([null, 5.0])));

    let rows = result(
        &[("c", "STRING"), ("a", "INT"), ("b", "INT"), ("m", "INT"), ("e", "INT"), ("z", "INT")],
        &[&[Some("web"), Some("1"), Some("2"), Some("3"), Some("5"), Some("9")]],
    );
    let spec = json!({"encodings": {"x": field("c"), "y": {"whiskerStart": field("a"), "boxStart": field("b"),
        "boxMid": field("m"), "boxEnd": field("e"), "whiskerEnd": field("z")}}});
    let data = charts(&drawn("box", 3, spec, rows))[0]["data"][0].clone();
    assert_eq!((&data["q1"], &data["median"], &data["upperfence"]), (&json!([2.0]), &json!([3.0]), &json!([9.0])));

    let rows = result(
        &[("from", "STRING"), ("to", "STRING"), ("n", "INT")],
        &[
            &[Some("web"), Some("app"), Some("2")],
            &[Some("web"), Some("web"), Some("5")],
            &[Some("web"), Some("app"), Some("1")],
            &[Some("app"), Some("app"), Some("0")],
        ],
    );
    let spec = json!({"encodings": {"stages": [field("from"), field("to")], "value": field("n")}});
    let data = charts(&drawn("sankey", 1, spec, rows))[0]["data"][0].clone();
    assert_eq!(data["node"]["label"], json!(["web", "app", "web"]), "a place of another stage is another place");
    assert_eq!((&data["link"]["target"], &data["link"]["value"]), (&json!([1, 2]), &json!([3.0, 5.0])));

    let rows = result(&[("la", "DOUBLE"), ("lo", "DOUBLE"), ("n", "INT")], &[&[Some("52.5"), Some("13.4"), Some("9")]]);
    let spec =
        json!({"encodings": {"coordinates": {"latitude": field("la"), "longitude": field("lo")}, "size": field("n")}});
    let html = drawn("symbol-map", 2, spec, rows);
    assert!(html.contains("the map behind them is drawn in the workspace"));
    assert_eq!(
        (&charts(&html)[0]["data"][0]["x"], &charts(&html)[0]["data"][0]["y"]),
        (&json!([13.4]), &json!([52.5]))
    );
}

#[test]
fn tables_of_both_versions_are_drawn_with_their_formats() {
    let rows = result(
        &[("b", "DOUBLE"), ("a", "STRING")],
        &[&[Some("1234.5"), Some("javascript:alert(1)")], &[None, Some("https://example.com")]],
    );
    let old = json!({"encodings": {"columns": [
        {"fieldName": "b", "title": "B", "order": 2, "numberFormat": "0,0.00", "visible": true},
        {"fieldName": "a", "title": "A", "order": 1, "displayAs": "link", "linkUrlTemplate": "{{ @ }}"}]}});
    let html = drawn("table", 1, old, rows.clone());
    let (a, b) = (html.find(">A</button></th>").unwrap(), html.find(">B</button></th>").unwrap());
    assert!(a < b, "columns are in the order that they name");
    assert!(html.contains("<td class=\"num\" data-sort=\"1234.5\">1,234.50</td>"));
    assert!(html.contains("<td class=\"\">javascript:alert(1)</td>"), "no link to a script");
    assert!(html.contains("<a href=\"https://example.com\" rel=\"noopener noreferrer\">https://example.com</a>"));
    let new = json!({"encodings": {"columns": [{"fieldName": "b", "displayName": "B", "contentAlignment": "center",
        "format": {"type": "number-currency", "currencyCode": "EUR"}}]}});
    assert!(drawn("table", 2, new, rows).contains("<td class=\"mid\" data-sort=\"1234.5\">€1,234.5</td>"));
}

#[test]
fn cells_are_coloured_between_the_ends_that_the_file_states() {
    let scale = |domain: Value| {
        let ramp =
            json!({"mode": "custom-diverging", "colors": {"start": "#000000", "mid": "#808080", "end": "#ffffff"}});
        let style = json!({"type": "color-scale", "backgroundColor": {"scale": {"domain": domain, "colorRamp": ramp}}});
        let rows = result(&[("d", "DOUBLE")], &[&[Some("-1")], &[Some("0")], &[Some("9")]]);
        drawn("table", 2, json!({"encodings": {"columns": [{"fieldName": "d", "style": style}]}}), rows)
    };
    let html = scale(json!({"min": -2, "mid": 0, "max": 2}));
    // A half of the way down, the middle, and beyond the end.
    for color in ["--c:#404040", "--c:#808080", "--c:#ffffff"] {
        assert!(html.contains(color), "{color}: {html}");
    }
    assert!(!html.contains("--c:#000000") && scale(Value::Null).contains("--c:#000000"));
}

#[test]
fn a_pivot_is_drawn_with_its_colours_and_a_stranger_as_a_table() {
    let spec = json!({"encodings": {"rows": [{"fieldName": "c"}], "columns": [{"fieldName": "w"}], "cell": {"type": "multi-cell", "fields": [
        {"fieldName": "r", "format": {"type": "number-percent"}, "style": {"type": "color-scale", "backgroundColor": {"scale": {"colorRamp": {"scheme": "greens"}}}}}]}}});
    let rows = || {
        result(
            &[("c", "STRING"), ("w", "INT"), ("r", "DOUBLE")],
            &[
                &[Some("2025-01"), Some("90"), Some("0.5")],
                &[Some("2025-01"), Some("30"), Some("0.25")],
                &[Some("2025-02"), Some("30"), None],
            ],
        )
    };
    let html = drawn("pivot", 3, spec, rows());
    let body = html.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    assert_eq!(body.matches("class=\"empty\"").count(), 2);
    assert!(body.contains(">25%</td>") && body.contains("--c:#00441b"));

    let html = drawn("choropleth-map", 1, json!({"encodings": {}}), rows());
    assert!(html.contains("“choropleth-map”") && html.contains("the outlines of regions are not in it"));
    assert!(html.contains("<td>2025-01</td>"));
    assert!(drawn("gauge", 2, json!({"encodings": {}}), rows()).contains("of a type that no workspace has"));
    assert!(drawn("sankey", 1, json!({"encodings": {}}), rows()).contains("Not drawn: a flow has two stages or more."));
    let html = drawn("bar", 3, json!({"encodings": {"x": {"fieldName": "gone"}, "y": {"fieldName": "r"}}}), rows());
    assert!(
        html.contains("Not drawn: the query did not return the field `gone`.") && html.contains("<td>2025-01</td>")
    );
}

#[test]
fn a_pivot_shows_the_totals_that_its_query_returned() {
    // Rates of 1 of 2 and 3 of 8: the total is 4 of 10, and neither their sum nor their mean.
    let rows = result(
        &[("c", "STRING"), ("w", "INT"), ("r", "DOUBLE"), ("kiln_totals", "INT")],
        &[
            &[Some("b"), Some("1"), Some("0.5"), Some("0")],
            &[Some("a"), Some("1"), Some("0.375"), Some("0")],
            &[None, Some("1"), Some("0.4"), Some("1")],
            &[Some("a"), None, Some("0.375"), Some("2")],
            &[Some("b"), None, Some("0.5"), Some("2")],
            &[None, None, Some("0.4"), Some("3")],
        ],
    );
    let spec = json!({"encodings": {
        "rows": [{"fieldName": "c", "displayTotal": true, "scale": {"sort": {"by": "natural-order-reversed"}}}],
        "columns": [{"fieldName": "w", "displayTotal": true}],
        "cell": {"type": "multi-cell", "fields": [{"fieldName": "r", "format": {"type": "number-percent"}}]}}});
    let dash = one_widget("pivot", 3, spec.clone(), &["c", "w", "r"]);
    let mut json = dash.json().clone();
    json["pages"][0]["layout"][0]["widget"]["queries"][0]["query"]["fields"][2]["expression"] = json!("AVG(`x`)");
    let sql = widget_queries(&self::dash(&json))[0].sql.clone();
    assert!(sql.contains("GROUPING(`c`) * 1 + GROUPING(`w`) * 2 AS `kiln_totals`"), "{sql}");
    assert!(sql.ends_with("GROUP BY GROUPING SETS ((`c`, `w`), (`c`), (`w`), ())"), "{sql}");

    let html = drawn("pivot", 3, spec, rows);
    let head = html.split("<thead>").nth(1).unwrap().split("</thead>").next().unwrap();
    assert!(head.contains("<th scope=\"col\">1</th><th scope=\"col\">Total</th>"), "{head}");
    let body = html.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    // Of what stands between tags, that which ends with a cell.
    fn cell(part: &str) -> Option<&str> {
        part.split_once("</t").filter(|(_, end)| !end.starts_with('r')).map(|(text, _)| text)
    }
    let lines: Vec<Vec<&str>> =
        body.split("<tr").skip(1).map(|line| line.split('>').filter_map(cell).collect()).collect();
    assert_eq!(lines, [["b", "50%", "50%"], ["a", "37.5%", "37.5%"], ["Total", "40%", "40%"]]);
}

#[test]
fn funnels_and_waterfalls_keep_the_order_of_their_stages() {
    let rows = || {
        result(
            &[("stage", "STRING"), ("n", "BIGINT")],
            &[&[Some("visited"), Some("1000")], &[Some("bought"), Some("250")], &[Some("again"), Some("-50")]],
        )
    };
    let spec = json!({"encodings": {"x": {"fieldName": "stage", "scale": {"type": "categorical"}},
        "y": {"fieldName": "n", "scale": {"type": "quantitative"}}}});
    let chart = charts(&drawn("funnel", 1, spec.clone(), rows()))[0].clone();
    assert_eq!(chart["data"][0]["type"], "funnel");
    assert_eq!(chart["data"][0]["y"], json!(["visited", "bought", "again"]));
    assert_eq!(chart["data"][0]["x"], json!([1000.0, 250.0, -50.0]));
    assert_eq!(chart["data"][0]["customdata"], json!(["1,000", "250", "−50"]));
    let chart = charts(&drawn("waterfall", 1, spec, rows()))[0].clone();
    assert_eq!(chart["data"][0]["type"], "waterfall");
    assert_eq!(chart["data"][0]["measure"], json!(["relative", "relative", "relative"]));
    assert_eq!(chart["layout"]["xaxis"]["categoryarray"], json!(["visited", "bought", "again"]));
    let split =
        json!({"encodings": {"x": {"fieldName": "stage"}, "y": {"fields": [{"fieldName": "n"}, {"fieldName": "n"}]}}});
    assert!(drawn("funnel", 1, split, rows()).contains("Not drawn: it has one value for each stage."));
}

#[test]
fn small_multiples_share_their_scales_and_colours() {
    let rows = result(
        &[("d", "DATE"), ("n", "INT"), ("c", "STRING"), ("f", "STRING")],
        &[
            &[Some("2025-01-01"), Some("1"), Some("u"), Some("north")],
            &[Some("2025-01-01"), Some("9"), Some("v"), Some("south")],
            &[Some("2025-02-01"), Some("7"), Some("v"), Some("south")],
        ],
    );
    let spec = json!({"facet": {"type": "wrap", "fieldName": "f", "layout": {"row": {"type": "count", "value": 2}, "column": {"type": "count", "value": 1}}},
        "encodings": {"x": {"fieldName": "d", "scale": {"type": "temporal"}}, "y": {"fieldName": "n", "scale": {"type": "quantitative"}},
        "color": {"fieldName": "c", "scale": {"type": "categorical"}}}});
    let html = drawn("line", 3, spec, rows.clone());
    let chart = charts(&html)[0].clone();
    let of = |axis: &str, name: &str| {
        let traces = chart["data"].as_array().unwrap().iter();
        traces.clone().find(|t| t["xaxis"] == axis && t["name"] == name).unwrap().clone()
    };
    assert_eq!(of("x", "u")["y"], json!([1.0]));
    assert_eq!(of("x2", "v")["y"], json!([9.0, 7.0]));
    assert_eq!(of("x2", "v")["line"]["color"], of("x", "v")["line"]["color"], "although the first has no row of it");
    assert_ne!(of("x2", "v")["line"]["color"], of("x", "u")["line"]["color"]);
    assert_eq!(
        (&chart["layout"]["xaxis2"]["matches"], &chart["layout"]["yaxis2"]["matches"]),
        (&json!("x"), &json!("y"))
    );
    let below = |name: &str| chart["layout"][name]["domain"][1].as_f64().unwrap();
    assert!(below("yaxis2") < chart["layout"]["yaxis"]["domain"][0].as_f64().unwrap(), "one column, two lines");
    let titles: Vec<&str> =
        chart["layout"]["annotations"].as_array().unwrap().iter().filter_map(|a| a["text"].as_str()).collect();
    assert_eq!(titles, ["<b>north</b>", "<b>south</b>"]);

    let spec = json!({"facet": {"type": "wrap", "fieldName": "f"}, "encodings": {"x": {"fieldName": "d"}, "y": {"fieldName": "c"},
        "color": {"fieldName": "n", "scale": {"type": "quantitative", "colorRamp": {"scheme": "blues"}}}}});
    let html = drawn("heatmap", 3, spec, rows);
    assert_eq!(html.matches("<table class=\"matrix heat").count(), 2);
    assert!(html.contains("<h4>north</h4>") && html.contains("<h4>south</h4>"));
    assert_eq!(
        html.matches("--c:#08306b").count() - html.matches("<i style=\"--c:#08306b").count(),
        1,
        "9 is the largest of both"
    );
}

#[test]
fn tables_are_ordered_by_all_their_keys_and_show_what_a_screen_can_scroll() {
    let rows = result(
        &[("a", "STRING"), ("n", "INT")],
        &[&[Some("x"), Some("9")], &[Some("y"), Some("10")], &[Some("x"), Some("10")], &[Some("y"), Some("2")]],
    );
    let columns = json!([{"fieldName": "a", "displayName": "A"}, {"fieldName": "n", "displayName": "N"}]);
    let order = json!([{"by": "column", "field": {"index": 0}}, {"by": "column-reversed", "field": {"index": 1}}]);
    let spec = json!({"encodings": {"columns": columns, "rowOrder": order}, "displayRowNumbers": true});
    let html = drawn("table", 2, spec, rows);
    let body = html.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    let text: String =
        body.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect::<Vec<_>>().join(" ");
    assert_eq!(text.split_whitespace().collect::<Vec<_>>().join(" "), "1 x 10 2 x 9 3 y 10 4 y 2");

    let cells: Vec<String> = (0..2_500).map(|n| n.to_string()).collect();
    let many: Vec<Vec<Option<String>>> = cells.iter().map(|cell| vec![Some(cell.clone())]).collect();
    let many = QueryResult { columns: vec![("n".into(), "INT".into())], rows: many, truncated: false };
    let html = drawn("table", 2, json!({"encodings": {"columns": [{"fieldName": "n"}]}}), many);
    assert_eq!(html.matches("<td class=\"num\"").count(), 2_000);
    assert!(html.contains("The first 2,000 of 2,500 rows.") && html.contains("The first 200 of 2,500 rows."));
    let style = include_str!("style.css");
    assert!(style.matches("tr:nth-child(n + 201)").count() == 2, "on paper and in pictures");
}

#[test]
fn percentages_of_old_tables_are_scaled_as_the_column_says() {
    let rows = result(&[("r", "DOUBLE")], &[&[Some("0.125")]]);
    let spec = |scaled: bool| json!({"encodings": {"columns": [{"fieldName": "r", "numberFormat": "0.0%", "scalePercentBy100": scaled}]}});
    assert!(drawn("table", 1, spec(true), rows.clone()).contains(">12.5%</td>"));
    assert!(drawn("table", 1, spec(false), rows).contains(">0.1%</td>"));
}

#[test]
fn screen_readers_are_told_what_is_what() {
    let widget = |name: &str| {
        let spec = json!({"version": 3, "widgetType": "bar", "frame": {"showTitle": true, "title": format!("Chart {name}")},
            "encodings": {"x": {"fieldName": "c"}, "y": {"fieldName": "n"}}});
        let fields = json!([{"name": "c", "expression": "`c`"}, {"name": "n", "expression": "`n`"}]);
        json!({"position": {"x": 0, "y": 0, "width": 6, "height": 4}, "widget": {"name": name, "spec": spec,
            "queries": [{"name": "main_query", "query": {"datasetName": "d", "fields": fields}}]}})
    };
    let dash = dash(&json!({"datasets": [{"name": "d", "queryLines": ["SELECT 1"]}], "pages": [
        {"name": "p", "displayName": "First", "layout": [widget("a")]},
        {"name": "q", "displayName": "Second", "layout": [widget("b")]}]}));
    let rows = result(&[("c", "STRING"), ("n", "INT")], &[&[Some("x"), Some("1")]]);
    let results = widget_queries(&dash).into_iter().map(|query| (query.path, Ok(rows.clone()))).collect();
    let html = without_library(&page(&dash, results, ""));
    for name in ["Chart a", "Chart b"] {
        assert!(html.contains(&format!("<summary>Data<span class=\"hidden\"> of {name}</span></summary>")), "{name}");
    }
    for index in 0..2 {
        assert!(html.contains(&format!("id=\"page-{index}\" aria-labelledby=\"tab-{index}\"")));
        assert!(html.contains(&format!("id=\"tab-{index}\" aria-controls=\"page-{index}\"")));
    }
}

#[test]
fn every_real_dashboard_is_drawn_whatever_its_queries_return() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/lvdash-corpus");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is not there", folder.display());
        return;
    };
    for entry in entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "json"))
    {
        let dash = LvDash::parse(&SourceFile::new("d", std::fs::read_to_string(entry).unwrap())).unwrap();
        for (value, kind) in
            [(Some("3.5"), "DOUBLE"), (Some("2025-01-31"), "DATE"), (Some("<b>"), "STRING"), (None, "BIGINT")]
        {
            let rows = |names: &[String]| QueryResult {
                columns: names.iter().map(|name| (name.clone(), kind.to_owned())).collect(),
                rows: vec![vec![value.map(str::to_owned); names.len()]; 3],
                truncated: false,
            };
            let results =
                widget_queries(&dash).into_iter().map(|query| (query.path, Ok(rows(&query.fields)))).collect();
            let html = page(&dash, results, "");
            assert_eq!(
                html.matches("<article").count(),
                dash.pages
                    .iter()
                    .filter(|page| page.kind == PageKind::Canvas)
                    .map(|page| page.widgets.len())
                    .sum::<usize>()
            );
        }
    }
}
