//! Which of a job's models a run builds: by name, path, tag or state, with what is above or below them.

use std::collections::{BTreeSet, HashMap};

use super::compare;
use super::observed::Observed;
use super::steps::is_ours;
use crate::config::Selection;
use crate::diag::{Diagnostic, Diagnostics, did_you_mean};
use crate::ids::ModelName;
use crate::manifest::{CompiledModel, Manifest};

const HELP: &str = "Write a model's name, a path or a glob of paths, `tag:NAME`, or `state:changed`; `+` before it takes in all \
                    that it reads, `+` behind it all that reads it.";

/// One expression of a selection.
struct Expression {
    above: bool,
    below: bool,
    what: What,
}

enum What {
    Path(Selection),
    Tag(String),
    Changed,
}

/// Chooses among models: those of `select` (all, if it is empty) without those of `exclude`.
///
/// # Errors
/// An expression cannot be read, or means no model of the project.
pub(super) fn choose<'a>(
    manifest: &'a Manifest,
    observed: &Observed,
    models: Vec<&'a CompiledModel>,
    select: &[String],
    exclude: &[String],
) -> Result<Vec<&'a CompiledModel>, Diagnostics> {
    let mut problems = Diagnostics::new();
    let wanted = meant(manifest, observed, select, &mut problems);
    let unwanted = meant(manifest, observed, exclude, &mut problems);
    let chosen: Vec<&CompiledModel> = models
        .into_iter()
        .filter(|model| select.is_empty() || wanted.contains(&model.config.name))
        .filter(|model| !unwanted.contains(&model.config.name))
        .collect();
    problems.into_result(chosen).map(|(chosen, _)| chosen)
}

/// Returns the models that any of the expressions means.
fn meant<'a>(
    manifest: &'a Manifest,
    observed: &Observed,
    expressions: &[String],
    problems: &mut Diagnostics,
) -> BTreeSet<&'a ModelName> {
    let mut all = BTreeSet::new();
    for text in expressions.iter().flat_map(|text| text.split([',', ' '])).filter(|text| !text.is_empty()) {
        match expression(text) {
            Ok(expression) => {
                let found = expression.models(manifest, observed);
                // That nothing has changed is good news, and no mistake.
                if found.is_empty() && !matches!(expression.what, What::Changed) {
                    problems.push(nothing(text, manifest));
                }
                all.extend(found);
            }
            Err(why) => {
                let message = format!("`{text}` does not say which models: {why}");
                problems.push(Diagnostic::error("bad-selection", message).help(HELP));
            }
        }
    }
    all
}

fn expression(text: &str) -> Result<Expression, String> {
    let (above, rest) = text.strip_prefix('+').map_or((false, text), |rest| (true, rest));
    let (below, rest) = rest.strip_suffix('+').map_or((false, rest), |rest| (true, rest));
    let what = match rest.split_once(':') {
        Some(("tag", tag)) if !tag.is_empty() => What::Tag(tag.to_owned()),
        Some(("state", "changed")) => What::Changed,
        Some((kind, _)) => return Err(format!("there is no selection by `{kind}`")),
        None if rest.is_empty() => return Err("it is empty".to_owned()),
        None => What::Path(Selection::new(rest)?),
    };
    Ok(Expression { above, below, what })
}

fn nothing(text: &str, manifest: &Manifest) -> Diagnostic {
    let bare = text.trim_matches('+');
    let tags = manifest.models.values().flat_map(|model| &model.config.tags).map(String::as_str);
    let near = match bare.strip_prefix("tag:") {
        Some(tag) => did_you_mean(tag, tags).map(|near| format!("tag:{near}")),
        None => did_you_mean(bare, manifest.models.keys().map(ModelName::as_str)).map(str::to_owned),
    };
    let help = near.map_or_else(|| HELP.to_owned(), |near| format!("Did you mean `{near}`?"));
    Diagnostic::error("empty-selection", format!("`{text}` means no model")).help(help)
}

impl Expression {
    fn models<'a>(&self, manifest: &'a Manifest, observed: &Observed) -> BTreeSet<&'a ModelName> {
        let is_meant = |model: &&CompiledModel| match &self.what {
            What::Path(selection) => selection.matches(&model.config),
            What::Tag(tag) => model.config.tags.contains(tag),
            What::Changed if manifest.deferred(&model.config.name).is_some() => false,
            What::Changed => match observed.tables.get(&model.table.name) {
                Some(there) if is_ours(there, manifest) => compare::differences(model, there).rebuild,
                _ => true,
            },
        };
        let start: BTreeSet<&ModelName> =
            manifest.models.values().filter(is_meant).map(|model| &model.config.name).collect();
        let mut all = start.clone();
        if self.above {
            let reads = |name: &ModelName| manifest.models.get(name).into_iter().flat_map(|model| &model.reads.models);
            spread(&start, &mut all, |name| reads(name).filter_map(|read| key(manifest, read)).collect());
        }
        if self.below {
            let mut readers: HashMap<&ModelName, Vec<&ModelName>> = HashMap::new();
            for model in manifest.models.values() {
                for read in &model.reads.models {
                    readers.entry(read).or_default().push(&model.config.name);
                }
            }
            spread(&start, &mut all, |name| readers.get(name).cloned().unwrap_or_default());
        }
        all
    }
}

fn key<'a>(manifest: &'a Manifest, name: &ModelName) -> Option<&'a ModelName> {
    manifest.models.get_key_value(name).map(|(name, _)| name)
}

/// Adds all that can be reached from models.
fn spread<'a>(
    start: &BTreeSet<&'a ModelName>,
    all: &mut BTreeSet<&'a ModelName>,
    next: impl Fn(&ModelName) -> Vec<&'a ModelName>,
) {
    let mut open: Vec<&ModelName> = start.iter().copied().collect();
    let mut seen = start.clone();
    while let Some(name) = open.pop() {
        for other in next(name) {
            if seen.insert(other) {
                open.push(other);
            }
        }
    }
    all.extend(seen);
}
