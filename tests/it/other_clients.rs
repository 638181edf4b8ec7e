//! Clients and readers that are not ours, against `kiln local serve`: Databricks' Python SDK, and Delta Lake's library.

use std::process::Command;

use crate::support::Project;

/// A Python that has these modules: the one `KILN_TEST_PYTHON` names, or `python3`.
fn python(modules: &str) -> Option<String> {
    let python = std::env::var("KILN_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", &format!("import {modules}; print('there')")]).output();
    let has = has.is_ok_and(|output| output.stdout.starts_with(b"there"));
    if !has {
        crate::skipped::skipped(&format!("no Python with {modules}; install it and set KILN_TEST_PYTHON"));
    }
    has.then_some(python)
}

/// Runs a script against a workspace of its own; its last word must be `done`.
fn runs(script: &str, modules: &str) {
    let Some(python) = python(modules) else { return };
    let project = Project::tiny();
    let served = project.serve(&[]);
    let output = Command::new(python)
        .arg(format!("{}/tests/python/{script}", env!("CARGO_MANIFEST_DIR")))
        .args([&served.url, &served.token])
        .env_remove("DATABRICKS_CONFIG_PROFILE")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python can be started");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // How it ends does not count: threads of the libraries may break it off when all is said.
    assert!(out.trim_end().ends_with("done"), "{out}\n{err}");
}

#[test]
fn the_python_sdk_drives_the_workspace() {
    runs("databricks_sdk_drives.py", "databricks.sdk");
}

#[test]
fn the_delta_library_reads_every_kind_of_table() {
    runs("delta_tables_are_read.py", "deltalake, pyarrow");
}
