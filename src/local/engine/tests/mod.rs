//! The engine as a whole: statements in, answers out.

mod copy;
mod functions;
mod queries;
mod spark;
mod upkeep;
mod writers;

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;

struct Warehouse {
    engine: Engine,
    dir: TempDir,
}

impl Warehouse {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::open(dir.path()).await.unwrap();
        Self { engine, dir }
    }

    async fn try_run(&self, sql: &str) -> Result<Output, SqlError> {
        self.engine.execute(Request::new(sql), CancellationToken::new()).await
    }

    async fn run(&self, sql: &str) -> Output {
        self.try_run(sql).await.unwrap_or_else(|e| panic!("{sql}\n{}", e.message))
    }

    /// The rows, cells parted by `|`.
    async fn rows(&self, sql: &str) -> Vec<String> {
        let output = self.run(sql).await;
        let cell = |cell: Option<String>| cell.unwrap_or_else(|| "NULL".to_owned());
        output.rows.into_iter().map(|row| row.into_iter().map(cell).collect::<Vec<_>>().join("|")).collect()
    }

    async fn error(&self, sql: &str) -> SqlError {
        match self.try_run(sql).await {
            Ok(output) => panic!("{sql}\n{output:?}"),
            Err(error) => error,
        }
    }

    async fn shop(&self) {
        self.run(
            "CREATE TABLE orders AS SELECT * FROM VALUES \
             (1, 10, DATE'2024-01-05', 19.90, 'web'), (2, 10, DATE'2024-02-07', 5.00, 'web'), \
             (3, 11, DATE'2024-01-20', 7.50, 'shop'), (4, 12, DATE'2024-02-01', 12.25, NULL), \
             (5, 11, DATE'2024-04-01', 1.00, 'web') AS t(id, customer_id, ordered_on, total, channel)",
        )
        .await;
    }
}

fn names(output: &Output) -> Vec<&str> {
    output.columns.iter().map(|c| c.name.as_str()).collect()
}

fn types(output: &Output) -> Vec<&str> {
    output.columns.iter().map(|c| c.type_text.as_str()).collect()
}

#[tokio::test]
async fn a_table_made_from_a_query_is_read_back() {
    let w = Warehouse::new().await;
    w.shop().await;
    let output = w.run("SELECT * FROM orders ORDER BY id LIMIT 2").await;
    assert_eq!(names(&output), ["id", "customer_id", "ordered_on", "total", "channel"]);
    assert_eq!(types(&output), ["INT", "INT", "DATE", "DECIMAL(4,2)", "STRING"]);
    assert_eq!(output.columns[3].precision, Some(4));
    assert_eq!(
        w.rows("SELECT * FROM main.default.orders ORDER BY id LIMIT 2").await,
        ["1|10|2024-01-05|19.90|web", "2|10|2024-02-07|5.00|web"]
    );
}

#[tokio::test]
async fn queries_of_a_cohort_analysis_give_the_numbers_worked_out_by_hand() {
    let w = Warehouse::new().await;
    w.shop().await;
    let cohorts = w
        .rows(
            "WITH firsts AS (SELECT customer_id, min(ordered_on) AS first_on FROM orders GROUP BY customer_id), \
             months AS (SELECT explode(sequence(0, 3)) AS n) \
             SELECT CAST(date_trunc('MONTH', first_on) AS DATE) AS cohort, n, \
               count_if((year(o.ordered_on) * 12 + month(o.ordered_on)) - (year(first_on) * 12 + month(first_on)) = n) \
             FROM firsts JOIN orders o USING (customer_id) CROSS JOIN months GROUP BY ALL ORDER BY 1, 2",
        )
        .await;
    assert_eq!(
        cohorts,
        [
            "2024-01-01|0|2",
            "2024-01-01|1|1",
            "2024-01-01|2|0",
            "2024-01-01|3|1",
            "2024-02-01|0|1",
            "2024-02-01|1|0",
            "2024-02-01|2|0",
            "2024-02-01|3|0",
        ]
    );
    let second = w
        .rows(
            "SELECT customer_id, datediff(lead(ordered_on) OVER (PARTITION BY customer_id ORDER BY ordered_on), \
             ordered_on) AS days, row_number() OVER (PARTITION BY customer_id ORDER BY ordered_on) AS n \
             FROM orders QUALIFY n = 1 ORDER BY customer_id",
        )
        .await;
    assert_eq!(second, ["10|33|1", "11|72|1", "12|NULL|1"]);
    assert_eq!(
        w.rows(
            "SELECT median(total), percentile(total, 0.25), percentile_approx(total, 0.5), \
                percentile_approx(id, array(0.5, 1.0)), max_by(id, total), min_by(channel, total), \
                try_divide(count_if(channel = 'web'), count(*)), avg(total), sum(total), count(DISTINCT customer_id) \
                FROM orders"
        )
        .await,
        ["7.5|5.0|7.50|[3,5]|1|web|0.6|9.130000|45.65|3"]
    );
}

#[tokio::test]
async fn sums_are_exact_or_fail() {
    let w = Warehouse::new().await;
    w.run(
        "CREATE TABLE numbers AS SELECT id, CAST(n AS BIGINT) AS n, CAST(d AS DECIMAL(38,0)) AS d FROM VALUES \
         (1, '9223372036854775807', '99999999999999999999999999999999999999'), (2, '-1', '-1'), (3, '1', '1'), \
         (4, NULL, NULL), (5, '1', '1') AS t(id, n, d)",
    )
    .await;
    let (n, d) = ("9223372036854775807", "99999999999999999999999999999999999999");
    assert_eq!(
        w.rows("SELECT sum(n), sum(d), sum(DISTINCT n), count(DISTINCT id) FROM numbers WHERE id < 5").await,
        [format!("{n}|{d}|{n}|4")]
    );
    assert_eq!(
        w.rows("SELECT id % 4 = 0 AS young, sum(n), sum(d) FROM numbers WHERE id < 5 GROUP BY 1 ORDER BY 1").await,
        [format!("false|{n}|{d}"), "true|NULL|NULL".to_owned()]
    );
    assert_eq!(
        w.rows(
            "SELECT sum(n) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM numbers ORDER BY id"
        )
        .await,
        [n, "9223372036854775806", "0", "1", "1"]
    );
    for sql in [
        "SELECT sum(n) FROM numbers",
        "SELECT sum(d) FROM numbers",
        "SELECT id > 0, sum(n) FROM numbers GROUP BY 1",
        "SELECT sum(DISTINCT n), count(DISTINCT id) FROM numbers WHERE id <> 2",
        "SELECT sum(n) OVER (ORDER BY id) FROM numbers",
    ] {
        let error = w.error(sql).await;
        assert_eq!((error.condition.as_str(), error.sqlstate), ("ARITHMETIC_OVERFLOW", "22003"), "{sql}");
    }
}

#[tokio::test]
async fn nulls_come_first_ascending_and_last_descending() {
    let w = Warehouse::new().await;
    assert_eq!(w.rows("SELECT * FROM VALUES (1), (NULL), (2) AS t(x) ORDER BY x").await, ["NULL", "1", "2"]);
    assert_eq!(w.rows("SELECT * FROM VALUES (1), (NULL), (2) AS t(x) ORDER BY x DESC").await, ["2", "1", "NULL"]);
    assert_eq!(
        w.rows("SELECT x, rank() OVER (ORDER BY x) FROM VALUES (1), (NULL) AS t(x) ORDER BY 2").await,
        ["NULL|1", "1|2"]
    );
}

#[tokio::test]
async fn names_are_compared_without_case_and_shown_as_written() {
    let w = Warehouse::new().await;
    w.run("CREATE TABLE Mixed AS SELECT 1 AS CustomerID, 'x' AS name").await;
    let output = w.run("SELECT *, customerid + 1, count(*) OVER () AS N FROM MIXED WHERE `CUSTOMERID` = 1").await;
    assert_eq!(names(&output), ["CustomerID", "name", "(customerid + 1)", "N"]);
    let output = w.run("SELECT t.customerID, NAME FROM mixed t").await;
    assert_eq!(names(&output), ["customerID", "NAME"]);
    let output = w.run("SELECT id, id FROM (SELECT 1 AS Id)").await;
    assert_eq!(names(&output), ["id", "id"]);
    let output = w.run("SELECT count(*), sum(CustomerID), max(name) FROM mixed").await;
    assert_eq!(names(&output), ["count(1)", "sum(CustomerID)", "max(name)"]);
}

#[tokio::test]
async fn replacing_a_table_is_one_new_version() {
    let w = Warehouse::new().await;
    w.run("CREATE OR REPLACE TABLE t COMMENT 'one' TBLPROPERTIES ('kiln.x' = '1') AS SELECT 1 AS a").await;
    let before = w.engine.table(&TableName::new("main", "default", "t")).await.unwrap();
    w.run("CREATE OR REPLACE TABLE t COMMENT 'two' CLUSTER BY (b) AS SELECT 2 AS a, 'x' AS b").await;
    let after = w.engine.table(&TableName::new("main", "default", "t")).await.unwrap();
    assert_eq!(before.id, after.id);
    assert_eq!((before.comment.as_deref(), after.comment.as_deref()), (Some("one"), Some("two")));
    assert_eq!(before.properties.get("kiln.x").map(String::as_str), Some("1"));
    assert_eq!(after.properties.get("kiln.x"), None);
    assert_eq!(after.properties.get("clusteringColumns").map(String::as_str), Some("[[\"b\"]]"));
    assert_eq!(w.rows("SELECT * FROM t").await, ["2|x"]);
    assert_eq!(w.rows("SELECT * FROM t VERSION AS OF 0").await, ["1"]);
    let history = w.rows("DESCRIBE HISTORY t").await;
    assert_eq!(history.len(), 2);
    assert!(history[0].starts_with("1|"), "{history:?}");
    assert!(history[0].contains("CREATE OR REPLACE TABLE"), "{history:?}");
}

#[tokio::test]
async fn a_statement_that_fails_changes_nothing() {
    let w = Warehouse::new().await;
    w.run("CREATE TABLE t AS SELECT 1 AS a").await;
    let files = || walk(w.dir.path()).len();
    let before = files();
    for (sql, condition) in [
        ("CREATE OR REPLACE TABLE t AS SELECT 1 / (a - 1) AS a FROM t", "DIVIDE_BY_ZERO"),
        ("CREATE OR REPLACE TABLE t AS SELECT CAST('x' AS INT) AS a FROM t", "CAST_INVALID_INPUT"),
        ("INSERT INTO t SELECT 1 / (a - 1) FROM t", "DIVIDE_BY_ZERO"),
        ("INSERT INTO t VALUES (1, 2)", "INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS"),
        ("CREATE TABLE u AS SELECT 1 / (a - 1) AS a FROM t", "DIVIDE_BY_ZERO"),
        ("CREATE TABLE u AS SELECT 1 AS a, 2 AS A", "COLUMN_ALREADY_EXISTS"),
        ("DELETE FROM t WHERE 1 / (a - 1) = 1", "DIVIDE_BY_ZERO"),
        ("CREATE TABLE t AS SELECT 2 AS a", "TABLE_OR_VIEW_ALREADY_EXISTS"),
        ("CREATE VIEW t AS SELECT 2 AS a", "EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE"),
        ("CREATE VIEW v AS SELECT b FROM t", "UNRESOLVED_COLUMN.WITH_SUGGESTION"),
        ("CREATE TABLE nowhere.x AS SELECT 1 AS a", "SCHEMA_NOT_FOUND"),
    ] {
        assert_eq!(w.error(sql).await.condition, condition, "{sql}");
        assert_eq!(files(), before, "{sql}");
    }
    assert_eq!(w.rows("SELECT * FROM t").await, ["1"]);
    assert_eq!(w.rows("SHOW TABLES").await, ["default|t|false"]);
}

/// All files in a folder but those of the scratch folder.
fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true if path.ends_with(".scratch") => {}
            true => found.extend(walk(&path)),
            false => found.push(path),
        }
    }
    found
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let w = Warehouse::new().await;
    w.run("CREATE SCHEMA IF NOT EXISTS lab COMMENT 'trial'").await;
    w.run("CREATE TABLE lab.t (id BIGINT NOT NULL COMMENT 'key', at TIMESTAMP, ntz TIMESTAMP_NTZ) COMMENT 'c'").await;
    w.run("INSERT INTO lab.t VALUES (1, TIMESTAMP'2024-01-01 10:00:00.5', TIMESTAMP_NTZ'2024-01-01 10:00:00')").await;
    w.run("CREATE VIEW lab.v (k COMMENT 'the key') COMMENT 'view' AS SELECT id FROM lab.t").await;
    let Warehouse { engine, dir } = w;
    drop(engine);
    let w = Warehouse { engine: Engine::open(dir.path()).await.unwrap(), dir };
    assert_eq!(w.rows("SELECT * FROM lab.t").await, ["1|2024-01-01T10:00:00.500Z|2024-01-01T10:00:00.000"]);
    assert_eq!(w.rows("SELECT k FROM lab.v").await, ["1"]);
    assert_eq!(w.rows("DESCRIBE lab.v").await, ["k|bigint|the key"]);
    assert_eq!(w.rows("DESCRIBE TABLE lab.t").await, ["id|bigint|key", "at|timestamp|NULL", "ntz|timestamp_ntz|NULL"]);
    let schemas = w.engine.schemas("main").await.unwrap();
    assert_eq!(schemas.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["default", "lab"]);
    assert_eq!(schemas[1].comment.as_deref(), Some("trial"));
    assert_eq!(
        w.error("INSERT INTO lab.t VALUES (NULL, NULL, NULL)").await.condition,
        "DELTA_NOT_NULL_CONSTRAINT_VIOLATED"
    );
}

#[tokio::test]
async fn a_view_keeps_the_columns_and_the_names_of_its_making() {
    let w = Warehouse::new().await;
    w.run("CREATE SCHEMA a").await;
    w.run("CREATE SCHEMA b").await;
    w.run("CREATE TABLE a.t AS SELECT 1 AS x").await;
    w.run("CREATE TABLE b.t AS SELECT 2 AS x").await;
    let request = Request { schema: Some("a".into()), ..Request::new("CREATE VIEW v AS SELECT * FROM t") };
    w.engine.execute(request, CancellationToken::new()).await.unwrap();
    assert_eq!(w.rows("SELECT a.t.x, b.t.x FROM a.t JOIN b.t ON a.t.x < b.t.x").await, ["1|2"]);
    let request = Request { schema: Some("b".into()), ..Request::new("SELECT v.x, t.x FROM a.v, t") };
    let output = w.engine.execute(request, CancellationToken::new()).await.unwrap();
    assert_eq!(output.rows, [[Some("1".to_owned()), Some("2".to_owned())]]);
    w.run("CREATE OR REPLACE TABLE a.t AS SELECT 3 AS new, 4 AS x").await;
    assert_eq!(w.rows("SELECT * FROM a.v").await, ["4"]);
    w.run("CREATE OR REPLACE TABLE a.t AS SELECT 3 AS new").await;
    assert_eq!(w.error("SELECT * FROM a.v").await.condition, "INCOMPATIBLE_VIEW_SCHEMA_CHANGE");
    w.run("DROP TABLE a.t").await;
    assert_eq!(w.error("SELECT * FROM a.v").await.condition, "TABLE_OR_VIEW_NOT_FOUND");
    w.run("DROP VIEW a.v").await;
    w.run("DROP VIEW IF EXISTS a.v").await;
    assert_eq!(w.error("DROP SCHEMA b").await.condition, "SCHEMA_NOT_EMPTY");
    w.run("DROP SCHEMA b CASCADE").await;
    assert_eq!(w.error("SELECT * FROM b.t").await.condition, "TABLE_OR_VIEW_NOT_FOUND");
}

#[tokio::test]
async fn rows_are_inserted_overwritten_and_deleted() {
    let w = Warehouse::new().await;
    w.run("CREATE TABLE t (a INT, b STRING, c DECIMAL(6,2))").await;
    let output = w.run("INSERT INTO t (c, a) VALUES (1.005, 1), (2, 2)").await;
    assert_eq!(names(&output), ["num_affected_rows", "num_inserted_rows"]);
    assert_eq!(output.rows, [[Some("2".to_owned()), Some("2".to_owned())]]);
    w.run("INSERT INTO t BY NAME SELECT 'x' AS B, 3 AS A").await;
    assert_eq!(w.rows("SELECT * FROM t ORDER BY a").await, ["1|NULL|1.01", "2|NULL|2.00", "3|x|NULL"]);
    assert_eq!(w.rows("DELETE FROM t WHERE c > 1.5 OR b = 'y'").await, ["1|1"]);
    assert_eq!(w.rows("SELECT a FROM t ORDER BY a").await, ["1", "3"]);
    assert_eq!(w.rows("SELECT a FROM t VERSION AS OF 2 ORDER BY a").await, ["1", "2", "3"]);
    assert_eq!(w.rows("DELETE FROM t WHERE a = 99").await, ["0|0"]);
    w.run("INSERT OVERWRITE t SELECT 9, 'z', 9").await;
    assert_eq!(w.rows("SELECT * FROM t").await, ["9|z|9.00"]);
    assert_eq!(w.rows("DELETE FROM t").await, ["1|1"]);
    assert_eq!(w.rows("SELECT count(*) FROM t").await, ["0"]);
}

#[tokio::test]
async fn a_column_of_nothing_but_null_holds_null_whatever_its_type() {
    let w = Warehouse::new().await;
    let types = [
        "BOOLEAN",
        "TINYINT",
        "SMALLINT",
        "INT",
        "BIGINT",
        "FLOAT",
        "DOUBLE",
        "DECIMAL(38, 9)",
        "STRING",
        "BINARY",
        "DATE",
        "TIMESTAMP",
        "TIMESTAMP_NTZ",
        "ARRAY<INT>",
        "MAP<STRING, INT>",
        "STRUCT<x: STRING>",
    ];
    let columns: Vec<_> = types.iter().enumerate().map(|(i, t)| format!("c{i} {t}")).collect();
    let nulls = vec!["NULL"; types.len()].join(", ");
    w.run(&format!("CREATE TABLE t (id INT, {})", columns.join(", "))).await;
    w.run(&format!("INSERT INTO t VALUES (1, {nulls})")).await;
    w.run(&format!("INSERT INTO t SELECT 2, {nulls}")).await;
    w.run("INSERT INTO t (id) VALUES (3)").await;
    w.run("INSERT INTO t BY NAME SELECT 4 AS id, NULL AS c8").await;
    let names: Vec<_> = (0..types.len()).map(|i| format!("c{i}")).collect();
    let insert = format!("INSERT (id, {}) VALUES (5, {nulls})", names.join(", "));
    w.run(&format!("MERGE INTO t USING (SELECT 5 AS id) AS s ON t.id = s.id WHEN NOT MATCHED THEN {insert}")).await;
    w.run("UPDATE t SET c8 = NULL, c3 = NULL WHERE id = 2").await;
    let there: Vec<_> = (0..types.len()).map(|i| format!("c{i} IS NULL")).collect();
    let all = format!("SELECT id FROM t WHERE {} ORDER BY id", there.join(" AND "));
    assert_eq!(w.rows(&all).await, ["1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn rows_are_updated_where_the_condition_is_true() {
    let w = Warehouse::new().await;
    w.shop().await;
    let output =
        w.run("UPDATE orders AS o SET o.total = total * 2, channel = coalesce(channel, 'shop') WHERE id >= 3").await;
    assert_eq!(names(&output), ["num_affected_rows"]);
    assert_eq!(output.rows, [[Some("3".to_owned())]]);
    assert_eq!(
        w.rows("SELECT id, total, channel FROM orders ORDER BY id").await,
        ["1|19.90|web", "2|5.00|web", "3|15.00|shop", "4|24.50|shop", "5|2.00|web"]
    );
    // Both sides are those of before: two columns can change places.
    w.run("UPDATE orders SET id = customer_id, customer_id = id").await;
    assert_eq!(w.rows("SELECT sum(id), sum(customer_id) FROM orders").await, ["54|15"]);
    // A condition that is NULL is not true, and what fits no row makes no version.
    let versions = w.rows("DESCRIBE HISTORY orders").await.len();
    assert_eq!(w.rows("UPDATE orders SET total = 0 WHERE channel = NULL").await, ["0"]);
    assert_eq!(w.rows("DESCRIBE HISTORY orders").await.len(), versions);
    for (sql, condition, place) in [
        ("UPDATE orders SET nix = 1", "DELTA_MERGE_UNRESOLVED_EXPRESSION", (1, 19)),
        ("UPDATE orders SET total = 1, TOTAL = 2", "DELTA_CONFLICT_SET_COLUMN", (1, 30)),
        ("UPDATE orders\nSET total = nix", "UNRESOLVED_COLUMN.WITH_SUGGESTION", (2, 13)),
        ("UPDATE orders SET total = 1 WHERE", "PARSE_SYNTAX_ERROR", (1, 34)),
    ] {
        let error = w.error(sql).await;
        assert_eq!((error.condition.as_str(), error.position), (condition, Some(place)), "{sql}");
    }
    // Nothing is set to what does not fit, and no row is changed then.
    let before = w.rows("SELECT * FROM orders ORDER BY id").await;
    assert_eq!(w.error("UPDATE orders SET total = 100000").await.sqlstate, "22003");
    assert_eq!(w.rows("SELECT * FROM orders ORDER BY id").await, before);
    w.run("TRUNCATE TABLE orders").await;
    assert_eq!(w.rows("SELECT count(*) FROM orders").await, ["0"]);
}

#[tokio::test]
async fn merge_takes_the_first_clause_that_fits_each_row() {
    let w = Warehouse::new().await;
    let start = "CREATE OR REPLACE TABLE stock AS SELECT * FROM VALUES \
                 ('apple', 5, 'a'), ('pear', 0, 'b'), ('plum', 7, NULL), ('plum', 7, NULL) AS t(fruit, amount, note)";
    w.run(start).await;
    w.run(
        "CREATE TABLE news AS SELECT * FROM VALUES ('apple', 3), ('pear', -1), ('fig', 9), ('nut', 0), (NULL, 4) \
         AS t(fruit, amount)",
    )
    .await;
    let output = w
        .run(
            "MERGE INTO stock AS t USING news AS s ON t.fruit = s.fruit \
             WHEN MATCHED AND s.amount < 0 THEN DELETE \
             WHEN MATCHED THEN UPDATE SET amount = t.amount + s.amount \
             WHEN NOT MATCHED AND amount > 0 THEN INSERT (fruit, amount) VALUES (fruit, amount * 10) \
             WHEN NOT MATCHED BY SOURCE AND amount = 7 THEN UPDATE SET note = concat(fruit, '!')",
        )
        .await;
    assert_eq!(names(&output), ["num_affected_rows", "num_updated_rows", "num_deleted_rows", "num_inserted_rows"]);
    let counts: Vec<_> = output.rows[0].iter().flatten().map(String::as_str).collect();
    assert_eq!(counts, ["6", "3", "1", "2"]);
    assert_eq!(
        w.rows("SELECT * FROM stock ORDER BY fruit, amount").await,
        ["NULL|40|NULL", "apple|8|a", "fig|90|NULL", "plum|7|plum!", "plum|7|plum!"]
    );
    assert!(w.rows("DESCRIBE HISTORY stock LIMIT 1").await[0].contains("MERGE"));

    // A row that meets several rows of the source, of which one acts on it, stays one row.
    w.run(start).await;
    let merge = |when: &str| {
        format!(
            "MERGE INTO stock USING (SELECT * FROM VALUES ('apple', 1, 'x'), ('apple', 2, 'y') AS t(fruit, amount, note)) s \
             ON stock.fruit = s.fruit {when}"
        )
    };
    w.run(&merge("WHEN MATCHED AND s.amount = 2 THEN UPDATE SET *")).await;
    assert_eq!(w.rows("SELECT * FROM stock WHERE fruit = 'apple'").await, ["apple|2|y"]);
    assert_eq!(w.rows("SELECT count(*) FROM stock").await, ["4"]);
    assert_eq!(
        w.error(&merge("WHEN MATCHED THEN UPDATE SET *")).await.condition,
        "DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE"
    );
    assert_eq!(w.rows(&merge("WHEN MATCHED THEN DELETE")).await, ["1|0|1|0"]);
    assert_eq!(w.rows("SELECT fruit FROM stock ORDER BY fruit").await, ["pear", "plum", "plum"]);
    // Without a partner a row of the source goes in by itself; nothing else is touched.
    assert_eq!(w.rows(&merge("WHEN NOT MATCHED THEN INSERT *")).await, ["2|0|0|2"]);
    assert_eq!(w.rows("SELECT * FROM stock WHERE fruit = 'apple' ORDER BY amount").await, ["apple|1|x", "apple|2|y"]);
    assert_eq!(
        w.rows(
            "MERGE INTO stock USING news ON false WHEN NOT MATCHED AND fruit = 'nut' THEN INSERT (amount) VALUES (-7)"
        )
        .await,
        ["1|0|0|1"]
    );
    assert_eq!(w.rows("SELECT count(*), min(amount) FROM stock").await, ["6|-7"]);
    let versions = w.rows("DESCRIBE HISTORY stock").await.len();
    assert_eq!(w.rows(&merge("WHEN MATCHED AND false THEN DELETE")).await, ["0|0|0|0"]);
    assert_eq!(w.rows("DESCRIBE HISTORY stock").await.len(), versions, "nothing to do makes no version");
}

#[tokio::test]
async fn a_merge_that_makes_no_sense_is_refused_at_its_place() {
    let w = Warehouse::new().await;
    w.shop().await;
    w.run("CREATE TABLE news AS SELECT 1 AS id, 10 AS customer_id").await;
    for (when, condition, place) in [
        ("MATCHED THEN UPDATE SET *", "DELTA_MERGE_UNRESOLVED_EXPRESSION", (2, 1)),
        ("MATCHED THEN UPDATE SET nix = 1", "DELTA_MERGE_UNRESOLVED_EXPRESSION", (2, 30)),
        ("MATCHED THEN UPDATE SET total = nix", "UNRESOLVED_COLUMN.WITH_SUGGESTION", (2, 38)),
        ("NOT MATCHED THEN INSERT (id) VALUES (orders.total)", "UNRESOLVED_COLUMN.WITH_SUGGESTION", (2, 43)),
        ("NOT MATCHED THEN INSERT (id, total) VALUES (1)", "PARSE_SYNTAX_ERROR", (2, 30)),
        ("NOT MATCHED BY SOURCE THEN UPDATE SET total = s.id", "UNRESOLVED_COLUMN.WITH_SUGGESTION", (2, 52)),
        ("MATCHED THEN DELETE WHEN MATCHED THEN DELETE", "NON_LAST_MATCHED_CLAUSE_OMIT_CONDITION", (2, 1)),
        ("MATCHED THEN INSERT *", "PARSE_SYNTAX_ERROR", (2, 19)),
    ] {
        let error = w.error(&format!("MERGE INTO orders USING news AS s ON orders.id = s.id\nWHEN {when}")).await;
        assert_eq!((error.condition.as_str(), error.position), (condition, Some(place)), "{when}: {}", error.message);
    }
    assert_eq!(w.rows("SELECT count(*), sum(total) FROM orders").await, ["5|45.65"]);
}

#[tokio::test]
async fn partitioned_tables_are_written_and_read() {
    let w = Warehouse::new().await;
    w.run(
        "CREATE TABLE p PARTITIONED BY (Day) AS SELECT id AS n, DATE'2024-01-01' + (id % 2) AS Day \
           FROM (SELECT explode(sequence(1, 10)) AS id)",
    )
    .await;
    assert_eq!(
        w.rows("SELECT day, count(*), sum(n) FROM p GROUP BY day ORDER BY day").await,
        ["2024-01-01|5|30", "2024-01-02|5|25"]
    );
    assert_eq!(w.rows("SELECT n FROM p WHERE day = '2024-01-02' AND n > 5 ORDER BY n").await, ["7", "9"]);
    assert_eq!(w.rows("DESCRIBE p").await.len(), 5);
}

#[tokio::test]
async fn errors_carry_condition_sqlstate_and_place() {
    let w = Warehouse::new().await;
    w.shop().await;
    for (sql, condition, sqlstate, position, text) in [
        ("SELECT * FROM nowhere", "TABLE_OR_VIEW_NOT_FOUND", "42P01", Some((1, 15)), "`nowhere`"),
        ("SELECT id,\n  totl FROM orders", "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", Some((2, 3)), "`total`"),
        ("SELECT o.nope FROM orders o", "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", Some((1, 8)), "`o`.`nope`"),
        ("SELECT frobnicate(id) FROM orders", "UNRESOLVED_ROUTINE", "42883", Some((1, 8)), "`frobnicate`"),
        ("SELECT id FROM orders a, orders b", "AMBIGUOUS_REFERENCE", "42704", Some((1, 8)), "`id`"),
        ("SELEC 1", "PARSE_SYNTAX_ERROR", "42601", Some((1, 1)), "SELEC"),
        ("SELECT 1 FROM orders WHERE", "PARSE_SYNTAX_ERROR", "42601", Some((1, 27)), "end of input"),
        ("SELECT 1; SELECT 2", "PARSE_SYNTAX_ERROR", "42601", Some((1, 11)), "extra input"),
        (" -- nothing", "PARSE_EMPTY_STATEMENT", "42617", None, "empty"),
        ("SELECT id, count(*) FROM orders", "MISSING_GROUP_BY", "42803", Some((1, 8)), "GROUP BY"),
        ("SELECT year(totl) FROM orders", "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", Some((1, 13)), "`total`"),
        (
            "SELECT 1 FROM orders WHERE\n totl + 1 > 2",
            "UNRESOLVED_COLUMN.WITH_SUGGESTION",
            "42703",
            Some((2, 2)),
            "`total`",
        ),
        ("SELECT DATE'2024-01-01' = 1", "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES", "42K09", None, "\"DATE\""),
        ("SELECT year(id, 1) FROM orders", "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "42605", Some((1, 8)), "`year`"),
        ("SELECT 1 % 0", "REMAINDER_BY_ZERO", "22012", None, "zero"),
        ("SELECT :x", "UNBOUND_SQL_PARAMETER", "42P02", Some((1, 8)), "x"),
        ("DELETE\nFROM orders\nWHERE nix = 1", "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", Some((3, 7)), "nix"),
        ("ANALYZE TABLE orders", "UNSUPPORTED_STATEMENT", "0A000", Some((1, 1)), "ANALYZE"),
        ("USE SCHEMA x", "UNSUPPORTED_STATEMENT", "0A000", Some((1, 1)), "USE"),
        ("SELECT * FROM orders VERSION AS OF 7", "DELTA_VERSION_NOT_FOUND", "22003", Some((1, 15)), "[0, 0]"),
    ] {
        let error = w.error(sql).await;
        assert_eq!(
            (error.condition.as_str(), error.sqlstate, error.position),
            (condition, sqlstate, position),
            "{sql}: {}",
            error.message
        );
        assert!(error.message.contains(text), "{sql}: {}", error.message);
        assert!(error.message.starts_with(&format!("[{condition}] ")), "{}", error.message);
        assert!(error.message.contains(&format!("SQLSTATE: {sqlstate}")), "{}", error.message);
    }
}

#[tokio::test]
async fn markers_and_identifiers_take_their_values() {
    let w = Warehouse::new().await;
    w.shop().await;
    let parameter = |name: &str, value: Option<&str>, type_: Option<&str>| Parameter {
        name: name.to_owned(),
        value: value.map(str::to_owned),
        type_: type_.map(str::to_owned),
    };
    let request = Request {
        parameters: vec![
            parameter("day", Some("2024-02-01"), Some("DATE")),
            parameter("Least", Some("6"), Some("DECIMAL(10,2)")),
            parameter("nothing", None, Some("INT")),
            parameter("where", Some("main.default"), None),
        ],
        ..Request::new(
            "SELECT count(*), :nothing, max(:least + 1) FROM IDENTIFIER(:where || '.orders') \
             WHERE ordered_on >= :day AND total > :least",
        )
    };
    let output = w.engine.execute(request, CancellationToken::new()).await.unwrap();
    assert_eq!(output.rows, [[Some("1".to_owned()), None, Some("7.00".to_owned())]]);
    assert_eq!(types(&output), ["BIGINT", "INT", "DECIMAL(11,2)"]);
}

#[tokio::test]
async fn constructs_of_the_dialect_mean_what_they_mean_in_spark() {
    let w = Warehouse::new().await;
    w.shop().await;
    for (sql, rows) in [
        ("SELECT id * 2 AS d, d + 1 AS e FROM orders WHERE id = 1", vec!["2|3"]),
        ("SELECT * EXCEPT (total, channel) FROM orders WHERE id = 1", vec!["1|10|2024-01-05"]),
        ("SELECT \"text\", 'a' || \"b\", '5'::int + 1", vec!["text|ab|6"]),
        ("SELECT count(*) FILTER (WHERE channel = 'web'), count(channel) FROM orders", vec!["3|4"]),
        ("SELECT NULL <=> NULL, 1 <=> NULL", vec!["true|false"]),
        ("SELECT channel, count(*) AS n FROM orders GROUP BY channel HAVING n > 1", vec!["web|3"]),
        ("SELECT c FROM explode(sequence(1, 3)) AS t(c)", vec!["1", "2", "3"]),
        ("WITH orders AS (SELECT id FROM orders WHERE id < 3) SELECT sum(id) FROM orders", vec!["3"]),
        ("SELECT 7 / 2, 7 div 2, 1 / 4.0", vec!["3.5|3|0.250000"]),
        ("SELECT max(id) FROM orders WHERE id IN (SELECT customer_id - 8 FROM orders)", vec!["4"]),
        ("SELECT x FROM (SELECT 1 AS x UNION ALL SELECT 1 UNION ALL SELECT 2) GROUP BY x ORDER BY x", vec!["1", "2"]),
        ("SELECT id FROM orders ORDER BY total DESC LIMIT 1 OFFSET 1", vec!["4"]),
        (
            "SELECT collect_list(channel), size(collect_set(customer_id)) FROM orders WHERE id <= 2",
            vec!["[\"web\",\"web\"]|1"],
        ),
        ("SELECT first(channel, true), any_value(id) FROM orders WHERE id = 4", vec!["NULL|4"]),
        ("SELECT CASE WHEN channel IS NULL THEN 0 ELSE 1 / length(channel) END FROM orders WHERE id = 4", vec!["0.0"]),
        ("SELECT table_name FROM information_schema.tables WHERE table_schema = 'default'", vec!["orders"]),
        ("SELECT column_name FROM main.information_schema.columns WHERE ordinal_position = 2", vec!["ordered_on"]),
        (
            "SELECT orders.*, default.orders.id FROM orders WHERE main.default.orders.id = 1",
            vec!["1|10|2024-01-05|19.90|web|1"],
        ),
        ("SELECT o.id FROM orders o JOIN orders ON o.id = orders.id AND orders.total > 12.5", vec!["1"]),
        (
            "WITH a AS (SELECT a.*, 1 AS k FROM (SELECT id FROM orders) a) SELECT count(*) FROM a WHERE a.k = 1",
            vec!["5"],
        ),
        ("VALUES (1, 'a'), (2, 'b')", vec!["1|a", "2|b"]),
        ("SELECT current_catalog() || '.' || current_schema()", vec!["main.default"]),
        (
            "SELECT sum(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM orders ORDER BY id",
            vec!["1", "3", "5", "7", "9"],
        ),
        (
            "SELECT corr(id, total) IS NOT NULL, stddev(id), round(var_pop(id), 1) FROM orders",
            vec!["true|1.5811388300841898|2.0"],
        ),
        ("SELECT approx_count_distinct(customer_id) FROM orders", vec!["3"]),
        (
            "SELECT grouping(channel), channel, count(*) FROM orders GROUP BY ROLLUP (channel) ORDER BY 1, 2",
            vec!["0|NULL|1", "0|shop|1", "0|web|3", "1|NULL|5"],
        ),
    ] {
        assert_eq!(w.rows(sql).await, rows, "{sql}");
    }
}

#[tokio::test]
async fn a_condition_guards_those_to_its_right() {
    let w = Warehouse::new().await;
    w.run("CREATE TABLE t AS SELECT * FROM VALUES (0, 'x'), (2, '4'), (5, '1') AS t(a, s)").await;
    assert_eq!(w.rows("SELECT a FROM t WHERE a <> 0 AND 10 / a > 3").await, ["2"]);
    assert_eq!(w.rows("SELECT a FROM t WHERE s RLIKE '^[0-9]+$' AND CAST(s AS INT) > 3").await, ["2"]);
    assert_eq!(w.rows("SELECT a FROM t WHERE a > 0 AND a <> 5 AND 10 div a = 5 AND a IS NOT NULL").await, ["2"]);
    assert_eq!(w.error("SELECT a FROM t WHERE a < 5 AND 10 / a > 3").await.condition, "DIVIDE_BY_ZERO");
    assert_eq!(w.rows("DELETE FROM t WHERE a <> 0 AND 10 / a > 3").await, ["1|1"]);
    assert_eq!(w.rows("SELECT a FROM t ORDER BY a").await, ["0", "5"]);
}

#[tokio::test]
async fn a_limit_of_rows_says_whether_it_cut() {
    let w = Warehouse::new().await;
    w.shop().await;
    for (limit, rows, truncated) in [(4, 4, true), (5, 5, false), (0, 0, true)] {
        let request = Request { row_limit: Some(limit), ..Request::new("SELECT id FROM orders") };
        let output = w.engine.execute(request, CancellationToken::new()).await.unwrap();
        assert_eq!((output.rows.len(), output.truncated), (rows, truncated));
    }
}

#[tokio::test]
async fn cancelling_ends_a_statement_and_leaves_nothing() {
    let w = Warehouse::new().await;
    let sql = "CREATE TABLE big AS SELECT a.id * b.id AS x FROM (SELECT explode(sequence(1, 100000)) AS id) a \
               CROSS JOIN (SELECT explode(sequence(1, 100000)) AS id) b";
    let cancel = CancellationToken::new();
    let (engine, token) = (w.engine.clone(), cancel.clone());
    let running = tokio::spawn(async move { engine.execute(Request::new(sql), token).await });
    let dir = w.engine.table_dir(&TableName::new("main", "default", "big"));
    // The statement is at work once its folder is there.
    while !dir.exists() && !running.is_finished() {
        tokio::task::yield_now().await;
    }
    let begun = std::time::Instant::now();
    cancel.cancel();
    let error = running.await.unwrap().unwrap_err();
    assert_eq!((error.condition.as_str(), error.error_code), ("OPERATION_CANCELED", "CANCELLED"));
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(w.rows("SHOW TABLES").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_damaged_table_is_named_and_others_are_read() {
    let w = Warehouse::new().await;
    w.run("CREATE TABLE good AS SELECT 1 AS a").await;
    w.run("CREATE TABLE bad AS SELECT 1 AS a").await;
    w.run("CREATE VIEW v AS SELECT 1 AS a").await;
    let bad = w.engine.table_dir(&TableName::new("main", "default", "bad"));
    std::fs::write(bad.join("_delta_log/00000000000000000000.json"), "{not json").unwrap();
    let error = w.error("SELECT * FROM bad").await;
    assert_eq!(error.error_code, "IO_ERROR", "{}", error.message);
    assert!(error.message.contains(&bad.display().to_string()), "{}", error.message);
    std::fs::remove_dir_all(bad.join("_delta_log")).unwrap();
    let error = w.error("SELECT * FROM bad").await;
    assert_eq!(error.condition, "TABLE_OR_VIEW_NOT_FOUND");
    assert!(error.message.contains("_delta_log"), "{}", error.message);
    let view = bad.parent().unwrap().join("v.view.json");
    std::fs::write(&view, "{").unwrap();
    let error = w.error("SELECT * FROM v").await;
    assert!(error.message.contains(&view.display().to_string()), "{}", error.message);
    assert_eq!(w.rows("SELECT * FROM good").await, ["1"]);
    assert_eq!(w.engine.tables("main", "default").await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_one_table_wait_for_each_other() {
    let w = Warehouse::new().await;
    w.run("CREATE TABLE t (a INT)").await;
    let mut all = tokio::task::JoinSet::new();
    for i in 0..8 {
        let engine = w.engine.clone();
        all.spawn(async move {
            engine.execute(Request::new(format!("INSERT INTO t VALUES ({i})")), CancellationToken::new()).await
        });
    }
    while let Some(result) = all.join_next().await {
        result.unwrap().unwrap();
    }
    assert_eq!(w.rows("SELECT count(*), sum(a) FROM t").await, ["8|28"]);
    assert_eq!(w.rows("DESCRIBE HISTORY t").await.len(), 9);
}

#[tokio::test]
async fn properties_and_comments_change_without_touching_rows() {
    let w = Warehouse::new().await;
    w.run("CREATE TABLE t (a INT COMMENT 'old')").await;
    w.run("CREATE VIEW v AS SELECT a FROM t").await;
    w.run("COMMENT ON TABLE t IS 'it''s' ' mine'").await;
    w.run("COMMENT ON COLUMN t.A IS 'new'").await;
    w.run("ALTER TABLE t SET TBLPROPERTIES ('kiln.a' = '1', 'kiln.b' = '2')").await;
    w.run("ALTER TABLE t UNSET TBLPROPERTIES ('kiln.b')").await;
    w.run("ALTER VIEW v SET TBLPROPERTIES ('kiln.a' = '3')").await;
    assert_eq!(w.rows("SHOW TBLPROPERTIES t ('kiln.a')").await, ["kiln.a|1"]);
    assert_eq!(w.rows("SHOW TBLPROPERTIES v").await, ["kiln.a|3"]);
    assert_eq!(w.rows("DESCRIBE t").await, ["a|int|new"]);
    let table = w.engine.table(&TableName::new("main", "default", "t")).await.unwrap();
    assert_eq!(table.properties.get("kiln.b"), None);
    assert!(w.rows("DESCRIBE DETAIL t").await[0].starts_with("delta|"));
}

#[tokio::test]
async fn another_delta_reader_reads_the_tables() {
    let python = std::env::var("KILN_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import deltalake, pyarrow; print('there')"]).output();
    if !has.is_ok_and(|output| output.stdout.starts_with(b"there")) {
        println!("skipped: {python} has no packages deltalake and pyarrow");
        return;
    }
    let w = Warehouse::new().await;
    w.run("CREATE TABLE t PARTITIONED BY (p) AS SELECT 1 AS id, TIMESTAMP'2024-01-01 10:00:00' AS at, 1.50 AS d, 'x' AS p").await;
    w.run("INSERT INTO t VALUES (2, NULL, 2.25, 'y')").await;
    w.run("DELETE FROM t WHERE id = 1").await;
    let script = "import sys, deltalake\n\
                  t = deltalake.DeltaTable(sys.argv[1])\n\
                  print(t.version(), t.to_pyarrow_table().to_pylist(), [str(f.type) for f in t.schema().fields])";
    let dir = w.engine.table_dir(&TableName::new("main", "default", "t"));
    let output = Command::new(&python).args(["-c", script, &dir.display().to_string()]).output().unwrap();
    // Only what it read counts: its libraries' threads complain now and then while it ends.
    let (text, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        text.trim(),
        "2 [{'id': 2, 'at': None, 'd': Decimal('2.25'), 'p': 'y'}] ['PrimitiveType(\"integer\")', \
         'PrimitiveType(\"timestamp\")', 'PrimitiveType(\"decimal(3,2)\")', 'PrimitiveType(\"string\")']",
        "{complaints}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_many_rows_out_of_few_can_be_cancelled() {
    let w = Warehouse::new().await;
    let many = "(SELECT explode(sequence(1, 10000)) AS n)";
    for sql in [
        format!("SELECT count(*) FROM {many} a CROSS JOIN {many} b CROSS JOIN {many} c"),
        format!("SELECT count(*) FROM {many} a JOIN {many} b ON a.n < b.n JOIN {many} c ON b.n < c.n"),
        format!("SELECT count(*) FROM {many} a JOIN {many} b ON a.n % 2 = b.n % 2 JOIN {many} c ON b.n % 2 = c.n % 2"),
        format!("SELECT a.n, b.n FROM {many} a CROSS JOIN {many} b CROSS JOIN {many} c ORDER BY b.n DESC, a.n LIMIT 5"),
        format!("CREATE TABLE endless AS SELECT a.n FROM {many} a CROSS JOIN {many} b CROSS JOIN {many} c"),
    ] {
        let cancel = CancellationToken::new();
        let work = tokio::spawn({
            let (engine, cancel, sql) = (w.engine.clone(), cancel.clone(), sql.clone());
            async move { engine.execute(Request::new(sql), cancel).await }
        });
        // Long enough to be in the middle of it; how long does not matter to the test.
        let early = tokio::time::timeout(std::time::Duration::from_millis(300), async {
            while !work.is_finished() {
                tokio::task::yield_now().await;
            }
        });
        assert!(early.await.is_err(), "it ended by itself: {sql}");
        cancel.cancel();
        let ended = tokio::time::timeout(std::time::Duration::from_secs(20), work).await;
        let outcome = ended.unwrap_or_else(|_| panic!("it goes on: {sql}")).unwrap();
        assert_eq!(outcome.unwrap_err().condition, "OPERATION_CANCELED", "{sql}");
    }
    assert_eq!(w.rows("SHOW TABLES").await.len(), 0);
}
