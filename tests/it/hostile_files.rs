//! Files that are no honest mistakes: too large, too deep, no text at all. `kiln check` says so with a place, soon, and in
//! little memory.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use crate::support::{Project, Ran};

/// The most memory that a check of such files may ask for, in KiB.
const MOST_KIB: u32 = 2 << 20;

/// Runs `kiln check` under a limit of memory; beyond it the process would be killed, and not end with status 1.
fn check(project: &Project) -> Ran {
    let kiln = assert_cmd::cargo::cargo_bin!("kiln");
    let mut command = Command::new("bash");
    command.arg("-c").arg(format!("ulimit -v {MOST_KIB} && exec timeout 60 \"$0\" check")).arg(kiln);
    command.current_dir(project.path()).stdin(Stdio::null());
    command.output().expect("there is a bash").into()
}

/// A project with a dashboard.
fn project() -> Project {
    let project = Project::tiny();
    let jobs = project.read("jobs.yaml");
    project.write(
        "jobs.yaml",
        &format!(
            "{jobs}dashboards:\n  d: {{file: dashboards/d.lvdash.json, folder: /Shared}}\nmacros: [sql/macros/all.tera]\n"
        ),
    );
    project.write("dashboards/d.lvdash.json", "{}");
    project.write("sql/macros/all.tera", "");
    let ran = check(&project);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    project
}

#[test]
fn what_is_no_text_is_named() {
    for path in ["jobs.yaml", "sql/totals.sql", "sql/macros/all.tera", "dashboards/d.lvdash.json"] {
        let project = project();
        let mut bytes = fs::read(project.path().join(path)).unwrap();
        bytes.extend(b"\xff\xfe\x00");
        fs::write(project.path().join(path), bytes).unwrap();
        check(&project).fails_with(1, &[path.rsplit('/').next().unwrap(), "UTF-8"]);
    }
}

#[test]
fn a_file_of_100_megabytes_is_refused_and_not_read() {
    for path in ["jobs.yaml", "sql/totals.sql", "sql/macros/all.tera", "dashboards/d.lvdash.json"] {
        let project = project();
        File::options().write(true).open(project.path().join(path)).unwrap().set_len(100 << 20).unwrap();
        check(&project).fails_with(1, &[path.rsplit('/').next().unwrap(), "larger than"]);
    }
}

#[test]
fn what_is_no_regular_file_is_not_waited_for() {
    for path in ["sql/totals.sql", "sql/macros/all.tera", "dashboards/d.lvdash.json"] {
        let project = project();
        fs::remove_file(project.path().join(path)).unwrap();
        let made = Command::new("mkfifo").arg(project.path().join(path)).status().expect("there is mkfifo");
        assert!(made.success());
        check(&project).fails_with(1, &[path.rsplit('/').next().unwrap(), "regular file"]);
    }
}

#[test]
fn a_yaml_file_that_grows_or_nests_without_end_is_refused() {
    let project = project();
    let jobs = project.read("jobs.yaml");
    let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..12 {
        laughs.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(", ")));
    }
    let wide = format!("{jobs}variables: {{x: [{}]}}\n", "1,".repeat(3_000_000));
    let deep = format!("{jobs}variables: {{x: {}{}}}\n", "[".repeat(100_000), "]".repeat(100_000));
    let blocks: String = (0..2_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    for (text, expected) in
        [(&laughs, "values"), (&wide, "values"), (&deep, "recursion limit"), (&blocks, "jobs.yaml:")]
    {
        project.write("jobs.yaml", text);
        check(&project).fails_with(1, &["jobs.yaml", expected]);
    }
}

#[test]
fn a_model_that_nests_without_end_is_refused_at_its_place() {
    let project = project();
    let many = 50_000;
    for (text, expected) in [
        (format!("SELECT {}1{} AS a", "(".repeat(many), ")".repeat(many)), "nested too deeply"),
        (format!("SELECT {}1", "NOT ".repeat(many)), "too long"),
        (format!("SELECT {}1{}", "CASE WHEN 1=1 THEN ".repeat(many), " END".repeat(many)), "too"),
        (format!("{}SELECT 1 AS a{}", "SELECT * FROM (".repeat(many), ")".repeat(many)), "nested too deeply"),
        (format!("SELECT 1 {}", "UNION SELECT 1 ".repeat(many)), "too long"),
        (format!("SELECT {}1{}", "array(".repeat(many), ")".repeat(many)), "nested too deeply"),
        (format!("SELECT CAST(1 AS {}INT{})", "ARRAY<".repeat(many), ">".repeat(many)), "totals.sql:1"),
        ("SELECT customer /* never closed\nFROM stg_orders".to_owned(), "totals.sql:2:16"),
        ("SELECT 'never closed\nFROM stg_orders".to_owned(), "totals.sql:1"),
        ("SELECT {# never closed\nFROM stg_orders".to_owned(), "totals.sql:1"),
        (format!("SELECT {{{{ {}1{} }}}} AS a", "(".repeat(many), ")".repeat(many)), "totals.sql:1"),
        (format!("{}SELECT 1 AS a{}", "{% if true %}".repeat(many), "{% endif %}".repeat(many)), "totals.sql"),
        ("SELECT 1 AS a{% include \"sql/totals.sql\" %}".to_owned(), "totals.sql"),
        (
            "{% for a in range(end=99999) %}{% for b in range(end=99999) %}x{% endfor %}{% endfor %}".to_owned(),
            "go round",
        ),
    ] {
        project.write("sql/totals.sql", &text);
        check(&project).fails_with(1, &["totals.sql", expected]);
    }
    project.write("sql/macros/all.tera", "{% component again(x) %}{{ <again x={x} /> }}{% endcomponent again %}");
    project.write("sql/totals.sql", "SELECT {{ <again x={1} /> }} AS a");
    check(&project).fails_with(1, &["deep"]);
}

#[test]
fn a_dashboard_that_is_none_is_refused_at_its_place() {
    let project = project();
    let many = 100_000;
    let deep_query = format!("SELECT {}1{}", "(".repeat(many), ")".repeat(many));
    for (text, expected) in [
        ("[]".to_owned(), "must be an object, but this is an array"),
        ("null".to_owned(), "must be an object, but this is null"),
        (String::new(), "the file is empty"),
        (format!("{}{}", "[".repeat(many), "]".repeat(many)), "recursion limit"),
        (format!("{{\"a\": {}1{}}}", "{\"a\":".repeat(many), "}".repeat(many)), "recursion limit"),
        (format!("{{\"a\": [{}1]}}", "1,".repeat(2_000_000)), "more than 1000000 values"),
        (
            format!("{{\"datasets\": [{{\"name\": \"d\", \"displayName\": \"D\", \"query\": \"{deep_query}\"}}]}}"),
            "nested too deeply",
        ),
    ] {
        project.write("dashboards/d.lvdash.json", &text);
        check(&project).fails_with(1, &["d.lvdash.json:1:", expected]);
    }
    // As many mistakes as go into a file, on one line: the worst are told, soon.
    let broken =
        r#"{"widget":{"name":"w","queries":[{"query":{"datasetName":"x"}}],"spec":{"version":3,"widgetType":"bar"}}},"#;
    let broken = broken.repeat((5 << 20) / broken.len());
    let sets = r#"{"name":"a","query":"SELECT 1"},"#.repeat(5_000);
    let (broken, sets) = (broken.trim_end_matches(','), sets.trim_end_matches(','));
    project.write(
        "dashboards/d.lvdash.json",
        &format!("{{\"datasets\": [{sets}], \"pages\": [{{\"name\": \"p\", \"layout\": [{broken}]}}]}}"),
    );
    check(&project).fails_with(1, &["d.lvdash.json:1:", "more problems of this file are not shown"]);
    let widget =
        r#"{"position": {"x": 0, "y": 0, "width": 1, "height": 1}, "widget": {"name": "w", "textbox_spec": "x"}},"#;
    let many = format!(
        "{{\"pages\": [{{\"name\": \"p\", \"layout\": [{}]}}]}}",
        widget.repeat((50 << 20) / widget.len()).trim_end_matches(',')
    );
    project.write("dashboards/d.lvdash.json", &many[..many.len().min(50 << 20)]);
    check(&project).fails_with(1, &["d.lvdash.json", "larger than"]);
}
