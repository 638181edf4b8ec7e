//! DAG of a project's nodes: an order in which each comes after what it needs, or a cycle with its path.

use std::hash::Hash;

use indexmap::IndexSet;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, Reversed};

/// A directed graph of nodes that need other nodes. Nodes are kept in the order of their first mention, and every
/// answer follows that order where the edges leave a choice, so that the same project always gives the same plan.
#[derive(Clone, Debug)]
pub struct Graph<N> {
    nodes: IndexSet<N>,
    /// An edge goes from a node to one that needs it.
    edges: DiGraph<(), ()>,
}

impl<N: Clone + Eq + Hash> Default for Graph<N> {
    fn default() -> Self {
        Self { nodes: IndexSet::new(), edges: DiGraph::new() }
    }
}

impl<N: Clone + Eq + Hash> Graph<N> {
    /// Starts an empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node, if it is not there yet.
    pub fn add(&mut self, node: N) {
        self.index(node);
    }

    /// Says that `node` needs `other` to come first; adds both if they are not there yet.
    pub fn need(&mut self, node: N, other: N) {
        let (from, to) = (self.index(other), self.index(node));
        self.edges.update_edge(from, to, ());
    }

    /// Returns the nodes that `node` needs directly, in the graph's order.
    pub fn needs_of(&self, node: &N) -> Vec<&N> {
        self.neighbours(node, petgraph::Direction::Incoming)
    }

    /// Returns every node that needs `node`, directly or through others, in the graph's order.
    pub fn descendants(&self, node: &N) -> Vec<&N> {
        let Some(start) = self.nodes.get_index_of(node).map(NodeIndex::new) else { return Vec::new() };
        let mut dfs = Dfs::new(&self.edges, start);
        let mut found = Vec::new();
        while let Some(next) = dfs.next(&self.edges) {
            if next != start {
                found.push(next.index());
            }
        }
        self.sorted(found)
    }

    /// Returns every node that `node` needs, directly or through others, in the graph's order.
    pub fn ancestors(&self, node: &N) -> Vec<&N> {
        let Some(start) = self.nodes.get_index_of(node).map(NodeIndex::new) else { return Vec::new() };
        let reversed = Reversed(&self.edges);
        let mut dfs = Dfs::new(reversed, start);
        let mut found = Vec::new();
        while let Some(next) = dfs.next(reversed) {
            if next != start {
                found.push(next.index());
            }
        }
        self.sorted(found)
    }

    /// Returns all nodes, each after those it needs.
    ///
    /// # Errors
    /// A cycle, as its path: each node needs the next one, and the last is the first again.
    pub fn order(&self) -> Result<Vec<&N>, Vec<N>> {
        let mut missing: Vec<usize> =
            self.edges.node_indices().map(|n| self.edges.neighbors_directed(n, petgraph::Incoming).count()).collect();
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut ready: std::collections::BTreeSet<usize> = (0..missing.len()).filter(|i| missing[*i] == 0).collect();
        while let Some(next) = ready.pop_first() {
            order.push(&self.nodes[next]);
            for follower in self.edges.neighbors_directed(NodeIndex::new(next), petgraph::Outgoing) {
                missing[follower.index()] -= 1;
                if missing[follower.index()] == 0 {
                    ready.insert(follower.index());
                }
            }
        }
        if order.len() == self.nodes.len() { Ok(order) } else { Err(self.cycle(&missing)) }
    }

    /// Walks from a node that could not be ordered to what it waits for, until a node comes up again.
    fn cycle(&self, missing: &[usize]) -> Vec<N> {
        let mut path: Vec<usize> = Vec::new();
        let mut at = (0..missing.len()).find(|i| missing[*i] > 0).unwrap_or(0);
        while !path.contains(&at) {
            path.push(at);
            at = self
                .edges
                .neighbors_directed(NodeIndex::new(at), petgraph::Incoming)
                .map(NodeIndex::index)
                .filter(|i| missing[*i] > 0)
                .min()
                .unwrap_or(at);
        }
        let start = path.iter().position(|i| *i == at).unwrap_or(0);
        path[start..].iter().chain([&at]).map(|i| self.nodes[*i].clone()).collect()
    }

    fn index(&mut self, node: N) -> NodeIndex {
        let (index, new) = self.nodes.insert_full(node);
        if new { self.edges.add_node(()) } else { NodeIndex::new(index) }
    }

    fn neighbours(&self, node: &N, direction: petgraph::Direction) -> Vec<&N> {
        let Some(index) = self.nodes.get_index_of(node) else { return Vec::new() };
        self.sorted(self.edges.neighbors_directed(NodeIndex::new(index), direction).map(NodeIndex::index).collect())
    }

    fn sorted(&self, mut indices: Vec<usize>) -> Vec<&N> {
        indices.sort_unstable();
        indices.iter().map(|i| &self.nodes[*i]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&'static str, &'static str)]) -> Graph<&'static str> {
        let mut graph = Graph::new();
        for (node, needs) in edges {
            graph.need(*node, *needs);
        }
        graph
    }

    #[test]
    fn each_node_comes_after_what_it_needs() {
        let graph = graph(&[("c", "b"), ("b", "a"), ("d", "a")]);
        assert_eq!(graph.order().unwrap(), [&"a", &"b", &"c", &"d"]);
        assert_eq!(graph.descendants(&"b"), [&"c"]);
        assert_eq!(graph.ancestors(&"c"), [&"b", &"a"]);
        assert_eq!(graph.needs_of(&"d"), [&"a"]);
    }

    #[test]
    fn a_cycle_is_given_with_its_path() {
        let graph = graph(&[("x", "a"), ("a", "b"), ("b", "c"), ("c", "a")]);
        assert_eq!(graph.order().unwrap_err(), ["a", "b", "c", "a"]);
    }

    #[test]
    fn a_node_that_needs_itself_is_a_cycle() {
        assert_eq!(graph(&[("a", "a")]).order().unwrap_err(), ["a", "a"]);
    }
}
