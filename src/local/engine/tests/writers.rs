//! Several writers on one table, and what they leave of its files.

use std::collections::BTreeSet;

use deltalake::protocol::DeltaOperation;

use super::*;
use crate::local::engine::write;

/// The data files of the latest version.
async fn files_of(w: &Warehouse, table: &str) -> BTreeSet<String> {
    let table = w.engine.open_table(&TableName::new("main", "default", table)).await.unwrap();
    let gone = write::removals(&table).await.unwrap();
    gone.iter()
        .map(|action| match action {
            deltalake::kernel::Action::Remove(remove) => remove.path.clone(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[tokio::test]
async fn only_files_with_changed_rows_are_written_anew() {
    let w = Warehouse::new().await;
    w.run("CREATE TABLE t (id INT, day DATE) PARTITIONED BY (day)").await;
    for i in 0..4 {
        w.run(&format!("INSERT INTO t VALUES ({i}, DATE'2024-01-0{}'), ({i}0, DATE'2024-01-0{0}')", i + 1)).await;
    }
    let all = files_of(&w, "t").await;
    assert_eq!(all.len(), 4);
    for (sql, stay) in [
        ("UPDATE t SET id = 7 WHERE id = 10", 3),
        ("DELETE FROM t WHERE day = DATE'2024-01-03'", 2),
        ("MERGE INTO t USING (SELECT 3 AS id) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET id = 33", 1),
        ("INSERT INTO t REPLACE WHERE id = 0 VALUES (0, NULL)", 0),
    ] {
        w.run(sql).await;
        let now = files_of(&w, "t").await;
        assert_eq!(now.intersection(&all).count(), stay, "{sql}: {now:?}");
    }
    assert_eq!(
        w.rows("SELECT id, day FROM t ORDER BY id").await,
        ["0|NULL", "1|2024-01-02", "7|2024-01-02", "30|2024-01-04", "33|2024-01-04"]
    );
    let before = files_of(&w, "t").await;
    w.run("UPDATE t SET id = 1 WHERE id = 1000").await;
    w.run("MERGE INTO t USING (SELECT 50 AS id) s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)")
        .await;
    assert!(files_of(&w, "t").await.is_superset(&before));
}

/// What a writer is told whose version is not the latest any more: it removes all files of the version that it read.
async fn second(w: &Warehouse, between: &str) -> SqlError {
    let name = TableName::new("main", "default", "t");
    w.run("CREATE OR REPLACE TABLE t AS SELECT 1 AS a").await;
    let read = w.engine.open_table(&name).await.unwrap();
    w.run(between).await;
    let rows = w.rows("SELECT * FROM t").await;
    let error = write::rewrite(&read, &w.engine.table_dir(&name), None, DeltaOperation::Delete { predicate: None })
        .await
        .unwrap_err();
    assert_eq!(w.rows("SELECT * FROM t").await, rows, "{between}");
    error
}

#[tokio::test]
async fn a_writer_that_comes_second_is_told_what_came_first() {
    let w = Warehouse::new().await;
    for (between, condition) in [
        ("INSERT INTO t VALUES (2)", "DELTA_CONCURRENT_APPEND"),
        ("DELETE FROM t", "DELTA_CONCURRENT_DELETE_DELETE"),
        ("UPDATE t SET a = 2", "DELTA_CONCURRENT_DELETE_DELETE"),
        ("ALTER TABLE t ADD COLUMN b INT", "DELTA_METADATA_CHANGED"),
        ("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", "DELTA_PROTOCOL_CHANGED"),
    ] {
        let error = second(&w, between).await;
        let told = (error.condition.as_str(), error.sqlstate, error.error_code);
        assert_eq!(told, (condition, "2D521", "ABORTED"), "{between}: {}", error.message);
    }
}

#[tokio::test]
async fn rows_that_are_only_added_do_not_conflict_with_others_unless_the_table_changed() {
    let w = Warehouse::new().await;
    let name = TableName::new("main", "default", "t");
    let dir = w.engine.table_dir(&name);
    w.run("CREATE TABLE t AS SELECT 1 AS a").await;
    let append =
        || DeltaOperation::Write { mode: deltalake::protocol::SaveMode::Append, partition_by: None, predicate: None };
    let read = w.engine.open_table(&name).await.unwrap();
    w.run("INSERT INTO t VALUES (2)").await;
    w.run("DELETE FROM t WHERE a = 1").await;
    write::add(&read, &dir, files::Files::beside(&dir), append()).await.unwrap();
    assert_eq!(w.rows("SELECT a FROM t").await, ["2"]);
    let read = w.engine.open_table(&name).await.unwrap();
    w.run("ALTER TABLE t ADD COLUMN b INT").await;
    let error = write::add(&read, &dir, files::Files::beside(&dir), append()).await.unwrap_err();
    assert_eq!(error.condition, "DELTA_METADATA_CHANGED", "{}", error.message);
}
