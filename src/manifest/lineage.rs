//! Lineage: from the columns of sources through models to the datasets and widgets of dashboards, and to data tests.
//!
//! It is made of a compiled project when somebody asks for it, for nothing else needs it: each query is read once more,
//! in the order of building, and traced to the columns of what it reads.

mod build;
mod lookup;
mod walk;

use std::path::PathBuf;

use crate::analysis::{Clauses, DataType, How};

pub use lookup::Asked;
pub use walk::{Direction, Part, Step};

/// Where everything in a project comes from.
#[derive(Clone, Debug, Default)]
pub struct Lineage {
    nodes: Vec<Node>,
    /// For each node and each of its columns what comes from it.
    readers: Vec<Vec<Readers>>,
}

/// Something that has columns.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its name, which no other node has: `orders`, `shop_public.orders`, `retention/Cohort sizes`.
    pub name: String,
    /// Other names that it is found by, such as the id of a widget.
    pub other_names: Vec<String>,
    /// The file that it is defined in, relative to the project.
    pub path: Option<PathBuf>,
    /// Its columns, fields, or what a test returns of the rows that fail.
    pub columns: Vec<Field>,
    /// Whether these are all its columns.
    pub complete: bool,
    /// The columns that decide about its rows, each with what it does.
    pub rows: Vec<(ColumnAt, Clauses)>,
    /// The nodes that it reads.
    pub reads: Vec<NodeAt>,
    /// The columns that its text names: without one of them it would be wrong.
    pub names: Vec<ColumnAt>,
    /// A node whose other columns are its own, unchanged: it reads `*` of something whose columns are not known.
    passes: Option<NodeAt>,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// A table that a connection lands, or that others keep.
    Source,
    /// A model.
    Model,
    /// A data test of a model.
    Test,
    /// A dataset of a dashboard, with its calculations.
    Dataset,
    /// A widget of a dashboard, filters among them.
    Widget,
}

impl NodeKind {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Model => "model",
            Self::Test => "test",
            Self::Dataset => "dataset",
            Self::Widget => "widget",
        }
    }
}

/// A column of a node.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type; none if it is not known.
    pub data_type: Option<DataType>,
    /// The columns that its value comes from, and how.
    pub from: Vec<(ColumnAt, How)>,
    /// Whether it also comes from something that could not be told.
    pub unknown: bool,
    /// Whether it is only known because somebody reads it.
    pub presumed: bool,
}

/// A node, by its place in [`Lineage::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeAt(pub usize);

/// A column of a node, by its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnAt {
    /// The node.
    pub node: NodeAt,
    /// The column.
    pub column: usize,
}

/// What uses a column.
#[derive(Clone, Debug, Default)]
struct Readers {
    /// Columns whose values come from it.
    values: Vec<(ColumnAt, How)>,
    /// Nodes about whose rows it decides.
    rows: Vec<(NodeAt, Clauses)>,
    /// Nodes whose text names it.
    names: Vec<NodeAt>,
}

impl Lineage {
    /// Returns all nodes: sources first, then models with their tests in the order of building, then dashboards.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Returns a node.
    pub fn node(&self, at: NodeAt) -> &Node {
        &self.nodes[at.0]
    }

    /// Returns a column.
    pub fn field(&self, at: ColumnAt) -> &Field {
        &self.nodes[at.node.0].columns[at.column]
    }

    /// Returns the node's and the column's name: `orders.total`.
    pub fn column_name(&self, at: ColumnAt) -> String {
        format!("{}.{}", self.node(at.node).name, self.field(at).name)
    }

    /// Walks all columns of a node.
    pub fn columns(&self, node: NodeAt) -> impl Iterator<Item = ColumnAt> {
        (0..self.nodes[node.0].columns.len()).map(move |column| ColumnAt { node, column })
    }

    /// Finds a node of this kind by its name, in any case.
    pub fn find(&self, kind: NodeKind, name: &str) -> Option<NodeAt> {
        self.nodes.iter().position(|node| node.kind == kind && node.name.eq_ignore_ascii_case(name)).map(NodeAt)
    }

    /// Finds a column of a node by its name, in any case.
    pub fn find_column(&self, node: NodeAt, name: &str) -> Option<ColumnAt> {
        let column = self.node(node).columns.iter().position(|field| same(&field.name, name))?;
        Some(ColumnAt { node, column })
    }

    /// Returns the nodes whose text names a column.
    pub fn named_by(&self, at: ColumnAt) -> &[NodeAt] {
        &self.readers[at.node.0][at.column].names
    }
}

/// Names are the same in any case.
fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || (!a.is_ascii() && a.to_lowercase() == b.to_lowercase())
}
