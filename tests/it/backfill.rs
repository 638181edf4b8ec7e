//! Backfills: windows of time built again come to the same as the whole table, also where they are broken off.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::killer::{Killer, Moment};
use crate::support::{Project, Served, kiln_at};

const JOBS: &str = "\
version: 1
project: tiny
environments:
  local: {workspace: local, catalog: main, schema: tiny, default: true}
sources:
  raw: {tables: {events: {columns: {id: BIGINT, day: DATE, amount: INT}}}}
models:
  sql/daily: {materialized: incremental, time_column: day, lookback: 2d, tests: [{unique: day}, {expression: n > 0}]}
  sql/plain: {materialized: table}
  sql/after: {materialized: table}
jobs:
  daily: {steps: [{build: sql/**}]}
";

fn project_at(url: &str, schema: &str) -> Project {
    let project = Project::empty();
    project.write("jobs.yaml", JOBS);
    project.point_to(url, schema);
    project.write("sql/daily.sql", "SELECT day, count(*) AS n, sum(amount) AS amount FROM raw.events GROUP BY day\n");
    project.write("sql/plain.sql", "SELECT 1 AS one\n");
    project.write("sql/after.sql", "SELECT sum(n) AS n, sum(amount) AS amount FROM daily\n");
    project
}

/// What the source holds: day in the year 2024, and amount.
type Rows = Vec<(u64, u64)>;

/// Numbers that look random and are the same each time.
fn dice(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

fn insert(served: &Served, rows: &[(u64, u64)]) {
    let values = rows.iter().map(|(day, amount)| format!("(1L, date_add(DATE'2024-01-01', {day}), {amount})"));
    served.sql(&format!("INSERT INTO main.raw.events VALUES {}", values.collect::<Vec<_>>().join(", ")));
}

fn source(served: &Served) {
    served.sql("CREATE SCHEMA IF NOT EXISTS main.raw");
    served.sql("CREATE OR REPLACE TABLE main.raw.events (id BIGINT, day DATE, amount INT)");
}

/// What a build as a whole comes to, by arithmetic: for each day of `within` the number of rows and their sum.
fn whole(rows: &Rows, within: std::ops::Range<u64>) -> Vec<Value> {
    let mut days: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for (day, amount) in rows.iter().filter(|(day, _)| within.contains(day)) {
        let sums = days.entry(*day).or_default();
        *sums = (sums.0 + 1, sums.1 + amount);
    }
    days.into_iter().map(|(day, (n, sum))| json!([day.to_string(), n.to_string(), sum.to_string()])).collect()
}

fn table(served: &Served, schema: &str) -> Value {
    served.sql(&format!("SELECT datediff(day, DATE'2024-01-01'), n, amount FROM main.{schema}.daily ORDER BY day"))
}

#[track_caller]
fn run(project: &Project, served: &Served, args: &[&str]) -> String {
    let ran = kiln_at(project, served, args);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    ran.stderr
}

#[test]
fn a_backfill_of_the_whole_range_is_a_build_as_a_whole() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    for (seed, batch) in [(1u64, "day"), (2, "week"), (3, "month")] {
        let schema = format!("by_{batch}");
        let project = project_at(&served.url, &schema);
        source(&served);
        let mut state = seed;
        let mut rows: Rows = (0..40).map(|_| (dice(&mut state, 20), dice(&mut state, 100))).collect();
        insert(&served, &rows);
        run(&project, &served, &["sync-and-refresh"]);
        assert_eq!(table(&served, &schema), json!(whole(&rows, 0..366)));
        // Rows come later than the lookback, which the next run does not see.
        let late: Rows = (0..10).map(|_| (dice(&mut state, 15), dice(&mut state, 100))).collect();
        insert(&served, &late);
        rows.extend(late);
        run(&project, &served, &["sync-and-refresh"]);
        assert_ne!(table(&served, &schema), json!(whole(&rows, 0..366)), "otherwise this shows nothing");

        // 2024-01-21 is the 20th day after the first.
        let range = ["--from", "2023-12-30", "--to", "2024-01-21", "--batch", batch];
        let said = run(&project, &served, &[&["backfill", "daily"][..], &range].concat());
        let windows = match batch {
            "day" => 22,
            "week" => 4,
            _ => 2,
        };
        assert_eq!(said.matches("replaced, 2 tests passed").count(), windows, "{said}");
        assert_eq!(table(&served, &schema), json!(whole(&rows, 0..366)));
        // What reads it is built again by the next run, and then all is as if nothing had been.
        run(&project, &served, &["sync-and-refresh"]);
        let sums = (rows.len().to_string(), rows.iter().map(|(_, amount)| amount).sum::<u64>().to_string());
        assert_eq!(served.sql(&format!("SELECT n, amount FROM main.{schema}.after")), json!([[sums.0, sums.1]]));
        let again = run(&project, &served, &["sync-and-refresh"]);
        assert_eq!(again.matches("unchanged").count(), 3, "{again}");
        let undone = run(&project, &served, &["rollback"]);
        assert!(undone.contains("goes back to version"), "{undone}");
    }
}

#[test]
fn a_table_that_is_not_there_is_filled_window_by_window() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project_at(&served.url, "fresh");
    source(&served);
    let rows: Rows = vec![(0, 10), (0, 5), (31, 7), (45, 1), (60, 2)];
    insert(&served, &rows);
    run(&project, &served, &["backfill", "daily", "--from", "2024-01-01", "--to", "2024-02-15"]);
    // Days 0 to 44; the windows end where they were told to.
    assert_eq!(table(&served, "fresh"), json!(whole(&rows, 0..45)));
    // The next run takes in what is newer, and what is built by now stays.
    run(&project, &served, &["sync-and-refresh"]);
    assert_eq!(table(&served, "fresh"), json!(whole(&rows, 0..366)));
}

#[test]
fn what_cannot_be_built_by_windows_is_refused_with_the_reason() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project_at(&served.url, "refused");
    source(&served);
    insert(&served, &[(0, 1)]);
    let refused = |args: &[&str], texts: &[&str]| {
        let ran = kiln_at(&project, &served, &[&["backfill"], args].concat());
        ran.fails_with(2, texts);
    };
    let range = ["--from", "2024-01-01", "--to", "2024-02-01"];
    refused(&[&["dayly"], &range[..]].concat(), &["there is no model `dayly`", "Did you mean `daily`?"]);
    refused(&[&["plain"], &range[..]].concat(), &["has no windows of time", "`time_column`"]);
    refused(&["daily", "--from", "2024-02-01", "--to", "2024-02-01"], &["holds no day"]);
    refused(&["daily", "--from", "2020-01-01", "--to", "2024-02-01", "--batch", "day"], &["more than 1000 windows"]);
    refused(&["daily", "--from", "yesterday", "--to", "2024-02-01"], &["invalid value 'yesterday'"]);
    run(&project, &served, &["sync-and-refresh"]);
    project.replace("sql/daily.sql", "count(*)", "count(day)");
    refused(&[&["daily"], &range[..]].concat(), &["has changed", "kiln sync-and-refresh --select daily"]);
}

#[test]
fn a_window_that_fails_its_tests_stays_as_it_was_and_the_rest_waits() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project_at(&served.url, "failing");
    project.replace("jobs.yaml", "{expression: n > 0}", "{expression: amount < 1000}");
    source(&served);
    insert(&served, &[(0, 1), (31, 1), (60, 1)]);
    run(&project, &served, &["sync-and-refresh"]);
    insert(&served, &[(0, 2), (31, 2_000), (60, 2)]);
    let failed = kiln_at(&project, &served, &["backfill", "daily", "--from", "2024-01-01", "--to", "2024-04-01"]);
    failed.fails_with(4, &["1 row fails `expression amount < 1000`", "backfill daily 2024-03-01", "skipped"]);
    assert_eq!(table(&served, "failing"), json!([["0", "2", "3"], ["31", "1", "1"], ["60", "1", "1"]]));
}

#[test]
fn a_backfill_killed_at_any_request_goes_on_from_there() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let killer = Killer::before(&served);
    source(&served);
    let rows: Rows = vec![(0, 1), (3, 2), (33, 4), (70, 8)];
    insert(&served, &rows);
    let backfill = ["backfill", "daily", "--from", "2024-01-01", "--to", "2024-03-15"];
    let requests = {
        let project = project_at(&killer.url, "counted");
        let (ran, requests) = killer.run(&project, &served.token, &backfill, None);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        requests
    };
    let (mut resumed, mut kept) = (0, 0);
    // A prime step reaches every phase of a window.
    for n in (1..=requests).step_by(3) {
        let moment = if n % 2 == 0 { Moment::Before } else { Moment::After };
        let schema = format!("at_{n}");
        let project = project_at(&killer.url, &schema);
        let (killed, _) = killer.run(&project, &served.token, &backfill, Some((n, moment)));
        if killed.status == 0 {
            continue;
        }
        let (mut again, _) = killer.run(&project, &served.token, &["resume"], None);
        let begun = again.status == 0 && !again.stderr.contains("has succeeded");
        resumed += usize::from(begun);
        if !begun {
            again = killer.run(&project, &served.token, &backfill, None).0;
        }
        let said = format!("{n} {moment:?}:\n{}\n{}{}", killed.stderr, again.stdout, again.stderr);
        assert_eq!(again.status, 0, "{said}");
        assert_eq!(table(&served, &schema), json!(whole(&rows, 0..74)), "{said}");
        // A window that was done before is not done again.
        let done = |said: &str| said.lines().filter(|l| l.starts_with("✓ backfill")).count();
        kept += done(&killed.stderr);
        if begun {
            assert!(done(&killed.stderr) <= done(&again.stderr), "what stands is told again: {said}");
        }
        let left = served.sql(&format!("SHOW TABLES IN main.{schema} LIKE '_kiln_new*|_kiln_lock'"));
        assert_eq!(left, json!([]), "{said}");
    }
    assert!(resumed >= 8 && kept >= 3, "only {resumed} were resumed, with {kept} windows done before");
}
