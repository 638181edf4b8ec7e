//! `${NAME}` and `${NAME:-default}` in texts; `$${` stands for the characters `${`.

use std::ops::Range;

use super::secrets;

/// What is wrong with one `${…}`, with its place in the text.
#[derive(Debug, PartialEq)]
pub(super) enum Problem {
    /// The process has no such variable, and no default is given.
    Unset { name: String, range: Range<usize> },
    /// The variable's name says that it holds a secret.
    Secret { name: String, range: Range<usize> },
    /// It is not of the form `${NAME}`.
    Malformed { why: String, range: Range<usize> },
}

impl Problem {
    pub(super) fn range(&self) -> Range<usize> {
        match self {
            Self::Unset { range, .. } | Self::Secret { range, .. } | Self::Malformed { range, .. } => range.clone(),
        }
    }
}

/// Replaces every `${NAME}`. A variable that is set but empty counts as unset if there is a default, as in a shell.
pub(super) fn resolve(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, Vec<Problem>> {
    let mut out = String::with_capacity(text.len());
    let mut problems = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("${") {
        let start = at + found;
        if text[at..start].ends_with('$') {
            out.push_str(&text[at..start - 1]);
            out.push_str("${");
            at = start + 2;
            continue;
        }
        out.push_str(&text[at..start]);
        let Some(length) = text[start..].find('}') else {
            problems.push(Problem::Malformed { why: "`${` has no `}`".into(), range: start..start + 2 });
            at = start + 2;
            continue;
        };
        let range = start..start + length + 1;
        at = range.end;
        let inner = &text[start + 2..range.end - 1];
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !valid {
            let why = format!("`{name}` is not the name of an environment variable");
            problems.push(Problem::Malformed { why, range });
        } else if secrets::is_secret_name(name) {
            problems.push(Problem::Secret { name: name.to_owned(), range });
        } else {
            match (env(name).filter(|value| !value.is_empty() || default.is_none()), default) {
                (Some(value), _) => out.push_str(&value),
                (None, Some(default)) => out.push_str(default),
                (None, None) => problems.push(Problem::Unset { name: name.to_owned(), range }),
            }
        }
    }
    out.push_str(&text[at..]);
    if problems.is_empty() { Ok(out) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("dbc.example".into()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn names_defaults_and_escapes_are_replaced() {
        for (text, expected) in [
            ("https://${HOST}/x", "https://dbc.example/x"),
            ("${NONE:-fallback}${HOST:-unused}", "fallbackdbc.example"),
            ("${EMPTY:-fallback}|${EMPTY}|", "fallback||"),
            ("${NONE:-}", ""),
            ("$${HOST} costs $5 or $HOST", "${HOST} costs $5 or $HOST"),
            ("größe ${HOST} $", "größe dbc.example $"),
        ] {
            assert_eq!(resolve(text, &env).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn every_problem_of_a_text_is_found_with_its_place() {
        let problems = resolve("a${NONE}b${1x}c${API_TOKEN}d${", &env).unwrap_err();
        let places: Vec<_> = problems.iter().map(|p| (p.range().start, p.range().end)).collect();
        assert_eq!(places, [(1, 8), (9, 14), (15, 27), (28, 30)]);
        assert!(matches!(&problems[2], Problem::Secret { name, .. } if name == "API_TOKEN"));
    }
}
