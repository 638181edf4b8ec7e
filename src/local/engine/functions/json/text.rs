//! Reading and writing JSON as Spark does: texts may stand in single quotes, whole numbers have any length, a key may
//! come twice, and what follows the first value does not matter.

use std::fmt::Write as _;

use crate::local::engine::render;

/// How deep a document may nest.
const MAX_DEPTH: usize = 500;

/// What a document may have beyond what the standard has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grammar {
    /// `/* … */` and `// …`
    pub(super) comments: bool,
    /// Names of fields without quotes.
    pub(super) bare_names: bool,
    /// Texts in single quotes.
    pub(super) single_quotes: bool,
    /// Numbers like `007`.
    pub(super) leading_zeros: bool,
    /// `NaN` and infinities.
    pub(super) non_numbers: bool,
    /// A backslash before any character.
    pub(super) any_escape: bool,
    /// Ends of lines and the like within texts.
    pub(super) control_characters: bool,
}

impl Grammar {
    /// Of the functions that look into documents.
    pub(super) const LENIENT: Self = Self { non_numbers: false, control_characters: true, ..Self::RECORDS };
    /// Of those that turn documents into values.
    pub(super) const RECORDS: Self = Self {
        comments: false,
        bare_names: false,
        single_quotes: true,
        leading_zeros: false,
        non_numbers: true,
        any_escape: false,
        control_characters: false,
    };
}

/// A value of a document.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Truth(bool),
    /// A number as it was read.
    Number(String),
    /// A number as it is written.
    Plain(String),
    Text(String),
    Items(Vec<Json>),
    Fields(Vec<(String, Json)>),
}

impl Json {
    /// The first value of a text; none: it does not begin with one.
    pub(super) fn parse(text: &str, grammar: Grammar) -> Option<Self> {
        Reader { rest: text, grammar }.value(0)
    }

    /// Writes it over several lines, parts moved to the right.
    pub(super) fn write_pretty(&self, indent: usize, out: &mut String) {
        match self {
            Self::Items(items) if !items.is_empty() => {
                out.push_str("[ ");
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    item.write_pretty(indent, out);
                }
                out.push_str(" ]");
            }
            Self::Fields(fields) if !fields.is_empty() => {
                out.push('{');
                for (i, (name, value)) in fields.iter().enumerate() {
                    let _ = write!(out, "{}\n{:width$}", if i > 0 { "," } else { "" }, "", width = indent + 2);
                    quote(name, out);
                    out.push_str(" : ");
                    value.write_pretty(indent + 2, out);
                }
                let _ = write!(out, "\n{:indent$}}}", "");
            }
            Self::Items(_) => out.push_str("[ ]"),
            Self::Fields(_) => out.push_str("{ }"),
            other => other.write(out),
        }
    }

    /// Writes it without blanks.
    pub(super) fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Truth(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Self::Number(number) => write_number(number, out),
            Self::Plain(number) => out.push_str(number),
            Self::Text(text) => quote(text, out),
            Self::Items(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Fields(fields) => {
                out.push('{');
                for (i, (name, value)) in fields.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    quote(name, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

/// A text in quotes.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

struct Reader<'a> {
    rest: &'a str,
    grammar: Grammar,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
            if !self.grammar.comments {
                return;
            }
            let after = if let Some(comment) = self.rest.strip_prefix("/*") {
                comment.split_once("*/").map(|(_, rest)| rest)
            } else {
                let comment = self.rest.strip_prefix("//");
                comment.map(|comment| comment.split_once('\n').map_or("", |(_, rest)| rest))
            };
            match after {
                Some(rest) => self.rest = rest,
                None => return,
            }
        }
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.blanks();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.blanks();
        match self.rest.chars().next()? {
            '{' => {
                self.eat('{');
                let mut fields = Vec::new();
                if self.eat('}') {
                    return Some(Json::Fields(fields));
                }
                loop {
                    self.blanks();
                    let name = self.name()?;
                    if !self.eat(':') {
                        return None;
                    }
                    fields.push((name, self.value(depth + 1)?));
                    if self.eat('}') {
                        return Some(Json::Fields(fields));
                    }
                    if !self.eat(',') {
                        return None;
                    }
                }
            }
            '[' => {
                self.eat('[');
                let mut items = Vec::new();
                if self.eat(']') {
                    return Some(Json::Items(items));
                }
                loop {
                    items.push(self.value(depth + 1)?);
                    if self.eat(']') {
                        return Some(Json::Items(items));
                    }
                    if !self.eat(',') {
                        return None;
                    }
                }
            }
            '"' | '\'' => self.text().map(Json::Text),
            _ => self.word(),
        }
    }

    fn name(&mut self) -> Option<String> {
        if !self.grammar.bare_names || self.rest.starts_with(['"', '\'']) {
            return self.text();
        }
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || "_$-@#*+".contains(c)));
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn text(&mut self) -> Option<String> {
        let mut chars = self.rest.chars();
        let end = chars.next().filter(|c| *c == '"' || *c == '\'' && self.grammar.single_quotes)?;
        let mut text = String::new();
        loop {
            match chars.next()? {
                c if c == end => break,
                '\\' => text.push(match chars.next()? {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'u' => unicode(&mut chars)?,
                    c @ ('"' | '\'' | '\\' | '/') => c,
                    c if self.grammar.any_escape => c,
                    _ => return None,
                }),
                c if u32::from(c) < 0x20 && !self.grammar.control_characters => return None,
                c => text.push(c),
            }
        }
        self.rest = chars.as_str();
        Some(text)
    }

    /// `true`, `false`, `null` or a number.
    fn word(&mut self) -> Option<Json> {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        let value = match word {
            "true" => Json::Truth(true),
            "false" => Json::Truth(false),
            "null" => Json::Null,
            "NaN" | "Infinity" | "+Infinity" | "-Infinity" | "INF" | "+INF" | "-INF" if self.grammar.non_numbers => {
                Json::Number(word.to_owned())
            }
            number if is_number(number, self.grammar.leading_zeros) => Json::Number(number.to_owned()),
            _ => return None,
        };
        self.rest = rest;
        Some(value)
    }
}

/// Whether a word is a number of JSON.
fn is_number(word: &str, leading_zeros: bool) -> bool {
    let digits = word.strip_prefix('-').unwrap_or(word);
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => (digits, "0"),
    };
    // A point has digits on both sides.
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    [whole, fraction, exponent].into_iter().all(all_digits)
        && (leading_zeros || whole.len() == 1 || !whole.starts_with('0'))
}

/// Whether a number has neither a fraction nor an exponent.
pub(super) fn is_whole(number: &str) -> bool {
    number.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

/// A number as it is shown: whole ones as they are, others as DOUBLE; those that are none in quotes.
fn write_number(number: &str, out: &mut String) {
    match number.parse().map(|value: f64| (value, render::double(value))) {
        Ok((value, shown)) if !is_whole(number) && value.is_finite() => out.push_str(&shown),
        Ok((_, shown)) if !is_whole(number) => quote(&shown, out),
        _ => out.push_str(number),
    }
}

/// Four digits, or two times four for a character beyond 16 bits.
fn unicode(chars: &mut std::str::Chars<'_>) -> Option<char> {
    let high = four(chars)?;
    if !(0xD800..0xDC00).contains(&high) {
        return char::from_u32(high);
    }
    if (chars.next()?, chars.next()?) != ('\\', 'u') {
        return None;
    }
    let low = four(chars)?.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
    char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + low)
}

fn four(chars: &mut std::str::Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |code, _| Some(code * 16 + chars.next()?.to_digit(16)?))
}
