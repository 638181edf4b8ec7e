//! What changed from one state of a project to another, and what that affects, down to the widgets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::lineage::{ColumnAt, Direction, Lineage, Node, NodeAt, NodeKind, Step};
use super::{CompiledModel, Manifest};
use crate::analysis::{self, Touched};
use crate::dashboards;

/// A project as it is or was.
#[derive(Clone, Copy, Debug)]
pub struct State<'s> {
    /// The compiled project.
    pub manifest: &'s Manifest,
    /// Its lineage.
    pub lineage: &'s Lineage,
}

/// What changed, and what that affects.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// What is new, gone or other than before.
    pub changed: Vec<Change>,
    /// What is as before itself and may hold something else.
    pub affected: Vec<Named>,
}

/// Something of the project by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// What it is.
    pub kind: NodeKind,
    /// Its name.
    pub name: String,
    /// The column, where it is about one.
    pub column: Option<String>,
}

/// What became of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is other than before.
    Changed,
}

impl Act {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// A source, model or dashboard that changed.
#[derive(Clone, Debug)]
pub struct Change {
    /// What it is; a dashboard is none of the nodes.
    pub kind: ChangedKind,
    /// Its name.
    pub name: String,
    /// Its file.
    pub path: Option<String>,
    /// What became of it.
    pub act: Act,
    /// What of it changed, in words, where that is not its columns.
    pub what: Vec<String>,
    /// Columns that are new, gone, or of another type or meaning.
    pub columns: Vec<ColumnChange>,
}

/// What can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedKind {
    /// A table of a source.
    Source,
    /// A model.
    Model,
    /// A dashboard.
    Dashboard,
}

impl ChangedKind {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Model => "model",
            Self::Dashboard => "dashboard",
        }
    }
}

/// A column that changed.
#[derive(Clone, Debug)]
pub struct ColumnChange {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub act: ColumnAct,
    /// What reads it: now, or of one that is gone, before.
    pub read_by: Vec<Named>,
}

/// What became of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnAct {
    /// It is new.
    Added {
        /// Its type, if known.
        data_type: Option<String>,
    },
    /// It is gone.
    Removed {
        /// The type it had, if known.
        data_type: Option<String>,
    },
    /// It has another type.
    Retyped {
        /// The type it had.
        before: String,
        /// The type it has.
        after: String,
    },
    /// It is computed in another way.
    Redefined,
}

/// Compares a project with what it was.
pub fn changes(before: State<'_>, after: State<'_>) -> Changes {
    let mut found = Changes::default();
    let mut seeds: Vec<ColumnAt> = Vec::new();
    sources(before.lineage, after.lineage, &mut found, &mut seeds);
    models(before, after, &mut found, &mut seeds);
    dashboards(before.manifest, after.manifest, &mut found);
    let changed: BTreeSet<&str> = found.changed.iter().map(|change| change.name.as_str()).collect();
    let affected = after.lineage.affected(&seeds).into_iter().map(|at| after.lineage.node(at));
    let affected = affected.filter(|node| !changed.contains(node.name.as_str()));
    found.affected = affected.map(|node| Named { kind: node.kind, name: node.name.clone(), column: None }).collect();
    found
}

fn sources(before: &Lineage, after: &Lineage, found: &mut Changes, seeds: &mut Vec<ColumnAt>) {
    pairs(before, after, NodeKind::Source, |name, old, new| {
        let (act, columns) = match (old, new) {
            (Some(old), Some(new)) => {
                (Act::Changed, columns(before, old, after, new, &Touched::Columns(BTreeSet::new()), seeds))
            }
            (None, _) => (Act::Added, Vec::new()),
            (_, None) => (Act::Removed, Vec::new()),
        };
        if act != Act::Changed || !columns.is_empty() {
            let change =
                Change { kind: ChangedKind::Source, name: name.to_owned(), path: None, act, what: Vec::new(), columns };
            found.changed.push(change);
        }
    });
}

fn models(before: State<'_>, after: State<'_>, found: &mut Changes, seeds: &mut Vec<ColumnAt>) {
    pairs(before.lineage, after.lineage, NodeKind::Model, |name, old, new| {
        let of = |state: &State<'_>| state.manifest.models.get(name).cloned();
        let (was, is) = (of(&before), of(&after));
        let path = is.as_ref().or(was.as_ref()).map(|model| model.config.path.display().to_string());
        let mut change = Change {
            kind: ChangedKind::Model,
            name: name.to_owned(),
            path,
            act: Act::Changed,
            what: Vec::new(),
            columns: Vec::new(),
        };
        match (old.zip(was), new.zip(is)) {
            (Some((old, was)), Some((new, is))) => {
                let touched = touched(&was, &is);
                change.what = differences(&was, &is);
                if touched == Touched::Everything {
                    change.what.insert(0, "its query".to_owned());
                    seeds.extend(after.lineage.columns(new));
                }
                change.columns = columns(before.lineage, old, after.lineage, new, &touched, seeds);
            }
            (None, new) => {
                change.act = Act::Added;
                seeds.extend(new.into_iter().flat_map(|(new, _)| after.lineage.columns(new)));
            }
            (Some(_), None) => change.act = Act::Removed,
        }
        // A model whose columns have other types because those below it have is changed, too.
        if change.act != Act::Changed || !change.what.is_empty() || !change.columns.is_empty() {
            found.changed.push(change);
        }
    });
}

/// Which columns another query touches; none, if it is the same.
fn touched(was: &CompiledModel, is: &CompiledModel) -> Touched {
    if was.definition == is.definition {
        return Touched::Columns(BTreeSet::new());
    }
    let queries = |model: &CompiledModel| {
        let increment = model.increment.as_ref().map(|increment| Arc::clone(&increment.query));
        std::iter::once(Arc::clone(&model.query)).chain(increment).collect::<Vec<_>>()
    };
    let (before, after) = (queries(was), queries(is));
    if before.len() != after.len() {
        return Touched::Everything;
    }
    let mut all = BTreeSet::new();
    for (before, after) in before.iter().zip(&after) {
        let (Ok(before), Ok(after)) = (analysis::parse(before), analysis::parse(after)) else {
            return Touched::Everything;
        };
        match analysis::touched(&before, &after) {
            Touched::Columns(columns) => all.extend(columns),
            Touched::Everything => return Touched::Everything,
        }
    }
    Touched::Columns(all)
}

/// What differs between two forms of a model besides its query.
fn differences(was: &CompiledModel, is: &CompiledModel) -> Vec<String> {
    let mut what = Vec::new();
    if was.config.materialized != is.config.materialized {
        what.push(format!("a {} and no {}", is.config.materialized.as_str(), was.config.materialized.as_str()));
    }
    if was.config.incremental != is.config.incremental {
        what.push("how it takes in new rows".to_owned());
    }
    let tests = |model: &CompiledModel| model.tests.iter().map(|test| test.name.clone()).collect::<Vec<_>>();
    let (old, new) = (tests(was), tests(is));
    what.extend(new.iter().filter(|test| !old.contains(test)).map(|test| format!("new test {test}")));
    what.extend(old.iter().filter(|test| !new.contains(test)).map(|test| format!("no longer tested by {test}")));
    what
}

fn dashboards(before: &Manifest, after: &Manifest, found: &mut Changes) {
    let names: BTreeSet<_> = before.dashboards.keys().chain(after.dashboards.keys()).collect();
    for name in names {
        let (was, is) = (before.dashboards.get(name), after.dashboards.get(name));
        let (act, what) = match (was, is) {
            (Some(was), Some(is)) => (Act::Changed, dashboards::differences(was.content.json(), is.content.json())),
            (None, _) => (Act::Added, Vec::new()),
            (_, None) => (Act::Removed, Vec::new()),
        };
        if act == Act::Changed && what.is_empty() {
            continue;
        }
        let path = is.or(was).map(|dashboard| dashboard.file.path.display().to_string());
        let name = name.to_string();
        found.changed.push(Change { kind: ChangedKind::Dashboard, name, path, act, what, columns: Vec::new() });
    }
}

/// Walks the nodes of a kind that are or were there: those of now in their order, then those that are gone.
fn pairs(
    before: &Lineage,
    after: &Lineage,
    kind: NodeKind,
    mut each: impl FnMut(&str, Option<NodeAt>, Option<NodeAt>),
) {
    for at in after.of_kind(kind) {
        let name = &after.node(at).name;
        each(name, before.find(kind, name), Some(at));
    }
    for at in before.of_kind(kind) {
        let name = &before.node(at).name;
        if after.find(kind, name).is_none() {
            each(name, Some(at), None);
        }
    }
}

/// Compares the columns of a node with those it had. Columns whose values are others become seeds of what is affected.
fn columns(
    before: &Lineage,
    old: NodeAt,
    after: &Lineage,
    new: NodeAt,
    touched: &Touched,
    seeds: &mut Vec<ColumnAt>,
) -> Vec<ColumnChange> {
    let mut found = Vec::new();
    let name_of = |field: &super::lineage::Field| field.name.to_lowercase();
    let known = |node: &Node| -> BTreeMap<String, usize> {
        let fields = node.columns.iter().enumerate().filter(|(_, field)| !field.presumed);
        fields.map(|(at, field)| (name_of(field), at)).collect()
    };
    let (olds, news) = (known(before.node(old)), known(after.node(new)));
    for at in after.columns(new).filter(|at| !after.field(*at).presumed) {
        let field = after.field(at);
        let name = name_of(field);
        let is_touched = matches!(touched, Touched::Columns(names) if names.contains(&name));
        let act = match olds.get(&name).map(|column| &before.node(old).columns[*column]) {
            None if before.node(old).complete => {
                ColumnAct::Added { data_type: field.data_type.as_ref().map(ToString::to_string) }
            }
            None => continue,
            Some(was) => match (&was.data_type, &field.data_type) {
                (Some(was), Some(is)) if was != is => {
                    ColumnAct::Retyped { before: was.to_string(), after: is.to_string() }
                }
                _ if is_touched => ColumnAct::Redefined,
                _ => continue,
            },
        };
        seeds.push(at);
        found.push(ColumnChange { name: field.name.clone(), act, read_by: read_by(after, at) });
    }
    for at in before.columns(old).filter(|at| !before.field(*at).presumed) {
        let field = before.field(at);
        if after.node(new).complete && !news.contains_key(&name_of(field)) {
            let act = ColumnAct::Removed { data_type: field.data_type.as_ref().map(ToString::to_string) };
            found.push(ColumnChange { name: field.name.clone(), act, read_by: read_by(before, at) });
        }
    }
    found
}

/// Returns what reads a column directly.
pub fn read_by(lineage: &Lineage, at: ColumnAt) -> Vec<Named> {
    let named = |node: NodeAt, column: Option<&str>| {
        let node = lineage.node(node);
        Named { kind: node.kind, name: node.name.clone(), column: column.map(str::to_owned) }
    };
    let mut readers = Vec::new();
    let mut nodes = BTreeSet::new();
    for step in lineage.steps(at, Direction::Down) {
        if let Step::Value(column, _) = step {
            nodes.insert(column.node);
            readers.push(named(column.node, Some(&lineage.field(column).name)));
        }
    }
    let rows = lineage.steps(at, Direction::Down).into_iter().filter_map(|step| match step {
        Step::Rows(node, _) => Some(node),
        Step::Value(..) => None,
    });
    let others: BTreeSet<NodeAt> =
        rows.chain(lineage.named_by(at).iter().copied()).filter(|node| !nodes.contains(node)).collect();
    readers.extend(others.into_iter().map(|node| named(node, None)));
    readers
}
