//! A deploy that dies at any of its requests: the next one completes it, and nothing is done twice.

use serde_json::json;

use crate::support::killer::{Killer, Moment};
use crate::support::{Project, Served};

#[test]
fn a_deploy_killed_at_any_request_is_completed_by_the_next() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let killer = Killer::before(&served);
    let project_in = |schema: &str| {
        let project = Project::tiny();
        project.point_to(&killer.url, schema);
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
            "  sql/staging: {materialized: view}\n  sql/totals: {columns: {total: {description: Net}}, \
             constraints: {not_null: total, primary_key: customer, check: {positive: \"total > 0\"}}, databricks_tags: {team: shop}, \
             grants: {analysts: [SELECT]}}\n  sql/best: {constraints: {foreign_keys: [{customer: totals.customer}]}}\n",
        );
        project.write("sql/best.sql", "SELECT customer, total FROM totals ORDER BY total DESC LIMIT 1\n");
        project.replace("jobs.yaml", "  daily: {", "  daily: {schedule: {cron: \"0 6 * * *\", timezone: UTC}, ");
        project
    };
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
    assert!(killed >= 40, "only {killed} deploys were killed");
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
        "SELECT grantee, privilege_type FROM main.information_schema.table_privileges WHERE table_schema = '{}'",
    ]
    .map(|sql| served.sql(&sql.replace("{}", schema)))
    .into();
    let writes = served.sql(&format!("DESCRIBE HISTORY main.{schema}.totals"));
    json!({"tables": tables, "dashboard": status, "published": published, "access": access, "schedules": schedules, "rows": rows, "jobs": tasks, "said": said, "writes": writes.as_array().map(Vec::len)})
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
