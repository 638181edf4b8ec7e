//! Runs that end early: Ctrl-C, and the first failure where that is asked for.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::support::{Project, Ran, Served, kiln_at};

#[test]
fn an_interrupt_cancels_what_runs_and_leaves_the_tables() {
    let project = Project::tiny();
    let _ = project.sync_and_refresh();
    let before = project.snapshot();
    // A statement that nobody lives to see the end of.
    project.write(
        "sql/totals.sql",
        "WITH n AS (SELECT explode(sequence(1, 100000)) AS i)\n\
         SELECT count(*) AS orders FROM n AS a CROSS JOIN n AS b CROSS JOIN n AS c CROSS JOIN stg_orders AS o\n",
    );
    let mut process = project
        .command(&["sync-and-refresh", "--output", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kiln can be started");
    let mut events = Vec::new();
    for line in BufReader::new(process.stdout.take().expect("it is piped")).lines() {
        let event: serde_json::Value = serde_json::from_str(&line.expect("it is text")).expect("it speaks JSON");
        if event["event"] == "step_started" && event["step"] == "build totals" {
            let asked = Command::new("kill").args(["-INT", &process.id().to_string()]).status().expect("kill is there");
            assert!(asked.success());
        }
        events.push(event);
    }
    let ran = Ran::from(process.wait_with_output().expect("it ends"));
    ran.fails_with(130, &[]);
    let end = |step: &str| {
        events.iter().find(|e| e["event"] == "step_finished" && e["step"] == step).expect("each step ends")["outcome"]
            ["outcome"]
            .clone()
    };
    assert_eq!(end("build stg_orders"), "succeeded");
    assert_eq!(end("build totals"), "cancelled");
    let is_table = |path: &&std::path::PathBuf| path.iter().any(|part| part == "tiny");
    let (before, after) = (before, project.snapshot());
    assert_eq!(
        after.keys().filter(is_table).collect::<Vec<_>>(),
        before.keys().filter(is_table).collect::<Vec<_>>(),
        "the table is as it was"
    );
    project.write("sql/totals.sql", "SELECT count(*) AS orders FROM stg_orders\n");
    let _ = project.sync_and_refresh();
}

/// Returns the states of the statements that hold a text, as the warehouse's history tells them.
fn states(served: &Served, text: &str) -> Vec<String> {
    let (_, history) = served.get("/api/2.0/sql/history/queries?max_results=500");
    let all = history["res"].as_array().expect("it is a list").iter();
    let of_it = all.filter(|query| query["query_text"].as_str().is_some_and(|sql| sql.contains(text)));
    of_it.map(|query| query["status"].as_str().unwrap_or_default().to_owned()).collect()
}

/// A project in which one model fails and another would never end; neither needs the other.
fn endless(served: &Served) -> Project {
    let project = Project::tiny();
    project.point_at(served);
    project.write(
        "sql/endless.sql",
        "WITH n AS (SELECT explode(sequence(1, 100000)) AS i)\n\
         SELECT count(*) AS orders FROM n AS a CROSS JOIN n AS b CROSS JOIN n AS c CROSS JOIN stg_orders AS o\n",
    );
    // It fails only after some work, by when the other one is surely under way.
    project.write(
        "sql/broken.sql",
        "WITH n AS (SELECT explode(sequence(1, 100000)) AS i), m AS (SELECT explode(sequence(1, 100)) AS i)\n\
         SELECT raise_error(concat('no ', sum(n.i * m.i))) AS x FROM n CROSS JOIN m CROSS JOIN stg_orders AS o\n",
    );
    project.write("sql/after.sql", "SELECT count(*) AS n FROM endless\n");
    project
}

#[test]
fn the_first_failure_cancels_what_runs_beside_it_if_told_to() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = endless(&served);
    let ran = kiln_at(&project, &served, &["sync-and-refresh", "--fail-fast", "--output", "json"]);
    ran.fails_with(3, &[]);
    let events: Vec<serde_json::Value> =
        ran.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let end = |step: &str| {
        let ends = events.iter().find(|event| event["event"] == "step_finished" && event["step"] == step);
        ends.expect("each step ends")["outcome"].clone()
    };
    assert_eq!(end("build broken")["outcome"], "failed");
    for step in ["build endless", "build after"] {
        assert_eq!((&end(step)["outcome"], &end(step)["because"]), (&"stopped".into(), &"build broken".into()));
    }
    // What is told of the end is what the warehouse says, and nothing is left running there.
    let stopped: Vec<_> = events.iter().filter(|event| event["event"] == "statement_stopped").collect();
    assert!(
        stopped.iter().any(|event| event["step"] == "build endless" && event["state"] == "CANCELED"),
        "{stopped:?}"
    );
    assert_eq!(states(&served, "CROSS JOIN n AS c"), ["CANCELED"]);
    assert_eq!(served.sql("SHOW TABLES IN main.tiny LIKE '_kiln_lock'"), serde_json::json!([]), "the lock is let go");
}

#[test]
fn without_being_told_to_a_failure_stops_only_what_needs_it() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = endless(&served);
    project.write("sql/endless.sql", "SELECT count(*) AS orders FROM stg_orders\n");
    project.write("sql/needs.sql", "SELECT * FROM broken\n");
    kiln_at(&project, &served, &["sync-and-refresh"]).fails_with(
        3,
        &["✗ build broken", "✓ build endless", "✓ build after", "skipped, because it needs `build broken`"],
    );
    assert_eq!(served.sql("SELECT n FROM main.tiny.after"), serde_json::json!([["1"]]));
}
