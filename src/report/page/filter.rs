//! Filters: as captions that say what the page's numbers were made with, or as controls where a server answers choices.

use std::fmt::Write as _;

use super::input::DashboardResults;
use super::text::escape;
use crate::dashboards::{Control, ControlKind, Selection, Spec, Widget, relative_date_in_words};

/// Draws a filter.
pub(super) fn draw(widget: &Widget, spec: &Spec, dashboard: &DashboardResults<'_>) -> String {
    let control = dashboard.choices.as_ref().and_then(|choices| Some((choices, Control::of(dashboard.dash, widget)?)));
    match control {
        Some((choices, control)) => {
            let choices = choices.get(&widget.name).map(Vec::as_slice).unwrap_or_default();
            live(&control, choices)
        }
        None => caption(widget, spec),
    }
}

fn caption(widget: &Widget, spec: &Spec) -> String {
    let title = Control::title_of(widget, spec);
    let selection = Selection::of_filter(&spec.json);
    let words = in_words(&selection);
    let exclude = spec.json["exclude"].as_bool() == Some(true) && selection != Selection::All;
    let words = if exclude { format!("not {words}") } else { words };
    format!(
        "<span class=\"filter\" title=\"Filters act in the workspace; this page was made with what they say here.\"><span>{}</span> <b>{}</b></span>",
        escape(title),
        escape(&words)
    )
}

/// Draws a filter that can be set: `live.js` reads the inputs.
fn live(control: &Control, choices: &[String]) -> String {
    let name = escape(&control.widget);
    let chosen: &[String] = match &control.selection {
        Selection::Values(_, values) => values,
        _ => &[],
    };
    let (min, max) = match &control.selection {
        Selection::Range(_, min, max) => (min.as_deref(), max.as_deref()),
        _ => (None, None),
    };
    let input = |kind: &str, label: &str, value: Option<&str>| {
        let value = escape(value.unwrap_or_default());
        format!("<label>{label} <input type=\"{kind}\" name=\"{name}\" value=\"{value}\"></label>")
    };
    let inputs = match control.kind {
        ControlKind::Days => input("date", "from", min) + &input("date", "to", max),
        ControlKind::Day => input("date", "day", chosen.first().map(String::as_str)),
        ControlKind::Numbers => input("number", "from", min) + &input("number", "to", max),
        ControlKind::Text => input("search", "is", chosen.first().map(String::as_str)),
        ControlKind::Many | ControlKind::One => {
            let many = control.kind == ControlKind::Many;
            let kind = if many { "checkbox" } else { "radio" };
            let mut inputs = String::new();
            if !many && !control.is_required {
                let checked = if chosen.is_empty() { " checked" } else { "" };
                let _ = write!(inputs, "<label><input type=\"radio\" name=\"{name}\" value=\"\"{checked}> All</label>");
            }
            // What was chosen stays to be seen, and to be taken away, if the data no longer have it.
            let gone = chosen.iter().filter(|value| !choices.contains(value));
            for value in choices.iter().chain(gone) {
                let checked = if chosen.contains(value) { " checked" } else { "" };
                let value = escape(value);
                let _ = write!(
                    inputs,
                    "<label><input type=\"{kind}\" name=\"{name}\" value=\"{value}\"{checked}> {value}</label>"
                );
            }
            inputs
        }
    };
    format!(
        "<details class=\"filter live\" data-filter=\"{name}\"><summary><span>{0}</span> <b>{1}</b></summary><div class=\"choices\" role=\"group\" aria-label=\"{0}\">{inputs}</div></details>",
        escape(&control.title),
        escape(&in_words(&control.selection))
    )
}

fn in_words(selection: &Selection) -> String {
    match selection {
        Selection::All => "All".to_owned(),
        Selection::Values(_, values) if values.is_empty() => "All".to_owned(),
        Selection::Values(_, values) => {
            let shown: Vec<String> = values.iter().take(4).map(|value| relative_date_in_words(value)).collect();
            let more = values.len().saturating_sub(4);
            let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{}{tail}", shown.join(", "))
        }
        Selection::Range(_, min, max) => match (min, max) {
            (None, None) => "All".to_owned(),
            (Some(min), None) => format!("from {}", relative_date_in_words(min)),
            (None, Some(max)) => format!("to {}", relative_date_in_words(max)),
            (Some(min), Some(max)) => format!("{} to {}", relative_date_in_words(min), relative_date_in_words(max)),
        },
    }
}
