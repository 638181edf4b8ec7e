//! Tests of the loader: small files, and what it makes of them.

mod mistakes;
mod schema;

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
        ("tests/cohorts.yaml", "tests: {}"),
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
    let Workspace::Remote(Remote { host: Some(host), .. }) = &project.environment.workspace else { panic!() };
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
