//! The tokens of a statement, read one after the other.

use std::ops::Range;

use sqlparser::tokenizer::Token;

use super::{Name, Part, StatementError};
use crate::dialect::lex::{self, TextMap};
use crate::dialect::query::SyntaxError;

/// A token that counts, and the bytes where it stands.
#[derive(Clone, Debug)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) range: Range<usize>,
}

/// Reads a statement from left to right.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    lexemes: Vec<Lexeme>,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Cuts the text into tokens, drops a trailing semicolon and refuses what follows one.
    pub(super) fn new(text: &'a str) -> Result<Self, StatementError> {
        let map = TextMap::new(text);
        let mut lexemes: Vec<Lexeme> = lex::tokens(text, &map)?
            .into_iter()
            .filter(|t| t.token != Token::EOF)
            .map(|t| Lexeme { range: map.range(t.span), token: t.token })
            .collect();
        while lexemes.last().is_some_and(|l| l.token == Token::SemiColon) {
            lexemes.pop();
        }
        if lexemes.is_empty() {
            return Err(StatementError::Empty);
        }
        let first = lexemes[0].range.clone();
        if text[first.clone()].eq_ignore_ascii_case("begin") {
            return Err(StatementError::Unsupported { construct: "BEGIN … END".to_owned(), range: first });
        }
        if let Some(i) = lexemes.iter().position(|l| l.token == Token::SemiColon) {
            let next = lexemes.get(i + 1).map_or(lexemes[i].range.clone(), |l| l.range.clone());
            let word = text.get(next.clone()).unwrap_or_default();
            let message = format!("extra input '{word}': a call takes one statement");
            return Err(SyntaxError::at(next, message).into());
        }
        Ok(Self { text, lexemes, at: 0 })
    }

    /// The token ahead, `n` further on.
    pub(super) fn peek(&self, n: usize) -> Option<&Lexeme> {
        self.lexemes.get(self.at + n)
    }

    /// Whether everything was read.
    pub(super) fn is_done(&self) -> bool {
        self.at >= self.lexemes.len()
    }

    /// Where reading has arrived: to go back there.
    pub(super) fn mark(&self) -> usize {
        self.at
    }

    /// Goes back to a mark.
    pub(super) fn reset(&mut self, mark: usize) {
        self.at = mark;
    }

    /// Takes the next token.
    pub(super) fn next(&mut self) -> Option<Lexeme> {
        let lexeme = self.lexemes.get(self.at).cloned();
        self.at += usize::from(lexeme.is_some());
        lexeme
    }

    /// Where the next token stands; an empty range at the end.
    pub(super) fn here(&self) -> Range<usize> {
        self.peek(0).map_or_else(|| self.end()..self.end(), |l| l.range.clone())
    }

    /// The end of the last token.
    pub(super) fn end(&self) -> usize {
        self.lexemes.last().map_or(0, |l| l.range.end)
    }

    /// Whether the token `n` further on is this bare word.
    pub(super) fn is_word(&self, n: usize, word: &str) -> bool {
        matches!(self.peek(n), Some(Lexeme { token: Token::Word(w), .. })
            if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
    }

    /// Takes the words if they come next, all of them or none.
    pub(super) fn eat(&mut self, words: &str) -> bool {
        let mut n = 0;
        for word in words.split(' ') {
            if !self.is_word(n, word) {
                return false;
            }
            n += 1;
        }
        self.at += n;
        true
    }

    /// Takes the token if it comes next.
    pub(super) fn eat_token(&mut self, token: &Token) -> bool {
        let found = self.peek(0).is_some_and(|l| l.token == *token);
        self.at += usize::from(found);
        found
    }

    /// Takes the words, or says that they were expected.
    pub(super) fn expect(&mut self, words: &str) -> Result<(), StatementError> {
        if self.eat(words) { Ok(()) } else { Err(self.unexpected(words)) }
    }

    /// Takes the token, or says that it was expected.
    pub(super) fn expect_token(&mut self, token: &Token) -> Result<(), StatementError> {
        if self.eat_token(token) { Ok(()) } else { Err(self.unexpected(&format!("`{token}`"))) }
    }

    /// Something else was expected here.
    pub(super) fn unexpected(&self, expected: &str) -> StatementError {
        let found = match self.peek(0) {
            Some(lexeme) => format!("`{}`", self.text.get(lexeme.range.clone()).unwrap_or_default()),
            None => "the end of the statement".to_owned(),
        };
        SyntaxError::at(self.here(), format!("expected {expected}, found {found}")).into()
    }

    /// The text of bytes of the statement.
    pub(super) fn slice(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or_default()
    }

    /// The language has this, the reader does not.
    pub(super) fn unsupported(&self, construct: impl Into<String>) -> StatementError {
        StatementError::Unsupported { construct: construct.into(), range: self.here() }
    }

    /// An identifier, bare or in back-quotes.
    pub(super) fn identifier(&mut self, what: &str) -> Result<String, StatementError> {
        match self.peek(0) {
            Some(Lexeme { token: Token::Word(word), .. }) => {
                let value = word.value.clone();
                self.at += 1;
                Ok(value)
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// A name of up to three parts, or `IDENTIFIER(…)`.
    pub(super) fn name(&mut self, what: &str) -> Result<Name, StatementError> {
        let start = self.here().start;
        if self.is_word(0, "identifier") && self.peek(1).is_some_and(|l| l.token == Token::LParen) {
            self.at += 1;
            let inside = self.parenthesised()?;
            let expression = self.part(inside);
            return Ok(Name::Computed { expression, range: start..self.before() });
        }
        let parts = self.path(what)?;
        Ok(Name::Parts { parts, range: start..self.before() })
    }

    /// A column, perhaps in structs: names with points between them.
    pub(super) fn path(&mut self, what: &str) -> Result<Vec<String>, StatementError> {
        let mut parts = vec![self.identifier(what)?];
        while self.eat_token(&Token::Period) {
            parts.push(self.identifier("a name after the point")?);
        }
        Ok(parts)
    }

    /// Skips a pair of parentheses and all in between; returns the bytes inside.
    pub(super) fn parenthesised(&mut self) -> Result<Range<usize>, StatementError> {
        let open = self.here();
        self.expect_token(&Token::LParen)?;
        let mut depth = 1;
        while let Some(lexeme) = self.next() {
            match lexeme.token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(open.end..lexeme.range.start);
            }
        }
        Err(SyntaxError::at(open, "this parenthesis is not closed").into())
    }

    /// The end of the token last taken.
    pub(super) fn before(&self) -> usize {
        self.at.checked_sub(1).and_then(|i| self.lexemes.get(i)).map_or(0, |l| l.range.end)
    }

    /// Names in parentheses.
    pub(super) fn names(&mut self) -> Result<Vec<String>, StatementError> {
        self.expect_token(&Token::LParen)?;
        let mut names = Vec::new();
        while !self.eat_token(&Token::RParen) {
            if !names.is_empty() {
                self.expect_token(&Token::Comma)?;
            }
            names.push(self.identifier("a column's name")?);
        }
        Ok(names)
    }

    /// A string literal.
    pub(super) fn string(&mut self) -> Result<String, StatementError> {
        let mut text = match self.peek(0).map(|l| &l.token) {
            Some(Token::SingleQuotedString(s) | Token::DoubleQuotedString(s)) => s.clone(),
            _ => return Err(self.unexpected("a string")),
        };
        self.at += 1;
        // Literals next to each other are one.
        while let Some(Token::SingleQuotedString(s) | Token::DoubleQuotedString(s)) = self.peek(0).map(|l| &l.token) {
            text.push_str(s);
            self.at += 1;
        }
        Ok(text)
    }

    /// The key of a property: a string, or words with points.
    pub(super) fn key(&mut self) -> Result<String, StatementError> {
        if matches!(self.peek(0).map(|l| &l.token), Some(Token::SingleQuotedString(_) | Token::DoubleQuotedString(_))) {
            return self.string();
        }
        let mut key = self.identifier("a property's name")?;
        while self.eat_token(&Token::Period) {
            key.push('.');
            key.push_str(&self.identifier("a name after the point")?);
        }
        Ok(key)
    }

    /// `('key' = 'value', …)`
    pub(super) fn properties(&mut self) -> Result<Vec<(String, String)>, StatementError> {
        self.expect_token(&Token::LParen)?;
        let mut properties = Vec::new();
        while !self.eat_token(&Token::RParen) {
            if !properties.is_empty() {
                self.expect_token(&Token::Comma)?;
            }
            let key = self.key()?;
            // The equals sign may be left out.
            self.eat_token(&Token::Eq);
            let value = match self.peek(0).map(|l| &l.token) {
                Some(Token::Number(number, _)) => {
                    let number = number.clone();
                    self.at += 1;
                    number
                }
                Some(Token::Word(word)) if matches!(word.value.to_ascii_lowercase().as_str(), "true" | "false") => {
                    let value = word.value.to_ascii_lowercase();
                    self.at += 1;
                    value
                }
                _ => self.string()?,
            };
            properties.push((key, value));
        }
        Ok(properties)
    }

    /// A part of the text, with blanks before it.
    pub(super) fn part(&self, range: Range<usize>) -> Part {
        let mut padded: String = self.text[..range.start].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        let blanks = padded.len();
        padded.push_str(&self.text[range.clone()]);
        Part { range: blanks..padded.len(), padded }
    }

    /// An expression, up to a comma or one of the words that stand outside of parentheses and CASE.
    pub(super) fn expression(&mut self, stops: &[&str], what: &str) -> Result<Part, StatementError> {
        let (start, mark) = (self.here().start, self.at);
        let (mut depth, mut cases) = (0_usize, 0_usize);
        while let Some(lexeme) = self.peek(0) {
            let outside = depth == 0 && cases == 0;
            match lexeme.token {
                Token::Comma if outside => break,
                Token::RParen | Token::RBracket if depth == 0 => break,
                Token::LParen | Token::LBracket => depth += 1,
                Token::RParen | Token::RBracket => depth -= 1,
                _ if outside && stops.iter().any(|word| self.is_word(0, word)) => break,
                _ if self.is_word(0, "case") => cases += 1,
                _ if self.is_word(0, "end") => cases = cases.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
        }
        if self.at == mark {
            return Err(self.unexpected(what));
        }
        Ok(self.part(start..self.before()))
    }

    /// The rest of the statement as a part, and nothing is left to read.
    pub(super) fn rest(&mut self, what: &str) -> Result<Part, StatementError> {
        if self.is_done() {
            return Err(self.unexpected(what));
        }
        let range = self.here().start..self.end();
        self.at = self.lexemes.len();
        Ok(self.part(range))
    }

    /// Says that nothing more was expected, if something comes.
    pub(super) fn finish(&self) -> Result<(), StatementError> {
        if self.is_done() { Ok(()) } else { Err(self.unexpected("the end of the statement")) }
    }
}
