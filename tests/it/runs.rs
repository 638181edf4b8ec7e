//! The history of runs, and undoing them.

use serde_json::{Value, json};

use crate::support::killer::{Killer, Moment};
use crate::support::{Project, Ran, Served, kiln_at};

#[track_caller]
fn run(project: &Project, served: &Served, args: &[&str]) -> Ran {
    let ran = kiln_at(project, served, args);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    ran
}

#[track_caller]
fn lines(project: &Project, served: &Served, args: &[&str]) -> Vec<Value> {
    let ran = run(project, served, &[args, &["--output", "json"]].concat());
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

/// A served project with a view and a table.
fn begin() -> (Project, Served) {
    let project = Project::tiny();
    let served = project.serve(&[]);
    project.point_at(&served);
    (project, served)
}

#[test]
fn runs_are_listed_with_what_they_did() {
    let (project, served) = begin();
    let none = run(&project, &served, &["runs"]);
    assert!(none.stderr.contains("no run of `tiny` has been carried out in `prod`"), "{}", none.stderr);
    let _ = run(&project, &served, &["sync-and-refresh"]);
    let _ = run(&project, &served, &["sync-and-refresh"]);
    project
        .write("sql/wrong.sql", "SELECT CAST(raise_error(concat('it''s wrong ', customer)) AS INT) AS x FROM totals\n");
    project.write("sql/later.sql", "SELECT x FROM wrong\n");
    kiln_at(&project, &served, &["sync-and-refresh"]).fails_with(3, &["it's wrong"]);

    let runs = lines(&project, &served, &["runs"]);
    let told: Vec<_> = runs
        .iter()
        .map(|r| json!([r["act"], r["result"], r["steps"], r["unchanged"], r["not_done"], r["run_by"]]))
        .collect();
    let act = "sync-and-refresh daily";
    assert_eq!(
        json!(told),
        json!([
            [act, "failed", 7, 2, 2, "me@localhost"],
            [act, "succeeded", 5, 2, 0, "me@localhost"],
            [act, "succeeded", 5, 0, 0, "me@localhost"],
        ])
    );
    assert_eq!(lines(&project, &served, &["runs", "--limit", "1"]).len(), 1);
    let steps = lines(&project, &served, &["runs", "show", runs[0]["run"].as_str().unwrap()]);
    let step = |name: &str| steps.iter().find(|step| step["step"] == name).expect("it is there").clone();
    assert_eq!(step("build later")["summary"], "it needs build wrong");
    assert!(step("build wrong")["summary"].as_str().unwrap().contains("it's wrong"), "{steps:?}");
    assert!(step("build wrong")["statement_id"].is_string());
    let text = run(&project, &served, &["runs"]).stdout;
    assert!(text.starts_with("run ") && text.contains("sync-and-refresh daily  failed "), "{text}");
    kiln_at(&project, &served, &["runs", "show", "20200101T000000000Z-000000"]).fails_with(2, &["knows no run"]);
    // A whole run is one statement more.
    let inserts = served.sql("DESCRIBE HISTORY main.tiny._kiln_runs").as_array().map(Vec::len);
    assert_eq!(inserts, Some(4), "one that made the table, and one for each run");
}

#[test]
fn a_run_that_died_is_not_said_to_go_on() {
    let (project, served) = begin();
    let way = Killer::before(&served);
    project.replace("jobs.yaml", &served.url, &way.url);
    let (whole, requests) = way.run(&project, &served.token, &["sync-and-refresh"], None);
    assert_eq!(whole.status, 0, "{}", whole.stderr);
    let (_, _) =
        way.run(&project, &served.token, &["sync-and-refresh", "--force"], Some((requests / 2, Moment::Before)));
    let (again, _) = way.run(&project, &served.token, &["runs", "--output", "json"], None);
    let runs: Vec<Value> = again.stdout.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    let told: Vec<_> = runs.iter().map(|run| json!([run["act"], run["result"], run["run_by"]])).collect();
    let act = "sync-and-refresh daily";
    assert_eq!(
        json!(told),
        json!([[act, "interrupted", "me@localhost"], [act, "succeeded", "me@localhost"]]),
        "{}",
        again.stderr
    );
    let dead = runs[0]["run"].as_str().expect("it has an id");
    kiln_at(&project, &served, &["runs", "show", dead]).fails_with(2, &["has written nothing into", "events.jsonl"]);
    let _ = run(&project, &served, &["resume"]);
    assert_eq!(lines(&project, &served, &["runs"])[0]["result"], "succeeded");

    // One that has rows in the workspace, whose journal is gone with its machine.
    served.sql(&format!("UPDATE main.tiny._kiln_runs SET run_result = 'running' WHERE run = '{dead}'"));
    let result = || lines(&project, &served, &["runs"])[0]["result"].clone();
    assert_eq!(result(), "interrupted", "nobody holds the lock");
    served.sql(&format!("CREATE TABLE main.tiny._kiln_lock (x INT) TBLPROPERTIES ('kiln.lock.run' = '{dead}')"));
    assert_eq!(result(), "interrupted", "its journal is here, and nobody writes it");
    std::fs::remove_dir_all(project.path().join(".kiln/runs")).expect("it is there");
    assert_eq!(result(), "running", "as far as can be told from here");
}

#[test]
fn a_run_is_rolled_back_and_that_again() {
    let (project, served) = begin();
    project.replace(
        "jobs.yaml",
        "  sql/staging: {materialized: view}\n",
        "  sql/staging: {materialized: view}\n  sql/rows: {materialized: incremental, unique_key: [id]}\n  \
         sql/totals: {tests: [{row_count: {max: 3}}]}\n",
    );
    project.write(
        "sql/rows.sql",
        "SELECT id, amount FROM shop_public.orders WHERE NOT coalesce(_fivetran_deleted, false)\n",
    );
    let state = || {
        (
            served.sql("SELECT customer, total FROM main.tiny.totals ORDER BY 1"),
            served.sql("SELECT id, amount FROM main.tiny.rows ORDER BY 1"),
        )
    };
    kiln_at(&project, &served, &["rollback"]).fails_with(2, &["no run has changed a table"]);
    let _ = run(&project, &served, &["sync-and-refresh"]);
    kiln_at(&project, &served, &["rollback"]).fails_with(2, &["no run has changed a table"]);
    let first = state();
    let orders = "id,customer,amount\n1,ann,11.50\n2,bob,20.00\n3,ann,4.25\n4,cid,1.00\n";
    project.write("data/orders.csv", orders);
    let _ = run(&project, &served, &["sync-and-refresh"]);
    let second = state();
    assert_eq!(second.0, json!([["ann", "15.75"], ["bob", "20.00"], ["cid", "1.00"]]));
    // A run whose rows were not taken in has nothing to undo.
    project.write("data/orders.csv", &format!("{orders}5,dan,2.00\n"));
    kiln_at(&project, &served, &["sync-and-refresh"]).fails_with(4, &["1 row fails `row_count"]);
    let runs = lines(&project, &served, &["runs"]);
    let id = |i: usize| runs[i]["run"].as_str().expect("it has an id").to_owned();
    // It did take in the rows of the other table, though.
    let _ = run(&project, &served, &["rollback", "--yes"]);
    assert_eq!(state(), second);

    kiln_at(&project, &served, &["rollback", &id(1)])
        .fails_with(2, &["has changed main.tiny.rows since", "--and-later"]);
    kiln_at(&project, &served, &["rollback", &id(2)]).fails_with(2, &["changed no table that was there before"]);
    kiln_at(&project, &served, &["rollback", "20260101T000000000Z-000000", "--and-later"])
        .fails_with(2, &["changed no table that was there before, or is unknown"]);
    let _ = run(&project, &served, &["rollback", &id(1), "--and-later"]);
    assert_eq!(state(), first);
    let undone = run(&project, &served, &["rollback"]);
    assert!(undone.stderr.contains("main.tiny.totals goes back to version"), "{}", undone.stderr);
    assert_eq!(state(), second, "a rollback is rolled back");
    let acts: Vec<_> = lines(&project, &served, &["runs"]).iter().map(|run| run["act"].clone()).collect();
    assert!(acts[0].as_str().unwrap().starts_with("rollback 2"), "{acts:?}");
}

#[test]
fn a_rollback_is_refused_as_a_whole_where_versions_are_gone() {
    let (project, served) = begin();
    project.replace(
        "jobs.yaml",
        "  sql/staging: {materialized: view}\n",
        "  sql/staging: {materialized: view}\n  sql/counts: {materialized: table}\n  sql/sums: {materialized: table}\n",
    );
    project.write("sql/counts.sql", "SELECT named_struct('n', count(*)) AS counted, 'x' AS word FROM stg_orders\n");
    project.write("sql/sums.sql", "SELECT customer, total FROM totals\n");
    let _ = run(&project, &served, &["sync-and-refresh"]);
    let orders = "id,customer,amount\n1,ann,11.50\n2,bob,20.00\n3,ann,4.25\n4,cid,1.00\n";
    project.write("data/orders.csv", orders);
    let _ = run(&project, &served, &["sync-and-refresh"]);
    // Of the first two, no files of old versions are left; the log still knows these versions.
    for table in ["totals", "counts"] {
        let retention = "'delta.deletedFileRetentionDuration' = 'interval 0 hours'";
        served.sql(&format!("ALTER TABLE main.tiny.{table} SET TBLPROPERTIES ({retention})"));
        served.sql(&format!("VACUUM main.tiny.{table} RETAIN 0 HOURS"));
    }
    let state = || {
        ["totals", "counts", "sums"].map(|table| {
            (served.version(&format!("main.tiny.{table}")), served.sql(&format!("SELECT * FROM main.tiny.{table}")))
        })
    };
    let before = state();
    let runs = lines(&project, &served, &["runs"]).len();
    kiln_at(&project, &served, &["rollback", "--yes"]).fails_with(
        2,
        &[
            "2 of 3 tables cannot be put back, so none was",
            "main.tiny.totals to version 0",
            "main.tiny.counts to version 0",
        ],
    );
    assert_eq!(state(), before);
    assert_eq!(lines(&project, &served, &["runs"]).len(), runs, "no run was begun");

    // A version that the log does not know, with what the workspace says of it.
    served.sql(
        "UPDATE main.tiny._kiln_runs SET version_before = 77 WHERE version_before = 0 AND table_name LIKE '%sums'",
    );
    kiln_at(&project, &served, &["rollback"])
        .fails_with(2, &["3 of 3 tables", "main.tiny.sums to version 77", "DELTA_VERSION_NOT_FOUND"]);
    assert_eq!(state(), before);

    served.sql("UPDATE main.tiny._kiln_runs SET version_before = NULL WHERE table_name NOT LIKE '%sums'");
    served.sql("UPDATE main.tiny._kiln_runs SET version_before = 0 WHERE version_before = 77");
    let _ = run(&project, &served, &["rollback"]);
    assert_eq!(served.sql("SELECT count(*) FROM main.tiny.sums"), json!([["2"]]), "the one whose version is there");
}

#[test]
fn what_a_step_read_is_told_by_the_query_history() {
    let (project, served) = begin();
    let first = run(&project, &served, &["sync-and-refresh", "--output", "json"]);
    let of = |table: &str| -> u64 {
        let (_, about) = served.get(&format!("/api/2.1/unity-catalog/tables/{table}"));
        let folder = about["storage_location"].as_str().expect("it lies somewhere").trim_start_matches("file://");
        let files = std::fs::read_dir(folder).expect("its folder is there").flatten();
        let data = files.filter(|file| file.path().extension().is_some_and(|end| end == "parquet"));
        data.map(|file| file.metadata().expect("it is there").len()).sum()
    };
    // What is read of the columns lies in the files, most of which tell about columns here.
    let most = of("main.shop_public.orders");
    let events = first.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("each line is JSON"));
    let read: Vec<Value> = events.filter(|event| event["event"] == "step_read").collect();
    let bytes =
        |step: &str| read.iter().find(|event| event["step"] == step).map(|event| event["bytes"].as_u64().unwrap());
    assert!(bytes("build totals").is_some_and(|bytes| bytes > 0 && bytes <= most), "{read:?} of {most}");
    assert_eq!(bytes("build stg_orders"), Some(0), "nothing is read to make a view");
    let run_id = lines(&project, &served, &["runs"])[0]["run"].as_str().unwrap().to_owned();
    let steps = lines(&project, &served, &["runs", "show", &run_id]);
    let totals = steps.iter().find(|step| step["step"] == "build totals").expect("it is there");
    assert_eq!(totals["bytes_read"].as_u64(), bytes("build totals"));
    let sync = steps.iter().find(|step| step["step"] == "sync shop").expect("it is there");
    assert_eq!(sync["bytes_read"], Value::Null, "nobody told");
}

#[test]
fn a_history_of_an_older_version_gets_the_columns_that_it_lacks() {
    let (project, served) = begin();
    let _ = run(&project, &served, &["sync-and-refresh"]);
    served.sql(
        "CREATE OR REPLACE TABLE main.tiny._kiln_runs AS \
         SELECT * EXCEPT (attempt, version_after, versions_read, bytes_written, queued_milliseconds) FROM main.tiny._kiln_runs",
    );
    let first = lines(&project, &served, &["runs"])[0]["run"].as_str().unwrap().to_owned();
    let shown = lines(&project, &served, &["runs", "show", &first]);
    assert_eq!(shown.len(), 5, "without these figures");
    assert!(shown.iter().all(|step| step["waited_milliseconds"].is_u64()), "with those that it has: {shown:?}");
    served.sql(
        "CREATE OR REPLACE TABLE main.tiny._kiln_runs AS \
         SELECT * EXCEPT (waited_milliseconds, rows_written, bytes_read) FROM main.tiny._kiln_runs",
    );
    assert_eq!(lines(&project, &served, &["runs", "show", &first]).len(), 5, "without those of both versions");
    let second = run(&project, &served, &["sync-and-refresh"]);
    assert!(!second.stderr.contains("warning"), "{}", second.stderr);
    let waited = "SELECT run, count(waited_milliseconds), count(*) FROM main.tiny._kiln_runs GROUP BY run ORDER BY run";
    let told = served.sql(waited);
    let counts: Vec<_> = told.as_array().unwrap().iter().map(|row| (row[1].clone(), row[2].clone())).collect();
    assert_eq!(counts, [(json!("0"), json!("5")), (json!("5"), json!("5"))]);
    let told = served.sql(
        "SELECT run, count(queued_milliseconds), count(attempt), count(versions_read) FROM main.tiny._kiln_runs GROUP BY run ORDER BY run",
    );
    assert_eq!(told.as_array().unwrap().iter().map(|row| row[1].clone()).collect::<Vec<_>>(), ["0", "5"]);
    assert_eq!(told[0][2], "0");
}

#[test]
fn versions_and_bytes_that_a_step_wrote_are_told() {
    let (project, served) = begin();
    project.replace(
        "jobs.yaml",
        "  sql/staging: {materialized: view}\n",
        "  sql/staging: {materialized: view}\n  sql/rows: {materialized: incremental, unique_key: [id]}\n  \
         sql/tested: {tests: [{row_count: {min: 1}}]}\n",
    );
    project.write(
        "sql/rows.sql",
        "SELECT id, amount FROM shop_public.orders WHERE NOT coalesce(_fivetran_deleted, false)\n",
    );
    project.write("sql/tested.sql", "SELECT customer, total FROM totals\n");
    let step_of = |run: &Value, step: &str| {
        let steps = lines(&project, &served, &["runs", "show", run["run"].as_str().unwrap()]);
        steps.iter().find(|told| told["step"] == step).expect("it is there").clone()
    };
    let newest = || lines(&project, &served, &["runs", "--limit", "1"])[0].clone();
    // What the workspace says of the version that this operation made last.
    let made = |table: &str, operation: &str| -> Value {
        let history = served.sql(&format!("DESCRIBE HISTORY main.tiny.{table}"));
        let commits = history.as_array().expect("it is a list");
        let commit = commits.iter().find(|commit| commit[4].as_str().is_some_and(|name| name.contains(operation)));
        let version = commit.unwrap_or_else(|| panic!("no {operation} in {history}"))[0].as_str().expect("a number");
        json!(version.parse::<u64>().expect("a number"))
    };
    let source =
        || -> Value { serde_json::from_str(served.version("main.shop_public.orders").as_str().unwrap()).unwrap() };

    let _ = run(&project, &served, &["sync-and-refresh"]);
    let first = newest();
    for table in ["totals", "rows", "tested"] {
        let told = step_of(&first, &format!("build {table}"));
        assert_eq!(told["version_after"], made(table, "CREATE"), "{told}");
        assert_eq!(told["attempt"], 1, "{told}");
    }
    let read = |told: &Value| told["versions_read"].as_str().map(|text| serde_json::from_str::<Value>(text).unwrap());
    let at = source();
    // Through the view, too.
    for step in ["build totals", "build rows"] {
        assert_eq!(read(&step_of(&first, step)), Some(json!({"main.shop_public.orders": at})), "{step}");
    }
    assert_eq!(read(&step_of(&first, "build tested")), None, "it reads a table of the project alone");
    let (_, about) = served.get("/api/2.1/unity-catalog/tables/main.tiny.totals");
    let folder = about["storage_location"].as_str().expect("it lies somewhere").trim_start_matches("file://");
    let files = std::fs::read_dir(folder).expect("its folder is there").flatten();
    let data = files.filter(|file| file.path().extension().is_some_and(|end| end == "parquet"));
    let size: u64 = data.map(|file| file.metadata().expect("it is there").len()).sum();
    assert_eq!(step_of(&first, "build totals")["bytes_written"], size);
    let view = step_of(&first, "build stg_orders");
    assert_eq!([&view["version_after"], &view["versions_read"]], [&Value::Null, &Value::Null], "a view has none");
    assert_eq!(view["bytes_written"], 0);
    for step in ["build totals", "build rows", "sync shop"] {
        let told = step_of(&first, step);
        assert!(told["queued_milliseconds"].as_u64() <= told["waited_milliseconds"].as_u64(), "{told}");
        assert!(told["queued_milliseconds"].is_u64(), "{told}");
    }

    project.write("data/orders.csv", "id,customer,amount\n1,ann,11.50\n2,bob,20.00\n3,ann,4.25\n4,cid,1.00\n");
    let _ = run(&project, &served, &["sync-and-refresh"]);
    let second = newest();
    assert_eq!(read(&step_of(&second, "build totals")), Some(json!({"main.shop_public.orders": source()})));
    assert_ne!(source(), at, "more has arrived");
    for (table, operation) in [("totals", "REPLACE"), ("tested", "REPLACE"), ("rows", "MERGE")] {
        let told = step_of(&second, &format!("build {table}"));
        assert_eq!(told["version_after"], made(table, operation), "{table}");
        assert!(told["version_before"].as_u64() < told["version_after"].as_u64(), "{told}");
    }
    let statements = || {
        let (_, page) = served.get("/api/2.0/sql/history/queries?max_results=999");
        let queries = page["res"].as_array().expect("it is a list").clone();
        queries
            .iter()
            .filter(|query| query["query_text"].as_str().is_some_and(|text| text.contains("(DESCRIBE HISTORY")))
            .count()
    };
    assert_eq!(statements(), 2, "one statement a run asks for all tables");

    let _ = run(&project, &served, &["sync-and-refresh"]);
    let third = newest();
    let unchanged = step_of(&third, "build totals");
    assert_eq!(unchanged["summary"], "unchanged");
    for figure in ["version_after", "attempt", "versions_read"] {
        assert_eq!(unchanged[figure], Value::Null, "{figure}");
    }
    assert_eq!(statements(), 2, "a run that wrote nothing asks for nothing");

    let _ = run(&project, &served, &["rollback"]);
    assert_eq!(step_of(&newest(), "restore totals")["version_after"], made("totals", "RESTORE"));
}

#[test]
fn a_statement_that_was_sent_twice_counts_twice() {
    let (project, served) = begin();
    let way = Killer::before(&served);
    project.replace("jobs.yaml", &served.url, &way.url);
    let force = ["sync-and-refresh", "--force", "--concurrency", "1"];
    let (whole, requests) = way.run(&project, &served.token, &force, None);
    assert_eq!(whole.status, 0, "{}", whole.stderr);
    let attempts = |n: usize, moment: Moment| {
        let (_, _) = way.run(&project, &served.token, &force, Some((n, moment)));
        let (again, _) = way.run(&project, &served.token, &["resume"], None);
        if again.status != 0 {
            return Value::Null;
        }
        let newest = "SELECT attempt FROM main.tiny._kiln_runs WHERE step = 'build totals' ORDER BY run DESC LIMIT 1";
        served.sql(newest)[0][0].clone()
    };
    // The request whose loss leaves it unknown whether the statement arrived: it had not, and is sent again.
    let lost = (1..=requests).rev().find(|n| attempts(*n, Moment::Before) == "2").expect("one of them sends it");
    assert_eq!(attempts(lost, Moment::After), "1", "it had arrived, and is found and awaited");
}

#[test]
fn a_run_says_from_which_commit_it_was() {
    let (project, served) = begin();
    let commits = || served.sql("SELECT DISTINCT git_commit FROM main.tiny._kiln_runs ORDER BY 1");
    let git = |args: &[&str]| {
        let who = ["-c", "user.name=me", "-c", "user.email=me@example.com", "-c", "commit.gpgsign=false"];
        let ran = std::process::Command::new("git").current_dir(project.path()).args(who).args(args).output();
        let ran = ran.expect("git is there");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).trim().to_owned()
    };
    let _ = run(&project, &served, &["sync-and-refresh"]);
    assert_eq!(commits(), json!([[null]]), "outside of a repository");
    git(&["init", "--quiet"]);
    git(&["add", "jobs.yaml", "sql", "data"]);
    git(&["commit", "--quiet", "-m", "first"]);
    let commit = git(&["rev-parse", "HEAD"]);
    let _ = run(&project, &served, &["sync-and-refresh"]);
    assert_eq!(commits(), json!([[null], [commit]]));
    project.write("sql/totals.sql", "SELECT customer, sum(amount) AS total FROM stg_orders GROUP BY customer\n");
    let _ = run(&project, &served, &["sync-and-refresh"]);
    assert_eq!(commits(), json!([[null], [commit], [format!("{commit}-dirty")]]));
}

#[test]
fn how_long_steps_took_is_known_from_the_workspace_where_no_journal_is() {
    let (project, served) = begin();
    project.write("sql/other.sql", "SELECT count(*) AS n FROM stg_orders\n");
    let args = ["sync-and-refresh", "--force", "--concurrency", "1", "-vv"];
    let unknown = "nobody knows how long the steps will take";
    let first = run(&project, &served, &args);
    assert!(first.stderr.contains(unknown), "there is no history yet: {}", first.stderr);
    std::fs::remove_dir_all(project.path().join(".kiln/runs")).unwrap();
    let asked = "avg(greatest(milliseconds - coalesce(waited_milliseconds, 0), 0))";
    let of_history = || {
        let (_, page) = served.get("/api/2.0/sql/history/queries?max_results=999");
        let queries = page["res"].as_array().expect("it is a list").clone();
        let asked =
            queries.iter().filter(|query| query["query_text"].as_str().is_some_and(|text| text.contains(asked)));
        asked.map(|query| query["status"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let second = run(&project, &served, &args);
    assert!(!second.stderr.contains(unknown), "{}", second.stderr);
    assert_eq!(of_history(), ["FINISHED", "FAILED"], "the newest first");
    // The journal of that run knows it now, and without a queue nobody needs to.
    let _ = run(&project, &served, &args);
    let _ = run(&project, &served, &["sync-and-refresh"]);
    assert_eq!(of_history().len(), 2);
}
