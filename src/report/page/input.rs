//! What the page is made from.

use std::collections::BTreeMap;

use crate::dashboards::LvDash;
use crate::event::QueryResult;

/// Everything the page shows.
#[derive(Clone, Debug)]
pub struct PageInput<'a> {
    /// The page's heading.
    pub title: String,
    /// The project's name.
    pub project: String,
    /// The environment that the numbers come from.
    pub environment: String,
    /// The run that wrote the page; none if it is a preview.
    pub run: Option<String>,
    /// When it was written, as text to show.
    pub generated_at: String,
    /// The dashboards, in order.
    pub dashboards: Vec<DashboardResults<'a>>,
    /// Where the numbers come from and how old they are.
    pub provenance: Vec<Provenance>,
    /// What else the run did: there for those who ask.
    pub steps: Vec<Provenance>,
}

/// A dashboard with the results of its widgets' queries.
#[derive(Clone, Debug)]
pub struct DashboardResults<'a> {
    /// The dashboard's display name.
    pub title: String,
    /// The dashboard's file.
    pub dash: &'a LvDash,
    /// By [`crate::dashboards::WidgetQuery::path`]: the rows that a query returned, or what went wrong.
    pub results: BTreeMap<String, Result<QueryResult, String>>,
    /// What can be chosen at the filters, by widget: then a server stands behind the page that answers choices. None if the
    /// page is a file.
    pub choices: Option<BTreeMap<String, Vec<String>>>,
    /// Whether the results are still to come: the page is there before them.
    pub awaited: bool,
}

/// A line on where the numbers come from: a source with its date, a step of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// What it is about: `shop`, `sql/marts/cohort_retention`.
    pub label: String,
    /// What is to be said about it: `data as of 2026-11-22`, `20,000 rows`.
    pub text: String,
    /// Whether the reader may rely on it.
    pub standing: Standing,
}

/// Whether the reader may rely on something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As it should be.
    Good,
    /// Older than it should be, or skipped.
    Stale,
    /// Failed.
    Bad,
    /// Neither good nor bad.
    Neutral,
}
