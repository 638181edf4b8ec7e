//! A dashboard file: its JSON as it came, the typed view, and where everything stands in the text.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::located::{JsonMap, Located, MOST_VALUES};
use super::model::{Dataset, Page, Query, Widget};
use super::{check, read};
use crate::diag::{Diagnostic, Diagnostics, SourceFile, Span};

/// A dashboard file.
#[derive(Clone, Debug)]
pub struct LvDash {
    pub(super) file: Arc<SourceFile>,
    /// The dashboard's JSON text and where it stands in the file: behind a byte order mark, or inside an API response.
    pub(super) text: Arc<Located>,
    pub(super) map: JsonMap,
    pub(super) json: Value,
    /// Where in the list a dataset of a name is: the first, if there are several.
    index: HashMap<String, usize>,
    /// The datasets, in the file's order.
    pub datasets: Vec<Dataset>,
    /// The pages, in the order of their tabs.
    pub pages: Vec<Page>,
}

impl LvDash {
    /// Reads a dashboard file. An API response that was saved as a file is unwrapped.
    ///
    /// Unknown keys, types and versions are kept. What cannot be read at all (not JSON, an array where an object
    /// belongs) is an error at its line and column.
    pub fn parse(file: &Arc<SourceFile>) -> Result<Self, Diagnostics> {
        let body = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
        let mut text = Located::plain(body, file.text.len() - body.len());
        let mut json = parse_json(file, &text)?;
        let mut map = JsonMap::scan(text.text());
        for key in ["serialized_dashboard", "serializedDashboard"] {
            let pointer = format!("/{key}");
            if json.get(key).is_some_and(Value::is_string)
                && let Some(range) = map.exact(&pointer)
            {
                let mut inner = Located::default();
                inner.push_literal(&text.text()[range.clone()], text.source_offset(range.start));
                json = parse_json(file, &inner)?;
                map = JsonMap::scan(inner.text());
                text = inner;
                break;
            }
        }
        if map.is_too_large() {
            let message = format!("the file has more than {MOST_VALUES} values");
            let problem = Diagnostic::error("dashboard-json", message).at(Span::start_of(file));
            return Err(problem.help("Is it a dashboard? The largest have a twentieth of that.").into());
        }
        let mut dash = Self {
            file: Arc::clone(file),
            text: Arc::new(text),
            map,
            json,
            index: HashMap::new(),
            datasets: Vec::new(),
            pages: Vec::new(),
        };
        let (datasets, pages) = read::read(&dash)?;
        for (index, dataset) in datasets.iter().enumerate() {
            dash.index.entry(dataset.name.clone()).or_insert(index);
        }
        dash.datasets = datasets;
        dash.pages = pages;
        Ok(dash)
    }

    /// Returns the file that was read.
    pub fn file(&self) -> &Arc<SourceFile> {
        &self.file
    }

    /// Returns the dashboard's JSON, with everything that came in and nothing else, in the same order.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// Writes the JSON as the product does: two spaces, unescaped Unicode, one final newline.
    pub fn to_json(&self) -> String {
        format!("{:#}\n", self.json)
    }

    /// Returns the dataset of that name.
    pub fn dataset(&self, name: &str) -> Option<&Dataset> {
        self.datasets.get(*self.index.get(name)?)
    }

    /// Walks all widgets with their pages.
    pub fn widgets(&self) -> impl Iterator<Item = (&Page, &Widget)> {
        self.pages.iter().flat_map(|page| page.widgets.iter().map(move |widget| (page, widget)))
    }

    /// Sorts all queries of all widgets by the name of their dataset.
    pub(super) fn queries_by_dataset(&self) -> HashMap<&str, Vec<(&Widget, &Query)>> {
        let mut sorted: HashMap<&str, Vec<(&Widget, &Query)>> = HashMap::new();
        for (_, widget, query) in self.queries() {
            sorted.entry(&query.dataset).or_default().push((widget, query));
        }
        sorted
    }

    /// Walks all queries of all widgets.
    pub fn queries(&self) -> impl Iterator<Item = (&Page, &Widget, &Query)> {
        self.widgets().flat_map(|(page, widget)| widget.queries.iter().map(move |query| (page, widget, query)))
    }

    /// Returns the place of the value at a JSON pointer, or of the nearest value around it.
    pub fn span(&self, pointer: &str) -> Span {
        self.span_of(self.map.range(pointer))
    }

    /// Returns the place of a range of bytes of a text that came from the file: a dataset's SQL, a field's expression.
    pub fn span_in(&self, text: &Located, range: Range<usize>) -> Span {
        self.span_of(text.source_range(range))
    }

    /// Returns the string at a JSON pointer with its place; an empty one if there is none.
    pub(super) fn located(&self, pointer: &str) -> Located {
        let mut text = Located::default();
        if let Some(range) = self.map.exact(pointer).filter(|range| self.text.text()[range.clone()].starts_with('"')) {
            text.push_literal(&self.text.text()[range.clone()], range.start);
        }
        text
    }

    /// Returns the way from bytes of a text that came from the file back to the place in it.
    pub(super) fn origin(&self, text: Located) -> impl Fn(Range<usize>) -> Span + Send + Sync + use<> {
        let (file, whole) = (Arc::clone(&self.file), Arc::clone(&self.text));
        move |range| Span::new(&file, whole.source_range(text.source_range(range)))
    }

    /// Checks the structure: references, names, types and versions, the grid, and what SQL says by its looks. What the SQL
    /// reads is looked into by [`super::resolve`].
    pub fn check(&self) -> Diagnostics {
        check::check(self)
    }

    /// Turns a range of the dashboard's JSON text into a place in the file.
    fn span_of(&self, range: Range<usize>) -> Span {
        Span::new(&self.file, self.text.source_range(range))
    }
}

fn parse_json(file: &Arc<SourceFile>, text: &Located) -> Result<Value, Diagnostics> {
    serde_json::from_str(text.text()).map_err(|error| {
        // The parser counts columns in bytes, from 1, and gives column 0 for "before the first byte of a line".
        let line_start = match error.line() {
            0 | 1 => 0,
            line => text.text().match_indices('\n').nth(line - 2).map_or(text.text().len(), |(at, _)| at + 1),
        };
        let offset = (line_start + error.column().saturating_sub(1)).min(text.text().len());
        let at = text.source_offset(offset);
        let message = error.to_string();
        // The place is printed with the diagnostic; the parser's own counting would only repeat it.
        let message = message.split(" at line ").next().unwrap_or(&message);
        let empty = text.text().trim().is_empty();
        let what = if empty { "the file is empty".to_owned() } else { format!("not valid JSON: {message}") };
        Diagnostics::from(
            Diagnostic::error("dashboard-json", what).at(Span::new(file, at..at)).help(
                "A dashboard is one JSON object; export it again from the workspace, or repair it at this place.",
            ),
        )
    })
}
