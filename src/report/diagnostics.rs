//! Diagnostics for people on a terminal, for programs as JSON lines, and for GitHub as annotations of a pull request.

use std::fmt::Write;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};
use serde_json::{Value, json};

use super::github;
use crate::diag::{Diagnostic, Diagnostics, Severity, Span, code};

/// Narrowest terminal that is written for, in columns; on a narrower one lines wrap.
const MIN_WIDTH: usize = 50;

/// The most lines of one place that are shown.
const MOST_LINES: usize = 50;
/// The longest stretch of a file that is shown, in bytes.
const LONGEST_EXCERPT: usize = 64 << 10;

/// How diagnostics are laid out on a terminal.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Whether to use colours.
    pub colour: bool,
    /// The terminal's width in columns.
    pub width: usize,
    /// The project's folder, as seen from where the command was started: paths are shown from there.
    pub folder: PathBuf,
}

/// Writes diagnostics with the lines that they speak of, and a last line that counts them. Ends with a line feed unless
/// there is nothing to say.
pub fn to_terminal(problems: &Diagnostics, layout: &Layout) -> String {
    let renderer = if layout.colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(layout.width.max(MIN_WIDTH));
    let mut out = String::new();
    for problem in problems.iter() {
        out.push_str(&renderer.render(&[group(problem, &layout.folder)]));
        out.push_str("\n\n");
    }
    if let Some(summary) = summary(problems) {
        out.push_str(&summary);
        out.push('\n');
    }
    out
}

/// Counts problems in words: `2 errors, 1 warning`. `None` if there are none but notes.
pub fn summary(problems: &Diagnostics) -> Option<String> {
    let count = |severity: Severity| problems.iter().filter(|problem| problem.severity == severity).count();
    let words = |number: usize, word: &str| match number {
        0 => None,
        1 => Some(format!("1 {word}")),
        _ => Some(format!("{number} {word}s")),
    };
    let parts: Vec<String> = [words(count(Severity::Error), "error"), words(count(Severity::Warning), "warning")]
        .into_iter()
        .flatten()
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Writes each diagnostic as one line of JSON. Lines and columns count from 1, columns by characters; ends are exclusive.
pub fn to_json_lines(problems: &Diagnostics, folder: &Path) -> String {
    let place = |(span, label): &(Span, String)| {
        let ((line, column), (end_line, end_column)) = (span.line_column(), span.file.line_column(span.range.end));
        json!({
            "path": shown_path(folder, span.path()), "line": line, "column": column,
            "end_line": end_line, "end_column": end_column,
            "label": if label.is_empty() { Value::Null } else { json!(label) },
        })
    };
    let mut out = String::new();
    for problem in problems.iter() {
        let line = json!({
            "type": "diagnostic",
            "severity": problem.severity.to_string(),
            "code": problem.code,
            "number": code(problem.code).map(|code| code.number),
            "message": problem.message,
            "place": problem.primary.as_ref().map(place),
            "related": problem.related.iter().map(place).collect::<Vec<_>>(),
            "help": problem.help,
        });
        out.push_str(&line.to_string());
        out.push('\n');
    }
    out
}

/// Writes each diagnostic as a workflow command that GitHub turns into an annotation of the file. `folder` is the
/// project's folder in the repository.
pub fn to_github(problems: &Diagnostics, folder: &Path) -> String {
    // Writing to a string does not fail.
    let mut out = String::new();
    for problem in problems.iter() {
        let command = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let mut properties = Vec::new();
        if let Some((span, _)) = &problem.primary {
            let ((line, column), (end_line, end_column)) = (span.line_column(), span.file.line_column(span.range.end));
            properties.push(format!("file={}", github::property(&shown_path(folder, span.path()))));
            properties.push(format!("line={line}"));
            // GitHub takes columns only within a line.
            if end_line == line {
                properties.push(format!("col={column},endColumn={}", end_column.max(column)));
            } else {
                properties.push(format!("endLine={end_line}"));
            }
        }
        properties.push(format!("title={}", github::property(&problem.title())));
        let mut text = normalize_untrusted_str(&problem.message);
        if let Some((_, label)) = problem.primary.as_ref().filter(|(_, label)| !label.is_empty()) {
            let _ = write!(text, " ({})", normalize_untrusted_str(label));
        }
        for (span, label) in &problem.related {
            let (line, column) = span.line_column();
            let label = normalize_untrusted_str(label);
            let _ = write!(text, "\n{label}: {}:{line}:{column}", shown_path(folder, span.path()));
        }
        if let Some(help) = &problem.help {
            let _ = write!(text, "\n{}", normalize_untrusted_str(help));
        }
        let _ = writeln!(out, "::{command} {}::{}", properties.join(","), github::data(&text));
    }
    out
}

fn group<'p>(problem: &'p Diagnostic, folder: &Path) -> Group<'p> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group =
        Group::with_title(level.primary_title(normalize_untrusted_str(&problem.message)).id(problem.title()));
    // One excerpt a file: first the one with the primary place.
    let places = problem.primary.iter().map(|place| (place, AnnotationKind::Primary));
    let mut places: Vec<(&(Span, String), AnnotationKind)> =
        places.chain(problem.related.iter().map(|place| (place, AnnotationKind::Context))).collect();
    while let Some(((first, _), _)) = places.first() {
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            places.iter().cloned().partition(|((span, _), _)| span.file == first.file);
        let text = &first.file.text;
        let ranges: Vec<Range<usize>> = here.iter().map(|((span, _), _)| within(text, &span.range)).collect();
        let window = window(text, &ranges);
        if window.len() > LONGEST_EXCERPT {
            // Nobody finds a place in such a line by looking at it, and it would take its time to be laid out.
            for ((span, _), _) in here {
                let (line, column) = span.line_column();
                let origin = Origin::path(shown_path(folder, span.path())).line(line).char_column(column);
                group = group.element(origin);
            }
            places = elsewhere;
            continue;
        }
        let mut snippet = Snippet::source(&text[window.clone()])
            .line_start(first.file.line_column(window.start).0)
            .path(shown_path(folder, first.path()))
            .fold(true);
        for (((_, label), kind), range) in here.into_iter().zip(ranges) {
            let annotation = kind.span(range.start - window.start..range.end - window.start);
            let label = (!label.is_empty()).then(|| normalize_untrusted_str(label));
            snippet = snippet.annotation(annotation.label(label));
        }
        group = group.element(snippet);
        places = elsewhere;
    }
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(normalize_untrusted_str(help)));
    }
    group
}

/// Brings a range within a text and to the borders of its characters.
fn within(text: &str, range: &Range<usize>) -> Range<usize> {
    let border = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = border(range.start);
    let end = border(range.end).max(start);
    // Of a stretch of many lines the first is enough to find it.
    match text[start..end].match_indices('\n').nth(MOST_LINES) {
        Some(_) => start..text[start..end].find('\n').map_or(end, |line| start + line),
        None => start..end,
    }
}

/// Returns the lines that ranges touch, and what is between them: whole files can be large.
fn window(text: &str, ranges: &[Range<usize>]) -> Range<usize> {
    let first = ranges.iter().map(|range| range.start).min().unwrap_or_default();
    let last = ranges.iter().map(|range| range.end).max().unwrap_or_default();
    let start = text[..first].rfind('\n').map_or(0, |i| i + 1);
    let end = text[last..].find('\n').map_or(text.len(), |i| last + i);
    start..end
}

/// Returns a path of the project as seen from outside its folder, with `/` between its parts.
pub(super) fn shown_path(folder: &Path, path: &Path) -> String {
    let mut parts: Vec<Component<'_>> = Vec::new();
    let joined = folder.join(path);
    for part in joined.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(parts.last(), Some(Component::Normal(_))) => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    let path: PathBuf = parts.iter().collect();
    path.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceFile;

    const JOBS: &str =
        "version: 1\nproject: shop\n\n\nenviroments:\n  local: {workspace: local, catalog: main, schema: x}\n";

    fn problems() -> Diagnostics {
        let jobs = SourceFile::new("jobs.yaml", JOBS);
        let model = SourceFile::new("../../sql/größe.sql", "select größe,\n\tcolour from t\n");
        let at = |word: &str| {
            let start = JOBS.find(word).unwrap();
            Span::new(&jobs, start..start + word.len())
        };
        let colour = model.text.find("colour").unwrap();
        let mut problems = Diagnostics::new();
        problems.push(
            Diagnostic::error("unknown-key", "unknown key `enviroments` in jobs.yaml")
                .at(at("enviroments"))
                .related(at("shop"), "of this project")
                .help("Did you mean `environments`?"),
        );
        problems.push(
            Diagnostic::warning("unknown-column", "there is no column `colour`")
                .at_with(Span::new(&model, colour..colour + 6), "not in `t`")
                .related(at("main"), "the catalog is named here"),
        );
        problems.push(
            Diagnostic::note("no-place", "100% of it,\nwith \u{1b}[31mcontrol characters").help("Nothing: a, b."),
        );
        problems
    }

    fn layout(width: usize) -> Layout {
        Layout { colour: false, width, folder: "examples/cdnow".into() }
    }

    #[test]
    fn a_terminal_shows_the_lines_with_the_places_under_them() {
        insta::assert_snapshot!(to_terminal(&problems(), &layout(100)), @r"
        error[K110 unknown-key]: unknown key `enviroments` in jobs.yaml
         --> examples/cdnow/jobs.yaml:5:1
          |
        2 | project: shop
          |          ---- of this project
        ...
        5 | enviroments:
          | ^^^^^^^^^^^
          |
          = help: Did you mean `environments`?

        warning[K303 unknown-column]: there is no column `colour`
         --> sql/größe.sql:2:2
          |
        2 |     colour from t
          |     ^^^^^^ not in `t`
          |
         ::: examples/cdnow/jobs.yaml:6:38
          |
        6 |   local: {workspace: local, catalog: main, schema: x}
          |                                      ---- the catalog is named here

        note[no-place]: 100% of it,
                        with ␛[31mcontrol characters
         |
         = help: Nothing: a, b.

        1 error, 1 warning
        ");
    }

    #[test]
    fn a_long_line_is_cut_to_a_narrow_terminal() {
        let text = format!("select {} as wrong, {}", "a + ".repeat(60), "b + ".repeat(60));
        let file = SourceFile::new("m.sql", text);
        let start = file.text.find("wrong").unwrap();
        let problem = Diagnostic::error("x", "here").at(Span::new(&file, start..start + 5));
        let shown = to_terminal(&problem.into(), &layout(20));
        assert!(shown.contains("wrong") && shown.lines().all(|line| line.chars().count() <= 60), "{shown}");
    }

    #[test]
    fn of_an_endless_line_only_the_place_is_shown() {
        let file = SourceFile::new("d.json", format!("{{\n{}wrong{0}", "1,".repeat(LONGEST_EXCERPT)));
        let start = file.text.find("wrong").unwrap();
        let shown =
            to_terminal(&Diagnostic::error("x", "here").at(Span::new(&file, start..start + 5)).into(), &layout(80));
        assert!(shown.contains("d.json:2:131073") && shown.len() < 200, "{shown}");
    }

    #[test]
    fn colours_are_used_only_when_wanted() {
        let coloured = to_terminal(&problems(), &Layout { colour: true, ..layout(100) });
        assert!(coloured.contains("\u{1b}["));
        assert!(!to_terminal(&problems(), &layout(100)).contains('\u{1b}'));
    }

    #[test]
    fn places_outside_the_text_do_no_harm() {
        let file = SourceFile::new("ö.sql", "ö");
        for range in [0..0, 1..1, 2..2, 1..99, 99..100] {
            let problem = Diagnostic::error("x", "here").at(Span::new(&file, range));
            assert!(to_terminal(&problem.into(), &layout(80)).contains("here"));
        }
        let empty = SourceFile::new("empty.sql", "");
        assert!(
            to_terminal(&Diagnostic::error("x", "here").at(Span::start_of(&empty)).into(), &layout(80))
                .contains("here")
        );
    }

    #[test]
    fn json_has_one_line_for_each() {
        let json = to_json_lines(&problems(), Path::new("examples/cdnow"));
        let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(
            lines[0],
            json!({
                "type": "diagnostic", "severity": "error", "code": "unknown-key", "number": "K110",
                "message": "unknown key `enviroments` in jobs.yaml",
                "place": {
                    "path": "examples/cdnow/jobs.yaml", "line": 5, "column": 1, "end_line": 5, "end_column": 12, "label": null
                },
                "related": [{
                    "path": "examples/cdnow/jobs.yaml", "line": 2, "column": 10, "end_line": 2, "end_column": 14,
                    "label": "of this project",
                }],
                "help": "Did you mean `environments`?",
            })
        );
        assert_eq!(
            (&lines[1]["place"]["path"], &lines[1]["place"]["label"]),
            (&json!("sql/größe.sql"), &json!("not in `t`"))
        );
        assert_eq!((&lines[2]["place"], &lines[2]["related"]), (&Value::Null, &json!([])));
    }

    #[test]
    fn github_gets_escaped_commands() {
        insta::assert_snapshot!(to_github(&problems(), Path::new("examples/cdnow")), @r"
        ::error file=examples/cdnow/jobs.yaml,line=5,col=1,endColumn=12,title=K110 unknown-key::unknown key `enviroments` in jobs.yaml%0Aof this project: examples/cdnow/jobs.yaml:2:10%0ADid you mean `environments`?
        ::warning file=sql/größe.sql,line=2,col=2,endColumn=8,title=K303 unknown-column::there is no column `colour` (not in `t`)%0Athe catalog is named here: examples/cdnow/jobs.yaml:6:38
        ::notice title=no-place::100%25 of it,%0Awith ␛[31mcontrol characters%0ANothing: a, b.
        ");
    }

    #[test]
    fn nothing_is_said_of_nothing() {
        let none = Diagnostics::new();
        assert_eq!(to_terminal(&none, &layout(80)), "");
        assert_eq!(
            (summary(&none), to_json_lines(&none, Path::new("")), to_github(&none, Path::new(""))),
            (None, String::new(), String::new())
        );
        assert_eq!(summary(&problems()).as_deref(), Some("1 error, 1 warning"));
    }
}
