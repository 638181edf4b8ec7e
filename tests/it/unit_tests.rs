//! `kiln test`: what a model makes of given rows, without any workspace.

use serde_json::Value;

use crate::support::Project;

fn with_unit_tests(file: &str) -> Project {
    let project = Project::tiny();
    project.write("tests/totals.yaml", file);
    project.write("jobs.yaml", &(project.read("jobs.yaml") + "unit_tests: [tests]\n"));
    project
}

const GOOD: &str = "
tests:
  amounts are summed by customer:
    given:
      stg_orders:
        - {id: 1, customer: ann, amount: 10.50}
        - {id: 2, customer: ann, amount: 4.25}
        - {id: 3, customer: bob, amount: 20}
    expect:
      - {customer: bob, total: 20.00, orders: 1}
      - {customer: ann, total: 14.75, orders: 2}
  nothing comes of nothing:
    given: {stg_orders: []}
    expect: []
";

#[test]
fn a_model_is_tested_on_given_rows() {
    let project = with_unit_tests(GOOD);
    let ran = project.kiln(&["test"]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("✓ totals: amounts are summed by customer"), "{}", ran.stdout);
    assert!(ran.stderr.contains("2 unit tests passed"), "{}", ran.stderr);
    assert!(!project.path().join(".kiln").exists(), "it leaves nothing behind");

    project.replace("sql/totals.sql", "sum(amount)", "max(amount)");
    let ran = project.kiln(&["test", "totals"]);
    ran.fails_with(4, &["1 of 2 unit tests failed"]);
    for line in [
        "✗ totals: amounts are summed by customer",
        "1 row missing (-), 1 row not expected (+) (tests/totals.yaml:3:3)",
        "-  ann       14.75  2",
        "+  ann       10.50  2",
    ] {
        assert!(ran.stdout.contains(line), "{line:?} is not in\n{}", ran.stdout);
    }
    let ran = project.kiln(&["test", "--output", "json"]);
    let failed: Value = serde_json::from_str(ran.stdout.lines().next().expect("a line")).expect("it is JSON");
    assert_eq!(failed["missing"], serde_json::json!([{"customer": "ann", "total": "14.75", "orders": "2"}]));
    let ran = project.kiln(&["test", "--output", "github"]);
    assert!(
        ran.stdout.contains("::error file=tests/totals.yaml,line=3,col=3::totals: amounts are summed"),
        "{}",
        ran.stdout
    );
    let ran = project.kiln(&["test", "stg_orders"]);
    assert_eq!(ran.status, 0, "it has no tests: {}", ran.stderr);
    project.kiln(&["test", "total"]).fails_with(1, &["`total` means no model", "Did you mean `totals`?"]);
}

#[test]
fn sources_clocks_and_variables_are_given_too() {
    let project = with_unit_tests(
        "
model: stg_orders
tests:
  deleted rows are left out:
    given:
      shop_public.orders:
        - {id: 1, customer: ann, amount: 1}
        - {id: 2, customer: bob, amount: 2, _fivetran_deleted: true}
    expect: [{id: 1}]
  the clock says when:
    now: 2026-11-01T06:00:00+01:00
    given: {shop_public.orders: [{id: 1}]}
    expect: [{id: 1, at: 2026-11-01 05:00:00, least: 5}]
  a variable says how much:
    variables: {least: 7}
    given: {shop_public.orders: [{id: 1}]}
    expect: [{id: 1, least: 7}]
",
    );
    project.replace(
        "sql/staging/stg_orders.sql",
        "amount\n",
        "amount, current_timestamp() AS at, {{ least }} AS least\n",
    );
    project.replace("jobs.yaml", "project: tiny\n", "project: tiny\nvariables: {least: 5}\n");
    let ran = project.kiln(&["test"]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("3 unit tests passed"), "{}", ran.stderr);
}

#[test]
fn what_is_wrong_with_a_unit_test_is_said_by_check() {
    let project = with_unit_tests(
        "
tests:
  a:
    given: {stg_order: [], stg_orders: [{costumer: ann, id: [1]}]}
    expect: [{customer: ann, totl: 3}]
",
    );
    project.kiln(&["check"]).fails_with(1, &["the value of `id` must be a single value", "tests/totals.yaml:4:61"]);
    project.replace("tests/totals.yaml", ", id: [1]", "");
    project.kiln(&["check"]).fails_with(
        1,
        &[
            "`totals` does not read `stg_order`",
            "Did you mean `stg_orders`?",
            "`stg_orders` has no column `costumer`",
            "Did you mean `customer`?",
            "`totals` has no column `totl`",
            "Did you mean `total`?",
        ],
    );
    project.write("tests/totals.yaml", "model: nothing\ntests: {a: {expect: [], now: soon}}\n");
    project.kiln(&["check"]).fails_with(1, &["`soon` is no moment"]);
    project.write("tests/totals.yaml", "model: totls\ntests: {a: {expect: []}}\n");
    project.kiln(&["check"]).fails_with(1, &["there is no model `totls` to test", "Did you mean `totals`?"]);
}

#[test]
fn an_incremental_model_is_tested_with_the_rows_that_it_has() {
    let project = with_unit_tests(
        "
tests:
  only newer rows come:
    given:
      this: [{id: 1}, {id: 2}]
      stg_orders: [{id: 2}, {id: 3}]
    expect: [{id: 3}]
  all rows come to an empty table:
    given:
      stg_orders: [{id: 2}, {id: 3}]
    expect: [{id: 2}, {id: 3}]
",
    );
    project.write(
        "sql/totals.sql",
        "SELECT id FROM stg_orders\n{% if incremental %}WHERE id > (SELECT max(id) FROM {{ this }}){% endif %}\n",
    );
    project.replace(
        "jobs.yaml",
        "  sql/staging: {materialized: view}\n",
        "  sql/staging: {materialized: view}\n  sql/totals: {materialized: incremental, strategy: append}\n",
    );
    let ran = project.kiln(&["test"]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn the_flagships_unit_tests_pass() {
    let project = Project::flagship(10);
    let ran = project.kiln(&["test"]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("9 unit tests passed"), "{}", ran.stderr);
}
