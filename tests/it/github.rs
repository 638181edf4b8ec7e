//! The steps of the action, run as a job of GitHub runs them.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use crate::support::{Project, Ran, repository};

/// Runs a script of the action in a project's folder, with kiln and a stand-in for GitHub's `gh` in the path.
fn step(project: &Project, script: &str, variables: &[(&str, &str)]) -> Ran {
    let programs = project.path().join("programs");
    project.write(
        "programs/gh",
        "#!/bin/sh\necho \"$@\" >> \"$GH_CALLS\"\nfor argument; do case \"$argument\" in\n\
         body=@*) cat \"${argument#body=@}\" >> \"$GH_CALLS\" ;;\n\
         --jq) cat \"$GH_CALLS.id\" 2>/dev/null || [ ! -e \"$GH_CALLS.refuses\" ] || exit 1 ;;\nesac; done\n",
    );
    std::fs::set_permissions(programs.join("gh"), std::fs::Permissions::from_mode(0o755)).expect("it can be changed");
    let kiln = assert_cmd::cargo::cargo_bin!("kiln").parent().expect("it lies in a folder").to_owned();
    let path = format!("{}:{}:{}", programs.display(), kiln.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("bash");
    command.arg(repository().join("action").join(script)).current_dir(project.path()).env_clear().stdin(Stdio::null());
    command.env("PATH", path).env("RUNNER_TEMP", project.path()).env("GITHUB_ACTIONS", "true");
    command.env("GITHUB_STEP_SUMMARY", project.path().join("summary.md"));
    command.env("GH_CALLS", project.path().join("gh-calls.txt")).env("GITHUB_REPOSITORY", "shop/retention");
    command.envs(variables.iter().copied());
    command.output().expect("there is a bash").into()
}

#[test]
fn a_plan_becomes_a_comment_and_a_deploy_a_summary() {
    let project = Project::tiny();
    let plan =
        [("KILN_COMMAND", "plan"), ("KILN_COMMENT", "true"), ("PULL_REQUEST", "7"), ("KILN_ENVIRONMENT", "local")];
    let ran = step(&project, "run.sh", &plan);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    let calls = project.read("gh-calls.txt");
    assert!(calls.contains("api --method POST repos/shop/retention/issues/7/comments"), "{calls}");
    assert!(calls.contains("<!-- kiln plan: . local -->\n### Plan for `local`"), "{calls}");
    assert!(
        calls.contains("### Plan for `local`") && calls.contains("| create | table `main.tiny.totals` |"),
        "{calls}"
    );
    assert!(project.read("summary.md").contains("3 to create, 1 to sync, 0 unchanged"));
    // The next plan takes the place of that comment, and no other's.
    project.write("gh-calls.txt.id", "42\n43\n");
    let ran = step(&project, "run.sh", &plan);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    let calls = project.read("gh-calls.txt");
    assert!(calls.contains("api --method PATCH repos/shop/retention/issues/comments/42 -F"), "{calls}");
    std::fs::remove_file(project.path().join("gh-calls.txt.id")).expect("it is there");
    project.write("gh-calls.txt.refuses", "");
    let ran = step(&project, "run.sh", &plan);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("::warning::the plan could not be shown as a comment"), "{}", ran.stdout);
    let calls = project.read("gh-calls.txt");

    let ran = step(&project, "run.sh", &[("KILN_COMMAND", "deploy"), ("KILN_ARGUMENTS", "--yes --concurrency 2")]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    let summary = project.read("summary.md");
    assert!(summary.contains("### ✅ tiny on local") && summary.contains("| build totals | table"), "{summary}");

    // Elsewhere than on a pull request there is nothing to comment on.
    let ran = step(&project, "run.sh", &plan[..2]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(project.read("gh-calls.txt"), calls);
}

#[test]
fn a_failure_is_annotated_at_its_line_and_fails_the_step() {
    let project = Project::tiny();
    project.replace("sql/totals.sql", "sum(amount)", "sum(amont)");
    let ran = step(&project, "run.sh", &[("KILN_COMMAND", "check")]);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stdout.contains("::error file=sql/totals.sql,line=1,"), "{}", ran.stdout);
    project.replace("sql/totals.sql", "sum(amont)", "sum(amount / (id - id))");
    let ran = step(&project, "run.sh", &[("KILN_COMMAND", "sync-and-refresh"), ("KILN_ARGUMENTS", "daily")]);
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    let summary = project.read("summary.md");
    assert!(summary.contains("### ❌ tiny on local") && summary.contains("**build totals**"), "{summary}");
}

/// The workflows that are there to be copied call the action by what it takes, and commands that there are.
#[test]
fn the_workflows_are_whole_and_call_the_action_rightly() {
    let action = std::fs::read_to_string(repository().join("action.yml")).expect("it is there");
    let folder = std::fs::read_dir(repository().join("docs/workflows")).expect("it is there");
    let mut commands = Vec::new();
    for file in folder.flatten() {
        let text = std::fs::read_to_string(file.path()).expect("it can be read");
        let name = file.file_name();
        assert!(text.contains("\non:") && text.contains("\njobs:") && text.contains("actions/checkout@"), "{name:?}");
        for inputs in text.lines().filter_map(|line| line.trim().strip_prefix("with: {")) {
            let inputs = inputs.strip_suffix('}').unwrap_or_else(|| panic!("{name:?}: {inputs}"));
            for (input, value) in inputs.split(", ").filter_map(|input| input.split_once(": ")) {
                assert!(action.contains(&format!("\n  {input}:\n")), "{name:?}: the action takes no `{input}`");
                if input == "command" {
                    commands.push(value.to_owned());
                }
            }
        }
    }
    commands.sort();
    commands.dedup();
    assert_eq!(commands, ["check", "deploy", "destroy", "plan", "sync-and-refresh"]);
}

#[test]
fn the_action_names_only_what_is_there() {
    let action = std::fs::read_to_string(repository().join("action.yml")).expect("it is there");
    for script in ["install.sh", "run.sh"] {
        assert!(action.contains(&format!("action/{script}")), "{script}");
        let checked = Command::new("bash").arg("-n").arg(repository().join("action").join(script)).status();
        assert!(checked.expect("there is a bash").success(), "{script}");
    }
    // Every variable that a script reads is given to it by the action or by GitHub.
    for script in ["install.sh", "run.sh"] {
        let text = std::fs::read_to_string(repository().join("action").join(script)).expect("it is there");
        let names = text.split(|c: char| !c.is_ascii_uppercase() && c != '_').filter(|name| name.starts_with("KILN_"));
        for name in names {
            assert!(action.contains(&format!("{name}:")), "{script} reads {name}, which the action does not set");
        }
    }
}
