//! Wrong input, through the binary: a clear message with its place, a fitting exit status, and tables as they were.

use crate::support::Project;

#[test]
fn a_folder_without_a_project_says_what_is_missing() {
    Project::empty().kiln(&["sync-and-refresh"]).fails_with(1, &["jobs.yaml"]);
}

#[test]
fn malformed_yaml_is_shown_at_its_line() {
    let project = Project::tiny();
    project.write("jobs.yaml", "version: 1\nproject: [unclosed\n");
    project.kiln(&["check"]).fails_with(1, &["jobs.yaml:2"]);
}

#[test]
fn an_unknown_key_is_refused_with_a_suggestion() {
    let project = Project::tiny();
    project.replace("jobs.yaml", "schema_prefix:", "schema_prefx:");
    project.kiln(&["check"]).fails_with(1, &["schema_prefx", "schema_prefix", "jobs.yaml:8"]);
}

#[test]
fn an_undefined_variable_is_shown_at_its_place_in_the_template() {
    let project = Project::tiny();
    project.write("sql/totals.sql", "SELECT customer\nFROM stg_orders\nLIMIT {{ limit }}\n");
    project.kiln(&["check"]).fails_with(1, &["`limit`", "sql/totals.sql:3:10"]);
}

#[test]
fn a_template_error_is_shown_at_its_place() {
    let project = Project::tiny();
    project.write("sql/totals.sql", "SELECT customer\nFROM stg_orders\n{% if true %}\n");
    project.kiln(&["check"]).fails_with(1, &["sql/totals.sql:"]);
}

#[test]
fn an_sql_syntax_error_is_shown_at_its_place() {
    let project = Project::tiny();
    project.write("sql/totals.sql", "SELECT customer,,\nFROM stg_orders\n");
    project.kiln(&["check"]).fails_with(1, &["sql/totals.sql:1:17"]);
}

#[test]
fn an_unknown_table_is_refused_with_a_suggestion() {
    let project = Project::tiny();
    project.replace("sql/totals.sql", "FROM stg_orders", "FROM stg_order");
    project.kiln(&["check"]).fails_with(1, &["stg_order", "`stg_orders`", "sql/totals.sql:2:6"]);
}

#[test]
fn an_unknown_column_is_refused_with_a_suggestion() {
    let project = Project::tiny();
    project.replace("sql/totals.sql", "sum(amount)", "sum(amout)");
    project.kiln(&["check"]).fails_with(1, &["amout", "`amount`", "sql/totals.sql:1:22"]);
}

#[test]
fn models_that_read_each_other_are_shown_as_a_circle() {
    let project = Project::tiny();
    project.write("sql/a.sql", "SELECT x FROM b\n");
    project.write("sql/b.sql", "SELECT x FROM a\n");
    project.kiln(&["check"]).fails_with(1, &["`a` reads `b` reads `a`", "sql/a.sql:1:15"]);
}

#[test]
fn an_unknown_job_or_environment_is_refused_with_a_suggestion() {
    let project = Project::tiny();
    project.kiln(&["sync-and-refresh", "dayly"]).fails_with(1, &["dayly", "`daily`"]);
    project.kiln(&["check", "--env", "locla"]).fails_with(1, &["locla", "local"]);
}

#[test]
fn usage_mistakes_exit_with_two() {
    Project::tiny().kiln(&["sync-and-refresh", "--no-such-flag"]).fails_with(2, &["--no-such-flag"]);
}

#[test]
fn a_missing_data_file_is_shown_where_it_is_named() {
    let project = Project::tiny();
    std::fs::remove_file(project.path().join("data/orders.csv")).unwrap();
    project.kiln(&["sync-and-refresh"]).fails_with(1, &["data/orders.csv", "jobs.yaml:10:43"]);
}

#[test]
fn a_wrong_type_in_the_data_is_shown_at_its_line_and_leaves_the_tables() {
    let project = Project::tiny();
    let _ = project.sync_and_refresh();
    let before = project.snapshot();
    project.write("data/orders.csv", "id,customer,amount\n1,ann,10.50\n2,bob,much\n");
    project.kiln(&["sync-and-refresh"]).fails_with(5, &["orders.csv:3", "amount", "much", "DECIMAL(12,2)"]);
    assert_eq!(project.snapshot(), before, "a failed sync must leave every table as it was");
}

#[test]
fn a_broken_parquet_file_is_stale_and_names_the_file() {
    let project = Project::tiny();
    project.write("data/orders.parquet", "this is no parquet");
    project.replace("jobs.yaml", "data/orders.csv", "data/orders.parquet");
    project.kiln(&["sync-and-refresh"]).fails_with(5, &["orders.parquet"]);
}

#[test]
fn a_statement_that_fails_is_shown_at_its_line_in_the_template_and_leaves_the_table() {
    let project = Project::tiny();
    let _ = project.sync_and_refresh();
    let before = project.snapshot();
    project.replace("sql/totals.sql", "SELECT customer,", "SELECT CAST(customer AS INT) AS customer,");
    project.kiln(&["sync-and-refresh"]).fails_with(3, &["CAST_INVALID_INPUT", "sql/totals.sql"]);
    assert_eq!(project.snapshot(), before, "a failed statement must leave every table as it was");
}

#[test]
fn a_damaged_data_folder_is_named_and_left_alone() {
    let project = Project::tiny();
    let _ = project.sync_and_refresh();
    let log = project.find("shop_public/orders/_delta_log/00000000000000000000.json");
    std::fs::write(&log, "{ this is not json\n").unwrap();
    let ran = project.kiln(&["sync-and-refresh"]);
    assert!([3, 5, 6].contains(&ran.status), "{ran:?}");
    assert!(ran.stderr.contains("orders"), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "{ this is not json\n");
}

#[test]
fn a_data_folder_that_cannot_be_written_is_refused() {
    let project = Project::tiny();
    // A file where the folder should be: refused to every user, also to root.
    project.write(".kiln", "");
    project.kiln(&["sync-and-refresh"]).fails_with(6, &[".kiln"]);
}

#[test]
fn a_second_kiln_on_the_same_folder_is_refused_while_the_first_goes_on() {
    let project = Project::tiny();
    let server = project.serve(&[]);
    project.kiln(&["sync-and-refresh"]).fails_with(6, &["in use", &server.pid().to_string()]);
    drop(server);
    let _ = project.sync_and_refresh();
}
