//! The queries of a dashboard over its datasets' names, for tracing fields back: what a widget runs has the dataset's SQL
//! in it, here the dataset is a table of that name.

use super::calc::{quote, translate};
use super::file::LvDash;
use super::model::{Dataset, DatasetSource};
use super::widget_sql::{Source, active_filters, dataset_sql, metric_view, query_over};

/// A query of a widget over the name of its dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldQuery {
    /// JSON pointer of the widget.
    pub widget: String,
    /// The dataset's name.
    pub dataset: String,
    /// One Databricks SQL query; a column for each of the widget's fields.
    pub sql: String,
}

/// What a dataset offers, as queries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetQueries {
    /// Its own rows; none where it has no query of its own, as an embedded metric view.
    pub rows: Option<String>,
    /// Its calculations: the name and a query of one column over the dataset's name.
    pub calculations: Vec<(String, String)>,
}

/// Returns the queries of all widgets, those of filters too, each over the name of its dataset.
pub fn field_queries(dash: &LvDash) -> Vec<FieldQuery> {
    dash.queries()
        .filter_map(|(page, widget, query)| {
            let dataset = dash.dataset(&query.dataset)?;
            let filters = active_filters(dash, page, dataset);
            let sql = query_over(&by_name(dataset), dataset, query, &filters);
            Some(FieldQuery { widget: widget.path.clone(), dataset: dataset.name.clone(), sql })
        })
        .collect()
}

/// Returns a dataset's rows and calculations as queries.
pub fn dataset_queries(dataset: &Dataset) -> DatasetQueries {
    let view = match &dataset.source {
        DatasetSource::MetricView(config) => metric_view(config, dataset),
        _ => None,
    };
    let is_view = view.is_some();
    let view = view.unwrap_or_else(|| Source { calculations: dataset.calculations.clone(), ..by_name(dataset) });
    let query = |at: usize| {
        let calculation = &view.calculations[at];
        // Within its own expression a calculation's name means the column that it hides; a view's tables have no others.
        let mut others = if is_view { view.calculations.clone() } else { Vec::new() };
        others.retain(|other| other.name != calculation.name);
        let expression = translate(calculation.expression.text(), &others).sql;
        (calculation.name.clone(), format!("SELECT {expression} AS {} FROM {}", quote(&calculation.name), view.from))
    };
    DatasetQueries { rows: dataset_sql(dataset), calculations: (0..view.calculations.len()).map(query).collect() }
}

/// A dataset as a table of its name. Its calculations are columns of that table.
fn by_name(dataset: &Dataset) -> Source {
    Source { from: format!("{} AS q", quote(&dataset.name)), filter: None, calculations: Vec::new() }
}
