//! The codes of problems, explained: for people on a terminal, for programs, and as a page of the documentation.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::diag::Code;

/// Writes what a code means, wrapped to a width.
pub fn to_terminal(code: &Code, width: usize) -> String {
    let kind = if code.is_lint { " (a lint)" } else { "" };
    let mut out = format!("{} {}: {}{kind}\n\n", code.number, code.name, code.severity);
    let width = width.saturating_sub(2).max(40);
    for text in [code.title, code.meaning].into_iter().filter(|text| !text.is_empty()) {
        let end = if text.ends_with('.') { "" } else { "." };
        for line in textwrap(&format!("{text}{end}"), width) {
            let _ = writeln!(out, "  {line}");
        }
        out.push('\n');
    }
    for (word, lines) in [("wrong", &code.wrong), ("right", &code.right)] {
        for (i, line) in lines.iter().enumerate() {
            let word = if i == 0 { word } else { "" };
            let _ = writeln!(out, "  {word:5}  {line}");
        }
    }
    if !(code.wrong.is_empty() && code.right.is_empty()) {
        out.push('\n');
    }
    if code.is_lint {
        for line in textwrap(&off(code), width) {
            let _ = writeln!(out, "  {line}");
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// Lists codes, one a line, under their subjects.
pub fn list(codes: &[&Code]) -> String {
    let longest = codes.iter().map(|code| code.name.len()).max().unwrap_or_default();
    let mut out = String::new();
    let mut subject = "";
    for code in codes {
        if code.subject() != subject {
            let gap = if subject.is_empty() { "" } else { "\n" };
            subject = code.subject();
            let _ = writeln!(out, "{gap}{subject}");
        }
        let _ = writeln!(out, "  {} {:longest$}  {}", code.number, code.name, code.title);
    }
    out
}

/// Writes a code as JSON.
pub fn to_json(code: &Code) -> Value {
    json!({
        "type": "code",
        "number": code.number,
        "code": code.name,
        "severity": code.severity.to_string(),
        "lint": code.is_lint,
        "subject": code.subject(),
        "title": code.title,
        "meaning": code.meaning,
        "wrong": code.wrong.join("\n"),
        "right": code.right.join("\n"),
    })
}

/// Writes the page of the documentation that has all codes.
pub fn to_markdown<'c>(codes: impl IntoIterator<Item = &'c Code>) -> String {
    let mut out = String::from(
        "# Diagnostics\n\nEverything that kiln says of a project, by its code. `kiln explain CODE` shows the same; a code is called by \
         its number or its name.\nThis page is made from `src/diag/codes.txt`; a test holds both equal.\n\nErrors end every command \
         with exit status 1 before anything is sent. Warnings are shown and do no harm, notes are shown by `kiln check` alone;\n\
         `kiln check --strict` takes both for errors.\n\nLints can be allowed in place, with a reason, and have their level set for \
         the whole project:\n\n```sql\n-- kiln: allow(cross-join) two rows by three\nSELECT … FROM a, b\n```\n\nSuch a comment holds for \
         its line, or for the next one if it stands alone; at the top of a text, before any SQL, for the whole text. One that\n\
         allows nothing is a warning itself.\n\n```yaml\nmodels:\n  sql/marts/wide: {materialized: table, allow: [select-star]}   # a \
         model, or all models of a folder\nlints: {cross-join: error, unordered-limit: off}             # error, warning, note or \
         off\n```\n\nWith `--output json` each is a line of the standard output: `{\"type\": \"diagnostic\", \"severity\", \"code\", \
         \"number\", \"message\", \"place\": {\"path\",\n\"line\", \"column\", \"end_line\", \"end_column\", \"label\"}, \"related\": [places], \
         \"help\"}`. Lines and columns count from 1, columns by characters, ends are\nexclusive; keys may be added, and none \
         goes.\n",
    );
    let mut subject = "";
    for code in codes {
        if code.subject() != subject {
            subject = code.subject();
            let _ = writeln!(out, "\n## {subject}");
        }
        let kind = if code.is_lint { ", lint" } else { "" };
        let _ = writeln!(out, "\n### {} {}\n\n**{}** ({}{kind})", code.number, code.name, code.title, code.severity);
        if !code.meaning.is_empty() {
            let _ = writeln!(out, "\n{}", code.meaning);
        }
        if !(code.wrong.is_empty() && code.right.is_empty()) {
            out.push_str("\n```diff\n");
            for (sign, line) in
                code.wrong.iter().map(|line| ('-', line)).chain(code.right.iter().map(|line| ('+', line)))
            {
                let _ = writeln!(out, "{sign} {line}");
            }
            out.push_str("```\n");
        }
    }
    out
}

/// How a lint is switched off.
fn off(code: &Code) -> String {
    format!(
        "To allow it: a comment `-- kiln: allow({0}) reason` in the line or alone in the one above, or at the top of the text for \
         all of it; `allow: [{0}]` at a model or folder in jobs.yaml; `lints: {{{0}: off}}` for the whole project.",
        code.name
    )
}

/// Breaks a text into lines of at most so many characters, at blanks.
fn textwrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is a line");
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= width {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::code;

    #[test]
    fn a_code_is_explained_with_examples_and_how_to_allow_it() {
        insta::assert_snapshot!(to_terminal(code("K403").unwrap(), 70), @r"
        K403 null-comparison: warning (a lint)

          A comparison with NULL is never true.

          `= NULL` and `<> NULL` are NULL for every value, also for NULL
          itself.

          wrong  SELECT id FROM orders WHERE shipped_at = NULL
          right  SELECT id FROM orders WHERE shipped_at IS NULL

          To allow it: a comment `-- kiln: allow(null-comparison) reason` in
          the line or alone in the one above, or at the top of the text for
          all of it; `allow: [null-comparison]` at a model or folder in
          jobs.yaml; `lints: {null-comparison: off}` for the whole project.
        ");
        insta::assert_snapshot!(to_terminal(code("no-models").unwrap(), 70), @r"
        K136 no-models: warning

          A folder of `models` has no *.sql files.
        ");
    }

    #[test]
    fn long_words_and_narrow_terminals_do_no_harm() {
        assert_eq!(textwrap("a bb  ccc", 4), ["a bb", "ccc"]);
        assert_eq!(textwrap("abcdefgh i", 3), ["abcdefgh", "i"]);
        for code in crate::diag::codes() {
            assert!(to_terminal(code, 0).ends_with('\n'));
        }
    }
}
