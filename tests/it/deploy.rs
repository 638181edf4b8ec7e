//! `kiln plan` and `kiln deploy`: the workspace, served by another process, becomes what the project says.

use serde_json::{Value, json};

use crate::support::{Project, Served, deploy_at, kiln_at};

/// A tiny project with a dashboard, whose environment is a served workspace.
pub(crate) fn project(served: &Served) -> Project {
    let project = Project::tiny();
    project.point_at(served);
    project.write(
        "dashboards/sales.lvdash.json",
        &json!({
            "datasets": [{"name": "totals", "displayName": "Totals", "query": "SELECT customer, total FROM totals"}],
            "pages": [{"name": "main", "displayName": "Sales", "layout": [{
                "widget": {"name": "spend", "queries": [{"name": "main_query", "query": {"datasetName": "totals",
                    "fields": [{"name": "sum(total)", "expression": "SUM(`total`)"}], "disaggregated": false}}],
                    "spec": {"version": 2, "widgetType": "counter", "encodings": {"value": {"fieldName": "sum(total)"}},
                        "frame": {"showTitle": true, "title": "Sales"}}},
                "position": {"x": 0, "y": 0, "width": 2, "height": 2}}]}],
        })
        .to_string(),
    );
    let jobs = project.read("jobs.yaml");
    let jobs =
        jobs + "dashboards:\n  sales: {file: dashboards/sales.lvdash.json, title: Sales, folder: /Shared/Tiny}\n";
    project.write("jobs.yaml", &jobs);
    project
}

/// Returns the changes of a plan as `act kind name`.
#[track_caller]
pub(crate) fn planned(project: &Project, served: &Served, args: &[&str]) -> Vec<String> {
    changes(project, served, args).iter().map(short).collect()
}

/// Returns the changes of a plan.
#[track_caller]
pub(crate) fn changes(project: &Project, served: &Served, args: &[&str]) -> Vec<Value> {
    let ran = kiln_at(project, served, &[&["plan", "--output", "json"], args].concat());
    let line =
        ran.stdout.lines().find(|line| line.contains("\"event\":\"plan\"")).unwrap_or_else(|| panic!("{}", ran.stderr));
    let plan: Value = serde_json::from_str(line).expect("it is JSON");
    plan["changes"].as_array().expect("it lists changes").clone()
}

pub(crate) fn short(change: &Value) -> String {
    let text = |key: &str| change[key].as_str().unwrap_or_default().to_owned();
    format!("{} {} {}", text("act"), text("kind"), text("name"))
}

#[test]
fn a_deploy_does_what_the_plan_says_and_then_there_is_nothing_to_do() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    assert_eq!(
        planned(&project, &served, &[]),
        [
            "create schema main.tiny",
            "sync connection shop",
            "create view main.tiny.stg_orders",
            "create table main.tiny.totals",
            "create dashboard /Shared/Tiny/Sales.lvdash.json",
        ]
    );
    deploy_at(&project, &served, &[]);
    let rows = served.sql("SELECT customer, total, orders FROM main.tiny.totals ORDER BY customer");
    assert_eq!(rows, json!([["ann", "14.75", "2"], ["bob", "20.00", "1"]]));

    // Blanks and comments are no change; nor is a run of the job a change of what is deployed.
    project.write(
        "sql/totals.sql",
        "-- by customer\nSELECT customer,   sum(amount) AS total, count(*) AS orders /* all */\nFROM stg_orders GROUP BY customer\n",
    );
    assert_eq!(planned(&project, &served, &[]), Vec::<String>::new());
    let ran = kiln_at(&project, &served, &["sync-and-refresh"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(planned(&project, &served, &[]), Vec::<String>::new());
}

#[test]
fn a_changed_line_changes_its_model_and_what_rests_on_it() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    project.write("sql/apart.sql", "SELECT count(*) AS n FROM shop_public.orders\n");
    deploy_at(&project, &served, &[]);
    project.replace(
        "sql/staging/stg_orders.sql",
        "coalesce(_fivetran_deleted, false)",
        "coalesce(_fivetran_deleted, true)",
    );
    let changes = changes(&project, &served, &[]);
    assert_eq!(
        changes.iter().map(short).collect::<Vec<_>>(),
        ["update view main.tiny.stg_orders", "rebuild table main.tiny.totals"]
    );
    assert_eq!(changes[0]["reasons"], json!(["its query changed"]));
    let diff = changes[0]["diff"].as_str().expect("it shows the difference");
    assert!(
        diff.contains("-WHERE NOT coalesce(_fivetran_deleted, false)\n+WHERE NOT coalesce(_fivetran_deleted, true)\n"),
        "{diff}"
    );
    assert_eq!(changes[1]["reasons"], json!(["it rests on `stg_orders`, which changes"]));
    let before = served.version("main.tiny.apart");
    deploy_at(&project, &served, &[]);
    assert_eq!(served.version("main.tiny.apart"), before, "what does not rest on it is left alone");

    // What needs no rows computed anew is changed in place.
    project.replace(
        "jobs.yaml",
        "  sql/staging: {materialized: view}\n",
        "  sql/staging: {materialized: view}\n  sql/apart: {description: \"It's all\", cluster_by: [n]}\n",
    );
    let changes = self::changes(&project, &served, &[]);
    assert_eq!(changes.iter().map(short).collect::<Vec<_>>(), ["update table main.tiny.apart"]);
    assert_eq!(changes[0]["reasons"], json!(["its description differs", "it is clustered by nothing instead of `n`"]));
    let told = deploy_at(&project, &served, &[]);
    assert!(told.contains("alter apart"), "{told}");
    let detail = served.sql("DESCRIBE DETAIL main.tiny.apart");
    assert!(detail.to_string().contains("It's all"), "{detail}");

    // Another kind of thing: the old one makes room.
    project.replace("jobs.yaml", "cluster_by: [n]}", "materialized: view}");
    assert_eq!(planned(&project, &served, &[]), ["replace view main.tiny.apart"]);
    deploy_at(&project, &served, &[]);
}

#[test]
fn a_view_that_shall_be_a_table_stays_until_the_table_is_there() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    deploy_at(&project, &served, &[]);
    let rows = || served.sql("SELECT id, amount FROM main.tiny.stg_orders ORDER BY id");
    let before = rows();
    assert_eq!(before.as_array().map(Vec::len), Some(3));
    project.replace("jobs.yaml", "sql/staging: {materialized: view}", "sql/staging: {materialized: table}");
    project.replace(
        "sql/staging/stg_orders.sql",
        "customer, amount",
        "CAST(raise_error('not yet') AS STRING) AS customer, amount",
    );
    assert_eq!(planned(&project, &served, &[])[0], "replace table main.tiny.stg_orders");
    kiln_at(&project, &served, &["deploy"]).fails_with(3, &["not yet"]);
    assert_eq!(rows(), before, "readers have what they had");
    project.replace("sql/staging/stg_orders.sql", "CAST(raise_error('not yet') AS STRING) AS customer", "customer");
    deploy_at(&project, &served, &[]);
    assert_eq!(rows(), before);
    assert_eq!(planned(&project, &served, &[]), [""; 0]);
    let there = served.sql("SHOW TABLES IN main.tiny LIKE '_kiln_new_*'");
    assert_eq!(there, json!([]), "nothing is left beside it");
}

#[test]
fn what_people_changed_in_the_workspace_is_found_and_put_right() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    deploy_at(&project, &served, &[]);
    served.sql("ALTER VIEW main.tiny.stg_orders AS SELECT id, customer, 0 AS amount FROM main.shop_public.orders");
    served.sql("ALTER TABLE main.tiny.totals ADD COLUMN remark STRING");
    let changes = changes(&project, &served, &[]);
    assert_eq!(
        changes.iter().map(short).collect::<Vec<_>>(),
        ["update view main.tiny.stg_orders", "rebuild table main.tiny.totals"]
    );
    assert_eq!(changes[0]["drift"], true);
    assert_eq!(changes[0]["reasons"], json!(["its query was changed in the workspace"]));
    assert_eq!(changes[1]["drift"], true);
    deploy_at(&project, &served, &[]);

    served.sql("DROP TABLE main.tiny.totals");
    assert_eq!(planned(&project, &served, &[]), ["create table main.tiny.totals"]);
    deploy_at(&project, &served, &[]);
}

#[test]
fn what_is_not_kilns_is_left_alone_until_told() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    served.sql("CREATE SCHEMA main.tiny");
    served.sql("CREATE TABLE main.tiny.totals AS SELECT 1 AS mine");
    let project = project(&served);
    let ran = kiln_at(&project, &served, &["deploy"]);
    ran.fails_with(3, &["nothing was deployed"]);
    assert!(ran.stdout.contains("! table      main.tiny.totals"), "{}", ran.stdout);
    assert!(ran.stdout.contains("was not made by kiln"), "{}", ran.stdout);
    assert_eq!(served.sql("SHOW VIEWS IN main.tiny"), json!([]), "nothing else was begun");
    // A job does not take it over either.
    let ran = kiln_at(&project, &served, &["sync-and-refresh"]);
    ran.fails_with(3, &["✗ build totals", "was not made by kiln", "--adopt"]);
    assert_eq!(served.sql("SELECT * FROM main.tiny.totals"), json!([["1"]]));
    deploy_at(&project, &served, &["--adopt"]);
    assert_eq!(served.sql("SELECT count(*) FROM main.tiny.totals"), json!([["2"]]));

    // Another project does not take over what this one made.
    project.replace("jobs.yaml", "project: tiny", "project: other");
    assert_eq!(planned(&project, &served, &[])[0], "foreign view main.tiny.stg_orders");
}

#[test]
fn what_left_the_project_is_listed_and_dropped_only_when_told() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    project.write("sql/apart.sql", "SELECT count(*) AS n FROM stg_orders\n");
    deploy_at(&project, &served, &[]);
    std::fs::remove_file(project.path().join("sql/apart.sql")).expect("it can be removed");
    project.replace("jobs.yaml", "folder: /Shared/Tiny", "folder: /Shared/Board");
    let left = ["orphan table main.tiny.apart", "orphan dashboard /Shared/Tiny/Sales.lvdash.json"];
    assert_eq!(
        planned(&project, &served, &[]),
        [&["create dashboard /Shared/Board/Sales.lvdash.json"], left.as_slice()].concat()
    );
    assert_eq!(kiln_at(&project, &served, &["deploy"]).status, 0);
    assert_eq!(planned(&project, &served, &[]), left, "they are not forgotten");
    assert_eq!(served.sql("SELECT n FROM main.tiny.apart"), json!([["3"]]));
    deploy_at(&project, &served, &["--prune"]);
    let tables = served.sql("SHOW TABLES IN main.tiny").to_string();
    assert!(!tables.contains("apart"), "{tables}");
    assert_eq!(served.get("/api/2.0/workspace/get-status?path=/Shared/Tiny/Sales.lvdash.json").0, 404);
    assert_eq!(served.get("/api/2.0/workspace/get-status?path=/Shared/Board/Sales.lvdash.json").0, 200);
}

#[test]
fn what_a_person_changed_in_a_dashboard_is_not_lost() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    deploy_at(&project, &served, &[]);
    let (_, object) = served.get("/api/2.0/workspace/get-status?path=/Shared/Tiny/Sales.lvdash.json");
    let path = format!("/api/2.0/lakeview/dashboards/{}", object["resource_id"].as_str().expect("it is there"));
    let content = |title: &str| {
        let (_, draft) = served.get(&path);
        let mut content: Value =
            serde_json::from_str(draft["serialized_dashboard"].as_str().expect("it has content")).unwrap();
        content["pages"][0]["layout"][0]["widget"]["spec"]["frame"]["title"] = json!(title);
        content.to_string()
    };
    served.patch(&path, &json!({"serialized_dashboard": content("Better title")}));
    let changes = changes(&project, &served, &[]);
    assert_eq!(changes.iter().map(short).collect::<Vec<_>>(), ["edited dashboard /Shared/Tiny/Sales.lvdash.json"]);
    assert_eq!(changes[0]["reasons"], json!(["widget `Sales`: its title was `Better title` and is `Sales`"]));
    kiln_at(&project, &served, &["deploy"]).fails_with(3, &["nothing was deployed"]);
    project.replace("jobs.yaml", "{build: sql/**}", "{build: sql/**}, {publish: sales}");
    kiln_at(&project, &served, &["sync-and-refresh"])
        .fails_with(3, &["was changed in the workspace", "--overwrite-edits"]);
    assert_eq!(content("Better title"), content("Better title"));
    let (_, draft) = served.get(&path);
    assert!(draft["serialized_dashboard"].to_string().contains("Better title"), "{draft}");
    deploy_at(&project, &served, &["--overwrite-edits"]);
    let (_, draft) = served.get(&path);
    assert!(!draft["serialized_dashboard"].to_string().contains("Better title"), "{draft}");

    // Or what they changed comes into the file, and then there is nothing to do.
    served.patch(&path, &json!({"serialized_dashboard": content("Best title")}));
    let ran = kiln_at(&project, &served, &["dashboard", "pull", "sales"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("wrote dashboards/sales.lvdash.json")
            && ran.stderr.contains("widget `Best title`: its title was `Sales` and is `Best title`"),
        "{}",
        ran.stderr
    );
    assert!(project.read("dashboards/sales.lvdash.json").contains("\"title\": \"Best title\""));
    assert!(!project.read("dashboards/sales.lvdash.json").contains("\"catalog\""), "the file fits every environment");
    assert!(kiln_at(&project, &served, &["dashboard", "pull"]).stderr.contains("is as in the workspace"));
    assert_eq!(planned(&project, &served, &[]), ["publish dashboard /Shared/Tiny/Sales.lvdash.json"]);
    deploy_at(&project, &served, &[]);
    kiln_at(&project, &served, &["dashboard", "pull", "sale"]).fails_with(2, &["Did you mean `sales`?"]);

    // A change of ours goes through: what lies there is what was sent.
    project.replace("dashboards/sales.lvdash.json", "\"title\": \"Best title\"", "\"title\": \"All sales\"");
    assert_eq!(planned(&project, &served, &[]), ["update dashboard /Shared/Tiny/Sales.lvdash.json"]);
    deploy_at(&project, &served, &[]);
}

#[test]
fn grants_of_those_who_are_named_are_what_the_project_says() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    project.replace(
        "jobs.yaml",
        "schema: tiny, default: true",
        "schema: tiny, default: true, grants: {analysts: [use_schema, SELECT], \"eve@example.test\": []}",
    );
    deploy_at(&project, &served, &[]);
    let held = |who: &str| {
        let rows = served.sql("SHOW GRANTS ON SCHEMA main.tiny");
        let mut held: Vec<String> = rows
            .as_array()
            .into_iter()
            .flatten()
            .filter(|row| row[0] == who)
            .map(|row| row[1].as_str().unwrap_or_default().to_owned())
            .collect();
        held.sort();
        held
    };
    assert_eq!(held("analysts"), ["SELECT", "USE SCHEMA"]);
    served.sql("GRANT MODIFY ON SCHEMA main.tiny TO `analysts`");
    served.sql("GRANT MODIFY ON SCHEMA main.tiny TO `eve@example.test`");
    served.sql("GRANT MODIFY ON SCHEMA main.tiny TO `others`");
    served.sql("REVOKE SELECT ON SCHEMA main.tiny FROM `analysts`");
    let changes = changes(&project, &served, &[]);
    assert_eq!(changes.iter().map(short).collect::<Vec<_>>(), ["update grants on main.tiny"]);
    assert_eq!(
        changes[0]["reasons"],
        json!(["analysts gets SELECT", "analysts loses MODIFY", "eve@example.test loses MODIFY"])
    );
    deploy_at(&project, &served, &[]);
    assert_eq!(
        (held("analysts"), held("eve@example.test"), held("others")),
        (vec!["SELECT".into(), "USE SCHEMA".into()], vec![], vec!["MODIFY".into()])
    );
    project.replace("jobs.yaml", "use_schema, SELECT", "use_schema, SELCT");
    kiln_at(&project, &served, &["plan"]).fails_with(1, &["Did you mean `SELECT`?", "jobs.yaml:"]);
}

#[test]
fn two_deploys_do_not_get_into_each_others_way() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    deploy_at(&project, &served, &[]);
    served.sql(
        "CREATE TABLE main.tiny._kiln_lock (note STRING) TBLPROPERTIES ('kiln.lock.run' = 'r1', \
         'kiln.lock.act' = 'deploy', 'kiln.lock.who' = 'ada@example.test', 'kiln.lock.machine' = 'ada-laptop', \
         'kiln.lock.since' = '2026-11-24T08:30:00+00:00')",
    );
    // With nothing to do, nobody is in the way.
    assert_eq!(kiln_at(&project, &served, &["deploy"]).status, 0);
    project.replace("sql/totals.sql", "count(*) AS orders", "count(*) AS n");
    let held = "ada@example.test runs `deploy` from ada-laptop since 2026-11-24 08:30:00 UTC (run r1)";
    kiln_at(&project, &served, &["deploy"]).fails_with(6, &[held, "--break-lock r1"]);
    kiln_at(&project, &served, &["deploy", "--break-lock", "r0"]).fails_with(6, &[held]);
    assert_eq!(planned(&project, &served, &[]), ["rebuild table main.tiny.totals"]);
    deploy_at(&project, &served, &["--break-lock", "r1"]);
    let tables = served.sql("SHOW TABLES IN main.tiny").to_string();
    assert!(!tables.contains("_kiln_lock"), "the lock is let go: {tables}");
}

#[test]
fn a_saved_plan_is_carried_out_only_while_it_fits() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    deploy_at(&project, &served, &[]);
    project.replace("sql/totals.sql", "count(*) AS orders", "count(*) AS n");
    project.write("plan.json", &kiln_at(&project, &served, &["plan", "--output", "json"]).stdout);
    served.sql("ALTER VIEW main.tiny.stg_orders AS SELECT 1 AS id, 'eve' AS customer, 0 AS amount");
    let ran = kiln_at(&project, &served, &["deploy", "--plan", "plan.json"]);
    ran.fails_with(3, &["the saved plan no longer fits"]);
    assert!(ran.stdout.contains("~ view       main.tiny.stg_orders  (drifted)"), "{}", ran.stdout);
    assert_eq!(planned(&project, &served, &[]).len(), 2, "nothing was done");
    deploy_at(&project, &served, &[]);
    project.replace("sql/totals.sql", "count(*) AS n", "count(*) AS orders");
    project.write("plan.json", &kiln_at(&project, &served, &["plan", "--output", "json"]).stdout);
    deploy_at(&project, &served, &["--plan", "plan.json"]);

    // What is not told of a change line by line is bound all the same: what is new, and what a widget shows.
    let shown = |project: &Project| {
        project.replace("dashboards/sales.lvdash.json", "\"title\":\"Sales\"", "\"title\":\"Revenue\"");
    };
    let new = |project: &Project| project.write("sql/new.sql", "SELECT 1 AS a\n");
    shown(&project);
    new(&project);
    project.write("plan.json", &kiln_at(&project, &served, &["plan", "--output", "json"]).stdout);
    let refused = || {
        let ran = kiln_at(&project, &served, &["deploy", "--plan", "plan.json"]);
        ran.fails_with(3, &["the saved plan no longer fits"]);
    };
    project.write("sql/new.sql", "SELECT 2 AS a\n");
    refused();
    new(&project);
    project.replace("dashboards/sales.lvdash.json", "\"title\":\"Revenue\"", "\"title\":\"Turnover\"");
    refused();
    project.replace("dashboards/sales.lvdash.json", "\"title\":\"Turnover\"", "\"title\":\"Revenue\"");
    deploy_at(&project, &served, &["--plan", "plan.json"]);
    kiln_at(&project, &served, &["deploy", "--plan", "jobs.yaml"]).fails_with(2, &["jobs.yaml holds no plan"]);
    kiln_at(&project, &served, &["deploy", "--plan", "none.json"]).fails_with(2, &["none.json"]);
}

#[test]
fn a_protected_environment_takes_committed_files_of_its_branch_and_a_yes() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    project.replace(
        "jobs.yaml",
        "schema: tiny, default: true",
        "schema: tiny, default: true, protected: {branch: main}",
    );
    kiln_at(&project, &served, &["deploy", "--yes"]).fails_with(2, &["git does not say whether all is committed"]);
    let git = |args: &[&str]| {
        let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.test", "-C"];
        let mut command = std::process::Command::new("git");
        command.args(identity).arg(project.path()).args(args);
        let done = command.output().expect("git is there");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    git(&["init", "-q", "-b", "feature"]);
    git(&["add", "."]);
    kiln_at(&project, &served, &["deploy", "--yes"]).fails_with(2, &["files here are not committed: A  dashboards"]);
    git(&["commit", "-q", "-m", "all"]);
    kiln_at(&project, &served, &["deploy", "--yes"])
        .fails_with(2, &["takes the branch `main` alone, and here is `feature`"]);
    git(&["checkout", "-q", "-b", "main"]);
    kiln_at(&project, &served, &["deploy"]).fails_with(2, &["is protected, and nobody is here to be asked", "--yes"]);
    assert_eq!(served.sql("SHOW SCHEMAS IN main LIKE 'tiny'"), json!([]), "nothing was done so far");
    deploy_at(&project, &served, &["--yes"]);
    kiln_at(&project, &served, &["destroy"]).fails_with(2, &["is protected"]);

    // A run needs no yes, for it makes of the environment what the branch says, and no more.
    let ran = kiln_at(&project, &served, &["sync-and-refresh"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    project.replace("sql/totals.sql", "count(*)", "count(*) + 1");
    let not_committed = "files here are not committed: M sql/totals.sql";
    kiln_at(&project, &served, &["sync-and-refresh"]).fails_with(2, &[not_committed]);
    git(&["checkout", "-q", "-b", "other"]);
    git(&["commit", "-q", "-a", "-m", "more"]);
    kiln_at(&project, &served, &["sync-and-refresh"]).fails_with(2, &["takes the branch `main` alone"]);
}

#[test]
fn destroy_takes_away_what_was_deployed_and_nothing_else() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = project(&served);
    deploy_at(&project, &served, &[]);
    served.sql("CREATE TABLE main.tiny.mine AS SELECT 1 AS a");
    let ran = kiln_at(&project, &served, &["destroy"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(
        served.sql("SELECT table_name FROM main.information_schema.tables WHERE table_schema = 'tiny'"),
        json!([["mine"]])
    );
    assert_eq!(served.sql("SELECT count(*) FROM main.shop_public.orders"), json!([["3"]]), "what was landed stays");
    assert_eq!(served.get("/api/2.0/workspace/get-status?path=/Shared/Tiny/Sales.lvdash.json").0, 404);
    let again = kiln_at(&project, &served, &["destroy"]);
    assert_eq!(again.status, 0, "{}", again.stderr);
    assert!(again.stdout.contains("nothing"), "{}", again.stdout);
    deploy_at(&project, &served, &[]);

    // A schema that kiln made goes as soon as nothing else is in it, and no other schema does.
    served.sql("DROP TABLE main.tiny.mine");
    served.sql("CREATE TABLE main.tiny._kiln_new_totals AS SELECT 1 AS a");
    let ran = kiln_at(&project, &served, &["destroy"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("- schema     main.tiny"), "{}", ran.stdout);
    assert_eq!(served.sql("SHOW SCHEMAS IN main LIKE 'tiny'"), json!([]));
    served.sql("CREATE SCHEMA main.tiny COMMENT 'Ours'");
    deploy_at(&project, &served, &[]);
    let ran = kiln_at(&project, &served, &["destroy"]);
    assert!(!ran.stdout.contains("schema "), "{}", ran.stdout);
    assert_eq!(served.sql("SHOW SCHEMAS IN main LIKE 'tiny'"), json!([["tiny"]]));
}
