//! Whether fields fit what is drawn of them: a time on a temporal axis, a number where lengths are drawn. Only types that are
//! known count.

use serde_json::Value;

use super::file::LvDash;
use super::model::{Field, Query, Widget, WidgetKind};
use crate::analysis::{Column, DataType, Relation};
use crate::config::pointer::child;
use crate::diag::{Diagnostic, Diagnostics};

/// Parts of an encoding that are drawn on its scale.
const ON_THE_SCALE: [&str; 12] = [
    "boxEnd",
    "boxMid",
    "boxStart",
    "fields",
    "original",
    "prediction",
    "predictionLower",
    "predictionUpper",
    "primary",
    "secondary",
    "whiskerEnd",
    "whiskerStart",
];

/// Checks a widget's encodings against the types of its queries' fields.
pub(super) fn check(
    dash: &LvDash,
    widget: &Widget,
    types: &[(&Query, Vec<Option<DataType>>)],
    relation: &Relation,
) -> Diagnostics {
    let mut fit = Fit { dash, widget, types, relation, problems: Diagnostics::new() };
    let path = format!("{}/spec/encodings", widget.path);
    match &widget.kind {
        WidgetKind::Visualization(spec) => {
            for (channel, encoding) in spec.encodings().as_object().into_iter().flatten() {
                fit.encoding(encoding, &child(&path, channel), None);
            }
        }
        WidgetKind::Filter(spec) => {
            for (index, binding) in spec.encodings()["fields"].as_array().into_iter().flatten().enumerate() {
                fit.binding(&spec.widget_type, binding, &format!("{path}/fields/{index}"));
            }
        }
        WidgetKind::Text(_) | WidgetKind::Legacy(_) | WidgetKind::Unknown => {}
    }
    fit.problems
}

struct Fit<'a> {
    dash: &'a LvDash,
    widget: &'a Widget,
    types: &'a [(&'a Query, Vec<Option<DataType>>)],
    relation: &'a Relation,
    problems: Diagnostics,
}

impl Fit<'_> {
    /// Checks what is drawn of one encoding and of those in it, which share its scale.
    fn encoding(&mut self, encoding: &Value, path: &str, outer: Option<&str>) {
        if let Some(items) = encoding.as_array() {
            for (index, item) in items.iter().enumerate() {
                self.encoding(item, &format!("{path}/{index}"), outer);
            }
            return;
        }
        let scale = encoding["scale"]["type"].as_str().or(outer);
        if let Some(name) = encoding["fieldName"].as_str()
            && let Some(data_type) = self.type_of(name)
        {
            self.drawn(name, &data_type, scale, encoding["format"]["type"].as_str(), path);
        }
        for key in ON_THE_SCALE.iter().filter(|key| !encoding[**key].is_null()) {
            self.encoding(&encoding[*key], &child(path, key), scale);
        }
    }

    fn type_of(&self, name: &str) -> Option<DataType> {
        self.types.iter().find_map(|(query, types)| {
            let at = query.fields.iter().flatten().position(|field| field.name == name)?;
            types.get(at)?.clone()
        })
    }

    fn drawn(&mut self, name: &str, data_type: &DataType, scale: Option<&str>, format: Option<&str>, path: &str) {
        let (what, help) = match scale {
            Some("temporal") if !is_time(data_type) => {
                ("on a temporal scale".to_owned(), "Draw a date or a timestamp there, or make the scale `categorical`.")
            }
            Some("quantitative") if !is_number(data_type) => (
                "on a quantitative scale".to_owned(),
                "Draw a number there, or make the scale `categorical` or `temporal`.",
            ),
            _ => match format {
                Some(format) if format.starts_with("number") && !is_number(data_type) => {
                    (format!("as `{format}`"), "Show a number there, or take the format away.")
                }
                Some(format) if format.starts_with("date") && (data_type.is_numeric() || is_other(data_type)) => {
                    (format!("as `{format}`"), "Show a date or a timestamp there, or take the format away.")
                }
                _ => return,
            },
        };
        let message =
            format!("the widget `{}` draws the field `{name}` {what}, but it is {data_type}", self.widget.label());
        let place = self.dash.span(&format!("{path}/fieldName"));
        self.problems.push(Diagnostic::warning("field-type", message).at(place).help(help));
    }

    /// Checks what a filter filters by.
    fn binding(&mut self, kind: &str, binding: &Value, path: &str) {
        let (Some(name), Some(query_name)) = (binding["fieldName"].as_str(), binding["queryName"].as_str()) else {
            return;
        };
        let Some((query, types)) = self.types.iter().find(|(query, _)| query.name == query_name) else { return };
        let field = query.fields.iter().flatten().position(|field| field.name == name);
        // A slider asks for the least and the most; its field is the column itself.
        let column = |columns: &[Column]| columns.iter().find(|c| c.name == name).and_then(|c| c.data_type.clone());
        let data_type = match (field, self.relation) {
            (Some(at), _) => types.get(at).cloned().flatten(),
            (None, Relation::Known(columns)) => column(columns),
            (None, Relation::Unknown) => None,
        };
        let Some(data_type) = data_type else { return };
        let (wanted, fits) = match kind {
            "filter-date-picker" | "filter-date-range-picker" => {
                ("a date or a timestamp", is_time(&data_type) || data_type == DataType::String)
            }
            "range-slider" => ("a number", is_number(&data_type)),
            _ => return,
        };
        if !fits {
            let message = format!("the filter `{}` needs {wanted}, but `{name}` is {data_type}", self.widget.label());
            let place = self.dash.span(&format!("{path}/fieldName"));
            let help = "Filter by another column, or with another kind of filter.";
            self.problems.push(Diagnostic::warning("field-type", message).at(place).help(help));
        }
    }
}

fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date | DataType::Timestamp | DataType::TimestampNtz | DataType::Void)
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric() || matches!(data_type, DataType::Interval(_) | DataType::Void | DataType::Variant)
}

/// Neither a number nor a time nor a text.
fn is_other(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Boolean | DataType::Binary | DataType::Array(_) | DataType::Map(..) | DataType::Struct(_)
    )
}

/// Checks the column that a field takes, as itself or as the argument of a function: how it is written, and whether the
/// function takes its type. The problem has no place yet.
pub(super) fn argument(field: &Field, columns: &[Column]) -> Option<Diagnostic> {
    let expression = field.expression.text();
    let mut quoted = expression.split('`').skip(1).step_by(2);
    let name = quoted.next().filter(|name| !name.is_empty())?;
    let named = |name: &str| columns.iter().find(|column| column.name == name);
    let Some(column) = named(name) else {
        let other = columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))?;
        let message = format!("the column `{name}` is written `{}` in the dataset", other.name);
        let help = "Write it the same way: the editor takes two ways for two columns.";
        return Some(Diagnostic::warning("column-case", message).help(help));
    };
    let data_type = column.data_type.as_ref()?;
    let (function, rest) = expression.split_once('(')?;
    // Only one function of one column: the grammar of the editor.
    if quoted.next().is_some() || rest.contains('(') || !rest.ends_with(')') {
        return None;
    }
    let function = function.trim().to_uppercase();
    let (wanted, fits, castable) = match function.as_str() {
        "SUM" | "AVG" | "MEAN" | "MEDIAN" | "PERCENTILE" | "APPROX_PERCENTILE" | "PERCENTILE_APPROX" | "BIN_FLOOR" => {
            ("a number", is_number(data_type), *data_type == DataType::String)
        }
        "DATE_TRUNC" => ("a date or a timestamp", is_time(data_type), *data_type == DataType::String),
        _ => return None,
    };
    // Where these two fail for every value, the query itself has been found wrong.
    if fits || !castable && matches!(function.as_str(), "SUM" | "AVG") {
        return None;
    }
    let message = format!("`{function}` takes {wanted}, but `{name}` is {data_type}");
    let help = "Take another column, or cast it in the dataset's SQL.";
    Some(match castable {
        // A text is read as what is wanted, and fails where it says something else.
        true => Diagnostic::warning("argument-type", message).help(help),
        false => Diagnostic::error("argument-type", message).help(help),
    })
}
