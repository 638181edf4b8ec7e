//! Runs that others than their own process go on with or end: from another machine, and by `kiln cancel`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::resume::ENDLESS;
use crate::support::killer::{Killer, Moment};
use crate::support::{Project, Ran, Served, command_at, kiln_at};

fn project_at(url: &str, schema: &str) -> Project {
    let project = Project::tiny();
    project.point_to(url, schema);
    project.replace(
        "jobs.yaml",
        "  sql/staging: {materialized: view}\n",
        "  sql/staging: {materialized: view}\n  sql/best: {materialized: table, tests: [{not_null: [customer]}]}\n",
    );
    project.write("sql/best.sql", "SELECT customer, current_date() AS day FROM totals WHERE total > 12\n");
    project
}

/// The run that holds a schema, and whether the workspace keeps more of it.
fn holder(served: &Served, schema: &str) -> Option<(String, bool)> {
    let (status, table) = served.get(&format!("/api/2.1/unity-catalog/tables/main.{schema}._kiln_lock"));
    let run = table["properties"]["kiln.lock.run"].as_str().filter(|_| status == 200)?;
    Some((run.to_owned(), table["properties"]["kiln.run.begun"].is_string()))
}

fn triggers(served: &Served) -> usize {
    let is_trigger = |request: &&Value| {
        request["method"] == "POST" && request["path"].as_str().is_some_and(|path| path.ends_with("/sync"))
    };
    served.requests().iter().filter(is_trigger).count()
}

#[test]
fn a_run_whose_machine_is_gone_goes_on_from_what_the_workspace_keeps() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let killer = Killer::before(&served);
    let run = ["sync-and-refresh", "--concurrency", "1"];
    let requests = {
        let (whole, requests) = killer.run(&project_at(&killer.url, "whole"), &served.token, &run, None);
        assert_eq!(whole.status, 0, "{}", whole.stderr);
        requests
    };
    let (mut gone_on, mut unchanged) = (0, 0);
    for n in 1..=requests {
        let moment = if n % 2 == 0 { Moment::Before } else { Moment::After };
        let schema = format!("at_{n}");
        let lost = project_at(&killer.url, &schema);
        let (killed, _) = killer.run(&lost, &served.token, &run, Some((n, moment)));
        let Some((id, is_kept)) = holder(&served, &schema).filter(|_| killed.status != 0) else { continue };
        let triggered = triggers(&served);
        let versions = |table: &str| served.get(&format!("/api/2.1/unity-catalog/tables/main.{schema}.{table}")).0;
        let had_totals = versions("totals") == 200;
        // Another folder: nothing of the first is known here.
        let other = project_at(&served.url, &schema);
        let ran = kiln_at(&other, &served, &["resume", &id, "--from-workspace"]);
        let said = format!("{n} {moment:?}:\n{}\n{}", killed.stderr, ran.stderr);
        if !is_kept {
            ran.fails_with(6, &["had built nothing yet", &format!("kiln cancel {id} --dead")]);
            let ended = kiln_at(&other, &served, &["cancel", &id, "--dead"]);
            assert_eq!(ended.status, 0, "{}", ended.stderr);
            assert_eq!(holder(&served, &schema), None);
            continue;
        }
        assert_eq!(ran.status, 0, "{said}");
        gone_on += 1;
        assert!(ran.stderr.contains("going on from the workspace's own record"), "{said}");
        assert_eq!(triggers(&served), triggered, "no sync is made twice: {said}");
        if had_totals {
            assert!(ran.stderr.contains("unchanged"), "what was built stays: {said}");
            assert_eq!(served.version(&format!("main.{schema}.totals")), "0", "{said}");
            unchanged += 1;
        }
        assert_eq!(served.sql(&format!("SELECT count(*) FROM main.{schema}.best")), json!([["2"]]), "{said}");
        let left = served.sql(&format!("SHOW TABLES IN main.{schema} LIKE '_kiln_new*|_kiln_lock'"));
        assert_eq!(left, json!([]), "{said}");
        let runs = kiln_at(&other, &served, &["runs", "--output", "json"]);
        let told: Value = serde_json::from_str(runs.stdout.lines().next().unwrap_or_default()).expect("it is a run");
        assert_eq!((told["run"].as_str(), told["result"].as_str()), (Some(id.as_str()), Some("succeeded")), "{said}");
    }
    assert!(gone_on >= 6 && unchanged >= 3, "only {gone_on} went on, of which {unchanged} had built something");
}

#[test]
fn what_the_workspace_does_not_keep_is_not_made_up() {
    let project = Project::tiny();
    let served = project.serve(&[]);
    project.point_at(&served);
    let nobody = "20260101T000000000Z-000000";
    kiln_at(&project, &served, &["resume", nobody, "--from-workspace"]).fails_with(6, &["no longer holds its schema"]);
    kiln_at(&project, &served, &["resume", "--from-workspace"]).fails_with(2, &["<RUN>"]);
    kiln_at(&project, &served, &["resume", nobody]).fails_with(2, &["--from-workspace"]);
}

/// Starts a run, and returns when one of its steps is on the warehouse.
fn until_it_runs(project: &Project, served: &Served, step: &str) -> (Child, std::thread::JoinHandle<Vec<Value>>) {
    let mut command = command_at(project, served, &["sync-and-refresh", "--output", "json"]);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("kiln can be started");
    let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
    let parse = |line: String| serde_json::from_str::<Value>(&line).expect("it speaks JSON");
    let mut events = Vec::new();
    let begun = lines.by_ref().map_while(Result::ok).map(parse).any(|event| {
        events.push(event.clone());
        event["event"] == "step_progress" && event["step"] == step
    });
    assert!(begun, "{step} begins");
    let rest = std::thread::spawn(move || {
        events.extend(lines.map_while(Result::ok).map(parse));
        events
    });
    (process, rest)
}

#[test]
fn a_run_is_cancelled_from_elsewhere_and_can_be_resumed() {
    let project = Project::tiny();
    let served = project.serve(&[]);
    project.point_at(&served);
    project.write("sql/endless.sql", ENDLESS);
    project.write("sql/after.sql", "SELECT count(*) AS n FROM endless\n");
    let (mut process, events) = until_it_runs(&project, &served, "build endless");
    // From another folder, as from another machine.
    let other = project_at(&served.url, "tiny");
    let (id, _) = holder(&served, "tiny").expect("it holds its schema");
    let cancelled = kiln_at(&other, &served, &["cancel"]);
    assert_eq!(cancelled.status, 0, "{}", cancelled.stderr);
    for text in ["cancelling: me@localhost runs `sync-and-refresh daily`", "cancelled a statement of `build endless`"] {
        assert!(cancelled.stderr.contains(text), "{}", cancelled.stderr);
    }
    assert!(cancelled.stderr.contains(&format!("run {id} has ended")), "{}", cancelled.stderr);
    let status = process.wait().expect("it ends");
    let events = events.join().expect("it speaks JSON");
    assert_eq!(status.code(), Some(130), "{events:#?}");
    let why = events.iter().find(|e| e["event"] == "step_finished" && e["step"] == "build endless").expect("it ends");
    let why = why["outcome"]["failure"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(why.contains("cancelled this run, by `kiln cancel`") && why.contains("me@localhost on "), "{why}");
    assert_eq!(holder(&served, "tiny"), None, "the lock is free");
    let nothing = kiln_at(&other, &served, &["cancel"]);
    assert_eq!(nothing.status, 0, "{}", nothing.stderr);
    assert!(nothing.stderr.contains("no run is under way in `prod`"), "{}", nothing.stderr);
    // Another statement than the one that was cancelled can be sent, and the run goes on where it ran.
    let again = kiln_at(&other, &served, &["cancel", &id]);
    assert!(again.stderr.contains("has nothing on the warehouse"), "{}", again.stderr);
}

#[test]
fn the_lock_of_a_dead_run_is_taken_away_with_what_it_left_running() {
    let project = Project::tiny();
    let served = project.serve(&[]);
    project.point_at(&served);
    project.write("sql/endless.sql", ENDLESS);
    let (mut process, events) = until_it_runs(&project, &served, "build endless");
    process.kill().expect("it can be killed");
    let _ = process.wait();
    let _ = events.join();
    let (id, _) = holder(&served, "tiny").expect("it holds its schema");
    let cancelled = kiln_at(&project, &served, &["cancel", &id]);
    assert_eq!(cancelled.status, 0, "{}", cancelled.stderr);
    let told = format!("took over from run {id}, which died; 1 statement of it still ran, and was cancelled");
    assert!(cancelled.stderr.contains(&told), "{}", cancelled.stderr);
    assert_eq!(holder(&served, "tiny"), None);
    Ran::fails_with(&kiln_at(&project, &served, &["cancel", &id, "--dead", "--env", "none"]), 1, &["none"]);
}
