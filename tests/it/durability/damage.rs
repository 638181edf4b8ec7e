//! Tables that somebody damaged, and disks that are full.

use std::process::Command;

use super::*;

/// A warehouse with a table of three versions, `bad`, and another one, `good`.
async fn with_tables(project: &Project) -> Warehouse {
    let warehouse = Warehouse::serve(project, &[]);
    warehouse.rows("CREATE TABLE good AS SELECT 1 AS a").await;
    warehouse.rows("CREATE TABLE bad AS SELECT 1 AS a").await;
    warehouse.rows("INSERT INTO bad VALUES (2)").await;
    warehouse.rows("INSERT INTO bad VALUES (3)").await;
    warehouse
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_is_named_and_others_are_read() {
    let project = Project::tiny();
    let warehouse = with_tables(&project).await;
    let file = data_files(&table(&project, "bad")).remove(0);
    std::fs::remove_file(&file).expect("it can be removed");
    let message = warehouse.error("SELECT sum(a) FROM bad").await;
    assert!(message.contains(&*file.file_name().expect("a file has a name").to_string_lossy()), "{message}");
    for writer in ["UPDATE bad SET a = a + 1", "OPTIMIZE bad", "CREATE TABLE copy AS SELECT * FROM bad"] {
        warehouse.error(writer).await;
    }
    assert_eq!(warehouse.rows("SELECT a FROM good").await, ["1"]);
    assert!(!warehouse.rows("SHOW TABLES").await.iter().any(|line| line.contains("copy")));
    // An earlier version can be had again, or the rows can be written anew.
    warehouse.rows("INSERT OVERWRITE bad VALUES (9)").await;
    assert_eq!(warehouse.rows("SELECT a FROM bad").await, ["9"]);
}

/// Does harm to a log, whose folder it is given.
type Damage = fn(&Path);

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_is_named_and_never_read_in_part() {
    let damages: [(&str, Damage); 7] = [
        ("the last entry is cut off", |log| cut(&log.join("00000000000000000002.json"))),
        ("the last entry is garbage", |log| put(&log.join("00000000000000000002.json"), b"\x00\xff garbage \x00")),
        ("the last entry is empty", |log| put(&log.join("00000000000000000002.json"), b"")),
        ("an entry in the middle is missing", |log| remove(&log.join("00000000000000000001.json"))),
        ("an entry in the middle is cut off", |log| cut(&log.join("00000000000000000001.json"))),
        ("an entry in the middle is empty", |log| put(&log.join("00000000000000000001.json"), b"")),
        ("the first entry is missing", |log| remove(&log.join("00000000000000000000.json"))),
    ];
    for (what, damage) in damages {
        let project = Project::tiny();
        let warehouse = with_tables(&project).await;
        drop(warehouse);
        damage(&table(&project, "bad").join("_delta_log"));
        let warehouse = Warehouse::serve(&project, &[]);
        for sql in ["SELECT sum(a) FROM bad", "INSERT INTO bad VALUES (4)", "DESCRIBE DETAIL bad"] {
            let answer = warehouse.run(sql).await;
            assert_eq!(answer["status"]["state"], "FAILED", "{what}: {sql}: {answer}");
            let message = answer["status"]["error"]["message"].as_str().expect("it is a text");
            assert!(message.contains("bad"), "{what}: {sql}: {message}");
        }
        assert_eq!(warehouse.rows("SELECT a FROM good").await, ["1"], "{what}");
        assert!(warehouse.rows("SHOW TABLES").await.len() >= 2, "{what}");
        warehouse.rows("DROP TABLE bad").await;
        warehouse.rows("CREATE TABLE bad AS SELECT 5 AS a").await;
        assert_eq!(warehouse.rows("SELECT a FROM bad").await, ["5"], "{what}");
    }
}

fn put(file: &Path, bytes: &[u8]) {
    assert!(file.is_file(), "{}", file.display());
    std::fs::write(file, bytes).expect("it can be written");
}

fn cut(file: &Path) {
    let bytes = std::fs::read(file).expect("it can be read");
    put(file, &bytes[..bytes.len() / 2]);
}

fn remove(file: &Path) {
    std::fs::remove_file(file).expect("it can be removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_of_others_are_noticed() {
    let project = Project::tiny();
    let warehouse = with_tables(&project).await;
    assert_eq!(warehouse.rows("SELECT sum(a) FROM bad").await, ["6"]);
    // What was read once is not read again: nobody sees that it is garbage now.
    cut(&table(&project, "bad").join("_delta_log/00000000000000000000.json"));
    // Another writer takes the second file out.
    let log = table(&project, "bad").join("_delta_log");
    let entry = std::fs::read_to_string(log.join("00000000000000000001.json")).expect("it can be read");
    let added = entry.lines().find_map(|line| serde_json::from_str::<Value>(line).ok()?.get("add").cloned());
    let path = added.expect("a file was added")["path"].clone();
    let removal = json!({"remove": {"path": path, "dataChange": true, "deletionTimestamp": 0}});
    std::fs::write(log.join("00000000000000000003.json"), format!("{removal}\n")).expect("it can be written");
    assert_eq!(warehouse.rows("SELECT sum(a) FROM bad").await, ["4"]);
    // Another table lies there under the same name and with as many versions.
    std::fs::remove_dir_all(table(&project, "good")).expect("it can be removed");
    warehouse.rows("CREATE TABLE other AS SELECT 'x' AS b").await;
    std::fs::rename(table(&project, "other"), table(&project, "good")).expect("it can be moved");
    assert_eq!(warehouse.rows("SELECT b FROM good").await, ["x"]);
}

/// A small disk of its own, taken away again when this is dropped.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn of_megabytes(size: u32, at: &'a Path) -> Option<Self> {
        std::fs::create_dir_all(at).expect("the folder can be made");
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", &format!("size={size}m"), "tmpfs"]).arg(at).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(at));
        }
        crate::skipped::skipped("no disk can be mounted here");
        None
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        // A mount that stays hides an empty folder, and says so by itself.
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_named_and_leaves_the_tables() {
    let project = Project::tiny();
    let folder = project.path().join(".kiln/local");
    let Some(_disk) = Disk::of_megabytes(8, &folder) else { return };
    let warehouse = Warehouse::serve(&project, &[]);
    warehouse.rows("CREATE TABLE t AS SELECT id, 'a' AS v FROM range(1000)").await;
    let digest = "SELECT count(*), sum(id), count(DISTINCT v) FROM t";
    let before = warehouse.rows(digest).await;
    // Text that does not compress.
    let large =
        "SELECT id, concat(sha2(CAST(id AS STRING), 512), sha2(CAST(-id AS STRING), 512)) AS v FROM range(100000)";
    for sql in [
        format!("INSERT INTO t {large}"),
        format!("CREATE OR REPLACE TABLE t AS {large}"),
        format!("CREATE TABLE new AS {large}"),
        format!("MERGE INTO t USING ({large}) s ON t.id = s.id AND t.v = s.v WHEN NOT MATCHED THEN INSERT *"),
    ] {
        let message = warehouse.error(&sql).await;
        assert!(message.contains("No space left on device"), "{sql}: {message}");
        assert_eq!(warehouse.rows(digest).await, before, "{sql}");
        assert!(!warehouse.rows("SHOW TABLES").await.iter().any(|line| line.contains("new")), "{sql}");
        // What was written has made room again.
        warehouse.rows("UPDATE t SET v = 'a' WHERE id = 1").await;
    }
    // So it is without any room at all, where not even a commit can be written.
    let mut rest = std::fs::File::create(folder.join(".filler")).expect("it can be made");
    while std::io::Write::write(&mut rest, &[0; 4096]).is_ok_and(|written| written > 0) {}
    warehouse.error("INSERT INTO t VALUES (1, 'b')").await;
    assert_eq!(warehouse.rows(digest).await, before);
    drop(rest);
    std::fs::remove_file(folder.join(".filler")).expect("it can be removed");
    warehouse.rows("DELETE FROM t WHERE id = 1").await;
    drop(warehouse);
    assert_eq!(Warehouse::serve(&project, &[]).rows("SELECT count(*) FROM t").await, ["999"]);
}
