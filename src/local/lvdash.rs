//! What the service makes of a dashboard's content when it is saved: it drops keys it does not know (except in `spec`,
//! which it keeps as it is), rewrites old spellings, and fills in what it would otherwise assume.

use serde_json::{Map, Value, json};

/// Key orders of the service's own output; a key that is in no such list is unknown to it.
const TOP: &[&str] = &["datasets", "pages", "uiSettings", "variables"];
const DATASET: &[&str] =
    &["name", "displayName", "queryLines", "asset_name", "config", "catalog", "schema", "parameters", "columns"];
const PAGE: &[&str] = &["name", "displayName", "layout", "pageType", "layoutVersion"];
const PLACED: &[&str] = &["widget", "position"];
const WIDGET: &[&str] = &["name", "queries", "spec", "multilineTextboxSpec", "specExtensions"];
const NAMED_QUERY: &[&str] = &["name", "query"];
const QUERY: &[&str] = &[
    "datasetName",
    "fields",
    "filters",
    "orders",
    "parameters",
    "parameterValues",
    "cubeGroupingSets",
    "disaggregated",
];

/// Returns the content as the service stores it: the same bytes if there is nothing to change, and always one line feed
/// at the end. Catalog and schema, if given, become the defaults of every dataset.
///
/// # Errors
/// If the text is not a JSON object, or a dataset has no display name, which the service refuses.
pub(super) fn as_stored(content: &str, catalog: Option<&str>, schema: Option<&str>) -> Result<String, String> {
    let sent: Value =
        serde_json::from_str(content).map_err(|error| format!("serialized_dashboard is not valid JSON: {error}"))?;
    let Value::Object(top) = &sent else { return Err("serialized_dashboard is not a JSON object".to_owned()) };
    if top.is_empty() {
        return Ok("{}\n".to_owned());
    }
    let mut stored = top.clone();
    each(&mut stored, "datasets", |index, dataset| save_dataset(index, dataset, catalog, schema))?;
    each(&mut stored, "pages", |_, page| save_page(page))?;
    arrange(&mut stored, TOP);
    // As texts, because equal JSON values may still differ in the order of their keys.
    let (before, after) = (sent.to_string(), Value::Object(stored).to_string());
    let mut text = if before == after { content.trim_end_matches('\n').to_owned() } else { after };
    text.push('\n');
    Ok(text)
}

fn save_dataset(
    index: usize,
    dataset: &mut Map<String, Value>,
    catalog: Option<&str>,
    schema: Option<&str>,
) -> Result<(), String> {
    if dataset.get("displayName").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(format!("[dashboard.datasets[{index}].displayName] should not be empty"));
    }
    if let Some(Value::String(query)) = dataset.remove("query") {
        dataset.entry("queryLines").or_insert_with(|| lines(&query));
    }
    for (key, value) in [("catalog", catalog), ("schema", schema)] {
        if let Some(value) = value {
            dataset.insert(key.to_owned(), json!(value));
        }
    }
    arrange(dataset, DATASET);
    Ok(())
}

fn save_page(page: &mut Map<String, Value>) -> Result<(), String> {
    page.entry("pageType").or_insert_with(|| json!("PAGE_TYPE_CANVAS"));
    each(page, "layout", |_, placed| {
        if let Some(Value::Object(widget)) = placed.get_mut("widget") {
            save_widget(widget)?;
        }
        arrange(placed, PLACED);
        Ok(())
    })?;
    arrange(page, PAGE);
    Ok(())
}

fn save_widget(widget: &mut Map<String, Value>) -> Result<(), String> {
    if let Some(Value::String(text)) = widget.remove("textbox_spec") {
        widget.entry("multilineTextboxSpec").or_insert_with(|| json!({"lines": lines(&text)}));
    }
    each(widget, "queries", |_, named| {
        if let Some(Value::Object(query)) = named.get_mut("query") {
            query.entry("disaggregated").or_insert(json!(false));
            arrange(query, QUERY);
        }
        arrange(named, NAMED_QUERY);
        Ok(())
    })?;
    arrange(widget, WIDGET);
    Ok(())
}

/// Goes through the objects of an array.
fn each(
    parent: &mut Map<String, Value>,
    key: &str,
    mut save: impl FnMut(usize, &mut Map<String, Value>) -> Result<(), String>,
) -> Result<(), String> {
    if let Some(Value::Array(elements)) = parent.get_mut(key) {
        for (index, element) in elements.iter_mut().enumerate() {
            if let Value::Object(element) = element {
                save(index, element)?;
            }
        }
    }
    Ok(())
}

/// Puts known keys in the service's order and drops the others.
fn arrange(object: &mut Map<String, Value>, keys: &[&str]) {
    *object = keys.iter().filter_map(|key| object.remove(*key).map(|value| ((*key).to_owned(), value))).collect();
}

/// Cuts a text after its line feeds.
fn lines(text: &str) -> Value {
    text.split_inclusive('\n').collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(content: &str) -> String {
        as_stored(content, None, None).unwrap()
    }

    #[test]
    fn what_the_service_would_write_itself_comes_back_byte_for_byte() {
        let content = "{\n  \"datasets\": [{\"name\": \"d\", \"displayName\": \"D\", \"queryLines\": [\"SELECT 1.50\"]}],\n  \"pages\": \
             [{\"name\": \"p\", \"displayName\": \"P\", \"layout\": [], \"pageType\": \"PAGE_TYPE_CANVAS\"}]\n}";
        assert_eq!(stored(content), format!("{content}\n"));
        assert_eq!(stored(&format!("{content}\n\n")), format!("{content}\n"));
        assert_eq!(stored("{ }"), "{}\n");
    }

    #[test]
    fn old_spellings_are_rewritten_and_assumptions_filled_in() {
        let content = r#"{"pages":[{"name":"p","displayName":"P","layout":[
            {"widget":{"name":"t","textbox_spec":"a\n\nb"},"position":{"x":0,"y":0,"width":1,"height":1}},
            {"widget":{"name":"c","queries":[{"name":"main_query","query":{"datasetName":"d","fields":[]}}],"spec":{"z":1,"a":2}}}]}],
            "datasets":[{"name":"d","displayName":"D","query":"SELECT 1\nFROM t"}]}"#;
        let expected = concat!(
            r#"{"datasets":[{"name":"d","displayName":"D","queryLines":["SELECT 1\n","FROM t"]}],"#,
            r#""pages":[{"name":"p","displayName":"P","layout":["#,
            r#"{"widget":{"name":"t","multilineTextboxSpec":{"lines":["a\n","\n","b"]}},"position":{"x":0,"y":0,"width":1,"height":1}},"#,
            r#"{"widget":{"name":"c","queries":[{"name":"main_query","query":{"datasetName":"d","fields":[],"disaggregated":false}}],"spec":{"z":1,"a":2}}}"#,
            r#"],"pageType":"PAGE_TYPE_CANVAS"}]}"#,
            "\n"
        );
        assert_eq!(stored(content), expected);
        assert_eq!(stored(expected), expected, "a second save changes nothing");
    }

    #[test]
    fn unknown_keys_are_dropped_except_in_a_spec() {
        let content = r#"{"version":3,"datasets":[{"name":"d","displayName":"D","asset_name":"a.b.c","tags":[]}],"pages":[
            {"name":"p","displayName":"P","layout":[{"widget":{"name":"w","title":"x","spec":{"version":9,"widgetType":"new","frame":{}},
            "queries":[{"name":"q","query":{"datasetName":"d","query_text":"x","disaggregated":true}}]}}],"pageType":"PAGE_TYPE_CANVAS","icon":1}]}"#;
        let expected = concat!(
            r#"{"datasets":[{"name":"d","displayName":"D","asset_name":"a.b.c"}],"pages":["#,
            r#"{"name":"p","displayName":"P","layout":[{"widget":{"name":"w","#,
            r#""queries":[{"name":"q","query":{"datasetName":"d","disaggregated":true}}],"#,
            r#""spec":{"version":9,"widgetType":"new","frame":{}}}}],"pageType":"PAGE_TYPE_CANVAS"}]}"#,
            "\n"
        );
        assert_eq!(stored(content), expected);
    }

    #[test]
    fn default_catalog_and_schema_go_into_every_dataset() {
        let content = r#"{"datasets":[{"name":"a","displayName":"A","queryLines":["x"],"catalog":"old"},{"name":"b","displayName":"B"}]}"#;
        let expected = concat!(
            r#"{"datasets":[{"name":"a","displayName":"A","queryLines":["x"],"catalog":"dev","schema":"s"},"#,
            r#"{"name":"b","displayName":"B","catalog":"dev","schema":"s"}]}"#,
            "\n"
        );
        assert_eq!(as_stored(content, Some("dev"), Some("s")).unwrap(), expected);
    }

    #[test]
    fn what_the_service_refuses_is_refused() {
        assert!(as_stored("{", None, None).unwrap_err().starts_with("serialized_dashboard is not valid JSON"));
        assert!(as_stored("[]", None, None).is_err());
        let error = as_stored(r#"{"datasets":[{"name":"a","displayName":"A"},{"name":"b"}]}"#, None, None).unwrap_err();
        assert_eq!(error, "[dashboard.datasets[1].displayName] should not be empty");
    }
}
