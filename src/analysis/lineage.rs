//! Where the columns of a query come from: which columns of which tables, and how.
//!
//! The walk of [`super::resolve`] notes it on the way, for those who ask; others pay nothing. Whoever resolves a name puts
//! the columns behind it on a list (`reads`), and whoever knows what the expression is for takes them off again: as the
//! origin of an output column, or as something that only decides about rows. Origins are kept once each and handed on by
//! number, so that columns can be copied as before.

use indexmap::{IndexMap, IndexSet};

use super::resolve::Resolver;
use super::scope::{Offered, Output, Scope};
use super::{Column, DataType, Parsed, Relation};

/// How a column's value comes from another's, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// It is that value.
    Unchanged,
    /// It is computed from values of one row.
    Computed,
    /// It is computed from values of several rows.
    Aggregated,
}

/// What a column does to the rows of a query without becoming part of a value: one or several of the constants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clauses(u8);

impl Clauses {
    /// It decides which rows there are: WHERE, HAVING, QUALIFY, EXCEPT.
    pub const FILTER: Self = Self(1);
    /// It decides which rows belong together: ON, USING.
    pub const JOIN: Self = Self(2);
    /// Rows are made one by it: GROUP BY, DISTINCT.
    pub const GROUP: Self = Self(4);
    /// It puts rows in order.
    pub const ORDER: Self = Self(8);
    /// Rows are made of it: `explode` and the like, PIVOT.
    pub const EXPAND: Self = Self(16);

    const WORDS: [(Self, &'static str); 5] = [
        (Self::FILTER, "filter"),
        (Self::JOIN, "join"),
        (Self::GROUP, "group"),
        (Self::ORDER, "order"),
        (Self::EXPAND, "expand"),
    ];

    /// Returns both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns a word for each.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::WORDS.into_iter().filter(move |(clause, _)| self.0 & clause.0 != 0).map(|(_, word)| word)
    }
}

/// A column of a table that a query reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnRead {
    /// The table: its place in [`Traced::tables`].
    pub table: usize,
    /// The column.
    pub column: String,
}

/// A column that a query returns, with where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedColumn {
    /// Its name.
    pub name: String,
    /// Its type; none if it could not be inferred.
    pub data_type: Option<DataType>,
    /// The columns that its value comes from, each once.
    pub from: Vec<(ColumnRead, How)>,
    /// Whether it also comes from something that could not be told.
    pub unknown: bool,
}

/// What a query returns besides the columns that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Nothing.
    Nothing,
    /// The other columns of this table, unchanged: `*` over a table whose columns are not known.
    Of(usize),
    /// Columns that could not be told.
    Unknown,
}

/// A query with where its columns come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// The tables that are read, by the parts of their names as written, in the order of reading.
    pub tables: Vec<Vec<String>>,
    /// The columns that are returned.
    pub columns: Vec<TracedColumn>,
    /// What is returned besides.
    pub rest: Rest,
    /// The columns that decide about rows.
    pub rows: Vec<(ColumnRead, Clauses)>,
    /// The columns that are named anywhere in the query: without one of them it would be wrong.
    pub named: Vec<ColumnRead>,
}

/// Finds where the columns of a query come from. `relation` is as for [`super::resolve`]; problems are not reported here.
pub fn trace(parsed: &Parsed, relation: &dyn Fn(&[String]) -> Option<Relation>) -> Traced {
    let origin = |range| parsed.span(range);
    let mut resolver = Resolver::new(&parsed.map, &origin, relation, &[]);
    resolver.quiet = true;
    resolver.trace = Some(Box::default());
    let output = resolver.query(&parsed.query, None);
    resolver.trace.map_or_else(|| Trace::default().result(&output), |trace| trace.result(&output))
}

/// A set of columns with how each is used, by its number; 0 is the empty one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Origin(u32);

/// A set of columns that decide about rows, by its number; 0 is the empty one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rows(u32);

/// A table, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Table(usize);

/// Rows being collected of a query, while another one inside it is walked.
pub(super) struct Outer(Vec<(u32, Clauses)>);

/// Stands for columns that could not be told.
const UNKNOWN: u32 = u32::MAX;

/// What has been noted so far.
#[derive(Default)]
pub(super) struct Trace {
    /// Tables by the parts of their names, in lower case → as written.
    tables: IndexMap<Vec<String>, Vec<String>>,
    /// Columns by table and name in lower case → as written.
    columns: IndexMap<(usize, String), String>,
    named: Vec<bool>,
    origins: IndexSet<Vec<(u32, How)>>,
    row_sets: IndexSet<Vec<(u32, Clauses)>>,
    /// The columns behind the names of the expression at hand.
    reads: Vec<(u32, How)>,
    /// The columns that decide about the rows of the query at hand.
    rows: Vec<(u32, Clauses)>,
}

impl Trace {
    fn table(&mut self, parts: &[String]) -> usize {
        let key = parts.iter().map(|part| part.to_lowercase()).collect();
        let entry = self.tables.entry(key);
        let at = entry.index();
        entry.or_insert_with(|| parts.to_vec());
        at
    }

    fn column(&mut self, table: usize, name: &str) -> u32 {
        let entry = self.columns.entry((table, name.to_lowercase()));
        let at = entry.index();
        entry.or_insert_with(|| name.to_owned());
        if self.named.len() <= at {
            self.named.resize(at + 1, false);
        }
        u32::try_from(at).unwrap_or(UNKNOWN)
    }

    /// Keeps a set of columns; of a column that comes twice, the stronger use counts.
    fn keep(&mut self, mut edges: Vec<(u32, How)>) -> Origin {
        if edges.is_empty() {
            return Origin(0);
        }
        edges.sort_unstable_by_key(|(column, how)| (*column, std::cmp::Reverse(*how)));
        edges.dedup_by_key(|(column, _)| *column);
        let (at, _) = self.origins.insert_full(edges);
        Origin(u32::try_from(at + 1).unwrap_or(0))
    }

    fn edges(&self, origin: Origin) -> &[(u32, How)] {
        let at = (origin.0 as usize).checked_sub(1);
        at.and_then(|at| self.origins.get_index(at)).map_or(&[], Vec::as_slice)
    }

    fn keep_rows(&mut self, mut rows: Vec<(u32, Clauses)>) -> Rows {
        if rows.is_empty() {
            return Rows(0);
        }
        rows.sort_unstable();
        rows.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            if is_same {
                kept.1 = kept.1.and(next.1);
            }
            is_same
        });
        let (at, _) = self.row_sets.insert_full(rows);
        Rows(u32::try_from(at + 1).unwrap_or(0))
    }

    fn rows_of(&self, rows: Rows) -> &[(u32, Clauses)] {
        let at = (rows.0 as usize).checked_sub(1);
        at.and_then(|at| self.row_sets.get_index(at)).map_or(&[], Vec::as_slice)
    }

    fn read(&self, column: u32) -> Option<ColumnRead> {
        let ((table, _), name) = self.columns.get_index(column as usize)?;
        Some(ColumnRead { table: *table, column: name.clone() })
    }

    fn result(&self, output: &Output) -> Traced {
        let column = |column: &Offered| {
            let edges = self.edges(column.origin);
            TracedColumn {
                name: column.name.clone(),
                data_type: column.data_type.clone(),
                from: edges.iter().filter_map(|(read, how)| Some((self.read(*read)?, *how))).collect(),
                unknown: edges.iter().any(|(read, _)| *read == UNKNOWN),
            }
        };
        let named = self.named.iter().enumerate().filter(|(_, named)| **named);
        Traced {
            tables: self.tables.values().cloned().collect(),
            columns: output.columns.iter().map(column).collect(),
            rest: match (output.open, output.passes) {
                (false, _) => Rest::Nothing,
                (true, Some(Table(table))) => Rest::Of(table),
                (true, None) => Rest::Unknown,
            },
            rows: self
                .rows_of(output.rows)
                .iter()
                .filter_map(|(read, clauses)| Some((self.read(*read)?, *clauses)))
                .collect(),
            named: named.filter_map(|(at, _)| self.read(u32::try_from(at).ok()?)).collect(),
        }
    }
}

impl Resolver<'_> {
    /// Marks the place in the list of columns from which on those of an expression will stand.
    pub(super) fn mark(&self) -> usize {
        self.trace.as_ref().map_or(0, |trace| trace.reads.len())
    }

    /// Puts the columns behind a name on the list.
    pub(super) fn note(&mut self, origin: Origin) {
        let Some(trace) = &mut self.trace else { return };
        let edges = trace.edges(origin).to_vec();
        for (column, _) in &edges {
            if let Some(named) = trace.named.get_mut(*column as usize) {
                *named = true;
            }
        }
        trace.reads.extend(edges);
    }

    /// Puts the columns of a subquery's result on the list.
    pub(super) fn note_output(&mut self, output: &Output) {
        let Some(trace) = &mut self.trace else { return };
        for column in &output.columns {
            let edges = trace.edges(column.origin).to_vec();
            trace.reads.extend(edges);
        }
        if output.open {
            trace.reads.push((UNKNOWN, How::Computed));
        }
        self.adopt(output.rows);
    }

    /// Notes a name that no known column has, in a scope with sources whose columns are not known. If it can be a column
    /// of one of them only, it is taken for that.
    pub(super) fn note_presumed(&mut self, parts: &[String], scope: &Scope<'_>) {
        let Some(trace) = &mut self.trace else { return };
        match scope.presumed(parts) {
            Some((Table(table), used)) => {
                let column = trace.column(table, &parts[used - 1]);
                if let Some(named) = trace.named.get_mut(column as usize) {
                    *named = true;
                }
                trace.reads.push((column, if used < parts.len() { How::Computed } else { How::Unchanged }));
            }
            None => trace.reads.push((UNKNOWN, How::Computed)),
        }
    }

    /// Says that what has come onto the list since a mark is used at least in this way.
    pub(super) fn raise(&mut self, mark: usize, how: How) {
        let Some(trace) = &mut self.trace else { return };
        for (_, used) in trace.reads.iter_mut().skip(mark) {
            *used = how.max(*used);
        }
    }

    /// Takes what has come onto the list since a mark as the origin of a value.
    pub(super) fn origin(&mut self, mark: usize) -> Origin {
        let Some(trace) = &mut self.trace else { return Origin(0) };
        let edges = trace.reads.split_off(mark.min(trace.reads.len()));
        trace.keep(edges)
    }

    /// Takes what has come onto the list since a mark as deciding about rows.
    pub(super) fn influence(&mut self, mark: usize, clause: Clauses) {
        let Some(trace) = &mut self.trace else { return };
        let from = mark.min(trace.reads.len());
        trace.rows.extend(trace.reads.drain(from..).map(|(column, _)| (column, clause)));
    }

    /// Says that the columns of an origin decide about rows.
    pub(super) fn decides(&mut self, origin: Origin, clause: Clauses) {
        let Some(trace) = &mut self.trace else { return };
        let edges = trace.edges(origin).to_vec();
        trace.rows.extend(edges.into_iter().map(|(column, _)| (column, clause)));
    }

    /// Takes over what decides about the rows of something that is read.
    pub(super) fn adopt(&mut self, rows: Rows) {
        let Some(trace) = &mut self.trace else { return };
        let more = trace.rows_of(rows).to_vec();
        trace.rows.extend(more);
    }

    /// Begins a query.
    pub(super) fn enter(&mut self) -> Outer {
        Outer(self.trace.as_mut().map(|trace| std::mem::take(&mut trace.rows)).unwrap_or_default())
    }

    /// Ends a query; returns what decides about its rows.
    pub(super) fn leave(&mut self, outer: Outer) -> Rows {
        let Some(trace) = &mut self.trace else { return Rows(0) };
        let rows = std::mem::replace(&mut trace.rows, outer.0);
        trace.keep_rows(rows)
    }

    /// Returns both origins together, used at least in this way.
    pub(super) fn both(&mut self, a: Origin, b: Origin, how: How) -> Origin {
        let Some(trace) = &mut self.trace else { return Origin(0) };
        if how == How::Unchanged && (a == b || b.0 == 0) {
            return a;
        }
        let edges = trace.edges(a).iter().chain(trace.edges(b)).map(|(column, used)| (*column, how.max(*used)));
        let edges = edges.collect();
        trace.keep(edges)
    }

    /// The origin of a column of which nothing is known.
    pub(super) fn unknown_origin(&mut self) -> Origin {
        self.trace.as_mut().map_or(Origin(0), |trace| trace.keep(vec![(UNKNOWN, How::Computed)]))
    }

    /// Says whether all of an origin comes from single rows: what `GROUP BY ALL` groups by.
    pub(super) fn is_of_one_row(&self, origin: Origin) -> bool {
        let Some(trace) = &self.trace else { return false };
        trace.edges(origin).iter().all(|(_, how)| *how < How::Aggregated)
    }

    /// What a table offers.
    pub(super) fn offered(&mut self, parts: &[String], relation: Relation) -> Output {
        let mut output = match relation {
            Relation::Known(columns) => {
                Output { columns: columns.iter().cloned().map(Offered::from).collect(), ..Output::default() }
            }
            Relation::Unknown => Output::unknown(),
        };
        let Some(trace) = &mut self.trace else { return output };
        let table = trace.table(parts);
        output.passes = output.open.then_some(Table(table));
        for column in &mut output.columns {
            let read = trace.column(table, &column.column.name);
            column.origin = trace.keep(vec![(read, How::Unchanged)]);
        }
        output
    }

    /// Takes the result of a recursive query's next round in; says whether that brought anything.
    pub(super) fn grow(&mut self, so_far: &mut Output, round: &Output) -> bool {
        if self.trace.is_none() || so_far.columns.len() != round.columns.len() {
            return false;
        }
        let mut grown = so_far.rows != round.rows;
        so_far.rows = round.rows;
        for (column, more) in so_far.columns.iter_mut().zip(&round.columns) {
            let both = self.both(column.origin, more.origin, How::Unchanged);
            grown |= both != column.origin;
            column.origin = both;
        }
        grown
    }
}

impl Offered {
    pub(super) fn new(name: impl Into<String>, data_type: Option<DataType>, origin: Origin) -> Self {
        Self { column: Column { name: name.into(), data_type }, origin }
    }
}
