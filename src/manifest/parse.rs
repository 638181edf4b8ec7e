//! Models from their files to parsed queries, in an order in which each comes after those that it reads.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::names::{Target, table_name, target};
use super::parallel;
use crate::analysis::{self, Parsed, TableRead};
use crate::config::{Model, Project};
use crate::diag::{Diagnostic, Diagnostics, SourceFile};
use crate::dialect::Summary;
use crate::graph::Graph;
use crate::ids::ModelName;
use crate::template::{Rendered, Templates, Wanted};

/// So many models are rendered together.
const SHARE: usize = 32;

pub(super) type ParsedModels = IndexMap<ModelName, Arc<ParsedModel>>;

/// A model's query, rendered and parsed.
#[derive(Debug)]
pub(super) struct ParsedModel {
    /// All of it.
    pub(super) whole: Form,
    /// What is new, of an incremental model.
    pub(super) increment: Option<Form>,
}

/// A form of a model's query.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) rendered: Arc<Rendered>,
    pub(super) parsed: Parsed,
    /// What of it decides whether its rows are the same again.
    pub(super) summary: Summary,
}

impl ParsedModel {
    /// Lists what it reads in whichever form. That it reads its own table for what is new is no circle.
    pub(super) fn reads<'a>(&'a self, project: &'a Project, own: &'a ModelName) -> impl Iterator<Item = &'a TableRead> {
        let others = move |read: &&TableRead| !matches!(target(project, &read.parts), Some(Target::Model(other)) if other == own);
        let increment = self.increment.iter().flat_map(|form| form.parsed.reads()).filter(others);
        self.whole.parsed.reads().iter().chain(increment)
    }
}

/// Renders and parses all models; `before` has those of earlier, of which each is taken over whose file is as it was.
pub(super) fn parse_models(
    project: &Project,
    templates: &Templates,
    before: &HashMap<ModelName, Arc<ParsedModel>>,
    diagnostics: &mut Diagnostics,
) -> ParsedModels {
    let mut models = ParsedModels::new();
    let all: Vec<&Model> = project.models.values().collect();
    let shares: Vec<&[&Model]> = all.chunks(SHARE).collect();
    let parsed = parallel::map(&shares, 1, |models| parse_share(project, models, templates, before));
    for (model, parsed) in all.iter().zip(parsed.into_iter().flatten()) {
        match parsed {
            Ok(parsed) => {
                models.insert(model.name.clone(), parsed);
            }
            Err(found) => diagnostics.extend(found),
        }
    }
    models
}

/// Renders and parses some models, the incremental ones in both forms.
fn parse_share(
    project: &Project,
    models: &[&Model],
    templates: &Templates,
    before: &HashMap<ModelName, Arc<ParsedModel>>,
) -> Vec<Result<Arc<ParsedModel>, Diagnostics>> {
    let files: Vec<_> = models.iter().map(|model| templates.read(&model.path)).collect();
    let kept = |(model, file): (&&Model, &Result<Arc<SourceFile>, _>)| {
        before.get(&model.name).filter(|parsed| file.as_ref().is_ok_and(|file| *file == parsed.whole.rendered.file))
    };
    let kept: Vec<Option<&Arc<ParsedModel>>> = models.iter().zip(&files).map(kept).collect();
    let tables: Vec<String> = models.iter().map(|model| table_name(project, model).to_sql()).collect();
    let mut wanted = Vec::new();
    for (((model, file), this), kept) in models.iter().zip(&files).zip(&tables).zip(&kept) {
        if let (Ok(file), None) = (file, kept) {
            wanted.push(Wanted { file, this, incremental: false });
            if model.incremental.is_some() {
                wanted.push(Wanted { file, this, incremental: true });
            }
        }
    }
    let mut forms = templates.render_models(&wanted).into_iter().map(|rendered| {
        let rendered = Arc::new(rendered?);
        let (parsed, summary) = analysis::parse_model(&rendered)?;
        Ok::<_, Diagnostics>(Form { rendered, parsed, summary })
    });
    let mut next = || forms.next().unwrap_or_else(|| Err(Diagnostics::new()));
    let both = |((model, file), kept): ((&&Model, Result<_, Diagnostics>), Option<&Arc<ParsedModel>>)| {
        file?;
        if let Some(kept) = kept {
            return Ok(Arc::clone(kept));
        }
        let whole = next();
        let increment = model.incremental.as_ref().map(|_| next()).transpose();
        // What is wrong with both forms is told once.
        let whole = whole?;
        Ok(Arc::new(ParsedModel { whole, increment: increment? }))
    };
    models.iter().zip(files.iter().map(|file| file.as_ref().map_err(Clone::clone))).zip(kept).map(both).collect()
}

/// Returns the models, each after those that it reads; reports a cycle at each of its reads.
pub(super) fn order_models(project: &Project, parsed: &ParsedModels, diagnostics: &mut Diagnostics) -> Vec<ModelName> {
    let mut graph = Graph::new();
    for (name, parsed) in parsed {
        graph.add(name.clone());
        for read in parsed.reads(project, name) {
            if let Some(Target::Model(other)) = target(project, &read.parts) {
                graph.need(name.clone(), other.clone());
            }
        }
    }
    match graph.order() {
        Ok(order) => order.into_iter().cloned().collect(),
        Err(cycle) => {
            diagnostics.push(cycle_diagnostic(project, parsed, &cycle));
            Vec::new()
        }
    }
}

/// Puts models into levels: each reads only models of the levels before its own.
pub(super) fn levels<'a>(
    project: &'a Project,
    parsed: &'a ParsedModels,
    order: &[ModelName],
) -> Vec<Vec<(&'a Model, &'a Arc<ParsedModel>)>> {
    let mut level_of: HashMap<&ModelName, usize> = HashMap::new();
    let mut levels: Vec<Vec<(&Model, &Arc<ParsedModel>)>> = Vec::new();
    for name in order {
        let (Some(model), Some((own, parsed))) = (project.models.get(name), parsed.get_key_value(name)) else {
            continue;
        };
        let below = parsed.reads(project, own).filter_map(|read| match target(project, &read.parts) {
            Some(Target::Model(other)) => level_of.get(other).map(|level| level + 1),
            _ => None,
        });
        let level = below.max().unwrap_or(0);
        level_of.insert(own, level);
        levels.resize_with(levels.len().max(level + 1), Vec::new);
        levels[level].push((model, parsed));
    }
    levels
}

fn cycle_diagnostic(project: &Project, parsed: &ParsedModels, cycle: &[ModelName]) -> Diagnostic {
    let path = cycle.iter().map(|m| format!("`{m}`")).collect::<Vec<_>>().join(" reads ");
    let mut diagnostic = Diagnostic::error("cycle", format!("models read each other in a circle: {path}"))
        .help("Take one of these reads out, or move what both need into a model of its own.");
    for pair in cycle.windows(2) {
        let read = parsed[&pair[0]]
            .reads(project, &pair[0])
            .find(|read| matches!(target(project, &read.parts), Some(Target::Model(other)) if *other == pair[1]));
        let Some(read) = read else { continue };
        diagnostic = match diagnostic.primary {
            None => diagnostic.at_with(read.span.clone(), format!("`{}` reads `{}` here", pair[0], pair[1])),
            Some(_) => diagnostic.related(read.span.clone(), format!("`{}` reads `{}` here", pair[0], pair[1])),
        };
    }
    diagnostic
}
