//! `kiln dashboard preview`: the page answers choices as the SQL does, follows its files, and is for this machine alone.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use chrono::{Datelike as _, Days, Months, NaiveDate};
use reqwest::StatusCode;
use tokio::runtime::Runtime;

use crate::support::{Project, Ran};
use crate::tables::Tables;

pub(crate) const DASHBOARD: &str = "dashboards/retention.lvdash.json";

/// A project whose job has run.
pub(crate) fn shop() -> Project {
    let project = Project::flagship(500);
    let _ = project.sync_and_refresh();
    project
}

/// Asks the tables themselves.
pub(crate) fn count(project: &Project, filter: &str) -> String {
    let tables = Tables::open(project, "", "retention");
    let rows = tables.rows(&format!("SELECT count(*) FROM customer_first_second WHERE {filter}"));
    tables.close();
    rows[0].clone()
}

/// The figure that counts customers.
fn customers(html: &str) -> &str {
    let (_, tile) = html.split_once("data-widget=\"customers\"").expect("the page has the counter");
    let (_, rest) = tile.split_once("class=\"value\" title=\"").expect("the counter has a figure");
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

/// A purchase as the table of purchases has it.
struct Purchase {
    on: NaiveDate,
    channel: String,
    revenue: f64,
}

/// Each customer's purchases in their order, read row by row.
fn by_customer(project: &Project) -> (NaiveDate, Vec<Vec<Purchase>>) {
    let tables = Tables::open(project, "", "retention");
    let rows = tables.rows(
        "SELECT customer_id, purchased_on, channel, revenue FROM purchases ORDER BY purchased_on, purchased_at, purchase_id",
    );
    tables.close();
    let mut customers: BTreeMap<u64, Vec<Purchase>> = BTreeMap::new();
    let mut newest = NaiveDate::MIN;
    for row in &rows {
        let [customer, on, channel, revenue] = row.split(' ').collect::<Vec<_>>().try_into().expect("four columns");
        let on: NaiveDate = on.parse().expect("a day");
        newest = newest.max(on);
        let customer = customer.parse().expect("a number");
        let revenue = revenue.parse().expect("an amount");
        customers.entry(customer).or_default().push(Purchase { on, channel: channel.to_owned(), revenue });
    }
    // `settle_days` of the project.
    (newest - Days::new(7), customers.into_values().collect())
}

/// What a counter of the page shows: its number, what it is of, and the change, up or down.
fn counter<'a>(html: &'a str, title: &str) -> (f64, &'a str, &'a str, &'a str) {
    let (_, tile) = html.split_once(&format!("aria-label=\"{title}\"")).expect("the counter is on the page");
    let (tile, _) = tile.split_once("</article>").expect("a tile ends");
    let (_, value) = tile.split_once("class=\"value\" title=\"").expect("it has a value");
    let (raw, rest) = value.split_once('"').expect("the value ends");
    let (shown, rest) = rest.split_once("</p>").expect("it is shown");
    let (_, period) = shown.trim_end_matches("</small>").rsplit_once(" in ").expect("it says its period");
    let (_, change) = rest.split_once("<p class=\"target\">").expect("it is compared");
    let (_, change) = change.split_once("class=\"hidden\">").expect("its direction is said");
    let (direction, change) = change.split_once(" by </span>").expect("its direction is said");
    (raw.parse().expect("a number"), period, direction, change.split("</span>").next().unwrap_or_default())
}

#[test]
fn figures_stand_beside_those_of_the_period_before_as_counted_from_the_raw_rows() {
    let project = shop();
    let (last_full_day, customers) = by_customer(&project);
    let end_of = |month: &NaiveDate| *month + Months::new(1) - Days::new(1);
    // The newest month whose last customer has had so many days, and the one before.
    let months = |days: u64| {
        let mut month = last_full_day.with_day(1).expect("a month begins");
        while end_of(&month) + Days::new(days) > last_full_day {
            month = month - Months::new(1);
        }
        [month, month - Months::new(1)]
    };
    for channel in [None, Some("organic")] {
        let mut args = vec!["dashboard", "preview", "--export", "board.html"];
        if channel.is_some() {
            args.extend(["--filter", "Channel=organic"]);
        }
        let ran = project.kiln(&args);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let html = std::fs::read_to_string(project.path().join("board.html")).expect("the page is there");
        let won = |month: NaiveDate| -> Vec<&Vec<Purchase>> {
            let first = |purchases: &&Vec<Purchase>| {
                let first = &purchases[0];
                first.on.with_day(1) == Some(month) && channel.is_none_or(|channel| first.channel == channel)
            };
            customers.iter().filter(first).collect()
        };
        let within = |purchases: &[Purchase], days: u64| {
            let (first, last) = (purchases[0].on, purchases[0].on + Days::new(days));
            purchases.iter().any(|purchase| purchase.on > first && purchase.on <= last)
        };
        let share = |month: NaiveDate, days: u64| {
            let won = won(month);
            won.iter().filter(|purchases| within(purchases, days)).count() as f64 / won.len() as f64
        };
        let spent = |month: NaiveDate| {
            let won = won(month);
            let early = won.iter().flat_map(|purchases| {
                let last = purchases[0].on + Days::new(90);
                purchases.iter().filter(move |purchase| purchase.on <= last)
            });
            early.map(|purchase| purchase.revenue).sum::<f64>() / won.len() as f64
        };
        type Figure<'a> = &'a dyn Fn(NaiveDate) -> f64;
        let figures: [(&str, u64, Figure<'_>, bool); 4] = [
            ("New customers", 0, &|month| won(month).len() as f64, true),
            ("Back within 30 days", 30, &|month| share(month, 30), false),
            ("Back within 90 days", 90, &|month| share(month, 90), false),
            ("90-day revenue per customer", 90, &spent, true),
        ];
        for (title, days, figure, in_percent) in figures {
            let [month, before] = months(days);
            let (now, then) = (figure(month), figure(before));
            let (value, period, direction, change) = counter(&html, title);
            // Shares are shown in percent, and their change in points.
            let scale = if in_percent { 1.0 } else { 100.0 };
            assert!((value - scale * now).abs() < 1e-9, "{title}, {channel:?}: {value} instead of {now}");
            assert_eq!(period, month.format("%Y-%m").to_string(), "{title}");
            let wanted = if in_percent { (now - then) / then } else { now - then };
            let said: f64 = change.trim_end_matches('%').parse().expect("a percentage");
            assert_eq!(direction, if wanted >= 0.0 { "up" } else { "down" }, "{title}: it is {wanted}");
            assert_eq!(change.contains('%'), in_percent, "{title}: {change}");
            assert!((said - wanted.abs() * 100.0).abs() <= 0.05 + 1e-9, "{title}: {change}, but it is {wanted}");
        }
    }
}

#[test]
fn a_pivot_shows_totals_that_the_workspace_has_computed_from_all_rows() {
    let project = Project::tiny();
    let mut jobs = project.read("jobs.yaml");
    jobs.push_str("dashboards:\n  pivot: {file: dashboards/pivot.lvdash.json, folder: /Shared}\n");
    project.write("jobs.yaml", &jobs);
    let field = |name: &str, expression: &str| serde_json::json!({"name": name, "expression": expression});
    let widget = serde_json::json!({"name": "w", "queries": [{"name": "main_query", "query": {"datasetName": "d", "disaggregated": false,
        "fields": [field("c", "`c`"), field("w", "`w`"), field("avg(x)", "AVG(`x`)")],
        "cubeGroupingSets": {"sets": [{"fieldNames": ["c"]}, {"fieldNames": ["w"]}]}}}],
        "spec": {"version": 3, "widgetType": "pivot", "frame": {"showTitle": true, "title": "Means"}, "encodings": {
            "rows": [{"fieldName": "c", "displayName": "C", "displayTotal": true}],
            "columns": [{"fieldName": "w", "displayName": "W", "displayTotal": true}],
            "cell": {"type": "multi-cell", "fields": [{"fieldName": "avg(x)", "displayName": "X"}]}}}});
    let dash = serde_json::json!({
        "datasets": [{"name": "d", "displayName": "d", "queryLines":
            ["SELECT * FROM VALUES ('a', 1, 2), ('a', 1, 4), ('a', 2, 10), ('b', 2, 20), (NULL, 2, 39) AS t(c, w, x)"]}],
        "pages": [{"name": "p", "displayName": "P", "pageType": "PAGE_TYPE_CANVAS", "layout":
            [{"widget": widget, "position": {"x": 0, "y": 0, "width": 6, "height": 6}}]}]
    });
    project.write("dashboards/pivot.lvdash.json", &dash.to_string());
    let ran = project.kiln(&["dashboard", "preview", "--export", "p.html"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let html = project.read("p.html");
    let (_, table) = html.split_once("<tbody>").expect("there is a table");
    let lines = table.split("</tbody>").next().unwrap_or_default().split("<tr").skip(1);
    // Of what stands between tags, that which ends with a cell.
    fn cell(part: &str) -> Option<&str> {
        part.split_once("</t").filter(|(_, end)| !end.starts_with('r')).map(|(text, _)| text)
    }
    let cells = lines.map(|line| {
        let texts = line.split('>').filter_map(cell);
        texts.collect::<Vec<_>>().join(" ")
    });
    // Means of the rows themselves: 16 / 3 of a, 69 / 3 of 2, 75 / 5 of all. A row without a name is no total.
    let expected = ["a 3 10 5.33", "b  20 20", "–  39 39", "Total 3 23 15"];
    assert_eq!(cells.collect::<Vec<_>>(), expected);
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
    project.kiln(&["dashboard", "preview", "--export", "board.doc"]).fails_with(2, &["as .html, .pdf or .png"]);
    let path = std::env::var("PATH").expect("there is a path");
    if !std::env::split_paths(&path).any(|folder| folder.join("chromium").exists()) {
        crate::skipped::skipped("no Chromium is here");
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

#[test]
fn each_page_becomes_a_picture_as_tall_as_it_is() {
    if crate::browser::browser().is_none() {
        return;
    }
    let project = shop();
    let export = |more: &[&str]| project.kiln(&[&["dashboard", "preview", "--export", "board.png"], more].concat());
    export(&["--page", "Cohort"]).fails_with(2, &["no page `Cohort`", "Did you mean `Cohorts`?"]);
    let size = |file: &str| {
        let picture = std::fs::read(project.path().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"), "{file}");
        let number = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().expect("four bytes"));
        (number(16), number(20))
    };
    let ran = export(&["--page", "cohorts"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let alone = size("board.png");
    let ran = export(&[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let made: Vec<&str> = ran.stderr.lines().filter_map(|line| line.strip_prefix("page: ")).collect();
    let pages =
        ["board-1-overview.png", "board-2-cohorts.png", "board-3-second-purchase.png", "board-4-opportunities.png"];
    assert_eq!(made[..4], pages);
    let heights: Vec<u32> = pages.iter().map(|page| size(page).1).collect();
    assert!(pages.iter().all(|page| size(page).0 == 2800) && alone.0 == 2800);
    // Rows of 48 and gaps of 14 pixels, twice as many in the picture, and the head above; taller where a table is.
    let least = |rows: u32| 2 * (rows * 62 - 14);
    assert!(heights[1] > least(41) && heights[1] < 2 * least(41), "{heights:?}");
    assert!(heights[2] < heights[1] && alone.1.abs_diff(heights[1]) < heights[1] / 10, "{heights:?}, alone {alone:?}");
}

/// A running `kiln dashboard preview`; ended when it is dropped.
pub(crate) struct Preview {
    runtime: Runtime,
    pub(crate) url: String,
    process: Child,
}

impl Preview {
    pub(crate) fn start(project: &Project) -> Self {
        Self::of(project.command(&["--output", "json", "dashboard", "preview"]))
    }

    /// Starts it by a command.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().expect("it is piped")).read_line(&mut line).expect("it says where");
        let said: serde_json::Value = serde_json::from_str(&line).expect("it speaks JSON");
        let url = said["address"].as_str().expect("an address").to_owned();
        Self { runtime: Runtime::new().expect("a runtime"), url, process }
    }

    pub(crate) fn ask(&self, path: &str, host: Option<&str>) -> (StatusCode, String) {
        self.runtime.block_on(async {
            let mut request = reqwest::Client::new().get(format!("{}{path}", self.url));
            if let Some(host) = host {
                request = request.header("host", host);
            }
            let answer = request.send().await.expect("it answers");
            (answer.status(), answer.text().await.expect("the answer is whole"))
        })
    }

    /// What a page shows of the dashboard when all its answers are there: its tiles and filters.
    fn page(&self, choices: &str) -> String {
        let (status, html) = self.ask(choices, None);
        assert_eq!(status, StatusCode::OK, "{html}");
        self.answers(&format!("answers{choices}")).iter().filter_map(|line| line["html"].as_str()).collect()
    }

    /// What the server sends for a page, line by line.
    pub(crate) fn answers(&self, path: &str) -> Vec<serde_json::Value> {
        let (status, lines) = self.ask(path, None);
        assert_eq!(status, StatusCode::OK, "{lines}");
        lines.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    /// Listens for changes, does something, and waits for the word that the page is no longer right.
    pub(crate) fn hears_of(&self, act: impl FnOnce()) {
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
    // One kind of periods is always chosen: figures of several would be mixed up.
    for asked in ["", "?filter-period="] {
        let html = preview.page(asked);
        assert!(html.contains("name=\"filter-period\" value=\"month\" checked>"), "{asked}");
        assert!(!html.contains("name=\"filter-period\" value=\"\""), "{asked}");
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
    assert!(preview.ask("", None).1.contains("Who comes back, and how soon?"));
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
