//! `-- kiln: allow(cross-join) reason`: lints that are meant to be so, said where they are.

use std::ops::Range;

use crate::dialect;

/// What a comment allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    /// The name as written.
    pub name: String,
    /// The bytes of that name.
    pub range: Range<usize>,
    /// The bytes in which it is allowed to begin.
    pub covers: Range<usize>,
    /// Whether it allowed anything.
    pub used: bool,
}

/// Where a comment begins to speak to kiln.
const MARK: &str = "kiln:";

/// Reads the comments of an SQL text.
pub(super) fn read(text: &str) -> Vec<Allowed> {
    if !text.contains(MARK) {
        return Vec::new();
    }
    let comments = dialect::comments(text);
    let first_word = first_word(text, &comments);
    let mut found = Vec::new();
    for (i, comment) in comments.iter().enumerate() {
        let words = text[comment.clone()].trim_start_matches(['-', '/', '*']).trim_start();
        let Some(rest) = words.strip_prefix(MARK).map(str::trim_start).and_then(|rest| rest.strip_prefix("allow"))
        else {
            continue;
        };
        let Some((list, _)) = rest.trim_start().strip_prefix('(').and_then(|rest| rest.split_once(')')) else {
            continue;
        };
        let covers = if comment.end <= first_word { 0..text.len() } else { covered(text, &comments[i..]) };
        let list_start = comment.end - (text[comment.clone()].len() - text[comment.clone()].find(list).unwrap_or(0));
        let mut at = list_start;
        for name in list.split(',') {
            let start = at + (name.len() - name.trim_start().len());
            let trimmed = name.trim();
            at += name.len() + 1;
            if !trimmed.is_empty() {
                let range = start..start + trimmed.len();
                found.push(Allowed { name: trimmed.to_owned(), range, covers: covers.clone(), used: false });
            }
        }
    }
    found
}

impl Allowed {
    /// Tells whether it covers a lint at a place.
    pub(super) fn allows(&self, code: &str, start: usize) -> bool {
        let meant = crate::diag::lint(&self.name).is_some_and(|lint| lint.name == code);
        meant && (self.covers.contains(&start) || self.covers.end == start && start > 0)
    }
}

/// Where the first word of the text begins that is in no comment.
fn first_word(text: &str, comments: &[Range<usize>]) -> usize {
    let mut at = 0;
    for comment in comments {
        if !text[at..comment.start].trim().is_empty() {
            break;
        }
        at = comment.end;
    }
    at + text[at..].len() - text[at..].trim_start().len()
}

/// The line that a comment stands in, or, where it stands alone, the next line with more than comments.
fn covered(text: &str, comments: &[Range<usize>]) -> Range<usize> {
    let start = comments[0].start;
    let line = text[..start].rfind('\n').map_or(0, |i| i + 1);
    if !text[line..start].trim().is_empty() {
        return line..end_of_line(text, start);
    }
    let mut at = start;
    for comment in comments {
        if !text[at..comment.start].trim().is_empty() {
            break;
        }
        at = comment.end;
    }
    let next = at + text[at..].len() - text[at..].trim_start().len();
    next..end_of_line(text, next)
}

fn end_of_line(text: &str, from: usize) -> usize {
    text[from..].find('\n').map_or(text.len(), |i| from + i)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the comments of a text allow, with the text that each covers.
    fn allowed(text: &str) -> Vec<(String, &str)> {
        read(text)
            .into_iter()
            .map(|a| {
                assert_eq!(&text[a.range.clone()], a.name);
                (a.name, &text[a.covers])
            })
            .collect()
    }

    #[test]
    fn a_comment_covers_its_line_the_next_or_all() {
        let alone = "select 1\n  -- kiln: allow(cross-join, K402) few rows\n  -- more words\n\n  from a, b\nwhere c";
        assert_eq!(allowed(alone), [("cross-join".to_owned(), "from a, b"), ("K402".to_owned(), "from a, b")]);
        let beside = "select 1\nfrom a, b -- kiln: allow(cross-join)\nwhere c";
        assert_eq!(allowed(beside), [("cross-join".to_owned(), "from a, b -- kiln: allow(cross-join)")]);
        let top = "-- What it is.\n/* kiln: allow(cross-join) */\n\nselect 1";
        assert_eq!(allowed(top), [("cross-join".to_owned(), top)]);
        for none in [
            "select '-- kiln: allow(cross-join)'",
            "select 1 -- kiln: allow cross-join",
            "select 1 -- for kiln: allow(x)",
            "select 1 -- kiln: allow()",
            "select 1 -- kiln: allow(",
        ] {
            assert_eq!(allowed(none), [], "{none}");
        }
        assert_eq!(allowed("select 1 -- kiln:allow (größe)"), [("größe".to_owned(), "select 1 -- kiln:allow (größe)")]);
    }
}
