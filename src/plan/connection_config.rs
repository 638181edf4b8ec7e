//! A connection's config: whether what Fivetran shows is what the project says, with its secrets masked.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::config::ConnectionConfig;
use crate::config::pointer::{child, first_key};

/// What is sent of a config.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SentConfig {
    /// Keys and values; `null` where a secret belongs.
    pub values: Map<String, Value>,
    /// JSON pointer into the values → the variable of the process environment that holds the secret.
    pub secrets: IndexMap<String, String>,
}

/// Tells whether a key of the config has to be sent.
pub(super) fn differs(
    key: &str,
    wanted: &Value,
    there: Option<&Value>,
    config: &ConnectionConfig,
    resend: bool,
) -> bool {
    let has_secret = config.secrets.keys().any(|pointer| first_key(pointer) == key);
    if has_secret && resend {
        return true;
    }
    !same(&child("", key), wanted, there, config)
}

/// Compares a value with what Fivetran shows, which may write numbers and truth values as texts, and masks secrets: of
/// these nobody can tell whether they are still the same.
fn same(pointer: &str, wanted: &Value, there: Option<&Value>, config: &ConnectionConfig) -> bool {
    let masked = |text: &str| !text.is_empty() && text.chars().all(|c| c == '*');
    match (wanted, there) {
        (Value::Null, Some(there)) if config.secrets.contains_key(pointer) => {
            !there.is_null() && there.as_str() != Some("")
        }
        (Value::Null, None) => !config.secrets.contains_key(pointer),
        (Value::Null, Some(there)) => there.is_null() || there.as_str() == Some(""),
        (_, Some(Value::String(text))) if masked(text) => true,
        (Value::Array(wanted), Some(Value::Array(there))) => {
            wanted.len() == there.len()
                && wanted.iter().enumerate().all(|(i, v)| same(&format!("{pointer}/{i}"), v, there.get(i), config))
        }
        (Value::Object(wanted), Some(Value::Object(there))) => {
            wanted.iter().all(|(key, value)| same(&child(pointer, key), value, there.get(key), config))
        }
        (Value::Array(_) | Value::Object(_), _) | (_, None | Some(Value::Array(_) | Value::Object(_))) => false,
        (wanted, Some(there)) => scalar(wanted) == scalar(there),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::String(text) if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") => {
            text.to_lowercase()
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Writes a value with the names of variables in the places of its secrets.
pub(super) fn with_variables(key: &str, value: &Value, secrets: &IndexMap<String, String>) -> Value {
    let mut whole = json!({ key: value });
    for (pointer, variable) in secrets {
        if let Some(place) = whole.pointer_mut(pointer) {
            *place = json!(format!("${{{variable}}}"));
        }
    }
    whole[key].take()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(values: &Value, secrets: &[(&str, &str)]) -> ConnectionConfig {
        ConnectionConfig {
            values: values.as_object().unwrap().clone(),
            secrets: secrets.iter().map(|(p, v)| ((*p).to_owned(), (*v).to_owned())).collect(),
        }
    }

    /// The keys that have to be sent.
    fn sent(config: &ConnectionConfig, there: &Value, resend: bool) -> Vec<String> {
        let keys = config.values.iter().filter(|(key, v)| differs(key, v, there.get(key.as_str()), config, resend));
        keys.map(|(key, _)| key.clone()).collect()
    }

    #[test]
    fn what_fivetran_writes_otherwise_is_no_difference_and_secrets_cannot_be_compared() {
        let wanted = config(
            &json!({"host": "10.1.2.3", "port": 5432, "always_encrypted": true, "password": null, "note": null,
                "schemas": ["a", "b"], "api": {"user": "me", "key": null}}),
            &[("/password", "DB_PASSWORD"), ("/api/key", "API_KEY")],
        );
        let there = json!({"host": "10.1.2.3", "port": "5432", "always_encrypted": "True", "password": "******",
            "schemas": ["a", "b"], "api": {"user": "me", "key": "******", "more": 1}, "public_key": "x"});
        assert_eq!(sent(&wanted, &there, false), Vec::<String>::new());
        assert_eq!(sent(&wanted, &there, true), ["password", "api"]);
        let other = json!({"host": "10.9.9.9", "port": 5433, "always_encrypted": false, "note": "x", "schemas": ["b", "a"],
            "api": {"user": "you", "key": "******"}});
        let all = ["host", "port", "always_encrypted", "password", "note", "schemas", "api"];
        assert_eq!(sent(&wanted, &other, false), all, "a secret that is not there at all can be seen to be missing");
        assert_eq!(
            with_variables("api", &wanted.values["api"], &wanted.secrets),
            json!({"user": "me", "key": "${API_KEY}"})
        );
    }
}
