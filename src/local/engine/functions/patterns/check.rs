//! Patterns that Spark forbids, and how it says so.

use super::Use;
use crate::local::engine::error::SqlError;

/// What is wrong with a pattern.
#[derive(Clone, Copy)]
pub(super) enum Wrong {
    /// It counts by weeks.
    Week(char),
    /// A letter that there is not, or not for this use.
    Letter(char),
    /// A letter too often.
    Length(char),
    /// Its form.
    Pattern,
}

/// What a pattern that `java.time` may know has, and Spark does not allow.
pub(super) fn forbidden(pattern: &str, usage: Use) -> Option<Wrong> {
    // What stands in quotes is every second part.
    for part in pattern.split('\'').step_by(2) {
        if let Some(letter) = part.chars().find(|c| "YWwuec".contains(*c)) {
            return Some(Wrong::Week(letter));
        }
        let here = |c: &char| "ABnNp".contains(*c) || usage == Use::Read && "EFqQ".contains(*c);
        if let Some(letter) = part.chars().find(here) {
            return Some(Wrong::Letter(letter));
        }
        let often = [("G", 5), ("M", 5), ("L", 5), ("E", 5), ("Q", 5), ("q", 5), ("y", 7)];
        if let Some((letter, _)) = often.iter().find(|(letter, count)| part.contains(&letter.repeat(*count))) {
            return letter.chars().next().map(Wrong::Length);
        }
    }
    None
}

/// Whether the patterns of Spark 2, those of `SimpleDateFormat`, had this one.
fn was_known(pattern: &str) -> bool {
    let (mut quoted, mut chars) = (false, pattern.chars().peekable());
    while let Some(c) = chars.next() {
        if c == '\'' {
            quoted = !quoted;
        } else if !quoted && c.is_ascii_alphabetic() {
            let mut count = 1;
            while chars.next_if_eq(&c).is_some() {
                count += 1;
            }
            if !"GyYMLwWDdFEuaHkKhmsSzZX".contains(c) || c == 'X' && count > 3 {
                return false;
            }
        }
    }
    !quoted
}

impl Wrong {
    /// The error for such a pattern.
    pub(super) fn error(self, pattern: &str) -> SqlError {
        if was_known(pattern) {
            return SqlError::new(
                "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION",
                "42K0B",
                format!("The pattern '{pattern}' meant something in Spark 2, but is not recognized any more."),
            );
        }
        match self {
            Self::Week(letter) => SqlError::new(
                "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN",
                "42K0B",
                format!("Patterns that count by weeks are not supported, but '{pattern}' has {letter}. Use EXTRACT."),
            ),
            Self::Letter(letter) => SqlError::new(
                "INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER",
                "22007",
                format!("The datetime pattern '{pattern}' is invalid: the letter {letter} cannot stand in it."),
            ),
            Self::Length(letter) => SqlError::new(
                "INVALID_DATETIME_PATTERN.LENGTH",
                "22007",
                format!("The datetime pattern '{pattern}' is invalid: too many letters {letter}."),
            ),
            Self::Pattern => SqlError::new(
                "INVALID_DATETIME_PATTERN.WITH_SUGGESTION",
                "22007",
                format!("The datetime pattern '{pattern}' is not recognized. Correct its form."),
            ),
        }
    }
}
