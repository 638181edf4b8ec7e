//! The flagship's marts as Spark builds them, beside those of the embedded engine: the same rendered SQL over the same rows, with
//! equal types, decimals, dates and moments, and doubles equal to nine decimals. `tests/spark/marts.py` asks Spark.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use crate::cohort_sql::{ORDERS, run, shop};
use crate::metamorphic::Rows;
use crate::spark_queries::script;
use crate::support::{Project, repository};
use crate::tables::{Answer, Tables};

/// The shops that both are asked about: the one made by hand, and one that a seed makes up.
fn shops() -> [(&'static str, Project); 2] {
    let by_hand = shop();
    by_hand.write("data/orders.csv", ORDERS);
    let made_up = shop();
    Rows::of_seed(11, 40).write(&made_up);
    [("hand_made", by_hand), ("made_up", made_up)]
}

fn recorded(shop: &str) -> PathBuf {
    repository().join(format!("tests/spark/marts/{shop}.sql"))
}

/// The names of the marts, and of what they read.
fn marts() -> BTreeSet<String> {
    let files = std::fs::read_dir(repository().join("sql/marts")).expect("the marts can be listed");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.expect("an entry can be read").path();
        path.file_stem().expect("a file has a name").to_string_lossy().into_owned()
    };
    files.map(name).chain(["purchases".to_owned()]).collect()
}

#[test]
fn the_marts_are_those_that_spark_makes() {
    let mut problems = Vec::new();
    for (name, project) in shops() {
        run(&project, "local");
        let tables = Tables::open(&project, "", "retention");
        let path = recorded(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut asked = BTreeSet::new();
        for script::Told { sql, said } in script::statements(&text) {
            let mart = sql.split_whitespace().nth(3).expect("SELECT * FROM mart").to_owned();
            problems
                .extend(differences(&tables.answer(&sql), &said).map(|problem| format!("{name}: {mart}: {problem}")));
            asked.insert(mart);
        }
        assert_eq!(asked, marts(), "{name}: every mart is recorded, see tests/spark/marts.py");
    }
    assert!(problems.is_empty(), "{} differences:\n{}", problems.len(), problems.join("\n"));
}

/// What differs, in the first of the rows where something does.
fn differences(ours: &Answer, said: &[&str]) -> Option<String> {
    let mut lines = said.iter().map(|line| line.strip_prefix("--> ").unwrap_or_default());
    let head = lines.next().expect("Spark gave an answer");
    let columns = ours.columns.iter().map(|(name, data_type)| format!("{name} {}", data_type.to_lowercase()));
    let columns = columns.collect::<Vec<_>>().join("\t");
    if columns != head {
        return Some(format!("the columns are\n  {columns}\nand Spark's\n  {head}"));
    }
    let is_double: Vec<bool> = ours.columns.iter().map(|(_, data_type)| data_type == "DOUBLE").collect();
    let text = |cell: &Option<String>| cell.as_deref().unwrap_or("NULL").to_owned();
    let mut ours: Vec<Vec<String>> = ours.rows.iter().map(|row| row.iter().map(text).collect()).collect();
    let mut theirs: Vec<Vec<String>> = lines.map(|line| line.split('\t').map(str::to_owned).collect()).collect();
    // What is compared exactly puts the rows in one order, whatever the last digits of the others are.
    let exact = |row: &Vec<String>| -> Vec<String> {
        row.iter().zip(&is_double).filter(|(_, is_double)| !**is_double).map(|(cell, _)| cell.clone()).collect()
    };
    ours.sort_by_key(exact);
    theirs.sort_by_key(exact);
    if ours.len() != theirs.len() {
        return Some(format!("{} rows, and Spark has {}", ours.len(), theirs.len()));
    }
    let agree = |ours: &str, theirs: &str, is_double: bool| match (ours.parse::<f64>(), theirs.parse::<f64>()) {
        (Ok(ours), Ok(theirs)) if is_double => (ours - theirs).abs() <= 1e-9 * theirs.abs().max(1.0),
        _ => ours == theirs,
    };
    let differ = |(ours, theirs): &(&Vec<String>, &Vec<String>)| {
        !ours.iter().zip(*theirs).zip(&is_double).all(|((ours, theirs), is_double)| agree(ours, theirs, *is_double))
    };
    let found = ours.iter().zip(&theirs).find(differ)?;
    Some(format!("\n  {}\nand Spark has\n  {}", found.0.join(" | "), found.1.join(" | ")))
}

/// Writes each shop into a folder for the script, and the script's answers into the repository.
#[test]
#[ignore = "asks Spark: `KILN_SPARK_PYTHON` names a Python with pyspark, and Java is there"]
fn spark_is_asked() {
    let python = std::env::var("KILN_SPARK_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    for (name, project) in shops() {
        run(&project, "local");
        let tables = Tables::open(&project, "", "retention");
        let mut sources = String::new();
        for file in std::fs::read_dir(project.path().join("data")).expect("the sources can be listed") {
            let path = file.expect("an entry can be read").path();
            let table = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            for (column, data_type) in tables.answer(&format!("SELECT * FROM shop_public.{table} LIMIT 0")).columns {
                writeln!(sources, "{table}\t{column}\t{data_type}").expect("memory takes it");
            }
        }
        tables.close();
        project.write("sources.tsv", &sources);
        let rendered = project.kiln(&["render"]);
        assert_eq!(rendered.status, 0, "{}", rendered.stderr);
        project.write("models.sql", &rendered.stdout);
        let mut script = format!("-- The marts of a shop, as Spark makes them; see marts.py. This is `{name}`.\n");
        for mart in marts() {
            // A curve stays as it is from one second purchase to the next.
            let filter =
                if mart == "repurchase_curves" { " WHERE repeaters > 0 OR days_since_first % 35 = 0" } else { "" };
            writeln!(script, "SELECT * FROM {mart}{filter} ORDER BY ALL;").expect("memory takes it");
        }
        let path = recorded(name);
        std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder can be made");
        std::fs::write(&path, script).expect("the script can be written");
        let asked = Command::new(&python)
            .arg(repository().join("tests/spark/marts.py"))
            .args([project.path(), &path])
            .status()
            .unwrap_or_else(|error| panic!("{python}: {error}"));
        assert!(asked.success(), "{name}");
    }
}
