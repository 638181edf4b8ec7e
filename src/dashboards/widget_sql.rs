//! The SQL that a widget runs: its fields over its dataset, with the defaults of parameters and filters in place.

use super::bind::{self, Bound, End};
use super::calc::{quote, translate};
use super::file::LvDash;
use super::model::{Calculation, Dataset, DatasetSource, Page, PageKind, Query, Selection, Widget, WidgetKind};
use super::read;

/// The query of a widget as a workspace would run it when the dashboard is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WidgetQuery {
    /// The page's name.
    pub page: String,
    /// The widget's name.
    pub widget: String,
    /// The query's name within the widget.
    pub query: String,
    /// JSON pointer of the query, which no other query of the file has: the key of its result.
    pub path: String,
    /// The dataset's name.
    pub dataset: String,
    /// Default catalog for unqualified names, where the dataset has one.
    pub catalog: Option<String>,
    /// Default schema for unqualified names, where the dataset has one.
    pub schema: Option<String>,
    /// One Databricks SQL query.
    pub sql: String,
    /// Names of the result's columns, in order; empty where the query takes all columns of its dataset.
    pub fields: Vec<String>,
}

/// Returns the queries of all widgets that draw rows, in the file's order. Filters and texts have none.
/// A query over a dataset that does not exist is left out; [`LvDash::check`] reports it.
pub fn widget_queries(dash: &LvDash) -> Vec<WidgetQuery> {
    let drawn = |kind: &WidgetKind| matches!(kind, WidgetKind::Visualization(_) | WidgetKind::Legacy(_));
    dash.queries()
        .filter(|(_, widget, _)| drawn(&widget.kind))
        .filter_map(|(page, widget, query)| {
            let dataset = dash.dataset(&query.dataset)?;
            let filters = active_filters(dash, page, dataset);
            Some(WidgetQuery {
                page: page.name.clone(),
                widget: widget.name.clone(),
                query: query.name.clone(),
                path: query.path.clone(),
                dataset: dataset.name.clone(),
                catalog: dataset.catalog.clone(),
                schema: dataset.schema.clone(),
                sql: query_sql(dataset, query, &filters, &totals(widget))?,
                fields: query.fields.iter().flatten().map(|field| field.name.clone()).collect(),
            })
        })
        .collect()
}

/// Returns the query that a widget runs over a dataset, without filters.
pub(super) fn widget_query(dataset: &Dataset, query: &Query) -> Option<String> {
    query_sql(dataset, query, &[], &Totals::default())
}

/// The column of a pivot's query that tells which fields a row is the total over: one bit for each, those of the rows first.
pub const TOTALS_FIELD: &str = "kiln_totals";

/// The totals that a pivot shows besides its cells.
#[derive(Default)]
pub(super) struct Totals {
    /// The names of the fields of its rows, and then of its columns.
    fields: Vec<String>,
    /// The fields that are left in each set of rows, by their places: all, and fewer for each total.
    sets: Vec<Vec<usize>>,
}

/// Reads which totals a widget shows.
fn totals(widget: &Widget) -> Totals {
    let WidgetKind::Visualization(spec) = &widget.kind else { return Totals::default() };
    if spec.widget_type != "pivot" {
        return Totals::default();
    }
    let mut fields = Vec::new();
    let mut sides: Vec<Vec<Vec<usize>>> = Vec::new();
    for key in ["rows", "columns"] {
        let first = fields.len();
        let encodings = spec.encodings()[key].as_array().map(Vec::as_slice).unwrap_or_default();
        fields.extend(encodings.iter().map(|e| e["fieldName"].as_str().unwrap_or_default().to_owned()));
        // The total over a field is one over those inside it too.
        let shows = |e: &serde_json::Value| {
            e["displayTotal"].as_bool() == Some(true) || e["total"]["show"].as_bool() == Some(true)
        };
        let ends = (0..encodings.len()).rev().filter(|place| shows(&encodings[*place]));
        let sets = std::iter::once(encodings.len()).chain(ends).map(|end| (first..first + end).collect());
        sides.push(sets.collect());
    }
    let sets: Vec<Vec<usize>> = sides[0]
        .iter()
        .flat_map(|rows| sides[1].iter().map(move |columns| [rows.as_slice(), columns].concat()))
        .collect();
    if sets.len() < 2 { Totals::default() } else { Totals { fields, sets } }
}

/// Values that are offered at a filter.
const MOST_CHOICES: usize = 1_000;

/// Returns the query of what there is to choose at a filter widget, one column, in order; none if it names no field.
pub(super) fn choices_sql(dash: &LvDash, widget: &Widget) -> Option<String> {
    let WidgetKind::Filter(spec) = &widget.kind else { return None };
    spec.encodings()["fields"].as_array()?.iter().find_map(|binding| {
        let query_name = binding["queryName"].as_str()?;
        let field_name = binding["fieldName"].as_str()?;
        let query = widget.queries.iter().find(|query| query.name == query_name)?;
        let field = query.fields.iter().flatten().find(|field| field.name == field_name)?;
        let alone =
            Query { fields: Some(vec![field.clone()]), orders: Vec::new(), disaggregated: false, ..query.clone() };
        let sql = query_sql(dash.dataset(&query.dataset)?, &alone, &[], &Totals::default())?;
        Some(format!("SELECT * FROM ({sql}) AS choices ORDER BY 1 LIMIT {MOST_CHOICES}"))
    })
}

/// Returns a dataset's own SQL with the defaults of its parameters in place: what its widgets select from.
/// An embedded metric view has none that would stand for itself.
pub fn dataset_sql(dataset: &Dataset) -> Option<String> {
    source_sql(dataset, &parameters(dataset, &[], &[]))
}

/// What a filter widget's default does to a dataset.
pub(super) enum Active {
    /// A further predicate.
    Where { expression: String, selection: Selection, exclude: bool },
    /// Another value for a parameter.
    Set { keyword: String, selection: Selection },
}

/// Collects the defaults of the filters that act on a page's widgets over a dataset.
pub(super) fn active_filters(dash: &LvDash, page: &Page, dataset: &Dataset) -> Vec<Active> {
    let acting = |(on, _): &(&Page, &Widget)| on.kind == PageKind::GlobalFilters || on.name == page.name;
    let mut found = Vec::new();
    for (_, widget) in dash.widgets().filter(acting) {
        let WidgetKind::Filter(spec) = &widget.kind else { continue };
        let whole = read::selection(spec.json["selection"].get("defaultSelection"));
        for binding in spec.encodings()["fields"].as_array().into_iter().flatten() {
            let query_name = binding["queryName"].as_str().unwrap_or_default();
            let Some(query) = widget.queries.iter().find(|q| q.name == query_name && q.dataset == dataset.name) else {
                continue;
            };
            let own = read::selection(binding.get("defaultSelection"));
            let selection = if own == Selection::All { whole.clone() } else { own };
            if selection == Selection::All {
                continue;
            }
            let exclude = spec.json["exclude"].as_bool() == Some(true);
            if let Some(name) = binding["parameterName"].as_str() {
                if let Some(parameter) = query.parameters.iter().find(|parameter| parameter.name == name) {
                    found.push(Active::Set { keyword: parameter.keyword.clone(), selection });
                }
            } else if let Some(name) = binding["fieldName"].as_str() {
                let field = query.fields.iter().flatten().find(|field| field.name == name);
                // A range slider's query asks for minimum and maximum; its field is the bare column.
                let expression = field.map_or_else(|| quote(name), |field| field.expression.text().to_owned());
                found.push(Active::Where { expression, selection, exclude });
            }
        }
    }
    found
}

/// Returns the values of a dataset's parameters: the widget's own, then those of filters, then the defaults.
fn parameters(dataset: &Dataset, fixed: &[(String, Selection)], filters: &[Active]) -> Vec<Bound> {
    let declared = dataset.parameters.iter().map(|parameter| {
        let own = fixed.iter().find(|(keyword, _)| *keyword == parameter.keyword).map(|(_, selection)| selection);
        let set = filters.iter().find_map(|filter| match filter {
            Active::Set { keyword, selection } if *keyword == parameter.keyword => Some(selection),
            _ => None,
        });
        Bound {
            keyword: parameter.keyword.clone(),
            kind: parameter.kind,
            data_type: parameter.data_type,
            selection: own.or(set).unwrap_or(&parameter.default).clone(),
        }
    });
    declared.collect()
}

/// Returns what widgets select from, without parentheses.
fn source_sql(dataset: &Dataset, values: &[Bound]) -> Option<String> {
    match &dataset.source {
        DatasetSource::Sql(sql) => Some(bind::bind(bind::last_statement(sql.text()), values)),
        DatasetSource::Asset(name) => {
            // A three-part name is written plainly; only parts that need it are quoted.
            let parts: Vec<String> = name.text().split('.').map(|part| quote(part.trim().trim_matches('`'))).collect();
            Some(format!("SELECT * FROM {}", parts.join(".")))
        }
        DatasetSource::MetricView(_) | DatasetSource::Missing => None,
    }
}

/// What a widget's query selects from.
pub(super) struct Source {
    pub(super) from: String,
    pub(super) filter: Option<String>,
    pub(super) calculations: Vec<Calculation>,
}

fn query_sql(dataset: &Dataset, query: &Query, filters: &[Active], totals: &Totals) -> Option<String> {
    let values = parameters(dataset, &query.parameter_values, filters);
    let view = match &dataset.source {
        DatasetSource::MetricView(config) => metric_view(config, dataset)?,
        _ => Source {
            from: format!("(\n{}\n) AS q", source_sql(dataset, &values)?),
            filter: None,
            calculations: dataset.calculations.clone(),
        },
    };
    Some(query_with_totals(&view, dataset, query, filters, totals))
}

/// Writes a widget's query over what is given.
pub(super) fn query_over(view: &Source, dataset: &Dataset, query: &Query, filters: &[Active]) -> String {
    query_with_totals(view, dataset, query, filters, &Totals::default())
}

fn query_with_totals(view: &Source, dataset: &Dataset, query: &Query, filters: &[Active], totals: &Totals) -> String {
    let values = parameters(dataset, &query.parameter_values, filters);
    let (source, calculations) = (&view.from, view.calculations.as_slice());
    let Some(fields) = &query.fields else {
        return format!("SELECT * FROM {source}");
    };
    let translated: Vec<_> = fields
        .iter()
        .map(|field| (field, translate(&bind::bind(field.expression.text(), &values), calculations)))
        .collect();
    let aggregates = !query.disaggregated && translated.iter().any(|(_, expression)| expression.aggregate);
    let distinct = !query.disaggregated && !aggregates;

    // The keys that are totalled over, each with its place among the pivot's fields; none if one of them is no key.
    let totalled: Option<Vec<&str>> = (aggregates && !totals.sets.is_empty())
        .then(|| {
            let key = |name: &String| {
                let (_, e) = translated.iter().find(|(field, _)| field.name == *name)?;
                (!e.aggregate && !e.constant).then_some(e.sql.as_str())
            };
            totals.fields.iter().map(key).collect()
        })
        .flatten();

    let mut columns: Vec<String> =
        translated.iter().map(|(field, e)| format!("{} AS {}", e.sql, quote(&field.name))).collect();
    if let Some(keys) = &totalled {
        let bits = keys.iter().enumerate().map(|(place, key)| format!("GROUPING({key}) * {}", 1_u64 << place.min(62)));
        columns.push(format!("{} AS {}", bits.collect::<Vec<_>>().join(" + "), quote(TOTALS_FIELD)));
    }
    let columns = if columns.is_empty() { "*".to_owned() } else { columns.join(", ") };
    let mut sql = format!("SELECT {}{columns} FROM {source}", if distinct { "DISTINCT " } else { "" });

    let predicates: Vec<String> = query
        .filters
        .iter()
        .map(|filter| translate(&bind::bind(filter.text(), &values), calculations).sql)
        .chain(view.filter.clone())
        .chain(filters.iter().filter_map(|filter| predicate(filter, calculations)))
        .collect();
    if !predicates.is_empty() {
        sql.push_str(&format!(" WHERE ({})", predicates.join(") AND (")));
    }

    if aggregates {
        let keys: Vec<&str> =
            translated.iter().filter(|(_, e)| !e.aggregate && !e.constant).map(|(_, e)| e.sql.as_str()).collect();
        if let Some(totalled) = &totalled {
            let others: Vec<&str> = keys.iter().copied().filter(|key| !totalled.contains(key)).collect();
            let set = |set: &Vec<usize>| {
                let own = set.iter().map(|place| totalled[*place]).chain(others.iter().copied());
                format!("({})", own.collect::<Vec<_>>().join(", "))
            };
            let sets: Vec<String> = totals.sets.iter().map(set).collect();
            sql.push_str(&format!(" GROUP BY GROUPING SETS ({})", sets.join(", ")));
        } else if !keys.is_empty() {
            sql.push_str(&format!(" GROUP BY {}", keys.join(", ")));
        }
    }

    let orders: Vec<String> = query
        .orders
        .iter()
        .filter_map(|order| {
            let wanted = translate(&bind::bind(order.expression.text(), &values), calculations).sql;
            // Once rows are grouped, only what has been selected can be sorted by.
            let bare = wanted.trim_matches('`');
            let selected = translated.iter().find(|(field, e)| e.sql == wanted || field.name == bare);
            let key = match selected {
                Some((field, _)) => quote(&field.name),
                None if query.disaggregated => wanted,
                None => return None,
            };
            Some(if order.descending { format!("{key} DESC") } else { key })
        })
        .collect();
    if !orders.is_empty() {
        sql.push_str(&format!(" ORDER BY {}", orders.join(", ")));
    }
    sql
}

/// Writes the predicate of a filter's default.
fn predicate(filter: &Active, calculations: &[Calculation]) -> Option<String> {
    let Active::Where { expression, selection, exclude } = filter else { return None };
    let column = translate(expression, calculations).sql;
    let positive = match selection {
        Selection::All => return None,
        Selection::Values(_, values) if values.is_empty() => return None,
        Selection::Values(kind, values) => {
            let values: Vec<String> = values.iter().map(|value| bind::literal(value, *kind, End::Min)).collect();
            format!("{column} IN ({})", values.join(", "))
        }
        Selection::Range(kind, min, max) => {
            let min = min.as_ref().map(|text| format!("{column} >= {}", bind::literal(text, *kind, End::Min)));
            let max = max.as_ref().map(|text| format!("{column} <= {}", bind::literal(text, *kind, End::Max)));
            let ends: Vec<String> = min.into_iter().chain(max).collect();
            if ends.is_empty() {
                return None;
            }
            ends.join(" AND ")
        }
    };
    Some(if *exclude { format!("NOT ({positive})") } else { positive })
}

/// Turns an embedded metric view into what widgets can select from: its joined tables, and its dimensions and
/// measures as calculations.
pub(super) fn metric_view(config: &serde_json::Value, dataset: &Dataset) -> Option<Source> {
    let table = |value: &serde_json::Value| {
        let text = value.as_str()?.trim();
        let query = text.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("select"))
            || text.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("with"));
        Some(if query { format!("(\n{text}\n)") } else { text.to_owned() })
    };
    let mut source = format!("{} AS source", table(&config["source"])?);
    for join in config["joins"].as_array().into_iter().flatten() {
        let name = quote(join["name"].as_str()?);
        let on = match (join["on"].as_str(), join["using"].as_array()) {
            (Some(on), _) => format!("ON {on}"),
            (None, Some(columns)) => {
                let columns: Vec<String> = columns.iter().filter_map(|c| c.as_str()).map(quote).collect();
                format!("USING ({})", columns.join(", "))
            }
            (None, None) => return None,
        };
        source.push_str(&format!(" LEFT JOIN {} AS {name} {on}", table(&join["source"])?));
    }
    let mut calculations = dataset.calculations.clone();
    for key in ["dimensions", "fields", "measures"] {
        for entry in config[key].as_array().into_iter().flatten() {
            let (Some(name), Some(expression)) = (entry["name"].as_str(), entry["expr"].as_str()) else { continue };
            calculations.push(Calculation {
                name: name.to_owned(),
                expression: super::located::Located::plain(expression, 0),
                path: dataset.path.clone(),
            });
        }
    }
    Some(Source { from: source, filter: config["filter"].as_str().map(str::to_owned), calculations })
}
