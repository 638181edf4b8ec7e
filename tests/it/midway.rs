//! What others do to a workspace in the middle of a run: at a known request, before it arrives.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::resume::{ENDLESS, until};
use crate::support::{Project, Ran, Served, command_at, kiln_at};

/// What somebody does.
pub(crate) type Act = Box<dyn FnOnce() + Send>;

/// A way to the server on which something happens once, right before a request passes that holds a text.
fn way(served: &Served, text: &'static str, act: impl FnOnce() + Send + 'static) -> String {
    ways(served, vec![(text, Box::new(act))])
}

/// The same for several texts, each with what happens.
pub(crate) fn ways(served: &Served, acts: Vec<(&'static str, Act)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let url = format!("http://{}", listener.local_addr().expect("it has an address"));
    let target = served.url.trim_start_matches("http://").to_owned();
    let acts: Vec<_> = acts.into_iter().map(|(text, act)| (text, Mutex::new(Some(act)))).collect();
    let acts = Arc::new(acts);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(&target) else { continue };
            let acts = Arc::clone(&acts);
            std::thread::spawn(move || pass(client, server, &acts));
        }
    });
    url
}

fn pass(mut client: TcpStream, mut server: TcpStream, acts: &[(&str, Mutex<Option<Act>>)]) {
    let (mut back, mut answers) =
        (client.try_clone().expect("it can be shared"), server.try_clone().expect("it can be shared"));
    let pump = std::thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut buffer = [0; 65536];
    while let Ok(n @ 1..) = client.read(&mut buffer) {
        let passing = String::from_utf8_lossy(&buffer[..n]);
        for (_, act) in acts.iter().filter(|(text, _)| passing.contains(text)) {
            if let Some(act) = act.lock().expect("nobody panicked").take() {
                act();
            }
        }
        if server.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = pump.join();
}

/// Another client of a server, that can be taken along into a thread.
pub(crate) fn ask(
    served: &Served,
    method: reqwest::Method,
    path: String,
    body: Option<Value>,
) -> impl FnOnce() + Send + 'static + use<> {
    let (url, token) = (served.url.clone(), served.token.clone());
    move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let request = reqwest::Client::new().request(method, format!("{url}{path}")).bearer_auth(token);
            let request = if let Some(body) = body { request.json(&body) } else { request };
            let answer = request.send().await.expect("it answers");
            assert!(answer.status().is_success(), "{answer:?}");
        });
    }
}

pub(crate) fn sql(served: &Served, statement: &str) -> impl FnOnce() + Send + 'static + use<> {
    let body = json!({"statement": statement, "warehouse_id": "local", "wait_timeout": "50s"});
    ask(served, reqwest::Method::POST, "/api/2.0/sql/statements".to_owned(), Some(body))
}

fn project() -> (Project, Served) {
    let project = Project::tiny();
    let served = project.serve(&[]);
    project.point_at(&served);
    project.replace("jobs.yaml", "{build: sql/**}]}", "{build: sql/**}, {publish: d}]}");
    project.replace(
        "jobs.yaml",
        "  sql/staging: {materialized: view}\n",
        "  sql/staging: {materialized: view}\n  sql/best: {materialized: table, tests: [{not_null: [customer]}]}\n",
    );
    project.write("sql/best.sql", "SELECT customer FROM totals WHERE total > 12\n");
    let dashboard = json!({"datasets": [], "pages": [{"name": "p", "displayName": "P"}]});
    project.write("dashboards/d.lvdash.json", &dashboard.to_string());
    let dashboards = "dashboards:\n  d: {file: dashboards/d.lvdash.json, folder: /Shared/tiny}\n";
    let jobs = project.read("jobs.yaml");
    project.write("jobs.yaml", &(jobs + dashboards));
    (project, served)
}

/// Runs the job over another way to the server.
fn run_over(project: &Project, served: &Served, url: &str) -> Ran {
    let jobs = project.read("jobs.yaml");
    project.write("jobs.yaml", &jobs.replace(&served.url, url));
    let ran = kiln_at(project, served, &["sync-and-refresh", "--force"]);
    project.write("jobs.yaml", &jobs);
    ran
}

#[track_caller]
fn run(project: &Project, served: &Served) {
    let ran = kiln_at(project, served, &["sync-and-refresh"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
}

fn best(served: &Served) -> Value {
    served.sql("SELECT customer FROM main.tiny.best ORDER BY 1")
}

#[test]
fn a_warehouse_that_is_stopped_starts_again() {
    let (project, served) = project();
    let stop = ask(&served, reqwest::Method::POST, "/api/2.0/sql/warehouses/local/stop".to_owned(), Some(json!({})));
    let url = way(&served, "_kiln_new_best COMMENT", stop);
    let ran = run_over(&project, &served, &url);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(best(&served), json!([["ann"], ["bob"]]));
}

#[test]
fn a_warehouse_that_is_stopped_under_a_statement_ends_the_run_and_leaves_the_tables() {
    let (project, served) = project();
    run(&project, &served);
    let text = project.read("sql/totals.sql");
    let columns = "max(o.customer) AS customer, CAST(count(*) AS DECIMAL(22, 2)) AS total";
    project.write("sql/totals.sql", &ENDLESS.replace("count(*) AS orders", columns));
    let mut running = until(command_at(&project, &served, &["sync-and-refresh"]), "build totals");
    served.ask_for("/api/2.0/sql/warehouses/local/stop", &json!({}));
    assert_eq!(running.wait().expect("it ends").code(), Some(3));
    let journals = project.path().join(".kiln/runs");
    let newest = std::fs::read_dir(journals).unwrap().flatten().map(|run| run.path()).max().expect("two runs");
    let journal = std::fs::read_to_string(newest.join("events.jsonl")).unwrap();
    assert!(journal.contains("was cancelled on the warehouse"), "{journal}");
    assert_eq!(best(&served), json!([["ann"], ["bob"]]), "the last good rows are there");
    project.write("sql/totals.sql", &text);
    run(&project, &served);
}

#[test]
fn rows_that_fivetran_brings_in_the_middle_are_read_by_the_next_run_and_by_none_of_this() {
    let (project, served) = project();
    project.write("sql/amounts.sql", "SELECT id, amount FROM shop_public.orders\n");
    run(&project, &served);
    let listed = served.get("/v1/connections").1;
    let id = listed["data"]["items"][0]["id"].as_str().expect("it is there").to_owned();
    let more = project.path().join("data/orders.csv");
    let (url, token) = (served.url.clone(), served.token.clone());
    let count =
        || served.sql("SELECT (SELECT sum(orders) FROM main.tiny.totals), (SELECT count(*) FROM main.tiny.amounts)");
    // The sync has ended before the first of two tables is built that read what it brings.
    let sync = move || {
        std::fs::write(more, "id,customer,amount\n1,ann,10.50\n2,bob,20.00\n3,ann,4.25\n4,cid,1.00\n").unwrap();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let client = reqwest::Client::new();
            let address = format!("{url}/v1/connections/{id}");
            let succeeded_at = async || {
                let read = client.get(&address).basic_auth("local", Some(&token)).send().await.expect("it answers");
                read.json::<Value>().await.expect("it is JSON")["data"]["succeeded_at"].clone()
            };
            let before = succeeded_at().await;
            let trigger = client.post(format!("{address}/sync")).basic_auth("local", Some(&token)).json(&json!({}));
            assert!(trigger.send().await.expect("it answers").status().is_success());
            while succeeded_at().await == before {}
        });
    };
    let url = way(&served, "CREATE OR REPLACE TABLE main.tiny.", sync);
    let ran = run_over(&project, &served, &url);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(served.sql("SELECT count(*) FROM main.shop_public.orders"), json!([["4"]]), "the sync has brought it");
    assert_eq!(count(), json!([["3", "3"]]));
    run(&project, &served);
    assert_eq!(count(), json!([["4", "4"]]));
}

#[test]
fn what_somebody_writes_into_a_table_meanwhile_does_not_stay_in_it() {
    let (project, served) = project();
    run(&project, &served);
    let url = way(
        &served,
        "SELECT * FROM main.tiny._kiln_new_best",
        sql(&served, "INSERT INTO main.tiny.best VALUES ('eve')"),
    );
    let ran = run_over(&project, &served, &url);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(best(&served), json!([["ann"], ["bob"]]), "a table is what its model says");
}

#[test]
fn a_version_that_somebody_drops_before_it_is_published_leaves_the_table() {
    let (project, served) = project();
    run(&project, &served);
    let url =
        way(&served, "CREATE OR REPLACE TABLE main.tiny.best", sql(&served, "DROP TABLE main.tiny._kiln_new_best"));
    let ran = run_over(&project, &served, &url);
    ran.fails_with(3, &["model `best`", "_kiln_new_best"]);
    assert_eq!(best(&served), json!([["ann"], ["bob"]]));
    run(&project, &served);
}

#[test]
fn a_source_that_is_dropped_meanwhile_fails_the_build_and_leaves_the_tables() {
    let (project, served) = project();
    run(&project, &served);
    let url =
        way(&served, "CREATE OR REPLACE TABLE main.tiny.totals", sql(&served, "DROP TABLE main.shop_public.orders"));
    let ran = run_over(&project, &served, &url);
    ran.fails_with(3, &["✗ build totals", "- build best", "skipped"]);
    assert_eq!(best(&served), json!([["ann"], ["bob"]]));
}

#[test]
fn a_dashboard_that_is_deleted_before_it_is_published_is_made_by_the_next_run() {
    let (project, served) = project();
    run(&project, &served);
    let (_, object) = served.get("/api/2.0/workspace/get-status?path=/Shared/tiny/d.lvdash.json");
    let id = object["resource_id"].as_str().expect("it is there").to_owned();
    project.replace("dashboards/d.lvdash.json", "\"P\"", "\"Q\"");
    let trash = ask(&served, reqwest::Method::DELETE, format!("/api/2.0/lakeview/dashboards/{id}"), None);
    let url = way(&served, "/published", trash);
    let ran = run_over(&project, &served, &url);
    let made = || served.get("/api/2.0/workspace/get-status?path=/Shared/tiny/d.lvdash.json").0;
    ran.fails_with(3, &["✗ publish d", "was deleted in the workspace while it was being published", "made anew"]);
    run(&project, &served);
    assert_eq!(made(), 200);
}
