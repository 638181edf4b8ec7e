//! `OPTIMIZE`, `VACUUM` and `RESTORE`.

use super::*;

fn parquet_files(w: &Warehouse, table: &str) -> usize {
    let dir = w.engine.table_dir(&TableName::new("main", "default", table));
    let files = std::fs::read_dir(dir).unwrap().flatten();
    files.filter(|file| file.file_name().to_string_lossy().ends_with(".parquet")).count()
}

/// A column of the newest version in the history.
async fn operation(w: &Warehouse, table: &str) -> String {
    let output = w.run(&format!("DESCRIBE HISTORY {table} LIMIT 1")).await;
    let at = output.columns.iter().position(|column| column.name == "operation").unwrap();
    output.rows[0][at].clone().unwrap()
}

#[tokio::test]
async fn optimize_joins_small_files_and_keeps_the_rows() {
    let w = Warehouse::new().await;
    w.run("CREATE TABLE t (a INT, b STRING, at TIMESTAMP, n DECIMAL(20,3), p STRING) PARTITIONED BY (p)").await;
    for i in 0..4 {
        w.run(&format!(
            "INSERT INTO t VALUES ({i}, 'x{i}', TIMESTAMP'1850-01-01 10:00:0{i}', {i}.125, 'p'), (NULL, NULL, NULL, NULL, NULL)"
        ))
        .await;
    }
    let rows = w.rows("SELECT * FROM t ORDER BY a, b").await;
    let output = w.run("OPTIMIZE t").await;
    assert_eq!(names(&output), ["path", "metrics"]);
    let metrics: serde_json::Value = serde_json::from_str(output.rows[0][1].as_ref().unwrap()).unwrap();
    assert_eq!(
        (&metrics["numFilesAdded"], &metrics["numFilesRemoved"], &metrics["filesAdded"]["totalFiles"]),
        (&"2".into(), &"8".into(), &"2".into())
    );
    assert_eq!(operation(&w, "t").await, "OPTIMIZE");
    assert_eq!(w.rows("SELECT * FROM t ORDER BY a, b").await, rows);
    // With nothing to do there is no version.
    let versions = w.rows("DESCRIBE HISTORY t").await.len();
    let output = w.run("OPTIMIZE t").await;
    let metrics: serde_json::Value = serde_json::from_str(output.rows[0][1].as_ref().unwrap()).unwrap();
    assert_eq!((&metrics["numFilesAdded"], &metrics["filesAdded"]["min"]), (&"0".into(), &serde_json::Value::Null));
    assert_eq!(w.rows("DESCRIBE HISTORY t").await.len(), versions);
    w.run("INSERT INTO t VALUES (9, 'y', NULL, 1, 'p')").await;
    let rows = w.rows("SELECT * FROM t ORDER BY a, b").await;
    w.run("OPTIMIZE t ZORDER BY (A, b)").await;
    assert_eq!(w.rows("SELECT * FROM t ORDER BY a, b").await, rows);
    w.run("CREATE TABLE c (a INT) CLUSTER BY (a)").await;
    w.run("CREATE VIEW v AS SELECT 1 AS a").await;
    for (sql, condition, sqlstate) in [
        ("OPTIMIZE t ZORDER BY (nix)", "DELTA_ZORDERING_COLUMN_DOES_NOT_EXIST", "42703"),
        ("OPTIMIZE t ZORDER BY p", "DELTA_ZORDERING_ON_PARTITION_COLUMN", "42P10"),
        ("OPTIMIZE c ZORDER BY a", "DELTA_CLUSTERING_WITH_ZORDER_BY", "42613"),
        ("OPTIMIZE v", "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", "42809"),
        ("OPTIMIZE nix", "TABLE_OR_VIEW_NOT_FOUND", "42P01"),
        ("OPTIMIZE t WHERE p = 'p'", "UNSUPPORTED_STATEMENT", "0A000"),
        ("OPTIMIZE t ZORDER BY", "PARSE_SYNTAX_ERROR", "42601"),
    ] {
        let error = w.error(sql).await;
        assert_eq!((error.condition.as_str(), error.sqlstate), (condition, sqlstate), "{sql}: {}", error.message);
    }
}

#[tokio::test]
async fn vacuum_removes_what_no_version_within_the_retention_needs() {
    let w = Warehouse::new().await;
    w.run("CREATE TABLE t AS SELECT 1 AS a").await;
    w.run("INSERT OVERWRITE t SELECT 2").await;
    let stray = w.engine.table_dir(&TableName::new("main", "default", "t")).join("part-stray.parquet");
    std::fs::write(&stray, "left by a writer that was killed").unwrap();
    // Young files stay, and a retention below the table's is refused.
    w.run("VACUUM t").await;
    w.run("VACUUM t RETAIN 1000000000000 HOURS").await;
    assert_eq!(parquet_files(&w, "t"), 3);
    let error = w.error("VACUUM t RETAIN 1.5 HOURS").await;
    assert!(error.message.contains("1.5 hours") && error.position.is_some(), "{}", error.message);
    assert_eq!(w.error("VACUUM t RETAIN -1 HOURS").await.condition, "PARSE_SYNTAX_ERROR");
    let set = "TBLPROPERTIES ('delta.deletedFileRetentionDuration' = 'interval 0 hours')";
    w.run(&format!("CREATE OR REPLACE TABLE t {set} AS SELECT 1 AS a")).await;
    w.run("INSERT OVERWRITE t SELECT 2").await;
    assert_eq!(w.rows("VACUUM t LITE RETAIN 0 HOURS DRY RUN").await.len(), 3);
    let doomed = w.rows("VACUUM t RETAIN 0 HOURS DRY RUN").await;
    assert_eq!(doomed.len(), 4, "{doomed:?}");
    assert!(doomed.contains(&stray.display().to_string()), "{doomed:?}");
    assert_eq!(parquet_files(&w, "t"), 5);
    let dir = w.engine.table_dir(&TableName::new("main", "default", "t"));
    assert_eq!(w.rows("VACUUM t RETAIN 0 HOURS").await, [dir.display().to_string()]);
    assert_eq!(parquet_files(&w, "t"), 1);
    assert_eq!(w.rows("SELECT a FROM t").await, ["2"]);
    assert_eq!(w.error("SELECT a FROM t VERSION AS OF 0").await.error_code, "IO_ERROR");
    // A version without its files cannot come back, and nothing changes.
    assert_eq!(w.error("RESTORE t TO VERSION AS OF 0").await.error_code, "IO_ERROR");
    assert_eq!(w.rows("SELECT a FROM t").await, ["2"]);
}

#[tokio::test]
async fn the_history_of_a_table_is_a_subquery() {
    let w = Warehouse::new().await;
    w.run("CREATE TABLE t AS SELECT 1 AS a").await;
    w.run("INSERT INTO t VALUES (2)").await;
    let rows = "SELECT version, operation FROM (DESCRIBE HISTORY t) ORDER BY version";
    assert_eq!(w.rows(rows).await, ["0|CREATE TABLE", "1|WRITE"]);
    assert_eq!(w.rows("SELECT version FROM (DESC HISTORY main.default.t LIMIT 1)").await, ["1"]);
    let joined = "SELECT h.version, t.a FROM (describe history `t`) AS h JOIN t ON t.a = h.version ORDER BY 1";
    assert_eq!(w.run(joined).await.rows.len(), 1);
    let both = "SELECT max(version) FROM (DESCRIBE HISTORY t LIMIT 5) WHERE queryHistoryStatementId = 'x' UNION ALL \
                SELECT count(timestamp) FROM (DESCRIBE HISTORY t LIMIT 5) WHERE queryHistoryStatementId IS NULL";
    assert_eq!(w.rows(both).await, ["NULL", "2"]);
    assert_eq!(w.error("SELECT * FROM (DESCRIBE HISTORY nothing)").await.condition, "TABLE_OR_VIEW_NOT_FOUND");
}

#[tokio::test]
async fn restore_brings_back_rows_and_columns_of_a_version() {
    let w = Warehouse::new().await;
    w.run("CREATE TABLE t AS SELECT 1 AS a").await;
    w.run("INSERT INTO t VALUES (2)").await;
    w.run("DELETE FROM t WHERE a = 1").await;
    w.run("CREATE OR REPLACE TABLE t AS SELECT 'x' AS b").await;
    let output = w.run("RESTORE TABLE t TO VERSION AS OF 1").await;
    assert_eq!(
        names(&output),
        [
            "table_size_after_restore",
            "num_of_files_after_restore",
            "num_removed_files",
            "num_restored_files",
            "removed_files_size",
            "restored_files_size"
        ]
    );
    let counts: Vec<_> = output.rows[0].iter().flatten().collect();
    assert_eq!((counts[1].as_str(), counts[2].as_str(), counts[3].as_str()), ("2", "1", "2"));
    assert_eq!(counts[0], counts[5]);
    assert_eq!(operation(&w, "t").await, "RESTORE");
    assert_eq!(w.rows("SELECT a FROM t ORDER BY a").await, ["1", "2"]);
    w.run("INSERT INTO t VALUES (3)").await;
    assert_eq!(w.rows("SELECT sum(a) FROM t").await, ["6"]);
    for (sql, condition) in [
        ("RESTORE t TO VERSION AS OF 99", "DELTA_CANNOT_RESTORE_TABLE_VERSION"),
        ("RESTORE t TO TIMESTAMP AS OF '1999-01-01'", "DELTA_TIMESTAMP_EARLIER_THAN_COMMIT_RETENTION"),
        ("RESTORE t TO TIMESTAMP AS OF '2999-01-01'", "DELTA_CANNOT_RESTORE_TIMESTAMP_GREATER"),
        ("RESTORE t TO TIMESTAMP AS OF 'never'", "DELTA_INVALID_TIMESTAMP_FORMAT"),
        ("RESTORE t TO VERSION AS OF 99999999999999999999999", "PARSE_SYNTAX_ERROR"),
        ("RESTORE t TO VERSION AS OF", "PARSE_SYNTAX_ERROR"),
    ] {
        let error = w.error(sql).await;
        assert_eq!(error.condition, condition, "{sql}: {}", error.message);
    }
}
