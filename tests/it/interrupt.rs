//! Runs that end early: Ctrl-C, and the first failure where that is asked for.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::support::{Project, Ran};

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

#[test]
fn the_first_failure_cancels_what_runs_beside_it_if_told_to() {
    let project = Project::tiny();
    // Neither needs the other; the first would never end on its own.
    project.write(
        "sql/endless.sql",
        "WITH n AS (SELECT explode(sequence(1, 100000)) AS i)\n\
         SELECT count(*) AS orders FROM n AS a CROSS JOIN n AS b CROSS JOIN n AS c CROSS JOIN stg_orders AS o\n",
    );
    project.write("sql/broken.sql", "SELECT raise_error('no') AS x FROM stg_orders\n");
    project.write("sql/after.sql", "SELECT count(*) AS n FROM endless\n");
    project.kiln(&["sync-and-refresh", "--fail-fast"]).fails_with(
        3,
        &["✗ build broken", "- build endless", "- build after", "stopped, because `build broken` failed"],
    );
}
