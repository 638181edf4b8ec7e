//! Tests of the room as a whole: real files, broken files, checks, and the SQL of widgets.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::analysis::Relation;
use crate::diag::{Diagnostics, SourceFile};

pub(super) fn file(text: &str) -> Arc<SourceFile> {
    SourceFile::new("d.lvdash.json", text)
}

pub(super) fn dash(json: &Value) -> LvDash {
    LvDash::parse(&file(&format!("{json:#}"))).unwrap()
}

/// The public dashboards that lie beside the repository; none where they do not.
pub(super) fn corpus() -> Vec<Arc<SourceFile>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/lvdash-corpus");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is not there", folder.display());
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| SourceFile::new(name(path), std::fs::read_to_string(path).unwrap())).collect()
}

fn flagship() -> LvDash {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/retention.lvdash.json");
    LvDash::parse(&SourceFile::new("retention.lvdash.json", std::fs::read_to_string(path).unwrap())).unwrap()
}

pub(super) fn listed(problems: &Diagnostics) -> Vec<String> {
    problems.iter().map(|d| format!("{} {} {}", d.primary.as_ref().unwrap().0, d.severity, d.message)).collect()
}

#[test]
fn real_files_survive_reading_and_writing() {
    for file in corpus() {
        let dash = LvDash::parse(&file).unwrap_or_else(|e| panic!("{}: {:?}", file.path.display(), listed(&e)));
        let original: Value = serde_json::from_str(&file.text).unwrap();
        let written: Value = serde_json::from_str(&dash.to_json()).unwrap();
        // One file of the corpus is an API response; what it wraps is the dashboard.
        match original.get("serializedDashboard") {
            Some(inner) => assert_eq!(written, serde_json::from_str::<Value>(inner.as_str().unwrap()).unwrap()),
            None => {
                assert_eq!(written, original);
                let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
                assert_eq!(keys(&written), keys(&original), "the order of keys stays");
                assert_eq!(
                    dash.widgets().count(),
                    original.pointer("/pages").map_or(0, |pages| {
                        pages.as_array().unwrap().iter().map(|p| p["layout"].as_array().map_or(0, Vec::len)).sum()
                    })
                );
            }
        }
        assert!(same_content(dash.json(), &written));
    }
}

#[test]
fn every_text_of_a_real_file_is_found_where_it_stands() {
    for file in corpus() {
        let dash = LvDash::parse(&file).unwrap();
        for dataset in &dash.datasets {
            let Some(sql) = dataset.sql() else { continue };
            let words = sql.text().match_indices("SELECT").map(|(at, word)| (at, word.len()));
            for (at, length) in words {
                assert_eq!(dash.span_in(sql, at..at + length).text(), "SELECT", "{}", file.path.display());
            }
        }
        for (_, _, query) in dash.queries() {
            for field in query.fields.iter().flatten() {
                let span = dash.span(&format!("{}/name", field.path));
                assert_eq!(serde_json::from_str::<String>(span.text()).unwrap(), field.name);
            }
        }
    }
}

#[test]
fn a_broken_file_is_an_error_at_line_and_column() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let message = |text: &str| listed(&LvDash::parse(&file(text)).unwrap_err());
    for (text, expected) in [
        ("", "d.lvdash.json:1:1 error the file is empty"),
        ("[]", "d.lvdash.json:1:1 error a dashboard must be an object, but this is an array"),
        ("null", "d.lvdash.json:1:1 error a dashboard must be an object, but this is null"),
        ("{\n  \"pages\": x\n}", "d.lvdash.json:2:12 error not valid JSON: expected value"),
        ("{\n  \"pages\": {}\n}", "d.lvdash.json:2:12 error `pages` must be an array, but this is an object"),
        (
            "{\"datasets\": [\n 7]}",
            "d.lvdash.json:2:2 error an element of `datasets` must be an object, but this is a number",
        ),
        ("{\"datasets\": [{\"name\": 7}]}", "d.lvdash.json:1:24 error `name` must be a string, but this is a number"),
        ("{\"a\": 1e999}", "d.lvdash.json:1:11 error not valid JSON: number out of range"),
        ("{} {}", "d.lvdash.json:1:4 error not valid JSON: trailing characters"),
    ] {
        assert_eq!(message(text), [expected], "{text}");
    }
    assert!(message(&deep)[0].contains("recursion limit exceeded"), "{:?}", message(&deep));
    // A byte order mark is passed over, and counted.
    assert!(LvDash::parse(&file("\u{feff}{}")).is_ok());
    assert!(LvDash::parse(&file("{}")).unwrap().check().is_empty());
}

#[test]
fn no_mutilated_file_makes_the_reader_panic() {
    let text = flagship().to_json();
    for cut in (0..text.len()).step_by(131).filter(|cut| text.is_char_boundary(*cut)) {
        assert!(LvDash::parse(&file(&text[..cut])).is_err());
    }
    // Every value in turn becomes something else.
    let original: Value = serde_json::from_str(&text).unwrap();
    let mut paths = Vec::new();
    collect(&original, String::new(), &mut paths);
    for (index, path) in paths.iter().enumerate().filter(|(index, _)| index % 5 == 0) {
        let mut broken = original.clone();
        let odd = [json!(null), json!([]), json!({}), json!(-1), json!("x"), json!(1e300), json!([[]])];
        *broken.pointer_mut(path).unwrap() = odd[(index / 5) % odd.len()].clone();
        if let Ok(dash) = LvDash::parse(&file(&broken.to_string())) {
            let anything = |_: &[String]| Some(Relation::Unknown);
            let tables = Tables { relation: &anything, known: &[], shorter: &|_| None };
            let _ = (dash.check(), widget_queries(&dash), same_content(dash.json(), &original));
            if index % 35 == 0 {
                let _ = resolve(&dash, &tables).datasets.len();
            }
        }
    }
}

fn collect(value: &Value, path: String, paths: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, inner) in members {
                collect(inner, format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), paths);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{path}/{index}"), paths);
            }
        }
        _ => {}
    }
    paths.push(path);
}

#[test]
fn a_saved_api_response_is_unwrapped_and_its_mistakes_are_found_in_it() {
    let inner =
        "{\n \"datasets\": [{\"name\": \"d\", \"queryLines\": [\"SELECT \\\"ä\\\"\\n\", \"FROM t\"]}],\n \"pages\": 7}";
    let response = json!({"etag": "1", "serialized_dashboard": inner}).to_string();
    let problem = &listed(&LvDash::parse(&file(&response)).unwrap_err())[0];
    let column = response.find("7}").unwrap() + 1 - "ä".len() + 1;
    assert_eq!(*problem, format!("d.lvdash.json:1:{column} error `pages` must be an array, but this is a number"));

    let response = json!({"serializedDashboard": inner.replace("7}", "[]}")}).to_string();
    let dash = LvDash::parse(&file(&response)).unwrap();
    let sql = dash.datasets[0].sql().unwrap();
    assert_eq!(sql.text(), "SELECT \"ä\"\nFROM t");
    let from = sql.text().find("FROM").unwrap();
    assert_eq!(dash.span_in(sql, from..from + 4).text(), "FROM");
}

#[test]
fn broken_references_are_found_at_their_place() {
    let broken = dash(&json!({
        "datasets": [
            {"name": "orders", "displayName": "Orders", "queryLines": ["SELECT 1 AS a", "FROM t"],
             "parameters": [{"keyword": "p", "dataType": "STRING"}]},
            {"name": "orders", "displayName": "Again", "queryLines": ["SELECT :q"]},
            {"name": "empty"}
        ],
        "pages": [{"name": "p", "layout": [
            {"position": {"x": 4, "y": 0, "width": 4, "height": 1}, "widget": {"name": "w",
                "queries": [{"name": "main_query", "query": {"datasetName": "order", "fields": [{"name": "sum(a)", "expression": "SUM(`a`)"}]}}],
                "spec": {"version": 3, "widgetType": "counter", "encodings": {"value": {"fieldName": "sum(b)"}}}}},
            {"position": {"x": 0, "y": 0, "width": 1, "height": 1}, "widget": {"name": "f",
                "queries": [{"name": "q", "query": {"datasetName": "orders", "parameters": [{"name": "x", "keyword": "y"}]}}],
                "spec": {"version": 2, "widgetType": "filter-single-select",
                         "encodings": {"fields": [{"parameterName": "x", "queryName": "q"}, {"fieldName": "c", "queryName": "r"}]}}}},
            {"position": {"x": 0, "y": 0, "width": 1, "height": 1}, "widget": {"name": "f", "spec": {"version": 1, "widgetType": "bar-chart"}}}
        ]}]
    }));
    let problems = broken.check();
    let codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(
        codes,
        [
            "duplicate-name",
            "duplicate-name",
            "glued-lines",
            "unused-parameter",
            "undeclared-parameter",
            "dataset-source",
            "unused-dataset",
            "outside-grid",
            "overlap",
            "unknown-dataset",
            "widget-version",
            "unknown-field",
            "unknown-parameter",
            "unknown-query",
            "widget-type",
        ]
    );
    let of = |code: &str| problems.iter().find(|problem| problem.code == code).unwrap();
    assert_eq!(of("unknown-dataset").primary.as_ref().unwrap().0.text(), "\"order\"");
    assert_eq!(of("unknown-dataset").help.as_deref(), Some("Did you mean `orders`?"));
    assert_eq!(of("unknown-field").primary.as_ref().unwrap().0.text(), "\"sum(b)\"");
    assert_eq!(of("widget-version").primary.as_ref().unwrap().0.text(), "3");
    assert!(of("glued-lines").message.contains("`aFROM`"), "{}", of("glued-lines").message);
    assert!(of("widget-type").help.as_deref().unwrap().contains("`bar`"));
}

#[test]
fn a_widget_runs_its_fields_over_its_dataset_with_the_defaults_of_parameters_and_filters() {
    let dash = dash(&json!({
        "datasets": [{"name": "d", "catalog": "main", "schema": "gold",
            "queryLines": ["SET ANSI_MODE = true;\n", "SELECT * FROM t -- all\n", "WHERE c = :c AND d >= :r.min; -- done"],
            "parameters": [
                {"keyword": "c", "dataType": "STRING", "defaultSelection": {"values": {"dataType": "STRING", "values": [{"value": "o'b"}]}}},
                {"keyword": "r", "dataType": "DATE", "complexType": "RANGE",
                 "defaultSelection": {"range": {"dataType": "DATE", "min": {"value": "2025-01-01"}, "max": {"value": "now/d"}}}}],
            "columns": [{"displayName": "Rate", "expression": "SUM(a) / SUM(b)"}]}],
        "pages": [
            {"name": "p", "layout": [
                {"position": {}, "widget": {"name": "w", "spec": {"version": 3, "widgetType": "bar"}, "queries": [
                    {"name": "main_query", "query": {"datasetName": "d", "disaggregated": false,
                        "fields": [{"name": "monthly(d)", "expression": "DATE_TRUNC(\"MONTH\", `d`)"}, {"name": "measure(Rate)", "expression": "MEASURE(`Rate`)"},
                                   {"name": "one", "expression": "'avg'"}],
                        "filters": [{"expression": "IN_RANGE(`x`, 1D, NULL)"}],
                        "orders": [{"direction": "DESC", "expression": "DATE_TRUNC(\"MONTH\", `d`)"}, {"direction": "ASC", "expression": "`not selected`"}]}}]}},
                {"position": {}, "widget": {"name": "rows", "spec": {"version": 2, "widgetType": "table"}, "queries": [
                    {"name": "main_query", "query": {"datasetName": "d", "disaggregated": true,
                        "fields": [{"name": "x", "expression": "`x`"}],
                        "orders": [{"direction": "DESC", "expression": "`y`"}],
                        "parameterValues": [{"keyword": "c", "selection": {"values": {"dataType": "STRING", "values": [{"value": "own"}]}}}]}}]}}
            ]},
            {"name": "g", "pageType": "PAGE_TYPE_GLOBAL_FILTERS", "layout": [{"position": {}, "widget": {"name": "f",
                "queries": [{"name": "q", "query": {"datasetName": "d", "fields": [{"name": "k", "expression": "`k`"}]}}],
                "spec": {"version": 2, "widgetType": "filter-multi-select", "exclude": true,
                    "encodings": {"fields": [{"fieldName": "k", "queryName": "q"}]},
                    "selection": {"defaultSelection": {"values": {"dataType": "INTEGER", "values": [{"value": "1"}, {"value": "2"}]}}}}}}]}
        ]
    }));
    let queries = widget_queries(&dash);
    let sql: Vec<&str> = queries.iter().map(|query| query.sql.as_str()).collect();
    assert_eq!(
        sql,
        [
            "SELECT DATE_TRUNC('MONTH', `d`) AS `monthly(d)`, (SUM(a) / SUM(b)) AS `measure(Rate)`, 'avg' AS `one` FROM (\n\
             SELECT * FROM t -- all\nWHERE c = concat('o', chr(39), 'b') AND d >= CAST('2025-01-01' AS DATE)\n) AS q \
             WHERE ((`x` >= 1)) AND (NOT (`k` IN (1, 2))) GROUP BY DATE_TRUNC('MONTH', `d`) ORDER BY `monthly(d)` DESC",
            "SELECT `x` AS `x` FROM (\nSELECT * FROM t -- all\nWHERE c = 'own' AND d >= CAST('2025-01-01' AS DATE)\n) AS q \
             WHERE (NOT (`k` IN (1, 2))) ORDER BY `y` DESC",
        ]
    );
    let first = &queries[0];
    assert_eq!((first.page.as_str(), first.widget.as_str(), first.query.as_str()), ("p", "w", "main_query"));
    assert_eq!((first.catalog.as_deref(), first.schema.as_deref()), (Some("main"), Some("gold")));
    assert_eq!(first.fields, ["monthly(d)", "measure(Rate)", "one"]);
    assert_eq!(first.path, "/pages/0/layout/0/widget/queries/0/query");
}

#[test]
fn tables_and_metric_views_are_read_too() {
    let query = |fields: Value| json!([{"name": "main_query", "query": {"datasetName": "d", "fields": fields}}]);
    let page = |fields| json!([{"name": "p", "layout": [{"position": {}, "widget": {"name": "w", "queries": query(fields), "spec": {"version": 3, "widgetType": "bar"}}}]}]);
    let sql = |dataset: Value, fields: Value| {
        widget_queries(&dash(&json!({"datasets": [dataset], "pages": page(fields)})))[0].sql.clone()
    };
    assert_eq!(
        sql(
            json!({"name": "d", "asset_name": "main.gold.my table"}),
            json!([{"name": "count(*)", "expression": "COUNT(`*`)"}])
        ),
        "SELECT COUNT(*) AS `count(*)` FROM (\nSELECT * FROM `main`.`gold`.`my table`\n) AS q"
    );
    let view = json!({"name": "d", "config": {"source": "c.s.orders", "filter": "source.amount > 0",
        "joins": [{"name": "c", "source": "c.s.customers", "on": "source.customer_id = c.id"}],
        "dimensions": [{"name": "country", "expr": "c.country"}], "measures": [{"name": "revenue", "expr": "SUM(source.amount)"}]}});
    assert_eq!(
        sql(
            view,
            json!([{"name": "country", "expression": "`country`"}, {"name": "measure(revenue)", "expression": "MEASURE(`revenue`)"}])
        ),
        "SELECT (c.country) AS `country`, (SUM(source.amount)) AS `measure(revenue)` FROM c.s.orders AS source \
         LEFT JOIN c.s.customers AS `c` ON source.customer_id = c.id WHERE (source.amount > 0) GROUP BY (c.country)"
    );
}

#[test]
fn every_widget_of_a_real_file_has_its_query() {
    for file in corpus() {
        let dash = LvDash::parse(&file).unwrap();
        for query in widget_queries(&dash) {
            assert!(query.sql.starts_with("SELECT "), "{}", query.sql);
            assert!(!query.sql.contains(";\n)"), "{}", query.sql);
            assert!(!query.sql.contains("MEASURE(") && !query.sql.contains("BIN_FLOOR"), "{}", query.sql);
        }
    }
}

#[test]
fn the_retention_dashboard_is_sound() {
    let dash = flagship();
    assert_eq!(listed(&dash.check()), [""; 0]);
    for page in &dash.pages {
        assert_eq!(page.columns, 12);
        for (index, one) in page.widgets.iter().enumerate() {
            for other in &page.widgets[index + 1..] {
                let (a, b) = (one.position, other.position);
                let apart =
                    a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
                assert!(apart, "{} lies on {}", one.name, other.name);
            }
        }
    }
    // Every dataset is drawn. Every filter of all pages acts on all of them, but for those that tell how fresh the data are, which
    // depends on no selection.
    let of_the_data = ["as_of", "source_tables", "runs", "test_results"];
    let counts: Vec<&str> =
        dash.datasets.iter().map(|set| set.name.as_str()).filter(|name| !of_the_data.contains(name)).collect();
    // Those of a page choose what it shows.
    let choices = ["filter-period", "filter-segment", "filter-quarter", "filter-dimension"];
    let queries = widget_queries(&dash);
    for dataset in &dash.datasets {
        assert!(queries.iter().any(|query| query.dataset == dataset.name), "{}", dataset.name);
        assert!(dataset.catalog.is_none() && dataset.schema.is_none());
    }
    for (_, widget) in dash.widgets() {
        if matches!(widget.kind, WidgetKind::Filter(_)) && !choices.contains(&widget.name.as_str()) {
            let filtered: Vec<&str> = widget.queries.iter().map(|query| query.dataset.as_str()).collect();
            assert_eq!(filtered, counts, "{}", widget.name);
        }
    }
    for query in &queries {
        let dialect = sqlparser::dialect::DatabricksDialect {};
        let parsed = sqlparser::parser::Parser::parse_sql(&dialect, &query.sql);
        assert_eq!(parsed.map(|statements| statements.len()), Ok(1), "{}", query.sql);
    }
    // Shares are ratios of sums, so that filters re-aggregate them rightly.
    let rate = queries.iter().find(|query| query.widget == "channel-rates").unwrap();
    assert!(rate.sql.starts_with(
        "SELECT `channel` AS `channel`, (try_divide(SUM(repeaters), SUM(observed_customers))) AS `measure(Repeat rate)` FROM ("
    ));
    assert!(rate.sql.ends_with(") AS q WHERE (`window_days` = 90) GROUP BY `channel`"));
}
