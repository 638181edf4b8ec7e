//! Comparison of two dashboards as a workspace sees them: what the service rewrites on its own makes no difference.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// Tells whether two dashboards have the same content.
///
/// The order of keys, `query` against `queryLines`, how SQL is cut and which line ends it has, the old form of texts,
/// keys that the service adds or drops, the generated names of filter queries and a theme without any settings make
/// no difference. `catalog` and `schema` of datasets, which a deployment sets for all of them, are left out too when
/// only one side has them.
pub fn same_content(a: &Value, b: &Value) -> bool {
    let (mut a, mut b) = (normalise(a), normalise(b));
    ignore_defaults_of_one_side(&mut a, &mut b);
    a == b
}

type Object = Map<String, Value>;

/// Returns what a dashboard is, whatever the service rewrites in it on its own.
pub fn normalise(dashboard: &Value) -> Value {
    let mut normal = Map::new();
    let list = |key: &str| dashboard[key].as_array().map(Vec::as_slice).unwrap_or_default();
    normal.insert("datasets".into(), list("datasets").iter().map(dataset).collect());
    normal.insert("pages".into(), list("pages").iter().map(page).collect());
    if let Some(settings) = dashboard.get("uiSettings").filter(|settings| !is_bare(settings)) {
        normal.insert("uiSettings".into(), settings.clone());
    }
    if let Some(variables) = dashboard.get("variables") {
        normal.insert("variables".into(), variables.clone());
    }
    Value::Object(normal)
}

/// Takes over the keys that the service knows.
fn keep(from: &Value, keys: &[&str]) -> Object {
    let known = keys.iter().filter_map(|key| Some(((*key).to_owned(), from.get(*key)?.clone())));
    known.filter(|(_, value)| !value.is_null()).collect()
}

/// Joins a string or an array of strings; line ends are made one kind, white space at the end is cut.
fn joined(value: &Value) -> Value {
    let text: String = match value {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    Value::String(text.replace("\r\n", "\n").trim_end().to_owned())
}

fn dataset(dataset: &Value) -> Value {
    let keys = ["name", "displayName", "asset_name", "config", "catalog", "schema", "parameters", "columns"];
    let mut normal = keep(dataset, &keys);
    if let Some(sql) = dataset.get("queryLines").or_else(|| dataset.get("query")) {
        normal.insert("sql".into(), joined(sql));
    }
    Value::Object(normal)
}

fn page(page: &Value) -> Value {
    let mut normal = keep(page, &["name", "displayName", "pageType", "layoutVersion"]);
    normal.entry("pageType").or_insert_with(|| json!("PAGE_TYPE_CANVAS"));
    let layout = page["layout"].as_array().map(Vec::as_slice).unwrap_or_default();
    let placed = layout.iter().map(|item| json!({"widget": widget(&item["widget"]), "position": item["position"]}));
    normal.insert("layout".into(), placed.collect());
    Value::Object(normal)
}

fn widget(widget: &Value) -> Value {
    let mut normal = keep(widget, &["name", "specExtensions"]);
    if let Some(text) = widget.get("textbox_spec") {
        normal.insert("text".into(), joined(text));
    }
    if let Some(text) = widget.get("multilineTextboxSpec") {
        normal.insert("text".into(), joined(&text["lines"]));
        if let Some(align) = text.get("verticalAlign") {
            normal.insert("verticalAlign".into(), align.clone());
        }
    }
    let queries = widget["queries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let kind = widget["spec"]["widgetType"].as_str().unwrap_or_default();
    let filter = kind.starts_with("filter-") || kind == "range-slider";
    let mut names = HashMap::new();
    let mut normal_queries = Vec::new();
    for named in queries {
        let name = named["name"].as_str().unwrap_or_default();
        let new_name = if filter { filter_query_name(&named["query"]) } else { name.to_owned() };
        names.insert(name, new_name.clone());
        normal_queries.push(json!({"name": new_name, "query": query(&named["query"], filter)}));
    }
    if widget.get("queries").is_some() {
        normal.insert("queries".into(), Value::Array(normal_queries));
    }
    if let Some(spec) = widget.get("spec") {
        let mut spec = spec.clone();
        for field in spec.pointer_mut("/encodings/fields").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(new) = field["queryName"].as_str().and_then(|name| names.get(name)).cloned() {
                field["queryName"] = Value::String(new);
            }
        }
        normal.insert("spec".into(), spec);
    }
    Value::Object(normal)
}

/// Names a filter's query by what it reads; the editor's own names hold ids that differ between workspaces.
fn filter_query_name(query: &Value) -> String {
    let dataset = query["datasetName"].as_str().unwrap_or_default();
    let bound = query["parameters"][0]["keyword"].as_str().or_else(|| query["fields"][0]["name"].as_str());
    format!("{dataset}/{}", bound.unwrap_or_default())
}

fn query(query: &Value, filter: bool) -> Value {
    let keys = [
        "datasetName",
        "fields",
        "filters",
        "orders",
        "parameters",
        "parameterValues",
        "cubeGroupingSets",
        "disaggregated",
    ];
    let mut normal = keep(query, &keys);
    normal.entry("disaggregated").or_insert(Value::Bool(false));
    if filter && let Some(Value::Array(fields)) = normal.get_mut("fields") {
        fields.retain(|field| !field["name"].as_str().is_some_and(|name| name.ends_with("_associativity")));
    }
    Value::Object(normal)
}

/// A theme that sets nothing, as the editor adds it to every dashboard that it opens.
fn is_bare(settings: &Value) -> bool {
    let empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Object(members) => members
            .iter()
            .all(|(key, value)| key == "widgetHeaderAlignment" && value.as_str() == Some("ALIGNMENT_UNSPECIFIED")),
        _ => false,
    };
    settings.as_object().is_some_and(|members| {
        members.iter().all(|(key, value)| matches!(key.as_str(), "theme" | "applyModeEnabled") && empty(value))
    })
}

fn ignore_defaults_of_one_side(a: &mut Value, b: &mut Value) {
    for key in ["catalog", "schema"] {
        let has = |dashboard: &Value| {
            dashboard["datasets"].as_array().is_some_and(|all| all.iter().any(|dataset| dataset.get(key).is_some()))
        };
        if has(a) == has(b) {
            continue;
        }
        for dashboard in [&mut *a, &mut *b] {
            for dataset in dashboard["datasets"].as_array_mut().into_iter().flatten() {
                if let Some(members) = dataset.as_object_mut() {
                    members.shift_remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_rewrites_makes_no_difference() {
        let sent = json!({
            "tags": ["mine"],
            "pages": [{"name": "p", "displayName": "P", "layout": [
                {"position": {"x": 0, "y": 0, "width": 6, "height": 1}, "widget": {"name": "t", "textbox_spec": "# A\n\nb"}},
                {"position": {"x": 0, "y": 1, "width": 6, "height": 1}, "widget": {"name": "f",
                    "queries": [{"name": "q", "query": {"datasetName": "d", "fields": [{"name": "c", "expression": "`c`"}]}}],
                    "spec": {"version": 2, "widgetType": "filter-multi-select",
                             "encodings": {"fields": [{"fieldName": "c", "queryName": "q"}]}}}}]}],
            "datasets": [{"name": "d", "displayName": "D", "query": "SELECT 1\r\nFROM t;\n"}],
        });
        let came_back = json!({
            "datasets": [{"name": "d", "displayName": "D", "queryLines": ["SELECT 1\n", "FROM t;"],
                          "catalog": "main", "schema": "retention"}],
            "pages": [{"name": "p", "displayName": "P", "pageType": "PAGE_TYPE_CANVAS", "layout": [
                {"widget": {"name": "t", "multilineTextboxSpec": {"lines": ["# A\n", "\n", "b"]}},
                 "position": {"x": 0, "y": 0, "width": 6, "height": 1}},
                {"widget": {"name": "f", "queries": [{"name": "dashboards/01ef/datasets/01ee_c", "query": {"datasetName": "d",
                    "fields": [{"name": "c", "expression": "`c`"},
                               {"name": "c_associativity", "expression": "COUNT_IF(`associative_filter_predicate_group`)"}],
                    "disaggregated": false}}],
                    "spec": {"version": 2, "widgetType": "filter-multi-select",
                             "encodings": {"fields": [{"fieldName": "c", "queryName": "dashboards/01ef/datasets/01ee_c"}]}}},
                 "position": {"x": 0, "y": 1, "width": 6, "height": 1}}]}],
            "uiSettings": {"theme": {"widgetHeaderAlignment": "ALIGNMENT_UNSPECIFIED"}, "applyModeEnabled": false},
        });
        assert!(same_content(&sent, &came_back), "{:#}\n{:#}", normalise(&sent), normalise(&came_back));
    }

    #[test]
    fn a_change_that_somebody_made_makes_a_difference() {
        let one = json!({"datasets": [{"name": "d", "queryLines": ["SELECT 1"]}], "pages": [{"name": "p"}]});
        for (pointer, value) in [
            ("/datasets/0/queryLines/0", json!("SELECT 2")),
            ("/datasets/0/name", json!("e")),
            ("/pages/0/name", json!("q")),
        ] {
            let mut other = one.clone();
            *other.pointer_mut(pointer).unwrap() = value;
            assert!(!same_content(&one, &other), "{pointer}");
        }
        let mut themed = one.clone();
        themed["uiSettings"] = json!({"theme": {"visualizationColors": ["#000000"]}});
        assert!(!same_content(&one, &themed));
        let mut moved = one.clone();
        moved["datasets"][0]["schema"] = json!("a");
        let mut elsewhere = one.clone();
        elsewhere["datasets"][0]["schema"] = json!("b");
        assert!(!same_content(&moved, &elsewhere), "both sides name a schema, and not the same");
    }
}
