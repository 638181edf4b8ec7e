//! `COPY INTO`: files are taken once, and whole.

use super::*;

#[tokio::test]
async fn copy_into_takes_each_file_once() {
    let w = Warehouse::new().await;
    let files = w.dir.path().join("landing");
    fs_err::create_dir_all(files.join("more")).unwrap();
    fs_err::write(files.join("a.csv"), "id;name;day\n1;\"a;b\";2024-01-31\n2;;2024-02-29\n").unwrap();
    fs_err::write(files.join("more/b.csv"), "id;name;day\n3;c;2024-03-01\n").unwrap();
    fs_err::write(files.join("_SUCCESS"), "").unwrap();
    w.run("CREATE TABLE t (id INT NOT NULL, name STRING, day DATE, CONSTRAINT few CHECK (id < 10))").await;
    let from = |rest: &str| format!("COPY INTO t FROM '{}' FILEFORMAT = CSV {rest}", files.display());
    let csv = from("FORMAT_OPTIONS ('header' = 'true', 'delimiter' = ';')");
    assert_eq!(w.rows(&csv).await, ["3|3|0"]);
    assert_eq!(
        w.rows("SELECT * FROM t ORDER BY id").await,
        ["1|a;b|2024-01-31", "2|NULL|2024-02-29", "3|c|2024-03-01"]
    );

    // The same files again bring nothing; a new one its rows alone; with force all come again.
    assert_eq!(w.rows(&csv).await, ["0|0|0"]);
    fs_err::write(files.join("c.csv"), "id;name;day\n4;d;2024-04-01\n").unwrap();
    assert_eq!(w.rows(&csv).await, ["1|1|0"]);
    let forced = from("FORMAT_OPTIONS ('header' = 'true', 'sep' = ';') COPY_OPTIONS ('force' = 'true')");
    assert_eq!(w.rows(&forced).await, ["4|4|0"]);
    assert_eq!(w.rows("SELECT count(*) FROM t").await, ["8"]);
    assert_eq!(w.rows("DESCRIBE HISTORY t LIMIT 1").await[0].split('|').nth(4), Some("COPY INTO"));

    // A file that breaks a rule is not taken at all, and comes when it is mended.
    fs_err::write(files.join("d.csv"), "id;name;day\n5;e;2024-05-01\n50;f;2024-05-01\n").unwrap();
    assert_eq!(w.error(&csv).await.condition, "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES");
    assert_eq!(w.rows("SELECT count(*) FROM t").await, ["8"]);
    fs_err::write(files.join("d.csv"), "id;name;day\n5;e;2024-05-01\n").unwrap();
    assert_eq!(w.rows(&csv).await, ["1|1|0"]);
}

#[tokio::test]
async fn copy_into_reads_chosen_files_and_computes_columns() {
    let w = Warehouse::new().await;
    let files = w.dir.path().join("landing");
    fs_err::create_dir_all(&files).unwrap();
    fs_err::write(
        files.join("x-1.json"),
        "{\"id\": 1, \"total\": 2.5}\n{\"id\": 2, \"total\": null, \"extra\": \"e\"}\n",
    )
    .unwrap();
    fs_err::write(files.join("y-1.json"), "{\"id\": 3, \"total\": 1.0}\n").unwrap();
    let path = files.display();
    w.run("CREATE TABLE t (id BIGINT, total DOUBLE)").await;
    let strange = format!("COPY INTO t FROM '{path}' FILEFORMAT = JSON PATTERN = 'x-*.json'");
    assert_eq!(w.error(&strange).await.condition, "COPY_INTO_SCHEMA_MISMATCH_WITH_TARGET_TABLE");
    w.run(&format!("{strange} COPY_OPTIONS ('mergeSchema' = 'true')")).await;
    assert_eq!(w.rows("SELECT * FROM t ORDER BY id").await, ["1|2.5|NULL", "2|NULL|e"]);
    w.run(&format!(
        "COPY INTO t FROM (SELECT id * 10 AS id, coalesce(total, 0) AS total FROM '{path}') FILEFORMAT = JSON \
         FILES = ('y-1.json')"
    ))
    .await;
    assert_eq!(w.rows("SELECT * FROM t WHERE id > 9").await, ["30|1.0|NULL"]);
    for (statement, condition) in [
        (format!("COPY INTO t FROM '{path}/nowhere' FILEFORMAT = JSON"), "PATH_NOT_FOUND"),
        (format!("COPY INTO t FROM '{path}' FILEFORMAT = JSON FILES = ('z.json')"), "PATH_NOT_FOUND"),
        ("COPY INTO t FROM 's3://bucket/x' FILEFORMAT = JSON".to_owned(), "UNSUPPORTED_FEATURE"),
        (format!("COPY INTO t FROM '{path}' FILEFORMAT = AVRO"), "UNSUPPORTED_FEATURE"),
        (format!("COPY INTO t FROM '{path}' FILEFORMAT = JSON FORMAT_OPTIONS ('x' = '1')"), "UNSUPPORTED_FEATURE"),
        (format!("COPY INTO t FROM '{path}'"), "PARSE_SYNTAX_ERROR"),
    ] {
        assert_eq!(w.error(&statement).await.condition, condition, "{statement}");
    }
}
