//! `kiln dashboard preview`: the page answers choices as the SQL does, follows its files, and is for this machine alone.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use reqwest::StatusCode;
use tokio::runtime::Runtime;

use crate::support::{Project, Ran};
use crate::tables::Tables;

const DASHBOARD: &str = "dashboards/retention.lvdash.json";

/// A project whose job has run.
fn shop() -> Project {
    let project = Project::flagship(500);
    let _ = project.sync_and_refresh();
    project
}

/// Asks the tables themselves.
fn count(project: &Project, filter: &str) -> String {
    let tables = Tables::open(project, "", "retention");
    let rows = tables.rows(&format!("SELECT count(*) FROM customer_first_second WHERE {filter}"));
    tables.close();
    rows[0].clone()
}

/// The page's first figure: customers.
fn customers(html: &str) -> &str {
    let (_, rest) = html.split_once("class=\"value\" title=\"").expect("the page has a figure");
    rest.split('"').next().unwrap_or_default()
}

#[test]
fn a_page_is_exported_with_what_was_chosen_at_the_filters() {
    let project = shop();
    let ran = project.kiln(&[
        "dashboard",
        "preview",
        "--export",
        "board.html",
        "--filter",
        "Channel=email",
        "--filter",
        "filter-channel=organic",
        "--filter",
        "Month of first purchase=2025-01-01..",
    ]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("page: board.html"), "{}", ran.stderr);
    let html = std::fs::read_to_string(project.path().join("board.html")).expect("the page is there");
    let expected = count(&project, "channel IN ('email', 'organic') AND cohort_month >= DATE'2025-01-01'");
    assert_ne!(expected, count(&project, "true"));
    assert_eq!(customers(&html), expected);
    // Nothing is left beside it.
    let left = std::fs::read_dir(project.path()).expect("the folder is there");
    assert!(!left.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(".kiln-export")));
    // It is a file: it says what was chosen, and asks nobody.
    assert!(html.contains("<b>email, organic</b>") && html.contains("<b>from 2025-01-01</b>"));
    assert!(!html.contains("EventSource") && !html.contains("connect-src"));
}

#[test]
fn what_cannot_be_chosen_is_refused_with_what_can() {
    let project = Project::flagship(500);
    let preview = |more: &[&str]| project.kiln(&[&["dashboard", "preview", "--export", "x.html"], more].concat());
    preview(&["--filter", "Chanel=email"]).fails_with(2, &["no filter `Chanel`", "Did you mean `Channel`?"]);
    preview(&["--filter", "Channel"]).fails_with(2, &["`Channel` is no choice at a filter", "NAME=VALUE"]);
    preview(&["--filter", "Month of first purchase=2025"]).fails_with(2, &["is a range", "=FROM..TO"]);
    preview(&["retenton"]).fails_with(2, &["no dashboard `retenton`", "Did you mean `retention`?"]);
    // Nothing was built yet: the page is written, and says at each widget what is missing.
    preview(&[]).fails_with(3, &["page: x.html", "warning: widget `customers`", "customer_first_second"]);
    assert!(project.path().join("x.html").is_file());
}

#[test]
fn a_pdf_is_printed_by_the_browser_that_is_here() {
    let project = shop();
    let export = |path: &str| {
        let mut command = project.command(&["dashboard", "preview", "--export", "board.pdf"]);
        Ran::from(command.env("PATH", path).output().expect("kiln can be started"))
    };
    export("/nowhere").fails_with(6, &["printed by a browser, and none was found", "Install Chromium"]);
    assert!(!project.path().join("board.pdf").exists());
    project.kiln(&["dashboard", "preview", "--export", "board.doc"]).fails_with(2, &["as .html or as .pdf"]);
    let path = std::env::var("PATH").expect("there is a path");
    if !std::env::split_paths(&path).any(|folder| folder.join("chromium").exists()) {
        eprintln!("skipped: no Chromium is here");
        return;
    }
    let ran = export(&path);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let pdf = std::fs::read(project.path().join("board.pdf")).expect("the file is there");
    assert!(pdf.starts_with(b"%PDF-"));
    // Four pages of the dashboard, each from a new sheet.
    let sheets =
        pdf.windows(12).filter(|text| text.starts_with(b"/Type /Page\n") || text.starts_with(b"/Type /Page ")).count();
    assert!(sheets >= 4, "{sheets} sheets");
}

/// A running `kiln dashboard preview`; ended when it is dropped.
struct Preview {
    runtime: Runtime,
    url: String,
    process: Child,
}

impl Preview {
    fn start(project: &Project) -> Self {
        let mut command = project.command(&["--output", "json", "dashboard", "preview"]);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().expect("it is piped")).read_line(&mut line).expect("it says where");
        let said: serde_json::Value = serde_json::from_str(&line).expect("it speaks JSON");
        let url = said["address"].as_str().expect("an address").to_owned();
        Self { runtime: Runtime::new().expect("a runtime"), url, process }
    }

    fn ask(&self, path: &str, host: Option<&str>) -> (StatusCode, String) {
        self.runtime.block_on(async {
            let mut request = reqwest::Client::new().get(format!("{}{path}", self.url));
            if let Some(host) = host {
                request = request.header("host", host);
            }
            let answer = request.send().await.expect("it answers");
            (answer.status(), answer.text().await.expect("the answer is whole"))
        })
    }

    fn page(&self, path: &str) -> String {
        let (status, html) = self.ask(path, None);
        assert_eq!(status, StatusCode::OK, "{html}");
        html
    }

    /// Listens for changes, does something, and waits for the word that the page is no longer right.
    fn hears_of(&self, act: impl FnOnce()) {
        self.runtime.block_on(async {
            let mut changes =
                reqwest::Client::new().get(format!("{}changes", self.url)).send().await.expect("it answers");
            act();
            loop {
                let word = changes.chunk().await.expect("it goes on").expect("it does not end");
                // On a slow machine it says that it is still there.
                if !word.starts_with(b":") {
                    assert!(word.starts_with(b"data: "), "{word:?}");
                    break;
                }
            }
        });
    }
}

impl Drop for Preview {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_served_page_answers_choices_and_follows_files_and_runs() {
    let project = shop();
    let all = count(&project, "true");
    let chosen = count(&project, "channel = 'email' AND country IN ('DE', 'AT')");
    let mut preview = Preview::start(&project);

    let html = preview.page("");
    assert_eq!(customers(&html), all);
    for control in [
        "<input type=\"checkbox\" name=\"filter-channel\" value=\"email\">",
        "<input type=\"checkbox\" name=\"filter-country\" value=\"DE\">",
        "<input type=\"date\" name=\"filter-cohort\" value=\"\">",
    ] {
        assert!(html.contains(control), "{control}");
    }
    let html = preview.page("?filter-channel=email&filter-country=DE&filter-country=AT&nonsense=1");
    assert_eq!(customers(&html), chosen);
    assert!(html.contains("value=\"email\" checked>"));
    assert_eq!(customers(&preview.page("?filter-cohort=&filter-cohort=&filter-channel=")), all);
    // What is no value of the data, and would be SQL if it were let.
    let html = preview.page("?filter-channel=x%27%29%20OR%20%281%3D1");
    assert_eq!(customers(&html), "0");

    // A page elsewhere that a browser was lured to speaks under another name.
    let (status, body) = preview.ask("", Some("attacker.example"));
    assert_eq!(status, StatusCode::FORBIDDEN, "{body}");

    let good = std::fs::read_to_string(project.path().join(DASHBOARD)).expect("the file is there");
    preview.hears_of(|| project.write(DASHBOARD, &good.replace("Do customers come back", "Who comes back")));
    assert!(preview.page("").contains("Who comes back, and how soon?"));
    preview.hears_of(|| project.write(DASHBOARD, &good[..good.len() / 2]));
    let (status, body) = preview.ask("", None);
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(body.contains("not valid JSON") && body.contains("retention.lvdash.json:"), "{body}");
    preview.hears_of(|| project.write(DASHBOARD, &good));
    assert_eq!(customers(&preview.page("")), all);

    // The workspace is free for a run while the page is open.
    preview.hears_of(|| {
        let _ = project.sync_and_refresh();
    });

    let asked = Command::new("kill").arg(preview.process.id().to_string()).status().expect("kill is there");
    assert!(asked.success());
    assert_eq!(preview.process.wait().expect("it ends").code(), Some(0));
}
