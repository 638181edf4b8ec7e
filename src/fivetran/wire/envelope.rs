//! What every answer is wrapped in, and pages.

use serde::{Deserialize, Serialize};

/// `code` of an answer that brings what was asked for.
pub const SUCCESS: &str = "Success";

/// `{"code", "message", "data"}`: every answer, refusals included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// `Success`, or a machine-readable reason such as `NotFound_Connector`.
    pub code: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What was asked for; absent on sync, resync, delete and refusals.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub data: Option<T>,
}

impl<T> Envelope<T> {
    /// Makes an answer with data.
    pub fn success(message: impl Into<String>, data: T) -> Self {
        Self { code: SUCCESS.to_owned(), message: Some(message.into()), data: Some(data) }
    }
}

impl Envelope<()> {
    /// Makes an answer without data: of a trigger, or a refusal.
    pub fn bare(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: Some(message.into()), data: None }
    }
}

/// `data` of a list. Asked for with `cursor` and `limit` (1 to 1000, 100 if absent).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// What is on this page.
    #[serde(default = "Vec::new")]
    pub items: Vec<T>,
    /// Asks for the next page; absent or `null` on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fivetran::wire::testing::round_trip;

    #[test]
    fn the_answer_of_a_trigger_has_no_data() {
        let answer: Envelope<()> = round_trip(
            r#"{"code":"Success","message":"Sync has been successfully triggered for connection with id 'speak_inexpensive'"}"#,
        );
        assert_eq!(answer.data, None);
    }

    #[test]
    fn refusals_carry_a_code_and_a_message() {
        let answer: Envelope<serde_json::Value> =
            round_trip(r#"{"code":"NotFound_Connector","message":"Connector with id 'abc123' does not exist."}"#);
        assert_eq!(answer.code, "NotFound_Connector");
        round_trip::<Envelope<serde_json::Value>>(
            r#"{"code":"NotFound_SchemaConfig","message":"Connection with id 'fresh_start' doesn't have schema config"}"#,
        );
    }

    #[test]
    fn the_last_page_has_no_cursor_or_null() {
        assert_eq!(serde_json::from_str::<Page<i64>>(r#"{"items":[1],"next_cursor":null}"#).unwrap().next_cursor, None);
        assert_eq!(serde_json::from_str::<Page<i64>>(r#"{"items":[1]}"#).unwrap().next_cursor, None);
    }
}
