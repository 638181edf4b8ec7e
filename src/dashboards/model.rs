//! The typed view of a dashboard: what of the format this crate understands.

use serde_json::Value;

use super::located::Located;

/// A query or table that widgets read from.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The identifier that queries use.
    pub name: String,
    /// The label in the editor.
    pub display_name: String,
    /// Where its rows come from.
    pub source: DatasetSource,
    /// Default catalog for unqualified names in its SQL.
    pub catalog: Option<String>,
    /// Default schema for unqualified names in its SQL.
    pub schema: Option<String>,
    /// The values that its SQL expects as `:keyword`.
    pub parameters: Vec<Parameter>,
    /// Custom calculations: measures and calculated dimensions.
    pub calculations: Vec<Calculation>,
    /// JSON pointer of the dataset.
    pub path: String,
}

/// Where a dataset's rows come from.
#[derive(Clone, Debug)]
pub enum DatasetSource {
    /// SQL text (`queryLines` or `query`), joined.
    Sql(Located),
    /// A table, view or metric view (`asset_name`), read whole.
    Asset(Located),
    /// An embedded metric view (`config`), as it stands.
    MetricView(Value),
    /// None of them.
    Missing,
}

/// The type of a parameter or of a selected value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// Text; also every type name that is not known.
    String,
    /// A day.
    Date,
    /// An instant.
    DateTime,
    /// A number with decimals.
    Decimal,
    /// A whole number.
    Integer,
}

/// A value that a dataset's SQL expects as `:keyword`.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The name after the colon.
    pub keyword: String,
    /// The label.
    pub display_name: String,
    /// The type of its values.
    pub data_type: DataType,
    /// One value, a list or a range.
    pub kind: ParameterKind,
    /// What it is when nobody has chosen.
    pub default: Selection,
    /// JSON pointer of the parameter.
    pub path: String,
}

/// How many values a parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// One value.
    One,
    /// A list, bound as a SQL array.
    Many,
    /// `:p.min` and `:p.max`.
    Range,
}

/// What somebody chose, or a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Nothing, which means all.
    All,
    /// These values.
    Values(DataType, Vec<String>),
    /// From one value to another, both included; `None` is an open end.
    Range(DataType, Option<String>, Option<String>),
}

/// A custom calculation of a dataset.
#[derive(Clone, Debug)]
pub struct Calculation {
    /// The name that field expressions use.
    pub name: String,
    /// Its SQL expression; a measure if it aggregates.
    pub expression: Located,
    /// JSON pointer of the calculation.
    pub path: String,
}

/// A page of widgets.
#[derive(Clone, Debug)]
pub struct Page {
    /// The identifier.
    pub name: String,
    /// The title on its tab.
    pub display_name: String,
    /// A canvas, or the panel of global filters.
    pub kind: PageKind,
    /// Width of its grid in columns: 12 with `GRID_V1`, else 6.
    pub columns: u32,
    /// Its widgets in the file's order.
    pub widgets: Vec<Widget>,
    /// JSON pointer of the page.
    pub path: String,
}

/// What a page is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageKind {
    /// Widgets on a grid.
    Canvas,
    /// The side panel whose filters act on every page.
    GlobalFilters,
}

/// A place on a page's grid, in grid units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// First column, from 0.
    pub x: u32,
    /// First row, from 0.
    pub y: u32,
    /// Width in columns.
    pub width: u32,
    /// Height in rows.
    pub height: u32,
}

/// A tile of a page.
#[derive(Clone, Debug)]
pub struct Widget {
    /// The identifier, unique in the file.
    pub name: String,
    /// Where it lies.
    pub position: Position,
    /// What it is.
    pub kind: WidgetKind,
    /// What it reads.
    pub queries: Vec<Query>,
    /// JSON pointer of the widget.
    pub path: String,
}

/// What a widget is.
#[derive(Clone, Debug)]
pub enum WidgetKind {
    /// A chart, table, counter or anything else that draws its query's rows.
    Visualization(Spec),
    /// A control that filters other widgets.
    Filter(Spec),
    /// Markdown text, joined.
    Text(String),
    /// Converted from the older SQL dashboards (version 0): drawn as a table.
    Legacy(Spec),
    /// Neither a `spec` nor a text.
    Unknown,
}

/// A widget's `spec`, kept as it stands; typed where it is the same for all widgets.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The type's name; empty where it is missing.
    pub widget_type: String,
    /// The version, which with the type selects the schema.
    pub version: Option<i64>,
    /// The whole object.
    pub json: Value,
}

impl Spec {
    /// Returns the title, if one is to be shown.
    pub fn title(&self) -> Option<&str> {
        self.frame_text("showTitle", "title")
    }

    /// Returns the description, if one is to be shown.
    pub fn description(&self) -> Option<&str> {
        self.frame_text("showDescription", "description")
    }

    /// Returns the `encodings`, or null.
    pub fn encodings(&self) -> &Value {
        &self.json["encodings"]
    }

    fn frame_text(&self, shown: &str, text: &str) -> Option<&str> {
        let frame = &self.json["frame"];
        let text = frame[text].as_str()?;
        (frame[shown].as_bool() == Some(true) && !text.trim().is_empty()).then_some(text)
    }
}

/// A named query of a widget.
#[derive(Clone, Debug)]
pub struct Query {
    /// The name that encodings of filters refer to; `main_query` for a visualization.
    pub name: String,
    /// The dataset's name.
    pub dataset: String,
    /// Result columns; `None` where the key is missing, which means all columns of the dataset.
    pub fields: Option<Vec<Field>>,
    /// Boolean SQL over the dataset's columns, all of which must hold.
    pub filters: Vec<Located>,
    /// Order of the rows.
    pub orders: Vec<Sort>,
    /// Dataset parameters that a filter widget sets.
    pub parameters: Vec<ParameterBinding>,
    /// Fixed values for dataset parameters, for this widget only.
    pub parameter_values: Vec<(String, Selection)>,
    /// A plain SELECT instead of a grouping one.
    pub disaggregated: bool,
    /// JSON pointer of the query (the inner object).
    pub path: String,
}

/// A result column of a widget's query.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its alias, which encodings use as `fieldName`.
    pub name: String,
    /// Its SQL over the dataset's columns.
    pub expression: Located,
    /// JSON pointer of the field.
    pub path: String,
}

/// One key of a query's order.
#[derive(Clone, Debug)]
pub struct Sort {
    /// SQL over dataset columns or field expressions.
    pub expression: Located,
    /// Largest first.
    pub descending: bool,
}

/// A dataset parameter that a filter widget sets.
#[derive(Clone, Debug)]
pub struct ParameterBinding {
    /// The name that the widget's encodings use as `parameterName`.
    pub name: String,
    /// The dataset parameter's keyword.
    pub keyword: String,
}

/// A use of a query's field by a widget's encodings.
#[derive(Clone, Debug)]
pub struct FieldReference {
    /// The `fieldName`.
    pub name: String,
    /// The `queryName`, which filters write.
    pub query: Option<String>,
    /// JSON pointer of the `fieldName`.
    pub path: String,
}

impl Selection {
    /// Reads the default of a filter widget from its `spec`: of the whole widget, or of its first binding that has one.
    pub fn of_filter(spec: &Value) -> Self {
        let whole = super::read::selection(spec["selection"].get("defaultSelection"));
        let bindings = spec["encodings"]["fields"].as_array().into_iter().flatten();
        let own = bindings.map(|binding| super::read::selection(binding.get("defaultSelection")));
        std::iter::once(whole).chain(own).find(|selection| *selection != Self::All).unwrap_or(Self::All)
    }
}

impl Dataset {
    /// Tells whether its label is there and says nothing.
    pub(super) fn label_is_empty(&self, dash: &super::LvDash) -> bool {
        let label = dash.json().pointer(&format!("{}/displayName", self.path));
        label.and_then(Value::as_str).is_some_and(|label| label.trim().is_empty())
    }

    /// Returns the SQL text, where the dataset has one.
    pub fn sql(&self) -> Option<&Located> {
        match &self.source {
            DatasetSource::Sql(sql) => Some(sql),
            _ => None,
        }
    }
}

impl Widget {
    /// Returns the spec of a widget that has one.
    pub fn spec(&self) -> Option<&Spec> {
        match &self.kind {
            WidgetKind::Visualization(spec) | WidgetKind::Filter(spec) | WidgetKind::Legacy(spec) => Some(spec),
            WidgetKind::Text(_) | WidgetKind::Unknown => None,
        }
    }

    /// Returns the title a person would know the widget by, or else its name.
    pub fn label(&self) -> &str {
        let written = self.spec().and_then(|spec| spec.json["frame"]["title"].as_str());
        written.map(str::trim).filter(|title| !title.is_empty()).unwrap_or(&self.name)
    }

    /// Returns the fields that the encodings use and that the widget's queries have to provide.
    pub fn field_references(&self) -> Vec<FieldReference> {
        let mut found = Vec::new();
        if let Some(spec) = self.spec() {
            let path = format!("{}/spec/encodings", self.path);
            collect_references(spec.encodings(), &path, &mut found);
        }
        found
    }
}

/// Collects the `fieldName`s of an encoding and of what it contains.
fn collect_references(value: &Value, path: &str, found: &mut Vec<FieldReference>) {
    match value {
        Value::Object(members) => {
            if let Some(name) = members.get("fieldName").and_then(Value::as_str) {
                let query = members.get("queryName").and_then(Value::as_str).map(str::to_owned);
                found.push(FieldReference { name: name.to_owned(), query, path: format!("{path}/fieldName") });
            }
            // Invisible columns are not part of the query; a scale sorts by fields that need not be shown.
            for (key, inner) in members.iter().filter(|(key, _)| !matches!(key.as_str(), "invisibleColumns" | "scale"))
            {
                collect_references(inner, &crate::config::pointer::child(path, key), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect_references(item, &format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}
