//! Finding a node or a column by what somebody typed.

use super::{ColumnAt, Lineage, NodeAt, NodeKind, same};
use crate::diag::{Diagnostic, did_you_mean};

/// What somebody asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The nodes: one, or all of a dashboard.
    pub nodes: Vec<NodeAt>,
    /// The column, if it is about one.
    pub column: Option<ColumnAt>,
    /// What it is called.
    pub name: String,
}

impl Lineage {
    /// Finds what a text names: a model, a source as `schema.table`, a dashboard, one of its widgets or datasets as
    /// `dashboard/widget`, or a column of any of them behind a dot.
    ///
    /// # Errors
    /// With a suggestion, if nothing has that name, or several things have it.
    pub fn lookup(&self, text: &str) -> Result<Asked, Box<Diagnostic>> {
        let text = text.trim();
        if let Some(asked) = self.nodes_named(text)? {
            return Ok(asked);
        }
        // A title may hold dots too, so the shortest column comes first.
        for (dot, _) in text.rmatch_indices('.') {
            let (name, column) = (&text[..dot], &text[dot + 1..]);
            let Some(asked) = self.nodes_named(name)? else { continue };
            let [node] = asked.nodes.as_slice() else {
                let message = format!("`{}` is a dashboard, and has no columns itself", asked.name);
                let help = format!("Ask about one of its widgets: `{}/…`.", asked.name);
                return Err(Box::new(Diagnostic::error("unknown-column", message).help(help)));
            };
            let Some(column) = self.find_column(*node, column) else { return Err(self.no_column(*node, column)) };
            return Ok(Asked { name: self.column_name(column), column: Some(column), nodes: vec![*node] });
        }
        Err(self.no_node(text))
    }

    fn nodes_named(&self, text: &str) -> Result<Option<Asked>, Box<Diagnostic>> {
        let of = |nodes: Vec<NodeAt>, name: &str| Asked { nodes, column: None, name: name.to_owned() };
        let named = self.nodes.iter().position(|node| same(&node.name, text));
        if let Some(at) = named {
            return Ok(Some(of(vec![NodeAt(at)], &self.nodes[at].name)));
        }
        let also = |node: &super::Node| node.other_names.iter().any(|name| same(name, text));
        let found: Vec<usize> = (0..self.nodes.len()).filter(|at| also(&self.nodes[*at])).collect();
        match found.as_slice() {
            [] => {}
            [at] => return Ok(Some(of(vec![NodeAt(*at)], &self.nodes[*at].name))),
            several => {
                let names: Vec<_> = several.iter().map(|at| format!("`{}`", self.nodes[*at].name)).collect();
                let message = format!("`{text}` may be several things");
                let help = format!("Say which: {}.", names.join(", "));
                return Err(Box::new(Diagnostic::error("ambiguous-node", message).help(help)));
            }
        }
        let of_dashboard = |at: &usize| {
            let node = &self.nodes[*at];
            let prefix = node.name.split('/').next().unwrap_or_default();
            matches!(node.kind, NodeKind::Dataset | NodeKind::Widget) && same(prefix, text)
        };
        let nodes: Vec<NodeAt> = (0..self.nodes.len()).filter(of_dashboard).map(NodeAt).collect();
        Ok((!nodes.is_empty()).then(|| of(nodes, text)))
    }

    fn no_node(&self, text: &str) -> Box<Diagnostic> {
        let message = format!("there is no model, source, dashboard or widget `{text}`");
        let diagnostic = Diagnostic::error("unknown-node", message);
        let dashboards = self.nodes.iter().filter(|node| matches!(node.kind, NodeKind::Dataset | NodeKind::Widget));
        let dashboards = dashboards.filter_map(|node| node.name.split('/').next());
        let names = || self.nodes.iter().map(|node| node.name.as_str()).chain(dashboards.clone());
        // Only the last part may be wrong, or only the first.
        let ends = self.nodes.iter().filter_map(|node| Some((node.name.rsplit(['/', '.']).next()?, &node.name)));
        let stem = text.rsplit_once('.').map(|(stem, _)| stem);
        let near = did_you_mean(text, names())
            .map(str::to_owned)
            .or_else(|| ends.into_iter().find(|(end, _)| same(end, text)).map(|(_, name)| name.clone()))
            .or_else(|| {
                let (stem, column) = (stem?, text.rsplit('.').next()?);
                let near = did_you_mean(stem, names())?;
                let node = self.nodes.iter().find(|node| node.name == near)?;
                let column = did_you_mean(column, node.columns.iter().map(|field| field.name.as_str()))?;
                Some(format!("{near}.{column}"))
            });
        let having = || {
            let having = self.nodes.iter().filter(|node| node.columns.iter().any(|field| same(&field.name, text)));
            let names: Vec<_> = having.take(3).map(|node| format!("`{}.{text}`", node.name)).collect();
            (!names.is_empty()).then(|| format!("Columns are asked for with what they are of: {}.", names.join(", ")))
        };
        Box::new(match near.map(|near| format!("Did you mean `{near}`?")).or_else(having) {
            Some(help) => diagnostic.help(help),
            None => diagnostic.help("`kiln lineage` lists all there are."),
        })
    }

    fn no_column(&self, node: NodeAt, column: &str) -> Box<Diagnostic> {
        let node = self.node(node);
        let diagnostic = Diagnostic::error(
            "unknown-column",
            format!("the {} `{}` has no column `{column}`", node.kind.as_str(), node.name),
        );
        let near = did_you_mean(column, node.columns.iter().map(|field| field.name.as_str()));
        Box::new(match near {
            Some(near) => diagnostic.help(format!("Did you mean `{}.{near}`?", node.name)),
            None if !node.complete => {
                diagnostic.help("Which columns it has could not be told, and nothing reads this one.")
            }
            None if node.columns.is_empty() => diagnostic.help("It has no columns that could be asked for."),
            None => {
                let names: Vec<_> = node.columns.iter().take(12).map(|field| format!("`{}`", field.name)).collect();
                let more = if node.columns.len() > 12 {
                    format!(", … ({} in all)", node.columns.len())
                } else {
                    String::new()
                };
                diagnostic.help(format!("Its columns are {}{more}.", names.join(", ")))
            }
        })
    }
}
