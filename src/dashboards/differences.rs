//! What differs between two dashboards, in the words of the people who make them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::compare::normalise;

/// Says what makes the second dashboard another than the first: datasets, pages and widgets that are new, gone or
/// changed. What the service rewrites on its own is no difference.
pub fn differences(before: &Value, after: &Value) -> Vec<String> {
    let (before, after) = (normalise(before), normalise(after));
    let mut found = Vec::new();
    compare(&mut found, &datasets(&before), &datasets(&after), |found, name, a, b| {
        for (key, what) in [
            ("sql", "its SQL"),
            ("displayName", "its name"),
            ("parameters", "its parameters"),
            ("columns", "its calculated columns"),
            ("catalog", "its catalog"),
            ("schema", "its schema"),
        ] {
            if a.get(key) != b.get(key) {
                found.push(format!("{name}: {what} changed"));
            }
        }
    });
    compare(&mut found, &pages(&before), &pages(&after), |found, name, a, b| {
        if a["displayName"] != b["displayName"] {
            found.push(format!("{name}: its title changed"));
        }
    });
    compare(&mut found, &widgets(&before), &widgets(&after), |found, name, a, b| {
        if a["position"] != b["position"] {
            found.push(format!("{name} moved"));
        }
        if a["page"] != b["page"] {
            found.push(format!("{name} is on another page"));
        }
        let parts = widget_parts(&a["widget"], &b["widget"]);
        match parts.is_empty() {
            false => found.push(format!("{name}: {}", parts.join(", "))),
            true if a["widget"] != b["widget"] => found.push(format!("{name} changed")),
            true => {}
        }
    });
    if before.get("uiSettings") != after.get("uiSettings") {
        found.push("its theme or settings changed".to_owned());
    }
    if found.is_empty() && before != after {
        found.push("its content differs".to_owned());
    }
    found
}

/// Returns the datasets that both dashboards have and whose SQL differs: what people call each, and its SQL before and after.
pub fn changed_queries(before: &Value, after: &Value) -> Vec<(String, String, String)> {
    let (before, after) = (normalise(before), normalise(after));
    let (before, after) = (datasets(&before), datasets(&after));
    let both = after.iter().filter_map(|(key, (name, after))| {
        let (_, before) = before.get(key)?;
        (before["sql"] != after["sql"]).then(|| (name.clone(), text(&before["sql"]), text(&after["sql"])))
    });
    both.collect()
}

/// What a part of a widget says: the values of its JSON, by where they stand.
type Part = BTreeMap<String, Value>;

/// Says which parts of a widget changed, and of a short one how.
fn widget_parts(before: &Value, after: &Value) -> Vec<String> {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    collect(&mut old, &mut Vec::new(), before);
    collect(&mut new, &mut Vec::new(), after);
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    changed
        .map(|name| match (old.get(name).and_then(short), new.get(name).and_then(short)) {
            (Some(before), Some(after)) => format!("{name} was `{before}` and is `{after}`"),
            (None, Some(after)) if !old.contains_key(name) => format!("{name} is `{after}`"),
            (Some(before), None) if !new.contains_key(name) => format!("{name} was `{before}`"),
            _ => format!("{name} changed"),
        })
        .collect()
}

/// Returns what a part says if that is one short value.
fn short(part: &Part) -> Option<String> {
    const MOST: usize = 40;
    let mut values = part.values();
    let value = values.next().filter(|value| !value.is_object() && !value.is_array())?;
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let fits = values.next().is_none() && text.chars().count() <= MOST && !text.contains('\n');
    fits.then_some(text)
}

/// Puts each value of a widget to the part that it belongs to. `path` holds the keys on the way to it.
fn collect(parts: &mut BTreeMap<String, Part>, path: &mut Vec<String>, value: &Value) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) if !fields.is_empty() => fields.iter().map(|(key, value)| (key.clone(), value)).collect(),
        // What has a name is the same thing wherever it stands in its list.
        Value::Array(items) if !items.is_empty() => items
            .iter()
            .enumerate()
            .map(|(i, item)| (item["name"].as_str().map_or_else(|| i.to_string(), ToOwned::to_owned), item))
            .collect(),
        _ => {
            parts.entry(part_of(path)).or_default().insert(path.join("/"), value.clone());
            return;
        }
    };
    for (key, child) in children {
        path.push(key);
        collect(parts, path, child);
        path.pop();
    }
}

/// Says in people's words to which part of a widget a place in its JSON belongs.
fn part_of(path: &[String]) -> String {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["spec", "frame", "title"] => "its title".to_owned(),
        ["spec", "frame", "description"] => "its description".to_owned(),
        ["spec", "frame", ..] => "its frame".to_owned(),
        ["spec", "widgetType"] => "its kind".to_owned(),
        ["spec", "encodings", channel, ..] => format!("its encoding `{channel}`"),
        ["queries", _, "query", "datasetName"] => "its dataset".to_owned(),
        ["queries", _, "query", "fields", field, ..] => format!("its field `{field}`"),
        ["queries", _, "query", "filters", ..] => "its filters".to_owned(),
        ["queries", ..] => "its query".to_owned(),
        ["text", ..] => "its text".to_owned(),
        _ => "its settings".to_owned(),
    }
}

/// Things by what people call them.
type Named<'a> = BTreeMap<String, (String, Value)>;

/// Compares two lots of things by their keys: those in both by `changed`.
fn compare(
    found: &mut Vec<String>,
    before: &Named<'_>,
    after: &Named<'_>,
    changed: impl Fn(&mut Vec<String>, &str, &Value, &Value),
) {
    for (key, (name, value)) in after {
        match before.get(key) {
            None => found.push(format!("{name} is new")),
            Some((_, earlier)) if earlier != value => changed(found, name, earlier, value),
            Some(_) => {}
        }
    }
    for (name, _) in before.iter().filter(|(key, _)| !after.contains_key(*key)).map(|(_, named)| named) {
        found.push(format!("{name} is gone"));
    }
}

fn datasets(dashboard: &Value) -> Named<'_> {
    let all = dashboard["datasets"].as_array().into_iter().flatten();
    all.map(|dataset| (text(&dataset["name"]), (format!("dataset `{}`", label(dataset)), dataset.clone()))).collect()
}

fn pages(dashboard: &Value) -> Named<'_> {
    let all = dashboard["pages"].as_array().into_iter().flatten();
    all.map(|page| (text(&page["name"]), (format!("page `{}`", label(page)), page.clone()))).collect()
}

fn widgets(dashboard: &Value) -> Named<'_> {
    let mut named = Named::new();
    for page in dashboard["pages"].as_array().into_iter().flatten() {
        for item in page["layout"].as_array().into_iter().flatten() {
            let widget = &item["widget"];
            let title = widget["spec"]["frame"]["title"].as_str().filter(|title| !title.is_empty());
            let name = title.map_or_else(|| text(&widget["name"]), ToOwned::to_owned);
            let mut item = item.clone();
            item["page"] = page["name"].clone();
            named.insert(text(&widget["name"]), (format!("widget `{name}`"), item));
        }
    }
    named
}

/// Returns what people call a dataset or a page.
fn label(thing: &Value) -> String {
    let shown = thing["displayName"].as_str().filter(|name| !name.is_empty());
    shown.map_or_else(|| text(&thing["name"]), ToOwned::to_owned)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_people_see_is_named() {
        let dashboard = |sql: &str, widgets: Value| {
            json!({
                "datasets": [{"name": "d1", "displayName": "Cohorts", "queryLines": [sql]}],
                "pages": [{"name": "p", "displayName": "Overview", "layout": widgets}],
            })
        };
        let widget = |name: &str, title: &str, y: u32| {
            json!({"widget": {"name": name, "spec": {"widgetType": "counter", "frame": {"title": title}}},
                "position": {"x": 0, "y": y, "width": 1, "height": 1}})
        };
        let before = dashboard("SELECT 1", json!([widget("a", "Customers", 0), widget("b", "Orders", 1)]));
        let after = dashboard("SELECT 2", json!([widget("a", "Customers", 2), widget("c", "", 1)]));
        assert_eq!(
            differences(&before, &after),
            [
                "dataset `Cohorts`: its SQL changed",
                "widget `Customers` moved",
                "widget `c` is new",
                "widget `Orders` is gone"
            ]
        );
        assert_eq!(differences(&before, &before), Vec::<String>::new());
        let named = |(name, before, after): &(String, String, String)| format!("{name}: {before} → {after}");
        let queries: Vec<String> = changed_queries(&before, &after).iter().map(named).collect();
        assert_eq!(queries, ["dataset `Cohorts`: SELECT 1 → SELECT 2"]);
    }

    #[test]
    fn parts_of_a_widget_are_named() {
        let dashboard = |title: &str, field: &str, expression: &str, color: &str, dataset: &str| {
            let query = json!({"datasetName": dataset, "disaggregated": false,
                "fields": [{"name": "n", "expression": "COUNT(1)"}, {"name": field, "expression": expression}]});
            json!({"datasets": [], "pages": [{"name": "p", "displayName": "P", "layout": [{
                "widget": {"name": "w", "queries": [{"name": "main_query", "query": query}],
                    "spec": {"version": 3, "widgetType": "bar", "frame": {"title": title, "showTitle": true},
                        "encodings": {"x": {"fieldName": field, "scale": {"type": "categorical"}}, "y": {"fieldName": "n"}},
                        "mark": {"colors": [color, "#00A972"]}}},
                "position": {"x": 0, "y": 0, "width": 3, "height": 3}}]}]})
        };
        let before = dashboard("Revenue", "country", "`country`", "#077A9D", "d1");
        let after = dashboard("Turnover", "country", "UPPER(`country`)", "#AB4057", "d2");
        assert_eq!(
            differences(&before, &after),
            [
                "widget `Turnover`: its dataset was `d1` and is `d2`, its field `country` changed, its settings changed, \
              its title was `Revenue` and is `Turnover`"
            ]
        );
        let other = dashboard("Revenue", "city", "`city`", "#077A9D", "d1");
        assert_eq!(
            differences(&before, &other),
            ["widget `Revenue`: its encoding `x` changed, its field `city` changed, its field `country` changed"]
        );
    }
}
