//! Connections as code, through the binary: made, adopted, changed field by field, and never twice; drift shown; what is
//! wrong refused before anything is done.

use serde_json::{Value, json};

use crate::support::killer::{Killer, Moment};
use crate::support::{Project, Ran, Served, command_at, kiln_at};

/// What stands for a password everywhere; it may be found nowhere.
const PASSWORD: &str = "planted-hunter22-secret";
const TABLES: &str = "    tables: {public: [orders]}\n";

/// A Fivetran with nothing in it.
struct Fivetran {
    served: Served,
    folder: Project,
}

impl Fivetran {
    fn empty() -> Self {
        let folder = Project::empty();
        let served = folder.serve(&["--data", "kept"]);
        Self { served, folder }
    }

    /// A small project whose environment is this one, with lines more in its connection.
    fn project(&self, lines: &str) -> Project {
        let project = Project::tiny();
        project.point_at(&self.served);
        project.write("data/customers.csv", "id,email,phone\n1,ann@shop.test,555\n");
        project.write("data/audit.csv", "id,what\n1,x\n");
        let jobs = project.read("jobs.yaml");
        let local = jobs.lines().find(|line| line.starts_with("    local:")).expect("it has one");
        project.replace("jobs.yaml", &format!("{TABLES}{local}\n"), &format!("{TABLES}{lines}"));
        project
    }

    fn run(&self, project: &Project, args: &[&str]) -> Ran {
        let mut command = command_at(project, &self.served, args);
        command.env("SHOP_DB_PASSWORD", PASSWORD).env("COLUMNS", "300");
        let ran = Ran::from(command.output().expect("kiln can be started"));
        assert!(!ran.stdout.contains(PASSWORD) && !ran.stderr.contains(PASSWORD), "{}{}", ran.stdout, ran.stderr);
        ran
    }

    /// The changes of the plan that are about connections, as JSON.
    #[track_caller]
    fn planned(&self, project: &Project, args: &[&str]) -> Vec<Value> {
        let ran = self.run(project, &[&["plan", "--output", "json"], args].concat());
        let line = ran.stdout.lines().find(|line| line.contains("\"event\":\"plan\""));
        let plan: Value = serde_json::from_str(line.unwrap_or_else(|| panic!("{}", ran.stderr))).expect("it is JSON");
        let changes = plan["changes"].as_array().expect("it lists changes").iter();
        changes.filter(|change| change["kind"] == "connection").cloned().collect()
    }

    /// The fields of the one connection that changes, a line each.
    #[track_caller]
    fn fields(&self, project: &Project, args: &[&str]) -> Vec<String> {
        let changes = self.planned(project, args);
        let kept: Vec<&Value> = changes.iter().filter(|change| change["act"] != "sync").collect();
        assert_eq!(kept.len(), 1, "{changes:?}");
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let line = |field: &Value| match field.get("there") {
            Some(there) => format!("{}: {} → {}", text(&field["field"]), text(there), text(&field["wanted"])),
            None => format!("{}: {}", text(&field["field"]), text(&field["wanted"])),
        };
        kept[0]["fields"].as_array().map(|fields| fields.iter().map(line).collect()).unwrap_or_default()
    }

    /// Deploys, and expects that nothing is left to be done.
    #[track_caller]
    fn deploy(&self, project: &Project, args: &[&str]) -> String {
        let ran = self.run(project, &[&["deploy"], args].concat());
        assert_eq!(ran.status, 0, "{}\n{}", ran.stdout, ran.stderr);
        let plan = self.run(project, &["plan"]);
        assert!(plan.stdout.starts_with("nothing to do"), "after the deploy, the plan says:\n{}", plan.stdout);
        ran.stderr
    }

    fn connections(&self) -> Vec<Value> {
        self.served.get("/v1/connections").1["data"]["items"].as_array().expect("it is a list").clone()
    }

    /// The one connection, in all detail.
    #[track_caller]
    fn only(&self) -> Value {
        let all = self.connections();
        assert_eq!(all.len(), 1, "{all:?}");
        self.served.get(&format!("/v1/connections/{}", all[0]["id"].as_str().unwrap())).1["data"].clone()
    }

    /// How often a route was asked since the last time.
    fn asked(&self, method: &str, end: &str) -> usize {
        let fits = |request: &&Value| {
            request["method"] == method && request["path"].as_str().is_some_and(|path| path.ends_with(end))
        };
        self.served.requests().iter().filter(fits).count()
    }

    /// Makes a connection by hand, and returns its id.
    fn made_by_hand(&self, group: &str, schema: &str, source: &Value) -> String {
        let body = json!({"group_id": group, "service": "google_cloud_postgresql", "paused": true, "sync_frequency": 360,
            "config": {"schema_prefix": schema, "host": "10.0.0.1", "port": "5432", "local": source}});
        let (status, made) = self.served.post("/v1/connections", &body);
        assert_eq!(status, 201, "{made}");
        made["data"]["id"].as_str().unwrap().to_owned()
    }
}

/// The project's data files, as the embedded Fivetran takes them.
fn source(project: &Project) -> Value {
    let file = |name: &str| json!({"path": project.path().join(format!("data/{name}.csv")), "key": ["id"]});
    let mut orders = file("orders");
    orders["columns"] = json!({"id": "BIGINT", "amount": "DECIMAL(12,2)"});
    json!({"files": {"public.orders": orders, "public.customers": file("customers"), "public.audit": file("audit")}})
}

/// Adds a config to the connection, with this host, and whether it can be reached.
fn configure(project: &Project, reachable: bool) {
    let local = if reachable { format!(", local: {}", source(project)) } else { String::new() };
    let config = format!(
        "    config: {{host: 10.1.2.3, port: 5432, database: shop, user: fivetran, password: \"${{SHOP_DB_PASSWORD}}\", \
         update_method: QUERY_BASED{local}}}\n"
    );
    project.replace("jobs.yaml", TABLES, &format!("{TABLES}{config}"));
}

const SETTINGS: &str = "    schema_change_handling: BLOCK_ALL\n    sync_frequency: 60\n    schedule_type: auto\n    \
                        paused: false\n    exclude: others\n";

#[test]
fn a_connection_is_made_with_all_that_is_declared_and_kept_so_field_by_field() {
    let fivetran = Fivetran::empty();
    let project = fivetran.project(SETTINGS);
    configure(&project, true);
    project.replace(
        "jobs.yaml",
        "tables: {public: [orders]}",
        "tables: {public: [orders, customers]}\n    columns: {public.customers: {email: hash, phone: exclude}}",
    );
    let fields = fivetran.fields(&project, &[]);
    for field in [
        "config.host: 10.1.2.3",
        "config.password: ${SHOP_DB_PASSWORD}",
        "config.schema_prefix: shop",
        "schedule_type: auto",
        "sync_frequency: 60",
        "schema_change_handling: BLOCK_ALL",
        "public.orders: replicated",
        "public.customers.email: hashed",
        "other tables: not replicated",
    ] {
        assert!(fields.iter().any(|line| line == field), "{field:?} is not in {fields:#?}");
    }
    let text = fivetran.run(&project, &["plan", "--markdown", "plan.md"]).stdout;
    assert!(text.contains("+ connection shop") && text.contains("config.password: ${SHOP_DB_PASSWORD}"), "{text}");
    assert!(project.read("plan.md").contains("public.customers.email: hashed"), "{}", project.read("plan.md"));

    // Everything at the highest level, for the sake of the password.
    let told = fivetran.deploy(&project, &["-vv"]);
    assert!(told.contains("setup tests passed: `Connecting to source`"), "{told}");
    let made = fivetran.only();
    assert_eq!(
        (&made["schedule_type"], &made["sync_frequency"], &made["paused"]),
        (&json!("auto"), &json!(60), &json!(false))
    );
    assert_eq!((&made["config"]["host"], &made["config"]["password"]), (&json!("10.1.2.3"), &json!("******")));
    let id = made["id"].as_str().unwrap();
    let schemas = fivetran.served.get(&format!("/v1/connections/{id}/schemas")).1["data"].clone();
    let tables = &schemas["schemas"]["public"]["tables"];
    assert_eq!(schemas["schema_change_handling"], "BLOCK_ALL");
    assert_eq!((&tables["orders"]["enabled"], &tables["audit"]["enabled"]), (&json!(true), &json!(false)));
    // It was synced after that, for the models read its tables: the columns landed as they were chosen.
    let landed =
        fivetran.served.sql("SELECT length(email) > 20, count(*) FROM main.shop_public.customers GROUP BY ALL");
    assert_eq!(landed, json!([["true", "1"]]));
    let columns = fivetran.served.sql("DESCRIBE TABLE main.shop_public.customers").to_string();
    assert!(columns.contains("email") && !columns.contains("phone"), "{columns}");

    // One field.
    project.replace("jobs.yaml", "sync_frequency: 60", "sync_frequency: 6h");
    assert_eq!(fivetran.fields(&project, &[]), ["sync_frequency: 60 → 360"]);
    let tests = fivetran.asked("POST", "/test");
    let _ = fivetran.deploy(&project, &[]);
    assert_eq!(fivetran.asked("POST", "/test"), tests, "a schedule says nothing about the source");
    assert_eq!(fivetran.asked("POST", "/v1/connections"), 1);

    // By hand.
    fivetran.served.patch(&format!("/v1/connections/{id}"), &json!({"paused": true, "run_setup_tests": false}));
    let columns = json!({"email": {"hashed": false}});
    let tables = json!({"customers": {"columns": columns}, "audit": {"enabled": true}});
    fivetran
        .served
        .patch(&format!("/v1/connections/{id}/schemas"), &json!({"schemas": {"public": {"tables": tables}}}));
    assert_eq!(
        fivetran.fields(&project, &[]),
        [
            "paused: true → false",
            "public.audit: replicated → not replicated",
            "public.customers.email: replicated → hashed"
        ]
    );
    let _ = fivetran.deploy(&project, &[]);
    let text = fivetran.run(&project, &["plan"]).stdout;
    assert!(text.starts_with("nothing to do"), "{text}");

    // Its config.
    project.replace("jobs.yaml", "host: 10.1.2.3", "host: 10.9.9.9");
    assert_eq!(fivetran.fields(&project, &[]), ["config.host: 10.1.2.3 → 10.9.9.9"]);
    let told = fivetran.deploy(&project, &[]);
    assert!(told.contains("config changed; setup tests passed"), "{told}");
    // A secret cannot be seen to differ; it is sent again when that is asked for.
    assert_eq!(fivetran.fields(&project, &["--resend-secrets"]), ["config.password: ****** → ${SHOP_DB_PASSWORD}"]);
    let _ = fivetran.deploy(&project, &["--resend-secrets"]);

    for folder in [&project, &fivetran.folder] {
        for file in folder.files() {
            let bytes = std::fs::read(&file).unwrap();
            let found = bytes.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
            assert!(!found, "the password is in {}", file.display());
        }
    }
}

#[test]
fn what_is_not_stated_is_left_as_it_is_and_connections_are_adopted_by_schema_and_by_id() {
    let fivetran = Fivetran::empty();
    let project = fivetran.project("    sync_frequency: 60\n");
    let id = fivetran.made_by_hand("projected_sickle", "shop", &source(&project));
    // Its tables are not known yet, so they are read; paused it stays, and so does its schedule.
    assert_eq!(fivetran.fields(&project, &[]), ["sync_frequency: 360 → 60"]);
    let text = fivetran.run(&project, &["plan"]).stdout;
    assert!(text.contains("Fivetran does not know its tables yet"), "{text}");
    // The models' tables have no rows to come: the connection is paused, and nobody resumes it unasked.
    let ran = fivetran.run(&project, &["deploy"]);
    ran.fails_with(5, &["connection `shop`: paused; no sync was triggered"]);
    let kept = fivetran.only();
    assert_eq!((&kept["id"], &kept["paused"], &kept["sync_frequency"]), (&json!(id), &json!(true), &json!(60)));
    assert_eq!((&kept["schedule_type"], &kept["config"]["host"]), (&json!("auto"), &json!("10.0.0.1")));
    // Of another group with the same schema it is told apart by the catalog.
    let (_, other) = fivetran.served.post("/v1/groups", &json!({"name": "elsewhere"}));
    let other = other["data"]["id"].as_str().unwrap();
    fivetran.served.patch(&format!("/v1/destinations/{other}"), &json!({"config": {"catalog": "raw"}}));
    let foreign = fivetran.made_by_hand(other, "shop", &source(&project));
    project.replace("jobs.yaml", "sync_frequency: 60", "paused: false\n    sync_frequency: 60");
    assert_eq!(fivetran.fields(&project, &[]), ["paused: true → false"]);
    project.replace("jobs.yaml", "    schema_prefix: shop", &format!("    id: {id}\n    schema_prefix: shop"));
    assert_eq!(fivetran.fields(&project, &[]), ["paused: true → false"]);
    let _ = fivetran.deploy(&project, &[]);
    let untouched = fivetran.served.get(&format!("/v1/connections/{foreign}")).1["data"].clone();
    assert_eq!((&untouched["paused"], &untouched["sync_frequency"]), (&json!(true), &json!(360)));
}

#[test]
fn what_is_not_what_the_project_takes_it_for_is_refused_before_anything_is_done() {
    let fivetran = Fivetran::empty();
    let (_, other) = fivetran.served.post("/v1/groups", &json!({"name": "elsewhere"}));
    let other = other["data"]["id"].as_str().unwrap().to_owned();
    fivetran.served.patch(&format!("/v1/destinations/{other}"), &json!({"config": {"catalog": "raw"}}));
    let project = fivetran.project("    id: nobody_knows\n    group: \"${GROUP:-local}\"\n    paused: false\n");
    let foreign = fivetran.made_by_hand(&other, "shop", &source(&project));
    let refused = |project: &Project, text: &str| {
        for command in ["plan", "deploy"] {
            let ran = fivetran.run(project, &[command]);
            assert_eq!(ran.status, 3, "{}{}", ran.stdout, ran.stderr);
            assert!(ran.stdout.contains(text), "{text:?} is not in:\n{}", ran.stdout);
        }
    };
    refused(&project, "Fivetran has no connection `nobody_knows`, or the key may not see it");
    project.replace("jobs.yaml", "id: nobody_knows", &format!("id: {foreign}"));
    refused(&project, &format!("{foreign} belongs to group elsewhere ({other}), not `local`"));
    project.replace("jobs.yaml", "    group: \"${GROUP:-local}\"\n", "");
    refused(
        &project,
        &format!(
            "group elsewhere ({other}) has a destination that writes to catalog `raw`, and the project reads `main`"
        ),
    );
    project.replace("jobs.yaml", &format!("    id: {foreign}\n"), "    group: nowhere\n");
    refused(&project, "Fivetran has no group `nowhere`; it has local (projected_sickle), elsewhere");
    project.replace("jobs.yaml", "group: nowhere", "group: local");
    refused(&project, "Fivetran has no connection with the schema `shop`");
    project.replace("jobs.yaml", "group: local", "group: elsewhere");
    project.replace("jobs.yaml", "service: google_cloud_postgresql", "service: google_cloud_mysql");
    project.replace("jobs.yaml", "{connection: shop, tables", "{connection: shop, catalog: raw, tables");
    refused(&project, &format!("{foreign} is of service google_cloud_postgresql, not google_cloud_mysql"));
    // Nothing was made or changed, in Fivetran or in the workspace.
    assert_eq!(fivetran.connections().len(), 1);
    assert_eq!(fivetran.asked("PATCH", &foreign), 0);
    assert_eq!(fivetran.served.sql("SHOW SCHEMAS IN main LIKE 'tiny'"), json!([]));
}

#[test]
fn a_failing_setup_test_fails_its_step_and_is_run_again_until_it_passes() {
    let fivetran = Fivetran::empty();
    let project = fivetran.project("");
    configure(&project, false);
    fivetran.run(&project, &["deploy"]).fails_with(
        3,
        &[
            "connection `shop`: made as",
            "but a setup test failed: `Connecting to source`: the connection has no `local`",
        ],
    );
    assert_eq!(fivetran.only()["status"]["setup_state"], "incomplete");
    // It is there now, so it is not made again; what failed is still to be done.
    let text = fivetran.run(&project, &["plan"]).stdout;
    assert!(text.contains("its setup is incomplete; its setup tests are run again"), "{text}");
    fivetran.run(&project, &["deploy"]).fails_with(3, &["a setup test failed: `Connecting to source`"]);
    project.replace(
        "jobs.yaml",
        "update_method: QUERY_BASED",
        &format!("update_method: QUERY_BASED, local: {}", source(&project)),
    );
    let fields = fivetran.fields(&project, &[]);
    assert!(fields.len() == 1 && fields[0].starts_with("config.local: {"), "{fields:?}");
    let _ = fivetran.deploy(&project, &[]);
    assert_eq!(fivetran.asked("POST", "/v1/connections"), 1);
    assert_eq!(fivetran.only()["status"]["setup_state"], "connected");
}

#[test]
fn a_table_that_the_source_lacks_and_a_secret_that_is_not_set_are_told() {
    let fivetran = Fivetran::empty();
    let project = fivetran.project("");
    configure(&project, true);
    project.replace("jobs.yaml", "tables: {public: [orders]}", "tables: {public: [orders, ordres]}");
    let ran = kiln_at(&project, &fivetran.served, &["deploy"]);
    ran.fails_with(6, &["connection `shop` needs the environment variable `SHOP_DB_PASSWORD`"]);
    assert_eq!(fivetran.connections().len(), 0);

    fivetran.run(&project, &["deploy"]).fails_with(
        3,
        &[
            "connection `shop`: the source has no table public.ordres",
            "It has public.orders, public.customers, public.audit",
        ],
    );
    project.replace("jobs.yaml", "[orders, ordres]", "[orders]");
    let _ = fivetran.deploy(&project, &[]);
    // Without credentials nobody can say what is there.
    let mut command = project.command(&["plan"]);
    command.env("DATABRICKS_TOKEN", &fivetran.served.token);
    Ran::from(command.output().expect("kiln can be started"))
        .fails_with(6, &["needs Fivetran's credentials, for kiln keeps connections there", "FIVETRAN_API_KEY"]);
    let mut command = project.command(&["plan"]);
    command.env("DATABRICKS_TOKEN", &fivetran.served.token);
    command.env("FIVETRAN_API_KEY", "local").env("FIVETRAN_API_SECRET", "wrong");
    Ran::from(command.output().expect("kiln can be started"))
        .fails_with(6, &["401", "the Fivetran API key and secret"]);
}

#[test]
fn in_the_embedded_workspace_columns_are_as_declared_and_the_rest_is_not_needed() {
    let project = Project::tiny();
    let more = "    config: {host: \"${NOBODY_SET_THIS}\", port: 1, database: d, user: u, password: \"${NOR_THIS_PASSWORD}\"}\n    group: \"${NOR_THAT}\"\n    \
                paused: true\n    columns: {public.orders: {customer: hash}}\n";
    project.replace("jobs.yaml", TABLES, &format!("{TABLES}{more}"));
    let _ = project.sync_and_refresh();
    let customers = |project: &Project| {
        let served = project.serve(&[]);
        let rows = served.sql("SELECT length(customer) FROM main.tiny.totals ORDER BY 1");
        assert_eq!(served.terminate(), 0);
        rows
    };
    let hashed = customers(&project);
    assert!(hashed.as_array().unwrap().iter().all(|row| row[0].as_str().unwrap().len() > 1), "{hashed}");
    let plan = project.kiln(&["plan"]);
    assert!(plan.stdout.starts_with("nothing to do"), "{}", plan.stdout);
    // What is no longer declared is as in the source again.
    project.replace("jobs.yaml", "    columns: {public.orders: {customer: hash}}\n", "");
    let _ = project.sync_and_refresh();
    assert_eq!(customers(&project), json!([["3"], ["3"]]));
}

#[test]
fn destroy_leaves_connections_unless_told_and_those_with_an_id_always() {
    let fivetran = Fivetran::empty();
    let project = fivetran.project("");
    configure(&project, true);
    let _ = fivetran.deploy(&project, &[]);
    assert_eq!(fivetran.run(&project, &["destroy"]).status, 0);
    let id = fivetran.only()["id"].as_str().unwrap().to_owned();
    let named = format!("    id: {id}\n    schema_prefix: shop\n");
    project.replace("jobs.yaml", "    schema_prefix: shop\n", &named);
    let ran = fivetran.run(&project, &["destroy", "--connections"]);
    assert!(ran.stdout.contains("nothing to do"), "{}", ran.stdout);
    project.replace("jobs.yaml", &named, "    schema_prefix: shop\n");
    let ran = fivetran.run(&project, &["destroy", "--connections"]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("- connection shop"), "{}", ran.stdout);
    assert_eq!(fivetran.connections().len(), 0);
    assert_eq!(
        fivetran.served.sql("SELECT count(*) FROM main.shop_public.orders"),
        json!([["3"]]),
        "what landed stays"
    );
}

#[test]
fn a_deploy_killed_at_any_request_is_completed_by_the_next_and_makes_one_connection() {
    let fivetran = Fivetran::empty();
    let killer = Killer::before(&fivetran.served);
    let project_of = |prefix: &str| {
        let project = fivetran.project(SETTINGS);
        configure(&project, true);
        project.replace("jobs.yaml", &fivetran.served.url, &killer.url);
        project.replace("jobs.yaml", "schema_prefix: shop", &format!("schema_prefix: {prefix}"));
        project.replace("jobs.yaml", "schema: tiny", &format!("schema: {prefix}"));
        project.replace("jobs.yaml", "  shop_public:", &format!("  {prefix}_public:"));
        // What becomes of models is told elsewhere.
        project.replace(
            "jobs.yaml",
            "models:\n  sql: {materialized: table}\n  sql/staging: {materialized: view}\n",
            "",
        );
        project.replace(
            "jobs.yaml",
            "  daily: {steps: [{sync: shop}, {build: sql/**}]}",
            "  daily: {steps: [{sync: shop}]}",
        );
        project
    };
    let run = |project: &Project, args: &[&str], at| {
        let (ran, requests) =
            killer.run_with(project, &fivetran.served.token, args, &[("SHOP_DB_PASSWORD", PASSWORD)], at);
        assert!(!ran.stdout.contains(PASSWORD) && !ran.stderr.contains(PASSWORD), "{}{}", ran.stdout, ran.stderr);
        (ran, requests)
    };
    let state = |prefix: &str| {
        let made: Vec<Value> = fivetran.connections().into_iter().filter(|c| c["schema"] == prefix).collect();
        assert_eq!(made.len(), 1, "{made:?}");
        let id = made[0]["id"].as_str().unwrap();
        let schemas = fivetran.served.get(&format!("/v1/connections/{id}/schemas")).1["data"].clone();
        let tables = schemas["schemas"]["public"]["tables"].as_object().unwrap().iter();
        let enabled: Vec<Value> = tables.map(|(name, table)| json!([name, table["enabled"]])).collect();
        json!([
            made[0]["schedule_type"],
            made[0]["sync_frequency"],
            made[0]["paused"],
            made[0]["status"]["setup_state"],
            schemas["schema_change_handling"],
            enabled
        ])
    };
    let (ran, requests) = run(&project_of("whole"), &["deploy"], None);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let whole = state("whole");
    assert_eq!(
        whole,
        json!([
            "auto",
            60,
            false,
            "connected",
            "BLOCK_ALL",
            [["orders", true], ["customers", false], ["audit", false]]
        ])
    );
    let mut killed = 0;
    for n in 1..=requests {
        for moment in [Moment::Before, Moment::After] {
            let prefix = format!("at_{n}_{}", if moment == Moment::Before { "before" } else { "after" });
            let project = project_of(&prefix);
            let (ran, _) = run(&project, &["deploy"], Some((n, moment)));
            if ran.status == 0 {
                continue;
            }
            killed += 1;
            let (ran, _) = run(&project, &["deploy"], None);
            assert_eq!(ran.status, 0, "{n} {moment:?}:\n{}{}", ran.stdout, ran.stderr);
            let (plan, _) = run(&project, &["plan"], None);
            assert!(plan.stdout.starts_with("nothing to do"), "{n} {moment:?}:\n{}", plan.stdout);
            assert_eq!(state(&prefix), whole, "{n} {moment:?}");
        }
    }
    assert!(killed >= 30, "only {killed} deploys were killed");
}
