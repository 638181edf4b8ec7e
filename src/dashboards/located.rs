//! Where things stand in a JSON text: byte ranges by path, and strings that remember where their characters came from.

use std::ops::Range;

use crate::config::pointer::key_of;

/// A text put together from one or more JSON strings, which knows for each of its bytes where it stands in the JSON.
///
/// A dataset's SQL is cut into many strings, with escapes; a mistake in it is reported in the file all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Located {
    text: String,
    /// (offset in the text, offset in the JSON), rising; between two marks both advance together.
    marks: Vec<(usize, usize)>,
}

impl Located {
    /// Wraps a text that stands unescaped at `offset`.
    pub(super) fn plain(text: &str, offset: usize) -> Self {
        Self { text: text.to_owned(), marks: vec![(0, offset)] }
    }

    /// Appends the JSON string literal `raw`, with its quotes, that begins at `offset`.
    pub(super) fn push_literal(&mut self, raw: &str, offset: usize) {
        let quoted = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let (body, start) = quoted.map_or((raw, offset), |inside| (inside, offset + 1));
        self.marks.push((self.text.len(), start));
        let mut rest = 0;
        while let Some(at) = body[rest..].find('\\').map(|found| rest + found) {
            self.text.push_str(&body[rest..at]);
            let mut chars = body[at + 1..].chars();
            match chars.next().unwrap_or('\\') {
                'n' => self.text.push('\n'),
                'r' => self.text.push('\r'),
                't' => self.text.push('\t'),
                'b' => self.text.push('\u{8}'),
                'f' => self.text.push('\u{c}'),
                'u' => {
                    let (c, length) = unicode_escape(&body[at..]);
                    self.text.push(c);
                    // The escape is ASCII, so characters and bytes agree; `\u` itself has been taken.
                    for _ in 2..length {
                        chars.next();
                    }
                }
                other => self.text.push(other),
            }
            rest = body.len() - chars.as_str().len();
            self.marks.push((self.text.len(), start + rest));
        }
        self.text.push_str(&body[rest..]);
    }

    /// Appends another text, which keeps its places.
    pub(super) fn push(&mut self, other: &Self) {
        let start = self.text.len();
        self.text.push_str(&other.text);
        self.marks.extend(other.marks.iter().map(|(own, source)| (start + own, *source)));
    }

    /// Appends a text that does not stand in the JSON; what is said of it is said of what comes before it.
    pub(super) fn push_made(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Returns a part of the text, which keeps its places.
    pub(super) fn part(&self, range: Range<usize>) -> Self {
        let first = (0, self.source_offset(range.start));
        let inside = self.marks.iter().filter(|(own, _)| range.contains(own) && *own > range.start);
        let marks = std::iter::once(first).chain(inside.map(|(own, source)| (own - range.start, *source)));
        Self { text: self.text[range.clone()].to_owned(), marks: marks.collect() }
    }

    /// Returns the text with a piece of it written in another way that is exactly as long.
    pub(super) fn rewritten(&self, piece: &str, other: &str) -> Self {
        debug_assert_eq!(piece.len(), other.len(), "places would move");
        Self { text: self.text.replace(piece, other), marks: self.marks.clone() }
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns where the byte at `offset` of the text stands in the JSON.
    pub(super) fn source_offset(&self, offset: usize) -> usize {
        let after = self.marks.partition_point(|(own, _)| *own <= offset);
        match after.checked_sub(1).and_then(|i| self.marks.get(i)) {
            Some((own, source)) => source + (offset - own),
            None => offset,
        }
    }

    /// Returns where a range of the text stands in the JSON.
    pub(super) fn source_range(&self, range: Range<usize>) -> Range<usize> {
        let start = self.source_offset(range.start);
        // The end belongs to the last byte in the range, not to whatever string follows.
        let end = if range.is_empty() { start } else { self.source_offset(range.end - 1) + 1 };
        start..end.max(start)
    }
}

/// Decodes `\uXXXX`, or a pair of them, at the start of `text`: the character and the length of the escape.
fn unicode_escape(text: &str) -> (char, usize) {
    let unit = |at: usize| text.get(at + 2..at + 6).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    match unit(0) {
        Some(high @ 0xD800..=0xDBFF) if text.get(6..8) == Some("\\u") => match unit(6) {
            Some(low @ 0xDC00..=0xDFFF) => {
                let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
            }
            _ => (char::REPLACEMENT_CHARACTER, 6),
        },
        Some(code) => (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
        None => (char::REPLACEMENT_CHARACTER, text.len().min(6)),
    }
}

/// The most values that a dashboard may have.
pub(super) const MOST_VALUES: usize = 1_000_000;

/// The byte range of every value of a JSON text, to be found by JSON pointer.
#[derive(Clone, Debug, Default)]
pub(super) struct JsonMap {
    whole: Place,
    count: usize,
}

/// Where a value stands, and the values in it.
#[derive(Clone, Debug, Default)]
struct Place {
    range: Range<usize>,
    within: Within,
}

#[derive(Clone, Debug, Default)]
enum Within {
    #[default]
    Nothing,
    Items(Vec<Place>),
    Members(Vec<(Box<str>, Place)>),
}

impl Place {
    /// Finds a value in this one by a part of a pointer.
    fn child(&self, part: &str) -> Option<&Self> {
        match &self.within {
            Within::Nothing => None,
            Within::Items(items) => items.get(part.parse::<usize>().ok()?),
            // Of a key that comes twice, the last one counts.
            Within::Members(members) => {
                let key = key_of(part);
                members.iter().rev().find(|(own, _)| **own == *key).map(|(_, place)| place)
            }
        }
    }
}

impl JsonMap {
    /// Scans a text that a JSON parser has accepted; of any other text it maps as much as it can.
    pub(super) fn scan(text: &str) -> Self {
        let mut scanner = Scanner { text, at: 0, count: 0 };
        let whole = scanner.value();
        Self { whole, count: scanner.count }
    }

    /// Tells whether the text has more values than a dashboard may have.
    pub(super) fn is_too_large(&self) -> bool {
        self.count > MOST_VALUES
    }

    /// Returns the range of the value at `pointer`, or of the nearest value around it.
    pub(super) fn range(&self, pointer: &str) -> Range<usize> {
        let mut place = &self.whole;
        for part in pointer.split('/').skip(1) {
            match place.child(part) {
                Some(child) => place = child,
                None => break,
            }
        }
        place.range.clone()
    }

    /// Returns the range of the value at `pointer` if there is one.
    pub(super) fn exact(&self, pointer: &str) -> Option<Range<usize>> {
        let place = pointer.split('/').skip(1).try_fold(&self.whole, |place, part| place.child(part))?;
        Some(place.range.clone())
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Values so far.
    count: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Passes over a string and returns the range of its inside.
    fn string(&mut self) -> Range<usize> {
        self.at += 1;
        let start = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        let end = self.at.min(self.text.len());
        self.at = (end + 1).min(self.text.len());
        start..end
    }

    fn value(&mut self) -> Place {
        self.space();
        let start = self.at;
        self.count += 1;
        let within = match self.peek() {
            Some(b'{') => Within::Members(self.members()),
            Some(b'[') => Within::Items(self.items()),
            Some(b'"') => {
                self.string();
                Within::Nothing
            }
            _ => {
                while self.peek().is_some_and(|b| !b.is_ascii_whitespace() && !matches!(b, b',' | b']' | b'}')) {
                    self.at += 1;
                }
                Within::Nothing
            }
        };
        Place { range: start..self.at, within }
    }

    fn items(&mut self) -> Vec<Place> {
        let mut items = Vec::new();
        self.at += 1;
        while self.comes_another(b']') {
            let before = self.at;
            let item = self.value();
            if self.count <= MOST_VALUES {
                items.push(item);
            }
            if self.at == before {
                break;
            }
        }
        items
    }

    fn members(&mut self) -> Vec<(Box<str>, Place)> {
        let mut members = Vec::new();
        self.at += 1;
        while self.comes_another(b'}') && self.peek() == Some(b'"') {
            let range = self.string();
            let mut key = Located::default();
            key.push_literal(&self.text[range], 0);
            self.space();
            if self.peek() == Some(b':') {
                self.at += 1;
            }
            let before = self.at;
            let member = self.value();
            if self.count <= MOST_VALUES {
                members.push((key.text.into_boxed_str(), member));
            }
            if self.at == before {
                break;
            }
        }
        members
    }

    /// Passes over blanks and commas up to the next value; tells whether there is one before the end, which is passed too.
    fn comes_another(&mut self, close: u8) -> bool {
        self.space();
        while self.peek() == Some(b',') {
            self.at += 1;
            self.space();
        }
        if self.peek() == Some(close) {
            self.at += 1;
            return false;
        }
        self.peek().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_found_by_its_path() {
        let text = r#" {"a": [1, {"b/c": "x\"y"}], "d": {}, "e": []} "#;
        let map = JsonMap::scan(text);
        let at = |pointer: &str| &text[map.exact(pointer).unwrap()];
        assert_eq!(at("/a/0"), "1");
        assert_eq!(at("/a/1/b~1c"), r#""x\"y""#);
        assert_eq!(at("/d"), "{}");
        assert_eq!(at("/e"), "[]");
        assert_eq!(map.range("/a/1/nothing/here"), map.exact("/a/1").unwrap(), "the nearest value around it");
    }

    #[test]
    fn a_text_joined_from_escaped_strings_knows_where_its_bytes_stand() {
        let json = r#"["a\n\u00e9", "bäc\ud83d\ude00d"]"#;
        let mut text = Located::default();
        text.push_literal(r#""a\n\u00e9""#, 1);
        let second = json.find(r#""bäc"#).unwrap();
        text.push_literal(r#""bäc\ud83d\ude00d""#, second);
        assert_eq!(text.text(), "a\nébäc😀d");
        for needle in ["a", "b", "c", "d"] {
            let own = text.text().find(needle).unwrap();
            let source = text.source_offset(own);
            assert_eq!(&json[source..source + 1], needle);
        }
        let own = text.text().find("bäc").unwrap();
        assert_eq!(&json[text.source_range(own..own + 4)], "bäc");
        assert!(text.source_range(0..4).end < second, "a range ends in the string that its last character comes from");
    }

    #[test]
    fn parts_put_together_keep_their_places() {
        let json = r#"["a \"b\" c", "d"]"#;
        let mut one = Located::default();
        one.push_literal(r#""a \"b\" c""#, 1);
        let mut two = Located::default();
        two.push_literal(r#""d""#, json.find(r#""d""#).unwrap());
        let mut whole = Located::default();
        whole.push_made("SELECT ");
        whole.push(&one.part(2..7));
        whole.push_made(", ");
        whole.push(&two.rewritten("d", "e"));
        assert_eq!(whole.text(), "SELECT \"b\" c, e");
        for (needle, expected) in [("b", "b"), ("c", "c"), ("e", "d")] {
            let own = whole.text().rfind(needle).unwrap();
            assert_eq!(&json[whole.source_range(own..own + 1)], expected);
        }
    }

    #[test]
    fn a_broken_text_is_scanned_as_far_as_it_goes() {
        for text in ["", "{", "[1,", "{\"a", "{\"a\":", "{1:2}", "[[[[", "\"\\", "{\"a\":1,,}", "[\"\\u12"] {
            let _ = JsonMap::scan(text);
            let mut located = Located::default();
            located.push_literal(text, 0);
        }
    }
}
