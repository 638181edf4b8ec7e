//! The answers of one page of the dashboard, each sent as soon as it is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;

use super::workspace::{Answer, Workspace};
use super::{AT_ONCE, Subject, behind};
use crate::cli::connect::Environment;
use crate::dashboards::{Control, LvDash, Page, PageKind, WidgetKind, widget_queries};
use crate::report::page::{self, DashboardResults};

/// A page of the dashboard that somebody looks at.
pub(super) struct Looked {
    pub(super) subject: Arc<Subject>,
    /// The dashboard with the choices in place.
    pub(super) dash: LvDash,
    /// The page's place among those that have a tab.
    pub(super) page: usize,
}

/// Sends what is on the page, one JSON object a line: `filter` with its choices, `tile` with its drawing, and `behind` with what is to
/// be said of the models. Ends when all is sent, or nobody listens any more.
pub(super) async fn send(looked: Looked, workspace: Arc<Workspace>, lines: Sender<String>) {
    let say = async |line: Value| {
        // Whoever has left does not hear it.
        let _ = lines.send(format!("{line}\n")).await;
    };
    let environment = match workspace.enter(&looked.subject).await {
        Ok(environment) => environment,
        Err(error) => return say(json!({"refused": workspace.words(&error)})).await,
    };
    let asked = looked.parts(&environment, &workspace);
    let answered = stream::iter(asked).buffer_unordered(AT_ONCE).for_each(say);
    tokio::select! {
        () = answered => {}
        () = lines.closed() => {}
    }
    workspace.leave(environment, &looked.subject).await;
}

impl Looked {
    /// Returns all that is to be sent, in the order in which it is asked for.
    fn parts<'a>(&'a self, environment: &'a Environment, workspace: &'a Arc<Workspace>) -> Vec<BoxFuture<'a, Value>> {
        let canvases = || self.dash.pages.iter().filter(|page| page.kind == PageKind::Canvas);
        let Some(page) = canvases().nth(self.page).or_else(|| canvases().next()) else { return Vec::new() };
        let mut parts: Vec<BoxFuture<'a, Value>> = Vec::new();
        for (on, widget) in self.dash.widgets() {
            if (on.kind == PageKind::GlobalFilters || on.name == page.name)
                && let Some(control) = Control::of(&self.dash, widget)
            {
                parts.push(Box::pin(self.filter(control, workspace)));
            }
        }
        let queries: BTreeMap<String, String> =
            widget_queries(&self.dash).into_iter().map(|query| (query.path, query.sql)).collect();
        for widget in &page.widgets {
            if matches!(widget.kind, WidgetKind::Visualization(_) | WidgetKind::Legacy(_)) {
                let query = widget.queries.first().and_then(|query| queries.get_key_value(&query.path));
                let query = query.map(|(path, sql)| (path.clone(), sql.clone()));
                parts.push(Box::pin(self.tile(page, widget.name.clone(), query, workspace)));
            }
        }
        parts.push(Box::pin(async { json!({"behind": behind::words(environment, &self.subject).await}) }));
        parts
    }

    async fn filter(&self, control: Control, workspace: &Arc<Workspace>) -> Value {
        let mut choices = Vec::new();
        if let Some(sql) = &control.choices {
            // A filter without choices is seen; why it has none is said by the widgets, which read the same dataset.
            if let Ok(result) = &*workspace.answer(&self.subject, sql).await {
                choices = result.rows.iter().filter_map(|row| row.first()?.clone()).collect();
            }
        }
        let choices = BTreeMap::from([(control.widget.clone(), choices)]);
        let drawn = page::control(&self.results(BTreeMap::new(), choices), &control.widget);
        json!({"filter": control.widget, "html": drawn})
    }

    async fn tile(
        &self,
        page: &Page,
        widget: String,
        query: Option<(String, String)>,
        workspace: &Arc<Workspace>,
    ) -> Value {
        let mut results = BTreeMap::new();
        if let Some((path, sql)) = query {
            let answer: Answer = workspace.answer(&self.subject, &sql).await;
            results.insert(path, (*answer).clone());
        }
        let failed = results.values().any(Result::is_err);
        let drawn = page::tile(&self.results(results, BTreeMap::new()), &page.name, &widget);
        let (html, charts) = drawn.map(|tile| (tile.html, tile.charts)).unzip();
        json!({"tile": widget, "html": html, "charts": charts, "failed": failed})
    }

    fn results(
        &self,
        results: BTreeMap<String, Result<crate::event::QueryResult, String>>,
        choices: BTreeMap<String, Vec<String>>,
    ) -> DashboardResults<'_> {
        let title = self.subject.dashboard.title.clone();
        DashboardResults { title, dash: &self.dash, results, choices: Some(choices), awaited: false }
    }
}
