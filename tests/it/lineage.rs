//! `kiln lineage` and `kiln check --changed-since` as their users see them.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::Project;

fn git(folder: &Path, args: &[&str]) {
    let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.test", "-c", "init.defaultBranch=main"];
    let done =
        Command::new("git").arg("-C").arg(folder).args(identity).args(args).output().expect("git can be started");
    assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A small project with a dashboard.
fn project() -> Project {
    let project = Project::tiny();
    let jobs = project.read("jobs.yaml");
    let dashboards = "dashboards:\n  sales: {file: sales.lvdash.json, folder: /Shared}\n";
    let tests = "  sql/totals: {tests: [{unique: customer}, {expression: \"total >= 0\"}]}\n";
    project.write("jobs.yaml", &jobs.replace("jobs:\n", &format!("{tests}{dashboards}jobs:\n")));
    project.write(
        "sales.lvdash.json",
        r#"{
  "datasets": [{"name": "d1", "displayName": "Totals", "queryLines": ["SELECT customer, total, orders\n", "FROM totals\n"],
    "columns": [{"displayName": "average", "expression": "SUM(`total`) / SUM(`orders`)"}]}],
  "pages": [{"name": "p1", "displayName": "Sales", "pageType": "PAGE_TYPE_CANVAS", "layout": [
    {"widget": {"name": "w1", "queries": [{"name": "main_query", "query": {"datasetName": "d1",
      "fields": [{"name": "average", "expression": "MEASURE(`average`)"}, {"name": "customer", "expression": "`customer`"}],
      "disaggregated": false}}],
      "spec": {"version": 3, "widgetType": "bar", "frame": {"showTitle": true, "title": "Average order"},
        "encodings": {"x": {"fieldName": "customer", "scale": {"type": "categorical"}}, "y": {"fieldName": "average", "scale": {"type": "quantitative"}}}}},
     "position": {"x": 0, "y": 0, "width": 6, "height": 4}}]}]
}"#,
    );
    project
}

/// Runs it and returns what it prints.
fn printed(project: &Project, args: &[&str]) -> String {
    let ran = project.kiln(args);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    ran.stdout
}

#[test]
fn a_field_is_followed_up_to_the_source_and_a_source_down_to_the_widget() {
    let project = project();
    assert_eq!(
        printed(&project, &["lineage", "sales/Average order.average", "--up"]),
        "\
sales/Average order.average  widget  sales.lvdash.json

comes from
└─ sales/Totals.average  dataset  aggregated
   ├─ sales/Totals.total  dataset  aggregated
   │  └─ totals.total
   │     └─ stg_orders.amount  aggregated
   │        └─ shop_public.orders.amount
   └─ sales/Totals.orders  dataset  aggregated
      └─ totals.orders

which rows sales/Average order has depends on
  sales/Totals.customer  group
"
    );
    let down = printed(&project, &["lineage", "shop_public.orders.amount", "--down", "--depth", "3"]);
    assert_eq!(
        down,
        "\
shop_public.orders.amount  DECIMAL(12,2)  source

goes to
└─ stg_orders.amount
   └─ totals.total  aggregated
      ├─ sales/Totals.total  dataset
      └─ totals: expression total >= 0  test

counting what rows depend on, it affects 2 models, 1 test, 1 dataset and 1 widget
"
    );
}

#[test]
fn forms_are_stable_and_narrow_where_asked() {
    let project = project();
    let json: Value =
        serde_json::from_str(&printed(&project, &["--output", "json", "lineage", "totals.total"])).unwrap();
    assert_eq!(json["asked"], serde_json::json!({"name": "totals.total", "nodes": ["totals"], "column": "total"}));
    let totals = json["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "totals").unwrap();
    assert_eq!(
        totals["columns"],
        serde_json::json!([{"name": "total", "type": "DECIMAL(22,2)", "unknown": false, "presumed": false,
            "from": [{"node": "stg_orders", "column": "amount", "how": "aggregated"}]}])
    );
    let mermaid = printed(&project, &["lineage", "stg_orders.amount", "--format", "mermaid"]);
    assert!(mermaid.starts_with("flowchart LR\n  subgraph n0[\"shop_public.orders\"]\n"), "{mermaid}");
    assert!(mermaid.contains("-->|aggregated|"), "{mermaid}");
    let narrow = project.command(&["lineage", "totals"]).env("COLUMNS", "60").output().unwrap();
    let narrow = String::from_utf8(narrow.stdout).unwrap();
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    assert!(!narrow.contains('\u{1b}'), "a pipe takes no colours");
    let everything = printed(&project, &["lineage"]);
    for line in ["  shop_public.orders\n", "  totals  reads stg_orders\n", "and 2 data tests\n"] {
        assert!(everything.contains(line), "{line:?} is not in\n{everything}");
    }
    printed(&project, &["lineage", "--html", "lineage.html"]);
    let page = project.read("lineage.html");
    assert!(page.contains("Average order") && !page.contains("src=") && !page.contains("href="), "it needs a network");
}

#[test]
fn a_wrong_name_gets_a_suggestion() {
    let project = project();
    for (asked, texts) in [
        ("total", &["there is no model, source, dashboard or widget `total`", "Did you mean `totals`?"][..]),
        ("totals.totl", &["the model `totals` has no column `totl`", "Did you mean `totals.total`?"]),
        ("orders", &["Did you mean `shop_public.orders`?"]),
        ("customer", &["Columns are asked for with what they are of: `shop_public.orders.customer`"]),
        ("sales.average", &["`sales` is a dashboard, and has no columns itself", "`sales/…`"]),
        ("stg_order.amount", &["Did you mean `stg_orders.amount`?"]),
    ] {
        project.kiln(&["lineage", asked]).fails_with(1, texts);
    }
    project.kiln(&["lineage", "--up"]).fails_with(2, &["<NODE[.COLUMN]>"]);
}

#[test]
fn what_changed_since_a_revision_is_told_down_to_the_widget() {
    let project = project();
    git(project.path(), &["init", "-q"]);
    git(project.path(), &["add", "."]);
    git(project.path(), &["commit", "-q", "-m", "first"]);
    let same = printed(&project, &["check", "--changed-since", "main"]);
    assert!(same.starts_with("since main (") && same.ends_with("): nothing changed\n"), "{same}");

    project.replace("sql/totals.sql", "count(*) AS orders", "count(*) AS orders,\n  max(amount) AS largest");
    project.replace("jobs.yaml", "amount: \"DECIMAL(12,2)\"}}}}\nmodels", "amount: DOUBLE}}}}\nmodels");
    let json: Value = serde_json::from_str(
        printed(&project, &["--output", "json", "check", "--changed-since", "HEAD"]).lines().next().unwrap(),
    )
    .unwrap();
    let change = |name: &str| json["changed"].as_array().unwrap().iter().find(|c| c["name"] == name).unwrap().clone();
    assert_eq!(change("shop_public.orders")["columns"][0]["change"], "retyped");
    assert_eq!(
        change("shop_public.orders")["columns"][0]["read_by"],
        serde_json::json!([{"kind": "model", "name": "stg_orders", "column": "amount"}])
    );
    // A new column of a grouped query that is an aggregate touches no other.
    assert_eq!(change("totals")["what"], serde_json::json!([]));
    let columns: Vec<_> = change("totals")["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["name"].clone(), c["change"].clone()))
        .collect();
    assert_eq!(columns, [("total".into(), "retyped".into()), ("largest".into(), "added".into())]);
    let affected: Vec<_> =
        json["affected"].as_array().unwrap().iter().map(|named| named["name"].as_str().unwrap()).collect();
    assert_eq!(affected, ["totals: expression total >= 0", "sales/Totals", "sales/Average order"]);

    let summary = project.path().join("summary.md");
    let ran = project
        .command(&["--output", "github", "check", "--changed-since", "main"])
        .env("GITHUB_STEP_SUMMARY", &summary)
        .output()
        .unwrap();
    assert!(ran.status.success());
    let summary = std::fs::read_to_string(summary).unwrap();
    assert!(
        summary.contains("| changed | model `totals` | + largest DECIMAL") || summary.contains("+ largest DOUBLE"),
        "{summary}"
    );

    project
        .kiln(&["check", "--changed-since", "mian"])
        .fails_with(2, &["git knows no revision `mian`", "Did you mean `main`?"]);
    let no_git = project.command(&["check", "--changed-since", "main"]).env("PATH", project.path()).output().unwrap();
    assert!(String::from_utf8(no_git.stderr).unwrap().contains("there is no program `git`"));
}

#[test]
fn a_project_of_a_folder_of_no_repository_cannot_be_compared() {
    let project = project();
    project
        .kiln(&["check", "--changed-since", "main"])
        .fails_with(2, &["the project is in no repository of git", "Run kiln in a checkout of the repository."]);
}

#[test]
fn columns_of_sources_are_read_once_and_then_known_without_a_network() {
    let project = project();
    let declared = "orders: {columns: {id: BIGINT, customer: STRING, amount: \"DECIMAL(12,2)\"}}";
    let ran = project.kiln(&["check", "--refresh-sources"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("there is no table `main.shop_public.orders`"), "{}", ran.stderr);
    assert_eq!(project.sync_and_refresh().status, 0);
    let ran = project.kiln(&["check", "--refresh-sources"]);
    assert!(
        ran.stderr.contains("sources.lock.yaml written: 5 columns of 1 tables, as they are in `local`"),
        "{}",
        ran.stderr
    );
    let lock = project.read("sources.lock.yaml");
    assert!(lock.contains("  shop_public:\n    orders:\n      id: BIGINT\n      customer: STRING\n"), "{lock}");
    assert!(!lock.contains("main"), "environments differ by the catalog");
    let ran = project.kiln(&["check", "--refresh-sources"]);
    assert!(ran.stderr.contains("sources.lock.yaml is as before"), "{}", ran.stderr);

    // Now nothing needs to be declared, and what is wrong is found all the same.
    project.replace("jobs.yaml", declared, "orders:");
    assert_eq!(project.kiln(&["check"]).status, 0);
    project.replace("sql/staging/stg_orders.sql", "amount", "amout");
    project.kiln(&["check"]).fails_with(1, &["there is no column `amout`", "Did you mean `amount`?"]);
    project.replace("sql/staging/stg_orders.sql", "amout", "amount");

    // What is declared counts, and that it is something else is told.
    project.replace(
        "jobs.yaml",
        "orders:}}",
        "orders: {columns: {id: BIGINT, customer: STRING, amount: DOUBLE, createdAt: DATE}}}}",
    );
    let lock = lock.replace("      customer: STRING\n", "      customer: STRING\n      created_at: DATE\n");
    project.write("sources.lock.yaml", &lock);
    let ran = project.kiln(&["check"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    for text in [
        "`shop_public.orders.amount` is declared as DOUBLE, and sources.lock.yaml has DECIMAL(12,2)",
        "as it was read",
        "`shop_public.orders` is declared to have `createdAt`, which sources.lock.yaml has not",
        "`createdAt` lands as `created_at`: Fivetran writes names anew.",
    ] {
        assert!(ran.stderr.contains(text), "{text:?} is not in\n{}", ran.stderr);
    }
    project.write("sources.lock.yaml", "version: 2\nsources: []\n");
    project.kiln(&["check"]).fails_with(1, &["`version` must be 1", "sources.lock.yaml:1:10", "must be a mapping"]);
}
