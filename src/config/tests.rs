//! Tests of the loader: small files, and what it has to say of them.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::*;
use crate::diag::{Diagnostics, Severity};
use crate::ids::{ConnectionName, ModelName};

/// The beginning of a project that is fine; tests add to it. Its last line is line 3.
const HEAD: &str =
    "version: 1\nproject: shop\nenvironments: {local: {workspace: local, catalog: main, schema: shop}}\n";

fn env(name: &str) -> Option<String> {
    match name {
        "DATABRICKS_HOST" => Some("dbc-1.cloud.databricks.com".into()),
        "SEED" => Some("11".into()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn load_with(
    root: &Path,
    environment: Option<&str>,
    overrides: &[(&str, &str)],
) -> Result<(Project, Diagnostics), Diagnostics> {
    let overrides: Vec<_> = overrides.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    load(root, &LoadOptions { environment, overrides: &overrides, env: &env })
}

/// Makes a folder with some SQL files, a dashboard, data and the given `jobs.yaml`.
fn folder(yaml: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("sql/staging/orders.sql", "select 1"),
        ("sql/staging/deep/Items.SQL", "select 1"),
        ("sql/marts/cohorts.sql", "select 1"),
        ("sql/macros/dates.tera", ""),
        ("sql/macros/money.sql", ""),
        ("dashboards/retention.lvdash.json", "{}"),
        ("data/orders.csv.gz", ""),
        ("empty/readme.md", ""),
        ("twice/orders.sql", ""),
        ("odd/2nd-order.sql", ""),
        ("jobs.yaml", yaml),
    ] {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

/// Writes every problem as `line:column severity message (help)`.
fn shown(problems: &Diagnostics) -> Vec<String> {
    let line = |d: &crate::diag::Diagnostic| {
        let place = d.primary.as_ref().map_or("-".to_owned(), |(span, _)| {
            assert_eq!(span.path(), Path::new("jobs.yaml"));
            let (line, column) = span.line_column();
            format!("{line}:{column}")
        });
        let help = d.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{place} {} {}{help}", d.severity, d.message)
    };
    problems.iter().map(line).collect()
}

fn problems(yaml: &str) -> Vec<String> {
    match load_with(folder(yaml).path(), None, &[]) {
        Ok((_, warnings)) => shown(&warnings),
        Err(problems) => shown(&problems),
    }
}

/// Checks what is said of [`HEAD`] with something added. Each expected text is the beginning of a problem.
#[track_caller]
fn check(addition: &str, expected: &[&str]) {
    check_whole(&format!("{HEAD}{addition}"), expected);
}

#[track_caller]
fn check_whole(yaml: &str, expected: &[&str]) {
    let found = problems(yaml);
    let fits = found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| f.starts_with(e));
    assert!(fits, "of\n{yaml}\nis said\n{}\nnot\n{}", found.join("\n"), expected.join("\n"));
}

fn good(yaml: &str) -> Project {
    match load_with(folder(yaml).path(), None, &[]) {
        Ok((project, warnings)) if warnings.is_empty() => project,
        Ok((_, problems)) | Err(problems) => panic!("{}", shown(&problems).join("\n")),
    }
}

const WHOLE: &str = r#"# A project with everything in it.
version: 1
project: customer-retention
variables: {windows: [30, 60], zone: Europe/Berlin, deep: {b: 1.5, a: null}, big: 18446744073709551615, yes_text: yes}
macros: [sql/macros]
environments:
  local: {workspace: local, catalog: main, schema: retention, default: true, variables: {zone: UTC}}
  prod:
    host: "https://${DATABRICKS_HOST}/"
    warehouse: bi
    catalog: main
    schema: "retention_${SUFFIX}"
    fivetran: http://localhost:9000
connections:
  shop:
    service: google_cloud_postgresql
    id: "${FIVETRAN_SHOP_CONNECTION_ID}"
    schema_prefix: shop
    tables: {public: [customers, orders]}
    local: {sample: {customers: 500, seed: "${SEED}"}}
  files:
    service: s3
    schema_prefix: lake
    local:
      files:
        raw.orders: {path: "data/orders.csv.gz", key: [id], columns: {amount: "DECIMAL(12,2)"}}
sources:
  shop_public: {connection: shop, tables: {orders: {columns: {id: BIGINT}}, customers: }}
  elsewhere: {catalog: other, tables: {x: {}}}
models:
  sql/staging: {materialized: view}
  sql/staging/deep/Items: {description: "One row per $${item}"}
  ./sql/marts/: {materialized: table, cluster_by: [cohort_month]}
dashboards:
  retention: {file: dashboards/retention.lvdash.json, folder: /Shared/Retention/}
  second: {file: dashboards/retention.lvdash.json, title: Second, folder: /Shared, publish: {embed_credentials: true}}
jobs:
  retention: {steps: [{sync: shop}, {build: sql/**}, {publish: retention}]}
  nothing-to-sync: {steps: [{build: cohorts}]}
"#;

#[test]
fn a_whole_project_is_read() {
    let project = good(WHOLE);
    assert_eq!(project.name, "customer-retention");
    assert_eq!(project.environment.name, "local");
    assert_eq!(project.environment.span.to_string(), "jobs.yaml:7:3");
    assert!(matches!(project.environment.workspace, Workspace::Embedded));
    assert_eq!(project.environment_names, ["local", "prod"]);
    assert_eq!(
        serde_json::Value::Object(project.variables.clone()),
        json!({"windows": [30, 60], "zone": "UTC", "deep": {"b": 1.5, "a": null}, "big": u64::MAX, "yes_text": "yes"})
    );
    let keys: Vec<_> = project.variables["deep"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["b", "a"], "the order of the file is kept");
    assert_eq!(project.macros.keys().collect::<Vec<_>>(), ["sql/macros/dates.tera", "sql/macros/money.sql"]);

    let shop = &project.connections["shop"];
    assert!(shop.id.is_none(), "the embedded workspace does not use ids");
    assert!(matches!(shop.local, Some(LocalSource::Sample { customers: 500, seed: 11 })));
    assert_eq!(shop.tables["public"], ["customers", "orders"]);
    let files = &project.connections["files"];
    assert_eq!(files.tables["raw"], ["orders"]);
    let Some(LocalSource::Files { tables }) = &files.local else { panic!("{files:?}") };
    let file = &tables["raw.orders"];
    assert!(file.path.is_absolute() && file.path.ends_with("data/orders.csv.gz"));
    assert_eq!((file.key.as_slice(), file.columns["amount"].as_str()), (["id".to_owned()].as_slice(), "DECIMAL(12,2)"));

    let source = &project.sources["shop_public"];
    assert_eq!(source.connection.as_ref().unwrap().value, ConnectionName::new("shop"));
    assert_eq!(source.tables["orders"].columns["id"], "BIGINT");
    assert!(source.tables["customers"].columns.is_empty());
    assert_eq!(project.sources["elsewhere"].catalog.as_deref(), Some("other"));

    let names: Vec<_> = project.models.keys().map(ModelName::as_str).collect();
    assert_eq!(names, ["cohorts", "items", "orders"]);
    let items = &project.models["items"];
    assert_eq!(items.path, Path::new("sql/staging/deep/Items.SQL"));
    assert_eq!(items.materialized, Materialization::View, "taken from the folder above");
    assert_eq!(items.description.as_deref(), Some("One row per ${item}"));
    assert_eq!(items.span.to_string(), "jobs.yaml:32:3");
    assert_eq!(project.models["cohorts"].cluster_by, ["cohort_month"]);

    assert_eq!(project.dashboards["retention"].title, "retention");
    assert_eq!(project.dashboards["retention"].folder, "/Shared/Retention");
    assert!(!project.dashboards["retention"].embed_credentials && project.dashboards["second"].embed_credentials);
    let steps: Vec<_> = project.jobs["retention"].steps.iter().map(|s| s.span.text()).collect();
    assert_eq!(steps, ["shop", "sql/**", "retention"]);
}

#[test]
fn names_of_the_process_environment_matter_only_where_they_are_used() {
    let root = folder(WHOLE);
    let problems = load_with(root.path(), Some("prod"), &[]).unwrap_err();
    let shown = shown(&problems);
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(
        shown[0].starts_with("12:24 error the environment variable `SUFFIX` is not set (Set it before"),
        "{shown:?}"
    );
    assert!(shown[1].starts_with("17:10 error the environment variable `FIVETRAN_SHOP_CONNECTION_ID` is not set"));

    let with_defaults = WHOLE.replace("${SUFFIX}", "${SUFFIX:-x}").replace("CONNECTION_ID}", "CONNECTION_ID:-}");
    let (project, _) = load_with(folder(&with_defaults).path(), Some("prod"), &[]).unwrap();
    let Workspace::Host(host) = &project.environment.workspace else { panic!() };
    assert_eq!(host.value, "https://dbc-1.cloud.databricks.com");
    assert_eq!(project.environment.schema, "retention_x");
    assert_eq!(project.environment.fivetran.as_ref().unwrap().value, "http://localhost:9000");
    assert_eq!(project.variables["zone"], json!("Europe/Berlin"));
    assert!(project.connections["shop"].id.is_none(), "empty means not given");
}

#[test]
fn local_files_are_needed_only_by_the_embedded_workspace() {
    let yaml = WHOLE
        .replace("data/orders.csv.gz", "data/gone.csv")
        .replace("${SUFFIX}", "x")
        .replace("CONNECTION_ID}", "CONNECTION_ID:-}");
    let root = folder(&yaml);
    assert!(load_with(root.path(), Some("prod"), &[]).is_ok());
    let problems = load_with(root.path(), Some("local"), &[]).unwrap_err();
    assert_eq!(shown(&problems), ["26:28 error there is no data file `data/gone.csv`"]);
}

#[test]
fn variables_of_the_command_line_win_and_keep_their_type() {
    let root = folder(WHOLE);
    let (project, _) = load_with(root.path(), None, &[("windows", "[7]"), ("zone", "\"5\""), ("big", "2")]).unwrap();
    assert_eq!(project.variables["windows"], json!([7]));
    assert_eq!((&project.variables["zone"], &project.variables["big"]), (&json!("5"), &json!(2)));
    for (name, value, expected) in [
        ("windws", "1", "- error --var windws: there is no such variable in jobs.yaml (Did you mean `windows`?)"),
        ("zone", "[1", "- error --var zone: the value is not valid YAML"),
        ("api_token", "x", "- error --var api_token: variables end up in SQL"),
    ] {
        let problems = load_with(root.path(), None, &[(name, value)]).unwrap_err();
        assert!(shown(&problems)[0].starts_with(expected), "{:?}", shown(&problems));
    }
}

#[test]
fn the_environment_is_chosen_by_name_by_default_or_because_there_is_one() {
    assert_eq!(good(HEAD).environment.name, "local");
    let root = folder(WHOLE);
    let problems = load_with(root.path(), Some("prd"), &[]).unwrap_err();
    assert_eq!(shown(&problems), ["6:1 error there is no environment `prd` (Did you mean `prod`?)"]);
    check_whole(
        "version: 1\nproject: x\nenvironments:\n  a: {workspace: local, catalog: c, schema: s}\n  b: {workspace: local, catalog: c, schema: s}\n",
        &[
            "3:1 error no environment is the default (Choose one with --env, or mark one with `default: true`. There is: a, b.)",
        ],
    );
    check_whole(
        "version: 1\nproject: x\nenvironments:\n  a: {workspace: local, catalog: c, schema: s, default: true}\n  b: {workspace: local, catalog: c, schema: s, default: true}\n",
        &["5:3 error a second environment has `default: true`"],
    );
    check_whole("version: 1\nproject: x\nenvironments: {}\n", &["3:1 error `environments` has no environment"]);
}

#[test]
fn all_mistakes_of_a_file_are_reported_at_once() {
    check_whole(
        "version: 2\nprojekt: x\nenvironments:\n  local: {workspace: local, catalog: main, shema: x}\nmodels: [a]\njobs: {a: {steps: []}}\n",
        &[
            "2:1 error unknown key `projekt` in jobs.yaml (Did you mean `project`? Allowed here: version, project,",
            "1:10 error `version` must be 1",
            "1:1 error jobs.yaml has no `project`",
            "4:44 error unknown key `shema` in environment `local` (Did you mean `schema`?",
            "4:10 error environment `local` has no `schema`",
            "5:9 error `models` must be a mapping, not a list",
            "6:19 error job `a` has no steps (A step is",
        ],
    );
}

#[test]
fn wrong_types_say_what_was_expected_and_found() {
    for (yaml, expected) in [
        ("variables: 3\n", "4:12 error `variables` must be a mapping, not the number `3`"),
        ("macros: sql/macros\n", "4:9 error `macros` must be a list, not the text `sql/macros`"),
        (
            "macros: [1]\n",
            "4:10 error an entry of `macros` must be a text, not the number `1` (Put quotes round it: \"1\".)",
        ),
        ("jobs: {a: {steps: {sync: x}}}\n", "4:19 error `steps` must be a list, not a mapping"),
        ("jobs: {a: {steps: [sync]}}\n", "4:20 error a step must be a mapping, not the text `sync`"),
        ("models: {sql/marts: table}\n", "4:21 error models `sql/marts` must be a mapping, not the text `table`"),
        (
            "connections: {a: {service: true, schema_prefix: a, local: {sample: }}}\n",
            "4:28 error `service` must be a text, not the truth value `true`",
        ),
        (
            "connections: {a: {service: , schema_prefix: a, local: {sample: }}}\n",
            "4:26 error `service` must be a text, not nothing",
        ),
        ("connections: {a: {service: ' ', schema_prefix: a, local: {sample: }}}\n", "4:28 error `service` is empty"),
        (
            "connections: {a: {service: a, schema_prefix: a, local: {sample: {customers: many}}}}\n",
            "4:77 error `customers` must be a whole number from 1 to 10000000, not the text `many`",
        ),
        (
            "connections: {a: {service: a, schema_prefix: a, local: {sample: {customers: 0}}}}\n",
            "4:77 error `customers` must be from 1 to 10000000",
        ),
        (
            "connections: {a: {service: a, schema_prefix: a, local: {sample: {seed: -1}}}}\n",
            "4:72 error `seed` must be a whole number that is not negative, not the number `-1`",
        ),
        (
            "dashboards: {a: {file: dashboards/retention.lvdash.json, folder: /S, publish: {embed_credentials: yes}}}\n",
            "4:99 error `embed_credentials` must be true or false, not the text `yes`",
        ),
        ("variables: {x: 99999999999999999999}\n", "4:16 error variable `x` must be a number of at most 64 bits"),
    ] {
        check(yaml, &[expected]);
    }
    check_whole("[1, 2]\n", &["1:1 error jobs.yaml must be a mapping, not a list"]);
    check_whole("just words\n", &["1:1 error jobs.yaml must be a mapping, not the text `just words`"]);
}

#[test]
fn references_to_what_does_not_exist_are_reported_with_a_suggestion() {
    let connection =
        "connections: {shop: {service: a, schema_prefix: shop, tables: {public: [orders]}, local: {sample: }}}\n";
    for (yaml, expected) in [
        ("jobs: {a: {steps: [{sync: shp}]}}\n", "5:27 error there is no connection `shp` (Did you mean `shop`?)"),
        (
            "jobs: {a: {steps: [{publish: retention}]}}\n",
            "5:30 error there is no dashboard `retention` (There is no dashboard at all.)",
        ),
        (
            "sources: {shop_public: {connection: sop, tables: {}}}\n",
            "5:37 error there is no connection `sop` (Did you mean `shop`?)",
        ),
        (
            "sources: {shop_pulic: {connection: shop, tables: {}}}\n",
            "5:11 error connection `shop` lands nothing in schema `shop_pulic` (It lands tables in: shop_public.",
        ),
        (
            "sources: {shop_public: {connection: shop, tables: {order: }}}\n",
            "5:52 error there is no table that the connection lands here named `order` (Did you mean `orders`?)",
        ),
        (
            "models: {sql/stging: }\n",
            "5:10 error there is no folder or *.sql file `sql/stging` (Did you mean `sql/staging`?)",
        ),
        (
            "models: {sql/marts/cohort: }\n",
            "5:10 error there is no folder or *.sql file `sql/marts/cohort` (Did you mean `sql/marts/cohorts.sql`?)",
        ),
        (
            "models: {sequel/marts: }\n",
            "5:10 error there is no folder or *.sql file `sequel/marts` (There is no folder `sequel` either.)",
        ),
        ("macros: [sql/macro]\n", "5:10 error there is no folder or file `sql/macro` (Did you mean `sql/macros`?)"),
        (
            "dashboards: {a: {file: dashboards/retention.json, folder: /S}}\n",
            "5:24 error there is no dashboard file `dashboards/retention.json` (Did you mean `dashboards/retention.lvdash.json`?)",
        ),
        (
            "dashboards: {a: {file: dashboards, folder: /S}}\n",
            "5:24 error `dashboards` is a folder, not a dashboard file",
        ),
    ] {
        check(&format!("{connection}{yaml}"), &[expected]);
    }
}

#[test]
fn builds_must_match_models() {
    let models = "models: {sql/marts: , sql/staging: }\n";
    for (pattern, expected) in [
        ("sql/mart/**", "5:28 error no model matches `sql/mart/**` (Did you mean `sql/marts/**`?)"),
        ("cohrts", "5:28 error no model matches `cohrts` (Did you mean `cohorts`?)"),
        (
            "'other/*'",
            "5:28 error no model matches `other/*` (Models are in: sql, sql/marts, sql/staging, sql/staging/deep.)",
        ),
        ("'sql/{a'", "5:28 error `sql/{a` is not a pattern of paths"),
    ] {
        check(&format!("{models}jobs: {{a: {{steps: [{{build: {pattern}}}]}}}}\n"), &[expected]);
    }
    check("jobs: {a: {steps: [{build: sql}]}}\n", &["4:28 error no model matches `sql` (The project has no models"]);
}

#[test]
fn models_have_one_valid_name_each() {
    for (yaml, expected) in [
        (
            "models: {sql/staging: , twice: }\n",
            "4:25 error two files make a model `orders`: sql/staging/orders.sql and twice/orders.sql",
        ),
        ("models: {odd: }\n", "4:10 error `odd/2nd-order.sql` cannot be a model: `2nd-order` is no name of a table"),
        ("models: {sql/marts: , ./sql/marts/: }\n", "4:23 error `sql/marts` is configured twice"),
        (
            "models: {sql/marts: {materialized: tabel}}\n",
            "4:36 error unknown materialization `tabel` (Did you mean `table`?",
        ),
        ("models: {sql/marts: {description: All}}\n", "4:35 error a description says what one model holds"),
        ("models: {sql/marts: {cluster_by: [a]}}\n", "4:10 error model `cohorts` is a view and cannot be clustered"),
        (
            "models: {sql/marts: {materialized: table, cluster_by: [a, b, c, d, e]}}\n",
            "4:55 error a table can be clustered by at most four columns",
        ),
        ("models: {/etc: }\n", "4:10 error `/etc` is an absolute path"),
        (
            "models: {dashboards/retention.lvdash.json: }\n",
            "4:10 error `dashboards/retention.lvdash.json` is no *.sql file",
        ),
        ("models: {empty: }\n", "4:10 warning folder `empty` has no *.sql files"),
    ] {
        check(yaml, &[expected]);
    }
    let project = good(&format!(
        "{HEAD}macros: [sql/macros]\nmodels: {{sql: {{materialized: table}}, sql/marts/cohorts.sql: {{materialized: view}}}}\n"
    ));
    let kinds: Vec<_> = project.models.values().map(|m| (m.name.as_str(), m.materialized)).collect();
    use Materialization::{Table, View};
    assert_eq!(kinds, [("cohorts", View), ("items", Table), ("orders", Table)], "macros are no models");
}

#[test]
fn names_keys_and_steps_are_checked() {
    for (yaml, expected) in [
        (
            "jobs: {a b: {steps: [{build: x}]}}\nmodels: {sql: }\n",
            vec!["4:8 error `a b` cannot be the name of a job", "4:30 error no model matches `x`"],
        ),
        (
            "variables: {1x: 1, loop: 2, environment: 3}\n",
            vec![
                "4:13 error `1x` cannot be the name of a variable",
                "4:20 error `loop` has a meaning",
                "4:29 error `environment` has a meaning",
            ],
        ),
        ("variables: {x: 1, x: 2}\n", vec!["4:19 error key `x` stands twice in `variables`"]),
        ("project: y\n", vec!["4:1 error key `project` stands twice in jobs.yaml"]),
        (
            "connections: {a: {service: s, schema_prefix: Shop, local: {sample: }}}\n",
            vec!["4:46 error `Shop` cannot be a schema prefix"],
        ),
        (
            "connections: {a: {service: s, schema_prefix: a}}\n",
            vec!["4:15 error connection `a` has no `local` (Say what stands for it"],
        ),
        (
            "connections: {a: {service: s, schema_prefix: a, local: {}}}\n",
            vec!["4:56 error `local` must have either `sample` or `files`"],
        ),
        (
            "connections: {a: {service: s, schema_prefix: a, local: {files: {orders: data/orders.csv.gz}}}}\n",
            vec!["4:65 error `orders` is not a source table"],
        ),
        (
            "connections: {a: {service: s, schema_prefix: a, local: {files: {p.orders: jobs.yaml}}}}\n",
            vec!["4:75 error `jobs.yaml` is no data file that kiln reads"],
        ),
        (
            "connections: {a: {service: s, schema_prefix: a, tables: {p: [x, orders, x]}, local: {files: {p.order: data/orders.csv.gz}}}}\n",
            vec![
                "4:73 error table `x` stands twice",
                "4:94 error there is no table in `tables` of this connection named `p.order` (Did you mean `p.orders`?)",
                "4:93 error `files` has no file for table `p.x`",
                "4:93 error `files` has no file for table `p.orders`",
            ],
        ),
        (
            "dashboards: {a: {file: dashboards/retention.lvdash.json, folder: Shared}}\n",
            vec!["4:66 error `Shared` is not a folder of the workspace"],
        ),
        (
            "models: {sql/marts: }\njobs: {a: {steps: [{build: sql/**}, {build: sql/**}, {bild: x}, {sync: a, build: sql/**}, {}]}}\n",
            vec![
                "5:45 error this step stands twice",
                "5:55 error unknown key `bild` in a step (Did you mean `build`?",
                "5:65 error a step does exactly one thing",
                "5:91 error a step does exactly one thing",
            ],
        ),
    ] {
        check(yaml, &expected);
    }
}

#[test]
fn workspaces_and_addresses_are_checked() {
    let with = |keys: &str| format!("version: 1\nproject: x\nenvironments:\n  a: {{catalog: c, schema: s, {keys}}}\n");
    for (keys, expected) in [
        ("warehouse: x", "4:6 error environment `a` has no `workspace` or `host` (Write"),
        ("workspace: local, host: x.y", "4:30 error environment `a` has `workspace` and `host`"),
        ("workspace: lokal", "4:41 error there is no workspace `lokal`"),
        (
            "host: 'http://dbc.example'",
            "4:36 error `host` is not the address of a server: `http` would send the token unencrypted",
        ),
        ("host: 'dbc.example/sql/1'", "4:36 error `host` is not the address of a server: only the host belongs here"),
        ("host: 'ftp://dbc.example'", "4:36 error `host` is not the address of a server: it begins with `ftp:`"),
        ("host: 'https://'", "4:36 error `host` is not the address of a server: "),
        ("host: 'https://me:pw@dbc.example'", "4:36 error this value looks like a secret (Secrets come from"),
        ("host: \"${NO_HOST}\"", "4:37 error the environment variable `NO_HOST` is not set"),
        (
            "host: \"${DATABRICKS_TOKEN}\"",
            "4:37 error `DATABRICKS_TOKEN` looks like a secret, and jobs.yaml must not hold secrets",
        ),
        ("host: \"${1}\"", "4:37 error `1` is not the name of an environment variable"),
        ("host: \"${EMPTY}\"", "4:36 error `host` is empty"),
    ] {
        check_whole(&with(keys), &[expected]);
    }
    check_whole(
        "version: 1\nproject: x\nenvironments: {a: {workspace: local, catalog: main.x, schema: 'a b'}}\n",
        &["3:47 error `main.x` cannot be the name of a catalog", "3:63 error `a b` cannot be the name of a schema"],
    );
}

#[test]
fn secrets_are_refused_and_shown_nowhere() {
    let yaml = format!(
        "{HEAD}variables: {{db_password: hunter2, x: dapi{}, deep: {{api_key: k3y}}}}\nfivetran_token: hunter3\n",
        "0a".repeat(16)
    );
    let problems = load_with(folder(&yaml).path(), None, &[]).unwrap_err();
    let said = shown(&problems);
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said[0].starts_with("5:1 error `fivetran_token` looks like a secret"), "{said:?}");
    for problem in problems.iter() {
        let (span, _) = problem.primary.as_ref().unwrap();
        for secret in ["hunter", "dapi", "k3y"] {
            assert!(!span.file.text.contains(secret) && !format!("{problem:?}").contains(secret));
        }
    }
}

#[test]
fn broken_yaml_is_reported_where_it_breaks() {
    for (yaml, expected) in [
        ("version: 1\n\tproject: x\n", "2:1 error YAML cannot be indented with tabs (Use spaces"),
        ("version: 1\nproject: [a\n", "2:10 error this is not valid YAML: unclosed bracket"),
        ("version: 1\nproject: a: b\n", "2:11 error this is not valid YAML: "),
        ("version: 1\nproject: {{ name }}\n", "2:"),
        ("version: 1\n---\nversion: 1\n", "2:1 error a second YAML document begins here"),
        ("version: !!int 1\n", "1:16 error YAML tags are not supported"),
        ("version: &a [*a]\n", "1:14 error this alias stands inside the value it repeats"),
        ("version: *a\n", "1:10 error this is not valid YAML: "),
        ("? [a]\n: 1\n", "1:3 error a key must be a plain text"),
        ("", "1:1 error jobs.yaml is empty"),
        ("# nothing\n", "1:1 error jobs.yaml is empty"),
    ] {
        check_whole(yaml, &[expected]);
    }
    let deep = format!("a: {}{}\n", "[".repeat(5000), "]".repeat(5000));
    assert!(problems(&deep)[0].contains("error"), "{:?}", problems(&deep));
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let previous = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{previous}]\n"));
    }
    assert!(problems(&bomb)[0].contains("error the file holds more than 200000 values"), "{:?}", problems(&bomb));
}

#[test]
fn anchors_aliases_and_merges_work() {
    let yaml = "version: 1\nproject: x\nenvironments:\n  a: &a {workspace: local, catalog: c, schema: s, default: true}\n  b: {<<: *a, schema: t, default: false}\n";
    let (project, _) = load_with(folder(yaml).path(), Some("b"), &[]).unwrap();
    assert_eq!((project.environment.catalog.as_str(), project.environment.schema.as_str()), ("c", "t"));
}

#[test]
fn a_folder_without_a_readable_jobs_yaml_says_so() {
    let said = |root: &Path| shown(&load_with(root, None, &[]).unwrap_err()).remove(0);
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("jobs.yaml");
    assert!(said(root.path()).contains("error there is no jobs.yaml in "));
    assert!(said(&root.path().join("gone")).contains("error there is no folder "));
    fs::write(root.path().join("jobs.yml"), HEAD).unwrap();
    assert!(said(root.path()).ends_with("(There is jobs.yml: rename it to jobs.yaml.)"));
    fs::create_dir(&path).unwrap();
    assert!(said(root.path()).ends_with("is a folder, not a file"));
    fs::remove_dir(&path).unwrap();
    fs::write(&path, b"version: 1\nproject: caf\xe9\n").unwrap();
    assert!(said(root.path()).contains("is not UTF-8: see line 2"));
    fs::write(&path, vec![b'#'; 9 << 20]).unwrap();
    assert!(said(root.path()).contains("is larger than 8 MiB"));
    fs::write(&path, format!("\u{feff}{}", HEAD.replace('\n', "\r\n"))).unwrap();
    assert!(load_with(root.path(), None, &[]).is_ok());
}

#[cfg(unix)]
#[test]
fn links_that_lead_in_circles_are_reported() {
    let root = folder(&format!("{HEAD}models: {{sql: }}\n"));
    std::os::unix::fs::symlink("..", root.path().join("sql/staging/up")).unwrap();
    std::os::unix::fs::symlink("self.sql", root.path().join("sql/self.sql")).unwrap();
    let said = shown(&load_with(root.path(), None, &[]).unwrap_err());
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("4:10 error cannot read `sql/self.sql`: "), "{said:?}");
    assert!(
        said[1].starts_with("4:10 error folder `sql/staging/up` is a link to a folder that it lies in"),
        "{said:?}"
    );
}

#[test]
fn warnings_alone_do_not_stop_a_project() {
    let (_, warnings) = load_with(folder(&format!("{HEAD}macros: [empty]\n")).path(), None, &[]).unwrap();
    assert!(warnings.iter().all(|warning| warning.severity == Severity::Warning) && !warnings.is_empty());
}
