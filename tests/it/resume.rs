//! Runs that are broken off: what is done stays done, what is under way is awaited, and nothing is done twice.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
#[cfg(target_os = "linux")]
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::killer::{Killer, Moment};
use crate::support::{Project, Ran, Served, command_at};

const RUN: [&str; 3] = ["sync-and-refresh", "--concurrency", "1"];

/// A statement that nobody lives to see the end of.
pub(crate) const ENDLESS: &str = "WITH n AS (SELECT explode(sequence(1, 100000)) AS i)\n\
     SELECT count(*) AS orders FROM n AS a CROSS JOIN n AS b CROSS JOIN n AS c CROSS JOIN stg_orders AS o\n";

/// A project with a view, a table, a tested table and a dashboard, whose environment is at an address.
fn project_at(url: &str, schema: &str) -> Project {
    let project = Project::tiny();
    project.point_to(url, schema);
    project.replace("jobs.yaml", "{build: sql/**}]}", "{build: sql/**}, {publish: d}]}");
    project.replace(
        "jobs.yaml",
        "  sql/staging: {materialized: view}\n",
        "  sql/staging: {materialized: view}\n  sql/best: {materialized: table, tests: [{not_null: [customer]}]}\n",
    );
    project.write("sql/best.sql", "SELECT customer FROM totals WHERE total > 12\n");
    // It tells of the run itself, so that some of that is written before the run has ended.
    let counter = json!({"position": {"x": 0, "y": 0, "width": 2, "height": 2}, "widget": {"name": "w",
        "queries": [{"name": "main_query", "query": {"datasetName": "runs", "disaggregated": false,
            "fields": [{"name": "count(*)", "expression": "COUNT(`*`)"}]}}],
        "spec": {"version": 2, "widgetType": "counter", "encodings": {"value": {"fieldName": "count(*)"}}}}});
    let dashboard = json!({
        "datasets": [{"name": "runs", "displayName": "Runs", "queryLines": ["SELECT run, step FROM _kiln_runs"]}],
        "pages": [{"name": "p", "displayName": "P", "layout": [counter]}],
    });
    project.write("dashboards/d.lvdash.json", &dashboard.to_string());
    let jobs = project.read("jobs.yaml");
    let dashboards = format!("dashboards:\n  d: {{file: dashboards/d.lvdash.json, folder: /Shared/{schema}}}\n");
    project.write("jobs.yaml", &(jobs + &dashboards));
    project
}

fn ran(mut command: Command) -> Ran {
    command.output().expect("kiln can be started").into()
}

/// Starts a run, and returns when one of its steps has begun.
pub(crate) fn until(mut command: Command, step: &str) -> Child {
    command.args(["--output", "json"]);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("kiln can be started");
    let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
    let begun = lines.by_ref().map_while(Result::ok).any(|line| {
        let event: Value = serde_json::from_str(&line).expect("it speaks JSON");
        event["event"] == "step_progress" && event["step"] == step
    });
    assert!(begun, "{step} begins");
    // Whatever else it says is read, so that it never waits for a reader.
    std::thread::spawn(move || lines.for_each(drop));
    process
}

/// The names of the statements of a run that may write and ended well, each with how often it did.
fn writes(served: &Served, schema: &str) -> BTreeMap<String, usize> {
    let mut texts = BTreeMap::new();
    let mut path = "/api/2.0/sql/history/queries?max_results=999".to_owned();
    loop {
        let (_, page) = served.get(&path);
        for query in page["res"].as_array().expect("it is a list") {
            let text = query["query_text"].as_str().unwrap_or_default();
            if is_of_step(query)
                && query["status"] == "FINISHED"
                && text.contains(schema)
                && !text.starts_with("DESCRIBE")
            {
                *texts.entry(text.to_owned()).or_default() += 1;
            }
        }
        match page["next_page_token"].as_str() {
            Some(token) => path = format!("/api/2.0/sql/history/queries?max_results=999&page_token={token}"),
            None => return texts.into_iter().filter(|(text, _)| !text.starts_with("WITH")).collect(),
        }
    }
}

fn triggers(served: &Served) -> usize {
    let is_trigger = |request: &&Value| {
        request["method"] == "POST" && request["path"].as_str().is_some_and(|path| path.ends_with("/sync"))
    };
    served.requests().iter().filter(is_trigger).count()
}

/// What a run leaves of a schema: its tables with what they hold and how often each was written, and its dashboard.
fn state(served: &Served, schema: &str) -> Value {
    let tables = served.sql(&format!(
        "SELECT table_name, table_type FROM main.information_schema.tables WHERE table_schema = '{schema}' ORDER BY 1"
    ));
    let (_, object) = served.get(&format!("/api/2.0/workspace/get-status?path=/Shared/{schema}/d.lvdash.json"));
    let id = object["resource_id"].as_str().unwrap_or_default().to_owned();
    let published = served.get(&format!("/api/2.0/lakeview/dashboards/{id}/published")).0;
    let rows = ["totals", "best"].map(|table| served.sql(&format!("SELECT * FROM main.{schema}.{table} ORDER BY 1")));
    let versions = ["totals", "best"].map(|table| served.version(&format!("main.{schema}.{table}")));
    json!({"tables": tables, "published": published, "rows": rows, "versions": versions})
}

#[test]
fn a_run_killed_at_any_request_is_resumed_and_nothing_is_done_twice() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let killer = Killer::before(&served);
    let (whole, requests) = killer.run(&project_at(&killer.url, "whole"), &served.token, &RUN, None);
    assert_eq!(whole.status, 0, "{}", whole.stderr);
    let expected = state(&served, "whole");
    assert_eq!(expected["rows"][1], json!([["ann"], ["bob"]]), "14.75 and 20.00 are more than 12");
    let moments: Vec<_> =
        (1..=requests).flat_map(|n| [Moment::Before, Moment::After].map(|moment| (n, moment))).collect();
    // Each with a server of its own, for a resumed run may have to wait for the query history.
    let resumed: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|i| moments.iter().skip(i).step_by(8).copied().collect::<Vec<_>>())
            .map(|moments| scope.spawn(|| kill_at(moments, &expected)))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("all of its moments passed")).sum()
    });
    assert!(resumed >= 30, "only {resumed} runs were resumed");
}

/// Kills runs at some of their requests and resumes them; returns how many could be.
fn kill_at(moments: Vec<(usize, Moment)>, expected: &Value) -> usize {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let killer = Killer::before(&served);
    let mut resumed = 0;
    for (n, moment) in moments {
        let schema = format!("at_{n}_{}", if moment == Moment::Before { "before" } else { "after" });
        let project = project_at(&killer.url, &schema);
        let triggered = triggers(&served);
        let (killed, _) = killer.run(&project, &served.token, &RUN, Some((n, moment)));
        if killed.status == 0 {
            // It polled less often than the first, and so needed fewer requests.
            continue;
        }
        let run = |args: &[&str]| killer.run(&project, &served.token, args, None).0;
        let was_resumed = goes_on(&project, &served, &schema, triggered, expected, &format!("{n} {moment:?}"), run);
        resumed += usize::from(was_resumed);
    }
    resumed
}

/// Resumes a run that was killed, or makes a new one if it had not begun or was over, and looks at what is there then; tells
/// whether it was resumed. `triggered` is how many syncs there were before it.
fn goes_on(
    project: &Project,
    served: &Served,
    schema: &str,
    triggered: usize,
    expected: &Value,
    what: &str,
    run: impl Fn(&[&str]) -> Ran,
) -> bool {
    let again = run(&["resume"]);
    let said = format!("{what}:\n{}{}", again.stdout, again.stderr);
    let is_resumed = again.status == 0 && !again.stderr.contains("has succeeded");
    if is_resumed {
        assert_eq!(triggers(served) - triggered, 1, "{said}");
        let writes = writes(served, schema);
        assert!(writes.len() > 5 && writes.values().all(|times| *times == 1), "{said}{writes:#?}");
        let journal = std::fs::read_to_string(project.find("events.jsonl")).unwrap();
        assert!(journal.lines().last().unwrap().contains("\"result\":\"succeeded\""), "{journal}");
    } else {
        // It had not begun, or was over: only its lock is left.
        let before = again.stderr.contains("ended before its first step") || again.stderr.contains("there is no run");
        assert!(before || again.stderr.contains("has succeeded"), "{said}");
        if !before {
            let kept =
                format!("SELECT count(DISTINCT run) FROM main.{schema}._kiln_runs WHERE run_result = 'succeeded'");
            assert_eq!(served.sql(&kept), json!([["1"]]), "it can be looked at, and rolled back: {said}");
        }
        let fresh = run(&RUN);
        assert_eq!(fresh.status, 0, "{said}{}", fresh.stderr);
    }
    assert_eq!(&state(served, schema), expected, "{said}");
    // Each step is in the history once, and a run that was resumed is not left as one that goes on.
    let twice =
        served.sql(&format!("SELECT run, step FROM main.{schema}._kiln_runs GROUP BY run, step HAVING count(*) > 1"));
    assert_eq!(twice, json!([]), "{said}");
    if is_resumed {
        let open = format!("SELECT step FROM main.{schema}._kiln_runs WHERE run_result <> 'succeeded'");
        assert_eq!(served.sql(&open), json!([]), "{said}");
    }
    is_resumed
}

/// Makes what kills a process at a record of its journal; whatever builds these tests has a compiler for it.
#[cfg(target_os = "linux")]
fn killing_library(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("kill_at_record.c"), folder.join("kill_at_record.so"));
    std::fs::write(&source, include_str!("support/kill_at_record.c")).unwrap();
    let made = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
    assert!(made.expect("cc is there").success());
    library
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_killed_at_any_record_of_its_journal_is_resumed_and_nothing_is_done_twice() {
    let folder = tempfile::tempdir().unwrap();
    let library = killing_library(folder.path());
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project_at(&served.url, "whole");
    served.ask_for("/api/2.0/sql/warehouses/local/stop", &json!({}));
    let whole = ran(command_at(&project, &served, &RUN));
    assert_eq!(whole.status, 0, "{}", whole.stderr);
    let expected = state(&served, "whole");
    let records = std::fs::read_to_string(project.find("events.jsonl")).unwrap().lines().count();
    let (killed, resumed): (Vec<usize>, Vec<usize>) = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=8)
            .map(|first| {
                scope.spawn({
                    let (library, expected) = (&library, &expected);
                    move || kill_at_records((first..=records).step_by(8), library, expected)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("all of its records passed")).unzip()
    });
    let (killed, resumed): (usize, usize) = (killed.iter().sum(), resumed.iter().sum());
    // How often a statement is polled, and so how many records of that there are, differs a little from run to run.
    assert!(killed + 10 >= records && records > 30, "{killed} of {records} were killed");
    assert!(resumed + 1 >= killed, "only {resumed} of {killed} runs were resumed: all but one whose end was on record");
}

/// Kills runs right after these records of theirs were written, and resumes them; returns how many were killed, and resumed.
#[cfg(target_os = "linux")]
fn kill_at_records(records: impl Iterator<Item = usize>, library: &Path, expected: &Value) -> (usize, usize) {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let (mut killed, mut resumed) = (0, 0);
    for record in records {
        let schema = format!("at_{record}");
        let project = project_at(&served.url, &schema);
        let triggered = triggers(&served);
        // So that the sync begins before the first record is written.
        served.ask_for("/api/2.0/sql/warehouses/local/stop", &json!({}));
        let mut command = command_at(&project, &served, &RUN);
        let first = ran({
            command.env("LD_PRELOAD", library).env("KILL_AT_RECORD", record.to_string());
            command
        });
        if first.status == 0 {
            // It was over before.
            continue;
        }
        killed += 1;
        let journal = std::fs::read_to_string(project.find("events.jsonl")).unwrap();
        assert_eq!(journal.lines().count(), record, "{}", first.stderr);
        let last = journal.lines().last().unwrap();
        let run = |args: &[&str]| ran(command_at(&project, &served, args));
        let was_resumed = goes_on(&project, &served, &schema, triggered, expected, &format!("{record}: {last}"), run);
        resumed += usize::from(was_resumed);
    }
    (killed, resumed)
}

#[test]
fn a_step_that_failed_is_done_again_and_what_had_succeeded_is_not() {
    let project = Project::tiny();
    let served = project.serve(&[]);
    project.point_at(&served);
    project.replace("jobs.yaml", "models:\n", "  rates: {tables: {daily: {columns: {rate: INT}}}}\nmodels:\n");
    project.write("sql/priced.sql", "SELECT customer, total * rate AS priced FROM totals CROSS JOIN rates.daily\n");
    let first = ran(command_at(&project, &served, &["sync-and-refresh"]));
    first.fails_with(3, &["✓ build totals", "✗ build priced"]);
    served.sql("CREATE SCHEMA main.rates");
    served.sql("CREATE TABLE main.rates.daily AS SELECT 2 AS rate");
    let second = ran(command_at(&project, &served, &["resume"]));
    assert_eq!(second.status, 0, "{}", second.stderr);
    assert_eq!(served.version("main.tiny.totals"), "0", "it was written once");
    assert_eq!(served.sql("SELECT priced FROM main.tiny.priced WHERE customer = 'bob'"), json!([["40.00"]]));
    let third = ran(command_at(&project, &served, &["resume"]));
    assert_eq!((third.status, third.stderr.contains("has succeeded")), (0, true), "{}", third.stderr);
}

#[test]
fn a_run_goes_on_only_by_the_plan_that_it_began_with_and_over_what_it_had_made() {
    let project = Project::tiny();
    let served = project.serve(&[]);
    project.point_at(&served);
    ran(command_at(&project, &served, &["resume"])).fails_with(2, &["there is no run here to go on with"]);
    ran(command_at(&project, &served, &["resume", "../x"])).fails_with(2, &["this is no run"]);
    ran(command_at(&project, &served, &["resume", "20200101T000000Z-000000"])).fails_with(2, &["there is no journal"]);
    project.write("sql/wrong.sql", "SELECT raise_error('not today') AS x FROM totals\n");
    let failed = || {
        let ran = ran(command_at(&project, &served, &["sync-and-refresh"]));
        ran.fails_with(3, &["✗ build wrong"]);
    };
    failed();
    ran(command_at(&project, &served, &["resume"])).fails_with(3, &["✗ build wrong"]);
    let text = project.read("sql/totals.sql");
    project.write("sql/totals.sql", &text.replace("AS orders", "AS n"));
    ran(command_at(&project, &served, &["resume"]))
        .fails_with(6, &["the project, or kiln itself, has changed since it began"]);
    project.write("sql/totals.sql", &text);
    // As if a run elsewhere had built it from other versions.
    served.sql("ALTER TABLE main.tiny.totals SET TBLPROPERTIES ('kiln.inputs' = 'others')");
    ran(command_at(&project, &served, &["resume"])).fails_with(6, &["main.tiny.totals is not as it had made it"]);
    failed();
    let runs: Vec<_> = std::fs::read_dir(project.path().join(".kiln/runs")).unwrap().flatten().collect();
    let oldest = runs.iter().map(|run| run.file_name().into_string().unwrap()).min().unwrap();
    ran(command_at(&project, &served, &["resume", &oldest])).fails_with(2, &["began after run", "Start a new run"]);
}

#[test]
fn what_a_run_has_lost_sight_of_is_cancelled_before_it_goes_on() {
    let project = Project::tiny();
    let served = project.serve(&[]);
    project.point_at(&served);
    project.write("sql/wrong.sql", "SELECT raise_error('not today') AS x FROM totals\n");
    ran(command_at(&project, &served, &["sync-and-refresh"])).fails_with(3, &["✗ build wrong"]);
    // As if nobody had answered any more.
    let journal = project.find("events.jsonl");
    let text = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&journal, text.replace("\"result\":\"failed\"", "\"result\":\"unreachable\"")).unwrap();
    let run = journal.parent().and_then(|run| run.file_name()).and_then(|run| run.to_str()).expect("a run's folder");
    let body = json!({"statement": ENDLESS, "warehouse_id": "local", "wait_timeout": "0s", "catalog": "main",
        "schema": "tiny", "query_tags": [{"key": "kiln_run", "value": run}]});
    let (_, sent) = served.post("/api/2.0/sql/statements", &body);
    let address = format!("/api/2.0/sql/statements/{}", sent["statement_id"].as_str().expect("it was taken"));
    let state = || served.get(&address).1["status"]["state"].clone();
    assert!(["PENDING", "RUNNING"].map(Value::from).contains(&state()), "{}", state());
    ran(command_at(&project, &served, &["resume"])).fails_with(3, &["✗ build wrong"]);
    assert_eq!(state(), "CANCELED");
}

#[test]
fn one_run_at_a_time_changes_a_schema_and_the_next_waits_or_refuses_as_told() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let (slow, other) = (Project::tiny(), Project::tiny());
    slow.point_at(&served);
    other.point_at(&served);
    slow.write("sql/totals.sql", ENDLESS);
    let mut first = until(command_at(&slow, &served, &["sync-and-refresh"]), "build totals");
    ran(command_at(&slow, &served, &["resume"])).fails_with(6, &["is still going on, in another process here"]);
    ran(command_at(&other, &served, &["sync-and-refresh"]))
        .fails_with(6, &["runs `sync-and-refresh daily` from", "--wait 30m", "--break-lock"]);
    ran(command_at(&other, &served, &["deploy"])).fails_with(6, &["runs `sync-and-refresh daily` from"]);
    let mut second = command_at(&other, &served, &["sync-and-refresh", "--wait", "10m"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(second.stderr.take().unwrap()).lines();
    assert!(said.next().unwrap().unwrap().contains("waiting: "));
    Command::new("kill").args(["-INT", &first.id().to_string()]).status().unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(130));
    let rest: Vec<String> = said.map_while(Result::ok).collect();
    assert_eq!(second.wait().unwrap().code(), Some(0), "{rest:?}");
    ran(command_at(&other, &served, &["sync-and-refresh", "--wait", "soon"])).fails_with(2, &["write it with units"]);
}

#[test]
fn what_a_dead_run_left_on_the_warehouse_is_cancelled_before_another_takes_over() {
    let project = Project::tiny();
    let served = project.serve(&[]);
    project.point_at(&served);
    let text = project.read("sql/totals.sql");
    project.write("sql/totals.sql", ENDLESS);
    let mut dead = until(command_at(&project, &served, &["sync-and-refresh"]), "build totals");
    dead.kill().unwrap();
    dead.wait().unwrap();
    project.write("sql/totals.sql", &text);
    // Whoever has not its journal cannot know that it is dead.
    let other = Project::tiny();
    other.point_at(&served);
    ran(command_at(&other, &served, &["sync-and-refresh"])).fails_with(6, &["--break-lock"]);
    let next = ran(command_at(&project, &served, &["sync-and-refresh"]));
    assert_eq!(next.status, 0, "{}", next.stderr);
    assert!(next.stderr.contains("which died; 1 statement of it still ran, and was cancelled"), "{}", next.stderr);
    let (_, running) = served.get("/api/2.0/sql/history/queries?filter_by.statuses=RUNNING");
    assert_eq!(running["res"], json!([]), "nothing of it runs on");
    let dead = std::fs::read_dir(project.path().join(".kiln/runs")).unwrap().flatten().map(|run| run.file_name()).min();
    let dead = dead.unwrap().into_string().unwrap();
    ran(command_at(&project, &served, &["resume", &dead])).fails_with(6, &["no longer holds its schema"]);
}

#[test]
fn a_journal_that_cannot_be_written_keeps_statements_from_being_sent() {
    let project = Project::tiny();
    let served = project.serve(&[]);
    project.point_at(&served);
    // As on a full disk, writes fail at some point: files may have so many blocks of 512 bytes.
    for blocks in 1..6 {
        let kiln = assert_cmd::cargo::cargo_bin!("kiln").display().to_string();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec {kiln} sync-and-refresh")]);
        command.current_dir(project.path()).env_clear().env("DATABRICKS_TOKEN", &served.token);
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("FIVETRAN_API_KEY", "local").env("FIVETRAN_API_SECRET", &served.token);
        let sent = statements(&served);
        let ran = Ran::from(command.output().expect("sh is there"));
        ran.fails_with(if ran.status == 5 { 5 } else { 3 }, &["the run's journal cannot be written", "Make room"]);
        // Each statement that was sent is in the journal.
        let new = statements(&served) - sent;
        let journal = project.path().join(".kiln/runs");
        let newest = std::fs::read_dir(journal).unwrap().flatten().map(|run| run.path()).max().unwrap();
        let kept = std::fs::read_to_string(newest.join("events.jsonl")).unwrap();
        assert!(new <= kept.matches("statement_sending").count(), "{blocks}: {new} of {kept}");
    }
}

/// How many statements of steps that may write were sent.
fn statements(served: &Served) -> usize {
    let (_, page) = served.get("/api/2.0/sql/history/queries?max_results=999");
    let of_step = |query: &&Value| {
        let text = query["query_text"].as_str().unwrap_or_default();
        text.starts_with("CREATE") && is_of_step(query)
    };
    page["res"].as_array().expect("it is a list").iter().filter(of_step).count()
}

fn is_of_step(query: &Value) -> bool {
    query["query_tags"].as_array().into_iter().flatten().any(|tag| tag["key"] == "kiln_step")
}
