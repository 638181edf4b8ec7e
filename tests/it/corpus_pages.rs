//! The public dashboards beside the repository as pages in a real browser, over rows that are made up from what their widgets
//! ask for: no script fails, and every chart is drawn.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use kiln::dashboards::{LvDash, Query, Spec, WidgetKind, widget_queries};
use kiln::diag::SourceFile;
use kiln::event::QueryResult;
use kiln::report::page::{self, DashboardResults, PageInput};
use serde_json::Value;

use crate::browser::browser;
use crate::support::shared;

/// Which rows a query returns.
#[derive(Clone, Copy, Debug)]
enum Rows {
    /// Such as one would expect.
    Usual,
    /// One row, in which all is NULL.
    Nulls,
    /// None.
    None,
    /// Numbers that are far from each other and below zero, names that are long and would be markup.
    Odd,
}

/// Tells what kind of values a field has, by what is drawn of it, and else by its expression.
fn kind_of(spec: &Spec, name: &str, expression: &str) -> &'static str {
    fn scale<'a>(encoding: &'a Value, name: &str) -> Option<&'a str> {
        match encoding {
            Value::Object(members) => {
                let own = members.get("fieldName").and_then(Value::as_str) == Some(name);
                let own = own.then(|| members.get("scale").and_then(|scale| scale["type"].as_str())).flatten();
                own.or_else(|| members.values().find_map(|inner| scale(inner, name)))
            }
            Value::Array(items) => items.iter().find_map(|inner| scale(inner, name)),
            _ => None,
        }
    }
    let call = expression.split('(').next().unwrap_or_default().trim().to_uppercase();
    match scale(spec.encodings(), name) {
        Some("quantitative") => "DOUBLE",
        Some("temporal") => "TIMESTAMP",
        _ if call == "DATE_TRUNC" => "TIMESTAMP",
        _ if matches!(call.as_str(), "COUNT" | "COUNT_IF") => "BIGINT",
        _ if expression.contains('(') || spec.widget_type == "counter" => "DOUBLE",
        _ => "STRING",
    }
}

/// Makes the answer to a widget's query up.
fn answer(spec: &Spec, query: &Query, rows: Rows) -> QueryResult {
    let fields = query.fields.iter().flatten();
    let columns: Vec<(String, String)> = fields
        .map(|field| (field.name.clone(), kind_of(spec, &field.name, field.expression.text()).to_owned()))
        .collect();
    let cell = |kind: &str, row: usize, column: usize| match (rows, kind) {
        (Rows::Nulls | Rows::None, _) => None,
        (Rows::Odd, "STRING") => Some(format!("</script><b>{row} {}", "long ".repeat(40))),
        (Rows::Odd, "DOUBLE") => Some(["-1e300", "0", "NaN", "1e-9", "1e300"][row % 5].to_owned()),
        (_, "TIMESTAMP") => Some(format!("2026-{:02}-01T00:00:00.000Z", row % 12 + 1)),
        (_, "BIGINT") => Some((row * 7 + column).to_string()),
        (_, "DOUBLE") => Some(format!("{}.5", row * 3 + column)),
        _ => Some(["north", "south", "east", "west"][row % 4].to_owned()),
    };
    let count = match rows {
        Rows::Usual | Rows::Odd => 24,
        Rows::Nulls => 1,
        Rows::None => 0,
    };
    let row = |row| columns.iter().enumerate().map(|(column, (_, kind))| cell(kind, row, column)).collect();
    QueryResult { rows: (0..count).map(row).collect(), columns, truncated: false }
}

/// Renders dashboards into one page, each over its rows.
fn rendered(dashboards: &[(String, LvDash, Rows)]) -> String {
    let results = |(title, dash, rows): &'_ (String, LvDash, Rows)| {
        let mut results = BTreeMap::new();
        for (_, widget, query) in dash.queries() {
            if let WidgetKind::Visualization(spec) | WidgetKind::Legacy(spec) = &widget.kind {
                results.insert(query.path.clone(), Ok(answer(spec, query, *rows)));
            }
        }
        (format!("{title} {rows:?}"), results)
    };
    let dashboards = dashboards.iter().map(|shown| {
        let (title, results) = results(shown);
        DashboardResults { title, dash: &shown.1, results, choices: None, awaited: false }
    });
    page::render(&PageInput {
        title: "Corpus".to_owned(),
        project: "corpus".to_owned(),
        environment: "none".to_owned(),
        run: None,
        generated_at: String::new(),
        dashboards: dashboards.collect(),
        provenance: Vec::new(),
        steps: Vec::new(),
    })
}

/// Renders a dashboard's file over rows such as one would expect.
pub(crate) fn page_of(file: &Path) -> String {
    let name = file.file_name().expect("a file has a name").to_string_lossy().into_owned();
    let text = std::fs::read_to_string(file).expect("the file can be read");
    let dash = LvDash::parse(&SourceFile::new(&name, text)).expect("it is a dashboard");
    rendered(&[(name, dash, Rows::Usual)])
}

/// What a browser makes of a page: how many charts it has drawn, of how many, and what its scripts complained of.
struct Opened {
    drawn: usize,
    charts: usize,
    laid_out: bool,
    complaints: Vec<String>,
}

fn open(browser: &str, html: &str, folder: &Path) -> Opened {
    let page = folder.join("page.html");
    std::fs::write(&page, html).expect("the page can be written");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"])
        .args(["--enable-logging=stderr", "--window-size=1400,900", "--virtual-time-budget=120000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        // Each page is opened in turn there.
        .arg(format!("file://{}#measure", page.display()))
        .stdin(Stdio::null())
        .output()
        .expect("the browser can be started");
    let dom = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    let complains = |line: &&str| ["Uncaught", "Content Security", "Error: "].iter().any(|word| line.contains(word));
    let complaints = said.lines().filter(|line| line.contains("CONSOLE")).filter(complains).map(str::to_owned);
    Opened {
        drawn: dom.matches("class=\"plot js-plotly-plot\"").count(),
        charts: html.matches("<div class=\"plot\" data-chart=").count(),
        laid_out: dom.contains("data-heights=\""),
        complaints: complaints.collect(),
    }
}

impl Opened {
    fn is_fine(&self) -> bool {
        self.laid_out && self.drawn == self.charts && self.complaints.is_empty()
    }
}

/// All in one page, for a browser takes longer to start than to draw; apart only where something is wrong, to say where.
#[test]
fn every_public_dashboard_opens_in_a_browser_without_a_script_error() {
    let (Some(corpus), Some(browser)) = (shared("lvdash-corpus"), browser()) else { return };
    let mut dashboards = Vec::new();
    let files = std::fs::read_dir(&corpus).expect("the folder can be read").flatten().map(|entry| entry.path());
    let mut files: Vec<_> = files.filter(|path| path.to_string_lossy().ends_with(".lvdash.json")).collect();
    files.sort();
    for file in &files {
        let name = file.file_name().expect("a file has a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(file).expect("the file can be read");
        // Some are no dashboards at all, which `kiln check` says.
        let Ok(dash) = LvDash::parse(&SourceFile::new(&name, text)) else { continue };
        for rows in [Rows::Usual, Rows::Nulls, Rows::None, Rows::Odd] {
            dashboards.push((name.clone(), dash.clone(), rows));
        }
    }
    let asked: usize = dashboards.iter().map(|(_, dash, _)| widget_queries(dash).len()).sum();
    assert!(dashboards.len() > 80 && asked > 800, "{} dashboards, {asked} queries", dashboards.len());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let all = open(browser, &rendered(&dashboards), folder.path());
    assert!(all.charts > 200, "{} charts", all.charts);
    if all.is_fine() {
        return;
    }
    let wrong = dashboards.iter().filter_map(|one| {
        let opened = open(browser, &rendered(std::slice::from_ref(one)), folder.path());
        let said =
            format!("{} ({:?}): {} of {} drawn, {:?}", one.0, one.2, opened.drawn, opened.charts, opened.complaints);
        (!opened.is_fine()).then_some(said)
    });
    let wrong: Vec<String> = wrong.collect();
    panic!("{} of {} drawn, {:?}\n{}", all.drawn, all.charts, all.complaints, wrong.join("\n"));
}
