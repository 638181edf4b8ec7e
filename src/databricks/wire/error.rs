//! The body of a refused request.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// `{"error_code", "message", "details"}`, the shape of all current APIs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Machine-readable code such as `RESOURCE_DOES_NOT_EXIST`. Old APIs send a number; it is kept as text.
    #[serde(default, deserialize_with = "text_or_number", skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// What went wrong, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Typed additions; the request id is among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<ErrorDetail>,
    /// The message in API 1.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The message in SCIM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl ErrorBody {
    /// Makes the body of the current APIs.
    pub fn new(error_code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { error_code: Some(error_code.into()), message: Some(message.into()), ..Self::default() }
    }

    /// Returns the message, whichever API sent it.
    pub fn text(&self) -> Option<&str> {
        [&self.message, &self.error, &self.detail]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .find(|text| !text.is_empty())
    }

    /// Returns the request id to tell support.
    pub fn request_id(&self) -> Option<&str> {
        self.details.iter().find_map(|detail| detail.request_id.as_deref())
    }
}

/// One entry of `details`, typed by `@type`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// Such as `type.googleapis.com/google.rpc.ErrorInfo`.
    #[serde(rename = "@type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Of `ErrorInfo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of `ErrorInfo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Of `ErrorInfo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// Of `RequestInfo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databricks::wire::testing::round_trip;

    #[test]
    fn the_standard_body_carries_code_message_and_request_id() {
        let body: ErrorBody = round_trip(
            r#"{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"Path (/Shared/x) doesn't exist.","details":[
                {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"R","domain":"d","metadata":{"a":"b"}},
                {"@type":"type.googleapis.com/google.rpc.RequestInfo","request_id":"req-1"}]}"#,
        );
        assert_eq!(body.text(), Some("Path (/Shared/x) doesn't exist."));
        assert_eq!(body.request_id(), Some("req-1"));
    }

    #[test]
    fn old_bodies_are_understood() {
        let number: ErrorBody = serde_json::from_str(r#"{"error_code":1200,"message":"m"}"#).unwrap();
        assert_eq!(number.error_code.as_deref(), Some("1200"));
        let old: ErrorBody = serde_json::from_str(r#"{"error":"gone"}"#).unwrap();
        assert_eq!(old.text(), Some("gone"));
        let scim: ErrorBody = serde_json::from_str(r#"{"detail":"no","status":"404","scimType":"x"}"#).unwrap();
        assert_eq!(scim.text(), Some("no"));
    }
}
