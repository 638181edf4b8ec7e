//! From JSON to the typed view: lenient about what is missing, exact about what has the wrong shape.

use serde_json::{Map, Value};

use super::file::LvDash;
use super::located::Located;
use super::model::{
    Calculation, DataType, Dataset, DatasetSource, Field, Page, PageKind, Parameter, ParameterBinding, ParameterKind,
    Position, Query, Selection, Sort, Spec, Widget, WidgetKind,
};
use crate::config::pointer::child;
use crate::diag::{Diagnostic, Diagnostics};

/// Reads datasets and pages; every value of a wrong shape is reported.
pub(super) fn read(dash: &LvDash) -> Result<(Vec<Dataset>, Vec<Page>), Diagnostics> {
    let mut reader = Reader { dash, problems: Diagnostics::new() };
    let Some(root) = reader.object(&dash.json, "", "a dashboard") else {
        return Err(reader.problems);
    };
    let datasets = reader.objects(root, "", "datasets", Reader::dataset);
    let pages = reader.objects(root, "", "pages", Reader::page);
    reader.problems.into_result((datasets, pages)).map(|(read, _)| read)
}

struct Reader<'a> {
    dash: &'a LvDash,
    problems: Diagnostics,
}

type Object = Map<String, Value>;

impl Reader<'_> {
    fn wrong(&mut self, path: &str, what: &str, wanted: &str, found: &Value) {
        let message = format!("{what} must be {wanted}, but this is {}", kind_of(found));
        self.problems.push(Diagnostic::error("dashboard-shape", message).at(self.dash.span(path)));
    }

    fn object<'v>(&mut self, value: &'v Value, path: &str, what: &str) -> Option<&'v Object> {
        if value.as_object().is_none() {
            self.wrong(path, what, "an object", value);
        }
        value.as_object()
    }

    /// Reads the objects of an array under `key`; a missing or null array is empty.
    fn objects<T>(
        &mut self,
        parent: &Object,
        path: &str,
        key: &str,
        mut read: impl FnMut(&mut Self, &Object, String) -> T,
    ) -> Vec<T> {
        let path = child(path, key);
        match parent.get(key) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => {
                let mut read_items = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}/{index}");
                    if let Some(item) = self.object(item, &path, &format!("an element of `{key}`")) {
                        read_items.push(read(self, item, path));
                    }
                }
                read_items
            }
            Some(other) => {
                self.wrong(&path, &format!("`{key}`"), "an array", other);
                Vec::new()
            }
        }
    }

    /// Reads a string; a missing or null one is empty.
    fn string(&mut self, parent: &Object, path: &str, key: &str) -> String {
        match parent.get(key) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => {
                self.wrong(&child(path, key), &format!("`{key}`"), "a string", other);
                String::new()
            }
        }
    }

    /// Reads a string, or an array of strings that are joined without a separator, keeping where each byte stands.
    fn located(&mut self, parent: &Object, path: &str, key: &str) -> Option<Located> {
        let path = child(path, key);
        let mut text = Located::default();
        match parent.get(key) {
            None | Some(Value::Null) => return None,
            Some(Value::String(_)) => self.push(&mut text, &path),
            Some(Value::Array(lines)) => {
                for (index, line) in lines.iter().enumerate() {
                    let path = format!("{path}/{index}");
                    if line.is_string() {
                        self.push(&mut text, &path);
                    } else {
                        self.wrong(&path, &format!("an element of `{key}`"), "a string", line);
                    }
                }
            }
            Some(other) => {
                self.wrong(&path, &format!("`{key}`"), "a string or an array of strings", other);
                return None;
            }
        }
        Some(text)
    }

    fn push(&self, text: &mut Located, path: &str) {
        let range = self.dash.map.range(path);
        text.push_literal(&self.dash.text.text()[range.clone()], range.start);
    }

    fn dataset(&mut self, value: &Object, path: String) -> Dataset {
        let name = self.string(value, &path, "name");
        let sql = self.located(value, &path, "queryLines").or_else(|| self.located(value, &path, "query"));
        let source = match sql {
            Some(sql) => DatasetSource::Sql(sql),
            None => match (self.located(value, &path, "asset_name"), value.get("config")) {
                (Some(asset), _) => DatasetSource::Asset(asset),
                (None, Some(config @ Value::Object(_))) => DatasetSource::MetricView(config.clone()),
                (None, _) => DatasetSource::Missing,
            },
        };
        Dataset {
            display_name: self.label(value, &path, &name),
            name,
            source,
            catalog: Some(self.string(value, &path, "catalog")).filter(|name| !name.is_empty()),
            schema: Some(self.string(value, &path, "schema")).filter(|name| !name.is_empty()),
            parameters: self.objects(value, &path, "parameters", Self::parameter),
            calculations: self.objects(value, &path, "columns", Self::calculation),
            path,
        }
    }

    /// Reads a `displayName`, which falls back to the name.
    fn label(&mut self, value: &Object, path: &str, name: &str) -> String {
        let label = self.string(value, path, "displayName");
        if label.is_empty() { name.to_owned() } else { label }
    }

    fn parameter(&mut self, value: &Object, path: String) -> Parameter {
        let keyword = self.string(value, &path, "keyword");
        Parameter {
            display_name: self.label(value, &path, &keyword),
            keyword,
            data_type: data_type(&self.string(value, &path, "dataType")),
            kind: match value.get("complexType").and_then(Value::as_str) {
                Some("MULTI") => ParameterKind::Many,
                Some("RANGE") => ParameterKind::Range,
                _ => ParameterKind::One,
            },
            default: selection(value.get("defaultSelection")),
            path,
        }
    }

    fn calculation(&mut self, value: &Object, path: String) -> Calculation {
        Calculation {
            name: self.string(value, &path, "displayName"),
            expression: self.located(value, &path, "expression").unwrap_or_default(),
            path,
        }
    }

    fn page(&mut self, value: &Object, path: String) -> Page {
        let name = self.string(value, &path, "name");
        Page {
            display_name: self.label(value, &path, &name),
            name,
            kind: match value.get("pageType").and_then(Value::as_str) {
                Some("PAGE_TYPE_GLOBAL_FILTERS") => PageKind::GlobalFilters,
                _ => PageKind::Canvas,
            },
            columns: if value.get("layoutVersion").and_then(Value::as_str) == Some("GRID_V1") { 12 } else { 6 },
            widgets: self.objects(value, &path, "layout", Self::placed).into_iter().flatten().collect(),
            path,
        }
    }

    fn placed(&mut self, value: &Object, path: String) -> Option<Widget> {
        let path = child(&path, "widget");
        let widget = value.get("widget").unwrap_or(&Value::Null);
        let widget = self.object(widget, &path, "`widget`")?;
        let place = value.get("position").unwrap_or(&Value::Null);
        // Generated files write `w` and `h`, which is easy to understand.
        let number = |keys: [&str; 2]| {
            let found = keys.iter().find_map(|key| place.get(*key).and_then(Value::as_u64));
            found.map(|number| u32::try_from(number).unwrap_or(u32::MAX))
        };
        let position = Position {
            x: number(["x", "x"]).unwrap_or(0),
            y: number(["y", "y"]).unwrap_or(0),
            width: number(["width", "w"]).unwrap_or(1),
            height: number(["height", "h"]).unwrap_or(1),
        };
        let kind = self.widget_kind(widget, &path);
        Some(Widget {
            name: self.string(widget, &path, "name"),
            position,
            kind,
            queries: self.objects(widget, &path, "queries", Self::query),
            path,
        })
    }

    fn widget_kind(&mut self, widget: &Object, path: &str) -> WidgetKind {
        if let Some(text) = widget.get("multilineTextboxSpec").and_then(Value::as_object) {
            let path = child(path, "multilineTextboxSpec");
            return WidgetKind::Text(self.located(text, &path, "lines").unwrap_or_default().text().to_owned());
        }
        if widget.get("textbox_spec").is_some_and(|text| !text.is_null()) {
            return WidgetKind::Text(self.string(widget, path, "textbox_spec"));
        }
        let Some(json) = widget.get("spec").filter(|spec| !spec.is_null()) else {
            return WidgetKind::Unknown;
        };
        let path = child(path, "spec");
        let Some(members) = self.object(json, &path, "`spec`") else {
            return WidgetKind::Unknown;
        };
        let spec = Spec {
            widget_type: self.string(members, &path, "widgetType"),
            version: members.get("version").and_then(Value::as_i64),
            json: json.clone(),
        };
        if members.contains_key("viz_spec") || members.contains_key("dashboard_parameter_spec") {
            WidgetKind::Legacy(spec)
        } else if spec.widget_type.starts_with("filter-") || spec.widget_type == "range-slider" {
            WidgetKind::Filter(spec)
        } else {
            WidgetKind::Visualization(spec)
        }
    }

    fn query(&mut self, value: &Object, path: String) -> Query {
        let name = self.string(value, &path, "name");
        let path = child(&path, "query");
        let empty = Map::new();
        let query = match value.get("query") {
            Some(query) => self.object(query, &path, "`query`").unwrap_or(&empty),
            None => &empty,
        };
        let fields = query.get("fields").is_some_and(|fields| !fields.is_null());
        Query {
            name,
            dataset: self.string(query, &path, "datasetName"),
            fields: fields.then(|| self.objects(query, &path, "fields", Self::field)),
            filters: self.objects(query, &path, "filters", |reader, value, path| {
                reader.located(value, &path, "expression").unwrap_or_default()
            }),
            orders: self.objects(query, &path, "orders", |reader, value, path| Sort {
                expression: reader.located(value, &path, "expression").unwrap_or_default(),
                descending: value.get("direction").and_then(Value::as_str) == Some("DESC"),
            }),
            parameters: self.objects(query, &path, "parameters", |reader, value, path| ParameterBinding {
                name: reader.string(value, &path, "name"),
                keyword: reader.string(value, &path, "keyword"),
            }),
            parameter_values: self.objects(query, &path, "parameterValues", |reader, value, path| {
                (reader.string(value, &path, "keyword"), selection(value.get("selection")))
            }),
            disaggregated: query.get("disaggregated").and_then(Value::as_bool).unwrap_or(false),
            path,
        }
    }

    fn field(&mut self, value: &Object, path: String) -> Field {
        Field {
            name: self.string(value, &path, "name"),
            expression: self.located(value, &path, "expression").unwrap_or_default(),
            path,
        }
    }
}

/// Reads a selection in any of its forms; what is not understood means "all".
pub(super) fn selection(value: Option<&Value>) -> Selection {
    let Some(value) = value else { return Selection::All };
    let kind = |part: &Value| data_type(part["dataType"].as_str().unwrap_or_default());
    if let Some(values) = value["values"]["values"].as_array() {
        let texts = values.iter().filter_map(|value| scalar(&value["value"])).collect();
        return Selection::Values(kind(&value["values"]), texts);
    }
    if value["range"].is_object() {
        let end = |name: &str| scalar(&value["range"][name]["value"]).filter(|text| !text.is_empty());
        return Selection::Range(kind(&value["range"]), end("min"), end("max"));
    }
    Selection::All
}

/// Values in selections are strings; numbers and booleans are read as what they mean.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn data_type(name: &str) -> DataType {
    match name {
        "DATE" => DataType::Date,
        "DATETIME" => DataType::DateTime,
        "DECIMAL" | "DOUBLE" => DataType::Decimal,
        "INTEGER" => DataType::Integer,
        _ => DataType::String,
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
