//! Unit tests of models against what the models read and return.

use super::names::{Target, source_columns, target};
use super::{CompiledModel, ReadFrom};
use crate::analysis::Column;
use crate::config::{Cell, Project, UnitTest};
use crate::diag::{Diagnostic, Diagnostics, Spanned, did_you_mean};
use crate::ids::{ModelName, TableName};
use indexmap::IndexMap;
use std::sync::Arc;

/// The name under which a unit test gives the rows that an incremental model's own table has already.
pub const OWN_TABLE: &str = "this";

/// A table that a model reads, as a unit test has to make it.
#[derive(Clone, Debug)]
pub struct Input {
    /// The table.
    pub table: TableName,
    /// Names by which a test may give its rows.
    pub names: Vec<String>,
    /// Its columns; none if they are not known.
    pub columns: Option<Arc<[Column]>>,
}

/// Lists the tables that a model reads, be it all of it or for what is new.
pub fn inputs(project: &Project, models: &IndexMap<ModelName, CompiledModel>, model: &CompiledModel) -> Vec<Input> {
    let increment = model.increment.iter().flat_map(|increment| &increment.places);
    let mut inputs: Vec<Input> = Vec::new();
    for place in model.places.iter().chain(increment) {
        let input = match &place.read {
            ReadFrom::Model(name) => {
                let Some(read) = models.get(name) else { continue };
                let own = *name == model.config.name;
                let names = vec![if own { OWN_TABLE.to_owned() } else { name.to_string() }];
                Input { table: read.table.clone(), names, columns: read.columns.clone() }
            }
            ReadFrom::Source(table) => {
                let names = vec![format!("{}.{}", table.schema, table.name), table.to_string()];
                let columns = match target(project, &[table.schema.clone(), table.name.clone()]) {
                    Some(Target::Source(_, Some(declared))) if !declared.columns.is_empty() => {
                        Some(source_columns(declared).into())
                    }
                    _ => None,
                };
                Input { table: table.clone(), names, columns }
            }
        };
        if inputs.iter().all(|other| other.table != input.table) {
            inputs.push(input);
        }
    }
    inputs
}

/// Checks the unit tests of a project.
pub(super) fn check(project: &Project, models: &IndexMap<ModelName, CompiledModel>, diagnostics: &mut Diagnostics) {
    for test in &project.unit_tests {
        match models.get(&test.model.value) {
            Some(model) => check_one(test, model, &inputs(project, models, model), diagnostics),
            // A model that could not be compiled has been told of.
            None if project.models.contains_key(&test.model.value) => {}
            None => {
                let names = project.models.keys().map(ModelName::as_str);
                let message = format!("there is no model `{}` to test", test.model.value);
                let help = match did_you_mean(test.model.value.as_str(), names) {
                    Some(near) => format!("Did you mean `{near}`?"),
                    None => "Name it with `model:`, or name the file after it.".to_owned(),
                };
                let diagnostic = Diagnostic::error("unknown-model", message).help(help);
                diagnostics.push(diagnostic.at(test.model.span.clone()));
            }
        }
    }
}

fn check_one(test: &UnitTest, model: &CompiledModel, inputs: &[Input], diagnostics: &mut Diagnostics) {
    let mut given: Vec<&TableName> = Vec::new();
    for one in &test.given {
        let Some(input) = inputs.iter().find(|input| input.names.contains(&one.table.value)) else {
            let message = format!("`{}` does not read `{}`", model.config.name, one.table.value);
            let names = inputs.iter().filter_map(|input| input.names.first()).map(String::as_str);
            let help = match did_you_mean(&one.table.value, names.clone()) {
                Some(near) => format!("Did you mean `{near}`?"),
                None => format!("It reads: {}.", names.collect::<Vec<_>>().join(", ")),
            };
            diagnostics.push(Diagnostic::error("unknown-table", message).at(one.table.span.clone()).help(help));
            continue;
        };
        if given.contains(&&input.table) {
            let message = format!("the rows of `{}` are given twice", one.table.value);
            diagnostics.push(Diagnostic::error("duplicate-key", message).at(one.table.span.clone()));
        }
        given.push(&input.table);
        check_columns(&one.table.value, &one.rows, input.columns.as_deref(), diagnostics);
    }
    check_columns(model.config.name.as_str(), &test.expect, model.columns.as_deref(), diagnostics);
}

fn check_columns(table: &str, rows: &[Vec<Cell>], columns: Option<&[Column]>, diagnostics: &mut Diagnostics) {
    let Some(columns) = columns else { return };
    let mut told: Vec<&str> = Vec::new();
    for Spanned { value, span } in rows.iter().flatten().map(|cell| &cell.column) {
        let known = columns.iter().any(|column| column.name.eq_ignore_ascii_case(value));
        if known || told.contains(&value.as_str()) {
            continue;
        }
        told.push(value);
        let diagnostic =
            Diagnostic::error("unknown-column", format!("`{table}` has no column `{value}`")).at(span.clone());
        let near = did_you_mean(value, columns.iter().map(|column| column.name.as_str()));
        diagnostics.push(match near {
            Some(near) => diagnostic.help(format!("Did you mean `{near}`?")),
            None => diagnostic,
        });
    }
}
