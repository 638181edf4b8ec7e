//! How large tables are, in a bounded number of requests.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use crate::databricks::wire::TableType;
use crate::databricks::{BRIEF, Client, Error, Progress, Statement, StatementResult};
use crate::http::Class;
use crate::ids::{TableName, WarehouseId};
use crate::plan::Size;

/// Of so many tables at most the bytes are asked for, which takes a statement each.
const MOST_DETAILS: usize = 20;
/// So many of these statements at a time.
const AT_ONCE: usize = 5;

/// Tells how large those of the tables are that exist: one request for each of their schemas, one statement for the rows of
/// all, and one for the bytes of each of the first twenty. What the warehouse does not tell is not known, and no error.
///
/// # Errors
/// If the workspace cannot be reached.
pub async fn sizes(
    client: &Client,
    warehouse: &WarehouseId,
    tables: &BTreeSet<TableName>,
) -> Result<BTreeMap<TableName, Size>, Error> {
    let (mut sizes, mut own) = (BTreeMap::new(), Vec::new());
    let schemas: BTreeSet<(&str, &str)> = tables.iter().map(|t| (t.catalog.as_str(), t.schema.as_str())).collect();
    for (catalog, schema) in schemas {
        let there = match client.unity().table_summaries(catalog, schema).await {
            Ok(there) => there,
            Err(error) if error.class() == Class::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        let there: BTreeMap<String, Option<TableType>> =
            there.into_iter().map(|table| (table.full_name.to_lowercase(), table.table_type)).collect();
        for table in tables.iter().filter(|table| table.catalog == catalog && table.schema == schema) {
            let Some(kind) = there.get(&table.to_string()) else { continue };
            sizes.insert(table.clone(), Size::default());
            // To count the rows of anything else can take long.
            if matches!(kind, Some(TableType::Managed | TableType::External)) {
                own.push(table);
            }
        }
    }
    if own.is_empty() {
        return Ok(sizes);
    }
    // A Delta table's rows are counted from its log.
    let counts = own
        .iter()
        .enumerate()
        .map(|(place, table)| format!("SELECT {place} AS place, count(*) AS row_count FROM {}", table.to_sql()));
    let counted = ask(client, warehouse, counts.collect::<Vec<_>>().join("\nUNION ALL\n")).await?;
    for row in counted.into_iter().flat_map(|counted| counted.rows) {
        let cell = |place: usize| row.get(place).and_then(Option::as_deref);
        let table = cell(0).and_then(|place| own.get(place.parse::<usize>().ok()?));
        if let Some(size) = table.and_then(|table| sizes.get_mut(*table)) {
            size.rows = cell(1).and_then(|rows| rows.parse().ok());
        }
    }
    let details = own.iter().take(MOST_DETAILS).map(|table| async {
        let answer = ask(client, warehouse, format!("DESCRIBE DETAIL {}", table.to_sql())).await?;
        Ok::<_, Error>(((*table).clone(), answer.as_ref().and_then(bytes)))
    });
    let details: Vec<_> = futures::stream::iter(details).buffered(AT_ONCE).collect().await;
    for detail in details {
        let (table, bytes) = detail?;
        if let Some(size) = sizes.get_mut(&table) {
            size.bytes = bytes;
        }
    }
    Ok(sizes)
}

fn bytes(detail: &StatementResult) -> Option<u64> {
    let column = detail.columns.iter().position(|column| column.name.eq_ignore_ascii_case("sizeInBytes"))?;
    detail.rows.first()?.get(column)?.as_deref()?.parse().ok()
}

/// Asks the warehouse; nothing if it refuses, as where rights are missing.
async fn ask(client: &Client, warehouse: &WarehouseId, sql: String) -> Result<Option<StatementResult>, Error> {
    let statement = Statement { read_only: true, within: Some(BRIEF), ..Statement::new(sql, warehouse.clone()) };
    let never = CancellationToken::new();
    match client.statements().execute(&statement, &never, &mut |_: Progress| {}).await {
        Ok(answer) => Ok(Some(answer)),
        Err(Error::Statement(error)) => {
            tracing::debug!(%error, "what a build reads cannot be told");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
