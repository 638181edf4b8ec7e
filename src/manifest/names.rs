//! Which table a name of a query stands for.

use std::borrow::Cow;

use super::history::HISTORY_TABLE;
use crate::analysis::{Column, DataType};
use crate::config::{Model, Project, Source, SourceTable};
use crate::ids::{ModelName, TableName};

/// Columns that Fivetran adds to every table it lands (soft delete mode).
const SYSTEM_COLUMNS: [(&str, &str); 2] = [("_fivetran_synced", "TIMESTAMP"), ("_fivetran_deleted", "BOOLEAN")];

/// What a name in a query stands for.
pub(super) enum Target<'a> {
    Model(&'a ModelName),
    Source(&'a str, Option<&'a SourceTable>),
    /// A schema that the workspace itself keeps, such as `information_schema` or the catalog `system`.
    System,
}

/// Finds what a table name stands for; none if the project knows nothing of that name.
pub(super) fn target<'a>(project: &'a Project, parts: &[String]) -> Option<Target<'a>> {
    let environment = &project.environment;
    let (catalog, schema, name) = match parts {
        [name] => (None, None, name),
        [schema, name] => (None, Some(schema), name),
        [catalog, schema, name] => (Some(catalog), Some(schema), name),
        _ => return None,
    };
    if catalog.is_some_and(|c| same(c, "system")) || schema.is_some_and(|s| same(s, "information_schema")) {
        return Some(Target::System);
    }
    let in_own_catalog = catalog.is_none_or(|c| same(c, &environment.catalog));
    if in_own_catalog && schema.is_none_or(|s| same(s, &environment.schema)) {
        let is_lower = !name.contains(|c: char| !c.is_ascii() || c.is_ascii_uppercase());
        let name = if is_lower { Cow::Borrowed(name.as_str()) } else { Cow::Owned(name.to_lowercase()) };
        return project.models.get_key_value(&*name).map(|(name, _)| Target::Model(name));
    }
    let (schema_name, source) = project.sources.iter().find(|(own, _)| schema.is_some_and(|s| same(s, own)))?;
    if catalog.is_some_and(|c| !same(c, source.catalog.as_deref().unwrap_or(&environment.catalog))) {
        return None;
    }
    // Most write a name as it is declared.
    let table = source.tables.get(name).or_else(|| {
        let found = source.tables.iter().find(|(own, _)| same(own, name));
        found.map(|(_, table)| table)
    });
    table.map(|table| Target::Source(schema_name, Some(table)))
}

/// Names are the same in any case.
fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || (!(one.is_ascii() && other.is_ascii()) && one.to_lowercase() == other.to_lowercase())
}

/// Finds which table of this environment a name means that a dashboard writes with the catalog or schema of another one, as
/// when it was made there; none if it is no such name.
pub(super) fn retargeted(project: &Project, parts: &[String]) -> Option<Vec<String>> {
    if target(project, parts).is_some() || is_history(project, parts) {
        return None;
    }
    let own = &project.environment;
    let others = || project.homes.iter().filter(|home| home.environment != own.name);
    let is_model = |name: &str| project.models.contains_key(&*name.to_lowercase()) || is(HISTORY_TABLE, name);
    match parts {
        [schema, name] if is_model(name) && others().any(|home| is(&home.schema, schema)) => {
            Some(vec![own.schema.clone(), name.clone()])
        }
        [catalog, schema, name]
            if is_model(name) && others().any(|home| is(&home.catalog, catalog) && is(&home.schema, schema)) =>
        {
            Some(vec![own.catalog.clone(), own.schema.clone(), name.clone()])
        }
        [catalog, schema, name] if others().any(|home| is(&home.catalog, catalog)) => {
            let here = [own.catalog.clone(), schema.clone(), name.clone()];
            match target(project, &here) {
                Some(Target::Source(schema, _)) if project.sources[schema].catalog.is_none() => Some(here.to_vec()),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Returns a name that a dashboard writes as it means a table of this environment.
pub(super) fn here<'a>(project: &Project, parts: &'a [String]) -> Cow<'a, [String]> {
    retargeted(project, parts).map_or(Cow::Borrowed(parts), Cow::Owned)
}

/// Tells whether somebody else could not know a name for one of this project, since it has the catalog or schema of an
/// environment that takes them from variables.
pub(super) fn is_personal(project: &Project, parts: &[String]) -> bool {
    let (catalog, schema) = match parts {
        [schema, _] => (None, schema),
        [catalog, schema, _] => (Some(catalog), schema),
        _ => return false,
    };
    project.homes.iter().any(|home| {
        let of_catalog = catalog.is_some_and(|catalog| is(&home.catalog, catalog));
        home.catalog_varies && of_catalog
            || home.schema_varies && is(&home.schema, schema) && (of_catalog || catalog.is_none())
    })
}

fn is(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Tells whether a query of a dashboard means the table that tells of runs.
pub(super) fn is_history(project: &Project, parts: &[String]) -> bool {
    let same = |part: &String, own: &str| part.eq_ignore_ascii_case(own);
    let (catalog, schema) = (&project.environment.catalog, &project.environment.schema);
    match parts {
        [name] => same(name, HISTORY_TABLE),
        [of, name] => same(of, schema) && same(name, HISTORY_TABLE),
        [of, within, name] => same(of, catalog) && same(within, schema) && same(name, HISTORY_TABLE),
        _ => false,
    }
}

/// Lists the names of a project's models and sources, as queries write them.
pub(super) fn known_names(project: &Project) -> Vec<String> {
    let tables = |(schema, source): (&String, &Source)| -> Vec<String> {
        source.tables.keys().map(|table| format!("{schema}.{table}")).collect()
    };
    project.models.keys().map(ToString::to_string).chain(project.sources.iter().flat_map(tables)).collect()
}

/// Returns the columns of a source's table: the declared ones, and those that Fivetran adds.
pub(super) fn source_columns(table: &SourceTable) -> Vec<Column> {
    let declared = table.columns.iter().map(|(name, type_)| (name.as_str(), type_.as_str()));
    // Of a table that was read, it is known whether it has them.
    let has = |name: &str| table.locked.as_ref().is_none_or(|locked| locked.contains_key(name));
    let system = SYSTEM_COLUMNS.into_iter().filter(|(name, _)| !table.columns.contains_key(*name) && has(name));
    declared
        .chain(system)
        .map(|(name, type_)| Column { name: name.to_owned(), data_type: DataType::parse(type_) })
        .collect()
}

pub(super) fn table_name(project: &Project, model: &Model) -> TableName {
    TableName::new(&project.environment.catalog, &project.environment.schema, model.name.as_str())
}
