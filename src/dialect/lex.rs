//! From text to tokens: raw strings, typed numbers, places in the text, and limits that keep the parser safe.

use std::fmt::Write as _;
use std::ops::Range;

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer, Whitespace, Word};

use super::databricks::Databricks;
use super::query::SyntaxError;
use super::volatile::volatile_of;

/// The longest statement that a warehouse accepts, in bytes.
const MAX_BYTES: usize = 16 << 20;

/// The longest run of tokens without a comma, a parenthesis or the beginning of a clause. A chain of operators becomes
/// a tree as deep as the chain is long, and trees are walked by recursion.
const MAX_CHAIN: usize = 4000;

/// How deep the parser goes.
pub(super) const MAX_DEPTH: usize = 100;

/// So many subscripts may follow each other: `a[0][1]`.
const MAX_ACCESSES: usize = 100;

/// Where the lines of a text begin: gives byte ranges for the parser's lines and columns.
#[derive(Clone, Debug)]
pub struct TextMap {
    text: String,
    /// The first byte and the first character of each line, counted from the beginning of the text.
    lines: Vec<(usize, usize)>,
    /// Where every [`STEP`]th character begins: a line may be as long as the text.
    marks: Vec<usize>,
}

/// So many characters lie between two marks.
const STEP: usize = 64;

impl TextMap {
    /// Reads where the lines begin.
    pub fn new(text: &str) -> Self {
        let (mut lines, mut marks) = (vec![(0, 0)], Vec::with_capacity(text.len() / STEP + 1));
        for (n, (at, c)) in text.char_indices().enumerate() {
            if n % STEP == 0 {
                marks.push(at);
            }
            if c == '\n' {
                lines.push((at + 1, n + 1));
            }
        }
        Self { text: text.to_owned(), lines, marks }
    }

    /// Returns the text itself.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the byte offset of a line and column, both counted from 1, columns in characters.
    pub fn offset(&self, location: Location) -> usize {
        let line = usize::try_from(location.line).ok().and_then(|line| self.lines.get(line.checked_sub(1)?));
        let Some((_, first)) = line else { return self.text.len() };
        let column = usize::try_from(location.column.saturating_sub(1)).unwrap_or(usize::MAX);
        let wanted = first.saturating_add(column);
        let Some(mark) = self.marks.get(wanted / STEP) else { return self.text.len() };
        let rest = &self.text[*mark..];
        mark + rest.char_indices().nth(wanted % STEP).map_or(rest.len(), |(i, _)| i)
    }

    /// Line and column of a byte offset, counted from 1.
    fn location(&self, offset: usize) -> Location {
        let line = self.lines.partition_point(|(start, _)| *start <= offset);
        let mark = self.marks.partition_point(|mark| *mark <= offset).saturating_sub(1);
        let start = self.marks.get(mark).copied().unwrap_or(0);
        let character = mark * STEP + self.text[start..offset].chars().count();
        Location::new(line as u64, (character - self.lines[line - 1].1) as u64 + 1)
    }

    /// Returns the bytes that a span of the syntax tree covers; the end of the text for an empty span.
    pub fn range(&self, span: Span) -> Range<usize> {
        let start = self.offset(span.start);
        start..self.offset(span.end).max(start)
    }
}

/// Cuts a text into tokens, without the blanks and comments between them, which are most of a text's lexemes and which
/// a parser would step over again and again.
pub(super) fn tokens(text: &str, map: &TextMap) -> Result<Vec<TokenWithSpan>, SyntaxError> {
    let tokens = lexemes(text, map, |token| !matches!(token, Token::Whitespace(_)))?;
    check_chains(&tokens, map)?;
    Ok(tokens)
}

/// Cuts a text into lexemes, and keeps the wanted ones.
fn lexemes(text: &str, map: &TextMap, wanted: fn(&Token) -> bool) -> Result<Vec<TokenWithSpan>, SyntaxError> {
    if text.len() > MAX_BYTES {
        return Err(SyntaxError::at(0..0, "the query is longer than 16 MiB, the most that a statement may have"));
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    for string in own_strings(text) {
        segment(text, at..string.start, map, wanted, &mut tokens)?;
        at = string.end;
        let token = match text.as_bytes()[string.start] {
            b'r' | b'R' => Token::SingleQuotedString(text[string.start + 2..string.end - 1].to_owned()),
            quote => {
                let value = unescaped(&text[string.start + 1..string.end - 1], char::from(quote));
                if quote == b'"' { Token::DoubleQuotedString(value) } else { Token::SingleQuotedString(value) }
            }
        };
        if wanted(&token) {
            tokens.push(TokenWithSpan { token, span: Span::new(map.location(string.start), map.location(string.end)) });
        }
    }
    segment(text, at..text.len(), map, wanted, &mut tokens)?;
    Ok(tokens)
}

/// Returns the bytes of a text's comments, in order; none if the text is no SQL.
pub fn comments(text: &str) -> Vec<Range<usize>> {
    let map = TextMap::new(text);
    let is_comment: fn(&Token) -> bool = |token| {
        matches!(token, Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)))
    };
    let comments = lexemes(text, &map, is_comment).unwrap_or_default();
    let comments = comments.iter().map(|t| map.range(t.span));
    // That of a line takes the line's end with it.
    comments.map(|c| c.start..c.start + text[c].trim_end_matches(['\n', '\r']).len()).collect()
}

/// Returns where the query of a text ends: before its last semicolon if nothing but blanks and comments follows that.
pub fn end_of_query(text: &str) -> usize {
    let map = TextMap::new(text);
    let Ok(tokens) = tokens(text, &map) else { return text.len() };
    match tokens.iter().rev().find(|token| token.token != Token::EOF) {
        Some(last) if last.token == Token::SemiColon => map.offset(last.span.start),
        _ => text.len(),
    }
}

/// Parts a text into its statements, at semicolons that stand between them. Parts without any word are left out; a text that
/// is no SQL is one statement.
pub fn statements(text: &str) -> Vec<&str> {
    let map = TextMap::new(text);
    let Ok(tokens) = tokens(text, &map) else { return vec![text] };
    let (mut parts, mut start, mut words) = (Vec::new(), 0, false);
    for token in &tokens {
        match token.token {
            Token::SemiColon => {
                let end = map.offset(token.span.start);
                if std::mem::take(&mut words) {
                    parts.push(text[start..end].trim());
                }
                start = end + 1;
            }
            Token::EOF => {}
            _ => words = true,
        }
    }
    if words {
        parts.push(text[start..].trim());
    }
    parts
}

/// Returns what is left of a text without comments, and with one blank wherever tokens meet: two texts with the same
/// essence mean the same. A text that is no SQL is its own essence.
pub fn essence(text: &str) -> String {
    match tokens(text, &TextMap::new(text)) {
        Ok(tokens) => essence_of(&tokens),
        Err(_) => text.to_owned(),
    }
}

fn essence_of(tokens: &[TokenWithSpan]) -> String {
    let mut essence = String::new();
    for token in tokens {
        if !essence.is_empty() {
            essence.push(' ');
        }
        // Writing to a string does not fail.
        let _ = write!(essence, "{}", token.token);
    }
    essence
}

/// What of a query decides whether its rows are the same again.
#[derive(Clone, Debug)]
pub struct Summary {
    /// See [`essence`].
    pub essence: String,
    /// See [`super::volatile`].
    pub volatile: Option<&'static str>,
}

pub(super) fn summary_of(tokens: &[TokenWithSpan]) -> Summary {
    Summary { essence: essence_of(tokens), volatile: volatile_of(tokens) }
}

/// Tokens of a part of the text that holds no raw string.
fn segment(
    text: &str,
    range: Range<usize>,
    map: &TextMap,
    wanted: fn(&Token) -> bool,
    tokens: &mut Vec<TokenWithSpan>,
) -> Result<(), SyntaxError> {
    if range.is_empty() {
        return Ok(());
    }
    let base = map.location(range.start);
    let shift = |at: Location| match at.line {
        1 => Location::new(base.line, base.column + at.column - 1),
        line => Location::new(base.line + line - 1, at.column),
    };
    let dialect = Databricks::default();
    let part = Tokenizer::new(&dialect, &text[range]).tokenize_with_location().map_err(|error| {
        let start = map.offset(shift(error.location));
        SyntaxError::at(start..start, lower_first(&error.message))
    })?;
    for TokenWithSpan { token, span } in part {
        if !wanted(&token) {
            continue;
        }
        let token = match token {
            Token::Word(word) => number_with_suffix(word),
            token => token,
        };
        let span = Span::new(shift(span.start), shift(span.end));
        // PostgreSQL's LIKE; here the complement of a complement.
        if token == Token::DoubleTilde {
            let middle = Location::new(span.start.line, span.start.column + 1);
            tokens.push(TokenWithSpan { token: Token::Tilde, span: Span::new(span.start, middle) });
            tokens.push(TokenWithSpan { token: Token::Tilde, span: Span::new(middle, span.end) });
            continue;
        }
        if let Some(last) = tokens.last_mut()
            && last.span.end == span.start
            && let Some(number) = exponent_with_suffix(&last.token, &token)
        {
            *last = TokenWithSpan { token: number, span: Span::new(last.span.start, span.end) };
            continue;
        }
        tokens.push(TokenWithSpan { token, span });
    }
    Ok(())
}

/// `10Y`, `10S`, `2D`, `2F`, `2BD` are numbers, though they begin like names.
fn number_with_suffix(word: Word) -> Token {
    let digits = word.value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = word.value[digits.len()..].to_ascii_uppercase();
    let number = word.quote_style.is_none()
        && !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().filter(|b| *b == b'.').count() <= 1
        && digits != "."
        && matches!(suffix.as_str(), "Y" | "S" | "L" | "F" | "D" | "BD");
    if !number {
        return Token::Word(word);
    }
    // The suffix stays: the type is seen from it. That of BIGINT is a flag of its own.
    let kept = if suffix == "L" { "" } else { &suffix };
    Token::Number(format!("{digits}{kept}"), suffix == "L")
}

/// `1e20D`, `1.5E-3F` and `1e-7BD` are numbers too; the last is the decimal that it says.
fn exponent_with_suffix(number: &Token, suffix: &Token) -> Option<Token> {
    let (Token::Number(digits, false), Token::Word(suffix)) = (number, suffix) else { return None };
    let (mantissa, exponent) = digits.split_once(['e', 'E'])?;
    match suffix.value.to_ascii_uppercase().as_str() {
        "D" | "F" if suffix.quote_style.is_none() => {
            Some(Token::Number(format!("{digits}{}", suffix.value.to_ascii_uppercase()), false))
        }
        "BD" if suffix.quote_style.is_none() => {
            let exponent: i32 = exponent.parse().ok().filter(|e: &i32| e.abs() <= 100)?;
            let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
            let all = format!("{whole}{fraction}");
            let point = i32::try_from(whole.len()).ok()? + exponent;
            let text = match usize::try_from(point) {
                Ok(point) if point >= all.len() => format!("{all}{}", "0".repeat(point - all.len())),
                Ok(point) if point > 0 => format!("{}.{}", &all[..point], &all[point..]),
                _ => format!("0.{}{all}", "0".repeat(point.unsigned_abs() as usize)),
            };
            Some(Token::Number(format!("{text}BD"), false))
        }
        _ => None,
    }
}

/// A number's digits, and the suffix that says its type: `Y`, `S`, `F`, `D`, `BD`, or nothing.
pub fn split_number(text: &str) -> (&str, &str) {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'e' | 'E'));
    text.split_at(digits.len())
}

/// Digits and scale of a DECIMAL literal: `12.50` has four digits, two of them behind the point; `1E3` has one, and three
/// zeros.
pub fn decimal_size(digits: &str) -> (usize, usize) {
    let digits = digits.trim_start_matches('-').to_ascii_uppercase();
    let (mantissa, exponent) = digits.split_once('E').unwrap_or((&digits, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let behind = i64::try_from(fraction.len()).unwrap_or(i64::MAX).saturating_sub(exponent);
    let scale = usize::try_from(behind.max(0)).unwrap_or(usize::MAX);
    let zeros = usize::try_from(behind.saturating_neg().max(0)).unwrap_or(usize::MAX);
    let written = whole.trim_start_matches('0').len() + fraction.len();
    (written.saturating_add(zeros).max(scale).max(1), scale)
}

/// What a string with escapes says: `\u00e9`, `\U0001F600` and `\101` among them.
fn unescaped(text: &str, quote: char) -> String {
    // Characters beyond 16 bits may be written as two of them.
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        let mut said = c;
        if c == quote {
            // It stands twice.
            rest = rest.strip_prefix(quote).unwrap_or(rest);
        } else if c == '\\' {
            if let Some((code, length)) = numbered(rest) {
                rest = &rest[length..];
                match (u16::try_from(code), char::from_u32(code)) {
                    (Ok(unit), _) => units.push(unit),
                    (_, Some(c)) => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
                    _ => units.push(0xfffd),
                }
                continue;
            }
            let Some(escaped) = rest.chars().next() else { break };
            rest = &rest[escaped.len_utf8()..];
            said = match escaped {
                '0' => '\0',
                'b' => '\u{8}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'Z' => '\u{1a}',
                // Patterns of LIKE keep these.
                '%' | '_' => {
                    units.push(u16::from(b'\\'));
                    escaped
                }
                other => other,
            };
        }
        units.extend_from_slice(said.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16_lossy(&units)
}

/// The character that an escape names by its number, and the length of the escape behind the backslash.
fn numbered(escape: &str) -> Option<(u32, usize)> {
    let digits = |from: usize, count: usize, radix: u32| {
        let digits = escape.get(from..from + count).filter(|d| d.chars().all(|c| c.is_digit(radix)))?;
        Some((u32::from_str_radix(digits, radix).ok()?, from + count))
    };
    match escape.as_bytes().first()? {
        b'u' => digits(1, 4, 16),
        b'U' => digits(1, 8, 16),
        b'0' | b'1' => digits(0, 3, 8),
        _ => None,
    }
}

/// Whether a string has such an escape.
fn has_numbered(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let escape = &rest[at + 1..];
        if numbered(escape).is_some() {
            return true;
        }
        rest = &escape[escape.chars().next().map_or(0, char::len_utf8)..];
    }
    false
}

/// Finds strings that the parser's tokenizer would read otherwise: raw ones, `r'…'` and `R"…"`, in which a backslash is
/// a plain character, and those with numbers of characters, `'\u00e9'`.
fn own_strings(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        match rest[0] {
            b'-' if rest.starts_with(b"--") => at += line_end(rest),
            b'/' if rest.starts_with(b"/*") => at += comment_end(rest),
            quote @ (b'\'' | b'"') => {
                let mut end = at + string_end(rest, quote, true);
                while bytes.get(end) == Some(&quote) {
                    end += string_end(&bytes[end..], quote, true);
                }
                if end > at + 1 && bytes[end - 1] == quote && has_numbered(&text[at + 1..end - 1]) {
                    found.push(at..end);
                }
                at = end;
            }
            b'`' => at += string_end(rest, b'`', false),
            b'r' | b'R' if matches!(rest.get(1), Some(b'\'' | b'"')) && !is_word(text, at) => {
                let end = at + 1 + string_end(&rest[1..], rest[1], false);
                if bytes[end - 1] == rest[1] && end > at + 2 {
                    found.push(at..end);
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    found
}

/// Tells whether the byte before `at` belongs to the same word.
fn is_word(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

fn line_end(rest: &[u8]) -> usize {
    rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())
}

/// Length of a comment that begins with `/*`; comments nest.
fn comment_end(rest: &[u8]) -> usize {
    let (mut at, mut depth) = (2, 1);
    while at < rest.len() && depth > 0 {
        match &rest[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    at
}

/// Length of a string that begins with `quote`.
fn string_end(rest: &[u8], quote: u8, escapes: bool) -> usize {
    let mut at = 1;
    while at < rest.len() {
        if escapes && rest[at] == b'\\' {
            at += 1;
        } else if rest[at] == quote {
            return at + 1;
        }
        at += 1;
    }
    rest.len()
}

/// What is said of a text whose parts lie too deep in each other.
pub(super) fn too_deep(range: Range<usize>) -> SyntaxError {
    SyntaxError {
        help: Some("Split the query into CTEs.".to_owned()),
        ..SyntaxError::at(range, "the query is nested too deeply")
    }
}

/// Refuses chains of operators that are too long to walk, and parentheses that are too deep for the parser: it would
/// find that out only after it has tried every way to read them.
fn check_chains(tokens: &[TokenWithSpan], map: &TextMap) -> Result<(), SyntaxError> {
    let mut open = Vec::new();
    let mut run = 0;
    let mut accesses = 0;
    for token in tokens {
        match &token.token {
            Token::LBracket => accesses += 1,
            Token::RBracket | Token::Period | Token::Number(..) => {}
            Token::Word(word) if word.keyword == Keyword::NoKeyword => {}
            _ => accesses = 0,
        }
        if accesses > MAX_ACCESSES {
            return Err(SyntaxError::at(map.range(token.span), "too many subscripts follow each other"));
        }
        match &token.token {
            Token::LParen | Token::LBracket => {
                open.push(run);
                run = 0;
                if open.len() > MAX_DEPTH {
                    return Err(too_deep(map.range(token.span)));
                }
            }
            Token::RParen | Token::RBracket => run = open.pop().unwrap_or(0),
            Token::Comma | Token::SemiColon => run = 0,
            _ => run += 1,
        }
        if run > MAX_CHAIN {
            let message =
                "an expression or a chain of set operations is too long; use IN, a join, or a table of values";
            return Err(SyntaxError::at(map.range(token.span), message));
        }
    }
    Ok(())
}

/// A message with its first letter small, unless it begins with a word in capitals.
pub(super) fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(chars).collect(),
        _ => message.to_owned(),
    }
}
