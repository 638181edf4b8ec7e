//! Keeps secrets out of `jobs.yaml`, and those that got in out of what is shown.

use std::ops::Range;

use super::yaml::{Node, Value};
use crate::diag::Diagnostic;

/// What to do instead of writing a secret down.
pub(super) const HELP: &str = "Secrets come from the environment of the process, such as DATABRICKS_TOKEN or \
     FIVETRAN_API_SECRET, which kiln reads by itself. Remove it here; if it was committed, replace it at its service.";

const WORDS: [&str; 13] = [
    "token",
    "password",
    "passwd",
    "pwd",
    "secret",
    "api_key",
    "apikey",
    "access_key",
    "private_key",
    "client_secret",
    "credential",
    "credentials",
    "passphrase",
];

/// Tells whether a key or variable is named like a secret: `token`, `DATABRICKS_TOKEN`, `api-key`.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase().replace('-', "_");
    // `embed_credentials` is a setting that says whose rights are used; it holds no secret.
    name != "embed_credentials"
        && WORDS.iter().any(|word| name == *word || name.strip_suffix(word).is_some_and(|rest| rest.ends_with('_')))
}

/// Tells whether a key of another system's own is named like a secret: `secret_key`, `personal_access_token_2`.
pub(super) fn is_secret_key(key: &str) -> bool {
    const PARTS: [&str; 9] = [
        "password",
        "passphrase",
        "secret",
        "token",
        "private_key",
        "api_key",
        "access_key",
        "account_key",
        "credential",
    ];
    let lower = key.to_lowercase();
    is_secret_name(key) || PARTS.iter().any(|part| lower.contains(part))
}

/// Tells whether a text has the shape of a Databricks token, or is an address with a password.
pub(super) fn is_secret_value(text: &str) -> bool {
    let token = text.match_indices("dapi").any(|(i, word)| {
        let digits = text[i + word.len()..].chars().take_while(char::is_ascii_hexdigit).count();
        digits >= 32
    });
    let password = text.split_once("://").is_some_and(|(_, rest)| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    });
    token || password
}

pub(super) fn refusal(key: &str) -> Diagnostic {
    Diagnostic::error("secret-in-file", format!("`{key}` looks like a secret, and jobs.yaml must not hold secrets"))
        .help(HELP)
}

/// Returns the text with every secret in it blotted out, byte for byte, so that no excerpt can show one.
pub(super) fn redact(text: &str, root: &Node) -> String {
    let mut ranges = Vec::new();
    collect(root, &mut ranges);
    blot(text, ranges)
}

/// Like [`redact`], for a text that is not valid YAML: goes by its lines.
pub(super) fn redact_lines(text: &str) -> String {
    let mut ranges = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        for (colon, _) in line.match_indices(':') {
            let before = line[..colon].trim_end_matches(['"', '\'', ' ']);
            let key_start = before
                .rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
                .map_or(0, |i| i + before[i..].chars().next().map_or(1, char::len_utf8));
            if is_secret_name(&before[key_start..]) {
                ranges.push(start + colon + 1..start + line.trim_end().len());
                break;
            }
        }
        if is_secret_value(line) {
            ranges.push(start..start + line.trim_end().len());
        }
        start += line.len();
    }
    blot(text, ranges)
}

fn collect(node: &Node, ranges: &mut Vec<Range<usize>>) {
    match &node.value {
        Value::Scalar(scalar) if is_secret_value(&scalar.text) => ranges.push(node.range.clone()),
        Value::Scalar(_) => {}
        Value::Sequence(items) => items.iter().for_each(|item| collect(item, ranges)),
        Value::Mapping(entries) => {
            for (key, node) in entries {
                // Columns may be named so; their types are no secrets, and blotting them out would do no harm either.
                let is_address =
                    key.text == "webhook" && !matches!(&node.value, Value::Scalar(s) if s.text.contains("${"));
                if is_secret_name(&key.text) || is_address {
                    ranges.push(node.range.clone());
                } else {
                    collect(node, ranges);
                }
            }
        }
    }
}

fn blot(text: &str, ranges: Vec<Range<usize>>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for range in ranges {
        for byte in bytes.get_mut(range).unwrap_or_default() {
            if *byte != b'\n' && *byte != b'\r' {
                *byte = b'*';
            }
        }
    }
    // Ranges begin and end at characters, so whole characters were replaced.
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name_and_by_shape() {
        for name in ["token", "DATABRICKS_TOKEN", "db-password", "FIVETRAN_API_KEY", "client_secret"] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["tokens_used", "secretary", "keyboard", "primary_key", "embed_credentials", "host"] {
            assert!(!is_secret_name(name), "{name}");
        }
        assert!(is_secret_value(&format!("dapi{}", "0a".repeat(16))));
        assert!(is_secret_value("https://me:pw@host/x"));
        assert!(!is_secret_value("https://host/a:b@c"));
        assert!(!is_secret_value("dapibus"));
    }

    #[test]
    fn a_broken_file_shows_no_secret_either() {
        let text = "a: 1\nx: {token: \"täg\" \npassword : hunter2\nprimary_key: id\n";
        let shown = redact_lines(text);
        assert!(!shown.contains("täg") && !shown.contains("hunter2") && shown.contains("primary_key: id"), "{shown}");
        assert_eq!(shown.len(), text.len());
    }
}
