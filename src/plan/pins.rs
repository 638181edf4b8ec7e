//! One consistent view of the sources: their tables are read at versions that are fixed once for a run, also through views,
//! and what a table was built from is written on it, so that nothing is built twice from the same.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::observed::Observed;
use crate::config::Materialization;
use crate::diag::{SourceFile, Span};
use crate::ids::{Fingerprint, ModelName, RunId, TableName, quote_identifier, string_literal};
use crate::manifest::{CompiledIncrement, CompiledModel, Manifest, Place, ReadFrom};
use crate::template::Rendered;

/// A version of a Delta table.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Version {
    /// Its number, counted from 0.
    pub number: u64,
    /// When it was written, in the workspace's words: a table that is made anew counts from 0 again.
    pub at: Option<String>,
}

/// The versions that a run reads. A table that has none, such as a view, is not among them.
pub type Versions = BTreeMap<TableName, Version>;

/// A moment before all rows.
const BEFORE_ALL: &str = "0001-01-01 00:00:00";

/// A statement about a model with gaps for what becomes known only in the run.
#[derive(Clone, Debug, Default)]
pub struct Pinned {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// What is kiln's, or of another model.
    Own(String),
    /// A part of the model's query.
    Query(Range<usize>),
    /// The clause that reads the table before it at its version.
    Version(TableName),
    /// The fingerprint of what the table is built from.
    Inputs,
    /// The moment from which on rows are replaced, as a literal.
    Since,
    /// The columns of the table that takes rows in, separated by commas.
    Columns,
}

/// What becomes known only in the run.
#[derive(Clone, Debug, Default)]
pub struct Gaps {
    /// The versions at which sources are read.
    pub versions: Versions,
    /// What a table is built from.
    pub inputs: Option<Fingerprint>,
    /// The moment from which on rows are replaced, as `2026-11-24 00:00:00`.
    pub since: Option<String>,
    /// The columns of the table that takes rows in.
    pub columns: Vec<String>,
}

/// A query of the project.
#[derive(Clone, Copy)]
pub(super) struct Query<'a> {
    text: &'a str,
    places: &'a [Place],
}

impl<'a> Query<'a> {
    /// Returns the whole query of a model.
    pub(super) fn whole(model: &'a CompiledModel) -> Self {
        Self { text: &model.query.text, places: &model.places }
    }

    /// Returns the query for what is new.
    pub(super) fn increment(increment: &'a CompiledIncrement) -> Self {
        Self { text: &increment.query.text, places: &increment.places }
    }
}

/// A statement, ready to be sent, with the way back to the model's query.
#[derive(Clone, Debug)]
pub struct Written<'q> {
    /// The statement.
    pub text: String,
    query: &'q Rendered,
    /// Bytes of the text that are parts of the query, each with the place in the query that it begins at.
    parts: Vec<(Range<usize>, usize)>,
}

impl Pinned {
    /// Appends what is kiln's.
    pub(super) fn own(mut self, text: impl Into<String>) -> Self {
        self.pieces.push(Piece::Own(text.into()));
        self
    }

    /// Appends the fingerprint of what the table is built from.
    pub(super) fn inputs(mut self) -> Self {
        self.pieces.push(Piece::Inputs);
        self
    }

    /// Appends the moment from which on rows are replaced.
    pub(super) fn since(mut self) -> Self {
        self.pieces.push(Piece::Since);
        self
    }

    /// Appends the columns of the table that takes rows in.
    pub(super) fn columns(mut self) -> Self {
        self.pieces.push(Piece::Columns);
        self
    }

    /// Appends another statement's pieces.
    pub(super) fn then(mut self, other: Self) -> Self {
        self.pieces.extend(other.pieces);
        self
    }

    /// Appends a query that reads sources at fixed versions, also through views. `filter` is what comes after `FROM (…)`;
    /// nothing if it is empty.
    pub(super) fn pinned_query(mut self, manifest: &Manifest, query: Query<'_>, filter: Self) -> Self {
        let views = views_to_write_out(manifest, query.places);
        let own = query_end(query.text);
        if views.is_empty() && filter.pieces.is_empty() {
            self.query(query, own, Piece::Query);
            return self;
        }
        // The views stand before the query under their own names, and so hide those of the workspace.
        for (i, view) in views.iter().enumerate() {
            let before = if i == 0 { "WITH " } else { ",\n" };
            self = self.own(format!("{before}{} AS (\n", quote_identifier(view.config.name.as_str())));
            let text = &view.query.text;
            self.query(Query::whole(view), query_end(text), |range| Piece::Own(text[range].to_owned()));
            self = self.own("\n)");
        }
        self = self.own(if views.is_empty() { "SELECT * FROM (\n" } else { "\nSELECT * FROM (\n" });
        self.query(query, own, Piece::Query);
        self.own("\n)").then(filter)
    }

    /// Appends a model's query as it is.
    pub(super) fn plain_query(mut self, model: &CompiledModel) -> Self {
        self.pieces.push(Piece::Query(0..model.query.text.len()));
        self
    }

    fn query(&mut self, query: Query<'_>, end: usize, piece: impl Fn(Range<usize>) -> Piece) {
        let mut from = 0;
        for place in query.places {
            if let ReadFrom::Source(table) = &place.read
                && !has_version(&query.text[place.range.end..])
            {
                self.pieces.push(piece(from..place.range.end));
                self.pieces.push(Piece::Version(table.clone()));
                from = place.range.end;
            }
        }
        self.pieces.push(piece(from..end.max(from)));
    }

    /// Fills the gaps.
    pub fn write<'q>(&self, query: &'q Rendered, gaps: &Gaps) -> Written<'q> {
        let mut written = Written { text: String::new(), query, parts: Vec::new() };
        for piece in &self.pieces {
            match piece {
                Piece::Own(text) => written.text.push_str(text),
                Piece::Query(range) => {
                    let start = written.text.len();
                    written.text.push_str(&query.text[range.clone()]);
                    written.parts.push((start..written.text.len(), range.start));
                }
                Piece::Version(table) => {
                    if let Some(version) = gaps.versions.get(table) {
                        written.text.push_str(&format!(" VERSION AS OF {}", version.number));
                    }
                }
                Piece::Inputs => written.text.push_str(gaps.inputs.as_ref().map_or("", Fingerprint::as_str)),
                Piece::Since => {
                    let since = gaps.since.as_deref().unwrap_or(BEFORE_ALL);
                    written.text.push_str(&format!("TIMESTAMP {}", string_literal(since)));
                }
                Piece::Columns => {
                    let columns: Vec<String> = gaps.columns.iter().map(|column| quote_identifier(column)).collect();
                    written.text.push_str(&columns.join(", "));
                }
            }
        }
        written
    }
}

impl Written<'_> {
    /// Returns the place in the model's file that a line and column of the statement (both counted from 1) come from: the
    /// begin of the file where kiln wrote it, or where there is no such place.
    pub fn origin(&self, position: Option<(usize, usize)>) -> Span {
        position
            .and_then(|(line, column)| {
                let at = SourceFile::new("statement", self.text.clone()).offset(line, column);
                let (part, start) = self.parts.iter().find(|(part, _)| part.contains(&at))?;
                let (line, column) = self.query.line_column(start + at - part.start);
                Some(self.query.origin_of_line_column(line, column))
            })
            .unwrap_or_else(|| Span::start_of(&self.query.file))
    }
}

/// What a table's rows depend on besides its definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Tables of sources that it reads, also through views.
    pub sources: BTreeSet<TableName>,
    /// Models that are tables, read likewise, each with what it is built from as far as the workspace says so.
    pub tables: BTreeMap<ModelName, Option<Fingerprint>>,
    /// A function that gives something else each time.
    pub volatile: Option<&'static str>,
    /// The run that has built windows of its table again.
    pub backfilled: Option<String>,
}

impl Inputs {
    /// Finds what a model, and what its tests read, depend on.
    pub(super) fn of(manifest: &Manifest, observed: &Observed, model: &CompiledModel) -> Self {
        let there = observed.tables.get(&model.table.name).and_then(|table| table.marks.as_ref());
        let backfilled = there.and_then(|marks| marks.backfilled.clone());
        let mut inputs = Self { volatile: model.volatile, backfilled, ..Self::default() };
        for test in &model.tests {
            inputs.volatile = inputs.volatile.or(crate::dialect::volatile(&test.failing));
            inputs.sources.extend(test.reads.sources.iter().map(|read| read.table.clone()));
            inputs.add_models(manifest, observed, &test.reads.models);
        }
        inputs.sources.extend(model.reads.sources.iter().map(|read| read.table.clone()));
        inputs.add_models(manifest, observed, &model.reads.models);
        inputs
    }

    fn add_models(&mut self, manifest: &Manifest, observed: &Observed, names: &[ModelName]) {
        for model in names.iter().filter_map(|name| manifest.models.get(name)) {
            if let Some(deferred) = manifest.deferred(&model.config.name) {
                self.tables.insert(model.config.name.clone(), deferred.inputs.clone());
                continue;
            }
            if model.config.materialized == Materialization::View {
                self.volatile = self.volatile.or(model.volatile);
                self.sources.extend(model.reads.sources.iter().map(|read| read.table.clone()));
                self.add_models(manifest, observed, &model.reads.models);
            } else {
                let marks = observed.tables.get(&model.table.name).and_then(|table| table.marks.as_ref());
                self.tables.insert(model.config.name.clone(), marks.and_then(|marks| marks.inputs.clone()));
            }
        }
    }

    /// Takes the fingerprint of what is read. Where that cannot be told, it is one that no other run comes to.
    pub fn fingerprint(
        &self,
        versions: &Versions,
        built: impl Fn(&ModelName) -> Option<Fingerprint>,
        run: &RunId,
    ) -> Fingerprint {
        let unknown = || format!("run {run}");
        let mut parts = Vec::new();
        for table in &self.sources {
            let version = versions.get(table).and_then(|version| Some((version.number, version.at.as_ref()?)));
            parts.push(table.to_string());
            parts.push(version.map_or_else(unknown, |(number, at)| format!("{number} {at}")));
        }
        for (model, there) in &self.tables {
            parts.push(model.to_string());
            parts.push(built(model).or_else(|| there.clone()).map_or_else(unknown, |inputs| inputs.to_string()));
        }
        if self.volatile.is_some() {
            parts.push(unknown());
        }
        if let Some(run) = &self.backfilled {
            parts.push(format!("backfill {run}"));
        }
        Fingerprint::of(&parts.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// Lists the views through which a query reads sources, each after those that it reads itself.
fn views_to_write_out<'a>(manifest: &'a Manifest, places: &[Place]) -> Vec<&'a CompiledModel> {
    let mut views = Vec::new();
    add_views(manifest, places, &mut views);
    views
}

/// Adds the views of a query; tells whether it reads sources, be it through them.
fn add_views<'a>(manifest: &'a Manifest, places: &[Place], views: &mut Vec<&'a CompiledModel>) -> bool {
    let mut reads_sources = false;
    for place in places {
        match &place.read {
            ReadFrom::Source(_) => reads_sources = true,
            ReadFrom::Model(name) => {
                let Some(view) = manifest.models.get(name) else { continue };
                // By its full name it could not be hidden.
                // Elsewhere it has its own sources.
                let is_elsewhere = manifest.deferred(name).is_some();
                if view.config.materialized != Materialization::View || !place.bare || is_elsewhere {
                    continue;
                }
                if views.iter().any(|other| other.config.name == view.config.name) {
                    reads_sources = true;
                } else if add_views(manifest, &view.places, views) {
                    views.push(view);
                    reads_sources = true;
                }
            }
        }
    }
    reads_sources
}

/// Tells whether what follows a table's name says already at which version it is read.
fn has_version(rest: &str) -> bool {
    let rest = rest.trim_start();
    let mut words = rest.split_whitespace().map(str::to_lowercase);
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    rest.starts_with('@')
        || (matches!(first.as_str(), "version" | "timestamp") && second == "as")
        || (first == "for" && matches!(second.as_str(), "version" | "timestamp" | "system_version" | "system_time"))
}

/// Returns where a query ends, before a semicolon if it has one.
fn query_end(text: &str) -> usize {
    crate::dialect::end_of_query(text)
}
