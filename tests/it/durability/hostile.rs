//! Statements that nobody writes by hand: they give errors or answers, and the process lives.

use super::*;

const MEBIBYTE: usize = 1 << 20;

/// Every way to put one thing into another.
fn nested(depth: usize) -> Vec<(&'static str, String)> {
    let wrap = |open: &str, core: &str, close: &str| format!("{}{core}{}", open.repeat(depth), close.repeat(depth));
    let chain = |item: &str, between: &str| vec![item; depth].join(between);
    vec![
        ("parentheses", format!("SELECT {}", wrap("(", "1", ")"))),
        ("parentheses round queries", wrap("(", "SELECT 1", ")")),
        ("parentheses that do not end", format!("SELECT {}", "(".repeat(depth))),
        ("subqueries", wrap("SELECT * FROM (", "SELECT 1 AS a", ")")),
        ("scalar subqueries", format!("SELECT {}", wrap("(SELECT ", "1", ")"))),
        ("EXISTS", format!("SELECT 1 WHERE {}", wrap("EXISTS (SELECT 1 WHERE ", "true", ")"))),
        ("IN", format!("SELECT 1 WHERE {}", wrap("1 IN (SELECT 1 WHERE ", "true", ")"))),
        ("WITH", wrap("WITH t AS (", "SELECT 1 AS a", ") SELECT * FROM t")),
        ("CASE", format!("SELECT {}", wrap("CASE WHEN true THEN ", "1", " ELSE 2 END"))),
        ("CASE behind ELSE", format!("SELECT {}", wrap("CASE WHEN false THEN 2 ELSE ", "1", " END"))),
        ("functions", format!("SELECT {}", wrap("abs(", "1", ")"))),
        ("casts", format!("SELECT {}", wrap("CAST(", "1", " AS INT)"))),
        ("casts by colons", format!("SELECT 1{}", "::INT".repeat(depth))),
        ("arrays", format!("SELECT {}", wrap("array(", "1", ")"))),
        ("brackets", format!("SELECT {}", wrap("[", "1", "]"))),
        ("structs", format!("SELECT {}", wrap("struct(", "1", ")"))),
        ("subscripts", format!("SELECT a{}", "[0]".repeat(depth))),
        ("fields", format!("SELECT a{}", ".b".repeat(depth))),
        ("paths into JSON", format!("SELECT a:b{}", ".b".repeat(depth))),
        ("NOT", format!("SELECT {}true", "NOT ".repeat(depth))),
        ("minus", format!("SELECT {}1", "- ".repeat(depth))),
        ("tilde", format!("SELECT {}1", "~".repeat(depth))),
        ("plus", format!("SELECT {}", chain("1", " + "))),
        ("concatenation", format!("SELECT {}", chain("'a'", " || "))),
        ("AND", format!("SELECT {}", chain("true", " AND "))),
        ("OR", format!("SELECT {}", chain("(1 = 2)", " OR "))),
        ("AND and OR", format!("SELECT {}", chain("true", " AND false OR "))),
        ("comparisons", format!("SELECT {}", chain("1", " = "))),
        ("IS NULL", format!("SELECT 1{}", " IS NULL".repeat(depth))),
        ("UNION ALL", chain("SELECT 1", " UNION ALL ")),
        ("UNION", chain("SELECT 1", " UNION ")),
        ("EXCEPT", chain("SELECT 1", " EXCEPT ")),
        ("INTERSECT", chain("SELECT 1", " INTERSECT ")),
        ("joins", format!("SELECT 1 FROM {}", chain("range(1)", " CROSS JOIN "))),
        ("joins in parentheses", format!("SELECT 1 FROM {}", wrap("(", "range(1)", " CROSS JOIN range(1))"))),
        ("commas", format!("SELECT 1 FROM {}", chain("range(1)", ", "))),
        ("lateral views", format!("SELECT 1 FROM range(1) {}", views(depth))),
        ("pipes", format!("FROM range(1) {}", "|> WHERE id = 0 ".repeat(depth))),
        ("lambdas", format!("SELECT {}", wrap("transform(array(1), x -> ", "x", ")"))),
        ("intervals", format!("SELECT date'2024-01-01'{}", " + INTERVAL 1 DAY".repeat(depth))),
        ("list of IN", format!("SELECT 1 IN ({})", chain("1", ", "))),
        ("VALUES", format!("VALUES {}", chain("(1)", ", "))),
        ("types", format!("SELECT CAST(NULL AS {})", wrap("ARRAY<", "INT", ">"))),
        ("types of structs", format!("SELECT CAST(NULL AS {})", wrap("STRUCT<a: ", "INT", ">"))),
        ("types of columns", format!("CREATE TABLE deep (a {})", wrap("MAP<INT, ", "INT", ">"))),
        ("types that do not end", format!("SELECT CAST(NULL AS {})", "ARRAY<".repeat(depth))),
        ("comments", wrap("/* ", "", " */") + "SELECT 1"),
        ("comments that do not end", format!("SELECT 1 {}", "/* ".repeat(depth))),
        ("conditions of DELETE", format!("DELETE FROM t WHERE {}", wrap("(", "true", ")"))),
        ("values of UPDATE", format!("UPDATE t SET a = {}", chain("1", " + "))),
        (
            "conditions of MERGE",
            format!("MERGE INTO t USING t s ON {} WHEN MATCHED THEN DELETE", wrap("(", "true", ")")),
        ),
        ("views", format!("CREATE VIEW deep_{depth} AS {}", chain("SELECT 1 AS a", " UNION ALL "))),
        ("EXPLAIN", "EXPLAIN ".repeat(depth) + "SELECT 1"),
        ("scripts", wrap("BEGIN ", "SELECT 1;", " END;")),
        ("documents", format!("SELECT from_json('{}', 'STRING')", wrap("[", "1", "]"))),
        ("schemas of documents", format!("SELECT from_json('1', '{}')", wrap("ARRAY<", "INT", ">"))),
        ("paths of documents", format!("SELECT get_json_object('{{}}', '$.{}')", chain("a", "."))),
        ("patterns", format!("SELECT 'a' RLIKE '{}'", wrap("(", "a", ")"))),
        ("blanks", format!("SELECT{}1", " ".repeat(depth))),
        ("columns", format!("SELECT {}", chain("1", ", "))),
    ]
}

fn views(depth: usize) -> String {
    (0..depth).map(|i| format!("LATERAL VIEW explode(array(1)) v{i} AS c{i} ")).collect()
}

/// Runs a statement that may do anything but harm; its state, and its message.
async fn survives(warehouse: &Warehouse, what: &str, sql: &str) -> String {
    let begun = Instant::now();
    let answer = warehouse.run(sql).await;
    let took = begun.elapsed();
    let state = answer["status"]["state"].as_str().unwrap_or_else(|| panic!("{what}: {}", shown(&answer.to_string())));
    let message = answer["status"]["error"]["message"].as_str().unwrap_or_default();
    assert!(matches!(state, "SUCCEEDED" | "FAILED"), "{what}: {state}");
    assert!(!message.contains("broke the engine") && !message.contains("panicked"), "{what}: {message}");
    assert!(message.len() < 10_000, "{what}: a message of {} bytes", message.len());
    assert!(took < Duration::from_secs(60), "{what} took {took:?}");
    format!("{state} {message}")
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_nesting_of_every_kind_gives_an_answer_or_an_error() {
    let project = Project::tiny();
    let warehouse = Warehouse::serve(&project, &[]);
    warehouse.rows("CREATE TABLE t AS SELECT 1 AS a").await;
    for depth in [10, 60, 2_000, 50_000] {
        for (what, sql) in nested(depth) {
            let end = survives(&warehouse, &format!("{what}, {depth} deep"), &sql).await;
            let plain = !matches!(
                what,
                "casts by colons"
                    | "tilde"
                    | "subscripts"
                    | "fields"
                    | "paths into JSON"
                    | "comparisons"
                    | "EXPLAIN"
                    | "scripts"
                    | "parentheses that do not end"
                    | "types that do not end"
                    | "comments that do not end"
                    | "documents"
            );
            assert!(depth > 10 || !plain || end.starts_with("SUCCEEDED"), "{what}: {end}");
        }
        assert_eq!(warehouse.rows("SELECT 1").await, ["1"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_sixteen_mebibytes_give_an_answer_or_an_error() {
    let project = Project::tiny();
    let warehouse = Warehouse::serve(&project, &[]);
    let room = 16 * MEBIBYTE - 64;
    let text = "x".repeat(room);
    let length = warehouse.rows(&format!("SELECT length('{text}')")).await;
    assert_eq!(length, [room.to_string()]);
    for (what, sql) in [
        ("a comment", format!("SELECT 1 /* {text} */")),
        ("a comment that does not end", format!("SELECT 1 /* {text}")),
        ("a string that does not end", format!("SELECT '{text}")),
        ("a name", format!("SELECT 1 AS `{text}`")),
        ("a name that does not end", format!("SELECT `{text}")),
        ("one word", text.clone()),
        ("digits", format!("SELECT {}", "9".repeat(room))),
        // Each a token of its own: fewer, for the sake of the tests' time.
        ("parentheses", "(".repeat(room / 16)),
        ("blanks", " ".repeat(room)),
        ("semicolons", ";".repeat(room / 16)),
        ("quotes", "'".repeat(room)),
        ("zeros", "\0".repeat(room)),
        ("text beyond ASCII", format!("SELECT '{}'", "é".repeat(room / 2))),
    ] {
        survives(&warehouse, what, &sql).await;
        assert_eq!(warehouse.rows("SELECT 1").await, ["1"], "{what}");
    }
    let answer = warehouse.submit(&format!("SELECT '{text}{text}'"), "50s").await;
    assert_eq!(answer["error_code"], "INVALID_PARAMETER_VALUE", "{}", shown(&answer.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_and_absurd_values_are_errors_with_their_condition() {
    let project = Project::tiny();
    let warehouse = Warehouse::serve(&project, &[]);
    for (sql, condition) in [
        ("SELECT 'a", "PARSE_SYNTAX_ERROR"),
        ("SELECT \"a", "PARSE_SYNTAX_ERROR"),
        ("SELECT `a", "PARSE_SYNTAX_ERROR"),
        ("SELECT (1", "PARSE_SYNTAX_ERROR"),
        ("", "PARSE_EMPTY_STATEMENT"),
        (";", "PARSE_EMPTY_STATEMENT"),
        ("-- nothing", "PARSE_EMPTY_STATEMENT"),
        ("SELECT CAST('2024-02-30' AS DATE)", "CAST_INVALID_INPUT"),
        ("SELECT CAST('99999999999-01-01' AS DATE)", "CAST_INVALID_INPUT"),
        ("SELECT CAST('2024-01-01 25:00:00' AS TIMESTAMP)", "CAST_INVALID_INPUT"),
        ("SELECT make_date(2023, 2, 29)", "DATETIME_FIELD_OUT_OF_BOUNDS"),
        ("SELECT CAST(1 AS DECIMAL(39, 0))", "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION"),
        ("SELECT CAST(1 AS DECIMAL(5, 9))", ""),
        ("SELECT CAST('1e9999999999' AS DECIMAL(38, 0))", ""),
        ("SELECT CAST(99999999999999999999999999999999999999 AS DECIMAL(38, 0)) * 10", ""),
        ("SELECT CAST(9223372036854775807 AS BIGINT) + 1", "ARITHMETIC_OVERFLOW"),
        ("SELECT date_add(DATE'9999-12-31', 2147483647)", ""),
        ("SELECT repeat('a', 2147483647)", ""),
        ("SELECT sequence(1, 9223372036854775807)", ""),
        ("SELECT space(2147483647)", ""),
        ("SELECT lpad('a', 2147483647, 'b')", ""),
        ("SELECT array_repeat(1, 2147483647)", ""),
        ("SELECT to_date('x', 'yyyy-MM-ddZZZZZZZZZZZZZZZZ')", ""),
    ] {
        let end = survives(&warehouse, sql, sql).await;
        assert!(end.contains(condition), "{sql}: {end}");
        assert!(condition.is_empty() || end.starts_with("FAILED"), "{sql}: {end}");
    }
    assert_eq!(warehouse.rows("SELECT 1").await, ["1"]);
}
