//! The page that a run writes: its dashboards with their numbers, in one HTML file that needs no network.
//!
//! Everything is inside the file, the drawing library too, and the page's own policy forbids it to load anything.
//! Whatever comes from data or from a dashboard is escaped where it is put in. A widget that cannot be drawn shows
//! why, or its rows as a table; it never takes the page with it.

mod chart;
mod color;
pub(super) mod counter;
mod facet;
mod filter;
pub(super) mod format;
mod input;
mod markdown;
mod matrix;
mod rows;
mod series;
mod special;
mod table;
mod text;
mod widget;

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::dashboards::{Page, PageKind, Widget, WidgetKind};
use color::Palette;
pub use input::{DashboardResults, PageInput, Provenance, Standing};
pub(super) use text::{escape, script_json};
use widget::Drawn;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// What a page does besides when a server stands behind it.
const LIVE: &str = include_str!("live.js");

/// Renders the page as one HTML document.
pub fn render(input: &PageInput<'_>) -> String {
    let mut shown: Vec<(&DashboardResults<'_>, &Page, String)> = Vec::new();
    for dashboard in &input.dashboards {
        let canvases: Vec<&Page> = dashboard.dash.pages.iter().filter(|page| page.kind == PageKind::Canvas).collect();
        for page in &canvases {
            let title = match (input.dashboards.len(), canvases.len()) {
                (1, _) => page.display_name.clone(),
                (_, 1) => dashboard.title.clone(),
                _ => format!("{} · {}", dashboard.title, page.display_name),
            };
            shown.push((dashboard, page, title));
        }
    }
    let mut charts = Vec::new();
    let mut sections = String::new();
    for (index, (dashboard, page, title)) in shown.iter().enumerate() {
        // Where there are tabs, a page is called what its tab is.
        let label = if shown.len() > 1 {
            format!("aria-labelledby=\"tab-{index}\"")
        } else {
            format!("aria-label=\"{}\"", escape(title))
        };
        let head = format!("<section class=\"page\" id=\"page-{index}\" {label}>\n<h2>{}</h2>\n", escape(title));
        sections.push_str(&section(&head, dashboard, page, &mut charts));
    }
    let tabs: Vec<&str> = shown.iter().map(|(_, _, title)| title.as_str()).collect();

    let plotly = plotly_js();
    let live = input.dashboards.iter().any(|dashboard| dashboard.choices.is_some());
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'; \
         script-src {} {}{}",
        plotly.hash,
        hash(SCRIPT),
        if live { format!(" {}; connect-src 'self'", hash(LIVE)) } else { String::new() }
    );
    let mut html = String::with_capacity(plotly.source.len() + sections.len() + 64 * 1024);
    html.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n");
    html.push_str(&format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n"));
    html.push_str(&format!("<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n", escape(&input.title)));
    html.push_str(&head(input));
    if live {
        // What has changed is said there, and what the page cannot show as it should be.
        html.push_str("<p class=\"says\" role=\"status\"></p>\n<p class=\"behind\" role=\"status\" hidden></p>\n");
    }
    html.push_str(&tab_list(&tabs));
    if sections.is_empty() {
        sections.push_str("<p class=\"note\">There is no page in this dashboard yet.</p>\n");
    }
    html.push_str(&format!("<main>\n{sections}</main>\n"));
    let run = input.run.as_ref().map_or_else(|| "preview".to_owned(), |run| format!("run {}", escape(run)));
    html.push_str(&format!("<footer>Written by kiln · {run} · {}</footer>\n", escape(&input.generated_at)));
    let charts = script_json(&serde_json::Value::Array(charts));
    html.push_str(&format!("<script type=\"application/json\" id=\"charts\">{charts}</script>\n"));
    html.push_str(&format!("<script>{}</script>\n<script>{SCRIPT}</script>\n", plotly.source));
    if live {
        html.push_str(&format!("<script>{LIVE}</script>\n"));
    }
    html.push_str("</body>\n</html>\n");
    html
}

/// The drawing library.
struct Library {
    source: String,
    /// Its name in the page's policy.
    hash: String,
}

/// Returns the drawing library. The crate gives it in a `<script>` element, followed by one for formulas,
/// which no chart of ours needs.
fn plotly_js() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let scripts = plotly::Plot::offline_js_sources();
        let first = scripts.split("</script>").next().unwrap_or_default();
        let source = first.split_once('>').map_or("", |(_, source)| source).to_owned();
        Library { hash: hash(&source), source }
    })
}

/// Names a script in the page's policy: only scripts with these exact contents run.
pub(super) fn hash(script: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script.as_bytes())))
}

fn head(input: &PageInput<'_>) -> String {
    let run = match &input.run {
        Some(run) => format!("<div><dt>Run</dt><dd><code>{}</code></dd></div>", escape(run)),
        None => "<div><dt>Preview</dt><dd>not published</dd></div>".to_owned(),
    };
    let mut html = format!(
        "<header class=\"top\">\n<div><p class=\"project\">{}</p><h1>{}</h1></div>\n<dl>\
         <div><dt>Environment</dt><dd>{}</dd></div><div><dt>Written</dt><dd>{}</dd></div>\
         {run}</dl>\n</header>\n",
        escape(&input.project),
        escape(&input.title),
        escape(&input.environment),
        escape(&input.generated_at)
    );
    if !input.provenance.is_empty() {
        html.push_str(&provenance(&input.provenance, "Where the numbers come from"));
    }
    if !input.steps.is_empty() {
        let count = input.steps.len();
        let list = provenance(&input.steps, "What the run did");
        html.push_str(&format!(
            "<details class=\"run-steps\"><summary>{count} steps succeeded</summary>\n{list}</details>\n"
        ));
    }
    html
}

fn provenance(lines: &[Provenance], label: &str) -> String {
    let mut html = format!("<ul class=\"provenance\" aria-label=\"{label}\">\n");
    for line in lines {
        let (class, words) = match line.standing {
            Standing::Good => ("good", "good: "),
            Standing::Stale => ("stale", "stale: "),
            Standing::Bad => ("bad", "failed: "),
            Standing::Neutral => ("", ""),
        };
        html.push_str(&format!(
            "<li class=\"{class}\"><span class=\"hidden\">{words}</span><b>{}</b> {}</li>\n",
            escape(&line.label),
            escape(&line.text)
        ));
    }
    html.push_str("</ul>\n");
    html
}

fn tab_list(tabs: &[&str]) -> String {
    if tabs.len() < 2 {
        return String::new();
    }
    let mut html = "<nav class=\"tabs\" role=\"tablist\" aria-label=\"Pages\">\n".to_owned();
    for (index, title) in tabs.iter().enumerate() {
        html.push_str(&format!(
            "<button role=\"tab\" id=\"tab-{index}\" aria-controls=\"page-{index}\" aria-selected=\"{}\">{}</button>\n",
            index == 0,
            escape(title)
        ));
    }
    html.push_str("</nav>\n");
    html
}

fn section(head: &str, dashboard: &DashboardResults<'_>, page: &Page, charts: &mut Vec<serde_json::Value>) -> String {
    let palette = Palette::of(dashboard.dash.json());
    let mut html = head.to_owned();
    html.push_str(&filters(dashboard));
    let mut widgets: Vec<_> = page.widgets.iter().collect();
    // On a narrow screen the widgets stand below each other, in the order in which one would read them.
    widgets.sort_by_key(|widget| (widget.position.y, widget.position.x));
    html.push_str(&format!("<div class=\"grid\" style=\"--columns:{}\">\n", columns(page)));
    for widget in widgets {
        html.push_str(&article(dashboard, page, widget, &palette, charts));
    }
    html.push_str("</div>\n</section>\n");
    html
}

/// Returns the width of a page's grid.
fn columns(page: &Page) -> u32 {
    let needed = page.widgets.iter().map(|w| w.position.x.saturating_add(w.position.width)).max().unwrap_or(0);
    needed.clamp(page.columns, 24)
}

/// Draws a tile of the grid.
fn article(
    dashboard: &DashboardResults<'_>,
    page: &Page,
    widget: &Widget,
    palette: &Palette,
    charts: &mut Vec<serde_json::Value>,
) -> String {
    let (place, columns) = (widget.position, columns(page));
    let x = place.x.min(columns - 1);
    let width = place.width.clamp(1, columns - x);
    let Drawn { class, label, inside } = widget::draw(widget, dashboard, palette, charts);
    format!(
        "<article class=\"widget {class}\" data-widget=\"{}\" style=\"grid-area:{}/{}/span {}/span {width}\"{}>\n{inside}</article>\n",
        escape(&widget.name),
        place.y.min(5_000) + 1,
        x + 1,
        place.height.clamp(1, 100),
        if label.is_empty() { String::new() } else { format!(" aria-label=\"{}\"", escape(&label)) },
    )
}

/// A tile for a page that is open already.
#[derive(Clone, Debug)]
pub struct Tile {
    /// The whole tile.
    pub html: String,
    /// Its charts, in the order in which they stand in it.
    pub charts: Vec<serde_json::Value>,
}

/// Draws one tile anew; none if the page has no such widget.
pub fn tile(dashboard: &DashboardResults<'_>, page: &str, widget: &str) -> Option<Tile> {
    let page = dashboard.dash.pages.iter().find(|own| own.name == page)?;
    let widget = page.widgets.iter().find(|own| own.name == widget)?;
    let mut charts = Vec::new();
    let html = article(dashboard, page, widget, &Palette::of(dashboard.dash.json()), &mut charts);
    Some(Tile { html, charts })
}

/// Draws one filter anew; none if the dashboard has no such widget.
pub fn control(dashboard: &DashboardResults<'_>, widget: &str) -> Option<String> {
    let (_, widget) = dashboard.dash.widgets().find(|(_, own)| own.name == widget)?;
    match &widget.kind {
        WidgetKind::Filter(spec) => Some(filter::draw(widget, spec, dashboard)),
        _ => None,
    }
}

/// Shows the filters that act on every page.
fn filters(dashboard: &DashboardResults<'_>) -> String {
    let global = dashboard.dash.pages.iter().filter(|page| page.kind == PageKind::GlobalFilters);
    let filters: String = global
        .flat_map(|page| &page.widgets)
        .filter_map(|widget| match &widget.kind {
            WidgetKind::Filter(spec) => Some(filter::draw(widget, spec, dashboard)),
            _ => None,
        })
        .collect();
    if filters.is_empty() {
        return String::new();
    }
    let note = match dashboard.choices {
        Some(_) => "",
        None => "<span class=\"note\">Filters act in the workspace; this page was made with what they say here.</span>",
    };
    format!("<div class=\"filters\">{filters}{note}</div>\n")
}

#[cfg(test)]
mod tests;
