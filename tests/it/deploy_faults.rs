//! A deploy that dies at any of its requests: the next one completes it, and nothing is done twice. And what else can keep one
//! from its work.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::json;

use crate::support::killer::{Killer, Moment};
use crate::support::{Project, Served, kiln_at};

/// A project with every kind of object that a deploy makes, deployed to a schema of its own.
fn project_in(url: &str, schema: &str) -> Project {
    let project = Project::tiny();
    project.point_to(url, schema);
    project.write(
        "dashboards/d.lvdash.json",
        &json!({"datasets": [], "pages": [{"name": "p", "displayName": "P"}]}).to_string(),
    );
    let jobs = project.read("jobs.yaml");
    let folder = format!("/Shared/{schema}");
    project.write(
        "jobs.yaml",
        &format!("{jobs}dashboards:\n  d: {{file: dashboards/d.lvdash.json, folder: {folder}, permissions: {{finance: CAN_READ}}, schedules: {{daily: {{cron: 0 6 * * *, timezone: UTC, subscribers: [ada@example.test]}}}}}}\n"),
    );
    project.replace(
        "jobs.yaml",
        "  sql/staging: {materialized: view}\n",
        "  sql/staging: {materialized: view}\n  sql/totals: {columns: {total: {description: Net, databricks_tags: {unit: eur}}}, \
             constraints: {not_null: total, primary_key: customer, check: {positive: \"total > 0\"}}, databricks_tags: {team: shop}, \
             grants: {analysts: [SELECT]}}\n  sql/best: {constraints: {foreign_keys: [{customer: totals.customer}]}}\n",
    );
    project.replace("jobs.yaml", "default: true}", "databricks_tags: {cost: low}, default: true}");
    project.write("sql/best.sql", "SELECT customer, total FROM totals ORDER BY total DESC LIMIT 1\n");
    project.replace("jobs.yaml", "  daily: {", "  daily: {schedule: {cron: \"0 6 * * *\", timezone: UTC}, ");
    project
}

#[test]
fn a_deploy_killed_at_any_request_is_completed_by_the_next() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let killer = Killer::before(&served);
    let project_in = |schema: &str| project_in(&killer.url, schema);
    let deploy = ["deploy", "--concurrency", "1"];
    let (ran, requests) = killer.run(&project_in("whole"), &served.token, &deploy, None);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(requests > 15, "{requests} requests");
    let whole = state(&served, "whole");
    let mut killed = 0;

    for n in 1..=requests {
        for moment in moments(n) {
            let schema = format!("at_{n}_{}", if moment == Moment::Before { "before" } else { "after" });
            let project = project_in(&schema);
            let (ran, _) = killer.run(&project, &served.token, &deploy, Some((n, moment)));
            if ran.status == 0 {
                // It polled less often than the first, and so needed fewer requests.
                continue;
            }
            killed += 1;
            // What it left under way is cancelled, and its lock taken over: it ran here, and is known to be dead.
            let (ran, _) = killer.run(&project, &served.token, &deploy, None);
            assert_eq!(ran.status, 0, "{n} {moment:?}:\n{}{}", ran.stdout, ran.stderr);
            let (plan, _) = killer.run(&project, &served.token, &["plan"], None);
            assert!(plan.stdout.starts_with("nothing to do"), "{n} {moment:?}:\n{}", plan.stdout);
            assert_eq!(state(&served, &schema), whole, "{n} {moment:?}");
        }
    }
    // Nearly at every one, but for those by which the first asked more often how a statement went.
    assert!(4 * killed >= 3 * requests, "only {killed} deploys were killed at {requests} requests");
}

/// When to kill at a request. A deploy keeps no journal, so to die before a request is to die after the one before it.
fn moments(request: usize) -> impl Iterator<Item = Moment> {
    [Moment::Before, Moment::After].into_iter().filter(move |moment| request == 1 || *moment == Moment::After)
}

/// What a deploy leaves of a schema: its tables with how often each was written, and what the dashboards are.
fn state(served: &Served, schema: &str) -> serde_json::Value {
    let tables = served.sql(&format!(
        "SELECT table_name, table_type FROM main.information_schema.tables WHERE table_schema = '{schema}' AND \
         table_name <> '_kiln_runs' ORDER BY 1"
    ));
    let (status, object) = served.get(&format!("/api/2.0/workspace/get-status?path=/Shared/{schema}/d.lvdash.json"));
    let id = object["resource_id"].as_str().unwrap_or_default().to_owned();
    let published = served.get(&format!("/api/2.0/lakeview/dashboards/{id}/published")).0;
    let access = served.get(&format!("/api/2.0/permissions/dashboards/{id}")).1["access_control_list"].clone();
    let at = format!("/api/2.0/lakeview/dashboards/{id}/schedules");
    let schedules = served.get(&at).1["schedules"].clone();
    let schedules: Vec<Option<usize>> = schedules
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            let schedule = one["schedule_id"].as_str().unwrap_or_default();
            served.get(&format!("{at}/{schedule}/subscriptions")).1["subscriptions"].as_array().map(Vec::len)
        })
        .collect();
    let name = format!("/api/2.2/jobs/list?expand_tasks=true&name=tiny:%20daily%20(main.{schema})");
    let jobs = served.get(&name).1["jobs"].clone();
    let tasks: Vec<usize> = jobs
        .as_array()
        .into_iter()
        .flatten()
        .map(|job| job["settings"]["tasks"].as_array().map_or(0, Vec::len))
        .collect();
    let rows = served.sql(&format!("SELECT * FROM main.{schema}.totals ORDER BY customer"));
    let said: Vec<serde_json::Value> = [
        "SELECT table_name, column_name, comment, is_nullable FROM main.information_schema.columns WHERE table_schema = \
         '{}' AND table_name IN ('totals', 'best') ORDER BY 1, 2",
        "SELECT constraint_name, constraint_type FROM main.information_schema.table_constraints WHERE table_schema = '{}' \
         ORDER BY 1",
        "SELECT table_name, tag_name, tag_value FROM main.information_schema.table_tags WHERE schema_name = '{}'",
        "SELECT table_name, column_name, tag_name, tag_value FROM main.information_schema.column_tags WHERE schema_name = '{}'",
        "SELECT tag_name, tag_value FROM main.information_schema.schema_tags WHERE schema_name = '{}'",
        "SELECT grantee, privilege_type FROM main.information_schema.table_privileges WHERE table_schema = '{}'",
    ]
    .map(|sql| served.sql(&sql.replace("{}", schema)))
    .into();
    let writes = served.sql(&format!("DESCRIBE HISTORY main.{schema}.totals"));
    json!({"tables": tables, "dashboard": status, "published": published, "access": access, "schedules": schedules, "rows": rows, "jobs": tasks, "said": said, "writes": writes.as_array().map(Vec::len)})
}

/// Puts a project into one of two states, which differ in every kind of object and in every way of changing it.
fn turn(project: &Project, second: bool) {
    let choose = |file: &str, [first, other]: [&str; 2]| {
        let (old, new) = if second { (first, other) } else { (other, first) };
        let text = project.read(file);
        if !text.contains(new) {
            project.replace(file, old, new);
        }
    };
    choose("sql/totals.sql", ["count(*) AS orders", "count(1) + 0 AS orders"]);
    choose("sql/best.sql", ["LIMIT 1", "LIMIT 1 -- a comment is no change"]);
    choose("dashboards/d.lvdash.json", ["\"displayName\":\"P\"", "\"displayName\":\"Q\""]);
    for change in [
        ["sql/staging: {materialized: view}", "sql/staging: {materialized: table}"],
        ["check: {positive: \"total > 0\"}", "check: {positive: \"total > 1\"}"],
        ["databricks_tags: {team: shop}", "databricks_tags: {team: board}"],
        ["databricks_tags: {unit: eur}", "databricks_tags: {unit: usd}"],
        ["databricks_tags: {cost: low}", "databricks_tags: {cost: high}"],
        ["grants: {analysts: [SELECT]}", "grants: {analysts: []}"],
        ["daily: {cron: 0 6 * * *, timezone", "daily: {cron: 0 7 * * *, timezone"],
        ["permissions: {finance: CAN_READ}", "permissions: {finance: CAN_RUN}"],
        ["schedule: {cron: \"0 6 * * *\"", "schedule: {cron: \"0 8 * * *\""],
    ] {
        choose("jobs.yaml", change);
    }
    let more = project.path().join("sql/more.sql");
    match second {
        true => project.write("sql/more.sql", "SELECT 1 AS a\n"),
        false if more.exists() => std::fs::remove_file(more).expect("it can be removed"),
        false => {}
    }
}

#[test]
fn a_deploy_of_changes_killed_at_any_request_is_completed_by_the_next() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let killer = Killer::before(&served);
    let project = project_in(&killer.url, "turned");
    let deploy = ["deploy", "--prune", "--concurrency", "1"];
    // How often a table was written tells nothing here, for each deploy writes it again.
    let stands = || {
        let mut state = state(&served, "turned");
        state["writes"].take();
        state
    };
    let deployed = |second: bool| {
        turn(&project, second);
        let (ran, requests) = killer.run(&project, &served.token, &deploy, None);
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
        (stands(), requests)
    };
    let _ = deployed(false);
    let (second, there) = deployed(true);
    let (first, back) = deployed(false);
    assert!(there > 20 && back > 20 && first != second, "{there} and {back} requests");
    let mut killed = 0;
    // Each second request on the way there and on the way back: the others are much like those beside them.
    for (i, n) in (1..=there.max(back)).step_by(2).enumerate() {
        let is_second = i % 2 == 0;
        turn(&project, is_second);
        if i % 3 == 0 {
            served.sql("COMMENT ON COLUMN main.turned.totals.total IS 'theirs'");
            served.sql("ALTER TABLE main.turned.totals SET TAGS ('team' = 'theirs')");
            served.sql("ALTER TABLE main.turned.totals ALTER COLUMN total SET TAGS ('unit' = 'theirs')");
            served.sql("ALTER SCHEMA main.turned SET TAGS ('cost' = 'theirs')");
        }
        let (ran, _) = killer.run(&project, &served.token, &deploy, Some((n, Moment::After)));
        killed += usize::from(ran.status != 0);
        let (ran, _) = killer.run(&project, &served.token, &deploy, None);
        assert_eq!(ran.status, 0, "{n}:\n{}{}", ran.stdout, ran.stderr);
        let (plan, _) = killer.run(&project, &served.token, &["plan", "--prune"], None);
        assert!(plan.stdout.starts_with("nothing to do"), "{n}:\n{}", plan.stdout);
        assert_eq!(stands(), if is_second { &second } else { &first }.clone(), "{n}");
    }
    assert!(killed > 15, "only {killed} deploys were killed");
}

#[test]
fn what_a_run_left_aside_after_it_was_published_is_taken_away_and_what_failed_its_tests_stays() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = Project::tiny();
    project.point_at(&served);
    assert_eq!(kiln_at(&project, &served, &["deploy"]).status, 0);
    served.sql("CREATE TABLE main.tiny._kiln_new_totals AS SELECT 1 AS a");
    let plan = kiln_at(&project, &served, &["plan"]).stdout;
    assert!(plan.starts_with("nothing to do"), "it is newer than what is published: {plan}");
    served.sql("ALTER TABLE main.tiny.totals SET TBLPROPERTIES ('theirs' = '1')");
    let plan = kiln_at(&project, &served, &["plan"]).stdout;
    assert!(plan.contains("- table      main.tiny._kiln_new_totals\n      a run was broken off before"), "{plan}");
    let ran = kiln_at(&project, &served, &["deploy"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(served.sql("SHOW TABLES IN main.tiny LIKE '_kiln_new*'"), json!([]));
    assert!(kiln_at(&project, &served, &["plan"]).stdout.starts_with("nothing to do"));
    assert_eq!(served.sql("SELECT count(*) FROM main.tiny.totals"), json!([["2"]]));

    // A run dies when it has dropped a table, for a view to take its place: nobody else dropped that.
    served.sql("DROP VIEW main.tiny.stg_orders");
    served.sql("CREATE VIEW main.tiny._kiln_new_stg_orders AS SELECT 1 AS a");
    let plan = kiln_at(&project, &served, &["plan"]).stdout;
    assert!(plan.starts_with("  + view       main.tiny.stg_orders\n"), "{plan}");
    assert_eq!(kiln_at(&project, &served, &["deploy"]).status, 0);
    assert_eq!(served.sql("SHOW VIEWS IN main.tiny LIKE '_kiln_new*'"), json!([]));
}

#[test]
fn a_destroy_killed_at_any_request_is_completed_by_the_next() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let killer = Killer::before(&served);
    let project = project_in(&killer.url, "gone");
    let run = |args: &[&str], at| killer.run(&project, &served.token, args, at);
    let deploy = || {
        let (ran, _) = run(&["deploy"], None);
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    };
    let is_gone = || {
        let schemas = served.sql("SHOW SCHEMAS IN main LIKE 'gone'");
        let dashboard = served.get("/api/2.0/workspace/get-status?path=/Shared/gone/d.lvdash.json").0;
        let jobs = served.get("/api/2.2/jobs/list?name=tiny:%20daily%20(main.gone)").1["jobs"].clone();
        let jobs = jobs.as_array().map_or(0, Vec::len);
        assert_eq!((schemas, dashboard, jobs), (json!([]), 404, 0));
    };
    deploy();
    let (ran, requests) = run(&["destroy"], None);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    is_gone();
    let mut killed = 0;
    for n in (1..=requests).step_by(3) {
        deploy();
        let (ran, _) = run(&["destroy"], Some((n, Moment::After)));
        killed += usize::from(ran.status != 0);
        let (ran, _) = run(&["destroy"], None);
        assert_eq!(ran.status, 0, "{n}:\n{}{}", ran.stdout, ran.stderr);
        is_gone();
    }
    assert!(killed > 5, "only {killed} of {requests} requests were killed");
}

/// A way to a server on which statements that hold a text are refused, as if the right for them were missing.
fn refusing(served: &Served, text: &'static str) -> String {
    let message = "[INSUFFICIENT_PERMISSIONS] Insufficient privileges: User does not have CREATE TABLE on Schema \
                   'main.tiny'. SQLSTATE: 42501";
    let answer = json!({"statement_id": "00000000-0000-0000-0000-000000000000", "status": {"state": "FAILED",
        "error": {"error_code": "BAD_REQUEST", "message": message}}});
    answering(served, text, "200 OK", answer)
}

/// A way to a server on which requests whose bodies hold a text are answered so, and never arrive.
pub(crate) fn answering(
    served: &Served,
    text: &'static str,
    status: &'static str,
    answer: serde_json::Value,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let url = format!("http://{}", listener.local_addr().expect("it has an address"));
    let target = served.url.trim_start_matches("http://").to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (target, answer) = (target.clone(), answer.to_string());
            std::thread::spawn(move || pass_or_refuse(client, &target, text, (status, &answer)));
        }
    });
    url
}

/// Takes one request of a connection, so that what it says is seen whole, and passes it on or refuses it.
fn pass_or_refuse(mut client: TcpStream, target: &str, text: &str, (status, answer): (&str, &str)) -> Option<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 65536];
    let body = loop {
        let n = client.read(&mut buffer).ok().filter(|n| *n > 0)?;
        request.extend_from_slice(&buffer[..n]);
        let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
        if request.len() >= end + 4 + length.unwrap_or(0) {
            break end + 4;
        }
    };
    if String::from_utf8_lossy(&request[body..]).contains(text) {
        let head = "connection: close\r\ncontent-type: application/json\r\ncontent-length:";
        let length = answer.len();
        return client.write_all(format!("HTTP/1.1 {status}\r\n{head} {length}\r\n\r\n{answer}").as_bytes()).ok();
    }
    let mut server = TcpStream::connect(target).ok()?;
    let line = request.windows(2).position(|window| window == b"\r\n")? + 2;
    // So that the server ends its answer by closing.
    for part in [&request[..line], b"connection: close\r\n", &request[line..]] {
        server.write_all(part).ok()?;
    }
    std::io::copy(&mut server, &mut client).ok().map(drop)
}

#[test]
fn a_right_that_is_missing_is_named_and_the_rest_stands() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = Project::tiny();
    let url = refusing(&served, "CREATE OR REPLACE TABLE main.tiny.totals");
    project.point_to(&url, "tiny");
    project.write("sql/after.sql", "SELECT count(*) AS n FROM totals\n");
    project.write("sql/apart.sql", "SELECT count(*) AS n FROM stg_orders\n");
    let ran = kiln_at(&project, &served, &["deploy"]);
    ran.fails_with(
        6,
        &["CREATE TABLE on Schema 'main.tiny'", "sk whoever owns the object for the right", "- build after"],
    );
    assert_eq!(served.sql("SELECT n FROM main.tiny.apart"), json!([["3"]]), "what does not need it is there");
    project.replace("jobs.yaml", &url, &served.url);
    let ran = kiln_at(&project, &served, &["deploy"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(served.version("main.tiny.apart"), "0", "it is not made twice");
    assert!(kiln_at(&project, &served, &["plan"]).stdout.starts_with("nothing to do"));
}

#[test]
fn what_stands_in_the_way_is_named_before_anything_is_changed() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = Project::tiny();
    project.point_at(&served);
    served.sql("CREATE SCHEMA main.tiny");
    served.sql("CREATE VIEW main.tiny.totals AS SELECT 1 AS a");
    let ran = kiln_at(&project, &served, &["deploy"]);
    ran.fails_with(3, &["nothing was deployed"]);
    assert!(ran.stdout.contains("view main.tiny.totals was not made by kiln"), "{}", ran.stdout);
    served.sql("DROP VIEW main.tiny.totals");
    served.sql("CREATE MATERIALIZED VIEW main.tiny.totals AS SELECT 1 AS a");
    let ran = kiln_at(&project, &served, &["deploy", "--adopt"]);
    ran.fails_with(3, &["nothing was deployed"]);
    assert!(ran.stdout.contains("a materialized view stands under the name main.tiny.totals"), "{}", ran.stdout);
    assert_eq!(served.sql("SHOW TABLES IN main.tiny LIKE 'stg*'"), json!([]), "nothing was made");
}

#[test]
fn a_renaming_killed_at_any_request_is_completed_by_the_next() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let killer = Killer::before(&served);
    let project = Project::tiny();
    project.point_to(&killer.url, "tiny");
    project.write(
        "dashboards/d.lvdash.json",
        &json!({"datasets": [], "pages": [{"name": "p", "displayName": "P"}]}).to_string(),
    );
    let jobs = project.read("jobs.yaml");
    project
        .write("jobs.yaml", &format!("{jobs}dashboards:\n  d0: {{file: dashboards/d.lvdash.json, folder: /Shared}}\n"));
    let deploy = ["deploy", "--concurrency", "1"];
    let (ran, _) = killer.run(&project, &served.token, &deploy, None);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let id_of = |title: &str| {
        served.get(&format!("/api/2.0/workspace/get-status?path=/Shared/{title}.lvdash.json")).1["resource_id"].clone()
    };
    let id = id_of("d0");
    project.replace("jobs.yaml", "  d0: {", "  d1: {");
    let (ran, requests) = killer.run(&project, &served.token, &deploy, None);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(id_of("d1"), id);
    let (mut name, mut killed) = (1, 0);
    for n in 1..=requests {
        for moment in moments(n) {
            project.replace("jobs.yaml", &format!("  d{name}: {{"), &format!("  d{}: {{", name + 1));
            name += 1;
            let (ran, _) = killer.run(&project, &served.token, &deploy, Some((n, moment)));
            killed += usize::from(ran.status != 0);
            let (ran, _) = killer.run(&project, &served.token, &deploy, None);
            assert_eq!(ran.status, 0, "{n} {moment:?}:\n{}{}", ran.stdout, ran.stderr);
            let (plan, _) = killer.run(&project, &served.token, &["plan"], None);
            assert!(plan.stdout.starts_with("nothing to do"), "{n} {moment:?}:\n{}", plan.stdout);
            assert_eq!(id_of(&format!("d{name}")), id, "{n} {moment:?}");
            assert_eq!(id_of(&format!("d{}", name - 1)), serde_json::Value::Null, "{n} {moment:?}");
        }
    }
    assert!(killed > 10, "only {killed} of {requests} requests were killed");
}
