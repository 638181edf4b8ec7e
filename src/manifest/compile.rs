//! From a project's files to its manifest.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;

use super::lints::{self, Lints};
use super::{
    CompiledDashboard, CompiledIncrement, CompiledModel, Manifest, Place, ReadFrom, Reads, SourceRead, data_tests,
};
use crate::analysis::{self, Column, DataType, Examined, Known, Parsed, ReadPlace, Relation, Surroundings, TableRead};
use crate::config::{Materialization, Model, Project, SourceTable, Strategy};
use crate::dashboards::{LvDash, widget_queries};
use crate::diag::{Diagnostic, Diagnostics, SourceFile, Span, did_you_mean};
use crate::dialect;
use crate::graph::Graph;
use crate::ids::{Fingerprint, ModelName, TableName};
use crate::template::{Rendered, Templates};

/// Columns that Fivetran adds to every table it lands (soft delete mode).
const SYSTEM_COLUMNS: [(&str, &str); 2] = [("_fivetran_synced", "TIMESTAMP"), ("_fivetran_deleted", "BOOLEAN")];

/// Compiles a project.
///
/// # Errors
/// All that is wrong with its templates, queries and dashboards.
pub fn compile(project: &Project) -> Result<(Manifest, Diagnostics), Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    let parsed = parse_models(project, &mut diagnostics);
    let order = order_models(project, &parsed, &mut diagnostics);
    let known = known_tables(project);
    let mut compiler =
        Compiler { project, columns: HashMap::new(), known, rows: HashMap::new(), lints: Lints::default() };
    let mut models: IndexMap<ModelName, CompiledModel> = IndexMap::new();
    for name in order {
        let (Some(model), Some(parsed)) = (project.models.get(name.as_str()), parsed.get(&name)) else { continue };
        let mut compiled = compiler.model(model, parsed, &mut diagnostics);
        compiled.fingerprint = fingerprint(&compiled, &models);
        models.insert(name, compiled);
    }
    // After all models, for a test may read models that come later.
    compiler.tests(&mut models, &mut diagnostics);
    let dashboards = project
        .dashboards
        .iter()
        .filter_map(|(name, dashboard)| {
            let file = read_dashboard(project, dashboard, &mut diagnostics)?;
            let content = match LvDash::parse(&file) {
                Ok(content) => {
                    diagnostics.extend(content.check());
                    content
                }
                Err(found) => {
                    diagnostics.extend(found);
                    return None;
                }
            };
            let reads = compiler.dashboard(&content, &mut diagnostics);
            Some((
                name.clone(),
                CompiledDashboard {
                    name: name.clone(),
                    title: dashboard.title.clone(),
                    folder: project.environment.dashboard_folder.as_ref().unwrap_or(&dashboard.folder).clone(),
                    embed_credentials: dashboard.embed_credentials,
                    file,
                    content,
                    reads,
                    span: dashboard.span.clone(),
                },
            ))
        })
        .collect();
    diagnostics.extend(compiler.lints.finish(project));
    project.lints.apply(&mut diagnostics);
    diagnostics.into_result(Manifest {
        project: project.name.clone(),
        environment: project.environment.name.clone(),
        catalog: project.environment.catalog.clone(),
        schema: project.environment.schema.clone(),
        grants: project.environment.grants.clone(),
        models,
        connections: project.connections.clone(),
        sources: project.sources.clone(),
        dashboards,
        jobs: project.jobs.clone(),
    })
}

type ParsedModels = IndexMap<ModelName, ParsedModel>;

/// A model's query, rendered and parsed.
struct ParsedModel {
    /// All of it.
    whole: (Arc<Rendered>, Parsed),
    /// What is new, of an incremental model.
    increment: Option<(Arc<Rendered>, Parsed)>,
}

impl ParsedModel {
    /// Lists what it reads in whichever form. That it reads its own table for what is new is no circle.
    fn reads<'a>(&'a self, project: &'a Project, own: &'a ModelName) -> impl Iterator<Item = &'a TableRead> {
        let others = move |read: &&TableRead| !matches!(target(project, &read.parts), Some(Target::Model(other)) if other == own);
        let increment = self.increment.iter().flat_map(|(_, parsed)| parsed.reads()).filter(others);
        self.whole.1.reads().iter().chain(increment)
    }
}

fn parse_models(project: &Project, diagnostics: &mut Diagnostics) -> ParsedModels {
    let templates = match Templates::new(project) {
        Ok(templates) => templates,
        Err(found) => {
            diagnostics.extend(found);
            return ParsedModels::new();
        }
    };
    let mut models = ParsedModels::new();
    for (name, model) in &project.models {
        match parse_model(project, model, &templates) {
            Ok(parsed) => {
                models.insert(name.clone(), parsed);
            }
            Err(found) => diagnostics.extend(found),
        }
    }
    models
}

fn parse_model(project: &Project, model: &Model, templates: &Templates) -> Result<ParsedModel, Diagnostics> {
    let this = table_name(project, model).to_sql();
    let form = |incremental| {
        let rendered = templates.render_model(&model.path, &this, incremental)?;
        let parsed = analysis::parse(&rendered)?;
        Ok::<_, Diagnostics>((Arc::new(rendered), parsed))
    };
    let whole = form(false)?;
    let increment = model.incremental.as_ref().map(|_| form(true)).transpose()?;
    Ok(ParsedModel { whole, increment })
}

fn table_name(project: &Project, model: &Model) -> TableName {
    TableName::new(&project.environment.catalog, &project.environment.schema, model.name.as_str())
}

/// Returns the models, each after those that it reads; reports a cycle at each of its reads.
fn order_models(project: &Project, parsed: &ParsedModels, diagnostics: &mut Diagnostics) -> Vec<ModelName> {
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

/// What a name in a query stands for.
enum Target<'a> {
    Model(&'a ModelName),
    Source(&'a str, Option<&'a SourceTable>),
    /// A schema that the workspace itself keeps, such as `information_schema` or the catalog `system`.
    System,
}

/// Finds what a table name stands for; none if the project knows nothing of that name.
fn target<'a>(project: &'a Project, parts: &[String]) -> Option<Target<'a>> {
    let environment = &project.environment;
    let lower: Vec<String> = parts.iter().map(|part| part.to_lowercase()).collect();
    let (catalog, schema, name) = match lower.as_slice() {
        [name] => (None, None, name),
        [schema, name] => (None, Some(schema.as_str()), name),
        [catalog, schema, name] => (Some(catalog.as_str()), Some(schema.as_str()), name),
        _ => return None,
    };
    if catalog == Some("system") || schema == Some("information_schema") {
        return Some(Target::System);
    }
    let own_catalog = environment.catalog.to_lowercase();
    let in_own_catalog = catalog.is_none_or(|c| c == own_catalog);
    if in_own_catalog && schema.is_none_or(|s| s == environment.schema.to_lowercase()) {
        return project.models.get_key_value(name.as_str()).map(|(name, _)| Target::Model(name));
    }
    let (schema_name, source) = project.sources.iter().find(|(s, _)| Some(s.to_lowercase().as_str()) == schema)?;
    if catalog.is_some_and(|c| c != source.catalog.as_deref().unwrap_or(&environment.catalog).to_lowercase()) {
        return None;
    }
    let table = source.tables.iter().find(|(t, _)| t.to_lowercase() == *name);
    table.map(|(_, table)| Target::Source(schema_name, Some(table)))
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

struct Compiler<'a> {
    project: &'a Project,
    /// Columns of the models compiled so far; `None` where they could not be told.
    columns: HashMap<ModelName, Option<Vec<Column>>>,
    /// The names of all tables, to suggest.
    known: Vec<String>,
    /// What is known of the models' rows.
    rows: HashMap<ModelName, Known>,
    lints: Lints,
}

impl Compiler<'_> {
    fn model(&mut self, model: &Model, parsed: &ParsedModel, diagnostics: &mut Diagnostics) -> CompiledModel {
        let (query, whole) = &parsed.whole;
        let mut examined = self.examine(whole, Some(model));
        let mut unknown = std::mem::take(&mut examined.unknown);
        self.lints.take(Some(model), &mut examined);
        let Examined { columns, rows, problems, .. } = examined;
        let is_broken = problems.has_errors();
        diagnostics.extend(problems);
        if let Some(columns) = &columns {
            diagnostics.extend(analysis::check_table_columns(whole, columns));
            check_named_columns(model, columns, diagnostics);
        }
        self.columns.insert(model.name.clone(), columns.clone());
        self.rows.insert(model.name.clone(), lints::tested(model, rows));
        if let Some((_, increment)) = &parsed.increment {
            unknown.extend(self.check_increment(model, increment, columns.as_deref(), diagnostics));
            self.check_appended(model, parsed);
        }
        if !is_broken {
            self.lints.unknown(&format!("`{}`", model.name), unknown);
        }
        let mut volatile = dialect::volatile(&query.text);
        let mut definition = vec![model.materialized.as_str().to_owned(), dialect::essence(&query.text)];
        if let (Some((query, _)), Some(settings)) = (&parsed.increment, &model.incremental) {
            volatile = volatile.or(dialect::volatile(&query.text));
            definition.extend([dialect::essence(&query.text), format!("{:?}", settings.strategy)]);
        }
        let definition = Fingerprint::of(&definition.iter().map(String::as_str).collect::<Vec<_>>());
        let reads: Vec<TableRead> = parsed.reads(self.project, &model.name).cloned().collect();
        CompiledModel {
            config: model.clone(),
            table: table_name(self.project, model),
            query: Arc::clone(query),
            reads: self.reads(&reads),
            places: self.places(whole),
            volatile,
            increment: parsed
                .increment
                .as_ref()
                .map(|(query, parsed)| CompiledIncrement { query: Arc::clone(query), places: self.places(parsed) }),
            columns,
            tests: Vec::new(),
            fingerprint: definition.clone(),
            definition,
        }
    }

    /// Checks the query for what is new, beyond what was said of the whole one already.
    fn check_increment(
        &mut self,
        model: &Model,
        increment: &Parsed,
        whole: Option<&[Column]>,
        diagnostics: &mut Diagnostics,
    ) -> Vec<(Span, String)> {
        let mut examined = self.examine(increment, Some(model));
        self.lints.take(Some(model), &mut examined);
        let Examined { columns, problems, unknown, .. } = examined;
        for problem in problems {
            let is_known = |known: &Diagnostic| known.message == problem.message && known.primary == problem.primary;
            if !diagnostics.iter().any(is_known) {
                diagnostics.push(problem);
            }
        }
        let (Some(columns), Some(whole)) = (columns, whole) else { return unknown };
        let names = |columns: &[Column]| columns.iter().map(|c| c.name.to_lowercase()).collect::<Vec<_>>();
        if names(&columns) != names(whole) {
            let message = format!("`{}` returns other columns where `incremental` is true", model.name);
            let list = |columns: &[Column]| columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
            let help = format!(
                "Both forms must return the same columns in the same order: {}, and not {}.",
                list(whole),
                list(&columns)
            );
            let file = Span::start_of(&SourceFile::new(&model.path, ""));
            diagnostics.push(Diagnostic::error("other-columns", message).at(file).help(help));
        }
        unknown
    }

    /// Warns of a model that appends the same rows in each run.
    fn check_appended(&mut self, model: &Model, parsed: &ParsedModel) {
        let appends = model.incremental.as_ref().is_some_and(|i| i.strategy == Strategy::Append);
        let (Some((increment, place)), (whole, _)) = (&parsed.increment, &parsed.whole) else { return };
        if appends && dialect::essence(&increment.text) == dialect::essence(&whole.text) {
            let message = format!("`{}` appends all its rows again in each run", model.name);
            let help = "Read only what is new where `incremental` is true: `{% if incremental %}WHERE … {% endif %}`.";
            let lint = Diagnostic::warning("appends-everything", message).at(place.span(0..0)).help(help);
            self.lints.whole(model, lint);
        }
    }

    /// Compiles the data tests of all models.
    fn tests(&self, models: &mut IndexMap<ModelName, CompiledModel>, diagnostics: &mut Diagnostics) {
        if models.values().all(|model| model.config.tests.is_empty()) {
            return;
        }
        // What is wrong with the macros has been told with the models.
        let Ok(templates) = Templates::new(self.project) else { return };
        let below: HashMap<ModelName, HashSet<ModelName>> =
            models.keys().map(|name| (name.clone(), models_below(models, name))).collect();
        for model in models.values_mut() {
            let own = model.config.name.clone();
            for test in &model.config.tests {
                let (mut compiled, parsed) = match data_tests::compile(&model.config, test, &templates) {
                    Ok(compiled) => compiled,
                    Err(found) => {
                        diagnostics.extend(found);
                        continue;
                    }
                };
                diagnostics.extend(self.resolve(&parsed).1);
                compiled.reads = self.reads(parsed.reads());
                compiled.reads.models.retain(|read| *read != own);
                if let Some(later) = compiled.reads.models.iter().find(|read| below[*read].contains(&own)) {
                    let message = format!("this test of `{own}` reads `{later}`, which is built from `{own}`");
                    let help = "A model is tested before anything is built from it. Test the other model instead.";
                    diagnostics.push(Diagnostic::error("late-test", message).at(test.span.clone()).help(help));
                    continue;
                }
                model.tests.push(compiled);
            }
        }
    }

    /// Resolves a dashboard's datasets, and then what its widgets ask of them.
    fn dashboard(&mut self, content: &LvDash, diagnostics: &mut Diagnostics) -> Reads {
        let mut reads = Reads::default();
        let mut broken: HashSet<&str> = HashSet::new();
        for dataset in &content.datasets {
            let Some(sql) = dataset.sql() else { continue };
            let (place, text) = (content.clone(), sql.clone());
            // What cannot be parsed here may still be good SQL there: the workspace has the last word.
            let Ok(parsed) = analysis::parse_sql(sql.text(), move |range| place.span_in(&text, range)) else {
                broken.insert(&dataset.name);
                continue;
            };
            let mut examined = self.examine(&parsed, None);
            let unknown = std::mem::take(&mut examined.unknown);
            self.lints.take(None, &mut examined);
            if examined.problems.has_errors() {
                broken.insert(&dataset.name);
            } else {
                self.lints.unknown(&format!("the dataset `{}`", dataset.display_name), unknown);
            }
            diagnostics.extend(examined.problems);
            let more = self.reads(parsed.reads());
            merge(&mut reads.models, more.models);
            merge(&mut reads.connections, more.connections);
            merge(&mut reads.sources, more.sources);
        }
        for query in widget_queries(content).iter().filter(|q| !broken.contains(q.dataset.as_str())) {
            let Some((_, widget)) = content.widgets().find(|(_, w)| w.name == query.widget) else { continue };
            let place = content.span(&widget.path);
            if let Ok(parsed) = analysis::parse_sql(&query.sql, move |_| place.clone()) {
                for mut problem in self.resolve(&parsed).1 {
                    problem.message = format!("widget `{}`: {}", widget.label(), problem.message);
                    diagnostics.push(problem);
                }
            }
        }
        reads
    }

    fn resolve(&self, parsed: &Parsed) -> (Option<Vec<Column>>, Diagnostics) {
        analysis::resolve(parsed, &|parts| self.relation(parts), &self.known)
    }

    /// Resolves a query and looks for lints. `model` is whose query it is; none for a dashboard's.
    fn examine(&self, parsed: &Parsed, model: Option<&Model>) -> Examined {
        let around = Surroundings {
            is_model: model.is_some(),
            is_table: model.is_some_and(|model| model.materialized == Materialization::Table),
            is_staging: model.is_some_and(lints::is_staging),
            time_zone: lints::time_zone(self.project),
            facts: &|parts| self.facts(parts),
        };
        analysis::examine(parsed, &|parts| self.relation(parts), &self.known, &around)
    }

    /// What is known of a table's rows.
    fn facts(&self, parts: &[String]) -> Known {
        match target(self.project, parts) {
            Some(Target::Model(name)) => self
                .rows
                .get(name)
                .cloned()
                .or_else(|| Some(lints::tested(self.project.models.get(name)?, Known::default())))
                .unwrap_or_default(),
            Some(Target::Source(schema, _)) => {
                let replicated = self.project.sources.get(schema).is_some_and(|source| source.connection.is_some());
                Known { is_source: true, soft_deletes: replicated, ..Known::default() }
            }
            Some(Target::System) | None => Known::default(),
        }
    }

    fn relation(&self, parts: &[String]) -> Option<Relation> {
        Some(match target(self.project, parts)? {
            Target::Model(name) => match self.columns.get(name) {
                Some(Some(columns)) => Relation::Known(columns.clone()),
                _ => Relation::Unknown,
            },
            Target::Source(_, Some(table)) if !table.columns.is_empty() => Relation::Known(source_columns(table)),
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

    fn reads(&self, tables: &[TableRead]) -> Reads {
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

/// The names of all models and tables of sources.
fn known_tables(project: &Project) -> Vec<String> {
    let sources = project.sources.iter().flat_map(|(s, source)| source.tables.keys().map(move |t| format!("{s}.{t}")));
    project.models.keys().map(ToString::to_string).chain(sources).collect()
}

fn source_columns(table: &SourceTable) -> Vec<Column> {
    let declared = table.columns.iter().map(|(name, type_)| (name.as_str(), type_.as_str()));
    let system = SYSTEM_COLUMNS.into_iter().filter(|(name, _)| !table.columns.contains_key(*name));
    declared
        .chain(system)
        .map(|(name, type_)| Column { name: name.to_owned(), data_type: DataType::parse(type_) })
        .collect()
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
        Some(Strategy::Append) | None => {}
    }
    for (what, name) in named {
        if columns.iter().any(|c| c.name.eq_ignore_ascii_case(name)) {
            continue;
        }
        let near = did_you_mean(name, columns.iter().map(|c| c.name.as_str()));
        let message = format!("`{}` {what} `{name}`, which is not one of its columns", model.name);
        let mut diagnostic = Diagnostic::error("unknown-column", message).at(model.span.clone());
        if let Some(near) = near {
            diagnostic = diagnostic.help(format!("Did you mean `{near}`?"));
        }
        diagnostics.push(diagnostic);
    }
}

fn read_dashboard(
    project: &Project,
    dashboard: &crate::config::Dashboard,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<SourceFile>> {
    match fs_err::read_to_string(project.root.join(&dashboard.file)) {
        Ok(text) => Some(SourceFile::new(&dashboard.file, text)),
        Err(error) => {
            diagnostics.push(unreadable(&error, dashboard.span.clone()));
            None
        }
    }
}

fn unreadable(error: &std::io::Error, span: Span) -> Diagnostic {
    Diagnostic::error("unreadable-file", error.to_string())
        .at(span)
        .help("The file must exist, be readable, and be UTF-8.")
}

fn merge<T: PartialEq>(into: &mut Vec<T>, more: Vec<T>) {
    for item in more {
        if !into.contains(&item) {
            into.push(item);
        }
    }
}
