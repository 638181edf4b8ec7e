//! What jobs.yaml says of the flagship's models.

use std::path::Path;

use kiln::config::{self, DataTestRule, LoadOptions};
use kiln::manifest;

#[test]
fn every_column_is_described_and_of_every_mart_it_is_tested_what_a_row_is() {
    let env = |_: &str| Some(String::new());
    let options = LoadOptions { environment: None, overrides: &[], env: &env };
    let (project, _) = config::load(Path::new(env!("CARGO_MANIFEST_DIR")), &options).expect("the project is sound");
    let (manifest, _) = manifest::compile(&project).expect("its models are");
    let mut missing = Vec::new();
    let mut marts = 0;
    for (name, model) in &manifest.models {
        let path = model.config.path.display().to_string();
        let is_mart = path.starts_with("sql/marts/");
        if !is_mart && !path.starts_with("sql/core/") {
            continue;
        }
        if model.config.description.is_none() {
            missing.push(format!("{name}: no description"));
        }
        for column in model.columns.as_ref().expect("its columns are known").iter() {
            let described = model.config.columns.get(&column.name).and_then(|column| column.description.as_deref());
            if described.is_none_or(|words| words.trim().is_empty()) {
                missing.push(format!("{name}.{}: no description", column.name));
            }
        }
        if is_mart {
            marts += 1;
            let rules = || model.config.tests.iter().map(|test| &test.rule);
            // A table of one row needs no key.
            let is_one = rules().any(|rule| matches!(rule, DataTestRule::RowCount { max: Some(1), .. }));
            if !is_one && !rules().any(|rule| matches!(rule, DataTestRule::Unique(_))) {
                missing.push(format!("{name}: no test `unique`"));
            }
        }
    }
    assert_eq!(missing, [""; 0]);
    assert!(marts > 10, "{marts} marts");
}
