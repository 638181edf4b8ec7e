//! What a pattern of Java's says, in the syntax of both engines.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

use super::classes::{class, property};
use super::{Anchors, ENDS, invalid};
use crate::local::engine::error::SqlError;

/// `$`: the end, or the last end of a line before it.
const END: &str = r"(?=(?:\r\n|(?<!\r)\n|[\r\x{85}\x{2028}\x{2029}])?\z)";
/// `$` of `(?m)`: before each end of a line, and at the end.
const END_OF_LINE: &str = r"(?:(?=[\r\x{85}\x{2028}\x{2029}])|(?<!\r)(?=\n)|\z)";
/// `^` of `(?m)`: after each end of a line, but not at the end.
const BEGIN_OF_LINE: &str = r"(?:(?:\A|(?<=[\n\x{85}\x{2028}\x{2029}])|(?<=\r)(?!\n))(?!\z))";

/// Reads a pattern.
///
/// # Errors
/// If it is none, or says what neither engine has.
pub(super) fn translated(pattern: &str) -> Result<Said, SqlError> {
    Translator::new(pattern).translated()
}

/// What a pattern says in the syntax of both engines.
#[derive(Default)]
pub(super) struct Said {
    pub(super) plain: String,
    pub(super) full: String,
    /// Whether the plain engine does not have all of it.
    pub(super) needs_full: bool,
    pub(super) anchors: Anchors,
    /// Names of groups, with their numbers.
    pub(super) names: Vec<(String, usize)>,
    /// How many groups it has, besides the whole.
    pub(super) groups: usize,
}

impl Said {
    fn push(&mut self, text: &str) {
        self.push_each(text, text);
    }

    fn push_each(&mut self, plain: &str, full: &str) {
        self.plain.push_str(plain);
        self.full.push_str(full);
    }

    /// Writes what the plain engine does not have.
    fn push_full(&mut self, full: &str) {
        self.full.push_str(full);
        self.needs_full = true;
    }
}

/// How the pattern is to be read from some place on.
#[derive(Clone, Copy, Default)]
struct Flags {
    /// `i`: letters of ASCII match in either case.
    ascii_case: bool,
    /// `iu`: all letters do.
    any_case: bool,
    /// `s`: a dot matches the end of a line, too.
    all: bool,
    /// `m`
    lines: bool,
    /// `x`: blanks and comments say nothing.
    comments: bool,
}

/// Reads on in a pattern. Java's classes know ASCII only, and its dot stops at more ends of lines; flags are resolved here.
struct Translator<'p> {
    pattern: &'p str,
    chars: Peekable<Chars<'p>>,
    said: Said,
    flags: Flags,
    /// The flags outside of each open group.
    outside: Vec<Flags>,
    /// Whether what stands before is a quantifier.
    quantified: bool,
}

impl<'p> Translator<'p> {
    fn new(pattern: &'p str) -> Self {
        Self {
            pattern,
            chars: pattern.chars().peekable(),
            said: Said { plain: String::with_capacity(pattern.len() + 16), ..Said::default() },
            flags: Flags::default(),
            outside: Vec::new(),
            quantified: false,
        }
    }

    fn refuse<T>(&self, what: &str) -> Result<T, SqlError> {
        Err(SqlError::unsupported(&format!("{what} in the regular expression '{}'", self.pattern)))
    }

    fn translated(mut self) -> Result<Said, SqlError> {
        while let Some(c) = self.chars.next() {
            let after_quantifier = std::mem::take(&mut self.quantified);
            match c {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' => self.open()?,
                ')' => {
                    self.flags = self.outside.pop().unwrap_or(self.flags);
                    self.said.push(")");
                }
                '#' if self.flags.comments => {
                    self.chars.by_ref().find(|c| ENDS.contains(c));
                }
                c if self.flags.comments && c.is_ascii_whitespace() => self.quantified = after_quantifier,
                '.' if self.flags.all => self.said.push("(?s:.)"),
                '.' => self.said.push("[^\\n\\r\\x{85}\\x{2028}\\x{2029}]"),
                '^' if self.flags.lines => {
                    self.said.anchors.lines = true;
                    self.said.push_each("^", BEGIN_OF_LINE);
                }
                '$' if self.flags.lines => {
                    self.said.anchors.lines = true;
                    self.said.push_each("$", END_OF_LINE);
                }
                '$' => {
                    self.said.anchors.end = true;
                    self.said.push_each("$", END);
                }
                '*' | '+' | '?' if !after_quantifier => {
                    self.quantified = true;
                    self.said.push(c.encode_utf8(&mut [0; 4]));
                }
                '+' => self.said.push_full("+"),
                '{' => {
                    self.said.push("{");
                    for c in self.chars.by_ref() {
                        self.said.push(c.encode_utf8(&mut [0; 4]));
                        if c == '}' {
                            self.quantified = true;
                            break;
                        }
                    }
                }
                '^' | '|' | '*' | '?' => self.said.push(c.encode_utf8(&mut [0; 4])),
                c => self.literal(c),
            }
        }
        Ok(self.said)
    }

    /// A character that stands for itself.
    fn literal(&mut self, c: char) {
        let escaped = regex::escape(&c.to_string());
        let other = other_case(c);
        match other {
            Some(other) if self.flags.ascii_case => self.said.push(&format!("[{c}{other}]")),
            _ if self.flags.any_case && c.is_alphabetic() => self.said.push(&format!("(?i:{escaped})")),
            _ => self.said.push(&escaped),
        }
    }

    /// What follows an opening parenthesis: a group, flags, or a look around.
    fn open(&mut self) -> Result<(), SqlError> {
        let outside = self.flags;
        if self.chars.peek() != Some(&'?') {
            self.outside.push(outside);
            self.said.groups += 1;
            self.said.push("(");
            return Ok(());
        }
        self.chars.next();
        match self.chars.next() {
            Some(kind @ ('=' | '!' | '>')) => {
                self.outside.push(outside);
                self.said.push_full(&format!("(?{kind}"));
            }
            Some('<') if matches!(self.chars.peek(), Some('=' | '!')) => {
                self.outside.push(outside);
                let kind = self.chars.next().unwrap_or('=');
                self.said.push_full(&format!("(?<{kind}"));
            }
            Some('<') => {
                let name: String = self.chars.by_ref().take_while(|c| *c != '>').collect();
                self.outside.push(outside);
                self.said.groups += 1;
                self.said.push(&format!("(?<{name}>"));
                self.said.names.push((name, self.said.groups));
            }
            first => {
                let (mut on, mut end) = (true, first);
                loop {
                    match end {
                        Some(':') => {
                            self.outside.push(outside);
                            self.said.push("(?:");
                            return Ok(());
                        }
                        // They hold until the group ends in which they stand.
                        Some(')') => return Ok(()),
                        Some('-') => on = false,
                        Some('i') => (self.flags.ascii_case, self.flags.any_case) = (on, on && self.flags.any_case),
                        Some('u') => self.flags.any_case = on,
                        Some('s') => self.flags.all = on,
                        Some('m') => self.flags.lines = on,
                        Some('x') => self.flags.comments = on,
                        Some('U' | 'd') => return self.refuse("the flag U or d"),
                        _ => return Err(invalid(self.pattern, "a group begins with what is no group and no flag")),
                    }
                    end = self.chars.next();
                }
            }
        }
        Ok(())
    }

    /// What follows a backslash outside of a class.
    fn escape(&mut self) -> Result<(), SqlError> {
        let Some(next) = self.chars.next() else {
            self.said.push("\\");
            return Ok(());
        };
        match next {
            // Boundaries know all letters, though `\w` does not.
            'b' | 'B' => self.said.push(&format!("\\{next}")),
            'Q' => {
                let mut literal = String::new();
                for c in self.chars.by_ref() {
                    literal.push(c);
                    if literal.ends_with("\\E") {
                        literal.truncate(literal.len() - 2);
                        break;
                    }
                }
                literal.chars().for_each(|c| self.literal(c));
            }
            'R' => self.said.push("(?:\\r\\n|[\\n\\x0B\\f\\r\\x{85}\\x{2028}\\x{2029}])"),
            'Z' => {
                self.said.anchors.end = true;
                self.said.push_each("\\z", END);
            }
            'A' | 'z' => self.said.push(&format!("\\{next}")),
            'k' => {
                let name: String = self.chars.by_ref().skip(1).take_while(|c| *c != '>').collect();
                let Some((_, n)) = self.said.names.iter().find(|(known, _)| *known == name) else {
                    return Err(invalid(self.pattern, &format!("there is no group `{name}` before its reference")));
                };
                let n = *n;
                self.refer(n);
            }
            '1'..='9' => {
                let mut n = next as usize - '0' as usize;
                // More digits belong to the number as long as there is such a group.
                while let Some(digit) = self.chars.peek().and_then(|c| c.to_digit(10)) {
                    let longer = n * 10 + digit as usize;
                    if longer > self.said.groups {
                        break;
                    }
                    n = longer;
                    self.chars.next();
                }
                self.refer(n);
            }
            'G' | 'X' | 'N' => return self.refuse(&format!("\\{next}")),
            next => {
                let text = self.character(next)?;
                match only(&text) {
                    Some(c) => self.literal(c),
                    None => self.said.push(&text),
                }
            }
        }
        Ok(())
    }

    /// What a group has matched; one that is not there matches nothing.
    fn refer(&mut self, n: usize) {
        match n > self.said.groups {
            true => self.said.push_full("(?!)"),
            // In a group of its own, so that a digit that follows does not belong to the number.
            false if self.flags.ascii_case || self.flags.any_case => self.said.push_full(&format!("(?i:\\{n})")),
            false => self.said.push_full(&format!("(?:\\{n})")),
        }
    }

    /// An escape that means one character, or one of several, as both engines write it; in classes and outside.
    fn character(&mut self, next: char) -> Result<String, SqlError> {
        let coded = |code: u32| format!("\\x{{{code:x}}}");
        Ok(match next {
            'd' | 'w' | 's' | 'h' | 'v' | 'D' | 'W' | 'S' | 'H' | 'V' => class(next).to_owned(),
            'e' => coded(0x1B),
            'x' if self.chars.peek() == Some(&'{') => {
                let digits: String = self.chars.by_ref().skip(1).take_while(|c| *c != '}').collect();
                format!("\\x{{{digits}}}")
            }
            'x' | 'u' => {
                let digits: String = self.chars.by_ref().take(if next == 'x' { 2 } else { 4 }).collect();
                format!("\\x{{{digits}}}")
            }
            'p' | 'P' => {
                let name: String = match self.chars.next() {
                    Some('{') => self.chars.by_ref().take_while(|c| *c != '}').collect(),
                    Some(c) => c.to_string(),
                    None => String::new(),
                };
                property(&name, next == 'P')
            }
            'c' => match self.chars.next() {
                Some(control) => coded(u32::from(control) ^ 64),
                None => return self.refuse("\\c"),
            },
            '0' => {
                let (mut code, mut left) = (0, 3);
                while left > 0
                    && let Some(digit) = self.chars.peek().and_then(|c| c.to_digit(8))
                    && code * 8 + digit <= 0o377
                {
                    code = code * 8 + digit;
                    left -= 1;
                    self.chars.next();
                }
                if left == 3 {
                    return self.refuse("\\0");
                }
                coded(code)
            }
            't' | 'n' | 'r' | 'f' | 'a' => format!("\\{next}"),
            c if c.is_ascii_alphanumeric() => return Err(invalid(self.pattern, &format!("\\{c} means nothing"))),
            c => c.to_string(),
        })
    }

    /// A class of characters, from behind its opening bracket to its end. It may hold others.
    fn class(&mut self) -> Result<(), SqlError> {
        let any_case = self.flags.any_case;
        let mut text = String::from(if any_case { "(?i:[" } else { "[" });
        let mut depth = 1;
        let mut begins = true;
        while depth > 0 {
            let Some(c) = self.chars.next() else {
                return Err(invalid(self.pattern, "a class of characters has no end"));
            };
            let first = std::mem::take(&mut begins);
            match c {
                '^' if first => {
                    text.push('^');
                    begins = true;
                }
                '[' => {
                    depth += 1;
                    text.push('[');
                    begins = true;
                }
                ']' if !first || depth > 1 => {
                    depth -= 1;
                    text.push(']');
                }
                c if self.flags.comments && c.is_ascii_whitespace() => {}
                '&' if self.chars.peek() == Some(&'&') => {
                    self.chars.next();
                    text.push_str("&&");
                }
                c => {
                    let from = self.member(c)?;
                    let mut ahead = self.chars.clone();
                    let ranges = ahead.next() == Some('-') && !matches!(ahead.next(), Some('[' | ']') | None);
                    let is_class = from.len() > 1 && ["[", "\\p", "\\P"].iter().any(|begin| from.starts_with(begin));
                    let to = if ranges && !is_class {
                        self.chars.next();
                        let c = self.chars.next().unwrap_or('-');
                        Some(self.member(c)?)
                    } else {
                        None
                    };
                    self.members(&mut text, &from, to.as_deref());
                }
            }
        }
        if any_case {
            text.push(')');
        }
        self.said.push(&text);
        Ok(())
    }

    fn member(&mut self, c: char) -> Result<String, SqlError> {
        match (c, self.chars.peek()) {
            ('\\', Some(_)) => {
                let next = self.chars.next().unwrap_or('\\');
                self.character(next)
            }
            _ => Ok(c.to_string()),
        }
    }

    /// Writes a member of a class, or a range of them.
    fn members(&self, text: &mut String, from: &str, to: Option<&str>) {
        let shown = |c: char| if c.is_alphanumeric() { c.to_string() } else { format!("\\x{{{:x}}}", u32::from(c)) };
        let of = |text: &str| only(text).map_or_else(|| text.to_owned(), shown);
        text.push_str(&of(from));
        let Some(to) = to else {
            let other = only(from).and_then(other_case).filter(|_| self.flags.ascii_case);
            text.extend(other);
            return;
        };
        let _ = write!(text, "-{}", of(to));
        if let (true, Some(from), Some(to)) = (self.flags.ascii_case, only(from), only(to)) {
            for (first, last) in [('a', 'z'), ('A', 'Z')] {
                let (low, high) = (from.max(first), to.min(last));
                if low <= high {
                    text.extend(other_case(low));
                    text.push('-');
                    text.extend(other_case(high));
                }
            }
        }
    }
}

/// A letter of ASCII in the other case.
fn other_case(c: char) -> Option<char> {
    match c {
        'a'..='z' => Some(c.to_ascii_uppercase()),
        'A'..='Z' => Some(c.to_ascii_lowercase()),
        _ => None,
    }
}

/// The only character of a text that has just one.
fn only(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}
