//! A deploy that dies at any of its requests: the next one completes it, and nothing is done twice.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::support::{Project, Ran, Served};

/// When the client is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// The request never arrives.
    Before,
    /// The request arrives and is answered, and the answer never arrives.
    After,
}

/// A way to the server on which a client is killed at one of its requests.
struct Killer {
    url: String,
    client: Arc<AtomicU32>,
    requests: Arc<AtomicUsize>,
    at: Arc<Mutex<Option<(usize, Moment)>>>,
}

impl Killer {
    fn before(served: &Served) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let url = format!("http://{}", listener.local_addr().expect("it has an address"));
        let target = served.url.trim_start_matches("http://").to_owned();
        let killer = Self { url, client: Arc::default(), requests: Arc::default(), at: Arc::default() };
        let (client, requests, at) = (killer.client.clone(), killer.requests.clone(), killer.at.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&target) else { continue };
                let (client, requests, at) = (client.clone(), requests.clone(), at.clone());
                std::thread::spawn(move || pass_on(stream, server, &client, &requests, &at));
            }
        });
        killer
    }

    /// Runs kiln, which is killed at the n-th of its requests; returns how many it sent.
    fn run(&self, project: &Project, token: &str, args: &[&str], at: Option<(usize, Moment)>) -> (Ran, usize) {
        self.requests.store(0, Ordering::SeqCst);
        *self.at.lock().expect("nobody panicked") = at;
        let mut command = project.command(args);
        command.env("DATABRICKS_TOKEN", token).env("FIVETRAN_API_KEY", "local").env("FIVETRAN_API_SECRET", token);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("kiln can be started");
        self.client.store(child.id(), Ordering::SeqCst);
        let ran = Ran::from(child.wait_with_output().expect("it ends"));
        (ran, self.requests.load(Ordering::SeqCst))
    }
}

/// Passes bytes on both ways, and counts the requests by their first lines.
fn pass_on(
    mut client: TcpStream,
    mut server: TcpStream,
    process: &AtomicU32,
    requests: &AtomicUsize,
    at: &Mutex<Option<(usize, Moment)>>,
) {
    let (mut back, mut answers) =
        (client.try_clone().expect("it can be shared"), server.try_clone().expect("it can be shared"));
    let muted = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mute = muted.clone();
    let kill = |process: &AtomicU32| {
        let _ = Command::new("kill").args(["-KILL", &process.load(Ordering::SeqCst).to_string()]).status();
    };
    let answered = Arc::new((Mutex::new(false), std::sync::Condvar::new()));
    let tell = answered.clone();
    let pump = std::thread::spawn(move || {
        let mut buffer = [0; 65536];
        while let Ok(n) = answers.read(&mut buffer) {
            if n == 0 {
                break;
            }
            if mute.load(Ordering::SeqCst) {
                *tell.0.lock().expect("nobody panicked") = true;
                tell.1.notify_all();
            } else if back.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut buffer = [0; 65536];
    while let Ok(n) = client.read(&mut buffer) {
        if n == 0 {
            break;
        }
        // The client sends the head of a request in one piece.
        if buffer[..n].windows(11).any(|window| window == b" HTTP/1.1\r\n") {
            let count = requests.fetch_add(1, Ordering::SeqCst) + 1;
            match *at.lock().expect("nobody panicked") {
                Some((n, Moment::Before)) if n == count => {
                    kill(process);
                    break;
                }
                Some((at, Moment::After)) if at == count => {
                    muted.store(true, Ordering::SeqCst);
                    if server.write_all(&buffer[..n]).is_ok() {
                        let mut done = answered.0.lock().expect("nobody panicked");
                        while !*done {
                            done = answered.1.wait(done).expect("nobody panicked");
                        }
                    }
                    kill(process);
                    break;
                }
                _ => {}
            }
        }
        if server.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = pump.join();
}

#[test]
fn a_deploy_killed_at_any_request_is_completed_by_the_next() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let killer = Killer::before(&served);
    let project_in = |schema: &str| {
        let project = Project::tiny();
        project.replace(
            "jobs.yaml",
            "  local: {workspace: local, catalog: main, schema: tiny, default: true}",
            &format!(
                "  prod: {{host: \"{0}\", fivetran: \"{0}\", catalog: main, schema: {schema}, default: true}}",
                killer.url
            ),
        );
        project.write(
            "dashboards/d.lvdash.json",
            &json!({"datasets": [], "pages": [{"name": "p", "displayName": "P"}]}).to_string(),
        );
        let jobs = project.read("jobs.yaml");
        let folder = format!("/Shared/{schema}");
        project.write(
            "jobs.yaml",
            &format!("{jobs}dashboards:\n  d: {{file: dashboards/d.lvdash.json, folder: {folder}}}\n"),
        );
        project
    };
    let deploy = ["deploy", "--concurrency", "1"];
    let (ran, requests) = killer.run(&project_in("whole"), &served.token, &deploy, None);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(requests > 15, "{requests} requests");
    let whole = state(&served, "whole");
    let mut killed = 0;

    for n in 1..=requests {
        for moment in [Moment::Before, Moment::After] {
            let schema = format!("at_{n}_{}", if moment == Moment::Before { "before" } else { "after" });
            let project = project_in(&schema);
            let (ran, _) = killer.run(&project, &served.token, &deploy, Some((n, moment)));
            if ran.status == 0 {
                // It polled less often than the first, and so needed fewer requests.
                continue;
            }
            killed += 1;
            // What was under way on the server comes to its end, as it would before somebody deploys again.
            settle(&served);
            let (mut ran, _) = killer.run(&project, &served.token, &deploy, None);
            if let Some((_, run)) = ran.stderr.split_once("--break-lock ") {
                let run = run.split_whitespace().next().expect("it names the run").trim_end_matches('.').to_owned();
                ran =
                    killer.run(&project, &served.token, &[deploy.as_slice(), &["--break-lock", &run]].concat(), None).0;
            }
            assert_eq!(ran.status, 0, "{n} {moment:?}:\n{}{}", ran.stdout, ran.stderr);
            let (plan, _) = killer.run(&project, &served.token, &["plan"], None);
            assert!(plan.stdout.starts_with("nothing to do"), "{n} {moment:?}:\n{}", plan.stdout);
            assert_eq!(state(&served, &schema), whole, "{n} {moment:?}");
        }
    }
    assert!(killed >= 40, "only {killed} deploys were killed");
}

/// Waits until no statement runs on the server.
fn settle(served: &Served) {
    let running =
        "/api/2.0/sql/history/queries?filter_by.statuses=RUNNING&filter_by.statuses=QUEUED&filter_by.statuses=STARTED";
    while served.get(running).1["res"].as_array().is_some_and(|res| !res.is_empty()) {
        std::thread::yield_now();
    }
}

/// What a deploy leaves of a schema: its tables with how often each was written, and what the dashboards are.
fn state(served: &Served, schema: &str) -> serde_json::Value {
    let tables = served.sql(&format!(
        "SELECT table_name, table_type FROM main.information_schema.tables WHERE table_schema = '{schema}' ORDER BY 1"
    ));
    let (status, object) = served.get(&format!("/api/2.0/workspace/get-status?path=/Shared/{schema}/d.lvdash.json"));
    let id = object["resource_id"].as_str().unwrap_or_default().to_owned();
    let published = served.get(&format!("/api/2.0/lakeview/dashboards/{id}/published")).0;
    let rows = served.sql(&format!("SELECT * FROM main.{schema}.totals ORDER BY customer"));
    let writes = served.sql(&format!("DESCRIBE HISTORY main.{schema}.totals"));
    json!({"tables": tables, "dashboard": status, "published": published, "rows": rows, "writes": writes.as_array().map(Vec::len)})
}
