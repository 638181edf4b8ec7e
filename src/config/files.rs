//! Files that `jobs.yaml` names: where they are, and what is said when they are not there.

use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::{fs, io};

use super::walk::Walk;
use crate::diag::{Diagnostic, did_you_mean};

/// Brings a path as written in `jobs.yaml` into one form: no `.`, no `a/..`, no slash at the end.
pub(super) fn normalize(text: &str) -> PathBuf {
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in Path::new(text).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(parts.last(), Some(Component::Normal(_))) => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.iter().collect()
}

/// Returns the absolute path of a file named in `jobs.yaml`.
pub(super) fn absolute(root: &Path, text: &str) -> PathBuf {
    let path = root.join(normalize(text));
    std::path::absolute(&path).unwrap_or(path)
}

/// Writes a path with `/` between its parts, as `jobs.yaml` does.
pub(super) fn display(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Refuses absolute paths, for files that belong to the project.
pub(super) fn relative(walk: &mut Walk<'_>, text: &str, range: &Range<usize>) -> Option<PathBuf> {
    if Path::new(text).is_absolute() {
        let diagnostic = Diagnostic::error("bad-path", format!("`{text}` is an absolute path"))
            .help("Write it relative to the folder of jobs.yaml, so that the project works on every machine.");
        walk.report(diagnostic, range);
        return None;
    }
    Some(normalize(text))
}

/// Checks that a file is there and can be read.
pub(super) fn check(walk: &mut Walk<'_>, root: &Path, text: &str, range: &Range<usize>, kind: &str) -> Option<()> {
    let path = normalize(text);
    walk.looked_at.insert(path.clone());
    let path = root.join(path);
    // Only a regular file is opened: a pipe would keep us waiting for ever.
    let found = fs::metadata(&path).and_then(|metadata| match metadata.is_file() {
        true => fs::File::open(&path)?.metadata(),
        false => Ok(metadata),
    });
    match found {
        Ok(metadata) if metadata.is_file() => return Some(()),
        Ok(metadata) if metadata.is_dir() => {
            walk.error("bad-file", range, format!("`{text}` is a folder, not a {kind}"));
        }
        Ok(_) => walk.error("bad-file", range, format!("`{text}` is no regular file, and so no {kind}")),
        Err(error) if is_missing(&error) => missing(walk, root, text, range, kind),
        Err(error) => walk.error("unreadable-file", range, format!("cannot read {kind} `{text}`: {error}")),
    }
    None
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Reports a path at which there is nothing, with the nearest name that is there.
pub(super) fn missing(walk: &mut Walk<'_>, root: &Path, text: &str, range: &Range<usize>, kind: &str) {
    let path = normalize(text);
    walk.looked_at.insert(path.clone());
    let mut diagnostic = Diagnostic::error("missing-file", format!("there is no {kind} `{text}`"));
    let (folder, name) =
        (path.parent().unwrap_or(Path::new("")), path.file_name().unwrap_or_default().to_string_lossy());
    let mut names: Vec<String> = fs::read_dir(root.join(folder))
        .map(|entries| entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    names.sort();
    let stem = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let stems: Vec<String> = names.iter().map(|name| stem(name)).collect();
    let near = did_you_mean(&name, names.iter().map(String::as_str)).or_else(|| {
        let near = did_you_mean(&stem(&name), stems.iter().map(String::as_str))?;
        Some(names[stems.iter().position(|stem| stem == near)?].as_str())
    });
    if let Some(near) = near {
        diagnostic = diagnostic.help(format!("Did you mean `{}`?", display(&folder.join(near))));
    } else if !root.join(folder).is_dir() {
        diagnostic = diagnostic.help(format!("There is no folder `{}` either.", display(folder)));
    }
    walk.report(diagnostic, range);
}

/// Finds all files with one of some extensions under a folder, sorted; `folder` and the paths found are relative to `root`.
/// Names that begin with a dot are left out. What cannot be read, and folders that contain themselves, are reported.
pub(super) fn find(
    walk: &mut Walk<'_>,
    root: &Path,
    folder: &Path,
    extensions: &[&str],
    range: &Range<usize>,
) -> Vec<PathBuf> {
    walk.looked_at.insert(folder.to_path_buf());
    let mut found = Vec::new();
    let mut above = Vec::new();
    let mut search = Search { root, extensions, range, found: &mut found, above: &mut above };
    search.visit(walk, folder);
    found.sort();
    found
}

struct Search<'s> {
    root: &'s Path,
    extensions: &'s [&'s str],
    range: &'s Range<usize>,
    found: &'s mut Vec<PathBuf>,
    /// True paths of the folders that the search is in, to notice links that lead back.
    above: &'s mut Vec<PathBuf>,
}

impl Search<'_> {
    fn visit(&mut self, walk: &mut Walk<'_>, folder: &Path) {
        let path = self.root.join(folder);
        let result = fs::canonicalize(&path).and_then(|true_path| Ok((true_path, fs::read_dir(&path)?)));
        let (true_path, entries) = match result {
            Ok(found) => found,
            Err(error) => {
                let message = format!("cannot read folder `{}`: {error}", display(folder));
                return walk.error("unreadable-file", self.range, message);
            }
        };
        if self.above.contains(&true_path) {
            let message = format!("folder `{}` is a link to a folder that it lies in", display(folder));
            return walk.error("link-loop", self.range, message);
        }
        self.above.push(true_path);
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        for name in names {
            if name.to_string_lossy().starts_with('.') {
                continue;
            }
            let path = folder.join(&name);
            match fs::metadata(self.root.join(&path)) {
                Ok(metadata) if metadata.is_dir() => self.visit(walk, &path),
                Ok(_) if self.wanted(&path) => self.found.push(path),
                Ok(_) => {}
                // A broken link, or one that leads to itself, matters if it looks like one of ours.
                Err(error) if self.wanted(&path) => {
                    let message = format!("cannot read `{}`: {error}", display(&path));
                    walk.error("unreadable-file", self.range, message);
                }
                Err(_) => {}
            }
        }
        self.above.pop();
    }

    fn wanted(&self, path: &Path) -> bool {
        self.extensions.iter().any(|extension| has_extension(path, extension))
    }
}

pub(super) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_form() {
        for (text, expected) in [
            ("sql/staging/", "sql/staging"),
            ("./sql/../sql//x", "sql/x"),
            ("../../shared/sql", "../../shared/sql"),
            ("a/../../b", "../b"),
            (".", ""),
        ] {
            assert_eq!(display(&normalize(text)), expected, "{text}");
        }
    }
}
