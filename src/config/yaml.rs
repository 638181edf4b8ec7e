//! YAML text → a small tree in which every value knows its place.
//!
//! Scalars keep their text and whether it was quoted: what they mean is decided by whoever reads them, because a text
//! with `${NAME}` in it gets its meaning only when the name is known.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use granit_parser::{Event, Parser, ScalarStyle};

/// How deep values may be nested.
const MAX_DEPTH: usize = 64;
/// How many values a file may have, those that aliases repeat included.
const MAX_VALUES: usize = 200_000;

/// A value and the bytes of the text it stands at.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) range: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A text, number, truth value or nothing: see [`Scalar::meaning`].
    Scalar(Scalar),
    Sequence(Vec<Rc<Node>>),
    /// Keys in the order of the file; a repeated key is in the list twice.
    Mapping(Vec<(Key, Rc<Node>)>),
}

#[derive(Clone, Debug)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Written without quotes: `12` and `true` are then no texts.
    pub(super) plain: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) range: Range<usize>,
    /// Came in by `<<`: may be repeated by the mapping itself.
    merged: bool,
}

/// What a scalar means by YAML 1.2.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Meaning {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text,
}

impl Scalar {
    pub(super) fn meaning(&self) -> Meaning {
        if self.plain { plain_meaning(&self.text) } else { Meaning::Text }
    }
}

/// Returns what an unquoted scalar means by the core schema of YAML 1.2.
pub(super) fn plain_meaning(text: &str) -> Meaning {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Meaning::Null,
        "true" | "True" | "TRUE" => return Meaning::Bool(true),
        "false" | "False" | "FALSE" => return Meaning::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "-.inf" | ".nan" | ".NaN" | ".NAN" => return Meaning::Float(f64::NAN),
        _ => {}
    }
    let int = match text.get(..2) {
        Some("0x") => i128::from_str_radix(&text[2..], 16).ok(),
        Some("0o") => i128::from_str_radix(&text[2..], 8).ok(),
        _ => text.parse().ok(),
    };
    if let Some(int) = int {
        return Meaning::Int(int);
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text.contains(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    match text.parse() {
        Ok(float) if numeric => Meaning::Float(float),
        _ => Meaning::Text,
    }
}

impl Node {
    /// Returns what the value is, in words for messages. Never shows the value of a long text.
    pub(super) fn kind(&self) -> String {
        match &self.value {
            Value::Sequence(_) => "a list".into(),
            Value::Mapping(_) => "a mapping".into(),
            Value::Scalar(scalar) => match scalar.meaning() {
                Meaning::Null => "nothing".into(),
                Meaning::Bool(_) => format!("the truth value `{}`", scalar.text),
                Meaning::Int(_) | Meaning::Float(_) => format!("the number `{}`", scalar.text),
                Meaning::Text if scalar.text.chars().count() <= 40 => format!("the text `{}`", scalar.text),
                Meaning::Text => "a text".into(),
            },
        }
    }

    /// Returns the keys of a mapping; none for other values.
    pub(super) fn keys(&self) -> Vec<&str> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().map(|(key, _)| key.text.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// Tells whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.value, Value::Sequence(_))
    }

    /// Returns the value of a key, if this is a mapping that has it.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|(key, _)| key.text == name).map(|(_, node)| node.as_ref()),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.meaning() == Meaning::Null)
    }
}

/// A mistake in the YAML itself.
#[derive(Debug)]
pub(super) struct YamlError {
    pub(super) range: Range<usize>,
    pub(super) message: String,
    pub(super) help: Option<&'static str>,
}

impl YamlError {
    fn new(range: Range<usize>, message: impl Into<String>) -> Self {
        Self { range, message: message.into(), help: None }
    }

    fn help(mut self, help: &'static str) -> Self {
        self.help = Some(help);
        self
    }
}

/// Reads a text that holds one YAML document; `None` if there is nothing in it but comments.
pub(super) fn parse(text: &str) -> Result<Option<Node>, YamlError> {
    let options = granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder { text, open: Vec::new(), anchors: HashMap::new(), values: 0, root: None };
    let mut documents = 0;
    for item in Parser::new_from_str_with_options(text, options) {
        let (event, span) = item.map_err(|error| scan_error(text, &error))?;
        let range = span.byte_range().unwrap_or_default();
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    return Err(YamlError::new(range, "a second YAML document begins here")
                        .help("Keep everything in one document: remove the line `---`."));
                }
            }
            Event::Scalar(content, style, anchor, tag) => {
                let plain = match tag {
                    None => style == ScalarStyle::Plain,
                    Some(tag) if tag.is_yaml_core_schema_tag("str") => false,
                    Some(_) => {
                        return Err(YamlError::new(range, "YAML tags are not supported")
                            .help("Remove the tag, the word that begins with `!`."));
                    }
                };
                let value = Value::Scalar(Scalar { text: content.into_owned(), plain });
                builder.add(Node { value, range }, anchor, 1)?;
            }
            Event::SequenceStart(_, anchor, tag) => builder.open(Open::sequence(range, anchor), tag.is_some())?,
            Event::MappingStart(_, anchor, tag) => builder.open(Open::mapping(range, anchor), tag.is_some())?,
            Event::SequenceEnd | Event::MappingEnd => builder.close(range)?,
            Event::Alias(id) => match builder.anchors.get(&id) {
                Some((node, values)) => {
                    let (node, values) = (Rc::clone(node), *values);
                    builder.add_shared(node, 0, values, Some(range))?;
                }
                None => return Err(YamlError::new(range, "this alias stands inside the value it repeats")),
            },
            _ => {}
        }
    }
    Ok(builder.root.map(Rc::unwrap_or_clone).filter(|root| !(documents <= 1 && root.is_null())))
}

/// A collection whose end has not been seen yet.
struct Open {
    start: usize,
    anchor: usize,
    values_before: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Rc<Node>>),
    Mapping(Vec<(Key, Rc<Node>)>, Option<Key>),
}

impl Open {
    fn sequence(range: Range<usize>, anchor: usize) -> Self {
        Self { start: range.start, anchor, values_before: 0, content: Content::Sequence(Vec::new()) }
    }

    fn mapping(range: Range<usize>, anchor: usize) -> Self {
        Self { start: range.start, anchor, values_before: 0, content: Content::Mapping(Vec::new(), None) }
    }
}

struct Builder<'t> {
    text: &'t str,
    open: Vec<Open>,
    /// Anchored values, each with how many values it has.
    anchors: HashMap<usize, (Rc<Node>, usize)>,
    values: usize,
    root: Option<Rc<Node>>,
}

impl Builder<'_> {
    fn open(&mut self, mut open: Open, tagged: bool) -> Result<(), YamlError> {
        let range = open.start..open.start;
        if tagged {
            return Err(YamlError::new(range, "YAML tags are not supported")
                .help("Remove the tag, the word that begins with `!`."));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(YamlError::new(range, format!("values are nested more than {MAX_DEPTH} deep")));
        }
        open.values_before = self.values;
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self, range: Range<usize>) -> Result<(), YamlError> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let values = self.values - open.values_before + 1;
        let (value, last) = match open.content {
            Content::Sequence(items) => {
                let last = items.last().map(|item| item.range.end);
                (Value::Sequence(items), last)
            }
            Content::Mapping(entries, _) => {
                let last = entries.last().map(|(_, node)| node.range.end);
                (Value::Mapping(merge(entries)?), last)
            }
        };
        // A block collection ends where its last value does, not at the line that ended it.
        let end = if range.is_empty() { last.unwrap_or(range.end) } else { range.end };
        let node = Node { value, range: open.start..end.max(open.start) };
        self.add(node, open.anchor, values)
    }

    fn add(&mut self, node: Node, anchor: usize, values: usize) -> Result<(), YamlError> {
        self.values += 1;
        self.add_shared(Rc::new(node), anchor, values, None)
    }

    /// Adds a value to the innermost open collection. `alias` is the place of the alias that repeats it.
    fn add_shared(
        &mut self,
        node: Rc<Node>,
        anchor: usize,
        values: usize,
        alias: Option<Range<usize>>,
    ) -> Result<(), YamlError> {
        let place = alias.clone().unwrap_or_else(|| node.range.clone());
        if alias.is_some() {
            self.values += values;
        }
        if self.values > MAX_VALUES {
            return Err(YamlError::new(place, format!("the file holds more than {MAX_VALUES} values"))
                .help("Aliases count with all that they repeat."));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, (Rc::clone(&node), values));
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping(entries, pending)) => match pending.take() {
                Some(key) => entries.push((key, node)),
                None => match &node.value {
                    Value::Scalar(scalar) => {
                        *pending = Some(Key { text: scalar.text.clone(), range: place, merged: false });
                    }
                    _ => {
                        let error = YamlError::new(place.clone(), "a key must be a plain text");
                        return Err(match self.text.get(place) {
                            Some(text) if text.starts_with('{') => {
                                error.help("Put quotes round a value that begins with a brace: \"{{ name }}\".")
                            }
                            _ => error,
                        });
                    }
                },
            },
        }
        Ok(())
    }
}

/// Carries out `<<: *defaults`: the entries of the mapping it names, except those given here, come first.
fn merge(entries: Vec<(Key, Rc<Node>)>) -> Result<Vec<(Key, Rc<Node>)>, YamlError> {
    if !entries.iter().any(|(key, _)| key.text == "<<") {
        return Ok(entries);
    }
    let (merges, own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(key, _)| key.text == "<<");
    let mut all: Vec<(Key, Rc<Node>)> = Vec::new();
    for (key, node) in merges {
        let sources = match &node.value {
            Value::Sequence(items) => items.iter().collect(),
            _ => vec![&node],
        };
        for source in sources {
            let Value::Mapping(inherited) = &source.value else {
                return Err(YamlError::new(key.range, "`<<` takes a mapping, or a list of mappings"));
            };
            for (key, node) in inherited {
                if !own.iter().chain(&all).any(|(other, _)| other.text == key.text) {
                    all.push((Key { merged: true, ..key.clone() }, Rc::clone(node)));
                }
            }
        }
    }
    all.extend(own);
    Ok(all)
}

fn scan_error(text: &str, error: &granit_parser::ScanError) -> YamlError {
    let start = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
    let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let found = YamlError::new(start..start, format!("this is not valid YAML: {}", error.info()));
    // The reader often notices a tab one line late, or one line early.
    let mut next = line_start;
    for line in text[line_start..].split_inclusive('\n').take(2) {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indent].find('\t') {
            return YamlError::new(next + tab..next + tab + 1, "YAML cannot be indented with tabs")
                .help("Use spaces instead of the tab.");
        }
        next += line.len();
    }
    if line.contains(": {{") || line.contains(": ${") || line.contains("[${") {
        return found.help("Put quotes round a value with braces: \"${NAME}\".");
    }
    if line.matches(": ").count() > 1 && !line.contains(['{', '"', '\'']) {
        return found.help("Put quotes round a value that has a colon in it.");
    }
    found
}

/// Returns the places at which a mapping repeats one of its keys: (first, again).
pub(super) fn duplicates(entries: &[(Key, Rc<Node>)]) -> Vec<(&Key, &Key)> {
    let mut first: HashMap<&str, &Key> = HashMap::new();
    let mut again = Vec::new();
    for (key, _) in entries.iter().filter(|(key, _)| !key.merged) {
        match first.get(key.text.as_str()) {
            Some(earlier) => again.push((*earlier, key)),
            None => {
                first.insert(&key.text, key);
            }
        }
    }
    again
}
