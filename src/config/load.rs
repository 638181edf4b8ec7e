//! Reads `jobs.yaml` and makes the typed project of one environment from it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::lock::Lock;
use super::walk::{Fields, Walk};
use super::yaml::{self, Node};
use super::{
    Levels, Project, connections, dashboards, environments, lints, lock, models, secrets, sources, unit_tests,
};
use crate::diag::{Diagnostic, Diagnostics, SourceFile, Span};
use crate::ids::Fingerprint;

/// The project's file, in its root folder.
const FILE: &str = "jobs.yaml";
/// Largest `jobs.yaml` that is read, in bytes.
const MAX_BYTES: u64 = 8 << 20;

/// Keys of the file.
pub(super) const KEYS: [&str; 12] = [
    "version",
    "project",
    "variables",
    "macros",
    "environments",
    "connections",
    "sources",
    "models",
    "lints",
    "dashboards",
    "jobs",
    "unit_tests",
];

/// What the command line and the process add to a project.
pub struct LoadOptions<'a> {
    /// The environment's name; none means the one with `default: true`, or the only one.
    pub environment: Option<&'a str>,
    /// Variables that override the file's: name and value, the value read as YAML.
    pub overrides: &'a [(String, String)],
    /// The process environment, for `${NAME}`.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

/// Reads `<root>/jobs.yaml` and looks at the files it names.
///
/// Returns the project with its warnings, or all the mistakes that were found, each with its place.
pub fn load(root: &Path, options: &LoadOptions<'_>) -> Result<(Project, Diagnostics), Diagnostics> {
    load_noting(root, options, &mut BTreeSet::new())
}

/// Reads a project as [`load`] does, and notes the files and folders that were looked for, relative to `root`, whether they
/// are there or not: with nothing new at any of them, the project is the same.
///
/// # Errors
/// All the mistakes that were found.
pub fn load_noting(
    root: &Path,
    options: &LoadOptions<'_>,
    looked_at: &mut BTreeSet<PathBuf>,
) -> Result<(Project, Diagnostics), Diagnostics> {
    looked_at.extend([FILE, lock::LOCK_FILE].map(PathBuf::from));
    let text = read(root)?;
    let tree = yaml::parse(&text).map_err(|error| {
        let file = SourceFile::new(FILE, secrets::redact_lines(&text));
        let mut diagnostic = Diagnostic::error("bad-yaml", error.message).at(Span::new(&file, error.range));
        diagnostic.help = error.help.map(str::to_owned);
        diagnostic
    })?;
    let Some(tree) = tree else {
        let file = SourceFile::new(FILE, text);
        return Err(Diagnostic::error("empty-project", "jobs.yaml is empty")
            .at(Span::start_of(&file))
            .help("It needs at least `version: 1`, `project` and `environments`.")
            .into());
    };
    let looked_up = RefCell::new(BTreeMap::new());
    let env = |name: &str| {
        let value = (options.env)(name);
        looked_up.borrow_mut().insert(name.to_owned(), value.clone());
        value
    };
    let mut walk = Walk {
        file: SourceFile::new(FILE, secrets::redact(&text, &tree)),
        env: &env,
        problems: Diagnostics::new(),
        resolving: true,
        unset: HashSet::new(),
        looked_at: BTreeSet::new(),
    };
    let lock = lock::read(root).unwrap_or_else(|problems| {
        walk.problems.extend(problems);
        None
    });
    let project = project(&mut walk, root, &tree, lock.as_ref(), options);
    looked_at.append(&mut walk.looked_at);
    match project {
        Some(mut project) => {
            project.written = written(&text, lock.as_ref(), options, &looked_up.borrow());
            project.lints.apply(&mut walk.problems);
            walk.problems.into_result(project)
        }
        None => Err(walk.problems),
    }
}

/// Takes the fingerprint of all that decides what a project says.
fn written(
    text: &str,
    lock: Option<&Lock>,
    options: &LoadOptions<'_>,
    looked_up: &BTreeMap<String, Option<String>>,
) -> Fingerprint {
    let added = format!("{:?} {:?} {looked_up:?}", options.environment, options.overrides);
    Fingerprint::of(&[text, lock.map_or("", Lock::text), &added])
}

fn read(root: &Path) -> Result<String, Diagnostics> {
    let path = root.join(FILE);
    let bytes = match read_limited(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing(root).into()),
        Err(_) if path.is_dir() => {
            return Err(
                Diagnostic::error("unreadable-file", format!("{} is a folder, not a file", path.display())).into()
            );
        }
        Err(error) => {
            return Err(Diagnostic::error("unreadable-file", format!("cannot read {}: {error}", path.display())).into());
        }
    };
    text_of(&path, bytes)
}

/// Reads another file of the project, under the same limit.
pub(super) fn read_text(root: &Path, path: &Path) -> Result<String, Diagnostics> {
    let bytes = read_limited(&root.join(path))
        .map_err(|error| Diagnostic::error("unreadable-file", format!("cannot read {}: {error}", path.display())))?;
    text_of(path, bytes)
}

fn text_of(path: &Path, bytes: Vec<u8>) -> Result<String, Diagnostics> {
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("{} is larger than {} MiB", path.display(), MAX_BYTES >> 20);
        return Err(Diagnostic::error("unreadable-file", message).help("Is it the right file?").into());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
        Diagnostics::from(
            Diagnostic::error("unreadable-file", format!("{} is not UTF-8: see line {line}", path.display()))
                .help("Save it with the encoding UTF-8."),
        )
    })?;
    // The mark that some editors put first is no part of the text.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn missing(root: &Path) -> Diagnostic {
    let diagnostic = Diagnostic::error("no-project", format!("there is no jobs.yaml in {}", root.display()));
    for other in ["jobs.yml", "Jobs.yaml", "job.yaml"] {
        if root.join(other).is_file() {
            return diagnostic.help(format!("There is {other}: rename it to jobs.yaml."));
        }
    }
    if !root.is_dir() {
        return Diagnostic::error("no-project", format!("there is no folder {}", root.display()));
    }
    diagnostic.help("Run kiln in the project's folder, the one that holds jobs.yaml.")
}

/// Names that other parts of the file may refer to, also those of what could not be read.
pub(super) struct Names<'n> {
    pub(super) connections: Vec<&'n str>,
    pub(super) dashboards: Vec<&'n str>,
}

fn keys<'n>(fields: &Fields<'n>, section: &str) -> Vec<&'n str> {
    fields.get(section).map(Node::keys).unwrap_or_default()
}

fn project(
    walk: &mut Walk<'_>,
    root: &Path,
    tree: &Node,
    lock: Option<&Lock>,
    options: &LoadOptions<'_>,
) -> Option<Project> {
    let fields = walk.fields(tree, "jobs.yaml", &KEYS)?;
    if let Some(node) = walk.require(&fields, "version") {
        let version: Option<i64> = walk.integer(node, "`version`", "(1)");
        if version.is_some_and(|version| version != 1) {
            walk.error("bad-version", &node.range, "`version` must be 1, the only version of this format");
        }
    }
    let name = walk.require(&fields, "project").and_then(|node| {
        let name = walk.text(node, "`project`")?;
        walk.check_name(&name, &node.range, "a project").then_some(name)
    });

    // Unset variables of what another environment uses are no mistakes, so the environment is chosen first.
    let chosen = environments::choose(walk, &fields, options.environment);
    let variables = environments::variables(walk, &fields, chosen.as_ref(), options.overrides);
    let macros = fields.get("macros").map(|node| models::macros(walk, root, node)).unwrap_or_default();
    let environment = chosen.as_ref().and_then(|chosen| chosen.read(walk));
    let embedded = chosen.as_ref().is_some_and(environments::Chosen::is_embedded);

    // Without an environment nobody can say which variables matter.
    walk.resolving = chosen.is_some();
    let names = Names { connections: keys(&fields, "connections"), dashboards: keys(&fields, "dashboards") };
    let connections = match fields.get("connections") {
        Some(node) => connections::read(walk, root, node, embedded),
        None => IndexMap::new(),
    };
    let sources = match fields.get("sources") {
        Some(node) => sources::read(walk, node, &connections, &names, lock),
        None => IndexMap::new(),
    };
    let before = walk.problems.iter().count();
    let models = match fields.get("models") {
        Some(node) => models::read(walk, root, node, &macros),
        None => IndexMap::new(),
    };
    let models_are_known = walk.problems.iter().count() == before;
    let lints = fields.get("lints").map_or_else(Levels::default, |node| lints::levels(walk, node));
    let dashboards = match fields.get("dashboards") {
        Some(node) => dashboards::read(walk, root, node),
        None => IndexMap::new(),
    };
    let jobs = match fields.get("jobs") {
        Some(node) => dashboards::jobs(walk, node, &names, models_are_known.then_some(&models)),
        None => IndexMap::new(),
    };
    let unit_tests = fields.get("unit_tests").map(|node| unit_tests::read(walk, root, node)).unwrap_or_default();
    Some(Project {
        root: root.to_owned(),
        written: Fingerprint::of(&[]),
        name: name?,
        variables: variables?,
        macros,
        environment: environment?,
        homes: chosen.as_ref()?.homes(walk),
        environment_names: chosen?.names,
        connections,
        sources,
        models,
        lints,
        dashboards,
        jobs,
        unit_tests,
    })
}
