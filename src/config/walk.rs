//! Reading the tree as typed values, collecting every mistake on the way.
//!
//! Each reader returns `None` after it has reported what is wrong, so that callers go on with the rest.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use super::interpolate::{self, Problem};
use super::secrets;
use super::yaml::{Key, Meaning, Node, Scalar, Value, duplicates, plain_meaning};
use crate::diag::{Diagnostic, Diagnostics, SourceFile, Span, did_you_mean};

/// What one pass over the tree carries along.
pub(super) struct Walk<'a> {
    pub(super) file: Arc<SourceFile>,
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    pub(super) problems: Diagnostics,
    /// Whether `${NAME}` is replaced. Off while looking at what the chosen environment does not use.
    pub(super) resolving: bool,
    /// Names of variables that have been reported as unset: once is enough.
    pub(super) unset: HashSet<String>,
    /// Files and folders that were looked for, relative to the project's, whether they are there or not.
    pub(super) looked_at: BTreeSet<PathBuf>,
}

/// The entries of a mapping whose keys are known.
pub(super) struct Fields<'n> {
    entries: Vec<(&'n Key, &'n Node)>,
    /// The whole mapping, for what is missing from it.
    range: Range<usize>,
    what: String,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        self.entry(name).map(|(_, node)| node)
    }

    pub(super) fn entry(&self, name: &str) -> Option<(&'n Key, &'n Node)> {
        self.entries.iter().find(|(key, _)| key.text == name).copied()
    }
}

impl Walk<'_> {
    pub(super) fn span(&self, range: &Range<usize>) -> Span {
        Span::new(&self.file, range.clone())
    }

    pub(super) fn error(&mut self, code: &'static str, range: &Range<usize>, message: impl Into<String>) {
        self.report(Diagnostic::error(code, message), range);
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic, range: &Range<usize>) {
        let span = self.span(range);
        self.problems.push(diagnostic.at(span));
    }

    /// Returns the part of a range that is on its first line: where one looks for what is missing from a value.
    pub(super) fn first_line(&self, range: &Range<usize>) -> Range<usize> {
        let length = self.file.text[range.clone()].find('\n').unwrap_or(range.len());
        range.start..range.start + length
    }

    pub(super) fn expected(&mut self, node: &Node, what: &str, expected: &str) {
        self.error("wrong-type", &node.range, format!("{what} must be {expected}, not {}", node.kind()));
    }

    /// Reads a mapping with the given keys. `what` names it in messages: "environment `prod`".
    pub(super) fn fields<'n>(&mut self, node: &'n Node, what: &str, keys: &[&str]) -> Option<Fields<'n>> {
        let entries = self.entries(node, what)?;
        for (key, _) in &entries {
            if keys.contains(&key.text.as_str()) {
                continue;
            }
            if secrets::is_secret_name(&key.text) {
                self.report(secrets::refusal(&key.text), &key.range);
                continue;
            }
            let mut diagnostic = Diagnostic::error("unknown-key", format!("unknown key `{}` in {what}", key.text));
            let allowed = format!("Allowed here: {}.", keys.join(", "));
            diagnostic = match did_you_mean(&key.text, keys.iter().copied()) {
                Some(near) => diagnostic.help(format!("Did you mean `{near}`? {allowed}")),
                None => diagnostic.help(allowed),
            };
            self.report(diagnostic, &key.range);
        }
        Some(Fields { entries, range: node.range.clone(), what: what.to_owned() })
    }

    /// Reads a mapping with keys of the user's choice; each key comes once.
    pub(super) fn entries<'n>(&mut self, node: &'n Node, what: &str) -> Option<Vec<(&'n Key, &'n Node)>> {
        let entries = match &node.value {
            Value::Mapping(entries) => entries,
            _ => {
                self.expected(node, what, "a mapping");
                return None;
            }
        };
        let again = duplicates(entries);
        for (first, again) in &again {
            let first = self.span(&first.range);
            let diagnostic = Diagnostic::error("duplicate-key", format!("key `{}` stands twice in {what}", again.text))
                .related(first, "first here");
            self.report(diagnostic, &again.range);
        }
        let repeated = |key: &Key| again.iter().any(|(_, other)| other.range == key.range);
        Some(entries.iter().filter(|(key, _)| !repeated(key)).map(|(key, node)| (key, node.as_ref())).collect())
    }

    /// Like [`Self::entries`], with nothing at all taken as an empty mapping.
    pub(super) fn entries_or_empty<'n>(&mut self, node: &'n Node, what: &str) -> Option<Vec<(&'n Key, &'n Node)>> {
        if node.is_null() { Some(Vec::new()) } else { self.entries(node, what) }
    }

    pub(super) fn require<'n>(&mut self, fields: &Fields<'n>, key: &str) -> Option<&'n Node> {
        let found = fields.get(key);
        if found.is_none() {
            let range = self.first_line(&fields.range);
            self.error("missing-key", &range, format!("{} has no `{key}`", fields.what));
        }
        found
    }

    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Rc<Node>]> {
        match &node.value {
            Value::Sequence(items) => Some(items),
            _ => {
                self.expected(node, what, "a list");
                None
            }
        }
    }

    /// Reads a text that is not empty.
    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.text_or_empty(node, what)?;
        if text.trim().is_empty() && self.resolving {
            self.error("empty-value", &node.range, format!("{what} is empty"));
            return None;
        }
        Some(text)
    }

    pub(super) fn text_or_empty(&mut self, node: &Node, what: &str) -> Option<String> {
        let Value::Scalar(scalar) = &node.value else {
            self.expected(node, what, "a text");
            return None;
        };
        if scalar.meaning() != Meaning::Text {
            let mut diagnostic = Diagnostic::error("wrong-type", format!("{what} must be a text, not {}", node.kind()));
            if scalar.meaning() != Meaning::Null {
                diagnostic = diagnostic.help(format!("Put quotes round it: \"{}\".", scalar.text));
            }
            self.report(diagnostic, &node.range);
            return None;
        }
        self.resolve(scalar, &node.range)
    }

    /// Reads a list of texts; `None` for a list that is none. Texts with mistakes are left out.
    pub(super) fn texts(&mut self, node: &Node, what: &str) -> Option<Vec<(String, Range<usize>)>> {
        let items = self.list(node, what)?;
        let item_name = format!("an entry of {what}");
        Some(items.iter().filter_map(|item| Some((self.text(item, &item_name)?, item.range.clone()))).collect())
    }

    pub(super) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        match self.plain_scalar(node) {
            Some((Meaning::Bool(value), _)) => Some(value),
            Some((_, text)) if self.is_open(&text) => None,
            _ => {
                self.expected(node, what, "true or false");
                None
            }
        }
    }

    /// Tells whether a text's meaning is not known because `${NAME}` in it is not replaced.
    pub(super) fn is_open(&self, text: &str) -> bool {
        !self.resolving && text.contains("${")
    }

    pub(super) fn integer<T: TryFrom<i128>>(&mut self, node: &Node, what: &str, range: &str) -> Option<T> {
        let value = match self.plain_scalar(node) {
            Some((Meaning::Int(value), _)) => T::try_from(value).ok(),
            Some((_, text)) if self.is_open(&text) => return None,
            _ => None,
        };
        if value.is_none() {
            self.expected(node, what, &format!("a whole number {range}"));
        }
        value
    }

    /// Returns an unquoted scalar with `${NAME}` replaced, and what it then means.
    fn plain_scalar(&mut self, node: &Node) -> Option<(Meaning, String)> {
        match &node.value {
            Value::Scalar(scalar) if scalar.plain => {
                let text = self.resolve(scalar, &node.range)?;
                Some((plain_meaning(&text), text))
            }
            Value::Scalar(scalar) if scalar.text.contains("${") => {
                let text = self.resolve(scalar, &node.range)?;
                Some((plain_meaning(&text), text))
            }
            _ => None,
        }
    }

    /// Reads any value as JSON, as variables are.
    pub(super) fn json(&mut self, node: &Node, what: &str) -> Option<serde_json::Value> {
        use serde_json::Value as Json;
        match &node.value {
            Value::Sequence(items) => {
                let items: Vec<_> = items.iter().map(|item| self.json(item, what)).collect();
                items.into_iter().collect::<Option<Vec<_>>>().map(Json::Array)
            }
            Value::Mapping(_) => {
                let mut map = serde_json::Map::new();
                for (key, node) in self.entries(node, what)? {
                    if secrets::is_secret_name(&key.text) {
                        self.report(secrets::refusal(&key.text), &key.range);
                        continue;
                    }
                    if let Some(value) = self.json(node, what) {
                        map.insert(key.text.clone(), value);
                    }
                }
                Some(Json::Object(map))
            }
            Value::Scalar(scalar) => {
                let text = self.resolve(scalar, &node.range)?;
                let meaning = if scalar.plain { plain_meaning(&text) } else { Meaning::Text };
                match meaning {
                    Meaning::Null => Some(Json::Null),
                    Meaning::Bool(value) => Some(Json::Bool(value)),
                    Meaning::Text => Some(Json::String(text)),
                    Meaning::Int(value) => {
                        let number =
                            i64::try_from(value).map(Json::from).or_else(|_| u64::try_from(value).map(Json::from));
                        self.number(number.ok(), node, what)
                    }
                    Meaning::Float(value) => {
                        self.number(serde_json::Number::from_f64(value).map(Json::Number), node, what)
                    }
                }
            }
        }
    }

    fn number(&mut self, value: Option<serde_json::Value>, node: &Node, what: &str) -> Option<serde_json::Value> {
        if value.is_none() {
            self.expected(node, what, "a number of at most 64 bits");
        }
        value
    }

    fn resolve(&mut self, scalar: &Scalar, range: &Range<usize>) -> Option<String> {
        if secrets::is_secret_value(&scalar.text) {
            let diagnostic = Diagnostic::error("secret-in-file", "this value looks like a secret").help(secrets::HELP);
            self.report(diagnostic, range);
            return None;
        }
        let resolving = self.resolving;
        let result = interpolate::resolve(&scalar.text, &|name| if resolving { (self.env)(name) } else { None });
        match result {
            Ok(text) => Some(text),
            Err(problems) => {
                let mut usable = true;
                for problem in problems {
                    usable &= self.interpolation_problem(problem, &scalar.text, range);
                }
                // What is not resolved still has a type, and its text is as good as any.
                usable.then(|| scalar.text.clone())
            }
        }
    }

    /// Reports a problem of `${NAME}`. Returns whether it is none as long as names are not resolved.
    fn interpolation_problem(&mut self, problem: Problem, text: &str, range: &Range<usize>) -> bool {
        let place = self.place_within(problem.range(), text, range);
        match problem {
            Problem::Unset { .. } if !self.resolving => return true,
            Problem::Unset { name, .. } if self.unset.contains(&name) => {}
            Problem::Unset { name, .. } => {
                let help = format!(
                    "Set it before running kiln, as in `export {name}=…`, or give a default: `${{{name}:-default}}`."
                );
                let message = format!("the environment variable `{name}` is not set");
                self.report(Diagnostic::error("unset-variable", message).help(help), &place);
                self.unset.insert(name);
            }
            Problem::Secret { name, .. } => {
                let message = format!("`{name}` looks like a secret, and jobs.yaml must not hold secrets");
                self.report(Diagnostic::error("secret-in-file", message).help(secrets::HELP), &place);
            }
            Problem::Malformed { why, .. } => {
                let help = "Write `${NAME}` or `${NAME:-default}`; `$${` stands for the characters `${`.";
                self.report(Diagnostic::error("bad-interpolation", why).help(help), &place);
            }
        }
        false
    }

    /// Finds the place in the file of a part of a scalar's text: exactly where the text stands in the file as it is.
    fn place_within(&self, part: Range<usize>, text: &str, range: &Range<usize>) -> Range<usize> {
        let source = &self.file.text[range.clone()];
        match source.find(text) {
            Some(start) => range.start + start + part.start..range.start + start + part.end,
            None => range.clone(),
        }
    }

    /// Reports a reference to something that does not exist.
    pub(super) fn unknown_name<'n>(
        &mut self,
        range: &Range<usize>,
        kind: &str,
        name: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) {
        let known: Vec<&str> = known.into_iter().collect();
        let help = match (did_you_mean(name, known.iter().copied()), known.as_slice()) {
            (Some(near), _) => format!("Did you mean `{near}`?"),
            (None, []) => format!("There is no {kind} at all."),
            (None, known) => format!("There is: {}.", known.join(", ")),
        };
        self.report(Diagnostic::error("unknown-name", format!("there is no {kind} `{name}`")).help(help), range);
    }

    /// Checks a name of the user's choice: letters, digits, `_` and `-`, beginning with a letter or digit.
    pub(super) fn check_name(&mut self, name: &str, range: &Range<usize>, kind: &str) -> bool {
        let fits = name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
            && name.len() <= 64;
        if !fits {
            let diagnostic = Diagnostic::error("bad-name", format!("`{name}` cannot be the name of {kind}")).help(
                "A name has letters of the English alphabet, digits, `-` and `_`, begins with a letter or digit, and is at most 64 long.",
            );
            self.report(diagnostic, range);
        }
        fits
    }
}

/// Tells whether a text is a plain identifier: a letter or `_`, then letters, digits and `_`.
pub(super) fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && text.len() <= 255
}
