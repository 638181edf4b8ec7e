//! The tables that a connection lands: which they are, and whether what is there fits what is declared.

use indexmap::IndexMap;

use crate::config::Source;
use crate::dialect::DataType;
use crate::ids::{ConnectionName, TableName};
use crate::manifest::Manifest;

/// A table that a connection lands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LandedTable {
    /// The table.
    pub name: TableName,
    /// Column → type, as declared; empty: nothing is declared.
    pub columns: IndexMap<String, String>,
}

/// Lists the tables that `sources` declares a connection to land.
pub(super) fn landed_by(manifest: &Manifest, connection: &ConnectionName) -> Vec<LandedTable> {
    let own = |source: &Source| source.connection.as_ref().is_some_and(|by| by.value == *connection);
    let sources = manifest.sources.iter().filter(|(_, source)| own(source));
    let tables = sources.flat_map(|(schema, source)| {
        let catalog = source.catalog.as_ref().unwrap_or(&manifest.catalog);
        source.tables.iter().map(move |(table, declared)| LandedTable {
            name: TableName::new(catalog, schema, table),
            columns: declared.columns.clone(),
        })
    });
    tables.collect()
}

impl LandedTable {
    /// Says of each declared column, in a line, what is wrong with the one that is there. `type_of` gives the type of a
    /// column of the table that is there; an empty one where it is not known.
    pub fn misfits<'a>(&self, type_of: impl Fn(&str) -> Option<&'a str>) -> Vec<String> {
        let misfit = |(column, declared): (&String, &String)| {
            let Some(there) = type_of(column) else { return Some(format!("{} has no column `{column}`", self.name)) };
            let fits = match (DataType::parse(declared), DataType::parse(there)) {
                (Some(declared), Some(there)) => holds(&declared, &there),
                _ => true,
            };
            let there = there.to_uppercase();
            (!fits).then(|| format!("{}: `{column}` is {there} and declared as {declared}", self.name))
        };
        self.columns.iter().filter_map(misfit).collect()
    }
}

/// Tells whether a column that is declared with one type holds every value of another.
fn holds(declared: &DataType, landed: &DataType) -> bool {
    let digits = |data_type: &DataType| match data_type {
        DataType::TinyInt => Some((3, 0)),
        DataType::SmallInt => Some((5, 0)),
        DataType::Int => Some((10, 0)),
        DataType::BigInt => Some((19, 0)),
        DataType::Decimal(precision, scale) => Some((*precision, *scale)),
        _ => None,
    };
    if declared == landed || matches!((declared, landed), (DataType::Double, DataType::Float)) {
        return true;
    }
    match (digits(declared), digits(landed)) {
        // A whole number that is declared stays one: a decimal without fraction is another type all the same.
        (Some(_), Some(_)) if !matches!(declared, DataType::Decimal(..)) && matches!(landed, DataType::Decimal(..)) => {
            false
        }
        (Some((p, s)), Some((q, t))) => s >= t && p - s >= q - t,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_fit_where_every_value_does() {
        for (declared, landed, fits) in [
            ("BIGINT", "int", true),
            ("INT", "bigint", false),
            ("DECIMAL(12,2)", "decimal(10,2)", true),
            ("DECIMAL(12,2)", "decimal(12,3)", false),
            ("DECIMAL(19,0)", "bigint", true),
            ("BIGINT", "decimal(10,0)", false),
            ("DOUBLE", "float", true),
            ("STRING", "int", false),
            ("TIMESTAMP", "date", false),
        ] {
            let parse = |text| DataType::parse(text).unwrap();
            assert_eq!(holds(&parse(declared), &parse(landed)), fits, "{declared} <- {landed}");
        }
    }
}
