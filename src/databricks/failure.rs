//! What a failed statement says about itself.

use crate::ids::StatementId;

use super::wire::StatementResponse;

/// A statement that was accepted and failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StatementError {
    /// The statement.
    pub statement_id: StatementId,
    /// Error condition, such as `TABLE_OR_VIEW_NOT_FOUND` or `DELTA_CONCURRENT_APPEND.ROW_LEVEL_CHANGES`.
    pub condition: Option<String>,
    /// SQLSTATE, such as `42P01`.
    pub sqlstate: Option<String>,
    /// The service's code, such as `BAD_REQUEST`.
    pub error_code: Option<String>,
    /// The whole message.
    pub message: String,
    /// Where in the statement's text.
    pub position: Option<Position>,
}

/// A place in a statement's text, both numbers counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

impl StatementError {
    /// Reads the status of a failed statement.
    pub(super) fn of(response: &StatementResponse) -> Self {
        let error = response.status.error.clone().unwrap_or_default();
        let message = match error.message.trim() {
            "" => "the statement failed, and no reason was given".to_owned(),
            message => message.to_owned(),
        };
        Self {
            statement_id: StatementId::new(&response.statement_id),
            condition: condition(&message),
            sqlstate: response.status.sql_state.clone().or_else(|| sqlstate(&message)),
            error_code: error.error_code,
            position: position(&message),
            message,
        }
    }

    /// Returns the condition without its sub-condition.
    fn main_condition(&self) -> &str {
        self.condition.as_deref().and_then(|condition| condition.split('.').next()).unwrap_or_default()
    }

    /// Tells whether another writer of the table got in the way. The statement committed nothing; it may be run again.
    pub fn is_conflict(&self) -> bool {
        if self.condition.as_deref() == Some("DELTA_CONCURRENT_APPEND.CHANGE_TYPE_COLUMN") {
            return false;
        }
        matches!(
            self.main_condition(),
            "DELTA_CONCURRENT_APPEND"
                | "DELTA_CONCURRENT_DELETE_READ"
                | "DELTA_CONCURRENT_DELETE_DELETE"
                | "DELTA_CONCURRENT_WRITE"
                | "DELTA_METADATA_CHANGED"
                | "DELTA_PROTOCOL_CHANGED"
                | "DELTA_MAX_COMMIT_RETRIES_EXCEEDED"
                | "DELTA_SCHEMA_CHANGE_SINCE_ANALYSIS"
        )
    }

    /// Tells whether the service, not the statement, was at fault. An idempotent statement may be run again.
    pub fn is_transient(&self) -> bool {
        self.message.contains("UC_REQUEST_LIMIT_EXCEEDED")
            || matches!(
                self.error_code.as_deref(),
                Some(
                    "TEMPORARILY_UNAVAILABLE"
                        | "DEADLINE_EXCEEDED"
                        | "RESOURCE_EXHAUSTED"
                        | "WORKSPACE_TEMPORARILY_UNAVAILABLE"
                        | "SERVICE_UNDER_MAINTENANCE"
                )
            )
    }

    /// Tells whether a right is missing.
    pub fn is_permission(&self) -> bool {
        self.sqlstate.as_deref() == Some("42501")
            || matches!(self.main_condition(), "INSUFFICIENT_PERMISSIONS" | "PERMISSION_DENIED")
    }

    /// Tells whether the schema of a name does not exist.
    pub fn is_missing_schema(&self) -> bool {
        self.main_condition() == "SCHEMA_NOT_FOUND"
    }

    /// Tells whether a schema was to be dropped in which there is something.
    pub fn is_not_empty(&self) -> bool {
        self.main_condition() == "SCHEMA_NOT_EMPTY"
    }

    /// Tells whether a table or view of a name does not exist.
    pub fn is_missing_table(&self) -> bool {
        self.main_condition() == "TABLE_OR_VIEW_NOT_FOUND"
    }

    /// Tells whether a column of a name does not exist.
    pub fn is_missing_column(&self) -> bool {
        self.main_condition() == "UNRESOLVED_COLUMN"
    }

    /// Says what to do about it.
    pub fn help(&self) -> String {
        if self.is_conflict() {
            return "another writer changed the table meanwhile; run the step again".to_owned();
        }
        if self.is_transient() {
            return "the service was overloaded; run the step again".to_owned();
        }
        if self.is_permission() {
            return "ask whoever owns the object for the right that the message names".to_owned();
        }
        format!("look at the statement in the workspace's query history: {}", self.statement_id)
    }
}

/// Reads `[CONDITION]` or `[CONDITION.SUB]` at the message's start.
fn condition(message: &str) -> Option<String> {
    let (condition, _) = message.strip_prefix('[')?.split_once(']')?;
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.');
    (!condition.is_empty() && condition.bytes().all(fits)).then(|| condition.to_owned())
}

/// Reads `SQLSTATE: 42P01`.
fn sqlstate(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("SQLSTATE: ")?;
    let state = rest.get(..5)?;
    state.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).then(|| state.to_owned())
}

/// Reads `line 2 pos 7`, `(line 2, pos 7)`, where characters count from 0, or `line 2, position 8`, where they count from 1.
fn position(message: &str) -> Option<Position> {
    message.match_indices("line ").find_map(|(start, word)| {
        let (line, rest) = number(&message[start + word.len()..])?;
        let rest = rest.trim_start_matches(',').trim_start();
        let (rest, first) = match rest.strip_prefix("position ") {
            Some(rest) => (rest, 1),
            None => (rest.strip_prefix("pos ")?, 0),
        };
        let (character, _) = number(rest)?;
        (line > 0).then(|| Position { line, column: (character + 1).saturating_sub(first).max(1) })
    })
}

fn number(text: &str) -> Option<(usize, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(message: &str) -> StatementError {
        let json = serde_json::json!({"statement_id": "s", "status": {"state": "FAILED",
            "error": {"error_code": "BAD_REQUEST", "message": message}}});
        StatementError::of(&serde_json::from_value(json).unwrap())
    }

    #[test]
    fn condition_sqlstate_and_position_are_read_from_the_message() {
        let error =
            failed("[PARSE_SYNTAX_ERROR] Syntax error at or near 'FORM'. SQLSTATE: 42601 (line 2, pos 7)\n\n== SQL ==");
        assert_eq!(error.condition.as_deref(), Some("PARSE_SYNTAX_ERROR"));
        assert_eq!(error.sqlstate.as_deref(), Some("42601"));
        assert_eq!(error.position, Some(Position { line: 2, column: 8 }));
        let error = failed("[DELTA_CONCURRENT_APPEND.ROW_LEVEL_CHANGES] rows were added");
        assert_eq!(error.condition.as_deref(), Some("DELTA_CONCURRENT_APPEND.ROW_LEVEL_CHANGES"));
        assert!(error.is_conflict());
    }

    #[test]
    fn all_ways_to_write_a_position_are_read() {
        let at = |line, column| Some(Position { line, column });
        assert_eq!(failed("[X] no such table; line 3 pos 14").position, at(3, 15));
        assert_eq!(failed("[X] == SQL (line 1, position 8) ==").position, at(1, 8));
        assert_eq!(failed("[X] see line item; line 4 pos 0").position, at(4, 1));
        for without in
            ["online shop", "line ", "line 3", "line 3 pos", "line 99999999999999999999999 pos 1", "line 0 pos 1"]
        {
            assert_eq!(failed(without).position, None, "{without}");
        }
    }

    #[test]
    fn a_message_in_another_form_is_kept_whole() {
        let error = failed("[lower case] something");
        assert_eq!((error.condition.as_deref(), error.to_string().as_str()), (None, "[lower case] something"));
        assert_eq!(failed("").to_string(), "the statement failed, and no reason was given");
    }
}
