//! The schema against the reader: what one takes the other takes, and what one refuses the other refuses.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::{folder, shown};
use crate::config::yaml::{self, Meaning, Node};
use crate::config::{LoadOptions, load, schema};

/// A project that uses every key there is.
const EVERYTHING: &str = r#"
version: 1
project: shop
variables: {windows: [30, 60]}
macros: [sql/macros/dates.tera]
environments:
  local: {workspace: local, catalog: main, schema: shop, default: true, variables: {windows: [1]}}
  prod:
    host: "https://dbc-1.cloud.databricks.com"
    auth_type: oauth-m2m
    client_id: 0f3c
    warehouse: bi
    concurrency: 4
    catalog: main
    schema: shop
    fivetran: "https://fivetran.example"
    dashboard_folder: /Shared/Shop
    grants: {analysts: [USE SCHEMA, SELECT]}
    databricks_tags: {team: shop, checked: }
    protected: {branch: main}
    job_folder: /Shared/jobs
    schedules: paused
    notify: [{webhook: "${SLACK}", when: [failure, recovered]}, {webhook: "${OTHER}", when: always}, {email: [a@example.com], when: failure}]
  dev: {profile: DEV, catalog: dev, schema: shop, protected: true}
connections:
  shop:
    service: google_cloud_postgresql
    id: speak_inexpensive
    schema_prefix: shop
    tables: {public: [orders]}
    sync: {ensure_fresh: 2h, when_running: join, deadline: 1h30m, historical_deadline: 1d}
    group: warehouse
    config: {host: db.example, port: 5432, database: shop, user: fivetran, password: "${SEED}", token_like: "${SEED}"}
    secrets: [token_like]
    schema_change_handling: BLOCK_ALL
    sync_frequency: 1d
    daily_sync_time: "03:00"
    schedule_type: auto
    paused: false
    exclude: others
    columns: {public.orders: {email: hash}}
    local: {files: {public.orders: {path: data/orders.csv.gz, key: [id], columns: {id: BIGINT}}}}
  watched: {service: bigquery, schema_prefix: watched, sync: {observe: 6h}, local: {sample: {customers: 10, seed: 1}, scenario: slow}}
  base: {service: google_cloud_mysql, schema_prefix: base, tables: {public: [t]}, local: {postgres: "${SEED}", updated_at: {public.t: changed}}}
sources:
  shop_public: {connection: shop, tables: {orders: {columns: {id: BIGINT}}}}
  other: {catalog: elsewhere, tables: {t: }}
models:
  sql/staging: {materialized: view}
  sql/staging/orders:
    materialized: incremental
    strategy: merge
    unique_key: [id]
    soft_delete: gone
    on_schema_change: append
    cluster_by: [id]
    description: Orders
    columns: {id: {description: "The order's number", databricks_tags: {pii: "no", checked: }}, day: }
    constraints: {not_null: day, primary_key: [id], check: {positive: "id > 0"}, foreign_keys: [{id: orders.id}]}
    properties: {delta.appendOnly: false, owner_team: shop, n: 1, nothing: }
    databricks_tags: {pii: "no", checked: }
    grants: {analysts: [select, MODIFY]}
    allow: [cross-join]
    tags: [board]
    timeout: 30m
    tests:
      - {change: {"count(*)": 20%}}
      - {change: {"sum(id)": {down: 20%, up: 50%}}}
      - {not_null: id, severity: warn}
      - {unique: [id, day]}
      - {accepted_values: {channel: [web, 1, true]}}
      - {relationships: {id: other.t.id}}
      - {expression: "id > 0"}
      - {row_count: {min: 1, max: 10}}
      - {freshness: {day: 2 days}}
      - {no_rows: sql/marts/cohorts.sql}
  sql/marts: {materialized: incremental, time_column: day, lookback: 3d}
  sql/marts/parts: {materialized: incremental, partition_by: [day]}
lints: {cross-join: error, K402: off}
unit_tests: [tests]
dashboards:
  retention: {file: dashboards/retention.lvdash.json, title: Retention, folder: /Shared, timeout: 10m, publish: {embed_credentials: false}, permissions: {finance: CAN_READ, "a@example.com": can manage, "user:b": NONE}, schedules: {weekly: {cron: 0 8 * * 1, timezone: Europe/Berlin, paused: true, subscribers: [a@example.com, Board]}}}
jobs:
  nightly:
    schedule:
      cron: 0 6 * * 1-5
      timezone: Europe/Berlin
      paused: true
      run_as: 0f3c
      timeout: 2h
      retries: 1
      notify: {on_failure: [a@example.com], on_success: [b@example.com]}
    notify: {webhook: "${SLACK}"}
    steps: [{build: "sql/**"}]
  daily: {all_or_nothing: true, steps: [{sync: shop, ensure_fresh: false, when_running: queue, deadline: 1h, historical_deadline: 1d}, {sync: watched, observe: 1h}, {build: "sql/**"}, {publish: retention}]}
"#;

/// Reads YAML as the JSON that an editor checks.
fn json_of(text: &str) -> Value {
    fn value(node: &Node) -> Value {
        match &node.value {
            yaml::Value::Sequence(items) => items.iter().map(|item| value(item)).collect(),
            yaml::Value::Mapping(entries) => {
                Value::Object(entries.iter().map(|(key, node)| (key.text.clone(), value(node))).collect())
            }
            yaml::Value::Scalar(scalar) => match scalar.meaning() {
                Meaning::Null => Value::Null,
                Meaning::Bool(value) => json!(value),
                Meaning::Int(value) => json!(i64::try_from(value).unwrap()),
                Meaning::Float(value) => json!(value),
                Meaning::Text => json!(scalar.text),
            },
        }
    }
    value(&yaml::parse(text).unwrap().unwrap())
}

/// Tells what of a schema a value breaks; knows the words that the schema uses, and no other.
fn broken(schema: &Value, value: &Value, path: &str, used: &mut BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (word, rule) in schema.as_object().unwrap() {
        let object = value.as_object();
        match word.as_str() {
            "description" | "$schema" | "title" | "required" | "additionalProperties" => {}
            "type" => {
                let kinds: Vec<&str> = rule.as_array().map_or_else(
                    || vec![rule.as_str().unwrap()],
                    |all| all.iter().map(|k| k.as_str().unwrap()).collect(),
                );
                let is = |kind: &&str| match *kind {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_i64(),
                    "number" => value.is_number(),
                    "null" => value.is_null(),
                    other => panic!("an unknown type: {other}"),
                };
                if !kinds.iter().any(is) {
                    found.push(format!("{path} is no {rule}"));
                }
            }
            "const" => found.extend((value != rule).then(|| format!("{path} is not {rule}"))),
            "enum" => found
                .extend((!rule.as_array().unwrap().contains(value)).then(|| format!("{path} is not one of {rule}"))),
            "anyOf" | "oneOf" => {
                let fitting =
                    rule.as_array().unwrap().iter().filter(|one| broken(one, value, path, used).is_empty()).count();
                if fitting == 0 || (word == "oneOf" && fitting > 1) {
                    found.push(format!("{path} fits {fitting} of {word}"));
                }
            }
            "minLength" => found.extend(
                value
                    .as_str()
                    .filter(|text| (text.len() as u64) < rule.as_u64().unwrap())
                    .map(|_| format!("{path} is too short")),
            ),
            "minimum" => found
                .extend(value.as_i64().filter(|n| *n < rule.as_i64().unwrap()).map(|_| format!("{path} is too small"))),
            "pattern" => found.extend(
                value
                    .as_str()
                    .filter(|text| !matches(rule.as_str().unwrap(), text))
                    .map(|_| format!("{path} does not fit {rule}")),
            ),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(broken(rule, item, &format!("{path}/{index}"), used));
                }
            }
            "minItems" => found.extend(
                value
                    .as_array()
                    .filter(|items| (items.len() as u64) < rule.as_u64().unwrap())
                    .map(|_| format!("{path} has too few")),
            ),
            "minProperties" => found.extend(
                object.filter(|o| (o.len() as u64) < rule.as_u64().unwrap()).map(|_| format!("{path} has too few")),
            ),
            "maxProperties" => found.extend(
                object.filter(|o| (o.len() as u64) > rule.as_u64().unwrap()).map(|_| format!("{path} has too many")),
            ),
            "propertyNames" => {
                for key in object.into_iter().flat_map(|object| object.keys()) {
                    found.extend(broken(rule, &json!(key), &format!("{path}/{key}"), used));
                }
            }
            "properties" => {
                for (key, inner) in object.into_iter().flatten() {
                    if let Some(rule) = rule.get(key) {
                        used.insert(rule.get("description").map_or_else(|| key.clone(), |d| format!("{key}: {d}")));
                        found.extend(broken(rule, inner, &format!("{path}/{key}"), used));
                    }
                }
            }
            "dependentRequired" => {
                for (key, needed) in rule.as_object().unwrap() {
                    let missing = object.is_some_and(|o| {
                        o.contains_key(key)
                            && !needed.as_array().unwrap().iter().all(|n| o.contains_key(n.as_str().unwrap()))
                    });
                    found.extend(missing.then(|| format!("{path}/{key} needs {needed}")));
                }
            }
            other => panic!("the schema uses `{other}`, which this test does not know"),
        }
    }
    if let (Some(object), Some(required)) = (value.as_object(), schema.get("required")) {
        let missing = required.as_array().unwrap().iter().filter(|key| !object.contains_key(key.as_str().unwrap()));
        found.extend(missing.map(|key| format!("{path} has no {key}")));
    }
    if let (Some(object), Some(other)) = (value.as_object(), schema.get("additionalProperties")) {
        let known = |key: &str| schema["properties"].get(key).is_some();
        for (key, inner) in object.iter().filter(|(key, _)| !known(key)) {
            match other {
                Value::Bool(false) => found.push(format!("{path} may not have {key}")),
                other => found.extend(broken(other, inner, &format!("{path}/{key}"), used)),
            }
        }
    }
    found
}

/// The few patterns that the schema uses, each as the reader knows it.
fn matches(pattern: &str, text: &str) -> bool {
    let names = |more: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
    match pattern {
        "\\$\\{" => text.contains("${"),
        "^[A-Za-z0-9$][A-Za-z0-9_${}:-]{0,127}$" => !text.starts_with(['_', '-']) && names("_${}:-"),
        "^[A-Za-z_][A-Za-z0-9_]*$" => !text.starts_with(|c: char| c.is_ascii_digit()) && names("_"),
        "^[0-9.]+ *%$" => text.ends_with('%'),
        "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$" => crate::config::parse_duration(text).is_some(),
        "^\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}$" => {
            text.starts_with("${") && text.ends_with('}') && !text[2..].starts_with(|c: char| c.is_ascii_digit())
        }
        other => panic!("an unknown pattern: {other}"),
    }
}

fn refusals(text: &str) -> Vec<String> {
    broken(&schema(), &json_of(text), "", &mut BTreeSet::new())
}

/// What the reader says against a file: errors only.
fn complaints(root: &Path) -> Vec<String> {
    let env = |name: &str| Some(format!("value_of_{}", name.to_lowercase()));
    match load(root, &LoadOptions { environment: None, overrides: &[], env: &env }) {
        Ok(_) => Vec::new(),
        Err(problems) => shown(&problems),
    }
}

#[test]
fn every_key_of_the_schema_is_read_and_described() {
    let root = folder(EVERYTHING);
    std::fs::create_dir_all(root.path().join("sql/marts/parts")).unwrap();
    std::fs::write(root.path().join("sql/marts/parts/daily.sql"), "select 1").unwrap();
    assert_eq!(complaints(root.path()), [""; 0]);
    let mut used = BTreeSet::new();
    assert_eq!(broken(&schema(), &json_of(EVERYTHING), "", &mut used), [""; 0]);
    let mut all = Vec::new();
    collect(&schema(), &mut all);
    let unused: Vec<&String> = all.iter().filter(|key| !used.contains(*key)).collect();
    assert!(unused.is_empty(), "the test's project does not use {unused:?}");
    assert!(all.iter().all(|key| key.contains(": ")), "{all:?} without descriptions");
}

/// Lists the keys that a schema has properties for, with their descriptions.
fn collect(schema: &Value, into: &mut Vec<String>) {
    match schema {
        Value::Object(words) => {
            for (key, inner) in words.get("properties").and_then(Value::as_object).into_iter().flatten() {
                into.push(inner.get("description").map_or_else(|| key.clone(), |d| format!("{key}: {d}")));
                collect(inner, into);
            }
            // A model has a key of that name too.
            words.iter().filter(|(word, _)| *word != "properties").for_each(|(_, inner)| collect(inner, into));
        }
        Value::Array(items) => items.iter().for_each(|inner| collect(inner, into)),
        _ => {}
    }
}

#[test]
fn the_repositorys_own_projects_fit() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in
        ["jobs.yaml", "examples/starter/jobs.yaml", "examples/cdnow/jobs.yaml", "examples/online-retail/jobs.yaml"]
    {
        let text = std::fs::read_to_string(root.join(path)).unwrap();
        assert_eq!(refusals(&text), [""; 0], "{path}");
    }
}

#[test]
fn what_the_reader_refuses_the_schema_refuses_too() {
    // A key that nobody knows, in every mapping with keys of ours; and every key that must be there taken out.
    let tree = json_of(EVERYTHING);
    let mut places = Vec::new();
    mappings(&schema(), &tree, String::new(), &mut places);
    assert!(places.len() > 35, "{places:?}");
    for (path, required) in places {
        let mut with_more = tree.clone();
        with_more.pointer_mut(&path).unwrap()["no_such_key"] = json!(1);
        both_refuse(&with_more, &format!("{path}/no_such_key"));
        for key in required {
            let mut without = tree.clone();
            without.pointer_mut(&path).unwrap().as_object_mut().unwrap().remove(&key);
            both_refuse(&without, &format!("{path} without {key}"));
        }
    }
    // Values of another kind.
    for (path, value) in [
        ("/version", json!(2)),
        ("/project", json!(7)),
        ("/macros", json!("sql/macros")),
        ("/environments", json!([])),
        ("/environments/local/workspace", json!("remote")),
        ("/environments/prod/protected", json!("yes")),
        ("/connections/shop/sync/when_running", json!("now")),
        ("/connections/shop/sync/deadline", json!("soon")),
        ("/connections/watched/local/scenario", json!("sunny")),
        ("/models/sql~1staging/materialized", json!("tabel")),
        ("/models/sql~1staging~1orders/on_schema_change", json!("ignore")),
        ("/models/sql~1staging~1orders/tests/0/severity", json!("fatal")),
        ("/models/sql~1staging~1orders/tests/2/accepted_values", json!({"a": [1], "b": [2]})),
        ("/dashboards/retention/publish/embed_credentials", json!("no")),
        ("/jobs/daily/steps", json!([])),
        ("/jobs/daily/steps/0/build", json!("sql/**")),
    ] {
        let mut changed = tree.clone();
        if let Some(at) = changed.pointer_mut(path) {
            *at = value;
        } else {
            let (parent, key) = path.rsplit_once('/').unwrap();
            changed.pointer_mut(parent).unwrap()[key] = value;
        }
        both_refuse(&changed, path);
    }
}

fn both_refuse(tree: &Value, what: &str) {
    // JSON is YAML.
    let text = tree.to_string();
    let root = folder(&text);
    assert!(!complaints(root.path()).is_empty(), "the reader takes {what}");
    assert!(!refusals(&text).is_empty(), "the schema takes {what}");
}

/// Finds the mappings of a value whose keys a schema fixes, with those that must be there.
fn mappings(schema: &Value, value: &Value, path: String, into: &mut Vec<(String, Vec<String>)>) {
    for one in schema["anyOf"].as_array().into_iter().flatten() {
        if broken(one, value, "", &mut BTreeSet::new()).is_empty() {
            mappings(one, value, path.clone(), into);
        }
    }
    if let Some(object) = value.as_object() {
        if schema["additionalProperties"] == json!(false) {
            let required = schema["required"].as_array().into_iter().flatten();
            into.push((path.clone(), required.map(|key| key.as_str().unwrap().to_owned()).collect()));
        }
        for (key, inner) in object {
            let rule = schema["properties"].get(key).unwrap_or(&schema["additionalProperties"]);
            if rule.is_object() {
                mappings(rule, inner, format!("{path}/{}", key.replace('/', "~1")), into);
            }
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        if schema["items"].is_object() {
            mappings(&schema["items"], item, format!("{path}/{index}"), into);
        }
    }
}
