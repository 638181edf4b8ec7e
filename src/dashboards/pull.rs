//! A dashboard of the workspace as a file of the project.

use serde_json::{Map, Value};

/// Returns a workspace's content as it belongs into the project's file: without the catalog and schema that a deployment
/// wrote into the datasets, and with the keys in the file's order, so that what did not change shows no difference.
pub fn pulled(theirs: &Value, ours: &Value, catalog: &str, schema: &str) -> Value {
    let mut content = theirs.clone();
    for dataset in content.get_mut("datasets").and_then(Value::as_array_mut).into_iter().flatten() {
        let earlier = ours["datasets"].as_array().into_iter().flatten().find(|other| other["name"] == dataset["name"]);
        let Some(dataset) = dataset.as_object_mut() else { continue };
        for (key, deployed) in [("catalog", catalog), ("schema", schema)] {
            let own = earlier.and_then(|earlier| earlier.get(key));
            if dataset.get(key).and_then(Value::as_str) == Some(deployed) {
                match own {
                    Some(own) => dataset.insert(key.to_owned(), own.clone()),
                    None => dataset.shift_remove(key),
                };
            }
        }
    }
    in_order_of(&content, ours)
}

/// Puts the keys of objects into the order of those of another value; keys that this lacks come last. Entries of lists are
/// matched by their names, or else by their places.
fn in_order_of(value: &Value, model: &Value) -> Value {
    match (value, model) {
        (Value::Object(members), Value::Object(models)) => {
            let mut ordered = Map::new();
            for (key, model) in models {
                if let Some(member) = members.get(key) {
                    ordered.insert(key.clone(), in_order_of(member, model));
                }
            }
            for (key, member) in members {
                if !ordered.contains_key(key) {
                    ordered.insert(key.clone(), member.clone());
                }
            }
            Value::Object(ordered)
        }
        (Value::Array(items), Value::Array(models)) => {
            let model_of = |i: usize, item: &Value| match name_of(item) {
                Some(name) => models.iter().find(|model| name_of(model) == Some(name)),
                None => models.get(i),
            };
            let item =
                |(i, item): (usize, &Value)| model_of(i, item).map_or_else(|| item.clone(), |m| in_order_of(item, m));
            items.iter().enumerate().map(item).collect()
        }
        _ => value.clone(),
    }
}

/// Returns the name of a dataset, page, query or field, or of the widget that a place of the layout holds.
fn name_of(item: &Value) -> Option<&str> {
    item.get("name").or_else(|| item.pointer("/widget/name")).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_did_not_change_keeps_its_order_and_what_was_deployed_is_left_out() {
        let ours = json!({"pages": [{"name": "p", "layout": [{"widget": {"name": "w", "spec": {"version": 2, "frame": {}}}}]}],
            "datasets": [{"name": "d", "queryLines": ["SELECT 1"]}, {"name": "e", "schema": "own"}]});
        let theirs = json!({"datasets": [{"schema": "s", "catalog": "c", "queryLines": ["SELECT 2"], "name": "d"},
                {"name": "e", "catalog": "c", "schema": "s"}, {"name": "f", "catalog": "other", "schema": "s"}],
            "pages": [{"layout": [{"widget": {"name": "new"}}, {"widget": {"spec": {"frame": {"title": "T"}, "version": 2}, "name": "w"}}],
                "name": "p"}]});
        let expected = json!({"pages": [{"name": "p", "layout": [{"widget": {"name": "new"}},
                {"widget": {"name": "w", "spec": {"version": 2, "frame": {"title": "T"}}}}]}],
            "datasets": [{"name": "d", "queryLines": ["SELECT 2"]}, {"name": "e", "schema": "own"}, {"name": "f", "catalog": "other"}]});
        assert_eq!(pulled(&theirs, &ours, "c", "s").to_string(), expected.to_string());
    }
}
