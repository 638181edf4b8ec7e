//! Data tests: what must hold of a model's rows before anybody reads them.

use serde_json::{Value, json};

use crate::support::{Project, Served, kiln_at};

/// Puts tests on the table `totals` of a tiny project.
fn with_tests(tests: &str) -> Project {
    let project = Project::tiny();
    project.replace(
        "jobs.yaml",
        "  sql/staging: {materialized: view}\n",
        &format!("  sql/staging: {{materialized: view}}\n  sql/totals: {{tests: {tests}}}\n"),
    );
    project
}

fn run(project: &Project, served: &Served, args: &[&str]) -> crate::support::Ran {
    kiln_at(project, served, &[&["sync-and-refresh"], args].concat())
}

#[test]
fn rows_that_fail_a_test_are_never_read() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = with_tests("[{not_null: customer}, {expression: total < 100}, {row_count: {min: 2}}]");
    project.point_at(&served);
    project.write("sql/after.sql", "SELECT sum(total) AS total FROM totals\n");
    let ran = run(&project, &served, &[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("table, 2 rows, 3 tests passed") || ran.stderr.contains("table, 3 tests passed"),
        "{}",
        ran.stderr
    );
    let good = json!([["ann", "14.75", "2"], ["bob", "20.00", "1"]]);
    assert_eq!(served.sql("SELECT * FROM main.tiny.totals ORDER BY customer"), good);

    project.replace("sql/totals.sql", "sum(amount)", "10 * sum(amount)");
    let ran = run(&project, &served, &[]);
    ran.fails_with(
        4,
        &[
            "✗ build totals",
            "tests failed",
            "build totals: 2 rows fail `expression total < 100`",
            "ann       147.50",
            "main.tiny.totals is as it was",
            "- build after",
            "data tests failed, and what they guard is as it was",
        ],
    );
    assert!(!ran.stderr.contains("fail `not_null"), "{}", ran.stderr);
    assert_eq!(served.sql("SELECT * FROM main.tiny.totals ORDER BY customer"), good, "readers keep the old rows");
    assert_eq!(served.sql("SELECT total FROM main.tiny.after"), json!([["34.75"]]));
    assert_eq!(
        served.sql("SELECT max(total) FROM main.tiny._kiln_new_totals"),
        json!([["200.00"]]),
        "the new ones can be looked at"
    );

    // As events: the test, how many rows, and some of them.
    let ran = run(&project, &served, &["--output", "json"]);
    let events: Vec<Value> = ran.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let failed = events.iter().find(|event| event["event"] == "test_failed").expect("it is told");
    assert_eq!(
        (&failed["test"], &failed["failing"], &failed["warns"]),
        (&json!("expression total < 100"), &json!(2), &json!(false))
    );
    assert_eq!(failed["sample"]["rows"].as_array().map(Vec::len), Some(2));

    project.replace("jobs.yaml", "{expression: total < 100}", "{expression: total < 1000}");
    let ran = run(&project, &served, &[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(served.sql("SELECT total FROM main.tiny.after"), json!([["347.50"]]));
    let tables = served.sql("SHOW TABLES IN main.tiny").to_string();
    assert!(!tables.contains("_kiln_new"), "what was published is cleared: {tables}");
}

#[test]
fn every_kind_of_test_finds_what_it_is_for() {
    // Each with the number of rows that fail it, of: ann 10.50, bob 20.00, ann 4.25, in orders of no customer's table.
    for (test, failing) in [
        ("{not_null: [customer, nothing]}", 3),
        ("{unique: customer}", 1),
        ("{accepted_values: {customer: [bob, eve]}}", 1),
        ("{accepted_values: {id: [1, 2]}}", 1),
        ("{relationships: {customer: names.name}}", 1),
        ("{expression: \"amount > 5 -- at least\"}", 1),
        ("{row_count: {min: 1, max: 2}}", 1),
        ("{freshness: {day: 2 days}}", 1),
        ("{no_rows: tests/large.sql}", 2),
    ] {
        let project = Project::tiny();
        project.write("sql/names.sql", "SELECT 'bob' AS name\n");
        project.write(
            "sql/checked.sql",
            "SELECT *, CAST(NULL AS STRING) AS nothing, DATE'2026-01-01' AS day FROM stg_orders\n",
        );
        project.write("tests/large.sql", "-- Orders of more than {{ project }} allows.\nWITH large AS (SELECT * FROM checked WHERE amount > 10)\nSELECT * FROM large -- all\n");
        project.replace(
            "jobs.yaml",
            "  sql/staging: {materialized: view}\n",
            &format!("  sql/staging: {{materialized: view}}\n  sql/checked: {{tests: [{test}]}}\n"),
        );
        let ran = project.kiln(&["sync-and-refresh", "--output", "json"]);
        assert_eq!(ran.status, 4, "{test}: {}{}", ran.stdout, ran.stderr);
        let failed = ran.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let failed: Vec<Value> = failed.filter(|event| event["event"] == "test_failed").collect();
        assert_eq!(failed.len(), 1, "{test}");
        assert_eq!(failed[0]["failing"], failing, "{test}");
        // The same, as a warning, publishes and says so.
        project.replace("jobs.yaml", &format!("[{test}]"), &format!("[{}, severity: warn}}]", &test[..test.len() - 1]));
        let ran = project.kiln(&["sync-and-refresh"]);
        assert_eq!(ran.status, 0, "{test}: {}", ran.stderr);
        assert!(ran.stderr.contains("warning: build checked"), "{test}: {}", ran.stderr);
    }
}

#[test]
fn tests_of_views_guard_them_too() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = Project::tiny();
    project.point_at(&served);
    project.replace(
        "jobs.yaml",
        "  sql/staging: {materialized: view}\n",
        "  sql/staging: {materialized: view, tests: [{expression: amount > 1}]}\n",
    );
    assert_eq!(run(&project, &served, &[]).status, 0);
    project.replace(
        "sql/staging/stg_orders.sql",
        "SELECT id, customer, amount",
        "SELECT id, customer, amount - 4 AS amount",
    );
    run(&project, &served, &[]).fails_with(4, &["✗ build stg_orders", "1 row fails `expression amount > 1`"]);
    assert_eq!(served.sql("SELECT min(amount) FROM main.tiny.stg_orders"), json!([["4.25"]]));
    // The kind of thing can change under tests.
    project.replace("sql/staging/stg_orders.sql", "amount - 4 AS amount", "amount");
    project.replace("jobs.yaml", "  sql/staging: {materialized: view,", "  sql/staging: {materialized: table,");
    let ran = run(&project, &served, &[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
}

#[test]
fn mistakes_in_tests_are_found_without_a_workspace() {
    for (test, expected) in [
        ("{not_null: custmer}", "Did you mean `customer`?"),
        ("{not_null: []}", "names no column"),
        ("{unique: customer, not_null: customer}", "a test says exactly one thing"),
        ("{severity: warn}", "a test says exactly one thing"),
        ("{uniqe: customer}", "Did you mean `unique`?"),
        ("{unique: customer, severity: warning}", "there is no severity `warning`"),
        ("{accepted_values: {customer: [], total: [1]}}", "is about exactly one column"),
        ("{accepted_values: {customer: []}}", "no value is accepted"),
        ("{relationships: {customer: names}}", "names no column of a table"),
        ("{relationships: {customer: nobody.name}}", "nobody"),
        ("{relationships: {customer: after.customer}}", "reads `after`, which is built from `totals`"),
        ("{expression: \"total >\"}", "jobs.yaml"),
        ("{expression: \"totl > 1\"}", "Did you mean `total`?"),
        ("{row_count: {}}", "neither `min` nor `max`"),
        ("{row_count: {min: -1}}", "a whole number from 0 on"),
        ("{freshness: {customer: soon}}", "`soon` is no age"),
        ("{no_rows: tests/none.sql}", "tests/none.sql"),
    ] {
        let project = with_tests(&format!("[{test}]"));
        project.write("sql/after.sql", "SELECT customer FROM totals\n");
        project.kiln(&["check"]).fails_with(1, &[expected, "jobs.yaml:"]);
    }
}

#[test]
fn one_statement_counts_for_all_tests_of_a_model() {
    let statements = |tests: &str| {
        let server = Project::tiny();
        let served = server.serve(&[]);
        let project = with_tests(tests);
        project.point_at(&served);
        let ran = run(&project, &served, &[]);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let (_, page) = served.get("/api/2.0/sql/history/queries?max_results=999");
        let queries = page["res"].as_array().expect("it is a list").clone();
        let of_step = queries.iter().filter(|query| {
            let tags = query["query_tags"].as_array().expect("kiln marks its statements");
            tags.contains(&json!({"key": "kiln_step", "value": "build totals"}))
        });
        let mut texts: Vec<String> = of_step.map(|query| query["query_text"].as_str().unwrap().to_owned()).collect();
        texts.reverse();
        texts
    };
    let one = statements("[{not_null: customer}]");
    let seven = statements(
        "[{not_null: [customer, total, orders]}, {unique: customer}, {unique: [customer, total]}, {expression: total > 0}, \
         {row_count: {min: 1, max: 100}}, {accepted_values: {customer: [ann, bob]}}, {relationships: {customer: \
         stg_orders.customer}}]",
    );
    let verbs = |texts: &[String]| -> Vec<String> {
        texts.iter().map(|text| text.split_whitespace().next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(verbs(&one), ["CREATE", "WITH", "CREATE", "DROP"], "{one:#?}");
    assert_eq!(verbs(&seven), verbs(&one), "{seven:#?}");
    assert_eq!(seven[1].matches(" AS failing FROM").count(), 7, "{}", seven[1]);
}
