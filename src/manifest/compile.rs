//! From a project's files to its manifest.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;

use super::data_tests::{self, FoundTest, FoundTests};
use super::lints::{self, Lints};
use super::memory::{Asked, Changed, Memory};
use super::names::{Target, here, known_names, source_columns, table_name, target};
use super::parse::{Form, ParsedModel, ParsedModels, levels, order_models, parse_models};
use super::{
    CompiledIncrement, CompiledModel, Manifest, Place, ReadFrom, Reads, SourceRead, keys, parallel, unit_tests,
};
use crate::analysis::{self, Column, Examined, Known, Parsed, ReadPlace, Relation, Surroundings, TableRead};
use crate::config::{DataTest, Materialization, Model, Project, Strategy};
use crate::diag::{Diagnostic, Diagnostics, SourceFile, Span, did_you_mean};
use crate::ids::{Fingerprint, ModelName, TableName};
use crate::template::Templates;

/// Compiles a project.
///
/// # Errors
/// All that is wrong with its templates, queries and dashboards.
pub fn compile(project: &Project) -> Result<(Manifest, Diagnostics), Diagnostics> {
    compile_with(&mut Memory::default(), project)
}

/// Compiles a project, and takes over from the last time what cannot be other than it was then.
///
/// # Errors
/// All that is wrong with its templates, queries and dashboards.
pub fn compile_with(memory: &mut Memory, project: &Project) -> Result<(Manifest, Diagnostics), Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    let mut now = Memory::for_project(project);
    let mut before = std::mem::take(memory).trimmed_to(&now);
    let templates = match before.templates.take().filter(|templates| templates.is_current(project)) {
        Some(templates) => Ok(templates),
        // Whatever is rendered may use the library.
        None => {
            before = Memory::default();
            Templates::new(project).map(Arc::new)
        }
    };
    let parsed = match &templates {
        Ok(templates) => parse_models(project, templates, &before.parsed, &mut diagnostics),
        Err(found) => {
            diagnostics.extend(found.clone());
            ParsedModels::new()
        }
    };
    let order = order_models(project, &parsed, &mut diagnostics);
    let levels = levels(project, &parsed, &order);
    let mut compiler =
        Compiler { project, found: HashMap::new(), changed: Changed::default(), known: known_names(project) };
    compiler.changed.note_missing(&before, levels.iter().flatten().map(|(model, _)| &model.name));
    // What a level reads is known when those below it are.
    for level in levels {
        let of_level = parallel::map(&level, 16, |(model, parsed)| compiler.model(model, parsed, &before));
        for ((model, _), one) in level.into_iter().zip(of_level) {
            if before.models.get(&model.name).is_none_or(|was| !was.offers_the_same(&one)) {
                compiler.changed.note(&model.name);
            }
            compiler.found.insert(model.name.clone(), one);
        }
    }
    let mut models: IndexMap<ModelName, CompiledModel> = IndexMap::new();
    let mut lints = Lints::default();
    for name in &order {
        let Some(found) = compiler.found.get(name) else { continue };
        diagnostics.extend(found.problems.clone());
        lints.take_model(&found.compiled.config, &found.examined, found.lint.as_ref());
        let mut compiled = found.compiled.clone();
        compiled.fingerprint = fingerprint(&compiled, &models);
        models.insert(name.clone(), compiled);
    }
    // After all models, for a test may read models that come later.
    if let Ok(templates) = &templates {
        now.tests = compiler.tests(&mut models, templates, &before, &mut diagnostics);
    }
    keys::compile(&mut models, &mut diagnostics);
    unit_tests::check(project, &models, &mut diagnostics);
    let dashboards: Vec<_> = project.dashboards.iter().collect();
    let found = parallel::map(&dashboards, 2, |(name, dashboard)| {
        compiler.dashboard(name, dashboard, before.dashboards.get(*name))
    });
    now.dashboards = project.dashboards.keys().cloned().zip(found.iter().cloned()).collect();
    let mut dashboards = IndexMap::new();
    for found in found {
        diagnostics.extend(found.problems.clone());
        for (name, examined) in &found.datasets {
            lints.take_dataset(name, examined);
        }
        if let Some(dashboard) = &found.compiled {
            dashboards.insert(dashboard.name.clone(), dashboard.clone());
        }
    }
    diagnostics.extend(lints.finish(project));
    project.lints.apply(&mut diagnostics);
    now.templates = templates.ok();
    now.parsed = parsed.into_iter().collect();
    now.models = compiler.found;
    *memory = now;
    diagnostics.into_result(Manifest {
        project: project.name.clone(),
        environment: project.environment.name.clone(),
        catalog: project.environment.catalog.clone(),
        schema: project.environment.schema.clone(),
        grants: project.environment.grants.clone(),
        schema_tags: project.environment.databricks_tags.clone(),
        schedules: project.environment.schedules,
        job_folder: project.environment.job_folder.clone(),
        models,
        connections: project.connections.clone(),
        sources: project.sources.clone(),
        dashboards,
        jobs: project.jobs.clone(),
        deferral: None,
    })
}

/// Returns all models that a model rests on.
fn models_below(models: &IndexMap<ModelName, CompiledModel>, name: &ModelName) -> HashSet<ModelName> {
    let mut below = HashSet::new();
    let mut open = vec![name];
    while let Some(name) = open.pop() {
        for read in models.get(name).iter().flat_map(|model| &model.reads.models) {
            if below.insert(read.clone()) {
                open.push(read);
            }
        }
    }
    below
}

/// Takes the fingerprint of a model together with those that it reads, which come before it.
fn fingerprint(model: &CompiledModel, earlier: &IndexMap<ModelName, CompiledModel>) -> Fingerprint {
    let mut read: Vec<(&ModelName, &Fingerprint)> =
        model.reads.models.iter().filter_map(|name| Some((name, &earlier.get(name)?.fingerprint))).collect();
    read.sort();
    let read = read.into_iter().flat_map(|(name, fingerprint)| [name.as_str(), fingerprint.as_str()]);
    Fingerprint::of(&std::iter::once(model.definition.as_str()).chain(read).collect::<Vec<_>>())
}

pub(super) struct Compiler<'a> {
    pub(super) project: &'a Project,
    /// The models compiled so far.
    found: HashMap<ModelName, Arc<FoundModel>>,
    /// Those of which something else is known than the last time.
    pub(super) changed: Changed,
    /// Names of all models and sources, to suggest.
    pub(super) known: Vec<String>,
}

/// A model, and what was found in its query.
#[derive(Debug)]
pub(super) struct FoundModel {
    /// What it was made from.
    parsed: Arc<ParsedModel>,
    /// Without its tests, its keys, and what it rests on.
    compiled: CompiledModel,
    problems: Diagnostics,
    rows: Known,
    /// What was examined of it: its query, and the one for what is new.
    examined: Vec<Examined>,
    /// What is wrong with it as a whole.
    lint: Option<Diagnostic>,
    /// What it asked about.
    asked: BTreeSet<ModelName>,
}

impl FoundModel {
    /// Tells whether those who read it cannot tell it from another form of it.
    fn offers_the_same(&self, other: &Self) -> bool {
        self.compiled.columns == other.compiled.columns && self.rows == other.rows
    }
}

impl Compiler<'_> {
    /// Compiles a model, unless it is as it was `before`.
    fn model(&self, model: &Model, parsed: &Arc<ParsedModel>, before: &Memory) -> Arc<FoundModel> {
        match before.models.get(&model.name) {
            Some(was) if Arc::ptr_eq(&was.parsed, parsed) && !self.changed.touches(&was.asked) => Arc::clone(was),
            _ => Arc::new(self.compile_model(model, parsed)),
        }
    }

    fn compile_model(&self, model: &Model, parsed: &Arc<ParsedModel>) -> FoundModel {
        let asked = Asked::default();
        let Form { rendered: query, parsed: whole, summary } = &parsed.whole;
        let mut examined = vec![self.examine(whole, Some(model), &asked)];
        let columns: Option<Arc<[Column]>> = examined[0].columns.take().map(Arc::from);
        let rows = lints::tested(model, std::mem::take(&mut examined[0].rows));
        let mut diagnostics = Diagnostics::new();
        diagnostics.extend(named(model, examined[0].problems.clone()));
        if let Some(columns) = &columns {
            diagnostics.extend(analysis::check_table_columns(whole, columns));
            check_named_columns(model, columns, &mut diagnostics);
        }
        let mut lint = None;
        if let Some(increment) = &parsed.increment {
            let increment = self.examine(&increment.parsed, Some(model), &asked);
            check_increment(model, &increment, columns.as_deref(), &mut diagnostics);
            examined.push(increment);
            lint = appended(model, parsed);
        }
        let mut volatile = summary.volatile;
        let mut definition = vec![model.materialized.as_str(), &summary.essence];
        let strategy = model.incremental.as_ref().map(|settings| format!("{:?}", settings.strategy));
        if let (Some(increment), Some(strategy)) = (&parsed.increment, &strategy) {
            volatile = volatile.or(increment.summary.volatile);
            definition.extend([&increment.summary.essence, strategy.as_str()]);
        }
        let definition = Fingerprint::of(&definition);
        let reads: Vec<TableRead> = parsed.reads(self.project, &model.name).cloned().collect();
        let compiled = CompiledModel {
            config: model.clone(),
            table: table_name(self.project, model),
            query: Arc::clone(query),
            reads: self.reads(&reads),
            places: self.places(whole),
            volatile,
            increment: parsed
                .increment
                .as_ref()
                .map(|form| CompiledIncrement { query: Arc::clone(&form.rendered), places: self.places(&form.parsed) }),
            columns,
            tests: Vec::new(),
            foreign_keys: Vec::new(),
            fingerprint: definition.clone(),
            definition,
        };
        FoundModel {
            parsed: Arc::clone(parsed),
            compiled,
            problems: diagnostics,
            rows,
            examined,
            lint,
            asked: asked.models(),
        }
    }

    /// Compiles the data tests of all models; returns what was made.
    fn tests(
        &self,
        models: &mut IndexMap<ModelName, CompiledModel>,
        templates: &Templates,
        before: &Memory,
        diagnostics: &mut Diagnostics,
    ) -> HashMap<ModelName, Arc<FoundTests>> {
        let is_tested = |(_, model): &(&ModelName, &CompiledModel)| !model.config.tests.is_empty();
        let tested: Vec<&ModelName> = models.iter().filter(is_tested).map(|(name, _)| name).collect();
        let tested: Vec<&Arc<FoundModel>> = tested.into_iter().filter_map(|name| self.found.get(name)).collect();
        let found = parallel::map(&tested, 16, |model| {
            let name = &model.compiled.config.name;
            let kept = before.tests.get(name).filter(|kept| self.are_current(kept, model, templates));
            kept.map_or_else(|| Arc::new(self.tests_of(model, templates)), Arc::clone)
        });
        let mut made = HashMap::new();
        for (model, found) in tested.into_iter().zip(found) {
            let config = &model.compiled.config;
            let mut tests = Vec::new();
            for (test, one) in config.tests.iter().zip(&found.tests) {
                diagnostics.extend(one.problems.clone());
                let Some(compiled) = &one.compiled else { continue };
                match compiled.reads.models.iter().find(|read| models_below(models, read).contains(&config.name)) {
                    Some(later) => diagnostics.push(late(test, &config.name, later)),
                    None => tests.push(compiled.clone()),
                }
            }
            if let Some(model) = models.get_mut(&config.name) {
                model.tests = tests;
            }
            made.insert(config.name.clone(), found);
        }
        made
    }

    /// Tells whether the tests of a model are still what they were.
    fn are_current(&self, kept: &FoundTests, model: &Arc<FoundModel>, templates: &Templates) -> bool {
        let same_file = |(test, one): (&DataTest, &FoundTest)| match data_tests::file(test, templates) {
            Some(Ok(file)) => one.file.as_ref() == Some(&file),
            Some(Err(_)) => false,
            None => true,
        };
        Arc::ptr_eq(&kept.model, model)
            && !self.changed.touches(&kept.asked)
            && model.compiled.config.tests.iter().zip(&kept.tests).all(same_file)
    }

    fn tests_of(&self, model: &Arc<FoundModel>, templates: &Templates) -> FoundTests {
        let asked = Asked::default();
        let CompiledModel { config, table, columns, .. } = &model.compiled;
        let one = |test: &DataTest| {
            let file = match data_tests::file(test, templates).transpose() {
                Ok(file) => file,
                Err(problems) => return FoundTest { file: None, compiled: None, problems },
            };
            match data_tests::compile(config, table, columns.as_deref(), test, file.as_ref(), templates) {
                Ok((mut compiled, parsed)) => {
                    let (_, problems) = analysis::resolve(&parsed, &|parts| self.relation(parts, &asked), &self.known);
                    compiled.reads = self.reads(parsed.reads());
                    compiled.reads.models.retain(|read| *read != config.name);
                    FoundTest { file, compiled: Some(compiled), problems }
                }
                Err(problems) => FoundTest { file, compiled: None, problems },
            }
        };
        let tests = config.tests.iter().map(one).collect();
        FoundTests { model: Arc::clone(model), tests, asked: asked.models() }
    }

    /// Resolves a query and looks for lints. `model` is whose query it is; none for a dashboard's.
    pub(super) fn examine(&self, parsed: &Parsed, model: Option<&Model>, asked: &Asked) -> Examined {
        let around = Surroundings {
            is_model: model.is_some(),
            is_table: model.is_some_and(|model| model.materialized == Materialization::Table),
            is_staging: model.is_some_and(lints::is_staging),
            time_zone: lints::time_zone(self.project),
            facts: &|parts| self.facts(&self.meant(parts, model), asked),
        };
        analysis::examine(parsed, &|parts| self.relation(&self.meant(parts, model), asked), &self.known, &around)
    }

    /// Returns a name as it means a table here: a dashboard, unlike a model, may name it as it is in another environment.
    fn meant<'p>(&self, parts: &'p [String], model: Option<&Model>) -> Cow<'p, [String]> {
        if model.is_some() { Cow::Borrowed(parts) } else { here(self.project, parts) }
    }

    /// What is known of a table's rows.
    fn facts(&self, parts: &[String], asked: &Asked) -> Known {
        match target(self.project, parts) {
            Some(Target::Model(name)) => {
                asked.note(name);
                let found = self.found.get(name).map(|found| found.rows.clone());
                found
                    .or_else(|| Some(lints::tested(self.project.models.get(name)?, Known::default())))
                    .unwrap_or_default()
            }
            Some(Target::Source(schema, _)) => {
                let replicated = self.project.sources.get(schema).is_some_and(|source| source.connection.is_some());
                Known { is_source: true, soft_deletes: replicated, ..Known::default() }
            }
            Some(Target::System) | None => Known::default(),
        }
    }

    /// What is known of a table's columns.
    pub(super) fn relation(&self, parts: &[String], asked: &Asked) -> Option<Relation> {
        Some(match target(self.project, parts)? {
            Target::Model(name) => {
                asked.note(name);
                let columns = self.found.get(name).and_then(|found| found.compiled.columns.as_ref());
                columns.map_or(Relation::Unknown, |columns| Relation::Known(Arc::clone(columns)))
            }
            Target::Source(_, Some(table)) if !table.columns.is_empty() => {
                Relation::Known(source_columns(table).into())
            }
            Target::Source(..) | Target::System => Relation::Unknown,
        })
    }

    /// Finds where a query names tables and views of the project.
    fn places(&self, parsed: &Parsed) -> Vec<Place> {
        let place = |place: &ReadPlace| {
            let read = match target(self.project, &place.parts)? {
                Target::Model(name) => ReadFrom::Model(name.clone()),
                Target::Source(schema, _) => ReadFrom::Source(self.source_table(schema, &place.parts)),
                Target::System => return None,
            };
            Some(Place { range: place.range.clone(), bare: place.parts.len() == 1, read })
        };
        parsed.places().iter().filter_map(place).collect()
    }

    /// Returns the full name of a source's table.
    fn source_table(&self, schema: &str, parts: &[String]) -> TableName {
        let catalog = self.project.sources[schema].catalog.as_deref().unwrap_or(&self.project.environment.catalog);
        TableName::new(catalog, schema, parts.last().expect("a name has parts"))
    }

    pub(super) fn reads(&self, tables: &[TableRead]) -> Reads {
        let mut reads = Reads::default();
        for read in tables {
            match target(self.project, &read.parts) {
                Some(Target::Model(name)) => merge(&mut reads.models, vec![name.clone()]),
                Some(Target::Source(schema, _)) => {
                    let source = &self.project.sources[schema];
                    let connection = source.connection.as_ref().map(|c| c.value.clone());
                    let table = self.source_table(schema, &read.parts);
                    merge(&mut reads.sources, vec![SourceRead { table, connection: connection.clone() }]);
                    merge(&mut reads.connections, connection.into_iter().collect());
                }
                Some(Target::System) | None => {}
            }
        }
        reads
    }
}

/// What is said of a test that reads a model which is built only after it.
fn late(test: &DataTest, own: &ModelName, later: &ModelName) -> Diagnostic {
    let message = format!("this test of `{own}` reads `{later}`, which is built from `{own}`");
    let help = "A model is tested before anything is built from it. Test the other model instead.";
    Diagnostic::error("late-test", message).at(test.span.clone()).help(help)
}

/// Checks the query for what is new, beyond what was said of the whole one already.
fn check_increment(model: &Model, increment: &Examined, whole: Option<&[Column]>, diagnostics: &mut Diagnostics) {
    for problem in named(model, increment.problems.clone()) {
        let is_known = |known: &Diagnostic| known.message == problem.message && known.primary == problem.primary;
        if !diagnostics.iter().any(is_known) {
            diagnostics.push(problem);
        }
    }
    let (Some(columns), Some(whole)) = (increment.columns.as_deref(), whole) else { return };
    let names = |columns: &[Column]| columns.iter().map(|c| c.name.to_lowercase()).collect::<Vec<_>>();
    if names(columns) != names(whole) {
        let message = format!("`{}` returns other columns where `incremental` is true", model.name);
        let list = |columns: &[Column]| columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
        let help = format!(
            "Both forms must return the same columns in the same order: {}, and not {}.",
            list(whole),
            list(columns)
        );
        let file = Span::start_of(&SourceFile::new(&model.path, ""));
        diagnostics.push(Diagnostic::error("other-columns", message).at(file).help(help));
    }
}

/// Warns of a model that appends the same rows in each run.
fn appended(model: &Model, parsed: &ParsedModel) -> Option<Diagnostic> {
    let appends = model.incremental.as_ref().is_some_and(|i| i.strategy == Strategy::Append);
    let increment = parsed.increment.as_ref()?;
    if !appends || increment.summary.essence != parsed.whole.summary.essence {
        return None;
    }
    let message = format!("`{}` appends all its rows again in each run", model.name);
    let help = "Read only what is new where `incremental` is true: `{% if incremental %}WHERE … {% endif %}`.";
    Some(Diagnostic::warning("appends-everything", message).at(increment.parsed.span(0..0)).help(help))
}

/// Names the model in problems whose place does not tell it: those in a macro, which many models may use.
fn named(model: &Model, problems: Diagnostics) -> Diagnostics {
    let mut named = Diagnostics::new();
    for mut problem in problems {
        if problem.primary.as_ref().is_some_and(|(span, _)| span.path() != model.path) {
            problem.message = format!("model `{}`: {}", model.name, problem.message);
        }
        named.push(problem);
    }
    named
}

/// Checks that the columns which a model's settings name are columns of its query.
fn check_named_columns(model: &Model, columns: &[Column], diagnostics: &mut Diagnostics) {
    let mut named: Vec<(&str, &String)> = model.cluster_by.iter().map(|name| ("is clustered by", name)).collect();
    match model.incremental.as_ref().map(|incremental| &incremental.strategy) {
        Some(Strategy::Merge { unique_key, soft_delete }) => {
            named.extend(unique_key.iter().map(|name| ("has the key", name)));
            named.extend(soft_delete.iter().map(|name| ("takes out the rows of", name)));
        }
        Some(Strategy::InsertOverwrite { time_column, .. }) => named.push(("has the time", time_column)),
        Some(Strategy::OverwritePartitions { partition_by }) => {
            named.extend(partition_by.iter().map(|name| ("has partitions of", name)));
        }
        Some(Strategy::Append) | None => {}
    }
    let described = model.columns.iter().map(|(name, column)| ("says something of", name, &column.span));
    let named = named.into_iter().map(|(what, name)| (what, name, &model.span)).chain(described);
    for (what, name, span) in named {
        if columns.iter().any(|c| c.name.eq_ignore_ascii_case(name)) {
            continue;
        }
        let near = did_you_mean(name, columns.iter().map(|c| c.name.as_str()));
        let message = format!("`{}` {what} `{name}`, which is not one of its columns", model.name);
        let mut diagnostic = Diagnostic::error("unknown-column", message).at(span.clone());
        if let Some(near) = near {
            diagnostic = diagnostic.help(format!("Did you mean `{near}`?"));
        }
        diagnostics.push(diagnostic);
    }
}

/// Adds what is not there yet.
pub(super) fn merge<T: PartialEq>(into: &mut Vec<T>, more: Vec<T>) {
    for item in more {
        if !into.contains(&item) {
            into.push(item);
        }
    }
}
