//! `WITH SCHEMA EVOLUTION`: columns that a statement brings and the table does not have yet.

use deltalake::kernel::StructField;

use super::columns;
use crate::local::engine::error::SqlError;
use crate::local::engine::features;
use crate::local::engine::plan::Planned;
use crate::local::engine::write::Definition;

/// Adds the columns of a query that the table does not have, behind its own; the first ones are passed over.
pub(super) fn with_columns_of(definition: &mut Definition, planned: &Planned, skip: usize) -> Result<(), SqlError> {
    let mut fields: Vec<StructField> = definition.schema.fields().cloned().collect();
    for (i, name) in planned.names.iter().enumerate().skip(skip) {
        if !fields.iter().any(|field| field.name().eq_ignore_ascii_case(name)) {
            fields.push(columns::of_query(planned, i, name)?);
        }
    }
    definition.schema = columns::checked(fields)?;
    features::map_columns(definition, false)
}
