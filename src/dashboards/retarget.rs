//! A dashboard whose SQL names tables of one environment, as one that names those of another: the names that were parsed are
//! written anew, and nothing else.

use std::ops::Range;

use serde_json::Value;

use super::columns::{metric_view_queries, whole_name};
use super::file::LvDash;
use super::located::Located;
use super::model::{Dataset, DatasetSource};
use super::{bind, texts};
use crate::analysis;
use crate::diag::SourceFile;
use crate::ids::quote_identifier;

/// The name of a table as a dashboard's file writes it, and as it is deployed; both in their parts, without back-quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retargeted {
    /// The name of the dataset.
    pub dataset: String,
    /// What the file says.
    pub written: Vec<String>,
    /// What stands in its place in the workspace.
    pub deployed: Vec<String>,
}

/// How a dataset, by its name, names a table from now on; none: as before.
pub type Naming<'a> = dyn Fn(&str, &[String]) -> Option<Vec<String>> + 'a;

/// Writes the names of tables in a dashboard's datasets anew, as `name` gives them for a dataset and a table; it gives none for
/// a name that stays. Returns the names that were changed too, each once; nothing if none was.
pub fn retarget(dash: &LvDash, name: &Naming<'_>) -> Option<(LvDash, Vec<Retargeted>)> {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut changed: Vec<Retargeted> = Vec::new();
    for dataset in &dash.datasets {
        for mention in mentions(dash, dataset) {
            let Some(deployed) = name(&dataset.name, &mention.parts) else { continue };
            // A name that is cut in two by the end of a string stays as it is.
            if dash.text.text()[mention.range.clone()].contains(['"', '\\']) {
                continue;
            }
            let text = if mention.quoted {
                deployed.iter().map(|part| quote_identifier(part)).collect::<Vec<_>>().join(".")
            } else {
                deployed.join(".")
            };
            edits.push((mention.range, in_json(text)));
            let one = Retargeted { dataset: dataset.name.clone(), written: mention.parts, deployed };
            if !changed.contains(&one) {
                changed.push(one);
            }
        }
    }
    if edits.is_empty() {
        return None;
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut text = dash.text.text().to_owned();
    for (range, name) in edits.into_iter().rev() {
        text.replace_range(range, &name);
    }
    let dash = LvDash::parse(&SourceFile::new(&dash.file.path, text)).ok()?;
    Some((dash, changed))
}

/// Writes the names of tables in a workspace's content as a project's file writes them. `deployed` and `written` are what was
/// deployed last and the file; a dataset that is as it was deployed keeps the file's text to the letter.
pub fn as_written(content: Value, deployed: &LvDash, written: &LvDash, names: &[Retargeted]) -> Value {
    if names.is_empty() {
        return content;
    }
    let Ok(dash) = LvDash::parse(&SourceFile::new("", content.to_string())) else { return content };
    let same = |one: &[String], other: &[String]| {
        one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.eq_ignore_ascii_case(other))
    };
    // The same table may be written in several ways; each dataset keeps its own.
    let name = |dataset: &str, parts: &[String]| {
        let fits = |name: &&Retargeted| same(&name.deployed, parts);
        let own = names.iter().filter(|name| name.dataset == dataset).find(fits);
        own.or_else(|| names.iter().find(fits)).map(|name| name.written.clone())
    };
    let mut content = retarget(&dash, &name).map_or(content, |(dash, _)| dash.json().clone());
    for dataset in content["datasets"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        let name = dataset.get("name").and_then(Value::as_str).unwrap_or_default();
        let sql = |dash: &LvDash| Some(dash.dataset(name)?.sql()?.text().trim_end().to_owned());
        if sql(&dash).is_some() && sql(&dash) == sql(deployed) {
            let as_it_was = written.json()["datasets"].as_array().into_iter().flatten().find(|d| d["name"] == *name);
            for key in ["queryLines", "query"] {
                dataset.shift_remove(key);
                if let Some(text) = as_it_was.and_then(|dataset| dataset.get(key)) {
                    dataset.insert(key.to_owned(), text.clone());
                }
            }
        }
    }
    content
}

/// A place of the dashboard's JSON where a table is named.
struct Mention {
    parts: Vec<String>,
    range: Range<usize>,
    /// Whether it is part of SQL, where some names need back-quotes.
    quoted: bool,
}

fn mentions(dash: &LvDash, dataset: &Dataset) -> Vec<Mention> {
    match &dataset.source {
        DatasetSource::Sql(sql) if texts::has_placeholder(sql.text()) => Vec::new(),
        DatasetSource::Sql(sql) => in_query(dash, sql.part(bind::last_statement_range(sql.text()))),
        DatasetSource::Asset(name) => {
            let range = name.source_range(0..name.text().len());
            vec![Mention { parts: whole_name(name.text()), range, quoted: false }]
        }
        DatasetSource::MetricView(config) => {
            metric_view_queries(dash, dataset, config).into_iter().flat_map(|sql| in_query(dash, sql)).collect()
        }
        DatasetSource::Missing => Vec::new(),
    }
}

fn in_query(dash: &LvDash, sql: Located) -> Vec<Mention> {
    let Ok(parsed) = analysis::parse_sql(sql.text(), dash.origin(sql.clone())) else { return Vec::new() };
    let place = |place: &analysis::ReadPlace| Mention {
        parts: place.parts.clone(),
        range: sql.source_range(place.range.clone()),
        quoted: true,
    };
    parsed.places().iter().map(place).collect()
}

/// Writes a text as it stands within a JSON string.
fn in_json(text: String) -> String {
    let literal = Value::String(text).to_string();
    literal[1..literal.len() - 1].to_owned()
}
