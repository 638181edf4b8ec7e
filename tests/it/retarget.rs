//! A dashboard that names tables with the catalog and schema of one environment serves all of them.

use serde_json::{Value, json};

use crate::deploy::project;
use crate::support::{Project, Ran, Served, command_at, deploy_at};

/// As somebody exports a dashboard that they made over production: names written out, SQL in lines, a table read whole.
fn exported() -> String {
    let value = |field: &str| json!({"fieldName": field});
    let counter = |name: &str, dataset: &str, field: &str, y: i64| {
        json!({"widget": {"name": name, "queries": [{"name": "main_query", "query": {"datasetName": dataset,
            "fields": [{"name": field, "expression": format!("`{field}`")}], "disaggregated": true}}],
            "spec": {"version": 2, "widgetType": "counter", "encodings": {"value": value(field)}}},
            "position": {"x": 0, "y": y, "width": 2, "height": 2}})
    };
    json!({
        "datasets": [
            {"name": "totals", "displayName": "Totals", "queryLines": [
                "-- main.tiny.totals, largest first: 'main.tiny.totals'\n",
                "SELECT t.customer, t.total, 'main.tiny.totals' AS of\n",
                "FROM main.Tiny.`totals` AS t\n",
                "JOIN tiny.stg_orders AS o ON o.customer = t.customer\n"]},
            {"name": "whole", "displayName": "Whole", "asset_name": "main.tiny.totals"},
            {"name": "raw", "displayName": "Raw", "query": "SELECT count(*) AS n FROM main.shop_public.orders"}],
        "pages": [{"name": "main", "displayName": "Sales", "layout": [
            counter("spend", "totals", "total", 0), counter("all", "whole", "orders", 2), counter("rows", "raw", "n", 4)]}],
    })
    .to_string()
}

/// Two environments of one workspace: the one that the dashboard was made in, and one of each person.
fn two_environments(served: &Served) -> Project {
    let project = project(served);
    project.write("dashboards/sales.lvdash.json", &exported());
    let url = &served.url;
    project.replace(
        "jobs.yaml",
        "environments:\n",
        &format!(
            "environments:\n  dev: {{host: \"{url}\", fivetran: \"{url}\", catalog: other, \
             schema: \"dev-${{WHO:-nobody}}\", dashboard_folder: /Shared/Dev}}\n"
        ),
    );
    served.sql("CREATE CATALOG IF NOT EXISTS other");
    served.sql("CREATE SCHEMA IF NOT EXISTS other.shop_public");
    served.sql("CREATE TABLE other.shop_public.orders AS SELECT * FROM main.shop_public.orders");
    project
}

fn as_ann(project: &Project, served: &Served, args: &[&str]) -> Ran {
    command_at(project, served, args).env("WHO", "ann").output().expect("kiln can be started").into()
}

fn address(served: &Served, path: &str) -> String {
    let (_, object) = served.get(&format!("/api/2.0/workspace/get-status?path={path}"));
    format!("/api/2.0/lakeview/dashboards/{}", object["resource_id"].as_str().expect("it is there"))
}

fn content(served: &Served, path: &str) -> Value {
    let (_, draft) = served.get(&address(served, path));
    serde_json::from_str(draft["serialized_dashboard"].as_str().expect("it has content")).expect("it is JSON")
}

fn sql(dataset: &Value) -> String {
    dataset["queryLines"].as_array().expect("it has lines").iter().filter_map(Value::as_str).collect()
}

#[test]
fn names_of_another_environment_mean_the_tables_of_this_one() {
    let server = Project::tiny();
    let _ = server.sync_and_refresh();
    let served = server.serve(&[]);
    let project = two_environments(&served);
    // At home the file is deployed as it is.
    let checked = command_at(&project, &served, &["check"]).output().map(Ran::from).expect("kiln can be started");
    assert!(checked.status == 0 && !checked.stderr.contains("hard-coded"), "{}", checked.stderr);
    deploy_at(&project, &served, &["--adopt"]);
    let home = content(&served, "/Shared/Tiny/Sales.lvdash.json");
    let written: Value = serde_json::from_str(&exported()).unwrap();
    assert_eq!(sql(&home["datasets"][0]), sql(&written["datasets"][0]));

    // Elsewhere the names are those of the environment, and nothing else in the SQL is touched.
    let ran = as_ann(&project, &served, &["deploy", "--env", "dev"]);
    assert_eq!(ran.status, 0, "{}\n{}", ran.stdout, ran.stderr);
    let path = "/Shared/Dev/Sales.lvdash.json";
    let there = content(&served, path);
    assert_eq!(
        sql(&there["datasets"][0]),
        "-- main.tiny.totals, largest first: 'main.tiny.totals'\n\
         SELECT t.customer, t.total, 'main.tiny.totals' AS of\n\
         FROM other.`dev-ann`.totals AS t\n\
         JOIN `dev-ann`.stg_orders AS o ON o.customer = t.customer\n"
    );
    assert_eq!(there["datasets"][1]["asset_name"], "other.dev-ann.totals");
    assert_eq!(sql(&there["datasets"][2]), "SELECT count(*) AS n FROM other.shop_public.orders");
    let plan = as_ann(&project, &served, &["plan", "--env", "dev"]);
    assert!(plan.stdout.starts_with("nothing to do"), "{}", plan.stdout);

    // What somebody changes there comes back with the names as the file writes them.
    let mut edited = there;
    edited["pages"][0]["displayName"] = json!("Turnover");
    edited["datasets"][2]["queryLines"] =
        json!(["SELECT count(*) AS n, max(o.id) AS last\n", "FROM other.shop_public.orders AS o\n"]);
    served.patch(&address(&served, path), &json!({"serialized_dashboard": edited.to_string()}));
    let pulled = as_ann(&project, &served, &["dashboard", "pull", "--env", "dev"]);
    assert_eq!(pulled.status, 0, "{}", pulled.stderr);
    let file: Value = serde_json::from_str(&project.read("dashboards/sales.lvdash.json")).unwrap();
    assert_eq!(file["pages"][0]["displayName"], "Turnover");
    assert_eq!(file["datasets"][1]["asset_name"], "main.tiny.totals");
    assert_eq!(
        sql(&file["datasets"][2]),
        "SELECT count(*) AS n, max(o.id) AS last\nFROM main.shop_public.orders AS o\n"
    );
    assert_eq!(file["datasets"][0], written["datasets"][0], "to the letter");
    let again = as_ann(&project, &served, &["dashboard", "pull", "--env", "dev"]);
    assert!(again.stderr.contains("is as in the workspace"), "{}", again.stderr);
}

#[test]
fn a_name_that_only_one_person_knows_is_warned_of() {
    let server = Project::tiny();
    let _ = server.sync_and_refresh();
    let served = server.serve(&[]);
    let project = two_environments(&served);
    project.replace("dashboards/sales.lvdash.json", "main.Tiny.`totals`", "other.`dev-ann`.totals");
    let ann = as_ann(&project, &served, &["check"]);
    assert_eq!(ann.status, 0, "{}", ann.stderr);
    assert!(
        ann.stderr.contains("`other.dev-ann.totals` is written with its catalog or schema")
            && ann.stderr.contains("Write `totals`"),
        "{}",
        ann.stderr
    );
    // To anybody else it means nothing.
    let bob = command_at(&project, &served, &["check"]).env("WHO", "bob").output().map(Ran::from).unwrap();
    bob.fails_with(1, &["`other.dev-ann.totals`"]);
}
