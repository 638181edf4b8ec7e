//! Reading the columns of source tables into the lock file.

use indexmap::IndexMap;

use super::connect::Environment;
use super::error::Error;
use super::output::Output;
use crate::config::{LOCK_FILE, LockedSources, Project, Source, is_landed_as, lands_as, lock_text};
use crate::databricks::wire::Table;
use crate::diag::{Diagnostic, Diagnostics};
use crate::fivetran;
use crate::fivetran::wire::SchemaConfig;
use crate::ids::ConnectionId;

/// Reads the columns of all source tables of the project's environment, and writes the lock file.
pub(super) async fn refresh(project: &Project, output: &Output) -> Result<(), Error> {
    let environment = Environment::connect(project, output).await?;
    let read = read(project, &environment).await;
    environment.close().await;
    let (sources, problems) = read?;
    let (tables, columns) =
        sources.values().flat_map(|tables| tables.values()).fold((0, 0), |(t, c), columns| (t + 1, c + columns.len()));
    let path = project.root.join(LOCK_FILE);
    let text = lock_text(&sources);
    let as_before = fs_err::read_to_string(&path).is_ok_and(|before| before == text);
    if !as_before {
        // First beside it, so that a file that is broken off is never read.
        let new = path.with_extension("yaml.new");
        let written = fs_err::write(&new, text).and_then(|()| fs_err::rename(&new, &path));
        written.map_err(|error| Error::refused(error.to_string()))?;
    }
    output.diagnostics(&problems);
    let what = if as_before { "is as before" } else { "written" };
    let name = &project.environment.name;
    output.status(&format!("{LOCK_FILE} {what}: {columns} columns of {tables} tables, as they are in `{name}`"));
    Ok(())
}

async fn read(project: &Project, environment: &Environment) -> Result<(LockedSources, Diagnostics), Error> {
    let mut locked = LockedSources::new();
    let mut problems = Diagnostics::new();
    for (schema, source) in &project.sources {
        let catalog = source.catalog.as_deref().unwrap_or(&project.environment.catalog);
        let there = environment.tables_of(catalog, schema).await?;
        let mut names: Option<SchemaConfig> = None;
        let mut tables = std::collections::BTreeMap::new();
        for (table, declared) in &source.tables {
            if let Some(found) = there.iter().find(|found| found.name.eq_ignore_ascii_case(table)) {
                tables.insert(table.clone(), columns(found));
                continue;
            }
            // What was read before stays: another environment may have it.
            if let Some(before) = &declared.locked {
                tables.insert(table.clone(), before.clone());
            }
            if names.is_none() {
                names = Some(landing_names(project, source, environment.fivetran()).await.unwrap_or_default());
            }
            let landed = landed_as(names.as_ref(), schema, table);
            let landed = landed.or_else(|| {
                there.iter().find(|found| is_landed_as(table, &found.name)).map(|found| found.name.clone())
            });
            let message = format!("there is no table `{catalog}.{schema}.{table}`");
            let kept = if declared.locked.is_some() { " What was read of it before stays." } else { "" };
            let help = match landed {
                Some(landed) => lands_as(table, &landed),
                None if there.is_empty() => format!("The schema is empty, or is not there yet.{kept}"),
                None => format!("Sync it first, or correct its name in jobs.yaml.{kept}"),
            };
            problems.push(Diagnostic::warning("source-lock", message).at(declared.span.clone()).help(help));
        }
        if !tables.is_empty() {
            locked.insert(schema.clone(), tables);
        }
    }
    Ok((locked, problems))
}

/// A table's columns in their order.
fn columns(table: &Table) -> IndexMap<String, String> {
    let mut columns: Vec<_> = table.columns.iter().flatten().collect();
    columns.sort_by_key(|column| column.position);
    let typed = columns.into_iter().map(|column| {
        let data_type = column.type_text.as_ref().or(column.type_name.as_ref());
        // The names of fields are in it, too, and their case is theirs.
        let data_type = data_type
            .map_or_else(String::new, |text| if text.contains('<') { text.clone() } else { text.to_uppercase() });
        (column.name.clone(), data_type)
    });
    typed.filter(|(_, data_type)| !data_type.is_empty()).collect()
}

/// Asks Fivetran under which names a connection lands tables; nothing where it does not say.
async fn landing_names(project: &Project, source: &Source, client: Option<&fivetran::Client>) -> Option<SchemaConfig> {
    let connection = project.connections.get(&source.connection.as_ref()?.value)?;
    let client = client?;
    let id = match connection.id.as_ref().filter(|id| !id.value.is_empty()) {
        Some(id) => ConnectionId::new(&id.value),
        None => ConnectionId::new(
            client.find_by_prefix(&connection.schema_prefix, connection.group.as_deref()).await.ok()?.id,
        ),
    };
    client.schemas(&id).await.ok().flatten()
}

/// Finds the name under which a table of the source lands.
fn landed_as(names: Option<&SchemaConfig>, schema: &str, table: &str) -> Option<String> {
    let schemas = names?.schemas.as_ref()?;
    let (_, node) = schemas
        .iter()
        .find(|(name, node)| node.name_in_destination.as_deref().unwrap_or(name).eq_ignore_ascii_case(schema))?;
    let (_, config) = node.tables.as_ref()?.iter().find(|(name, _)| name.as_str() == table)?;
    config.name_in_destination.clone().filter(|landed| !landed.eq_ignore_ascii_case(table))
}
