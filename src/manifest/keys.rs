//! Foreign keys: each refers to the whole primary key of another model's table.

use indexmap::IndexMap;

use super::{CompiledKey, CompiledModel};
use crate::config::{ForeignKey, Materialization};
use crate::diag::{Diagnostic, Diagnostics, did_you_mean};
use crate::ids::ModelName;

/// Compiles the foreign keys of all models.
pub(super) fn compile(models: &mut IndexMap<ModelName, CompiledModel>, diagnostics: &mut Diagnostics) {
    let mut compiled: Vec<(ModelName, Vec<CompiledKey>)> = Vec::new();
    for model in models.values() {
        let Some(constraints) = &model.config.constraints else { continue };
        let mut keys: Vec<CompiledKey> = Vec::new();
        for key in &constraints.foreign_keys {
            match one(model, key, models) {
                Ok(one) if keys.iter().any(|other| other.name == one.name) => {
                    let message = format!("`{}` has two foreign keys of the same columns", model.config.name);
                    diagnostics.push(Diagnostic::error("bad-value", message).at(key.span.clone()));
                }
                Ok(one) => keys.push(one),
                Err(diagnostic) => diagnostics.push(*diagnostic),
            }
        }
        if !keys.is_empty() {
            compiled.push((model.config.name.clone(), keys));
        }
    }
    for (name, keys) in compiled {
        if let Some(model) = models.get_mut(&name) {
            model.foreign_keys = keys;
        }
    }
}

fn one(
    model: &CompiledModel,
    key: &ForeignKey,
    models: &IndexMap<ModelName, CompiledModel>,
) -> Result<CompiledKey, Box<Diagnostic>> {
    let name = &model.config.name;
    let error = |code, message: String| Box::new(Diagnostic::error(code, message).at(key.span.clone()));
    let Some(other) = models.get(&key.model) else {
        let near = did_you_mean(key.model.as_str(), models.keys().map(ModelName::as_str));
        let help = near.map_or_else(
            || "A foreign key refers to a table of another model.".to_owned(),
            |near| format!("Did you mean `{near}`?"),
        );
        let message = format!("a foreign key of `{name}` refers to `{}`, which is no model", key.model);
        return Err(Box::new(error("unknown-name", message).help(help)));
    };
    if let Some(columns) = &model.columns
        && let Some(column) =
            key.columns.iter().find(|c| !columns.iter().any(|known| known.name.eq_ignore_ascii_case(c)))
    {
        let message = format!("`{name}` has the foreign key `{column}`, which is not one of its columns");
        let near = did_you_mean(column, columns.iter().map(|column| column.name.as_str()));
        let error = error("unknown-column", message);
        return Err(match near {
            Some(near) => Box::new(error.help(format!("Did you mean `{near}`?"))),
            None => error,
        });
    }
    let primary = other.config.constraints.as_ref().map(|all| all.primary_key.as_slice()).unwrap_or_default();
    let place_of = |column: &String| key.references.iter().position(|name| name.eq_ignore_ascii_case(column));
    let places: Vec<usize> = primary.iter().filter_map(place_of).collect();
    if primary.is_empty() || places.len() != key.references.len() || primary.len() != places.len() {
        let message = format!("a foreign key of `{name}` does not refer to the primary key of `{}`", key.model);
        let help = match (primary, other.config.materialized) {
            (_, Materialization::View) => format!("`{}` is a view, and views have no keys.", key.model),
            ([], _) => format!("Say so there: `constraints: {{primary_key: [{}]}}`.", key.references.join(", ")),
            (primary, _) => format!("That has the columns {}.", primary.join(", ")),
        };
        return Err(Box::new(error("bad-value", message).help(help)));
    }
    // In the order of the primary key, as the workspace lists them.
    let columns: Vec<String> = places.iter().map(|place| key.columns[*place].clone()).collect();
    Ok(CompiledKey {
        name: format!("{name}_{}_fk", columns.join("_").to_lowercase()),
        columns,
        model: key.model.clone(),
        table: other.table.clone(),
        references: primary.to_vec(),
        refers_to: primary_key_name(&key.model),
    })
}

/// Names the primary key of a model's table.
pub fn primary_key_name(model: &ModelName) -> String {
    format!("{model}_pk")
}
