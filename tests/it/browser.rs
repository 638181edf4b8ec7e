//! The page in a real browser: its policy lets its scripts run, and they draw.

use std::process::{Command, Stdio};

use crate::support::Project;

/// Returns the browser that is here; none, with a message, where there is none.
pub(crate) fn browser() -> Option<&'static str> {
    let browsers = ["chromium", "chromium-browser", "google-chrome"];
    let found = browsers.into_iter().find(|name| {
        Command::new(name)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    });
    if found.is_none() {
        crate::skipped::skipped("no Chromium is here");
    }
    found
}

#[test]
fn a_browser_draws_every_chart_of_the_page() {
    let Some(browser) = browser() else { return };
    let project = Project::flagship(500);
    let _ = project.sync_and_refresh();
    let page = project.path().join(".kiln/pages/retention.html");
    let profile = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"])
        .args(["--window-size=1400,2400", "--virtual-time-budget=15000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser can be started");
    let dom = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("Content Security Policy"), "{said}");
    let drawn = dom.matches("data-drawn=\"yes\"").count();
    assert!(drawn >= 4, "{drawn} charts were drawn: {said}");
    assert_eq!(dom.matches("class=\"plot js-plotly-plot\"").count(), drawn, "each is a chart");
    assert!(dom.matches("<g class=\"point\"").count() > 10, "bars stand in them");
    assert!(dom.matches("js-line").count() > 3, "and lines");
}
