//! Diagnostics: what is wrong, where, and what to do about it.
//!
//! This room holds values only. Every pass over a project collects all of its problems in a [`Diagnostics`] before
//! anyone stops; how they look on a terminal or in a pull request is decided in `report`.

mod codes;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use codes::{Code, code, codes, lint, mentioning as codes_mentioning, nearest as nearest_code};

/// A text file of the project as it was read, shared by all the spans that point into it.
#[derive(PartialEq, Eq, Hash)]
pub struct SourceFile {
    /// Path as the user would write it: relative to the project's folder where possible.
    pub path: PathBuf,
    /// The whole text.
    pub text: String,
}

impl SourceFile {
    /// Wraps a file's text.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { path: path.into(), text: text.into() })
    }

    /// Returns line and column, both counted from 1, of a byte offset; columns count characters.
    /// An offset past the end gives the place after the last character.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// Returns the byte offset of a line and column, both counted from 1; clamped to the text.
    pub fn offset(&self, line: usize, column: usize) -> usize {
        let start = match line {
            0 | 1 => 0,
            _ => match self.text.match_indices('\n').nth(line - 2) {
                Some((i, _)) => i + 1,
                None => return self.text.len(),
            },
        };
        let line_text = self.text[start..].split('\n').next().unwrap_or_default();
        start + line_text.char_indices().nth(column.saturating_sub(1)).map_or(line_text.len(), |(i, _)| i)
    }
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceFile({})", self.path.display())
    }
}

/// A place in a file: a range of bytes of its text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Span {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Bytes `start..end` of the file's text; empty for a mere position.
    pub range: Range<usize>,
}

impl Span {
    /// Makes a span of `file`.
    pub fn new(file: &Arc<SourceFile>, range: Range<usize>) -> Self {
        Self { file: Arc::clone(file), range }
    }

    /// Returns the span of the beginning of a file, for problems of the file as a whole.
    pub fn start_of(file: &Arc<SourceFile>) -> Self {
        Self::new(file, 0..0)
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// Returns line and column of the span's beginning, counted from 1.
    pub fn line_column(&self) -> (usize, usize) {
        self.file.line_column(self.range.start)
    }

    /// Returns the text that the span covers.
    pub fn text(&self) -> &str {
        self.file.text.get(self.range.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `path:line:column`, the form that editors and terminals turn into a link.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}", self.path().display())
    }
}

/// A value together with the place in a file that it was read from.
#[derive(Clone, Debug)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// How bad a problem is, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// Works, but probably not as meant.
    Warning,
    /// The project cannot be used as it is.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One problem: message (lower case, no full stop), stable code, places, and the next action.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable name of the kind of problem, for searching and for suppressing: `unknown-key`, `undefined-variable`. It
    /// stands in the table of [`codes`].
    pub code: &'static str,
    /// What is wrong, naming the object.
    pub message: String,
    /// The place to look at first, where there is one, with a few words that stand under it (may be empty).
    pub primary: Option<(Span, String)>,
    /// Further places that explain the problem, each with its words.
    pub related: Vec<(Span, String)>,
    /// What to do, as full sentences.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Makes an error without a place.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// Makes a warning without a place.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// Makes a note without a place.
    pub fn note(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, message)
    }

    fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self { severity, code, message: message.into(), primary: None, related: Vec::new(), help: None }
    }

    /// Returns the code by number and name: `K303 unknown-column`.
    pub fn title(&self) -> String {
        code(self.code).map_or_else(|| self.code.to_owned(), |code| format!("{} {}", code.number, code.name))
    }

    /// Sets the place to look at first.
    #[must_use]
    pub fn at(self, span: Span) -> Self {
        self.at_with(span, "")
    }

    /// Sets the place to look at first, with a few words that stand under it.
    #[must_use]
    pub fn at_with(mut self, span: Span, label: impl Into<String>) -> Self {
        self.primary = Some((span, label.into()));
        self
    }

    /// Adds a further place.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// All the problems that a pass found, in the order of finding.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Starts an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a problem.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds all problems of another pass.
    pub fn extend(&mut self, other: Diagnostics) {
        self.0.extend(other.0);
    }

    /// Tells whether any problem is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// Returns how many problems there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there is no problem at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the notes out.
    pub fn drop_notes(&mut self) {
        self.0.retain(|d| d.severity > Severity::Note);
    }

    /// Makes errors of all problems.
    pub fn make_errors(&mut self) {
        self.0.iter_mut().for_each(|d| d.severity = Severity::Error);
    }

    /// Changes problems, and keeps those for which the function says so.
    pub fn adjust(&mut self, keep: impl FnMut(&mut Diagnostic) -> bool) {
        self.0.retain_mut(keep);
    }

    /// Walks the problems.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// Returns `value` if no problem is an error, else all the problems.
    pub fn into_result<T>(self, value: T) -> Result<(T, Diagnostics), Diagnostics> {
        if self.has_errors() { Err(self) } else { Ok((value, self)) }
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

/// Suggests the candidate nearest to a mistyped word, if one is near enough to be meant.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody mistypes a word of that length; and comparing takes as long as both words together.
    const LONGEST: usize = 200;
    let length = word.chars().count();
    let most = |c: &str| 1.max(c.chars().count().max(length) / 3);
    candidates
        .into_iter()
        // Words are at least as far apart as their lengths.
        .filter(|c| length <= LONGEST && c.chars().count().abs_diff(length) <= most(c))
        .map(|c| (strsim::damerau_levenshtein(&word.to_lowercase(), &c.to_lowercase()), c))
        .filter(|(distance, c)| *distance <= most(c))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

/// Makes a fragment a sentence: what clients know of an error's remedy is shown beside whole sentences.
pub fn sentence(text: &str) -> String {
    let mut chars = text.trim().chars();
    let Some(first) = chars.next() else { return String::new() };
    let mut sentence: String = first.to_uppercase().chain(chars).collect();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_and_by_characters() {
        let file = SourceFile::new("a.sql", "select\n  größe, x\n");
        assert_eq!(file.line_column(0), (1, 1));
        let x = file.text.find('x').unwrap();
        assert_eq!(file.line_column(x), (2, 10));
        assert_eq!(file.offset(2, 10), x);
        assert_eq!(file.line_column(999), (3, 1));
        assert_eq!(file.offset(99, 1), file.text.len());
    }

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_is_not() {
        assert_eq!(did_you_mean("shedule", ["schedule", "steps"]), Some("schedule"));
        assert_eq!(did_you_mean("banana", ["schedule", "steps"]), None);
        assert_eq!(did_you_mean(&"a".repeat(100_000), ["a"]), None, "and soon");
    }
}
