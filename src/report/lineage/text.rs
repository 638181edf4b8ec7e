//! Lineage as trees of text.

use std::collections::HashSet;
use std::fmt::Write as _;

use console::{Style, measure_text_width};

use super::{View, word};
use crate::analysis::Clauses;
use crate::manifest::lineage::{Asked, ColumnAt, Direction, Lineage, NodeAt, NodeKind, Step};

/// Writes the answer for people, in lines of at most so many columns where names allow it.
pub fn text(view: &View<'_>, width: usize, color: bool) -> String {
    let mut writer = Writer { view, width, color, text: String::new() };
    match view.asked {
        None => writer.overview(),
        Some(asked) => match asked.column {
            Some(column) => writer.column(column),
            None => writer.nodes(asked),
        },
    }
    writer.text
}

struct Writer<'v> {
    view: &'v View<'v>,
    width: usize,
    color: bool,
    text: String,
}

impl Writer<'_> {
    fn lineage(&self) -> &Lineage {
        self.view.lineage
    }

    fn style(&self, style: Style) -> Style {
        style.force_styling(self.color)
    }

    fn dim(&self, text: &str) -> String {
        self.style(Style::new().dim()).apply_to(text).to_string()
    }

    fn bold(&self, text: &str) -> String {
        self.style(Style::new().bold()).apply_to(text).to_string()
    }

    /// Writes a line; what does not fit goes on under it.
    fn line(&mut self, first: &str, next: &str, words: &str) {
        let mut prefix = first;
        let mut line = String::new();
        for word in words.split(' ') {
            let wanted = measure_text_width(prefix) + measure_text_width(&line) + 1 + measure_text_width(word);
            if !line.trim().is_empty() && !word.is_empty() && wanted > self.width {
                // Writing to a text cannot fail.
                let _ = writeln!(self.text, "{prefix}{}", line.trim_end());
                (prefix, line) = (next, String::new());
            } else if !line.is_empty() || word.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        let _ = writeln!(self.text, "{prefix}{}", line.trim_end());
    }

    fn heading(&mut self, text: &str) {
        let text = self.bold(text);
        let _ = writeln!(self.text, "\n{text}");
    }

    /// The kind of a node, where its name does not tell it.
    fn kind(&self, node: NodeAt) -> String {
        let node = self.lineage().node(node);
        match node.kind {
            NodeKind::Source | NodeKind::Model => String::new(),
            kind => format!("  {}", self.dim(kind.as_str())),
        }
    }

    fn head(&mut self, node: NodeAt, column: Option<ColumnAt>) {
        let lineage = self.view.lineage;
        let name = column.map_or_else(|| lineage.node(node).name.clone(), |column| lineage.column_name(column));
        let node = lineage.node(node);
        let mut words = vec![self.bold(&name)];
        if let Some(data_type) = column.and_then(|column| lineage.field(column).data_type.as_ref()) {
            words.push(data_type.to_string());
        }
        words.push(self.dim(node.kind.as_str()));
        words.extend(node.path.as_ref().map(|path| self.dim(&path.display().to_string())));
        self.line("", "  ", &words.join("  "));
    }

    /// All that is known of one column.
    fn column(&mut self, at: ColumnAt) {
        let lineage = self.view.lineage;
        self.head(at.node, Some(at));
        for direction in self.view.directions {
            let steps = lineage.steps(at, *direction);
            match direction {
                Direction::Up => {
                    let field = lineage.field(at);
                    if lineage.node(at.node).kind == NodeKind::Source {
                        continue;
                    }
                    self.heading("comes from");
                    if steps.is_empty() && !field.unknown {
                        let _ = writeln!(self.text, "no column: it is made in the query");
                    }
                    self.steps(&steps, *direction, "", 1, &mut HashSet::from([at]));
                    if field.unknown {
                        let _ = writeln!(self.text, "something that could not be told");
                    }
                    self.rows_of(at.node);
                }
                Direction::Down => {
                    // Who looks at a widget is not known here.
                    if lineage.node(at.node).kind == NodeKind::Widget {
                        continue;
                    }
                    self.heading("goes to");
                    let passive = steps.is_empty() && lineage.named_by(at).is_empty();
                    if passive {
                        let _ = writeln!(self.text, "nothing reads it");
                    }
                    self.steps(&steps, *direction, "", 1, &mut HashSet::from([at]));
                    self.named_only(at, &steps);
                    self.rests_on(at);
                }
            }
        }
    }

    /// The nodes that name a column without a trace of it in what they return.
    fn named_only(&mut self, at: ColumnAt, steps: &[Step]) {
        let lineage = self.view.lineage;
        let seen = |node: NodeAt| {
            steps.iter().any(|step| {
                matches!(step, Step::Value(c, _) if c.node == node) || matches!(step, Step::Rows(n, _) if *n == node)
            })
        };
        let names: Vec<&str> = lineage
            .named_by(at)
            .iter()
            .filter(|node| **node != at.node && !seen(**node))
            .map(|node| lineage.node(*node).name.as_str())
            .collect();
        if !names.is_empty() {
            self.line("", "  ", &format!("named, and not used further, by {}", names.join(", ")));
        }
    }

    /// Counts what may be other when the values are: by itself, a tree does not show what rows do.
    fn rests_on(&mut self, at: ColumnAt) {
        let lineage = self.view.lineage;
        let affected = lineage.affected(&[at]);
        if affected.is_empty() {
            return;
        }
        let text = counted(lineage, affected.into_iter());
        self.text.push('\n');
        self.line("", "  ", &format!("counting what rows depend on, it affects {text}"));
    }

    fn rows_of(&mut self, node: NodeAt) {
        let lineage = self.view.lineage;
        let rows = &lineage.node(node).rows;
        if rows.is_empty() {
            return;
        }
        self.heading(&format!("which rows {} has depends on", lineage.node(node).name));
        for (from, clauses) in rows {
            let words = format!("{}  {}", lineage.column_name(*from), self.dim(&list(*clauses)));
            self.line("  ", "    ", &words);
        }
    }

    fn steps(&mut self, steps: &[Step], direction: Direction, prefix: &str, away: usize, seen: &mut HashSet<ColumnAt>) {
        if away > self.view.depth {
            return;
        }
        let lineage = self.view.lineage;
        for (index, step) in steps.iter().enumerate() {
            let (branch, more) = branch(prefix, index + 1 == steps.len());
            match step {
                Step::Value(next, how) => {
                    let mut words = lineage.column_name(*next);
                    words.push_str(&self.kind(next.node));
                    if let Some(word) = word(*how) {
                        words.push_str(&format!("  {}", self.dim(word)));
                    }
                    let inner = lineage.steps(*next, direction);
                    let again = !seen.insert(*next);
                    if again && !inner.is_empty() {
                        words.push_str(&format!("  {}", self.dim("(see above)")));
                    }
                    if direction == Direction::Up && lineage.field(*next).unknown {
                        words.push_str(&format!("  {}", self.dim("and what could not be told")));
                    }
                    self.line(&branch, &format!("{more}  "), &words);
                    if !again {
                        self.steps(&inner, direction, &more, away + 1, seen);
                    }
                }
                Step::Rows(node, clauses) => {
                    let name = &lineage.node(*node).name;
                    let words = match lineage.node(*node).kind {
                        NodeKind::Test => format!("{name}  {}", self.dim("test")),
                        _ => format!("{name}  {}", self.dim(&format!("rows: {}", list(*clauses)))),
                    };
                    self.line(&branch, &format!("{more}  "), &words);
                }
            }
        }
    }

    /// A node, or a dashboard: what it reads and what reads it, and where its columns come from.
    fn nodes(&mut self, asked: &Asked) {
        let lineage = self.view.lineage;
        match asked.nodes.as_slice() {
            [node] => self.head(*node, None),
            nodes => {
                let text = format!("{}  {}", self.bold(&asked.name), self.dim("dashboard"));
                self.line("", "  ", &format!("{text}  {}", counted(lineage, nodes.iter().copied())));
            }
        }
        for direction in self.view.directions {
            let mut next: Vec<NodeAt> =
                asked.nodes.iter().flat_map(|node| lineage.neighbours(*node, *direction)).collect();
            next.retain(|node| !asked.nodes.contains(node));
            next.sort_unstable();
            next.dedup();
            if next.is_empty() {
                continue;
            }
            self.heading(if *direction == Direction::Up { "reads" } else { "is read by" });
            self.tree(&next, *direction, "", 1, &mut HashSet::new());
        }
        for node in &asked.nodes {
            if lineage.node(*node).kind != NodeKind::Source && self.view.directions.contains(&Direction::Up) {
                self.columns_of(*node, asked.nodes.len() > 1);
            }
        }
        if let ([node], true) = (asked.nodes.as_slice(), self.view.directions.contains(&Direction::Up)) {
            self.rows_of(*node);
        }
    }

    fn tree(&mut self, nodes: &[NodeAt], direction: Direction, prefix: &str, away: usize, seen: &mut HashSet<NodeAt>) {
        if away > self.view.depth {
            return;
        }
        let lineage = self.view.lineage;
        for (index, node) in nodes.iter().enumerate() {
            let (branch, more) = branch(prefix, index + 1 == nodes.len());
            let next = lineage.neighbours(*node, direction);
            let again = !seen.insert(*node) && !next.is_empty();
            let mut words = format!("{}{}", lineage.node(*node).name, self.kind(*node));
            if again {
                words.push_str(&format!("  {}", self.dim("(see above)")));
            }
            self.line(&branch, &format!("{more}  "), &words);
            if !again {
                self.tree(&next, direction, &more, away + 1, seen);
            }
        }
    }

    fn columns_of(&mut self, at: NodeAt, named: bool) {
        let lineage = self.view.lineage;
        let node = lineage.node(at);
        if node.columns.is_empty() && node.complete {
            return;
        }
        let title = if node.kind == NodeKind::Widget { "fields" } else { "columns" };
        let title = if named { format!("{} · {title}", node.name) } else { title.to_owned() };
        self.heading(&title);
        let widest = node.columns.iter().map(|field| measure_text_width(&field.name)).max().unwrap_or(0).min(28);
        for field in &node.columns {
            let mut from: Vec<String> = field
                .from
                .iter()
                .map(|(from, how)| match word(*how) {
                    Some(word) => format!("{} {}", lineage.column_name(*from), self.dim(&format!("({word})"))),
                    None => lineage.column_name(*from),
                })
                .collect();
            if field.unknown {
                from.push(self.dim("what could not be told"));
            }
            let gap = " ".repeat(widest.saturating_sub(measure_text_width(&field.name)));
            let words = if from.is_empty() { self.dim("made here") } else { from.join(", ") };
            self.line("  ", "      ", &format!("{}{gap}  {words}", field.name));
        }
        if !node.complete {
            let words = self.dim("and columns that could not be told");
            self.line("  ", "    ", &words);
        }
    }

    /// Everything, a line a node.
    fn overview(&mut self) {
        let lineage = self.view.lineage;
        for kind in [NodeKind::Source, NodeKind::Model, NodeKind::Dataset, NodeKind::Widget] {
            let nodes: Vec<NodeAt> = lineage.of_kind(kind).collect();
            if nodes.is_empty() {
                continue;
            }
            let title = self.bold(&format!("{}s", kind.as_str()));
            let gap = if self.text.is_empty() { "" } else { "\n" };
            let _ = writeln!(self.text, "{gap}{title}");
            for at in nodes {
                let node = lineage.node(at);
                let reads: Vec<&str> = node.reads.iter().map(|read| lineage.node(*read).name.as_str()).collect();
                let reads = if reads.is_empty() {
                    String::new()
                } else {
                    format!("  {} {}", self.dim("reads"), reads.join(", "))
                };
                self.line("  ", "      ", &format!("{}{reads}", node.name));
            }
        }
        let tests = lineage.of_kind(NodeKind::Test).count();
        if tests > 0 {
            let _ = writeln!(self.text, "\nand {tests} data test{}", if tests == 1 { "" } else { "s" });
        }
    }
}

fn branch(prefix: &str, is_last: bool) -> (String, String) {
    match is_last {
        true => (format!("{prefix}└─ "), format!("{prefix}   ")),
        false => (format!("{prefix}├─ "), format!("{prefix}│  ")),
    }
}

fn list(clauses: Clauses) -> String {
    clauses.words().collect::<Vec<_>>().join(", ")
}

/// `3 models, 2 tests and 5 widgets`.
pub(super) fn counted(lineage: &Lineage, nodes: impl Iterator<Item = NodeAt>) -> String {
    let nodes: Vec<NodeAt> = nodes.collect();
    let kinds = [NodeKind::Source, NodeKind::Model, NodeKind::Test, NodeKind::Dataset, NodeKind::Widget];
    let mut parts: Vec<String> = kinds
        .iter()
        .filter_map(|kind| {
            let count = nodes.iter().filter(|node| lineage.node(**node).kind == *kind).count();
            let plural = if count == 1 { "" } else { "s" };
            (count > 0).then(|| format!("{count} {}{plural}", kind.as_str()))
        })
        .collect();
    match (parts.pop(), parts.is_empty()) {
        (None, _) => "nothing".to_owned(),
        (Some(last), true) => last,
        (Some(last), false) => format!("{} and {last}", parts.join(", ")),
    }
}
