//! What datasets offer and what widgets ask of them: names and types, over the tables that there are.
//!
//! Structure is checked elsewhere ([`super::LvDash::check`]). Here every dataset's SQL is resolved, and then what each widget
//! selects, filters and sorts by, at its place in the file. What does not follow from the SQL counts as unknown.

use std::collections::HashMap;

use super::bind;
use super::calc::quote;
use super::file::LvDash;
use super::located::Located;
use super::model::{Calculation, Dataset, DatasetSource, Field, Query, Widget, WidgetKind};
use super::widget_sql::widget_query;
use super::{fit, texts};
use crate::analysis::{self, Column, DataType, Parsed, Relation, TableRead};
use crate::config::pointer::child;
use crate::diag::{Diagnostic, Diagnostics, did_you_mean};

/// Functions that only the dashboard's own engine has.
const OWN_FUNCTIONS: [&str; 3] = ["bin_floor", "in_range", "measure"];
/// Not a column: it stands for "the row passes the other filters", and lets a control grey out values.
const ASSOCIATIVE: &str = "associative_filter_predicate_group";

/// What a dashboard can read.
pub struct Tables<'a> {
    /// What is known of a table by the parts of its name; none: there is no such table.
    pub relation: &'a dyn Fn(&[String]) -> Option<Relation>,
    /// Names of tables, to suggest.
    pub known: &'a [String],
    /// How a table should be named whose name says in which catalog or schema it is; none: as it is.
    pub shorter: &'a dyn Fn(&[String]) -> Option<String>,
}

/// A dashboard over its tables.
#[derive(Debug)]
pub struct Resolved {
    /// What its datasets offer, in the file's order.
    pub datasets: Vec<Offered>,
    /// What is wrong.
    pub problems: Diagnostics,
}

/// What a dataset offers to widgets.
#[derive(Clone, Debug)]
pub struct Offered {
    /// The dataset's name.
    pub dataset: String,
    /// Its query, where it has one that can be parsed.
    pub parsed: Option<Parsed>,
    /// The tables and views that it reads.
    pub reads: Vec<TableRead>,
    /// Its columns, without the custom calculations; none where they cannot be told.
    pub columns: Option<Vec<Column>>,
    /// Whether something is wrong with it, from which all else would follow.
    broken: bool,
}

/// Splits the name of a table that is no part of SQL.
pub(super) fn whole_name(text: &str) -> Vec<String> {
    text.split('.').map(|part| part.trim().trim_matches('`').to_owned()).collect()
}

/// Returns what an embedded metric view selects from, as queries.
pub(super) fn metric_view_queries(dash: &LvDash, dataset: &Dataset, config: &serde_json::Value) -> Vec<Located> {
    let path = child(&dataset.path, "config");
    let joins = config["joins"].as_array().into_iter().flatten().enumerate();
    let joined = joins.map(|(index, join)| (format!("{path}/joins/{index}/source"), &join["source"]));
    let sources = std::iter::once((format!("{path}/source"), &config["source"])).chain(joined);
    let query = |(path, source): (String, &serde_json::Value)| {
        source.is_string().then(|| {
            let name = dash.located(&path);
            let mut sql = Located::default();
            if !starts_as_query(name.text()) {
                sql.push_made("SELECT * FROM ");
            }
            sql.push(&name);
            sql
        })
    };
    sources.filter_map(query).collect()
}

/// Resolves a dashboard's datasets, and then what its widgets ask of them.
pub fn resolve(dash: &LvDash, tables: &Tables<'_>) -> Resolved {
    let mut resolver = Resolver { dash, tables, asked: dash.queries_by_dataset(), problems: Diagnostics::new() };
    let datasets: Vec<Offered> = dash.datasets.iter().map(|dataset| resolver.dataset(dataset)).collect();
    for (dataset, offered) in dash.datasets.iter().zip(&datasets) {
        if !offered.broken {
            resolver.widgets(dataset, offered);
        }
    }
    Resolved { datasets, problems: resolver.problems }
}

struct Resolver<'a> {
    dash: &'a LvDash,
    tables: &'a Tables<'a>,
    /// The queries over each dataset, by its name.
    asked: HashMap<&'a str, Vec<(&'a Widget, &'a Query)>>,
    problems: Diagnostics,
}

impl Resolver<'_> {
    fn dataset(&mut self, dataset: &Dataset) -> Offered {
        match &dataset.source {
            DatasetSource::Sql(sql) => self.query(dataset, sql),
            DatasetSource::Asset(name) => self.asset(dataset, name),
            DatasetSource::MetricView(config) => self.metric_view(dataset, config),
            DatasetSource::Missing => Offered::broken(dataset),
        }
    }

    fn query(&mut self, dataset: &Dataset, sql: &Located) -> Offered {
        // Notes that somebody keeps in a dataset of their own do no harm as long as nothing is drawn of them.
        if !self.asked.contains_key(dataset.name.as_str()) && bind::is_blank(sql.text()) {
            return Offered::broken(dataset);
        }
        if texts::has_placeholder(sql.text()) {
            return Offered::broken(dataset);
        }
        let query = sql.part(bind::last_statement_range(sql.text()));
        let parsed = match analysis::parse_sql(query.text(), self.dash.origin(query.clone())) {
            Ok(parsed) => parsed,
            Err(found) => {
                // Lines that run together are told as what they are.
                if !texts::is_glued(self.dash, dataset) {
                    for mut problem in found {
                        problem.message = format!("dataset `{}`: {}", dataset.display_name, problem.message);
                        self.problems.push(problem);
                    }
                }
                return Offered::broken(dataset);
            }
        };
        let (columns, found) = analysis::resolve(&parsed, self.tables.relation, self.tables.known);
        let broken = found.has_errors();
        self.problems.extend(found);
        self.written_out(parsed.reads());
        if parsed.takes_all() && columns.is_some() {
            let message = format!("dataset `{}` takes all columns (`SELECT *`)", dataset.display_name);
            let help = "Name the columns that its widgets draw: it then says itself what must not go away.";
            let place = self.dash.span_in(sql, first_star(&query, sql));
            self.problems.push(Diagnostic::note("select-star", message).at(place).help(help));
        }
        let reads = parsed.reads().to_vec();
        Offered { dataset: dataset.name.clone(), parsed: Some(parsed), reads, columns, broken }
    }

    /// Warns of names that say in which catalog or schema a table is: in another environment it is elsewhere.
    fn written_out(&mut self, reads: &[TableRead]) {
        for read in reads {
            if let Some(shorter) = (self.tables.shorter)(&read.parts) {
                let message = format!("`{}` is written with its catalog or schema", read.parts.join("."));
                let help =
                    format!("Write `{shorter}`: kiln deploys the dashboard to where each environment has its tables.");
                self.problems.push(Diagnostic::warning("hard-coded-catalog", message).at(read.span.clone()).help(help));
            }
        }
    }

    /// A table that is read whole.
    fn asset(&mut self, dataset: &Dataset, name: &Located) -> Offered {
        if texts::has_placeholder(name.text()) {
            return Offered::broken(dataset);
        }
        let parts = whole_name(name.text());
        let span = self.dash.span_in(name, 0..name.text().len());
        let relation = (self.tables.relation)(&parts);
        if relation.is_none() {
            let message = format!("there is no table or view `{}`", parts.join("."));
            let near = did_you_mean(&parts.join("."), self.tables.known.iter().map(String::as_str));
            let mut diagnostic = Diagnostic::error("unknown-table", message).at(span.clone());
            diagnostic.help = near.map(|near| format!("Did you mean `{near}`?"));
            self.problems.push(diagnostic);
        } else if let Some(shorter) = (self.tables.shorter)(&parts) {
            let message = format!("`{}` is written with its catalog or schema", parts.join("."));
            let help = format!("Write `\"queryLines\": [\"SELECT … FROM {shorter}\"]` in place of `asset_name`.");
            let warning = Diagnostic::warning("hard-coded-catalog", message).at(span.clone());
            self.problems.push(warning.help(help));
        }
        let broken = relation.is_none();
        let columns = match relation {
            Some(Relation::Known(columns)) => Some(columns.to_vec()),
            _ => None,
        };
        let reads = vec![TableRead { parts, span }];
        Offered { dataset: dataset.name.clone(), parsed: None, reads, columns, broken }
    }

    /// An embedded metric view: its tables are looked up, and its dimensions and measures are the columns it has.
    fn metric_view(&mut self, dataset: &Dataset, config: &serde_json::Value) -> Offered {
        let (mut reads, mut broken) = (Vec::new(), false);
        for sql in metric_view_queries(self.dash, dataset, config) {
            // What is no query that can be read here may still be one there.
            let Ok(parsed) = analysis::parse_sql(sql.text(), self.dash.origin(sql.clone())) else { continue };
            let (_, found) = analysis::resolve(&parsed, self.tables.relation, self.tables.known);
            broken |= found.has_errors();
            self.problems.extend(found);
            self.written_out(parsed.reads());
            reads.extend(parsed.reads().iter().cloned());
        }
        let named = ["dimensions", "fields", "measures"].into_iter().flat_map(|key| config[key].as_array());
        let names = named.flatten().filter_map(|entry| entry["name"].as_str());
        let columns = names.map(|name| Column { name: name.to_owned(), data_type: None }).collect();
        Offered { dataset: dataset.name.clone(), parsed: None, reads, columns: Some(columns), broken }
    }

    /// Resolves what all widgets ask of a dataset.
    fn widgets(&mut self, dataset: &Dataset, offered: &Offered) {
        let relation = self.with_calculations(dataset, offered);
        let mut asked = false;
        let queries = self.asked.get(dataset.name.as_str()).cloned().unwrap_or_default();
        for queries in queries.chunk_by(|(one, _), (other, _)| std::ptr::eq(*one, *other)) {
            let mut types = Vec::with_capacity(queries.len());
            for (widget, query) in queries {
                asked |= query.fields.as_ref().is_some_and(|fields| !fields.is_empty());
                let before = self.problems.iter().count();
                let found = self.fields(widget, query, dataset, &relation);
                self.arguments(widget, query, &relation);
                let drawn = matches!(widget.kind, WidgetKind::Visualization(_) | WidgetKind::Legacy(_));
                if drawn && self.problems.iter().count() == before && query.fields.iter().flatten().any(is_free) {
                    self.grouping(widget, query, dataset);
                }
                types.push((*query, found));
            }
            if let Some((widget, _)) = queries.first() {
                self.problems.extend(fit::check(self.dash, widget, &types, &relation));
            }
        }
        if asked && offered.columns.is_none() {
            let message = format!(
                "the columns of dataset `{}` are not known, so its widgets are not checked",
                dataset.display_name
            );
            let help = "Name the columns in its SELECT list, or declare those of the source under `sources`.";
            let place = self.dash.span(&format!("{}/name", dataset.path));
            self.problems.push(Diagnostic::note("unknown-columns", message).at(place).help(help));
        }
    }

    /// What widgets select from: a dataset's columns and its calculations, which come first where both have a name.
    fn with_calculations(&mut self, dataset: &Dataset, offered: &Offered) -> Relation {
        let Some(columns) = &offered.columns else { return Relation::Unknown };
        let named = |calculation: &Calculation| Column { name: calculation.name.clone(), data_type: None };
        let within: Vec<Column> = columns.iter().cloned().chain(dataset.calculations.iter().map(named)).collect();
        let expressions: Vec<&Located> = dataset.calculations.iter().map(|c| &c.expression).collect();
        let (types, found) =
            self.select(&expressions, &[], &[], &dataset.display_name, &Relation::Known(within.into()));
        for mut problem in found {
            problem.message = format!("dataset `{}`: {}", dataset.display_name, problem.message);
            self.problems.push(problem);
        }
        let calculated = dataset.calculations.iter().zip(types);
        let calculated = calculated.map(|(c, data_type)| Column { name: c.name.clone(), data_type });
        Relation::Known(calculated.chain(columns.iter().cloned()).collect())
    }

    /// Resolves what a widget's query selects, filters and sorts by; returns the types of its fields.
    fn fields(
        &mut self,
        widget: &Widget,
        query: &Query,
        dataset: &Dataset,
        relation: &Relation,
    ) -> Vec<Option<DataType>> {
        let fields: Vec<&Field> = query.fields.iter().flatten().collect();
        let expressions: Vec<&Located> = fields.iter().map(|field| &field.expression).collect();
        let filters: Vec<&Located> = query.filters.iter().collect();
        let is_field = |order: &Located| {
            let bare = order.text().trim_matches('`');
            fields.iter().any(|field| field.name == bare || field.expression.text() == order.text())
        };
        let orders = query.orders.iter().map(|order| &order.expression).filter(|order| !is_field(order));
        let orders: Vec<&Located> = orders.collect();
        let (types, found) = self.select(&expressions, &filters, &orders, &dataset.display_name, relation);
        for mut problem in found {
            problem.message = format!("widget `{}`: {}", widget.label(), problem.message);
            self.problems.push(problem);
        }
        types
    }

    /// Resolves expressions over a relation; returns their types, and what is wrong with them and with the conditions.
    fn select(
        &self,
        expressions: &[&Located],
        filters: &[&Located],
        orders: &[&Located],
        label: &str,
        relation: &Relation,
    ) -> (Vec<Option<DataType>>, Diagnostics) {
        let mut problems = Diagnostics::new();
        let readable: Vec<bool> = {
            let all = expressions.iter().chain(filters).chain(orders);
            all.map(|e| !e.text().trim().is_empty() && !e.text().contains(ASSOCIATIVE)).collect()
        };
        let sql = put_together(expressions, filters, orders, &readable, label);
        let (readable, parsed) = match analysis::parse_sql(sql.text(), self.dash.origin(sql.clone())) {
            Ok(parsed) => (readable, parsed),
            Err(_) => {
                // One of them is to blame: the others are looked at without it.
                let all = expressions.iter().chain(filters).chain(orders).zip(readable);
                let readable: Vec<bool> = all
                    .map(|(e, readable)| {
                        let fits = analysis::is_query(&format!("SELECT {}", plain_star(e).text()));
                        if readable && !fits {
                            let message = format!("the expression `{}` cannot be read", e.text());
                            let place = self.dash.span_in(e, 0..e.text().len());
                            problems.push(
                                Diagnostic::warning("expression-syntax", message)
                                    .at(place)
                                    .help("Write it as one expression of Databricks SQL."),
                            );
                        }
                        readable && fits
                    })
                    .collect();
                let sql = put_together(expressions, filters, orders, &readable, label);
                match analysis::parse_sql(sql.text(), self.dash.origin(sql.clone())) {
                    Ok(parsed) => (readable, parsed),
                    Err(_) => return (vec![None; expressions.len()], problems),
                }
            }
        };
        let tables = |parts: &[String]| match parts {
            [single] if single == label => Some(relation.clone()),
            parts => (self.tables.relation)(parts),
        };
        let (columns, found) = analysis::resolve(&parsed, &tables, self.tables.known);
        for problem in found {
            let written = problem.primary.as_ref().map(|(span, _)| span.text()).unwrap_or_default();
            let own = OWN_FUNCTIONS.iter().any(|name| name.eq_ignore_ascii_case(written));
            if problem.code != "unknown-function" || !own {
                problems.push(problem);
            }
        }
        let mut found = columns.unwrap_or_default().into_iter().map(|column| column.data_type);
        let types =
            readable.iter().take(expressions.len()).map(|readable| if *readable { found.next()? } else { None });
        (types.collect(), problems)
    }

    /// Checks the columns that a widget's expressions name: how they are written, and whether a function takes them.
    fn arguments(&mut self, widget: &Widget, query: &Query, relation: &Relation) {
        let Relation::Known(columns) = relation else { return };
        for field in query.fields.iter().flatten() {
            if let Some(problem) = fit::argument(field, columns) {
                let place = self.dash.span_in(&field.expression, 0..field.expression.text().len());
                let message = format!("widget `{}`: {}", widget.label(), problem.message);
                self.problems.push(Diagnostic { message, ..problem }.at(place));
            }
        }
    }

    /// Checks that what a widget shows beside aggregates can be grouped by, as the dashboard's engine does.
    fn grouping(&mut self, widget: &Widget, query: &Query, dataset: &Dataset) {
        let Some(sql) = widget_query(dataset, query) else { return };
        let place = self.dash.span(&widget.path);
        let Ok(parsed) = analysis::parse_sql(&sql, move |_| place.clone()) else { return };
        let (_, found) = analysis::resolve(&parsed, self.tables.relation, self.tables.known);
        for mut problem in found.into_iter().filter(|problem| problem.code == "not-grouped") {
            problem.message = format!("widget `{}`: {}", widget.label(), problem.message);
            self.problems.push(problem);
        }
    }
}

impl Offered {
    /// Tells whether something is wrong with the dataset, from which all else would follow.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    fn broken(dataset: &Dataset) -> Self {
        Self { dataset: dataset.name.clone(), parsed: None, reads: Vec::new(), columns: None, broken: true }
    }
}

/// Puts expressions together as one query; those that are not `readable` are left out.
fn put_together(
    expressions: &[&Located],
    filters: &[&Located],
    orders: &[&Located],
    readable: &[bool],
    label: &str,
) -> Located {
    let mut readable = readable.iter();
    let mut pick = |all: &[&Located]| -> Vec<Located> {
        all.iter().filter(|_| readable.next() == Some(&true)).map(|e| plain_star(e)).collect()
    };
    let (expressions, filters, orders) = (pick(expressions), pick(filters), pick(orders));
    let mut sql = Located::default();
    sql.push_made("SELECT ");
    if expressions.is_empty() {
        sql.push_made("1");
    }
    for (index, expression) in expressions.iter().enumerate() {
        sql.push_made(if index > 0 { ", " } else { "" });
        sql.push(expression);
        // A line of its own, for the expression may end in a comment.
        sql.push_made(&format!("\nAS `__{index}`"));
    }
    // The alias keeps the label as it is written, for messages.
    sql.push_made(&format!(" FROM {0} AS {0}", quote(label)));
    for (index, filter) in filters.iter().enumerate() {
        sql.push_made(if index > 0 { " AND (" } else { " WHERE (" });
        sql.push(filter);
        sql.push_made("\n)");
    }
    // What is grouped by what is looked at on its own.
    sql.push_made(" GROUP BY ALL");
    for (index, order) in orders.iter().enumerate() {
        sql.push_made(if index > 0 { ", " } else { " ORDER BY " });
        sql.push(order);
        sql.push_made("\n");
    }
    sql
}

/// `COUNT(*)`, where the editor writes a star in back-quotes.
fn plain_star(expression: &Located) -> Located {
    expression.rewritten("(`*`)", "( * )")
}

/// Tells whether a field's expression is more than a column, or one function of a column.
fn is_free(field: &Field) -> bool {
    let text = field.expression.text().trim();
    if let Some(rest) = text.strip_prefix('`') {
        return rest.find('`').is_none_or(|end| end + 1 != rest.len());
    }
    let Some((name, rest)) = text.split_once('(') else { return true };
    let word = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    !word || rest.contains('(') || rest.find(')') != Some(rest.len().saturating_sub(1))
}

fn starts_as_query(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    first.eq_ignore_ascii_case("select") || first.eq_ignore_ascii_case("with") || text.trim_start().starts_with('(')
}

/// Where the first star of a query stands in the text that it is a part of: the one that is not inside parentheses or a
/// string, and multiplies nothing.
fn first_star(query: &Located, sql: &Located) -> std::ops::Range<usize> {
    let start = sql.text().find(query.text()).unwrap_or_default();
    let mut depth = 0_i32;
    for (range, piece) in bind::pieces(query.text()) {
        match piece {
            bind::Piece::Char('(') => depth += 1,
            bind::Piece::Char(')') => depth -= 1,
            bind::Piece::Char('*') if depth == 0 => return start + range.start..start + range.end,
            _ => {}
        }
    }
    start..start
}
