//! Constructs of queries, beside what the corpus asks: the checker's view of them, and how far they may be driven.

use std::fmt::Write as _;

use super::Warehouse;

#[tokio::test]
async fn lambdas_see_their_parameters_and_the_columns_round_them() {
    let w = Warehouse::new().await;
    let rows = w
        .rows(
            "SELECT transform(xs, X -> x + k) AS a, filter(xs, x -> x > 1) AS b, exists(xs, x -> x = k) AS c \
             FROM VALUES (array(1, 2), 2), (array(5), 10) AS t(xs, k)",
        )
        .await;
    assert_eq!(rows, ["[3,4]|[2]|true", "[15]|[5]|false"]);
    let error = w.error("SELECT upper(x -> x)").await;
    assert_eq!(error.condition, "INVALID_LAMBDA_FUNCTION_CALL.NON_HIGHER_ORDER_FUNCTION");
}

#[tokio::test]
async fn queries_of_any_length_and_depth_end_in_an_answer_or_an_error() {
    let w = Warehouse::new().await;
    let chain = |term: &str, joint: &str, n: usize| {
        let mut text = term.to_owned();
        (1..n).for_each(|_| write!(text, "{joint}{term}").unwrap());
        text
    };
    for sql in [
        format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000)),
        format!("SELECT {}", chain("true", " AND ", 5000)),
        format!("SELECT {}", chain("a", " OR ", 5000)),
        format!("SELECT {}", chain("1", " + ", 5000)),
        chain("SELECT 1", " UNION ALL ", 5000),
        format!("SELECT {}x{}", "upper(".repeat(500), ")".repeat(500)),
        format!("FROM t{}", " |> WHERE true".repeat(5000)),
        format!("SELECT 'x' {}", "-- ".repeat(5_700_000)),
        format!("SELECT '{}", "x".repeat(1 << 20)),
        "SELECT 1 /* never closed".to_owned(),
        "SELECT `a".to_owned(),
        "SELECT \"a".to_owned(),
        format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(500), " END".repeat(500)),
        format!("SELECT {}1", "- ".repeat(4500)),
        format!("SELECT x{}", "[0]".repeat(5000)),
    ] {
        let _ = w.try_run(&sql).await.map_err(|e| assert!(e.condition != "INTERNAL_ERROR", "{}", e.message));
    }
    assert_eq!(w.rows(&format!("SELECT {}", chain("1", " + ", 100))).await, ["100"]);
    assert_eq!(w.rows(&format!("SELECT count(*) FROM ({})", chain("SELECT 1", " UNION ALL ", 50))).await, ["50"]);
}

#[tokio::test]
async fn recursion_without_an_end_is_an_error() {
    let w = Warehouse::new().await;
    let endless = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t)";
    let error = w.error(&format!("{endless} SELECT max(n) FROM t")).await;
    assert_eq!((error.condition.as_str(), error.sqlstate), ("RECURSION_LEVEL_LIMIT_EXCEEDED", "42836"));
    let doubling = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + d FROM t CROSS JOIN VALUES (1), (2) AS v(d))";
    assert_eq!(w.error(&format!("{doubling} SELECT max(n) FROM t")).await.condition, "RECURSION_ROW_LIMIT_EXCEEDED");
}

#[tokio::test]
async fn samples_take_about_their_share_and_repeat() {
    let w = Warehouse::new().await;
    w.run("CREATE TABLE t AS SELECT id FROM range(10000)").await;
    let count = w.rows("SELECT count(*) FROM t TABLESAMPLE (50 PERCENT)").await[0].parse::<u32>().unwrap();
    assert!((4500..5500).contains(&count), "{count}");
    let sum = "SELECT count(*), sum(id) FROM t TABLESAMPLE (20 PERCENT) REPEATABLE (42)";
    assert_eq!(w.rows(sum).await, w.rows(sum).await);
    assert_ne!(w.rows(sum).await, w.rows(&sum.replace("42", "43")).await);
}

#[tokio::test]
async fn intervals_are_described_and_written_as_the_api_has_them() {
    let w = Warehouse::new().await;
    let sql = "SELECT INTERVAL '1' DAY AS d, CAST(NULL AS INTERVAL YEAR TO MONTH) AS m, array(INTERVAL '90' MINUTE) AS a, \
               TIMESTAMP'2024-01-02 03:04:05.5' - TIMESTAMP'2024-01-01 00:00:00' AS t";
    let output = w.run(sql).await;
    let columns: Vec<_> = output
        .columns
        .iter()
        .map(|c| (c.type_name.as_str(), c.type_text.as_str(), c.interval_type.as_deref().unwrap_or("-")))
        .collect();
    assert_eq!(
        columns,
        [
            ("INTERVAL", "INTERVAL DAY", "DAY"),
            ("INTERVAL", "INTERVAL YEAR TO MONTH", "YEAR TO MONTH"),
            ("ARRAY", "ARRAY<INTERVAL MINUTE>", "-"),
            ("INTERVAL", "INTERVAL DAY TO SECOND", "DAY TO SECOND"),
        ]
    );
    let row: Vec<_> = output.rows[0].iter().map(|cell| cell.as_deref().unwrap_or("NULL")).collect();
    assert_eq!(
        row,
        ["INTERVAL '1' DAY", "NULL", r#"["INTERVAL '90' MINUTE"]"#, "INTERVAL '1 03:04:05.5' DAY TO SECOND"]
    );
}
