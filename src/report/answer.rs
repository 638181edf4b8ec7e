//! What a run found out: the key figures and the cohorts of its dashboards as text, and all of them as a page.

use std::collections::{BTreeMap, BTreeSet};

use console::{Style, measure_text_width};
use serde_json::Value;

use super::Report;
use super::critical::CriticalPath;
use super::markdown;
use super::page::{self, DashboardResults, PageInput, Provenance, Standing};
use super::terminal::duration;
use crate::dashboards::{LvDash, Widget};
use crate::diag::SourceFile;
use crate::event::{Event, EventKind, Failure, Outcome, QueryResult, StepKind};
use crate::ids::{DashboardName, StepId};

/// Collects from a run's events what its dashboards show.
#[derive(Debug, Default)]
pub struct Answer {
    project: String,
    environment: String,
    run: String,
    ended_at: String,
    dashboards: Vec<Shown>,
    /// Steps that bring data.
    syncs: BTreeSet<StepId>,
    steps: Vec<(StepId, Outcome, u64)>,
    path: CriticalPath,
}

#[derive(Debug)]
struct Shown {
    name: DashboardName,
    title: String,
    content: LvDash,
    results: BTreeMap<String, Result<QueryResult, String>>,
}

impl Report for Answer {
    fn event(&mut self, event: &Event) {
        self.path.event(event);
        match &event.kind {
            EventKind::RunStarted { run, project, environment, steps, .. } => {
                let syncs = steps.iter().filter(|s| s.kind == StepKind::Sync);
                self.syncs = syncs.map(|s| s.step.clone()).collect();
                (self.project, self.environment) = (project.clone(), environment.clone());
                self.run = run.to_string();
            }
            EventKind::DashboardPublished { dashboard, title, content, .. } => {
                let file = SourceFile::new(format!("{dashboard}.lvdash.json"), content.clone());
                // What was published was parsed before; a recording may hold anything, and then shows nothing here.
                if let Ok(content) = LvDash::parse(&file) {
                    let (name, title) = (dashboard.clone(), title.clone());
                    self.dashboards.retain(|shown| shown.name != name);
                    self.dashboards.push(Shown { name, title, content, results: BTreeMap::new() });
                }
            }
            EventKind::WidgetQueried { dashboard, query, result, .. } => {
                if let Some(shown) = self.dashboards.iter_mut().find(|s| s.name == *dashboard) {
                    shown.results.insert(query.clone(), result.clone());
                }
            }
            EventKind::StepFinished { step, outcome, milliseconds, .. } => {
                self.steps.push((step.clone(), outcome.clone(), *milliseconds));
            }
            EventKind::RunFinished { .. } => self.ended_at = event.at.format("%Y-%m-%d %H:%M UTC").to_string(),
            EventKind::RunResumed { .. }
            | EventKind::StepStarted { .. }
            | EventKind::TableVersion { .. }
            | EventKind::StatementSending { .. }
            | EventKind::StatementAccepted { .. }
            | EventKind::StatementStopped { .. }
            | EventKind::StepProgress { .. }
            | EventKind::SyncBaseline { .. }
            | EventKind::SourcesPinned { .. }
            | EventKind::SyncDelivered { .. }
            | EventKind::RunSoFar { .. }
            | EventKind::StepRead { .. }
            | EventKind::TableWritten { .. }
            | EventKind::Tested { .. }
            | EventKind::TestFailed { .. } => {}
        }
    }
}

impl Answer {
    /// Tells whether there is anything to show.
    pub fn has_dashboards(&self) -> bool {
        !self.dashboards.is_empty()
    }

    /// Returns the steps that failed, with their reasons.
    pub fn failures(&self) -> impl Iterator<Item = (&StepId, &Failure)> {
        self.steps.iter().filter_map(|(step, outcome, _)| Some((step, outcome.failure()?)))
    }

    /// Writes the page.
    pub fn page(&self) -> String {
        let title = match self.dashboards.as_slice() {
            [one] => one.title.clone(),
            _ => self.project.clone(),
        };
        let dashboards = self.dashboards.iter().map(|shown| DashboardResults {
            title: shown.title.clone(),
            dash: &shown.content,
            results: shown.results.clone(),
            choices: None,
            awaited: false,
        });
        // What says how old the numbers are, and what did not go well, must not be looked for.
        let told = |(step, outcome, _): &&(StepId, Outcome, u64)| {
            self.syncs.contains(step) || !matches!(outcome, Outcome::Succeeded { .. })
        };
        let (told, rest): (Vec<_>, Vec<_>) = self.steps.iter().partition(told);
        let [provenance, steps] = [told, rest].map(|steps| steps.into_iter().map(provenance).collect());
        page::render(&PageInput {
            title,
            project: self.project.clone(),
            environment: self.environment.clone(),
            run: Some(self.run.clone()),
            generated_at: self.ended_at.clone(),
            dashboards: dashboards.collect(),
            provenance,
            steps,
        })
    }

    /// Writes the run as Markdown.
    pub fn markdown(&self) -> String {
        let title = format!("{} on {}", self.project, self.environment);
        markdown::run(&title, &self.steps, &self.text(100, false)) + &self.path.markdown()
    }

    /// Returns the key figures, labels and values, of the first dashboards.
    pub fn figures(&self, most: usize) -> Vec<(String, String)> {
        self.dashboards.iter().flat_map(Shown::figures).take(most).collect()
    }

    /// Writes the key figures and the cohorts as text for a terminal of `width` columns.
    pub fn text(&self, width: usize, color: bool) -> String {
        let bold = Style::new().bold().force_styling(color);
        let dim = Style::new().dim().force_styling(color);
        let mut text = String::new();
        for shown in &self.dashboards {
            text.push_str(&format!("\n{}\n", bold.apply_to(&shown.title)));
            let figures = shown.figures();
            let label_width = figures.iter().map(|(label, _)| measure_text_width(label)).max().unwrap_or(0);
            for (label, value) in &figures {
                let gap = " ".repeat(label_width - measure_text_width(label));
                text.push_str(&format!("  {label}{gap}  {}\n", bold.apply_to(value)));
            }
            if let Some((title, grid)) = shown.grid(width) {
                text.push_str(&format!("\n{}\n", bold.apply_to(title)));
                for (i, line) in grid.iter().enumerate() {
                    let line = line.trim_end();
                    text.push_str(&if i < GRID_HEAD {
                        format!("  {}\n", dim.apply_to(line))
                    } else {
                        format!("  {line}\n")
                    });
                }
            }
        }
        text
    }
}

fn provenance((step, outcome, milliseconds): &(StepId, Outcome, u64)) -> Provenance {
    let (text, standing) = match outcome {
        Outcome::Succeeded { summary } if summary.is_empty() => (duration(*milliseconds), Standing::Good),
        Outcome::Succeeded { summary } => (format!("{summary} · {}", duration(*milliseconds)), Standing::Good),
        Outcome::Failed { failure } => (failure.message.clone(), Standing::Bad),
        Outcome::TestsFailed { failure } => (failure.message.clone(), Standing::Bad),
        Outcome::Stale { failure } => (failure.message.clone(), Standing::Stale),
        Outcome::Skipped { because } => (format!("skipped, because it needs {because}"), Standing::Stale),
        Outcome::Stopped { because } => (format!("stopped, because {because} failed"), Standing::Stale),
        Outcome::Cancelled => ("cancelled".to_owned(), Standing::Stale),
    };
    Provenance { label: step.to_string(), text, standing }
}

/// Lines of a grid that say what it shows: the axes' names, and the columns.
const GRID_HEAD: usize = 2;

/// Rows of a grid that a terminal shows; the page has them all.
const GRID_ROWS: usize = 24;

impl Shown {
    /// The counters: label and value.
    fn figures(&self) -> Vec<(String, String)> {
        self.visualizations("counter")
            .filter_map(|widget| Some((widget.label().to_owned(), self.figure(widget)?)))
            .collect()
    }

    fn figure(&self, widget: &Widget) -> Option<String> {
        page::counter::text(widget.spec()?.encodings(), self.result(widget)?)
    }

    /// The first heatmap as text: its title, and lines of which the first is the head.
    fn grid(&self, width: usize) -> Option<(&str, Vec<String>)> {
        self.visualizations("heatmap").find_map(|widget| Some((widget.label(), self.lines(widget, width)?)))
    }

    fn lines(&self, widget: &Widget, width: usize) -> Option<Vec<String>> {
        let encodings = widget.spec()?.encodings();
        let result = self.result(widget)?;
        let [x, y, color] = ["x", "y", "color"].map(|axis| column(result, &encodings[axis]));
        let (x, y, color) = (x?, y?, color?);
        let mut cells = BTreeMap::new();
        let (mut rows, mut columns) = (Vec::new(), Vec::new());
        for row in &result.rows {
            let (Some(Some(at_x)), Some(Some(at_y))) = (row.get(x), row.get(y)) else { continue };
            let shown = match row.get(color)?.as_deref() {
                Some(value) => page::format::show(Some(value), &encodings["color"]["format"], &result.columns[color].1),
                None => String::new(),
            };
            cells.insert((at_y.as_str(), at_x.as_str()), shown);
            rows.push(at_y.as_str());
            columns.push(at_x.as_str());
        }
        sort_naturally(&mut rows);
        sort_naturally(&mut columns);
        let rows = &rows[rows.len().saturating_sub(GRID_ROWS)..];
        let name = |axis: &str| encodings[axis]["displayName"].as_str().unwrap_or_default();
        let head = rows.iter().map(|r| measure_text_width(r)).max()?.max(measure_text_width(name("y")));
        let cell =
            cells.values().map(|c| measure_text_width(c)).chain(columns.iter().map(|c| measure_text_width(c))).max()?;
        let fitting = width.saturating_sub(head + 2) / (cell + 1);
        let columns = &columns[..fitting.max(1).min(columns.len())];
        let line = |head_text: &str, values: &mut dyn Iterator<Item = &str>| {
            let gap = " ".repeat(head - measure_text_width(head_text));
            let cells = values.map(|v| format!(" {}{v}", " ".repeat(cell.saturating_sub(measure_text_width(v)))));
            format!("{head_text}{gap}{}", cells.collect::<String>())
        };
        let mut lines = vec![format!("{:head$}  {}", name("y"), name("x")), line("", &mut columns.iter().copied())];
        for row in rows {
            let mut values = columns.iter().map(|c| cells.get(&(*row, *c)).map_or("", String::as_str));
            lines.push(line(row, &mut values));
        }
        Some(lines)
    }

    fn visualizations<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Widget> {
        let is_kind = move |widget: &&Widget| widget.spec().is_some_and(|spec| spec.json["widgetType"] == kind);
        self.content.widgets().map(|(_, widget)| widget).filter(is_kind)
    }

    fn result(&self, widget: &Widget) -> Option<&QueryResult> {
        self.results.get(&widget.queries.first()?.path)?.as_ref().ok()
    }
}

/// Finds the column of a result that an encoding shows.
fn column(result: &QueryResult, encoding: &Value) -> Option<usize> {
    let field = encoding["fieldName"].as_str()?;
    result.columns.iter().position(|(name, _)| name == field)
}

/// Sorts values without their duplicates, numbers by their value.
fn sort_naturally(values: &mut Vec<&str>) {
    values.sort_by(|a, b| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        _ => a.cmp(b),
    });
    values.dedup();
}
