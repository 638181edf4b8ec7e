//! Why a statement failed, in the words of Databricks: a condition, an SQLSTATE and a text.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use crate::dialect::SyntaxError;

/// A failed statement.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct SqlError {
    /// The error condition: `TABLE_OR_VIEW_NOT_FOUND`, `DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES`, …
    pub condition: String,
    /// Five characters: `42P01`.
    pub sqlstate: &'static str,
    /// The text as a warehouse would send it: `[CONDITION] what is wrong. SQLSTATE: 42P01`, followed by the place in
    /// the statement where one is known: `; line 1 pos 7`, lines counted from 1 and positions from 0.
    pub message: String,
    /// Line and column in the statement, both counted from 1, where known.
    pub position: Option<(usize, usize)>,
    /// The API's code for it: `BAD_REQUEST` for nearly every mistake, `CANCELLED`, `INTERNAL_ERROR`, `IO_ERROR`, …
    pub error_code: &'static str,
}

/// The longest text of an error, in bytes. Names and values in it may be as long as a statement.
const MOST_TEXT: usize = 4000;

/// The text, cut in the middle if it is very long: what to do stands at the end.
fn shortened(text: &str) -> Cow<'_, str> {
    if text.len() <= MOST_TEXT {
        return text.into();
    }
    let (head, tail) = (text.floor_char_boundary(MOST_TEXT / 2), text.ceil_char_boundary(text.len() - MOST_TEXT / 2));
    format!("{} […] {}", &text[..head], &text[tail..]).into()
}

impl SqlError {
    /// A mistake in the statement.
    pub(super) fn new(condition: impl Into<String>, sqlstate: &'static str, text: impl AsRef<str>) -> Self {
        let condition = condition.into();
        let message = format!("[{condition}] {} SQLSTATE: {sqlstate}", shortened(text.as_ref()));
        Self { condition, sqlstate, message, position: None, error_code: "BAD_REQUEST" }
    }

    /// Adds line and column, both counted from 1, unless a place is known already.
    pub(super) fn at(mut self, position: Option<(usize, usize)>) -> Self {
        if let (None, Some((line, column))) = (self.position, position) {
            self.position = position;
            let _ = write!(self.message, "; line {line} pos {}", column.saturating_sub(1));
        }
        self
    }

    /// Takes line and column away: they are those of another text than the statement.
    pub(super) fn without_place(mut self) -> Self {
        if let Some((line, column)) = self.position.take() {
            let place = format!("; line {line} pos {}", column.saturating_sub(1));
            if let Some(end) = self.message.find(&place) {
                self.message.truncate(end);
            }
        }
        self
    }

    /// A name that stands for no table and no view.
    pub(super) fn table_not_found(name: &str) -> Self {
        Self::new(
            "TABLE_OR_VIEW_NOT_FOUND",
            "42P01",
            format!(
                "The table or view {name} cannot be found. Verify the spelling and correctness of the schema and \
                 catalog. If you did not qualify the name with a schema, verify the current_schema() output, or \
                 qualify the name with the correct schema and catalog. To tolerate the error on drop use DROP VIEW \
                 IF EXISTS or DROP TABLE IF EXISTS."
            ),
        )
    }

    /// A schema that does not exist.
    pub(super) fn schema_not_found(name: &str) -> Self {
        Self::new(
            "SCHEMA_NOT_FOUND",
            "42704",
            format!(
                "The schema {name} cannot be found. Verify the spelling and correctness of the schema and catalog. If \
                 you did not qualify the name with a catalog, verify the current_schema() output, or qualify the name \
                 with the correct catalog. To tolerate the error on drop use DROP SCHEMA IF EXISTS."
            ),
        )
    }

    /// A catalog that does not exist.
    pub(super) fn catalog_not_found(name: &str) -> Self {
        Self::new("NO_SUCH_CATALOG_EXCEPTION", "42704", format!("Catalog '{name}' was not found."))
    }

    /// A kind of statement that the embedded warehouse does not run.
    pub(super) fn unsupported_statement(what: &str) -> Self {
        Self::new("UNSUPPORTED_STATEMENT", "0A000", format!("The embedded warehouse does not support {what}."))
    }

    /// A construct that the embedded warehouse does not run.
    pub(super) fn unsupported(what: &str) -> Self {
        Self::new("UNSUPPORTED_FEATURE", "0A000", format!("The embedded warehouse does not support {what}."))
    }

    /// A statement that has so many of one construct that planning would take minutes.
    pub(super) fn too_much(what: &str, most: usize) -> Self {
        Self::new(
            "UNSUPPORTED_FEATURE",
            "0A000",
            format!(
                "The embedded warehouse supports at most {most} of {what}. Write intermediate results into tables."
            ),
        )
    }

    /// A statement that was stopped from outside.
    pub(super) fn canceled() -> Self {
        let error = Self::new("OPERATION_CANCELED", "HY008", "Operation has been canceled.");
        Self { error_code: "CANCELLED", ..error }
    }

    /// Something that should not happen.
    pub(super) fn internal(text: impl AsRef<str>) -> Self {
        let error = Self::new("INTERNAL_ERROR", "XX000", text);
        Self { error_code: "INTERNAL_ERROR", ..error }
    }

    /// The folder cannot be read or written, or what lies in it is damaged.
    pub(super) fn io(text: impl AsRef<str>) -> Self {
        let error = Self::new("FAILED_READ_FILE", "KD001", text);
        Self { error_code: "IO_ERROR", ..error }
    }

    /// The language does not have it so: with the line and a pointer below, as Spark shows it.
    pub(super) fn syntax(error: &SyntaxError, statement: &str) -> Self {
        let near = statement.get(error.range.clone()).filter(|text| !text.is_empty());
        let near = near.map_or_else(|| "end of input".to_owned(), |text| format!("'{}'", one_line(text)));
        let place = line_column(statement, error.range.start);
        let mut text = format!("Syntax error at or near {near}: {}", error.message);
        if let Some(help) = &error.help {
            let _ = write!(text, ". {}", help.trim_end_matches('.'));
        }
        text.push('.');
        let mut full = Self::new("PARSE_SYNTAX_ERROR", "42601", text);
        let (line, column) = place;
        let (shown, before) = around(statement.lines().nth(line - 1).unwrap_or_default(), column - 1);
        let _ = write!(
            full.message,
            " (line {line}, pos {})\n\n== SQL ==\n{shown}\n{}^^^\n",
            column - 1,
            "-".repeat(before)
        );
        full.position = Some(place);
        full
    }
}

/// Line and column, counted from 1, of a byte of a text.
pub(super) fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

/// Line and column of the beginning of a range.
pub(super) fn place(text: &str, range: &Range<usize>) -> Option<(usize, usize)> {
    Some(line_column(text, range.start))
}

/// What of a line is shown round a place in it, and how much of that stands before the place.
fn around(line: &str, at: usize) -> (String, usize) {
    const MOST: usize = 200;
    let skipped = at.saturating_sub(MOST);
    let mut chars = line.chars().skip(skipped);
    let mut shown = if skipped > 0 { "…".to_owned() } else { String::new() };
    let before = at - skipped + shown.chars().count();
    shown.extend(chars.by_ref().take(2 * MOST));
    if chars.next().is_some() {
        shown.push('…');
    }
    (shown, before)
}

fn one_line(text: &str) -> String {
    let mut line: String = text.lines().next().unwrap_or_default().chars().take(60).collect();
    if line.len() < text.len() {
        line.push('…');
    }
    line
}

/// Why an engine's folder could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made, read or written.
    #[error("cannot open the folder of the embedded warehouse")]
    Folder(#[source] std::io::Error),
    /// What lies in the folder cannot be read, or the query engine cannot be set up on it.
    #[error("cannot set up the embedded warehouse: {0}")]
    Setup(String),
}
