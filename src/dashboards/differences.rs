//! What differs between two dashboards, in the words of the people who make them.

use std::collections::BTreeMap;

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
        if a["widget"] != b["widget"] || a["page"] != b["page"] {
            found.push(format!("{name} changed"));
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
    }
}
