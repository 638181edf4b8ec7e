//! Jobs that the workspace runs by itself: deployed, compared, run without kiln, and taken away.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::deploy_faults::answering;
use crate::support::{Project, Served, deploy_at, kiln_at};

const SCHEDULE: &str = "schedule: {cron: \"0 6 * * 1-5\", timezone: Europe/Berlin, retries: 1, timeout: 2h, notify: {on_failure: [team@example.test]}}";

/// A tiny project with a tested table, a dashboard and a schedule, whose environment is a served workspace.
fn project(served: &Served) -> Project {
    let project = Project::tiny();
    project.point_at(served);
    project.write(
        "dashboards/sales.lvdash.json",
        &json!({
            "datasets": [{"name": "t", "displayName": "T", "query": "SELECT customer, total FROM totals"}],
            "pages": [{"name": "main", "displayName": "Sales", "layout": []}],
        })
        .to_string(),
    );
    project.write("sql/best.sql", "SELECT max(total) AS total FROM totals\n");
    project.replace(
        "jobs.yaml",
        "  sql/staging: {materialized: view}\n",
        "  sql/staging: {materialized: view}\n  sql/totals: {tests: [{not_null: customer}, {expression: \"total < 1000\"}], columns: {total: {description: Net}}, \
         constraints: {primary_key: customer, check: {positive: \"total > 0\"}}, databricks_tags: {team: shop}}\n  \
         sql/best: {columns: {total: {description: Most}}}\n",
    );
    project.replace(
        "jobs.yaml",
        "  daily: {steps: [{sync: shop}, {build: sql/**}]}\n",
        &format!(
            "  daily:\n    {SCHEDULE}\n    steps: [{{sync: shop}}, {{build: sql/**}}, {{publish: sales}}]\n\
             dashboards:\n  sales: {{file: dashboards/sales.lvdash.json, title: Sales, folder: /Shared/Tiny}}\n"
        ),
    );
    project
}

/// Returns the changes of a plan: `act kind name`, then the reasons.
#[track_caller]
fn changes(project: &Project, served: &Served) -> Vec<(String, Vec<String>, bool)> {
    let ran = kiln_at(project, served, &["plan", "--output", "json"]);
    let line =
        ran.stdout.lines().find(|line| line.contains("\"event\":\"plan\"")).unwrap_or_else(|| panic!("{}", ran.stderr));
    let plan: Value = serde_json::from_str(line).expect("it is JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    plan["changes"]
        .as_array()
        .expect("it lists changes")
        .iter()
        .map(|change| {
            let reasons = change["reasons"].as_array().into_iter().flatten().map(text).collect();
            let short = format!("{} {} {}", text(&change["act"]), text(&change["kind"]), text(&change["name"]));
            (short, reasons, change["drift"] == true)
        })
        .collect()
}

fn jobs(served: &Served) -> Vec<Value> {
    let (status, list) = served.get("/api/2.2/jobs/list?limit=100&expand_tasks=true");
    assert_eq!(status, 200, "{list}");
    list["jobs"].as_array().cloned().unwrap_or_default()
}

/// Runs the one job as its schedule would, and returns how it and each of its tasks ended.
#[track_caller]
fn run(served: &Served) -> (String, Vec<(String, String)>) {
    let all = jobs(served);
    assert_eq!(all.len(), 1, "{all:?}");
    let begun = served.ask_for("/api/2.2/jobs/run-now", &json!({"job_id": all[0]["job_id"]}));
    let path = format!("/api/2.2/jobs/runs/get?run_id={}", begun["run_id"]);
    let limit = Instant::now() + Duration::from_secs(60);
    loop {
        let (_, run) = served.get(&path);
        if run["status"]["state"] == "TERMINATED" {
            let code = |run: &Value| run["status"]["termination_details"]["code"].as_str().unwrap_or("?").to_owned();
            let tasks = run["tasks"].as_array().expect("it has tasks");
            let mut tasks: Vec<_> =
                tasks.iter().map(|task| (task["task_key"].as_str().unwrap_or("?").to_owned(), code(task))).collect();
            tasks.sort();
            let message = run["status"]["termination_details"]["message"].as_str().unwrap_or_default();
            return (format!("{} {message}", code(&run)).trim().to_owned(), tasks);
        }
        assert!(Instant::now() < limit, "the run does not end: {run}");
        std::thread::yield_now();
    }
}

#[test]
fn a_scheduled_job_is_deployed_and_runs_without_kiln() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    let name = "tiny: daily (main.tiny)";
    let planned = changes(&project, &served);
    assert_eq!(planned.last().expect("it plans").0, format!("create job {name}"));
    deploy_at(&project, &served, &[]);

    let all = jobs(&served);
    assert_eq!(all.len(), 1);
    let settings = &all[0]["settings"];
    assert_eq!(settings["name"], name);
    assert_eq!(
        settings["schedule"],
        json!({"quartz_cron_expression": "0 0 6 ? * 2-6", "timezone_id": "Europe/Berlin", "pause_status": "UNPAUSED"})
    );
    assert_eq!(settings["timeout_seconds"], 7200);
    assert_eq!(settings["email_notifications"], json!({"on_failure": ["team@example.test"]}));
    let needs = |key: &str| {
        let task = settings["tasks"].as_array().expect("tasks").iter().find(|task| task["task_key"] == key);
        let task = task.unwrap_or_else(|| panic!("no task {key}"));
        let needs = task["depends_on"].as_array().cloned().unwrap_or_default();
        needs.iter().map(|need| need["task_key"].as_str().unwrap_or("?").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(needs("totals"), ["kiln_sources"], "the view between them has no task");
    assert_eq!(needs("best"), ["totals"]);
    assert_eq!(needs("refresh_sales"), ["totals"]);

    // New rows arrive, and the workspace takes them in by itself.
    served.sql(
        "INSERT INTO main.shop_public.orders (id, customer, amount, _fivetran_synced, _fivetran_deleted) VALUES (4, 'cleo', 900, current_timestamp(), false)",
    );
    let (ended, tasks) = run(&served);
    assert_eq!(ended, "SUCCESS");
    let all_succeeded: Vec<_> =
        ["best", "kiln_sources", "refresh_sales", "totals"].map(|key| (key.to_owned(), "SUCCESS".to_owned())).into();
    assert_eq!(tasks, all_succeeded);
    let rows = served.sql("SELECT customer, total FROM main.tiny.totals ORDER BY customer");
    assert_eq!(rows, json!([["ann", "14.75"], ["bob", "20.00"], ["cleo", "900.00"]]));
    assert_eq!(served.sql("SELECT total FROM main.tiny.best"), json!([["900.00"]]));
    assert_eq!(changes(&project, &served), [], "what it built is what a deploy builds");
    assert!(!served.sql("SHOW TABLES IN main.tiny").to_string().contains("_kiln_new"), "nothing is left aside");

    // Rows that fail a test are not published, and what reads them is not built.
    served.sql(
        "INSERT INTO main.shop_public.orders (id, customer, amount, _fivetran_synced, _fivetran_deleted) VALUES (5, 'dora', 5000, current_timestamp(), false)",
    );
    let (ended, tasks) = run(&served);
    assert!(
        ended.contains("totals was not published, its tests failed: expression total < 1000 (1 failing)"),
        "{ended}"
    );
    let code = |key: &str| tasks.iter().find(|(task, _)| task == key).map(|(_, code)| code.clone());
    assert_eq!(code("totals").as_deref(), Some("RUN_EXECUTION_ERROR"));
    assert_eq!(code("best").as_deref(), Some("SKIPPED"));
    assert_eq!(served.sql("SELECT total FROM main.tiny.best"), json!([["900.00"]]));
    assert_eq!(served.sql("SELECT count(*) FROM main.tiny.totals"), json!([["3"]]));
}

#[test]
fn a_scheduled_job_builds_nothing_from_stale_data_or_beside_another_run() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    deploy_at(&project, &served, &[]);
    let before = served.version("main.tiny.totals");
    served.sql("CREATE TABLE main.tiny._kiln_lock (x INT)");
    let (ended, tasks) = run(&served);
    assert!(ended.contains("another run changes main.tiny at the moment"), "{ended}");
    assert_eq!(tasks.iter().filter(|(_, code)| code == "SKIPPED").count(), 3, "{tasks:?}");
    served.sql("DROP TABLE main.tiny._kiln_lock");

    served.sql("UPDATE main.shop_public.orders SET _fivetran_synced = current_timestamp() - INTERVAL 25 HOURS");
    let (ended, _) = run(&served);
    assert!(ended.contains("the data of connection shop are stale: synced last at 2"), "{ended}");
    assert!(ended.contains(", and may be 24 h old"), "{ended}");
    project.replace("jobs.yaml", "{sync: shop}", "{sync: shop, ensure_fresh: 26h}");
    let found = changes(&project, &served);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].1, ["task `kiln_sources` runs other SQL"]);
    assert_eq!(served.version("main.tiny.totals"), before, "nothing was built");
    deploy_at(&project, &served, &[]);
    assert_eq!(run(&served).0, "SUCCESS");
}

#[test]
fn a_job_altered_by_hand_is_found_and_put_right_and_what_kiln_does_not_know_stays() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    deploy_at(&project, &served, &[]);
    let job = jobs(&served).remove(0);
    let mut settings = job["settings"].clone();
    settings["schedule"]["pause_status"] = json!("PAUSED");
    settings["tags"]["team"] = json!("data");
    settings["health"] = json!({"rules": [{"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": 60}]});
    settings["tasks"]
        .as_array_mut()
        .expect("tasks")
        .push(json!({"task_key": "mine", "notebook_task": {"notebook_path": "/n"}}));
    served.ask_for("/api/2.2/jobs/reset", &json!({"job_id": job["job_id"], "new_settings": settings}));
    let found = changes(&project, &served);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "update job tiny: daily (main.tiny)");
    assert_eq!(found[0].1, ["its schedule is paused", "task `mine` goes"]);
    assert!(found[0].2, "it drifted");
    deploy_at(&project, &served, &[]);
    let now = jobs(&served).remove(0);
    assert_eq!(now["job_id"], job["job_id"], "it is the same job");
    assert_eq!(now["settings"]["schedule"]["pause_status"], "UNPAUSED");
    assert_eq!(now["settings"]["tags"]["team"], "data");
    assert_eq!(now["settings"]["health"], settings["health"]);

    // Renamed, it is still ours.
    let mut renamed = now["settings"].clone();
    renamed["name"] = json!("Renamed");
    served.ask_for("/api/2.2/jobs/reset", &json!({"job_id": job["job_id"], "new_settings": renamed}));
    assert_eq!(changes(&project, &served)[0].1, ["it is named `Renamed`"]);
    deploy_at(&project, &served, &[]);
    assert_eq!(jobs(&served).len(), 1);

    // A change of a model changes its file and nothing else; the file before stays for a run that may be under way.
    let files = || {
        served.get("/api/2.0/workspace/list?path=/Shared/kiln/tiny/main.tiny/daily").1["objects"]
            .as_array()
            .map_or(0, Vec::len)
    };
    assert_eq!(files(), 3);
    for (total, left) in [("1.0", 4), ("2.0", 4)] {
        project.write("sql/best.sql", &format!("SELECT max(total) * {total} AS total FROM totals\n"));
        let found = changes(&project, &served);
        assert_eq!(found.last().expect("the job changes").1, ["task `best` runs other SQL"]);
        assert!(!found.last().expect("the job changes").2, "that is no drift");
        deploy_at(&project, &served, &[]);
        assert_eq!(files(), left);
    }
}

#[test]
fn a_job_runs_as_whom_the_project_says_and_another_is_drift() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    let run_as = |project: &Project, old: &str, new: &str| project.replace("jobs.yaml", old, new);
    run_as(&project, "retries: 1,", "retries: 1, run_as: 0f3c4a5b-0000-4000-8000-000000000001,");
    deploy_at(&project, &served, &[]);
    let job = jobs(&served).remove(0);
    let principal = json!({"service_principal_name": "0f3c4a5b-0000-4000-8000-000000000001"});
    assert_eq!(job["settings"]["run_as"], principal, "it goes with the request that makes the job");
    assert_eq!(changes(&project, &served), []);

    // Somebody lets it run with their own rights.
    let id = job["job_id"].clone();
    let mut settings = job["settings"].clone();
    settings["run_as"] = json!({"user_name": "ada@example.test"});
    served.ask_for("/api/2.2/jobs/reset", &json!({"job_id": id, "new_settings": settings}));
    let reason = "it runs as 0f3c4a5b-0000-4000-8000-000000000001 instead of ada@example.test";
    let name = "update job tiny: daily (main.tiny)".to_owned();
    assert_eq!(changes(&project, &served), [(name.clone(), vec![reason.to_owned()], true)]);
    let status = kiln_at(&project, &served, &["status"]);
    assert_eq!(status.status, 3, "{}", status.stdout);
    assert!(status.stdout.contains(reason), "{}", status.stdout);
    deploy_at(&project, &served, &[]);
    assert_eq!(jobs(&served).remove(0)["settings"]["run_as"], principal);

    // The project's own change is none, and a user is told from a service principal; the service may write names otherwise.
    run_as(&project, "run_as: 0f3c4a5b-0000-4000-8000-000000000001,", "run_as: Ada@example.test,");
    let reason = "it runs as Ada@example.test instead of 0f3c4a5b-0000-4000-8000-000000000001";
    assert_eq!(changes(&project, &served), [(name, vec![reason.to_owned()], false)]);
    deploy_at(&project, &served, &[]);
    assert_eq!(jobs(&served).remove(0)["settings"]["run_as"], json!({"user_name": "Ada@example.test"}));
    settings["run_as"] = json!({"user_name": "ada@example.test"});
    served.ask_for("/api/2.2/jobs/reset", &json!({"job_id": id, "new_settings": settings}));
    assert_eq!(changes(&project, &served), []);

    // Where nothing is said any more, nobody knows as whom it should run instead: it stays.
    run_as(&project, " run_as: Ada@example.test,", "");
    assert_eq!(changes(&project, &served), []);
    assert_eq!(run(&served).0, "SUCCESS");
}

#[test]
fn a_job_that_may_not_run_as_somebody_is_told_with_what_is_missing() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let refusal =
        json!({"error_code": "PERMISSION_DENIED", "message": "The caller may not use the service principal."});
    let url = answering(&served, "\"run_as\"", "403 Forbidden", refusal);
    let project = project(&served);
    project.replace("jobs.yaml", &served.url, &url);
    project.replace("jobs.yaml", "retries: 1,", "retries: 1, run_as: 0f3c,");
    let ran = kiln_at(&project, &served, &["deploy"]);
    let said = [
        "job `daily`: it shall run as `0f3c`: ",
        "The caller may not use the service principal.",
        "sk a manager of the service principal `0f3c` to give whoever deploys the role `Service principal: User` on it",
    ];
    ran.fails_with(6, &said);
    assert_eq!(jobs(&served), [] as [Value; 0]);
    assert_eq!(served.sql("SELECT count(*) FROM main.tiny.totals"), json!([["2"]]), "all else is there");

    project.replace("jobs.yaml", "run_as: 0f3c,", "run_as: bob@example.test,");
    kiln_at(&project, &served, &["deploy"])
        .fails_with(6, &["nly admins of the workspace", "name a service principal in `run_as`"]);
    project.replace("jobs.yaml", " run_as: bob@example.test,", "");
    deploy_at(&project, &served, &[]);
}

#[test]
fn environments_say_whether_schedules_run_and_a_schedule_that_goes_takes_its_job_along() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    project.replace("jobs.yaml", "schema: tiny, default: true", "schema: tiny, schedules: paused, default: true");
    deploy_at(&project, &served, &[]);
    assert_eq!(jobs(&served)[0]["settings"]["schedule"]["pause_status"], "PAUSED");

    project.replace("jobs.yaml", "schedules: paused", "schedules: none");
    let found = changes(&project, &served);
    assert_eq!(found[0].0, "orphan job tiny: daily (main.tiny)");
    assert_eq!(kiln_at(&project, &served, &["deploy"]).status, 0);
    assert_eq!(jobs(&served).len(), 1, "it is dropped only when told");
    deploy_at(&project, &served, &["--prune"]);
    assert_eq!(jobs(&served).len(), 0);
    assert_eq!(served.get("/api/2.0/workspace/get-status?path=/Shared/kiln/tiny/main.tiny/daily").0, 404);

    project.replace("jobs.yaml", "schedules: none", "schedules: run");
    deploy_at(&project, &served, &[]);
    // A job of another project is none of ours.
    served.ask_for("/api/2.2/jobs/create", &json!({"name": "tiny: daily (main.tiny)"}));
    assert_eq!(changes(&project, &served), []);
    let ran = kiln_at(&project, &served, &["destroy"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let left = jobs(&served);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["settings"]["tags"], Value::Null);
    assert!(kiln_at(&project, &served, &["destroy"]).stdout.contains("nothing to do"));
}

#[test]
fn the_flagship_runs_as_a_scheduled_job() {
    let server = Project::flagship(300);
    let served = server.serve(&[]);
    let project = Project::flagship(300);
    project.replace(
        "jobs.yaml",
        "  local: {workspace: local, catalog: main, schema: retention, default: true}",
        &format!(
            "  served: {{host: \"{0}\", fivetran: \"{0}\", catalog: main, schema: retention, default: true}}",
            served.url
        ),
    );
    deploy_at(&project, &served, &[]);
    let sums = || served.sql("SELECT count(*), sum(revenue) FROM main.retention.purchases");
    let before = sums();
    let version = served.version("main.retention.retention_kpis");
    let (ended, tasks) = run(&served);
    assert_eq!(ended, "SUCCESS", "{tasks:?}");
    assert!(tasks.len() > 12, "{tasks:?}");
    assert_eq!(sums(), before);
    assert_ne!(served.version("main.retention.retention_kpis"), version, "it was built again");
    assert_eq!(changes(&project, &served), []);
}

#[test]
fn what_is_wrong_with_a_schedule_is_said_at_its_place() {
    let project = Project::tiny();
    let steps = "steps: [{sync: shop}, {build: sql/**}]}";
    for (schedule, said) in [
        ("{cron: \"0 25 * * *\", timezone: UTC}", "`0 25 * * *` is not a schedule: there is no hour `25`"),
        ("{cron: \"0 6 * * *\", timezone: CET}", "`CET` is not the name of a time zone"),
        ("{cron: \"0 6 * * *\"}", "`schedule` has no `timezone`"),
        ("{cron: \"0 6 * * *\", timezone: UTC, notify: {on_failure: [me]}}", "`me` is not an e-mail address"),
        ("{cron: \"0 6 * * *\", timezone: UTC, retries: 99}", "`retries` is 99, and can be 10 at most"),
        ("{cron: \"0 6 * * *\", timezone: UTC, puased: true}", "Did you mean `paused`?"),
    ] {
        let jobs = crate::support::TINY_JOBS.replace(steps, &format!("schedule: {schedule}, {steps}"));
        project.write("jobs.yaml", &jobs);
        project.kiln(&["check"]).fails_with(1, &[said, "jobs.yaml:17:"]);
    }
}
