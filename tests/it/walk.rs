//! The days of a deployed project: deploy, nothing to do, change a line, deploy that, find what somebody did by hand. With the
//! repository's own project, and with generated ones of any size, whose graph is known by arithmetic.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::killer::Killer;
use crate::support::{Project, Ran, Served};

/// Models of the first layer; each reads the source.
const VIEWS: usize = 10;

/// For so many models there is a dashboard.
const MODELS_OF_A_DASHBOARD: usize = 20;

/// The models that a generated model reads.
fn reads(model: usize) -> [usize; 2] {
    [(model - 1) / 2, (model * 7 + 3) % model]
}

fn name(model: usize) -> String {
    format!("m{model:04}")
}

/// A project of so many models: views over a source, tables over those and over each other, some of which say all that can be
/// said of a table, and a dashboard for each twenty.
fn generated(models: usize) -> Project {
    let project = Project::tiny();
    std::fs::remove_dir_all(project.path().join("sql")).expect("the folder is there");
    let mut said = String::new();
    for model in 0..models {
        if model < VIEWS {
            let sql = format!("SELECT id, CAST(amount * {model} AS BIGINT) AS n\nFROM shop_public.orders\n");
            project.write(&format!("sql/staging/{}.sql", name(model)), &sql);
            continue;
        }
        let [one, other] = reads(model).map(name);
        let sql = format!("SELECT a.id, (a.n + b.n) % 1000 AS n\nFROM {one} AS a\nJOIN {other} AS b ON b.id = a.id\n");
        project.write(&format!("sql/{}.sql", name(model)), &sql);
        if model % 20 == 0 {
            said += &format!(
                "  sql/{}: {{columns: {{id: {{description: Of the order}}}}, tests: [{{not_null: id}}, {{unique: id}}], constraints: {{primary_key: id, \
                 check: {{small: n < 1000}}}}, cluster_by: [id], properties: {{shop.owner: ada}}, databricks_tags: \
                 {{team: shop}}, grants: {{analysts: [SELECT]}}}}\n",
                name(model)
            );
        }
    }
    project.replace("jobs.yaml", "jobs:\n", &format!("{said}jobs:\n"));
    let mut dashboards = String::from("dashboards:\n");
    for number in 0..models / MODELS_OF_A_DASHBOARD {
        let of = name(models - 1 - number);
        let content = json!({
            "datasets": [{"name": "d", "displayName": "D", "query": format!("SELECT id, n FROM {of}")}],
            "pages": [{"name": "p", "displayName": "P", "layout": [{"widget": {"name": "w", "queries": [{"name": "main_query",
                "query": {"datasetName": "d", "fields": [{"name": "sum(n)", "expression": "SUM(`n`)"}],
                "disaggregated": false}}], "spec": {"version": 2, "widgetType": "counter",
                "encodings": {"value": {"fieldName": "sum(n)"}}}}, "position": {"x": 0, "y": 0, "width": 2, "height": 2}}]}],
        });
        project.write(&format!("dashboards/d{number}.lvdash.json"), &content.to_string());
        dashboards += &format!("  d{number}: {{file: dashboards/d{number}.lvdash.json, folder: /Shared/Walk}}\n");
    }
    let jobs = project.read("jobs.yaml");
    project.write("jobs.yaml", &format!("{jobs}{}", if models < MODELS_OF_A_DASHBOARD { "" } else { &dashboards }));
    project
}

/// The models that rest on a model, and itself.
fn above(model: usize, models: usize) -> BTreeSet<usize> {
    let mut above = BTreeSet::from([model]);
    for other in model.max(VIEWS)..models {
        if other != model && reads(other).iter().any(|read| above.contains(read)) {
            above.insert(other);
        }
    }
    above
}

/// A project over a served workspace, whose requests are counted, and how long each command takes.
struct Walk<'a> {
    project: &'a Project,
    served: &'a Served,
    way: Killer,
}

impl Walk<'_> {
    fn kiln(&self, args: &[&str]) -> Ran {
        let begin = Instant::now();
        let (ran, requests) = self.way.run(self.project, &self.served.token, args, None);
        eprintln!("{:<34} {:>7.2} s {requests:>7} requests", args.join(" "), begin.elapsed().as_secs_f64());
        ran
    }

    /// Deploys, after which nothing is to do; returns how many requests it takes to see that.
    #[track_caller]
    fn deploy(&self) -> usize {
        let ran = self.kiln(&["deploy", "--yes"]);
        assert_eq!(ran.status, 0, "{}\n{}", ran.stdout, ran.stderr);
        let (plan, requests) = self.way.run(self.project, &self.served.token, &["plan"], None);
        assert!(plan.stdout.starts_with("nothing to do"), "{}", plan.stdout);
        let again = self.kiln(&["deploy", "--yes"]);
        assert!(again.stdout.starts_with("nothing to do"), "{}", again.stdout);
        let status = self.kiln(&["status"]);
        assert_eq!(status.status, 0, "{}", status.stdout);
        requests
    }

    /// The names of what a plan changes.
    fn planned(&self) -> BTreeSet<String> {
        let ran = self.kiln(&["plan", "--output", "json"]);
        let lines = ran.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let plan = lines.into_iter().find(|line| line["event"] == "plan").unwrap_or_else(|| panic!("{}", ran.stderr));
        let names = plan["changes"].as_array().expect("it lists changes").iter();
        names.filter_map(|change| Some(change["name"].as_str()?.to_owned())).collect()
    }

    /// What does not stand as it should, as state and name.
    fn amiss(&self) -> BTreeSet<String> {
        let ran = self.kiln(&["status", "--output", "json"]);
        assert_eq!(ran.status, 3, "{}{}", ran.stdout, ran.stderr);
        let lines = ran.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let amiss = lines.filter(|line| line["event"] == "standing" && line["state"] != "good");
        amiss.filter_map(|line| Some(format!("{} {}", line["state"].as_str()?, line["name"].as_str()?))).collect()
    }
}

/// The most requests of a plan with nothing to do, but for those of dashboards, whatever the size of the project.
const MOST_REQUESTS: usize = 6;
/// The requests for each dashboard: for its draft and for its published copy, for no list tells of their versions.
const OF_A_DASHBOARD: usize = 2;

fn walk_generated(models: usize) {
    let server = Project::tiny();
    let served = server.serve(&[]);
    let project = generated(models);
    let way = Killer::before(&served);
    project.point_to(&way.url, "walk");
    let walk = Walk { project: &project, served: &served, way };
    let requests = walk.deploy();
    eprintln!("{models} models: {requests} requests to see that there is nothing to do");
    assert!(requests - OF_A_DASHBOARD * (models / MODELS_OF_A_DASHBOARD) <= MOST_REQUESTS, "{requests} requests");
    // The rows are those of the arithmetic: each model's are its two sources' together.
    let last = models - 1;
    let mut n: Vec<[i64; 3]> = Vec::new();
    let amounts = [10.5, 20.0, 4.25];
    for model in 0..models {
        // As the cast to BIGINT does, towards zero.
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a few small numbers")]
        let row = |at: usize| match model < VIEWS {
            true => (amounts[at] * model as f64) as i64,
            false => reads(model).iter().map(|read| n[*read][at]).sum::<i64>() % 1000,
        };
        let rows = [row(0), row(1), row(2)];
        n.push(rows);
    }
    let rows = served.sql(&format!("SELECT n FROM main.walk.{} ORDER BY id", name(last)));
    assert_eq!(rows, json!(n[last].map(|n| [n.to_string()])));

    let changed = models / 4;
    project.replace(&format!("sql/{}.sql", name(changed)), "% 1000", "% 997");
    let expected: BTreeSet<String> =
        above(changed, models).into_iter().map(|model| format!("main.walk.{}", name(model))).collect();
    assert!(expected.len() > 2 && expected.len() < models / 2, "{} of {models}", expected.len());
    assert_eq!(walk.planned(), expected);
    walk.deploy();

    // By hand: a view says something else, a table is gone, a comment and a tag are another's, a dashboard is edited.
    served.sql("ALTER VIEW main.walk.m0003 AS SELECT id, 0 AS n FROM main.shop_public.orders");
    served.sql(&format!("DROP TABLE main.walk.{}", name(last)));
    served.sql("COMMENT ON COLUMN main.walk.m0020.id IS 'theirs'");
    served.sql("ALTER TABLE main.walk.m0040 SET TAGS ('team' = 'theirs')");
    let mut hand: BTreeSet<String> = ["drifted m0003", "drifted m0020", "drifted m0040"].map(str::to_owned).into();
    hand.insert(format!("drifted {}", name(last)));
    if models >= MODELS_OF_A_DASHBOARD {
        let (_, object) = served.get("/api/2.0/workspace/get-status?path=/Shared/Walk/d0.lvdash.json");
        let path = format!("/api/2.0/lakeview/dashboards/{}", object["resource_id"].as_str().expect("it is there"));
        let (_, draft) = served.get(&path);
        let edited = draft["serialized_dashboard"].as_str().expect("it has content").replace("\"P\"", "\"Page\"");
        served.patch(&path, &json!({"serialized_dashboard": edited}));
        hand.insert("drifted d0".to_owned());
    }
    assert_eq!(walk.amiss(), hand);
    let ran = walk.kiln(&["deploy", "--overwrite-edits"]);
    assert_eq!(ran.status, 0, "{}\n{}", ran.stdout, ran.stderr);
    walk.deploy();
}

#[test]
fn a_generated_project_of_sixty_models_is_kept() {
    walk_generated(60);
}

/// The same at a size that takes minutes: `cargo test --test it walk -- --ignored --nocapture`.
#[ignore = "takes minutes, and is read for its times"]
#[test]
fn a_generated_project_of_a_thousand_models_is_kept() {
    walk_generated(1000);
}

#[test]
fn the_repositorys_own_project_is_kept() {
    let server = Project::flagship(200);
    let served = server.serve(&[]);
    let project = Project::flagship(200);
    let way = Killer::before(&served);
    project.replace(
        "jobs.yaml",
        "local: {workspace: local, catalog: main, schema: retention, default: true}",
        &format!("local: {{host: \"{0}\", fivetran: \"{0}\", catalog: main, schema: walk, default: true}}", way.url),
    );
    let walk = Walk { project: &project, served: &served, way };
    walk.deploy();
    project.replace("sql/marts/cohort_value.sql", "FROM ", "FROM /* a comment */ ");
    assert_eq!(walk.planned(), BTreeSet::new(), "a comment is no change");

    project.replace("sql/marts/cohort_value.sql", "/* a comment */ ", "");
    // What rests on a model is found by the words of the files.
    project.replace("sql/marts/customer_first_second.sql", "SELECT", "SELECT DISTINCT");
    let files = project.files().into_iter().filter(|file| file.extension().is_some_and(|end| end == "sql"));
    let texts: Vec<(String, String)> = files
        .filter(|file| !file.components().any(|part| part.as_os_str() == "macros"))
        .map(|file| {
            let name = file.file_stem().and_then(|stem| stem.to_str()).expect("it has a name").to_owned();
            (name, std::fs::read_to_string(file).expect("it can be read"))
        })
        .collect();
    let mut above = BTreeSet::from(["customer_first_second".to_owned()]);
    loop {
        let reads_one = |text: &str| {
            let words: Vec<&str> = text.split_whitespace().collect();
            words.windows(2).any(|two| matches!(two[0], "FROM" | "JOIN") && above.contains(two[1]))
        };
        let more: Vec<String> = texts
            .iter()
            .filter(|(name, text)| !above.contains(name) && reads_one(text))
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            break;
        }
        above.extend(more);
    }
    assert!(above.len() > 5, "{above:?}");
    let mut expected: BTreeSet<String> = above.iter().map(|name| format!("main.walk.{name}")).collect();
    // The workspace's own job builds it from then on, too.
    expected.insert("customer-retention: retention (main.walk)".to_owned());
    assert_eq!(walk.planned(), expected);
    walk.deploy();

    served.sql("DROP TABLE main.walk.repeat_rates");
    served.sql("ALTER VIEW main.walk.stg_orders AS SELECT * FROM main.shop_public.orders");
    let amiss = walk.amiss();
    assert!(amiss.contains("drifted repeat_rates") && amiss.contains("drifted stg_orders"), "{amiss:?}");
    walk.deploy();
}
