//! What `kiln check` says of queries that run and probably mean something else: how it is allowed, raised and silenced,
//! and that one mistake makes no others.

use std::collections::BTreeSet;

use kiln::diag::codes;
use serde_json::Value;

use crate::support::Project;

/// What `kiln check` says: severity, code, place.
fn said(project: &Project, args: &[&str]) -> (i32, Vec<String>) {
    let ran = project.kiln(&[&["check", "--output", "json"], args].concat());
    let lines = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let shown = lines.filter(|line| line["type"] == "diagnostic").map(|line| {
        let place = &line["place"];
        format!(
            "{} {} {}:{}:{}",
            text(&line["severity"]),
            text(&line["code"]),
            text(&place["path"]),
            place["line"],
            place["column"]
        )
    });
    (ran.status, shown.collect())
}

/// A project whose only other model joins without a condition.
fn crossed() -> Project {
    let project = Project::tiny();
    project.write("sql/pairs.sql", "SELECT a.id, b.customer\nFROM stg_orders a,\n  stg_orders b\n");
    project
}

#[test]
fn a_lint_is_a_warning_that_can_be_allowed_in_place() {
    let project = crossed();
    assert_eq!(said(&project, &[]), (0, vec!["warning cross-join sql/pairs.sql:3:3".to_owned()]));
    let text = project.kiln(&["check"]).stderr;
    assert!(
        text.contains("warning[K401 cross-join]: a comma joins `b` with every row") && text.contains("= help: "),
        "{text}"
    );

    project.write("sql/pairs.sql", "SELECT a.id, b.customer\nFROM stg_orders a,\n  -- kiln: allow(cross-join) three rows by three\n  stg_orders b\n");
    assert_eq!(said(&project, &["--strict"]), (0, vec![]));
    project.write(
        "sql/pairs.sql",
        "-- kiln: allow(K401, unordered-rank)\nSELECT a.id, b.customer\nFROM stg_orders a,\n  stg_orders b\n",
    );
    assert_eq!(said(&project, &[]), (0, vec!["warning unused-allow sql/pairs.sql:1:22".to_owned()]));
    project
        .write("sql/pairs.sql", "SELECT a.id, b.customer\nFROM stg_orders a, stg_orders b -- kiln: allow(crossjoin)\n");
    let expected = ["warning cross-join sql/pairs.sql:2:20", "warning unknown-allow sql/pairs.sql:2:48"];
    assert_eq!(said(&project, &[]), (0, expected.map(str::to_owned).to_vec()));
}

#[test]
fn the_projects_file_allows_raises_and_silences() {
    let project = crossed();
    let jobs = project.read("jobs.yaml");
    project.write(
        "jobs.yaml",
        &jobs.replace("  sql: {materialized: table}", "  sql: {materialized: table, allow: [cross-join]}"),
    );
    assert_eq!(said(&project, &["--strict"]), (0, vec![]));
    project.write(
        "jobs.yaml",
        &jobs.replace("  sql: {materialized: table}", "  sql: {materialized: table, allow: [cross-join, K416]}"),
    );
    let (status, found) = said(&project, &[]);
    assert_eq!((status, found.len()), (0, 1));
    assert!(found[0].starts_with("warning unused-allow jobs.yaml:"), "{found:?}");

    project.write("jobs.yaml", &format!("{jobs}lints: {{cross-join: error}}\n"));
    assert_eq!(said(&project, &[]), (1, vec!["error cross-join sql/pairs.sql:3:3".to_owned()]));
    let ran = project.kiln(&["plan"]);
    assert_eq!(ran.status, 1, "what the project takes for an error keeps it from everything: {ran:?}");
    project.write("jobs.yaml", &format!("{jobs}lints: {{K401: off}}\n"));
    assert_eq!(said(&project, &["--strict"]), (0, vec![]));
    project.write("jobs.yaml", &format!("{jobs}lints: {{cross-join: note}}\n"));
    assert_eq!(said(&project, &[]), (0, vec!["note cross-join sql/pairs.sql:3:3".to_owned()]));
    assert_eq!(said(&project, &["--strict"]), (1, vec!["error cross-join sql/pairs.sql:3:3".to_owned()]));

    for (line, message) in [
        ("lints: {crossjoin: error}\n", "Did you mean `cross-join`?"),
        ("lints: {cross-join: loud}\n", "`off`, `note`, `warning` and `error`"),
        ("lints: {unknown-column: off}\n", "is an error, and stays one"),
    ] {
        project.write("jobs.yaml", &format!("{jobs}{line}"));
        let ran = project.kiln(&["check"]);
        assert!(ran.status == 1 && ran.stderr.contains(message), "{ran:?}");
    }
}

#[test]
fn notes_are_said_by_check_alone_and_once_a_model() {
    let project = Project::tiny();
    let columns = ": {columns: {id: BIGINT, customer: STRING, amount: \"DECIMAL(12,2)\"}}}}\n";
    project.replace("jobs.yaml", columns, ": {}}}\n");
    let (status, found) = said(&project, &[]);
    assert_eq!((status, found), (0, vec!["note not-analysed sql/staging/stg_orders.sql:2:6".to_owned()]));
    assert_eq!(said(&project, &["--strict"]).0, 1);
    let ran = project.kiln(&["render", "totals"]);
    assert!(!ran.stderr.contains("not-analysed"), "{ran:?}");
}

#[test]
fn a_mistake_makes_no_others_in_those_who_read_it() {
    let project = Project::tiny();
    project.write(
        "sql/more.sql",
        "SELECT t.customer, t.orders + 1 AS next, row_number() OVER (ORDER BY t.total) AS n FROM totals t\n",
    );
    project.write("sql/staging/stg_orders.sql", "SELECT id, custmer AS customer, amount\nFROM shop_public.orders\nWHERE NOT coalesce(_fivetran_deleted, false)\n");
    let (status, found) = said(&project, &[]);
    let errors: Vec<_> = found.iter().filter(|line| line.starts_with("error")).collect();
    assert_eq!(
        (status, errors),
        (1, vec![&"error unknown-column sql/staging/stg_orders.sql:1:12".to_owned()]),
        "{found:?}"
    );
    for broken in [
        "SELECT id,, customer FROM shop_public.orders",
        "SELECT {{ nothing }} FROM shop_public.orders",
        "SELECT * FROM nothing",
    ] {
        project.write("sql/staging/stg_orders.sql", broken);
        let (status, found) = said(&project, &[]);
        let errors = found.iter().filter(|line| line.starts_with("error")).count();
        assert_eq!((status, errors), (1, 1), "{broken}: {found:?}");
        assert!(!found.iter().any(|line| line.contains("not-analysed")), "{found:?}");
    }
}

#[test]
fn places_lead_through_components_and_loops_to_what_was_written() {
    let project = Project::tiny();
    project.replace("jobs.yaml", "models:\n", "variables: {windows: [30, 60, 90]}\nmacros: [macros]\nmodels:\n");
    project.write(
        "macros/m.sql",
        "{% component share(of: string) -%}\ncount_if({{ of }} > 1) div\n  count(*)\n{%- endcomponent share %}\n",
    );
    project.write(
        "sql/totals.sql",
        "SELECT customer,\n{%- for window in windows %}\n  sum(amont + {{ window }}) AS s{{ window }},\n{%- endfor %}\n  {{ <share of=\"amount\" /> }} AS share\nFROM stg_orders\nGROUP BY customer\n",
    );
    // One place, however often the loop writes it. Lints of a model with mistakes wait until these are gone.
    assert_eq!(said(&project, &[]), (1, vec!["error unknown-column sql/totals.sql:3:7".to_owned()]));
    project.replace("sql/totals.sql", "amont", "amount");
    assert_eq!(said(&project, &[]), (0, vec!["warning integer-division macros/m.sql:2:1".to_owned()]));
    project.replace("macros/m.sql", "-%}\ncount_if", "-%}\n-- kiln: allow(integer-division)\ncount_if");
    assert_eq!(said(&project, &["--strict"]), (0, vec![]));
}

#[test]
fn models_are_judged_by_what_they_become_and_what_is_tested() {
    let project = Project::tiny();
    project.write("sql/star.sql", "SELECT * FROM totals\n");
    project.write("sql/staging/stg_all.sql", "SELECT * FROM shop_public.orders\n");
    project.write("sql/staging/stg_raw.sql", "SELECT id FROM shop_public.orders\n");
    project.write(
        "sql/first.sql",
        "SELECT id, row_number() OVER (PARTITION BY customer ORDER BY amount) AS n FROM stg_orders\n",
    );
    let expected = [
        "warning fivetran-deleted sql/staging/stg_raw.sql:1:16",
        "warning unordered-rank sql/first.sql:1:12",
        "warning select-star sql/star.sql:1:8",
    ];
    let mut found = said(&project, &[]).1;
    let mut expected = expected.map(str::to_owned);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    // With a test that these columns are unique together there are no ties.
    project.replace(
        "jobs.yaml",
        "models:\n",
        "models:\n  sql/staging/stg_orders: {tests: [{unique: [customer, amount]}]}\n",
    );
    assert!(!said(&project, &[]).1.iter().any(|line| line.contains("unordered-rank")));
    // Rows that are appended again and again.
    project.write("sql/events.sql", "SELECT id, customer FROM stg_orders\n");
    project.replace("jobs.yaml", "models:\n", "models:\n  sql/events: {materialized: incremental, strategy: append}\n");
    assert!(said(&project, &[]).1.contains(&"warning appends-everything sql/events.sql:1:1".to_owned()));
    project.write("sql/events.sql", "SELECT id, customer FROM stg_orders\n{% if incremental %}WHERE id > (SELECT max(id) FROM {{ this }}){% endif %}\n");
    assert!(!said(&project, &[]).1.iter().any(|line| line.contains("appends-everything")));
}

#[test]
fn codes_are_explained_by_number_and_name() {
    let project = Project::empty();
    for name in ["K303", "unknown-column", "k303", "error[K303 unknown-column]", "K303 unknown-column"] {
        let ran = project.kiln(&["explain", name]);
        assert_eq!(ran.status, 0, "{ran:?}");
        assert!(ran.stdout.starts_with("K303 unknown-column: error\n"), "{ran:?}");
        assert!(ran.stdout.contains("wrong  SELECT custmer_id FROM orders"), "{ran:?}");
    }
    let ran = project.kiln(&["explain"]);
    let numbers: BTreeSet<&str> = ran.stdout.lines().filter_map(|l| l.split_whitespace().next()).collect();
    assert!(codes().all(|code| numbers.contains(code.number)), "{ran:?}");
    let ran = project.kiln(&["explain", "cross-join", "--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    assert_eq!((&json["number"], &json["lint"]), (&"K401".into(), &true.into()));
    for (wrong, help) in [
        ("crosjoin", "Did you mean `cross-join`?"),
        ("K999", "`kiln explain` lists all codes."),
        ("timestamp", "timestamp-mix"),
    ] {
        let ran = project.kiln(&["explain", wrong]);
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.stderr.contains(&format!("there is no code `{wrong}`")) && ran.stderr.contains(help), "{ran:?}");
    }
}
