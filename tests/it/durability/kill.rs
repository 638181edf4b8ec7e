//! `kill -9` while tables are written: each is at its old or at its new version afterwards.

use super::*;

/// A table that is written in each round, by a statement that cannot be done in part without being seen.
struct Written {
    name: &'static str,
    statement: fn(round: i64) -> String,
    /// The number and the sum of its rows after the statement, from those before.
    after: fn(round: i64, before: (i64, i64)) -> (i64, i64),
}

const WRITTEN: [Written; 7] = [
    Written {
        name: "inserted",
        statement: |round| format!("INSERT INTO inserted SELECT id, {round} FROM range(60000)"),
        after: |round, (rows, sum)| (rows + 60_000, sum + 60_000 * round),
    },
    Written {
        name: "replaced",
        statement: |round| format!("CREATE OR REPLACE TABLE replaced AS SELECT id, {round} AS v FROM range(70000)"),
        after: |round, _| (70_000, 70_000 * round),
    },
    Written {
        name: "merged",
        statement: |_| {
            "MERGE INTO merged t USING (SELECT id FROM range(50000)) s ON t.id = s.id \
             WHEN MATCHED THEN UPDATE SET v = t.v + 1 WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, 1)"
                .to_owned()
        },
        after: |_, (_, sum)| (50_000, sum + 50_000),
    },
    Written {
        name: "updated",
        statement: |_| "UPDATE updated SET v = v + 1".to_owned(),
        after: |_, (rows, sum)| (rows, sum + rows),
    },
    Written { name: "optimized", statement: |_| "OPTIMIZE optimized".to_owned(), after: |_, before| before },
    Written {
        name: "parted",
        statement: |round| format!("INSERT OVERWRITE parted SELECT id, {round}, id % 5 FROM range(40000)"),
        after: |round, _| (40_000, 40_000 * round),
    },
    Written {
        name: "deleted",
        statement: |round| format!("DELETE FROM deleted WHERE id < {}", (round + 1) * 1000),
        after: |round, _| (100_000 - (round + 1) * 1000, 100_000 - (round + 1) * 1000),
    },
];

/// When the process is killed.
#[derive(Debug)]
enum Moment {
    /// As soon as all statements have been accepted.
    Accepted,
    /// As soon as so many new data files are there.
    DataFiles(usize),
    /// As soon as so many statements have committed.
    Commits(usize),
}

async fn digest(warehouse: &Warehouse, table: &str) -> (i64, i64) {
    let rows = warehouse.rows(&format!("SELECT count(*), coalesce(sum(v), 0) FROM {table}")).await;
    let (count, sum) = rows[0].split_once('|').expect("two columns are expected");
    (count.parse().expect("it is a number"), sum.parse().expect("it is a number"))
}

fn commits(project: &Project) -> usize {
    let logs = WRITTEN.iter().map(|written| super::table(project, written.name).join("_delta_log"));
    let entries = logs.flat_map(|log| std::fs::read_dir(log).into_iter().flatten().flatten());
    entries.filter(|entry| entry.path().extension().is_some_and(|e| e == "json")).count()
}

fn files(project: &Project) -> usize {
    WRITTEN.iter().map(|written| data_files(&super::table(project, written.name)).len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_table_is_at_its_old_or_its_new_version_after_a_kill() {
    let project = Project::tiny();
    let mut warehouse = Warehouse::serve(&project, &[]);
    for name in ["inserted", "replaced", "merged", "updated", "optimized"] {
        warehouse.rows(&format!("CREATE TABLE {name} AS SELECT id, CAST(0 AS BIGINT) AS v FROM range(20000)")).await;
    }
    warehouse.rows("CREATE TABLE deleted AS SELECT id, CAST(1 AS BIGINT) AS v FROM range(100000)").await;
    warehouse.rows("CREATE TABLE parted (id BIGINT, v BIGINT, p BIGINT) PARTITIONED BY (p)").await;
    let mut moments = vec![Moment::Accepted];
    moments.extend([1, 3, 5].map(Moment::DataFiles));
    moments.extend([1, 2, 3, 4, 6].map(Moment::Commits));
    let (mut old, mut new) = (0, 0);
    for (round, moment) in (1_i64..).zip(&moments) {
        for file in 0..3 {
            warehouse.rows(&format!("INSERT INTO optimized VALUES ({file}, {round})")).await;
        }
        let mut before = Vec::new();
        for written in &WRITTEN {
            before.push(digest(&warehouse, written.name).await);
        }
        let (had_files, had_commits) = (files(&project), commits(&project));
        for written in &WRITTEN {
            let _ = warehouse.start(&(written.statement)(round)).await;
        }
        let _ = warehouse.start(&format!("CREATE TABLE made_{round} AS SELECT id, 7 AS v FROM range(30000)")).await;
        let _ = warehouse.start(&format!("CREATE OR REPLACE VIEW seen AS SELECT {round} AS v")).await;
        let _ = warehouse.start(&format!("CREATE SCHEMA main.s{round}")).await;
        let begun = Instant::now();
        loop {
            let now = match moment {
                Moment::Accepted => true,
                Moment::DataFiles(more) => files(&project) >= had_files + more,
                Moment::Commits(more) => commits(&project) >= had_commits + more,
            };
            if now {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{moment:?} does not come");
        }
        // Dropping kills: SIGKILL, without a chance to clean up.
        drop(warehouse);
        warehouse = Warehouse::serve(&project, &[]);
        for (written, before) in WRITTEN.iter().zip(before) {
            let found = digest(&warehouse, written.name).await;
            let after = (written.after)(round, before);
            assert!(found == before || found == after, "{} at {moment:?}: {before:?}, {found:?}", written.name);
            // Which of the two cannot be told where nothing changes.
            if before != after {
                *(if found == before { &mut old } else { &mut new }) += 1;
            }
        }
        // The catalogue is readable, and nothing in it is half there.
        for line in warehouse.rows("SHOW TABLES").await {
            let name = line.split('|').nth(1).expect("the second column is the name");
            warehouse.rows(&format!("SELECT count(*) FROM {name}")).await;
        }
        let made = format!("made_{round}");
        let there = warehouse.rows(&format!("SHOW TABLES LIKE '{made}'")).await;
        if !there.is_empty() {
            assert_eq!(digest(&warehouse, &made).await, (30_000, 210_000), "{moment:?}");
        }
        warehouse.rows("SHOW SCHEMAS").await;
        // What a killed statement left behind stands in nobody's way.
        warehouse.rows(&format!("CREATE OR REPLACE TABLE {made} AS SELECT 1 AS v")).await;
        warehouse.rows(&format!("DROP TABLE {made}")).await;
    }
    assert!(old > 0 && new > 0, "the moments must lie on both sides of commits: {old} before, {new} after");
}
