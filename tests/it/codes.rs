//! The table of codes: every code that is used stands in it, every one that stands in it is used, and the page of the
//! documentation is what the table says.

use std::path::{Path, PathBuf};

use kiln::diag::{code, codes};
use kiln::report::codes::to_markdown;

/// The page that is made from the table.
const PAGE: &str = "docs/diagnostics.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The sources that report problems of a project; the embedded workspace has the errors of Databricks.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join("src")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder can be listed") {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() && !path.ends_with("local") {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
                let is_test = name == "tests" || (name.ends_with("_tests") && name != "data_tests");
                if is_test || path.parent().is_some_and(|p| p.ends_with("tests")) {
                    continue;
                }
                let text = std::fs::read_to_string(&path).expect("a source file can be read");
                let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
                found.push((path, text));
            }
        }
    }
    found
}

/// How a problem is reported: the code is the first or second argument.
const CALLS: [&str; 10] = [
    "Diagnostic::error(",
    "Diagnostic::warning(",
    "Diagnostic::note(",
    ".error(",
    ".warn(",
    ".report(",
    ".note(",
    ".whole(",
    ".describe(",
    ".problem(",
];

/// The codes that a source uses, each with its line.
fn used(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for call in CALLS {
        for (at, _) in text.match_indices(call) {
            let arguments = arguments(&text[at + call.len()..]);
            let code = arguments.iter().take(2).find_map(|argument| {
                let word = argument.trim().strip_prefix('"')?.strip_suffix('"')?;
                let fits = word.starts_with(|c: char| c.is_ascii_lowercase())
                    && word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
                fits.then(|| word.to_owned())
            });
            found.extend(code.map(|code| (text[..at].matches('\n').count() + 1, code)));
        }
    }
    found
}

/// The first arguments of a call, given the text behind its parenthesis.
fn arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut quoted, mut escaped) = (0, 0, false, false);
    let mut found = Vec::new();
    for (at, c) in text.char_indices().take(600) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => {
                found.push(&text[start..at]);
                break;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

#[test]
fn every_code_that_is_used_stands_in_the_table() {
    let mut problems = Vec::new();
    let mut count = 0;
    for (path, text) in sources() {
        for (line, name) in used(&text) {
            count += 1;
            if code(&name).is_none() {
                let shown = path.strip_prefix(root()).expect("it lies below the root").display();
                problems.push(format!("{shown}:{line}: `{name}` does not stand in src/diag/codes.txt"));
            }
        }
    }
    assert!(count > 100, "only {count} uses were found");
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_code_of_the_table_is_used() {
    let all: String = sources().into_iter().map(|(_, text)| text).collect();
    let unused: Vec<&str> = codes().map(|c| c.name).filter(|name| !all.contains(&format!("\"{name}\""))).collect();
    assert!(unused.is_empty(), "nothing reports {unused:?}");
}

#[test]
fn a_code_that_is_missing_would_be_found() {
    assert_eq!(used("walk.error(\n  \"bad-thing\",\n &x)"), [(1, "bad-thing".to_owned())]);
    assert_eq!(used("\nself.error(span.union(&b), \"bad-thing\", m)"), [(2, "bad-thing".to_owned())]);
    assert_eq!(used("Diagnostic::error(code, \"bad thing\")"), []);
}

#[test]
fn the_page_of_the_documentation_is_what_the_table_says() {
    let page = to_markdown(codes());
    let path = root().join(PAGE);
    if std::env::var_os("KILN_BLESS").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == page, "{PAGE} is not what src/diag/codes.txt says; write it with KILN_BLESS=1");
}
