//! Diagnostics as SARIF 2.1.0, the form in which code scanners and editors exchange results.

use std::path::Path;

use serde_json::{Value, json};

use super::diagnostics::shown_path;
use crate::diag::{Diagnostic, Diagnostics, Severity, Span};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Writes one document with all diagnostics. Addresses are relative to where the command was started; `folder` is the
/// project's folder as seen from there. Lines and columns count from 1, columns by Unicode code points; ends are exclusive.
pub fn document(problems: &Diagnostics, folder: &Path) -> String {
    let mut codes: Vec<(&str, Severity)> = Vec::new();
    for problem in problems.iter() {
        match codes.iter_mut().find(|(code, _)| *code == problem.code) {
            Some((_, severity)) => *severity = (*severity).max(problem.severity),
            None => codes.push((problem.code, problem.severity)),
        }
    }
    codes.sort_unstable();
    let rule = |(code, severity): &(&str, Severity)| {
        json!({
            "id": code,
            "shortDescription": {"text": code.replace('-', " ")},
            "defaultConfiguration": {"level": level(*severity)},
        })
    };
    let result = |problem: &Diagnostic| {
        let mut result = json!({
            "ruleId": problem.code,
            "ruleIndex": codes.iter().position(|(code, _)| *code == problem.code),
            "level": level(problem.severity),
            "message": {"text": text(problem)},
        });
        if let Some((span, _)) = &problem.primary {
            result["locations"] = json!([{"physicalLocation": physical(span, folder)}]);
        }
        if !problem.related.is_empty() {
            let related = problem.related.iter().enumerate().map(|(id, (span, label))| {
                json!({"id": id, "physicalLocation": physical(span, folder), "message": {"text": label}})
            });
            result["relatedLocations"] = related.collect();
        }
        result
    };
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "kiln",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": codes.iter().map(rule).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{"executionSuccessful": true}],
            "results": problems.iter().map(result).collect::<Vec<_>>(),
        }],
    });
    format!("{document:#}\n")
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// The message with what stands under its place, and the next action.
fn text(problem: &Diagnostic) -> String {
    let mut text = problem.message.clone();
    if let Some((_, label)) = problem.primary.as_ref().filter(|(_, label)| !label.is_empty()) {
        text.push_str(&format!(" ({label})"));
    }
    if let Some(help) = &problem.help {
        text.push_str(&format!(".\n{help}"));
    }
    text
}

fn physical(span: &Span, folder: &Path) -> Value {
    let ((line, column), (end_line, end_column)) = (span.line_column(), span.file.line_column(span.range.end));
    json!({
        "artifactLocation": {"uri": uri(&shown_path(folder, span.path())), "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column},
    })
}

/// Writes a path as a relative reference of a URI: what has a meaning there is written by its number.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceFile;

    fn problems() -> Diagnostics {
        let model = SourceFile::new("sql/größe 1.sql", "select größe,\n\t😀colour from t\n");
        let jobs = SourceFile::new("jobs.yaml", "version: 1\n");
        let colour = model.text.find("colour").unwrap();
        let mut problems = Diagnostics::new();
        problems.push(
            Diagnostic::error("unknown-column", "there is no column `colour`")
                .at_with(Span::new(&model, colour..colour + 6), "not in `t`")
                .related(Span::new(&jobs, 0..7), "declared here")
                .help("Did you mean `color`?"),
        );
        problems.push(Diagnostic::warning("column-name", "a\nname").at(Span::start_of(&model)));
        problems.push(Diagnostic::note("unknown-column", "no place"));
        problems
    }

    #[test]
    fn a_result_has_its_rule_its_place_and_what_to_do() {
        let document: Value = serde_json::from_str(&document(&problems(), Path::new("../shop"))).unwrap();
        let run = &document["runs"][0];
        let rules = &run["tool"]["driver"]["rules"];
        assert_eq!(
            (&rules[0]["id"], &rules[1]["id"], rules.as_array().unwrap().len()),
            (&json!("column-name"), &json!("unknown-column"), 2)
        );
        assert_eq!(rules[1]["defaultConfiguration"]["level"], "error");
        assert_eq!(
            run["results"][0],
            json!({
                "ruleId": "unknown-column", "ruleIndex": 1, "level": "error",
                "message": {"text": "there is no column `colour` (not in `t`).\nDid you mean `color`?"},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": "../shop/sql/gr%C3%B6%C3%9Fe%201.sql", "uriBaseId": "%SRCROOT%"},
                    // After a tabulator and one character beyond 16 bits.
                    "region": {"startLine": 2, "startColumn": 3, "endLine": 2, "endColumn": 9},
                }}],
                "relatedLocations": [{
                    "id": 0, "message": {"text": "declared here"},
                    "physicalLocation": {
                        "artifactLocation": {"uri": "../shop/jobs.yaml", "uriBaseId": "%SRCROOT%"},
                        "region": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 8},
                    },
                }],
            })
        );
        assert_eq!(run["results"][2].get("locations"), None);
    }

    /// What the standard requires of the objects that are written (SARIF 2.1.0, chapter 3).
    #[test]
    fn what_the_standard_requires_is_there() {
        for problems in [problems(), Diagnostics::new()] {
            let document: Value = serde_json::from_str(&document(&problems, Path::new(""))).unwrap();
            assert_eq!(document["version"], "2.1.0");
            for run in document["runs"].as_array().unwrap() {
                let driver = &run["tool"]["driver"];
                assert!(driver["name"].is_string());
                assert!(["utf16CodeUnits", "unicodeCodePoints"].contains(&run["columnKind"].as_str().unwrap()));
                assert!(run["invocations"][0]["executionSuccessful"].is_boolean());
                let rules = driver["rules"].as_array().unwrap();
                let mut ids: Vec<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
                let count = ids.len();
                ids.dedup();
                assert_eq!(ids.len(), count, "each rule once");
                for result in run["results"].as_array().unwrap() {
                    assert!(!result["message"]["text"].as_str().unwrap().is_empty());
                    assert!(["none", "note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
                    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
                    assert_eq!(rules[index]["id"], result["ruleId"]);
                    let related = result["relatedLocations"].as_array().into_iter().flatten();
                    for location in result["locations"].as_array().into_iter().flatten().chain(related) {
                        let physical = &location["physicalLocation"];
                        let uri = physical["artifactLocation"]["uri"].as_str().unwrap();
                        assert!(uri.is_ascii() && !uri.contains([' ', '\\']) && !uri.starts_with('/'), "{uri}");
                        let region = &physical["region"];
                        let number = |key: &str| region[key].as_u64().unwrap();
                        assert!(number("startLine") >= 1 && number("startColumn") >= 1);
                        assert!(
                            (number("endLine"), number("endColumn")) >= (number("startLine"), number("startColumn"))
                        );
                    }
                }
            }
        }
    }
}
