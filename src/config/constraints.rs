//! `constraints` of a model: what its table itself demands of rows, and its keys.

use indexmap::IndexMap;

use super::data_tests::columns;
use super::walk::Walk;
use super::yaml::Node;
use super::{Constraints, DataTest, DataTestRule, ForeignKey};
use crate::diag::Diagnostic;
use crate::ids::ModelName;

/// Keys of `constraints`.
pub(super) const KEYS: [&str; 4] = ["not_null", "primary_key", "check", "foreign_keys"];

/// Reads `constraints`.
pub(super) fn read(walk: &mut Walk<'_>, node: &Node) -> Option<Constraints> {
    let fields = walk.fields(node, "`constraints`", &KEYS)?;
    let not_null = fields.get("not_null").and_then(|node| columns(walk, node, "`not_null`")).unwrap_or_default();
    let primary_key =
        fields.get("primary_key").and_then(|node| columns(walk, node, "`primary_key`")).unwrap_or_default();
    let mut checks: IndexMap<String, String> = IndexMap::new();
    for (key, node) in fields.get("check").and_then(|node| walk.entries(node, "`check`")).unwrap_or_default() {
        if !walk.check_name(&key.text, &key.range, "a constraint") {
            continue;
        }
        let Some(condition) = walk.text(node, &format!("the condition of `{}`", key.text)) else { continue };
        if checks.insert(key.text.to_lowercase(), condition).is_some() {
            let message = format!("`check` has `{}` twice: names of constraints have no case", key.text);
            walk.error("duplicate-key", &key.range, message);
        }
    }
    let mut foreign_keys = Vec::new();
    if let Some(items) = fields.get("foreign_keys").and_then(|node| walk.list(node, "`foreign_keys`")) {
        foreign_keys.extend(items.iter().filter_map(|item| foreign_key(walk, item)));
    }
    Some(Constraints { not_null, primary_key, checks, foreign_keys, span: walk.span(&node.range) })
}

/// Reads one of `foreign_keys`: column → model.column, each of the same model.
fn foreign_key(walk: &mut Walk<'_>, node: &Node) -> Option<ForeignKey> {
    let mut key: Option<ForeignKey> = None;
    for (column, to) in walk.entries(node, "a foreign key")? {
        let text = walk.text(to, "the other side")?;
        let Some((model, field)) = text
            .split_once('.')
            .filter(|(model, field)| !model.is_empty() && !field.is_empty() && !field.contains('.'))
        else {
            let diagnostic = Diagnostic::error("bad-value", format!("`{text}` names no column of a model"))
                .help("Write the other side as `model.column`: a column of the other model's primary key.");
            walk.report(diagnostic, &to.range);
            return None;
        };
        let model = ModelName::new(model.to_lowercase());
        let key = key.get_or_insert_with(|| ForeignKey {
            columns: Vec::new(),
            model: model.clone(),
            references: Vec::new(),
            span: walk.span(&node.range),
        });
        if key.model != model {
            let message = format!("a foreign key refers to one model, and this one to `{}` and `{model}`", key.model);
            walk.error("bad-value", &to.range, message);
            return None;
        }
        key.columns.push(column.text.clone());
        key.references.push(field.to_owned());
    }
    if key.is_none() {
        walk.error("empty-value", &node.range, "a foreign key without columns");
    }
    key
}

impl Constraints {
    /// Returns what has to be tested, so that rows that break a constraint are never published: the table would refuse them.
    pub(super) fn tests(&self) -> Vec<DataTest> {
        let mut rules = Vec::new();
        let mut not_null = self.not_null.clone();
        not_null.extend(self.primary_key.iter().cloned());
        let mut seen = std::collections::HashSet::new();
        not_null.retain(|column| seen.insert(column.to_lowercase()));
        if !not_null.is_empty() {
            rules.push(DataTestRule::NotNull(not_null));
        }
        if !self.primary_key.is_empty() {
            rules.push(DataTestRule::Unique(self.primary_key.clone()));
        }
        rules.extend(self.checks.values().cloned().map(DataTestRule::Expression));
        let test = |rule| DataTest { rule, warns: false, span: self.span.clone() };
        rules.into_iter().map(test).collect()
    }
}
