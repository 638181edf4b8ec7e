//! The served page in a real browser, used by keys and clicks: what it shows is what the tables say, whoever looks at it and however.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use kiln::dashboards::{LvDash, widget_queries};
use kiln::diag::SourceFile;
use serde_json::json;

use crate::preview::{DASHBOARD, Preview, count, shop};
use crate::support::chrome::Chrome;
use crate::support::{Project, Served, command_at, kiln_at};

/// What is on the page that is shown.
fn on_page(selector: &str) -> String {
    format!(".page:not([hidden]) {selector}")
}

/// A filter of the page that is shown.
fn filter(name: &str) -> String {
    on_page(&format!("[data-filter={name}]"))
}

/// A value of a filter.
fn choice(filter: &str, value: &str) -> String {
    format!("{} input[value=\"{value}\"]", self::filter(filter))
}

/// An element, for the page's scripts.
fn found(selector: &str) -> String {
    format!("document.querySelector({})", json!(selector))
}

/// Whether the counter of customers says this, and all else on the page is there too.
fn counts(customers: &str) -> String {
    let counter = found(&on_page("[data-widget=customers] .value"));
    let awaited = found(&on_page(".awaited"));
    format!("{counter}.title === {} && !{awaited} && !document.querySelector(\".page[aria-busy]\")", json!(customers))
}

/// Opens a filter by a click, and waits until its values are there.
fn open(chrome: &Chrome, name: &str, value: &str) {
    chrome.click(&format!("{} > summary", filter(name)));
    chrome.wait(&format!("{}.open && {}", found(&filter(name)), found(&choice(name, value))));
}

#[test]
fn choices_made_by_click_and_key_show_what_the_tables_say() {
    let Some(chrome) = Chrome::start() else { return };
    let project = shop();
    let [all, email, both] =
        ["true", "channel = 'email'", "channel IN ('email', 'organic')"].map(|chosen| count(&project, chosen));
    assert!(all != email && email != both && both != all, "{all}, {email}, {both}");
    let preview = Preview::start(&project);
    chrome.go(&preview.url);
    chrome.wait(&counts(&all));

    let channel = filter("filter-channel");
    let summary = format!("{channel} > summary");
    let focused = format!("document.activeElement === {}", found(&summary));
    let checked = |value: &str| format!("{}.checked", found(&choice("filter-channel", value)));
    // A mark that only a new page would lack.
    chrome.value("window.same = true");
    open(&chrome, "filter-channel", "email");
    chrome.click(&choice("filter-channel", "email"));
    assert_eq!(chrome.value(&checked("email")), true);
    chrome.click(&summary);
    chrome.wait(&counts(&email));
    assert_eq!(chrome.value(&focused), true, "the focus stays at the filter");
    assert_eq!(chrome.text(&format!("{}.innerText.replace(/\\s+/g, ' ')", found(&summary))), "Channel email");
    assert_eq!(chrome.text("location.search"), "?filter-channel=email");
    let says = chrome.text("document.querySelector('[role=status]').textContent");
    assert!(says.starts_with("Channel: email. ") && says.ends_with(" tiles have changed. "), "{says}");

    // Escape takes the choice back.
    open(&chrome, "filter-channel", "organic");
    chrome.click(&choice("filter-channel", "organic"));
    assert_eq!(chrome.value(&checked("organic")), true);
    chrome.press("Escape");
    chrome.wait(&format!("!{}.open && !{} && {focused}", found(&channel), checked("organic")));
    assert_eq!(chrome.value(&checked("email")), true);
    assert_eq!(chrome.text("location.search"), "?filter-channel=email");
    chrome.wait(&counts(&email));

    // By keys alone: open, choose, apply.
    chrome.press("Enter");
    chrome.wait(&format!("{}.open", found(&channel)));
    chrome.value(&format!("{}.focus()", found(&choice("filter-channel", "organic"))));
    chrome.press(" ");
    assert_eq!(chrome.value(&checked("organic")), true);
    chrome.press("Enter");
    chrome.wait(&format!("{} && {focused}", counts(&both)));

    // The way back undoes the last choice.
    chrome.value("history.back()");
    chrome.wait(&counts(&email));
    assert_eq!(chrome.value(&checked("organic")), false);
    assert_eq!(chrome.value("window.same"), true, "all of this was one page");
    assert_eq!(chrome.complaints(), Vec::<String>::new());
}

#[test]
fn pages_are_opened_by_keys_and_asked_for_when_they_are_opened() {
    let Some(chrome) = Chrome::start() else { return };
    let project = shop();
    let preview = Preview::start(&project);
    chrome.go(&preview.url);
    let tab = |index: usize| format!("#tab-{index}");
    let is_open = |index: usize| {
        format!(
            "document.activeElement.id === 'tab-{index}' && {}.ariaSelected === 'true' && !{}.hidden && {}.length === 1",
            found(&tab(index)),
            found(&format!("#page-{index}")),
            "[...document.querySelectorAll('.page')].filter((page) => !page.hidden)",
        )
    };
    // While the page is still read, nothing in it waits, and nobody listens to keys.
    chrome.wait(&format!("document.body.classList.contains('tabbed') && !{}", found(&on_page(".awaited"))));
    assert_eq!(chrome.value("document.querySelectorAll('#page-1 .awaited').length > 0"), true, "nobody looked there");
    chrome.click(&tab(0));
    for (key, expected) in
        [("ArrowRight", 1), ("ArrowRight", 2), ("End", 4), ("ArrowRight", 0), ("ArrowLeft", 4), ("Home", 0)]
    {
        chrome.press(key);
        chrome.wait(&is_open(expected));
    }
    chrome.press("ArrowRight");
    let drawn = "document.querySelectorAll('#page-1 .js-plotly-plot .js-line').length";
    chrome.wait(&format!("!{} && {drawn} > 0", found("#page-1 .awaited")));
    assert_eq!(chrome.names_of("tabpanel"), ["Cohorts"]);
    assert_eq!(chrome.names_of("tab").len(), 5);
    let data: Vec<String> =
        chrome.names_of("DisclosureTriangle").into_iter().filter(|name| name.starts_with("Data")).collect();
    let named: BTreeSet<&String> = data.iter().collect();
    assert!(!data.is_empty() && named.len() == data.len(), "each is called by what it belongs to: {data:?}");
    assert!(data.iter().all(|name| name.starts_with("Data of ")), "{data:?}");

    // A press on a column's title sorts by it, as numbers where it has numbers.
    chrome.press("ArrowRight");
    chrome.wait(&found("#page-2 [data-widget=segments-table] .sort"));
    let column = "[...document.querySelectorAll('[data-widget=segments-table] tbody tr')].map((row) => row.cells[2].dataset.sort ?? row.cells[2].textContent)";
    let header = "#page-2 [data-widget=segments-table] th:nth-child(3)";
    for (direction, sign) in [("ascending", 1), ("descending", -1)] {
        chrome.click(&format!("{header} .sort"));
        chrome.wait(&format!("{}.ariaSort === '{direction}'", found(header)));
        let sorted = format!(
            "(() => {{ const cells = {column}.map(Number); return cells.length > 2 && cells.every((n, i) => i === 0 || {sign} * (n - cells[i - 1]) >= 0); }})()"
        );
        assert_eq!(chrome.value(&sorted), true, "{direction}: {}", chrome.value(column));
    }
    assert_eq!(chrome.complaints(), Vec::<String>::new());
}

#[test]
fn the_open_page_follows_its_files_and_tells_of_models_that_are_not_built() {
    let Some(chrome) = Chrome::start() else { return };
    let project = shop();
    let all = count(&project, "true");
    let preview = Preview::start(&project);
    chrome.go(&preview.url);
    chrome.wait(&counts(&all));
    let behind = "document.querySelector('.behind:not([hidden])')";
    assert_eq!(chrome.value(&format!("Boolean({behind})")), false, "all is built");

    project.replace(DASHBOARD, "Do customers come back", "Who comes back");
    chrome.wait("document.body.innerText.includes('Who comes back, and how soon?')");
    chrome.wait(&counts(&all));

    // Whoever is choosing is not interrupted: the page waits for them.
    open(&chrome, "filter-channel", "email");
    chrome.click(&choice("filter-channel", "email"));
    chrome.value("window.same = true");
    preview.hears_of(|| project.replace(DASHBOARD, "Who comes back", "Who buys again"));
    assert_eq!(chrome.value(&format!("window.same && {}.open", found(&filter("filter-channel")))), true);
    chrome.press("Escape");
    chrome.wait("!window.same && document.body.innerText.includes('Who buys again, and how soon?')");
    chrome.wait(&counts(&all));

    let old = "CAST(purchase_days AS INT) AS purchase_days,";
    project.replace("sql/marts/customer_first_second.sql", old, "CAST(purchase_days + 0 AS INT) AS purchase_days,");
    chrome.wait(behind);
    assert_eq!(
        chrome.text(&format!("{behind}.textContent")),
        "Changed since the tables were built: `customer_first_second`. This page shows the tables; \
         `kiln sync-and-refresh --env local` builds it."
    );
    let _ = project.sync_and_refresh();
    chrome
        .wait(&format!("!{behind} && !document.querySelector('.page[aria-busy]') && !{}", found(&on_page(".awaited"))));
}

/// A project of the shop with an environment that is a workspace elsewhere, in which its job has run.
fn shop_elsewhere(project: &Project, place: &Project) -> Served {
    let served = place.serve(&[]);
    let line = "  local: {workspace: local, catalog: main, schema: retention, default: true}\n";
    let remote =
        format!("{line}  there: {{host: \"{0}\", fivetran: \"{0}\", catalog: main, schema: retention}}\n", served.url);
    project.replace("jobs.yaml", line, &remote);
    let ran = kiln_at(project, &served, &["sync-and-refresh", "--env", "there"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    served
}

#[test]
fn a_workspace_elsewhere_is_asked_for_the_shown_page_alone_and_nothing_twice() {
    let (project, place) = (Project::flagship(500), Project::flagship(500));
    let served = shop_elsewhere(&project, &place);
    let dash = LvDash::parse(&SourceFile::new(DASHBOARD, project.read(DASHBOARD))).expect("it can be read");
    let queries = widget_queries(&dash);
    let of = |page: &str| -> BTreeSet<&str> {
        queries.iter().filter(|query| query.page == page).map(|query| query.sql.as_str()).collect()
    };
    let preview =
        Preview::of(command_at(&project, &served, &["--output", "json", "dashboard", "preview", "--env", "there"]));
    let asked = || {
        let requests = served.requests();
        requests.iter().filter(|r| r["method"] == "POST" && r["path"] == "/api/2.0/sql/statements").count()
    };
    let asks = |path: &str| {
        let before = asked();
        let lines = preview.answers(path);
        assert!(lines.iter().all(|line| line["failed"] != true && line["refused"].is_null()), "{lines:?}");
        (asked() - before, lines)
    };
    let before = asked();
    let (_, html) = preview.ask("", None);
    assert!(html.contains("Asking…") && asked() == before, "the page itself waits for nothing");
    // Three filters of all pages and the one of this page offer values; that of days does not.
    let (count, lines) = asks("answers");
    assert_eq!(count, of("overview").len() + 4);
    let expected = served.sql("SELECT count(*) FROM main.retention.customer_first_second")[0][0].clone();
    let customers = lines.iter().find(|line| line["tile"] == "customers").expect("the counter is sent");
    let shown = customers["html"].as_str().expect("it is drawn");
    assert!(shown.contains(&format!("title={expected}")), "{expected}: {shown}");
    assert_eq!(asks("answers").0, 0, "what is known is not asked again");
    let (count, lines) = asks("answers?filter-channel=email");
    assert!(count > 0 && count <= of("overview").len(), "{count} statements for a choice");
    let expected =
        served.sql("SELECT count(*) FROM main.retention.customer_first_second WHERE channel = 'email'")[0][0].clone();
    let customers = lines.iter().find(|line| line["tile"] == "customers").expect("the counter is sent");
    assert!(customers["html"].as_str().expect("it is drawn").contains(&format!("title={expected}")), "{customers}");
    let (count, lines) = asks("answers?kiln.page=2");
    assert_eq!(count, of("cohorts").len());
    assert!(lines.iter().all(|line| line["tile"] != "customers"));
    // Two who look at once share what they ask.
    let before = asked();
    std::thread::scope(|scope| {
        let look = || scope.spawn(|| preview.answers("answers?filter-country=DE&filter-channel=email").len());
        let (one, other) = (look(), look());
        assert_eq!(one.join().expect("it is answered"), other.join().expect("it is answered"));
    });
    assert!(asked() - before <= of("overview").len(), "{} statements", asked() - before);
    // Whoever loads the page anew wants to see what there is now.
    let _ = preview.ask("", None);
    assert_eq!(asks("answers").0, of("overview").len() + 4);
}

/// How light a text has to be against its ground: the ratios of WCAG 2.1's level AA.
const CONTRAST: &str = include_str!("support/contrast.js");

/// Looks at every page of a file in both themes and at two widths: nothing hangs over, and texts can be read. With
/// `KILN_TEST_PICTURES` pictures of all of them are left in that folder.
fn look_over(chrome: &Chrome, name: &str, file: &Path, problems: &mut Vec<String>) {
    for (width, dark) in [(1280, false), (1280, true), (390, false), (390, true)] {
        chrome.look(width, dark);
        chrome.go(&format!("file://{}", file.display()));
        chrome
            .wait("document.readyState === 'complete' && document.querySelector('.page:not([hidden]), main > .note')");
        let tabs = chrome.value("document.querySelectorAll('[role=tab]').length").as_u64().unwrap_or(0).max(1);
        for page in 0..tabs {
            if tabs > 1 {
                chrome.value(&format!("document.getElementById('tab-{page}').click()"));
            }
            let undrawn = "[...document.querySelectorAll('.page:not([hidden]) .plot')].some((plot) => !plot.querySelector('.main-svg'))";
            chrome.wait(&format!("!{undrawn}"));
            let theme = if dark { "dark" } else { "light" };
            let place = format!("{name}, page {}, {width}, {theme}", page + 1);
            if let Some(folder) = std::env::var_os("KILN_TEST_PICTURES") {
                let picture = format!("{name}-{}-{width}-{theme}.png", page + 1);
                chrome.picture(&Path::new(&folder).join(picture));
            }
            let wide = chrome.value("document.scrollingElement.scrollWidth");
            if wide.as_u64() > Some(width.into()) {
                problems.push(format!("{place}: {wide} pixels wide"));
            }
            let pale = chrome.value(CONTRAST);
            problems.extend(pale.as_array().into_iter().flatten().map(|pale| format!("{place}: {pale}")));
        }
    }
    problems.extend(chrome.complaints().into_iter().map(|complaint| format!("{name}: {complaint}")));
}

#[test]
fn the_retention_page_can_be_read_in_both_themes_on_large_and_small_screens() {
    let Some(chrome) = Chrome::start() else { return };
    let project = shop();
    let mut problems = Vec::new();
    look_over(&chrome, "retention", &project.path().join(".kiln/pages/retention.html"), &mut problems);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn public_dashboards_can_be_read_in_both_themes_on_large_and_small_screens() {
    let Some(corpus) = crate::support::shared("lvdash-corpus") else { return };
    let Some(chrome) = Chrome::start() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut problems = Vec::new();
    // Among them are all kinds of widgets that the corpus has, themes of their own, and the widest grids.
    for name in [
        "HuyD0__dbx-platform__azure_cost_forecast",
        "Rafavermar__Databricks-Genie-Demo__renewable_operations_dashboard",
        "Yousefuwk20__Crypto-Lakehouse-Platform__binance_crypto_trading_analytics",
        "hurcy__job-cluster-monitoring__job_cluster_monitoring_dashboard__f8c76b1",
        "mkgs-databricks-demos__healthcareFinRecon__rc_recon",
    ] {
        let html = crate::corpus_pages::page_of(&corpus.join(format!("{name}.lvdash.json")));
        let file = folder.path().join(format!("{name}.html"));
        std::fs::write(&file, html).expect("the page can be written");
        look_over(&chrome, name.split("__").next().unwrap_or(name), &file, &mut problems);
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Prints how long somebody waits: `cargo test --test it -- --ignored --nocapture how_long_the_preview_takes`.
#[test]
#[ignore = "it measures, and asserts nothing that a slow machine could not break"]
fn how_long_the_preview_takes() {
    let Some(chrome) = Chrome::start() else { return };
    let here = Project::flagship(20_000);
    let _ = here.sync_and_refresh();
    measure(&chrome, "embedded workspace", Preview::start(&here));
    let place = Project::flagship(20_000);
    let served = shop_elsewhere(&here, &place);
    let project = here;
    let command = command_at(&project, &served, &["--output", "json", "dashboard", "preview", "--env", "there"]);
    measure(&chrome, "workspace elsewhere", Preview::of(command));
}

fn measure(chrome: &Chrome, what: &str, preview: Preview) {
    let begun = Instant::now();
    let since = |begun: Instant| begun.elapsed().as_millis();
    chrome.go(&preview.url);
    chrome.wait(&found(".page .widget"));
    let frame = since(begun);
    chrome.wait(&found(&on_page(".widget.kpi .value")));
    let figure = since(begun);
    chrome.wait(&found(&on_page(".js-plotly-plot .main-svg")));
    let chart = since(begun);
    let whole = format!("!{} && !document.querySelector('.page[aria-busy]')", found(&on_page(".awaited")));
    chrome.wait(&whole);
    println!(
        "{what}: frame {frame} ms, first figure {figure} ms, first chart {chart} ms, whole page {} ms",
        since(begun)
    );
    for value in ["email", "organic", "email"] {
        open(chrome, "filter-channel", value);
        chrome.click(&choice("filter-channel", value));
        let counter = found(&on_page("[data-widget=customers] .value"));
        let before = chrome.value(&format!("{counter}.title"));
        let begun = Instant::now();
        chrome.click(&format!("{} > summary", filter("filter-channel")));
        chrome.wait(&format!("{counter}.title !== {before}"));
        let figure = since(begun);
        chrome.wait(&whole);
        println!("{what}: {value} chosen: its figure after {figure} ms, whole page after {} ms", since(begun));
    }
    let begun = Instant::now();
    chrome.click("#tab-1");
    chrome.wait(&format!("{} && {whole}", found(&on_page(".js-plotly-plot .main-svg"))));
    println!("{what}: another page {} ms", since(begun));
}
