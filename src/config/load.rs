//! Reads `jobs.yaml` and makes the typed project of one environment from it.

use std::path::Path;

use super::Project;
use crate::diag::{Diagnostic, Diagnostics};

/// What the command line and the process add to a project.
pub struct LoadOptions<'a> {
    /// The environment's name; none means the one with `default: true`, or the only one.
    pub environment: Option<&'a str>,
    /// Variables that override the file's: name and value, the value read as YAML.
    pub overrides: &'a [(String, String)],
    /// The process environment, for `${NAME}`.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

/// Reads `<root>/jobs.yaml` and what it refers to.
///
/// Returns the project with its warnings, or all the mistakes that were found.
pub fn load(root: &Path, _options: &LoadOptions<'_>) -> Result<(Project, Diagnostics), Diagnostics> {
    Err(Diagnostic::error("missing-project", format!("no jobs.yaml in {}", root.display())).into())
}
