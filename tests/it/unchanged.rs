//! Nothing for nothing: what is built already, from the same, is not built again; and all that is built reads one version of
//! the sources.

use crate::support::{Project, TINY_JOBS, kiln_at};

/// How a run reported each build: the lines of the terminal that tell of builds.
fn builds(stderr: &str) -> Vec<String> {
    let lines = stderr.lines().filter(|line| line.contains(" build ") && !line.starts_with(' '));
    lines.map(|line| line.split_whitespace().skip(2).collect::<Vec<_>>().join(" ")).collect()
}

/// Runs the project's job, which must succeed, and tells which models were built anew.
fn built(project: &Project, args: &[&str]) -> Vec<String> {
    let ran = project.kiln(&[&["sync-and-refresh"], args].concat());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let mut built: Vec<String> = builds(&ran.stderr)
        .into_iter()
        .filter(|line| !line.ends_with("unchanged"))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    built.sort();
    built
}

/// The tiny project with one row in its table, and a table over that.
fn chain() -> Project {
    let project = Project::tiny();
    project.write("sql/totals.sql", "SELECT count(*) AS n, sum(amount) AS amount FROM stg_orders\n");
    project.write("sql/twice.sql", "SELECT n * 2 AS n FROM totals\n");
    project
}

#[test]
fn a_second_run_over_the_same_data_builds_nothing() {
    let project = chain();
    let all = built(&project, &[]);
    assert!(all.contains(&"stg_orders".to_owned()) && all.contains(&"twice".to_owned()), "{all:?}");
    let files = project.snapshot();
    assert_eq!(built(&project, &[]), Vec::<String>::new());
    let tables = |files: &std::collections::BTreeMap<std::path::PathBuf, u64>| {
        files
            .keys()
            .filter(|path| {
                path.extension().is_some_and(|e| e == "parquet") && !path.to_string_lossy().contains("_kiln_runs")
            })
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(tables(&files), tables(&project.snapshot()), "no file of data is new");
    assert_eq!(built(&project, &["--force"]), all);
}

#[test]
fn new_rows_build_what_rests_on_them_and_a_changed_model_what_rests_on_it() {
    let project = chain();
    let all = built(&project, &[]);
    project.write("data/orders.csv", "id,customer,amount\n1,ann,10.50\n2,bob,20.00\n3,ann,4.25\n4,cid,1.00\n");
    let tables: Vec<String> = all.iter().filter(|name| *name != "stg_orders").cloned().collect();
    assert_eq!(built(&project, &[]), tables, "the view is as it was");
    project.write("sql/twice.sql", "SELECT n * 2 AS n, 1 AS one FROM totals\n");
    assert_eq!(built(&project, &[]), ["twice"]);
    project.write("sql/totals.sql", "SELECT count(*) + 0 AS n, sum(amount) AS amount FROM stg_orders\n");
    assert_eq!(built(&project, &[]), ["totals", "twice"]);
}

#[test]
fn what_depends_on_the_time_is_built_each_time_and_so_is_what_rests_on_it() {
    let project = chain();
    project.write("sql/totals.sql", "SELECT count(*) AS n, current_date() AS day FROM stg_orders\n");
    built(&project, &[]);
    assert_eq!(built(&project, &[]), ["totals", "twice"]);
}

#[test]
fn another_test_has_the_rows_looked_at_again() {
    let project = chain();
    built(&project, &[]);
    let tested = "models:\n  sql/twice: {materialized: table, tests: [{expression: \"n > 100\"}]}\n";
    project.write("jobs.yaml", &TINY_JOBS.replace("models:\n", tested));
    let ran = project.kiln(&["sync-and-refresh"]);
    ran.fails_with(4, &["the new rows fail `expression n > 100`"]);
    // What was published is still of the older tests: it is tried again.
    project.kiln(&["sync-and-refresh"]).fails_with(4, &["the new rows fail `expression n > 100`"]);
}

#[test]
fn a_table_built_from_an_older_version_is_not_taken_for_fresh() {
    let project = chain();
    built(&project, &[]);
    // Rows arrive, and a job builds only the end of the chain: it still rests on the old rows below it.
    project.write("data/orders.csv", "id,customer,amount\n1,ann,10.50\n");
    let jobs = TINY_JOBS.replace("jobs:\n", "jobs:\n  end: {steps: [{sync: shop}, {build: sql/twice}]}\n");
    project.write("jobs.yaml", &jobs);
    assert_eq!(built(&project, &["end"]), Vec::<String>::new());
    assert!(built(&project, &["daily"]).contains(&"twice".to_owned()));
}

#[test]
fn all_tables_of_a_run_read_the_sources_at_one_version_also_through_views() {
    let project = chain();
    project.write("sql/direct.sql", "SELECT o.id\nFROM shop_public.orders AS o;\n-- the end\n");
    project.write("sql/staging/stg_known.sql", "SELECT * FROM stg_orders WHERE customer IS NOT NULL -- known\n");
    project.write("sql/known.sql", "WITH k AS (SELECT * FROM stg_known)\nSELECT count(*) AS n FROM k\n");
    let served = project.serve(&[]);
    project.point_at(&served);
    let ran = kiln_at(&project, &served, &["sync-and-refresh"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let (_, history) = served.get("/api/2.0/sql/history/queries?max_results=999");
    let queries: Vec<&str> =
        history["res"].as_array().unwrap().iter().filter_map(|q| q["query_text"].as_str()).collect();
    let version = served.version("main.shop_public.orders");
    let version = version.as_str().expect("it is a number");
    for model in ["totals", "direct", "known"] {
        let made = queries.iter().find(|sql| sql.starts_with(&format!("CREATE OR REPLACE TABLE main.tiny.{model}\n")));
        let made = made.unwrap_or_else(|| panic!("{model} is made: {queries:#?}"));
        assert!(made.contains(&format!("shop_public.orders VERSION AS OF {version}")), "{made}");
    }
    let view = queries.iter().find(|sql| sql.contains("VIEW main.tiny.stg_orders")).expect("the view is made");
    assert!(!view.contains("VERSION"), "a view shows what is there when it is read: {view}");
    let known = served.sql("SELECT n FROM main.tiny.known");
    assert_eq!(known[0][0], "3");
}

#[test]
fn an_error_is_found_in_the_template_though_versions_and_views_are_written_into_the_statement() {
    let project = chain();
    project.write("sql/totals.sql", "SELECT count(*) AS n,\n  1 AS amount FROM stg_orders JOIN shop_public.orders USING (id) WHERE no_such_function(1)\n");
    let ran = project.kiln(&["sync-and-refresh"]);
    ran.fails_with(3, &["sql/totals.sql:2:"]);
}
