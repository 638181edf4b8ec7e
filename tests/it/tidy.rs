//! Holds the code to its rooms: who may use whom, where input and output take place, and how a file looks.
//!
//! The table is the one of `ARCHITECTURE.md`. It reads the source as text, so that it needs no build of its own and a
//! mistake is named by file and line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A room, and the rooms that it may use. `databricks::wire` allows a part of a room only.
const ROOMS: &[(&str, &str)] = &[
    ("diag", ""),
    ("ids", ""),
    ("secret", ""),
    ("graph", ""),
    ("config", "diag ids"),
    ("dialect", "diag"),
    ("http", "secret"),
    ("template", "config diag"),
    ("databricks", "http ids secret"),
    ("fivetran", "http ids secret"),
    ("analysis", "config template dialect ids diag"),
    ("dashboards", "config template analysis ids diag"),
    ("manifest", "config template dialect analysis dashboards ids diag graph"),
    ("plan", "manifest config template dialect analysis dashboards ids diag graph"),
    ("observe", "databricks fivetran http plan ids"),
    ("event", "plan ids"),
    ("execute", "observe plan event databricks fivetran http config ids diag secret"),
    ("report", "plan event manifest dashboards analysis ids diag"),
    ("local", "databricks::wire fivetran::wire dialect ids secret"),
    ("cli", "*"),
];

/// Words that only some rooms may use, with what is wrong about them elsewhere.
const ONLY_IN: &[(&[&str], &[&str], &str)] = &[
    (
        &["println!", "print!", "eprintln!", "eprint!"],
        &["cli", "report"],
        "only `cli` and `report` write to the terminal",
    ),
    (&["reqwest::"], &["http"], "only `http` knows its library"),
    (&["env::var(", "env::var_os(", "env::vars("], &["cli"], "only `cli` reads the process environment"),
    // `http` and `local` have it as the default of a clock that tests replace.
    (&["SystemTime::now", "Utc::now", "Local::now"], &["cli", "http", "local"], "the clock of the wall is passed in"),
    (&["dbg!", "todo!", "unimplemented!", "TODO", "FIXME"], &[], "nothing is left to be done"),
];

/// The most lines of a file.
const MOST_LINES: usize = 800;

#[test]
fn the_code_keeps_to_its_rooms() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut problems = Vec::new();
    for path in rust_files(&root.join("src")) {
        let text = std::fs::read_to_string(&path).expect("a source file can be read");
        let shown = path.strip_prefix(root).expect("it lies below the root").display().to_string();
        problems.extend(problems_of(&shown, &text));
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_test_file_says_what_it_is_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["tests", "benches"] {
        for path in rust_files(&root.join(folder)) {
            let text = std::fs::read_to_string(&path).expect("a test file can be read");
            assert!(text.starts_with("//!"), "{} does not begin with `//!`", path.display());
        }
    }
}

#[test]
fn a_breach_is_found() {
    let with_head = |text: &str| format!("//! A file.\n\n{text}\n");
    for (path, text, expected) in [
        ("src/diag/mod.rs", "use crate::config::Project;", "src/diag/mod.rs:3: `diag` may not use `config`"),
        ("src/local/a.rs", "use crate::databricks::Client;", "src/local/a.rs:3: `local` may not use `databricks`"),
        ("src/event/mod.rs", "use crate::{ids::RunId, http::Core};", "src/event/mod.rs:3: `event` may not use `http`"),
        (
            "src/http/a.rs",
            "fn f() { println!(); }",
            "src/http/a.rs:3: `println!`: only `cli` and `report` write to the terminal",
        ),
        ("src/plan/a.rs", "use reqwest::Url;", "src/plan/a.rs:3: `reqwest::`: only `http` knows its library"),
        (
            "src/config/a.rs",
            "fn f() { std::env::var(\"A\"); }",
            "src/config/a.rs:3: `env::var(`: only `cli` reads the process environment",
        ),
        ("src/cli/a.rs", "// TODO: later", "src/cli/a.rs:3: `TODO`: nothing is left to be done"),
        ("src/attic/mod.rs", "", "src/attic/mod.rs:1: `attic` is no room of the table"),
    ] {
        assert_eq!(problems_of(path, &with_head(text)), [expected], "{text}");
    }
    assert_eq!(problems_of("src/graph.rs", "use x;"), ["src/graph.rs:1: does not begin with `//!`"]);
    let long = format!("//! Long.\n{}", "\n".repeat(MOST_LINES));
    assert_eq!(problems_of("src/graph.rs", &long), ["src/graph.rs:801: more than 800 lines"]);
    for (path, text) in [
        ("src/local/a.rs", "use crate::databricks::wire::Statement;\nuse crate::{ids::RunId, fivetran::wire};"),
        (
            "src/diag/mod.rs",
            "/// See [`crate::config`].\n#[cfg(test)]\nmod tests {\n    use crate::config::Project;\n}",
        ),
        ("src/diag/tests.rs", "use crate::config::Project;\nfn f() { println!(); }"),
        ("src/cli/a.rs", "use crate::plan::Plan;\nfn f() { println!(\"{}\", std::env::var(\"A\").is_ok()); }"),
        ("src/plan/a.rs", "const HELP: &str = \"http\"; // println! is not here"),
    ] {
        assert_eq!(problems_of(path, &with_head(text)), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn the_table_has_no_circles() {
    let table: BTreeMap<&str, Vec<&str>> = ROOMS
        .iter()
        .filter(|(room, _)| *room != "cli")
        .map(|(room, uses)| (*room, uses.split_whitespace().map(first_part).collect()))
        .collect();
    let mut below: Vec<&str> = Vec::new();
    while below.len() < table.len() {
        let next = table.iter().find(|(room, uses)| !below.contains(room) && uses.iter().all(|u| below.contains(u)));
        let (room, _) = next.expect("some room uses only rooms that are already placed");
        below.push(room);
    }
}

/// Everything that is wrong with one file, as `path:line: what`.
fn problems_of(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if !text.starts_with("//!") {
        problems.push(format!("{path}:1: does not begin with `//!`"));
    }
    let lines = text.lines().count();
    if lines > MOST_LINES {
        problems.push(format!("{path}:{lines}: more than {MOST_LINES} lines"));
    }
    let room = path.trim_start_matches("src/").split('/').next().unwrap_or_default().trim_end_matches(".rs");
    if matches!(room, "lib" | "main") {
        return problems;
    }
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        problems.push(format!("{path}:1: `{room}` is no room of the table"));
        return problems;
    };
    let is_test = is_test_file(path);
    for (number, line) in text.lines().enumerate() {
        let place = format!("{path}:{}", number + 1);
        for word in unfinished(line) {
            problems.push(format!("{place}: {word}"));
        }
        if is_test {
            continue;
        }
        if line.trim() == "#[cfg(test)]" && text.lines().nth(number + 1).is_some_and(|next| next.starts_with("mod ")) {
            break;
        }
        let code = line.split("//").next().unwrap_or_default();
        for used in rooms_used(code) {
            let part = first_part(&used);
            let known = ROOMS.iter().any(|(name, _)| *name == part);
            let fits = |a: &str| a == "*" || a == part || used == a || used.starts_with(&format!("{a}::"));
            if known && part != room && !allowed.split_whitespace().any(fits) {
                problems.push(format!("{place}: `{room}` may not use `{part}`"));
            }
        }
        for (words, rooms, reason) in ONLY_IN.iter().filter(|(_, rooms, _)| !rooms.is_empty()) {
            if rooms.contains(&room) {
                continue;
            }
            if let Some(word) = words.iter().find(|word| has_word(code, word)) {
                problems.push(format!("{place}: `{word}`: {reason}"));
            }
        }
    }
    problems
}

/// Words that may stand nowhere, not even in tests and comments.
fn unfinished(line: &str) -> Vec<String> {
    ONLY_IN
        .iter()
        .filter(|(_, rooms, _)| rooms.is_empty())
        .flat_map(|(words, _, reason)| {
            words.iter().filter(|word| has_word(line, word)).map(move |word| format!("`{word}`: {reason}"))
        })
        .collect()
}

/// Tells whether a line has a word that is no part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
            && (!word.ends_with(char::is_alphanumeric)
                || !line[at + word.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

/// The paths behind `crate::` in a line of code: `config::Project`, or each of `crate::{ids::RunId, http}`.
fn rooms_used(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                let mut depth = 0;
                let ends = |c: char| {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    c == ',' && depth == 0
                };
                found.extend(group.split(ends).map(|part| path_of(part.trim())));
            }
            None => found.push(path_of(rest)),
        }
    }
    found
}

/// The path at the beginning of a text.
fn path_of(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect()
}

fn first_part(path: &str) -> &str {
    path.split("::").next().unwrap_or_default()
}

fn is_test_file(path: &str) -> bool {
    let stem = path.trim_end_matches(".rs");
    stem.ends_with("/tests") || stem.ends_with("_tests") || path.contains("/tests/")
}

/// All Rust files below a folder, sorted; none if it does not exist.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
