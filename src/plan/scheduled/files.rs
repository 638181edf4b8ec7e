//! The SQL files of a scheduled job: one for each table, in the order of the models, and one that looks at the sources first.

use std::collections::{BTreeMap, BTreeSet};

use super::super::audit::{named, new_version};
use super::super::details;
use super::super::landed::landed_by;
use super::super::marks::{LOCK_TABLE, NEW_PREFIX};
use super::super::pins::{Gaps, Pinned};
use super::super::run::is_selected;
use super::super::statement::{marked_header, marked_statement};
use super::dashboard_key;
use crate::config::{Job, JobStep, Materialization, SyncIntent};
use crate::dialect::essence;
use crate::ids::{Fingerprint, ModelName, TableName, quote_identifier, string_literal};
use crate::manifest::{CompiledModel, Manifest, Reads};

/// The key of the task that comes first.
pub(super) const FIRST_TASK: &str = "kiln_sources";

/// The key of the task that sets foreign keys.
const KEYS_TASK: &str = "kiln_keys";

/// How old the newest data may be where the job only says that they are synced.
const USUAL_AGE_HOURS: u64 = 24;

/// What a task does, before it has a place in the workspace.
pub(super) enum Work {
    /// It runs statements.
    Sql(SqlFile),
    /// It refreshes this dashboard.
    Dashboard(crate::ids::DashboardName),
}

/// A file of statements.
pub(super) struct SqlFile {
    /// The statements.
    pub(super) text: String,
    /// What becomes another one exactly if they do something else: blanks and comments are no part of it.
    pub(super) fingerprint: Fingerprint,
}

impl SqlFile {
    fn new(text: String) -> Self {
        Self { fingerprint: Fingerprint::of(&[&essence(&text)]), text }
    }

    /// Takes the statements that build a model. They keep its query, comments and all, in a property too.
    fn of_model(text: String, model: &CompiledModel) -> Self {
        let without_kept = text.replace(&string_literal(&model.query.text), "''");
        Self { fingerprint: Fingerprint::of(&[&essence(&without_kept)]), text }
    }
}

/// A task with the keys of those that it needs.
pub(super) struct Planned {
    pub(super) work: Work,
    pub(super) needs: Vec<String>,
}

/// Writes the tasks of a job by their keys.
pub(super) fn tasks(manifest: &Manifest, job: &Job) -> BTreeMap<String, Planned> {
    let models: BTreeMap<&ModelName, (&CompiledModel, String)> = manifest
        .models
        .iter()
        .filter(|(_, model)| is_selected(job, model))
        .filter_map(|(name, model)| Some((name, (model, statements(manifest, model)?))))
        .collect();
    let tasks: BTreeSet<&ModelName> = models.keys().copied().collect();
    let mut planned = BTreeMap::new();
    for (name, (model, sql)) in models {
        let mut needs = BTreeSet::new();
        add_needs(manifest, &model.reads, &tasks, &mut needs);
        for test in &model.tests {
            add_needs(manifest, &test.reads, &tasks, &mut needs);
        }
        needs.remove(name.as_str());
        planned.insert(name.to_string(), task(Work::Sql(SqlFile::of_model(sql, model)), needs));
    }
    for step in &job.steps {
        if let JobStep::Publish(name) = &step.value
            && let Some(dashboard) = manifest.dashboards.get(name)
        {
            let mut needs = BTreeSet::new();
            add_needs(manifest, &dashboard.reads, &tasks, &mut needs);
            planned.insert(dashboard_key(name), task(Work::Dashboard(name.clone()), needs));
        }
    }
    if let Some(task) = keys(manifest, &tasks) {
        planned.insert(KEYS_TASK.to_owned(), task);
    }
    planned.insert(
        FIRST_TASK.to_owned(),
        Planned { work: Work::Sql(SqlFile::new(first_statements(manifest, job))), needs: Vec::new() },
    );
    planned
}

/// Plans the task that sets foreign keys again, of and to the tables that were made anew; none if there are none.
fn keys(manifest: &Manifest, tasks: &BTreeSet<&ModelName>) -> Option<Planned> {
    let (mut needs, mut statements) = (BTreeSet::new(), Vec::new());
    for (name, model) in &manifest.models {
        let both = std::iter::once(name).chain(model.foreign_keys.iter().map(|key| &key.model));
        let made: Vec<String> = both.filter(|name| tasks.contains(name)).map(ModelName::to_string).collect();
        if !model.foreign_keys.is_empty() && !made.is_empty() {
            needs.extend(made);
            statements.extend(details::foreign_keys(model, None));
        }
    }
    (!statements.is_empty()).then(|| task(Work::Sql(SqlFile::new(file(manifest, statements))), needs))
}

/// What waits for nothing else waits for the look at the sources.
fn task(work: Work, needs: BTreeSet<String>) -> Planned {
    let needs = if needs.is_empty() { vec![FIRST_TASK.to_owned()] } else { needs.into_iter().collect() };
    Planned { work, needs }
}

/// Adds the tasks that make what is read, also through views, which need none of their own.
fn add_needs(manifest: &Manifest, reads: &Reads, tasks: &BTreeSet<&ModelName>, needs: &mut BTreeSet<String>) {
    for name in &reads.models {
        if tasks.contains(name) {
            needs.insert(name.to_string());
        } else if let Some(model) = manifest.models.get(name) {
            add_needs(manifest, &model.reads, tasks, needs);
        }
    }
}

/// Writes the statements that bring a model up to date; none if there is nothing to do, as for a view without tests.
fn statements(manifest: &Manifest, model: &CompiledModel) -> Option<String> {
    // The job is put in its place after a deploy has built the model, so there is a version before to compare with.
    let errors: Vec<_> = model.tests.iter().filter(|test| !test.warns).collect();
    let write = |pinned: &Pinned| pinned.write(&model.query, &Gaps::default()).text;
    let tested = |rows: Pinned| {
        let each = errors.iter().map(|test| {
            let name = string_literal(&test.name);
            format!("SELECT {name} AS test, count(*) AS failing FROM (\n{}\n)", test.failing)
        });
        let counts = named(model, &rows).own(each.collect::<Vec<_>>().join("\nUNION ALL\n"));
        let message = string_literal(&format!("{} was not published, its tests failed: ", model.config.name));
        let list = "array_join(sort_array(collect_list(concat(test, ' (', failing, ' failing)'))), '; ')";
        let head = format!(
            "SELECT CASE WHEN count(*) = 0 THEN 'passed' ELSE raise_error(concat({message}, {list})) END AS tests FROM (\n"
        );
        Pinned::default().own(head).then(counts).own("\n) WHERE failing > 0")
    };
    let statements = match model.config.materialized {
        Materialization::View if errors.is_empty() => return None,
        Materialization::View => {
            vec![write(&tested(Pinned::default().own(format!("SELECT * FROM {}", model.table.to_sql()))))]
        }
        Materialization::Table if errors.is_empty() => {
            let made = vec![write(&marked_statement(manifest, model))];
            [made, details::after(model, details::Before::Unknown)].concat()
        }
        Materialization::Table => {
            // A place of its own, so that a run of kiln beside it does not get in its way.
            let new = TableName::new(
                &manifest.catalog,
                &manifest.schema,
                &format!("{NEW_PREFIX}{}__scheduled", model.config.name),
            );
            let rows = Pinned::default().own(format!("SELECT * FROM {}", new.to_sql()));
            let published = vec![
                write(&new_version(manifest, model, &new)),
                write(&tested(rows.clone())),
                write(&marked_header(manifest, model).then(rows)),
            ];
            [
                published,
                details::after(model, details::Before::Unknown),
                vec![format!("DROP TABLE IF EXISTS {}", new.to_sql())],
            ]
            .concat()
        }
    };
    Some(file(manifest, statements))
}

/// Writes the statements that come before all others: nobody changes the schema, and the sources are as fresh as asked.
fn first_statements(manifest: &Manifest, job: &Job) -> String {
    let (catalog, schema) = (&manifest.catalog, &manifest.schema);
    let busy = string_literal(&format!(
        "another run changes {catalog}.{schema} at the moment: the properties of its table {LOCK_TABLE} tell which"
    ));
    let mut statements = vec![format!(
        "SELECT CASE WHEN count(*) = 0 THEN 'free' ELSE raise_error({busy}) END AS schema_is\nFROM \
         {}.information_schema.tables WHERE table_schema = {} AND table_name = {}",
        quote_identifier(catalog),
        string_literal(&schema.to_lowercase()),
        string_literal(LOCK_TABLE),
    )];
    for step in &job.steps {
        let JobStep::Sync(sync) = &step.value else { continue };
        let Some(connection) = manifest.connections.get(&sync.connection) else { continue };
        let seconds = match sync.wishes.or(connection.sync).intent {
            Some(SyncIntent::EnsureFresh(age) | SyncIntent::Observe(age)) => age.as_secs(),
            Some(SyncIntent::Sync) | None => USUAL_AGE_HOURS * 3600,
        };
        let tables = landed_by(manifest, &sync.connection);
        if tables.is_empty() {
            continue;
        }
        let newest =
            tables.iter().map(|table| format!("SELECT max(_fivetran_synced) AS synced FROM {}", table.name.to_sql()));
        let newest = newest.collect::<Vec<_>>().join("\nUNION ALL\n");
        let old = string_literal(&format!("the data of connection {} are stale: synced last at ", sync.connection));
        let limit = string_literal(&format!(", and may be {} old", age_in_words(seconds)));
        statements.push(format!(
            "SELECT CASE WHEN max(synced) >= timestampadd(SECOND, -{seconds}, current_timestamp()) THEN 'fresh' ELSE \
             raise_error(concat({old}, coalesce(CAST(max(synced) AS STRING), 'no time'), {limit})) END AS data_are\n\
             FROM (\n{newest}\n)"
        ));
    }
    file(manifest, statements)
}

fn age_in_words(seconds: u64) -> String {
    match seconds {
        s if s % 3600 == 0 => format!("{} h", s / 3600),
        s if s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

/// Puts statements into a file, which says first where names without a schema are looked up.
fn file(manifest: &Manifest, statements: Vec<String>) -> String {
    let (catalog, schema) = (quote_identifier(&manifest.catalog), quote_identifier(&manifest.schema));
    let mut text = format!(
        "-- Written by kiln for the project {}; it is written anew by `kiln deploy`.\nUSE CATALOG {catalog};\nUSE SCHEMA {schema};\n",
        manifest.project
    );
    for statement in statements {
        // On a line of its own, for the statement may end in a comment.
        text.push_str(&format!("\n{}\n;\n", statement.trim_end()));
    }
    text
}
