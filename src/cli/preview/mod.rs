//! `kiln dashboard preview`: a dashboard's file as a page, with what the workspace answers now.

mod answers;
mod behind;
mod export;
mod server;
mod workspace;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt as _};
use tokio_util::sync::CancellationToken;

use super::connect::Environment;
use super::error::Error;
use super::output::Output;
use super::{ProjectArgs, Status, dashboard};
use crate::config::Project;
use crate::dashboards::{Control, ControlKind, LvDash, PageKind, Selection, widget_queries};
use crate::databricks::{Progress, Statement};
use crate::diag::did_you_mean;
use crate::event::QueryResult;
use crate::manifest::{CompiledDashboard, Manifest};
use crate::report::page::{self, DashboardResults, PageInput};

/// Queries that are asked at once; the warehouse's own limit holds besides.
const AT_ONCE: usize = 8;

/// Show a dashboard's file as a page, with what the workspace answers now
///
/// The page is served on 127.0.0.1 until Ctrl-C: its filters work, and it is shown anew when the dashboard's file, jobs.yaml or a
/// model changes and when a run of this folder ends. Nothing is published and no table is built: it shows the tables that are there,
/// and says which models have changed since these were built.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct PreviewArgs {
    /// The dashboard [default: the only one of the project]
    dashboard: Option<String>,
    /// Write the page into this file, .html, .pdf or .png, and end; PDFs and pictures, one a page of the dashboard, are made by
    /// the Chromium or Chrome that is here
    #[arg(long, value_name = "FILE", conflicts_with = "port")]
    export: Option<PathBuf>,
    /// Only this page of the dashboard, by its title or name
    #[arg(long, value_name = "PAGE", requires = "export")]
    page: Option<String>,
    /// What to choose at a filter: `Channel=email`, once for each value; `Period=2026-01-01..2026-03-31` for a range
    #[arg(long = "filter", value_name = "FILTER=VALUE")]
    filters: Vec<String>,
    /// Port on 127.0.0.1 [default: a free one]
    #[arg(long)]
    port: Option<u16>,
    #[command(flatten)]
    project: ProjectArgs,
}

pub(super) async fn run(args: &PreviewArgs, output: &Output) -> Result<Status, Error> {
    let Some(file) = &args.export else { return server::run(args, output).await };
    let form = export::Form::of(file)?;
    let subject = Subject::compile(args, 0, output)?;
    let chosen = wanted(&subject.dashboard.content, &args.filters)?;
    let only = args.page.as_deref().map(|page| only(&subject.dashboard.content, page)).transpose()?;
    let shown = Shown::ask(&subject, &chosen, only.as_deref(), output).await?;
    let canvases = shown.dash.pages.iter().filter(|page| page.kind == PageKind::Canvas);
    let titles: Vec<&str> = canvases.map(|page| page.display_name.as_str()).collect();
    for file in export::write(file, form, &shown.page(&subject, Utc::now()), &titles).await? {
        output.status(&format!("page: {}", file.display()));
    }
    for (widget, error) in shown.broken() {
        output.status(&format!("warning: widget `{widget}`: {error}"));
    }
    Ok(if shown.broken().next().is_some() { Status::StepFailed } else { Status::Done })
}

/// A dashboard of a project, at one state of its files.
struct Subject {
    project: Project,
    manifest: Manifest,
    dashboard: CompiledDashboard,
    /// Which state that is, counted from the start.
    state: u64,
}

impl Subject {
    /// Reads the project, and picks the dashboard.
    fn compile(args: &PreviewArgs, state: u64, output: &Output) -> Result<Self, Error> {
        let (project, manifest) = args.project.compile(output)?;
        let dashboard = match dashboard::chosen(&manifest, args.dashboard.as_deref())?.as_slice() {
            [one] => (*one).clone(),
            [] => return Err(Error::usage("the project has no dashboard")),
            several => {
                let names: Vec<String> = several.iter().map(|dashboard| format!("`{}`", dashboard.name)).collect();
                return Err(Error::usage(format!("the project has {} dashboards", several.len()))
                    .with_help(format!("Name one of {}.", names.join(", "))));
            }
        };
        Ok(Self { project, manifest, dashboard, state })
    }

    /// Renders the page; some results may be still to come.
    fn page(&self, shown: DashboardResults<'_>, now: DateTime<Utc>) -> String {
        page::render(&PageInput {
            title: self.dashboard.title.clone(),
            project: self.project.name.clone(),
            environment: self.project.environment.name.to_string(),
            run: None,
            generated_at: now.format("%Y-%m-%d %H:%M UTC").to_string(),
            dashboards: vec![shown],
            provenance: Vec::new(),
            steps: Vec::new(),
        })
    }
}

/// Reads `--filter`: by the title of the filter or the name of its widget.
fn wanted(dash: &LvDash, filters: &[String]) -> Result<BTreeMap<String, Selection>, Error> {
    let controls = dash.controls();
    let mut values: BTreeMap<&str, (&Control, Vec<&str>)> = BTreeMap::new();
    for filter in filters {
        let (name, value) = filter.split_once('=').ok_or_else(|| {
            Error::usage(format!("`{filter}` is no choice at a filter")).with_help("Write `--filter NAME=VALUE`.")
        })?;
        let control = controls
            .iter()
            .find(|control| control.title.eq_ignore_ascii_case(name) || control.widget == name)
            .ok_or_else(|| unknown(name, &controls))?;
        let (_, values) = values.entry(&control.widget).or_insert((control, Vec::new()));
        match control.kind {
            ControlKind::Days | ControlKind::Numbers => {
                let (min, max) = value.split_once("..").ok_or_else(|| {
                    Error::usage(format!("`{filter}`: `{name}` is a range"))
                        .with_help(format!("Write `--filter '{name}=FROM..TO'`; either end may be left out."))
                })?;
                values.extend([min, max]);
            }
            _ => values.push(value),
        }
    }
    Ok(values.into_iter().map(|(widget, (control, values))| (widget.to_owned(), control.select(&values))).collect())
}

/// Finds a page by its title or name; returns its name.
fn only(dash: &LvDash, wanted: &str) -> Result<String, Error> {
    let canvases = || dash.pages.iter().filter(|page| page.kind == PageKind::Canvas);
    let found = canvases().find(|page| page.display_name.eq_ignore_ascii_case(wanted) || page.name == wanted);
    found.map(|page| page.name.clone()).ok_or_else(|| {
        let titles: Vec<&str> = canvases().map(|page| page.display_name.as_str()).collect();
        let help = match did_you_mean(wanted, titles.iter().copied()) {
            Some(near) => format!("Did you mean `{near}`?"),
            None => format!("It has `{}`.", titles.join("`, `")),
        };
        Error::usage(format!("the dashboard has no page `{wanted}`")).with_help(help)
    })
}

fn unknown(name: &str, controls: &[Control]) -> Error {
    let titles = || controls.iter().map(|control| control.title.as_str());
    let help = match did_you_mean(name, titles()) {
        Some(near) => format!("Did you mean `{near}`?"),
        None if controls.is_empty() => "It has none that can be set.".to_owned(),
        None => format!("It has `{}`.", titles().collect::<Vec<_>>().join("`, `")),
    };
    Error::usage(format!("the dashboard has no filter `{name}`")).with_help(help)
}

/// A dashboard with what the workspace answered.
struct Shown {
    /// The dashboard's content with the choices in place.
    dash: LvDash,
    results: BTreeMap<String, Result<QueryResult, String>>,
}

impl Shown {
    /// Asks the workspace for all that is shown, `only` one page or all; what several widgets ask alike, once.
    async fn ask(
        subject: &Subject,
        chosen: &BTreeMap<String, Selection>,
        only: Option<&str>,
        output: &Output,
    ) -> Result<Self, Error> {
        let mut dash = subject.dashboard.content.with_selections(chosen)?;
        dash.pages.retain(|page| page.kind != PageKind::Canvas || only.is_none_or(|only| page.name == only));
        let environment = Environment::connect(&subject.project, output).await?;
        let mut alike: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for query in widget_queries(&dash) {
            alike.entry(query.sql).or_default().push(query.path);
        }
        let never = CancellationToken::new();
        let results = stream::iter(alike)
            .map(|(sql, paths)| {
                let (environment, never) = (&environment, &never);
                async move {
                    let answer = ask(environment, subject, sql, never).await;
                    stream::iter(paths.into_iter().map(move |path| (path, answer.clone())))
                }
            })
            .buffered(AT_ONCE)
            .flatten()
            .collect()
            .await;
        environment.close().await;
        Ok(Self { dash, results })
    }

    /// Returns the widgets whose queries failed, with the reasons.
    fn broken(&self) -> impl Iterator<Item = (String, &str)> {
        widget_queries(&self.dash).into_iter().filter_map(|query| {
            let error = self.results.get(&query.path)?.as_ref().err()?;
            Some((query.widget, error.as_str()))
        })
    }

    fn page(&self, subject: &Subject, now: DateTime<Utc>) -> String {
        let title = subject.dashboard.title.clone();
        let results = self.results.clone();
        subject.page(DashboardResults { title, dash: &self.dash, results, choices: None, awaited: false }, now)
    }
}

async fn ask(
    environment: &Environment,
    subject: &Subject,
    sql: String,
    cancel: &CancellationToken,
) -> Result<QueryResult, String> {
    let connected = &environment.connected;
    let (catalog, schema) = (Some(subject.manifest.catalog.clone()), Some(subject.manifest.schema.clone()));
    let statement = Statement { catalog, schema, read_only: true, ..Statement::new(sql, connected.warehouse.clone()) };
    let statements = connected.databricks.statements();
    let result = statements.execute(&statement, cancel, &mut |_: Progress| {}).await;
    let result = result.map_err(|error| error.to_string())?;
    Ok(QueryResult {
        columns: result.columns.into_iter().map(|column| (column.name, column.type_text)).collect(),
        rows: result.rows,
        truncated: result.truncated,
    })
}

/// What the server and its watch share.
type Changes = Arc<tokio::sync::watch::Sender<u64>>;
