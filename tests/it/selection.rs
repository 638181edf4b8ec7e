//! Which models a run builds: `--select`, `--exclude`, tags and states; and how long each may take.

use serde_json::{Value, json};

use crate::resume::ENDLESS;
use crate::support::{Project, Ran, Served, kiln_at};

/// orders → stg_orders → totals → best, and beside them other.
fn project(served: &Served) -> Project {
    let project = Project::tiny();
    project.point_at(served);
    project.write("sql/best.sql", "SELECT max(total) AS total FROM totals\n");
    project.write("sql/other.sql", "SELECT 1 AS one\n");
    project.replace(
        "jobs.yaml",
        "  sql/staging: {materialized: view}\n",
        "  sql/staging: {materialized: view}\n  sql/best: {tags: [board]}\n  sql/other: {tags: [board, slow]}\n",
    );
    project
}

fn kiln(project: &Project, served: &Served, args: &[&str]) -> Ran {
    kiln_at(project, served, &[&["sync-and-refresh", "--output", "json"], args].concat())
}

/// Returns the steps that a run had, but for those that fix versions and make the schema.
#[track_caller]
fn steps(project: &Project, served: &Served, args: &[&str]) -> Vec<String> {
    let ran = kiln(project, served, args);
    assert_eq!(ran.status, 0, "{}\n{}", ran.stdout, ran.stderr);
    let line = ran.stdout.lines().find(|line| line.contains("\"run_started\"")).expect("it tells how it begins");
    let begun: Value = serde_json::from_str(line).expect("it is JSON");
    let steps = begun["steps"].as_array().expect("it has steps");
    let mut steps: Vec<String> = steps
        .iter()
        .map(|step| step["step"].as_str().expect("a name").to_owned())
        .filter(|step| step != "schema" && !step.starts_with("pin "))
        .collect();
    steps.sort();
    steps
}

#[test]
fn a_run_builds_what_is_selected() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    let select = |args: &[&str]| steps(&project, &served, args);
    let all = ["build best", "build other", "build stg_orders", "build totals", "sync shop"];
    assert_eq!(select(&["--select", "state:changed"]), all, "nothing is there yet");
    assert_eq!(select(&["--select", "other"]), ["build other"], "what it does not read is not synced");
    assert_eq!(select(&["--select", "totals+"]), ["build best", "build totals", "sync shop"]);
    assert_eq!(select(&["--select", "+totals"]), ["build stg_orders", "build totals", "sync shop"]);
    assert_eq!(select(&["-s", "tag:board", "--exclude", "tag:slow"]), ["build best", "sync shop"]);
    assert_eq!(select(&["-s", "sql/staging", "-s", "other"]), ["build other", "build stg_orders", "sync shop"]);
    assert_eq!(select(&["--exclude", "+best"]), ["build other"]);
    assert_eq!(select(&["--select", "state:changed"]), [""; 0], "all of it is there");
    project.replace("sql/totals.sql", "count(*)", "count(1)");
    assert_eq!(select(&["--select", "state:changed"]), ["build best", "build totals", "sync shop"]);

    kiln(&project, &served, &["--select", "total"]).fails_with(1, &[]);
    let ran = kiln(&project, &served, &["--select", "total,tag:bord,what:x"]);
    for said in [
        "`total` means no model",
        "Did you mean `totals`?",
        "`tag:bord` means no model",
        "Did you mean `tag:board`?",
        "there is no selection by `what`",
    ] {
        assert!(ran.stdout.contains(said), "{said} is not in {}", ran.stdout);
    }
}

#[test]
fn a_model_that_takes_too_long_is_cancelled_and_has_failed() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    project.write(
        "sql/other.sql",
        "SELECT count(*) AS n FROM range(3000000) AS a CROSS JOIN range(3000000) AS b WHERE a.id * b.id % 7 = 3\n",
    );
    project.replace("jobs.yaml", "tags: [board, slow]", "tags: [board, slow], timeout: 1s");
    let ran = kiln(&project, &served, &[]);
    assert_eq!(ran.status, 3, "{}", ran.stdout);
    assert!(ran.stdout.contains("it took longer than its `timeout` of 1 s, and was cancelled"), "{}", ran.stdout);
    assert_eq!(served.sql("SELECT count(*) FROM main.tiny.totals"), json!([["2"]]), "the others go on");
    let history = served.get("/api/2.0/sql/history/queries?max_results=100").1;
    let left = history["res"].as_array().expect("a list").iter().filter(|query| query["is_final"] != true).count();
    assert_eq!(left, 0, "nothing runs on: {history}");
}

#[test]
fn the_wait_for_a_place_is_none_of_a_models_time() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    // It has the only place until its time is over, which is longer than the other's.
    project.write("sql/endless.sql", ENDLESS);
    project.write("sql/late.sql", "SELECT 1 AS a\n");
    project.replace(
        "jobs.yaml",
        "  sql/best: ",
        "  sql/endless: {materialized: table, timeout: 4s}\n  sql/late: {materialized: table, timeout: 2s}\n  sql/best: ",
    );
    let ran = kiln(&project, &served, &["--select", "endless", "--select", "late", "--concurrency", "1"]);
    assert_eq!(ran.status, 3, "{}", ran.stdout);
    assert!(ran.stdout.contains("it took longer than its `timeout` of 4 s"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("`timeout` of 2 s"), "{}", ran.stdout);
    assert_eq!(served.sql("SELECT a FROM main.tiny.late"), json!([["1"]]));
}

#[test]
fn a_dashboard_whose_answer_takes_too_long_is_not_waited_for() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    let endless = "SELECT a.id AS n FROM range(3000000) AS a CROSS JOIN range(3000000) AS b CROSS JOIN totals \
                   WHERE a.id * b.id % 7 = 3";
    let counter = json!({"position": {"x": 0, "y": 0, "width": 2, "height": 2}, "widget": {"name": "w",
        "queries": [{"name": "main_query", "query": {"datasetName": "d", "disaggregated": false,
            "fields": [{"name": "count(*)", "expression": "COUNT(`*`)"}]}}],
        "spec": {"version": 2, "widgetType": "counter", "encodings": {"value": {"fieldName": "count(*)"}}}}});
    let dashboard = json!({
        "datasets": [{"name": "d", "displayName": "D", "queryLines": [endless]}],
        "pages": [{"name": "p", "displayName": "P", "layout": [counter]}],
    });
    project.write("dashboards/d.lvdash.json", &dashboard.to_string());
    let jobs = project.read("jobs.yaml").replace("{build: sql/**}]", "{build: sql/**}, {publish: d}]");
    let dashboards = "dashboards:\n  d: {file: dashboards/d.lvdash.json, folder: /Shared/d, timeout: 1s}\n";
    project.write("jobs.yaml", &(jobs + dashboards));
    let ran = kiln(&project, &served, &[]);
    assert_eq!(ran.status, 3, "{}", ran.stdout);
    let events = ran.stdout.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let ends: Vec<_> = events.filter(|event| event["event"] == "step_finished").collect();
    let end = |step: &str| ends.iter().find(|end| end["step"] == step).expect("each step ends")["outcome"].clone();
    assert_eq!(end("publish d")["outcome"], "succeeded");
    let failure = end("query d")["failure"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(failure.contains("it took longer than its `timeout` of 1 s"), "{failure}");
    let history = served.get("/api/2.0/sql/history/queries?max_results=100").1;
    let left = history["res"].as_array().expect("a list").iter().filter(|query| query["is_final"] != true).count();
    assert_eq!(left, 0, "nothing runs on: {history}");
}

#[test]
fn a_figure_that_falls_too_far_is_not_published() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    project.replace(
        "jobs.yaml",
        "  sql/best: {tags: [board]}\n",
        "  sql/best: {tags: [board]}\n  sql/totals: {tests: [{change: {\"sum(total)\": {down: 20%}}}, {change: {\"count(*)\": 60%}}]}\n",
    );
    // There is nothing to compare the first version with.
    assert_eq!(kiln(&project, &served, &[]).status, 0);
    let totals = || served.sql("SELECT sum(total), count(*) FROM main.tiny.totals");
    assert_eq!(totals(), json!([["34.75", "2"]]));
    // Without bob's 20.00 it falls by 57.6 %, and the rows by half, which is allowed.
    served.sql("UPDATE main.shop_public.orders SET _fivetran_deleted = true WHERE customer = 'bob'");
    let ran = kiln(&project, &served, &[]);
    assert_eq!(ran.status, 4, "{}", ran.stdout);
    assert!(ran.stdout.contains("change of sum(total) down by at most 20 %"), "{}", ran.stdout);
    assert!(ran.stdout.contains("14.75") && ran.stdout.contains("34.75"), "it shows both: {}", ran.stdout);
    assert!(!ran.stdout.contains("\"test\":\"change of count(*)"), "{}", ran.stdout);
    assert_eq!(totals(), json!([["34.75", "2"]]), "readers keep what they had");
    // Up it may go as far as it likes.
    served.sql("UPDATE main.shop_public.orders SET _fivetran_deleted = false, amount = amount * 10");
    assert_eq!(kiln(&project, &served, &[]).status, 0);
    assert_eq!(totals(), json!([["347.50", "2"]]));
    // A figure of a column that the version before has not is compared from the next run on.
    project.replace("sql/totals.sql", "AS total,", "AS total, avg(amount) AS mean,");
    project.replace("jobs.yaml", "{change: {\"count(*)\": 60%}}", "{change: {\"sum(mean)\": 1%}}");
    assert_eq!(kiln(&project, &served, &[]).status, 0);
    served.sql("UPDATE main.shop_public.orders SET amount = amount * 1.1");
    let ran = kiln(&project, &served, &[]);
    assert!(ran.stdout.contains("change of sum(mean) by at most 1 %"), "{}", ran.stdout);
    project.replace("jobs.yaml", "1%", "one");
    project.kiln(&["check"]).fails_with(1, &["`one` is no share", "Write `20%`"]);
}
