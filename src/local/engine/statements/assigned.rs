//! What `SET` gives values to: columns of a table, and fields of its structs.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::{DataType, Schema};

use crate::dialect::{Assignment, Name};
use crate::local::engine::catalog::quoted;
use crate::local::engine::error::SqlError;
use crate::local::engine::functions::fields;
use crate::local::engine::plan::Scope;
use crate::local::engine::types;

/// A column, or a field inside it.
#[derive(Clone, Debug)]
pub(super) struct Assigned {
    /// The column's place in the table.
    pub(super) place: usize,
    /// The places of the fields on the way into it.
    path: Vec<usize>,
}

impl Assigned {
    /// Whether it is a field, and not the whole column.
    pub(super) fn is_field(&self) -> bool {
        !self.path.is_empty()
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.place == other.place && self.path.iter().zip(&other.path).all(|(a, b)| a == b)
    }
}

/// What each assignment sets, by itself or after the name by which the table goes. Refuses what is set twice.
pub(super) fn set_once(
    scope: &Scope,
    schema: &Schema,
    owner: &str,
    assignments: &[Assignment],
) -> Result<Vec<Assigned>, SqlError> {
    let mut all: Vec<Assigned> = Vec::new();
    for assignment in assignments {
        let found = assigned(scope, schema, owner, &assignment.column)?;
        if all.iter().any(|other| other.overlaps(&found)) {
            let name = quoted(&[schema.field(found.place).name()]);
            let text = format!("There is a conflict from these SET columns: {name} is set twice.");
            let error = SqlError::new("DELTA_CONFLICT_SET_COLUMN", "42701", text);
            return Err(error.at(scope.place(&assignment.column)));
        }
        all.push(found);
    }
    Ok(all)
}

fn assigned(scope: &Scope, schema: &Schema, owner: &str, column: &Name) -> Result<Assigned, SqlError> {
    let parts = scope.parts(column)?;
    let column_at = |name: &str| schema.fields().iter().position(|field| field.name().eq_ignore_ascii_case(name));
    let (place, way) = match parts.as_slice() {
        [table, name, way @ ..] if table.eq_ignore_ascii_case(owner) && column_at(name).is_some() => {
            (column_at(name), way)
        }
        [name, way @ ..] => (column_at(name), way),
        [] => (None, &[][..]),
    };
    let Some(place) = place else {
        let columns: Vec<_> = schema.fields().iter().map(|field| quoted(&[field.name()])).collect();
        let parts: Vec<_> = parts.iter().map(String::as_str).collect();
        return Err(SqlError::new(
            "DELTA_MERGE_UNRESOLVED_EXPRESSION",
            "42601",
            format!("Cannot resolve {} among the columns {}.", quoted(&parts), columns.join(", ")),
        )
        .at(scope.place(column)));
    };
    let mut path = Vec::new();
    let mut at = schema.field(place).data_type();
    for name in way {
        let DataType::Struct(fields) = at else {
            let text = format!(
                "Only structs have fields that can be set, but {} is of the type {}.",
                quoted(&[schema.field(place).name()]),
                types::from_arrow(at)
            );
            return Err(
                SqlError::new("DELTA_UNSUPPORTED_FIELD_UPDATE_NON_STRUCT", "0AKDC", text).at(scope.place(column))
            );
        };
        let field = fields::place(at, name).map_err(|error| error.at(scope.place(column)))?;
        path.push(field);
        at = fields[field].data_type();
    }
    Ok(Assigned { place, path })
}

/// The columns that get new values, with these: where only fields are set, the struct with its other fields as they
/// are. The structs are read from columns of `owner`.
pub(super) fn whole(
    schema: &Schema,
    owner: &str,
    set: impl IntoIterator<Item = (Assigned, String)>,
) -> Vec<(usize, String)> {
    let mut by_column: BTreeMap<usize, Vec<Inside>> = BTreeMap::new();
    for (assigned, value) in set {
        by_column.entry(assigned.place).or_default().push((assigned.path, value));
    }
    let value = |(place, set): (usize, Vec<Inside>)| {
        let field = schema.field(place);
        let set: Vec<_> = set.iter().map(|(path, value)| (path.as_slice(), value.as_str())).collect();
        (place, rebuilt(&[owner, field.name()], field.data_type(), &set))
    };
    by_column.into_iter().map(value).collect()
}

/// The way into a column, and the value there.
type Inside = (Vec<usize>, String);

/// A value with some of its fields set.
fn rebuilt(own: &[&str], data_type: &DataType, set: &[(&[usize], &str)]) -> String {
    if let [([], value)] = set {
        return (*value).to_owned();
    }
    let DataType::Struct(fields) = data_type else { return quoted(own) };
    let parts = fields.iter().enumerate().map(|(i, field)| {
        let inside: Vec<_> = set
            .iter()
            .filter_map(|(path, value)| {
                path.split_first().filter(|(first, _)| **first == i).map(|(_, rest)| (rest, *value))
            })
            .collect();
        let path: Vec<&str> = own.iter().copied().chain([field.name().as_str()]).collect();
        let value = if inside.is_empty() { quoted(&path) } else { rebuilt(&path, field.data_type(), &inside) };
        let name = field.name().replace('\\', "\\\\").replace('\'', "\\'");
        format!("'{name}', CAST({value} AS {})", types::from_arrow(field.data_type()))
    });
    format!("named_struct({})", parts.collect::<Vec<_>>().join(", "))
}
