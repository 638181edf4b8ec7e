//! Regular expressions in Java's syntax, with what Java means by them.
//!
//! A pattern is put into the syntax of the engine that needs no more time than the text is long. What that one does not
//! have (look-around, references back, possessive quantifiers) goes to one that goes back and tries again, as does `$`
//! where the text ends with the end of a line, before which Java's `$` holds too. What neither has is refused by name.

mod classes;
mod translate;

use std::cell::OnceCell;
use std::ops::Range;

use regex::Regex;

use self::translate::translated;
use crate::local::engine::error::SqlError;

/// What ends a line, for Java, and is one character.
const ENDS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
/// A pattern that is ready to be looked for.
pub(super) struct Pattern {
    text: String,
    /// Missing where only the other engine knows what it says.
    plain: Option<Regex>,
    full: String,
    compiled: OnceCell<fancy_regex::Regex>,
    anchors: Anchors,
    names: Vec<(String, usize)>,
    groups: usize,
}

/// Which anchors a pattern has that mean more than the plain engine's.
#[derive(Clone, Copy, Default)]
struct Anchors {
    /// `$` or `\Z`
    end: bool,
    /// `^` or `$` of each line
    lines: bool,
}

/// Where a match and its groups are; the first is the whole.
pub(super) struct Found<'t> {
    text: &'t str,
    spans: Vec<Option<Range<usize>>>,
}

impl<'t> Found<'t> {
    /// Where the match is.
    pub(super) fn span(&self) -> Range<usize> {
        self.spans.first().cloned().flatten().unwrap_or_default()
    }

    /// What a group has matched, if it took part.
    pub(super) fn group(&self, n: usize) -> Option<&'t str> {
        Some(&self.text[self.spans.get(n)?.clone()?])
    }
}

impl Pattern {
    /// Fails where it is no pattern, or says what no engine here has.
    pub(super) fn new(text: &str) -> Result<Self, SqlError> {
        let said = translated(text)?;
        let plain = match said.needs_full {
            true => None,
            false => Some(Regex::new(&said.plain).map_err(|e| invalid(text, &e.to_string()))?),
        };
        let pattern = Self {
            text: text.to_owned(),
            plain,
            full: said.full,
            compiled: OnceCell::new(),
            anchors: said.anchors,
            names: said.names,
            groups: said.groups,
        };
        if pattern.plain.is_none() {
            pattern.full()?;
        }
        Ok(pattern)
    }

    /// How many groups it has, besides the whole.
    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    /// The number of a group with a name.
    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.names.iter().find(|(known, _)| known == name).map(|(_, n)| *n)
    }

    /// Whether it is somewhere in a text.
    pub(super) fn is_match(&self, text: &str) -> Result<bool, SqlError> {
        match self.plain_for(text) {
            Some(plain) => Ok(plain.is_match(text)),
            None => self.full()?.is_match(text).map_err(|e| self.lost(&e)),
        }
    }

    /// Where it is first.
    pub(super) fn find(&self, text: &str) -> Result<Option<Range<usize>>, SqlError> {
        match self.plain_for(text) {
            Some(plain) => Ok(plain.find(text).map(|found| found.range())),
            None => Ok(self.full()?.find(text).map_err(|e| self.lost(&e))?.map(|found| found.range())),
        }
    }

    /// Where it, and each of its groups, is first at or after a place.
    pub(super) fn find_at<'t>(&self, text: &'t str, at: usize) -> Result<Option<Found<'t>>, SqlError> {
        let spans = match self.plain_for(text) {
            Some(plain) => plain.captures_at(text, at).map(|c| c.iter().map(|g| g.map(|g| g.range())).collect()),
            None => {
                let found = self.full()?.captures_from_pos(text, at).map_err(|e| self.lost(&e))?;
                found.map(|c| (0..c.len()).map(|i| c.get(i).map(|g| g.range())).collect())
            }
        };
        Ok(spans.map(|spans| Found { text, spans }))
    }

    /// All matches one after the other, as Java finds them: an empty one may stand at the end of the one before.
    pub(super) fn all<'t>(&self, text: &'t str) -> Result<Vec<Found<'t>>, SqlError> {
        let (mut all, mut at) = (Vec::new(), 0);
        while at <= text.len() {
            let Some(found) = self.find_at(text, at)? else { break };
            let span = found.span();
            at = match span.is_empty() {
                false => span.end,
                true => span.end + text[span.end..].chars().next().map_or(1, char::len_utf8),
            };
            all.push(found);
        }
        Ok(all)
    }

    /// Gives the parts between matches, so many at most: an empty match at the beginning parts nothing, nor does one of the
    /// empty pattern at the end.
    pub(super) fn split<'t>(&self, text: &'t str, limit: usize, mut add: impl FnMut(&'t str)) -> Result<(), SqlError> {
        let (mut start, mut count) = (0, 1);
        for at in self.all(text)?.iter().map(Found::span) {
            if count >= limit {
                break;
            }
            if at.is_empty() && (at.start == 0 || at.start == text.len() && self.text.is_empty()) {
                continue;
            }
            add(&text[start..at.start]);
            start = at.end;
            count += 1;
        }
        add(&text[start..]);
        Ok(())
    }

    /// The engine for texts over which both mean the same.
    fn plain_for(&self, text: &str) -> Option<&Regex> {
        let differs =
            self.anchors.end && text.ends_with(ENDS) || self.anchors.lines && (text.is_empty() || text.contains(ENDS));
        self.plain.as_ref().filter(|_| !differs)
    }

    fn full(&self) -> Result<&fancy_regex::Regex, SqlError> {
        if let Some(known) = self.compiled.get() {
            return Ok(known);
        }
        let compiled = fancy_regex::Regex::new(&self.full).map_err(|e| invalid(&self.text, &e.to_string()))?;
        Ok(self.compiled.get_or_init(|| compiled))
    }

    fn lost(&self, error: &fancy_regex::Error) -> SqlError {
        SqlError::unsupported(&format!("the regular expression '{}' over so much text ({error})", self.text))
    }
}

/// The last pattern that was compiled: most calls use one for all rows.
#[derive(Default)]
pub(super) struct Cache {
    last: Option<Pattern>,
}

impl Cache {
    /// Fails as [`Pattern::new`].
    pub(super) fn get(&mut self, pattern: &str) -> Result<&Pattern, SqlError> {
        match self.last.take_if(|known| known.text == pattern) {
            Some(known) => Ok(self.last.insert(known)),
            None => Ok(self.last.insert(Pattern::new(pattern)?)),
        }
    }
}

fn invalid(pattern: &str, why: &str) -> SqlError {
    SqlError::new(
        "INVALID_PARAMETER_VALUE.PATTERN",
        "22023",
        format!("The value of parameter(s) `regexp` is invalid: '{pattern}' is no regular expression: {why}."),
    )
}
