//! Whole syncs on temporary folders: what lands, and what does not move.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::DateTime;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::SessionContext;
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::*;
use crate::fivetran::wire::{Connection, SyncState};
use crate::ids::TableName;

struct Bench {
    folder: tempfile::TempDir,
    engine: Engine,
    fivetran: Fivetran,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(&folder.path().join("tables")).await.unwrap();
        let fivetran = Fivetran::open(engine.clone(), &folder.path().join("fivetran"), clock()).unwrap();
        Self { folder, engine, fivetran }
    }

    /// As after the end of the process.
    fn restarted(self) -> Self {
        let Self { folder, engine, .. } = self;
        let fivetran = Fivetran::open(engine.clone(), &folder.path().join("fivetran"), clock()).unwrap();
        Self { folder, engine, fivetran }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn declare(&self, local: Value) -> String {
        let declared = Declared {
            name: "shop".to_owned(),
            id: None,
            service: "google_cloud_postgresql".to_owned(),
            schema_prefix: "shop".to_owned(),
            catalog: "main".to_owned(),
            tables: IndexMap::new(),
            columns: IndexMap::new(),
            local: Some(serde_json::from_value(local).unwrap()),
            address: None,
            scenario: None,
        };
        self.fivetran.ensure_connection(&declared).unwrap().as_str().to_owned()
    }

    fn connection(&self, id: &str) -> Connection {
        self.fivetran.connections.state().connections[id].document.connection.clone()
    }

    /// Syncs, waits for the end and returns the connection.
    async fn sync(&self, id: &str) -> Connection {
        let all = &self.fivetran.connections;
        {
            let mut state = all.state();
            all.trigger(&mut state, id, false);
            assert_eq!(state.connections[id].document.connection.status.sync_state, SyncState::Syncing);
        }
        while self.connection(id).status.sync_state == SyncState::Syncing {
            // Polls as a client would, without taking the time of the sync itself.
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        self.connection(id)
    }

    /// Syncs with success.
    async fn synced(&self, id: &str) {
        let before = self.connection(id).succeeded_at;
        let after = self.sync(id).await;
        assert_eq!(after.status.tasks, []);
        assert!(after.succeeded_at > before);
    }

    /// Syncs with a failure and returns the task's details.
    async fn fails(&self, id: &str) -> String {
        let before = self.connection(id);
        let after = self.sync(id).await;
        assert!(after.failed_at > before.failed_at && after.succeeded_at == before.succeeded_at);
        after.status.tasks[0].details.clone().unwrap()
    }

    fn dir(&self, table: &str) -> PathBuf {
        self.engine.table_dir(&TableName::new("main", "shop_public", table))
    }

    async fn version(&self, table: &str) -> u64 {
        replicate::open(&self.dir(table)).await.unwrap().unwrap().version().unwrap()
    }

    /// Rows of a query over the table, as texts.
    async fn rows(&self, table: &str, sql: &str) -> Vec<String> {
        let delta = replicate::open(&self.dir(table)).await.unwrap().unwrap();
        let context = SessionContext::new();
        context.register_table("t", delta.table_provider().await.unwrap()).unwrap();
        texts(&context.sql(sql).await.unwrap().collect().await.unwrap())
    }
}

fn clock() -> Clock {
    static SECONDS: AtomicI64 = AtomicI64::new(1_790_000_000);
    Arc::new(|| DateTime::from_timestamp(SECONDS.fetch_add(1, Ordering::Relaxed), 0).unwrap())
}

fn texts(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in batches {
        let cells: Vec<_> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            rows.push(cells.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    rows
}

fn orders_from(path: &Path) -> Value {
    json!({"files": {"public.orders": {"path": path, "key": ["id"], "columns": {"amount": "DECIMAL(12,2)"}}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_upserted_by_key_and_missing_rows_are_marked_as_deleted() {
    let bench = Bench::new().await;
    let path = bench.write("orders.csv", "id,amount,Note\n1,10.00,a\n2,20.5,\n3,30,c\n");
    let id = bench.declare(orders_from(&path));
    bench.synced(&id).await;
    let all = "SELECT id, amount, note, _fivetran_deleted FROM t ORDER BY id";
    assert_eq!(bench.rows("orders", all).await, ["1|10.00|a|false", "2|20.50|NULL|false", "3|30.00|c|false"]);
    assert_eq!(bench.version("orders").await, 0);

    // 1 stays, 2 changes, 3 goes, 4 comes.
    bench.write("orders.csv", "id,amount,Note\n1,10.00,a\n2,21.00,\n4,40,d\n");
    bench.synced(&id).await;
    let second = ["1|10.00|a|false", "2|21.00|NULL|false", "3|30.00|c|true", "4|40.00|d|false"];
    assert_eq!(bench.rows("orders", all).await, second);
    assert_eq!(bench.version("orders").await, 1, "one commit a sync");
    let times = "SELECT count(DISTINCT _fivetran_synced), min(id) FROM t GROUP BY _fivetran_synced ORDER BY 2";
    assert_eq!(bench.rows("orders", times).await, ["1|1", "1|2"], "only rows that changed are brought again");

    // 3 is back as it was.
    bench.write("orders.csv", "id,amount,Note\n1,10.00,a\n2,21.00,\n3,30,c\n4,40,d\n");
    bench.synced(&id).await;
    assert_eq!(bench.rows("orders", "SELECT count(*) FROM t WHERE NOT _fivetran_deleted").await, ["4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_news_does_not_move() {
    let bench = Bench::new().await;
    let path = bench.write("orders.csv", "id,amount\n1,10.00\n2,20.00\n");
    let id = bench.declare(orders_from(&path));
    bench.synced(&id).await;
    bench.synced(&id).await;
    assert_eq!(bench.version("orders").await, 0);
    // Other bytes, same rows in another order.
    bench.write("orders.csv", "id,amount\n2,20.0\n1,10\n");
    bench.synced(&id).await;
    assert_eq!(bench.version("orders").await, 0);
    let files = std::fs::read_dir(bench.dir("orders")).unwrap().count();
    assert_eq!(files, 2, "the log and one file: nothing is left lying about");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_columns_are_added_and_lost_ones_are_null_from_then_on() {
    let bench = Bench::new().await;
    let path = bench.write("orders.csv", "id,amount,old\n1,10.00,x\n2,20.00,y\n");
    let id = bench.declare(orders_from(&path));
    bench.synced(&id).await;
    bench.write("orders.csv", "id,amount,new\n1,10.00,\n2,20.00,n\n3,30.00,m\n");
    bench.synced(&id).await;
    let all = "SELECT id, old, new FROM t ORDER BY id";
    assert_eq!(bench.rows("orders", all).await, ["1|x|NULL", "2|NULL|n", "3|NULL|m"]);
    assert_eq!(bench.version("orders").await, 1, "schema and rows in one commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_value_fails_the_sync_with_its_place_and_leaves_all_tables_alone() {
    let bench = Bench::new().await;
    let orders = bench.write("orders.csv", "id,amount\n1,10.00\n");
    let customers = bench.write("customers.csv", "id,name\n1,Ann\n");
    let local = json!({"files": {
        "public.customers": {"path": customers, "key": ["id"]},
        "public.orders": {"path": orders, "key": ["id"], "columns": {"amount": "DECIMAL(12,2)"}},
    }});
    let id = bench.declare(local);
    bench.synced(&id).await;
    bench.write("customers.csv", "id,name\n1,Ann\n2,Ben\n");
    bench.write("orders.csv", "id,amount\n1,10.00\n2,\"a\nb\"\n");
    let details = bench.fails(&id).await;
    assert_eq!(details, format!("{}:3: `amount` = `a\nb` is not a DECIMAL(12,2)", orders.display()));
    assert_eq!((bench.version("customers").await, bench.version("orders").await), (0, 0));
    bench.write("orders.csv", "id,amount\n1,10.00\n2,5\n");
    bench.synced(&id).await;
    assert_eq!((bench.version("customers").await, bench.version("orders").await), (1, 1));
    assert!(bench.connection(&id).failed_at.is_some(), "a success does not clear it");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_files_are_named() {
    let bench = Bench::new().await;
    let path = bench.folder.path().join("orders.csv");
    let id = bench.declare(orders_from(&path));
    let at = path.display();
    assert!(bench.fails(&id).await.starts_with(&format!("cannot open {at}: ")));
    assert!(bench.connection(&id).status.is_historical_sync);
    bench.write("orders.csv", "id,amount\n1,10.00\n1,11.00\n");
    assert!(bench.fails(&id).await.contains("row 2: the key `id` = `1` is there already"));
    assert!(!bench.dir("orders").exists(), "nothing is left of a table that was not made");
    bench.write("orders.csv", "id,amount\n,10.00\n");
    assert!(bench.fails(&id).await.contains("row 1: `id` is a part of the key and is null"));
    bench.write("orders.csv", "id,amount\n1,2,3\n");
    assert!(bench.fails(&id).await.starts_with(&format!("{at}: ")));
    bench.write("orders.csv", "");
    assert!(bench.fails(&id).await.contains("has no header"));
    bench.write("orders.csv", "nr,amount\n1,2\n");
    assert!(
        bench.fails(&id).await.contains("has no column `id`, which `key` of `public.orders` names; it has nr, amount")
    );
    let parquet = bench.write("orders.parquet", "no parquet at all");
    bench.declare(json!({"files": {"public.orders": {"path": parquet, "key": ["id"]}}}));
    assert!(bench.fails(&id).await.starts_with(&format!("cannot read {} as Parquet: ", parquet.display())));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_a_key_get_one_and_equal_rows_become_one() {
    let bench = Bench::new().await;
    let path = bench.write("lines.csv", "InvoiceNo,CustomerID\n1,7\n1,7\n2,\n");
    let id = bench.declare(json!({"files": {"public.lines": {"path": path}}}));
    bench.synced(&id).await;
    let all = "SELECT invoice_no, customer_id, length(_fivetran_id) FROM t ORDER BY 1";
    assert_eq!(bench.rows("lines", all).await, ["1|7|27", "2|NULL|27"]);
    bench.write("lines.csv", "InvoiceNo,CustomerID\n1,7\n2,8\n");
    bench.synced(&id).await;
    let now = "SELECT invoice_no, customer_id, _fivetran_deleted FROM t ORDER BY 1, 2 NULLS FIRST";
    assert_eq!(bench.rows("lines", now).await, ["1|7|false", "2|NULL|true", "2|8|false"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_brings_news_with_each_sync_even_after_a_restart() {
    let bench = Bench::new().await;
    let id = bench.declare(json!({"sample": {"customers": 400, "seed": 7}}));
    bench.synced(&id).await;
    bench.synced(&id).await;
    let bench = bench.restarted();
    assert_eq!(bench.connection(&id).status.sync_state, SyncState::Scheduled);
    bench.synced(&id).await;
    assert_eq!(bench.version("orders").await, 2);

    // Three syncs are one look at the shop as it is then, but for the rows of those who left.
    let shop = sample::Shop::new(7, 400);
    for table in sample::Table::ALL {
        let columns: Vec<String> = table.schema().fields().iter().map(|f| f.name().clone()).collect();
        let columns = columns.join(", ");
        let stored = bench.rows(table.name(), &format!("SELECT {columns} FROM t WHERE NOT _fivetran_deleted")).await;
        let expected: Vec<RecordBatch> = shop.read(table, sample::Rows::All, sample::horizon(2)).collect();
        let count = |rows: Vec<String>| {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            rows.into_iter().for_each(|row| *counts.entry(row).or_default() += 1);
            counts
        };
        assert_eq!(count(stored), count(texts(&expected)), "{table:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_re_sync_makes_a_table_anew_whose_types_changed() {
    let bench = Bench::new().await;
    let path = bench.write("orders.csv", "id,amount,Note\n1,10.00,5\n");
    let id = bench.declare(orders_from(&path));
    bench.synced(&id).await;
    bench.write("orders.csv", "id,amount,Note\n1,10.00,five\n");
    let details = bench.fails(&id).await;
    assert!(details.contains("column `note` of public.orders was BIGINT and is now STRING"), "{details}");
    {
        let mut state = bench.fivetran.connections.state();
        let document = &mut state.connections.get_mut(&id).unwrap().document;
        document.tables.values_mut().for_each(|table| table.resync = true);
    }
    bench.synced(&id).await;
    assert_eq!(bench.rows("orders", "SELECT id, note FROM t").await, ["1|five"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_with_nothing_to_read_says_what_is_missing() {
    let bench = Bench::new().await;
    let declared = Declared {
        name: "crm".to_owned(),
        id: Some("my_own".to_owned()),
        service: "shopify".to_owned(),
        schema_prefix: "crm".to_owned(),
        catalog: "main".to_owned(),
        tables: IndexMap::new(),
        columns: IndexMap::new(),
        local: None,
        address: None,
        scenario: None,
    };
    let id = bench.fivetran.ensure_connection(&declared).unwrap();
    assert_eq!(id.as_str(), "my_own");
    let details = bench.fails("my_own").await;
    assert!(details.contains("`shopify`") && details.contains("no `local` in its config"), "{details}");
}
