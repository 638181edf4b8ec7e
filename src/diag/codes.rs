//! The codes of all problems: number, name, what each means, and an example. One table, `codes.txt`.
//!
//! A code has a number for searching (`K303`) and a name for reading (`unknown-column`). Both are stable: what goes is
//! not used again.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{Severity, did_you_mean};

/// A kind of problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// `K303`.
    pub number: &'static str,
    /// `unknown-column`.
    pub name: &'static str,
    /// How bad it is, unless the project says otherwise.
    pub severity: Severity,
    /// Whether it is a lint: something that works, is probably not meant, and can be allowed where it is.
    pub is_lint: bool,
    /// What is wrong, in a line without a full stop.
    pub title: &'static str,
    /// What it means and when it is silent, in whole sentences; may be empty.
    pub meaning: &'static str,
    /// Lines that have the problem; may be empty.
    pub wrong: Vec<&'static str>,
    /// Lines that do not; may be empty.
    pub right: Vec<&'static str>,
}

impl Code {
    /// Returns the subject that its number stands for.
    pub fn subject(&self) -> &'static str {
        match self.number.as_bytes().get(1) {
            Some(b'0') => "Commands and environments",
            Some(b'1') => "The project's files",
            Some(b'2') => "Templates",
            Some(b'3') => "SQL",
            Some(b'4') => "Lints of SQL",
            _ => "Dashboards",
        }
    }
}

/// Walks all codes in the order of their numbers.
pub fn codes() -> impl Iterator<Item = &'static Code> {
    TABLE.iter()
}

/// Finds a code by its name or number, in any case.
pub fn code(name: &str) -> Option<&'static Code> {
    let name = name.to_ascii_lowercase();
    BY_NAME.get(name.as_str()).map(|index| &TABLE[*index])
}

/// Finds a lint by its name or number.
pub fn lint(name: &str) -> Option<&'static Code> {
    code(name).filter(|code| code.is_lint)
}

/// The name of the code that a mistaken name or number most probably means.
pub fn nearest(name: &str) -> Option<&'static str> {
    let number = name.starts_with(['k', 'K']) && name[1..].bytes().all(|b| b.is_ascii_digit());
    match number {
        true => None,
        false => did_you_mean(name, codes().map(|code| code.name)),
    }
}

/// Codes that have a word in their name or title, for those who do not know what they look for.
pub fn mentioning(word: &str) -> Vec<&'static Code> {
    let word = word.to_lowercase();
    codes().filter(|code| code.name.contains(&word) || code.title.to_lowercase().contains(&word)).collect()
}

static TABLE: LazyLock<Vec<Code>> = LazyLock::new(|| read(include_str!("codes.txt")));

static BY_NAME: LazyLock<HashMap<String, usize>> = LazyLock::new(|| {
    let names = TABLE.iter().enumerate();
    names.flat_map(|(i, code)| [(code.name.to_owned(), i), (code.number.to_ascii_lowercase(), i)]).collect()
});

/// Reads the table. An entry is `K303 unknown-column error [lint]`, its title, a line of meaning, and the lines of the
/// examples: `- ` what is wrong, `+ ` what is right. An empty line ends it.
fn read(text: &'static str) -> Vec<Code> {
    text.split("\n\n").filter_map(|entry| entry_of(entry.trim_matches('\n'))).collect()
}

fn entry_of(entry: &'static str) -> Option<Code> {
    let mut lines = entry.lines();
    let mut words = lines.next()?.split_whitespace();
    let (number, name) = (words.next()?, words.next()?);
    let severity = match words.next()? {
        "error" => Severity::Error,
        "warning" => Severity::Warning,
        "note" => Severity::Note,
        _ => return None,
    };
    let title = lines.next()?;
    let mut code = Code {
        number,
        name,
        severity,
        is_lint: words.next() == Some("lint"),
        title,
        meaning: "",
        wrong: Vec::new(),
        right: Vec::new(),
    };
    for line in lines {
        match (line.strip_prefix("- "), line.strip_prefix("+ ")) {
            (Some(wrong), _) => code.wrong.push(wrong),
            (_, Some(right)) => code.right.push(right),
            _ => code.meaning = line,
        }
    }
    Some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_of_the_table_is_read() {
        let text = include_str!("codes.txt");
        let entries = text.split("\n\n").filter(|entry| !entry.trim().is_empty());
        let (mut count, mut last) = (0, "");
        for entry in entries {
            let code = entry_of(entry.trim_matches('\n')).unwrap_or_else(|| panic!("{entry}"));
            let number = code.number.strip_prefix('K').unwrap_or_default();
            assert!(number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit()), "{entry}");
            assert!(code.number > last, "{} stands behind {last}", code.number);
            assert!(code.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{entry}");
            assert!(!code.title.ends_with('.') && !code.title.is_empty(), "{entry}");
            assert!(code.meaning.is_empty() || code.meaning.ends_with('.'), "{entry}");
            let prose = entry.lines().skip(2).filter(|l| !l.starts_with("- ") && !l.starts_with("+ ")).count();
            assert!(prose <= 1, "the meaning is one line: {entry}");
            assert_eq!(code.is_lint, code.number.starts_with("K4") && code.number < "K490", "{entry}");
            (count, last) = (count + 1, code.number);
        }
        assert_eq!(count, TABLE.len());
        assert_eq!(BY_NAME.len(), 2 * count, "two codes have one name");
    }

    #[test]
    fn codes_are_found_by_name_and_number() {
        assert_eq!(code("K303"), code("Unknown-Column"));
        assert_eq!(code("k401").unwrap().name, "cross-join");
        assert!(lint("unknown-column").is_none() && lint("cross-join").is_some());
        assert_eq!(nearest("crosjoin"), Some("cross-join"));
        assert_eq!((nearest("K999"), nearest("")), (None, None));
        assert!(mentioning("COHORT").iter().any(|code| code.name == "young-cohort"));
    }
}
