//! Analysis over real SQL: the project's own models and the datasets of dashboards that others have published.

use std::collections::HashMap;
use std::path::Path;

use kiln::analysis::{
    Column, DataType, Known, Relation, Surroundings, columns_of_sql, examine, parse, parse_sql, resolve,
};
use kiln::config::{LoadOptions, Project, load};
use kiln::diag::{Diagnostics, SourceFile, Span};
use kiln::template::Templates;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shown(problems: &Diagnostics) -> Vec<String> {
    let shown = problems.iter().map(|d| {
        let place = d.primary.as_ref().map(|(span, _)| span.to_string()).unwrap_or_default();
        format!("{place} {}: {} {}", d.severity, d.message, d.help.as_deref().unwrap_or_default())
    });
    shown.collect()
}

fn project(folder: &Path) -> Project {
    let data = root().join("../shared/data").display().to_string();
    let env = |name: &str| Some(if name == "KILN_DATA" { data.clone() } else { String::new() });
    let options = LoadOptions { environment: None, overrides: &[], env: &env };
    match load(folder, &options) {
        Ok((project, _)) => project,
        Err(problems) => panic!("{}", shown(&problems).join("\n")),
    }
}

/// The declared columns of the sources, with those that Fivetran adds.
fn sources(project: &Project) -> HashMap<String, Relation> {
    let mut found = HashMap::new();
    for (schema, source) in &project.sources {
        for (table, declared) in &source.tables {
            let mut columns: Vec<Column> = declared
                .columns
                .iter()
                .map(|(name, text)| Column { name: name.clone(), data_type: DataType::parse(text) })
                .collect();
            assert!(columns.iter().all(|c| c.data_type.is_some()), "a type of {schema}.{table} is not understood");
            for (name, data_type) in
                [("_fivetran_deleted", DataType::Boolean), ("_fivetran_synced", DataType::Timestamp)]
            {
                columns.push(Column { name: name.to_owned(), data_type: Some(data_type) });
            }
            let relation = if declared.columns.is_empty() { Relation::Unknown } else { Relation::Known(columns) };
            found.insert(format!("{schema}.{table}"), relation);
        }
    }
    found
}

/// Resolves all models of a project in the order of their reads; returns their columns.
fn model_columns(folder: &Path) -> HashMap<String, Vec<Column>> {
    let project = project(folder);
    let templates = Templates::new(&project).unwrap_or_else(|p| panic!("{}", shown(&p).join("\n")));
    let mut relations = sources(&project);
    let mut waiting: Vec<_> = project
        .models
        .values()
        .map(|model| {
            let rendered = templates.render(&model.path).unwrap_or_else(|p| panic!("{}", shown(&p).join("\n")));
            (model.name.to_string(), parse(&rendered).unwrap_or_else(|p| panic!("{}", shown(&p).join("\n"))))
        })
        .collect();
    let mut columns = HashMap::new();
    while !waiting.is_empty() {
        let ready = |parsed: &kiln::analysis::Parsed| {
            parsed.reads().iter().all(|read| relations.contains_key(&read.parts.join(".").to_lowercase()))
        };
        let next = waiting.iter().position(|(_, parsed)| ready(parsed)).unwrap_or_else(|| {
            let reads: Vec<_> = waiting.iter().map(|(name, p)| format!("{name}: {:?}", p.reads())).collect();
            panic!("these models read what is not there: {}", reads.join("\n"))
        });
        let (name, parsed) = waiting.swap_remove(next);
        let (found, problems) = resolve(&parsed, &|parts| relations.get(&parts.join(".").to_lowercase()).cloned(), &[]);
        assert!(problems.is_empty(), "{name}: {}", shown(&problems).join("\n"));
        let found = found.unwrap_or_else(|| panic!("the columns of {name} are not known"));
        relations.insert(name.clone(), Relation::Known(found.clone()));
        columns.insert(name, found);
    }
    columns
}

#[test]
fn the_projects_models_resolve_to_columns_with_types() {
    let columns = model_columns(root());
    assert!(columns.len() >= 10, "{}", columns.len());
    for (model, columns) in &columns {
        for column in columns {
            assert!(column.data_type.is_some(), "the type of {model}.{} is not known", column.name);
        }
    }
    let first_second = &columns["customer_first_second"];
    let days = first_second.iter().find(|c| c.name == "days_to_second").expect("it has the column");
    assert_eq!(days.data_type, Some(DataType::Int));
}

#[test]
fn the_examples_models_resolve_to_columns() {
    if !root().join("../shared/data").is_dir() {
        crate::skipped::skipped("there is no ../shared/data");
        return;
    }
    for example in ["cdnow", "online-retail"] {
        assert!(!model_columns(&root().join("examples").join(example)).is_empty());
    }
}

/// The SQL of a dataset, whichever way it is written.
fn sql_of(dataset: &serde_json::Value) -> Option<String> {
    match dataset["queryLines"].as_array() {
        Some(lines) => Some(lines.iter().filter_map(|line| line.as_str()).collect()),
        None => dataset["query"].as_str().map(str::to_owned),
    }
}

#[test]
fn datasets_of_published_dashboards_are_read() {
    let Ok(entries) = std::fs::read_dir(root().join("../shared/lvdash-corpus")) else {
        crate::skipped::skipped("there is no ../shared/lvdash-corpus");
        return;
    };
    let (mut all, mut refused) = (0, Vec::new());
    for path in entries.map(|e| e.expect("the folder can be listed").path()) {
        if path.extension().is_none_or(|e| e != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("the file can be read");
        let dashboard: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        for sql in dashboard["datasets"].as_array().into_iter().flatten().filter_map(sql_of) {
            all += 1;
            let file = SourceFile::new(path.file_name().expect("it has a name"), sql.as_str());
            let origin = move |range| Span::new(&file, range);
            if let Err(problems) = parse_sql(&sql, origin.clone()) {
                refused.extend(shown(&problems));
                continue;
            }
            // Their tables are not known: there is nothing to complain of.
            let (_, problems) = columns_of_sql(&sql, origin, &|_| Some(Relation::Unknown), &[]);
            assert!(problems.is_empty(), "{sql}\n{}", shown(&problems).join("\n"));
        }
    }
    println!("{all} datasets, {} refused:\n{}", refused.len(), refused.join("\n"));
    // Those refused are broken: lines glued together without a blank, a placeholder, nothing but comments.
    assert!(all >= 200, "{all}");
    assert!(refused.len() * 20 <= all, "{} of {all} are refused:\n{}", refused.len(), refused.join("\n"));
}

/// Every one of these was looked at, and says what is so.
const JUDGED: [(&str, usize); 1] = [("unordered-rank", 4)];

#[test]
fn lints_of_published_dashboards_were_judged() {
    let Ok(entries) = std::fs::read_dir(root().join("../shared/lvdash-corpus")) else {
        crate::skipped::skipped("there is no ../shared/lvdash-corpus");
        return;
    };
    let mut paths: Vec<_> = entries.map(|e| e.expect("the folder can be listed").path()).collect();
    paths.sort();
    let mut found: std::collections::BTreeMap<&str, Vec<String>> = std::collections::BTreeMap::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|e| e == "json")) {
        let text = std::fs::read_to_string(path).expect("the file can be read");
        let dashboard: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        for sql in dashboard["datasets"].as_array().into_iter().flatten().filter_map(sql_of) {
            let file = SourceFile::new(path.file_name().expect("it has a name"), sql.as_str());
            let Ok(parsed) = parse_sql(&sql, move |range| Span::new(&file, range)) else { continue };
            let around = Surroundings {
                // As if they were models: more lints look at these.
                is_model: true,
                is_table: false,
                is_staging: false,
                time_zone: Some("Europe/Berlin"),
                facts: &|_| Known::default(),
            };
            let examined = examine(&parsed, &|_| Some(Relation::Unknown), &[], &around);
            assert!(!examined.problems.has_errors(), "{sql}\n{}", shown(&examined.problems).join("\n"));
            for lint in examined.lints {
                let (span, _) = lint.primary.as_ref().expect("a lint has a place");
                let line = format!("{span} {}\n    {}\n", lint.message, span.text());
                found.entry(lint.code).or_default().push(line);
            }
        }
    }
    let counts: Vec<(&str, usize)> = found.iter().map(|(code, lines)| (*code, lines.len())).collect();
    let all: String =
        found.iter().flat_map(|(code, lines)| lines.iter().map(move |line| format!("{code} {line}"))).collect();
    assert_eq!(counts, JUDGED, "\n{all}");
}
