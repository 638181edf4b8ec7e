//! Which widgets a workspace draws: types, their versions, and what is drawn wrongly or not at all.

use super::check::Checker;
use super::model::{Spec, Widget};
use crate::diag::{Diagnostic, did_you_mean};

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

/// Versions that are written by mistake: a workspace takes them without a word, and shows nothing. Any other version that
/// is not among [`TYPES`] may be a new one.
const DEAD_VERSIONS: &[(&str, i64)] =
    &[("area", 2), ("bar", 2), ("counter", 3), ("line", 2), ("pie", 2), ("pivot", 2), ("scatter", 2), ("table", 3)];

/// Types that are made up and that no workspace has, with the one that was meant.
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

/// Charts whose two axes must say their scale: the editor replaces one that does not by its default.
const WITH_SCALES: &[&str] = &["area", "bar", "line", "scatter"];

/// Checks a widget's type and version, and that it draws something.
pub(super) fn check(checker: &mut Checker<'_>, widget: &Widget, spec: &Spec) {
    let path = format!("{}/spec", widget.path);
    let Some((name, versions)) = TYPES.iter().find(|(name, _)| *name == spec.widget_type) else {
        return unknown_type(checker, widget, spec, &path);
    };
    if !spec.version.is_some_and(|version| versions.contains(&version)) {
        let written = spec.version.map_or("no version".to_owned(), |version| format!("version {version}"));
        let wanted = versions.iter().map(i64::to_string).collect::<Vec<_>>().join(" or ");
        let message =
            format!("the widget `{}` is a `{name}` of {written}; a workspace draws version {wanted}", widget.label());
        let dead = spec.version.is_none_or(|version| DEAD_VERSIONS.contains(&(name, version)));
        let diagnostic = match dead {
            true => Diagnostic::error("widget-version", message),
            false => Diagnostic::warning("widget-version", message),
        };
        let help = format!("Write `\"version\": {}`.", versions.last().copied().unwrap_or(1));
        return checker.found.push(diagnostic.at(checker.dash.span(&format!("{path}/version"))).help(help));
    }
    if spec.encodings().is_null() || widget.field_references().is_empty() && !is_filter(spec) {
        let message = format!("the widget `{}` draws no field", widget.label());
        let help = "Name fields of its query in its `encodings`.";
        let place = checker.dash.span(&format!("{path}/encodings"));
        return checker.found.push(Diagnostic::error("no-fields", message).at(place).help(help));
    }
    for axis in ["x", "y"] {
        let encoding = &spec.encodings()[axis];
        let drawn = ["fieldName", "fields"].iter().any(|key| !encoding[key].is_null());
        if WITH_SCALES.contains(name) && drawn && encoding["scale"]["type"].is_null() {
            let message = format!("the widget `{}` has an axis `{axis}` without a scale", widget.label());
            let help = "Add `\"scale\": {\"type\": …}`: `quantitative`, `categorical` or `temporal`.";
            let place = checker.dash.span(&format!("{path}/encodings/{axis}"));
            checker.found.push(Diagnostic::warning("missing-scale", message).at(place).help(help));
        }
    }
}

fn is_filter(spec: &Spec) -> bool {
    spec.widget_type.starts_with("filter-") || spec.widget_type == "range-slider"
}

fn unknown_type(checker: &mut Checker<'_>, widget: &Widget, spec: &Spec, path: &str) {
    let (label, name) = (widget.label(), &spec.widget_type);
    let place = checker.dash.span(&format!("{path}/widgetType"));
    let invented = INVENTED.iter().find(|(invented, _)| invented == name).map(|(_, meant)| *meant);
    let near = || did_you_mean(name, TYPES.iter().map(|(name, _)| *name));
    let diagnostic = if name.is_empty() {
        Diagnostic::error("widget-type", format!("the widget `{label}` has no type"))
            .help("Say what it is: `\"widgetType\": \"bar\"`, with its `version`.")
    } else if let Some(meant) = invented {
        Diagnostic::error("widget-type", format!("the widget `{label}` has the type `{name}`, which no workspace has"))
            .help(format!("Did you mean `{meant}`?"))
    } else if let Some(near) = near() {
        Diagnostic::warning("widget-type", format!("the widget `{label}` has the unknown type `{name}`"))
            .help(format!("Did you mean `{near}`?"))
    } else {
        // New types appear without notice. What is not known is kept as it is.
        Diagnostic::note("widget-type", format!("the widget `{label}` has the type `{name}`, which is not known here"))
            .help("It is deployed as it is. A workspace that does not know it either shows it as invalid.")
    };
    checker.found.push(diagnostic.at(place));
}
