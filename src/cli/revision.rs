//! The project as it was at a revision of git, in a folder that goes away again.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::error::Error;
use crate::diag::did_you_mean;

/// A revision, checked out.
pub(super) struct Revision {
    /// The commit.
    pub(super) commit: String,
    /// The project's folder as it was.
    pub(super) root: PathBuf,
    /// What holds it.
    _folder: TempDir,
}

/// Checks out what a project may be made of at a revision. The repository, its index too, stays as it is.
pub(super) fn check_out(root: &Path, revision: &str) -> Result<Revision, Error> {
    let git = Git { root };
    let top = git.text(&["rev-parse", "--show-toplevel"]).map_err(|error| match error {
        Failed::Missing => error.into_error("the project cannot be compared with a revision"),
        Failed::Said(why) => Error::usage(format!("the project is in no repository of git: {why}"))
            .with_help("Run kiln in a checkout of the repository."),
    })?;
    let prefix =
        git.text(&["rev-parse", "--show-prefix"]).map_err(|e| e.into_error("git does not say where the project is"))?;
    let wanted = format!("{revision}^{{commit}}");
    let commit = git
        .text(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted])
        .map_err(|_| git.unknown(revision))?;
    let failed = |error: Failed| error.into_error(&format!("`{revision}` could not be checked out"));
    let at_top = Git { root: Path::new(&top) };
    let listed = at_top.text(&["ls-tree", "-r", "-z", "--name-only", "--full-tree", &commit]).map_err(failed)?;
    let files: Vec<&str> = listed.split('\0').filter(|path| belongs(path, &prefix)).collect();
    if !files.contains(&format!("{prefix}jobs.yaml").as_str()) {
        let text = format!("there was no project at `{revision}`: it has no {prefix}jobs.yaml");
        return Err(Error::usage(text).with_help("Name a revision that has one."));
    }
    let folder = tempfile::tempdir().map_err(|error| Error::refused(format!("cannot make a folder: {error}")))?;
    let tree = folder.path().join("tree");
    let index = folder.path().join("index");
    at_top.run(&["read-tree", &commit], Some(&index), None).map_err(failed)?;
    let target = format!("--prefix={}/", tree.display());
    let names = files.join("\0");
    at_top.run(&["checkout-index", "-f", "-z", "--stdin", &target], Some(&index), Some(&names)).map_err(failed)?;
    Ok(Revision { commit, root: tree.join(prefix), _folder: folder })
}

/// Tells whether a file of the repository may be part of the project: all below its folder, and what models and
/// dashboards of others share with it.
fn belongs(path: &str, prefix: &str) -> bool {
    path.starts_with(prefix) || path.ends_with(".sql") || path.ends_with(".lvdash.json")
}

struct Git<'r> {
    root: &'r Path,
}

/// Why git gave no answer.
enum Failed {
    Missing,
    Said(String),
}

impl Failed {
    fn into_error(self, what: &str) -> Error {
        match self {
            Self::Missing => Error::usage(format!("{what}: there is no program `git`"))
                .with_help("Install git, or put it on the PATH."),
            Self::Said(why) => Error::usage(format!("{what}: {why}")),
        }
    }
}

impl Git<'_> {
    fn run(&self, args: &[&str], index: Option<&Path>, input: Option<&str>) -> Result<Output, Failed> {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.root).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        if let Some(index) = index {
            command.env("GIT_INDEX_FILE", index);
        }
        let said = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => Failed::Missing,
            _ => Failed::Said(error.to_string()),
        };
        let mut child = command.spawn().map_err(said)?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            // If git has ended before, its status tells.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().map_err(said)?;
        if output.status.success() {
            return Ok(output);
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let line = stderr.lines().next().unwrap_or("it gave no reason");
        Err(Failed::Said(line.trim_start_matches("fatal: ").to_owned()))
    }

    fn text(&self, args: &[&str]) -> Result<String, Failed> {
        let output = self.run(args, None, None)?;
        let text = String::from_utf8(output.stdout).map_err(|_| Failed::Said("its answer is not UTF-8".to_owned()))?;
        Ok(text.trim_end_matches('\n').to_owned())
    }

    fn unknown(&self, revision: &str) -> Error {
        let error = Error::usage(format!("git knows no revision `{revision}`"));
        let names = self.text(&["for-each-ref", "--format=%(refname:short)"]).unwrap_or_default();
        let remote = names.lines().find(|name| name.split_once('/').is_some_and(|(_, branch)| branch == revision));
        error.with_help(match remote.or_else(|| did_you_mean(revision, names.lines())) {
            Some(near) => format!("Did you mean `{near}`?"),
            None => format!("In a shallow clone, fetch it first: `git fetch origin {revision}`."),
        })
    }
}
