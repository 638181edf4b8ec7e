//! Many statements at once, readers beside writers, and statements that are to end.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_statements_in_flight_all_end_right() {
    let project = Project::tiny();
    let warehouse = Warehouse::serve(&project, &[]);
    warehouse.rows("CREATE TABLE shared (a BIGINT)").await;
    warehouse.rows("CREATE TABLE facts AS SELECT id, id % 10 AS k FROM range(100000)").await;
    let one = |i: usize| {
        let warehouse = &warehouse;
        async move {
            match i % 4 {
                0 => {
                    let sum = warehouse.rows(&format!("SELECT sum(id + {i}) FROM facts WHERE k = 3")).await;
                    assert_eq!(sum, [(499_980_000 + 10_000 * i).to_string()]);
                }
                1 => drop(warehouse.rows(&format!("INSERT INTO shared VALUES ({i})")).await),
                2 => {
                    let name = format!("own_{i}");
                    warehouse.rows(&format!("CREATE TABLE {name} AS SELECT * FROM facts WHERE k = {}", i % 10)).await;
                    assert_eq!(warehouse.rows(&format!("SELECT count(*) FROM {name}")).await, ["10000"]);
                }
                _ => {
                    let error = warehouse.error(&format!("SELECT {i} / (id - id) FROM facts")).await;
                    assert!(error.starts_with("[DIVIDE_BY_ZERO]"), "{error}");
                }
            }
        }
    };
    futures::future::join_all((0..64).map(one)).await;
    let (rows, sum) = (16, (0..64).filter(|i| i % 4 == 1).sum::<i64>());
    assert_eq!(warehouse.rows("SELECT count(*), sum(a) FROM shared").await, [format!("{rows}|{sum}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_do_not_wait_for_writers() {
    let project = Project::tiny();
    let warehouse = Warehouse::serve(&project, &[]);
    warehouse.rows("CREATE TABLE t AS SELECT 1 AS a").await;
    let writer = warehouse.start(&format!("INSERT INTO t SELECT x % 10 FROM ({ENDLESS})")).await;
    warehouse.until(&writer, &["RUNNING"]).await;
    // Those wait for the first; they must not take the places of readers.
    let mut queue = vec![writer];
    for value in 0..30 {
        queue.push(warehouse.start(&format!("INSERT INTO t VALUES ({value})")).await);
    }
    let answer = warehouse.submit("SELECT count(*) FROM t", "30s").await;
    assert_eq!(answer["status"]["state"], "SUCCEEDED", "{answer}");
    assert_eq!(answer["result"]["data_array"], json!([["1"]]), "the old version is read");
    warehouse.cancel(&queue.remove(0)).await;
    for id in queue {
        assert_eq!(warehouse.until(&id, &["SUCCEEDED", "FAILED", "CANCELED"]).await["status"]["state"], "SUCCEEDED");
    }
    assert_eq!(warehouse.rows("SELECT count(*) FROM t").await, ["31"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_ends_each_kind_of_statement_within_a_second() {
    let project = Project::tiny();
    let warehouse = Warehouse::serve(&project, &[]);
    warehouse.rows("CREATE TABLE t AS SELECT id AS a FROM range(10)").await;
    for sql in [
        ENDLESS.to_owned(),
        format!("SELECT count(DISTINCT x) FROM ({ENDLESS})"),
        format!("SELECT x FROM ({ENDLESS}) ORDER BY x DESC LIMIT 3"),
        format!("SELECT sum(x) OVER (ORDER BY x) AS s FROM ({ENDLESS})"),
        format!("CREATE TABLE new AS {ENDLESS}"),
        format!("INSERT INTO t {ENDLESS}"),
        format!("CREATE OR REPLACE TABLE t AS {ENDLESS}"),
        format!("MERGE INTO t USING ({ENDLESS}) s ON t.a = s.x WHEN NOT MATCHED THEN INSERT (a) VALUES (s.x)"),
        format!("DELETE FROM t WHERE a IN (SELECT x + 100 FROM ({ENDLESS}))"),
    ] {
        let id = warehouse.start(&sql).await;
        warehouse.until(&id, &["RUNNING"]).await;
        // Its answer comes once the planner and the writers have had some of the processor.
        warehouse.rows("SELECT count(*) FROM t").await;
        let begun = Instant::now();
        warehouse.cancel(&id).await;
        let end = warehouse.until(&id, &["CANCELED", "SUCCEEDED", "FAILED"]).await;
        let took = begun.elapsed();
        assert_eq!(end["status"]["state"], "CANCELED", "{sql}: {end}");
        assert!(took < Duration::from_secs(1), "{sql} went on for {took:?}");
        // The table is not locked any more, and as it was.
        warehouse.rows("UPDATE t SET a = a WHERE a = 1").await;
        assert_eq!(warehouse.rows("SELECT count(*), sum(a) FROM t").await, ["10|45"], "{sql}");
    }
    assert!(!warehouse.rows("SHOW TABLES").await.iter().any(|line| line.contains("new")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_folder_is_refused_and_does_no_harm() {
    let project = Project::tiny();
    let warehouse = Warehouse::serve(&project, &[]);
    warehouse.rows("CREATE TABLE t AS SELECT 1 AS a").await;
    let second = project.kiln(&["local", "serve"]);
    second.fails_with(6, &["in use by another kiln", &warehouse.served.pid().to_string()]);
    assert_eq!(warehouse.rows("SELECT a FROM t").await, ["1"]);
    // After a kill the lock is free, although nobody gave it back.
    drop(warehouse);
    assert_eq!(Warehouse::serve(&project, &[]).rows("SELECT a FROM t").await, ["1"]);
}
