//! Walking lineage: what a column or a node comes from, and where it goes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{ColumnAt, Lineage, NodeAt, NodeKind};
use crate::analysis::{Clauses, How};

/// Which way to walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To where values come from.
    Up,
    /// To where they go.
    Down,
}

/// A step from a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// To a column whose value the other one is or is made of.
    Value(ColumnAt, How),
    /// To a node about whose rows it decides; only on the way down.
    Rows(NodeAt, Clauses),
}

/// A part of the lineage: the nodes that were reached, and of their columns those.
pub type Part = BTreeMap<NodeAt, BTreeSet<usize>>;

impl Lineage {
    /// Returns the steps from a column, in the order of the nodes: values first.
    pub fn steps(&self, at: ColumnAt, direction: Direction) -> Vec<Step> {
        let mut steps: Vec<Step> = match direction {
            Direction::Up => self.field(at).from.iter().map(|(from, how)| Step::Value(*from, *how)).collect(),
            Direction::Down => {
                let readers = &self.readers[at.node.0][at.column];
                let values = readers.values.iter().map(|(to, how)| Step::Value(*to, *how));
                values.chain(readers.rows.iter().map(|(node, clauses)| Step::Rows(*node, *clauses))).collect()
            }
        };
        steps.sort_unstable();
        steps
    }

    /// Returns the nodes that a node reads, or that read it.
    pub fn neighbours(&self, node: NodeAt, direction: Direction) -> Vec<NodeAt> {
        let mut found: Vec<NodeAt> = match direction {
            Direction::Up => self.node(node).reads.clone(),
            Direction::Down => {
                let reads =
                    |(index, other): (usize, &super::Node)| other.reads.contains(&node).then_some(NodeAt(index));
                self.nodes.iter().enumerate().filter_map(reads).collect()
            }
        };
        found.sort_unstable();
        found
    }

    /// Returns the columns that are reached from some by values, those included, at most so many steps away, with the
    /// nodes about whose rows they decide. What such a node does with its rows is not followed.
    pub fn columns_reached(&self, from: &[ColumnAt], direction: Direction, depth: usize) -> Part {
        let mut part = Part::new();
        let mut open: VecDeque<(ColumnAt, usize)> = from.iter().map(|at| (*at, 0)).collect();
        while let Some((at, away)) = open.pop_front() {
            if !part.entry(at.node).or_default().insert(at.column) || away == depth {
                continue;
            }
            for step in self.steps(at, direction) {
                match step {
                    Step::Value(next, _) => open.push_back((next, away + 1)),
                    Step::Rows(node, _) => {
                        part.entry(node).or_default();
                    }
                }
            }
        }
        part
    }

    /// Returns the nodes that are reached from a node by reading, that one included, at most so many steps away.
    pub fn nodes_reached(&self, from: NodeAt, direction: Direction, depth: usize) -> BTreeSet<NodeAt> {
        let mut reached = BTreeSet::new();
        let mut open = VecDeque::from([(from, 0)]);
        while let Some((node, away)) = open.pop_front() {
            if reached.insert(node) && away < depth {
                open.extend(self.neighbours(node, direction).into_iter().map(|next| (next, away + 1)));
            }
        }
        reached
    }

    /// Returns all that may be other when a column's values are: nodes whose values come from it, nodes whose rows it
    /// decides about, and all that rests on those.
    pub fn affected(&self, from: &[ColumnAt]) -> BTreeSet<NodeAt> {
        let mut columns: BTreeSet<ColumnAt> = BTreeSet::new();
        let mut nodes = BTreeSet::new();
        let mut open: Vec<ColumnAt> = from.to_vec();
        while let Some(at) = open.pop() {
            if !columns.insert(at) {
                continue;
            }
            for step in self.steps(at, Direction::Down) {
                match step {
                    Step::Value(next, _) => {
                        nodes.insert(next.node);
                        open.push(next);
                    }
                    // With other rows, all columns may hold something else.
                    Step::Rows(node, _) => {
                        nodes.insert(node);
                        open.extend(self.columns(node));
                    }
                }
            }
        }
        nodes
    }

    /// Returns all nodes of a kind, in order.
    pub fn of_kind(&self, kind: NodeKind) -> impl Iterator<Item = NodeAt> {
        self.nodes.iter().enumerate().filter(move |(_, node)| node.kind == kind).map(|(index, _)| NodeAt(index))
    }
}
