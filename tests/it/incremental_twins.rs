//! Incremental models beside tables of the same query that are built as a whole each time: equal, whatever arrives.

use serde_json::Value;

use crate::support::{Project, Served, kiln_at};

/// What a model is, without its settings: its name, and its query with what it reads when it is built by and by.
struct Twin {
    name: &'static str,
    settings: &'static str,
    query: &'static str,
}

/// What stands for "only what is new" in a query; its twin has nothing there.
const NEW: &str = "/* new */";

/// Rows that changed up to three days before the newest that is known.
const CHANGED: &str = "changed >= (SELECT max(changed) - INTERVAL 3 DAYS FROM {{ this }})";

const TWINS: [Twin; 6] = [
    Twin {
        name: "by_key",
        settings: "unique_key: [id]",
        query: "SELECT id, day, shop, amount, deleted, changed FROM raw.events /* new */",
    },
    Twin {
        name: "by_key_and_flag",
        settings: "unique_key: [id], soft_delete: deleted",
        query: "SELECT id, day, shop, amount, deleted, changed FROM raw.events /* new */",
    },
    // Shops may have no name: a key with a NULL in it is one as well.
    Twin {
        name: "by_two_keys",
        settings: "unique_key: [day, shop]",
        query: "SELECT e.day, e.shop, count(*) AS n, sum(e.amount) AS amount, max(e.changed) AS changed \
                FROM raw.events AS e /* new */ GROUP BY e.day, e.shop",
    },
    Twin {
        name: "by_partition",
        settings: "partition_by: [day]",
        query: "SELECT e.day, e.id, e.amount, e.deleted, e.changed FROM raw.events AS e /* new */",
    },
    Twin {
        name: "by_time",
        settings: "time_column: day, lookback: 6d",
        query: "SELECT day, count(*) AS n, count_if(deleted) AS gone, sum(amount) AS amount FROM raw.events GROUP BY day",
    },
    Twin { name: "by_and_by", settings: "strategy: append", query: "SELECT id, shop FROM raw.events /* new */" },
];

impl Twin {
    fn sql(&self) -> String {
        let touched = |columns: &[&str]| {
            let list = columns.join(", ");
            let on: Vec<_> = columns.iter().map(|column| format!("e.{column} <=> touched.{column}")).collect();
            format!("LEFT SEMI JOIN (SELECT {list} FROM raw.events WHERE {CHANGED}) AS touched ON {}", on.join(" AND "))
        };
        let new = match self.name {
            "by_two_keys" => touched(&["day", "shop"]),
            "by_partition" => touched(&["day"]),
            "by_and_by" => "WHERE id > (SELECT max(id) FROM {{ this }})".to_owned(),
            _ => format!("WHERE {CHANGED}"),
        };
        self.query.replace(NEW, &format!("{{% if incremental %}}{new}{{% endif %}}"))
    }

    /// The whole query, as it is when nothing is taken by and by: rows that are flagged are out here too.
    fn whole(&self) -> String {
        let flagged = if self.name == "by_key_and_flag" { "WHERE NOT deleted" } else { "" };
        self.query.replace(NEW, flagged)
    }
}

fn project(served: &Served) -> Project {
    let project = Project::empty();
    let models: String = TWINS
        .iter()
        .map(|twin| format!("  sql/{}: {{materialized: incremental, {}}}\n", twin.name, twin.settings))
        .collect();
    project.write(
        "jobs.yaml",
        &format!(
            "version: 1\nproject: tiny\nenvironments:\n  \
             local: {{workspace: local, catalog: main, schema: tiny, default: true}}\nsources:\n  \
             raw: {{tables: {{events: {{columns: {{id: BIGINT, day: DATE, shop: STRING, amount: INT, deleted: BOOLEAN, \
             changed: TIMESTAMP}}}}}}}}\nmodels:\n  sql: {{materialized: table}}\n{models}jobs:\n  daily: {{steps: [{{build: \
             sql/**}}]}}\n"
        ),
    );
    for twin in TWINS {
        project.write(&format!("sql/{}.sql", twin.name), &twin.sql());
        project.write(&format!("sql/{}_whole.sql", twin.name), &twin.whole());
    }
    project.point_at(served);
    project
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[track_caller]
fn run(project: &Project, served: &Served, args: &[&str], when: &str) {
    let ran = kiln_at(project, served, args);
    assert_eq!(ran.status, 0, "{when}: {}", ran.stderr);
}

#[track_caller]
fn compare(served: &Served, names: &[&str], when: &str) {
    for name in names {
        let rows = |table: &str| served.sql(&format!("SELECT * FROM main.tiny.{table} ORDER BY ALL"));
        assert_eq!(rows(name), rows(&format!("{name}_whole")), "{name}, {when}");
    }
}

const ALL: [&str; 6] = ["by_key", "by_key_and_flag", "by_two_keys", "by_partition", "by_time", "by_and_by"];

/// Lets new rows, late rows, changed rows and rows that are flagged as deleted arrive on a day. Rows come up to two days late,
/// and change within four days of their own.
fn arrive(served: &Served, known: &mut Vec<(u64, u64)>, today: u64, dice: &mut Dice) {
    // A row's shop stays: that it has left a group is nothing that its new state tells.
    let shop_of = |id: u64| ["'a'", "'b'", "NULL"][usize::try_from(id % 3).unwrap()];
    let row = |id: u64, day: u64, dice: &mut Dice| {
        let shop = shop_of(id);
        let (amount, deleted, changed) = (dice.below(100), dice.below(4) == 0, today - dice.below(3));
        format!(
            "({id}L, DATE'2026-01-{day:02}', {shop}, {amount}, {deleted}, TIMESTAMP'2026-01-{changed:02} 08:00:00')"
        )
    };
    let mut rows = Vec::new();
    for (id, day) in known.iter() {
        if day + 4 > today && dice.below(3) == 0 {
            rows.push(row(*id, *day, dice));
        }
    }
    for _ in 0..=dice.below(5) {
        let id = known.last().map_or(1, |(id, _)| id + 1);
        let day = today - dice.below(3);
        known.push((id, day));
        rows.push(row(id, day, dice));
    }
    served.sql(&format!(
        "MERGE INTO main.raw.events AS t USING (SELECT * FROM VALUES {} AS v(id, day, shop, amount, deleted, changed)) AS s \
         ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
        rows.join(", ")
    ));
}

/// One history of arrivals.
fn whatever_arrives(seed: u64) {
    let server = Project::tiny();
    let served = server.serve(&[]);
    served.sql("CREATE SCHEMA main.raw");
    served.sql(
        "CREATE TABLE main.raw.events (id BIGINT, day DATE, shop STRING, amount INT, deleted BOOLEAN, changed TIMESTAMP)",
    );
    let mut dice = Dice(seed);
    let mut known = Vec::new();
    arrive(&served, &mut known, 3, &mut dice);
    let project = project(&served);
    let refresh = ["sync-and-refresh"];
    for today in 4..9 {
        let when = format!("seed {seed}, day {today}");
        run(&project, &served, &refresh, &when);
        compare(&served, &ALL, &when);
        arrive(&served, &mut known, today, &mut dice);
    }
    // Some rows are deleted for good, of days long past too: nothing that reads only what has changed sees that.
    let (gone, left): (Vec<_>, Vec<_>) = known.into_iter().partition(|(id, _)| *id == 1 || dice.below(3) == 0);
    let mut known = left;
    let gone = gone.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>().join(", ");
    served.sql(&format!("DELETE FROM main.raw.events WHERE id IN ({gone})"));
    let when = format!("seed {seed}, rows deleted for good");
    run(&project, &served, &refresh, &when);
    let rows = |table: &str| served.sql(&format!("SELECT * FROM main.tiny.{table} ORDER BY ALL"));
    assert_ne!(rows("by_key"), rows("by_key_whole"), "{when}: otherwise this test shows nothing");
    run(
        &project,
        &served,
        &["backfill", "by_time", "--from", "2026-01-01", "--to", "2026-02-01", "--batch", "week"],
        &when,
    );
    compare(&served, &["by_time"], &format!("{when}, built again window by window"));
    run(&project, &served, &["sync-and-refresh", "--full-refresh"], &when);
    compare(&served, &ALL, &format!("{when}, built again as a whole"));
    // And by and by again from there.
    arrive(&served, &mut known, 10, &mut dice);
    run(&project, &served, &refresh, &when);
    compare(&served, &ALL, &format!("{when}, and the day after"));
    let count: Value = served.sql("SELECT count(*) FROM main.tiny.by_and_by");
    assert_ne!(count[0][0], "0");
}

#[test]
fn whatever_arrives_every_strategy_gives_what_a_whole_build_gives() {
    std::thread::scope(|scope| {
        for seeds in [[11], [21]] {
            scope.spawn(move || seeds.into_iter().for_each(whatever_arrives));
        }
    });
}
