//! The statements that build models: a header that kiln writes, then the model's query.

use super::details;
use super::marks;
use super::pins::{Pinned, Query};
use crate::config::{Materialization, Strategy};
use crate::ids::{quote_identifier, string_literal};
use crate::manifest::{CompiledModel, Manifest};

/// Writes the statement that builds a model.
pub(super) fn marked_statement(manifest: &Manifest, model: &CompiledModel) -> Pinned {
    let header = marked_header(manifest, model);
    match model.config.materialized {
        // A view is read later, at what its sources are then.
        Materialization::View => header.plain_query(model),
        Materialization::Table => header.then(whole_query(manifest, model)),
    }
}

/// Writes the whole query of a model that is a table.
pub(super) fn whole_query(manifest: &Manifest, model: &CompiledModel) -> Pinned {
    let filter = soft_delete(model).map(|flag| format!("\nWHERE NOT coalesce({flag}, false)"));
    let filter = filter.map_or_else(Pinned::default, |filter| Pinned::default().own(filter));
    Pinned::default().pinned_query(manifest, Query::whole(model), filter)
}

/// Returns the column that is true in deleted rows, if the model has one.
pub(super) fn soft_delete(model: &CompiledModel) -> Option<String> {
    match &model.config.incremental.as_ref()?.strategy {
        Strategy::Merge { soft_delete, .. } => soft_delete.as_ref().map(|flag| quote_identifier(flag)),
        Strategy::Append | Strategy::InsertOverwrite { .. } | Strategy::OverwritePartitions { .. } => None,
    }
}

/// What kiln writes on a schema that it makes, so that it can be told from one that was there before.
pub const SCHEMA_COMMENT: &str = "Made by kiln: `kiln destroy` drops it when nothing else is in it";

/// Writes the statement that makes a schema if it is not there.
pub fn schema_creation(catalog: &str, schema: &str) -> String {
    let (catalog, schema) = (quote_identifier(catalog), quote_identifier(schema));
    format!("CREATE SCHEMA IF NOT EXISTS {catalog}.{schema} COMMENT {}", string_literal(SCHEMA_COMMENT))
}

/// Writes the statement that builds a model, without the properties that kiln marks it with.
pub fn statement(model: &CompiledModel) -> String {
    let own = own_properties(model);
    let own = if own.is_empty() { String::new() } else { format!("TBLPROPERTIES {}\n", properties(&own)) };
    format!("{}{own}AS\n{}", header_without_marks(model), model.query.text)
}

/// Writes the statement's beginning, up to and with the line break before the query.
pub(super) fn marked_header(manifest: &Manifest, model: &CompiledModel) -> Pinned {
    let all = [own_properties(model), marks::of_model(&manifest.project, model)].concat();
    let header = format!("{}TBLPROPERTIES {}", header_without_marks(model), properties(&all));
    match model.config.materialized {
        Materialization::View => Pinned::default().own(format!("{header}\nAS\n")),
        Materialization::Table => {
            let open = header.trim_end_matches(')');
            Pinned::default().own(format!("{open}, {} = '", string_literal(marks::INPUTS))).inputs().own("')\nAS\n")
        }
    }
}

/// Returns the properties that the project gives a model.
fn own_properties(model: &CompiledModel) -> Vec<(String, String)> {
    model.config.properties.clone().into_iter().collect()
}

fn header_without_marks(model: &CompiledModel) -> String {
    let table = model.table.to_sql();
    let mut header = match model.config.materialized {
        Materialization::View => {
            let columns = details::column_list(model).map(|list| format!(" ({list})")).unwrap_or_default();
            format!("CREATE OR REPLACE VIEW {table}{columns}\n")
        }
        Materialization::Table => format!("CREATE OR REPLACE TABLE {table}\n"),
    };
    if model.config.materialized == Materialization::Table && !model.config.cluster_by.is_empty() {
        header.push_str(&format!("CLUSTER BY {}\n", clustering(&model.config.cluster_by)));
    }
    if let Some(description) = &model.config.description {
        header.push_str(&format!("COMMENT {}\n", string_literal(description)));
    }
    header
}

/// Writes columns to cluster by.
pub(super) fn clustering(columns: &[String]) -> String {
    if columns.is_empty() {
        return "NONE".to_owned();
    }
    format!("({})", columns.iter().map(|c| quote_identifier(c)).collect::<Vec<_>>().join(", "))
}

/// Writes properties of a table.
pub fn properties(properties: &[(String, String)]) -> String {
    let each = properties.iter().map(|(key, value)| format!("{} = {}", string_literal(key), string_literal(value)));
    format!("({})", each.collect::<Vec<_>>().join(", "))
}
