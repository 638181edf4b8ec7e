//! Filter widgets as somebody sees them who may use them: what can be chosen, and the dashboard after the choice.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::file::LvDash;
use super::model::{DataType, Selection, Spec, Widget, WidgetKind};
use super::widget_sql::choices_sql;
use crate::diag::{Diagnostics, SourceFile};

/// A filter widget that can be set.
#[derive(Clone, Debug)]
pub struct Control {
    /// The widget's name, unique in the file.
    pub widget: String,
    /// Its title.
    pub title: String,
    /// What is asked for.
    pub kind: ControlKind,
    /// What is chosen: at first the file's default.
    pub selection: Selection,
    /// Whether something must be chosen (`disallowAll`).
    pub is_required: bool,
    /// The query of what there is to choose from, one column; none where anything may be typed.
    pub choices: Option<String>,
}

/// What a filter widget asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlKind {
    /// Some of several values.
    Many,
    /// One of several values.
    One,
    /// A first and a last day.
    Days,
    /// One day.
    Day,
    /// A smallest and a largest number.
    Numbers,
    /// Any text.
    Text,
}

impl Control {
    /// Returns the control of a widget; none if it is no filter, or of a kind that is not known.
    pub fn of(dash: &LvDash, widget: &Widget) -> Option<Self> {
        let WidgetKind::Filter(spec) = &widget.kind else { return None };
        let kind = match spec.widget_type.as_str() {
            "filter-multi-select" => ControlKind::Many,
            "filter-single-select" => ControlKind::One,
            "filter-date-range-picker" => ControlKind::Days,
            "filter-date-picker" => ControlKind::Day,
            "range-slider" => ControlKind::Numbers,
            "filter-text-entry" => ControlKind::Text,
            _ => return None,
        };
        let choices = match kind {
            ControlKind::Many | ControlKind::One => Some(choices_sql(dash, widget)?),
            _ => None,
        };
        let title = Self::title_of(widget, spec).to_owned();
        let selection = Selection::of_filter(&spec.json);
        let is_required = spec.json["disallowAll"].as_bool() == Some(true);
        Some(Self { widget: widget.name.clone(), title, kind, selection, is_required, choices })
    }

    /// Returns what a filter widget is called: its title, or the name of what it filters.
    pub fn title_of<'a>(widget: &'a Widget, spec: &'a Spec) -> &'a str {
        let first = &spec.encodings()["fields"][0];
        let name = || first["displayName"].as_str().or_else(|| first["fieldName"].as_str());
        spec.title().or_else(name).unwrap_or(&widget.name)
    }

    /// Reads what somebody chose. Nothing chosen, or only empty texts, means all, or the default where that may not be.
    pub fn select(&self, values: &[&str]) -> Selection {
        if self.is_required && values.iter().all(|value| value.is_empty()) {
            return self.selection.clone();
        }
        let filled = |at: usize| values.get(at).filter(|value| !value.is_empty()).map(|value| (*value).to_owned());
        let range = |kind| match (filled(0), filled(1)) {
            (None, None) => Selection::All,
            (min, max) => Selection::Range(kind, min, max),
        };
        match self.kind {
            ControlKind::Days => range(DataType::Date),
            ControlKind::Numbers => range(DataType::Decimal),
            _ => {
                let values: Vec<String> =
                    values.iter().filter(|value| !value.is_empty()).map(|value| (*value).to_owned()).collect();
                let kind = if self.kind == ControlKind::Day { DataType::Date } else { DataType::String };
                if values.is_empty() { Selection::All } else { Selection::Values(kind, values) }
            }
        }
    }
}

impl LvDash {
    /// Returns the filter widgets that can be set, in the file's order.
    pub fn controls(&self) -> Vec<Control> {
        self.widgets().filter_map(|(_, widget)| Control::of(self, widget)).collect()
    }

    /// Returns this dashboard with other defaults of some filters, by the name of the widget: as if somebody had opened it and
    /// chosen them.
    ///
    /// # Errors
    /// If the file cannot be read any more, which the change gives no reason for.
    pub fn with_selections(&self, selections: &BTreeMap<String, Selection>) -> Result<Self, Diagnostics> {
        let mut json = self.json().clone();
        for page in json["pages"].as_array_mut().into_iter().flatten() {
            for place in page["layout"].as_array_mut().into_iter().flatten() {
                let Some(name) = place["widget"]["name"].as_str() else { continue };
                let (Some(selection), Some(spec)) = (selections.get(name), place["widget"].get_mut("spec")) else {
                    continue;
                };
                // Fields may have defaults of their own, which would win.
                for field in spec["encodings"]["fields"].as_array_mut().into_iter().flatten() {
                    if let Some(field) = field.as_object_mut() {
                        field.remove("defaultSelection");
                    }
                }
                if let Some(spec) = spec.as_object_mut() {
                    spec.insert("selection".to_owned(), json!({"defaultSelection": written(selection)}));
                }
            }
        }
        Self::parse(&SourceFile::new(self.file().path.clone(), json.to_string()))
    }
}

/// Writes a selection as the file has it.
fn written(selection: &Selection) -> Value {
    let value = |text: &String| json!({"value": text});
    match selection {
        Selection::All => Value::Null,
        Selection::Values(kind, values) => {
            json!({"values": {"dataType": name(*kind), "values": values.iter().map(value).collect::<Vec<_>>()}})
        }
        Selection::Range(kind, min, max) => {
            let mut range = json!({"dataType": name(*kind)});
            for (end, text) in [("min", min), ("max", max)] {
                if let Some(text) = text {
                    range[end] = value(text);
                }
            }
            json!({"range": range})
        }
    }
}

fn name(kind: DataType) -> &'static str {
    match kind {
        DataType::String => "STRING",
        DataType::Date => "DATE",
        DataType::DateTime => "DATETIME",
        DataType::Decimal => "DECIMAL",
        DataType::Integer => "INTEGER",
    }
}
