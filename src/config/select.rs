//! Which models a pattern means: `sql/**`, `sql/marts`, `sql/marts/cohort_retention`, `cohort_retention`.

use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};

use super::{Model, files};

/// A pattern over models: a model's name, its path with or without `.sql`, a folder above it, or a glob over paths, in
/// which `*` stays within a folder and `**` does not.
#[derive(Clone, Debug)]
pub struct Selection {
    text: String,
    glob: GlobMatcher,
}

impl Selection {
    /// Reads a pattern; the error says what is wrong with it.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let text = files::display(&files::normalize(pattern));
        let glob = GlobBuilder::new(&text).literal_separator(true).build().map_err(|error| error.kind().to_string())?;
        Ok(Self { text, glob: glob.compile_matcher() })
    }

    /// Tells whether the pattern means this model.
    pub fn matches(&self, model: &Model) -> bool {
        let path = files::display(&model.path);
        let stem = files::display(&model.path.with_extension(""));
        self.text == model.name.as_str()
            || self.glob.is_match(&path)
            || self.glob.is_match(&stem)
            || (!self.text.is_empty() && Path::new(&path).starts_with(&self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Materialization;
    use crate::diag::{SourceFile, Span};
    use crate::ids::ModelName;

    fn model(path: &str) -> Model {
        let stem = Path::new(path).file_stem().unwrap().to_str().unwrap();
        Model {
            name: ModelName::new(stem),
            path: path.into(),
            materialized: Materialization::View,
            incremental: None,
            cluster_by: Vec::new(),
            description: None,
            columns: indexmap::IndexMap::new(),
            constraints: None,
            properties: Default::default(),
            databricks_tags: Default::default(),
            grants: Default::default(),
            tests: Vec::new(),
            tags: Vec::new(),
            timeout: None,
            allow: Vec::new(),
            span: Span::start_of(&SourceFile::new("jobs.yaml", "")),
        }
    }

    #[test]
    fn a_pattern_means_names_paths_folders_and_globs() {
        let orders = model("../shop/sql/staging/orders.sql");
        let cohorts = model("sql/marts/cohorts.sql");
        for (pattern, matches_orders, matches_cohorts) in [
            ("sql/**", false, true),
            ("**", true, true),
            ("sql/*", false, false),
            ("sql/*/*", false, true),
            ("./sql/marts/", false, true),
            ("sql/marts/cohorts", false, true),
            ("sql/marts/cohorts.sql", false, true),
            ("cohorts", false, true),
            ("../shop/sql/**", true, false),
            ("**/orders", true, false),
            ("sql/mart", false, false),
            ("{orders,cohorts}", false, false),
            ("**/{orders,cohorts}.sql", true, true),
        ] {
            let selection = Selection::new(pattern).unwrap();
            let found = (selection.matches(&orders), selection.matches(&cohorts));
            assert_eq!(found, (matches_orders, matches_cohorts), "{pattern}");
        }
        assert!(Selection::new("sql/{a").is_err());
    }
}
