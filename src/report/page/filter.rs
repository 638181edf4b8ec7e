//! Filters as captions: what they filter by, and the default that the page's numbers were made with.

use crate::dashboards::{Selection, Spec, Widget, relative_date_in_words};

use super::text::escape;

/// Draws a filter as a caption.
pub(super) fn caption(widget: &Widget, spec: &Spec) -> String {
    let title = spec.title().or_else(|| spec.encodings()["fields"][0]["displayName"].as_str());
    let title = title.unwrap_or_else(|| spec.encodings()["fields"][0]["fieldName"].as_str().unwrap_or(&widget.name));
    let selection = Selection::of_filter(&spec.json);
    let words = in_words(&selection);
    let exclude = spec.json["exclude"].as_bool() == Some(true) && selection != Selection::All;
    let words = if exclude { format!("not {words}") } else { words };
    format!("<span class=\"filter\"><span>{}</span> <b>{}</b></span>", escape(title), escape(&words))
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
