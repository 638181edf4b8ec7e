//! Databricks' own Python SDK against `kiln local serve`.

use std::process::Command;

use crate::support::Project;

/// A Python that has the SDK: the one `KILN_TEST_PYTHON` names, or `python3`.
fn python() -> Option<String> {
    let python = std::env::var("KILN_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import databricks.sdk"]).output();
    has.is_ok_and(|output| output.status.success()).then_some(python)
}

#[test]
fn the_python_sdk_drives_the_workspace() {
    let Some(python) = python() else {
        eprintln!("skipped: no Python with databricks-sdk; install it and set KILN_TEST_PYTHON");
        return;
    };
    let project = Project::tiny();
    let served = project.serve(&[]);
    let output = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/databricks_sdk_drives.py"))
        .args([&served.url, &served.token])
        .env_remove("DATABRICKS_CONFIG_PROFILE")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python can be started");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.trim_end().ends_with("done"), "{out}\n{err}");
}
