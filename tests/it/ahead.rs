//! What overlaps at the beginning of a run: Fivetran syncs while the warehouse starts, though the lock is in the warehouse.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::midway::{Act, sql, ways};
use crate::support::{Project, Ran, Served, command_at, kiln_at};

/// A request that asks Fivetran for a sync.
const TRIGGER: &str = "/sync HTTP/1.1";
/// A statement that takes the lock.
const LOCK: &str = "CREATE TABLE main.tiny._kiln_lock";
/// How another run holds the schema.
const ANOTHERS: &str = "CREATE TABLE main.tiny._kiln_lock (note STRING) TBLPROPERTIES \
     ('kiln.lock.run' = '20260901T000000000Z-aaaaaa', 'kiln.lock.act' = 'deploy', 'kiln.lock.who' = 'eve', \
     'kiln.lock.machine' = 'elsewhere', 'kiln.lock.since' = '2026-09-01T00:00:00Z')";

/// The tiny project, and a server whose warehouse is stopped.
fn stopped() -> (Project, Served) {
    let project = Project::tiny();
    let served = project.serve(&[]);
    project.point_at(&served);
    served.ask_for("/api/2.0/sql/warehouses/local/stop", &json!({}));
    (project, served)
}

fn triggers(served: &Served) -> usize {
    let paths = served.requests().into_iter().filter(|request| request["method"] == "POST");
    paths.filter(|request| request["path"].as_str().is_some_and(|path| path.ends_with("/sync"))).count()
}

/// What holds a statement up, as a warehouse does that starts, until something is told, and then does something; and whether it
/// was told.
fn held_up(told: Receiver<()>, then: impl FnOnce() + Send + 'static) -> (Act, Arc<AtomicBool>) {
    let was_told = Arc::new(AtomicBool::new(false));
    let note = was_told.clone();
    let act = move || {
        note.store(told.recv_timeout(Duration::from_secs(20)).is_ok(), Ordering::SeqCst);
        then();
    };
    (Box::new(act), was_told)
}

fn run_over(project: &Project, served: &Served, acts: Vec<(&'static str, Act)>) -> Ran {
    let url = ways(served, acts);
    project.write("jobs.yaml", &project.read("jobs.yaml").replace(&served.url, &url));
    kiln_at(project, served, &["sync-and-refresh"])
}

#[test]
fn syncs_begin_while_the_warehouse_starts_and_are_made_once() {
    let (project, served) = stopped();
    let (trigger, triggered) = channel();
    let (lock, overlapped) = held_up(triggered, || {});
    let ran = run_over(&project, &served, vec![(TRIGGER, Box::new(move || _ = trigger.send(()))), (LOCK, lock)]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(overlapped.load(Ordering::SeqCst), "the sync is triggered while the lock is waited for: {}", ran.stderr);
    assert!(ran.stderr.contains("the warehouse starts; meanwhile `shop` syncs"), "{}", ran.stderr);
    assert!(ran.stderr.contains("3 rows in orders"), "{}", ran.stderr);
    assert_eq!(triggers(&served), 1);
    assert_eq!(served.sql("SELECT count(*) FROM main.tiny.totals"), json!([["2"]]));
    // What a resumed run would compare with is in the journal from its first record on.
    let journal = std::fs::read_to_string(project.find("events.jsonl")).unwrap();
    let events: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["ahead"][0]["step"], "sync shop", "{}", events[0]);
    let of_sync = events.iter().filter(|event| event["step"] == "sync shop");
    let of_sync: Vec<&str> = of_sync.filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(of_sync[..2], ["step_started", "sync_baseline"]);
}

#[test]
fn while_the_warehouse_runs_the_lock_comes_first() {
    let project = Project::tiny();
    let served = project.serve(&[]);
    project.point_at(&served);
    let order: Arc<Mutex<Vec<&str>>> = Arc::default();
    let (first, second) = (order.clone(), order.clone());
    let acts: Vec<(&str, Act)> = vec![
        (TRIGGER, Box::new(move || first.lock().unwrap().push("sync"))),
        (LOCK, Box::new(move || second.lock().unwrap().push("lock"))),
    ];
    let ran = run_over(&project, &served, acts);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(*order.lock().unwrap(), ["lock", "sync"]);
    assert!(!ran.stderr.contains("meanwhile"), "{}", ran.stderr);
}

#[test]
fn where_another_run_holds_the_schema_nothing_is_synced() {
    let (project, served) = stopped();
    served.sql("CREATE SCHEMA main.tiny");
    served.sql(ANOTHERS);
    served.ask_for("/api/2.0/sql/warehouses/local/stop", &json!({}));
    let ran = kiln_at(&project, &served, &["sync-and-refresh"]);
    ran.fails_with(6, &["eve runs `deploy` from elsewhere"]);
    assert_eq!(triggers(&served), 0);
}

#[test]
fn who_does_not_get_the_lock_after_all_says_that_the_sync_goes_on() {
    let (project, served) = stopped();
    let (trigger, triggered) = channel();
    let (schema, another) = (sql(&served, "CREATE SCHEMA main.tiny"), sql(&served, ANOTHERS));
    let (lock, overlapped) = held_up(triggered, move || {
        schema();
        another();
    });
    let ran = run_over(&project, &served, vec![(TRIGGER, Box::new(move || _ = trigger.send(()))), (LOCK, lock)]);
    assert!(overlapped.load(Ordering::SeqCst), "{}", ran.stderr);
    ran.fails_with(6, &["eve runs `deploy` from elsewhere", "`shop` syncs in Fivetran all the same"]);
    assert_eq!(triggers(&served), 1);
    let folder = project.path().join(".kiln/runs");
    assert_eq!(std::fs::read_dir(folder).map_or(0, Iterator::count), 0, "a run that has not begun leaves no journal");
}

#[test]
fn a_run_killed_before_it_has_the_lock_leaves_nothing_to_resume_and_the_next_is_whole() {
    let (project, served) = stopped();
    let (trigger, triggered) = channel();
    let (name, victim) = channel::<u32>();
    let (lock, overlapped) = held_up(triggered, move || {
        let id = victim.recv().unwrap().to_string();
        assert!(Command::new("kill").args(["-KILL", &id]).status().unwrap().success());
    });
    let url = ways(&served, vec![(TRIGGER, Box::new(move || _ = trigger.send(()))), (LOCK, lock)]);
    project.write("jobs.yaml", &project.read("jobs.yaml").replace(&served.url, &url));
    let mut command = command_at(&project, &served, &["sync-and-refresh"]);
    let mut killed = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    name.send(killed.id()).unwrap();
    assert_eq!(killed.wait().unwrap().code(), None, "it was killed");
    assert!(overlapped.load(Ordering::SeqCst), "the sync had begun");
    kiln_at(&project, &served, &["resume"]).fails_with(2, &["ended before its first step"]);
    let next = kiln_at(&project, &served, &["sync-and-refresh"]);
    assert_eq!(next.status, 0, "{}", next.stderr);
    assert_eq!(served.sql("SELECT count(*) FROM main.tiny.totals"), json!([["2"]]));
}
