//! `--defer`: what another environment has already is read from there, and only what differs is built.

use serde_json::{Value, json};

use crate::deploy::{changes, planned, short};
use crate::support::{Project, Served, deploy_at, kiln_at};

/// A project with two environments in one workspace, of which `prod` is deployed.
fn project(served: &Served) -> Project {
    let project = Project::tiny();
    project.point_at(served);
    project.replace(
        "jobs.yaml",
        "environments:\n",
        "environments:\n  dev: {host: HOST, catalog: main, schema: tiny_dev}\n",
    );
    project.replace("jobs.yaml", "HOST", &format!("\"{}\"", served.url));
    project.write("sql/top.sql", "SELECT customer FROM totals WHERE total > 17\n");
    deploy_at(&project, served, &[]);
    project
}

const DEFER: [&str; 4] = ["--env", "dev", "--defer", "prod"];

/// Deploys to `dev` with what `prod` has, after which there is nothing to do.
#[track_caller]
fn deploy(project: &Project, served: &Served) {
    let ran = kiln_at(project, served, &[&["deploy"], DEFER.as_slice()].concat());
    assert_eq!(ran.status, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(planned(project, served, &DEFER), Vec::<String>::new());
}

/// Returns what each table of `dev` is, sorted by its name.
fn kinds(served: &Served) -> Value {
    served.sql(
        "SELECT table_name, table_type FROM main.information_schema.tables WHERE table_schema = 'tiny_dev' AND \
         left(table_name, 5) <> '_kiln' ORDER BY 1",
    )
}

#[test]
fn what_is_unchanged_is_read_from_the_other_environment() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    let changes = changes(&project, &served, &DEFER);
    assert_eq!(
        changes.iter().map(short).collect::<Vec<_>>(),
        [
            "create schema main.tiny_dev",
            "defer view main.tiny_dev.stg_orders",
            "defer table main.tiny_dev.totals",
            "defer table main.tiny_dev.top",
        ]
    );
    assert_eq!(changes[2]["reasons"], json!(["read from main.tiny.totals of `prod`, where it is as the project says"]));
    let before = served.version("main.tiny.totals");
    deploy(&project, &served);
    assert_eq!(kinds(&served), json!([["stg_orders", "VIEW"], ["top", "VIEW"], ["totals", "VIEW"]]));
    assert_eq!(served.sql("SELECT customer FROM main.tiny_dev.top"), json!([["bob"]]));

    // What differs is built here, with what rests on it; what they read is still elsewhere.
    project.replace("sql/totals.sql", "count(*) AS orders", "count(*) + 100 AS orders");
    let told = kiln_at(&project, &served, &[&["plan"], DEFER.as_slice()].concat());
    assert!(
        told.stdout.contains("± table      main.tiny_dev.totals\n      so far it is read from main.tiny.totals\n"),
        "{}",
        told.stdout
    );
    assert_eq!(
        planned(&project, &served, &DEFER),
        ["replace table main.tiny_dev.totals", "replace table main.tiny_dev.top"]
    );
    deploy(&project, &served);
    assert_eq!(kinds(&served), json!([["stg_orders", "VIEW"], ["top", "MANAGED"], ["totals", "MANAGED"]]));
    let rows = served.sql("SELECT customer, orders FROM main.tiny_dev.totals ORDER BY customer");
    assert_eq!(rows, json!([["ann", "102"], ["bob", "101"]]));
    assert_eq!(served.version("main.tiny.totals"), before, "nothing was done there");

    // Back to what is elsewhere: read from there again.
    project.replace("sql/totals.sql", "count(*) + 100 AS orders", "count(*) AS orders");
    assert_eq!(
        planned(&project, &served, &DEFER),
        ["defer table main.tiny_dev.totals", "defer table main.tiny_dev.top"]
    );
    deploy(&project, &served);

    // Somebody altered the stand-in, and another is gone.
    served.sql("ALTER VIEW main.tiny_dev.totals AS SELECT 'eve' AS customer");
    served.sql("DROP VIEW main.tiny_dev.top");
    assert_eq!(
        planned(&project, &served, &DEFER),
        ["defer table main.tiny_dev.totals", "defer table main.tiny_dev.top"]
    );
    deploy(&project, &served);

    // Somebody altered what is elsewhere: it is not what the project says, and so it is built here.
    served.sql("ALTER VIEW main.tiny.stg_orders AS SELECT id, customer, 0 AS amount FROM main.shop_public.orders");
    assert_eq!(planned(&project, &served, &DEFER), ["update view main.tiny_dev.stg_orders"]);

    // Without the option all of it is built here, and then nothing is read from elsewhere any more.
    assert_eq!(
        planned(&project, &served, &["--env", "dev"]),
        [
            "update view main.tiny_dev.stg_orders",
            "replace table main.tiny_dev.totals",
            "replace table main.tiny_dev.top",
        ]
    );
    assert_eq!(kiln_at(&project, &served, &["deploy", "--env", "dev"]).status, 0);
    assert_eq!(kinds(&served), json!([["stg_orders", "VIEW"], ["top", "MANAGED"], ["totals", "MANAGED"]]));
    assert_eq!(planned(&project, &served, &DEFER), Vec::<String>::new());
    assert_eq!(kiln_at(&project, &served, &["destroy", "--env", "dev"]).status, 0);
    assert_eq!(kinds(&served), json!([]));
}

#[test]
fn a_run_builds_what_differs_or_was_selected_and_syncs_only_what_that_reads() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    project.replace("sql/top.sql", "> 17", "> 10");
    let run = |more: &[&str]| {
        let ran = kiln_at(&project, &served, &[&["sync-and-refresh"], DEFER.as_slice(), more].concat());
        assert_eq!(ran.status, 0, "{}\n{}", ran.stdout, ran.stderr);
        ran.stderr
    };
    let told = run(&[]);
    for step in ["✓ defer stg_orders", "✓ defer totals", "✓ build top"] {
        assert!(told.contains(step), "{step}:\n{told}");
    }
    assert!(!told.contains("sync shop"), "{told}");
    assert_eq!(kinds(&served), json!([["stg_orders", "VIEW"], ["top", "MANAGED"], ["totals", "VIEW"]]));
    assert_eq!(served.sql("SELECT customer FROM main.tiny_dev.top ORDER BY 1"), json!([["ann"], ["bob"]]));
    // The same rows elsewhere, and so nothing to do here.
    let told = run(&[]);
    assert!(told.contains("unchanged"), "{told}");

    // What is selected is built, though it is elsewhere; what that reads is not.
    let told = run(&["--select", "totals"]);
    assert!(told.contains("✓ build totals") && told.contains("✓ defer stg_orders"), "{told}");
    assert!(!told.contains("build top") && !told.contains("sync shop"), "{told}");
    assert_eq!(kinds(&served), json!([["stg_orders", "VIEW"], ["top", "MANAGED"], ["totals", "MANAGED"]]));
    // What has changed is told by what is elsewhere.
    project.replace("sql/top.sql", "> 10", "> 11");
    let told = run(&["--select", "state:changed"]);
    assert!(told.contains("✓ build top") && !told.contains("build stg_orders"), "{told}");
}

#[test]
fn only_another_schema_of_the_same_workspace_can_be_deferred_to() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    project.replace(
        "jobs.yaml",
        "environments:\n",
        "environments:\n  far: {host: \"http://127.0.0.1:9\", catalog: main, schema: far}\n  \
         twin: {host: HOST, catalog: main, schema: tiny}\n  empty: {host: HOST, catalog: main, schema: nothing_here}\n",
    );
    project.replace("jobs.yaml", "HOST", &format!("\"{}\"", served.url));
    for (defer, status, text) in [
        ("dev", 2, "environment `dev` cannot be read in place of itself"),
        ("far", 2, "environment `far` is in another workspace (http://127.0.0.1:9/) than `dev`"),
        ("empty", 6, "environment `empty` has nothing to read: there is no schema main.nothing_here"),
        ("prd", 1, "there is no environment `prd`"),
    ] {
        kiln_at(&project, &served, &["plan", "--env", "dev", "--defer", defer]).fails_with(status, &[text]);
    }
    kiln_at(&project, &served, &["plan", "--env", "prod", "--defer", "twin"])
        .fails_with(2, &["environments `twin` and `prod` have the same schema, main.tiny"]);
}
