//! Checks of a dashboard's structure: references, names, types and versions, the grid, cut SQL.
//!
//! An error is what certainly does not work: a reference that leads nowhere, a type or version that is known to show
//! nothing. A warning is what a workspace accepts and probably nobody meant. A note is the rest, such as what is not known
//! here: new types and versions appear without notice.

use std::collections::HashMap;

use super::file::LvDash;
use super::model::{Dataset, DatasetSource, PageKind, Query, Spec, Widget, WidgetKind};
use super::{grid, kinds, texts};
use crate::diag::{Diagnostic, Diagnostics, did_you_mean};

/// Among so many datasets one is looked for that may have been meant: no honest dashboard has a tenth of them.
const MOST_NEAR: usize = 1_000;

/// Checks a dashboard.
pub(super) fn check(dash: &LvDash) -> Diagnostics {
    let mut checker = Checker { dash, asked: dash.queries_by_dataset(), found: Diagnostics::new() };
    checker.unique("dataset", dash.datasets.iter().map(|d| (d.name.as_str(), d.path.as_str(), "name")));
    checker.unique("page", dash.pages.iter().map(|p| (p.name.as_str(), p.path.as_str(), "name")));
    checker.unique("widget", dash.widgets().map(|(_, w)| (w.name.as_str(), w.path.as_str(), "name")));
    checker.global_filters();
    for dataset in &dash.datasets {
        checker.dataset(dataset);
    }
    for page in &dash.pages {
        grid::check(&mut checker, page);
        for widget in &page.widgets {
            checker.widget(widget);
        }
    }
    checker.found
}

pub(super) struct Checker<'a> {
    pub(super) dash: &'a LvDash,
    /// The queries over each dataset, by its name.
    pub(super) asked: HashMap<&'a str, Vec<(&'a Widget, &'a Query)>>,
    pub(super) found: Diagnostics,
}

impl Checker<'_> {
    /// Reports names that come twice: each with the JSON pointer of what has it, and the key that it stands at.
    fn unique<'n>(&mut self, what: &str, names: impl Iterator<Item = (&'n str, &'n str, &'n str)>) {
        let mut seen: HashMap<&str, &str> = HashMap::new();
        for (name, path, key) in names.filter(|(name, _, _)| !name.is_empty()) {
            let Some(first) = seen.insert(name, path) else { continue };
            let message = format!("two {what}s are named `{name}`");
            // Nothing refers to widgets, so two of one name are drawn all the same.
            let diagnostic = match what {
                "widget" => Diagnostic::warning("duplicate-name", message),
                _ => Diagnostic::error("duplicate-name", message),
            };
            self.found.push(
                diagnostic
                    .at(self.dash.span(&format!("{path}/{key}")))
                    .related(self.dash.span(&format!("{first}/{key}")), "the other one is here")
                    .help(format!("Give each {what} a name of its own.")),
            );
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
        if dataset.label_is_empty(self.dash) {
            let message = format!("the dataset `{}` has an empty `displayName`", dataset.name);
            self.found.push(
                Diagnostic::error("dataset-name", message)
                    .at(self.dash.span(&format!("{}/displayName", dataset.path)))
                    .help("A workspace refuses such a dashboard. Say what the dataset holds."),
            );
        }
        for key in ["catalog", "schema"] {
            let own = if key == "catalog" { &dataset.catalog } else { &dataset.schema };
            let Some(own) = own else { continue };
            let message = format!("the dataset `{}` has a `{key}` of its own, `{own}`", dataset.display_name);
            self.found.push(
                Diagnostic::warning("hard-coded-catalog", message)
                    .at(self.dash.span(&format!("{}/{key}", dataset.path)))
                    .help("Take it out: a deploy sets the environment's for all datasets."),
            );
        }
        if !self.asked.contains_key(dataset.name.as_str()) && !dataset.name.is_empty() {
            self.found.push(
                Diagnostic::note("unused-dataset", format!("no widget uses the dataset `{}`", dataset.display_name))
                    .at(self.dash.span(&format!("{}/name", dataset.path)))
                    .help("Remove it, or draw it."),
            );
        }
        let keywords = dataset.parameters.iter().map(|p| (p.keyword.as_str(), p.path.as_str(), "keyword"));
        self.unique("parameter", keywords);
        let calculations = dataset.calculations.iter().map(|c| (c.name.as_str(), c.path.as_str(), "displayName"));
        self.unique("calculation", calculations);
        texts::check(self, dataset);
    }

    fn global_filters(&mut self) {
        let mut pages = self.dash.pages.iter().filter(|page| page.kind == PageKind::GlobalFilters);
        let (Some(first), Some(second)) = (pages.next(), pages.next()) else { return };
        let message = format!("`{}` is a second page of global filters", second.display_name);
        self.found.push(
            Diagnostic::warning("global-filters", message)
                .at(self.dash.span(&format!("{}/pageType", second.path)))
                .related(self.dash.span(&format!("{}/pageType", first.path)), "the first one is here")
                .help("A dashboard has one: move the filters to it."),
        );
    }

    fn widget(&mut self, widget: &Widget) {
        for query in &widget.queries {
            self.query(widget, query);
        }
        match &widget.kind {
            WidgetKind::Visualization(spec) => {
                kinds::check(self, widget, spec);
                self.drawn_fields(widget);
            }
            WidgetKind::Filter(spec) => {
                kinds::check(self, widget, spec);
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
        let by_label = self.dash.datasets.iter().take(MOST_NEAR).find(|set| set.display_name == query.dataset);
        let help = match by_label {
            Some(dataset) => format!("That is a display name; refer to the dataset by its name, `{}`.", dataset.name),
            // So many are not shown, and near names are costly to find.
            None if self.found.len() > MOST_NEAR => {
                "Add the dataset, or point the widget at one that exists.".to_owned()
            }
            None => {
                match did_you_mean(&query.dataset, self.dash.datasets.iter().take(MOST_NEAR).map(|d| d.name.as_str())) {
                    Some(near) => format!("Did you mean `{near}`?"),
                    None => "Add the dataset, or point the widget at one that exists.".to_owned(),
                }
            }
        };
        let span = self.dash.span(&format!("{}/datasetName", query.path));
        self.found.push(Diagnostic::error("unknown-dataset", message).at(span).help(help));
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
