//! DAG of the project's nodes: order, a cycle with its path, selection of sub-graphs.
