//! `kiln check --watch`: each change of a file is followed by a check, until it is told to end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Project, TINY_JOBS};

/// So long a check may take to come on a busy machine; a test that waits so long has failed.
const LONGEST: Duration = Duration::from_secs(60);

/// A check that watches.
struct Watching {
    process: Child,
    lines: mpsc::Receiver<String>,
}

impl Watching {
    /// Starts it; the lines are those of the stream that its form writes to.
    fn start(project: &Project, args: &[&str]) -> Self {
        let mut command = project.command(&[&["check", "--watch"], args].concat());
        let json = args.contains(&"json");
        command.stdout(if json { Stdio::piped() } else { Stdio::null() });
        command.stderr(if json { Stdio::inherit() } else { Stdio::piped() });
        let mut process = command.spawn().expect("kiln can be started");
        let stream: Box<dyn Read + Send> = match json {
            true => Box::new(process.stdout.take().expect("it was asked for")),
            false => Box::new(process.stderr.take().expect("it was asked for")),
        };
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { process, lines }
    }

    /// Returns the lines of the next check, up to the one that says how long it took.
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.lines.recv_timeout(LONGEST).unwrap_or_else(|why| panic!("{why} after {lines:#?}"));
            let last = line.starts_with("took ") || line.contains("\"event\":\"checked\"");
            lines.push(line);
            if last {
                return lines;
            }
        }
    }

    /// Returns the codes of the problems of the next check, as JSON tells them, and what it says at its end.
    fn codes(&self) -> (Vec<String>, Value) {
        let mut lines: Vec<Value> =
            self.lines().iter().map(|line| serde_json::from_str(line).expect("one object a line")).collect();
        let last = lines.pop().expect("there is one");
        let problems = lines.iter().filter(|line| line["type"] == "diagnostic");
        (problems.map(|line| line["code"].as_str().expect("a code").to_owned()).collect(), last)
    }

    /// Reads checks until one has these problems: a change of several files may be checked halfway, too.
    fn until(&self, codes: &[&str]) -> Value {
        let mut seen = Vec::new();
        loop {
            let (found, last) = self.codes();
            if found == codes {
                return last;
            }
            seen.push(found);
            assert!(seen.len() < 10, "{codes:?} did not come: {seen:?}");
        }
    }

    /// Tells it to end; returns its status.
    fn end(mut self) -> Option<i32> {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill is there").success());
        self.process.wait().expect("it ends").code()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // Of a test that has failed.
        let _ = self.process.kill();
    }
}

#[test]
fn changes_are_checked_as_they_come() {
    let project = Project::tiny();
    let watching = Watching::start(&project, &["--output", "json"]);
    let last = watching.until(&[]);
    assert_eq!((&last["errors"], &last["warnings"], &last["notes"]), (&0.into(), &0.into(), &0.into()));
    assert!(last["milliseconds"].is_u64(), "{last}");

    project.replace("sql/totals.sql", "sum(amount)", "sum(amout)");
    assert_eq!(watching.until(&["unknown-column"])["errors"], 1);
    project.replace("sql/totals.sql", "sum(amout)", "sum(amount)");
    watching.until(&[]);
    // What a file breaks that did not change itself.
    project.replace("sql/staging/stg_orders.sql", "amount", "amount AS paid");
    watching.until(&["unknown-column"]);
    project.replace("sql/staging/stg_orders.sql", "amount AS paid", "amount");
    watching.until(&[]);

    // Folders that were not there.
    project.write("sql/new/deep/best.sql", "SELECT customer FROM totals WHERE total > 1 0\n");
    watching.until(&["sql-syntax"]);
    project.write("sql/new/deep/best.sql", "SELECT customer FROM totals WHERE total > 10\n");
    watching.until(&[]);
    std::fs::remove_dir_all(project.path().join("sql/new")).expect("it can be removed");
    watching.until(&[]);
    project.write("sql/new/deep/best.sql", "SELECT customer FROM total\n");
    watching.until(&["unknown-table"]);
    std::fs::remove_dir_all(project.path().join("sql/new")).expect("it can be removed");
    watching.until(&[]);

    // No project for a while.
    let jobs = project.read("jobs.yaml");
    std::fs::remove_file(project.path().join("jobs.yaml")).expect("it can be removed");
    watching.until(&["no-project"]);
    project.write("jobs.yaml", &jobs);
    watching.until(&[]);
    assert_eq!(watching.end(), Some(0));
}

#[test]
fn a_project_that_cannot_be_read_is_watched_until_it_is_right() {
    let project = Project::empty();
    let watching = Watching::start(&project, &["--output", "json"]);
    watching.until(&["no-project"]);
    project.write("jobs.yaml", &TINY_JOBS.replace("models:", "modles:"));
    let (codes, _) = watching.codes();
    assert!(codes.contains(&"unknown-key".to_owned()), "{codes:?}");
    // It names folders and files that come only later.
    project.write("jobs.yaml", TINY_JOBS);
    watching.until(&["missing-file", "missing-file", "missing-file"]);
    let whole = Project::tiny();
    for path in ["data/orders.csv", "sql/staging/stg_orders.sql", "sql/totals.sql"] {
        project.write(path, &whole.read(path));
    }
    watching.until(&[]);
    project.replace("sql/totals.sql", "sum(amount)", "sum(amout)");
    watching.until(&["unknown-column"]);
    assert_eq!(watching.end(), Some(0));
}

#[test]
fn people_read_what_a_check_prints_and_how_long_it_took() {
    let project = Project::tiny();
    for args in [&[][..], &["--output", "github"], &["--strict"]] {
        let watching = Watching::start(&project, args);
        let lines = watching.lines();
        let [checked, took] = lines.as_slice() else { panic!("{lines:#?}") };
        assert_eq!(checked, "checked tiny for `local`: 2 models, 0 dashboards, 1 job");
        assert!(took.ends_with(" ms; checks again when a file changes, Ctrl-C ends this"), "{took}");
        project.replace("sql/totals.sql", "count(*) AS orders", "count(*)");
        let lines = watching.lines();
        let severity = if args.contains(&"--strict") { "error" } else { "warning" };
        let told = |line: &String| line.starts_with(&format!("{severity}[")) && line.contains("column-name]: ");
        assert!(lines.iter().any(told), "{lines:#?}");
        assert_eq!(lines.iter().any(|line| line.starts_with("checked tiny")), severity == "warning", "{lines:#?}");
        assert!(!lines.concat().contains('\u{1b}'), "there is no terminal to colour: {lines:#?}");
        project.replace("sql/totals.sql", "count(*)", "count(*) AS orders");
        assert!(watching.lines()[0].starts_with("checked tiny"));
        assert_eq!(watching.end(), Some(0));
    }
    project.kiln(&["check", "--watch", "--output", "sarif"]).fails_with(2, &["SARIF is one document", "--output json"]);
}

#[test]
fn a_reader_that_has_gone_ends_it() {
    let project = Project::tiny();
    let mut command = project.command(&["check", "--watch", "--output", "json"]);
    let mut process = command.stdout(Stdio::piped()).spawn().expect("kiln can be started");
    let mut line = String::new();
    BufReader::new(process.stdout.take().expect("it was asked for")).read_line(&mut line).expect("a line comes");
    // Whatever it says next is heard by nobody.
    project.replace("sql/totals.sql", "sum(amount)", "sum(amout)");
    assert_eq!(process.wait().expect("it ends").code(), Some(0));
}
