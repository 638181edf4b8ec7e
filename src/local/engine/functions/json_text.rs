//! Reading and writing JSON as Spark does: texts may stand in single quotes, whole numbers have any length, a key may
//! come twice, and what follows the first value does not matter.

use std::fmt::Write as _;

use crate::local::engine::render;

/// How deep a document may nest.
const MAX_DEPTH: usize = 500;

/// A value of a document.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Truth(bool),
    /// A number, as it is shown.
    Number(String),
    Text(String),
    Items(Vec<Json>),
    Fields(Vec<(String, Json)>),
}

impl Json {
    /// The first value of a text; none: it does not begin with one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Reader { rest: text }.value(0)
    }

    /// Writes it without blanks.
    pub(super) fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Truth(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Self::Number(number) => out.push_str(number),
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
}

impl Reader<'_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
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
                    let name = self.text()?;
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

    fn text(&mut self) -> Option<String> {
        let mut chars = self.rest.chars();
        let end = chars.next().filter(|c| matches!(c, '"' | '\''))?;
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
                    _ => return None,
                }),
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
            number => Json::Number(shown(number)?),
        };
        self.rest = rest;
        Some(value)
    }
}

/// A number as it is shown: whole ones as they are, others as DOUBLE.
fn shown(number: &str) -> Option<String> {
    let digits = number.strip_prefix('-').unwrap_or(number);
    if !digits.starts_with(|c: char| c.is_ascii_digit())
        || digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.")
    {
        return None;
    }
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        return Some(number.to_owned());
    }
    // A point has digits on both sides.
    let (_, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    fraction.starts_with(|c: char| c.is_ascii_digit()).then(|| number.parse().ok().map(render::double))?
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
