//! Functions of regular expressions. They are written in Java's syntax, which is put into that of the engine; what that
//! does not have — look-around, references back, possessive quantifiers — is refused by name.

use std::fmt::Write as _;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Int32Array, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Result;
use regex::{Captures, Regex};

use super::simple::{Simple, Takes};
use super::text::row;
use crate::local::engine::error::SqlError;

const TEXT: Takes = Takes::Text;
const COUNT: Takes = Takes::Integer;

/// All functions of this family.
pub(super) fn functions() -> Vec<Simple> {
    let text = |name, takes: &'static [Takes], required, eval| Simple {
        name,
        takes,
        required,
        returns: |_| DataType::Utf8,
        eval,
    };
    let int =
        |name, takes: &'static [Takes], eval| Simple { name, takes, required: 2, returns: |_| DataType::Int32, eval };
    let list = |name, takes: &'static [Takes], eval| Simple {
        name,
        takes,
        required: 2,
        returns: |_| DataType::List(Arc::new(Field::new("element", DataType::Utf8, true))),
        eval,
    };
    vec![
        Simple {
            name: "regexp_like",
            takes: &[TEXT, TEXT],
            required: 2,
            returns: |_| DataType::Boolean,
            eval: |a| {
                let mut cache = Cache::default();
                let mut found = Vec::with_capacity(a[0].len());
                for i in 0..a[0].len() {
                    found.push(row(a, i).map(|(t, _)| Ok::<_, SqlError>(cache.get(t[1])?.is_match(t[0]))).transpose()?);
                }
                Ok(Arc::new(BooleanArray::from(found)))
            },
        },
        int("regexp_count", &[TEXT, TEXT], |a| numbers(a, |regex, text| matches(regex, text).len())),
        int("regexp_instr", &[TEXT, TEXT, COUNT], |a| {
            numbers(a, |regex, text| regex.find(text).map_or(0, |m| text[..m.start()].chars().count() + 1))
        }),
        text("regexp_substr", &[TEXT, TEXT], 2, |a| {
            texts(a, |regex, t, _| Ok(regex.find(t[0]).map(|m| m.as_str().to_owned())))
        }),
        text("regexp_replace", &[TEXT, TEXT, TEXT, COUNT], 3, |a| {
            texts(a, |regex, t, n| replaced(regex, t[0], t[2], n.get(3).copied().unwrap_or(1)).map(Some))
        }),
        text("regexp_extract", &[TEXT, TEXT, COUNT], 2, |a| {
            texts(a, |regex, t, n| {
                let Some(captures) = regex.captures(t[0]) else { return Ok(Some(String::new())) };
                let group = group(regex, "regexp_extract", n.get(2).copied().unwrap_or(1))?;
                Ok(Some(captures.get(group).map_or_else(String::new, |m| m.as_str().to_owned())))
            })
        }),
        list("regexp_extract_all", &[TEXT, TEXT, COUNT], |a| {
            lists(a, |regex, t, n, add| {
                for captures in matches(regex, t[0]) {
                    let group = group(regex, "regexp_extract_all", n.get(2).copied().unwrap_or(1))?;
                    add(captures.get(group).map_or("", |m| m.as_str()));
                }
                Ok(())
            })
        }),
        list("split", &[TEXT, TEXT, COUNT], |a| {
            lists(a, |regex, t, n, add| {
                let limit = usize::try_from(n.get(2).copied().unwrap_or(-1)).ok().filter(|n| *n > 0);
                split(regex, t[0], limit.unwrap_or(usize::MAX), add);
                Ok(())
            })
        }),
    ]
}

/// The group of a number, which has to exist.
fn group(regex: &Regex, name: &str, n: i64) -> Result<usize, SqlError> {
    usize::try_from(n).ok().filter(|n| *n < regex.captures_len()).ok_or_else(|| {
        SqlError::new(
            "INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX",
            "22023",
            format!(
                "The value of parameter(s) `idx` in `{name}` is invalid: Expects group index between 0 and {}, but got {n}.",
                regex.captures_len() - 1
            ),
        )
    })
}

/// All matches one after the other, as Java finds them: an empty one may stand at the end of the one before.
fn matches<'t>(regex: &Regex, text: &'t str) -> Vec<Captures<'t>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at <= text.len() {
        let Some(captures) = regex.captures_at(text, at) else { break };
        let Some(whole) = captures.get(0) else { break };
        at = match whole.is_empty() {
            false => whole.end(),
            true => whole.end() + text[whole.end()..].chars().next().map_or(1, char::len_utf8),
        };
        found.push(captures);
    }
    found
}

/// The parts between matches; an empty match at the beginning parts nothing, nor does one of the empty pattern at the
/// end.
fn split(regex: &Regex, text: &str, limit: usize, add: &mut dyn FnMut(&str)) {
    let (mut start, mut count) = (0, 1);
    for captures in matches(regex, text) {
        let Some(whole) = captures.get(0) else { continue };
        if count >= limit {
            break;
        }
        if whole.is_empty() && (whole.start() == 0 || whole.start() == text.len() && regex.as_str().is_empty()) {
            continue;
        }
        add(&text[start..whole.start()]);
        start = whole.end();
        count += 1;
    }
    add(&text[start..]);
}

/// Replaces every match from a position on, counted from 1.
fn replaced(regex: &Regex, text: &str, by: &str, from: i64) -> Result<String, SqlError> {
    let Some(skip) = usize::try_from(from).ok().and_then(|n| n.checked_sub(1)) else {
        return Err(SqlError::new(
            "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
            "42K09",
            format!("The position in `regexp_replace` has to be above 0, but it is {from}."),
        ));
    };
    let Some(start) = text.char_indices().map(|(i, _)| i).chain([text.len()]).nth(skip) else {
        return Ok(text.to_owned());
    };
    let (mut out, mut at) = (text[..start].to_owned(), start);
    for captures in matches(regex, text) {
        let Some(whole) = captures.get(0).filter(|m| m.start() >= start) else { continue };
        out.push_str(&text[at..whole.start()]);
        expand(&captures, by, &mut out)?;
        at = whole.end();
    }
    out.push_str(&text[at..]);
    Ok(out)
}

/// Writes a replacement in Java's form: `$1`, `${name}`, and backslashes before what stands for itself.
fn expand(captures: &Captures<'_>, by: &str, out: &mut String) -> Result<(), SqlError> {
    let wrong = || {
        SqlError::new(
            "INVALID_REGEXP_REPLACE",
            "22023",
            format!(
                "Could not perform regexp_replace: the replacement '{by}' names a group that the pattern does not have."
            ),
        )
    };
    let mut chars = by.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next().ok_or_else(wrong)?),
            '$' if chars.peek() == Some(&'{') => {
                chars.next();
                let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                out.push_str(captures.name(&name).ok_or_else(wrong)?.as_str());
            }
            '$' => {
                let first = chars.next().and_then(|c| c.to_digit(10)).ok_or_else(wrong)?;
                let mut group = first as usize;
                if group >= captures.len() {
                    return Err(wrong());
                }
                // More digits belong to the number as long as there is such a group.
                while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                    let longer = group * 10 + digit as usize;
                    if longer >= captures.len() {
                        break;
                    }
                    group = longer;
                    chars.next();
                }
                out.push_str(captures.get(group).map_or("", |m| m.as_str()));
            }
            c => out.push(c),
        }
    }
    Ok(())
}

fn numbers(args: &[ArrayRef], f: fn(&Regex, &str) -> usize) -> Result<ArrayRef> {
    let mut cache = Cache::default();
    let mut found = Vec::with_capacity(args[0].len());
    for i in 0..args[0].len() {
        let Some((t, _)) = row(args, i) else {
            found.push(None);
            continue;
        };
        found.push(i32::try_from(f(cache.get(t[1])?, t[0])).ok());
    }
    Ok(Arc::new(Int32Array::from(found)))
}

/// What a function makes of a pattern, texts and numbers.
type OfPattern = fn(&Regex, &[&str], &[i64]) -> Result<Option<String>, SqlError>;

fn texts(args: &[ArrayRef], f: OfPattern) -> Result<ArrayRef> {
    let mut cache = Cache::default();
    let mut builder = StringBuilder::new();
    for i in 0..args[0].len() {
        match row(args, i) {
            Some((t, n)) => builder.append_option(f(cache.get(t[1])?, &t, &n)?),
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

type Parts = fn(&Regex, &[&str], &[i64], &mut dyn FnMut(&str)) -> Result<(), SqlError>;

fn lists(args: &[ArrayRef], f: Parts) -> Result<ArrayRef> {
    let mut cache = Cache::default();
    let mut builder =
        ListBuilder::new(StringBuilder::new()).with_field(Arc::new(Field::new("element", DataType::Utf8, true)));
    for i in 0..args[0].len() {
        let Some((t, n)) = row(args, i) else {
            builder.append_null();
            continue;
        };
        let regex = cache.get(t[1])?;
        f(regex, &t, &n, &mut |part| builder.values().append_value(part))?;
        builder.append(true);
    }
    Ok(Arc::new(builder.finish()))
}

/// The last pattern that was compiled.
#[derive(Default)]
struct Cache {
    last: Option<(String, Regex)>,
}

impl Cache {
    fn get(&mut self, pattern: &str) -> Result<&Regex, SqlError> {
        if self.last.as_ref().is_none_or(|(known, _)| known != pattern) {
            let regex = Regex::new(&translated(pattern)?).map_err(|e| {
                SqlError::new(
                    "INVALID_PARAMETER_VALUE.PATTERN",
                    "22023",
                    format!(
                        "The value of parameter(s) `regexp` is invalid: '{pattern}' is no regular expression: {e}."
                    ),
                )
            })?;
            self.last = Some((pattern.to_owned(), regex));
        }
        match &self.last {
            Some((_, regex)) => Ok(regex),
            None => Err(SqlError::internal("A pattern was lost.")),
        }
    }
}

/// A pattern in Java's syntax in that of the engine. Java's classes know ASCII only, and its dot stops at more ends of
/// lines.
fn translated(pattern: &str) -> Result<String, SqlError> {
    let refuse = |what: &str| Err(SqlError::unsupported(&format!("{what} in the regular expression '{pattern}'")));
    let mut out = String::with_capacity(pattern.len() + 16);
    let (mut depth, mut quantified, mut all_lines) = (0usize, false, false);
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        let after_quantifier = std::mem::take(&mut quantified);
        match c {
            '\\' => {
                let Some(next) = chars.next() else {
                    out.push('\\');
                    break;
                };
                match next {
                    'd' | 'w' | 's' | 'h' | 'D' | 'W' | 'S' | 'H' => out.push_str(class(next)),
                    'b' | 'B' => {
                        let _ = write!(out, "(?-u:\\{next})");
                    }
                    'Q' => {
                        let mut literal = String::new();
                        for c in chars.by_ref() {
                            literal.push(c);
                            if literal.ends_with("\\E") {
                                literal.truncate(literal.len() - 2);
                                break;
                            }
                        }
                        out.push_str(&regex::escape(&literal));
                    }
                    'R' => out.push_str("(?:\\r\\n|[\\n\\x0B\\f\\r\\x{85}\\x{2028}\\x{2029}])"),
                    'e' => out.push_str("\\x1B"),
                    'u' => {
                        let digits: String = chars.by_ref().take(4).collect();
                        let _ = write!(out, "\\x{{{digits}}}");
                    }
                    'p' | 'P' => {
                        let name: String = match chars.next() {
                            Some('{') => chars.by_ref().take_while(|c| *c != '}').collect(),
                            Some(c) => c.to_string(),
                            None => String::new(),
                        };
                        out.push_str(&property(&name, next == 'P'));
                    }
                    '1'..='9' | 'k' => return refuse("a reference back to a group"),
                    'Z' => return refuse("\\Z"),
                    'v' => out.push_str("[\\n\\x0B\\f\\r\\x{85}\\x{2028}\\x{2029}]"),
                    'V' => out.push_str("[^\\n\\x0B\\f\\r\\x{85}\\x{2028}\\x{2029}]"),
                    'c' => {
                        let Some(control) = chars.next() else { return refuse("\\c") };
                        let _ = write!(out, "\\x{{{:x}}}", u32::from(control) ^ 64);
                    }
                    '0' => {
                        let mut code = 0;
                        let mut left = 3;
                        while left > 0
                            && let Some(digit) = chars.peek().and_then(|c| c.to_digit(8))
                            && code * 8 + digit <= 0o377
                        {
                            code = code * 8 + digit;
                            left -= 1;
                            chars.next();
                        }
                        if left == 3 {
                            return refuse("\\0");
                        }
                        let _ = write!(out, "\\x{{{code:x}}}");
                    }
                    'G' | 'X' | 'N' => return refuse(&format!("\\{next}")),
                    c if c.is_ascii_alphanumeric() || c.is_ascii_punctuation() || c == ' ' => {
                        if c == ' ' {
                            out.push_str("\\x20");
                            continue;
                        }
                        // The engine's syntax knows no escape before some of these.
                        if c.is_ascii_alphanumeric() || regex::escape(&c.to_string()).len() > 1 {
                            out.push('\\');
                        }
                        out.push(c);
                    }
                    c => out.push(c),
                }
            }
            '[' => {
                depth += 1;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    out.extend(chars.next());
                }
            }
            ']' if depth > 0 => {
                depth -= 1;
                out.push(']');
            }
            c if depth > 0 => out.push(c),
            '(' if chars.peek() == Some(&'?') => {
                let rest: String = chars.clone().skip(1).take_while(|c| !matches!(c, ')' | ':')).take(8).collect();
                match rest.chars().next() {
                    Some('=' | '!') => return refuse("a look ahead"),
                    Some('>') => return refuse("an atomic group"),
                    Some('<') if matches!(rest.chars().nth(1), Some('=' | '!')) => return refuse("a look behind"),
                    Some('<') | None => {}
                    Some(_) => {
                        let flags = rest.split('-').next().unwrap_or_default();
                        if flags.contains('U') || flags.contains('d') {
                            return refuse("the flag U or d");
                        }
                        all_lines |= flags.contains('s');
                    }
                }
                out.push('(');
            }
            '.' if !all_lines => out.push_str("[^\\n\\r\\x{85}\\x{2028}\\x{2029}]"),
            '*' | '+' | '?' if !after_quantifier => {
                quantified = true;
                out.push(c);
            }
            '+' => return refuse("a possessive quantifier"),
            '}' => {
                quantified = true;
                out.push(c);
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

/// Java's classes of characters.
fn class(name: char) -> &'static str {
    match name {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[A-Za-z0-9_]",
        'W' => "[^A-Za-z0-9_]",
        's' => "[ \\t\\n\\x0B\\f\\r]",
        'S' => "[^ \\t\\n\\x0B\\f\\r]",
        'h' => "[ \\t\\x{A0}\\x{1680}\\x{180e}\\x{2000}-\\x{200a}\\x{202f}\\x{205f}\\x{3000}]",
        _ => "[^ \\t\\x{A0}\\x{1680}\\x{180e}\\x{2000}-\\x{200a}\\x{202f}\\x{205f}\\x{3000}]",
    }
}

/// `\p{…}`: POSIX's names mean ASCII, others Unicode.
fn property(name: &str, negated: bool) -> String {
    let posix = match name {
        "Lower" | "Upper" | "Alpha" | "Digit" | "Alnum" | "Punct" | "Graph" | "Print" | "Blank" | "Cntrl"
        | "XDigit" | "Space" => Some(name.to_ascii_lowercase()),
        "ASCII" => Some("ascii".to_owned()),
        _ => None,
    };
    if let Some(posix) = posix {
        return format!("[[:{}{posix}:]]", if negated { "^" } else { "" });
    }
    let name = match name {
        "javaLowerCase" | "IsLowercase" => "Lowercase",
        "javaUpperCase" | "IsUppercase" => "Uppercase",
        "javaWhitespace" => "White_Space",
        "IsAlphabetic" => "Alphabetic",
        other => other.strip_prefix("Is").unwrap_or(other),
    };
    format!("\\{}{{{name}}}", if negated { 'P' } else { 'p' })
}
