//! What `kiln check` writes for programs: JSON lines as documented, annotations, SARIF; and what editors and shells are given.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Project, repository};

/// A project with an error and a warning, in two files.
fn wrong() -> Project {
    let project = Project::tiny();
    project.replace("sql/totals.sql", "sum(amount)", "sum(amout)");
    project.replace("sql/totals.sql", "count(*) AS orders", "count(*)");
    project
}

#[test]
fn json_lines_are_as_documented() {
    let documented = std::fs::read_to_string(repository().join("docs/check-output.md")).expect("it is there");
    let example = documented.split("```json").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let example: Value = serde_json::from_str(example).expect("the example is JSON");
    let ran = wrong().kiln(&["check", "--output", "json"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (1, ""));
    let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let error = lines.iter().find(|line| line["severity"] == "error").expect("an error");
    assert_eq!(*error, example);
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert!(lines.iter().all(|line| keys(line) == keys(&example)), "{lines:?}");
    // Every code that the page names is one of ours.
    let table = documented.split("## Dashboards").nth(1).expect("the table of codes");
    let codes = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next().map(str::to_owned));
    let sources = sources(&repository().join("src"));
    for code in codes.flat_map(|cell| cell.split('`').step_by(2).map(str::to_owned).collect::<Vec<_>>()) {
        let code = code.trim_matches([',', ' ', '…']);
        assert!(code.is_empty() || sources.contains(&format!("\"{code}\"")), "no code `{code}` in the source");
    }
}

fn sources(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            all.push_str(&sources(&entry));
        } else {
            all.push_str(&std::fs::read_to_string(entry).expect("a source file"));
        }
    }
    all
}

#[test]
fn sarif_is_one_document_of_check_alone() {
    let project = wrong();
    let ran = project.kiln(&["check", "--output", "sarif"]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("sql/totals.sql:1:22"), "people are told too: {}", ran.stderr);
    let document: Value = serde_json::from_str(&ran.stdout).expect("one document");
    let results = document["runs"][0]["results"].as_array().expect("results");
    let of = |code: &str| results.iter().find(|result| result["ruleId"] == code).expect("a result");
    let place = &of("unknown-column")["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "sql/totals.sql");
    assert_eq!((&place["region"]["startLine"], &place["region"]["startColumn"]), (&1.into(), &22.into()));

    // From elsewhere the addresses begin there, or at the project.
    let uri = |folder: &Path, args: &[&str]| {
        let mut command = project.command(args);
        let output = command.current_dir(folder).output().expect("kiln can be started");
        let document: Value = serde_json::from_slice(&output.stdout).expect("one document");
        let results = document["runs"][0]["results"].as_array().expect("results").clone();
        let error = results.into_iter().find(|result| result["level"] == "error").expect("an error");
        error["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().expect("a text").to_owned()
    };
    let (parent, name) = (project.path().parent().unwrap(), project.path().file_name().unwrap().to_str().unwrap());
    let check = ["check", "--output", "sarif"];
    assert_eq!(uri(parent, &[&check[..], &["-C", name]].concat()), format!("{name}/sql/totals.sql"));
    assert_eq!(uri(&project.path().join("sql"), &check), "sql/totals.sql");
    let whole = project.path().to_str().unwrap();
    assert_eq!(uri(project.path(), &[&check[..], &["-C", whole]].concat()), "sql/totals.sql");

    // A project without mistakes is a document too, and one that is not there.
    let ran = Project::tiny().kiln(&["check", "--output", "sarif"]);
    let document: Value = serde_json::from_str(&ran.stdout).expect("one document");
    assert_eq!((ran.status, &document["runs"][0]["results"]), (0, &serde_json::json!([])));
    let ran = Project::empty().kiln(&["check", "--output", "sarif"]);
    let document: Value = serde_json::from_str(&ran.stdout).expect("one document");
    assert_eq!((ran.status, &document["runs"][0]["results"][0]["ruleId"]), (1, &"no-project".into()));

    for command in [&["render", "totals"][..], &["plan"], &["sync-and-refresh"], &["doctor"], &["schema"]] {
        let ran = project.kiln(&[command, &["--output", "sarif"]].concat());
        ran.fails_with(2, &["only `kiln check` has results in the form of SARIF", "--output json"]);
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn the_schema_is_one_and_the_repositorys_project_fits_it() {
    let ran = Project::empty().kiln(&["schema"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let schema: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    // The rest is in the unit tests; that it is a valid schema, those say who know: a Python library, where it is there.
    let script = "import json, sys\ntry:\n import jsonschema\nexcept ImportError:\n sys.exit(77)\n\
                  jsonschema.Draft202012Validator.check_schema(json.load(sys.stdin))";
    let started = Command::new("python3").args(["-c", script]).stdin(Stdio::piped()).spawn();
    let Ok(mut python) = started else {
        crate::skipped::skipped("there is no python3");
        return;
    };
    python.stdin.take().expect("its input").write_all(ran.stdout.as_bytes()).expect("it reads");
    match python.wait().expect("it ends").code() {
        Some(77) => crate::skipped::skipped("python3 has no jsonschema"),
        code => assert_eq!(code, Some(0)),
    }
}

#[test]
fn a_shell_completes_commands_and_options() {
    let project = Project::empty();
    for (shell, expected) in [("bash", "complete -F _kiln"), ("zsh", "#compdef kiln"), ("fish", "complete -c kiln")] {
        let ran = project.kiln(&["completions", shell]);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert!(ran.stdout.contains(expected), "{shell}: {}", &ran.stdout[..300]);
    }
    project.write("kiln.bash", &project.kiln(&["completions", "bash"]).stdout);
    let complete = |words: &str| {
        let script = format!(
            "source kiln.bash; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _kiln kiln \"${{COMP_WORDS[COMP_CWORD]}}\" \"\"; echo \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash").arg("-c").arg(script).current_dir(project.path()).output().expect("a bash");
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    };
    assert_eq!(complete("kiln che"), "check");
    assert_eq!(complete("kiln check --pro"), "--project");
    project.kiln(&["completions", "tcsh"]).fails_with(2, &["tcsh"]);
}
