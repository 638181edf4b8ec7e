//! A PostgreSQL server as a source.
//!
//! A sync reads all its tables in one snapshot of the database. The first time a table is copied as a whole; later only
//! rows whose transaction (`xmin`) was not over at the last sync, or whose updated-at column is not older, and the keys of
//! all rows, by which those that are gone are found. Rows come as binary `COPY` in batches, whatever the table's size.

mod copy;
mod types;

use std::net::IpAddr;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use futures::StreamExt as _;
use indexmap::IndexMap;
use serde_json::{Value, json};
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

use super::config::PostgresSource;
use super::source::{Changes, RowStream, SourceError, SourceTable};
use crate::secret::Secret;
use copy::Decoder;
use types::Kind;

/// How far transaction numbers can be told apart.
const HORIZON: u64 = 1 << 31;

/// Text in one form, whatever the server's settings are.
const SESSION: &str = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; \
                       SET extra_float_digits = 3; SET statement_timeout = 0; SET bytea_output = 'hex'; \
                       BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A database in one snapshot.
#[derive(Clone)]
pub(super) struct Database(Arc<Inner>);

struct Inner {
    client: Client,
    config: PostgresSource,
    /// What tells this database from another, or from itself after a backup was put back.
    identity: String,
    /// The first transaction that is not over in this snapshot, …
    xmin: u64,
    /// … and the first that has not begun.
    xmax: u64,
    tables: tokio::sync::OnceCell<IndexMap<String, Table>>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("config", &self.0.config).finish_non_exhaustive()
    }
}

/// A table as the database has it.
#[derive(Clone, Debug)]
struct Table {
    oid: u32,
    source: SourceTable,
    /// How each column is read.
    kinds: Vec<Kind>,
}

/// A column, how it is read, and its place in the key; negative: it is in none.
type Column = (Field, Kind, i32);

fn failed(error: &tokio_postgres::Error) -> SourceError {
    match error.as_db_error() {
        // The server's own words, without those of the library round them.
        Some(error) => SourceError::new(format!("{}: {}", error.severity(), error.message())),
        None => SourceError::chain(error),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Whether a server is on this machine: passwords and rows go unencrypted.
fn is_near(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

impl Database {
    /// Connects, and begins the snapshot.
    pub(super) async fn open(config: PostgresSource, address: Option<Secret>) -> Result<Self, SourceError> {
        let variable = &config.variable;
        let address = address.ok_or_else(|| {
            SourceError::new(format!("the address of the database is not known: `{variable}` is not set"))
        })?;
        // The library's error could hold a part of the address.
        let server: Config = address
            .expose()
            .parse()
            .map_err(|_| SourceError::new(format!("`{variable}` holds no address of a PostgreSQL database")))?;
        if !server.get_hosts().iter().all(is_near) {
            return Err(SourceError::new(format!(
                "`{variable}` names a server on another machine, and the embedded Fivetran speaks without encryption; \
                 open a tunnel to it, such as Cloud SQL Auth Proxy, and name that"
            )));
        }
        let (client, connection) = server.connect(NoTls).await.map_err(|error| {
            SourceError::new(format!("cannot connect to the database in `{variable}`: {}", failed(&error).0))
        })?;
        // Ends when the client is dropped.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "the connection to PostgreSQL ended");
            }
        });
        client.batch_execute(SESSION).await.map_err(|error| failed(&error))?;
        let snapshot = client
            .query_one(
                "SELECT pg_snapshot_xmin(s)::text, pg_snapshot_xmax(s)::text, \
                 (SELECT system_identifier::text FROM pg_control_system()) || '/' || current_database() \
                 FROM pg_current_snapshot() AS s",
                &[],
            )
            .await
            .map_err(|error| failed(&error))?;
        let number = |i: usize| snapshot.get::<_, String>(i).parse::<u64>().map_err(|error| SourceError::chain(&error));
        let inner = Inner {
            xmin: number(0)?,
            xmax: number(1)?,
            identity: snapshot.get(2),
            client,
            config,
            tables: tokio::sync::OnceCell::new(),
        };
        Ok(Self(Arc::new(inner)))
    }

    pub(super) async fn tables(&self) -> Result<Vec<SourceTable>, SourceError> {
        Ok(self.known().await?.values().map(|table| table.source.clone()).collect())
    }

    async fn known(&self) -> Result<&IndexMap<String, Table>, SourceError> {
        self.0.tables.get_or_try_init(|| self.read_tables()).await
    }

    async fn read_tables(&self) -> Result<IndexMap<String, Table>, SourceError> {
        let schemas: Vec<&str> = self.0.config.tables.keys().map(String::as_str).collect();
        let rows = self
            .0
            .client
            .query(
                "SELECT n.nspname::text, c.relname::text, c.oid, a.attname::text, coalesce(b.typname, t.typname)::text, \
                 coalesce(b.typtype, t.typtype)::text, coalesce(b.typcategory, t.typcategory)::text, \
                 CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END, \
                 coalesce(array_position(i.indkey::int2[], a.attnum), -1) \
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                 JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype \
                 LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary \
                 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = ANY($1) \
                 ORDER BY n.nspname, c.relname, a.attnum",
                &[&schemas],
            )
            .await
            .map_err(|error| failed(&error))?;
        let mut tables: IndexMap<String, (u32, Vec<Column>)> = IndexMap::new();
        for row in &rows {
            let name = format!("{}.{}", row.get::<_, &str>(0), row.get::<_, &str>(1));
            let column: &str = row.get(3);
            let kind = Kind::of(row.get(4), row.get(5), row.get(6), row.get(7));
            let (_, columns) = tables.entry(name).or_insert_with(|| (row.get(2), Vec::new()));
            columns.push((Field::new(column, kind.arrow(), true), kind, row.get(8)));
        }
        let made = tables.into_iter().map(|(full_name, (oid, columns))| {
            let (schema, name) = full_name.split_once('.').unwrap_or_default();
            let mut key: Vec<(i32, String)> = columns
                .iter()
                .filter(|(_, _, place)| *place >= 0)
                .map(|(field, _, place)| (*place, field.name().clone()))
                .collect();
            key.sort();
            let fields: Vec<Field> = columns.iter().map(|(field, ..)| field.clone()).collect();
            let source = SourceTable {
                schema: schema.to_owned(),
                name: name.to_owned(),
                columns: Arc::new(Schema::new(fields)),
                key: key.into_iter().map(|(_, name)| name).collect(),
            };
            (full_name.clone(), Table { oid, source, kinds: columns.into_iter().map(|(_, kind, _)| kind).collect() })
        });
        Ok(made.collect())
    }

    /// Reads what happened to a table since a cursor; all of it without one.
    pub(super) async fn changes(&self, wanted: &SourceTable, cursor: Option<&Value>) -> Result<Changes, SourceError> {
        let full_name = wanted.full_name();
        let table = self
            .known()
            .await?
            .get(&full_name)
            .ok_or_else(|| SourceError::new(format!("the source has no table {full_name}")))?;
        let updated_at = self.0.config.updated_at.get(&full_name);
        if let Some(column) = updated_at
            && table.source.columns.column_with_name(column).is_none()
        {
            let names: Vec<&str> = table.source.columns.fields().iter().map(|f| f.name().as_str()).collect();
            return Err(SourceError::new(format!(
                "{full_name} has no column `{column}`, which `updated_at` names; it has {}",
                names.join(", ")
            )));
        }
        let latest = match updated_at {
            Some(column) => self.latest(table, column).await?,
            None => None,
        };
        // Other columns, another table of that name, another way: what was read before says nothing then.
        let columns: Vec<String> =
            table.source.columns.fields().iter().map(|f| format!("{} {}", f.name(), f.data_type())).collect();
        let place =
            json!({"database": self.0.identity, "table": table.oid, "columns": columns, "updated_at": updated_at});
        let next = json!({"place": place, "xmin": self.0.xmin, "latest": latest});
        let same = cursor.filter(|old| old["place"] == place && !table.source.key.is_empty());
        let since = same.and_then(|old| match updated_at {
            Some(column) => {
                let (column, latest) = (quoted(column), literal(old["latest"].as_str()?));
                Some(format!("{column} >= {latest} OR {column} IS NULL"))
            }
            None => {
                let xmin = old["xmin"].as_u64()?;
                // Numbers of transactions are 32 bits in rows; those of a backup that was put back may lie ahead.
                let tells = xmin <= self.0.xmax && self.0.xmax - xmin < HORIZON;
                tells.then(|| format!("age(xmin) <= age('{}'::xid)", xmin as u32))
            }
        });
        let all: Vec<usize> = (0..table.kinds.len()).collect();
        Ok(match since {
            None => Changes::Snapshot { rows: self.rows(table, &all, None), cursor: next },
            Some(since) => {
                let key = |name: &String| table.source.columns.index_of(name).ok();
                let key: Vec<usize> = table.source.key.iter().filter_map(key).collect();
                Changes::Keyed {
                    rows: self.rows(table, &all, Some(since)),
                    keys: self.rows(table, &key, None),
                    cursor: next,
                }
            }
        })
    }

    /// The latest value of an updated-at column; none if the table has none.
    async fn latest(&self, table: &Table, column: &str) -> Result<Option<String>, SourceError> {
        let sql = format!("SELECT max({})::text FROM {}", quoted(column), name_of(table));
        let row = self.0.client.query_one(&sql, &[]).await.map_err(|error| failed(&error))?;
        Ok(row.get(0))
    }

    /// The rows of a table with some of its columns; asked for when the stream is first polled.
    fn rows(&self, table: &Table, columns: &[usize], condition: Option<String>) -> RowStream {
        let list: Vec<String> =
            columns.iter().map(|&i| table.kinds[i].expression(&quoted(table.source.columns.field(i).name()))).collect();
        let condition = condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
        let sql =
            format!("COPY (SELECT {} FROM {}{condition}) TO STDOUT (FORMAT binary)", list.join(", "), name_of(table));
        let fields: Vec<Field> = columns.iter().map(|&i| table.source.columns.field(i).clone()).collect();
        let kinds = columns.iter().map(|&i| table.kinds[i]).collect();
        let decoder = Decoder::new(table.source.full_name(), Arc::new(Schema::new(fields)), kinds);
        let database = self.clone();
        let start = futures::stream::once(async move {
            match database.0.client.copy_out(sql.as_str()).await {
                Ok(bytes) => copy::batches(database, bytes.fuse().boxed(), decoder).boxed(),
                Err(error) => futures::stream::once(async move { Err(failed(&error)) }).boxed(),
            }
        });
        start.flatten().boxed()
    }
}

fn name_of(table: &Table) -> String {
    format!("{}.{}", quoted(&table.source.schema), quoted(&table.source.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_servers_on_this_machine_are_spoken_to() {
        for (address, near) in [
            ("postgresql://me@127.0.0.1/shop", true),
            ("postgresql://me@localhost:6543/shop", true),
            ("postgresql://me@%2Fvar%2Frun%2Fpostgresql/shop", true),
            ("postgresql://me@[::1]/shop", true),
            ("postgresql://me@db.example.com/shop", false),
            ("postgresql://me@10.1.2.3,127.0.0.1/shop", false),
        ] {
            let config: Config = address.parse().unwrap();
            assert_eq!(config.get_hosts().iter().all(is_near), near, "{address}");
        }
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_not_shown() {
        let config = PostgresSource {
            variable: "SHOP_DATABASE_URL".to_owned(),
            tables: IndexMap::new(),
            updated_at: IndexMap::new(),
        };
        let error = Database::open(config, Some(Secret::new("mysql://me:hush@127.0.0.1/x"))).await.unwrap_err();
        assert_eq!(error.0, "`SHOP_DATABASE_URL` holds no address of a PostgreSQL database");
    }
}
