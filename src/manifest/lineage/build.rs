//! From a compiled project to its lineage.

use std::collections::HashMap;
use std::path::PathBuf;

use super::{ColumnAt, Field, Lineage, Node, NodeAt, NodeKind, Readers, same};
use crate::analysis::{self, Column, ColumnRead, How, Parsed, Relation, Rest, Traced};
use crate::config::Project;
use crate::dashboards::{self, LvDash};
use crate::diag::{SourceFile, Span};
use crate::ids::ModelName;
use crate::manifest::names::{Target, source_columns, target};
use crate::manifest::{CompiledDashboard, CompiledModel, Manifest};

impl Lineage {
    /// Traces all that a project's models, tests and dashboards read.
    pub fn of(project: &Project, manifest: &Manifest) -> Self {
        let mut builder = Builder { project, nodes: Vec::new(), tables: HashMap::new() };
        for (schema, source) in &project.sources {
            for (table, declared) in &source.tables {
                let columns = if declared.columns.is_empty() { Vec::new() } else { source_columns(declared) };
                let complete = !columns.is_empty();
                let node = builder.add(Node {
                    columns: columns.into_iter().map(known_field).collect(),
                    complete,
                    ..Node::new(NodeKind::Source, format!("{schema}.{table}"))
                });
                builder.tables.insert(Key::Source(schema.to_lowercase(), table.to_lowercase()), node);
            }
        }
        for (name, model) in &manifest.models {
            builder.model(name, model);
        }
        for model in manifest.models.values() {
            builder.tests(model);
        }
        for dashboard in manifest.dashboards.values() {
            builder.dashboard(dashboard);
        }
        let readers = readers(&builder.nodes);
        Self { nodes: builder.nodes, readers }
    }
}

/// What a name in a query stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Model(ModelName),
    /// Schema and table, in lower case.
    Source(String, String),
    /// Any other table, by the parts of its name in lower case.
    Other(Vec<String>),
}

struct Builder<'p> {
    project: &'p Project,
    nodes: Vec<Node>,
    tables: HashMap<Key, NodeAt>,
}

impl Node {
    fn new(kind: NodeKind, name: String) -> Self {
        Self {
            kind,
            name,
            other_names: Vec::new(),
            path: None,
            columns: Vec::new(),
            complete: false,
            rows: Vec::new(),
            reads: Vec::new(),
            names: Vec::new(),
            passes: None,
        }
    }
}

fn known_field(column: Column) -> Field {
    Field { name: column.name, data_type: column.data_type, from: Vec::new(), unknown: false, presumed: false }
}

impl Builder<'_> {
    fn add(&mut self, node: Node) -> NodeAt {
        self.nodes.push(node);
        NodeAt(self.nodes.len() - 1)
    }

    fn model(&mut self, name: &ModelName, model: &CompiledModel) {
        let node = Node { path: Some(model.config.path.clone()), ..Node::new(NodeKind::Model, name.to_string()) };
        let at = self.add(node);
        self.tables.insert(Key::Model(name.clone()), at);
        // What was compiled is read once more without a mistake.
        if let Ok(parsed) = analysis::parse(&model.query) {
            self.trace_into(at, &parsed, None);
        }
        if let Some(parsed) = model.increment.as_ref().and_then(|increment| analysis::parse(&increment.query).ok()) {
            self.trace_into(at, &parsed, None);
        }
    }

    fn tests(&mut self, model: &CompiledModel) {
        for test in &model.tests {
            let name = format!("{}: {}", model.config.name, test.name);
            let at = self.add(Node { complete: true, ..Node::new(NodeKind::Test, name) });
            if let Some(parsed) = parsed(&test.failing) {
                self.trace_into(at, &parsed, None);
            }
            // What a test returns is shown and not kept.
            let node = &mut self.nodes[at.0];
            (node.columns, node.complete) = (Vec::new(), true);
        }
    }

    fn dashboard(&mut self, dashboard: &CompiledDashboard) {
        let content = &dashboard.content;
        let path = dashboard.file.path.clone();
        let mut names = Names { dashboard: dashboard.name.as_str(), taken: Vec::new() };
        let mut datasets: HashMap<String, NodeAt> = HashMap::new();
        for dataset in &content.datasets {
            let node = names.node(NodeKind::Dataset, &dataset.display_name, &dataset.name, &path);
            let at = self.add(node);
            datasets.insert(dataset.name.to_lowercase(), at);
            let queries = dashboards::dataset_queries(dataset);
            if let Some(parsed) = queries.rows.as_deref().and_then(parsed) {
                self.trace_into(at, &parsed, None);
            }
            // An embedded metric view has no rows of its own: its calculations read tables.
            let name = queries.rows.is_some().then_some(dataset.name.as_str());
            self.calculations(at, name, &queries.calculations);
        }
        self.widgets(content, &path, &mut names, &datasets);
    }

    /// Adds a dataset's calculations to its columns, before those that they may hide.
    fn calculations(&mut self, at: NodeAt, dataset: Option<&str>, calculations: &[(String, String)]) {
        let field = |(name, _): &(String, String)| Field {
            name: name.clone(),
            data_type: None,
            from: Vec::new(),
            unknown: false,
            presumed: false,
        };
        let fields: Vec<Field> = calculations.iter().map(field).collect();
        self.nodes[at.0].columns.splice(0..0, fields);
        for (index, (_, sql)) in calculations.iter().enumerate() {
            let Some(parsed) = parsed(sql) else {
                self.nodes[at.0].columns[index].unknown = true;
                continue;
            };
            // Its own name means the column that it hides.
            let own = ColumnAt { node: at, column: index };
            let by_name = dataset.map(|name| Dataset { name, node: at, but: Some(index) });
            let traced = self.trace(&parsed, by_name.as_ref());
            let tables = self.tables_of(&traced, dataset.map(|name| (name, at)));
            let Some(column) = traced.columns.first() else { continue };
            let from = column.from.iter().filter_map(|(read, how)| {
                let found = self.column(tables[read.table], &read.column, Some(own))?;
                Some((found, *how))
            });
            let from: Vec<_> = from.collect();
            let names: Vec<ColumnAt> = traced
                .named
                .iter()
                .filter_map(|read| self.column(tables[read.table], &read.column, Some(own)))
                .collect();
            let node = &mut self.nodes[at.0];
            merge(&mut node.names, names);
            merge(&mut node.reads, tables.iter().copied().filter(|table| *table != at).collect());
            let field = &mut node.columns[index];
            (field.from, field.unknown) = (from, column.unknown);
            field.data_type.clone_from(&column.data_type);
        }
    }

    fn widgets(
        &mut self,
        content: &LvDash,
        path: &std::path::Path,
        names: &mut Names<'_>,
        datasets: &HashMap<String, NodeAt>,
    ) {
        let queries = dashboards::field_queries(content);
        for (_, widget) in content.widgets() {
            let own: Vec<_> = queries.iter().filter(|query| query.widget == widget.path).collect();
            if own.is_empty() {
                continue;
            }
            let node = names.node(NodeKind::Widget, widget.label(), &widget.name, path);
            let at = self.add(Node { complete: true, ..node });
            for query in own {
                let Some(dataset) = datasets.get(&query.dataset.to_lowercase()) else { continue };
                if let Some(parsed) = parsed(&query.sql) {
                    let dataset = Dataset { name: &query.dataset, node: *dataset, but: None };
                    self.trace_into(at, &parsed, Some(&dataset));
                } else {
                    self.nodes[at.0].complete = false;
                    merge(&mut self.nodes[at.0].reads, vec![*dataset]);
                }
            }
        }
    }

    fn trace(&self, parsed: &Parsed, dataset: Option<&Dataset<'_>>) -> Traced {
        analysis::trace(parsed, &|parts| self.relation(parts, dataset))
    }

    /// Traces a query and adds to a node what it says.
    fn trace_into(&mut self, at: NodeAt, parsed: &Parsed, dataset: Option<&Dataset<'_>>) {
        let traced = self.trace(parsed, dataset);
        let tables = self.tables_of(&traced, dataset.map(|dataset| (dataset.name, dataset.node)));
        let column = |builder: &mut Self, read: &ColumnRead| {
            // An incremental model's own table has nothing that does not come from elsewhere.
            let table = tables[read.table];
            if table == at { None } else { builder.column(table, &read.column, None) }
        };
        let fields: Vec<Field> = traced
            .columns
            .iter()
            .map(|traced| Field {
                name: traced.name.clone(),
                data_type: traced.data_type.clone(),
                from: traced.from.iter().filter_map(|(read, how)| Some((column(self, read)?, *how))).collect(),
                unknown: traced.unknown,
                presumed: false,
            })
            .collect();
        let rows: Vec<_> =
            traced.rows.iter().filter_map(|(read, clauses)| Some((column(self, read)?, *clauses))).collect();
        let names: Vec<_> = traced.named.iter().filter_map(|read| column(self, read)).collect();
        let node = &mut self.nodes[at.0];
        let first = node.columns.is_empty();
        for field in fields {
            match node.columns.iter_mut().find(|known| same(&known.name, &field.name)) {
                Some(known) => {
                    known.unknown |= field.unknown;
                    for (from, how) in field.from {
                        match known.from.iter_mut().find(|(known, _)| *known == from) {
                            Some((_, known)) => *known = how.max(*known),
                            None => known.from.push((from, how)),
                        }
                    }
                }
                None => node.columns.push(field),
            }
        }
        match traced.rest {
            Rest::Nothing if first => node.complete = true,
            Rest::Nothing => {}
            Rest::Of(table) => (node.complete, node.passes) = (false, Some(tables[table])),
            Rest::Unknown => node.complete = false,
        }
        merge(&mut node.rows, rows);
        merge(&mut node.names, names);
        merge(&mut node.reads, tables.into_iter().filter(|table| *table != at).collect());
    }

    /// What is known of a table that a query names.
    fn relation(&self, parts: &[String], dataset: Option<&Dataset<'_>>) -> Option<Relation> {
        if let (Some(dataset), [single]) = (dataset, parts)
            && same(single, dataset.name)
        {
            return Some(self.known(dataset.node, dataset.but));
        }
        match self.key(parts) {
            Key::Other(_) => match target(self.project, parts)? {
                Target::System => Some(Relation::Unknown),
                Target::Model(_) | Target::Source(..) => None,
            },
            key => self.tables.get(&key).map(|node| self.known(*node, None)),
        }
    }

    fn known(&self, at: NodeAt, but: Option<usize>) -> Relation {
        let node = &self.nodes[at.0];
        if !node.complete {
            return Relation::Unknown;
        }
        let columns = node.columns.iter().enumerate().filter(|(index, _)| Some(*index) != but);
        let mut known: Vec<Column> = Vec::new();
        for (_, field) in columns {
            // A calculation hides the column of its name.
            if node.kind != NodeKind::Dataset || !known.iter().any(|column| same(&column.name, &field.name)) {
                known.push(Column { name: field.name.clone(), data_type: field.data_type.clone() });
            }
        }
        Relation::Known(known.into())
    }

    fn key(&self, parts: &[String]) -> Key {
        match target(self.project, parts) {
            Some(Target::Model(name)) => Key::Model(name.clone()),
            Some(Target::Source(schema, _)) => {
                Key::Source(schema.to_lowercase(), parts.last().map(|name| name.to_lowercase()).unwrap_or_default())
            }
            Some(Target::System) | None => Key::Other(parts.iter().map(|part| part.to_lowercase()).collect()),
        }
    }

    /// Finds the nodes of a query's tables; tables outside of the project become nodes when they are first read.
    fn tables_of(&mut self, traced: &Traced, dataset: Option<(&str, NodeAt)>) -> Vec<NodeAt> {
        let mut nodes = Vec::with_capacity(traced.tables.len());
        for parts in &traced.tables {
            if let (Some((name, at)), [single]) = (dataset, parts.as_slice())
                && same(single, name)
            {
                nodes.push(at);
                continue;
            }
            let key = self.key(parts);
            let node = match self.tables.get(&key) {
                Some(node) => *node,
                None => {
                    let node = self.add(Node::new(NodeKind::Source, parts.join(".")));
                    self.tables.insert(key, node);
                    node
                }
            };
            nodes.push(node);
        }
        nodes
    }

    /// Finds a column of a node. One that is not known is added where there may be others.
    fn column(&mut self, node: NodeAt, name: &str, but: Option<ColumnAt>) -> Option<ColumnAt> {
        let is_it = |(index, field): &(usize, &Field)| {
            same(&field.name, name) && but.is_none_or(|but| but.node != node || but.column != *index)
        };
        if let Some((column, _)) = self.nodes[node.0].columns.iter().enumerate().find(is_it) {
            return Some(ColumnAt { node, column });
        }
        if self.nodes[node.0].complete {
            return None;
        }
        let passed = self.nodes[node.0].passes.filter(|passes| *passes != node);
        let from = passed.and_then(|passes| self.column(passes, name, None));
        let is_source = self.nodes[node.0].kind == NodeKind::Source;
        let field = Field {
            name: name.to_owned(),
            data_type: None,
            unknown: from.is_none() && !is_source,
            from: from.into_iter().map(|from| (from, How::Unchanged)).collect(),
            presumed: true,
        };
        self.nodes[node.0].columns.push(field);
        Some(ColumnAt { node, column: self.nodes[node.0].columns.len() - 1 })
    }
}

/// A dataset of which a query may read.
struct Dataset<'d> {
    name: &'d str,
    node: NodeAt,
    /// A column that does not count.
    but: Option<usize>,
}

/// Gives names to the parts of a dashboard: as a person knows them, if that is one thing only.
struct Names<'d> {
    dashboard: &'d str,
    taken: Vec<String>,
}

impl Names<'_> {
    fn node(&mut self, kind: NodeKind, label: &str, id: &str, path: &std::path::Path) -> Node {
        let label = label.split_whitespace().collect::<Vec<_>>().join(" ");
        let full = |own: &str| format!("{}/{own}", self.dashboard);
        let is_free = |name: &String| !self.taken.iter().any(|taken| same(taken, name));
        let numbered = (2..).map(|n| format!("{} ({n})", full(&label)));
        let name = std::iter::once(full(&label))
            .filter(|_| !label.is_empty())
            .chain([full(id)])
            .chain(numbered)
            .find(is_free)
            .unwrap_or_default();
        self.taken.push(name.clone());
        let other_names = vec![full(&label), full(id)];
        Node { path: Some(PathBuf::from(path)), other_names, ..Node::new(kind, name) }
    }
}

fn parsed(sql: &str) -> Option<Parsed> {
    let nowhere = SourceFile::new("", "");
    analysis::parse_sql(sql, move |_| Span::start_of(&nowhere)).ok()
}

/// Turns the graph round.
fn readers(nodes: &[Node]) -> Vec<Vec<Readers>> {
    let mut readers: Vec<Vec<Readers>> =
        nodes.iter().map(|node| vec![Readers::default(); node.columns.len()]).collect();
    for (index, node) in nodes.iter().enumerate() {
        let at = NodeAt(index);
        for (column, field) in node.columns.iter().enumerate() {
            for (from, how) in &field.from {
                readers[from.node.0][from.column].values.push((ColumnAt { node: at, column }, *how));
            }
        }
        for (from, clauses) in &node.rows {
            readers[from.node.0][from.column].rows.push((at, *clauses));
        }
        for from in &node.names {
            readers[from.node.0][from.column].names.push(at);
        }
    }
    readers
}

fn merge<T: PartialEq>(into: &mut Vec<T>, more: Vec<T>) {
    for item in more {
        if !into.contains(&item) {
            into.push(item);
        }
    }
}
