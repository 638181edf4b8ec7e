//! Proof that a sync's data have arrived: the landed tables as the workspace shows them, before and after.

use std::collections::HashMap;
use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};

use super::databricks_build::{statement, thousands};
use super::{Connected, Context, Reporter};
use crate::databricks::wire::Table;
use crate::databricks::{Error, StatementResult};
use crate::http;
use crate::ids::TableName;
use crate::plan::LandedTable;

/// When a row was brought, by Fivetran's clock.
const SYNCED: &str = "_fivetran_synced";
/// Tables that one statement counts rows of.
const BATCH: usize = 100;

/// The landed tables, as the workspace shows them.
#[derive(Clone, Debug, Default)]
pub(super) struct Landed(HashMap<TableName, Table>);

/// What is wrong with what has landed.
pub(super) enum Wrong {
    /// Tables that are not there.
    Missing(Vec<TableName>),
    /// Columns that are not there, or have types that do not fit what is declared: a line each.
    Columns(Vec<String>),
}

/// What landed.
pub(super) struct Arrival {
    /// Rows that are new or changed, table by table in the order of the project.
    rows: Vec<(TableName, u64)>,
    /// Tables that were made anew.
    recreated: Vec<TableName>,
}

/// Lists the tables of the schemas that a connection lands: a request for each schema, or one a page.
pub(super) async fn look(tables: &[LandedTable], connected: &Connected) -> Result<Landed, http::Error> {
    let mut schemas: Vec<(&str, &str)> =
        tables.iter().map(|table| (table.name.catalog.as_str(), table.name.schema.as_str())).collect();
    schemas.sort_unstable();
    schemas.dedup();
    let mut landed = HashMap::new();
    for (catalog, schema) in schemas {
        let listed = match connected.databricks.unity().tables(catalog, schema).await {
            Ok(listed) => listed,
            // Before a first sync there is no schema.
            Err(error) if error.class() == http::Class::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        for table in listed {
            landed.insert(TableName::new(catalog, schema, &table.name), table);
        }
    }
    Ok(Landed(landed))
}

impl Landed {
    fn get(&self, name: &TableName) -> Option<&Table> {
        let same = |other: &TableName| {
            other.catalog.eq_ignore_ascii_case(&name.catalog)
                && other.schema.eq_ignore_ascii_case(&name.schema)
                && other.name.eq_ignore_ascii_case(&name.name)
        };
        self.0.get(name).or_else(|| self.0.iter().find(|(other, _)| same(other)).map(|(_, table)| table))
    }

    /// Compares what is there with what is declared.
    pub(super) fn check(&self, tables: &[LandedTable]) -> Result<(), Wrong> {
        let missing: Vec<TableName> =
            tables.iter().filter(|table| self.get(&table.name).is_none()).map(|table| table.name.clone()).collect();
        if !missing.is_empty() {
            return Err(Wrong::Missing(missing));
        }
        let mut wrong = Vec::new();
        for table in tables {
            let found = self.get(&table.name).and_then(|found| found.columns.as_ref());
            // Without the right to see columns nothing can be said of them.
            let Some(found) = found.filter(|columns| !columns.is_empty()) else { continue };
            wrong.extend(table.misfits(|column| {
                let there = found.iter().find(|other| other.name.eq_ignore_ascii_case(column))?;
                Some(there.type_text.as_deref().unwrap_or_default())
            }));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Wrong::Columns(wrong)) }
    }

    /// Finds out what a sync brought: rows newer than the last good sync before it, and tables made anew.
    pub(super) async fn arrived(
        &self,
        before: &Self,
        since: Option<DateTime<Utc>>,
        tables: &[LandedTable],
        context: &Context,
        reporter: &Reporter,
    ) -> Result<Arrival, Error> {
        let has_synced = |table: &&LandedTable| {
            let columns = self.get(&table.name).and_then(|found| found.columns.as_ref());
            columns.is_none_or(|columns| columns.iter().any(|column| column.name.eq_ignore_ascii_case(SYNCED)))
        };
        let counted: Vec<&LandedTable> = tables.iter().filter(has_synced).collect();
        let mut rows = Vec::with_capacity(counted.len());
        for batch in counted.chunks(BATCH) {
            let ran = statement(count(batch, since), true, context, reporter).await;
            rows.extend(read_counts(batch, &ran.result?));
        }
        let recreated = tables.iter().filter(|table| {
            let was = before.get(&table.name);
            let is = self.get(&table.name);
            matches!((was.and_then(identity), is.and_then(identity)), (Some(was), Some(is)) if was != is)
        });
        Ok(Arrival { rows, recreated: recreated.map(|table| table.name.clone()).collect() })
    }
}

/// What a table that is made anew has another of.
fn identity(table: &Table) -> Option<String> {
    table.table_id.clone().or_else(|| table.created_at.map(|at| at.to_string()))
}

/// Writes the statement that counts the rows that came since a time.
fn count(tables: &[&LandedTable], since: Option<DateTime<Utc>>) -> String {
    let mut sql = String::new();
    for (i, table) in tables.iter().enumerate() {
        if i > 0 {
            sql.push_str("\nUNION ALL\n");
        }
        // Writing to a string cannot fail.
        let _ = write!(sql, "SELECT {i} AS i, count(*) AS n FROM {}", table.name.to_sql());
        if let Some(since) = since {
            let since = since.to_rfc3339_opts(SecondsFormat::Micros, true);
            let _ = write!(sql, " WHERE {SYNCED} > TIMESTAMP '{since}'");
        }
    }
    sql
}

fn read_counts(tables: &[&LandedTable], result: &StatementResult) -> Vec<(TableName, u64)> {
    let number = |cell: Option<&Option<String>>| cell?.as_deref()?.parse::<u64>().ok();
    let mut counts = vec![0; tables.len()];
    for row in &result.rows {
        if let (Some(i), Some(n)) = (number(row.first()), number(row.get(1)))
            && let Some(count) = usize::try_from(i).ok().and_then(|i| counts.get_mut(i))
        {
            *count = n;
        }
    }
    tables.iter().zip(counts).map(|(table, n)| (table.name.clone(), n)).collect()
}

impl Arrival {
    /// Says what landed, in a few words.
    pub(super) fn words(&self) -> String {
        let changed: Vec<&(TableName, u64)> = self.rows.iter().filter(|(_, rows)| *rows > 0).collect();
        let total: u64 = changed.iter().map(|(_, rows)| rows).sum();
        let mut text = match changed.as_slice() {
            [] if self.rows.is_empty() => String::new(),
            [] => "nothing had changed".to_owned(),
            [(table, rows)] => format!("{} rows in {}", thousands(*rows), table.name),
            _ => format!("{} rows in {} of {} tables", thousands(total), changed.len(), self.rows.len()),
        };
        if !self.recreated.is_empty() {
            let names: Vec<&str> = self.recreated.iter().map(|table| table.name.as_str()).collect();
            let separator = if text.is_empty() { "" } else { "; " };
            let _ = write!(text, "{separator}Fivetran made {} anew", names.join(", "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::databricks::wire::TableColumn;

    fn declared(name: &str, columns: &[(&str, &str)]) -> LandedTable {
        let columns: IndexMap<String, String> =
            columns.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
        LandedTable { name: TableName::new("main", "shop_public", name), columns }
    }

    fn landed(name: &str, id: &str, columns: &[(&str, &str)]) -> (TableName, Table) {
        let column = |(name, data_type): &(&str, &str)| TableColumn {
            name: (*name).to_owned(),
            type_text: Some((*data_type).to_owned()),
            ..TableColumn::default()
        };
        let table = Table {
            name: name.to_owned(),
            table_id: Some(id.to_owned()),
            columns: Some(columns.iter().map(column).collect()),
            ..Table::default()
        };
        (TableName::new("main", "shop_public", name), table)
    }

    #[test]
    fn missing_tables_missing_columns_and_types_that_do_not_fit_are_found() {
        let there = Landed(HashMap::from([landed("orders", "1", &[("ID", "int"), ("total", "decimal(14,2)")])]));
        assert!(there.check(&[declared("orders", &[("id", "BIGINT")])]).is_ok(), "an INT fits a BIGINT");
        assert!(there.check(&[declared("Orders", &[])]).is_ok(), "names have no case");
        let Err(Wrong::Missing(names)) = there.check(&[declared("orders", &[]), declared("gone", &[])]) else {
            panic!("a table is missing")
        };
        assert_eq!(names[0].name, "gone");
        let wanted = declared("orders", &[("id", "INT"), ("total", "DECIMAL(12,2)"), ("email", "STRING")]);
        let Err(Wrong::Columns(lines)) = there.check(&[wanted]) else { panic!("columns are wrong") };
        assert_eq!(
            lines,
            [
                "main.shop_public.orders: `total` is DECIMAL(14,2) and declared as DECIMAL(12,2)",
                "main.shop_public.orders has no column `email`"
            ]
        );
    }

    #[test]
    fn rows_are_counted_in_one_statement_and_told_in_few_words() {
        let tables = [declared("orders", &[]), declared("customers", &[])];
        let since = "2026-09-01T02:14:29.013729Z".parse().unwrap();
        let sql = count(&tables.iter().collect::<Vec<_>>(), Some(since));
        assert_eq!(
            sql,
            "SELECT 0 AS i, count(*) AS n FROM main.shop_public.orders WHERE _fivetran_synced > \
             TIMESTAMP '2026-09-01T02:14:29.013729Z'\nUNION ALL\nSELECT 1 AS i, count(*) AS n FROM \
             main.shop_public.customers WHERE _fivetran_synced > TIMESTAMP '2026-09-01T02:14:29.013729Z'"
        );
        let rows = |a, b| vec![(tables[0].name.clone(), a), (tables[1].name.clone(), b)];
        let words = |rows, recreated| Arrival { rows, recreated }.words();
        assert_eq!(words(rows(0, 0), vec![]), "nothing had changed");
        assert_eq!(words(rows(1_200, 0), vec![]), "1,200 rows in orders");
        assert_eq!(
            words(rows(1_200, 34), vec![tables[1].name.clone()]),
            "1,234 rows in 2 of 2 tables; Fivetran made customers anew"
        );
    }
}
