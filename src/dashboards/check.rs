//! Checks of a dashboard's structure: references, names, types and versions, the grid, cut SQL.
//!
//! An error is a reference that leads nowhere: a widget or filter that certainly does not work. A warning is what a
//! workspace accepts and then draws wrongly, or what this crate does not know; new types and versions appear without
//! notice, so those are never errors.

use std::collections::HashMap;

use super::bind::mentions;
use super::file::LvDash;
use super::model::{Dataset, DatasetSource, Page, PageKind, Query, Spec, Widget, WidgetKind};
use crate::diag::{Diagnostic, Diagnostics, did_you_mean};

/// Widget types with the versions that a workspace draws.
const TYPES: &[(&str, &[i64])] = &[
    ("area", &[3]),
    ("bar", &[3]),
    ("box", &[1, 3]),
    ("choropleth-map", &[1]),
    ("combo", &[1]),
    ("counter", &[2]),
    ("custom-vega-viz", &[1]),
    ("details", &[1]),
    ("filter-date-picker", &[2]),
    ("filter-date-range-picker", &[2]),
    ("filter-multi-select", &[2]),
    ("filter-single-select", &[2]),
    ("filter-text-entry", &[2]),
    ("forecast-line", &[1]),
    ("funnel", &[1]),
    ("heatmap", &[3]),
    ("histogram", &[3]),
    ("line", &[3]),
    ("pie", &[3]),
    ("pivot", &[3]),
    ("range-slider", &[2]),
    ("sankey", &[1]),
    ("scatter", &[3]),
    ("symbol-map", &[2]),
    ("table", &[1, 2]),
    ("waterfall", &[1]),
    ("word-cloud", &[2]),
];

/// Names that generators make up, with the type that was meant.
const INVENTED: &[(&str, &str)] = &[
    ("area-chart", "area"),
    ("bar-chart", "bar"),
    ("choropleth", "choropleth-map"),
    ("filter", "filter-single-select"),
    ("gauge", "counter"),
    ("line-chart", "line"),
    ("pie-chart", "pie"),
    ("scatter-plot", "scatter"),
];

/// Checks a dashboard.
pub(super) fn check(dash: &LvDash) -> Diagnostics {
    let mut checker = Checker { dash, found: Diagnostics::new() };
    checker.unique("dataset", dash.datasets.iter().map(|d| (d.name.as_str(), d.path.as_str())));
    checker.unique("page", dash.pages.iter().map(|p| (p.name.as_str(), p.path.as_str())));
    checker.unique("widget", dash.widgets().map(|(_, w)| (w.name.as_str(), w.path.as_str())));
    for dataset in &dash.datasets {
        checker.dataset(dataset);
    }
    for page in &dash.pages {
        checker.page(page);
        for widget in &page.widgets {
            checker.widget(widget);
        }
    }
    checker.found
}

struct Checker<'a> {
    dash: &'a LvDash,
    found: Diagnostics,
}

impl Checker<'_> {
    fn unique<'n>(&mut self, what: &str, names: impl Iterator<Item = (&'n str, &'n str)>) {
        let mut seen: HashMap<&str, &str> = HashMap::new();
        for (name, path) in names.filter(|(name, _)| !name.is_empty()) {
            if let Some(first) = seen.insert(name, path) {
                let message = format!("two {what}s are named `{name}`");
                // Nothing refers to widgets, so two of one name are drawn all the same.
                let diagnostic = match what {
                    "widget" => Diagnostic::warning("duplicate-name", message),
                    _ => Diagnostic::error("duplicate-name", message),
                };
                self.found.push(
                    diagnostic
                        .at(self.dash.span(&format!("{path}/name")))
                        .related(self.dash.span(&format!("{first}/name")), "the other one is here")
                        .help(format!("Give each {what} a name of its own.")),
                );
            }
        }
    }

    fn dataset(&mut self, dataset: &Dataset) {
        if matches!(dataset.source, DatasetSource::Missing) {
            self.found.push(
                Diagnostic::error("dataset-source", format!("the dataset `{}` has no query", dataset.display_name))
                    .at(self.dash.span(&dataset.path))
                    .help("Give it `queryLines` with its SQL, or `asset_name` with the name of a table."),
            );
        }
        self.glued_lines(dataset);
        let Some(sql) = dataset.sql() else { return };
        let mentioned = mentions(sql.text());
        for parameter in &dataset.parameters {
            if !mentioned.iter().any(|mention| mention.keyword == parameter.keyword) {
                let message = format!(
                    "the parameter `{}` of dataset `{}` is not used by its SQL",
                    parameter.keyword, dataset.display_name
                );
                self.found.push(
                    Diagnostic::warning("unused-parameter", message)
                        .at(self.dash.span(&format!("{}/keyword", parameter.path)))
                        .help(format!("Use it as `:{}`, or remove it with its filter.", parameter.keyword)),
                );
            }
        }
    }

    /// Finds elements of `queryLines` that run into each other for want of a line end.
    fn glued_lines(&mut self, dataset: &Dataset) {
        let path = format!("{}/queryLines", dataset.path);
        let lines = self.dash.json().pointer(&path).and_then(|lines| lines.as_array());
        let lines: Vec<&str> = lines.into_iter().flatten().filter_map(|line| line.as_str()).collect();
        let word = |c: char| c.is_alphanumeric() || c == '_';
        for (index, pair) in lines.windows(2).enumerate() {
            let [before, after] = pair else { continue };
            let (Some(last), Some(first)) = (before.chars().last(), after.chars().next()) else { continue };
            let last_line = before.rsplit('\n').next().unwrap_or(before);
            let comment = last_line.contains("--") && last_line.trim_start().starts_with("--") && last != '\n';
            let joined = word(last) && word(first);
            if !comment && !joined {
                continue;
            }
            let what = if comment {
                "a comment without a line end swallows the line after it".to_owned()
            } else {
                let left: String = before.chars().rev().take_while(|c| word(*c)).collect();
                let right: String = after.chars().take_while(|c| word(*c)).collect();
                format!("two lines of SQL run together as `{}{right}`", left.chars().rev().collect::<String>())
            };
            self.found.push(
                Diagnostic::warning("glued-lines", format!("{what} in dataset `{}`", dataset.display_name))
                    .at(self.dash.span(&format!("{path}/{index}")))
                    .help("The elements of `queryLines` are joined as they are: end each of them with `\\n`."),
            );
            // One report a dataset: whoever wrote it did so throughout.
            return;
        }
    }

    fn page(&mut self, page: &Page) {
        let right = |widget: &Widget| widget.position.x.saturating_add(widget.position.width);
        let Some(widget) = page.widgets.iter().find(|widget| right(widget) > page.columns) else { return };
        if page.kind == PageKind::GlobalFilters {
            return;
        }
        let place = widget.path.trim_end_matches("/widget");
        let message = format!(
            "the page `{}` has {} columns, but the widget `{}` reaches to column {}",
            page.display_name,
            page.columns,
            widget.label(),
            right(widget)
        );
        let help = if page.columns == 6 {
            "Add `\"layoutVersion\": \"GRID_V1\"` to the page for a grid of 12 columns."
        } else {
            "Keep `x + width` within 12."
        };
        let span = self.dash.span(&format!("{place}/position"));
        self.found.push(Diagnostic::warning("outside-grid", message).at(span).help(help));
    }

    fn widget(&mut self, widget: &Widget) {
        for query in &widget.queries {
            self.query(widget, query);
        }
        match &widget.kind {
            WidgetKind::Visualization(spec) => {
                self.spec_type(widget, spec);
                self.drawn_fields(widget);
            }
            WidgetKind::Filter(spec) => {
                self.spec_type(widget, spec);
                self.bindings(widget, spec);
            }
            WidgetKind::Unknown => self.found.push(
                Diagnostic::warning(
                    "widget-kind",
                    format!("the widget `{}` has neither a spec nor a text", widget.name),
                )
                .at(self.dash.span(&widget.path))
                .help("Give it `queries` and `spec`, or `multilineTextboxSpec`."),
            ),
            WidgetKind::Text(_) | WidgetKind::Legacy(_) => {}
        }
    }

    fn query(&mut self, widget: &Widget, query: &Query) {
        if query.dataset.is_empty() || self.dash.dataset(&query.dataset).is_some() {
            return;
        }
        let message =
            format!("the widget `{}` reads the dataset `{}`, which does not exist", widget.label(), query.dataset);
        let by_label = self.dash.datasets.iter().find(|dataset| dataset.display_name == query.dataset);
        let help = match by_label {
            Some(dataset) => format!("That is a display name; refer to the dataset by its name, `{}`.", dataset.name),
            None => match did_you_mean(&query.dataset, self.dash.datasets.iter().map(|d| d.name.as_str())) {
                Some(near) => format!("Did you mean `{near}`?"),
                None => "Add the dataset, or point the widget at one that exists.".to_owned(),
            },
        };
        let span = self.dash.span(&format!("{}/datasetName", query.path));
        self.found.push(Diagnostic::error("unknown-dataset", message).at(span).help(help));
    }

    fn spec_type(&mut self, widget: &Widget, spec: &Spec) {
        let known = TYPES.iter().find(|(name, _)| *name == spec.widget_type);
        let path = format!("{}/spec", widget.path);
        match known {
            Some((name, versions)) if !spec.version.is_some_and(|version| versions.contains(&version)) => {
                let written = spec.version.map_or("no version".to_owned(), |version| format!("version {version}"));
                let wanted = versions.iter().map(i64::to_string).collect::<Vec<_>>().join(" or ");
                let message = format!(
                    "the widget `{}` is a `{name}` of {written}; a workspace draws version {wanted}",
                    widget.label()
                );
                self.found.push(
                    Diagnostic::warning("widget-version", message)
                        .at(self.dash.span(&format!("{path}/version")))
                        .help(format!("Write `\"version\": {}`.", versions.last().copied().unwrap_or(1))),
                );
            }
            Some(_) => {}
            None => {
                let message = format!("the widget `{}` has the unknown type `{}`", widget.label(), spec.widget_type);
                let meant = INVENTED.iter().find(|(name, _)| *name == spec.widget_type).map(|(_, meant)| *meant);
                let near = meant.or_else(|| did_you_mean(&spec.widget_type, TYPES.iter().map(|(name, _)| *name)));
                let diagnostic =
                    Diagnostic::warning("widget-type", message).at(self.dash.span(&format!("{path}/widgetType")));
                self.found.push(match near {
                    Some(near) => diagnostic.help(format!("Did you mean `{near}`?")),
                    None => diagnostic.help("A workspace shows such a widget as invalid; check its type."),
                });
            }
        }
    }

    /// Checks that the fields a visualization draws come from its query.
    fn drawn_fields(&mut self, widget: &Widget) {
        // A query without `fields` takes all columns of its dataset, which are not known here.
        if widget.queries.is_empty() || widget.queries.iter().any(|query| query.fields.is_none()) {
            return;
        }
        let provided: Vec<&str> =
            widget.queries.iter().flat_map(|q| q.fields.iter().flatten()).map(|f| f.name.as_str()).collect();
        for used in widget.field_references() {
            if provided.contains(&used.name.as_str()) {
                continue;
            }
            let message = format!(
                "the widget `{}` draws the field `{}`, which its query does not have",
                widget.label(),
                used.name
            );
            let help = match did_you_mean(&used.name, provided.iter().copied()) {
                Some(near) => format!("Did you mean `{near}`?"),
                None if provided.is_empty() => "Add it to the query's `fields`.".to_owned(),
                None => format!("The query has: {}.", provided.join(", ")),
            };
            self.found.push(Diagnostic::error("unknown-field", message).at(self.dash.span(&used.path)).help(help));
        }
    }

    /// Checks what a filter is bound to.
    fn bindings(&mut self, widget: &Widget, spec: &Spec) {
        let entries = spec.encodings()["fields"].as_array();
        let mut reported: Vec<&str> = Vec::new();
        for (index, entry) in entries.into_iter().flatten().enumerate() {
            let path = format!("{}/spec/encodings/fields/{index}", widget.path);
            let Some(query_name) = entry["queryName"].as_str() else { continue };
            let Some(query) = widget.queries.iter().find(|query| query.name == query_name) else {
                let message = format!(
                    "the filter `{}` refers to its query `{query_name}`, which it does not have",
                    widget.label()
                );
                self.found.push(
                    Diagnostic::error("unknown-query", message)
                        .at(self.dash.span(&format!("{path}/queryName")))
                        .help("Use the `name` of one of the widget's `queries`."),
                );
                continue;
            };
            if let Some(name) = entry["parameterName"].as_str() {
                self.bound_parameter(widget, query, name, &path);
            } else if let Some(name) = entry["fieldName"].as_str()
                && spec.widget_type != "range-slider"
                && !query.fields.iter().flatten().any(|field| field.name == name)
                && !reported.contains(&name)
            {
                // Once a name: a filter often has a binding for each of many datasets.
                reported.push(name);
                let message =
                    format!("the filter `{}` filters by `{name}`, which its query does not have", widget.label());
                self.found.push(
                    Diagnostic::error("unknown-field", message).at(self.dash.span(&format!("{path}/fieldName"))).help(
                        "Add the field to the query's `fields`; to set a parameter, bind it as `parameterName` and \
                             list it in the query's `parameters`.",
                    ),
                );
            }
        }
    }

    fn bound_parameter(&mut self, widget: &Widget, query: &Query, name: &str, path: &str) {
        let Some(binding) = query.parameters.iter().find(|parameter| parameter.name == name) else {
            let message =
                format!("the filter `{}` sets `{name}`, which is not among its query's parameters", widget.label());
            self.found.push(
                Diagnostic::error("unknown-parameter", message)
                    .at(self.dash.span(&format!("{path}/parameterName")))
                    .help("Use the `name` of an entry of the query's `parameters`."),
            );
            return;
        };
        let Some(dataset) = self.dash.dataset(&query.dataset) else { return };
        if !dataset.parameters.iter().any(|parameter| parameter.keyword == binding.keyword) {
            let message = format!(
                "the filter `{}` sets the parameter `{}`, which dataset `{}` does not declare",
                widget.label(),
                binding.keyword,
                dataset.display_name
            );
            let near = did_you_mean(&binding.keyword, dataset.parameters.iter().map(|p| p.keyword.as_str()));
            let span = self.dash.span(&format!("{}/parameters", query.path));
            let diagnostic = Diagnostic::error("unknown-parameter", message).at(span);
            self.found.push(match near {
                Some(near) => diagnostic.help(format!("Did you mean `{near}`?")),
                None => diagnostic.help("Declare it in the dataset's `parameters`, or remove the binding."),
            });
        }
    }
}
