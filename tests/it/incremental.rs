//! Incremental models: the same table as if it were built as a whole, whatever arrives, and however late.

use serde_json::json;

use crate::support::killer::{Killer, Moment};
use crate::support::{Project, Served, kiln_at};

/// A project whose source is a table that the test itself writes.
const JOBS: &str = "\
version: 1
project: tiny
environments:
  local: {workspace: local, catalog: main, schema: tiny, default: true}
sources:
  raw: {tables: {events: {columns: {id: BIGINT, day: DATE, amount: INT, changed: TIMESTAMP, deleted: BOOLEAN}}}}
models:
  sql: {materialized: table}
  sql/merged: {materialized: incremental, unique_key: [id], soft_delete: deleted, tests: [{not_null: [id]}, {unique: id}]}
  sql/appended: {materialized: incremental, strategy: append, tests: [{row_count: {min: 1}}]}
  sql/daily: {materialized: incremental, time_column: day, lookback: 5d, tests: [{unique: day}, {expression: n > 0}]}
  sql/parts: {materialized: incremental, partition_by: [day, kind], tests: [{unique: [day, kind]}]}
jobs:
  daily: {steps: [{build: sql/**}]}
";

fn project(served: &Served) -> Project {
    let project = files();
    project.point_at(served);
    project
}

fn files() -> Project {
    let project = Project::empty();
    project.write("jobs.yaml", JOBS);
    project.write(
        "sql/merged.sql",
        "SELECT id, day, amount, changed, deleted FROM raw.events\n{% if incremental %}\n\
         WHERE changed >= (SELECT max(changed) - INTERVAL 3 DAYS FROM {{ this }})\n{% endif %}\n",
    );
    project.write(
        "sql/appended.sql",
        "SELECT id, day FROM raw.events\n{% if incremental %}WHERE id > (SELECT max(id) FROM {{ this }}){% endif %}\n",
    );
    project.write(
        "sql/daily.sql",
        "SELECT day, count(*) AS n, sum(amount) AS amount FROM raw.events WHERE NOT deleted GROUP BY day\n",
    );
    // Of each partition in which something has changed, all rows: also deleted ones, so that none is ever without rows.
    project.write(
        "sql/parts.sql",
        "SELECT e.day, e.id % 2 AS kind, count_if(NOT e.deleted) AS n, max(e.changed) AS changed,\n  \
         sum(if(e.deleted, 0, e.amount)) AS amount\nFROM raw.events AS e\n{% if incremental %}\n\
         LEFT SEMI JOIN (\n  SELECT day, id % 2 AS kind FROM raw.events\n  \
         WHERE changed >= (SELECT max(changed) - INTERVAL 3 DAYS FROM {{ this }})\n\
         ) AS touched ON e.day = touched.day AND e.id % 2 = touched.kind\n{% endif %}\nGROUP BY e.day, e.id % 2\n",
    );
    project.write("sql/after.sql", "SELECT count(*) AS n, sum(amount) AS amount FROM merged\n");
    project
}

#[track_caller]
fn run(project: &Project, served: &Served, args: &[&str]) -> String {
    let ran = kiln_at(project, served, &[&["sync-and-refresh"], args].concat());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    ran.stderr
}

/// Makes the source's table, with two rows.
fn source(served: &Served) {
    served.sql("CREATE SCHEMA main.raw");
    served.sql(
        "CREATE TABLE main.raw.events AS SELECT * FROM VALUES \
         (1L, DATE'2026-01-01', 10, TIMESTAMP'2026-01-01 08:00:00', false), \
         (2L, DATE'2026-01-02', 20, TIMESTAMP'2026-01-02 08:00:00', false) AS t(id, day, amount, changed, deleted)",
    );
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// A row of the source, as the test itself knows it.
#[derive(Clone, Debug)]
struct Event {
    day: u64,
    amount: u64,
    deleted: bool,
}

#[test]
fn whatever_arrives_the_table_is_as_if_it_were_built_as_a_whole() {
    for seed in 1..=3 {
        let server = Project::tiny();
        let served = server.serve(&[]);
        source(&served);
        let project = project(&served);
        run(&project, &served, &[]);
        let mut dice = Dice(seed);
        let event = |day, amount| Event { day, amount, deleted: false };
        let mut events = vec![event(1, 10), event(2, 20)];
        for today in 3..9 {
            arrive(&served, &mut events, today, &mut dice);
            let said = run(&project, &served, &[]);
            assert!(said.contains("merged") && said.contains("replaced"), "{said}");
            compare(&served, &events, &format!("seed {seed}, day {today}"));
        }
        assert!(run(&project, &served, &[]).matches("unchanged").count() == 5, "nothing new");
        run(&project, &served, &["--full-refresh"]);
        compare(&served, &events, &format!("seed {seed}, in the end"));
    }
}

/// Lets new, late, changed and deleted rows arrive: late ones by up to two days, changes to rows of the last four.
fn arrive(served: &Served, events: &mut Vec<Event>, today: u64, dice: &mut Dice) {
    let mut rows: Vec<String> = Vec::new();
    let row = |id: usize, event: &Event, late: u64| {
        let (Event { day, amount, deleted }, changed) = (event, today - late);
        format!("({id}L, DATE'2026-01-{day:02}', {amount}, TIMESTAMP'2026-01-{changed:02} 08:00:00', {deleted})")
    };
    for (i, event) in events.iter_mut().enumerate() {
        if event.day + 4 <= today || dice.below(3) > 0 {
            continue;
        }
        event.amount = dice.below(100);
        event.deleted = dice.below(3) == 0;
        rows.push(row(i + 1, event, dice.below(3)));
    }
    for _ in 0..dice.below(5) {
        let late = dice.below(3);
        let event = Event { day: today - late, amount: dice.below(100), deleted: dice.below(5) == 0 };
        events.push(event.clone());
        rows.push(row(events.len(), &event, late));
    }
    if rows.is_empty() {
        let event = Event { day: today, amount: 1, deleted: false };
        events.push(event.clone());
        rows.push(row(events.len(), &event, 0));
    }
    let rows = rows.join(", ");
    served.sql(&format!(
        "MERGE INTO main.raw.events AS t USING (SELECT * FROM VALUES {rows} AS v(id, day, amount, changed, deleted)) AS s \
         ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    ));
}

/// Compares the tables with what the test knows.
#[track_caller]
fn compare(served: &Served, events: &[Event], when: &str) {
    let live = || events.iter().enumerate().filter(|(_, event)| !event.deleted);
    let merged: Vec<_> = live().map(|(i, e)| json!([(i + 1).to_string(), e.amount.to_string()])).collect();
    assert_eq!(served.sql("SELECT id, amount FROM main.tiny.merged ORDER BY id"), json!(merged), "{when}");
    let appended: Vec<_> = (1..=events.len()).map(|id| json!([id.to_string()])).collect();
    assert_eq!(served.sql("SELECT id FROM main.tiny.appended ORDER BY id"), json!(appended), "{when}");
    let days: std::collections::BTreeSet<u64> = live().map(|(_, event)| event.day).collect();
    let daily: Vec<_> = days
        .iter()
        .map(|day| {
            let of_day = || live().filter(|(_, event)| event.day == *day);
            let amount: u64 = of_day().map(|(_, event)| event.amount).sum();
            json!([format!("2026-01-{day:02}"), of_day().count().to_string(), amount.to_string()])
        })
        .collect();
    assert_eq!(served.sql("SELECT * FROM main.tiny.daily ORDER BY day"), json!(daily), "{when}");
    let mut kinds = std::collections::BTreeMap::<(u64, usize), (u64, u64)>::new();
    for (i, event) in events.iter().enumerate() {
        let (n, amount) = kinds.entry((event.day, (i + 1) % 2)).or_default();
        *n += u64::from(!event.deleted);
        *amount += if event.deleted { 0 } else { event.amount };
    }
    let parts: Vec<_> = kinds
        .iter()
        .map(|((day, kind), (n, amount))| {
            json!([format!("2026-01-{day:02}"), kind.to_string(), n.to_string(), amount.to_string()])
        })
        .collect();
    let found = served.sql("SELECT day, kind, n, amount FROM main.tiny.parts ORDER BY day, kind");
    assert_eq!(found, json!(parts), "{when}");
    let amount: u64 = live().map(|(_, event)| event.amount).sum();
    let after = json!([[live().count().to_string(), amount.to_string()]]);
    assert_eq!(served.sql("SELECT n, amount FROM main.tiny.after"), after, "{when}: what rests on it");
}

#[test]
fn an_increment_killed_at_any_request_is_taken_in_once() {
    let requests = {
        let server = Project::tiny();
        let served = server.serve(&[]);
        source(&served);
        let killer = Killer::before(&served);
        let project = project_at(&killer.url, "whole");
        let _ = killer.run(&project, &served.token, &RUN, None);
        add_row(&served, 3);
        killer.run(&project, &served.token, &RUN, None).1
    };
    let moments: Vec<_> =
        (1..=requests).flat_map(|n| [Moment::Before, Moment::After].map(|moment| (n, moment))).collect();
    let resumed: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|i| moments.iter().skip(i).step_by(8).copied().collect::<Vec<_>>())
            .map(|moments| scope.spawn(|| kill_at(moments)))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("all of its moments passed")).sum()
    });
    assert!(resumed >= 40, "only {resumed} runs were resumed");
}

const RUN: [&str; 3] = ["sync-and-refresh", "--concurrency", "1"];

fn project_at(url: &str, schema: &str) -> Project {
    let project = files();
    project.point_to(url, schema);
    project
}

fn add_row(served: &Served, id: usize) {
    served.sql(&format!(
        "INSERT INTO main.raw.events VALUES ({id}, DATE'2026-01-03', 5, TIMESTAMP'2026-01-03 08:00:00', false)"
    ));
}

/// Kills runs that have something to take in at some of their requests, and resumes them; returns how many could be.
fn kill_at(moments: Vec<(usize, Moment)>) -> usize {
    let server = Project::tiny();
    let served = server.serve(&[]);
    source(&served);
    let killer = Killer::before(&served);
    let mut resumed = 0;
    for (i, (n, moment)) in moments.into_iter().enumerate() {
        let schema = format!("at_{n}_{}", if moment == Moment::Before { "before" } else { "after" });
        let project = project_at(&killer.url, &schema);
        let (whole, _) = killer.run(&project, &served.token, &RUN, None);
        assert_eq!(whole.status, 0, "{}", whole.stderr);
        add_row(&served, i + 3);
        let (killed, _) = killer.run(&project, &served.token, &RUN, Some((n, moment)));
        if killed.status == 0 {
            continue;
        }
        let (mut again, _) = killer.run(&project, &served.token, &["resume"], None);
        let begun = again.status == 0 && !again.stderr.contains("has succeeded");
        resumed += usize::from(begun);
        if !begun {
            again = killer.run(&project, &served.token, &RUN, None).0;
        }
        let said = format!("{n} {moment:?}:\n{}{}", again.stdout, again.stderr);
        assert_eq!(again.status, 0, "{said}");
        let ids: Vec<_> = (1..i + 4).map(|id| json!([id.to_string()])).collect();
        for table in ["merged", "appended"] {
            let found = served.sql(&format!("SELECT id FROM main.{schema}.{table} ORDER BY id"));
            assert_eq!(found, json!(ids), "{table}, {said}");
        }
        let daily = served.sql(&format!("SELECT n FROM main.{schema}.daily ORDER BY day"));
        assert_eq!(daily, json!([["1"], ["1"], [(i + 1).to_string()]]), "{said}");
        let left = served.sql(&format!("SHOW TABLES IN main.{schema} LIKE '_kiln_new*|_kiln_lock'"));
        assert_eq!(left, json!([]), "{said}");
    }
    resumed
}

#[test]
fn new_rows_that_fail_a_test_are_not_taken_in() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    source(&served);
    let project = project(&served);
    run(&project, &served, &[]);
    let before = served.sql("SELECT * FROM main.tiny.merged ORDER BY id");
    served.sql("INSERT INTO main.raw.events VALUES (NULL, DATE'2026-01-03', 5, TIMESTAMP'2026-01-03 08:00:00', false)");
    kiln_at(&project, &served, &["sync-and-refresh"])
        .fails_with(4, &["1 row fails `not_null id`", "main.tiny.merged is as it was", "_kiln_new_merged"]);
    assert_eq!(served.sql("SELECT * FROM main.tiny.merged ORDER BY id"), before);
    served.sql("DELETE FROM main.raw.events WHERE id IS NULL");
    served.sql(
        "INSERT INTO main.raw.events VALUES (7, DATE'2026-01-03', 5, TIMESTAMP'2026-01-03 08:00:00', false), \
         (7, DATE'2026-01-03', 6, TIMESTAMP'2026-01-03 08:00:00', false)",
    );
    let twice = kiln_at(&project, &served, &["sync-and-refresh"]);
    twice.fails_with(4, &["1 row fails `unique_key id`", "7   2"]);
    assert_eq!(served.sql("SELECT * FROM main.tiny.merged ORDER BY id"), before);
    served.sql("DELETE FROM main.raw.events WHERE amount = 6");
    run(&project, &served, &[]);
    assert_eq!(served.sql("SELECT count(*) FROM main.tiny.merged"), json!([["3"]]));
    let left = served.sql("SELECT table_name FROM main.information_schema.tables WHERE table_name LIKE '%kiln_new%'");
    assert_eq!(left, json!([]), "nothing is left aside");
}

#[test]
fn new_rows_replace_the_partitions_that_they_touch_and_no_others() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    source(&served);
    let project = project(&served);
    // Says of the newest day alone that it has changed.
    project.write(
        "sql/parts.sql",
        "SELECT day, id % 2 AS kind, amount FROM raw.events\n\
         {% if incremental %}WHERE day = (SELECT max(day) FROM raw.events){% endif %}\n",
    );
    project.replace(
        "jobs.yaml",
        "partition_by: [day, kind], tests: [{unique: [day, kind]}]",
        "partition_by: [day, kind]",
    );
    run(&project, &served, &[]);
    let rows = || served.sql("SELECT day, kind, amount FROM main.tiny.parts ORDER BY day, kind, amount");
    assert_eq!(rows(), json!([["2026-01-01", "1", "10"], ["2026-01-02", "0", "20"]]));
    served.sql(
        "MERGE INTO main.raw.events AS t USING (SELECT * FROM VALUES \
         (1L, DATE'2026-01-01', 99, TIMESTAMP'2026-01-02 09:00:00', false), \
         (2L, DATE'2026-01-02', 21, TIMESTAMP'2026-01-02 09:00:00', false), \
         (4L, DATE'2026-01-02', 22, TIMESTAMP'2026-01-02 09:00:00', false), \
         (5L, DATE'2026-01-02', 23, TIMESTAMP'2026-01-02 09:00:00', false) AS v(id, day, amount, changed, deleted)) AS s \
         ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
    );
    let said = run(&project, &served, &[]);
    assert!(said.contains("replaced, 1 test passed"), "{said}");
    let expected = json!([
        ["2026-01-01", "1", "10"],
        ["2026-01-02", "0", "21"],
        ["2026-01-02", "0", "22"],
        ["2026-01-02", "1", "23"]
    ]);
    assert_eq!(rows(), expected, "the first day has changed too, but nobody said so");
    let commits = served.sql("DESCRIBE HISTORY main.tiny.parts LIMIT 2");
    let operations: Vec<_> = commits.as_array().unwrap().iter().map(|commit| commit[4].clone()).collect();
    assert_eq!(operations, ["SET TBLPROPERTIES", "WRITE"], "one commit takes the rows in, and its mark follows");
    // A row without a partition would replace none, and be there once more after each run.
    served.sql("INSERT INTO main.raw.events VALUES (NULL, DATE'2026-01-02', 5, TIMESTAMP'2026-01-03 08:00:00', false)");
    project.write("sql/merged.sql", "SELECT * FROM raw.events WHERE id IS NOT NULL\n");
    kiln_at(&project, &served, &["sync-and-refresh"])
        .fails_with(4, &["1 row fails `partition_by day, kind`", "main.tiny.parts is as it was"]);
    assert_eq!(rows(), expected);
}

#[test]
fn other_columns_are_dealt_with_as_declared() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    source(&served);
    let project = project(&served);
    // Columns that the project does not know come and go.
    project.replace(
        "jobs.yaml",
        "{events: {columns: {id: BIGINT, day: DATE, amount: INT, changed: TIMESTAMP, deleted: BOOLEAN}}}",
        "{events: }",
    );
    project.write(
        "sql/merged.sql",
        "SELECT * FROM raw.events\n{% if incremental %}WHERE changed >= (SELECT max(changed) FROM {{ this }}){% endif %}\n",
    );
    run(&project, &served, &[]);
    served.sql("ALTER TABLE main.raw.events ADD COLUMNS (channel STRING)");
    served.sql(
        "INSERT INTO main.raw.events VALUES (3, DATE'2026-01-03', 5, TIMESTAMP'2026-01-03 08:00:00', false, 'web')",
    );
    kiln_at(&project, &served, &["sync-and-refresh"])
        .fails_with(3, &["the new rows have `channel` besides", "--full-refresh", "`on_schema_change`"]);
    assert_eq!(served.sql("SELECT count(*) FROM main.tiny.merged"), json!([["2"]]));
    project.replace(
        "jobs.yaml",
        "soft_delete: deleted, tests",
        "soft_delete: deleted, on_schema_change: append, tests",
    );
    run(&project, &served, &[]);
    let rows = served.sql("SELECT id, channel FROM main.tiny.merged ORDER BY id");
    assert_eq!(rows, json!([["1", null], ["2", null], ["3", "web"]]));
    project.replace("jobs.yaml", "on_schema_change: append", "on_schema_change: rebuild");
    served.sql("CREATE OR REPLACE TABLE main.raw.events AS SELECT id, day, amount, changed, deleted, 'shop' AS place FROM main.raw.events");
    let said = run(&project, &served, &[]);
    assert!(said.contains("✓ build merged"), "{said}");
    assert_eq!(served.sql("SELECT DISTINCT place FROM main.tiny.merged"), json!([["shop"]]));
}

#[test]
fn a_column_that_is_missing_or_of_another_type_is_never_appended() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    source(&served);
    let project = project(&served);
    project.replace(
        "jobs.yaml",
        "{events: {columns: {id: BIGINT, day: DATE, amount: INT, changed: TIMESTAMP, deleted: BOOLEAN}}}",
        "{events: }",
    );
    project.replace(
        "jobs.yaml",
        "soft_delete: deleted, tests",
        "soft_delete: deleted, on_schema_change: append, tests",
    );
    project.write(
        "sql/merged.sql",
        "SELECT * FROM raw.events\n{% if incremental %}WHERE changed >= (SELECT max(changed) FROM {{ this }}){% endif %}\n",
    );
    served.sql("ALTER TABLE main.raw.events ADD COLUMNS (channel STRING)");
    run(&project, &served, &[]);
    let state = || (served.sql("SELECT * FROM main.tiny.merged ORDER BY id"), served.version("main.tiny.merged"));
    let before = state();
    let newer = "TIMESTAMP'2026-01-03 08:00:00'";
    let replace = |columns: &str| {
        served.sql(&format!(
            "CREATE OR REPLACE TABLE main.raw.events AS SELECT {columns} FROM VALUES \
             (1L, DATE'2026-01-01', 10, {newer}, false, 'web') AS t(id, day, amount, changed, deleted, channel)"
        ));
    };
    replace("id, day, amount, changed, deleted");
    kiln_at(&project, &served, &["sync-and-refresh", "--select", "merged"])
        .fails_with(3, &["the new rows lack `channel`", "--full-refresh", "main.tiny.merged is as it was"]);
    assert_eq!(state(), before);
    replace("id, day, CAST(amount AS STRING) AS amount, changed, deleted, channel");
    kiln_at(&project, &served, &["sync-and-refresh", "--select", "merged"])
        .fails_with(3, &["the new rows have `amount` as STRING instead of INT", "main.tiny.merged is as it was"]);
    assert_eq!(state(), before);
    // Both at once: the type has the last word.
    replace("id, day, CAST(amount AS BIGINT) AS amount, changed, deleted, channel, 'x' AS more");
    kiln_at(&project, &served, &["sync-and-refresh", "--select", "merged"])
        .fails_with(3, &["the new rows have `amount` as BIGINT instead of INT"]);
    assert_eq!(state(), before);
    project.replace("jobs.yaml", "on_schema_change: append", "on_schema_change: rebuild");
    run(&project, &served, &["--select", "merged"]);
    let rebuilt = served.sql("SELECT id, typeof(amount), more FROM main.tiny.merged");
    assert_eq!(rebuilt, json!([["1", "bigint", "x"]]));
}

#[test]
fn another_query_builds_the_table_as_a_whole() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    source(&served);
    let project = project(&served);
    run(&project, &served, &[]);
    project.replace("sql/merged.sql", "id, day, amount, changed", "id, day, 2 * amount AS amount, changed");
    let said = run(&project, &served, &[]);
    assert!(said.contains("build merged") && !said.contains("merged\n"), "{said}");
    assert_eq!(served.sql("SELECT sum(amount) FROM main.tiny.merged"), json!([["60"]]));
    // A table that somebody emptied takes in everything.
    served.sql("DELETE FROM main.tiny.daily");
    served.sql("INSERT INTO main.raw.events VALUES (3, DATE'2025-01-03', 5, TIMESTAMP'2026-01-03 08:00:00', false)");
    run(&project, &served, &[]);
    assert_eq!(served.sql("SELECT count(*) FROM main.tiny.daily"), json!([["3"]]));
}

#[test]
fn mistakes_are_found_before_anything_is_sent() {
    let project = Project::empty();
    let check = |settings: &str, sql: &str, texts: &[&str]| {
        project.write("jobs.yaml", &JOBS.replace("  sql/merged: {materialized: incremental, unique_key: [id], soft_delete: deleted, tests: [{not_null: [id]}, {unique: id}]}\n  sql/appended: {materialized: incremental, strategy: append, tests: [{row_count: {min: 1}}]}\n  sql/daily: {materialized: incremental, time_column: day, lookback: 5d, tests: [{unique: day}, {expression: n > 0}]}\n  sql/parts: {materialized: incremental, partition_by: [day, kind], tests: [{unique: [day, kind]}]}\n", &format!("  sql/m: {{{settings}}}\n")));
        project.write("sql/m.sql", sql);
        project.kiln(&["check"]).fails_with(1, texts);
    };
    let sql = "SELECT id, day FROM raw.events";
    check("materialized: incremental", sql, &["needs to know how it takes in rows", "`unique_key: [column]`"]);
    check("materialized: incremental, strategy: mrge", sql, &["`strategy` cannot be `mrge`", "Did you mean `merge`?"]);
    check("materialized: incremental, strategy: merge", sql, &["the strategy `merge` needs `unique_key`"]);
    check(
        "materialized: incremental, strategy: append, lookback: 1d",
        sql,
        &["`lookback` means nothing to the strategy"],
    );
    check("materialized: incremental, unique_key: [idd]", sql, &["has the key `idd`", "Did you mean `id`?"]);
    check("materialized: incremental, time_column: dy", sql, &["has the time `dy`", "Did you mean `day`?"]);
    check("materialized: incremental, partition_by: [dy]", sql, &["has partitions of `dy`", "Did you mean `day`?"]);
    check(
        "materialized: incremental, strategy: insert_overwrite",
        sql,
        &["the strategy `insert_overwrite` needs `time_column` or `partition_by`"],
    );
    check(
        "materialized: incremental, time_column: day, partition_by: [id]",
        sql,
        &["`time_column` and `partition_by` both say what is replaced", "Keep `time_column`"],
    );
    check(
        "materialized: incremental, partition_by: [day], lookback: 2d",
        sql,
        &["`lookback` goes with `time_column`: by `partition_by`, the query says what is new"],
    );
    check(
        "materialized: incremental, partition_by: [day], unique_key: [id], strategy: merge",
        sql,
        &["`partition_by` means nothing to the strategy `merge`"],
    );
    check(
        "materialized: incremental, partition_by: [day], soft_delete: gone",
        sql,
        &["`soft_delete` means nothing to the strategy `insert_overwrite`"],
    );
    check("materialized: table, partition_by: [id]", sql, &["goes with `materialized: incremental`", "jobs.yaml:"]);
    check("materialized: table, unique_key: [id]", sql, &["goes with `materialized: incremental`", "jobs.yaml:"]);
    check(
        "materialized: incremental, unique_key: [id], on_schema_change: ignore",
        sql,
        &["one of `fail`, `append` and `rebuild`"],
    );
    let other = "SELECT id{% if incremental %}, day{% endif %} FROM raw.events";
    check("materialized: incremental, unique_key: [id]", other, &["returns other columns where `incremental` is true"]);
    let wrong = "SELECT id FROM raw.events {% if incremental %}WHERE dy > (SELECT max(id) FROM {{ this }}){% endif %}";
    check("materialized: incremental, unique_key: [id]", wrong, &["`dy`", "sql/m.sql:1:"]);
    let circle = "SELECT id FROM raw.events WHERE id > (SELECT max(id) FROM {{ this }})";
    check("materialized: table", circle, &["in a circle"]);
}
