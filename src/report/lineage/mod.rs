//! Lineage for people and programs: as a tree, as JSON, as Mermaid, as a page.

mod html;
mod json;
mod mermaid;
mod text;

use std::collections::BTreeSet;

pub use html::html;
pub use json::json;
pub use mermaid::mermaid;
pub use text::text;

use crate::analysis::How;
use crate::manifest::lineage::{Asked, ColumnAt, Direction, Lineage, NodeAt, Part};

/// A question about lineage, with the part of it that answers it.
#[derive(Clone, Debug)]
pub struct View<'l> {
    lineage: &'l Lineage,
    asked: Option<&'l Asked>,
    directions: &'l [Direction],
    depth: usize,
    part: Part,
}

impl<'l> View<'l> {
    /// Asks about something, or about everything, in these directions, at most so many steps away.
    pub fn new(lineage: &'l Lineage, asked: Option<&'l Asked>, directions: &'l [Direction], depth: usize) -> Self {
        let mut part = Part::new();
        match asked {
            None => part.extend((0..lineage.nodes().len()).map(NodeAt).map(|node| (node, all(lineage, node)))),
            Some(asked) => {
                for node in &asked.nodes {
                    part.entry(*node).or_default();
                }
                let start: Vec<ColumnAt> = match asked.column {
                    Some(column) => vec![column],
                    None => asked.nodes.iter().flat_map(|node| lineage.columns(*node)).collect(),
                };
                for direction in directions {
                    for (node, columns) in lineage.columns_reached(&start, *direction, depth) {
                        part.entry(node).or_default().extend(columns);
                    }
                    if asked.column.is_none() {
                        let reached =
                            asked.nodes.iter().flat_map(|node| lineage.nodes_reached(*node, *direction, depth));
                        for node in reached {
                            part.entry(node).or_default();
                        }
                    }
                }
            }
        }
        Self { lineage, asked, directions, depth, part }
    }

    fn has(&self, at: ColumnAt) -> bool {
        self.part.get(&at.node).is_some_and(|columns| columns.contains(&at.column))
    }
}

fn all(lineage: &Lineage, node: NodeAt) -> BTreeSet<usize> {
    (0..lineage.node(node).columns.len()).collect()
}

/// The word for how a value comes from another; none where it is that value.
fn word(how: How) -> Option<&'static str> {
    match how {
        How::Unchanged => None,
        How::Computed => Some("computed"),
        How::Aggregated => Some("aggregated"),
    }
}
