//! The page that a run writes: its dashboards with their numbers, in one HTML file that needs no network.

mod input;

pub use input::{DashboardResults, PageInput, Provenance, QueryResult, Standing};

/// Renders the page.
pub fn render(input: &PageInput<'_>) -> String {
    format!("<!doctype html><title>{}</title>", input.title.replace('&', "&amp;").replace('<', "&lt;"))
}
