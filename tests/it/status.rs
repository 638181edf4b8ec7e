//! `kiln status`: how fresh, what drifted, what failed, and the exit status that says so.

use serde_json::{Value, json};

use crate::support::{Project, Served, kiln_at};

/// Returns `state kind name` of all things, and what is said of the one that is named.
#[track_caller]
fn standings(project: &Project, served: &Served, of: &str) -> (Vec<String>, String) {
    let ran = kiln_at(project, served, &["status", "--output", "json"]);
    let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let things = lines.iter().filter(|line| line["event"] == "standing");
    let short = |line: &Value| format!("{} {} {}", text(&line["state"]), text(&line["kind"]), text(&line["name"]));
    let said = things.clone().find(|line| line["name"] == of).map(|line| line["says"].to_string()).unwrap_or_default();
    (things.map(short).collect(), said)
}

#[test]
fn an_environment_tells_how_it_stands() {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = Project::tiny();
    project.point_at(&served);
    let schedule = "daily: {schedule: {cron: \"0 6 * * *\", timezone: UTC}, ";
    project.replace("jobs.yaml", "daily: {", schedule);
    let job = "tiny: daily (main.tiny)";
    let all = |connection: &str, view: &str, table: &str, its: &str| {
        [
            format!("{connection} connection shop"),
            format!("{view} view stg_orders"),
            format!("{table} table totals"),
            format!("{its} job {job}"),
        ]
    };

    let (things, said) = standings(&project, &served, "shop");
    let new = [&all("stale", "pending", "pending", "pending")[..3], &["pending schema main.tiny".to_owned()]].concat();
    assert_eq!(things, [new.as_slice(), &[format!("pending job {job}")]].concat());
    assert!(said.contains("no sync has ever succeeded"), "{said}");
    assert_eq!(kiln_at(&project, &served, &["status"]).status, 5);

    assert_eq!(kiln_at(&project, &served, &["deploy"]).status, 0);
    let (things, said) = standings(&project, &served, "totals");
    assert_eq!(things, all("good", "good", "good", "good"));
    assert!(said.contains("made 2"), "{said}");
    let ran = kiln_at(&project, &served, &["status"]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.starts_with("connections\n  ✓ shop"), "{}", ran.stdout);

    // A change of ours is no drift; one in the workspace is.
    project.replace("sql/totals.sql", "count(*)", "count(1)");
    assert_eq!(standings(&project, &served, "").0, all("good", "good", "pending", "pending"));
    assert_eq!(kiln_at(&project, &served, &["status"]).status, 0);
    served.sql("ALTER VIEW main.tiny.stg_orders AS SELECT id, customer, 0 AS amount FROM main.shop_public.orders");
    let (things, said) = standings(&project, &served, "stg_orders");
    assert_eq!(things, all("good", "drifted", "pending", "pending"));
    assert!(said.contains("its query was changed in the workspace"), "{said}");
    assert_eq!(kiln_at(&project, &served, &["status"]).status, 3);
    assert_eq!(kiln_at(&project, &served, &["deploy"]).status, 0);

    // What a run has built and nobody of us dropped is known to have been there.
    served.sql("DROP TABLE main.tiny.totals");
    let (things, said) = standings(&project, &served, "totals");
    assert_eq!(things, all("good", "good", "drifted", "good"));
    assert!(said.contains("gone from the workspace") && said.contains("it was built last 2"), "{said}");
    assert_eq!(kiln_at(&project, &served, &["status"]).status, 3);
    let plan = kiln_at(&project, &served, &["plan"]).stdout;
    assert!(plan.contains("+ table      main.tiny.totals  (drifted)"), "{plan}");
    assert!(plan.contains(", and dropped since\n"), "{plan}");
    assert_eq!(kiln_at(&project, &served, &["deploy"]).status, 0);
    // What we have dropped is not.
    project.replace("jobs.yaml", "models:\n", "models:\n  sql/staging/apart: {materialized: table}\n");
    project.write("sql/staging/apart.sql", "SELECT count(*) AS n FROM shop_public.orders\n");
    assert_eq!(kiln_at(&project, &served, &["deploy"]).status, 0);
    let sql = project.path().join("sql/staging/apart.sql");
    std::fs::rename(&sql, project.path().join("apart.sql")).expect("it is there");
    project.replace("jobs.yaml", "  sql/staging/apart: {materialized: table}\n", "");
    assert_eq!(kiln_at(&project, &served, &["deploy", "--prune"]).status, 0);
    std::fs::rename(project.path().join("apart.sql"), &sql).expect("it is there");
    let (things, said) = standings(&project, &served, "apart");
    assert!(things.contains(&"pending view apart".to_owned()), "{things:?}");
    assert!(said.contains("not there yet"), "{said}");
    std::fs::remove_file(&sql).expect("it is there");

    // A scheduled run that failed.
    served.sql("CREATE TABLE main.tiny._kiln_lock (x INT)");
    let id = served.get("/api/2.2/jobs/list").1["jobs"][0]["job_id"].clone();
    let run = served.ask_for("/api/2.2/jobs/run-now", &json!({"job_id": id}))["run_id"].clone();
    while served.get(&format!("/api/2.2/jobs/runs/get?run_id={run}")).1["status"]["state"] != "TERMINATED" {
        std::thread::yield_now();
    }
    let (things, said) = standings(&project, &served, job);
    assert_eq!(things, all("good", "good", "good", "failed"));
    assert!(said.contains("another run changes main.tiny at the moment"), "{said}");
    assert_eq!(kiln_at(&project, &served, &["status"]).status, 3);
    served.sql("DROP TABLE main.tiny._kiln_lock");

    // Older than a job allows.
    project.replace("jobs.yaml", "{sync: shop}", "{sync: shop, observe: 1s}");
    let ran = kiln_at(&project, &served, &["status", "--output", "github"]);
    assert_eq!(ran.status, 5, "{}", ran.stdout);
    assert!(ran.stdout.contains("✗ shop") && ran.stdout.contains("at most 1 second"), "{}", ran.stdout);
}
