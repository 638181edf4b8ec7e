//! A job that is all or nothing: a dashboard never shows some tables of a run that failed beside others of the run before.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Project, Served, kiln_at};

/// The rows of all tables of the project's schema, but for what kiln keeps there.
fn tables(served: &Served, schema: &str) -> BTreeMap<String, Value> {
    let listed = served.sql(&format!(
        "SELECT table_name FROM main.information_schema.tables \
         WHERE table_schema = '{schema}' AND table_type <> 'VIEW' AND NOT startswith(table_name, '_kiln')"
    ));
    let names = listed.as_array().expect("it is a list").iter().map(|row| row[0].as_str().expect("a name").to_owned());
    let rows = |name: &str| served.sql(&format!("SELECT * FROM main.{schema}.{name} ORDER BY ALL"));
    names.map(|name| (name.clone(), rows(&name))).collect()
}

fn newest(project: &Project, served: &Served) -> Vec<(String, String)> {
    let ran = kiln_at(project, served, &["runs", "--output", "json", "--limit", "2"]);
    let runs = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("each line is JSON"));
    runs.map(|run| {
        (run["act"].as_str().unwrap_or_default().to_owned(), run["result"].as_str().unwrap_or_default().to_owned())
    })
    .collect()
}

/// The flagship, over the same shop: what its dashboard shows stays, wherever in the graph a test fails.
#[test]
fn the_flagships_numbers_stay_when_a_test_fails() {
    let server = Project::flagship(150);
    let served = server.serve(&[]);
    let project = Project::flagship(150);
    project.replace(
        "jobs.yaml",
        "local: {workspace: local, catalog: main, schema: retention, default: true}",
        &format!(
            "local: {{host: \"{0}\", fivetran: \"{0}\", catalog: main, schema: shown, default: true}}",
            served.url
        ),
    );
    let run = |args: &[&str]| kiln_at(&project, &served, &[&["sync-and-refresh"], args].concat());
    let first = run(&[]);
    assert_eq!(first.status, 0, "{}", first.stderr);
    let before = tables(&served, "shown");
    assert!(before.len() > 10, "{:?}", before.keys());

    // The shop has lived on meanwhile, so each table would be another. First one fails that nothing reads, then one that all
    // others read.
    for model in ["marts/repurchase_summary", "core/purchases"] {
        let path = format!("sql/{model}.sql");
        let sql = project.read(&path);
        project.write(&path, &format!("{sql}LIMIT 0\n"));
        let ran = run(&["--force"]);
        ran.fails_with(4, &["fails `row_count"]);
        project.write(&path, &sql);
        let now = tables(&served, "shown");
        for (name, rows) in &before {
            assert!(now[name] == *rows, "{name} is not as it was when {model} fails\n{}", ran.stderr);
        }
    }
    let last = run(&[]);
    assert_eq!(last.status, 0, "{}", last.stderr);
    let after = tables(&served, "shown");
    assert!(after["purchases"] != before["purchases"], "the shop has lived on, and now it is shown");
}

#[test]
fn a_run_that_went_back_is_told_of_and_cannot_be_resumed() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = Project::tiny();
    project.point_at(&served);
    project.replace("jobs.yaml", "{build: sql/**}]", "{build: sql/**}], all_or_nothing: true");
    project.write("sql/best.sql", "SELECT max(total) AS total FROM totals\n");
    project.write("sql/worst.sql", "SELECT min(total) AS total FROM totals\n");
    let run = || kiln_at(&project, &served, &["sync-and-refresh", "--force"]);
    let first = run();
    assert_eq!(first.status, 0, "{}", first.stderr);
    let shown =
        || ["totals", "best", "worst"].map(|name| served.sql(&format!("SELECT * FROM main.tiny.{name} ORDER BY 1")));
    let before = shown();
    server.write("data/orders.csv", "id,customer,amount\n1,ann,21.00\n2,bob,40.00\n3,ann,8.50\n");
    project.write("sql/worst.sql", "SELECT CAST(raise_error('not today') AS DECIMAL(12, 2)) AS total FROM totals\n");
    let ran = run();
    ran.fails_with(
        3,
        &["not all of the job succeeded, and it is all or nothing: 3 tables go back", "✓ restore totals"],
    );
    assert_eq!(shown(), before);
    let told = newest(&project, &served);
    assert!(told[0].0.starts_with("rollback 2") && told[0].1 == "succeeded", "{told:?}");
    assert_eq!(told[1], ("sync-and-refresh daily".to_owned(), "failed".to_owned()));
    kiln_at(&project, &served, &["resume", &told[0].0["rollback ".len()..]]).fails_with(2, &["Start a new run"]);

    // Once it is right again, everything is built anew.
    project.write("sql/worst.sql", "SELECT min(total) AS total FROM totals\n");
    let ran = kiln_at(&project, &served, &["sync-and-refresh"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(shown()[1..], [json!([["40.00"]]), json!([["29.50"]])]);
}
